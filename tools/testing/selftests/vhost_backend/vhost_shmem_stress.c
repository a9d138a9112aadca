// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/vhost-shmem with all of it at once: guests that map, look and unmap at
 * random, a frontend that is slow, refuses, and answers in any order, an IOTLB
 * that is emptied, too little room, and processes that are killed. Each answer is
 * foretold, and each mapping looked at byte for byte.
 */
#include "../kselftest_harness.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include <linux/vhost.h>
#include <linux/vhost_shmem.h>

#include "lib/channel.h"
#include "lib/child.h"
#include "lib/memory.h"
#include "lib/random.h"
#include "lib/skip.h"
#include "lib/vhost_shmem.h"
#include "lib/vhost_shmem_frontend.h"
#include "lib/vhost_shmem_guest.h"
#include "lib/vhost_shmem_iommu.h"
#include "lib/wait.h"

SKIP_WITHOUT_CHANNEL;
SKIP_WITHOUT(SHMEM_PATH, vhost_shmem);

#define REGION_PAGES	96
#define FILE_PAGES	32
#define MAP_PAGES	4
#define WINDOW		48
#define GUESTS		2U
#define ROUNDS		600
/* No test takes much longer, however slow the machine. */
#define SECONDS		4

enum page_state {
	PAGE_FREE,
	PAGE_LIVE,
	PAGE_BUSY,	/* of a mapping that comes or goes */
};

struct mapping {
	unsigned int shm_page;
	unsigned int fd_page;
	unsigned int pages;
};

/* What a request is for, and how it is to end */
struct task {
	unsigned int type;
	int status;		/* FAILED instead, where the frontend was asked */
	struct mapping mapping;
};

/* A guest's driver, and what it knows of the region */
struct guest {
	struct shmem *shmem;
	uint64_t seed;
	unsigned int rounds;
	time_t until;
	enum page_state pages[REGION_PAGES];
	struct mapping live[REGION_PAGES];
	unsigned int nr_live;
	struct task tasks[SHMEM_SLOTS];
	unsigned int under_way;
	unsigned int done;
	unsigned int refused;
	pthread_t thread;
	int error;
	const char *failed;
};

static uint32_t below(struct guest *guest, uint32_t limit)
{
	return next_random(&guest->seed) % limit;
}

static int guest_fail(struct guest *guest, int error, const char *why)
{
	guest->failed = why;
	return error;
}

static void mark(struct guest *guest, const struct mapping *mapping, enum page_state state)
{
	for (unsigned int n = 0; n < mapping->pages; n++)
		guest->pages[mapping->shm_page + n] = state;
}

static struct mapping any_place(struct guest *guest)
{
	struct mapping mapping = { .pages = 1 + below(guest, MAP_PAGES) };

	mapping.shm_page = below(guest, REGION_PAGES - mapping.pages + 1);
	mapping.fd_page = below(guest, FILE_PAGES - mapping.pages + 1);
	return mapping;
}

static bool touches(const struct guest *guest, const struct mapping *mapping,
		    enum page_state state)
{
	for (unsigned int n = 0; n < mapping->pages; n++)
		if (guest->pages[mapping->shm_page + n] == state)
			return true;
	return false;
}

/* A map that is to succeed; one that is to be refused if the place is taken. */
static struct task map_task(struct guest *guest)
{
	struct task task = { .type = QUERY };
	struct mapping mapping = any_place(guest);

	if (touches(guest, &mapping, PAGE_LIVE)) {
		task.type = MAP;
		task.status = VHOST_SHMEM_S_EXIST;
	} else if (!touches(guest, &mapping, PAGE_BUSY)) {
		task.type = MAP;
		mark(guest, &mapping, PAGE_BUSY);
	}
	task.mapping = mapping;
	return task;
}

static struct task unmap_task(struct guest *guest)
{
	struct task task = { .type = UNMAP };
	unsigned int n;

	if (!guest->nr_live)
		return map_task(guest);
	n = below(guest, guest->nr_live);
	task.mapping = guest->live[n];
	guest->live[n] = guest->live[--guest->nr_live];
	mark(guest, &task.mapping, PAGE_BUSY);
	return task;
}

/* Not exactly a mapping, whatever there is */
static struct task bad_unmap_task(struct guest *guest)
{
	struct task task = {
		.type = UNMAP, .status = VHOST_SHMEM_S_NOENT,
		.mapping = any_place(guest),
	};

	task.mapping.pages += MAP_PAGES;
	return task;
}

static struct task bad_map_task(struct guest *guest)
{
	struct task task = {
		.type = MAP, .status = VHOST_SHMEM_S_RANGE,
		.mapping = any_place(guest),
	};

	if (below(guest, 2))
		task.mapping.shm_page = REGION_PAGES - task.mapping.pages + 1;
	else
		task.mapping.fd_page = FILE_PAGES - task.mapping.pages + 1;
	return task;
}

static struct task any_task(struct guest *guest)
{
	switch (below(guest, 10)) {
	case 0:
		return (struct task){ .type = QUERY };
	case 1:
		return bad_unmap_task(guest);
	case 2:
		return bad_map_task(guest);
	case 3:
	case 4:
	case 5:
	case 6:
		return map_task(guest);
	default:
		return unmap_task(guest);
	}
}

static int start_task(struct guest *guest, struct task task)
{
	struct vhost_shmem_request request =
		guest_request(task.type, task.mapping.shm_page, task.mapping.fd_page,
			      task.mapping.pages, task.type == MAP ? MAP_READ : 0);
	int slot;

	if (below(guest, 2))
		slot = guest_add(guest->shmem, request);
	else
		slot = guest_add_split(guest->shmem, request, &guest->seed);
	if (slot < 0)
		return guest_fail(guest, slot, "a slot");
	guest->tasks[slot] = task;
	guest->under_way++;
	if (below(guest, 3))
		guest_kick(guest->shmem);
	return 0;
}

static int map_ended(struct guest *guest, const struct mapping *mapping, bool ok)
{
	if (ok && !guest_sees(guest->shmem, mapping->shm_page, mapping->fd_page,
			      mapping->pages))
		return guest_fail(guest, -EBADMSG, "content");
	if (!ok && !guest_sees_nothing(guest->shmem, mapping->shm_page, mapping->pages))
		return guest_fail(guest, -EBADMSG, "nothing after a failed map");
	mark(guest, mapping, ok ? PAGE_LIVE : PAGE_FREE);
	if (ok)
		guest->live[guest->nr_live++] = *mapping;
	return 0;
}

static int end_task(struct guest *guest, int slot)
{
	const struct vhost_shmem_response *response = &guest->shmem->slots[slot].response;
	const struct task *task = &guest->tasks[slot];
	const struct mapping *mapping = &task->mapping;
	bool ok = response->status == VHOST_SHMEM_S_OK;
	bool asked = task->type != QUERY && !task->status;

	guest->under_way--;
	guest->done++;
	if (asked && response->status == VHOST_SHMEM_S_FAILED && response->error == EIO)
		guest->refused++;
	else if ((int)response->status != task->status)
		return guest_fail(guest, -EPROTO, "another status");
	if (!asked)
		return 0;
	if (task->type == MAP)
		return map_ended(guest, mapping, ok);
	/* What could not be taken down is as it was. */
	if (!ok)
		return map_ended(guest, mapping, true);
	mark(guest, mapping, PAGE_FREE);
	if (!guest_sees_nothing(guest->shmem, mapping->shm_page, mapping->pages))
		return guest_fail(guest, -EBADMSG, "nothing after an unmap");
	return 0;
}

static int await_task(struct guest *guest)
{
	uint32_t written = 0;
	int slot;

	guest_kick(guest->shmem);
	slot = guest_next(guest->shmem, &written, LIMIT_MS);
	if (slot < 0)
		return guest_fail(guest, slot, "a used descriptor");
	if (written != sizeof(struct vhost_shmem_response))
		return guest_fail(guest, -EBADMSG, "a whole response");
	return end_task(guest, slot);
}

/* A page of the ring or of requests, under way or not, or all of it */
static int empty_iotlb(struct guest *guest)
{
	struct shmem *shmem = guest->shmem;
	size_t pages = shmem->bytes / PAGE;

	if (!has_iommu(shmem) || below(guest, 4))
		return 0;
	if (!below(guest, 10))
		return iommu_tell(shmem, VHOST_IOTLB_INVALIDATE, 0, shmem->bytes);
	return iommu_tell(shmem, VHOST_IOTLB_INVALIDATE,
			  (size_t)below(guest, pages) * PAGE, PAGE);
}

static void *guest_run(void *arg)
{
	struct guest *guest = arg;

	while (!guest->error && another_round(guest->done, guest->rounds, guest->until)) {
		while (!guest->error && guest->under_way < 1 + below(guest, WINDOW))
			guest->error = start_task(guest, any_task(guest));
		if (!guest->error)
			guest->error = empty_iotlb(guest);
		if (!guest->error)
			guest->error = await_task(guest);
	}
	/* Takes everything down, however often the frontend refuses. */
	while (!guest->error && (guest->under_way || guest->nr_live)) {
		if (guest->nr_live && guest->under_way < WINDOW)
			guest->error = start_task(guest, unmap_task(guest));
		else
			guest->error = await_task(guest);
	}
	return NULL;
}

static void guest_init(struct guest *guest, struct shmem *shmem, unsigned int rounds,
		       uint64_t seed)
{
	memset(guest, 0, sizeof(*guest));
	guest->shmem = shmem;
	guest->rounds = rounds;
	guest->until = time(NULL) + SECONDS;
	guest->seed = seed;
}

FIXTURE(random) {
	struct frontend frontend;
	struct shmem shmem[GUESTS];
	struct guest guests[GUESTS];
};

FIXTURE_VARIANT(random) {
	unsigned int max_inflight;
	unsigned int setup_flags;
	unsigned int slow_us;
	unsigned int refuse_percent;
	bool iotlb;
	bool bound;
	bool event_idx;
	bool call_eventfd;
};

FIXTURE_VARIANT_ADD(random, plain) {
	.refuse_percent = 10,
};

FIXTURE_VARIANT_ADD(random, slow) {
	.slow_us = 2000, .refuse_percent = 20, .event_idx = true,
};

FIXTURE_VARIANT_ADD(random, no_room) {
	.max_inflight = 3, .slow_us = 200, .refuse_percent = 10, .call_eventfd = true,
	.event_idx = true, .setup_flags = VHOST_BACKEND_SETUP_STD_SHMEM,
};

FIXTURE_VARIANT_ADD(random, iotlb) {
	.iotlb = true, .event_idx = true, .refuse_percent = 10,
};

/* Misses and maps are in one channel, and wait for the same room. */
FIXTURE_VARIANT_ADD(random, bound_no_room) {
	.bound = true, .max_inflight = 5, .slow_us = 200, .refuse_percent = 10,
	.event_idx = true,
};

FIXTURE_VARIANT_ADD(random, iotlb_no_room) {
	.iotlb = true, .max_inflight = 5, .slow_us = 500, .call_eventfd = true,
	.refuse_percent = 10,
};

FIXTURE_SETUP(random)
{
	struct vhost_backend_setup setup = {
		.flags = variant->setup_flags,
		.max_inflight = variant->max_inflight ?: GUESTS * WINDOW,
	};
	struct shmem_options options = {
		.region_pages = REGION_PAGES, .file_pages = FILE_PAGES,
		.iotlb = variant->iotlb, .bound = variant->bound,
		.event_idx = variant->event_idx, .call_eventfd = variant->call_eventfd,
	};

	self->frontend.channel = channel_open_with(0, setup);
	ASSERT_LE(0, self->frontend.channel);
	self->frontend.shuffle = true;
	self->frontend.slow_us = variant->slow_us;
	self->frontend.refuse_percent = variant->refuse_percent;
	self->frontend.seed = new_seed(_metadata->name);
	for (unsigned int n = 0; n < GUESTS; n++) {
		options.shmid = n;
		options.vring = 10 + n;
		ASSERT_EQ(0, shmem_open(&self->shmem[n], options, self->frontend.channel))
			TH_LOG("%s", self->shmem[n].failed);
		frontend_add(&self->frontend, n, &self->shmem[n]);
		guest_init(&self->guests[n], &self->shmem[n], ROUNDS,
			   self->frontend.seed + 1 + n);
	}
	ASSERT_EQ(0, frontend_start(&self->frontend));
}

FIXTURE_TEARDOWN(random)
{
	frontend_end(&self->frontend);
	EXPECT_EQ(0U, self->frontend.wrong);
	for (unsigned int n = 0; n < GUESTS; n++) {
		struct vhost_shmem_stats stats = shmem_stats(&self->shmem[n]);

		EXPECT_EQ(0U, stats.mappings);
		EXPECT_EQ(0U, stats.pending);
		EXPECT_EQ(stats.requests, stats.responses);
		EXPECT_EQ(0, shmem_close(&self->shmem[n]));
	}
	close(self->frontend.channel);
}

TEST_F_TIMEOUT(random, two_guests, 300)
{
	unsigned int waits = 0, misses = 0, refused = 0;
	struct guest *guest;

	for (guest = self->guests; guest < self->guests + GUESTS; guest++)
		ASSERT_EQ(0, pthread_create(&guest->thread, NULL, guest_run, guest));
	for (guest = self->guests; guest < self->guests + GUESTS; guest++) {
		pthread_join(guest->thread, NULL);
		EXPECT_EQ(0, guest->error) TH_LOG("after %u: %s: %s", guest->done,
						  guest->failed, guest->shmem->failed);
		EXPECT_LE(ROUNDS / 10, (int)guest->done);
		waits += shmem_stats(guest->shmem).room_waits;
		misses += guest->shmem->misses;
		refused += guest->refused;
	}
	/* It was no walk in the park. */
	EXPECT_LT(0U, refused);
	EXPECT_EQ(!!variant->max_inflight, !!waits);
	EXPECT_EQ(variant->iotlb || variant->bound, !!misses);
	EXPECT_EQ(!variant->call_eventfd, !!self->frontend.calls);
	EXPECT_EQ(0U, self->frontend.errs);
}

/* Stopped and started again and again: what was taken is answered each time. */
struct restarter {
	struct shmem *shmem;
	unsigned int canceled;
	unsigned int answered;
};

static int answers_of(struct restarter *restarter, int count)
{
	while (count--) {
		uint32_t written = 0;
		int slot = guest_next(restarter->shmem, &written, LIMIT_MS);

		if (slot < 0)
			return slot;
		if (written != sizeof(struct vhost_shmem_response))
			return -EBADMSG;
		if (restarter->shmem->slots[slot].response.status ==
		    VHOST_SHMEM_S_CANCELED)
			restarter->canceled++;
		else
			restarter->answered++;
	}
	return 0;
}

static int restart_once(struct restarter *restarter, uint64_t *seed)
{
	struct shmem *shmem = restarter->shmem;
	unsigned int count = 1 + next_random(seed) % 30;
	int err;

	for (unsigned int n = 0; n < count; n++)
		guest_start(shmem, next_random(seed) % 3 ? MAP : UNMAP,
			    next_random(seed) % REGION_PAGES, n % FILE_PAGES, 1);
	pace(seed);
	pace(seed);
	err = shmem_run(shmem, 0);
	pace(seed);
	err = err ?: shmem_run(shmem, 1);
	/* Those that were still in the ring are answered now. */
	return err ?: answers_of(restarter, count);
}

/*
 * Takes a page down that the guest has mapped; returns 0 if it has not. One that
 * was made for a request that was canceled, and that the frontend did not take
 * down then, is taken down when its place is wanted.
 */
static int page_unmap(struct shmem *shmem, unsigned int page)
{
	int slot = guest_start(shmem, UNMAP, page, 0, 1);
	int status = guest_status(shmem, slot);

	if (status != VHOST_SHMEM_S_NOENT)
		return status == VHOST_SHMEM_S_OK ? 1 : -1000;
	if (!shmem->pages[page])
		return 0;
	slot = guest_start(shmem, MAP, page, 0, 1);
	return guest_status(shmem, slot) == VHOST_SHMEM_S_EXIST ? 0 : -1000;
}

/*
 * A request's slot is free a little before its device is told. With its last reply
 * written the device is; what it was told it has settled when it answers the next one.
 */
static int settle(struct frontend *frontend, struct shmem *shmem)
{
	int err;

	frontend_end(frontend);
	err = frontend_start(frontend);
	return err ?: guest_status(shmem, guest_start(shmem, QUERY, 0, 0, 0));
}

TEST_F_TIMEOUT(random, restart, 300)
{
	struct restarter restarter = { .shmem = &self->shmem[0] };
	struct shmem *shmem = restarter.shmem;
	uint64_t seed = self->frontend.seed;
	time_t until = time(NULL) + SECONDS;
	int mappings, mapped = 0;

	for (unsigned int n = 0; another_round(n, 100, until); n++)
		ASSERT_EQ(0, restart_once(&restarter, &seed)) TH_LOG("%s", shmem->failed);
	EXPECT_LT(0U, restarter.answered);
	EXPECT_LT(0U, restarter.canceled);
	self->frontend.refuse_percent = 0;
	/* What was mapped for one that was cancelled is unmapped by another request. */
	ASSERT_TRUE(wait_until(!channel_stats(self->frontend.channel).inflight &&
			       !settle(&self->frontend, shmem) &&
			       !channel_stats(self->frontend.channel).inflight));
	mappings = shmem_stats(shmem).mappings;

	/* Device, frontend and guest agree on what is mapped. */
	for (unsigned int n = 0; n < REGION_PAGES; n++) {
		EXPECT_TRUE(shmem->pages[n] ?
			    guest_sees(shmem, n, shmem->pages[n] - 1, 1) :
			    guest_sees_nothing(shmem, n, 1));
		mapped += page_unmap(shmem, n);
		ASSERT_TRUE(wait_until(!shmem->pages[n]));
	}
	EXPECT_EQ(mappings, mapped);
	EXPECT_TRUE(wait_until(!shmem_stats(shmem).pending));
}

/* Killed */

/*
 * A process that is VMM and guest, and is killed in whatever it is doing. Its
 * descriptors are closed in the order of their numbers.
 */
struct victim {
	uint64_t seed;
	bool device_first;
	int ready;
};

static void be_killed(void *arg)
{
	static struct frontend frontend;
	static struct shmem shmem;
	static struct guest guest;
	struct victim *victim = arg;
	struct shmem_options options = {
		.region_pages = REGION_PAGES, .file_pages = FILE_PAGES,
		.iotlb = victim->seed & 1, .call_eventfd = victim->seed & 2,
		.event_idx = victim->seed & 4, .bound = (victim->seed & 96) == 96,
	};

	frontend.channel = channel_open(0);
	child_check(frontend.channel >= 0);
	if (victim->device_first) {
		int moved = fcntl(frontend.channel, F_DUPFD_CLOEXEC, 100);

		close(frontend.channel);
		frontend.channel = moved;
	}
	child_check(!shmem_open(&shmem, options, frontend.channel));
	frontend_add(&frontend, 0, &shmem);
	frontend.seed = victim->seed;
	frontend.shuffle = true;
	guest_init(&guest, &shmem, ~0U, victim->seed);
	/* One in four has a frontend that answers nothing at all. */
	if (victim->seed & 24)
		child_check(!frontend_start(&frontend));
	child_check(write(victim->ready, "x", 1) == 1);
	guest_run(&guest);
	for (;;)
		pause();
}

/* A device of another process, which must not notice. */
static bool bystander_unharmed(struct frontend *frontend, unsigned int page)
{
	struct shmem *shmem = frontend->devices[0];
	int slot = guest_start(shmem, MAP, page, 0, 1);

	if (!frontend_await(frontend, 1))
		return false;
	frontend_answer(frontend, 0, 0);
	return guest_status(shmem, slot) == VHOST_SHMEM_S_OK &&
	       guest_sees(shmem, page, 0, 1);
}

FIXTURE(killed) {
	struct frontend bystander;
	struct shmem shmem;
	uint64_t seed;
	int ready[2];
};

FIXTURE_VARIANT(killed) {
	bool device_first;
};

FIXTURE_VARIANT_ADD(killed, channel_closed_first) {
	.device_first = false,
};

FIXTURE_VARIANT_ADD(killed, device_closed_first) {
	.device_first = true,
};

FIXTURE_SETUP(killed)
{
	struct shmem_options options = {
		.region_pages = REGION_PAGES, .file_pages = FILE_PAGES,
	};

	ASSERT_EQ(0, pipe2(self->ready, O_CLOEXEC));
	self->seed = new_seed(_metadata->name);
	self->bystander.channel = channel_open(0);
	ASSERT_EQ(0, shmem_open(&self->shmem, options, self->bystander.channel));
	frontend_add(&self->bystander, 0, &self->shmem);
}

FIXTURE_TEARDOWN(killed)
{
	EXPECT_EQ(0U, self->bystander.wrong);
	EXPECT_EQ(0, shmem_close(&self->shmem));
	close(self->bystander.channel);
}

static bool kill_one(uint64_t *seed, struct victim *victim, int ready, bool wait)
{
	pid_t pid;
	char byte;
	int status;

	victim->seed = next_random(seed);
	pid = child_start(be_killed, victim);
	if (pid < 0 || (wait && read(ready, &byte, 1) != 1))
		return false;
	usleep(next_random(seed) % 20000);
	kill(pid, SIGKILL);
	status = child_wait(pid);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

TEST_F_TIMEOUT(killed, process, 300)
{
	struct victim victim = {
		.device_first = variant->device_first, .ready = self->ready[1],
	};
	time_t until = time(NULL) + SECONDS;

	/* One in four is killed before or while it begins. */
	for (unsigned int n = 0; another_round(n, 40, until); n++) {
		ASSERT_TRUE(kill_one(&self->seed, &victim, self->ready[0], n % 4));
		ASSERT_TRUE(bystander_unharmed(&self->bystander, n));
	}
}

/* The frontend is another process, and dies alone. */
struct remote {
	struct frontend *frontend;
	int ready;
};

static void be_a_frontend(void *arg)
{
	struct remote *remote = arg;

	frontend_take(remote->frontend);
	child_check(write(remote->ready, "x", 1) == 1);
	frontend_run(remote->frontend);
}

FIXTURE(remote) {
	struct frontend frontend;
	struct shmem shmem;
	uint64_t seed;
	int ready[2];
};

FIXTURE_SETUP(remote)
{
	ASSERT_EQ(0, pipe2(self->ready, O_CLOEXEC));
	self->seed = new_seed(_metadata->name);
}

FIXTURE_TEARDOWN(remote)
{
}

/* Requests that it has, and that it has not, end, and mappings are forgotten. */
static int kill_frontend(struct frontend *frontend, struct shmem *shmem, int ready[2],
			 unsigned int delay_us)
{
	struct restarter restarter = { .shmem = shmem };
	struct remote remote = { .frontend = frontend, .ready = ready[1] };
	pid_t pid = child_start(be_a_frontend, &remote);
	char byte;

	close(frontend->channel);
	if (pid < 0 || read(ready[0], &byte, 1) != 1)
		return -errno;
	for (unsigned int n = 0; n < SHMEM_SLOTS / 2; n++)
		guest_start(shmem, MAP, n, n % FILE_PAGES, 1);
	usleep(delay_us);
	kill(pid, SIGKILL);
	if (!WIFSIGNALED(child_wait(pid)))
		return -ECHILD;
	return answers_of(&restarter, SHMEM_SLOTS / 2) ?: (int)restarter.canceled;
}

TEST_F_TIMEOUT(remote, killed, 120)
{
	const struct shmem_options options = {
		.region_pages = REGION_PAGES, .file_pages = FILE_PAGES,
		.call_eventfd = true,
	};
	struct shmem *shmem = &self->shmem;
	time_t until = time(NULL) + SECONDS;

	self->frontend.devices[0] = shmem;
	for (unsigned int n = 0; another_round(n, 20, until); n++) {
		self->frontend.channel = channel_open(0);
		ASSERT_EQ(0, shmem_open(shmem, options, self->frontend.channel));
		ASSERT_EQ(0, kill_frontend(&self->frontend, shmem, self->ready,
					   next_random(&self->seed) % 10000));
		EXPECT_TRUE(wait_until(!shmem_stats(shmem).mappings));
		EXPECT_EQ(0U, shmem_stats(shmem).pending);
		ASSERT_EQ(0, shmem_close(shmem));
	}
}

TEST_HARNESS_MAIN
