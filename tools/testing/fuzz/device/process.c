// SPDX-License-Identifier: GPL-2.0-only
/* Operations on processes, and on what the calling thread may do. */
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "operation.h"

/* What the new process does with the channel or the worker that it got. */
static void live(struct thread *thread, uint64_t what)
{
	struct vhost_backend_test_send send = {
		.request = VHOST_BACKEND_SHMEM_MAP, .size = 32, .fd = VHOST_BACKEND_TEST_OWN_FILE,
		.payload = (uintptr_t)&(struct vhost_backend_shmem_map){ .flags = 1, .len = PAGE },
		.flags = VHOST_BACKEND_TEST_REPLY,
	};

	switch (what % 4) {
	case 0:
		break;
	case 1:
		while (read(world_get(thread->world, CHANNEL, 0), thread->pages, PAGE) > 0)
			;
		break;
	case 2:
		ioctl(world_get(thread->world, WORKER, 0), VHOST_BACKEND_TEST_SEND, &send);
		break;
	default:
		_exit(0);
	}
	for (;;)
		pause();
}

/* Its parent ends all of its group. */
void process_do_fork(struct thread *thread, const uint64_t *args)
{
	pid_t child = fork();

	if (!child)
		live(thread, args[1]);
	if (child > 0)
		thread->world->process[args[0] % SLOTS] = child;
}

void process_do_kill(struct thread *thread, const uint64_t *args)
{
	pid_t child = thread->world->process[args[0] % SLOTS];

	if (child > 0)
		kill(child, args[1] % 3 ? SIGSTOP : SIGKILL);
}

/* Of this thread alone, which the C library's seteuid() is not. */
void process_do_user(struct thread *thread, const uint64_t *args)
{
	syscall(SYS_setresuid, -1, args[0] ? 65534 : 0, -1);
}

void process_do_limit(struct thread *thread, const uint64_t *args)
{
	struct rlimit limit = { args[0] % 1024, 1024 };

	setrlimit(RLIMIT_NOFILE, &limit);
}

static void fail_nth(unsigned int n)
{
	int fd = open("/proc/thread-self/fail-nth", O_WRONLY | O_CLOEXEC);
	char text[16];

	if (fd < 0)
		return;
	snprintf(text, sizeof(text), "%u", n);
	if (write(fd, text, strlen(text)) < 0)
		errno = 0;
	close(fd);
}

/* The n-th allocation or copy of the next call fails. */
void process_do_fail(struct thread *thread, const uint64_t *args)
{
	thread->fails = true;
	fail_nth(args[0] % 64);
}

void process_end_failures(struct thread *thread, operation_run *after)
{
	if (!thread->fails || after == process_do_fail)
		return;
	thread->fails = false;
	fail_nth(0);
}

void process_do_pause(struct thread *thread, const uint64_t *args)
{
	usleep(args[0] % 10000);
}
