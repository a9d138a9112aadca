// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/vhost-shmem, a vhost device on the kernel's own vhost core, and an example of
 * a driver that uses a backend channel. This file is the VMM's side: the file
 * operations and ioctls. The guest's side is in queue.c.
 */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vhost.h>

#include "../backend/compat.h"
#include "device.h"

/* How many requests, and bytes, are taken before the worker does other work */
#define WEIGHT		256
#define BYTE_WEIGHT	0x80000

#define FEATURES (BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC) | \
		  BIT_ULL(VIRTIO_RING_F_EVENT_IDX) | \
		  BIT_ULL(VIRTIO_F_VERSION_1) | \
		  BIT_ULL(VIRTIO_F_ACCESS_PLATFORM))
#define BACKEND_FEATURES BIT_ULL(VHOST_BACKEND_F_IOTLB_MSG_V2)

static const struct vhost_backend_ops backend_ops = {
	.reset = shmem_queue_frontend_forgot,
	.gone = shmem_queue_frontend_forgot,
	.room = shmem_queue_has_room,
};

/* Ends the requests that are under way. Whatever they end with is ignored. */
static void detach(struct shmem_device *shmem)
{
	struct vhost_backend *be = shmem->be;

	if (!be)
		return;
	/*
	 * First of all, end all waits for the frontend, which may be this very
	 * process: nothing below may wait for it.
	 */
	vhost_backend_shutdown(be);
	mutex_lock(&shmem->vq.mutex);
	shmem->be = NULL;
	mutex_unlock(&shmem->vq.mutex);
	/* From here on the worker sends nothing. */
	vhost_backend_detach(be);
	/* Now no callback runs any more, and nothing else refers to mappings[]. */
	mutex_lock(&shmem->vq.mutex);
	shmem_queue_clear(shmem);
	mutex_unlock(&shmem->vq.mutex);
}

static int check_attached(struct shmem_device *shmem, struct vhost_backend *be)
{
	int err;

	if (!vhost_backend_accepts(be, VHOST_BACKEND_SHMEM_MAP) ||
	    !vhost_backend_accepts(be, VHOST_BACKEND_SHMEM_UNMAP))
		return -EOPNOTSUPP;
	err = vhost_backend_set_shmem(be, shmem->region.shmid, shmem->region.bytes);
	/* The channel need not know the region: queue.c checks all ranges itself. */
	return err == -EOPNOTSUPP ? 0 : err;
}

static long attach(struct shmem_device *shmem, const struct vhost_shmem_channel *arg)
{
	struct vhost_backend *be;
	int err;

	if (shmem->be)
		return -EBUSY;
	if (!shmem->region.bytes)
		return -EINVAL;
	be = vhost_backend_attach(arg->fd, "vhost-shmem", arg->vring, 1, &backend_ops,
				  shmem);
	if (IS_ERR(be))
		return PTR_ERR(be);
	err = check_attached(shmem, be);
	if (err) {
		vhost_backend_detach(be);
		return err;
	}
	mutex_lock(&shmem->vq.mutex);
	shmem->be = be;
	mutex_unlock(&shmem->vq.mutex);
	return 0;
}

static long set_channel(struct shmem_device *shmem, void __user *argp)
{
	struct vhost_shmem_channel arg;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	if (arg.fd != -1)
		return attach(shmem, &arg);
	if (!shmem->be)
		return -ENOTCONN;
	if (shmem_is_running(shmem))
		return -EBUSY;
	detach(shmem);
	return 0;
}

static long set_region(struct shmem_device *shmem, void __user *argp)
{
	struct vhost_shmem_region region;

	if (copy_from_user(&region, argp, sizeof(region)))
		return -EFAULT;
	if (region.shmid > U8_MAX || region.flags || !region.bytes ||
	    !PAGE_ALIGNED(region.bytes))
		return -EINVAL;
	if (shmem->be)
		return -EBUSY;
	shmem->region = region;
	return 0;
}

/* Takes over the reference on @file. The worker must not use the old file. */
static void replace_file(struct shmem_device *shmem, struct file *file)
{
	swap(shmem->file, file);
	if (file)
		fput(file);
}

static long set_file(struct shmem_device *shmem, void __user *argp)
{
	struct file *file = NULL;
	s32 fd;

	if (copy_from_user(&fd, argp, sizeof(fd)))
		return -EFAULT;
	if (shmem_is_running(shmem))
		return -EBUSY;
	if (fd != -1) {
		file = fget(fd);
		if (!file)
			return -EBADF;
		if (!vhost_backend_is_regular(file)) {
			fput(file);
			return -EINVAL;
		}
	}
	replace_file(shmem, file);
	return 0;
}

static long set_timeout(struct shmem_device *shmem, void __user *argp)
{
	u32 timeout_ms;

	if (copy_from_user(&timeout_ms, argp, sizeof(timeout_ms)))
		return -EFAULT;
	mutex_lock(&shmem->vq.mutex);
	shmem->timeout = msecs_to_jiffies(timeout_ms);
	mutex_unlock(&shmem->vq.mutex);
	return 0;
}

static long start(struct shmem_device *shmem)
{
	struct vhost_virtqueue *vq = &shmem->vq;
	long err = -EFAULT;

	if (!shmem->be)
		return -ENOTCONN;
	if (!shmem->file)
		return -EINVAL;
	mutex_lock(&vq->mutex);
	if (vhost_vq_access_ok(vq)) {
		vhost_vq_set_backend(vq, shmem);
		err = vhost_vq_init_access(vq);
		if (err)
			vhost_vq_set_backend(vq, NULL);
	}
	mutex_unlock(&vq->mutex);
	/* Kicks before this were ignored, but there may be requests in the ring. */
	if (!err)
		vhost_poll_queue(&vq->poll);
	return err;
}

static void stop(struct shmem_device *shmem)
{
	mutex_lock(&shmem->vq.mutex);
	if (shmem_is_running(shmem))
		shmem_queue_stop(shmem);
	mutex_unlock(&shmem->vq.mutex);
}

static long set_running(struct shmem_device *shmem, void __user *argp)
{
	u32 running;

	if (copy_from_user(&running, argp, sizeof(running)))
		return -EFAULT;
	if (running > 1)
		return -EINVAL;
	if (running)
		return shmem_is_running(shmem) ? 0 : start(shmem);
	stop(shmem);
	return 0;
}

static long get_stats(struct shmem_device *shmem, void __user *argp)
{
	struct vhost_shmem_stats stats;

	mutex_lock(&shmem->vq.mutex);
	shmem_queue_stats(shmem, &stats);
	mutex_unlock(&shmem->vq.mutex);
	return copy_to_user(argp, &stats, sizeof(stats)) ? -EFAULT : 0;
}

static long reset_owner(struct shmem_device *shmem, void __user *argp)
{
	struct vhost_iotlb *umem = vhost_dev_reset_owner_prepare();

	if (!umem)
		return -ENOMEM;
	stop(shmem);
	detach(shmem);
	vhost_dev_stop(&shmem->dev);
	vhost_dev_reset_owner(&shmem->dev, umem);
	replace_file(shmem, NULL);
	memset(&shmem->region, 0, sizeof(shmem->region));
	memset(&shmem->stats, 0, sizeof(shmem->stats));
	shmem->timeout = 0;
	return 0;
}

struct operation {
	unsigned int command;
	long (*fn)(struct shmem_device *shmem, void __user *argp);
};

static const struct operation operations[] = {
	{ VHOST_SHMEM_SET_REGION, set_region },
	{ VHOST_SHMEM_SET_FILE, set_file },
	{ VHOST_SHMEM_SET_CHANNEL, set_channel },
	{ VHOST_SHMEM_SET_RUNNING, set_running },
	{ VHOST_SHMEM_SET_TIMEOUT, set_timeout },
	{ VHOST_SHMEM_GET_STATS, get_stats },
	{ VHOST_RESET_OWNER, reset_owner },
};

static long core_ioctl(struct shmem_device *shmem, unsigned int command,
		       void __user *argp)
{
	long ret = vhost_dev_ioctl(&shmem->dev, command, argp);

	if (ret == -ENOIOCTLCMD)
		return vhost_vring_ioctl(&shmem->dev, command, argp);
	vhost_dev_flush(&shmem->dev);
	return ret;
}

static long locked_ioctl(struct shmem_device *shmem, unsigned int command,
			 void __user *argp)
{
	unsigned int i;
	long err;

	for (i = 0; i < ARRAY_SIZE(operations); i++) {
		if (operations[i].command != command)
			continue;
		err = vhost_dev_check_owner(&shmem->dev);
		return err ?: operations[i].fn(shmem, argp);
	}
	return core_ioctl(shmem, command, argp);
}

static long set_features(struct shmem_device *shmem, u64 features)
{
	struct vhost_dev *dev = &shmem->dev;
	long err = 0;

	if (features & ~FEATURES)
		return -EOPNOTSUPP;
	mutex_lock(&dev->mutex);
	if (shmem_is_running(shmem))
		err = -EBUSY;
	else if (features & BIT_ULL(VIRTIO_F_ACCESS_PLATFORM))
		err = vhost_backend_init_device_iotlb(dev);
	if (!err) {
		mutex_lock(&shmem->vq.mutex);
		shmem->vq.acked_features = features;
		mutex_unlock(&shmem->vq.mutex);
	}
	mutex_unlock(&dev->mutex);
	return err;
}

static long set_backend_features(struct shmem_device *shmem, u64 features)
{
	if (features & ~BACKEND_FEATURES)
		return -EOPNOTSUPP;
	vhost_set_backend_features(&shmem->dev, features);
	return 0;
}

static long shmem_ioctl(struct file *file, unsigned int command, unsigned long arg)
{
	struct shmem_device *shmem = file->private_data;
	void __user *argp = (void __user *)arg;
	u64 __user *features_user = argp;
	u64 features;
	long ret;

	switch (command) {
	case VHOST_GET_FEATURES:
		return put_user(FEATURES, features_user);
	case VHOST_GET_BACKEND_FEATURES:
		return put_user(BACKEND_FEATURES, features_user);
	case VHOST_SET_FEATURES:
		return get_user(features, features_user) ?: set_features(shmem, features);
	case VHOST_SET_BACKEND_FEATURES:
		return get_user(features, features_user) ?:
		       set_backend_features(shmem, features);
	}
	mutex_lock(&shmem->dev.mutex);
	ret = locked_ioctl(shmem, command, argp);
	mutex_unlock(&shmem->dev.mutex);
	return ret;
}

/* The VMM reads misses of the device's IOTLB, and writes updates. */
static ssize_t shmem_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct shmem_device *shmem = iocb->ki_filp->private_data;

	return vhost_chr_read_iter(&shmem->dev, to,
				   iocb->ki_filp->f_flags & O_NONBLOCK ||
				   iocb->ki_flags & IOCB_NOWAIT);
}

static ssize_t shmem_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct shmem_device *shmem = iocb->ki_filp->private_data;

	/* Count the write first: it may wake the worker, which looks at the count. */
	atomic_inc(&shmem->iotlb_writes);
	return vhost_chr_write_iter(&shmem->dev, from);
}

static __poll_t shmem_poll(struct file *file, poll_table *wait)
{
	struct shmem_device *shmem = file->private_data;

	return vhost_chr_poll(file, &shmem->dev, wait);
}

static int shmem_open(struct inode *inode, struct file *file)
{
	struct shmem_device *shmem = kvzalloc(sizeof(*shmem), GFP_KERNEL_ACCOUNT);

	if (!shmem)
		return -ENOMEM;
	shmem->vqs[0] = &shmem->vq;
	shmem_queue_init(shmem);
	vhost_dev_init(&shmem->dev, shmem->vqs, ARRAY_SIZE(shmem->vqs), UIO_MAXIOV,
		       WEIGHT, BYTE_WEIGHT, true, NULL);
	file->private_data = shmem;
	return 0;
}

/*
 * The last close. It may come from a process that is dying, whose memory is out of
 * reach, and nothing reads its ring any more. So, unlike stop(), this answers no
 * requests.
 */
static int shmem_release(struct inode *inode, struct file *file)
{
	struct shmem_device *shmem = file->private_data;

	mutex_lock(&shmem->vq.mutex);
	vhost_vq_set_backend(&shmem->vq, NULL);
	mutex_unlock(&shmem->vq.mutex);
	detach(shmem);
	vhost_dev_stop(&shmem->dev);
	vhost_dev_cleanup(&shmem->dev);
	replace_file(shmem, NULL);
	kvfree(shmem);
	return 0;
}

static const struct file_operations shmem_fops = {
	.owner = THIS_MODULE,
	.open = shmem_open,
	.release = shmem_release,
	.llseek = noop_llseek,
	.unlocked_ioctl = shmem_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.read_iter = shmem_read_iter,
	.write_iter = shmem_write_iter,
	.poll = shmem_poll,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "vhost-shmem",
	.fops = &shmem_fops,
	.mode = 0600,
};

static int __init shmem_module_init(void)
{
	int err = vhost_backend_register_device(&shmem_fops);

	if (err)
		return err;
	err = misc_register(&device);
	if (err)
		vhost_backend_unregister_device(&shmem_fops);
	return err;
}
module_init(shmem_module_init);

static void __exit shmem_module_exit(void)
{
	misc_deregister(&device);
	vhost_backend_unregister_device(&shmem_fops);
}
module_exit(shmem_module_exit);

MODULE_DESCRIPTION("vhost device that maps files into its shared memory region");
MODULE_AUTHOR("The vhost backend channel developers");
MODULE_LICENSE("GPL");
