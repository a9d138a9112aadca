/* SPDX-License-Identifier: GPL-2.0-only */
/* The guest's driver of a virtqueue: gives buffers to the device, and takes them back. */
#ifndef VHOST_BACKEND_LIB_NET_QUEUE_H
#define VHOST_BACKEND_LIB_NET_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "vhost_net.h"

/*
 * Offers a buffer of @bytes to the device. Returns its descriptor, or -ENOSPC. The device
 * looks at it after net_kick().
 */
int net_add(struct net_queue *q, uint32_t bytes, bool device_writes);

/* Kicks the device. */
void net_kick(struct net_queue *q);

/*
 * The same, unless the device will look anyway. A device that lacks a translation does not
 * ask for kicks, and each would make it miss the same buffer again.
 */
void net_kick_if_wanted(struct net_queue *q);

/* The index of the used ring, as the device has it */
uint16_t net_used_index(const struct net_queue *q);

/*
 * Takes one used buffer. Returns its descriptor, -EAGAIN if there is none, or -EPROTO if
 * the device used a buffer that it was not given.
 */
int net_reap(struct net_queue *q, uint32_t *bytes);

/* The buffer of a descriptor */
uint8_t *net_buffer(struct net_queue *q, int id);

#endif /* VHOST_BACKEND_LIB_NET_QUEUE_H */
