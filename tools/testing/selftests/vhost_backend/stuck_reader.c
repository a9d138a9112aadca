// SPDX-License-Identifier: GPL-2.0-only
/*
 * A reader in another address space that is stuck in a page fault, with an EXTERNAL_MAP in
 * the queue, which it must not have. It keeps no worker from anything.
 */
#include "../kselftest_harness.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>

#include "lib/channel.h"
#include "lib/child.h"
#include "lib/memory.h"
#include "lib/message.h"
#include "lib/pair.h"
#include "lib/skip.h"
#include "lib/stuck.h"
#include "lib/wait.h"
#include "lib/waiter.h"
#include "lib/worker.h"

SKIP_WITHOUT_WORKER;

/* Shared with the reader */
struct shared {
	int channel;
	size_t bytes;
	atomic_bool stuck;
	atomic_bool go_on;
};

FIXTURE(stuck_reader) {
	struct pair pair;
	struct shared *shared;
	pid_t reader;
	uint64_t external;
};

FIXTURE_VARIANT(stuck_reader) {
	size_t bytes;
};

/* It is stuck in a message before the others. */
FIXTURE_VARIANT_ADD(stuck_reader, in_one_message) {
	.bytes = IOTLB_BYTES,
};

/* The others are a part of what it is to get. */
FIXTURE_VARIANT_ADD(stuck_reader, in_all_messages) {
	.bytes = PAGE,
};

static int send_external(int worker, uint64_t *cookie)
{
	struct vhost_backend_external_map external = { .len = PAGE, .ptr = PAGE };

	return send_async(worker, VHOST_BACKEND_EXTERNAL_MAP, &external, sizeof(external), -1,
			  cookie);
}

static void read_and_get_stuck(void *arg)
{
	struct shared *shared = arg;
	struct stuck stuck;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	child_check(stuck_start(&stuck, shared->channel, shared->bytes));
	atomic_store(&shared->stuck, true);
	while (!atomic_load(&shared->go_on))
		usleep(1000);
	child_check(stuck_end(&stuck, true) >= (ssize_t)IOTLB_BYTES);
}

/* The EXTERNAL_MAP is the oldest message. */
FIXTURE_SETUP(stuck_reader)
{
	self->shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			    -1, 0);
	ASSERT_TRUE(self->shared != MAP_FAILED);
	ASSERT_EQ(0, pair_open(&self->pair, O_NONBLOCK, (struct vhost_backend_setup){}));
	self->shared->channel = self->pair.channel;
	self->shared->bytes = variant->bytes;
	ASSERT_EQ(0, send_external(self->pair.worker, &self->external));
	self->reader = -1;
}

FIXTURE_TEARDOWN(stuck_reader)
{
	if (self->reader > 0) {
		atomic_store(&self->shared->go_on, true);
		EXPECT_EQ(0, child_wait(self->reader));
	}
	pair_close(&self->pair);
	munmap(self->shared, PAGE);
}

/* The reader will be stuck in this message. */
static int block(const struct pair *pair)
{
	return send_iotlb(pair->worker, 1, 1);
}

static void start_reader(struct __test_metadata *_metadata, struct shared *shared,
			 pid_t *reader)
{
	*reader = child_start(read_and_get_stuck, shared);
	ASSERT_LT(0, *reader);
	ASSERT_TRUE(wait_until(atomic_load(&shared->stuck)));
}

TEST_F(stuck_reader, refused_map_ends_at_once)
{
	ASSERT_EQ(0, block(&self->pair));
	start_reader(_metadata, self->shared, &self->reader);
	EXPECT_EQ(-EPERM, async_error(self->pair.worker, self->external));
	EXPECT_EQ(1U, channel_stats(self->pair.channel).requests_withdrawn);
}

/* So does one for which a worker sleeps. */
TEST_F(stuck_reader, refused_map_of_a_worker_that_sleeps)
{
	struct vhost_backend_external_map external = { .len = PAGE, .ptr = PAGE };
	struct waiter waiter = {
		.send = {
			.request = VHOST_BACKEND_EXTERNAL_MAP, .size = sizeof(external),
			.payload = (uintptr_t)&external, .fd = -1,
			.flags = VHOST_BACKEND_TEST_REPLY, .timeout_ms = NO_TIMEOUT_MS,
		},
	};

	ASSERT_EQ(0, waiter_start(&waiter, self->pair.worker));
	ASSERT_TRUE(waiter_sleeps(&waiter));
	ASSERT_EQ(0, block(&self->pair));
	start_reader(_metadata, self->shared, &self->reader);
	EXPECT_EQ(-EPERM, waiter_end(&waiter));
}

/* What is behind can be given up in each way, and so can be the map. */
TEST_F(stuck_reader, worker_behind_times_out)
{
	uint64_t cookie;

	ASSERT_EQ(0, block(&self->pair));
	ASSERT_EQ(0, unmap_async(self->pair.worker, 1, 500, &cookie));
	start_reader(_metadata, self->shared, &self->reader);
	EXPECT_EQ(-ETIMEDOUT, async_error(self->pair.worker, cookie));
	EXPECT_EQ(-EPERM, async_error(self->pair.worker, self->external));
}

static void ask_for_ever(void *arg)
{
	struct vhost_backend_shmem_unmap unmap = unmap_of(1);
	struct vhost_backend_test_send send = {
		.request = VHOST_BACKEND_SHMEM_UNMAP, .size = sizeof(unmap),
		.payload = (uintptr_t)&unmap, .fd = -1,
		.flags = VHOST_BACKEND_TEST_REPLY, .timeout_ms = NO_TIMEOUT_MS,
	};

	worker_send(*(int *)arg, &send);
}

static void map_for_ever(void *arg)
{
	struct vhost_backend_external_map external = { .len = PAGE, .ptr = PAGE };
	struct vhost_backend_test_send send = {
		.request = VHOST_BACKEND_EXTERNAL_MAP, .size = sizeof(external),
		.payload = (uintptr_t)&external, .fd = -1,
		.flags = VHOST_BACKEND_TEST_REPLY, .timeout_ms = NO_TIMEOUT_MS,
	};

	/* It may have been refused before the kill came. */
	worker_send(*(int *)arg, &send);
	for (;;)
		pause();
}

static bool is_queued(int channel, uint64_t requests)
{
	return wait_until(channel_stats(channel).requests_queued == requests);
}

TEST_F(stuck_reader, workers_are_killed)
{
	void (*const workers[])(void *) = { map_for_ever, ask_for_ever };
	pid_t pids[2];

	for (int i = 0; i < 2; i++) {
		pids[i] = child_start(workers[i], &self->pair.worker);
		ASSERT_LT(0, pids[i]);
		ASSERT_TRUE(is_queued(self->pair.channel, 2 + 2 * i));
		/* Between the two */
		ASSERT_EQ(0, i ? 0 : block(&self->pair));
	}
	start_reader(_metadata, self->shared, &self->reader);
	for (int i = 0; i < 2; i++) {
		int status;

		EXPECT_EQ(0, kill(pids[i], SIGKILL));
		status = child_wait(pids[i]);
		EXPECT_TRUE(WIFSIGNALED(status))
			TH_LOG("worker %d", i);
	}
}

TEST_F(stuck_reader, worker_is_shut_down)
{
	uint64_t cookie;

	ASSERT_EQ(0, block(&self->pair));
	ASSERT_EQ(0, ask(self->pair.worker, 1, &cookie));
	start_reader(_metadata, self->shared, &self->reader);
	EXPECT_EQ(0, try_ioctl(self->pair.worker, VHOST_BACKEND_TEST_SHUTDOWN, NULL));
	EXPECT_EQ(-ESHUTDOWN, async_error(self->pair.worker, cookie));
	EXPECT_EQ(-EPERM, async_error(self->pair.worker, self->external));
}

/* A thread, since a detachment that waits for the reader can't be interrupted. */
struct detacher {
	int worker;
	atomic_bool done;
};

static void *detach(void *arg)
{
	struct detacher *detacher = arg;

	if (!try_ioctl(detacher->worker, VHOST_BACKEND_TEST_DETACH, NULL))
		atomic_store(&detacher->done, true);
	return NULL;
}

TEST_F(stuck_reader, worker_is_detached)
{
	struct detacher detacher = { .worker = self->pair.worker };
	pthread_t thread;
	uint64_t cookie;

	ASSERT_EQ(0, block(&self->pair));
	ASSERT_EQ(0, ask(self->pair.worker, 1, &cookie));
	start_reader(_metadata, self->shared, &self->reader);
	ASSERT_EQ(0, pthread_create(&thread, NULL, detach, &detacher));
	ASSERT_TRUE(wait_until(atomic_load(&detacher.done)));
	pthread_join(thread, NULL);
	EXPECT_EQ(0U, channel_stats(self->pair.channel).backends);
	EXPECT_EQ(-ESHUTDOWN, async_error(self->pair.worker, cookie));
	EXPECT_EQ(-EPERM, async_error(self->pair.worker, self->external));
}

/* The reader is killed, and the channel closed: all that waits ends. */
TEST_F(stuck_reader, channel_is_closed)
{
	uint64_t cookie;

	ASSERT_EQ(0, block(&self->pair));
	ASSERT_EQ(0, ask(self->pair.worker, 1, &cookie));
	start_reader(_metadata, self->shared, &self->reader);
	close(self->pair.channel);
	self->pair.channel = -1;
	EXPECT_EQ(-EPERM, async_error(self->pair.worker, self->external));
	EXPECT_EQ(0, kill(self->reader, SIGKILL));
	EXPECT_TRUE(WIFSIGNALED(child_wait(self->reader)));
	self->reader = -1;
	EXPECT_EQ(-ENOTCONN, async_error(self->pair.worker, cookie));
}

TEST_HARNESS_MAIN
