/* SPDX-License-Identifier: GPL-2.0-only */
/* Two channels that wake each other. */
#ifndef VHOST_BACKEND_LIB_CROSSED_H
#define VHOST_BACKEND_LIB_CROSSED_H

#include <pthread.h>
#include <stdint.h>
#include <sys/eventfd.h>

#include "pair.h"
#include "tally.h"

/*
 * Each channel is watched by something that signals @eventfd, which is bound to the other
 * channel: waking one raises a notification in the other, and so on for ever. Two threads,
 * each working on its own channel, must not deadlock.
 */
struct crossed {
	pthread_t thread;
	struct pair pair;
	int eventfd;
	struct tally tally;
	uint64_t seed, until;
	int error;
	/* Waits a little for the watcher and has it watch on. */
	void (*rewatch)(struct crossed *crossed);
	void *watcher;
};

#define CROSSED_INDEX	9

/* Opens both channels, and binds the eventfds. */
int crossed_open(struct crossed crossed[2], uint64_t seed);

/* Runs both threads for @ms. Returns the first error of either. */
int crossed_run_both(struct crossed crossed[2], unsigned int ms);

/* Closes them. */
void crossed_close(struct crossed crossed[2]);

#endif /* VHOST_BACKEND_LIB_CROSSED_H */
