// SPDX-License-Identifier: GPL-2.0-only
/*
 * No secrets: every byte that reaches user space is one that it should be, and
 * none is of a kernel address. Buffers are poisoned, each time with another value,
 * and rings are made to hold noise from before.
 */
#include "refuse.h"

#include <ctype.h>

/* A few kinds fill it; what was there before would show. */
#define RING_BYTES	4096
#define ROUNDS		12

static unsigned char next_poison(void)
{
	static unsigned char poison;

	poison += 0x3b;
	return poison;
}

static void poison(void *buffer, size_t bytes)
{
	memset(buffer, next_poison(), bytes);
}

/*
 * Of a 64-bit kernel's own memory, code and modules. The header's fd, -1 or -2
 * above the size, is not, nor are small negative numbers.
 */
static bool is_kernel_address(uint64_t value)
{
	return (value >= 0xffff800000000000 && value < 0xfffffffe00000000) ||
	       (value >= 0xffffffff80000000 && value < 0xfffffffffffff000);
}

static bool has_kernel_address(const void *buffer, size_t bytes)
{
	uint64_t value;

	for (size_t at = 0; at + sizeof(value) <= bytes; at += sizeof(value)) {
		memcpy(&value, (const char *)buffer + at, sizeof(value));
		if (is_kernel_address(value))
			return true;
	}
	return false;
}

/* Sixteen digits in a row: a pointer as %p and %px write it, hashed or not. */
static bool shows_pointer(const char *text)
{
	unsigned int digits = 0;

	for (; *text && digits < 16; text++)
		digits = isxdigit(*text) ? digits + 1 : 0;
	return digits == 16;
}

/* The tests of the tests */
TEST(what_looks_like_an_address)
{
	static const uint64_t yes[] = {
		0xffff888000000000, 0xffff888012345678, 0xffffc90000001000,
		0xffffffff81000000, 0xffffffffc0123456, 0xffffea0000000040,
	};
	static const uint64_t no[] = {
		0, 1, 0x7fffffffffff, 0xffffffff00000020, 0xfffffffe00000100,
		-1ULL, -5ULL, 0x10000, 0xa5a5a5a5a5a5a5a5,
	};

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++)
		EXPECT_TRUE(has_kernel_address(&yes[i], sizeof(yes[i])));
	EXPECT_FALSE(has_kernel_address(no, sizeof(no)));
	EXPECT_TRUE(shows_pointer("at 00000000deadbeef."));
	EXPECT_TRUE(shows_pointer("ffff888012345678"));
	EXPECT_FALSE(shows_pointer("vhost-backend-bindings:\t123456789012345\n"));
}

/*
 * A fs request with one entry in use and noise in all others, which are not looked
 * at, fills the ring with what no other message should hold.
 */
static struct message payload_of(const struct request_kind *kind, unsigned int round)
{
	if (kind_is_fs(kind))
		return fs_with_entry(round % VHOST_BACKEND_FS_ENTRIES);
	return kind->sample;
}

/* What is delivered of a request, all of it, with the id and fd that it has. */
static struct message expect(const struct request_kind *kind,
			     const struct message *payload, bool reply,
			     const struct vhost_backend_msg *got)
{
	struct message m = *payload;

	m.msg = (struct vhost_backend_msg){
		.request = kind->request, .size = kind->size,
		.flags = VHOST_BACKEND_MSG_VERSION |
			 (reply ? VHOST_BACKEND_MSG_NEED_REPLY : 0),
		.fd = kind->file ? got->fd : VHOST_BACKEND_FD_NONE,
		.id = kind->file || reply ? got->id : 0,
	};
	if (kind_has_vring(kind))
		m.state.index += VRING_BASE;
	return m;
}

/* Reads the one message there is into poison; all of the buffer is looked at. */
static void read_exactly(struct __test_metadata *_metadata, struct ends *ends,
			 const struct request_kind *kind,
			 const struct message *payload, bool reply,
			 struct vhost_backend_msg *msg)
{
	const size_t bytes = sizeof(*msg) + kind->size;
	unsigned char buffer[1024], rest[1024];
	struct message expected;

	poison(buffer, sizeof(buffer));
	memcpy(rest, buffer, sizeof(rest));
	ASSERT_TRUE(await_input(ends->channel, PATIENCE_MS));
	ASSERT_EQ((ssize_t)bytes, try_read(ends->channel, buffer, sizeof(buffer)));
	memcpy(msg, buffer, sizeof(*msg));
	expected = expect(kind, payload, reply, msg);
	EXPECT_EQ(0, memcmp(buffer, &expected, bytes))
		TH_LOG("%s", kind->name);
	EXPECT_EQ(0, memcmp(buffer + bytes, rest, sizeof(buffer) - bytes))
		TH_LOG("%s", kind->name);
	EXPECT_FALSE(has_kernel_address(msg, sizeof(*msg)));
	EXPECT_EQ(kind->file ? 0 : -1, close(msg->fd));
}

/* Through one channel, so that each kind follows others in the same memory. */
static void send_and_read(struct __test_metadata *_metadata, struct ends *ends,
			  const struct request_kind *kind, unsigned int round)
{
	const struct message payload = payload_of(kind, round);
	struct vhost_backend_test_send send = send_of(kind, ends);
	struct vhost_backend_test_result result;
	struct vhost_backend_msg msg;
	struct transaction t;

	send.payload = (uintptr_t)payload.bytes;
	send.context = round % 3;
	if (kind->reply != REPLY_ALWAYS) {
		ASSERT_EQ(0, worker_send(ends->worker, &send));
		read_exactly(_metadata, ends, kind, &payload, false, &msg);
	}
	ASSERT_EQ(0, transaction_start(&t, ends, send));
	read_exactly(_metadata, ends, kind, &payload, true, &msg);
	EXPECT_LT(0, channel_reply(ends->channel, &msg, -EIO));
	ASSERT_EQ(0, transaction_end(&t, &result));
	EXPECT_EQ(-EIO, result.error);
}

FIXTURE(secrets) {
	struct ends ends;
};

FIXTURE_SETUP(secrets)
{
	ASSERT_EQ(0, ends_open(&self->ends, O_NONBLOCK, (struct vhost_backend_setup){
		.ring_bytes = RING_BYTES }));
}

FIXTURE_TEARDOWN(secrets)
{
	ends_close(&self->ends);
}

TEST_F_TIMEOUT(secrets, messages, 180)
{
	const struct request_kind *kind;
	uint64_t bytes = 0;

	for (unsigned int round = 0; round < ROUNDS; round++) {
		for_each_kind(kind) {
			send_and_read(_metadata, &self->ends, kind, round);
			bytes += sizeof(struct vhost_backend_msg) + kind->size;
		}
	}
	/* The ring was gone round many times. */
	EXPECT_LT(5U * RING_BYTES, bytes);
}

/* A SHMEM_MAP becomes longer: its new fields and the padding. */
TEST_F_TIMEOUT(secrets, messages_of_the_standard, 60)
{
	const struct request_kind map = {
		.name = "STD_SHMEM_MAP", .request = VHOST_BACKEND_STD_SHMEM_MAP,
		.size = sizeof(struct vhost_backend_mmap), .file = true,
	};
	const struct request_kind *sent = find_kind(VHOST_BACKEND_SHMEM_MAP);
	const struct message payload = { .std = {
		.shmid = sent->sample.map.shmid, .len = sent->sample.map.len,
		.fd_offset = sent->sample.map.fd_offset,
		.shm_offset = sent->sample.map.shm_offset,
	} };
	struct vhost_backend_test_result result;
	struct vhost_backend_msg msg;
	struct transaction t;

	ASSERT_EQ(0, ends_reopen(&self->ends, (struct vhost_backend_setup){
		.ring_bytes = RING_BYTES, .flags = VHOST_BACKEND_SETUP_STD_SHMEM }));
	for (unsigned int round = 0; round < 100; round++) {
		if (round % 2)
			send_and_read(_metadata, &self->ends,
				      find_kind(VHOST_BACKEND_DEPRECATED_FS_IO), round);
		ASSERT_EQ(0, transaction_start(&t, &self->ends,
					       send_of(sent, &self->ends)));
		read_exactly(_metadata, &self->ends, &map, &payload, true, &msg);
		EXPECT_LT(0, channel_reply(self->ends.channel, &msg, -EIO));
		ASSERT_EQ(0, transaction_end(&t, &result));
	}
}

/* What is put together from bits, at the reader. */
TEST_F(secrets, notifications)
{
	const struct request_kind *call = find_kind(VHOST_BACKEND_VRING_CALL);
	const struct request_kind *config =
		find_kind(VHOST_BACKEND_CONFIG_CHANGE_MSG);
	struct vhost_backend_msg msg;

	for (unsigned int n = 0; n < 200; n++) {
		struct message payload = { .state = { .index = n % NR_VRINGS } };

		ASSERT_EQ(0, raise_call(self->ends.worker, n % NR_VRINGS));
		read_exactly(_metadata, &self->ends, call, &payload, false, &msg);
		ASSERT_EQ(0, send_plain(self->ends.worker, config->request, NULL,
					0, -1));
		read_exactly(_metadata, &self->ends, config, &payload, false, &msg);
	}
}

/* Into poison: a field that is not written would hold it. */
static void read_figures(struct __test_metadata *_metadata, int channel)
{
	struct vhost_backend_setup setup, expected = {
		.nr_vrings = 256, .ring_bytes = RING_BYTES, .max_inflight = 64,
		.max_mappings = 256, .requests = EVERYTHING,
	};
	struct vhost_backend_stats stats, again;

	poison(&setup, sizeof(setup));
	ASSERT_EQ(0, try_ioctl(channel, VHOST_BACKEND_GET_SETUP, &setup));
	EXPECT_EQ(0, memcmp(&setup, &expected, sizeof(setup)));
	poison(&stats, sizeof(stats));
	poison(&again, sizeof(again));
	ASSERT_EQ(0, try_ioctl(channel, VHOST_BACKEND_GET_STATS, &stats));
	ASSERT_EQ(0, try_ioctl(channel, VHOST_BACKEND_GET_STATS, &again));
	EXPECT_EQ(0, memcmp(&stats, &again, sizeof(stats)));
	EXPECT_FALSE(has_kernel_address(&stats, sizeof(stats)));
	for (size_t i = 0; i < ARRAY_SIZE(stats.reserved); i++)
		EXPECT_EQ(0U, stats.reserved[i]);
}

TEST_F(secrets, figures)
{
	const struct request_kind *kind;

	for (unsigned int round = 0; round < 8; round++) {
		for_each_kind(kind) {
			send_and_read(_metadata, &self->ends, kind, round);
			read_figures(_metadata, self->ends.channel);
		}
	}
}

/* SETUP writes all of its argument, whatever was in the fields it fills. */
TEST(setup_writes_all)
{
	struct vhost_backend_setup setup, expected = {
		.nr_vrings = 256, .ring_bytes = 16384, .max_inflight = 64,
		.max_mappings = 256, .requests = EVERYTHING,
	};

	for (int n = 0; n < 8; n++) {
		int channel = open(CHANNEL_PATH, O_RDWR | O_CLOEXEC);

		setup = (struct vhost_backend_setup){ .requests = EVERYTHING };
		setup.ctl_bytes = next_poison() * 0x01010101U;
		setup.call_offset = next_poison() * 0x01010101U;
		setup.err_offset = next_poison() * 0x01010101U;
		ASSERT_EQ(0, try_ioctl(channel, VHOST_BACKEND_SETUP, &setup));
		EXPECT_EQ(0, memcmp(&setup, &expected, sizeof(setup)));
		close(channel);
	}
}

/* A call that fails says so, and writes nothing; one that does not, one word. */
TEST_F(secrets, what_fails_writes_nothing)
{
	static unsigned char buffer[512], before[512];
	struct waiting w = deliver(_metadata, &self->ends,
				   find_kind(VHOST_BACKEND_SHMEM_MAP));
	struct vhost_backend_take_fd take = { .id = w.msg.id + 1, .fd = 4711 };
	const struct request_kind *iotlb = find_kind(VHOST_BACKEND_IOTLB_MSG);
	struct vhost_backend_test_send send = send_of(iotlb, &self->ends);
	struct vhost_backend_setup setup, wanted;

	EXPECT_EQ(-ENOENT, try_ioctl(self->ends.channel, VHOST_BACKEND_TAKE_FD,
				     &take));
	EXPECT_EQ(4711, take.fd);
	take.id = w.msg.id;
	ASSERT_EQ(0, try_ioctl(self->ends.channel, VHOST_BACKEND_TAKE_FD, &take));
	EXPECT_EQ(w.msg.id, take.id);
	EXPECT_EQ(0U, take.flags);
	EXPECT_EQ(0, close(take.fd));

	poison(&setup, sizeof(setup));
	wanted = setup;
	EXPECT_EQ(-EBUSY, try_ioctl(self->ends.channel, VHOST_BACKEND_SETUP, &setup));
	EXPECT_EQ(0, memcmp(&setup, &wanted, sizeof(setup)));

	poison(buffer, sizeof(buffer));
	memcpy(before, buffer, sizeof(buffer));
	EXPECT_EQ(-EAGAIN, try_read(self->ends.channel, buffer, sizeof(buffer)));
	ASSERT_EQ(0, worker_send(self->ends.worker, &send));
	for (size_t bytes = 0; bytes < sizeof(w.msg) + iotlb->size; bytes++)
		EXPECT_EQ(-EMSGSIZE, try_read(self->ends.channel, buffer, bytes));
	EXPECT_EQ(0, memcmp(buffer, before, sizeof(buffer)));
}

/* Text in which only names, numbers and what stands between them are. */
TEST_F(secrets, fdinfo)
{
	const struct request_kind *kind;
	char path[64], text[8192] = "";
	FILE *file;
	size_t n;

	for_each_kind(kind)
		send_and_read(_metadata, &self->ends, kind, 0);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", self->ends.channel);
	file = fopen(path, "r");
	ASSERT_TRUE(!!file);
	n = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	EXPECT_LT(500U, n);
	EXPECT_EQ(strlen(text), n);
	EXPECT_TRUE(!!strstr(text, "vhost-backend-requests-answered:\t"));
	EXPECT_FALSE(shows_pointer(text));
	for (size_t i = 0; i < n; i++)
		EXPECT_TRUE(isprint(text[i]) || isspace(text[i]));
}

/* The name of a backend is the driver's: it can't write lines of its own. */
TEST_F(secrets, names_in_fdinfo)
{
	int worker = worker_attach(self->ends.channel, "a\nvhost-backend-x:\t1\\", 20, 1);
	char path[64], line[256];
	FILE *file;

	ASSERT_LE(0, worker);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", self->ends.channel);
	file = fopen(path, "r");
	ASSERT_TRUE(!!file);
	while (fgets(line, sizeof(line), file))
		EXPECT_NE(0, strncmp(line, "vhost-backend-x", 15));
	fclose(file);
	close(worker);
}

/* Whatever a frontend or a worker does wrong. */
static void do_all_wrong(struct ends *ends)
{
	struct vhost_backend_reply reply = { .msg = { .request = ~0U } };
	struct vhost_backend_setup setup = { .nr_vrings = ~0U };
	struct vhost_backend_bind bind = { .source = 1, .fd = ends->file };
	struct vhost_backend_test_send send =
		send_of(find_kind(VHOST_BACKEND_IOTLB_MSG), ends);
	struct message m = { .iotlb = { .type = 99 } };

	try_write(ends->channel, &reply, sizeof(reply));
	try_write(ends->channel, &reply, 1);
	try_ioctl(ends->channel, VHOST_BACKEND_SETUP, &setup);
	try_ioctl(ends->channel, VHOST_BACKEND_BIND, &bind);
	try_ioctl(ends->channel, VHOST_BACKEND_GET_STATS, address_of(-PAGE));
	try_read(ends->channel, address_of(-PAGE), PAGE);
	send_plain(ends->worker, VHOST_BACKEND_IOTLB_MSG, m.bytes, 32, -1);
	send_plain(ends->worker, 12345, m.bytes, 32, ends->channel);
	send_plain(ends->worker, VHOST_BACKEND_VRING_CALL, m.bytes, 8, ends->worker);
	while (!worker_send(ends->worker, &send))
		;
	close(worker_attach(ends->channel, "overlapping", VRING_BASE, 1));
	close(worker_attach(ends->file, "not a channel", 0, 1));
}

/* The next line of the kernel log that is ours; false at its end. */
static bool next_line(int log, char *line, size_t size)
{
	ssize_t n;

	do {
		n = read(log, line, size - 1);
		line[n > 0 ? n : 0] = '\0';
	} while ((n > 0 && !strstr(line, "vhost_backend") &&
		  !strstr(line, "vhost-backend")) || (n < 0 && errno == EPIPE));
	return n > 0;
}

/* Nobody can fill the log, or read in it where something is. */
TEST_F(secrets, kernel_log)
{
	int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	static char line[8192];

	ASSERT_LE(0, log);
	while (next_line(log, line, sizeof(line)))
		EXPECT_FALSE(shows_pointer(line))
			TH_LOG("%s", line);
	for (int i = 0; i < 3; i++) {
		do_all_wrong(&self->ends);
		ASSERT_EQ(0, ends_reopen(&self->ends, (struct vhost_backend_setup){}));
	}
	EXPECT_FALSE(next_line(log, line, sizeof(line)))
		TH_LOG("%s", line);
	EXPECT_EQ(EAGAIN, errno);
	close(log);
}

TEST_HARNESS_MAIN
