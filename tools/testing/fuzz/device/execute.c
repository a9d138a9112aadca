// SPDX-License-Identifier: GPL-2.0-only
/* Runs a program in a process of its own, and sees that nothing of it is left. */
#include "execute.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "cover.h"

/* A program that did nothing for such a time waits for what will not come. */
#define IDLE_MS		25
/* However busy it is */
#define PROGRAM_MS	2000
/* What is killed is gone by then, and what it held: else it never will be. */
#define GONE_MS		(120 * 1000)

#define FAILURES	"/sys/kernel/debug/"

/* Shared with the process: calls that it came back from */
static unsigned int *progress;
static int refcount[MODULES], kernel_log = -1;
static long base[MODULES];

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
}

static long read_refcount(int i)
{
	char text[16] = "";

	return pread(refcount[i], text, sizeof(text) - 1, 0) > 0 ? atol(text) : -1;
}

/*
 * Allocations and copies fail for those who ask for it, of any kind, in silence;
 * and a program may die of what fails.
 */
static void set_up_failures(void)
{
	static const struct {
		const char *file, *value;
	} settings[] = {
		{ FAILURES "failslab/ignore-gfp-wait", "N" },
		{ FAILURES "failslab/verbose", "0" },
		{ FAILURES "fail_page_alloc/ignore-gfp-wait", "N" },
		{ FAILURES "fail_page_alloc/min-order", "0" },
		{ FAILURES "fail_page_alloc/verbose", "0" },
		{ FAILURES "fail_usercopy/verbose", "0" },
		{ "/proc/sys/debug/exception-trace", "0" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		FILE *file = fopen(settings[i].file, "we");

		if (file)
			fputs(settings[i].value, file);
		if (file)
			fclose(file);
	}
}

/*
 * A vhost device puts its thread into its owner's cgroup, for which the kernel lets a
 * grace period go by, unless it was told to be quick.
 */
static void set_up_cgroups(void)
{
	mount("cgroup", "/sys/fs/cgroup", "cgroup2", 0, "favordynmods");
}

bool execute_init(void)
{
	char path[64];

	progress = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	kernel_log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (progress == MAP_FAILED || kernel_log < 0)
		return false;
	lseek(kernel_log, 0, SEEK_END);
	for (int i = 0; i < MODULES; i++) {
		snprintf(path, sizeof(path), "/sys/module/%s/refcnt", module_names[i]);
		refcount[i] = open(path, O_RDONLY | O_CLOEXEC);
		base[i] = read_refcount(i);
		if (base[i] < 0)
			return false;
	}
	set_up_failures();
	set_up_cgroups();
	/* What a program's process leaves behind becomes ours, to be waited for. */
	return !prctl(PR_SET_CHILD_SUBREAPER, 1);
}

/* What one thread of a program needs to know */
struct task {
	struct thread thread;
	const struct program *program;
	unsigned int number;
	pthread_t id;
};

static void *run_thread(void *arg)
{
	struct task *task = arg;

	cover_start(task->number);
	for (unsigned int i = 0; i < task->program->count; i++) {
		const struct call *call = &task->program->calls[i];

		if (call->thread != task->number)
			continue;
		call->operation->run(&task->thread, call->args);
		process_end_failures(&task->thread, call->operation->run);
		cover_collect(task->number);
		__atomic_fetch_add(progress, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static bool has_thread(const struct program *program, unsigned int thread)
{
	for (unsigned int i = 0; i < program->count; i++)
		if (program->calls[i].thread == thread)
			return true;
	return false;
}

/* Ends when all threads have come to their ends. Thread 0 starts last. */
static void run_program(const struct program *program)
{
	static struct world world;
	static struct task tasks[THREADS];

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	world_init(&world);
	for (unsigned int i = THREADS; i--;) {
		tasks[i] = (struct task){ .program = program, .number = i };
		if (!has_thread(program, i) || !thread_init(&tasks[i].thread, &world))
			continue;
		if (!i)
			run_thread(&tasks[i]);
		else if (pthread_create(&tasks[i].id, NULL, run_thread, &tasks[i]))
			tasks[i].id = 0;
	}
	for (unsigned int i = 1; i < THREADS; i++)
		if (tasks[i].id)
			pthread_join(tasks[i].id, NULL);
	_exit(0);
}

/* Grows with each call that a process comes back from, and with the time that it ran. */
static uint64_t activity_of(clockid_t clock)
{
	struct timespec ran = {};

	clock_gettime(clock, &ran);
	return ran.tv_sec * 1000000000ULL + ran.tv_nsec +
	       __atomic_load_n(progress, __ATOMIC_RELAXED);
}

/* Waits for the process as long as it gets on, if slowly: the host may be busy. */
static void watch(pid_t child)
{
	int pidfd = syscall(SYS_pidfd_open, child, 0);
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	uint64_t end = now_ms() + PROGRAM_MS, last;
	clockid_t clock;

	if (clock_getcpuclockid(child, &clock))
		clock = CLOCK_REALTIME;
	do {
		last = activity_of(clock);
	} while (poll(&p, 1, IDLE_MS) == 0 && now_ms() < end && last != activity_of(clock));
	close(pidfd);
}

/* All processes of the group, and the children that they left behind */
static bool end_all(pid_t child)
{
	uint64_t end = now_ms() + GONE_MS;

	while (now_ms() < end) {
		pid_t pid;

		kill(-child, SIGKILL);
		kill(child, SIGKILL);
		pid = waitpid(-1, NULL, WNOHANG);
		if (pid < 0)
			return true;
		if (!pid)
			usleep(200);
	}
	return false;
}

/* A file that was on its way through a socket is released a little later. */
static bool references_are_back(void)
{
	uint64_t end = now_ms() + GONE_MS;

	for (int i = 0; i < MODULES; i++)
		while (read_refcount(i) != base[i]) {
			if (now_ms() >= end)
				return false;
			usleep(500);
		}
	return true;
}

/* What is a finding in the kernel log; the guest's harness looks for more, at the end. */
static bool is_finding(const char *record)
{
	static const char * const signs[] = {
		"BUG: ", "WARNING: ", "UBSAN: ", "ODEBUG: ", "Call Trace:", "possible circular",
		"inconsistent lock", "Invalid wait context", "refcount_t: ", "vhost_backend: ",
		"vhost_shmem: ",
	};

	for (size_t i = 0; i < ARRAY_SIZE(signs); i++)
		if (strstr(record, signs[i]))
			return true;
	return false;
}

static bool log_is_clean(void)
{
	bool clean = true;
	char record[8192];
	ssize_t n;

	/* EPIPE: more was logged than the kernel kept. */
	while ((n = read(kernel_log, record, sizeof(record) - 1)) > 0 || errno == EPIPE) {
		errno = 0;
		if (n <= 0)
			continue;
		record[n] = 0;
		clean = clean && !is_finding(record);
	}
	return clean;
}

const char *execute(const struct program *program, bool comparisons)
{
	const char *finding = NULL;
	pid_t child;

	cover_begin(comparisons);
	child = fork();
	if (!child)
		run_program(program);
	if (child < 0)
		return "no process";
	watch(child);
	if (!end_all(child))
		finding = "a process that SIGKILL does not end";
	else if (!references_are_back())
		finding = "references to a module stay";
	cover_end();
	return log_is_clean() ? finding : "a warning in the kernel log";
}
