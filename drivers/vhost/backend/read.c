// SPDX-License-Identifier: GPL-2.0-only
/*
 * Delivery: batches of messages to user space.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm_types.h>
#include <linux/uio.h>

#include "channel.h"
#include "claim.h"
#include "compat.h"
#include "read.h"
#include "room.h"
#include "wake.h"

/* What of a reader matters to delivery, and what it was not given. */
struct vhost_backend_reader {
	bool own_mm;		/* in the address space of the one who did SETUP */
	bool takes_files;	/* trusted with descriptors */
	struct vhost_backend_ended refused;	/* to be finished without read_mutex */
};

/**
 * try_lock_reader() - take read_mutex if it is free
 * @channel: the channel
 *
 * Return: false: another one reads, and wakes whoever sleeps if he leaves something.
 */
static bool try_lock_reader(struct vhost_backend_channel *channel)
{
	if (mutex_trylock(&channel->read_mutex))
		return true;
	WRITE_ONCE(channel->turned_away, 1);
	/* Partner: the unlocking reader's. He sees the mark, or has unlocked. */
	smp_mb();
	return mutex_trylock(&channel->read_mutex);
}

/**
 * unlock_reader() - let others read
 * @channel: the channel, its read_mutex held
 *
 * The reader has cleared the doorbell, perhaps for more than he had space for. Who
 * was turned away meanwhile believes that there is nothing, and has to be told.
 */
static void unlock_reader(struct vhost_backend_channel *channel)
{
	mutex_unlock(&channel->read_mutex);
	/* Partner: try_lock_reader(). */
	smp_mb();
	if (READ_ONCE(channel->turned_away) && xchg(&channel->turned_away, 0) &&
	    vhost_backend_channel_has_something(channel))
		vhost_backend_channel_wake_frontend(channel);
}

/*
 * Writes the descriptor of @file over the header's fd word. @at is where the
 * message starts. Whatever fails, no descriptor is left.
 */
static int install_file(struct file *file, const struct iov_iter *at)
{
	const size_t offset = offsetof(struct vhost_backend_msg, fd);
	int __user *user = vhost_backend_iter_address(at, offset, sizeof(s32));
	struct iov_iter word = *at;
	s32 fd = vhost_backend_receive_fd(file, user, O_CLOEXEC);

	if (fd < 0 || user)
		return min(fd, 0);
	iov_iter_advance(&word, offset);
	if (copy_to_iter(&fd, sizeof(fd), &word) == sizeof(fd))
		return 0;
	close_fd(fd);
	return -EFAULT;
}

/*
 * The whole message first, and the descriptor last: a fault half-way must not
 * leave a descriptor that nobody was told of.
 */
static int copy_message(struct iov_iter *to, const struct vhost_backend_msg *msg,
			struct file *file)
{
	size_t bytes = vhost_backend_msg_bytes(msg);
	const struct iov_iter start = *to;
	size_t copied = copy_to_iter(msg, bytes, to);
	int err = copied == bytes ? 0 : -EFAULT;

	if (!err && file)
		err = install_file(file, &start);
	if (err)
		iov_iter_revert(to, copied);
	return err;
}

/* Returns 1; 0 if no request is left in the batch; or an error. */
static int deliver_request(struct vhost_backend_channel *channel,
			   struct vhost_backend_reader *reader,
			   struct iov_iter *to)
{
	struct vhost_backend_inflight *inflight = &channel->inflight;
	struct vhost_backend_claim claim;
	struct file *file;
	int ret;

	ret = vhost_backend_inflight_claim(inflight, channel->batch.limit,
					   iov_iter_count(to), reader->own_mm, &claim,
					   &reader->refused);
	if (ret <= 0)
		return ret;
	file = claim.slot && reader->takes_files ? claim.slot->file : NULL;
	ret = copy_message(to, claim.msg, file);
	if (ret) {
		vhost_backend_inflight_unclaim(inflight, &claim);
		return ret;
	}
	vhost_backend_inflight_delivered(inflight, &claim, file);
	return 1;
}

/* Likewise, for notifications. */
static int deliver_notification(struct vhost_backend_channel *channel,
				struct iov_iter *to)
{
	struct vhost_backend_record record = {};
	u32 vring = 0;
	int err;

	record.msg.request = vhost_backend_batch_next(&channel->batch, &vring);
	if (record.msg.request == VHOST_BACKEND_PAD)
		return 0;
	record.msg.flags = VHOST_BACKEND_MSG_VERSION;
	record.msg.fd = VHOST_BACKEND_FD_NONE;
	if (record.msg.request != VHOST_BACKEND_CONFIG_CHANGE_MSG) {
		record.msg.size = sizeof(record.state);
		record.state.index = vring;
	}
	if (iov_iter_count(to) < vhost_backend_msg_bytes(&record.msg))
		return -EMSGSIZE;
	err = copy_message(to, &record.msg, NULL);
	if (err)
		return err;
	vhost_backend_batch_drop(&channel->batch, record.msg.request, vring);
	this_cpu_inc(channel->counters->notifications_delivered);
	return 1;
}

/* Takes all that there is as the next batch. */
static void look(struct vhost_backend_channel *channel)
{
	/*
	 * Whoever looks meanwhile, without the mutex, must not see neither the
	 * bits nor the batch, and go to sleep: see something_pending().
	 */
	WRITE_ONCE(channel->batch.pending, 1);
	vhost_backend_notify_hush(&channel->notify);
	vhost_backend_notify_take(&channel->notify, &channel->batch);
	channel->batch.limit = vhost_backend_ring_tail(&channel->inflight.ring);
}

/* Delivers what is left of the batch: requests first. 0 if all of it. */
static int deliver_batch(struct vhost_backend_channel *channel,
			 struct vhost_backend_reader *reader,
			 struct iov_iter *to)
{
	int ret;

	while ((ret = deliver_request(channel, reader, to)) > 0)
		cond_resched();
	if (ret)
		return ret;
	while ((ret = deliver_notification(channel, to)) > 0)
		cond_resched();
	return ret;
}

/**
 * deliver() - deliver messages
 * @channel: READY, its read_mutex held
 * @reader: who reads
 * @to: where to
 *
 * What an earlier call took and had no space for comes first, then what there is
 * now. Notifications that were taken are not put back: a busy worker would keep
 * them from ever being delivered.
 *
 * Return: bytes; 0 there is nothing; -EMSGSIZE, -EFAULT, -EMFILE, or what the
 * security module says, for the first message: it stays queued.
 */
static ssize_t deliver(struct vhost_backend_channel *channel,
		       struct vhost_backend_reader *reader, struct iov_iter *to)
{
	size_t space = iov_iter_count(to);
	int err;

	lockdep_assert_held(&channel->read_mutex);
	err = deliver_batch(channel, reader, to);
	if (!err) {
		look(channel);
		err = deliver_batch(channel, reader, to);
	}
	space -= iov_iter_count(to);
	vhost_backend_channel_wake_room(channel);
	return space ?: err;
}

/* O_NONBLOCK may wait for another reader that is copying, NOWAIT may not. */
static int lock_reader(struct vhost_backend_channel *channel, bool nowait)
{
	if (nowait)
		return try_lock_reader(channel) ? 0 : -EAGAIN;
	return mutex_lock_interruptible(&channel->read_mutex) ? -ERESTARTSYS : 0;
}

/* Tells the workers whose requests the reader was not given. */
static void finish_refused(struct vhost_backend_channel *channel,
			   struct vhost_backend_reader *reader)
{
	vhost_backend_inflight_finish(&channel->inflight, &reader->refused);
	vhost_backend_ended_init(&reader->refused);
}

ssize_t vhost_backend_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct file *file = iocb->ki_filp;
	struct vhost_backend_channel *channel = file->private_data;
	bool nowait = iocb->ki_flags & IOCB_NOWAIT;
	struct vhost_backend_reader reader;
	ssize_t ret;

	if (!vhost_backend_channel_is_ready(channel))
		return -ENOTCONN;
	reader.own_mm = current->mm == channel->mm;
	reader.takes_files = vhost_backend_trusted_with_files(file);
	vhost_backend_ended_init(&reader.refused);
	for (;;) {
		ret = lock_reader(channel, nowait);
		if (ret)
			return ret;
		ret = deliver(channel, &reader, to);
		unlock_reader(channel);
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
