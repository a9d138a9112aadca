/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Plays VMM and guest for an unmodified vhost-net on a tap: the VMM's ioctls on
 * one side, the guest's driver of the two virtqueues on the other.
 *
 * Functions return 0 or a negative errno; vhost_net.failed then names the step.
 */
#ifndef VHOST_BACKEND_VHOST_NET_H
#define VHOST_BACKEND_VHOST_NET_H

#include <arpa/inet.h>
#include <dirent.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/vhost.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#include "util.h"

#define NET_RX		0
#define NET_TX		1
#define NET_QUEUES	2

#define NET_RING	256
#define NET_BUFFER	2048
#define NET_HEADER	sizeof(struct virtio_net_hdr_v1)
#define NET_FRAME_MIN	60
#define NET_FRAME_MAX	1514
/* Ethernet, IPv4 and UDP: where a frame's payload starts */
#define NET_PAYLOAD	42
#define NET_PORT	9

/*
 * One virtqueue: the guest's half of its state, and the descriptors that the
 * VMM gave vhost. Only vhost writes the used ring, only we write the rest.
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

/* How a device finds the guest's memory. */
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

/* What the host saw on the tap, from byte @skip of each frame on. */
struct net_capture {
	int fd;
	size_t skip;
};

/* Waits until there is something to read. */
static inline bool readable(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, timeout_ms) == 1 && p.revents & POLLIN;
}

static inline uint32_t net_host_address(const struct vhost_net *net)
{
	return htonl(0xc6120001 | net->number << 8);	/* 198.18.N.1 */
}

static inline uint32_t net_guest_address(const struct vhost_net *net)
{
	return htonl(0xc6120002 | net->number << 8);	/* 198.18.N.2 */
}

static inline int net_fail(struct vhost_net *net, const char *step)
{
	int err = errno;

	net->failed = step;
	return err ? -err : -EIO;
}

static inline int net_ioctl(struct vhost_net *net, int fd, unsigned long request,
			    const void *arg, const char *step)
{
	return ioctl(fd, request, arg) < 0 ? net_fail(net, step) : 0;
}

/* The interface's address is for the raw socket of net_capture_open(). */
static inline int net_interface_up(struct vhost_net *net)
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

static inline int net_tap(struct vhost_net *net)
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
static inline uint64_t net_memory_address(const struct vhost_net *net)
{
	return net->mode == NET_DIRECT ? 0 : (net->number + 1ULL) << 32;
}

/* Guest memory: for each queue its ring on pages of its own, then its buffers. */
static inline int net_memory(struct vhost_net *net)
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

static inline int net_eventfds(struct vhost_net *net)
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

/* The queue with a buffer at @address, or -1. */
static inline int net_queue_of(const struct vhost_net *net, uint64_t address)
{
	for (int i = 0; i < NET_QUEUES; i++)
		if (address - net->queue[i].buffers_address < NET_RING * NET_BUFFER)
			return i;
	return -1;
}

/* Gives a translation of @bytes at @address, or takes it away. */
static inline int net_translate(struct vhost_net *net, uint8_t type,
				uint64_t address, size_t bytes, uint8_t perm)
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
static inline int net_translate_ring(struct vhost_net *net, struct net_queue *q)
{
	size_t ring = q->buffers - (uint8_t *)q->vring.desc;

	return net_translate(net, VHOST_IOTLB_UPDATE, q->buffers_address - ring,
			     ring, VHOST_ACCESS_RW);
}

/* Addresses of a ring are those of the VMM, or I/O virtual ones. */
static inline uint64_t net_ring_address(const struct vhost_net *net,
					const void *at)
{
	if (net->mode == NET_DIRECT)
		return (uintptr_t)at;
	return net_memory_address(net) + ((uint8_t *)at - (uint8_t *)net->memory);
}

static inline int net_vhost_queue(struct vhost_net *net, unsigned int index)
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

/* Returns when the device has done all that it was told to look at. */
static inline int net_flush(struct vhost_net *net)
{
	int none = -1;

	return net_ioctl(net, net->vhost, VHOST_SET_LOG_FD, &none, "VHOST_SET_LOG_FD");
}

static inline int net_vhost(struct vhost_net *net)
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

/* Takes everything down that was made, however far that came. */
static inline void net_close(struct vhost_net *net)
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

static inline void net_init(struct vhost_net *net, unsigned int number,
			    enum net_mode mode, const char *device)
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

/* The device with its queues. On failure there is nothing to close. */
static inline int net_start(struct vhost_net *net)
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

/* On failure there is nothing to close. */
static inline int net_open_mode(struct vhost_net *net, unsigned int number,
				enum net_mode mode)
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

static inline int net_open(struct vhost_net *net, unsigned int number)
{
	return net_open_mode(net, number, NET_DIRECT);
}

/* The device's queue i becomes the channel's vring @base + i. */
static inline int net_bind(struct vhost_net *net, int channel, unsigned int base)
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

/*
 * Offers one buffer of @bytes to the device; returns its descriptor, or -ENOSPC.
 * The device looks at it after net_kick().
 */
static inline int net_add(struct net_queue *q, uint32_t bytes, bool device_writes)
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

static inline void net_kick(struct net_queue *q)
{
	/* Pairs with the device's read of the index before it reads the ring. */
	__atomic_store_n(&q->vring.avail->idx, q->added, __ATOMIC_RELEASE);
	if (eventfd_write(q->kick, 1))
		perror("kick");
}

/*
 * Likewise, unless the device will look anyway. While it lacks a translation it
 * does not ask for kicks, and each would make it miss the same buffer once more.
 */
static inline void net_kick_if_wanted(struct net_queue *q)
{
	__atomic_store_n(&q->vring.avail->idx, q->added, __ATOMIC_RELEASE);
	/* Pairs with the device's own, between asking for kicks and a last look. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!(__atomic_load_n(&q->vring.used->flags, __ATOMIC_RELAXED) &
	      VRING_USED_F_NO_NOTIFY))
		net_kick(q);
}

static inline uint16_t net_used_index(const struct net_queue *q)
{
	return __atomic_load_n(&q->vring.used->idx, __ATOMIC_ACQUIRE);
}

/*
 * Takes one used buffer; returns its descriptor, -EAGAIN if there is none, or
 * -EPROTO if the device used what it was not given.
 */
static inline int net_reap(struct net_queue *q, uint32_t *bytes)
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

static inline uint8_t *net_buffer(struct net_queue *q, int id)
{
	return q->buffers + (size_t)id * NET_BUFFER;
}

static inline uint16_t net_checksum(const uint8_t *data, size_t bytes)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < bytes; i += 2)
		sum += data[i] << 8 | data[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static inline void net_put16(uint8_t *at, uint16_t value)
{
	at[0] = value >> 8;
	at[1] = value;
}

/*
 * The headers of a frame of @bytes in all, from the guest to the host: Ethernet,
 * IPv4 and UDP. It is a broadcast, which the host's stack takes as it is and
 * never answers with an ICMP error.
 */
static inline void net_headers(const struct vhost_net *net, uint8_t *frame,
			       size_t bytes)
{
	const uint32_t from = net_guest_address(net), to = net_host_address(net);
	uint8_t *ip = frame + ETH_HLEN;
	uint8_t *udp = ip + 20;

	memset(frame, 0, NET_PAYLOAD);
	memset(frame, 0xff, ETH_ALEN);
	frame[ETH_ALEN] = 0x02;
	frame[2 * ETH_ALEN - 1] = net->number;
	net_put16(frame + 2 * ETH_ALEN, ETH_P_IP);
	ip[0] = 0x45;
	net_put16(ip + 2, bytes - ETH_HLEN);
	ip[8] = 64;
	ip[9] = IPPROTO_UDP;
	memcpy(ip + 12, &from, sizeof(from));
	memcpy(ip + 16, &to, sizeof(to));
	net_put16(ip + 10, net_checksum(ip, 20));
	net_put16(udp, NET_PORT);
	net_put16(udp + 2, NET_PORT);
	net_put16(udp + 4, bytes - ETH_HLEN - 20);
}

/* A frame whose every byte after the headers follows from @number. */
static inline void net_frame(const struct vhost_net *net, uint8_t *frame,
			     size_t bytes, uint32_t number)
{
	net_headers(net, frame, bytes);
	for (size_t i = NET_PAYLOAD; i < bytes; i++)
		frame[i] = number >> (i % 4 * 8) ^ i;
}

/* Puts a frame, behind an empty virtio-net header, into the transmit queue. */
static inline int net_transmit(struct vhost_net *net, const uint8_t *frame,
			       size_t bytes)
{
	struct net_queue *q = &net->queue[NET_TX];
	int id = net_add(q, NET_HEADER + bytes, false);

	if (id < 0)
		return id;
	memset(net_buffer(q, id), 0, NET_HEADER);
	memcpy(net_buffer(q, id) + NET_HEADER, frame, bytes);
	return id;
}

/*
 * A packet socket sees whole frames; a kernel without AF_PACKET still has raw
 * sockets, which see them from the IP header on, after the host's IP stack has
 * found them good.
 */
static inline int net_capture_open(struct vhost_net *net,
				   struct net_capture *capture)
{
	struct sockaddr_ll ll = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_IP),
		.sll_ifindex = if_nametoindex(net->name),
	};
	const int flags = SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC;
	int size = 16 << 20;
	int ret;

	capture->skip = 0;
	capture->fd = socket(AF_PACKET, flags, htons(ETH_P_IP));
	if (capture->fd >= 0) {
		ret = bind(capture->fd, (struct sockaddr *)&ll, sizeof(ll));
	} else {
		capture->skip = ETH_HLEN;
		capture->fd = socket(AF_INET, flags, IPPROTO_UDP);
		ret = capture->fd < 0 ? -1 :
		      setsockopt(capture->fd, SOL_SOCKET, SO_BINDTODEVICE,
				 net->name, strlen(net->name));
	}
	if (!ret)
		ret = setsockopt(capture->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size,
				 sizeof(size));
	if (!ret)
		return 0;
	ret = net_fail(net, "socket that captures frames");
	if (capture->fd >= 0)
		close(capture->fd);
	return ret;
}

/* The next frame that the guest sent, without its first capture->skip bytes. */
static inline ssize_t net_capture(const struct vhost_net *net,
				  const struct net_capture *capture,
				  uint8_t *frame, size_t size, int timeout_ms)
{
	const uint32_t guest = net_guest_address(net);
	const size_t source = ETH_HLEN + 12 - capture->skip;

	for (;;) {
		ssize_t n = recv(capture->fd, frame, size, MSG_DONTWAIT);

		if (n >= (ssize_t)(source + sizeof(guest)) &&
		    !memcmp(frame + source, &guest, sizeof(guest)))
			return n;
		if (n >= 0)
			continue;
		if (errno != EAGAIN)
			return -errno;
		if (!readable(capture->fd, timeout_ms))
			return -ETIMEDOUT;
	}
}

/*
 * The vhost worker of this process, "vhost-PID": a kernel thread, or since 6.4 a
 * thread of the process. Returns 0 and its directory in /proc.
 */
static inline int net_worker(char *path, size_t size)
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

#endif /* VHOST_BACKEND_VHOST_NET_H */
