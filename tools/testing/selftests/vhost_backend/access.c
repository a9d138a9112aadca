// SPDX-License-Identifier: GPL-2.0-only
/*
 * Users without privileges: with neither the device nor a descriptor of it, and
 * with a descriptor that somebody handed them.
 */
#include "requests.h"

#include <grp.h>
#include <sys/prctl.h>
#include "interleave.h"

/* A user and a group that nothing else in the guest runs as. */
#define USER		54321
#define GROUP		54322

FIXTURE(access) {
	struct pair pair;
	struct stat node;
};

/* The channel is root's. */
FIXTURE_SETUP(access)
{
	ASSERT_EQ(0, stat(CHANNEL_PATH, &self->node));
	ASSERT_EQ(0, pair_open(&self->pair, 0, (struct vhost_backend_setup){}));
}

FIXTURE_TEARDOWN(access)
{
	EXPECT_EQ(0, chown(CHANNEL_PATH, self->node.st_uid, self->node.st_gid));
	EXPECT_EQ(0, chmod(CHANNEL_PATH, self->node.st_mode & 07777));
	pair_close(&self->pair);
}

static void become_user(gid_t group)
{
	child_check(!setgroups(group ? 1 : 0, &group));
	child_check(!setresgid(USER, USER, USER));
	child_check(!setresuid(USER, USER, USER));
}

static int try_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Not to use it, and a descriptor that only names it is of no use either. */
static void be_refused(void *arg)
{
	struct vhost_backend_setup setup = {};
	struct message message;
	int fd;

	become_user(0);
	child_check(try_open(CHANNEL_PATH, O_RDWR) == -EACCES);
	child_check(try_open(CHANNEL_PATH, O_RDONLY) == -EACCES);
	child_check(try_open(CHANNEL_PATH, O_WRONLY) == -EACCES);
	child_check(chmod(CHANNEL_PATH, 0666) && errno == EPERM);
	fd = try_open(CHANNEL_PATH, O_PATH);
	child_check(fd >= 0);
	child_check(try_ioctl(fd, VHOST_BACKEND_SETUP, &setup) == -EBADF);
	child_check(try_read(fd, &message, sizeof(message)) == -EBADF);
}

TEST_F(access, default_mode)
{
	EXPECT_EQ(0U, self->node.st_uid);
	EXPECT_EQ(0600U, self->node.st_mode & 0777);
	EXPECT_EQ(0, child_run(be_refused, NULL));
}

static void be_of_the_group(void *arg)
{
	int channel;

	become_user(GROUP);
	channel = channel_open(0);
	child_check(channel >= 0);
	child_check(channel_stats(channel).backends == 0);
}

/* As the udev rule has it, with a group of our own for kvm. */
TEST_F(access, group_of_the_device)
{
	ASSERT_EQ(0, chown(CHANNEL_PATH, 0, GROUP));
	ASSERT_EQ(0, chmod(CHANNEL_PATH, 0660));
	EXPECT_EQ(0, child_run(be_refused, NULL));
	EXPECT_EQ(0, child_run(be_of_the_group, NULL));
}

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = write(fd, text, strlen(text));

	close(fd);
	return n == (ssize_t)strlen(text);
}

static void become_root_of_a_namespace(void)
{
	become_user(0);
	child_check(!prctl(PR_SET_DUMPABLE, 1));
	child_check(!unshare(CLONE_NEWUSER | CLONE_NEWNS));
	child_check(write_file("/proc/self/setgroups", "deny"));
	child_check(write_file("/proc/self/uid_map", "0 54321 1"));
	child_check(write_file("/proc/self/gid_map", "0 54321 1"));
	child_check(!setresuid(0, 0, 0) && !setresgid(0, 0, 0));
}

/* He can't make a device either. */
static void be_root_in_a_namespace(void *arg)
{
	const dev_t *device = arg;

	become_root_of_a_namespace();
	child_check(!mount("none", "/tmp", "tmpfs", 0, NULL));
	child_check(try_open(CHANNEL_PATH, O_RDWR) == -EACCES);
	child_check(mknod("/tmp/channel", S_IFCHR | 0666, *device) &&
		    errno == EPERM);
}

TEST_F(access, user_namespace)
{
	ASSERT_EQ(0, private_tmp());
	EXPECT_EQ(0, child_run(be_root_in_a_namespace, &self->node.st_rdev));
}

/* Of a process of root's with a channel. */
struct neighbour {
	pid_t pid;
	int channel;
};

static void look_at_neighbour(void *arg)
{
	static const char * const files[] = { "fd", "fdinfo" };
	struct neighbour *neighbour = arg;
	char path[64];

	become_user(0);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "/proc/%d/%s/%d", neighbour->pid,
			 files[i], neighbour->channel);
		child_check(try_open(path, O_RDONLY) == -EACCES);
	}
}

TEST_F(access, channels_of_others)
{
	struct neighbour neighbour = {
		.pid = getpid(), .channel = self->pair.channel,
	};

	EXPECT_EQ(0, child_run(look_at_neighbour, &neighbour));
}

static void change_parameters(void *arg)
{
	static const char * const parameters[] = {
		"max_ring_bytes", "max_channels", "max_bindings",
		"reply_timeout_ms",
	};
	char path[128];

	become_user(0);
	for (size_t i = 0; i < ARRAY_SIZE(parameters); i++) {
		snprintf(path, sizeof(path),
			 "/sys/module/vhost_backend/parameters/%s", parameters[i]);
		child_check(try_open(path, O_WRONLY) == -EACCES);
		close(try_open(path, O_RDONLY));
	}
}

TEST_F(access, parameters)
{
	EXPECT_EQ(0, child_run(change_parameters, NULL));
}

/* All that one channel can do, and not another channel. */
static void use_handed_channel(void *arg)
{
	int channel = *(int *)arg;
	int efd = eventfd(0, EFD_CLOEXEC);
	uint64_t one = 1;
	struct message message;
	char path[64];

	become_user(0);
	child_check(channel_read(channel, &message) == UNMAP_BYTES);
	child_check(channel_reply(channel, &message.msg, 0) == 32);
	child_check(channel_stats(channel).requests_answered == 1);
	child_check(!bind_eventfd(channel, VHOST_BACKEND_BIND_CONFIG, 0, efd, 0));
	child_check(write(efd, &one, sizeof(one)) == sizeof(one));
	child_check(channel_read(channel, &message) == sizeof(message.msg));
	child_check(message.msg.request == VHOST_BACKEND_CONFIG_CHANGE_MSG);

	snprintf(path, sizeof(path), "/proc/self/fd/%d", channel);
	child_check(try_open(path, O_RDWR) == -EACCES);
}

TEST_F(access, handed_descriptor)
{
	uint64_t cookie;

	ASSERT_EQ(0, unmap_async(self->pair.worker, 1, 0, &cookie));
	EXPECT_EQ(0, child_run(use_handed_channel, &self->pair.channel));
	EXPECT_EQ(0, async_error(self->pair.worker, cookie));
}

TEST_HARNESS_MAIN
