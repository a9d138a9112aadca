// SPDX-License-Identifier: GPL-2.0-only
/*
 * Workers that wait for room.
 */
#include "room.h"

/**
 * vhost_backend_channel_wake_room() - room may have become free
 * @channel: the channel
 *
 * Context: Process or softirq; no lock of the channel held.
 */
void vhost_backend_channel_wake_room(struct vhost_backend_channel *channel)
{
	/* Pairs with prepare_to_wait() in vhost_backend_wait_room(). */
	if (wq_has_sleeper(&channel->room_wait))
		wake_up_all(&channel->room_wait);
}
