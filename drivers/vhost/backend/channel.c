// SPDX-License-Identifier: GPL-2.0-only
/*
 * A channel: SETUP, delivery, wake-ups, death.
 */
#include <linux/cpumask.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/poll.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "bind.h"
#include "channel.h"
#include "compat.h"

#define RING_BYTES_MIN	4096
#define RING_BYTES_MAX	(16 << 20)

/**
 * vhost_backend_channel_wake() - wake those who sleep until something happens
 * @channel: the channel
 * @events: what happened
 *
 * All of them, the exclusive ones too: the doorbell stays set until somebody looks,
 * and the only one that was woken may die before it does.
 *
 * Context: As vhost_backend_channel_announce(), with interrupts on.
 */
void vhost_backend_channel_wake(struct vhost_backend_channel *channel, __poll_t events)
{
	__wake_up(&channel->frontend_wait, TASK_NORMAL, 0, poll_to_key(events));
}

static void wake_frontend(struct vhost_backend_channel *channel)
{
	this_cpu_inc(channel->counters->wakeups);
	vhost_backend_channel_wake(channel, EPOLLIN | EPOLLRDNORM);
}

static void wake_frontend_work(struct irq_work *work)
{
	wake_frontend(container_of(work, struct vhost_backend_channel, wake_work));
}

/*
 * wq_has_sleeper() is a full barrier between the doorbell and the look at the
 * queue; its partner is the one in prepare_to_wait() or poll_wait(), before the
 * sleeper looks at the doorbell. A wait queue's lock sleeps on PREEMPT_RT, so it
 * can't be taken with interrupts off; nor do they tell there whether the caller
 * is inside another one's.
 */
static void wake(struct vhost_backend_channel *channel, bool foreign)
{
	if (!wq_has_sleeper(&channel->frontend_wait))
		return;
	if (foreign || irqs_disabled() || IS_ENABLED(CONFIG_PREEMPT_RT))
		irq_work_queue(&channel->wake_work);
	else
		wake_frontend(channel);
}

/**
 * vhost_backend_channel_announce() - a record was put into the ring
 * @channel: the channel
 *
 * Context: Any but NMI; no lock of the channel held.
 */
void vhost_backend_channel_announce(struct vhost_backend_channel *channel)
{
	/* Partner: vhost_backend_notify_hush(). The record before the doorbell. */
	smp_mb();
	if (vhost_backend_notify_ring(&channel->notify))
		wake(channel, false);
}

/**
 * vhost_backend_channel_raise() - raise a notification
 * @channel: the channel
 * @request: VHOST_BACKEND_VRING_CALL, _VRING_ERR or _CONFIG_CHANGE_MSG
 * @vring: of the channel
 * @foreign: the caller is inside another wait queue's lock
 *
 * A sleeper on our wait queue may be an aio or io_uring poll that signals an
 * eventfd from inside our lock; taking ours inside an eventfd's would close the
 * circle. So with @foreign the wake-up always goes through irq_work, and our lock
 * only ever comes before a foreign one.
 *
 * Context: Any but NMI; no lock of the channel held.
 */
void vhost_backend_channel_raise(struct vhost_backend_channel *channel,
				 u32 request, u32 vring, bool foreign)
{
	enum vhost_backend_raised raised =
		vhost_backend_notify_raise(&channel->notify, request, vring);

	this_cpu_inc(channel->counters->notifications_raised);
	if (raised == VHOST_BACKEND_MERGED)
		this_cpu_inc(channel->counters->notifications_merged);
	else if (raised == VHOST_BACKEND_RANG)
		wake(channel, foreign);
}

/**
 * vhost_backend_channel_wake_room() - room may have become free
 * @channel: the channel
 *
 * Context: Process or softirq; no lock of the channel held.
 */
void vhost_backend_channel_wake_room(struct vhost_backend_channel *channel)
{
	/* Pairs with prepare_to_wait() in wait_room() of backend.c. */
	if (wq_has_sleeper(&channel->room_wait))
		wake_up_all(&channel->room_wait);
}

static void expire(struct timer_list *timer)
{
	struct vhost_backend_channel *channel =
		timer_container_of(channel, timer, timer);
	unsigned long next;

	if (vhost_backend_inflight_expire(&channel->inflight, &next))
		timer_reduce(&channel->timer, next);
	vhost_backend_channel_wake_room(channel);
}

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
	init_waitqueue_head(&channel->frontend_wait);
	init_waitqueue_head(&channel->room_wait);
	init_irq_work(&channel->wake_work, wake_frontend_work);
	timer_setup(&channel->timer, expire, 0);
	INIT_LIST_HEAD(&channel->backends);
	vhost_backend_bindings_init(channel);
	return channel;
}

static bool out_of_range(u32 value, u32 min, u32 max)
{
	return value < min || value > max;
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
		return -EOPNOTSUPP;
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
	return area + 2 * words;
}

/* The control area, with the bits of VRING_CALL and VRING_ERR behind it. */
static size_t ctl_area_bytes(const struct vhost_backend_setup *setup)
{
	return sizeof(struct vhost_backend_ctl) +
	       2 * VHOST_BACKEND_BITS_WORDS(setup->nr_vrings) * sizeof(u64);
}

/* The same bits once more, with their summaries. */
static size_t batch_area_bytes(const struct vhost_backend_setup *setup)
{
	return 2 * (VHOST_BACKEND_BITS_WORDS(setup->nr_vrings) +
		    VHOST_BACKEND_SUMMARY_WORDS) * sizeof(u64);
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
	struct vhost_backend_ctl *ctl;
	unsigned long *summary;

	channel->counters = alloc_percpu_gfp(struct vhost_backend_stats,
					     GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	channel->ctl_area = vhost_backend_zalloc(ctl_area_bytes(setup));
	channel->ring_area = vhost_backend_zalloc(setup->ring_bytes);
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
	summary = place_bits(&batch->call, &batch->err, channel->batch_area, words);
	batch->call.summary = summary;
	batch->err.summary = summary + VHOST_BACKEND_SUMMARY_WORDS;

	vhost_backend_ring_init(&channel->inflight.ring, ctl, channel->ring_area,
				setup->ring_bytes);
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
	vhost_backend_account_put(channel->account, memory_bytes(&channel->setup));
	channel->account = NULL;
	channel->counters = NULL;
	channel->ctl_area = NULL;
	channel->ring_area = NULL;
	channel->batch_area = NULL;
	channel->inflight.slots = NULL;
	memset(&channel->setup, 0, sizeof(channel->setup));
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
	err = allocate(channel);
	if (err)
		undo_prepare(channel);
	return err;
}

/* Moves the channel on, if it is in state @from. */
static bool change_state(struct vhost_backend_channel *channel,
			 enum vhost_backend_state from, enum vhost_backend_state to)
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
	if (!change_state(channel, VHOST_BACKEND_NEW, VHOST_BACKEND_SETTING_UP))
		return -EBUSY;
	err = check_setup(setup);
	if (!err)
		err = prepare(channel, setup);
	if (!err) {
		err = report(setup, user);
		if (err)
			undo_prepare(channel);
	}
	change_state(channel, VHOST_BACKEND_SETTING_UP,
		     err ? VHOST_BACKEND_NEW : VHOST_BACKEND_READY);
	if (!err)
		vhost_backend_channel_wake(channel, EPOLLOUT | EPOLLWRNORM);
	return err;
}

/* Tells each backend once that the frontend is gone. */
static void tell_gone(struct vhost_backend_channel *channel)
{
	struct vhost_backend *be;

again:
	mutex_lock(&channel->bind_mutex);
	list_for_each_entry(be, &channel->backends, node) {
		/* One that is being detached has no callbacks to come. */
		if (be->told || !refcount_inc_not_zero(&be->callbacks))
			continue;
		be->told = true;
		mutex_unlock(&channel->bind_mutex);
		if (be->ops && be->ops->gone)
			be->ops->gone(be->private);
		vhost_backend_callback_over(be);
		goto again;
	}
	mutex_unlock(&channel->bind_mutex);
}

/**
 * vhost_backend_channel_die() - the last descriptor is closed
 * @channel: the channel; nobody reads, polls or configures it any more
 *
 * Drops the reference that the descriptors had.
 */
void vhost_backend_channel_die(struct vhost_backend_channel *channel)
{
	if (change_state(channel, VHOST_BACKEND_READY, VHOST_BACKEND_DEAD)) {
		vhost_backend_unbind_all(channel);
		vhost_backend_inflight_close(&channel->inflight);
		vhost_backend_channel_wake_room(channel);
		tell_gone(channel);
		mmdrop(channel->mm);
	}
	vhost_backend_channel_put(channel);
}

static void free_channel(struct kref *ref)
{
	struct vhost_backend_channel *channel =
		container_of(ref, struct vhost_backend_channel, ref);

	/* A worker's last call may have left either behind. */
	vhost_backend_timer_shutdown(&channel->timer);
	irq_work_sync(&channel->wake_work);
	release_memory(channel);
	if (channel->account)
		vhost_backend_account_put(channel->account, memory_bytes(&channel->setup));
	kfree(channel);
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

static bool something_pending(struct vhost_backend_channel *channel)
{
	if (READ_ONCE(channel->inflight.ring.live) ||
	    vhost_backend_notify_pending(&channel->notify))
		return true;
	/*
	 * Pairs with the exchanges of vhost_backend_notify_take(): where a reader
	 * has taken the bits, his mark is seen, or what he made of it.
	 */
	smp_rmb();
	return READ_ONCE(channel->batch.pending);
}

/**
 * vhost_backend_channel_has_something() - is there something to deliver?
 * @channel: the channel; the caller is on its wait queue, if he is to sleep
 *
 * The doorbell may have been rung for something that is gone, a request that was
 * withdrawn; the next raise would then wake nobody. So who is about to sleep
 * clears it, and looks once more.
 *
 * Return: false: a wake-up will follow as soon as there is something.
 */
bool vhost_backend_channel_has_something(struct vhost_backend_channel *channel)
{
	if (something_pending(channel))
		return true;
	vhost_backend_notify_hush(&channel->notify);
	return something_pending(channel);
}

/**
 * vhost_backend_channel_try_lock_reader() - take read_mutex if it is free
 * @channel: the channel
 *
 * Return: false: another one reads, and wakes whoever sleeps if he leaves something.
 */
bool vhost_backend_channel_try_lock_reader(struct vhost_backend_channel *channel)
{
	if (mutex_trylock(&channel->read_mutex))
		return true;
	WRITE_ONCE(channel->turned_away, 1);
	/* Partner: the unlocking reader's. He sees the mark, or has unlocked. */
	smp_mb();
	return mutex_trylock(&channel->read_mutex);
}

/**
 * vhost_backend_channel_unlock_reader() - let others read
 * @channel: the channel, its read_mutex held
 *
 * The reader has cleared the doorbell, perhaps for more than he had space for. Who
 * was turned away meanwhile believes that there is nothing, and has to be told.
 */
void vhost_backend_channel_unlock_reader(struct vhost_backend_channel *channel)
{
	mutex_unlock(&channel->read_mutex);
	/* Partner: vhost_backend_channel_try_lock_reader(). */
	smp_mb();
	if (READ_ONCE(channel->turned_away) && xchg(&channel->turned_away, 0) &&
	    vhost_backend_channel_has_something(channel))
		wake_frontend(channel);
}

/*
 * Writes the descriptor of @file over the header's fd word. @at is where the
 * message starts. Whatever fails, no descriptor is left.
 */
static int install_file(struct file *file, const struct iov_iter *at)
{
	const size_t offset = offsetof(struct vhost_backend_msg, fd);
	int __user *user = vhost_backend_iter_address(at, offset, sizeof(s32));
	struct iov_iter word = *at;
	s32 fd = vhost_backend_receive_fd(file, user, O_CLOEXEC);

	if (fd < 0 || user)
		return min(fd, 0);
	iov_iter_advance(&word, offset);
	if (copy_to_iter(&fd, sizeof(fd), &word) == sizeof(fd))
		return 0;
	close_fd(fd);
	return -EFAULT;
}

/*
 * The whole message first, and the descriptor last: a fault half-way must not
 * leave a descriptor that nobody was told of.
 */
static int copy_message(struct iov_iter *to, const struct vhost_backend_msg *msg,
			struct file *file)
{
	size_t bytes = vhost_backend_msg_bytes(msg);
	const struct iov_iter start = *to;
	size_t copied = copy_to_iter(msg, bytes, to);
	int err = copied == bytes ? 0 : -EFAULT;

	if (!err && file)
		err = install_file(file, &start);
	if (err)
		iov_iter_revert(to, copied);
	return err;
}

/* Returns 1; 0 if no request is left in the batch; or an error. */
static int deliver_request(struct vhost_backend_channel *channel,
			   struct vhost_backend_reader *reader,
			   struct iov_iter *to)
{
	struct vhost_backend_inflight *inflight = &channel->inflight;
	struct vhost_backend_claim claim;
	struct file *file;
	int ret;

	ret = vhost_backend_inflight_claim(inflight, channel->batch.limit,
					   iov_iter_count(to), reader->own_mm, &claim,
					   &reader->refused);
	if (ret <= 0)
		return ret;
	file = claim.slot && reader->takes_files ? claim.slot->file : NULL;
	ret = copy_message(to, claim.msg, file);
	if (ret) {
		vhost_backend_inflight_unclaim(inflight, &claim);
		return ret;
	}
	vhost_backend_inflight_delivered(inflight, &claim, file);
	return 1;
}

/* Likewise, for notifications. */
static int deliver_notification(struct vhost_backend_channel *channel,
				struct iov_iter *to)
{
	struct vhost_backend_record record = {};
	u32 vring = 0;
	int err;

	record.msg.request = vhost_backend_batch_next(&channel->batch, &vring);
	if (record.msg.request == VHOST_BACKEND_PAD)
		return 0;
	record.msg.flags = VHOST_BACKEND_MSG_VERSION;
	record.msg.fd = VHOST_BACKEND_FD_NONE;
	if (record.msg.request != VHOST_BACKEND_CONFIG_CHANGE_MSG) {
		record.msg.size = sizeof(record.state);
		record.state.index = vring;
	}
	if (iov_iter_count(to) < vhost_backend_msg_bytes(&record.msg))
		return -EMSGSIZE;
	err = copy_message(to, &record.msg, NULL);
	if (err)
		return err;
	vhost_backend_batch_drop(&channel->batch, record.msg.request, vring);
	this_cpu_inc(channel->counters->notifications_delivered);
	return 1;
}

/* Takes all that there is as the next batch. */
static void look(struct vhost_backend_channel *channel)
{
	/*
	 * Whoever looks meanwhile, without the mutex, must not see neither the
	 * bits nor the batch, and go to sleep: see something_pending().
	 */
	WRITE_ONCE(channel->batch.pending, 1);
	vhost_backend_notify_hush(&channel->notify);
	vhost_backend_notify_take(&channel->notify, &channel->batch);
	channel->batch.limit = vhost_backend_ring_tail(&channel->inflight.ring);
}

/* Delivers what is left of the batch: requests first. 0 if all of it. */
static int deliver_batch(struct vhost_backend_channel *channel,
			 struct vhost_backend_reader *reader,
			 struct iov_iter *to)
{
	int ret;

	while ((ret = deliver_request(channel, reader, to)) > 0)
		cond_resched();
	if (ret)
		return ret;
	while ((ret = deliver_notification(channel, to)) > 0)
		cond_resched();
	return ret;
}

/**
 * vhost_backend_channel_read() - deliver messages
 * @channel: READY, its read_mutex held
 * @reader: who reads
 * @to: where to
 *
 * What an earlier call took and had no space for comes first, then what there is
 * now. Notifications that were taken are not put back: a busy worker would keep
 * them from ever being delivered.
 *
 * Return: bytes; 0 there is nothing; -EMSGSIZE, -EFAULT, -EMFILE, or what the
 * security module says, for the first message: it stays queued.
 */
ssize_t vhost_backend_channel_read(struct vhost_backend_channel *channel,
				   struct vhost_backend_reader *reader,
				   struct iov_iter *to)
{
	size_t space = iov_iter_count(to);
	int err;

	lockdep_assert_held(&channel->read_mutex);
	err = deliver_batch(channel, reader, to);
	if (!err) {
		look(channel);
		err = deliver_batch(channel, reader, to);
	}
	space -= iov_iter_count(to);
	vhost_backend_channel_wake_room(channel);
	return space ?: err;
}

/**
 * vhost_backend_channel_stats() - the figures of a channel
 * @channel: READY
 * @stats: out
 */
void vhost_backend_channel_stats(struct vhost_backend_channel *channel,
				 struct vhost_backend_stats *stats)
{
	struct vhost_backend_inflight *inflight = &channel->inflight;
	u64 *sum = (u64 *)stats;
	unsigned long flags;
	int cpu, i;

	memset(stats, 0, sizeof(*stats));
	for_each_possible_cpu(cpu) {
		const u64 *counter = (u64 *)per_cpu_ptr(channel->counters, cpu);

		for (i = 0; i < sizeof(*stats) / sizeof(u64); i++)
			sum[i] += READ_ONCE(counter[i]);
	}
	raw_spin_lock_irqsave(&inflight->lock, flags);
	stats->inflight = inflight->waiting;
	stats->inflight_peak = inflight->waiting_peak;
	stats->waiting_bytes = vhost_backend_ring_waiting(&inflight->ring);
	stats->waiting_bytes_peak = inflight->bytes_peak;
	raw_spin_unlock_irqrestore(&inflight->lock, flags);
	stats->bindings = READ_ONCE(channel->nr_bindings);
	stats->backends = READ_ONCE(channel->nr_backends);
}
