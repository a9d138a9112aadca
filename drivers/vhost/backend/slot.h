/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VHOST_BACKEND_SLOT_H
#define VHOST_BACKEND_SLOT_H

#include <linux/completion.h>
#include <linux/list.h>
#include <linux/percpu.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/vhost_backend.h>

#include "ring.h"

#define VHOST_BACKEND_INFLIGHT_MAX	4096

/* Bits of an id that are the slot's number; the rest are its generation. */
#define VHOST_BACKEND_SLOT_BITS		16

/* The part of a backend that its requests know. */
struct vhost_backend_owner {
	/*
	 * Callbacks that may yet be called or are running: requests that wait, and
	 * ops. One more until it is detached; @idle completes with the last.
	 */
	refcount_t callbacks;
	struct completion idle;
	bool shutdown;			/* set under the lock of the requests */
};

static inline void vhost_backend_owner_init(struct vhost_backend_owner *owner)
{
	refcount_set(&owner->callbacks, 1);
	init_completion(&owner->idle);
	owner->shutdown = false;
}

static inline void vhost_backend_expect_callback(struct vhost_backend_owner *owner)
{
	refcount_inc(&owner->callbacks);
}

static inline void vhost_backend_callback_over(struct vhost_backend_owner *owner)
{
	if (refcount_dec_and_test(&owner->callbacks))
		complete(&owner->idle);
}

enum vhost_backend_slot_state {
	VHOST_BACKEND_SLOT_QUEUED,	/* its record lies in the ring */
	VHOST_BACKEND_SLOT_DELIVERING,	/* likewise; a reader copies it */
	VHOST_BACKEND_SLOT_DELIVERED,	/* the frontend has it */
};

/* A request that wants a reply or carries a file. */
struct vhost_backend_slot {
	struct list_head node;		/* of those that are free, or of those that ended */
	u64 id;				/* slot number and generation; 0: free */
	u64 generation;
	u64 position;			/* of its record in the ring */
	struct vhost_backend_completion *completion;	/* NULL: nobody waits */
	unsigned long deadline;		/* jiffies, of @completion */
	struct file *file;
	u32 request;			/* as delivered */
	enum vhost_backend_slot_state state;
	bool reply;			/* wants one, whoever still waits for it */
	bool given_up;			/* by the worker that waited for it */
};

/*
 * The requests of a channel: the ring, in order, and the slots. All of it is
 * under @lock, which is taken with interrupts off, from any context but NMI, and
 * under which nothing is called that takes another lock.
 */
struct vhost_backend_inflight {
	raw_spinlock_t lock;
	struct vhost_backend_ring ring;
	struct vhost_backend_slot *slots;
	struct list_head free;
	u32 nr_slots;
	u32 nr_free;
	u32 reserved_slots;
	u32 waiting;			/* slots that want a reply */
	u32 waiting_peak;
	u32 bytes_peak;
	bool closed;			/* takes no more requests */
	/*
	 * What happens is counted per CPU, in the struct of the user ABI: no counter
	 * is shared by two workers. What there is now is filled in when asked for.
	 */
	struct vhost_backend_stats __percpu *counters;
};

/*
 * What ended under the lock, to be finished without it: completions to call, and
 * slots whose file is to be put before they are free.
 */
struct vhost_backend_ended {
	struct list_head completions;
	struct list_head slots;
};

int vhost_backend_inflight_init(struct vhost_backend_inflight *inflight,
				u32 nr_slots);
void vhost_backend_inflight_destroy(struct vhost_backend_inflight *inflight);

void vhost_backend_ended_init(struct vhost_backend_ended *ended);
void vhost_backend_inflight_finish(struct vhost_backend_inflight *inflight,
				   struct vhost_backend_ended *ended);

struct vhost_backend_slot *
vhost_backend_slot_find(struct vhost_backend_inflight *inflight, u64 id);
void vhost_backend_slot_end_wait(struct vhost_backend_slot *slot, int error, u64 value,
				 struct file *file, struct vhost_backend_ended *ended);
void vhost_backend_slot_end(struct vhost_backend_inflight *inflight,
			    struct vhost_backend_slot *slot,
			    struct vhost_backend_ended *ended);
void vhost_backend_slot_withdraw(struct vhost_backend_inflight *inflight,
				 struct vhost_backend_slot *slot,
				 struct vhost_backend_ended *ended);
void vhost_backend_slot_give_up(struct vhost_backend_inflight *inflight,
				struct vhost_backend_slot *slot, int error,
				struct vhost_backend_ended *ended);
void vhost_backend_slot_reclaim(struct vhost_backend_inflight *inflight);

#endif /* VHOST_BACKEND_SLOT_H */
