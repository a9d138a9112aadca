/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VHOST_BACKEND_WAKE_H
#define VHOST_BACKEND_WAKE_H

#include "channel.h"

void vhost_backend_channel_wake_init(struct vhost_backend_channel *channel);
void vhost_backend_channel_wake(struct vhost_backend_channel *channel, __poll_t events);
void vhost_backend_channel_wake_frontend(struct vhost_backend_channel *channel);
void vhost_backend_channel_announce(struct vhost_backend_channel *channel);
void vhost_backend_channel_raise(struct vhost_backend_channel *channel,
				 u32 request, u32 vring, bool foreign);
bool vhost_backend_channel_is_quiet(struct vhost_backend_channel *channel);
bool vhost_backend_channel_has_something(struct vhost_backend_channel *channel);

#endif /* VHOST_BACKEND_WAKE_H */
