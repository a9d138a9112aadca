// SPDX-License-Identifier: GPL-2.0-only
/* Part 5: more messages than a frontend can read one by one, and none is lost. */
#include <time.h>

#include "demo.h"

#include "lib/wait.h"

#define THREADS		2
#define CALLS		100000
#define REQUESTS	2000

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* Answers all requests that are there with 0. Returns their number, or -1. */
static long answer_all(int channel)
{
	struct vhost_backend_reply replies[64];
	uint64_t buffer[256];
	ssize_t n = read(channel, buffer, sizeof(buffer));
	size_t count = 0;

	if (n < 0)
		return errno == EAGAIN ? 0 : -1;
	for (ssize_t at = 0; at < n;) {
		const struct vhost_backend_msg *msg = (const void *)((char *)buffer + at);

		if (msg->flags & VHOST_BACKEND_MSG_NEED_REPLY)
			replies[count++] = reply_to(msg, 0);
		at += message_bytes(msg);
	}
	if (count && write(channel, replies, count * sizeof(replies[0])) !=
		     (ssize_t)(count * sizeof(replies[0])))
		return -1;
	return count;
}

/* Serves the channel until the worker's threads have sent all they should. */
static bool serve(int channel, int worker, struct vhost_backend_test_run *run,
		  double *seconds)
{
	double start = now(), deadline = start + 60;
	bool served, reported;

	if (!check(!try_ioctl(worker, VHOST_BACKEND_TEST_RUN, run),
		   "the worker's threads can't be started"))
		return false;
	do {
		readable(channel, 10);
		served = answer_all(channel) >= 0;
		reported = !try_ioctl(worker, VHOST_BACKEND_TEST_REPORT, run);
	} while (served && reported && run->running && now() < deadline);
	while (served && readable(channel, 0))
		served = answer_all(channel) >= 0;
	*seconds = now() - start;
	return check(served, "the channel: %s", strerror(errno)) &&
	       check(reported && !run->running, "the worker's threads did not finish");
}

static bool show_calls(int channel, int worker)
{
	struct vhost_backend_test_run run = {
		.threads = THREADS, .mix = VHOST_BACKEND_TEST_MIX_CALL,
		.count = CALLS, .seed = 1,
	};
	struct vhost_backend_stats stats;
	double seconds;

	if (!serve(channel, worker, &run, &seconds))
		return false;
	stats = channel_stats(channel);
	printf("  %d kernel threads raised VRING_CALL %llu times, %.0f a second; where one was\n"
	       "  pending already it merged: %llu messages; wake-ups of the frontend: %llu\n",
	       THREADS, (unsigned long long)run.calls, run.calls / seconds,
	       (unsigned long long)stats.notifications_delivered,
	       (unsigned long long)stats.wakeups);
	return check(run.calls == (uint64_t)THREADS * CALLS &&
		     stats.notifications_raised == run.calls &&
		     stats.notifications_merged + stats.notifications_delivered ==
		     run.calls, "the figures do not add up");
}

static bool show_maps(int channel, int worker)
{
	struct vhost_backend_test_run run = {
		.threads = THREADS, .mix = VHOST_BACKEND_TEST_MIX_REQUEST,
		.count = REQUESTS, .seed = 1,
	};
	double seconds;

	if (!serve(channel, worker, &run, &seconds))
		return false;
	printf("  %d kernel threads sent %llu requests and waited for each answer: %.0f a second,\n"
	       "  %.0f us from request to answer on average\n", THREADS,
	       (unsigned long long)run.requests, run.requests / seconds,
	       run.latency_sum_ns / 1e3 / (run.answered ? run.answered : 1));
	return check(run.requests == (uint64_t)THREADS * REQUESTS &&
		     run.answered == run.requests && !run.failed && !run.refused,
		     "%llu requests, %llu answered, %llu failed, %llu refused",
		     (unsigned long long)run.requests,
		     (unsigned long long)run.answered, (unsigned long long)run.failed,
		     (unsigned long long)run.refused);
}

bool show_load(void)
{
	int channel, worker;
	bool shown;

	puts("\n== 5. Under load ==\n");
	channel = channel_open(O_NONBLOCK);
	if (!check(channel >= 0, CHANNEL_PATH ": %s", strerror(-channel)))
		return false;
	worker = worker_attach(channel, "load", 0, 256);
	if (!check(worker >= 0, WORKER_PATH ": %s", strerror(-worker))) {
		close(channel);
		return false;
	}
	shown = show_calls(channel, worker) && show_maps(channel, worker);
	close(worker);
	close(channel);
	return shown;
}
