/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VHOST_BACKEND_RING_H
#define VHOST_BACKEND_RING_H

#include <linux/align.h>
#include <linux/types.h>
#include <asm/barrier.h>
#include <uapi/linux/vhost_backend.h>

/*
 * A bounded ring of records, each a message as the frontend sees it:
 *
 *	offset:   0                                              bytes
 *	          | record | record | withdrawn | record |  ...  |
 *	                   ^ consumer                    ^ producer
 *
 * A record is contiguous. Where one does not fit before the end, a record with
 * request VHOST_BACKEND_PAD fills the rest, or nothing where not even a header
 * fits. A withdrawn record becomes such a PAD in place. Positions count bytes
 * ever written and never wrap.
 *
 * The caller serialises everything but vhost_backend_ring_tail() and the
 * payload of the record at the head, which stays as it is until it is popped.
 *
 * The frontend may have mapped the ring. Then it alone moves the consumer, which is
 * published in the control area, and nothing is popped, withdrawn or changed. The
 * kernel's consumer is a copy that was checked.
 */
struct vhost_backend_ring {
	struct vhost_backend_ctl *ctl;	/* where the producer is published */
	void *data;
	u32 bytes;			/* a power of two */
	u32 live;			/* records that are neither popped nor withdrawn */
	u32 reserved;			/* bytes of room that are kept for their senders */
	u32 peak;			/* the most bytes that were ever in it */
	bool mapped;			/* the frontend consumes the records by itself */
	bool bad_consumer;		/* and has said nonsense last: see ring_consume() */
	u64 producer;
	u64 consumer;
};

/* Room that is always enough for a message of @bytes: it may skip as many at the end. */
#define VHOST_BACKEND_RING_NEED(bytes)	(2 * (bytes))
/* No position: vhost_backend_ring_put() found no room. */
#define VHOST_BACKEND_RING_FULL		U64_MAX

#define VHOST_BACKEND_RING_ANY		VHOST_BACKEND_RING_NEED(VHOST_BACKEND_MSG_MAX)

/* Bytes that @msg takes, in the ring and in a read. */
static inline u32 vhost_backend_msg_bytes(const struct vhost_backend_msg *msg)
{
	return ALIGN(sizeof(*msg) + msg->size, 8);
}

/* Bytes from @position to where the ring starts again */
static inline u32 vhost_backend_ring_to_end(const struct vhost_backend_ring *ring,
					    u64 position)
{
	return ring->bytes - (position & (ring->bytes - 1));
}

static inline struct vhost_backend_msg *
vhost_backend_ring_record(const struct vhost_backend_ring *ring, u64 position)
{
	return ring->data + (position & (ring->bytes - 1));
}

void vhost_backend_ring_init(struct vhost_backend_ring *ring,
			     struct vhost_backend_ctl *ctl, void *data,
			     u32 bytes, bool mapped);
bool vhost_backend_ring_want(struct vhost_backend_ring *ring);
u64 vhost_backend_ring_put(struct vhost_backend_ring *ring,
			   const struct vhost_backend_msg *msg, const void *payload);
bool vhost_backend_ring_skip(struct vhost_backend_ring *ring, u64 limit);
void vhost_backend_ring_pop(struct vhost_backend_ring *ring, u32 bytes, u32 records);
void vhost_backend_ring_withdraw(struct vhost_backend_ring *ring, u64 position);
bool vhost_backend_ring_reserve(struct vhost_backend_ring *ring, u32 bytes);
void vhost_backend_ring_unreserve(struct vhost_backend_ring *ring, u32 bytes);

/**
 * vhost_backend_ring_tail() - the position behind the last record
 * @ring: the ring
 *
 * Context: Any; not serialised.
 * Return: a limit for vhost_backend_ring_skip().
 */
static inline u64 vhost_backend_ring_tail(const struct vhost_backend_ring *ring)
{
	/* Pairs with the store in vhost_backend_ring_put(). */
	return smp_load_acquire(&ring->ctl->producer);
}

/**
 * vhost_backend_ring_waiting() - how much is in the ring
 * @ring: the ring
 *
 * Return: bytes.
 */
static inline u32 vhost_backend_ring_waiting(const struct vhost_backend_ring *ring)
{
	return ring->producer - ring->consumer;
}

/**
 * vhost_backend_ring_room() - how much is free, and not reserved
 * @ring: the ring
 *
 * Return: bytes.
 */
static inline u32 vhost_backend_ring_room(const struct vhost_backend_ring *ring)
{
	return ring->bytes - vhost_backend_ring_waiting(ring) - ring->reserved;
}

#endif /* VHOST_BACKEND_RING_H */
