// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unmodified vhost-net as a worker: its call and error eventfds are bound to a
 * channel, and this program, VMM and guest in one, looks at a used ring only
 * when the channel told it to. Each frame is compared with what the host saw.
 */
#include "../kselftest_harness.h"
#include "vhost_net.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

/* Nothing here takes so long, unless a notification was lost. */
#define PATIENCE_MS	20000
#define DEVICES		2
/* Of a device in a channel: its queues are the vrings from here on. */
#define BASE(device)	((device) * NET_QUEUES)
#define WINDOW		128

/* What the channel brought: one bit a vring. */
struct raised {
	uint64_t calls;
	uint64_t errs;
	unsigned int others;
};

/* Waits for something, then takes all that is there. Returns 0 or -errno. */
static int take_raised(int channel, struct raised *raised, int timeout_ms)
{
	uint64_t buffer[64];

	memset(raised, 0, sizeof(*raised));
	if (!readable(channel, timeout_ms))
		return -ETIMEDOUT;
	for (;;) {
		ssize_t n = read(channel, buffer, sizeof(buffer));
		ssize_t at = 0;

		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		while (at < n) {
			const struct message *message = (void *)((char *)buffer + at);

			if (message->msg.request == VHOST_BACKEND_VRING_CALL)
				raised->calls |= 1ULL << message->state.index;
			else if (message->msg.request == VHOST_BACKEND_VRING_ERR)
				raised->errs |= 1ULL << message->state.index;
			else
				raised->others++;
			at += message_bytes(&message->msg);
		}
	}
}

/* Frames on their way through one device's transmit queue. */
struct flow {
	struct vhost_net *net;
	struct net_capture *capture;
	unsigned int vring;
	uint32_t offered;
	uint32_t used;
	uint32_t seen;
};

static size_t frame_bytes(uint32_t number)
{
	return NET_FRAME_MIN + number * 37 % (NET_FRAME_MAX - NET_FRAME_MIN + 1);
}

/* Gives the device frames until @offered have been; one kick for all. */
static int flow_offer(struct flow *flow, uint32_t offered)
{
	uint8_t frame[NET_BUFFER];

	while (flow->offered < offered) {
		size_t bytes = frame_bytes(flow->offered);
		int id;

		net_frame(flow->net, frame, bytes, flow->offered);
		id = net_transmit(flow->net, frame, bytes);
		if (id < 0)
			return id;
		flow->offered++;
	}
	net_kick(&flow->net->queue[NET_TX]);
	return 0;
}

/* Takes back all that the device used. */
static int flow_reap(struct flow *flow)
{
	int id;

	while ((id = net_reap(&flow->net->queue[NET_TX], NULL)) >= 0)
		flow->used++;
	return id == -EAGAIN ? 0 : id;
}

/* What was used must have left: compares it, byte by byte and in order. */
static int flow_compare(struct flow *flow)
{
	uint8_t sent[NET_BUFFER], got[NET_BUFFER];

	for (; flow->seen < flow->used; flow->seen++) {
		size_t bytes = frame_bytes(flow->seen);
		ssize_t n = net_capture(flow->net, flow->capture, got,
					sizeof(got), PATIENCE_MS);

		if (n < 0)
			return n;
		net_frame(flow->net, sent, bytes, flow->seen);
		if ((size_t)n != bytes - flow->capture->skip ||
		    memcmp(got, sent + flow->capture->skip, n))
			return -EBADMSG;
	}
	return 0;
}

/*
 * Runs @count more frames through each flow, up to @window at once. A used ring
 * is looked at after a VRING_CALL for its vring and at no other time.
 */
static int flows_run(int channel, struct flow *flows, unsigned int nr_flows,
		     uint32_t count, uint32_t window)
{
	uint32_t target = flows[0].used + count;
	unsigned int busy;

	do {
		struct raised raised;
		int err;

		busy = 0;
		for (unsigned int i = 0; i < nr_flows; i++) {
			uint32_t limit = flows[i].used + window;

			if (limit > target)
				limit = target;
			if (limit > flows[i].offered) {
				err = flow_offer(&flows[i], limit);
				if (err)
					return err;
			}
			busy += flows[i].used < target;
		}
		if (!busy)
			return 0;
		err = take_raised(channel, &raised, PATIENCE_MS);
		for (unsigned int i = 0; !err && i < nr_flows; i++) {
			if (!(raised.calls & 1ULL << flows[i].vring))
				continue;
			err = flow_reap(&flows[i]);
			if (!err)
				err = flow_compare(&flows[i]);
		}
		if (!err && (raised.errs || raised.others))
			err = -EPROTO;
		if (err)
			return err;
	} while (busy);
	return 0;
}

FIXTURE(vhost_net) {
	int channel;
	struct vhost_net net[DEVICES];
	struct net_capture capture[DEVICES];
	struct flow flow[DEVICES];
};

/*
 * Before main(): with an older harness a test still runs when its fixture has
 * skipped it.
 */
static void __attribute__((constructor)) skip_without_vhost_net(void)
{
	static const char *const needed[] = { "/dev/vhost-net", "/dev/net/tun" };

	for (int i = 0; i < 2; i++) {
		if (access(needed[i], F_OK)) {
			ksft_print_header();
			ksft_exit_skip("%s is missing: modprobe vhost_net, tun\n",
				       needed[i]);
		}
	}
}

/* Two devices, their captures and flows; nothing is bound yet. */
FIXTURE_SETUP(vhost_net)
{
	self->channel = channel_open(O_NONBLOCK);
	ASSERT_LE(0, self->channel);
	for (int i = 0; i < DEVICES; i++) {
		struct vhost_net *net = &self->net[i];

		ASSERT_EQ(0, net_open(net, i)) TH_LOG("%s", net->failed);
		ASSERT_EQ(0, net_capture_open(net, &self->capture[i]))
			TH_LOG("%s", net->failed);
		self->flow[i] = (struct flow){
			.net = net, .capture = &self->capture[i],
			.vring = BASE(i) + NET_TX,
		};
	}
}

FIXTURE_TEARDOWN(vhost_net)
{
	for (int i = 0; i < DEVICES; i++) {
		close(self->capture[i].fd);
		net_close(&self->net[i]);
	}
	close(self->channel);
}

/* Nothing was lost or made up between the eventfds and the frontend. */
#define EXPECT_BALANCE() do { \
	struct vhost_backend_stats stats_ = channel_stats(self->channel); \
	EXPECT_EQ(stats_.notifications_raised, \
		  stats_.notifications_merged + stats_.notifications_delivered); \
	EXPECT_EQ(0U, stats_.requests_queued); \
} while (0)

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
		EXPECT_EQ(1ULL << flow->vring, raised.calls);
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

/* The host sends datagrams out of the tap, to the guest and everybody else. */
static int host_socket(struct vhost_net *net)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(NET_PORT),
		.sin_addr.s_addr = net_host_address(net) | htonl(0xff),
	};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int one = 1;

	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &one, sizeof(one)) ||
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, net->name, strlen(net->name)) ||
	    connect(fd, (struct sockaddr *)&to, sizeof(to)))
		return -errno;
	return fd;
}

/* Whether a received frame is one of ours: the host sends others by itself. */
static bool is_datagram(const struct vhost_net *net, const uint8_t *frame)
{
	const uint32_t host = net_host_address(net);

	return frame[2 * ETH_ALEN] == ETH_P_IP >> 8 &&
	       frame[2 * ETH_ALEN + 1] == (ETH_P_IP & 0xff) &&
	       frame[ETH_HLEN + 9] == IPPROTO_UDP &&
	       !memcmp(frame + ETH_HLEN + 12, &host, sizeof(host)) &&
	       frame[ETH_HLEN + 22] == 0 && frame[ETH_HLEN + 23] == NET_PORT;
}

/* Takes received frames and gives the buffers back; counts the good ones. */
static int receive(struct vhost_net *net, uint32_t *received)
{
	struct net_queue *q = &net->queue[NET_RX];
	uint8_t expected[NET_BUFFER];
	uint32_t bytes;
	int id;

	while ((id = net_reap(q, &bytes)) >= 0) {
		const uint8_t *frame = net_buffer(q, id) + NET_HEADER;
		size_t length = frame_bytes(*received);

		if (is_datagram(net, frame)) {
			net_frame(net, expected, length, *received);
			if (bytes != NET_HEADER + length ||
			    memcmp(frame + NET_PAYLOAD, expected + NET_PAYLOAD,
				   length - NET_PAYLOAD))
				return -EBADMSG;
			(*received)++;
		}
		net_add(q, NET_BUFFER, true);
	}
	net_kick(q);
	return id == -EAGAIN ? 0 : id;
}

/* Both queues of one device, each with its own eventfd and vring. */
TEST_F_TIMEOUT(vhost_net, receives_while_it_transmits, 240)
{
	const uint32_t count = 1000, window = 32;
	struct flow *flow = &self->flow[0];
	uint32_t sent = 0, received = 0;
	uint8_t frame[NET_BUFFER];
	struct raised raised;
	int host;

	ASSERT_EQ(0, net_bind(flow->net, self->channel, BASE(0)));
	host = host_socket(flow->net);
	ASSERT_LE(0, host);
	for (uint32_t i = 0; i < NET_RING; i++)
		net_add(&flow->net->queue[NET_RX], NET_BUFFER, true);
	net_kick(&flow->net->queue[NET_RX]);
	while (received < count || flow->used < count) {
		if (flow->offered < count && flow->offered - flow->used < window)
			ASSERT_EQ(0, flow_offer(flow, flow->offered + 1));
		if (sent < count && sent - received < window) {
			size_t bytes = frame_bytes(sent);

			net_frame(flow->net, frame, bytes, sent++);
			ASSERT_EQ((ssize_t)bytes - NET_PAYLOAD,
				  send(host, frame + NET_PAYLOAD,
				       bytes - NET_PAYLOAD, 0));
			continue;
		}
		ASSERT_EQ(0, take_raised(self->channel, &raised, PATIENCE_MS));
		ASSERT_EQ(0U, raised.errs);
		if (raised.calls & 1ULL << NET_RX)
			ASSERT_EQ(0, receive(flow->net, &received));
		if (raised.calls & 1ULL << NET_TX) {
			ASSERT_EQ(0, flow_reap(flow));
			ASSERT_EQ(0, flow_compare(flow));
		}
	}
	EXPECT_EQ(count, flow->seen);
	close(host);
}

/* Waits until VRING_ERR has come for vring @index, and for no other. */
static int wait_for_error(int channel, unsigned int index)
{
	struct raised raised;
	int err;

	do {
		err = take_raised(channel, &raised, PATIENCE_MS);
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
		ASSERT_TRUE(readable(q->call, PATIENCE_MS));
		ASSERT_EQ(-ETIMEDOUT, take_raised(self->channel, &raised, 0));
		ASSERT_EQ(0, net_bind(flow->net, self->channel, BASE(0)));
		ASSERT_EQ(0, take_raised(self->channel, &raised, PATIENCE_MS));
		ASSERT_EQ(1ULL << flow->vring, raised.calls);
		ASSERT_EQ(0, flow_reap(flow));
		ASSERT_EQ(0, flow_compare(flow));
		ASSERT_EQ(flow->offered, flow->used);
		ASSERT_EQ(0, flows_run(self->channel, flow, 1, 5, 1));
		for (int i = 0; i < NET_QUEUES; i++) {
			ASSERT_EQ(0, net_bind_one(self->channel,
						  VHOST_BACKEND_BIND_VRING_CALL,
						  BASE(0) + i, -1, 0));
			ASSERT_EQ(0, net_bind_one(self->channel,
						  VHOST_BACKEND_BIND_VRING_ERR,
						  BASE(0) + i, -1, 0));
		}
		/* A signal of the last frames, if it came after the unbinding */
		if (readable(q->call, 50))
			eventfd_read(q->call, &value);
	}
	EXPECT_EQ(-ENOENT, net_bind_one(self->channel, VHOST_BACKEND_BIND_VRING_CALL,
					BASE(0), -1, 0));
	EXPECT_EQ(0U, channel_stats(self->channel).bindings);
}

/* Another user of the eventfd, as a VMM's own event loop is. */
struct reader {
	pthread_t thread;
	int eventfd;
	atomic_bool stop;
	uint64_t signals;
};

static void *read_eventfd(void *argument)
{
	struct reader *reader = argument;
	bool last;

	do {
		eventfd_t value;

		last = atomic_load(&reader->stop);
		if (readable(reader->eventfd, 10) &&
		    !eventfd_read(reader->eventfd, &value))
			reader->signals += value;
	} while (!last);
	return NULL;
}

/* With PEEK the channel and a reader both get each signal, to the last one. */
TEST_F_TIMEOUT(vhost_net, peek_leaves_the_signals_to_a_reader, 240)
{
	struct flow *flow = &self->flow[0];
	struct reader reader = { .eventfd = flow->net->queue[NET_TX].call };
	struct raised raised;

	ASSERT_EQ(0, net_bind_one(self->channel, VHOST_BACKEND_BIND_VRING_CALL,
				  flow->vring, reader.eventfd,
				  VHOST_BACKEND_BIND_PEEK));
	ASSERT_EQ(0, pthread_create(&reader.thread, NULL, read_eventfd, &reader));
	EXPECT_EQ(0, flows_run(self->channel, flow, 1, 1000, 8));
	while (!take_raised(self->channel, &raised, 100))
		;
	atomic_store(&reader.stop, true);
	pthread_join(reader.thread, NULL);
	EXPECT_EQ(channel_stats(self->channel).notifications_raised, reader.signals);
	EXPECT_LT(0U, reader.signals);
	EXPECT_BALANCE();
}

/* What a victim tells about itself before it is killed. */
struct victim {
	atomic_bool running;
	char name[IFNAMSIZ];
	char worker[300];
};

/* A whole VMM of its own, which never ends by itself. */
static void live(struct victim *victim, unsigned int order)
{
	struct vhost_net net;
	struct net_capture capture;
	struct flow flow = { .net = &net, .capture = &capture, .vring = NET_TX };
	int channel = -1;

	/* Descriptors are closed in their order: the channel first or last. */
	if (order & 1)
		channel = channel_open(O_NONBLOCK);
	if (net_open(&net, 200) || net_capture_open(&net, &capture))
		_exit(2);
	if (!(order & 1))
		channel = channel_open(O_NONBLOCK);
	if (channel < 0 || net_bind(&net, channel, 0) ||
	    net_worker(victim->worker, sizeof(victim->worker)))
		_exit(3);
	memcpy(victim->name, net.name, sizeof(victim->name));
	while (!flows_run(channel, &flow, 1, 64, 32))
		atomic_store(&victim->running, true);
	_exit(4);
}

static long references(const char *module)
{
	char path[64], text[32] = "";
	int fd;

	snprintf(path, sizeof(path), "/sys/module/%s/refcnt", module);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	return atol(text);
}

/* Files are released a little after their process is gone. */
static bool gone(const struct victim *victim, long channels, long devices)
{
	for (int i = 0; i < PATIENCE_MS / 10; i++) {
		if (!if_nametoindex(victim->name) && access(victim->worker, F_OK) &&
		    references("vhost_backend") == channels &&
		    references("vhost_net") == devices)
			return true;
		usleep(10000);
	}
	return false;
}

TEST_F_TIMEOUT(vhost_net, a_killed_process_leaves_nothing, 240)
{
	const long channels = references("vhost_backend");
	const long devices = references("vhost_net");
	struct victim *victim = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ASSERT_TRUE(victim != MAP_FAILED);
	for (unsigned int round = 0; round < 20; round++) {
		int status, waited = 0;
		pid_t pid;

		memset(victim, 0, sizeof(*victim));
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid)
			live(victim, round);
		while (!atomic_load(&victim->running) && waited++ < PATIENCE_MS)
			usleep(1000);
		/* Anywhere in what it does */
		usleep(round * 1373 % 10000);
		EXPECT_EQ(0, kill(pid, SIGKILL));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_TRUE(WIFSIGNALED(status)) TH_LOG("status %#x", status);
		ASSERT_TRUE(atomic_load(&victim->running));
		ASSERT_TRUE(gone(victim, channels, devices))
			TH_LOG("%s %s", victim->name, victim->worker);
	}
	munmap(victim, PAGE);
	ASSERT_EQ(0, net_bind(&self->net[0], self->channel, BASE(0)));
	EXPECT_EQ(0, flows_run(self->channel, &self->flow[0], 1, 100, 8));
}

TEST_HARNESS_MAIN
