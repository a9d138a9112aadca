/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VHOST_BACKEND_NOTIFY_H
#define VHOST_BACKEND_NOTIFY_H

#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/types.h>
#include <uapi/linux/vhost_backend.h>

/* One bit for each vring, and one bit for each word of these that may be non-zero. */
struct vhost_backend_bits {
	unsigned long *summary;
	unsigned long *words;
	u32 nr_summary;			/* words of the summary that are in use */
};

/*
 * Notifications are bits: raising one that is pending merges with it, and takes
 * no memory. The doorbell says that there may be something to look at.
 *
 * Everything here is one protocol. Between any two steps of either side is a full
 * barrier: a step that changes something is an exchange or a test-and-set. Where a raise
 * finds nothing to change, a barrier follows.
 *
 *	raise				look
 *	-----				----
 *	publish records			doorbell = 0
 *	set the bit			take the summary
 *	set the summary			take the bits
 *	doorbell 0 -> 1: wake		read the ring's tail
 *
 * A raise that finds a bit or the doorbell set already does no more: the frontend that
 * clears it afterwards looks at everything that precedes it in this list. The frontend
 * clears before it acts, so nothing is lost. It takes the bits before it reads the tail,
 * so no bit overtakes a record.
 *
 * A raise that finds the summary set goes on to the doorbell, and no barrier stands
 * between these two reads. None is needed: a look that clears this summary later takes
 * the bit, which was set before a full barrier; and a look that clears the doorbell
 * later finds the summary, or another look has cleared it and taken the bit. Which of
 * the two was read first makes no difference.
 *
 * A doorbell of 1 while somebody sleeps means that they were woken, or are about to be:
 * its change from 0 to 1 wakes all sleepers, and a frontend that finds it 1 when it is
 * on the queue, and finds nothing to look at, clears it before it sleeps.
 */
struct vhost_backend_notify {
	struct vhost_backend_ctl *ctl;
	struct vhost_backend_bits call;
	struct vhost_backend_bits err;
};

enum vhost_backend_raised {
	VHOST_BACKEND_MERGED,		/* it was pending */
	VHOST_BACKEND_PENDING,		/* it is now */
	VHOST_BACKEND_RANG,		/* it is now, and the doorbell went 0 -> 1 */
};

/* A notification as read() returns it. Without a vring, @state is left out. */
struct vhost_backend_notice {
	struct vhost_backend_msg msg;
	struct vhost_backend_vring_state state;
};

/* How many are copied to user space at once */
#define VHOST_BACKEND_NOTICES	16

/*
 * Notifications that were taken and not delivered yet. Only the reader uses it. The first
 * ones are messages already; if there are more, the rest are bits that become messages
 * later.
 */
struct vhost_backend_batch {
	struct vhost_backend_bits call;
	struct vhost_backend_bits err;
	struct vhost_backend_notice *notices;	/* VHOST_BACKEND_NOTICES of them */
	u32 next;			/* index of the first one that was not delivered */
	u32 end;			/* index behind the last one */
	u64 limit;			/* records before it come first */
	u32 pending;			/* all: notices, bits, and the configuration change */
	bool config;
};

/* Words of the summary, and of the bits of @nr vrings. */
#define VHOST_BACKEND_SUMMARY_WORDS	8
#define VHOST_BACKEND_BITS_WORDS(nr)	(((nr) + 63) / 64)

enum vhost_backend_raised
vhost_backend_notify_raise(struct vhost_backend_notify *notify, u32 request,
			   u32 vring);
void vhost_backend_notify_take(struct vhost_backend_notify *notify,
			       struct vhost_backend_batch *batch);

void vhost_backend_batch_refill(struct vhost_backend_batch *batch);

/* A summary may be ahead of its words: only the words count. */
static inline bool vhost_backend_bits_pending(const struct vhost_backend_bits *bits)
{
	u32 s;

	for (s = 0; s < bits->nr_summary; s++) {
		unsigned long summary = READ_ONCE(bits->summary[s]);

		for (; summary; summary &= summary - 1)
			if (READ_ONCE(bits->words[s * 64 + __ffs(summary)]))
				return true;
	}
	return false;
}

/**
 * vhost_backend_notify_pending() - is there a notification to be taken?
 * @notify: the notifications
 *
 * Return: false only if there was none at some time during the call, or if its sender
 * has not rung the doorbell yet.
 */
static inline bool vhost_backend_notify_pending(const struct vhost_backend_notify *notify)
{
	return vhost_backend_bits_pending(&notify->call) ||
	       READ_ONCE(notify->ctl->config_pending) ||
	       vhost_backend_bits_pending(&notify->err);
}

/**
 * vhost_backend_notify_hush() - clear the doorbell, before looking or sleeping
 * @notify: the notifications
 *
 * A full barrier, the partner of the one before vhost_backend_notify_ring().
 */
static inline void vhost_backend_notify_hush(struct vhost_backend_notify *notify)
{
	xchg(&notify->ctl->doorbell, 0);
}

/**
 * vhost_backend_notify_ring() - ring the doorbell
 * @notify: the notifications
 *
 * The message must be visible before: the caller has a full barrier between the message
 * and this call. If the doorbell is set already, nothing is to be done: the frontend
 * looks after it clears the doorbell.
 *
 * Return: true if it was not set, and a sleeper has to be woken.
 */
static inline bool vhost_backend_notify_ring(struct vhost_backend_notify *notify)
{
	return !READ_ONCE(notify->ctl->doorbell) &&
	       !xchg(&notify->ctl->doorbell, 1);
}

#endif /* VHOST_BACKEND_NOTIFY_H */
