// SPDX-License-Identifier: GPL-2.0-only
/*
 * A frontend's end of a channel: opening and closing it, and calls that touch
 * several of its parts.
 */
#include <linux/file.h>
#include <linux/sched/mm.h>
#include <linux/uaccess.h>

#include "attach.h"
#include "bind.h"
#include "channel.h"
#include "clock.h"
#include "compat.h"
#include "frontend.h"
#include "reply.h"
#include "room.h"
#include "wake.h"

/**
 * vhost_backend_frontend_open() - a NEW channel
 *
 * Return: the channel, to be closed with vhost_backend_frontend_close(), or NULL: no
 * memory.
 */
struct vhost_backend_channel *vhost_backend_frontend_open(void)
{
	struct vhost_backend_channel *channel = vhost_backend_channel_create();

	if (!channel)
		return NULL;
	vhost_backend_channel_wake_init(channel);
	vhost_backend_room_init(channel);
	vhost_backend_clock_init(channel);
	vhost_backend_bindings_init(channel);
	return channel;
}

/**
 * vhost_backend_frontend_close() - the last descriptor is closed
 * @channel: the channel; nobody reads, polls or configures it any more
 *
 * Drops the reference that the descriptors had.
 *
 * Context: Process context. May sleep.
 */
void vhost_backend_frontend_close(struct vhost_backend_channel *channel)
{
	if (vhost_backend_channel_change_state(channel, VHOST_BACKEND_READY,
					       VHOST_BACKEND_DEAD)) {
		vhost_backend_unbind_all(channel);
		vhost_backend_inflight_close(&channel->inflight);
		/* A time-out that has taken a request before may still be calling. */
		vhost_backend_clock_stop(channel);
		vhost_backend_room_stop(channel);
		vhost_backend_room_freed(channel);
		vhost_backend_tell_gone(channel);
		mmdrop(channel->mm);
	}
	vhost_backend_channel_put(channel);
}

static int check_reply(const struct vhost_backend_reply *reply)
{
	const struct vhost_backend_msg *msg = &reply->msg;

	if (msg->flags != (VHOST_BACKEND_MSG_VERSION | VHOST_BACKEND_MSG_REPLY) ||
	    msg->size != sizeof(reply->value))
		return -EINVAL;
	if (msg->fd != VHOST_BACKEND_FD_NONE &&
	    !vhost_backend_request_reply_has_file(msg->request))
		return -EINVAL;
	return 0;
}

/**
 * vhost_backend_frontend_reply() - take one reply
 * @channel: READY
 * @reply: as user space wrote it
 * @file_allowed: the caller may hand over a file
 *
 * Context: Process context of the frontend.
 * Return: 0; -EINVAL, -ENOENT, -EBADMSG, -EPERM, -EBADF as the user ABI says.
 */
int vhost_backend_frontend_reply(struct vhost_backend_channel *channel,
				 const struct vhost_backend_reply *reply, bool file_allowed)
{
	struct file *file = NULL;
	int err = check_reply(reply);

	if (!err && reply->msg.fd != VHOST_BACKEND_FD_NONE) {
		err = vhost_backend_inflight_check_reply(&channel->inflight, reply);
		if (!err && !file_allowed)
			err = -EPERM;
		if (!err) {
			file = fget(reply->msg.fd);
			err = file && vhost_backend_file_allowed(file, vhost_backend_channel_fops) ?
				0 : -EBADF;
		}
	}
	if (!err)
		err = vhost_backend_inflight_reply(&channel->inflight, reply, &file);
	if (file)
		fput(file);
	if (err)
		this_cpu_inc(channel->counters->bad_replies);
	else
		vhost_backend_room_freed(channel);
	return err;
}

/**
 * vhost_backend_frontend_take_fd() - TAKE_FD
 * @channel: READY
 * @user: the argument, in user space
 *
 * Context: Process context of the frontend.
 * Return: 0, or an error as the user ABI says.
 */
long vhost_backend_frontend_take_fd(struct vhost_backend_channel *channel,
				    struct vhost_backend_take_fd __user *user)
{
	struct vhost_backend_take_fd take;
	struct file *file;
	int fd;

	if (copy_from_user(&take, user, sizeof(take)))
		return -EFAULT;
	if (take.flags)
		return -EINVAL;
	file = vhost_backend_inflight_file(&channel->inflight, take.id);
	if (!file)
		return -ENOENT;
	fd = vhost_backend_receive_fd(file, &user->fd, O_CLOEXEC);
	fput(file);
	return min(fd, 0);
}
