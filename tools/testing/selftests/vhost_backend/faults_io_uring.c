// SPDX-License-Identifier: GPL-2.0-only
/* Faults in io_uring's calls on a channel, where it makes them in the caller. */
#include "../kselftest_harness.h"

#include <liburing.h>

#include "lib/channel_world.h"
#include "lib/fault.h"
#include "lib/faults.h"
#include "lib/message.h"
#include "lib/reader.h"
#include "lib/skip.h"
#include "lib/worker.h"

SKIP_WITHOUT_WORKER;

static struct world world;

static struct io_uring ring;

static struct state world_state(struct world *world)
{
	return state_of(world->channel, -1);
}

static const struct world_type world_type = {
	.open = channel_world_open, .close = channel_world_close, .state = world_state,
};

FAULTS_FIXTURE(&world_type);

static int prepare_ring(int err)
{
	return err ?: io_uring_queue_init(4, &ring, 0);
}

/* Nothing waits in it any more. */
static void close_ring(void)
{
	io_uring_queue_exit(&ring);
}

/* One that was not taken is still in the ring, to be submitted once more. */
static struct io_uring_sqe *next_sqe(void)
{
	return io_uring_sq_ready(&ring) ? NULL : io_uring_get_sqe(&ring);
}

static bool result(int *result)
{
	struct io_uring_cqe *cqe;

	if (io_uring_peek_cqe(&ring, &cqe))
		return false;
	*result = cqe->res;
	io_uring_cqe_seen(&ring, cqe);
	return true;
}

/* The result, where there is one at once */
static long submit(void)
{
	int ret = io_uring_submit(&ring);

	if (ret < 0)
		return ret;
	return result(&ret) ? ret : 0;
}

/* Reading */

static int prepare_read(struct world *world)
{
	return prepare_ring(prepare_messages(world));
}

static long call_read(struct world *world)
{
	static uint64_t buffer[READ_MAX / sizeof(uint64_t)];
	struct io_uring_sqe *sqe = next_sqe();
	long n;

	if (sqe)
		io_uring_prep_read(sqe, world->channel, buffer, sizeof(buffer), 0);
	n = submit();
	return n < 0 ? n : each_message(buffer, n, count_message, world);
}

static bool all_is_read(struct world *world)
{
	close_ring();
	return is_read(world);
}

TEST_F_TIMEOUT(faults, read, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = prepare_read, .call = call_read, .done = all_is_read,
		.also = EAGAIN,
	}));
}

/* Replies */

static int prepare_write(struct world *world)
{
	return prepare_ring(prepare_delivered(world));
}

static long call_write(struct world *world)
{
	static struct vhost_backend_reply reply;
	struct io_uring_sqe *sqe = next_sqe();

	reply = reply_to(&world->message[0].msg, 0);
	if (sqe)
		io_uring_prep_write(sqe, world->channel, &reply, sizeof(reply), 0);
	return submit();
}

static bool is_written(struct world *world)
{
	close_ring();
	return is_answered(world);
}

TEST_F_TIMEOUT(faults, write, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = prepare_write, .call = call_write, .done = is_written,
		.also = EAGAIN,
	}));
}

/* Polling */

static int prepare_poll(struct world *world)
{
	return prepare_ring(0);
}

static long call_poll(struct world *world)
{
	struct io_uring_sqe *sqe = next_sqe();

	if (sqe)
		io_uring_prep_poll_add(sqe, world->channel, POLLIN);
	return submit();
}

/* What is raised ends the poll. */
static bool is_polled(struct world *world)
{
	struct io_uring_cqe *cqe;
	int events = 0;

	if (raise_call(world->worker, 1) || io_uring_wait_cqe(&ring, &cqe) ||
	    !result(&events))
		return false;
	close_ring();
	return events == POLLIN;
}

TEST_F_TIMEOUT(faults, poll, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = prepare_poll, .call = call_poll, .done = is_polled,
		.also = EAGAIN,
	}));
}

TEST_F(faults, of_each_kind)
{
	EXPECT_TRUE(faults_happened(1U << FAULT_SLAB | 1U << FAULT_COPY));
}

TEST_HARNESS_MAIN
