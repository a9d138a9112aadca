// SPDX-License-Identifier: GPL-2.0-only
#include "shmem_world.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/vhost.h>

#include "channel.h"
#include "vhost_shmem_guest.h"
#include "vhost_shmem_iommu.h"
#include "vhost_shmem_rig.h"
#include "wait.h"

/* How long to wait for a thread that brings something, or nothing */
#define BRING_MS	8000

struct shmem_options world_options = { .region_pages = 64, .file_pages = 32 };

bool world_forgetful;

int shmem_world_open(struct world *world)
{
	memset(world, 0, sizeof(*world));
	world->frontend.channel = channel_open(0);
	if (world->frontend.channel < 0)
		return world->frontend.channel;
	frontend_add(&world->frontend, 0, &world->shmem);
	return shmem_prepare(&world->shmem, world_options);
}

int shmem_world_close(struct world *world)
{
	int err = shmem_close(&world->shmem);

	close(world->frontend.channel);
	return world->frontend.wrong ? -EPROTO : err;
}

int world_bring_up(struct world *world)
{
	int err;

	frontend_add(&world->frontend, 0, &world->shmem);
	world->shmem.iommu_running = true;
	err = shmem_bring_up(&world->shmem, world->frontend.channel);
	world->shmem.iommu_running = false;
	return err;
}

/* What there is to do for the VMM and the frontend now. Returns whether there was anything. */
static bool serve_once(struct world *world)
{
	struct frontend *frontend = &world->frontend;
	struct shmem *shmem = &world->shmem;
	unsigned int misses = shmem->misses;
	bool some;

	if (shmem_flush(&world->shmem))
		return false;
	some = frontend_take(frontend) > 0;
	if (frontend->nr_pending && world_forgetful)
		iommu_tell(shmem, VHOST_IOTLB_INVALIDATE, shmem->ring_bytes,
			   shmem->bytes - shmem->ring_bytes);
	while (frontend->nr_pending)
		frontend_answer(frontend, 0, 0);
	if (world_options.iotlb && iommu_answer(shmem))
		return false;
	return some || shmem->misses != misses;
}

void world_serve(struct world *world)
{
	uint64_t limit = now_ms() + (world_options.bound ? BRING_MS : 0);
	struct frontend *frontend = &world->frontend;
	unsigned int errs = frontend->errs;

	do {
		while (serve_once(world))
			;
	} while (now_ms() < limit && frontend->errs == errs &&
		 world->shmem.vring.used->idx == world->shmem.seen &&
		 channel_poll(frontend->channel, 10) >= 0);
}

int world_outcome(struct world *world)
{
	uint32_t written = 0;
	int slot = guest_reap(&world->shmem, &written);

	if (slot != world->slot)
		return slot < 0 ? slot : -EPROTO;
	return written == sizeof(struct vhost_shmem_response) ?
	       (int)world->shmem.slots[slot].response.status : -EBADMSG;
}

int world_request(struct world *world, unsigned int type, unsigned int page)
{
	world->slot = guest_start(&world->shmem, type, page, page, 1);
	world_serve(world);
	return world->slot < 0 ? world->slot : world_outcome(world);
}

bool world_has_mappings(struct world *world, unsigned int count)
{
	struct vhost_shmem_stats stats = shmem_stats(&world->shmem);
	unsigned int mapped = 0;

	for (unsigned int n = 0; n < world_options.region_pages; n++)
		mapped += world->shmem.pages[n] != 0;
	return mapped == count && stats.mappings == count && !stats.pending;
}

bool world_works(struct world *world)
{
	struct shmem *shmem = &world->shmem;

	return world_has_mappings(world, 0) && world_request(world, MAP, 5) == OK &&
	       guest_sees(shmem, 5, 5, 1) && world_has_mappings(world, 1) &&
	       world_request(world, UNMAP, 5) == OK && guest_sees_nothing(shmem, 5, 1) &&
	       world_has_mappings(world, 0);
}
