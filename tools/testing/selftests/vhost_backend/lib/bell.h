/* SPDX-License-Identifier: GPL-2.0-only */
/* Notifications that somebody waits for, and threads that raise them. */
#ifndef VHOST_BACKEND_LIB_BELL_H
#define VHOST_BACKEND_LIB_BELL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/eventfd.h>

#include "message.h"

/*
 * @rung counts what there is to find, @heard how much of it was found by readers that were
 * told to look. In the end everything is found, unless a notification was lost.
 */
struct bell {
	atomic_ulong rung;
	atomic_ulong heard;
};

/* Finds all that there is. */
void bell_hear(struct bell *bell);

#define BELLS	64

/* A reader's callback: a VRING_CALL is for the bell of its vring. */
void hear_calls(void *arg, const struct message *message);

/* A thread that rings the bell of one vring, with a worker or an eventfd */
struct ringer {
	pthread_t thread;
	struct bell *bell;
	int worker;
	int eventfd;		/* instead of the worker, where positive */
	unsigned int index;
	unsigned int rounds;
	uint64_t seed;
	bool failed;
};

/* Runs @count ringers. Returns how many could not ring, or were not heard. */
unsigned int ring_all(struct ringer *ringers, unsigned int count);

#endif /* VHOST_BACKEND_LIB_BELL_H */
