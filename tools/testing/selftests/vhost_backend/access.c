// SPDX-License-Identifier: GPL-2.0-only
/*
 * Users without privileges: with neither a device nor a descriptor of it, and with
 * a descriptor that somebody handed them.
 */
#include "../kselftest_harness.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <linux/vhost.h>
#include <linux/vhost_shmem.h>

#include "lib/channel.h"
#include "lib/child.h"
#include "lib/file.h"
#include "lib/memory.h"
#include "lib/message.h"
#include "lib/pair.h"
#include "lib/skip.h"
#include "lib/vhost_shmem.h"
#include "lib/worker.h"

SKIP_WITHOUT_WORKER;

/* A user and a group that nothing else in the guest runs as. */
#define USER		54321
#define GROUP		54322

#define PARAMETERS	"/sys/module/vhost_backend/parameters"

/* One of root's, which nobody was given */
FIXTURE(device) {
	struct target {
		const char *path;
		struct stat node;
		pid_t pid;	/* of a process that has it open, */
		int fd;		/* under this number */
	} target;
};

FIXTURE_VARIANT(device) {
	const char *path;
};

FIXTURE_VARIANT_ADD(device, backend) {
	.path = CHANNEL_PATH,
};

FIXTURE_VARIANT_ADD(device, shmem) {
	.path = SHMEM_PATH,
};

FIXTURE_SETUP(device)
{
	struct target *target = &self->target;

	target->path = variant->path;
	target->pid = getpid();
	target->fd = open(target->path, O_RDWR | O_CLOEXEC);
	if (target->fd >= 0)
		ASSERT_EQ(0, fstat(target->fd, &target->node));
}

FIXTURE_TEARDOWN(device)
{
	const struct target *target = &self->target;

	if (target->fd < 0)
		return;
	EXPECT_EQ(0, chown(target->path, target->node.st_uid, target->node.st_gid));
	EXPECT_EQ(0, chmod(target->path, target->node.st_mode & 07777));
	close(target->fd);
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

static int reopen(int fd, int flags)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return try_open(path, flags);
}

/* Not to use it, and a descriptor that only names it is of no use either. */
static void be_refused(void *arg)
{
	const struct target *target = arg;
	char buffer[512] = {};
	int fd;

	become_user(0);
	child_check(try_open(target->path, O_RDWR) == -EACCES);
	child_check(try_open(target->path, O_RDONLY) == -EACCES);
	child_check(try_open(target->path, O_WRONLY) == -EACCES);
	child_check(chmod(target->path, 0666) && errno == EPERM);
	fd = try_open(target->path, O_PATH);
	child_check(fd >= 0);
	child_check(try_ioctl(fd, VHOST_BACKEND_SETUP, buffer) == -EBADF);
	child_check(try_ioctl(fd, VHOST_SET_OWNER, NULL) == -EBADF);
	child_check(try_read(fd, buffer, sizeof(buffer)) == -EBADF);
	child_check(reopen(fd, O_RDWR) == -EACCES);
}

TEST_F(device, default_mode)
{
	if (self->target.fd < 0)
		SKIP(return, "%s is missing", variant->path);
	EXPECT_EQ(0U, self->target.node.st_uid);
	EXPECT_EQ(0600U, self->target.node.st_mode & 0777);
	EXPECT_EQ(0, child_run(be_refused, &self->target));
}

static void be_of_the_group(void *arg)
{
	const struct target *target = arg;

	become_user(GROUP);
	child_check(try_open(target->path, O_RDWR) >= 0);
}

/* As the udev rule has it, with a group of our own for kvm. */
TEST_F(device, group_of_the_device)
{
	if (self->target.fd < 0)
		SKIP(return, "%s is missing", variant->path);
	ASSERT_EQ(0, chown(variant->path, 0, GROUP));
	ASSERT_EQ(0, chmod(variant->path, 0660));
	EXPECT_EQ(0, child_run(be_refused, &self->target));
	EXPECT_EQ(0, child_run(be_of_the_group, &self->target));
}

static bool write_text(const char *path, const char *text)
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
	child_check(write_text("/proc/self/setgroups", "deny"));
	child_check(write_text("/proc/self/uid_map", "0 54321 1"));
	child_check(write_text("/proc/self/gid_map", "0 54321 1"));
	child_check(!setresuid(0, 0, 0) && !setresgid(0, 0, 0));
}

/* He can't make a device either. */
static void be_root_in_a_namespace(void *arg)
{
	const struct target *target = arg;

	become_root_of_a_namespace();
	child_check(!mount("none", "/tmp", "tmpfs", 0, NULL));
	child_check(try_open(target->path, O_RDWR) == -EACCES);
	child_check(chmod(target->path, 0666) && errno == EPERM);
	child_check(mknod("/tmp/device", S_IFCHR | 0666, target->node.st_rdev) &&
		    errno == EPERM);
	child_check(try_open(PARAMETERS "/max_channels", O_WRONLY) == -EACCES);
}

TEST_F(device, user_namespace)
{
	if (self->target.fd < 0)
		SKIP(return, "%s is missing", variant->path);
	ASSERT_EQ(0, private_tmp());
	EXPECT_EQ(0, child_run(be_root_in_a_namespace, &self->target));
}

static void look_at_neighbour(void *arg)
{
	static const char * const files[] = { "fd", "fdinfo" };
	const struct target *target = arg;
	char path[64];
	int pidfd;

	become_user(0);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "/proc/%d/%s/%d", target->pid, files[i],
			 target->fd);
		child_check(try_open(path, O_RDONLY) == -EACCES);
	}
	pidfd = syscall(SYS_pidfd_open, target->pid, 0);
	child_check(pidfd >= 0);
	child_check(syscall(SYS_pidfd_getfd, pidfd, target->fd, 0) < 0 && errno == EPERM);
}

TEST_F(device, descriptors_of_others)
{
	if (self->target.fd < 0)
		SKIP(return, "%s is missing", variant->path);
	EXPECT_EQ(0, child_run(look_at_neighbour, &self->target));
}

/* What an administrator says, in files of sysfs */
static void change_parameters(void *arg)
{
	static const char * const others[] = {
		"/sys/module/vhost_backend/uevent", "/sys/class/misc/vhost-backend/uevent",
		"/sys/module/vhost_shmem/uevent", "/sys/class/misc/vhost-shmem/uevent",
	};
	DIR *dir = opendir(PARAMETERS);
	struct dirent *entry;
	unsigned int count = 0;
	char path[512];

	become_user(0);
	child_check(dir);
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), PARAMETERS "/%s", entry->d_name);
		child_check(try_open(path, O_WRONLY) == -EACCES);
		count++;
	}
	child_check(count >= 5);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		child_check(access(others[i], F_OK) ||
			    try_open(others[i], O_WRONLY) == -EACCES);
}

TEST(parameters)
{
	EXPECT_EQ(0, child_run(change_parameters, NULL));
}

FIXTURE(handed) {
	struct pair pair;
};

/* The channel is root's. */
FIXTURE_SETUP(handed)
{
	ASSERT_EQ(0, pair_open(&self->pair, 0, (struct vhost_backend_setup){}));
}

FIXTURE_TEARDOWN(handed)
{
	pair_close(&self->pair);
}

/* All that one channel can do, and not another channel. */
static void use_handed_channel(void *arg)
{
	int channel = *(int *)arg;
	int efd = eventfd(0, EFD_CLOEXEC);
	uint64_t one = 1;
	struct message message;

	become_user(0);
	child_check(channel_read(channel, &message) == UNMAP_BYTES);
	child_check(channel_reply(channel, &message.msg, 0) == 32);
	child_check(channel_stats(channel).requests_answered == 1);
	child_check(!channel_bind(channel, VHOST_BACKEND_BIND_CONFIG, 0, efd, 0));
	child_check(write(efd, &one, sizeof(one)) == sizeof(one));
	child_check(channel_read(channel, &message) == sizeof(message.msg));
	child_check(message.msg.request == VHOST_BACKEND_CONFIG_CHANGE_MSG);
	child_check(reopen(channel, O_RDWR) == -EACCES);
}

TEST_F(handed, channel)
{
	uint64_t cookie;

	ASSERT_EQ(0, unmap_async(self->pair.worker, 1, 0, &cookie));
	EXPECT_EQ(0, child_run(use_handed_channel, &self->pair.channel));
	EXPECT_EQ(0, async_error(self->pair.worker, cookie));
}

/* It gets no descriptor but by asking for it, and none of another channel. */
static void read_map(void *arg)
{
	int *channels = arg;
	struct vhost_backend_take_fd take = {};
	struct message message;
	int descriptors;

	become_user(0);
	descriptors = count_descriptors();
	child_check(channel_read(channels[0], &message) == ASK_MAP_BYTES);
	child_check(message.msg.fd == VHOST_BACKEND_FD_PENDING);
	take.id = message.msg.id;
	child_check(try_ioctl(channels[1], VHOST_BACKEND_TAKE_FD, &take) == -ENOENT);
	child_check(count_descriptors() == descriptors);
	child_check(!try_ioctl(channels[0], VHOST_BACKEND_TAKE_FD, &take));
	child_check(count_descriptors() == descriptors + 1);
	child_check(channel_reply(channels[0], &message.msg, 0) == 32);
	child_check(try_ioctl(channels[0], VHOST_BACKEND_TAKE_FD, &take) == -ENOENT);
}

TEST_F(handed, files)
{
	int channels[2] = { self->pair.channel, channel_open(0) };
	int file = make_file(1);
	uint64_t cookie;

	ASSERT_EQ(0, map_async(self->pair.worker, 1, file, &cookie));
	EXPECT_EQ(0, child_run(read_map, channels));
	EXPECT_EQ(0, async_error(self->pair.worker, cookie));
	close(channels[1]);
	close(file);
}

/* Who was handed a device that has no owner yet makes it his, with a file of his. */
static void use_handed_device(void *arg)
{
	const struct shmem *shmem = arg;
	struct vhost_shmem_region region = { .bytes = PAGE };
	struct vhost_shmem_channel channel = { .fd = shmem->channel };
	struct vhost_shmem_stats stats;
	int file = make_file(1);

	become_user(0);
	child_check(!try_ioctl(shmem->device, VHOST_SET_OWNER, NULL));
	child_check(!try_ioctl(shmem->device, VHOST_SHMEM_SET_REGION, &region));
	child_check(!try_ioctl(shmem->device, VHOST_SHMEM_SET_FILE, &file));
	child_check(!try_ioctl(shmem->device, VHOST_SHMEM_SET_CHANNEL, &channel));
	child_check(!try_ioctl(shmem->device, VHOST_SHMEM_GET_STATS, &stats));
	child_check(reopen(shmem->device, O_RDWR) == -EACCES);
}

TEST_F(handed, device)
{
	struct shmem shmem = {
		.device = open(SHMEM_PATH, O_RDWR | O_NONBLOCK | O_CLOEXEC),
		.channel = channel_open(0),
	};
	struct vhost_shmem_stats stats;

	if (shmem.device < 0)
		SKIP(return, SHMEM_PATH " is missing");
	EXPECT_EQ(0, child_run(use_handed_device, &shmem));
	/* Then it is nobody else's. */
	EXPECT_EQ(-EPERM, try_ioctl(shmem.device, VHOST_SHMEM_GET_STATS, &stats));
	EXPECT_EQ(-EBUSY, try_ioctl(shmem.device, VHOST_SET_OWNER, NULL));
	close(shmem.device);
	close(shmem.channel);
}

TEST_HARNESS_MAIN
