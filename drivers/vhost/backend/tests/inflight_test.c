// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the suites of the requests in flight share.
 */
#include <linux/percpu.h>
#include <linux/sizes.h>

#include "../compat.h"
#include "inflight_test.h"

/* More than any payload */
static const u64 zeroes[VHOST_BACKEND_MSG_MAX / sizeof(u64)];

static void waiter_done(struct vhost_backend_completion *completion, int error,
			u64 value, struct file *file)
{
	struct waiter *waiter = container_of(completion, struct waiter, completion);

	waiter->calls++;
	waiter->turn = ++waiter->t->ended;
	waiter->error = error;
	waiter->value = value;
	waiter->file = file;
	waiter->waiting = waiter->t->inflight.waiting;
	waiter->locked = raw_spin_is_locked(&waiter->t->inflight.lock);
}

void make_waiter(struct inflight_test *t, struct waiter *waiter)
{
	*waiter = (struct waiter){
		.completion = { .done = waiter_done, .owner = &t->owner },
		.t = t,
	};
}

/* Memory that outlives a test that fails: the channel's end still calls done. */
struct waiter *new_waiters(struct kunit *test, u32 nr)
{
	struct waiter *waiters = kunit_kcalloc(test, nr, sizeof(*waiters), GFP_KERNEL);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, waiters);
	for (i = 0; i < nr; i++)
		make_waiter(test->priv, &waiters[i]);
	return waiters;
}

void must_have_ended(struct kunit *test, const struct waiter *waiter, int error)
{
	KUNIT_EXPECT_EQ(test, waiter->calls, 1);
	KUNIT_EXPECT_EQ(test, waiter->error, error);
	KUNIT_EXPECT_FALSE(test, waiter->locked);
}

void must_wait(struct kunit *test, const struct waiter *waiter)
{
	KUNIT_EXPECT_EQ(test, waiter->calls, 0);
}

/* Queues t->record. */
int send_record(struct inflight_test *t)
{
	unsigned long flags;
	int err;

	raw_spin_lock_irqsave(&t->inflight.lock, flags);
	err = vhost_backend_inflight_queue(&t->inflight, &t->record);
	raw_spin_unlock_irqrestore(&t->inflight.lock, flags);
	return err;
}

int send_request(struct inflight_test *t, const struct sent *sent)
{
	t->record = (struct vhost_backend_record){
		.msg = {
			.request = sent->request ?: VHOST_BACKEND_SHMEM_MAP,
			.flags = VHOST_BACKEND_MSG_VERSION,
			.size = sent->size,
			.fd = sent->file ? VHOST_BACKEND_FD_PENDING : VHOST_BACKEND_FD_NONE,
		},
		.payload = zeroes,
		.file = sent->file,
		.completion = sent->waiter ? &sent->waiter->completion : NULL,
		.deadline = sent->deadline || sent->at_zero ? sent->deadline : jiffies + HOUR,
		.own_mm_only = sent->own_mm_only,
	};
	return send_record(t);
}

void must_send(struct kunit *test, const struct sent *sent)
{
	KUNIT_ASSERT_EQ(test, send_request(test->priv, sent), 0);
}

/* Sends a request whose sender waits; returns its id. */
u64 send_waiting(struct kunit *test, struct waiter *waiter, struct file *file)
{
	struct inflight_test *t = test->priv;

	make_waiter(t, waiter);
	must_send(test, &(const struct sent){ .waiter = waiter, .file = file });
	return t->record.msg.id;
}

/* Sends as many as go in, which must be no more than there is memory for. */
void fill_up(struct kunit *test, const struct sent *sent)
{
	struct inflight_test *t = test->priv;
	u32 most = t->inflight.ring.bytes / sizeof(struct vhost_backend_msg);

	while (!send_request(t, sent))
		KUNIT_ASSERT_NE(test, most--, 0);
}

int claim_within(struct inflight_test *t, u64 limit, size_t space, bool own_mm,
		 struct vhost_backend_run *run)
{
	return vhost_backend_inflight_claim(&t->inflight, limit, space, own_mm, run);
}

int claim_all(struct inflight_test *t, struct vhost_backend_run *run)
{
	return claim_within(t, t->inflight.ring.producer, SZ_1M, true, run);
}

void commit_all(struct inflight_test *t, const struct vhost_backend_run *run,
		enum vhost_backend_file_delivery file)
{
	vhost_backend_inflight_commit(&t->inflight, run, run->bytes, file);
}

/* Delivers the oldest alone, and its file, if it has one, as @file; its id, or ID_NONE. */
u64 deliver(struct inflight_test *t, enum vhost_backend_file_delivery file)
{
	u64 limit = t->inflight.ring.producer;
	struct vhost_backend_run run;
	u64 id;

	/* Where there is no space at all, the oldest is what does not fit. */
	if (claim_within(t, limit, 0, true, &run) != -EMSGSIZE ||
	    claim_within(t, limit, vhost_backend_msg_bytes(run.first), true, &run) != 1)
		return ID_NONE;
	id = run.first->id;
	commit_all(t, &run, run.with_file ? file : VHOST_BACKEND_FILE_NONE);
	return id;
}

u64 deliver_plain(struct inflight_test *t)
{
	return deliver(t, VHOST_BACKEND_FILE_INSTALLED);
}

void deliver_everything(struct inflight_test *t)
{
	while (deliver_plain(t) != ID_NONE)
		;
}

int answer_with(struct inflight_test *t, u64 id, u32 request, u64 value, struct file **file)
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

int answer(struct inflight_test *t, u64 id, u64 value)
{
	struct file *none = NULL;

	return answer_with(t, id, VHOST_BACKEND_SHMEM_MAP, value, &none);
}

static void must_owe_nothing(struct kunit *test, const struct vhost_backend_owner *owner)
{
	KUNIT_EXPECT_EQ(test, atomic_read(&owner->requests), 0);
	KUNIT_EXPECT_EQ(test, refcount_read(&owner->callbacks), 1);
}

/* Nothing queued, every slot free, no file held, no callback to come */
void must_be_idle(struct kunit *test)
{
	struct inflight_test *t = test->priv;

	/* In a channel that is closed, records are left, and nobody reads them. */
	if (!t->inflight.closed) {
		KUNIT_EXPECT_EQ(test, deliver_plain(t), ID_NONE);
		KUNIT_EXPECT_EQ(test, t->inflight.ring.live, 0);
		KUNIT_EXPECT_EQ(test, vhost_backend_ring_waiting(&t->inflight.ring), 0);
	}
	KUNIT_EXPECT_EQ(test, t->inflight.nr_free, t->inflight.nr_slots);
	KUNIT_EXPECT_EQ(test, t->inflight.waiting, 0);
	KUNIT_EXPECT_EQ(test, t->inflight.ring.reserved, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&t->inflight.foreign));
	KUNIT_EXPECT_NULL(test, rb_first_cached(&t->inflight.deadlines));
	must_owe_nothing(test, &t->owner);
	must_owe_nothing(test, &t->other);
	KUNIT_EXPECT_EQ(test, file_count(t->file), 1);
}

u64 sum_counter(const struct inflight_test *t, size_t offset)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += *(u64 *)((void *)per_cpu_ptr(t->inflight.counters, cpu) + offset);
	return sum;
}

/* An empty ring that has seen @position bytes. */
void inflight_start_at(struct inflight_test *t, u64 position)
{
	t->inflight.ring.producer = position;
	t->inflight.ring.consumer = position;
	t->ctl.producer = position;
}

/* Other requests, in another ring, and none yet */
void inflight_test_resize(struct kunit *test, u32 ring_bytes, u32 nr_slots)
{
	struct inflight_test *t = test->priv;

	vhost_backend_inflight_destroy(&t->inflight);
	t->inflight.slots = NULL;
	t->data = kunit_kzalloc(test, ring_bytes, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t->data);
	vhost_backend_ring_init(&t->inflight.ring, &t->ctl, t->data, ring_bytes, false);
	KUNIT_ASSERT_EQ(test, vhost_backend_inflight_init(&t->inflight, nr_slots), 0);
}

int inflight_test_init(struct kunit *test)
{
	struct inflight_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	test->priv = t;
	vhost_backend_owner_init(&t->owner);
	vhost_backend_owner_init(&t->other);
	t->inflight.counters = alloc_percpu(struct vhost_backend_stats);
	KUNIT_ASSERT_NOT_NULL(test, (void __force *)t->inflight.counters);
	inflight_test_resize(test, RING_BYTES, NR_SLOTS);
	t->file = vhost_backend_shmem_file("kunit", SZ_4K);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, t->file);
	return 0;
}

void inflight_test_exit(struct kunit *test)
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
