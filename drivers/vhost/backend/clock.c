// SPDX-License-Identifier: GPL-2.0-only
/*
 * Deadlines of requests.
 */
#include "clock.h"
#include "compat.h"
#include "reply.h"
#include "room.h"

static void expire(struct timer_list *timer)
{
	struct vhost_backend_channel *channel =
		timer_container_of(channel, timer, timer);
	unsigned long next;

	if (vhost_backend_inflight_expire(&channel->inflight, &next))
		timer_reduce(&channel->timer, next);
	vhost_backend_channel_wake_room(channel);
}

/**
 * vhost_backend_clock_init() - a channel without deadlines
 * @channel: the channel
 */
void vhost_backend_clock_init(struct vhost_backend_channel *channel)
{
	timer_setup(&channel->timer, expire, 0);
}
