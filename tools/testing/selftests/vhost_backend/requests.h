/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The requests of the vhost backend channel as a table, and both ends of a
 * channel to send them through. A new request is one row of request_kinds.
 *
 * Included before anything else: the harness defines _GNU_SOURCE.
 */
#ifndef VHOST_BACKEND_REQUESTS_H
#define VHOST_BACKEND_REQUESTS_H

/* The harness has parameters that it does not use. */
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "../kselftest_harness.h"

#include <dirent.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <linux/vhost_types.h>

#include "util.h"

/* For what is certain to come; guests that emulate their CPU are slow. */
#define PATIENCE_MS	60000

/* The backend of most tests: its vring i is the channel's VRING_BASE + i. */
#define VRING_BASE	3
#define NR_VRINGS	5

enum reply_policy {
	REPLY_NOTIFICATION,	/* a bit, unless a reply is asked for */
	REPLY_IF_ASKED,
	REPLY_ALWAYS,
};

/**
 * struct request_kind - what a test has to know of a request
 * @name: for people
 * @request: number as the worker sends it
 * @size: bytes of payload
 * @reply: whether the frontend has to answer
 * @file: must carry one
 * @sample: a payload that is accepted
 */
struct request_kind {
	const char *name;
	__u32 request;
	__u32 size;
	enum reply_policy reply;
	bool file;
	struct message sample;
};

#define KIND(name_, size_, reply_, file_, ...) { \
	.name = #name_, .request = VHOST_BACKEND_##name_, .size = size_, \
	.reply = REPLY_##reply_, .file = file_, .sample = { __VA_ARGS__ }, \
}

static const struct request_kind request_kinds[] = {
	KIND(IOTLB_MSG, 32, IF_ASKED, false,
	     .iotlb = { .iova = 0x123456789000, .size = 0x2000,
			.uaddr = 0x7f0123456000, .perm = VHOST_ACCESS_RW,
			.type = VHOST_IOTLB_MISS }),
	KIND(IOTLB_MSG, 32, IF_ASKED, false,
	     .iotlb = { .iova = ~0ULL, .perm = VHOST_ACCESS_WO,
			.type = VHOST_IOTLB_ACCESS_FAIL }),
	KIND(CONFIG_CHANGE_MSG, 0, NOTIFICATION, false),
	KIND(VRING_HOST_NOTIFIER_MSG, 24, IF_ASKED, true,
	     .area = { .vring = 4, .size = PAGE, .offset = 0x3000 }),
	KIND(VRING_HOST_NOTIFIER_MSG, 24, IF_ASKED, false,
	     .area = { .vring = VHOST_BACKEND_VRING_NOFD | 1, .size = PAGE }),
	KIND(VRING_CALL, 8, NOTIFICATION, false, .state = { .index = 2 }),
	KIND(VRING_ERR, 8, NOTIFICATION, false, .state = { .index = 0 }),
	KIND(SHARED_OBJECT_ADD, 16, IF_ASKED, false,
	     .object = { "\x01\x23\x45\x67\x89\xab\xcd\xef" }),
	KIND(SHARED_OBJECT_REMOVE, 16, IF_ASKED, false,
	     .object = { "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01" }),
	KIND(SHARED_OBJECT_LOOKUP, 16, ALWAYS, false,
	     .object = { "\xff\xff\xff\xff\xff\xff\xff\xff"
			 "\xff\xff\xff\xff\xff\xff\xff\xfe" }),
	KIND(SHMEM_MAP, 32, ALWAYS, true,
	     .map = { .flags = VHOST_BACKEND_MAP_R, .shmid = 7,
		      .shm_offset = 0x10000, .fd_offset = 0x2000,
		      .len = 0x1000 }),
	KIND(SHMEM_MAP, 32, ALWAYS, true,
	     .map = { .flags = VHOST_BACKEND_MAP_R | VHOST_BACKEND_MAP_W,
		      .shmid = 255, .shm_offset = 0x7ffffffff000,
		      .fd_offset = 0, .len = 0x100000 }),
	KIND(SHMEM_UNMAP, 24, ALWAYS, false,
	     .unmap = { .shmid = 7, .shm_offset = 0x10000, .len = 0x1000 }),
	KIND(DEPRECATED_FS_MAP, 256, ALWAYS, true,
	     .fs = { .fd_offset = { 0x1000, 0x2000, 0, 0, 0, 0, 0, 0x7000 },
		     .c_offset = { 0, 0x4000, 0, 0, 0, 0, 0, 0x9000 },
		     .len = { 0x1000, 0x3000, 0, 0, 0, 0, 0, 0x5000 },
		     .flags = { VHOST_BACKEND_MAP_R,
				VHOST_BACKEND_MAP_R | VHOST_BACKEND_MAP_W,
				0, 0, 0, 0, 0, VHOST_BACKEND_MAP_R } }),
	KIND(DEPRECATED_FS_UNMAP, 256, ALWAYS, false,
	     .fs = { .c_offset = { 0x4000, 0x8000 },
		     .len = { 0x1000, 0x2000 } }),
	KIND(DEPRECATED_FS_SYNC, 256, ALWAYS, false,
	     .fs = { .c_offset = { [5] = 0x4000 }, .len = { [5] = 0x1000 } }),
	KIND(DEPRECATED_FS_IO, 256, ALWAYS, true,
	     .fs = { .fd_offset = { 0x123 }, .c_offset = { 0x80000456 },
		     .len = { 0x789 }, .flags = { VHOST_BACKEND_MAP_R } }),
	KIND(GPU_MAP, 64, ALWAYS, true,
	     .gpu = { .shmid = 1, .shm_offset = 0x5000, .len = 0x2000,
		      .memory_idx = 0x11223344, .handle_type = 0x55667788,
		      .device_uuid = "\x10\x32\x54\x76\x98\xba\xdc\xfe",
		      .driver_uuid = "\x01\x02\x03\x04\x05\x06\x07\x08" }),
	KIND(EXTERNAL_MAP, 32, ALWAYS, false,
	     .external = { .shmid = 0, .shm_offset = 0x8000, .len = 0x3000,
			   .ptr = 0x10000 }),
};

/* For vhost_backend_setup.requests */
#define BIT_OF(name)	(1ULL << VHOST_BACKEND_BIT(VHOST_BACKEND_##name))
#define EVERYTHING	(VHOST_BACKEND_REQUESTS_ALL | \
			 VHOST_BACKEND_REQUESTS_SHARED_OBJECT)

#define for_each_kind(kind) \
	for ((kind) = request_kinds; \
	     (kind) < request_kinds + ARRAY_SIZE(request_kinds); (kind)++)

/* The first row of a request that is in the table. */
static inline const struct request_kind *find_kind(uint32_t request)
{
	const struct request_kind *kind;

	for_each_kind(kind) {
		if (kind->request == request)
			return kind;
	}
	fprintf(stderr, "no such request: %u\n", request);
	abort();
}

static inline bool kind_has_vring(const struct request_kind *kind)
{
	return kind->request == VHOST_BACKEND_VRING_CALL ||
	       kind->request == VHOST_BACKEND_VRING_ERR ||
	       kind->request == VHOST_BACKEND_VRING_HOST_NOTIFIER_MSG;
}

/**
 * struct ends - both ends of a channel
 * @channel: the frontend's
 * @worker: the backend's, see VRING_BASE
 * @file: to attach
 * @context: where the worker sends from, VHOST_BACKEND_TEST_*
 * @synchronous: vhost_backend_request(), not vhost_backend_request_async()
 */
struct ends {
	int channel;
	int worker;
	int file;
	unsigned int context;
	bool synchronous;
};

#define FILE_PAGES	16
#define FILE_TEXT	"the file that the test attaches"

/* Returns 0 or -errno. Takes the defaults of util.h where @setup has zeroes. */
static inline int ends_open(struct ends *ends, int flags,
			    struct vhost_backend_setup setup)
{
	ends->channel = channel_open_with(flags, setup);
	if (ends->channel < 0)
		return ends->channel;
	ends->worker = worker_attach(ends->channel, "test", VRING_BASE,
				     NR_VRINGS);
	if (ends->worker < 0)
		return ends->worker;
	ends->file = make_file(FILE_PAGES);
	if (ends->file < 0)
		return -errno;
	return pwrite(ends->file, FILE_TEXT, sizeof(FILE_TEXT), 0) < 0 ?
		-errno : 0;
}

/* Room for all that a test queues before it reads. */
static inline int ends_open_large(struct ends *ends, int flags)
{
	return ends_open(ends, flags, (struct vhost_backend_setup){
		.ring_bytes = 65536, .max_inflight = 1024,
	});
}

static inline void ends_close(struct ends *ends)
{
	close(ends->file);
	close(ends->worker);
	close(ends->channel);
}

/* The argument that sends @kind's sample, without a reply. */
static inline struct vhost_backend_test_send
send_of(const struct request_kind *kind, const struct ends *ends)
{
	return (struct vhost_backend_test_send){
		.request = kind->request, .size = kind->size,
		.payload = (uintptr_t)kind->sample.bytes,
		.fd = kind->file ? ends->file : -1,
		.context = ends->context,
	};
}

/* A request that wants a reply, from any context, waited for in one place. */
struct transaction {
	int worker;
	struct vhost_backend_test_send send;
	pthread_t thread;
	bool threaded;
	int error;
};

static inline void *transaction_thread(void *arg)
{
	struct transaction *t = arg;

	t->error = worker_send(t->worker, &t->send);
	return NULL;
}

/* A synchronous request sleeps, hence in a thread. */
static inline int transaction_start(struct transaction *t,
				    const struct ends *ends,
				    struct vhost_backend_test_send send)
{
	*t = (struct transaction){
		.worker = ends->worker, .send = send,
		.threaded = ends->synchronous,
	};
	t->send.flags |= VHOST_BACKEND_TEST_REPLY;
	if (t->threaded)
		return -pthread_create(&t->thread, NULL, transaction_thread, t);
	t->send.flags |= VHOST_BACKEND_TEST_ASYNC;
	return worker_send(ends->worker, &t->send);
}

/* Returns 0 when the request has ended; how, is in @result. */
static inline int transaction_end(struct transaction *t,
				  struct vhost_backend_test_result *result)
{
	if (!t->threaded)
		return worker_result(t->worker, t->send.cookie, PATIENCE_MS,
				     result);
	pthread_join(t->thread, NULL);
	*result = (struct vhost_backend_test_result){
		.error = t->error, .value = t->send.value,
		.fd = t->send.result_fd, .count = 1,
	};
	return 0;
}

/* A request without a file that wants a reply; @number tells it from others. */
static inline int ask(int worker, unsigned int number, uint64_t *cookie)
{
	struct vhost_backend_shmem_unmap unmap = {
		.shm_offset = (uint64_t)number * PAGE, .len = PAGE,
	};

	return send_async(worker, VHOST_BACKEND_SHMEM_UNMAP, &unmap,
			  sizeof(unmap), -1, cookie);
}

/* Likewise, with a file. */
static inline int ask_map(int worker, unsigned int number, int file,
			  uint64_t *cookie)
{
	struct vhost_backend_shmem_map map = {
		.flags = VHOST_BACKEND_MAP_R,
		.shm_offset = (uint64_t)number * PAGE, .len = PAGE,
	};

	return send_async(worker, VHOST_BACKEND_SHMEM_MAP, &map, sizeof(map),
			  file, cookie);
}

#define ASK_BYTES	48	/* of the message that ask() sends */
#define ASK_MAP_BYTES	56

/* The number that was given to ask() or ask_map(). */
static inline unsigned int asked_number(const struct message *message)
{
	if (message->msg.request == VHOST_BACKEND_SHMEM_MAP)
		return message->map.shm_offset / PAGE;
	return message->unmap.shm_offset / PAGE;
}

/* Return what the call does, or -errno. */
static inline ssize_t try_read(int fd, void *buffer, size_t bytes)
{
	ssize_t n = read(fd, buffer, bytes);

	return n < 0 ? -errno : n;
}

static inline ssize_t try_write(int fd, const void *buffer, size_t bytes)
{
	ssize_t n = write(fd, buffer, bytes);

	return n < 0 ? -errno : n;
}

static inline bool channel_has_message(int channel)
{
	return channel_poll(channel, 0) & POLLIN;
}

/* Whether one comes in that time. */
static inline bool await_input(int channel, int timeout_ms)
{
	struct pollfd p = { .fd = channel, .events = POLLIN };

	return poll(&p, 1, timeout_ms) == 1 && p.revents == POLLIN;
}

/* Reads one message, which is certain to come; returns its bytes or -errno. */
static inline ssize_t await_message(int channel, struct message *message)
{
	if (!await_input(channel, PATIENCE_MS))
		return -ETIMEDOUT;
	return channel_read(channel, message);
}

/* A request that was delivered and waits for its answer. */
struct waiting {
	uint64_t cookie;
	struct vhost_backend_msg msg;
};

static inline struct waiting deliver(struct __test_metadata *_metadata,
				     struct ends *ends,
				     const struct request_kind *kind)
{
	struct vhost_backend_test_send send = send_of(kind, ends);
	struct waiting w;
	struct message m;

	send.flags = VHOST_BACKEND_TEST_REPLY | VHOST_BACKEND_TEST_ASYNC;
	send.timeout_ms = NO_TIMEOUT_MS;
	ASSERT_EQ(0, worker_send(ends->worker, &send));
	ASSERT_LT(0, await_message(ends->channel, &m));
	if (m.msg.fd >= 0)
		close(m.msg.fd);
	w.cookie = send.cookie;
	w.msg = m.msg;
	return w;
}

/* Descriptors that this process has, the one that counts them not included. */
static inline int count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	if (!dir)
		return -errno;
	while (readdir(dir))
		count++;
	closedir(dir);
	return count - 3;
}

/* Maps for reading, and unmaps again; returns 0 or -errno. */
static inline int try_mmap(int fd, size_t bytes, off_t offset)
{
	void *mapping = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, offset);

	return mapping == MAP_FAILED ? -errno : munmap(mapping, bytes);
}

/* Leaves @count descriptors free, of those below the limit. */
static inline int limit_descriptors(int count, struct rlimit *old)
{
	struct rlimit limit;
	int fds[8], last = -1;

	if (getrlimit(RLIMIT_NOFILE, old))
		return -errno;
	/* Those that come next fill all gaps below the last of them. */
	for (int i = 0; i <= count; i++)
		fds[i] = dup(STDERR_FILENO);
	for (int i = 0; i <= count; i++) {
		last = fds[i];
		close(fds[i]);
	}
	limit = (struct rlimit){ .rlim_cur = last, .rlim_max = old->rlim_max };
	return setrlimit(RLIMIT_NOFILE, &limit) ? -errno : 0;
}

/* Hidden from the compiler, which knows that there is nothing. */
static inline void *address_of(intptr_t number)
{
	void *address = (void *)number;

	asm("" : "+r" (address));
	return address;
}

/* Without memory there is no test. */
static inline void *map_memory(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED) {
		perror("mmap");
		abort();
	}
	return memory;
}

static inline void protect_memory(void *memory, size_t bytes, int protection)
{
	if (mprotect(memory, bytes, protection)) {
		perror("mprotect");
		abort();
	}
}

/* Two pages of which only the first can be accessed. */
static inline void *page_before_nothing(void)
{
	void *page = map_memory(2 * PAGE);

	protect_memory(page + PAGE, PAGE, PROT_NONE);
	return page;
}

/* A page that starts with @content and can't be written. */
static inline void *read_only_page(const void *content, size_t size)
{
	void *page = map_memory(PAGE);

	memcpy(page, content, size);
	protect_memory(page, PAGE, PROT_READ);
	return page;
}

#endif /* VHOST_BACKEND_REQUESTS_H */
