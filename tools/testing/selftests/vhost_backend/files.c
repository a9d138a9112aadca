// SPDX-License-Identifier: GPL-2.0-only
/* Which files a request may carry: of what type, opened for what. */
#include "../kselftest_harness.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

#include <linux/io_uring.h>
#include <linux/udmabuf.h>

#include "lib/channel.h"
#include "lib/ends.h"
#include "lib/memory.h"
#include "lib/message.h"
#include "lib/refusal.h"
#include "lib/request.h"
#include "lib/skip.h"
#include "lib/worker.h"

SKIP_WITHOUT_WORKER;

WORKER_FIXTURE;

TEST_F_TIMEOUT(worker, missing_or_unexpected_file, 60)
{
	const struct request_kind *kind;

	for_each_kind(kind) {
		struct vhost_backend_test_send send = send_of(kind, &self->ends);

		send.fd = kind->file ? -1 : self->ends.file;
		EXPECT_TRUE(is_refused(&self->ends, send, kind->reply, EINVAL,
				       kind->file ? "no file" : "file"));
	}
}

/* The same file, as it would have been opened with @flags. */
static int reopen(int fd, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, flags | O_CLOEXEC);
}

/* The sample of @kind with one mapping of rights @flags. */
static struct message map_with_flags(const struct request_kind *kind,
				     unsigned int flags)
{
	struct message m = kind->sample;

	if (kind->request == VHOST_BACKEND_SHMEM_MAP) {
		m.map.flags = flags;
	} else if (kind_is_fs(kind)) {
		m = fs_with_entry(VHOST_BACKEND_FS_ENTRIES - 1);
		m.fs.flags[VHOST_BACKEND_FS_ENTRIES - 1] = flags;
	}
	return m;
}

TEST_F_TIMEOUT(worker, rights_of_the_file, 60)
{
	static const __u32 maps[] = {
		VHOST_BACKEND_SHMEM_MAP, VHOST_BACKEND_DEPRECATED_FS_MAP,
		VHOST_BACKEND_GPU_MAP,
	};
	const unsigned int rw = VHOST_BACKEND_MAP_R | VHOST_BACKEND_MAP_W;
	int reader = reopen(self->ends.file, O_RDONLY);
	int writer = reopen(self->ends.file, O_WRONLY);

	ASSERT_LE(0, reader);
	ASSERT_LE(0, writer);
	for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
		const struct request_kind *kind = find_kind(maps[i]);
		struct vhost_backend_test_send send = send_of(kind, &self->ends);
		struct message m = map_with_flags(kind, VHOST_BACKEND_MAP_R);

		send.payload = (uintptr_t)m.bytes;
		send.fd = reader;
		EXPECT_TRUE(is_accepted(&self->ends, send, "read-only file"));
		send.fd = writer;
		EXPECT_TRUE(is_refused(&self->ends, send, kind->reply, EACCES,
				       "write-only file"));
		/* It does not say what it is mapped for. */
		if (kind->request == VHOST_BACKEND_GPU_MAP)
			continue;
		m = map_with_flags(kind, rw);
		EXPECT_TRUE(is_refused(&self->ends, send, kind->reply, EACCES,
				       "write-only file, R|W"));
		send.fd = reader;
		EXPECT_TRUE(is_refused(&self->ends, send, kind->reply, EACCES,
				       "read-only file, R|W"));
		send.fd = self->ends.file;
		EXPECT_TRUE(is_accepted(&self->ends, send, "R|W"));
	}
	close(reader);
	close(writer);
}

/* Send @fd with each request that carries a file. */
static void try_file(struct __test_metadata *_metadata,
		     struct ends *ends, int fd, bool right,
		     const char *what)
{
	const struct request_kind *kind;

	ASSERT_LE(0, fd)
		TH_LOG("%s", what);
	for_each_kind(kind) {
		struct vhost_backend_test_send send = send_of(kind, ends);

		if (!kind->file)
			continue;
		send.fd = fd;
		EXPECT_TRUE(right ?
			    is_accepted(ends, send, what) :
			    is_refused(ends, send, kind->reply, EINVAL, what));
	}
	close(fd);
}

/* What could hold the channel itself, or has nothing to map. */
TEST_F_TIMEOUT(worker, files_of_a_wrong_type, 180)
{
	struct io_uring_params params = {};
	sigset_t signals;
	int pair[2];

	sigemptyset(&signals);
	ASSERT_EQ(0, pipe(pair));
	try_file(_metadata, &self->ends, pair[0], false, "pipe");
	try_file(_metadata, &self->ends, pair[1], false, "pipe");
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	try_file(_metadata, &self->ends, pair[0], false, "socket");
	close(pair[1]);
	try_file(_metadata, &self->ends, socket(AF_INET, SOCK_DGRAM, 0), false,
		 "UDP socket");
	try_file(_metadata, &self->ends, epoll_create1(0), false, "epoll");
	try_file(_metadata, &self->ends, eventfd(0, 0), false, "eventfd");
	try_file(_metadata, &self->ends, signalfd(-1, &signals, 0), false, "signalfd");
	try_file(_metadata, &self->ends, timerfd_create(CLOCK_MONOTONIC, 0), false,
		 "timerfd");
	try_file(_metadata, &self->ends, syscall(__NR_io_uring_setup, 4, &params),
		 false, "io_uring");
	try_file(_metadata, &self->ends, open("/", O_RDONLY | O_DIRECTORY), false,
		 "directory");
}

/* A channel that its own queue keeps alive would never go away. */
TEST_F_TIMEOUT(worker, channels_as_files, 60)
{
	try_file(_metadata, &self->ends, dup(self->ends.channel), false,
		 "the channel itself");
	try_file(_metadata, &self->ends, channel_open(0), false, "another channel");
	try_file(_metadata, &self->ends, open(CHANNEL_PATH, O_RDWR), false,
		 "a channel before SETUP");
}

TEST_F(worker, named_pipe)
{
	char path[] = "/tmp/vhost-backend-XXXXXX";

	mkdir("/tmp", 01777);
	ASSERT_TRUE(!!mkdtemp(path));
	ASSERT_EQ(0, chdir(path));
	ASSERT_EQ(0, mkfifo("fifo", 0600));
	try_file(_metadata, &self->ends, open("fifo", O_RDWR), false, "named pipe");
	EXPECT_EQ(0, unlink("fifo"));
	EXPECT_EQ(0, rmdir(path));
}

/* A descriptor that only names a file is no descriptor to the kernel. */
TEST_F(worker, path_descriptor)
{
	const struct request_kind *kind = find_kind(VHOST_BACKEND_SHMEM_MAP);
	struct vhost_backend_test_send send = send_of(kind, &self->ends);

	send.fd = reopen(self->ends.file, O_PATH);
	ASSERT_LE(0, send.fd);
	EXPECT_EQ(-EBADF, worker_send(self->ends.worker, &send));
	EXPECT_FALSE(channel_has_message(self->ends.channel));
	close(send.fd);
}

static int file_on_tmpfs(void)
{
	char path[] = "/tmp/vhost-backend-XXXXXX";
	int fd = -1;

	mkdir("/tmp", 01777);
	if (!mkdtemp(path) || mount("none", path, "tmpfs", 0, NULL))
		return -1;
	if (!chdir(path))
		fd = open(".", O_TMPFILE | O_RDWR, 0600);
	if (chdir("/") || umount2(path, MNT_DETACH) || rmdir(path))
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
	return fd;
}

TEST_F_TIMEOUT(worker, files_of_a_right_type, 60)
{
	try_file(_metadata, &self->ends, dup(self->ends.file), true, "memfd");
	try_file(_metadata, &self->ends, file_on_tmpfs(), true, "file on tmpfs");
	try_file(_metadata, &self->ends, open("/dev/zero", O_RDWR), true, "/dev/zero");
	try_file(_metadata, &self->ends, open("/dev/null", O_RDWR), true, "/dev/null");
}

/* A dma-buf of one page; -errno where that fails. */
static int make_dma_buf(void)
{
	struct udmabuf_create create = { .size = PAGE };
	int device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	int memfd = memfd_create("dma-buf", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	int fd = -1;

	create.memfd = memfd;
	if (device < 0 || memfd < 0)
		return -errno;
	if (!ftruncate(memfd, PAGE) && !fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		fd = ioctl(device, UDMABUF_CREATE, &create);
	if (fd < 0)
		fd = -errno;
	close(memfd);
	close(device);
	return fd;
}

/* Of the kernels that this is run on, only the debug kernel can make one. */
TEST_F_TIMEOUT(worker, dma_buf, 60)
{
	if (access("/dev/udmabuf", F_OK)) {
		TH_LOG("no /dev/udmabuf in this kernel: nothing to try");
		return;
	}
	try_file(_metadata, &self->ends, make_dma_buf(), true, "dma-buf");
}

TEST_HARNESS_MAIN
