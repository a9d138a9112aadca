// SPDX-License-Identifier: GPL-2.0-only
#include "net_queue.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

int net_add(struct net_queue *q, uint32_t bytes, bool device_writes)
{
	unsigned int id = q->added % NET_RING;

	if ((uint16_t)(q->added - q->seen) == NET_RING)
		return -ENOSPC;
	while (q->busy[id])
		id = (id + 1) % NET_RING;
	q->busy[id] = true;
	q->vring.desc[id] = (struct vring_desc) {
		.addr = q->buffers_address + id * NET_BUFFER,
		.len = bytes,
		.flags = device_writes ? VRING_DESC_F_WRITE : 0,
	};
	q->vring.avail->ring[q->added++ % NET_RING] = id;
	return id;
}

void net_kick(struct net_queue *q)
{
	/* Pairs with the device's read of the index before it reads the ring. */
	__atomic_store_n(&q->vring.avail->idx, q->added, __ATOMIC_RELEASE);
	if (eventfd_write(q->kick, 1))
		perror("kick");
}

void net_kick_if_wanted(struct net_queue *q)
{
	__atomic_store_n(&q->vring.avail->idx, q->added, __ATOMIC_RELEASE);
	/* Pairs with the device's own, between asking for kicks and a last look. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!(__atomic_load_n(&q->vring.used->flags, __ATOMIC_RELAXED) &
	      VRING_USED_F_NO_NOTIFY))
		net_kick(q);
}

uint16_t net_used_index(const struct net_queue *q)
{
	return __atomic_load_n(&q->vring.used->idx, __ATOMIC_ACQUIRE);
}

int net_reap(struct net_queue *q, uint32_t *bytes)
{
	struct vring_used_elem elem;

	if (net_used_index(q) == q->seen)
		return -EAGAIN;
	elem = q->vring.used->ring[q->seen++ % NET_RING];
	if (elem.id >= NET_RING || !q->busy[elem.id])
		return -EPROTO;
	q->busy[elem.id] = false;
	if (bytes)
		*bytes = elem.len;
	return elem.id;
}

uint8_t *net_buffer(struct net_queue *q, int id)
{
	return q->buffers + (size_t)id * NET_BUFFER;
}
