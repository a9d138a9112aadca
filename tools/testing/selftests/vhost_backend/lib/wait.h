/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Waiting: the clock, and conditions that come true sooner or later.
 *
 * wait_until() is for what must happen, readable() for input. Both limits are long,
 * because an emulated machine may be slow, and are reached only when a test fails.
 */
#ifndef VHOST_BACKEND_LIB_WAIT_H
#define VHOST_BACKEND_LIB_WAIT_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* How long to wait for something that must happen. */
#define LIMIT_MS	20000

/* The same, where a test waits only once. */
#define PATIENCE_MS	60000

/* A clock that nobody sets, in milliseconds */
uint64_t now_ms(void);

/* A pause between two looks at a condition: short at first, then longer. */
void wait_rest(unsigned int tries);

/* Waits until @condition is true, for LIMIT_MS at most. Returns whether it is. */
#define wait_until(condition)						\
({									\
	uint64_t limit = now_ms() + LIMIT_MS;				\
	unsigned int tries = 0;						\
	bool held;							\
									\
	while (!(held = (condition)) && now_ms() < limit)		\
		wait_rest(tries++);					\
	held;								\
})

/*
 * Whether to do another of @rounds rounds. On a slow machine, after the time @until, a
 * tenth of them is enough.
 */
bool another_round(unsigned int round, unsigned int rounds, time_t until);

/* Waits for input. Returns whether there is any. */
bool readable(int fd, int timeout_ms);

#endif /* VHOST_BACKEND_LIB_WAIT_H */
