// SPDX-License-Identifier: GPL-2.0-only
/*
 * Thousands of requests with time-outs of their own: each ends once, those that are not
 * answered in the order of their deadlines, whatever else ends in between.
 */
#include "../kselftest_harness.h"

#include "lib/channel.h"
#include "lib/message.h"
#include "lib/pair.h"
#include "lib/random.h"
#include "lib/reader.h"
#include "lib/skip.h"
#include "lib/wait.h"
#include "lib/worker.h"

SKIP_WITHOUT_WORKER;

#define SLOTS		4096U
#define RING_BYTES	(512U << 10)

/* Time-outs are rounded to ticks of at most 10 ms, and the end of one may be two away. */
#define TICKS_MS	40

/* A request, and between which times its deadline lies */
struct timed {
	uint64_t cookie;
	uint64_t earliest, latest;
	struct vhost_backend_test_result result;
};

FIXTURE(deadline) {
	struct pair pair;
	struct timed *requests;
	uint64_t seed;
};

FIXTURE_SETUP(deadline)
{
	struct vhost_backend_setup setup = {
		.ring_bytes = RING_BYTES, .max_inflight = SLOTS,
	};

	ASSERT_EQ(0, pair_open(&self->pair, O_NONBLOCK, setup));
	self->requests = calloc(SLOTS, sizeof(*self->requests));
	ASSERT_TRUE(!!self->requests);
	self->seed = new_seed(_metadata->name);
}

FIXTURE_TEARDOWN(deadline)
{
	free(self->requests);
	pair_close(&self->pair);
}

/* The clock that deadlines are kept by: if the ticks stand still, so does it. */
static uint64_t tick_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
}

/* Sends @count requests that time out between @from and @to ms from now. */
static int send_timed(int worker, struct timed *requests, unsigned int count, uint64_t *seed,
		      unsigned int from, unsigned int to)
{
	for (unsigned int n = 0; n < count; n++) {
		unsigned int timeout = from + next_random(seed) % (to - from);
		int err;

		requests[n].earliest = tick_ms() + timeout;
		err = unmap_async(worker, n, timeout, &requests[n].cookie);
		requests[n].latest = tick_ms() + timeout;
		if (err)
			return err;
	}
	return 0;
}

/* How all of them ended. Returns how many ended otherwise than once. */
static unsigned int collect(int worker, struct timed *requests, unsigned int count)
{
	unsigned int wrong = 0;

	for (unsigned int n = 0; n < count; n++)
		wrong += worker_result(worker, requests[n].cookie, LIMIT_MS,
				       &requests[n].result) ||
			 requests[n].result.count != 1;
	return wrong;
}

static int by_order(const void *a, const void *b)
{
	const struct timed *left = a, *right = b;

	return left->result.order < right->result.order ? -1 :
	       left->result.order > right->result.order;
}

static unsigned int count_errors(const struct timed *requests, unsigned int count, int error)
{
	unsigned int found = 0;

	for (unsigned int n = 0; n < count; n++)
		found += requests[n].result.error == error;
	return found;
}

/*
 * Of those that timed out, how many ended after one whose deadline was later. Each was sent
 * at a time that is known only so well.
 */
static unsigned int out_of_order(struct timed *requests, unsigned int count)
{
	unsigned int wrong = 0;
	uint64_t latest = 0;

	qsort(requests, count, sizeof(*requests), by_order);
	for (unsigned int n = 0; n < count; n++) {
		if (requests[n].result.error != -ETIMEDOUT)
			continue;
		wrong += requests[n].latest + TICKS_MS < latest;
		if (requests[n].earliest > latest)
			latest = requests[n].earliest;
	}
	return wrong;
}

/* How many slots there are makes no difference: here all of them are taken. */
TEST_F_TIMEOUT(deadline, all_expire_in_order, 120)
{
	const int worker = self->pair.worker;

	ASSERT_EQ(0, send_timed(worker, self->requests, SLOTS, &self->seed, 4000, 9000));
	EXPECT_EQ(-EAGAIN, send_timed(worker, &(struct timed){}, 1, &self->seed, 4000, 9000));
	EXPECT_EQ(0U, collect(worker, self->requests, SLOTS));
	EXPECT_EQ(SLOTS, count_errors(self->requests, SLOTS, -ETIMEDOUT));
	EXPECT_EQ(0U, out_of_order(self->requests, SLOTS));
	EXPECT_EQ(SLOTS, channel_stats(self->pair.channel).requests_given_up);
	EXPECT_EQ(0U, channel_stats(self->pair.channel).inflight);
	EXPECT_TRUE(wait_until(!channel_stats(self->pair.channel).waiting_bytes));
}

/* All are delivered. Some are answered then, the others when all have ended. */
struct answerer {
	struct reader reader;
	uint64_t seed;
	int channel;
	unsigned int answered, refused, nr_kept;
	struct vhost_backend_msg kept[SLOTS];
};

static void answer(struct answerer *answerer, const struct vhost_backend_msg *msg)
{
	if (channel_reply(answerer->channel, msg, 0) == 32)
		answerer->answered++;
	else
		answerer->refused++;
}

static void answer_some(void *arg, const struct message *message)
{
	struct answerer *answerer = arg;

	if (next_random(&answerer->seed) % 4 == 0)
		usleep(next_random(&answerer->seed) % 4000);
	if (next_random(&answerer->seed) % 3 == 0)
		answer(answerer, &message->msg);
	else
		answerer->kept[answerer->nr_kept++] = message->msg;
}

/* Two workers, one of which is shut down while all this goes on. */
TEST_F_TIMEOUT(deadline, amid_answers_and_a_shutdown, 240)
{
	static struct answerer answerer;
	struct timed *requests = self->requests, *others = requests + SLOTS / 2;
	int other = worker_attach(self->pair.channel, "other", 0, 0);
	struct vhost_backend_stats stats;
	unsigned int ended;

	ASSERT_LE(0, other);
	ASSERT_EQ(0, send_timed(self->pair.worker, requests, SLOTS / 2, &self->seed, 2000,
				8000));
	ASSERT_EQ(0, send_timed(other, others, SLOTS / 2, &self->seed, 2000, 8000));
	answerer.channel = self->pair.channel;
	answerer.seed = self->seed;
	answerer.reader = (struct reader){
		.channel = self->pair.channel, .how = READER_POLL, .bytes = UNMAP_BYTES,
		.fn = answer_some, .arg = &answerer,
	};
	ASSERT_EQ(0, reader_start(&answerer.reader));
	/* Some of each kind */
	EXPECT_TRUE(wait_until(channel_stats(self->pair.channel).requests_given_up >=
			       SLOTS / 8));
	EXPECT_EQ(0, try_ioctl(other, VHOST_BACKEND_TEST_SHUTDOWN, NULL));
	EXPECT_EQ(0U, collect(other, others, SLOTS / 2));
	EXPECT_EQ(0U, collect(self->pair.worker, requests, SLOTS / 2));
	EXPECT_EQ(0, reader_stop(&answerer.reader));
	for (unsigned int n = 0; n < answerer.nr_kept; n++)
		answer(&answerer, &answerer.kept[n]);
	EXPECT_EQ(0U, out_of_order(requests, SLOTS / 2));
	EXPECT_EQ(0U, out_of_order(others, SLOTS / 2));
	ended = count_errors(requests, SLOTS, 0);
	stats = channel_stats(self->pair.channel);
	TH_LOG("%u answered in time, %u timed out, %u shut down", ended,
	       count_errors(requests, SLOTS, -ETIMEDOUT),
	       count_errors(requests, SLOTS, -ESHUTDOWN));
	EXPECT_EQ(SLOTS, ended + count_errors(requests, SLOTS, -ETIMEDOUT) +
			 count_errors(requests, SLOTS, -ESHUTDOWN));
	EXPECT_EQ(0U, count_errors(requests, SLOTS / 2, -ESHUTDOWN));
	EXPECT_EQ(SLOTS, stats.requests_given_up + ended);
	EXPECT_LT(0U, count_errors(requests, SLOTS, -ESHUTDOWN));
	EXPECT_EQ(0U, answerer.refused);
	EXPECT_EQ(stats.requests_delivered, answerer.answered);
	EXPECT_EQ(0U, stats.inflight);
	close(other);
}

/* A later request may have an earlier deadline: it does not wait for the others. */
TEST_F(deadline, shorter_time_out_after_longer_ones)
{
	struct timed last;

	ASSERT_EQ(0, send_timed(self->pair.worker, self->requests, 1000, &self->seed,
				NO_TIMEOUT_MS, NO_TIMEOUT_MS + 1000));
	ASSERT_EQ(0, send_timed(self->pair.worker, &last, 1, &self->seed, 20, 21));
	EXPECT_EQ(0U, collect(self->pair.worker, &last, 1));
	EXPECT_EQ(-ETIMEDOUT, last.result.error);
	EXPECT_EQ(1U, last.result.order);
	EXPECT_EQ(1U, channel_stats(self->pair.channel).requests_given_up);
}

TEST_HARNESS_MAIN
