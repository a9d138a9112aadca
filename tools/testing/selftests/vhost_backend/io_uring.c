// SPDX-License-Identifier: GPL-2.0-only
/*
 * The channel through io_uring: reads of every form, polls, replies, files, and
 * no wake-up lost by any of them.
 */
#include "../kselftest_harness.h"

#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "lib/bell.h"
#include "lib/channel.h"
#include "lib/crossed.h"
#include "lib/file.h"
#include "lib/memory.h"
#include "lib/message.h"
#include "lib/pair.h"
#include "lib/random.h"
#include "lib/reader.h"
#include "lib/run.h"
#include "lib/skip.h"
#include "lib/wait.h"
#include "lib/worker.h"

SKIP_WITHOUT_WORKER;

/* Since 6.7; unknown to older headers. */
#define READ_MULTISHOT	49
#define BUFFER_GROUP	1
#define BUFFERS		8
#define BUFFER_BYTES	1024

FIXTURE(uring) {
	struct pair pair;
	struct io_uring ring;
};

FIXTURE_SETUP(uring)
{
	ASSERT_EQ(0, pair_open(&self->pair, 0, (struct vhost_backend_setup){}));
	ASSERT_EQ(0, io_uring_queue_init(32, &self->ring, 0));
}

/* Whatever still waits in the ring must not keep it from going away. */
FIXTURE_TEARDOWN(uring)
{
	io_uring_queue_exit(&self->ring);
	pair_close(&self->pair);
}

static void submit(struct io_uring *ring, struct io_uring_sqe *sqe, uint64_t data)
{
	io_uring_sqe_set_data64(sqe, data);
	io_uring_submit(ring);
}

static void submit_read(struct io_uring *ring, int fd, void *buffer,
			size_t bytes, unsigned int flags)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	io_uring_prep_read(sqe, fd, buffer, bytes, 0);
	io_uring_sqe_set_flags(sqe, flags);
	submit(ring, sqe, 0);
}

/* The next completion of any; false if there is none in time. */
static bool complete(struct io_uring *ring, struct io_uring_cqe *copy,
		     unsigned int timeout_ms)
{
	struct __kernel_timespec limit = {
		.tv_sec = timeout_ms / 1000, .tv_nsec = timeout_ms % 1000 * 1000000,
	};
	struct io_uring_cqe *cqe;

	if (io_uring_wait_cqe_timeout(ring, &cqe, &limit))
		return false;
	*copy = *cqe;
	io_uring_cqe_seen(ring, cqe);
	return true;
}

/* Its result; INT_MIN if there is none. */
static int result(struct io_uring *ring)
{
	struct io_uring_cqe cqe;

	return complete(ring, &cqe, LIMIT_MS) ? cqe.res : INT32_MIN;
}

TEST_F(uring, read_waits)
{
	struct message message;

	for (unsigned int n = 0; n < 3; n++) {
		struct io_uring_cqe cqe;

		submit_read(&self->ring, self->pair.channel, &message, sizeof(message), 0);
		EXPECT_FALSE(complete(&self->ring, &cqe, 10));
		ASSERT_EQ(0, raise_in(self->pair.worker, VHOST_BACKEND_VRING_CALL,
				      n, n));
		EXPECT_EQ(32, result(&self->ring));
		EXPECT_EQ(0U + VHOST_BACKEND_VRING_CALL, message.msg.request);
		EXPECT_EQ(n, message.state.index);
	}
}

static void submit_nowait(struct io_uring *ring, int fd, void *buffer,
			  size_t bytes)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	io_uring_prep_read(sqe, fd, buffer, bytes, 0);
	sqe->rw_flags = RWF_NOWAIT;
	submit(ring, sqe, 0);
}

TEST_F(uring, read_nowait)
{
	int channel = self->pair.channel;
	struct message message;

	submit_nowait(&self->ring, channel, &message, sizeof(message));
	EXPECT_EQ(-EAGAIN, result(&self->ring));
	ASSERT_EQ(0, send_iotlb(self->pair.worker, 0, 1));
	submit_nowait(&self->ring, channel, &message, IOTLB_BYTES - 8);
	EXPECT_EQ(-EMSGSIZE, result(&self->ring));
	submit_nowait(&self->ring, channel, &message, IOTLB_BYTES);
	EXPECT_EQ((int)IOTLB_BYTES, result(&self->ring));
	submit_nowait(&self->ring, channel, &message, sizeof(message));
	EXPECT_EQ(-EAGAIN, result(&self->ring));
}

/* io_uring waits for a file that can say "not now", whatever its O_NONBLOCK. */
TEST_F(uring, read_nonblocking)
{
	struct message message;

	ASSERT_EQ(0, fcntl(self->pair.channel, F_SETFL, O_NONBLOCK));
	submit_read(&self->ring, self->pair.channel, &message, sizeof(message), 0);
	usleep(10000);
	ASSERT_EQ(0, send_iotlb(self->pair.worker, 0, 1));
	EXPECT_EQ((int)IOTLB_BYTES, result(&self->ring));
}

/* Every form of read, by descriptor and by fixed file, here and in io-wq. */
static void prepare_read(struct io_uring_sqe *sqe, unsigned int form, int fd,
			 struct iovec *iov)
{
	if (form % 3 == 0)
		io_uring_prep_read(sqe, fd, iov->iov_base, iov->iov_len, 0);
	else if (form % 3 == 1)
		io_uring_prep_readv(sqe, fd, iov, 1, 0);
	else
		io_uring_prep_read_fixed(sqe, fd, iov->iov_base, iov->iov_len, 0, 0);
}

TEST_F(uring, read_forms)
{
	struct message message;
	struct iovec iov = { .iov_base = &message, .iov_len = sizeof(message) };

	ASSERT_EQ(0, io_uring_register_files(&self->ring, &self->pair.channel, 1));
	ASSERT_EQ(0, io_uring_register_buffers(&self->ring, &iov, 1));
	for (unsigned int form = 0; form < 24; form++) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(&self->ring);
		bool fixed = form / 3 % 2, async = form / 6 % 2, before = form / 12;

		EXPECT_FALSE(before && send_iotlb(self->pair.worker, 0, form));
		prepare_read(sqe, form, fixed ? 0 : self->pair.channel, &iov);
		io_uring_sqe_set_flags(sqe, (fixed ? IOSQE_FIXED_FILE : 0) |
					    (async ? IOSQE_ASYNC : 0));
		submit(&self->ring, sqe, 0);
		EXPECT_FALSE(!before && send_iotlb(self->pair.worker, 0, form));
		EXPECT_EQ((int)IOTLB_BYTES, result(&self->ring));
		EXPECT_EQ(form, message.iotlb.uaddr);
	}
}

TEST_F(uring, polls)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&self->ring);
	struct io_uring_cqe cqe;

	io_uring_prep_poll_add(sqe, self->pair.channel, POLLIN);
	submit(&self->ring, sqe, 0);
	EXPECT_FALSE(complete(&self->ring, &cqe, 10));
	ASSERT_EQ(0, raise_call(self->pair.worker, 1));
	EXPECT_EQ(POLLIN, result(&self->ring));
	EXPECT_EQ(1, drain(self->pair.channel, READ_MAX, ignore_message, NULL));

	sqe = io_uring_get_sqe(&self->ring);
	io_uring_prep_poll_multishot(sqe, self->pair.channel, POLLIN);
	submit(&self->ring, sqe, 0);
	for (unsigned int n = 0; n < 50; n++) {
		ASSERT_EQ(0, raise_in(self->pair.worker, VHOST_BACKEND_VRING_CALL,
				      n, n % 3));
		ASSERT_TRUE(complete(&self->ring, &cqe, LIMIT_MS));
		EXPECT_EQ(POLLIN, cqe.res);
		EXPECT_TRUE(!!(cqe.flags & IORING_CQE_F_MORE));
		EXPECT_EQ(1, drain(self->pair.channel, READ_MAX, ignore_message, NULL));
	}
}

/* Two reads that are cancelled: each ends so, and nothing is consumed. */
TEST_F(uring, cancelled)
{
	struct message message[2];
	uint64_t until = now_ms() + LIMIT_MS;
	struct io_uring_cqe cqe;
	unsigned int ended = 0;

	submit_read(&self->ring, self->pair.channel, &message[0], sizeof(*message), 0);
	submit_read(&self->ring, self->pair.channel, &message[1], sizeof(*message),
		    IOSQE_ASYNC);
	/* A read that is about to wait may not be found. */
	while (ended < 2 && now_ms() < until) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(&self->ring);

		io_uring_prep_cancel64(sqe, 0, 0);
		submit(&self->ring, sqe, 1);
		while (complete(&self->ring, &cqe, 50)) {
			if (cqe.user_data)
				continue;
			EXPECT_TRUE(cqe.res == -ECANCELED || cqe.res == -EINTR);
			ended++;
		}
	}
	EXPECT_EQ(2U, ended);
	ASSERT_EQ(0, raise_call(self->pair.worker, 1));
	EXPECT_EQ(1, drain(self->pair.channel, READ_MAX, ignore_message, NULL));
}

struct batch {
	struct vhost_backend_reply reply[16];
	unsigned int count;
};

static void prepare_reply(void *arg, const struct message *message)
{
	struct batch *batch = arg;

	batch->reply[batch->count++ % 16] = reply_to(&message->msg, 0);
}

TEST_F(uring, writes_replies)
{
	uint64_t cookies[5];
	struct batch batch = {};
	unsigned int failed = 0;

	for (unsigned int n = 0; n < 10; n++) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(&self->ring);

		batch.count = 0;
		for (unsigned int m = 0; m < 5; m++)
			failed += unmap_async(self->pair.worker, m, 0, &cookies[m]) != 0;
		ASSERT_EQ(0U, failed);
		ASSERT_EQ(5, drain(self->pair.channel, READ_MAX, prepare_reply, &batch));
		io_uring_prep_write(sqe, self->pair.channel, batch.reply,
				    5 * sizeof(*batch.reply), 0);
		io_uring_sqe_set_flags(sqe, n % 2 ? IOSQE_ASYNC : 0);
		submit(&self->ring, sqe, 0);
		EXPECT_EQ(5 * (int)sizeof(*batch.reply), result(&self->ring));
		for (unsigned int m = 0; m < 5; m++)
			failed += async_error(self->pair.worker, cookies[m]) != 0;
		EXPECT_EQ(0U, failed);
	}
}

/* A server of two operations: the reply, and linked to it the next read. */
TEST_F_TIMEOUT(uring, linked_reply_and_read, 60)
{
	struct vhost_backend_test_run run = {
		.threads = 2, .mix = VHOST_BACKEND_TEST_MIX_REQUEST, .count = 100,
		.timeout_ms = LIMIT_MS,
	};
	struct vhost_backend_reply reply;
	struct message message;

	submit_read(&self->ring, self->pair.channel, &message, UNMAP_BYTES, 0);
	ASSERT_EQ(0, run_start(self->pair.worker, run));
	for (unsigned int n = 1; n <= 200; n++) {
		struct io_uring_sqe *sqe;

		ASSERT_EQ((int)UNMAP_BYTES, result(&self->ring));
		reply = reply_to(&message.msg, 0);
		sqe = io_uring_get_sqe(&self->ring);
		io_uring_prep_write(sqe, self->pair.channel, &reply, sizeof(reply), 0);
		io_uring_sqe_set_flags(sqe, n < 200 ? IOSQE_IO_LINK : 0);
		if (n < 200) {
			sqe = io_uring_get_sqe(&self->ring);
			io_uring_prep_read(sqe, self->pair.channel, &message,
					   UNMAP_BYTES, 0);
		}
		submit(&self->ring, sqe, 0);
		ASSERT_EQ((int)sizeof(reply), result(&self->ring));
	}
	EXPECT_TRUE(run_finish(self->pair.worker, &run));
	EXPECT_EQ(200U, run.answered);
	EXPECT_EQ(0U, run.failed);
}

/* Whoever read, the file of a map is to be had, and is the one that was sent. */
static void read_a_file(struct __test_metadata *_metadata,
			const struct pair *pair, struct io_uring *ring,
			unsigned int flags)
{
	struct vhost_backend_take_fd take = {};
	struct message message;
	struct stat sent, got;
	int file = make_file(1);
	uint64_t cookie;

	ASSERT_EQ(0, map_async(pair->worker, 0, file, &cookie));
	submit_read(ring, pair->channel, &message, sizeof(message), flags);
	ASSERT_EQ(24 + (int)sizeof(message.map), result(ring));
	if (message.msg.fd == VHOST_BACKEND_FD_PENDING) {
		take.id = message.msg.id;
		ASSERT_EQ(0, try_ioctl(pair->channel, VHOST_BACKEND_TAKE_FD, &take));
		message.msg.fd = take.fd;
	}
	ASSERT_EQ(0, fstat(file, &sent));
	ASSERT_EQ(0, fstat(message.msg.fd, &got));
	EXPECT_EQ(sent.st_ino, got.st_ino);
	EXPECT_EQ(FD_CLOEXEC, fcntl(message.msg.fd, F_GETFD));
	EXPECT_EQ(32, channel_reply(pair->channel, &message.msg, 0));
	EXPECT_EQ(0, async_error(pair->worker, cookie));
	close(message.msg.fd);
	close(file);
}

TEST_F(uring, reads_files)
{
	read_a_file(_metadata, &self->pair, &self->ring, 0);
	read_a_file(_metadata, &self->pair, &self->ring, IOSQE_ASYNC);
}

TEST_F(uring, reads_files_sqpoll)
{
	struct io_uring ring;

	ASSERT_EQ(0, io_uring_queue_init(8, &ring, IORING_SETUP_SQPOLL));
	for (unsigned int n = 0; n < 5; n++)
		read_a_file(_metadata, &self->pair, &ring, n % 2 ? IOSQE_ASYNC : 0);
	io_uring_queue_exit(&ring);
}

/* A ring that stays around while the channel's last descriptor is closed. */
TEST_F(uring, read_outlives_descriptor)
{
	struct vhost_backend_test_result ended;
	struct message message;
	uint64_t cookie;

	ASSERT_EQ(0, unmap_async(self->pair.worker, 1, 0, &cookie));
	submit_read(&self->ring, self->pair.channel, &message, sizeof(message), 0);
	EXPECT_EQ((int)UNMAP_BYTES, result(&self->ring));
	submit_read(&self->ring, self->pair.channel, &message, sizeof(message), 0);
	close(self->pair.channel);
	self->pair.channel = -1;
	io_uring_queue_exit(&self->ring);
	/*
	 * What is exited in the background has let go of the channel in the end.
	 * Newer kernels cancel the read on this thread's way back from the kernel,
	 * so it must not wait there.
	 */
	EXPECT_TRUE(wait_until(worker_result(self->pair.worker, cookie, 0, &ended) !=
			       -EAGAIN));
	EXPECT_EQ(-ENOTCONN, ended.error);
	EXPECT_EQ(1U, ended.count);
	ASSERT_EQ(0, io_uring_queue_init(8, &self->ring, 0));
}

/* No wake-up is lost: a server thread, and two that ring and wait to be heard. */
enum server_how {
	SERVE_READ,
	SERVE_READ_ASYNC,
	SERVE_POLL,
	SERVE_POLL_MULTISHOT,
	SERVE_EVENTFD,		/* sleeps on the ring's eventfd */
	SERVE_READ_MULTISHOT,
};

struct server {
	pthread_t thread;
	int channel;
	enum server_how how;
	struct io_uring ring;
	int eventfd;
	struct bell bells[BELLS];
	uint8_t buffer[BUFFERS][BUFFER_BYTES];
	atomic_bool stop;
	int error;
};

static void provide_buffer(struct server *server, unsigned int id)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&server->ring);

	io_uring_prep_provide_buffers(sqe, server->buffer[id], BUFFER_BYTES, 1,
				      BUFFER_GROUP, id);
	io_uring_sqe_set_flags(sqe, IOSQE_CQE_SKIP_SUCCESS);
}

static void server_arm(struct server *server)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&server->ring);

	switch (server->how) {
	case SERVE_READ:
	case SERVE_READ_ASYNC:
		io_uring_prep_read(sqe, server->channel, server->buffer[0],
				   BUFFER_BYTES, 0);
		if (server->how == SERVE_READ_ASYNC)
			io_uring_sqe_set_flags(sqe, IOSQE_ASYNC);
		break;
	case SERVE_POLL:
		io_uring_prep_poll_add(sqe, server->channel, POLLIN);
		break;
	case SERVE_POLL_MULTISHOT:
	case SERVE_EVENTFD:
		io_uring_prep_poll_multishot(sqe, server->channel, POLLIN);
		break;
	case SERVE_READ_MULTISHOT:
		io_uring_prep_rw(READ_MULTISHOT, sqe, server->channel, NULL, 0, 0);
		io_uring_sqe_set_flags(sqe, IOSQE_BUFFER_SELECT);
		sqe->buf_group = BUFFER_GROUP;
		break;
	}
	io_uring_submit(&server->ring);
}

/* A read's completion; -ENOBUFS is how a multishot one pauses. */
static int server_parse(struct server *server, const struct io_uring_cqe *cqe)
{
	unsigned int id = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
	int n;

	if (cqe->res == -ENOBUFS || cqe->res == -EINTR)
		return 0;
	if (cqe->res < 0)
		return cqe->res;
	if (!(cqe->flags & IORING_CQE_F_BUFFER))
		id = 0;
	n = each_message(server->buffer[id], cqe->res, hear_calls, server->bells);
	if (server->how == SERVE_READ_MULTISHOT) {
		provide_buffer(server, id);
		io_uring_submit(&server->ring);
	}
	return n < 0 ? n : 0;
}

static int server_complete(struct server *server, const struct io_uring_cqe *cqe)
{
	int err = 0;

	switch (server->how) {
	case SERVE_READ:
	case SERVE_READ_ASYNC:
	case SERVE_READ_MULTISHOT:
		err = server_parse(server, cqe);
		break;
	default:
		if (cqe->res < 0)
			return cqe->res;
		err = drain(server->channel, 128, hear_calls, server->bells);
	}
	if (!(cqe->flags & IORING_CQE_F_MORE))
		server_arm(server);
	return err < 0 ? err : 0;
}

/* Whether anything completed. A time-out arms nothing, so it rescues nobody. */
static bool server_wait(struct server *server, struct io_uring_cqe *cqe)
{
	struct pollfd p = { .fd = server->eventfd, .events = POLLIN };
	uint64_t count;

	if (server->how != SERVE_EVENTFD)
		return complete(&server->ring, cqe, 500);
	if (!io_uring_cq_ready(&server->ring) &&
	    (poll(&p, 1, 500) <= 0 || read(p.fd, &count, sizeof(count)) < 0))
		return false;
	return complete(&server->ring, cqe, 0);
}

static void *server_run(void *arg)
{
	struct server *server = arg;
	struct io_uring_cqe cqe;

	if (server->how == SERVE_READ_MULTISHOT)
		for (unsigned int id = 0; id < BUFFERS; id++)
			provide_buffer(server, id);
	server_arm(server);
	while (!server->stop && !server->error)
		if (server_wait(server, &cqe))
			server->error = server_complete(server, &cqe);
	return NULL;
}

static void server_start(struct __test_metadata *_metadata, struct server *server)
{
	server->eventfd = eventfd(0, EFD_CLOEXEC);
	ASSERT_EQ(0, io_uring_queue_init(32, &server->ring, 0));
	ASSERT_TRUE(server->how != SERVE_EVENTFD ||
		    !io_uring_register_eventfd(&server->ring, server->eventfd));
	ASSERT_EQ(0, pthread_create(&server->thread, NULL, server_run, server));
}

static void server_stop(struct __test_metadata *_metadata, struct server *server)
{
	server->stop = true;
	pthread_join(server->thread, NULL);
	EXPECT_EQ(0, server->error);
	io_uring_queue_exit(&server->ring);
	close(server->eventfd);
}

static void ring_server(struct __test_metadata *_metadata,
			const struct pair *pair, enum server_how how)
{
	uint64_t seed = new_seed(_metadata->name);
	struct server server = { .channel = pair->channel, .how = how };
	struct vhost_backend_test_run run = {
		.threads = 1, .rate = 2000, .seed = seed,
		.mix = VHOST_BACKEND_TEST_MIX_SEND | VHOST_BACKEND_TEST_MIX_ERR,
	};
	struct ringer ringers[2];

	server_start(_metadata, &server);
	for (unsigned int n = 0; n < 2; n++)
		ringers[n] = (struct ringer){
			.worker = pair->worker, .bell = &server.bells[n], .index = n,
			.rounds = 400, .seed = seed + n,
		};
	ASSERT_EQ(0, run_start(pair->worker, run));
	EXPECT_EQ(0U, ring_all(ringers, 2));
	EXPECT_EQ(0, try_ioctl(pair->worker, VHOST_BACKEND_TEST_STOP, NULL));
	server_stop(_metadata, &server);
}

TEST_F_TIMEOUT(uring, no_wakeup_lost_read, 120)
{
	ring_server(_metadata, &self->pair, SERVE_READ);
}

TEST_F_TIMEOUT(uring, no_wakeup_lost_read_async, 120)
{
	ring_server(_metadata, &self->pair, SERVE_READ_ASYNC);
}

TEST_F_TIMEOUT(uring, no_wakeup_lost_poll, 120)
{
	ring_server(_metadata, &self->pair, SERVE_POLL);
}

TEST_F_TIMEOUT(uring, no_wakeup_lost_poll_multishot, 120)
{
	ring_server(_metadata, &self->pair, SERVE_POLL_MULTISHOT);
}

TEST_F_TIMEOUT(uring, no_wakeup_lost_eventfd, 120)
{
	ring_server(_metadata, &self->pair, SERVE_EVENTFD);
}

/* On a kernel that has no such operation there is nothing to test. */
static bool has_read_multishot(struct __test_metadata *_metadata, struct io_uring *ring)
{
	struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
	bool has;

	ASSERT_TRUE(!!probe);
	has = probe->last_op >= READ_MULTISHOT;
	io_uring_free_probe(probe);
	return has;
}

TEST_F_TIMEOUT(uring, no_wakeup_lost_read_multishot, 120)
{
	if (has_read_multishot(_metadata, &self->ring))
		ring_server(_metadata, &self->pair, SERVE_READ_MULTISHOT);
}

/* Another reader, without a place to read into: it takes its turn, and nothing else. */
struct vain {
	pthread_t thread;
	int channel;
	void *nothing;
	atomic_bool stop;
	atomic_ulong faults;
	bool wrong;
};

static void *read_in_vain(void *arg)
{
	struct vain *vain = arg;

	while (!vain->stop) {
		struct iovec iov = { .iov_base = vain->nothing, .iov_len = PAGE };
		ssize_t n = preadv2(vain->channel, &iov, 1, -1, RWF_NOWAIT);

		vain->wrong |= n >= 0 || (errno != EFAULT && errno != EAGAIN);
		vain->faults += errno == EFAULT;
	}
	return NULL;
}

/* Nothing else is raised that would help a server which it has turned away. */
static void ring_server_in_vain(struct __test_metadata *_metadata,
				const struct pair *pair, enum server_how how)
{
	struct server server = { .channel = pair->channel, .how = how };
	struct vain vain = { .channel = pair->channel };
	uint64_t seed = new_seed(_metadata->name);
	unsigned int tries = 0;

	vain.nothing = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_TRUE(vain.nothing != MAP_FAILED);
	server_start(_metadata, &server);
	ASSERT_EQ(0, pthread_create(&vain.thread, NULL, read_in_vain, &vain));
	/* Until it has been in the way: some machines wake the server first nearly always. */
	do {
		struct ringer ringer = {
			.worker = pair->worker, .bell = &server.bells[0], .rounds = 200,
			.seed = seed + tries,
		};

		EXPECT_EQ(0U, ring_all(&ringer, 1));
	} while (!vain.faults && ++tries < 50);
	vain.stop = true;
	pthread_join(vain.thread, NULL);
	EXPECT_FALSE(vain.wrong);
	EXPECT_LT(0U, vain.faults);
	server_stop(_metadata, &server);
}

TEST_F_TIMEOUT(uring, turned_away_poll_multishot, 60)
{
	ring_server_in_vain(_metadata, &self->pair, SERVE_POLL_MULTISHOT);
}

TEST_F_TIMEOUT(uring, turned_away_read_multishot, 60)
{
	if (has_read_multishot(_metadata, &self->ring))
		ring_server_in_vain(_metadata, &self->pair, SERVE_READ_MULTISHOT);
}

static void watch(struct io_uring *ring, int channel)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	io_uring_prep_poll_multishot(sqe, channel, POLLIN);
	submit(ring, sqe, 0);
}

/* A ring belongs to the thread that uses it, which therefore makes it. */
struct watcher {
	struct io_uring ring;
	unsigned int flags;
	bool made;
	int error;
};

static int watcher_make(struct watcher *watcher, const struct crossed *crossed)
{
	int err = io_uring_queue_init(32, &watcher->ring, watcher->flags);

	if (err)
		return err;
	watcher->made = true;
	watch(&watcher->ring, crossed->pair.channel);
	return io_uring_register_eventfd(&watcher->ring, crossed->eventfd);
}

static void rewatch(struct crossed *crossed)
{
	struct watcher *watcher = crossed->watcher;
	struct io_uring_cqe cqe;

	if (!watcher->made)
		watcher->error = watcher_make(watcher, crossed);
	if (!watcher->error && complete(&watcher->ring, &cqe, 10) &&
	    !(cqe.flags & IORING_CQE_F_MORE))
		watch(&watcher->ring, crossed->pair.channel);
}

/* The eventfd registered with the ring that polls one is bound to the other. */
static void bind_across(struct __test_metadata *_metadata, unsigned int flags)
{
	struct watcher watchers[2] = { { .flags = flags }, { .flags = flags } };
	struct crossed crossed[2] = {};

	ASSERT_EQ(0, crossed_open(crossed, new_seed(_metadata->name)));
	for (unsigned int n = 0; n < 2; n++) {
		crossed[n].watcher = &watchers[n];
		crossed[n].rewatch = rewatch;
	}
	EXPECT_EQ(0, crossed_run_both(crossed, 1500));
	for (unsigned int n = 0; n < 2; n++) {
		EXPECT_EQ(0, watchers[n].error);
		EXPECT_LT(0U, crossed[n].tally.calls);
		if (watchers[n].made)
			io_uring_queue_exit(&watchers[n].ring);
	}
	crossed_close(crossed);
}

TEST_F_TIMEOUT(uring, eventfds_bound_across, 60)
{
	bind_across(_metadata, 0);
}

/* Such a ring signals its eventfd from within the wake-up of what it polls. */
TEST_F_TIMEOUT(uring, eventfds_bound_across_deferred, 60)
{
	bind_across(_metadata, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
}

TEST_HARNESS_MAIN
