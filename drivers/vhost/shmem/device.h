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
 * A descriptor that the guest waits for. The answer comes so much later that what
 * counts is the guest's addresses: the VMM may meanwhile have moved the memory,
 * taken it away, or only emptied the IOTLB.
 */
struct shmem_descriptor {
	int head;			/* SHMEM_NOBODY: the guest does not wait */
	bool answered;			/* with @response, which may not be written yet */
	struct vhost_shmem_response response;
	size_t room;			/* bytes of it that the guest has room for */
	unsigned int nr_segments;
	struct vhost_log segments[sizeof(struct vhost_shmem_response)];
	int asked;			/* iotlb_writes when a miss was last reported */
};

/*
 *	          asked           answered           asked
 *	FREE ----------> MAPPING ----------> LIVE ----------> UNMAPPING ---> FREE
 *	                  |    |               ^                |  answered
 *	           refused|    |given up, or    `---------------'
 *	                  v    |nobody wants it       refused
 *	                FREE   `-----> UNMAPPING
 */
enum shmem_state {
	SHMEM_FREE,
	SHMEM_MAPPING,
	SHMEM_LIVE,
	SHMEM_UNMAPPING,
};

/*
 * A mapping carries the one request that can be under way for it, so that none
 * ever has to be allocated.
 */
struct shmem_mapping {
	struct shmem_device *shmem;
	struct list_head node;		/* free or used */
	struct list_head unsent;	/* its request waits for room in the channel */
	struct llist_node ended;
	struct vhost_backend_completion completion;
	struct shmem_descriptor descriptor;
	u64 shm_offset;
	u64 fd_offset;
	u64 len;
	u32 flags;
	enum shmem_state state;
	bool made;			/* the frontend said so */
	bool unwanted;			/* the guest does not know of it: take it down */
	u8 retries;			/* of an unmap that timed out */
	int error;			/* how its request ended */
};

/*
 * One open of the device. As with every vhost device, dev.mutex serializes the
 * ioctls, and vq.mutex, inside it, is what the worker holds while it works. The
 * queue is started and stopped under both.
 */
struct shmem_device {
	struct vhost_dev dev;
	struct vhost_virtqueue vq;
	struct vhost_virtqueue *vqs[1];

	/* Written under dev.mutex, while the worker has no use for them. */
	struct file *file;		/* the queue is stopped */
	struct vhost_shmem_region region;	/* not attached */

	/* Written under both. */
	struct vhost_backend *be;	/* NULL: not attached */
	unsigned long timeout;

	/* Under vq.mutex. */
	struct list_head free;
	struct list_head used;
	struct list_head unsent;
	struct vhost_shmem_stats stats;
	unsigned int unwritten;		/* mappings whose answer is not written yet */
	bool used_some;			/* the guest has to be called */

	/* Written in any context, taken by the worker. */
	struct llist_head ended;
	unsigned long forget;		/* bit 0: the frontend dropped all mappings */
	atomic_t iotlb_writes;		/* by the VMM, each counted before it is done */

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
