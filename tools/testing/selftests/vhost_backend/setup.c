// SPDX-License-Identifier: GPL-2.0-only
/* VHOST_BACKEND_SETUP, and what a channel refuses before it. */
#include "../kselftest_harness.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/uio.h>

#include "lib/channel.h"
#include "lib/file.h"
#include "lib/memory.h"
#include "lib/request.h"
#include "lib/skip.h"
#include "lib/wait.h"
#include "lib/worker.h"

SKIP_WITHOUT_WORKER;

FIXTURE(setup) {
	int channel;
};

FIXTURE_SETUP(setup)
{
	self->channel = open(CHANNEL_PATH, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	ASSERT_LE(0, self->channel);
}

FIXTURE_TEARDOWN(setup)
{
	close(self->channel);
}

static bool still_new(int channel)
{
	struct vhost_backend_setup setup;

	return try_ioctl(channel, VHOST_BACKEND_GET_SETUP, &setup) == -ENOTCONN;
}

/* SETUP fails with -@error, and the channel is as if it had not been tried. */
#define EXPECT_REFUSED(error, ...) do { \
	EXPECT_EQ(-(error), channel_setup(self->channel, \
		  (struct vhost_backend_setup){ __VA_ARGS__ })); \
	EXPECT_TRUE(still_new(self->channel)); \
} while (0)

/* On a channel of its own, since SETUP succeeds only once. */
static int setup_and_get(struct vhost_backend_setup setup,
			 struct vhost_backend_setup *out)
{
	int fd = open(CHANNEL_PATH, O_RDWR | O_CLOEXEC);
	struct vhost_backend_setup got;
	int err;

	if (fd < 0)
		return -errno;
	memset(&got, 0xa5, sizeof(got));
	*out = setup;
	err = try_ioctl(fd, VHOST_BACKEND_SETUP, out);
	if (!err)
		err = try_ioctl(fd, VHOST_BACKEND_GET_SETUP, &got);
	close(fd);
	if (!err && memcmp(&got, out, sizeof(got)))
		err = -EBADMSG;
	return err;
}

TEST_F(setup, defaults)
{
	static const struct vhost_backend_setup expected = {
		.nr_vrings = 256, .ring_bytes = 16384, .max_inflight = 64,
		.requests = VHOST_BACKEND_REQUESTS_ALL, .max_mappings = 256,
	};
	struct vhost_backend_setup out;

	ASSERT_EQ(0, setup_and_get((struct vhost_backend_setup){
		.requests = VHOST_BACKEND_REQUESTS_ALL }, &out));
	EXPECT_EQ(0, memcmp(&out, &expected, sizeof(out)));
}

/* What is asked for is what is in use: nothing is rounded. */
TEST_F(setup, values_in_use)
{
	static const struct vhost_backend_setup asked[] = {
		{ .nr_vrings = 1, .ring_bytes = 4096, .max_inflight = 1,
		  .requests = BIT_OF(VRING_CALL), .max_mappings = 1 },
		{ .nr_vrings = 63, .ring_bytes = 8192, .max_inflight = 3,
		  .requests = EVERYTHING, .max_mappings = 77,
		  .flags = VHOST_BACKEND_SETUP_STD_SHMEM },
		{ .nr_vrings = 32768, .ring_bytes = 16777216,
		  .max_inflight = 4096, .requests = EVERYTHING,
		  .max_mappings = 65536 },
	};
	struct vhost_backend_setup out;

	for (size_t i = 0; i < ARRAY_SIZE(asked); i++) {
		ASSERT_EQ(0, setup_and_get(asked[i], &out));
		EXPECT_EQ(0, memcmp(&out, &asked[i], sizeof(out)));
	}
}

TEST_F(setup, every_ring_size)
{
	struct vhost_backend_setup out;

	for (__u32 bytes = 4096; bytes <= 16777216; bytes *= 2) {
		ASSERT_EQ(0, setup_and_get((struct vhost_backend_setup){
			.ring_bytes = bytes, .requests = EVERYTHING }, &out));
		EXPECT_EQ(bytes, out.ring_bytes);
	}
}

/* Fields that only the kernel fills: a former channel's values do no harm. */
TEST_F(setup, out_fields_are_not_looked_at)
{
	struct vhost_backend_setup out;

	ASSERT_EQ(0, setup_and_get((struct vhost_backend_setup){
		.requests = EVERYTHING, .ctl_bytes = 8192, .call_offset = 4096,
		.err_offset = 4128 }, &out));
	EXPECT_EQ(0U, out.ctl_bytes);
	EXPECT_EQ(0U, out.call_offset);
	EXPECT_EQ(0U, out.err_offset);
}

/* Of no use, but well-formed: a frontend that handles nothing yet. */
TEST_F(setup, no_requests)
{
	struct vhost_backend_setup out;

	ASSERT_EQ(0, setup_and_get((struct vhost_backend_setup){}, &out));
	EXPECT_EQ(0U, out.requests);
}

TEST_F(setup, out_of_range)
{
	EXPECT_REFUSED(EINVAL, .nr_vrings = 32769);
	EXPECT_REFUSED(EINVAL, .nr_vrings = ~0U);
	EXPECT_REFUSED(EINVAL, .ring_bytes = 1);
	EXPECT_REFUSED(EINVAL, .ring_bytes = 2048);
	EXPECT_REFUSED(EINVAL, .ring_bytes = 4095);
	EXPECT_REFUSED(EINVAL, .ring_bytes = 4097);
	EXPECT_REFUSED(EINVAL, .ring_bytes = 12288);
	EXPECT_REFUSED(EINVAL, .ring_bytes = 16777215);
	EXPECT_REFUSED(EINVAL, .ring_bytes = 16777217);
	EXPECT_REFUSED(EINVAL, .ring_bytes = 33554432);
	EXPECT_REFUSED(EINVAL, .ring_bytes = 0x80000000);
	EXPECT_REFUSED(EINVAL, .ring_bytes = ~0U);
	EXPECT_REFUSED(EINVAL, .max_inflight = 4097);
	EXPECT_REFUSED(EINVAL, .max_inflight = ~0U);
	EXPECT_REFUSED(EINVAL, .max_mappings = 65537);
	EXPECT_REFUSED(EINVAL, .max_mappings = ~0U);
	EXPECT_EQ(0, channel_setup(self->channel,
				   (struct vhost_backend_setup){}));
}

TEST_F(setup, unknown_flags_and_reserved)
{
	for (int bit = 2; bit < 32; bit++)
		EXPECT_REFUSED(EINVAL, .flags = 1U << bit);
	EXPECT_REFUSED(EINVAL, .reserved = { 1 });
	EXPECT_REFUSED(EINVAL, .reserved = { 0, 1 });
	EXPECT_REFUSED(EINVAL, .reserved = { 0, 0, 0x80000000 });
	EXPECT_REFUSED(EINVAL, .reserved = { 0, 0, 0, ~0U });
	EXPECT_EQ(0, channel_setup(self->channel,
				   (struct vhost_backend_setup){}));
}

/* 9 and 10 are asked for as 1000 and 1001; the rest have no request. */
TEST_F(setup, unknown_requests)
{
	const __u64 known = EVERYTHING;

	for (int bit = 0; bit < 64; bit++) {
		if (known & (1ULL << bit))
			continue;
		EXPECT_REFUSED(EINVAL, .requests = known | (1ULL << bit));
		EXPECT_REFUSED(EINVAL, .requests = known | (1ULL << bit),
			       .flags = VHOST_BACKEND_SETUP_STD_SHMEM);
	}
	EXPECT_EQ(0, channel_setup(self->channel,
				   (struct vhost_backend_setup){}));
}

/* A frontend may handle any subset; each bit is given back as it was. */
TEST_F(setup, each_request_alone)
{
	const __u64 known = EVERYTHING;
	const __u64 maps = BIT_OF(SHMEM_MAP) | BIT_OF(GPU_MAP) |
			   BIT_OF(EXTERNAL_MAP);
	struct vhost_backend_setup out;

	for (int bit = 0; bit < 64; bit++) {
		struct vhost_backend_setup setup = { .requests = 1ULL << bit };

		if (!(known & setup.requests))
			continue;
		if (maps & setup.requests)
			setup.requests |= BIT_OF(SHMEM_UNMAP);
		ASSERT_EQ(0, setup_and_get(setup, &out));
		EXPECT_EQ(setup.requests, out.requests);
	}
}

/* The kernel sends SHMEM_UNMAP by itself: who maps must handle it. */
TEST_F(setup, map_without_unmap)
{
	EXPECT_REFUSED(EINVAL, .requests = BIT_OF(SHMEM_MAP));
	EXPECT_REFUSED(EINVAL, .requests = BIT_OF(GPU_MAP));
	EXPECT_REFUSED(EINVAL, .requests = BIT_OF(EXTERNAL_MAP));
	EXPECT_REFUSED(EINVAL,
		       .requests = EVERYTHING & ~BIT_OF(SHMEM_UNMAP));
	EXPECT_REFUSED(EINVAL, .requests = BIT_OF(SHMEM_MAP),
		       .flags = VHOST_BACKEND_SETUP_STD_SHMEM);
	EXPECT_EQ(0, channel_setup(self->channel, (struct vhost_backend_setup){
		.requests = BIT_OF(SHMEM_MAP) | BIT_OF(SHMEM_UNMAP) }));
}

TEST_F(setup, second_setup)
{
	struct vhost_backend_setup first = {
		.nr_vrings = 7, .requests = EVERYTHING,
	};
	struct vhost_backend_setup second = {
		.nr_vrings = 9, .requests = BIT_OF(VRING_CALL),
	};
	struct vhost_backend_setup got;

	ASSERT_EQ(0, try_ioctl(self->channel, VHOST_BACKEND_SETUP, &first));
	EXPECT_EQ(-EBUSY, try_ioctl(self->channel, VHOST_BACKEND_SETUP,
				    &first));
	EXPECT_EQ(-EBUSY, try_ioctl(self->channel, VHOST_BACKEND_SETUP,
				    &second));
	ASSERT_EQ(0, try_ioctl(self->channel, VHOST_BACKEND_GET_SETUP, &got));
	EXPECT_EQ(0, memcmp(&got, &first, sizeof(got)));
}

struct racer {
	pthread_barrier_t *barrier;
	int channel;
	int error;
};

static void *race_to_set_up(void *arg)
{
	struct racer *racer = arg;

	pthread_barrier_wait(racer->barrier);
	racer->error = channel_setup(racer->channel,
				     (struct vhost_backend_setup){});
	return NULL;
}

TEST_F_TIMEOUT(setup, race_of_two, 120)
{
	pthread_barrier_t barrier;

	ASSERT_EQ(0, pthread_barrier_init(&barrier, NULL, 2));
	for (int round = 0; round < 100; round++) {
		int fd = open(CHANNEL_PATH, O_RDWR | O_CLOEXEC);
		struct racer other = { .barrier = &barrier, .channel = fd };
		struct racer own = other;
		pthread_t thread;

		ASSERT_LE(0, fd);
		ASSERT_EQ(0, pthread_create(&thread, NULL, race_to_set_up,
					    &other));
		race_to_set_up(&own);
		pthread_join(thread, NULL);
		ASSERT_EQ(-EBUSY, own.error + other.error);
		ASSERT_EQ(0, own.error * other.error);
		close(fd);
	}
}

TEST_F(setup, bad_pointers)
{
	struct vhost_backend_setup setup = { .requests = EVERYTHING };
	void *argument = read_only_page(&setup, sizeof(setup));
	unsigned char *page = page_before_nothing();
	const size_t bytes = sizeof(setup);

	EXPECT_EQ(-EFAULT, try_ioctl(self->channel, VHOST_BACKEND_SETUP, NULL));
	EXPECT_EQ(-EFAULT, try_ioctl(self->channel, VHOST_BACKEND_SETUP,
				     address_of(-PAGE)));
	for (size_t n = 0; n < bytes; n++)
		EXPECT_EQ(-EFAULT, try_ioctl(self->channel, VHOST_BACKEND_SETUP,
					     page + PAGE - n));
	/* A good argument, but the answer can't be written to it. */
	EXPECT_EQ(-EFAULT, try_ioctl(self->channel, VHOST_BACKEND_SETUP,
				     argument));
	EXPECT_TRUE(still_new(self->channel));
	memcpy(page + PAGE - bytes, &setup, bytes);
	EXPECT_EQ(0, try_ioctl(self->channel, VHOST_BACKEND_SETUP,
			       page + PAGE - bytes));
	EXPECT_FALSE(still_new(self->channel));
}

/* A multiple of 4 is all that a 32-bit program's compiler may ensure. */
TEST_F(setup, unaligned_argument)
{
	struct vhost_backend_setup setup = { .requests = EVERYTHING };
	unsigned char bytes[sizeof(setup) + 8];

	for (int i = 0; i < 8; i++) {
		int fd = open(CHANNEL_PATH, O_RDWR | O_CLOEXEC);

		ASSERT_LE(0, fd);
		memcpy(bytes + i, &setup, sizeof(setup));
		EXPECT_EQ(0, try_ioctl(fd, VHOST_BACKEND_SETUP, bytes + i));
		close(fd);
	}
}

static long meminfo_kib(const char *format)
{
	FILE *meminfo = fopen("/proc/meminfo", "r");
	char line[128];
	long kib = -1;

	if (!meminfo)
		return -1;
	while (kib < 0 && fgets(line, sizeof(line), meminfo)) {
		if (sscanf(line, format, &kib) != 1)
			kib = -1;
	}
	fclose(meminfo);
	return kib;
}

static long available_kib(void)
{
	return meminfo_kib("MemAvailable: %ld kB");
}

static long per_cpu_kib(void)
{
	return meminfo_kib("Percpu: %ld kB");
}

/* 40 attempts that fail at the last step, each after some 16 MiB. */
TEST_F_TIMEOUT(setup, failure_keeps_no_memory, 180)
{
	struct vhost_backend_setup wish = {
		.nr_vrings = 32768, .ring_bytes = 16777216,
		.max_inflight = 4096, .max_mappings = 65536,
		.requests = EVERYTHING,
	};
	void *argument = read_only_page(&wish, sizeof(wish));
	long before = available_kib();

	ASSERT_LT(0, before);
	for (int i = 0; i < 40; i++)
		ASSERT_EQ(-EFAULT, try_ioctl(self->channel,
					     VHOST_BACKEND_SETUP, argument));
	/* What is freed a little later still counts as freed. */
	for (int i = 0; i < 300 && available_kib() < before - 8 * 16384; i++)
		usleep(100000);
	EXPECT_LE(before - 8 * 16384, available_kib());
	EXPECT_TRUE(still_new(self->channel));
	EXPECT_EQ(0, channel_setup(self->channel, wish));
}

#define CHANNELS	1000

/* Statistics are counted by each processor, in memory of which kmemleak reports nothing. */
TEST_F_TIMEOUT(setup, counters_are_free_again, 180)
{
	const struct vhost_backend_setup plain = { .requests = EVERYTHING };
	const long of_one_cpu = CHANNELS * sizeof(struct vhost_backend_stats) / 1024;
	void *argument = read_only_page(&plain, sizeof(plain));
	long before = per_cpu_kib();

	ASSERT_LT(0, before);
	for (int i = 0; i < CHANNELS / 2; i++) {
		int fd = open(CHANNEL_PATH, O_RDWR | O_CLOEXEC);

		ASSERT_LE(0, fd);
		ASSERT_EQ(-EFAULT, try_ioctl(fd, VHOST_BACKEND_SETUP, argument));
		ASSERT_EQ(0, channel_setup(fd, plain));
		close(fd);
	}
	EXPECT_TRUE(wait_until(per_cpu_kib() < before + of_one_cpu / 4))
		TH_LOG("%ld KiB, and now %ld", before, per_cpu_kib());
}

/* All but GET_API_VERSION and SETUP, before SETUP. */
TEST_F(setup, everything_else_before_it)
{
	static const struct {
		const char *name;
		unsigned long command;
	} commands[] = {
		{ "BIND", VHOST_BACKEND_BIND },
		{ "TAKE_FD", VHOST_BACKEND_TAKE_FD },
		{ "SET_SHMEM", VHOST_BACKEND_SET_SHMEM },
		{ "GET_MAPPINGS", VHOST_BACKEND_GET_MAPPINGS },
		{ "TAKE_OVER", VHOST_BACKEND_TAKE_OVER },
		{ "GET_STATS", VHOST_BACKEND_GET_STATS },
		{ "ROOM", VHOST_BACKEND_ROOM },
		{ "RESET", VHOST_BACKEND_RESET },
		{ "GET_SETUP", VHOST_BACKEND_GET_SETUP },
		{ "PAUSE", VHOST_BACKEND_PAUSE },
		{ "REPLY", VHOST_BACKEND_REPLY },
		{ "GET_SHMEM", VHOST_BACKEND_GET_SHMEM },
	};
	char buffer[512] = "";
	struct iovec iov = { .iov_base = buffer, .iov_len = sizeof(buffer) };

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		EXPECT_EQ(-ENOTCONN, try_ioctl(self->channel,
					       commands[i].command, buffer))
			TH_LOG("%s", commands[i].name);
	}
	EXPECT_EQ(-1, read(self->channel, buffer, sizeof(buffer)));
	EXPECT_EQ(ENOTCONN, errno);
	EXPECT_EQ(-1, readv(self->channel, &iov, 1));
	EXPECT_EQ(ENOTCONN, errno);
	EXPECT_EQ(-1, write(self->channel, buffer, 32));
	EXPECT_EQ(ENOTCONN, errno);
	iov.iov_len = 64;
	EXPECT_EQ(-1, writev(self->channel, &iov, 1));
	EXPECT_EQ(ENOTCONN, errno);
	EXPECT_EQ(-ENOTCONN, try_mmap(self->channel, PAGE,
				      VHOST_BACKEND_MMAP_CTL));
	EXPECT_EQ(POLLERR, channel_poll(self->channel, 0));
	EXPECT_EQ(-ENOTCONN, worker_attach(self->channel, "early", 0, 1));
}

/* The same on a descriptor that may block: nothing waits for a SETUP. */
TEST_F(setup, blocking_read_before_it)
{
	int fd = open(CHANNEL_PATH, O_RDWR | O_CLOEXEC);
	char byte;

	ASSERT_LE(0, fd);
	EXPECT_EQ(-1, read(fd, &byte, 1));
	EXPECT_EQ(ENOTCONN, errno);
	close(fd);
}

TEST_F(setup, poll_after_it)
{
	ASSERT_EQ(0, channel_setup(self->channel,
				   (struct vhost_backend_setup){}));
	EXPECT_EQ(POLLOUT, channel_poll(self->channel, 0));
}

/* A channel that was not asked for mappings has none. */
TEST_F(setup, no_mmap_after_it)
{
	ASSERT_EQ(0, channel_setup(self->channel,
				   (struct vhost_backend_setup){}));
	EXPECT_EQ(-ENODEV, try_mmap(self->channel, PAGE,
				    VHOST_BACKEND_MMAP_CTL));
	EXPECT_EQ(-ENODEV, try_mmap(self->channel, 16384,
				    VHOST_BACKEND_MMAP_RING));
}

TEST_HARNESS_MAIN
