// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every allocation and every copy from or to user space fails in turn: each call
 * is repeated, in a fresh channel, with its n-th one failing, until it comes
 * through without a fault. A call that fails has a clean error and has changed
 * nothing: right after it, the same call does what it should.
 *
 * Needs a kernel with fault injection: CONFIG_FAILSLAB, FAIL_PAGE_ALLOC,
 * FAULT_INJECTION_USERCOPY and FAULT_INJECTION_DEBUG_FS.
 */
#include "../kselftest_harness.h"
#include "vhost_net.h"
#include "interleave.h"

#define FAULTS		"/sys/kernel/debug/"
#define VRINGS		8
/* More than any call here could allocate */
#define FAULTS_MAX	500U

static void __attribute__((constructor)) skip_without_faults(void)
{
	if (!access(FAULTS "failslab", F_OK) && !access("/proc/self/fail-nth", F_OK))
		return;
	ksft_print_header();
	ksft_exit_skip("no fault injection: a debug kernel is wanted\n");
}

static int set_file(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, value, strlen(value)) < 0)
		err = -errno;
	close(fd);
	return err;
}

/* Sleeping allocations too, of every size, and without a line in the log. */
static int all_faults(void)
{
	static const char *const settings[][2] = {
		{ FAULTS "failslab/ignore-gfp-wait", "N" },
		{ FAULTS "failslab/verbose", "0" },
		{ FAULTS "fail_page_alloc/ignore-gfp-wait", "N" },
		{ FAULTS "fail_page_alloc/min-order", "0" },
		{ FAULTS "fail_page_alloc/verbose", "0" },
		{ FAULTS "fail_usercopy/verbose", "0" },
	};
	int err = 0;

	for (unsigned int i = 0; !err && i < ARRAY_SIZE(settings); i++)
		err = set_file(settings[i][0], settings[i][1]);
	return err;
}

/* This thread's file in /proc, open all the time: opening it allocates. */
static int fail_nth;

/* To be read and written, the file needs copies of its own, which count. */
static void arm(unsigned int n)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", n);
	while (pwrite(fail_nth, text, strlen(text), 0) < 0)
		;
}

/* Whether what was armed has gone off. */
static bool disarm(void)
{
	char text[16] = {};
	bool fired = pread(fail_nth, text, sizeof(text) - 1, 0) > 0 &&
		     !strtoul(text, NULL, 10);

	arm(0);
	return fired;
}

/* What a call works on; made anew for each. */
struct world {
	int channel;
	int worker;
	int file;
	int event;
	struct vhost_net net;
	struct message message;
	uint64_t cookie;
	unsigned int messages, files;
};

/* Calls of a channel that is NEW */

static int prepare_new(struct world *world)
{
	close(world->worker);
	close(world->channel);
	world->worker = -1;
	world->channel = open(CHANNEL_PATH, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	return world->channel < 0 ? -errno : 0;
}

static int prepare_none(struct world *world)
{
	int err = prepare_new(world);

	close(world->channel);
	world->channel = -1;
	return err;
}

static long call_open(struct world *world)
{
	world->channel = open(CHANNEL_PATH, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	return world->channel < 0 ? -errno : 0;
}

static long call_setup(struct world *world)
{
	return channel_setup(world->channel, (struct vhost_backend_setup){
		.nr_vrings = VRINGS, .ring_bytes = 1 << 16, .max_inflight = 100,
	});
}

static bool is_ready(struct world *world)
{
	struct vhost_backend_setup setup = {};

	return !try_ioctl(world->channel, VHOST_BACKEND_GET_SETUP, &setup) &&
	       setup.nr_vrings == VRINGS;
}

static bool is_new(struct world *world)
{
	struct vhost_backend_setup setup;

	return try_ioctl(world->channel, VHOST_BACKEND_GET_SETUP, &setup) == -ENOTCONN;
}

/* Calls of a channel that is READY and has a worker */

static int prepare_unattached(struct world *world)
{
	return try_ioctl(world->worker, VHOST_BACKEND_TEST_DETACH, NULL);
}

static long call_attach(struct world *world)
{
	struct vhost_backend_test_attach attach = {
		.fd = world->channel, .nr_vrings = VRINGS, .name = "faults",
	};

	return try_ioctl(world->worker, VHOST_BACKEND_TEST_ATTACH, &attach);
}

static bool is_attached(struct world *world)
{
	return channel_stats(world->channel).backends == 1;
}

static long call_send(struct world *world)
{
	return map_async(world->worker, 1, world->file, &world->cookie);
}

static bool is_sent(struct world *world)
{
	/* The test worker may have sent it, and then failed to say so. */
	return channel_stats(world->channel).requests_queued &&
	       readable(world->channel, 0);
}

/* Reading: three messages, of which the second has a file */

static int prepare_messages(struct world *world)
{
	int err = send_iotlb(world->worker, 0, 1);

	if (!err)
		err = map_async(world->worker, 1, world->file, &world->cookie);
	return err ? err : raise_call(world->worker, 3);
}

static void count_message(void *arg, const struct message *message)
{
	struct world *world = arg;

	world->messages++;
	if (message->msg.fd >= 0) {
		world->files++;
		close(message->msg.fd);
	}
	if (message->msg.flags & VHOST_BACKEND_MSG_NEED_REPLY)
		world->message = *message;
}

static long call_read(struct world *world)
{
	return read_messages(world->channel, READ_MAX, 0, count_message, world);
}

/* Fewer at once than there were is no error: they are there. */
static bool is_read(struct world *world)
{
	int n = drain(world->channel, READ_MAX, count_message, world);

	return n >= 0 && world->messages == 3 && world->files == 1;
}

static int prepare_delivered(struct world *world)
{
	int err = prepare_messages(world);

	return err ? err : is_read(world) ? 0 : -EPROTO;
}

static long call_write(struct world *world)
{
	return channel_reply(world->channel, &world->message.msg, 0);
}

static long call_reply(struct world *world)
{
	struct vhost_backend_reply reply = reply_to(&world->message.msg, 0);

	return try_ioctl(world->channel, VHOST_BACKEND_REPLY, &reply);
}

static bool is_answered(struct world *world)
{
	return !async_error(world->worker, world->cookie);
}

static int prepare_lookup(struct world *world)
{
	struct vhost_backend_shared_object object = { .uuid = "a shared object" };
	int err = send_async(world->worker, VHOST_BACKEND_SHARED_OBJECT_LOOKUP, &object,
			     sizeof(object), -1, &world->cookie);

	if (!err && channel_read(world->channel, &world->message) < 0)
		err = -EPROTO;
	return err;
}

static long call_reply_file(struct world *world)
{
	struct vhost_backend_reply reply = reply_to(&world->message.msg, 0);

	reply.msg.fd = world->file;
	return try_ioctl(world->channel, VHOST_BACKEND_REPLY, &reply);
}

static long call_take_fd(struct world *world)
{
	struct vhost_backend_take_fd take = { .id = world->message.msg.id, .fd = -1 };
	int err = try_ioctl(world->channel, VHOST_BACKEND_TAKE_FD, &take);

	if (!err)
		close(take.fd);
	return err;
}

/* The file is the frontend's, and still the request's. */
static bool is_still_delivered(struct world *world)
{
	return call_write(world) > 0 && is_answered(world);
}

static long call_stats(struct world *world)
{
	struct vhost_backend_stats stats;

	return try_ioctl(world->channel, VHOST_BACKEND_GET_STATS, &stats);
}

static long call_get_setup(struct world *world)
{
	struct vhost_backend_setup setup;

	return try_ioctl(world->channel, VHOST_BACKEND_GET_SETUP, &setup);
}

static long call_fdinfo(struct world *world)
{
	char path[64], text[4096];
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", world->channel);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text));
	if (n < 0)
		n = -errno;
	close(fd);
	return n;
}

static long call_epoll(struct world *world)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int fd = epoll_create1(EPOLL_CLOEXEC);
	long ret = 0;

	if (fd < 0)
		return -errno;
	if (epoll_ctl(fd, EPOLL_CTL_ADD, world->channel, &event))
		ret = -errno;
	if (!ret && (raise_call(world->worker, 0) || epoll_wait(fd, &event, 1, 0) != 1))
		ret = -ENOMEM;	/* of the test worker, or of the poll */
	close(fd);
	return ret;
}

/* Bindings */

static long call_bind(struct world *world)
{
	return net_bind_one(world->channel, VHOST_BACKEND_BIND_VRING_CALL, 2,
			    world->event, 0);
}

static bool is_bound(struct world *world)
{
	struct message message;

	return channel_stats(world->channel).bindings == 1 &&
	       !eventfd_write(world->event, 1) &&
	       channel_read(world->channel, &message) > 0 &&
	       message.msg.request == VHOST_BACKEND_VRING_CALL &&
	       message.state.index == 2;
}

static long call_unbind(struct world *world)
{
	return net_bind_one(world->channel, VHOST_BACKEND_BIND_VRING_CALL, 2, -1, 0);
}

static int prepare_bound(struct world *world)
{
	return call_bind(world);
}

static bool is_unbound(struct world *world)
{
	return channel_stats(world->channel).bindings == 0;
}

static int prepare_device(struct world *world)
{
	return net_open_mode(&world->net, 0, NET_IOTLB);
}

static long call_bind_device(struct world *world)
{
	return net_bind_one(world->channel, VHOST_BACKEND_BIND_IOTLB, 0,
			    world->net.vhost, 0);
}

/* The device's miss comes through the channel. */
static bool is_device_bound(struct world *world)
{
	uint8_t frame[NET_FRAME_MIN] = {};
	struct message message = {};

	net_headers(&world->net, frame, sizeof(frame));
	net_transmit(&world->net, frame, sizeof(frame));
	net_kick(&world->net.queue[NET_TX]);
	return channel_stats(world->channel).bindings == 1 &&
	       readable(world->channel, LIMIT_MS) &&
	       channel_read(world->channel, &message) > 0 &&
	       message.msg.request == VHOST_BACKEND_IOTLB_MSG;
}

static int world_open(struct world *world)
{
	struct vhost_backend_setup setup = {
		.nr_vrings = VRINGS, .max_inflight = 16,
	};
	struct pair pair;
	int err;

	memset(world, 0, sizeof(*world));
	net_init(&world->net, 0, NET_IOTLB, NULL);
	world->file = make_file(1);
	world->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = pair_open(&pair, O_NONBLOCK, setup);
	world->channel = pair.channel;
	world->worker = pair.worker;
	return err;
}

static void world_close(struct world *world)
{
	const int fds[] = { world->worker, world->channel, world->file, world->event };

	for (unsigned int i = 0; i < ARRAY_SIZE(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	net_close(&world->net);
}

FIXTURE(faults) {
};

FIXTURE_SETUP(faults)
{
	ASSERT_EQ(0, all_faults());
	fail_nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fail_nth);
}

FIXTURE_TEARDOWN(faults)
{
	close(fail_nth);
}

/*
 * @prepare, without faults, returns 0 or a negative errno; @call a negative errno,
 * or it has done what it should; @done tells whether it has. The first and the
 * last may be NULL.
 */
static void each_in_turn(struct __test_metadata *_metadata,
			 int (*prepare)(struct world *world),
			 long (*call)(struct world *world),
			 bool (*done)(struct world *world))
{
	unsigned int n = 0, errors = 0;
	bool fired = true;

	while (fired) {
		struct world world;
		long ret;

		ASSERT_GT(FAULTS_MAX, ++n);
		ASSERT_EQ(0, world_open(&world));
		ASSERT_EQ(0, prepare ? prepare(&world) : 0);
		arm(n);
		ret = call(&world);
		fired = disarm();
		if (ret < 0) {
			errors++;
			ASSERT_TRUE(fired);
			EXPECT_TRUE(ret == -ENOMEM || ret == -EFAULT) {
				TH_LOG("fault %u: %s", n, strerror(-ret));
			}
			ret = call(&world);
		}
		EXPECT_LE(0, ret) {
			TH_LOG("after fault %u: %s", n, strerror(-ret));
		}
		EXPECT_TRUE(!done || done(&world)) {
			TH_LOG("after fault %u", n);
		}
		world_close(&world);
	}
	printf("# %s: %u faults, %u errors\n", _metadata->name, n - 1, errors);
	fflush(stdout);
	EXPECT_LT(1U, n);
}

TEST_F_TIMEOUT(faults, open, 280)
{
	each_in_turn(_metadata, prepare_none, call_open, is_new);
}

TEST_F_TIMEOUT(faults, set_up, 280)
{
	each_in_turn(_metadata, prepare_new, call_setup, is_ready);
}

TEST_F_TIMEOUT(faults, attach, 280)
{
	each_in_turn(_metadata, prepare_unattached, call_attach, is_attached);
}

TEST_F_TIMEOUT(faults, send, 280)
{
	each_in_turn(_metadata, NULL, call_send, is_sent);
}

TEST_F_TIMEOUT(faults, read, 280)
{
	each_in_turn(_metadata, prepare_messages, call_read, is_read);
}

TEST_F_TIMEOUT(faults, write, 280)
{
	each_in_turn(_metadata, prepare_delivered, call_write, is_answered);
}

TEST_F_TIMEOUT(faults, reply, 280)
{
	each_in_turn(_metadata, prepare_delivered, call_reply, is_answered);
}

TEST_F_TIMEOUT(faults, reply_with_a_file, 280)
{
	each_in_turn(_metadata, prepare_lookup, call_reply_file, is_answered);
}

TEST_F_TIMEOUT(faults, take_fd, 280)
{
	each_in_turn(_metadata, prepare_delivered, call_take_fd, is_still_delivered);
}

TEST_F_TIMEOUT(faults, get_stats, 280)
{
	each_in_turn(_metadata, NULL, call_stats, NULL);
}

TEST_F_TIMEOUT(faults, get_setup, 280)
{
	each_in_turn(_metadata, NULL, call_get_setup, NULL);
}

TEST_F_TIMEOUT(faults, fdinfo, 280)
{
	each_in_turn(_metadata, NULL, call_fdinfo, NULL);
}

TEST_F_TIMEOUT(faults, epoll, 280)
{
	each_in_turn(_metadata, NULL, call_epoll, NULL);
}

TEST_F_TIMEOUT(faults, bind, 280)
{
	each_in_turn(_metadata, NULL, call_bind, is_bound);
}

TEST_F_TIMEOUT(faults, unbind, 280)
{
	each_in_turn(_metadata, prepare_bound, call_unbind, is_unbound);
}

TEST_F_TIMEOUT(faults, bind_iotlb, 280)
{
	each_in_turn(_metadata, prepare_device, call_bind_device, is_device_bound);
}

TEST_HARNESS_MAIN
