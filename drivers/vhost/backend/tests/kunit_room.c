// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit: backends that wait for room: who is called back, when, and how often.
 */
#include "channel_test.h"
#include "../room.c"

/* What a backend's driver noticed */
struct driver {
	struct vhost_backend *be;
	int calls;
	int turn;			/* the how many-th it was called, the last time */
	int fail;			/* so many times its next call fails again */
	bool locked;			/* it was called under the lock */
};

static int turns;

static void miss(struct vhost_backend *be)
{
	struct vhost_backend_inflight *inflight = &be->channel->inflight;
	unsigned long flags;

	raw_spin_lock_irqsave(&inflight->lock, flags);
	vhost_backend_room_missed(be);
	raw_spin_unlock_irqrestore(&inflight->lock, flags);
}

static void count_room(void *private)
{
	struct driver *driver = private;

	driver->calls++;
	driver->turn = ++turns;
	driver->locked = raw_spin_is_locked(&driver->be->channel->inflight.lock);
	if (driver->fail) {
		driver->fail--;
		miss(driver->be);
	}
}

static const struct vhost_backend_ops room_ops = { .room = count_room };

static struct driver *new_drivers(struct kunit *test, u32 nr)
{
	struct driver *drivers = kunit_kcalloc(test, nr, sizeof(*drivers), GFP_KERNEL);
	struct vhost_backend *backends = new_backends(test, nr, &room_ops);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, drivers);
	for (i = 0; i < nr; i++) {
		drivers[i].be = &backends[i];
		backends[i].private = &drivers[i];
	}
	turns = 0;
	return drivers;
}

static void free_room(struct kunit *test)
{
	struct channel_test *t = test->priv;

	vhost_backend_room_freed(&t->channel);
	irq_work_sync(&t->channel.room_work);
}

static void must_be_told(struct kunit *test, const struct driver *driver, int calls)
{
	KUNIT_EXPECT_EQ(test, driver->calls, calls);
	KUNIT_EXPECT_FALSE(test, driver->locked);
	KUNIT_EXPECT_EQ(test, refcount_read(&driver->be->owner.callbacks), 1);
}

/* Whoever failed is called once, however often it failed; the others are not. */
static void room_calls_whoever_failed(struct kunit *test)
{
	struct driver *drivers = new_drivers(test, 3);

	free_room(test);
	miss(drivers[2].be);
	miss(drivers[0].be);
	miss(drivers[2].be);
	must_be_told(test, &drivers[2], 0);
	free_room(test);
	must_be_told(test, &drivers[0], 1);
	must_be_told(test, &drivers[1], 0);
	must_be_told(test, &drivers[2], 1);
	KUNIT_EXPECT_LT(test, drivers[2].turn, drivers[0].turn);
	free_room(test);
	must_be_told(test, &drivers[0], 1);
	must_be_told(test, &drivers[2], 1);
}

/* One that fails again in its callback waits for the next time, and is not called for ever. */
static void room_waits_for_the_next_time(struct kunit *test)
{
	struct driver *driver = new_drivers(test, 1);
	int i;

	driver->fail = 5;
	miss(driver->be);
	for (i = 1; i <= 6; i++) {
		free_room(test);
		must_be_told(test, driver, i);
	}
	free_room(test);
	must_be_told(test, driver, 6);
}

/* One that is shut down is not called any more. */
static void room_forgets(struct kunit *test)
{
	struct channel_test *t = test->priv;
	struct driver *drivers = new_drivers(test, 2);
	unsigned long flags;

	miss(drivers[0].be);
	miss(drivers[1].be);
	raw_spin_lock_irqsave(&t->channel.inflight.lock, flags);
	vhost_backend_room_forget(drivers[0].be);
	raw_spin_unlock_irqrestore(&t->channel.inflight.lock, flags);
	free_room(test);
	must_be_told(test, &drivers[0], 0);
	must_be_told(test, &drivers[1], 1);
	KUNIT_EXPECT_TRUE(test, list_empty(&t->channel.room_backends));
}

/* More than are called at once: each of them, in the order in which they failed */
static void room_calls_many(struct kunit *test)
{
	struct driver *drivers = new_drivers(test, 200);
	int i;

	for (i = 0; i < 200; i++)
		miss(drivers[i].be);
	free_room(test);
	for (i = 0; i < 200; i++) {
		must_be_told(test, &drivers[i], 1);
		KUNIT_EXPECT_EQ(test, drivers[i].turn, i + 1);
	}
}

/* A driver need not have a callback, nor any. */
static void room_needs_no_callback(struct kunit *test)
{
	static const struct vhost_backend_ops no_room = {};
	struct channel_test *t = test->priv;

	miss(new_backends(test, 1, NULL));
	miss(new_backends(test, 1, &no_room));
	KUNIT_EXPECT_TRUE(test, list_empty(&t->channel.room_backends));
	free_room(test);
}

static int count_wakeup(wait_queue_entry_t *entry, unsigned int mode, int flags, void *key)
{
	(*(int *)entry->private)++;
	return 1;
}

/* All that sleep, for any of them may fit where another does not. */
static void room_wakes_whoever_sleeps(struct kunit *test)
{
	struct channel_test *t = test->priv;
	wait_queue_entry_t entries[3];
	int woken = 0;
	int i;

	for (i = 0; i < 3; i++) {
		init_waitqueue_func_entry(&entries[i], count_wakeup);
		entries[i].private = &woken;
		add_wait_queue_exclusive(&t->channel.room_wait, &entries[i]);
	}
	free_room(test);
	for (i = 0; i < 3; i++)
		remove_wait_queue(&t->channel.room_wait, &entries[i]);
	KUNIT_EXPECT_EQ(test, woken, 3);
	free_room(test);
	KUNIT_EXPECT_EQ(test, woken, 3);
}

static struct kunit_case room_cases[] = {
	KUNIT_CASE(room_calls_whoever_failed),
	KUNIT_CASE(room_waits_for_the_next_time),
	KUNIT_CASE(room_forgets),
	KUNIT_CASE(room_calls_many),
	KUNIT_CASE(room_needs_no_callback),
	KUNIT_CASE(room_wakes_whoever_sleeps),
	{}
};

static struct kunit_suite room_suite = {
	.name = "vhost_backend_room",
	.init = channel_test_init,
	.exit = channel_test_exit,
	.test_cases = room_cases,
};

kunit_test_suite(room_suite);
