/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The IOMMU of a VMM with a vhost-shmem device: gives the device translations of guest
 * addresses, those that it misses by a thread or by hand.
 */
#ifndef VHOST_BACKEND_LIB_VHOST_SHMEM_IOMMU_H
#define VHOST_BACKEND_LIB_VHOST_SHMEM_IOMMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vhost_shmem.h"

/* Whether the device uses an IOMMU. */
bool has_iommu(const struct shmem *shmem);

/* Where the guest's memory starts. Each device on a channel has addresses of its own. */
uint64_t iommu_base(const struct shmem *shmem);

/* The address of a byte of the guest's memory, as the device knows it */
uint64_t guest_address(const struct shmem *shmem, const void *at);

/* The type of IOTLB messages. The kernel lays out both versions alike, but for the type. */
uint32_t iommu_version(const struct shmem *shmem);

/* Gives the device a translation, or has it forget one. */
int iommu_tell(struct shmem *shmem, unsigned int type, size_t offset, size_t bytes);

/* Gives the device the page that it missed. */
int iommu_give(struct shmem *shmem, uint64_t iova, unsigned int type);

/* Answers the misses that there are. */
int iommu_answer(struct shmem *shmem);

/*
 * Gives the pages of the ring, which must be there before the queue starts, and starts a
 * thread that answers misses.
 */
int iommu_start(struct shmem *shmem);

/* Stops the thread. Returns what it ended with. */
int iommu_end(struct shmem *shmem);

#endif /* VHOST_BACKEND_LIB_VHOST_SHMEM_IOMMU_H */
