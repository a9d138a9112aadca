// SPDX-License-Identifier: GPL-2.0-only
/*
 * The character device: argument checks, and calls to the rest.
 */
#include <linux/build_bug.h>
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/mm_types.h>
#include <linux/poll.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>

#include "bind.h"
#include "channel.h"
#include "chardev.h"
#include "compat.h"

static int channel_open(struct inode *inode, struct file *file)
{
	struct vhost_backend_channel *channel = vhost_backend_channel_create();

	if (!channel)
		return -ENOMEM;
	file->private_data = channel;
	/* A stream has no offset; preadv2() may name one all the same. */
	file->f_mode |= FMODE_STREAM | FMODE_NOWAIT;
	return 0;
}

static int channel_release(struct inode *inode, struct file *file)
{
	vhost_backend_channel_die(file->private_data);
	return 0;
}

static bool same_credentials(const struct cred *a, const struct cred *b)
{
	return uid_eq(a->euid, b->euid) && gid_eq(a->egid, b->egid) &&
	       !memcmp(&a->cap_effective, &b->cap_effective,
		       sizeof(a->cap_effective)) &&
	       a->user_ns == b->user_ns;
}

/*
 * May descriptors be installed for, or taken from, whoever reads or writes? Not
 * for a set-id program that was handed the channel as its standard input, nor
 * where there is no file table of a process.
 */
static bool trusted_with_files(const struct file *file)
{
	return !(current->flags & PF_KTHREAD) &&
	       same_credentials(file->f_cred, current_cred());
}

/* O_NONBLOCK may wait for another reader that is copying, NOWAIT may not. */
static int lock_reader(struct vhost_backend_channel *channel, bool nowait)
{
	if (nowait)
		return vhost_backend_channel_try_lock_reader(channel) ? 0 : -EAGAIN;
	return mutex_lock_interruptible(&channel->read_mutex) ? -ERESTARTSYS : 0;
}

/* Tells the workers whose requests the reader was not given. */
static void finish_refused(struct vhost_backend_channel *channel,
			   struct vhost_backend_reader *reader)
{
	vhost_backend_inflight_finish(&channel->inflight, &reader->refused);
	vhost_backend_ended_init(&reader->refused);
}

static ssize_t channel_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct file *file = iocb->ki_filp;
	struct vhost_backend_channel *channel = file->private_data;
	bool nowait = iocb->ki_flags & IOCB_NOWAIT;
	struct vhost_backend_reader reader;
	ssize_t ret;

	if (!vhost_backend_channel_is_ready(channel))
		return -ENOTCONN;
	reader.own_mm = current->mm == channel->mm;
	reader.takes_files = trusted_with_files(file);
	vhost_backend_ended_init(&reader.refused);
	for (;;) {
		ret = lock_reader(channel, nowait);
		if (ret)
			return ret;
		ret = vhost_backend_channel_read(channel, &reader, to);
		vhost_backend_channel_unlock_reader(channel);
		finish_refused(channel, &reader);
		if (ret)
			return ret;
		if (nowait || file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_event_interruptible(channel->frontend_wait,
					     vhost_backend_channel_has_something(channel)))
			return -ERESTARTSYS;
	}
}

static int check_reply(const struct vhost_backend_reply *reply)
{
	const struct vhost_backend_msg *msg = &reply->msg;

	if (msg->flags != (VHOST_BACKEND_MSG_VERSION | VHOST_BACKEND_MSG_REPLY) ||
	    msg->size != sizeof(reply->value))
		return -EINVAL;
	if (msg->fd != VHOST_BACKEND_FD_NONE &&
	    msg->request != VHOST_BACKEND_SHARED_OBJECT_LOOKUP)
		return -EINVAL;
	return 0;
}

/* Takes one reply; @trusted: it may carry a file. */
static int take_reply(struct vhost_backend_channel *channel,
		      const struct vhost_backend_reply *reply, bool trusted)
{
	struct file *file = NULL;
	int err = check_reply(reply);

	if (!err && reply->msg.fd != VHOST_BACKEND_FD_NONE) {
		err = vhost_backend_inflight_check_reply(&channel->inflight, reply);
		if (!err && !trusted)
			err = -EPERM;
		if (!err) {
			file = fget(reply->msg.fd);
			err = file && vhost_backend_file_allowed(file, &vhost_backend_fops) ?
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
		vhost_backend_channel_wake_room(channel);
	return err;
}

static ssize_t channel_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct file *file = iocb->ki_filp;
	struct vhost_backend_channel *channel = file->private_data;
	bool trusted = trusted_with_files(file);
	struct vhost_backend_reply reply;
	ssize_t taken = 0;
	int err = 0;

	if (!vhost_backend_channel_is_ready(channel))
		return -ENOTCONN;
	if (iov_iter_count(from) % sizeof(reply))
		return -EINVAL;
	while (iov_iter_count(from)) {
		cond_resched();
		err = copy_from_iter_full(&reply, sizeof(reply), from) ?
			take_reply(channel, &reply, trusted) : -EFAULT;
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
	/* Partner: wq_has_sleeper() of whoever raises. Queue first, then look. */
	smp_mb();
	if (!vhost_backend_channel_is_ready(channel))
		return EPOLLERR;
	if (vhost_backend_channel_has_something(channel))
		events |= EPOLLIN | EPOLLRDNORM;
	/* Pairs with the store in add_backend() of backend.c. */
	if (smp_load_acquire(&channel->had_backend) && !READ_ONCE(channel->nr_backends))
		events |= EPOLLRDHUP;
	return events;
}

static int report_setup(const struct vhost_backend_setup *setup, void __user *user)
{
	return copy_to_user(user, setup, sizeof(*setup)) ? -EFAULT : 0;
}

/* There is nothing to map but in a channel with VHOST_BACKEND_SETUP_MMAP. */
static int channel_mmap(struct file *file, struct vm_area_struct *vma)
{
	return vhost_backend_channel_is_ready(file->private_data) ? -ENODEV : -ENOTCONN;
}

static long setup(struct vhost_backend_channel *channel, void __user *argp)
{
	struct vhost_backend_setup setup;

	if (copy_from_user(&setup, argp, sizeof(setup)))
		return -EFAULT;
	return vhost_backend_channel_setup(channel, &setup, report_setup, argp);
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

static long take_file(struct vhost_backend_channel *channel, void __user *argp)
{
	struct vhost_backend_take_fd __user *user = argp;
	struct vhost_backend_take_fd take;
	struct file *file;
	int fd;

	if (copy_from_user(&take, argp, sizeof(take)))
		return -EFAULT;
	if (take.flags)
		return -EINVAL;
	file = vhost_backend_inflight_file(&channel->inflight, take.id);
	if (!file)
		return -ENOENT;
	fd = vhost_backend_receive_fd(file, &user->fd, O_CLOEXEC);
	fput(file);
	if (fd < 0)
		return fd;
	vhost_backend_inflight_file_taken(&channel->inflight, take.id);
	vhost_backend_channel_wake_room(channel);
	return 0;
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
	return take_reply(channel, &reply, true);
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
	{ VHOST_BACKEND_TAKE_FD, take_file },
	{ VHOST_BACKEND_SET_SHMEM, not_supported },
	{ VHOST_BACKEND_GET_MAPPINGS, not_supported },
	{ VHOST_BACKEND_REPLAY, not_supported },
	{ VHOST_BACKEND_GET_STATS, get_stats },
	{ VHOST_BACKEND_ROOM, not_supported },
	{ VHOST_BACKEND_RESET, not_supported },
	{ VHOST_BACKEND_GET_SETUP, get_setup },
	{ VHOST_BACKEND_PAUSE, not_supported },
	{ VHOST_BACKEND_REPLY, reply },
	{ VHOST_BACKEND_GET_SHMEM, not_supported },
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
	return operation->run(channel, argp);
}

/* Names of the u64s of struct vhost_backend_stats. */
static const char * const stat_names[] = {
	"requests-queued", "requests-delivered", "requests-answered",
	"requests-failed", "requests-given-up", "requests-withdrawn",
	"notifications-raised", "notifications-merged",
	"notifications-delivered", "wakeups", "refused-room", "refused-type",
	"refused-content", "inflight", "inflight-peak", "waiting-bytes",
	"waiting-bytes-peak", "bindings", "mappings", "backends", "bad-replies",
	"bad-consumer",
};

static_assert(ARRAY_SIZE(stat_names) * sizeof(u64) ==
	      offsetof(struct vhost_backend_stats, reserved));

static void show_stats(struct seq_file *m, struct vhost_backend_channel *channel)
{
	struct vhost_backend_stats stats;
	const u64 *figures = (const u64 *)&stats;
	int i;

	vhost_backend_channel_stats(channel, &stats);
	for (i = 0; i < ARRAY_SIZE(stat_names); i++)
		seq_printf(m, "vhost-backend-%s:\t%llu\n", stat_names[i], figures[i]);
}

/* Each backend's name and the vrings of the channel that are its own. */
static void show_backends(struct seq_file *m, struct vhost_backend_channel *channel)
{
	struct vhost_backend *be;

	mutex_lock(&channel->bind_mutex);
	list_for_each_entry(be, &channel->backends, node) {
		seq_puts(m, "vhost-backend-backend:\t");
		seq_escape(m, be->name, " \t\n\\");
		if (be->nr_vrings)
			seq_printf(m, " vrings %u-%u\n", be->vring_base,
				   be->vring_base + be->nr_vrings - 1);
		else
			seq_puts(m, " vrings none\n");
	}
	mutex_unlock(&channel->bind_mutex);
}

static void channel_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct vhost_backend_channel *channel = file->private_data;

	if (!vhost_backend_channel_is_ready(channel))
		return;
	show_stats(m, channel);
	show_backends(m, channel);
}

const struct file_operations vhost_backend_fops = {
	.owner = THIS_MODULE,
	.open = channel_open,
	.release = channel_release,
	.read_iter = channel_read_iter,
	.write_iter = channel_write_iter,
	.poll = channel_poll,
	.mmap = channel_mmap,
	.unlocked_ioctl = channel_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.show_fdinfo = channel_show_fdinfo,
};
