// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests that a worker gives up, by time-out, kill or shutdown: what was not
 * delivered never will be, what was keeps its slot until the reply, and the
 * worker is told once.
 */
#include "../kselftest_harness.h"

#include <pthread.h>
#include <signal.h>
#include <sys/uio.h>

#include "lib/channel.h"
#include "lib/child.h"
#include "lib/file.h"
#include "lib/memory.h"
#include "lib/message.h"
#include "lib/pair.h"
#include "lib/random.h"
#include "lib/reader.h"
#include "lib/run.h"
#include "lib/skip.h"
#include "lib/tally.h"
#include "lib/wait.h"
#include "lib/waiter.h"
#include "lib/worker.h"

SKIP_WITHOUT_WORKER;

#define SLOTS	64U

FIXTURE(giveup) {
	struct pair pair;
};

FIXTURE_SETUP(giveup)
{
	struct vhost_backend_setup setup = {
		.ring_bytes = 4096, .max_inflight = SLOTS,
	};

	ASSERT_EQ(0, pair_open(&self->pair, 0, setup));
}

FIXTURE_TEARDOWN(giveup)
{
	pair_close(&self->pair);
}

/* Reads one message without waiting; its bytes or -errno. */
static int read_one(int channel, struct message *message)
{
	struct iovec iov = { .iov_base = message, .iov_len = UNMAP_BYTES };
	ssize_t n = preadv2(channel, &iov, 1, -1, RWF_NOWAIT);

	return n < 0 ? -errno : n;
}

static bool nothing_to_read(int channel)
{
	struct message message;

	return channel_poll(channel, 0) == POLLOUT &&
	       read_one(channel, &message) == -EAGAIN;
}

TEST_F(giveup, undelivered)
{
	struct vhost_backend_msg guess = { .request = VHOST_BACKEND_SHMEM_UNMAP };
	struct vhost_backend_stats stats;
	uint64_t cookie;

	ASSERT_EQ(0, unmap_async(self->pair.worker, 1, 20, &cookie));
	EXPECT_EQ(-ETIMEDOUT, async_error(self->pair.worker, cookie));
	EXPECT_TRUE(nothing_to_read(self->pair.channel));
	stats = channel_stats(self->pair.channel);
	EXPECT_EQ(1U, stats.requests_queued);
	EXPECT_EQ(0U, stats.requests_delivered);
	EXPECT_EQ(1U, stats.requests_given_up);
	EXPECT_EQ(1U, stats.requests_withdrawn);
	EXPECT_EQ(0U, stats.inflight);
	for (guess.id = 1; guess.id < 10; guess.id++)
		EXPECT_EQ(-ENOENT, channel_reply(self->pair.channel, &guess, 0));
}

/* Nobody reads, and yet the ring and the slots are free again each time. */
TEST_F_TIMEOUT(giveup, room_without_a_reader, 60)
{
	uint64_t cookies[SLOTS + 1];

	for (unsigned int round = 0; round < 3; round++) {
		unsigned int count = 0, failed = 0;

		while (!unmap_async(self->pair.worker, count, 2000, &cookies[count]))
			ASSERT_GE(SLOTS, ++count);
		EXPECT_EQ(SLOTS, count);
		for (unsigned int n = 0; n < count; n++)
			failed += async_error(self->pair.worker, cookies[n]) != -ETIMEDOUT;
		EXPECT_EQ(0U, failed);
		EXPECT_EQ(0U, channel_stats(self->pair.channel).inflight);
		EXPECT_EQ(0U, channel_stats(self->pair.channel).waiting_bytes);
	}
	EXPECT_TRUE(nothing_to_read(self->pair.channel));
}

/* So, with the ring full before the slots are. */
TEST_F_TIMEOUT(giveup, ring_without_a_reader, 60)
{
	struct vhost_backend_setup setup = {
		.ring_bytes = 4096, .max_inflight = 4096,
	};
	unsigned int count = 0;
	struct pair pair;
	uint64_t cookie;

	ASSERT_EQ(0, pair_open(&pair, 0, setup));
	for (unsigned int round = 0; round < 3; round++) {
		while (!unmap_async(pair.worker, count, 2000, &cookie))
			ASSERT_GT(3 * 4096 / UNMAP_BYTES, count++);
		EXPECT_TRUE(wait_until(channel_stats(pair.channel).requests_given_up ==
				       count));
		/* Only so much of the ring is looked at with the lock held. */
		EXPECT_TRUE(wait_until(!channel_stats(pair.channel).waiting_bytes));
	}
	EXPECT_LE(2 * (4096 / UNMAP_BYTES), count);
	EXPECT_EQ(0, send_iotlb(pair.worker, 0, 1));
	EXPECT_EQ(1, drain(pair.channel, READ_MAX, ignore_message, NULL));
	pair_close(&pair);
}

struct numbers {
	unsigned int count;
	uint64_t number[8];
};

static void note_number(void *arg, const struct message *message)
{
	struct numbers *numbers = arg;
	unsigned int at = numbers->count++ % 8;

	if (message->msg.request == VHOST_BACKEND_IOTLB_MSG)
		numbers->number[at] = message->iotlb.uaddr;
	else
		numbers->number[at] = 100 + message->unmap.shm_offset / PAGE;
}

/* Withdrawn from the middle, the others are delivered in their order. */
TEST_F(giveup, from_the_middle)
{
	struct numbers numbers = {};
	uint64_t cookies[3];

	for (unsigned int n = 0; n < 3; n++) {
		ASSERT_EQ(0, send_iotlb(self->pair.worker, 0, n + 1));
		ASSERT_EQ(0, unmap_async(self->pair.worker, n + 1, n == 1 ? LIMIT_MS : 20,
					 &cookies[n]));
	}
	EXPECT_EQ(-ETIMEDOUT, async_error(self->pair.worker, cookies[0]));
	EXPECT_EQ(-ETIMEDOUT, async_error(self->pair.worker, cookies[2]));
	EXPECT_EQ(4, drain(self->pair.channel, READ_MAX, note_number, &numbers));
	ASSERT_EQ(4U, numbers.count);
	EXPECT_EQ(1U, numbers.number[0]);
	EXPECT_EQ(2U, numbers.number[1]);
	EXPECT_EQ(102U, numbers.number[2]);
	EXPECT_EQ(3U, numbers.number[3]);
}

/* What was delivered waits for its reply, which is taken, once. */
static void answer_late(struct __test_metadata *_metadata, struct pair *pair,
			const struct message *message)
{
	struct vhost_backend_stats stats = channel_stats(pair->channel);

	EXPECT_EQ(1U, stats.requests_given_up);
	EXPECT_EQ(0U, stats.requests_withdrawn);
	EXPECT_EQ(1U, stats.inflight);
	EXPECT_TRUE(nothing_to_read(pair->channel));
	EXPECT_EQ(32, channel_reply(pair->channel, &message->msg, 0));
	EXPECT_EQ(0U, channel_stats(pair->channel).inflight);
	EXPECT_EQ(-ENOENT, channel_reply(pair->channel, &message->msg, 0));
}

TEST_F(giveup, delivered)
{
	struct message message;
	struct waiter waiter;

	ASSERT_EQ(0, unmap_wait_start(&waiter, self->pair.worker, 1, 2000));
	ASSERT_EQ((int)UNMAP_BYTES, read(self->pair.channel, &message, UNMAP_BYTES));
	EXPECT_EQ(-ETIMEDOUT, waiter_end(&waiter));
	answer_late(_metadata, &self->pair, &message);
}

TEST_F(giveup, delivered_async)
{
	struct vhost_backend_test_result result;
	struct message message;
	uint64_t cookie;

	ASSERT_EQ(0, unmap_async(self->pair.worker, 1, 2000, &cookie));
	ASSERT_EQ((int)UNMAP_BYTES, read_one(self->pair.channel, &message));
	ASSERT_TRUE(wait_until(channel_stats(self->pair.channel).requests_given_up));
	answer_late(_metadata, &self->pair, &message);
	/* Neither the reply nor anything later calls done again. */
	EXPECT_EQ(0, worker_result(self->pair.worker, cookie, LIMIT_MS, &result));
	EXPECT_EQ(-ETIMEDOUT, result.error);
	EXPECT_EQ(1U, result.count);
	EXPECT_EQ(-ENOENT, worker_result(self->pair.worker, cookie, 0, &result));
}

/* The file of a map goes with its withdrawal, */
TEST_F(giveup, file_undelivered)
{
	int watch, file = make_locked_file(&watch);
	uint64_t cookie;

	ASSERT_LE(0, file);
	ASSERT_EQ(0, map_async(self->pair.worker, 1, file, &cookie));
	close(file);
	EXPECT_TRUE(file_is_held(watch));
	ASSERT_EQ(0, try_ioctl(self->pair.worker, VHOST_BACKEND_TEST_SHUTDOWN, NULL));
	EXPECT_EQ(-ESHUTDOWN, async_error(self->pair.worker, cookie));
	EXPECT_TRUE(wait_until(!file_is_held(watch)));
	EXPECT_TRUE(nothing_to_read(self->pair.channel));
}

/* or else with the late reply. */
TEST_F(giveup, file_delivered)
{
	int watch, file = make_locked_file(&watch);
	struct vhost_backend_take_fd take = {};
	struct message message;
	uint64_t cookie;

	ASSERT_LE(0, file);
	ASSERT_EQ(0, map_async(self->pair.worker, 1, file, &cookie));
	close(file);
	ASSERT_EQ(56, channel_read(self->pair.channel, &message));
	close(message.msg.fd);
	ASSERT_EQ(0, try_ioctl(self->pair.worker, VHOST_BACKEND_TEST_SHUTDOWN, NULL));
	EXPECT_EQ(-ESHUTDOWN, async_error(self->pair.worker, cookie));
	EXPECT_TRUE(file_is_held(watch));
	take.id = message.msg.id;
	EXPECT_EQ(0, try_ioctl(self->pair.channel, VHOST_BACKEND_TAKE_FD, &take));
	close(take.fd);
	EXPECT_EQ(32, channel_reply(self->pair.channel, &message.msg, -EIO));
	EXPECT_TRUE(wait_until(!file_is_held(watch)));
	EXPECT_EQ(-ENOENT, try_ioctl(self->pair.channel, VHOST_BACKEND_TAKE_FD, &take));
}

TEST_F(giveup, shutdown)
{
	struct message message;
	struct waiter waiter;
	uint64_t cookie;

	ASSERT_EQ(0, unmap_wait_start(&waiter, self->pair.worker, 1, 0));
	ASSERT_EQ((int)UNMAP_BYTES, read(self->pair.channel, &message, UNMAP_BYTES));
	ASSERT_EQ(0, unmap_async(self->pair.worker, 2, 0, &cookie));
	ASSERT_EQ(0, try_ioctl(self->pair.worker, VHOST_BACKEND_TEST_SHUTDOWN, NULL));
	EXPECT_EQ(-ESHUTDOWN, waiter_end(&waiter));
	EXPECT_EQ(-ESHUTDOWN, async_error(self->pair.worker, cookie));
	EXPECT_EQ(2U, channel_stats(self->pair.channel).requests_given_up);
	EXPECT_EQ(1U, channel_stats(self->pair.channel).requests_withdrawn);
	EXPECT_TRUE(nothing_to_read(self->pair.channel));
	EXPECT_EQ(32, channel_reply(self->pair.channel, &message.msg, 0));
	EXPECT_EQ(0U, channel_stats(self->pair.channel).inflight);
}

/* A process that waits for its request's reply, and is killed. */
static void wait_for_reply(void *arg)
{
	struct pair *pair = arg;
	struct waiter waiter;

	unmap_wait_start(&waiter, pair->worker, 1, 0);
	pthread_join(waiter.thread, NULL);
	child_check(false);
}

TEST_F_TIMEOUT(giveup, killed, 60)
{
	struct message message;

	for (unsigned int n = 0; n < 10; n++) {
		struct vhost_backend_stats stats;
		bool delivered = n % 2;
		pid_t pid = child_start(wait_for_reply, &self->pair);

		ASSERT_LT(0, pid);
		ASSERT_TRUE(wait_until(channel_poll(self->pair.channel, 0) & POLLIN));
		EXPECT_TRUE(!delivered ||
			    read_one(self->pair.channel, &message) == (int)UNMAP_BYTES);
		kill(pid, SIGKILL);
		ASSERT_TRUE(WIFSIGNALED(child_wait(pid)));
		EXPECT_TRUE(nothing_to_read(self->pair.channel));
		stats = channel_stats(self->pair.channel);
		EXPECT_EQ(n + 1, stats.requests_given_up);
		EXPECT_EQ(n / 2 + 1, stats.requests_withdrawn);
		EXPECT_EQ(0U + delivered, stats.inflight);
		EXPECT_TRUE(!delivered ||
			    channel_reply(self->pair.channel, &message.msg, 0) == 32);
	}
}

/* A sender that would wait for the reply, but gets no further than waiting for room */
static int unmap_waiting(int worker, unsigned int timeout_ms)
{
	struct vhost_backend_shmem_unmap unmap = { .len = PAGE };
	struct vhost_backend_test_send send = {
		.request = VHOST_BACKEND_SHMEM_UNMAP, .size = sizeof(unmap), .fd = -1,
		.payload = (uintptr_t)&unmap, .flags = VHOST_BACKEND_TEST_REPLY,
		.timeout_ms = timeout_ms,
	};

	return worker_send(worker, &send);
}

TEST_F(giveup, slots)
{
	struct message messages[SLOTS];
	uint64_t cookies[SLOTS + 1];
	unsigned int failed = 0;

	for (unsigned int n = 0; n < SLOTS; n++) {
		failed += unmap_async(self->pair.worker, n, 0, &cookies[n]) != 0;
		failed += read_one(self->pair.channel, &messages[n]) != (int)UNMAP_BYTES;
	}
	ASSERT_EQ(0U, failed);
	EXPECT_EQ(-EAGAIN, unmap_async(self->pair.worker, 1, 0, &cookies[SLOTS]));
	EXPECT_EQ(-ETIMEDOUT, try_ioctl(self->pair.worker, VHOST_BACKEND_TEST_WAIT_ROOM,
					(void *)20));
	EXPECT_EQ(1U, channel_stats(self->pair.channel).refused_room);
	EXPECT_EQ(-ETIMEDOUT, unmap_waiting(self->pair.worker, 20));
	EXPECT_EQ(2U, channel_stats(self->pair.channel).refused_room);
	/* What takes no slot has room. */
	EXPECT_EQ(0, send_iotlb(self->pair.worker, 0, 1));
	EXPECT_EQ(1, drain(self->pair.channel, READ_MAX, ignore_message, NULL));
	for (unsigned int n = SLOTS; n--; ) {
		failed += channel_reply(self->pair.channel, &messages[n].msg, 0) != 32;
		failed += async_error(self->pair.worker, cookies[n]) != 0;
	}
	EXPECT_EQ(0U, failed);
	EXPECT_EQ(0, try_ioctl(self->pair.worker, VHOST_BACKEND_TEST_WAIT_ROOM,
			       (void *)20));
	EXPECT_EQ(0, unmap_async(self->pair.worker, 1, 0, &cookies[SLOTS]));
}

/* Slots of what was given up are not free before the replies. */
TEST_F(giveup, slots_given_up)
{
	struct message messages[SLOTS];
	uint64_t cookies[SLOTS + 1];
	unsigned int failed = 0;

	for (unsigned int n = 0; n < SLOTS; n++) {
		failed += unmap_async(self->pair.worker, n, 2000, &cookies[n]) != 0;
		failed += read_one(self->pair.channel, &messages[n]) != (int)UNMAP_BYTES;
	}
	ASSERT_EQ(0U, failed);
	for (unsigned int n = 0; n < SLOTS; n++)
		failed += async_error(self->pair.worker, cookies[n]) != -ETIMEDOUT;
	EXPECT_EQ(0U, failed);
	EXPECT_EQ(SLOTS, channel_stats(self->pair.channel).inflight);
	EXPECT_EQ(-EAGAIN, unmap_async(self->pair.worker, 1, 0, &cookies[SLOTS]));
	EXPECT_EQ(32, channel_reply(self->pair.channel, &messages[7].msg, 0));
	EXPECT_EQ(0, unmap_async(self->pair.worker, 1, 0, &cookies[SLOTS]));
	EXPECT_EQ(-EAGAIN, unmap_async(self->pair.worker, 1, 0, &cookies[SLOTS]));
}

/* Room comes and goes, and others take it: who waits does so no longer for that. */
TEST_F(giveup, room_that_others_take)
{
	const struct vhost_backend_fs fs = { .len = { PAGE } };
	struct vhost_backend_test_run flood = {
		.threads = 2, .mix = VHOST_BACKEND_TEST_MIX_SEND, .seed = 1,
	};
	struct waiter waiter = {
		.send = {
			.request = VHOST_BACKEND_DEPRECATED_FS_SYNC, .size = sizeof(fs),
			.payload = (uintptr_t)&fs, .fd = -1,
			.flags = VHOST_BACKEND_TEST_REPLY, .timeout_ms = 300,
		},
	};
	uint64_t start;

	ASSERT_EQ(0, run_start(self->pair.worker, flood));
	ASSERT_TRUE(wait_until(channel_stats(self->pair.channel).refused_room));
	start = now_ms();
	ASSERT_EQ(0, waiter_start(&waiter, self->pair.worker));
	while (!waiter.ended && now_ms() - start < LIMIT_MS / 2) {
		read_messages(self->pair.channel, IOTLB_BYTES, RWF_NOWAIT, ignore_message,
			      NULL);
		usleep(2000);
	}
	/* The kernel's clock may lag behind on a busy machine. */
	EXPECT_LE(200U, now_ms() - start);
	EXPECT_TRUE(waiter.ended);
	EXPECT_EQ(-ETIMEDOUT, waiter_end(&waiter));
	EXPECT_EQ(0, try_ioctl(self->pair.worker, VHOST_BACKEND_TEST_STOP, NULL));
}

/* EXTERNAL_MAP names an address of the process that did SETUP, and no other. */
static int external_map(int worker, void *address, uint64_t *cookie)
{
	struct vhost_backend_external_map map = {
		.len = PAGE, .ptr = (uintptr_t)address,
	};

	return send_async(worker, VHOST_BACKEND_EXTERNAL_MAP, &map, sizeof(map), -1,
			  cookie);
}

static void read_elsewhere(void *arg)
{
	struct pair *pair = arg;
	struct numbers numbers = {};

	child_check(read_messages(pair->channel, READ_MAX, 0, note_number,
				  &numbers) == 3);
	child_check(numbers.number[0] == 1 && numbers.number[1] == 105 &&
		    numbers.number[2] == 2);
	child_check(nothing_to_read(pair->channel));
}

TEST_F(giveup, external_map_elsewhere)
{
	void *page = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int worker = self->pair.worker;
	struct message message;
	uint64_t cookies[4];

	/* Here it is delivered. */
	ASSERT_EQ(0, external_map(worker, page, &cookies[0]));
	ASSERT_LT(0, channel_read(self->pair.channel, &message));
	EXPECT_EQ((uintptr_t)page, message.external.ptr);
	EXPECT_EQ(32, channel_reply(self->pair.channel, &message.msg, 0));
	EXPECT_EQ(0, async_error(worker, cookies[0]));

	/* First, in the middle and last of what another process reads. */
	ASSERT_EQ(0, external_map(worker, page, &cookies[0]));
	ASSERT_EQ(0, send_iotlb(worker, 0, 1));
	ASSERT_EQ(0, external_map(worker, page, &cookies[1]));
	ASSERT_EQ(0, unmap_async(worker, 5, 0, &cookies[2]));
	ASSERT_EQ(0, send_iotlb(worker, 0, 2));
	ASSERT_EQ(0, external_map(worker, page, &cookies[3]));
	EXPECT_EQ(0, child_run(read_elsewhere, &self->pair));
	EXPECT_EQ(-EPERM, async_error(worker, cookies[0]));
	EXPECT_EQ(-EPERM, async_error(worker, cookies[1]));
	EXPECT_EQ(-EPERM, async_error(worker, cookies[3]));
	EXPECT_EQ(1U, channel_stats(self->pair.channel).inflight);
	EXPECT_TRUE(nothing_to_read(self->pair.channel));
}

/* Alone, it leaves the other process with nothing to read. */
static void find_nothing(void *arg)
{
	struct pair *pair = arg;

	child_check(drain(pair->channel, READ_MAX, ignore_message, NULL) == 0);
}

TEST_F(giveup, external_map_alone_elsewhere)
{
	void *page = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t cookie;

	ASSERT_EQ(0, external_map(self->pair.worker, page, &cookie));
	EXPECT_EQ(0, child_run(find_nothing, &self->pair));
	EXPECT_EQ(-EPERM, async_error(self->pair.worker, cookie));
	EXPECT_TRUE(nothing_to_read(self->pair.channel));
	EXPECT_TRUE(channel_idle(self->pair.channel));
}

/* As many requests as a channel takes, of which half are delivered, end together. */
#define MOST	4096U

enum common_end {
	END_SHUTDOWN,
	END_TIMEOUT,
	END_CLOSE,
};

FIXTURE(most) {
	struct pair pair;
	uint64_t cookies[MOST];
};

FIXTURE_VARIANT(most) {
	enum common_end end;
	int error;
};

FIXTURE_VARIANT_ADD(most, shutdown) {
	.end = END_SHUTDOWN, .error = -ESHUTDOWN,
};

FIXTURE_VARIANT_ADD(most, timeout) {
	.end = END_TIMEOUT, .error = -ETIMEDOUT,
};

FIXTURE_VARIANT_ADD(most, close) {
	.end = END_CLOSE, .error = -ENOTCONN,
};

static int most_open(struct pair *pair)
{
	return pair_open(pair, 0, (struct vhost_backend_setup){
		.ring_bytes = 262144, .max_inflight = MOST });
}

FIXTURE_SETUP(most)
{
	ASSERT_EQ(0, most_open(&self->pair));
}

FIXTURE_TEARDOWN(most)
{
	pair_close(&self->pair);
}

struct desk {
	struct vhost_backend_msg msg[MOST / 2];
	unsigned int count;
};

static void put_on_desk(void *arg, const struct message *message)
{
	struct desk *desk = arg;

	desk->msg[desk->count++ % (MOST / 2)] = message->msg;
}

static void end_most(struct pair *pair, enum common_end end)
{
	if (end == END_SHUTDOWN)
		try_ioctl(pair->worker, VHOST_BACKEND_TEST_SHUTDOWN, NULL);
	if (end != END_CLOSE)
		return;
	close(pair->channel);
	pair->channel = -1;
}

/* Those that were delivered keep their slots until then. */
static void answer_all(struct __test_metadata *_metadata, int channel,
		       const struct desk *desk)
{
	struct vhost_backend_stats stats = channel_stats(channel);
	unsigned int failed = 0;

	EXPECT_EQ(MOST, stats.requests_given_up);
	EXPECT_EQ(MOST / 2, stats.requests_withdrawn);
	EXPECT_EQ(MOST / 2, stats.inflight);
	EXPECT_TRUE(nothing_to_read(channel));
	for (unsigned int n = 0; n < MOST / 2; n++)
		failed += channel_reply(channel, &desk->msg[n], 0) != 32;
	EXPECT_EQ(0U, failed);
	EXPECT_EQ(0U, channel_stats(channel).inflight);
}

/* How long it may take to send all of them: a try with an eighth, and much more */
static uint64_t time_to_send(struct __test_metadata *_metadata)
{
	uint64_t start, took, cookie;
	struct pair pair;

	ASSERT_EQ(0, most_open(&pair));
	start = now_ms();
	for (unsigned int n = 0; n < MOST / 8; n++)
		ASSERT_EQ(0, unmap_async(pair.worker, n, 0, &cookie));
	took = 8 * 4 * (now_ms() - start);
	pair_close(&pair);
	return 300 + (took < LIMIT_MS ? took : LIMIT_MS);
}

/* Milliseconds until @deadline; 0: there is none, or none are left. */
static unsigned int time_left(uint64_t deadline)
{
	uint64_t now = now_ms();

	return now < deadline ? deadline - now : 0;
}

/* All end at @deadline, if there is one. False: it came too early. */
static bool send_most(struct __test_metadata *_metadata, const struct pair *pair,
		      uint64_t cookies[MOST], uint64_t deadline, struct desk *desk)
{
	uint64_t cookie;
	int err;

	desk->count = 0;
	for (unsigned int n = 0; n < MOST; n++) {
		ASSERT_EQ(0, unmap_async(pair->worker, n, time_left(deadline), &cookies[n]));
		if (n % 2)
			read_messages(pair->channel, UNMAP_BYTES, RWF_NOWAIT, put_on_desk,
				      desk);
	}
	err = unmap_async(pair->worker, 0, 0, &cookie);
	/* The kernel's clock may lag behind. */
	if (deadline && time_left(deadline) < 100)
		return false;
	EXPECT_EQ(-EAGAIN, err);
	ASSERT_EQ(MOST / 2, desk->count);
	return true;
}

TEST_F_TIMEOUT(most, each_ends_once, 240)
{
	uint64_t deadline = 0, time = 0;
	unsigned int failed = 0;
	struct desk desk;

	if (variant->end == END_TIMEOUT) {
		time = time_to_send(_metadata);
		deadline = now_ms() + time;
	}
	while (!send_most(_metadata, &self->pair, self->cookies, deadline, &desk)) {
		/* The machine did something else meanwhile. */
		pair_close(&self->pair);
		ASSERT_EQ(0, most_open(&self->pair));
		time *= 2;
		deadline = now_ms() + time;
	}
	end_most(&self->pair, variant->end);
	while (time_left(deadline))
		usleep(10000);
	for (unsigned int n = 0; n < MOST; n++)
		failed += async_error(self->pair.worker, self->cookies[n]) !=
			  variant->error;
	EXPECT_EQ(0U, failed);
	if (variant->end != END_CLOSE)
		answer_all(_metadata, self->pair.channel, &desk);
}

/*
 * Time-outs of a few milliseconds race with replies that take about as long.
 * Whatever was delivered takes its reply, late or not.
 */
struct replier {
	struct tally tally;
	uint64_t seed;
};

static void reply_some_time(void *arg, const struct message *message)
{
	struct replier *replier = arg;

	if (next_random(&replier->seed) % 2)
		usleep(next_random(&replier->seed) % 3000);
	replier->tally.value = next_random(&replier->seed) % 8 ? 0 : -EIO;
	tally_message(&replier->tally, message);
}

static void race(struct __test_metadata *_metadata, struct pair *pair, uint32_t mix,
		 uint64_t count)
{
	uint64_t seed = new_seed(_metadata->name);
	struct replier repliers[2] = {};
	struct reader readers[2] = {};
	struct vhost_backend_stats stats;
	struct vhost_backend_test_run run = {
		.threads = 3, .mix = mix, .count = count, .rate = 500,
		.timeout_ms = 2, .seed = seed,
	};

	for (unsigned int n = 0; n < 2; n++) {
		repliers[n].seed = seed + n;
		repliers[n].tally.channel = pair->channel;
		readers[n] = (struct reader){
			.channel = pair->channel, .how = n ? READER_LEVEL : READER_BLOCKING,
			.bytes = UNMAP_BYTES + 8, .arg = &repliers[n],
			.fn = reply_some_time,
		};
		ASSERT_EQ(0, reader_start(&readers[n]));
	}
	ASSERT_EQ(0, run_start(pair->worker, run));
	ASSERT_TRUE(run_finish(pair->worker, &run));
	EXPECT_TRUE(wait_until(channel_idle(pair->channel)));
	EXPECT_EQ(0, readers_stop(readers, 2));

	stats = channel_stats(pair->channel);
	EXPECT_EQ(0U, repliers[0].tally.replies_refused + repliers[1].tally.replies_refused);
	EXPECT_EQ(stats.requests_delivered,
		  repliers[0].tally.requests + repliers[1].tally.requests);
	EXPECT_EQ(stats.requests_delivered, stats.requests_answered);
	EXPECT_EQ(stats.requests_queued, run.requests);
	EXPECT_EQ(run.requests, run.answered + run.failed);
	EXPECT_LT(0U, stats.requests_answered);
	EXPECT_LT(0U, stats.requests_given_up);
	EXPECT_EQ(0U, stats.inflight);
	EXPECT_EQ(0U, stats.bad_replies);
}

TEST_F_TIMEOUT(giveup, races_sync, 120)
{
	race(_metadata, &self->pair, VHOST_BACKEND_TEST_MIX_REQUEST, 150);
}

TEST_F_TIMEOUT(giveup, races_async, 120)
{
	race(_metadata, &self->pair, VHOST_BACKEND_TEST_MIX_ASYNC, 500);
}

/* The same, of single requests, each of which is seen to end once. */
TEST_F_TIMEOUT(giveup, races_each_ends_once, 120)
{
	struct replier replier = {
		.tally = { .channel = self->pair.channel },
		.seed = new_seed(_metadata->name),
	};
	struct reader reader = {
		.channel = self->pair.channel, .how = READER_EDGE,
		.bytes = READ_MAX, .arg = &replier, .fn = reply_some_time,
	};
	unsigned int ends[3] = {};

	ASSERT_EQ(0, reader_start(&reader));
	for (unsigned int n = 0; n < 200; n++) {
		uint64_t cookies[4];

		for (unsigned int m = 0; m < 4; m++)
			unmap_async(self->pair.worker, m, 1 + m, &cookies[m]);
		for (unsigned int m = 0; m < 4; m++) {
			int error = async_error(self->pair.worker, cookies[m]);

			ends[0] += error == 0 || error == -EIO;
			ends[1] += error == -ETIMEDOUT;
			ends[2] += error != 0 && error != -EIO && error != -ETIMEDOUT;
		}
	}
	EXPECT_TRUE(wait_until(channel_idle(self->pair.channel)));
	EXPECT_EQ(0, reader_stop(&reader));
	EXPECT_EQ(800U, ends[0] + ends[1]);
	EXPECT_EQ(0U, ends[2]);
	EXPECT_EQ(0U, replier.tally.replies_refused);
	EXPECT_EQ(0U, channel_stats(self->pair.channel).inflight);
}

TEST_HARNESS_MAIN
