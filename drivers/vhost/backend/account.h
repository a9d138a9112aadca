/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VHOST_BACKEND_ACCOUNT_H
#define VHOST_BACKEND_ACCOUNT_H

#include <linux/list.h>
#include <linux/types.h>
#include <linux/uidgid.h>

/* The resources of one user, over all channels. Counts are under the list's lock. */
struct vhost_backend_account {
	struct list_head node;
	kuid_t uid;
	u32 channels;
	u32 bindings;
	u32 devices;			/* those of the bindings that have a thread */
	u64 memory;			/* bytes */
};

struct vhost_backend_account *vhost_backend_account_get(u64 bytes, u32 max_channels,
							u64 max_memory);
void vhost_backend_account_put(struct vhost_backend_account *account, u64 bytes);
bool vhost_backend_account_add_binding(struct vhost_backend_account *account,
				       u32 max_bindings);
void vhost_backend_account_drop_binding(struct vhost_backend_account *account);
bool vhost_backend_account_add_device(struct vhost_backend_account *account,
				      u32 max_bindings, u32 max_devices);
void vhost_backend_account_drop_device(struct vhost_backend_account *account);

#endif /* VHOST_BACKEND_ACCOUNT_H */
