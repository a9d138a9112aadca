// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long calls of the kernel API take, for the benchmark: timed here, since a
 * system call around each would cost more than most of them.
 */
#include <linux/irqflags.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/processor.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <linux/vhost.h>

#include "../backend/compat.h"
#include "worker.h"

/* The same loop without a call: the caller subtracts what it takes. */
static int call_nothing(struct test_worker *worker, u32 vring)
{
	return 0;
}

static int call_vring_call(struct test_worker *worker, u32 vring)
{
	return vhost_backend_vring_call(worker->be, vring);
}

static const struct vhost_backend_iotlb miss = {
	.iova = 0x1000,
	.perm = VHOST_ACCESS_RO,
	.type = VHOST_IOTLB_MISS,
};

static const struct vhost_backend_req iotlb_request = {
	.request = VHOST_BACKEND_IOTLB_MSG,
	.size = sizeof(miss),
	.payload = &miss,
};

static int call_send(struct test_worker *worker, u32 vring)
{
	return vhost_backend_send(worker->be, &iotlb_request);
}

static int call_send_file(struct test_worker *worker, u32 vring)
{
	const struct vhost_backend_vring_area area = {
		.vring = vring,
		.size = PAGE_SIZE,
	};
	const struct vhost_backend_req req = {
		.request = VHOST_BACKEND_VRING_HOST_NOTIFIER_MSG,
		.size = sizeof(area),
		.payload = &area,
		.file = worker->own_file,
	};

	return vhost_backend_send(worker->be, &req);
}

static int call_request(struct test_worker *worker, u32 vring)
{
	return vhost_backend_request(worker->be, &iotlb_request, 0, NULL);
}

struct expiry {
	struct vhost_backend_completion completion;
	bool over;
};

static void expired(struct vhost_backend_completion *completion, int error, u64 value,
		    struct file *file)
{
	WRITE_ONCE(container_of(completion, struct expiry, completion)->over, true);
}

/*
 * Sends a request that nobody reads, and waits for its time-out in a loop that looks at
 * the clock. The longest time between two looks is that of the interrupt. A reader that
 * answers would make this wait as long as for any request.
 */
static int expire(struct test_worker *worker, u64 *ns)
{
	struct expiry expiry = { .completion = { .done = expired, .timeout = 1 } };
	u64 last, now;
	int err;

	err = vhost_backend_request_async(worker->be, &iotlb_request, &expiry.completion);
	if (err)
		return err;
	*ns = 0;
	for (last = ktime_get_ns(); !READ_ONCE(expiry.over); last = now) {
		now = ktime_get_ns();
		*ns = max(*ns, now - last);
		cpu_relax();
	}
	return 0;
}

static int measure_expiries(struct test_worker *worker,
			    struct vhost_backend_test_measure *arg)
{
	u32 left = arg->count;
	int err = 0;
	u64 ns = 0;

	arg->ns = 0;
	while (left-- && !err) {
		cond_resched();
		err = fatal_signal_pending(current) ? -EINTR : expire(worker, &ns);
		arg->ns += ns;
	}
	return err;
}

/* By vhost_backend_test_measure.call. */
static int (*const calls[])(struct test_worker *worker, u32 vring) = {
	call_nothing, call_vring_call, call_send, call_send_file, call_request,
};

/* Of all these only a request sleeps: interrupts stay out of what the others take. */
static int measure(struct test_worker *worker, struct vhost_backend_test_measure *arg)
{
	bool sleeps = arg->call == VHOST_BACKEND_TEST_MEASURE_REQUEST;
	unsigned long flags = 0;
	u32 left = arg->count;
	int err = 0;
	u64 start;

	if (!sleeps)
		local_irq_save(flags);
	start = ktime_get_ns();
	while (left-- && !err)
		err = calls[arg->call](worker, arg->vring);
	arg->ns = ktime_get_ns() - start;
	if (!sleeps)
		local_irq_restore(flags);
	return err;
}

/**
 * test_measure() - the ioctl %VHOST_BACKEND_TEST_MEASURE
 * @worker: the worker
 * @argp: its argument
 *
 * Return: 0; -EFAULT; -EINVAL; -ENOTCONN not attached; what the call returned, if
 * not 0.
 */
long test_measure(struct test_worker *worker, void __user *argp)
{
	struct vhost_backend_test_measure arg;
	int err = -ENOTCONN;
	bool expires;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	expires = arg.call == VHOST_BACKEND_TEST_MEASURE_EXPIRE;
	if ((arg.call >= ARRAY_SIZE(calls) && !expires) || arg.count > 10000 || arg.reserved)
		return -EINVAL;
	down_read(&worker->attachment);
	if (worker->be)
		err = expires ? measure_expiries(worker, &arg) : measure(worker, &arg);
	up_read(&worker->attachment);
	if (!err && copy_to_user(argp, &arg, sizeof(arg)))
		err = -EFAULT;
	return err;
}
