/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VHOST_BACKEND_REPLY_H
#define VHOST_BACKEND_REPLY_H

#include "slot.h"

struct file *vhost_backend_inflight_file(struct vhost_backend_inflight *inflight,
					 u64 id);
int vhost_backend_inflight_reply(struct vhost_backend_inflight *inflight,
				 const struct vhost_backend_reply *reply,
				 struct file **file);
int vhost_backend_inflight_check_reply(struct vhost_backend_inflight *inflight,
				       const struct vhost_backend_reply *reply);

void vhost_backend_inflight_give_up(struct vhost_backend_inflight *inflight,
				    struct vhost_backend_completion *completion,
				    int error);
void vhost_backend_inflight_give_up_all(struct vhost_backend_inflight *inflight,
					const struct vhost_backend_owner *owner,
					int error);
bool vhost_backend_inflight_expire(struct vhost_backend_inflight *inflight,
				   unsigned long *next);
void vhost_backend_inflight_close(struct vhost_backend_inflight *inflight);

#endif /* VHOST_BACKEND_REPLY_H */
