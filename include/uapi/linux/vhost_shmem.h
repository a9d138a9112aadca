/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * /dev/vhost-shmem: a vhost device whose guest maps ranges of a file into a
 * shared memory region of the device, and unmaps them again.
 *
 * The guest sends requests over the device's one virtqueue. The device can't map
 * anything into a guest itself: it asks the VMM, over a channel of
 * /dev/vhost-backend, and answers the guest when the VMM has replied.
 */
#ifndef _UAPI_LINUX_VHOST_SHMEM_H
#define _UAPI_LINUX_VHOST_SHMEM_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Requests of the guest's driver, in virtqueue 0. All fields are little-endian. */

/**
 * enum vhost_shmem_type - type of a request
 * @VHOST_SHMEM_T_MAP: map a range of the file into the region
 * @VHOST_SHMEM_T_UNMAP: unmap exactly one mapping
 * @VHOST_SHMEM_T_QUERY: ask for the region's size
 */
enum vhost_shmem_type {
	VHOST_SHMEM_T_MAP	= 1,
	VHOST_SHMEM_T_UNMAP	= 2,
	VHOST_SHMEM_T_QUERY	= 3,
};

/* vhost_shmem_request.flags of MAP: the guest may read, or read and write */
#define VHOST_SHMEM_MAP_R	1
#define VHOST_SHMEM_MAP_W	2

/**
 * struct vhost_shmem_request - the part of a request that the device reads
 * @type: &enum vhost_shmem_type
 * @flags: MAP: %VHOST_SHMEM_MAP_R, or both it and %VHOST_SHMEM_MAP_W; else 0
 * @shm_offset: MAP, UNMAP: offset in the region, in bytes
 * @fd_offset: MAP: offset in the file, in bytes
 * @len: MAP, UNMAP: length in bytes
 *
 * A field that a type does not use is ignored, except @flags. The buffer for a
 * &struct vhost_shmem_response follows, which the device writes. Both parts may be
 * split over descriptors in any way.
 */
struct vhost_shmem_request {
	__le32 type;
	__le32 flags;
	__le64 shm_offset;
	__le64 fd_offset;
	__le64 len;
};

/**
 * enum vhost_shmem_status - how a request ended
 * @VHOST_SHMEM_S_OK: done
 * @VHOST_SHMEM_S_MALFORMED: the request is not 32 bytes long or can't be read, or
 *	the buffer for the response is smaller than 16 bytes
 * @VHOST_SHMEM_S_UNSUPPORTED: there is no such type, or it has no such flags
 * @VHOST_SHMEM_S_RANGE: MAP: the range is empty, not page-aligned, or outside the
 *	region or the file
 * @VHOST_SHMEM_S_EXIST: MAP: the range overlaps another mapping, or one that is being
 *	mapped or unmapped
 * @VHOST_SHMEM_S_NOENT: UNMAP: the range is not exactly that of one mapping
 * @VHOST_SHMEM_S_NOSPC: MAP: there are %VHOST_SHMEM_MAPPINGS mappings already
 * @VHOST_SHMEM_S_FAILED: the VMM refused, or did not reply in time; see
 *	&vhost_shmem_response.error. Nothing remains of a map
 * @VHOST_SHMEM_S_CANCELED: the queue was stopped before the VMM replied. Nothing
 *	will remain of a map; an unmap may or may not have taken place
 */
enum vhost_shmem_status {
	VHOST_SHMEM_S_OK		= 0,
	VHOST_SHMEM_S_MALFORMED		= 1,
	VHOST_SHMEM_S_UNSUPPORTED	= 2,
	VHOST_SHMEM_S_RANGE		= 3,
	VHOST_SHMEM_S_EXIST		= 4,
	VHOST_SHMEM_S_NOENT		= 5,
	VHOST_SHMEM_S_NOSPC		= 6,
	VHOST_SHMEM_S_FAILED		= 7,
	VHOST_SHMEM_S_CANCELED		= 8,
};

/**
 * struct vhost_shmem_response - the part of a request that the device writes
 * @status: &enum vhost_shmem_status
 * @error: with %VHOST_SHMEM_S_FAILED, an error number of Linux's errno.h, else 0
 * @bytes: QUERY: the region's size, else 0
 *
 * If the buffer is too small, as much as fits is written. The descriptor's used
 * length is the number of bytes written.
 */
struct vhost_shmem_response {
	__le32 status;
	__le32 error;
	__le64 bytes;
};

/* Largest number of mappings, including those being mapped or unmapped. */
#define VHOST_SHMEM_MAPPINGS	256

/*
 * The VMM uses the ioctls of linux/vhost.h, and the following ones.
 *
 * The device calls the guest through the eventfd of VHOST_SET_VRING_CALL, like every
 * vhost device. If the VMM has set none, the device raises VRING_CALL over the
 * channel, and does so even if the guest has suppressed interrupts. Errors of the
 * ring go to the eventfd of VHOST_SET_VRING_ERR or, without one, raise VRING_ERR.
 */

/**
 * struct vhost_shmem_region - argument of %VHOST_SHMEM_SET_REGION
 * @shmid: id of the virtio device's shared memory region, 0 to 255
 * @flags: 0
 * @bytes: size of the region, a multiple of the page size, not 0
 */
struct vhost_shmem_region {
	__u32 shmid;
	__u32 flags;
	__aligned_u64 bytes;
};

/**
 * struct vhost_shmem_channel - argument of %VHOST_SHMEM_SET_CHANNEL
 * @fd: a channel of /dev/vhost-backend, after SETUP; -1: detach
 * @vring: the channel's vring that stands for this device's queue
 */
struct vhost_shmem_channel {
	__s32 fd;
	__u32 vring;
};

/**
 * struct vhost_shmem_stats - argument of %VHOST_SHMEM_GET_STATS
 * @requests: requests taken from the queue
 * @responses: requests that were answered
 * @failures: requests that were answered with another status than %VHOST_SHMEM_S_OK
 * @room_waits: requests to the VMM that had to wait for room in the channel
 * @mappings: mappings that are live now
 * @pending: mappings that are being mapped or unmapped now, or that the guest does
 *	not know of and the VMM did not unmap
 */
struct vhost_shmem_stats {
	__aligned_u64 requests;
	__aligned_u64 responses;
	__aligned_u64 failures;
	__aligned_u64 room_waits;
	__u32 mappings;
	__u32 pending;
};

/* The ioctl type of vhost, which itself uses numbers up to 0x83. */
#define VHOST_SHMEM_IOCTL	0xAF

/*
 * Before VHOST_SET_OWNER, all of these fail with EPERM. None waits for the frontend.
 *
 * To start the device: SET_REGION before SET_CHANNEL; SET_FILE and the ioctls of
 * linux/vhost.h in any order; then SET_RUNNING. VHOST_RESET_OWNER returns the device
 * to the state after open.
 */

/* Sets the region. EBUSY: a channel is attached. */
#define VHOST_SHMEM_SET_REGION	_IOW(VHOST_SHMEM_IOCTL, 0xF0, struct vhost_shmem_region)
/*
 * Sets the file whose ranges the guest maps: a regular file, such as a memfd. It must
 * be open for reading, and for writing as well if the guest may write. -1: no file.
 * EBUSY: the queue runs. EINVAL: the file is not a regular one.
 */
#define VHOST_SHMEM_SET_FILE	_IOW(VHOST_SHMEM_IOCTL, 0xF1, __s32)
/*
 * Attaches the device to a channel. EBUSY: it is attached already. EINVAL: fd is not a
 * channel, or no region is set. EOPNOTSUPP: the frontend does not accept SHMEM_MAP and
 * SHMEM_UNMAP. With -1 as fd, detaches the device. EBUSY: the queue runs. ENOTCONN: it
 * is not attached.
 *
 * When the device is detached, by this, VHOST_RESET_OWNER or close, it forgets its
 * mappings, and the VMM must remove all mappings in the region. The same holds when
 * the frontend resets the channel: the VMM must stop the queue first.
 */
#define VHOST_SHMEM_SET_CHANNEL	_IOW(VHOST_SHMEM_IOCTL, 0xF2, struct vhost_shmem_channel)
/*
 * 1 starts the queue. ENOTCONN: no channel is attached. EINVAL: no file is set.
 * EFAULT: the queue's addresses are bad. 0 stops the queue: when this returns, every
 * request that was taken has been answered, and the device does not access guest
 * memory any more. Mappings stay, so that a VM can be paused.
 */
#define VHOST_SHMEM_SET_RUNNING	_IOW(VHOST_SHMEM_IOCTL, 0xF3, __u32)
/*
 * How long the device waits for a reply of the VMM, in ms. 0 selects the channel's
 * default, and is the value after open.
 *
 * The VMM may make a mapping although its SHMEM_MAP has timed out. So the device then
 * sends SHMEM_UNMAP, again and again until the VMM replies. Each of them waits twice
 * as long as the one before, up to 30 seconds, or up to this time-out if it is longer.
 */
#define VHOST_SHMEM_SET_TIMEOUT	_IOW(VHOST_SHMEM_IOCTL, 0xF4, __u32)
#define VHOST_SHMEM_GET_STATS	_IOR(VHOST_SHMEM_IOCTL, 0xF5, struct vhost_shmem_stats)

#endif /* _UAPI_LINUX_VHOST_SHMEM_H */
