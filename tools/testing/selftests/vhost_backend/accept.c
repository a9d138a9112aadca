// SPDX-License-Identifier: GPL-2.0-only
/* A worker can send what the frontend accepted at SETUP, and nothing else. */
#include "../kselftest_harness.h"

#include "lib/channel.h"
#include "lib/ends.h"
#include "lib/memory.h"
#include "lib/message.h"
#include "lib/refusal.h"
#include "lib/request.h"
#include "lib/skip.h"

SKIP_WITHOUT_WORKER;

WORKER_FIXTURE;

/* Numbers that are no request of a worker, whatever the frontend accepts. */
TEST_F_TIMEOUT(worker, unknown_requests, 60)
{
	static const __u32 numbers[] = {
		VHOST_BACKEND_PAD, VHOST_BACKEND_STD_SHMEM_MAP,
		VHOST_BACKEND_STD_SHMEM_UNMAP, 11, 31,
		/* Whose bit is that of a request in the thousands. */
		32, 33, 34, 35, 36, 37, 38, 39,
		40, 63, 64, 65, 100, 999, 1008, 1031, 1032, 1033, 1064, 1096,
		0x7fffffff, 0x80000001, 0x800003e8, ~0U,
	};
	struct message m = { .bytes = { 1 } };
	struct vhost_backend_test_send send = {
		.payload = (uintptr_t)m.bytes, .fd = -1,
		.context = self->ends.context,
	};
	static const __u32 sizes[] = { 0, 8, 24, 32, 40, 256 };

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		send.request = numbers[i];
		EXPECT_EQ(0, try_ioctl(self->ends.worker,
				       VHOST_BACKEND_TEST_ACCEPTS,
				       (void *)(uintptr_t)numbers[i]))
			TH_LOG("request %u", numbers[i]);
		for (size_t n = 0; n < ARRAY_SIZE(sizes); n++) {
			send.size = sizes[n];
			EXPECT_TRUE(is_refused(&self->ends, send, REPLY_IF_ASKED,
					       EOPNOTSUPP, "unknown"));
		}
	}
}

static __u64 bit_of(const struct request_kind *kind)
{
	return 1ULL << VHOST_BACKEND_BIT(kind->request);
}

/* The maps, which can't be had without SHMEM_UNMAP. */
#define MAPS	(BIT_OF(SHMEM_MAP) | BIT_OF(GPU_MAP) | BIT_OF(EXTERNAL_MAP))

static __u64 all_but(const struct request_kind *kind)
{
	const bool unmap = kind->request == VHOST_BACKEND_SHMEM_UNMAP;

	return EVERYTHING & ~(bit_of(kind) | (unmap ? MAPS : 0));
}

static void check_accepts(struct __test_metadata *_metadata, int worker,
			  __u64 requests)
{
	const struct request_kind *kind;

	for_each_kind(kind) {
		EXPECT_EQ(!!(requests & bit_of(kind)),
			  try_ioctl(worker, VHOST_BACKEND_TEST_ACCEPTS,
				    (void *)(uintptr_t)kind->request))
			TH_LOG("%s", kind->name);
	}
}

/* On a channel whose frontend handles @requests and nothing else. */
static void check_channel_of(struct __test_metadata *_metadata,
			     struct ends *ends, __u64 requests)
{
	const struct request_kind *kind;

	ASSERT_EQ(0, ends_reopen(ends, (struct vhost_backend_setup){
		.requests = requests }));
	check_accepts(_metadata, ends->worker, requests);
	for_each_kind(kind) {
		struct vhost_backend_test_send send = send_of(kind, ends);

		EXPECT_TRUE(requests & bit_of(kind) ?
			    is_accepted(ends, send, kind->name) :
			    is_refused(ends, send, kind->reply, EOPNOTSUPP, kind->name));
	}
}

/* What the frontend did not ask for at SETUP is refused, and only that. */
TEST_F_TIMEOUT(worker, all_but_one_accepted, 180)
{
	const struct request_kind *kind;

	check_channel_of(_metadata, &self->ends, EVERYTHING);
	for_each_kind(kind)
		check_channel_of(_metadata, &self->ends, all_but(kind));
}

/* Those that the channel makes of others are not for workers to send. */
TEST_F(worker, standard_numbers)
{
	static const __u32 numbers[] = {
		VHOST_BACKEND_STD_SHMEM_MAP, VHOST_BACKEND_STD_SHMEM_UNMAP,
	};
	struct message m = { .std = { .len = PAGE } };

	ASSERT_EQ(0, ends_reopen(&self->ends, (struct vhost_backend_setup){
		.flags = VHOST_BACKEND_SETUP_STD_SHMEM }));
	check_accepts(_metadata, self->ends.worker, EVERYTHING);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		struct vhost_backend_test_send send = {
			.request = numbers[i], .size = sizeof(m.std),
			.payload = (uintptr_t)m.bytes,
			.fd = i ? -1 : self->ends.file,
			.context = self->ends.context,
		};

		EXPECT_EQ(0, try_ioctl(self->ends.worker,
				       VHOST_BACKEND_TEST_ACCEPTS,
				       (void *)(uintptr_t)numbers[i]));
		EXPECT_TRUE(is_refused(&self->ends, send, REPLY_IF_ASKED, EOPNOTSUPP,
				       "number of the specification"));
	}
}

TEST_HARNESS_MAIN
