// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process that bound a device is dead, and its address space is not: the device
 * keeps that, and a ring of io_uring there may keep the channel. The device is
 * unbound then, and only then.
 */
#include "../kselftest_harness.h"

#include <fcntl.h>
#include <liburing.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include "lib/channel.h"
#include "lib/child.h"
#include "lib/flow.h"
#include "lib/held.h"
#include "lib/memory.h"
#include "lib/message.h"
#include "lib/net_frame.h"
#include "lib/skip.h"
#include "lib/task.h"
#include "lib/vhost_net.h"
#include "lib/wait.h"

SKIP_WITHOUT_CHANNEL;
SKIP_WITHOUT("/dev/vhost-net", vhost_net);
SKIP_WITHOUT("/dev/net/tun", tun);

#define IOTLB	VHOST_BACKEND_BIND_IOTLB

/* Longer than a device stays bound when it is to be unbound. */
#define STAYS_S		4

/* Of a process of its own, or of this one */
struct vmm {
	int channel;
	struct vhost_net net;
	struct net_capture capture;
	struct flow flow;
	struct io_uring ring;
	struct message message;
};

/* What a ring keeps of a channel */
enum kept {
	KEPT_READ,		/* a read that waits */
	KEPT_POLL,
	KEPT_FILE,		/* registered */
};

/* Shared with the process that is killed. */
struct shared {
	atomic_bool running;
	enum kept kept;
	enum net_workers workers;
	bool closes;		/* its descriptor of the channel */
	int channel;
};

static int open_device(struct vmm *vmm)
{
	return flows_open(&vmm->net, &vmm->capture, &vmm->flow, 1, NET_IOTLB);
}

static int bind_device(const struct vmm *vmm)
{
	return channel_bind(vmm->channel, IOTLB, 0, vmm->net.vhost, 0);
}

static void bind_and_exit(void *arg)
{
	child_check(!bind_device(arg));
}

static int bind_in_child(struct vmm *vmm)
{
	return child_run(bind_and_exit, vmm);
}

static void keep(struct vmm *vmm, enum kept kept)
{
	struct io_uring_sqe *sqe;

	child_check(!io_uring_queue_init(4, &vmm->ring, 0));
	if (kept == KEPT_FILE) {
		child_check(!io_uring_register_files(&vmm->ring, &vmm->channel, 1));
		return;
	}
	sqe = io_uring_get_sqe(&vmm->ring);
	if (kept == KEPT_READ)
		io_uring_prep_read(sqe, vmm->channel, &vmm->message, sizeof(vmm->message), -1);
	else
		io_uring_prep_poll_multishot(sqe, vmm->channel, POLLIN);
	child_check(io_uring_submit(&vmm->ring) == 1);
}

static void wait_for_the_end(struct shared *shared)
{
	atomic_store(&shared->running, true);
	for (;;)
		pause();
}

/* All of it is its own. */
static void live(void *arg)
{
	struct shared *shared = arg;
	struct vmm vmm = { .channel = channel_open(O_NONBLOCK) };

	child_check(vmm.channel >= 0);
	child_check(!open_device(&vmm));
	child_check(!bind_device(&vmm));
	keep(&vmm, shared->kept);
	if (shared->closes)
		close(vmm.channel);
	wait_for_the_end(shared);
}

/* Likewise, but that another process has bound its device. */
static void live_bound_by_another(void *arg)
{
	struct shared *shared = arg;
	struct vmm vmm = { .channel = channel_open(O_NONBLOCK) };

	child_check(vmm.channel >= 0);
	child_check(!open_device(&vmm));
	child_check(!bind_in_child(&vmm));
	keep(&vmm, KEPT_FILE);
	wait_for_the_end(shared);
}

/* The channel is its parent's, and stays open there. */
static void live_with_parent(void *arg)
{
	struct shared *shared = arg;
	struct vmm vmm = { .channel = shared->channel };

	child_check(!open_device(&vmm));
	child_check(!bind_device(&vmm));
	wait_for_the_end(shared);
}

/*
 * They end by themselves. Where the device's worker is a thread of the process, it is left
 * as the only one.
 */
static void end_only_thread(struct shared *shared)
{
	atomic_store(&shared->running, true);
	syscall(SYS_exit, 0);
}

static void live_and_end(void *arg)
{
	struct shared *shared = arg;
	struct vmm vmm = { .channel = channel_open(O_NONBLOCK) };

	net_choose_workers(shared->workers);
	child_check(vmm.channel >= 0);
	child_check(!open_device(&vmm));
	child_check(!bind_device(&vmm));
	keep(&vmm, shared->kept);
	if (shared->closes)
		close(vmm.channel);
	end_only_thread(shared);
}

static void live_with_parent_and_end(void *arg)
{
	struct shared *shared = arg;
	struct vmm vmm = { .channel = shared->channel };

	net_choose_workers(shared->workers);
	child_check(!open_device(&vmm));
	child_check(!bind_device(&vmm));
	end_only_thread(shared);
}

static void *outlive_first_thread(void *arg)
{
	wait_for_the_end(arg);
	return NULL;
}

static void live_without_first_thread(void *arg)
{
	struct shared *shared = arg;
	struct vmm vmm = { .channel = shared->channel };
	pthread_t thread;

	child_check(!open_device(&vmm));
	child_check(!bind_device(&vmm));
	child_check(!pthread_create(&thread, NULL, outlive_first_thread, shared));
	syscall(SYS_exit, 0);
}

FIXTURE(vhost_outlived) {
	struct shared *shared;
	struct held before;
};

FIXTURE_SETUP(vhost_outlived)
{
	self->before = what_is_held();
	self->shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			    -1, 0);
	ASSERT_TRUE(self->shared != MAP_FAILED);
}

FIXTURE_TEARDOWN(vhost_outlived)
{
	EXPECT_TRUE(wait_until(holds_no_more(&self->before)));
	munmap(self->shared, PAGE);
}

/* Killed, and not yet waited for. */
static pid_t kill_it(struct __test_metadata *_metadata, struct shared *shared,
		     void (*fn)(void *arg))
{
	pid_t pid;

	atomic_store(&shared->running, false);
	pid = child_start(fn, shared);
	ASSERT_LT(0, pid);
	EXPECT_TRUE(wait_until(atomic_load(&shared->running)));
	EXPECT_EQ(0, kill(pid, SIGKILL));
	return pid;
}

static bool was_killed(pid_t pid)
{
	int status = child_wait(pid);

	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

TEST_F_TIMEOUT(vhost_outlived, by_its_ring, 280)
{
	for (enum kept kept = KEPT_READ; kept <= KEPT_FILE; kept++)
		for (int closes = 0; closes < 2; closes++) {
			self->shared->kept = kept;
			self->shared->closes = closes;
			ASSERT_TRUE(was_killed(kill_it(_metadata, self->shared, live)));
			ASSERT_TRUE(wait_until(holds_no_more(&self->before)))
				TH_LOG("kept %d, closes %d", kept, closes);
		}
}

/* A zombie is as dead as one that its parent has waited for. */
TEST_F_TIMEOUT(vhost_outlived, by_its_device, 60)
{
	pid_t pid;

	self->shared->channel = channel_open(O_NONBLOCK);
	ASSERT_LE(0, self->shared->channel);
	pid = kill_it(_metadata, self->shared, live_with_parent);
	EXPECT_TRUE(wait_until(!channel_stats(self->shared->channel).bindings));
	EXPECT_TRUE(was_killed(pid));
	EXPECT_EQ(0, close(self->shared->channel));
}

/* Each that this kernel has */
static bool next_workers(enum net_workers *workers)
{
	return ++*workers < (net_can_choose_workers() ? NET_WORKERS : NET_WORKERS_DEFAULT + 1);
}

/* Its last thread ends by exit(), not the process by exit_group(). */
TEST_F_TIMEOUT(vhost_outlived, by_its_ring_after_its_last_thread, 280)
{
	struct shared *shared = self->shared;
	enum net_workers workers = NET_WORKERS_DEFAULT;

	do {
		for (unsigned int n = 0; n < 2 * (KEPT_FILE + 1); n++) {
			pid_t pid;

			shared->workers = workers;
			shared->kept = n / 2;
			shared->closes = n % 2;
			atomic_store(&shared->running, false);
			pid = child_start(live_and_end, shared);
			ASSERT_LT(0, pid);
			/* The process is there for as long as its worker is. */
			ASSERT_EQ(0, child_wait(pid))
				TH_LOG("workers %d, kept %d, closes %d", workers, shared->kept,
				       shared->closes);
			EXPECT_TRUE(atomic_load(&shared->running));
			ASSERT_TRUE(wait_until(holds_no_more(&self->before)));
		}
	} while (next_workers(&workers));
}

TEST_F_TIMEOUT(vhost_outlived, by_its_device_after_its_last_thread, 120)
{
	enum net_workers workers = NET_WORKERS_DEFAULT;
	int channel = channel_open(O_NONBLOCK);

	ASSERT_LE(0, channel);
	self->shared->channel = channel;
	do {
		pid_t pid;

		self->shared->workers = workers;
		pid = child_start(live_with_parent_and_end, self->shared);
		ASSERT_LT(0, pid);
		EXPECT_EQ(0, child_wait(pid));
		EXPECT_TRUE(wait_until(!channel_stats(channel).bindings))
			TH_LOG("workers %d", workers);
	} while (next_workers(&workers));
	EXPECT_TRUE(atomic_load(&self->shared->running));
	close(channel);
}

/* What is left of a process goes on with its device, and then is killed. */
TEST_F_TIMEOUT(vhost_outlived, not_by_other_threads, 60)
{
	int channel = channel_open(O_NONBLOCK);
	pid_t pid;

	ASSERT_LE(0, channel);
	self->shared->channel = channel;
	pid = child_start(live_without_first_thread, self->shared);
	ASSERT_LT(0, pid);
	EXPECT_TRUE(wait_until(atomic_load(&self->shared->running)));
	sleep(STAYS_S);
	EXPECT_EQ(1U, channel_stats(channel).bindings);
	EXPECT_EQ(0, kill(pid, SIGKILL));
	EXPECT_TRUE(wait_until(!channel_stats(channel).bindings));
	EXPECT_TRUE(was_killed(pid));
	close(channel);
}

/* What the module can't know, whoever may kill the device's thread ends. */
TEST_F_TIMEOUT(vhost_outlived, until_its_thread_is_killed, 60)
{
	ASSERT_TRUE(was_killed(kill_it(_metadata, self->shared, live_bound_by_another)));
	EXPECT_EQ(1U, signal_threads("vhost-backend-d", 0));
	/* A thread that has only just begun takes no signals yet. */
	EXPECT_TRUE(wait_until((signal_threads("vhost-backend-d", SIGKILL),
				holds_no_more(&self->before))));
}

/* A channel and a device of this process; @run has the device bound by another. */
static void stays_bound(struct __test_metadata *_metadata,
			int (*run)(struct vmm *vmm))
{
	struct vmm vmm = { .channel = channel_open(O_NONBLOCK) };

	ASSERT_LE(0, vmm.channel);
	ASSERT_EQ(0, open_device(&vmm));
	ASSERT_EQ(0, run(&vmm));
	ASSERT_EQ(1U, channel_stats(vmm.channel).bindings);
	sleep(STAYS_S);
	EXPECT_EQ(1U, channel_stats(vmm.channel).bindings);
	/* It is still heard. */
	ASSERT_EQ(0, flow_offer(&vmm.flow, 1));
	EXPECT_TRUE(readable(vmm.channel, LIMIT_MS));
	flows_close(&vmm.flow, 1);
	close(vmm.channel);
}

/* Who starts a VMM may bind what the VMM owns. */
TEST_F_TIMEOUT(vhost_outlived, not_by_another_process, 60)
{
	stays_bound(_metadata, bind_in_child);
}

static void *bind_thread(void *arg)
{
	return bind_device(arg) ? arg : NULL;
}

static int bind_in_thread(struct vmm *vmm)
{
	pthread_t thread;
	void *failed;
	int err = pthread_create(&thread, NULL, bind_thread, vmm);

	if (err)
		return err;
	pthread_join(thread, &failed);
	return failed ? -EIO : 0;
}

TEST_F_TIMEOUT(vhost_outlived, not_by_another_thread, 60)
{
	stays_bound(_metadata, bind_in_thread);
}

TEST_HARNESS_MAIN
