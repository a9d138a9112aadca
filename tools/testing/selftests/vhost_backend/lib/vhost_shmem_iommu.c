// SPDX-License-Identifier: GPL-2.0-only
#include "vhost_shmem_iommu.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <linux/vhost.h>

#include "memory.h"

bool has_iommu(const struct shmem *shmem)
{
	return shmem->options.iotlb || shmem->options.bound;
}

uint64_t iommu_base(const struct shmem *shmem)
{
	return SHMEM_IOVA + ((uint64_t)shmem->options.shmid << SHMEM_IOVA_SHIFT);
}

uint64_t guest_address(const struct shmem *shmem, const void *at)
{
	return (has_iommu(shmem) ? iommu_base(shmem) : SHMEM_GPA) +
	       ((const uint8_t *)at - shmem->memory);
}

uint32_t iommu_version(const struct shmem *shmem)
{
	return shmem->options.old_messages ? VHOST_IOTLB_MSG : VHOST_IOTLB_MSG_V2;
}

int iommu_tell(struct shmem *shmem, unsigned int type, size_t offset, size_t bytes)
{
	struct vhost_msg_v2 msg = {
		.type = iommu_version(shmem),
		.iotlb = {
			.iova = iommu_base(shmem) + offset, .size = bytes,
			.uaddr = (uintptr_t)shmem->memory + offset,
			.perm = VHOST_ACCESS_RW, .type = type,
		},
	};

	if (write(shmem->device, &msg, sizeof(msg)) != sizeof(msg))
		return shmem_fail(shmem, "IOTLB message");
	return 0;
}

int iommu_give(struct shmem *shmem, uint64_t iova, unsigned int type)
{
	uint64_t offset = iova - iommu_base(shmem);

	if (type != VHOST_IOTLB_MISS || offset >= shmem->bytes)
		return -EPROTO;
	atomic_fetch_add(&shmem->misses, 1);
	return iommu_tell(shmem, VHOST_IOTLB_UPDATE, offset & ~(uint64_t)(PAGE - 1), PAGE);
}

int iommu_answer(struct shmem *shmem)
{
	struct vhost_msg_v2 msg;
	ssize_t n;
	int err;

	while ((n = read(shmem->device, &msg, sizeof(msg))) == sizeof(msg)) {
		err = msg.type == iommu_version(shmem) ?
		      iommu_give(shmem, msg.iotlb.iova, msg.iotlb.type) : -EPROTO;
		if (err)
			return err;
	}
	return n < 0 && errno == EAGAIN ? 0 : -EPROTO;
}

static void *iommu_run(void *arg)
{
	struct shmem *shmem = arg;
	struct pollfd p = { .fd = shmem->device, .events = POLLIN };
	intptr_t err = 0;

	while (!err && !atomic_load(&shmem->iommu_stop)) {
		poll(&p, 1, 20);
		err = iommu_answer(shmem);
	}
	return (void *)err;
}

int iommu_start(struct shmem *shmem)
{
	int err = 0;

	/* The ring's pages have to be there before the queue starts. */
	for (size_t at = 0; !err && at < shmem->ring_bytes; at += PAGE)
		err = iommu_tell(shmem, VHOST_IOTLB_UPDATE, at, PAGE);
	if (err || shmem->iommu_running || shmem->options.bound)
		return err;
	atomic_store(&shmem->iommu_stop, false);
	err = -pthread_create(&shmem->iommu, NULL, iommu_run, shmem);
	shmem->iommu_running = !err;
	return err;
}

int iommu_end(struct shmem *shmem)
{
	void *err = NULL;

	if (shmem->iommu_running) {
		atomic_store(&shmem->iommu_stop, true);
		pthread_join(shmem->iommu, &err);
		shmem->iommu_running = false;
	}
	return (intptr_t)err;
}
