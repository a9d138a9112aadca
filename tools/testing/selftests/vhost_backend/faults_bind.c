// SPDX-License-Identifier: GPL-2.0-only
/* Faults in BIND. */
#include "../kselftest_harness.h"

#include <sys/eventfd.h>

#include <linux/vhost.h>

#include "lib/channel.h"
#include "lib/channel_world.h"
#include "lib/fault.h"
#include "lib/faults.h"
#include "lib/message.h"
#include "lib/net_frame.h"
#include "lib/net_queue.h"
#include "lib/skip.h"
#include "lib/vhost_net.h"
#include "lib/wait.h"

SKIP_WITHOUT_WORKER;

static struct world world;

#define VRING		2
#define GUEST_CID	1078

static struct state world_state(struct world *world)
{
	return state_of(world->channel, -1);
}

static const struct world_type world_type = {
	.open = channel_world_open, .close = channel_world_close, .state = world_state,
};

FAULTS_FIXTURE(&world_type);

/* Eventfds */

/* What is bound, or unbound */
static struct vhost_backend_bind binding;

static long call_bind(struct world *world)
{
	return try_ioctl(world->channel, VHOST_BACKEND_BIND, &binding);
}

static int prepare_eventfd(struct world *world, uint32_t source, uint32_t index,
			   uint32_t flags)
{
	binding = (struct vhost_backend_bind){
		.source = source, .index = index, .fd = world->event, .flags = flags,
	};
	/* One that fails must not take what is pending. */
	return eventfd_write(world->event, 1) ? -errno : 0;
}

static int prepare_call(struct world *world)
{
	return prepare_eventfd(world, VHOST_BACKEND_BIND_VRING_CALL, VRING, 0);
}

static int prepare_err(struct world *world)
{
	return prepare_eventfd(world, VHOST_BACKEND_BIND_VRING_ERR, VRING, 0);
}

static int prepare_config(struct world *world)
{
	return prepare_eventfd(world, VHOST_BACKEND_BIND_CONFIG, 0, 0);
}

static int prepare_peek(struct world *world)
{
	return prepare_eventfd(world, VHOST_BACKEND_BIND_VRING_CALL, VRING,
			       VHOST_BACKEND_BIND_PEEK);
}

static int prepare_unbind(struct world *world)
{
	int err = prepare_call(world);

	err = err ?: call_bind(world);
	binding.fd = -1;
	return err;
}

static uint32_t raised_request(void)
{
	switch (binding.source) {
	case VHOST_BACKEND_BIND_VRING_CALL:
		return VHOST_BACKEND_VRING_CALL;
	case VHOST_BACKEND_BIND_VRING_ERR:
		return VHOST_BACKEND_VRING_ERR;
	default:
		return VHOST_BACKEND_CONFIG_CHANGE_MSG;
	}
}

/* The one thing to read is the notification of a signal. */
static bool is_raised(struct world *world)
{
	struct message message;

	return channel_read(world->channel, &message) > 0 &&
	       message.msg.request == raised_request() &&
	       (!message.msg.size || message.state.index == VRING) &&
	       channel_read(world->channel, &message) == -EAGAIN;
}

/* The signal that was pending counts, and so does the next. */
static bool is_bound(struct world *world)
{
	bool peek = binding.flags & VHOST_BACKEND_BIND_PEEK;
	eventfd_t count;

	return channel_stats(world->channel).bindings == 1 && is_raised(world) &&
	       !eventfd_write(world->event, 1) && is_raised(world) &&
	       !eventfd_read(world->event, &count) == peek;
}

static bool is_unbound(struct world *world)
{
	return channel_stats(world->channel).bindings == 0 && is_raised(world) &&
	       !eventfd_write(world->event, 1) && !readable(world->channel, 0);
}

TEST_F_TIMEOUT(faults, bind_call, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = prepare_call, .call = call_bind, .done = is_bound,
	}));
}

TEST_F_TIMEOUT(faults, bind_err, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = prepare_err, .call = call_bind, .done = is_bound,
	}));
}

TEST_F_TIMEOUT(faults, bind_config, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = prepare_config, .call = call_bind, .done = is_bound,
	}));
}

TEST_F_TIMEOUT(faults, bind_peek, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = prepare_peek, .call = call_bind, .done = is_bound,
	}));
}

TEST_F_TIMEOUT(faults, bind_starved, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = prepare_call, .call = call_bind, .done = is_bound,
		.starved = true,
	}));
}

TEST_F_TIMEOUT(faults, unbind, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = prepare_unbind, .call = call_bind, .done = is_unbound,
	}));
}

/* Devices */

static int prepare_iotlb(struct world *world)
{
	binding = (struct vhost_backend_bind){
		.source = VHOST_BACKEND_BIND_IOTLB, .fd = world->net.vhost,
	};
	return 0;
}

static int prepare_net(struct world *world)
{
	int err = net_open_mode(&world->net, 0, NET_IOTLB);

	return err ?: prepare_iotlb(world);
}

static int prepare_vsock(struct world *world)
{
	struct vhost_net *net = &world->net;
	uint64_t cid = GUEST_CID;
	int run = 1;
	int err;

	net_init(net, 0, NET_IOTLB, "/dev/vhost-vsock");
	err = net_start(net);
	err = err ?: net_ioctl(net, net->vhost, VHOST_VSOCK_SET_GUEST_CID, &cid, "CID");
	err = err ?: net_ioctl(net, net->vhost, VHOST_VSOCK_SET_RUNNING, &run, "RUNNING");
	return err ?: prepare_iotlb(world);
}

static int prepare_undo(struct world *world)
{
	int err = prepare_net(world);

	err = err ?: call_bind(world);
	binding.flags = VHOST_BACKEND_BIND_UNDO;
	return err;
}

/* Has the device miss a buffer. */
static void miss(struct world *world)
{
	uint8_t frame[NET_FRAME_MIN] = {};

	net_headers(&world->net, frame, sizeof(frame));
	net_transmit(&world->net, frame, sizeof(frame));
	net_kick(&world->net.queue[NET_TX]);
}

/* The miss comes through the channel. */
static bool is_device_bound(struct world *world)
{
	struct message message = {};

	miss(world);
	return channel_stats(world->channel).bindings == 1 &&
	       readable(world->channel, LIMIT_MS) &&
	       channel_read(world->channel, &message) > 0 &&
	       message.msg.request == VHOST_BACKEND_IOTLB_MSG;
}

/* It stays in the device. */
static bool is_device_unbound(struct world *world)
{
	miss(world);
	return channel_stats(world->channel).bindings == 0 &&
	       readable(world->net.vhost, LIMIT_MS) && !readable(world->channel, 0);
}

TEST_F_TIMEOUT(faults, bind_vhost_net, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = prepare_net, .call = call_bind, .done = is_device_bound,
	}));
}

TEST_F_TIMEOUT(faults, bind_vhost_net_starved, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = prepare_net, .call = call_bind, .done = is_device_bound,
		.starved = true,
	}));
}

TEST_F_TIMEOUT(faults, bind_vhost_vsock, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = prepare_vsock, .call = call_bind, .done = is_device_bound,
	}));
}

TEST_F_TIMEOUT(faults, unbind_vhost_net, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = prepare_undo, .call = call_bind, .done = is_device_unbound,
	}));
}

TEST_F(faults, of_each_kind)
{
	EXPECT_TRUE(faults_happened(1U << FAULT_SLAB | 1U << FAULT_COPY));
}

TEST_HARNESS_MAIN
