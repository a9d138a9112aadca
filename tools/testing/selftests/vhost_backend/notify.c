// SPDX-License-Identifier: GPL-2.0-only
/*
 * Notifications: merged, raised in every context and whatever the state of the
 * ring, and the four promises: nothing lost, in order, not starved by requests,
 * and no request dropped.
 */
#include "../kselftest_harness.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "lib/bell.h"
#include "lib/channel.h"
#include "lib/message.h"
#include "lib/pair.h"
#include "lib/random.h"
#include "lib/reader.h"
#include "lib/run.h"
#include "lib/sequences.h"
#include "lib/skip.h"
#include "lib/tally.h"
#include "lib/wait.h"
#include "lib/waiter.h"
#include "lib/worker.h"

SKIP_WITHOUT_WORKER;

#define VRINGS		32768
#define RING_BYTES	4096

/* No more messages than these fit into the ring. */
#define RING_SENDS	(RING_BYTES / IOTLB_BYTES)

FIXTURE(notify) {
	struct pair pair;
	struct tally tally;
};

FIXTURE_SETUP(notify)
{
	struct vhost_backend_setup setup = {
		.nr_vrings = VRINGS, .ring_bytes = RING_BYTES, .max_inflight = 8,
	};

	ASSERT_EQ(0, pair_open(&self->pair, 0, setup));
}

FIXTURE_TEARDOWN(notify)
{
	pair_close(&self->pair);
}

/* Reads into as many bytes as given, and writes down what came, in order. */
struct entry {
	uint32_t request;
	uint64_t number;
};

struct journal {
	unsigned int count;
	struct entry entry[256];
};

static void write_down(void *arg, const struct message *message)
{
	struct journal *journal = arg;
	unsigned int at = journal->count++ % ARRAY_SIZE(journal->entry);

	journal->entry[at].request = message->msg.request;
	if (message->msg.request == VHOST_BACKEND_IOTLB_MSG)
		journal->entry[at].number = message->iotlb.uaddr;
	else if (message->msg.size == sizeof(message->state))
		journal->entry[at].number = message->state.index;
	else
		journal->entry[at].number = 0;
}

/* How many of its entries, up to the first that differs, are as @expected. */
static unsigned int as_expected(const struct journal *journal,
				const struct entry *expected)
{
	unsigned int at = 0;

	while (at < journal->count &&
	       journal->entry[at].request == expected[at].request &&
	       journal->entry[at].number == expected[at].number)
		at++;
	return at;
}

/* Where in the journal the first such message at or after @from is, or -1. */
static int found_at(const struct journal *journal, unsigned int from,
		    uint32_t request, uint64_t number)
{
	for (unsigned int at = from; at < journal->count; at++)
		if (journal->entry[at].request == request &&
		    journal->entry[at].number == number)
			return at;
	return -1;
}

TEST_F(notify, merged)
{
	struct vhost_backend_stats stats;

	for (int n = 0; n < 3; n++) {
		EXPECT_EQ(0, raise_call(self->pair.worker, 3));
		EXPECT_EQ(0, raise_err(self->pair.worker, 3));
		EXPECT_EQ(0, raise_config(self->pair.worker));
	}
	EXPECT_EQ(3, drain(self->pair.channel, READ_MAX, tally_message, &self->tally));
	EXPECT_EQ(1U, self->tally.calls);
	EXPECT_EQ(1U, self->tally.errs);
	EXPECT_EQ(1U, self->tally.configs);
	stats = channel_stats(self->pair.channel);
	EXPECT_EQ(9U, stats.notifications_raised);
	EXPECT_EQ(6U, stats.notifications_merged);
	EXPECT_EQ(3U, stats.notifications_delivered);

	/* What was delivered merges with nothing. */
	EXPECT_EQ(0, raise_call(self->pair.worker, 3));
	EXPECT_EQ(1, drain(self->pair.channel, READ_MAX, tally_message, &self->tally));
	EXPECT_EQ(2U, self->tally.calls);
}

TEST_F(notify, every_context)
{
	static const uint32_t kinds[] = {
		VHOST_BACKEND_VRING_CALL, VHOST_BACKEND_VRING_ERR,
		VHOST_BACKEND_CONFIG_CHANGE_MSG,
	};
	struct message message;

	for (unsigned int n = 0; n < 9; n++) {
		uint32_t request = kinds[n / 3];
		bool config = request == VHOST_BACKEND_CONFIG_CHANGE_MSG;

		ASSERT_EQ(0, raise_in(self->pair.worker, request, 40 + n, n % 3));
		ASSERT_EQ(config ? 24 : 32, channel_read(self->pair.channel, &message));
		EXPECT_EQ(request, message.msg.request);
		EXPECT_EQ(0U + VHOST_BACKEND_MSG_VERSION, message.msg.flags);
		EXPECT_EQ(config ? 0U : 8U, message.msg.size);
		EXPECT_EQ(VHOST_BACKEND_FD_NONE, message.msg.fd);
		EXPECT_EQ(0U, message.msg.id);
		if (!config) {
			EXPECT_EQ(40 + n, message.state.index);
			EXPECT_EQ(0U, message.state.num);
		}
	}
}

/* Numbers around the ends of words of bits, and of words of words. */
static const uint32_t edges[] = {
	0, 1, 31, 32, 62, 63, 64, 65, 4094, 4095, 4096, 4097, 8191, 8192,
	32703, 32704, 32766, 32767,
};

TEST_F(notify, word_boundaries)
{
	struct journal journal = {};
	unsigned int count = ARRAY_SIZE(edges);

	for (unsigned int n = count; n--; ) {
		ASSERT_EQ(0, raise_call(self->pair.worker, edges[n]));
		ASSERT_EQ(0, raise_err(self->pair.worker, edges[n]));
	}
	EXPECT_EQ(-ERANGE, raise_call(self->pair.worker, VRINGS));
	EXPECT_EQ(-ERANGE, raise_err(self->pair.worker, VRINGS));

	ASSERT_EQ(2 * (int)count,
		  drain(self->pair.channel, READ_MAX, write_down, &journal));
	for (unsigned int n = 0; n < count; n++) {
		EXPECT_EQ(0U + VHOST_BACKEND_VRING_CALL, journal.entry[n].request);
		EXPECT_EQ(edges[n], journal.entry[n].number);
		EXPECT_EQ(0U + VHOST_BACKEND_VRING_ERR, journal.entry[count + n].request);
		EXPECT_EQ(edges[n], journal.entry[count + n].number);
	}
}

/* Each alone, so that no other bit of its word or of the summary helps it. */
TEST_F(notify, word_boundaries_alone)
{
	for (unsigned int n = 0; n < ARRAY_SIZE(edges); n++) {
		struct journal journal = {};

		ASSERT_EQ(0, raise_call(self->pair.worker, edges[n]));
		ASSERT_EQ(1, drain(self->pair.channel, 32, write_down, &journal));
		EXPECT_EQ(0, found_at(&journal, 0, VHOST_BACKEND_VRING_CALL, edges[n]));
		ASSERT_EQ(0, raise_err(self->pair.worker, edges[n]));
		ASSERT_EQ(1, drain(self->pair.channel, 32, write_down, &journal));
		EXPECT_EQ(1, found_at(&journal, 1, VHOST_BACKEND_VRING_ERR, edges[n]));
	}
}

struct counted {
	uint8_t call[VRINGS], err[VRINGS];
};

static void count_vring(void *arg, const struct message *message)
{
	struct counted *counted = arg;

	if (message->msg.request == VHOST_BACKEND_VRING_CALL)
		counted->call[message->state.index % VRINGS]++;
	else if (message->msg.request == VHOST_BACKEND_VRING_ERR)
		counted->err[message->state.index % VRINGS]++;
}

TEST_F_TIMEOUT(notify, all_vrings_at_once, 240)
{
	static struct counted counted;
	unsigned int wrong = 0;

	for (unsigned int n = 0; n < VRINGS; n++)
		wrong += raise_call(self->pair.worker, n) ||
			 (n % 7 == 0 && raise_err(self->pair.worker, n));
	ASSERT_EQ(0U, wrong);
	EXPECT_EQ(VRINGS + (VRINGS + 6) / 7,
		  drain(self->pair.channel, READ_MAX, count_vring, &counted));
	for (unsigned int n = 0; n < VRINGS; n++)
		wrong += counted.call[n] != 1 || counted.err[n] != (n % 7 == 0);
	EXPECT_EQ(0U, wrong);
}

/* Fills what is left of the ring; how many sends that took. */
static unsigned int fill_ring(struct __test_metadata *_metadata, int worker)
{
	unsigned int sends = 0;
	int err;

	while (!(err = send_iotlb(worker, 0, sends + 1)))
		sends++;
	EXPECT_EQ(-EAGAIN, err);
	return sends;
}

/* Fills the slots, then the ring; how many requests, and sends, that took. */
static void fill(struct __test_metadata *_metadata, int worker,
		 unsigned int *requests, unsigned int *sends)
{
	uint64_t cookie;
	int err;

	for (*requests = 0; !(err = unmap_async(worker, *requests, 0, &cookie)); )
		++*requests;
	EXPECT_EQ(-EAGAIN, err);
	*sends = fill_ring(_metadata, worker);
}

TEST_F(notify, raised_without_room)
{
	unsigned int requests, sends;
	int expected;

	fill(_metadata, self->pair.worker, &requests, &sends);
	EXPECT_EQ(8U, requests);
	EXPECT_LT(0U, sends);
	for (uint32_t context = 0; context < 3; context++) {
		EXPECT_EQ(0, raise_in(self->pair.worker, VHOST_BACKEND_VRING_CALL,
				      context, context));
		EXPECT_EQ(0, raise_in(self->pair.worker, VHOST_BACKEND_VRING_ERR,
				      context, context));
		EXPECT_EQ(0, raise_in(self->pair.worker,
				      VHOST_BACKEND_CONFIG_CHANGE_MSG, 0, context));
	}
	self->tally.channel = self->pair.channel;
	expected = requests + sends + 7;
	EXPECT_EQ(expected, drain(self->pair.channel, READ_MAX, tally_message,
				  &self->tally));
	EXPECT_EQ(requests, self->tally.requests);
	EXPECT_EQ(sends, self->tally.sends);
	EXPECT_EQ(3U, self->tally.calls);
	EXPECT_EQ(3U, self->tally.errs);
	EXPECT_EQ(1U, self->tally.configs);
	EXPECT_EQ(0U, self->tally.replies_refused);
}

/* The buffer takes one request at a time, and others are sent in between. */
TEST_F(notify, buffer_fills_in_mid_batch)
{
	static const struct entry expected[] = {
		{ VHOST_BACKEND_IOTLB_MSG, 1 },
		{ VHOST_BACKEND_IOTLB_MSG, 2 },
		{ VHOST_BACKEND_IOTLB_MSG, 3 },
		{ VHOST_BACKEND_CONFIG_CHANGE_MSG, 0 },
		{ VHOST_BACKEND_VRING_CALL, 5 },
		{ VHOST_BACKEND_VRING_ERR, 2 },
		{ VHOST_BACKEND_IOTLB_MSG, 4 },
		{ VHOST_BACKEND_VRING_CALL, 1 },
	};
	struct journal journal = {};
	int channel = self->pair.channel, worker = self->pair.worker;

	ASSERT_EQ(0, send_iotlb(worker, 0, 1));
	ASSERT_EQ(0, send_iotlb(worker, 0, 2));
	ASSERT_EQ(0, send_iotlb(worker, 0, 3));
	ASSERT_EQ(0, raise_call(worker, 5));
	ASSERT_EQ(0, raise_err(worker, 2));
	ASSERT_EQ(0, raise_config(worker));

	EXPECT_EQ(-EMSGSIZE, read_messages(channel, IOTLB_BYTES - 8, RWF_NOWAIT,
					   write_down, &journal));
	EXPECT_EQ(1, read_messages(channel, IOTLB_BYTES, RWF_NOWAIT, write_down,
				   &journal));
	ASSERT_EQ(0, send_iotlb(worker, 0, 4));
	ASSERT_EQ(0, raise_call(worker, 1));
	EXPECT_EQ(7, drain(channel, IOTLB_BYTES, write_down, &journal));

	ASSERT_EQ(ARRAY_SIZE(expected), journal.count);
	EXPECT_EQ(ARRAY_SIZE(expected), as_expected(&journal, expected));
}

/* What is raised again before its batch is through comes twice, in its order. */
TEST_F(notify, raised_again_in_mid_batch)
{
	static const struct entry expected[] = {
		{ VHOST_BACKEND_VRING_CALL, 1 },
		{ VHOST_BACKEND_VRING_CALL, 2 },
		{ VHOST_BACKEND_IOTLB_MSG, 1 },
		{ VHOST_BACKEND_VRING_CALL, 2 },
	};
	struct journal journal = {};
	int channel = self->pair.channel, worker = self->pair.worker;

	ASSERT_EQ(0, raise_call(worker, 1));
	ASSERT_EQ(0, raise_call(worker, 2));
	EXPECT_EQ(1, read_messages(channel, 32, RWF_NOWAIT, write_down,
				   &journal));
	ASSERT_EQ(0, send_iotlb(worker, 0, 1));
	ASSERT_EQ(0, raise_call(worker, 2));
	EXPECT_EQ(3, drain(channel, READ_MAX, write_down, &journal));
	ASSERT_EQ(ARRAY_SIZE(expected), journal.count);
	EXPECT_EQ(ARRAY_SIZE(expected), as_expected(&journal, expected));
}

static bool raise_five(int worker)
{
	return !raise_call(worker, 0) && !raise_call(worker, 64) &&
	       !raise_err(worker, 0) && !raise_err(worker, VRINGS - 1) &&
	       !raise_config(worker);
}

/*
 * A batch of two requests and five notifications is read message by message; at
 * every boundary in turn, all the notifications are raised again: each must be
 * delivered once more after that.
 */
TEST_F(notify, raised_again_at_every_boundary)
{
	int worker = self->pair.worker, channel = self->pair.channel;

	for (unsigned int boundary = 0; boundary <= 7; boundary++) {
		struct journal journal = {};

		ASSERT_EQ(0, send_iotlb(worker, 0, 1));
		ASSERT_EQ(0, send_iotlb(worker, 0, 2));
		ASSERT_TRUE(raise_five(worker));
		for (unsigned int n = 0; n < boundary; n++) {
			ASSERT_EQ(1, read_messages(channel, n < 2 ? IOTLB_BYTES : 32,
						   RWF_NOWAIT, write_down, &journal));
		}
		ASSERT_TRUE(raise_five(worker));
		ASSERT_LT(0, drain(channel, 64, write_down, &journal));
		EXPECT_LE(0, found_at(&journal, boundary, VHOST_BACKEND_VRING_CALL, 0));
		EXPECT_LE(0, found_at(&journal, boundary, VHOST_BACKEND_VRING_CALL, 64));
		EXPECT_LE(0, found_at(&journal, boundary, VHOST_BACKEND_VRING_ERR, 0));
		EXPECT_LE(0, found_at(&journal, boundary, VHOST_BACKEND_VRING_ERR,
				      VRINGS - 1));
		EXPECT_LE(0, found_at(&journal, boundary,
				      VHOST_BACKEND_CONFIG_CHANGE_MSG, 0));
		EXPECT_TRUE(channel_idle(channel));
	}
}

/*
 * A second worker floods, in kernel threads, while each of four threads here
 * rings for somebody to come: if nobody does, something was lost. Each rings a
 * vring whose bit is alone in its word, where no other raise can rescue it.
 */
#define RINGERS	4
#define APART	64

struct flooded {
	int channel;
	int worker;
	int flooder;
};

FIXTURE(loss) {
	struct flooded flooded;
};

FIXTURE_SETUP(loss)
{
	struct vhost_backend_setup setup = { .nr_vrings = 2 * RINGERS * APART };
	struct flooded *flooded = &self->flooded;

	flooded->channel = channel_open_with(0, setup);
	ASSERT_LE(0, flooded->channel);
	flooded->worker = worker_attach(flooded->channel, "ringers", 0,
					RINGERS * APART);
	ASSERT_LE(0, flooded->worker);
	flooded->flooder = worker_attach(flooded->channel, "flooder",
					 RINGERS * APART, RINGERS * APART);
	ASSERT_LE(0, flooded->flooder);
}

FIXTURE_TEARDOWN(loss)
{
	close(self->flooded.flooder);
	close(self->flooded.worker);
	close(self->flooded.channel);
}

struct ears {
	struct tally tally;
	struct bell bells[RINGERS];
};

static void count_and_hear(void *arg, const struct message *message)
{
	struct ears *ears = arg;
	const struct vhost_backend_msg *msg = &message->msg;

	tally_message(&ears->tally, message);
	if (msg->request == VHOST_BACKEND_VRING_CALL &&
	    message->state.index < RINGERS * APART)
		bell_hear(&ears->bells[message->state.index / APART]);
}

/* How often each was raised, and delivered, as both ends have counted. */
static void compare_accounts(struct __test_metadata *_metadata,
			     const struct flooded *flooded, struct ears *ears)
{
	struct vhost_backend_test_run run = run_report(flooded->flooder);
	struct vhost_backend_stats stats = channel_stats(flooded->channel);
	uint64_t raised = run.calls + run.errs + run.configs;

	for (unsigned int n = 0; n < RINGERS; n++)
		raised += ears->bells[n].rung;
	EXPECT_EQ(raised, stats.notifications_raised);
	EXPECT_EQ(run.sends, ears->tally.sends);
	EXPECT_EQ(stats.notifications_delivered, tally_notifications(&ears->tally));
}

static void ring_amid_flood(struct __test_metadata *_metadata,
			    const struct flooded *flooded, enum reader_how how,
			    unsigned int nr_readers, size_t bytes)
{
	struct ears ears = {};
	struct ringer ringers[RINGERS] = {};
	struct reader readers[4] = {};
	uint64_t seed = new_seed(_metadata->name);
	struct vhost_backend_test_run run = {
		.threads = 2, .rate = 20000, .seed = seed,
		.mix = VHOST_BACKEND_TEST_MIX_CALL | VHOST_BACKEND_TEST_MIX_ERR |
		       VHOST_BACKEND_TEST_MIX_CONFIG | VHOST_BACKEND_TEST_MIX_SEND,
	};
	unsigned int rounds = 60;

	if (how == READER_BUSY) {
		rounds = 1500;
		run.threads = 1;
		run.rate = 0;
		run.mix = VHOST_BACKEND_TEST_MIX_CALL;
	}
	for (unsigned int n = 0; n < nr_readers; n++) {
		readers[n] = (struct reader){
			.channel = flooded->channel, .how = how, .bytes = bytes,
			.fn = count_and_hear, .arg = &ears,
		};
		ASSERT_EQ(0, reader_start(&readers[n]));
	}
	for (unsigned int n = 0; n < RINGERS; n++)
		ringers[n] = (struct ringer){
			.worker = flooded->worker, .bell = &ears.bells[n],
			.index = n * APART, .rounds = rounds, .seed = seed + n,
		};
	ASSERT_EQ(0, run_start(flooded->flooder, run));
	EXPECT_EQ(0U, ring_all(ringers, RINGERS));
	EXPECT_EQ(0, try_ioctl(flooded->flooder, VHOST_BACKEND_TEST_STOP, NULL));
	EXPECT_TRUE(wait_until(channel_idle(flooded->channel)));
	EXPECT_EQ(0, readers_stop(readers, nr_readers));
	compare_accounts(_metadata, flooded, &ears);
}

TEST_F_TIMEOUT(loss, reader_blocks, 120)
{
	ring_amid_flood(_metadata, &self->flooded, READER_BLOCKING, 1, READ_MAX);
}

TEST_F_TIMEOUT(loss, reader_polls_small_buffer, 120)
{
	ring_amid_flood(_metadata, &self->flooded, READER_LEVEL, 1, IOTLB_BYTES);
}

TEST_F_TIMEOUT(loss, reader_edge_triggered, 120)
{
	ring_amid_flood(_metadata, &self->flooded, READER_EDGE, 1, 200);
}

TEST_F_TIMEOUT(loss, many_readers, 120)
{
	ring_amid_flood(_metadata, &self->flooded, READER_BLOCKING, 3, 64);
}

/*
 * A reader that looks all the time, and always finds one vring of the flooder,
 * meets the others' raises at every point of its look.
 */
TEST_F_TIMEOUT(loss, reader_always_looks, 120)
{
	close(self->flooded.flooder);
	self->flooded.flooder = worker_attach(self->flooded.channel, "flooder",
					      RINGERS * APART, 1);
	ASSERT_LE(0, self->flooded.flooder);
	ring_amid_flood(_metadata, &self->flooded, READER_BUSY, 1, READ_MAX);
}

/*
 * Each of several senders queues a few messages, then raises its vring and
 * waits to be told: whoever is told of the vring has been told of the messages.
 */
#define SENDERS	4

struct sender {
	pthread_t thread;
	int worker;
	unsigned int index;
	unsigned int steps;
	uint64_t seed;
	atomic_ulong sent, seen;
	struct bell bell;
	bool failed;
};

struct order {
	struct sender sender[SENDERS];
	atomic_ulong too_early, out_of_order;
};

/* The shortest message without reply: 40 bytes. */
union marked_object {
	struct { uint32_t sender, number; uint8_t mark[8]; };
	struct vhost_backend_shared_object object;
};

static int send_object(int worker, uint32_t sender, uint32_t number)
{
	union marked_object object = {
		.sender = sender, .number = number, .mark = "ordered",
	};

	return send_plain(worker, VHOST_BACKEND_SHARED_OBJECT_ADD, &object,
			  sizeof(object), -1);
}

static void check_order(void *arg, const struct message *message)
{
	union marked_object object = { .object = message->object };
	struct order *order = arg;
	struct sender *sender;

	if (message->msg.request == VHOST_BACKEND_SHARED_OBJECT_ADD) {
		sender = &order->sender[object.sender % SENDERS];
		if (atomic_fetch_add(&sender->seen, 1) + 1 != object.number)
			order->out_of_order++;
	} else if (message->msg.request == VHOST_BACKEND_VRING_CALL &&
		   message->state.index < SENDERS) {
		sender = &order->sender[message->state.index];
		if (sender->seen < sender->sent)
			order->too_early++;
		bell_hear(&sender->bell);
	}
}

static bool queue_one(struct sender *sender)
{
	int err;
	bool ended = wait_until((err = send_object(sender->worker, sender->index,
						   sender->sent + 1)) != -EAGAIN);

	if (ended && !err)
		sender->sent++;
	return ended && !err;
}

static void *sender_run(void *arg)
{
	struct sender *sender = arg;
	struct bell *bell = &sender->bell;

	for (unsigned int n = 0; n < sender->steps && !sender->failed; n++) {
		pace(&sender->seed);
		for (unsigned int m = next_random(&sender->seed) % 3; m < 3; m++)
			sender->failed |= !queue_one(sender);
		bell->rung++;
		sender->failed |= raise_in(sender->worker, VHOST_BACKEND_VRING_CALL,
					   sender->index,
					   next_random(&sender->seed) % 3) != 0;
		sender->failed |= !wait_until(bell->heard >= bell->rung);
	}
	return NULL;
}

static void keep_order(struct __test_metadata *_metadata,
		       const struct pair *pair, const size_t *bytes,
		       unsigned int nr_readers)
{
	pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
	struct reader readers[4] = {};
	uint64_t seed = new_seed(_metadata->name);
	struct order order = {};
	unsigned int n;

	for (n = 0; n < nr_readers; n++) {
		readers[n] = (struct reader){
			.channel = pair->channel, .how = READER_LEVEL,
			.bytes = bytes[n], .fn = check_order, .arg = &order,
			.one_at_a_time = &one_at_a_time,
		};
		ASSERT_EQ(0, reader_start(&readers[n]));
	}
	for (n = 0; n < SENDERS; n++) {
		struct sender *sender = &order.sender[n];

		sender->worker = pair->worker;
		sender->index = n;
		sender->steps = 200;
		sender->seed = seed + n;
		ASSERT_EQ(0, pthread_create(&sender->thread, NULL, sender_run, sender));
	}
	for (n = 0; n < SENDERS; n++) {
		pthread_join(order.sender[n].thread, NULL);
		EXPECT_FALSE(order.sender[n].failed);
		EXPECT_EQ(order.sender[n].sent, order.sender[n].seen);
	}
	EXPECT_EQ(0, readers_stop(readers, nr_readers));
	EXPECT_EQ(0U, order.too_early);
	EXPECT_EQ(0U, order.out_of_order);
}

TEST_F_TIMEOUT(notify, order_small_buffer, 120)
{
	static const size_t bytes[] = { 40 };

	keep_order(_metadata, &self->pair, bytes, ARRAY_SIZE(bytes));
}

TEST_F_TIMEOUT(notify, order_several_readers, 120)
{
	static const size_t bytes[] = { 64, 40, READ_MAX, 56 };

	keep_order(_metadata, &self->pair, bytes, ARRAY_SIZE(bytes));
}

/*
 * A look that finds a bit in every word takes long to take them all. Meanwhile
 * a message is queued and then the very last bit set: a tail that was read
 * before does not have the message, and the batch would have the bit alone.
 */
#define LAST	(VRINGS - 1)

struct latecomer {
	int worker;
	atomic_uint go;
	atomic_bool stop;
	atomic_bool failed;
};

static void *latecomer_run(void *arg)
{
	struct latecomer *late = arg;

	for (unsigned int round = 1; !late->failed; round++) {
		/* Not wait_until(): that may sleep until the look is over. */
		while (late->go < round) {
			if (late->stop)
				return NULL;
			sched_yield();
		}
		late->failed = send_object(late->worker, 0, round) ||
			       raise_err(late->worker, LAST);
	}
	return NULL;
}

struct overtaking {
	unsigned int queued, raised, too_early;
};

static void check_overtaking(void *arg, const struct message *message)
{
	struct overtaking *seen = arg;

	if (message->msg.request == VHOST_BACKEND_SHARED_OBJECT_ADD) {
		seen->queued++;
	} else if (message->msg.request == VHOST_BACKEND_VRING_ERR &&
		   message->state.index == LAST) {
		seen->raised++;
		seen->too_early += seen->raised > seen->queued;
	}
}

TEST_F_TIMEOUT(notify, order_amid_a_look, 120)
{
	struct latecomer late = { .worker = self->pair.worker };
	uint64_t until = now_ms() + LIMIT_MS / 4;
	struct overtaking seen = {};
	unsigned int round = 0;
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, latecomer_run, &late));
	/* A slow machine does fewer. */
	while (round < 5 || (round < 200 && now_ms() < until)) {
		for (unsigned int vring = 0; vring < LAST; vring += 64) {
			ASSERT_EQ(0, raise_call(self->pair.worker, vring));
			ASSERT_EQ(0, raise_err(self->pair.worker, vring));
		}
		late.go = ++round;
		ASSERT_TRUE(wait_until(drain(self->pair.channel, READ_MAX,
					     check_overtaking, &seen) < 0 ||
				       late.failed || seen.raised == round));
	}
	late.stop = true;
	pthread_join(thread, NULL);
	EXPECT_FALSE(late.failed);
	EXPECT_EQ(round, seen.queued);
	EXPECT_EQ(round, seen.raised);
	EXPECT_EQ(0U, seen.too_early);
}

/*
 * Workers keep the ring full and the buffer takes one request. When a vring is
 * raised there is at worst one batch to finish and one to begin, of at most as
 * many requests as the ring holds.
 */
TEST_F_TIMEOUT(notify, not_starved, 120)
{
	struct vhost_backend_test_run run = {
		.threads = 3, .mix = VHOST_BACKEND_TEST_MIX_SEND_WAIT, .seed = 1,
		.timeout_ms = LIMIT_MS,
	};
	struct vhost_backend_stats stats;
	unsigned int worst = 0;

	ASSERT_EQ(0, run_start(self->pair.worker, run));
	ASSERT_TRUE(wait_until(channel_stats(self->pair.channel).waiting_bytes >
			       RING_BYTES / 2));
	for (unsigned int n = 0; n < 40; n++) {
		unsigned int requests = 0;
		struct message message = {};

		ASSERT_EQ(0, raise_in(self->pair.worker, VHOST_BACKEND_VRING_CALL,
				      n, n % 3));
		while (message.msg.request != VHOST_BACKEND_VRING_CALL) {
			ASSERT_LT(0, read(self->pair.channel, &message, IOTLB_BYTES));
			ASSERT_GT(100 * RING_SENDS, ++requests);
		}
		EXPECT_EQ(n, message.state.index);
		worst = requests > worst ? requests : worst;
	}
	EXPECT_GE(2 * RING_SENDS + 2, worst);

	/* The threads' last sends wait for room. */
	struct reader reader = {
		.channel = self->pair.channel, .bytes = READ_MAX,
		.fn = tally_message, .arg = &self->tally,
	};

	ASSERT_EQ(0, reader_start(&reader));
	EXPECT_EQ(0, try_ioctl(self->pair.worker, VHOST_BACKEND_TEST_STOP, NULL));
	EXPECT_TRUE(wait_until(channel_idle(self->pair.channel)));
	EXPECT_EQ(0, reader_stop(&reader));
	stats = channel_stats(self->pair.channel);
	EXPECT_EQ(stats.requests_queued, run_report(self->pair.worker).sends);
}

static void check_sequences(void *arg, const struct message *message)
{
	sequences_message(arg, message);
	ignore_message(NULL, message);
}

/* Threads that take a refusal for an answer, and threads that wait for room. */
static void drop_nothing(struct __test_metadata *_metadata,
			 const struct pair *pair, uint32_t mix, size_t bytes)
{
	static struct sequences sequences;
	struct reader reader = {
		.channel = pair->channel, .how = READER_EDGE, .bytes = bytes,
		.fn = check_sequences, .arg = &sequences,
	};
	struct vhost_backend_test_run run = {
		.threads = 4, .mix = mix, .count = 1500, .seed = 1,
		.timeout_ms = LIMIT_MS,
	};

	sequences.workers = 1;
	sequences.ordered = true;
	ASSERT_EQ(0, reader_start(&reader));
	ASSERT_EQ(0, run_start(pair->worker, run));
	EXPECT_TRUE(run_finish(pair->worker, &run));
	EXPECT_TRUE(wait_until(channel_idle(pair->channel)));
	EXPECT_EQ(0, reader_stop(&reader));
	EXPECT_LT(0U, run.sends);
	EXPECT_EQ(6000U, run.sends + run.refused);
	EXPECT_EQ(run.sends, sequences.seen);
	EXPECT_EQ(0U, sequences_wrong(&sequences));
	EXPECT_TRUE(mix == VHOST_BACKEND_TEST_MIX_SEND || !run.refused);
}

TEST_F_TIMEOUT(notify, no_request_dropped_refused, 120)
{
	drop_nothing(_metadata, &self->pair, VHOST_BACKEND_TEST_MIX_SEND, READ_MAX);
}

TEST_F_TIMEOUT(notify, no_request_dropped_waiting, 120)
{
	drop_nothing(_metadata, &self->pair, VHOST_BACKEND_TEST_MIX_SEND_WAIT, 64);
}

TEST_F_TIMEOUT(notify, wait_room, 60)
{
	uint64_t refused = channel_stats(self->pair.channel).refused_room;
	unsigned int requests, sends;
	struct waiter waiter = { .for_room = true };
	int expected;

	fill(_metadata, self->pair.worker, &requests, &sends);
	expected = requests + sends;
	EXPECT_EQ(refused + 2, channel_stats(self->pair.channel).refused_room);
	EXPECT_EQ(-ETIMEDOUT, try_ioctl(self->pair.worker,
					VHOST_BACKEND_TEST_WAIT_ROOM, (void *)30));
	ASSERT_EQ(0, waiter_start(&waiter, self->pair.worker));
	usleep(20000);
	EXPECT_FALSE(waiter.ended);
	self->tally.channel = self->pair.channel;
	EXPECT_EQ(expected, drain(self->pair.channel, READ_MAX, tally_message,
				  &self->tally));
	EXPECT_EQ(0, waiter_end(&waiter));
	EXPECT_EQ(0, send_iotlb(self->pair.worker, 0, 1));
	EXPECT_EQ(0, try_ioctl(self->pair.worker, VHOST_BACKEND_TEST_WAIT_ROOM,
			       (void *)30));
}

/* A request that waits goes in as soon as it fits, whether others would or not. */
TEST_F(notify, room_for_who_waits)
{
	int channel = self->pair.channel;
	unsigned int sends = fill_ring(_metadata, self->pair.worker);
	struct waiter waiter;

	ASSERT_EQ(0, unmap_wait_start(&waiter, self->pair.worker, 1, LIMIT_MS));
	usleep(20000);
	EXPECT_EQ(sends, channel_stats(channel).requests_queued);
	ASSERT_EQ(1, read_messages(channel, IOTLB_BYTES, RWF_NOWAIT, ignore_message, NULL));
	ASSERT_TRUE(wait_until(channel_stats(channel).requests_queued == sends + 1));
	self->tally.channel = channel;
	EXPECT_EQ((int)sends, drain(channel, READ_MAX, tally_message, &self->tally));
	EXPECT_EQ(0, waiter_end(&waiter));
}

/* Before each buffer of messages without reply, others have the time to send more. */
static void tally_slowly(void *arg, const struct message *message)
{
	struct tally *tally = arg;

	if (tally->sends % (VHOST_BACKEND_MSG_MAX / IOTLB_BYTES) == 0)
		usleep(5000);
	tally_message(tally, message);
}

/* Threads that do not wait take what room there is, and yet a request gets in. */
TEST_F_TIMEOUT(notify, request_amid_a_flood, 120)
{
	struct vhost_backend_test_run flood = {
		.threads = 2, .mix = VHOST_BACKEND_TEST_MIX_SEND, .seed = 1,
	};
	struct reader reader = {
		.channel = self->pair.channel, .bytes = VHOST_BACKEND_MSG_MAX,
		.fn = tally_slowly, .arg = &self->tally,
	};
	int asker = worker_attach(self->pair.channel, "asker", 0, 0);
	struct waiter waiter;

	ASSERT_LE(0, asker);
	self->tally.channel = self->pair.channel;
	ASSERT_EQ(0, reader_start(&reader));
	ASSERT_EQ(0, run_start(self->pair.worker, flood));
	for (unsigned int n = 0; n < 6; n++) {
		ASSERT_EQ(0, unmap_wait_start(&waiter, asker, n, LIMIT_MS / 4 * 3));
		ASSERT_EQ(0, waiter_end(&waiter)) TH_LOG("request %u", n);
	}
	EXPECT_EQ(0, try_ioctl(self->pair.worker, VHOST_BACKEND_TEST_STOP, NULL));
	EXPECT_EQ(0, reader_stop(&reader));
	close(asker);
}

TEST_HARNESS_MAIN
