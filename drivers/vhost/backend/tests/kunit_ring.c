// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit: the ring of records. The module has its own copy of what it tests, since
 * nothing of that is exported.
 */
#include <kunit/test.h>
#include <linux/prandom.h>

#include "../ring.c"

struct ring_test {
	struct vhost_backend_ctl ctl;
	struct vhost_backend_ring ring;
	struct vhost_backend_ring before;	/* see save() */
	void *data;
	u64 next_id;
};

/* A message as long as any, and filled up to what its header says. */
struct message {
	struct vhost_backend_msg msg;
	u8 payload[VHOST_BACKEND_MSG_MAX - sizeof(struct vhost_backend_msg)];
};

#define HEADER		((u32)sizeof(struct vhost_backend_msg))
#define MOST		((u32)VHOST_BACKEND_MSG_MAX)

static u8 payload_byte(u64 id, u32 i)
{
	return id * 31 + i;
}

/* The message @id, which takes @bytes: HEADER to MOST. */
static struct message *make(struct message *message, u64 id, u32 bytes)
{
	u32 i;

	message->msg = (struct vhost_backend_msg){
		.request = VHOST_BACKEND_SHMEM_MAP,
		.flags = VHOST_BACKEND_MSG_VERSION,
		.size = bytes - HEADER,
		.fd = VHOST_BACKEND_FD_NONE,
		.id = id,
	};
	for (i = 0; i < message->msg.size; i++)
		message->payload[i] = payload_byte(id, i);
	return message;
}

static bool is_intact(const struct vhost_backend_msg *msg, u64 id, u32 bytes)
{
	struct message message;

	make(&message, id, bytes);
	return msg && !memcmp(msg, &message, bytes);
}

/* Puts the next message; false if there was no room. */
static bool put(struct ring_test *t, u32 bytes, u64 *position)
{
	struct message message;

	return vhost_backend_ring_put(&t->ring, &make(&message, t->next_id, bytes)->msg,
				      position) && ++t->next_id;
}

static void must_put(struct kunit *test, u32 bytes, u64 *position)
{
	u64 unused;

	KUNIT_ASSERT_TRUE(test, put(test->priv, bytes, position ?: &unused));
}

/* Puts as many as go in, which must be no more than there is memory for. */
static void fill(struct kunit *test, u32 bytes)
{
	struct ring_test *t = test->priv;
	u32 most = t->ring.bytes / bytes;
	u64 unused;

	while (put(t, bytes, &unused))
		KUNIT_ASSERT_NE(test, most--, 0);
}

static const struct vhost_backend_msg *oldest(struct ring_test *t, u64 limit)
{
	while (vhost_backend_ring_skip(&t->ring, limit))
		;
	return vhost_backend_ring_peek(&t->ring, limit);
}

/* Takes the oldest, which must be message @id of @bytes. */
static void must_pop(struct kunit *test, u64 id, u32 bytes)
{
	struct ring_test *t = test->priv;

	KUNIT_ASSERT_TRUE(test, is_intact(oldest(t, t->ring.producer), id, bytes));
	vhost_backend_ring_pop(&t->ring);
}

static void must_be_empty(struct kunit *test)
{
	struct ring_test *t = test->priv;

	KUNIT_EXPECT_NULL(test, oldest(t, t->ring.producer));
	KUNIT_EXPECT_EQ(test, vhost_backend_ring_waiting(&t->ring), 0);
	KUNIT_EXPECT_EQ(test, vhost_backend_ring_room(&t->ring), t->ring.bytes);
	KUNIT_EXPECT_EQ(test, t->ring.live, 0);
}

/* An empty ring that has seen @position bytes. */
static void start_at(struct ring_test *t, u64 position)
{
	t->ring.live = 0;
	t->ring.reserved = 0;
	t->ring.producer = position;
	t->ring.consumer = position;
	t->ctl.producer = position;
}

static void init_ring(struct kunit *test, u32 bytes)
{
	struct ring_test *t = test->priv;

	t->data = kunit_kmalloc(test, bytes, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t->data);
	memset(t->data, 0xa5, bytes);
	vhost_backend_ring_init(&t->ring, &t->ctl, t->data, bytes);
}

static void save(struct ring_test *t)
{
	t->before = t->ring;
}

/* Nothing has changed since save(), and nothing was published. */
static void must_be_unchanged(struct kunit *test)
{
	struct ring_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, memcmp(&t->before, &t->ring, sizeof(t->ring)), 0);
	KUNIT_EXPECT_EQ(test, t->ctl.producer, t->before.producer);
}

/* Every length that a message can have comes out as it went in. */
static void ring_keeps_every_length(struct kunit *test)
{
	struct ring_test *t = test->priv;
	u32 bytes;

	for (bytes = HEADER; bytes <= MOST; bytes += 8) {
		must_put(test, bytes, NULL);
		KUNIT_EXPECT_EQ(test, vhost_backend_ring_waiting(&t->ring), bytes);
		must_pop(test, t->next_id - 1, bytes);
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
		must_put(test, MOST, &position);
		KUNIT_ASSERT_EQ(test, position, start + left);
		check_pad(test, start, left);
		KUNIT_EXPECT_EQ(test, vhost_backend_ring_waiting(&t->ring), left + MOST);
		must_pop(test, t->next_id - 1, MOST);
		must_be_empty(test);
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
		must_put(test, bytes, &position);
		KUNIT_EXPECT_EQ(test, position, t->ring.bytes - bytes);
		must_put(test, HEADER, &position);
		KUNIT_EXPECT_EQ(test, position, t->ring.bytes);
		must_pop(test, t->next_id - 2, bytes);
		must_pop(test, t->next_id - 1, HEADER);
		must_be_empty(test);
	}
}

/* All of the ring can be used, to the last byte, and not one more. */
static void ring_fills_to_the_last_byte(struct kunit *test)
{
	struct ring_test *t = test->priv;
	u64 first = t->next_id, position;
	u32 i;

	for (i = 0; i < t->ring.bytes / 32; i++)
		must_put(test, 32, NULL);
	KUNIT_EXPECT_EQ(test, vhost_backend_ring_room(&t->ring), 0);
	KUNIT_EXPECT_EQ(test, t->ring.live, t->ring.bytes / 32);
	save(t);
	KUNIT_EXPECT_FALSE(test, put(t, HEADER, &position));
	must_be_unchanged(test);

	must_pop(test, first, 32);
	KUNIT_EXPECT_FALSE(test, put(t, 40, &position));
	must_put(test, 32, NULL);
	for (i = 1; i <= t->ring.bytes / 32; i++)
		must_pop(test, first + i, 32);
	must_be_empty(test);
}

/* A put needs room for the pad too, and without it changes nothing. */
static void ring_refuses_without_room_for_the_pad(struct kunit *test)
{
	struct ring_test *t = test->priv;
	u64 position;
	u32 left, room;

	for (left = 8; left < 48; left += 8) {
		for (room = left; room <= left + 64; room += 8) {
			start_at(t, 3 * (u64)t->ring.bytes - left);
			t->ring.consumer -= t->ring.bytes - room;
			KUNIT_ASSERT_EQ(test, vhost_backend_ring_room(&t->ring), room);
			save(t);
			KUNIT_EXPECT_EQ_MSG(test, put(t, 48, &position),
					    room >= left + 48,
					    "%u left, room %u", left, room);
			if (room < left + 48)
				must_be_unchanged(test);
		}
	}
}

/* Others can't have what is reserved, wherever the ring stands. */
static void ring_reserves_to_the_edge(struct kunit *test)
{
	struct ring_test *t = test->priv;
	u64 position;
	u32 room;

	must_put(test, 40, NULL);
	room = vhost_backend_ring_room(&t->ring);
	save(t);
	KUNIT_EXPECT_FALSE(test, vhost_backend_ring_reserve(&t->ring, room + 1));
	KUNIT_EXPECT_FALSE(test, vhost_backend_ring_reserve(&t->ring, U32_MAX));
	must_be_unchanged(test);

	KUNIT_ASSERT_TRUE(test, vhost_backend_ring_reserve(&t->ring, room - HEADER));
	KUNIT_EXPECT_EQ(test, vhost_backend_ring_room(&t->ring), HEADER);
	KUNIT_EXPECT_FALSE(test, put(t, HEADER + 8, &position));
	must_put(test, HEADER, NULL);
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
			fill(test, 56);
			fill(test, HEADER);
			vhost_backend_ring_unreserve(&t->ring, need);
			must_put(test, bytes, NULL);
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
		must_put(test, MOST, NULL);
	}
}

/* Records become visible to the frontend with the put, in whole. */
static void ring_publishes_with_the_put(struct kunit *test)
{
	struct ring_test *t = test->priv;
	u64 first, second;

	KUNIT_EXPECT_EQ(test, vhost_backend_ring_tail(&t->ring), 0);
	must_put(test, 64, &first);
	KUNIT_EXPECT_EQ(test, vhost_backend_ring_tail(&t->ring), 64);
	must_put(test, 72, &second);
	KUNIT_EXPECT_EQ(test, first, 0);
	KUNIT_EXPECT_EQ(test, second, 64);
	KUNIT_EXPECT_EQ(test, t->ctl.producer, 136);
	vhost_backend_ring_withdraw(&t->ring, second);
	must_pop(test, 0, 64);
	KUNIT_EXPECT_EQ(test, t->ctl.producer, 136);
}

/* Who can write the control area can't move the kernel's positions. */
static void ring_does_not_believe_the_control_area(struct kunit *test)
{
	struct ring_test *t = test->priv;
	u64 position;

	must_put(test, 64, NULL);
	memset(&t->ctl, 0xff, sizeof(t->ctl));
	must_put(test, 64, &position);
	KUNIT_EXPECT_EQ(test, position, 64);
	KUNIT_EXPECT_EQ(test, vhost_backend_ring_waiting(&t->ring), 128);
	KUNIT_EXPECT_EQ(test, vhost_backend_ring_tail(&t->ring), 128);
	must_pop(test, 0, 64);
	must_pop(test, 1, 64);
}

/* A withdrawn head gives its room back at once, without a reader. */
static void ring_withdraws_the_head(struct kunit *test)
{
	struct ring_test *t = test->priv;
	u64 position;

	must_put(test, 64, &position);
	must_put(test, 72, NULL);
	vhost_backend_ring_withdraw(&t->ring, position);
	KUNIT_EXPECT_EQ(test, vhost_backend_ring_waiting(&t->ring), 72);
	KUNIT_EXPECT_EQ(test, t->ring.live, 1);
	must_pop(test, 1, 72);
	must_be_empty(test);
}

/* One in the middle is skipped when all before it have gone. */
static void ring_withdraws_the_middle(struct kunit *test)
{
	struct ring_test *t = test->priv;
	u64 position;

	must_put(test, 64, NULL);
	must_put(test, 72, &position);
	must_put(test, 80, NULL);
	vhost_backend_ring_withdraw(&t->ring, position);
	KUNIT_EXPECT_EQ(test, vhost_backend_ring_waiting(&t->ring), 216);
	must_pop(test, 0, 64);
	must_pop(test, 2, 80);
	must_be_empty(test);
}

/* One at the tail leaves nothing behind that could be delivered. */
static void ring_withdraws_the_tail(struct kunit *test)
{
	struct ring_test *t = test->priv;
	u64 position;

	must_put(test, 64, NULL);
	must_put(test, 72, &position);
	vhost_backend_ring_withdraw(&t->ring, position);
	must_pop(test, 0, 64);
	must_be_empty(test);
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
			must_put(test, HEADER + 8 * i, &position[i]);
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
				must_pop(test, first + i, HEADER + 8 * i);
		must_be_empty(test);
	}
}

/* A call skips 64 at most, since interrupts are off, and says whether it has done. */
static void ring_skips_sixty_four_a_call(struct kunit *test)
{
	struct ring_test *t = test->priv;
	int i;

	for (i = 0; i < 161; i++)
		must_put(test, HEADER, NULL);
	/* From behind, so that the last one frees them all. */
	for (i = 159; i >= 0; i--)
		vhost_backend_ring_withdraw(&t->ring, i * HEADER);
	KUNIT_EXPECT_EQ(test, t->ring.consumer, 64 * HEADER);
	KUNIT_EXPECT_TRUE(test, vhost_backend_ring_skip(&t->ring, t->ring.producer));
	KUNIT_EXPECT_EQ(test, t->ring.consumer, 128 * HEADER);
	KUNIT_EXPECT_FALSE(test, vhost_backend_ring_skip(&t->ring, t->ring.producer));
	KUNIT_EXPECT_EQ(test, t->ring.consumer, 160 * HEADER);
	must_pop(test, 160, HEADER);
	must_be_empty(test);
}

/* What lies at or behind the limit of a batch belongs to the next. */
static void ring_keeps_to_the_limit(struct kunit *test)
{
	struct ring_test *t = test->priv;
	u64 position[3], limit;
	int i;

	for (i = 0; i < 3; i++)
		must_put(test, 64, &position[i]);
	limit = position[2];
	KUNIT_EXPECT_NULL(test, vhost_backend_ring_peek(&t->ring, 0));
	must_pop(test, 0, 64);
	vhost_backend_ring_withdraw(&t->ring, position[2]);
	KUNIT_EXPECT_TRUE(test, is_intact(oldest(t, limit), 1, 64));
	vhost_backend_ring_pop(&t->ring);
	KUNIT_EXPECT_NULL(test, oldest(t, limit));
	KUNIT_EXPECT_EQ(test, t->ring.consumer, limit);
	/* A batch that is over long since */
	must_put(test, 64, NULL);
	must_pop(test, 3, 64);
	KUNIT_EXPECT_NULL(test, oldest(t, limit));
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
			if (!put(t, bytes, &position))
				break;
			KUNIT_ASSERT_LE(test, vhost_backend_ring_waiting(&t->ring),
					t->ring.bytes);
			if (put_id % 5 == 4)
				vhost_backend_ring_withdraw(&t->ring, position);
		}
		KUNIT_ASSERT_EQ(test, vhost_backend_ring_tail(&t->ring), t->ring.producer);
		if (pop_id % 5 != 4)
			must_pop(test, pop_id, HEADER + pop_id % 33 * 8);
	}
	KUNIT_EXPECT_GT(test, t->ring.producer - param->position, 4096);
}

/* What a ring of records ought to be: a list, and where each of them lies. */
struct model {
	struct list_head live;
	u64 producer;
	u32 bytes;
	u32 reserved;
};

struct model_record {
	struct list_head node;
	u64 id;
	u64 position;
	u32 bytes;
};

static u32 model_room(struct model *model)
{
	const struct model_record *head =
		list_first_entry_or_null(&model->live, struct model_record, node);
	u64 consumer = head ? head->position : model->producer;

	return model->bytes - (model->producer - consumer) - model->reserved;
}

static void model_put(struct kunit *test, struct model *model, u32 bytes)
{
	struct ring_test *t = test->priv;
	u32 offset = model->producer % model->bytes;
	u32 pad = offset + bytes > model->bytes ? model->bytes - offset : 0;
	bool fits = model_room(model) >= pad + bytes;
	struct model_record *record;
	u64 position;

	KUNIT_ASSERT_EQ(test, put(t, bytes, &position), fits);
	if (!fits)
		return;
	record = kzalloc(sizeof(*record), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, record);
	record->id = t->next_id - 1;
	record->bytes = bytes;
	record->position = model->producer + pad;
	model->producer = record->position + bytes;
	list_add_tail(&record->node, &model->live);
	KUNIT_ASSERT_EQ(test, position, record->position);
}

static void model_forget(struct model_record *record)
{
	list_del(&record->node);
	kfree(record);
}

static void model_pop(struct kunit *test, struct model *model)
{
	struct model_record *record =
		list_first_entry_or_null(&model->live, struct model_record, node);

	if (!record)
		return;
	must_pop(test, record->id, record->bytes);
	model_forget(record);
}

/* Withdraws one of the first @depth */
static void model_withdraw(struct kunit *test, struct model *model, u32 depth)
{
	struct ring_test *t = test->priv;
	struct model_record *record;

	list_for_each_entry(record, &model->live, node) {
		if (depth--)
			continue;
		vhost_backend_ring_withdraw(&t->ring, record->position);
		model_forget(record);
		return;
	}
}

static void model_reserve(struct kunit *test, struct model *model, u32 bytes)
{
	struct ring_test *t = test->priv;
	bool fits = model_room(model) >= bytes;

	KUNIT_ASSERT_EQ(test, vhost_backend_ring_reserve(&t->ring, bytes), fits);
	if (fits)
		model->reserved += bytes;
}

static void model_unreserve(struct kunit *test, struct model *model)
{
	struct ring_test *t = test->priv;

	vhost_backend_ring_unreserve(&t->ring, model->reserved);
	model->reserved = 0;
}

static void model_step(struct kunit *test, struct model *model, u32 dice, u32 more)
{
	switch (dice % 16) {
	case 0 ... 6:
		model_put(test, model, HEADER + more % 33 * 8);
		break;
	case 7 ... 11:
		model_pop(test, model);
		break;
	case 12 ... 13:
		model_withdraw(test, model, more % 64);
		break;
	case 14:
		model_reserve(test, model, more % 1024);
		break;
	default:
		model_unreserve(test, model);
	}
}

static void model_compare(struct kunit *test, struct model *model, bool thorough)
{
	struct ring_test *t = test->priv;
	struct model_record *record;
	u32 live = 0;

	while (vhost_backend_ring_skip(&t->ring, t->ring.producer))
		;
	KUNIT_ASSERT_EQ(test, vhost_backend_ring_room(&t->ring), model_room(model));
	KUNIT_ASSERT_EQ(test, vhost_backend_ring_tail(&t->ring), model->producer);
	if (!thorough)
		return;
	list_for_each_entry(record, &model->live, node) {
		live++;
		KUNIT_ASSERT_TRUE(test, is_intact(record_at(&t->ring, record->position),
						  record->id, record->bytes));
	}
	KUNIT_ASSERT_EQ(test, t->ring.live, live);
}

struct model_param {
	u32 bytes;
	u32 steps;
	u64 seed;
};

static const struct model_param models[] = {
	{ 4096, 10000, 1 },
	{ 4096, 10000, 20231 },
	{ 4096, 10000, 0xfeedbeef },
	{ 65536, 10000, 2 },
	{ 65536, 10000, 777 },
};

static void model_desc(const struct model_param *param, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "ring of %u, seed %llu, %u steps",
		 param->bytes, param->seed, param->steps);
}

KUNIT_ARRAY_PARAM(model, models, model_desc);

/* Whatever is done to it, in whatever order: the ring is as the list says. */
static void ring_is_as_its_model(struct kunit *test)
{
	const struct model_param *param = test->param_value;
	struct model model = { .bytes = param->bytes };
	struct model_record *record, *next;
	struct rnd_state random;
	u32 step;

	INIT_LIST_HEAD(&model.live);
	init_ring(test, param->bytes);
	prandom_seed_state(&random, param->seed);
	for (step = 0; step < param->steps; step++) {
		u32 dice = prandom_u32_state(&random);

		/* Some stretches fill the ring, others empty it. */
		if (step / 512 % 2 && dice % 4 == 0)
			dice = step / 1024 % 2 ? 0 : 7;
		model_step(test, &model, dice, prandom_u32_state(&random));
		model_compare(test, &model, step % 64 == 0);
	}
	list_for_each_entry_safe(record, next, &model.live, node)
		model_pop(test, &model);
	model_unreserve(test, &model);
	must_be_empty(test);
}

static int ring_test_init(struct kunit *test)
{
	test->priv = kunit_kzalloc(test, sizeof(struct ring_test), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, test->priv);
	init_ring(test, 4096);
	return 0;
}

static struct kunit_case ring_cases[] = {
	KUNIT_CASE(ring_keeps_every_length),
	KUNIT_CASE(ring_rounds_up_to_eight),
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
	KUNIT_CASE_PARAM(ring_is_as_its_model, model_gen_params),
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
