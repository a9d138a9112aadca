/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frames through the queues of vhost-net devices, as fast as the channel tells of them: each
 * is numbered, and compared byte by byte where it arrives.
 *
 * flows_open() opens devices with their captures, flows_run() has frames pass through them.
 */
#ifndef VHOST_BACKEND_LIB_FLOW_H
#define VHOST_BACKEND_LIB_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/vhost_backend.h>

#include "channel.h"
#include "net_frame.h"
#include "raised.h"
#include "vhost_net.h"
#include "wait.h"

/* The most devices of a test */
#define DEVICES		2

/* The first vring of a device in the channel */
#define BASE(device)	((device) * NET_QUEUES)

/* What a device's misses carry as their source: to be given as index to BIND */
#define SOURCE(device)	(0x100 + (device))

/* Frames on their way through one device: out of it, and with a @host socket also into it */
struct flow {
	struct vhost_net *net;
	struct net_capture *capture;
	int host;
	unsigned int base;	/* its first vring */
	unsigned int source;	/* of its misses */

	uint32_t offered;
	uint32_t used;
	uint32_t seen;

	uint32_t sent;
	uint32_t received;

	/* The transmit queue is kicked only when idle, and misses each buffer once. */
	bool strict;
	uint32_t missed[NET_QUEUES];
	unsigned int delay_us;	/* before a miss is answered */
};

/* Gives frames to the device until @offered have been, with one kick for all. */
int flow_offer(struct flow *flow, uint32_t offered);

/* Takes back everything that the device used. */
int flow_reap(struct flow *flow);

/* Every frame that was used must have left: compares it, byte by byte and in order. */
int flow_compare(struct flow *flow);

/* Opens the other direction: the device gets buffers to receive into. */
int flow_open_host(struct flow *flow);

/* Gives the device the buffer that it missed, if it is one that it should miss. */
int flow_translate(struct flow *flow, const struct vhost_backend_iotlb *miss);

/* The same, for a miss that came through the channel, from the device that it names. */
int flows_answer(struct flow *flows, unsigned int nr_flows, const struct miss *miss);

/* Puts frames in, up to @window at once and @target in all. */
int flow_feed(struct flow *flow, uint32_t target, uint32_t window);

/* Takes out what the channel says is there. */
int flow_take(struct flow *flow, uint64_t calls);

/* Whether @target frames have passed, in each direction. */
bool flow_is_through(const struct flow *flow, uint32_t target);

/*
 * Runs @count more frames through each flow, up to @window at once. A used ring is looked
 * at after a VRING_CALL for its vring, and at no other time.
 */
int flows_run(int channel, struct flow *flows, unsigned int nr_flows, uint32_t count,
	      uint32_t window);

/* Opens @devices devices with their captures and flows; binds nothing. Returns 0 or -errno. */
int flows_open(struct vhost_net *net, struct net_capture *capture, struct flow *flow,
	       unsigned int devices, enum net_mode mode);

/* Closes them. */
void flows_close(struct flow *flow, unsigned int devices);

/*
 * Nothing was lost or made up between the devices and the frontend. A last signal may
 * still be on its way: it is visible before it is counted. For tests whose fixture has
 * a channel.
 */
#define EXPECT_BALANCE() do { \
	struct vhost_backend_stats stats_; \
	struct raised raised_; \
	while (!take_raised(self->channel, &raised_, 100)) \
		EXPECT_EQ(0U, raised_.nr_misses); \
	EXPECT_TRUE(wait_until((take_raised(self->channel, &raised_, 0), \
				stats_ = channel_stats(self->channel), \
				stats_.notifications_raised == \
				stats_.notifications_merged + \
				stats_.notifications_delivered))); \
	EXPECT_EQ(stats_.requests_queued, stats_.requests_delivered); \
	EXPECT_EQ(0U, stats_.requests_answered); \
} while (0)

#endif /* VHOST_BACKEND_LIB_FLOW_H */
