/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VHOST_BACKEND_ACCOUNT_H
#define VHOST_BACKEND_ACCOUNT_H

#include <linux/list.h>
#include <linux/types.h>
#include <linux/uidgid.h>

/* What one user has, over all his channels. Counts are under the list's lock. */
struct vhost_backend_account {
	struct list_head node;
	kuid_t uid;
	u32 channels;
	u32 bindings;
};

struct vhost_backend_account *vhost_backend_account_get(u32 max_channels);
void vhost_backend_account_put(struct vhost_backend_account *account);
bool vhost_backend_account_add_binding(struct vhost_backend_account *account,
				       u32 max_bindings);
void vhost_backend_account_drop_binding(struct vhost_backend_account *account);

#endif /* VHOST_BACKEND_ACCOUNT_H */
