// SPDX-License-Identifier: GPL-2.0-only
#include "vhost_shmem_guest.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <linux/vhost_shmem.h>
#include <linux/virtio_ring.h>

#include "memory.h"
#include "random.h"
#include "vhost_shmem_frontend.h"
#include "vhost_shmem_iommu.h"
#include "wait.h"

int guest_slot(struct shmem *shmem)
{
	for (int slot = 0; slot < SHMEM_SLOTS; slot++) {
		if (shmem->busy[slot])
			continue;
		memset(&shmem->slots[slot], SHMEM_FILL, offsetof(struct shmem_slot, table));
		shmem->busy[slot] = true;
		return slot;
	}
	return -ENOSPC;
}

static struct vring_desc part_desc(const struct part *part, unsigned int next, bool last)
{
	return (struct vring_desc){
		.addr = part->address, .len = part->len, .next = next,
		.flags = (part->device_writes ? VRING_DESC_F_WRITE : 0) |
			 (last ? 0 : VRING_DESC_F_NEXT),
	};
}

static void guest_publish(struct shmem *shmem, int slot)
{
	shmem->vring.avail->ring[shmem->added++ % SHMEM_RING] = 2 * slot;
}

void guest_add_direct(struct shmem *shmem, int slot, const struct part *parts,
		      unsigned int count)
{
	for (unsigned int n = 0; n < count; n++)
		shmem->vring.desc[2 * slot + n] =
			part_desc(&parts[n], 2 * slot + n + 1, n + 1 == count);
	guest_publish(shmem, slot);
}

void guest_add_indirect(struct shmem *shmem, int slot, const struct part *parts,
			unsigned int count)
{
	struct vring_desc *table = shmem->slots[slot].table;

	for (unsigned int n = 0; n < count; n++)
		table[n] = part_desc(&parts[n], n + 1, n + 1 == count);
	shmem->vring.desc[2 * slot] = (struct vring_desc){
		.addr = guest_address(shmem, table), .len = count * sizeof(*table),
		.flags = VRING_DESC_F_INDIRECT,
	};
	guest_publish(shmem, slot);
}

struct vhost_shmem_request guest_request(unsigned int type, uint64_t shm_page,
					 uint64_t fd_page, uint64_t pages,
					 unsigned int flags)
{
	return (struct vhost_shmem_request){
		.type = type, .flags = flags, .shm_offset = shm_page * PAGE,
		.fd_offset = fd_page * PAGE, .len = pages * PAGE,
	};
}

void slot_parts(struct shmem *shmem, int slot, struct part parts[2])
{
	struct shmem_slot *s = &shmem->slots[slot];

	parts[0] = (struct part){ guest_address(shmem, &s->request),
				  sizeof(s->request), false };
	parts[1] = (struct part){ guest_address(shmem, &s->response),
				  sizeof(s->response), true };
}

int guest_add(struct shmem *shmem, struct vhost_shmem_request request)
{
	int slot = guest_slot(shmem);
	struct part parts[2];

	if (slot < 0)
		return slot;
	shmem->slots[slot].request = request;
	slot_parts(shmem, slot, parts);
	guest_add_direct(shmem, slot, parts, 2);
	return slot;
}

int guest_add_split(struct shmem *shmem, struct vhost_shmem_request request, uint64_t *seed)
{
	int slot = guest_slot(shmem);
	struct part whole[2], parts[SHMEM_PARTS];
	unsigned int count = 0;

	if (slot < 0)
		return slot;
	shmem->slots[slot].request = request;
	slot_parts(shmem, slot, whole);
	for (unsigned int n = 0; n < 2; n++) {
		while (whole[n].len) {
			uint32_t len = next_random(seed) % 3 ?
				       1 + next_random(seed) % whole[n].len : 1;

			parts[count] = whole[n];
			parts[count++].len = len;
			whole[n].address += len;
			whole[n].len -= len;
		}
	}
	guest_add_indirect(shmem, slot, parts, count);
	return slot;
}

void guest_kick(struct shmem *shmem)
{
	struct vring *vring = &shmem->vring;
	uint16_t old = shmem->kicked;
	bool wanted;

	/* Pairs with the device's read of the index before it reads the ring. */
	__atomic_store_n(&vring->avail->idx, shmem->added, __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	shmem->kicked = shmem->added;
	if (shmem->options.event_idx)
		wanted = vring_need_event(__atomic_load_n((uint16_t *)
							  &vring_avail_event(vring),
							  __ATOMIC_SEQ_CST),
					  shmem->added, old);
	else
		wanted = !(__atomic_load_n(&vring->used->flags, __ATOMIC_SEQ_CST) &
			   VRING_USED_F_NO_NOTIFY);
	if (!wanted)
		return;
	shmem->kicks++;
	if (eventfd_write(shmem->kick, 1))
		perror("kick");
}

int guest_reap(struct shmem *shmem, uint32_t *written)
{
	uint16_t index = __atomic_load_n(&shmem->vring.used->idx, __ATOMIC_ACQUIRE);
	struct vring_used_elem elem;
	unsigned int slot;

	if (index == shmem->seen)
		return -EAGAIN;
	elem = shmem->vring.used->ring[shmem->seen++ % SHMEM_RING];
	slot = elem.id / 2;
	if (elem.id % 2 || slot >= SHMEM_SLOTS || !shmem->busy[slot])
		return -EPROTO;
	shmem->busy[slot] = false;
	*written = elem.len;
	for (unsigned int n = 0; n < sizeof(shmem->slots[slot].guard); n++)
		if (shmem->slots[slot].guard[n] != SHMEM_FILL)
			return -EPROTO;
	return slot;
}

bool guest_listen(struct shmem *shmem)
{
	__atomic_store_n((uint16_t *)&vring_used_event(&shmem->vring), shmem->seen,
			 __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return __atomic_load_n(&shmem->vring.used->idx, __ATOMIC_SEQ_CST) != shmem->seen;
}

bool guest_called(struct shmem *shmem, unsigned int ms)
{
	struct pollfd p = { .fd = shmem->irq, .events = POLLIN };
	uint64_t limit = now_ms() + ms;
	eventfd_t count;

	do {
		if (shmem->frontend)
			frontend_take(shmem->frontend);
		if (poll(&p, 1, shmem->frontend ? 1 : (int)ms) == 1)
			return !eventfd_read(shmem->irq, &count);
	} while (now_ms() < limit);
	return false;
}

int guest_next(struct shmem *shmem, uint32_t *written, unsigned int timeout_ms)
{
	int slot;

	while ((slot = guest_reap(shmem, written)) == -EAGAIN) {
		if (guest_listen(shmem))
			continue;
		if (!guest_called(shmem, timeout_ms))
			return -ETIMEDOUT;
	}
	return slot;
}

int guest_status(struct shmem *shmem, int slot)
{
	uint32_t written = 0;
	int next = guest_next(shmem, &written, LIMIT_MS);

	if (next != slot)
		return next < 0 ? next : -EPROTO;
	return written == sizeof(struct vhost_shmem_response) ?
	       (int)shmem->slots[slot].response.status : -EBADMSG;
}

int guest_error(const struct shmem *shmem, int slot)
{
	return shmem->slots[slot].response.error;
}

int guest_start(struct shmem *shmem, unsigned int type, uint64_t shm_page, uint64_t fd_page,
		uint64_t pages)
{
	int slot = guest_add(shmem, guest_request(type, shm_page, fd_page, pages,
						  type == MAP ? MAP_READ : 0));

	guest_kick(shmem);
	return slot;
}

bool guest_sees(const struct shmem *shmem, uint64_t shm_page, uint64_t fd_page,
		uint64_t pages)
{
	const uint64_t *at = (void *)(shmem->region + shm_page * PAGE);

	for (uint64_t n = 0; n < pages * PAGE / sizeof(*at); n++)
		if (at[n] != file_word(fd_page * PAGE + n * sizeof(*at)))
			return false;
	return true;
}

bool guest_sees_nothing(const struct shmem *shmem, uint64_t shm_page, uint64_t pages)
{
	for (uint64_t n = 0; n < pages; n++)
		if (write(shmem->pipe[1], shmem->region + (shm_page + n) * PAGE, 1) >= 0 ||
		    errno != EFAULT)
			return false;
	return true;
}
