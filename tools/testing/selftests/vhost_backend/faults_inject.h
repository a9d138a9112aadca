/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's fault injection: which allocation or copy fails, and how many did.
 *
 * Needs CONFIG_FAILSLAB, FAIL_PAGE_ALLOC, FAULT_INJECTION_USERCOPY and
 * FAULT_INJECTION_DEBUG_FS.
 */
#ifndef VHOST_BACKEND_FAULTS_INJECT_H
#define VHOST_BACKEND_FAULTS_INJECT_H

#include "../kselftest_harness.h"

#include "util.h"

/* The kinds of fault */

enum fault_kind { FAULT_SLAB, FAULT_PAGE, FAULT_COPY, FAULT_KINDS };

static const char *const fault_folders[FAULT_KINDS] = {
	"/sys/kernel/debug/failslab", "/sys/kernel/debug/fail_page_alloc",
	"/sys/kernel/debug/fail_usercopy",
};

/* How many faults there may still be */
#define FAULTS_LEFT	1000000

/*
 * Files of a kind and of this thread, open all the time: opening them allocates. A
 * "space" is how much is allocated before anything fails.
 */
struct fault_files {
	int probability[FAULT_KINDS];
	int space[FAULT_KINDS];
	int nth;
};

static struct fault_files fault_files;

struct fault_figures {
	unsigned long faults[FAULT_KINDS];
	unsigned long errors;
};

/* Of the whole program, whose cases are processes of their own. */
static struct fault_figures *fault_sums;

static void __attribute__((constructor)) skip_without_faults(void)
{
	if (access(fault_folders[FAULT_SLAB], F_OK) || access("/proc/self/fail-nth", F_OK)) {
		ksft_print_header();
		ksft_exit_skip("no fault injection: a debug kernel is wanted\n");
	}
	fault_sums = mmap(NULL, sizeof(*fault_sums), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

static inline int fault_open(const char *folder, const char *name)
{
	char path[80];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return open(path, O_RDWR | O_CLOEXEC);
}

/* -1 where it can't be read */
static inline long read_number(int fd)
{
	char text[16] = {};

	return read(fd, text, sizeof(text) - 1) > 0 ? strtol(text, NULL, 10) : -1;
}

/* To be written, a file needs a copy of its own, which may be the one that fails. */
static inline void write_number(int fd, unsigned int number)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", number);
	while (write(fd, text, strlen(text)) < 0 && errno == EFAULT)
		;
}

/* Files of debugfs can't be read twice. Reads, and writes where @value is not NULL. */
static inline long exchange_number(const char *folder, const char *name,
				   const unsigned int *value)
{
	int fd = fault_open(folder, name);
	long before = read_number(fd);

	if (value)
		write_number(fd, *value);
	close(fd);
	return before;
}

/* A switch that only some of the kinds have. Returns 0 or -errno. */
static inline int fault_switch(enum fault_kind kind, const char *name, const char *value)
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

/* Sleeping allocations too, of every size, vmalloc's, and without a line in the log */
static inline int fault_switches(enum fault_kind kind)
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

static inline int fault_files_open(void)
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

/* Adds the faults since the last time, however they came about; how many. */
static inline unsigned long faults_add(struct fault_figures *figures)
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

/* From here on */
static inline void faults_forget(void)
{
	struct fault_figures forgotten = {};

	faults_add(&forgotten);
}

static inline void faults_show(const char *name, const struct fault_figures *figures)
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

/* Of one case, shown and added to those of the program */
static inline void faults_book(const char *name, const struct fault_figures *figures)
{
	faults_show(name, figures);
	for (int kind = 0; kind < FAULT_KINDS; kind++)
		fault_sums->faults[kind] += figures->faults[kind];
	fault_sums->errors += figures->errors;
}

/* The n-th fault of a thread, by its "fail-nth" */

/* Whether it went off */
static inline bool disarm(int thread)
{
	char text[16] = {};
	bool fired = pread(thread, text, sizeof(text) - 1, 0) > 0 &&
		     !strtoul(text, NULL, 10);

	write_number(thread, 0);
	return fired;
}

/* No more than most objects take, so that each is once the first to fail */
#define SLAB_STEP	128

/*
 * All of this thread's allocations fail from some point on, which moves back with
 * @n: the first time all do. So those fail too that are tried in two ways.
 */
static inline void starve(unsigned int n)
{
	write_number(fault_files.space[FAULT_SLAB], (n - 1) * SLAB_STEP);
	write_number(fault_files.space[FAULT_PAGE], n - 1);
	write_number(fault_files.probability[FAULT_PAGE], 100);
	write_number(fault_files.probability[FAULT_SLAB], 100);
}

static inline void feed(void)
{
	write_number(fault_files.probability[FAULT_SLAB], 0);
	write_number(fault_files.probability[FAULT_PAGE], 0);
}

#endif /* VHOST_BACKEND_FAULTS_INJECT_H */
