// SPDX-License-Identifier: GPL-2.0-only
/*
 * A stand-in for a KVM irqfd. It hooks an eventfd as an irqfd does, and then does
 * next to nothing. Tests bind an eventfd that has such a hook, and the benchmark
 * compares the cost of a binding with it.
 */
#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/irqflags.h>
#include <linux/ktime.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "../backend/compat.h"
#include "worker.h"

struct test_hook {
	wait_queue_entry_t wait;
	struct eventfd_ctx *eventfd;
	poll_table table;
	u64 count;			/* protected by the eventfd's lock */
	int error;
};

/* Like irqfd_wakeup(): consumes the signal, and ends the walk of the wait queue. */
static int hook_woken(wait_queue_entry_t *wait, unsigned int mode, int sync,
		      void *key)
{
	struct test_hook *hook = container_of(wait, struct test_hook, wait);
	u64 count;

	if (!(key_to_poll(key) & EPOLLIN))
		return 0;
	eventfd_ctx_do_read(hook->eventfd, &count);
	hook->count++;
	return 1;
}

static void hook_queue(struct file *file, wait_queue_head_t *queue, poll_table *table)
{
	struct test_hook *hook = container_of(table, struct test_hook, table);

	hook->error = vhost_backend_add_priority_exclusive(queue, &hook->wait);
}

/**
 * test_hook_create() - hook an eventfd
 * @fd: the eventfd
 *
 * Return: the hook or an ERR_PTR().
 */
struct test_hook *test_hook_create(int fd)
{
	struct test_hook *hook;
	struct file *file;
	int err;

	hook = kzalloc(sizeof(*hook), GFP_KERNEL_ACCOUNT);
	if (!hook)
		return ERR_PTR(-ENOMEM);
	file = eventfd_fget(fd);
	err = PTR_ERR_OR_ZERO(file);
	if (err)
		goto free;
	hook->eventfd = eventfd_ctx_fileget(file);
	init_waitqueue_func_entry(&hook->wait, hook_woken);
	init_poll_funcptr(&hook->table, hook_queue);
	vfs_poll(file, &hook->table);
	fput(file);
	err = hook->error;
	if (!err)
		return hook;
	eventfd_ctx_put(hook->eventfd);
free:
	kfree(hook);
	return ERR_PTR(err);
}

/**
 * test_hook_count() - count of signals that a hook has consumed
 * @hook: the hook
 *
 * Return: the count.
 */
u64 test_hook_count(const struct test_hook *hook)
{
	return READ_ONCE(hook->count);
}

/**
 * test_hook_free() - remove a hook from its eventfd and free it
 * @hook: the hook
 */
void test_hook_free(struct test_hook *hook)
{
	u64 count;

	eventfd_ctx_remove_wait_queue(hook->eventfd, &hook->wait, &count);
	eventfd_ctx_put(hook->eventfd);
	kfree(hook);
}

/**
 * test_hook_signal() - signal an eventfd as a vhost worker does
 * @fd: the eventfd
 * @count: how many times
 * @ns: out: how long all of it took
 *
 * Return: 0. -EINVAL: @count is 0 or too large, or @fd is not an eventfd. -EBADF:
 * there is no such descriptor.
 */
int test_hook_signal(int fd, u32 count, u64 *ns)
{
	struct eventfd_ctx *eventfd;
	unsigned long flags;
	u64 start;

	if (!count || count > 1000000)
		return -EINVAL;
	eventfd = eventfd_ctx_fdget(fd);
	if (IS_ERR(eventfd))
		return PTR_ERR(eventfd);
	local_irq_save(flags);
	start = ktime_get_ns();
	while (count--)
		vhost_backend_eventfd_signal(eventfd);
	*ns = ktime_get_ns() - start;
	local_irq_restore(flags);
	eventfd_ctx_put(eventfd);
	return 0;
}
