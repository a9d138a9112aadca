// SPDX-License-Identifier: GPL-2.0-only
/*
 * BIND: eventfds that vhost devices signal, turned into notifications. Every
 * signal tells the frontend, whoever else looks at the eventfd, and whatever
 * happens to it meanwhile.
 */
#include "../kselftest_harness.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "lib/bell.h"
#include "lib/channel.h"
#include "lib/child.h"
#include "lib/file.h"
#include "lib/message.h"
#include "lib/parameter.h"
#include "lib/random.h"
#include "lib/reader.h"
#include "lib/skip.h"
#include "lib/tally.h"
#include "lib/wait.h"
#include "lib/worker.h"

SKIP_WITHOUT_WORKER;

#define CALL	VHOST_BACKEND_BIND_VRING_CALL
#define ERR	VHOST_BACKEND_BIND_VRING_ERR
#define CONFIG	VHOST_BACKEND_BIND_CONFIG
#define PEEK	VHOST_BACKEND_BIND_PEEK

#define VRINGS	256

FIXTURE(bind) {
	int channel;
	int efd;
	struct tally tally;
};

FIXTURE_SETUP(bind)
{
	self->channel = channel_open(0);
	ASSERT_LE(0, self->channel);
	self->efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ASSERT_LE(0, self->efd);
}

FIXTURE_TEARDOWN(bind)
{
	close(self->efd);
	close(self->channel);
}

static int new_eventfd(void)
{
	return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

static int unbind(int channel, uint32_t source, uint32_t index)
{
	return channel_bind(channel, source, index, -1, 0);
}

static bool signal_times(int efd, uint64_t times)
{
	return write(efd, &times, sizeof(times)) == sizeof(times);
}

/* The eventfd's counter as a reader finds it; 0: nothing to read. */
static uint64_t counter(int efd)
{
	uint64_t value;

	return read(efd, &value, sizeof(value)) == sizeof(value) ? value : 0;
}

static uint64_t bindings(int channel)
{
	return channel_stats(channel).bindings;
}

struct told {
	unsigned int count;
	uint32_t request;
	uint32_t index;
};

static void write_down(void *arg, const struct message *message)
{
	struct told *told = arg;

	told->count++;
	told->request = message->msg.request;
	told->index = message->msg.size ? message->state.index : 0;
}

/* Whether the one thing to read is this notification. */
static bool delivers(int channel, uint32_t request, uint32_t index)
{
	struct told told = {};

	return drain(channel, READ_MAX, write_down, &told) == 1 &&
	       told.request == request && told.index == index;
}

static bool delivers_nothing(int channel)
{
	return drain(channel, READ_MAX, ignore_message, NULL) == 0;
}

static const struct { uint32_t source, index, request; } sources[] = {
	{ CALL, 0, VHOST_BACKEND_VRING_CALL },
	{ CALL, VRINGS - 1, VHOST_BACKEND_VRING_CALL },
	{ ERR, 0, VHOST_BACKEND_VRING_ERR },
	{ ERR, VRINGS - 1, VHOST_BACKEND_VRING_ERR },
	{ CONFIG, 0, VHOST_BACKEND_CONFIG_CHANGE_MSG },
};

TEST_F(bind, consumes_the_counter)
{
	for (unsigned int n = 0; n < ARRAY_SIZE(sources); n++) {
		uint32_t source = sources[n].source, index = sources[n].index;
		uint32_t request = sources[n].request;

		ASSERT_EQ(0, channel_bind(self->channel, source, index, self->efd, 0));
		EXPECT_EQ(1U, bindings(self->channel));
		EXPECT_TRUE(delivers_nothing(self->channel));
		for (unsigned int times = 1; times <= 3; times++) {
			EXPECT_TRUE(signal_times(self->efd, times));
			EXPECT_TRUE(delivers(self->channel, request, index));
			EXPECT_EQ(0U, counter(self->efd));
		}
		ASSERT_EQ(0, unbind(self->channel, source, index));
		EXPECT_EQ(0U, bindings(self->channel));
		EXPECT_TRUE(signal_times(self->efd, 2));
		EXPECT_TRUE(delivers_nothing(self->channel));
		EXPECT_EQ(2U, counter(self->efd));
	}
}

TEST_F(bind, peek_leaves_the_counter)
{
	struct pollfd p = { .fd = self->efd, .events = POLLIN };

	for (unsigned int n = 0; n < ARRAY_SIZE(sources); n++) {
		ASSERT_EQ(0, channel_bind(self->channel, sources[n].source,
					  sources[n].index, self->efd, PEEK));
		EXPECT_EQ(0, poll(&p, 1, 0));
		EXPECT_TRUE(signal_times(self->efd, 1));
		EXPECT_TRUE(delivers(self->channel, sources[n].request,
				     sources[n].index));
		EXPECT_TRUE(signal_times(self->efd, 4));
		EXPECT_TRUE(delivers(self->channel, sources[n].request,
				     sources[n].index));
		EXPECT_EQ(1, poll(&p, 1, 0));
		EXPECT_EQ(5U, counter(self->efd));
		EXPECT_EQ(0, poll(&p, 1, 0));
		ASSERT_EQ(0, unbind(self->channel, sources[n].source,
				    sources[n].index));
	}
}

/* A signal of the time before counts. */
TEST_F(bind, pending_at_bind)
{
	EXPECT_TRUE(signal_times(self->efd, 3));
	ASSERT_EQ(0, channel_bind(self->channel, CALL, 7, self->efd, 0));
	EXPECT_TRUE(delivers(self->channel, VHOST_BACKEND_VRING_CALL, 7));
	EXPECT_EQ(0U, counter(self->efd));
	ASSERT_EQ(0, unbind(self->channel, CALL, 7));

	EXPECT_TRUE(signal_times(self->efd, 3));
	ASSERT_EQ(0, channel_bind(self->channel, CALL, 8, self->efd, PEEK));
	EXPECT_TRUE(delivers(self->channel, VHOST_BACKEND_VRING_CALL, 8));
	EXPECT_EQ(3U, counter(self->efd));
	ASSERT_EQ(0, unbind(self->channel, CALL, 8));

	ASSERT_EQ(0, channel_bind(self->channel, CALL, 9, self->efd, 0));
	EXPECT_TRUE(delivers_nothing(self->channel));
}

/* Of such an eventfd each read takes one, and so does the binding. */
TEST_F(bind, semaphore_eventfd)
{
	int efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);

	ASSERT_EQ(0, channel_bind(self->channel, CALL, 1, efd, 0));
	for (unsigned int n = 0; n < 3; n++) {
		EXPECT_TRUE(signal_times(efd, 1));
		EXPECT_TRUE(delivers(self->channel, VHOST_BACKEND_VRING_CALL, 1));
		EXPECT_EQ(0U, counter(efd));
	}
	for (unsigned int n = 0; n < 3; n++) {
		EXPECT_TRUE(signal_times(efd, 3));
		EXPECT_TRUE(delivers(self->channel, VHOST_BACKEND_VRING_CALL, 1));
	}
	ASSERT_EQ(0, unbind(self->channel, CALL, 1));
	while (counter(efd))
		;

	ASSERT_EQ(0, channel_bind(self->channel, CALL, 1, efd, PEEK));
	EXPECT_TRUE(signal_times(efd, 2));
	EXPECT_TRUE(delivers(self->channel, VHOST_BACKEND_VRING_CALL, 1));
	EXPECT_EQ(1U, counter(efd));
	EXPECT_EQ(1U, counter(efd));
	EXPECT_EQ(0U, counter(efd));
	close(efd);
}

/* Merged with what a worker raises: it is the same bit. */
TEST_F(bind, merges_with_a_worker)
{
	int worker = worker_attach(self->channel, "worker", 4, 4);

	ASSERT_LE(0, worker);
	ASSERT_EQ(0, channel_bind(self->channel, CALL, 5, self->efd, 0));
	EXPECT_TRUE(signal_times(self->efd, 1));
	EXPECT_EQ(0, raise_call(worker, 1));
	EXPECT_TRUE(delivers(self->channel, VHOST_BACKEND_VRING_CALL, 5));
	close(worker);
}

TEST_F(bind, many_at_once)
{
	int efds[2 * VRINGS];
	unsigned int failed = 0;

	for (unsigned int n = 0; n < 2 * VRINGS; n++) {
		efds[n] = new_eventfd();
		failed += channel_bind(self->channel, n % 2 ? ERR : CALL, n / 2,
				       efds[n], n % 3 ? 0 : PEEK) != 0;
	}
	EXPECT_EQ(0U, failed);
	EXPECT_EQ(2U * VRINGS, bindings(self->channel));
	for (unsigned int n = 0; n < 2 * VRINGS; n++)
		failed += !signal_times(efds[n], 1);
	EXPECT_EQ(0U, failed);
	EXPECT_EQ(2 * VRINGS, drain(self->channel, READ_MAX, tally_message,
				    &self->tally));
	EXPECT_EQ(0U + VRINGS, self->tally.calls);
	EXPECT_EQ(0U + VRINGS, self->tally.errs);
	for (unsigned int n = 0; n < 2 * VRINGS; n++)
		close(efds[n]);
	EXPECT_TRUE(wait_until(!bindings(self->channel)));
}

/* However many there are, what is pending is one. */
TEST_F(bind, storm_of_signals)
{
	struct vhost_backend_stats stats;

	ASSERT_EQ(0, channel_bind(self->channel, CALL, 3, self->efd, 0));
	for (int n = 0; n < 1000; n++)
		ASSERT_TRUE(signal_times(self->efd, 1));
	stats = channel_stats(self->channel);
	EXPECT_EQ(1000U, stats.notifications_raised);
	EXPECT_EQ(999U, stats.notifications_merged);
	EXPECT_EQ(0U, stats.waiting_bytes);
	EXPECT_EQ(1, drain(self->channel, READ_MAX, tally_message, &self->tally));
	EXPECT_EQ(1U, self->tally.calls);
}

/* The eventfd's last descriptor, not any, ends the binding. */
TEST_F(bind, last_close_unbinds)
{
	for (unsigned int n = 0; n < 20; n++) {
		int efd = new_eventfd(), copy = dup(efd), next = new_eventfd();
		uint32_t flags = n % 2 ? PEEK : 0;

		ASSERT_EQ(0, channel_bind(self->channel, CALL, 3, efd, flags));
		close(efd);
		EXPECT_TRUE(signal_times(copy, 1));
		EXPECT_TRUE(delivers(self->channel, VHOST_BACKEND_VRING_CALL, 3));
		EXPECT_EQ(1U, bindings(self->channel));
		EXPECT_EQ(-EBUSY, channel_bind(self->channel, CALL, 3, next, flags));

		/* What was signalled before the end is delivered. */
		EXPECT_TRUE(signal_times(copy, 1));
		close(copy);
		EXPECT_TRUE(wait_until(!bindings(self->channel)));
		EXPECT_TRUE(delivers(self->channel, VHOST_BACKEND_VRING_CALL, 3));
		EXPECT_EQ(-ENOENT, unbind(self->channel, CALL, 3));
		ASSERT_EQ(0, channel_bind(self->channel, CALL, 3, next, flags));
		ASSERT_EQ(0, unbind(self->channel, CALL, 3));
		close(next);
	}
}

/*
 * Nor is there anything to wait for before the place is used again. With a priority
 * that lets no work of the kernel's come between.
 */
TEST_F(bind, closed_and_bound_at_once)
{
	const struct sched_param urgent = { .sched_priority = 1 };

	ASSERT_EQ(0, sched_setscheduler(0, SCHED_FIFO, &urgent));
	for (unsigned int n = 0; n < 100; n++) {
		int efd = new_eventfd();

		ASSERT_EQ(0, channel_bind(self->channel, CALL, 3, efd, n % 2 ? PEEK : 0))
			TH_LOG("round %u", n);
		close(efd);
		if (n % 4 == 3)
			ASSERT_EQ(-ENOENT, unbind(self->channel, CALL, 3))
				TH_LOG("round %u", n);
	}
	EXPECT_TRUE(wait_until(!bindings(self->channel)));
}

TEST_F(bind, channel_dies_first)
{
	int other = channel_open(0);

	ASSERT_EQ(0, channel_bind(other, CALL, 3, self->efd, 0));
	EXPECT_EQ(-EBUSY, channel_bind(self->channel, CALL, 3, self->efd, 0));
	close(other);
	EXPECT_TRUE(signal_times(self->efd, 2));
	EXPECT_EQ(2U, counter(self->efd));
	ASSERT_EQ(0, channel_bind(self->channel, CALL, 3, self->efd, 0));
	EXPECT_TRUE(signal_times(self->efd, 1));
	EXPECT_TRUE(delivers(self->channel, VHOST_BACKEND_VRING_CALL, 3));
}

TEST_F(bind, busy)
{
	int efd = new_eventfd(), other = channel_open(0);

	ASSERT_LE(0, other);
	ASSERT_EQ(0, channel_bind(self->channel, CALL, 0, self->efd, 0));
	EXPECT_EQ(-EBUSY, channel_bind(self->channel, CALL, 0, efd, 0));
	EXPECT_EQ(-EBUSY, channel_bind(self->channel, CALL, 0, self->efd, 0));
	EXPECT_EQ(-EBUSY, channel_bind(self->channel, CALL, 1, self->efd, PEEK));
	EXPECT_EQ(-EBUSY, channel_bind(self->channel, ERR, 0, self->efd, 0));
	EXPECT_EQ(-EBUSY, channel_bind(self->channel, CONFIG, 0, self->efd, 0));
	EXPECT_EQ(-EBUSY, channel_bind(other, CALL, 0, self->efd, 0));
	EXPECT_EQ(1U, bindings(self->channel));
	EXPECT_EQ(0U, bindings(other));

	/* Not in the way: another source, another index, another eventfd. */
	EXPECT_EQ(0, channel_bind(self->channel, ERR, 0, efd, 0));
	EXPECT_TRUE(signal_times(self->efd, 1));
	EXPECT_TRUE(delivers(self->channel, VHOST_BACKEND_VRING_CALL, 0));
	EXPECT_TRUE(signal_times(efd, 1));
	EXPECT_TRUE(delivers(self->channel, VHOST_BACKEND_VRING_ERR, 0));

	/* Bound with PEEK, it is no more to be had elsewhere. */
	ASSERT_EQ(0, unbind(self->channel, CALL, 0));
	ASSERT_EQ(0, channel_bind(self->channel, CALL, 0, self->efd, PEEK));
	EXPECT_EQ(-EBUSY, channel_bind(other, CALL, 0, self->efd, PEEK));
	close(other);
	close(efd);
}

TEST_F(bind, refused)
{
	int pipes[2], file = make_file(1), other = channel_open(0);
	int epoll = epoll_create1(0), closed = dup(self->efd);
	int channel = self->channel, efd = self->efd;

	ASSERT_EQ(0, pipe(pipes));
	close(closed);
	EXPECT_EQ(-EINVAL, channel_bind(channel, CALL, 0, pipes[0], 0));
	EXPECT_EQ(-EINVAL, channel_bind(channel, CALL, 0, file, 0));
	EXPECT_EQ(-EINVAL, channel_bind(channel, CALL, 0, epoll, 0));
	EXPECT_EQ(-EINVAL, channel_bind(channel, CALL, 0, channel, 0));
	EXPECT_EQ(-EINVAL, channel_bind(channel, CALL, 0, other, 0));
	EXPECT_EQ(-EINVAL, channel_bind(channel, 0, 0, efd, 0));
	EXPECT_EQ(-EINVAL, channel_bind(channel, 5, 0, efd, 0));
	EXPECT_EQ(-EINVAL, channel_bind(channel, ~0U, 0, efd, 0));
	EXPECT_EQ(-EINVAL, channel_bind(channel, CALL, 0, efd, 4));
	EXPECT_EQ(-EINVAL, channel_bind(channel, CALL, 0, efd, 1U << 31));
	EXPECT_EQ(-EINVAL, channel_bind(channel, CONFIG, 1, efd, 0));
	EXPECT_EQ(-ERANGE, channel_bind(channel, CALL, VRINGS, efd, 0));
	EXPECT_EQ(-ERANGE, channel_bind(channel, ERR, VRINGS, efd, 0));
	EXPECT_EQ(-ERANGE, channel_bind(channel, ERR, ~0U, efd, 0));
	EXPECT_EQ(-EBADF, channel_bind(channel, CALL, 0, closed, 0));
	EXPECT_EQ(-EBADF, channel_bind(channel, CALL, 0, -2, 0));
	EXPECT_EQ(-ENOENT, unbind(channel, CALL, 0));
	EXPECT_EQ(-ENOENT, unbind(channel, ERR, VRINGS - 1));
	EXPECT_EQ(-ENOENT, unbind(channel, CONFIG, 0));
	EXPECT_EQ(0U, bindings(channel));
	EXPECT_TRUE(signal_times(efd, 1));
	EXPECT_TRUE(delivers_nothing(channel));
	EXPECT_EQ(1U, counter(efd));
}

/* What the frontend did not ask for can't be bound either. */
TEST_F(bind, not_accepted)
{
	struct vhost_backend_setup setup = {
		.requests = 1ULL << VHOST_BACKEND_BIT(VHOST_BACKEND_VRING_CALL),
	};
	int channel = channel_open_with(0, setup);

	ASSERT_LE(0, channel);
	EXPECT_EQ(-EOPNOTSUPP, channel_bind(channel, ERR, 0, self->efd, 0));
	EXPECT_EQ(-EOPNOTSUPP, channel_bind(channel, CONFIG, 0, self->efd, 0));
	EXPECT_EQ(0U, bindings(channel));
	EXPECT_EQ(0, channel_bind(channel, CALL, 0, self->efd, 0));
	close(channel);
}

/* Whoever waits for the eventfd in epoll goes on hearing of it. */
TEST_F(bind, beside_a_plain_waiter)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, self->efd, &event));
	ASSERT_EQ(0, channel_bind(self->channel, CALL, 1, self->efd, PEEK));
	for (unsigned int n = 0; n < 5; n++) {
		EXPECT_TRUE(signal_times(self->efd, 1));
		EXPECT_TRUE(delivers(self->channel, VHOST_BACKEND_VRING_CALL, 1));
		EXPECT_EQ(1, epoll_wait(epoll, &event, 1, LIMIT_MS));
		EXPECT_EQ(1U, counter(self->efd));
	}
	ASSERT_EQ(0, unbind(self->channel, CALL, 1));
	ASSERT_EQ(0, channel_bind(self->channel, CALL, 1, self->efd, 0));
	EXPECT_TRUE(signal_times(self->efd, 1));
	EXPECT_TRUE(delivers(self->channel, VHOST_BACKEND_VRING_CALL, 1));
	EXPECT_EQ(0U, counter(self->efd));
	close(epoll);
}

/* An ordinary user, who may have three bindings, over all channels. */
static void exceed_max_bindings(void *arg)
{
	int efds[5], channels[2];

	(void)arg;
	for (unsigned int n = 0; n < 5; n++)
		efds[n] = new_eventfd();
	child_check(!setresgid(4321, 4321, 4321) && !setresuid(4321, 4321, 4321));
	for (unsigned int n = 0; n < 2; n++) {
		channels[n] = open("/tmp/channel", O_RDWR);
		child_check(!channel_setup(channels[n], (struct vhost_backend_setup){}));
	}
	child_check(!channel_bind(channels[0], CALL, 0, efds[0], 0));
	child_check(!channel_bind(channels[0], ERR, 0, efds[1], PEEK));
	child_check(!channel_bind(channels[1], CONFIG, 0, efds[2], 0));
	child_check(channel_bind(channels[0], CALL, 1, efds[3], 0) == -EMFILE);
	child_check(channel_bind(channels[1], CALL, 1, efds[4], 0) == -EMFILE);
	child_check(bindings(channels[0]) == 2 && bindings(channels[1]) == 1);

	/* Each way to end a binding gives it back. */
	child_check(!unbind(channels[0], CALL, 0));
	child_check(!channel_bind(channels[1], CALL, 1, efds[4], 0));
	close(efds[1]);
	child_check(wait_until(!channel_bind(channels[1], CALL, 0, efds[0], 0)));
	child_check(channel_bind(channels[1], CALL, 2, efds[3], 0) == -EMFILE);
	close(channels[1]);
	child_check(!channel_bind(channels[0], CALL, 4, efds[3], 0));
}

TEST_F_TIMEOUT(bind, limit_of_a_user, 60)
{
	unsigned int failed = 0;
	char before[16] = "";

	ASSERT_TRUE(parameter_get("max_bindings", before, sizeof(before)));
	ASSERT_EQ(0, private_tmp());
	ASSERT_EQ(0, node_for_all("/tmp/channel"));
	ASSERT_TRUE(parameter_set("max_bindings", "3\n"));
	EXPECT_EQ(0, child_run(exceed_max_bindings, NULL));

	/* The administrator is exempt. */
	for (unsigned int n = 0; n < 6; n++)
		failed += channel_bind(self->channel, CALL, n, new_eventfd(), 0) != 0;
	EXPECT_EQ(0U, failed);
	EXPECT_TRUE(parameter_set("max_bindings", before));
}

/* Several threads signal several eventfds, two threads each: nothing is lost. */
static void signal_and_hear(struct __test_metadata *_metadata, int channel,
			    uint32_t flags, enum reader_how how)
{
	uint64_t seed = new_seed(_metadata->name);
	struct bell bells[BELLS] = {};
	struct ringer ringers[6] = {};
	struct reader reader = {
		.channel = channel, .how = how, .bytes = READ_MAX,
		.fn = hear_calls, .arg = bells,
	};
	int efds[3];

	for (unsigned int n = 0; n < 3; n++) {
		efds[n] = new_eventfd();
		ASSERT_EQ(0, channel_bind(channel, CALL, n, efds[n], flags));
	}
	for (unsigned int n = 0; n < 6; n++)
		ringers[n] = (struct ringer){
			.eventfd = efds[n % 3], .bell = &bells[n % 3],
			.rounds = 250, .seed = seed + n,
		};
	ASSERT_EQ(0, reader_start(&reader));
	EXPECT_EQ(0U, ring_all(ringers, ARRAY_SIZE(ringers)));
	EXPECT_EQ(0, reader_stop(&reader));
	for (unsigned int n = 0; n < 3; n++) {
		EXPECT_EQ(flags & PEEK ? bells[n].rung : 0U, counter(efds[n]));
		close(efds[n]);
	}
}

TEST_F_TIMEOUT(bind, no_signal_lost, 120)
{
	signal_and_hear(_metadata, self->channel, 0, READER_EDGE);
}

TEST_F_TIMEOUT(bind, no_signal_lost_peek, 120)
{
	signal_and_hear(_metadata, self->channel, PEEK, READER_BLOCKING);
}

/* Last closes while another thread signals through its own descriptor. */
struct closer {
	pthread_t thread;
	atomic_int fd;
	atomic_bool stop;
};

static void *signal_and_close(void *arg)
{
	struct closer *closer = arg;

	while (!closer->stop) {
		int fd = atomic_exchange(&closer->fd, -1);

		if (fd < 0)
			continue;
		signal_times(fd, 1);
		close(fd);
	}
	return NULL;
}

TEST_F_TIMEOUT(bind, closed_while_signalled, 120)
{
	struct closer closer = { .fd = -1 };

	ASSERT_EQ(0, pthread_create(&closer.thread, NULL, signal_and_close, &closer));
	for (unsigned int n = 0; n < 500; n++) {
		int efd = new_eventfd();
		uint64_t raised = channel_stats(self->channel).notifications_raised;

		ASSERT_EQ(0, channel_bind(self->channel, CALL, n % 8, efd, n % 2));
		closer.fd = dup(efd);
		EXPECT_TRUE(signal_times(efd, 1));
		close(efd);
		EXPECT_TRUE(wait_until(!bindings(self->channel)));
		/* Both signals came before the last close. */
		EXPECT_LT(raised, channel_stats(self->channel).notifications_raised);
		EXPECT_EQ(1, drain(self->channel, READ_MAX, tally_message, &self->tally));
	}
	closer.stop = true;
	pthread_join(closer.thread, NULL);
}

/*
 * Everything at once, by threads that do not know of each other. Whatever comes
 * of it is a documented result, and leaves a channel that works.
 */
#define SLOTS	8

struct chaos {
	int channels[2];
	atomic_int efds[SLOTS];
	uint64_t seed, until;
	atomic_uint threads;
	atomic_ulong wrong;
};

static bool documented(int err)
{
	return !err || err == -EBUSY || err == -ENOENT || err == -EBADF;
}

static void chaos_step(struct chaos *chaos, uint64_t *seed)
{
	uint32_t choice = next_random(seed);
	unsigned int slot = choice / 16 % SLOTS, index = choice / 128 % 4;
	int channel = chaos->channels[choice / 512 % 2];
	int err = 0;

	switch (choice % 16) {
	case 0 ... 4:
		err = channel_bind(channel, 1 + choice / 1024 % 2, index,
				   chaos->efds[slot], choice / 2048 % 2);
		break;
	case 5 ... 7:
		err = unbind(channel, 1 + choice / 1024 % 2, index);
		break;
	case 8:
		close(atomic_exchange(&chaos->efds[slot], new_eventfd()));
		break;
	case 9:
		drain(channel, READ_MAX, ignore_message, NULL);
		break;
	default:
		signal_times(chaos->efds[slot], 1);
		break;
	}
	if (!documented(err))
		chaos->wrong++;
}

static void *chaos_run(void *arg)
{
	struct chaos *chaos = arg;
	uint64_t seed = chaos->seed + chaos->threads++;

	while (now_ms() < chaos->until)
		chaos_step(chaos, &seed);
	return NULL;
}

TEST_F_TIMEOUT(bind, chaos, 60)
{
	struct chaos chaos = {
		.channels = { self->channel, channel_open(0) },
		.seed = new_seed(_metadata->name), .until = now_ms() + 3000,
	};
	pthread_t threads[4];

	for (unsigned int n = 0; n < SLOTS; n++)
		chaos.efds[n] = new_eventfd();
	for (unsigned int n = 0; n < ARRAY_SIZE(threads); n++)
		ASSERT_EQ(0, pthread_create(&threads[n], NULL, chaos_run, &chaos));
	for (unsigned int n = 0; n < ARRAY_SIZE(threads); n++)
		pthread_join(threads[n], NULL);
	EXPECT_EQ(0U, chaos.wrong);
	for (unsigned int n = 0; n < SLOTS; n++)
		close(chaos.efds[n]);
	EXPECT_TRUE(wait_until(!bindings(chaos.channels[0]) &&
			       !bindings(chaos.channels[1])));
	drain(self->channel, READ_MAX, ignore_message, NULL);
	ASSERT_EQ(0, channel_bind(self->channel, CALL, 0, self->efd, 0));
	EXPECT_TRUE(signal_times(self->efd, 1));
	EXPECT_TRUE(delivers(self->channel, VHOST_BACKEND_VRING_CALL, 0));
	close(chaos.channels[1]);
}

TEST_HARNESS_MAIN
