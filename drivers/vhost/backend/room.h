/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VHOST_BACKEND_ROOM_H
#define VHOST_BACKEND_ROOM_H

#include "channel.h"

void vhost_backend_channel_wake_room(struct vhost_backend_channel *channel);

#endif /* VHOST_BACKEND_ROOM_H */
