// SPDX-License-Identifier: GPL-2.0-only
/*
 * An eventfd in two hands: bound to a channel, and hooked by KVM as an irqfd or by
 * the test worker's stand-in for one. Where the irqfd came first it would take
 * every signal, so that can't be bound; where the binding came first, newer
 * kernels refuse the irqfd, and with others both see each signal.
 */
#include "../kselftest_harness.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>

#include <linux/kvm.h>

#include "lib/channel.h"
#include "lib/message.h"
#include "lib/reader.h"
#include "lib/skip.h"
#include "lib/wait.h"
#include "lib/worker.h"

SKIP_WITHOUT_WORKER;

#define CALL	VHOST_BACKEND_BIND_VRING_CALL
#define PEEK	VHOST_BACKEND_BIND_PEEK
#define GSI	5
#define SIGNALS	50

/* Since 6.17 there is at most one priority waiter. */
static bool one_priority_waiter(void)
{
	unsigned int major = 0, minor = 0;
	struct utsname name;

	if (uname(&name) || sscanf(name.release, "%u.%u", &major, &minor) != 2)
		return false;
	return major > 6 || (major == 6 && minor >= 17);
}

/* Hooks @fd, or with -1 takes the hook off and counts its calls. */
static int hook(int worker, int fd, uint64_t *count)
{
	struct vhost_backend_test_hook argument = { .fd = fd };
	int err = try_ioctl(worker, VHOST_BACKEND_TEST_HOOK, &argument);

	if (count)
		*count = argument.count;
	return err;
}

static int signal_as_worker(int worker, int fd, uint32_t count)
{
	struct vhost_backend_test_signal signal = { .fd = fd, .count = count };

	return try_ioctl(worker, VHOST_BACKEND_TEST_SIGNAL, &signal);
}

static int unbind(int channel)
{
	return channel_bind(channel, CALL, 0, -1, 0);
}

/* Whether the channel tells of a signal, once. */
static bool is_told(int channel)
{
	return drain(channel, READ_MAX, ignore_message, NULL) == 1;
}

FIXTURE(bind_irqfd) {
	int channel;
	int worker;
	int efd;
	int kvm;
	int vm;
};

FIXTURE_SETUP(bind_irqfd)
{
	self->channel = channel_open(O_NONBLOCK);
	ASSERT_LE(0, self->channel);
	self->worker = open(WORKER_PATH, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->worker);
	self->efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ASSERT_LE(0, self->efd);
	self->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	self->vm = self->kvm < 0 ? -1 : ioctl(self->kvm, KVM_CREATE_VM, 0);
	if (self->vm >= 0 && ioctl(self->vm, KVM_CREATE_IRQCHIP, 0)) {
		close(self->vm);
		self->vm = -1;
	}
}

FIXTURE_TEARDOWN(bind_irqfd)
{
	if (self->vm >= 0)
		close(self->vm);
	if (self->kvm >= 0)
		close(self->kvm);
	close(self->efd);
	close(self->worker);
	close(self->channel);
}

TEST_F(bind_irqfd, hook_then_bind)
{
	uint64_t count;

	ASSERT_EQ(0, hook(self->worker, self->efd, NULL));
	EXPECT_EQ(-EBUSY, channel_bind(self->channel, CALL, 0, self->efd, 0));
	EXPECT_EQ(-EBUSY, channel_bind(self->channel, CALL, 0, self->efd, PEEK));
	EXPECT_EQ(0U, channel_stats(self->channel).bindings);
	ASSERT_EQ(0, signal_as_worker(self->worker, self->efd, SIGNALS));
	EXPECT_FALSE(is_told(self->channel));

	/* The other one has had them all, and leaves nothing in the way. */
	ASSERT_EQ(0, hook(self->worker, -1, &count));
	EXPECT_EQ(0U + SIGNALS, count);
	ASSERT_EQ(0, channel_bind(self->channel, CALL, 0, self->efd, 0));
	ASSERT_EQ(0, signal_as_worker(self->worker, self->efd, 1));
	EXPECT_TRUE(is_told(self->channel));
}

TEST_F(bind_irqfd, bind_then_hook)
{
	for (uint32_t flags = 0; flags <= PEEK; flags += PEEK) {
		int expected = one_priority_waiter() ? -EBUSY : 0;
		uint64_t count = 0;

		ASSERT_EQ(0, channel_bind(self->channel, CALL, 0, self->efd, flags));
		EXPECT_EQ(expected, hook(self->worker, self->efd, NULL));
		for (unsigned int i = 0; i < SIGNALS; i++) {
			ASSERT_EQ(0, signal_as_worker(self->worker, self->efd, 1));
			EXPECT_TRUE(is_told(self->channel));
		}
		if (!expected) {
			ASSERT_EQ(0, hook(self->worker, -1, &count));
			EXPECT_EQ(0U + SIGNALS, count);
		}
		EXPECT_EQ(0U + SIGNALS * (1 + flags),
			  channel_stats(self->channel).notifications_raised);
		ASSERT_EQ(0, unbind(self->channel));
		ASSERT_EQ(0, hook(self->worker, self->efd, NULL));
		ASSERT_EQ(0, hook(self->worker, -1, NULL));
	}
}

/*
 * A binding that is taken off leaves the other one its signals. Where a kernel
 * never has both, the other one comes afterwards.
 */
TEST_F(bind_irqfd, unbound_under_the_hook)
{
	bool one = one_priority_waiter();
	uint64_t count;

	ASSERT_EQ(0, channel_bind(self->channel, CALL, 0, self->efd, 0));
	ASSERT_EQ(one ? -EBUSY : 0, hook(self->worker, self->efd, NULL));
	ASSERT_EQ(0, unbind(self->channel));
	ASSERT_EQ(0, one ? hook(self->worker, self->efd, NULL) : 0);
	ASSERT_EQ(0, signal_as_worker(self->worker, self->efd, SIGNALS));
	EXPECT_FALSE(is_told(self->channel));
	EXPECT_EQ(-EBUSY, channel_bind(self->channel, CALL, 0, self->efd, 0));
	ASSERT_EQ(0, hook(self->worker, -1, &count));
	EXPECT_EQ(0U + SIGNALS, count);
}

static int irqfd(int vm, int fd, uint32_t flags)
{
	struct kvm_irqfd argument = { .fd = fd, .gsi = GSI, .flags = flags };

	return try_ioctl(vm, KVM_IRQFD, &argument);
}

/*
 * Whether an interrupt has come in at the VM's controller; forgets it. Nothing is set
 * otherwise, since it may come in meanwhile.
 */
static bool interrupted(int vm)
{
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_PIC_MASTER };

	if (ioctl(vm, KVM_GET_IRQCHIP, &chip) || !(chip.chip.pic.irr & 1 << GSI))
		return false;
	chip.chip.pic.irr = 0;
	/* The line may just be high: the next time it goes up is to count. */
	chip.chip.pic.last_irr &= ~(1 << GSI);
	return !ioctl(vm, KVM_SET_IRQCHIP, &chip);
}

TEST_F(bind_irqfd, irqfd_then_bind)
{
	if (self->vm < 0)
		SKIP(return, "no KVM: modprobe kvm_intel or kvm_amd");
	ASSERT_EQ(0, irqfd(self->vm, self->efd, 0));
	EXPECT_EQ(-EBUSY, channel_bind(self->channel, CALL, 0, self->efd, 0));
	EXPECT_EQ(-EBUSY, channel_bind(self->channel, CALL, 0, self->efd, PEEK));
	ASSERT_EQ(0, signal_as_worker(self->worker, self->efd, 1));
	EXPECT_TRUE(wait_until(interrupted(self->vm)));
	EXPECT_FALSE(is_told(self->channel));

	ASSERT_EQ(0, irqfd(self->vm, self->efd, KVM_IRQFD_FLAG_DEASSIGN));
	ASSERT_EQ(0, channel_bind(self->channel, CALL, 0, self->efd, 0));
	ASSERT_EQ(0, signal_as_worker(self->worker, self->efd, 1));
	EXPECT_TRUE(is_told(self->channel));
	EXPECT_FALSE(interrupted(self->vm));
}

TEST_F(bind_irqfd, bind_then_irqfd)
{
	int expected = one_priority_waiter() ? -EBUSY : 0;

	if (self->vm < 0)
		SKIP(return, "no KVM: modprobe kvm_intel or kvm_amd");
	ASSERT_EQ(0, channel_bind(self->channel, CALL, 0, self->efd, 0));
	EXPECT_EQ(expected, irqfd(self->vm, self->efd, 0));
	for (unsigned int i = 0; i < 5; i++) {
		ASSERT_EQ(0, signal_as_worker(self->worker, self->efd, 1));
		EXPECT_TRUE(is_told(self->channel));
		if (!expected)
			EXPECT_TRUE(wait_until(interrupted(self->vm)));
	}
	/* The VM is closed with its irqfd still there, the binding stays. */
	close(self->vm);
	self->vm = -1;
	ASSERT_EQ(0, signal_as_worker(self->worker, self->efd, 1));
	EXPECT_TRUE(is_told(self->channel));
}

TEST_HARNESS_MAIN
