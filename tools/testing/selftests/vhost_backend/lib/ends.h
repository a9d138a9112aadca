/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Both ends of a channel, a file to attach, and transactions between them.
 *
 * The worker of struct ends has a few of the channel's vrings, from VRING_BASE on, so that
 * a vring's number differs at the two ends. send_of() makes the argument that sends a row
 * of the table of requests, transaction_start() sends it, deliver() also reads it.
 */
#ifndef VHOST_BACKEND_LIB_ENDS_H
#define VHOST_BACKEND_LIB_ENDS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <linux/vhost_backend.h>
#include <linux/vhost_backend_test.h>

#include "request.h"

/* The worker of struct ends: its vring i is the channel's vring VRING_BASE + i. */
#define VRING_BASE	3
#define NR_VRINGS	5

#define ENDS_FILE_PAGES	16
#define ENDS_FILE_TEXT	"the file that the test attaches"

/**
 * struct ends - both ends of a channel
 * @channel: the frontend's
 * @worker: the backend's, see VRING_BASE
 * @file: a file to attach
 * @context: where the worker sends from: VHOST_BACKEND_TEST_PROCESS, _SOFTIRQ or _HARDIRQ
 * @synchronous: whether requests use vhost_backend_request(), which waits
 */
struct ends {
	int channel;
	int worker;
	int file;
	unsigned int context;
	bool synchronous;
};

/* Returns 0 or -errno. Where @setup has zeroes, the defaults are those of channel_setup(). */
int ends_open(struct ends *ends, int flags, struct vhost_backend_setup setup);

/* The same, with room for all that a test sends before it reads. */
int ends_open_large(struct ends *ends, int flags);

/* Closes both ends and the file. */
void ends_close(struct ends *ends);

/* Opens both ends again, with another SETUP. */
int ends_reopen(struct ends *ends, struct vhost_backend_setup setup);

/* The argument that sends the sample of @kind, without a reply. */
struct vhost_backend_test_send send_of(const struct request_kind *kind,
				       const struct ends *ends);

/* A request that wants a reply, from any context, and how it ended */
struct transaction {
	int worker;
	struct vhost_backend_test_send send;
	pthread_t thread;
	bool threaded;
	int error;
};

/* The function of that thread */
void *transaction_thread(void *arg);

/* Sends @send with a reply. A synchronous request sleeps, so it gets a thread. */
int transaction_start(struct transaction *t, const struct ends *ends,
		      struct vhost_backend_test_send send);

/* Waits for the reply. Returns 0 when the request has ended; @result says how. */
int transaction_end(struct transaction *t, struct vhost_backend_test_result *result);

/* A request that was delivered and waits for its reply */
struct waiting {
	uint64_t cookie;
	struct vhost_backend_msg msg;
};

/*
 * Sends a request with a reply and reads it. Returns 0 or a negative errno; a test that
 * cannot do without it calls deliver().
 */
int ends_deliver(struct ends *ends, const struct request_kind *kind, struct waiting *waiting);

#define deliver(ends, kind)						\
({									\
	struct waiting waiting_;					\
									\
	ASSERT_EQ(0, ends_deliver(ends, kind, &waiting_));		\
	waiting_;							\
})

#endif /* VHOST_BACKEND_LIB_ENDS_H */
