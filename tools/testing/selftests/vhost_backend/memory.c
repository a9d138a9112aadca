// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory of a channel: what of it counts for its user, how long, and whom it is
 * charged to.
 */
#include "../kselftest_harness.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "lib/channel.h"
#include "lib/child.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/parameter.h"
#include "lib/skip.h"
#include "lib/wait.h"
#include "lib/worker.h"

SKIP_WITHOUT_WORKER;

#define CGROUP		"/tmp/cgroup/vhost-backend"

FIXTURE(memory) {
	struct values values;
};

FIXTURE_SETUP(memory)
{
	ASSERT_TRUE(limits_begin(&self->values));
}

FIXTURE_TEARDOWN(memory)
{
	EXPECT_TRUE(limits_end(&self->values));
}

/* How many channels of the kind there is place for; they are closed again. */
static unsigned int count_channels(struct vhost_backend_setup setup)
{
	int channels[256];
	unsigned int count;
	int err = 0;

	for (count = 0; count < ARRAY_SIZE(channels); count++) {
		open_channels(&channels[count], 1);
		err = channel_setup(channels[count], setup);
		if (err)
			break;
	}
	child_check(err == -E2BIG);
	for (unsigned int n = 0; n <= count; n++)
		close(channels[n]);
	return count;
}

static void compare_sizes(void *arg)
{
	const struct vhost_backend_setup smallest = {
		.nr_vrings = 1, .ring_bytes = 4096, .max_inflight = 1,
	};
	struct vhost_backend_setup vrings = smallest, slots = smallest, ring = smallest;
	unsigned int most;

	become(ONE);
	vrings.nr_vrings = 32768;
	slots.max_inflight = 4096;
	ring.ring_bytes = MIB / 4;
	most = count_channels(smallest);
	child_check(most > 2 * count_channels(vrings));
	child_check(most > 8 * count_channels(slots));
	child_check(most > 8 * count_channels(ring));
	child_check(count_channels(smallest) == most);
}

/* Whatever makes a channel larger counts. */
TEST_F(memory, of_every_kind)
{
	ASSERT_TRUE(parameter_set("max_memory", "524288"));
	EXPECT_EQ(0, child_run(compare_sizes, NULL));
}

/* What is too large for what is left leaves that to others. */
static void leave_room_for_small_ones(void *arg)
{
	int channels[6];

	become(ONE);
	open_channels(channels, 6);
	for (int n = 0; n < 4; n++)
		child_check(!set_up_large(channels[n], MIB));
	child_check(set_up_large(channels[4], MIB) == -E2BIG && is_new(channels[4]));
	child_check(!set_up(channels[5]));
	child_check(!set_up(channels[4]));
}

TEST_F(memory, that_is_left)
{
	ASSERT_TRUE(parameter_set("max_memory", "4718592"));
	EXPECT_EQ(0, child_run(leave_room_for_small_ones, NULL));
}

/* A worker that stays attached keeps the memory of a channel that is gone. */
static void leave_it_to_workers(void *arg)
{
	int *workers = arg;
	int channels[4];

	become(ONE);
	open_channels(channels, 4);
	for (int n = 0; n < 2; n++) {
		struct vhost_backend_test_attach attach = {
			.fd = channels[n], .name = "stays",
		};

		child_check(!set_up_large(channels[n], MIB));
		child_check(!try_ioctl(workers[n], VHOST_BACKEND_TEST_ATTACH, &attach));
		close(channels[n]);
	}
	usleep(10000);
	child_check(set_up_large(channels[2], MIB) == -E2BIG);
	child_check(!try_ioctl(workers[0], VHOST_BACKEND_TEST_DETACH, NULL));
	child_check(wait_until(!set_up_large(channels[2], MIB)));
	child_check(set_up_large(channels[3], MIB) == -E2BIG);
}

TEST_F(memory, that_a_worker_keeps)
{
	int workers[2];

	for (int n = 0; n < 2; n++) {
		workers[n] = open(WORKER_PATH, O_RDWR | O_CLOEXEC);
		ASSERT_LE(0, workers[n]);
	}
	ASSERT_TRUE(parameter_set("max_memory", "2621440"));
	EXPECT_EQ(0, child_run(leave_it_to_workers, workers));
	for (int n = 0; n < 2; n++)
		close(workers[n]);
}

/* What the memory cgroup of the caller says, in bytes. */
static long charged(void)
{
	char value[32];

	return read_file(CGROUP "/", "memory.current", value, sizeof(value)) ?
		atol(value) : -1;
}

/* The kernel charges in advance, a little for each processor. */
static void charge_and_give_back(void *arg)
{
	int channels[3];
	long before;

	child_check(write_file(CGROUP "/", "cgroup.procs", "0"));
	open_channels(channels, 3);
	before = charged();
	child_check(before > 0);
	for (int n = 0; n < 3; n++) {
		child_check(!set_up_large(channels[n], 16 * MIB));
		child_check(charged() >= before + (16 * (n + 1) - 1) * MIB);
	}
	for (int n = 0; n < 3; n++)
		close(channels[n]);
	child_check(wait_until(charged() < before + 2 * MIB));
}

static void make_cgroup(struct __test_metadata *_metadata)
{
	ASSERT_EQ(0, mkdir("/tmp/cgroup", 0755));
	ASSERT_EQ(0, mount("none", "/tmp/cgroup", "cgroup2", 0, NULL));
	ASSERT_TRUE(write_file("/tmp/cgroup/", "cgroup.subtree_control", "+memory"));
	ASSERT_EQ(0, mkdir(CGROUP, 0755));
}

TEST_F_TIMEOUT(memory, is_charged, 60)
{
	make_cgroup(_metadata);
	EXPECT_EQ(0, child_run(charge_and_give_back, NULL));
	EXPECT_TRUE(wait_until(!rmdir(CGROUP)));
}

/* Nobody is killed, nothing is kept, and what is there can be had. */
static void exceed_cgroup(void *arg)
{
	int channel;

	child_check(write_file(CGROUP "/", "cgroup.procs", "0"));
	become(ONE);
	open_channels(&channel, 1);
	for (int n = 0; n < 3; n++)
		child_check(set_up_large(channel, 16 * MIB) == -ENOMEM && is_new(channel));
	child_check(!set_up(channel));
}

TEST_F_TIMEOUT(memory, that_is_not_there, 60)
{
	char events[256];

	ASSERT_TRUE(parameter_set("max_memory", "20971520"));
	make_cgroup(_metadata);
	ASSERT_TRUE(write_file(CGROUP "/", "memory.max", "4194304"));
	EXPECT_EQ(0, child_run(exceed_cgroup, NULL));
	ASSERT_TRUE(read_file(CGROUP "/", "memory.events", events, sizeof(events)));
	EXPECT_TRUE(!!strstr(events, "oom_kill 0\n"));
	EXPECT_TRUE(wait_until(!rmdir(CGROUP)));
}

TEST_HARNESS_MAIN
