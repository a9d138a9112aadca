/* SPDX-License-Identifier: GPL-2.0-only */
/* What the suites of the requests in flight share: a channel's, and their senders. */
#ifndef VHOST_BACKEND_KUNIT_INFLIGHT_H
#define VHOST_BACKEND_KUNIT_INFLIGHT_H

#include <kunit/test.h>
#include <linux/fs.h>
#include <linux/sizes.h>

#include "../compat.h"
#include "../backend.h"
#include "../claim.h"
#include "../queue.h"
#include "../reply.h"

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

static inline void waiter_done(struct vhost_backend_completion *completion, int error,
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

static inline void make_waiter(struct inflight_test *t, struct waiter *waiter)
{
	*waiter = (struct waiter){
		.completion = { .done = waiter_done, .owner = &t->be.owner },
		.t = t,
	};
}

/* Memory that outlives a test that fails: the channel's end still calls done. */
static inline struct waiter *new_waiters(struct kunit *test, u32 nr)
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

static inline int send(struct inflight_test *t, const struct sent *sent)
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
static inline u64 send_waiting(struct kunit *test, struct waiter *waiter, struct file *file)
{
	struct inflight_test *t = test->priv;
	const struct sent sent = { .waiter = waiter, .file = file };

	make_waiter(t, waiter);
	KUNIT_ASSERT_EQ(test, send(t, &sent), 0);
	return t->record.msg.id;
}

/* Sends as many as go in, which must be no more than there is memory for. */
static inline void fill(struct kunit *test, const struct sent *sent)
{
	u32 most = RING_BYTES / sizeof(struct vhost_backend_msg);

	while (!send(test->priv, sent))
		KUNIT_ASSERT_NE(test, most--, 0);
}

/* Takes the oldest before @limit into @space bytes, with @own_mm in its address space. */
static inline int claim_within(struct inflight_test *t, u64 limit, size_t space, bool own_mm,
			       struct vhost_backend_claim *claim)
{
	struct vhost_backend_ended refused;
	int ret;

	vhost_backend_ended_init(&refused);
	ret = vhost_backend_inflight_claim(&t->inflight, limit, space, own_mm, claim, &refused);
	vhost_backend_inflight_finish(&t->inflight, &refused);
	return ret;
}

static inline int claim(struct inflight_test *t, struct vhost_backend_claim *claim)
{
	return claim_within(t, t->inflight.ring.producer, VHOST_BACKEND_MSG_MAX, true, claim);
}

/* Delivers the oldest, and with @takes its file; its id, or ID_NONE. */
static inline u64 deliver(struct inflight_test *t, bool takes)
{
	struct vhost_backend_claim claimed;
	u64 id;

	if (claim(t, &claimed) != 1)
		return ID_NONE;
	id = claimed.msg->id;
	vhost_backend_inflight_delivered(&t->inflight, &claimed, takes);
	return id;
}

static inline int answer_with(struct inflight_test *t, u64 id, u32 request, u64 value,
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

static inline int answer(struct inflight_test *t, u64 id, u64 value)
{
	struct file *none = NULL;

	return answer_with(t, id, VHOST_BACKEND_SHMEM_MAP, value, &none);
}

static inline void must_have_ended(struct kunit *test, const struct waiter *waiter, int error)
{
	KUNIT_EXPECT_EQ(test, waiter->calls, 1);
	KUNIT_EXPECT_EQ(test, waiter->error, error);
	KUNIT_EXPECT_FALSE(test, waiter->locked);
}

static inline void must_wait(struct kunit *test, const struct waiter *waiter)
{
	KUNIT_EXPECT_EQ(test, waiter->calls, 0);
}

/* Nothing queued, every slot free, no file held, no callback to come */
static inline void must_be_idle(struct kunit *test)
{
	struct inflight_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, deliver(t, false), ID_NONE);
	KUNIT_EXPECT_EQ(test, t->inflight.nr_free, t->inflight.nr_slots);
	KUNIT_EXPECT_EQ(test, t->inflight.waiting, 0);
	KUNIT_EXPECT_EQ(test, t->inflight.reserved_slots, 0);
	KUNIT_EXPECT_EQ(test, t->inflight.ring.reserved, 0);
	KUNIT_EXPECT_EQ(test, vhost_backend_ring_waiting(&t->inflight.ring), 0);
	KUNIT_EXPECT_EQ(test, refcount_read(&t->be.owner.callbacks), 1);
	KUNIT_EXPECT_EQ(test, refcount_read(&t->other.owner.callbacks), 1);
	KUNIT_EXPECT_EQ(test, file_count(t->file), 1);
}

static inline u64 sum_counter(const struct inflight_test *t, size_t offset)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += *(u64 *)((void *)per_cpu_ptr(t->inflight.counters, cpu) + offset);
	return sum;
}

#define counted(t, counter) \
	sum_counter(t, offsetof(struct vhost_backend_stats, counter))

static inline void init_backend(struct vhost_backend *be)
{
	vhost_backend_owner_init(&be->owner);
}

static inline int inflight_test_init(struct kunit *test)
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

static inline void inflight_test_exit(struct kunit *test)
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

#endif /* VHOST_BACKEND_KUNIT_INFLIGHT_H */
