// SPDX-License-Identifier: GPL-2.0-only
#include "channel_world.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "array.h"
#include "channel.h"
#include "file.h"
#include "pair.h"
#include "reader.h"
#include "worker.h"

int channel_world_open(struct world *world)
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

int channel_world_close(struct world *world)
{
	const int fds[] = { world->worker, world->channel, world->file, world->event };

	for (unsigned int i = 0; i < ARRAY_SIZE(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	net_close(&world->net);
	return 0;
}

int prepare_messages(struct world *world)
{
	int err = send_iotlb(world->worker, 0, 1);

	err = err ?: map_async(world->worker, 1, world->file, &world->cookie[0]);
	return err ?: raise_call(world->worker, 3);
}

void receive_file(struct world *world, int fd)
{
	if (fd >= 0 && world->files < REPLIES)
		world->received[world->files++] = fd;
}

bool has_received(struct world *world, unsigned int files)
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

void count_message(void *arg, const struct message *message)
{
	struct world *world = arg;

	world->messages++;
	receive_file(world, message->msg.fd);
	if (message->msg.flags & VHOST_BACKEND_MSG_NEED_REPLY && world->requests < REPLIES)
		world->message[world->requests++] = *message;
}

bool is_read(struct world *world)
{
	int n = drain(world->channel, READ_MAX, count_message, world);

	return n >= 0 && world->messages == 3 && has_received(world, 1);
}

int prepare_delivered(struct world *world)
{
	int err = prepare_messages(world);

	return err ?: is_read(world) ? 0 : -EPROTO;
}

int prepare_lookup(struct world *world)
{
	struct vhost_backend_shared_object object = { .uuid = "a shared object" };
	int err = send_async(world->worker, VHOST_BACKEND_SHARED_OBJECT_LOOKUP, &object,
			     sizeof(object), -1, &world->cookie[0]);

	if (!err && channel_read(world->channel, &world->message[0]) < 0)
		err = -EPROTO;
	return err;
}

long call_reply_file(struct world *world)
{
	struct vhost_backend_reply reply = reply_to(&world->message[0].msg, 0);

	reply.msg.fd = world->file;
	return try_ioctl(world->channel, VHOST_BACKEND_REPLY, &reply);
}

bool is_answered(struct world *world)
{
	return !async_error(world->worker, world->cookie[0]);
}
