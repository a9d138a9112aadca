// SPDX-License-Identifier: GPL-2.0-only
#include "vhost_net.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_tun.h>
#include <linux/vhost.h>
#include <linux/virtio_config.h>

#include "channel.h"
#include "memory.h"

int net_fail(struct vhost_net *net, const char *step)
{
	int err = errno;

	net->failed = step;
	return err ? -err : -EIO;
}

int net_ioctl(struct vhost_net *net, int fd, unsigned long request, const void *arg,
	      const char *step)
{
	return ioctl(fd, request, arg) < 0 ? net_fail(net, step) : 0;
}

uint32_t net_host_address(const struct vhost_net *net)
{
	return htonl(0xc6120001 | net->number << 8);	/* 198.18.N.1 */
}

uint32_t net_guest_address(const struct vhost_net *net)
{
	return htonl(0xc6120002 | net->number << 8);	/* 198.18.N.2 */
}

/* The interface's address is for the raw socket of net_capture_open(). */
static int net_interface_up(struct vhost_net *net)
{
	struct ifreq ifr = {};
	struct sockaddr_in in = { .sin_family = AF_INET };
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err;

	if (sock < 0)
		return net_fail(net, "socket(AF_INET)");
	memcpy(ifr.ifr_name, net->name, IFNAMSIZ);
	in.sin_addr.s_addr = net_host_address(net);
	memcpy(&ifr.ifr_addr, &in, sizeof(in));
	err = net_ioctl(net, sock, SIOCSIFADDR, &ifr, "SIOCSIFADDR");
	if (!err) {
		in.sin_addr.s_addr = htonl(0xffffff00);
		memcpy(&ifr.ifr_netmask, &in, sizeof(in));
		err = net_ioctl(net, sock, SIOCSIFNETMASK, &ifr, "SIOCSIFNETMASK");
	}
	if (!err) {
		ifr.ifr_flags = IFF_UP | IFF_RUNNING;
		err = net_ioctl(net, sock, SIOCSIFFLAGS, &ifr, "SIOCSIFFLAGS");
	}
	close(sock);
	return err;
}

static int net_tap(struct vhost_net *net)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int header = NET_HEADER;
	int err;

	net->tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (net->tap < 0)
		return net_fail(net, "/dev/net/tun");
	err = net_ioctl(net, net->tap, TUNSETIFF, &ifr, "TUNSETIFF");
	if (err)
		return err;
	memcpy(net->name, ifr.ifr_name, IFNAMSIZ);
	err = net_ioctl(net, net->tap, TUNSETVNETHDRSZ, &header, "TUNSETVNETHDRSZ");
	return err ? err : net_interface_up(net);
}

/* Guest memory starts at address 0, or at an I/O virtual address. */
static uint64_t net_memory_address(const struct vhost_net *net)
{
	return net->mode == NET_DIRECT ? 0 : (net->number + 1ULL) << 32;
}

/* Guest memory: for each queue its ring on pages of its own, then its buffers. */
static int net_memory(struct vhost_net *net)
{
	size_t ring = (vring_size(NET_RING, PAGE) + PAGE - 1) & ~(size_t)(PAGE - 1);
	size_t queue = ring + NET_RING * NET_BUFFER;

	net->bytes = NET_QUEUES * queue;
	net->memory = mmap(NULL, net->bytes, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (net->memory == MAP_FAILED) {
		net->memory = NULL;
		return net_fail(net, "mmap of the guest's memory");
	}
	for (int i = 0; i < NET_QUEUES; i++) {
		struct net_queue *q = &net->queue[i];

		vring_init(&q->vring, NET_RING, (char *)net->memory + i * queue, PAGE);
		q->buffers = (uint8_t *)net->memory + i * queue + ring;
		q->buffers_address = net_memory_address(net) + i * queue + ring;
	}
	return 0;
}

static int net_eventfds(struct vhost_net *net)
{
	for (int i = 0; i < NET_QUEUES; i++) {
		struct net_queue *q = &net->queue[i];

		q->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		q->call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		q->err = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (q->kick < 0 || q->call < 0 || q->err < 0)
			return net_fail(net, "eventfd");
	}
	return 0;
}

int net_queue_of(const struct vhost_net *net, uint64_t address)
{
	for (int i = 0; i < NET_QUEUES; i++)
		if (address - net->queue[i].buffers_address < NET_RING * NET_BUFFER)
			return i;
	return -1;
}

int net_translate(struct vhost_net *net, uint8_t type, uint64_t address, size_t bytes,
		  uint8_t perm)
{
	const uint8_t *memory = net->memory;
	struct vhost_msg_v2 message = {
		.type = VHOST_IOTLB_MSG_V2,
		.iotlb = {
			.iova = address, .size = bytes, .perm = perm, .type = type,
			.uaddr = (uintptr_t)(memory + (address - net_memory_address(net))),
		},
	};

	if (write(net->vhost, &message, sizeof(message)) != sizeof(message))
		return net_fail(net, "a translation");
	return 0;
}

/* The rings, which the device must know before it starts; the buffers not. */
static int net_translate_ring(struct vhost_net *net, struct net_queue *q)
{
	size_t ring = q->buffers - (uint8_t *)q->vring.desc;

	return net_translate(net, VHOST_IOTLB_UPDATE, q->buffers_address - ring,
			     ring, VHOST_ACCESS_RW);
}

/* Addresses of a ring are those of the VMM, or I/O virtual ones. */
static uint64_t net_ring_address(const struct vhost_net *net, const void *at)
{
	if (net->mode == NET_DIRECT)
		return (uintptr_t)at;
	return net_memory_address(net) + ((uint8_t *)at - (uint8_t *)net->memory);
}

static int net_vhost_queue(struct vhost_net *net, unsigned int index)
{
	struct net_queue *q = &net->queue[index];
	struct vhost_vring_state num = { .index = index, .num = NET_RING };
	struct vhost_vring_state base = { .index = index };
	struct vhost_vring_addr addr = {
		.index = index,
		.desc_user_addr = net_ring_address(net, q->vring.desc),
		.avail_user_addr = net_ring_address(net, q->vring.avail),
		.used_user_addr = net_ring_address(net, q->vring.used),
	};
	struct vhost_vring_file kick = { .index = index, .fd = q->kick };
	struct vhost_vring_file call = { .index = index, .fd = q->call };
	struct vhost_vring_file err = { .index = index, .fd = q->err };
	struct vhost_vring_file tap = { .index = index, .fd = net->tap };
	const struct {
		unsigned long request;
		const void *arg;
		const char *name;
	} steps[] = {
		{ VHOST_SET_VRING_NUM, &num, "VHOST_SET_VRING_NUM" },
		{ VHOST_SET_VRING_BASE, &base, "VHOST_SET_VRING_BASE" },
		{ VHOST_SET_VRING_ADDR, &addr, "VHOST_SET_VRING_ADDR" },
		{ VHOST_SET_VRING_KICK, &kick, "VHOST_SET_VRING_KICK" },
		{ VHOST_SET_VRING_CALL, &call, "VHOST_SET_VRING_CALL" },
		{ VHOST_SET_VRING_ERR, &err, "VHOST_SET_VRING_ERR" },
		{ net->tap < 0 ? 0 : VHOST_NET_SET_BACKEND, &tap, "VHOST_NET_SET_BACKEND" },
		{}
	};
	int ret = 0;

	for (int i = 0; !ret && steps[i].request; i++)
		ret = net_ioctl(net, net->vhost, steps[i].request, steps[i].arg,
				steps[i].name);
	return ret;
}

int net_flush(struct vhost_net *net)
{
	int none = -1;

	return net_ioctl(net, net->vhost, VHOST_SET_LOG_FD, &none, "VHOST_SET_LOG_FD");
}

/* VHOST_SET_FORK_FROM_OWNER and VHOST_GET_, which older headers do not have */
#define SET_FORK_FROM_OWNER	_IOW(VHOST_VIRTIO, 0x84, uint8_t)
#define GET_FORK_FROM_OWNER	_IOR(VHOST_VIRTIO, 0x85, uint8_t)

static enum net_workers chosen_workers;

void net_choose_workers(enum net_workers workers)
{
	chosen_workers = workers;
}

bool net_can_choose_workers(void)
{
	int vhost = open("/dev/vhost-net", O_RDWR | O_CLOEXEC);
	uint8_t own;
	bool can = !ioctl(vhost, GET_FORK_FROM_OWNER, &own);

	close(vhost);
	return can;
}

static int net_workers(struct vhost_net *net)
{
	uint8_t own = chosen_workers == NET_WORKERS_OWN;

	if (chosen_workers == NET_WORKERS_DEFAULT)
		return 0;
	return net_ioctl(net, net->vhost, SET_FORK_FROM_OWNER, &own,
			 "VHOST_SET_FORK_FROM_OWNER");
}

static int net_vhost(struct vhost_net *net)
{
	uint64_t features = 1ULL << VIRTIO_F_VERSION_1;
	uint64_t backend_features = 1ULL << VHOST_BACKEND_F_IOTLB_MSG_V2;
	union {
		struct vhost_memory head;
		uint8_t bytes[sizeof(struct vhost_memory) +
			      sizeof(struct vhost_memory_region)];
	} table = {};
	int err;

	net->vhost = open(net->device, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (net->vhost < 0)
		return net_fail(net, net->device);
	table.head.nregions = 1;
	table.head.regions[0].memory_size = net->bytes;
	table.head.regions[0].userspace_addr = (uintptr_t)net->memory;
	if (net->mode != NET_DIRECT)
		features |= 1ULL << VIRTIO_F_ACCESS_PLATFORM;
	err = net_workers(net);
	if (!err)
		err = net_ioctl(net, net->vhost, VHOST_SET_OWNER, NULL, "VHOST_SET_OWNER");
	if (!err && net->mode == NET_IOTLB)
		err = net_ioctl(net, net->vhost, VHOST_SET_BACKEND_FEATURES,
				&backend_features, "VHOST_SET_BACKEND_FEATURES");
	if (!err)
		err = net_ioctl(net, net->vhost, VHOST_SET_FEATURES, &features,
				"VHOST_SET_FEATURES");
	if (!err)
		err = net_ioctl(net, net->vhost, VHOST_SET_MEM_TABLE, &table,
				"VHOST_SET_MEM_TABLE");
	for (int i = 0; !err && i < NET_QUEUES; i++) {
		if (net->mode != NET_DIRECT)
			err = net_translate_ring(net, &net->queue[i]);
		if (!err)
			err = net_vhost_queue(net, i);
	}
	/* With its backend a queue is looked at: not once more when frames are there. */
	return err || net->tap < 0 ? err : net_flush(net);
}

void net_close(struct vhost_net *net)
{
	if (net->vhost >= 0)
		close(net->vhost);
	if (net->tap >= 0)
		close(net->tap);
	for (int i = 0; i < NET_QUEUES; i++) {
		const int fds[] = { net->queue[i].kick, net->queue[i].call,
				    net->queue[i].err };

		for (int j = 0; j < 3; j++)
			if (fds[j] >= 0)
				close(fds[j]);
	}
	if (net->memory)
		munmap(net->memory, net->bytes);
}

void net_init(struct vhost_net *net, unsigned int number, enum net_mode mode,
	      const char *device)
{
	memset(net, 0, sizeof(*net));
	net->number = number;
	net->mode = mode;
	net->device = device;
	net->tap = -1;
	net->vhost = -1;
	for (int i = 0; i < NET_QUEUES; i++) {
		net->queue[i].kick = -1;
		net->queue[i].call = -1;
		net->queue[i].err = -1;
	}
}

int net_start(struct vhost_net *net)
{
	int err = net_memory(net);

	if (!err)
		err = net_eventfds(net);
	if (!err)
		err = net_vhost(net);
	if (err)
		net_close(net);
	return err;
}

int net_open_mode(struct vhost_net *net, unsigned int number, enum net_mode mode)
{
	int err;

	net_init(net, number, mode, "/dev/vhost-net");
	err = net_tap(net);
	if (err) {
		net_close(net);
		return err;
	}
	return net_start(net);
}

int net_bind(struct vhost_net *net, int channel, unsigned int base)
{
	for (int i = 0; i < NET_QUEUES; i++) {
		int err = channel_bind(channel, VHOST_BACKEND_BIND_VRING_CALL,
				       base + i, net->queue[i].call, 0);

		if (!err)
			err = channel_bind(channel, VHOST_BACKEND_BIND_VRING_ERR,
					   base + i, net->queue[i].err, 0);
		if (err) {
			net->failed = "VHOST_BACKEND_BIND";
			return err;
		}
	}
	return 0;
}

int net_worker(char *path, size_t size)
{
	char name[32], comm[32], self[32];
	const char *folders[2] = { self, "/proc" };

	snprintf(name, sizeof(name), "vhost-%d\n", getpid());
	snprintf(self, sizeof(self), "/proc/%d/task", getpid());
	for (int i = 0; i < 2; i++) {
		DIR *dir = opendir(folders[i]);
		struct dirent *entry;

		while (dir && (entry = readdir(dir))) {
			FILE *file;
			bool found;

			snprintf(path, size, "%s/%s/comm", folders[i], entry->d_name);
			file = fopen(path, "r");
			if (!file)
				continue;
			found = fgets(comm, sizeof(comm), file) && !strcmp(comm, name);
			fclose(file);
			if (!found)
				continue;
			path[strlen(path) - strlen("/comm")] = '\0';
			closedir(dir);
			return 0;
		}
		if (dir)
			closedir(dir);
	}
	return -ESRCH;
}
