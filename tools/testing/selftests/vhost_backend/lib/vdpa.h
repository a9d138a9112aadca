/* SPDX-License-Identifier: GPL-2.0-only */
/* Adds and removes vdpa devices, as the command "vdpa" does. */
#ifndef VHOST_BACKEND_LIB_VDPA_H
#define VHOST_BACKEND_LIB_VDPA_H

#include <stdint.h>

/* The first vdpa device, for VMMs */
#define VDPA_PATH	"/dev/vhost-vdpa-0"

/*
 * Adds the vdpa device @name to the management device @parent, or removes it if @parent is
 * NULL.
 */
int vdpa_manage(const char *parent, const char *name);

/* Ioctls of a vdpa device */
int vdpa_set_status(int vhost, uint8_t status);
int vdpa_enable_queue(int vhost, uint32_t index);

#endif /* VHOST_BACKEND_LIB_VDPA_H */
