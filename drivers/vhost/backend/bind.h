/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VHOST_BACKEND_BIND_H
#define VHOST_BACKEND_BIND_H

#include <uapi/linux/vhost_backend.h>

struct vhost_backend_channel;

void vhost_backend_bindings_init(struct vhost_backend_channel *channel);
int vhost_backend_bind(struct vhost_backend_channel *channel,
		       const struct vhost_backend_bind *bind);
void vhost_backend_unbind_all(struct vhost_backend_channel *channel);

#endif /* VHOST_BACKEND_BIND_H */
