/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The frontend of one or two vhost-shmem devices on one channel: maps what it is told to into
 * their regions, and answers. A test runs it by hand, or starts a thread that does.
 */
#ifndef VHOST_BACKEND_LIB_VHOST_SHMEM_FRONTEND_H
#define VHOST_BACKEND_LIB_VHOST_SHMEM_FRONTEND_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "message.h"
#include "vhost_shmem.h"

#define FRONTEND_PENDING	512
#define FRONTEND_DEVICES	32

/* A frontend, which a thread runs, or a test by hand: see frontend_start(). */
struct frontend {
	int channel;
	struct shmem *devices[FRONTEND_DEVICES];
	struct message pending[FRONTEND_PENDING];
	unsigned int nr_pending;

	/* How it answers when a thread runs it */
	unsigned int refuse_percent;
	unsigned int slow_us;
	bool shuffle;
	uint64_t seed;

	/* Messages that no worker should have sent */
	atomic_uint wrong;
	atomic_uint maps, unmaps, refused, calls, errs;
	atomic_bool stop;
	pthread_t thread;
};

/* Where a request is to be mapped, in either form that it can have */
struct place {
	struct shmem *shmem;
	uint64_t offset;
	uint64_t len;
	uint64_t fd_offset;
	bool map;
	bool writable;
};

/* Handles a request and answers it. If @value is not 0, only answers. */
void frontend_answer(struct frontend *frontend, unsigned int index, int64_t value);

/* Reads what is there. Returns the number of messages, or -errno. */
int frontend_take(struct frontend *frontend);

/* Reads until @count requests are there. */
bool frontend_await(struct frontend *frontend, unsigned int count);

/* The function of that thread */
void *frontend_run(void *arg);

/* Starts a thread that runs the frontend. */
int frontend_start(struct frontend *frontend);

/* Stops it: the test runs the frontend by hand again. */
void frontend_end(struct frontend *frontend);

/* Adds a device to a frontend, which the test runs by hand at first. */
void frontend_add(struct frontend *frontend, unsigned int n, struct shmem *shmem);

/* Forgets what is mapped into the region, as a VMM does when the device is reset. */
int frontend_drop_all(struct shmem *shmem);

#endif /* VHOST_BACKEND_LIB_VHOST_SHMEM_FRONTEND_H */
