// SPDX-License-Identifier: GPL-2.0-only
#include "fault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "array.h"
#include "skip.h"

static const char *const fault_folders[FAULT_KINDS] = {
	"/sys/kernel/debug/failslab", "/sys/kernel/debug/fail_page_alloc",
	"/sys/kernel/debug/fail_usercopy",
};

/* How many faults there may still be */
#define FAULTS_LEFT	1000000

/*
 * Files of a kind, and of this thread. They are open all the time, because opening them
 * allocates memory. A "space" is how much can be allocated before anything fails.
 */
struct fault_files {
	int probability[FAULT_KINDS];
	int space[FAULT_KINDS];
	int nth;
};

static struct fault_files fault_files;

/* Sums of the program, in memory that its cases, which are processes, share */
static struct fault_figures *fault_sums;

int fault_open(const char *folder, const char *name)
{
	char path[80];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return open(path, O_RDWR | O_CLOEXEC);
}

/* Reads a number, or returns -1. */
static long read_number(int fd)
{
	char text[16] = {};

	return read(fd, text, sizeof(text) - 1) > 0 ? strtol(text, NULL, 10) : -1;
}

void write_number(int fd, unsigned int number)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", number);
	while (write(fd, text, strlen(text)) < 0 && errno == EFAULT)
		;
}

long exchange_number(const char *folder, const char *name, const unsigned int *value)
{
	int fd = fault_open(folder, name);
	long before = read_number(fd);

	if (value)
		write_number(fd, *value);
	close(fd);
	return before;
}

/* A switch that only some of the kinds have. Returns 0 or -errno. */
static int fault_switch(enum fault_kind kind, const char *name, const char *value)
{
	int fd = fault_open(fault_folders[kind], name);
	int err = 0;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (write(fd, value, strlen(value)) < 0)
		err = -errno;
	close(fd);
	return err;
}

/* Sleeping allocations too, of every size and vmalloc's, without a line in the log */
static int fault_switches(enum fault_kind kind)
{
	static const char *const switches[][2] = {
		{ "ignore-gfp-wait", "N" }, { "ignore-gfp-highmem", "N" },
		{ "min-order", "0" }, { "verbose", "0" }, { "task-filter", "Y" },
	};
	int err = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(switches); i++)
		err = err ?: fault_switch(kind, switches[i][0], switches[i][1]);
	return err;
}

int fault_files_open(void)
{
	int err = 0;

	for (int kind = 0; !err && kind < FAULT_KINDS; kind++) {
		const char *folder = fault_folders[kind];
		int probability = fault_open(folder, "probability");
		int space = fault_open(folder, "space");

		err = probability < 0 || space < 0 ? -ENOENT : fault_switches(kind);
		fault_files.probability[kind] = probability;
		fault_files.space[kind] = space;
	}
	fault_files.nth = fault_open("/proc/thread-self", "fail-nth");
	return err ?: fault_files.nth < 0 ? -ENOENT : 0;
}

unsigned long faults_add(struct fault_figures *figures)
{
	static const unsigned int all = FAULTS_LEFT;
	unsigned long sum = 0;

	for (int kind = 0; kind < FAULT_KINDS; kind++) {
		long left = exchange_number(fault_folders[kind], "times", &all);

		figures->faults[kind] += all - left;
		sum += all - left;
	}
	return sum;
}

void faults_forget(void)
{
	struct fault_figures forgotten = {};

	faults_add(&forgotten);
}

void faults_show(const char *name, const struct fault_figures *figures)
{
	unsigned long sum = 0;

	for (int kind = 0; kind < FAULT_KINDS; kind++)
		sum += figures->faults[kind];
	printf("# %s: %lu faults, %lu errors", name, sum, figures->errors);
	for (int kind = 0; kind < FAULT_KINDS; kind++)
		printf("%s %s %lu", kind ? "," : ";", strrchr(fault_folders[kind], '/') + 1,
		       figures->faults[kind]);
	printf("\n");
	fflush(stdout);
}

void faults_book(const char *name, const struct fault_figures *figures)
{
	faults_show(name, figures);
	for (int kind = 0; kind < FAULT_KINDS; kind++)
		fault_sums->faults[kind] += figures->faults[kind];
	fault_sums->errors += figures->errors;
}

bool fault_disarm(int thread)
{
	char text[16] = {};
	bool fired = pread(thread, text, sizeof(text) - 1, 0) > 0 &&
		     !strtoul(text, NULL, 10);

	write_number(thread, 0);
	return fired;
}

/* Most objects take more than this, so that each is once the first to fail. */
#define SLAB_STEP	128

void fault_starve(unsigned int n)
{
	write_number(fault_files.space[FAULT_SLAB], (n - 1) * SLAB_STEP);
	write_number(fault_files.space[FAULT_PAGE], n - 1);
	write_number(fault_files.probability[FAULT_PAGE], 100);
	write_number(fault_files.probability[FAULT_SLAB], 100);
}

void fault_feed(void)
{
	write_number(fault_files.probability[FAULT_SLAB], 0);
	write_number(fault_files.probability[FAULT_PAGE], 0);
}

void fault_arm(unsigned int n)
{
	write_number(fault_files.nth, n);
}

bool fault_disarm_own(void)
{
	return fault_disarm(fault_files.nth);
}

void fault_sums_init(void)
{
	if (access(fault_folders[FAULT_SLAB], F_OK) || access("/proc/self/fail-nth", F_OK))
		skip_program("no fault injection, which debug kernels have", NULL);
	fault_sums = mmap(NULL, sizeof(*fault_sums), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

bool faults_happened(unsigned int kinds)
{
	bool all = true;

	faults_show("in all", fault_sums);
	for (unsigned int kind = 0; kind < FAULT_KINDS; kind++) {
		if (fault_sums->faults[kind] || !(kinds & 1U << kind))
			continue;
		fprintf(stderr, "# no fault in %s\n", fault_folders[kind]);
		all = false;
	}
	return all;
}
