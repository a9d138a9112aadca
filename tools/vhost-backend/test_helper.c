// SPDX-License-Identifier: GPL-2.0-only
/*
 * Steps that test.sh can't do by itself:
 *
 * test_helper nobody COMMAND...	runs COMMAND without privileges
 * test_helper eventfd COMMAND...	runs COMMAND with an eventfd as descriptor
 *					9, which it signals until that has ended
 * test_helper net COMMAND...		runs COMMAND with a vhost-net as descriptor 9,
 *					10 is its call eventfd of queue 1, while
 *					the guest sends a frame that it lacks a
 *					translation for
 * test_helper eventfd			the same without COMMAND, until killed;
 *					reads it too, and prints a running sum
 */
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/net_frame.h"
#include "lib/net_queue.h"
#include "lib/vhost_net.h"

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

static int send_frame(char **argv)
{
	uint8_t frame[NET_FRAME_MIN] = {};
	struct vhost_net net;
	int err = net_open_mode(&net, 0, NET_IOTLB);

	if (err) {
		fprintf(stderr, "%s: %s\n", net.failed, strerror(-err));
		return 127;
	}
	net_headers(&net, frame, sizeof(frame));
	net_transmit(&net, frame, sizeof(frame));
	net_kick(&net.queue[NET_TX]);
	if (dup2(net.vhost, FD) < 0 || dup2(net.queue[NET_TX].call, FD + 1) < 0) {
		perror("dup2");
		return 127;
	}
	return execute(argv);
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
	if (argc > 2 && !strcmp(argv[1], "net"))
		return send_frame(argv + 2);
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
