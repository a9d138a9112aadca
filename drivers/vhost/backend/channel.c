// SPDX-License-Identifier: GPL-2.0-only
/*
 * A channel's memory and its states: NEW, SETUP, READY, DEAD.
 */
#include <linux/cpumask.h>
#include <linux/cred.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/user_namespace.h>

#include "channel.h"
#include "compat.h"
#include "memory.h"

#define RING_BYTES_MIN	4096
#define RING_BYTES_MAX	(16 << 20)
/* Bytes between groups of the control area that have different writers */
#define CTL_GROUP	128

const struct file_operations *vhost_backend_channel_fops;

/* Parameters of the module; see main.c */
unsigned int vhost_backend_max_ring_bytes = 16 << 20;
unsigned int vhost_backend_max_channels = 1024;
unsigned long vhost_backend_max_memory = 1UL << 30;
unsigned int vhost_backend_max_bindings = 65536;
unsigned int vhost_backend_max_devices = 4096;
unsigned int vhost_backend_reply_timeout_ms = 30000;

/**
 * vhost_backend_channel_create() - a NEW channel
 *
 * Return: the channel with one reference, or NULL: no memory.
 */
struct vhost_backend_channel *vhost_backend_channel_create(void)
{
	struct vhost_backend_channel *channel;

	channel = kzalloc(sizeof(*channel), GFP_KERNEL_ACCOUNT);
	if (!channel)
		return NULL;
	kref_init(&channel->ref);
	mutex_init(&channel->read_mutex);
	mutex_init(&channel->bind_mutex);
	INIT_LIST_HEAD(&channel->backends);
	return channel;
}

static bool out_of_range(u32 value, u32 min, u32 max)
{
	return value < min || value > max;
}

/* What a frontend maps: whole pages, and in them the bits, each on lines of its own. */
static void lay_out_ctl(struct vhost_backend_setup *setup)
{
	u32 bytes = VHOST_BACKEND_BITS_WORDS(setup->nr_vrings) * sizeof(u64);

	setup->ring_bytes = max_t(u32, setup->ring_bytes, PAGE_SIZE);
	setup->call_offset = ALIGN(sizeof(struct vhost_backend_ctl), CTL_GROUP);
	setup->err_offset = ALIGN(setup->call_offset + bytes, CTL_GROUP);
	setup->ctl_bytes = PAGE_ALIGN(setup->err_offset + bytes);
}

/* Checks what was asked for, and fills in what was left open. */
static int check_setup(struct vhost_backend_setup *setup)
{
	const u32 flags = VHOST_BACKEND_SETUP_MMAP | VHOST_BACKEND_SETUP_STD_SHMEM;

	setup->nr_vrings = setup->nr_vrings ?: 256;
	setup->ring_bytes = setup->ring_bytes ?: 16384;
	setup->max_inflight = setup->max_inflight ?: 64;
	setup->max_mappings = setup->max_mappings ?: 256;
	setup->ctl_bytes = 0;
	setup->call_offset = 0;
	setup->err_offset = 0;

	if (setup->flags & ~flags ||
	    memchr_inv(setup->reserved, 0, sizeof(setup->reserved)))
		return -EINVAL;
	if (out_of_range(setup->nr_vrings, 1, 32768) ||
	    out_of_range(setup->ring_bytes, RING_BYTES_MIN, RING_BYTES_MAX) ||
	    !is_power_of_2(setup->ring_bytes) ||
	    out_of_range(setup->max_inflight, 1, VHOST_BACKEND_INFLIGHT_MAX) ||
	    out_of_range(setup->max_mappings, 1, 65536))
		return -EINVAL;
	if (vhost_backend_request_check_setup(setup->requests))
		return -EINVAL;
	if (setup->flags & VHOST_BACKEND_SETUP_MMAP)
		lay_out_ctl(setup);
	return setup->ring_bytes > READ_ONCE(vhost_backend_max_ring_bytes) ?
		-E2BIG : 0;
}

/* Points the bits of @call and @err into memory at @area. */
static unsigned long *place_bits(struct vhost_backend_bits *call,
				 struct vhost_backend_bits *err,
				 unsigned long *area, u32 words)
{
	call->words = area;
	err->words = area + words;
	call->nr_summary = VHOST_BACKEND_BITS_WORDS(words);
	err->nr_summary = call->nr_summary;
	return area + 2 * words;
}

/* The control area, with the bits of VRING_CALL and VRING_ERR behind it. */
static size_t ctl_area_bytes(const struct vhost_backend_setup *setup)
{
	return setup->ctl_bytes ?: sizeof(struct vhost_backend_ctl) +
	       2 * VHOST_BACKEND_BITS_WORDS(setup->nr_vrings) * sizeof(u64);
}

/* The same bits once more, with their summaries, and some of them as messages. */
static size_t batch_area_bytes(const struct vhost_backend_setup *setup)
{
	return 2 * (VHOST_BACKEND_BITS_WORDS(setup->nr_vrings) +
		    VHOST_BACKEND_SUMMARY_WORDS) * sizeof(u64) +
	       VHOST_BACKEND_NOTICES * sizeof(struct vhost_backend_notice);
}

/* What the channel's user is charged: all that allocate() takes. */
static size_t memory_bytes(const struct vhost_backend_setup *setup)
{
	return ctl_area_bytes(setup) + batch_area_bytes(setup) + setup->ring_bytes +
	       setup->max_inflight * sizeof(struct vhost_backend_slot) +
	       num_possible_cpus() * sizeof(struct vhost_backend_stats);
}

static int allocate(struct vhost_backend_channel *channel)
{
	const struct vhost_backend_setup *setup = &channel->setup;
	u32 words = VHOST_BACKEND_BITS_WORDS(setup->nr_vrings);
	struct vhost_backend_batch *batch = &channel->batch;
	void *(*zalloc)(size_t bytes) = vhost_backend_zalloc;
	struct vhost_backend_ctl *ctl;
	unsigned long *summary;

	if (vhost_backend_channel_is_mapped(channel))
		zalloc = vhost_backend_zalloc_pages;
	channel->counters = alloc_percpu_gfp(struct vhost_backend_stats,
					     GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	channel->ctl_area = zalloc(ctl_area_bytes(setup));
	channel->ring_area = zalloc(setup->ring_bytes);
	channel->batch_area = vhost_backend_zalloc(batch_area_bytes(setup));
	if (!channel->counters || !channel->ctl_area || !channel->ring_area ||
	    !channel->batch_area)
		return -ENOMEM;

	ctl = channel->ctl_area;
	channel->notify.ctl = ctl;
	channel->notify.call.summary = (unsigned long *)ctl->call_summary;
	channel->notify.err.summary = (unsigned long *)ctl->err_summary;
	place_bits(&channel->notify.call, &channel->notify.err,
		   (unsigned long *)(ctl + 1), words);
	if (vhost_backend_channel_is_mapped(channel)) {
		channel->notify.call.words = (void *)ctl + setup->call_offset;
		channel->notify.err.words = (void *)ctl + setup->err_offset;
	}
	summary = place_bits(&batch->call, &batch->err, channel->batch_area, words);
	batch->call.summary = summary;
	batch->err.summary = summary + VHOST_BACKEND_SUMMARY_WORDS;
	batch->notices = (void *)(summary + 2 * VHOST_BACKEND_SUMMARY_WORDS);

	vhost_backend_ring_init(&channel->inflight.ring, ctl, channel->ring_area,
				setup->ring_bytes, vhost_backend_channel_is_mapped(channel));
	channel->inflight.counters = channel->counters;
	return vhost_backend_inflight_init(&channel->inflight, setup->max_inflight);
}

static void release_memory(struct vhost_backend_channel *channel)
{
	vhost_backend_inflight_destroy(&channel->inflight);
	kvfree(channel->batch_area);
	kvfree(channel->ring_area);
	kvfree(channel->ctl_area);
	free_percpu(channel->counters);
}

static void undo_prepare(struct vhost_backend_channel *channel)
{
	release_memory(channel);
	mmdrop(channel->mm);
	put_user_ns(channel->credentials.user_ns);
	vhost_backend_account_put(channel->account, memory_bytes(&channel->setup));
	channel->account = NULL;
	channel->counters = NULL;
	channel->ctl_area = NULL;
	channel->ring_area = NULL;
	channel->batch_area = NULL;
	channel->inflight.slots = NULL;
	memset(&channel->setup, 0, sizeof(channel->setup));
}

static void remember_caller(struct vhost_backend_credentials *credentials)
{
	const struct cred *caller = current_cred();

	credentials->euid = caller->euid;
	credentials->egid = caller->egid;
	credentials->effective = caller->cap_effective;
	credentials->user_ns = get_user_ns(caller->user_ns);
}

static int prepare(struct vhost_backend_channel *channel,
		   const struct vhost_backend_setup *setup)
{
	struct vhost_backend_account *account;
	int err;

	account = vhost_backend_account_get(memory_bytes(setup),
					    READ_ONCE(vhost_backend_max_channels),
					    READ_ONCE(vhost_backend_max_memory));
	if (IS_ERR(account))
		return PTR_ERR(account);
	channel->account = account;
	channel->setup = *setup;
	channel->mm = current->mm;
	channel->user_end = current->mm->task_size;
	mmgrab(channel->mm);
	remember_caller(&channel->credentials);
	err = allocate(channel);
	if (err)
		undo_prepare(channel);
	return err;
}

/**
 * vhost_backend_channel_change_state() - move a channel on
 * @channel: the channel
 * @from: the state that it has to be in
 * @to: the next
 *
 * Context: Process context. May sleep.
 * Return: false if it is in another state.
 */
bool vhost_backend_channel_change_state(struct vhost_backend_channel *channel,
					enum vhost_backend_state from,
					enum vhost_backend_state to)
{
	bool changed;

	mutex_lock(&channel->bind_mutex);
	changed = channel->state == from;
	if (changed)
		/* Pairs with the load in vhost_backend_channel_is_ready(). */
		smp_store_release(&channel->state, to);
	mutex_unlock(&channel->bind_mutex);
	return changed;
}

/**
 * vhost_backend_channel_setup() - SETUP
 * @channel: the channel
 * @setup: in and out, see the user ABI
 * @report: gives @setup to user space; returns 0, or an error, and then nothing
 *	has happened
 * @user: given to @report
 *
 * Allocates all memory that the channel will ever need for messages.
 *
 * Context: Process context. May sleep.
 * Return: 0; -EBUSY not NEW; -EINVAL, -EOPNOTSUPP, -E2BIG, -EMFILE, -ENOMEM as
 * the user ABI says; what @report returned.
 */
int vhost_backend_channel_setup(struct vhost_backend_channel *channel,
				struct vhost_backend_setup *setup,
				int (*report)(const struct vhost_backend_setup *setup,
					      void __user *user),
				void __user *user)
{
	int err;

	/* Not under the mutex: user space can make @report take for ever. */
	if (!vhost_backend_channel_change_state(channel, VHOST_BACKEND_NEW,
						VHOST_BACKEND_SETTING_UP))
		return -EBUSY;
	err = check_setup(setup);
	if (!err)
		err = prepare(channel, setup);
	if (!err) {
		err = report(setup, user);
		if (err)
			undo_prepare(channel);
	}
	vhost_backend_channel_change_state(channel, VHOST_BACKEND_SETTING_UP,
					   err ? VHOST_BACKEND_NEW : VHOST_BACKEND_READY);
	return err;
}

static void free_channel(struct kref *ref)
{
	struct vhost_backend_channel *channel =
		container_of(ref, struct vhost_backend_channel, ref);

	/* A worker's last call may have left any of these behind. */
	vhost_backend_timer_shutdown(&channel->timer);
	vhost_backend_timer_shutdown(&channel->room_timer);
	irq_work_sync(&channel->wake_work);
	irq_work_sync(&channel->room_work);
	release_memory(channel);
	if (channel->account) {
		put_user_ns(channel->credentials.user_ns);
		vhost_backend_account_put(channel->account, memory_bytes(&channel->setup));
	}
	kfree(channel);
}

/**
 * vhost_backend_channel_get() - take a reference to the memory
 * @channel: the channel, to which the caller has one already
 */
void vhost_backend_channel_get(struct vhost_backend_channel *channel)
{
	kref_get(&channel->ref);
}

/**
 * vhost_backend_channel_put() - drop a reference to the memory
 * @channel: the channel
 *
 * Context: Process context. May sleep.
 */
void vhost_backend_channel_put(struct vhost_backend_channel *channel)
{
	kref_put(&channel->ref, free_channel);
}

static bool is_caller(const struct vhost_backend_credentials *credentials)
{
	const struct cred *caller = current_cred();

	return uid_eq(credentials->euid, caller->euid) &&
	       gid_eq(credentials->egid, caller->egid) &&
	       !memcmp(&credentials->effective, &caller->cap_effective,
		       sizeof(credentials->effective)) &&
	       credentials->user_ns == caller->user_ns;
}

/**
 * vhost_backend_channel_trusts() - may the caller give and get descriptors?
 * @channel: READY
 *
 * Not a set-id program that was handed the channel as its standard input, nor a
 * kernel thread, which has no file table of a process.
 *
 * Context: Process context.
 * Return: true if descriptors may be installed for the caller, or taken from it.
 */
bool vhost_backend_channel_trusts(const struct vhost_backend_channel *channel)
{
	return !(current->flags & PF_KTHREAD) &&
	       is_caller(&channel->credentials);
}
