// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit: notifications: every interleaving of the steps of a raise and a look. In this
 * copy of notify.c each access to what the two share goes through step(), where one side
 * can be held back.
 */
#include <kunit/test.h>
#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/build_bug.h>
#include <linux/completion.h>
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
#include "notify_test.h"

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

	/* As notify_take(), but each access is a step */
	vhost_backend_notify_hush(&t->notify);
	vhost_backend_notify_take(&t->notify, &t->batch);
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
	race->raised = notify_raise(t, race->param->request, RACE_VRING);
	race->done[RAISE] = true;
	if (!race->done[LOOK])
		complete(&race->go[LOOK]);
}

/* The other raiser has done part of it before, and does the rest in the end. */
static void start_as_left(struct notify_test *t, const struct race_param *param)
{
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
	notify_must_deliver(test, param->request,
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
	notify_take(t);
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

static struct kunit_case notify_race_cases[] = {
	KUNIT_CASE_PARAM(notify_races_with_a_look, race_gen_params),
	{}
};

static struct kunit_suite notify_race_suite = {
	.name = "vhost_backend_notify_race",
	.init = notify_test_init,
	.test_cases = notify_race_cases,
};

kunit_test_suite(notify_race_suite);
