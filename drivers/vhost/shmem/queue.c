// SPDX-License-Identifier: GPL-2.0-only
/*
 * The virtqueue of /dev/vhost-shmem: the guest's requests and the mappings.
 *
 * The vhost worker runs one function for all of it, handle_kick(). It is queued by a
 * kick of the guest, a reply of the frontend, room in the channel, and an update of
 * the IOTLB, and it looks at everything each time it runs. An event that comes while
 * it runs queues it again, so no event is lost. It never waits for the frontend.
 */
#include <linux/fs.h>
#include <linux/pagemap.h>

#include "device.h"

/*
 * If the UNMAP of an unwanted mapping times out, it is sent again with twice the
 * time-out, up to this bound. Otherwise a VMM that sets a time-out of 1 ms and does
 * not read the channel would keep the channel's timer busy for ever.
 */
#define RETRY_TIMEOUT_MAX	(30 * HZ)
/* After so many doublings, even one jiffy has reached that bound. */
#define RETRIES_MAX		15

/* Requests to the frontend */

/* May be called in any context. */
static void request_done(struct vhost_backend_completion *completion, int error,
			 u64 value, struct file *file)
{
	struct shmem_mapping *mapping =
		container_of(completion, struct shmem_mapping, completion);
	struct shmem_device *shmem = mapping->shmem;

	mapping->error = error;
	llist_add(&mapping->ended, &shmem->ended);
	vhost_poll_queue(&shmem->vq.poll);
}

static int ask_map(struct shmem_device *shmem, struct shmem_mapping *mapping)
{
	const struct vhost_backend_shmem_map map = {
		.flags = mapping->flags,
		.shmid = shmem->region.shmid,
		.shm_offset = mapping->shm_offset,
		.fd_offset = mapping->fd_offset,
		.len = mapping->len,
	};
	const struct vhost_backend_req req = {
		.request = VHOST_BACKEND_SHMEM_MAP,
		.size = sizeof(map),
		.payload = &map,
		.file = shmem->file,
	};

	return vhost_backend_request_async(shmem->be, &req, &mapping->completion);
}

static int ask_unmap(struct shmem_device *shmem, struct shmem_mapping *mapping)
{
	const struct vhost_backend_shmem_unmap unmap = {
		.shmid = shmem->region.shmid,
		.shm_offset = mapping->shm_offset,
		.len = mapping->len,
	};
	const struct vhost_backend_req req = {
		.request = VHOST_BACKEND_SHMEM_UNMAP,
		.size = sizeof(unmap),
		.payload = &unmap,
	};

	return vhost_backend_request_async(shmem->be, &req, &mapping->completion);
}

/* A time-out of 0 stays 0: it selects the channel's default, 30 s if not changed. */
static unsigned long reply_timeout(const struct shmem_device *shmem,
				   const struct shmem_mapping *mapping)
{
	unsigned long timeout = shmem->timeout;

	BUILD_BUG_ON(RETRY_TIMEOUT_MAX > 1UL << RETRIES_MAX);
	if (timeout >= RETRY_TIMEOUT_MAX)
		return timeout;
	return min_t(unsigned long, timeout << mapping->retries, RETRY_TIMEOUT_MAX);
}

static void settle(struct shmem_device *shmem, struct shmem_mapping *mapping,
		   int error);

/*
 * Sends the request that the mapping's state asks for. Returns false if the channel
 * has no room now; else the request has ended, or request_done() will be called.
 */
static bool try_ask(struct shmem_device *shmem, struct shmem_mapping *mapping)
{
	int err = -ENOTCONN;

	mapping->completion.done = request_done;
	mapping->completion.timeout = reply_timeout(shmem, mapping);
	if (shmem->be)
		err = mapping->state == SHMEM_MAPPING ? ask_map(shmem, mapping) :
							ask_unmap(shmem, mapping);
	if (err == -EAGAIN)
		return false;
	if (err)
		settle(shmem, mapping, err);
	return true;
}

static void ask(struct shmem_device *shmem, struct shmem_mapping *mapping)
{
	if (try_ask(shmem, mapping))
		return;
	list_add_tail(&mapping->unsent, &shmem->unsent);
	shmem->stats.room_waits++;
}

static void ask_unsent(struct shmem_device *shmem)
{
	struct shmem_mapping *mapping, *next;

	list_for_each_entry_safe(mapping, next, &shmem->unsent, unsent) {
		list_del_init(&mapping->unsent);
		if (try_ask(shmem, mapping))
			continue;
		list_add(&mapping->unsent, &shmem->unsent);
		return;
	}
}

/* Mappings */

static void free_if_idle(struct shmem_device *shmem, struct shmem_mapping *mapping)
{
	if (mapping->state == SHMEM_FREE && mapping->descriptor.head == SHMEM_NOBODY)
		list_move(&mapping->node, &shmem->free);
}

/* Sets the state of a mapping, and answers the guest if it waits. */
static void conclude(struct shmem_device *shmem, struct shmem_mapping *mapping,
		     enum shmem_state state, u32 status, int error)
{
	struct shmem_descriptor *descriptor = &mapping->descriptor;

	mapping->state = state;
	if (descriptor->head != SHMEM_NOBODY && !descriptor->answered) {
		shmem_descriptor_answer(descriptor, status, error, 0);
		if (!shmem_descriptor_write(shmem, descriptor))
			shmem->unwritten++;
	}
	free_if_idle(shmem, mapping);
}

/* Tries again to write the responses that had to wait for the IOTLB. */
static void write_unwritten(struct shmem_device *shmem)
{
	struct shmem_mapping *mapping, *next;

	if (!shmem->unwritten)
		return;
	list_for_each_entry_safe(mapping, next, &shmem->used, node) {
		if (mapping->descriptor.head == SHMEM_NOBODY ||
		    !mapping->descriptor.answered ||
		    !shmem_descriptor_write(shmem, &mapping->descriptor))
			continue;
		shmem->unwritten--;
		free_if_idle(shmem, mapping);
	}
}

/* Unmaps a mapping that the guest does not know of. */
static void unmap_unwanted(struct shmem_device *shmem, struct shmem_mapping *mapping)
{
	mapping->state = SHMEM_UNMAPPING;
	mapping->retries = 0;
	ask(shmem, mapping);
}

static void unmap_again(struct shmem_device *shmem, struct shmem_mapping *mapping)
{
	if (mapping->retries < RETRIES_MAX)
		mapping->retries++;
	ask(shmem, mapping);
}

/*
 * A map that timed out may have been made, or may yet be made. A map that became
 * unwanted while it was under way has been made. Both are unmapped.
 */
static void settle_map(struct shmem_device *shmem, struct shmem_mapping *mapping,
		       int error)
{
	mapping->made = !error;
	if (!error && !mapping->unwanted) {
		conclude(shmem, mapping, SHMEM_LIVE, VHOST_SHMEM_S_OK, 0);
	} else if (error && error != -ETIMEDOUT) {
		conclude(shmem, mapping, SHMEM_FREE, VHOST_SHMEM_S_FAILED, error);
	} else {
		mapping->unwanted = true;
		conclude(shmem, mapping, SHMEM_UNMAPPING, VHOST_SHMEM_S_FAILED, error);
		unmap_unwanted(shmem, mapping);
	}
}

/*
 * If an unmap fails, the mapping stays live, unless the frontend never confirmed that
 * it made it. An unwanted mapping that stays is unmapped again when the guest wants
 * its place: see is_taken().
 */
static void settle_unmap(struct shmem_device *shmem, struct shmem_mapping *mapping,
			 int error)
{
	if (!error || error == -ENOENT)
		conclude(shmem, mapping, SHMEM_FREE, VHOST_SHMEM_S_OK, 0);
	else if (mapping->unwanted && error == -ETIMEDOUT)
		unmap_again(shmem, mapping);
	else
		conclude(shmem, mapping, mapping->made ? SHMEM_LIVE : SHMEM_FREE,
			 VHOST_SHMEM_S_FAILED, error);
}

/* Handles the end of a mapping's request. */
static void settle(struct shmem_device *shmem, struct shmem_mapping *mapping,
		   int error)
{
	if (mapping->state == SHMEM_MAPPING)
		settle_map(shmem, mapping, error);
	else
		settle_unmap(shmem, mapping, error);
}

static void drop_live(struct shmem_device *shmem)
{
	struct shmem_mapping *mapping, *next;

	list_for_each_entry_safe(mapping, next, &shmem->used, node)
		if (mapping->state == SHMEM_LIVE)
			conclude(shmem, mapping, SHMEM_FREE, 0, 0);
}

/*
 * @forget is read before @ended. So the maps that had ended before the frontend
 * forgot its mappings are settled first, and are then dropped with the others.
 */
static void settle_ended(struct shmem_device *shmem)
{
	bool forget = test_and_clear_bit(0, &shmem->forget);
	struct shmem_mapping *mapping, *next;
	struct llist_node *ended;

	ended = llist_reverse_order(llist_del_all(&shmem->ended));
	llist_for_each_entry_safe(mapping, next, ended, ended)
		settle(shmem, mapping, mapping->error);
	if (forget)
		drop_live(shmem);
}

static bool is_within(u64 offset, u64 len, u64 bytes)
{
	return len && PAGE_ALIGNED(offset) && PAGE_ALIGNED(len) && offset <= bytes &&
	       len <= bytes - offset;
}

static bool is_taken(struct shmem_device *shmem, u64 offset, u64 len)
{
	struct shmem_mapping *mapping;

	list_for_each_entry(mapping, &shmem->used, node) {
		if (offset >= mapping->shm_offset + mapping->len ||
		    mapping->shm_offset >= offset + len)
			continue;
		if (mapping->state == SHMEM_LIVE && mapping->unwanted)
			unmap_unwanted(shmem, mapping);
		return true;
	}
	return false;
}

static u32 check_map(struct shmem_device *shmem, u64 shm_offset, u64 fd_offset,
		     u64 len, u32 flags)
{
	u64 file_bytes = PAGE_ALIGN(i_size_read(file_inode(shmem->file)));

	if (flags != VHOST_SHMEM_MAP_R &&
	    flags != (VHOST_SHMEM_MAP_R | VHOST_SHMEM_MAP_W))
		return VHOST_SHMEM_S_UNSUPPORTED;
	if (!is_within(shm_offset, len, shmem->region.bytes) ||
	    !is_within(fd_offset, len, file_bytes))
		return VHOST_SHMEM_S_RANGE;
	if (is_taken(shmem, shm_offset, len))
		return VHOST_SHMEM_S_EXIST;
	if (list_empty(&shmem->free))
		return VHOST_SHMEM_S_NOSPC;
	return VHOST_SHMEM_S_OK;
}

/* If this returns VHOST_SHMEM_S_OK, the request is answered later. */
static u32 start_map(struct shmem_device *shmem,
		     const struct vhost_shmem_request *request,
		     const struct shmem_descriptor *descriptor)
{
	u64 shm_offset = le64_to_cpu(request->shm_offset);
	u64 fd_offset = le64_to_cpu(request->fd_offset);
	u64 len = le64_to_cpu(request->len);
	u32 flags = le32_to_cpu(request->flags);
	u32 status = check_map(shmem, shm_offset, fd_offset, len, flags);
	struct shmem_mapping *mapping;

	BUILD_BUG_ON(VHOST_SHMEM_MAP_R != VHOST_BACKEND_MAP_R);
	BUILD_BUG_ON(VHOST_SHMEM_MAP_W != VHOST_BACKEND_MAP_W);
	if (status)
		return status;
	mapping = list_first_entry(&shmem->free, struct shmem_mapping, node);
	list_move_tail(&mapping->node, &shmem->used);
	mapping->descriptor = *descriptor;
	mapping->shm_offset = shm_offset;
	mapping->fd_offset = fd_offset;
	mapping->len = len;
	mapping->flags = flags;
	mapping->made = false;
	mapping->unwanted = false;
	mapping->retries = 0;
	mapping->state = SHMEM_MAPPING;
	ask(shmem, mapping);
	return VHOST_SHMEM_S_OK;
}

static struct shmem_mapping *find_live(struct shmem_device *shmem, u64 offset, u64 len)
{
	struct shmem_mapping *mapping;

	list_for_each_entry(mapping, &shmem->used, node)
		if (mapping->state == SHMEM_LIVE && !mapping->unwanted &&
		    mapping->shm_offset == offset && mapping->len == len)
			return mapping;
	return NULL;
}

/* If this returns VHOST_SHMEM_S_OK, the request is answered later. */
static u32 start_unmap(struct shmem_device *shmem,
		       const struct vhost_shmem_request *request,
		       const struct shmem_descriptor *descriptor)
{
	struct shmem_mapping *mapping;

	if (request->flags)
		return VHOST_SHMEM_S_UNSUPPORTED;
	mapping = find_live(shmem, le64_to_cpu(request->shm_offset),
			    le64_to_cpu(request->len));
	if (!mapping || mapping->descriptor.head != SHMEM_NOBODY)
		return VHOST_SHMEM_S_NOENT;
	mapping->descriptor = *descriptor;
	mapping->state = SHMEM_UNMAPPING;
	ask(shmem, mapping);
	return VHOST_SHMEM_S_OK;
}

/* The guest's requests */

static void answer_now(struct shmem_device *shmem, struct shmem_descriptor *descriptor,
		       u32 status, u64 bytes)
{
	shmem_descriptor_answer(descriptor, status, 0, bytes);
	shmem_descriptor_end(shmem, descriptor);
}

static void take_request(struct shmem_device *shmem, int head, unsigned int nr_out,
			 unsigned int nr_log)
{
	struct shmem_descriptor descriptor;
	struct vhost_shmem_request request;
	u32 status = VHOST_SHMEM_S_UNSUPPORTED;

	shmem->stats.requests++;
	shmem_descriptor_init(&descriptor, shmem, head, nr_log);
	if (descriptor.room < sizeof(struct vhost_shmem_response) ||
	    !shmem_read_request(&shmem->vq, nr_out, &request)) {
		answer_now(shmem, &descriptor, VHOST_SHMEM_S_MALFORMED, 0);
		return;
	}
	switch (le32_to_cpu(request.type)) {
	case VHOST_SHMEM_T_MAP:
		status = start_map(shmem, &request, &descriptor);
		break;
	case VHOST_SHMEM_T_UNMAP:
		status = start_unmap(shmem, &request, &descriptor);
		break;
	case VHOST_SHMEM_T_QUERY:
		if (request.flags)
			break;
		answer_now(shmem, &descriptor, VHOST_SHMEM_S_OK, shmem->region.bytes);
		return;
	}
	if (status)
		answer_now(shmem, &descriptor, status, 0);
}

/*
 * Takes the guest's requests from the ring, until one finds no room in the channel.
 * Those behind it stay in the ring, with the guest's kicks off, until handle_kick()
 * runs again because there is room.
 */
static void take_requests(struct shmem_device *shmem)
{
	struct vhost_virtqueue *vq = &shmem->vq;
	unsigned int nr_out, nr_in, nr_log;
	int head, taken = 0;

	do {
		if (!list_empty(&shmem->unsent))
			return;
		/* It stores the guest's addresses of the response's buffer in the log. */
		head = vhost_get_vq_desc(vq, vq->iov, ARRAY_SIZE(vq->iov), &nr_out,
					 &nr_in, vq->log, &nr_log);
		/* A miss of the IOTLB: its update runs handle_kick() again. */
		if (head == -EAGAIN)
			return;
		if (head < 0) {
			shmem_ring_error(shmem);
			return;
		}
		if (head == vq->num) {
			if (!vhost_enable_notify(&shmem->dev, vq))
				return;
			/* A request came in just before kicks were on again. */
			vhost_disable_notify(&shmem->dev, vq);
			continue;
		}
		take_request(shmem, head, nr_out, nr_log);
	} while (!vhost_exceeds_weight(vq, ++taken, 0));
}

/*
 * While the ring's own memory is not in the IOTLB, nothing can be answered, and all
 * is left as it is: the update runs this again. While the queue is stopped, the guest
 * waits for nothing, but requests that are under way end all the same.
 */
static void handle_kick(struct vhost_work *work)
{
	struct vhost_virtqueue *vq = container_of(work, struct vhost_virtqueue,
						  poll.work);
	struct shmem_device *shmem = container_of(vq, struct shmem_device, vq);
	bool running;

	mutex_lock(&vq->mutex);
	running = shmem_is_running(shmem);
	if (running) {
		if (!vq_meta_prefetch(vq))
			goto out;
		vhost_disable_notify(&shmem->dev, vq);
		write_unwritten(shmem);
	}
	settle_ended(shmem);
	ask_unsent(shmem);
	if (running)
		take_requests(shmem);
	shmem_call_guest(shmem);
out:
	mutex_unlock(&vq->mutex);
}

/* The device */

/* Answers the guest at once, whatever becomes of the request to the frontend. */
static void cancel(struct shmem_device *shmem, struct shmem_mapping *mapping)
{
	struct shmem_descriptor *descriptor = &mapping->descriptor;
	bool answered = descriptor->answered;

	if (!answered)
		shmem_descriptor_answer(descriptor, VHOST_SHMEM_S_CANCELED, 0, 0);
	shmem_descriptor_end(shmem, descriptor);
	if (answered) {
		free_if_idle(shmem, mapping);
	} else if (list_empty(&mapping->unsent)) {
		/* The request has been sent: settle() does the rest when it ends. */
		mapping->unwanted = mapping->state == SHMEM_MAPPING;
	} else {
		list_del_init(&mapping->unsent);
		conclude(shmem, mapping, mapping->state == SHMEM_MAPPING ?
					 SHMEM_FREE : SHMEM_LIVE, 0, 0);
	}
}

/**
 * shmem_queue_stop() - answer all requests and take no more
 * @shmem: a device whose queue runs; the caller holds dev.mutex and vq.mutex
 *
 * It writes to the guest's memory, so it must be called by the device's owner.
 */
void shmem_queue_stop(struct shmem_device *shmem)
{
	struct shmem_mapping *mapping, *next;

	settle_ended(shmem);
	list_for_each_entry_safe(mapping, next, &shmem->used, node)
		if (mapping->descriptor.head != SHMEM_NOBODY)
			cancel(shmem, mapping);
	shmem->unwritten = 0;
	shmem_call_guest(shmem);
	vhost_vq_set_backend(&shmem->vq, NULL);
	/* Unwanted mappings must be unmapped, even if the guest never kicks again. */
	vhost_poll_queue(&shmem->vq.poll);
}

/**
 * shmem_queue_clear() - forget all mappings
 * @shmem: a device that is not attached, and whose queue is stopped
 */
void shmem_queue_clear(struct shmem_device *shmem)
{
	unsigned int i;

	INIT_LIST_HEAD(&shmem->free);
	INIT_LIST_HEAD(&shmem->used);
	INIT_LIST_HEAD(&shmem->unsent);
	init_llist_head(&shmem->ended);
	clear_bit(0, &shmem->forget);
	shmem->unwritten = 0;
	for (i = 0; i < VHOST_SHMEM_MAPPINGS; i++) {
		struct shmem_mapping *mapping = &shmem->mappings[i];

		mapping->shmem = shmem;
		mapping->state = SHMEM_FREE;
		mapping->descriptor.head = SHMEM_NOBODY;
		INIT_LIST_HEAD(&mapping->unsent);
		list_add_tail(&mapping->node, &shmem->free);
	}
}

/**
 * shmem_queue_stats() - report counters and mappings
 * @shmem: the device; the caller holds vq.mutex
 * @stats: out: the report
 */
void shmem_queue_stats(struct shmem_device *shmem, struct vhost_shmem_stats *stats)
{
	struct shmem_mapping *mapping;

	*stats = shmem->stats;
	list_for_each_entry(mapping, &shmem->used, node) {
		if (mapping->state == SHMEM_LIVE && !mapping->unwanted)
			stats->mappings++;
		else
			stats->pending++;
	}
}

/**
 * shmem_queue_frontend_forgot() - the frontend has dropped all mappings
 * @private: the device, a struct shmem_device
 *
 * Context: Any.
 */
void shmem_queue_frontend_forgot(void *private)
{
	struct shmem_device *shmem = private;

	set_bit(0, &shmem->forget);
	vhost_poll_queue(&shmem->vq.poll);
}

/**
 * shmem_queue_has_room() - the channel has room for a request that had to wait
 * @private: the device, a struct shmem_device
 *
 * The channel calls this once after a request failed with -EAGAIN, perhaps before
 * the run of handle_kick() in which it failed has ended. Then handle_kick() runs
 * again afterwards.
 *
 * Context: Any but NMI.
 */
void shmem_queue_has_room(void *private)
{
	struct shmem_device *shmem = private;

	vhost_poll_queue(&shmem->vq.poll);
}

/**
 * shmem_queue_init() - initialise the queue of a new device
 * @shmem: the device, zeroed; vhost_dev_init() is called after this
 */
void shmem_queue_init(struct shmem_device *shmem)
{
	shmem->vq.handle_kick = handle_kick;
	shmem_queue_clear(shmem);
}
