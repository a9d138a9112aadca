// SPDX-License-Identifier: GPL-2.0-only
#include "task.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wait.h"

char task_state(pid_t tid)
{
	char path[32], state = 0;
	FILE *stat;

	snprintf(path, sizeof(path), "/proc/%d/stat", tid);
	stat = fopen(path, "r");
	if (!stat)
		return 0;
	if (fscanf(stat, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	fclose(stat);
	return state;
}

/* Calls @fn for each process and kernel thread whose name starts with @prefix. */
static void walk_threads(const char *prefix, void (*fn)(void *arg, pid_t tid),
			 void *arg)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char path[300], name[32] = "";
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		file = fopen(path, "r");
		if (!file)
			continue;
		if (fgets(name, sizeof(name), file) && !strncmp(name, prefix, strlen(prefix)))
			fn(arg, atoi(entry->d_name));
		fclose(file);
	}
	if (dir)
		closedir(dir);
}

struct signalled {
	int signal;
	unsigned int count;
};

static void signal_thread(void *arg, pid_t tid)
{
	struct signalled *signalled = arg;

	signalled->count += !kill(tid, signalled->signal);
}

unsigned int signal_threads(const char *prefix, int signal)
{
	struct signalled signalled = { .signal = signal };

	walk_threads(prefix, signal_thread, &signalled);
	return signalled.count;
}

static void note_thread(void *arg, pid_t tid)
{
	pid_t *found = arg;

	*found = tid;
}

pid_t find_kernel_thread(const char *name)
{
	pid_t found = 0;

	walk_threads(name, note_thread, &found);
	return found;
}

struct counted {
	char state;
	unsigned int count;
};

static void count_thread(void *arg, pid_t tid)
{
	struct counted *counted = arg;

	counted->count += task_state(tid) == counted->state;
}

unsigned int count_threads(const char *prefix, char state)
{
	struct counted counted = { .state = state };

	walk_threads(prefix, count_thread, &counted);
	return counted.count;
}

bool task_sleeps(pid_t tid)
{
	for (int i = 0; i < PATIENCE_MS / 10; i++) {
		if (task_state(tid) == 'S')
			return true;
		usleep(10000);
	}
	return false;
}
