// SPDX-License-Identifier: GPL-2.0-only
/*
 * Slots: the requests that want a reply or carry a file, their ids, and how a
 * request ends for its worker.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/nospec.h>

#include "memory.h"
#include "slot.h"

/**
 * vhost_backend_inflight_init() - make the slots
 * @inflight: its ring and counters are set already
 * @nr_slots: 1 to 4096
 *
 * Return: 0 or -ENOMEM.
 */
int vhost_backend_inflight_init(struct vhost_backend_inflight *inflight,
				u32 nr_slots)
{
	u32 i;

	BUILD_BUG_ON(VHOST_BACKEND_INFLIGHT_MAX > 1 << VHOST_BACKEND_SLOT_BITS);
	raw_spin_lock_init(&inflight->lock);
	INIT_LIST_HEAD(&inflight->free);
	inflight->slots = vhost_backend_zalloc(nr_slots * sizeof(*inflight->slots));
	if (!inflight->slots)
		return -ENOMEM;
	inflight->nr_slots = nr_slots;
	inflight->nr_free = nr_slots;
	for (i = 0; i < nr_slots; i++)
		list_add_tail(&inflight->slots[i].node, &inflight->free);
	return 0;
}

/**
 * vhost_backend_inflight_destroy() - free the slots
 * @inflight: closed, or never used
 */
void vhost_backend_inflight_destroy(struct vhost_backend_inflight *inflight)
{
	kvfree(inflight->slots);
}

struct vhost_backend_slot *
vhost_backend_slot_find(struct vhost_backend_inflight *inflight, u64 id)
{
	u64 number = id & (BIT(VHOST_BACKEND_SLOT_BITS) - 1);
	struct vhost_backend_slot *slot;

	if (!id || number >= inflight->nr_slots)
		return NULL;
	slot = &inflight->slots[array_index_nospec(number, inflight->nr_slots)];
	return slot->id == id ? slot : NULL;
}

/**
 * vhost_backend_ended_init() - nothing has ended yet
 * @ended: to be filled under the lock
 */
void vhost_backend_ended_init(struct vhost_backend_ended *ended)
{
	INIT_LIST_HEAD(&ended->completions);
	INIT_LIST_HEAD(&ended->slots);
}

/* Ends the request for the worker, if it still waits. */
void vhost_backend_slot_end_wait(struct vhost_backend_slot *slot, int error, u64 value,
		     struct file *file, struct vhost_backend_ended *ended)
{
	struct vhost_backend_completion *completion = slot->completion;

	completion->error = error;
	completion->value = value;
	completion->file = file;
	list_add_tail(&completion->node, &ended->completions);
	slot->completion = NULL;
}

static void free_slot(struct vhost_backend_inflight *inflight,
		      struct vhost_backend_slot *slot)
{
	list_move(&slot->node, &inflight->free);
	inflight->nr_free++;
}

/* The slot's id is dead from here on; it is free once its file is put. */
void vhost_backend_slot_end(struct vhost_backend_inflight *inflight,
		     struct vhost_backend_slot *slot,
		     struct vhost_backend_ended *ended)
{
	slot->id = 0;
	if (slot->reply)
		inflight->waiting--;
	if (slot->file)
		list_move_tail(&slot->node, &ended->slots);
	else
		free_slot(inflight, slot);
}

void vhost_backend_slot_withdraw(struct vhost_backend_inflight *inflight,
				 struct vhost_backend_slot *slot,
				 struct vhost_backend_ended *ended)
{
	vhost_backend_ring_withdraw(&inflight->ring, slot->position);
	this_cpu_inc(inflight->counters->requests_withdrawn);
	vhost_backend_slot_end(inflight, slot, ended);
}

/* The worker gives up: see the states for what becomes of the request. */
void vhost_backend_slot_give_up(struct vhost_backend_inflight *inflight,
				struct vhost_backend_slot *slot, int error,
				struct vhost_backend_ended *ended)
{
	vhost_backend_slot_end_wait(slot, error, 0, NULL, ended);
	slot->given_up = true;
	this_cpu_inc(inflight->counters->requests_given_up);
	if (slot->state == VHOST_BACKEND_SLOT_QUEUED)
		vhost_backend_slot_withdraw(inflight, slot, ended);
}

static void release_files(struct vhost_backend_inflight *inflight,
			  struct list_head *slots)
{
	struct vhost_backend_slot *slot, *next;
	unsigned long flags;

	if (list_empty(slots))
		return;
	list_for_each_entry(slot, slots, node) {
		fput(slot->file);
		slot->file = NULL;
	}
	raw_spin_lock_irqsave(&inflight->lock, flags);
	list_for_each_entry_safe(slot, next, slots, node)
		free_slot(inflight, slot);
	raw_spin_unlock_irqrestore(&inflight->lock, flags);
}

/**
 * vhost_backend_inflight_finish() - finish without locks what ended under them
 * @inflight: the requests
 * @ended: what ended; not used again
 */
void vhost_backend_inflight_finish(struct vhost_backend_inflight *inflight,
				   struct vhost_backend_ended *ended)
{
	struct vhost_backend_completion *completion, *next;

	/* First: done() may send again, and is to find room. */
	release_files(inflight, &ended->slots);
	list_for_each_entry_safe(completion, next, &ended->completions, node) {
		struct vhost_backend_owner *owner = completion->owner;

		/* done() may free the completion. */
		completion->done(completion, completion->error,
				 completion->value, completion->file);
		vhost_backend_callback_over(owner);
	}
}

/* Frees the room of what was withdrawn, up to the oldest request that was not. */
void vhost_backend_slot_reclaim(struct vhost_backend_inflight *inflight)
{
	struct vhost_backend_ring *ring = &inflight->ring;
	unsigned long flags;
	bool more;

	do {
		raw_spin_lock_irqsave(&inflight->lock, flags);
		more = vhost_backend_ring_skip(ring, ring->producer);
		raw_spin_unlock_irqrestore(&inflight->lock, flags);
	} while (more);
}
