// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit: how a request ends: by a reply, given up, or with the channel. What it tests is
 * in kunit_deadline.c.
 */
#include "inflight_test.h"

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
static void reply_means_to_the_worker(struct kunit *test)
{
	const struct value_param *param = test->param_value;
	struct inflight_test *t = test->priv;
	struct file *none = NULL;
	struct waiter *waiter = new_waiters(test, 1);
	const struct sent sent = { .request = param->request, .waiter = waiter };

	make_waiter(t, waiter);
	must_send(test, &sent);
	deliver_plain(t);
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
static void reply_refuses_wrong_ids(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	struct vhost_backend_run run;
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
	KUNIT_ASSERT_EQ(test, claim_all(t, &run), 1);
	KUNIT_EXPECT_EQ(test, answer(t, id, 0), -ENOENT);
	commit_all(t, &run, VHOST_BACKEND_FILE_INSTALLED);
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

	/* It wanted no reply, and the reader took its file */
	must_send(test, &sent);
	plain = t->record.msg.id;
	KUNIT_ASSERT_EQ(test, deliver_plain(t), plain);
	KUNIT_EXPECT_EQ(test, answer(t, plain, 0), -ENOENT);
	KUNIT_EXPECT_EQ(test, counted(t, requests_answered), 1);
	must_be_idle(test);
}

/* Of LOOKUP: the reply's file is the worker's on success, else the frontend's. */
static void reply_hands_over_its_file(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	struct waiter *waiter = new_waiters(test, 1);
	const struct sent sent = {
		.request = VHOST_BACKEND_SHARED_OBJECT_LOOKUP, .waiter = waiter,
	};
	struct file *file = t->file;

	make_waiter(t, waiter);
	must_send(test, &sent);
	deliver_plain(t);
	KUNIT_EXPECT_EQ(test, answer_with(t, waiter->completion.id, sent.request, 0, &file), 0);
	must_have_ended(test, waiter, 0);
	KUNIT_EXPECT_PTR_EQ(test, waiter->file, t->file);
	KUNIT_EXPECT_NULL(test, file);

	file = t->file;
	make_waiter(t, waiter);
	must_send(test, &sent);
	deliver_plain(t);
	KUNIT_EXPECT_EQ(test, answer_with(t, waiter->completion.id, sent.request,
					  -(u64)EPERM, &file), 0);
	must_have_ended(test, waiter, -EPERM);
	KUNIT_EXPECT_NULL(test, waiter->file);
	KUNIT_EXPECT_PTR_EQ(test, file, t->file);

	/* Nobody waits any more. */
	make_waiter(t, waiter);
	must_send(test, &sent);
	deliver_plain(t);
	vhost_backend_inflight_give_up(&t->inflight, &waiter->completion, -EINTR);
	KUNIT_EXPECT_EQ(test, answer_with(t, waiter->completion.id, sent.request, 0, &file), 0);
	must_have_ended(test, waiter, -EINTR);
	KUNIT_EXPECT_PTR_EQ(test, file, t->file);
	must_be_idle(test);
}

/* Given up before delivery: it never comes, and all it held is free at once. */
static void reply_withdraws_what_is_queued(struct kunit *test)
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
	KUNIT_EXPECT_EQ(test, deliver_plain(t), next);
	KUNIT_EXPECT_EQ(test, answer(t, id, 0), -ENOENT);
	KUNIT_EXPECT_NULL(test, vhost_backend_inflight_file(&t->inflight, id));
	KUNIT_EXPECT_EQ(test, answer(t, next, 0), 0);
	KUNIT_EXPECT_EQ(test, counted(t, requests_given_up), 1);
	KUNIT_EXPECT_EQ(test, counted(t, requests_withdrawn), 1);
	KUNIT_EXPECT_EQ(test, counted(t, requests_delivered), 1);
	must_be_idle(test);
}

/* Given up while a reader copies it: its message and file stay under his hands. */
static void reply_gives_up_during_delivery(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	struct vhost_backend_run run;
	struct waiter *waiter = new_waiters(test, 1);
	u64 id;

	id = send_waiting(test, waiter, t->file);
	KUNIT_ASSERT_EQ(test, claim_all(t, &run), 1);
	vhost_backend_inflight_give_up(&t->inflight, &waiter->completion, -EINTR);
	must_have_ended(test, waiter, -EINTR);
	KUNIT_EXPECT_EQ(test, run.first->id, id);
	KUNIT_EXPECT_EQ(test, run.first->request, VHOST_BACKEND_SHMEM_MAP);
	KUNIT_EXPECT_EQ(test, file_count(t->file), 2);

	/* It could not be delivered: it never will. */
	vhost_backend_inflight_commit(&t->inflight, &run, 0, VHOST_BACKEND_FILE_NONE);
	KUNIT_EXPECT_EQ(test, file_count(t->file), 1);
	KUNIT_EXPECT_EQ(test, counted(t, requests_withdrawn), 1);
	must_be_idle(test);

	/* It was delivered: the frontend's answer is waited for. */
	id = send_waiting(test, waiter, t->file);
	KUNIT_ASSERT_EQ(test, claim_all(t, &run), 1);
	vhost_backend_inflight_give_up(&t->inflight, &waiter->completion, -EINTR);
	commit_all(t, &run, VHOST_BACKEND_FILE_INSTALLED);
	KUNIT_EXPECT_EQ(test, t->inflight.nr_free, NR_SLOTS - 1);
	KUNIT_EXPECT_EQ(test, answer(t, id, 0), 0);
	must_have_ended(test, waiter, -EINTR);
	KUNIT_EXPECT_EQ(test, counted(t, requests_withdrawn), 1);
	must_be_idle(test);
}

/* Given up after delivery: slot and file stay until the reply, which is accepted. */
static void reply_keeps_what_was_delivered(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	struct waiter *waiter = new_waiters(test, 1);
	u64 id;

	id = send_waiting(test, waiter, t->file);
	KUNIT_ASSERT_EQ(test, deliver_plain(t), id);
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
static void reply_gives_up_only_its_own(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	struct waiter *first = new_waiters(test, 1);
	struct waiter *second = new_waiters(test, 1);
	u64 id;

	id = send_waiting(test, first, NULL);
	deliver_plain(t);
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
static void reply_gives_up_all_of_a_backend(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	struct waiter *delivered = new_waiters(test, 1);
	struct waiter *queued = new_waiters(test, 1);
	struct waiter *others = new_waiters(test, 1);
	u64 id, other_id;

	id = send_waiting(test, delivered, NULL);
	deliver_plain(t);
	send_waiting(test, queued, t->file);
	make_waiter(t, others);
	others->completion.owner = &t->other;
	must_send(test, &(const struct sent){ .waiter = others });
	other_id = t->record.msg.id;

	vhost_backend_inflight_give_up_all(&t->inflight, &t->owner, -ESHUTDOWN);
	must_have_ended(test, delivered, -ESHUTDOWN);
	must_have_ended(test, queued, -ESHUTDOWN);
	must_wait(test, others);
	KUNIT_EXPECT_EQ(test, refcount_read(&t->owner.callbacks), 1);
	KUNIT_EXPECT_EQ(test, refcount_read(&t->other.callbacks), 2);
	KUNIT_EXPECT_EQ(test, deliver_plain(t), other_id);
	KUNIT_EXPECT_EQ(test, answer(t, other_id, 0), 0);
	KUNIT_EXPECT_EQ(test, answer(t, id, 0), 0);
	must_have_ended(test, others, 0);
	must_be_idle(test);
}

/* The end of the channel: each ends once, files are let go, nothing follows. */
static void reply_closes_in_each_state(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	struct waiter *delivered = new_waiters(test, 1);
	struct waiter *given_up = new_waiters(test, 1);
	struct waiter *queued = new_waiters(test, 1);
	const struct sent plain = { .file = t->file }, nothing = {};
	struct vhost_backend_inflight *inflight = &t->inflight;
	u64 id;

	id = send_waiting(test, delivered, t->file);
	deliver_plain(t);
	send_waiting(test, given_up, t->file);
	deliver_plain(t);
	vhost_backend_inflight_give_up(inflight, &given_up->completion, -EINTR);
	KUNIT_ASSERT_EQ(test, vhost_backend_inflight_reserve(inflight, 56), 0);
	send_waiting(test, queued, t->file);
	KUNIT_EXPECT_EQ(test, file_count(t->file), 4);
	fill_up(test, &nothing);
	KUNIT_EXPECT_FALSE(test, vhost_backend_inflight_has_room(inflight));

	vhost_backend_inflight_close(inflight);
	must_have_ended(test, delivered, -ENOTCONN);
	must_have_ended(test, given_up, -EINTR);
	must_have_ended(test, queued, -ENOTCONN);
	KUNIT_EXPECT_LT(test, delivered->turn, queued->turn);
	KUNIT_EXPECT_EQ(test, file_count(t->file), 1);
	KUNIT_EXPECT_EQ(test, inflight->nr_free, NR_SLOTS);
	KUNIT_EXPECT_EQ(test, inflight->waiting, 0);
	KUNIT_EXPECT_EQ(test, refcount_read(&t->owner.callbacks), 1);

	KUNIT_EXPECT_EQ(test, send_request(t, &plain), -ENOTCONN);
	KUNIT_EXPECT_EQ(test, send_request(t, &nothing), -ENOTCONN);
	KUNIT_EXPECT_EQ(test, vhost_backend_inflight_reserve(inflight, 24), -ENOTCONN);
	KUNIT_EXPECT_EQ(test, vhost_backend_inflight_queue_reserved(inflight, &t->record, 56),
			-ENOTCONN);
	KUNIT_EXPECT_EQ(test, inflight->ring.reserved, 0);
	/* Who waits for room finds that there is no point in it. */
	KUNIT_EXPECT_TRUE(test, vhost_backend_inflight_has_room(inflight));
	KUNIT_EXPECT_EQ(test, answer(t, id, 0), -ENOENT);
	vhost_backend_inflight_give_up(inflight, &queued->completion, -EINTR);
	must_have_ended(test, queued, -ENOTCONN);
	KUNIT_EXPECT_EQ(test, file_count(t->file), 1);
}

static struct kunit_case reply_cases[] = {
	KUNIT_CASE_PARAM(reply_means_to_the_worker, value_gen_params),
	KUNIT_CASE(reply_refuses_wrong_ids),
	KUNIT_CASE(reply_hands_over_its_file),
	KUNIT_CASE(reply_withdraws_what_is_queued),
	KUNIT_CASE(reply_gives_up_during_delivery),
	KUNIT_CASE(reply_keeps_what_was_delivered),
	KUNIT_CASE(reply_gives_up_only_its_own),
	KUNIT_CASE(reply_gives_up_all_of_a_backend),
	KUNIT_CASE(reply_closes_in_each_state),
	{}
};

static struct kunit_suite reply_suite = {
	.name = "vhost_backend_reply",
	.init = inflight_test_init,
	.exit = inflight_test_exit,
	.test_cases = reply_cases,
};

kunit_test_suite(reply_suite);
