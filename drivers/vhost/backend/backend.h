/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VHOST_BACKEND_BACKEND_H
#define VHOST_BACKEND_BACKEND_H

#include <linux/list.h>

#include "request.h"
#include "slot.h"

#define VHOST_BACKEND_NAME_MAX	31

struct vhost_backend_channel;

/* One attachment of a worker to a channel. */
struct vhost_backend {
	/* Constant while attached. */
	struct vhost_backend_channel *channel;
	const struct vhost_backend_ops *ops;
	void *private;
	struct module *module;
	struct vhost_backend_limits limits;
	char name[VHOST_BACKEND_NAME_MAX + 1];

	struct list_head node;		/* channel->backends, under its bind_mutex */
	bool told;			/* of the frontend's end; likewise */

	/* channel->room_backends, under the lock of the requests; see room.c */
	struct list_head room_node;
	u64 room_round;
	struct vhost_backend_owner owner;
};

#endif /* VHOST_BACKEND_BACKEND_H */
