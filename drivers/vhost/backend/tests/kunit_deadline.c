// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit: deadlines. This copy of reply.c has a clock that can be stopped, and counts how
 * often it looks at a deadline.
 */
#include <linux/jiffies.h>
#include <linux/prandom.h>
#include <linux/sizes.h>

#include "inflight_test.h"

static const unsigned long *stopped_clock;
static u32 looks;

static bool is_due(unsigned long now, unsigned long deadline)
{
	looks++;
	return (long)(now - deadline) >= 0;
}

#undef time_after_eq
#define time_after_eq(now, deadline)	is_due(now, deadline)
#define jiffies				(stopped_clock ? *stopped_clock : jiffies)

#include "../reply.c"

/* Only what is over its time is given up; the earliest deadline left is told. */
static void deadline_is_over_when_it_is_due(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	const unsigned long soon = jiffies + HOUR, later = soon + HOUR;
	struct waiter *over = new_waiters(test, 1);
	struct waiter *first = new_waiters(test, 1);
	struct waiter *second = new_waiters(test, 1);
	const struct sent sent[] = {
		{ .waiter = second, .deadline = later },
		{ .waiter = over, .deadline = jiffies - 1 },
		{ .waiter = first, .deadline = soon },
		{ .file = t->file, .deadline = jiffies - 1 },	/* nobody waits */
	};
	unsigned long next = 0;
	int i;

	KUNIT_EXPECT_FALSE(test, vhost_backend_inflight_expire(&t->inflight, &next));
	make_waiter(t, over);
	make_waiter(t, first);
	make_waiter(t, second);
	for (i = 0; i < ARRAY_SIZE(sent); i++)
		must_send(test, &sent[i]);
	KUNIT_EXPECT_TRUE(test, vhost_backend_inflight_expire(&t->inflight, &next));
	KUNIT_EXPECT_EQ(test, next, soon);
	must_have_ended(test, over, -ETIMEDOUT);
	must_wait(test, first);
	must_wait(test, second);

	vhost_backend_inflight_give_up(&t->inflight, &first->completion, -EINTR);
	KUNIT_EXPECT_TRUE(test, vhost_backend_inflight_expire(&t->inflight, &next));
	KUNIT_EXPECT_EQ(test, next, later);
	vhost_backend_inflight_give_up(&t->inflight, &second->completion, -EINTR);
	KUNIT_EXPECT_FALSE(test, vhost_backend_inflight_expire(&t->inflight, &next));
	must_have_ended(test, over, -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, counted(t, requests_given_up), 3);

	/* The one that nobody waits for has no time-out. */
	KUNIT_EXPECT_EQ(test, deliver_plain(t), t->record.msg.id);
	must_be_idle(test);
}

/* A deadline is over when it is reached, also where the clock wraps. */
static void deadline_is_compared_around_now(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	const unsigned long distances[] = { 0, 1, HOUR, MAX_JIFFY_OFFSET };
	struct waiter *waiter = new_waiters(test, 1);
	struct sent sent = { .waiter = waiter };
	unsigned long next;
	int i;

	for (i = 0; i < ARRAY_SIZE(distances); i++) {
		make_waiter(t, waiter);
		sent.deadline = jiffies - distances[i];
		must_send(test, &sent);
		KUNIT_EXPECT_FALSE(test, vhost_backend_inflight_expire(&t->inflight, &next));
		must_have_ended(test, waiter, -ETIMEDOUT);
	}
	make_waiter(t, waiter);
	sent.deadline = jiffies + MAX_JIFFY_OFFSET;
	must_send(test, &sent);
	KUNIT_EXPECT_TRUE(test, vhost_backend_inflight_expire(&t->inflight, &next));
	KUNIT_EXPECT_EQ(test, next, sent.deadline);
	must_wait(test, waiter);
	vhost_backend_inflight_give_up(&t->inflight, &waiter->completion, -EINTR);
	must_be_idle(test);
}

/* Where a clock that is about to wrap stands, and some that are not */
struct clock_param {
	const char *name;
	unsigned long now;
};

static const struct clock_param clocks[] = {
	{ "0", 0 },
	{ "its end", -2000UL },
	{ "the middle", LONG_MAX - 2000UL },
	{ "the start", INITIAL_JIFFIES },
};

static void clock_desc(const struct clock_param *param, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "clock across %s", param->name);
}

KUNIT_ARRAY_PARAM(clock, clocks, clock_desc);

#define MANY	4096

/* In which order they are sent: each of 0 to MANY - 1 once */
static u32 *shuffled(struct kunit *test, u64 seed)
{
	u32 *order = kunit_kcalloc(test, MANY, sizeof(*order), GFP_KERNEL);
	struct rnd_state random;
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, order);
	prandom_seed_state(&random, seed);
	for (i = 0; i < MANY; i++) {
		u32 other = prandom_u32_state(&random) % (i + 1);

		order[i] = order[other];
		order[other] = i;
	}
	return order;
}

/* Sends MANY that are delivered, number i with the deadline @start + @apart * i. */
static struct waiter *send_many(struct kunit *test, unsigned long start, unsigned long apart)
{
	struct inflight_test *t = test->priv;
	u32 *order = shuffled(test, start + apart);
	struct waiter *waiters = new_waiters(test, MANY);
	u32 i;

	inflight_test_resize(test, RING_BYTES, MANY);
	for (i = 0; i < MANY; i++) {
		const struct sent sent = {
			.waiter = &waiters[order[i]],
			.deadline = start + apart * order[i],
			.at_zero = true,
		};

		must_send(test, &sent);
		KUNIT_ASSERT_EQ(test, deliver_plain(t), t->record.msg.id);
	}
	return waiters;
}

static void answer_all(struct kunit *test, struct waiter *waiters)
{
	struct inflight_test *t = test->priv;
	u32 i;

	for (i = 0; i < MANY; i++)
		KUNIT_ASSERT_EQ(test, answer(t, waiters[i].completion.id, 0), 0);
	must_be_idle(test);
}

static unsigned long deadline_of(const struct clock_param *param, u32 i)
{
	return param->now + i;
}

/* Queued in any order, they expire in that of their deadlines, each when it is due. */
static void deadline_comes_in_order(struct kunit *test)
{
	const struct clock_param *param = test->param_value;
	struct inflight_test *t = test->priv;
	unsigned long now = param->now, next = 0;
	struct waiter *waiters = send_many(test, param->now, 1);
	u32 i, due = 0;

	stopped_clock = &now;
	while (due < MANY) {
		bool left;

		/* The clock goes on by 0 to 299. */
		now += due * 7 % 300;
		for (; due < MANY && (long)(now - deadline_of(param, due)) >= 0;
		     due++)
			;
		left = vhost_backend_inflight_expire(&t->inflight, &next);
		KUNIT_ASSERT_EQ(test, t->ended, due);
		KUNIT_ASSERT_EQ(test, left, due < MANY);
		if (left)
			KUNIT_ASSERT_EQ(test, next, deadline_of(param, due));
		now += 1;
	}
	stopped_clock = NULL;
	for (i = 0; i < MANY; i++) {
		KUNIT_ASSERT_EQ(test, waiters[i].turn, i + 1);
		KUNIT_ASSERT_EQ(test, waiters[i].error, -ETIMEDOUT);
	}
	/* Late replies are accepted. */
	answer_all(test, waiters);
}

/* Equal ones in the order in which they were queued */
static void deadline_may_be_equal(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	const unsigned long deadline = jiffies - 1;
	struct waiter *waiters = new_waiters(test, 300);
	unsigned long next;
	int i;

	inflight_test_resize(test, SZ_64K, 512);
	for (i = 0; i < 300; i++)
		must_send(test, &(const struct sent){
			.waiter = &waiters[i], .deadline = deadline,
		});
	KUNIT_EXPECT_FALSE(test, vhost_backend_inflight_expire(&t->inflight, &next));
	for (i = 0; i < 300; i++) {
		must_have_ended(test, &waiters[i], -ETIMEDOUT);
		KUNIT_ASSERT_EQ(test, waiters[i].turn, i + 1);
		/* Some at a time: interrupts are off */
		KUNIT_ASSERT_EQ(test, waiters[i].waiting,
				max(300 - (i / VHOST_BACKEND_AT_ONCE + 1) * VHOST_BACKEND_AT_ONCE,
				    0));
	}
	must_be_idle(test);
}

/* What a fire costs depends on how many are due, not on how many wait. */
static void deadline_costs_what_is_due(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	unsigned long now = jiffies, next;
	struct waiter *waiters = send_many(test, now + 1, 1);
	const int steps[] = { 0, 1, 0, 3, 64, 65, 100, 0, 1 };
	int i;

	stopped_clock = &now;
	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		int ended = t->ended;

		now += steps[i];
		looks = 0;
		KUNIT_EXPECT_TRUE(test, vhost_backend_inflight_expire(&t->inflight, &next));
		KUNIT_EXPECT_EQ(test, t->ended, ended + steps[i]);
		KUNIT_EXPECT_LE(test, looks, steps[i] + 1 + steps[i] / VHOST_BACKEND_AT_ONCE);
		KUNIT_EXPECT_EQ(test, next, now + 1);
	}
	stopped_clock = NULL;
	answer_all(test, waiters);
}

/* One that ended otherwise, the earliest among them, is not found any more. */
static void deadline_ends_with_the_request(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	unsigned long now = jiffies, next;
	struct waiter *waiters = send_many(test, now, 1);
	int i;

	stopped_clock = &now;
	for (i = 0; i < MANY; i++) {
		if (i % 3 == 0)
			KUNIT_ASSERT_EQ(test, answer(t, waiters[i].completion.id, 0), 0);
		else if (i % 3 == 1)
			vhost_backend_inflight_give_up(&t->inflight, &waiters[i].completion,
						       -EINTR);
	}
	now += MANY;
	KUNIT_EXPECT_FALSE(test, vhost_backend_inflight_expire(&t->inflight, &next));
	stopped_clock = NULL;
	for (i = 0; i < MANY; i++)
		must_have_ended(test, &waiters[i],
				i % 3 == 0 ? 0 : i % 3 == 1 ? -EINTR : -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, t->ended, MANY);
	for (i = 0; i < MANY; i++)
		KUNIT_ASSERT_EQ(test, answer(t, waiters[i].completion.id, 0),
				i % 3 ? 0 : -ENOENT);
	must_be_idle(test);
}

static void deadline_test_exit(struct kunit *test)
{
	stopped_clock = NULL;
	inflight_test_exit(test);
}

static struct kunit_case deadline_cases[] = {
	KUNIT_CASE(deadline_is_over_when_it_is_due),
	KUNIT_CASE(deadline_is_compared_around_now),
	KUNIT_CASE_PARAM(deadline_comes_in_order, clock_gen_params),
	KUNIT_CASE(deadline_may_be_equal),
	KUNIT_CASE(deadline_costs_what_is_due),
	KUNIT_CASE(deadline_ends_with_the_request),
	{}
};

static struct kunit_suite deadline_suite = {
	.name = "vhost_backend_deadline",
	.init = inflight_test_init,
	.exit = deadline_test_exit,
	.test_cases = deadline_cases,
};

kunit_test_suite(deadline_suite);
