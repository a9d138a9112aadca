/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every difference between the kernels that the module builds for, each with the
 * version that changed it. The only place that looks at LINUX_VERSION_CODE.
 */
#ifndef VHOST_BACKEND_COMPAT_H
#define VHOST_BACKEND_COMPAT_H

#include <linux/eventfd.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/kcov.h>
#include <linux/magic.h>
#include <linux/shmem_fs.h>
#include <linux/timer.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <linux/version.h>
#include <linux/wait.h>

/*
 * 6.8: receive_fd() got the user pointer that receive_fd_user(), which is not
 * exported, had: the descriptor is there only once its number was written. Before,
 * a fault closes it again.
 */
static inline int vhost_backend_receive_fd(struct file *file, int __user *user,
					   unsigned int flags)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
	return receive_fd(file, user, flags);
#else
	int fd = receive_fd(file, flags);

	if (fd >= 0 && user && put_user(fd, user)) {
		close_fd(fd);
		return -EFAULT;
	}
	return fd;
#endif
}

/* 6.4: iter_iov(), for what was a member before. */
static inline const struct iovec *vhost_backend_iter_iov(const struct iov_iter *iter)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
	return iter_iov(iter);
#else
	return iter->iov;
#endif
}

/* Where @bytes at @offset of @iter lie, if in user memory and in one piece. */
static inline void __user *vhost_backend_iter_address(const struct iov_iter *iter,
						      size_t offset, size_t bytes)
{
	const struct iovec *iov;

	offset += iter->iov_offset;
	if (iter_is_ubuf(iter))
		return iter->ubuf + offset;
	if (!iter_is_iovec(iter))
		return NULL;
	iov = vhost_backend_iter_iov(iter);
	return offset + bytes <= iov->iov_len ? iov->iov_base + offset : NULL;
}

/* 6.16: from_timer() became timer_container_of(). */
#ifndef timer_container_of
#define timer_container_of	from_timer
#endif

/* 6.2: timer_shutdown_sync(); before it, nothing else may arm the timer. */
static inline void vhost_backend_timer_shutdown(struct timer_list *timer)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
	timer_shutdown_sync(timer);
#else
	del_timer_sync(timer);
#endif
}

/* 6.12: <asm/unaligned.h> moved. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#include <linux/unaligned.h>
#else
#include <asm/unaligned.h>
#endif

/* 6.3: flags of a mapping are changed through functions. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
#define vhost_backend_vm_flags_set(vma, flags)		vm_flags_set(vma, flags)
#define vhost_backend_vm_flags_clear(vma, flags)	vm_flags_clear(vma, flags)
#else
#define vhost_backend_vm_flags_set(vma, flags)		((vma)->vm_flags |= (flags))
#define vhost_backend_vm_flags_clear(vma, flags)	((vma)->vm_flags &= ~(flags))
#endif

/* 6.17: system_wq became system_percpu_wq; from 7.2 on the old one warns in the log. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0)
#define vhost_backend_wq	system_percpu_wq
#else
#define vhost_backend_wq	system_wq
#endif

/* 6.4: vhost's workers, and io_uring's, became threads of the process. */
#ifndef PF_USER_WORKER
#define PF_USER_WORKER		0
#endif

/* 6.8: eventfd_signal() lost its count, which was always 1. */
static inline void vhost_backend_eventfd_signal(struct eventfd_ctx *eventfd)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
	eventfd_signal(eventfd);
#else
	eventfd_signal(eventfd, 1);
#endif
}

/*
 * 6.17: a priority waiter is no longer exclusive; one that is finds out whether it
 * is the only one.
 */
static inline int vhost_backend_add_priority_exclusive(wait_queue_head_t *queue,
						       wait_queue_entry_t *wait)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0)
	return add_wait_queue_priority_exclusive(queue, wait);
#else
	add_wait_queue_priority(queue, wait);
	return 0;
#endif
}

/* Who KCOV tells what a thread reaches: a u64 up to 6.12, in 7.3 a struct. */
#define vhost_backend_kcov_handle	typeof(kcov_common_handle())

/* 6.3: vhost_init_device_iotlb() lost a parameter that nothing looked at. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
#define vhost_backend_init_device_iotlb(dev)	vhost_init_device_iotlb(dev)
#else
#define vhost_backend_init_device_iotlb(dev)	vhost_init_device_iotlb(dev, true)
#endif

/* 7.0: the flags of shmem_file_setup() became a struct. */
#ifndef EMPTY_VMA_FLAGS
#define EMPTY_VMA_FLAGS	0
#endif

static inline struct file *vhost_backend_shmem_file(const char *name, loff_t size)
{
	return shmem_file_setup(name, size, EMPTY_VMA_FLAGS);
}

/* 6.9: a pidfd is a file of a file system of its own, and says that it is regular. */
#ifndef PID_FS_MAGIC
#define PID_FS_MAGIC	0x50494446
#endif

/*
 * 6.9: pidfds, 6.16: io_uring, epoll, eventfd and all others without a name say that
 * they are regular files. They can hold whoever holds them.
 */
static inline bool vhost_backend_is_regular(const struct file *file)
{
	const struct inode *inode = file_inode(file);
	unsigned long magic = inode->i_sb->s_magic;

	return S_ISREG(inode->i_mode) && magic != ANON_INODE_FS_MAGIC &&
	       magic != PID_FS_MAGIC;
}

#endif /* VHOST_BACKEND_COMPAT_H */
