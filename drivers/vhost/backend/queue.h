/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VHOST_BACKEND_QUEUE_H
#define VHOST_BACKEND_QUEUE_H

#include "request.h"
#include "slot.h"

/* A request to be queued. */
struct vhost_backend_submission {
	struct vhost_backend_record *record;	/* its id and reply flag are set */
	struct file *file;		/* attached, or NULL; a reference is taken */
	struct vhost_backend_completion *completion;	/* with its owner, or NULL */
	unsigned long deadline;		/* of @completion, jiffies */
	bool reply;			/* wants one; true with @completion */
};

int vhost_backend_inflight_queue(struct vhost_backend_inflight *inflight,
				 const struct vhost_backend_submission *submission);
int vhost_backend_inflight_reserve(struct vhost_backend_inflight *inflight,
				   u32 bytes);
void vhost_backend_inflight_unreserve(struct vhost_backend_inflight *inflight,
				      u32 bytes);
int vhost_backend_inflight_queue_reserved(struct vhost_backend_inflight *inflight,
					  const struct vhost_backend_submission *submission,
					  u32 bytes);
bool vhost_backend_inflight_has_room(struct vhost_backend_inflight *inflight);

#endif /* VHOST_BACKEND_QUEUE_H */
