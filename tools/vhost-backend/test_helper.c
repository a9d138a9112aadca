// SPDX-License-Identifier: GPL-2.0-only
/*
 * What test.sh can't do by itself:
 *
 * test_helper nobody COMMAND...	runs COMMAND without privileges
 * test_helper eventfd COMMAND...	runs COMMAND with an eventfd as descriptor
 *					9, which it signals until that has ended
 * test_helper eventfd			the same without COMMAND, until killed;
 *					reads it too, and prints a running sum
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define FD	9
#define NOBODY	65534

static int execute(char **argv)
{
	execvp(argv[0], argv);
	perror(argv[0]);
	return 127;
}

static int signal_while(char **argv)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(execute(argv));
	while (waitpid(pid, &status, WNOHANG) == 0) {
		eventfd_write(FD, 1);
		usleep(10000);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void signal_and_read(void)
{
	uint64_t value, sum = 0;

	for (;;) {
		eventfd_write(FD, 1);
		usleep(10000);
		if (!eventfd_read(FD, &value))
			sum += value;
		printf("%llu\n", (unsigned long long)sum);
		fflush(stdout);
	}
}

int main(int argc, char **argv)
{
	int fd;

	if (argc > 2 && !strcmp(argv[1], "nobody")) {
		if (!setgid(NOBODY) && !setuid(NOBODY))
			return execute(argv + 2);
		perror("setuid");
		return 127;
	}
	fd = eventfd(0, EFD_NONBLOCK);
	if (fd < 0 || dup2(fd, FD) < 0) {
		perror("eventfd");
		return 127;
	}
	close(fd);
	if (argc > 2)
		return signal_while(argv + 2);
	signal_and_read();
	return 0;
}
