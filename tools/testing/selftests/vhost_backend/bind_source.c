// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages of bound vhost devices: they want no reply and take no slot, say which device
 * sent them, and are read from it by a thread in the cgroup of who bound it.
 */
#include "../kselftest_harness.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "lib/channel.h"
#include "lib/child.h"
#include "lib/file.h"
#include "lib/flow.h"
#include "lib/memory.h"
#include "lib/net_frame.h"
#include "lib/raised.h"
#include "lib/skip.h"
#include "lib/task.h"
#include "lib/vhost_net.h"
#include "lib/wait.h"
#include "lib/worker.h"

SKIP_WITHOUT_WORKER;
SKIP_WITHOUT("/dev/vhost-net", vhost_net);
SKIP_WITHOUT("/dev/net/tun", tun);

#define IOTLB	VHOST_BACKEND_BIND_IOTLB
#define FRAMES	500U

FIXTURE(bind_source) {
	int channel;
	struct vhost_net net[DEVICES];
	struct net_capture capture[DEVICES];
	struct flow flow[DEVICES];
};

/* A channel with one slot, and two devices */
FIXTURE_SETUP(bind_source)
{
	self->channel = channel_open_with(O_NONBLOCK, (struct vhost_backend_setup){
		.max_inflight = 1,
	});
	ASSERT_LE(0, self->channel);
	ASSERT_EQ(0, flows_open(self->net, self->capture, self->flow, DEVICES, NET_IOTLB));
}

FIXTURE_TEARDOWN(bind_source)
{
	flows_close(self->flow, DEVICES);
	close(self->channel);
}

static int bind_misses(int channel, const struct vhost_net *net, uint32_t index)
{
	return channel_bind(channel, IOTLB, index, net->vhost, 0);
}

/* The device sends one frame, for which it lacks the translation. Nothing is replied. */
static int send_frame(int channel, struct flow *flow, unsigned int *misses)
{
	int err = flow_offer(flow, flow->offered + 1);

	while (!err && flow->used < flow->offered) {
		struct raised raised;

		err = take_raised(channel, &raised, LIMIT_MS);
		for (unsigned int n = 0; !err && n < raised.nr_misses; n++, ++*misses)
			err = flow_translate(flow, &raised.misses[n].iotlb);
		if (!err)
			err = flow_take(flow, raised.calls);
	}
	return err;
}

TEST_F_TIMEOUT(bind_source, frontend_that_never_replies, 120)
{
	struct flow *flow = &self->flow[0];
	struct vhost_backend_stats stats;
	unsigned int misses = 0;

	ASSERT_EQ(0, net_bind(flow->net, self->channel, flow->base));
	ASSERT_EQ(0, bind_misses(self->channel, flow->net, 0));
	for (unsigned int n = 0; n < FRAMES; n++) {
		ASSERT_EQ(0, send_frame(self->channel, flow, &misses))
			TH_LOG("frame %u", n);
	}
	EXPECT_LE(FRAMES, misses);
	stats = channel_stats(self->channel);
	EXPECT_EQ(misses, stats.requests_delivered);
	EXPECT_EQ(0U, stats.requests_answered);
	EXPECT_EQ(0U, stats.inflight_peak);
}

/* The only slot is that of a request which is not answered either. */
TEST_F_TIMEOUT(bind_source, slots_are_for_others, 120)
{
	struct flow *flow = &self->flow[0];
	int worker = worker_attach(self->channel, "other", 0, 0);
	unsigned int misses = 0;
	struct message message;
	uint64_t cookie, other;

	ASSERT_LE(0, worker);
	ASSERT_EQ(0, ask(worker, 1, &cookie));
	ASSERT_LT(0, channel_read(self->channel, &message));
	ASSERT_EQ(-EAGAIN, ask(worker, 2, &other));
	ASSERT_EQ(0, net_bind(flow->net, self->channel, flow->base));
	ASSERT_EQ(0, bind_misses(self->channel, flow->net, 0));
	for (unsigned int n = 0; n < 20; n++) {
		ASSERT_EQ(0, send_frame(self->channel, flow, &misses))
			TH_LOG("frame %u", n);
	}
	EXPECT_EQ(32, channel_reply(self->channel, &message.msg, 0));
	EXPECT_EQ(0, async_error(worker, cookie));
	EXPECT_EQ(1U, channel_stats(self->channel).inflight_peak);
	close(worker);
}

/* Each with a device of its own, the largest index among them. */
TEST_F(bind_source, devices_are_told_apart)
{
	const uint32_t sources[DEVICES] = { 7, 65535 };
	unsigned int seen[DEVICES] = {};
	struct raised raised;

	for (unsigned int i = 0; i < DEVICES; i++) {
		ASSERT_EQ(0, bind_misses(self->channel, &self->net[i], sources[i]));
		ASSERT_EQ(0, flow_offer(&self->flow[i], 1));
	}
	while (!seen[0] || !seen[1]) {
		ASSERT_EQ(0, take_raised(self->channel, &raised, LIMIT_MS));
		for (unsigned int n = 0; n < raised.nr_misses; n++) {
			const struct vhost_backend_iotlb *miss = &raised.misses[n].iotlb;
			unsigned int i = miss->source == sources[1];

			EXPECT_EQ(sources[i], miss->source);
			EXPECT_EQ(NET_TX, net_queue_of(&self->net[i], miss->iova));
			EXPECT_EQ(0U, raised.misses[n].msg.id);
			EXPECT_EQ((uint32_t)VHOST_BACKEND_MSG_VERSION,
				  raised.misses[n].msg.flags);
			seen[i]++;
		}
	}
}

TEST_F(bind_source, index_is_of_16_bits)
{
	const struct vhost_net *net = self->net;

	EXPECT_EQ(-EINVAL, bind_misses(self->channel, &net[0], 65536));
	EXPECT_EQ(-EINVAL, bind_misses(self->channel, &net[0], UINT32_MAX));
	EXPECT_EQ(0, bind_misses(self->channel, &net[0], 65535));
	EXPECT_EQ(-EBUSY, bind_misses(self->channel, &net[0], 1));
	/* Two devices may have the same. */
	EXPECT_EQ(0, bind_misses(self->channel, &net[1], 65535));
	EXPECT_EQ(2U, channel_stats(self->channel).bindings);
}

#define THREAD	"vhost-backend-d"
#define CGROUPS	"/tmp/cgroups/"

struct binder {
	int channel;
	const struct vhost_net *net;
};

static void bind_in_cgroup(void *arg)
{
	const struct binder *binder = arg;

	child_check(write_file(CGROUPS "vmm/", "cgroup.procs", "0"));
	child_check(!bind_misses(binder->channel, binder->net, 1));
}

/* The whole file: with other hierarchies mounted, it has a line for each. */
static bool is_in_cgroup(pid_t tid, const char *line)
{
	char folder[32], text[1024] = "";

	snprintf(folder, sizeof(folder), "/proc/%d/", tid);
	return read_file(folder, "cgroup", text, sizeof(text)) && strstr(text, line);
}

TEST_F(bind_source, thread_is_in_the_cgroup_of_who_bound_it)
{
	struct binder binder = { .channel = self->channel, .net = self->net };

	ASSERT_EQ(0, find_kernel_thread(THREAD));
	ASSERT_EQ(0, private_tmp());
	ASSERT_EQ(0, mkdir(CGROUPS, 0700));
	ASSERT_EQ(0, mount("none", CGROUPS, "cgroup2", 0, NULL));
	ASSERT_EQ(0, mkdir(CGROUPS "vmm", 0700));
	EXPECT_EQ(0, child_run(bind_in_cgroup, &binder));
	ASSERT_LT(0, find_kernel_thread(THREAD));
	EXPECT_TRUE(is_in_cgroup(find_kernel_thread(THREAD), "0::/vmm\n"));
	EXPECT_FALSE(is_in_cgroup(getpid(), "0::/vmm\n"));
	/* Nothing else is there. */
	EXPECT_EQ(0, channel_bind(self->channel, IOTLB, 0, -1, 0));
	EXPECT_TRUE(wait_until(!rmdir(CGROUPS "vmm")));
}

TEST_HARNESS_MAIN
