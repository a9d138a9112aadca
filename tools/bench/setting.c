// SPDX-License-Identifier: GPL-2.0-only
/*
 * A channel with a worker attached, and what ends the program where a measurement
 * would be one of a call that failed.
 */
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "bench.h"
#include "lib/channel.h"
#include "lib/worker.h"

/* Returns @ret, unless it is a negative errno. */
long checked(const char *what, long ret)
{
	if (ret >= 0)
		return ret;
	fprintf(stderr, "%s: %s\n", what, strerror(-ret));
	exit(1);
}

void check(const char *what, int good)
{
	if (good)
		return;
	fprintf(stderr, "unexpected result: %s\n", what);
	exit(1);
}

int checked_eventfd(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	return checked("eventfd", fd < 0 ? -errno : fd);
}

int epoll_of(int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	checked("epoll_create1", epoll < 0 ? -errno : epoll);
	checked("EPOLL_CTL_ADD", epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0);
	return epoll;
}

void setting_open(struct setting *setting, uint32_t nr_vrings, int flags)
{
	setting_open_with(setting, (struct vhost_backend_setup){ .nr_vrings = nr_vrings },
			  flags);
}

void setting_open_with(struct setting *setting, struct vhost_backend_setup setup,
		       int flags)
{
	setting->channel = checked(CHANNEL_PATH, channel_open_with(flags, setup));
	setting->worker = checked(WORKER_PATH,
				  worker_attach(setting->channel, "bench", 0, setup.nr_vrings));
	setting->epoll = epoll_of(setting->channel);
}

void setting_close(struct setting *setting)
{
	close(setting->epoll);
	close(setting->worker);
	close(setting->channel);
}

void raise_vring(const struct setting *setting, uint32_t vring)
{
	checked("VRING_CALL", raise_call(setting->worker, vring));
}

/* @count calls of the kernel API in a row, with what it takes to time them. */
double worker_time(const struct setting *setting, uint32_t call, uint32_t count)
{
	struct vhost_backend_test_measure measure = { .call = call, .count = count };

	checked("VHOST_BACKEND_TEST_MEASURE",
		try_ioctl(setting->worker, VHOST_BACKEND_TEST_MEASURE, &measure));
	return measure.ns;
}

/* Likewise, without. */
double worker_time_alone(const struct setting *setting, uint32_t call, uint32_t count)
{
	double took = worker_time(setting, call, count);

	return took - worker_time(setting, VHOST_BACKEND_TEST_MEASURE_NOTHING, count);
}
