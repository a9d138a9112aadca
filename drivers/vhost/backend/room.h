/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VHOST_BACKEND_ROOM_H
#define VHOST_BACKEND_ROOM_H

#include "channel.h"

struct vhost_backend;

void vhost_backend_room_init(struct vhost_backend_channel *channel);
void vhost_backend_room_missed(struct vhost_backend *be);
void vhost_backend_room_forget(struct vhost_backend *be);
bool vhost_backend_room_look(struct vhost_backend_channel *channel);
void vhost_backend_room_awaited(struct vhost_backend_channel *channel);
void vhost_backend_room_stop(struct vhost_backend_channel *channel);
void vhost_backend_room_freed(struct vhost_backend_channel *channel);

#endif /* VHOST_BACKEND_ROOM_H */
