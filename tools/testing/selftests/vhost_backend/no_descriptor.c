// SPDX-License-Identifier: GPL-2.0-only
/*
 * A frontend that has no free descriptor: files can't be installed, and everything else goes
 * on. A file that is pending can be taken until it is replied to.
 */
#include "../kselftest_harness.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include "lib/channel.h"
#include "lib/file.h"
#include "lib/memory.h"
#include "lib/message.h"
#include "lib/pair.h"
#include "lib/reader.h"
#include "lib/skip.h"
#include "lib/wait.h"
#include "lib/worker.h"

SKIP_WITHOUT_WORKER;

#define SLOTS	8U

FIXTURE(no_descriptor) {
	struct pair pair;
	int file;
	int watch;
	struct rlimit old;
};

FIXTURE_SETUP(no_descriptor)
{
	struct vhost_backend_setup setup = { .max_inflight = SLOTS };

	ASSERT_EQ(0, pair_open(&self->pair, O_NONBLOCK, setup));
	self->file = make_locked_file(&self->watch);
	ASSERT_LE(0, self->file);
	ASSERT_EQ(0, limit_descriptors(0, &self->old));
}

FIXTURE_TEARDOWN(no_descriptor)
{
	setrlimit(RLIMIT_NOFILE, &self->old);
	close(self->file);
	close(self->watch);
	pair_close(&self->pair);
}

/* A message with a file, for which the worker wants no reply */
static int send_notifier(int worker, unsigned int vring, int file)
{
	struct vhost_backend_vring_area area = { .vring = vring, .size = PAGE };

	return send_plain(worker, VHOST_BACKEND_VRING_HOST_NOTIFIER_MSG, &area, sizeof(area),
			  file);
}

static bool is_pending(const struct message *message)
{
	return message->msg.fd == VHOST_BACKEND_FD_PENDING && message->msg.id &&
	       message->msg.flags == (VHOST_BACKEND_MSG_VERSION |
				      VHOST_BACKEND_MSG_NEED_REPLY);
}

/* What was read, one of each kind at most */
struct seen {
	unsigned int count;
	struct message map, notifier, unmap, call;
};

static void see(void *arg, const struct message *message)
{
	struct seen *seen = arg;

	seen->count++;
	switch (message->msg.request) {
	case VHOST_BACKEND_SHMEM_MAP:
		seen->map = *message;
		break;
	case VHOST_BACKEND_VRING_HOST_NOTIFIER_MSG:
		seen->notifier = *message;
		break;
	case VHOST_BACKEND_SHMEM_UNMAP:
		seen->unmap = *message;
		break;
	case VHOST_BACKEND_VRING_CALL:
		seen->call = *message;
		break;
	}
}

TEST_F(no_descriptor, what_is_behind_a_file_is_delivered)
{
	const int channel = self->pair.channel;
	uint64_t map, unmap;
	struct seen seen = {};

	ASSERT_EQ(0, ask_map(self->pair.worker, 1, self->file, &map));
	ASSERT_EQ(0, send_notifier(self->pair.worker, 2, self->file));
	ASSERT_EQ(0, ask(self->pair.worker, 3, &unmap));
	ASSERT_EQ(0, raise_call(self->pair.worker, 4));
	/* All of it by one read */
	EXPECT_EQ(4, read_messages(channel, READ_MAX, RWF_NOWAIT, see, &seen));
	ASSERT_EQ(4U, seen.count);
	EXPECT_TRUE(is_pending(&seen.map));
	EXPECT_TRUE(is_pending(&seen.notifier));
	EXPECT_EQ(3U, asked_number(&seen.unmap));
	EXPECT_EQ(4U, seen.call.state.index);
	EXPECT_EQ(32, channel_reply(channel, &seen.unmap.msg, 0));
	EXPECT_EQ(0, async_error(self->pair.worker, unmap));
	EXPECT_EQ(32, channel_reply(channel, &seen.map.msg, -EMFILE));
	EXPECT_EQ(-EMFILE, async_error(self->pair.worker, map));
	EXPECT_EQ(32, channel_reply(channel, &seen.notifier.msg, 0));
	EXPECT_EQ(0U, channel_stats(channel).inflight);
}

/* Each gives another descriptor of the same file. */
static bool take_file(int channel, uint64_t id, int watch)
{
	struct vhost_backend_take_fd take = { .id = id };
	struct stat taken, expected;
	bool same;

	if (try_ioctl(channel, VHOST_BACKEND_TAKE_FD, &take))
		return false;
	same = !fstat(take.fd, &taken) && !fstat(watch, &expected) &&
	       taken.st_ino == expected.st_ino;
	close(take.fd);
	return same;
}

static void take_and_reply(struct __test_metadata *_metadata,
			   FIXTURE_DATA(no_descriptor) * self, const struct message *message)
{
	struct vhost_backend_take_fd take = { .id = message->msg.id };
	const int channel = self->pair.channel;

	ASSERT_TRUE(is_pending(message));
	EXPECT_EQ(-EMFILE, try_ioctl(channel, VHOST_BACKEND_TAKE_FD, &take));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &self->old));
	close(self->file);
	self->file = -1;
	for (int times = 0; times < 5; times++)
		EXPECT_TRUE(take_file(channel, message->msg.id, self->watch));
	EXPECT_TRUE(file_is_held(self->watch));
	EXPECT_EQ(32, channel_reply(channel, &message->msg, 0));
	EXPECT_TRUE(wait_until(!file_is_held(self->watch)));
	EXPECT_EQ(-ENOENT, try_ioctl(channel, VHOST_BACKEND_TAKE_FD, &take));
	EXPECT_EQ(-ENOENT, channel_reply(channel, &message->msg, 0));
}

TEST_F(no_descriptor, file_is_taken_once_there_is_one)
{
	struct message message;
	uint64_t cookie;

	ASSERT_EQ(0, ask_map(self->pair.worker, 1, self->file, &cookie));
	ASSERT_LT(0, channel_read(self->pair.channel, &message));
	take_and_reply(_metadata, self, &message);
	EXPECT_EQ(0, async_error(self->pair.worker, cookie));
}

TEST_F(no_descriptor, file_without_reply_is_taken_and_replied_to)
{
	struct message message;

	ASSERT_EQ(0, send_notifier(self->pair.worker, 1, self->file));
	ASSERT_LT(0, channel_read(self->pair.channel, &message));
	take_and_reply(_metadata, self, &message);
	EXPECT_EQ(0U, channel_stats(self->pair.channel).inflight);
}

/* Far more than there are slots, replied to in turn */
TEST_F(no_descriptor, slots_do_not_run_out)
{
	const int channel = self->pair.channel;
	struct message message;

	for (unsigned int n = 0; n < 10 * SLOTS; n++) {
		ASSERT_EQ(0, send_notifier(self->pair.worker, n, self->file))
			TH_LOG("message %u", n);
		ASSERT_LT(0, channel_read(channel, &message));
		ASSERT_TRUE(is_pending(&message));
		EXPECT_EQ(n, message.area.vring);
		ASSERT_EQ(32, channel_reply(channel, &message.msg, 0));
	}
	/* As many at a time as there are */
	for (unsigned int round = 0; round < 10; round++) {
		struct message messages[SLOTS];

		for (unsigned int n = 0; n < SLOTS; n++)
			ASSERT_EQ(0, send_notifier(self->pair.worker, n, self->file));
		EXPECT_EQ(-EAGAIN, send_notifier(self->pair.worker, SLOTS, self->file));
		for (unsigned int n = 0; n < SLOTS; n++)
			ASSERT_LT(0, channel_read(channel, &messages[n]));
		EXPECT_EQ(-EAGAIN, send_notifier(self->pair.worker, SLOTS, self->file));
		for (unsigned int n = 0; n < SLOTS; n++)
			ASSERT_EQ(32, channel_reply(channel, &messages[n].msg, 0));
	}
	EXPECT_EQ(0U, channel_stats(channel).inflight);
}

/* Without a reply to the files, notifications and what needs no slot still come. */
TEST_F(no_descriptor, notifications_go_on_without_replies)
{
	const int channel = self->pair.channel;
	struct message message;

	for (unsigned int n = 0; n < SLOTS; n++) {
		ASSERT_EQ(0, send_notifier(self->pair.worker, n, self->file));
		ASSERT_LT(0, channel_read(channel, &message));
	}
	for (unsigned int n = 0; n < 100; n++) {
		ASSERT_EQ(0, raise_call(self->pair.worker, n));
		ASSERT_LT(0, channel_read(channel, &message));
		EXPECT_EQ((uint32_t)VHOST_BACKEND_VRING_CALL, message.msg.request);
		ASSERT_EQ(0, send_iotlb(self->pair.worker, 1, n));
		ASSERT_LT(0, channel_read(channel, &message));
		EXPECT_EQ(n, message.iotlb.uaddr);
	}
}

TEST_HARNESS_MAIN
