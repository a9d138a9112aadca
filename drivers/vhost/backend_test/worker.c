// SPDX-License-Identifier: GPL-2.0-only
/*
 * The test worker, /dev/vhost-backend-test: sends over a channel whatever user
 * space asks for, from process, softirq or hard interrupt context. Also the
 * reference for authors of drivers. Never needed on a production host.
 */
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/irq_work.h>
#include <linux/jiffies.h>
#include <linux/kref.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>
#include <linux/timer.h>
#include <linux/uaccess.h>

#include "../backend/compat.h"
#include "worker.h"

#define PAYLOAD_MAX	512

/* An asynchronous request; one reference is RESULT's, the other done's. */
struct test_request {
	struct vhost_backend_completion completion;
	struct kref ref;
	struct list_head node;
	u64 cookie;
	struct completion ended;
	atomic_t done_count;
	struct file *file;
	u64 value;
	int error;
};

/* One SEND, in whatever context it was asked for. */
struct test_send {
	struct vhost_backend *be;
	struct vhost_backend_req req;
	struct test_request *request;	/* NULL: wants no reply */
	struct file *found;		/* by a LOOKUP that was waited for */
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

	/* A second call would be a bug: it shows in the count. */
	if (atomic_inc_return(&request->done_count) > 1)
		return;
	request->error = error;
	request->value = value;
	request->file = file;
	complete_all(&request->ended);
	kref_put(&request->ref, free_request);
}

static struct test_request *create_request(struct test_worker *worker, u32 timeout_ms)
{
	struct test_request *request = kzalloc(sizeof(*request), GFP_KERNEL_ACCOUNT);

	if (!request)
		return NULL;
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

/* Takes a request off the list; the list's reference goes to the caller. */
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

/* The call that all is about. */
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

/* Sends without waiting for a reply. */
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
		/* Refused: done will not be called. RESULT may have it just now. */
		if (find_request(worker, arg->cookie))
			kref_put(&request->ref, free_request);
		kref_put(&request->ref, free_request);
		arg->cookie = 0;
	}
	return 0;
}

/*
 * Copies @arg to user space, with @file, if there is one, as the descriptor *@fd, a
 * member of @arg. It is installed last: whatever fails, no descriptor is left.
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

static long ioctl_send(struct test_worker *worker, void __user *argp)
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

static long ioctl_result(struct test_worker *worker, void __user *argp)
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
	err = report(argp, &arg, sizeof(arg), &arg.fd, request->file);
	if (err)
		put_back_request(worker, request);
	else
		kref_put(&request->ref, free_request);
	return err;
}

static void count_reset(void *private)
{
	struct test_worker *worker = private;

	atomic_inc(&worker->resets);
}

static void count_gone(void *private)
{
	struct test_worker *worker = private;

	atomic_inc(&worker->gones);
}

static const struct vhost_backend_ops backend_ops = {
	.reset = count_reset,
	.gone = count_gone,
};

static long ioctl_attach(struct test_worker *worker, void __user *argp)
{
	struct vhost_backend_test_attach arg;
	struct vhost_backend *be;
	long err = -EBUSY;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	if (arg.flags || !memchr(arg.name, 0, sizeof(arg.name)))
		return -EINVAL;
	down_write(&worker->attachment);
	if (worker->be)
		goto out;
	be = vhost_backend_attach(arg.fd, arg.name, arg.vring_base, arg.nr_vrings,
				  &backend_ops, worker);
	err = PTR_ERR_OR_ZERO(be);
	if (!err) {
		worker->be = be;
		worker->nr_vrings = arg.nr_vrings;
	}
out:
	up_write(&worker->attachment);
	return err;
}

static long shutdown(struct test_worker *worker)
{
	long err = -ENOTCONN;

	down_read(&worker->attachment);
	if (worker->be) {
		vhost_backend_shutdown(worker->be);
		err = 0;
	}
	up_read(&worker->attachment);
	return err;
}

/* The last report of a load stays to be asked for. */
static void stop_load(struct test_worker *worker)
{
	struct test_load *load = worker->load;

	if (!load)
		return;
	test_load_join(load);
	test_load_report(load, &worker->last_run);
	test_load_free(load);
	worker->load = NULL;
}

/*
 * Shutdown first: others hold the attachment until their waits end, and the load
 * finishes when its sends are refused.
 */
static long detach(struct test_worker *worker)
{
	long err = shutdown(worker);

	down_write(&worker->attachment);
	/* Another thread may have attached anew, and its load waits for long. */
	if (worker->be)
		vhost_backend_shutdown(worker->be);
	stop_load(worker);
	if (worker->be)
		vhost_backend_detach(worker->be);
	worker->be = NULL;
	up_write(&worker->attachment);
	return err;
}

static bool load_runs(struct test_worker *worker)
{
	if (!worker->load)
		return false;
	test_load_report(worker->load, &worker->last_run);
	return worker->last_run.running;
}

static long ioctl_run(struct test_worker *worker, void __user *argp)
{
	struct vhost_backend_test_run arg;
	struct test_load *load;
	long err;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	down_write(&worker->attachment);
	err = -ENOTCONN;
	if (!worker->be)
		goto out;
	err = -EBUSY;
	if (load_runs(worker))
		goto out;
	stop_load(worker);
	load = test_load_start(worker->be, worker->nr_vrings, worker->own_file, &arg);
	err = PTR_ERR_OR_ZERO(load);
	if (!err)
		worker->load = load;
out:
	up_write(&worker->attachment);
	return err;
}

static long ioctl_report(struct test_worker *worker, void __user *argp)
{
	struct vhost_backend_test_run run;

	down_read(&worker->attachment);
	if (worker->load)
		test_load_report(worker->load, &run);
	else
		run = worker->last_run;
	up_read(&worker->attachment);
	return copy_to_user(argp, &run, sizeof(run)) ? -EFAULT : 0;
}

/* The attachment is held for reading while it takes, so that others can shut down. */
/* Waits for threads in a way that can be killed, and for none that comes later. */
static long ioctl_stop(struct test_worker *worker)
{
	bool stopped;
	long err;

	do {
		down_read(&worker->attachment);
		err = worker->load ? test_load_finish(worker->load) : 0;
		up_read(&worker->attachment);
		if (err)
			return err;
		down_write(&worker->attachment);
		stopped = !load_runs(worker);
		if (stopped)
			stop_load(worker);
		up_write(&worker->attachment);
	} while (!stopped);
	return 0;
}

static long ioctl_wait_room(struct test_worker *worker, unsigned long timeout_ms)
{
	long err = -ENOTCONN;

	down_read(&worker->attachment);
	if (worker->be)
		err = vhost_backend_wait_room(worker->be, msecs_to_jiffies(timeout_ms));
	up_read(&worker->attachment);
	return err;
}

static long ioctl_accepts(struct test_worker *worker, unsigned long request)
{
	long ret = -ENOTCONN;

	down_read(&worker->attachment);
	if (worker->be)
		ret = vhost_backend_accepts(worker->be, request);
	up_read(&worker->attachment);
	return ret;
}

static long ioctl_events(struct test_worker *worker, void __user *argp)
{
	struct vhost_backend_test_events events = {
		.reset = atomic_read(&worker->resets),
		.gone = atomic_read(&worker->gones),
	};

	test_fault_spoil(&events.gone, sizeof(events.gone));
	return copy_to_user(argp, &events, sizeof(events)) ? -EFAULT : 0;
}

static long ioctl_hook(struct test_worker *worker, void __user *argp)
{
	struct vhost_backend_test_hook arg;
	struct test_hook *hook = NULL;
	long err = 0;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	if (arg.flags)
		return -EINVAL;
	down_write(&worker->attachment);
	arg.count = 0;
	if (arg.fd != -1) {
		hook = worker->hook ? ERR_PTR(-EBUSY) : test_hook_create(arg.fd);
		err = PTR_ERR_OR_ZERO(hook);
	} else if (worker->hook) {
		arg.count = test_hook_count(worker->hook);
		test_hook_free(worker->hook);
	} else {
		err = -ENOENT;
	}
	if (!err)
		worker->hook = hook;
	up_write(&worker->attachment);
	if (!err && copy_to_user(argp, &arg, sizeof(arg)))
		err = -EFAULT;
	return err;
}

static long ioctl_signal(void __user *argp)
{
	struct vhost_backend_test_signal arg;
	long err;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	err = test_hook_signal(arg.fd, arg.count, &arg.ns);
	if (!err && copy_to_user(argp, &arg, sizeof(arg)))
		err = -EFAULT;
	return err;
}

static long worker_ioctl(struct file *file, unsigned int command, unsigned long arg)
{
	struct test_worker *worker = file->private_data;
	void __user *argp = (void __user *)arg;

	switch (command) {
	case VHOST_BACKEND_TEST_ATTACH:
		return ioctl_attach(worker, argp);
	case VHOST_BACKEND_TEST_DETACH:
		return detach(worker);
	case VHOST_BACKEND_TEST_SHUTDOWN:
		return shutdown(worker);
	case VHOST_BACKEND_TEST_SEND:
		return ioctl_send(worker, argp);
	case VHOST_BACKEND_TEST_RESULT:
		return ioctl_result(worker, argp);
	case VHOST_BACKEND_TEST_RUN:
		return ioctl_run(worker, argp);
	case VHOST_BACKEND_TEST_REPORT:
		return ioctl_report(worker, argp);
	case VHOST_BACKEND_TEST_STOP:
		return ioctl_stop(worker);
	case VHOST_BACKEND_TEST_WAIT_ROOM:
		return ioctl_wait_room(worker, arg);
	case VHOST_BACKEND_TEST_ACCEPTS:
		return ioctl_accepts(worker, arg);
	case VHOST_BACKEND_TEST_EVENTS:
		return ioctl_events(worker, argp);
	case VHOST_BACKEND_TEST_HOOK:
		return ioctl_hook(worker, argp);
	case VHOST_BACKEND_TEST_SIGNAL:
		return ioctl_signal(argp);
	default:
		return -ENOTTY;
	}
}

/* A file of one page, whose contents the kernel wrote. */
static struct file *create_own_file(void)
{
	static const char text[] = VHOST_BACKEND_TEST_OWN_TEXT;
	struct file *file = vhost_backend_shmem_file("vhost-backend-test", PAGE_SIZE);
	ssize_t written;
	loff_t position = 0;

	if (IS_ERR(file))
		return file;
	written = kernel_write(file, text, strlen(text), &position);
	if (written == strlen(text))
		return file;
	fput(file);
	return ERR_PTR(written < 0 ? written : -EIO);
}

static int worker_open(struct inode *inode, struct file *file)
{
	struct test_worker *worker = kzalloc(sizeof(*worker), GFP_KERNEL_ACCOUNT);

	if (!worker)
		return -ENOMEM;
	worker->own_file = create_own_file();
	if (IS_ERR(worker->own_file)) {
		int err = PTR_ERR(worker->own_file);

		kfree(worker);
		return err;
	}
	init_rwsem(&worker->attachment);
	spin_lock_init(&worker->lock);
	INIT_LIST_HEAD(&worker->requests);
	file->private_data = worker;
	return 0;
}

static int worker_release(struct inode *inode, struct file *file)
{
	struct test_worker *worker = file->private_data;
	struct test_request *request, *next;

	detach(worker);
	if (worker->hook)
		test_hook_free(worker->hook);
	list_for_each_entry_safe(request, next, &worker->requests, node)
		kref_put(&request->ref, free_request);
	fput(worker->own_file);
	kfree(worker);
	return 0;
}

static const struct file_operations worker_fops = {
	.owner = THIS_MODULE,
	.open = worker_open,
	.release = worker_release,
	.unlocked_ioctl = worker_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "vhost-backend-test",
	.fops = &worker_fops,
	.mode = 0600,
};

module_misc_device(device);

MODULE_DESCRIPTION("Test worker of the vhost backend channel");
MODULE_AUTHOR("The vhost backend channel developers");
MODULE_LICENSE("GPL");
