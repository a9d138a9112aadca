// SPDX-License-Identifier: GPL-2.0-only
#include "channel.h"

#include "wait.h"

long try_ioctl(int fd, unsigned long request, void *arg)
{
	long ret = ioctl(fd, request, arg);

	return ret < 0 ? -errno : ret;
}

ssize_t try_read(int fd, void *buffer, size_t bytes)
{
	ssize_t n = read(fd, buffer, bytes);

	return n < 0 ? -errno : n;
}

ssize_t try_write(int fd, const void *buffer, size_t bytes)
{
	ssize_t n = write(fd, buffer, bytes);

	return n < 0 ? -errno : n;
}

int channel_setup(int fd, struct vhost_backend_setup setup)
{
	if (!setup.requests)
		setup.requests = VHOST_BACKEND_REQUESTS_ALL |
				 VHOST_BACKEND_REQUESTS_SHARED_OBJECT;
	return try_ioctl(fd, VHOST_BACKEND_SETUP, &setup);
}

int channel_open_with(int flags, struct vhost_backend_setup setup)
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

int channel_open(int flags)
{
	return channel_open_with(flags, (struct vhost_backend_setup){});
}

int channel_bind(int channel, uint32_t source, uint32_t index, int fd, uint32_t flags)
{
	struct vhost_backend_bind bind = {
		.source = source, .index = index, .fd = fd, .flags = flags,
	};

	return try_ioctl(channel, VHOST_BACKEND_BIND, &bind);
}

struct vhost_backend_stats channel_stats(int fd)
{
	struct vhost_backend_stats stats;

	memset(&stats, 0xff, sizeof(stats));
	if (ioctl(fd, VHOST_BACKEND_GET_STATS, &stats))
		perror("VHOST_BACKEND_GET_STATS");
	return stats;
}

short channel_poll(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLRDHUP };

	if (poll(&p, 1, timeout_ms) < 0)
		return -1;
	p.events |= POLLOUT;
	return poll(&p, 1, 0) < 0 ? -1 : p.revents;
}

bool channel_has_message(int channel)
{
	return channel_poll(channel, 0) & POLLIN;
}

bool await_input(int channel, int timeout_ms)
{
	struct pollfd p = { .fd = channel, .events = POLLIN };

	return poll(&p, 1, timeout_ms) == 1 && p.revents == POLLIN;
}

ssize_t channel_read(int fd, struct message *message)
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

ssize_t channel_reply(int fd, const struct vhost_backend_msg *msg, int64_t value)
{
	struct vhost_backend_reply reply = reply_to(msg, value);
	ssize_t n = write(fd, &reply, sizeof(reply));

	return n < 0 ? -errno : n;
}

ssize_t await_message(int channel, struct message *message)
{
	if (!await_input(channel, PATIENCE_MS))
		return -ETIMEDOUT;
	return channel_read(channel, message);
}

bool channel_idle(int channel)
{
	struct vhost_backend_stats stats = channel_stats(channel);

	return stats.requests_queued ==
	       stats.requests_delivered + stats.requests_withdrawn &&
	       stats.notifications_raised ==
	       stats.notifications_merged + stats.notifications_delivered;
}
