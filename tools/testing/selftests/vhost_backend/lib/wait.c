// SPDX-License-Identifier: GPL-2.0-only
#include "wait.h"

#include <poll.h>
#include <sched.h>
#include <unistd.h>

uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ULL + t.tv_nsec / 1000000;
}

void wait_rest(unsigned int tries)
{
	if (tries < 50)
		sched_yield();
	else
		usleep(500);
}

bool another_round(unsigned int round, unsigned int rounds, time_t until)
{
	return round < rounds && (round <= rounds / 10 || time(NULL) < until);
}

bool readable(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, timeout_ms) == 1 && p.revents & POLLIN;
}
