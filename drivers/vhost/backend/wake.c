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

/**
 * vhost_backend_channel_rung() - the doorbell went from 0 to 1
 * @channel: the channel
 * @foreign: the caller is inside another wait queue's lock
 *
 * wq_has_sleeper() is a full barrier between the doorbell and the look at the
 * queue; its partner is the one in prepare_to_wait() or poll_wait(), before the
 * sleeper looks at the doorbell. A wait queue's lock sleeps on PREEMPT_RT, so it
 * can't be taken with interrupts off. There, disabled interrupts don't tell either
 * whether the caller holds the lock of another wait queue.
 *
 * Context: Any but NMI; no lock of the channel held.
 */
void vhost_backend_channel_rung(struct vhost_backend_channel *channel, bool foreign)
{
	if (!wq_has_sleeper(&channel->frontend_wait))
		return;
	if (foreign || irqs_disabled() || IS_ENABLED(CONFIG_PREEMPT_RT))
		irq_work_queue(&channel->wake_work);
	else
		vhost_backend_channel_wake_frontend(channel);
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
		vhost_backend_channel_rung(channel, foreign);
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
	bool rung = vhost_backend_channel_is_rung(channel);

	/* There the doorbell is the frontend's to clear, and the rest to look at. */
	if (vhost_backend_channel_is_mapped(channel))
		return rung;
	if (vhost_backend_channel_is_pending(channel))
		return true;
	if (!rung)
		return false;
	vhost_backend_notify_hush(&channel->notify);
	return vhost_backend_channel_is_pending(channel);
}
