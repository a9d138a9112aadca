// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults in the kernel's threads while a guest maps a page: in the vhost worker of a
 * vhost-shmem device, and in the thread of a device that is bound to a channel.
 */
#include "../kselftest_harness.h"

#include <dirent.h>
#include <sys/eventfd.h>

#include <linux/vhost_shmem.h>

#include "lib/fault.h"
#include "lib/faults.h"
#include "lib/shmem_world.h"
#include "lib/skip.h"
#include "lib/vhost_shmem.h"
#include "lib/vhost_shmem_rig.h"
#include "lib/wait.h"

SKIP_WITHOUT_CHANNEL;
SKIP_WITHOUT(SHMEM_PATH, vhost_shmem);

static struct world world;

#define PAGE_MAPPED	3

static struct state world_state(struct world *world)
{
	return state_of(world->frontend.channel, world->shmem.device);
}

static const struct world_type world_type = {
	.open = shmem_world_open, .close = shmem_world_close, .state = world_state,
};

FAULTS_FIXTURE(&world_type);

static bool is_named(const char *process, const char *name)
{
	char path[64], comm[32] = {};
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%.20s/comm", process);
	file = fopen(path, "re");
	if (!file)
		return false;
	if (!fgets(comm, sizeof(comm), file))
		comm[0] = '\0';
	fclose(file);
	comm[strcspn(comm, "\n")] = '\0';
	return !strcmp(comm, name);
}

/* The "fail-nth" of the only kernel thread of that name, else -1 */
static int fail_nth_of(const char *name)
{
	DIR *processes = opendir("/proc");
	struct dirent *entry;
	char path[64] = "";
	unsigned int found = 0;

	while (processes && (entry = readdir(processes))) {
		if (!is_named(entry->d_name, name))
			continue;
		snprintf(path, sizeof(path), "/proc/%.20s", entry->d_name);
		found++;
	}
	if (processes)
		closedir(processes);
	return found == 1 ? fault_open(path, "fail-nth") : -1;
}

/* What came of the guest's requests */
struct outcomes {
	unsigned int ok;
	unsigned int malformed;		/* it could not be read */
	unsigned int unanswered;	/* the response could not be written */
	unsigned int ring_errors;	/* the ring could not be read or written */
	unsigned int lost;		/* of these, those that never came back */
	unsigned int stalled;		/* no memory for a miss */
};

static void outcomes_show(const struct outcomes *outcomes)
{
	printf("# ok %u, malformed %u, unanswered %u, ring errors %u (lost %u), stalled %u\n",
	       outcomes->ok, outcomes->malformed, outcomes->unanswered,
	       outcomes->ring_errors, outcomes->lost, outcomes->stalled);
	fflush(stdout);
}

/*
 * For want of memory for a miss the core waits for ever, or until it is kicked. Any
 * other failure is told: to the guest, or to the VMM where it is one of the ring.
 */
static void judge(struct __test_metadata *_metadata, struct world *world,
		  struct outcomes *outcomes, int status, bool memory)
{
	bool ring_error = world->frontend.errs == 1;

	outcomes->ok += status == OK;
	outcomes->malformed += status == VHOST_SHMEM_S_MALFORMED;
	outcomes->unanswered += status == -EBADMSG;
	outcomes->ring_errors += ring_error;
	outcomes->stalled += status == -EAGAIN && !ring_error;
	EXPECT_TRUE(status == OK || status == VHOST_SHMEM_S_MALFORMED ||
		    status == -EBADMSG ||
		    (status == -EAGAIN && (ring_error || memory)))
		TH_LOG("status %d, %u ring errors", status, world->frontend.errs);
}

/* A request that is in the ring yet, because it could not be taken, is taken now. */
static void kick_again(struct world *world)
{
	eventfd_write(world->shmem.kick, 1);
	world_serve(world);
}

/* Whatever the guest was told, all agree on what there is, and go on. */
static void go_on(struct __test_metadata *_metadata, struct world *world,
		  struct outcomes *outcomes, int status)
{
	unsigned int mappings;

	if (status == -EAGAIN) {
		kick_again(world);
		status = world_outcome(world);
		outcomes->lost += status == -EAGAIN;
		EXPECT_TRUE(status == OK || (status == -EAGAIN && world->frontend.errs == 1))
			TH_LOG("status %d", status);
	}
	mappings = shmem_stats(&world->shmem).mappings;
	EXPECT_TRUE(mappings == 1 || (mappings == 0 && status != OK));
	EXPECT_TRUE(world_has_mappings(world, mappings));
	EXPECT_TRUE(!mappings || world_request(world, UNMAP, PAGE_MAPPED) == OK);
	EXPECT_TRUE(world_works(world));
}

/* False: there was no fault. */
static bool map_with_fault(struct __test_metadata *_metadata, struct world *world,
			   const char *thread, unsigned int n,
			   struct fault_figures *figures, struct outcomes *outcomes)
{
	struct fault_figures before = *figures;
	int fail_nth, status;
	bool fired;

	ASSERT_EQ(0, shmem_world_open(world));
	ASSERT_EQ(0, world_bring_up(world));
	ASSERT_TRUE(wait_until((fail_nth = fail_nth_of(thread)) >= 0));
	faults_forget();
	write_number(fail_nth, n);
	status = world_request(world, MAP, PAGE_MAPPED);
	fired = fault_disarm(fail_nth);
	faults_add(figures);
	figures->errors += status != OK;
	judge(_metadata, world, outcomes, status,
	      figures->faults[FAULT_COPY] == before.faults[FAULT_COPY]);
	go_on(_metadata, world, outcomes, status);
	close(fail_nth);
	EXPECT_EQ(0, shmem_world_close(world));
	return fired;
}

static void map_in_turn(struct __test_metadata *_metadata)
{
	unsigned long references = all_references();
	struct fault_figures figures = {};
	struct outcomes outcomes = {};
	unsigned int n = 1;
	char name[32];

	snprintf(name, sizeof(name), "vhost-%d", getpid());
	while (map_with_fault(_metadata, &world, name, n, &figures, &outcomes))
		ASSERT_GT(FAULTS_MAX, n++);
	EXPECT_LT(1U, n);
	/*
	 * The one write of an element of the used ring. The slab allocator may ask for
	 * a page in some turns and not in others, by which the write is another one.
	 */
	EXPECT_GE(2U, outcomes.lost);
	if (!figures.faults[FAULT_PAGE])
		EXPECT_LE(1U, outcomes.lost);
	EXPECT_TRUE(wait_until(all_references() == references));
	faults_book(_metadata->name, &figures);
	outcomes_show(&outcomes);
}

TEST_F_TIMEOUT(faults, map, 280)
{
	map_in_turn(_metadata);
}

TEST_F_TIMEOUT(faults, map_iotlb, 280)
{
	world_options.iotlb = true;
	map_in_turn(_metadata);
}

/* The miss is the device's own, when it has the answer. */
TEST_F_TIMEOUT(faults, map_forgotten, 280)
{
	world_options.iotlb = true;
	world_forgetful = true;
	map_in_turn(_metadata);
}

TEST_F_TIMEOUT(faults, map_bound, 280)
{
	world_options.bound = true;
	map_in_turn(_metadata);
}

/* The thread of a bound device allocates and copies nothing: it has no errors. */
TEST_F_TIMEOUT(faults, map_bound_thread, 60)
{
	struct fault_figures figures = {};
	struct outcomes outcomes = {};

	world_options.bound = true;
	EXPECT_FALSE(map_with_fault(_metadata, &world, "vhost-backend-d", 1, &figures,
				    &outcomes));
	EXPECT_EQ(1U, outcomes.ok);
}

TEST_F(faults, of_each_kind)
{
	EXPECT_TRUE(faults_happened(1U << FAULT_SLAB | 1U << FAULT_COPY));
}

TEST_HARNESS_MAIN
