// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit: room for requests in flight: slots and bytes, what holds them, what is kept
 * for later, and what a frontend needs for the next.
 */
#include "kunit_inflight.h"
#include "../queue.c"
#include "../claim.c"

/* Without a slot or without room nothing is queued, and no reference taken. */
static void room_is_refused(struct kunit *test)
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
	KUNIT_EXPECT_EQ(test, send(t, &with_file), -EAGAIN);
	KUNIT_EXPECT_EQ(test, send(t, &waiting), -EAGAIN);
	KUNIT_EXPECT_FALSE(test, vhost_backend_inflight_has_room(&t->inflight));
	KUNIT_EXPECT_EQ(test, file_count(t->file), 1);
	/* What needs no slot still goes, until the ring is full. */
	fill(test, &plain);
	KUNIT_EXPECT_EQ(test, send(t, &plain), -EAGAIN);
	KUNIT_EXPECT_EQ(test, counted(t, requests_queued),
			NR_SLOTS + (RING_BYTES - NR_SLOTS * 24) / 280);

	for (i = 0; i < NR_SLOTS; i++)
		KUNIT_ASSERT_EQ(test, deliver(t, false), ids[i]);
	KUNIT_EXPECT_EQ(test, answer(t, ids[2], 0), 0);
	/* A slot is free, the ring is not. */
	KUNIT_EXPECT_FALSE(test, vhost_backend_inflight_has_room(&t->inflight));
	KUNIT_EXPECT_EQ(test, send(t, &with_file), -EAGAIN);
	KUNIT_EXPECT_EQ(test, file_count(t->file), 1);
	KUNIT_EXPECT_EQ(test, refcount_read(&t->be.owner.callbacks), NR_SLOTS);
	while (deliver(t, false) != ID_NONE)
		;
	KUNIT_EXPECT_TRUE(test, vhost_backend_inflight_has_room(&t->inflight));
	KUNIT_EXPECT_EQ(test, send(t, &with_file), 0);
	deliver(t, true);
	must_wait(test, refused);
	for (i = 0; i < NR_SLOTS; i++)
		KUNIT_EXPECT_EQ(test, answer(t, ids[i], 0), i == 2 ? -ENOENT : 0);
	must_be_idle(test);
}

/* A frontend that never reads: what was given up does not fill the ring. */
static void room_is_found_behind_the_dead(struct kunit *test)
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
	KUNIT_EXPECT_EQ(test, send(t, &plain), 0);
	KUNIT_EXPECT_EQ(test, deliver(t, false), 0);
	must_be_idle(test);
}

/* A full ring, whose oldest records nobody wants: behind one that is alive, they stay. */
static void fill_with_dead(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	struct waiter *waiter = new_waiters(test, 1);
	const struct sent plain = {};
	int i;

	KUNIT_ASSERT_EQ(test, send(t, &plain), 0);
	for (i = 0; i < 100; i++) {
		send_waiting(test, waiter, NULL);
		vhost_backend_inflight_give_up(&t->inflight, &waiter->completion, -EINTR);
	}
	fill(test, &plain);
	KUNIT_ASSERT_EQ(test, deliver(t, false), 0);
}

/*
 * Who finds the ring full frees 64 of them, which is enough, and no more, since
 * interrupts are off.
 */
static void room_is_made_by_a_send(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	const struct sent large = { .size = 256 };
	u64 consumer;

	fill_with_dead(test);
	consumer = t->inflight.ring.consumer;
	KUNIT_EXPECT_EQ(test, send(t, &large), 0);
	KUNIT_EXPECT_EQ(test, t->inflight.ring.consumer, consumer + 64 * 24);
	while (deliver(t, false) != ID_NONE)
		;
	must_be_idle(test);
}

static void room_is_made_by_a_reservation(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	u64 consumer;

	fill_with_dead(test);
	consumer = t->inflight.ring.consumer;
	KUNIT_EXPECT_EQ(test, vhost_backend_inflight_reserve(&t->inflight, 280), 0);
	KUNIT_EXPECT_EQ(test, t->inflight.ring.consumer, consumer + 64 * 24);
	vhost_backend_inflight_unreserve(&t->inflight, 280);
	while (deliver(t, false) != ID_NONE)
		;
	must_be_idle(test);
}

/* A reservation is a slot and room; nobody else gets them, and it always works. */
static void room_is_reserved(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	struct waiter *waiters = new_waiters(test, NR_SLOTS);
	const struct sent plain = { .size = 256 }, with_file = { .file = t->file };
	struct vhost_backend_submission submission = { .record = &t->record };
	int i;

	for (i = 0; i < NR_SLOTS - 1; i++)
		send_waiting(test, &waiters[i], NULL);
	KUNIT_ASSERT_EQ(test, vhost_backend_inflight_reserve(&t->inflight, 56), 0);
	KUNIT_EXPECT_EQ(test, vhost_backend_inflight_reserve(&t->inflight, 56), -EAGAIN);
	KUNIT_EXPECT_EQ(test, send(t, &with_file), -EAGAIN);
	KUNIT_EXPECT_FALSE(test, vhost_backend_inflight_has_room(&t->inflight));
	fill(test, &plain);

	make_waiter(t, &waiters[i]);
	submission.completion = &waiters[i].completion;
	submission.reply = true;
	submission.deadline = jiffies + HOUR;
	t->record.msg.request = VHOST_BACKEND_SHMEM_MAP;
	t->record.msg.size = 32;
	KUNIT_EXPECT_EQ(test, vhost_backend_inflight_queue_reserved(&t->inflight, &submission,
								    56), 0);
	KUNIT_EXPECT_EQ(test, t->inflight.nr_free, 0);
	while (deliver(t, false) != ID_NONE)
		;
	for (i = 0; i < NR_SLOTS; i++)
		KUNIT_EXPECT_EQ(test, answer(t, waiters[i].completion.id, 0), 0);
	must_be_idle(test);
}

/* A reservation that fails, or is given back, leaves nothing reserved. */
static void room_is_given_back(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	int i;

	for (i = 0; i < 100; i++) {
		KUNIT_ASSERT_EQ(test, vhost_backend_inflight_reserve(&t->inflight, 280), 0);
		vhost_backend_inflight_unreserve(&t->inflight, 280);
	}
	for (i = 0; i < NR_SLOTS; i++)
		KUNIT_ASSERT_EQ(test, vhost_backend_inflight_reserve(&t->inflight, 280), 0);
	KUNIT_EXPECT_EQ(test, vhost_backend_inflight_reserve(&t->inflight, 24), -EAGAIN);
	while (i--)
		vhost_backend_inflight_unreserve(&t->inflight, 280);
	must_be_idle(test);
	/* Slots, but not enough room */
	KUNIT_ASSERT_EQ(test, vhost_backend_inflight_reserve(&t->inflight, 2000), 0);
	KUNIT_EXPECT_EQ(test, vhost_backend_inflight_reserve(&t->inflight, 2000), -EAGAIN);
	vhost_backend_inflight_unreserve(&t->inflight, 2000);
	must_be_idle(test);
}

/* A buffer too small: it stays, whole, and is the next one again. */
static void room_in_the_buffer(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	const struct sent sent = { .size = 32 };
	struct vhost_backend_claim claimed;
	u32 space;

	KUNIT_ASSERT_EQ(test, send(t, &sent), 0);
	for (space = 0; space < 56; space += 8)
		KUNIT_EXPECT_EQ(test, claim_within(t, 56, space, true, &claimed), -EMSGSIZE);
	KUNIT_EXPECT_EQ(test, claim_within(t, 56, 56, true, &claimed), 1);
	vhost_backend_inflight_unclaim(&t->inflight, &claimed);
	KUNIT_EXPECT_EQ(test, claim_within(t, 0, 56, true, &claimed), 0);
	KUNIT_EXPECT_EQ(test, counted(t, requests_delivered), 0);
	KUNIT_EXPECT_EQ(test, deliver(t, false), 0);
	KUNIT_EXPECT_EQ(test, counted(t, requests_delivered), 1);
	must_be_idle(test);
}

/* The number of slots: from one to the most, all of them can be had at once. */
struct slots_param {
	u32 nr;
};

static const struct slots_param slot_numbers[] = {
	{ 1 }, { 2 }, { 64 }, { VHOST_BACKEND_INFLIGHT_MAX },
};

static void slots_desc(const struct slots_param *param, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u slots", param->nr);
}

KUNIT_ARRAY_PARAM(slots, slot_numbers, slots_desc);

static void room_in_all_slots(struct kunit *test)
{
	const struct slots_param *param = test->param_value;
	struct inflight_test *t = test->priv;
	const struct sent sent = { .reply = true };
	u64 *ids = kunit_kcalloc(test, param->nr, sizeof(*ids), GFP_KERNEL);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, ids);
	vhost_backend_inflight_destroy(&t->inflight);
	KUNIT_ASSERT_EQ(test, vhost_backend_inflight_init(&t->inflight, param->nr), 0);
	for (i = 0; i < param->nr; i++) {
		KUNIT_ASSERT_EQ(test, send(t, &sent), 0);
		ids[i] = t->record.msg.id;
		KUNIT_ASSERT_EQ(test, deliver(t, false), ids[i]);
	}
	KUNIT_EXPECT_EQ(test, send(t, &sent), -EAGAIN);
	KUNIT_EXPECT_EQ(test, t->inflight.waiting_peak, param->nr);
	/* In any order: the even ones backwards, then the odd ones */
	for (i = param->nr; i--;)
		if (i % 2 == 0)
			KUNIT_ASSERT_EQ(test, answer(t, ids[i], 0), 0);
	for (i = 0; i < param->nr; i++)
		KUNIT_ASSERT_EQ(test, answer(t, ids[i], 0), i % 2 ? 0 : -ENOENT);
	must_be_idle(test);
}

static struct kunit_case room_cases[] = {
	KUNIT_CASE(room_is_refused),
	KUNIT_CASE(room_is_found_behind_the_dead),
	KUNIT_CASE(room_is_made_by_a_send),
	KUNIT_CASE(room_is_made_by_a_reservation),
	KUNIT_CASE(room_is_reserved),
	KUNIT_CASE(room_is_given_back),
	KUNIT_CASE(room_in_the_buffer),
	KUNIT_CASE_PARAM(room_in_all_slots, slots_gen_params),
	{}
};

static struct kunit_suite room_suite = {
	.name = "vhost_backend_room",
	.init = inflight_test_init,
	.exit = inflight_test_exit,
	.test_cases = room_cases,
};

kunit_test_suite(room_suite);
