/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Plays VMM and guest for /dev/vhost-shmem. Here: the VMM's ioctls and its IOMMU.
 * What the guest sees of the region is memory of this process, into which the
 * frontend, in vhost_shmem_frontend.h, maps what it is told to; the guest's driver
 * is in vhost_shmem_guest.h.
 *
 * Functions return 0 or a negative errno; shmem.failed then names the step.
 */
#ifndef VHOST_BACKEND_VHOST_SHMEM_H
#define VHOST_BACKEND_VHOST_SHMEM_H

#include <linux/vhost.h>
#include <linux/vhost_shmem.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <sys/eventfd.h>

#include "interleave.h"

#define SHMEM_PATH	"/dev/vhost-shmem"
/* Requests that the guest can have under way */
#define SHMEM_SLOTS	128
/* Of each: the first of a chain of two, or one that has a table */
#define SHMEM_RING	(2 * SHMEM_SLOTS)
#define SHMEM_PARTS	48
/* Where the guest's memory starts, for the guest and with an IOMMU */
#define SHMEM_GPA	0x10000ULL
#define SHMEM_IOVA	0x7000000000ULL
#define SHMEM_IOVA_SHIFT 32
/* What is in a response that nobody wrote */
#define SHMEM_FILL	0xa5

#define MAP		VHOST_SHMEM_T_MAP
#define UNMAP		VHOST_SHMEM_T_UNMAP
#define QUERY		VHOST_SHMEM_T_QUERY
#define MAP_READ	VHOST_SHMEM_MAP_R
#define MAP_WRITE	(VHOST_SHMEM_MAP_R | VHOST_SHMEM_MAP_W)

/* In the guest's memory. */
struct shmem_slot {
	struct vhost_shmem_request request;
	struct vhost_shmem_response response;
	uint8_t guard[16];
	struct vring_desc table[SHMEM_PARTS];
	uint8_t pad[192];
};

struct shmem_options {
	unsigned int shmid;
	unsigned int vring;
	unsigned int region_pages;
	unsigned int file_pages;
	unsigned int timeout_ms;
	bool iotlb;
	bool old_messages;	/* of the IOTLB, first version */
	bool bound;		/* the frontend is asked for translations over the channel */
	bool event_idx;
	bool call_eventfd;	/* else the guest is called over the channel */
};

struct frontend;

struct shmem {
	struct shmem_options options;
	int device;
	int file;
	int kick;
	int irq;
	int pipe[2];
	int channel;		/* to which it is bound, or -1 */
	const char *failed;

	/* The guest's memory: its ring, then its slots. */
	uint8_t *memory;
	size_t bytes;
	size_t ring_bytes;
	struct vring vring;
	struct shmem_slot *slots;
	bool busy[SHMEM_SLOTS];
	uint16_t added;
	uint16_t kicked;
	uint16_t seen;
	unsigned int kicks;

	/* The region, and of each page which of the file's it is, plus 1; 0: none. */
	uint8_t *region;
	unsigned int *pages;

	/* Without a thread of its own, whoever waits has to run the frontend. */
	struct frontend *frontend;

	pthread_t iommu;
	atomic_bool iommu_running, iommu_stop;
	atomic_uint misses;
};

static inline int shmem_fail(struct shmem *shmem, const char *step)
{
	int err = errno;

	shmem->failed = step;
	return err ? -err : -EIO;
}

static inline int shmem_ioctl(struct shmem *shmem, unsigned long request,
			      const void *arg, const char *step)
{
	return ioctl(shmem->device, request, arg) < 0 ? shmem_fail(shmem, step) : 0;
}

#define SHMEM_IOCTL(shmem, request, arg) shmem_ioctl(shmem, request, arg, #request)

/* Returns when the worker has done all that it was to do. */
static inline int shmem_flush(struct shmem *shmem)
{
	int none = -1;

	return SHMEM_IOCTL(shmem, VHOST_SET_LOG_FD, &none);
}

static inline size_t shmem_region_bytes(const struct shmem *shmem)
{
	return (size_t)shmem->options.region_pages * PAGE;
}

/* The device's IOTLB */

static inline bool has_iommu(const struct shmem *shmem)
{
	return shmem->options.iotlb || shmem->options.bound;
}

/* Each device on a channel has addresses of its own. */
static inline uint64_t iommu_base(const struct shmem *shmem)
{
	return SHMEM_IOVA + ((uint64_t)shmem->options.shmid << SHMEM_IOVA_SHIFT);
}

static inline uint64_t guest_address(const struct shmem *shmem, const void *at)
{
	return (has_iommu(shmem) ? iommu_base(shmem) : SHMEM_GPA) +
	       ((const uint8_t *)at - shmem->memory);
}

/* As the kernel lays them out, they differ in this only. */
static inline uint32_t iommu_version(const struct shmem *shmem)
{
	return shmem->options.old_messages ? VHOST_IOTLB_MSG : VHOST_IOTLB_MSG_V2;
}

static inline int iommu_tell(struct shmem *shmem, unsigned int type, size_t offset,
			     size_t bytes)
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

/* Gives the page that was missed. */
static inline int iommu_give(struct shmem *shmem, uint64_t iova, unsigned int type)
{
	uint64_t offset = iova - iommu_base(shmem);

	if (type != VHOST_IOTLB_MISS || offset >= shmem->bytes)
		return -EPROTO;
	atomic_fetch_add(&shmem->misses, 1);
	return iommu_tell(shmem, VHOST_IOTLB_UPDATE, offset & ~(uint64_t)(PAGE - 1), PAGE);
}

/* Answers the misses that there are. */
static inline int iommu_answer(struct shmem *shmem)
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

static inline void *iommu_run(void *arg)
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

static inline int iommu_start(struct shmem *shmem)
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

/* What the IOMMU's thread ended with */
static inline int iommu_end(struct shmem *shmem)
{
	void *err = NULL;

	if (shmem->iommu_running) {
		atomic_store(&shmem->iommu_stop, true);
		pthread_join(shmem->iommu, &err);
		shmem->iommu_running = false;
	}
	return (intptr_t)err;
}

/* The VMM */

static inline uint64_t file_word(uint64_t offset)
{
	return (offset + 1) * 0x9e3779b97f4a7c15ULL;
}

static inline int shmem_file(struct shmem *shmem)
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

static inline int shmem_memory(struct shmem *shmem)
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

/* The guest's view of the ring, as when its driver starts */
static inline void shmem_ring_reset(struct shmem *shmem)
{
	memset(shmem->memory, 0, shmem->ring_bytes);
	memset(shmem->busy, 0, sizeof(shmem->busy));
	shmem->added = 0;
	shmem->kicked = 0;
	shmem->seen = 0;
}

static inline int shmem_core(struct shmem *shmem)
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

/* With an IOMMU the addresses of the ring are the guest's. */
static inline uint64_t ring_address(const struct shmem *shmem, const void *at)
{
	return has_iommu(shmem) ? guest_address(shmem, at) : (uintptr_t)at;
}

static inline int shmem_vring(struct shmem *shmem)
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

static inline int shmem_run(struct shmem *shmem, unsigned int running)
{
	return SHMEM_IOCTL(shmem, VHOST_SHMEM_SET_RUNNING, &running);
}

static inline int shmem_attach(struct shmem *shmem, int channel)
{
	struct vhost_shmem_channel arg = {
		.fd = channel, .vring = shmem->options.vring,
	};

	return SHMEM_IOCTL(shmem, VHOST_SHMEM_SET_CHANNEL, &arg);
}

static inline int shmem_bind_iotlb(struct shmem *shmem, int channel, unsigned int flags)
{
	struct vhost_backend_bind bind = {
		.source = VHOST_BACKEND_BIND_IOTLB, .fd = shmem->device, .flags = flags,
	};

	return try_ioctl(channel, VHOST_BACKEND_BIND, &bind);
}

/* A channel that the device is bound to holds it, so that closing it does not do. */
static inline void shmem_unbind(struct shmem *shmem)
{
	if (shmem->channel >= 0)
		shmem_bind_iotlb(shmem, shmem->channel, VHOST_BACKEND_BIND_UNDO);
	shmem->channel = -1;
}

/* To a channel, with all that it is to bring; unless it is there already. */
static inline int shmem_connect(struct shmem *shmem, int channel)
{
	int err = shmem_attach(shmem, channel);

	if (err || !shmem->options.bound || shmem->channel == channel)
		return err;
	shmem_unbind(shmem);
	shmem->channel = channel;
	return shmem_bind_iotlb(shmem, channel, 0);
}

/* All that comes after VHOST_SET_OWNER, or after VHOST_RESET_OWNER and it */
static inline int shmem_bring_up(struct shmem *shmem, int channel)
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

/* Everything but what needs a channel */
static inline int shmem_prepare(struct shmem *shmem, struct shmem_options options)
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

static inline int shmem_open(struct shmem *shmem, struct shmem_options options,
			     int channel)
{
	return shmem_prepare(shmem, options) ?: shmem_bring_up(shmem, channel);
}

/* What the IOMMU's thread ended with */
static inline int shmem_close(struct shmem *shmem)
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

static inline struct vhost_shmem_stats shmem_stats(struct shmem *shmem)
{
	struct vhost_shmem_stats stats;

	memset(&stats, 0xff, sizeof(stats));
	if (ioctl(shmem->device, VHOST_SHMEM_GET_STATS, &stats))
		perror("VHOST_SHMEM_GET_STATS");
	return stats;
}

#endif /* VHOST_BACKEND_VHOST_SHMEM_H */
