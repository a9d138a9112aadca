// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests: who waits for what. A reply, a time-out, a shutdown, a killed waiter
 * and the channel's death may race: whoever takes the completion out of its slot
 * under the lock ends the request for the worker.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/slab.h>

#include "inflight.h"

#define SLOT_BITS	16
/* Slots that are looked at in a row, with interrupts off */
#define SLOTS_AT_ONCE	64

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

	BUILD_BUG_ON(VHOST_BACKEND_INFLIGHT_MAX > 1 << SLOT_BITS);
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

static struct vhost_backend_slot *
find_slot(struct vhost_backend_inflight *inflight, u64 id)
{
	u64 number = id & (BIT(SLOT_BITS) - 1);
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
static void end_wait(struct vhost_backend_slot *slot, int error, u64 value,
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
static void end_slot(struct vhost_backend_inflight *inflight,
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

static void withdraw(struct vhost_backend_inflight *inflight,
		     struct vhost_backend_slot *slot,
		     struct vhost_backend_ended *ended)
{
	vhost_backend_ring_withdraw(&inflight->ring, slot->position);
	this_cpu_inc(inflight->counters->requests_withdrawn);
	end_slot(inflight, slot, ended);
}

/* The worker gives up: see the states for what becomes of the request. */
static void give_up(struct vhost_backend_inflight *inflight,
		    struct vhost_backend_slot *slot, int error,
		    struct vhost_backend_ended *ended)
{
	end_wait(slot, error, 0, NULL, ended);
	slot->given_up = true;
	this_cpu_inc(inflight->counters->requests_given_up);
	if (slot->state == VHOST_BACKEND_SLOT_QUEUED)
		withdraw(inflight, slot, ended);
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
		struct vhost_backend *be = completion->backend;

		/* done() may free the completion. */
		completion->done(completion, completion->error,
				 completion->value, completion->file);
		vhost_backend_callback_over(be);
	}
}

static void fill_slot(struct vhost_backend_inflight *inflight,
		      struct vhost_backend_slot *slot,
		      const struct vhost_backend_submission *submission)
{
	struct vhost_backend_completion *completion = submission->completion;

	slot->id = submission->record->msg.id;
	slot->generation++;
	slot->request = submission->record->msg.request;
	slot->state = VHOST_BACKEND_SLOT_QUEUED;
	slot->deadline = submission->deadline;
	slot->completion = completion;
	slot->reply = submission->reply;
	slot->given_up = false;
	slot->file = submission->file ? get_file(submission->file) : NULL;
	list_del_init(&slot->node);
	inflight->nr_free--;
	if (completion) {
		completion->id = slot->id;
		vhost_backend_expect_callback(completion->backend);
	}
	if (slot->reply) {
		inflight->waiting++;
		inflight->waiting_peak = max(inflight->waiting_peak, inflight->waiting);
	}
}

static bool slot_is_free(const struct vhost_backend_inflight *inflight)
{
	return inflight->nr_free > inflight->reserved_slots;
}

/*
 * False if the oldest record is one that counts. Once is mostly enough: what a call
 * of vhost_backend_ring_skip() passes over is more than any message takes.
 */
static bool free_room_of_withdrawn(struct vhost_backend_ring *ring)
{
	u64 before = ring->consumer;

	vhost_backend_ring_skip(ring, ring->producer);
	return ring->consumer != before;
}

/**
 * vhost_backend_inflight_queue() - put a request in
 * @inflight: the requests, locked by the caller
 * @submission: the request
 *
 * Context: Any but NMI.
 * Return: 0; -EAGAIN no room; -ENOTCONN closed.
 */
int vhost_backend_inflight_queue(struct vhost_backend_inflight *inflight,
				 const struct vhost_backend_submission *submission)
{
	struct vhost_backend_ring *ring = &inflight->ring;
	struct vhost_backend_msg *msg = &submission->record->msg;
	struct vhost_backend_slot *slot = NULL;
	u64 position;

	lockdep_assert_held(&inflight->lock);
	if (inflight->closed)
		return -ENOTCONN;
	msg->id = 0;
	if (submission->reply || submission->file) {
		if (!slot_is_free(inflight))
			return -EAGAIN;
		slot = list_first_entry(&inflight->free, struct vhost_backend_slot, node);
		msg->id = (slot->generation + 1) << SLOT_BITS | (slot - inflight->slots);
	}
	if (submission->reply)
		msg->flags |= VHOST_BACKEND_MSG_NEED_REPLY;
	while (!vhost_backend_ring_put(ring, msg, &position))
		if (!free_room_of_withdrawn(ring))
			return -EAGAIN;
	if (slot) {
		slot->position = position;
		fill_slot(inflight, slot, submission);
	}
	inflight->bytes_peak = max(inflight->bytes_peak,
				   vhost_backend_ring_waiting(ring));
	this_cpu_inc(inflight->counters->requests_queued);
	return 0;
}

static bool reserve(struct vhost_backend_inflight *inflight, u32 bytes)
{
	if (!slot_is_free(inflight))
		return false;
	while (!vhost_backend_ring_reserve(&inflight->ring, bytes))
		if (!free_room_of_withdrawn(&inflight->ring))
			return false;
	inflight->reserved_slots++;
	return true;
}

/**
 * vhost_backend_inflight_reserve() - keep room for a request that wants a reply
 * @inflight: the requests
 * @bytes: of its message
 *
 * For a message that is lost to its sender once it is in hand. Ends with
 * vhost_backend_inflight_queue_reserved() or vhost_backend_inflight_unreserve().
 *
 * Return: 0; -EAGAIN no room; -ENOTCONN closed.
 */
int vhost_backend_inflight_reserve(struct vhost_backend_inflight *inflight,
				   u32 bytes)
{
	unsigned long flags;
	int err = 0;

	raw_spin_lock_irqsave(&inflight->lock, flags);
	if (inflight->closed)
		err = -ENOTCONN;
	else if (!reserve(inflight, VHOST_BACKEND_RING_NEED(bytes)))
		err = -EAGAIN;
	raw_spin_unlock_irqrestore(&inflight->lock, flags);
	return err;
}

static void unreserve(struct vhost_backend_inflight *inflight, u32 bytes)
{
	vhost_backend_ring_unreserve(&inflight->ring, VHOST_BACKEND_RING_NEED(bytes));
	inflight->reserved_slots--;
}

/**
 * vhost_backend_inflight_unreserve() - the request did not come
 * @inflight: the requests
 * @bytes: that were reserved
 */
void vhost_backend_inflight_unreserve(struct vhost_backend_inflight *inflight,
				      u32 bytes)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&inflight->lock, flags);
	unreserve(inflight, bytes);
	raw_spin_unlock_irqrestore(&inflight->lock, flags);
}

/**
 * vhost_backend_inflight_queue_reserved() - put a request in its reserved room
 * @inflight: the requests
 * @submission: the request
 * @bytes: that were reserved
 *
 * Return: 0; -ENOTCONN closed.
 */
int vhost_backend_inflight_queue_reserved(struct vhost_backend_inflight *inflight,
					  const struct vhost_backend_submission *submission,
					  u32 bytes)
{
	unsigned long flags;
	int err;

	raw_spin_lock_irqsave(&inflight->lock, flags);
	unreserve(inflight, bytes);
	err = vhost_backend_inflight_queue(inflight, submission);
	raw_spin_unlock_irqrestore(&inflight->lock, flags);
	return err;
}

/* Frees the room of what was withdrawn, up to the oldest request that was not. */
static void skip_withdrawn(struct vhost_backend_inflight *inflight)
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

/**
 * vhost_backend_inflight_has_room() - would a request of any kind fit?
 * @inflight: the requests
 *
 * Context: Any but NMI.
 * Return: true too when the channel is closed: there is nothing to wait for.
 */
bool vhost_backend_inflight_has_room(struct vhost_backend_inflight *inflight)
{
	unsigned long flags;
	bool room;

	skip_withdrawn(inflight);
	raw_spin_lock_irqsave(&inflight->lock, flags);
	room = inflight->closed ||
	       (vhost_backend_ring_room(&inflight->ring) >= VHOST_BACKEND_RING_ANY &&
		slot_is_free(inflight));
	raw_spin_unlock_irqrestore(&inflight->lock, flags);
	return room;
}

/* Returns -EAGAIN if the oldest had to be withdrawn: there may be another. */
static int claim_oldest(struct vhost_backend_inflight *inflight, u64 limit,
			size_t space, bool own_mm, struct vhost_backend_claim *claim,
			struct vhost_backend_ended *ended)
{
	claim->msg = vhost_backend_ring_peek(&inflight->ring, limit);
	if (!claim->msg)
		return 0;
	claim->slot = find_slot(inflight, claim->msg->id);
	if (claim->msg->request == VHOST_BACKEND_EXTERNAL_MAP && !own_mm) {
		/* Its address means nothing here. */
		end_wait(claim->slot, -EPERM, 0, NULL, ended);
		withdraw(inflight, claim->slot, ended);
		return -EAGAIN;
	}
	if (space < vhost_backend_msg_bytes(claim->msg))
		return -EMSGSIZE;
	if (claim->slot)
		claim->slot->state = VHOST_BACKEND_SLOT_DELIVERING;
	return 1;
}

/**
 * vhost_backend_inflight_claim() - take the oldest request for delivery
 * @inflight: the requests
 * @limit: position in the ring behind which it is not looked for
 * @space: bytes that the reader has for it
 * @own_mm: the reader runs in the address space of the one who did SETUP
 * @claim: out: the message and, where it has one, its slot
 * @ended: for requests that the reader is not to have, which end with this; the
 *	caller finishes them, without its locks
 *
 * One reader at a time. It ends with vhost_backend_inflight_delivered() or
 * vhost_backend_inflight_unclaim(); until then message and file stay.
 *
 * Return: 1; 0 there is none; -EMSGSIZE it does not fit.
 */
int vhost_backend_inflight_claim(struct vhost_backend_inflight *inflight,
				 u64 limit, size_t space, bool own_mm,
				 struct vhost_backend_claim *claim,
				 struct vhost_backend_ended *ended)
{
	unsigned long flags;
	int ret;

	do {
		raw_spin_lock_irqsave(&inflight->lock, flags);
		ret = vhost_backend_ring_skip(&inflight->ring, limit) ? -EAGAIN :
		      claim_oldest(inflight, limit, space, own_mm, claim, ended);
		raw_spin_unlock_irqrestore(&inflight->lock, flags);
	} while (ret == -EAGAIN);
	return ret;
}

/**
 * vhost_backend_inflight_delivered() - the frontend has the message
 * @inflight: the requests
 * @claim: what was claimed
 * @file_taken: its file, if any, was installed
 */
void vhost_backend_inflight_delivered(struct vhost_backend_inflight *inflight,
				      const struct vhost_backend_claim *claim,
				      bool file_taken)
{
	struct vhost_backend_slot *slot = claim->slot;
	struct vhost_backend_ended ended;
	unsigned long flags;

	vhost_backend_ended_init(&ended);
	raw_spin_lock_irqsave(&inflight->lock, flags);
	vhost_backend_ring_pop(&inflight->ring);
	if (slot) {
		slot->state = VHOST_BACKEND_SLOT_DELIVERED;
		if (!slot->reply && file_taken)
			end_slot(inflight, slot, &ended);
	}
	this_cpu_inc(inflight->counters->requests_delivered);
	raw_spin_unlock_irqrestore(&inflight->lock, flags);
	vhost_backend_inflight_finish(inflight, &ended);
}

/**
 * vhost_backend_inflight_unclaim() - the message could not be delivered
 * @inflight: the requests
 * @claim: what was claimed
 *
 * It stays where it is, unless its worker has given up meanwhile.
 */
void vhost_backend_inflight_unclaim(struct vhost_backend_inflight *inflight,
				    const struct vhost_backend_claim *claim)
{
	struct vhost_backend_slot *slot = claim->slot;
	struct vhost_backend_ended ended;
	unsigned long flags;

	if (!slot)
		return;
	vhost_backend_ended_init(&ended);
	raw_spin_lock_irqsave(&inflight->lock, flags);
	slot->state = VHOST_BACKEND_SLOT_QUEUED;
	if (slot->given_up)
		withdraw(inflight, slot, &ended);
	raw_spin_unlock_irqrestore(&inflight->lock, flags);
	vhost_backend_inflight_finish(inflight, &ended);
}

/* The slot of a request that the frontend has, or NULL. */
static struct vhost_backend_slot *
find_delivered(struct vhost_backend_inflight *inflight, u64 id)
{
	struct vhost_backend_slot *slot = find_slot(inflight, id);

	return slot && slot->state == VHOST_BACKEND_SLOT_DELIVERED ? slot : NULL;
}

/**
 * vhost_backend_inflight_file() - the file of a delivered request
 * @inflight: the requests
 * @id: of the request
 *
 * Return: a new reference, or NULL: no such request, or it has no file.
 */
struct file *vhost_backend_inflight_file(struct vhost_backend_inflight *inflight,
					 u64 id)
{
	struct vhost_backend_slot *slot;
	struct file *file = NULL;
	unsigned long flags;

	raw_spin_lock_irqsave(&inflight->lock, flags);
	slot = find_delivered(inflight, id);
	if (slot && slot->file)
		file = get_file(slot->file);
	raw_spin_unlock_irqrestore(&inflight->lock, flags);
	return file;
}

/**
 * vhost_backend_inflight_file_taken() - a file was installed after delivery
 * @inflight: the requests
 * @id: of the request
 *
 * Ends a request that wants no reply: there is nothing left to do for it.
 */
void vhost_backend_inflight_file_taken(struct vhost_backend_inflight *inflight,
				       u64 id)
{
	struct vhost_backend_slot *slot;
	struct vhost_backend_ended ended;
	unsigned long flags;

	vhost_backend_ended_init(&ended);
	raw_spin_lock_irqsave(&inflight->lock, flags);
	slot = find_delivered(inflight, id);
	if (slot && !slot->reply)
		end_slot(inflight, slot, &ended);
	raw_spin_unlock_irqrestore(&inflight->lock, flags);
	vhost_backend_inflight_finish(inflight, &ended);
}

/*
 * What a reply's value means to the worker: *value is left where it is a count,
 * and 0 elsewhere.
 */
static int reply_error(u32 request, u64 *value)
{
	s64 error = *value;

	if (vhost_backend_request_counts_bytes(request) && error >= 0)
		return 0;
	*value = 0;
	if (!error)
		return 0;
	return error >= -MAX_ERRNO && error < 0 ? error : -EREMOTEIO;
}

static int find_replied(struct vhost_backend_inflight *inflight,
			const struct vhost_backend_msg *msg,
			struct vhost_backend_slot **slot)
{
	*slot = find_delivered(inflight, msg->id);
	if (!*slot || !(*slot)->reply)
		return -ENOENT;
	return (*slot)->request == msg->request ? 0 : -EBADMSG;
}

/**
 * vhost_backend_inflight_check_reply() - would this reply be accepted now?
 * @inflight: the requests
 * @reply: well-formed
 *
 * Return: as vhost_backend_inflight_reply().
 */
int vhost_backend_inflight_check_reply(struct vhost_backend_inflight *inflight,
				       const struct vhost_backend_reply *reply)
{
	struct vhost_backend_slot *slot;
	unsigned long flags;
	int err;

	raw_spin_lock_irqsave(&inflight->lock, flags);
	err = find_replied(inflight, &reply->msg, &slot);
	raw_spin_unlock_irqrestore(&inflight->lock, flags);
	return err;
}

/**
 * vhost_backend_inflight_reply() - end a request with the frontend's answer
 * @inflight: the requests
 * @reply: well-formed
 * @file: what it carries, or NULL; set to NULL when the worker gets it
 *
 * Return: 0; -ENOENT no such request; -EBADMSG it is of another kind.
 */
int vhost_backend_inflight_reply(struct vhost_backend_inflight *inflight,
				 const struct vhost_backend_reply *reply,
				 struct file **file)
{
	u64 value = reply->value;
	int error = reply_error(reply->msg.request, &value);
	struct vhost_backend_slot *slot;
	struct vhost_backend_ended ended;
	unsigned long flags;
	int err;

	if (reply->msg.request == VHOST_BACKEND_SHARED_OBJECT_LOOKUP && !error &&
	    !*file)
		error = -ENOENT;
	vhost_backend_ended_init(&ended);
	raw_spin_lock_irqsave(&inflight->lock, flags);
	err = find_replied(inflight, &reply->msg, &slot);
	if (!err) {
		if (slot->completion) {
			end_wait(slot, error, value, error ? NULL : *file, &ended);
			if (!error)
				*file = NULL;
		}
		end_slot(inflight, slot, &ended);
		this_cpu_inc(inflight->counters->requests_answered);
		if (error)
			this_cpu_inc(inflight->counters->requests_failed);
	}
	raw_spin_unlock_irqrestore(&inflight->lock, flags);
	vhost_backend_inflight_finish(inflight, &ended);
	return err;
}

/**
 * vhost_backend_inflight_give_up() - stop waiting for one request
 * @inflight: the requests
 * @completion: of a request that was queued; it may have ended meanwhile, but
 *	its memory is still the caller's
 * @error: given to done
 */
void vhost_backend_inflight_give_up(struct vhost_backend_inflight *inflight,
				    struct vhost_backend_completion *completion,
				    int error)
{
	struct vhost_backend_ended ended;
	struct vhost_backend_slot *slot;
	unsigned long flags;

	vhost_backend_ended_init(&ended);
	raw_spin_lock_irqsave(&inflight->lock, flags);
	slot = find_slot(inflight, completion->id);
	if (slot && slot->completion == completion)
		give_up(inflight, slot, error, &ended);
	raw_spin_unlock_irqrestore(&inflight->lock, flags);
	vhost_backend_inflight_finish(inflight, &ended);
}

/* What is done, under the lock, to a slot that is in use. */
typedef void (*slot_action)(struct vhost_backend_inflight *inflight,
			    struct vhost_backend_slot *slot,
			    struct vhost_backend_ended *ended, void *context);

/* Those that come into use meanwhile may be left out. */
static void visit_used(struct vhost_backend_inflight *inflight, slot_action action,
		       void *context)
{
	struct vhost_backend_ended ended;
	unsigned long flags;
	u32 i = 0;

	vhost_backend_ended_init(&ended);
	while (i < inflight->nr_slots) {
		u32 end = min(i + SLOTS_AT_ONCE, inflight->nr_slots);

		raw_spin_lock_irqsave(&inflight->lock, flags);
		for (; i < end; i++)
			if (inflight->slots[i].id)
				action(inflight, &inflight->slots[i], &ended, context);
		raw_spin_unlock_irqrestore(&inflight->lock, flags);
	}
	skip_withdrawn(inflight);
	vhost_backend_inflight_finish(inflight, &ended);
}

/* Of whom to stop waiting for, and why */
struct giving_up {
	const struct vhost_backend *be;
	int error;
};

static void give_up_of(struct vhost_backend_inflight *inflight,
		       struct vhost_backend_slot *slot,
		       struct vhost_backend_ended *ended, void *context)
{
	const struct giving_up *giving_up = context;

	if (slot->completion && slot->completion->backend == giving_up->be)
		give_up(inflight, slot, giving_up->error, ended);
}

/**
 * vhost_backend_inflight_give_up_all() - stop waiting for all requests of one
 * @inflight: the requests
 * @be: the backend, which queues no more
 * @error: given to done
 */
void vhost_backend_inflight_give_up_all(struct vhost_backend_inflight *inflight,
					const struct vhost_backend *be,
					int error)
{
	struct giving_up giving_up = { .be = be, .error = error };

	visit_used(inflight, give_up_of, &giving_up);
}

/* The earliest deadline that is left */
struct deadline {
	unsigned long at;		/* jiffies */
	bool left;
};

static void expire(struct vhost_backend_inflight *inflight,
		   struct vhost_backend_slot *slot,
		   struct vhost_backend_ended *ended, void *context)
{
	struct deadline *next = context;

	if (!slot->completion)
		return;
	if (time_after_eq(jiffies, slot->deadline)) {
		give_up(inflight, slot, -ETIMEDOUT, ended);
	} else if (!next->left || time_before(slot->deadline, next->at)) {
		next->at = slot->deadline;
		next->left = true;
	}
}

/**
 * vhost_backend_inflight_expire() - stop waiting for what is over its time
 * @inflight: the requests
 * @next: out: the earliest deadline that is left, jiffies. Of a request that is
 *	queued meanwhile the caller has to know by himself
 *
 * Return: true if there is one left.
 */
bool vhost_backend_inflight_expire(struct vhost_backend_inflight *inflight,
				   unsigned long *next)
{
	struct deadline deadline = {};

	visit_used(inflight, expire, &deadline);
	*next = deadline.at;
	return deadline.left;
}

static void end_for_good(struct vhost_backend_inflight *inflight,
			 struct vhost_backend_slot *slot,
			 struct vhost_backend_ended *ended, void *context)
{
	if (slot->completion)
		end_wait(slot, -ENOTCONN, 0, NULL, ended);
	end_slot(inflight, slot, ended);
}

/**
 * vhost_backend_inflight_close() - end all requests, take no more
 * @inflight: the requests; nobody reads them any more
 *
 * Requests that wait end with -ENOTCONN, files are released.
 */
void vhost_backend_inflight_close(struct vhost_backend_inflight *inflight)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&inflight->lock, flags);
	WRITE_ONCE(inflight->closed, true);
	raw_spin_unlock_irqrestore(&inflight->lock, flags);
	visit_used(inflight, end_for_good, NULL);
}
