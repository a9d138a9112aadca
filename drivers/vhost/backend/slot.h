/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VHOST_BACKEND_SLOT_H
#define VHOST_BACKEND_SLOT_H

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/list.h>
#include <linux/percpu.h>
#include <linux/rbtree.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/vhost_backend.h>

#include "ring.h"

#define VHOST_BACKEND_INFLIGHT_MAX	4096

/* Bits of an id that are the slot's number; the rest are its generation. */
#define VHOST_BACKEND_SLOT_BITS		16

/* How many slots or records are handled at most while interrupts are off */
#define VHOST_BACKEND_AT_ONCE		64

/* The part of a backend that its requests know. */
struct vhost_backend_owner {
	/*
	 * Requests whose done has not returned yet. @quiet completes when the last one
	 * ends in a channel that is closed; see vhost_backend_owner_wait().
	 */
	atomic_t requests;
	struct completion quiet;
	/*
	 * Callbacks that may yet be called or are running: these requests, and ops. One
	 * more until the backend is detached; @idle completes with the last.
	 */
	refcount_t callbacks;
	struct completion idle;
	bool shutdown;			/* set under the lock of the requests */
};

static inline void vhost_backend_owner_init(struct vhost_backend_owner *owner)
{
	atomic_set(&owner->requests, 0);
	init_completion(&owner->quiet);
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
	VHOST_BACKEND_SLOT_DELIVERING,	/* likewise, and a reader is copying it */
	VHOST_BACKEND_SLOT_DELIVERED,	/* the frontend has it */
};

/* A request that wants a reply or carries a file. */
struct vhost_backend_slot {
	/* Of inflight->free, of inflight->foreign, or of struct vhost_backend_ended */
	struct list_head node;
	struct rb_node expiry;		/* in inflight->deadlines, if it has a completion */
	u64 id;				/* slot number and generation; 0: free */
	u64 generation;
	u64 position;			/* of its record in the ring */
	struct vhost_backend_completion *completion;	/* NULL: nobody waits */
	unsigned long deadline;		/* jiffies, of @completion */
	struct file *file;
	u32 request;			/* as delivered */
	enum vhost_backend_slot_state state;
	bool reply;			/* wants one, whether or not a worker still waits */
	bool given_up;			/* by the worker that waited for it */
	bool own_mm_only;		/* names an address of the frontend's */
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
	struct list_head foreign;	/* QUEUED, and only for readers in the frontend's mm */
	struct rb_root_cached deadlines;	/* slots with a completion, earliest first */
	u32 nr_slots;
	u32 nr_free;
	u32 waiting;			/* slots that want a reply */
	u32 waiting_peak;
	bool closed;			/* takes no more requests */
	/*
	 * What happens is counted per CPU, in the struct of the user ABI: no counter
	 * is shared by two workers. What there is now is filled in when asked for.
	 */
	struct vhost_backend_stats __percpu *counters;
};

/*
 * What ended under the lock, to be finished without it: completions to call, and
 * slots whose file is to be put before they are free. A completion that is in here can
 * be reached by no time-out and no shutdown: whoever fills this struct finishes it as
 * soon as the lock is released, and does nothing in between that can sleep or fault.
 */
struct vhost_backend_ended {
	struct list_head completions;
	struct list_head slots;
};

int vhost_backend_inflight_init(struct vhost_backend_inflight *inflight,
				u32 nr_slots);
void vhost_backend_inflight_destroy(struct vhost_backend_inflight *inflight);

void __vhost_backend_inflight_finish(struct vhost_backend_inflight *inflight,
				     struct vhost_backend_ended *ended);
void vhost_backend_owner_wait(struct vhost_backend_owner *owner);

/**
 * vhost_backend_ended_init() - nothing has ended yet
 * @ended: to be filled under the lock
 */
static inline void vhost_backend_ended_init(struct vhost_backend_ended *ended)
{
	INIT_LIST_HEAD(&ended->completions);
	INIT_LIST_HEAD(&ended->slots);
}

/**
 * vhost_backend_inflight_finish() - finish without locks what ended under them
 * @inflight: the requests
 * @ended: what ended; empty afterwards
 *
 * Context: Any but NMI.
 */
static inline void vhost_backend_inflight_finish(struct vhost_backend_inflight *inflight,
						 struct vhost_backend_ended *ended)
{
	if (!list_empty(&ended->completions) || !list_empty(&ended->slots))
		__vhost_backend_inflight_finish(inflight, ended);
}

struct vhost_backend_slot *
vhost_backend_slot_find(struct vhost_backend_inflight *inflight, u64 id);
void vhost_backend_slot_expect(struct vhost_backend_inflight *inflight,
			       struct vhost_backend_slot *slot,
			       struct vhost_backend_completion *completion,
			       unsigned long deadline);
void vhost_backend_slot_end_wait(struct vhost_backend_inflight *inflight,
				 struct vhost_backend_slot *slot, int error, u64 value,
				 struct file *file, struct vhost_backend_ended *ended);
void vhost_backend_slot_end(struct vhost_backend_inflight *inflight,
			    struct vhost_backend_slot *slot,
			    struct vhost_backend_ended *ended);
void vhost_backend_slot_queued(struct vhost_backend_inflight *inflight,
			       struct vhost_backend_slot *slot);
void vhost_backend_slot_withdraw(struct vhost_backend_inflight *inflight,
				 struct vhost_backend_slot *slot,
				 struct vhost_backend_ended *ended);
void vhost_backend_slot_give_up(struct vhost_backend_inflight *inflight,
				struct vhost_backend_slot *slot, int error,
				struct vhost_backend_ended *ended);
void vhost_backend_slot_reclaim(struct vhost_backend_inflight *inflight);

#endif /* VHOST_BACKEND_SLOT_H */
