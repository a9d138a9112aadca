// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random interleavings of everything: several workers with mixed loads, several
 * readers of several kinds, and threads that answer out of order. At the end
 * every message is accounted for.
 */
#include "../kselftest_harness.h"

#include <pthread.h>
#include <stdatomic.h>

#include "lib/bell.h"
#include "lib/channel.h"
#include "lib/message.h"
#include "lib/random.h"
#include "lib/reader.h"
#include "lib/run.h"
#include "lib/sequences.h"
#include "lib/skip.h"
#include "lib/tally.h"
#include "lib/wait.h"
#include "lib/worker.h"

SKIP_WITHOUT_WORKER;

#define MAX_WORKERS	3
#define MAX_READERS	4
#define MAX_REPLIERS	2
#define VRINGS		96
#define MAX_IDS		65536

/* Requests that were read and wait for one of the repliers. */
struct desk {
	pthread_mutex_t lock;
	pthread_cond_t news;
	struct vhost_backend_msg waiting[4096];
	unsigned int count;
	bool closed;
};

/* An id is never used twice. It has no known range: this is a hash table. */
struct ids {
	pthread_mutex_t lock;
	uint64_t table[MAX_IDS];
	unsigned int bad;
};

struct play {
	uint64_t seed;
	int channel;
	int workers[MAX_WORKERS];
	unsigned int nr_workers, nr_readers, nr_repliers;
	struct reader readers[MAX_READERS];
	pthread_t repliers[MAX_REPLIERS];
	atomic_uint replier;
	struct vhost_backend_test_run runs[MAX_WORKERS];

	struct sequences sequences;
	struct tally tally;
	struct bell calls[VRINGS], errs[VRINGS], config;
	struct desk desk;
	struct ids ids;
	atomic_ulong replies, bad_replies, errors_sent;
};

static unsigned int choose(struct play *play, unsigned int from, unsigned int to)
{
	return from + next_random(&play->seed) % (to - from + 1);
}

static void note_id(struct ids *ids, uint64_t id)
{
	unsigned int at = id * 0x9e3779b97f4a7c15ULL >> 48;

	pthread_mutex_lock(&ids->lock);
	while (ids->table[at] && ids->table[at] != id)
		at = (at + 1) % MAX_IDS;
	ids->bad += !id || ids->table[at] == id;
	ids->table[at] = id;
	pthread_mutex_unlock(&ids->lock);
}

static void put_on_desk(struct desk *desk, const struct vhost_backend_msg *msg)
{
	pthread_mutex_lock(&desk->lock);
	desk->waiting[desk->count++ % ARRAY_SIZE(desk->waiting)] = *msg;
	pthread_cond_signal(&desk->news);
	pthread_mutex_unlock(&desk->lock);
}

/* Some of those that wait, chosen at random; 0: none will come any more. */
static unsigned int take_from_desk(struct desk *desk, uint64_t *seed,
				   struct vhost_backend_reply *replies,
				   unsigned int most)
{
	unsigned int taken = 0;

	pthread_mutex_lock(&desk->lock);
	while (!desk->count && !desk->closed)
		pthread_cond_wait(&desk->news, &desk->lock);
	while (desk->count && taken < most) {
		unsigned int at = next_random(seed) % desk->count;

		replies[taken++] = reply_to(&desk->waiting[at], 0);
		desk->waiting[at] = desk->waiting[--desk->count];
	}
	pthread_mutex_unlock(&desk->lock);
	return taken;
}

static void send_replies(struct play *play, struct vhost_backend_reply *replies,
			 unsigned int count, bool by_ioctl)
{
	ssize_t taken = 0;

	for (unsigned int n = 0; by_ioctl && n < count; n++)
		if (!try_ioctl(play->channel, VHOST_BACKEND_REPLY, &replies[n]))
			taken += sizeof(*replies);
	if (!by_ioctl)
		taken = write(play->channel, replies, count * sizeof(*replies));
	play->replies += count;
	if (taken != (ssize_t)(count * sizeof(*replies)))
		play->bad_replies++;
}

static void *replier_run(void *arg)
{
	struct play *play = arg;
	uint64_t seed = play->seed + 1000 + play->replier++;
	struct vhost_backend_reply replies[8];
	unsigned int count;

	while ((count = take_from_desk(&play->desk, &seed, replies,
				       1 + next_random(&seed) % 8))) {
		for (unsigned int n = 0; n < count; n++) {
			if (next_random(&seed) % 16)
				continue;
			replies[n].value = -EIO;
			play->errors_sent++;
		}
		pace(&seed);
		send_replies(play, replies, count, next_random(&seed) % 4 == 0);
	}
	return NULL;
}

static void hear(struct play *play, const struct message *message)
{
	switch (message->msg.request) {
	case VHOST_BACKEND_VRING_CALL:
		bell_hear(&play->calls[message->state.index % VRINGS]);
		break;
	case VHOST_BACKEND_VRING_ERR:
		bell_hear(&play->errs[message->state.index % VRINGS]);
		break;
	case VHOST_BACKEND_CONFIG_CHANGE_MSG:
		bell_hear(&play->config);
		break;
	}
}

static void play_message(void *arg, const struct message *message)
{
	struct play *play = arg;

	hear(play, message);
	sequences_message(&play->sequences, message);
	if (message->msg.flags & VHOST_BACKEND_MSG_NEED_REPLY) {
		note_id(&play->ids, message->msg.id);
		put_on_desk(&play->desk, &message->msg);
	}
	tally_message(&play->tally, message);
}

static void set_the_stage(struct __test_metadata *_metadata, struct play *play)
{
	struct vhost_backend_setup setup = {
		.nr_vrings = VRINGS,
		.ring_bytes = 4096 << choose(play, 0, 3),
		.max_inflight = choose(play, 1, 100),
	};

	pthread_mutex_init(&play->ids.lock, NULL);
	pthread_mutex_init(&play->desk.lock, NULL);
	pthread_cond_init(&play->desk.news, NULL);
	play->channel = channel_open_with(0, setup);
	ASSERT_LE(0, play->channel);
	play->nr_workers = choose(play, 1, MAX_WORKERS);
	play->nr_readers = choose(play, 1, MAX_READERS);
	play->nr_repliers = choose(play, 1, MAX_REPLIERS);
	play->sequences.workers = play->nr_workers;
	play->sequences.ordered = play->nr_readers == 1;
	for (unsigned int n = 0; n < play->nr_workers; n++) {
		play->workers[n] = worker_attach(play->channel, "player", n * 32, 32);
		ASSERT_LE(0, play->workers[n]);
	}
	TH_LOG("%u workers, %u readers, %u repliers, ring %u, slots %u",
	       play->nr_workers, play->nr_readers, play->nr_repliers,
	       setup.ring_bytes, setup.max_inflight);
}

static void start_all(struct __test_metadata *_metadata, struct play *play)
{
	unsigned int n, failed = 0;

	for (n = 0; n < play->nr_repliers; n++)
		failed += pthread_create(&play->repliers[n], NULL, replier_run, play) != 0;
	ASSERT_EQ(0U, failed);
	for (n = 0; n < play->nr_readers; n++) {
		play->readers[n] = (struct reader){
			.channel = play->channel,
			.how = choose(play, 0, READER_HOWS - 1),
			.bytes = choose(play, 0, 1) ? 56 + 8 * choose(play, 0, 8) :
						      READ_MAX,
			.fn = play_message, .arg = play,
		};
		ASSERT_EQ(0, reader_start(&play->readers[n]));
	}
	for (n = 0; n < play->nr_workers; n++) {
		play->runs[n] = (struct vhost_backend_test_run){
			.threads = choose(play, 1, 3), .count = choose(play, 200, 600),
			.mix = choose(play, 1, 255), .seed = next_random(&play->seed),
			.rate = choose(play, 0, 1) ? 0 : choose(play, 2000, 20000),
			.timeout_ms = 60000,
		};
		ASSERT_EQ(0, run_start(play->workers[n], play->runs[n]));
	}
}

/* What everybody raises once the threads have finished must be heard. */
static bool last_raises_heard(struct play *play)
{
	bool raised = true, heard;

	for (unsigned int n = 0; n < play->nr_workers * 32; n++) {
		play->calls[n].rung++;
		raised &= !raise_in(play->workers[n / 32], VHOST_BACKEND_VRING_CALL,
				    n % 32, n % 3);
		play->errs[n].rung++;
		raised &= !raise_in(play->workers[n / 32], VHOST_BACKEND_VRING_ERR,
				    n % 32, n % 3);
	}
	play->config.rung++;
	raised &= !raise_config(play->workers[0]);
	heard = wait_until(play->config.heard == play->config.rung);
	for (unsigned int n = 0; n < play->nr_workers * 32; n++)
		heard &= wait_until(play->calls[n].heard == play->calls[n].rung) &&
			 wait_until(play->errs[n].heard == play->errs[n].rung);
	return raised && heard;
}

static void stop_all(struct __test_metadata *_metadata, struct play *play)
{
	for (unsigned int n = 0; n < play->nr_workers; n++) {
		ASSERT_TRUE(run_finish(play->workers[n], &play->runs[n])) {
			TH_LOG("worker %u with mix %#x does not finish", n,
			       play->runs[n].mix);
		}
	}
	EXPECT_TRUE(last_raises_heard(play));
	EXPECT_TRUE(wait_until(channel_idle(play->channel)));
	EXPECT_EQ(0, readers_stop(play->readers, play->nr_readers));
	pthread_mutex_lock(&play->desk.lock);
	play->desk.closed = true;
	pthread_cond_broadcast(&play->desk.news);
	pthread_mutex_unlock(&play->desk.lock);
	for (unsigned int n = 0; n < play->nr_repliers; n++)
		pthread_join(play->repliers[n], NULL);
}

static void settle_accounts(struct __test_metadata *_metadata, struct play *play)
{
	struct vhost_backend_stats stats = channel_stats(play->channel);
	struct vhost_backend_test_run all = {};

	for (unsigned int n = 0; n < play->nr_workers; n++) {
		all.sends += play->runs[n].sends;
		all.requests += play->runs[n].requests;
		all.answered += play->runs[n].answered;
		all.failed += play->runs[n].failed;
		all.calls += play->runs[n].calls;
		all.errs += play->runs[n].errs;
		all.configs += play->runs[n].configs;
	}
	/* Messages without reply: each once, in order for a single reader. */
	EXPECT_EQ(all.sends, play->tally.sends);
	EXPECT_EQ(all.sends, play->sequences.seen);
	EXPECT_EQ(0U, sequences_wrong(&play->sequences));
	/* Requests: each delivered once, answered once, and so told. */
	EXPECT_EQ(all.requests, play->tally.requests);
	EXPECT_EQ(all.requests, play->replies);
	EXPECT_EQ(all.requests, all.answered + all.failed);
	EXPECT_EQ(play->errors_sent, all.failed);
	EXPECT_EQ(0U, play->bad_replies);
	EXPECT_EQ(0U, play->ids.bad);
	/* The channel's own accounts. */
	EXPECT_EQ(all.sends + all.requests, stats.requests_queued);
	EXPECT_EQ(stats.requests_queued, stats.requests_delivered);
	EXPECT_EQ(all.requests, stats.requests_answered);
	EXPECT_EQ(play->errors_sent, stats.requests_failed);
	EXPECT_EQ(0U, stats.requests_given_up + stats.requests_withdrawn);
	EXPECT_EQ(0U, stats.inflight + stats.waiting_bytes + stats.bad_replies);
	EXPECT_EQ(all.calls + all.errs + all.configs + 64 * play->nr_workers + 1,
		  stats.notifications_raised);
	EXPECT_EQ(tally_notifications(&play->tally), stats.notifications_delivered);
	EXPECT_EQ(stats.notifications_raised,
		  stats.notifications_merged + stats.notifications_delivered);
}

/* Each a play of its own, with another seed. */
FIXTURE(interleave) {
	struct play *play;
};

FIXTURE_VARIANT(interleave) {
	unsigned int number;
};

FIXTURE_VARIANT_ADD(interleave, one) {
	.number = 1,
};

FIXTURE_VARIANT_ADD(interleave, two) {
	.number = 2,
};

FIXTURE_VARIANT_ADD(interleave, three) {
	.number = 3,
};

FIXTURE_VARIANT_ADD(interleave, four) {
	.number = 4,
};

FIXTURE_VARIANT_ADD(interleave, five) {
	.number = 5,
};

FIXTURE_VARIANT_ADD(interleave, six) {
	.number = 6,
};

FIXTURE_SETUP(interleave)
{
	self->play = calloc(1, sizeof(*self->play));
	ASSERT_TRUE(!!self->play);
	self->play->seed = new_seed(_metadata->name) + variant->number;
	set_the_stage(_metadata, self->play);
}

FIXTURE_TEARDOWN(interleave)
{
	if (!self->play)
		return;
	for (unsigned int n = 0; n < self->play->nr_workers; n++)
		close(self->play->workers[n]);
	close(self->play->channel);
	free(self->play);
}

TEST_F_TIMEOUT(interleave, nothing_is_lost, 240)
{
	start_all(_metadata, self->play);
	stop_all(_metadata, self->play);
	settle_accounts(_metadata, self->play);
}

TEST_HARNESS_MAIN
