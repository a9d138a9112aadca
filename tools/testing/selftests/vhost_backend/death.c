// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ends of all kinds: the channel's last close, shutdown, detach, and a process
 * that is killed with both ends in its hands. Whoever waits is told, nothing is
 * held any longer, and nobody else notices.
 */
#include "../kselftest_harness.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "lib/channel.h"
#include "lib/child.h"
#include "lib/file.h"
#include "lib/message.h"
#include "lib/pair.h"
#include "lib/random.h"
#include "lib/reader.h"
#include "lib/run.h"
#include "lib/skip.h"
#include "lib/tally.h"
#include "lib/wait.h"
#include "lib/waiter.h"
#include "lib/worker.h"

SKIP_WITHOUT_WORKER;

FIXTURE(death) {
	struct pair pair;
};

FIXTURE_SETUP(death)
{
	struct vhost_backend_setup setup = { .ring_bytes = 4096 };

	ASSERT_EQ(0, pair_open(&self->pair, 0, setup));
}

FIXTURE_TEARDOWN(death)
{
	pair_close(&self->pair);
}

static void close_channel(struct pair *pair)
{
	close(pair->channel);
	pair->channel = -1;
}

static unsigned int times_gone(int worker)
{
	struct vhost_backend_test_events events = { .gone = ~0U };

	if (ioctl(worker, VHOST_BACKEND_TEST_EVENTS, &events))
		perror("VHOST_BACKEND_TEST_EVENTS");
	return events.gone;
}

/* Whether the worker is refused everything, and always so. */
static bool refuses_all(int worker, int error)
{
	uint64_t cookie;
	struct vhost_backend_test_send sync = {
		.request = VHOST_BACKEND_SHMEM_UNMAP, .fd = -1,
		.flags = VHOST_BACKEND_TEST_REPLY, .timeout_ms = LIMIT_MS,
	};
	struct vhost_backend_shmem_unmap unmap = unmap_of(1);

	sync.payload = (uintptr_t)&unmap;
	sync.size = sizeof(unmap);
	return raise_call(worker, 0) == error && raise_err(worker, 0) == error &&
	       raise_config(worker) == error && send_iotlb(worker, 0, 1) == error &&
	       unmap_async(worker, 1, 0, &cookie) == error &&
	       worker_send(worker, &sync) == error &&
	       try_ioctl(worker, VHOST_BACKEND_TEST_WAIT_ROOM,
			 (void *)(uintptr_t)LIMIT_MS) == error;
}

/*
 * Everything a worker can have waiting: requests that were delivered and that
 * were not, waited for and not, with a file, and at the end those for which
 * there was no room.
 */
struct waiting {
	struct waiter waiters[4];
	struct waiter for_room;
	uint64_t cookies[3];
	int watch[2];
};

static bool wait_in_every_way(struct pair *pair, struct waiting *waiting)
{
	int ok = 1;

	memset(waiting, 0, sizeof(*waiting));
	for (unsigned int n = 0; n < 2; n++) {
		int file = make_locked_file(&waiting->watch[n]);

		/* The first round is delivered, and not answered. */
		ok &= !map_async(pair->worker, n, file, &waiting->cookies[n]);
		close(file);
		ok &= !unmap_wait_start(&waiting->waiters[n], pair->worker, n, LIMIT_MS);
		ok &= wait_until(channel_stats(pair->channel).requests_queued ==
				 2 * (n + 1));
		if (!n)
			ok &= drain(pair->channel, READ_MAX, ignore_message, NULL) == 2;
		ok &= file_is_held(waiting->watch[n]);
	}
	ok &= !unmap_async(pair->worker, 9, LIMIT_MS, &waiting->cookies[2]);
	while (!send_iotlb(pair->worker, 0, 1))
		;
	ok &= !unmap_wait_start(&waiting->waiters[2], pair->worker, 2, LIMIT_MS);
	ok &= !unmap_wait_start(&waiting->waiters[3], pair->worker, 3, LIMIT_MS);
	waiting->for_room.for_room = true;
	ok &= !waiter_start(&waiting->for_room, pair->worker);
	for (unsigned int n = 0; n < ARRAY_SIZE(waiting->waiters); n++)
		ok &= waiter_sleeps(&waiting->waiters[n]);
	return ok & waiter_sleeps(&waiting->for_room);
}

static bool waiters_ended(struct waiting *waiting, int error)
{
	bool ok = waiter_end(&waiting->for_room) == error;

	for (unsigned int n = 0; n < ARRAY_SIZE(waiting->waiters); n++)
		ok &= waiter_end(&waiting->waiters[n]) == error;
	return ok;
}

static bool all_ended(int worker, struct waiting *waiting, int error)
{
	bool ok = waiters_ended(waiting, error);

	for (unsigned int n = 0; n < ARRAY_SIZE(waiting->cookies); n++)
		ok &= async_error(worker, waiting->cookies[n]) == error;
	return ok;
}

static bool files_released(struct waiting *waiting, unsigned int from)
{
	bool ok = true;

	for (unsigned int n = from; n < ARRAY_SIZE(waiting->watch); n++)
		ok &= wait_until(!file_is_held(waiting->watch[n]));
	return ok;
}

TEST_F_TIMEOUT(death, last_close, 120)
{
	struct waiting waiting;

	ASSERT_TRUE(wait_in_every_way(&self->pair, &waiting));
	EXPECT_EQ(0U, times_gone(self->pair.worker));
	close_channel(&self->pair);
	EXPECT_TRUE(all_ended(self->pair.worker, &waiting, -ENOTCONN));
	EXPECT_TRUE(files_released(&waiting, 0));
	EXPECT_TRUE(wait_until(times_gone(self->pair.worker) == 1));
	EXPECT_TRUE(refuses_all(self->pair.worker, -ENOTCONN));
	EXPECT_EQ(0, try_ioctl(self->pair.worker, VHOST_BACKEND_TEST_SHUTDOWN, NULL));
	EXPECT_EQ(0, try_ioctl(self->pair.worker, VHOST_BACKEND_TEST_DETACH, NULL));
}

TEST_F_TIMEOUT(death, shutdown, 120)
{
	struct vhost_backend_msg delivered = { .request = VHOST_BACKEND_SHMEM_MAP };
	int other = worker_attach(self->pair.channel, "other", 0, 0);
	struct tally tally = { .channel = self->pair.channel };
	struct waiting waiting;

	ASSERT_LE(0, other);
	ASSERT_TRUE(wait_in_every_way(&self->pair, &waiting));
	ASSERT_EQ(0, try_ioctl(self->pair.worker, VHOST_BACKEND_TEST_SHUTDOWN, NULL));
	EXPECT_TRUE(all_ended(self->pair.worker, &waiting, -ESHUTDOWN));
	EXPECT_TRUE(refuses_all(self->pair.worker, -ESHUTDOWN));
	EXPECT_EQ(0, try_ioctl(self->pair.worker, VHOST_BACKEND_TEST_SHUTDOWN, NULL));
	EXPECT_EQ(0U, times_gone(self->pair.worker));

	/* What was delivered keeps its slot; the rest is gone, with its file. */
	EXPECT_EQ(2U, channel_stats(self->pair.channel).inflight);
	EXPECT_TRUE(files_released(&waiting, 1));
	EXPECT_LT(0, drain(self->pair.channel, READ_MAX, tally_message, &tally));
	EXPECT_EQ(0U, tally.requests);
	EXPECT_EQ(-ENOENT, channel_reply(self->pair.channel, &delivered, 0));

	/* Another worker of the same channel is not concerned. */
	EXPECT_EQ(0, send_iotlb(other, 0, 1));
	EXPECT_EQ(0, raise_config(other));
	EXPECT_EQ(2, drain(self->pair.channel, READ_MAX, tally_message, &tally));
	close(other);
}

/* Who was told of the end is told when nothing of the worker runs any more. */
TEST_F_TIMEOUT(death, detach, 120)
{
	struct waiting waiting;
	struct vhost_backend_test_result result;
	int next;

	ASSERT_TRUE(wait_in_every_way(&self->pair, &waiting));
	ASSERT_EQ(0, try_ioctl(self->pair.worker, VHOST_BACKEND_TEST_DETACH, NULL));
	for (unsigned int n = 0; n < ARRAY_SIZE(waiting.cookies); n++) {
		EXPECT_EQ(0, worker_result(self->pair.worker, waiting.cookies[n], 0,
					   &result));
		EXPECT_EQ(-ESHUTDOWN, result.error);
		EXPECT_EQ(1U, result.count);
	}
	EXPECT_TRUE(waiters_ended(&waiting, -ESHUTDOWN));
	EXPECT_TRUE(files_released(&waiting, 1));

	EXPECT_EQ(0U, channel_stats(self->pair.channel).backends);
	next = worker_attach(self->pair.channel, "next", 0, 256);
	ASSERT_LE(0, next);
	EXPECT_EQ(0, raise_call(next, 0));
	close(next);
}

/* A reply that comes after its worker has gone is taken, and frees the slot. */
TEST_F(death, reply_after_detach)
{
	struct message first;
	uint64_t cookie;

	ASSERT_EQ(0, unmap_async(self->pair.worker, 1, 0, &cookie));
	ASSERT_LT(0, channel_read(self->pair.channel, &first));
	ASSERT_EQ(0, try_ioctl(self->pair.worker, VHOST_BACKEND_TEST_DETACH, NULL));
	EXPECT_EQ(1U, channel_stats(self->pair.channel).inflight);
	EXPECT_EQ(32, channel_reply(self->pair.channel, &first.msg, 0));
	EXPECT_EQ(0U, channel_stats(self->pair.channel).inflight);
	EXPECT_EQ(-ENOENT, channel_reply(self->pair.channel, &first.msg, 0));
	EXPECT_EQ(0, drain(self->pair.channel, READ_MAX, ignore_message, NULL));
}

TEST_F(death, a_copy_keeps_it_alive)
{
	int copy = dup(self->pair.channel);

	close_channel(&self->pair);
	EXPECT_EQ(0, raise_call(self->pair.worker, 1));
	EXPECT_EQ(1, drain(copy, READ_MAX, ignore_message, NULL));
	close(copy);
	EXPECT_EQ(-ENOTCONN, raise_call(self->pair.worker, 1));
}

/* A descriptor on its way through a socket is a descriptor. */
TEST_F(death, in_a_socket_it_lives)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {
		.header = {
			.cmsg_len = CMSG_LEN(sizeof(int)),
			.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
		},
	};
	struct iovec iov = { .iov_base = "x", .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	int sockets[2], received;
	char byte;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	memcpy(CMSG_DATA(&control.header), &self->pair.channel, sizeof(int));
	ASSERT_EQ(1, sendmsg(sockets[0], &msg, 0));
	close_channel(&self->pair);
	EXPECT_EQ(0, raise_call(self->pair.worker, 1));

	iov.iov_base = &byte;
	ASSERT_EQ(1, recvmsg(sockets[1], &msg, 0));
	memcpy(&received, CMSG_DATA(&control.header), sizeof(int));
	EXPECT_EQ(1, drain(received, READ_MAX, ignore_message, NULL));
	EXPECT_EQ(0, raise_call(self->pair.worker, 1));

	/* Never received, it goes with the socket. */
	iov.iov_base = "x";
	memcpy(CMSG_DATA(&control.header), &received, sizeof(int));
	ASSERT_EQ(1, sendmsg(sockets[0], &msg, 0));
	close(received);
	close(sockets[0]);
	EXPECT_EQ(0, raise_call(self->pair.worker, 1));
	close(sockets[1]);
	EXPECT_TRUE(wait_until(raise_call(self->pair.worker, 1) == -ENOTCONN));
}

static void sleep_for_ever(void *arg)
{
	for (;;)
		pause();
}

TEST_F(death, another_process_keeps_it_alive)
{
	pid_t pid = child_start(sleep_for_ever, NULL);
	uint64_t cookie;

	ASSERT_LT(0, pid);
	close_channel(&self->pair);
	EXPECT_EQ(0, raise_call(self->pair.worker, 1));
	EXPECT_EQ(0, unmap_async(self->pair.worker, 1, 0, &cookie));
	EXPECT_EQ(0U, times_gone(self->pair.worker));
	kill(pid, SIGKILL);
	EXPECT_TRUE(WIFSIGNALED(child_wait(pid)));
	EXPECT_EQ(-ENOTCONN, async_error(self->pair.worker, cookie));
	EXPECT_EQ(-ENOTCONN, raise_call(self->pair.worker, 1));
	EXPECT_TRUE(wait_until(times_gone(self->pair.worker) == 1));
}

static int attach_error(int channel, const char *name, uint32_t base, uint32_t count)
{
	int worker = worker_attach(channel, name, base, count);

	if (worker < 0)
		return worker;
	close(worker);
	return 0;
}

TEST_F(death, attach_errors)
{
	int channel = channel_open(0), blank = open(CHANNEL_PATH, O_RDWR);
	int file = make_file(1), worker = open(WORKER_PATH, O_RDWR);
	static const char name32[] = "12345678901234567890123456789012";

	EXPECT_EQ(-EBADF, attach_error(999, "x", 0, 1));
	EXPECT_EQ(-EBADF, attach_error(-1, "x", 0, 1));
	EXPECT_EQ(-EINVAL, attach_error(file, "x", 0, 1));
	EXPECT_EQ(-EINVAL, attach_error(worker, "x", 0, 1));
	EXPECT_EQ(-EINVAL, attach_error(channel, "", 0, 1));
	EXPECT_EQ(-EINVAL, attach_error(channel, name32, 0, 1));
	EXPECT_EQ(0, attach_error(channel, name32 + 1, 0, 1));
	EXPECT_EQ(-ENOTCONN, attach_error(blank, "x", 0, 1));
	EXPECT_EQ(-ERANGE, attach_error(channel, "x", 0, 257));
	EXPECT_EQ(-ERANGE, attach_error(channel, "x", 256, 1));
	EXPECT_EQ(-ERANGE, attach_error(channel, "x", ~0U, 2));
	EXPECT_EQ(-ERANGE, attach_error(channel, "x", 2, ~0U));
	EXPECT_EQ(0, attach_error(channel, "x", 0, 256));
	EXPECT_EQ(0, attach_error(channel, "x", 255, 1));
	EXPECT_EQ(0U, channel_stats(channel).backends);
	close(worker);
	close(file);
	close(blank);
	close(channel);
}

TEST_F(death, attach_overlap)
{
	int channel = channel_open(0);
	int middle = worker_attach(channel, "same", 10, 10);
	int before = worker_attach(channel, "same", 0, 10);
	int after = worker_attach(channel, "same", 20, 1);
	int none = worker_attach(channel, "same", 15, 0);

	ASSERT_TRUE(middle >= 0 && before >= 0 && after >= 0 && none >= 0);
	EXPECT_EQ(0, attach_error(channel, "none", 0, 0));
	EXPECT_EQ(-EBUSY, attach_error(channel, "x", 10, 10));
	EXPECT_EQ(-EBUSY, attach_error(channel, "x", 19, 1));
	EXPECT_EQ(-EBUSY, attach_error(channel, "x", 9, 1));
	EXPECT_EQ(-EBUSY, attach_error(channel, "x", 20, 2));
	EXPECT_EQ(-EBUSY, attach_error(channel, "x", 0, 256));
	EXPECT_EQ(4U, channel_stats(channel).backends);
	EXPECT_EQ(-ERANGE, raise_call(none, 0));
	EXPECT_EQ(0, raise_config(none));
	close(middle);
	EXPECT_EQ(0, attach_error(channel, "x", 10, 10));
	EXPECT_EQ(0, attach_error(channel, "x", 12, 2));
	EXPECT_EQ(-EBUSY, attach_error(channel, "x", 9, 2));
	close(none);
	close(after);
	close(before);
	close(channel);
}

/*
 * A process that holds both ends, with its threads in read and the worker's
 * threads in everything, is killed at some moment of its life. Its descriptors
 * are closed in the order of their numbers.
 */
struct victim {
	bool worker_first;
	int ready;
};

static void be_a_victim(void *arg)
{
	struct victim *victim = arg;
	struct pair pair;
	struct tally tally = {};
	struct vhost_backend_test_run run = {
		.threads = 2,
		.mix = VHOST_BACKEND_TEST_MIX_CALL | VHOST_BACKEND_TEST_MIX_SEND_WAIT |
		       VHOST_BACKEND_TEST_MIX_REQUEST | VHOST_BACKEND_TEST_MIX_MAP |
		       VHOST_BACKEND_TEST_MIX_ASYNC,
	};
	struct reader readers[2] = {};

	child_check(!pair_open(&pair, 0, (struct vhost_backend_setup){}));
	if (victim->worker_first) {
		int moved = fcntl(pair.channel, F_DUPFD_CLOEXEC, 100);

		close(pair.channel);
		pair.channel = moved;
	}
	tally.channel = pair.channel;
	for (unsigned int n = 0; n < 2; n++) {
		readers[n] = (struct reader){
			.channel = pair.channel, .bytes = 256, .fn = tally_message,
			.arg = &tally, .how = n ? READER_EDGE : READER_BLOCKING,
		};
		child_check(!reader_start(&readers[n]));
	}
	child_check(!run_start(pair.worker, run));
	child_check(write(victim->ready, "x", 1) == 1);
	sleep_for_ever(NULL);
}

static bool bystander_unharmed(struct pair *pair, uint64_t times)
{
	struct vhost_backend_stats stats;

	if (raise_call(pair->worker, times % 256) ||
	    drain(pair->channel, READ_MAX, ignore_message, NULL) != 1)
		return false;
	stats = channel_stats(pair->channel);
	return stats.notifications_raised == times && stats.backends == 1 &&
	       stats.notifications_delivered == times && !stats.requests_queued;
}

static void kill_many(struct __test_metadata *_metadata, struct pair *bystander,
		      bool worker_first)
{
	struct victim victim = { .worker_first = worker_first };
	uint64_t seed = new_seed(_metadata->name);
	int pipes[2];
	char byte;

	ASSERT_EQ(0, pipe2(pipes, O_CLOEXEC));
	victim.ready = pipes[1];
	for (unsigned int n = 1; n <= 120; n++) {
		pid_t pid = child_start(be_a_victim, &victim);
		int status;

		ASSERT_LT(0, pid);
		/* One in four is killed before or while it begins. */
		ASSERT_TRUE(n % 4 == 0 || read(pipes[0], &byte, 1) == 1);
		usleep(next_random(&seed) % 4000);
		kill(pid, SIGKILL);
		status = child_wait(pid);
		ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		ASSERT_TRUE(bystander_unharmed(bystander, n));
	}
}

TEST_F_TIMEOUT(death, killed_channel_closed_first, 240)
{
	kill_many(_metadata, &self->pair, false);
}

TEST_F_TIMEOUT(death, killed_worker_closed_first, 240)
{
	kill_many(_metadata, &self->pair, true);
}

/* The worker's process dies; the frontend lives on, and serves the next one. */
struct half {
	int channel;
	int ready;
};

static void be_a_worker(void *arg)
{
	struct half *half = arg;
	int worker = worker_attach(half->channel, "half", 0, 8);
	struct vhost_backend_test_run run = {
		.threads = 2, .mix = VHOST_BACKEND_TEST_MIX_REQUEST |
				     VHOST_BACKEND_TEST_MIX_CALL |
				     VHOST_BACKEND_TEST_MIX_SEND,
	};

	child_check(worker >= 0 && !run_start(worker, run));
	child_check(write(half->ready, "x", 1) == 1);
	sleep_for_ever(NULL);
}

TEST_F_TIMEOUT(death, killed_worker_alone, 120)
{
	int pipes[2], channel = channel_open(0);
	struct half half = { .channel = channel };
	struct tally tally = { .channel = channel };
	struct reader reader = {
		.channel = channel, .how = READER_LEVEL, .bytes = READ_MAX,
		.fn = tally_message, .arg = &tally,
	};
	char byte;

	ASSERT_EQ(0, pipe2(pipes, O_CLOEXEC));
	half.ready = pipes[1];
	for (unsigned int n = 0; n < 40; n++) {
		pid_t pid = child_start(be_a_worker, &half);
		struct reader this_reader = reader;

		ASSERT_EQ(1, read(pipes[0], &byte, 1));
		ASSERT_EQ(0, reader_start(&this_reader));
		usleep(n % 8 * 500);
		kill(pid, SIGKILL);
		ASSERT_TRUE(WIFSIGNALED(child_wait(pid)));
		EXPECT_EQ(0U, channel_stats(channel).backends);
		EXPECT_TRUE(wait_until(channel_idle(channel)));
		EXPECT_EQ(0, reader_stop(&this_reader));
		EXPECT_EQ(0U, channel_stats(channel).inflight);
	}
	EXPECT_EQ(0U, tally.replies_refused);
	close(channel);
}

TEST_HARNESS_MAIN
