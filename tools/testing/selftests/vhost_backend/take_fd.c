// SPDX-License-Identifier: GPL-2.0-only
/* VHOST_BACKEND_TAKE_FD: the file of a request, once more. */
#include "../kselftest_harness.h"

#include <fcntl.h>
#include <sys/resource.h>

#include "lib/channel.h"
#include "lib/ends.h"
#include "lib/file.h"
#include "lib/memory.h"
#include "lib/message.h"
#include "lib/request.h"
#include "lib/skip.h"
#include "lib/worker.h"

SKIP_WITHOUT_WORKER;

FIXTURE(take_fd) {
	struct ends ends;
};

FIXTURE_SETUP(take_fd)
{
	ASSERT_EQ(0, ends_open_large(&self->ends, O_NONBLOCK));
}

FIXTURE_TEARDOWN(take_fd)
{
	ends_close(&self->ends);
}

/* The descriptor, or -errno. */
static int take(int channel, uint64_t id)
{
	struct vhost_backend_take_fd argument = { .id = id, .fd = 12345 };
	int err = try_ioctl(channel, VHOST_BACKEND_TAKE_FD, &argument);

	return err ? err : argument.fd;
}

static void expect_our_file(struct __test_metadata *_metadata, int fd)
{
	char text[sizeof(ENDS_FILE_TEXT)] = "";

	ASSERT_LE(0, fd);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	EXPECT_EQ((ssize_t)sizeof(text), pread(fd, text, sizeof(text), 0));
	EXPECT_EQ(0, memcmp(text, ENDS_FILE_TEXT, sizeof(text)));
}

static struct waiting deliver_map(struct __test_metadata *_metadata,
				  struct ends *ends)
{
	return deliver(ends, find_kind(VHOST_BACKEND_SHMEM_MAP));
}

/* As often as one likes, from delivery to the answer. */
TEST_F(take_fd, until_the_answer)
{
	const struct request_kind *kind;
	int fds[3];

	for_each_kind(kind) {
		struct waiting w = deliver(&self->ends, kind);

		if (!kind->file) {
			EXPECT_EQ(-ENOENT, take(self->ends.channel, w.msg.id))
				TH_LOG("%s", kind->name);
			continue;
		}
		for (int i = 0; i < 3; i++) {
			fds[i] = take(self->ends.channel, w.msg.id);
			expect_our_file(_metadata, fds[i]);
		}
		EXPECT_NE(fds[0], fds[1]);
		EXPECT_LT(0, channel_reply(self->ends.channel, &w.msg, -EIO));
		EXPECT_EQ(-ENOENT, take(self->ends.channel, w.msg.id))
			TH_LOG("%s", kind->name);
		for (int i = 0; i < 3; i++)
			EXPECT_EQ(0, close(fds[i]));
	}
}

/* An answer of success ends it too, where no mapping comes of it. */
TEST_F(take_fd, until_a_good_answer)
{
	static const __u32 requests[] = {
		VHOST_BACKEND_VRING_HOST_NOTIFIER_MSG,
		VHOST_BACKEND_DEPRECATED_FS_IO,
	};

	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		struct waiting w = deliver(&self->ends, find_kind(requests[i]));
		int fd = take(self->ends.channel, w.msg.id);

		expect_our_file(_metadata, fd);
		EXPECT_LT(0, channel_reply(self->ends.channel, &w.msg, 0));
		EXPECT_EQ(-ENOENT, take(self->ends.channel, w.msg.id));
	}
}

/* Where no reply is wanted, delivery is the end. */
TEST_F(take_fd, no_reply_wanted)
{
	struct vhost_backend_test_send send =
		send_of(find_kind(VHOST_BACKEND_VRING_HOST_NOTIFIER_MSG),
			&self->ends);
	struct message m;

	ASSERT_EQ(0, worker_send(self->ends.worker, &send));
	ASSERT_LT(0, await_message(self->ends.channel, &m));
	EXPECT_NE(0U, m.msg.id);
	EXPECT_EQ(-ENOENT, take(self->ends.channel, m.msg.id));
}

TEST_F(take_fd, no_such_request)
{
	struct waiting w = deliver_map(_metadata, &self->ends);
	struct ends others;

	EXPECT_EQ(-ENOENT, take(self->ends.channel, 0));
	EXPECT_EQ(-ENOENT, take(self->ends.channel, ~0ULL));
	for (int bit = 0; bit < 64; bit++)
		EXPECT_EQ(-ENOENT, take(self->ends.channel,
					w.msg.id ^ 1ULL << bit));
	/* Another channel has requests of its own. */
	ASSERT_EQ(0, ends_open_large(&others, O_NONBLOCK));
	EXPECT_EQ(-ENOENT, take(others.channel, w.msg.id));
	ends_close(&others);
}

TEST_F(take_fd, unknown_flags)
{
	struct waiting w = deliver_map(_metadata, &self->ends);
	const int descriptors = count_descriptors();

	for (int bit = 0; bit < 32; bit++) {
		struct vhost_backend_take_fd argument = {
			.id = w.msg.id, .flags = 1U << bit,
		};

		EXPECT_EQ(-EINVAL, try_ioctl(self->ends.channel,
					     VHOST_BACKEND_TAKE_FD, &argument));
	}
	EXPECT_EQ(descriptors, count_descriptors());
	expect_our_file(_metadata, take(self->ends.channel, w.msg.id));
}

/* Where the number can't be told, there is no descriptor either. */
TEST_F(take_fd, bad_pointers)
{
	struct waiting w = deliver_map(_metadata, &self->ends);
	struct vhost_backend_take_fd argument = { .id = w.msg.id };
	void *read_only = read_only_page(&argument, sizeof(argument));
	unsigned char *end = page_before_nothing() + PAGE;
	const int descriptors = count_descriptors();

	EXPECT_EQ(-EFAULT, try_ioctl(self->ends.channel, VHOST_BACKEND_TAKE_FD,
				     NULL));
	EXPECT_EQ(-EFAULT, try_ioctl(self->ends.channel, VHOST_BACKEND_TAKE_FD,
				     address_of(-PAGE)));
	EXPECT_EQ(-EFAULT, try_ioctl(self->ends.channel, VHOST_BACKEND_TAKE_FD,
				     read_only));
	for (size_t bytes = 0; bytes < sizeof(argument); bytes++) {
		memcpy(end - bytes, &argument, bytes);
		EXPECT_EQ(-EFAULT, try_ioctl(self->ends.channel,
					     VHOST_BACKEND_TAKE_FD,
					     end - bytes));
	}
	EXPECT_EQ(descriptors, count_descriptors());
	expect_our_file(_metadata, take(self->ends.channel, w.msg.id));
}

TEST_F(take_fd, no_free_descriptor)
{
	struct waiting w = deliver_map(_metadata, &self->ends);
	struct rlimit old;

	ASSERT_EQ(0, limit_descriptors(0, &old));
	EXPECT_EQ(-EMFILE, take(self->ends.channel, w.msg.id));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &old));
	expect_our_file(_metadata, take(self->ends.channel, w.msg.id));
}

/* What was taken is the taker's own. */
TEST_F(take_fd, outlives_the_channel)
{
	struct waiting w = deliver_map(_metadata, &self->ends);
	int fd = take(self->ends.channel, w.msg.id);

	ends_close(&self->ends);
	expect_our_file(_metadata, fd);
	ASSERT_EQ(0, ends_open_large(&self->ends, O_NONBLOCK));
}

TEST_HARNESS_MAIN
