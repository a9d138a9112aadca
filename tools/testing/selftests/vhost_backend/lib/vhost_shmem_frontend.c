// SPDX-License-Identifier: GPL-2.0-only
#include "vhost_shmem_frontend.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/vhost_backend.h>

#include "channel.h"
#include "memory.h"
#include "random.h"
#include "reader.h"
#include "vhost_shmem_iommu.h"
#include "wait.h"

static struct place place_of(struct frontend *frontend, const struct message *message)
{
	struct place place = {};
	unsigned int shmid;

	switch (message->msg.request) {
	case VHOST_BACKEND_SHMEM_MAP:
		shmid = message->map.shmid;
		place.offset = message->map.shm_offset;
		place.len = message->map.len;
		place.fd_offset = message->map.fd_offset;
		place.writable = message->map.flags & VHOST_BACKEND_MAP_W;
		break;
	case VHOST_BACKEND_SHMEM_UNMAP:
		shmid = message->unmap.shmid;
		place.offset = message->unmap.shm_offset;
		place.len = message->unmap.len;
		break;
	default:
		shmid = message->std.shmid;
		place.offset = message->std.shm_offset;
		place.len = message->std.len;
		place.fd_offset = message->std.fd_offset;
		place.writable = message->std.flags & VHOST_BACKEND_MMAP_RW;
		break;
	}
	place.map = message->msg.request == VHOST_BACKEND_SHMEM_MAP ||
		    message->msg.request == VHOST_BACKEND_STD_SHMEM_MAP;
	for (unsigned int n = 0; n < FRONTEND_DEVICES; n++)
		if (frontend->devices[n] && frontend->devices[n]->options.shmid == shmid)
			place.shmem = frontend->devices[n];
	return place;
}

static bool place_is_good(const struct place *place)
{
	return place->shmem && place->len && place->len % PAGE == 0 &&
	       place->offset % PAGE == 0 && place->fd_offset % PAGE == 0 &&
	       place->offset <= shmem_region_bytes(place->shmem) &&
	       place->len <= shmem_region_bytes(place->shmem) - place->offset;
}

/* Maps into the region what is to be there, or takes down what is. */
static int frontend_map(struct frontend *frontend, const struct place *place, int fd)
{
	unsigned int *page = place->shmem->pages + place->offset / PAGE;
	int protection = PROT_READ | (place->writable ? PROT_WRITE : 0);
	void *at = place->shmem->region + place->offset;

	for (uint64_t n = 0; n < place->len / PAGE; n++) {
		if (!!page[n] != place->map)
			continue;
		/* A worker may take down what it can't know not to be there. */
		if (!place->map)
			return -ENOENT;
		atomic_fetch_add(&frontend->wrong, 1);
	}
	if (place->map)
		at = mmap(at, place->len, protection, MAP_SHARED | MAP_FIXED, fd,
			  place->fd_offset);
	else
		at = mmap(at, place->len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS |
			  MAP_NORESERVE | MAP_FIXED, -1, 0);
	if (at == MAP_FAILED)
		return -errno;
	for (uint64_t n = 0; n < place->len / PAGE; n++)
		page[n] = place->map ? place->fd_offset / PAGE + n + 1 : 0;
	return 0;
}

static bool has_file(const struct message *message)
{
	return message->msg.fd >= 0;
}

void frontend_answer(struct frontend *frontend, unsigned int index, int64_t value)
{
	struct message message = frontend->pending[index];
	struct place place = place_of(frontend, &message);

	memmove(&frontend->pending[index], &frontend->pending[index + 1],
		(--frontend->nr_pending - index) * sizeof(message));
	atomic_fetch_add(place.map ? &frontend->maps : &frontend->unmaps, 1);
	if (!place_is_good(&place) || place.map != has_file(&message))
		atomic_fetch_add(&frontend->wrong, 1);
	else if (!value)
		value = frontend_map(frontend, &place, message.msg.fd);
	if (value)
		atomic_fetch_add(&frontend->refused, 1);
	ignore_message(NULL, &message);
	if (channel_reply(frontend->channel, &message.msg, value) !=
	    sizeof(struct vhost_backend_reply))
		atomic_fetch_add(&frontend->wrong, 1);
}

/* A miss of a bound device, or without a source, of a test worker that fills the channel */
static void frontend_translate(struct frontend *frontend, const struct message *message)
{
	const struct vhost_backend_iotlb *iotlb = &message->iotlb;

	if (!iotlb->source)
		return;
	for (unsigned int n = 0; n < FRONTEND_DEVICES; n++) {
		struct shmem *shmem = frontend->devices[n];

		if (shmem && iotlb->source == shmem_source(shmem) &&
		    message->msg.flags == VHOST_BACKEND_MSG_VERSION && !message->msg.id &&
		    !iommu_give(shmem, iotlb->iova, iotlb->type))
			return;
	}
	atomic_fetch_add(&frontend->wrong, 1);
}

static void frontend_message(void *arg, const struct message *message)
{
	struct frontend *frontend = arg;

	if (message->msg.request == VHOST_BACKEND_VRING_CALL) {
		atomic_fetch_add(&frontend->calls, 1);
		for (unsigned int n = 0; n < FRONTEND_DEVICES; n++)
			if (frontend->devices[n] &&
			    frontend->devices[n]->options.vring == message->state.index)
				eventfd_write(frontend->devices[n]->irq, 1);
	} else if (message->msg.request == VHOST_BACKEND_VRING_ERR) {
		atomic_fetch_add(&frontend->errs, 1);
	} else if (message->msg.request == VHOST_BACKEND_IOTLB_MSG) {
		frontend_translate(frontend, message);
	} else if (frontend->nr_pending < FRONTEND_PENDING) {
		frontend->pending[frontend->nr_pending++] = *message;
	}
}

int frontend_take(struct frontend *frontend)
{
	return drain(frontend->channel, READ_MAX, frontend_message, frontend);
}

bool frontend_await(struct frontend *frontend, unsigned int count)
{
	return wait_until(frontend_take(frontend) >= 0 && frontend->nr_pending >= count);
}

/* One of them, but none before an earlier one for the same place */
static unsigned int frontend_choose(struct frontend *frontend)
{
	unsigned int chosen = next_random(&frontend->seed) % frontend->nr_pending;
	struct place place = place_of(frontend, &frontend->pending[chosen]);

	for (unsigned int n = 0; n < chosen; n++) {
		struct place other = place_of(frontend, &frontend->pending[n]);

		if (other.shmem == place.shmem && other.offset < place.offset + place.len &&
		    place.offset < other.offset + other.len)
			return n;
	}
	return chosen;
}

void *frontend_run(void *arg)
{
	struct frontend *frontend = arg;
	struct pollfd p = { .fd = frontend->channel, .events = POLLIN };
	bool refuse;

	while (!atomic_load(&frontend->stop)) {
		poll(&p, 1, frontend->nr_pending ? 0 : 20);
		frontend_take(frontend);
		if (!frontend->nr_pending)
			continue;
		if (frontend->slow_us)
			usleep(next_random(&frontend->seed) % frontend->slow_us);
		refuse = next_random(&frontend->seed) % 100 < frontend->refuse_percent;
		frontend_answer(frontend, frontend->shuffle ? frontend_choose(frontend) : 0,
				refuse ? -EIO : 0);
	}
	return NULL;
}

int frontend_start(struct frontend *frontend)
{
	for (unsigned int n = 0; n < FRONTEND_DEVICES; n++)
		if (frontend->devices[n])
			frontend->devices[n]->frontend = NULL;
	atomic_store(&frontend->stop, false);
	return -pthread_create(&frontend->thread, NULL, frontend_run, frontend);
}

void frontend_end(struct frontend *frontend)
{
	atomic_store(&frontend->stop, true);
	pthread_join(frontend->thread, NULL);
	for (unsigned int n = 0; n < FRONTEND_DEVICES; n++)
		if (frontend->devices[n])
			frontend->devices[n]->frontend = frontend;
}

void frontend_add(struct frontend *frontend, unsigned int n, struct shmem *shmem)
{
	frontend->devices[n] = shmem;
	shmem->frontend = frontend;
}

int frontend_drop_all(struct shmem *shmem)
{
	memset(shmem->pages, 0, shmem->options.region_pages * sizeof(*shmem->pages));
	return mmap(shmem->region, shmem_region_bytes(shmem), PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) ==
	       MAP_FAILED ? -errno : 0;
}
