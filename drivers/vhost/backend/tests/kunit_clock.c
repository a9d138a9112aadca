// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit: the timer of a channel: that it fires for each deadline, and not after its end.
 */
#include <linux/jiffies.h>

#include "channel_test.h"
#include "../clock.c"

#define HOUR	(3600UL * HZ)
/* Only for a run that gets no further */
#define LIMIT	(60UL * HZ)

/* A worker that waits for the end of its request */
struct sleeper {
	struct vhost_backend_completion completion;
	struct completion ended;
	int error;
};

static void wake_sleeper(struct vhost_backend_completion *completion, int error, u64 value,
			 struct file *file)
{
	struct sleeper *sleeper = container_of(completion, struct sleeper, completion);

	sleeper->error = error;
	complete(&sleeper->ended);
}

static struct sleeper *new_sleepers(struct kunit *test, u32 nr)
{
	struct sleeper *sleepers = kunit_kcalloc(test, nr, sizeof(*sleepers), GFP_KERNEL);
	struct vhost_backend *be = new_backends(test, 1, NULL);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, sleepers);
	for (i = 0; i < nr; i++) {
		sleepers[i].completion.done = wake_sleeper;
		sleepers[i].completion.owner = &be->owner;
		init_completion(&sleepers[i].ended);
	}
	return sleepers;
}

/* Queues a request without payload, and has the timer know of it, as a sender does. */
static void send(struct kunit *test, struct sleeper *sleeper, unsigned long deadline)
{
	struct channel_test *t = test->priv;
	struct vhost_backend_record record = {
		.msg.request = VHOST_BACKEND_SHMEM_UNMAP,
		.payload = &record,
		.completion = &sleeper->completion,
		.deadline = deadline,
	};
	unsigned long flags;
	int err;

	raw_spin_lock_irqsave(&t->channel.inflight.lock, flags);
	err = vhost_backend_inflight_queue(&t->channel.inflight, &record);
	raw_spin_unlock_irqrestore(&t->channel.inflight.lock, flags);
	KUNIT_ASSERT_EQ(test, err, 0);
	vhost_backend_clock_expect(&t->channel, deadline);
}

static void must_expire(struct kunit *test, struct sleeper *sleeper, unsigned long deadline)
{
	KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&sleeper->ended, LIMIT), 0);
	KUNIT_EXPECT_EQ(test, sleeper->error, -ETIMEDOUT);
	KUNIT_EXPECT_TRUE(test, time_after_eq(jiffies, deadline));
}

static void must_wait(struct kunit *test, struct sleeper *sleeper)
{
	KUNIT_EXPECT_FALSE(test, completion_done(&sleeper->ended));
}

/* Each at its own deadline, though one timer serves all of them */
static void clock_fires_for_each(struct kunit *test)
{
	struct channel_test *t = test->priv;
	struct sleeper *sleepers = new_sleepers(test, 10);
	const unsigned long start = jiffies + 2;
	int i;

	/* The latest first: each brings the timer forward. */
	for (i = 9; i >= 0; i--)
		send(test, &sleepers[i], start + 3 * i);
	for (i = 0; i < 10; i++)
		must_expire(test, &sleepers[i], start + 3 * i);
	/* None is left, and it does not fire for nothing. */
	KUNIT_EXPECT_FALSE(test, del_timer_sync(&t->channel.timer));
}

/* What is due later waits, and the timer with it. */
static void clock_is_set_to_the_earliest(struct kunit *test)
{
	struct channel_test *t = test->priv;
	struct sleeper *sleepers = new_sleepers(test, 3);
	const unsigned long now = jiffies;

	send(test, &sleepers[0], now + 2 * HOUR);
	send(test, &sleepers[1], now + 1);
	send(test, &sleepers[2], now + HOUR);
	must_expire(test, &sleepers[1], now + 1);
	must_wait(test, &sleepers[0]);
	must_wait(test, &sleepers[2]);
	/* It sets itself again after done has returned. */
	while (!timer_pending(&t->channel.timer))
		cond_resched();
	KUNIT_EXPECT_TRUE(test, time_before_eq(t->channel.timer.expires, now + HOUR));
}

/* A fire that finds nothing, since the request ended before, does nothing. */
static void clock_fires_for_nothing(struct kunit *test)
{
	struct channel_test *t = test->priv;
	struct sleeper *sleepers = new_sleepers(test, 2);
	const unsigned long now = jiffies;

	vhost_backend_clock_expect(&t->channel, now + 1);
	send(test, &sleepers[0], now + HOUR);
	send(test, &sleepers[1], now + 3);
	must_expire(test, &sleepers[1], now + 3);
	must_wait(test, &sleepers[0]);
}

static int rooms;

static void count_room(void *private)
{
	rooms++;
	complete(private);
}

/* What expires in the ring makes room, and whoever waits for it is told. */
static void clock_makes_room(struct kunit *test)
{
	static const struct vhost_backend_ops ops = { .room = count_room };
	struct channel_test *t = test->priv;
	struct sleeper *sleeper = new_sleepers(test, 1);
	struct vhost_backend *be = new_backends(test, 1, &ops);
	DECLARE_COMPLETION_ONSTACK(told);
	unsigned long flags;

	rooms = 0;
	be->private = &told;
	raw_spin_lock_irqsave(&t->channel.inflight.lock, flags);
	vhost_backend_room_missed(be);
	raw_spin_unlock_irqrestore(&t->channel.inflight.lock, flags);
	send(test, sleeper, jiffies + 1);
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&told, LIMIT), 0);
	vhost_backend_clock_stop(&t->channel);
	irq_work_sync(&t->channel.room_work);
	KUNIT_EXPECT_EQ(test, rooms, 1);
	KUNIT_EXPECT_EQ(test, sleeper->error, -ETIMEDOUT);
}

/* After the end nothing expires, whatever was due. */
static void clock_stops(struct kunit *test)
{
	struct channel_test *t = test->priv;
	struct sleeper *sleepers = new_sleepers(test, 2);
	const unsigned long now = jiffies;

	send(test, &sleepers[0], now + HOUR);
	send(test, &sleepers[1], now + 2 * HOUR);
	KUNIT_EXPECT_TRUE(test, timer_pending(&t->channel.timer));
	vhost_backend_clock_stop(&t->channel);
	KUNIT_EXPECT_FALSE(test, timer_pending(&t->channel.timer));
	must_wait(test, &sleepers[0]);
	must_wait(test, &sleepers[1]);
}

static struct kunit_case clock_cases[] = {
	KUNIT_CASE(clock_fires_for_each),
	KUNIT_CASE(clock_is_set_to_the_earliest),
	KUNIT_CASE(clock_fires_for_nothing),
	KUNIT_CASE(clock_makes_room),
	KUNIT_CASE(clock_stops),
	{}
};

static struct kunit_suite clock_suite = {
	.name = "vhost_backend_clock",
	.init = channel_test_init,
	.exit = channel_test_exit,
	.test_cases = clock_cases,
};

kunit_test_suite(clock_suite);
