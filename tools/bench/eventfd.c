// SPDX-License-Identifier: GPL-2.0-only
/* The peer of interrupts: an eventfd for each vring, as unmodified vhost has. */
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "bench.h"
#include "lib/channel.h"

/* CALLS eventfds, or one, behind one epoll */
struct eventfds {
	int epoll;
	int count;
	int fds[CALLS];
};

static void eventfds_open(struct eventfds *eventfds, int count)
{
	struct epoll_event event = { .events = EPOLLIN };

	eventfds->count = count;
	eventfds->fds[0] = checked_eventfd();
	eventfds->epoll = epoll_of(eventfds->fds[0]);
	for (int n = 1; n < count; n++) {
		eventfds->fds[n] = checked_eventfd();
		event.data.fd = eventfds->fds[n];
		checked("EPOLL_CTL_ADD",
			epoll_ctl(eventfds->epoll, EPOLL_CTL_ADD, event.data.fd, &event));
	}
}

static void eventfds_close(struct eventfds *eventfds)
{
	close(eventfds->epoll);
	for (int n = 0; n < eventfds->count; n++)
		close(eventfds->fds[n]);
}

static double read_empty_once(const void *what)
{
	const struct eventfds *eventfds = what;
	uint64_t count, start = clock_start();
	ssize_t bytes = read(eventfds->fds[0], &count, sizeof(count));
	double took = clock_since(start);

	check("empty read of an eventfd", bytes < 0 && errno == EAGAIN);
	return took;
}

double eventfd_read_empty(void)
{
	struct eventfds eventfds;
	double took;

	eventfds_open(&eventfds, 1);
	took = median_of(read_empty_once, &eventfds);
	eventfds_close(&eventfds);
	return took;
}

static double by_epoll_once(const void *what)
{
	const struct eventfds *eventfds = what;
	struct epoll_event events[CALLS];
	uint64_t counts[CALLS] = {}, start;
	double took;
	int ready;

	for (int n = 0; n < eventfds->count; n++)
		check("eventfd_write", !eventfd_write(eventfds->fds[n], 1));
	start = clock_start();
	ready = epoll_wait(eventfds->epoll, events, CALLS, -1);
	for (int n = 0; n < ready; n++)
		if (read(events[n].data.fd, &counts[n], sizeof(counts[n])) < 0)
			break;
	took = clock_since(start);
	check("all eventfds are ready", ready == eventfds->count);
	for (int n = 0; n < ready; n++)
		check("an eventfd's count", counts[n] == 1);
	return took / ready;
}

static double by_epoll(int count)
{
	struct eventfds eventfds;
	double took;

	eventfds_open(&eventfds, count);
	took = median_of(by_epoll_once, &eventfds);
	eventfds_close(&eventfds);
	return took;
}

double eventfd_by_epoll(void)
{
	return by_epoll(1);
}

double eventfds_by_epoll(void)
{
	return by_epoll(CALLS);
}
