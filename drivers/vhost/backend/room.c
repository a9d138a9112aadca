// SPDX-License-Identifier: GPL-2.0-only
/*
 * Workers that wait for room. Some sleep on a wait queue; others are backends with a room
 * callback, one of whose calls has failed for lack of room. These are called from
 * irq_work, so that whoever makes room may hold any lock, and may get stuck later.
 */
#include <linux/jiffies.h>
#include <linux/minmax.h>

#include "backend.h"
#include "compat.h"
#include "room.h"

/* Milliseconds between two looks at a mapped ring, while workers wait for room */
#define INTERVAL_MIN	1u
#define INTERVAL_MAX	32u

/* The next backend that has waited since before the last time that room became free */
static struct vhost_backend *take_waiting(struct vhost_backend_channel *channel)
{
	struct vhost_backend_inflight *inflight = &channel->inflight;
	struct vhost_backend *be;
	unsigned long flags;

	raw_spin_lock_irqsave(&inflight->lock, flags);
	be = list_first_entry_or_null(&channel->room_backends, struct vhost_backend,
				      room_node);
	if (be && be->room_round == channel->room_round)
		be = NULL;
	if (be) {
		list_del_init(&be->room_node);
		vhost_backend_expect_callback(&be->owner);
	}
	raw_spin_unlock_irqrestore(&inflight->lock, flags);
	return be;
}

static void call_backends(struct irq_work *work)
{
	struct vhost_backend_channel *channel =
		container_of(work, struct vhost_backend_channel, room_work);
	int most = VHOST_BACKEND_AT_ONCE;
	struct vhost_backend *be;

	while ((be = take_waiting(channel))) {
		be->ops->room(be->private);
		vhost_backend_callback_over(&be->owner);
		if (!--most) {
			irq_work_queue(work);
			return;
		}
	}
}

static bool somebody_waits(struct vhost_backend_channel *channel)
{
	return wq_has_sleeper(&channel->room_wait) ||
	       !list_empty_careful(&channel->room_backends);
}

/**
 * vhost_backend_room_look() - see what a frontend has consumed by itself
 * @channel: mapped
 *
 * Workers that wait hear of it; also of nonsense, which ends their waiting.
 *
 * Context: As vhost_backend_room_freed().
 * Return: true if it has consumed something.
 */
bool vhost_backend_room_look(struct vhost_backend_channel *channel)
{
	struct vhost_backend_ring *ring = &channel->inflight.ring;
	unsigned long flags;
	bool moved, bad;
	u64 before;

	if (READ_ONCE(ring->ctl->consumer) == READ_ONCE(ring->consumer))
		return false;
	raw_spin_lock_irqsave(&channel->inflight.lock, flags);
	before = ring->consumer;
	vhost_backend_ring_skip(ring, ring->producer);
	moved = ring->consumer != before;
	bad = ring->bad_consumer;
	raw_spin_unlock_irqrestore(&channel->inflight.lock, flags);
	if (moved || bad)
		vhost_backend_room_freed(channel);
	return moved;
}

/* A frontend that does not call VHOST_BACKEND_ROOM is slow, not stuck. */
static void look_again(struct timer_list *timer)
{
	struct vhost_backend_channel *channel =
		timer_container_of(channel, timer, room_timer);
	unsigned int next = min(2 * READ_ONCE(channel->room_interval), INTERVAL_MAX);

	if (vhost_backend_room_look(channel))
		next = INTERVAL_MIN;
	WRITE_ONCE(channel->room_interval, next);
	if (somebody_waits(channel))
		mod_timer(&channel->room_timer, jiffies + msecs_to_jiffies(next));
}

/**
 * vhost_backend_room_awaited() - a worker waits for room
 * @channel: the channel; the lock of its requests is not held
 *
 * The caller is on a list of those who wait, or will look again.
 *
 * Context: Any but NMI.
 */
void vhost_backend_room_awaited(struct vhost_backend_channel *channel)
{
	if (!vhost_backend_channel_is_mapped(channel) || timer_pending(&channel->room_timer))
		return;
	WRITE_ONCE(channel->room_interval, INTERVAL_MIN);
	timer_reduce(&channel->room_timer, jiffies + msecs_to_jiffies(INTERVAL_MIN));
}

/**
 * vhost_backend_room_stop() - the channel is closed: nobody waits any more
 * @channel: the channel
 *
 * Context: Process context. May sleep.
 */
void vhost_backend_room_stop(struct vhost_backend_channel *channel)
{
	vhost_backend_timer_shutdown(&channel->room_timer);
}

/**
 * vhost_backend_room_init() - a channel in which nobody waits for room
 * @channel: the channel
 */
void vhost_backend_room_init(struct vhost_backend_channel *channel)
{
	init_waitqueue_head(&channel->room_wait);
	INIT_LIST_HEAD(&channel->room_backends);
	init_irq_work(&channel->room_work, call_backends);
	timer_setup(&channel->room_timer, look_again, 0);
}

/**
 * vhost_backend_room_missed() - a call of a backend has failed for lack of room
 * @be: the backend; the lock of its channel's requests is held since it failed
 */
void vhost_backend_room_missed(struct vhost_backend *be)
{
	struct vhost_backend_channel *channel = be->channel;

	lockdep_assert_held(&channel->inflight.lock);
	if (!be->ops || !be->ops->room || !list_empty(&be->room_node))
		return;
	be->room_round = channel->room_round;
	list_add_tail(&be->room_node, &channel->room_backends);
}

/**
 * vhost_backend_room_forget() - a backend waits for no room any more
 * @be: the backend; the lock of its channel's requests is held
 */
void vhost_backend_room_forget(struct vhost_backend *be)
{
	lockdep_assert_held(&be->channel->inflight.lock);
	list_del_init(&be->room_node);
}

/**
 * vhost_backend_room_freed() - room may have become free
 * @channel: the channel
 *
 * A backend that fails again, in its callback or before, waits for the next time.
 *
 * Context: Process or softirq; the caller has released the lock of the requests, under
 * which it made room, and holds no wait queue's lock.
 */
void vhost_backend_room_freed(struct vhost_backend_channel *channel)
{
	unsigned long flags;

	/* Partner: the barrier of prepare_to_wait(), in those who wait for room. */
	if (wq_has_sleeper(&channel->room_wait))
		wake_up_all(&channel->room_wait);
	/* A backend that failed before the room was made is on the list since then. */
	if (list_empty_careful(&channel->room_backends))
		return;
	raw_spin_lock_irqsave(&channel->inflight.lock, flags);
	channel->room_round++;
	raw_spin_unlock_irqrestore(&channel->inflight.lock, flags);
	irq_work_queue(&channel->room_work);
}
