// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit suite of the mappings of /dev/vhost-shmem. The test plays the guest and the
 * frontend. It checks which maps are allowed, what becomes of a mapping for every
 * reply of the frontend, in any order, and that each request is answered once.
 */
#include <kunit/test.h>
#include <linux/prandom.h>

#include "../device.h"

#define vhost_backend_request_async(be, req, completion) frontend_asked(req, completion)
#define vhost_poll_queue(poll) worker_woken(poll)
static int frontend_asked(const struct vhost_backend_req *req,
			  struct vhost_backend_completion *completion);
static void worker_woken(struct vhost_poll *poll);

#include "../queue.c"

#define PAGES	16
#define HEADS	1024
#define RW	(VHOST_SHMEM_MAP_R | VHOST_SHMEM_MAP_W)
#define NONE	U32_MAX

struct shmem_test {
	struct kunit *test;
	struct shmem_device shmem;
	struct inode inode;
	struct file file;

	/* The frontend and the channel */
	struct shmem_mapping *asked[VHOST_SHMEM_MAPPINGS];
	unsigned int nr_asked;
	unsigned int room;		/* how many more requests fit into the channel */
	unsigned int freed_meanwhile;	/* becomes free as soon as a request finds no room */
	bool wants_room;		/* a request found no room: call the device back */
	int refusal;			/* the channel refuses every request with it, or 0 */
	bool mapped[PAGES];

	/* The guest: the response in each of its descriptors, NONE before it is answered */
	u32 status[HEADS];
	u32 error[HEADS];
	int head;			/* the next descriptor */
	bool unwritable;		/* the buffers of responses are not in the IOTLB */

	bool woken;
};

static struct shmem_test *test_of(struct shmem_device *shmem)
{
	return container_of(shmem, struct shmem_test, shmem);
}

/* Makes room in the channel, and calls the device back if it found none before. */
static void make_room(struct shmem_test *t, unsigned int requests)
{
	t->room = requests;
	if (!requests || !t->wants_room)
		return;
	t->wants_room = false;
	shmem_queue_has_room(&t->shmem);
	KUNIT_EXPECT_TRUE(t->test, t->woken);
}

static int frontend_asked(const struct vhost_backend_req *req,
			  struct vhost_backend_completion *completion)
{
	struct shmem_mapping *mapping =
		container_of(completion, struct shmem_mapping, completion);
	struct shmem_test *t = test_of(mapping->shmem);

	KUNIT_EXPECT_EQ(t->test, req->request,
			mapping->state == SHMEM_MAPPING ? VHOST_BACKEND_SHMEM_MAP :
							  VHOST_BACKEND_SHMEM_UNMAP);
	if (t->refusal)
		return t->refusal;
	if (!t->room) {
		t->wants_room = true;
		make_room(t, t->freed_meanwhile);
		t->freed_meanwhile = 0;
		return -EAGAIN;
	}
	t->room--;
	t->asked[t->nr_asked++] = mapping;
	return 0;
}

static void worker_woken(struct vhost_poll *poll)
{
	container_of(poll, struct shmem_test, shmem.vq.poll)->woken = true;
}

/* These replace guest.c. */

bool shmem_read_request(struct vhost_virtqueue *vq, unsigned int nr_out,
			struct vhost_shmem_request *request)
{
	return false;
}

void shmem_descriptor_init(struct shmem_descriptor *descriptor,
			   const struct shmem_device *shmem, int head, unsigned int nr_log)
{
	*descriptor = (struct shmem_descriptor){ .head = head };
}

void shmem_descriptor_answer(struct shmem_descriptor *descriptor, u32 status, int error,
			     u64 bytes)
{
	descriptor->response.status = cpu_to_le32(status);
	descriptor->response.error = cpu_to_le32(-error);
	descriptor->answered = true;
}

void shmem_descriptor_end(struct shmem_device *shmem, struct shmem_descriptor *descriptor)
{
	struct shmem_test *t = test_of(shmem);
	int head = descriptor->head;

	KUNIT_EXPECT_TRUE(t->test, descriptor->answered);
	KUNIT_EXPECT_EQ(t->test, t->status[head], NONE);
	t->status[head] = le32_to_cpu(descriptor->response.status);
	t->error[head] = le32_to_cpu(descriptor->response.error);
	descriptor->head = SHMEM_NOBODY;
}

bool shmem_descriptor_write(struct shmem_device *shmem, struct shmem_descriptor *descriptor)
{
	if (test_of(shmem)->unwritable)
		return false;
	shmem_descriptor_end(shmem, descriptor);
	return true;
}

void shmem_call_guest(struct shmem_device *shmem)
{
}

void shmem_ring_error(struct shmem_device *shmem)
{
}

/* The guest sends a request. Returns the number of its descriptor. */
static int request_range(struct shmem_test *t, u32 type, u64 shm_offset, u64 fd_offset,
			 u64 len, u32 flags)
{
	const struct vhost_shmem_request request = {
		.type = cpu_to_le32(type),
		.flags = cpu_to_le32(flags),
		.shm_offset = cpu_to_le64(shm_offset),
		.fd_offset = cpu_to_le64(fd_offset),
		.len = cpu_to_le64(len),
	};
	struct shmem_descriptor descriptor;
	u32 status;

	KUNIT_ASSERT_LT(t->test, t->head, HEADS);
	shmem_descriptor_init(&descriptor, &t->shmem, t->head, 0);
	status = type == VHOST_SHMEM_T_MAP ? start_map(&t->shmem, &request, &descriptor) :
					     start_unmap(&t->shmem, &request, &descriptor);
	if (status)
		answer_now(&t->shmem, &descriptor, status, 0);
	return t->head++;
}

static int map(struct shmem_test *t, unsigned int page, unsigned int pages)
{
	return request_range(t, VHOST_SHMEM_T_MAP, page * PAGE_SIZE, 0, pages * PAGE_SIZE, RW);
}

static int unmap(struct shmem_test *t, unsigned int page, unsigned int pages)
{
	return request_range(t, VHOST_SHMEM_T_UNMAP, page * PAGE_SIZE, 0, pages * PAGE_SIZE, 0);
}

/* Does what the worker does when it runs, except for the ring. */
static void work(struct shmem_test *t)
{
	t->woken = false;
	write_unwritten(&t->shmem);
	settle_ended(&t->shmem);
	ask_unsent(&t->shmem);
}

/*
 * The frontend replies with @error to request number @which. @done says whether it has
 * done what was asked, which may be so even after a time-out. It can't unmap a range
 * that it has not mapped.
 */
static void reply(struct shmem_test *t, unsigned int which, int error, bool done)
{
	struct shmem_mapping *mapping = t->asked[which];
	unsigned int page = mapping->shm_offset / PAGE_SIZE;
	unsigned int i;

	t->asked[which] = t->asked[--t->nr_asked];
	if (mapping->state == SHMEM_UNMAPPING && done && !t->mapped[page])
		error = error ?: -ENOENT;
	for (i = page; done && i < page + mapping->len / PAGE_SIZE; i++)
		t->mapped[i] = mapping->state == SHMEM_MAPPING;
	request_done(&mapping->completion, error, 0, NULL);
	KUNIT_EXPECT_TRUE(t->test, t->woken);
	work(t);
}

static unsigned int nr_mapped(const struct shmem_test *t)
{
	unsigned int i, nr = 0;

	for (i = 0; i < PAGES; i++)
		nr += t->mapped[i];
	return nr;
}

static void expect_status(struct shmem_test *t, int head, u32 status, int error)
{
	KUNIT_EXPECT_EQ(t->test, t->status[head], status);
	KUNIT_EXPECT_EQ(t->test, t->error[head], (u32)error);
}

/* Each mapping must be in one list, and those in use must not overlap. */
static void must_be_consistent(struct shmem_test *t)
{
	struct shmem_mapping *mapping, *other;
	unsigned int nr = 0, unwritten = 0;

	list_for_each_entry(mapping, &t->shmem.free, node) {
		KUNIT_EXPECT_EQ(t->test, mapping->state, SHMEM_FREE);
		KUNIT_EXPECT_EQ(t->test, mapping->descriptor.head, SHMEM_NOBODY);
		nr++;
	}
	list_for_each_entry(mapping, &t->shmem.used, node) {
		unwritten += mapping->descriptor.head != SHMEM_NOBODY &&
			     mapping->descriptor.answered;
		nr++;
		list_for_each_entry(other, &t->shmem.used, node)
			KUNIT_EXPECT_TRUE(t->test, other == mapping ||
					  other->shm_offset >= mapping->shm_offset + mapping->len ||
					  mapping->shm_offset >= other->shm_offset + other->len);
	}
	KUNIT_EXPECT_EQ(t->test, nr, VHOST_SHMEM_MAPPINGS);
	KUNIT_EXPECT_EQ(t->test, unwritten, t->shmem.unwritten);
}

/* No request may be under way, and nothing may be mapped. */
static void must_be_empty(struct shmem_test *t)
{
	must_be_consistent(t);
	KUNIT_EXPECT_TRUE(t->test, list_empty(&t->shmem.used));
	KUNIT_EXPECT_EQ(t->test, t->nr_asked, 0U);
	KUNIT_EXPECT_EQ(t->test, nr_mapped(t), 0U);
}

/* Which maps are allowed */
static const struct map_param {
	const char *name;
	u64 shm_offset, fd_offset, len;
	u32 flags, status;
} map_params[] = {
	{ "all", 0, 0, PAGES * PAGE_SIZE, RW, NONE },
	{ "read only", PAGE_SIZE, 0, PAGE_SIZE, VHOST_SHMEM_MAP_R, NONE },
	{ "the last page", (PAGES - 1) * PAGE_SIZE, (PAGES - 1) * PAGE_SIZE, PAGE_SIZE, RW, NONE },
	{ "no flags", 0, 0, PAGE_SIZE, 0, VHOST_SHMEM_S_UNSUPPORTED },
	{ "write only", 0, 0, PAGE_SIZE, VHOST_SHMEM_MAP_W, VHOST_SHMEM_S_UNSUPPORTED },
	{ "unknown flag", 0, 0, PAGE_SIZE, RW | 4, VHOST_SHMEM_S_UNSUPPORTED },
	{ "empty", 0, 0, 0, RW, VHOST_SHMEM_S_RANGE },
	{ "half a page", 0, 0, PAGE_SIZE / 2, RW, VHOST_SHMEM_S_RANGE },
	{ "region offset not aligned", PAGE_SIZE / 2, 0, PAGE_SIZE, RW, VHOST_SHMEM_S_RANGE },
	{ "file offset not aligned", 0, PAGE_SIZE / 2, PAGE_SIZE, RW, VHOST_SHMEM_S_RANGE },
	{ "beyond the region", PAGES * PAGE_SIZE, 0, PAGE_SIZE, RW, VHOST_SHMEM_S_RANGE },
	{ "a page too long", PAGE_SIZE, 0, PAGES * PAGE_SIZE, RW, VHOST_SHMEM_S_RANGE },
	{ "beyond the file", 0, PAGES * PAGE_SIZE, PAGE_SIZE, RW, VHOST_SHMEM_S_RANGE },
	{ "region offset overflows", -PAGE_SIZE, 0, 2 * PAGE_SIZE, RW, VHOST_SHMEM_S_RANGE },
	{ "file offset overflows", 0, -PAGE_SIZE, 2 * PAGE_SIZE, RW, VHOST_SHMEM_S_RANGE },
	{ "largest length", 0, 0, -PAGE_SIZE, RW, VHOST_SHMEM_S_RANGE },
};

static void map_to_desc(const struct map_param *param, char *desc)
{
	strscpy(desc, param->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(map, map_params, map_to_desc);

static void shmem_accepts_valid_maps(struct kunit *test)
{
	const struct map_param *param = test->param_value;
	struct shmem_test *t = test->priv;
	int head = request_range(t, VHOST_SHMEM_T_MAP, param->shm_offset, param->fd_offset,
				 param->len, param->flags);

	expect_status(t, head, param->status, param->status == NONE ? -1 : 0);
	KUNIT_EXPECT_EQ(test, t->nr_asked, param->status == NONE);
	must_be_consistent(t);
}

static void shmem_answers_after_the_reply(struct kunit *test)
{
	struct shmem_test *t = test->priv;
	int first = map(t, 0, 2), over = map(t, 1, 1), refused = map(t, 4, 1), gone;

	expect_status(t, first, NONE, -1);
	expect_status(t, over, VHOST_SHMEM_S_EXIST, 0);
	reply(t, 1, -EPERM, false);
	expect_status(t, refused, VHOST_SHMEM_S_FAILED, EPERM);
	reply(t, 0, 0, true);
	expect_status(t, first, VHOST_SHMEM_S_OK, 0);
	expect_status(t, map(t, 1, 1), VHOST_SHMEM_S_EXIST, 0);
	/* An unmap must name exactly one mapping, and only once. */
	expect_status(t, unmap(t, 0, 1), VHOST_SHMEM_S_NOENT, 0);
	expect_status(t, unmap(t, 1, 1), VHOST_SHMEM_S_NOENT, 0);
	gone = unmap(t, 0, 2);
	expect_status(t, unmap(t, 0, 2), VHOST_SHMEM_S_NOENT, 0);
	expect_status(t, map(t, 0, 2), VHOST_SHMEM_S_EXIST, 0);
	reply(t, 0, -EIO, false);
	expect_status(t, gone, VHOST_SHMEM_S_FAILED, EIO);
	gone = unmap(t, 0, 2);
	reply(t, 0, 0, true);
	expect_status(t, gone, VHOST_SHMEM_S_OK, 0);
	must_be_empty(t);
}

/* Nothing remains of a map that timed out, whether the frontend made it or not. */
static void shmem_unmaps_after_a_time_out(struct kunit *test)
{
	struct shmem_test *t = test->priv;
	int made;

	for (made = 0; made < 2; made++) {
		int head = map(t, 3, 4);

		reply(t, 0, -ETIMEDOUT, made);
		expect_status(t, head, VHOST_SHMEM_S_FAILED, ETIMEDOUT);
		KUNIT_ASSERT_EQ(test, t->nr_asked, 1U);
		/* The range stays occupied until the unmap is answered. */
		expect_status(t, map(t, 6, 1), VHOST_SHMEM_S_EXIST, 0);
		reply(t, 0, -ETIMEDOUT, false);
		KUNIT_ASSERT_EQ(test, t->nr_asked, 1U);
		reply(t, 0, 0, true);
		must_be_empty(t);
	}
}

/* If an unwanted mapping can't be unmapped, a map to its range tries that again. */
static void shmem_unmaps_when_the_range_is_wanted(struct kunit *test)
{
	struct shmem_test *t = test->priv;
	int head = map(t, 0, 1);

	shmem_queue_stop(&t->shmem);
	expect_status(t, head, VHOST_SHMEM_S_CANCELED, 0);
	reply(t, 0, 0, true);
	reply(t, 0, -EIO, false);
	KUNIT_EXPECT_EQ(test, t->nr_asked, 0U);
	KUNIT_EXPECT_EQ(test, nr_mapped(t), 1U);
	expect_status(t, map(t, 0, 1), VHOST_SHMEM_S_EXIST, 0);
	KUNIT_ASSERT_EQ(test, t->nr_asked, 1U);
	reply(t, 0, 0, true);
	must_be_empty(t);
}

/* Requests are sent in order. A stop ends those that were never sent. */
static void shmem_waits_for_room(struct kunit *test)
{
	struct shmem_test *t = test->priv;
	int heads[4], i;

	t->room = 1;
	for (i = 0; i < 4; i++)
		heads[i] = map(t, 2 * i, 1);
	KUNIT_EXPECT_EQ(test, t->shmem.stats.room_waits, 3);
	KUNIT_EXPECT_FALSE(test, t->woken);
	make_room(t, 2);
	work(t);
	/* The last request found no room again. */
	KUNIT_EXPECT_TRUE(test, t->wants_room);
	KUNIT_EXPECT_FALSE(test, t->woken);
	KUNIT_ASSERT_EQ(test, t->nr_asked, 3U);
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_EQ(test, t->asked[i]->shm_offset, 2 * i * PAGE_SIZE);
	shmem_queue_stop(&t->shmem);
	for (i = 0; i < 4; i++)
		expect_status(t, heads[i], VHOST_SHMEM_S_CANCELED, 0);
	make_room(t, PAGES);
	while (t->nr_asked)
		reply(t, 0, 0, true);
	must_be_empty(t);
}

/* Room becomes free between a request that found none and the end of the worker's run. */
static void shmem_takes_room_that_comes_meanwhile(struct kunit *test)
{
	struct shmem_test *t = test->priv;
	int head;

	t->room = 0;
	t->freed_meanwhile = 1;
	head = map(t, 0, 1);
	KUNIT_EXPECT_EQ(test, t->nr_asked, 0U);
	KUNIT_ASSERT_TRUE(test, t->woken);
	work(t);
	KUNIT_ASSERT_EQ(test, t->nr_asked, 1U);
	reply(t, 0, 0, true);
	expect_status(t, head, VHOST_SHMEM_S_OK, 0);
}

/* Each unmap of a mapping waits twice as long as the one before, up to @longest. */
static void expect_timeouts(struct shmem_test *t, unsigned long first, unsigned long longest)
{
	struct kunit *test = t->test;
	unsigned long timeout = first;
	int i;

	t->shmem.timeout = first;
	map(t, 0, 1);
	KUNIT_EXPECT_EQ(test, t->asked[0]->completion.timeout, first);
	for (i = 0; i < 2 * BITS_PER_LONG; i++) {
		reply(t, 0, -ETIMEDOUT, false);
		KUNIT_ASSERT_EQ(test, t->nr_asked, 1U);
		KUNIT_EXPECT_EQ(test, t->asked[0]->completion.timeout, timeout);
		timeout = min(2 * timeout, longest);
	}
	KUNIT_EXPECT_EQ(test, timeout, longest);
	/* A new time-out of the device applies from the next unmap on. */
	t->shmem.timeout = 0;
	reply(t, 0, -ETIMEDOUT, false);
	KUNIT_EXPECT_EQ(test, t->asked[0]->completion.timeout, 0UL);
	reply(t, 0, 0, true);
	must_be_empty(t);
}

static void shmem_backs_off(struct kunit *test)
{
	struct shmem_test *t = test->priv;

	expect_timeouts(t, 1, RETRY_TIMEOUT_MAX);
	expect_timeouts(t, 3, RETRY_TIMEOUT_MAX);
	expect_timeouts(t, 0, 0);
	expect_timeouts(t, RETRY_TIMEOUT_MAX, RETRY_TIMEOUT_MAX);
	expect_timeouts(t, MAX_JIFFY_OFFSET, MAX_JIFFY_OFFSET);
}

/* After a reply, even an error, the next unmap starts with the short time-out. */
static void shmem_backs_off_anew_after_a_reply(struct kunit *test)
{
	struct shmem_test *t = test->priv;

	t->shmem.timeout = 1;
	map(t, 0, 1);
	shmem_queue_stop(&t->shmem);
	reply(t, 0, 0, true);
	reply(t, 0, -ETIMEDOUT, false);
	KUNIT_EXPECT_EQ(test, t->asked[0]->completion.timeout, 2UL);
	reply(t, 0, -EIO, false);
	KUNIT_EXPECT_EQ(test, t->nr_asked, 0U);
	expect_status(t, map(t, 0, 1), VHOST_SHMEM_S_EXIST, 0);
	KUNIT_ASSERT_EQ(test, t->nr_asked, 1U);
	KUNIT_EXPECT_EQ(test, t->asked[0]->completion.timeout, 1UL);
	reply(t, 0, 0, true);
	must_be_empty(t);
}

static void shmem_writes_responses_when_it_can(struct kunit *test)
{
	struct shmem_test *t = test->priv;
	int made, failed;

	t->unwritable = true;
	made = map(t, 0, 1);
	failed = map(t, 1, 1);
	reply(t, 1, -EIO, false);
	reply(t, 0, 0, true);
	expect_status(t, made, NONE, -1);
	must_be_consistent(t);
	/* The guest does not know of the mapping yet. */
	KUNIT_EXPECT_EQ(test, start_unmap(&t->shmem, &(struct vhost_shmem_request){
		.len = cpu_to_le64(PAGE_SIZE) }, NULL), VHOST_SHMEM_S_NOENT);
	work(t);
	KUNIT_EXPECT_EQ(test, t->shmem.unwritten, 2U);
	t->unwritable = false;
	work(t);
	expect_status(t, made, VHOST_SHMEM_S_OK, 0);
	expect_status(t, failed, VHOST_SHMEM_S_FAILED, EIO);
	unmap(t, 0, 1);
	reply(t, 0, 0, true);
	must_be_empty(t);
}

/* When the frontend forgets its mappings, maps that are still under way are kept. */
static void shmem_forgets_with_the_frontend(struct kunit *test)
{
	struct shmem_test *t = test->priv;
	int later;

	map(t, 0, 1);
	map(t, 1, 1);
	reply(t, 0, 0, true);
	later = map(t, 2, 1);
	memset(t->mapped, 0, sizeof(t->mapped));
	request_done(&t->asked[0]->completion, 0, 0, NULL);
	t->asked[0] = t->asked[--t->nr_asked];
	shmem_queue_frontend_forgot(&t->shmem);
	work(t);
	KUNIT_ASSERT_EQ(test, t->nr_asked, 1U);
	reply(t, 0, 0, true);
	expect_status(t, later, VHOST_SHMEM_S_OK, 0);
	expect_status(t, unmap(t, 0, 1), VHOST_SHMEM_S_NOENT, 0);
	expect_status(t, unmap(t, 1, 1), VHOST_SHMEM_S_NOENT, 0);
	unmap(t, 2, 1);
	reply(t, 0, 0, true);
	must_be_empty(t);
}

static void shmem_has_a_limit_of_mappings(struct kunit *test)
{
	struct shmem_test *t = test->priv;
	unsigned int i;

	t->refusal = -EAGAIN;
	t->shmem.region.bytes = (VHOST_SHMEM_MAPPINGS + 1) * PAGE_SIZE;
	for (i = 0; i < VHOST_SHMEM_MAPPINGS; i++)
		KUNIT_ASSERT_EQ(test, t->status[map(t, i, 1)], NONE);
	expect_status(t, map(t, i, 1), VHOST_SHMEM_S_NOSPC, 0);
	/* If the channel refuses all requests, they end. */
	t->refusal = -ENOTCONN;
	work(t);
	expect_status(t, 0, VHOST_SHMEM_S_FAILED, ENOTCONN);
	expect_status(t, VHOST_SHMEM_MAPPINGS - 1, VHOST_SHMEM_S_FAILED, ENOTCONN);
	must_be_empty(t);
}

/* Random events in any order */

/*
 * A map that timed out may have been made or not. If an unmap fails, the mapping stays,
 * as the guest is told. An unmap of a mapping that was never confirmed does not fail,
 * except by a time-out, since the device would not try again.
 */
static void random_reply(struct shmem_test *t, struct rnd_state *rnd)
{
	static const int errors[] = { 0, 0, 0, -EIO, -EPERM, -ETIMEDOUT, -ETIMEDOUT };
	int error = errors[prandom_u32_state(rnd) % ARRAY_SIZE(errors)];
	bool done = !error || (error == -ETIMEDOUT && prandom_u32_state(rnd) % 2);
	unsigned int which;

	if (!t->nr_asked)
		return;
	which = prandom_u32_state(rnd) % t->nr_asked;
	if (t->asked[which]->state == SHMEM_UNMAPPING) {
		if (!t->asked[which]->made && error != -ETIMEDOUT)
			error = 0;
		done = !error;
	}
	reply(t, which, error, done);
}

static void random_event(struct shmem_test *t, struct rnd_state *rnd)
{
	unsigned int page = prandom_u32_state(rnd) % PAGES;
	unsigned int pages = 1 + prandom_u32_state(rnd) % 3;

	switch (prandom_u32_state(rnd) % 8) {
	case 0 ... 1:
		map(t, page, pages);
		break;
	case 2 ... 3:
		unmap(t, page, pages);
		break;
	case 4 ... 5:
		random_reply(t, rnd);
		break;
	case 6:
		make_room(t, prandom_u32_state(rnd) % 4);
		if (t->woken)
			work(t);
		break;
	case 7:
		t->unwritable = prandom_u32_state(rnd) % 2;
		work(t);
		break;
	}
}

/* From now on the frontend does all it is asked to do, at once. */
static void settle_all(struct shmem_test *t)
{
	t->unwritable = false;
	make_room(t, UINT_MAX);
	work(t);
	while (t->nr_asked)
		reply(t, 0, 0, true);
}

static const unsigned int seeds[] = { 1, 22, 333, 4444, 55555 };

static void seed_to_desc(const unsigned int *seed, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "seed %u", *seed);
}

KUNIT_ARRAY_PARAM(seed, seeds, seed_to_desc);

static void shmem_survives_any_order(struct kunit *test)
{
	struct shmem_test *t = test->priv;
	struct shmem_mapping *mapping;
	unsigned int known = 0;
	struct rnd_state rnd;
	int i;

	prandom_seed_state(&rnd, *(const unsigned int *)test->param_value);
	while (t->head < HEADS - 1) {
		random_event(t, &rnd);
		must_be_consistent(t);
	}
	settle_all(t);
	for (i = 0; i < t->head; i++)
		KUNIT_EXPECT_NE(test, t->status[i], NONE);
	list_for_each_entry(mapping, &t->shmem.used, node) {
		KUNIT_EXPECT_EQ(test, mapping->state, SHMEM_LIVE);
		known += mapping->len / PAGE_SIZE;
	}
	KUNIT_EXPECT_EQ(test, known, nr_mapped(t));
}

static int shmem_test_init(struct kunit *test)
{
	struct shmem_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	t->test = test;
	t->room = UINT_MAX;
	memset(t->status, 0xff, sizeof(t->status));
	memset(t->error, 0xff, sizeof(t->error));
	t->file.f_inode = &t->inode;
	i_size_write(&t->inode, PAGES * PAGE_SIZE);
	shmem_queue_init(&t->shmem);
	t->shmem.file = &t->file;
	t->shmem.region.bytes = PAGES * PAGE_SIZE;
	/* Only compared with NULL */
	t->shmem.be = (void *)t;
	test->priv = t;
	return 0;
}

static struct kunit_case shmem_cases[] = {
	KUNIT_CASE_PARAM(shmem_accepts_valid_maps, map_gen_params),
	KUNIT_CASE(shmem_answers_after_the_reply),
	KUNIT_CASE(shmem_unmaps_after_a_time_out),
	KUNIT_CASE(shmem_unmaps_when_the_range_is_wanted),
	KUNIT_CASE(shmem_waits_for_room),
	KUNIT_CASE(shmem_takes_room_that_comes_meanwhile),
	KUNIT_CASE(shmem_backs_off),
	KUNIT_CASE(shmem_backs_off_anew_after_a_reply),
	KUNIT_CASE(shmem_writes_responses_when_it_can),
	KUNIT_CASE(shmem_forgets_with_the_frontend),
	KUNIT_CASE(shmem_has_a_limit_of_mappings),
	KUNIT_CASE_PARAM(shmem_survives_any_order, seed_gen_params),
	{}
};

static struct kunit_suite shmem_suite = {
	.name = "vhost_shmem",
	.init = shmem_test_init,
	.test_cases = shmem_cases,
};

kunit_test_suite(shmem_suite);

MODULE_DESCRIPTION("KUnit suite of the vhost device that maps files into a guest");
MODULE_AUTHOR("The vhost backend channel developers");
MODULE_LICENSE("GPL");
