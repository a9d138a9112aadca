/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * /dev/vhost-backend-test, the test worker of the vhost backend channel.
 *
 * One open file of the device is one backend: attach it to a channel, then tell it
 * what to send. This is not a stable ABI. A production host never needs the device.
 */
#ifndef _UAPI_LINUX_VHOST_BACKEND_TEST_H
#define _UAPI_LINUX_VHOST_BACKEND_TEST_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * struct vhost_backend_test_attach - argument of %VHOST_BACKEND_TEST_ATTACH
 * @fd: the channel
 * @vring_base: the channel's vring that is the backend's vring 0
 * @nr_vrings: number of the backend's vrings
 * @flags: 0
 * @name: the backend's name, zero-terminated
 */
struct vhost_backend_test_attach {
	__s32 fd;
	__u32 vring_base;
	__u32 nr_vrings;
	__u32 flags;
	char name[64];
};

/* vhost_backend_test_send.flags */
#define VHOST_BACKEND_TEST_REPLY	1	/* ask for a reply, and report it */
#define VHOST_BACKEND_TEST_ASYNC	2	/* with REPLY: do not wait; see RESULT */
#define VHOST_BACKEND_TEST_TYPED	4	/* alone: the function for this request */

/* vhost_backend_test_send.context: where the kernel API is called from */
#define VHOST_BACKEND_TEST_PROCESS	0
#define VHOST_BACKEND_TEST_SOFTIRQ	1	/* a timer */
#define VHOST_BACKEND_TEST_HARDIRQ	2	/* irq_work, in hard interrupt even on PREEMPT_RT */

/*
 * vhost_backend_test_send.fd: the test worker's own file, one page with a line of
 * text that the kernel wrote
 */
#define VHOST_BACKEND_TEST_OWN_FILE	(-3)
#define VHOST_BACKEND_TEST_OWN_TEXT	"written by vhost_backend_test in the kernel\n"

/**
 * struct vhost_backend_test_send - argument of %VHOST_BACKEND_TEST_SEND
 * @request: the request's number; the test worker does not check it
 * @size: bytes of payload, at most 512; not checked otherwise
 * @payload: address of the payload
 * @fd: the file to attach, -1 for none, or %VHOST_BACKEND_TEST_OWN_FILE
 * @flags: VHOST_BACKEND_TEST_*, see below
 * @context: VHOST_BACKEND_TEST_PROCESS, _SOFTIRQ or _HARDIRQ
 * @timeout_ms: how long to wait for the reply; 0: the channel's default
 * @cookie: out: identifies an asynchronous request for RESULT; else 0
 * @error: out: result of the kernel API's function: 0 or a negative errno. The ioctl
 *	itself fails only if its argument is bad or it was interrupted
 * @result_fd: out: descriptor of the file that a synchronous LOOKUP found, else -1
 * @value: out: value of a synchronous reply
 *
 * @flags and @context decide which function of the kernel API is called:
 *
 * - without %VHOST_BACKEND_TEST_REPLY, vhost_backend_send();
 * - with it, in process context, vhost_backend_request(): the ioctl sleeps until the
 *   reply;
 * - with %VHOST_BACKEND_TEST_ASYNC besides, or in another context,
 *   vhost_backend_request_async(): RESULT reports how the request ended;
 * - with %VHOST_BACKEND_TEST_TYPED, in process context only, the function for this
 *   request, such as vhost_backend_shmem_map(). Its arguments are taken from the
 *   payload; fields for which it has no parameter are ignored.
 */
struct vhost_backend_test_send {
	__u32 request;
	__u32 size;
	__aligned_u64 payload;
	__s32 fd;
	__u32 flags;
	__u32 context;
	__u32 timeout_ms;
	__aligned_u64 cookie;
	__s32 error;
	__s32 result_fd;
	__aligned_u64 value;
};

/**
 * struct vhost_backend_test_result - argument of %VHOST_BACKEND_TEST_RESULT
 * @cookie: identifies the asynchronous request
 * @timeout_ms: how long to wait for its end; 0: do not wait
 * @error: out: the error that done() was given
 * @value: out: the value that done() was given
 * @fd: out: descriptor of the file that done() was given, else -1
 * @count: out: how many times done() was called; anything but 1 is a bug
 * @order: out: how many requests of this worker had ended when done() was called, this
 *	one included
 *
 * Each request is reported once, and then forgotten. EAGAIN: it has not ended yet.
 * ENOENT: there is no such request.
 */
struct vhost_backend_test_result {
	__aligned_u64 cookie;
	__u32 timeout_ms;
	__s32 error;
	__aligned_u64 value;
	__s32 fd;
	__u32 count;
	__aligned_u64 order;
};

/* vhost_backend_test_run.mix: the messages among which the threads choose at random */
#define VHOST_BACKEND_TEST_MIX_CALL	1	/* vhost_backend_vring_call() */
#define VHOST_BACKEND_TEST_MIX_ERR	2	/* vhost_backend_vring_err() */
#define VHOST_BACKEND_TEST_MIX_CONFIG	4	/* vhost_backend_config_change() */
#define VHOST_BACKEND_TEST_MIX_SEND	8	/* IOTLB_MSG without reply, never waits */
#define VHOST_BACKEND_TEST_MIX_SEND_WAIT 16	/* the same, waits for room */
#define VHOST_BACKEND_TEST_MIX_REQUEST	32	/* SHMEM_UNMAP, waits for its reply */
#define VHOST_BACKEND_TEST_MIX_MAP	64	/* SHMEM_MAP, waits for its reply */
#define VHOST_BACKEND_TEST_MIX_ASYNC	128	/* SHMEM_UNMAP, does not wait for its reply */

/**
 * struct vhost_backend_test_run - argument of %VHOST_BACKEND_TEST_RUN and of
 *	%VHOST_BACKEND_TEST_REPORT
 * @threads: kernel threads named vhost-backend-t, 1 to 32
 * @mix: VHOST_BACKEND_TEST_MIX_*
 * @count: number of messages that each thread sends; 0: until %VHOST_BACKEND_TEST_STOP
 * @rate: messages per second and thread; 0: as fast as possible
 * @seed: seed of the random choices, so that a run can be repeated
 * @timeout_ms: how long to wait for a reply or for room; 0: the channel's default
 * @calls: out: successful calls of vhost_backend_vring_call()
 * @errs: out: successful calls of vhost_backend_vring_err()
 * @configs: out: successful calls of vhost_backend_config_change()
 * @sends: out: messages without reply that were queued
 * @requests: out: requests that were queued, asynchronous ones included
 * @answered: out: requests that ended with error 0
 * @failed: out: requests that ended with another error
 * @refused: out: messages and requests that were refused, for lack of room or another
 *	reason
 * @last_error: out: error of the last message that was refused or request that failed
 * @running: out: number of threads that have not finished
 * @reserved: 0
 * @latency_max_ns: out: longest time from a request to its reply
 * @latency_sum_ns: out: sum of these times over all answered requests
 *
 * The payload of a message identifies the thread and the message. Threads are
 * numbered from 0. Each thread numbers its queued messages without reply (MIX_SEND
 * and MIX_SEND_WAIT) from 1, and its requests from 1 as well.
 *
 * - IOTLB_MSG: iova is the number of the thread, uaddr the number of the message.
 * - SHMEM_MAP, SHMEM_UNMAP: shm_offset is 4096 * (thread << 32 | number of the
 *   request), len is 4096.
 *
 * vhost_backend_vring_call() and vhost_backend_vring_err() are called for a random
 * vring of the backend.
 */
struct vhost_backend_test_run {
	__u32 threads;
	__u32 mix;
	__aligned_u64 count;
	__u32 rate;
	__u32 seed;
	__u32 timeout_ms;
	__s32 last_error;
	__aligned_u64 calls;
	__aligned_u64 errs;
	__aligned_u64 configs;
	__aligned_u64 sends;
	__aligned_u64 requests;
	__aligned_u64 answered;
	__aligned_u64 failed;
	__aligned_u64 refused;
	__aligned_u64 latency_max_ns;
	__aligned_u64 latency_sum_ns;
	__u32 running;
	__u32 reserved;
};

/**
 * struct vhost_backend_test_events - argument of %VHOST_BACKEND_TEST_EVENTS
 * @reset: out: how many times vhost_backend_ops.reset was called
 * @gone: out: how many times vhost_backend_ops.gone was called
 * @late: out: how many calls of done() had not returned when @gone was called, or came
 *	after it; anything but 0 is a bug
 * @reserved: 0
 */
struct vhost_backend_test_events {
	__u32 reset;
	__u32 gone;
	__u32 late;
	__u32 reserved;
};

/**
 * struct vhost_backend_test_hook - argument of %VHOST_BACKEND_TEST_HOOK
 * @fd: the eventfd to hook; -1: remove the hook
 * @flags: 0
 * @count: out: when the hook is removed, how many signals it has consumed
 *
 * The hook is a stand-in for a KVM irqfd: an exclusive priority waiter that only
 * resets the eventfd's counter. Each open file of the device can have one. EBUSY: it
 * has one already or, on newer kernels, the eventfd has another priority waiter.
 */
struct vhost_backend_test_hook {
	__s32 fd;
	__u32 flags;
	__aligned_u64 count;
};

/**
 * struct vhost_backend_test_signal - argument of %VHOST_BACKEND_TEST_SIGNAL
 * @fd: the eventfd
 * @count: how many times to signal it, 1 to 1000000
 * @ns: out: how long all of it took, with interrupts off; under QEMU's -icount with
 *	shift=0, the number of instructions
 */
struct vhost_backend_test_signal {
	__s32 fd;
	__u32 count;
	__aligned_u64 ns;
};

/* vhost_backend_test_measure.call */
#define VHOST_BACKEND_TEST_MEASURE_NOTHING	0	/* only what measuring itself takes */
#define VHOST_BACKEND_TEST_MEASURE_CALL		1	/* vhost_backend_vring_call() */
#define VHOST_BACKEND_TEST_MEASURE_SEND		2	/* IOTLB_MSG without reply */
#define VHOST_BACKEND_TEST_MEASURE_SEND_FILE	3	/* HOST_NOTIFIER with the own file */
#define VHOST_BACKEND_TEST_MEASURE_REQUEST	4	/* IOTLB_MSG, waits for its reply */
#define VHOST_BACKEND_TEST_MEASURE_EXPIRE	5	/* the interrupt in which one times out */

/**
 * struct vhost_backend_test_measure - argument of %VHOST_BACKEND_TEST_MEASURE
 * @call: VHOST_BACKEND_TEST_MEASURE_*: the call of the kernel API
 * @vring: for which vring of the backend, where the call has one
 * @count: how often, at most 10000; the first error ends it, and the ioctl
 * @reserved: 0
 * @ns: out: time that all of it took, with interrupts off unless it waits for
 *	replies or time-outs; under QEMU's -icount with shift=0, instructions. Of
 *	EXPIRE, the time only that was taken from a process that does nothing else
 */
struct vhost_backend_test_measure {
	__u32 call;
	__u32 vring;
	__u32 count;
	__u32 reserved;
	__aligned_u64 ns;
};

#define VHOST_BACKEND_TEST_IOCTL	0xAF

/* Calls vhost_backend_attach(). EBUSY: attached already. */
#define VHOST_BACKEND_TEST_ATTACH	_IOW(VHOST_BACKEND_TEST_IOCTL, 0xE0, \
					     struct vhost_backend_test_attach)
/* Calls vhost_backend_detach(). So does the last close. */
#define VHOST_BACKEND_TEST_DETACH	_IO(VHOST_BACKEND_TEST_IOCTL, 0xE1)
/* Calls vhost_backend_shutdown(). */
#define VHOST_BACKEND_TEST_SHUTDOWN	_IO(VHOST_BACKEND_TEST_IOCTL, 0xE2)
#define VHOST_BACKEND_TEST_SEND		_IOWR(VHOST_BACKEND_TEST_IOCTL, 0xE3, \
					      struct vhost_backend_test_send)
#define VHOST_BACKEND_TEST_RESULT	_IOWR(VHOST_BACKEND_TEST_IOCTL, 0xE4, \
					      struct vhost_backend_test_result)
/* Starts the threads. EBUSY: they still run. */
#define VHOST_BACKEND_TEST_RUN		_IOW(VHOST_BACKEND_TEST_IOCTL, 0xE5, \
					     struct vhost_backend_test_run)
/* Reports what the threads have done so far; does not wait. */
#define VHOST_BACKEND_TEST_REPORT	_IOR(VHOST_BACKEND_TEST_IOCTL, 0xE6, \
					     struct vhost_backend_test_run)
/* Tells the threads to finish; waits until they and all their requests have ended. */
#define VHOST_BACKEND_TEST_STOP		_IO(VHOST_BACKEND_TEST_IOCTL, 0xE7)
/* Calls vhost_backend_wait_room(); the argument is the time-out in ms. */
#define VHOST_BACKEND_TEST_WAIT_ROOM	_IO(VHOST_BACKEND_TEST_IOCTL, 0xE8)
/* Calls vhost_backend_accepts(); the argument is the request. Returns 0 or 1. */
#define VHOST_BACKEND_TEST_ACCEPTS	_IO(VHOST_BACKEND_TEST_IOCTL, 0xE9)
#define VHOST_BACKEND_TEST_EVENTS	_IOR(VHOST_BACKEND_TEST_IOCTL, 0xEA, \
					     struct vhost_backend_test_events)

#define VHOST_BACKEND_TEST_HOOK		_IOWR(VHOST_BACKEND_TEST_IOCTL, 0xEB, \
					      struct vhost_backend_test_hook)
#define VHOST_BACKEND_TEST_SIGNAL	_IOWR(VHOST_BACKEND_TEST_IOCTL, 0xEC, \
					      struct vhost_backend_test_signal)
#define VHOST_BACKEND_TEST_MEASURE	_IOWR(VHOST_BACKEND_TEST_IOCTL, 0xEF, \
					      struct vhost_backend_test_measure)

#endif /* _UAPI_LINUX_VHOST_BACKEND_TEST_H */
