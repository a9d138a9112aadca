// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a signal of an eventfd costs the vhost worker that gives it: with nobody
 * there, with a hook as small as a KVM irqfd can be, and with a binding.
 *
 * Counted by the test worker with interrupts off. In a guest whose virtual
 * nanoseconds are instructions (-icount shift=0, one processor) the figures are
 * instructions, the same on every run; anywhere else they are nanoseconds.
 */
#include <stdbool.h>
#include <sys/eventfd.h>

#include "util.h"

#define ROUNDS		1000

/* What a binding may cost more than the hook. */
#define MORE_PENDING	120
#define MORE_RAISED	300

static void die(const char *what, long err)
{
	fprintf(stderr, "%s: %s\n", what, strerror(-err));
	exit(1);
}

static long checked(const char *what, long ret)
{
	if (ret < 0)
		die(what, ret);
	return ret;
}

static int checked_eventfd(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	return checked("eventfd", fd < 0 ? -errno : fd);
}

/* @count signals in a row; returns what they took. */
static uint64_t signal_row(int worker, int eventfd, uint32_t count)
{
	struct vhost_backend_test_signal signal = { .fd = eventfd, .count = count };

	checked("VHOST_BACKEND_TEST_SIGNAL",
		try_ioctl(worker, VHOST_BACKEND_TEST_SIGNAL, &signal));
	return signal.ns;
}

/* Without that with which a measurement begins and ends. */
static double each_in_row(int worker, int eventfd)
{
	signal_row(worker, eventfd, ROUNDS);
	return (double)(signal_row(worker, eventfd, 2 * ROUNDS) -
			signal_row(worker, eventfd, ROUNDS)) / ROUNDS;
}

static double each_alone(int worker, int eventfd)
{
	uint64_t sum = 0;

	signal_row(worker, eventfd, 1);
	for (int n = 0; n < ROUNDS; n++)
		sum += signal_row(worker, eventfd, 1);
	return (double)sum / ROUNDS;
}

/* Likewise, each delivered before the next. */
static double each_delivered(int worker, int eventfd, int channel)
{
	struct message message;
	uint64_t sum = 0;

	while (channel_read(channel, &message) > 0)
		;
	for (int n = 0; n < ROUNDS; n++) {
		sum += signal_row(worker, eventfd, 1);
		checked("no VRING_CALL came", channel_read(channel, &message));
	}
	return (double)sum / ROUNDS;
}

static int hooked_eventfd(int worker)
{
	struct vhost_backend_test_hook hook = { .fd = checked_eventfd() };

	checked("VHOST_BACKEND_TEST_HOOK",
		try_ioctl(worker, VHOST_BACKEND_TEST_HOOK, &hook));
	return hook.fd;
}

static int bound_eventfd(int channel, uint32_t index, uint32_t flags)
{
	struct vhost_backend_bind bind = {
		.source = VHOST_BACKEND_BIND_VRING_CALL, .index = index,
		.flags = flags, .fd = checked_eventfd(),
	};

	checked("VHOST_BACKEND_BIND", try_ioctl(channel, VHOST_BACKEND_BIND, &bind));
	return bind.fd;
}

static void print_row(const char *name, double each)
{
	printf("  %-46s %6.1f\n", name, each);
}

/* Returns whether it is within the limit. */
static bool print_more(const char *name, double each, double hook, int limit)
{
	bool good = each - hook <= limit;

	printf("  %-46s %6.1f  %+7.1f  %s %d\n", name, each, each - hook,
	       good ? "of at most" : "MORE THAN", limit);
	return good;
}

int main(void)
{
	int channel = checked(CHANNEL_PATH, channel_open(O_NONBLOCK));
	int worker = checked(WORKER_PATH, worker_attach(channel, "bench", 0, 1));
	int plain = checked_eventfd(), hooked = hooked_eventfd(worker);
	int bound = bound_eventfd(channel, 0, 0);
	int peeked = bound_eventfd(channel, 1, VHOST_BACKEND_BIND_PEEK);
	double row = each_in_row(worker, hooked);
	double alone = each_alone(worker, hooked);
	bool good = true;

	puts("An eventfd is signalled; what that takes the sender, in instructions under\n"
	     "-icount, else in ns; and how much more than with the hook.\n\n"
	     "  many in a row: it is pending already");
	print_row("nobody listens", each_in_row(worker, plain));
	print_row("a hook that consumes the counter, as an irqfd", row);
	good &= print_more("bound", each_in_row(worker, bound), row, MORE_PENDING);
	good &= print_more("bound with PEEK", each_in_row(worker, peeked), row,
			   MORE_PENDING);
	puts("\n  one alone, two clock reads included: it is raised, and nobody waits");
	print_row("nobody listens", each_alone(worker, plain));
	print_row("a hook that consumes the counter, as an irqfd", alone);
	good &= print_more("bound", each_delivered(worker, bound, channel), alone,
			   MORE_RAISED);
	good &= print_more("bound with PEEK", each_delivered(worker, peeked, channel),
			   alone, MORE_RAISED);
	return !good;
}
