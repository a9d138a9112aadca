// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit: requests in flight: which id they have, who ends them, what becomes of
 * their slot and file, from whatever context.
 */
#include <kunit/test.h>
#include <linux/irq_work.h>
#include <linux/sizes.h>
#include <linux/xarray.h>

#include "../compat.h"
#include "../inflight.c"

#define RING_BYTES	4096
#define NR_SLOTS	4
#define HOUR		(3600UL * HZ)
#define ID_NONE		U64_MAX

struct inflight_test {
	struct vhost_backend_ctl ctl;
	struct vhost_backend_inflight inflight;
	struct vhost_backend be;
	struct vhost_backend other;
	struct vhost_backend_record record;
	struct file *file;
	void *data;
	int chain_left;			/* see chain_done() */
	int ended;			/* waiters that were told */
};

/* A worker that waits, and what it was told */
struct waiter {
	struct vhost_backend_completion completion;
	struct inflight_test *t;
	int calls;
	int turn;			/* the how many-th was told */
	int error;
	u64 value;
	struct file *file;
	bool locked;			/* done was called under the lock */
};

static void waiter_done(struct vhost_backend_completion *completion, int error,
			u64 value, struct file *file)
{
	struct waiter *waiter = container_of(completion, struct waiter, completion);

	waiter->calls++;
	waiter->turn = ++waiter->t->ended;
	waiter->error = error;
	waiter->value = value;
	waiter->file = file;
	waiter->locked = raw_spin_is_locked(&waiter->t->inflight.lock);
}

static void make_waiter(struct inflight_test *t, struct waiter *waiter)
{
	*waiter = (struct waiter){
		.completion = { .done = waiter_done, .backend = &t->be },
		.t = t,
	};
}

/* Memory that outlives a test that fails: the channel's end still calls done. */
static struct waiter *new_waiters(struct kunit *test, u32 nr)
{
	struct waiter *waiters = kunit_kcalloc(test, nr, sizeof(*waiters), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, waiters);
	return waiters;
}

/* A request to be sent: all that matters here */
struct sent {
	u32 request;
	u32 size;
	struct file *file;
	struct waiter *waiter;
	unsigned long deadline;
	bool reply;			/* wants one, though nobody waits */
};

static int send(struct inflight_test *t, const struct sent *sent)
{
	const struct vhost_backend_submission submission = {
		.record = &t->record,
		.file = sent->file,
		.completion = sent->waiter ? &sent->waiter->completion : NULL,
		.deadline = sent->deadline ?: jiffies + HOUR,
		.reply = sent->waiter || sent->reply,
	};
	unsigned long flags;
	int err;

	t->record.msg = (struct vhost_backend_msg){
		.request = sent->request ?: VHOST_BACKEND_SHMEM_MAP,
		.flags = VHOST_BACKEND_MSG_VERSION,
		.size = sent->size,
		.fd = sent->file ? VHOST_BACKEND_FD_PENDING : VHOST_BACKEND_FD_NONE,
	};
	raw_spin_lock_irqsave(&t->inflight.lock, flags);
	err = vhost_backend_inflight_queue(&t->inflight, &submission);
	raw_spin_unlock_irqrestore(&t->inflight.lock, flags);
	return err;
}

/* Sends a request whose sender waits; returns its id. */
static u64 send_waiting(struct kunit *test, struct waiter *waiter, struct file *file)
{
	struct inflight_test *t = test->priv;
	const struct sent sent = { .waiter = waiter, .file = file };

	make_waiter(t, waiter);
	KUNIT_ASSERT_EQ(test, send(t, &sent), 0);
	return t->record.msg.id;
}

/* Sends as many as go in, which must be no more than there is memory for. */
static void fill(struct kunit *test, const struct sent *sent)
{
	u32 most = RING_BYTES / sizeof(struct vhost_backend_msg);

	while (!send(test->priv, sent))
		KUNIT_ASSERT_NE(test, most--, 0);
}

static int claim(struct inflight_test *t, struct vhost_backend_claim *claim)
{
	return vhost_backend_inflight_claim(&t->inflight, t->inflight.ring.producer,
					    VHOST_BACKEND_MSG_MAX, true, claim);
}

/* Delivers the oldest, and with @takes its file; its id, or ID_NONE. */
static u64 deliver(struct inflight_test *t, bool takes)
{
	struct vhost_backend_claim claimed;
	u64 id;

	if (claim(t, &claimed) != 1)
		return ID_NONE;
	id = claimed.msg->id;
	vhost_backend_inflight_delivered(&t->inflight, &claimed, takes);
	return id;
}

static int answer_with(struct inflight_test *t, u64 id, u32 request, u64 value,
		       struct file **file)
{
	const struct vhost_backend_reply reply = {
		.msg = {
			.request = request,
			.flags = VHOST_BACKEND_MSG_VERSION | VHOST_BACKEND_MSG_REPLY,
			.size = sizeof(reply.value),
			.fd = VHOST_BACKEND_FD_NONE,
			.id = id,
		},
		.value = value,
	};
	int would = vhost_backend_inflight_check_reply(&t->inflight, &reply);
	int err = vhost_backend_inflight_reply(&t->inflight, &reply, file);

	/* What was promised is what comes. */
	return err == would ? err : -ENOTRECOVERABLE;
}

static int answer(struct inflight_test *t, u64 id, u64 value)
{
	struct file *none = NULL;

	return answer_with(t, id, VHOST_BACKEND_SHMEM_MAP, value, &none);
}

static void must_have_ended(struct kunit *test, const struct waiter *waiter, int error)
{
	KUNIT_EXPECT_EQ(test, waiter->calls, 1);
	KUNIT_EXPECT_EQ(test, waiter->error, error);
	KUNIT_EXPECT_FALSE(test, waiter->locked);
}

static void must_wait(struct kunit *test, const struct waiter *waiter)
{
	KUNIT_EXPECT_EQ(test, waiter->calls, 0);
}

/* Nothing queued, every slot free, no file held, no callback to come */
static void must_be_idle(struct kunit *test)
{
	struct inflight_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, deliver(t, false), ID_NONE);
	KUNIT_EXPECT_EQ(test, t->inflight.nr_free, t->inflight.nr_slots);
	KUNIT_EXPECT_TRUE(test, list_empty(&t->inflight.busy));
	KUNIT_EXPECT_EQ(test, t->inflight.waiting, 0);
	KUNIT_EXPECT_EQ(test, t->inflight.reserved_slots, 0);
	KUNIT_EXPECT_EQ(test, t->inflight.ring.reserved, 0);
	KUNIT_EXPECT_EQ(test, vhost_backend_ring_waiting(&t->inflight.ring), 0);
	KUNIT_EXPECT_EQ(test, refcount_read(&t->be.callbacks), 1);
	KUNIT_EXPECT_EQ(test, refcount_read(&t->other.callbacks), 1);
	KUNIT_EXPECT_EQ(test, file_count(t->file), 1);
}

static u64 sum_counter(const struct inflight_test *t, size_t offset)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += *(u64 *)((void *)per_cpu_ptr(t->inflight.counters, cpu) + offset);
	return sum;
}

#define counted(t, counter) \
	sum_counter(t, offsetof(struct vhost_backend_stats, counter))

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
	KUNIT_EXPECT_EQ(test, answer(t, id + BIT_ULL(SLOT_BITS), 0), -ENOENT);
	KUNIT_EXPECT_EQ(test, answer(t, id - BIT_ULL(SLOT_BITS), 0), -ENOENT);
	KUNIT_EXPECT_EQ(test, answer(t, id ^ 1, 0), -ENOENT);
	KUNIT_EXPECT_EQ(test, answer(t, id | (BIT(SLOT_BITS) - 1), 0), -ENOENT);
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
	others->completion.backend = &t->other;
	KUNIT_ASSERT_EQ(test, send(t, &(const struct sent){ .waiter = others }), 0);
	other_id = t->record.msg.id;

	vhost_backend_inflight_give_up_all(&t->inflight, &t->be, -ESHUTDOWN);
	must_have_ended(test, delivered, -ESHUTDOWN);
	must_have_ended(test, queued, -ESHUTDOWN);
	must_wait(test, others);
	KUNIT_EXPECT_EQ(test, refcount_read(&t->be.callbacks), 1);
	KUNIT_EXPECT_EQ(test, refcount_read(&t->other.callbacks), 2);
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

/* Without a slot or without room nothing is queued, and no reference taken. */
static void inflight_refuses_without_room(struct kunit *test)
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
	KUNIT_EXPECT_EQ(test, refcount_read(&t->be.callbacks), NR_SLOTS);
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
static void inflight_finds_room_behind_the_dead(struct kunit *test)
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

/* A reservation is a slot and room; nobody else gets them, and it always works. */
static void inflight_reserves(struct kunit *test)
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
static void inflight_gives_reservations_back(struct kunit *test)
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
	KUNIT_EXPECT_EQ(test, refcount_read(&t->be.callbacks), 1);

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

/* A buffer too small: it stays, whole, and is the next one again. */
static void inflight_keeps_what_does_not_fit(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	const struct sent sent = { .size = 32 };
	struct vhost_backend_claim claimed;
	u32 space;

	KUNIT_ASSERT_EQ(test, send(t, &sent), 0);
	for (space = 0; space < 56; space += 8)
		KUNIT_EXPECT_EQ(test, vhost_backend_inflight_claim(&t->inflight, 56, space,
								   true, &claimed),
				-EMSGSIZE);
	KUNIT_EXPECT_EQ(test, vhost_backend_inflight_claim(&t->inflight, 56, 56, true,
							   &claimed), 1);
	vhost_backend_inflight_unclaim(&t->inflight, &claimed);
	KUNIT_EXPECT_EQ(test, vhost_backend_inflight_claim(&t->inflight, 0, 56, true,
							   &claimed), 0);
	KUNIT_EXPECT_EQ(test, counted(t, requests_delivered), 0);
	KUNIT_EXPECT_EQ(test, deliver(t, false), 0);
	KUNIT_EXPECT_EQ(test, counted(t, requests_delivered), 1);
	must_be_idle(test);
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
	KUNIT_EXPECT_EQ(test, vhost_backend_inflight_claim(&t->inflight,
							   t->inflight.ring.producer, 280,
							   false, &claimed), 1);
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
};

static int send_chain(struct inflight_test *t);

static void chain_done(struct vhost_backend_completion *completion, int error,
		       u64 value, struct file *file)
{
	struct chain *chain = container_of(completion, struct chain, completion);
	struct inflight_test *t = chain->t;

	kfree(chain);
	if (--t->chain_left)
		send_chain(t);
}

static int send_chain(struct inflight_test *t)
{
	struct chain *chain = kzalloc(sizeof(*chain), GFP_ATOMIC);
	const struct vhost_backend_submission submission = {
		.record = &t->record,
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
	t->record.msg.request = VHOST_BACKEND_SHMEM_MAP;
	t->record.msg.size = 0;
	raw_spin_lock_irqsave(&t->inflight.lock, flags);
	err = vhost_backend_inflight_queue(&t->inflight, &submission);
	raw_spin_unlock_irqrestore(&t->inflight.lock, flags);
	if (err)
		kfree(chain);
	return err;
}

static void inflight_sends_from_done(struct kunit *test)
{
	struct inflight_test *t = test->priv;

	t->chain_left = 50;
	KUNIT_ASSERT_EQ(test, send_chain(t), 0);
	while (t->chain_left) {
		u64 id = deliver(t, false);

		KUNIT_ASSERT_NE(test, id, ID_NONE);
		KUNIT_ASSERT_EQ(test, answer(t, id, 0), 0);
	}
	KUNIT_EXPECT_EQ(test, counted(t, requests_answered), 50);
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

static void inflight_has_its_slots(struct kunit *test)
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
	vhost_backend_inflight_give_up_all(inflight, &t->be, -ESHUTDOWN);
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
	KUNIT_EXPECT_EQ(test, refcount_read(&t->be.callbacks), 1);
}

static void init_backend(struct vhost_backend *be)
{
	refcount_set(&be->callbacks, 1);
	init_completion(&be->idle);
}

static int inflight_test_init(struct kunit *test)
{
	struct inflight_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	test->priv = t;
	t->data = kunit_kzalloc(test, RING_BYTES, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t->data);
	init_backend(&t->be);
	init_backend(&t->other);
	vhost_backend_ring_init(&t->inflight.ring, &t->ctl, t->data, RING_BYTES);
	t->inflight.counters = alloc_percpu(struct vhost_backend_stats);
	KUNIT_ASSERT_NOT_NULL(test, (void __force *)t->inflight.counters);
	KUNIT_ASSERT_EQ(test, vhost_backend_inflight_init(&t->inflight, NR_SLOTS), 0);
	t->file = vhost_backend_shmem_file("kunit", SZ_4K);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, t->file);
	return 0;
}

static void inflight_test_exit(struct kunit *test)
{
	struct inflight_test *t = test->priv;

	if (!t)
		return;
	if (t->inflight.slots) {
		/* After a test that failed, something may be left. */
		vhost_backend_inflight_close(&t->inflight);
		vhost_backend_inflight_destroy(&t->inflight);
	}
	free_percpu(t->inflight.counters);
	if (!IS_ERR_OR_NULL(t->file))
		fput(t->file);
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
	KUNIT_CASE(inflight_refuses_without_room),
	KUNIT_CASE(inflight_finds_room_behind_the_dead),
	KUNIT_CASE(inflight_reserves),
	KUNIT_CASE(inflight_gives_reservations_back),
	KUNIT_CASE(inflight_expires),
	KUNIT_CASE(inflight_compares_deadlines),
	KUNIT_CASE(inflight_closes_in_each_state),
	KUNIT_CASE(inflight_keeps_what_does_not_fit),
	KUNIT_CASE(inflight_unclaims),
	KUNIT_CASE(inflight_withdraws_foreign_addresses),
	KUNIT_CASE(inflight_counts),
	KUNIT_CASE(inflight_sends_from_done),
	KUNIT_CASE_PARAM(inflight_has_its_slots, slots_gen_params),
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
