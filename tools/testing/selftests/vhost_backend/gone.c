// SPDX-License-Identifier: GPL-2.0-only
/*
 * A worker that is told that its frontend is gone has heard of the end of each of its
 * requests before, though they time out just when the channel is closed.
 */
#include "../kselftest_harness.h"

#include <sched.h>
#include <time.h>

#include "lib/channel.h"
#include "lib/pair.h"
#include "lib/random.h"
#include "lib/reader.h"
#include "lib/skip.h"
#include "lib/wait.h"
#include "lib/worker.h"

SKIP_WITHOUT_WORKER;

#define SLOTS	512U
#define ROUNDS	200U
#define SECONDS	8

static struct vhost_backend_test_events events(int worker)
{
	struct vhost_backend_test_events events = { .late = ~0U };

	if (ioctl(worker, VHOST_BACKEND_TEST_EVENTS, &events))
		perror("VHOST_BACKEND_TEST_EVENTS");
	return events;
}

FIXTURE(gone) {
	uint64_t cookies[SLOTS];
};

FIXTURE_VARIANT(gone) {
	bool delivered;
};

FIXTURE_VARIANT_ADD(gone, undelivered) {
	.delivered = false,
};

FIXTURE_VARIANT_ADD(gone, delivered) {
	.delivered = true,
};

FIXTURE_SETUP(gone)
{
}

FIXTURE_TEARDOWN(gone)
{
}

/* The timer runs on the processor that armed it: with one processor, nothing can race. */
static void run_on(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* Time-outs of a tick each, and close() after some, any number, of them */
static void close_amid_timeouts(struct __test_metadata *_metadata, uint64_t *cookies,
				bool delivered, uint64_t *seed)
{
	struct vhost_backend_setup setup = {
		.ring_bytes = 65536, .max_inflight = SLOTS,
	};
	unsigned int sent = 0, wrong = 0, expired;
	struct pair pair;

	ASSERT_EQ(0, pair_open(&pair, O_NONBLOCK, setup));
	run_on(0);
	while (sent < SLOTS && !unmap_async(pair.worker, sent, 1, &cookies[sent]))
		sent++;
	ASSERT_LT(0U, sent);
	if (delivered)
		ASSERT_LE(0, drain(pair.channel, READ_MAX, ignore_message, NULL));
	run_on(1);
	/* Those that are counted may not all have been reported to the worker. */
	expired = next_random(seed) % 4 ? sent : next_random(seed) % sent;
	while (channel_stats(pair.channel).requests_given_up < expired)
		;
	close(pair.channel);
	EXPECT_TRUE(wait_until(events(pair.worker).gone == 1));
	for (unsigned int n = 0; n < sent; n++) {
		int error = async_error(pair.worker, cookies[n]);

		wrong += error != -ETIMEDOUT && error != -ENOTCONN;
	}
	EXPECT_EQ(0U, wrong);
	EXPECT_EQ(0U, events(pair.worker).late);
	close(pair.worker);
}

TEST_F_TIMEOUT(gone, comes_after_every_end, 240)
{
	uint64_t seed = new_seed(_metadata->name);
	time_t until = time(NULL) + SECONDS;

	for (unsigned int round = 0; another_round(round, ROUNDS, until); round++)
		close_amid_timeouts(_metadata, self->cookies, variant->delivered, &seed);
}

TEST_HARNESS_MAIN
