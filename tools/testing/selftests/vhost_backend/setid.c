// SPDX-License-Identifier: GPL-2.0-only
/*
 * A channel in the hands of other credentials, such as a set-user-ID program
 * that was given it as its standard input: a read installs no descriptor there,
 * a write takes none, and the ioctls, which no such program issues by accident,
 * do both.
 */
#include "../kselftest_harness.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <linux/capability.h>

#include "lib/channel.h"
#include "lib/child.h"
#include "lib/file.h"
#include "lib/memory.h"
#include "lib/message.h"
#include "lib/pair.h"
#include "lib/reader.h"
#include "lib/skip.h"
#include "lib/wait.h"
#include "lib/worker.h"

SKIP_WITHOUT_WORKER;

#define OTHER_USER	4321

FIXTURE(setid) {
	struct pair pair;
	int watch;
	uint64_t cookie;
};

/* A map whose file only the channel holds. */
FIXTURE_SETUP(setid)
{
	int file = make_locked_file(&self->watch);

	ASSERT_EQ(0, pair_open(&self->pair, 0, (struct vhost_backend_setup){}));
	ASSERT_LE(0, file);
	ASSERT_EQ(0, map_async(self->pair.worker, 1, file, &self->cookie));
	close(file);
}

FIXTURE_TEARDOWN(setid)
{
	close(self->watch);
	pair_close(&self->pair);
}

/* Ways to become somebody else, or nobody else. */
static bool drop_one_capability(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data))
		return false;
	data[0].effective &= ~(1U << CAP_SYS_BOOT);
	return !syscall(SYS_capset, &header, data);
}

static bool change_user(void)
{
	return !setresuid(OTHER_USER, OTHER_USER, OTHER_USER);
}

static bool change_effective_user(void)
{
	return !setresuid(-1, OTHER_USER, -1);
}

static bool change_group(void)
{
	return !setresgid(OTHER_USER, OTHER_USER, OTHER_USER);
}

static bool change_namespace(void)
{
	return !unshare(CLONE_NEWUSER);
}

static bool change_nothing(void)
{
	return true;
}

/* Credentials are compared by value, and of the users only the effective one. */
static bool change_real_user(void)
{
	return !setresuid(OTHER_USER, -1, -1);
}

struct change {
	bool (*become)(void);
	int channel;
};

static void read_as_other(void *arg)
{
	struct change *change = arg;
	struct vhost_backend_take_fd take = {};
	struct message message;
	int descriptors;

	child_check(change->become());
	descriptors = count_descriptors();
	child_check(channel_read(change->channel, &message) == 56);
	child_check(message.msg.fd == VHOST_BACKEND_FD_PENDING);
	child_check(count_descriptors() == descriptors);

	/* The request can be taken care of all the same. */
	take.id = message.msg.id;
	child_check(!try_ioctl(change->channel, VHOST_BACKEND_TAKE_FD, &take));
	child_check(count_descriptors() == descriptors + 1);
	child_check(fcntl(take.fd, F_GETFD) == FD_CLOEXEC);
	child_check(lseek(take.fd, 0, SEEK_END) == PAGE);
	/* It can be taken until the reply. */
	child_check(!try_ioctl(change->channel, VHOST_BACKEND_TAKE_FD, &take));
	child_check(count_descriptors() == descriptors + 2);
	child_check(channel_reply(change->channel, &message.msg, 0) == 32);
	child_check(try_ioctl(change->channel, VHOST_BACKEND_TAKE_FD, &take) == -ENOENT);
}

static void read_as_same(void *arg)
{
	struct change *change = arg;
	struct message message;

	child_check(change->become());
	child_check(channel_read(change->channel, &message) == 56);
	child_check(lseek(message.msg.fd, 0, SEEK_END) == PAGE);
	child_check(channel_reply(change->channel, &message.msg, 0) == 32);
}

static void read_changed(struct __test_metadata *_metadata, const struct pair *pair,
			 uint64_t cookie, void (*read)(void *), bool (*become)(void))
{
	struct change change = { .become = become, .channel = pair->channel };

	EXPECT_EQ(0, child_run(read, &change));
	EXPECT_EQ(0, async_error(pair->worker, cookie));
}

TEST_F(setid, read_other_user)
{
	read_changed(_metadata, &self->pair, self->cookie, read_as_other, change_user);
}

TEST_F(setid, read_other_effective_user)
{
	read_changed(_metadata, &self->pair, self->cookie, read_as_other,
		     change_effective_user);
}

TEST_F(setid, read_other_group)
{
	read_changed(_metadata, &self->pair, self->cookie, read_as_other, change_group);
}

TEST_F(setid, read_other_capabilities)
{
	read_changed(_metadata, &self->pair, self->cookie, read_as_other,
		     drop_one_capability);
}

TEST_F(setid, read_other_namespace)
{
	read_changed(_metadata, &self->pair, self->cookie, read_as_other,
		     change_namespace);
}

TEST_F(setid, read_same)
{
	read_changed(_metadata, &self->pair, self->cookie, read_as_same, change_nothing);
	EXPECT_TRUE(wait_until(!file_is_held(self->watch)));
}

TEST_F(setid, read_other_real_user)
{
	read_changed(_metadata, &self->pair, self->cookie, read_as_same,
		     change_real_user);
}

/* A file in a reply to LOOKUP: the other way round. */
static void answer_lookup(void *arg)
{
	struct change *change = arg;
	struct vhost_backend_reply reply;
	struct message message;

	child_check(channel_read(change->channel, &message) == 40);
	reply = reply_to(&message.msg, 0);
	reply.msg.fd = make_file(3);
	child_check(change->become());
	child_check(write(change->channel, &reply, sizeof(reply)) < 0 && errno == EPERM);
	child_check(!try_ioctl(change->channel, VHOST_BACKEND_REPLY, &reply));
}

static void answer_lookup_same(void *arg)
{
	struct change *change = arg;
	struct vhost_backend_reply reply;
	struct message message;

	child_check(channel_read(change->channel, &message) == 40);
	reply = reply_to(&message.msg, 0);
	reply.msg.fd = make_file(3);
	child_check(write(change->channel, &reply, sizeof(reply)) == sizeof(reply));
}

static void look_up(struct __test_metadata *_metadata, const struct pair *pair,
		    void (*answer)(void *))
{
	static const struct vhost_backend_shared_object object = { .uuid = "an object" };
	struct change change = { .become = change_user, .channel = pair->channel };
	struct vhost_backend_test_result result;
	uint64_t cookie;

	ASSERT_EQ(0, send_async(pair->worker, VHOST_BACKEND_SHARED_OBJECT_LOOKUP,
				&object, sizeof(object), -1, &cookie));
	EXPECT_EQ(0, child_run(answer, &change));
	ASSERT_EQ(0, worker_result(pair->worker, cookie, LIMIT_MS, &result));
	EXPECT_EQ(0, result.error);
	EXPECT_EQ(3 * PAGE, lseek(result.fd, 0, SEEK_END));
	close(result.fd);
}

TEST_F(setid, reply_with_file)
{
	ASSERT_EQ(1, drain(self->pair.channel, READ_MAX, ignore_message, NULL));
	look_up(_metadata, &self->pair, answer_lookup);
	look_up(_metadata, &self->pair, answer_lookup_same);
}

/* The worker wants no reply, but a file that was not installed does. */
static int send_notifier(int worker, int file)
{
	struct vhost_backend_vring_area area = { .vring = 1, .size = PAGE };

	return send_plain(worker, VHOST_BACKEND_VRING_HOST_NOTIFIER_MSG, &area,
			  sizeof(area), file);
}

static void read_notifier(void *arg)
{
	struct change *change = arg;
	struct vhost_backend_take_fd take = {};
	struct message message;

	child_check(change->become());
	child_check(channel_read(change->channel, &message) == 48);
	child_check(message.msg.fd == VHOST_BACKEND_FD_PENDING && message.msg.id);
	child_check(message.msg.flags & VHOST_BACKEND_MSG_NEED_REPLY);
	take.id = message.msg.id;
	for (int times = 0; times < 3; times++) {
		child_check(!try_ioctl(change->channel, VHOST_BACKEND_TAKE_FD, &take));
		child_check(lseek(take.fd, 0, SEEK_END) == PAGE);
	}
	child_check(channel_reply(change->channel, &message.msg, 0) == 32);
	child_check(try_ioctl(change->channel, VHOST_BACKEND_TAKE_FD, &take) == -ENOENT);
}

TEST_F(setid, notifier)
{
	struct change change = { .become = change_user, .channel = self->pair.channel };
	struct vhost_backend_take_fd take = {};
	struct message message;
	int watch, file = make_locked_file(&watch);
	uint64_t inflight;

	ASSERT_EQ(1, drain(self->pair.channel, READ_MAX, ignore_message, NULL));
	inflight = channel_stats(self->pair.channel).inflight;
	ASSERT_EQ(0, send_notifier(self->pair.worker, file));
	ASSERT_EQ(0, send_notifier(self->pair.worker, file));
	close(file);
	EXPECT_EQ(0, child_run(read_notifier, &change));
	EXPECT_TRUE(file_is_held(watch));

	/* The second is read with the credentials of SETUP. */
	ASSERT_EQ(48, channel_read(self->pair.channel, &message));
	EXPECT_EQ((uint32_t)VHOST_BACKEND_MSG_VERSION, message.msg.flags);
	EXPECT_EQ(PAGE, lseek(message.msg.fd, 0, SEEK_END));
	take.id = message.msg.id;
	EXPECT_NE(0U, take.id);
	EXPECT_EQ(-ENOENT, try_ioctl(self->pair.channel, VHOST_BACKEND_TAKE_FD, &take));
	close(message.msg.fd);
	EXPECT_TRUE(wait_until(!file_is_held(watch)));
	EXPECT_EQ(inflight, channel_stats(self->pair.channel).inflight);
}

/* A channel that root has opened for another user, who does SETUP */
struct handed_over {
	struct pair pair;
	uint64_t cookies[2];
};

static void set_up_as_other(void *arg)
{
	struct handed_over *handed = arg;
	struct vhost_backend_test_attach attach = {
		.fd = handed->pair.channel, .name = "own",
	};
	struct message message;
	int file = make_file(1);

	child_check(change_user());
	child_check(!channel_setup(handed->pair.channel, (struct vhost_backend_setup){}));
	child_check(!try_ioctl(handed->pair.worker, VHOST_BACKEND_TEST_ATTACH, &attach));
	for (unsigned int n = 0; n < 2; n++)
		child_check(!map_async(handed->pair.worker, n, file, &handed->cookies[n]));
	child_check(channel_read(handed->pair.channel, &message) == 56);
	child_check(lseek(message.msg.fd, 0, SEEK_END) == PAGE);
}

/* Files are for those who did SETUP, whoever opened the channel. */
TEST_F(setid, opened_for_another_user)
{
	struct handed_over handed = {
		.pair.channel = open(CHANNEL_PATH, O_RDWR | O_CLOEXEC),
		.pair.worker = open(WORKER_PATH, O_RDWR | O_CLOEXEC),
	};
	struct message message;

	EXPECT_EQ(0, child_run(set_up_as_other, &handed));
	ASSERT_EQ(56, channel_read(handed.pair.channel, &message));
	EXPECT_EQ(VHOST_BACKEND_FD_PENDING, message.msg.fd);
	EXPECT_EQ(32, channel_reply(handed.pair.channel, &message.msg, 0));
	pair_close(&handed.pair);
}

/* What the set-user-ID program does: it reads, and copies, its standard input. */
#define SET_ID_MODE	"--read-standard-input"

static int set_id_program(void)
{
	int descriptors = count_descriptors();
	struct message message;
	ssize_t n = read(STDIN_FILENO, &message, sizeof(message));

	if (n != 56 || geteuid() == getuid())
		return 10;
	if (count_descriptors() != descriptors)
		return 11;
	return message.msg.fd == VHOST_BACKEND_FD_PENDING ? 0 : 12;
}

static void exec_set_id(void *arg)
{
	struct change *change = arg;

	child_check(dup2(change->channel, STDIN_FILENO) == STDIN_FILENO);
	execl("/tmp/set-id", "set-id", SET_ID_MODE, NULL);
	child_check(false);
}

/* An ordinary user, who has opened a channel, runs a program of root's. */
static void fool_root(void *arg)
{
	struct change *change = arg;
	struct pair pair;
	uint64_t cookie;
	int file;

	child_check(change->become());
	pair.worker = change->channel;
	pair.channel = open("/tmp/channel", O_RDWR);
	child_check(!channel_setup(pair.channel, (struct vhost_backend_setup){}));
	child_check(!try_ioctl(pair.worker, VHOST_BACKEND_TEST_ATTACH,
			       &(struct vhost_backend_test_attach){
					.fd = pair.channel, .name = "own" }));
	file = make_file(1);
	child_check(!map_async(pair.worker, 1, file, &cookie));
	change->channel = pair.channel;
	child_check(child_run(exec_set_id, change) == 0);
}

static bool make_set_id_program(uid_t owner)
{
	char buffer[65536];
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int to = open("/tmp/set-id", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	ssize_t n = -1;

	while (to >= 0 && (n = read(from, buffer, sizeof(buffer))) > 0)
		if (write(to, buffer, n) != n)
			return false;
	close(from);
	return !n && !fchown(to, owner, owner) && !fchmod(to, 04755) && !close(to);
}

TEST_F(setid, program_of_another_user)
{
	struct change change = { .channel = self->pair.channel };

	ASSERT_EQ(0, private_tmp());
	ASSERT_TRUE(make_set_id_program(OTHER_USER));
	EXPECT_EQ(0, child_run(exec_set_id, &change));
}

TEST_F(setid, program_of_root)
{
	struct change change = {
		.become = change_user, .channel = open(WORKER_PATH, O_RDWR),
	};

	ASSERT_EQ(0, private_tmp());
	ASSERT_EQ(0, node_for_all("/tmp/channel"));
	ASSERT_TRUE(make_set_id_program(0));
	EXPECT_EQ(0, child_run(fool_root, &change));
}

/* The harness has a main of its own. */
#define main harness_main
TEST_HARNESS_MAIN
#undef main

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], SET_ID_MODE))
		return set_id_program();
	return harness_main(argc, argv);
}
