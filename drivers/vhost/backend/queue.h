/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VHOST_BACKEND_QUEUE_H
#define VHOST_BACKEND_QUEUE_H

#include "request.h"
#include "slot.h"

int vhost_backend_inflight_queue(struct vhost_backend_inflight *inflight,
				 struct vhost_backend_record *record);
int vhost_backend_inflight_reserve(struct vhost_backend_inflight *inflight,
				   u32 bytes);
void vhost_backend_inflight_unreserve(struct vhost_backend_inflight *inflight,
				      u32 bytes);
int vhost_backend_inflight_queue_reserved(struct vhost_backend_inflight *inflight,
					  struct vhost_backend_record *record,
					  u32 bytes);
bool vhost_backend_inflight_has_room(struct vhost_backend_inflight *inflight);

#endif /* VHOST_BACKEND_QUEUE_H */
