/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests with several threads or processes share: waiting, choices at random,
 * a channel with its worker, and what that sends, threads of its own included.
 */
#ifndef VHOST_BACKEND_INTERLEAVE_H
#define VHOST_BACKEND_INTERLEAVE_H

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/file.h>
#include <sys/random.h>
#include <time.h>

#include <linux/vhost_types.h>

#include "util.h"

/* How long to wait for what must happen: an emulated machine may be slow. */
#define LIMIT_MS	20000

static inline uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ULL + t.tv_nsec / 1000000;
}

/* Lets others run, first often, then rarely. */
static inline void rest(unsigned int tries)
{
	if (tries < 50)
		sched_yield();
	else
		usleep(500);
}

/* Whether @condition came to hold. */
#define wait_until(condition)						\
({									\
	uint64_t limit = now_ms() + LIMIT_MS;				\
	unsigned int tries = 0;						\
	bool held;							\
									\
	while (!(held = (condition)) && now_ms() < limit)		\
		rest(tries++);						\
	held;								\
})

/* Random choices */

/* A run with the same VHOST_BACKEND_SEED makes the same choices. */
static inline uint64_t new_seed(const char *test)
{
	const char *given = getenv("VHOST_BACKEND_SEED");
	uint32_t seed = 1;

	if (given)
		seed = strtoul(given, NULL, 0);
	else if (getrandom(&seed, sizeof(seed), 0) < 0)
		seed = time(NULL);
	printf("# %s: VHOST_BACKEND_SEED=%u\n", test, seed);
	fflush(stdout);
	return seed;
}

/* splitmix64 */
static inline uint32_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return (z ^ (z >> 31)) >> 16;
}

/* A pause that is often none, to meet others at every point of what they do. */
static inline void pace(uint64_t *state)
{
	uint32_t choice = next_random(state);

	switch (choice % 8) {
	case 0:
		usleep(choice / 8 % 300);
		break;
	case 1:
	case 2:
		sched_yield();
		break;
	case 3:
	case 4:
		for (unsigned int n = choice / 8 % 2000; n; n--)
			atomic_signal_fence(memory_order_seq_cst);
		break;
	}
}

/* Sending */

struct pair {
	int channel;
	int worker;
};

/* A READY channel with one worker that has all its vrings; 0 or an errno. */
static inline int pair_open(struct pair *pair, int flags,
			    struct vhost_backend_setup setup)
{
	pair->worker = -1;
	pair->channel = channel_open_with(flags, setup);
	if (pair->channel < 0)
		return pair->channel;
	pair->worker = worker_attach(pair->channel, "worker", 0,
				     setup.nr_vrings ?: 256);
	return pair->worker < 0 ? pair->worker : 0;
}

static inline void pair_close(struct pair *pair)
{
	if (pair->worker >= 0)
		close(pair->worker);
	if (pair->channel >= 0)
		close(pair->channel);
}

static inline int raise_in(int worker, uint32_t request, uint32_t index,
			   uint32_t context)
{
	struct vhost_backend_vring_state state = { .index = index };
	struct vhost_backend_test_send send = {
		.request = request,
		.size = request == VHOST_BACKEND_CONFIG_CHANGE_MSG ? 0 : sizeof(state),
		.payload = (uintptr_t)&state,
		.fd = -1,
		.context = context,
	};

	return worker_send(worker, &send);
}

static inline int raise_err(int worker, uint32_t index)
{
	return raise_in(worker, VHOST_BACKEND_VRING_ERR, index,
			VHOST_BACKEND_TEST_PROCESS);
}

static inline int raise_config(int worker)
{
	return raise_in(worker, VHOST_BACKEND_CONFIG_CHANGE_MSG, 0,
			VHOST_BACKEND_TEST_PROCESS);
}

/* An IOTLB_MSG without reply, marked as the test worker's threads mark theirs. */
static inline int send_iotlb(int worker, uint64_t sender, uint64_t number)
{
	struct vhost_backend_iotlb iotlb = {
		.iova = sender, .uaddr = number,
		.perm = VHOST_ACCESS_RO, .type = VHOST_IOTLB_MISS,
	};

	return send_plain(worker, VHOST_BACKEND_IOTLB_MSG, &iotlb,
			  sizeof(iotlb), -1);
}

/* Bytes that such a message takes. */
#define IOTLB_BYTES	(sizeof(struct vhost_backend_msg) + \
			 sizeof(struct vhost_backend_iotlb))

static inline struct vhost_backend_shmem_unmap unmap_of(uint64_t number)
{
	return (struct vhost_backend_shmem_unmap){
		.shm_offset = number * PAGE, .len = PAGE,
	};
}

/* A SHMEM_UNMAP that nobody waits for. */
static inline int unmap_async(int worker, uint64_t number,
			      unsigned int timeout_ms, uint64_t *cookie)
{
	struct vhost_backend_shmem_unmap unmap = unmap_of(number);
	struct vhost_backend_test_send send = {
		.request = VHOST_BACKEND_SHMEM_UNMAP, .size = sizeof(unmap),
		.payload = (uintptr_t)&unmap, .fd = -1, .timeout_ms = timeout_ms,
		.flags = VHOST_BACKEND_TEST_REPLY | VHOST_BACKEND_TEST_ASYNC,
	};
	int err = worker_send(worker, &send);

	*cookie = send.cookie;
	return err;
}

#define UNMAP_BYTES	(sizeof(struct vhost_backend_msg) + \
			 sizeof(struct vhost_backend_shmem_unmap))

/* The error an asynchronous request ended with; INT_MIN if it did not, once. */
static inline int async_error(int worker, uint64_t cookie)
{
	struct vhost_backend_test_result result;

	if (worker_result(worker, cookie, LIMIT_MS, &result))
		return INT32_MIN;
	if (result.fd >= 0)
		close(result.fd);
	return result.count == 1 ? result.error : INT32_MIN;
}

/*
 * A file of one page that is locked, and in *@watch a descriptor of it that
 * is not: as long as anybody holds the file, it stays locked.
 */
static inline int make_locked_file(int *watch)
{
	int file = make_file(1);
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	*watch = open(path, O_RDWR | O_CLOEXEC);
	if (*watch < 0 || flock(file, LOCK_EX))
		return -1;
	return file;
}

static inline bool file_is_held(int watch)
{
	if (flock(watch, LOCK_EX | LOCK_NB))
		return true;
	flock(watch, LOCK_UN);
	return false;
}

/* A SHMEM_MAP of @file that nobody waits for. */
static inline int map_async(int worker, uint64_t number, int file,
			    uint64_t *cookie)
{
	struct vhost_backend_shmem_map map = {
		.flags = VHOST_BACKEND_MAP_R, .shm_offset = number * PAGE, .len = PAGE,
	};

	return send_async(worker, VHOST_BACKEND_SHMEM_MAP, &map, sizeof(map), file,
			  cookie);
}

/* A request that a thread waits for, or that thread's wait for room. */
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

static inline void *waiter_run(void *arg)
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

static inline int waiter_start(struct waiter *waiter, int worker)
{
	waiter->worker = worker;
	return pthread_create(&waiter->thread, NULL, waiter_run, waiter);
}

/* vhost_backend_request() of SHMEM_UNMAP @number in a thread of its own. */
static inline int unmap_wait_start(struct waiter *waiter, int worker,
				   uint64_t number, unsigned int timeout_ms)
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

/* Whether it has got to where it waits, in the module. */
static inline bool waiter_sleeps(struct waiter *waiter)
{
	return wait_until(task_state(atomic_load(&waiter->tid)) == 'D');
}

/* What the kernel API returned; INT_MIN if it does not return. */
static inline int waiter_end(struct waiter *waiter)
{
	if (!wait_until(atomic_load(&waiter->ended)))
		return INT32_MIN;
	pthread_join(waiter->thread, NULL);
	return waiter->error;
}

/* The test worker's own threads */

static inline int run_start(int worker, struct vhost_backend_test_run run)
{
	return try_ioctl(worker, VHOST_BACKEND_TEST_RUN, &run);
}

static inline struct vhost_backend_test_run run_report(int worker)
{
	struct vhost_backend_test_run run = { .running = ~0U };

	if (ioctl(worker, VHOST_BACKEND_TEST_REPORT, &run))
		perror("VHOST_BACKEND_TEST_REPORT");
	return run;
}

static inline uint64_t run_total(const struct vhost_backend_test_run *run)
{
	return run->calls + run->errs + run->configs + run->sends + run->requests +
	       run->refused;
}

/*
 * Waits for threads that were given a count, for as long as they get on; what they
 * have done, in *@run.
 */
static inline bool run_finish(int worker, struct vhost_backend_test_run *run)
{
	bool gets_on = true;

	for (*run = run_report(worker); gets_on && run->running; ) {
		uint64_t before = run_total(run);

		gets_on = wait_until((*run = run_report(worker), !run->running ||
				      run_total(run) != before));
	}
	if (!gets_on)
		return false;
	if (try_ioctl(worker, VHOST_BACKEND_TEST_STOP, NULL))
		return false;
	*run = run_report(worker);
	return true;
}

#endif /* VHOST_BACKEND_INTERLEAVE_H */
