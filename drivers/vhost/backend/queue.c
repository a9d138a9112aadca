// SPDX-License-Identifier: GPL-2.0-only
/*
 * Putting requests in: room, reservations, and the room of withdrawn requests.
 */
#include <linux/fs.h>

#include "queue.h"

static void fill_slot(struct vhost_backend_inflight *inflight,
		      struct vhost_backend_slot *slot,
		      const struct vhost_backend_submission *submission)
{
	struct vhost_backend_completion *completion = submission->completion;

	slot->id = submission->record->msg.id;
	slot->generation++;
	slot->request = submission->record->msg.request;
	slot->state = VHOST_BACKEND_SLOT_QUEUED;
	slot->deadline = submission->deadline;
	slot->completion = completion;
	slot->reply = submission->reply;
	slot->given_up = false;
	slot->file = submission->file ? get_file(submission->file) : NULL;
	list_del_init(&slot->node);
	inflight->nr_free--;
	if (completion) {
		completion->id = slot->id;
		vhost_backend_expect_callback(completion->owner);
	}
	if (slot->reply) {
		inflight->waiting++;
		inflight->waiting_peak = max(inflight->waiting_peak, inflight->waiting);
	}
}

static bool slot_is_free(const struct vhost_backend_inflight *inflight)
{
	return inflight->nr_free > inflight->reserved_slots;
}

/*
 * False if the oldest record is one that counts. Once is mostly enough: what a call
 * of vhost_backend_ring_skip() passes over is more than any message takes.
 */
static bool free_room_of_withdrawn(struct vhost_backend_ring *ring)
{
	u64 before = ring->consumer;

	vhost_backend_ring_skip(ring, ring->producer);
	return ring->consumer != before;
}

/**
 * vhost_backend_inflight_queue() - put a request in
 * @inflight: the requests, locked by the caller
 * @submission: the request
 *
 * Context: Any but NMI.
 * Return: 0; -EAGAIN no room; -ENOTCONN closed.
 */
int vhost_backend_inflight_queue(struct vhost_backend_inflight *inflight,
				 const struct vhost_backend_submission *submission)
{
	struct vhost_backend_ring *ring = &inflight->ring;
	struct vhost_backend_msg *msg = &submission->record->msg;
	struct vhost_backend_slot *slot = NULL;
	u64 position;

	lockdep_assert_held(&inflight->lock);
	if (inflight->closed)
		return -ENOTCONN;
	msg->id = 0;
	if (submission->reply || submission->file) {
		if (!slot_is_free(inflight))
			return -EAGAIN;
		slot = list_first_entry(&inflight->free, struct vhost_backend_slot, node);
		msg->id = (slot->generation + 1) << VHOST_BACKEND_SLOT_BITS | (slot - inflight->slots);
	}
	if (submission->reply)
		msg->flags |= VHOST_BACKEND_MSG_NEED_REPLY;
	while (!vhost_backend_ring_put(ring, msg, &position))
		if (!free_room_of_withdrawn(ring))
			return -EAGAIN;
	if (slot) {
		slot->position = position;
		fill_slot(inflight, slot, submission);
	}
	inflight->bytes_peak = max(inflight->bytes_peak,
				   vhost_backend_ring_waiting(ring));
	this_cpu_inc(inflight->counters->requests_queued);
	return 0;
}

static bool reserve(struct vhost_backend_inflight *inflight, u32 bytes)
{
	if (!slot_is_free(inflight))
		return false;
	while (!vhost_backend_ring_reserve(&inflight->ring, bytes))
		if (!free_room_of_withdrawn(&inflight->ring))
			return false;
	inflight->reserved_slots++;
	return true;
}

/**
 * vhost_backend_inflight_reserve() - keep room for a request that wants a reply
 * @inflight: the requests
 * @bytes: of its message
 *
 * For a message that is lost to its sender once it is in hand. Ends with
 * vhost_backend_inflight_queue_reserved() or vhost_backend_inflight_unreserve().
 *
 * Return: 0; -EAGAIN no room; -ENOTCONN closed.
 */
int vhost_backend_inflight_reserve(struct vhost_backend_inflight *inflight,
				   u32 bytes)
{
	unsigned long flags;
	int err = 0;

	raw_spin_lock_irqsave(&inflight->lock, flags);
	if (inflight->closed)
		err = -ENOTCONN;
	else if (!reserve(inflight, VHOST_BACKEND_RING_NEED(bytes)))
		err = -EAGAIN;
	raw_spin_unlock_irqrestore(&inflight->lock, flags);
	return err;
}

static void unreserve(struct vhost_backend_inflight *inflight, u32 bytes)
{
	vhost_backend_ring_unreserve(&inflight->ring, VHOST_BACKEND_RING_NEED(bytes));
	inflight->reserved_slots--;
}

/**
 * vhost_backend_inflight_unreserve() - the request did not come
 * @inflight: the requests
 * @bytes: that were reserved
 */
void vhost_backend_inflight_unreserve(struct vhost_backend_inflight *inflight,
				      u32 bytes)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&inflight->lock, flags);
	unreserve(inflight, bytes);
	raw_spin_unlock_irqrestore(&inflight->lock, flags);
}

/**
 * vhost_backend_inflight_queue_reserved() - put a request in its reserved room
 * @inflight: the requests
 * @submission: the request
 * @bytes: that were reserved
 *
 * Return: 0; -ENOTCONN closed.
 */
int vhost_backend_inflight_queue_reserved(struct vhost_backend_inflight *inflight,
					  const struct vhost_backend_submission *submission,
					  u32 bytes)
{
	unsigned long flags;
	int err;

	raw_spin_lock_irqsave(&inflight->lock, flags);
	unreserve(inflight, bytes);
	err = vhost_backend_inflight_queue(inflight, submission);
	raw_spin_unlock_irqrestore(&inflight->lock, flags);
	return err;
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
	room = inflight->closed ||
	       (vhost_backend_ring_room(&inflight->ring) >= VHOST_BACKEND_RING_ANY &&
		slot_is_free(inflight));
	raw_spin_unlock_irqrestore(&inflight->lock, flags);
	return room;
}
