// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest of /dev/vhost-shmem: reads requests from its memory, writes responses
 * into it, and interrupts it. All functions are called with vq.mutex held, in the
 * address space of the device's owner.
 */
#include <linux/uio.h>
#include <linux/vhost_iotlb.h>

#include "device.h"

/**
 * shmem_read_request() - read the request that vhost_get_vq_desc() found
 * @vq: the queue, with the request in vq->iov
 * @nr_out: number of the request's segments
 * @request: out: the request
 *
 * Return: true, or false if the request has a wrong length or can't be read.
 */
bool shmem_read_request(struct vhost_virtqueue *vq, unsigned int nr_out,
			struct vhost_shmem_request *request)
{
	size_t bytes = iov_length(vq->iov, nr_out);
	struct iov_iter from;

	if (bytes != sizeof(*request))
		return false;
	iov_iter_init(&from, ITER_SOURCE, vq->iov, nr_out, bytes);
	return copy_from_iter_full(request, sizeof(*request), &from);
}

/**
 * shmem_descriptor_init() - keep what is needed to answer a request later
 * @descriptor: out: the descriptor
 * @shmem: the device; vq.log has the guest's addresses of the buffer for the response
 * @head: the descriptor's number
 * @nr_log: number of entries in vq.log
 */
void shmem_descriptor_init(struct shmem_descriptor *descriptor,
			   const struct shmem_device *shmem, int head,
			   unsigned int nr_log)
{
	const struct vhost_log *from = shmem->vq.log;
	struct vhost_log *to = descriptor->segments;
	u64 left = sizeof(descriptor->response);

	for (; nr_log && left; nr_log--, from++) {
		if (!from->len)
			continue;
		to->addr = from->addr;
		to->len = min(from->len, left);
		left -= to->len;
		to++;
	}
	descriptor->nr_segments = to - descriptor->segments;
	descriptor->room = sizeof(descriptor->response) - left;
	descriptor->head = head;
	descriptor->answered = false;
	descriptor->asked = atomic_read(&shmem->iotlb_writes) - 1;
}

/**
 * shmem_descriptor_answer() - set the response, without writing it
 * @descriptor: a descriptor that the guest waits for
 * @status: VHOST_SHMEM_S_*
 * @error: a negative errno or 0
 * @bytes: the size of the region for QUERY, else 0
 */
void shmem_descriptor_answer(struct shmem_descriptor *descriptor, u32 status,
			     int error, u64 bytes)
{
	descriptor->response = (struct vhost_shmem_response){
		.status = cpu_to_le32(status),
		.error = cpu_to_le32(-error),
		.bytes = cpu_to_le64(bytes),
	};
	descriptor->answered = true;
}

/*
 * Asks the VMM for a translation, but only if it has written to the IOTLB since it
 * was last asked for this descriptor: the worker may come here many times until
 * then. The update of the IOTLB makes the worker run again.
 */
static int report_miss(struct shmem_device *shmem,
		       struct shmem_descriptor *descriptor, u64 address)
{
	struct vhost_virtqueue *vq = &shmem->vq;
	bool v2 = vhost_backend_has_feature(vq, VHOST_BACKEND_F_IOTLB_MSG_V2);
	int writes = atomic_read(&shmem->iotlb_writes);
	struct vhost_iotlb_msg *msg;
	struct vhost_msg_node *node;

	if (descriptor->asked == writes)
		return -EAGAIN;
	node = vhost_new_msg(vq, v2 ? VHOST_IOTLB_MSG_V2 : VHOST_IOTLB_MSG);
	if (!node)
		return -ENOMEM;
	msg = v2 ? &node->msg_v2.iotlb : &node->msg.iotlb;
	msg->type = VHOST_IOTLB_MISS;
	msg->iova = address;
	msg->perm = VHOST_ACCESS_WO;
	vhost_enqueue_msg(&shmem->dev, &shmem->dev.read_list, node);
	descriptor->asked = writes;
	return -EAGAIN;
}

/*
 * Translates a guest's address. *@bytes is the number of bytes wanted, and is lowered
 * to the number of bytes that *@base is good for.
 */
static int translate_one(struct shmem_device *shmem,
			 struct shmem_descriptor *descriptor, u64 address,
			 size_t *bytes, void __user **base)
{
	struct vhost_virtqueue *vq = &shmem->vq;
	const struct vhost_iotlb_map *map;

	map = vhost_iotlb_itree_first(vq->iotlb ?: vq->umem, address,
				      address + *bytes - 1);
	if (!map || map->start > address)
		return vq->iotlb ? report_miss(shmem, descriptor, address) : -EFAULT;
	if (!(map->perm & VHOST_ACCESS_WO))
		return -EFAULT;
	*bytes = min_t(u64, *bytes - 1, map->last - address) + 1;
	*base = (void __user *)(unsigned long)(map->addr + address - map->start);
	return 0;
}

/*
 * Translates the addresses to which the response is to be written. Returns the number
 * of entries in @iov; -EAGAIN: the VMM must answer a miss of the IOTLB first; another
 * error: the response can't be written.
 */
static int translate(struct shmem_device *shmem, struct shmem_descriptor *descriptor,
		     struct iovec iov[sizeof(struct vhost_shmem_response)])
{
	const struct vhost_log *segment = descriptor->segments;
	int i, err, nr = 0;

	for (i = 0; i < descriptor->nr_segments; i++, segment++) {
		u64 address = segment->addr;
		u64 end = address + segment->len;

		for (; address != end; address += iov[nr++].iov_len) {
			size_t bytes = end - address;
			void __user *base;

			err = translate_one(shmem, descriptor, address, &bytes, &base);
			if (err)
				return err;
			iov[nr].iov_base = base;
			iov[nr].iov_len = bytes;
		}
	}
	return nr;
}

static void use(struct shmem_device *shmem, struct shmem_descriptor *descriptor,
		size_t written)
{
	if (vhost_add_used(&shmem->vq, descriptor->head, written))
		shmem_ring_error(shmem);
	descriptor->head = SHMEM_NOBODY;
	shmem->used_some = true;
	shmem->stats.responses++;
	if (descriptor->response.status != cpu_to_le32(VHOST_SHMEM_S_OK))
		shmem->stats.failures++;
}

/**
 * shmem_descriptor_write() - write the response and give the descriptor back
 * @shmem: the device
 * @descriptor: a descriptor whose response is set
 *
 * Return: true, or false if the VMM must answer a miss of the IOTLB first. The worker
 * runs again when it has.
 */
bool shmem_descriptor_write(struct shmem_device *shmem,
			    struct shmem_descriptor *descriptor)
{
	struct iovec iov[ARRAY_SIZE(descriptor->segments)];
	int nr = translate(shmem, descriptor, iov);
	struct iov_iter to;
	size_t written = 0;

	if (nr == -EAGAIN)
		return false;
	if (nr > 0) {
		iov_iter_init(&to, ITER_DEST, iov, nr, descriptor->room);
		written = copy_to_iter(&descriptor->response, descriptor->room, &to);
	}
	use(shmem, descriptor, written);
	return true;
}

/**
 * shmem_descriptor_end() - give a descriptor back now
 * @shmem: the device
 * @descriptor: a descriptor whose response is set; it is written if it can be
 */
void shmem_descriptor_end(struct shmem_device *shmem,
			  struct shmem_descriptor *descriptor)
{
	if (!shmem_descriptor_write(shmem, descriptor))
		use(shmem, descriptor, 0);
}

/**
 * shmem_call_guest() - interrupt the guest if descriptors were given back
 * @shmem: the device
 *
 * With a call eventfd, vhost_signal() finds out whether the guest wants an interrupt.
 * Without one, VRING_CALL is raised in any case: one too many does no harm.
 */
void shmem_call_guest(struct shmem_device *shmem)
{
	if (!shmem->used_some)
		return;
	shmem->used_some = false;
	if (shmem->vq.call_ctx.ctx)
		vhost_signal(&shmem->dev, &shmem->vq);
	else if (shmem->be)
		vhost_backend_vring_call(shmem->be, 0);
}

/**
 * shmem_ring_error() - tell the VMM that the ring makes no sense
 * @shmem: the device
 *
 * If the VMM has set an error eventfd, the vhost core has signalled that already.
 */
void shmem_ring_error(struct shmem_device *shmem)
{
	if (!shmem->vq.error_ctx && shmem->be)
		vhost_backend_vring_err(shmem->be, 0);
}
