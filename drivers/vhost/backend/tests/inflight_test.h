/* SPDX-License-Identifier: GPL-2.0-only */
/* What the suites of the requests in flight share: a channel's, their senders and reader. */
#ifndef VHOST_BACKEND_INFLIGHT_TEST_H
#define VHOST_BACKEND_INFLIGHT_TEST_H

#include <kunit/test.h>
#include <linux/fs.h>

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
	struct vhost_backend_owner owner;
	struct vhost_backend_owner other;
	struct vhost_backend_record record;	/* the last that was sent */
	struct file *file;
	void *data;
	int ended;				/* waiters that were told */
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
	u32 waiting;			/* requests that wanted a reply when done was called */
	bool locked;			/* done was called under the lock */
};

/* A request to be sent: all that matters here */
struct sent {
	u32 request;
	u32 size;
	struct file *file;
	struct waiter *waiter;
	unsigned long deadline;		/* 0: an hour from now, but for */
	bool at_zero;			/* it is meant */
	bool own_mm_only;
};

int inflight_test_init(struct kunit *test);
void inflight_test_exit(struct kunit *test);
void inflight_test_resize(struct kunit *test, u32 ring_bytes, u32 nr_slots);
void inflight_start_at(struct inflight_test *t, u64 position);

struct waiter *new_waiters(struct kunit *test, u32 nr);
void make_waiter(struct inflight_test *t, struct waiter *waiter);
void must_have_ended(struct kunit *test, const struct waiter *waiter, int error);
void must_wait(struct kunit *test, const struct waiter *waiter);

int send_record(struct inflight_test *t);
int send_request(struct inflight_test *t, const struct sent *sent);
void must_send(struct kunit *test, const struct sent *sent);
u64 send_waiting(struct kunit *test, struct waiter *waiter, struct file *file);
void fill_up(struct kunit *test, const struct sent *sent);

int claim_within(struct inflight_test *t, u64 limit, size_t space, bool own_mm,
		 struct vhost_backend_run *run);
int claim_all(struct inflight_test *t, struct vhost_backend_run *run);
void commit_all(struct inflight_test *t, const struct vhost_backend_run *run,
		enum vhost_backend_file_delivery file);
u64 deliver(struct inflight_test *t, enum vhost_backend_file_delivery file);
u64 deliver_plain(struct inflight_test *t);
void deliver_everything(struct inflight_test *t);

int answer_with(struct inflight_test *t, u64 id, u32 request, u64 value, struct file **file);
int answer(struct inflight_test *t, u64 id, u64 value);

void must_be_idle(struct kunit *test);
u64 sum_counter(const struct inflight_test *t, size_t offset);

#define counted(t, counter) \
	sum_counter(t, offsetof(struct vhost_backend_stats, counter))

#endif /* VHOST_BACKEND_INFLIGHT_TEST_H */
