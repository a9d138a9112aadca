// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sleeping frontends: raising and announcing, waking, and whether there is something.
 */
#include <linux/poll.h>

#include "wake.h"

/**
 * vhost_backend_channel_wake() - wake everybody who sleeps until something happens
 * @channel: the channel
 * @events: what happened
 *
 * The exclusive sleepers too: the doorbell stays set until somebody looks, and a single
 * sleeper that was woken may die before it does.
 *
 * Context: As vhost_backend_channel_announce(), with interrupts on.
 */
void vhost_backend_channel_wake(struct vhost_backend_channel *channel, __poll_t events)
{
	__wake_up(&channel->frontend_wait, TASK_NORMAL, 0, poll_to_key(events));
}

/**
 * vhost_backend_channel_wake_frontend() - there is something to deliver
 * @channel: the channel
 *
 * Context: As vhost_backend_channel_wake().
 */
void vhost_backend_channel_wake_frontend(struct vhost_backend_channel *channel)
{
	this_cpu_inc(channel->counters->wakeups);
	vhost_backend_channel_wake(channel, EPOLLIN | EPOLLRDNORM);
}

static void wake_frontend_work(struct irq_work *work)
{
	struct vhost_backend_channel *channel =
		container_of(work, struct vhost_backend_channel, wake_work);

	vhost_backend_channel_wake_frontend(channel);
}

/**
 * vhost_backend_channel_wake_init() - a channel on which nobody sleeps
 * @channel: the channel
 */
void vhost_backend_channel_wake_init(struct vhost_backend_channel *channel)
{
	init_waitqueue_head(&channel->frontend_wait);
	init_irq_work(&channel->wake_work, wake_frontend_work);
}

/*
 * wq_has_sleeper() is a full barrier between the doorbell and the look at the
 * queue; its partner is the one in prepare_to_wait() or poll_wait(), before the
 * sleeper looks at the doorbell. A wait queue's lock sleeps on PREEMPT_RT, so it
 * can't be taken with interrupts off. There, disabled interrupts don't tell either
 * whether the caller holds the lock of another wait queue.
 */
static void wake(struct vhost_backend_channel *channel, bool foreign)
{
	if (!wq_has_sleeper(&channel->frontend_wait))
		return;
	if (foreign || irqs_disabled() || IS_ENABLED(CONFIG_PREEMPT_RT))
		irq_work_queue(&channel->wake_work);
	else
		vhost_backend_channel_wake_frontend(channel);
}

/**
 * vhost_backend_channel_announce() - a record was put into the ring
 * @channel: the channel
 *
 * Context: Any but NMI; no lock of the channel held.
 */
void vhost_backend_channel_announce(struct vhost_backend_channel *channel)
{
	/* Partner: vhost_backend_notify_hush(). The record before the doorbell. */
	smp_mb();
	if (vhost_backend_notify_ring(&channel->notify))
		wake(channel, false);
}

/**
 * vhost_backend_channel_raise() - raise a notification
 * @channel: the channel
 * @request: VHOST_BACKEND_VRING_CALL, _VRING_ERR or _CONFIG_CHANGE_MSG
 * @vring: of the channel
 * @foreign: the caller is inside another wait queue's lock
 *
 * A sleeper on our wait queue may be an aio or io_uring poll that signals an
 * eventfd from inside our lock. Taking ours inside an eventfd's would close the
 * circle. So with @foreign the wake-up always goes through irq_work, and our lock
 * only ever comes before a foreign one.
 *
 * Context: Any but NMI; no lock of the channel held.
 */
void vhost_backend_channel_raise(struct vhost_backend_channel *channel,
				 u32 request, u32 vring, bool foreign)
{
	enum vhost_backend_raised raised =
		vhost_backend_notify_raise(&channel->notify, request, vring);

	this_cpu_inc(channel->counters->notifications_raised);
	if (raised == VHOST_BACKEND_MERGED)
		this_cpu_inc(channel->counters->notifications_merged);
	else if (raised == VHOST_BACKEND_RANG)
		wake(channel, foreign);
}

static bool something_pending(struct vhost_backend_channel *channel)
{
	if (READ_ONCE(channel->inflight.ring.live) ||
	    vhost_backend_notify_pending(&channel->notify))
		return true;
	/*
	 * Pairs with the exchanges of vhost_backend_notify_take(): if a reader has
	 * taken the bits, this sees the mark that it set before, or what it set later.
	 */
	smp_rmb();
	return READ_ONCE(channel->batch.pending);
}

static bool is_rung(struct vhost_backend_channel *channel)
{
	bool rung = READ_ONCE(channel->notify.ctl->doorbell);

	/*
	 * Partner: the barrier between what a sender publishes and its look at the
	 * doorbell. A sender that left a doorbell of 1 alone, which somebody has cleared
	 * since, has published before.
	 */
	smp_mb();
	return rung;
}

/**
 * vhost_backend_channel_is_quiet() - is there nothing, and will the next raise ring?
 * @channel: the channel
 *
 * A doorbell that is set says that somebody has to look and clear it, even if there is
 * nothing: otherwise an edge-triggered epoll would miss the next message.
 *
 * Context: Any.
 * Return: true: there was nothing to deliver, and the doorbell was not set.
 */
bool vhost_backend_channel_is_quiet(struct vhost_backend_channel *channel)
{
	return !is_rung(channel) && !something_pending(channel);
}

/**
 * vhost_backend_channel_has_something() - is there something to deliver?
 * @channel: the channel; a caller that is about to sleep is on its wait queue
 *
 * The doorbell may have been rung for something that is gone, a request that was
 * withdrawn. The next raise would then wake nobody. So the caller clears it, and looks
 * once more.
 *
 * Return: false: a wake-up will follow as soon as there is something.
 */
bool vhost_backend_channel_has_something(struct vhost_backend_channel *channel)
{
	bool rung = is_rung(channel);

	if (something_pending(channel))
		return true;
	if (!rung)
		return false;
	vhost_backend_notify_hush(&channel->notify);
	return something_pending(channel);
}
