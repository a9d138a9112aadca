/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VHOST_BACKEND_NOTIFY_H
#define VHOST_BACKEND_NOTIFY_H

#include <linux/types.h>
#include <uapi/linux/vhost_backend.h>

/* One bit a vring, and one bit a word of these that may be non-zero. */
struct vhost_backend_bits {
	unsigned long *summary;
	unsigned long *words;
	u32 nr_summary;			/* words of the summary that are in use */
};

/*
 * Notifications are bits: raising one that is pending merges with it, and takes
 * no memory. The doorbell says that there may be something to look at.
 *
 * Everything here is one protocol. Between any two steps of a side is a full
 * barrier: a step that changes something is an exchange or a test-and-set, and
 * where a raise finds nothing to change it has one behind it.
 *
 *	raise				look
 *	-----				----
 *	publish records			doorbell = 0
 *	set the bit			take the summary
 *	set the summary			take the bits
 *	doorbell 0 -> 1: wake		read the ring's tail
 *
 * A raise that finds a bit, a summary or the doorbell set already leaves it at
 * that: whoever clears it looks at all that stands before it in this order
 * afterwards. The frontend clears before it acts, so nothing is lost, and takes
 * bits before it reads the tail, so no bit overtakes a record.
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

/* Notifications that were taken and not delivered yet. One reader's own. */
struct vhost_backend_batch {
	struct vhost_backend_bits call;
	struct vhost_backend_bits err;
	u64 limit;			/* records before it come first */
	u32 pending;
	bool config;
};

/* Words of the summary, and of the bits of @nr vrings. */
#define VHOST_BACKEND_SUMMARY_WORDS	8
#define VHOST_BACKEND_BITS_WORDS(nr)	(((nr) + 63) / 64)

/* A notification as read() returns it. Without a vring, @state is left out. */
struct vhost_backend_notice {
	struct vhost_backend_msg msg;
	struct vhost_backend_vring_state state;
};

/* So many are copied to user space at once. */
#define VHOST_BACKEND_NOTICES	16

enum vhost_backend_raised
vhost_backend_notify_raise(struct vhost_backend_notify *notify, u32 request,
			   u32 vring);
bool vhost_backend_notify_ring(struct vhost_backend_notify *notify);
void vhost_backend_notify_hush(struct vhost_backend_notify *notify);
bool vhost_backend_notify_pending(const struct vhost_backend_notify *notify);
void vhost_backend_notify_take(struct vhost_backend_notify *notify,
			       struct vhost_backend_batch *batch);

u32 vhost_backend_batch_fill(const struct vhost_backend_batch *batch,
			     struct vhost_backend_notice *notices, u32 most);
void vhost_backend_batch_drop(struct vhost_backend_batch *batch, u32 nr);

#endif /* VHOST_BACKEND_NOTIFY_H */
