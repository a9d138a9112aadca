/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VHOST_BACKEND_CLOCK_H
#define VHOST_BACKEND_CLOCK_H

#include "channel.h"

void vhost_backend_clock_init(struct vhost_backend_channel *channel);
void vhost_backend_clock_expect(struct vhost_backend_channel *channel,
				unsigned long deadline);
void vhost_backend_clock_stop(struct vhost_backend_channel *channel);

#endif /* VHOST_BACKEND_CLOCK_H */
