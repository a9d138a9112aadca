// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a signal of an eventfd costs the vhost worker that gives it: with nobody
 * there, with a hook as small as a KVM irqfd can be, and with a binding.
 */
#include "bench.h"
#include "lib/channel.h"
#include "lib/worker.h"

#define SIGNALS		1000

/* An eventfd that is signalled, and who is there then */
struct signalled {
	struct setting setting;
	int eventfd;
	int hooked;
	int bound;
};

static double signal_row(const struct signalled *signalled, uint32_t count)
{
	struct vhost_backend_test_signal signal = {
		.fd = signalled->eventfd, .count = count,
	};

	checked("VHOST_BACKEND_TEST_SIGNAL",
		try_ioctl(signalled->setting.worker, VHOST_BACKEND_TEST_SIGNAL, &signal));
	return signal.ns;
}

/* Each of a row, all but the first of which find it pending. */
static double pending_once(const void *what)
{
	return (signal_row(what, 2 * SIGNALS) - signal_row(what, SIGNALS)) / SIGNALS;
}

/* Raised while nothing is pending, and nobody waits. */
static double alone_once(const void *what)
{
	const struct signalled *signalled = what;
	double took = signal_row(signalled, 1) -
		      worker_time(&signalled->setting, VHOST_BACKEND_TEST_MEASURE_NOTHING, 1);
	struct message message;
	uint64_t count;

	if (signalled->bound)
		checked("no VRING_CALL came",
			channel_read(signalled->setting.channel, &message));
	else if (!signalled->hooked)
		check("an eventfd's count",
		      read(signalled->eventfd, &count, sizeof(count)) == sizeof(count));
	return took;
}

static double measure(struct signalled *signalled, double (*once)(const void *))
{
	double took = median_of(once, signalled);

	close(signalled->eventfd);
	setting_close(&signalled->setting);
	return took;
}

static void signalled_open(struct signalled *signalled)
{
	*signalled = (struct signalled){ .eventfd = checked_eventfd() };
	setting_open(&signalled->setting, 1, O_NONBLOCK);
	/* Nobody is to be woken. */
	close(signalled->setting.epoll);
	signalled->setting.epoll = -1;
}

static double plain(double (*once)(const void *))
{
	struct signalled signalled;

	signalled_open(&signalled);
	return measure(&signalled, once);
}

static double hooked(double (*once)(const void *))
{
	struct vhost_backend_test_hook hook = {};
	struct signalled signalled;

	signalled_open(&signalled);
	signalled.hooked = 1;
	hook.fd = signalled.eventfd;
	checked("VHOST_BACKEND_TEST_HOOK",
		try_ioctl(signalled.setting.worker, VHOST_BACKEND_TEST_HOOK, &hook));
	return measure(&signalled, once);
}

static double bound(double (*once)(const void *), uint32_t flags)
{
	struct signalled signalled;

	signalled_open(&signalled);
	signalled.bound = 1;
	checked("VHOST_BACKEND_BIND",
		channel_bind(signalled.setting.channel, VHOST_BACKEND_BIND_VRING_CALL, 0,
			     signalled.eventfd, flags));
	return measure(&signalled, once);
}

double signal_pending_bound(void)
{
	return bound(pending_once, 0);
}

double signal_pending_peeked(void)
{
	return bound(pending_once, VHOST_BACKEND_BIND_PEEK);
}

double signal_pending_hooked(void)
{
	return hooked(pending_once);
}

double signal_pending_plain(void)
{
	return plain(pending_once);
}

double signal_alone_bound(void)
{
	return bound(alone_once, 0);
}

double signal_alone_peeked(void)
{
	return bound(alone_once, VHOST_BACKEND_BIND_PEEK);
}

double signal_alone_hooked(void)
{
	return hooked(alone_once);
}

double signal_alone_plain(void)
{
	return plain(alone_once);
}
