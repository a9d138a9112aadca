// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bindings: unmodified vhost devices as senders. A binding hooks the wait queue
 * of an eventfd that a device signals, and raises a notification at each signal.
 */
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/poll.h>
#include <linux/slab.h>

#include "bind.h"
#include "channel.h"
#include "compat.h"
#include "device.h"
#include "wake.h"

struct vhost_backend_binding {
	/* On the eventfd's wait queue; its callback runs under that queue's lock. */
	wait_queue_entry_t wait;
	wait_queue_head_t *queue;

	/* Constant while bound. */
	struct vhost_backend_channel *channel;
	struct eventfd_ctx *eventfd;
	u32 request;			/* what it raises */
	u32 index;
	bool peek;

	/*
	 * Under the eventfd's lock until the binding is off its wait queue, then
	 * under bind_mutex: the eventfd is closed, and closed_work has the binding.
	 */
	bool closed;
	struct llist_node closed_node;
	bool unbound;			/* under bind_mutex: only to be freed */
};

static void raise(struct vhost_backend_binding *binding)
{
	vhost_backend_channel_raise(binding->channel, binding->request,
				    binding->index, true);
}

/*
 * Runs in the context of the code that signals, under the eventfd's lock. That lock
 * also orders it against unbind(), which takes the entry off the queue.
 *
 * The counter is consumed before the notification is raised. A later signal then
 * increments the counter anew, and raises a notification of its own.
 */
static int signalled(wait_queue_entry_t *wait, unsigned int mode, int sync,
		     void *key)
{
	struct vhost_backend_binding *binding =
		container_of(wait, struct vhost_backend_binding, wait);
	struct vhost_backend_channel *channel = binding->channel;
	__poll_t events = key_to_poll(key);
	u64 count;

	if (events & EPOLLIN) {
		if (!binding->peek)
			eventfd_ctx_do_read(binding->eventfd, &count);
		raise(binding);
	}
	if (events & EPOLLHUP && !binding->closed) {
		binding->closed = true;
		llist_add(&binding->closed_node, &channel->closed_bindings);
		queue_work(vhost_backend_wq, &channel->closed_work);
	}
	/* The other waiters on the queue have to be woken too. */
	return 0;
}

/* With this, vfs_poll() gives the eventfd's wait queue to hook_queue(). */
struct hook {
	poll_table table;
	struct vhost_backend_binding *binding;
	int error;
};

/*
 * Priority waiters come first on the queue. There can be only one: an irqfd ends the
 * walk of the queue, so a binding behind it would never be called. Since 6.17 the kernel
 * itself refuses an irqfd behind a binding. The entry is put on the queue by hand, since
 * add_wait_queue_priority() does not look for another priority waiter, and before 6.17
 * sets WQ_FLAG_EXCLUSIVE.
 */
static void hook_queue(struct file *file, wait_queue_head_t *queue,
		       poll_table *table)
{
	struct hook *hook = container_of(table, struct hook, table);
	struct vhost_backend_binding *binding = hook->binding;
	wait_queue_entry_t *first;
	unsigned long flags;

	spin_lock_irqsave(&queue->lock, flags);
	first = list_first_entry_or_null(&queue->head, wait_queue_entry_t, entry);
	hook->error = first && first->flags & WQ_FLAG_PRIORITY ? -EBUSY : 0;
	if (!hook->error) {
		binding->queue = queue;
		binding->wait.flags |= WQ_FLAG_PRIORITY;
		__add_wait_queue(queue, &binding->wait);
	}
	spin_unlock_irqrestore(&queue->lock, flags);
}

/*
 * A signal from before the binding counts, once. A writer that waits for room in
 * the counter is not woken: another waiter on this queue may signal this very eventfd,
 * and only eventfd's own wake-ups guard against such a recursion.
 */
static void take_pending(struct vhost_backend_binding *binding, __poll_t events)
{
	wait_queue_head_t *queue = binding->queue;
	unsigned long flags;
	u64 count = !!(events & EPOLLIN);

	spin_lock_irqsave(&queue->lock, flags);
	if (!binding->peek)
		eventfd_ctx_do_read(binding->eventfd, &count);
	if (count)
		raise(binding);
	spin_unlock_irqrestore(&queue->lock, flags);
}

/* Hooks the eventfd of @file. A signal that was pending raises the notification. */
static int hook_eventfd(struct vhost_backend_binding *binding, struct file *file)
{
	struct hook hook = { .binding = binding, .error = -EINVAL };
	__poll_t events;

	init_poll_funcptr(&hook.table, hook_queue);
	events = vfs_poll(file, &hook.table);
	if (!hook.error)
		take_pending(binding, events);
	return hook.error;
}

static unsigned long binding_key(u32 request, u32 index)
{
	return (unsigned long)request << 32 | index;
}

static void free_binding(struct vhost_backend_binding *binding)
{
	eventfd_ctx_put(binding->eventfd);
	kfree(binding);
}

/* Once the entry is off the queue, its callback is not running and never runs again. */
static void unbind(struct vhost_backend_channel *channel,
		   struct vhost_backend_binding *binding)
{
	wait_queue_head_t *queue = binding->queue;
	unsigned long flags;

	lockdep_assert_held(&channel->bind_mutex);
	spin_lock_irqsave(&queue->lock, flags);
	__remove_wait_queue(queue, &binding->wait);
	spin_unlock_irqrestore(&queue->lock, flags);
	xa_erase(&channel->bindings, binding_key(binding->request, binding->index));
	WRITE_ONCE(channel->nr_bindings, channel->nr_bindings - 1);
	vhost_backend_account_drop_binding(channel->account);
	if (binding->closed)
		binding->unbound = true;
	else
		free_binding(binding);
}

/* The last descriptors of some eventfds were closed, or devices have ended. */
static void unbind_closed(struct vhost_backend_channel *channel)
{
	struct vhost_backend_binding *binding, *next;
	struct llist_node *closed;

	lockdep_assert_held(&channel->bind_mutex);
	closed = llist_del_all(&channel->closed_bindings);
	llist_for_each_entry_safe(binding, next, closed, closed_node) {
		if (!binding->unbound)
			unbind(channel, binding);
		free_binding(binding);
	}
	vhost_backend_device_unbind_ended(channel);
}

static void closed_work(struct work_struct *work)
{
	struct vhost_backend_channel *channel =
		container_of(work, struct vhost_backend_channel, closed_work);

	mutex_lock(&channel->bind_mutex);
	unbind_closed(channel);
	mutex_unlock(&channel->bind_mutex);
}

/**
 * vhost_backend_bindings_init() - a channel without bindings
 * @channel: the channel
 */
void vhost_backend_bindings_init(struct vhost_backend_channel *channel)
{
	xa_init_flags(&channel->bindings, XA_FLAGS_ACCOUNT);
	INIT_LIST_HEAD(&channel->devices);
	init_llist_head(&channel->closed_bindings);
	INIT_WORK(&channel->closed_work, closed_work);
}

/* The request that a signal of @source raises, or PAD. */
static u32 source_request(u32 source)
{
	switch (source) {
	case VHOST_BACKEND_BIND_VRING_CALL:
		return VHOST_BACKEND_VRING_CALL;
	case VHOST_BACKEND_BIND_VRING_ERR:
		return VHOST_BACKEND_VRING_ERR;
	case VHOST_BACKEND_BIND_CONFIG:
		return VHOST_BACKEND_CONFIG_CHANGE_MSG;
	case VHOST_BACKEND_BIND_IOTLB:
		return VHOST_BACKEND_IOTLB_MSG;
	default:
		return VHOST_BACKEND_PAD;
	}
}

static int check_bind(const struct vhost_backend_channel *channel,
		      const struct vhost_backend_bind *bind)
{
	u32 request = source_request(bind->source);
	bool device = request == VHOST_BACKEND_IOTLB_MSG;

	/* UNDO names a device, PEEK is for eventfds. */
	if (request == VHOST_BACKEND_PAD ||
	    bind->flags & ~(device ? VHOST_BACKEND_BIND_UNDO : VHOST_BACKEND_BIND_PEEK))
		return -EINVAL;
	if (device ? bind->index > U16_MAX :
		     bind->index && request == VHOST_BACKEND_CONFIG_CHANGE_MSG)
		return -EINVAL;
	if (!vhost_backend_channel_accepts(channel, request))
		return -EOPNOTSUPP;
	return device || bind->index < channel->setup.nr_vrings ? 0 : -ERANGE;
}

static struct vhost_backend_binding *
create_binding(struct vhost_backend_channel *channel,
	       const struct vhost_backend_bind *bind, struct file *file)
{
	struct vhost_backend_binding *binding;
	struct eventfd_ctx *eventfd = eventfd_ctx_fileget(file);

	if (IS_ERR(eventfd))
		return ERR_CAST(eventfd);
	binding = kzalloc(sizeof(*binding), GFP_KERNEL_ACCOUNT);
	if (!binding) {
		eventfd_ctx_put(eventfd);
		return ERR_PTR(-ENOMEM);
	}
	init_waitqueue_func_entry(&binding->wait, signalled);
	binding->channel = channel;
	binding->eventfd = eventfd;
	binding->request = source_request(bind->source);
	binding->index = bind->index;
	binding->peek = bind->flags & VHOST_BACKEND_BIND_PEEK;
	return binding;
}

static unsigned long bind_key(const struct vhost_backend_bind *bind)
{
	return binding_key(source_request(bind->source), bind->index);
}

static int bind_file(struct vhost_backend_channel *channel,
		     const struct vhost_backend_bind *bind, struct file *file)
{
	unsigned long key = bind_key(bind);
	struct vhost_backend_binding *binding;
	int err;

	binding = create_binding(channel, bind, file);
	if (IS_ERR(binding))
		return PTR_ERR(binding);
	err = -EMFILE;
	if (!vhost_backend_account_add_binding(channel->account,
					       READ_ONCE(vhost_backend_max_bindings)))
		goto free;
	err = xa_insert(&channel->bindings, key, binding, GFP_KERNEL_ACCOUNT);
	if (err)
		goto drop;
	err = hook_eventfd(binding, file);
	if (err)
		goto erase;
	WRITE_ONCE(channel->nr_bindings, channel->nr_bindings + 1);
	return 0;

erase:
	xa_erase(&channel->bindings, key);
drop:
	vhost_backend_account_drop_binding(channel->account);
free:
	free_binding(binding);
	return err;
}

/* Binds the eventfd @file, or unbinds where it is NULL. */
static int bind_eventfd(struct vhost_backend_channel *channel,
			const struct vhost_backend_bind *bind, struct file *file)
{
	struct vhost_backend_binding *binding =
		xa_load(&channel->bindings, bind_key(bind));

	if (file)
		return binding ? -EBUSY : bind_file(channel, bind, file);
	if (!binding)
		return -ENOENT;
	unbind(channel, binding);
	return 0;
}

static int bind_device(struct vhost_backend_channel *channel,
		       const struct vhost_backend_bind *bind, struct file *file)
{
	if (file && !(bind->flags & VHOST_BACKEND_BIND_UNDO))
		return vhost_backend_device_bind(channel, file, bind->index);
	return vhost_backend_device_unbind(channel, file);
}

/**
 * vhost_backend_bind() - bind or unbind
 * @channel: READY
 * @bind: as the user ABI says
 *
 * Context: Process context. May sleep.
 * Return: 0, or an error as the user ABI says.
 */
int vhost_backend_bind(struct vhost_backend_channel *channel,
		       const struct vhost_backend_bind *bind)
{
	struct file *file = NULL;
	int err = check_bind(channel, bind);

	if (err)
		return err;
	if (bind->fd != -1) {
		file = fget(bind->fd);
		if (!file)
			return -EBADF;
	}
	mutex_lock(&channel->bind_mutex);
	/* Eventfds that were closed before this call, even if the work has not run yet. */
	unbind_closed(channel);
	if (bind->source == VHOST_BACKEND_BIND_IOTLB)
		err = bind_device(channel, bind, file);
	else
		err = bind_eventfd(channel, bind, file);
	mutex_unlock(&channel->bind_mutex);
	if (file)
		fput(file);
	return err;
}

/**
 * vhost_backend_unbind_all() - the channel is dead
 * @channel: the channel
 *
 * Context: Process context. May sleep.
 */
void vhost_backend_unbind_all(struct vhost_backend_channel *channel)
{
	struct vhost_backend_binding *binding;
	unsigned long key;

	mutex_lock(&channel->bind_mutex);
	xa_for_each(&channel->bindings, key, binding)
		unbind(channel, binding);
	vhost_backend_device_unbind(channel, NULL);
	mutex_unlock(&channel->bind_mutex);
	flush_work(&channel->closed_work);
}
