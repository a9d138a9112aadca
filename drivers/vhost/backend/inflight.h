/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VHOST_BACKEND_INFLIGHT_H
#define VHOST_BACKEND_INFLIGHT_H

#include <linux/list.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/vmalloc.h>

#include "backend.h"
#include "request.h"
#include "ring.h"

#define VHOST_BACKEND_INFLIGHT_MAX	4096

/*
 * Memory of a size that user space says, to be freed with kvfree(): where there is
 * not so much, SETUP fails, and nobody is killed or made to compact memory for it.
 */
static inline void *vhost_backend_zalloc(size_t bytes)
{
	const gfp_t gfp = GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN | __GFP_RETRY_MAYFAIL;

	return bytes > PAGE_SIZE ? __vmalloc(bytes, gfp) : kmalloc(bytes, gfp);
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

/* A request to be queued. */
struct vhost_backend_submission {
	struct vhost_backend_record *record;	/* its id and reply flag are set */
	struct file *file;		/* attached, or NULL; a reference is taken */
	struct vhost_backend_completion *completion;	/* with its backend, or NULL */
	unsigned long deadline;		/* of @completion, jiffies */
	bool reply;			/* wants one; true with @completion */
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

/* What a reader took for delivery. */
struct vhost_backend_claim {
	const struct vhost_backend_msg *msg;
	struct vhost_backend_slot *slot;	/* or NULL */
};

void vhost_backend_ended_init(struct vhost_backend_ended *ended);
void vhost_backend_inflight_finish(struct vhost_backend_inflight *inflight,
				   struct vhost_backend_ended *ended);

int vhost_backend_inflight_init(struct vhost_backend_inflight *inflight,
				u32 nr_slots);
void vhost_backend_inflight_destroy(struct vhost_backend_inflight *inflight);

int vhost_backend_inflight_queue(struct vhost_backend_inflight *inflight,
				 const struct vhost_backend_submission *submission);
int vhost_backend_inflight_reserve(struct vhost_backend_inflight *inflight,
				   u32 bytes);
void vhost_backend_inflight_unreserve(struct vhost_backend_inflight *inflight,
				      u32 bytes);
int vhost_backend_inflight_queue_reserved(struct vhost_backend_inflight *inflight,
					  const struct vhost_backend_submission *submission,
					  u32 bytes);
bool vhost_backend_inflight_has_room(struct vhost_backend_inflight *inflight);

int vhost_backend_inflight_claim(struct vhost_backend_inflight *inflight,
				 u64 limit, size_t space, bool own_mm,
				 struct vhost_backend_claim *claim,
				 struct vhost_backend_ended *ended);
void vhost_backend_inflight_delivered(struct vhost_backend_inflight *inflight,
				      const struct vhost_backend_claim *claim,
				      bool file_taken);
void vhost_backend_inflight_unclaim(struct vhost_backend_inflight *inflight,
				    const struct vhost_backend_claim *claim);

struct file *vhost_backend_inflight_file(struct vhost_backend_inflight *inflight,
					 u64 id);
void vhost_backend_inflight_file_taken(struct vhost_backend_inflight *inflight,
				       u64 id);
int vhost_backend_inflight_reply(struct vhost_backend_inflight *inflight,
				 const struct vhost_backend_reply *reply,
				 struct file **file);
int vhost_backend_inflight_check_reply(struct vhost_backend_inflight *inflight,
				       const struct vhost_backend_reply *reply);

void vhost_backend_inflight_give_up(struct vhost_backend_inflight *inflight,
				    struct vhost_backend_completion *completion,
				    int error);
void vhost_backend_inflight_give_up_all(struct vhost_backend_inflight *inflight,
					const struct vhost_backend *be,
					int error);
bool vhost_backend_inflight_expire(struct vhost_backend_inflight *inflight,
				   unsigned long *next);
void vhost_backend_inflight_close(struct vhost_backend_inflight *inflight);

#endif /* VHOST_BACKEND_INFLIGHT_H */
