// SPDX-License-Identifier: GPL-2.0-only
/*
 * Notifications: bits, their summaries and the doorbell. Pure algorithm over
 * memory that it is given.
 */
#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/build_bug.h>
#include <linux/preempt.h>

#include "notify.h"

/* The bits lie in 64-bit words that user space will see. */
static_assert(sizeof(unsigned long) == sizeof(u64));

/**
 * vhost_backend_notify_ring() - ring the doorbell
 * @notify: the notifications
 *
 * What there is to look at must be visible before: the caller has a full
 * barrier between. With that, finding the doorbell set is enough: whoever
 * clears it looks afterwards.
 *
 * Return: true if it was not set, and a sleeper is to be woken.
 */
bool vhost_backend_notify_ring(struct vhost_backend_notify *notify)
{
	return !READ_ONCE(notify->ctl->doorbell) &&
	       !xchg(&notify->ctl->doorbell, 1);
}

/**
 * vhost_backend_notify_hush() - clear the doorbell, before looking or sleeping
 * @notify: the notifications
 *
 * A full barrier, the partner of the one before vhost_backend_notify_ring().
 */
void vhost_backend_notify_hush(struct vhost_backend_notify *notify)
{
	xchg(&notify->ctl->doorbell, 0);
}

static enum vhost_backend_raised raise_bit(struct vhost_backend_notify *notify,
					   struct vhost_backend_bits *bits,
					   u32 vring)
{
	enum vhost_backend_raised raised = VHOST_BACKEND_MERGED;

	/*
	 * Others who find the bit set rely on the doorbell being rung: a raiser
	 * must not be put to sleep between the two.
	 */
	preempt_disable();
	if (test_and_set_bit(vring, bits->words))
		goto out;
	if (!test_bit(vring / 64, bits->summary))
		test_and_set_bit(vring / 64, bits->summary);
	raised = vhost_backend_notify_ring(notify) ? VHOST_BACKEND_RANG :
						     VHOST_BACKEND_PENDING;
out:
	preempt_enable();
	return raised;
}

static enum vhost_backend_raised raise_config(struct vhost_backend_notify *notify)
{
	enum vhost_backend_raised raised = VHOST_BACKEND_MERGED;

	/* As above. */
	preempt_disable();
	if (!xchg(&notify->ctl->config_pending, 1))
		raised = vhost_backend_notify_ring(notify) ?
			VHOST_BACKEND_RANG : VHOST_BACKEND_PENDING;
	preempt_enable();
	return raised;
}

/**
 * vhost_backend_notify_raise() - raise a notification
 * @notify: the notifications
 * @request: VHOST_BACKEND_VRING_CALL, _VRING_ERR or _CONFIG_CHANGE_MSG
 * @vring: less than the number of vrings
 *
 * Context: Any, NMI included.
 * Return: whether it merged, and whether a sleeper is to be woken.
 */
enum vhost_backend_raised
vhost_backend_notify_raise(struct vhost_backend_notify *notify, u32 request,
			   u32 vring)
{
	switch (request) {
	case VHOST_BACKEND_VRING_CALL:
		return raise_bit(notify, &notify->call, vring);
	case VHOST_BACKEND_VRING_ERR:
		return raise_bit(notify, &notify->err, vring);
	default:
		return raise_config(notify);
	}
}

/* A summary may be ahead of its words: only the words count. */
static bool bits_pending(const struct vhost_backend_bits *bits)
{
	u32 s, b;

	for (s = 0; s < VHOST_BACKEND_SUMMARY_WORDS; s++) {
		unsigned long summary = READ_ONCE(bits->summary[s]);

		for_each_set_bit(b, &summary, 64)
			if (READ_ONCE(bits->words[s * 64 + b]))
				return true;
	}
	return false;
}

/**
 * vhost_backend_notify_pending() - is there a notification to be taken?
 * @notify: the notifications
 *
 * Return: false only if there was none at some time during the call, or the one
 * who raises it has not rung the doorbell yet.
 */
bool vhost_backend_notify_pending(const struct vhost_backend_notify *notify)
{
	return READ_ONCE(notify->ctl->config_pending) ||
	       bits_pending(&notify->call) || bits_pending(&notify->err);
}

/* Moves all bits of @from to the empty @to; returns how many. */
static u32 bits_take(struct vhost_backend_bits *from,
		     struct vhost_backend_bits *to)
{
	u32 taken = 0;
	u32 s, b;

	for (s = 0; s < VHOST_BACKEND_SUMMARY_WORDS; s++) {
		unsigned long summary;

		if (!READ_ONCE(from->summary[s]))
			continue;
		summary = xchg(&from->summary[s], 0);
		to->summary[s] = summary;
		for_each_set_bit(b, &summary, 64) {
			u32 w = s * 64 + b;

			to->words[w] = xchg(&from->words[w], 0);
			taken += hweight64(to->words[w]);
		}
	}
	return taken;
}

/**
 * vhost_backend_notify_take() - take all notifications
 * @notify: the notifications
 * @batch: empty; where they go
 *
 * The caller has cleared the doorbell before, and reads the ring's tail after:
 * each exchange is a full barrier and the partner of the raise that set the bit,
 * so that a record published before a raise lies before that tail.
 */
void vhost_backend_notify_take(struct vhost_backend_notify *notify,
			       struct vhost_backend_batch *batch)
{
	u32 pending = 0;

	if (READ_ONCE(notify->ctl->config_pending) &&
	    xchg(&notify->ctl->config_pending, 0)) {
		batch->config = true;
		pending++;
	}
	pending += bits_take(&notify->call, &batch->call);
	pending += bits_take(&notify->err, &batch->err);
	WRITE_ONCE(batch->pending, pending);
}

static bool bits_first(const struct vhost_backend_bits *bits, u32 *vring)
{
	u32 w;

	for_each_set_bit(w, bits->summary, VHOST_BACKEND_SUMMARY_WORDS * 64) {
		if (bits->words[w]) {
			*vring = w * 64 + __ffs(bits->words[w]);
			return true;
		}
	}
	return false;
}

static void bits_clear(struct vhost_backend_bits *bits, u32 vring)
{
	__clear_bit(vring, bits->words);
	if (!bits->words[vring / 64])
		__clear_bit(vring / 64, bits->summary);
}

/**
 * vhost_backend_batch_next() - the next notification to be delivered
 * @batch: the batch
 * @vring: out: of VRING_CALL and VRING_ERR
 *
 * Return: &enum vhost_backend_request, or VHOST_BACKEND_PAD where there is none.
 */
u32 vhost_backend_batch_next(const struct vhost_backend_batch *batch, u32 *vring)
{
	if (!batch->pending)
		return VHOST_BACKEND_PAD;
	if (batch->config)
		return VHOST_BACKEND_CONFIG_CHANGE_MSG;
	if (bits_first(&batch->call, vring))
		return VHOST_BACKEND_VRING_CALL;
	if (bits_first(&batch->err, vring))
		return VHOST_BACKEND_VRING_ERR;
	return VHOST_BACKEND_PAD;
}

/**
 * vhost_backend_batch_drop() - a notification was delivered
 * @batch: the batch
 * @request: what vhost_backend_batch_next() returned
 * @vring: likewise
 */
void vhost_backend_batch_drop(struct vhost_backend_batch *batch, u32 request,
			      u32 vring)
{
	if (request == VHOST_BACKEND_CONFIG_CHANGE_MSG)
		batch->config = false;
	else if (request == VHOST_BACKEND_VRING_CALL)
		bits_clear(&batch->call, vring);
	else
		bits_clear(&batch->err, vring);
	WRITE_ONCE(batch->pending, batch->pending - 1);
}
