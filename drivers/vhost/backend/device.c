// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bound vhost devices. The messages that an unmodified device would give to read(), its
 * IOTLB misses, are delivered as IOTLB_MSG. They are read with the device's own
 * read_iter, which looks at O_NONBLOCK each time: a process with the descriptor can make
 * it sleep for ever. So each device has a thread, which a signal can wake from there.
 */
#include <linux/cgroup.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/miscdevice.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include <linux/xarray.h>
#include <uapi/linux/major.h>
#include <uapi/linux/vhost_types.h>

#include "channel.h"
#include "compat.h"
#include "device.h"
#include "process.h"
#include "queue.h"
#include "room.h"
#include "wake.h"

#define IOTLB_BYTES	(sizeof(struct vhost_backend_msg) + sizeof(struct vhost_backend_iotlb))

struct bound_device {
	struct list_head node;		/* channel->devices, under bind_mutex */
	struct vhost_backend_channel *channel;
	struct file *file;
	u16 source;			/* of its messages */
	struct task_struct *thread;
	struct vhost_backend_process binder;
	vhost_backend_kcov_handle kcov_handle;		/* of the task that bound it */
	bool ended;			/* by itself: closed_work has to unbind it */

	/* On the device's wait queue; called under that queue's lock. */
	wait_queue_entry_t hook;
	wait_queue_head_t *queue;
	poll_table table;

	/* Ours. Its lock is taken inside the device's: only the thread sleeps here. */
	wait_queue_head_t wait;
	bool woken;
};

static int device_woken(wait_queue_entry_t *hook, unsigned int mode, int sync,
			void *key)
{
	struct bound_device *device = container_of(hook, struct bound_device, hook);

	if (key_to_poll(key) & EPOLLIN) {
		/*
		 * The device's message before the mark. Partner: the barrier of
		 * device_main(), between clearing the mark and looking for a message.
		 */
		smp_mb();
		WRITE_ONCE(device->woken, true);
		wake_up(&device->wait);
	}
	return 0;
}

static void hook_queue(struct file *file, wait_queue_head_t *queue, poll_table *table)
{
	struct bound_device *device = container_of(table, struct bound_device, table);

	device->queue = queue;
	add_wait_queue(queue, &device->hook);
}

static void queue_message(struct bound_device *device,
			  const struct vhost_iotlb_msg *iotlb)
{
	struct vhost_backend_record record = {
		.msg = {
			.request = VHOST_BACKEND_IOTLB_MSG,
			.flags = VHOST_BACKEND_MSG_VERSION,
			.size = sizeof(record.iotlb),
			.fd = VHOST_BACKEND_FD_NONE,
		},
		.payload = &record.iotlb,
		.iotlb = {
			.iova = iotlb->iova,
			.size = iotlb->size,
			.uaddr = iotlb->uaddr,
			.perm = iotlb->perm,
			.type = iotlb->type,
			.source = device->source,
		},
	};

	if (!vhost_backend_inflight_queue_reserved(&device->channel->inflight,
						   &record, IOTLB_BYTES))
		vhost_backend_channel_announce(device->channel);
}

/* Reads one message; the reservation is used up or given back. */
static int transfer(struct bound_device *device)
{
	/* Both versions of struct vhost_msg have their IOTLB message here. */
	struct vhost_msg_v2 msg;
	struct kvec vector = { &msg, sizeof(msg) };
	struct iov_iter iter;
	loff_t position = 0;
	ssize_t n;

	iov_iter_kvec(&iter, ITER_DEST, &vector, 1, sizeof(msg));
	n = vfs_iter_read(device->file, &iter, &position, 0);
	if (n == sizeof(msg)) {
		queue_message(device, &msg.iotlb);
		return 0;
	}
	vhost_backend_inflight_unreserve(&device->channel->inflight, IOTLB_BYTES);
	if (n == -EAGAIN)
		return 0;		/* another reader has taken the message */
	return n < 0 ? n : -EIO;
}

/* True if room was reserved, or never will be: see @err. False: there is none now. */
static bool reserve(struct vhost_backend_channel *channel, int *err)
{
	*err = vhost_backend_inflight_reserve(&channel->inflight, IOTLB_BYTES);
	if (*err != -EAGAIN)
		return true;
	vhost_backend_room_awaited(channel);
	return false;
}

/*
 * Without room, the message stays in the device. Room is reserved before the message is
 * read, since it cannot be put back.
 */
static int deliver(struct bound_device *device)
{
	struct vhost_backend_channel *channel = device->channel;
	int err, interrupted;

	interrupted = wait_event_interruptible(channel->room_wait,
					       reserve(channel, &err) ||
					       kthread_should_stop());
	if (interrupted)
		return interrupted;
	if (err)
		return err == -EAGAIN ? 0 : err;
	err = transfer(device);
	/* The message took less room than was reserved. */
	vhost_backend_room_freed(channel);
	return err;
}

/* Returns 0 when there may be a message, or an error after a signal. */
static int wait_for_message(struct bound_device *device)
{
	return wait_event_interruptible(device->wait, READ_ONCE(device->woken) ||
					kthread_should_stop());
}

static void end(struct bound_device *device)
{
	WRITE_ONCE(device->ended, true);
	queue_work(vhost_backend_wq, &device->channel->closed_work);
}

/* No process can use the device any more, and it may keep the channel: see process.c. */
static void binder_outlived(struct vhost_backend_process *binder)
{
	end(container_of(binder, struct bound_device, binder));
}

static int device_main(void *data)
{
	struct bound_device *device = data;
	int err = 0;

	allow_signal(SIGKILL);
	while (!err && !kthread_should_stop()) {
		kcov_remote_start_common(device->kcov_handle);
		/* Cleared before the look. Partner: device_woken(). */
		smp_store_mb(device->woken, false);
		if (!(READ_ONCE(device->file->f_flags) & O_NONBLOCK))
			err = -EINVAL;
		else if (vfs_poll(device->file, NULL) & EPOLLIN)
			err = deliver(device);
		else
			err = wait_for_message(device);
		kcov_remote_stop();
	}
	if (!kthread_should_stop())
		end(device);
	for (;;) {
		set_current_state(TASK_IDLE);
		if (kthread_should_stop())
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

/* Devices of other modules whose read() is like vhost's, by their file operations */
static DEFINE_XARRAY(known_devices);

/**
 * vhost_backend_register_device() - let a device be bound for its IOTLB messages
 * @fops: of the device's files. Their read_iter gives struct vhost_msg or
 *	struct vhost_msg_v2, and honours O_NONBLOCK and signals. Their poll has one
 *	wait queue
 *
 * For drivers on the vhost core, with vhost_chr_read_iter() and vhost_chr_poll().
 * vhost-net and vhost-vsock need not register.
 *
 * Context: Process context. May sleep.
 * Return: 0; -EBUSY: it is registered already; -ENOMEM.
 */
int vhost_backend_register_device(const struct file_operations *fops)
{
	return xa_insert(&known_devices, (unsigned long)fops, (void *)fops, GFP_KERNEL);
}
EXPORT_SYMBOL_GPL(vhost_backend_register_device);

/**
 * vhost_backend_unregister_device() - undo vhost_backend_register_device()
 * @fops: as given there; no file of the device is open any more
 *
 * Context: Process context. May sleep.
 */
void vhost_backend_unregister_device(const struct file_operations *fops)
{
	xa_erase(&known_devices, (unsigned long)fops);
}
EXPORT_SYMBOL_GPL(vhost_backend_unregister_device);

/* Only devices whose messages are known to be IOTLB messages. */
static bool is_bindable(const struct file *file)
{
	const struct inode *inode = file_inode(file);

	if (!(file->f_mode & FMODE_READ) || !(READ_ONCE(file->f_flags) & O_NONBLOCK))
		return false;
	if (xa_load(&known_devices, (unsigned long)file->f_op))
		return true;
	return S_ISCHR(inode->i_mode) && imajor(inode) == MISC_MAJOR &&
	       (iminor(inode) == VHOST_NET_MINOR || iminor(inode) == VHOST_VSOCK_MINOR);
}

static struct bound_device *find_device(struct vhost_backend_channel *channel,
					const struct file *file)
{
	struct bound_device *device;

	list_for_each_entry(device, &channel->devices, node)
		if (device->file == file)
			return device;
	return NULL;
}

/* The thread works for the caller, and the limits of the caller's cgroups hold for it. */
static int make_thread(struct bound_device *device)
{
	struct task_struct *thread = kthread_create(device_main, device, "vhost-backend-d");
	int err;

	if (IS_ERR(thread))
		return PTR_ERR(thread);
	err = cgroup_attach_task_all(current, thread);
	if (err) {
		kthread_stop(thread);
		return err;
	}
	device->thread = thread;
	return 0;
}

static struct bound_device *create_device(struct vhost_backend_channel *channel,
					  struct file *file, u16 source)
{
	struct bound_device *device = kzalloc(sizeof(*device), GFP_KERNEL_ACCOUNT);
	int err;

	if (!device)
		return ERR_PTR(-ENOMEM);
	device->channel = channel;
	device->file = file;
	device->source = source;
	device->kcov_handle = kcov_common_handle();
	init_waitqueue_head(&device->wait);
	init_waitqueue_func_entry(&device->hook, device_woken);
	init_poll_funcptr(&device->table, hook_queue);
	err = make_thread(device);
	if (err) {
		kfree(device);
		return ERR_PTR(err);
	}
	return device;
}

/**
 * vhost_backend_device_bind() - deliver a vhost device's messages
 * @channel: READY, its bind_mutex held
 * @file: the device. A reference is taken until the device is unbound: by a call, when
 *	it was made blocking, with the channel, or when the caller's process is dead and
 *	its address space is still in use
 * @source: number in its messages, by which the frontend knows which device to update
 *
 * Return: 0; -EINVAL: no such device, or blocking; -EBUSY: bound already;
 * -EMFILE: too many bindings; -ENOMEM; an error of joining the caller's cgroups.
 */
int vhost_backend_device_bind(struct vhost_backend_channel *channel,
			      struct file *file, u16 source)
{
	struct bound_device *device;

	lockdep_assert_held(&channel->bind_mutex);
	if (!is_bindable(file))
		return -EINVAL;
	if (find_device(channel, file))
		return -EBUSY;
	if (!vhost_backend_account_add_device(channel->account,
					      READ_ONCE(vhost_backend_max_bindings),
					      READ_ONCE(vhost_backend_max_devices)))
		return -EMFILE;
	device = create_device(channel, file, source);
	if (IS_ERR(device)) {
		vhost_backend_account_drop_device(channel->account);
		return PTR_ERR(device);
	}
	get_file(file);
	vfs_poll(file, &device->table);
	vhost_backend_process_watch(&device->binder, binder_outlived);
	list_add_tail(&device->node, &channel->devices);
	WRITE_ONCE(channel->nr_bindings, channel->nr_bindings + 1);
	wake_up_process(device->thread);
	return 0;
}

static void unbind_device(struct bound_device *device)
{
	struct vhost_backend_channel *channel = device->channel;

	vhost_backend_process_unwatch(&device->binder);
	if (device->queue)
		remove_wait_queue(device->queue, &device->hook);
	/*
	 * The signal ends a sleep in the device's read. But it is kthread_stop() that is
	 * sure to: a thread that has only begun still blocks the signal, and one that reads
	 * another message after it would sleep again. kthread_stop() sets
	 * TIF_NOTIFY_SIGNAL, which signal_pending() reports until the thread has ended.
	 */
	send_sig(SIGKILL, device->thread, 1);
	kthread_stop(device->thread);
	list_del(&device->node);
	WRITE_ONCE(channel->nr_bindings, channel->nr_bindings - 1);
	vhost_backend_account_drop_device(channel->account);
	fput(device->file);
	kfree(device);
}

/**
 * vhost_backend_device_unbind() - undo vhost_backend_device_bind()
 * @channel: its bind_mutex held
 * @file: the device; NULL: all devices
 *
 * Messages that were read before are still delivered.
 *
 * Return: 0; -ENOENT: nothing was bound.
 */
int vhost_backend_device_unbind(struct vhost_backend_channel *channel,
				const struct file *file)
{
	struct bound_device *device, *next;
	int err = -ENOENT;

	lockdep_assert_held(&channel->bind_mutex);
	list_for_each_entry_safe(device, next, &channel->devices, node) {
		if (file && device->file != file)
			continue;
		unbind_device(device);
		err = 0;
	}
	return err;
}

/**
 * vhost_backend_devices_look() - a process that has the channel is dying
 * @channel: the channel
 *
 * Whether it is one that bound a device is found out a second later.
 *
 * Context: Process context. May sleep.
 */
void vhost_backend_devices_look(struct vhost_backend_channel *channel)
{
	struct bound_device *device;

	mutex_lock(&channel->bind_mutex);
	list_for_each_entry(device, &channel->devices, node)
		vhost_backend_process_look(&device->binder);
	mutex_unlock(&channel->bind_mutex);
}

/**
 * vhost_backend_device_unbind_ended() - unbind devices that have ended by themselves
 * @channel: its bind_mutex held
 */
void vhost_backend_device_unbind_ended(struct vhost_backend_channel *channel)
{
	struct bound_device *device, *next;

	lockdep_assert_held(&channel->bind_mutex);
	list_for_each_entry_safe(device, next, &channel->devices, node)
		if (READ_ONCE(device->ended))
			unbind_device(device);
}
