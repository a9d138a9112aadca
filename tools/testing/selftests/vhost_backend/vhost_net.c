// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unmodified vhost-net as a worker: its call and error eventfds are bound to a
 * channel, and this program, VMM and guest in one, looks at a used ring only
 * when the channel told it to. Each frame is compared with what the host saw.
 */
#include "../kselftest_harness.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <time.h>

#include "lib/channel.h"
#include "lib/flow.h"
#include "lib/net_frame.h"
#include "lib/net_queue.h"
#include "lib/raised.h"
#include "lib/skip.h"
#include "lib/vhost_net.h"
#include "lib/wait.h"

SKIP_WITHOUT_CHANNEL;
SKIP_WITHOUT("/dev/vhost-net", vhost_net);
SKIP_WITHOUT("/dev/net/tun", tun);

#define WINDOW		128

FIXTURE(vhost_net) {
	int channel;
	struct vhost_net net[DEVICES];
	struct net_capture capture[DEVICES];
	struct flow flow[DEVICES];
};

/* Two devices, their captures and flows; nothing is bound yet. */
FIXTURE_SETUP(vhost_net)
{
	self->channel = channel_open(O_NONBLOCK);
	ASSERT_LE(0, self->channel);
	ASSERT_EQ(0, flows_open(self->net, self->capture, self->flow, DEVICES,
				NET_DIRECT));
}

FIXTURE_TEARDOWN(vhost_net)
{
	flows_close(self->flow, DEVICES);
	close(self->channel);
}

TEST_F_TIMEOUT(vhost_net, every_frame_is_accounted_for, 240)
{
	struct flow *flow = &self->flow[0];
	struct raised raised;
	eventfd_t value;

	ASSERT_EQ(0, net_bind(flow->net, self->channel, BASE(0)));
	EXPECT_EQ(4U, channel_stats(self->channel).bindings);
	for (uint32_t window = 1; window <= WINDOW; window = window * 3 + 1)
		ASSERT_EQ(0, flows_run(self->channel, flow, 1, 1000, window));
	EXPECT_EQ(flow->offered, flow->seen);
	EXPECT_EQ((uint16_t)flow->offered, net_used_index(&flow->net->queue[NET_TX]));
	/* The last signal may still be on its way to us. */
	while (!take_raised(self->channel, &raised, 100))
		EXPECT_EQ(1ULL << (flow->base + NET_TX), raised.calls);
	EXPECT_BALANCE();
	/* The binding took the signals; nobody else would find one. */
	EXPECT_EQ(-1, eventfd_read(flow->net->queue[NET_TX].call, &value));
	EXPECT_EQ(EAGAIN, errno);
}

TEST_F_TIMEOUT(vhost_net, two_devices_in_one_channel, 240)
{
	for (int i = 0; i < DEVICES; i++)
		ASSERT_EQ(0, net_bind(&self->net[i], self->channel, BASE(i)));
	ASSERT_EQ(0, flows_run(self->channel, self->flow, DEVICES, 2000, 16));
	for (int i = 0; i < DEVICES; i++)
		EXPECT_EQ(2000U, self->flow[i].seen);
}

/* Each queue has an eventfd and a vring of its own, and all of them are busy. */
TEST_F_TIMEOUT(vhost_net, both_directions_of_two_devices, 280)
{
	const unsigned int rounds = 50;
	time_t until = time(NULL) + 15;

	for (int i = 0; i < DEVICES; i++) {
		ASSERT_EQ(0, net_bind(&self->net[i], self->channel, BASE(i)));
		ASSERT_EQ(0, flow_open_host(&self->flow[i]));
	}
	for (unsigned int i = 0; another_round(i, rounds, until); i++)
		ASSERT_EQ(0, flows_run(self->channel, self->flow, DEVICES, 200, 64));
	for (int i = 0; i < DEVICES; i++) {
		EXPECT_EQ(self->flow[i].offered, self->flow[i].seen);
		EXPECT_EQ(self->flow[i].offered, self->flow[i].sent);
		EXPECT_EQ(self->flow[i].sent, self->flow[i].received);
	}
}

/* Waits until VRING_ERR has come for vring @index, and for no other. */
static int wait_for_error(int channel, unsigned int index)
{
	struct raised raised;
	int err;

	do {
		err = take_raised(channel, &raised, LIMIT_MS);
		if (!err && (raised.errs & ~(1ULL << index) || raised.others))
			err = -EPROTO;
	} while (!err && !raised.errs);
	return err;
}

/* The device gives up a queue with bad descriptors and says so, for it alone. */
TEST_F_TIMEOUT(vhost_net, broken_descriptors_raise_vring_err, 120)
{
	struct net_queue *beyond = &self->net[0].queue[NET_TX];
	struct net_queue *nowhere = &self->net[1].queue[NET_TX];
	int id;

	for (int i = 0; i < DEVICES; i++)
		ASSERT_EQ(0, net_bind(&self->net[i], self->channel, BASE(i)));
	/* One names a descriptor that the ring does not have ... */
	beyond->vring.avail->ring[beyond->added++ % NET_RING] = NET_RING;
	net_kick(beyond);
	ASSERT_EQ(0, wait_for_error(self->channel, BASE(0) + NET_TX));
	/* ... the other a buffer outside the guest's memory. */
	ASSERT_EQ(0, flows_run(self->channel, &self->flow[1], 1, 10, 1));
	id = net_add(nowhere, 1000, false);
	nowhere->vring.desc[id].addr = 1ULL << 40;
	net_kick(nowhere);
	ASSERT_EQ(0, wait_for_error(self->channel, BASE(1) + NET_TX));
	EXPECT_EQ(0, net_used_index(beyond));
	EXPECT_EQ(10, net_used_index(nowhere));
}

/* What was signalled before the binding, or after its end, is the eventfd's. */
TEST_F_TIMEOUT(vhost_net, bound_while_it_runs, 120)
{
	struct flow *flow = &self->flow[0];
	struct net_queue *q = &flow->net->queue[NET_TX];
	struct raised raised;
	eventfd_t value;

	for (int round = 0; round < 20; round++) {
		/* The last binding's signals are all in before this one begins. */
		while (!take_raised(self->channel, &raised, 0))
			;
		ASSERT_EQ(0, flow_offer(flow, flow->offered + 1));
		ASSERT_TRUE(readable(q->call, LIMIT_MS));
		ASSERT_EQ(-ETIMEDOUT, take_raised(self->channel, &raised, 0));
		ASSERT_EQ(0, net_bind(flow->net, self->channel, BASE(0)));
		ASSERT_EQ(0, take_raised(self->channel, &raised, LIMIT_MS));
		ASSERT_EQ(1ULL << (flow->base + NET_TX), raised.calls);
		ASSERT_EQ(0, flow_reap(flow));
		ASSERT_EQ(0, flow_compare(flow));
		ASSERT_EQ(flow->offered, flow->used);
		ASSERT_EQ(0, flows_run(self->channel, flow, 1, 5, 1));
		for (int i = 0; i < NET_QUEUES; i++) {
			ASSERT_EQ(0, channel_bind(self->channel,
						  VHOST_BACKEND_BIND_VRING_CALL,
						  BASE(0) + i, -1, 0));
			ASSERT_EQ(0, channel_bind(self->channel,
						  VHOST_BACKEND_BIND_VRING_ERR,
						  BASE(0) + i, -1, 0));
		}
		/* A signal of the last frames, if it came after the unbinding */
		if (readable(q->call, 50))
			eventfd_read(q->call, &value);
	}
	EXPECT_EQ(-ENOENT, channel_bind(self->channel, VHOST_BACKEND_BIND_VRING_CALL,
					BASE(0), -1, 0));
	EXPECT_EQ(0U, channel_stats(self->channel).bindings);
}

/* Another user of the eventfd, as a VMM's own event loop is. */
struct listener {
	pthread_t thread;
	int eventfd;
	atomic_bool stop;
	atomic_ulong signals;
};

static void *listen_by_poll(void *argument)
{
	struct listener *listener = argument;
	eventfd_t value;

	while (!atomic_load(&listener->stop))
		if (readable(listener->eventfd, 10) &&
		    !eventfd_read(listener->eventfd, &value))
			listener->signals += value;
	return NULL;
}

static void *listen_by_read(void *argument)
{
	struct listener *listener = argument;
	eventfd_t value;

	while (!atomic_load(&listener->stop) &&
	       !eventfd_read(listener->eventfd, &value))
		listener->signals += value;
	return NULL;
}

/* With PEEK the channel and the listener both get each signal, to the last one. */
static void run_beside(struct __test_metadata *_metadata, int channel,
		       struct flow *flow, void *(*listen)(void *argument))
{
	struct listener listener = { .eventfd = flow->net->queue[NET_TX].call };
	struct raised raised;

	ASSERT_EQ(0, channel_bind(channel, VHOST_BACKEND_BIND_VRING_CALL,
				  flow->base + NET_TX, listener.eventfd,
				  VHOST_BACKEND_BIND_PEEK));
	ASSERT_EQ(0, pthread_create(&listener.thread, NULL, listen, &listener));
	EXPECT_EQ(0, flows_run(channel, flow, 1, 1000, 8));
	/* The last signals may still be on their way. */
	EXPECT_TRUE(wait_until(listener.signals > 0 && listener.signals ==
			       channel_stats(channel).notifications_raised));
	take_raised(channel, &raised, 0);
	atomic_store(&listener.stop, true);
	/* For one that sleeps in read; the channel hears of it as well. */
	ASSERT_EQ(0, eventfd_write(listener.eventfd, 1));
	pthread_join(listener.thread, NULL);
	EXPECT_EQ(0, take_raised(channel, &raised, LIMIT_MS));
}

TEST_F_TIMEOUT(vhost_net, peek_beside_a_poller, 240)
{
	run_beside(_metadata, self->channel, &self->flow[0], listen_by_poll);
	EXPECT_BALANCE();
}

TEST_F_TIMEOUT(vhost_net, peek_beside_a_sleeping_reader, 240)
{
	int call = self->net[0].queue[NET_TX].call;

	ASSERT_EQ(0, fcntl(call, F_SETFL, 0));
	run_beside(_metadata, self->channel, &self->flow[0], listen_by_read);
	EXPECT_BALANCE();
}

TEST_HARNESS_MAIN
