/* SPDX-License-Identifier: GPL-2.0-only */
/* Threads of this process, of others, and of the kernel, as /proc shows them. */
#ifndef VHOST_BACKEND_LIB_TASK_H
#define VHOST_BACKEND_LIB_TASK_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * The state of a process or thread, as in proc(5): S if it sleeps, D if only a kill wakes
 * it. 0 if there is no such thread.
 */
char task_state(pid_t tid);

/* Sends a signal, or 0, to the threads whose names start with @prefix. Returns their number. */
unsigned int signal_threads(const char *prefix, int signal);

/* A kernel thread of that name, or 0 */
pid_t find_kernel_thread(const char *name);

/* How many kernel threads whose names start with @prefix are in @state, as in proc(5) */
unsigned int count_threads(const char *prefix, char state);

/* Waits until a thread or process sleeps, so that a signal can wake it. Returns whether it does. */
bool task_sleeps(pid_t tid);

#endif /* VHOST_BACKEND_LIB_TASK_H */
