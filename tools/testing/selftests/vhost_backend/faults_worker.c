// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults in the calls of the test worker, which are those of the kernel API with what
 * a driver needs around them.
 */
#include "../kselftest_harness.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>

#include <linux/vhost.h>

#include "lib/channel.h"
#include "lib/channel_world.h"
#include "lib/fault.h"
#include "lib/faults.h"
#include "lib/memory.h"
#include "lib/reader.h"
#include "lib/run.h"
#include "lib/skip.h"
#include "lib/wait.h"
#include "lib/worker.h"

SKIP_WITHOUT_WORKER;

static struct world world;

/* One that is no eventfd is refused, but first for there being a hook already. */
static bool is_hooked(const struct world *world)
{
	struct vhost_backend_test_hook hook = { .fd = world->file };

	return try_ioctl(world->worker, VHOST_BACKEND_TEST_HOOK, &hook) == -EBUSY;
}

static struct state world_state(struct world *world)
{
	struct state state = state_of(world->channel, -1);

	state.more = is_hooked(world);
	return state;
}

static const struct world_type world_type = {
	.open = channel_world_open, .close = channel_world_close, .state = world_state,
};

FAULTS_FIXTURE(&world_type);

/* Attachments */

static int prepare_none(struct world *world)
{
	close(world->worker);
	world->worker = -1;
	return 0;
}

static long call_open(struct world *world)
{
	world->worker = open(WORKER_PATH, O_RDWR | O_CLOEXEC);
	return world->worker < 0 ? -errno : 0;
}

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
	return channel_stats(world->channel).backends == 1 && !prepare_delivered(world);
}

static bool is_open(struct world *world)
{
	return !call_attach(world) && is_attached(world);
}

/* A file in memory that gets no inode is one for which there is no space. */
TEST_F_TIMEOUT(faults, open, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = prepare_none, .call = call_open, .done = is_open,
		.also = ENOSPC,
	}));
}

TEST_F_TIMEOUT(faults, attach, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = prepare_unattached, .call = call_attach, .done = is_attached,
	}));
}

TEST_F_TIMEOUT(faults, attach_starved, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = prepare_unattached, .call = call_attach, .done = is_attached,
		.starved = true,
	}));
}

/* SEND that does not wait */

/* How it is sent: VHOST_BACKEND_TEST_* */
static uint32_t flags, context;

static long call_send(struct world *world)
{
	struct vhost_backend_shmem_map map = {
		.flags = VHOST_BACKEND_MAP_R, .shm_offset = PAGE, .len = PAGE,
	};
	struct vhost_backend_iotlb iotlb = {
		.perm = VHOST_ACCESS_RO, .type = VHOST_IOTLB_MISS,
	};
	bool reply = flags & VHOST_BACKEND_TEST_REPLY;
	struct vhost_backend_test_send send = {
		.request = reply ? VHOST_BACKEND_SHMEM_MAP : VHOST_BACKEND_IOTLB_MSG,
		.size = reply ? sizeof(map) : sizeof(iotlb),
		.payload = reply ? (uintptr_t)&map : (uintptr_t)&iotlb,
		.fd = reply ? world->file : -1, .flags = flags, .context = context,
	};

	return worker_send(world->worker, &send);
}

/* Exactly one, with its file, whether or not the sender could be told. */
static bool is_sent(struct world *world)
{
	unsigned int reply = !!(flags & VHOST_BACKEND_TEST_REPLY);

	return drain(world->channel, READ_MAX, count_message, world) == 1 &&
	       world->requests == reply && has_received(world, reply);
}

static void send_in_turn(struct __test_metadata *_metadata, uint32_t how)
{
	static const char *const names[] = { "process", "softirq", "hardirq" };

	flags = how;
	for (context = 0; context < ARRAY_SIZE(names); context++)
		EXPECT_TRUE(each_in_turn(names[context], &world, (struct trial){
			.call = call_send, .done = is_sent, .reports = true,
		}));
}

TEST_F_TIMEOUT(faults, send, 280)
{
	send_in_turn(_metadata, 0);
}

TEST_F_TIMEOUT(faults, send_with_reply, 280)
{
	send_in_turn(_metadata, VHOST_BACKEND_TEST_REPLY | VHOST_BACKEND_TEST_ASYNC);
}

TEST_F_TIMEOUT(faults, send_typed, 280)
{
	flags = VHOST_BACKEND_TEST_TYPED;
	context = VHOST_BACKEND_TEST_PROCESS;
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.call = call_send, .done = is_sent, .reports = true,
	}));
}

/* SEND that waits for its answer, which a thread gives */

static pthread_t frontend;
static atomic_bool frontend_stop;

static void *frontend_run(void *arg)
{
	struct world *world = arg;

	while (!atomic_load(&frontend_stop)) {
		struct vhost_backend_msg *msg = &world->message[0].msg;

		if (!readable(world->channel, 10) ||
		    channel_read(world->channel, &world->message[0]) < 0)
			continue;
		world->answered++;
		if (msg->request == VHOST_BACKEND_SHARED_OBJECT_LOOKUP)
			call_reply_file(world);
		else
			channel_reply(world->channel, msg, 0);
	}
	return NULL;
}

static int prepare_frontend(struct world *world)
{
	atomic_store(&frontend_stop, false);
	return -pthread_create(&frontend, NULL, frontend_run, world);
}

static long call_request(struct world *world)
{
	struct vhost_backend_shmem_unmap unmap = unmap_of(1);
	struct vhost_backend_test_send send = {
		.request = VHOST_BACKEND_SHMEM_UNMAP, .size = sizeof(unmap),
		.payload = (uintptr_t)&unmap, .fd = -1, .flags = VHOST_BACKEND_TEST_REPLY,
	};

	return worker_send(world->worker, &send);
}

static long call_lookup(struct world *world)
{
	struct vhost_backend_shared_object object = { .uuid = "a shared object" };
	struct vhost_backend_test_send send = {
		.request = VHOST_BACKEND_SHARED_OBJECT_LOOKUP, .size = sizeof(object),
		.payload = (uintptr_t)&object, .fd = -1, .flags = VHOST_BACKEND_TEST_REPLY,
	};
	int err = worker_send(world->worker, &send);

	if (!err)
		receive_file(world, send.result_fd);
	return err;
}

/* Once, whether or not the sender could be told. */
static bool was_answered(struct world *world)
{
	atomic_store(&frontend_stop, true);
	pthread_join(frontend, NULL);
	return has_received(world, world->files) && world->answered == 1 &&
	       channel_stats(world->channel).requests_answered == 1;
}

TEST_F_TIMEOUT(faults, send_and_wait, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = prepare_frontend, .call = call_request, .done = was_answered,
		.reports = true,
	}));
}

TEST_F_TIMEOUT(faults, lookup, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = prepare_frontend, .call = call_lookup, .done = was_answered,
		.reports = true,
	}));
}

/* RESULT */

static int prepare_result(struct world *world)
{
	int err = prepare_delivered(world);

	if (!err && channel_reply(world->channel, &world->message[0].msg, -EIO) < 0)
		err = -EPROTO;
	return err;
}

static int prepare_result_file(struct world *world)
{
	int err = prepare_lookup(world);

	return err ?: call_reply_file(world);
}

static long call_result(struct world *world)
{
	struct vhost_backend_test_result result;
	int err = worker_result(world->worker, world->cookie[0], 0, &result);

	if (err)
		return err;
	world->error = result.error;
	receive_file(world, result.fd);
	return result.count == 1 ? 0 : -EPROTO;
}

/* Once, as it was answered */
static bool is_reported(struct world *world)
{
	return world->error == -EIO && has_received(world, 0) &&
	       call_result(world) == -ENOENT;
}

static bool is_reported_with_file(struct world *world)
{
	return !world->error && has_received(world, 1) && call_result(world) == -ENOENT;
}

TEST_F_TIMEOUT(faults, result, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = prepare_result, .call = call_result, .done = is_reported,
	}));
}

TEST_F_TIMEOUT(faults, result_with_a_file, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = prepare_result_file, .call = call_result,
		.done = is_reported_with_file,
	}));
}

/* RUN */

static long call_run(struct world *world)
{
	return run_start(world->worker, (struct vhost_backend_test_run){
		.threads = 4, .mix = VHOST_BACKEND_TEST_MIX_CALL, .count = 3,
	});
}

static bool has_run(struct world *world)
{
	struct vhost_backend_test_run run;

	return run_finish(world->worker, &run) && run.calls == 12 &&
	       channel_stats(world->channel).notifications_raised == 12;
}

TEST_F_TIMEOUT(faults, run, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.call = call_run, .done = has_run,
	}));
}

static long call_report(struct world *world)
{
	struct vhost_backend_test_run run;

	return try_ioctl(world->worker, VHOST_BACKEND_TEST_REPORT, &run);
}

TEST_F_TIMEOUT(faults, report, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){ .call = call_report }));
}

static long call_events(struct world *world)
{
	struct vhost_backend_test_events events;

	return try_ioctl(world->worker, VHOST_BACKEND_TEST_EVENTS, &events);
}

TEST_F_TIMEOUT(faults, events, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){ .call = call_events }));
}

/* HOOK */

static long call_hook(struct world *world)
{
	struct vhost_backend_test_hook hook = { .fd = world->event };

	return try_ioctl(world->worker, VHOST_BACKEND_TEST_HOOK, &hook);
}

static long call_unhook(struct world *world)
{
	struct vhost_backend_test_hook hook = { .fd = -1 };

	return try_ioctl(world->worker, VHOST_BACKEND_TEST_HOOK, &hook);
}

static int prepare_hook(struct world *world)
{
	return call_hook(world);
}

/* A hook consumes each signal. */
static bool hook_works(struct world *world)
{
	return is_hooked(world) && !eventfd_write(world->event, 1) &&
	       !readable(world->event, 0);
}

static bool hook_is_off(struct world *world)
{
	return !is_hooked(world) && !eventfd_write(world->event, 1) &&
	       readable(world->event, 0);
}

TEST_F_TIMEOUT(faults, hook, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.call = call_hook, .done = hook_works, .reports = true,
	}));
}

TEST_F_TIMEOUT(faults, unhook, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = prepare_hook, .call = call_unhook, .done = hook_is_off,
		.reports = true,
	}));
}

TEST_F(faults, of_every_kind)
{
	EXPECT_TRUE(faults_happened(FAULTS_OF_EVERY_KIND));
}

TEST_HARNESS_MAIN
