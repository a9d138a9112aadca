/* SPDX-License-Identifier: GPL-2.0-only */
/* A vhost-shmem device that runs, and whose frontend the test runs by hand. */
#ifndef VHOST_BACKEND_LIB_VHOST_SHMEM_RIG_H
#define VHOST_BACKEND_LIB_VHOST_SHMEM_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/vhost_shmem.h>

#include "vhost_shmem.h"
#include "vhost_shmem_frontend.h"

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

/* A channel, and a device on it that runs. Returns 0 or a negative errno. */
int rig_open(struct frontend *frontend, struct shmem *shmem, struct shmem_options options,
	     uint32_t setup_flags);

/* Returns 0, unless something went wrong that no test looked at. */
int rig_close(struct frontend *frontend, struct shmem *shmem);

/* A request that the frontend is asked about, and answers with @value. Returns its status. */
int rig_ask(struct shmem *shmem, unsigned int type, uint64_t shm_page, uint64_t fd_page,
	    uint64_t pages, int64_t value);

/* A request that is answered at once. Returns its status. */
int rig_try(struct shmem *shmem, struct vhost_shmem_request request);

/* Whether the device has that many mappings, and requests that are not answered yet. */
bool rig_has_mappings(struct shmem *shmem, unsigned int live, unsigned int pending);

/* A fixture for TEST_F(shmem, ...): a device in each way that it can be set up */
#define SHMEM_FIXTURE							\
FIXTURE(shmem) {							\
	struct frontend frontend;					\
	struct shmem shmem;						\
};									\
FIXTURE_VARIANT(shmem) {						\
	struct shmem_options options;					\
	uint32_t setup_flags;						\
};									\
FIXTURE_SETUP(shmem)							\
{									\
	ASSERT_EQ(0, rig_open(&self->frontend, &self->shmem,		\
			      variant->options, variant->setup_flags))	\
		TH_LOG("%s", self->shmem.failed);			\
}									\
FIXTURE_TEARDOWN(shmem)							\
{									\
	EXPECT_EQ(0, rig_close(&self->frontend, &self->shmem));		\
}									\
FIXTURE_VARIANT_ADD(shmem, plain) {					\
	.options = { .shmid = 5, .vring = 3 },				\
};									\
FIXTURE_VARIANT_ADD(shmem, std) {					\
	.options = { .shmid = 1 },					\
	.setup_flags = VHOST_BACKEND_SETUP_STD_SHMEM,			\
};									\
FIXTURE_VARIANT_ADD(shmem, eventfd) {					\
	.options = { .event_idx = true, .call_eventfd = true },		\
};									\
FIXTURE_VARIANT_ADD(shmem, iotlb) {					\
	.options = { .iotlb = true, .vring = 255, .shmid = 255 },	\
};									\
FIXTURE_VARIANT_ADD(shmem, iotlb_eventfd) {				\
	.options = { .iotlb = true, .event_idx = true,			\
		     .call_eventfd = true },				\
};									\
FIXTURE_VARIANT_ADD(shmem, bound) {					\
	.options = { .bound = true, .shmid = 7, .vring = 9 },		\
};									\
struct shmem

#endif /* VHOST_BACKEND_LIB_VHOST_SHMEM_RIG_H */
