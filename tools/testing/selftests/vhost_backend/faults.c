// SPDX-License-Identifier: GPL-2.0-only
/* Faults in the calls on a channel. */
#include "../kselftest_harness.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "lib/channel.h"
#include "lib/channel_world.h"
#include "lib/fault.h"
#include "lib/faults.h"
#include "lib/memory.h"
#include "lib/message.h"
#include "lib/reader.h"
#include "lib/skip.h"
#include "lib/wait.h"
#include "lib/worker.h"

SKIP_WITHOUT_WORKER;

static struct world world;

/* Of descriptors, before it grows */
#define TABLE		64

static struct state world_state(struct world *world)
{
	return state_of(world->channel, -1);
}

static const struct world_type world_type = {
	.open = channel_world_open, .close = channel_world_close, .state = world_state,
};

FAULTS_FIXTURE(&world_type);

/* A channel that is NEW */

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

static bool is_new(struct world *world)
{
	struct vhost_backend_setup setup;

	return try_ioctl(world->channel, VHOST_BACKEND_GET_SETUP, &setup) == -ENOTCONN;
}

TEST_F_TIMEOUT(faults, open, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = prepare_none, .call = call_open, .done = is_new,
	}));
}

/* Each area is of one page at most, which one allocation gives or not. */
static long call_setup_small(struct world *world)
{
	return channel_setup(world->channel, (struct vhost_backend_setup){
		.nr_vrings = VRINGS, .ring_bytes = PAGE, .max_inflight = 16,
	});
}

static long call_setup(struct world *world)
{
	return channel_setup(world->channel, (struct vhost_backend_setup){
		.nr_vrings = VRINGS, .ring_bytes = 1 << 16, .max_inflight = 100,
	});
}

static long call_setup_large(struct world *world)
{
	return channel_setup(world->channel, (struct vhost_backend_setup){
		.nr_vrings = 32768, .ring_bytes = 256 * PAGE, .max_inflight = 4096,
	});
}

/* The last of the areas is the only one of many pages. */
static long call_setup_slots(struct world *world)
{
	return channel_setup(world->channel, (struct vhost_backend_setup){
		.nr_vrings = VRINGS, .ring_bytes = PAGE, .max_inflight = 1000,
	});
}

/* It can do what a channel does. */
static bool is_ready(struct world *world)
{
	struct vhost_backend_setup setup = {};

	if (try_ioctl(world->channel, VHOST_BACKEND_GET_SETUP, &setup) || !setup.nr_vrings)
		return false;
	world->worker = worker_attach(world->channel, "faults", 0, VRINGS);
	return world->worker >= 0 && !prepare_delivered(world);
}

TEST_F_TIMEOUT(faults, set_up_small, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = prepare_new, .call = call_setup_small, .done = is_ready,
	}));
}

TEST_F_TIMEOUT(faults, set_up, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = prepare_new, .call = call_setup, .done = is_ready,
	}));
}

TEST_F_TIMEOUT(faults, set_up_large, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = prepare_new, .call = call_setup_large, .done = is_ready,
	}));
}

TEST_F_TIMEOUT(faults, set_up_small_starved, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = prepare_new, .call = call_setup_small, .done = is_ready,
		.starved = true,
	}));
}

TEST_F_TIMEOUT(faults, set_up_starved, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = prepare_new, .call = call_setup, .done = is_ready,
		.starved = true,
	}));
}

TEST_F_TIMEOUT(faults, set_up_slots_starved, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = prepare_new, .call = call_setup_slots, .done = is_ready,
		.starved = true,
	}));
}

/* Reading */

static long call_read(struct world *world)
{
	return read_messages(world->channel, READ_MAX, 0, count_message, world);
}

TEST_F_TIMEOUT(faults, read, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = prepare_messages, .call = call_read, .done = is_read,
	}));
}

static int prepare_map(struct world *world)
{
	return map_async(world->worker, 1, world->file, &world->cookie[0]);
}

static bool is_map_read(struct world *world)
{
	return world->messages == 1 && has_received(world, 1);
}

/*
 * In pieces that split the word of the descriptor, and are more than the kernel has
 * at hand for it.
 */
static long call_read_pieces(struct world *world)
{
	enum { PIECE = offsetof(struct vhost_backend_msg, fd) / 2 + 1, PIECES = 9 };
	uint64_t buffer[PIECE * PIECES / sizeof(uint64_t) + 1];
	struct iovec iov[PIECES];
	ssize_t n;

	for (unsigned int i = 0; i < PIECES; i++)
		iov[i] = (struct iovec){ (char *)buffer + i * PIECE, PIECE };
	n = preadv2(world->channel, iov, PIECES, -1, RWF_NOWAIT);
	return n < 0 ? -errno : each_message(buffer, n, count_message, world);
}

TEST_F_TIMEOUT(faults, read_in_pieces, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = prepare_map, .call = call_read_pieces, .done = is_map_read,
	}));
}

/* A table of descriptors never shrinks, but one that was shared is made anew. */
static int renew_table(void)
{
	pid_t other = syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, NULL);
	int err;

	if (other < 0)
		return -errno;
	while (!other)
		pause();
	err = unshare(CLONE_FILES) ? -errno : 0;
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
	return err;
}

static int prepare_full_table(struct world *world)
{
	int err = renew_table();

	err = err ?: prepare_map(world);
	while (!err && dup(world->event) < TABLE - 1)
		;
	return err;
}

static long call_take_fd(struct world *world);

/* Without memory for a larger table the file is pending: it is taken later. */
static bool is_read_and_table_empty(struct world *world)
{
	bool pending = world->message[0].msg.fd == VHOST_BACKEND_FD_PENDING;
	bool read = (!pending || !call_take_fd(world)) && is_map_read(world);

	for (int fd = world->event + 1; fd < TABLE; fd++)
		if (fd != world->channel && fd != world->worker)
			close(fd);
	return read;
}

/* The descriptor of the file is the one that it has to grow for. */
TEST_F_TIMEOUT(faults, read_into_a_full_table, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = prepare_full_table, .call = call_read,
		.done = is_read_and_table_empty,
	}));
}

static int prepare_duplicate(struct world *world)
{
	int err = renew_table();

	return err ?: prepare_messages(world);
}

static long call_duplicate(struct world *world)
{
	int fd = fcntl(world->channel, F_DUPFD_CLOEXEC, TABLE);

	if (fd < 0)
		return -errno;
	close(world->channel);
	world->channel = fd;
	return 0;
}

TEST_F_TIMEOUT(faults, duplicate, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = prepare_duplicate, .call = call_duplicate, .done = is_read,
	}));
}

/* Replies */

static long call_write(struct world *world)
{
	return channel_reply(world->channel, &world->message[0].msg, 0);
}

TEST_F_TIMEOUT(faults, write, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = prepare_delivered, .call = call_write, .done = is_answered,
	}));
}

static int prepare_several(struct world *world)
{
	int err = 0;

	for (unsigned int i = 0; !err && i < REPLIES; i++)
		err = map_async(world->worker, i, world->file, &world->cookie[i]);
	if (!err)
		err = drain(world->channel, READ_MAX, count_message, world);
	return err == REPLIES && has_received(world, REPLIES) ? 0 : err ?: -EPROTO;
}

/* Those that are left, each in two pieces; the kernel may take fewer. */
static long call_write_several(struct world *world)
{
	struct vhost_backend_reply replies[REPLIES];
	struct iovec iov[2 * REPLIES];
	unsigned int from = world->answered;
	ssize_t n;

	for (unsigned int i = 0; i < REPLIES; i++) {
		char *at = (char *)&replies[i];

		replies[i] = reply_to(&world->message[i].msg, 0);
		iov[2 * i] = (struct iovec){ at, 20 };
		iov[2 * i + 1] = (struct iovec){ at + 20, sizeof(replies[i]) - 20 };
	}
	n = writev(world->channel, iov + 2 * from, 2 * (REPLIES - from));
	if (n < 0)
		return -errno;
	world->answered += n / sizeof(*replies);
	return n;
}

static bool are_answered(struct world *world)
{
	bool answered = true;

	while (world->answered < REPLIES && call_write_several(world) > 0)
		;
	for (unsigned int i = 0; i < REPLIES; i++)
		answered &= !async_error(world->worker, world->cookie[i]);
	return answered;
}

TEST_F_TIMEOUT(faults, write_several, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = prepare_several, .call = call_write_several,
		.done = are_answered,
	}));
}

static long call_reply(struct world *world)
{
	struct vhost_backend_reply reply = reply_to(&world->message[0].msg, 0);

	return try_ioctl(world->channel, VHOST_BACKEND_REPLY, &reply);
}

TEST_F_TIMEOUT(faults, reply, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = prepare_delivered, .call = call_reply, .done = is_answered,
	}));
}

TEST_F_TIMEOUT(faults, reply_with_a_file, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = prepare_lookup, .call = call_reply_file, .done = is_answered,
	}));
}

/* TAKE_FD */

static long take(struct world *world, struct vhost_backend_take_fd *take)
{
	long err = try_ioctl(world->channel, VHOST_BACKEND_TAKE_FD, take);

	if (!err)
		receive_file(world, take->fd);
	return err;
}

static long call_take_fd(struct world *world)
{
	return take(world, &(struct vhost_backend_take_fd){
		.id = world->message[0].msg.id,
	});
}

/* The file is the frontend's, and still the request's. */
static bool is_still_delivered(struct world *world)
{
	return has_received(world, 1) && call_write(world) > 0 && is_answered(world);
}

TEST_F_TIMEOUT(faults, take_fd, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = prepare_delivered, .call = call_take_fd,
		.done = is_still_delivered,
	}));
}

/* Who reads has not the credentials for a descriptor, who takes it later has. */
static int prepare_withheld(struct world *world)
{
	struct vhost_backend_vring_area area = { .vring = 1, .size = PAGE };
	struct message *message = &world->message[0];
	int err = send_plain(world->worker, VHOST_BACKEND_VRING_HOST_NOTIFIER_MSG, &area,
			     sizeof(area), world->file);

	err = err ?: limits_are_lifted(true);
	if (!err && channel_read(world->channel, message) < 0)
		err = -EPROTO;
	if (!err && message->msg.fd != VHOST_BACKEND_FD_PENDING)
		err = -EPROTO;
	return err ?: limits_are_lifted(false);
}

/* It can be taken until its reply, after which nothing is left to be done for it. */
static bool is_gone(struct world *world)
{
	return has_received(world, 1) &&
	       channel_reply(world->channel, &world->message[0].msg, 0) > 0 &&
	       call_take_fd(world) == -ENOENT;
}

TEST_F_TIMEOUT(faults, take_fd_without_reply, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = prepare_withheld, .call = call_take_fd, .done = is_gone,
	}));
}

/* A copy of one word can't be made to fail but by its address. */
TEST_F_TIMEOUT(faults, take_fd_to_nowhere, 60)
{
	struct vhost_backend_take_fd argument = {};
	struct state before, after;

	ASSERT_EQ(0, channel_world_open(&world));
	ASSERT_EQ(0, prepare_withheld(&world));
	argument.id = world.message[0].msg.id;
	before = world_state(&world);
	EXPECT_EQ(-EFAULT, take(&world, read_only_page(&argument, sizeof(argument))));
	after = world_state(&world);
	EXPECT_TRUE(same_state(&before, &after))
		show_difference(&before, &after);
	EXPECT_EQ(0, call_take_fd(&world));
	EXPECT_TRUE(is_gone(&world));
	EXPECT_EQ(0, channel_world_close(&world));
}

/* What only looks */

static long call_stats(struct world *world)
{
	struct vhost_backend_stats stats;

	return try_ioctl(world->channel, VHOST_BACKEND_GET_STATS, &stats);
}

TEST_F_TIMEOUT(faults, get_stats, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){ .call = call_stats }));
}

static long call_get_setup(struct world *world)
{
	struct vhost_backend_setup setup;

	return try_ioctl(world->channel, VHOST_BACKEND_GET_SETUP, &setup);
}

TEST_F_TIMEOUT(faults, get_setup, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.call = call_get_setup,
	}));
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

TEST_F_TIMEOUT(faults, fdinfo, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){ .call = call_fdinfo }));
}

/* So often that the kernel needs memory for it; it sleeps in between. */
static long call_poll(struct world *world)
{
	enum { TIMES = 64 };
	struct pollfd p[TIMES];

	for (unsigned int i = 0; i < TIMES; i++)
		p[i] = (struct pollfd){ .fd = world->channel, .events = POLLIN };
	return poll(p, TIMES, 1) < 0 ? -errno : 0;
}

static bool is_woken(struct world *world)
{
	return !readable(world->channel, 0) && !raise_call(world->worker, 0) &&
	       readable(world->channel, 0);
}

TEST_F_TIMEOUT(faults, poll, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.call = call_poll, .done = is_woken,
	}));
}

static int prepare_raised(struct world *world)
{
	return raise_call(world->worker, 0);
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
	else if (epoll_wait(fd, &event, 1, 0) != 1)
		ret = -EPROTO;
	close(fd);
	return ret;
}

TEST_F_TIMEOUT(faults, epoll, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = prepare_raised, .call = call_epoll,
	}));
}

TEST_F(faults, of_every_kind)
{
	EXPECT_TRUE(faults_happened(FAULTS_OF_EVERY_KIND));
}

TEST_HARNESS_MAIN
