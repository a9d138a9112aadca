// SPDX-License-Identifier: GPL-2.0-only
/*
 * The code that the page for VMM authors gives them, with an unmodified vhost-net:
 * frames out and in, misses, a broken queue, the end.
 */
#include "../kselftest_harness.h"

#include <stddef.h>

#include <linux/vhost.h>

#include "lib/channel.h"
#include "lib/flow.h"
#include "lib/net_frame.h"
#include "lib/net_queue.h"
#include "lib/skip.h"
#include "lib/vhost_net.h"
#include "lib/vmm.h"
#include "lib/wait.h"

SKIP_WITHOUT_CHANNEL;
SKIP_WITHOUT("/dev/vhost-net", vhost_net);
SKIP_WITHOUT("/dev/net/tun", tun);

struct machine {
	struct vmm_net vmm;
	struct flow *flow;
	uint64_t interrupts;
	uint64_t broken;
};

static struct machine *machine_of(struct vmm_net *vmm)
{
	return (struct machine *)((char *)vmm - offsetof(struct machine, vmm));
}

static void interrupt(struct vmm_net *vmm, unsigned int vring)
{
	machine_of(vmm)->interrupts |= 1ULL << vring;
}

static void broken(struct vmm_net *vmm, unsigned int vring)
{
	machine_of(vmm)->broken |= 1ULL << vring;
}

/* One buffer, of those that there are. */
static int translate(struct vmm_net *vmm, uint64_t iova,
		     struct vhost_iotlb_msg *entry)
{
	const struct vhost_net *net = machine_of(vmm)->flow->net;
	int queue = net_queue_of(net, iova);
	const struct net_queue *q;
	uint64_t at;

	if (queue < 0)
		return -EFAULT;
	q = &net->queue[queue];
	at = (iova - q->buffers_address) / NET_BUFFER * NET_BUFFER;
	entry->iova = q->buffers_address + at;
	entry->size = NET_BUFFER;
	entry->uaddr = (uintptr_t)q->buffers + at;
	entry->perm = VHOST_ACCESS_RW;
	return 0;
}

FIXTURE(vhost_net_vmm) {
	struct vhost_net net;
	struct net_capture capture;
	struct flow flow;
	struct machine machine;
};

FIXTURE_SETUP(vhost_net_vmm)
{
	struct vmm_net *vmm = &self->machine.vmm;

	ASSERT_EQ(0, flows_open(&self->net, &self->capture, &self->flow, 1, NET_IOTLB));
	self->machine.flow = &self->flow;
	*vmm = (struct vmm_net){
		.vhost = self->net.vhost,
		.interrupt = interrupt, .broken = broken, .translate = translate,
	};
	for (int i = 0; i < NET_QUEUES; i++) {
		vmm->call[i] = self->net.queue[i].call;
		vmm->err[i] = self->net.queue[i].err;
	}
	ASSERT_EQ(0, vmm_open(vmm));
	ASSERT_EQ(0, vmm_bind(vmm));
}

FIXTURE_TEARDOWN(vhost_net_vmm)
{
	if (self->machine.vmm.channel >= 0)
		close(self->machine.vmm.channel);
	flows_close(&self->flow, 1);
}

/* As a VMM's loop: sleeps until there is something, then takes it. */
static int run_frames(struct machine *machine, uint32_t target, uint32_t window)
{
	struct flow *flow = machine->flow;
	int err = 0;

	while (!err && !flow_is_through(flow, target)) {
		err = flow_feed(flow, target, window);
		if (!err && !readable(machine->vmm.channel, LIMIT_MS))
			err = -ETIMEDOUT;
		if (!err)
			err = vmm_read(&machine->vmm);
		if (!err)
			err = flow_take(flow, machine->interrupts);
		machine->interrupts = 0;
	}
	return err;
}

TEST_F_TIMEOUT(vhost_net_vmm, frames_in_both_directions, 120)
{
	struct vhost_backend_stats stats;

	ASSERT_EQ(0, flow_open_host(&self->flow));
	ASSERT_EQ(0, run_frames(&self->machine, 500, 16));
	EXPECT_EQ(500U, self->flow.seen);
	EXPECT_EQ(500U, self->flow.received);
	EXPECT_EQ(0U, self->machine.broken);
	stats = channel_stats(self->machine.vmm.channel);
	EXPECT_LT(0U, stats.requests_delivered);
	EXPECT_EQ(0U, stats.requests_failed);
}

TEST_F_TIMEOUT(vhost_net_vmm, a_queue_that_breaks, 60)
{
	struct net_queue *q = &self->net.queue[NET_TX];

	ASSERT_EQ(0, run_frames(&self->machine, 10, 10));
	q->vring.avail->ring[q->added++ % NET_RING] = NET_RING;
	net_kick(q);
	while (!self->machine.broken) {
		ASSERT_TRUE(readable(self->machine.vmm.channel, LIMIT_MS));
		ASSERT_EQ(0, vmm_read(&self->machine.vmm));
	}
	EXPECT_EQ(1ULL << NET_TX, self->machine.broken);
}

/* What was on its way is delivered, and the descriptors are the VMM's again. */
TEST_F_TIMEOUT(vhost_net_vmm, the_end, 60)
{
	struct flow *flow = &self->flow;

	ASSERT_EQ(0, run_frames(&self->machine, 10, 10));
	ASSERT_EQ(0, flow_offer(flow, 11));
	ASSERT_TRUE(readable(self->machine.vmm.channel, LIMIT_MS));
	ASSERT_EQ(0, vmm_read(&self->machine.vmm));
	while (net_used_index(&self->net.queue[NET_TX]) != 11)
		ASSERT_EQ(0, vmm_read(&self->machine.vmm));
	ASSERT_EQ(0, vmm_close(&self->machine.vmm));
	EXPECT_EQ(-1, self->machine.vmm.channel);
	EXPECT_EQ(1ULL << NET_TX, self->machine.interrupts);
	ASSERT_EQ(0, vmm_open(&self->machine.vmm));
	EXPECT_EQ(0, vmm_bind(&self->machine.vmm));
	EXPECT_FALSE(readable(self->machine.vmm.channel, 0));
}

TEST_HARNESS_MAIN
