// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ring of records: a pure algorithm on memory that the caller provides.
 */
#include <linux/align.h>
#include <linux/atomic.h>
#include <linux/minmax.h>
#include <linux/string.h>

#include "ring.h"

/**
 * vhost_backend_ring_init() - make an empty ring
 * @ring: the ring
 * @ctl: where the producer is published
 * @data: @bytes bytes, aligned to 8
 * @bytes: a power of two, at least 4096
 * @mapped: the frontend will map ring and control area, and consume by itself
 */
void vhost_backend_ring_init(struct vhost_backend_ring *ring,
			     struct vhost_backend_ctl *ctl, void *data,
			     u32 bytes, bool mapped)
{
	*ring = (struct vhost_backend_ring){
		.ctl = ctl,
		.data = data,
		.bytes = bytes,
		.mapped = mapped,
	};
}

/**
 * vhost_backend_ring_reserve() - keep room for a message that is sure to come
 * @ring: the ring
 * @bytes: VHOST_BACKEND_RING_NEED() of it
 *
 * Ends with vhost_backend_ring_unreserve(), before the message is put.
 *
 * Return: false if there is no room.
 */
bool vhost_backend_ring_reserve(struct vhost_backend_ring *ring, u32 bytes)
{
	if (vhost_backend_ring_room(ring) < bytes)
		return false;
	ring->reserved += bytes;
	return true;
}

/**
 * vhost_backend_ring_unreserve() - give room back
 * @ring: the ring
 * @bytes: that were reserved
 */
void vhost_backend_ring_unreserve(struct vhost_backend_ring *ring, u32 bytes)
{
	ring->reserved -= bytes;
}

/* Fills the rest of the ring, so that the next record starts at offset 0. */
static void skip_to_start(struct vhost_backend_ring *ring, u32 left)
{
	struct vhost_backend_msg *pad = vhost_backend_ring_record(ring, ring->producer);

	if (left >= sizeof(*pad))
		*pad = (struct vhost_backend_msg){
			.request = VHOST_BACKEND_PAD,
			.flags = VHOST_BACKEND_MSG_VERSION,
			.size = left - sizeof(*pad),
			.fd = VHOST_BACKEND_FD_NONE,
		};
	ring->producer += left;
}

/**
 * vhost_backend_ring_put() - append a record and publish it
 * @ring: the ring
 * @msg: the header
 * @payload: @msg->size bytes
 *
 * Return: the position, which names the record for vhost_backend_ring_withdraw();
 * %VHOST_BACKEND_RING_FULL: there is no room, and nothing has changed.
 */
u64 vhost_backend_ring_put(struct vhost_backend_ring *ring,
			   const struct vhost_backend_msg *msg, const void *payload)
{
	u32 bytes = vhost_backend_msg_bytes(msg);
	u64 position = ring->producer;
	u32 left = vhost_backend_ring_to_end(ring, position);
	u32 skip = unlikely(left < bytes) ? left : 0;
	struct vhost_backend_msg *record;

	if (unlikely(vhost_backend_ring_room(ring) < skip + bytes))
		return VHOST_BACKEND_RING_FULL;
	if (skip)
		skip_to_start(ring, skip);
	position += skip;
	record = vhost_backend_ring_record(ring, position);
	*record = *msg;
	memcpy(record + 1, payload, msg->size);
	if (bytes != sizeof(*msg) + msg->size)
		memset((void *)(record + 1) + msg->size, 0, bytes - sizeof(*msg) - msg->size);
	ring->producer = position + bytes;
	ring->peak = max(ring->peak, vhost_backend_ring_waiting(ring));
	WRITE_ONCE(ring->live, ring->live + 1);
	/* Pairs with the load in vhost_backend_ring_tail(). */
	smp_store_release(&ring->ctl->producer, position + bytes);
	return position;
}

/*
 * Takes over the consumer of a frontend that has mapped the ring. It can have written
 * anything: a position that went back, lies past the producer or is no multiple of 8
 * changes nothing. One that makes sense frees no record that it has not consumed, so the
 * rest is for the frontend's own good.
 */
static void ring_consume(struct vhost_backend_ring *ring)
{
	/* Partner: the frontend's release store. It has read what will be overwritten. */
	u64 consumer = smp_load_acquire(&ring->ctl->consumer);

	ring->bad_consumer = consumer < ring->consumer || consumer > ring->producer ||
			     !IS_ALIGNED(consumer, 8);
	if (!ring->bad_consumer)
		WRITE_ONCE(ring->consumer, consumer);
}

/**
 * vhost_backend_ring_want() - tell a frontend that has mapped the ring to make room
 * @ring: the ring
 *
 * The caller looks once more whether there is room. Either it finds the frontend's last
 * store of its consumer, or the frontend finds the mark behind that store: this is a
 * full barrier, and so is the frontend's exchange of the doorbell or of the mark.
 *
 * Return: true if the frontend has mapped the ring.
 */
bool vhost_backend_ring_want(struct vhost_backend_ring *ring)
{
	if (ring->mapped)
		xchg(&ring->ctl->room_wanted, 1);
	return ring->mapped;
}

/**
 * vhost_backend_ring_skip() - free the room of withdrawn records
 * @ring: the ring
 * @limit: a position; records at or behind it are not looked at
 *
 * Up to the oldest record that was not withdrawn. There may be as many withdrawn ones as
 * fit into the ring, and the caller has interrupts off, so each call passes only some of
 * them. In a ring that the frontend has mapped there are none: there it frees the room of
 * the records that the frontend has consumed by itself.
 *
 * Return: false: done; true: call again.
 */
bool vhost_backend_ring_skip(struct vhost_backend_ring *ring, u64 limit)
{
	int most;

	if (ring->mapped) {
		ring_consume(ring);
		return false;
	}
	for (most = 64; most; most--) {
		u64 position = ring->consumer;
		u32 left = vhost_backend_ring_to_end(ring, position);
		const struct vhost_backend_msg *msg;

		msg = vhost_backend_ring_record(ring, position);
		if ((s64)(limit - position) <= 0)
			return false;
		if (left < sizeof(*msg))
			WRITE_ONCE(ring->consumer, position + left);
		else if (msg->request == VHOST_BACKEND_PAD)
			WRITE_ONCE(ring->consumer, position + vhost_backend_msg_bytes(msg));
		else
			return false;
	}
	return true;
}

/**
 * vhost_backend_ring_pop() - free the oldest records
 * @ring: the ring
 * @bytes: their bytes; they lie one behind the other, without a PAD
 * @records: their number
 */
void vhost_backend_ring_pop(struct vhost_backend_ring *ring, u32 bytes, u32 records)
{
	WRITE_ONCE(ring->consumer, ring->consumer + bytes);
	WRITE_ONCE(ring->live, ring->live - records);
}

/**
 * vhost_backend_ring_withdraw() - take a record back that was not popped
 * @ring: the ring
 * @position: from vhost_backend_ring_put()
 *
 * Its room is free once all records before it are gone. At the head of the ring that is
 * at once, so that the ring does not fill with withdrawn records if nobody reads.
 */
void vhost_backend_ring_withdraw(struct vhost_backend_ring *ring, u64 position)
{
	vhost_backend_ring_record(ring, position)->request = VHOST_BACKEND_PAD;
	WRITE_ONCE(ring->live, ring->live - 1);
	vhost_backend_ring_skip(ring, ring->producer);
}
