/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VHOST_BACKEND_BACKEND_H
#define VHOST_BACKEND_BACKEND_H

#include <linux/completion.h>
#include <linux/list.h>
#include <linux/refcount.h>
#include <linux/vhost_backend.h>

#define VHOST_BACKEND_NAME_MAX	31

struct vhost_backend_channel;

/* One attachment of a worker to a channel. */
struct vhost_backend {
	/* Constant while attached. */
	struct vhost_backend_channel *channel;
	const struct vhost_backend_ops *ops;
	void *private;
	struct module *owner;
	u32 vring_base;
	u32 nr_vrings;
	char name[VHOST_BACKEND_NAME_MAX + 1];

	struct list_head node;		/* channel->backends, under its bind_mutex */
	bool told;			/* of the frontend's end; likewise */
	bool shutdown;			/* set under the channel's lock */

	/*
	 * Callbacks that may yet be called or are running: requests that wait, and
	 * ops. One more until it is detached; @idle completes with the last.
	 */
	refcount_t callbacks;
	struct completion idle;
};

static inline void vhost_backend_expect_callback(struct vhost_backend *be)
{
	refcount_inc(&be->callbacks);
}

static inline void vhost_backend_callback_over(struct vhost_backend *be)
{
	if (refcount_dec_and_test(&be->callbacks))
		complete(&be->idle);
}

#endif /* VHOST_BACKEND_BACKEND_H */
