// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit: the ring of records. The module has its own copy of what it tests, since
 * nothing of that is exported.
 */
#include "ring_test.h"
#include "../ring.c"

/* An empty ring that has seen @position bytes. */
static void start_at(struct ring_test *t, u64 position)
{
	t->ring.live = 0;
	t->ring.reserved = 0;
	t->ring.producer = position;
	t->ring.consumer = position;
	t->ctl.producer = position;
}

/* Nothing has changed since @before, and nothing was published. */
static void must_be_unchanged(struct kunit *test, const struct vhost_backend_ring *before)
{
	struct ring_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, memcmp(before, &t->ring, sizeof(t->ring)), 0);
	KUNIT_EXPECT_EQ(test, t->ctl.producer, before->producer);
}

/* Every length that a message can have comes out as it went in. */
static void ring_keeps_every_length(struct kunit *test)
{
	struct ring_test *t = test->priv;
	u32 bytes;

	for (bytes = HEADER; bytes <= MOST; bytes += 8) {
		ring_must_put(test, bytes);
		KUNIT_EXPECT_EQ(test, vhost_backend_ring_waiting(&t->ring), bytes);
		ring_must_pop(test, t->next_id - 1, bytes);
		KUNIT_EXPECT_EQ(test, vhost_backend_ring_waiting(&t->ring), 0);
		/* The next one again starts at offset 0. */
		start_at(t, 0);
	}
}

/* A payload whose size is no multiple of 8 takes the room of the next one. */
static void ring_rounds_up_to_eight(struct kunit *test)
{
	struct vhost_backend_msg msg = {};

	for (msg.size = 0; msg.size <= 256; msg.size++)
		KUNIT_EXPECT_EQ(test, vhost_backend_msg_bytes(&msg),
				HEADER + (msg.size + 7) / 8 * 8);
}

/* What rounds a payload up to a multiple of 8 is 0, and nothing that lay there before. */
static void ring_clears_what_it_rounds_up(struct kunit *test)
{
	struct ring_test *t = test->priv;
	struct vhost_backend_msg msg = { .request = VHOST_BACKEND_SHMEM_MAP };
	const struct vhost_backend_msg *record;
	u8 payload[32];

	memset(payload, 0x5a, sizeof(payload));
	for (msg.size = 1; msg.size <= 24; msg.size++) {
		memset(t->data, 0xa5, 256);
		start_at(t, 0);
		KUNIT_ASSERT_EQ(test, vhost_backend_ring_put(&t->ring, &msg, payload), 0);
		record = ring_oldest(t, t->ring.producer);
		KUNIT_EXPECT_EQ(test, memcmp(record + 1, payload, msg.size), 0);
		KUNIT_EXPECT_NULL(test, memchr_inv((u8 *)(record + 1) + msg.size, 0,
						   ALIGN(msg.size, 8) - msg.size));
		/* Not beyond it */
		KUNIT_EXPECT_NULL(test, memchr_inv((u8 *)(record + 1) + ALIGN(msg.size, 8),
						   0xa5, 64));
	}
}

/* Records that lie behind one another are taken together. */
static void ring_pops_several(struct kunit *test)
{
	struct ring_test *t = test->priv;
	const void *first;
	int i;

	for (i = 0; i < 4; i++)
		ring_must_put(test, 64 + 8 * i);
	first = ring_oldest(t, t->ring.producer);
	KUNIT_EXPECT_TRUE(test, ring_is_intact(first, 0, 64));
	KUNIT_EXPECT_TRUE(test, ring_is_intact(first + 64, 1, 72));
	KUNIT_EXPECT_TRUE(test, ring_is_intact(first + 64 + 72, 2, 80));
	vhost_backend_ring_pop(&t->ring, 64 + 72 + 80, 3);
	KUNIT_EXPECT_EQ(test, t->ring.live, 1);
	ring_must_pop(test, 3, 88);
	ring_must_be_empty(test);
}

/* The pad of @left bytes that put() made at @position */
static void check_pad(struct kunit *test, u64 position, u32 left)
{
	struct ring_test *t = test->priv;
	const struct vhost_backend_msg *pad = t->data + (position & (t->ring.bytes - 1));
	const struct vhost_backend_msg expected = {
		.request = VHOST_BACKEND_PAD,
		.flags = VHOST_BACKEND_MSG_VERSION,
		.size = left - HEADER,
		.fd = VHOST_BACKEND_FD_NONE,
	};

	if (left >= HEADER)
		KUNIT_EXPECT_EQ_MSG(test, memcmp(pad, &expected, HEADER), 0,
				    "%u bytes left", left);
	else
		KUNIT_EXPECT_NOT_NULL_MSG(test, memchr_inv(pad, 0, left),
					  "written to %u bytes", left);
}

/* With each number of bytes left before the end, a record never straddles it. */
static void ring_pads_every_remainder(struct kunit *test)
{
	struct ring_test *t = test->priv;
	u64 position;
	u32 left;

	for (left = 8; left < MOST; left += 8) {
		u64 start = 10 * (u64)t->ring.bytes - left;

		memset(t->data, 0xa5, t->ring.bytes);
		start_at(t, start);
		position = ring_must_put(test, MOST);
		KUNIT_ASSERT_EQ(test, position, start + left);
		check_pad(test, start, left);
		KUNIT_EXPECT_EQ(test, vhost_backend_ring_waiting(&t->ring), left + MOST);
		ring_must_pop(test, t->next_id - 1, MOST);
		ring_must_be_empty(test);
	}
}

/* What fits exactly before the end needs no pad, and the next starts anew. */
static void ring_fits_exactly_before_the_end(struct kunit *test)
{
	struct ring_test *t = test->priv;
	u64 position;
	u32 bytes;

	for (bytes = HEADER; bytes <= MOST; bytes += 8) {
		start_at(t, t->ring.bytes - bytes);
		position = ring_must_put(test, bytes);
		KUNIT_EXPECT_EQ(test, position, t->ring.bytes - bytes);
		position = ring_must_put(test, HEADER);
		KUNIT_EXPECT_EQ(test, position, t->ring.bytes);
		ring_must_pop(test, t->next_id - 2, bytes);
		ring_must_pop(test, t->next_id - 1, HEADER);
		ring_must_be_empty(test);
	}
}

/* All of the ring can be used, to the last byte, and not one more. */
static void ring_fills_to_the_last_byte(struct kunit *test)
{
	struct ring_test *t = test->priv;
	struct vhost_backend_ring before;
	u64 first = t->next_id;
	u32 i;

	for (i = 0; i < t->ring.bytes / 32; i++)
		ring_must_put(test, 32);
	KUNIT_EXPECT_EQ(test, vhost_backend_ring_room(&t->ring), 0);
	KUNIT_EXPECT_EQ(test, t->ring.live, t->ring.bytes / 32);
	before = t->ring;
	KUNIT_EXPECT_EQ(test, ring_put(t, HEADER), VHOST_BACKEND_RING_FULL);
	must_be_unchanged(test, &before);

	ring_must_pop(test, first, 32);
	KUNIT_EXPECT_EQ(test, ring_put(t, 40), VHOST_BACKEND_RING_FULL);
	ring_must_put(test, 32);
	for (i = 1; i <= t->ring.bytes / 32; i++)
		ring_must_pop(test, first + i, 32);
	ring_must_be_empty(test);
}

/* A put needs room for the pad too, and without it changes nothing. */
static void ring_refuses_without_room_for_the_pad(struct kunit *test)
{
	struct ring_test *t = test->priv;
	struct vhost_backend_ring before;
	u32 left, room;

	for (left = 8; left < 48; left += 8) {
		for (room = left; room <= left + 64; room += 8) {
			start_at(t, 3 * (u64)t->ring.bytes - left);
			t->ring.consumer -= t->ring.bytes - room;
			KUNIT_ASSERT_EQ(test, vhost_backend_ring_room(&t->ring), room);
			before = t->ring;
			KUNIT_EXPECT_EQ_MSG(test, ring_put(t, 48) != VHOST_BACKEND_RING_FULL,
					    room >= left + 48,
					    "%u left, room %u", left, room);
			if (room < left + 48)
				must_be_unchanged(test, &before);
		}
	}
}

/* Others can't have what is reserved, wherever the ring stands. */
static void ring_reserves_to_the_edge(struct kunit *test)
{
	struct ring_test *t = test->priv;
	struct vhost_backend_ring before;
	u32 room;

	ring_must_put(test, 40);
	room = vhost_backend_ring_room(&t->ring);
	before = t->ring;
	KUNIT_EXPECT_FALSE(test, vhost_backend_ring_reserve(&t->ring, room + 1));
	KUNIT_EXPECT_FALSE(test, vhost_backend_ring_reserve(&t->ring, U32_MAX));
	must_be_unchanged(test, &before);

	KUNIT_ASSERT_TRUE(test, vhost_backend_ring_reserve(&t->ring, room - HEADER));
	KUNIT_EXPECT_EQ(test, vhost_backend_ring_room(&t->ring), HEADER);
	KUNIT_EXPECT_EQ(test, ring_put(t, HEADER + 8), VHOST_BACKEND_RING_FULL);
	ring_must_put(test, HEADER);
	KUNIT_EXPECT_FALSE(test, vhost_backend_ring_reserve(&t->ring, 1));
	KUNIT_EXPECT_TRUE(test, vhost_backend_ring_reserve(&t->ring, 0));
	vhost_backend_ring_unreserve(&t->ring, 8);
	KUNIT_EXPECT_EQ(test, vhost_backend_ring_room(&t->ring), 8);
	vhost_backend_ring_unreserve(&t->ring, room - HEADER - 8);
	KUNIT_EXPECT_EQ(test, vhost_backend_ring_room(&t->ring), room - HEADER);
	KUNIT_EXPECT_EQ(test, t->ring.reserved, 0);
}

/* From each offset: fills what is not reserved; the reserved message still fits. */
static void ring_reservation_always_suffices(struct kunit *test)
{
	struct ring_test *t = test->priv;
	u32 bytes, need, offset;

	for (bytes = HEADER; bytes <= MOST; bytes += 64) {
		need = VHOST_BACKEND_RING_NEED(bytes);
		for (offset = 0; offset < t->ring.bytes; offset += 8) {
			start_at(t, offset);
			KUNIT_ASSERT_TRUE(test, vhost_backend_ring_reserve(&t->ring, need));
			ring_fill(test, 56);
			ring_fill(test, HEADER);
			vhost_backend_ring_unreserve(&t->ring, need);
			ring_must_put(test, bytes);
		}
	}
}

/* Where there is as much room as RING_ANY, any message fits. */
static void ring_any_is_room_for_any(struct kunit *test)
{
	struct ring_test *t = test->priv;
	u32 offset;

	for (offset = 0; offset < t->ring.bytes; offset += 8) {
		start_at(t, t->ring.bytes + offset);
		t->ring.consumer -= t->ring.bytes - VHOST_BACKEND_RING_ANY;
		ring_must_put(test, MOST);
	}
}

/* Records become visible to the frontend with the put, in whole. */
static void ring_publishes_with_the_put(struct kunit *test)
{
	struct ring_test *t = test->priv;
	u64 first, second;

	KUNIT_EXPECT_EQ(test, vhost_backend_ring_tail(&t->ring), 0);
	first = ring_must_put(test, 64);
	KUNIT_EXPECT_EQ(test, vhost_backend_ring_tail(&t->ring), 64);
	second = ring_must_put(test, 72);
	KUNIT_EXPECT_EQ(test, first, 0);
	KUNIT_EXPECT_EQ(test, second, 64);
	KUNIT_EXPECT_EQ(test, t->ctl.producer, 136);
	vhost_backend_ring_withdraw(&t->ring, second);
	ring_must_pop(test, 0, 64);
	KUNIT_EXPECT_EQ(test, t->ctl.producer, 136);
}

/* Who can write the control area can't move the kernel's positions. */
static void ring_does_not_believe_the_control_area(struct kunit *test)
{
	struct ring_test *t = test->priv;
	u64 position;

	ring_must_put(test, 64);
	memset(&t->ctl, 0xff, sizeof(t->ctl));
	position = ring_must_put(test, 64);
	KUNIT_EXPECT_EQ(test, position, 64);
	KUNIT_EXPECT_EQ(test, vhost_backend_ring_waiting(&t->ring), 128);
	KUNIT_EXPECT_EQ(test, vhost_backend_ring_tail(&t->ring), 128);
	ring_must_pop(test, 0, 64);
	ring_must_pop(test, 1, 64);
}

/* A withdrawn head gives its room back at once, without a reader. */
static void ring_withdraws_the_head(struct kunit *test)
{
	struct ring_test *t = test->priv;
	u64 position;

	position = ring_must_put(test, 64);
	ring_must_put(test, 72);
	vhost_backend_ring_withdraw(&t->ring, position);
	KUNIT_EXPECT_EQ(test, vhost_backend_ring_waiting(&t->ring), 72);
	KUNIT_EXPECT_EQ(test, t->ring.live, 1);
	ring_must_pop(test, 1, 72);
	ring_must_be_empty(test);
}

/* One in the middle is skipped when all before it have gone. */
static void ring_withdraws_the_middle(struct kunit *test)
{
	struct ring_test *t = test->priv;
	u64 position;

	ring_must_put(test, 64);
	position = ring_must_put(test, 72);
	ring_must_put(test, 80);
	vhost_backend_ring_withdraw(&t->ring, position);
	KUNIT_EXPECT_EQ(test, vhost_backend_ring_waiting(&t->ring), 216);
	ring_must_pop(test, 0, 64);
	ring_must_pop(test, 2, 80);
	ring_must_be_empty(test);
}

/* One at the tail leaves nothing behind that could be delivered. */
static void ring_withdraws_the_tail(struct kunit *test)
{
	struct ring_test *t = test->priv;
	u64 position;

	ring_must_put(test, 64);
	position = ring_must_put(test, 72);
	vhost_backend_ring_withdraw(&t->ring, position);
	ring_must_pop(test, 0, 64);
	ring_must_be_empty(test);
}

/* In every order of four: what is left comes in order, and then all is free. */
static void ring_withdraws_in_any_order(struct kunit *test)
{
	struct ring_test *t = test->priv;
	u64 position[4];
	u32 order, i, gone;

	for (order = 0; order < 256; order++) {
		u64 first = t->next_id;

		for (i = 0; i < 4; i++)
			position[i] = ring_must_put(test, HEADER + 8 * i);
		/* Of these 256 some name a record twice: those are left in. */
		for (i = 0, gone = 0; i < 4; i++) {
			u32 which = order >> 2 * i & 3;

			if (gone & BIT(which))
				continue;
			vhost_backend_ring_withdraw(&t->ring, position[which]);
			gone |= BIT(which);
		}
		KUNIT_ASSERT_EQ(test, t->ring.live, 4 - hweight32(gone));
		for (i = 0; i < 4; i++)
			if (!(gone & BIT(i)))
				ring_must_pop(test, first + i, HEADER + 8 * i);
		ring_must_be_empty(test);
	}
}

/* A call skips 64 at most, since interrupts are off, and says whether it has done. */
static void ring_skips_sixty_four_a_call(struct kunit *test)
{
	struct ring_test *t = test->priv;
	int i;

	for (i = 0; i < 161; i++)
		ring_must_put(test, HEADER);
	/* From behind, so that the last one frees them all. */
	for (i = 159; i >= 0; i--)
		vhost_backend_ring_withdraw(&t->ring, i * HEADER);
	KUNIT_EXPECT_EQ(test, t->ring.consumer, 64 * HEADER);
	KUNIT_EXPECT_TRUE(test, vhost_backend_ring_skip(&t->ring, t->ring.producer));
	KUNIT_EXPECT_EQ(test, t->ring.consumer, 128 * HEADER);
	KUNIT_EXPECT_FALSE(test, vhost_backend_ring_skip(&t->ring, t->ring.producer));
	KUNIT_EXPECT_EQ(test, t->ring.consumer, 160 * HEADER);
	ring_must_pop(test, 160, HEADER);
	ring_must_be_empty(test);
}

/* What lies at or behind the limit of a batch belongs to the next. */
static void ring_keeps_to_the_limit(struct kunit *test)
{
	struct ring_test *t = test->priv;
	u64 position[3], limit;
	int i;

	for (i = 0; i < 3; i++)
		position[i] = ring_must_put(test, 64);
	limit = position[2];
	KUNIT_EXPECT_NULL(test, ring_oldest(t, 0));
	ring_must_pop(test, 0, 64);
	vhost_backend_ring_withdraw(&t->ring, position[2]);
	KUNIT_EXPECT_TRUE(test, ring_is_intact(ring_oldest(t, limit), 1, 64));
	vhost_backend_ring_pop(&t->ring, 64, 1);
	KUNIT_EXPECT_NULL(test, ring_oldest(t, limit));
	KUNIT_EXPECT_EQ(test, t->ring.consumer, limit);
	/* A batch that is over long since */
	ring_must_put(test, 64);
	ring_must_pop(test, 3, 64);
	KUNIT_EXPECT_NULL(test, ring_oldest(t, limit));
}

struct start_param {
	const char *name;
	u64 position;
};

static const struct start_param starts[] = {
	{ "0", 0 },
	{ "end of the ring", 4096 - 64 },
	{ "2^31", BIT_ULL(31) - 2048 },
	{ "2^32", BIT_ULL(32) - 2048 },
	{ "2^63", BIT_ULL(63) - 2048 },
	{ "2^64", -2048ULL },
};

static void start_desc(const struct start_param *param, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "across %s", param->name);
}

KUNIT_ARRAY_PARAM(start, starts, start_desc);

/* Positions count on, past every power of two; a ring never starts again. */
static void ring_counts_past(struct kunit *test)
{
	const struct start_param *param = test->param_value;
	struct ring_test *t = test->priv;
	u64 position, put_id, pop_id;
	u32 bytes;

	start_at(t, param->position);
	for (put_id = 0, pop_id = 0; pop_id < 200; pop_id++) {
		for (;; put_id++) {
			bytes = HEADER + put_id % 33 * 8;
			position = ring_put(t, bytes);
			if (position == VHOST_BACKEND_RING_FULL)
				break;
			KUNIT_ASSERT_LE(test, vhost_backend_ring_waiting(&t->ring),
					t->ring.bytes);
			if (put_id % 5 == 4)
				vhost_backend_ring_withdraw(&t->ring, position);
		}
		KUNIT_ASSERT_EQ(test, vhost_backend_ring_tail(&t->ring), t->ring.producer);
		if (pop_id % 5 != 4)
			ring_must_pop(test, pop_id, HEADER + pop_id % 33 * 8);
	}
	KUNIT_EXPECT_GT(test, t->ring.producer - param->position, 4096);
}

static struct kunit_case ring_cases[] = {
	KUNIT_CASE(ring_keeps_every_length),
	KUNIT_CASE(ring_rounds_up_to_eight),
	KUNIT_CASE(ring_clears_what_it_rounds_up),
	KUNIT_CASE(ring_pops_several),
	KUNIT_CASE(ring_pads_every_remainder),
	KUNIT_CASE(ring_fits_exactly_before_the_end),
	KUNIT_CASE(ring_fills_to_the_last_byte),
	KUNIT_CASE(ring_refuses_without_room_for_the_pad),
	KUNIT_CASE(ring_reserves_to_the_edge),
	KUNIT_CASE(ring_reservation_always_suffices),
	KUNIT_CASE(ring_any_is_room_for_any),
	KUNIT_CASE(ring_publishes_with_the_put),
	KUNIT_CASE(ring_does_not_believe_the_control_area),
	KUNIT_CASE(ring_withdraws_the_head),
	KUNIT_CASE(ring_withdraws_the_middle),
	KUNIT_CASE(ring_withdraws_the_tail),
	KUNIT_CASE(ring_withdraws_in_any_order),
	KUNIT_CASE(ring_skips_sixty_four_a_call),
	KUNIT_CASE(ring_keeps_to_the_limit),
	KUNIT_CASE_PARAM(ring_counts_past, start_gen_params),
	{}
};

static struct kunit_suite ring_suite = {
	.name = "vhost_backend_ring",
	.init = ring_test_init,
	.test_cases = ring_cases,
};

kunit_test_suite(ring_suite);

MODULE_DESCRIPTION("KUnit suites of the vhost backend channel");
MODULE_AUTHOR("The vhost backend channel developers");
MODULE_LICENSE("GPL");
