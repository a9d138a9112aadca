// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit: sleeping frontends: when there is something, who is woken, and from where.
 */
#include <linux/poll.h>

#include "channel_test.h"
#include "../wake.c"

/* One that sleeps on the channel, and what woke it */
struct sleeper {
	wait_queue_entry_t entry;
	int woken;
	bool in_interrupt;		/* the last time */
	__poll_t events;		/* likewise */
};

static int count_wakeup(wait_queue_entry_t *entry, unsigned int mode, int flags, void *key)
{
	struct sleeper *sleeper = container_of(entry, struct sleeper, entry);

	sleeper->woken++;
	sleeper->in_interrupt = in_hardirq();
	sleeper->events = key_to_poll(key);
	return 1;
}

static struct sleeper *new_sleepers(struct kunit *test, u32 nr)
{
	struct channel_test *t = test->priv;
	struct sleeper *sleepers = kunit_kcalloc(test, nr, sizeof(*sleepers), GFP_KERNEL);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, sleepers);
	for (i = 0; i < nr; i++) {
		init_waitqueue_func_entry(&sleepers[i].entry, count_wakeup);
		add_wait_queue_exclusive(&t->channel.frontend_wait, &sleepers[i].entry);
	}
	return sleepers;
}

static void raise_call(struct channel_test *t, u32 vring, bool foreign)
{
	vhost_backend_channel_raise(&t->channel, VHOST_BACKEND_VRING_CALL, vring, foreign);
}

static u64 count_of(const struct channel_test *t, size_t offset)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += *(u64 *)((void *)per_cpu_ptr(t->channel.counters, cpu) + offset);
	return sum;
}

#define counted(t, counter) count_of(t, offsetof(struct vhost_backend_stats, counter))

/* Who asks is told yes, both ways of asking, and the doorbell stays as it is. */
static void must_have_something(struct kunit *test, bool rung)
{
	struct channel_test *t = test->priv;

	KUNIT_EXPECT_FALSE(test, vhost_backend_channel_is_quiet(&t->channel));
	KUNIT_EXPECT_TRUE(test, vhost_backend_channel_has_something(&t->channel));
	KUNIT_EXPECT_EQ(test, t->ctl.doorbell, rung);
}

static void must_be_quiet(struct kunit *test)
{
	struct channel_test *t = test->priv;

	KUNIT_EXPECT_TRUE(test, vhost_backend_channel_is_quiet(&t->channel));
	KUNIT_EXPECT_FALSE(test, vhost_backend_channel_has_something(&t->channel));
	KUNIT_EXPECT_EQ(test, t->ctl.doorbell, 0);
}

/* A request, a notification of each kind, or the rest of a batch: with and without bell */
static void wake_finds_whatever_there_is(struct kunit *test)
{
	struct channel_test *t = test->priv;
	struct vhost_backend_notify *notify = &t->channel.notify;
	u32 rung;

	must_be_quiet(test);
	for (rung = 0; rung < 2; rung++) {
		t->ctl.doorbell = rung;
		t->channel.inflight.ring.live = 1;
		must_have_something(test, rung);
		t->channel.inflight.ring.live = 0;

		t->channel.batch.pending = 1;
		must_have_something(test, rung);
		t->channel.batch.pending = 0;

		t->ctl.config_pending = 1;
		must_have_something(test, rung);
		t->ctl.config_pending = 0;

		notify->call.summary[0] = 1;
		notify->call.words[0] = BIT(63);
		must_have_something(test, rung);
		/* A summary may be ahead of its words. */
		notify->call.words[0] = 0;
		notify->err.summary[0] = BIT(1);
		notify->err.words[1] = 1;
		must_have_something(test, rung);
		notify->err.words[1] = 0;
		/* Nothing is left, and the doorbell is cleared for the next. */
		KUNIT_EXPECT_EQ(test, vhost_backend_channel_is_quiet(&t->channel), !rung);
		KUNIT_EXPECT_FALSE(test, vhost_backend_channel_has_something(&t->channel));
		must_be_quiet(test);
	}
}

/* Rung for something that is gone: only who is about to sleep may clear it. */
static void wake_clears_a_stale_doorbell(struct kunit *test)
{
	struct channel_test *t = test->priv;
	struct sleeper *sleeper = new_sleepers(test, 1);

	vhost_backend_channel_announce(&t->channel);
	KUNIT_EXPECT_EQ(test, sleeper->woken, 1);
	KUNIT_EXPECT_FALSE(test, vhost_backend_channel_is_quiet(&t->channel));
	KUNIT_EXPECT_EQ(test, t->ctl.doorbell, 1);
	vhost_backend_channel_announce(&t->channel);
	KUNIT_EXPECT_EQ(test, sleeper->woken, 1);
	KUNIT_EXPECT_FALSE(test, vhost_backend_channel_has_something(&t->channel));
	must_be_quiet(test);
	vhost_backend_channel_announce(&t->channel);
	KUNIT_EXPECT_EQ(test, sleeper->woken, 2);
}

/* Every sleeper, exclusive or not, once for each time that the doorbell goes 0 -> 1 */
static void wake_wakes_everybody_once(struct kunit *test)
{
	struct channel_test *t = test->priv;
	struct sleeper *sleepers = new_sleepers(test, 3);
	int i;

	raise_call(t, 5, false);
	raise_call(t, 6, false);
	raise_call(t, 5, false);
	vhost_backend_channel_announce(&t->channel);
	for (i = 0; i < 3; i++) {
		KUNIT_EXPECT_EQ(test, sleepers[i].woken, 1);
		KUNIT_EXPECT_EQ(test, sleepers[i].events, EPOLLIN | EPOLLRDNORM);
		KUNIT_EXPECT_FALSE(test, sleepers[i].in_interrupt);
	}
	vhost_backend_notify_hush(&t->channel.notify);
	raise_call(t, 7, false);
	KUNIT_EXPECT_EQ(test, sleepers[2].woken, 2);
	KUNIT_EXPECT_EQ(test, counted(t, wakeups), 2);
	KUNIT_EXPECT_EQ(test, counted(t, notifications_raised), 4);
	KUNIT_EXPECT_EQ(test, counted(t, notifications_merged), 1);
}

static void wake_wakes_nobody_who_is_awake(struct kunit *test)
{
	struct channel_test *t = test->priv;

	raise_call(t, 5, false);
	vhost_backend_notify_hush(&t->channel.notify);
	raise_call(t, 6, true);
	KUNIT_EXPECT_EQ(test, counted(t, wakeups), 0);
	KUNIT_EXPECT_FALSE(test, irq_work_is_busy(&t->channel.wake_work));
}

/* Inside another wait queue's lock, or with interrupts off, it is left to an interrupt. */
static void wake_is_left_to_an_interrupt(struct kunit *test)
{
	struct channel_test *t = test->priv;
	struct sleeper *sleeper = new_sleepers(test, 1);
	wait_queue_head_t foreign;
	unsigned long flags;

	init_waitqueue_head(&foreign);
	spin_lock_irqsave(&foreign.lock, flags);
	raise_call(t, 1, true);
	KUNIT_EXPECT_EQ(test, sleeper->woken, 0);
	spin_unlock_irqrestore(&foreign.lock, flags);
	irq_work_sync(&t->channel.wake_work);
	KUNIT_EXPECT_EQ(test, sleeper->woken, 1);
	KUNIT_EXPECT_TRUE(test, sleeper->in_interrupt);

	/* With interrupts on too: only the caller knows that it is inside such a lock. */
	vhost_backend_notify_hush(&t->channel.notify);
	raise_call(t, 2, true);
	irq_work_sync(&t->channel.wake_work);
	KUNIT_EXPECT_EQ(test, sleeper->woken, 2);
	KUNIT_EXPECT_TRUE(test, sleeper->in_interrupt);

	vhost_backend_notify_hush(&t->channel.notify);
	local_irq_disable();
	vhost_backend_channel_announce(&t->channel);
	KUNIT_EXPECT_EQ(test, sleeper->woken, 2);
	local_irq_enable();
	irq_work_sync(&t->channel.wake_work);
	KUNIT_EXPECT_EQ(test, sleeper->woken, 3);
}

static struct kunit_case wake_cases[] = {
	KUNIT_CASE(wake_finds_whatever_there_is),
	KUNIT_CASE(wake_clears_a_stale_doorbell),
	KUNIT_CASE(wake_wakes_everybody_once),
	KUNIT_CASE(wake_wakes_nobody_who_is_awake),
	KUNIT_CASE(wake_is_left_to_an_interrupt),
	{}
};

static struct kunit_suite wake_suite = {
	.name = "vhost_backend_wake",
	.init = channel_test_init,
	.exit = channel_test_exit,
	.test_cases = wake_cases,
};

kunit_test_suite(wake_suite);
