/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Plays the VMM of /dev/vhost-shmem. What the guest sees of the region is memory of this
 * process, into which the frontend, in vhost_shmem_frontend.h, maps what it is told to; the
 * IOMMU is in vhost_shmem_iommu.h, the guest's driver in vhost_shmem_guest.h.
 *
 * Functions return 0 or a negative errno; shmem.failed then names the step.
 */
#ifndef VHOST_BACKEND_LIB_VHOST_SHMEM_H
#define VHOST_BACKEND_LIB_VHOST_SHMEM_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/vhost.h>
#include <linux/vhost_shmem.h>
#include <linux/virtio_ring.h>

#define SHMEM_PATH	"/dev/vhost-shmem"

/* Requests that the guest can have under way */
#define SHMEM_SLOTS	128

/* Each takes two descriptors of the ring, or one that refers to a table */
#define SHMEM_RING	(2 * SHMEM_SLOTS)
#define SHMEM_PARTS	48

/* Where the guest's memory starts, for the guest and with an IOMMU */
#define SHMEM_GPA	0x10000ULL
#define SHMEM_IOVA	0x7000000000ULL
#define SHMEM_IOVA_SHIFT 32

/* The content of a response that nobody wrote */
#define SHMEM_FILL	0xa5

/* Short names */
#define MAP		VHOST_SHMEM_T_MAP
#define UNMAP		VHOST_SHMEM_T_UNMAP
#define QUERY		VHOST_SHMEM_T_QUERY
#define MAP_READ	VHOST_SHMEM_MAP_R
#define MAP_WRITE	(VHOST_SHMEM_MAP_R | VHOST_SHMEM_MAP_W)

/* A request in the guest's memory */
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

	/* The region, and for each of its pages the file's page plus 1, or 0 */
	uint8_t *region;
	unsigned int *pages;

	/* Without a thread of its own, whoever waits has to run the frontend. */
	struct frontend *frontend;

	pthread_t iommu;
	atomic_bool iommu_running, iommu_stop;
	atomic_uint misses;
};

/* Notes the step that failed. Returns -errno. */
int shmem_fail(struct shmem *shmem, const char *step);

/* An ioctl as a step */
int shmem_ioctl(struct shmem *shmem, unsigned long request, const void *arg,
		const char *step);

#define SHMEM_IOCTL(shmem, request, arg) shmem_ioctl(shmem, request, arg, #request)

/* Returns when the worker has done everything that it was told to. */
int shmem_flush(struct shmem *shmem);

/* The size of the region */
size_t shmem_region_bytes(const struct shmem *shmem);

/* The content of the file at @offset */
uint64_t file_word(uint64_t offset);

/* Resets the guest's view of the ring, as when its driver starts. */
void shmem_ring_reset(struct shmem *shmem);

/* The ioctls of every vhost device */
int shmem_core(struct shmem *shmem);

/* The address of a byte of the ring as the VMM gives it: the guest's, with an IOMMU. */
uint64_t ring_address(const struct shmem *shmem, const void *at);

/* The ioctls of a virtqueue */
int shmem_vring(struct shmem *shmem);

/* Starts and stops the device. */
int shmem_run(struct shmem *shmem, unsigned int running);

/* Gives the device a channel. */
int shmem_attach(struct shmem *shmem, int channel);

/* The source of the misses of a device that is bound. Never 0: a test worker's are. */
unsigned int shmem_source(const struct shmem *shmem);

/* Gives the device a channel, and binds it if the options say so and it is not bound yet. */
int shmem_connect(struct shmem *shmem, int channel);

/* Everything that comes after VHOST_SET_OWNER, also when the owner is set again after a reset. */
int shmem_bring_up(struct shmem *shmem, int channel);

/* Everything that does not need a channel */
int shmem_prepare(struct shmem *shmem, struct shmem_options options);

/* Both of these */
int shmem_open(struct shmem *shmem, struct shmem_options options, int channel);

/* Returns what the IOMMU's thread ended with. */
int shmem_close(struct shmem *shmem);

/* VHOST_SHMEM_GET_STATS. All figures are ~0 on failure. */
struct vhost_shmem_stats shmem_stats(struct shmem *shmem);

#endif /* VHOST_BACKEND_LIB_VHOST_SHMEM_H */
