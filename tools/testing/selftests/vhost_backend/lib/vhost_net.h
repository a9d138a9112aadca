/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Plays the VMM of an unmodified vhost-net on a tap, or of another vhost device with two
 * virtqueues. The guest's driver is in net_queue.h, its frames are in net_frame.h.
 *
 * net_open() makes the tap and the device, and starts it; net_init() and net_start() are
 * for devices without a tap. net_bind() binds its eventfds to a channel.
 *
 * Functions return 0 or a negative errno; vhost_net.failed then names the step.
 */
#ifndef VHOST_BACKEND_LIB_VHOST_NET_H
#define VHOST_BACKEND_LIB_VHOST_NET_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#define NET_RX		0
#define NET_TX		1
#define NET_QUEUES	2
#define NET_RING	256
#define NET_BUFFER	2048
#define NET_HEADER	sizeof(struct virtio_net_hdr_v1)

/*
 * One virtqueue: the guest's half of its state, and the descriptors that the VMM gave to
 * vhost. Only vhost writes the used ring, only the guest writes the rest.
 */
struct net_queue {
	struct vring vring;
	uint8_t *buffers;
	uint64_t buffers_address;	/* as the device knows them */
	uint16_t added;
	uint16_t seen;
	bool busy[NET_RING];
	int kick;
	int call;
	int err;
};

/* How a device finds the guest's memory */
enum net_mode {
	NET_DIRECT,		/* all of it is in the table that the VMM gives */
	NET_IOTLB,		/* it asks for what it has no translation of */
	NET_IOTLB_OLD,		/* likewise, with messages of the first version */
};

/* A device. Two of them on one host differ in their @number, 0 to 255. */
struct vhost_net {
	char name[IFNAMSIZ];
	unsigned int number;
	enum net_mode mode;
	const char *device;
	int tap;
	int vhost;
	struct net_queue queue[NET_QUEUES];
	void *memory;
	size_t bytes;
	const char *failed;
};

/* Notes the step that failed. Returns -errno. */
int net_fail(struct vhost_net *net, const char *step);

/* An ioctl as a step */
int net_ioctl(struct vhost_net *net, int fd, unsigned long request, const void *arg,
	      const char *step);

/* The IPv4 addresses of both ends */
uint32_t net_host_address(const struct vhost_net *net);
uint32_t net_guest_address(const struct vhost_net *net);

/* The queue that has a buffer at @address, or -1. */
int net_queue_of(const struct vhost_net *net, uint64_t address);

/* Gives the device a translation of @bytes at @address, or takes it away. */
int net_translate(struct vhost_net *net, uint8_t type, uint64_t address, size_t bytes,
		  uint8_t perm);

/* Returns when the device has done everything that it was told to look at. */
int net_flush(struct vhost_net *net);

/* Takes down everything that was made, however far that came. */
void net_close(struct vhost_net *net);

/*
 * What the workers of devices are that this process opens from now on, where the kernel
 * lets a process choose, as some do from 6.17 on.
 */
enum net_workers {
	NET_WORKERS_DEFAULT,
	NET_WORKERS_KERNEL,	/* kernel threads */
	NET_WORKERS_OWN,	/* threads of the process */
	NET_WORKERS,
};

void net_choose_workers(enum net_workers workers);

/* Whether it lets us choose. */
bool net_can_choose_workers(void);

/* A device that is not open yet, and has no tap. */
void net_init(struct vhost_net *net, unsigned int number, enum net_mode mode,
	      const char *device);

/* Opens the device and starts its queues. On failure there is nothing to close. */
int net_start(struct vhost_net *net);

/* Makes a tap and a vhost-net device on it. On failure there is nothing to close. */
int net_open_mode(struct vhost_net *net, unsigned int number, enum net_mode mode);

/* Binds the eventfds: the device's queue i becomes the channel's vring @base + i. */
int net_bind(struct vhost_net *net, int channel, unsigned int base);

/*
 * The vhost worker of this process, "vhost-PID": a kernel thread, or since 6.4 a thread of
 * the process. Returns 0 and its directory in /proc, or -ESRCH.
 */
int net_worker(char *path, size_t size);

#endif /* VHOST_BACKEND_LIB_VHOST_NET_H */
