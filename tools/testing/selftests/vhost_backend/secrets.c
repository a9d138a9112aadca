// SPDX-License-Identifier: GPL-2.0-only
/*
 * No secrets: every byte that reaches user space is one that it should be, and
 * none is of a kernel address. Buffers are poisoned, each time with another value,
 * and rings are made to hold noise from before.
 */
#include "../kselftest_harness.h"

#include <ctype.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <linux/io_uring.h>
#include <linux/vhost.h>

#include "lib/channel.h"
#include "lib/ends.h"
#include "lib/file.h"
#include "lib/memory.h"
#include "lib/message.h"
#include "lib/net_frame.h"
#include "lib/net_queue.h"
#include "lib/poison.h"
#include "lib/request.h"
#include "lib/skip.h"
#include "lib/vhost_net.h"
#include "lib/wait.h"
#include "lib/worker.h"

SKIP_WITHOUT_WORKER;

/* A few kinds fill it; what was there before would show. */
#define RING_BYTES	4096
#define ROUNDS		12

#define OTHER_USER	4321

/* The tests of the tests */
TEST(what_looks_like_an_address)
{
	static const uint64_t yes[] = {
		0xffff888000000000, 0xffff888012345678, 0xffffc90000001000,
		0xffffffff81000000, 0xffffffffc0123456, 0xffffea0000000040,
	};
	static const uint64_t no[] = {
		0, 1, 0x7fffffffffff, 0xffffffff00000020, 0xfffffffe00000100,
		-1ULL, -5ULL, 0x10000, 0xa5a5a5a5a5a5a5a5,
	};

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++)
		EXPECT_TRUE(has_kernel_address(&yes[i], sizeof(yes[i])));
	EXPECT_FALSE(has_kernel_address(no, sizeof(no)));
	EXPECT_TRUE(shows_pointer("at 00000000deadbeef."));
	EXPECT_TRUE(shows_pointer("ffff888012345678"));
	EXPECT_FALSE(shows_pointer("vhost-backend-bindings:\t123456789012345\n"));
}

/*
 * A fs request with one entry in use and noise in all others, which are not looked
 * at, fills the ring with what no other message should hold.
 */
static struct message payload_of(const struct request_kind *kind, unsigned int round)
{
	if (kind_is_fs(kind))
		return fs_with_entry(round % VHOST_BACKEND_FS_ENTRIES);
	return kind->sample;
}

/* A message that is to come, whoever sent it. */
struct delivery {
	const struct request_kind *kind;
	const struct message *payload;
	bool reply;
};

/* All of it, with the id and fd that it has. */
static struct message expect(const struct delivery *delivery,
			     const struct vhost_backend_msg *got)
{
	const struct request_kind *kind = delivery->kind;
	struct message m = *delivery->payload;

	m.msg = (struct vhost_backend_msg){
		.request = kind->request, .size = kind->size,
		.flags = VHOST_BACKEND_MSG_VERSION |
			 (delivery->reply ? VHOST_BACKEND_MSG_NEED_REPLY : 0),
		.fd = kind->file ? got->fd : VHOST_BACKEND_FD_NONE,
		.id = kind->file || delivery->reply ? got->id : 0,
	};
	if (kind_has_vring(kind))
		m.state.index += VRING_BASE;
	return m;
}

/* The one message that was read into poison, @n bytes; all of the memory is looked at. */
static struct vhost_backend_msg compare(struct __test_metadata *_metadata,
					const struct poisoned *got, ssize_t n,
					const struct delivery *delivery)
{
	const struct request_kind *kind = delivery->kind;
	const size_t bytes = sizeof(struct vhost_backend_msg) + kind->size;
	struct vhost_backend_msg msg;
	struct message expected;

	ASSERT_EQ((ssize_t)bytes, n)
		TH_LOG("%s", kind->name);
	memcpy(&msg, got->now, sizeof(msg));
	expected = expect(delivery, &msg);
	EXPECT_EQ(0, memcmp(got->now, &expected, bytes))
		TH_LOG("%s", kind->name);
	EXPECT_TRUE(rest_is_untouched(got, bytes))
		TH_LOG("%s", kind->name);
	EXPECT_FALSE(has_kernel_address(&msg, sizeof(msg)));
	return msg;
}

static struct vhost_backend_msg read_exactly(struct __test_metadata *_metadata,
					     int channel, const struct delivery *delivery)
{
	struct vhost_backend_msg msg;
	struct poisoned got;

	poison_again(&got);
	ASSERT_TRUE(await_input(channel, PATIENCE_MS));
	msg = compare(_metadata, &got, try_read(channel, got.now, sizeof(got.now)),
		      delivery);
	EXPECT_EQ(delivery->kind->file ? 0 : -1, close(msg.fd));
	return msg;
}

/* The end of a request that was read. */
static void refuse(struct __test_metadata *_metadata, const struct ends *ends,
		   struct transaction *t, const struct vhost_backend_msg *msg)
{
	struct vhost_backend_test_result result;

	EXPECT_LT(0, channel_reply(ends->channel, msg, -EIO));
	ASSERT_EQ(0, transaction_end(t, &result));
	EXPECT_EQ(-EIO, result.error);
}

/* Through one channel, so that each kind follows others in the same memory. */
static void send_and_read(struct __test_metadata *_metadata, struct ends *ends,
			  const struct request_kind *kind, unsigned int round)
{
	const struct message payload = payload_of(kind, round);
	struct delivery delivery = { .kind = kind, .payload = &payload };
	struct vhost_backend_test_send send = send_of(kind, ends);
	struct vhost_backend_msg msg;
	struct transaction t;

	send.payload = (uintptr_t)payload.bytes;
	send.context = round % 3;
	if (kind->reply != REPLY_ALWAYS) {
		ASSERT_EQ(0, worker_send(ends->worker, &send));
		read_exactly(_metadata, ends->channel, &delivery);
	}
	delivery.reply = true;
	ASSERT_EQ(0, transaction_start(&t, ends, send));
	msg = read_exactly(_metadata, ends->channel, &delivery);
	refuse(_metadata, ends, &t, &msg);
}

FIXTURE(secrets) {
	struct ends ends;
};

FIXTURE_SETUP(secrets)
{
	ASSERT_EQ(0, ends_open(&self->ends, O_NONBLOCK, (struct vhost_backend_setup){
		.ring_bytes = RING_BYTES }));
}

FIXTURE_TEARDOWN(secrets)
{
	ends_close(&self->ends);
}

TEST_F_TIMEOUT(secrets, messages, 180)
{
	const struct request_kind *kind;
	uint64_t bytes = 0;

	for (unsigned int round = 0; round < ROUNDS; round++) {
		for_each_kind(kind) {
			send_and_read(_metadata, &self->ends, kind, round);
			bytes += sizeof(struct vhost_backend_msg) + kind->size;
		}
	}
	/* The ring was gone round many times. */
	EXPECT_LT(5U * RING_BYTES, bytes);
}

/* A request that is delivered in another form */
static void send_and_read_as(struct __test_metadata *_metadata, struct ends *ends,
			     const struct request_kind *sent,
			     const struct request_kind *delivered)
{
	const struct delivery delivery = {
		.kind = delivered, .payload = &delivered->sample, .reply = true,
	};
	struct vhost_backend_msg msg;
	struct transaction t;

	ASSERT_EQ(0, transaction_start(&t, ends, send_of(sent, ends)));
	msg = read_exactly(_metadata, ends->channel, &delivery);
	refuse(_metadata, ends, &t, &msg);
}

/* SHMEM_MAP and SHMEM_UNMAP become longer: their new fields and the padding. */
TEST_F_TIMEOUT(secrets, messages_of_the_standard, 60)
{
	const struct request_kind *map = find_kind(VHOST_BACKEND_SHMEM_MAP);
	const struct request_kind *unmap = find_kind(VHOST_BACKEND_SHMEM_UNMAP);
	const struct request_kind std_map = {
		.name = "STD_SHMEM_MAP", .request = VHOST_BACKEND_STD_SHMEM_MAP,
		.size = sizeof(struct vhost_backend_mmap), .file = true,
		.sample.std = {
			.shmid = map->sample.map.shmid, .len = map->sample.map.len,
			.fd_offset = map->sample.map.fd_offset,
			.shm_offset = map->sample.map.shm_offset,
		},
	};
	const struct request_kind std_unmap = {
		.name = "STD_SHMEM_UNMAP", .request = VHOST_BACKEND_STD_SHMEM_UNMAP,
		.size = sizeof(struct vhost_backend_mmap),
		.sample.std = {
			.shmid = unmap->sample.unmap.shmid, .len = unmap->sample.unmap.len,
			.shm_offset = unmap->sample.unmap.shm_offset,
		},
	};

	ASSERT_EQ(0, ends_reopen(&self->ends, (struct vhost_backend_setup){
		.ring_bytes = RING_BYTES, .flags = VHOST_BACKEND_SETUP_STD_SHMEM }));
	for (unsigned int round = 0; round < 50; round++) {
		send_and_read_as(_metadata, &self->ends, map, &std_map);
		send_and_read(_metadata, &self->ends,
			      find_kind(VHOST_BACKEND_DEPRECATED_FS_IO), round);
		send_and_read_as(_metadata, &self->ends, unmap, &std_unmap);
	}
}

/* What is put together from bits, at the reader. */
TEST_F(secrets, notifications)
{
	const struct request_kind *call = find_kind(VHOST_BACKEND_VRING_CALL);
	const struct request_kind *config =
		find_kind(VHOST_BACKEND_CONFIG_CHANGE_MSG);

	for (unsigned int n = 0; n < 200; n++) {
		struct message payload = { .state = { .index = n % NR_VRINGS } };

		ASSERT_EQ(0, raise_call(self->ends.worker, n % NR_VRINGS));
		read_exactly(_metadata, self->ends.channel,
			     &(struct delivery){ .kind = call, .payload = &payload });
		ASSERT_EQ(0, send_plain(self->ends.worker, config->request, NULL,
					0, -1));
		read_exactly(_metadata, self->ends.channel,
			     &(struct delivery){ .kind = config, .payload = &payload });
	}
}

/* A reader that gets no descriptor gets the number that says so, and can ask for it. */
static struct vhost_backend_msg read_as_other(struct __test_metadata *_metadata,
					      int channel, const struct delivery *delivery)
{
	const int descriptors = count_descriptors();
	struct vhost_backend_take_fd take = { .fd = 4711 };
	struct vhost_backend_msg msg;
	struct poisoned got;
	ssize_t n;

	poison_again(&got);
	ASSERT_TRUE(await_input(channel, PATIENCE_MS));
	ASSERT_EQ(0, seteuid(OTHER_USER));
	n = try_read(channel, got.now, sizeof(got.now));
	ASSERT_EQ(0, seteuid(0));
	msg = compare(_metadata, &got, n, delivery);
	EXPECT_EQ(descriptors, count_descriptors());
	if (!delivery->kind->file)
		return msg;
	EXPECT_EQ(VHOST_BACKEND_FD_PENDING, msg.fd);
	take.id = msg.id;
	ASSERT_EQ(0, try_ioctl(channel, VHOST_BACKEND_TAKE_FD, &take));
	EXPECT_EQ(msg.id, take.id);
	EXPECT_EQ(0U, take.flags);
	EXPECT_EQ(0, close(take.fd));
	return msg;
}

TEST_F_TIMEOUT(secrets, messages_read_by_another_user, 60)
{
	const struct request_kind *kind;

	for_each_kind(kind) {
		/* A reply to a message with a file says that the file is not needed any more. */
		struct delivery delivery = {
			.kind = kind, .payload = &kind->sample, .reply = kind->file,
		};
		struct vhost_backend_test_send send = send_of(kind, &self->ends);
		struct vhost_backend_msg msg;
		struct transaction t;

		if (kind->reply != REPLY_ALWAYS) {
			ASSERT_EQ(0, worker_send(self->ends.worker, &send));
			msg = read_as_other(_metadata, self->ends.channel, &delivery);
			EXPECT_EQ(kind->file ? 32 : -ENOENT,
				  channel_reply(self->ends.channel, &msg, 0));
		}
		delivery.reply = true;
		ASSERT_EQ(0, transaction_start(&t, &self->ends, send));
		msg = read_as_other(_metadata, self->ends.channel, &delivery);
		refuse(_metadata, &self->ends, &t, &msg);
	}
}

/* Into @first bytes, and then somewhere else; in @got both are put together. */
static ssize_t read_in_two(int channel, struct poisoned *got, size_t first)
{
	struct poisoned other;
	const struct iovec iov[2] = {
		{ got->now, first }, { other.now, sizeof(other.now) },
	};
	ssize_t n;

	poison_again(&other);
	n = readv(channel, iov, 2);
	if (n < (ssize_t)first)
		return n < 0 ? -errno : n;
	if (!rest_is_untouched(got, first) || !rest_is_untouched(&other, n - first))
		return -EPROTO;
	memcpy(got->now + first, other.now, n - first);
	return n;
}

TEST_F_TIMEOUT(secrets, segments, 60)
{
	const struct request_kind *kind = find_kind(VHOST_BACKEND_SHMEM_MAP);
	const struct delivery delivery = {
		.kind = kind, .payload = &kind->sample, .reply = true,
	};
	struct vhost_backend_msg msg;
	struct transaction t;
	struct poisoned got;

	for (size_t first = 0; first <= ASK_MAP_BYTES; first++) {
		ASSERT_EQ(0, transaction_start(&t, &self->ends,
					       send_of(kind, &self->ends)));
		poison_again(&got);
		msg = compare(_metadata, &got,
			      read_in_two(self->ends.channel, &got, first), &delivery);
		EXPECT_EQ(0, close(msg.fd));
		refuse(_metadata, &self->ends, &t, &msg);
	}
}

/* An io_uring that takes one request at a time. */
struct uring {
	int fd;
	struct io_uring_params params;
	unsigned char *rings;
	struct io_uring_sqe *sqe;
};

/* To @buffer it can read by address, or into the pages that it keeps of it. */
static bool uring_open(struct uring *uring, const struct iovec *buffer)
{
	uring->params = (struct io_uring_params){};
	uring->fd = syscall(__NR_io_uring_setup, 1, &uring->params);
	uring->rings = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, uring->fd,
			    IORING_OFF_SQ_RING);
	uring->sqe = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, uring->fd,
			  IORING_OFF_SQES);
	return uring->rings != MAP_FAILED && (void *)uring->sqe != MAP_FAILED &&
	       uring->params.features & IORING_FEAT_SINGLE_MMAP &&
	       !syscall(__NR_io_uring_register, uring->fd, IORING_REGISTER_BUFFERS,
			buffer, 1);
}

static ssize_t uring_read(struct uring *uring, unsigned char opcode, int channel,
			  const struct iovec *buffer)
{
	const struct io_sqring_offsets *sq = &uring->params.sq_off;
	const struct io_cqring_offsets *cq = &uring->params.cq_off;
	const struct io_uring_cqe *cqe = (void *)(uring->rings + cq->cqes);
	__u32 *tail = (void *)(uring->rings + sq->tail);
	__u32 *head = (void *)(uring->rings + cq->head);
	__u32 cq_mask = uring->params.cq_entries - 1;

	*uring->sqe = (struct io_uring_sqe){
		.opcode = opcode, .fd = channel, .addr = (uintptr_t)buffer->iov_base,
		.len = buffer->iov_len,
	};
	*(__u32 *)(uring->rings + sq->array) = 0;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	if (syscall(__NR_io_uring_enter, uring->fd, 1, 1, IORING_ENTER_GETEVENTS,
		    NULL, 0) != 1)
		return -errno;
	cqe += *head & cq_mask;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return cqe->res;
}

TEST_F_TIMEOUT(secrets, io_uring, 60)
{
	static const unsigned char opcodes[] = { IORING_OP_READ, IORING_OP_READ_FIXED };
	static struct poisoned got;
	const struct iovec buffer = { got.now, sizeof(got.now) };
	const struct request_kind *kind;
	struct uring uring;

	ASSERT_TRUE(uring_open(&uring, &buffer));
	for_each_kind(kind) {
		const struct delivery delivery = {
			.kind = kind, .payload = &kind->sample, .reply = true,
		};

		for (size_t i = 0; i < ARRAY_SIZE(opcodes); i++) {
			struct vhost_backend_msg msg;
			struct transaction t;

			ASSERT_EQ(0, transaction_start(&t, &self->ends,
						       send_of(kind, &self->ends)));
			poison_again(&got);
			msg = compare(_metadata, &got,
				      uring_read(&uring, opcodes[i], self->ends.channel,
						 &buffer), &delivery);
			EXPECT_EQ(kind->file ? 0 : -1, close(msg.fd));
			refuse(_metadata, &self->ends, &t, &msg);
		}
	}
	close(uring.fd);
}

/*
 * Where a message could not be delivered, some of it may be left, but nothing else
 * and no descriptor. @msg is how it came in the end.
 */
static bool left_only(const struct poisoned *got, const struct vhost_backend_msg *msg,
		      const struct delivery *delivery)
{
	struct message expected = expect(delivery, msg);
	const size_t end = message_bytes(msg);

	expected.msg.fd = VHOST_BACKEND_FD_PENDING;
	for (size_t i = 0; i < end; i++)
		if (got->now[i] != got->before[i] &&
		    got->now[i] != ((unsigned char *)&expected)[i])
			return false;
	return rest_is_untouched(got, end);
}

/* The memory ends in the middle of a message. */
TEST_F_TIMEOUT(secrets, faults, 60)
{
	const struct request_kind *kind = find_kind(VHOST_BACKEND_SHMEM_MAP);
	const struct delivery delivery = {
		.kind = kind, .payload = &kind->sample, .reply = true,
	};
	static struct poisoned got[ASK_MAP_BYTES];
	unsigned char *end = page_before_nothing() + PAGE;
	struct vhost_backend_msg msg;
	struct transaction t;

	ASSERT_EQ(0, transaction_start(&t, &self->ends, send_of(kind, &self->ends)));
	for (size_t bytes = 0; bytes < ASK_MAP_BYTES; bytes++) {
		poison_again(&got[bytes]);
		memcpy(end - PAGE, got[bytes].now, PAGE / 4);
		memcpy(end - bytes, got[bytes].now, bytes);
		EXPECT_EQ(-EFAULT, try_read(self->ends.channel, end - bytes, 280));
		EXPECT_EQ(0, memcmp(end - PAGE, got[bytes].before, PAGE / 4));
		memcpy(got[bytes].now, end - bytes, bytes);
	}
	msg = read_exactly(_metadata, self->ends.channel, &delivery);
	for (size_t bytes = 0; bytes < ASK_MAP_BYTES; bytes++) {
		EXPECT_TRUE(left_only(&got[bytes], &msg, &delivery))
			TH_LOG("%zu bytes", bytes);
	}
	refuse(_metadata, &self->ends, &t, &msg);
}

/* There is no descriptor left for the second message. */
TEST_F(secrets, no_free_descriptor)
{
	const struct request_kind *kinds[2] = {
		find_kind(VHOST_BACKEND_SHMEM_UNMAP), find_kind(VHOST_BACKEND_SHMEM_MAP),
	};
	struct vhost_backend_msg msg[2];
	struct delivery delivery[2];
	struct poisoned got;
	struct message expected;
	struct transaction t[2];
	struct rlimit old;
	size_t at = 0;

	for (int i = 0; i < 2; i++) {
		delivery[i] = (struct delivery){ kinds[i], &kinds[i]->sample, true };
		ASSERT_EQ(0, transaction_start(&t[i], &self->ends,
					       send_of(kinds[i], &self->ends)));
	}
	poison_again(&got);
	ASSERT_EQ(0, limit_descriptors(0, &old));
	EXPECT_EQ(ASK_BYTES + ASK_MAP_BYTES,
		  try_read(self->ends.channel, got.now, sizeof(got.now)));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &old));
	for (int i = 0; i < 2; i++) {
		memcpy(&msg[i], got.now + at, sizeof(msg[i]));
		expected = expect(&delivery[i], &msg[i]);
		EXPECT_EQ(0, memcmp(got.now + at, &expected, message_bytes(&expected.msg)));
		at += message_bytes(&expected.msg);
	}
	EXPECT_EQ(VHOST_BACKEND_FD_PENDING, msg[1].fd);
	EXPECT_TRUE(rest_is_untouched(&got, at));
	for (int i = 0; i < 2; i++)
		refuse(_metadata, &self->ends, &t[i], &msg[i]);
}

#define SOURCE	0xa1b2

/* What the kernel makes of what a bound device says: of a buffer in the transmit queue */
static void answer_miss(struct __test_metadata *_metadata, int channel,
			struct vhost_net *net)
{
	const struct request_kind *kind = find_kind(VHOST_BACKEND_IOTLB_MSG);
	const struct net_queue *q = &net->queue[NET_TX];
	struct message got_message, miss = {
		.iotlb = {
			.perm = VHOST_ACCESS_RO, .type = VHOST_IOTLB_MISS, .source = SOURCE,
		},
	};
	const struct delivery delivery = { .kind = kind, .payload = &miss };
	struct poisoned got;
	ssize_t n;

	poison_again(&got);
	n = try_read(channel, got.now, IOTLB_BYTES);
	memcpy(&got_message, got.now, IOTLB_BYTES);
	miss.iotlb.iova = got_message.iotlb.iova;
	compare(_metadata, &got, n, &delivery);
	EXPECT_EQ(NET_TX, net_queue_of(net, miss.iotlb.iova));
	EXPECT_EQ(0U, (miss.iotlb.iova - q->buffers_address) % NET_BUFFER);
	ASSERT_EQ(0, net_translate(net, VHOST_IOTLB_UPDATE, miss.iotlb.iova, NET_BUFFER,
				   VHOST_ACCESS_RO));
}

/* It may miss a buffer more than once, if it looks again before it has an answer. */
static void transmit_untranslated(struct __test_metadata *_metadata, int channel,
				  struct vhost_net *net)
{
	struct net_queue *q = &net->queue[NET_TX];
	struct pollfd p[2] = {
		{ .fd = channel, .events = POLLIN }, { .fd = q->call, .events = POLLIN },
	};
	unsigned char frame[NET_FRAME_MIN] = {};
	unsigned int misses = 0;
	eventfd_t signals;
	int id;

	id = net_transmit(net, frame, sizeof(frame));
	ASSERT_LE(0, id);
	net_kick(q);
	while (poll(p, 2, PATIENCE_MS) > 0 && !p[1].revents) {
		answer_miss(_metadata, channel, net);
		misses++;
	}
	ASSERT_EQ(0, eventfd_read(q->call, &signals));
	EXPECT_EQ(id, net_reap(q, NULL));
	EXPECT_LT(0U, misses);
}

/* In a ring that is full of noise */
TEST_F_TIMEOUT(secrets, misses_of_a_bound_device, 60)
{
	static const enum net_mode modes[] = { NET_IOTLB, NET_IOTLB_OLD };
	struct vhost_net net;

	if (access("/dev/vhost-net", F_OK))
		SKIP(return, "/dev/vhost-net is missing: modprobe vhost_net");
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		ASSERT_EQ(0, ends_reopen(&self->ends, (struct vhost_backend_setup){
			.ring_bytes = RING_BYTES }));
		for (unsigned int n = 0; n < 16; n++)
			send_and_read(_metadata, &self->ends,
				      find_kind(VHOST_BACKEND_DEPRECATED_FS_IO), n);
		ASSERT_EQ(0, net_open_mode(&net, i, modes[i]))
			TH_LOG("%s", net.failed);
		ASSERT_EQ(0, channel_bind(self->ends.channel, VHOST_BACKEND_BIND_IOTLB,
					  SOURCE, net.vhost, 0));
		for (unsigned int n = 0; n < 50; n++)
			transmit_untranslated(_metadata, self->ends.channel, &net);
		channel_bind(self->ends.channel, VHOST_BACKEND_BIND_IOTLB, 0, -1, 0);
		net_close(&net);
	}
}

/* Into poison: a field that is not written would hold it. */
static void read_figures(struct __test_metadata *_metadata, int channel)
{
	struct vhost_backend_setup setup, expected = {
		.nr_vrings = 256, .ring_bytes = RING_BYTES, .max_inflight = 64,
		.max_mappings = 256, .requests = EVERYTHING,
	};
	struct vhost_backend_stats stats, again;

	poison(&setup, sizeof(setup));
	ASSERT_EQ(0, try_ioctl(channel, VHOST_BACKEND_GET_SETUP, &setup));
	EXPECT_EQ(0, memcmp(&setup, &expected, sizeof(setup)));
	poison(&stats, sizeof(stats));
	poison(&again, sizeof(again));
	ASSERT_EQ(0, try_ioctl(channel, VHOST_BACKEND_GET_STATS, &stats));
	ASSERT_EQ(0, try_ioctl(channel, VHOST_BACKEND_GET_STATS, &again));
	EXPECT_EQ(0, memcmp(&stats, &again, sizeof(stats)));
	EXPECT_FALSE(has_kernel_address(&stats, sizeof(stats)));
	for (size_t i = 0; i < ARRAY_SIZE(stats.reserved); i++)
		EXPECT_EQ(0U, stats.reserved[i]);
}

TEST_F(secrets, figures)
{
	const struct request_kind *kind;

	for (unsigned int round = 0; round < 8; round++) {
		for_each_kind(kind) {
			send_and_read(_metadata, &self->ends, kind, round);
			read_figures(_metadata, self->ends.channel);
		}
	}
}

/* SETUP writes all of its argument, whatever was in the fields it fills. */
TEST(setup_writes_all)
{
	struct vhost_backend_setup setup, expected = {
		.nr_vrings = 256, .ring_bytes = 16384, .max_inflight = 64,
		.max_mappings = 256, .requests = EVERYTHING,
	};

	for (int n = 0; n < 8; n++) {
		int channel = open(CHANNEL_PATH, O_RDWR | O_CLOEXEC);

		setup = (struct vhost_backend_setup){ .requests = EVERYTHING };
		setup.ctl_bytes = next_poison() * 0x01010101U;
		setup.call_offset = next_poison() * 0x01010101U;
		setup.err_offset = next_poison() * 0x01010101U;
		ASSERT_EQ(0, try_ioctl(channel, VHOST_BACKEND_SETUP, &setup));
		EXPECT_EQ(0, memcmp(&setup, &expected, sizeof(setup)));
		close(channel);
	}
}

/* A call that fails says so, and writes nothing: neither to its argument nor elsewhere. */
static void expect_no_write(struct __test_metadata *_metadata, int channel,
			    unsigned int command, int error)
{
	struct poisoned argument, elements;
	struct vhost_backend_array array = { .count = 4 };

	poison_again(&argument);
	EXPECT_EQ(-error, try_ioctl(channel, command, argument.now))
		TH_LOG("command %#x", command);
	EXPECT_TRUE(rest_is_untouched(&argument, 0))
		TH_LOG("command %#x", command);

	/* Likewise where what it says makes sense. */
	poison_again(&elements);
	array.addr = (uintptr_t)elements.now;
	poison_again(&argument);
	memcpy(argument.now, &array, sizeof(array));
	memcpy(argument.before, &array, sizeof(array));
	EXPECT_EQ(-error, try_ioctl(channel, command, argument.now))
		TH_LOG("command %#x", command);
	EXPECT_TRUE(rest_is_untouched(&argument, 0))
		TH_LOG("command %#x", command);
	EXPECT_TRUE(rest_is_untouched(&elements, 0))
		TH_LOG("command %#x", command);
}

TEST_F(secrets, what_fails_writes_nothing)
{
	static const unsigned int unsupported[] = {
		VHOST_BACKEND_SET_SHMEM, VHOST_BACKEND_GET_MAPPINGS,
		VHOST_BACKEND_GET_SHMEM, VHOST_BACKEND_PAUSE,
	};
	static const unsigned int before_setup[] = {
		VHOST_BACKEND_GET_SETUP, VHOST_BACKEND_GET_STATS, VHOST_BACKEND_TAKE_FD,
		VHOST_BACKEND_GET_MAPPINGS, VHOST_BACKEND_GET_SHMEM,
	};
	int fresh = open(CHANNEL_PATH, O_RDWR | O_CLOEXEC);

	for (size_t i = 0; i < ARRAY_SIZE(unsupported); i++)
		expect_no_write(_metadata, self->ends.channel, unsupported[i], EOPNOTSUPP);
	expect_no_write(_metadata, self->ends.channel, VHOST_BACKEND_SETUP, EBUSY);
	for (size_t i = 0; i < ARRAY_SIZE(before_setup); i++)
		expect_no_write(_metadata, fresh, before_setup[i], ENOTCONN);
	expect_no_write(_metadata, fresh, VHOST_BACKEND_SETUP, EINVAL);
	close(fresh);
}

TEST_F(secrets, reads_that_fail)
{
	const struct request_kind *iotlb = find_kind(VHOST_BACKEND_IOTLB_MSG);
	struct vhost_backend_test_send send = send_of(iotlb, &self->ends);
	struct poisoned got;

	poison_again(&got);
	EXPECT_EQ(-EAGAIN, try_read(self->ends.channel, got.now, sizeof(got.now)));
	ASSERT_EQ(0, worker_send(self->ends.worker, &send));
	for (size_t bytes = 0; bytes < sizeof(struct vhost_backend_msg) + iotlb->size; bytes++)
		EXPECT_EQ(-EMSGSIZE, try_read(self->ends.channel, got.now, bytes));
	EXPECT_TRUE(rest_is_untouched(&got, 0));
}

/* One word of its argument is written, and only where there is a descriptor. */
TEST_F(secrets, take_fd)
{
	struct waiting w = deliver(&self->ends, find_kind(VHOST_BACKEND_SHMEM_MAP));
	struct vhost_backend_take_fd take = { .id = w.msg.id + 1, .fd = 4711 };
	struct vhost_backend_take_fd before = take;
	struct rlimit old;

	EXPECT_EQ(-ENOENT, try_ioctl(self->ends.channel, VHOST_BACKEND_TAKE_FD, &take));
	EXPECT_EQ(0, memcmp(&take, &before, sizeof(take)));
	take.id = w.msg.id;
	before = take;
	ASSERT_EQ(0, limit_descriptors(0, &old));
	EXPECT_EQ(-EMFILE, try_ioctl(self->ends.channel, VHOST_BACKEND_TAKE_FD, &take));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &old));
	EXPECT_EQ(0, memcmp(&take, &before, sizeof(take)));
	ASSERT_EQ(0, try_ioctl(self->ends.channel, VHOST_BACKEND_TAKE_FD, &take));
	before.fd = take.fd;
	EXPECT_EQ(0, memcmp(&take, &before, sizeof(take)));
	EXPECT_EQ(0, close(take.fd));
}

/* Whether what is compared here would be found: see the test worker's faults. */
TEST_F(secrets, events_of_the_worker)
{
	const struct vhost_backend_test_events none = {};
	struct vhost_backend_test_events events;

	poison(&events, sizeof(events));
	ASSERT_EQ(0, try_ioctl(self->ends.worker, VHOST_BACKEND_TEST_EVENTS, &events));
	EXPECT_EQ(0, memcmp(&events, &none, sizeof(events)));
}

/* Text in which only names, numbers and what stands between them are. */
TEST_F(secrets, fdinfo)
{
	const struct request_kind *kind;
	char path[64], text[8192] = "";
	FILE *file;
	size_t n;

	for_each_kind(kind)
		send_and_read(_metadata, &self->ends, kind, 0);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", self->ends.channel);
	file = fopen(path, "r");
	ASSERT_TRUE(!!file);
	n = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	EXPECT_LT(500U, n);
	EXPECT_EQ(strlen(text), n);
	EXPECT_TRUE(!!strstr(text, "vhost-backend-requests-answered:\t"));
	EXPECT_FALSE(shows_pointer(text));
	for (size_t i = 0; i < n; i++)
		EXPECT_TRUE(isprint(text[i]) || isspace(text[i]));
}

/* The name of a backend is the driver's: it can't write lines of its own. */
TEST_F(secrets, names_in_fdinfo)
{
	int worker = worker_attach(self->ends.channel, "a\nvhost-backend-x:\t1\\", 20, 1);
	char path[64], line[256];
	FILE *file;

	ASSERT_LE(0, worker);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", self->ends.channel);
	file = fopen(path, "r");
	ASSERT_TRUE(!!file);
	while (fgets(line, sizeof(line), file))
		EXPECT_NE(0, strncmp(line, "vhost-backend-x", 15));
	fclose(file);
	close(worker);
}

/* Whatever a frontend or a worker does wrong. */
static void do_all_wrong(struct ends *ends)
{
	struct vhost_backend_reply reply = { .msg = { .request = ~0U } };
	struct vhost_backend_setup setup = { .nr_vrings = ~0U };
	struct vhost_backend_bind bind = { .source = 1, .fd = ends->file };
	struct vhost_backend_test_send send =
		send_of(find_kind(VHOST_BACKEND_IOTLB_MSG), ends);
	struct message m = { .iotlb = { .type = 99 } };

	try_write(ends->channel, &reply, sizeof(reply));
	try_write(ends->channel, &reply, 1);
	try_ioctl(ends->channel, VHOST_BACKEND_SETUP, &setup);
	try_ioctl(ends->channel, VHOST_BACKEND_BIND, &bind);
	try_ioctl(ends->channel, VHOST_BACKEND_GET_STATS, address_of(-PAGE));
	try_read(ends->channel, address_of(-PAGE), PAGE);
	send_plain(ends->worker, VHOST_BACKEND_IOTLB_MSG, m.bytes, 32, -1);
	send_plain(ends->worker, 12345, m.bytes, 32, ends->channel);
	send_plain(ends->worker, VHOST_BACKEND_VRING_CALL, m.bytes, 8, ends->worker);
	while (!worker_send(ends->worker, &send))
		;
	close(worker_attach(ends->channel, "overlapping", VRING_BASE, 1));
	close(worker_attach(ends->file, "not a channel", 0, 1));
}

/* The next line of the kernel log that is ours; false at its end. */
static bool next_line(int log, char *line, size_t size)
{
	ssize_t n;
	bool ours;

	do {
		n = read(log, line, size - 1);
		line[n > 0 ? n : 0] = '\0';
		/* A frame of somebody's call chain is no line of ours. */
		ours = (strstr(line, "vhost_backend") || strstr(line, "vhost-backend")) &&
		       !strstr(line, "+0x");
	} while ((n > 0 && !ours) || (n < 0 && errno == EPIPE));
	return n > 0;
}

/* Nobody can fill the log, or read in it where something is. */
TEST_F(secrets, kernel_log)
{
	int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	static char line[8192];

	ASSERT_LE(0, log);
	while (next_line(log, line, sizeof(line)))
		EXPECT_FALSE(shows_pointer(line))
			TH_LOG("%s", line);
	for (int i = 0; i < 3; i++) {
		do_all_wrong(&self->ends);
		ASSERT_EQ(0, ends_reopen(&self->ends, (struct vhost_backend_setup){}));
	}
	EXPECT_FALSE(next_line(log, line, sizeof(line)))
		TH_LOG("%s", line);
	EXPECT_EQ(EAGAIN, errno);
	close(log);
}

TEST_HARNESS_MAIN
