/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * /dev/vhost-backend-test, the load generator of the vhost backend channel.
 *
 * One open of the device is one backend: attach it to a channel, then have it
 * send. Not a stable ABI; never needed on a production host.
 */
#ifndef _UAPI_LINUX_VHOST_BACKEND_TEST_H
#define _UAPI_LINUX_VHOST_BACKEND_TEST_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * struct vhost_backend_test_attach - argument of %VHOST_BACKEND_TEST_ATTACH
 * @fd: the channel
 * @vring_base: the backend's vring 0 is this one of the channel
 * @nr_vrings: the backend's vrings
 * @flags: 0
 * @name: zero-terminated
 */
struct vhost_backend_test_attach {
	__s32 fd;
	__u32 vring_base;
	__u32 nr_vrings;
	__u32 flags;
	char name[64];
};

/* vhost_backend_test_send.flags */
#define VHOST_BACKEND_TEST_REPLY	1	/* ask for a reply and report it */
#define VHOST_BACKEND_TEST_ASYNC	2	/* with REPLY: do not wait, see RESULT */
#define VHOST_BACKEND_TEST_TYPED	4	/* alone: by the function for that request */

/* vhost_backend_test_send.context: where the kernel API is called from */
#define VHOST_BACKEND_TEST_PROCESS	0
#define VHOST_BACKEND_TEST_SOFTIRQ	1	/* a timer */
#define VHOST_BACKEND_TEST_HARDIRQ	2	/* irq_work; hard interrupt even on PREEMPT_RT */

/*
 * vhost_backend_test_send.fd: a file of the test worker's own, of one page,
 * which the kernel filled with a line of text and zeroes
 */
#define VHOST_BACKEND_TEST_OWN_FILE	(-3)
#define VHOST_BACKEND_TEST_OWN_TEXT	"written by vhost_backend_test in the kernel\n"

/**
 * struct vhost_backend_test_send - argument of %VHOST_BACKEND_TEST_SEND
 * @request: number, not checked
 * @size: bytes of payload, at most 512, not checked further
 * @payload: address of the payload
 * @fd: the file to attach, -1 for none, or %VHOST_BACKEND_TEST_OWN_FILE
 * @flags: VHOST_BACKEND_TEST_*. Without %VHOST_BACKEND_TEST_REPLY:
 *	vhost_backend_send(). With it: vhost_backend_request() in process
 *	context (the ioctl sleeps until the answer); with
 *	%VHOST_BACKEND_TEST_ASYNC or in another context
 *	vhost_backend_request_async(), whose end RESULT reports. With
 *	%VHOST_BACKEND_TEST_TYPED, in process context: the function that the kernel
 *	API has for @request, as vhost_backend_shmem_map(); it takes the fields of
 *	the payload that it has parameters for
 * @context: VHOST_BACKEND_TEST_PROCESS, _SOFTIRQ or _HARDIRQ
 * @timeout_ms: of the reply; 0: the module's default
 * @cookie: out: for RESULT, of an asynchronous request; else 0
 * @error: out: what the kernel API returned: 0 or a negative errno. The ioctl
 *	itself fails only if its argument is bad or it was interrupted
 * @result_fd: out: the file of a LOOKUP's reply as a descriptor, else -1
 * @value: out: of a synchronous reply
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
 * @cookie: of the asynchronous request
 * @timeout_ms: how long to wait for its end; 0: do not wait
 * @error: out: as given to done
 * @value: out: as given to done
 * @fd: out: the file given to done as a descriptor, else -1
 * @count: out: how many times done was called; anything but 1 is a bug
 *
 * Reports an asynchronous request once and forgets it. EAGAIN: not ended yet;
 * ENOENT: no such request.
 */
struct vhost_backend_test_result {
	__aligned_u64 cookie;
	__u32 timeout_ms;
	__s32 error;
	__aligned_u64 value;
	__s32 fd;
	__u32 count;
};

/* vhost_backend_test_run.mix: what the threads send, chosen at random among */
#define VHOST_BACKEND_TEST_MIX_CALL	1	/* vhost_backend_vring_call() */
#define VHOST_BACKEND_TEST_MIX_ERR	2	/* vhost_backend_vring_err() */
#define VHOST_BACKEND_TEST_MIX_CONFIG	4	/* vhost_backend_config_change() */
#define VHOST_BACKEND_TEST_MIX_SEND	8	/* IOTLB_MSG without reply, never waits */
#define VHOST_BACKEND_TEST_MIX_SEND_WAIT 16	/* likewise, waits for room */
#define VHOST_BACKEND_TEST_MIX_REQUEST	32	/* SHMEM_UNMAP, waits for its reply */
#define VHOST_BACKEND_TEST_MIX_MAP	64	/* SHMEM_MAP of the own file, waits for its reply */
#define VHOST_BACKEND_TEST_MIX_ASYNC	128	/* SHMEM_UNMAP, does not wait for its reply */

/**
 * struct vhost_backend_test_run - argument of %VHOST_BACKEND_TEST_RUN and of
 *	%VHOST_BACKEND_TEST_REPORT
 * @threads: kernel threads named vhost-backend-t, 1 to 32
 * @mix: VHOST_BACKEND_TEST_MIX_*
 * @count: messages that each thread sends; 0: until %VHOST_BACKEND_TEST_STOP
 * @rate: messages a second of each thread; 0: as fast as it can
 * @seed: of the choices, so that a run repeats
 * @timeout_ms: of replies and of waiting for room; 0: the module's default
 * @calls: out: successful vhost_backend_vring_call()
 * @errs: out: likewise, _vring_err()
 * @configs: out: likewise, _config_change()
 * @sends: out: messages without reply that were queued
 * @requests: out: requests, asynchronous ones included, that were queued
 * @answered: out: of these, ended with error 0
 * @failed: out: of these, ended with another error
 * @refused: out: sends and requests that were refused for room or for good
 * @last_error: out: the last error of a refusal or an end
 * @running: out: threads that have not finished
 * @reserved: 0
 * @latency_max_ns: out: longest time from a request to its reply
 * @latency_sum_ns: out: sum of these times, over answered requests
 *
 * The payload of a message carries who sent it: an IOTLB_MSG has the thread's
 * number in iova and its own number, counted from 1 for each thread over its
 * MIX_SEND and MIX_SEND_WAIT messages that were queued, in uaddr. An UNMAP or a
 * MAP has the thread's number, times 1 << 32, plus the number of the request of
 * this thread, from 1, in shm_offset in units of 4096 bytes, and len 4096.
 * vhost_backend_vring_call() and _err() choose one of the backend's vrings.
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
 * @reset: out: calls of vhost_backend_ops.reset
 * @gone: out: calls of vhost_backend_ops.gone
 */
struct vhost_backend_test_events {
	__u32 reset;
	__u32 gone;
};

/**
 * struct vhost_backend_test_hook - argument of %VHOST_BACKEND_TEST_HOOK
 * @fd: the eventfd to hook; -1: take the hook off
 * @flags: 0
 * @count: out: how often the hook was called, since it was hooked
 *
 * The hook is a stand-in for a KVM irqfd: an exclusive priority waiter that does
 * nothing but consume the eventfd's counter. One for each open of the device.
 * EBUSY: there is one already, or, on newer kernels, another priority waiter.
 */
struct vhost_backend_test_hook {
	__s32 fd;
	__u32 flags;
	__aligned_u64 count;
};

/**
 * struct vhost_backend_test_signal - argument of %VHOST_BACKEND_TEST_SIGNAL
 * @fd: the eventfd
 * @count: how often to signal it, 1 to 1000000
 * @ns: out: time that all of it took, with interrupts off; under QEMU's -icount
 *	with shift=0, instructions
 */
struct vhost_backend_test_signal {
	__s32 fd;
	__u32 count;
	__aligned_u64 ns;
};

#define VHOST_BACKEND_TEST_IOCTL	0xAF

/* vhost_backend_attach(); EBUSY: attached already */
#define VHOST_BACKEND_TEST_ATTACH	_IOW(VHOST_BACKEND_TEST_IOCTL, 0xE0, \
					     struct vhost_backend_test_attach)
/* vhost_backend_detach(); so does the last close */
#define VHOST_BACKEND_TEST_DETACH	_IO(VHOST_BACKEND_TEST_IOCTL, 0xE1)
/* vhost_backend_shutdown() */
#define VHOST_BACKEND_TEST_SHUTDOWN	_IO(VHOST_BACKEND_TEST_IOCTL, 0xE2)
#define VHOST_BACKEND_TEST_SEND		_IOWR(VHOST_BACKEND_TEST_IOCTL, 0xE3, \
					      struct vhost_backend_test_send)
#define VHOST_BACKEND_TEST_RESULT	_IOWR(VHOST_BACKEND_TEST_IOCTL, 0xE4, \
					      struct vhost_backend_test_result)
/* starts the threads; EBUSY: still running */
#define VHOST_BACKEND_TEST_RUN		_IOW(VHOST_BACKEND_TEST_IOCTL, 0xE5, \
					     struct vhost_backend_test_run)
/* what they have done so far; does not wait */
#define VHOST_BACKEND_TEST_REPORT	_IOR(VHOST_BACKEND_TEST_IOCTL, 0xE6, \
					     struct vhost_backend_test_run)
/* tells the threads to finish, waits until they and all requests have ended */
#define VHOST_BACKEND_TEST_STOP		_IO(VHOST_BACKEND_TEST_IOCTL, 0xE7)
/* vhost_backend_wait_room(), argument: time-out in ms */
#define VHOST_BACKEND_TEST_WAIT_ROOM	_IO(VHOST_BACKEND_TEST_IOCTL, 0xE8)
/* vhost_backend_accepts(), argument: the request; returns 0 or 1 */
#define VHOST_BACKEND_TEST_ACCEPTS	_IO(VHOST_BACKEND_TEST_IOCTL, 0xE9)
#define VHOST_BACKEND_TEST_EVENTS	_IOR(VHOST_BACKEND_TEST_IOCTL, 0xEA, \
					     struct vhost_backend_test_events)

#define VHOST_BACKEND_TEST_HOOK		_IOWR(VHOST_BACKEND_TEST_IOCTL, 0xEB, \
					      struct vhost_backend_test_hook)
#define VHOST_BACKEND_TEST_SIGNAL	_IOWR(VHOST_BACKEND_TEST_IOCTL, 0xEC, \
					      struct vhost_backend_test_signal)

#endif /* _UAPI_LINUX_VHOST_BACKEND_TEST_H */
