// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit: requests in flight: which id they have, who ends them, what becomes of
 * their slot and file, from whatever context.
 */
#include <linux/irq_work.h>
#include <linux/xarray.h>

#include "kunit_inflight.h"
/* The other half is in kunit_room.c. */
#include "../slot.c"
#include "../reply.c"

/* A reply to an id is for the request that has it, or for none. */
static void inflight_gives_ids(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	struct waiter *waiter = new_waiters(test, 1);
	struct sent sent = {};

	/* Nobody waits and there is no file: nothing to name */
	KUNIT_ASSERT_EQ(test, send(t, &sent), 0);
	KUNIT_EXPECT_EQ(test, t->record.msg.id, 0);
	KUNIT_EXPECT_EQ(test, t->record.msg.flags, VHOST_BACKEND_MSG_VERSION);
	KUNIT_EXPECT_EQ(test, t->inflight.nr_free, NR_SLOTS);

	sent.file = t->file;
	KUNIT_ASSERT_EQ(test, send(t, &sent), 0);
	KUNIT_EXPECT_NE(test, t->record.msg.id, 0);
	KUNIT_EXPECT_EQ(test, t->record.msg.flags, VHOST_BACKEND_MSG_VERSION);

	KUNIT_EXPECT_NE(test, send_waiting(test, waiter, NULL), 0);
	KUNIT_EXPECT_EQ(test, t->record.msg.id, waiter->completion.id);
	KUNIT_EXPECT_EQ(test, t->record.msg.flags,
			VHOST_BACKEND_MSG_VERSION | VHOST_BACKEND_MSG_NEED_REPLY);
	KUNIT_EXPECT_EQ(test, t->inflight.nr_free, NR_SLOTS - 2);

	KUNIT_EXPECT_EQ(test, deliver(t, true), 0);
	KUNIT_EXPECT_NE(test, deliver(t, true), ID_NONE);
	KUNIT_EXPECT_EQ(test, deliver(t, true), waiter->completion.id);
	KUNIT_EXPECT_EQ(test, answer(t, waiter->completion.id, 0), 0);
	must_be_idle(test);
}

/* Slots are used again, ids are not, even where 32 bits of them would wrap. */
static void inflight_never_reuses_an_id(struct kunit *test)
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
			KUNIT_ASSERT_EQ(test, deliver(t, false), id);
		KUNIT_ASSERT_EQ(test, xa_insert(&seen, id, xa_mk_value(1), GFP_KERNEL), 0);
		KUNIT_ASSERT_EQ(test, answer(t, id, 0), i % 3 ? 0 : -ENOENT);
	}
	xa_destroy(&seen);
	must_be_idle(test);
}

/* In the order in which they were queued, whatever they want. */
static void inflight_keeps_the_order(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	struct vhost_backend_claim claimed;
	const struct sent with_file = { .file = t->file, .request = 100 };
	const struct sent plain = { .request = 101 };
	struct waiter *waiter = new_waiters(test, 1);
	u32 i;

	KUNIT_ASSERT_EQ(test, send(t, &with_file), 0);
	KUNIT_ASSERT_EQ(test, send(t, &plain), 0);
	send_waiting(test, waiter, NULL);
	KUNIT_ASSERT_EQ(test, send(t, &plain), 0);
	for (i = 0; i < 4; i++) {
		KUNIT_ASSERT_EQ(test, claim(t, &claimed), 1);
		KUNIT_EXPECT_EQ(test, claimed.msg->request,
				i == 0 ? 100 : i == 2 ? VHOST_BACKEND_SHMEM_MAP : 101);
		vhost_backend_inflight_delivered(&t->inflight, &claimed, true);
	}
	KUNIT_EXPECT_EQ(test, answer(t, waiter->completion.id, 0), 0);
	must_be_idle(test);
}

struct value_param {
	u32 request;
	u64 value;
	int error;
	u64 result;
};

static const struct value_param values[] = {
	{ VHOST_BACKEND_SHMEM_MAP, 0, 0, 0 },
	{ VHOST_BACKEND_SHMEM_MAP, -1ULL, -1, 0 },
	{ VHOST_BACKEND_SHMEM_MAP, -(u64)ENOMEM, -ENOMEM, 0 },
	{ VHOST_BACKEND_SHMEM_MAP, -4095ULL, -4095, 0 },
	{ VHOST_BACKEND_SHMEM_MAP, -4096ULL, -EREMOTEIO, 0 },
	{ VHOST_BACKEND_SHMEM_MAP, BIT_ULL(63), -EREMOTEIO, 0 },
	{ VHOST_BACKEND_SHMEM_MAP, BIT_ULL(32), -EREMOTEIO, 0 },
	{ VHOST_BACKEND_SHMEM_MAP, U32_MAX, -EREMOTEIO, 0 },
	{ VHOST_BACKEND_SHMEM_MAP, 1, -EREMOTEIO, 0 },
	{ VHOST_BACKEND_SHMEM_MAP, S64_MAX, -EREMOTEIO, 0 },
	{ VHOST_BACKEND_DEPRECATED_FS_IO, 0, 0, 0 },
	{ VHOST_BACKEND_DEPRECATED_FS_IO, 1, 0, 1 },
	{ VHOST_BACKEND_DEPRECATED_FS_IO, BIT_ULL(32), 0, BIT_ULL(32) },
	{ VHOST_BACKEND_DEPRECATED_FS_IO, S64_MAX, 0, S64_MAX },
	{ VHOST_BACKEND_DEPRECATED_FS_IO, BIT_ULL(63), -EREMOTEIO, 0 },
	{ VHOST_BACKEND_DEPRECATED_FS_IO, -(u64)EIO, -EIO, 0 },
	{ VHOST_BACKEND_DEPRECATED_FS_IO, -4096ULL, -EREMOTEIO, 0 },
	{ VHOST_BACKEND_SHARED_OBJECT_LOOKUP, 0, -ENOENT, 0 },
	{ VHOST_BACKEND_SHARED_OBJECT_LOOKUP, -(u64)EPERM, -EPERM, 0 },
};

static void value_desc(const struct value_param *param, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "request %u, value %lld", param->request,
		 (s64)param->value);
}

KUNIT_ARRAY_PARAM(value, values, value_desc);

/* What the frontend's value means to the worker */
static void inflight_reads_the_reply(struct kunit *test)
{
	const struct value_param *param = test->param_value;
	struct inflight_test *t = test->priv;
	struct file *none = NULL;
	struct waiter *waiter = new_waiters(test, 1);
	const struct sent sent = { .request = param->request, .waiter = waiter };

	make_waiter(t, waiter);
	KUNIT_ASSERT_EQ(test, send(t, &sent), 0);
	deliver(t, false);
	must_wait(test, waiter);
	KUNIT_EXPECT_EQ(test, answer_with(t, waiter->completion.id, param->request,
					  param->value, &none), 0);
	must_have_ended(test, waiter, param->error);
	KUNIT_EXPECT_EQ(test, waiter->value, param->result);
	KUNIT_EXPECT_NULL(test, waiter->file);
	KUNIT_EXPECT_EQ(test, counted(t, requests_answered), 1);
	KUNIT_EXPECT_EQ(test, counted(t, requests_failed), !!param->error);
	must_be_idle(test);
}

/* Ids that name no request that could be answered */
static void inflight_refuses_wrong_ids(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	struct vhost_backend_claim claimed;
	const struct sent sent = { .file = t->file };
	struct file *none = NULL;
	struct waiter *waiter = new_waiters(test, 1);
	u64 id, plain;
	u32 i;

	for (i = 0; i < 64; i++)
		KUNIT_EXPECT_EQ(test, answer(t, i ? BIT_ULL(i) : 0, 0), -ENOENT);
	KUNIT_EXPECT_EQ(test, answer(t, U64_MAX, 0), -ENOENT);

	id = send_waiting(test, waiter, NULL);
	KUNIT_EXPECT_EQ(test, answer(t, id, 0), -ENOENT);
	KUNIT_ASSERT_EQ(test, claim(t, &claimed), 1);
	KUNIT_EXPECT_EQ(test, answer(t, id, 0), -ENOENT);
	vhost_backend_inflight_delivered(&t->inflight, &claimed, false);
	KUNIT_EXPECT_EQ(test, answer(t, id + BIT_ULL(VHOST_BACKEND_SLOT_BITS), 0), -ENOENT);
	KUNIT_EXPECT_EQ(test, answer(t, id - BIT_ULL(VHOST_BACKEND_SLOT_BITS), 0), -ENOENT);
	KUNIT_EXPECT_EQ(test, answer(t, id ^ 1, 0), -ENOENT);
	KUNIT_EXPECT_EQ(test, answer(t, id | (BIT(VHOST_BACKEND_SLOT_BITS) - 1), 0), -ENOENT);
	KUNIT_EXPECT_EQ(test, answer(t, id + NR_SLOTS, 0), -ENOENT);
	KUNIT_EXPECT_EQ(test, answer_with(t, id, VHOST_BACKEND_SHMEM_UNMAP, 0, &none),
			-EBADMSG);
	must_wait(test, waiter);
	KUNIT_EXPECT_EQ(test, answer(t, id, 0), 0);
	KUNIT_EXPECT_EQ(test, answer(t, id, 0), -ENOENT);
	must_have_ended(test, waiter, 0);

	/* Delivered, and it has an id for its file: but it wants no reply */
	KUNIT_ASSERT_EQ(test, send(t, &sent), 0);
	plain = t->record.msg.id;
	KUNIT_ASSERT_EQ(test, deliver(t, false), plain);
	KUNIT_EXPECT_EQ(test, answer(t, plain, 0), -ENOENT);
	vhost_backend_inflight_file_taken(&t->inflight, plain);
	KUNIT_EXPECT_EQ(test, counted(t, requests_answered), 1);
	must_be_idle(test);
}

/* Of LOOKUP: the reply's file is the worker's on success, else the frontend's. */
static void inflight_hands_over_the_file_of_a_reply(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	struct waiter *waiter = new_waiters(test, 1);
	const struct sent sent = {
		.request = VHOST_BACKEND_SHARED_OBJECT_LOOKUP, .waiter = waiter,
	};
	struct file *file = t->file;

	make_waiter(t, waiter);
	KUNIT_ASSERT_EQ(test, send(t, &sent), 0);
	deliver(t, false);
	KUNIT_EXPECT_EQ(test, answer_with(t, waiter->completion.id, sent.request, 0, &file), 0);
	must_have_ended(test, waiter, 0);
	KUNIT_EXPECT_PTR_EQ(test, waiter->file, t->file);
	KUNIT_EXPECT_NULL(test, file);

	file = t->file;
	make_waiter(t, waiter);
	KUNIT_ASSERT_EQ(test, send(t, &sent), 0);
	deliver(t, false);
	KUNIT_EXPECT_EQ(test, answer_with(t, waiter->completion.id, sent.request,
					  -(u64)EPERM, &file), 0);
	must_have_ended(test, waiter, -EPERM);
	KUNIT_EXPECT_NULL(test, waiter->file);
	KUNIT_EXPECT_PTR_EQ(test, file, t->file);

	/* Nobody waits any more. */
	make_waiter(t, waiter);
	KUNIT_ASSERT_EQ(test, send(t, &sent), 0);
	deliver(t, false);
	vhost_backend_inflight_give_up(&t->inflight, &waiter->completion, -EINTR);
	KUNIT_EXPECT_EQ(test, answer_with(t, waiter->completion.id, sent.request, 0, &file), 0);
	must_have_ended(test, waiter, -EINTR);
	KUNIT_EXPECT_PTR_EQ(test, file, t->file);
	must_be_idle(test);
}

/* Given up before delivery: it never comes, and all it held is free at once. */
static void inflight_withdraws_what_is_queued(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	struct waiter *waiter = new_waiters(test, 1);
	struct waiter *later = new_waiters(test, 1);
	u64 id, next;

	id = send_waiting(test, waiter, t->file);
	next = send_waiting(test, later, NULL);
	KUNIT_EXPECT_EQ(test, file_count(t->file), 2);
	vhost_backend_inflight_give_up(&t->inflight, &waiter->completion, -ETIMEDOUT);
	must_have_ended(test, waiter, -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, file_count(t->file), 1);
	KUNIT_EXPECT_EQ(test, t->inflight.nr_free, NR_SLOTS - 1);
	KUNIT_EXPECT_EQ(test, deliver(t, false), next);
	KUNIT_EXPECT_EQ(test, answer(t, id, 0), -ENOENT);
	KUNIT_EXPECT_NULL(test, vhost_backend_inflight_file(&t->inflight, id));
	KUNIT_EXPECT_EQ(test, answer(t, next, 0), 0);
	KUNIT_EXPECT_EQ(test, counted(t, requests_given_up), 1);
	KUNIT_EXPECT_EQ(test, counted(t, requests_withdrawn), 1);
	KUNIT_EXPECT_EQ(test, counted(t, requests_delivered), 1);
	must_be_idle(test);
}

/* Given up while a reader copies it: its message and file stay under his hands. */
static void inflight_gives_up_during_delivery(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	struct vhost_backend_claim claimed;
	struct waiter *waiter = new_waiters(test, 1);
	u64 id;

	id = send_waiting(test, waiter, t->file);
	KUNIT_ASSERT_EQ(test, claim(t, &claimed), 1);
	vhost_backend_inflight_give_up(&t->inflight, &waiter->completion, -EINTR);
	must_have_ended(test, waiter, -EINTR);
	KUNIT_EXPECT_EQ(test, claimed.msg->id, id);
	KUNIT_EXPECT_EQ(test, claimed.msg->request, VHOST_BACKEND_SHMEM_MAP);
	KUNIT_EXPECT_EQ(test, file_count(t->file), 2);

	/* It could not be delivered: it never will. */
	vhost_backend_inflight_unclaim(&t->inflight, &claimed);
	KUNIT_EXPECT_EQ(test, file_count(t->file), 1);
	KUNIT_EXPECT_EQ(test, counted(t, requests_withdrawn), 1);
	must_be_idle(test);

	/* It was delivered: the frontend's answer is waited for. */
	id = send_waiting(test, waiter, t->file);
	KUNIT_ASSERT_EQ(test, claim(t, &claimed), 1);
	vhost_backend_inflight_give_up(&t->inflight, &waiter->completion, -EINTR);
	vhost_backend_inflight_delivered(&t->inflight, &claimed, true);
	KUNIT_EXPECT_EQ(test, t->inflight.nr_free, NR_SLOTS - 1);
	KUNIT_EXPECT_EQ(test, answer(t, id, 0), 0);
	must_have_ended(test, waiter, -EINTR);
	KUNIT_EXPECT_EQ(test, counted(t, requests_withdrawn), 1);
	must_be_idle(test);
}

/* Given up after delivery: slot and file stay until the reply, which is accepted. */
static void inflight_keeps_what_was_delivered(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	struct waiter *waiter = new_waiters(test, 1);
	u64 id;

	id = send_waiting(test, waiter, t->file);
	KUNIT_ASSERT_EQ(test, deliver(t, true), id);
	vhost_backend_inflight_give_up(&t->inflight, &waiter->completion, -ESHUTDOWN);
	must_have_ended(test, waiter, -ESHUTDOWN);
	KUNIT_EXPECT_EQ(test, t->inflight.nr_free, NR_SLOTS - 1);
	KUNIT_EXPECT_EQ(test, t->inflight.waiting, 1);
	KUNIT_EXPECT_EQ(test, file_count(t->file), 2);
	/* Once more makes no difference. */
	vhost_backend_inflight_give_up(&t->inflight, &waiter->completion, -EINTR);
	must_have_ended(test, waiter, -ESHUTDOWN);
	KUNIT_EXPECT_EQ(test, answer(t, id, 0), 0);
	must_have_ended(test, waiter, -ESHUTDOWN);
	KUNIT_EXPECT_EQ(test, counted(t, requests_given_up), 1);
	KUNIT_EXPECT_EQ(test, counted(t, requests_withdrawn), 0);
	must_be_idle(test);
}

/* A completion that has ended gives up nothing, nor the slot's next request. */
static void inflight_gives_up_only_its_own(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	struct waiter *first = new_waiters(test, 1);
	struct waiter *second = new_waiters(test, 1);
	u64 id;

	id = send_waiting(test, first, NULL);
	deliver(t, false);
	KUNIT_ASSERT_EQ(test, answer(t, id, 0), 0);
	send_waiting(test, second, NULL);
	vhost_backend_inflight_give_up(&t->inflight, &first->completion, -EINTR);
	must_have_ended(test, first, 0);
	must_wait(test, second);
	/* Not even where the id were the same */
	first->completion.id = second->completion.id;
	vhost_backend_inflight_give_up(&t->inflight, &first->completion, -EINTR);
	must_wait(test, second);
	vhost_backend_inflight_give_up(&t->inflight, &second->completion, -EINTR);
	must_have_ended(test, second, -EINTR);
	must_be_idle(test);
}

/* A backend that is shut down ends its own requests, in whatever state. */
static void inflight_gives_up_all_of_a_backend(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	struct waiter *delivered = new_waiters(test, 1);
	struct waiter *queued = new_waiters(test, 1);
	struct waiter *others = new_waiters(test, 1);
	u64 id, other_id;

	id = send_waiting(test, delivered, NULL);
	deliver(t, false);
	send_waiting(test, queued, t->file);
	make_waiter(t, others);
	others->completion.owner = &t->other.owner;
	KUNIT_ASSERT_EQ(test, send(t, &(const struct sent){ .waiter = others }), 0);
	other_id = t->record.msg.id;

	vhost_backend_inflight_give_up_all(&t->inflight, &t->be.owner, -ESHUTDOWN);
	must_have_ended(test, delivered, -ESHUTDOWN);
	must_have_ended(test, queued, -ESHUTDOWN);
	must_wait(test, others);
	KUNIT_EXPECT_EQ(test, refcount_read(&t->be.owner.callbacks), 1);
	KUNIT_EXPECT_EQ(test, refcount_read(&t->other.owner.callbacks), 2);
	KUNIT_EXPECT_EQ(test, deliver(t, false), other_id);
	KUNIT_EXPECT_EQ(test, answer(t, other_id, 0), 0);
	KUNIT_EXPECT_EQ(test, answer(t, id, 0), 0);
	must_have_ended(test, others, 0);
	must_be_idle(test);
}

/* The channel holds a file as long as the frontend may ask for it, and no longer. */
static void inflight_holds_files(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	const struct sent sent = { .file = t->file };
	struct waiter *waiter = new_waiters(test, 1);
	struct file *file;
	u64 id;

	/* No reply wanted, and the reader takes it */
	KUNIT_ASSERT_EQ(test, send(t, &sent), 0);
	id = t->record.msg.id;
	KUNIT_EXPECT_EQ(test, file_count(t->file), 2);
	KUNIT_EXPECT_NULL(test, vhost_backend_inflight_file(&t->inflight, id));
	KUNIT_ASSERT_EQ(test, deliver(t, true), id);
	KUNIT_EXPECT_EQ(test, file_count(t->file), 1);

	/* He does not, and asks for it later */
	KUNIT_ASSERT_EQ(test, send(t, &sent), 0);
	id = t->record.msg.id;
	KUNIT_ASSERT_EQ(test, deliver(t, false), id);
	KUNIT_EXPECT_EQ(test, file_count(t->file), 2);
	file = vhost_backend_inflight_file(&t->inflight, id);
	KUNIT_ASSERT_PTR_EQ(test, file, t->file);
	KUNIT_EXPECT_EQ(test, file_count(t->file), 3);
	fput(file);
	vhost_backend_inflight_file_taken(&t->inflight, id);
	KUNIT_EXPECT_EQ(test, file_count(t->file), 1);
	KUNIT_EXPECT_NULL(test, vhost_backend_inflight_file(&t->inflight, id));
	vhost_backend_inflight_file_taken(&t->inflight, id);

	/* A reply is wanted: held until then, however often it is taken */
	id = send_waiting(test, waiter, t->file);
	KUNIT_ASSERT_EQ(test, deliver(t, true), id);
	vhost_backend_inflight_file_taken(&t->inflight, id);
	KUNIT_EXPECT_EQ(test, file_count(t->file), 2);
	must_wait(test, waiter);
	KUNIT_EXPECT_EQ(test, answer(t, id, 0), 0);
	KUNIT_EXPECT_EQ(test, file_count(t->file), 1);

	/* None there */
	id = send_waiting(test, waiter, NULL);
	KUNIT_ASSERT_EQ(test, deliver(t, true), id);
	KUNIT_EXPECT_NULL(test, vhost_backend_inflight_file(&t->inflight, id));
	KUNIT_EXPECT_EQ(test, answer(t, id, 0), 0);
	must_be_idle(test);
}

/* Only what is over its time is given up; the earliest deadline left is told. */
static void inflight_expires(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	const unsigned long soon = jiffies + HOUR, later = soon + HOUR;
	struct waiter *over = new_waiters(test, 1);
	struct waiter *first = new_waiters(test, 1);
	struct waiter *second = new_waiters(test, 1);
	const struct sent sent[] = {
		{ .waiter = second, .deadline = later },
		{ .waiter = over, .deadline = jiffies - 1 },
		{ .waiter = first, .deadline = soon },
		{ .reply = true, .deadline = jiffies - 1 },	/* nobody waits */
	};
	unsigned long next = 0;
	int i;

	KUNIT_EXPECT_FALSE(test, vhost_backend_inflight_expire(&t->inflight, &next));
	make_waiter(t, over);
	make_waiter(t, first);
	make_waiter(t, second);
	for (i = 0; i < ARRAY_SIZE(sent); i++)
		KUNIT_ASSERT_EQ(test, send(t, &sent[i]), 0);
	KUNIT_EXPECT_TRUE(test, vhost_backend_inflight_expire(&t->inflight, &next));
	KUNIT_EXPECT_EQ(test, next, soon);
	must_have_ended(test, over, -ETIMEDOUT);
	must_wait(test, first);
	must_wait(test, second);

	vhost_backend_inflight_give_up(&t->inflight, &first->completion, -EINTR);
	KUNIT_EXPECT_TRUE(test, vhost_backend_inflight_expire(&t->inflight, &next));
	KUNIT_EXPECT_EQ(test, next, later);
	vhost_backend_inflight_give_up(&t->inflight, &second->completion, -EINTR);
	KUNIT_EXPECT_FALSE(test, vhost_backend_inflight_expire(&t->inflight, &next));
	must_have_ended(test, over, -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, counted(t, requests_given_up), 3);

	/* The one whose reply nobody waits for has no time-out. */
	KUNIT_EXPECT_EQ(test, deliver(t, false), t->record.msg.id);
	KUNIT_EXPECT_EQ(test, answer(t, t->record.msg.id, 0), 0);
	must_be_idle(test);
}

/* A deadline is over when it is reached, also where the clock wraps. */
static void inflight_compares_deadlines(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	const unsigned long distances[] = { 0, 1, HOUR, MAX_JIFFY_OFFSET };
	struct waiter *waiter = new_waiters(test, 1);
	struct sent sent = { .waiter = waiter };
	unsigned long next;
	int i;

	for (i = 0; i < ARRAY_SIZE(distances); i++) {
		make_waiter(t, waiter);
		sent.deadline = jiffies - distances[i];
		KUNIT_ASSERT_EQ(test, send(t, &sent), 0);
		KUNIT_EXPECT_FALSE(test, vhost_backend_inflight_expire(&t->inflight, &next));
		must_have_ended(test, waiter, -ETIMEDOUT);
	}
	make_waiter(t, waiter);
	sent.deadline = jiffies + MAX_JIFFY_OFFSET;
	KUNIT_ASSERT_EQ(test, send(t, &sent), 0);
	KUNIT_EXPECT_TRUE(test, vhost_backend_inflight_expire(&t->inflight, &next));
	KUNIT_EXPECT_EQ(test, next, sent.deadline);
	must_wait(test, waiter);
	vhost_backend_inflight_give_up(&t->inflight, &waiter->completion, -EINTR);
	must_be_idle(test);
}

/* The end of the channel: each ends once, files are let go, nothing follows. */
static void inflight_closes_in_each_state(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	struct waiter *delivered = new_waiters(test, 1);
	struct waiter *given_up = new_waiters(test, 1);
	struct waiter *queued = new_waiters(test, 1);
	const struct sent plain = { .file = t->file }, nothing = {};
	struct vhost_backend_submission submission = { .record = &t->record };
	struct vhost_backend_inflight *inflight = &t->inflight;
	u64 id;

	id = send_waiting(test, delivered, t->file);
	deliver(t, true);
	send_waiting(test, given_up, t->file);
	deliver(t, true);
	vhost_backend_inflight_give_up(inflight, &given_up->completion, -EINTR);
	KUNIT_ASSERT_EQ(test, vhost_backend_inflight_reserve(inflight, 56), 0);
	send_waiting(test, queued, t->file);
	KUNIT_EXPECT_EQ(test, file_count(t->file), 4);
	fill(test, &nothing);
	KUNIT_EXPECT_FALSE(test, vhost_backend_inflight_has_room(inflight));

	vhost_backend_inflight_close(inflight);
	must_have_ended(test, delivered, -ENOTCONN);
	must_have_ended(test, given_up, -EINTR);
	must_have_ended(test, queued, -ENOTCONN);
	KUNIT_EXPECT_LT(test, delivered->turn, queued->turn);
	KUNIT_EXPECT_EQ(test, file_count(t->file), 1);
	KUNIT_EXPECT_EQ(test, inflight->nr_free, NR_SLOTS);
	KUNIT_EXPECT_EQ(test, inflight->waiting, 0);
	KUNIT_EXPECT_EQ(test, refcount_read(&t->be.owner.callbacks), 1);

	KUNIT_EXPECT_EQ(test, send(t, &plain), -ENOTCONN);
	KUNIT_EXPECT_EQ(test, send(t, &nothing), -ENOTCONN);
	KUNIT_EXPECT_EQ(test, vhost_backend_inflight_reserve(inflight, 24), -ENOTCONN);
	KUNIT_EXPECT_EQ(test, vhost_backend_inflight_queue_reserved(inflight, &submission, 56),
			-ENOTCONN);
	KUNIT_EXPECT_EQ(test, inflight->reserved_slots, 0);
	KUNIT_EXPECT_EQ(test, inflight->ring.reserved, 0);
	/* Who waits for room finds that there is no point in it. */
	KUNIT_EXPECT_TRUE(test, vhost_backend_inflight_has_room(inflight));
	KUNIT_EXPECT_EQ(test, answer(t, id, 0), -ENOENT);
	vhost_backend_inflight_give_up(inflight, &queued->completion, -EINTR);
	must_have_ended(test, queued, -ENOTCONN);
	KUNIT_EXPECT_EQ(test, file_count(t->file), 1);
}

/* A delivery that failed leaves the request as it was, its worker waiting. */
static void inflight_unclaims(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	struct vhost_backend_claim claimed;
	struct waiter *waiter = new_waiters(test, 1);
	u64 id = send_waiting(test, waiter, t->file);

	KUNIT_ASSERT_EQ(test, claim(t, &claimed), 1);
	vhost_backend_inflight_unclaim(&t->inflight, &claimed);
	KUNIT_EXPECT_EQ(test, answer(t, id, 0), -ENOENT);
	KUNIT_EXPECT_EQ(test, file_count(t->file), 2);
	must_wait(test, waiter);
	KUNIT_ASSERT_EQ(test, deliver(t, true), id);
	KUNIT_EXPECT_EQ(test, answer(t, id, 0), 0);
	KUNIT_EXPECT_EQ(test, counted(t, requests_withdrawn), 0);
	must_be_idle(test);
}

/* The address in EXTERNAL_MAP means nothing in another address space. */
static void inflight_withdraws_foreign_addresses(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	struct vhost_backend_claim claimed;
	struct waiter *waiters = new_waiters(test, 3);
	struct sent sent = { .request = VHOST_BACKEND_EXTERNAL_MAP };
	u64 last;
	int i;

	for (i = 0; i < 2; i++) {
		make_waiter(t, &waiters[i]);
		sent.waiter = &waiters[i];
		KUNIT_ASSERT_EQ(test, send(t, &sent), 0);
	}
	last = send_waiting(test, &waiters[2], NULL);
	KUNIT_EXPECT_EQ(test, claim_within(t, t->inflight.ring.producer, 280, false, &claimed), 1);
	KUNIT_EXPECT_EQ(test, claimed.msg->id, last);
	vhost_backend_inflight_delivered(&t->inflight, &claimed, false);
	must_have_ended(test, &waiters[0], -EPERM);
	must_have_ended(test, &waiters[1], -EPERM);
	must_wait(test, &waiters[2]);
	KUNIT_EXPECT_EQ(test, answer(t, last, 0), 0);
	KUNIT_EXPECT_EQ(test, counted(t, requests_withdrawn), 2);

	make_waiter(t, &waiters[0]);
	sent.waiter = &waiters[0];
	KUNIT_ASSERT_EQ(test, send(t, &sent), 0);
	KUNIT_EXPECT_EQ(test, deliver(t, false), waiters[0].completion.id);
	vhost_backend_inflight_give_up(&t->inflight, &waiters[0].completion, -EINTR);
	KUNIT_EXPECT_EQ(test, t->inflight.waiting, 1);
}

/* queued = delivered + withdrawn + those that wait; peaks stay. */
static void inflight_counts(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	const struct sent plain = { .size = 32 };
	struct waiter *waiters = new_waiters(test, 3);
	int i;

	for (i = 0; i < 3; i++)
		send_waiting(test, &waiters[i], NULL);
	KUNIT_ASSERT_EQ(test, send(t, &plain), 0);
	KUNIT_EXPECT_EQ(test, t->inflight.waiting, 3);
	KUNIT_EXPECT_EQ(test, t->inflight.bytes_peak, 3 * 24 + 56);
	vhost_backend_inflight_give_up(&t->inflight, &waiters[1].completion, -EINTR);
	KUNIT_EXPECT_EQ(test, t->inflight.waiting, 2);
	deliver(t, false);
	KUNIT_EXPECT_EQ(test, answer(t, waiters[0].completion.id, -(u64)EIO), 0);
	KUNIT_EXPECT_EQ(test, t->inflight.waiting, 1);
	KUNIT_EXPECT_EQ(test, t->inflight.waiting_peak, 3);
	KUNIT_EXPECT_EQ(test, t->inflight.bytes_peak, 3 * 24 + 56);
	KUNIT_EXPECT_EQ(test, counted(t, requests_queued), 4);
	KUNIT_EXPECT_EQ(test, counted(t, requests_delivered), 1);
	KUNIT_EXPECT_EQ(test, counted(t, requests_withdrawn), 1);
	KUNIT_EXPECT_EQ(test, counted(t, requests_given_up), 1);
	KUNIT_EXPECT_EQ(test, counted(t, requests_answered), 1);
	KUNIT_EXPECT_EQ(test, counted(t, requests_failed), 1);
	deliver(t, false);
	deliver(t, false);
	KUNIT_EXPECT_EQ(test, answer(t, waiters[2].completion.id, 0), 0);
	must_be_idle(test);
}

/* done may send, and may free its completion. */
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
	if (--t->chain_left)
		send_chain(t, again);
}

static int send_chain(struct inflight_test *t, struct file *file)
{
	struct chain *chain = kzalloc(sizeof(*chain), GFP_ATOMIC);
	const struct vhost_backend_submission submission = {
		.record = &t->record,
		.file = file,
		.completion = chain ? &chain->completion : NULL,
		.deadline = jiffies + HOUR,
		.reply = true,
	};
	unsigned long flags;
	int err;

	if (!chain)
		return -ENOMEM;
	chain->completion.done = chain_done;
	chain->completion.backend = &t->be;
	chain->t = t;
	chain->file = file;
	t->record.msg.request = VHOST_BACKEND_SHMEM_MAP;
	t->record.msg.size = 0;
	raw_spin_lock_irqsave(&t->inflight.lock, flags);
	err = vhost_backend_inflight_queue(&t->inflight, &submission);
	raw_spin_unlock_irqrestore(&t->inflight.lock, flags);
	if (err)
		kfree(chain);
	return err;
}

static void run_chain(struct kunit *test, struct file *file)
{
	struct inflight_test *t = test->priv;

	t->chain_left = 50;
	KUNIT_ASSERT_EQ(test, send_chain(t, file), 0);
	while (t->chain_left) {
		u64 id = deliver(t, false);

		KUNIT_ASSERT_NE(test, id, ID_NONE);
		KUNIT_ASSERT_EQ(test, answer(t, id, 0), 0);
	}
	KUNIT_EXPECT_EQ(test, counted(t, requests_answered), 50);
	must_be_idle(test);
}

static void inflight_sends_from_done(struct kunit *test)
{
	run_chain(test, NULL);
}

/* There the only slot is free again, though its file had to be put first. */
static void inflight_sends_a_file_from_done(struct kunit *test)
{
	struct inflight_test *t = test->priv;

	vhost_backend_inflight_destroy(&t->inflight);
	KUNIT_ASSERT_EQ(test, vhost_backend_inflight_init(&t->inflight, 1), 0);
	run_chain(test, t->file);
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
	expect_none(context, send(context->t, &sent));
}

static void live_and_die(struct in_context *context)
{
	struct inflight_test *t = context->t;
	struct vhost_backend_inflight *inflight = &t->inflight;
	unsigned long next;

	send_in(context, &context->answered, 0, t->file);
	expect_none(context, deliver(t, true) != context->answered.completion.id);
	expect_none(context, answer(t, context->answered.completion.id, 0));
	send_in(context, &context->given_up, 0, t->file);
	vhost_backend_inflight_give_up(inflight, &context->given_up.completion, -EINTR);
	send_in(context, &context->expired, jiffies - 1, t->file);
	vhost_backend_inflight_expire(inflight, &next);
	send_in(context, &context->shut_down, 0, t->file);
	vhost_backend_inflight_give_up_all(inflight, &t->be.owner, -ESHUTDOWN);
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
static void inflight_works_in_any_context(struct kunit *test)
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
	KUNIT_EXPECT_EQ(test, refcount_read(&t->be.owner.callbacks), 1);
}

static struct kunit_case inflight_cases[] = {
	KUNIT_CASE(inflight_gives_ids),
	KUNIT_CASE(inflight_never_reuses_an_id),
	KUNIT_CASE(inflight_keeps_the_order),
	KUNIT_CASE_PARAM(inflight_reads_the_reply, value_gen_params),
	KUNIT_CASE(inflight_refuses_wrong_ids),
	KUNIT_CASE(inflight_hands_over_the_file_of_a_reply),
	KUNIT_CASE(inflight_withdraws_what_is_queued),
	KUNIT_CASE(inflight_gives_up_during_delivery),
	KUNIT_CASE(inflight_keeps_what_was_delivered),
	KUNIT_CASE(inflight_gives_up_only_its_own),
	KUNIT_CASE(inflight_gives_up_all_of_a_backend),
	KUNIT_CASE(inflight_holds_files),
	KUNIT_CASE(inflight_expires),
	KUNIT_CASE(inflight_compares_deadlines),
	KUNIT_CASE(inflight_closes_in_each_state),
	KUNIT_CASE(inflight_unclaims),
	KUNIT_CASE(inflight_withdraws_foreign_addresses),
	KUNIT_CASE(inflight_counts),
	KUNIT_CASE(inflight_sends_from_done),
	KUNIT_CASE(inflight_sends_a_file_from_done),
	KUNIT_CASE_PARAM(inflight_works_in_any_context, context_gen_params),
	{}
};

static struct kunit_suite inflight_suite = {
	.name = "vhost_backend_inflight",
	.init = inflight_test_init,
	.exit = inflight_test_exit,
	.test_cases = inflight_cases,
};

kunit_test_suite(inflight_suite);
