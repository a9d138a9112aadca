/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VHOST_BACKEND_STATS_H
#define VHOST_BACKEND_STATS_H

#include "channel.h"

struct seq_file;

void vhost_backend_channel_stats(struct vhost_backend_channel *channel,
				 struct vhost_backend_stats *stats);
void vhost_backend_channel_show(struct seq_file *m, struct vhost_backend_channel *channel);

#endif /* VHOST_BACKEND_STATS_H */
