// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sending: what a worker calls to send a message, and to wait for its answer.
 */
#include <linux/err.h>
#include <linux/jiffies.h>

#include "backend.h"
#include "channel.h"
#include "clock.h"
#include "queue.h"
#include "reply.h"
#include "room.h"
#include "wake.h"

static inline int is_usable(const struct vhost_backend *be)
{
	if (READ_ONCE(be->owner.shutdown))
		return -ESHUTDOWN;
	return READ_ONCE(be->channel->inflight.closed) ? -ENOTCONN : 0;
}

/* 0 if @be may send @request now. */
static inline int may_send(struct vhost_backend *be, u32 request)
{
	int err = is_usable(be);

	if (!err && !vhost_backend_channel_accepts(be->channel, request)) {
		this_cpu_inc(be->channel->counters->refused_type);
		err = -EOPNOTSUPP;
	}
	return err;
}

static int refuse_content(struct vhost_backend *be, int err)
{
	this_cpu_inc(be->channel->counters->refused_content);
	return err;
}

static int refuse_room(struct vhost_backend *be, int err)
{
	if (err == -EAGAIN)
		this_cpu_inc(be->channel->counters->refused_room);
	return err;
}

static int raise_vring(struct vhost_backend *be, u32 request, u32 index)
{
	int err = may_send(be, request);

	if (err)
		return err;
	if (index >= be->limits.nr_vrings)
		return refuse_content(be, -ERANGE);
	vhost_backend_channel_raise(be->channel, request, be->limits.vring_base + index, false);
	return 0;
}

/**
 * vhost_backend_vring_call() - the vring has used buffers: interrupt the guest
 * @be: the backend
 * @index: one of its vrings
 *
 * Merges with a call that is pending. Never sleeps, allocates, or fails for lack
 * of room. The frontend is told at least once after this, and no sooner than of
 * whatever this worker sent before.
 *
 * Context: Any but NMI. A frontend that sleeps may be woken before this returns,
 * and what it waits with may signal an eventfd: not under a lock that a wake
 * function of the caller's takes.
 * Return: 0; -ERANGE not one of its vrings; -EOPNOTSUPP the frontend does not
 * take it; -ESHUTDOWN; -ENOTCONN.
 */
int vhost_backend_vring_call(struct vhost_backend *be, u32 index)
{
	return raise_vring(be, VHOST_BACKEND_VRING_CALL, index);
}
EXPORT_SYMBOL_GPL(vhost_backend_vring_call);

/**
 * vhost_backend_vring_err() - the vring is in error
 * @be: the backend
 * @index: one of its vrings
 *
 * Context: As vhost_backend_vring_call().
 * Return: as vhost_backend_vring_call().
 */
int vhost_backend_vring_err(struct vhost_backend *be, u32 index)
{
	return raise_vring(be, VHOST_BACKEND_VRING_ERR, index);
}
EXPORT_SYMBOL_GPL(vhost_backend_vring_err);

/**
 * vhost_backend_config_change() - the device's configuration space changed
 * @be: the backend
 *
 * Context: As vhost_backend_vring_call().
 * Return: as vhost_backend_vring_call(), without -ERANGE.
 */
int vhost_backend_config_change(struct vhost_backend *be)
{
	int err = may_send(be, VHOST_BACKEND_CONFIG_CHANGE_MSG);

	if (!err)
		vhost_backend_channel_raise(be->channel, VHOST_BACKEND_CONFIG_CHANGE_MSG,
					    0, false);
	return err;
}
EXPORT_SYMBOL_GPL(vhost_backend_config_change);

/* Checks a request and makes its record; counts what is refused. */
static __always_inline int build(struct vhost_backend *be,
				 const struct vhost_backend_req *req,
				 struct vhost_backend_record *record)
{
	int err = may_send(be, req->request);

	if (err)
		return err;
	record->completion = NULL;
	err = vhost_backend_request_build(record, req, &be->limits);
	return err ? refuse_content(be, err) : 0;
}

/* Default and bound: every wait has an end. */
static unsigned long bounded(unsigned long timeout)
{
	if (!timeout)
		timeout = msecs_to_jiffies(READ_ONCE(vhost_backend_reply_timeout_ms));
	return clamp(timeout, 1UL, (unsigned long)MAX_JIFFY_OFFSET);
}

/*
 * Queues a record. From the unlock on, its completion and whoever waits for that may be
 * gone. With @tell_of_room, the driver is told of room where there was none.
 */
static __always_inline int submit(struct vhost_backend *be,
				  struct vhost_backend_record *record, bool tell_of_room)
{
	struct vhost_backend_channel *channel = be->channel;
	bool waits = record->completion;
	unsigned long flags;
	int err;

	if (channel->setup.flags & VHOST_BACKEND_SETUP_STD_SHMEM)
		vhost_backend_request_to_std(record);
	raw_spin_lock_irqsave(&channel->inflight.lock, flags);
	err = be->owner.shutdown ? -ESHUTDOWN :
	      vhost_backend_inflight_queue(&channel->inflight, record);
	if (err == -EAGAIN && tell_of_room)
		vhost_backend_room_missed(be);
	raw_spin_unlock_irqrestore(&channel->inflight.lock, flags);
	if (err == -EAGAIN)
		vhost_backend_room_awaited(channel);
	if (err)
		return err;
	if (waits)
		vhost_backend_clock_expect(channel, record->deadline);
	vhost_backend_channel_announce(channel);
	return 0;
}

/* @completion is to end when @record is answered, or @timeout jiffies from now. */
static void expect_reply(struct vhost_backend *be, struct vhost_backend_record *record,
			 struct vhost_backend_completion *completion,
			 unsigned long timeout)
{
	completion->owner = &be->owner;
	record->completion = completion;
	record->deadline = jiffies + timeout;
}

/**
 * vhost_backend_send() - send a message that wants no reply
 * @be: the backend
 * @req: the message. A notification kind is raised, as by
 *	vhost_backend_vring_call()
 *
 * Context: As vhost_backend_vring_call().
 * Return: 0; -EAGAIN no room: see vhost_backend_wait_room() and
 * &struct vhost_backend_ops.room; -EINVAL also for a
 * kind that always wants a reply; -EINVAL, -EACCES, -ERANGE bad content;
 * -EOPNOTSUPP the frontend does not take it; -EPROTO the frontend has mapped the ring,
 * and what it says of its consumer makes no sense; -ESHUTDOWN; -ENOTCONN.
 */
int vhost_backend_send(struct vhost_backend *be,
		       const struct vhost_backend_req *req)
{
	struct vhost_backend_record record;
	int err = build(be, req, &record);

	if (err)
		return err;
	if (record.policy == VHOST_BACKEND_REPLY_ALWAYS)
		return refuse_content(be, -EINVAL);
	if (record.policy == VHOST_BACKEND_REPLY_NOTIFICATION) {
		vhost_backend_channel_raise(be->channel, req->request,
					    req->size ? record.state.index : 0, false);
		return 0;
	}
	return refuse_room(be, submit(be, &record, true));
}
EXPORT_SYMBOL_GPL(vhost_backend_send);

/**
 * vhost_backend_request_async() - send a request, be told of its end
 * @be: the backend
 * @req: the request; may be a SHARED_OBJECT_LOOKUP or a notification kind
 * @completion: with done, and timeout where the default will not do. The
 *	channel's until done is called
 *
 * Context: As vhost_backend_vring_call().
 * Return: 0: done will be called exactly once, perhaps before this returns. An
 * error: it will not: as vhost_backend_send(), and -EFAULT an EXTERNAL_MAP of
 * what is not user address space.
 */
int vhost_backend_request_async(struct vhost_backend *be,
				const struct vhost_backend_req *req,
				struct vhost_backend_completion *completion)
{
	struct vhost_backend_record record;
	int err = build(be, req, &record);

	if (err)
		return err;
	expect_reply(be, &record, completion, bounded(completion->timeout));
	return refuse_room(be, submit(be, &record, true));
}
EXPORT_SYMBOL_GPL(vhost_backend_request_async);

static bool has_room(struct vhost_backend_channel *channel)
{
	if (vhost_backend_inflight_has_room(&channel->inflight))
		return true;
	vhost_backend_room_awaited(channel);
	return false;
}

/**
 * vhost_backend_wait_room() - wait until a request of any kind fits
 * @be: the backend
 * @timeout: jiffies; 0: the module's default
 *
 * Another sender may take the room before the caller does.
 *
 * Context: Process context. Sleeps, killable.
 * Return: 0; -ETIMEDOUT; -EINTR killed; -ESHUTDOWN; -ENOTCONN.
 */
int vhost_backend_wait_room(struct vhost_backend *be, unsigned long timeout)
{
	struct vhost_backend_channel *channel = be->channel;
	long left;

	left = wait_event_killable_timeout(channel->room_wait,
					   READ_ONCE(be->owner.shutdown) ||
					   has_room(channel),
					   bounded(timeout));
	if (left < 0)
		return -EINTR;
	return is_usable(be) ?: left ? 0 : -ETIMEDOUT;
}
EXPORT_SYMBOL_GPL(vhost_backend_wait_room);

/* A waiter that sleeps for the end of its request. */
struct waiter {
	struct vhost_backend_completion completion;
	struct completion ended;
	struct file *file;
	u64 value;
	int error;
};

static void wake_waiter(struct vhost_backend_completion *completion, int error,
			u64 value, struct file *file)
{
	struct waiter *waiter = container_of(completion, struct waiter, completion);

	waiter->error = error;
	waiter->value = value;
	waiter->file = file;
	complete(&waiter->ended);
}

/*
 * Queues a record as soon as it fits. What is waited for is that it was queued: of
 * senders that wait for room, small ones are not kept waiting by large ones, nor any
 * by others that take what room there was.
 */
static int submit_when_it_fits(struct vhost_backend *be,
			       struct vhost_backend_record *record, unsigned long timeout)
{
	struct vhost_backend_channel *channel = be->channel;
	long left;
	int err;

	left = wait_event_killable_timeout(channel->room_wait,
					   (err = submit(be, record, false)) != -EAGAIN,
					   timeout);
	if (left < 0)
		return -EINTR;
	if (err != -EAGAIN)
		return err;
	this_cpu_inc(channel->counters->refused_room);
	return -ETIMEDOUT;
}

/* Sends and waits, for room and for the reply, together no longer than @timeout. */
static int send_and_wait(struct vhost_backend *be,
			 const struct vhost_backend_req *req,
			 unsigned long timeout, struct waiter *waiter)
{
	struct vhost_backend_channel *channel = be->channel;
	struct vhost_backend_record record;
	int err = build(be, req, &record);

	if (err)
		return err;
	waiter->completion.done = wake_waiter;
	init_completion(&waiter->ended);
	expect_reply(be, &record, &waiter->completion, timeout);
	err = submit_when_it_fits(be, &record, timeout);
	if (err)
		return err;
	if (wait_for_completion_killable(&waiter->ended)) {
		/* Whoever ends it now, done is called, and then @waiter is ours. */
		vhost_backend_inflight_give_up(&channel->inflight,
					       &waiter->completion, -EINTR);
		vhost_backend_room_freed(channel);
		wait_for_completion(&waiter->ended);
	}
	return waiter->error;
}

/**
 * vhost_backend_request() - send a request and wait for its reply
 * @be: the backend
 * @req: the request; may be a notification kind, which then is one like others
 * @timeout: jiffies, for room and reply together; 0: the module's default
 * @value: out: bytes moved of DEPRECATED_FS_IO, else 0; may be NULL
 *
 * Not from an ioctl or release of the device, nor what these flush: the thread
 * may be the one that reads the channel. See vhost_backend_request_async().
 *
 * Context: Process context. Sleeps, killable.
 * Return: 0; the frontend's errno; -EREMOTEIO it answered something else;
 * -ETIMEDOUT for room or for the reply; -EINTR killed; -ECANCELED the frontend
 * reset the channel; -EPERM an EXTERNAL_MAP was read in another address space;
 * -EINVAL also for SHARED_OBJECT_LOOKUP, whose file has no place here; and as
 * vhost_backend_request_async(), but -EAGAIN.
 */
int vhost_backend_request(struct vhost_backend *be,
			  const struct vhost_backend_req *req,
			  unsigned long timeout, u64 *value)
{
	struct waiter waiter = {};
	int err;

	if (req->request == VHOST_BACKEND_SHARED_OBJECT_LOOKUP)
		return refuse_content(be, -EINVAL);
	err = send_and_wait(be, req, bounded(timeout), &waiter);
	if (value)
		*value = waiter.value;
	return err;
}
EXPORT_SYMBOL_GPL(vhost_backend_request);

/**
 * vhost_backend_shared_object_lookup() - ask for an object of another device
 * @be: the backend
 * @uuid: of the object
 * @timeout: jiffies; 0: the module's default
 *
 * Context: As vhost_backend_request().
 * Return: the object's file, which the caller puts, or an ERR_PTR(), never NULL:
 * -ENOENT also where the frontend answered without a file; else as
 * vhost_backend_request().
 */
struct file *vhost_backend_shared_object_lookup(struct vhost_backend *be,
						const u8 uuid[16],
						unsigned long timeout)
{
	struct vhost_backend_shared_object object;
	const struct vhost_backend_req req = {
		.request = VHOST_BACKEND_SHARED_OBJECT_LOOKUP,
		.size = sizeof(object),
		.payload = &object,
	};
	struct waiter waiter = {};
	int err;

	memcpy(object.uuid, uuid, sizeof(object.uuid));
	err = send_and_wait(be, &req, bounded(timeout), &waiter);
	return err ? ERR_PTR(err) : waiter.file;
}
EXPORT_SYMBOL_GPL(vhost_backend_shared_object_lookup);
