/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Child processes of a test, and files that only they see.
 *
 * child_start() starts one, child_wait() waits for its end, child_run() does both. A child
 * has no part in the harness: it checks with child_check().
 */
#ifndef VHOST_BACKEND_LIB_CHILD_H
#define VHOST_BACKEND_LIB_CHILD_H

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/* For a child: says what is wrong and exits. */
#define child_check(condition)						\
do {									\
	if (!(condition)) {						\
		fprintf(stderr, "# %s:%d: not so: %s (errno %d)\n",	\
			__FILE__, __LINE__, #condition, errno);		\
		_exit(1);						\
	}								\
} while (0)

/* Starts a child that runs @fn and exits. */
pid_t child_start(void (*fn)(void *arg), void *arg);

/*
 * Waits for the end of a child. Returns its status as waitpid() does, or -1 if it does not
 * end. A child may take much longer than other things that a test waits for; usually it is
 * the test's alarm that ends one that hangs.
 */
int child_wait(pid_t pid);

/* Runs @fn in a child. Returns its status. */
int child_run(void (*fn)(void *arg), void *arg);

/* Mounts an empty tmpfs on /tmp that only this process and its children see. */
int private_tmp(void);

/* Makes a node of the channel device, in that /tmp, that every user can open. */
int node_for_all(const char *path);

#endif /* VHOST_BACKEND_LIB_CHILD_H */
