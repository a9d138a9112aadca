/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VHOST_BACKEND_CLAIM_H
#define VHOST_BACKEND_CLAIM_H

#include "slot.h"

/*
 * A run: records that lie behind one another in the ring, whole and as read() returns
 * them, and that a reader has taken for delivery. A record with a file is a run of its
 * own. The records stay as they are until the reader commits the run.
 */
struct vhost_backend_run {
	const struct vhost_backend_msg *first;
	u32 bytes;
	u32 records;
	struct vhost_backend_slot *with_file;	/* of its one record, or NULL */
};

/* How the file of a run's one record was delivered */
enum vhost_backend_file_delivery {
	VHOST_BACKEND_FILE_NONE,	/* there is none */
	VHOST_BACKEND_FILE_INSTALLED,	/* as a descriptor of the reader */
	VHOST_BACKEND_FILE_PENDING,	/* with VHOST_BACKEND_FD_PENDING */
};

int vhost_backend_inflight_claim(struct vhost_backend_inflight *inflight,
				 u64 limit, size_t space, bool own_mm,
				 struct vhost_backend_run *run);
u32 vhost_backend_inflight_commit(struct vhost_backend_inflight *inflight,
				  const struct vhost_backend_run *run, size_t copied,
				  enum vhost_backend_file_delivery file);
bool vhost_backend_inflight_refuse_foreign(struct vhost_backend_inflight *inflight);

#endif /* VHOST_BACKEND_CLAIM_H */
