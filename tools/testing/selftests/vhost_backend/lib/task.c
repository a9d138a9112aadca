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

unsigned int signal_threads(const char *prefix, int signal)
{
	DIR *dir = opendir("/proc");
	unsigned int count = 0;
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char path[300], name[32] = "";
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		file = fopen(path, "r");
		if (!file)
			continue;
		if (fgets(name, sizeof(name), file) && !strncmp(name, prefix, strlen(prefix)))
			count += !kill(atoi(entry->d_name), signal);
		fclose(file);
	}
	if (dir)
		closedir(dir);
	return count;
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
