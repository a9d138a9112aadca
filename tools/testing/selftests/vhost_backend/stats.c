// SPDX-License-Identifier: GPL-2.0-only
/*
 * The statistics: each figure after operations whose effect is known, the sums
 * that always hold, and the same figures in /proc/PID/fdinfo.
 */
#include "../kselftest_harness.h"

#include <fcntl.h>
#include <stddef.h>
#include <sys/eventfd.h>

#include <linux/vhost.h>

#include "lib/bell.h"
#include "lib/channel.h"
#include "lib/file.h"
#include "lib/memory.h"
#include "lib/message.h"
#include "lib/pair.h"
#include "lib/random.h"
#include "lib/reader.h"
#include "lib/run.h"
#include "lib/skip.h"
#include "lib/tally.h"
#include "lib/wait.h"
#include "lib/worker.h"

SKIP_WITHOUT_WORKER;

#define SLOTS	8U

FIXTURE(stats) {
	struct pair pair;
};

FIXTURE_SETUP(stats)
{
	struct vhost_backend_setup setup = {
		.ring_bytes = 4096, .max_inflight = SLOTS,
		.requests = VHOST_BACKEND_REQUESTS_ALL &
			    ~(1ULL << VHOST_BACKEND_BIT(VHOST_BACKEND_VRING_ERR)) &
			    ~(1ULL << VHOST_BACKEND_BIT(VHOST_BACKEND_GPU_MAP)),
	};

	ASSERT_EQ(0, pair_open(&self->pair, 0, setup));
}

FIXTURE_TEARDOWN(stats)
{
	pair_close(&self->pair);
}

/* What there is of each figure, by name. */
#define FIGURE(name)	{ #name, offsetof(struct vhost_backend_stats, name) }

static const struct { const char *name; size_t offset; } figures[] = {
	FIGURE(requests_queued), FIGURE(requests_delivered),
	FIGURE(requests_answered), FIGURE(requests_failed),
	FIGURE(requests_given_up), FIGURE(requests_withdrawn),
	FIGURE(notifications_raised), FIGURE(notifications_merged),
	FIGURE(notifications_delivered), FIGURE(wakeups),
	FIGURE(refused_room), FIGURE(refused_type), FIGURE(refused_content),
	FIGURE(inflight), FIGURE(inflight_peak),
	FIGURE(waiting_bytes), FIGURE(waiting_bytes_peak),
	FIGURE(bindings), FIGURE(mappings), FIGURE(backends),
	FIGURE(bad_replies), FIGURE(bad_consumer),
};

static uint64_t figure(const struct vhost_backend_stats *stats, unsigned int n)
{
	uint64_t value;

	memcpy(&value, (const char *)stats + figures[n].offset, sizeof(value));
	return value;
}

/* How the figures are now, against what they should be. */
static void expect_stats(struct __test_metadata *_metadata, int channel,
			 const struct vhost_backend_stats *expected)
{
	struct vhost_backend_stats stats = channel_stats(channel);

	for (unsigned int n = 0; n < ARRAY_SIZE(figures); n++) {
		EXPECT_EQ(figure(expected, n), figure(&stats, n)) {
			TH_LOG("%s", figures[n].name);
		}
	}
	for (unsigned int n = 0; n < ARRAY_SIZE(stats.reserved); n++) {
		EXPECT_EQ(0U, stats.reserved[n]) {
			TH_LOG("reserved[%u]", n);
		}
	}
}

TEST_F(stats, fresh)
{
	struct vhost_backend_stats expected = { .backends = 1 };

	expect_stats(_metadata, self->pair.channel, &expected);
	close(self->pair.worker);
	self->pair.worker = -1;
	expected.backends = 0;
	expect_stats(_metadata, self->pair.channel, &expected);
}

TEST_F(stats, requests)
{
	struct vhost_backend_stats expected = { .backends = 1 };
	int channel = self->pair.channel, worker = self->pair.worker;
	struct message messages[3];
	uint64_t cookies[3];

	ASSERT_EQ(0, send_iotlb(worker, 0, 1));
	ASSERT_EQ(0, unmap_async(worker, 1, 0, &cookies[0]));
	ASSERT_EQ(0, unmap_async(worker, 2, 0, &cookies[1]));
	ASSERT_EQ(0, unmap_async(worker, 3, 2000, &cookies[2]));
	expected.requests_queued = 4;
	expected.inflight = 3;
	expected.inflight_peak = 3;
	expected.waiting_bytes = IOTLB_BYTES + 3 * UNMAP_BYTES;
	expected.waiting_bytes_peak = expected.waiting_bytes;
	expect_stats(_metadata, channel, &expected);

	ASSERT_EQ((int)IOTLB_BYTES, read(channel, &messages[0], IOTLB_BYTES));
	expected.requests_delivered = 1;
	expected.waiting_bytes = 3 * UNMAP_BYTES;
	ASSERT_EQ((int)UNMAP_BYTES, read(channel, &messages[0], UNMAP_BYTES));
	ASSERT_EQ((int)UNMAP_BYTES, read(channel, &messages[1], UNMAP_BYTES));
	expected.requests_delivered = 3;
	expected.waiting_bytes = UNMAP_BYTES;
	ASSERT_EQ(-ETIMEDOUT, async_error(worker, cookies[2]));
	expected.requests_given_up = 1;
	expected.requests_withdrawn = 1;
	expected.inflight = 2;
	expected.waiting_bytes = 0;
	expect_stats(_metadata, channel, &expected);

	EXPECT_EQ(32, channel_reply(channel, &messages[0].msg, 0));
	EXPECT_EQ(32, channel_reply(channel, &messages[1].msg, -EIO));
	expected.requests_answered = 2;
	expected.requests_failed = 1;
	expected.inflight = 0;
	expect_stats(_metadata, channel, &expected);
}

/* Given up after delivery: not withdrawn, and answered in the end. */
TEST_F(stats, given_up_late)
{
	struct vhost_backend_stats expected = {
		.backends = 1, .requests_queued = 1, .requests_delivered = 1,
		.requests_given_up = 1, .inflight = 1, .inflight_peak = 1,
		.waiting_bytes_peak = UNMAP_BYTES,
	};
	struct message message;
	uint64_t cookie;

	ASSERT_EQ(0, unmap_async(self->pair.worker, 1, 2000, &cookie));
	ASSERT_EQ((int)UNMAP_BYTES, channel_read(self->pair.channel, &message));
	ASSERT_EQ(-ETIMEDOUT, async_error(self->pair.worker, cookie));
	expect_stats(_metadata, self->pair.channel, &expected);
	EXPECT_EQ(32, channel_reply(self->pair.channel, &message.msg, 0));
	expected.requests_answered = 1;
	expected.inflight = 0;
	expect_stats(_metadata, self->pair.channel, &expected);
}

TEST_F(stats, notifications)
{
	struct vhost_backend_stats expected = { .backends = 1 };
	int channel = self->pair.channel, worker = self->pair.worker;
	struct tally tally = {};

	for (unsigned int n = 0; n < 6; n++)
		EXPECT_EQ(0, raise_call(worker, n % 2));
	EXPECT_EQ(0, raise_config(worker));
	expected.notifications_raised = 7;
	expected.notifications_merged = 4;
	expect_stats(_metadata, channel, &expected);
	EXPECT_EQ(3, drain(channel, READ_MAX, tally_message, &tally));
	expected.notifications_delivered = 3;
	expect_stats(_metadata, channel, &expected);
}

TEST_F(stats, refusals)
{
	struct vhost_backend_stats stats, expected = { .backends = 1 };
	int channel = self->pair.channel, worker = self->pair.worker;
	struct vhost_backend_iotlb iotlb = { .type = VHOST_IOTLB_MISS };
	struct vhost_backend_gpu_map gpu = { .len = PAGE };
	uint64_t cookie;
	int file = make_file(1);

	/* Not accepted at SETUP */
	EXPECT_EQ(-EOPNOTSUPP, raise_err(worker, 0));
	EXPECT_EQ(-EOPNOTSUPP, send_async(worker, VHOST_BACKEND_GPU_MAP, &gpu,
					  sizeof(gpu), file, &cookie));
	expected.refused_type = 2;
	expect_stats(_metadata, channel, &expected);

	/* Content */
	EXPECT_EQ(-EINVAL, send_plain(worker, VHOST_BACKEND_IOTLB_MSG, &iotlb,
				      sizeof(iotlb) - 8, -1));
	EXPECT_EQ(-EINVAL, send_plain(worker, VHOST_BACKEND_IOTLB_MSG, &iotlb,
				      sizeof(iotlb), file));
	iotlb.pad[3] = 1;
	EXPECT_EQ(-EINVAL, send_plain(worker, VHOST_BACKEND_IOTLB_MSG, &iotlb,
				      sizeof(iotlb), -1));
	expected.refused_content = 3;
	expect_stats(_metadata, channel, &expected);

	/* Slots, then ring */
	for (unsigned int n = 0; n < SLOTS; n++)
		EXPECT_EQ(0, unmap_async(worker, n, 0, &cookie));
	EXPECT_EQ(-EAGAIN, unmap_async(worker, 1, 0, &cookie));
	EXPECT_EQ(1U, channel_stats(channel).refused_room);
	while (!send_iotlb(worker, 0, 1))
		expected.requests_queued++;
	stats = channel_stats(channel);
	EXPECT_EQ(2U, stats.refused_room);
	EXPECT_EQ(SLOTS + expected.requests_queued, stats.requests_queued);
	EXPECT_EQ(SLOTS, stats.inflight_peak);
	EXPECT_LE(4096 - IOTLB_BYTES, stats.waiting_bytes);
	EXPECT_GE(4096U, stats.waiting_bytes_peak);
	close(file);
}

TEST_F(stats, bad_replies)
{
	struct vhost_backend_stats expected = {
		.backends = 1, .requests_queued = 1, .requests_delivered = 1,
		.inflight = 1, .inflight_peak = 1, .waiting_bytes_peak = UNMAP_BYTES,
	};
	int channel = self->pair.channel;
	struct vhost_backend_reply reply;
	struct message message;
	uint64_t cookie;

	ASSERT_EQ(0, unmap_async(self->pair.worker, 1, 0, &cookie));
	ASSERT_EQ((int)UNMAP_BYTES, channel_read(channel, &message));
	reply = reply_to(&message.msg, 0);
	reply.msg.id++;
	EXPECT_EQ(-ENOENT, try_ioctl(channel, VHOST_BACKEND_REPLY, &reply));
	reply = reply_to(&message.msg, 0);
	reply.msg.request = VHOST_BACKEND_SHMEM_MAP;
	EXPECT_EQ(-EBADMSG, try_ioctl(channel, VHOST_BACKEND_REPLY, &reply));
	reply = reply_to(&message.msg, 0);
	reply.msg.flags = 0;
	EXPECT_EQ(-EINVAL, try_ioctl(channel, VHOST_BACKEND_REPLY, &reply));
	expected.bad_replies = 3;
	expect_stats(_metadata, channel, &expected);
	reply = reply_to(&message.msg, 0);
	EXPECT_EQ(0, try_ioctl(channel, VHOST_BACKEND_REPLY, &reply));
	EXPECT_EQ(-ENOENT, try_ioctl(channel, VHOST_BACKEND_REPLY, &reply));
	expected.requests_answered = 1;
	expected.inflight = 0;
	expected.bad_replies = 4;
	expect_stats(_metadata, channel, &expected);
}

/* Only who sleeps is woken. */
TEST_F(stats, wakeups)
{
	struct bell bells[BELLS] = {};
	struct reader reader = {
		.channel = self->pair.channel, .how = READER_POLL,
		.bytes = READ_MAX, .fn = hear_calls, .arg = bells,
	};
	uint64_t before, after;

	for (unsigned int n = 0; n < 5; n++) {
		ASSERT_EQ(0, raise_call(self->pair.worker, n));
		ASSERT_EQ(1, drain(self->pair.channel, READ_MAX, ignore_message, NULL));
	}
	EXPECT_EQ(0U, channel_stats(self->pair.channel).wakeups);

	ASSERT_EQ(0, reader_start(&reader));
	before = channel_stats(self->pair.channel).wakeups;
	/* It may not sleep yet, and find by itself what is raised. */
	do {
		usleep(20000);
		bells[1].rung++;
		ASSERT_EQ(0, raise_call(self->pair.worker, 1));
		ASSERT_TRUE(wait_until(bells[1].heard == bells[1].rung));
		after = channel_stats(self->pair.channel).wakeups;
	} while (after == before && bells[1].rung < 200);
	EXPECT_LT(before, after);
	EXPECT_GE(before + bells[1].rung, after);
	EXPECT_EQ(0, reader_stop(&reader));
}

TEST_F(stats, backends_and_bindings)
{
	struct vhost_backend_stats expected = { .backends = 3, .bindings = 2 };
	int second = worker_attach(self->pair.channel, "two", 0, 0);
	int third = worker_attach(self->pair.channel, "three", 0, 0);
	int efds[2] = { eventfd(0, 0), eventfd(0, 0) };
	int channel = self->pair.channel;

	ASSERT_LE(0, second);
	ASSERT_LE(0, third);
	ASSERT_EQ(0, channel_bind(channel, VHOST_BACKEND_BIND_VRING_CALL, 1, efds[0], 0));
	ASSERT_EQ(0, channel_bind(channel, VHOST_BACKEND_BIND_CONFIG, 0, efds[1], 0));
	expect_stats(_metadata, channel, &expected);
	close(second);
	close(third);
	close(efds[0]);
	ASSERT_EQ(0, channel_bind(channel, VHOST_BACKEND_BIND_CONFIG, 0, -1, 0));
	EXPECT_TRUE(wait_until(!channel_stats(channel).bindings));
	expected.backends = 1;
	expected.bindings = 0;
	expect_stats(_metadata, channel, &expected);
}

/* In the end, whatever happened, nothing is missing from the accounts. */
TEST_F_TIMEOUT(stats, sums, 120)
{
	struct tally tally = { .channel = self->pair.channel };
	struct reader reader = {
		.channel = self->pair.channel, .how = READER_EDGE,
		.bytes = 512, .fn = tally_message, .arg = &tally,
	};
	struct vhost_backend_test_run run = {
		.threads = 3, .count = 1000, .seed = new_seed(_metadata->name),
		.timeout_ms = 50,
		.mix = VHOST_BACKEND_TEST_MIX_CALL | VHOST_BACKEND_TEST_MIX_CONFIG |
		       VHOST_BACKEND_TEST_MIX_SEND | VHOST_BACKEND_TEST_MIX_REQUEST |
		       VHOST_BACKEND_TEST_MIX_MAP | VHOST_BACKEND_TEST_MIX_ASYNC,
	};
	struct vhost_backend_stats stats;
	uint64_t no_room;

	ASSERT_EQ(0, reader_start(&reader));
	ASSERT_EQ(0, run_start(self->pair.worker, run));
	ASSERT_TRUE(run_finish(self->pair.worker, &run));
	EXPECT_TRUE(wait_until(channel_idle(self->pair.channel)));
	EXPECT_EQ(0, reader_stop(&reader));
	stats = channel_stats(self->pair.channel);
	/* Requests that gave up waiting for room count as failed for the worker. */
	EXPECT_LE(run.refused, stats.refused_room);
	no_room = stats.refused_room - run.refused;
	EXPECT_EQ(run.sends + run.requests, stats.requests_queued + no_room);
	EXPECT_EQ(tally.sends + tally.requests, stats.requests_delivered);
	EXPECT_EQ(stats.requests_queued,
		  stats.requests_delivered + stats.requests_withdrawn);
	EXPECT_EQ(tally.requests, stats.requests_answered);
	EXPECT_EQ(run.failed, stats.requests_given_up + no_room);
	EXPECT_EQ(run.calls + run.configs, stats.notifications_raised);
	EXPECT_EQ(tally_notifications(&tally), stats.notifications_delivered);
	EXPECT_EQ(stats.notifications_raised,
		  stats.notifications_merged + stats.notifications_delivered);
	EXPECT_EQ(0U, stats.inflight);
	EXPECT_EQ(0U, stats.waiting_bytes);
	EXPECT_LT(0U, stats.wakeups);
}

/* One line of fdinfo for each figure; the others name the backends. */
static FILE *open_fdinfo(int channel)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", channel);
	return fopen(path, "r");
}

static bool is_line_of(const char *line, const char *name, uint64_t *value)
{
	static const char prefix[] = "vhost-backend-";

	if (strncmp(line, prefix, strlen(prefix)))
		return false;
	for (line += strlen(prefix); *name; line++, name++)
		if (*line != (*name == '_' ? '-' : *name))
			return false;
	*value = *line == ':' ? strtoull(line + 1, NULL, 10) : 0;
	return *line == ':';
}

TEST_F(stats, fdinfo)
{
	struct tally tally = { .channel = self->pair.channel };
	struct vhost_backend_stats stats;
	unsigned int lines[ARRAY_SIZE(figures)] = {};
	FILE *file;
	char line[256];
	uint64_t value, cookie;

	/* So that most of them differ. */
	for (unsigned int n = 0; n < 7; n++)
		EXPECT_EQ(0, unmap_async(self->pair.worker, n, 0, &cookie));
	EXPECT_EQ(7, drain(self->pair.channel, READ_MAX, tally_message, &tally));
	for (unsigned int n = 0; n < 5; n++)
		EXPECT_EQ(0, unmap_async(self->pair.worker, n, 0, &cookie));
	for (unsigned int n = 0; n < 20; n++)
		EXPECT_EQ(0, raise_call(self->pair.worker, n % 9));
	stats = channel_stats(self->pair.channel);
	file = open_fdinfo(self->pair.channel);
	ASSERT_TRUE(!!file);
	while (fgets(line, sizeof(line), file)) {
		for (unsigned int n = 0; n < ARRAY_SIZE(figures); n++) {
			if (!is_line_of(line, figures[n].name, &value))
				continue;
			lines[n]++;
			EXPECT_EQ(figure(&stats, n), value) {
				TH_LOG("%s", line);
			}
		}
	}
	fclose(file);
	for (unsigned int n = 0; n < ARRAY_SIZE(figures); n++) {
		EXPECT_EQ(1U, lines[n]) {
			TH_LOG("%s", figures[n].name);
		}
	}
}

/* Whether a line names the backend and has these two numbers behind the name. */
static bool fdinfo_lists(int channel, const char *name, unsigned long first,
			 unsigned long last)
{
	FILE *file = open_fdinfo(channel);
	bool found = false;
	char line[256];

	while (file && fgets(line, sizeof(line), file)) {
		char *at = strstr(line, name);
		unsigned int seen = 0;

		for (at = at ? at + strlen(name) : NULL; at && *at; ) {
			char *end = at + 1;

			if (*at >= '0' && *at <= '9') {
				unsigned long number = strtoul(at, &end, 10);

				seen |= (number == first) | (number == last) << 1;
			}
			at = end;
		}
		found |= seen == 3 && !strncmp(line, "vhost-backend-", 14);
	}
	fclose(file);
	return found;
}

static bool fdinfo_has(int channel, const char *wanted)
{
	FILE *file = open_fdinfo(channel);
	bool found = false;
	char line[256];

	while (file && fgets(line, sizeof(line), file))
		found |= !strcmp(line, wanted);
	fclose(file);
	return found;
}

TEST_F(stats, fdinfo_backends)
{
	int channel = channel_open(0);
	int one = worker_attach(channel, "a-backend", 37, 5);
	int two = worker_attach(channel, "another", 101, 100);
	int three = worker_attach(channel, "a third", 0, 0);

	ASSERT_TRUE(one >= 0 && two >= 0 && three >= 0);
	EXPECT_TRUE(fdinfo_has(channel, "vhost-backend-backend:\ta\\040third vrings none\n"));
	EXPECT_TRUE(fdinfo_lists(channel, "a-backend", 37, 41));
	EXPECT_TRUE(fdinfo_lists(channel, "another", 101, 200));
	close(one);
	EXPECT_FALSE(fdinfo_lists(channel, "a-backend", 37, 41));
	EXPECT_TRUE(fdinfo_lists(channel, "another", 101, 200));
	close(three);
	close(two);
	close(channel);
}

/* A channel without SETUP has an fdinfo that can be read. */
TEST(fdinfo_before_setup)
{
	int channel = open(CHANNEL_PATH, O_RDWR);
	FILE *file = open_fdinfo(channel);
	char line[256];

	ASSERT_TRUE(!!file);
	EXPECT_TRUE(!!fgets(line, sizeof(line), file));
	fclose(file);
	close(channel);
}

TEST_HARNESS_MAIN
