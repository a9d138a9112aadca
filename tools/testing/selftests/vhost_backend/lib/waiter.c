// SPDX-License-Identifier: GPL-2.0-only
#include "waiter.h"

#include <string.h>
#include <unistd.h>

#include "channel.h"
#include "task.h"
#include "wait.h"
#include "worker.h"

static void *waiter_run(void *arg)
{
	struct waiter *waiter = arg;

	atomic_store(&waiter->tid, gettid());
	/* At a time-out it would look for room once more: nobody waits that long. */
	if (waiter->for_room)
		waiter->error = try_ioctl(waiter->worker,
					  VHOST_BACKEND_TEST_WAIT_ROOM,
					  (void *)(uintptr_t)(10 * LIMIT_MS));
	else
		waiter->error = worker_send(waiter->worker, &waiter->send);
	atomic_store(&waiter->ended, true);
	return NULL;
}

int waiter_start(struct waiter *waiter, int worker)
{
	waiter->worker = worker;
	return pthread_create(&waiter->thread, NULL, waiter_run, waiter);
}

int unmap_wait_start(struct waiter *waiter, int worker, uint64_t number,
		     unsigned int timeout_ms)
{
	memset(waiter, 0, sizeof(*waiter));
	waiter->unmap = unmap_of(number);
	waiter->send = (struct vhost_backend_test_send){
		.request = VHOST_BACKEND_SHMEM_UNMAP,
		.size = sizeof(waiter->unmap),
		.payload = (uintptr_t)&waiter->unmap, .fd = -1,
		.flags = VHOST_BACKEND_TEST_REPLY, .timeout_ms = timeout_ms,
	};
	return waiter_start(waiter, worker);
}

bool waiter_sleeps(struct waiter *waiter)
{
	return wait_until(task_state(atomic_load(&waiter->tid)) == 'D');
}

int waiter_end(struct waiter *waiter)
{
	if (!wait_until(atomic_load(&waiter->ended)))
		return INT32_MIN;
	pthread_join(waiter->thread, NULL);
	return waiter->error;
}
