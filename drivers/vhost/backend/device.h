/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VHOST_BACKEND_DEVICE_H
#define VHOST_BACKEND_DEVICE_H

#include <linux/types.h>

struct file;
struct vhost_backend_channel;

int vhost_backend_device_bind(struct vhost_backend_channel *channel,
			      struct file *file, u16 source);
int vhost_backend_device_unbind(struct vhost_backend_channel *channel,
				const struct file *file);
void vhost_backend_devices_look(struct vhost_backend_channel *channel);
void vhost_backend_device_unbind_ended(struct vhost_backend_channel *channel);

#endif /* VHOST_BACKEND_DEVICE_H */
