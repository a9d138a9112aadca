// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit: notifications, raised and delivered one after the other. What it tests is in
 * kunit_notify_race.c.
 */
#include <linux/bitmap.h>
#include <linux/irq_work.h>

#include "notify_test.h"

/* This bit and no other, and its word's place in the summary */
static bool is_only(const struct vhost_backend_bits *bits, u32 vring)
{
	return bitmap_weight(bits->words, NR_VRINGS) == 1 &&
	       bitmap_weight(bits->summary, VHOST_BACKEND_SUMMARY_WORDS * 64) == 1 &&
	       find_first_bit(bits->words, NR_VRINGS) == vring &&
	       find_first_bit(bits->summary, WORDS) == vring / 64;
}

struct edge_param {
	u32 vring;
};

static const struct edge_param edges[] = {
	{ 0 }, { 1 }, { 31 }, { 32 }, { 63 }, { 64 }, { 65 }, { 127 }, { 4095 },
	{ 4096 }, { 4159 }, { 8191 }, { 8192 }, { 32704 }, { 32767 },
};

static void edge_desc(const struct edge_param *param, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "vring %u", param->vring);
}

KUNIT_ARRAY_PARAM(edge, edges, edge_desc);

static void check_one_bit(struct kunit *test, u32 request, u32 vring)
{
	struct notify_test *t = test->priv;
	bool call = request == VHOST_BACKEND_VRING_CALL;
	bool err = request == VHOST_BACKEND_VRING_ERR;

	notify_must_be_clear(test);
	KUNIT_EXPECT_EQ(test, notify_raise(t, request, vring), VHOST_BACKEND_RANG);
	KUNIT_EXPECT_TRUE(test, vhost_backend_notify_pending(&t->notify));
	KUNIT_EXPECT_EQ(test, is_only(&t->notify.call, vring), call);
	KUNIT_EXPECT_EQ(test, is_only(&t->notify.err, vring), err);
	KUNIT_EXPECT_EQ(test, t->ctl.config_pending, !call && !err);

	notify_take(t);
	KUNIT_EXPECT_EQ(test, t->ctl.doorbell, 0);
	KUNIT_EXPECT_FALSE(test, vhost_backend_notify_pending(&t->notify));
	KUNIT_EXPECT_TRUE(test, notify_is_clear(&t->notify.call));
	KUNIT_EXPECT_TRUE(test, notify_is_clear(&t->notify.err));
	KUNIT_EXPECT_EQ(test, t->batch.pending, 1);
	KUNIT_EXPECT_EQ(test, t->batch.end, call || err);
	KUNIT_EXPECT_EQ(test, t->batch.config, !call && !err);
	notify_must_deliver(test, request, vring);
	notify_must_be_clear(test);
}

/* One notification: pending where it belongs and nowhere else, taken, delivered. */
static void notify_is_one_bit(struct kunit *test)
{
	const struct edge_param *param = test->param_value;

	check_one_bit(test, VHOST_BACKEND_VRING_CALL, param->vring);
	check_one_bit(test, VHOST_BACKEND_VRING_ERR, param->vring);
	check_one_bit(test, VHOST_BACKEND_CONFIG_CHANGE_MSG, 0);
}

static void check_merge(struct kunit *test, u32 request, u32 vring)
{
	struct notify_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, notify_raise(t, request, vring), VHOST_BACKEND_RANG);
	KUNIT_EXPECT_EQ(test, notify_raise(t, request, vring), VHOST_BACKEND_MERGED);
	/* The doorbell of what is pending already is its first raiser's. */
	vhost_backend_notify_hush(&t->notify);
	KUNIT_EXPECT_EQ(test, notify_raise(t, request, vring), VHOST_BACKEND_MERGED);
	KUNIT_EXPECT_EQ(test, t->ctl.doorbell, 0);
	notify_take(t);
	/* Taken, and not yet delivered: the frontend is to be told again. */
	KUNIT_EXPECT_EQ(test, notify_raise(t, request, vring), VHOST_BACKEND_RANG);
	KUNIT_EXPECT_EQ(test, t->batch.pending, 1);
	notify_must_deliver(test, request, vring);
	notify_take(t);
	notify_must_deliver(test, request, vring);
	notify_must_be_clear(test);
}

/* A second raise merges with one that is pending; after a look it is new again. */
static void notify_merges_until_it_is_taken(struct kunit *test)
{
	const struct edge_param *param = test->param_value;

	check_merge(test, VHOST_BACKEND_VRING_CALL, param->vring);
	check_merge(test, VHOST_BACKEND_VRING_ERR, param->vring);
	check_merge(test, VHOST_BACKEND_CONFIG_CHANGE_MSG, 0);
}

/* Only who moves the doorbell from 0 to 1 wakes a sleeper. */
static void notify_rings_once(struct kunit *test)
{
	struct notify_test *t = test->priv;

	KUNIT_EXPECT_TRUE(test, vhost_backend_notify_ring(&t->notify));
	KUNIT_EXPECT_EQ(test, t->ctl.doorbell, 1);
	KUNIT_EXPECT_FALSE(test, vhost_backend_notify_ring(&t->notify));
	KUNIT_EXPECT_EQ(test, notify_raise(t, VHOST_BACKEND_VRING_CALL, 5), VHOST_BACKEND_PENDING);
	KUNIT_EXPECT_EQ(test, notify_raise(t, VHOST_BACKEND_VRING_ERR, 5), VHOST_BACKEND_PENDING);
	KUNIT_EXPECT_EQ(test, notify_raise(t, VHOST_BACKEND_CONFIG_CHANGE_MSG, 0),
			VHOST_BACKEND_PENDING);
	vhost_backend_notify_hush(&t->notify);
	KUNIT_EXPECT_EQ(test, t->ctl.doorbell, 0);
	KUNIT_EXPECT_EQ(test, notify_raise(t, VHOST_BACKEND_VRING_CALL, 6), VHOST_BACKEND_RANG);
	KUNIT_EXPECT_EQ(test, notify_raise(t, VHOST_BACKEND_VRING_CALL, 7), VHOST_BACKEND_PENDING);
	/* A frontend may write anything there. */
	t->ctl.doorbell = 0xffffffff;
	KUNIT_EXPECT_FALSE(test, vhost_backend_notify_ring(&t->notify));
}

/* Configuration first, then calls, then errors, each in the order of vrings. */
static void notify_delivers_in_order(struct kunit *test)
{
	static const u32 vrings[] = { 0, 1, 63, 64, 4095, 4096, 20000, 32767 };
	struct notify_test *t = test->priv;
	int i;

	for (i = ARRAY_SIZE(vrings) - 1; i >= 0; i--) {
		notify_raise(t, VHOST_BACKEND_VRING_ERR, vrings[i]);
		notify_raise(t, VHOST_BACKEND_VRING_CALL, vrings[i]);
	}
	notify_raise(t, VHOST_BACKEND_CONFIG_CHANGE_MSG, 0);
	notify_take(t);
	KUNIT_EXPECT_EQ(test, t->batch.pending, 2 * ARRAY_SIZE(vrings) + 1);
	notify_must_deliver(test, VHOST_BACKEND_CONFIG_CHANGE_MSG, 0);
	for (i = 0; i < ARRAY_SIZE(vrings); i++)
		notify_must_deliver(test, VHOST_BACKEND_VRING_CALL, vrings[i]);
	for (i = 0; i < ARRAY_SIZE(vrings); i++)
		notify_must_deliver(test, VHOST_BACKEND_VRING_ERR, vrings[i]);
	notify_must_be_clear(test);
}

/* All that there can be at once, and each of them comes out once. */
static void notify_holds_every_vring(struct kunit *test)
{
	struct notify_test *t = test->priv;
	u32 vring;

	for (vring = 0; vring < NR_VRINGS; vring++) {
		notify_raise(t, VHOST_BACKEND_VRING_CALL, vring);
		notify_raise(t, VHOST_BACKEND_VRING_ERR, vring);
	}
	notify_take(t);
	KUNIT_EXPECT_EQ(test, t->batch.pending, 2 * NR_VRINGS);
	for (vring = 0; vring < NR_VRINGS; vring++)
		notify_must_deliver(test, VHOST_BACKEND_VRING_CALL, vring);
	for (vring = 0; vring < NR_VRINGS; vring++)
		notify_must_deliver(test, VHOST_BACKEND_VRING_ERR, vring);
	notify_must_be_clear(test);
}

/* Every third vring from 0 on: @nr of them */
static void raise_every_third(struct notify_test *t, u32 request, u32 nr)
{
	u32 i;

	for (i = 0; i < nr; i++)
		notify_raise(t, request, 3 * i);
}

static void must_deliver_every_third(struct kunit *test, u32 request, u32 nr)
{
	u32 i;

	for (i = 0; i < nr; i++)
		notify_must_deliver(test, request, 3 * i);
}

struct mix_param {
	u32 calls;
	u32 errors;
};

static const struct mix_param mixes[] = {
	{ 15, 0 }, { 16, 0 }, { 17, 0 }, { 0, 15 }, { 0, 16 }, { 0, 17 }, { 8, 8 },
	{ 16, 1 }, { 15, 2 }, { 1, 16 }, { 33, 0 }, { 10, 30 }, { 30, 10 }, { 200, 200 },
};

static void mix_desc(const struct mix_param *param, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u calls, %u errors", param->calls,
		 param->errors);
}

KUNIT_ARRAY_PARAM(mix, mixes, mix_desc);

/* As many as fit lie ready as messages, the rest follows them in the same order. */
static void notify_keeps_more_than_lie_ready(struct kunit *test)
{
	const struct mix_param *param = test->param_value;
	struct notify_test *t = test->priv;
	u32 all = param->calls + param->errors;

	raise_every_third(t, VHOST_BACKEND_VRING_ERR, param->errors);
	raise_every_third(t, VHOST_BACKEND_VRING_CALL, param->calls);
	notify_take(t);
	KUNIT_EXPECT_EQ(test, t->batch.pending, all);
	KUNIT_EXPECT_EQ(test, t->batch.next, 0);
	KUNIT_EXPECT_EQ(test, t->batch.end, min_t(u32, all, VHOST_BACKEND_NOTICES));
	KUNIT_EXPECT_TRUE(test, notify_is_clear(&t->notify.call));
	KUNIT_EXPECT_TRUE(test, notify_is_clear(&t->notify.err));
	must_deliver_every_third(test, VHOST_BACKEND_VRING_CALL, param->calls);
	must_deliver_every_third(test, VHOST_BACKEND_VRING_ERR, param->errors);
	notify_must_be_clear(test);
}

/* Raised again while the rest of a batch waits: once more, in the next batch. */
static void notify_refills_from_the_batch_alone(struct kunit *test)
{
	struct notify_test *t = test->priv;
	u32 i;

	raise_every_third(t, VHOST_BACKEND_VRING_CALL, 20);
	notify_take(t);
	for (i = 0; i < VHOST_BACKEND_NOTICES; i++)
		notify_must_deliver(test, VHOST_BACKEND_VRING_CALL, 3 * i);
	raise_every_third(t, VHOST_BACKEND_VRING_CALL, 20);
	notify_raise(t, VHOST_BACKEND_VRING_CALL, 1);
	for (; i < 20; i++)
		notify_must_deliver(test, VHOST_BACKEND_VRING_CALL, 3 * i);
	KUNIT_EXPECT_EQ(test, t->batch.pending, 0);
	notify_take(t);
	notify_must_deliver(test, VHOST_BACKEND_VRING_CALL, 0);
	notify_must_deliver(test, VHOST_BACKEND_VRING_CALL, 1);
	for (i = 1; i < 20; i++)
		notify_must_deliver(test, VHOST_BACKEND_VRING_CALL, 3 * i);
	notify_must_be_clear(test);
}

/* Raised while a batch is being delivered: the next one's. */
static void notify_leaves_a_batch_alone(struct kunit *test)
{
	struct notify_test *t = test->priv;

	notify_raise(t, VHOST_BACKEND_VRING_CALL, 10);
	notify_raise(t, VHOST_BACKEND_VRING_CALL, 12);
	notify_take(t);
	notify_must_deliver(test, VHOST_BACKEND_VRING_CALL, 10);
	notify_raise(t, VHOST_BACKEND_VRING_CALL, 10);
	notify_raise(t, VHOST_BACKEND_VRING_CALL, 11);
	notify_raise(t, VHOST_BACKEND_CONFIG_CHANGE_MSG, 0);
	notify_must_deliver(test, VHOST_BACKEND_VRING_CALL, 12);
	KUNIT_EXPECT_EQ(test, t->batch.pending, 0);
	notify_take(t);
	notify_must_deliver(test, VHOST_BACKEND_CONFIG_CHANGE_MSG, 0);
	notify_must_deliver(test, VHOST_BACKEND_VRING_CALL, 10);
	notify_must_deliver(test, VHOST_BACKEND_VRING_CALL, 11);
	notify_must_be_clear(test);
}

/* A summary may say that there is something where there is nothing. */
static void notify_survives_a_stale_summary(struct kunit *test)
{
	struct notify_test *t = test->priv;

	bitmap_fill(t->notify.call.summary, WORDS);
	__set_bit(3, t->notify.err.summary);
	KUNIT_EXPECT_FALSE(test, vhost_backend_notify_pending(&t->notify));
	notify_raise(t, VHOST_BACKEND_VRING_ERR, 3 * 64 + 1);
	KUNIT_EXPECT_TRUE(test, vhost_backend_notify_pending(&t->notify));
	notify_take(t);
	KUNIT_EXPECT_EQ(test, t->batch.pending, 1);
	notify_must_deliver(test, VHOST_BACKEND_VRING_ERR, 3 * 64 + 1);
	KUNIT_EXPECT_FALSE(test, vhost_backend_notify_pending(&t->notify));
	KUNIT_EXPECT_EQ(test, t->batch.pending, 0);
}

static void raise_in_irq(struct irq_work *work);

static DEFINE_IRQ_WORK(irq_raise, raise_in_irq);
static struct notify_test *irq_raiser;

static void raise_in_irq(struct irq_work *work)
{
	notify_raise(irq_raiser, VHOST_BACKEND_VRING_CALL, 40);
	notify_raise(irq_raiser, VHOST_BACKEND_CONFIG_CHANGE_MSG, 0);
}

/* From hard interrupt context too, and it merges with what a process raised. */
static void notify_raises_in_any_context(struct kunit *test)
{
	struct notify_test *t = test->priv;

	notify_raise(t, VHOST_BACKEND_VRING_CALL, 40);
	local_irq_disable();
	notify_raise(t, VHOST_BACKEND_VRING_CALL, 41);
	local_irq_enable();
	irq_raiser = t;
	irq_work_queue(&irq_raise);
	irq_work_sync(&irq_raise);
	notify_take(t);
	notify_must_deliver(test, VHOST_BACKEND_CONFIG_CHANGE_MSG, 0);
	notify_must_deliver(test, VHOST_BACKEND_VRING_CALL, 40);
	notify_must_deliver(test, VHOST_BACKEND_VRING_CALL, 41);
	notify_must_be_clear(test);
}

static struct kunit_case notify_cases[] = {
	KUNIT_CASE_PARAM(notify_is_one_bit, edge_gen_params),
	KUNIT_CASE_PARAM(notify_merges_until_it_is_taken, edge_gen_params),
	KUNIT_CASE(notify_rings_once),
	KUNIT_CASE(notify_delivers_in_order),
	KUNIT_CASE(notify_holds_every_vring),
	KUNIT_CASE_PARAM(notify_keeps_more_than_lie_ready, mix_gen_params),
	KUNIT_CASE(notify_refills_from_the_batch_alone),
	KUNIT_CASE(notify_leaves_a_batch_alone),
	KUNIT_CASE(notify_survives_a_stale_summary),
	KUNIT_CASE(notify_raises_in_any_context),
	{}
};

static struct kunit_suite notify_suite = {
	.name = "vhost_backend_notify",
	.init = notify_test_init,
	.test_cases = notify_cases,
};

kunit_test_suite(notify_suite);
