// SPDX-License-Identifier: GPL-2.0-only
/*
 * Single messages of the test worker: SEND, from process, softirq or hard interrupt
 * context, and RESULT, which reports how an asynchronous request ended.
 */
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/irq_work.h>
#include <linux/jiffies.h>
#include <linux/kref.h>
#include <linux/slab.h>
#include <linux/timer.h>
#include <linux/uaccess.h>

#include "../backend/compat.h"
#include "worker.h"

#define PAYLOAD_MAX	512

/* An asynchronous request. RESULT and done() hold one reference each. */
struct test_request {
	struct vhost_backend_completion completion;
	struct test_worker *worker;
	struct kref ref;
	struct list_head node;
	u64 cookie;
	struct completion ended;
	atomic_t done_count;
	struct file *file;
	u64 value;
	u64 order;
	int error;
};

/* One SEND: the message, and what calls the kernel API in the requested context. */
struct test_send {
	struct vhost_backend *be;
	struct vhost_backend_req req;
	struct test_request *request;	/* NULL: no reply is wanted */
	struct file *found;		/* by a synchronous SHARED_OBJECT_LOOKUP */
	int error;
	struct timer_list timer;
	struct irq_work irq_work;
	struct completion called;
	u8 payload[PAYLOAD_MAX];
};

static void free_request(struct kref *ref)
{
	struct test_request *request = container_of(ref, struct test_request, ref);

	if (request->file)
		fput(request->file);
	kfree(request);
}

static void request_done(struct vhost_backend_completion *completion, int error,
			 u64 value, struct file *file)
{
	struct test_request *request =
		container_of(completion, struct test_request, completion);
	struct test_worker *worker = request->worker;

	/* A second call would be a bug. RESULT reports the count. */
	if (atomic_inc_return(&request->done_count) > 1)
		return;
	request->error = error;
	request->value = value;
	request->file = file;
	request->order = atomic64_inc_return(&worker->ends);
	complete_all(&request->ended);
	kref_put(&request->ref, free_request);
	/* The frontend is gone only when every call has returned. EVENTS reports those. */
	if (atomic_read(&worker->gones))
		atomic_inc(&worker->lates);
}

static struct test_request *create_request(struct test_worker *worker, u32 timeout_ms)
{
	struct test_request *request = kzalloc(sizeof(*request), GFP_KERNEL_ACCOUNT);

	if (!request)
		return NULL;
	request->worker = worker;
	kref_init(&request->ref);
	kref_get(&request->ref);
	init_completion(&request->ended);
	request->completion.done = request_done;
	request->completion.timeout = msecs_to_jiffies(timeout_ms);
	spin_lock(&worker->lock);
	request->cookie = ++worker->last_cookie;
	list_add_tail(&request->node, &worker->requests);
	spin_unlock(&worker->lock);
	return request;
}

/* Takes a request off the list. The caller gets the list's reference. */
static struct test_request *find_request(struct test_worker *worker, u64 cookie)
{
	struct test_request *request;

	spin_lock(&worker->lock);
	list_for_each_entry(request, &worker->requests, node) {
		if (request->cookie == cookie) {
			list_del(&request->node);
			spin_unlock(&worker->lock);
			return request;
		}
	}
	spin_unlock(&worker->lock);
	return NULL;
}

static void put_back_request(struct test_worker *worker, struct test_request *request)
{
	spin_lock(&worker->lock);
	list_add(&request->node, &worker->requests);
	spin_unlock(&worker->lock);
}

/* Calls the kernel API. Runs in the context that SEND asked for. */
static void call_api(struct test_send *send)
{
	if (send->request)
		send->error = vhost_backend_request_async(send->be, &send->req,
							  &send->request->completion);
	else
		send->error = vhost_backend_send(send->be, &send->req);
	complete(&send->called);
}

static void call_api_softirq(struct timer_list *timer)
{
	struct test_send *send = timer_container_of(send, timer, timer);

	call_api(send);
}

static void call_api_hardirq(struct irq_work *irq_work)
{
	call_api(container_of(irq_work, struct test_send, irq_work));
}

static void call_api_in(struct test_send *send, u32 context)
{
	init_completion(&send->called);
	switch (context) {
	case VHOST_BACKEND_TEST_PROCESS:
		call_api(send);
		break;
	case VHOST_BACKEND_TEST_SOFTIRQ:
		timer_setup(&send->timer, call_api_softirq, 0);
		mod_timer(&send->timer, jiffies);
		wait_for_completion(&send->called);
		vhost_backend_timer_shutdown(&send->timer);
		break;
	case VHOST_BACKEND_TEST_HARDIRQ:
		send->irq_work = IRQ_WORK_INIT_HARD(call_api_hardirq);
		irq_work_queue(&send->irq_work);
		wait_for_completion(&send->called);
		irq_work_sync(&send->irq_work);
		break;
	}
}

/* Sends, and does not wait for a reply. */
static int send_async(struct test_worker *worker, struct test_send *send,
		      struct vhost_backend_test_send *arg)
{
	struct test_request *request = NULL;

	if (arg->flags & VHOST_BACKEND_TEST_REPLY) {
		request = create_request(worker, arg->timeout_ms);
		if (!request)
			return -ENOMEM;
		arg->cookie = request->cookie;
	}
	send->request = request;
	call_api_in(send, arg->context);
	arg->error = send->error;
	if (request && send->error) {
		/*
		 * Refused: done() will not be called, so both references are dropped
		 * here. But RESULT of another thread may just hold that of the list.
		 */
		if (find_request(worker, arg->cookie))
			kref_put(&request->ref, free_request);
		kref_put(&request->ref, free_request);
		arg->cookie = 0;
	}
	return 0;
}

/*
 * Copies @arg to user space. If there is a @file, *@fd, a member of @arg, becomes a
 * descriptor of it. The descriptor is installed last, so that none is left if the
 * copy fails.
 */
static int report(void __user *user, void *arg, size_t size, s32 *fd, struct file *file)
{
	*fd = file ? get_unused_fd_flags(O_CLOEXEC) : VHOST_BACKEND_FD_NONE;
	if (file && *fd < 0)
		return *fd;
	if (copy_to_user(user, arg, size)) {
		if (file)
			put_unused_fd(*fd);
		return -EFAULT;
	}
	if (file)
		fd_install(*fd, get_file(file));
	return 0;
}

static int lookup(struct test_send *send, struct vhost_backend_test_send *arg,
		  unsigned long timeout)
{
	struct file *file;

	file = vhost_backend_shared_object_lookup(send->be, send->payload, timeout);
	arg->error = PTR_ERR_OR_ZERO(file);
	if (!arg->error)
		send->found = file;
	return 0;
}

static int send_sync(struct test_send *send, struct vhost_backend_test_send *arg)
{
	unsigned long timeout = msecs_to_jiffies(arg->timeout_ms);
	u64 value = 0;

	if (arg->request == VHOST_BACKEND_SHARED_OBJECT_LOOKUP &&
	    arg->size == sizeof(struct vhost_backend_shared_object))
		return lookup(send, arg, timeout);
	arg->error = vhost_backend_request(send->be, &send->req, timeout, &value);
	arg->value = value;
	return 0;
}

static int send_typed(struct test_send *send, struct vhost_backend_test_send *arg)
{
	u64 value = 0;

	arg->error = test_typed_call(send->be, &send->req, &value);
	arg->value = value;
	return 0;
}

static int check_send(const struct vhost_backend_test_send *arg)
{
	const u32 flags = VHOST_BACKEND_TEST_REPLY | VHOST_BACKEND_TEST_ASYNC;

	if (arg->flags == VHOST_BACKEND_TEST_TYPED)
		return arg->size > PAYLOAD_MAX ||
		       arg->context != VHOST_BACKEND_TEST_PROCESS ? -EINVAL : 0;
	return arg->size > PAYLOAD_MAX || arg->flags & ~flags ||
	       arg->context > VHOST_BACKEND_TEST_HARDIRQ ? -EINVAL : 0;
}

static int attachment_send(struct test_worker *worker, struct test_send *send,
			   struct vhost_backend_test_send *arg)
{
	int err = -ENOTCONN;

	down_read(&worker->attachment);
	send->be = worker->be;
	if (send->be) {
		if (arg->flags == VHOST_BACKEND_TEST_TYPED)
			err = send_typed(send, arg);
		else if (arg->flags == VHOST_BACKEND_TEST_REPLY &&
			 arg->context == VHOST_BACKEND_TEST_PROCESS)
			err = send_sync(send, arg);
		else
			err = send_async(worker, send, arg);
	}
	up_read(&worker->attachment);
	return err;
}

static struct file *get_attached(struct test_worker *worker, int fd)
{
	struct file *file;

	if (fd == VHOST_BACKEND_TEST_OWN_FILE)
		return get_file(worker->own_file);
	if (fd == VHOST_BACKEND_FD_NONE)
		return NULL;
	file = fget(fd);
	return file ?: ERR_PTR(-EBADF);
}

/**
 * test_send_message() - send one message
 * @worker: the worker
 * @argp: a struct vhost_backend_test_send of user space
 *
 * Return: 0 or a negative errno, of the ioctl.
 */
long test_send_message(struct test_worker *worker, void __user *argp)
{
	struct vhost_backend_test_send arg;
	struct test_send *send;
	struct file *file;
	long err;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	err = check_send(&arg);
	if (err)
		return err;
	arg.cookie = 0;
	arg.error = 0;
	arg.value = 0;
	file = get_attached(worker, arg.fd);
	if (IS_ERR(file))
		return PTR_ERR(file);
	send = kzalloc(sizeof(*send), GFP_KERNEL_ACCOUNT);
	err = -ENOMEM;
	if (!send)
		goto out_file;
	err = -EFAULT;
	if (copy_from_user(send->payload, u64_to_user_ptr(arg.payload), arg.size))
		goto out_send;
	send->req = (struct vhost_backend_req){
		.request = arg.request,
		.size = arg.size,
		.payload = send->payload,
		.file = file,
	};
	err = attachment_send(worker, send, &arg);
	if (!err)
		err = report(argp, &arg, sizeof(arg), &arg.result_fd, send->found);
	if (send->found)
		fput(send->found);
out_send:
	kfree(send);
out_file:
	if (file)
		fput(file);
	return err;
}

/**
 * test_send_result() - report how an asynchronous request ended, and forget it
 * @worker: the worker
 * @argp: a struct vhost_backend_test_result of user space
 *
 * Return: 0 or a negative errno, of the ioctl.
 */
long test_send_result(struct test_worker *worker, void __user *argp)
{
	struct vhost_backend_test_result arg;
	struct test_request *request;
	long left, err;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	request = find_request(worker, arg.cookie);
	if (!request)
		return -ENOENT;
	left = wait_for_completion_killable_timeout(&request->ended,
						    msecs_to_jiffies(arg.timeout_ms));
	if (left <= 0 && !completion_done(&request->ended)) {
		put_back_request(worker, request);
		return left ? -EINTR : -EAGAIN;
	}
	arg.error = request->error;
	arg.value = request->value;
	arg.count = atomic_read(&request->done_count);
	arg.order = request->order;
	err = report(argp, &arg, sizeof(arg), &arg.fd, request->file);
	if (err)
		put_back_request(worker, request);
	else
		kref_put(&request->ref, free_request);
	return err;
}

/**
 * test_send_forget() - forget the requests that nobody asked RESULT for
 * @worker: the worker, detached: all of them have ended
 */
void test_send_forget(struct test_worker *worker)
{
	struct test_request *request, *next;

	list_for_each_entry_safe(request, next, &worker->requests, node)
		kref_put(&request->ref, free_request);
}
