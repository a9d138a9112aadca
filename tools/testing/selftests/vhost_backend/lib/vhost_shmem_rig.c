// SPDX-License-Identifier: GPL-2.0-only
#include "vhost_shmem_rig.h"

#include <errno.h>
#include <unistd.h>

#include "channel.h"
#include "vhost_shmem_guest.h"

int rig_open(struct frontend *frontend, struct shmem *shmem, struct shmem_options options,
	     uint32_t setup_flags)
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

int rig_close(struct frontend *frontend, struct shmem *shmem)
{
	int err = shmem_close(shmem);

	if (frontend->channel >= 0)
		close(frontend->channel);
	return frontend->wrong ? -EPROTO : err;
}

int rig_ask(struct shmem *shmem, unsigned int type, uint64_t shm_page, uint64_t fd_page,
	    uint64_t pages, int64_t value)
{
	int slot = guest_start(shmem, type, shm_page, fd_page, pages);

	if (slot < 0 || !frontend_await(shmem->frontend, 1))
		return -ETIMEDOUT;
	frontend_answer(shmem->frontend, shmem->frontend->nr_pending - 1, value);
	return guest_status(shmem, slot);
}

int rig_try(struct shmem *shmem, struct vhost_shmem_request request)
{
	int slot = guest_add(shmem, request);

	guest_kick(shmem);
	return slot < 0 ? slot : guest_status(shmem, slot);
}

bool rig_has_mappings(struct shmem *shmem, unsigned int live, unsigned int pending)
{
	struct vhost_shmem_stats stats = shmem_stats(shmem);

	return stats.mappings == live && stats.pending == pending;
}
