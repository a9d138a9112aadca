/* SPDX-License-Identifier: GPL-2.0-only */
/* Notifications that somebody waits for, and channels that wake each other. */
#ifndef VHOST_BACKEND_BELL_H
#define VHOST_BACKEND_BELL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/eventfd.h>

#include "reader.h"

/*
 * What a notification is for: @rung counts what there is to be found, @heard is
 * how much of it was found by those who were told. All is found in the end,
 * unless a notification was lost.
 */
struct bell {
	atomic_ulong rung;
	atomic_ulong heard;
};

static inline void bell_hear(struct bell *bell)
{
	unsigned long rung = atomic_load(&bell->rung);
	unsigned long heard = atomic_load(&bell->heard);

	while (heard < rung &&
	       !atomic_compare_exchange_weak(&bell->heard, &heard, rung))
		;
}

#define BELLS	64

/* A reader's callback: a VRING_CALL is for the bell of its vring. */
static inline void hear_calls(void *arg, const struct message *message)
{
	struct bell *bells = arg;

	if (message->msg.request == VHOST_BACKEND_VRING_CALL)
		bell_hear(&bells[message->state.index % BELLS]);
	ignore_message(NULL, message);
}

/* A thread that rings the bell of one vring, over a worker or an eventfd. */
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

static inline bool ringer_raise(struct ringer *ringer)
{
	uint64_t one = 1;

	atomic_fetch_add(&ringer->bell->rung, 1);
	if (ringer->eventfd > 0)
		return write(ringer->eventfd, &one, sizeof(one)) == sizeof(one);
	return !raise_in(ringer->worker, VHOST_BACKEND_VRING_CALL, ringer->index,
			 next_random(&ringer->seed) % 3);
}

/* On a slow machine it rings less often. */
#define RINGING_MS	15000

static inline void *ringer_run(void *arg)
{
	struct ringer *ringer = arg;
	struct bell *bell = ringer->bell;
	uint64_t until = now_ms() + RINGING_MS;
	bool last = false;

	for (unsigned int n = 1; !last && !ringer->failed; n++) {
		pace(&ringer->seed);
		last = n >= ringer->rounds || now_ms() >= until;
		ringer->failed = !ringer_raise(ringer);
		/* Not always: what is raised again must not be lost either. */
		if (last || next_random(&ringer->seed) % 4)
			ringer->failed |= !wait_until(bell->heard >= bell->rung);
	}
	return NULL;
}

/* How many of the @count ringers rang in vain, or could not ring at all. */
static inline unsigned int ring_all(struct ringer *ringers, unsigned int count)
{
	unsigned int failed = 0;

	for (unsigned int n = 0; n < count; n++)
		if (pthread_create(&ringers[n].thread, NULL, ringer_run, &ringers[n]))
			return count;
	for (unsigned int n = 0; n < count; n++) {
		pthread_join(ringers[n].thread, NULL);
		failed += ringers[n].failed;
	}
	return failed;
}

/* Two channels that wake each other */

/*
 * Each channel is watched by something that signals @eventfd, which is bound to
 * the other: what wakes one raises in the other, and so on for ever. Two threads
 * at it, each on its own channel, must not meet in a deadlock.
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

static inline int crossed_open(struct crossed crossed[2], uint64_t seed)
{
	int err = 0;

	for (unsigned int n = 0; n < 2; n++) {
		crossed[n].seed = seed + n;
		crossed[n].eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		err = err ?: pair_open(&crossed[n].pair, 0,
				       (struct vhost_backend_setup){});
	}
	for (unsigned int n = 0; n < 2; n++)
		err = err ?: channel_bind(crossed[n].pair.channel,
					  VHOST_BACKEND_BIND_VRING_CALL,
					  CROSSED_INDEX, crossed[!n].eventfd, 0);
	return err;
}

static inline void *crossed_run(void *arg)
{
	struct crossed *crossed = arg;
	uint64_t one = 1;
	int n;

	for (unsigned int round = 0; !crossed->error &&
	     (round < 30 || now_ms() < crossed->until); round++) {
		if (next_random(&crossed->seed) % 4)
			n = raise_in(crossed->pair.worker, VHOST_BACKEND_VRING_CALL,
				     0, next_random(&crossed->seed) % 3);
		else
			n = write(crossed->eventfd, &one, sizeof(one)) < 0 ? -errno : 0;
		pace(&crossed->seed);
		crossed->rewatch(crossed);
		if (!n)
			n = drain(crossed->pair.channel, READ_MAX, tally_message,
				  &crossed->tally);
		crossed->error = n < 0 ? n : 0;
	}
	return NULL;
}

/* Both threads for @ms; the first error of either. */
static inline int crossed_run_both(struct crossed crossed[2], unsigned int ms)
{
	for (unsigned int n = 0; n < 2; n++) {
		crossed[n].until = now_ms() + ms;
		if (pthread_create(&crossed[n].thread, NULL, crossed_run, &crossed[n]))
			return -EAGAIN;
	}
	pthread_join(crossed[0].thread, NULL);
	pthread_join(crossed[1].thread, NULL);
	return crossed[0].error ?: crossed[1].error;
}

static inline void crossed_close(struct crossed crossed[2])
{
	for (unsigned int n = 0; n < 2; n++) {
		pair_close(&crossed[n].pair);
		close(crossed[n].eventfd);
	}
}

#endif /* VHOST_BACKEND_BELL_H */
