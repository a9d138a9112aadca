/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VHOST_BACKEND_WAKE_H
#define VHOST_BACKEND_WAKE_H

#include "channel.h"

void vhost_backend_channel_wake_init(struct vhost_backend_channel *channel);
void vhost_backend_channel_wake(struct vhost_backend_channel *channel, __poll_t events);
void vhost_backend_channel_wake_frontend(struct vhost_backend_channel *channel);
void vhost_backend_channel_rung(struct vhost_backend_channel *channel, bool foreign);
void vhost_backend_channel_raise(struct vhost_backend_channel *channel,
				 u32 request, u32 vring, bool foreign);
bool vhost_backend_channel_has_something(struct vhost_backend_channel *channel);

static inline bool
vhost_backend_channel_is_pending(const struct vhost_backend_channel *channel)
{
	if (vhost_backend_notify_pending(&channel->notify) ||
	    READ_ONCE(channel->inflight.ring.live))
		return true;
	/*
	 * Pairs with the exchanges of vhost_backend_notify_take(): if a reader has
	 * taken the bits, this sees the mark that it set before, or what it set later.
	 */
	smp_rmb();
	return READ_ONCE(channel->batch.pending);
}

static inline bool
vhost_backend_channel_is_rung(const struct vhost_backend_channel *channel)
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
static inline bool
vhost_backend_channel_is_quiet(const struct vhost_backend_channel *channel)
{
	return !vhost_backend_channel_is_rung(channel) &&
	       !vhost_backend_channel_is_pending(channel);
}

/**
 * vhost_backend_channel_announce() - a record was put into the ring
 * @channel: the channel
 *
 * Context: Any but NMI; no lock of the channel held.
 */
static inline void vhost_backend_channel_announce(struct vhost_backend_channel *channel)
{
	/* Partner: vhost_backend_notify_hush(). The record before the doorbell. */
	smp_mb();
	if (vhost_backend_notify_ring(&channel->notify))
		vhost_backend_channel_rung(channel, false);
}

#endif /* VHOST_BACKEND_WAKE_H */
