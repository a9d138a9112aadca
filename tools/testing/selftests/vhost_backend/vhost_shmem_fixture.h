/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A vhost-shmem device that runs, in each way that it can be told to, and whose
 * frontend the test runs by hand.
 */
#ifndef VHOST_BACKEND_VHOST_SHMEM_FIXTURE_H
#define VHOST_BACKEND_VHOST_SHMEM_FIXTURE_H

#include "../kselftest_harness.h"
#include "skip.h"
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

static void __attribute__((constructor)) skip_without_shmem(void)
{
	skip_without(SHMEM_PATH, "vhost_shmem");
}

/* A channel, and a device on it that runs; 0 or a negative errno. */
static inline int rig_open(struct frontend *frontend, struct shmem *shmem,
			   struct shmem_options options, uint32_t setup_flags)
{
	int err;

	frontend->channel = channel_open_with(0, (struct vhost_backend_setup){
		.flags = setup_flags,
	});
	if (frontend->channel < 0)
		return frontend->channel;
	options.region_pages = REGION_PAGES;
	options.file_pages = FILE_PAGES;
	err = shmem_open(shmem, options, frontend->channel);
	frontend_add(frontend, 0, shmem);
	return err;
}

/* 0, unless something went wrong that no test looked at. */
static inline int rig_close(struct frontend *frontend, struct shmem *shmem)
{
	int err = shmem_close(shmem);

	if (frontend->channel >= 0)
		close(frontend->channel);
	return frontend->wrong ? -EPROTO : err;
}

FIXTURE(shmem) {
	struct frontend frontend;
	struct shmem shmem;
};

FIXTURE_VARIANT(shmem) {
	struct shmem_options options;
	uint32_t setup_flags;
};

FIXTURE_SETUP(shmem)
{
	ASSERT_EQ(0, rig_open(&self->frontend, &self->shmem, variant->options,
			      variant->setup_flags)) TH_LOG("%s", self->shmem.failed);
}

FIXTURE_TEARDOWN(shmem)
{
	EXPECT_EQ(0, rig_close(&self->frontend, &self->shmem));
}

FIXTURE_VARIANT_ADD(shmem, plain) {
	.options = { .shmid = 5, .vring = 3 },
};

FIXTURE_VARIANT_ADD(shmem, std) {
	.options = { .shmid = 1 },
	.setup_flags = VHOST_BACKEND_SETUP_STD_SHMEM,
};

FIXTURE_VARIANT_ADD(shmem, eventfd) {
	.options = { .event_idx = true, .call_eventfd = true },
};

FIXTURE_VARIANT_ADD(shmem, iotlb) {
	.options = { .iotlb = true, .vring = 255, .shmid = 255 },
};

FIXTURE_VARIANT_ADD(shmem, iotlb_eventfd) {
	.options = { .iotlb = true, .event_idx = true, .call_eventfd = true },
};

FIXTURE_VARIANT_ADD(shmem, bound) {
	.options = { .bound = true, .shmid = 7, .vring = 9 },
};

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

static inline bool has_mappings(struct shmem *shmem, unsigned int live,
				unsigned int pending)
{
	struct vhost_shmem_stats stats = shmem_stats(shmem);

	return stats.mappings == live && stats.pending == pending;
}

#endif /* VHOST_BACKEND_VHOST_SHMEM_FIXTURE_H */
