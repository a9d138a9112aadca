// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each request from the worker to the frontend and its answer back, byte for
 * byte, from each context that a worker can be in.
 */
#include "../kselftest_harness.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sys/stat.h>

#include "lib/channel.h"
#include "lib/ends.h"
#include "lib/memory.h"
#include "lib/message.h"
#include "lib/request.h"
#include "lib/skip.h"
#include "lib/wait.h"
#include "lib/worker.h"

SKIP_WITHOUT_WORKER;

FIXTURE(requests) {
	struct ends ends;
};

FIXTURE_VARIANT(requests) {
	unsigned int context;
	bool synchronous;
};

FIXTURE_VARIANT_ADD(requests, synchronous) {
	.context = VHOST_BACKEND_TEST_PROCESS, .synchronous = true,
};

FIXTURE_VARIANT_ADD(requests, process) {
	.context = VHOST_BACKEND_TEST_PROCESS,
};

FIXTURE_VARIANT_ADD(requests, softirq) {
	.context = VHOST_BACKEND_TEST_SOFTIRQ,
};

FIXTURE_VARIANT_ADD(requests, hardirq) {
	.context = VHOST_BACKEND_TEST_HARDIRQ,
};

FIXTURE_SETUP(requests)
{
	ASSERT_EQ(0, ends_open_large(&self->ends, O_NONBLOCK));
	self->ends.context = variant->context;
	self->ends.synchronous = variant->synchronous;
}

FIXTURE_TEARDOWN(requests)
{
	ends_close(&self->ends);
}

/* What the frontend must read of @kind's sample, but for the fd and the id. */
static struct message expected_message(const struct request_kind *kind,
				       bool wants_reply)
{
	struct message m = kind->sample;

	m.msg = (struct vhost_backend_msg){
		.request = kind->request,
		.flags = VHOST_BACKEND_MSG_VERSION,
		.size = kind->size,
	};
	if (wants_reply)
		m.msg.flags |= VHOST_BACKEND_MSG_NEED_REPLY;
	/* The index is at the start in all of their payloads. */
	if (kind_has_vring(kind))
		m.state.index += VRING_BASE;
	return m;
}

/* @got is the descriptor that read installed for the file @sent. */
static void check_file(struct __test_metadata *_metadata, int got, int sent)
{
	struct stat a, b;
	char text[sizeof(ENDS_FILE_TEXT)];

	ASSERT_LE(0, got);
	ASSERT_NE(sent, got);
	EXPECT_EQ(FD_CLOEXEC, fcntl(got, F_GETFD));
	ASSERT_EQ(0, fstat(got, &a));
	ASSERT_EQ(0, fstat(sent, &b));
	EXPECT_TRUE(a.st_dev == b.st_dev && a.st_ino == b.st_ino);
	/* The very file that was sent: they share the position. */
	ASSERT_EQ(123, lseek(sent, 123, SEEK_SET));
	EXPECT_EQ(123, lseek(got, 0, SEEK_CUR));
	EXPECT_EQ((ssize_t)sizeof(text), pread(got, text, sizeof(text), 0));
	EXPECT_EQ(0, memcmp(text, ENDS_FILE_TEXT, sizeof(text)));
	close(got);
}

static void check_attachment(struct __test_metadata *_metadata,
			     const struct vhost_backend_msg *msg,
			     const struct request_kind *kind,
			     const struct ends *ends)
{
	if (!kind->file) {
		EXPECT_EQ(VHOST_BACKEND_FD_NONE, msg->fd);
		return;
	}
	check_file(_metadata, msg->fd, ends->file);
}

/* Reads the message that @kind's sample becomes; leaves it in @message. */
static void receive(struct __test_metadata *_metadata, struct ends *ends,
		    const struct request_kind *kind, bool wants_reply,
		    struct message *message)
{
	struct message expected = expected_message(kind, wants_reply);
	ssize_t bytes = sizeof(expected.msg) + kind->size;

	ASSERT_EQ(bytes, await_message(ends->channel, message))
		TH_LOG("%s", kind->name);
	check_attachment(_metadata, &message->msg, kind, ends);
	EXPECT_EQ(kind->file || wants_reply, message->msg.id != 0);
	expected.msg.fd = message->msg.fd;
	expected.msg.id = message->msg.id;
	EXPECT_EQ(0, memcmp(&expected, message, bytes))
		TH_LOG("%s", kind->name);
	EXPECT_FALSE(channel_has_message(ends->channel));
}

/* One request, answered with @value; how it ended is in @result. */
static void ask_and_answer(struct __test_metadata *_metadata, struct ends *ends,
			   const struct request_kind *kind, __s64 value,
			   struct vhost_backend_test_result *result)
{
	struct vhost_backend_test_send send = send_of(kind, ends);
	struct transaction t;
	struct message m;

	ASSERT_EQ(0, transaction_start(&t, ends, send))
		TH_LOG("%s", kind->name);
	receive(_metadata, ends, kind, true, &m);
	ASSERT_EQ((ssize_t)sizeof(struct vhost_backend_reply),
		  channel_reply(ends->channel, &m.msg, value));
	ASSERT_EQ(0, transaction_end(&t, result));
	EXPECT_EQ(1U, result->count);
}

TEST_F_TIMEOUT(requests, with_reply, 180)
{
	struct vhost_backend_test_result result;
	const struct request_kind *kind;

	for_each_kind(kind) {
		/* Its success takes a file: a test of its own. */
		bool lookup = kind->request ==
			      VHOST_BACKEND_SHARED_OBJECT_LOOKUP;

		ask_and_answer(_metadata, &self->ends, kind, 0,
			       &result);
		EXPECT_EQ(lookup ? -ENOENT : 0, result.error)
			TH_LOG("%s", kind->name);
		EXPECT_EQ(0U, result.value);
		EXPECT_EQ(-1, result.fd);
	}
}

TEST_F_TIMEOUT(requests, without_reply, 180)
{
	const struct request_kind *kind;
	struct message m;

	for_each_kind(kind) {
		struct vhost_backend_test_send send =
			send_of(kind, &self->ends);

		if (kind->reply == REPLY_ALWAYS)
			continue;
		ASSERT_EQ(0, worker_send(self->ends.worker, &send))
			TH_LOG("%s", kind->name);
		EXPECT_EQ(0U, send.cookie);
		receive(_metadata, &self->ends, kind, false, &m);
	}
}

/* A mapping whose answer nobody waits for would be a race. */
TEST_F_TIMEOUT(requests, reply_that_nobody_wants, 180)
{
	const struct request_kind *kind;

	for_each_kind(kind) {
		struct vhost_backend_test_send send =
			send_of(kind, &self->ends);

		if (kind->reply != REPLY_ALWAYS)
			continue;
		EXPECT_EQ(-EINVAL, worker_send(self->ends.worker, &send))
			TH_LOG("%s", kind->name);
		EXPECT_FALSE(channel_has_message(self->ends.channel));
	}
	EXPECT_EQ(0U, channel_stats(self->ends.channel).requests_queued);
}

struct answer {
	__s64 value;		/* that the frontend gives */
	int error;		/* that reaches the worker */
	__u64 moved;		/* likewise */
};

/* The same for FS_IO and for the rest. */
static const struct answer errors[] = {
	{ -1, -1, 0 },
	{ -ENOENT, -ENOENT, 0 },
	{ -ENOMEM, -ENOMEM, 0 },
	{ -EAGAIN, -EAGAIN, 0 },
	{ -EREMOTEIO, -EREMOTEIO, 0 },
	{ -512, -512, 0 },
	{ -4095, -4095, 0 },
	{ -4096, -EREMOTEIO, 0 },
	{ -0x80000000LL, -EREMOTEIO, 0 },
	{ -0xffffffffLL, -EREMOTEIO, 0 },
	{ INT64_MIN + 1, -EREMOTEIO, 0 },
	{ INT64_MIN, -EREMOTEIO, 0 },
};

static const struct answer not_zero[] = {
	{ 1, -EREMOTEIO, 0 },
	{ 22, -EREMOTEIO, 0 },
	{ 4095, -EREMOTEIO, 0 },
	/* The errno of a program that forgot to sign-extend. */
	{ 0xffffffff, -EREMOTEIO, 0 },
	{ 0xffffffea, -EREMOTEIO, 0 },
	{ INT64_MAX, -EREMOTEIO, 0 },
};

static const struct answer moved[] = {
	{ 0, 0, 0 },
	{ 1, 0, 1 },
	{ 4096, 0, 4096 },
	{ 0xffffffff, 0, 0xffffffff },
	{ 0x123456789abcdef, 0, 0x123456789abcdef },
	{ INT64_MAX, 0, INT64_MAX },
};

static void try_answers(struct __test_metadata *_metadata, struct ends *ends,
			const struct request_kind *kind,
			const struct answer *answers, size_t count)
{
	struct vhost_backend_test_result result;

	for (size_t i = 0; i < count; i++) {
		ask_and_answer(_metadata, ends, kind, answers[i].value,
			       &result);
		EXPECT_EQ(answers[i].error, result.error)
			TH_LOG("%s %lld", kind->name,
			       (long long)answers[i].value);
		EXPECT_EQ(answers[i].moved, result.value)
			TH_LOG("%s %lld", kind->name,
			       (long long)answers[i].value);
		EXPECT_EQ(-1, result.fd);
	}
}

TEST_F_TIMEOUT(requests, values_of_replies, 300)
{
	const struct request_kind *kind;

	for_each_kind(kind) {
		bool io = kind->request == VHOST_BACKEND_DEPRECATED_FS_IO;

		try_answers(_metadata, &self->ends, kind, errors,
			    ARRAY_SIZE(errors));
		if (io)
			try_answers(_metadata, &self->ends, kind,
				    moved, ARRAY_SIZE(moved));
		else
			try_answers(_metadata, &self->ends, kind,
				    not_zero, ARRAY_SIZE(not_zero));
	}
}

/* The reply to a lookup carries the file that the worker gets. */
TEST_F_TIMEOUT(requests, lookup_with_a_file, 60)
{
	const struct request_kind *kind =
		find_kind(VHOST_BACKEND_SHARED_OBJECT_LOOKUP);
	struct vhost_backend_test_send send = send_of(kind, &self->ends);
	struct vhost_backend_test_result result;
	struct vhost_backend_reply reply;
	struct transaction t;
	struct message m;

	ASSERT_EQ(0, transaction_start(&t, &self->ends, send));
	receive(_metadata, &self->ends, kind, true, &m);
	reply = reply_to(&m.msg, 0);
	reply.msg.fd = self->ends.file;
	ASSERT_EQ((ssize_t)sizeof(reply),
		  write(self->ends.channel, &reply, sizeof(reply)));
	ASSERT_EQ(0, transaction_end(&t, &result));
	EXPECT_EQ(0, result.error);
	EXPECT_EQ(1U, result.count);
	check_file(_metadata, result.fd, self->ends.file);
}

/* A file that no process has open. */
TEST_F(requests, file_of_the_worker)
{
	static const char text[] = VHOST_BACKEND_TEST_OWN_TEXT;
	const struct request_kind *kind = find_kind(VHOST_BACKEND_SHMEM_MAP);
	struct vhost_backend_test_send send = send_of(kind, &self->ends);
	struct vhost_backend_test_result result;
	struct transaction t;
	struct message m;
	struct stat st;
	char *got;

	send.fd = VHOST_BACKEND_TEST_OWN_FILE;
	ASSERT_EQ(0, transaction_start(&t, &self->ends, send));
	ASSERT_LT(0, await_message(self->ends.channel, &m));
	ASSERT_LE(0, m.msg.fd);
	ASSERT_EQ(0, fstat(m.msg.fd, &st));
	EXPECT_EQ(PAGE, st.st_size);
	got = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, m.msg.fd, 0);
	ASSERT_TRUE(got != MAP_FAILED);
	EXPECT_EQ(0, memcmp(got, text, sizeof(text)));
	close(m.msg.fd);
	ASSERT_LT(0, channel_reply(self->ends.channel, &m.msg, 0));
	ASSERT_EQ(0, transaction_end(&t, &result));
	EXPECT_EQ(0, result.error);
}

/* The channel holds the file: its sender may close it at once. */
TEST_F(requests, file_that_the_sender_closes)
{
	struct vhost_backend_test_result result;
	char text[sizeof(ENDS_FILE_TEXT)];
	struct message m;
	uint64_t cookie;

	ASSERT_EQ(0, ask_map(self->ends.worker, 1, self->ends.file, &cookie));
	close(self->ends.file);
	self->ends.file = -1;
	ASSERT_EQ(ASK_MAP_BYTES, await_message(self->ends.channel, &m));
	ASSERT_LE(0, m.msg.fd);
	EXPECT_EQ((ssize_t)sizeof(text), pread(m.msg.fd, text, sizeof(text), 0));
	EXPECT_EQ(0, memcmp(text, ENDS_FILE_TEXT, sizeof(text)));
	close(m.msg.fd);
	ASSERT_LT(0, channel_reply(self->ends.channel, &m.msg, 0));
	ASSERT_EQ(0, worker_result(self->ends.worker, cookie, PATIENCE_MS,
				   &result));
	EXPECT_EQ(0, result.error);
}

static int compare_ids(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Slots are used again, ids never; also where only a file needs one. */
TEST_F_TIMEOUT(requests, ids_are_never_used_twice, 180)
{
	const struct request_kind *notifier =
		find_kind(VHOST_BACKEND_VRING_HOST_NOTIFIER_MSG);
	static uint64_t ids[2000];
	struct vhost_backend_test_result result;
	struct vhost_backend_test_send send;
	struct message m;
	uint64_t cookie;

	for (size_t i = 0; i < ARRAY_SIZE(ids); i += 2) {
		ASSERT_EQ(0, ask(self->ends.worker, i, &cookie));
		send = send_of(notifier, &self->ends);
		ASSERT_EQ(0, worker_send(self->ends.worker, &send));
		ASSERT_EQ(ASK_BYTES, channel_read(self->ends.channel, &m));
		ids[i] = m.msg.id;
		ASSERT_LT(0, channel_reply(self->ends.channel, &m.msg, 0));
		ASSERT_EQ(0, worker_result(self->ends.worker, cookie,
					   PATIENCE_MS, &result));
		ASSERT_LT(0, channel_read(self->ends.channel, &m));
		ids[i + 1] = m.msg.id;
		close(m.msg.fd);
	}
	qsort(ids, ARRAY_SIZE(ids), sizeof(ids[0]), compare_ids);
	EXPECT_NE(0U, ids[0]);
	for (size_t i = 1; i < ARRAY_SIZE(ids); i++)
		ASSERT_NE(ids[i - 1], ids[i]);
}

/* With a reply it is a request: neither merged nor taken for a bit. */
TEST_F(requests, notification_as_request)
{
	static const __u32 kinds[] = {
		VHOST_BACKEND_CONFIG_CHANGE_MSG, VHOST_BACKEND_VRING_CALL,
		VHOST_BACKEND_VRING_ERR,
	};
	struct vhost_backend_test_result result;
	struct ends ends = self->ends;
	struct message m[3];

	/* A thread that sleeps in its request would come at any time. */
	ends.synchronous = false;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const struct request_kind *kind = find_kind(kinds[i]);
		struct vhost_backend_test_send plain = send_of(kind, &self->ends);
		struct transaction t[2];

		for (int n = 0; n < 2; n++) {
			ASSERT_EQ(0, worker_send(self->ends.worker, &plain));
			ASSERT_EQ(0, transaction_start(&t[n], &ends, plain));
		}
		/* Both requests come first: they were there at the look. */
		for (int n = 0; n < 3; n++)
			ASSERT_LT(0, await_message(self->ends.channel, &m[n]));
		EXPECT_NE(0U, m[0].msg.id);
		EXPECT_NE(0U, m[1].msg.id);
		EXPECT_NE(m[0].msg.id, m[1].msg.id);
		EXPECT_EQ(0U, m[2].msg.id);
		EXPECT_EQ(0U, m[2].msg.flags & VHOST_BACKEND_MSG_NEED_REPLY);
		EXPECT_FALSE(channel_has_message(self->ends.channel));
		for (int n = 0; n < 2; n++) {
			EXPECT_EQ(kinds[i], m[n].msg.request);
			EXPECT_LT(0, channel_reply(self->ends.channel,
						   &m[n].msg, n - 1));
			ASSERT_EQ(0, transaction_end(&t[n], &result));
			EXPECT_EQ(n - 1, result.error);
		}
	}
}

/* Each backend sees its own vrings from 0, the frontend the channel's. */
TEST_F(requests, vrings_of_two_backends)
{
	int low = worker_attach(self->ends.channel, "low", 0, VRING_BASE);
	int high = worker_attach(self->ends.channel, "high",
				 VRING_BASE + NR_VRINGS, 248);
	struct vhost_backend_vring_area area = { .size = PAGE };
	struct message m;

	ASSERT_LE(0, low);
	ASSERT_LE(0, high);
	ASSERT_EQ(0, raise_call(low, VRING_BASE - 1));
	ASSERT_EQ(0, raise_call(self->ends.worker, 0));
	ASSERT_EQ(0, raise_call(high, 247));
	ASSERT_LT(0, await_message(self->ends.channel, &m));
	EXPECT_EQ(VRING_BASE - 1U, m.state.index);
	ASSERT_LT(0, await_message(self->ends.channel, &m));
	EXPECT_EQ(0U + VRING_BASE, m.state.index);
	ASSERT_LT(0, await_message(self->ends.channel, &m));
	EXPECT_EQ(255U, m.state.index);
	area.vring = VHOST_BACKEND_VRING_NOFD | 247;
	ASSERT_EQ(0, send_plain(high, VHOST_BACKEND_VRING_HOST_NOTIFIER_MSG,
				&area, sizeof(area), -1));
	ASSERT_LT(0, await_message(self->ends.channel, &m));
	EXPECT_EQ(VHOST_BACKEND_VRING_NOFD | 255U, m.area.vring);
	close(low);
	close(high);
}

/* With STD_SHMEM, two of them travel in the specification's own form. */
FIXTURE(standard) {
	struct ends ends;
};

FIXTURE_VARIANT(standard) {
	unsigned int context;
};

FIXTURE_VARIANT_ADD(standard, process) {
	.context = VHOST_BACKEND_TEST_PROCESS,
};

FIXTURE_VARIANT_ADD(standard, softirq) {
	.context = VHOST_BACKEND_TEST_SOFTIRQ,
};

FIXTURE_VARIANT_ADD(standard, hardirq) {
	.context = VHOST_BACKEND_TEST_HARDIRQ,
};

FIXTURE_SETUP(standard)
{
	ASSERT_EQ(0, ends_open(&self->ends, O_NONBLOCK,
			       (struct vhost_backend_setup){
		.flags = VHOST_BACKEND_SETUP_STD_SHMEM }));
	self->ends.context = variant->context;
}

FIXTURE_TEARDOWN(standard)
{
	ends_close(&self->ends);
}

/* The form of @kind's sample, laid out here word by word. */
static void standard_form(const struct request_kind *kind, __u64 words[8],
			  const struct vhost_backend_msg *delivered)
{
	const bool map = kind->request == VHOST_BACKEND_SHMEM_MAP;
	const struct message *m = &kind->sample;
	__u32 header[4] = { map ? 9 : 10, 1 | 8, 40, delivered->fd };

	memset(words, 0, 8 * sizeof(words[0]));
	memcpy(words, header, sizeof(header));
	words[2] = delivered->id;
	*(unsigned char *)&words[3] = map ? m->map.shmid : m->unmap.shmid;
	words[4] = map ? m->map.fd_offset : 0;
	words[5] = map ? m->map.shm_offset : m->unmap.shm_offset;
	words[6] = map ? m->map.len : m->unmap.len;
	words[7] = map && (m->map.flags & VHOST_BACKEND_MAP_W) ? 1 : 0;
}

TEST_F(standard, map_and_unmap)
{
	struct vhost_backend_test_result result;
	const struct request_kind *kind;
	struct vhost_backend_test_send send;
	struct transaction t;
	__u64 words[8];
	struct message m;

	for_each_kind(kind) {
		if (kind->request != VHOST_BACKEND_SHMEM_MAP &&
		    kind->request != VHOST_BACKEND_SHMEM_UNMAP)
			continue;
		send = send_of(kind, &self->ends);
		ASSERT_EQ(0, transaction_start(&t, &self->ends, send));
		ASSERT_EQ((ssize_t)sizeof(words),
			  await_message(self->ends.channel, &m));
		standard_form(kind, words, &m.msg);
		EXPECT_NE(0U, m.msg.id);
		EXPECT_EQ(0, memcmp(words, &m, sizeof(words)));
		check_attachment(_metadata, &m.msg, kind, &self->ends);
		EXPECT_LT(0, channel_reply(self->ends.channel, &m.msg, 0));
		ASSERT_EQ(0, transaction_end(&t, &result));
		EXPECT_EQ(0, result.error);
	}
}

/* A reply names the number that was delivered, not the one that was sent. */
TEST_F(standard, number_in_the_reply)
{
	struct vhost_backend_test_result result;
	struct message m;
	uint64_t cookie;

	ASSERT_EQ(0, ask(self->ends.worker, 1, &cookie));
	ASSERT_LT(0, await_message(self->ends.channel, &m));
	ASSERT_EQ((__u32)VHOST_BACKEND_STD_SHMEM_UNMAP, m.msg.request);
	m.msg.request = VHOST_BACKEND_SHMEM_UNMAP;
	EXPECT_EQ(-EBADMSG, channel_reply(self->ends.channel, &m.msg, 0));
	m.msg.request = VHOST_BACKEND_STD_SHMEM_UNMAP;
	EXPECT_LT(0, channel_reply(self->ends.channel, &m.msg, -5));
	ASSERT_EQ(0, worker_result(self->ends.worker, cookie, PATIENCE_MS,
				   &result));
	EXPECT_EQ(-5, result.error);
}

/* The rest of the requests are the same in both. */
TEST_F_TIMEOUT(standard, other_requests, 60)
{
	struct vhost_backend_test_result result;
	const struct request_kind *kind;
	struct vhost_backend_test_send send;
	struct transaction t;
	struct message m;

	for_each_kind(kind) {
		if (kind->request == VHOST_BACKEND_SHMEM_MAP ||
		    kind->request == VHOST_BACKEND_SHMEM_UNMAP)
			continue;
		send = send_of(kind, &self->ends);
		ASSERT_EQ(0, transaction_start(&t, &self->ends, send));
		receive(_metadata, &self->ends, kind, true, &m);
		EXPECT_LT(0, channel_reply(self->ends.channel, &m.msg, -EIO));
		ASSERT_EQ(0, transaction_end(&t, &result));
		EXPECT_EQ(-EIO, result.error);
	}
}

/* The function that the kernel API has for each request */

FIXTURE(typed) {
	struct ends ends;
};

FIXTURE_SETUP(typed)
{
	ASSERT_EQ(0, ends_open_large(&self->ends, O_NONBLOCK));
}

FIXTURE_TEARDOWN(typed)
{
	ends_close(&self->ends);
}

/* It sends what the sample says, and returns what is answered. */
static void call_typed(struct __test_metadata *_metadata, struct ends *ends,
		       const struct request_kind *kind)
{
	bool counts = kind->request == VHOST_BACKEND_DEPRECATED_FS_IO;
	bool replied = kind->reply == REPLY_ALWAYS ||
		       kind->request == VHOST_BACKEND_VRING_HOST_NOTIFIER_MSG;

	/* Success, for one of them a count; then an error. */
	for (unsigned int n = 0; n < 2; n++) {
		struct transaction t = { .worker = ends->worker, .send = send_of(kind, ends) };
		int64_t value = n ? -ENXIO : counts ? 0x789 : 0;
		struct message message;

		t.send.flags = VHOST_BACKEND_TEST_TYPED;
		ASSERT_EQ(0, pthread_create(&t.thread, NULL, transaction_thread, &t));
		receive(_metadata, ends, kind, replied, &message);
		if (replied)
			EXPECT_EQ(32, channel_reply(ends->channel, &message.msg, value));
		pthread_join(t.thread, NULL);
		EXPECT_EQ(replied && n ? -ENXIO : 0, t.error)
			TH_LOG("%s", kind->name);
		EXPECT_EQ(counts && !n ? 0x789U : 0U, t.send.value);
	}
}

TEST_F_TIMEOUT(typed, every_function, 120)
{
	const struct request_kind *row;

	for_each_kind(row) {
		struct request_kind kind = *row;

		/* It returns a file: see lookup_with_a_file. */
		if (kind.request == VHOST_BACKEND_SHARED_OBJECT_LOOKUP)
			continue;
		/* These two its function does not set. */
		if (kind.request == VHOST_BACKEND_IOTLB_MSG)
			memset(&kind.sample.iotlb.size, 0, 2 * sizeof(__u64));
		call_typed(_metadata, &self->ends, &kind);
	}
}

TEST_HARNESS_MAIN
