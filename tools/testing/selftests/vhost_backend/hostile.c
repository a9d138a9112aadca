// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whatever a program does with its own channel harms nobody, and not even the
 * channel: after each test it is what it was, and what waits is delivered.
 */
#include "../kselftest_harness.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "lib/channel.h"
#include "lib/ends.h"
#include "lib/file.h"
#include "lib/memory.h"
#include "lib/message.h"
#include "lib/request.h"
#include "lib/skip.h"
#include "lib/stuck.h"
#include "lib/task.h"
#include "lib/wait.h"
#include "lib/worker.h"

SKIP_WITHOUT_WORKER;

#define ROUNDS	3000

FIXTURE(hostile) {
	struct ends ends;
	struct vhost_backend_setup setup;
	struct waiting delivered;	/* and not answered */
	uint64_t queued[3];
	int descriptors;
};

/* Queued before the test: what has to be there after it. */
FIXTURE_SETUP(hostile)
{
	struct ends *ends = &self->ends;

	ASSERT_EQ(0, ends_open_large(ends, O_NONBLOCK));
	ASSERT_EQ(0, try_ioctl(ends->channel, VHOST_BACKEND_GET_SETUP,
			       &self->setup));
	self->delivered = deliver(ends, find_kind(VHOST_BACKEND_DEPRECATED_FS_IO));
	ASSERT_EQ(0, ask(ends->worker, 100, &self->queued[0]));
	ASSERT_EQ(0, ask_map(ends->worker, 101, ends->file, &self->queued[1]));
	ASSERT_EQ(0, ask(ends->worker, 102, &self->queued[2]));
	ASSERT_EQ(0, raise_call(ends->worker, 1));
	self->descriptors = count_descriptors();
}

FIXTURE_TEARDOWN(hostile)
{
	ends_close(&self->ends);
}

static void expect_success(struct __test_metadata *_metadata, struct ends *ends,
			   uint64_t cookie, const struct vhost_backend_msg *msg)
{
	struct vhost_backend_test_result result;

	ASSERT_EQ(-EAGAIN, worker_result(ends->worker, cookie, 0, &result));
	EXPECT_LT(0, channel_reply(ends->channel, msg, 0));
	ASSERT_EQ(0, worker_result(ends->worker, cookie, PATIENCE_MS, &result));
	EXPECT_EQ(0, result.error);
	EXPECT_EQ(1U, result.count);
}

static void check_unharmed(struct __test_metadata *_metadata,
			   const FIXTURE_DATA(hostile) * self, struct ends *ends)
{
	struct vhost_backend_setup setup;
	struct message m;

	EXPECT_EQ(self->descriptors, count_descriptors());
	ASSERT_EQ(0, try_ioctl(ends->channel, VHOST_BACKEND_GET_SETUP,
			       &setup));
	EXPECT_EQ(0, memcmp(&setup, &self->setup, sizeof(setup)));
	expect_success(_metadata, ends, self->delivered.cookie,
		       &self->delivered.msg);
	for (unsigned int i = 0; i < ARRAY_SIZE(self->queued); i++) {
		ASSERT_LT(0, await_message(ends->channel, &m));
		EXPECT_EQ(100 + i, asked_number(&m));
		expect_success(_metadata, ends, self->queued[i], &m.msg);
		EXPECT_EQ(i == 1, m.msg.fd >= 0);
		close(m.msg.fd);
	}
	ASSERT_EQ(32, await_message(ends->channel, &m));
	EXPECT_EQ((__u32)VHOST_BACKEND_VRING_CALL, m.msg.request);
	EXPECT_EQ(VRING_BASE + 1U, m.state.index);
	EXPECT_FALSE(channel_has_message(ends->channel));
}

/* At the end of each test */
#define CHECK_UNHARMED() check_unharmed(_metadata, self, &self->ends)

/* xorshift64: the same numbers on every run. */
static __u64 next_random(void)
{
	static __u64 state = 0x9e3779b97f4a7c15;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* Words as a bug, or somebody who looks for one, would choose them. */
static __u32 wild_word(void)
{
	static const __u32 favourites[] = {
		0, 1, 2, 3, 4, 5, 7, 8, 32, 255, 256, 1000, 1001, 4096,
		0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff,
	};
	__u64 random = next_random();

	if (random & 1)
		return favourites[(random >> 8) % ARRAY_SIZE(favourites)];
	return random >> 16;
}

static void fill_wild(void *buffer, size_t bytes)
{
	__u32 *words = buffer;

	for (size_t i = 0; i < bytes / sizeof(*words); i++)
		words[i] = wild_word();
}

static const struct {
	const char *name;
	unsigned int command;
} commands[] = {
	{ "GET_API_VERSION", VHOST_BACKEND_GET_API_VERSION },
	{ "SETUP", VHOST_BACKEND_SETUP },
	{ "BIND", VHOST_BACKEND_BIND },
	{ "TAKE_FD", VHOST_BACKEND_TAKE_FD },
	{ "SET_SHMEM", VHOST_BACKEND_SET_SHMEM },
	{ "GET_MAPPINGS", VHOST_BACKEND_GET_MAPPINGS },
	{ "TAKE_OVER", VHOST_BACKEND_TAKE_OVER },
	{ "GET_STATS", VHOST_BACKEND_GET_STATS },
	{ "ROOM", VHOST_BACKEND_ROOM },
	{ "RESET", VHOST_BACKEND_RESET },
	{ "GET_SETUP", VHOST_BACKEND_GET_SETUP },
	{ "PAUSE", VHOST_BACKEND_PAUSE },
	{ "REPLY", VHOST_BACKEND_REPLY },
	{ "GET_SHMEM", VHOST_BACKEND_GET_SHMEM },
	{ "FORWARD", VHOST_BACKEND_FORWARD },
	{ "GET_REQUESTS", VHOST_BACKEND_GET_REQUESTS },
};

static bool is_command(unsigned int command)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (commands[i].command == command)
			return true;
	}
	return false;
}

/* Each number with each direction and many sizes, but for the right ones. */
TEST_F_TIMEOUT(hostile, unknown_commands, 120)
{
	static const unsigned int sizes[] = {
		0, 1, 4, 8, 15, 16, 17, 24, 31, 32, 33, 40, 55, 56, 57, 64, 255,
		256, 257, 512, 4096, 16383,
	};
	int new_channel = open(CHANNEL_PATH, O_RDWR);
	static unsigned char argument[16384];

	ASSERT_LE(0, new_channel);
	for (unsigned int nr = 0xc8; nr <= 0xe8; nr++) {
		for (unsigned int n = 0; n < 4 * ARRAY_SIZE(sizes); n++) {
			unsigned int command = _IOC(n % 4, VHOST_BACKEND_IOCTL,
						    nr, sizes[n / 4]);

			if (is_command(command))
				continue;
			EXPECT_EQ(-ENOTTY, try_ioctl(self->ends.channel,
						     command, argument))
				TH_LOG("command %#x", command);
			EXPECT_EQ(-ENOTTY, try_ioctl(new_channel, command,
						     argument))
				TH_LOG("command %#x, before SETUP", command);
		}
	}
	close(new_channel);
	CHECK_UNHARMED();
}

/* The same numbers of another type, and another driver's. */
TEST_F(hostile, foreign_commands)
{
	static unsigned char argument[16384];

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		for (unsigned int type = 0xae; type <= 0xb0; type += 2) {
			unsigned int command = commands[i].command;

			command &= ~(_IOC_TYPEMASK << _IOC_TYPESHIFT);
			command |= type << _IOC_TYPESHIFT;
			EXPECT_EQ(-ENOTTY, try_ioctl(self->ends.channel,
						     command, argument))
				TH_LOG("command %#x", command);
		}
	}
	EXPECT_EQ(0, isatty(self->ends.channel));
	EXPECT_EQ(ENOTTY, errno);
	CHECK_UNHARMED();
}

/* So wild that the call fails, whatever the rest of @argument says. */
static void make_certainly_wrong(unsigned int command, void *argument)
{
	struct vhost_backend_bind *bind = argument;
	struct vhost_backend_shmem *shmem = argument;
	struct vhost_backend_array *array = argument;
	struct vhost_backend_take_fd *take = argument;
	__u32 *pause = argument;

	switch (command) {
	case VHOST_BACKEND_BIND:
		/* Any descriptor, but here is no eventfd among them. */
		bind->fd = (int)(bind->fd % 16U) - 2;
		break;
	case VHOST_BACKEND_TAKE_FD:
		take->id |= 1ULL << 63 | 1ULL << 31;
		take->flags |= 1U << 31;
		break;
	case VHOST_BACKEND_SET_SHMEM:
		shmem->shmid |= 256;
		break;
	case VHOST_BACKEND_GET_MAPPINGS:
	case VHOST_BACKEND_GET_SHMEM:
		array->flags |= 1;
		break;
	case VHOST_BACKEND_PAUSE:
		*pause |= 2;
		break;
	}
}

static bool takes_wild_argument(unsigned int command)
{
	return _IOC_DIR(command) & _IOC_WRITE;
}

TEST_F_TIMEOUT(hostile, wild_arguments, 180)
{
	__u64 argument[32];

	for (int round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
			unsigned int command = commands[i].command;

			if (!takes_wild_argument(command))
				continue;
			fill_wild(argument, sizeof(argument));
			make_certainly_wrong(command, argument);
			EXPECT_GT(0, try_ioctl(self->ends.channel, command,
					       argument))
				TH_LOG("%s, round %d", commands[i].name, round);
		}
	}
	CHECK_UNHARMED();
}

/* A request that is not answered by luck: the numbers are too rare. */
TEST_F_TIMEOUT(hostile, wild_replies, 180)
{
	struct vhost_backend_reply replies[4];

	for (int round = 0; round < 5 * ROUNDS; round++) {
		fill_wild(replies, sizeof(replies));
		for (size_t i = 0; i < ARRAY_SIZE(replies) && round % 4; i++) {
			struct vhost_backend_msg *msg = &replies[i].msg;

			/* Ever more of it as it should be, but for the id. */
			*msg = reply_to(&self->delivered.msg, 0).msg;
			if (round % 4 > 1)
				msg->id ^= 1ULL << (next_random() % 64);
			if (round % 4 == 1)
				msg->request = wild_word() | 1U << 30;
			if (round % 4 == 3)
				msg->flags ^= 1U << (next_random() % 32);
		}
		EXPECT_GT(0, try_write(self->ends.channel, replies,
				       sizeof(replies)))
			TH_LOG("round %d", round);
	}
	EXPECT_EQ(0U, channel_stats(self->ends.channel).requests_answered);
	CHECK_UNHARMED();
}

/* Nowhere, in the kernel, at the end of what is there, and in between. */
TEST_F(hostile, bad_pointers)
{
	unsigned char *end = page_before_nothing() + PAGE;

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		unsigned int command = commands[i].command;
		unsigned char *const bad[] = {
			address_of(0), address_of(1), address_of(-1),
			address_of(-PAGE), address_of(INTPTR_MIN), end, end - 1,
			end - 3, end - _IOC_SIZE(command) + 1,
			end - _IOC_SIZE(command) / 2,
		};

		if (!_IOC_SIZE(command))
			continue;
		for (size_t n = 0; n < ARRAY_SIZE(bad); n++) {
			memset(end - PAGE, 0, PAGE);
			EXPECT_GT(0, try_ioctl(self->ends.channel, command,
					       bad[n]))
				TH_LOG("%s, pointer %zu", commands[i].name, n);
		}
	}
	EXPECT_EQ(-EFAULT, try_ioctl(self->ends.channel,
				     VHOST_BACKEND_GET_STATS, end));
	EXPECT_EQ(-EFAULT, try_ioctl(self->ends.channel,
				     VHOST_BACKEND_GET_SETUP, end));
	EXPECT_EQ(-EFAULT, try_ioctl(self->ends.channel,
				     VHOST_BACKEND_BIND, end));
	CHECK_UNHARMED();
}

/* A struct need not be where a compiler would put it. */
TEST_F(hostile, unaligned_arguments)
{
	unsigned char buffer[sizeof(struct vhost_backend_stats) + 8];
	struct vhost_backend_stats stats;

	for (int offset = 1; offset < 8; offset++) {
		memset(buffer, 0xa5, sizeof(buffer));
		EXPECT_EQ(0, try_ioctl(self->ends.channel,
				       VHOST_BACKEND_GET_SETUP,
				       buffer + offset));
		EXPECT_EQ(0, memcmp(buffer + offset, &self->setup,
				    sizeof(self->setup)));
		EXPECT_EQ(0xa5, buffer[offset - 1]);
		EXPECT_EQ(0xa5, buffer[offset + sizeof(self->setup)]);
		EXPECT_EQ(0, try_ioctl(self->ends.channel,
				       VHOST_BACKEND_GET_STATS,
				       buffer + offset));
		memcpy(&stats, buffer + offset, sizeof(stats));
		EXPECT_EQ(4U, stats.requests_queued);
		EXPECT_EQ(1U, stats.requests_delivered);
		EXPECT_EQ(0U, stats.reserved[ARRAY_SIZE(stats.reserved) - 1]);
		EXPECT_EQ(0xa5, buffer[offset - 1]);
	}
	CHECK_UNHARMED();
}

/* The wild payloads of a worker gone mad: refused, or delivered as they are. */
TEST_F_TIMEOUT(hostile, wild_payloads, 180)
{
	struct ends ends = {};
	unsigned int accepted = 0;

	ASSERT_EQ(0, ends_open_large(&ends, O_NONBLOCK));
	for (int round = 0; round < ROUNDS; round++) {
		const struct request_kind *kind =
			&request_kinds[round % nr_request_kinds];
		struct vhost_backend_test_send send = send_of(kind, &ends);
		struct message sent = kind->sample, got;
		unsigned char *word = sent.bytes;
		__u32 wild = wild_word();

		if (!kind->size)
			continue;
		/* One of them: all together they would never be accepted. */
		word += next_random() % (kind->size / 4) * 4;
		memcpy(word, &wild, sizeof(wild));
		send.payload = (uintptr_t)sent.bytes;
		send.flags = VHOST_BACKEND_TEST_REPLY |
			     VHOST_BACKEND_TEST_ASYNC;
		send.context = round % 3;
		if (worker_send(ends.worker, &send)) {
			ASSERT_FALSE(channel_has_message(ends.channel));
			continue;
		}
		accepted++;
		ASSERT_EQ((ssize_t)(sizeof(got.msg) + kind->size),
			  await_message(ends.channel, &got));
		EXPECT_EQ(kind->request, got.msg.request);
		if (kind_has_vring(kind))
			got.state.index -= VRING_BASE;
		EXPECT_EQ(0, memcmp(got.bytes, sent.bytes, kind->size));
		if (kind->file)
			EXPECT_EQ(0, close(got.msg.fd));
		EXPECT_LT(0, channel_reply(ends.channel, &got.msg, -EIO));
	}
	EXPECT_LT(0U, accepted);
	EXPECT_EQ(accepted, channel_stats(ends.channel).requests_answered);
	ends_close(&ends);
	CHECK_UNHARMED();
}

/* System calls that a channel has no use for. */
TEST_F(hostile, other_calls)
{
	int channel = self->ends.channel;
	char byte = 0;

	EXPECT_EQ(-1, ftruncate(channel, PAGE));
	EXPECT_EQ(-1, fallocate(channel, 0, 0, PAGE));
	EXPECT_EQ(-1, fsync(channel));
	EXPECT_EQ(-1, pwrite(channel, &byte, 1, 0));
	EXPECT_EQ(-1, fchdir(channel));
	EXPECT_EQ(-ENODEV, try_mmap(channel, PAGE, VHOST_BACKEND_MMAP_CTL));
	EXPECT_EQ(-ENODEV, try_mmap(channel, 65536, VHOST_BACKEND_MMAP_RING));
	lseek(channel, 12345, SEEK_SET);
	fcntl(channel, F_SETFL, O_NONBLOCK | O_APPEND);
	CHECK_UNHARMED();
}

static void expect_ended(struct __test_metadata *_metadata, int worker,
			 uint64_t cookie, int error)
{
	struct vhost_backend_test_result result;

	ASSERT_EQ(0, worker_result(worker, cookie, PATIENCE_MS, &result));
	EXPECT_EQ(error, result.error);
	EXPECT_EQ(1U, result.count);
}

/* Another process that reads the channel waits for its turn, and can be killed. */
static void expect_wait(struct __test_metadata *_metadata, int channel)
{
	struct message m;
	int status;
	pid_t pid;

	pid = fork();
	if (!pid) {
		try_read(channel, &m, sizeof(m));
		_exit(0);
	}
	EXPECT_TRUE(task_sleeps(pid));
	usleep(50000);
	EXPECT_EQ('S', task_state(pid));
	EXPECT_EQ(0, waitpid(pid, &status, WNOHANG));
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
}

/* One who can't wait, and those who do: O_NONBLOCK is for messages, not for turns. */
static void check_other_readers(struct __test_metadata *_metadata, int channel)
{
	int flags = fcntl(channel, F_GETFL);
	struct message m;
	struct iovec iov = { &m, sizeof(m) };

	EXPECT_EQ(-1, preadv2(channel, &iov, 1, -1, RWF_NOWAIT));
	EXPECT_EQ(EAGAIN, errno);
	expect_wait(_metadata, channel);
	fcntl(channel, F_SETFL, flags & ~O_NONBLOCK);
	expect_wait(_metadata, channel);
	fcntl(channel, F_SETFL, flags);
}

/* Another channel, also of this process, is not concerned. */
static void check_other_channel(struct __test_metadata *_metadata)
{
	struct ends ends = {};
	uint64_t cookie;
	struct message m;

	ASSERT_EQ(0, ends_open_large(&ends, O_NONBLOCK));
	ASSERT_EQ(0, ask(ends.worker, 5, &cookie));
	ASSERT_LT(0, await_message(ends.channel, &m));
	EXPECT_EQ(5U, asked_number(&m));
	expect_success(_metadata, &ends, cookie, &m.msg);
	ends_close(&ends);
}

/* Only those who read the same channel wait for it: no worker, no other call. */
TEST_F_TIMEOUT(hostile, buffer_that_does_not_come, 120)
{
	struct vhost_backend_test_send send;
	struct waiting delivered;
	struct stuck stuck;
	struct ends ends = {};
	struct message m;
	uint64_t first;

	ASSERT_EQ(0, ends_open_large(&ends, O_NONBLOCK));
	delivered = deliver(&ends, find_kind(VHOST_BACKEND_SHMEM_UNMAP));
	ASSERT_EQ(0, ask(ends.worker, 1, &first));
	ASSERT_TRUE(stuck_start(&stuck, ends.channel, PAGE));
	check_other_readers(_metadata, ends.channel);
	check_other_channel(_metadata);
	EXPECT_LT(0, channel_reply(ends.channel, &delivered.msg, 0));
	expect_ended(_metadata, ends.worker, delivered.cookie, 0);
	send = send_of(find_kind(VHOST_BACKEND_SHMEM_UNMAP), &ends);
	send.flags = VHOST_BACKEND_TEST_REPLY | VHOST_BACKEND_TEST_ASYNC;
	send.timeout_ms = 20;
	EXPECT_EQ(0, worker_send(ends.worker, &send));
	EXPECT_EQ(0, raise_call(ends.worker, 1));
	expect_ended(_metadata, ends.worker, send.cookie, -ETIMEDOUT);
	EXPECT_EQ(0, try_ioctl(ends.worker, VHOST_BACKEND_TEST_SHUTDOWN, NULL));
	expect_ended(_metadata, ends.worker, first, -ESHUTDOWN);
	EXPECT_EQ(2U, channel_stats(ends.channel).requests_given_up);
	EXPECT_TRUE(channel_has_message(ends.channel));

	/* What was in delivery is delivered, and takes its late answer. */
	ASSERT_LT(0, stuck_end(&stuck, true));
	memcpy(&m.msg, stuck.page, sizeof(m.msg));
	EXPECT_EQ((__u32)VHOST_BACKEND_SHMEM_UNMAP, m.msg.request);
	EXPECT_LT(0, channel_reply(ends.channel, &m.msg, 0));
	EXPECT_EQ(0U, channel_stats(ends.channel).inflight);
	ends_close(&ends);
	CHECK_UNHARMED();
}

static void read_for_ever(int channel, int ready)
{
	struct stuck stuck;

	if (!stuck_start(&stuck, channel, PAGE) || write(ready, "x", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

/* Such a process can be killed, and its channel dies with it. */
TEST_F_TIMEOUT(hostile, killed_without_its_buffer, 120)
{
	int pipes[2], status;
	struct ends ends = {};
	uint64_t cookie;
	char byte;
	pid_t pid;

	ASSERT_EQ(0, pipe2(pipes, O_CLOEXEC));
	ASSERT_EQ(0, ends_open_large(&ends, O_NONBLOCK));
	ASSERT_EQ(0, ask(ends.worker, 1, &cookie));
	pid = fork();
	if (!pid)
		read_for_ever(ends.channel, pipes[1]);
	close(ends.channel);
	ends.channel = -1;
	close(pipes[1]);
	ASSERT_EQ(1, read(pipes[0], &byte, 1));
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	expect_ended(_metadata, ends.worker, cookie, -ENOTCONN);
	close(pipes[0]);
	ends_close(&ends);
	CHECK_UNHARMED();
}

/* SETUP time and again, while the channel is in use. */
TEST_F(hostile, setup_again)
{
	struct vhost_backend_setup setup = { .requests = EVERYTHING };

	for (int i = 0; i < 100; i++) {
		setup.nr_vrings = 1 + i;
		EXPECT_EQ(-EBUSY, try_ioctl(self->ends.channel,
					    VHOST_BACKEND_SETUP, &setup));
	}
	CHECK_UNHARMED();
}

/* What this version does not have yet says so, and does nothing. */
TEST_F(hostile, not_supported)
{
	static const unsigned int unsupported[] = {
		VHOST_BACKEND_SET_SHMEM, VHOST_BACKEND_GET_MAPPINGS,
		VHOST_BACKEND_TAKE_OVER, VHOST_BACKEND_ROOM, VHOST_BACKEND_RESET,
		VHOST_BACKEND_PAUSE, VHOST_BACKEND_GET_SHMEM,
		VHOST_BACKEND_FORWARD, VHOST_BACKEND_GET_REQUESTS,
	};
	__u64 argument[32] = {};

	for (size_t i = 0; i < ARRAY_SIZE(unsupported); i++) {
		EXPECT_EQ(-EOPNOTSUPP, try_ioctl(self->ends.channel,
						 unsupported[i], argument))
			TH_LOG("command %#x", unsupported[i]);
	}
	CHECK_UNHARMED();
}

TEST_HARNESS_MAIN
