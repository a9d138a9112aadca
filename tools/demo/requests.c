// SPDX-License-Identifier: GPL-2.0-only
/* Part 1: all requests that a worker can send, decoded and answered. */
#include "demo.h"

#include "lib/memory.h"

#define REGION_BYTES	(16 * PAGE)

/*
 * @fields: of the payload, as for "vhost-backend send"
 * @context: where the worker sends from
 * @answer: the frontend's answer, if the request wants one
 * @act: called before the frontend answers
 */
struct step {
	uint32_t request;
	const char *fields[4];
	uint32_t context;
	int64_t answer;
	void (*act)(const struct message *message);
};

/* Where a VMM would let the guest see the device's shared memory. */
static uint8_t *region;

/* The kernel filled the file; the guest would now read it at this place. */
static void map_into_region(const struct message *message)
{
	const struct vhost_backend_shmem_map *map = &message->map;
	const char *text = VHOST_BACKEND_TEST_OWN_TEXT;
	char *at = mmap(region + map->shm_offset, map->len, PROT_READ,
			MAP_SHARED | MAP_FIXED, message->msg.fd, map->fd_offset);

	if (!check(at != MAP_FAILED, "mmap: %s", strerror(errno)))
		return;
	printf("     mapped; the guest now reads there: \"%.*s\"\n",
	       (int)strcspn(at, "\n"), at);
	check(!memcmp(at, text, strlen(text)), "the file holds other bytes");
}

static void unmap_from_region(const struct message *message)
{
	const struct vhost_backend_shmem_unmap *unmap = &message->unmap;
	void *at = mmap(region + unmap->shm_offset, unmap->len, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	check(at != MAP_FAILED, "mmap: %s", strerror(errno));
}

static const struct step steps[] = {
	{ .request = VHOST_BACKEND_IOTLB_MSG,
	  .fields = { "iova=0x1000", "size=4096" } },
	{ .request = VHOST_BACKEND_CONFIG_CHANGE_MSG,
	  .context = VHOST_BACKEND_TEST_SOFTIRQ },
	{ .request = VHOST_BACKEND_VRING_HOST_NOTIFIER_MSG,
	  .fields = { "vring=1", "nofd=1" } },
	{ .request = VHOST_BACKEND_VRING_CALL, .fields = { "index=1" },
	  .context = VHOST_BACKEND_TEST_HARDIRQ },
	{ .request = VHOST_BACKEND_VRING_ERR, .fields = { "index=2" },
	  .context = VHOST_BACKEND_TEST_SOFTIRQ },
	{ .request = VHOST_BACKEND_SHMEM_MAP,
	  .fields = { "shm_offset=0x4000" }, .act = map_into_region },
	{ .request = VHOST_BACKEND_SHMEM_UNMAP,
	  .fields = { "shm_offset=0x4000" }, .act = unmap_from_region },
	{ .request = VHOST_BACKEND_DEPRECATED_FS_MAP,
	  .fields = { "c_offset=0x1000", "flags=RW" } },
	{ .request = VHOST_BACKEND_DEPRECATED_FS_UNMAP,
	  .fields = { "c_offset=0x1000" } },
	{ .request = VHOST_BACKEND_DEPRECATED_FS_SYNC,
	  .fields = { "c_offset=0x1000" } },
	{ .request = VHOST_BACKEND_DEPRECATED_FS_IO,
	  .fields = { "c_offset=0x2000" }, .answer = 4096 },
	{ .request = VHOST_BACKEND_GPU_MAP, .fields = { "memory_idx=7" },
	  .context = VHOST_BACKEND_TEST_HARDIRQ, .answer = -ENOSPC },
	{ .request = VHOST_BACKEND_EXTERNAL_MAP,
	  .fields = { "shm_offset=0x8000" } },
};

static const char *const contexts[] = {
	[VHOST_BACKEND_TEST_PROCESS] = "a process",
	[VHOST_BACKEND_TEST_SOFTIRQ] = "a timer",
	[VHOST_BACKEND_TEST_HARDIRQ] = "a hard interrupt",
};

/* Has the worker send the request, without waiting for the answer. */
static bool have_sent(int worker, const struct step *step,
		      const struct request *request, void *payload, uint64_t *cookie)
{
	struct vhost_backend_test_send send = {
		.request = request->number, .size = request->size,
		.payload = (uintptr_t)payload, .context = step->context,
		.fd = request->file == FILE_ALWAYS ? VHOST_BACKEND_TEST_OWN_FILE : -1,
	};
	char error[128];
	size_t count = 0;

	while (count < ARRAY_SIZE(step->fields) && step->fields[count])
		count++;
	if (!check(!request_build(request, payload, (char *const *)step->fields,
				  count, error, sizeof(error)), "%s", error))
		return false;
	if (request->reply != REPLY_NOTIFICATION)
		send.flags = VHOST_BACKEND_TEST_REPLY | VHOST_BACKEND_TEST_ASYNC;
	if (!check(!worker_send(worker, &send), "the worker could not send %s: %s",
		   request->name, strerror(-send.error)))
		return false;
	*cookie = send.cookie;
	return true;
}

/* Answers, and checks what the worker got. */
static void answer(int channel, int worker, const struct step *step,
		   const struct message *message, uint64_t cookie)
{
	int64_t value = step->answer > 0 ? step->answer : 0;
	int error = step->answer < 0 ? step->answer : 0;
	struct vhost_backend_test_result result;

	check(channel_reply(channel, &message->msg, step->answer) ==
	      sizeof(struct vhost_backend_reply), "the reply was refused");
	if (!check(!worker_result(worker, cookie, DEMO_WAIT_MS, &result),
		   "the worker still waits"))
		return;
	check(result.count == 1 && result.error == error &&
	      (int64_t)result.value == value, "the worker got %d, %lld", result.error,
	      (long long)result.value);
	if (step->answer)
		printf("     answered %lld; the worker got %d (%s), value %lld\n",
		       (long long)step->answer, result.error,
		       result.error ? strerror(-result.error) : "success",
		       (long long)result.value);
	else
		puts("     answered 0; the worker got 0 (success)");
}

static void show(int channel, int worker, const struct step *step)
{
	const struct request *request = request_by_number(step->request);
	bool wants_reply = request->reply != REPLY_NOTIFICATION;
	struct message message;
	uint8_t payload[256];
	uint64_t cookie;

	if (!have_sent(worker, step, request, payload, &cookie) ||
	    !receive(channel, &message, request->name))
		return;
	printf("%4u ", message.msg.request);
	message_print(stdout, &message);
	printf("\n     %s; sent from %s\n", request->summary,
	       contexts[step->context]);
	check(message.msg.request == request->number &&
	      message.msg.size == request->size &&
	      !memcmp(message.bytes, payload, request->size),
	      "that is not what the worker sent");
	check(!(message.msg.flags & VHOST_BACKEND_MSG_NEED_REPLY) == !wants_reply,
	      "the message does not ask for a reply as it should");
	check((message.msg.fd >= 0) == (request->file == FILE_ALWAYS),
	      "the file is missing, or not expected");
	if (step->act)
		step->act(&message);
	if (wants_reply)
		answer(channel, worker, step, &message, cookie);
	if (message.msg.fd >= 0)
		close(message.msg.fd);
}

bool show_requests(void)
{
	struct vhost_backend_stats stats;
	int channel, worker;

	puts("\n== 1. A worker sends each of the thirteen requests ==\n\n"
	     "The worker is the module vhost_backend_test, which attaches to a channel like a\n"
	     "vhost driver. One line for each message as the frontend read it.\n");
	channel = channel_open(O_NONBLOCK);
	if (!check(channel >= 0, CHANNEL_PATH ": %s; is vhost_backend loaded, are you root?",
		   strerror(-channel)))
		return false;
	worker = worker_attach(channel, "demonstration", 0, 4);
	if (!check(worker >= 0, WORKER_PATH ": %s; is vhost_backend_test loaded?",
		   strerror(-worker)))
		return false;
	region = mmap(NULL, REGION_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!check(region != MAP_FAILED, "mmap: %s", strerror(errno)))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		show(channel, worker, &steps[i]);
	stats = channel_stats(channel);
	check(stats.requests_delivered == 10 && stats.notifications_delivered == 3 &&
	      stats.requests_answered == 10 && stats.requests_failed == 1,
	      "the channel counted %llu requests, %llu notifications, %llu answers",
	      (unsigned long long)stats.requests_delivered,
	      (unsigned long long)stats.notifications_delivered,
	      (unsigned long long)stats.requests_answered);
	munmap(region, REGION_BYTES);
	close(worker);
	close(channel);
	return true;
}
