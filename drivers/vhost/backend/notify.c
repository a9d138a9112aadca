// SPDX-License-Identifier: GPL-2.0-only
/*
 * Notifications: bits, their summaries and the doorbell. A pure algorithm on memory that
 * the caller provides.
 */
#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/build_bug.h>
#include <linux/preempt.h>

#include "notify.h"

/* The bits lie in 64-bit words that user space will see. */
static_assert(sizeof(unsigned long) == sizeof(u64));

static enum vhost_backend_raised raise_bit(struct vhost_backend_notify *notify,
					   struct vhost_backend_bits *bits,
					   u32 vring)
{
	enum vhost_backend_raised raised = VHOST_BACKEND_MERGED;

	/*
	 * Other raises that find the bit set rely on this one to ring the doorbell. So it
	 * must not be preempted between the two.
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
 * Return: whether it merged, and whether a sleeper has to be woken.
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

/*
 * Makes messages of the bits in @word, from *@notice on, while there is space before @end.
 * Returns the remaining bits.
 */
static __always_inline unsigned long
add_notices(struct vhost_backend_notice **notice, const struct vhost_backend_notice *end,
	    u32 request, u32 w, unsigned long word)
{
	for (; word && *notice < end; word &= word - 1)
		*(*notice)++ = (struct vhost_backend_notice){
			.msg = {
				.request = request,
				.flags = VHOST_BACKEND_MSG_VERSION,
				.size = sizeof((*notice)->state),
				.fd = VHOST_BACKEND_FD_NONE,
			},
			.state.index = w * 64 + __ffs(word),
		};
	return word;
}

/* Keeps the bits for which there is no space yet; returns their number. */
static noinline u32 keep_bits(struct vhost_backend_bits *to, u32 w, unsigned long word)
{
	to->words[w] = word;
	to->summary[w / 64] |= BIT(w % 64);
	return hweight64(word);
}

/* Takes all bits of @from: as messages, and the rest to @to. Returns the number of the rest. */
static __always_inline u32
bits_take(struct vhost_backend_bits *from, u32 request, struct vhost_backend_notice **notice,
	  const struct vhost_backend_notice *end, struct vhost_backend_bits *to)
{
	u32 nr_summary = from->nr_summary;
	u32 kept = 0;
	u32 s;

	for (s = 0; s < nr_summary; s++) {
		unsigned long summary = READ_ONCE(from->summary[s]);

		if (!summary)
			continue;
		for (summary = xchg(&from->summary[s], 0); summary; summary &= summary - 1) {
			u32 w = s * 64 + __ffs(summary);
			unsigned long word = add_notices(notice, end, request, w,
							 xchg(&from->words[w], 0));

			if (unlikely(word))
				kept += keep_bits(to, w, word);
		}
	}
	return kept;
}

/**
 * vhost_backend_notify_take() - take all notifications
 * @notify: the notifications
 * @batch: out; empty before
 *
 * The caller has cleared the doorbell before, and reads the ring's tail afterwards. Each
 * exchange is a full barrier, and the partner of the raise that set the bit. So a record
 * that was published before a raise lies before that tail.
 */
void vhost_backend_notify_take(struct vhost_backend_notify *notify,
			       struct vhost_backend_batch *batch)
{
	struct vhost_backend_notice *notice = batch->notices;
	const struct vhost_backend_notice *end = notice + VHOST_BACKEND_NOTICES;
	u32 pending;

	pending = bits_take(&notify->call, VHOST_BACKEND_VRING_CALL, &notice, end,
			    &batch->call);
	pending += bits_take(&notify->err, VHOST_BACKEND_VRING_ERR, &notice, end,
			     &batch->err);
	batch->next = 0;
	batch->end = notice - batch->notices;
	pending += batch->end;
	if (READ_ONCE(notify->ctl->config_pending) &&
	    xchg(&notify->ctl->config_pending, 0)) {
		batch->config = true;
		pending++;
	}
	WRITE_ONCE(batch->pending, pending);
}

/* Makes messages of the bits in @bits, as long as there is space for them. */
static void bits_refill(struct vhost_backend_bits *bits, u32 request,
			struct vhost_backend_notice **notice,
			const struct vhost_backend_notice *end)
{
	u32 s;

	for (s = 0; s < bits->nr_summary; s++) {
		while (bits->summary[s]) {
			u32 w = s * 64 + __ffs(bits->summary[s]);

			bits->words[w] = add_notices(notice, end, request, w, bits->words[w]);
			if (bits->words[w])
				return;
			bits->summary[s] &= bits->summary[s] - 1;
		}
	}
}

/**
 * vhost_backend_batch_refill() - make messages of the bits in a batch
 * @batch: the batch; all its messages were delivered
 */
void vhost_backend_batch_refill(struct vhost_backend_batch *batch)
{
	struct vhost_backend_notice *notice = batch->notices;
	const struct vhost_backend_notice *end = notice + VHOST_BACKEND_NOTICES;

	bits_refill(&batch->call, VHOST_BACKEND_VRING_CALL, &notice, end);
	bits_refill(&batch->err, VHOST_BACKEND_VRING_ERR, &notice, end);
	batch->next = 0;
	batch->end = notice - batch->notices;
}
