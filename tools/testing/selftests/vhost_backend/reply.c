// SPDX-License-Identifier: GPL-2.0-only
/*
 * Replies: what is taken, what is refused and why, and the files that can be
 * taken while a request waits for one.
 */
#include "../kselftest_harness.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "lib/channel.h"
#include "lib/ends.h"
#include "lib/memory.h"
#include "lib/message.h"
#include "lib/request.h"
#include "lib/skip.h"
#include "lib/wait.h"
#include "lib/worker.h"

SKIP_WITHOUT_WORKER;

#define REPLY_BYTES	((ssize_t)sizeof(struct vhost_backend_reply))

FIXTURE(reply) {
	struct ends ends;
};

FIXTURE_SETUP(reply)
{
	ASSERT_EQ(0, ends_open_large(&self->ends, O_NONBLOCK));
}

FIXTURE_TEARDOWN(reply)
{
	ends_close(&self->ends);
}

static struct waiting deliver_unmap(struct __test_metadata *_metadata,
				    struct ends *ends)
{
	return deliver(ends, find_kind(VHOST_BACKEND_SHMEM_UNMAP));
}

/* It still waits, and takes a good answer. */
static void expect_waiting(struct __test_metadata *_metadata,
			   struct ends *ends, const struct waiting *w)
{
	struct vhost_backend_test_result result;

	ASSERT_EQ(-EAGAIN, worker_result(ends->worker, w->cookie, 0, &result));
	ASSERT_EQ(REPLY_BYTES, channel_reply(ends->channel, &w->msg, -EXDEV));
	ASSERT_EQ(0, worker_result(ends->worker, w->cookie, PATIENCE_MS,
				   &result));
	EXPECT_EQ(-EXDEV, result.error);
	EXPECT_EQ(1U, result.count);
}

static void expect_answered(struct __test_metadata *_metadata,
			    struct ends *ends, const struct waiting *w,
			    int error)
{
	struct vhost_backend_test_result result;

	ASSERT_EQ(0, worker_result(ends->worker, w->cookie, PATIENCE_MS,
				   &result));
	EXPECT_EQ(error, result.error);
	EXPECT_EQ(1U, result.count);
}

/* @reply is refused with -@error, by write and by the ioctl, and counted. */
static void expect_bad(struct __test_metadata *_metadata, struct ends *ends,
		       struct vhost_backend_reply reply, int error,
		       const char *what)
{
	struct vhost_backend_stats before = channel_stats(ends->channel), after;

	EXPECT_EQ(-error, try_write(ends->channel, &reply, sizeof(reply)))
		TH_LOG("%s", what);
	EXPECT_EQ(-error, try_ioctl(ends->channel, VHOST_BACKEND_REPLY, &reply))
		TH_LOG("%s", what);
	after = channel_stats(ends->channel);
	EXPECT_EQ(before.bad_replies + 2, after.bad_replies)
		TH_LOG("%s", what);
	EXPECT_EQ(before.requests_answered, after.requests_answered);
	EXPECT_EQ(before.inflight, after.inflight);
}

TEST_F(reply, wrong_flags)
{
	struct waiting w = deliver_unmap(_metadata, &self->ends);
	struct vhost_backend_reply reply = reply_to(&w.msg, 0);

	for (__u32 flags = 0; flags < 16; flags++) {
		if (flags == (VHOST_BACKEND_MSG_VERSION |
			      VHOST_BACKEND_MSG_REPLY))
			continue;
		reply.msg.flags = flags;
		expect_bad(_metadata, &self->ends, reply, EINVAL, "flags");
	}
	for (int bit = 4; bit < 32; bit++) {
		reply.msg.flags = 1U << bit | VHOST_BACKEND_MSG_VERSION |
				  VHOST_BACKEND_MSG_REPLY;
		expect_bad(_metadata, &self->ends, reply, EINVAL,
			   "unknown flag");
	}
	expect_waiting(_metadata, &self->ends, &w);
}

TEST_F(reply, wrong_size)
{
	static const __u32 sizes[] = {
		0, 4, 7, 9, 16, 24, 32, 0x80000008, ~0U,
	};
	struct waiting w = deliver_unmap(_metadata, &self->ends);
	struct vhost_backend_reply reply = reply_to(&w.msg, 0);

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		reply.msg.size = sizes[i];
		expect_bad(_metadata, &self->ends, reply, EINVAL, "size");
	}
	expect_waiting(_metadata, &self->ends, &w);
}

/* Only the answer to a lookup carries a file. */
TEST_F(reply, unexpected_descriptor)
{
	const struct request_kind *kind;

	for_each_kind(kind) {
		const int fds[] = { 0, self->ends.file, 999, -2, INT32_MIN };
		struct vhost_backend_reply reply;
		struct waiting w;

		if (kind->request == VHOST_BACKEND_SHARED_OBJECT_LOOKUP)
			continue;
		w = deliver(&self->ends, kind);
		reply = reply_to(&w.msg, 0);
		for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
			reply.msg.fd = fds[i];
			expect_bad(_metadata, &self->ends, reply, EINVAL,
				   kind->name);
		}
		expect_waiting(_metadata, &self->ends, &w);
	}
}

TEST_F(reply, descriptor_that_is_not_open)
{
	struct waiting w =
		deliver(&self->ends, find_kind(VHOST_BACKEND_SHARED_OBJECT_LOOKUP));
	struct vhost_backend_reply reply = reply_to(&w.msg, 0);

	reply.msg.fd = 999;
	expect_bad(_metadata, &self->ends, reply, EBADF, "999");
	reply.msg.fd = INT32_MAX;
	expect_bad(_metadata, &self->ends, reply, EBADF, "INT_MAX");
	expect_waiting(_metadata, &self->ends, &w);
}

/* What could hold the channel itself, or is nothing that an object can be. */
TEST_F(reply, descriptor_of_a_wrong_type)
{
	struct waiting w =
		deliver(&self->ends, find_kind(VHOST_BACKEND_SHARED_OBJECT_LOOKUP));
	struct vhost_backend_reply reply = reply_to(&w.msg, 0);
	const int fds[] = {
		self->ends.channel, epoll_create1(0), eventfd(0, 0),
		socket(AF_UNIX, SOCK_STREAM, 0),
		open("/", O_RDONLY | O_DIRECTORY), open("/dev/null", O_PATH),
	};

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		ASSERT_LE(0, fds[i]);
		reply.msg.fd = fds[i];
		expect_bad(_metadata, &self->ends, reply, EBADF, "type");
	}
	expect_waiting(_metadata, &self->ends, &w);
}

TEST_F(reply, other_request_number)
{
	static const __u32 numbers[] = {
		VHOST_BACKEND_PAD, VHOST_BACKEND_IOTLB_MSG,
		VHOST_BACKEND_STD_SHMEM_UNMAP, VHOST_BACKEND_SHMEM_MAP,
		VHOST_BACKEND_EXTERNAL_MAP, 0x800003e9, ~0U,
	};
	struct waiting w = deliver_unmap(_metadata, &self->ends);
	struct vhost_backend_reply reply = reply_to(&w.msg, 0);

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		reply.msg.request = numbers[i];
		expect_bad(_metadata, &self->ends, reply, EBADMSG, "number");
	}
	expect_waiting(_metadata, &self->ends, &w);
}

TEST_F(reply, id_that_never_was)
{
	struct waiting w = deliver_unmap(_metadata, &self->ends);
	struct vhost_backend_reply reply = reply_to(&w.msg, 0);

	for (int bit = 0; bit < 64; bit++) {
		reply.msg.id = w.msg.id ^ 1ULL << bit;
		expect_bad(_metadata, &self->ends, reply, ENOENT, "id");
	}
	reply.msg.id = 0;
	expect_bad(_metadata, &self->ends, reply, ENOENT, "id 0");
	reply.msg.id = ~0ULL;
	expect_bad(_metadata, &self->ends, reply, ENOENT, "id ~0");
	expect_waiting(_metadata, &self->ends, &w);
}

TEST_F(reply, answered_already)
{
	struct waiting w = deliver_unmap(_metadata, &self->ends);
	struct vhost_backend_reply reply = reply_to(&w.msg, 0);

	expect_waiting(_metadata, &self->ends, &w);
	expect_bad(_metadata, &self->ends, reply, ENOENT, "answered");
	/* The slot's next tenant must not get it. */
	for (int i = 0; i < 100; i++) {
		w = deliver_unmap(_metadata, &self->ends);
		expect_bad(_metadata, &self->ends, reply, ENOENT, "answered");
		expect_waiting(_metadata, &self->ends, &w);
	}
}

/* A message that asks for no answer has none, even where it has an id. */
TEST_F(reply, no_answer_wanted)
{
	const struct request_kind *kind =
		find_kind(VHOST_BACKEND_VRING_HOST_NOTIFIER_MSG);
	struct vhost_backend_test_send send = send_of(kind, &self->ends);
	struct message m;

	ASSERT_EQ(0, worker_send(self->ends.worker, &send));
	ASSERT_LT(0, await_message(self->ends.channel, &m));
	close(m.msg.fd);
	expect_bad(_metadata, &self->ends, reply_to(&m.msg, 0), ENOENT,
		   kind->name);
	ASSERT_EQ(0, raise_call(self->ends.worker, 0));
	ASSERT_LT(0, await_message(self->ends.channel, &m));
	expect_bad(_metadata, &self->ends, reply_to(&m.msg, 0), ENOENT,
		   "VRING_CALL");
}

/*
 * What id the @n-th request of a new channel gets can't be known before it is
 * delivered, but can be guessed: from another channel, used in the same way.
 */
static struct vhost_backend_msg guess(struct __test_metadata *_metadata, int n)
{
	struct waiting w = {};
	struct ends ends = {};

	ASSERT_EQ(0, ends_open_large(&ends, O_NONBLOCK));
	for (int i = 0; i < n; i++)
		w = deliver(&ends, find_kind(VHOST_BACKEND_SHMEM_MAP));
	ends_close(&ends);
	return w.msg;
}

/* Nobody can answer what nobody was told, nor take its file. */
TEST_F(reply, not_delivered_yet)
{
	struct vhost_backend_msg second = guess(_metadata, 2);
	struct vhost_backend_take_fd take = { .id = second.id };
	struct waiting first = deliver(&self->ends, find_kind(VHOST_BACKEND_SHMEM_MAP));
	struct vhost_backend_test_result result;
	struct message m;
	uint64_t cookie;

	ASSERT_EQ(0, ask_map(self->ends.worker, 2, self->ends.file, &cookie));
	expect_bad(_metadata, &self->ends, reply_to(&second, 0), ENOENT,
		   "not delivered");
	EXPECT_EQ(-ENOENT, try_ioctl(self->ends.channel, VHOST_BACKEND_TAKE_FD,
				     &take));
	ASSERT_EQ(-EAGAIN, worker_result(self->ends.worker, cookie, 0,
					 &result));
	ASSERT_EQ(ASK_MAP_BYTES, await_message(self->ends.channel, &m));
	if (m.msg.id != second.id)
		TH_LOG("ids differ from channel to channel: guessed wrong");
	EXPECT_EQ(0, close(m.msg.fd));
	EXPECT_EQ(REPLY_BYTES, channel_reply(self->ends.channel, &m.msg, -1));
	expect_answered(_metadata, &self->ends,
			&(struct waiting){ .cookie = cookie }, -1);
	expect_waiting(_metadata, &self->ends, &first);
}

/* A worker gave up before delivery: there never was such a request. */
TEST_F_TIMEOUT(reply, withdrawn, 60)
{
	const struct request_kind *kind = find_kind(VHOST_BACKEND_SHMEM_MAP);
	struct vhost_backend_msg first = guess(_metadata, 1);
	struct vhost_backend_take_fd take = { .id = first.id };
	struct vhost_backend_test_send send = send_of(kind, &self->ends);

	send.flags = VHOST_BACKEND_TEST_REPLY;
	send.timeout_ms = 10;
	ASSERT_EQ(-ETIMEDOUT, worker_send(self->ends.worker, &send));
	EXPECT_FALSE(channel_has_message(self->ends.channel));
	expect_bad(_metadata, &self->ends, reply_to(&first, 0), ENOENT,
		   "withdrawn");
	EXPECT_EQ(-ENOENT, try_ioctl(self->ends.channel, VHOST_BACKEND_TAKE_FD,
				     &take));
}

/* A length that is not a multiple of 32 takes nothing, not even the first. */
TEST_F(reply, wrong_length)
{
	static const size_t lengths[] = {
		1, 8, 24, 31, 33, 40, 63, 65, 95, 4095, 4097,
	};
	struct waiting w = deliver_unmap(_metadata, &self->ends);
	static struct vhost_backend_reply replies[200];
	struct iovec iov[2] = {
		{ replies, sizeof(replies[0]) }, { &replies[1], 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(replies); i++)
		replies[i] = reply_to(&w.msg, 0);
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		EXPECT_EQ(-EINVAL, try_write(self->ends.channel, replies,
					     lengths[i]))
			TH_LOG("%zu bytes", lengths[i]);
	}
	EXPECT_EQ(-1, writev(self->ends.channel, iov, 2));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(0, try_write(self->ends.channel, replies, 0));
	expect_waiting(_metadata, &self->ends, &w);
}

/* Three requests, the replies to which are written together. */
struct three {
	struct waiting waiting[3];
	struct vhost_backend_reply replies[3];
};

static struct three deliver_three(struct __test_metadata *_metadata,
				  struct ends *ends)
{
	struct three three;

	for (int i = 0; i < 3; i++) {
		three.waiting[i] = deliver_unmap(_metadata, ends);
		three.replies[i] = reply_to(&three.waiting[i].msg, -1 - i);
	}
	return three;
}

TEST_F(reply, several_at_once)
{
	struct three three = deliver_three(_metadata, &self->ends);

	EXPECT_EQ(3 * REPLY_BYTES, try_write(self->ends.channel, three.replies,
					     sizeof(three.replies)));
	for (int i = 0; i < 3; i++)
		expect_answered(_metadata, &self->ends, &three.waiting[i],
				-1 - i);
}

/* It stops before the first bad one. */
TEST_F(reply, bad_one_in_the_middle)
{
	struct three three = deliver_three(_metadata, &self->ends);

	three.replies[1].msg.flags = 0;
	EXPECT_EQ(REPLY_BYTES, try_write(self->ends.channel, three.replies,
					 sizeof(three.replies)));
	EXPECT_EQ(1U, channel_stats(self->ends.channel).requests_answered);
	EXPECT_EQ(1U, channel_stats(self->ends.channel).bad_replies);
	expect_answered(_metadata, &self->ends, &three.waiting[0], -1);
	/* Where it stopped, it goes on. */
	EXPECT_EQ(-EINVAL, try_write(self->ends.channel, &three.replies[1],
				     2 * sizeof(three.replies[0])));
	expect_waiting(_metadata, &self->ends, &three.waiting[1]);
	expect_waiting(_metadata, &self->ends, &three.waiting[2]);
}

TEST_F(reply, same_one_twice_in_a_call)
{
	struct three three = deliver_three(_metadata, &self->ends);

	three.replies[1] = three.replies[0];
	EXPECT_EQ(REPLY_BYTES, try_write(self->ends.channel, three.replies,
					 sizeof(three.replies)));
	expect_answered(_metadata, &self->ends, &three.waiting[0], -1);
	expect_waiting(_metadata, &self->ends, &three.waiting[1]);
	expect_waiting(_metadata, &self->ends, &three.waiting[2]);
}

TEST_F(reply, segments)
{
	for (size_t each = 1; each < 3 * sizeof(struct vhost_backend_reply);
	     each++) {
		struct three three = deliver_three(_metadata, &self->ends);
		char *bytes = (char *)three.replies;
		struct iovec iov[96];
		int count = 0;

		for (size_t at = 0; at < sizeof(three.replies); at += each) {
			size_t left = sizeof(three.replies) - at;

			iov[count].iov_base = bytes + at;
			iov[count++].iov_len = left < each ? left : each;
		}
		ASSERT_EQ(3 * REPLY_BYTES,
			  writev(self->ends.channel, iov, count))
			TH_LOG("segments of %zu bytes", each);
		for (int i = 0; i < 3; i++)
			expect_answered(_metadata, &self->ends,
					&three.waiting[i], -1 - i);
	}
}

TEST_F(reply, unaligned)
{
	unsigned char buffer[sizeof(struct vhost_backend_reply) + 8];

	for (int offset = 0; offset < 16; offset++) {
		struct waiting w = deliver_unmap(_metadata, &self->ends);
		struct vhost_backend_reply reply = reply_to(&w.msg, -offset);
		unsigned char *place = buffer + offset % 8;

		memcpy(place, &reply, sizeof(reply));
		if (offset < 8) {
			EXPECT_EQ(REPLY_BYTES, try_write(self->ends.channel,
							 place, REPLY_BYTES));
		} else {
			EXPECT_EQ(0, try_ioctl(self->ends.channel,
					       VHOST_BACKEND_REPLY, place));
		}
		expect_answered(_metadata, &self->ends, &w, -offset);
	}
}

TEST_F(reply, by_ioctl)
{
	struct waiting w = deliver_unmap(_metadata, &self->ends);
	struct vhost_backend_reply reply = reply_to(&w.msg, -ENOSPC);

	EXPECT_EQ(0, try_ioctl(self->ends.channel, VHOST_BACKEND_REPLY,
			       &reply));
	expect_answered(_metadata, &self->ends, &w, -ENOSPC);
	EXPECT_EQ(-ENOENT, try_ioctl(self->ends.channel, VHOST_BACKEND_REPLY,
				     &reply));
}

TEST_F_TIMEOUT(reply, out_of_order, 60)
{
	static struct waiting w[200];

	for (size_t i = 0; i < ARRAY_SIZE(w); i++)
		w[i] = deliver_unmap(_metadata, &self->ends);
	/* 77 has no divisor in common with 200: each once, none in order. */
	for (size_t i = 0; i < ARRAY_SIZE(w); i++) {
		size_t n = i * 77 % ARRAY_SIZE(w);

		ASSERT_EQ(REPLY_BYTES, channel_reply(self->ends.channel,
						     &w[n].msg,
						     -1 - (int)n));
	}
	for (size_t i = 0; i < ARRAY_SIZE(w); i++)
		expect_answered(_metadata, &self->ends, &w[i], -1 - (int)i);
	EXPECT_EQ(0U, channel_stats(self->ends.channel).inflight);
}

TEST_F(reply, bad_pointers)
{
	unsigned char *end = page_before_nothing() + PAGE;
	struct three three = deliver_three(_metadata, &self->ends);
	struct iovec iov[2] = {
		{ three.replies, REPLY_BYTES }, { end, REPLY_BYTES },
	};
	void *const bad[] = { address_of(0), address_of(-PAGE), end };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EFAULT, try_write(self->ends.channel, bad[i],
					     REPLY_BYTES));
		EXPECT_EQ(-EFAULT, try_ioctl(self->ends.channel,
					     VHOST_BACKEND_REPLY, bad[i]));
	}
	/* Not a part of a reply is taken. */
	for (int bytes = 1; bytes < REPLY_BYTES; bytes++) {
		memcpy(end - bytes, three.replies, bytes);
		EXPECT_EQ(-EFAULT, try_write(self->ends.channel, end - bytes,
					     REPLY_BYTES));
		EXPECT_EQ(-EFAULT, try_ioctl(self->ends.channel,
					     VHOST_BACKEND_REPLY,
					     end - bytes));
	}
	/* The one before it is. */
	EXPECT_EQ(REPLY_BYTES, writev(self->ends.channel, iov, 2));
	expect_answered(_metadata, &self->ends, &three.waiting[0], -1);
	memcpy(end - REPLY_BYTES, &three.replies[1], REPLY_BYTES);
	EXPECT_EQ(REPLY_BYTES, try_write(self->ends.channel, end - REPLY_BYTES,
					 2 * REPLY_BYTES));
	expect_answered(_metadata, &self->ends, &three.waiting[1], -2);
	expect_waiting(_metadata, &self->ends, &three.waiting[2]);
}

/* One of two threads that answer the same request, with different values. */
struct racer {
	pthread_barrier_t *barrier;
	int channel;
	bool by_ioctl;
	struct vhost_backend_reply reply;
	ssize_t done;
};

static void *race_to_answer(void *arg)
{
	struct racer *racer = arg;

	pthread_barrier_wait(racer->barrier);
	if (racer->by_ioctl)
		racer->done = try_ioctl(racer->channel, VHOST_BACKEND_REPLY,
					&racer->reply);
	else
		racer->done = try_write(racer->channel, &racer->reply,
					sizeof(racer->reply));
	return NULL;
}

static void *race_time_and_again(void *arg)
{
	for (struct racer *racer = arg; racer->barrier; racer++)
		race_to_answer(racer);
	return NULL;
}

/* Exactly one wins, and it is its value that the worker gets. */
TEST_F_TIMEOUT(reply, race_of_two_answers, 120)
{
	/* The last of each is the end. */
	static struct racer own[401], other[401];
	static uint64_t cookies[400];
	const struct request_kind *io =
		find_kind(VHOST_BACKEND_DEPRECATED_FS_IO);
	struct vhost_backend_test_result result;
	pthread_barrier_t barrier;
	pthread_t thread;

	ASSERT_EQ(0, pthread_barrier_init(&barrier, NULL, 2));
	for (size_t i = 0; i < ARRAY_SIZE(cookies); i++) {
		struct waiting w = deliver(&self->ends, io);

		cookies[i] = w.cookie;
		own[i] = (struct racer){
			.barrier = &barrier, .channel = self->ends.channel,
			.reply = reply_to(&w.msg, 1),
		};
		other[i] = own[i];
		other[i].reply.value = 2;
		other[i].by_ioctl = i % 2;
	}
	ASSERT_EQ(0, pthread_create(&thread, NULL, race_time_and_again,
				    other));
	race_time_and_again(own);
	pthread_join(thread, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(cookies); i++) {
		bool won = own[i].done == REPLY_BYTES;
		ssize_t success = other[i].by_ioctl ? 0 : REPLY_BYTES;

		EXPECT_EQ(won ? REPLY_BYTES : -ENOENT, own[i].done);
		EXPECT_EQ(won ? -ENOENT : success, other[i].done);
		ASSERT_EQ(0, worker_result(self->ends.worker, cookies[i],
					   PATIENCE_MS, &result));
		EXPECT_EQ(1U, result.count);
		EXPECT_EQ(0, result.error);
		EXPECT_EQ(won ? 1U : 2U, result.value);
	}
	EXPECT_EQ(ARRAY_SIZE(cookies),
		  channel_stats(self->ends.channel).requests_answered);
}

TEST_HARNESS_MAIN
