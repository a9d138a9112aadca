// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sleeping frontends: raising and announcing, waking, and whether there is something.
 */
#include <linux/poll.h>

#include "wake.h"

/**
 * vhost_backend_channel_wake() - wake those who sleep until something happens
 * @channel: the channel
 * @events: what happened
 *
 * All of them, the exclusive ones too: the doorbell stays set until somebody looks,
 * and the only one that was woken may die before it does.
 *
 * Context: As vhost_backend_channel_announce(), with interrupts on.
 */
void vhost_backend_channel_wake(struct vhost_backend_channel *channel, __poll_t events)
{
	__wake_up(&channel->frontend_wait, TASK_NORMAL, 0, poll_to_key(events));
}

void vhost_backend_channel_wake_frontend(struct vhost_backend_channel *channel)
{
	this_cpu_inc(channel->counters->wakeups);
	vhost_backend_channel_wake(channel, EPOLLIN | EPOLLRDNORM);
}

static void wake_frontend_work(struct irq_work *work)
{
	vhost_backend_channel_wake_frontend(container_of(work, struct vhost_backend_channel, wake_work));
}

/**
 * vhost_backend_channel_wake_init() - a channel on which nobody sleeps
 * @channel: the channel
 */
void vhost_backend_channel_wake_init(struct vhost_backend_channel *channel)
{
	init_irq_work(&channel->wake_work, wake_frontend_work);
}

/*
 * wq_has_sleeper() is a full barrier between the doorbell and the look at the
 * queue; its partner is the one in prepare_to_wait() or poll_wait(), before the
 * sleeper looks at the doorbell. A wait queue's lock sleeps on PREEMPT_RT, so it
 * can't be taken with interrupts off; nor do they tell there whether the caller
 * is inside another one's.
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
 * eventfd from inside our lock; taking ours inside an eventfd's would close the
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
	 * Pairs with the exchanges of vhost_backend_notify_take(): where a reader
	 * has taken the bits, his mark is seen, or what he made of it.
	 */
	smp_rmb();
	return READ_ONCE(channel->batch.pending);
}

/**
 * vhost_backend_channel_has_something() - is there something to deliver?
 * @channel: the channel; the caller is on its wait queue, if he is to sleep
 *
 * The doorbell may have been rung for something that is gone, a request that was
 * withdrawn; the next raise would then wake nobody. So who is about to sleep
 * clears it, and looks once more.
 *
 * Return: false: a wake-up will follow as soon as there is something.
 */
bool vhost_backend_channel_has_something(struct vhost_backend_channel *channel)
{
	if (something_pending(channel))
		return true;
	vhost_backend_notify_hush(&channel->notify);
	return something_pending(channel);
}
