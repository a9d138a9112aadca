// SPDX-License-Identifier: GPL-2.0-only
/*
 * poll, select and epoll: what they report in every state, and that whoever
 * sleeps in them, or in read, is woken.
 */
#include "../kselftest_harness.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#include "lib/bell.h"
#include "lib/channel.h"
#include "lib/child.h"
#include "lib/memory.h"
#include "lib/message.h"
#include "lib/pair.h"
#include "lib/random.h"
#include "lib/reader.h"
#include "lib/run.h"
#include "lib/skip.h"
#include "lib/stuck.h"
#include "lib/tally.h"
#include "lib/wait.h"
#include "lib/waiter.h"
#include "lib/worker.h"

SKIP_WITHOUT_WORKER;

FIXTURE(poll) {
	struct pair pair;
	struct tally tally;
};

FIXTURE_SETUP(poll)
{
	ASSERT_EQ(0, pair_open(&self->pair, 0, (struct vhost_backend_setup){}));
}

FIXTURE_TEARDOWN(poll)
{
	pair_close(&self->pair);
}

#define READABLE	(POLLIN | POLLRDNORM)
#define WRITABLE	(POLLOUT | POLLWRNORM)

static int bits(int fd)
{
	struct pollfd p = {
		.fd = fd, .events = READABLE | WRITABLE | POLLRDHUP | POLLPRI,
	};

	return poll(&p, 1, 0) < 0 ? -errno : p.revents;
}

/* An epoll instance stands for a sleeper: it is told only by a wake-up. */
static int sleeper(int fd, uint32_t events)
{
	struct epoll_event event = { .events = events };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : epoll;
}

/* What it is told within @timeout_ms; 0: nothing. */
static uint32_t told(int epoll, int timeout_ms)
{
	struct epoll_event event;

	return epoll_wait(epoll, &event, 1, timeout_ms) == 1 ? event.events : 0;
}

TEST(before_setup)
{
	struct pair pair = { .channel = open(CHANNEL_PATH, O_RDWR) };
	int epoll;

	ASSERT_LE(0, pair.channel);
	EXPECT_TRUE(bits(pair.channel) & POLLERR);
	EXPECT_FALSE(bits(pair.channel) & POLLIN);

	/* Who slept already is woken by what comes after SETUP. */
	epoll = sleeper(pair.channel, EPOLLIN | EPOLLET);
	ASSERT_LE(0, epoll);
	told(epoll, 0);
	ASSERT_EQ(0, channel_setup(pair.channel, (struct vhost_backend_setup){}));
	EXPECT_EQ(WRITABLE, bits(pair.channel));
	pair.worker = worker_attach(pair.channel, "poll", 0, 1);
	ASSERT_LE(0, pair.worker);
	while (told(epoll, 0))
		;
	ASSERT_EQ(0, raise_call(pair.worker, 0));
	EXPECT_EQ(0U + EPOLLIN, told(epoll, LIMIT_MS));
	close(epoll);
	pair_close(&pair);
}

static int send_kind(int worker, unsigned int kind)
{
	uint64_t cookie;

	switch (kind) {
	case 0:
		return raise_call(worker, 255);
	case 1:
		return raise_err(worker, 255);
	case 2:
		return raise_config(worker);
	case 3:
		return send_iotlb(worker, 0, 1);
	default:
		return unmap_async(worker, 1, 0, &cookie);
	}
}

TEST_F(poll, each_kind)
{
	int channel = self->pair.channel;

	self->tally.channel = channel;
	for (unsigned int kind = 0; kind < 5; kind++) {
		EXPECT_EQ(WRITABLE, bits(channel));
		ASSERT_EQ(0, send_kind(self->pair.worker, kind));
		EXPECT_EQ(READABLE | WRITABLE, bits(channel));
		EXPECT_EQ(1, drain(channel, READ_MAX, tally_message, &self->tally));
	}
	EXPECT_EQ(WRITABLE, bits(channel));
}

TEST_F(poll, rest_of_a_batch)
{
	int channel = self->pair.channel, worker = self->pair.worker;

	ASSERT_EQ(0, send_iotlb(worker, 0, 1));
	ASSERT_EQ(0, send_iotlb(worker, 0, 2));
	ASSERT_EQ(0, raise_call(worker, 1));
	ASSERT_EQ(0, raise_err(worker, 1));
	EXPECT_EQ(-EMSGSIZE, read_messages(channel, IOTLB_BYTES - 8, RWF_NOWAIT,
					   ignore_message, NULL));
	EXPECT_EQ(READABLE | WRITABLE, bits(channel));
	for (unsigned int n = 0; n < 4; n++) {
		EXPECT_EQ(READABLE | WRITABLE, bits(channel));
		EXPECT_EQ(1, read_messages(channel, n < 2 ? IOTLB_BYTES : 32,
					   RWF_NOWAIT, ignore_message, NULL));
	}
	EXPECT_EQ(WRITABLE, bits(channel));
}

TEST_F(poll, backends_gone)
{
	int channel = self->pair.channel;
	int idle = channel_open(0);
	int epoll = sleeper(channel, EPOLLRDHUP | EPOLLET);
	int second;

	/* Not before one has been attached. */
	ASSERT_LE(0, idle);
	EXPECT_EQ(WRITABLE, bits(idle));
	close(idle);

	second = worker_attach(channel, "none", 0, 0);
	ASSERT_LE(0, second);
	close(second);
	EXPECT_EQ(WRITABLE, bits(channel));
	EXPECT_EQ(0U, told(epoll, 0));

	ASSERT_EQ(0, raise_call(self->pair.worker, 7));
	ASSERT_EQ(0, try_ioctl(self->pair.worker, VHOST_BACKEND_TEST_DETACH, NULL));
	EXPECT_EQ(0U + EPOLLRDHUP, told(epoll, LIMIT_MS));
	/* What it had raised is still there. */
	EXPECT_EQ(READABLE | WRITABLE | POLLRDHUP, bits(channel));
	EXPECT_EQ(1, drain(channel, READ_MAX, ignore_message, NULL));
	EXPECT_EQ(WRITABLE | POLLRDHUP, bits(channel));

	second = worker_attach(channel, "next", 0, 1);
	ASSERT_LE(0, second);
	EXPECT_EQ(WRITABLE, bits(channel));
	close(second);
	EXPECT_EQ(WRITABLE | POLLRDHUP, bits(channel));
	close(epoll);
}

TEST_F(poll, epoll_level)
{
	int epoll = sleeper(self->pair.channel, EPOLLIN);

	EXPECT_EQ(0U, told(epoll, 0));
	ASSERT_EQ(0, raise_call(self->pair.worker, 1));
	EXPECT_EQ(0U + EPOLLIN, told(epoll, LIMIT_MS));
	EXPECT_EQ(0U + EPOLLIN, told(epoll, LIMIT_MS));
	EXPECT_EQ(1, drain(self->pair.channel, READ_MAX, ignore_message, NULL));
	EXPECT_EQ(0U, told(epoll, 0));
	close(epoll);
}

TEST_F(poll, epoll_edge)
{
	int epoll = sleeper(self->pair.channel, EPOLLIN | EPOLLET);

	for (unsigned int n = 0; n < 100; n++) {
		EXPECT_EQ(0U, told(epoll, 0));
		ASSERT_EQ(0, raise_in(self->pair.worker, VHOST_BACKEND_VRING_CALL,
				      n, n % 3));
		EXPECT_EQ(0U + EPOLLIN, told(epoll, LIMIT_MS));
		EXPECT_EQ(1, drain(self->pair.channel, READ_MAX, ignore_message, NULL));
	}
	close(epoll);
}

TEST_F(poll, all_sleepers_are_woken)
{
	int channel = self->pair.channel;
	int one = sleeper(channel, EPOLLIN | EPOLLET);
	int two = sleeper(channel, EPOLLIN | EPOLLET);
	int nested = sleeper(two, EPOLLIN | EPOLLET);

	for (unsigned int n = 0; n < 20; n++) {
		ASSERT_EQ(0, raise_in(self->pair.worker, VHOST_BACKEND_VRING_CALL,
				      n, n % 3));
		EXPECT_EQ(0U + EPOLLIN, told(nested, LIMIT_MS));
		EXPECT_EQ(0U + EPOLLIN, told(one, LIMIT_MS));
		EXPECT_EQ(0U + EPOLLIN, told(two, LIMIT_MS));
		EXPECT_EQ(1, drain(channel, READ_MAX, ignore_message, NULL));
	}
	close(nested);
	close(two);
	close(one);
}

/* Processes that share a channel, each of which would do. In memory that they share. */
struct sharers {
	int channel;
	atomic_uint ready, woken;
};

static void note_last(void *arg, const struct message *message)
{
	bool *last = arg;

	*last |= message->state.index == 1;
}

/* Who is woken first dies without a look; the other one looks until the last came. */
static void share(void *arg)
{
	struct sharers *sharers = arg;
	int epoll = sleeper(sharers->channel, EPOLLIN | EPOLLEXCLUSIVE);
	bool last = false;

	child_check(epoll >= 0);
	sharers->ready++;
	child_check(told(epoll, LIMIT_MS) == EPOLLIN);
	if (!atomic_fetch_add(&sharers->woken, 1))
		return;
	while (drain(sharers->channel, READ_MAX, note_last, &last) >= 0 && !last)
		child_check(told(epoll, LIMIT_MS) == EPOLLIN);
	child_check(last);
}

TEST_F(poll, woken_one_dies)
{
	struct sharers *sharers = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;

	ASSERT_TRUE(sharers != MAP_FAILED);
	for (unsigned int n = 0; n < 3; n++) {
		*sharers = (struct sharers){ .channel = self->pair.channel };
		ASSERT_LT(0, child_start(share, sharers));
		ASSERT_LT(0, child_start(share, sharers));
		ASSERT_TRUE(wait_until(sharers->ready == 2));
		usleep(20000);
		ASSERT_EQ(0, raise_call(self->pair.worker, 0));
		ASSERT_LT(0, wait(&status));
		ASSERT_EQ(0, status);
		ASSERT_EQ(0, raise_call(self->pair.worker, 1));
		ASSERT_LT(0, wait(&status));
		ASSERT_EQ(0, status);
	}
}

/* The page comes, or will not come. Returns how many messages were read, or -errno. */
static int get_loose(struct stuck *stuck, bool comes)
{
	ssize_t n = stuck_end(stuck, comes);

	munmap(stuck->page, PAGE);
	return n < 0 ? n : n / (ssize_t)IOTLB_BYTES;
}

/* Who was told to come again later is told when, if another reader leaves something. */
static void turn_away(struct __test_metadata *_metadata, const struct pair *pair,
		      bool page_comes)
{
	int epoll = sleeper(pair->channel, EPOLLIN | EPOLLET);
	struct stuck stuck;

	ASSERT_EQ(0, send_iotlb(pair->worker, 0, 1));
	ASSERT_EQ(0, send_iotlb(pair->worker, 0, 2));
	ASSERT_TRUE(stuck_start(&stuck, pair->channel, IOTLB_BYTES));
	EXPECT_EQ(0U + EPOLLIN, told(epoll, LIMIT_MS));
	EXPECT_EQ(-EAGAIN, read_messages(pair->channel, READ_MAX, RWF_NOWAIT,
					 ignore_message, NULL));
	EXPECT_EQ(0U, told(epoll, 10));
	EXPECT_EQ(page_comes ? 1 : -EFAULT, get_loose(&stuck, page_comes));
	EXPECT_EQ(0U + EPOLLIN, told(epoll, LIMIT_MS));
	EXPECT_EQ(page_comes ? 1 : 2, drain(pair->channel, READ_MAX, ignore_message, NULL));
	close(epoll);
}

TEST_F(poll, turned_away_by_a_small_buffer)
{
	turn_away(_metadata, &self->pair, true);
}

TEST_F(poll, turned_away_by_a_fault)
{
	turn_away(_metadata, &self->pair, false);
}

/*
 * The doorbell was rung for a request that is withdrawn. Nobody reads, so nobody
 * has answered the door: the next raise must still wake whoever went to sleep.
 */
TEST_F(poll, withdrawn_then_raised)
{
	int channel = self->pair.channel, worker = self->pair.worker;
	int epoll = sleeper(channel, EPOLLIN | EPOLLET);
	struct waiter waiter;

	for (unsigned int n = 0; n < 6; n++) {
		/* With n odd, the event of the request is taken before the end. */
		ASSERT_EQ(0, unmap_wait_start(&waiter, worker, n, 30));
		if (n % 2)
			told(epoll, 20);
		EXPECT_EQ(-ETIMEDOUT, waiter_end(&waiter));
		EXPECT_EQ(WRITABLE, bits(channel));
		EXPECT_EQ(0U, told(epoll, 0));

		ASSERT_EQ(0, raise_in(worker, VHOST_BACKEND_VRING_CALL, n, n % 3));
		EXPECT_EQ(0U + EPOLLIN, told(epoll, LIMIT_MS));
		/* Now and then the reader does not read on until EAGAIN. */
		EXPECT_EQ(1, n % 4 < 2 ?
			  drain(channel, READ_MAX, ignore_message, NULL) :
			  read_messages(channel, 32, RWF_NOWAIT, ignore_message, NULL));
	}
	close(epoll);
}

/* As above, but the request is withdrawn out of a batch that was begun. */
TEST_F(poll, withdrawn_from_a_batch)
{
	int channel = self->pair.channel, worker = self->pair.worker;
	int epoll = sleeper(channel, EPOLLIN | EPOLLET);
	struct waiter waiter;

	ASSERT_EQ(0, send_iotlb(worker, 0, 1));
	ASSERT_EQ(0, unmap_wait_start(&waiter, worker, 1, 300));
	ASSERT_TRUE(wait_until(channel_stats(channel).requests_queued == 2));
	EXPECT_EQ(1, read_messages(channel, IOTLB_BYTES, RWF_NOWAIT, ignore_message,
				   NULL));
	EXPECT_EQ(-ETIMEDOUT, waiter_end(&waiter));
	EXPECT_EQ(WRITABLE, bits(channel));
	told(epoll, 0);
	EXPECT_EQ(0U, told(epoll, 0));
	ASSERT_EQ(0, raise_call(worker, 1));
	EXPECT_EQ(0U + EPOLLIN, told(epoll, LIMIT_MS));
	EXPECT_EQ(1, drain(channel, READ_MAX, ignore_message, NULL));
	close(epoll);
}

/* As above, for those who sleep in a system call. */
TEST_F_TIMEOUT(poll, withdrawn_readers_sleep, 120)
{
	struct bell bells[BELLS] = {};
	struct waiter waiter;

	for (int how = 0; how < READER_HOWS; how++) {
		struct reader reader = {
			.channel = self->pair.channel, .how = how, .bytes = READ_MAX,
			.fn = hear_calls, .arg = bells,
		};

		ASSERT_EQ(0, unmap_wait_start(&waiter, self->pair.worker, how, 20));
		EXPECT_EQ(-ETIMEDOUT, waiter_end(&waiter));
		ASSERT_EQ(0, reader_start(&reader));
		usleep(30000);
		bells[0].rung++;
		EXPECT_EQ(0, raise_call(self->pair.worker, 0));
		EXPECT_TRUE(wait_until(bells[0].heard == bells[0].rung));
		EXPECT_EQ(0, reader_stop(&reader));
	}
}

/*
 * As above, many times over, with the raise at every moment of falling asleep.
 * A worker's end withdraws its requests at once.
 */
struct sleepy {
	pthread_t thread;
	int channel;
	struct bell bell;
	atomic_uint bedtime, slept;
	atomic_bool stop;
};

static void wake_up(void *arg, const struct message *message)
{
	struct sleepy *sleepy = arg;

	if (message->msg.request == VHOST_BACKEND_VRING_CALL)
		bell_hear(&sleepy->bell);
}

static void *fall_asleep(void *arg)
{
	struct sleepy *sleepy = arg;
	struct pollfd p = { .fd = sleepy->channel, .events = POLLIN };

	for (unsigned int n = 1; !sleepy->stop; n++) {
		while (sleepy->bedtime != n && !sleepy->stop)
			sched_yield();
		if (n % 2)
			poll(&p, 1, -1);
		read_messages(sleepy->channel, READ_MAX, 0, wake_up, sleepy);
		sleepy->slept = n;
	}
	return NULL;
}

static bool withdraw_one(int channel)
{
	int worker = worker_attach(channel, "short-lived", 0, 0);
	uint64_t cookie;
	bool ok = worker >= 0 && !unmap_async(worker, 1, 0, &cookie);

	close(worker);
	return ok;
}

TEST_F_TIMEOUT(poll, withdrawn_while_falling_asleep, 120)
{
	struct sleepy sleepy = { .channel = self->pair.channel };
	uint64_t seed = new_seed(_metadata->name);
	unsigned int n;

	ASSERT_EQ(0, pthread_create(&sleepy.thread, NULL, fall_asleep, &sleepy));
	for (n = 1; n <= 1500; n++) {
		ASSERT_TRUE(withdraw_one(self->pair.channel));
		sleepy.bedtime = n;
		for (unsigned int m = next_random(&seed) % 8000; m; m--)
			atomic_signal_fence(memory_order_seq_cst);
		sleepy.bell.rung++;
		ASSERT_EQ(0, raise_call(self->pair.worker, n % 256));
		ASSERT_TRUE(wait_until(sleepy.slept == n));
		EXPECT_EQ(sleepy.bell.rung, sleepy.bell.heard);
	}
	sleepy.stop = true;
	raise_config(self->pair.worker);
	pthread_join(sleepy.thread, NULL);
}

/*
 * Nobody oversleeps: two threads ring and mostly wait to be heard, while
 * requests that are soon given up come and go.
 */
FIXTURE(wake) {
	struct pair pair;
	struct tally tally;
	struct bell bells[BELLS];
};

FIXTURE_VARIANT(wake) {
	unsigned int rounds;
	unsigned int nr_readers;
	enum reader_how how[4];
};

FIXTURE_VARIANT_ADD(wake, blocking) {
	.rounds = 500, .nr_readers = 1, .how = { READER_BLOCKING },
};

FIXTURE_VARIANT_ADD(wake, poll) {
	.rounds = 500, .nr_readers = 1, .how = { READER_POLL },
};

FIXTURE_VARIANT_ADD(wake, select) {
	.rounds = 300, .nr_readers = 1, .how = { READER_SELECT },
};

FIXTURE_VARIANT_ADD(wake, epoll) {
	.rounds = 500, .nr_readers = 1, .how = { READER_LEVEL },
};

FIXTURE_VARIANT_ADD(wake, epoll_edge) {
	.rounds = 2000, .nr_readers = 1, .how = { READER_EDGE },
};

FIXTURE_VARIANT_ADD(wake, epoll_exclusive) {
	.rounds = 300, .nr_readers = 3,
	.how = { READER_EXCLUSIVE, READER_EXCLUSIVE, READER_EXCLUSIVE },
};

FIXTURE_VARIANT_ADD(wake, two_edge) {
	.rounds = 500, .nr_readers = 2, .how = { READER_EDGE, READER_EDGE },
};

FIXTURE_VARIANT_ADD(wake, polls_and_read) {
	.rounds = 500, .nr_readers = 4,
	.how = { READER_BLOCKING, READER_POLL, READER_EDGE, READER_POLL },
};

FIXTURE_SETUP(wake)
{
	ASSERT_EQ(0, pair_open(&self->pair, 0, (struct vhost_backend_setup){}));
}

FIXTURE_TEARDOWN(wake)
{
	pair_close(&self->pair);
}

struct answering_ears {
	struct tally *tally;
	struct bell *bells;
};

static void answer_and_hear(void *arg, const struct message *message)
{
	struct answering_ears *ears = arg;

	if (message->msg.request == VHOST_BACKEND_VRING_CALL)
		bell_hear(&ears->bells[message->state.index]);
	tally_message(ears->tally, message);
}

TEST_F_TIMEOUT(wake, nobody_oversleeps, 180)
{
	struct answering_ears ears = { .tally = &self->tally, .bells = self->bells };
	uint64_t seed = new_seed(_metadata->name);
	struct vhost_backend_test_run run = {
		.threads = 1, .mix = VHOST_BACKEND_TEST_MIX_ASYNC, .rate = 500,
		.timeout_ms = 1, .seed = seed,
	};
	struct ringer ringers[2] = {};
	struct reader readers[4] = {};

	self->tally.channel = self->pair.channel;
	for (unsigned int n = 0; n < variant->nr_readers; n++) {
		readers[n] = (struct reader){
			.channel = self->pair.channel, .how = variant->how[n],
			.bytes = 256, .fn = answer_and_hear, .arg = &ears,
		};
		ASSERT_EQ(0, reader_start(&readers[n]));
	}
	for (unsigned int n = 0; n < ARRAY_SIZE(ringers); n++)
		ringers[n] = (struct ringer){
			.worker = self->pair.worker, .bell = &self->bells[n],
			.index = n, .rounds = variant->rounds, .seed = seed + n,
		};
	ASSERT_EQ(0, run_start(self->pair.worker, run));
	EXPECT_EQ(0U, ring_all(ringers, ARRAY_SIZE(ringers))) {
		struct vhost_backend_stats stats = channel_stats(self->pair.channel);

		TH_LOG("raised %llu merged %llu delivered %llu, poll says %#x",
		       (unsigned long long)stats.notifications_raised,
		       (unsigned long long)stats.notifications_merged,
		       (unsigned long long)stats.notifications_delivered,
		       bits(self->pair.channel));
	}
	EXPECT_EQ(0, try_ioctl(self->pair.worker, VHOST_BACKEND_TEST_STOP, NULL));
	EXPECT_EQ(0, readers_stop(readers, variant->nr_readers));
	EXPECT_EQ(0U, self->tally.replies_refused);
}

TEST_HARNESS_MAIN
