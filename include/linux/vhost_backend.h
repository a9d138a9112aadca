/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel API of the vhost backend channel: functions with which an in-kernel vhost
 * worker sends requests to the userspace frontend of its device.
 *
 * Documentation/driver-api/vhost-backend.rst is the guide.
 */
#ifndef _LINUX_VHOST_BACKEND_H
#define _LINUX_VHOST_BACKEND_H

#include <linux/fs.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/types.h>
#include <uapi/linux/vhost_backend.h>

struct vhost_backend;
struct vhost_backend_owner;

/**
 * struct vhost_backend_ops - callbacks of a worker
 * @reset: the frontend reset the channel: all requests have ended with
 *	-ECANCELED and all mappings are forgotten
 * @gone: the frontend is gone for good: every request has ended, every done has
 *	returned, and all later calls fail with -ENOTCONN
 * @room: there may be room again after a call failed with -EAGAIN, so that a driver need
 *	not sleep in vhost_backend_wait_room(). Called once for any number of failed
 *	calls. Another sender may take the room first; then the next call fails, and
 *	@room is called again
 *
 * All are optional, and are called with no lock of the channel held. @reset and @gone are
 * called in process context, and may sleep and send. @room is called in any context but
 * NMI, including hard interrupt; it may send, but not sleep. None may detach. @gone may be
 * called before vhost_backend_attach() has returned. None is called after
 * vhost_backend_detach() has returned.
 *
 * This version never calls @reset.
 */
struct vhost_backend_ops {
	void (*reset)(void *private);
	void (*gone)(void *private);
	void (*room)(void *private);
};

/**
 * struct vhost_backend_req - one request
 * @request: &enum vhost_backend_request, except STD_SHMEM_MAP and STD_SHMEM_UNMAP: the
 *	channel makes these of SHMEM_MAP and SHMEM_UNMAP if the frontend asked for them
 * @size: bytes at @payload
 * @payload: the request's struct of uapi/linux/vhost_backend.h; copied
 * @file: the attached file or NULL. The channel takes a reference of its own
 */
struct vhost_backend_req {
	u32 request;
	u32 size;
	const void *payload;
	struct file *file;
};

/**
 * struct vhost_backend_completion - end of an asynchronous request
 * @done: called exactly once for a request that was queued, in any context but NMI,
 *	with no lock of the channel held. @error is 0, the frontend's negative errno
 *	or an error of vhost_backend_request(). @value is the count of bytes of
 *	DEPRECATED_FS_IO, else 0. @file is the reply's file, which @done then owns, or
 *	NULL. @done may send. It must neither sleep nor detach. It may free the struct
 * @timeout: jiffies until the request is given up; 0: the module's default
 *
 * The rest belongs to the channel from vhost_backend_request_async() to @done.
 */
struct vhost_backend_completion {
	void (*done)(struct vhost_backend_completion *completion, int error,
		     u64 value, struct file *file);
	unsigned long timeout;
	/* private: */
	struct vhost_backend_owner *owner;
	struct list_head node;
	struct file *file;
	u64 value;
	u64 id;
	int error;
};

struct vhost_backend *
__vhost_backend_attach(int fd, const char *name, u32 vring_base, u32 nr_vrings,
		       const struct vhost_backend_ops *ops, void *private,
		       struct module *owner);

/**
 * vhost_backend_attach() - attach a worker to a channel
 * @fd: the channel, in the caller's file table
 * @name: 1 to 31 bytes, shown to administrators; copied
 * @vring_base: the backend's vring i is the channel's vring @vring_base + i
 * @nr_vrings: the backend's vrings; may be 0
 * @ops: the worker's callbacks, or NULL; must outlive the attachment
 * @private: argument of the callbacks
 *
 * Neither the caller's module nor the channel's can be unloaded before
 * vhost_backend_detach(). The attachment does not keep the channel alive: when
 * its last descriptor is closed, sends fail with -ENOTCONN.
 *
 * Context: Process context. May sleep.
 * Return: the attachment, or an ERR_PTR(), never NULL: -EBADF no such
 * descriptor; -EINVAL not a channel, or a name that is empty or too long;
 * -ENOTCONN no SETUP yet; -ERANGE vrings outside the channel's; -EBUSY they
 * overlap another backend's; -ENODEV the caller's module is going; -ENOMEM.
 */
#define vhost_backend_attach(fd, name, vring_base, nr_vrings, ops, private) \
	__vhost_backend_attach(fd, name, vring_base, nr_vrings, ops, private, \
			       THIS_MODULE)

void vhost_backend_shutdown(struct vhost_backend *be);
void vhost_backend_detach(struct vhost_backend *be);
bool vhost_backend_accepts(struct vhost_backend *be, u32 request);
int vhost_backend_set_shmem(struct vhost_backend *be, u8 shmid, u64 bytes);

int vhost_backend_vring_call(struct vhost_backend *be, u32 index);
int vhost_backend_vring_err(struct vhost_backend *be, u32 index);
int vhost_backend_config_change(struct vhost_backend *be);

int vhost_backend_send(struct vhost_backend *be,
		       const struct vhost_backend_req *req);
int vhost_backend_request(struct vhost_backend *be,
			  const struct vhost_backend_req *req,
			  unsigned long timeout, u64 *value);
int vhost_backend_request_async(struct vhost_backend *be,
				const struct vhost_backend_req *req,
				struct vhost_backend_completion *completion);
int vhost_backend_wait_room(struct vhost_backend *be, unsigned long timeout);

int vhost_backend_register_device(const struct file_operations *fops);
void vhost_backend_unregister_device(const struct file_operations *fops);

int vhost_backend_iotlb_miss(struct vhost_backend *be, u64 iova, u8 perm);
int vhost_backend_iotlb_access_fail(struct vhost_backend *be, u64 iova, u8 perm);
int vhost_backend_host_notifier(struct vhost_backend *be, u32 vring,
				struct file *file, u64 offset, u64 size);
int vhost_backend_shmem_map(struct vhost_backend *be, u8 shmid,
			    struct file *file, u64 fd_offset, u64 shm_offset,
			    u64 len, u8 flags);
int vhost_backend_shmem_unmap(struct vhost_backend *be, u8 shmid,
			      u64 shm_offset, u64 len);
int vhost_backend_gpu_map(struct vhost_backend *be, u8 shmid,
			  struct file *file, u64 shm_offset, u64 len,
			  u32 memory_idx, u32 handle_type,
			  const u8 device_uuid[16], const u8 driver_uuid[16]);
int vhost_backend_external_map(struct vhost_backend *be, u8 shmid,
			       u64 shm_offset, u64 len, u64 ptr);
int vhost_backend_shared_object_add(struct vhost_backend *be,
				    const u8 uuid[16]);
int vhost_backend_shared_object_remove(struct vhost_backend *be,
				       const u8 uuid[16]);
struct file *vhost_backend_shared_object_lookup(struct vhost_backend *be,
						const u8 uuid[16],
						unsigned long timeout);
int vhost_backend_fs_map(struct vhost_backend *be,
			 const struct vhost_backend_fs *fs, struct file *file);
int vhost_backend_fs_unmap(struct vhost_backend *be,
			   const struct vhost_backend_fs *fs);
int vhost_backend_fs_sync(struct vhost_backend *be,
			  const struct vhost_backend_fs *fs);
int vhost_backend_fs_io(struct vhost_backend *be,
			const struct vhost_backend_fs *fs, struct file *file,
			u64 *moved);

#endif /* _LINUX_VHOST_BACKEND_H */
