// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit: the ring of records, compared with a list. What it tests is in kunit_ring.c.
 */
#include <linux/list.h>
#include <linux/prandom.h>
#include <linux/slab.h>

#include "ring_test.h"

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
	u64 position = ring_put(t, bytes);

	KUNIT_ASSERT_EQ(test, position != VHOST_BACKEND_RING_FULL, fits);
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
	ring_must_pop(test, record->id, record->bytes);
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
	const struct vhost_backend_msg *msg;
	struct model_record *record;
	u32 live = 0;

	while (vhost_backend_ring_skip(&t->ring, t->ring.producer))
		;
	KUNIT_ASSERT_EQ(test, vhost_backend_ring_room(&t->ring), model_room(model));
	KUNIT_ASSERT_EQ(test, vhost_backend_ring_tail(&t->ring), model->producer);
	if (!thorough)
		return;
	list_for_each_entry(record, &model->live, node) {
		msg = vhost_backend_ring_record(&t->ring, record->position);
		KUNIT_ASSERT_TRUE(test, ring_is_intact(msg, record->id, record->bytes));
		live++;
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
	ring_test_resize(test, param->bytes);
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
	ring_must_be_empty(test);
}

static struct kunit_case ring_model_cases[] = {
	KUNIT_CASE_PARAM(ring_is_as_its_model, model_gen_params),
	{}
};

static struct kunit_suite ring_model_suite = {
	.name = "vhost_backend_ring_model",
	.init = ring_test_init,
	.test_cases = ring_model_cases,
};

kunit_test_suite(ring_model_suite);
