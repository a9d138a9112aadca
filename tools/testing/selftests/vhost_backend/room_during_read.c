// SPDX-License-Identifier: GPL-2.0-only
/* A read that takes long makes room while it goes on, and those who wait for room have it. */
#include "../kselftest_harness.h"

#include "lib/channel.h"
#include "lib/memory.h"
#include "lib/message.h"
#include "lib/pair.h"
#include "lib/skip.h"
#include "lib/stuck.h"
#include "lib/wait.h"
#include "lib/waiter.h"
#include "lib/worker.h"

SKIP_WITHOUT_WORKER;

FIXTURE(room_during_read) {
	struct pair pair;
	struct stuck stuck;
	unsigned int sent;
};

/* A ring of more than a page, full of messages that want no reply */
FIXTURE_SETUP(room_during_read)
{
	struct vhost_backend_setup setup = { .ring_bytes = 4 * PAGE };

	ASSERT_EQ(0, pair_open(&self->pair, O_NONBLOCK, setup));
	while (!send_iotlb(self->pair.worker, 0, self->sent + 1))
		self->sent++;
	ASSERT_LT(2 * PAGE / IOTLB_BYTES, self->sent);
}

FIXTURE_TEARDOWN(room_during_read)
{
	pair_close(&self->pair);
}

/* The first page of the reader's buffer is there, and the next is not. */
static bool get_stuck_late(struct stuck *stuck, int channel)
{
	return stuck_start_late(stuck, channel, PAGE, 2 * PAGE);
}

/* The worker sleeps in vhost_backend_wait_room(). */
TEST_F(room_during_read, worker_that_sleeps_goes_on)
{
	struct waiter waiter = { .for_room = true };

	ASSERT_EQ(0, waiter_start(&waiter, self->pair.worker));
	ASSERT_TRUE(waiter_sleeps(&waiter));
	ASSERT_TRUE(get_stuck_late(&self->stuck, self->pair.channel));
	EXPECT_EQ(0, waiter_end(&waiter));
	EXPECT_EQ(0, send_iotlb(self->pair.worker, 0, self->sent + 1));
	EXPECT_LT((ssize_t)PAGE, stuck_end(&self->stuck, true));
}

/* The page never comes: what lay before it was read all the same. */
TEST_F(room_during_read, read_that_fails_late)
{
	struct waiter waiter = { .for_room = true };

	ASSERT_EQ(0, waiter_start(&waiter, self->pair.worker));
	ASSERT_TRUE(waiter_sleeps(&waiter));
	ASSERT_TRUE(get_stuck_late(&self->stuck, self->pair.channel));
	EXPECT_EQ(0, waiter_end(&waiter));
	EXPECT_EQ((ssize_t)(PAGE / IOTLB_BYTES * IOTLB_BYTES), stuck_end(&self->stuck, false));
}

TEST_HARNESS_MAIN
