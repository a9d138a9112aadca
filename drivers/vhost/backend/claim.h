/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VHOST_BACKEND_CLAIM_H
#define VHOST_BACKEND_CLAIM_H

#include "slot.h"

/* What a reader took for delivery. */
struct vhost_backend_claim {
	const struct vhost_backend_msg *msg;
	struct vhost_backend_slot *slot;	/* or NULL */
};

int vhost_backend_inflight_claim(struct vhost_backend_inflight *inflight,
				 u64 limit, size_t space, bool own_mm,
				 struct vhost_backend_claim *claim,
				 struct vhost_backend_ended *ended);
void vhost_backend_inflight_delivered(struct vhost_backend_inflight *inflight,
				      const struct vhost_backend_claim *claim,
				      bool file_taken);
void vhost_backend_inflight_unclaim(struct vhost_backend_inflight *inflight,
				    const struct vhost_backend_claim *claim);

#endif /* VHOST_BACKEND_CLAIM_H */
