// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nothing is allocated on the message path: the kernel's own allocation events
 * are traced while worker threads send, and there must be none of theirs.
 */
#include "../kselftest_harness.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "lib/channel.h"
#include "lib/pair.h"
#include "lib/reader.h"
#include "lib/run.h"
#include "lib/skip.h"
#include "lib/tally.h"
#include "lib/wait.h"

SKIP_WITHOUT_WORKER;

#define TRACEFS		"/sys/kernel/tracing"
#define INSTANCE	TRACEFS "/instances/vhost-backend-noalloc"
#define THREADS		"vhost-backend-t"

static const char * const events[] = {
	"kmem/kmalloc", "kmem/kmalloc_node", "kmem/kmem_cache_alloc",
	"kmem/kmem_cache_alloc_node", "kmem/mm_page_alloc",
	/* No allocation: shows that the tasks are seen, as they leave the CPU. */
	"sched/sched_switch",
};

static bool put(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	ssize_t n = write(fd, value, strlen(value));

	close(fd);
	return n == (ssize_t)strlen(value);
}

/*
 * Traces the tasks whose name matches, as soon as tracing is on. Where an event is,
 * the kernel's code is replaced: now, that no thread is under way in it.
 */
static bool make_trace(void)
{
	char path[128];

	if (mkdir(INSTANCE, 0700) || !put(INSTANCE "/tracing_on", "0"))
		return false;
	for (unsigned int n = 0; n < ARRAY_SIZE(events); n++) {
		snprintf(path, sizeof(path), INSTANCE "/events/%s/filter", events[n]);
		if (access(path, F_OK))
			continue;
		if (!put(path, "comm ~ \"" THREADS "*\""))
			return false;
		snprintf(path, sizeof(path), INSTANCE "/events/%s/enable", events[n]);
		if (!put(path, "1"))
			return false;
	}
	return true;
}

FIXTURE(noalloc) {
	struct pair pair;
	struct tally tally;
	bool traceable;
};

FIXTURE_SETUP(noalloc)
{
	if (access(TRACEFS "/instances", F_OK))
		mount("tracefs", TRACEFS, "tracefs", 0, NULL);
	self->traceable = !access(TRACEFS "/events/kmem/kmalloc", F_OK);
	rmdir(INSTANCE);
	ASSERT_TRUE(!self->traceable || make_trace());
	ASSERT_EQ(0, pair_open(&self->pair, 0, (struct vhost_backend_setup){}));
}

FIXTURE_TEARDOWN(noalloc)
{
	pair_close(&self->pair);
	rmdir(INSTANCE);
}

static bool start_trace(void)
{
	return put(INSTANCE "/trace", "") && put(INSTANCE "/tracing_on", "1");
}

/*
 * What was traced; of the allocations some are shown. Those of the checks of a
 * debug kernel, which keep lists of their own, are not the module's.
 */
struct traced {
	unsigned int switches;
	unsigned int allocations;
	unsigned int pages;	/* of them */
	unsigned int checks;
};

static struct traced end_trace(struct __test_metadata *_metadata, bool show)
{
	struct traced traced = {};
	char line[512];
	FILE *file;

	put(INSTANCE "/tracing_on", "0");
	file = fopen(INSTANCE "/trace", "r");
	while (file && fgets(line, sizeof(line), file)) {
		if (*line == '#')
			continue;
		traced.pages += !!strstr(line, "mm_page_alloc:");
		if (strstr(line, "call_site=fill_pool"))
			traced.checks++;
		else if (strstr(line, "sched_switch:"))
			traced.switches++;
		else if (traced.allocations++ < 10 && show)
			TH_LOG("%s", line);
	}
	fclose(file);
	/* What they allocate may take a page, which does not say who wants it. */
	if (traced.checks)
		traced.allocations -= traced.pages;
	return traced;
}

#define UNTRACEABLE	"this kernel can't trace its allocations"

/* That the tracer is awake: it sees this thread open a file. */
TEST_F(noalloc, control)
{
	if (!self->traceable)
		SKIP(return, UNTRACEABLE);
	ASSERT_EQ(0, prctl(PR_SET_NAME, THREADS));
	ASSERT_TRUE(start_trace());
	close(open("/proc/self/status", O_RDONLY));
	EXPECT_LT(0U, end_trace(_metadata, false).allocations);
}

/* All threads are at it before the trace begins, and when it ends. */
static void send_traced(struct __test_metadata *_metadata, struct pair *pair,
			struct tally *tally, uint32_t mix)
{
	struct reader reader = {
		.channel = pair->channel, .how = READER_EDGE, .bytes = READ_MAX,
		.fn = tally_message, .arg = tally,
	};
	struct vhost_backend_test_run run = {
		.threads = 2, .mix = mix, .seed = 1, .timeout_ms = LIMIT_MS,
	};
	unsigned int tries = 0;
	struct traced traced;
	unsigned long few;

	tally->channel = pair->channel;
	ASSERT_EQ(0, reader_start(&reader));
	ASSERT_EQ(0, run_start(pair->worker, run));
	EXPECT_TRUE(wait_until(tally->requests + tally->sends > 100));
	/* Until a thread was seen: those that never sleep are switched now and then only. */
	do {
		ASSERT_TRUE(start_trace());
		few = tally->requests + tally->sends + 100;
		/* A slow machine does fewer. */
		wait_until(tally->requests + tally->sends > few + 2900);
		EXPECT_LT(few, tally->requests + tally->sends);
		traced = end_trace(_metadata, true);
	} while (!traced.switches && !traced.allocations && ++tries < 100);
	EXPECT_EQ(2U, run_report(pair->worker).running);
	EXPECT_LT(0U, traced.switches);
	EXPECT_EQ(0U, traced.allocations);

	EXPECT_EQ(0, try_ioctl(pair->worker, VHOST_BACKEND_TEST_STOP, NULL));
	EXPECT_EQ(0, reader_stop(&reader));
	run = run_report(pair->worker);
	EXPECT_EQ(run.requests, run.answered);
}

TEST_F_TIMEOUT(noalloc, notifications_and_sends, 60)
{
	if (!self->traceable)
		SKIP(return, UNTRACEABLE);
	send_traced(_metadata, &self->pair, &self->tally,
		    VHOST_BACKEND_TEST_MIX_CALL | VHOST_BACKEND_TEST_MIX_ERR |
		    VHOST_BACKEND_TEST_MIX_CONFIG | VHOST_BACKEND_TEST_MIX_SEND |
		    VHOST_BACKEND_TEST_MIX_SEND_WAIT);
}

TEST_F_TIMEOUT(noalloc, requests, 60)
{
	if (!self->traceable)
		SKIP(return, UNTRACEABLE);
	send_traced(_metadata, &self->pair, &self->tally,
		    VHOST_BACKEND_TEST_MIX_REQUEST | VHOST_BACKEND_TEST_MIX_CALL);
}

TEST_F_TIMEOUT(noalloc, maps_with_files, 60)
{
	if (!self->traceable)
		SKIP(return, UNTRACEABLE);
	send_traced(_metadata, &self->pair, &self->tally,
		    VHOST_BACKEND_TEST_MIX_MAP | VHOST_BACKEND_TEST_MIX_REQUEST);
}

TEST_F_TIMEOUT(noalloc, asynchronous, 60)
{
	if (!self->traceable)
		SKIP(return, UNTRACEABLE);
	send_traced(_metadata, &self->pair, &self->tally,
		    VHOST_BACKEND_TEST_MIX_ASYNC | VHOST_BACKEND_TEST_MIX_SEND);
}

TEST_HARNESS_MAIN
