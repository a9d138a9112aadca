/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A vhost-shmem device whose VMM, frontend and guest are one thread, for calls that fail on
 * purpose: see faults.h. It does what there is to be done until there is nothing, without
 * waiting for any time.
 */
#ifndef VHOST_BACKEND_LIB_SHMEM_WORLD_H
#define VHOST_BACKEND_LIB_SHMEM_WORLD_H

#include <stdbool.h>

#include <linux/vhost_shmem.h>

#include "vhost_shmem.h"
#include "vhost_shmem_frontend.h"

#define OK		VHOST_SHMEM_S_OK

struct world {
	struct frontend frontend;
	struct shmem shmem;
	int slot;		/* of the guest's request */
};

/* The device that shmem_world_open() makes */
extern struct shmem_options world_options;

/* Whether the IOMMU forgets where the requests are before they are answered */
extern bool world_forgetful;

/* A channel, and a device that has an owner. Both return 0 or a negative errno. */
int shmem_world_open(struct world *world);
int shmem_world_close(struct world *world);

/* Brings the device up. With an IOMMU, its thread is not started: misses are answered by hand. */
int world_bring_up(struct world *world);

/*
 * Does everything that there is to do for the VMM and the frontend, until the guest or the
 * VMM has been told something.
 */
void world_serve(struct world *world);

/*
 * The status of the request. -EBADMSG: it came back without one; -EAGAIN: it did not come
 * back.
 */
int world_outcome(struct world *world);

/* Makes a request of one page. Returns its outcome. */
int world_request(struct world *world, unsigned int type, unsigned int page);

/* Whether the device and the frontend have the same mappings, and how many. */
bool world_has_mappings(struct world *world, unsigned int count);

/* Whether a device that runs, and has no mappings, does what it is for. */
bool world_works(struct world *world);

#endif /* VHOST_BACKEND_LIB_SHMEM_WORLD_H */
