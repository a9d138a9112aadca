/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VHOST_BACKEND_CHANNEL_H
#define VHOST_BACKEND_CHANNEL_H

#include <linux/cred.h>
#include <linux/irq_work.h>
#include <linux/kref.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/timer.h>
#include <linux/uio.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "account.h"
#include "notify.h"
#include "request.h"
#include "slot.h"

/* By these a caller is compared with the process that did SETUP. */
struct vhost_backend_credentials {
	kuid_t euid;
	kgid_t egid;
	kernel_cap_t effective;
	struct user_namespace *user_ns;		/* a reference */
};

enum vhost_backend_state {
	VHOST_BACKEND_NEW,
	VHOST_BACKEND_SETTING_UP,	/* to anyone else still NEW, but for SETUP */
	VHOST_BACKEND_READY,
	VHOST_BACKEND_DEAD,
};

/*
 * One channel: one open of the device. Its descriptors keep it alive; a backend
 * that is attached keeps only the memory.
 *
 * Locks, outermost first:
 *
 *	read_mutex	one reader at a time; never held asleep waiting for messages
 *	bind_mutex	state, bindings, backends
 *	accounts' lock	in account.c
 *	inflight.lock	ring, slots; raw, interrupts off
 *
 * The two wait queues' locks are taken under none of them, nor from inside a
 * foreign wait queue's lock: see vhost_backend_channel_raise() in wake.c.
 */
struct vhost_backend_channel {
	/* Constant once READY. */
	struct vhost_backend_setup setup;
	struct mm_struct *mm;			/* of the frontend; only compared */
	struct vhost_backend_credentials credentials;	/* of who did SETUP */
	u64 user_end;
	struct vhost_backend_account *account;
	void *ctl_area;
	void *ring_area;
	unsigned long *batch_area;
	struct vhost_backend_stats __percpu *counters;

	/* Any sender, without a lock; cleared by whoever looks. */
	struct vhost_backend_notify notify;

	/* A frontend that sleeps, and how it is woken. */
	wait_queue_head_t frontend_wait ____cacheline_aligned_in_smp;
	struct irq_work wake_work;

	/* Any sender, any reply. */
	struct vhost_backend_inflight inflight ____cacheline_aligned_in_smp;
	wait_queue_head_t room_wait;
	struct list_head room_backends;	/* that wait for room; under the requests' lock */
	u64 room_round;			/* how often room became free for them; likewise */
	struct irq_work room_work;
	struct timer_list room_timer;	/* looks whether a mapped ring has room again */
	unsigned int room_interval;	/* of it, ms; only it and room.c write it */
	struct timer_list timer;		/* of the earliest deadline, or earlier */
	raw_spinlock_t timer_lock;	/* one sets it at a time; innermost, see clock.c */

	/* The reader. */
	struct mutex read_mutex ____cacheline_aligned_in_smp;
	u32 turned_away;		/* somebody who does not wait for read_mutex */
	struct vhost_backend_batch batch;	/* under read_mutex */

	/* Rarely anyone. */
	struct mutex bind_mutex;
	enum vhost_backend_state state;		/* written under bind_mutex */
	struct xarray bindings;			/* under bind_mutex; see bind.c */
	struct list_head devices;		/* likewise; see device.c */
	u32 nr_bindings;
	struct llist_head closed_bindings;
	struct work_struct closed_work;
	struct list_head backends;		/* under bind_mutex */
	u32 nr_backends;
	bool had_backend;
	struct kref ref;
};

/* Of files that are channels; set when the module is loaded. */
extern const struct file_operations *vhost_backend_channel_fops;

extern unsigned int vhost_backend_max_ring_bytes;
extern unsigned int vhost_backend_max_channels;
extern unsigned long vhost_backend_max_memory;
extern unsigned int vhost_backend_max_bindings;
extern unsigned int vhost_backend_max_devices;
extern unsigned int vhost_backend_reply_timeout_ms;

struct vhost_backend_channel *vhost_backend_channel_create(void);
int vhost_backend_channel_setup(struct vhost_backend_channel *channel,
				struct vhost_backend_setup *setup,
				int (*report)(const struct vhost_backend_setup *setup,
					      void __user *user),
				void __user *user);
bool vhost_backend_channel_change_state(struct vhost_backend_channel *channel,
					enum vhost_backend_state from,
					enum vhost_backend_state to);
void vhost_backend_channel_get(struct vhost_backend_channel *channel);
void vhost_backend_channel_put(struct vhost_backend_channel *channel);

static inline bool vhost_backend_channel_is_ready(struct vhost_backend_channel *channel)
{
	/* Pairs with the store in change_state() of channel.c. */
	return smp_load_acquire(&channel->state) == VHOST_BACKEND_READY;
}

/* Does the frontend take messages from mapped memory, rather than by read()? */
static inline bool vhost_backend_channel_is_mapped(const struct vhost_backend_channel *channel)
{
	return channel->setup.flags & VHOST_BACKEND_SETUP_MMAP;
}

static inline bool vhost_backend_channel_accepts(const struct vhost_backend_channel *channel,
						 u32 request)
{
	/* Of numbers between or beyond the two ranges no bit is ever set. */
	u32 bit = VHOST_BACKEND_BIT(request);

	return bit < 64 && (request < 32 || request >= 1000) &&
	       channel->setup.requests & BIT_ULL(bit);
}

bool vhost_backend_channel_trusts(const struct vhost_backend_channel *channel);

#endif /* VHOST_BACKEND_CHANNEL_H */
