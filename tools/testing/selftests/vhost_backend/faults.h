/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every allocation and every copy from or to user space fails in turn: each call
 * is repeated, in a world that is made anew, with its n-th one failing, until it
 * comes through without a fault. A call that fails has a clean error and has changed
 * nothing: right after it, the same call does what it should.
 */
#ifndef VHOST_BACKEND_FAULTS_H
#define VHOST_BACKEND_FAULTS_H

#include "faults_inject.h"

#include <linux/capability.h>
#include <linux/vhost_shmem.h>
#include <sys/syscall.h>

#include "reader.h"

/* More than any call here could meet */
#define FAULTS_MAX	1000U

/* What a call that fails leaves as it was: numbers of 64 bits */

#define DESCRIPTORS	128

struct descriptors {
	uint64_t open[DESCRIPTORS / 64];	/* a bit each */
};

struct state {
	struct descriptors descriptors;
	int64_t channel_error;		/* of asking: a channel that is NEW has no figures */
	struct vhost_backend_stats channel;
	int64_t device_error;
	struct vhost_shmem_stats device;
	uint64_t more;
};

static inline struct descriptors open_descriptors(void)
{
	struct descriptors descriptors = {};

	for (int fd = 0; fd < DESCRIPTORS; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			descriptors.open[fd / 64] |= 1ULL << fd % 64;
	return descriptors;
}

/* Whether somebody slept who had to be woken is chance. */
static inline struct state state_of(int channel, int device)
{
	struct state state = { .descriptors = open_descriptors() };

	state.channel_error = try_ioctl(channel, VHOST_BACKEND_GET_STATS, &state.channel);
	state.channel.wakeups = 0;
	state.device_error = try_ioctl(device, VHOST_SHMEM_GET_STATS, &state.device);
	return state;
}

static inline bool same_state(const struct state *before, const struct state *after)
{
	return !memcmp(before, after, sizeof(*before));
}

static inline void show_difference(const struct state *before, const struct state *after)
{
	const uint64_t *from = (const void *)before, *to = (const void *)after;

	for (size_t n = 0; n < sizeof(*before) / sizeof(*from); n++)
		if (from[n] != to[n])
			printf("# word %zu of struct state: was %#llx, is %#llx\n", n,
			       (unsigned long long)from[n], (unsigned long long)to[n]);
}

/* References to modules, all together */
static inline unsigned long module_references(void)
{
	FILE *file = fopen("/proc/modules", "re");
	unsigned long sum = 0, count;

	while (file && fscanf(file, "%*s %*u %lu%*[^\n]", &count) == 1)
		sum += count;
	if (file)
		fclose(file);
	return sum;
}

/* The limits of a user, which are to be those of one channel and one binding */

#define PARAMETERS	"/sys/module/vhost_backend/parameters"

static const char *const fault_limits[] = { "max_channels", "max_bindings" };

/* With CAP_SYS_RESOURCE in effect, or not; 0 or -errno */
static inline int limits_are_lifted(bool lifted)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, data))
		return -errno;
	if (lifted)
		data[0].effective |= 1U << CAP_SYS_RESOURCE;
	else
		data[0].effective &= ~(1U << CAP_SYS_RESOURCE);
	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

/* Of a thread with that capability only: it, not others, is to starve. */
static inline bool may_starve(void)
{
	int fd = fault_open("/proc/thread-self", "make-it-fail");
	bool may = write(fd, "1", 1) == 1;

	close(fd);
	return may;
}

FIXTURE(faults) {
	unsigned int limits[ARRAY_SIZE(fault_limits)];
};

/* All memory is there: a page fault of this program is not to be one of the faults. */
FIXTURE_SETUP(faults)
{
	ASSERT_EQ(0, fault_files_open());
	for (unsigned int i = 0; i < ARRAY_SIZE(fault_limits); i++)
		self->limits[i] = exchange_number(PARAMETERS, fault_limits[i],
						  &(unsigned int){ 1 });
	ASSERT_TRUE(may_starve());
	ASSERT_EQ(0, limits_are_lifted(false));
	ASSERT_EQ(0, mlockall(MCL_CURRENT));
}

FIXTURE_TEARDOWN(faults)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(fault_limits); i++)
		EXPECT_EQ(1, exchange_number(PARAMETERS, fault_limits[i], &self->limits[i]));
}

/* What a program defines: what its calls work on. Returns 0 or -errno. */
struct world;
static int world_open(struct world *world);
static int world_close(struct world *world);
static struct state world_state(struct world *world);

/**
 * struct trial - a call, and what is around it
 * @prepare: in a new world, without faults; 0 or -errno; or NULL
 * @call: an error, or it has done what it should
 * @done: whether it has; or NULL
 * @starved: not one fault, but all from the n-th on; then the error is ENOMEM
 * @reports: in the end it copies an answer to user space. That this failed does not
 *	undo what was done, and is the only error that leaves anything
 * @also: an error that the kernel gives for want of memory or for a bad copy where
 *	it should be ENOMEM or EFAULT; or 0
 */
struct trial {
	int (*prepare)(struct world *world);
	long (*call)(struct world *world);
	bool (*done)(struct world *world);
	bool starved;
	bool reports;
	int also;
};

struct turn {
	const struct trial *trial;
	struct state before;
	struct state reported;		/* after the call, if it reports */
	struct fault_figures figures;
};

static inline void turn_open(struct __test_metadata *_metadata, struct world *world,
			     const struct trial *trial)
{
	ASSERT_EQ(0, world_open(world));
	ASSERT_EQ(0, trial->prepare ? trial->prepare(world) : 0);
}

static inline bool is_clean(const struct trial *trial, long error)
{
	if (error == -ENOMEM)
		return true;
	return !trial->starved && (error == -EFAULT || (trial->also && error == -trial->also));
}

/* Whether all is done but the report */
static inline bool failed_to_report(const struct turn *turn, struct state *after, long error)
{
	struct state reported = turn->reported;

	if (!turn->trial->reports || error != -EFAULT)
		return false;
	/* What a report brings is one of the things that are there only with it. */
	reported.descriptors = turn->before.descriptors;
	return same_state(&reported, after);
}

/* The call has failed; whether it has changed nothing, and is to be repeated. */
static inline bool check_failure(struct __test_metadata *_metadata, struct world *world,
				 struct turn *turn, unsigned int n, long error)
{
	struct state after = world_state(world);

	turn->figures.errors++;
	EXPECT_TRUE(is_clean(turn->trial, error))
		TH_LOG("fault %u: %s", n, strerror(-error));
	if (failed_to_report(turn, &after, error))
		return false;
	EXPECT_TRUE(same_state(&turn->before, &after)) {
		TH_LOG("fault %u: %s", n, strerror(-error));
		show_difference(&turn->before, &after);
	}
	return true;
}

/* Whether there was a fault in it; one of disarm() itself does not count. */
static inline bool call_with_fault(struct world *world, struct turn *turn, unsigned int n,
				   long *ret)
{
	const struct trial *trial = turn->trial;
	bool fired;

	if (trial->starved) {
		starve(n);
		*ret = trial->call(world);
		feed();
		return faults_add(&turn->figures);
	}
	write_number(fault_files.nth, n);
	*ret = trial->call(world);
	fired = disarm(fault_files.nth);
	if (fired)
		faults_add(&turn->figures);
	return fired;
}

/* False: there was no fault. */
static inline bool take_turn(struct __test_metadata *_metadata, struct world *world,
			     struct turn *turn, unsigned int n)
{
	const struct trial *trial = turn->trial;
	bool fired;
	long ret;

	/* It opens files, which could be what makes a table of descriptors grow. */
	faults_forget();
	turn_open(_metadata, world, trial);
	turn->before = world_state(world);
	fired = call_with_fault(world, turn, n, &ret);
	if (ret < 0) {
		EXPECT_TRUE(fired);
		ret = check_failure(_metadata, world, turn, n, ret) ? trial->call(world) : 0;
	}
	EXPECT_LE(0, ret)
		TH_LOG("after fault %u: %s", n, strerror(-ret));
	EXPECT_TRUE(!trial->done || trial->done(world))
		TH_LOG("after fault %u", n);
	EXPECT_EQ(0, world_close(world))
		TH_LOG("after fault %u", n);
	return fired;
}

/* The state that the call makes when nothing fails */
static inline struct state state_when_done(struct __test_metadata *_metadata,
					   struct world *world, const struct trial *trial)
{
	struct state state;

	turn_open(_metadata, world, trial);
	EXPECT_LE(0, trial->call(world));
	state = world_state(world);
	EXPECT_TRUE(!trial->done || trial->done(world));
	EXPECT_EQ(0, world_close(world));
	return state;
}

/* @name: for people */
static inline void each_in_turn_named(struct __test_metadata *_metadata,
				      struct world *world, const struct trial trial,
				      const char *name)
{
	unsigned long references = module_references();
	struct turn turn = { .trial = &trial };
	unsigned int n = 1;

	if (trial.reports)
		turn.reported = state_when_done(_metadata, world, &trial);
	while (take_turn(_metadata, world, &turn, n))
		ASSERT_GT(FAULTS_MAX, n++);
	EXPECT_LT(1U, n);
	EXPECT_TRUE(wait_until(module_references() == references));
	faults_book(name, &turn.figures);
}

static inline void each_in_turn(struct __test_metadata *_metadata, struct world *world,
				const struct trial trial)
{
	each_in_turn_named(_metadata, world, trial, _metadata->name);
}

/*
 * The last case of a program, with a bit for each kind that its calls have. Those
 * that take no pages themselves may do so when a slab has no room.
 */
static inline void expect_faults_of(struct __test_metadata *_metadata, unsigned int kinds)
{
	faults_show("in all", fault_sums);
	for (unsigned int kind = 0; kind < FAULT_KINDS; kind++) {
		EXPECT_TRUE(fault_sums->faults[kind] || !(kinds & 1U << kind))
			TH_LOG("no fault in %s", fault_folders[kind]);
	}
}

static inline void expect_every_kind(struct __test_metadata *_metadata)
{
	expect_faults_of(_metadata, ~0U);
}

#endif /* VHOST_BACKEND_FAULTS_H */
