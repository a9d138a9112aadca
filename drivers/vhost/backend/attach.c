// SPDX-License-Identifier: GPL-2.0-only
/*
 * Backends: attaching, shutting down, detaching, and what they are told.
 */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/poll.h>
#include <linux/slab.h>

#include "attach.h"
#include "backend.h"
#include "channel.h"
#include "reply.h"
#include "room.h"
#include "wake.h"

static bool overlaps(const struct vhost_backend_limits *a,
		     const struct vhost_backend_limits *b)
{
	return a->vring_base < b->vring_base + b->nr_vrings &&
	       b->vring_base < a->vring_base + a->nr_vrings;
}

/* Are these vrings of the channel, and no other backend's? */
static int check_vrings(const struct vhost_backend_channel *channel,
			const struct vhost_backend_limits *limits)
{
	const struct vhost_backend *other;

	if (!limits->nr_vrings)
		return 0;
	if (limits->vring_base > channel->setup.nr_vrings ||
	    limits->nr_vrings > channel->setup.nr_vrings - limits->vring_base)
		return -ERANGE;
	list_for_each_entry(other, &channel->backends, node)
		if (other->limits.nr_vrings && overlaps(limits, &other->limits))
			return -EBUSY;
	return 0;
}

/* Attaches @be to its channel; the channel's descriptor is held by the caller. */
static int add_backend(struct vhost_backend *be)
{
	struct vhost_backend_channel *channel = be->channel;
	int err;

	mutex_lock(&channel->bind_mutex);
	if (channel->state != VHOST_BACKEND_READY) {
		err = -ENOTCONN;
		goto out;
	}
	be->limits.user_end = channel->user_end;
	err = check_vrings(channel, &be->limits);
	if (err)
		goto out;
	if (!try_module_get(be->module)) {
		err = -ENODEV;
		goto out;
	}
	vhost_backend_channel_get(channel);
	list_add_tail(&be->node, &channel->backends);
	WRITE_ONCE(channel->nr_backends, channel->nr_backends + 1);
	/* Pairs with the load in channel_poll(): who sees it sees this one attached. */
	smp_store_release(&channel->had_backend, true);
out:
	mutex_unlock(&channel->bind_mutex);
	return err;
}

static struct vhost_backend *
create_backend(struct vhost_backend_channel *channel, const char *name,
	       u32 vring_base, u32 nr_vrings, const struct vhost_backend_ops *ops,
	       void *private, struct module *owner)
{
	struct vhost_backend *be;
	int err;

	if (!name || !*name || strlen(name) > VHOST_BACKEND_NAME_MAX)
		return ERR_PTR(-EINVAL);
	be = kzalloc(sizeof(*be), GFP_KERNEL_ACCOUNT);
	if (!be)
		return ERR_PTR(-ENOMEM);
	be->channel = channel;
	be->ops = ops;
	be->private = private;
	be->module = owner;
	be->limits = (struct vhost_backend_limits){
		.vring_base = vring_base,
		.nr_vrings = nr_vrings,
		.channel_fops = vhost_backend_channel_fops,
	};
	strscpy(be->name, name, sizeof(be->name));
	INIT_LIST_HEAD(&be->room_node);
	vhost_backend_owner_init(&be->owner);
	err = add_backend(be);
	if (err) {
		kfree(be);
		return ERR_PTR(err);
	}
	return be;
}

/* See vhost_backend_attach(), which adds @owner. */
struct vhost_backend *
__vhost_backend_attach(int fd, const char *name, u32 vring_base, u32 nr_vrings,
		       const struct vhost_backend_ops *ops, void *private,
		       struct module *owner)
{
	struct vhost_backend *be = ERR_PTR(-EINVAL);
	struct file *file = fget(fd);

	if (!file)
		return ERR_PTR(-EBADF);
	if (file->f_op == vhost_backend_channel_fops)
		be = create_backend(file->private_data, name, vring_base, nr_vrings,
				    ops, private, owner);
	fput(file);
	if (!IS_ERR(be)) {
		/* A poll that reported EPOLLRDHUP has to look again. */
		vhost_backend_channel_wake(be->channel, EPOLLOUT | EPOLLWRNORM);
	}
	return be;
}
EXPORT_SYMBOL_GPL(__vhost_backend_attach);

/**
 * vhost_backend_shutdown() - end all waits of a backend, for good
 * @be: the backend
 *
 * Every request that waits ends with -ESHUTDOWN, and so does every call that
 * follows. A driver calls it before it flushes its own worker: that may be
 * waiting for the very process that is closing the device. It can be called any
 * number of times. Messages that want no reply are delivered all the same.
 *
 * Context: Process or softirq; does not sleep.
 */
void vhost_backend_shutdown(struct vhost_backend *be)
{
	struct vhost_backend_channel *channel = be->channel;
	struct vhost_backend_inflight *inflight = &channel->inflight;
	unsigned long flags;

	raw_spin_lock_irqsave(&inflight->lock, flags);
	WRITE_ONCE(be->owner.shutdown, true);
	vhost_backend_room_forget(be);
	raw_spin_unlock_irqrestore(&inflight->lock, flags);
	vhost_backend_inflight_give_up_all(inflight, &be->owner, -ESHUTDOWN);
	vhost_backend_room_freed(channel);
}
EXPORT_SYMBOL_GPL(vhost_backend_shutdown);

/**
 * vhost_backend_detach() - end an attachment
 * @be: the backend; gone when this returns. No other call on it may be running
 *	or follow
 *
 * Shuts the backend down and waits until every done and ops callback has
 * returned.
 *
 * Context: Process context. May sleep. Not from a callback of @be.
 */
void vhost_backend_detach(struct vhost_backend *be)
{
	struct vhost_backend_channel *channel = be->channel;

	vhost_backend_shutdown(be);
	vhost_backend_callback_over(&be->owner);
	wait_for_completion(&be->owner.idle);

	mutex_lock(&channel->bind_mutex);
	list_del(&be->node);
	WRITE_ONCE(channel->nr_backends, channel->nr_backends - 1);
	mutex_unlock(&channel->bind_mutex);
	vhost_backend_channel_wake(channel, EPOLLRDHUP);

	module_put(be->module);
	kfree(be);
	vhost_backend_channel_put(channel);
}
EXPORT_SYMBOL_GPL(vhost_backend_detach);

/**
 * vhost_backend_accepts() - does the frontend handle a request?
 * @be: the backend
 * @request: &enum vhost_backend_request
 *
 * So that a driver can withhold a feature. It does not change while attached.
 *
 * Context: Any.
 * Return: true if it does.
 */
bool vhost_backend_accepts(struct vhost_backend *be, u32 request)
{
	return vhost_backend_channel_accepts(be->channel, request);
}
EXPORT_SYMBOL_GPL(vhost_backend_accepts);

/**
 * vhost_backend_set_shmem() - declare a shared memory region of the device
 * @be: the backend
 * @shmid: which
 * @bytes: its size
 *
 * Regions are not supported by this version: the frontend checks the range of a
 * map by itself.
 *
 * Context: Process context.
 * Return: -EOPNOTSUPP.
 */
int vhost_backend_set_shmem(struct vhost_backend *be, u8 shmid, u64 bytes)
{
	return -EOPNOTSUPP;
}
EXPORT_SYMBOL_GPL(vhost_backend_set_shmem);

/**
 * vhost_backend_tell_gone() - tell each backend once that the frontend is gone
 * @channel: closed; nothing expires any more
 *
 * Every done of a backend has returned when it is told.
 *
 * Context: Process context. May sleep.
 */
void vhost_backend_tell_gone(struct vhost_backend_channel *channel)
{
	struct vhost_backend *be;

again:
	mutex_lock(&channel->bind_mutex);
	list_for_each_entry(be, &channel->backends, node) {
		/* One that is being detached has no callbacks to come. */
		if (be->told || !refcount_inc_not_zero(&be->owner.callbacks))
			continue;
		be->told = true;
		mutex_unlock(&channel->bind_mutex);
		vhost_backend_owner_wait(&be->owner);
		if (be->ops && be->ops->gone)
			be->ops->gone(be->private);
		vhost_backend_callback_over(&be->owner);
		goto again;
	}
	mutex_unlock(&channel->bind_mutex);
}
