// SPDX-License-Identifier: GPL-2.0-only
/*
 * The peer of requests: a unix stream socket between a device in a process and its
 * VMM, as crosvm and rust-vmm use it. A message has a header of 12 bytes; room for
 * descriptors is given wherever a header is read.
 */
#include <sys/socket.h>
#include <sys/wait.h>

#include "bench.h"
#include "lib/channel.h"
#include "lib/file.h"

#define ROUND_TRIPS	100
#define ROUNDS		15

struct header {
	uint32_t request;
	uint32_t flags;
	uint32_t size;
};

/* 44 bytes */
struct request {
	struct header header;
	uint8_t body[32];
};

/* 20 bytes */
struct reply {
	struct header header;
	uint8_t value[8];
};

/* Room for a descriptor */
union control {
	struct cmsghdr header;
	uint8_t bytes[CMSG_SPACE(sizeof(int))];
};

struct pair {
	int device;
	int vmm;
	int file;		/* goes with each request, unless it is -1 */
	int in_two_steps;	/* the header is received first, then the body */
};

static ssize_t send_bytes(int fd, const void *data, size_t bytes, int file)
{
	struct iovec iovec = { .iov_base = (void *)data, .iov_len = bytes };
	struct msghdr msg = { .msg_iov = &iovec, .msg_iovlen = 1 };
	union control control;

	if (file >= 0) {
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(file));
		memcpy(CMSG_DATA(&control.header), &file, sizeof(file));
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
	}
	return sendmsg(fd, &msg, MSG_NOSIGNAL);
}

/* With @file, also what is attached: a descriptor, or -1. */
static ssize_t receive_bytes(int fd, void *data, size_t bytes, int *file)
{
	struct iovec iovec = { .iov_base = data, .iov_len = bytes };
	struct msghdr msg = { .msg_iov = &iovec, .msg_iovlen = 1 };
	union control control;
	ssize_t received;

	if (!file)
		return recvmsg(fd, &msg, 0);
	msg.msg_control = &control;
	msg.msg_controllen = sizeof(control);
	received = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	*file = -1;
	if (received >= 0 && msg.msg_controllen >= CMSG_LEN(sizeof(*file)))
		memcpy(file, CMSG_DATA(&control.header), sizeof(*file));
	return received;
}

static ssize_t receive_request(const struct pair *pair, struct request *request, int *file)
{
	ssize_t header;

	if (!pair->in_two_steps)
		return receive_bytes(pair->vmm, request, sizeof(*request), file);
	header = receive_bytes(pair->vmm, &request->header, sizeof(request->header), file);
	if (header != sizeof(request->header))
		return header;
	return header + receive_bytes(pair->vmm, request->body, request->header.size, NULL);
}

static void pair_open(struct pair *pair)
{
	int fds[2];

	checked("socketpair", socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) ?
		-errno : 0);
	pair->device = fds[0];
	pair->vmm = fds[1];
}

static void pair_close(const struct pair *pair)
{
	close(pair->device);
	close(pair->vmm);
}

static double one_message_once(const void *what)
{
	const struct pair *pair = what;
	const struct request request = { .header = { 1, 1, sizeof(request.body) } };
	struct request got = {};
	uint64_t start = clock_start();
	ssize_t sent = send_bytes(pair->device, &request, sizeof(request), pair->file);
	int file;
	ssize_t received = receive_request(pair, &got, &file);
	double took = clock_since(start);

	check("sendmsg", sent == sizeof(request));
	check("recvmsg", received == sizeof(request));
	check("what recvmsg got", !memcmp(&got, &request, sizeof(request)));
	check("its file", pair->file < 0 ? file == -1 : !close(file));
	return took;
}

/* One at a time: a row of them takes a little more each. */
static double one_message(struct pair pair)
{
	double took;

	pair_open(&pair);
	took = median_of(one_message_once, &pair);
	pair_close(&pair);
	return took;
}

double socket_message(void)
{
	return one_message((struct pair){ .file = -1 });
}

double socket_header_body(void)
{
	return one_message((struct pair){ .file = -1, .in_two_steps = 1 });
}

double socket_with_file(void)
{
	int file = checked("memfd_create", make_file(1));
	double took = one_message((struct pair){ .file = file });

	close(file);
	return took;
}

/* The VMM, a process that sleeps until the device has a request. */
static void answer(const struct pair *pair)
{
	const struct reply reply = { .header = { 1, 5, sizeof(reply.value) } };
	struct request request;
	int file;

	close(pair->device);
	while (receive_request(pair, &request, &file) == sizeof(request))
		if (send_bytes(pair->vmm, &reply, sizeof(reply), -1) != sizeof(reply))
			break;
	_exit(0);
}

/* The device, another process, sleeps until it is answered. */
static double round_trips(const struct pair *pair)
{
	const struct request request = { .header = { 1, 9, sizeof(request.body) } };
	struct reply reply;
	uint64_t start = clock_start();
	int good = 0, file;

	for (int n = 0; n < ROUND_TRIPS; n++) {
		good += send_bytes(pair->device, &request, sizeof(request), -1) ==
			sizeof(request);
		good += receive_bytes(pair->device, &reply, sizeof(reply), &file) ==
			sizeof(reply);
	}
	check("round trips", good == 2 * ROUND_TRIPS);
	return clock_since(start) / ROUND_TRIPS;
}

double socket_round_trip(void)
{
	struct pair pair = { .file = -1, .in_two_steps = 1 };
	double rounds[ROUNDS];
	pid_t vmm;

	pair_open(&pair);
	vmm = fork();
	if (!vmm)
		answer(&pair);
	checked("fork", vmm < 0 ? -errno : vmm);
	for (int n = 0; n < ROUNDS; n++)
		rounds[n] = round_trips(&pair);
	pair_close(&pair);
	waitpid(vmm, NULL, 0);
	return median(rounds, ROUNDS);
}
