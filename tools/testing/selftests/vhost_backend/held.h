/* SPDX-License-Identifier: GPL-2.0-only */
/* What processes hold of the machine: the kernel's threads and modules. */
#ifndef VHOST_BACKEND_HELD_H
#define VHOST_BACKEND_HELD_H

#include <dirent.h>
#include <signal.h>

#include "util.h"

/* Sends a signal, or 0, to the kernel's threads of a name; how many there are. */
static inline unsigned int signal_threads(const char *prefix, int signal)
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

/* How many of a kernel module's objects are in use; 0 where it is built in. */
static inline long references(const char *module)
{
	char path[64], text[32] = "";
	int fd;

	snprintf(path, sizeof(path), "/sys/module/%s/refcnt", module);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	return atol(text);
}

/* What a VMM holds of the machine. */
static const char *const modules[] = { "vhost_backend", "vhost_net", "tun" };

struct held {
	long references[ARRAY_SIZE(modules)];
	long threads;
};

static inline struct held what_is_held(void)
{
	struct held held = { .threads = signal_threads("vhost-", 0) };

	for (unsigned int i = 0; i < ARRAY_SIZE(modules); i++)
		held.references[i] = references(modules[i]);
	return held;
}

static inline bool holds_no_more(const struct held *before)
{
	struct held now = what_is_held();
	bool more = now.threads > before->threads;

	for (unsigned int i = 0; i < ARRAY_SIZE(modules); i++)
		more |= now.references[i] > before->references[i];
	return !more;
}

#endif /* VHOST_BACKEND_HELD_H */
