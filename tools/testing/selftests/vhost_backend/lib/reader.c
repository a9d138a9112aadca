// SPDX-License-Identifier: GPL-2.0-only
#include "reader.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/uio.h>
#include <unistd.h>

#include "task.h"
#include "wait.h"

int read_messages(int channel, size_t bytes, int rwf, message_fn fn, void *arg)
{
	uint64_t buffer[READ_MAX / sizeof(uint64_t)];
	struct iovec iov = { .iov_base = buffer, .iov_len = bytes };
	ssize_t n = preadv2(channel, &iov, 1, -1, rwf);

	return n < 0 ? -errno : each_message(buffer, n, fn, arg);
}

int drain(int channel, size_t bytes, message_fn fn, void *arg)
{
	int count = 0;
	int n;

	do {
		n = read_messages(channel, bytes, RWF_NOWAIT, fn, arg);
		count += n > 0 ? n : 0;
	} while (n > 0);
	return n == -EAGAIN ? count : n;
}

static int reader_epoll(const struct reader *reader)
{
	struct epoll_event event = { .events = EPOLLIN };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (reader->how == READER_EDGE)
		event.events |= EPOLLET;
	if (reader->how == READER_EXCLUSIVE)
		event.events |= EPOLLEXCLUSIVE;
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, reader->channel, &event))
		perror("EPOLL_CTL_ADD");
	return epoll;
}

static void reader_sleep(const struct reader *reader, int epoll)
{
	struct pollfd p = { .fd = reader->channel, .events = POLLIN };
	struct epoll_event event;
	fd_set set;

	switch (reader->how) {
	case READER_BLOCKING:
	case READER_BUSY:
		break;
	case READER_POLL:
		poll(&p, 1, -1);
		break;
	case READER_SELECT:
		FD_ZERO(&set);
		FD_SET(reader->channel, &set);
		select(reader->channel + 1, &set, NULL, NULL, NULL);
		break;
	default:
		epoll_wait(epoll, &event, 1, -1);
		break;
	}
}

static int reader_read(struct reader *reader)
{
	int n;

	if (reader->one_at_a_time)
		pthread_mutex_lock(reader->one_at_a_time);
	n = read_messages(reader->channel, reader->bytes,
			  reader->how == READER_BLOCKING ? 0 : RWF_NOWAIT,
			  reader->fn, reader->arg);
	if (reader->one_at_a_time)
		pthread_mutex_unlock(reader->one_at_a_time);
	return n;
}

static void *reader_run(void *arg)
{
	struct reader *reader = arg;
	int epoll = -1;
	int n;

	atomic_store(&reader->tid, gettid());
	if (reader->how >= READER_LEVEL && reader->how <= READER_EDGE)
		epoll = reader_epoll(reader);
	while (!atomic_load(&reader->stop) && !reader->error) {
		reader_sleep(reader, epoll);
		do {
			n = reader_read(reader);
		} while (n > 0 && reader->how == READER_EDGE);
		if (n < 0 && n != -EAGAIN && n != -EINTR)
			reader->error = n;
	}
	if (epoll >= 0)
		close(epoll);
	atomic_store(&reader->stopped, true);
	return NULL;
}

static void interrupt(int signal)
{
	(void)signal;
}

int reader_start(struct reader *reader)
{
	struct sigaction action = { .sa_handler = interrupt };

	sigaction(SIGUSR1, &action, NULL);
	return pthread_create(&reader->thread, NULL, reader_run, reader);
}

bool reader_sleeps(struct reader *reader)
{
	return wait_until(atomic_load(&reader->tid)) && task_sleeps(atomic_load(&reader->tid));
}

int reader_stop(struct reader *reader)
{
	atomic_store(&reader->stop, true);
	while (!atomic_load(&reader->stopped)) {
		pthread_kill(reader->thread, SIGUSR1);
		usleep(1000);
	}
	pthread_join(reader->thread, NULL);
	return reader->error;
}

int readers_stop(struct reader *readers, unsigned int count)
{
	int error = 0;

	for (unsigned int n = 0; n < count; n++)
		error = reader_stop(&readers[n]) ?: error;
	return error;
}
