// SPDX-License-Identifier: GPL-2.0-only
/*
 * Deadlines of requests: one timer a channel, for the earliest of them.
 */
#include "clock.h"
#include "compat.h"
#include "reply.h"
#include "room.h"

/*
 * A request that is queued while this runs is either found by the last look at the
 * deadlines, or its sender calls timer_reduce() after that look, since it does so after
 * queueing under the same lock. In that case the timer is not pending, for it is this one
 * that runs, or it was set to a later deadline: timer_reduce() returns early without a
 * lock only if it finds the timer pending for an earlier time. Both calls only ever bring
 * the time forward, so their order does not matter.
 */
static void expire(struct timer_list *timer)
{
	struct vhost_backend_channel *channel =
		timer_container_of(channel, timer, timer);
	unsigned long next;

	if (vhost_backend_inflight_expire(&channel->inflight, &next))
		timer_reduce(&channel->timer, next);
	vhost_backend_room_freed(channel);
}

/**
 * vhost_backend_clock_init() - a channel without deadlines
 * @channel: the channel
 */
void vhost_backend_clock_init(struct vhost_backend_channel *channel)
{
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
	timer_reduce(&channel->timer, deadline);
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
