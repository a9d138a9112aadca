// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VMM that is killed, with its devices bound to its channel and frames on their
 * way. Whatever it did, and in whatever order its descriptors are closed:
 * nothing hangs, nothing is left, and its memory is free again.
 */
#include "../kselftest_harness.h"

#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

#include "lib/channel.h"
#include "lib/child.h"
#include "lib/flow.h"
#include "lib/held.h"
#include "lib/memory.h"
#include "lib/net_frame.h"
#include "lib/random.h"
#include "lib/skip.h"
#include "lib/vhost_net.h"
#include "lib/wait.h"

SKIP_WITHOUT_CHANNEL;
SKIP_WITHOUT("/dev/vhost-net", vhost_net);
SKIP_WITHOUT("/dev/net/tun", tun);

/* Descriptors are closed in the order of their numbers: those of a kind together. */
enum kind {
	KIND_CHANNEL,
	KIND_DEVICE,
	KIND_TAP,
	KIND_EVENTFDS,
	KINDS
};

#define ORDERS		24	/* of that many kinds */
#define MODES		(NET_IOTLB_OLD + 1)
#define ROUNDS		(4 * ORDERS)
/* What they may take, on a slow machine. */
#define SECONDS		25

/* What it does when it is killed */
enum deed {
	DEED_SEND,
	DEED_SEND_AND_RECEIVE,
	DEED_BIND_AND_UNBIND,
	DEEDS
};

/* What it tells of itself */
struct victim {
	atomic_bool running;
	char name[IFNAMSIZ];

	unsigned int order;
	enum deed deed;
	enum net_mode mode;
	size_t bytes;		/* of the guest's memory, beside the queues */
};

struct vmm {
	int channel;
	struct vhost_net net;
	struct net_capture capture;
	struct flow flow;
};

static bool move(int *fd, int least)
{
	int moved = fcntl(*fd, F_DUPFD_CLOEXEC, least);

	close(*fd);
	*fd = moved;
	return moved >= 0;
}

static bool move_kind(struct vmm *vmm, enum kind kind, int least)
{
	bool moved = true;

	switch (kind) {
	case KIND_CHANNEL:
		return move(&vmm->channel, least);
	case KIND_DEVICE:
		return move(&vmm->net.vhost, least);
	case KIND_TAP:
		return move(&vmm->net.tap, least);
	default:
		for (int i = 0; i < NET_QUEUES; i++)
			moved = moved && move(&vmm->net.queue[i].kick, least) &&
				move(&vmm->net.queue[i].call, least) &&
				move(&vmm->net.queue[i].err, least);
		return moved;
	}
}

/* Order @order of the kinds: its digits choose among those that are left. */
static bool arrange(struct vmm *vmm, unsigned int order)
{
	enum kind left[KINDS] = { KIND_CHANNEL, KIND_DEVICE, KIND_TAP, KIND_EVENTFDS };

	for (unsigned int n = KINDS; n > 0; n--) {
		unsigned int chosen = order % n;

		if (!move_kind(vmm, left[chosen], 100 * n))
			return false;
		left[chosen] = left[n - 1];
		order /= n;
	}
	return true;
}

static int bind_all(struct vmm *vmm)
{
	int err = net_bind(&vmm->net, vmm->channel, 0);

	if (err || vmm->net.mode == NET_DIRECT)
		return err;
	return channel_bind(vmm->channel, VHOST_BACKEND_BIND_IOTLB,
			    vmm->flow.source, vmm->net.vhost, 0);
}

static int unbind_all(struct vmm *vmm)
{
	int err = 0;

	for (unsigned int i = 0; !err && i < NET_QUEUES; i++) {
		err = channel_bind(vmm->channel, VHOST_BACKEND_BIND_VRING_CALL, i, -1, 0);
		if (!err)
			err = channel_bind(vmm->channel, VHOST_BACKEND_BIND_VRING_ERR,
					   i, -1, 0);
	}
	if (err || vmm->net.mode == NET_DIRECT)
		return err;
	return channel_bind(vmm->channel, VHOST_BACKEND_BIND_IOTLB, 0, -1, 0);
}

static int bind_and_unbind(struct vmm *vmm)
{
	int err = flow_offer(&vmm->flow, NET_RING / 2);

	while (!err) {
		err = unbind_all(vmm);
		if (!err)
			err = bind_all(vmm);
	}
	return err;
}

/* A whole VMM of its own, which never ends by itself. */
static void live(void *arg)
{
	/* What it would leave, would be seen. */
	const struct vhost_backend_setup large = {
		.ring_bytes = 256 << 10, .max_inflight = 1024,
	};
	struct victim *victim = arg;
	struct vmm vmm = {};

	child_check(!victim->bytes ||
		    mmap(NULL, victim->bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0) != MAP_FAILED);
	vmm.channel = channel_open_with(O_NONBLOCK, large);
	child_check(!flows_open(&vmm.net, &vmm.capture, &vmm.flow, 1, victim->mode));
	memcpy(victim->name, vmm.net.name, sizeof(victim->name));
	child_check(arrange(&vmm, victim->order));
	child_check(!bind_all(&vmm));
	child_check(victim->deed != DEED_SEND_AND_RECEIVE || !flow_open_host(&vmm.flow));
	atomic_store(&victim->running, true);
	if (victim->deed == DEED_BIND_AND_UNBIND)
		child_check(!bind_and_unbind(&vmm));
	while (!flows_run(vmm.channel, &vmm.flow, 1, 64, 32))
		;
	child_check(false);
}

static bool is_gone(const struct victim *victim, const struct held *before)
{
	return holds_no_more(before) && !if_nametoindex(victim->name);
}

/*
 * In KiB. Pages that a CPU keeps for itself are free too, which no sum of the
 * kernel's includes.
 */
static long free_memory(void)
{
	long pages = 0, count;
	char line[100];
	FILE *file = fopen("/proc/zoneinfo", "r");

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, " nr_free_pages %ld", &count) == 1 ||
		    sscanf(line, " count: %ld", &count) == 1)
			pages += count;
	if (file)
		fclose(file);
	return pages * (PAGE / 1024);
}

/* Who kills one victim after the other */
struct killer {
	struct victim *victim;
	struct held before;
	uint64_t seed;
	unsigned int rounds;
};

FIXTURE(vhost_killed) {
	struct killer killer;
};

FIXTURE_SETUP(vhost_killed)
{
	self->killer = (struct killer){
		.victim = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0),
		.before = what_is_held(),
		.seed = new_seed(_metadata->name),
	};
	ASSERT_TRUE(self->killer.victim != MAP_FAILED);
}

FIXTURE_TEARDOWN(vhost_killed)
{
	munmap(self->killer.victim, PAGE);
}

/* One victim's life, and what it leaves */
static void kill_one(struct __test_metadata *_metadata, struct killer *killer)
{
	struct victim *victim = killer->victim;
	int status;
	pid_t pid;

	atomic_store(&victim->running, false);
	victim->name[0] = '\0';
	victim->order = killer->rounds++ % ORDERS;
	victim->deed = next_random(&killer->seed) % DEEDS;
	victim->mode = next_random(&killer->seed) % MODES;
	pid = child_start(live, victim);
	ASSERT_LT(0, pid);
	/* Some are killed before they are set up, most while all is busy. */
	ASSERT_TRUE(next_random(&killer->seed) % 4 == 0 || wait_until(victim->running));
	usleep(next_random(&killer->seed) % 20000);
	EXPECT_EQ(0, kill(pid, SIGKILL));
	status = child_wait(pid);
	ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		TH_LOG("round %u: status %#x", killer->rounds, status);
	ASSERT_TRUE(wait_until(is_gone(victim, &killer->before)))
		TH_LOG("round %u: %s", killer->rounds, victim->name);
}

/* Much less than what as many channels and devices would take. */
#define SPARE_KIB	4096

TEST_F_TIMEOUT(vhost_killed, leaves_nothing, 280)
{
	time_t until = time(NULL) + SECONDS;
	long before = 0;

	while (another_round(self->killer.rounds, ROUNDS, until)) {
		kill_one(_metadata, &self->killer);
		/* The first ones fill caches. */
		if (self->killer.rounds == ROUNDS / 10)
			before = free_memory();
	}
	/* With KASAN, what is freed stays in quarantine; kmemleak finds leaks there. */
	if (access("/sys/kernel/debug/kmemleak", F_OK))
		EXPECT_TRUE(wait_until(free_memory() + SPARE_KIB > before));
	TH_LOG("%u killed, %ld KiB less", self->killer.rounds, before - free_memory());
}

/* The guest's memory, which dwarfs whatever else changes meanwhile. */
#define GUEST_KIB	(32 << 10)

TEST_F_TIMEOUT(vhost_killed, memory_is_free_again, 280)
{
	time_t until = time(NULL) + SECONDS;
	long before;

	kill_one(_metadata, &self->killer);
	before = free_memory();
	self->killer.victim->bytes = (size_t)GUEST_KIB << 10;
	for (unsigned int i = 0; another_round(i, ORDERS, until); i++) {
		kill_one(_metadata, &self->killer);
		EXPECT_TRUE(wait_until(free_memory() + GUEST_KIB / 2 > before))
			TH_LOG("%ld KiB of %ld", free_memory(), before);
	}
}

TEST_HARNESS_MAIN
