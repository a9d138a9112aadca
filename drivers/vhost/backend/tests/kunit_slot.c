// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit: slots: which id a request has, how long its file is held, and that whoever waits
 * for it is told, from whatever context.
 */
#include <linux/irq_work.h>
#include <linux/kthread.h>
#include <linux/xarray.h>

#include "inflight_test.h"
#include "../slot.c"

/* A reply to an id is for the request that has it, or for none. */
static void slot_gives_ids(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	struct waiter *waiter = new_waiters(test, 1);
	struct sent sent = {};

	/* Nobody waits and there is no file: nothing to name */
	must_send(test, &sent);
	KUNIT_EXPECT_EQ(test, t->record.msg.id, 0);
	KUNIT_EXPECT_EQ(test, t->record.msg.flags, VHOST_BACKEND_MSG_VERSION);
	KUNIT_EXPECT_EQ(test, t->inflight.nr_free, NR_SLOTS);

	sent.file = t->file;
	must_send(test, &sent);
	KUNIT_EXPECT_NE(test, t->record.msg.id, 0);
	KUNIT_EXPECT_EQ(test, t->record.msg.flags, VHOST_BACKEND_MSG_VERSION);

	KUNIT_EXPECT_NE(test, send_waiting(test, waiter, NULL), 0);
	KUNIT_EXPECT_EQ(test, t->record.msg.id, waiter->completion.id);
	KUNIT_EXPECT_EQ(test, t->record.msg.flags,
			VHOST_BACKEND_MSG_VERSION | VHOST_BACKEND_MSG_NEED_REPLY);
	KUNIT_EXPECT_EQ(test, t->inflight.nr_free, NR_SLOTS - 2);

	KUNIT_EXPECT_EQ(test, deliver_plain(t), 0);
	KUNIT_EXPECT_NE(test, deliver_plain(t), ID_NONE);
	KUNIT_EXPECT_EQ(test, deliver_plain(t), waiter->completion.id);
	KUNIT_EXPECT_EQ(test, answer(t, waiter->completion.id, 0), 0);
	must_be_idle(test);
}

/* Slots are used again, ids are not, even where 32 bits of them would wrap. */
static void slot_never_reuses_an_id(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	struct waiter *waiter = new_waiters(test, 1);
	struct xarray seen;
	u64 id;
	int i;

	xa_init(&seen);
	for (i = 0; i < 3000; i++) {
		if (i == 1000)
			t->inflight.slots[0].generation = U16_MAX - 2;
		if (i == 2000)
			t->inflight.slots[0].generation = U32_MAX - 2ULL;
		id = send_waiting(test, waiter, NULL);
		if (i % 3 == 0)
			vhost_backend_inflight_give_up(&t->inflight, &waiter->completion,
						       -EINTR);
		else
			KUNIT_ASSERT_EQ(test, deliver_plain(t), id);
		KUNIT_ASSERT_EQ(test, xa_insert(&seen, id, xa_mk_value(1), GFP_KERNEL), 0);
		KUNIT_ASSERT_EQ(test, answer(t, id, 0), i % 3 ? 0 : -ENOENT);
	}
	xa_destroy(&seen);
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

static void slot_for_each(struct kunit *test)
{
	const struct slots_param *param = test->param_value;
	struct inflight_test *t = test->priv;
	struct waiter *waiters = new_waiters(test, param->nr + 1);
	u64 *ids = kunit_kcalloc(test, param->nr, sizeof(*ids), GFP_KERNEL);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, ids);
	inflight_test_resize(test, RING_BYTES, param->nr);
	for (i = 0; i < param->nr; i++) {
		ids[i] = send_waiting(test, &waiters[i], NULL);
		KUNIT_ASSERT_EQ(test, deliver_plain(t), ids[i]);
	}
	KUNIT_EXPECT_EQ(test, send_request(t, &(const struct sent){ .waiter = &waiters[i] }),
			-EAGAIN);
	KUNIT_EXPECT_EQ(test, t->inflight.waiting_peak, param->nr);
	/* In any order: the even ones backwards, then the odd ones */
	for (i = param->nr; i--;)
		if (i % 2 == 0)
			KUNIT_ASSERT_EQ(test, answer(t, ids[i], 0), 0);
	for (i = 0; i < param->nr; i++)
		KUNIT_ASSERT_EQ(test, answer(t, ids[i], 0), i % 2 ? 0 : -ENOENT);
	must_be_idle(test);
}

/* The channel holds a file as long as the frontend may ask for it, and no longer. */
static void slot_holds_files(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	const struct sent sent = { .file = t->file };
	struct waiter *waiter = new_waiters(test, 1);
	struct file *file;
	u64 id;

	/* No reply wanted, and the reader takes it */
	must_send(test, &sent);
	id = t->record.msg.id;
	KUNIT_EXPECT_EQ(test, file_count(t->file), 2);
	KUNIT_EXPECT_NULL(test, vhost_backend_inflight_file(&t->inflight, id));
	KUNIT_ASSERT_EQ(test, deliver(t, VHOST_BACKEND_FILE_INSTALLED), id);
	KUNIT_EXPECT_EQ(test, file_count(t->file), 1);
	KUNIT_EXPECT_NULL(test, vhost_backend_inflight_file(&t->inflight, id));
	KUNIT_EXPECT_EQ(test, answer(t, id, 0), -ENOENT);

	/* A reply is wanted: held until then, however often it is taken */
	id = send_waiting(test, waiter, t->file);
	KUNIT_ASSERT_EQ(test, deliver(t, VHOST_BACKEND_FILE_INSTALLED), id);
	KUNIT_EXPECT_EQ(test, file_count(t->file), 2);
	file = vhost_backend_inflight_file(&t->inflight, id);
	KUNIT_ASSERT_PTR_EQ(test, file, t->file);
	fput(file);
	must_wait(test, waiter);
	KUNIT_EXPECT_EQ(test, answer(t, id, 0), 0);
	KUNIT_EXPECT_EQ(test, file_count(t->file), 1);

	/* None there */
	id = send_waiting(test, waiter, NULL);
	KUNIT_ASSERT_EQ(test, deliver_plain(t), id);
	KUNIT_EXPECT_NULL(test, vhost_backend_inflight_file(&t->inflight, id));
	KUNIT_EXPECT_EQ(test, answer(t, id, 0), 0);
	must_be_idle(test);
}

/* The reader does not take it: the request asks for a reply, which releases it. */
static void slot_holds_a_pending_file_until_the_reply(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	const struct sent sent = { .file = t->file };
	struct file *file;
	u64 id;
	int i;

	must_send(test, &sent);
	id = t->record.msg.id;
	KUNIT_EXPECT_EQ(test, t->inflight.waiting, 0);
	KUNIT_ASSERT_EQ(test, deliver(t, VHOST_BACKEND_FILE_PENDING), id);
	KUNIT_EXPECT_EQ(test, t->inflight.waiting, 1);
	KUNIT_EXPECT_EQ(test, t->inflight.waiting_peak, 1);
	for (i = 0; i < 3; i++) {
		file = vhost_backend_inflight_file(&t->inflight, id);
		KUNIT_ASSERT_PTR_EQ(test, file, t->file);
		KUNIT_EXPECT_EQ(test, file_count(t->file), 3);
		fput(file);
	}
	KUNIT_EXPECT_EQ(test, answer(t, id, 0), 0);
	KUNIT_EXPECT_EQ(test, file_count(t->file), 1);
	KUNIT_EXPECT_NULL(test, vhost_backend_inflight_file(&t->inflight, id));
	KUNIT_EXPECT_EQ(test, answer(t, id, 0), -ENOENT);
	KUNIT_EXPECT_EQ(test, counted(t, requests_answered), 1);
	must_be_idle(test);

	/* Nor does it outlive the channel. */
	must_send(test, &sent);
	KUNIT_ASSERT_EQ(test, deliver(t, VHOST_BACKEND_FILE_PENDING), t->record.msg.id);
	vhost_backend_inflight_close(&t->inflight);
	must_be_idle(test);
}

/* queued = delivered + withdrawn + those that wait; peaks stay. */
static void slot_counts(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	const struct sent plain = { .size = 32 };
	struct waiter *waiters = new_waiters(test, 3);
	int i;

	for (i = 0; i < 3; i++)
		send_waiting(test, &waiters[i], NULL);
	must_send(test, &plain);
	KUNIT_EXPECT_EQ(test, t->inflight.waiting, 3);
	KUNIT_EXPECT_EQ(test, t->inflight.ring.peak, 3 * 24 + 56);
	vhost_backend_inflight_give_up(&t->inflight, &waiters[1].completion, -EINTR);
	KUNIT_EXPECT_EQ(test, t->inflight.waiting, 2);
	deliver_plain(t);
	KUNIT_EXPECT_EQ(test, answer(t, waiters[0].completion.id, -(u64)EIO), 0);
	KUNIT_EXPECT_EQ(test, t->inflight.waiting, 1);
	KUNIT_EXPECT_EQ(test, t->inflight.waiting_peak, 3);
	KUNIT_EXPECT_EQ(test, t->inflight.ring.peak, 3 * 24 + 56);
	KUNIT_EXPECT_EQ(test, counted(t, requests_queued), 4);
	KUNIT_EXPECT_EQ(test, counted(t, requests_delivered), 1);
	KUNIT_EXPECT_EQ(test, counted(t, requests_withdrawn), 1);
	KUNIT_EXPECT_EQ(test, counted(t, requests_given_up), 1);
	KUNIT_EXPECT_EQ(test, counted(t, requests_answered), 1);
	KUNIT_EXPECT_EQ(test, counted(t, requests_failed), 1);
	deliver_plain(t);
	deliver_plain(t);
	KUNIT_EXPECT_EQ(test, answer(t, waiters[2].completion.id, 0), 0);
	must_be_idle(test);
}

/* done may send, and may free its completion. */
static int chain_left;

struct chain {
	struct vhost_backend_completion completion;
	struct inflight_test *t;
	struct file *file;
};

static int send_chain(struct inflight_test *t, struct file *file);

static void chain_done(struct vhost_backend_completion *completion, int error,
		       u64 value, struct file *file)
{
	struct chain *chain = container_of(completion, struct chain, completion);
	struct inflight_test *t = chain->t;
	struct file *again = chain->file;

	kfree(chain);
	if (--chain_left)
		send_chain(t, again);
}

static int send_chain(struct inflight_test *t, struct file *file)
{
	static const struct vhost_backend_msg msg = {
		.request = VHOST_BACKEND_SHMEM_MAP,
		.flags = VHOST_BACKEND_MSG_VERSION,
	};
	struct chain *chain = kzalloc(sizeof(*chain), GFP_ATOMIC);
	int err;

	if (!chain)
		return -ENOMEM;
	chain->completion.done = chain_done;
	chain->completion.owner = &t->owner;
	chain->t = t;
	chain->file = file;
	t->record = (struct vhost_backend_record){
		.msg = msg,
		.file = file,
		.completion = &chain->completion,
		.deadline = jiffies + HOUR,
	};
	err = send_record(t);
	if (err)
		kfree(chain);
	return err;
}

static void run_chain(struct kunit *test, struct file *file)
{
	struct inflight_test *t = test->priv;

	chain_left = 50;
	KUNIT_ASSERT_EQ(test, send_chain(t, file), 0);
	while (chain_left) {
		u64 id = deliver_plain(t);

		KUNIT_ASSERT_NE(test, id, ID_NONE);
		KUNIT_ASSERT_EQ(test, answer(t, id, 0), 0);
	}
	KUNIT_EXPECT_EQ(test, counted(t, requests_answered), 50);
	must_be_idle(test);
}

static void slot_sends_from_done(struct kunit *test)
{
	run_chain(test, NULL);
}

/* There the only slot is free again, though its file had to be put first. */
static void slot_sends_a_file_from_done(struct kunit *test)
{
	struct inflight_test *t = test->priv;

	inflight_test_resize(test, RING_BYTES, 1);
	run_chain(test, t->file);
}

/* A done that returns only when another task sleeps */
struct held_done {
	struct vhost_backend_completion completion;
	struct inflight_test *t;
	struct task_struct *until_asleep;
	struct completion running;
	bool watch;			/* from now on it runs until it sleeps */
	bool let_go;			/* that is waited for no more */
	bool over;
};

static void hold_done(struct vhost_backend_completion *completion, int error, u64 value,
		      struct file *file)
{
	struct held_done *held = container_of(completion, struct held_done, completion);

	complete(&held->running);
	while (!READ_ONCE(held->watch) ||
	       (task_is_running(held->until_asleep) && !READ_ONCE(held->let_go)))
		schedule_timeout_uninterruptible(1);
	WRITE_ONCE(held->over, true);
}

static int give_up_held(void *data)
{
	struct held_done *held = data;

	vhost_backend_inflight_give_up(&held->t->inflight, &held->completion, -EINTR);
	return 0;
}

/* A backend is quiet when every done of its has returned, not when it was called. */
static void slot_waits_for_done(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	struct held_done *held = kunit_kzalloc(test, sizeof(*held), GFP_KERNEL);
	struct task_struct *thread;

	KUNIT_ASSERT_NOT_NULL(test, held);
	init_completion(&held->running);
	held->completion.done = hold_done;
	held->completion.owner = &t->owner;
	held->t = t;
	held->until_asleep = current;
	must_send(test, &(const struct sent){ .file = t->file });
	t->record.completion = &held->completion;
	KUNIT_ASSERT_EQ(test, send_record(t), 0);

	thread = kthread_run(give_up_held, held, "kunit_held");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, thread);
	wait_for_completion(&held->running);
	vhost_backend_inflight_close(&t->inflight);
	vhost_backend_owner_wait(&t->other);
	WRITE_ONCE(held->watch, true);
	vhost_backend_owner_wait(&t->owner);
	KUNIT_EXPECT_TRUE(test, READ_ONCE(held->over));
	WRITE_ONCE(held->let_go, true);
	/* It touches the owner once more when it is over. */
	vhost_backend_callback_over(&t->owner);
	wait_for_completion(&t->owner.idle);
	vhost_backend_owner_init(&t->owner);
	must_be_idle(test);
}

/* Whoever has no request, or had some, need not wait. */
static void slot_waits_for_nothing(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	struct waiter *waiters = new_waiters(test, NR_SLOTS);
	int i;

	for (i = 0; i < NR_SLOTS; i++)
		send_waiting(test, &waiters[i], NULL);
	KUNIT_ASSERT_EQ(test, deliver_plain(t), waiters[0].completion.id);
	KUNIT_EXPECT_EQ(test, atomic_read(&t->owner.requests), NR_SLOTS);
	KUNIT_EXPECT_EQ(test, answer(t, waiters[0].completion.id, 0), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&t->owner.requests), NR_SLOTS - 1);
	vhost_backend_inflight_close(&t->inflight);
	KUNIT_EXPECT_EQ(test, atomic_read(&t->owner.requests), 0);
	vhost_backend_owner_wait(&t->owner);
	vhost_backend_owner_wait(&t->other);
	vhost_backend_owner_wait(&t->owner);
	must_be_idle(test);
}

/* What a worker, a timer or a dying process may do with interrupts off */
struct in_context {
	struct irq_work work;
	struct inflight_test *t;
	struct waiter answered, given_up, expired, shut_down, closed;
	int errors;
};

/* Counts what should have been 0 */
static void expect_none(struct in_context *context, int err)
{
	context->errors += !!err;
}

static void send_in(struct in_context *context, struct waiter *waiter,
		    unsigned long deadline, struct file *file)
{
	const struct sent sent = { .waiter = waiter, .deadline = deadline, .file = file };

	make_waiter(context->t, waiter);
	expect_none(context, send_request(context->t, &sent));
}

static void live_and_die(struct in_context *context)
{
	struct inflight_test *t = context->t;
	struct vhost_backend_inflight *inflight = &t->inflight;
	unsigned long next;

	send_in(context, &context->answered, 0, t->file);
	expect_none(context, deliver_plain(t) != context->answered.completion.id);
	expect_none(context, answer(t, context->answered.completion.id, 0));
	send_in(context, &context->given_up, 0, t->file);
	vhost_backend_inflight_give_up(inflight, &context->given_up.completion, -EINTR);
	send_in(context, &context->expired, jiffies - 1, t->file);
	vhost_backend_inflight_expire(inflight, &next);
	send_in(context, &context->shut_down, 0, t->file);
	vhost_backend_inflight_give_up_all(inflight, &t->owner, -ESHUTDOWN);
	expect_none(context, vhost_backend_inflight_reserve(inflight, 56));
	vhost_backend_inflight_unreserve(inflight, 56);
	expect_none(context, !vhost_backend_inflight_has_room(inflight));
	send_in(context, &context->closed, 0, t->file);
	vhost_backend_inflight_close(inflight);
}

static void live_and_die_in_irq(struct irq_work *work)
{
	struct in_context *context = container_of(work, struct in_context, work);

	expect_none(context, !in_hardirq());
	live_and_die(context);
}

static void in_process(struct in_context *context)
{
	live_and_die(context);
}

static void with_interrupts_off(struct in_context *context)
{
	local_irq_disable();
	live_and_die(context);
	local_irq_enable();
}

static void in_softirq_context(struct in_context *context)
{
	local_bh_disable();
	live_and_die(context);
	local_bh_enable();
}

static void in_hard_interrupt(struct in_context *context)
{
	context->work = IRQ_WORK_INIT_HARD(live_and_die_in_irq);
	irq_work_queue(&context->work);
	irq_work_sync(&context->work);
}

struct context_param {
	const char *name;
	void (*run)(struct in_context *context);
};

static const struct context_param contexts[] = {
	{ "process", in_process },
	{ "softirqs off", in_softirq_context },
	{ "interrupts off", with_interrupts_off },
	{ "hard interrupt", in_hard_interrupt },
};

static void context_desc(const struct context_param *param, char *desc)
{
	strscpy(desc, param->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(context, contexts, context_desc);

/* All of it works in any context, so lockdep and KASAN find nothing either. */
static void slot_works_in_any_context(struct kunit *test)
{
	const struct context_param *param = test->param_value;
	struct inflight_test *t = test->priv;
	struct in_context *context = kunit_kzalloc(test, sizeof(*context), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, context);
	context->t = t;
	param->run(context);
	KUNIT_EXPECT_EQ(test, context->errors, 0);
	must_have_ended(test, &context->answered, 0);
	must_have_ended(test, &context->given_up, -EINTR);
	must_have_ended(test, &context->expired, -ETIMEDOUT);
	must_have_ended(test, &context->shut_down, -ESHUTDOWN);
	must_have_ended(test, &context->closed, -ENOTCONN);
	KUNIT_EXPECT_EQ(test, file_count(t->file), 1);
	KUNIT_EXPECT_EQ(test, refcount_read(&t->owner.callbacks), 1);
}

static struct kunit_case slot_cases[] = {
	KUNIT_CASE(slot_gives_ids),
	KUNIT_CASE(slot_never_reuses_an_id),
	KUNIT_CASE_PARAM(slot_for_each, slots_gen_params),
	KUNIT_CASE(slot_holds_files),
	KUNIT_CASE(slot_holds_a_pending_file_until_the_reply),
	KUNIT_CASE(slot_counts),
	KUNIT_CASE(slot_sends_from_done),
	KUNIT_CASE(slot_sends_a_file_from_done),
	KUNIT_CASE(slot_waits_for_done),
	KUNIT_CASE(slot_waits_for_nothing),
	KUNIT_CASE_PARAM(slot_works_in_any_context, context_gen_params),
	{}
};

static struct kunit_suite slot_suite = {
	.name = "vhost_backend_slot",
	.init = inflight_test_init,
	.exit = inflight_test_exit,
	.test_cases = slot_cases,
};

kunit_test_suite(slot_suite);
