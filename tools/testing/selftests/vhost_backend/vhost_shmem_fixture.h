/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A vhost-shmem device that runs, in each way that it can be told to, and whose
 * frontend the test runs by hand.
 */
#ifndef VHOST_BACKEND_VHOST_SHMEM_FIXTURE_H
#define VHOST_BACKEND_VHOST_SHMEM_FIXTURE_H

#include "../kselftest_harness.h"
#include "vhost_shmem_guest.h"

#define REGION_PAGES	64
#define FILE_PAGES	32

#define OK		VHOST_SHMEM_S_OK
#define MALFORMED	VHOST_SHMEM_S_MALFORMED
#define UNSUPPORTED	VHOST_SHMEM_S_UNSUPPORTED
#define RANGE		VHOST_SHMEM_S_RANGE
#define EXIST		VHOST_SHMEM_S_EXIST
#define NOENT		VHOST_SHMEM_S_NOENT
#define NOSPC		VHOST_SHMEM_S_NOSPC
#define FAILED		VHOST_SHMEM_S_FAILED
#define CANCELED	VHOST_SHMEM_S_CANCELED

/* A fixture; its variants follow. */
#define SHMEM_FIXTURE(fixture) \
	FIXTURE(fixture) { \
		struct frontend frontend; \
		struct shmem shmem; \
	}; \
	FIXTURE_VARIANT(fixture) { \
		struct shmem_options options; \
		struct vhost_backend_setup setup; \
	}; \
	FIXTURE_SETUP(fixture) \
	{ \
		self->frontend.channel = channel_open_with(0, variant->setup); \
		ASSERT_LE(0, self->frontend.channel); \
		ASSERT_EQ(0, shmem_open(&self->shmem, variant->options, \
					self->frontend.channel)) \
			TH_LOG("%s", self->shmem.failed); \
		frontend_add(&self->frontend, 0, &self->shmem); \
	} \
	FIXTURE_TEARDOWN(fixture) \
	{ \
		EXPECT_EQ(0U, self->frontend.wrong); \
		EXPECT_EQ(0, shmem_close(&self->shmem)); \
		if (self->frontend.channel >= 0) \
			close(self->frontend.channel); \
	}

#define SHMEM_VARIANT(fixture, name, setup_flags, ...) \
	FIXTURE_VARIANT_ADD(fixture, name) { \
		.options = { .region_pages = REGION_PAGES, \
			     .file_pages = FILE_PAGES, __VA_ARGS__ }, \
		.setup = { .flags = setup_flags }, \
	}

/* In each way that a device can be told to run */
SHMEM_FIXTURE(shmem);
SHMEM_VARIANT(shmem, plain, 0, .shmid = 5, .vring = 3);
SHMEM_VARIANT(shmem, std, VHOST_BACKEND_SETUP_STD_SHMEM, .shmid = 1);
SHMEM_VARIANT(shmem, eventfd, 0, .event_idx = true, .call_eventfd = true);
SHMEM_VARIANT(shmem, iotlb, 0, .iotlb = true, .vring = 255, .shmid = 255);
SHMEM_VARIANT(shmem, iotlb_eventfd, 0, .iotlb = true, .event_idx = true,
	      .call_eventfd = true);

/* A request that the frontend is asked about, and answers so: its status. */
static inline int ask(struct shmem *shmem, unsigned int type, uint64_t shm_page,
	       uint64_t fd_page, uint64_t pages, int64_t value)
{
	int slot = guest_start(shmem, type, shm_page, fd_page, pages);

	if (slot < 0 || !frontend_await(shmem->frontend, 1))
		return -ETIMEDOUT;
	frontend_answer(shmem->frontend, shmem->frontend->nr_pending - 1, value);
	return guest_status(shmem, slot);
}

/* A request that is answered at once: its status. */
static inline int try(struct shmem *shmem, struct vhost_shmem_request request)
{
	int slot = guest_add(shmem, request);

	guest_kick(shmem);
	return slot < 0 ? slot : guest_status(shmem, slot);
}

static inline bool has_mappings(struct shmem *shmem, unsigned int live, unsigned int pending)
{
	struct vhost_shmem_stats stats = shmem_stats(shmem);

	return stats.mappings == live && stats.pending == pending;
}

#endif /* VHOST_BACKEND_VHOST_SHMEM_FIXTURE_H */
