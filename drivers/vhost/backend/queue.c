// SPDX-License-Identifier: GPL-2.0-only
/*
 * Putting requests in: room, reservations, and the room of withdrawn requests.
 */
#include <linux/fs.h>

#include "queue.h"

static void fill_slot(struct vhost_backend_inflight *inflight,
		      struct vhost_backend_slot *slot,
		      struct vhost_backend_record *record)
{
	list_del_init(&slot->node);
	inflight->nr_free--;
	slot->id = record->msg.id;
	slot->generation++;
	slot->request = record->msg.request;
	slot->completion = NULL;
	slot->reply = record->msg.flags & VHOST_BACKEND_MSG_NEED_REPLY;
	slot->given_up = false;
	slot->own_mm_only = record->own_mm_only;
	slot->file = record->file ? get_file(record->file) : NULL;
	/* A frontend that has mapped the ring has the record as soon as it lies there. */
	if (inflight->ring.mapped)
		slot->state = VHOST_BACKEND_SLOT_DELIVERED;
	else
		vhost_backend_slot_queued(inflight, slot);
	if (record->completion)
		vhost_backend_slot_expect(inflight, slot, record->completion,
					  record->deadline);
	if (!slot->reply)
		return;
	inflight->waiting++;
	inflight->waiting_peak = max(inflight->waiting_peak, inflight->waiting);
}

/*
 * False if the oldest record is one that counts. Once is mostly enough: what a call
 * of vhost_backend_ring_skip() passes over is more than any message takes.
 */
static bool reclaim(struct vhost_backend_ring *ring)
{
	u64 before = ring->consumer;

	vhost_backend_ring_skip(ring, ring->producer);
	return ring->consumer != before;
}

static bool free_room(struct vhost_backend_ring *ring)
{
	return reclaim(ring) || (vhost_backend_ring_want(ring) && reclaim(ring));
}

/* Why there is no room */
static int no_room(struct vhost_backend_inflight *inflight)
{
	if (!inflight->ring.bad_consumer)
		return -EAGAIN;
	this_cpu_inc(inflight->counters->bad_consumer);
	return -EPROTO;
}

static noinline u64 put_when_reclaimed(struct vhost_backend_inflight *inflight,
				       const struct vhost_backend_record *record)
{
	struct vhost_backend_ring *ring = &inflight->ring;
	u64 position;

	do {
		if (!free_room(ring))
			return VHOST_BACKEND_RING_FULL;
		position = vhost_backend_ring_put(ring, &record->msg, record->payload);
	} while (position == VHOST_BACKEND_RING_FULL);
	return position;
}

static inline u64 put_record(struct vhost_backend_inflight *inflight,
			     const struct vhost_backend_record *record)
{
	u64 position = vhost_backend_ring_put(&inflight->ring, &record->msg, record->payload);

	if (unlikely(position == VHOST_BACKEND_RING_FULL))
		position = put_when_reclaimed(inflight, record);
	if (unlikely(position == VHOST_BACKEND_RING_FULL))
		return position;
	this_cpu_inc(inflight->counters->requests_queued);
	if (inflight->ring.mapped)
		this_cpu_inc(inflight->counters->requests_delivered);
	return position;
}

/* Not inlined: a message that needs no slot is not to save registers for this. */
static noinline int queue_with_slot(struct vhost_backend_inflight *inflight,
				    struct vhost_backend_record *record)
{
	struct vhost_backend_msg *msg = &record->msg;
	struct vhost_backend_slot *slot;

	if (!inflight->nr_free)
		return -EAGAIN;
	slot = list_first_entry(&inflight->free, struct vhost_backend_slot, node);
	msg->id = (slot->generation + 1) << VHOST_BACKEND_SLOT_BITS |
		  (slot - inflight->slots);
	/* A descriptor can't be put into mapped memory, so a reply releases the file. */
	if (record->completion || inflight->ring.mapped)
		msg->flags |= VHOST_BACKEND_MSG_NEED_REPLY;
	slot->position = put_record(inflight, record);
	if (slot->position == VHOST_BACKEND_RING_FULL)
		return no_room(inflight);
	fill_slot(inflight, slot, record);
	return 0;
}

/**
 * vhost_backend_inflight_queue() - put a request in
 * @inflight: the requests, locked by the caller
 * @record: the request; its id and reply flag are set
 *
 * Context: Any but NMI.
 * Return: 0; -EAGAIN no room; -EPROTO likewise, since the frontend says nonsense of what
 * it has consumed; -ENOTCONN closed.
 */
int vhost_backend_inflight_queue(struct vhost_backend_inflight *inflight,
				 struct vhost_backend_record *record)
{
	lockdep_assert_held(&inflight->lock);
	if (unlikely(inflight->closed))
		return -ENOTCONN;
	if (record->completion || record->file)
		return queue_with_slot(inflight, record);
	record->msg.id = 0;
	if (put_record(inflight, record) == VHOST_BACKEND_RING_FULL)
		return no_room(inflight);
	return 0;
}

/**
 * vhost_backend_inflight_reserve() - keep room for a message without reply and file
 * @inflight: the requests
 * @bytes: of the message
 *
 * For a message that is lost to its sender once it is in hand. Ends with
 * vhost_backend_inflight_queue_reserved() or vhost_backend_inflight_unreserve().
 *
 * Context: Any but NMI.
 * Return: 0; -EAGAIN no room; -ENOTCONN closed.
 */
int vhost_backend_inflight_reserve(struct vhost_backend_inflight *inflight,
				   u32 bytes)
{
	struct vhost_backend_ring *ring = &inflight->ring;
	unsigned long flags;
	int err = 0;

	raw_spin_lock_irqsave(&inflight->lock, flags);
	if (inflight->closed)
		err = -ENOTCONN;
	while (!err && !vhost_backend_ring_reserve(ring, VHOST_BACKEND_RING_NEED(bytes)))
		err = free_room(ring) ? 0 : -EAGAIN;
	raw_spin_unlock_irqrestore(&inflight->lock, flags);
	return err;
}

/**
 * vhost_backend_inflight_unreserve() - the message did not come
 * @inflight: the requests
 * @bytes: that were reserved
 *
 * Context: Any but NMI.
 */
void vhost_backend_inflight_unreserve(struct vhost_backend_inflight *inflight,
				      u32 bytes)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&inflight->lock, flags);
	vhost_backend_ring_unreserve(&inflight->ring, VHOST_BACKEND_RING_NEED(bytes));
	raw_spin_unlock_irqrestore(&inflight->lock, flags);
}

/**
 * vhost_backend_inflight_queue_reserved() - put a message in its reserved room
 * @inflight: the requests
 * @record: the message
 * @bytes: that were reserved
 *
 * Context: Any but NMI.
 * Return: 0; -ENOTCONN closed.
 */
int vhost_backend_inflight_queue_reserved(struct vhost_backend_inflight *inflight,
					  struct vhost_backend_record *record,
					  u32 bytes)
{
	unsigned long flags;
	int err;

	raw_spin_lock_irqsave(&inflight->lock, flags);
	vhost_backend_ring_unreserve(&inflight->ring, VHOST_BACKEND_RING_NEED(bytes));
	err = vhost_backend_inflight_queue(inflight, record);
	raw_spin_unlock_irqrestore(&inflight->lock, flags);
	return err;
}

static bool has_room(const struct vhost_backend_inflight *inflight)
{
	return inflight->closed ||
	       (vhost_backend_ring_room(&inflight->ring) >= VHOST_BACKEND_RING_ANY &&
		inflight->nr_free);
}

/**
 * vhost_backend_inflight_has_room() - would a request of any kind fit?
 * @inflight: the requests
 *
 * Context: Any but NMI.
 * Return: true too when the channel is closed: there is nothing to wait for.
 */
bool vhost_backend_inflight_has_room(struct vhost_backend_inflight *inflight)
{
	unsigned long flags;
	bool room;

	vhost_backend_slot_reclaim(inflight);
	raw_spin_lock_irqsave(&inflight->lock, flags);
	while (!(room = has_room(inflight)) && free_room(&inflight->ring))
		;
	raw_spin_unlock_irqrestore(&inflight->lock, flags);
	return room;
}
