// SPDX-License-Identifier: GPL-2.0-only
/*
 * The read system calls: whole messages, in order, each once, whatever the
 * buffer; and nothing lost or leaked where one can't be delivered.
 */
#include "../kselftest_harness.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
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
#include "lib/task.h"
#include "lib/wait.h"
#include "lib/worker.h"

SKIP_WITHOUT_WORKER;

FIXTURE(read) {
	struct ends ends;
	uint64_t cookie;	/* of requests whose end does not matter */
};

FIXTURE_SETUP(read)
{
	ASSERT_EQ(0, ends_open_large(&self->ends, O_NONBLOCK));
}

FIXTURE_TEARDOWN(read)
{
	ends_close(&self->ends);
}

static void let_block(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
}

/* The next message is that of ask(@number) or ask_map(@number). */
static void expect_asked(struct __test_metadata *_metadata, int channel,
			 unsigned int number)
{
	struct message m;

	ASSERT_LT(0, channel_read(channel, &m));
	EXPECT_EQ(number, asked_number(&m));
	if (m.msg.request == VHOST_BACKEND_SHMEM_MAP) {
		EXPECT_LE(0, m.msg.fd);
		close(m.msg.fd);
	}
}

TEST_F(read, several_at_once)
{
	const struct request_kind *sync =
		find_kind(VHOST_BACKEND_DEPRECATED_FS_SYNC);
	static const __u32 expected[][2] = {
		{ VHOST_BACKEND_SHMEM_UNMAP, 48 },
		{ VHOST_BACKEND_SHMEM_MAP, 56 },
		{ VHOST_BACKEND_DEPRECATED_FS_SYNC, 280 },
		{ VHOST_BACKEND_CONFIG_CHANGE_MSG, 24 },
		{ VHOST_BACKEND_VRING_CALL, 32 },
		{ VHOST_BACKEND_VRING_ERR, 32 },
	};
	struct vhost_backend_vring_state vring = { .index = 1 };
	unsigned char buffer[1024], *at = buffer;
	struct vhost_backend_msg msg;
	int worker = self->ends.worker;

	ASSERT_EQ(0, ask(worker, 1, &self->cookie));
	ASSERT_EQ(0, ask_map(worker, 2, self->ends.file, &self->cookie));
	ASSERT_EQ(0, send_async(worker, sync->request, sync->sample.bytes,
				sync->size, -1, &self->cookie));
	ASSERT_EQ(0, send_plain(worker, VHOST_BACKEND_VRING_ERR, &vring,
				sizeof(vring), -1));
	ASSERT_EQ(0, raise_call(worker, 1));
	ASSERT_EQ(0, send_plain(worker, VHOST_BACKEND_CONFIG_CHANGE_MSG, NULL,
				0, -1));
	ASSERT_EQ(48 + 56 + 280 + 24 + 32 + 32,
		  try_read(self->ends.channel, buffer, sizeof(buffer)));
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		memcpy(&msg, at, sizeof(msg));
		EXPECT_EQ(expected[i][0], msg.request);
		ASSERT_EQ(expected[i][1], message_bytes(&msg));
		at += expected[i][1];
	}
	EXPECT_EQ(-EAGAIN, try_read(self->ends.channel, buffer,
				    sizeof(buffer)));
}

TEST_F_TIMEOUT(read, as_many_as_fit, 60)
{
	const ssize_t one = ASK_BYTES;
	unsigned char buffer[4 * ASK_BYTES];

	for (ssize_t bytes = one; bytes <= 4 * one; bytes++) {
		for (int i = 0; i < 3; i++)
			ASSERT_EQ(0, ask(self->ends.worker, i, &self->cookie));
		ASSERT_EQ(bytes < 3 * one ? bytes / one * one : 3 * one,
			  try_read(self->ends.channel, buffer, bytes));
		for (int left = 3 - bytes / one; left > 0; left--)
			expect_asked(_metadata, self->ends.channel, 3 - left);
		ASSERT_FALSE(channel_has_message(self->ends.channel));
	}
}

/* Any buffer of 280 bytes takes any message. */
TEST_F(read, buffer_that_always_suffices)
{
	unsigned char buffer[VHOST_BACKEND_MSG_MAX];
	const struct request_kind *kind;
	struct vhost_backend_msg msg;

	for_each_kind(kind) {
		struct vhost_backend_test_send send =
			send_of(kind, &self->ends);

		send.flags = VHOST_BACKEND_TEST_REPLY |
			     VHOST_BACKEND_TEST_ASYNC;
		ASSERT_EQ(0, worker_send(self->ends.worker, &send));
		EXPECT_EQ((ssize_t)(sizeof(msg) + kind->size),
			  try_read(self->ends.channel, buffer,
				   sizeof(buffer)))
			TH_LOG("%s", kind->name);
		memcpy(&msg, buffer, sizeof(msg));
		EXPECT_EQ(kind->request, msg.request);
		if (kind->file)
			close(msg.fd);
	}
}

/* A buffer that is too small gets nothing, and takes nothing away. */
TEST_F_TIMEOUT(read, buffer_too_small, 60)
{
	const int descriptors = count_descriptors();
	unsigned char buffer[VHOST_BACKEND_MSG_MAX];
	const struct request_kind *kind;

	for_each_kind(kind) {
		struct vhost_backend_test_send send =
			send_of(kind, &self->ends);
		ssize_t whole = sizeof(struct vhost_backend_msg) + kind->size;
		struct vhost_backend_msg msg;

		EXPECT_EQ(-EAGAIN, try_read(self->ends.channel, buffer, 0));
		if (kind->reply == REPLY_ALWAYS)
			send.flags = VHOST_BACKEND_TEST_REPLY |
				     VHOST_BACKEND_TEST_ASYNC;
		ASSERT_EQ(0, worker_send(self->ends.worker, &send));
		for (ssize_t bytes = 0; bytes < whole; bytes++) {
			EXPECT_EQ(-EMSGSIZE, try_read(self->ends.channel,
						      buffer, bytes))
				TH_LOG("%s, %zd bytes", kind->name, bytes);
		}
		EXPECT_TRUE(channel_has_message(self->ends.channel));
		EXPECT_EQ(descriptors, count_descriptors());
		EXPECT_EQ(whole, try_read(self->ends.channel, buffer, whole));
		memcpy(&msg, buffer, sizeof(msg));
		EXPECT_EQ(kind->request, msg.request);
		if (kind->file)
			close(msg.fd);
	}
}

/* Not even a reader that would wait for more waits here. */
TEST_F(read, buffer_too_small_for_a_blocking_reader)
{
	char byte;

	let_block(self->ends.channel);
	ASSERT_EQ(0, ask(self->ends.worker, 1, &self->cookie));
	EXPECT_EQ(-EMSGSIZE, try_read(self->ends.channel, &byte, 1));
	expect_asked(_metadata, self->ends.channel, 1);
}

/* Reads into segments of @first, then @rest bytes, with gaps between them. */
static ssize_t read_in_segments(int channel, unsigned char *out, size_t bytes,
				size_t first, size_t rest)
{
	static unsigned char scattered[4096];
	struct iovec iov[512];
	size_t at = 0, place = 0;
	ssize_t n;
	int count = 0;

	memset(scattered, 0xa5, sizeof(scattered));
	while (at < bytes) {
		size_t length = count ? rest : first;

		if (length > bytes - at)
			length = bytes - at;
		/* The first segment may be empty. */
		iov[count].iov_base = scattered + place;
		iov[count++].iov_len = length;
		at += length;
		place += length + 3;
	}
	n = readv(channel, iov, count);
	if (n < 0)
		return -errno;
	for (int i = 0; i < count; i++) {
		memcpy(out, iov[i].iov_base, iov[i].iov_len);
		out += iov[i].iov_len;
	}
	return n;
}

/* One message with a file and one without, read in such segments. */
static void check_segments(struct __test_metadata *_metadata, struct ends *ends,
			   size_t first, size_t rest)
{
	const size_t bytes = ASK_MAP_BYTES + ASK_BYTES;
	unsigned char buffer[ASK_MAP_BYTES + ASK_BYTES];
	struct message map = {}, unmap = {};
	uint64_t cookies[2];

	ASSERT_EQ(0, ask_map(ends->worker, 11, ends->file, &cookies[0]));
	ASSERT_EQ(0, ask(ends->worker, 12, &cookies[1]));
	ASSERT_EQ((ssize_t)bytes, read_in_segments(ends->channel, buffer, bytes,
						   first, rest))
		TH_LOG("segments of %zu and %zu bytes", first, rest);
	memcpy(&map, buffer, ASK_MAP_BYTES);
	memcpy(&unmap, buffer + ASK_MAP_BYTES, ASK_BYTES);
	EXPECT_EQ((__u32)VHOST_BACKEND_SHMEM_MAP, map.msg.request);
	EXPECT_EQ((__u32)VHOST_BACKEND_SHMEM_UNMAP, unmap.msg.request);
	EXPECT_EQ(11U, asked_number(&map));
	EXPECT_EQ(12U, asked_number(&unmap));
	EXPECT_EQ(0, close(map.msg.fd))
		TH_LOG("segments of %zu and %zu bytes", first, rest);
	EXPECT_EQ(-1, unmap.msg.fd);
	EXPECT_LT(0, channel_reply(ends->channel, &map.msg, -EIO));
	EXPECT_LT(0, channel_reply(ends->channel, &unmap.msg, -EIO));
}

TEST_F_TIMEOUT(read, segments, 60)
{
	/* The first ends in each place there is, the fd's word included. */
	for (size_t first = 0; first <= ASK_MAP_BYTES; first++)
		check_segments(_metadata, &self->ends, first, 4096);
	for (size_t each = 1; each <= 40; each++)
		check_segments(_metadata, &self->ends, each, each);
	EXPECT_EQ(0U, channel_stats(self->ends.channel).inflight);
}

/* RWF_NOWAIT is O_NONBLOCK for one call, with and without a position. */
TEST_F(read, nowait)
{
	static const off_t positions[] = { -1, 0 };
	struct iovec iov[2];
	struct message m;

	let_block(self->ends.channel);
	iov[0] = (struct iovec){ &m, 20 };
	iov[1] = (struct iovec){ (char *)&m + 20, sizeof(m) - 20 };
	for (size_t i = 0; i < ARRAY_SIZE(positions); i++) {
		EXPECT_EQ(-1, preadv2(self->ends.channel, iov, 2, positions[i],
				      RWF_NOWAIT));
		EXPECT_EQ(EAGAIN, errno);
		ASSERT_EQ(0, ask(self->ends.worker, i, &self->cookie));
		EXPECT_EQ(ASK_BYTES, preadv2(self->ends.channel, iov, 2,
					     positions[i], RWF_NOWAIT));
		EXPECT_EQ(i, asked_number(&m));
		ASSERT_EQ(0, ask(self->ends.worker, i, &self->cookie));
		EXPECT_EQ(ASK_BYTES, preadv2(self->ends.channel, iov, 2,
					     positions[i], 0));
	}
}

TEST_F(read, nonblocking)
{
	struct message m;

	EXPECT_EQ(-EAGAIN, try_read(self->ends.channel, &m, sizeof(m)));
	ASSERT_EQ(0, ask(self->ends.worker, 1, &self->cookie));
	EXPECT_EQ(ASK_BYTES, try_read(self->ends.channel, &m, sizeof(m)));
	EXPECT_EQ(-EAGAIN, try_read(self->ends.channel, &m, sizeof(m)));
}

/* Does something to a thread that reads. */
struct disturber {
	pthread_t thread;
	pthread_t reader;
	pid_t tid;
	int worker;
	void *page;		/* that it reads into */
	bool done;		/* written by the reader */
	bool failed;
};

static int signals_handled;

static void count_signal(int signal)
{
	__atomic_add_fetch(&signals_handled, 1, __ATOMIC_SEQ_CST);
}

static void *send_when_asleep(void *arg)
{
	struct disturber *d = arg;
	uint64_t cookie;

	d->failed = !task_sleeps(d->tid) || ask(d->worker, 1, &cookie);
	return NULL;
}

/* Time and again, for the first may come before the reader sleeps. */
static void *signal_until_done(void *arg)
{
	struct disturber *d = arg;

	while (!__atomic_load_n(&d->done, __ATOMIC_SEQ_CST)) {
		pthread_kill(d->reader, SIGUSR1);
		usleep(20000);
	}
	return NULL;
}

static void *signal_then_send(void *arg)
{
	struct disturber *d = arg;
	uint64_t cookie;

	for (int i = 0; i < 10; i++) {
		int before = __atomic_load_n(&signals_handled,
					     __ATOMIC_SEQ_CST);

		d->failed |= !task_sleeps(d->tid);
		pthread_kill(d->reader, SIGUSR1);
		while (before == __atomic_load_n(&signals_handled,
						 __ATOMIC_SEQ_CST))
			usleep(1000);
	}
	d->failed |= !task_sleeps(d->tid) || ask(d->worker, 1, &cookie);
	return NULL;
}

/* Reads, blocking, while @disturb runs; returns what read does. */
static ssize_t read_disturbed(struct ends *ends, void *(*disturb)(void *),
			      int flags)
{
	struct sigaction action = {
		.sa_handler = count_signal, .sa_flags = flags,
	};
	struct disturber d = {
		.reader = pthread_self(), .tid = syscall(SYS_gettid),
		.worker = ends->worker,
	};
	struct message m;
	ssize_t n;

	let_block(ends->channel);
	if (sigaction(SIGUSR1, &action, NULL) ||
	    pthread_create(&d.thread, NULL, disturb, &d))
		return -EINVAL;
	n = try_read(ends->channel, &m, sizeof(m));
	__atomic_store_n(&d.done, true, __ATOMIC_SEQ_CST);
	pthread_join(d.thread, NULL);
	return d.failed ? -EINVAL : n;
}

TEST_F_TIMEOUT(read, woken_by_a_message, 120)
{
	EXPECT_EQ(ASK_BYTES, read_disturbed(&self->ends, send_when_asleep, 0));
}

TEST_F_TIMEOUT(read, interrupted, 120)
{
	EXPECT_EQ(-EINTR, read_disturbed(&self->ends, signal_until_done, 0));
	/* Nothing came of it: the next message is delivered as ever. */
	ASSERT_EQ(0, ask(self->ends.worker, 7, &self->cookie));
	expect_asked(_metadata, self->ends.channel, 7);
}

TEST_F_TIMEOUT(read, restarted, 120)
{
	EXPECT_EQ(ASK_BYTES, read_disturbed(&self->ends, signal_then_send,
					    SA_RESTART));
	EXPECT_LE(10, signals_handled);
}

/* The first message's place is all there, the second's is not. */
TEST_F_TIMEOUT(read, fault_in_a_later_message, 60)
{
	const int descriptors = count_descriptors();
	unsigned char *end = page_before_nothing() + PAGE;
	const ssize_t both = ASK_MAP_BYTES + ASK_MAP_BYTES;
	struct message first;

	for (int bytes = 0; bytes < ASK_MAP_BYTES; bytes++) {
		unsigned char *place = end - ASK_MAP_BYTES - bytes;

		for (int i = 1; i <= 2; i++)
			ASSERT_EQ(0, ask_map(self->ends.worker, i,
					     self->ends.file, &self->cookie));
		ASSERT_EQ(ASK_MAP_BYTES, try_read(self->ends.channel, place,
						  both))
			TH_LOG("%d bytes of the second", bytes);
		memcpy(&first, place, ASK_MAP_BYTES);
		EXPECT_EQ(1U, asked_number(&first));
		EXPECT_EQ(descriptors + 1, count_descriptors());
		EXPECT_EQ(0, close(first.msg.fd));
		expect_asked(_metadata, self->ends.channel, 2);
	}
	EXPECT_EQ(descriptors, count_descriptors());
	EXPECT_FALSE(channel_has_message(self->ends.channel));
}

/* A notification stays as well. */
TEST_F(read, fault_in_a_notification)
{
	const size_t bytes = sizeof(struct vhost_backend_msg);
	unsigned char *end = page_before_nothing() + PAGE;
	struct message message;

	ASSERT_EQ(0, raise_config(self->ends.worker));
	ASSERT_EQ(0, raise_call(self->ends.worker, 0));
	for (size_t there = 0; there < bytes; there += 8)
		EXPECT_EQ(-EFAULT, try_read(self->ends.channel, end - there, PAGE));
	/* The configuration change, and of the call a part */
	EXPECT_EQ((ssize_t)bytes, try_read(self->ends.channel, end - bytes - 8, PAGE));
	EXPECT_EQ(-EFAULT, try_read(self->ends.channel, end - 8, PAGE));
	EXPECT_EQ((ssize_t)bytes + 8, channel_read(self->ends.channel, &message));
	EXPECT_EQ((uint32_t)VHOST_BACKEND_VRING_CALL, message.msg.request);
}

/* Wherever it faults, the message stays and no descriptor of it does. */
TEST_F_TIMEOUT(read, fault_in_the_first_message, 60)
{
	const int descriptors = count_descriptors();
	unsigned char *end = page_before_nothing() + PAGE;
	struct iovec iov[2];

	ASSERT_EQ(0, ask_map(self->ends.worker, 1, self->ends.file,
			     &self->cookie));
	for (int bytes = 0; bytes < ASK_MAP_BYTES; bytes++) {
		EXPECT_EQ(-EFAULT, try_read(self->ends.channel, end - bytes,
					    ASK_MAP_BYTES))
			TH_LOG("%d bytes", bytes);
		/* Likewise from one segment to the next. */
		iov[0] = (struct iovec){ end - PAGE, bytes };
		iov[1] = (struct iovec){ end, PAGE };
		EXPECT_EQ(-1, readv(self->ends.channel, iov, 2));
		EXPECT_EQ(EFAULT, errno);
		EXPECT_EQ(descriptors, count_descriptors());
		ASSERT_TRUE(channel_has_message(self->ends.channel));
	}
	expect_asked(_metadata, self->ends.channel, 1);
	EXPECT_FALSE(channel_has_message(self->ends.channel));
}

TEST_F(read, bad_pointers)
{
	const int descriptors = count_descriptors();
	void *read_only = read_only_page("", 1);

	ASSERT_EQ(0, ask_map(self->ends.worker, 1, self->ends.file,
			     &self->cookie));
	EXPECT_EQ(-EFAULT, try_read(self->ends.channel, address_of(0), 280));
	EXPECT_EQ(-EFAULT, try_read(self->ends.channel, address_of(-PAGE),
				    280));
	EXPECT_EQ(-EFAULT, try_read(self->ends.channel, read_only, 280));
	EXPECT_EQ(descriptors, count_descriptors());
	expect_asked(_metadata, self->ends.channel, 1);
}

/* Only the word of the descriptor can't be written. */
TEST_F(read, fault_in_the_descriptor_only)
{
	const int descriptors = count_descriptors();
	char *read_only = read_only_page("", 1);
	unsigned char before[12], after[280];
	struct iovec iov[3] = {
		{ before, sizeof(before) }, { read_only, 4 },
		{ after, sizeof(after) },
	};

	ASSERT_EQ(0, ask_map(self->ends.worker, 1, self->ends.file,
			     &self->cookie));
	EXPECT_EQ(-1, readv(self->ends.channel, iov, 3));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(descriptors, count_descriptors());
	EXPECT_EQ(0, *read_only);
	expect_asked(_metadata, self->ends.channel, 1);
}

/* Takes a page away and gives it back, as fast as it can. */
static void *flicker(void *arg)
{
	struct disturber *d = arg;

	while (!__atomic_load_n(&d->done, __ATOMIC_SEQ_CST)) {
		d->failed |= mprotect(d->page, PAGE, PROT_NONE) ||
			     mprotect(d->page, PAGE, PROT_READ | PROT_WRITE);
	}
	return NULL;
}

/* A message that arrived whole: its descriptor is there, and no other. */
static void check_arrived(struct __test_metadata *_metadata, struct ends *ends,
			  const struct vhost_backend_msg *msg, int descriptors)
{
	ASSERT_EQ(0, close(msg->fd));
	ASSERT_EQ(descriptors, count_descriptors());
	ASSERT_LT(0, channel_reply(ends->channel, msg, -EIO));
}

/* Also where it faults after the descriptor was made. */
TEST_F_TIMEOUT(read, fault_at_any_moment, 180)
{
	const struct vhost_backend_msg *msg;
	struct disturber d = {};
	int delivered = 0, faults = 0, descriptors;

	/* A page of the file, twice: one to read into, one to look at. */
	d.page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
		      self->ends.file, 0);
	msg = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, self->ends.file, 0);
	ASSERT_TRUE(d.page != MAP_FAILED && msg != MAP_FAILED);
	ASSERT_EQ(0, pthread_create(&d.thread, NULL, flicker, &d));
	descriptors = count_descriptors();
	/* Longer where the two threads keep in step, and one of the two never comes. */
	for (int i = 0; i < 200000 && (delivered < 100 || faults < 100); i++) {
		ssize_t n;

		if (i >= 10000 && delivered && faults)
			break;
		if (!channel_has_message(self->ends.channel))
			ASSERT_EQ(0, ask_map(self->ends.worker, 1,
					     self->ends.file, &self->cookie));
		n = try_read(self->ends.channel, d.page, ASK_MAP_BYTES);
		if (n == -EFAULT) {
			faults++;
			ASSERT_EQ(descriptors, count_descriptors());
			continue;
		}
		ASSERT_EQ(ASK_MAP_BYTES, n);
		delivered++;
		check_arrived(_metadata, &self->ends, msg, descriptors);
	}
	__atomic_store_n(&d.done, true, __ATOMIC_SEQ_CST);
	pthread_join(d.thread, NULL);
	EXPECT_FALSE(d.failed);
	EXPECT_LT(0, delivered);
	EXPECT_LT(0, faults);
}

/* Files arrive as descriptors for as long as there are any, and all messages arrive. */
TEST_F(read, no_free_descriptor)
{
	const ssize_t expected = ASK_BYTES + 3 * ASK_MAP_BYTES;
	unsigned char buffer[512];
	struct message m;
	struct rlimit old;

	for (int spare = 0; spare < 3; spare++) {
		ASSERT_EQ(0, ask(self->ends.worker, 0, &self->cookie));
		for (int i = 1; i <= 3; i++)
			ASSERT_EQ(0, ask_map(self->ends.worker, i,
					     self->ends.file, &self->cookie));
		ASSERT_EQ(0, limit_descriptors(spare, &old));
		EXPECT_EQ(expected, try_read(self->ends.channel, buffer,
					     sizeof(buffer)));
		ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &old));
		for (int i = 1; i <= 3; i++) {
			memcpy(&m, buffer + ASK_BYTES + (i - 1) * ASK_MAP_BYTES,
			       ASK_MAP_BYTES);
			EXPECT_EQ((unsigned int)i, asked_number(&m));
			EXPECT_EQ(i > spare, m.msg.fd == VHOST_BACKEND_FD_PENDING);
			EXPECT_EQ(i > spare ? -1 : 0, close(m.msg.fd));
		}
		EXPECT_FALSE(channel_has_message(self->ends.channel));
	}
}

TEST_F(read, unaligned_buffer)
{
	unsigned char buffer[ASK_MAP_BYTES + 8];
	struct message m;

	for (int offset = 0; offset < 8; offset++) {
		ASSERT_EQ(0, ask_map(self->ends.worker, offset, self->ends.file,
				     &self->cookie));
		memset(buffer, 0xa5, sizeof(buffer));
		ASSERT_EQ(ASK_MAP_BYTES, try_read(self->ends.channel,
						  buffer + offset,
						  ASK_MAP_BYTES));
		memcpy(&m, buffer + offset, ASK_MAP_BYTES);
		EXPECT_EQ((unsigned int)offset, asked_number(&m));
		EXPECT_EQ(0, close(m.msg.fd));
		for (int i = 0; i < offset; i++)
			EXPECT_EQ(0xa5, buffer[i]);
		for (int i = offset; i < 8; i++)
			EXPECT_EQ(0xa5, buffer[ASK_MAP_BYTES + i]);
	}
}

/* Nothing is written beyond the messages that are returned. */
TEST_F(read, rest_of_the_buffer)
{
	unsigned char buffer[512];

	memset(buffer, 0xa5, sizeof(buffer));
	ASSERT_EQ(0, ask(self->ends.worker, 1, &self->cookie));
	ASSERT_EQ(ASK_BYTES, try_read(self->ends.channel, buffer,
				      sizeof(buffer)));
	for (size_t i = ASK_BYTES; i < sizeof(buffer); i++)
		EXPECT_EQ(0xa5, buffer[i]);
}

TEST_F_TIMEOUT(read, order, 60)
{
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < 100; i += 2) {
			ASSERT_EQ(0, ask(self->ends.worker, i, &self->cookie));
			ASSERT_EQ(0, ask_map(self->ends.worker, i + 1,
					     self->ends.file, &self->cookie));
		}
		for (int i = 0; i < 100; i++)
			expect_asked(_metadata, self->ends.channel, i);
	}
}

/* A descriptor may be inherited: files arrive where it is read. */
TEST_F(read, inherited_channel)
{
	char text[sizeof(ENDS_FILE_TEXT)];
	struct message m;
	int status;
	pid_t pid;

	ASSERT_EQ(0, ask_map(self->ends.worker, 1, self->ends.file,
			     &self->cookie));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		close(self->ends.file);
		if (channel_read(self->ends.channel, &m) != ASK_MAP_BYTES)
			_exit(1);
		if (pread(m.msg.fd, text, sizeof(text), 0) != sizeof(text))
			_exit(2);
		_exit(strcmp(text, ENDS_FILE_TEXT) ? 3 : 0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

/* Into a pipe or another file: no buffer of a process to put a message in. */
TEST_F(read, splice)
{
	int pair[2], file = make_file(1);

	ASSERT_LE(0, file);
	ASSERT_EQ(0, pipe(pair));
	ASSERT_EQ(0, ask_map(self->ends.worker, 1, self->ends.file,
			     &self->cookie));
	EXPECT_EQ(-1, splice(self->ends.channel, NULL, pair[1], NULL, PAGE, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, sendfile(file, self->ends.channel, NULL, PAGE));
	EXPECT_EQ(EINVAL, errno);
	expect_asked(_metadata, self->ends.channel, 1);
}

/* Readers that share a channel. */
#define WRITERS		2U
#define MESSAGES	1500U	/* of each writer */

struct crowd {
	int channel;
	bool blocking;
	unsigned int total;
	unsigned char seen[WRITERS + 1][MESSAGES + 1];
	unsigned int bad;
};

/* One message of vhost_backend_test's threads; its payload says which. */
static void account(struct crowd *crowd, const struct message *m,
		    __u64 last[WRITERS + 1])
{
	const struct vhost_backend_iotlb *iotlb = &m->iotlb;

	if (m->msg.request != VHOST_BACKEND_IOTLB_MSG || m->msg.size != 32 ||
	    iotlb->iova > WRITERS || iotlb->uaddr > MESSAGES ||
	    iotlb->uaddr <= last[iotlb->iova]) {
		__atomic_add_fetch(&crowd->bad, 1, __ATOMIC_RELAXED);
		return;
	}
	last[iotlb->iova] = iotlb->uaddr;
	__atomic_add_fetch(&crowd->seen[iotlb->iova][iotlb->uaddr], 1,
			   __ATOMIC_RELAXED);
	__atomic_add_fetch(&crowd->total, 1, __ATOMIC_SEQ_CST);
}

static unsigned int read_so_far(struct crowd *crowd)
{
	return __atomic_load_n(&crowd->total, __ATOMIC_SEQ_CST);
}

/* Until all is read, or nothing more is for a while. */
static void await_readers(struct crowd *crowd)
{
	unsigned int before = 0, total, idle = 0;

	while ((total = read_so_far(crowd)) < WRITERS * MESSAGES &&
	       idle < PATIENCE_MS / 10) {
		idle = total == before ? idle + 1 : 0;
		before = total;
		usleep(10000);
	}
}

/* Until all is read, or a message of ask() says so. */
static void *read_all(void *arg)
{
	struct crowd *crowd = arg;
	__u64 last[WRITERS + 1] = {};
	struct message *m = page_before_nothing();
	int patience = PATIENCE_MS / 100;

	while (patience && read_so_far(crowd) < WRITERS * MESSAGES) {
		ssize_t n;

		/* A page fault in the middle: time for others to interfere. */
		madvise(m, PAGE, MADV_DONTNEED);
		/* One message at a time, so that both get some. */
		if (!crowd->blocking && !await_input(crowd->channel, 100))
			patience--;
		n = try_read(crowd->channel, m, 56);
		if (n == ASK_BYTES)
			break;
		if (n == 56)
			account(crowd, m, last);
		else if (n != -EAGAIN || crowd->blocking)
			__atomic_add_fetch(&crowd->bad, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void run_crowd(struct __test_metadata *_metadata, struct ends *ends,
		      bool blocking)
{
	struct vhost_backend_test_run run = {
		.threads = WRITERS, .mix = VHOST_BACKEND_TEST_MIX_SEND_WAIT,
		.count = MESSAGES, .seed = 1,
	};
	static struct crowd crowd;
	pthread_t readers[3];
	uint64_t cookie;

	crowd = (struct crowd){ .channel = ends->channel,
				.blocking = blocking };
	ASSERT_EQ(0, try_ioctl(ends->worker, VHOST_BACKEND_TEST_RUN, &run));
	/* The readers meet only where there is enough for all of them. */
	for (int i = 0; i < PATIENCE_MS / 10; i++) {
		if (channel_stats(ends->channel).waiting_bytes > 32768)
			break;
		usleep(10000);
	}
	for (size_t i = 0; i < ARRAY_SIZE(readers); i++)
		ASSERT_EQ(0, pthread_create(&readers[i], NULL, read_all,
					    &crowd));
	await_readers(&crowd);
	for (size_t i = 0; blocking && i < ARRAY_SIZE(readers); i++)
		ASSERT_EQ(0, ask(ends->worker, i, &cookie));
	for (size_t i = 0; i < ARRAY_SIZE(readers); i++)
		pthread_join(readers[i], NULL);
	EXPECT_EQ(0, try_ioctl(ends->worker, VHOST_BACKEND_TEST_STOP, NULL));
	ASSERT_EQ(0, try_ioctl(ends->worker, VHOST_BACKEND_TEST_REPORT, &run));
	EXPECT_EQ((__u64)WRITERS * MESSAGES, run.sends);
	EXPECT_EQ(WRITERS * MESSAGES, crowd.total);
	EXPECT_EQ(0U, crowd.bad);
	for (size_t i = 0; i <= WRITERS; i++) {
		for (size_t n = 1; n <= MESSAGES; n++)
			ASSERT_GE(1, crowd.seen[i][n]);
	}
}

TEST_F_TIMEOUT(read, three_readers_that_poll, 180)
{
	run_crowd(_metadata, &self->ends, false);
}

TEST_F_TIMEOUT(read, three_readers_that_block, 180)
{
	let_block(self->ends.channel);
	run_crowd(_metadata, &self->ends, true);
}

TEST_HARNESS_MAIN
