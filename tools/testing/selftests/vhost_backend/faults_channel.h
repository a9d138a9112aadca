/* SPDX-License-Identifier: GPL-2.0-only */
/* What the calls on a channel, and on its test worker, fail on. */
#ifndef VHOST_BACKEND_FAULTS_CHANNEL_H
#define VHOST_BACKEND_FAULTS_CHANNEL_H

#include <sys/stat.h>

#include "faults.h"
#include "vhost_net.h"

#define VRINGS		8
#define REPLIES		3

struct world {
	int channel;
	int worker;
	int file;
	int event;
	struct vhost_net net;
	/* What was read: how much, files, and what wants a reply */
	unsigned int messages, files, requests;
	int received[REPLIES];
	struct message message[REPLIES];
	uint64_t cookie[REPLIES];
	unsigned int answered;
	int error;
};

static struct world world;

static int world_open(struct world *world)
{
	struct vhost_backend_setup setup = {
		.nr_vrings = VRINGS, .max_inflight = 16,
	};
	struct pair pair;
	int err;

	memset(world, 0, sizeof(*world));
	net_init(&world->net, 0, NET_IOTLB, NULL);
	world->file = make_file(1);
	world->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = pair_open(&pair, O_NONBLOCK, setup);
	world->channel = pair.channel;
	world->worker = pair.worker;
	return err;
}

static int world_close(struct world *world)
{
	const int fds[] = { world->worker, world->channel, world->file, world->event };

	for (unsigned int i = 0; i < ARRAY_SIZE(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	net_close(&world->net);
	return 0;
}

/* Three messages, of which the second has a file and wants a reply */
static inline int prepare_messages(struct world *world)
{
	int err = send_iotlb(world->worker, 0, 1);

	err = err ?: map_async(world->worker, 1, world->file, &world->cookie[0]);
	return err ?: raise_call(world->worker, 3);
}

/* Looked at later: a system call may be what fails. */
static inline void receive_file(struct world *world, int fd)
{
	if (fd >= 0 && world->files < REPLIES)
		world->received[world->files++] = fd;
}

/* Those received, as many as expected, are the one that was sent. */
static inline bool has_received(struct world *world, unsigned int files)
{
	bool same = world->files == files;
	struct stat sent, received;

	fstat(world->file, &sent);
	while (world->files) {
		int fd = world->received[--world->files];

		same &= !fstat(fd, &received) && received.st_ino == sent.st_ino &&
			received.st_dev == sent.st_dev;
		close(fd);
	}
	return same;
}

static inline void count_message(void *arg, const struct message *message)
{
	struct world *world = arg;

	world->messages++;
	receive_file(world, message->msg.fd);
	if (message->msg.flags & VHOST_BACKEND_MSG_NEED_REPLY && world->requests < REPLIES)
		world->message[world->requests++] = *message;
}

/* Fewer at once than there were is no error: they are there. */
static inline bool is_read(struct world *world)
{
	int n = drain(world->channel, READ_MAX, count_message, world);

	return n >= 0 && world->messages == 3 && has_received(world, 1);
}

static inline int prepare_delivered(struct world *world)
{
	int err = prepare_messages(world);

	return err ?: is_read(world) ? 0 : -EPROTO;
}

static inline int prepare_lookup(struct world *world)
{
	struct vhost_backend_shared_object object = { .uuid = "a shared object" };
	int err = send_async(world->worker, VHOST_BACKEND_SHARED_OBJECT_LOOKUP, &object,
			     sizeof(object), -1, &world->cookie[0]);

	if (!err && channel_read(world->channel, &world->message[0]) < 0)
		err = -EPROTO;
	return err;
}

static inline long call_reply_file(struct world *world)
{
	struct vhost_backend_reply reply = reply_to(&world->message[0].msg, 0);

	reply.msg.fd = world->file;
	return try_ioctl(world->channel, VHOST_BACKEND_REPLY, &reply);
}

static inline bool is_answered(struct world *world)
{
	return !async_error(world->worker, world->cookie[0]);
}

#endif /* VHOST_BACKEND_FAULTS_CHANNEL_H */
