/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * /dev/vhost-shmem: a vhost device whose guest maps ranges of a file into a
 * shared memory region of the device, and takes them down again.
 *
 * The guest asks over the device's one virtqueue. The device can't map anything
 * into a guest: it asks the VMM to, over a channel of /dev/vhost-backend, and
 * answers the guest when the VMM has answered.
 */
#ifndef _UAPI_LINUX_VHOST_SHMEM_H
#define _UAPI_LINUX_VHOST_SHMEM_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* What the guest's driver sees: virtqueue 0, everything little-endian. */

/**
 * enum vhost_shmem_type - what the guest asks for
 * @VHOST_SHMEM_T_MAP: map a range of the file into the region
 * @VHOST_SHMEM_T_UNMAP: take down exactly one mapping
 * @VHOST_SHMEM_T_QUERY: the region's size
 */
enum vhost_shmem_type {
	VHOST_SHMEM_T_MAP	= 1,
	VHOST_SHMEM_T_UNMAP	= 2,
	VHOST_SHMEM_T_QUERY	= 3,
};

/* vhost_shmem_request.flags of MAP: read, or read and write */
#define VHOST_SHMEM_MAP_R	1
#define VHOST_SHMEM_MAP_W	2

/**
 * struct vhost_shmem_request - the part of a request that the device reads
 * @type: &enum vhost_shmem_type
 * @flags: MAP: %VHOST_SHMEM_MAP_R, or that and %VHOST_SHMEM_MAP_W; else 0
 * @shm_offset: where in the region, bytes; not looked at in QUERY
 * @fd_offset: where in the file, bytes; looked at in MAP only
 * @len: bytes; not looked at in QUERY
 *
 * A &struct vhost_shmem_response that the device writes follows. Either part may
 * be split over descriptors in any way.
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
 * @VHOST_SHMEM_S_MALFORMED: not 32 bytes to read, fewer than 16 to write, or not
 *	readable
 * @VHOST_SHMEM_S_UNSUPPORTED: no such type, or flags that it does not have
 * @VHOST_SHMEM_S_RANGE: MAP: empty, not page-aligned, or outside the region or
 *	the file
 * @VHOST_SHMEM_S_EXIST: MAP: overlaps a mapping, or one that comes or goes
 * @VHOST_SHMEM_S_NOENT: UNMAP: not exactly one mapping
 * @VHOST_SHMEM_S_NOSPC: MAP: %VHOST_SHMEM_MAPPINGS are there already
 * @VHOST_SHMEM_S_FAILED: the VMM refused, or gave no answer; see
 *	&vhost_shmem_response.error. A map left nothing behind
 * @VHOST_SHMEM_S_CANCELED: the queue was stopped before the VMM answered. A map
 *	leaves nothing behind; whether an unmap took place is not known
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
 * @error: with %VHOST_SHMEM_S_FAILED a number of Linux's errno.h, else 0
 * @bytes: QUERY: the region's size, else 0
 *
 * Where there is not enough room, as much of it as fits. The used length is what
 * was written.
 */
struct vhost_shmem_response {
	__le32 status;
	__le32 error;
	__le64 bytes;
};

/* Mappings that there can be at once, those that come and go included. */
#define VHOST_SHMEM_MAPPINGS	256

/*
 * What the VMM sees: the ioctls of linux/vhost.h, and these. The guest is called
 * through the eventfd of VHOST_SET_VRING_CALL, as by every vhost device, and
 * where there is none by VRING_CALL over the channel, then also when it would
 * rather not be called. Likewise VRING_ERR.
 */

/**
 * struct vhost_shmem_region - argument of %VHOST_SHMEM_SET_REGION
 * @shmid: the shared memory region of the virtio device, 0 to 255
 * @flags: 0
 * @bytes: its size, a multiple of the page size, not 0
 */
struct vhost_shmem_region {
	__u32 shmid;
	__u32 flags;
	__aligned_u64 bytes;
};

/**
 * struct vhost_shmem_channel - argument of %VHOST_SHMEM_SET_CHANNEL
 * @fd: a channel of /dev/vhost-backend, SETUP done; -1: detach
 * @vring: which of its vrings is this device's queue
 */
struct vhost_shmem_channel {
	__s32 fd;
	__u32 vring;
};

/**
 * struct vhost_shmem_stats - argument of %VHOST_SHMEM_GET_STATS
 * @requests: taken from the queue
 * @responses: of these, answered
 * @failures: of these, with another status than %VHOST_SHMEM_S_OK
 * @room_waits: times that the channel had no room, and a request had to wait
 * @mappings: live now
 * @pending: mappings that come or go now, or that the VMM did not take down
 */
struct vhost_shmem_stats {
	__aligned_u64 requests;
	__aligned_u64 responses;
	__aligned_u64 failures;
	__aligned_u64 room_waits;
	__u32 mappings;
	__u32 pending;
};

/* vhost's ioctl type; vhost itself uses numbers up to 0x83. */
#define VHOST_SHMEM_IOCTL	0xAF

/*
 * All need VHOST_SET_OWNER first: EPERM. None waits for the frontend.
 *
 * SET_REGION, SET_FILE, SET_CHANNEL, the ioctls of linux/vhost.h in any order, and
 * SET_RUNNING bring the device up. VHOST_RESET_OWNER makes it as it was when it
 * was opened.
 */

/* EBUSY: a channel is attached. */
#define VHOST_SHMEM_SET_REGION	_IOW(VHOST_SHMEM_IOCTL, 0xF0, struct vhost_shmem_region)
/*
 * The file of which ranges are mapped, open for reading, and for writing where
 * guests may: a regular one, a memfd included; -1: none. EBUSY: the queue runs.
 */
#define VHOST_SHMEM_SET_FILE	_IOW(VHOST_SHMEM_IOCTL, 0xF1, __s32)
/*
 * Attaches to a channel. EBUSY: there is one; EINVAL: no channel, or no region was
 * set; EOPNOTSUPP: the frontend does not take SHMEM_MAP and SHMEM_UNMAP. With -1
 * detaches: EBUSY: the queue runs; ENOTCONN: there is none.
 *
 * A device that detaches, by this, VHOST_RESET_OWNER or close, forgets its
 * mappings: the VMM drops all that is in the region. So it does when the frontend
 * resets the channel, for which the queue is stopped first.
 */
#define VHOST_SHMEM_SET_CHANNEL	_IOW(VHOST_SHMEM_IOCTL, 0xF2, struct vhost_shmem_channel)
/*
 * 1 starts the queue; ENOTCONN: no channel; EINVAL: no file; EFAULT: the queue's
 * addresses. 0 stops it: when it returns, every request that was taken has been
 * answered, and guest memory is not touched any more. Mappings stay, so that a VM
 * can be paused.
 */
#define VHOST_SHMEM_SET_RUNNING	_IOW(VHOST_SHMEM_IOCTL, 0xF3, __u32)
/*
 * How long to wait for the VMM's reply, in ms. 0 is the channel's default, as after
 * open. When a map times out, the device sends SHMEM_UNMAP until the VMM replies;
 * each waits twice as long as the one before, up to 30 seconds.
 */
#define VHOST_SHMEM_SET_TIMEOUT	_IOW(VHOST_SHMEM_IOCTL, 0xF4, __u32)
#define VHOST_SHMEM_GET_STATS	_IOR(VHOST_SHMEM_IOCTL, 0xF5, struct vhost_shmem_stats)

#endif /* _UAPI_LINUX_VHOST_SHMEM_H */
