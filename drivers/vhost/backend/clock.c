// SPDX-License-Identifier: GPL-2.0-only
/*
 * Deadlines of requests: one timer a channel, for the earliest of them.
 */
#include <linux/jiffies.h>

#include "clock.h"
#include "compat.h"
#include "reply.h"
#include "room.h"

/*
 * timer_reduce() compares only with a timer that is pending when it looks first. Of two
 * callers that find it idle, the last one sets it, perhaps to the later deadline. So one
 * calls at a time: then a second caller finds the timer pending, and compares, or it has
 * expired meanwhile.
 */
static void bring_forward(struct vhost_backend_channel *channel, unsigned long deadline)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&channel->timer_lock, flags);
	timer_reduce(&channel->timer, deadline);
	raw_spin_unlock_irqrestore(&channel->timer_lock, flags);
}

/*
 * A request that is queued while this runs is found by the last look at the deadlines, or
 * it was queued after that look, since both are under one lock. In that case its sender
 * brings the timer forward by itself, unless it finds it pending for an earlier time: at
 * that time this runs, and looks, again.
 */
static void expire(struct timer_list *timer)
{
	struct vhost_backend_channel *channel =
		timer_container_of(channel, timer, timer);
	unsigned long next;

	if (vhost_backend_inflight_expire(&channel->inflight, &next))
		bring_forward(channel, next);
	vhost_backend_room_freed(channel);
}

/**
 * vhost_backend_clock_init() - a channel without deadlines
 * @channel: the channel
 */
void vhost_backend_clock_init(struct vhost_backend_channel *channel)
{
	raw_spin_lock_init(&channel->timer_lock);
	timer_setup(&channel->timer, expire, 0);
}

/**
 * vhost_backend_clock_expect() - a request with a deadline was queued
 * @channel: the channel; the lock of its requests is not held
 * @deadline: jiffies
 *
 * Context: Any but NMI.
 */
void vhost_backend_clock_expect(struct vhost_backend_channel *channel,
				unsigned long deadline)
{
	/* Mostly it is: then no lock is taken. */
	if (timer_pending(&channel->timer) &&
	    time_after_eq(deadline, READ_ONCE(channel->timer.expires)))
		return;
	bring_forward(channel, deadline);
}

/**
 * vhost_backend_clock_stop() - the channel is closed: nothing expires any more
 * @channel: the channel
 *
 * When this returns, no time-out is calling a worker.
 *
 * Context: Process context. May sleep.
 */
void vhost_backend_clock_stop(struct vhost_backend_channel *channel)
{
	vhost_backend_timer_shutdown(&channel->timer);
}
