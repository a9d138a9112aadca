// SPDX-License-Identifier: GPL-2.0-only
#include "net_frame.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_packet.h>

#include "net_queue.h"
#include "wait.h"

static uint16_t net_checksum(const uint8_t *data, size_t bytes)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < bytes; i += 2)
		sum += data[i] << 8 | data[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static void net_put16(uint8_t *at, uint16_t value)
{
	at[0] = value >> 8;
	at[1] = value;
}

void net_headers(const struct vhost_net *net, uint8_t *frame, size_t bytes)
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

void net_frame(const struct vhost_net *net, uint8_t *frame, size_t bytes, uint32_t number)
{
	net_headers(net, frame, bytes);
	for (size_t i = NET_PAYLOAD; i < bytes; i++)
		frame[i] = number >> (i % 4 * 8) ^ i;
}

int net_transmit(struct vhost_net *net, const uint8_t *frame, size_t bytes)
{
	struct net_queue *q = &net->queue[NET_TX];
	int id = net_add(q, NET_HEADER + bytes, false);

	if (id < 0)
		return id;
	memset(net_buffer(q, id), 0, NET_HEADER);
	memcpy(net_buffer(q, id) + NET_HEADER, frame, bytes);
	return id;
}

int net_capture_open(struct vhost_net *net, struct net_capture *capture)
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

ssize_t net_capture(const struct vhost_net *net, const struct net_capture *capture,
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
