/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A vhost-shmem device whose VMM, frontend and guest are one thread: it does what
 * there is to be done until there is nothing, without waiting for any time.
 */
#ifndef VHOST_BACKEND_FAULTS_SHMEM_H
#define VHOST_BACKEND_FAULTS_SHMEM_H

#include "faults.h"
#include "skip.h"
#include "vhost_shmem_guest.h"

#define OK		VHOST_SHMEM_S_OK
/* For what a thread brings, which may be nothing */
#define BRING_MS	8000

struct world {
	struct frontend frontend;
	struct shmem shmem;
	int slot;		/* of the guest's request */
};

static struct world world;

/* What the device is to be like */
static struct shmem_options options = { .region_pages = 64, .file_pages = 32 };

/* Where the guest's requests are is not known any more when they are answered. */
static bool forgetful;

static void __attribute__((constructor)) skip_without_shmem(void)
{
	skip_without(SHMEM_PATH, "vhost_shmem");
}

/* A channel, and a device that has an owner */
static int world_open(struct world *world)
{
	memset(world, 0, sizeof(*world));
	world->frontend.channel = channel_open(0);
	if (world->frontend.channel < 0)
		return world->frontend.channel;
	frontend_add(&world->frontend, 0, &world->shmem);
	return shmem_prepare(&world->shmem, options);
}

static int world_close(struct world *world)
{
	int err = shmem_close(&world->shmem);

	close(world->frontend.channel);
	return world->frontend.wrong ? -EPROTO : err;
}

/* With an IOMMU its thread is not started: what is missed is given by hand. */
static inline int bring_up(struct world *world)
{
	int err;

	frontend_add(&world->frontend, 0, &world->shmem);
	world->shmem.iommu_running = true;
	err = shmem_bring_up(&world->shmem, world->frontend.channel);
	world->shmem.iommu_running = false;
	return err;
}

/* What there is for the VMM and the frontend now; whether there was anything. */
static inline bool serve_once(struct world *world)
{
	struct frontend *frontend = &world->frontend;
	struct shmem *shmem = &world->shmem;
	unsigned int misses = shmem->misses;
	bool some;

	if (shmem_flush(&world->shmem))
		return false;
	some = frontend_take(frontend) > 0;
	if (frontend->nr_pending && forgetful)
		iommu_tell(shmem, VHOST_IOTLB_INVALIDATE, shmem->ring_bytes,
			   shmem->bytes - shmem->ring_bytes);
	while (frontend->nr_pending)
		frontend_answer(frontend, 0, 0);
	if (options.iotlb && iommu_answer(shmem))
		return false;
	return some || shmem->misses != misses;
}

/* Until the guest, or the VMM, has been told something, or nothing goes on. */
static inline void serve(struct world *world)
{
	uint64_t limit = now_ms() + (options.bound ? BRING_MS : 0);
	struct frontend *frontend = &world->frontend;
	unsigned int errs = frontend->errs;

	do {
		while (serve_once(world))
			;
	} while (now_ms() < limit && frontend->errs == errs &&
		 world->shmem.vring.used->idx == world->shmem.seen &&
		 channel_poll(frontend->channel, 10) >= 0);
}

/* The status; -EBADMSG: the descriptor came back without; -EAGAIN: it did not. */
static inline int outcome(struct world *world)
{
	uint32_t written = 0;
	int slot = guest_reap(&world->shmem, &written);

	if (slot != world->slot)
		return slot < 0 ? slot : -EPROTO;
	return written == sizeof(struct vhost_shmem_response) ?
	       (int)world->shmem.slots[slot].response.status : -EBADMSG;
}

static inline int request(struct world *world, unsigned int type, unsigned int page)
{
	world->slot = guest_start(&world->shmem, type, page, page, 1);
	serve(world);
	return world->slot < 0 ? world->slot : outcome(world);
}

/* Device and frontend have the same mappings, this many. */
static inline bool has_mappings(struct world *world, unsigned int count)
{
	struct vhost_shmem_stats stats = shmem_stats(&world->shmem);
	unsigned int mapped = 0;

	for (unsigned int n = 0; n < options.region_pages; n++)
		mapped += world->shmem.pages[n] != 0;
	return mapped == count && stats.mappings == count && !stats.pending;
}

/* A device that has no mappings, and runs, does what it is for. */
static inline bool works(struct world *world)
{
	struct shmem *shmem = &world->shmem;

	return has_mappings(world, 0) && request(world, MAP, 5) == OK &&
	       guest_sees(shmem, 5, 5, 1) && has_mappings(world, 1) &&
	       request(world, UNMAP, 5) == OK && guest_sees_nothing(shmem, 5, 1) &&
	       has_mappings(world, 0);
}

#endif /* VHOST_BACKEND_FAULTS_SHMEM_H */
