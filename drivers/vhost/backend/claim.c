// SPDX-License-Identifier: GPL-2.0-only
/*
 * Taking requests for delivery. A reader claims a run of records, copies it without the
 * lock, and commits what it has copied.
 *
 * There is one reader at a time, and only its commit moves the ring past a claimed
 * record. A request that is being copied is DELIVERING, and only QUEUED ones are
 * withdrawn: so the record at the head of a run can't become a PAD, nor its room be
 * used again, while the reader copies it.
 */
#include "claim.h"

/* Where a run ends at the latest: it is contiguous, and all of it lies before @limit. */
static u64 end_of_run(const struct vhost_backend_ring *ring, u64 limit)
{
	u64 wrap = ring->consumer + vhost_backend_ring_to_end(ring, ring->consumer);

	return (s64)(limit - wrap) < 0 ? limit : wrap;
}

/* 1: @msg is in the run, and so may be the next; 0: the run ends before it. */
static int claim_record(struct vhost_backend_inflight *inflight,
			const struct vhost_backend_msg *msg, bool own_mm,
			struct vhost_backend_run *run)
{
	struct vhost_backend_slot *slot = vhost_backend_slot_find(inflight, msg->id);

	if (slot->own_mm_only && !own_mm)
		return -EREMOTE;
	if (slot->file && run->records)
		return 0;
	slot->state = VHOST_BACKEND_SLOT_DELIVERING;
	if (slot->own_mm_only)
		list_del_init(&slot->node);
	run->with_file = slot->file ? slot : NULL;
	return 1;
}

static int claim_run(struct vhost_backend_inflight *inflight, u64 limit, size_t space,
		     bool own_mm, struct vhost_backend_run *run)
{
	const struct vhost_backend_ring *ring = &inflight->ring;
	const void *first = vhost_backend_ring_record(ring, ring->consumer);
	s64 left = end_of_run(ring, limit) - ring->consumer;
	int ret = 0;

	*run = (struct vhost_backend_run){ .first = first };
	/* Fewer bytes than a header before the end of the ring are skipped. */
	while (left >= (s64)sizeof(*run->first)) {
		const struct vhost_backend_msg *msg = first + run->bytes;
		u32 bytes = vhost_backend_msg_bytes(msg);

		if (msg->request == VHOST_BACKEND_PAD)
			break;
		ret = -EMSGSIZE;
		if (run->bytes + bytes > space)
			break;
		if (msg->id) {
			ret = claim_record(inflight, msg, own_mm, run);
			if (ret <= 0)
				break;
		}
		left -= bytes;
		run->bytes += bytes;
		run->records++;
		if (run->with_file || run->records == VHOST_BACKEND_AT_ONCE)
			break;
	}
	return run->records ?: ret;
}

/**
 * vhost_backend_inflight_claim() - take the oldest requests for delivery
 * @inflight: the requests
 * @limit: position in the ring; records at or behind it are not looked at
 * @space: bytes that the reader has for them
 * @own_mm: the reader runs in the address space of the frontend
 * @run: out: what was claimed
 *
 * One reader at a time. A run ends with vhost_backend_inflight_commit().
 *
 * Context: Any but NMI.
 * Return: how many records were claimed, at most 64; 0 there is none; -EMSGSIZE the
 * oldest does not fit; -EREMOTE the reader must not have the oldest: see
 * vhost_backend_inflight_refuse_foreign().
 */
int vhost_backend_inflight_claim(struct vhost_backend_inflight *inflight,
				 u64 limit, size_t space, bool own_mm,
				 struct vhost_backend_run *run)
{
	unsigned long flags;
	int ret;

	do {
		raw_spin_lock_irqsave(&inflight->lock, flags);
		ret = vhost_backend_ring_skip(&inflight->ring, limit) ? -EAGAIN :
		      claim_run(inflight, limit, space, own_mm, run);
		raw_spin_unlock_irqrestore(&inflight->lock, flags);
	} while (ret == -EAGAIN);
	return ret;
}

static void deliver_slot(struct vhost_backend_inflight *inflight,
			 struct vhost_backend_slot *slot,
			 enum vhost_backend_file_delivery file,
			 struct vhost_backend_ended *ended)
{
	slot->state = VHOST_BACKEND_SLOT_DELIVERED;
	if (slot->reply)
		return;
	if (file == VHOST_BACKEND_FILE_INSTALLED) {
		vhost_backend_slot_end(inflight, slot, ended);
		return;
	}
	/* Its file is released by a reply, which the message has asked for. */
	slot->reply = true;
	inflight->waiting++;
	inflight->waiting_peak = max(inflight->waiting_peak, inflight->waiting);
}

static void commit_slot(struct vhost_backend_inflight *inflight,
			struct vhost_backend_slot *slot, bool delivered,
			enum vhost_backend_file_delivery file,
			struct vhost_backend_ended *ended)
{
	if (delivered) {
		deliver_slot(inflight, slot, file, ended);
		return;
	}
	vhost_backend_slot_queued(inflight, slot);
	if (slot->given_up)
		vhost_backend_slot_withdraw(inflight, slot, ended);
}

/**
 * vhost_backend_inflight_commit() - the frontend has a part of a run
 * @inflight: the requests
 * @run: claimed before
 * @copied: bytes of it that were copied; a record that is not whole does not count
 * @file: how the file of its record was delivered
 *
 * The rest stays where it is, but for requests whose workers have given up meanwhile.
 *
 * Context: Any but NMI.
 * Return: bytes of whole records.
 */
u32 vhost_backend_inflight_commit(struct vhost_backend_inflight *inflight,
				  const struct vhost_backend_run *run, size_t copied,
				  enum vhost_backend_file_delivery file)
{
	u32 bytes = 0, delivered = 0, delivered_bytes = 0;
	struct vhost_backend_ended ended;
	unsigned long flags;

	vhost_backend_ended_init(&ended);
	raw_spin_lock_irqsave(&inflight->lock, flags);
	while (bytes < run->bytes) {
		const struct vhost_backend_msg *msg = (void *)run->first + bytes;

		bytes += vhost_backend_msg_bytes(msg);
		if (bytes <= copied) {
			delivered++;
			delivered_bytes = bytes;
		}
		if (msg->id)
			commit_slot(inflight, vhost_backend_slot_find(inflight, msg->id),
				    bytes <= copied, file, &ended);
	}
	vhost_backend_ring_pop(&inflight->ring, delivered_bytes, delivered);
	this_cpu_add(inflight->counters->requests_delivered, delivered);
	raw_spin_unlock_irqrestore(&inflight->lock, flags);
	vhost_backend_inflight_finish(inflight, &ended);
	return delivered_bytes;
}

/* True if there are more */
static bool refuse_some(struct vhost_backend_inflight *inflight)
{
	int most = VHOST_BACKEND_AT_ONCE;
	struct vhost_backend_slot *slot;
	struct vhost_backend_ended ended;
	unsigned long flags;
	bool more;

	vhost_backend_ended_init(&ended);
	raw_spin_lock_irqsave(&inflight->lock, flags);
	while (most-- && !list_empty(&inflight->foreign)) {
		slot = list_first_entry(&inflight->foreign, struct vhost_backend_slot, node);
		list_del_init(&slot->node);
		vhost_backend_slot_end_wait(inflight, slot, -EPERM, 0, NULL, &ended);
		vhost_backend_slot_withdraw(inflight, slot, &ended);
	}
	more = !list_empty(&inflight->foreign);
	raw_spin_unlock_irqrestore(&inflight->lock, flags);
	vhost_backend_inflight_finish(inflight, &ended);
	return more;
}

/**
 * vhost_backend_inflight_refuse_foreign() - refuse what the reader must not have
 * @inflight: the requests
 *
 * An EXTERNAL_MAP names an address of the frontend's, which means nothing to a reader
 * in another address space: each that is queued ends with -EPERM for its worker.
 *
 * Context: Process context; no lock held, and nothing copied yet: the reader may get
 * stuck in a page fault.
 * Return: true if there may have been any, and room may have become free.
 */
bool vhost_backend_inflight_refuse_foreign(struct vhost_backend_inflight *inflight)
{
	if (list_empty_careful(&inflight->foreign))
		return false;
	while (refuse_some(inflight))
		cond_resched();
	vhost_backend_slot_reclaim(inflight);
	return true;
}
