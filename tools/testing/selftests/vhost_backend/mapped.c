// SPDX-License-Identifier: GPL-2.0-only
/* Mapped channels: no system call while there is something to do. */
#include "../kselftest_harness.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/mman.h>

#include "lib/array.h"
#include "lib/channel.h"
#include "lib/child.h"
#include "lib/file.h"
#include "lib/mapped.h"
#include "lib/memory.h"
#include "lib/random.h"
#include "lib/request.h"
#include "lib/run.h"
#include "lib/skip.h"
#include "lib/wait.h"
#include "lib/waiter.h"
#include "lib/worker.h"

SKIP_WITHOUT_WORKER;

#define RING	16384

FIXTURE(mapped) {
	struct mapped mapped;
	int worker;
};

FIXTURE_SETUP(mapped)
{
	ASSERT_EQ(0, mapped_open(&self->mapped, O_NONBLOCK, (struct vhost_backend_setup){
		.requests = VHOST_BACKEND_REQUESTS_ALL | VHOST_BACKEND_REQUESTS_SHARED_OBJECT,
		.ring_bytes = RING,
	}));
	self->worker = worker_attach(self->mapped.channel, "mapped", 0, 256);
	ASSERT_LE(0, self->worker);
}

FIXTURE_TEARDOWN(mapped)
{
	close(self->worker);
	mapped_close(&self->mapped);
}

/* What SETUP says of the control area, for any number of vrings */
TEST(layout)
{
	static const uint32_t numbers[] = { 1, 63, 64, 65, 256, 4096, 4097, 32768 };

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		struct vhost_backend_setup setup = {
			.flags = VHOST_BACKEND_SETUP_MMAP, .nr_vrings = numbers[i],
			.ring_bytes = 4096,
		};
		uint32_t bytes = (numbers[i] + 63) / 64 * 8;
		int fd = open(CHANNEL_PATH, O_RDWR | O_CLOEXEC);

		ASSERT_LE(0, fd);
		ASSERT_EQ(0, try_ioctl(fd, VHOST_BACKEND_SETUP, &setup));
		EXPECT_EQ((uint32_t)PAGE, setup.ring_bytes);
		EXPECT_EQ(0U, setup.ctl_bytes % PAGE);
		EXPECT_EQ(0U, setup.call_offset % 128);
		EXPECT_EQ(0U, setup.err_offset % 128);
		EXPECT_LE(sizeof(struct vhost_backend_ctl), setup.call_offset);
		EXPECT_LE(setup.call_offset + bytes, setup.err_offset);
		EXPECT_LE(setup.err_offset + bytes, setup.ctl_bytes);
		close(fd);
	}
}

TEST_F(mapped, is_not_read)
{
	char buffer[VHOST_BACKEND_MSG_MAX];

	EXPECT_EQ(-EOPNOTSUPP, try_read(self->mapped.channel, buffer, sizeof(buffer)));
	ASSERT_EQ(0, raise_call(self->worker, 0));
	EXPECT_EQ(-EOPNOTSUPP, try_read(self->mapped.channel, buffer, sizeof(buffer)));
	EXPECT_EQ(0, ioctl(self->mapped.channel, VHOST_BACKEND_ROOM));
}

#define TRY(bytes, protection, flags, offset) \
	mapped_try(channel, bytes, protection, flags, offset)

TEST_F(mapped, maps_only_the_two_areas)
{
	int channel = self->mapped.channel;
	uint32_t ctl = self->mapped.setup.ctl_bytes;
	const int rw = PROT_READ | PROT_WRITE;

	EXPECT_EQ(-EPERM, TRY(RING, rw, MAP_SHARED, VHOST_BACKEND_MMAP_RING));
	EXPECT_EQ(-EINVAL, TRY(RING, PROT_READ, MAP_PRIVATE, VHOST_BACKEND_MMAP_RING));
	EXPECT_EQ(-EINVAL, TRY(RING / 2, PROT_READ, MAP_SHARED, VHOST_BACKEND_MMAP_RING));
	EXPECT_EQ(-EINVAL, TRY(RING * 2, PROT_READ, MAP_SHARED, VHOST_BACKEND_MMAP_RING));
	EXPECT_EQ(-EINVAL, TRY(RING, PROT_READ, MAP_SHARED, VHOST_BACKEND_MMAP_RING + PAGE));
	EXPECT_EQ(-EINVAL, TRY(ctl, rw, MAP_PRIVATE, VHOST_BACKEND_MMAP_CTL));
	EXPECT_EQ(-EINVAL, TRY(ctl + PAGE, rw, MAP_SHARED, VHOST_BACKEND_MMAP_CTL));
	EXPECT_EQ(-EINVAL, TRY(ctl, rw, MAP_SHARED, PAGE));
	/* Any number of times, and the control area read-only too */
	EXPECT_LT(0, TRY(ctl, PROT_READ, MAP_SHARED, VHOST_BACKEND_MMAP_CTL));
	EXPECT_LT(0, TRY(RING, PROT_READ, MAP_SHARED, VHOST_BACKEND_MMAP_RING));
}

TEST_F(mapped, stays_whole)
{
	char *ring = (char *)self->mapped.ring;
	void *moved;

	EXPECT_EQ(-1, mprotect(ring, RING, PROT_READ | PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(-1, munmap(ring, PAGE));
	EXPECT_EQ(-1, munmap(ring + PAGE, PAGE));
	EXPECT_EQ(-1, mprotect(ring, PAGE, PROT_NONE));
	EXPECT_TRUE(mremap(ring, RING, 2 * RING, MREMAP_MAYMOVE) == MAP_FAILED);
	EXPECT_TRUE(mremap(ring, RING, RING / 2, 0) == MAP_FAILED);
	EXPECT_EQ(0, madvise(ring, RING, MADV_DONTNEED));
	/* It may be moved, and is the same. */
	ASSERT_EQ(0, send_iotlb(self->worker, 7, 9));
	moved = mmap(NULL, RING, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_TRUE(moved != MAP_FAILED);
	ASSERT_TRUE(mremap(ring, RING, RING, MREMAP_MAYMOVE | MREMAP_FIXED, moved) == moved);
	self->mapped.ring = moved;
	ASSERT_TRUE(!!mapped_peek(&self->mapped));
	EXPECT_EQ((uint32_t)VHOST_BACKEND_IOTLB_MSG, mapped_peek(&self->mapped)->request);
}

static void look_for_mapping(void *arg)
{
	unsigned char there;

	child_check(mincore((void *)((struct mapped *)arg)->ring, PAGE, &there) < 0 &&
		    errno == ENOMEM);
}

static void map_the_ring(void *arg)
{
	const struct mapped *mapped = arg;

	child_check(mapped_try(mapped->channel, RING, PROT_READ, MAP_SHARED,
			       VHOST_BACKEND_MMAP_RING) == -EPERM);
	child_check(mapped_try(mapped->channel, mapped->setup.ctl_bytes, PROT_READ, MAP_SHARED,
			       VHOST_BACKEND_MMAP_CTL) > 0);
}

TEST_F(mapped, is_not_inherited)
{
	EXPECT_EQ(0, child_run(look_for_mapping, &self->mapped));
}

/* The channel accepts EXTERNAL_MAP, whose address means nothing elsewhere. */
TEST_F(mapped, ring_only_for_the_frontend)
{
	EXPECT_EQ(0, child_run(map_the_ring, &self->mapped));
}

/* Every kind of request, byte for byte; a file is there for who asks, until the reply. */
TEST_F(mapped, records)
{
	const struct request_kind *kind;
	int file = make_file(4);

	for_each_kind(kind) {
		struct vhost_backend_take_fd take = {};
		const struct vhost_backend_msg *msg;
		struct message sample = kind->sample;
		uint64_t cookie;

		ASSERT_EQ(0, send_async(self->worker, kind->request, sample.bytes, kind->size,
					kind->file ? file : -1, &cookie));
		msg = mapped_peek(&self->mapped);
		ASSERT_TRUE(!!msg);
		EXPECT_EQ(kind->request, msg->request);
		EXPECT_EQ(kind->size, msg->size);
		EXPECT_EQ((uint32_t)(VHOST_BACKEND_MSG_VERSION | VHOST_BACKEND_MSG_NEED_REPLY),
			  msg->flags);
		EXPECT_EQ(kind->file ? -2 : -1, msg->fd);
		EXPECT_EQ(0, memcmp(msg + 1, sample.bytes, kind->size));
		take.id = msg->id;
		EXPECT_EQ(kind->file ? 0 : -ENOENT,
			  try_ioctl(self->mapped.channel, VHOST_BACKEND_TAKE_FD, &take));
		if (kind->file)
			close(take.fd);
		EXPECT_LT(0, channel_reply(self->mapped.channel, msg, -EIO));
		EXPECT_EQ(-EIO, async_error(self->worker, cookie));
		EXPECT_EQ(-ENOENT, try_ioctl(self->mapped.channel, VHOST_BACKEND_TAKE_FD, &take));
		mapped_next(&self->mapped);
		mapped_consume(&self->mapped);
	}
	close(file);
}

/* A message with a file that wants no reply is answered all the same. */
TEST_F(mapped, file_without_reply)
{
	const struct vhost_backend_vring_area area = { .size = PAGE };
	const struct vhost_backend_msg *msg;
	int watch, file = make_locked_file(&watch);

	ASSERT_EQ(0, send_plain(self->worker, VHOST_BACKEND_VRING_HOST_NOTIFIER_MSG, &area,
				sizeof(area), file));
	close(file);
	msg = mapped_peek(&self->mapped);
	ASSERT_TRUE(!!msg);
	EXPECT_NE(0U, msg->flags & VHOST_BACKEND_MSG_NEED_REPLY);
	EXPECT_EQ(VHOST_BACKEND_FD_PENDING, msg->fd);
	EXPECT_TRUE(file_is_held(watch));
	EXPECT_LT(0, channel_reply(self->mapped.channel, msg, 0));
	EXPECT_TRUE(wait_until(!file_is_held(watch)));
	close(watch);
}

static void count_vring(void *context, uint32_t request, uint32_t vring)
{
	uint32_t *heard = context;

	heard[vring] += request == VHOST_BACKEND_VRING_CALL ? 1 : 1000;
}

TEST_F(mapped, notifications)
{
	uint32_t heard[256] = {};
	struct taken taken;

	ASSERT_EQ(0, raise_call(self->worker, 0));
	ASSERT_EQ(0, raise_call(self->worker, 0));
	ASSERT_EQ(0, raise_call(self->worker, 255));
	ASSERT_EQ(0, raise_err(self->worker, 64));
	ASSERT_EQ(0, raise_config(self->worker));
	EXPECT_EQ(1U, self->mapped.ctl->doorbell);
	taken = mapped_take(&self->mapped, count_vring, heard);
	EXPECT_TRUE(taken.config);
	EXPECT_EQ(2U, taken.calls);
	EXPECT_EQ(1U, taken.errs);
	EXPECT_EQ(1U, heard[0]);
	EXPECT_EQ(1U, heard[255]);
	EXPECT_EQ(1000U, heard[64]);
	/* The kernel leaves the doorbell alone. */
	EXPECT_EQ(1U, self->mapped.ctl->doorbell);
	EXPECT_TRUE(channel_poll(self->mapped.channel, 0) & POLLIN);
	EXPECT_TRUE(mapped_sleep(&self->mapped));
	EXPECT_EQ(POLLOUT, channel_poll(self->mapped.channel, 0));
}

/* Messages of three sizes through the smallest ring, many times around */
TEST_F(mapped, goes_around)
{
	struct mapped mapped;
	unsigned int sent, seen = 0;
	int worker;

	ASSERT_EQ(0, mapped_open(&mapped, 0, (struct vhost_backend_setup){
		.ring_bytes = 4096,
	}));
	worker = worker_attach(mapped.channel, "around", 0, 1);
	ASSERT_LE(0, worker);
	for (sent = 0; sent < 10000; sent++) {
		const struct vhost_backend_msg *msg;

		while (send_iotlb(worker, 1, sent)) {
			ASSERT_TRUE(!!mapped_peek(&mapped));
			while ((msg = mapped_peek(&mapped))) {
				const struct vhost_backend_iotlb *iotlb = (const void *)(msg + 1);

				ASSERT_EQ(seen, iotlb->uaddr);
				ASSERT_TRUE((const char *)(iotlb + 1) <= mapped.ring + 4096);
				seen++;
				mapped_next(&mapped);
			}
			mapped_consume(&mapped);
		}
	}
	EXPECT_LT(9000U, seen);
	EXPECT_EQ(0U, channel_stats(mapped.channel).bad_consumer);
	close(worker);
	mapped_close(&mapped);
}

static void *raise_one(void *arg)
{
	raise_call(*(int *)arg, 5);
	return NULL;
}

/* A sleeper is woken; a frontend that is awake is not, and costs nobody a wake-up. */
TEST_F(mapped, wakes_who_sleeps)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	uint64_t before;
	pthread_t thread;

	ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, self->mapped.channel, &event));
	ASSERT_TRUE(mapped_sleep(&self->mapped));
	ASSERT_EQ(0, epoll_wait(epoll, &event, 1, 0));
	ASSERT_EQ(0, pthread_create(&thread, NULL, raise_one, &self->worker));
	EXPECT_EQ(1, epoll_wait(epoll, &event, 1, LIMIT_MS));
	pthread_join(thread, NULL);
	before = channel_stats(self->mapped.channel).wakeups;
	for (int i = 0; i < 1000; i++) {
		raise_call(self->worker, i % 256);
		mapped_take(&self->mapped, NULL, NULL);
	}
	EXPECT_EQ(before, channel_stats(self->mapped.channel).wakeups);
	close(epoll);
}

static void fill(int worker)
{
	while (!send_iotlb(worker, 0, 0))
		;
}

static unsigned int consume_all(struct mapped *mapped)
{
	unsigned int records = 0;

	for (; mapped_peek(mapped); records++)
		mapped_next(mapped);
	mapped_consume(mapped);
	return records;
}

/* A worker waits for room; the frontend makes some and calls, or only makes some. */
static void wait_for_room(struct __test_metadata *_metadata, struct mapped *mapped, int worker,
			  bool calls)
{
	const struct vhost_backend_msg *msg;
	struct waiter waiter = {};

	fill(worker);
	EXPECT_EQ(1U, mapped->ctl->room_wanted);
	ASSERT_EQ(0, unmap_wait_start(&waiter, worker, 1, NO_TIMEOUT_MS));
	ASSERT_TRUE(waiter_sleeps(&waiter));
	EXPECT_LT(10U, consume_all(mapped));
	if (calls)
		EXPECT_TRUE(mapped_room(mapped));
	ASSERT_TRUE(wait_until(mapped_peek(mapped)));
	msg = mapped_peek(mapped);
	EXPECT_EQ((uint32_t)VHOST_BACKEND_SHMEM_UNMAP, msg->request);
	EXPECT_LT(0, channel_reply(mapped->channel, msg, 0));
	EXPECT_EQ(0, waiter_end(&waiter));
}

TEST_F(mapped, room_is_said)
{
	wait_for_room(_metadata, &self->mapped, self->worker, true);
}

TEST_F(mapped, room_is_found)
{
	wait_for_room(_metadata, &self->mapped, self->worker, false);
}

/* A consumer that makes no sense refuses the sends that need its room, and harms no other. */
TEST_F(mapped, bad_consumer)
{
	struct vhost_backend_ctl *ctl = self->mapped.ctl;
	uint64_t good, bad[4];

	fill(self->worker);
	consume_all(&self->mapped);
	ASSERT_EQ(0, send_iotlb(self->worker, 0, 0));
	fill(self->worker);
	good = ctl->consumer;
	bad[0] = good - 8;
	bad[1] = ctl->producer + 8;
	bad[2] = good + 4;
	bad[3] = ~0ULL;
	for (int i = 0; i < 4; i++) {
		ctl->consumer = bad[i];
		EXPECT_EQ(-EPROTO, send_iotlb(self->worker, 0, 0));
		EXPECT_EQ(0, raise_call(self->worker, i));
	}
	EXPECT_EQ(4U, channel_stats(self->mapped.channel).bad_consumer);
	ctl->consumer = good;
	EXPECT_EQ(-EAGAIN, send_iotlb(self->worker, 0, 0));
	consume_all(&self->mapped);
	EXPECT_EQ(0, send_iotlb(self->worker, 0, 0));
}

/* A worker that waits for room hears of nonsense, too. */
TEST_F(mapped, bad_consumer_ends_waiting)
{
	struct waiter waiter = {};

	fill(self->worker);
	ASSERT_EQ(0, unmap_wait_start(&waiter, self->worker, 1, NO_TIMEOUT_MS));
	ASSERT_TRUE(waiter_sleeps(&waiter));
	self->mapped.ctl->consumer = 4;
	EXPECT_EQ(-EPROTO, waiter_end(&waiter));
}

/* A record never changes; the answer to a request that was given up is accepted. */
TEST_F(mapped, given_up)
{
	struct message before;
	const struct vhost_backend_msg *msg;
	uint64_t cookie;

	ASSERT_EQ(0, unmap_async(self->worker, 3, 1, &cookie));
	msg = mapped_peek(&self->mapped);
	ASSERT_TRUE(!!msg);
	memcpy(&before, msg, message_bytes(msg));
	EXPECT_EQ(-ETIMEDOUT, async_error(self->worker, cookie));
	EXPECT_EQ(0, memcmp(&before, msg, message_bytes(msg)));
	EXPECT_EQ(0U, channel_stats(self->mapped.channel).requests_withdrawn);
	EXPECT_EQ(1U, channel_stats(self->mapped.channel).inflight);
	EXPECT_LT(0, channel_reply(self->mapped.channel, msg, 0));
	EXPECT_EQ(-ENOENT, channel_reply(self->mapped.channel, msg, 0));
	EXPECT_EQ(0U, channel_stats(self->mapped.channel).inflight);
}

TEST_F(mapped, readable_after_its_end)
{
	ASSERT_EQ(0, send_iotlb(self->worker, 1, 2));
	ASSERT_EQ(0, raise_call(self->worker, 3));
	close(self->mapped.channel);
	self->mapped.channel = -1;
	EXPECT_EQ(-ENOTCONN, raise_call(self->worker, 4));
	ASSERT_TRUE(!!mapped_peek(&self->mapped));
	EXPECT_EQ((uint32_t)VHOST_BACKEND_IOTLB_MSG, mapped_peek(&self->mapped)->request);
	EXPECT_EQ(1U, mapped_take(&self->mapped, NULL, NULL).calls);
}

/* Answers what comes, and sleeps when nothing does. */
static void serve(struct mapped *mapped, atomic_bool *end, uint64_t *records, uint64_t *calls)
{
	while (!atomic_load(end)) {
		const struct vhost_backend_msg *msg;

		*calls += mapped_take(mapped, NULL, NULL).calls;
		while ((msg = mapped_peek(mapped))) {
			if (msg->flags & VHOST_BACKEND_MSG_NEED_REPLY)
				channel_reply(mapped->channel, msg, 0);
			++*records;
			mapped_next(mapped);
			mapped_consume(mapped);
		}
		mapped_room(mapped);
		if (mapped_sleep(mapped))
			channel_poll(mapped->channel, 10);
	}
}

struct server {
	struct mapped *mapped;
	pthread_t thread;
	atomic_bool end;
	uint64_t records, calls;
};

static void *serve_thread(void *arg)
{
	struct server *server = arg;

	serve(server->mapped, &server->end, &server->records, &server->calls);
	return NULL;
}

/* Several workers at once, with all that they send: nothing is lost. */
TEST_F_TIMEOUT(mapped, under_load, 300)
{
	struct server server = { .mapped = &self->mapped };
	struct vhost_backend_test_run run = {
		.threads = 4, .count = 2000, .seed = 1, .timeout_ms = NO_TIMEOUT_MS,
		.mix = VHOST_BACKEND_TEST_MIX_CALL | VHOST_BACKEND_TEST_MIX_ERR |
		       VHOST_BACKEND_TEST_MIX_CONFIG | VHOST_BACKEND_TEST_MIX_SEND_WAIT |
		       VHOST_BACKEND_TEST_MIX_REQUEST | VHOST_BACKEND_TEST_MIX_MAP,
	};
	struct vhost_backend_stats stats;

	ASSERT_EQ(0, pthread_create(&server.thread, NULL, serve_thread, &server));
	ASSERT_EQ(0, run_start(self->worker, run));
	EXPECT_TRUE(run_finish(self->worker, &run));
	EXPECT_TRUE(wait_until(channel_stats(self->mapped.channel).inflight == 0 &&
			       !mapped_peek(&(struct mapped){
				       .ctl = self->mapped.ctl, .ring = self->mapped.ring,
				       .setup = self->mapped.setup,
				       .position = self->mapped.ctl->consumer })));
	atomic_store(&server.end, true);
	pthread_join(server.thread, NULL);
	stats = channel_stats(self->mapped.channel);
	EXPECT_EQ(run.sends + run.requests, server.records);
	EXPECT_EQ(run.requests, run.answered);
	EXPECT_EQ(0U, run.failed);
	EXPECT_EQ(server.records, stats.requests_delivered);
	EXPECT_EQ(0U, stats.notifications_delivered);
}

struct vandal {
	struct mapped *mapped;
	pthread_t thread;
	atomic_bool *end;
	uint64_t seed;
};

/* Writes anything anywhere in the control area. */
static void *vandalize(void *arg)
{
	struct vandal *vandal = arg;
	volatile uint8_t *ctl = (void *)vandal->mapped->ctl;

	while (!atomic_load(vandal->end)) {
		uint32_t at = next_random(&vandal->seed) % vandal->mapped->setup.ctl_bytes;

		ctl[at] = next_random(&vandal->seed);
		if (next_random(&vandal->seed) % 64 == 0)
			channel_poll(vandal->mapped->channel, 0);
	}
	return NULL;
}

/* The control area is hostile memory: nothing happens but to this channel. */
TEST_F_TIMEOUT(mapped, hostile, 300)
{
	struct vhost_backend_test_run run = {
		.threads = 4, .count = 3000, .seed = 2, .timeout_ms = 1,
		.mix = VHOST_BACKEND_TEST_MIX_CALL | VHOST_BACKEND_TEST_MIX_ERR |
		       VHOST_BACKEND_TEST_MIX_CONFIG | VHOST_BACKEND_TEST_MIX_SEND |
		       VHOST_BACKEND_TEST_MIX_ASYNC | VHOST_BACKEND_TEST_MIX_SEND_WAIT,
	};
	struct vandal vandals[2];
	struct mapped other;
	atomic_bool end = false;
	int worker;

	for (int i = 0; i < 2; i++) {
		vandals[i] = (struct vandal){ &self->mapped, .end = &end, .seed = i };
		ASSERT_EQ(0, pthread_create(&vandals[i].thread, NULL, vandalize, &vandals[i]));
	}
	ASSERT_EQ(0, run_start(self->worker, run));
	ASSERT_EQ(0, mapped_open(&other, 0, (struct vhost_backend_setup){}));
	worker = worker_attach(other.channel, "other", 0, 256);
	ASSERT_LE(0, worker);
	for (uint64_t i = 0; i < 1000; i++) {
		const struct vhost_backend_msg *msg;

		ASSERT_EQ(0, send_iotlb(worker, 0, i));
		msg = mapped_peek(&other);
		ASSERT_TRUE(!!msg);
		ASSERT_EQ(i, ((const struct vhost_backend_iotlb *)(msg + 1))->uaddr);
		mapped_next(&other);
		mapped_consume(&other);
	}
	EXPECT_TRUE(run_finish(self->worker, &run));
	atomic_store(&end, true);
	for (int i = 0; i < 2; i++)
		pthread_join(vandals[i].thread, NULL);
	close(worker);
	mapped_close(&other);
}

TEST_HARNESS_MAIN
