/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A thread that sleeps in the kernel until its request is answered, or until there is room.
 *
 * unmap_wait_start() starts one, waiter_sleeps() checks that it sleeps, waiter_end() tells
 * what it returned.
 */
#ifndef VHOST_BACKEND_LIB_WAITER_H
#define VHOST_BACKEND_LIB_WAITER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <linux/vhost_backend.h>
#include <linux/vhost_backend_test.h>

/* A thread that waits for the reply to a request, or with @for_room for room in the channel. */
struct waiter {
	pthread_t thread;
	int worker;
	bool for_room;
	struct vhost_backend_shmem_unmap unmap;
	struct vhost_backend_test_send send;
	int error;
	atomic_int tid;		/* once it runs */
	atomic_bool ended;
};

/* Starts the thread, which sends waiter->send. */
int waiter_start(struct waiter *waiter, int worker);

/* vhost_backend_request() of SHMEM_UNMAP @number in a thread of its own. */
int unmap_wait_start(struct waiter *waiter, int worker, uint64_t number,
		     unsigned int timeout_ms);

/* Whether the thread sleeps in the module. Waits for it. */
bool waiter_sleeps(struct waiter *waiter);

/* What the kernel API returned to the thread. INT32_MIN if it did not return. */
int waiter_end(struct waiter *waiter);

#endif /* VHOST_BACKEND_LIB_WAITER_H */
