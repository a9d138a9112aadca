// SPDX-License-Identifier: GPL-2.0-only
/* Operations on descriptors of any kind. */
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "operation.h"

static int any_of(struct thread *thread, uint64_t any)
{
	return world_get_any(thread->world, any);
}

void file_do_eventfd(struct thread *thread, const uint64_t *args)
{
	world_put(thread->world, EVENTFD, args[0],
		  eventfd(args[1], args[2] & (EFD_NONBLOCK | EFD_SEMAPHORE)));
}

void file_do_eventfd_write(struct thread *thread, const uint64_t *args)
{
	eventfd_write(world_get(thread->world, EVENTFD, args[0]), args[1]);
}

void file_do_eventfd_read(struct thread *thread, const uint64_t *args)
{
	eventfd_t value;

	eventfd_read(world_get(thread->world, EVENTFD, args[0]), &value);
}

/* Files that a message may carry, and files that it may not. */
static int open_file(uint64_t what)
{
	char path[32];
	int fd, copy;

	switch (what % 6) {
	case 0:
		return make_file(1);
	case 1:
		fd = make_file(1);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		copy = open(path, O_RDONLY);
		close(fd);
		return copy;
	case 2:
		return open("/dev/zero", O_RDWR);
	case 3:
		return socket(AF_UNIX, SOCK_DGRAM, 0);
	case 4:
		return open("/proc/self/status", O_RDONLY);
	default:
		return open("/proc/self/fd", O_RDONLY | O_DIRECTORY);
	}
}

void file_do_open(struct thread *thread, const uint64_t *args)
{
	world_put(thread->world, ANY_FILE, args[0], open_file(args[1]));
}

/* Into a slot of its own kind. */
void file_do_dup(struct thread *thread, const uint64_t *args)
{
	if (args[0] < KINDS * SLOTS)
		world_put(thread->world, world_kind_of(args[0]), args[1],
			  dup(any_of(thread, args[0])));
}

void file_do_close(struct thread *thread, const uint64_t *args)
{
	if (args[0] < KINDS * SLOTS)
		world_put(thread->world, world_kind_of(args[0]), args[0], -1);
}

void file_do_flags(struct thread *thread, const uint64_t *args)
{
	fcntl(any_of(thread, args[0]), F_SETFL, (int)(args[1] & (O_NONBLOCK | O_ASYNC)));
}

void file_do_poll(struct thread *thread, const uint64_t *args)
{
	struct pollfd p = { .fd = any_of(thread, args[0]), .events = args[1] };

	poll(&p, 1, args[2] % 100);
}

void file_do_epoll(struct thread *thread, const uint64_t *args)
{
	world_put(thread->world, EPOLL, args[0], epoll_create1(EPOLL_CLOEXEC));
}

void file_do_epoll_ctl(struct thread *thread, const uint64_t *args)
{
	struct epoll_event event = { .events = args[3] };

	epoll_ctl(world_get(thread->world, EPOLL, args[0]), args[1],
		  any_of(thread, args[2]), &event);
}

void file_do_epoll_wait(struct thread *thread, const uint64_t *args)
{
	struct epoll_event events[4];

	epoll_wait(world_get(thread->world, EPOLL, args[0]), events, 4, args[1] % 100);
}

void file_do_info(struct thread *thread, const uint64_t *args)
{
	char path[64], text[1024];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", any_of(thread, args[0]));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	while (read(fd, text, sizeof(text)) > 0)
		;
	close(fd);
}

/* Sends a descriptor through a socket; where it is not taken it stays in there. */
void file_do_pass(struct thread *thread, const uint64_t *args)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {};
	char byte = 0;
	struct iovec vector = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &vector, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	int fd = any_of(thread, args[1]), pair[2];

	if (world_get(thread->world, SOCKET, args[0]) < 0) {
		if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair))
			return;
		world_put(thread->world, SOCKET, args[0], pair[0]);
		world_put(thread->world, SOCKET, args[0] + 1, pair[1]);
	}
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	sendmsg(world_get(thread->world, SOCKET, args[0]), &msg, MSG_NOSIGNAL);
}

void file_do_take(struct thread *thread, const uint64_t *args)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {};
	char byte;
	struct iovec vector = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &vector, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	int fd;

	if (recvmsg(world_get(thread->world, SOCKET, args[0] + 1), &msg, MSG_CMSG_CLOEXEC) < 0 ||
	    msg.msg_controllen < CMSG_LEN(sizeof(fd)))
		return;
	memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
	world_put(thread->world, CHANNEL, args[1], fd);
}
