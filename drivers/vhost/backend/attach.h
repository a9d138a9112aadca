/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VHOST_BACKEND_ATTACH_H
#define VHOST_BACKEND_ATTACH_H

struct vhost_backend_channel;

void vhost_backend_tell_gone(struct vhost_backend_channel *channel);

#endif /* VHOST_BACKEND_ATTACH_H */
