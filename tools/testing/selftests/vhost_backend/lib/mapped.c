// SPDX-License-Identifier: GPL-2.0-only
/* A consumer of a mapped channel, step by step as the user-space guide says. */
#include <sys/mman.h>

#include "channel.h"
#include "mapped.h"

int64_t mapped_try(int channel, size_t bytes, int protection, int flags, off_t offset)
{
	void *at = mmap(NULL, bytes, protection, flags, channel, offset);

	return at == MAP_FAILED ? -errno : (int64_t)(uintptr_t)at;
}

int mapped_open(struct mapped *mapped, int flags, struct vhost_backend_setup setup)
{
	int64_t ctl, ring;
	int err;

	setup.flags |= VHOST_BACKEND_SETUP_MMAP;
	*mapped = (struct mapped){ .channel = channel_open_with(flags, setup) };
	if (mapped->channel < 0)
		return mapped->channel;
	err = try_ioctl(mapped->channel, VHOST_BACKEND_GET_SETUP, &mapped->setup);
	if (err)
		return err;
	ctl = mapped_try(mapped->channel, mapped->setup.ctl_bytes, PROT_READ | PROT_WRITE,
			 MAP_SHARED, VHOST_BACKEND_MMAP_CTL);
	ring = mapped_try(mapped->channel, mapped->setup.ring_bytes, PROT_READ, MAP_SHARED,
			  VHOST_BACKEND_MMAP_RING);
	if (ctl < 0)
		return ctl;
	if (ring < 0)
		return ring;
	mapped->ctl = (void *)(uintptr_t)ctl;
	mapped->ring = (void *)(uintptr_t)ring;
	return 0;
}

void mapped_close(struct mapped *mapped)
{
	if (mapped->ctl)
		munmap(mapped->ctl, mapped->setup.ctl_bytes);
	if (mapped->ring)
		munmap((void *)mapped->ring, mapped->setup.ring_bytes);
	if (mapped->channel >= 0)
		close(mapped->channel);
}

const struct vhost_backend_msg *mapped_peek(struct mapped *mapped)
{
	uint64_t producer = __atomic_load_n(&mapped->ctl->producer, __ATOMIC_ACQUIRE);
	uint32_t bytes = mapped->setup.ring_bytes;

	while (mapped->position != producer) {
		uint32_t offset = mapped->position % bytes;
		const struct vhost_backend_msg *msg = (const void *)(mapped->ring + offset);

		if (bytes - offset < sizeof(*msg))
			mapped->position += bytes - offset;
		else if (msg->request == VHOST_BACKEND_PAD)
			mapped->position += message_bytes(msg);
		else
			return msg;
	}
	return NULL;
}

void mapped_next(struct mapped *mapped)
{
	mapped->position += message_bytes(mapped_peek(mapped));
}

void mapped_consume(struct mapped *mapped)
{
	__atomic_store_n(&mapped->ctl->consumer, mapped->position, __ATOMIC_RELEASE);
}

bool mapped_room(struct mapped *mapped)
{
	return __atomic_exchange_n(&mapped->ctl->room_wanted, 0, __ATOMIC_SEQ_CST) &&
	       !ioctl(mapped->channel, VHOST_BACKEND_ROOM);
}

static uint64_t take_bits(struct mapped *mapped, uint32_t request,
			  void (*heard)(void *context, uint32_t request, uint32_t vring),
			  void *context)
{
	bool call = request == VHOST_BACKEND_VRING_CALL;
	void *summary = mapped->ctl->call_summary, *words = mapped->ctl;
	uint64_t taken = 0;

	if (!call)
		summary = mapped->ctl->err_summary;
	words += call ? mapped->setup.call_offset : mapped->setup.err_offset;
	for (uint32_t s = 0; s < 8; s++) {
		uint64_t some = __atomic_exchange_n((uint64_t *)summary + s, 0,
						    __ATOMIC_SEQ_CST);

		for (; some; some &= some - 1) {
			uint32_t w = s * 64 + __builtin_ctzll(some);
			uint64_t word = __atomic_exchange_n((uint64_t *)words + w, 0,
							    __ATOMIC_SEQ_CST);

			for (; word; word &= word - 1, taken++)
				if (heard)
					heard(context, request,
					      w * 64 + __builtin_ctzll(word));
		}
	}
	return taken;
}

struct taken mapped_take(struct mapped *mapped,
			 void (*heard)(void *context, uint32_t request, uint32_t vring),
			 void *context)
{
	struct taken taken = {};

	taken.config = __atomic_exchange_n(&mapped->ctl->config_pending, 0, __ATOMIC_SEQ_CST);
	taken.calls = take_bits(mapped, VHOST_BACKEND_VRING_CALL, heard, context);
	taken.errs = take_bits(mapped, VHOST_BACKEND_VRING_ERR, heard, context);
	return taken;
}

bool mapped_sleep(struct mapped *mapped)
{
	struct vhost_backend_ctl *ctl = mapped->ctl;

	__atomic_exchange_n(&ctl->doorbell, 0, __ATOMIC_SEQ_CST);
	for (int s = 0; s < 8; s++)
		if (__atomic_load_n(&ctl->call_summary[s], __ATOMIC_SEQ_CST) ||
		    __atomic_load_n(&ctl->err_summary[s], __ATOMIC_SEQ_CST))
			return false;
	return !__atomic_load_n(&ctl->config_pending, __ATOMIC_SEQ_CST) &&
	       !__atomic_load_n(&ctl->room_wanted, __ATOMIC_SEQ_CST) && !mapped_peek(mapped);
}
