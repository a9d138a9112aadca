// SPDX-License-Identifier: GPL-2.0-only
/*
 * What messages cost, in instructions: with a channel, and with what a VMM uses
 * without one. tools/bench/run runs this in a guest that counts instructions;
 * Documentation/driver-api/performance.rst is about the figures.
 */
#include <errno.h>
#include <sched.h>

#include "bench.h"

static const struct work works[] = {
	{ "read_empty", "read of an empty channel",
	  read_empty, eventfd_read_empty, "eventfd" },
	{ "call", "one call: epoll_wait and read",
	  call_by_epoll, eventfd_by_epoll, "eventfd" },
	{ "call_first_of_32768", "  of the first of 32768 vrings",
	  call_of_many_first, NULL, NULL },
	{ "call_last_of_32768", "  of the last of 32768 vrings",
	  call_of_many_last, NULL, NULL },
	{ "calls_64", "64 calls by one read: each",
	  calls_by_one_read, eventfds_by_epoll, "64 eventfds" },
	{ "request", "request, sent and read, 16 at a time",
	  requests_in_row, socket_message, "socket" },
	{ "request_header_body", "",
	  NULL, socket_header_body, "socket, header then body" },
	{ "request_file", "  with a file",
	  requests_with_file, socket_with_file, "socket, SCM_RIGHTS" },
	{ "request_reply", "request to reply",
	  request_to_reply, socket_round_trip, "socket, two processes" },
	{ "expiry", "time-out of a request, with 2 slots",
	  expiry_of_few, NULL, NULL },
	{ "expiry_of_4096", "  with 4096 slots",
	  expiry_of_many, NULL, NULL },
	{ "raise_pending", "raise by a driver, pending",
	  raise_pending, signal_pending_plain, "eventfd alone" },
	{ "raise", "raise by a driver, nobody asleep",
	  raise_alone, signal_alone_plain, "eventfd alone" },
	{ "signal_pending", "raise by a bound eventfd, pending",
	  signal_pending_bound, signal_pending_hooked, "hooked eventfd" },
	{ "signal_pending_peek", "  bound with PEEK",
	  signal_pending_peeked, signal_pending_hooked, "hooked eventfd" },
	{ "signal", "raise by a bound eventfd, nobody asleep",
	  signal_alone_bound, signal_alone_hooked, "hooked eventfd" },
	{ "signal_peek", "  bound with PEEK",
	  signal_alone_peeked, signal_alone_hooked, "hooked eventfd" },
};

/*
 * A thread that wakes another one goes on until it sleeps itself. Whether the other one
 * takes its place at once depends on how long each has run before, and a round trip takes a
 * quarter more or less for it.
 */
static void take_turns(void)
{
	const struct sched_param none = {};

	checked("SCHED_BATCH", sched_setscheduler(0, SCHED_BATCH, &none) ? -errno : 0);
}

int main(void)
{
	take_turns();
	clock_calibrate();
	report(works, ARRAY_SIZE(works));
	return 0;
}
