// SPDX-License-Identifier: GPL-2.0-only
/*
 * Taking requests for delivery.
 */
#include "claim.h"

/* Returns -EAGAIN if the oldest had to be withdrawn: there may be another. */
static int claim_oldest(struct vhost_backend_inflight *inflight, u64 limit,
			size_t space, bool own_mm, struct vhost_backend_claim *claim,
			struct vhost_backend_ended *ended)
{
	claim->msg = vhost_backend_ring_peek(&inflight->ring, limit);
	if (!claim->msg)
		return 0;
	claim->slot = vhost_backend_slot_find(inflight, claim->msg->id);
	if (claim->msg->request == VHOST_BACKEND_EXTERNAL_MAP && !own_mm) {
		/* Its address means nothing here. */
		vhost_backend_slot_end_wait(claim->slot, -EPERM, 0, NULL, ended);
		vhost_backend_slot_withdraw(inflight, claim->slot, ended);
		return -EAGAIN;
	}
	if (space < vhost_backend_msg_bytes(claim->msg))
		return -EMSGSIZE;
	if (claim->slot)
		claim->slot->state = VHOST_BACKEND_SLOT_DELIVERING;
	return 1;
}

/**
 * vhost_backend_inflight_claim() - take the oldest request for delivery
 * @inflight: the requests
 * @limit: position in the ring behind which it is not looked for
 * @space: bytes that the reader has for it
 * @own_mm: the reader runs in the address space of the one who did SETUP
 * @claim: out: the message and, where it has one, its slot
 * @ended: for requests that the reader is not to have, which end with this; the
 *	caller finishes them, without its locks
 *
 * One reader at a time. It ends with vhost_backend_inflight_delivered() or
 * vhost_backend_inflight_unclaim(); until then message and file stay.
 *
 * Return: 1; 0 there is none; -EMSGSIZE it does not fit.
 */
int vhost_backend_inflight_claim(struct vhost_backend_inflight *inflight,
				 u64 limit, size_t space, bool own_mm,
				 struct vhost_backend_claim *claim,
				 struct vhost_backend_ended *ended)
{
	unsigned long flags;
	int ret;

	do {
		raw_spin_lock_irqsave(&inflight->lock, flags);
		ret = vhost_backend_ring_skip(&inflight->ring, limit) ? -EAGAIN :
		      claim_oldest(inflight, limit, space, own_mm, claim, ended);
		raw_spin_unlock_irqrestore(&inflight->lock, flags);
	} while (ret == -EAGAIN);
	return ret;
}

/**
 * vhost_backend_inflight_delivered() - the frontend has the message
 * @inflight: the requests
 * @claim: what was claimed
 * @file_taken: its file, if any, was installed
 */
void vhost_backend_inflight_delivered(struct vhost_backend_inflight *inflight,
				      const struct vhost_backend_claim *claim,
				      bool file_taken)
{
	struct vhost_backend_slot *slot = claim->slot;
	struct vhost_backend_ended ended;
	unsigned long flags;

	vhost_backend_ended_init(&ended);
	raw_spin_lock_irqsave(&inflight->lock, flags);
	vhost_backend_ring_pop(&inflight->ring);
	if (slot) {
		slot->state = VHOST_BACKEND_SLOT_DELIVERED;
		if (!slot->reply && file_taken)
			vhost_backend_slot_end(inflight, slot, &ended);
	}
	this_cpu_inc(inflight->counters->requests_delivered);
	raw_spin_unlock_irqrestore(&inflight->lock, flags);
	vhost_backend_inflight_finish(inflight, &ended);
}

/**
 * vhost_backend_inflight_unclaim() - the message could not be delivered
 * @inflight: the requests
 * @claim: what was claimed
 *
 * It stays where it is, unless its worker has given up meanwhile.
 */
void vhost_backend_inflight_unclaim(struct vhost_backend_inflight *inflight,
				    const struct vhost_backend_claim *claim)
{
	struct vhost_backend_slot *slot = claim->slot;
	struct vhost_backend_ended ended;
	unsigned long flags;

	if (!slot)
		return;
	vhost_backend_ended_init(&ended);
	raw_spin_lock_irqsave(&inflight->lock, flags);
	slot->state = VHOST_BACKEND_SLOT_QUEUED;
	if (slot->given_up)
		vhost_backend_slot_withdraw(inflight, slot, &ended);
	raw_spin_unlock_irqrestore(&inflight->lock, flags);
	vhost_backend_inflight_finish(inflight, &ended);
}
