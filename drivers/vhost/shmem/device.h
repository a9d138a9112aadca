/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VHOST_SHMEM_DEVICE_H
#define VHOST_SHMEM_DEVICE_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/vhost_backend.h>
#include <uapi/linux/vhost_shmem.h>

#include "vhost.h"

#define SHMEM_NOBODY	(-1)

struct shmem_device;

/*
 * A descriptor that the guest waits for. Until its request is answered, the VMM may
 * move or remove the memory, or empty the IOTLB. So the guest's addresses are kept,
 * and are translated when the response is written.
 */
struct shmem_descriptor {
	int head;			/* SHMEM_NOBODY: the guest does not wait */
	bool answered;			/* @response is valid, but may not be written yet */
	struct vhost_shmem_response response;
	size_t room;			/* bytes of @response that fit in @segments */
	unsigned int nr_segments;
	struct vhost_log segments[sizeof(struct vhost_shmem_response)];
	int asked;			/* shmem_device.iotlb_writes at the last miss */
};

/*
 *	           MAP is             mapped            UNMAP is
 *	            sent                                  sent         unmapped
 *	FREE ----------> MAPPING ----------> LIVE ----------> UNMAPPING -----> FREE
 *	                 |     |               ^                  |
 *	         refused |     | timed out, or `------------------'
 *	                 v     | unwanted           refused
 *	               FREE    `-----> UNMAPPING
 */
enum shmem_state {
	SHMEM_FREE,
	SHMEM_MAPPING,
	SHMEM_LIVE,
	SHMEM_UNMAPPING,
};

/*
 * A mapping has at most one request to the frontend under way. The completion of
 * that request is part of the mapping, so nothing is allocated when it is sent.
 */
struct shmem_mapping {
	struct shmem_device *shmem;
	struct list_head node;		/* in shmem_device.free or .used */
	struct list_head unsent;	/* in .unsent: waits for room in the channel */
	struct llist_node ended;	/* in .ended: the request has ended with @error */
	struct vhost_backend_completion completion;
	struct shmem_descriptor descriptor;
	u64 shm_offset;
	u64 fd_offset;
	u64 len;
	u32 flags;
	enum shmem_state state;
	bool made;			/* the frontend has confirmed the map */
	bool unwanted;			/* the guest does not know of it: unmap it */
	u8 retries;			/* how many times its UNMAP has timed out */
	int error;
};

/*
 * One open file of the device. As in every vhost device, dev.mutex serializes the
 * ioctls, and the worker holds vq.mutex while it runs. vq.mutex nests inside
 * dev.mutex. The queue is started and stopped under both.
 */
struct shmem_device {
	struct vhost_dev dev;
	struct vhost_virtqueue vq;
	struct vhost_virtqueue *vqs[1];

	/* Written under dev.mutex, while the worker does not use them. */
	struct file *file;			/* only while the queue is stopped */
	struct vhost_shmem_region region;	/* only while not attached */

	/* Written under dev.mutex and vq.mutex. */
	struct vhost_backend *be;	/* NULL: not attached */
	unsigned long timeout;

	/* Protected by vq.mutex. */
	struct list_head free;
	struct list_head used;
	struct list_head unsent;
	struct vhost_shmem_stats stats;
	unsigned int unwritten;		/* mappings whose response is not written yet */
	bool used_some;			/* the guest must be called */

	/* Written in any context, consumed by the worker. */
	struct llist_head ended;
	unsigned long forget;		/* bit 0: the frontend dropped all mappings */
	atomic_t iotlb_writes;		/* counts the VMM's writes, each in advance */

	struct shmem_mapping mappings[VHOST_SHMEM_MAPPINGS];
};

static inline bool shmem_is_running(struct shmem_device *shmem)
{
	return vhost_vq_get_backend(&shmem->vq);
}

/* guest.c */
bool shmem_read_request(struct vhost_virtqueue *vq, unsigned int nr_out,
			struct vhost_shmem_request *request);
void shmem_descriptor_init(struct shmem_descriptor *descriptor,
			   const struct shmem_device *shmem, int head,
			   unsigned int nr_log);
void shmem_descriptor_answer(struct shmem_descriptor *descriptor, u32 status,
			     int error, u64 bytes);
bool shmem_descriptor_write(struct shmem_device *shmem,
			    struct shmem_descriptor *descriptor);
void shmem_descriptor_end(struct shmem_device *shmem,
			  struct shmem_descriptor *descriptor);
void shmem_call_guest(struct shmem_device *shmem);
void shmem_ring_error(struct shmem_device *shmem);

/* queue.c */
void shmem_queue_init(struct shmem_device *shmem);
void shmem_queue_stop(struct shmem_device *shmem);
void shmem_queue_clear(struct shmem_device *shmem);
void shmem_queue_stats(struct shmem_device *shmem, struct vhost_shmem_stats *stats);
void shmem_queue_frontend_forgot(void *private);
void shmem_queue_has_room(void *private);

#endif /* VHOST_SHMEM_DEVICE_H */
