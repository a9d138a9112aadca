/* SPDX-License-Identifier: GPL-2.0-only */
/* Children of a test, and what only they see. */
#ifndef VHOST_BACKEND_CHILD_H
#define VHOST_BACKEND_CHILD_H

#include <signal.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "interleave.h"

/* For a child, which has no part in the harness: says what is wrong and ends. */
#define child_check(condition)						\
do {									\
	if (!(condition)) {						\
		fprintf(stderr, "# %s:%d: not so: %s (errno %d)\n",	\
			__FILE__, __LINE__, #condition, errno);		\
		_exit(1);						\
	}								\
} while (0)

static inline pid_t child_start(void (*fn)(void *arg), void *arg)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		fn(arg);
		_exit(0);
	}
	return pid;
}

/*
 * The status of a child's end as of waitpid; -1 if it does not end. What it does may
 * take much longer than what happens at once: mostly it is the test's alarm that ends it.
 */
static inline int child_wait(pid_t pid)
{
	int status;

	for (int i = 0; i < 5; i++)
		if (wait_until(waitpid(pid, &status, WNOHANG) == pid))
			return status;
	return -1;
}

static inline int child_run(void (*fn)(void *arg), void *arg)
{
	pid_t pid = child_start(fn, arg);

	return pid < 0 ? -1 : child_wait(pid);
}

/* An empty tmpfs at /tmp that only this process and its children see. */
static inline int private_tmp(void)
{
	mkdir("/tmp", 01777);
	if (unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return -1;
	return mount("none", "/tmp", "tmpfs", 0, "mode=0755");
}

/* There: a node of the channel device that every user may open. */
static inline int node_for_all(const char *path)
{
	struct stat st;

	if (stat(CHANNEL_PATH, &st) || mknod(path, S_IFCHR, st.st_rdev))
		return -1;
	return chmod(path, 0666);
}

#endif /* VHOST_BACKEND_CHILD_H */
