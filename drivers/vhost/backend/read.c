// SPDX-License-Identifier: GPL-2.0-only
/*
 * Delivery: batches of messages to user space.
 *
 * A reader takes all that there is at one time as a batch: notifications, and a position
 * in the ring. It delivers the requests before that position, then the notifications. A
 * batch that does not fit into one buffer is finished by later reads before they look
 * again. Notifications are not put back: a busy worker would then keep them from ever
 * being delivered.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm_types.h>
#include <linux/sched/signal.h>
#include <linux/uio.h>
#include <linux/wait.h>

#include "channel.h"
#include "claim.h"
#include "compat.h"
#include "read.h"
#include "room.h"
#include "wake.h"

/*
 * Takes read_mutex if it is free. Otherwise another one reads, and wakes sleepers if it
 * leaves something.
 */
static bool try_lock_reader(struct vhost_backend_channel *channel)
{
	if (mutex_trylock(&channel->read_mutex))
		return true;
	WRITE_ONCE(channel->turned_away, 1);
	/* Partner: unlock_reader(). It sees the mark, or has unlocked. */
	smp_mb();
	return mutex_trylock(&channel->read_mutex);
}

/* O_NONBLOCK may wait for another reader that is copying, NOWAIT may not. */
static int lock_reader(struct vhost_backend_channel *channel, bool nowait)
{
	if (nowait)
		return try_lock_reader(channel) ? 0 : -EAGAIN;
	return mutex_lock_interruptible(&channel->read_mutex) ? -ERESTARTSYS : 0;
}

/*
 * The reader has cleared the doorbell, perhaps for more than fitted into its buffer. A
 * reader that was turned away meanwhile believes that there is nothing: tell it.
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
 * Writes the descriptor of @file over the header's fd word. @at is where the message
 * starts. Whatever fails, no descriptor is left.
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

/* Has the message, which starts at @at, ask for a reply: that releases its file. */
static int ask_for_reply(const struct vhost_backend_msg *msg, const struct iov_iter *at)
{
	u32 flags = msg->flags | VHOST_BACKEND_MSG_NEED_REPLY;
	struct iov_iter word = *at;

	if (flags == msg->flags)
		return 0;
	iov_iter_advance(&word, offsetof(struct vhost_backend_msg, flags));
	return copy_to_iter(&flags, sizeof(flags), &word) == sizeof(flags) ? 0 : -EFAULT;
}

/*
 * The message lies at @at, with VHOST_BACKEND_FD_PENDING. Where no descriptor can be
 * installed it stays so: what is behind it must not wait until one can.
 */
static int deliver_file(struct vhost_backend_channel *channel,
			const struct vhost_backend_run *run, const struct iov_iter *at,
			enum vhost_backend_file_delivery *delivery)
{
	int err = -EPERM;

	*delivery = VHOST_BACKEND_FILE_INSTALLED;
	if (vhost_backend_channel_trusts(channel))
		err = install_file(run->with_file->file, at);
	if (!err || err == -EFAULT)
		return err;
	*delivery = VHOST_BACKEND_FILE_PENDING;
	return ask_for_reply(run->first, at);
}

/*
 * The whole message first, and the descriptor last: a fault half-way must not leave a
 * descriptor that nobody was told of.
 */
static int copy_run(struct vhost_backend_channel *channel,
		    const struct vhost_backend_run *run, struct iov_iter *to)
{
	enum vhost_backend_file_delivery delivery = VHOST_BACKEND_FILE_NONE;
	const struct iov_iter start = *to;
	size_t copied = copy_to_iter(run->first, run->bytes, to);
	size_t whole = copied;
	u32 delivered;

	if (run->with_file && copied == run->bytes &&
	    deliver_file(channel, run, &start, &delivery))
		whole = 0;
	delivered = vhost_backend_inflight_commit(&channel->inflight, run, whole, delivery);
	/* Also if nothing was delivered: a request may have been withdrawn. */
	vhost_backend_room_freed(channel);
	if (delivered == run->bytes)
		return 0;
	iov_iter_revert(to, copied - delivered);
	return -EFAULT;
}

/* Only readers and withdrawals move the consumer: while this one reads, the latter. */
static bool requests_left(const struct vhost_backend_channel *channel)
{
	return (s64)(channel->batch.limit -
		     READ_ONCE(channel->inflight.ring.consumer)) > 0;
}

/*
 * Delivers what is left of the batch's requests. 0 if all of them. Not inlined: a read
 * that finds notifications only need not make space for a run.
 */
static noinline int deliver_requests(struct vhost_backend_channel *channel, bool own_mm,
				     struct iov_iter *to)
{
	struct vhost_backend_inflight *inflight = &channel->inflight;
	struct vhost_backend_run run;
	int ret;

	do {
		ret = vhost_backend_inflight_claim(inflight, channel->batch.limit,
						   iov_iter_count(to), own_mm, &run);
		if (ret <= 0)
			return ret;
		ret = copy_run(channel, &run, to);
		if (ret)
			return ret;
		cond_resched();
	} while (requests_left(channel));
	return 0;
}

/*
 * Sizes that the compiler knows are not looked up in the kernel's tables of what may be
 * copied to user space.
 */
static size_t copy_notices(const struct vhost_backend_notice *notices, size_t bytes,
			   struct iov_iter *to)
{
	if (bytes == sizeof(*notices))
		return copy_to_iter(notices, sizeof(*notices), to);
	if (bytes == VHOST_BACKEND_NOTICES * sizeof(*notices))
		return copy_to_iter(notices, VHOST_BACKEND_NOTICES * sizeof(*notices), to);
	return copy_to_iter(notices, bytes, to);
}

static int deliver_config_change(struct vhost_backend_channel *channel,
				 struct iov_iter *to)
{
	static const struct vhost_backend_msg msg = {
		.request = VHOST_BACKEND_CONFIG_CHANGE_MSG,
		.flags = VHOST_BACKEND_MSG_VERSION,
		.fd = VHOST_BACKEND_FD_NONE,
	};
	struct vhost_backend_batch *batch = &channel->batch;
	size_t copied;

	if (iov_iter_count(to) < sizeof(msg))
		return -EMSGSIZE;
	copied = copy_to_iter(&msg, sizeof(msg), to);
	if (copied < sizeof(msg)) {
		iov_iter_revert(to, copied);
		return -EFAULT;
	}
	batch->config = false;
	WRITE_ONCE(batch->pending, batch->pending - 1);
	this_cpu_inc(channel->counters->notifications_delivered);
	return 0;
}

/* Of calls and errors, those that lie ready as messages. */
static int deliver_notices(struct vhost_backend_channel *channel, struct iov_iter *to)
{
	struct vhost_backend_batch *batch = &channel->batch;
	size_t fit = iov_iter_count(to) / sizeof(*batch->notices);
	u32 nr = min_t(size_t, batch->end - batch->next, fit);
	size_t bytes = nr * sizeof(*batch->notices);
	size_t copied;

	if (!nr)
		return -EMSGSIZE;
	copied = copy_notices(&batch->notices[batch->next], bytes, to);
	if (unlikely(copied < bytes)) {
		iov_iter_revert(to, copied % sizeof(*batch->notices));
		nr = copied / sizeof(*batch->notices);
	}
	batch->next += nr;
	WRITE_ONCE(batch->pending, batch->pending - nr);
	this_cpu_add(channel->counters->notifications_delivered, nr);
	return copied < bytes ? -EFAULT : 0;
}

/* Delivers what is left of the batch's notifications. 0 if all of them. */
static int deliver_notifications(struct vhost_backend_channel *channel,
				 struct iov_iter *to)
{
	struct vhost_backend_batch *batch = &channel->batch;
	int err = 0;

	if (batch->config)
		err = deliver_config_change(channel, to);
	while (!err && batch->pending) {
		if (batch->next == batch->end)
			vhost_backend_batch_refill(batch);
		err = deliver_notices(channel, to);
	}
	return err;
}

/* Takes all that there is as the next batch. */
static void look(struct vhost_backend_channel *channel)
{
	/*
	 * Others look meanwhile without the mutex. Between the doorbell and the bits
	 * they must not find that there is nothing, and go to sleep: see
	 * vhost_backend_channel_has_something().
	 */
	WRITE_ONCE(channel->batch.pending, 1);
	vhost_backend_notify_hush(&channel->notify);
	vhost_backend_notify_take(&channel->notify, &channel->batch);
	channel->batch.limit = vhost_backend_ring_tail(&channel->inflight.ring);
}

/* Delivers what is left of the batch: requests first. 0 if all of it. */
static int deliver_batch(struct vhost_backend_channel *channel, bool own_mm,
			 struct iov_iter *to)
{
	int err = requests_left(channel) ? deliver_requests(channel, own_mm, to) : 0;

	if (!err && channel->batch.pending)
		err = deliver_notifications(channel, to);
	return err;
}

/*
 * What an earlier call took and had no space for comes first, then what there is now.
 * Returns bytes; 0 there is nothing; or, for the first message, which stays queued,
 * -EMSGSIZE, -EFAULT, or -EREMOTE: this reader must not have it.
 */
static ssize_t deliver(struct vhost_backend_channel *channel, bool own_mm,
		       struct iov_iter *to)
{
	size_t space = iov_iter_count(to);
	bool looked = false;
	int err;

	while (!(err = deliver_batch(channel, own_mm, to)) && !looked) {
		look(channel);
		looked = true;
	}
	space -= iov_iter_count(to);
	return space ?: err;
}

static ssize_t read_locked(struct vhost_backend_channel *channel, bool nowait,
			   bool own_mm, struct iov_iter *to)
{
	ssize_t ret = lock_reader(channel, nowait);

	if (ret)
		return ret;
	ret = deliver(channel, own_mm, to);
	unlock_reader(channel);
	return ret;
}

/*
 * A reader in another address space must not have requests that name an address of the
 * frontend's. They end for their workers before anything is copied.
 */
static noinline ssize_t read_foreign(struct vhost_backend_channel *channel, bool nowait,
				     struct iov_iter *to)
{
	ssize_t ret;

	do {
		if (vhost_backend_inflight_refuse_foreign(&channel->inflight))
			vhost_backend_room_freed(channel);
		ret = read_locked(channel, nowait, false, to);
	} while (ret == -EREMOTE && !signal_pending(current));
	return ret == -EREMOTE ? -ERESTARTSYS : ret;
}

/*
 * As wait_event_interruptible(), which would look once more before it goes to the queue,
 * and not inlined: a read that finds something needs no space for an entry of the queue.
 */
static noinline int wait_for_something(struct vhost_backend_channel *channel)
{
	DEFINE_WAIT(wait);
	int err;

	for (;;) {
		err = prepare_to_wait_event(&channel->frontend_wait, &wait,
					    TASK_INTERRUPTIBLE);
		if (err || vhost_backend_channel_has_something(channel))
			break;
		schedule();
	}
	finish_wait(&channel->frontend_wait, &wait);
	return err;
}

/**
 * vhost_backend_read_iter() - read
 * @iocb: of a file of the device
 * @to: where to
 *
 * Context: Process context. May sleep.
 * Return: bytes of whole messages, or an error as the user ABI says.
 */
ssize_t vhost_backend_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct file *file = iocb->ki_filp;
	struct vhost_backend_channel *channel = file->private_data;
	bool nowait = iocb->ki_flags & IOCB_NOWAIT;
	bool nonblocking = nowait || file->f_flags & O_NONBLOCK;
	ssize_t ret;

	if (!vhost_backend_channel_is_ready(channel))
		return -ENOTCONN;
	if (unlikely(vhost_backend_channel_is_mapped(channel)))
		return -EOPNOTSUPP;
	do {
		/* While the doorbell is 0, whatever comes next will ring it. */
		if (vhost_backend_channel_is_quiet(channel))
			ret = 0;
		else if (likely(current->mm == channel->mm))
			ret = read_locked(channel, nowait, true, to);
		else
			ret = read_foreign(channel, nowait, to);
		if (ret)
			return ret;
		if (nonblocking)
			return -EAGAIN;
	} while (!wait_for_something(channel));
	return -ERESTARTSYS;
}
