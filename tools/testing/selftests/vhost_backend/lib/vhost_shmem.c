// SPDX-License-Identifier: GPL-2.0-only
#include "vhost_shmem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/vhost_backend.h>
#include <linux/virtio_config.h>

#include "channel.h"
#include "file.h"
#include "memory.h"
#include "vhost_shmem_iommu.h"

int shmem_fail(struct shmem *shmem, const char *step)
{
	int err = errno;

	shmem->failed = step;
	return err ? -err : -EIO;
}

int shmem_ioctl(struct shmem *shmem, unsigned long request, const void *arg,
		const char *step)
{
	return ioctl(shmem->device, request, arg) < 0 ? shmem_fail(shmem, step) : 0;
}

int shmem_flush(struct shmem *shmem)
{
	int none = -1;

	return SHMEM_IOCTL(shmem, VHOST_SET_LOG_FD, &none);
}

size_t shmem_region_bytes(const struct shmem *shmem)
{
	return (size_t)shmem->options.region_pages * PAGE;
}

uint64_t file_word(uint64_t offset)
{
	return (offset + 1) * 0x9e3779b97f4a7c15ULL;
}

static int shmem_file(struct shmem *shmem)
{
	size_t bytes = (size_t)shmem->options.file_pages * PAGE;
	uint64_t *words;

	shmem->file = make_file(shmem->options.file_pages);
	if (shmem->file < 0)
		return shmem_fail(shmem, "memfd_create");
	words = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, shmem->file, 0);
	if (words == MAP_FAILED)
		return shmem_fail(shmem, "mmap of the file");
	for (size_t at = 0; at < bytes; at += sizeof(*words))
		words[at / sizeof(*words)] = file_word(at);
	munmap(words, bytes);
	return 0;
}

static int shmem_memory(struct shmem *shmem)
{
	size_t ring = vring_size(SHMEM_RING, PAGE);

	shmem->ring_bytes = (ring + PAGE - 1) & ~(size_t)(PAGE - 1);
	shmem->bytes = shmem->ring_bytes + SHMEM_SLOTS * sizeof(struct shmem_slot);
	shmem->memory = mmap(NULL, shmem->bytes, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	shmem->region = mmap(NULL, shmem_region_bytes(shmem), PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	shmem->pages = calloc(shmem->options.region_pages, sizeof(*shmem->pages));
	if (shmem->memory == MAP_FAILED || shmem->region == MAP_FAILED || !shmem->pages)
		return shmem_fail(shmem, "memory");
	vring_init(&shmem->vring, SHMEM_RING, shmem->memory, PAGE);
	shmem->slots = (void *)(shmem->memory + shmem->ring_bytes);
	return 0;
}

void shmem_ring_reset(struct shmem *shmem)
{
	memset(shmem->memory, 0, shmem->ring_bytes);
	memset(shmem->busy, 0, sizeof(shmem->busy));
	shmem->added = 0;
	shmem->kicked = 0;
	shmem->seen = 0;
}

int shmem_core(struct shmem *shmem)
{
	uint64_t features = 1ULL << VIRTIO_F_VERSION_1 |
			    1ULL << VIRTIO_RING_F_INDIRECT_DESC;
	uint64_t backend_features = shmem->options.old_messages ? 0 :
				    1ULL << VHOST_BACKEND_F_IOTLB_MSG_V2;
	struct {
		struct vhost_memory head;
		struct vhost_memory_region region;
	} table = {
		.head.nregions = 1,
		.region.guest_phys_addr = SHMEM_GPA,
		.region.memory_size = shmem->bytes,
		.region.userspace_addr = (uintptr_t)shmem->memory,
	};
	int err;

	if (has_iommu(shmem))
		features |= 1ULL << VIRTIO_F_ACCESS_PLATFORM;
	if (shmem->options.event_idx)
		features |= 1ULL << VIRTIO_RING_F_EVENT_IDX;
	err = SHMEM_IOCTL(shmem, VHOST_SET_BACKEND_FEATURES, &backend_features);
	err = err ?: SHMEM_IOCTL(shmem, VHOST_SET_FEATURES, &features);
	return err ?: SHMEM_IOCTL(shmem, VHOST_SET_MEM_TABLE, &table);
}

uint64_t ring_address(const struct shmem *shmem, const void *at)
{
	return has_iommu(shmem) ? guest_address(shmem, at) : (uintptr_t)at;
}

int shmem_vring(struct shmem *shmem)
{
	struct vhost_vring_state num = { .num = SHMEM_RING };
	struct vhost_vring_state base = { .num = 0 };
	struct vhost_vring_addr addr = {
		.desc_user_addr = ring_address(shmem, shmem->vring.desc),
		.avail_user_addr = ring_address(shmem, shmem->vring.avail),
		.used_user_addr = ring_address(shmem, shmem->vring.used),
	};
	struct vhost_vring_file kick = { .fd = shmem->kick };
	struct vhost_vring_file call = { .fd = shmem->irq };
	int err = SHMEM_IOCTL(shmem, VHOST_SET_VRING_NUM, &num);

	err = err ?: SHMEM_IOCTL(shmem, VHOST_SET_VRING_BASE, &base);
	err = err ?: SHMEM_IOCTL(shmem, VHOST_SET_VRING_ADDR, &addr);
	err = err ?: SHMEM_IOCTL(shmem, VHOST_SET_VRING_KICK, &kick);
	if (!err && shmem->options.call_eventfd)
		err = SHMEM_IOCTL(shmem, VHOST_SET_VRING_CALL, &call);
	return err;
}

int shmem_run(struct shmem *shmem, unsigned int running)
{
	return SHMEM_IOCTL(shmem, VHOST_SHMEM_SET_RUNNING, &running);
}

int shmem_attach(struct shmem *shmem, int channel)
{
	struct vhost_shmem_channel arg = {
		.fd = channel, .vring = shmem->options.vring,
	};

	return SHMEM_IOCTL(shmem, VHOST_SHMEM_SET_CHANNEL, &arg);
}

unsigned int shmem_source(const struct shmem *shmem)
{
	return 1 + shmem->options.shmid;
}

static int shmem_bind_iotlb(struct shmem *shmem, int channel, unsigned int flags)
{
	struct vhost_backend_bind bind = {
		.source = VHOST_BACKEND_BIND_IOTLB, .index = shmem_source(shmem),
		.fd = shmem->device, .flags = flags,
	};

	return try_ioctl(channel, VHOST_BACKEND_BIND, &bind);
}

/* A channel that the device is bound to holds it, so that closing it does not do. */
static void shmem_unbind(struct shmem *shmem)
{
	if (shmem->channel >= 0)
		shmem_bind_iotlb(shmem, shmem->channel, VHOST_BACKEND_BIND_UNDO);
	shmem->channel = -1;
}

int shmem_connect(struct shmem *shmem, int channel)
{
	int err = shmem_attach(shmem, channel);

	if (err || !shmem->options.bound || shmem->channel == channel)
		return err;
	shmem_unbind(shmem);
	shmem->channel = channel;
	return shmem_bind_iotlb(shmem, channel, 0);
}

int shmem_bring_up(struct shmem *shmem, int channel)
{
	struct vhost_shmem_region region = {
		.shmid = shmem->options.shmid, .bytes = shmem_region_bytes(shmem),
	};
	int err = SHMEM_IOCTL(shmem, VHOST_SHMEM_SET_REGION, &region);

	err = err ?: SHMEM_IOCTL(shmem, VHOST_SHMEM_SET_FILE, &shmem->file);
	err = err ?: SHMEM_IOCTL(shmem, VHOST_SHMEM_SET_TIMEOUT,
				 &shmem->options.timeout_ms);
	err = err ?: shmem_connect(shmem, channel);
	shmem_ring_reset(shmem);
	err = err ?: shmem_core(shmem);
	err = err ?: shmem_vring(shmem);
	if (!err && has_iommu(shmem))
		err = iommu_start(shmem);
	return err ?: shmem_run(shmem, 1);
}

int shmem_prepare(struct shmem *shmem, struct shmem_options options)
{
	int err;

	memset(shmem, 0, sizeof(*shmem));
	shmem->options = options;
	shmem->channel = -1;
	shmem->device = open(SHMEM_PATH, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (shmem->device < 0)
		return shmem_fail(shmem, SHMEM_PATH);
	shmem->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	shmem->irq = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (shmem->kick < 0 || shmem->irq < 0 || pipe2(shmem->pipe, O_CLOEXEC))
		return shmem_fail(shmem, "eventfd and pipe");
	err = shmem_file(shmem);
	err = err ?: shmem_memory(shmem);
	return err ?: SHMEM_IOCTL(shmem, VHOST_SET_OWNER, NULL);
}

int shmem_open(struct shmem *shmem, struct shmem_options options, int channel)
{
	return shmem_prepare(shmem, options) ?: shmem_bring_up(shmem, channel);
}

int shmem_close(struct shmem *shmem)
{
	int err = iommu_end(shmem);

	shmem_unbind(shmem);
	close(shmem->device);
	close(shmem->file);
	close(shmem->kick);
	close(shmem->irq);
	close(shmem->pipe[0]);
	close(shmem->pipe[1]);
	munmap(shmem->memory, shmem->bytes);
	munmap(shmem->region, shmem_region_bytes(shmem));
	free(shmem->pages);
	return err;
}

struct vhost_shmem_stats shmem_stats(struct shmem *shmem)
{
	struct vhost_shmem_stats stats;

	memset(&stats, 0xff, sizeof(stats));
	if (ioctl(shmem->device, VHOST_SHMEM_GET_STATS, &stats))
		perror("VHOST_SHMEM_GET_STATS");
	return stats;
}
