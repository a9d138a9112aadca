/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VHOST_BACKEND_MAP_H
#define VHOST_BACKEND_MAP_H

struct vhost_backend_channel;
struct vm_area_struct;

int vhost_backend_map(struct vhost_backend_channel *channel, struct vm_area_struct *vma);

#endif /* VHOST_BACKEND_MAP_H */
