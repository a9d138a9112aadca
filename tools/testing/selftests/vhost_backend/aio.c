// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOCB_CMD_POLL on a channel. It completes from within the channel's own
 * wake-up, and can signal an eventfd there, which may itself be bound to a
 * channel.
 */
#include "../kselftest_harness.h"

#include <libaio.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <time.h>

#include "lib/bell.h"
#include "lib/channel.h"
#include "lib/crossed.h"
#include "lib/message.h"
#include "lib/pair.h"
#include "lib/random.h"
#include "lib/reader.h"
#include "lib/skip.h"
#include "lib/wait.h"
#include "lib/worker.h"

SKIP_WITHOUT_WORKER;

FIXTURE(aio) {
	struct pair pair;
	struct pair other;
	io_context_t context;
	struct iocb iocb;
};

FIXTURE_SETUP(aio)
{
	ASSERT_EQ(0, pair_open(&self->pair, 0, (struct vhost_backend_setup){}));
	ASSERT_EQ(0, pair_open(&self->other, 0, (struct vhost_backend_setup){}));
	ASSERT_EQ(0, io_setup(8, &self->context));
}

/* A poll that still waits must not keep the context from going away. */
FIXTURE_TEARDOWN(aio)
{
	EXPECT_EQ(0, io_destroy(self->context));
	pair_close(&self->other);
	pair_close(&self->pair);
}

/* Polls @channel once for input; @eventfd, if it is one, is signalled then. */
static int submit_poll(io_context_t context, struct iocb *iocb, int channel,
		       int eventfd)
{
	struct iocb *list[] = { iocb };

	io_prep_poll(iocb, channel, POLLIN);
	if (eventfd >= 0)
		io_set_eventfd(iocb, eventfd);
	return io_submit(context, 1, list);
}

/* The poll's result; 0 if it does not complete in time. */
static int result(io_context_t context, unsigned int timeout_ms)
{
	struct timespec limit = {
		.tv_sec = timeout_ms / 1000, .tv_nsec = timeout_ms % 1000 * 1000000,
	};
	struct io_event event = {};

	return io_getevents(context, 1, 1, &event, &limit) == 1 ? (int)event.res : 0;
}

TEST_F(aio, poll_completes)
{
	for (unsigned int n = 0; n < 30; n++) {
		ASSERT_EQ(1, submit_poll(self->context, &self->iocb,
					 self->pair.channel, -1));
		EXPECT_EQ(0, result(self->context, 1));
		ASSERT_EQ(0, raise_in(self->pair.worker, VHOST_BACKEND_VRING_CALL,
				      n, n % 3));
		EXPECT_TRUE(!!(result(self->context, LIMIT_MS) & POLLIN));

		/* What is there already completes at once. */
		ASSERT_EQ(1, submit_poll(self->context, &self->iocb,
					 self->pair.channel, -1));
		EXPECT_TRUE(!!(result(self->context, LIMIT_MS) & POLLIN));
		EXPECT_EQ(1, drain(self->pair.channel, READ_MAX, ignore_message, NULL));
	}
}

TEST_F(aio, destroyed_while_polling)
{
	io_context_t context = NULL;

	ASSERT_EQ(0, io_setup(1, &context));
	ASSERT_EQ(1, submit_poll(context, &self->iocb, self->pair.channel, -1));
	EXPECT_EQ(0, io_destroy(context));
	ASSERT_EQ(0, raise_call(self->pair.worker, 1));
	EXPECT_EQ(1, drain(self->pair.channel, READ_MAX, ignore_message, NULL));
}

/* The completion's eventfd is bound to another channel, and to the same one. */
TEST_F(aio, completion_raises)
{
	int efd = eventfd(0, EFD_CLOEXEC);
	uint32_t source = VHOST_BACKEND_BIND_VRING_CALL;
	uint64_t raised;

	for (unsigned int n = 0; n < 20; n++) {
		int bound = n % 2 ? self->pair.channel : self->other.channel;

		ASSERT_EQ(0, channel_bind(bound, source, 5, efd, 0));
		ASSERT_EQ(1, submit_poll(self->context, &self->iocb,
					 self->pair.channel, efd));
		ASSERT_EQ(0, raise_in(self->pair.worker, VHOST_BACKEND_VRING_ERR,
				      3, n % 3));
		EXPECT_TRUE(!!(result(self->context, LIMIT_MS) & POLLIN));
		raised = n % 2 ? (n + 1) + (n + 1) / 2 : n / 2 + 1;
		EXPECT_TRUE(wait_until(channel_stats(bound).notifications_raised ==
				       raised));
		EXPECT_EQ(n % 2 ? 2 : 1, drain(self->pair.channel, READ_MAX,
					       ignore_message, NULL));
		EXPECT_EQ(n % 2 ? 0 : 1, drain(self->other.channel, READ_MAX,
					       ignore_message, NULL));
		ASSERT_EQ(0, channel_bind(bound, source, 5, -1, 0));
	}
	close(efd);
}

/* A server that polls again after each completion. */
struct server {
	pthread_t thread;
	io_context_t context;
	struct iocb iocb;
	int channel;
	struct bell bells[BELLS];
	atomic_bool stop;
	int error;
};

static void *server_run(void *arg)
{
	struct server *server = arg;
	int n;

	submit_poll(server->context, &server->iocb, server->channel, -1);
	while (!server->stop && !server->error) {
		/* A time-out arms nothing, so it rescues nobody. */
		if (!result(server->context, 500))
			continue;
		n = drain(server->channel, 128, hear_calls, server->bells);
		if (n >= 0)
			n = submit_poll(server->context, &server->iocb,
					server->channel, -1);
		server->error = n < 0 ? n : 0;
	}
	return NULL;
}

TEST_F_TIMEOUT(aio, no_wakeup_lost, 120)
{
	struct server server = {
		.context = self->context, .channel = self->pair.channel,
	};
	uint64_t seed = new_seed(_metadata->name);
	struct ringer ringers[2];

	ASSERT_EQ(0, pthread_create(&server.thread, NULL, server_run, &server));
	for (unsigned int n = 0; n < 2; n++)
		ringers[n] = (struct ringer){
			.worker = self->pair.worker, .bell = &server.bells[n],
			.index = n, .rounds = 500, .seed = seed + n,
		};
	EXPECT_EQ(0U, ring_all(ringers, 2));
	server.stop = true;
	pthread_join(server.thread, NULL);
	EXPECT_EQ(0, server.error);
}

struct watcher {
	io_context_t context;
	struct iocb iocb;
};

static void rewatch(struct crossed *crossed)
{
	struct watcher *watcher = crossed->watcher;

	if (result(watcher->context, 10))
		submit_poll(watcher->context, &watcher->iocb,
			    crossed->pair.channel, crossed->eventfd);
}

static void run_crossed(struct __test_metadata *_metadata,
			struct crossed crossed[2])
{
	struct watcher watchers[2] = {};

	for (unsigned int n = 0; n < 2; n++) {
		ASSERT_EQ(0, io_setup(4, &watchers[n].context));
		crossed[n].watcher = &watchers[n];
		crossed[n].rewatch = rewatch;
		ASSERT_EQ(1, submit_poll(watchers[n].context, &watchers[n].iocb,
					 crossed[n].pair.channel, crossed[n].eventfd));
	}
	EXPECT_EQ(0, crossed_run_both(crossed, 1500));
	for (unsigned int n = 0; n < 2; n++) {
		EXPECT_LT(0U, crossed[n].tally.calls);
		EXPECT_EQ(0, io_destroy(watchers[n].context));
	}
	crossed_close(crossed);
}

TEST_F_TIMEOUT(aio, eventfds_bound_across, 60)
{
	struct crossed crossed[2] = {};

	ASSERT_EQ(0, crossed_open(crossed, new_seed(_metadata->name)));
	run_crossed(_metadata, crossed);
}

/* The shortest circle: what a channel's wake-up signals is bound to it. */
TEST_F_TIMEOUT(aio, eventfd_bound_to_itself, 60)
{
	struct crossed crossed[2] = {};
	uint32_t source = VHOST_BACKEND_BIND_VRING_CALL;

	ASSERT_EQ(0, crossed_open(crossed, new_seed(_metadata->name)));
	for (unsigned int n = 0; n < 2; n++) {
		ASSERT_EQ(0, channel_bind(crossed[n].pair.channel, source,
					  CROSSED_INDEX, -1, 0));
	}
	for (unsigned int n = 0; n < 2; n++) {
		ASSERT_EQ(0, channel_bind(crossed[n].pair.channel, source,
					  CROSSED_INDEX, crossed[n].eventfd, 0));
	}
	run_crossed(_metadata, crossed);
}

TEST_HARNESS_MAIN
