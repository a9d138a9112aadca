/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Readers of a channel. drain() reads all that is there; reader_start() starts a thread that
 * sleeps in read, poll, select or epoll until something comes, reader_sleeps() checks that
 * it does.
 */
#ifndef VHOST_BACKEND_LIB_READER_H
#define VHOST_BACKEND_LIB_READER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "message.h"

/* The most that one read takes */
#define READ_MAX	16384

/* Reads once, at most @bytes. Returns the number of messages, or -errno. */
int read_messages(int channel, size_t bytes, int rwf, message_fn fn, void *arg);

/* Reads all that is there. Returns the number of messages, or -errno. */
int drain(int channel, size_t bytes, message_fn fn, void *arg);

/* How a reader waits */
enum reader_how {
	READER_BLOCKING,	/* sleeps in read */
	READER_POLL,
	READER_SELECT,
	READER_LEVEL,		/* epoll */
	READER_EXCLUSIVE,	/* epoll, EPOLLEXCLUSIVE */
	READER_EDGE,		/* epoll, reads until EAGAIN */
	READER_HOWS,
	READER_BUSY = READER_HOWS,	/* never sleeps */
};

/* A thread that reads. It has no time-out: a reader that nothing wakes sleeps for ever. */
struct reader {
	pthread_t thread;
	int channel;
	enum reader_how how;
	size_t bytes;
	message_fn fn;
	void *arg;
	pthread_mutex_t *one_at_a_time;
	atomic_int tid;		/* once it runs */
	atomic_bool stop;
	atomic_bool stopped;
	int error;
};

/* Starts a reader that the test has filled in. */
int reader_start(struct reader *reader);

/* Waits until the reader sleeps. Returns whether it does. */
bool reader_sleeps(struct reader *reader);

/* Stops a reader. Returns the first error of its reads other than EAGAIN and EINTR, or 0. */
int reader_stop(struct reader *reader);

/* Stops @count readers. Returns an error of one of them, or 0. */
int readers_stop(struct reader *readers, unsigned int count);

#endif /* VHOST_BACKEND_LIB_READER_H */
