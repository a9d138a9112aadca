// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who waits for what. A reply, a time-out, a shutdown, a killed waiter and the
 * channel's death may race: whichever takes the completion out of its slot under the
 * lock ends the request for the worker.
 */
#include <linux/fs.h>
#include <linux/jiffies.h>

#include "reply.h"
#include "request.h"

/* The slot of a request that the frontend has, or NULL. */
static struct vhost_backend_slot *
find_delivered(struct vhost_backend_inflight *inflight, u64 id)
{
	struct vhost_backend_slot *slot = vhost_backend_slot_find(inflight, id);

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
	if (!*slot)
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

	if (vhost_backend_request_reply_has_file(reply->msg.request) && !error && !*file)
		error = -ENOENT;
	vhost_backend_ended_init(&ended);
	raw_spin_lock_irqsave(&inflight->lock, flags);
	err = find_replied(inflight, &reply->msg, &slot);
	if (!err) {
		if (slot->completion) {
			vhost_backend_slot_end_wait(inflight, slot, error, value,
						    error ? NULL : *file, &ended);
			if (!error)
				*file = NULL;
		}
		vhost_backend_slot_end(inflight, slot, &ended);
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
	slot = vhost_backend_slot_find(inflight, completion->id);
	if (slot && slot->completion == completion)
		vhost_backend_slot_give_up(inflight, slot, error, &ended);
	raw_spin_unlock_irqrestore(&inflight->lock, flags);
	vhost_backend_inflight_finish(inflight, &ended);
}

/* What is done, under the lock, to a slot that is in use. */
typedef void (*slot_action)(struct vhost_backend_inflight *inflight,
			    struct vhost_backend_slot *slot,
			    struct vhost_backend_ended *ended, const void *context);

/* Slots that come into use meanwhile may be left out. */
static void visit_used(struct vhost_backend_inflight *inflight, slot_action action,
		       const void *context)
{
	struct vhost_backend_ended ended;
	unsigned long flags;
	u32 i = 0;

	vhost_backend_ended_init(&ended);
	while (i < inflight->nr_slots) {
		u32 end = min(i + VHOST_BACKEND_AT_ONCE, inflight->nr_slots);

		raw_spin_lock_irqsave(&inflight->lock, flags);
		for (; i < end; i++)
			if (inflight->slots[i].id)
				action(inflight, &inflight->slots[i], &ended, context);
		raw_spin_unlock_irqrestore(&inflight->lock, flags);
		vhost_backend_inflight_finish(inflight, &ended);
	}
	vhost_backend_slot_reclaim(inflight);
}

/* Whose requests are given up, and why */
struct giving_up {
	const struct vhost_backend_owner *owner;
	int error;
};

static void give_up_of(struct vhost_backend_inflight *inflight,
		       struct vhost_backend_slot *slot,
		       struct vhost_backend_ended *ended, const void *context)
{
	const struct giving_up *giving_up = context;

	if (slot->completion && slot->completion->owner == giving_up->owner)
		vhost_backend_slot_give_up(inflight, slot, giving_up->error, ended);
}

/**
 * vhost_backend_inflight_give_up_all() - stop waiting for all requests of a backend
 * @inflight: the requests
 * @owner: the backend, which queues no more
 * @error: given to done
 *
 * Context: Any but NMI.
 */
void vhost_backend_inflight_give_up_all(struct vhost_backend_inflight *inflight,
					const struct vhost_backend_owner *owner,
					int error)
{
	const struct giving_up giving_up = { .owner = owner, .error = error };

	visit_used(inflight, give_up_of, &giving_up);
}

static struct vhost_backend_slot *
first_to_expire(const struct vhost_backend_inflight *inflight)
{
	return rb_entry_safe(rb_first_cached(&inflight->deadlines),
			     struct vhost_backend_slot, expiry);
}

/* Gives up some of the requests that are due; true if there may be more. */
static bool expire_some(struct vhost_backend_inflight *inflight)
{
	int most = VHOST_BACKEND_AT_ONCE;
	struct vhost_backend_slot *slot;
	struct vhost_backend_ended ended;
	unsigned long flags;

	vhost_backend_ended_init(&ended);
	raw_spin_lock_irqsave(&inflight->lock, flags);
	while ((slot = first_to_expire(inflight)) &&
	       time_after_eq(jiffies, slot->deadline) && most--)
		vhost_backend_slot_give_up(inflight, slot, -ETIMEDOUT, &ended);
	raw_spin_unlock_irqrestore(&inflight->lock, flags);
	vhost_backend_inflight_finish(inflight, &ended);
	return most < 0;
}

/**
 * vhost_backend_inflight_expire() - stop waiting for requests whose time is over
 * @inflight: the requests
 * @next: out: the earliest deadline that is left, jiffies. It does not account for a
 *	request that is queued meanwhile: its sender does
 *
 * Looks at the requests that are due, however many others wait.
 *
 * Context: Any but NMI.
 * Return: true if there is one left.
 */
bool vhost_backend_inflight_expire(struct vhost_backend_inflight *inflight,
				   unsigned long *next)
{
	const struct vhost_backend_slot *slot;
	unsigned long flags;

	while (expire_some(inflight))
		;
	vhost_backend_slot_reclaim(inflight);
	raw_spin_lock_irqsave(&inflight->lock, flags);
	slot = first_to_expire(inflight);
	if (slot)
		*next = slot->deadline;
	raw_spin_unlock_irqrestore(&inflight->lock, flags);
	return slot;
}

static void end_for_good(struct vhost_backend_inflight *inflight,
			 struct vhost_backend_slot *slot,
			 struct vhost_backend_ended *ended, const void *context)
{
	if (slot->completion)
		vhost_backend_slot_end_wait(inflight, slot, -ENOTCONN, 0, NULL, ended);
	vhost_backend_slot_end(inflight, slot, ended);
}

/**
 * vhost_backend_inflight_close() - end all requests, take no more
 * @inflight: the requests; nobody reads them any more
 *
 * Requests that wait end with -ENOTCONN, files are released.
 *
 * Context: Any but NMI.
 */
void vhost_backend_inflight_close(struct vhost_backend_inflight *inflight)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&inflight->lock, flags);
	WRITE_ONCE(inflight->closed, true);
	raw_spin_unlock_irqrestore(&inflight->lock, flags);
	visit_used(inflight, end_for_good, NULL);
}
