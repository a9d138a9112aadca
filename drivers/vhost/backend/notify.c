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

	for (s = 0; s < bits->nr_summary; s++) {
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

	for (s = 0; s < from->nr_summary; s++) {
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

static void fill_notice(struct vhost_backend_notice *notice, u32 request, u32 vring)
{
	*notice = (struct vhost_backend_notice){
		.msg = {
			.request = request,
			.flags = VHOST_BACKEND_MSG_VERSION,
			.size = request == VHOST_BACKEND_CONFIG_CHANGE_MSG ?
				0 : sizeof(notice->state),
			.fd = VHOST_BACKEND_FD_NONE,
		},
		.state.index = vring,
	};
}

/* Fills in at most @most of the set bits, lowest first; returns how many. */
static u32 bits_fill(const struct vhost_backend_bits *bits, u32 request,
		     struct vhost_backend_notice *notices, u32 most)
{
	u32 filled = 0;
	u32 s, b;

	for (s = 0; s < bits->nr_summary && filled < most; s++) {
		unsigned long summary = bits->summary[s];

		for_each_set_bit(b, &summary, 64) {
			unsigned long word = bits->words[s * 64 + b];

			for (; word && filled < most; word &= word - 1)
				fill_notice(&notices[filled++], request,
					    (s * 64 + b) * 64 + __ffs(word));
			if (filled == most)
				break;
		}
	}
	return filled;
}

/* Clears the lowest @nr bits, if there are so many; returns how many there were. */
static u32 bits_drop(struct vhost_backend_bits *bits, u32 nr)
{
	u32 dropped = 0;
	u32 s;

	for (s = 0; s < bits->nr_summary && dropped < nr; s++) {
		while (bits->summary[s] && dropped < nr) {
			u32 b = __ffs(bits->summary[s]);
			unsigned long word = bits->words[s * 64 + b];

			for (; word && dropped < nr; word &= word - 1)
				dropped++;
			bits->words[s * 64 + b] = word;
			if (!word)
				bits->summary[s] &= ~BIT(b);
		}
	}
	return dropped;
}

/**
 * vhost_backend_batch_fill() - format the next notifications to be delivered
 * @batch: the batch
 * @notices: out
 * @most: how many fit, at least 1
 *
 * They stay in the batch until vhost_backend_batch_drop(). A configuration change comes
 * first and alone, since it is shorter.
 *
 * Return: how many were filled in.
 */
u32 vhost_backend_batch_fill(const struct vhost_backend_batch *batch,
			     struct vhost_backend_notice *notices, u32 most)
{
	u32 filled;

	if (batch->config) {
		fill_notice(notices, VHOST_BACKEND_CONFIG_CHANGE_MSG, 0);
		return 1;
	}
	filled = bits_fill(&batch->call, VHOST_BACKEND_VRING_CALL, notices, most);
	return filled + bits_fill(&batch->err, VHOST_BACKEND_VRING_ERR, notices + filled,
				  most - filled);
}

/**
 * vhost_backend_batch_drop() - notifications were delivered
 * @batch: the batch
 * @nr: the first @nr that vhost_backend_batch_fill() gave
 */
void vhost_backend_batch_drop(struct vhost_backend_batch *batch, u32 nr)
{
	u32 dropped = 0;

	if (batch->config && nr) {
		batch->config = false;
		dropped = 1;
	}
	dropped += bits_drop(&batch->call, nr - dropped);
	dropped += bits_drop(&batch->err, nr - dropped);
	WRITE_ONCE(batch->pending, batch->pending - dropped);
}
