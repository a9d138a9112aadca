// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unmodified vhost-net that asks for translations: bound devices, whose misses
 * come through the channel. Buffers are translated only when they are missed,
 * and no longer than the device has them, so that each frame costs a miss.
 */
#include "../kselftest_harness.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include <linux/vhost.h>

#include "lib/channel.h"
#include "lib/child.h"
#include "lib/flow.h"
#include "lib/message.h"
#include "lib/net_frame.h"
#include "lib/net_queue.h"
#include "lib/parameter.h"
#include "lib/raised.h"
#include "lib/random.h"
#include "lib/reader.h"
#include "lib/run.h"
#include "lib/skip.h"
#include "lib/vhost_net.h"
#include "lib/wait.h"
#include "lib/worker.h"

SKIP_WITHOUT_WORKER;
SKIP_WITHOUT("/dev/vhost-net", vhost_net);
SKIP_WITHOUT("/dev/net/tun", tun);

#define IOTLB	VHOST_BACKEND_BIND_IOTLB
#define UNDO	VHOST_BACKEND_BIND_UNDO
#define PEEK	VHOST_BACKEND_BIND_PEEK

/* What a test that repeats itself takes, on a slow machine. */
#define SECONDS	10

FIXTURE(vhost_net_iotlb) {
	int channel;
	struct vhost_net net[DEVICES];
	struct net_capture capture[DEVICES];
	struct flow flow[DEVICES];
};

/* Two devices; nothing is bound yet. */
FIXTURE_SETUP(vhost_net_iotlb)
{
	self->channel = channel_open(O_NONBLOCK);
	ASSERT_LE(0, self->channel);
	ASSERT_EQ(0, flows_open(self->net, self->capture, self->flow, DEVICES,
				NET_IOTLB));
}

FIXTURE_TEARDOWN(vhost_net_iotlb)
{
	flows_close(self->flow, DEVICES);
	close(self->channel);
}

static int bind_misses(int channel, int fd, uint32_t flags)
{
	return channel_bind(channel, IOTLB, 0, fd, flags);
}

/* The device of a flow, as flows_answer() will know it */
static int bind_flow(const struct flow *flow, int channel)
{
	return channel_bind(channel, IOTLB, flow->source, flow->net->vhost, 0);
}

static int bind_all(const struct flow *flow, int channel)
{
	int err = net_bind(flow->net, channel, flow->base);

	return err ? err : bind_flow(flow, channel);
}

static uint64_t bindings(int channel)
{
	return channel_stats(channel).bindings;
}

/* Another channel in place of the fixture's. */
static int reopen(int *channel, struct vhost_backend_setup setup)
{
	close(*channel);
	*channel = channel_open_with(O_NONBLOCK, setup);
	return *channel < 0 ? *channel : 0;
}

/* The one miss that is certain to come, and nothing else. */
static int take_miss(int channel, struct miss *miss)
{
	struct raised raised;
	int err = take_raised(channel, &raised, LIMIT_MS);

	if (err)
		return err;
	*miss = raised.misses[0];
	return raised.nr_misses == 1 && !raised.calls && !raised.errs &&
	       !raised.others ? 0 : -EPROTO;
}

/* What the device itself gives to a reader. */
static int read_device(const struct vhost_net *net, struct vhost_backend_iotlb *miss)
{
	struct vhost_msg_v2 message;
	ssize_t n = read(net->vhost, &message, sizeof(message));

	if (n < 0)
		return -errno;
	if (n != sizeof(message) || message.type != VHOST_IOTLB_MSG_V2)
		return -EPROTO;
	*miss = (struct vhost_backend_iotlb){
		.iova = message.iotlb.iova, .perm = message.iotlb.perm,
		.type = message.iotlb.type,
	};
	return 0;
}

/*
 * Frames that the device lacks translations for, each missed when its turn comes, and
 * once: the device does not just look whether there is more. It may be closed, or
 * another process's, which alone may wait for it.
 */
static int offer(struct flow *flow, uint32_t frames)
{
	net_flush(flow->net);
	flow->strict = true;
	return flow_offer(flow, flow->offered + frames);
}

/* All that was offered arrives, and is missed where it was not yet. */
static int finish(int channel, struct flow *flow)
{
	return flows_run(channel, flow, 1, flow->offered - flow->used, 0);
}

TEST_F_TIMEOUT(vhost_net_iotlb, a_miss_wants_no_reply, 60)
{
	struct flow *flow = &self->flow[0];
	struct net_queue *q = &flow->net->queue[NET_TX];
	struct vhost_backend_stats stats;
	struct vhost_backend_iotlb none;
	struct message message;
	struct miss miss;

	ASSERT_EQ(0, bind_all(flow, self->channel));
	EXPECT_EQ(5U, bindings(self->channel));
	ASSERT_EQ(0, offer(flow, 1));
	ASSERT_TRUE(readable(self->channel, LIMIT_MS));
	ASSERT_EQ((ssize_t)sizeof(miss), channel_read(self->channel, &message));
	memcpy(&miss, &message, sizeof(miss));
	EXPECT_EQ((uint32_t)VHOST_BACKEND_IOTLB_MSG, miss.msg.request);
	EXPECT_EQ((uint32_t)VHOST_BACKEND_MSG_VERSION, miss.msg.flags);
	EXPECT_EQ(sizeof(miss.iotlb), miss.msg.size);
	EXPECT_EQ(VHOST_BACKEND_FD_NONE, miss.msg.fd);
	EXPECT_EQ(0U, miss.msg.id);
	EXPECT_EQ(q->buffers_address, miss.iotlb.iova);
	EXPECT_EQ(VHOST_IOTLB_MISS, miss.iotlb.type);
	EXPECT_EQ(VHOST_ACCESS_RO, miss.iotlb.perm);
	EXPECT_EQ(flow->source, miss.iotlb.source);
	for (unsigned int i = 0; i < sizeof(miss.iotlb.pad); i++)
		EXPECT_EQ(0, miss.iotlb.pad[i]);

	/* The device waits, and has no more to say. */
	EXPECT_FALSE(readable(self->channel, 50));
	EXPECT_EQ(-EAGAIN, read_device(flow->net, &none));
	EXPECT_EQ(0, net_used_index(q));
	ASSERT_EQ(0, flows_answer(flow, 1, &miss));
	EXPECT_EQ(0, finish(self->channel, flow));
	EXPECT_EQ(1U, flow->seen);
	EXPECT_EQ(-ENOENT, channel_reply(self->channel, &miss.msg, 0));
	stats = channel_stats(self->channel);
	EXPECT_EQ(1U, stats.requests_queued);
	EXPECT_EQ(1U, stats.requests_delivered);
	EXPECT_EQ(0U, stats.requests_answered);
	EXPECT_EQ(0U, stats.inflight_peak);
}

/* Of each frame one miss, in the order of the frames. */
static void run_strictly(struct __test_metadata *_metadata, int channel,
			 struct flow *flow, unsigned int rounds, uint32_t frames)
{
	time_t until = time(NULL) + SECONDS;

	for (unsigned int i = 0; another_round(i, rounds, until); i++) {
		ASSERT_EQ(0, offer(flow, frames));
		ASSERT_EQ(0, finish(channel, flow)) TH_LOG("round %u", i);
	}
	EXPECT_EQ(flow->offered, flow->seen);
	EXPECT_EQ(flow->offered, flow->missed[NET_TX]);
	EXPECT_EQ(flow->offered, channel_stats(channel).requests_delivered);
}

TEST_F_TIMEOUT(vhost_net_iotlb, every_buffer_is_missed_once, 240)
{
	ASSERT_EQ(0, bind_all(&self->flow[0], self->channel));
	run_strictly(_metadata, self->channel, &self->flow[0], 40, 100);
	EXPECT_BALANCE();
}

TEST_F_TIMEOUT(vhost_net_iotlb, both_directions_of_two_devices, 280)
{
	const unsigned int rounds = 30;
	time_t until = time(NULL) + SECONDS;

	for (int i = 0; i < DEVICES; i++) {
		ASSERT_EQ(0, bind_all(&self->flow[i], self->channel));
		ASSERT_EQ(0, flow_open_host(&self->flow[i]));
	}
	EXPECT_EQ(10U, bindings(self->channel));
	for (unsigned int i = 0; another_round(i, rounds, until); i++)
		ASSERT_EQ(0, flows_run(self->channel, self->flow, DEVICES, 50, 16));
	for (int i = 0; i < DEVICES; i++) {
		struct flow *flow = &self->flow[i];

		EXPECT_EQ(flow->offered, flow->seen);
		EXPECT_EQ(flow->sent, flow->received);
		EXPECT_EQ(flow->sent, flow->offered);
		EXPECT_LE(flow->sent, flow->missed[NET_TX]);
		EXPECT_LE(flow->sent, flow->missed[NET_RX]);
	}
}

/* Messages of the first version, with which the device starts out. */
TEST_F_TIMEOUT(vhost_net_iotlb, messages_of_the_first_version, 60)
{
	flows_close(self->flow, DEVICES);
	ASSERT_EQ(0, flows_open(self->net, self->capture, self->flow, DEVICES,
				NET_IOTLB_OLD));
	ASSERT_EQ(0, bind_all(&self->flow[0], self->channel));
	run_strictly(_metadata, self->channel, &self->flow[0], 10, 10);
}

static const struct vhost_backend_setup small = { .ring_bytes = 4096 };

/*
 * A channel that a worker fills with other messages, and in which the second device is
 * bound. Its miss stays in the device. Returns the number of the other messages.
 */
static unsigned int leave_no_room(struct __test_metadata *_metadata,
				  FIXTURE_DATA(vhost_net_iotlb) * self, int *worker)
{
	unsigned int sends = 0;

	ASSERT_EQ(0, reopen(&self->channel, small));
	*worker = worker_attach(self->channel, "other", 0, 0);
	ASSERT_LE(0, *worker);
	while (!send_iotlb(*worker, 0, sends + 1))
		sends++;
	ASSERT_EQ(0, bind_all(&self->flow[1], self->channel));
	ASSERT_EQ(0, offer(&self->flow[1], 1));
	ASSERT_TRUE(readable(self->net[1].vhost, LIMIT_MS));
	usleep(20000);
	EXPECT_TRUE(readable(self->net[1].vhost, 0));
	EXPECT_EQ(sends, channel_stats(self->channel).requests_queued);
	return sends;
}

TEST_F_TIMEOUT(vhost_net_iotlb, stays_in_the_device_without_room, 60)
{
	struct vhost_backend_iotlb none;
	unsigned int sends;
	int worker;

	sends = leave_no_room(_metadata, self, &worker);
	/* Reading makes room. */
	ASSERT_EQ((int)sends - 1, read_messages(self->channel, (sends - 1) * IOTLB_BYTES, 0,
						ignore_message, NULL));
	ASSERT_EQ(1, read_messages(self->channel, IOTLB_BYTES, 0, ignore_message, NULL));
	ASSERT_EQ(0, finish(self->channel, &self->flow[1]));
	EXPECT_EQ(-EAGAIN, read_device(&self->net[1], &none));
	close(worker);
}

/* Whoever unbinds a device that waits for room does not wait for it, and gets the miss. */
TEST_F_TIMEOUT(vhost_net_iotlb, unbound_without_room, 60)
{
	struct vhost_backend_iotlb kept, none;
	int worker;

	leave_no_room(_metadata, self, &worker);
	EXPECT_EQ(0, bind_misses(self->channel, self->net[1].vhost, UNDO));
	EXPECT_EQ(0, read_device(&self->net[1], &kept));
	EXPECT_EQ(VHOST_IOTLB_MISS, kept.type);
	EXPECT_EQ(-EAGAIN, read_device(&self->net[1], &none));
	close(worker);
}

TEST_F_TIMEOUT(vhost_net_iotlb, slow_answers_and_little_room, 280)
{
	const unsigned int rounds = 30;
	time_t until = time(NULL) + SECONDS;

	ASSERT_EQ(0, reopen(&self->channel, small));
	for (int i = 0; i < DEVICES; i++) {
		self->flow[i].delay_us = 500;
		ASSERT_EQ(0, bind_all(&self->flow[i], self->channel));
		ASSERT_EQ(0, flow_open_host(&self->flow[i]));
	}
	for (unsigned int i = 0; another_round(i, rounds, until); i++)
		ASSERT_EQ(0, flows_run(self->channel, self->flow, DEVICES, 10, 8));
	for (int i = 0; i < DEVICES; i++) {
		EXPECT_EQ(self->flow[i].offered, self->flow[i].seen);
		EXPECT_EQ(self->flow[i].sent, self->flow[i].received);
	}
	EXPECT_EQ(0U, channel_stats(self->channel).inflight_peak);
}

/* A channel whose ring a worker fills with other messages, and one device. */
static int open_beside_worker(int *channel, const struct flow *flow)
{
	int worker, err = reopen(channel, small);

	if (err)
		return err;
	worker = worker_attach(*channel, "other", 0, 0);
	if (worker >= 0)
		err = bind_flow(flow, *channel);
	return err ? err : worker;
}

/* Of all messages, the misses of the bound device: those with a source */
struct sieve {
	unsigned int misses;
	struct miss last;
};

static void keep_miss(void *arg, const struct message *message)
{
	struct sieve *sieve = arg;

	if (message->iotlb.source) {
		sieve->misses++;
		memcpy(&sieve->last, message, sizeof(sieve->last));
	}
}

/* The frame that was missed leaves when the miss is answered. */
static int answer(struct flow *flow, const struct miss *miss)
{
	int err = flows_answer(flow, 1, miss);

	if (!err)
		wait_until((err = flow_reap(flow)) || flow->used == flow->offered);
	return err ? err : flow_compare(flow);
}

/* It does not wait for more room than a miss may need. */
TEST_F(vhost_net_iotlb, room_for_a_miss)
{
	struct flow *flow = &self->flow[0];
	int worker = open_beside_worker(&self->channel, flow);
	struct sieve sieve = {};
	unsigned int sends = 0;

	ASSERT_LE(0, worker);
	while (!send_iotlb(worker, 0, sends + 1))
		sends++;
	ASSERT_EQ(0, offer(flow, 1));
	ASSERT_TRUE(readable(flow->net->vhost, LIMIT_MS));
	usleep(20000);
	EXPECT_TRUE(readable(flow->net->vhost, 0));
	/* Some of the ring's end may have to be skipped for it. */
	ASSERT_EQ(2, read_messages(self->channel, 2 * IOTLB_BYTES, RWF_NOWAIT,
				   ignore_message, NULL));
	ASSERT_TRUE(wait_until(channel_stats(self->channel).requests_queued == sends + 1));
	EXPECT_EQ((int)sends - 1, drain(self->channel, READ_MAX, keep_miss, &sieve));
	ASSERT_EQ(1U, sieve.misses);
	EXPECT_EQ(0, answer(flow, &sieve.last));
	EXPECT_EQ(1U, flow->seen);
	close(worker);
}

/* One buffer at a time, with time for others to fill the ring again. */
static bool find_miss(int channel, struct sieve *sieve)
{
	read_messages(channel, VHOST_BACKEND_MSG_MAX, RWF_NOWAIT, keep_miss, sieve);
	if (!sieve->misses)
		usleep(5000);
	return sieve->misses;
}

/* Threads that do not wait take what room there is, and yet a miss gets in. */
TEST_F_TIMEOUT(vhost_net_iotlb, misses_amid_a_flood, 120)
{
	struct flow *flow = &self->flow[0];
	int worker = open_beside_worker(&self->channel, flow);
	struct vhost_backend_test_run flood = {
		.threads = 2, .mix = VHOST_BACKEND_TEST_MIX_SEND, .seed = 1,
	};

	ASSERT_LE(0, worker);
	ASSERT_EQ(0, run_start(worker, flood));
	for (unsigned int n = 0; n < 5; n++) {
		struct sieve sieve = {};

		ASSERT_EQ(0, offer(flow, 1));
		ASSERT_TRUE(wait_until(find_miss(self->channel, &sieve)))
			TH_LOG("miss %u", n);
		ASSERT_EQ(0, answer(flow, &sieve.last));
	}
	EXPECT_EQ(5U, flow->seen);
	EXPECT_EQ(0, try_ioctl(worker, VHOST_BACKEND_TEST_STOP, NULL));
	close(worker);
}

/* One descriptor of the frontend, one device: errors and their order. */
TEST_F(vhost_net_iotlb, refused)
{
	struct vhost_backend_setup without = {
		.requests = VHOST_BACKEND_REQUESTS_ALL &
			    ~(1ULL << VHOST_BACKEND_BIT(VHOST_BACKEND_IOTLB_MSG)),
	};
	int channel = self->channel, vhost = self->net[0].vhost;
	int blocking = open("/dev/vhost-net", O_RDWR | O_CLOEXEC);
	int unreadable = open("/dev/vhost-net", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	int null = open("/dev/null", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	int path = open("/dev/vhost-net", O_PATH | O_CLOEXEC);
	int closed = dup(null), copy = dup(vhost);

	close(closed);
	EXPECT_EQ(-EINVAL, bind_misses(channel, blocking, 0));
	EXPECT_EQ(-EINVAL, bind_misses(channel, unreadable, 0));
	EXPECT_EQ(-EINVAL, bind_misses(channel, null, 0));
	EXPECT_EQ(-EINVAL, bind_misses(channel, self->net[0].tap, 0));
	EXPECT_EQ(-EINVAL, bind_misses(channel, self->net[0].queue[0].call, 0));
	EXPECT_EQ(-EINVAL, bind_misses(channel, channel, 0));
	EXPECT_EQ(-EINVAL, bind_misses(channel, vhost, PEEK));
	EXPECT_EQ(-EINVAL, bind_misses(channel, vhost, 4));
	EXPECT_EQ(-EINVAL, channel_bind(channel, IOTLB, 65536, vhost, 0));
	EXPECT_EQ(-EINVAL, channel_bind(channel, VHOST_BACKEND_BIND_VRING_CALL, 0,
					vhost, 0));
	EXPECT_EQ(-EBADF, bind_misses(channel, closed, 0));
	EXPECT_EQ(-EBADF, bind_misses(channel, path, 0));
	EXPECT_EQ(-EBADF, bind_misses(channel, -2, 0));
	EXPECT_EQ(-EBADF, bind_misses(channel, -2, UNDO));
	EXPECT_EQ(-ENOENT, bind_misses(channel, -1, 0));
	EXPECT_EQ(-ENOENT, bind_misses(channel, -1, UNDO));
	EXPECT_EQ(-ENOENT, bind_misses(channel, vhost, UNDO));
	EXPECT_EQ(0U, bindings(channel));

	EXPECT_EQ(0, bind_misses(channel, vhost, 0));
	EXPECT_EQ(-EBUSY, bind_misses(channel, vhost, 0));
	EXPECT_EQ(-EBUSY, bind_misses(channel, copy, 0));
	EXPECT_EQ(-ENOENT, bind_misses(channel, self->net[1].vhost, UNDO));
	EXPECT_EQ(1U, bindings(channel));

	ASSERT_EQ(0, reopen(&self->channel, without));
	EXPECT_EQ(-EOPNOTSUPP, bind_misses(self->channel, vhost, 0));
	close(blocking);
	close(unreadable);
	close(null);
	close(path);
	close(copy);
}

TEST_F(vhost_net_iotlb, unbound_alone_or_together)
{
	int channel = self->channel, first = self->net[0].vhost;
	int second = self->net[1].vhost, copy = dup(first);

	ASSERT_EQ(0, bind_misses(channel, first, 0));
	ASSERT_EQ(0, bind_misses(channel, second, 0));
	EXPECT_EQ(2U, bindings(channel));
	EXPECT_EQ(0, bind_misses(channel, copy, UNDO));
	EXPECT_EQ(-ENOENT, bind_misses(channel, first, UNDO));
	EXPECT_EQ(1U, bindings(channel));
	EXPECT_EQ(0, bind_misses(channel, first, 0));
	EXPECT_EQ(0, bind_misses(channel, -1, 0));
	EXPECT_EQ(0U, bindings(channel));
	EXPECT_EQ(-ENOENT, bind_misses(channel, -1, 0));
	EXPECT_EQ(0, bind_misses(channel, first, 0));
	EXPECT_EQ(0, bind_misses(channel, second, 0));
	EXPECT_EQ(0, bind_misses(channel, -1, UNDO));
	EXPECT_EQ(0U, bindings(channel));
	close(copy);
}

/* What an ordinary user is given, who may bind two devices. */
struct limited {
	struct flow *flow;
	int eventfd_error;	/* of binding an eventfd besides */
};

/* A device whose binding ends by itself, when it has something to say */
static void end_binding(struct flow *flow)
{
	child_check(!fcntl(flow->net->vhost, F_SETFL, 0));
	child_check(!offer(flow, 1));
}

static void exceed_limit(void *arg)
{
	const struct limited *limited = arg;
	struct flow *flow = limited->flow;
	int third = open("/dev/vhost-net", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	int first = flow[0].net->vhost, second = flow[1].net->vhost, channel;

	child_check(!setresgid(4321, 4321, 4321) && !setresuid(4321, 4321, 4321));
	channel = open("/tmp/channel", O_RDWR);
	child_check(!channel_setup(channel, (struct vhost_backend_setup){}));
	child_check(!bind_misses(channel, first, 0));
	child_check(!bind_misses(channel, second, 0));
	child_check(bind_misses(channel, third, 0) == -EMFILE);
	child_check(channel_bind(channel, VHOST_BACKEND_BIND_VRING_CALL, 0,
				 flow[0].net->queue[0].call, 0) == limited->eventfd_error);
	child_check(bindings(channel) == 2U + !limited->eventfd_error);

	/* Each way to end a binding gives it back. */
	child_check(!bind_misses(channel, second, UNDO));
	child_check(!bind_misses(channel, third, 0));
	child_check(bind_misses(channel, second, 0) == -EMFILE);
	end_binding(&flow[0]);
	child_check(wait_until(!bind_misses(channel, second, 0)));
	child_check(!bind_misses(channel, -1, 0));
	child_check(!bind_misses(channel, second, 0));
	child_check(!bind_misses(channel, third, 0));
}

static void limit_to_two(struct __test_metadata *_metadata, struct flow *flow,
			 const char *parameter, int eventfd_error)
{
	struct limited limited = { .flow = flow, .eventfd_error = eventfd_error };
	char before[16] = "";

	ASSERT_TRUE(parameter_get(parameter, before, sizeof(before)));
	ASSERT_EQ(0, private_tmp());
	ASSERT_EQ(0, node_for_all("/tmp/channel"));
	ASSERT_TRUE(parameter_set(parameter, "2\n"));
	EXPECT_EQ(0, child_run(exceed_limit, &limited));
	EXPECT_TRUE(parameter_set(parameter, before));
}

TEST_F(vhost_net_iotlb, bindings_of_a_user)
{
	limit_to_two(_metadata, self->flow, "max_bindings", -EMFILE);
}

/* Of all bindings, those of devices */
TEST_F(vhost_net_iotlb, devices_of_a_user)
{
	limit_to_two(_metadata, self->flow, "max_devices", 0);
}

/* The device's read would sleep: the binding ends, and leaves the message. */
TEST_F_TIMEOUT(vhost_net_iotlb, made_blocking, 60)
{
	struct flow *flow = &self->flow[0];
	struct vhost_backend_iotlb miss;
	int flags = fcntl(flow->net->vhost, F_GETFL);

	for (int round = 0; round < 10; round++) {
		ASSERT_EQ(0, bind_all(flow, self->channel));
		ASSERT_EQ(0, fcntl(flow->net->vhost, F_SETFL, flags & ~O_NONBLOCK));
		EXPECT_FALSE(readable(self->channel, 20));
		ASSERT_EQ(0, offer(flow, 1));
		ASSERT_TRUE(wait_until(bindings(self->channel) == 4));
		EXPECT_FALSE(readable(self->channel, 0));
		ASSERT_EQ(0, read_device(flow->net, &miss));
		ASSERT_EQ(0, flow_translate(flow, &miss));
		ASSERT_EQ(0, finish(self->channel, flow));
		EXPECT_EQ(-ENOENT, bind_misses(self->channel, flow->net->vhost, UNDO));
		EXPECT_EQ(-EINVAL, bind_misses(self->channel, flow->net->vhost, 0));
		ASSERT_EQ(0, fcntl(flow->net->vhost, F_SETFL, flags));
		for (int i = 0; i < NET_QUEUES; i++) {
			channel_bind(self->channel, VHOST_BACKEND_BIND_VRING_CALL,
				     i, -1, 0);
			channel_bind(self->channel, VHOST_BACKEND_BIND_VRING_ERR,
				     i, -1, 0);
		}
	}
}

/* Another reader of the device, who answers what it gets. */
struct competitor {
	pthread_t thread;
	struct flow flow;	/* of its own: what it gets is in no order */
	int flags;
	atomic_bool stop;
	int error;
};

static void *compete(void *arg)
{
	struct competitor *competitor = arg;
	struct vhost_net *net = competitor->flow.net;
	struct vhost_backend_iotlb miss;
	uint64_t seed = 1;

	while (!atomic_load(&competitor->stop) && !competitor->error) {
		int err = read_device(net, &miss);

		if (!err)
			err = flow_translate(&competitor->flow, &miss);
		competitor->error = err == -EAGAIN ? 0 : err;
		pace(&seed);
	}
	return NULL;
}

TEST_F_TIMEOUT(vhost_net_iotlb, beside_another_reader, 240)
{
	struct flow *flow = &self->flow[0];
	struct competitor competitor = {
		.flow = { .net = flow->net, .host = -1 },
	};
	const unsigned int rounds = 30;
	time_t until = time(NULL) + SECONDS;

	ASSERT_EQ(0, bind_all(flow, self->channel));
	ASSERT_EQ(0, pthread_create(&competitor.thread, NULL, compete, &competitor));
	for (unsigned int i = 0; another_round(i, rounds, until); i++) {
		ASSERT_EQ(0, net_flush(flow->net));
		ASSERT_EQ(0, flow_offer(flow, flow->offered + 50));
		ASSERT_EQ(0, finish(self->channel, flow)) TH_LOG("round %u", i);
	}
	atomic_store(&competitor.stop, true);
	pthread_join(competitor.thread, NULL);
	EXPECT_EQ(0, competitor.error);
	EXPECT_EQ(flow->offered, flow->seen);
	EXPECT_EQ(flow->offered,
		  flow->missed[NET_TX] + competitor.flow.missed[NET_TX]);
	TH_LOG("%u by the channel, %u by the other reader",
	       flow->missed[NET_TX], competitor.flow.missed[NET_TX]);
	EXPECT_BALANCE();
}

/* The miss of the one frame is on one of two ways; answers it there. */
static int answer_either(int channel, struct flow *flow, uint32_t *from_device)
{
	struct pollfd p[2] = {
		{ .fd = channel, .events = POLLIN },
		{ .fd = flow->net->vhost, .events = POLLIN },
	};
	struct vhost_backend_iotlb iotlb;
	struct miss miss;
	int err;

	if (poll(p, 2, LIMIT_MS) < 1)
		return -ETIMEDOUT;
	if (p[0].revents & POLLIN) {
		err = take_miss(channel, &miss);
		return err ? err : flows_answer(flow, 1, &miss);
	}
	(*from_device)++;
	err = read_device(flow->net, &iotlb);
	return err ? err : flow_translate(flow, &iotlb);
}

/* What was read before is delivered, the rest is the device's again. */
TEST_F_TIMEOUT(vhost_net_iotlb, unbound_while_it_misses, 240)
{
	struct flow *flow = &self->flow[0];
	uint64_t seed = new_seed(_metadata->name);
	time_t until = time(NULL) + SECONDS;
	const unsigned int rounds = 500;
	uint32_t from_device = 0;

	ASSERT_EQ(0, net_bind(flow->net, self->channel, 0));
	for (unsigned int i = 0; another_round(i, rounds, until); i++) {
		ASSERT_EQ(0, bind_flow(flow, self->channel));
		ASSERT_EQ(0, offer(flow, 1));
		usleep(next_random(&seed) % 8 * (next_random(&seed) % 32));
		ASSERT_EQ(0, bind_misses(self->channel, flow->net->vhost, UNDO));
		ASSERT_EQ(0, answer_either(self->channel, flow, &from_device))
			TH_LOG("round %u", i);
		ASSERT_EQ(0, finish(self->channel, flow)) TH_LOG("round %u", i);
	}
	EXPECT_EQ(flow->offered, flow->missed[NET_TX]);
	EXPECT_EQ(flow->offered,
		  channel_stats(self->channel).requests_delivered + from_device);
	TH_LOG("%u of %u stayed in the device", from_device, flow->offered);
}

/* Moves between two channels, a miss at a time, while all is flowing. */
TEST_F_TIMEOUT(vhost_net_iotlb, moved_between_channels, 120)
{
	int channels[2] = { self->channel, channel_open(O_NONBLOCK) };
	struct flow *flow = &self->flow[0];
	struct miss miss;

	ASSERT_LE(0, channels[1]);
	ASSERT_EQ(0, offer(flow, 200));
	for (unsigned int i = 0; i < 200; i++) {
		int channel = channels[i % 2];

		ASSERT_EQ(0, bind_flow(flow, channel));
		ASSERT_EQ(0, take_miss(channel, &miss));
		ASSERT_EQ(0, bind_misses(channel, -1, 0));
		ASSERT_EQ(0, flows_answer(flow, 1, &miss));
	}
	ASSERT_EQ(0, net_bind(flow->net, self->channel, 0));
	EXPECT_EQ(0, finish(self->channel, flow));
	EXPECT_EQ(200U, flow->missed[NET_TX]);
	close(channels[1]);
}

static bool worker_is_gone(void)
{
	char path[300];

	return net_worker(path, sizeof(path)) == -ESRCH;
}

/* The channel holds the device, which goes on, until it is unbound. */
TEST_F_TIMEOUT(vhost_net_iotlb, closed_while_bound, 60)
{
	struct flow *flow = &self->flow[0];
	struct miss miss;

	close(self->net[1].vhost);
	self->net[1].vhost = -1;
	for (int round = 0; round < 2; round++) {
		ASSERT_EQ(0, bind_all(flow, self->channel));
		close(flow->net->vhost);
		flow->net->vhost = -1;
		ASSERT_EQ(0, offer(flow, 1));
		ASSERT_EQ(0, take_miss(self->channel, &miss));
		EXPECT_FALSE(worker_is_gone());
		ASSERT_EQ(0, round ? reopen(&self->channel, small) :
			     bind_misses(self->channel, -1, 0));
		EXPECT_TRUE(wait_until(worker_is_gone()));
		ASSERT_EQ(0, reopen(&self->channel, small));
		flows_close(flow, 1);
		ASSERT_EQ(0, flows_open(self->net, self->capture, flow, 1, NET_IOTLB));
	}
}

TEST_HARNESS_MAIN
