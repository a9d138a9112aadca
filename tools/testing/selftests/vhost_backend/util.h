/* SPDX-License-Identifier: GPL-2.0-only */
/* What every test of the vhost backend channel needs: a channel, a test worker. */
#ifndef VHOST_BACKEND_UTIL_H
#define VHOST_BACKEND_UTIL_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <linux/vhost_backend.h>
#include <linux/vhost_backend_test.h>

#define CHANNEL_PATH	"/dev/vhost-backend"
#define WORKER_PATH	"/dev/vhost-backend-test"
#define PAGE		4096

/* @rounds, but after @until no more than a tenth of them: a guest may be slow. */
static inline bool another_round(unsigned int round, unsigned int rounds, time_t until)
{
	return round < rounds && (round <= rounds / 10 || time(NULL) < until);
}

/* The two structs of a message and of its payloads, in one buffer. */
struct message {
	struct vhost_backend_msg msg;
	union {
		struct vhost_backend_iotlb iotlb;
		struct vhost_backend_vring_state state;
		struct vhost_backend_vring_area area;
		struct vhost_backend_shared_object object;
		struct vhost_backend_shmem_map map;
		struct vhost_backend_shmem_unmap unmap;
		struct vhost_backend_mmap std;
		struct vhost_backend_fs fs;
		struct vhost_backend_gpu_map gpu;
		struct vhost_backend_external_map external;
		uint8_t bytes[256];
	};
};

static inline size_t message_bytes(const struct vhost_backend_msg *msg)
{
	return (sizeof(*msg) + msg->size + 7) & ~(size_t)7;
}

/* Returns 0 or -errno, as the kernel does: errno is too easily overwritten. */
static inline long try_ioctl(int fd, unsigned long request, void *arg)
{
	long ret = ioctl(fd, request, arg);

	return ret < 0 ? -errno : ret;
}

static inline int channel_setup(int fd, struct vhost_backend_setup setup)
{
	if (!setup.requests)
		setup.requests = VHOST_BACKEND_REQUESTS_ALL |
				 VHOST_BACKEND_REQUESTS_SHARED_OBJECT;
	return try_ioctl(fd, VHOST_BACKEND_SETUP, &setup);
}

/* A channel that is READY; a negative errno where it can't be had. */
static inline int channel_open_with(int flags, struct vhost_backend_setup setup)
{
	int fd = open(CHANNEL_PATH, O_RDWR | O_CLOEXEC | flags);
	int err;

	if (fd < 0)
		return -errno;
	err = channel_setup(fd, setup);
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

static inline int channel_open(int flags)
{
	return channel_open_with(flags, (struct vhost_backend_setup){});
}

/* Binds an eventfd or a device, or with @fd -1 unbinds; 0 or -errno. */
static inline int channel_bind(int channel, uint32_t source, uint32_t index, int fd,
			       uint32_t flags)
{
	struct vhost_backend_bind bind = {
		.source = source, .index = index, .fd = fd, .flags = flags,
	};

	return try_ioctl(channel, VHOST_BACKEND_BIND, &bind);
}

static inline struct vhost_backend_stats channel_stats(int fd)
{
	struct vhost_backend_stats stats;

	memset(&stats, 0xff, sizeof(stats));
	if (ioctl(fd, VHOST_BACKEND_GET_STATS, &stats))
		perror("VHOST_BACKEND_GET_STATS");
	return stats;
}

/* POLLOUT is always there: waits for anything else, then reports all. */
static inline short channel_poll(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLRDHUP };

	if (poll(&p, 1, timeout_ms) < 0)
		return -1;
	p.events |= POLLOUT;
	return poll(&p, 1, 0) < 0 ? -1 : p.revents;
}

/* Reads one message; returns its bytes or -errno. */
static inline ssize_t channel_read(int fd, struct message *message)
{
	ssize_t n;

	memset(message, 0xa5, sizeof(*message));
	n = read(fd, message, sizeof(message->msg));
	if (n >= 0 || errno != EMSGSIZE)
		return n < 0 ? -errno : n;
	/* One message of a longer kind: take just that one. */
	for (size_t size = 32; size <= sizeof(*message); size += 8) {
		n = read(fd, message, size);
		if (n >= 0 || errno != EMSGSIZE)
			break;
	}
	return n < 0 ? -errno : n;
}

static inline struct vhost_backend_reply
reply_to(const struct vhost_backend_msg *msg, int64_t value)
{
	return (struct vhost_backend_reply){
		.msg = {
			.request = msg->request,
			.flags = VHOST_BACKEND_MSG_VERSION | VHOST_BACKEND_MSG_REPLY,
			.size = 8,
			.fd = VHOST_BACKEND_FD_NONE,
			.id = msg->id,
		},
		.value = value,
	};
}

/* Returns the bytes taken or -errno. */
static inline ssize_t channel_reply(int fd, const struct vhost_backend_msg *msg,
				    int64_t value)
{
	struct vhost_backend_reply reply = reply_to(msg, value);
	ssize_t n = write(fd, &reply, sizeof(reply));

	return n < 0 ? -errno : n;
}

/* A test worker attached to a channel, or a negative errno. */
static inline int worker_attach(int channel, const char *name,
				unsigned int vring_base, unsigned int nr_vrings)
{
	struct vhost_backend_test_attach attach = {
		.fd = channel, .vring_base = vring_base, .nr_vrings = nr_vrings,
	};
	int fd = open(WORKER_PATH, O_RDWR | O_CLOEXEC);
	int err;

	if (fd < 0)
		return -errno;
	strncpy(attach.name, name, sizeof(attach.name) - 1);
	err = try_ioctl(fd, VHOST_BACKEND_TEST_ATTACH, &attach);
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

/* What the kernel API answered, or the errno of the ioctl itself. */
static inline int worker_send(int worker, struct vhost_backend_test_send *send)
{
	int err = try_ioctl(worker, VHOST_BACKEND_TEST_SEND, send);

	return err ? err : send->error;
}

/* vhost_backend_send(): no reply, no wait. */
static inline int send_plain(int worker, uint32_t request, const void *payload,
			     uint32_t size, int file)
{
	struct vhost_backend_test_send send = {
		.request = request, .size = size, .fd = file,
		.payload = (uintptr_t)payload,
	};

	return worker_send(worker, &send);
}

/* How a process or a thread waits, as of proc(5): S as a rule, D if it is killable. */
static inline char task_state(pid_t tid)
{
	char path[32], state = 0;
	FILE *stat;

	snprintf(path, sizeof(path), "/proc/%d/stat", tid);
	stat = fopen(path, "r");
	if (!stat)
		return 0;
	if (fscanf(stat, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	fclose(stat);
	return state;
}

/* For requests that a test answers when it gets there, on whatever machine. */
#define NO_TIMEOUT_MS	3600000

/* vhost_backend_request_async(); *cookie is for worker_result(). */
static inline int send_async(int worker, uint32_t request, const void *payload,
			     uint32_t size, int file, uint64_t *cookie)
{
	struct vhost_backend_test_send send = {
		.request = request, .size = size, .fd = file,
		.payload = (uintptr_t)payload, .timeout_ms = NO_TIMEOUT_MS,
		.flags = VHOST_BACKEND_TEST_REPLY | VHOST_BACKEND_TEST_ASYNC,
	};
	int err = worker_send(worker, &send);

	*cookie = send.cookie;
	return err;
}

/* How an asynchronous request ended: 0 if that was reported in time. */
static inline int worker_result(int worker, uint64_t cookie,
				unsigned int timeout_ms,
				struct vhost_backend_test_result *result)
{
	*result = (struct vhost_backend_test_result){
		.cookie = cookie, .timeout_ms = timeout_ms,
	};
	return try_ioctl(worker, VHOST_BACKEND_TEST_RESULT, result);
}

static inline int raise_call(int worker, uint32_t index)
{
	struct vhost_backend_vring_state state = { .index = index };

	return send_plain(worker, VHOST_BACKEND_VRING_CALL, &state,
			  sizeof(state), -1);
}

/* A memory file of @pages pages, open for reading and writing. */
static inline int make_file(unsigned int pages)
{
	int fd = memfd_create("vhost-backend-test", MFD_CLOEXEC);

	if (fd >= 0 && ftruncate(fd, (off_t)pages * PAGE)) {
		close(fd);
		return -1;
	}
	return fd;
}

#endif /* VHOST_BACKEND_UTIL_H */
