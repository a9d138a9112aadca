// SPDX-License-Identifier: GPL-2.0-only
#include "bell.h"

#include <unistd.h>

#include "random.h"
#include "wait.h"
#include "worker.h"

void bell_hear(struct bell *bell)
{
	unsigned long rung = atomic_load(&bell->rung);
	unsigned long heard = atomic_load(&bell->heard);

	while (heard < rung &&
	       !atomic_compare_exchange_weak(&bell->heard, &heard, rung))
		;
}

void hear_calls(void *arg, const struct message *message)
{
	struct bell *bells = arg;

	if (message->msg.request == VHOST_BACKEND_VRING_CALL)
		bell_hear(&bells[message->state.index % BELLS]);
	ignore_message(NULL, message);
}

static bool ringer_raise(struct ringer *ringer)
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

static void *ringer_run(void *arg)
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

unsigned int ring_all(struct ringer *ringers, unsigned int count)
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
