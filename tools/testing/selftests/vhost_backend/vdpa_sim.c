// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unmodified vhost-vdpa as a worker, on the kernel's simulated network device:
 * it hands each frame that this program transmits back to it. Both queues are
 * looked at only when the channel says so.
 */
#include "../kselftest_harness.h"

#include <fcntl.h>

#include <linux/vhost.h>
#include <linux/virtio_config.h>

#include "lib/channel.h"
#include "lib/net_frame.h"
#include "lib/net_queue.h"
#include "lib/raised.h"
#include "lib/skip.h"
#include "lib/vdpa.h"
#include "lib/vhost_net.h"
#include "lib/wait.h"

SKIP_WITHOUT_CHANNEL;

#define PARENT	"vdpasim_net"
#define NAME	"vhost-backend"
#define BASE	30
#define FRAMES	3000
#define WINDOW	64

/* Frames on their way round */
struct round {
	int channel;
	struct vhost_net net;
	uint32_t sent;
	uint32_t used;
	uint32_t received;
};

static void __attribute__((constructor)) skip_without_simulator(void)
{
	int err = vdpa_manage(PARENT, NAME);
	char why[64];

	if (!err)
		err = vdpa_manage(NULL, NAME);
	if (!err)
		return;
	snprintf(why, sizeof(why), "no simulated device (%s)", strerror(-err));
	skip_program(why, "vdpa_sim_net");
}

static size_t frame_bytes(uint32_t number)
{
	return NET_FRAME_MIN + number * 37 % (NET_FRAME_MAX - NET_FRAME_MIN + 1);
}

/* The device has translations of all, and runs. */
static int start_device(struct vhost_net *net)
{
	const uint8_t status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
			       VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK;
	int err = 0;

	for (int i = 0; !err && i < NET_QUEUES; i++) {
		err = net_translate(net, VHOST_IOTLB_UPDATE,
				    net->queue[i].buffers_address,
				    NET_RING * NET_BUFFER, VHOST_ACCESS_RW);
		if (!err)
			err = vdpa_enable_queue(net->vhost, i);
	}
	return err ? err : vdpa_set_status(net->vhost, status);
}

FIXTURE(vdpa_sim) {
	struct round round;
};

FIXTURE_SETUP(vdpa_sim)
{
	struct vhost_net *net = &self->round.net;

	ASSERT_EQ(0, vdpa_manage(PARENT, NAME));
	self->round.channel = channel_open(O_NONBLOCK);
	ASSERT_LE(0, self->round.channel);
	net_init(net, 0, NET_IOTLB, VDPA_PATH);
	ASSERT_EQ(0, net_start(net)) TH_LOG("%s", net->failed);
	ASSERT_EQ(0, start_device(net));
	ASSERT_EQ(0, net_bind(net, self->round.channel, BASE));
}

FIXTURE_TEARDOWN(vdpa_sim)
{
	net_close(&self->round.net);
	close(self->round.channel);
	EXPECT_EQ(0, vdpa_manage(NULL, NAME));
}

static void feed(struct round *round, uint32_t target)
{
	uint8_t frame[NET_BUFFER];

	while (round->sent < target && round->sent - round->received < WINDOW) {
		size_t bytes = frame_bytes(round->sent);

		net_frame(&round->net, frame, bytes, round->sent);
		if (net_transmit(&round->net, frame, bytes) < 0)
			break;
		round->sent++;
	}
	net_kick(&round->net.queue[NET_TX]);
}

static int take_used(struct round *round)
{
	int id;

	while ((id = net_reap(&round->net.queue[NET_TX], NULL)) >= 0)
		round->used++;
	return id == -EAGAIN ? 0 : id;
}

/* Takes received frames, compares them, and gives the buffers back. */
static int take_received(struct round *round)
{
	struct net_queue *q = &round->net.queue[NET_RX];
	uint8_t expected[NET_BUFFER];
	uint32_t bytes;
	int id;

	while ((id = net_reap(q, &bytes)) >= 0) {
		size_t length = frame_bytes(round->received);

		net_frame(&round->net, expected, length, round->received++);
		if (bytes != NET_HEADER + length ||
		    memcmp(net_buffer(q, id) + NET_HEADER, expected, length))
			return -EBADMSG;
		net_add(q, NET_BUFFER, true);
	}
	net_kick(q);
	return id == -EAGAIN ? 0 : id;
}

/* Until all of @target frames have come back, and their buffers too. */
static int run_round(struct round *round, uint32_t target)
{
	int err = 0;

	while (!err && (round->received < target || round->used < target)) {
		struct raised raised;

		feed(round, target);
		err = take_raised(round->channel, &raised, LIMIT_MS);
		if (!err && (raised.errs || raised.others || raised.nr_misses))
			err = -EPROTO;
		if (!err && raised.calls & 1ULL << (BASE + NET_TX))
			err = take_used(round);
		if (!err && raised.calls & 1ULL << (BASE + NET_RX))
			err = take_received(round);
	}
	return err;
}

TEST_F_TIMEOUT(vdpa_sim, every_frame_comes_back, 240)
{
	struct vhost_backend_stats stats;

	for (int i = 0; i < NET_RING; i++)
		net_add(&self->round.net.queue[NET_RX], NET_BUFFER, true);
	net_kick(&self->round.net.queue[NET_RX]);
	ASSERT_EQ(0, run_round(&self->round, FRAMES))
		TH_LOG("%u sent, %u used, %u received", self->round.sent,
		       self->round.used, self->round.received);
	stats = channel_stats(self->round.channel);
	TH_LOG("%u frames, %llu signals, %llu notifications", FRAMES,
	       (unsigned long long)stats.notifications_raised,
	       (unsigned long long)stats.notifications_delivered);
}

TEST_F(vdpa_sim, has_no_misses)
{
	EXPECT_EQ(-EINVAL, channel_bind(self->round.channel, VHOST_BACKEND_BIND_IOTLB,
					0, self->round.net.vhost, 0));
}

TEST_HARNESS_MAIN
