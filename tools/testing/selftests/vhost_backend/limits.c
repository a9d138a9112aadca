// SPDX-License-Identifier: GPL-2.0-only
/*
 * Limits of a user, by the module's parameters: whose they are, who is exempt,
 * what gives a place back; and whom the memory of a channel is charged to.
 */
#include "requests.h"

#include <grp.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include "interleave.h"

#define PARAMETERS	"/sys/module/vhost_backend/parameters/"
#define CHANNEL		"/tmp/channel"
#define CGROUP		"/tmp/cgroup/vhost-backend"
#define MIB		1048576L

/* Users that nothing else in the guest runs as. */
#define ONE		54321
#define OTHER		54322

static const char * const parameters[] = {
	"max_channels", "max_bindings", "max_ring_bytes", "reply_timeout_ms",
};

/* Limits of the administrator, put back however the test ends. */
FIXTURE(limits) {
	char before[ARRAY_SIZE(parameters)][32];
};

static int open_file(const char *folder, const char *name, int flags)
{
	char path[128];

	snprintf(path, sizeof(path), "%s%s", folder, name);
	return open(path, flags | O_CLOEXEC);
}

static bool read_file(const char *folder, const char *name, char *value, size_t size)
{
	int fd = open_file(folder, name, O_RDONLY);
	ssize_t n = read(fd, value, size - 1);

	close(fd);
	value[n > 0 ? n : 0] = '\0';
	return n > 0;
}

static bool write_file(const char *folder, const char *name, const char *value)
{
	int fd = open_file(folder, name, O_WRONLY);
	ssize_t n = write(fd, value, strlen(value));

	close(fd);
	return n == (ssize_t)strlen(value);
}

static bool set_limit(const char *name, const char *value)
{
	return write_file(PARAMETERS, name, value);
}

FIXTURE_SETUP(limits)
{
	for (size_t i = 0; i < ARRAY_SIZE(parameters); i++)
		ASSERT_TRUE(read_file(PARAMETERS, parameters[i], self->before[i],
				      sizeof(self->before[i])));
	ASSERT_EQ(0, private_tmp());
	ASSERT_EQ(0, node_for_all(CHANNEL));
}

FIXTURE_TEARDOWN(limits)
{
	for (size_t i = 0; i < ARRAY_SIZE(parameters); i++)
		EXPECT_TRUE(set_limit(parameters[i], self->before[i]));
}

/* A child becomes @user, without capabilities, and can become another. */
static void become(uid_t user)
{
	child_check(!setresuid(0, 0, 0));
	child_check(!setgroups(0, NULL));
	child_check(!setresuid(user, user, 0));
}

static void open_channels(int *channels, unsigned int count)
{
	for (unsigned int n = 0; n < count; n++) {
		channels[n] = open(CHANNEL, O_RDWR | O_CLOEXEC);
		child_check(channels[n] >= 0);
	}
}

static int set_up(int channel)
{
	return channel_setup(channel, (struct vhost_backend_setup){});
}

static int set_up_large(int channel, uint32_t ring_bytes)
{
	return channel_setup(channel, (struct vhost_backend_setup){
		.ring_bytes = ring_bytes });
}

/* Binds an eventfd of its own, which stays open. */
static int bind_new(int channel, uint32_t index)
{
	return bind_eventfd(channel, VHOST_BACKEND_BIND_VRING_CALL, index,
			    eventfd(0, EFD_CLOEXEC), 0);
}

TEST_F(limits, defaults)
{
	EXPECT_EQ(1024, atoi(self->before[0]));
	EXPECT_EQ(65536, atoi(self->before[1]));
	EXPECT_EQ(16777216, atoi(self->before[2]));
	EXPECT_EQ(30000, atoi(self->before[3]));
}

/* Where the worker does not say. The default would be longer than we wait. */
TEST_F_TIMEOUT(limits, reply_timeout, 60)
{
	struct pair pair;
	uint64_t cookie;

	ASSERT_EQ(0, pair_open(&pair, 0, (struct vhost_backend_setup){}));
	ASSERT_TRUE(set_limit("reply_timeout_ms", "20"));
	ASSERT_EQ(0, unmap_async(pair.worker, 1, 0, &cookie));
	EXPECT_EQ(-ETIMEDOUT, async_error(pair.worker, cookie));
	ASSERT_TRUE(set_limit("reply_timeout_ms", "0"));
	ASSERT_EQ(0, unmap_async(pair.worker, 2, 0, &cookie));
	EXPECT_EQ(-ETIMEDOUT, async_error(pair.worker, cookie));
	pair_close(&pair);
}

/* For root too: it is a limit of size, not of number. */
TEST_F(limits, ring_bytes)
{
	int channel = open(CHANNEL, O_RDWR | O_CLOEXEC);
	struct vhost_backend_setup setup;

	ASSERT_TRUE(set_limit("max_ring_bytes", "8192"));
	EXPECT_EQ(-E2BIG, set_up_large(channel, 16384));
	EXPECT_EQ(-E2BIG, set_up_large(channel, 16777216));
	EXPECT_EQ(-EINVAL, set_up_large(channel, 33554432));
	EXPECT_EQ(-ENOTCONN, try_ioctl(channel, VHOST_BACKEND_GET_SETUP, &setup));
	EXPECT_EQ(0, set_up_large(channel, 8192));
	close(channel);
}

static void use_up_channels(void *arg)
{
	struct vhost_backend_setup defaults = {}, wrong = { .nr_vrings = ~0U };
	void *unwritable = read_only_page(&defaults, sizeof(defaults));
	int channels[4];

	become(ONE);
	open_channels(channels, 4);
	/* A SETUP that fails does not use a place up. */
	for (unsigned int n = 0; n < 5; n++) {
		child_check(channel_setup(channels[0], wrong) == -EINVAL);
		child_check(try_ioctl(channels[0], VHOST_BACKEND_SETUP,
				      unwritable) == -EFAULT);
	}
	child_check(wait_until(!set_up(channels[0])));
	child_check(!set_up(channels[1]));
	child_check(set_up(channels[2]) == -EMFILE);
	child_check(try_ioctl(channels[2], VHOST_BACKEND_GET_SETUP,
			      &defaults) == -ENOTCONN);
	close(channels[0]);
	child_check(wait_until(!set_up(channels[2])));
	child_check(set_up(channels[3]) == -EMFILE);
}

/* Twice: the places of a process that is gone are free again. */
TEST_F(limits, channels_of_a_user)
{
	ASSERT_TRUE(set_limit("max_channels", "2"));
	EXPECT_EQ(0, child_run(use_up_channels, NULL));
	EXPECT_EQ(0, child_run(use_up_channels, NULL));
}

static void use_up_channels_of_two(void *arg)
{
	int channels[6];

	open_channels(channels, 6);
	become(ONE);
	child_check(!set_up(channels[0]) && !set_up(channels[1]));
	child_check(set_up(channels[2]) == -EMFILE);
	become(OTHER);
	child_check(!set_up(channels[2]) && !set_up(channels[3]));
	child_check(set_up(channels[4]) == -EMFILE);

	/* What the one gives back is not the other's. */
	close(channels[2]);
	become(ONE);
	child_check(set_up(channels[4]) == -EMFILE);
	become(OTHER);
	child_check(!set_up(channels[4]));
	child_check(set_up(channels[5]) == -EMFILE);
}

TEST_F(limits, channels_of_two_users)
{
	ASSERT_TRUE(set_limit("max_channels", "2"));
	EXPECT_EQ(0, child_run(use_up_channels_of_two, NULL));
}

/* A binding counts for the user who did SETUP, whoever binds. */
static void use_up_bindings_of_two(void *arg)
{
	int channels[2];

	open_channels(channels, 2);
	become(ONE);
	child_check(!set_up(channels[0]));
	become(OTHER);
	child_check(!set_up(channels[1]));
	child_check(!bind_new(channels[1], 0) && !bind_new(channels[1], 1));
	child_check(bind_new(channels[1], 2) == -EMFILE);
	child_check(!bind_new(channels[0], 0) && !bind_new(channels[0], 1));
	child_check(bind_new(channels[0], 2) == -EMFILE);
	become(ONE);
	child_check(bind_new(channels[0], 2) == -EMFILE);
	child_check(bind_new(channels[1], 2) == -EMFILE);
}

TEST_F(limits, bindings_of_two_users)
{
	ASSERT_TRUE(set_limit("max_bindings", "2"));
	EXPECT_EQ(0, child_run(use_up_bindings_of_two, NULL));
}

static void set_capabilities(bool resource, bool others)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];

	child_check(!syscall(SYS_capget, &header, data));
	data[1].effective = others ? data[1].permitted : 0;
	data[0].effective = others ? data[0].permitted : 0;
	data[0].effective &= ~(1U << CAP_SYS_RESOURCE);
	data[0].effective |= resource << CAP_SYS_RESOURCE;
	child_check(!syscall(SYS_capset, &header, data));
}

static void exceed_with_capability(void *arg)
{
	int channels[5];

	open_channels(channels, 5);
	become(ONE);
	child_check(!set_up(channels[0]) && !bind_new(channels[0], 0));
	set_capabilities(false, true);
	child_check(set_up(channels[1]) == -EMFILE);
	child_check(bind_new(channels[0], 1) == -EMFILE);
	set_capabilities(true, false);
	child_check(!set_up(channels[1]) && !set_up(channels[2]));
	child_check(!bind_new(channels[0], 1) && !bind_new(channels[1], 1));

	/* It exempts for as long as one has it. */
	set_capabilities(false, false);
	child_check(set_up(channels[3]) == -EMFILE);
	close(channels[2]);
	close(channels[1]);
	child_check(set_up(channels[3]) == -EMFILE);
	close(channels[0]);
	child_check(!set_up(channels[3]));
}

TEST_F(limits, capability_exempts)
{
	ASSERT_TRUE(set_limit("max_channels", "1"));
	ASSERT_TRUE(set_limit("max_bindings", "1"));
	EXPECT_EQ(0, child_run(exceed_with_capability, NULL));
}

TEST_F(limits, root_is_exempt)
{
	int channels[4];

	ASSERT_TRUE(set_limit("max_channels", "2"));
	for (int i = 0; i < 4; i++) {
		channels[i] = channel_open(0);
		EXPECT_LE(0, channels[i]);
	}
	for (int i = 0; i < 4; i++)
		close(channels[i]);
}

/* All capabilities, but not those of the host; and the same user all the time. */
static void exceed_in_namespace(void *arg)
{
	int channels[3];

	become(ONE);
	open_channels(channels, 3);
	child_check(!set_up(channels[0]) && !bind_new(channels[0], 0));
	child_check(!setresuid(ONE, ONE, ONE) && !unshare(CLONE_NEWUSER));
	child_check(set_up(channels[1]) == -EMFILE);
	child_check(bind_new(channels[0], 1) == -EMFILE);
	close(channels[0]);
	child_check(!set_up(channels[1]) && !bind_new(channels[1], 0));
	child_check(set_up(channels[2]) == -EMFILE);
}

TEST_F(limits, user_namespace_is_not_exempt)
{
	ASSERT_TRUE(set_limit("max_channels", "1"));
	ASSERT_TRUE(set_limit("max_bindings", "1"));
	EXPECT_EQ(0, child_run(exceed_in_namespace, NULL));
}

static void set_limit_as_root(const char *name, const char *value)
{
	become(0);
	child_check(set_limit(name, value));
	become(ONE);
}

/* A change takes nothing away, and holds for what is asked for afterwards. */
static void follow_changes(void *arg)
{
	int channels[6];

	become(ONE);
	open_channels(channels, 6);
	child_check(!set_up(channels[0]) && !set_up(channels[1]));
	child_check(set_up(channels[2]) == -EMFILE);
	set_limit_as_root("max_channels", "3");
	child_check(!set_up(channels[2]));
	child_check(set_up(channels[3]) == -EMFILE);
	set_limit_as_root("max_channels", "1");
	close(channels[2]);
	child_check(set_up(channels[3]) == -EMFILE);

	set_limit_as_root("max_bindings", "1");
	child_check(!bind_new(channels[0], 0));
	child_check(bind_new(channels[1], 0) == -EMFILE);
	set_limit_as_root("max_bindings", "2");
	child_check(!bind_new(channels[1], 0));
	set_limit_as_root("max_bindings", "0");
	child_check(bind_new(channels[1], 1) == -EMFILE);
	child_check(channel_stats(channels[0]).bindings == 1);
	child_check(channel_stats(channels[1]).bindings == 1);

	set_limit_as_root("max_channels", "9");
	set_limit_as_root("max_ring_bytes", "8192");
	child_check(set_up_large(channels[4], 16384) == -E2BIG);
	set_limit_as_root("max_ring_bytes", "16384");
	child_check(!set_up_large(channels[4], 16384));
	set_limit_as_root("max_ring_bytes", "0");
	child_check(set_up_large(channels[5], 4096) == -E2BIG);
}

TEST_F(limits, changed_at_run_time)
{
	ASSERT_TRUE(set_limit("max_channels", "2"));
	EXPECT_EQ(0, child_run(follow_changes, NULL));
}

static void hold_all(void *arg)
{
	int *ready = arg;
	int channels[2];

	become(ONE);
	open_channels(channels, 2);
	child_check(!set_up(channels[0]) && !set_up(channels[1]));
	child_check(!bind_new(channels[0], 0) && !bind_new(channels[1], 0));
	child_check(write(*ready, "x", 1) == 1);
	for (;;)
		pause();
}

static void take_all(void *arg)
{
	int channels[2];

	become(ONE);
	open_channels(channels, 2);
	child_check(wait_until(!set_up(channels[0])));
	child_check(wait_until(!set_up(channels[1])));
	child_check(!bind_new(channels[0], 0) && !bind_new(channels[1], 0));
	child_check(bind_new(channels[1], 1) == -EMFILE);
}

TEST_F_TIMEOUT(limits, given_back_by_the_killed, 60)
{
	int pipes[2];
	char byte;
	pid_t pid;

	ASSERT_TRUE(set_limit("max_channels", "2"));
	ASSERT_TRUE(set_limit("max_bindings", "2"));
	ASSERT_EQ(0, pipe2(pipes, O_CLOEXEC));
	pid = child_start(hold_all, &pipes[1]);
	ASSERT_LT(0, pid);
	close(pipes[1]);
	ASSERT_EQ(1, read(pipes[0], &byte, 1));
	kill(pid, SIGKILL);
	ASSERT_TRUE(WIFSIGNALED(child_wait(pid)));
	EXPECT_EQ(0, child_run(take_all, NULL));
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

TEST_F_TIMEOUT(limits, memory_is_charged, 60)
{
	ASSERT_EQ(0, mkdir("/tmp/cgroup", 0755));
	ASSERT_EQ(0, mount("none", "/tmp/cgroup", "cgroup2", 0, NULL));
	ASSERT_TRUE(write_file("/tmp/cgroup/", "cgroup.subtree_control", "+memory"));
	ASSERT_EQ(0, mkdir(CGROUP, 0755));
	EXPECT_EQ(0, child_run(charge_and_give_back, NULL));
	EXPECT_TRUE(wait_until(!rmdir(CGROUP)));
}

TEST_HARNESS_MAIN
