/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's driver of a vhost-shmem device: puts requests into the ring, takes used
 * descriptors out, and looks at the region.
 */
#ifndef VHOST_BACKEND_LIB_VHOST_SHMEM_GUEST_H
#define VHOST_BACKEND_LIB_VHOST_SHMEM_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "vhost_shmem.h"

/* A part of a chain of descriptors */
struct part {
	uint64_t address;
	uint32_t len;
	bool device_writes;
};

/* A free slot, or -ENOSPC */
int guest_slot(struct shmem *shmem);

/* Adds a chain of one or two descriptors to the ring. */
void guest_add_direct(struct shmem *shmem, int slot, const struct part *parts,
		      unsigned int count);

/* Adds a chain of any length, in a table. */
void guest_add_indirect(struct shmem *shmem, int slot, const struct part *parts,
			unsigned int count);

/* A request, in units of pages */
struct vhost_shmem_request guest_request(unsigned int type, uint64_t shm_page,
					 uint64_t fd_page, uint64_t pages,
					 unsigned int flags);

/* The two parts of the request in a slot */
void slot_parts(struct shmem *shmem, int slot, struct part parts[2]);

/* Adds a request to the ring. Returns its slot, or -ENOSPC. */
int guest_add(struct shmem *shmem, struct vhost_shmem_request request);

/* The same, split at random into descriptors of a table. */
int guest_add_split(struct shmem *shmem, struct vhost_shmem_request request, uint64_t *seed);

/* Kicks the device only if it asks for that: a device that should have asked gets stuck. */
void guest_kick(struct shmem *shmem);

/*
 * Takes one used descriptor. Returns its slot, -EAGAIN if there is none, or -EPROTO if the
 * device used a descriptor that it was not given, or wrote where it must not.
 */
int guest_reap(struct shmem *shmem, uint32_t *written);

/* Asks to be called for the next used descriptor. Returns true if it is there already. */
bool guest_listen(struct shmem *shmem);

/* Whether the guest is called within @ms. */
bool guest_called(struct shmem *shmem, unsigned int ms);

/* Waits for the next used descriptor. Returns what guest_reap() does, or -ETIMEDOUT. */
int guest_next(struct shmem *shmem, uint32_t *written, unsigned int timeout_ms);

/* Waits until @slot is used, which must be the next. Returns its status or -errno. */
int guest_status(struct shmem *shmem, int slot);

/* The errno with which the frontend refused the request */
int guest_error(const struct shmem *shmem, int slot);

/* Adds a request and kicks. */
int guest_start(struct shmem *shmem, unsigned int type, uint64_t shm_page, uint64_t fd_page,
		uint64_t pages);

/* Whether the region shows these pages of the file, byte for byte. */
bool guest_sees(const struct shmem *shmem, uint64_t shm_page, uint64_t fd_page,
		uint64_t pages);

/* Whether nothing is mapped there. */
bool guest_sees_nothing(const struct shmem *shmem, uint64_t shm_page, uint64_t pages);

#endif /* VHOST_BACKEND_LIB_VHOST_SHMEM_GUEST_H */
