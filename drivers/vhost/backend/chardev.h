/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VHOST_BACKEND_CHARDEV_H
#define VHOST_BACKEND_CHARDEV_H

#include <linux/fs.h>

/* A file is a channel if it has these. */
extern const struct file_operations vhost_backend_fops;

#endif /* VHOST_BACKEND_CHARDEV_H */
