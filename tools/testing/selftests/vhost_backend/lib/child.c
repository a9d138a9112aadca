// SPDX-License-Identifier: GPL-2.0-only
#include "child.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "channel.h"
#include "wait.h"

pid_t child_start(void (*fn)(void *arg), void *arg)
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

int child_wait(pid_t pid)
{
	int status;

	for (int i = 0; i < 5; i++)
		if (wait_until(waitpid(pid, &status, WNOHANG) == pid))
			return status;
	return -1;
}

int child_run(void (*fn)(void *arg), void *arg)
{
	pid_t pid = child_start(fn, arg);

	return pid < 0 ? -1 : child_wait(pid);
}

int private_tmp(void)
{
	mkdir("/tmp", 01777);
	if (unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return -1;
	return mount("none", "/tmp", "tmpfs", 0, "mode=0755");
}

int node_for_all(const char *path)
{
	struct stat st;

	if (stat(CHANNEL_PATH, &st) || mknod(path, S_IFCHR, st.st_rdev))
		return -1;
	return chmod(path, 0666);
}
