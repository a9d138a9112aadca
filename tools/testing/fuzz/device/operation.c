// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of operations. A new one is a row here and a function; programs name
 * rows, so that a corpus stays valid when rows are added. So it does when a row gets
 * another argument at its end: a program that lacks it has 0 there.
 */
#include "operation.h"

#include <liburing.h>
#include <linux/vhost_shmem.h>
#include <sys/epoll.h>

#define NUMBERS(t, ...)							\
	{ .type = (t), .values = (const uint64_t[]){ __VA_ARGS__ },	\
	  .count = sizeof((const uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t) }
#define VALUES(...)	NUMBERS(VALUE, __VA_ARGS__)
#define BITS(...)	NUMBERS(FLAGS, 0, __VA_ARGS__)
#define SLOT_OF		NUMBERS(SLOT, 0)
#define FIRST(kind)	((kind) * SLOTS)
#define DESCRIPTOR(...)	NUMBERS(ANY, __VA_ARGS__)
#define ARGUMENT(...)	((const struct argument[]){ __VA_ARGS__ })

/* Of a struct's address; and of others that many rows have */
#define ADDRESS		VALUES(GOOD, GOOD, GOOD, GOOD, STRADDLES_HOLE, READ_ONLY, AT_NULL, \
			       IN_HOLE, IN_KERNEL)
#define VRING		VALUES(0, 1, 63, 64, 255, 256, 32767, -1)
#define TIMEOUT		VALUES(1, 0, 20, 1000)
#define ZERO		VALUES(0, 0, 0, 1, 8, 1 << 31, -1)
#define WHICH		VALUES(0, 0, 1, 2, RECENT)
#define READABLE	DESCRIPTOR(FIRST(CHANNEL), FIRST(CHANNEL), FIRST(CHANNEL) + 1, \
				   FIRST(WORKER), FIRST(EVENTFD))
#define SQE_FLAGS	BITS(IOSQE_ASYNC, IOSQE_IO_LINK, IOSQE_CQE_SKIP_SUCCESS)
#define REQUEST		VALUES(1000, 1001, 1, 4, 5, 2, 8, 3, 6, 7, 1002, 1003, 1004, 1005, \
			       1006, 1007, 0, 9, 1008)
#define ALL_REQUESTS	(VHOST_BACKEND_REQUESTS_ALL | VHOST_BACKEND_REQUESTS_SHARED_OBJECT)
#define NO_FILE		((uint32_t)-1)

#define ROW(n, w, f, ...)						\
	{ .name = (n), .run = (f), .weight = (w),			\
	  .arguments = sizeof(ARGUMENT(__VA_ARGS__)) / sizeof(struct argument), \
	  .argument = { __VA_ARGS__ } }

const struct operation operations[] = {
	ROW("open", 3, channel_do_open, SLOT_OF, VALUES(O_NONBLOCK, O_NONBLOCK, 0, O_CLOEXEC)),
	ROW("setup", 4, channel_do_setup, SLOT_OF, ADDRESS, BITS(1, 2),
	    VALUES(0, 1, 64, 256, 32768, 32769), VALUES(0, 4096, 8192, 1 << 24, 4095),
	    VALUES(0, 1, 2, 4096, 4097),
	    VALUES(ALL_REQUESTS, VHOST_BACKEND_REQUESTS_ALL, 0x10, 0x36, -1, 1ULL << 32, 3 << 9),
	    VALUES(0, 1, 65536, 65537), ZERO),
	ROW("bind", 8, channel_do_bind, SLOT_OF, ADDRESS, VALUES(1, 2, 3, 4, 0, 5), VRING,
	    DESCRIPTOR(FIRST(EVENTFD), FIRST(EVENTFD) + 1, FIRST(VHOST), FIRST(VHOST), NO_FILE,
		       FIRST(CHANNEL), FIRST(SHMEM)), BITS(1, 2)),
	ROW("take-fd", 3, channel_do_take_fd, SLOT_OF, ADDRESS, WHICH, ZERO, ZERO, SLOT_OF),
	ROW("set-shmem", 2, channel_do_set_shmem, SLOT_OF, ADDRESS, VALUES(0, 1, 255, 256),
	    VALUES(1 << 20, 0, 4096, 1ULL << 40, 4095, -1), ZERO),
	ROW("array", 2, channel_do_array, SLOT_OF, VALUES(0, 1), ZERO, ADDRESS,
	    VALUES(16, 0, 1, 256, -1), ZERO),
	ROW("command", 3, channel_do_command, SLOT_OF, VALUES(0, 1, 2, 3), ZERO),
	ROW("struct", 3, channel_do_struct, SLOT_OF, ADDRESS, VALUES(0, 1, 2), VALUES(1, 0, 2)),
	ROW("reply", 6, channel_do_reply, SLOT_OF, ADDRESS, WHICH,
	    VALUES(0, 1, -5, -4095, -4096, 1ULL << 63),
	    DESCRIPTOR(NO_FILE, FIRST(ANY_FILE), FIRST(CHANNEL)), ZERO, ZERO, ZERO, ZERO),
	ROW("read", 10, channel_do_read, SLOT_OF, ADDRESS,
	    VALUES(4096, 280, 24, 32, 56, 0, 1, 23, 279, 8192),
	    VALUES(0, 0, 0, RWF_NOWAIT, RWF_HIPRI), VALUES(0, 0, 1, 24, 100)),
	ROW("write", 8, channel_do_write, SLOT_OF, ADDRESS, VALUES(1, 1, 2, RECENT, 0), ZERO,
	    VALUES(0, 1, -5, -4095, -4096, 1ULL << 63),
	    DESCRIPTOR(NO_FILE, FIRST(ANY_FILE), FIRST(CHANNEL)), ZERO, ZERO, ZERO, ZERO),
	ROW("ioctl", 2, channel_do_ioctl, DESCRIPTOR(FIRST(CHANNEL), FIRST(WORKER)), ADDRESS,
	    VALUES(VHOST_BACKEND_SETUP, VHOST_BACKEND_BIND, VHOST_BACKEND_GET_API_VERSION,
		   VHOST_BACKEND_REPLY, VHOST_BACKEND_TEST_SEND, VHOST_BACKEND_TEST_RUN,
		   VHOST_BACKEND_TEST_ATTACH, 0xafde, 0xafed, 0x5421, 0x5452, 0), ZERO),
	ROW("mmap", 3, channel_do_mmap, SLOT_OF, SLOT_OF,
	    VALUES(VHOST_BACKEND_MMAP_CTL, VHOST_BACKEND_MMAP_RING, PAGE),
	    VALUES(4096, 16384, 8192, 1 << 24), VALUES(3, 1, 0, 2), VALUES(0, 0, 0, 1)),
	ROW("unmap", 1, mapping_do_unmap, SLOT_OF, VALUES(0, PAGE)),
	ROW("remap", 1, mapping_do_move, SLOT_OF, VALUES(8192, 4096, 0, 1 << 24)),
	ROW("protect", 1, mapping_do_protect, SLOT_OF, VALUES(3, 1, 0)),
	ROW("poke", 4, mapping_do_poke, SLOT_OF,
	    VALUES(8, 64, 16, 12, 0, 128, 192, 256, 512, 4096), VALUES(0, 1, 24, 4096, 1 << 20, -1),
	    VALUES(8, 4, 1)),

	ROW("worker", 3, worker_do_open, SLOT_OF),
	ROW("attach", 4, worker_do_attach, SLOT_OF, ADDRESS,
	    DESCRIPTOR(FIRST(CHANNEL), FIRST(CHANNEL) + 1), VRING, VALUES(2, 1, 0, 256, 32768),
	    ZERO, VALUES('a', 0, ' ')),
	ROW("worker-command", 6, worker_do_command, SLOT_OF, VALUES(0, 1, 2, 3, 4),
	    VALUES(1, 4, 20, 1000)),
	ROW("send", 12, worker_do_send, SLOT_OF, ADDRESS, REQUEST,
	    DESCRIPTOR(0, 0, NO_FILE, NO_FILE, FIRST(ANY_FILE), FIRST(EVENTFD), FIRST(CHANNEL)),
	    VALUES(3, 3, 0, 1, 4, 8, 11, 16, 19, 2, 24), TIMEOUT,
	    VALUES(0, 1, 4096, 1 << 20, -4096), VALUES(PAGE, 1, 0, -1, 1ULL << 63),
	    VALUES(1, 3, 0, 2, 0x100, 0x101, 1ULL << 40), ZERO),
	ROW("result", 4, worker_do_result, SLOT_OF, ADDRESS, WHICH, TIMEOUT),
	ROW("run", 4, worker_do_run, SLOT_OF, ADDRESS, VALUES(1, 2, 4, 0, 33),
	    VALUES(255, 7, 8, 16, 32, 64, 128, 1, 256), VALUES(100, 1000, 0), ZERO,
	    VALUES(1, 2, 3), TIMEOUT),
	ROW("worker-struct", 2, worker_do_struct, SLOT_OF, ADDRESS, VALUES(0, 1)),
	ROW("hook", 2, worker_do_hook, SLOT_OF, ADDRESS,
	    DESCRIPTOR(FIRST(EVENTFD), NO_FILE, FIRST(CHANNEL)), ZERO),
	ROW("signal", 5, worker_do_signal, SLOT_OF, ADDRESS,
	    DESCRIPTOR(FIRST(EVENTFD), FIRST(EVENTFD) + 1, FIRST(CHANNEL)), VALUES(1, 2, 50)),
	ROW("fault", 0, worker_do_fault, VALUES(0, 1, 2)),

	ROW("eventfd", 4, file_do_eventfd, SLOT_OF, VALUES(0, 1, -2), BITS(EFD_NONBLOCK, 1)),
	ROW("eventfd-write", 5, file_do_eventfd_write, SLOT_OF, VALUES(1, 2, -2)),
	ROW("eventfd-read", 1, file_do_eventfd_read, SLOT_OF),
	ROW("file", 3, file_do_open, SLOT_OF, VALUES(0, 1, 2, 3, 4, 5)),
	ROW("dup", 3, file_do_dup,
	    DESCRIPTOR(FIRST(CHANNEL), FIRST(WORKER), FIRST(EVENTFD), FIRST(SHMEM)), SLOT_OF),
	ROW("close", 6, file_do_close,
	    DESCRIPTOR(FIRST(CHANNEL), FIRST(WORKER), FIRST(EVENTFD), FIRST(VHOST), FIRST(SHMEM),
		       FIRST(URING))),
	ROW("flags", 2, file_do_flags, DESCRIPTOR(FIRST(CHANNEL), FIRST(VHOST), FIRST(SHMEM)),
	    VALUES(0, O_NONBLOCK, O_ASYNC)),
	ROW("poll", 3, file_do_poll, DESCRIPTOR(FIRST(CHANNEL), FIRST(WORKER)),
	    VALUES(POLLIN, POLLRDHUP, -1), VALUES(1, 0, 50)),
	ROW("epoll", 2, file_do_epoll, SLOT_OF),
	ROW("epoll-ctl", 3, file_do_epoll_ctl, SLOT_OF,
	    VALUES(EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLL_CTL_DEL),
	    DESCRIPTOR(FIRST(CHANNEL), FIRST(WORKER), FIRST(EVENTFD)),
	    VALUES(EPOLLIN, EPOLLIN | EPOLLET, EPOLLRDHUP, EPOLLEXCLUSIVE | EPOLLIN)),
	ROW("epoll-wait", 3, file_do_epoll_wait, SLOT_OF, VALUES(1, 0, 50)),
	ROW("info", 2, file_do_info, DESCRIPTOR(FIRST(CHANNEL), FIRST(WORKER))),
	ROW("pass", 2, file_do_pass, SLOT_OF, DESCRIPTOR(FIRST(CHANNEL), FIRST(SOCKET))),
	ROW("take", 2, file_do_take, SLOT_OF, SLOT_OF),

	ROW("fork", 2, process_do_fork, SLOT_OF, VALUES(0, 1, 2, 3)),
	ROW("kill", 2, process_do_kill, SLOT_OF, VALUES(0, 0, 1)),
	ROW("user", 2, process_do_user, VALUES(1, 0)),
	ROW("limit", 1, process_do_limit, VALUES(0, 4, 16, 1024)),
	ROW("fail", 5, process_do_fail, VALUES(1, 2, 3, 4, 5, 6, 8, 10, 15)),
	ROW("pause", 2, process_do_pause, VALUES(100, 1000, 9000)),

	ROW("device", 2, device_do_open, SLOT_OF, VALUES(0, 0, 2, 1)),
	ROW("kick", 4, device_do_kick, SLOT_OF, VALUES(1, 0), VALUES(0, 1, 100)),
	ROW("translate", 2, device_do_translate, SLOT_OF, VALUES(1, 0), VALUES(0, 1)),
	ROW("device-bind", 2, device_do_bind, SLOT_OF, SLOT_OF, VRING),

	ROW("shmem", 3, shmem_do_open, SLOT_OF, BITS(1, 2, 4, 8, 16), SLOT_OF),
	ROW("shmem-up", 2, shmem_do_bring_up, SLOT_OF, SLOT_OF),
	ROW("shmem-region", 1, shmem_do_region, SLOT_OF, ADDRESS, VALUES(0, 1, 255, 256),
	    VALUES(1 << 18, PAGE, 0, 4095, 1ULL << 40, -PAGE), ZERO),
	ROW("shmem-file", 1, shmem_do_file, SLOT_OF, ADDRESS,
	    DESCRIPTOR(FIRST(ANY_FILE), NO_FILE, FIRST(CHANNEL), FIRST(SHMEM))),
	ROW("shmem-channel", 3, shmem_do_channel, SLOT_OF, ADDRESS,
	    DESCRIPTOR(NO_FILE, FIRST(CHANNEL), FIRST(CHANNEL) + 1), VRING),
	ROW("shmem-command", 5, shmem_do_command, SLOT_OF, ADDRESS,
	    VALUES(0, 0, 1, 2, 3, 4, 5, 6, 7, 8), VALUES(0, 1, 1, 20, 2, 1ULL << 32, 0x330000000)),
	ROW("shmem-vring", 2, shmem_do_vring, SLOT_OF, ADDRESS, VALUES(0, 1, 2, 3, 4, 5), ZERO,
	    DESCRIPTOR(FIRST(EVENTFD), FIRST(EVENTFD) + 1, NO_FILE, FIRST(CHANNEL)),
	    VALUES(0, 1, 256, 255, 32768)),
	ROW("shmem-translate", 4, shmem_do_translate, SLOT_OF, VALUES(2, 2, 3, 1, 4, 5, 6),
	    VALUES(0, PAGE, 2 * PAGE, 3 * PAGE, -PAGE), VALUES(1 << 17, PAGE, 1 << 18, 0, 16, -1),
	    VALUES(3, 3, 1, 2, 0)),
	ROW("shmem-answer", 3, shmem_do_answer, SLOT_OF),
	ROW("shmem-request", 10, shmem_do_request, SLOT_OF,
	    VALUES(VHOST_SHMEM_T_MAP, VHOST_SHMEM_T_MAP, VHOST_SHMEM_T_UNMAP, VHOST_SHMEM_T_QUERY,
		   0, 4), VALUES(1, 3, 0, 2, 4),
	    VALUES(0, PAGE, 2 * PAGE, 1 << 18, 4095, -PAGE), VALUES(0, PAGE, 1 << 16, 1, -PAGE),
	    VALUES(PAGE, 2 * PAGE, 0, 1 << 18, -PAGE), VALUES(0, 0, 1, 2, 3)),
	ROW("shmem-descriptor", 4, shmem_do_descriptor, SLOT_OF,
	    VALUES(0, 1, 2, 3, 255, 256, 257, 258), VALUES(0, 1, 2, 3, 4, 5, -1, 0x10000),
	    VALUES(32, 16, 1, 0, 48, 17, 33, PAGE, -1), BITS(1, 2, 4), VALUES(1, 2, 0, 256, -1)),
	ROW("shmem-kick", 8, shmem_do_kick, SLOT_OF, VALUES(0, 0, 1, 2, 3, 257), VALUES(0, 0, 1)),
	ROW("shmem-reap", 2, shmem_do_reap, SLOT_OF, VALUES(8, 1, 127)),
	ROW("shmem-protect", 1, shmem_do_protect, SLOT_OF, VALUES(2, 0, 1, 3), VALUES(1, 3, 0)),

	ROW("uring", 3, uring_do_open, SLOT_OF,
	    VALUES(0, 0, IORING_SETUP_SQPOLL,
		   IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN)),
	ROW("uring-eventfd", 1, uring_do_eventfd, SLOT_OF,
	    DESCRIPTOR(FIRST(EVENTFD), FIRST(EVENTFD) + 1), VALUES(0, 0, 1)),
	ROW("uring-provide", 2, uring_do_provide, SLOT_OF, ADDRESS, VALUES(4, 1, 0), SQE_FLAGS),
	ROW("uring-read", 6, uring_do_read, SLOT_OF, READABLE, ADDRESS,
	    VALUES(0, 1, 2, 3), VALUES(1024, 280, 24, 48, 56, 4096, 0, 23), SQE_FLAGS,
	    VALUES(0, 0, RWF_NOWAIT, RWF_HIPRI)),
	ROW("uring-write", 4, uring_do_write, SLOT_OF, READABLE, ADDRESS, WHICH,
	    VALUES(0, 1, -5), ZERO, SQE_FLAGS),
	ROW("uring-poll", 3, uring_do_poll, SLOT_OF, READABLE,
	    VALUES(POLLIN, POLLRDHUP, -1), VALUES(0, 1, 2), SQE_FLAGS),
	ROW("uring-cancel", 2, uring_do_cancel, SLOT_OF, READABLE,
	    VALUES(IORING_ASYNC_CANCEL_ALL, 0, IORING_ASYNC_CANCEL_ANY), SQE_FLAGS),
	ROW("uring-reap", 5, uring_do_reap, SLOT_OF, VALUES(1, 0, 20)),
};

const unsigned int nr_operations = ARRAY_SIZE(operations);
