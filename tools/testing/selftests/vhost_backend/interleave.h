/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests with several threads or processes share: readers and raisers
 * as threads, children, runs of the test worker's threads, and the means to tell
 * at the end whether anything was lost.
 */
#ifndef VHOST_BACKEND_INTERLEAVE_H
#define VHOST_BACKEND_INTERLEAVE_H

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/wait.h>
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
	atomic_bool ended;
};

static inline void *waiter_run(void *arg)
{
	struct waiter *waiter = arg;

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

/* Waits for threads that were given a count; what they have done, in *@run. */
static inline bool run_finish(int worker, struct vhost_backend_test_run *run)
{
	if (!wait_until(!run_report(worker).running))
		return false;
	if (try_ioctl(worker, VHOST_BACKEND_TEST_STOP, NULL))
		return false;
	*run = run_report(worker);
	return true;
}

/* Receiving */

typedef void (*message_fn)(void *arg, const struct message *message);

/* Hands each of @bytes of whole messages to @fn; their number or -EPROTO. */
static inline int each_message(const void *buffer, size_t bytes, message_fn fn,
			       void *arg)
{
	struct message message;
	size_t at = 0;
	int count = 0;

	for (; at < bytes; count++) {
		if (bytes - at < sizeof(message.msg))
			return -EPROTO;
		memcpy(&message.msg, (const char *)buffer + at, sizeof(message.msg));
		if (message.msg.size > sizeof(message.bytes) ||
		    message_bytes(&message.msg) > bytes - at)
			return -EPROTO;
		memcpy(&message, (const char *)buffer + at,
		       message_bytes(&message.msg));
		fn(arg, &message);
		at += message_bytes(&message.msg);
	}
	return count;
}

#define READ_MAX	16384

/* One read of at most @bytes; how many messages, or -errno. */
static inline int read_messages(int channel, size_t bytes, int rwf,
				message_fn fn, void *arg)
{
	uint64_t buffer[READ_MAX / sizeof(uint64_t)];
	struct iovec iov = { .iov_base = buffer, .iov_len = bytes };
	ssize_t n = preadv2(channel, &iov, 1, -1, rwf);

	return n < 0 ? -errno : each_message(buffer, n, fn, arg);
}

/* Reads all that is there; how many messages, or -errno. */
static inline int drain(int channel, size_t bytes, message_fn fn, void *arg)
{
	int count = 0;
	int n;

	do {
		n = read_messages(channel, bytes, RWF_NOWAIT, fn, arg);
		count += n > 0 ? n : 0;
	} while (n > 0);
	return n == -EAGAIN ? count : n;
}

/* A reader's callback that drops attached files, for the others to end with. */
static inline void ignore_message(void *arg, const struct message *message)
{
	(void)arg;
	if (message->msg.fd >= 0)
		close(message->msg.fd);
}

/* What was seen, by kind; with @channel, what wants a reply gets @value. */
struct tally {
	int channel;
	int64_t value;
	atomic_ulong calls, errs, configs;
	atomic_ulong sends;
	atomic_ulong requests;
	atomic_ulong replies_refused;
};

static inline void tally_message(void *arg, const struct message *message)
{
	const struct vhost_backend_msg *msg = &message->msg;
	struct tally *tally = arg;

	if (msg->flags & VHOST_BACKEND_MSG_NEED_REPLY) {
		atomic_fetch_add(&tally->requests, 1);
		if (tally->channel > 0 &&
		    channel_reply(tally->channel, msg, tally->value) !=
		    sizeof(struct vhost_backend_reply))
			atomic_fetch_add(&tally->replies_refused, 1);
	} else if (msg->request == VHOST_BACKEND_VRING_CALL) {
		atomic_fetch_add(&tally->calls, 1);
	} else if (msg->request == VHOST_BACKEND_VRING_ERR) {
		atomic_fetch_add(&tally->errs, 1);
	} else if (msg->request == VHOST_BACKEND_CONFIG_CHANGE_MSG) {
		atomic_fetch_add(&tally->configs, 1);
	} else {
		atomic_fetch_add(&tally->sends, 1);
	}
	ignore_message(NULL, message);
}

static inline unsigned long tally_notifications(struct tally *tally)
{
	return tally->calls + tally->errs + tally->configs;
}

/* Whether all that was sent has been delivered, by the channel's own account. */
static inline bool channel_idle(int channel)
{
	struct vhost_backend_stats stats = channel_stats(channel);

	return stats.requests_queued ==
	       stats.requests_delivered + stats.requests_withdrawn &&
	       stats.notifications_raised ==
	       stats.notifications_merged + stats.notifications_delivered;
}

/*
 * Numbers of the messages without reply that were seen of @workers runs, all of
 * whose threads count from 1. A number is seen at most once of each run, and
 * with @ordered, one reader, never before the one that precedes it.
 */
#define SEQUENCE_SENDERS	64
#define SEQUENCE_NUMBERS	16384

struct sequences {
	unsigned int workers;
	bool ordered;
	atomic_ulong seen;
	atomic_ulong wrong;
	atomic_uchar count[SEQUENCE_SENDERS][SEQUENCE_NUMBERS];
};

static inline void sequences_message(struct sequences *sequences,
				     const struct message *message)
{
	uint64_t sender = message->iotlb.iova;
	uint64_t number = message->iotlb.uaddr;
	unsigned int before;

	if (message->msg.request != VHOST_BACKEND_IOTLB_MSG)
		return;
	atomic_fetch_add(&sequences->seen, 1);
	if (sender >= SEQUENCE_SENDERS || !number || number >= SEQUENCE_NUMBERS) {
		atomic_fetch_add(&sequences->wrong, 1);
		return;
	}
	before = atomic_fetch_add(&sequences->count[sender][number], 1);
	if (before >= sequences->workers)
		atomic_fetch_add(&sequences->wrong, 1);
	else if (sequences->ordered && number > 1 &&
		 before >= sequences->count[sender][number - 1])
		atomic_fetch_add(&sequences->wrong, 1);
}

/* At the end: where a number is missing, a later one was seen more often. */
static inline unsigned long sequences_wrong(struct sequences *sequences)
{
	unsigned long wrong = sequences->wrong;

	for (unsigned int s = 0; s < SEQUENCE_SENDERS; s++)
		for (unsigned int n = 2; n < SEQUENCE_NUMBERS; n++)
			wrong += sequences->count[s][n] > sequences->count[s][n - 1];
	return wrong;
}

/* Readers as threads */

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

/* None has a time-out: what does not wake it leaves it asleep. */
struct reader {
	pthread_t thread;
	int channel;
	enum reader_how how;
	size_t bytes;
	message_fn fn;
	void *arg;
	pthread_mutex_t *one_at_a_time;
	atomic_bool stop;
	atomic_bool stopped;
	int error;
};

static inline int reader_epoll(const struct reader *reader)
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

static inline void reader_sleep(const struct reader *reader, int epoll)
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

static inline int reader_read(struct reader *reader)
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

static inline void *reader_run(void *arg)
{
	struct reader *reader = arg;
	int epoll = -1;
	int n;

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

static inline void interrupt(int signal)
{
	(void)signal;
}

static inline int reader_start(struct reader *reader)
{
	struct sigaction action = { .sa_handler = interrupt };

	sigaction(SIGUSR1, &action, NULL);
	return pthread_create(&reader->thread, NULL, reader_run, reader);
}

/* The first error of its reads, other than EAGAIN and EINTR; 0: none. */
static inline int reader_stop(struct reader *reader)
{
	atomic_store(&reader->stop, true);
	while (!atomic_load(&reader->stopped)) {
		pthread_kill(reader->thread, SIGUSR1);
		usleep(1000);
	}
	pthread_join(reader->thread, NULL);
	return reader->error;
}

static inline int readers_stop(struct reader *readers, unsigned int count)
{
	int error = 0;

	for (unsigned int n = 0; n < count; n++)
		error = reader_stop(&readers[n]) ?: error;
	return error;
}

/* Notifications that somebody waits for */

/*
 * What a notification is for: @rung counts what there is to be found, @heard is
 * how much of it was found by those who were told. All is found in the end,
 * unless a notification was lost.
 */
struct bell {
	atomic_ulong rung;
	atomic_ulong heard;
};

static inline void bell_hear(struct bell *bell)
{
	unsigned long rung = atomic_load(&bell->rung);
	unsigned long heard = atomic_load(&bell->heard);

	while (heard < rung &&
	       !atomic_compare_exchange_weak(&bell->heard, &heard, rung))
		;
}

#define BELLS	64

/* A reader's callback: a VRING_CALL is for the bell of its vring. */
static inline void hear_calls(void *arg, const struct message *message)
{
	struct bell *bells = arg;

	if (message->msg.request == VHOST_BACKEND_VRING_CALL)
		bell_hear(&bells[message->state.index % BELLS]);
	ignore_message(NULL, message);
}

/* A thread that rings the bell of one vring, over a worker or an eventfd. */
struct ringer {
	pthread_t thread;
	struct bell *bell;
	int worker;
	int eventfd;		/* instead of the worker, where positive */
	unsigned int index;
	unsigned int rounds;
	uint64_t seed;
	bool failed;
};

static inline bool ringer_raise(struct ringer *ringer)
{
	uint64_t one = 1;

	atomic_fetch_add(&ringer->bell->rung, 1);
	if (ringer->eventfd > 0)
		return write(ringer->eventfd, &one, sizeof(one)) == sizeof(one);
	return !raise_in(ringer->worker, VHOST_BACKEND_VRING_CALL, ringer->index,
			 next_random(&ringer->seed) % 3);
}

static inline void *ringer_run(void *arg)
{
	struct ringer *ringer = arg;
	struct bell *bell = ringer->bell;

	for (unsigned int n = 1; n <= ringer->rounds && !ringer->failed; n++) {
		pace(&ringer->seed);
		ringer->failed = !ringer_raise(ringer);
		/* Not always: what is raised again must not be lost either. */
		if (n == ringer->rounds || next_random(&ringer->seed) % 4)
			ringer->failed |= !wait_until(bell->heard >= bell->rung);
	}
	return NULL;
}

/* How many of the @count ringers rang in vain, or could not ring at all. */
static inline unsigned int ring_all(struct ringer *ringers, unsigned int count)
{
	unsigned int failed = 0;

	for (unsigned int n = 0; n < count; n++)
		if (pthread_create(&ringers[n].thread, NULL, ringer_run, &ringers[n]))
			return count;
	for (unsigned int n = 0; n < count; n++) {
		pthread_join(ringers[n].thread, NULL);
		failed += ringers[n].failed;
	}
	return failed;
}

/* Two channels that wake each other */

/*
 * Each channel is watched by something that signals @eventfd, which is bound to
 * the other: what wakes one raises in the other, and so on for ever. Two threads
 * at it, each on its own channel, must not meet in a deadlock.
 */
struct crossed {
	pthread_t thread;
	struct pair pair;
	int eventfd;
	struct tally tally;
	uint64_t seed, until;
	int error;
	/* Waits a little for the watcher and has it watch on. */
	void (*rewatch)(struct crossed *crossed);
	void *watcher;
};

#define CROSSED_INDEX	9

static inline int bind_eventfd(int channel, uint32_t source, uint32_t index,
			       int eventfd, uint32_t flags)
{
	struct vhost_backend_bind bind = {
		.source = source, .index = index, .fd = eventfd, .flags = flags,
	};

	return try_ioctl(channel, VHOST_BACKEND_BIND, &bind);
}

static inline int crossed_open(struct crossed crossed[2], uint64_t seed)
{
	int err = 0;

	for (unsigned int n = 0; n < 2; n++) {
		crossed[n].seed = seed + n;
		crossed[n].eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		err = err ?: pair_open(&crossed[n].pair, 0,
				       (struct vhost_backend_setup){});
	}
	for (unsigned int n = 0; n < 2; n++)
		err = err ?: bind_eventfd(crossed[n].pair.channel,
					  VHOST_BACKEND_BIND_VRING_CALL,
					  CROSSED_INDEX, crossed[!n].eventfd, 0);
	return err;
}

static inline void *crossed_run(void *arg)
{
	struct crossed *crossed = arg;
	uint64_t one = 1;
	int n;

	while (now_ms() < crossed->until && !crossed->error) {
		if (next_random(&crossed->seed) % 4)
			n = raise_in(crossed->pair.worker, VHOST_BACKEND_VRING_CALL,
				     0, next_random(&crossed->seed) % 3);
		else
			n = write(crossed->eventfd, &one, sizeof(one)) < 0 ? -errno : 0;
		pace(&crossed->seed);
		crossed->rewatch(crossed);
		if (!n)
			n = drain(crossed->pair.channel, READ_MAX, tally_message,
				  &crossed->tally);
		crossed->error = n < 0 ? n : 0;
	}
	return NULL;
}

/* Both threads for @ms; the first error of either. */
static inline int crossed_run_both(struct crossed crossed[2], unsigned int ms)
{
	for (unsigned int n = 0; n < 2; n++) {
		crossed[n].until = now_ms() + ms;
		if (pthread_create(&crossed[n].thread, NULL, crossed_run, &crossed[n]))
			return -EAGAIN;
	}
	pthread_join(crossed[0].thread, NULL);
	pthread_join(crossed[1].thread, NULL);
	return crossed[0].error ?: crossed[1].error;
}

static inline void crossed_close(struct crossed crossed[2])
{
	for (unsigned int n = 0; n < 2; n++) {
		pair_close(&crossed[n].pair);
		close(crossed[n].eventfd);
	}
}

/* Children */

/* For a child, which has no part in the harness: says what is wrong and ends. */
#define child_check(condition)						\
do {									\
	if (!(condition)) {						\
		fprintf(stderr, "# %s:%d: not so: %s (errno %d)\n",	\
			__FILE__, __LINE__, #condition, errno);		\
		_exit(1);						\
	}								\
} while (0)

static inline pid_t child_start(void (*fn)(void *arg), void *arg)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		fn(arg);
		_exit(0);
	}
	return pid;
}

/* The status of a child's end as of waitpid; -1 if it does not end. */
static inline int child_wait(pid_t pid)
{
	int status;

	return wait_until(waitpid(pid, &status, WNOHANG) == pid) ? status : -1;
}

static inline int child_run(void (*fn)(void *arg), void *arg)
{
	pid_t pid = child_start(fn, arg);

	return pid < 0 ? -1 : child_wait(pid);
}

/* An empty tmpfs at /tmp that only this process and its children see. */
static inline int private_tmp(void)
{
	mkdir("/tmp", 01777);
	if (unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return -1;
	return mount("none", "/tmp", "tmpfs", 0, "mode=0755");
}

/* There: a node of the channel device that every user may open. */
static inline int node_for_all(const char *path)
{
	struct stat st;

	if (stat(CHANNEL_PATH, &st) || mknod(path, S_IFCHR, st.st_rdev))
		return -1;
	return chmod(path, 0666);
}

#endif /* VHOST_BACKEND_INTERLEAVE_H */
