// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit: putting requests in: slots and bytes, what takes them, and what is kept for
 * later.
 */
#include "inflight_test.h"
#include "../queue.c"

/* Without a slot or without room nothing is queued, and no reference taken. */
static void queue_refuses_without_room(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	struct waiter *waiters = new_waiters(test, NR_SLOTS);
	struct waiter *refused = new_waiters(test, 1);
	const struct sent with_file = { .file = t->file, .size = 256 };
	const struct sent waiting = { .waiter = refused };
	const struct sent plain = { .size = 256 };
	u64 ids[NR_SLOTS];
	int i;

	for (i = 0; i < NR_SLOTS; i++)
		ids[i] = send_waiting(test, &waiters[i], NULL);
	make_waiter(t, refused);
	KUNIT_EXPECT_EQ(test, send_request(t, &with_file), -EAGAIN);
	KUNIT_EXPECT_EQ(test, send_request(t, &waiting), -EAGAIN);
	KUNIT_EXPECT_FALSE(test, vhost_backend_inflight_has_room(&t->inflight));
	KUNIT_EXPECT_EQ(test, file_count(t->file), 1);
	/* What needs no slot still goes, until the ring is full. */
	fill_up(test, &plain);
	KUNIT_EXPECT_EQ(test, send_request(t, &plain), -EAGAIN);
	KUNIT_EXPECT_EQ(test, counted(t, requests_queued),
			NR_SLOTS + (RING_BYTES - NR_SLOTS * 24) / 280);

	for (i = 0; i < NR_SLOTS; i++)
		KUNIT_ASSERT_EQ(test, deliver_plain(t), ids[i]);
	KUNIT_EXPECT_EQ(test, answer(t, ids[2], 0), 0);
	/* A slot is free, the ring is not. */
	KUNIT_EXPECT_FALSE(test, vhost_backend_inflight_has_room(&t->inflight));
	KUNIT_EXPECT_EQ(test, send_request(t, &with_file), -EAGAIN);
	KUNIT_EXPECT_EQ(test, file_count(t->file), 1);
	KUNIT_EXPECT_EQ(test, refcount_read(&t->owner.callbacks), NR_SLOTS);
	deliver_everything(t);
	KUNIT_EXPECT_TRUE(test, vhost_backend_inflight_has_room(&t->inflight));
	KUNIT_EXPECT_EQ(test, send_request(t, &with_file), 0);
	deliver_plain(t);
	must_wait(test, refused);
	for (i = 0; i < NR_SLOTS; i++)
		KUNIT_EXPECT_EQ(test, answer(t, ids[i], 0), i == 2 ? -ENOENT : 0);
	must_be_idle(test);
}

/* A frontend that never reads: what was given up does not fill the ring. */
static void queue_finds_room_behind_the_dead(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	const struct sent plain = {};
	struct waiter *waiters = new_waiters(test, NR_SLOTS);
	int i, round;

	for (round = 0; round < 200; round++) {
		for (i = 0; i < NR_SLOTS; i++)
			send_waiting(test, &waiters[i], t->file);
		for (i = NR_SLOTS - 1; i >= 0; i--)
			vhost_backend_inflight_give_up(&t->inflight, &waiters[i].completion,
						       -ETIMEDOUT);
	}
	KUNIT_EXPECT_EQ(test, counted(t, requests_withdrawn), 200 * NR_SLOTS);
	KUNIT_EXPECT_EQ(test, send_request(t, &plain), 0);
	KUNIT_EXPECT_EQ(test, deliver_plain(t), 0);
	must_be_idle(test);
}

/* A full ring, whose oldest records nobody wants: behind one that is alive, they stay. */
static void fill_with_dead(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	struct waiter *waiter = new_waiters(test, 1);
	const struct sent plain = {};
	int i;

	must_send(test, &plain);
	for (i = 0; i < 100; i++) {
		send_waiting(test, waiter, NULL);
		vhost_backend_inflight_give_up(&t->inflight, &waiter->completion, -EINTR);
	}
	fill_up(test, &plain);
	KUNIT_ASSERT_EQ(test, deliver_plain(t), 0);
}

/*
 * Who finds the ring full frees 64 of them, which is enough, and no more, since
 * interrupts are off.
 */
static void queue_makes_room_by_a_send(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	const struct sent large = { .size = 256 };
	u64 consumer;

	fill_with_dead(test);
	consumer = t->inflight.ring.consumer;
	KUNIT_EXPECT_EQ(test, send_request(t, &large), 0);
	KUNIT_EXPECT_EQ(test, t->inflight.ring.consumer, consumer + 64 * 24);
	deliver_everything(t);
	must_be_idle(test);
}

static void queue_makes_room_by_a_reservation(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	u64 consumer;

	fill_with_dead(test);
	consumer = t->inflight.ring.consumer;
	KUNIT_EXPECT_EQ(test, vhost_backend_inflight_reserve(&t->inflight, 280), 0);
	KUNIT_EXPECT_EQ(test, t->inflight.ring.consumer, consumer + 64 * 24);
	vhost_backend_inflight_unreserve(&t->inflight, 280);
	deliver_everything(t);
	must_be_idle(test);
}

/* Nobody else gets reserved room, and the message that it is for always fits. */
static void queue_reserves(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	const struct sent large = { .size = 256 }, small = {}, reserved = { .size = 32 };
	u64 offset;

	for (offset = 0; offset < RING_BYTES; offset += 8) {
		inflight_start_at(t, offset);
		KUNIT_ASSERT_EQ(test, vhost_backend_inflight_reserve(&t->inflight, 56), 0);
		fill_up(test, &large);
		fill_up(test, &small);
		KUNIT_EXPECT_FALSE(test, vhost_backend_inflight_has_room(&t->inflight));
		/* It is built when it has come; here, what send_request() left */
		KUNIT_EXPECT_EQ(test, send_request(t, &reserved), -EAGAIN);
		KUNIT_ASSERT_EQ(test, vhost_backend_inflight_queue_reserved(&t->inflight,
									    &t->record, 56), 0);
		deliver_everything(t);
		KUNIT_ASSERT_EQ(test, t->inflight.ring.reserved, 0);
	}
	must_be_idle(test);
}

/* A reservation takes no slot: what it is for needs none. */
static void queue_reserves_without_a_slot(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	struct waiter *waiters = new_waiters(test, NR_SLOTS);
	int i;

	for (i = 0; i < NR_SLOTS; i++)
		send_waiting(test, &waiters[i], NULL);
	KUNIT_EXPECT_EQ(test, send_request(t, &(const struct sent){ .file = t->file }), -EAGAIN);
	KUNIT_ASSERT_EQ(test, vhost_backend_inflight_reserve(&t->inflight, 56), 0);
	KUNIT_EXPECT_EQ(test, send_request(t, &(const struct sent){ .size = 4096 }), -EAGAIN);
	t->record.msg.size = 32;
	KUNIT_EXPECT_EQ(test, vhost_backend_inflight_queue_reserved(&t->inflight, &t->record,
								    56), 0);
	deliver_everything(t);
	for (i = 0; i < NR_SLOTS; i++)
		KUNIT_EXPECT_EQ(test, answer(t, waiters[i].completion.id, 0), 0);
	must_be_idle(test);
}

/* A reservation that fails, or is given back, leaves nothing reserved. */
static void queue_is_given_room_back(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	const int most = RING_BYTES / VHOST_BACKEND_RING_NEED(280);
	int i;

	for (i = 0; i < 100; i++) {
		KUNIT_ASSERT_EQ(test, vhost_backend_inflight_reserve(&t->inflight, 280), 0);
		vhost_backend_inflight_unreserve(&t->inflight, 280);
	}
	for (i = 0; i < most; i++)
		KUNIT_ASSERT_EQ(test, vhost_backend_inflight_reserve(&t->inflight, 280), 0);
	KUNIT_EXPECT_EQ(test, vhost_backend_inflight_reserve(&t->inflight, 280), -EAGAIN);
	while (i--)
		vhost_backend_inflight_unreserve(&t->inflight, 280);
	must_be_idle(test);
	KUNIT_ASSERT_EQ(test, vhost_backend_inflight_reserve(&t->inflight, RING_BYTES / 2), 0);
	KUNIT_EXPECT_EQ(test, vhost_backend_inflight_reserve(&t->inflight, 8), -EAGAIN);
	vhost_backend_inflight_unreserve(&t->inflight, RING_BYTES / 2);
	must_be_idle(test);
}

static struct kunit_case queue_cases[] = {
	KUNIT_CASE(queue_refuses_without_room),
	KUNIT_CASE(queue_finds_room_behind_the_dead),
	KUNIT_CASE(queue_makes_room_by_a_send),
	KUNIT_CASE(queue_makes_room_by_a_reservation),
	KUNIT_CASE(queue_reserves),
	KUNIT_CASE(queue_reserves_without_a_slot),
	KUNIT_CASE(queue_is_given_room_back),
	{}
};

static struct kunit_suite queue_suite = {
	.name = "vhost_backend_queue",
	.init = inflight_test_init,
	.exit = inflight_test_exit,
	.test_cases = queue_cases,
};

kunit_test_suite(queue_suite);
