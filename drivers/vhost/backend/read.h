/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VHOST_BACKEND_READ_H
#define VHOST_BACKEND_READ_H

#include <linux/fs.h>
#include <linux/uio.h>

ssize_t vhost_backend_read_iter(struct kiocb *iocb, struct iov_iter *to);

#endif /* VHOST_BACKEND_READ_H */
