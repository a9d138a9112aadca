// SPDX-License-Identifier: GPL-2.0-only
#include "crossed.h"

#include <errno.h>
#include <unistd.h>

#include "channel.h"
#include "random.h"
#include "reader.h"
#include "wait.h"
#include "worker.h"

int crossed_open(struct crossed crossed[2], uint64_t seed)
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

static void *crossed_run(void *arg)
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

int crossed_run_both(struct crossed crossed[2], unsigned int ms)
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

void crossed_close(struct crossed crossed[2])
{
	for (unsigned int n = 0; n < 2; n++) {
		pair_close(&crossed[n].pair);
		close(crossed[n].eventfd);
	}
}
