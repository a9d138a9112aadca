/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A reader that is stuck in the middle of a delivery: the page that it reads into is
 * missing until the test says otherwise, by userfaultfd.
 */
#ifndef VHOST_BACKEND_LIB_STUCK_H
#define VHOST_BACKEND_LIB_STUCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct stuck {
	pthread_t thread;
	int channel;
	int uffd;
	void *page;
	void *buffer;
	size_t bytes;
	ssize_t result;
};

/* Starts a thread that reads at most @bytes. Returns true when it is stuck. */
bool stuck_start(struct stuck *stuck, int channel, size_t bytes);

/*
 * The same, but the first @before of these bytes lie in a page that is there, and all of
 * them are delivered first.
 */
bool stuck_start_late(struct stuck *stuck, int channel, size_t before, size_t bytes);

/*
 * The page comes, or with @comes false will never come. Returns what the read did, or
 * -errno. The page stays: it has what was read.
 */
ssize_t stuck_end(struct stuck *stuck, bool comes);

#endif /* VHOST_BACKEND_LIB_STUCK_H */
