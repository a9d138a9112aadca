// SPDX-License-Identifier: GPL-2.0-only
#include "faults.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>

#include "channel.h"
#include "parameter.h"
#include "wait.h"

/* Of the program */
static const struct world_type *world_type;

/* State */

static struct descriptors open_descriptors(void)
{
	struct descriptors descriptors = {};

	for (int fd = 0; fd < DESCRIPTORS; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			descriptors.open[fd / 64] |= 1ULL << fd % 64;
	return descriptors;
}

/* It is chance whether anybody slept and had to be woken. */
struct state state_of(int channel, int device)
{
	struct state state = { .descriptors = open_descriptors() };

	state.channel_error = try_ioctl(channel, VHOST_BACKEND_GET_STATS, &state.channel);
	state.channel.wakeups = 0;
	state.device_error = try_ioctl(device, VHOST_SHMEM_GET_STATS, &state.device);
	return state;
}

bool same_state(const struct state *before, const struct state *after)
{
	return !memcmp(before, after, sizeof(*before));
}

void show_difference(const struct state *before, const struct state *after)
{
	const uint64_t *from = (const void *)before, *to = (const void *)after;

	for (size_t n = 0; n < sizeof(*before) / sizeof(*from); n++)
		if (from[n] != to[n])
			printf("# word %zu of struct state: was %#llx, is %#llx\n", n,
			       (unsigned long long)from[n], (unsigned long long)to[n]);
}

unsigned long all_references(void)
{
	FILE *file = fopen("/proc/modules", "re");
	unsigned long sum = 0, count;

	while (file && fscanf(file, "%*s %*u %lu%*[^\n]", &count) == 1)
		sum += count;
	if (file)
		fclose(file);
	return sum;
}

/* The fixture */

static const char *const limit_names[NR_FAULT_LIMITS] = { "max_channels", "max_bindings" };

int limits_are_lifted(bool lifted)
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

/* Only a thread that says so has faults. It needs that capability to say so. */
static int may_starve(void)
{
	int fd = fault_open("/proc/thread-self", "make-it-fail");
	int err = write(fd, "1", 1) == 1 ? 0 : -errno;

	close(fd);
	return err;
}

void faults_init(void)
{
	fault_sums_init();
}

/* All memory is locked: a page fault of this program must not be one of the faults. */
int faults_begin(const struct world_type *type, struct fault_limits *limits)
{
	const unsigned int one = 1;
	int err = fault_files_open();

	if (err)
		return err;
	world_type = type;
	for (unsigned int i = 0; i < NR_FAULT_LIMITS; i++)
		limits->before[i] = exchange_number(PARAMETERS, limit_names[i], &one);
	err = may_starve();
	err = err ?: limits_are_lifted(false);
	return err ?: mlockall(MCL_CURRENT) ? -errno : 0;
}

int faults_end(const struct fault_limits *limits)
{
	int err = 0;

	for (unsigned int i = 0; i < NR_FAULT_LIMITS; i++)
		if (exchange_number(PARAMETERS, limit_names[i], &limits->before[i]) != 1)
			err = -EINVAL;
	return err;
}

/* Trials */

struct turn {
	const struct trial *trial;
	struct world *world;
	struct state before;
	struct state reported;		/* after the call, if it reports */
	struct fault_figures figures;
	bool wrong;
};

/* Notes that something is wrong, and prints what it is. @error is 0 or negative. */
static void expect(struct turn *turn, bool good, const char *what, unsigned int n, long error)
{
	if (good)
		return;
	fprintf(stderr, "# fault %u: not so: %s (%s)\n", n, what, strerror(-error));
	turn->wrong = true;
}

/* Returns whether it could be opened, without which there is no sense in going on. */
static bool turn_open(struct turn *turn)
{
	const struct trial *trial = turn->trial;
	int err = world_type->open(turn->world);

	if (!err && trial->prepare)
		err = trial->prepare(turn->world);
	expect(turn, !err, "the world is prepared", 0, err);
	return !err;
}

static bool is_clean(const struct trial *trial, long error)
{
	if (error == -ENOMEM)
		return true;
	return !trial->starved && (error == -EFAULT || (trial->also && error == -trial->also));
}

/* Whether everything is done but the report */
static bool failed_to_report(const struct turn *turn, struct state *after, long error)
{
	struct state reported = turn->reported;

	if (!turn->trial->reports || error != -EFAULT)
		return false;
	/* A descriptor is there only if its number could be reported. */
	reported.descriptors = turn->before.descriptors;
	return same_state(&reported, after);
}

/* Looks at a call that has failed. Returns whether it is to be repeated. */
static bool check_failure(struct turn *turn, unsigned int n, long error)
{
	struct state after = world_type->state(turn->world);
	bool same = same_state(&turn->before, &after);

	turn->figures.errors++;
	expect(turn, is_clean(turn->trial, error), "the error is clean", n, error);
	if (failed_to_report(turn, &after, error))
		return false;
	expect(turn, same, "nothing has changed", n, error);
	if (!same)
		show_difference(&turn->before, &after);
	return true;
}

/* Returns whether there was a fault in it. One of fault_disarm() itself does not count. */
static bool call_with_fault(struct turn *turn, unsigned int n, long *ret)
{
	const struct trial *trial = turn->trial;
	bool fired;

	if (trial->starved) {
		fault_starve(n);
		*ret = trial->call(turn->world);
		fault_feed();
		return faults_add(&turn->figures);
	}
	fault_arm(n);
	*ret = trial->call(turn->world);
	fired = fault_disarm_own();
	if (fired)
		faults_add(&turn->figures);
	return fired;
}

/* Returns whether there was a fault. */
static bool take_turn(struct turn *turn, unsigned int n)
{
	const struct trial *trial = turn->trial;
	bool fired;
	long ret;

	/* This opens files, which could be what makes a table of descriptors grow. */
	faults_forget();
	if (!turn_open(turn))
		return false;
	turn->before = world_type->state(turn->world);
	fired = call_with_fault(turn, n, &ret);
	if (ret < 0) {
		expect(turn, fired, "there was a fault", n, ret);
		ret = check_failure(turn, n, ret) ? trial->call(turn->world) : 0;
	}
	expect(turn, ret >= 0, "the same call succeeds after it", n, ret < 0 ? ret : 0);
	expect(turn, !trial->done || trial->done(turn->world), "it does what it should", n, 0);
	expect(turn, !world_type->close(turn->world), "the world is closed", n, 0);
	return fired;
}

/* The state that the call makes when nothing fails */
static void turn_without_fault(struct turn *turn)
{
	const struct trial *trial = turn->trial;

	if (!turn_open(turn))
		return;
	expect(turn, trial->call(turn->world) >= 0, "the call succeeds", 0, 0);
	turn->reported = world_type->state(turn->world);
	expect(turn, !trial->done || trial->done(turn->world), "it does what it should", 0, 0);
	expect(turn, !world_type->close(turn->world), "the world is closed", 0, 0);
}

bool each_in_turn(const char *name, struct world *world, const struct trial trial)
{
	unsigned long references = all_references();
	struct turn turn = { .trial = &trial, .world = world };
	unsigned int n = 1;

	if (trial.reports)
		turn_without_fault(&turn);
	while (n < FAULTS_MAX && take_turn(&turn, n))
		n++;
	expect(&turn, n < FAULTS_MAX, "there are less faults than that", n, 0);
	expect(&turn, n > 1, "there is a fault", n, 0);
	expect(&turn, wait_until(all_references() == references), "no module is held", n, 0);
	faults_book(name, &turn.figures);
	return !turn.wrong;
}
