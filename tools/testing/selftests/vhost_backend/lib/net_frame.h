/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ethernet frames: makes and sends those of the guest, and captures what the host sees on the
 * tap.
 */
#ifndef VHOST_BACKEND_LIB_NET_FRAME_H
#define VHOST_BACKEND_LIB_NET_FRAME_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <linux/if_ether.h>

#include "vhost_net.h"

#define NET_FRAME_MIN	60
#define NET_FRAME_MAX	1514

/* Where the payload of a frame starts, after Ethernet, IPv4 and UDP */
#define NET_PAYLOAD	42
#define NET_PORT	9

/* What the host saw on the tap: each frame from its byte @skip on */
struct net_capture {
	int fd;
	size_t skip;
};

/*
 * Writes the headers of a frame of @bytes in all, from the guest to the host: Ethernet,
 * IPv4 and UDP. It is a broadcast, which the host's stack accepts as it is and never
 * answers with an ICMP error.
 */
void net_headers(const struct vhost_net *net, uint8_t *frame, size_t bytes);

/* Writes a frame. Every byte after the headers follows from @number. */
void net_frame(const struct vhost_net *net, uint8_t *frame, size_t bytes, uint32_t number);

/*
 * Puts a frame, after an empty virtio-net header, into the transmit queue. Returns its
 * descriptor, or -ENOSPC.
 */
int net_transmit(struct vhost_net *net, const uint8_t *frame, size_t bytes);

/*
 * Captures frames with a packet socket, which sees whole frames. A kernel without
 * AF_PACKET still has raw sockets: they see frames from the IP header on, if the host's IP
 * stack found them good.
 */
int net_capture_open(struct vhost_net *net, struct net_capture *capture);

/*
 * The next frame that the guest sent, without its first capture->skip bytes. Returns its
 * bytes or -errno.
 */
ssize_t net_capture(const struct vhost_net *net, const struct net_capture *capture,
		    uint8_t *frame, size_t size, int timeout_ms);

#endif /* VHOST_BACKEND_LIB_NET_FRAME_H */
