// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit: notifications. Besides the plain properties, every interleaving of the
 * steps of a raise and a look: in this copy of notify.c each access to what the
 * two share goes through step(), where one side can be held back.
 */
#include <kunit/test.h>
#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/build_bug.h>
#include <linux/completion.h>
#include <linux/irq_work.h>
#include <linux/kthread.h>
#include <linux/preempt.h>

static void step(const void *at);
static void stepped(void);
static int preempt_depth;

static bool step_test_and_set_bit(long nr, unsigned long *words)
{
	bool was_set;

	step(words + BIT_WORD(nr));
	was_set = test_and_set_bit(nr, words);
	stepped();
	return was_set;
}

static bool step_test_bit(long nr, const unsigned long *words)
{
	step(words + BIT_WORD(nr));
	return test_bit(nr, words);
}

/*
 * A side that is held back sleeps, so preemption stays on, and is counted instead.
 * The acquire form stands in for the full exchange: only one side runs at a time.
 */
#undef test_and_set_bit
#undef test_bit
#undef xchg
#undef READ_ONCE
#undef preempt_disable
#undef preempt_enable
#define test_and_set_bit(nr, words)	step_test_and_set_bit(nr, words)
#define test_bit(nr, words)		step_test_bit(nr, words)
#define xchg(p, value)							\
({									\
	typeof(*(p)) _old;						\
									\
	step(p);							\
	_old = xchg_acquire(p, value);					\
	stepped();							\
	_old;								\
})
#define READ_ONCE(x)			({ step(&(x)); __READ_ONCE(x); })
#define preempt_disable()		(preempt_depth++)
#define preempt_enable()		(preempt_depth--)

#include "../notify.c"

#define NR_VRINGS	32768
#define WORDS		VHOST_BACKEND_BITS_WORDS(NR_VRINGS)

struct notify_test {
	struct vhost_backend_ctl ctl;
	struct vhost_backend_notify notify;
	struct vhost_backend_batch batch;
};

static unsigned long *alloc_words(struct kunit *test, u32 words)
{
	unsigned long *area = kunit_kcalloc(test, words, sizeof(*area), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, area);
	return area;
}

static int notify_test_init(struct kunit *test)
{
	struct notify_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	test->priv = t;
	t->notify.ctl = &t->ctl;
	t->notify.call.summary = (unsigned long *)t->ctl.call_summary;
	t->notify.err.summary = (unsigned long *)t->ctl.err_summary;
	t->notify.call.words = alloc_words(test, WORDS);
	t->notify.err.words = alloc_words(test, WORDS);
	t->batch.call.summary = alloc_words(test, VHOST_BACKEND_SUMMARY_WORDS);
	t->batch.err.summary = alloc_words(test, VHOST_BACKEND_SUMMARY_WORDS);
	t->batch.call.words = alloc_words(test, WORDS);
	t->batch.err.words = alloc_words(test, WORDS);
	return 0;
}

/* No bit, no summary of one */
static bool is_clear(const struct vhost_backend_bits *bits)
{
	return bitmap_empty(bits->words, NR_VRINGS) &&
	       bitmap_empty(bits->summary, VHOST_BACKEND_SUMMARY_WORDS * 64);
}

/* This bit and no other, and its word's place in the summary */
static bool is_only(const struct vhost_backend_bits *bits, u32 vring)
{
	return bitmap_weight(bits->words, NR_VRINGS) == 1 &&
	       bitmap_weight(bits->summary, VHOST_BACKEND_SUMMARY_WORDS * 64) == 1 &&
	       find_first_bit(bits->words, NR_VRINGS) == vring &&
	       find_first_bit(bits->summary, WORDS) == vring / 64;
}

static void must_be_clear(struct kunit *test)
{
	struct notify_test *t = test->priv;
	u32 vring;

	KUNIT_EXPECT_FALSE(test, vhost_backend_notify_pending(&t->notify));
	KUNIT_EXPECT_EQ(test, t->ctl.config_pending, 0);
	KUNIT_EXPECT_TRUE(test, is_clear(&t->notify.call));
	KUNIT_EXPECT_TRUE(test, is_clear(&t->notify.err));
	KUNIT_EXPECT_EQ(test, t->batch.pending, 0);
	KUNIT_EXPECT_FALSE(test, t->batch.config);
	KUNIT_EXPECT_TRUE(test, is_clear(&t->batch.call));
	KUNIT_EXPECT_TRUE(test, is_clear(&t->batch.err));
	KUNIT_EXPECT_EQ(test, vhost_backend_batch_next(&t->batch, &vring),
			VHOST_BACKEND_PAD);
}

static enum vhost_backend_raised raise(struct notify_test *t, u32 request, u32 vring)
{
	return vhost_backend_notify_raise(&t->notify, request, vring);
}

/* A look, as the reader of a channel does it, without the ring */
static void take(struct notify_test *t)
{
	vhost_backend_notify_hush(&t->notify);
	vhost_backend_notify_take(&t->notify, &t->batch);
}

/* The batch's next is this one, and is delivered. */
static void must_deliver(struct kunit *test, u32 request, u32 vring)
{
	struct notify_test *t = test->priv;
	u32 next = vring;

	KUNIT_ASSERT_EQ(test, vhost_backend_batch_next(&t->batch, &next), request);
	KUNIT_ASSERT_EQ(test, next, vring);
	vhost_backend_batch_drop(&t->batch, request, vring);
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

	must_be_clear(test);
	KUNIT_EXPECT_EQ(test, raise(t, request, vring), VHOST_BACKEND_RANG);
	KUNIT_EXPECT_TRUE(test, vhost_backend_notify_pending(&t->notify));
	KUNIT_EXPECT_EQ(test, is_only(&t->notify.call, vring), call);
	KUNIT_EXPECT_EQ(test, is_only(&t->notify.err, vring), err);
	KUNIT_EXPECT_EQ(test, t->ctl.config_pending, !call && !err);

	take(t);
	KUNIT_EXPECT_EQ(test, t->ctl.doorbell, 0);
	KUNIT_EXPECT_FALSE(test, vhost_backend_notify_pending(&t->notify));
	KUNIT_EXPECT_TRUE(test, is_clear(&t->notify.call));
	KUNIT_EXPECT_TRUE(test, is_clear(&t->notify.err));
	KUNIT_EXPECT_EQ(test, t->batch.pending, 1);
	KUNIT_EXPECT_EQ(test, is_only(&t->batch.call, vring), call);
	KUNIT_EXPECT_EQ(test, is_only(&t->batch.err, vring), err);
	KUNIT_EXPECT_EQ(test, t->batch.config, !call && !err);
	must_deliver(test, request, vring);
	must_be_clear(test);
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

	KUNIT_EXPECT_EQ(test, raise(t, request, vring), VHOST_BACKEND_RANG);
	KUNIT_EXPECT_EQ(test, raise(t, request, vring), VHOST_BACKEND_MERGED);
	/* The doorbell of what is pending already is its first raiser's. */
	vhost_backend_notify_hush(&t->notify);
	KUNIT_EXPECT_EQ(test, raise(t, request, vring), VHOST_BACKEND_MERGED);
	KUNIT_EXPECT_EQ(test, t->ctl.doorbell, 0);
	take(t);
	/* Taken, and not yet delivered: the frontend is to be told again. */
	KUNIT_EXPECT_EQ(test, raise(t, request, vring), VHOST_BACKEND_RANG);
	KUNIT_EXPECT_EQ(test, t->batch.pending, 1);
	must_deliver(test, request, vring);
	take(t);
	must_deliver(test, request, vring);
	must_be_clear(test);
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
	KUNIT_EXPECT_EQ(test, raise(t, VHOST_BACKEND_VRING_CALL, 5), VHOST_BACKEND_PENDING);
	KUNIT_EXPECT_EQ(test, raise(t, VHOST_BACKEND_VRING_ERR, 5), VHOST_BACKEND_PENDING);
	KUNIT_EXPECT_EQ(test, raise(t, VHOST_BACKEND_CONFIG_CHANGE_MSG, 0),
			VHOST_BACKEND_PENDING);
	vhost_backend_notify_hush(&t->notify);
	KUNIT_EXPECT_EQ(test, t->ctl.doorbell, 0);
	KUNIT_EXPECT_EQ(test, raise(t, VHOST_BACKEND_VRING_CALL, 6), VHOST_BACKEND_RANG);
	KUNIT_EXPECT_EQ(test, raise(t, VHOST_BACKEND_VRING_CALL, 7), VHOST_BACKEND_PENDING);
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
		raise(t, VHOST_BACKEND_VRING_ERR, vrings[i]);
		raise(t, VHOST_BACKEND_VRING_CALL, vrings[i]);
	}
	raise(t, VHOST_BACKEND_CONFIG_CHANGE_MSG, 0);
	take(t);
	KUNIT_EXPECT_EQ(test, t->batch.pending, 2 * ARRAY_SIZE(vrings) + 1);
	must_deliver(test, VHOST_BACKEND_CONFIG_CHANGE_MSG, 0);
	for (i = 0; i < ARRAY_SIZE(vrings); i++)
		must_deliver(test, VHOST_BACKEND_VRING_CALL, vrings[i]);
	for (i = 0; i < ARRAY_SIZE(vrings); i++)
		must_deliver(test, VHOST_BACKEND_VRING_ERR, vrings[i]);
	must_be_clear(test);
}

/* All that there can be at once, and each of them comes out once. */
static void notify_holds_every_vring(struct kunit *test)
{
	struct notify_test *t = test->priv;
	u32 vring;

	for (vring = 0; vring < NR_VRINGS; vring++) {
		raise(t, VHOST_BACKEND_VRING_CALL, vring);
		raise(t, VHOST_BACKEND_VRING_ERR, vring);
	}
	take(t);
	KUNIT_EXPECT_EQ(test, t->batch.pending, 2 * NR_VRINGS);
	for (vring = 0; vring < NR_VRINGS; vring++)
		must_deliver(test, VHOST_BACKEND_VRING_CALL, vring);
	for (vring = 0; vring < NR_VRINGS; vring++)
		must_deliver(test, VHOST_BACKEND_VRING_ERR, vring);
	must_be_clear(test);
}

/* Raised while a batch is being delivered: the next one's. */
static void notify_leaves_a_batch_alone(struct kunit *test)
{
	struct notify_test *t = test->priv;

	raise(t, VHOST_BACKEND_VRING_CALL, 10);
	raise(t, VHOST_BACKEND_VRING_CALL, 12);
	take(t);
	must_deliver(test, VHOST_BACKEND_VRING_CALL, 10);
	raise(t, VHOST_BACKEND_VRING_CALL, 10);
	raise(t, VHOST_BACKEND_VRING_CALL, 11);
	raise(t, VHOST_BACKEND_CONFIG_CHANGE_MSG, 0);
	must_deliver(test, VHOST_BACKEND_VRING_CALL, 12);
	KUNIT_EXPECT_EQ(test, t->batch.pending, 0);
	take(t);
	must_deliver(test, VHOST_BACKEND_CONFIG_CHANGE_MSG, 0);
	must_deliver(test, VHOST_BACKEND_VRING_CALL, 10);
	must_deliver(test, VHOST_BACKEND_VRING_CALL, 11);
	must_be_clear(test);
}

/* A summary may say that there is something where there is nothing. */
static void notify_survives_a_stale_summary(struct kunit *test)
{
	struct notify_test *t = test->priv;

	bitmap_fill(t->notify.call.summary, WORDS);
	__set_bit(3, t->notify.err.summary);
	KUNIT_EXPECT_FALSE(test, vhost_backend_notify_pending(&t->notify));
	raise(t, VHOST_BACKEND_VRING_ERR, 3 * 64 + 1);
	KUNIT_EXPECT_TRUE(test, vhost_backend_notify_pending(&t->notify));
	take(t);
	KUNIT_EXPECT_EQ(test, t->batch.pending, 1);
	must_deliver(test, VHOST_BACKEND_VRING_ERR, 3 * 64 + 1);
	KUNIT_EXPECT_FALSE(test, vhost_backend_notify_pending(&t->notify));
	KUNIT_EXPECT_EQ(test, t->batch.pending, 0);
}

static void raise_in_irq(struct irq_work *work);

static DEFINE_IRQ_WORK(irq_raise, raise_in_irq);
static struct notify_test *irq_raiser;

static void raise_in_irq(struct irq_work *work)
{
	raise(irq_raiser, VHOST_BACKEND_VRING_CALL, 40);
	raise(irq_raiser, VHOST_BACKEND_CONFIG_CHANGE_MSG, 0);
}

/* From hard interrupt context too, and it merges with what a process raised. */
static void notify_raises_in_any_context(struct kunit *test)
{
	struct notify_test *t = test->priv;

	raise(t, VHOST_BACKEND_VRING_CALL, 40);
	local_irq_disable();
	raise(t, VHOST_BACKEND_VRING_CALL, 41);
	local_irq_enable();
	irq_raiser = t;
	irq_work_queue(&irq_raise);
	irq_work_sync(&irq_raise);
	take(t);
	must_deliver(test, VHOST_BACKEND_CONFIG_CHANGE_MSG, 0);
	must_deliver(test, VHOST_BACKEND_VRING_CALL, 40);
	must_deliver(test, VHOST_BACKEND_VRING_CALL, 41);
	must_be_clear(test);
}

/* What of the protocol is where a raise starts: as others may have left it. */
struct race_param {
	u32 request;
	bool bit;		/* raised by another, who may still be at work: */
	bool summary;		/* has he set it, */
	bool doorbell;		/* has he rung it? */
};

static const struct race_param races[] = {
	{ VHOST_BACKEND_VRING_CALL, false, false, false },
	{ VHOST_BACKEND_VRING_CALL, false, false, true },
	{ VHOST_BACKEND_VRING_CALL, false, true, false },
	{ VHOST_BACKEND_VRING_CALL, false, true, true },
	{ VHOST_BACKEND_VRING_CALL, true, false, false },
	{ VHOST_BACKEND_VRING_CALL, true, false, true },
	{ VHOST_BACKEND_VRING_CALL, true, true, false },
	{ VHOST_BACKEND_VRING_CALL, true, true, true },
	{ VHOST_BACKEND_VRING_ERR, false, false, false },
	{ VHOST_BACKEND_VRING_ERR, true, true, false },
	{ VHOST_BACKEND_CONFIG_CHANGE_MSG, false, false, false },
	{ VHOST_BACKEND_CONFIG_CHANGE_MSG, false, false, true },
	{ VHOST_BACKEND_CONFIG_CHANGE_MSG, true, false, false },
	{ VHOST_BACKEND_CONFIG_CHANGE_MSG, true, false, true },
};

static const char *name_of(u32 request)
{
	return request == VHOST_BACKEND_VRING_CALL ? "call" :
	       request == VHOST_BACKEND_VRING_ERR ? "err" : "config";
}

static void race_desc(const struct race_param *param, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s, bit %d, summary %d, doorbell %d",
		 name_of(param->request), param->bit, param->summary, param->doorbell);
}

KUNIT_ARRAY_PARAM(race, races, race_desc);

#define RACE_VRING	70
#define MOST_STEPS	32

enum side { RAISE, LOOK };

/* What of the memory both sides change, and only by atomic operations */
struct shared {
	u32 doorbell;
	u32 config;
	unsigned long summary;
	unsigned long word;
};

/*
 * One run of a raise and a look. Wherever both could go on, @choice says which one
 * does; there, a first run takes 0, and next_schedule() goes through all others.
 */
struct race {
	const struct race_param *param;
	struct notify_test *t;
	struct completion go[2];
	struct completion over;		/* the look has come to its end */
	bool done[2];
	bool looking;			/* has come to its first step */
	u8 choice[MOST_STEPS];
	u32 choices;
	struct task_struct *looker;
	bool preemptible;		/* between the bit and the doorbell */
	bool plain;			/* changed by a plain store */
	struct shared seen;		/* after the last step */
	u64 tail;			/* published so far: 1, the raiser's record */
	enum vhost_backend_raised raised;
};

static struct race *race;

static struct vhost_backend_bits *bits_of(const struct race *this)
{
	struct vhost_backend_notify *notify = &this->t->notify;

	return this->param->request == VHOST_BACKEND_VRING_ERR ? &notify->err :
								 &notify->call;
}

static struct shared look_at_shared(const struct race *this)
{
	const struct vhost_backend_bits *bits = bits_of(this);

	return (struct shared){
		.doorbell = this->t->ctl.doorbell,
		.config = this->t->ctl.config_pending,
		.summary = bits->summary[0],
		.word = bits->words[RACE_VRING / 64],
	};
}

static void stepped(void)
{
	if (race)
		race->seen = look_at_shared(race);
}

static bool is_shared(const void *at)
{
	const struct vhost_backend_notify *notify = &race->t->notify;
	const struct vhost_backend_bits *bits = bits_of(race);

	return at == &notify->ctl->doorbell || at == &race->tail ||
	       (race->param->request == VHOST_BACKEND_CONFIG_CHANGE_MSG ?
		at == &notify->ctl->config_pending :
		at == bits->summary || at == bits->words + RACE_VRING / 64);
}

/* Who goes on? Asked where both could. */
static enum side choose(void)
{
	u32 i = race->choices++;

	return i < MOST_STEPS && race->choice[i] ? LOOK : RAISE;
}

/* Lets the other one go on, and waits until it lets this one. */
static void hand_over(enum side me)
{
	complete(&race->go[!me]);
	wait_for_completion(&race->go[me]);
}

/*
 * Before each access to what both sides share. What only one of them uses can't
 * make a difference, and is no step.
 */
static void step(const void *at)
{
	struct shared now;
	enum side me;

	if (!race || !is_shared(at))
		return;
	me = current == race->looker ? LOOK : RAISE;
	/* Until it is its turn the other one is under way. */
	if (me == LOOK && !race->looking) {
		race->looking = true;
		wait_for_completion(&race->go[LOOK]);
		return;
	}
	now = look_at_shared(race);
	if (memcmp(&now, &race->seen, sizeof(now)))
		race->plain = true;
	if (me == RAISE && at != &race->tail && !preempt_depth)
		race->preemptible = true;
	if (!race->done[!me] && choose() != me)
		hand_over(me);
}

static int look_thread(void *data)
{
	struct notify_test *t = race->t;

	take(t);
	step(&race->tail);
	t->batch.limit = race->tail;
	race->done[LOOK] = true;
	if (!race->done[RAISE])
		complete(&race->go[RAISE]);
	complete(&race->over);
	return 0;
}

static void run_raise(void)
{
	struct notify_test *t = race->t;

	step(&race->tail);
	race->tail = 1;
	race->raised = raise(t, race->param->request, RACE_VRING);
	race->done[RAISE] = true;
	if (!race->done[LOOK])
		complete(&race->go[LOOK]);
}

/* The other raiser has done part of it before, and does the rest in the end. */
static void start_as_left(struct notify_test *t, const struct race_param *param)
{
	/* What an earlier look found without a bit behind it */
	bitmap_zero(t->batch.call.summary, WORDS);
	bitmap_zero(t->batch.err.summary, WORDS);
	if (param->request == VHOST_BACKEND_CONFIG_CHANGE_MSG) {
		t->ctl.config_pending = param->bit;
	} else {
		struct vhost_backend_bits *bits =
			param->request == VHOST_BACKEND_VRING_ERR ?
			&t->notify.err : &t->notify.call;

		if (param->bit)
			__set_bit(RACE_VRING, bits->words);
		if (param->summary)
			__set_bit(RACE_VRING / 64, bits->summary);
	}
	t->ctl.doorbell = param->doorbell;
}

static void finish_other_raise(struct notify_test *t, const struct race_param *param)
{
	if (!param->bit || (param->summary && param->doorbell))
		return;
	if (param->request == VHOST_BACKEND_VRING_CALL)
		set_bit(RACE_VRING / 64, t->notify.call.summary);
	else if (param->request == VHOST_BACKEND_VRING_ERR)
		set_bit(RACE_VRING / 64, t->notify.err.summary);
	vhost_backend_notify_ring(&t->notify);
}

static void run_schedule(struct kunit *test, struct race *this)
{
	this->choices = 0;
	this->tail = 0;
	this->preemptible = false;
	this->plain = false;
	this->done[RAISE] = false;
	this->done[LOOK] = false;
	this->looking = false;
	init_completion(&this->go[RAISE]);
	init_completion(&this->go[LOOK]);
	init_completion(&this->over);
	start_as_left(this->t, this->param);
	this->seen = look_at_shared(this);
	this->looker = kthread_create(look_thread, NULL, "kunit_look");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, this->looker);
	race = this;
	wake_up_process(this->looker);
	run_raise();
	wait_for_completion(&this->over);
	race = NULL;
}

/* The next in depth-first order; false if that was the last */
static bool next_schedule(struct race *this)
{
	u32 i = this->choices;

	memset(this->choice + i, 0, MOST_STEPS - i);
	while (i--) {
		if (!this->choice[i]) {
			this->choice[i] = 1;
			return true;
		}
		this->choice[i] = 0;
	}
	return false;
}

/* What the look took, if anything, is delivered. */
static bool delivered(struct kunit *test, const struct race_param *param)
{
	struct notify_test *t = test->priv;

	if (!t->batch.pending)
		return false;
	must_deliver(test, param->request,
		     param->request == VHOST_BACKEND_CONFIG_CHANGE_MSG ? 0 : RACE_VRING);
	return true;
}

/* The frontend was told of the raise, or will be: it is woken, and then finds it. */
static void check_schedule(struct kunit *test, const struct race *this)
{
	const struct race_param *param = this->param;
	struct notify_test *t = test->priv;
	bool told = delivered(test, param) && t->batch.limit == 1;

	KUNIT_EXPECT_FALSE_MSG(test, this->preemptible,
			       "the raiser could have been put to sleep");
	KUNIT_EXPECT_FALSE_MSG(test, this->plain,
			       "a plain store, which may undo the other's step");
	finish_other_raise(t, param);
	if (!told || vhost_backend_notify_pending(&t->notify)) {
		KUNIT_EXPECT_TRUE_MSG(test, vhost_backend_notify_pending(&t->notify),
				      "lost, or it overtook its record");
		KUNIT_EXPECT_EQ_MSG(test, t->ctl.doorbell, 1, "nobody rings");
	}
	take(t);
	delivered(test, param);
	KUNIT_EXPECT_EQ(test, t->batch.pending, 0);
	KUNIT_EXPECT_FALSE(test, vhost_backend_notify_pending(&t->notify));
}

/*
 * In whatever order the steps of a raise and a look come: the notification is
 * delivered after the raise, never before the record that was published before
 * it, and where a later look is needed, the doorbell is rung for that.
 */
static void notify_races_with_a_look(struct kunit *test)
{
	struct notify_test *t = test->priv;
	struct race this = { .param = test->param_value, .t = t };
	u32 schedules = 0;

	do {
		run_schedule(test, &this);
		KUNIT_ASSERT_LE(test, this.choices, MOST_STEPS);
		check_schedule(test, &this);
		schedules++;
		/* One failure tells as much as a thousand. */
		if (READ_ONCE(test->status) == KUNIT_FAILURE)
			break;
	} while (next_schedule(&this));
	kunit_info(test, "%u interleavings\n", schedules);
	KUNIT_EXPECT_GE(test, schedules, 10);
}

static struct kunit_case notify_cases[] = {
	KUNIT_CASE_PARAM(notify_is_one_bit, edge_gen_params),
	KUNIT_CASE_PARAM(notify_merges_until_it_is_taken, edge_gen_params),
	KUNIT_CASE(notify_rings_once),
	KUNIT_CASE(notify_delivers_in_order),
	KUNIT_CASE(notify_holds_every_vring),
	KUNIT_CASE(notify_leaves_a_batch_alone),
	KUNIT_CASE(notify_survives_a_stale_summary),
	KUNIT_CASE(notify_raises_in_any_context),
	KUNIT_CASE_PARAM(notify_races_with_a_look, race_gen_params),
	{}
};

static struct kunit_suite notify_suite = {
	.name = "vhost_backend_notify",
	.init = notify_test_init,
	.test_cases = notify_cases,
};

kunit_test_suite(notify_suite);
