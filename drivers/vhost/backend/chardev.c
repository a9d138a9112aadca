// SPDX-License-Identifier: GPL-2.0-only
/*
 * The character device: checks arguments, and calls the other files.
 */
#include <linux/mm_types.h>
#include <linux/poll.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>

#include "bind.h"
#include "device.h"
#include "channel.h"
#include "chardev.h"
#include "frontend.h"
#include "map.h"
#include "read.h"
#include "room.h"
#include "stats.h"
#include "wake.h"

static int channel_open(struct inode *inode, struct file *file)
{
	struct vhost_backend_channel *channel = vhost_backend_frontend_open();

	if (!channel)
		return -ENOMEM;
	file->private_data = channel;
	/* A stream has no offset; preadv2() may name one all the same. */
	file->f_mode |= FMODE_STREAM | FMODE_NOWAIT;
	return 0;
}

/* Called at each close of a descriptor. A dying process closes all its descriptors. */
static int channel_flush(struct file *file, fl_owner_t id)
{
	struct vhost_backend_channel *channel = file->private_data;

	if (current->flags & PF_EXITING && vhost_backend_channel_is_ready(channel))
		vhost_backend_devices_look(channel);
	return 0;
}

static int channel_release(struct inode *inode, struct file *file)
{
	vhost_backend_frontend_close(file->private_data);
	return 0;
}

/* Each call is an occasion to see what the frontend has consumed by itself. */
static void look(struct vhost_backend_channel *channel)
{
	if (vhost_backend_channel_is_mapped(channel))
		vhost_backend_room_look(channel);
}

static ssize_t channel_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct file *file = iocb->ki_filp;
	struct vhost_backend_channel *channel = file->private_data;
	bool trusted;
	struct vhost_backend_reply reply;
	ssize_t taken = 0;
	int err = 0;

	if (!vhost_backend_channel_is_ready(channel))
		return -ENOTCONN;
	if (iov_iter_count(from) % sizeof(reply))
		return -EINVAL;
	look(channel);
	trusted = vhost_backend_channel_trusts(channel);
	while (iov_iter_count(from)) {
		cond_resched();
		err = copy_from_iter_full(&reply, sizeof(reply), from) ?
			vhost_backend_frontend_reply(channel, &reply, trusted) : -EFAULT;
		if (err)
			break;
		taken += sizeof(reply);
	}
	return taken ?: err;
}

static __poll_t channel_poll(struct file *file, poll_table *wait)
{
	struct vhost_backend_channel *channel = file->private_data;
	__poll_t events = EPOLLOUT | EPOLLWRNORM;

	poll_wait(file, &channel->frontend_wait, wait);
	/* Partner: wq_has_sleeper() in a raise. Queue first, then look. */
	smp_mb();
	if (!vhost_backend_channel_is_ready(channel))
		return EPOLLERR;
	look(channel);
	if (vhost_backend_channel_has_something(channel))
		events |= EPOLLIN | EPOLLRDNORM;
	/* Pairs with the store in add_backend() of attach.c. */
	if (smp_load_acquire(&channel->had_backend) && !READ_ONCE(channel->nr_backends))
		events |= EPOLLRDHUP;
	return events;
}

static int report_setup(const struct vhost_backend_setup *setup, void __user *user)
{
	return copy_to_user(user, setup, sizeof(*setup)) ? -EFAULT : 0;
}

static int channel_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct vhost_backend_channel *channel = file->private_data;

	if (!vhost_backend_channel_is_ready(channel))
		return -ENOTCONN;
	return vhost_backend_map(channel, vma);
}

static long setup(struct vhost_backend_channel *channel, void __user *argp)
{
	struct vhost_backend_setup setup;
	int err;

	if (copy_from_user(&setup, argp, sizeof(setup)))
		return -EFAULT;
	err = vhost_backend_channel_setup(channel, &setup, report_setup, argp);
	if (!err)
		vhost_backend_channel_wake(channel, EPOLLOUT | EPOLLWRNORM);
	return err;
}

static long get_setup(struct vhost_backend_channel *channel, void __user *argp)
{
	return report_setup(&channel->setup, argp);
}

static long bind(struct vhost_backend_channel *channel, void __user *argp)
{
	struct vhost_backend_bind bind;

	if (copy_from_user(&bind, argp, sizeof(bind)))
		return -EFAULT;
	return vhost_backend_bind(channel, &bind);
}

static long take_fd(struct vhost_backend_channel *channel, void __user *argp)
{
	return vhost_backend_frontend_take_fd(channel, argp);
}

static long get_stats(struct vhost_backend_channel *channel, void __user *argp)
{
	struct vhost_backend_stats stats;

	vhost_backend_channel_stats(channel, &stats);
	return copy_to_user(argp, &stats, sizeof(stats)) ? -EFAULT : 0;
}

/* An ioctl is no write(): it is not done to a set-id program's standard output. */
static long reply(struct vhost_backend_channel *channel, void __user *argp)
{
	struct vhost_backend_reply reply;

	if (copy_from_user(&reply, argp, sizeof(reply)))
		return -EFAULT;
	return vhost_backend_frontend_reply(channel, &reply, true);
}

/* The frontend has consumed records: all that is to be done is done by look(). */
static long room(struct vhost_backend_channel *channel, void __user *argp)
{
	return vhost_backend_channel_is_mapped(channel) ? 0 : -EOPNOTSUPP;
}

/* Of the ABI, but not of this version. */
static long not_supported(struct vhost_backend_channel *channel, void __user *argp)
{
	return -EOPNOTSUPP;
}

struct operation {
	unsigned int command;
	long (*run)(struct vhost_backend_channel *channel, void __user *argp);
};

/* All but GET_API_VERSION and SETUP. */
static const struct operation operations[] = {
	{ VHOST_BACKEND_BIND, bind },
	{ VHOST_BACKEND_TAKE_FD, take_fd },
	{ VHOST_BACKEND_SET_SHMEM, not_supported },
	{ VHOST_BACKEND_GET_MAPPINGS, not_supported },
	{ VHOST_BACKEND_TAKE_OVER, not_supported },
	{ VHOST_BACKEND_GET_STATS, get_stats },
	{ VHOST_BACKEND_ROOM, room },
	{ VHOST_BACKEND_RESET, not_supported },
	{ VHOST_BACKEND_GET_SETUP, get_setup },
	{ VHOST_BACKEND_PAUSE, not_supported },
	{ VHOST_BACKEND_REPLY, reply },
	{ VHOST_BACKEND_GET_SHMEM, not_supported },
	{ VHOST_BACKEND_FORWARD, not_supported },
	{ VHOST_BACKEND_GET_REQUESTS, not_supported },
};

static const struct operation *find_operation(unsigned int command)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(operations); i++)
		if (operations[i].command == command)
			return &operations[i];
	return NULL;
}

static long channel_ioctl(struct file *file, unsigned int command,
			  unsigned long arg)
{
	struct vhost_backend_channel *channel = file->private_data;
	void __user *argp = (void __user *)arg;
	const struct operation *operation;

	if (command == VHOST_BACKEND_GET_API_VERSION)
		return VHOST_BACKEND_API_VERSION;
	if (command == VHOST_BACKEND_SETUP)
		return setup(channel, argp);
	operation = find_operation(command);
	if (!operation)
		return -ENOTTY;
	if (!vhost_backend_channel_is_ready(channel))
		return -ENOTCONN;
	look(channel);
	return operation->run(channel, argp);
}

static void channel_show_fdinfo(struct seq_file *m, struct file *file)
{
	vhost_backend_channel_show(m, file->private_data);
}

const struct file_operations vhost_backend_fops = {
	.owner = THIS_MODULE,
	.open = channel_open,
	.flush = channel_flush,
	.release = channel_release,
	.read_iter = vhost_backend_read_iter,
	.write_iter = channel_write_iter,
	.poll = channel_poll,
	.mmap = channel_mmap,
	.unlocked_ioctl = channel_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.show_fdinfo = channel_show_fdinfo,
};
