/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VHOST_BACKEND_FRONTEND_H
#define VHOST_BACKEND_FRONTEND_H

#include <linux/fs.h>
#include <uapi/linux/vhost_backend.h>

struct vhost_backend_channel;

struct vhost_backend_channel *vhost_backend_frontend_open(void);
void vhost_backend_frontend_close(struct vhost_backend_channel *channel);
int vhost_backend_frontend_reply(struct vhost_backend_channel *channel,
				 const struct vhost_backend_reply *reply, bool file_allowed);
long vhost_backend_frontend_take_fd(struct vhost_backend_channel *channel,
				    struct vhost_backend_take_fd __user *user);

#endif /* VHOST_BACKEND_FRONTEND_H */
