// SPDX-License-Identifier: GPL-2.0-only
/* Operations on unmodified vhost devices behind an IOMMU: they miss translations. */
#include "operation.h"

#include "lib/net_frame.h"
#include "lib/net_queue.h"

#include <linux/vhost.h>

static struct vhost_net *device_of(struct thread *thread, const uint64_t *args)
{
	return &thread->world->device[args[0] % SLOTS];
}

static int open_device(struct vhost_net *device, unsigned int number, uint64_t what)
{
	int run = 1, err;

	if (what % 2)
		return net_open_mode(device, number, NET_IOTLB);
	net_init(device, number, what % 4 ? NET_IOTLB_OLD : NET_IOTLB, "/dev/vhost-vsock");
	err = net_start(device);
	if (!err)
		ioctl(device->vhost, VHOST_VSOCK_SET_RUNNING, &run);
	return err;
}

/*
 * Others may use the memory of a device that is there: it stays. One that has just
 * come is there when its memory is.
 */
void device_do_open(struct thread *thread, const uint64_t *args)
{
	struct vhost_net *device = device_of(thread, args), fresh;
	void *memory;

	if (device->memory || open_device(&fresh, args[0] % SLOTS, args[1]))
		return;
	memory = fresh.memory;
	fresh.memory = NULL;
	*device = fresh;
	__atomic_store_n(&device->memory, memory, __ATOMIC_RELEASE);
	world_put(thread->world, VHOST, args[0], dup(fresh.vhost));
}

/* Each buffer that the device is given is one that it has no translation of. */
void device_do_kick(struct thread *thread, const uint64_t *args)
{
	struct vhost_net *device = device_of(thread, args);
	struct net_queue *q = &device->queue[args[1] % NET_QUEUES];

	if (!device->memory)
		return;
	for (unsigned int i = 0; i <= args[2] % NET_RING; i++)
		net_add(q, NET_FRAME_MIN, args[1] % NET_QUEUES == NET_RX);
	net_kick(q);
}

void device_do_translate(struct thread *thread, const uint64_t *args)
{
	struct vhost_net *device = device_of(thread, args);
	struct net_queue *q = &device->queue[args[1] % NET_QUEUES];

	if (device->memory)
		net_translate(device, args[2] % 2 ? VHOST_IOTLB_INVALIDATE : VHOST_IOTLB_UPDATE,
			      q->buffers_address, NET_RING * NET_BUFFER, VHOST_ACCESS_RW);
}

/* Its eventfds to a channel. */
void device_do_bind(struct thread *thread, const uint64_t *args)
{
	struct vhost_net *device = device_of(thread, args);

	if (device->memory)
		net_bind(device, world_get(thread->world, CHANNEL, args[1]), args[2]);
}
