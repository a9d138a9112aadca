// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit: runs of records: where they end, and what becomes of those that were not copied.
 */
#include "inflight_test.h"
#include "../claim.c"

/* Sends @nr that need no slot, of @size bytes. */
static void send_plain(struct kunit *test, u32 nr, u32 size)
{
	while (nr--)
		must_send(test, &(const struct sent){ .size = size });
}

/* The next run is of @records, in @bytes; it is delivered. */
static void must_claim(struct kunit *test, int records, u32 bytes)
{
	struct inflight_test *t = test->priv;
	const struct vhost_backend_msg *oldest;
	struct vhost_backend_run run;
	u64 delivered = counted(t, requests_delivered);

	KUNIT_ASSERT_EQ(test, claim_all(t, &run), records);
	KUNIT_EXPECT_EQ(test, run.records, records);
	KUNIT_EXPECT_EQ(test, run.bytes, bytes);
	oldest = vhost_backend_ring_record(&t->inflight.ring, t->inflight.ring.consumer);
	KUNIT_EXPECT_PTR_EQ(test, run.first, oldest);
	KUNIT_EXPECT_EQ(test, vhost_backend_inflight_commit(&t->inflight, &run, bytes,
							    VHOST_BACKEND_FILE_INSTALLED), bytes);
	KUNIT_EXPECT_EQ(test, counted(t, requests_delivered), delivered + records);
}

static void must_find_none(struct kunit *test)
{
	struct vhost_backend_run run;

	KUNIT_EXPECT_EQ(test, claim_all(test->priv, &run), 0);
	KUNIT_EXPECT_EQ(test, run.records, 0);
	KUNIT_EXPECT_EQ(test, run.bytes, 0);
}

/* All that lie behind one another, with and without a slot, are one run. */
static void claim_takes_what_lies_together(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	struct waiter *waiters = new_waiters(test, 2);

	must_find_none(test);
	send_plain(test, 2, 32);
	send_waiting(test, &waiters[0], NULL);
	send_plain(test, 1, 8);
	send_waiting(test, &waiters[1], NULL);
	must_claim(test, 5, 2 * 56 + 24 + 32 + 24);
	must_find_none(test);
	KUNIT_EXPECT_EQ(test, answer(t, waiters[0].completion.id, 0), 0);
	KUNIT_EXPECT_EQ(test, answer(t, waiters[1].completion.id, 0), 0);
	must_be_idle(test);
}

/* Interrupts are off while a run is claimed and committed. */
static void claim_stops_at_sixty_four(struct kunit *test)
{
	send_plain(test, 150, 0);
	must_claim(test, 64, 64 * 24);
	must_claim(test, 64, 64 * 24);
	must_claim(test, 22, 22 * 24);
	must_be_idle(test);
}

/* A run is contiguous: it ends where the ring does, whatever is left there. */
static void claim_stops_at_the_end_of_the_ring(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	u32 left;

	for (left = 0; left <= 56; left += 8) {
		u64 round = RING_BYTES * (u64)(left + 1);

		inflight_start_at(t, round - 2 * 64 - left);
		send_plain(test, 5, 40);
		must_claim(test, 2, 128);
		must_claim(test, 3, 192);
		KUNIT_ASSERT_EQ(test, t->inflight.ring.consumer, round + 192);
		must_be_idle(test);
	}
}

struct position_param {
	const char *name;
	u64 position;
};

static const struct position_param positions[] = {
	{ "0", 0 },
	{ "2^32", BIT_ULL(32) - 128 },
	{ "2^63", BIT_ULL(63) - 128 },
	{ "2^64", -128ULL },
};

static void position_desc(const struct position_param *param, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "across %s", param->name);
}

KUNIT_ARRAY_PARAM(position, positions, position_desc);

/* What lies at or behind the limit of a batch belongs to the next. */
static void claim_stops_at_the_limit(struct kunit *test)
{
	const struct position_param *param = test->param_value;
	struct inflight_test *t = test->priv;
	struct vhost_backend_run run;
	u64 start = param->position;

	inflight_start_at(t, start);
	send_plain(test, 4, 40);
	KUNIT_EXPECT_EQ(test, claim_within(t, start, 4096, true, &run), 0);
	KUNIT_EXPECT_EQ(test, claim_within(t, start - 64, 4096, true, &run), 0);
	KUNIT_EXPECT_EQ(test, claim_within(t, start + 64, 4096, true, &run), 1);
	commit_all(t, &run, VHOST_BACKEND_FILE_NONE);
	KUNIT_EXPECT_EQ(test, claim_within(t, start + 64, 4096, true, &run), 0);
	/* In between, the ring may have to start again. */
	while (claim_within(t, start + 192, 4096, true, &run) > 0)
		commit_all(t, &run, VHOST_BACKEND_FILE_NONE);
	KUNIT_EXPECT_EQ(test, t->inflight.ring.consumer, start + 192);
	must_claim(test, 1, 64);
	must_be_idle(test);
}

/* One that was withdrawn is not delivered, nor what it left in between. */
static void claim_stops_before_a_withdrawn_one(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	struct waiter *waiters = new_waiters(test, 3);
	int i;

	send_plain(test, 1, 0);
	for (i = 0; i < 3; i++)
		send_waiting(test, &waiters[i], NULL);
	send_plain(test, 2, 0);
	vhost_backend_inflight_give_up(&t->inflight, &waiters[0].completion, -EINTR);
	vhost_backend_inflight_give_up(&t->inflight, &waiters[1].completion, -EINTR);
	must_claim(test, 1, 24);
	must_claim(test, 3, 72);
	must_find_none(test);
	KUNIT_EXPECT_EQ(test, answer(t, waiters[2].completion.id, 0), 0);
	must_be_idle(test);
}

/* A record with a file is alone, for its descriptor may turn out not to be had. */
static void claim_takes_a_file_alone(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	const struct sent with_file = { .file = t->file };
	struct vhost_backend_run run;
	int i;

	send_plain(test, 2, 0);
	must_send(test, &with_file);
	must_send(test, &with_file);
	send_plain(test, 2, 0);
	must_claim(test, 2, 48);
	for (i = 0; i < 2; i++) {
		KUNIT_ASSERT_EQ(test, claim_all(t, &run), 1);
		KUNIT_EXPECT_PTR_EQ(test, run.with_file->file, t->file);
		commit_all(t, &run, VHOST_BACKEND_FILE_INSTALLED);
		KUNIT_EXPECT_EQ(test, file_count(t->file), 2 - i);
	}
	KUNIT_ASSERT_EQ(test, claim_all(t, &run), 2);
	KUNIT_EXPECT_NULL(test, run.with_file);
	commit_all(t, &run, VHOST_BACKEND_FILE_NONE);
	must_be_idle(test);
}

/* As many as the reader has space for; one that has none stays, whole. */
static void claim_takes_what_fits(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	struct vhost_backend_run run;
	u32 space;

	send_plain(test, 5, 32);
	for (space = 0; space < 56; space += 8)
		KUNIT_EXPECT_EQ(test, claim_within(t, 280, space, true, &run), -EMSGSIZE);
	for (; space < 280; space += 8) {
		KUNIT_ASSERT_EQ(test, claim_within(t, 280, space, true, &run), space / 56);
		KUNIT_EXPECT_EQ(test, run.bytes, space / 56 * 56);
		KUNIT_EXPECT_EQ(test, vhost_backend_inflight_commit(&t->inflight, &run, 0,
								    VHOST_BACKEND_FILE_NONE), 0);
	}
	KUNIT_EXPECT_EQ(test, counted(t, requests_delivered), 0);
	must_claim(test, 5, 280);
	must_be_idle(test);
}

/* Whatever was copied when the copy failed: whole records are delivered, others stay. */
static void claim_commits_whole_records(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	struct waiter *waiters = new_waiters(test, 2);
	struct vhost_backend_run run;
	u32 copied;

	for (copied = 0; copied <= 160; copied++) {
		u32 records = copied / 40;
		u64 id[2];
		int i;

		inflight_start_at(t, 0);
		send_plain(test, 1, 16);
		for (i = 0; i < 2; i++) {
			make_waiter(t, &waiters[i]);
			must_send(test, &(const struct sent){ .waiter = &waiters[i], .size = 16 });
			id[i] = t->record.msg.id;
		}
		send_plain(test, 1, 16);
		KUNIT_ASSERT_EQ(test, claim_all(t, &run), 4);
		KUNIT_ASSERT_EQ(test, vhost_backend_inflight_commit(&t->inflight, &run, copied,
								    VHOST_BACKEND_FILE_NONE),
				records * 40);
		KUNIT_ASSERT_EQ(test, t->inflight.ring.consumer, records * 40);
		KUNIT_ASSERT_EQ(test, t->inflight.ring.live, 4 - records);
		/* Only what was delivered can be answered. */
		KUNIT_ASSERT_EQ(test, answer(t, id[0], 0), records > 1 ? 0 : -ENOENT);
		KUNIT_ASSERT_EQ(test, answer(t, id[1], 0), records > 2 ? 0 : -ENOENT);
		/* The rest is the next run. */
		KUNIT_ASSERT_EQ(test, claim_all(t, &run), 4 - records);
		if (records < 4)
			commit_all(t, &run, VHOST_BACKEND_FILE_NONE);
		KUNIT_ASSERT_EQ(test, answer(t, id[0], 0), records > 1 ? -ENOENT : 0);
		KUNIT_ASSERT_EQ(test, answer(t, id[1], 0), records > 2 ? -ENOENT : 0);
	}
	KUNIT_EXPECT_EQ(test, counted(t, requests_delivered), 4 * 161);
	KUNIT_EXPECT_EQ(test, counted(t, requests_withdrawn), 0);
	must_be_idle(test);
}

/*
 * While a run was copied, workers gave up: what was delivered waits for its reply, and of
 * the rest theirs are withdrawn.
 */
static void claim_withdraws_what_was_given_up_meanwhile(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	struct waiter *waiters = new_waiters(test, 4);
	struct vhost_backend_run run;
	u64 id[4];
	int i;

	for (i = 0; i < 4; i++)
		id[i] = send_waiting(test, &waiters[i], NULL);
	KUNIT_ASSERT_EQ(test, claim_all(t, &run), 4);
	for (i = 0; i < 4; i++) {
		if (i == 2)
			continue;
		vhost_backend_inflight_give_up(&t->inflight, &waiters[i].completion, -EINTR);
		must_have_ended(test, &waiters[i], -EINTR);
	}
	/* The run stays as it is until it is committed. */
	KUNIT_EXPECT_EQ(test, run.first[1].id, id[1]);
	KUNIT_EXPECT_EQ(test, run.first[1].request, VHOST_BACKEND_SHMEM_MAP);
	KUNIT_EXPECT_EQ(test, t->inflight.ring.live, 4);
	KUNIT_EXPECT_EQ(test, t->inflight.nr_free, 0);
	KUNIT_EXPECT_EQ(test, vhost_backend_inflight_commit(&t->inflight, &run, 24 + 23,
							    VHOST_BACKEND_FILE_NONE), 24);
	KUNIT_EXPECT_EQ(test, counted(t, requests_withdrawn), 2);
	KUNIT_EXPECT_EQ(test, t->inflight.ring.live, 1);
	KUNIT_EXPECT_EQ(test, t->inflight.nr_free, 2);
	must_claim(test, 1, 24);
	KUNIT_EXPECT_EQ(test, answer(t, id[0], 0), 0);
	KUNIT_EXPECT_EQ(test, answer(t, id[1], 0), -ENOENT);
	KUNIT_EXPECT_EQ(test, answer(t, id[2], 0), 0);
	KUNIT_EXPECT_EQ(test, answer(t, id[3], 0), -ENOENT);
	must_have_ended(test, &waiters[2], 0);
	must_be_idle(test);
}

/* A delivery that failed leaves the request as it was, its worker waiting. */
static void claim_leaves_what_was_not_copied(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	struct waiter *waiter = new_waiters(test, 1);
	u64 id = send_waiting(test, waiter, t->file);
	struct vhost_backend_run run;

	KUNIT_ASSERT_EQ(test, claim_all(t, &run), 1);
	KUNIT_EXPECT_EQ(test, vhost_backend_inflight_commit(&t->inflight, &run, 0,
							    VHOST_BACKEND_FILE_INSTALLED), 0);
	KUNIT_EXPECT_EQ(test, answer(t, id, 0), -ENOENT);
	KUNIT_EXPECT_EQ(test, file_count(t->file), 2);
	must_wait(test, waiter);
	KUNIT_ASSERT_EQ(test, deliver_plain(t), id);
	KUNIT_EXPECT_EQ(test, answer(t, id, 0), 0);
	KUNIT_EXPECT_EQ(test, counted(t, requests_withdrawn), 0);
	must_be_idle(test);
}

static u64 send_foreign(struct kunit *test, struct waiter *waiter)
{
	struct inflight_test *t = test->priv;

	make_waiter(t, waiter);
	must_send(test, &(const struct sent){
		.request = VHOST_BACKEND_EXTERNAL_MAP, .waiter = waiter, .own_mm_only = true,
	});
	return t->record.msg.id;
}

/* An address of the frontend's is not for a reader in another address space. */
static void claim_refuses_foreign_ones(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	struct waiter *waiters = new_waiters(test, 3);
	struct vhost_backend_run run;
	u64 last;

	send_plain(test, 2, 0);
	send_foreign(test, &waiters[0]);
	send_plain(test, 1, 0);
	send_foreign(test, &waiters[1]);
	last = send_waiting(test, &waiters[2], NULL);

	/* The run ends before it; it is refused before the next. */
	KUNIT_ASSERT_EQ(test, claim_within(t, t->inflight.ring.producer, 4096, false, &run), 2);
	commit_all(t, &run, VHOST_BACKEND_FILE_NONE);
	KUNIT_EXPECT_EQ(test, claim_within(t, t->inflight.ring.producer, 4096, false, &run),
			-EREMOTE);
	must_wait(test, &waiters[0]);
	vhost_backend_inflight_refuse_foreign(&t->inflight);
	must_have_ended(test, &waiters[0], -EPERM);
	must_have_ended(test, &waiters[1], -EPERM);
	must_wait(test, &waiters[2]);
	KUNIT_EXPECT_EQ(test, counted(t, requests_withdrawn), 2);
	KUNIT_EXPECT_EQ(test, t->inflight.waiting, 1);

	KUNIT_ASSERT_EQ(test, claim_within(t, t->inflight.ring.producer, 4096, false, &run), 1);
	commit_all(t, &run, VHOST_BACKEND_FILE_NONE);
	KUNIT_ASSERT_EQ(test, claim_within(t, t->inflight.ring.producer, 4096, false, &run), 1);
	KUNIT_EXPECT_EQ(test, run.first->id, last);
	commit_all(t, &run, VHOST_BACKEND_FILE_NONE);
	KUNIT_EXPECT_EQ(test, answer(t, last, 0), 0);
	must_be_idle(test);
}

/* Many of them, so that some are refused at a time, and each once */
static void claim_refuses_many_foreign_ones(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	struct waiter *waiters = new_waiters(test, 150);
	int i;

	inflight_test_resize(test, RING_BYTES, 150);
	for (i = 0; i < 150; i++)
		send_foreign(test, &waiters[i]);
	vhost_backend_inflight_refuse_foreign(&t->inflight);
	for (i = 0; i < 150; i++) {
		must_have_ended(test, &waiters[i], -EPERM);
		KUNIT_EXPECT_EQ(test, waiters[i].turn, i + 1);
		KUNIT_EXPECT_EQ(test, waiters[i].waiting, max(150 - (i / 64 + 1) * 64, 0));
	}
	vhost_backend_inflight_refuse_foreign(&t->inflight);
	must_be_idle(test);
}

/* What the frontend itself has claimed or read is not refused any more. */
static void claim_leaves_foreign_ones_to_the_frontend(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	struct waiter *waiters = new_waiters(test, 2);
	struct vhost_backend_run run;
	u64 id[2];

	id[0] = send_foreign(test, &waiters[0]);
	id[1] = send_foreign(test, &waiters[1]);
	KUNIT_ASSERT_EQ(test, claim_all(t, &run), 2);
	vhost_backend_inflight_refuse_foreign(&t->inflight);
	/* The second could not be copied: it is queued again, and can be refused. */
	KUNIT_EXPECT_EQ(test, vhost_backend_inflight_commit(&t->inflight, &run, 24,
							    VHOST_BACKEND_FILE_NONE), 24);
	must_wait(test, &waiters[0]);
	must_wait(test, &waiters[1]);
	vhost_backend_inflight_refuse_foreign(&t->inflight);
	must_wait(test, &waiters[0]);
	must_have_ended(test, &waiters[1], -EPERM);
	KUNIT_EXPECT_EQ(test, answer(t, id[1], 0), -ENOENT);
	vhost_backend_inflight_give_up(&t->inflight, &waiters[0].completion, -EINTR);
	must_have_ended(test, &waiters[0], -EINTR);
	KUNIT_EXPECT_EQ(test, t->inflight.waiting, 1);
	vhost_backend_inflight_close(&t->inflight);
	must_be_idle(test);
}

/* One that was given up is no longer there to be refused. */
static void claim_refuses_no_foreign_one_twice(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	struct waiter *waiters = new_waiters(test, 2);

	send_plain(test, 1, 0);
	send_foreign(test, &waiters[0]);
	send_foreign(test, &waiters[1]);
	vhost_backend_inflight_give_up(&t->inflight, &waiters[0].completion, -EINTR);
	vhost_backend_inflight_refuse_foreign(&t->inflight);
	must_have_ended(test, &waiters[0], -EINTR);
	must_have_ended(test, &waiters[1], -EPERM);
	must_claim(test, 1, 24);
	must_be_idle(test);
}

/* In the order in which they were queued, whatever they want. */
static void claim_keeps_the_order(struct kunit *test)
{
	struct inflight_test *t = test->priv;
	struct waiter *waiter = new_waiters(test, 1);
	struct vhost_backend_run run;
	u32 request = 100;

	must_send(test, &(const struct sent){ .request = 100, .file = t->file });
	must_send(test, &(const struct sent){ .request = 101 });
	must_send(test, &(const struct sent){ .request = 102, .waiter = waiter });
	must_send(test, &(const struct sent){ .request = 103 });
	must_send(test, &(const struct sent){ .request = 104, .file = t->file });
	while (claim_all(t, &run) > 0) {
		u32 i;

		for (i = 0; i < run.records; i++)
			KUNIT_EXPECT_EQ(test, run.first[i].request, request++);
		commit_all(t, &run, VHOST_BACKEND_FILE_INSTALLED);
	}
	KUNIT_EXPECT_EQ(test, request, 105);
	vhost_backend_inflight_give_up(&t->inflight, &waiter->completion, -EINTR);
	vhost_backend_inflight_close(&t->inflight);
	must_be_idle(test);
}

static struct kunit_case claim_cases[] = {
	KUNIT_CASE(claim_takes_what_lies_together),
	KUNIT_CASE(claim_stops_at_sixty_four),
	KUNIT_CASE(claim_stops_at_the_end_of_the_ring),
	KUNIT_CASE_PARAM(claim_stops_at_the_limit, position_gen_params),
	KUNIT_CASE(claim_stops_before_a_withdrawn_one),
	KUNIT_CASE(claim_takes_a_file_alone),
	KUNIT_CASE(claim_takes_what_fits),
	KUNIT_CASE(claim_commits_whole_records),
	KUNIT_CASE(claim_withdraws_what_was_given_up_meanwhile),
	KUNIT_CASE(claim_leaves_what_was_not_copied),
	KUNIT_CASE(claim_refuses_foreign_ones),
	KUNIT_CASE(claim_refuses_many_foreign_ones),
	KUNIT_CASE(claim_leaves_foreign_ones_to_the_frontend),
	KUNIT_CASE(claim_refuses_no_foreign_one_twice),
	KUNIT_CASE(claim_keeps_the_order),
	{}
};

static struct kunit_suite claim_suite = {
	.name = "vhost_backend_claim",
	.init = inflight_test_init,
	.exit = inflight_test_exit,
	.test_cases = claim_cases,
};

kunit_test_suite(claim_suite);
