// SPDX-License-Identifier: GPL-2.0-only
/*
 * The test worker, /dev/vhost-backend-test. A program attaches it to a channel and
 * tells it what to send, and from which context. It also shows authors of drivers
 * how the kernel API is used. A production host never needs it.
 */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../backend/compat.h"
#include "worker.h"

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

/* Keeps the last report of the load, for REPORT. */
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
 * Shuts down first. That ends the waits of other threads, which hold @attachment,
 * and the threads of the load finish because their sends are refused.
 */
static long detach(struct test_worker *worker)
{
	long err = shutdown(worker);

	down_write(&worker->attachment);
	/* Another thread may have attached again in between, and started a load. */
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

/*
 * Waits for the threads of the load; the wait can be killed. @attachment is held for
 * reading only, so that another thread can shut the backend down meanwhile.
 */
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
		.late = atomic_read(&worker->lates),
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
		return test_send_message(worker, argp);
	case VHOST_BACKEND_TEST_RESULT:
		return test_send_result(worker, argp);
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
	case VHOST_BACKEND_TEST_MEASURE:
		return test_measure(worker, argp);
	default:
		return -ENOTTY;
	}
}

/* Creates a file of one page with VHOST_BACKEND_TEST_OWN_TEXT in it. */
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

	detach(worker);
	if (worker->hook)
		test_hook_free(worker->hook);
	test_send_forget(worker);
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
