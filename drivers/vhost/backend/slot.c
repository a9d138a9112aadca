// SPDX-License-Identifier: GPL-2.0-only
/*
 * Slots: the requests that want a reply or carry a file, their ids, and how a
 * request ends for its worker.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
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
	INIT_LIST_HEAD(&inflight->foreign);
	inflight->deadlines = RB_ROOT_CACHED;
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

/**
 * vhost_backend_slot_find() - the slot of an id
 * @inflight: the requests, locked
 * @id: any number
 *
 * Return: the slot, or NULL: no request has this id now.
 */
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

static bool expires_before(struct rb_node *a, const struct rb_node *b)
{
	return time_before(rb_entry(a, struct vhost_backend_slot, expiry)->deadline,
			   rb_entry(b, struct vhost_backend_slot, expiry)->deadline);
}

/**
 * vhost_backend_slot_expect() - a worker waits for a request
 * @inflight: the requests, locked
 * @slot: of the request
 * @completion: with its owner
 * @deadline: jiffies, less than half their range ahead
 */
void vhost_backend_slot_expect(struct vhost_backend_inflight *inflight,
			       struct vhost_backend_slot *slot,
			       struct vhost_backend_completion *completion,
			       unsigned long deadline)
{
	slot->completion = completion;
	slot->deadline = deadline;
	rb_add_cached(&slot->expiry, &inflight->deadlines, expires_before);
	completion->id = slot->id;
	atomic_inc(&completion->owner->requests);
	vhost_backend_expect_callback(completion->owner);
}

/**
 * vhost_backend_slot_end_wait() - end a request for the worker that waits for it
 * @inflight: the requests, locked
 * @slot: with a completion
 * @error: given to done
 * @value: given to done
 * @file: given to done, which owns it
 * @ended: gets the completion
 */
void vhost_backend_slot_end_wait(struct vhost_backend_inflight *inflight,
				 struct vhost_backend_slot *slot, int error, u64 value,
				 struct file *file, struct vhost_backend_ended *ended)
{
	struct vhost_backend_completion *completion = slot->completion;

	completion->error = error;
	completion->value = value;
	completion->file = file;
	list_add_tail(&completion->node, &ended->completions);
	rb_erase_cached(&slot->expiry, &inflight->deadlines);
	slot->completion = NULL;
}

static void free_slot(struct vhost_backend_inflight *inflight,
		      struct vhost_backend_slot *slot)
{
	list_move(&slot->node, &inflight->free);
	inflight->nr_free++;
}

/**
 * vhost_backend_slot_end() - nothing is to be done for a request any more
 * @inflight: the requests, locked
 * @slot: without a completion
 * @ended: gets the slot if it has a file
 *
 * The slot's id is dead from here on. The slot is free once its file is put.
 */
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

/**
 * vhost_backend_slot_queued() - a request's record lies in the ring, unclaimed
 * @inflight: the requests, locked
 * @slot: of the request
 */
void vhost_backend_slot_queued(struct vhost_backend_inflight *inflight,
			       struct vhost_backend_slot *slot)
{
	slot->state = VHOST_BACKEND_SLOT_QUEUED;
	if (slot->own_mm_only)
		list_add_tail(&slot->node, &inflight->foreign);
}

/**
 * vhost_backend_slot_withdraw() - take a request back that was not delivered
 * @inflight: the requests, locked
 * @slot: QUEUED, without a completion
 * @ended: gets the slot if it has a file
 */
void vhost_backend_slot_withdraw(struct vhost_backend_inflight *inflight,
				 struct vhost_backend_slot *slot,
				 struct vhost_backend_ended *ended)
{
	vhost_backend_ring_withdraw(&inflight->ring, slot->position);
	this_cpu_inc(inflight->counters->requests_withdrawn);
	vhost_backend_slot_end(inflight, slot, ended);
}

/**
 * vhost_backend_slot_give_up() - the worker waits no longer
 * @inflight: the requests, locked
 * @slot: with a completion
 * @error: given to done
 * @ended: gets the completion, and the slot if it has a file
 *
 * A request that was not delivered is withdrawn. One that was, or is being copied,
 * keeps its slot and file until it is answered.
 */
void vhost_backend_slot_give_up(struct vhost_backend_inflight *inflight,
				struct vhost_backend_slot *slot, int error,
				struct vhost_backend_ended *ended)
{
	vhost_backend_slot_end_wait(inflight, slot, error, 0, NULL, ended);
	slot->given_up = true;
	this_cpu_inc(inflight->counters->requests_given_up);
	if (slot->state == VHOST_BACKEND_SLOT_QUEUED)
		vhost_backend_slot_withdraw(inflight, slot, ended);
}

/* Interrupts are off for a few slots at a time only. */
static void free_some(struct vhost_backend_inflight *inflight, struct list_head *slots)
{
	int most = VHOST_BACKEND_AT_ONCE;
	unsigned long flags;

	raw_spin_lock_irqsave(&inflight->lock, flags);
	while (most-- && !list_empty(slots))
		free_slot(inflight, list_first_entry(slots, struct vhost_backend_slot,
						     node));
	raw_spin_unlock_irqrestore(&inflight->lock, flags);
}

static void release_files(struct vhost_backend_inflight *inflight,
			  struct list_head *slots)
{
	struct vhost_backend_slot *slot;

	list_for_each_entry(slot, slots, node) {
		fput(slot->file);
		slot->file = NULL;
	}
	while (!list_empty(slots))
		free_some(inflight, slots);
}

static void request_over(const struct vhost_backend_inflight *inflight,
			 struct vhost_backend_owner *owner)
{
	/* Full barrier; partner: vhost_backend_owner_wait(). */
	if (atomic_dec_and_test(&owner->requests) && READ_ONCE(inflight->closed))
		complete(&owner->quiet);
	vhost_backend_callback_over(owner);
}

/* See vhost_backend_inflight_finish(). */
void __vhost_backend_inflight_finish(struct vhost_backend_inflight *inflight,
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
		request_over(inflight, owner);
	}
	INIT_LIST_HEAD(&ended->completions);
}

/**
 * vhost_backend_owner_wait() - wait until every done of a backend has returned
 * @owner: of a channel that is closed and whose requests have been ended; a callback
 *	of its is expected, which keeps it alive
 *
 * Context: Process context. Sleeps, for no longer than a done that is running takes.
 */
void vhost_backend_owner_wait(struct vhost_backend_owner *owner)
{
	/* Partner: request_over(). It finds the channel closed, or its request counts. */
	smp_mb();
	while (atomic_read(&owner->requests))
		wait_for_completion(&owner->quiet);
}

/**
 * vhost_backend_slot_reclaim() - free the room of withdrawn requests
 * @inflight: the requests
 *
 * Up to the oldest request that was not withdrawn.
 *
 * Context: Any but NMI.
 */
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
