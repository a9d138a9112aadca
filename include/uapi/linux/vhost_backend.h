/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * User ABI of the vhost backend channel, /dev/vhost-backend, version 1.
 *
 * An in-kernel vhost worker (the backend) sends requests to a userspace
 * frontend, usually a VMM, over a channel. One open of the device is one
 * channel, and serves one virtio device. The terms, request numbers and
 * payloads are those of the vhost-user specification's backend channel and of
 * crosvm's vmm_vhost::message::BackendReq. Integers are in native byte order.
 *
 * Documentation/userspace-api/vhost-backend.rst documents them.
 */
#ifndef _UAPI_LINUX_VHOST_BACKEND_H
#define _UAPI_LINUX_VHOST_BACKEND_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define VHOST_BACKEND_API_VERSION	1

/**
 * enum vhost_backend_request - numbers of the requests
 * @VHOST_BACKEND_PAD: no request: the record in the ring is to be skipped
 * @VHOST_BACKEND_IOTLB_MSG: &struct vhost_backend_iotlb, a miss or an access
 *	failure in the device's IOTLB
 * @VHOST_BACKEND_CONFIG_CHANGE_MSG: no payload, the device's configuration
 *	space changed
 * @VHOST_BACKEND_VRING_HOST_NOTIFIER_MSG: &struct vhost_backend_vring_area and
 *	a file, map a host notifier; without a file (%VHOST_BACKEND_VRING_NOFD)
 *	take it down
 * @VHOST_BACKEND_VRING_CALL: &struct vhost_backend_vring_state, the vring has
 *	used buffers: interrupt the guest
 * @VHOST_BACKEND_VRING_ERR: &struct vhost_backend_vring_state, the vring is in
 *	error
 * @VHOST_BACKEND_SHARED_OBJECT_ADD: &struct vhost_backend_shared_object
 * @VHOST_BACKEND_SHARED_OBJECT_REMOVE: &struct vhost_backend_shared_object
 * @VHOST_BACKEND_SHARED_OBJECT_LOOKUP: &struct vhost_backend_shared_object, the
 *	reply carries a file
 * @VHOST_BACKEND_STD_SHMEM_MAP: &struct vhost_backend_mmap, SHMEM_MAP as in
 *	the specification; delivered under %VHOST_BACKEND_SETUP_STD_SHMEM
 * @VHOST_BACKEND_STD_SHMEM_UNMAP: &struct vhost_backend_mmap, likewise
 * @VHOST_BACKEND_SHMEM_MAP: &struct vhost_backend_shmem_map and a file
 * @VHOST_BACKEND_SHMEM_UNMAP: &struct vhost_backend_shmem_unmap
 * @VHOST_BACKEND_DEPRECATED_FS_MAP: &struct vhost_backend_fs and a file
 * @VHOST_BACKEND_DEPRECATED_FS_UNMAP: &struct vhost_backend_fs
 * @VHOST_BACKEND_DEPRECATED_FS_SYNC: &struct vhost_backend_fs
 * @VHOST_BACKEND_DEPRECATED_FS_IO: &struct vhost_backend_fs and a file; a reply
 *	of zero or more is a count of bytes
 * @VHOST_BACKEND_GPU_MAP: &struct vhost_backend_gpu_map and a file
 * @VHOST_BACKEND_EXTERNAL_MAP: &struct vhost_backend_external_map
 *
 * 1 to 3 and 6 to 10 are VHOST_USER_BACKEND_* of the vhost-user specification;
 * 1000 to 1007 are those of crosvm before December 2025.
 */
enum vhost_backend_request {
	VHOST_BACKEND_PAD			= 0,
	VHOST_BACKEND_IOTLB_MSG			= 1,
	VHOST_BACKEND_CONFIG_CHANGE_MSG		= 2,
	VHOST_BACKEND_VRING_HOST_NOTIFIER_MSG	= 3,
	VHOST_BACKEND_VRING_CALL		= 4,
	VHOST_BACKEND_VRING_ERR			= 5,
	VHOST_BACKEND_SHARED_OBJECT_ADD		= 6,
	VHOST_BACKEND_SHARED_OBJECT_REMOVE	= 7,
	VHOST_BACKEND_SHARED_OBJECT_LOOKUP	= 8,
	VHOST_BACKEND_STD_SHMEM_MAP		= 9,
	VHOST_BACKEND_STD_SHMEM_UNMAP		= 10,
	VHOST_BACKEND_SHMEM_MAP			= 1000,
	VHOST_BACKEND_SHMEM_UNMAP		= 1001,
	VHOST_BACKEND_DEPRECATED_FS_MAP		= 1002,
	VHOST_BACKEND_DEPRECATED_FS_UNMAP	= 1003,
	VHOST_BACKEND_DEPRECATED_FS_SYNC	= 1004,
	VHOST_BACKEND_DEPRECATED_FS_IO		= 1005,
	VHOST_BACKEND_GPU_MAP			= 1006,
	VHOST_BACKEND_EXTERNAL_MAP		= 1007,
};

/* The bit of request @r in vhost_backend_setup.requests. */
#define VHOST_BACKEND_BIT(r)	((r) < 1000 ? (r) : (r) - 1000 + 32)

/* The thirteen of BackendReq: 1 to 5 and 1000 to 1007. */
#define VHOST_BACKEND_REQUESTS_ALL		0x000000ff0000003eULL
/* SHARED_OBJECT_ADD, _REMOVE and _LOOKUP. */
#define VHOST_BACKEND_REQUESTS_SHARED_OBJECT	0x00000000000001c0ULL

/* vhost_backend_msg.flags, as in the header of a vhost-user message */
#define VHOST_BACKEND_MSG_VERSION	0x1
#define VHOST_BACKEND_MSG_REPLY		0x4
#define VHOST_BACKEND_MSG_NEED_REPLY	0x8

/* vhost_backend_msg.fd if it is no descriptor */
#define VHOST_BACKEND_FD_NONE		(-1)
#define VHOST_BACKEND_FD_PENDING	(-2)

/**
 * struct vhost_backend_msg - header of every message
 * @request: &enum vhost_backend_request
 * @flags: VHOST_BACKEND_MSG_*; bits 0 and 1 are the version, 1
 * @size: bytes of payload that follow the header, without padding
 * @fd: the attached file as a descriptor of the reader; %VHOST_BACKEND_FD_NONE: no file;
 *	%VHOST_BACKEND_FD_PENDING: a file that was not installed. Until the reply,
 *	which the message then asks for, %VHOST_BACKEND_TAKE_FD gives it
 * @id: names the request in its reply and in %VHOST_BACKEND_TAKE_FD; never used
 *	twice in a channel; 0 if no reply is wanted and no file is attached
 *
 * @request, @flags and @size are the header of a vhost-user message byte for
 * byte. The payload follows, then zeroes up to a multiple of 8 bytes.
 */
struct vhost_backend_msg {
	__u32 request;
	__u32 flags;
	__u32 size;
	__s32 fd;
	__aligned_u64 id;
};

/**
 * struct vhost_backend_iotlb - payload of IOTLB_MSG
 * @iova: I/O virtual address
 * @size: bytes
 * @uaddr: address in the frontend's process
 * @perm: VHOST_ACCESS_* of linux/vhost_types.h
 * @type: VHOST_IOTLB_MISS or VHOST_IOTLB_ACCESS_FAIL of linux/vhost_types.h
 * @source: from a bound device, the index that was given to %VHOST_BACKEND_BIND;
 *	from a driver, 0
 * @pad: 0
 *
 * As struct vhost_iotlb_msg, with its padding named.
 */
struct vhost_backend_iotlb {
	__aligned_u64 iova;
	__aligned_u64 size;
	__aligned_u64 uaddr;
	__u8 perm;
	__u8 type;
	__u16 source;
	__u8 pad[4];
};

/**
 * struct vhost_backend_vring_state - payload of VRING_CALL and VRING_ERR
 * @index: the vring
 * @num: 0
 */
struct vhost_backend_vring_state {
	__u32 index;
	__u32 num;
};

#define VHOST_BACKEND_VRING_INDEX_MASK	0xff
#define VHOST_BACKEND_VRING_NOFD	0x100

/**
 * struct vhost_backend_vring_area - payload of VRING_HOST_NOTIFIER_MSG
 * @vring: the vring's index in bits 0 to 7, and %VHOST_BACKEND_VRING_NOFD
 * @size: bytes of the notifier's mapping, one page
 * @offset: where in the file it starts, bytes
 */
struct vhost_backend_vring_area {
	__aligned_u64 vring;
	__aligned_u64 size;
	__aligned_u64 offset;
};

/**
 * struct vhost_backend_shared_object - payload of SHARED_OBJECT_*
 * @uuid: of the object, 16 bytes in the order of RFC 4122
 */
struct vhost_backend_shared_object {
	__u8 uuid[16];
};

/* vhost_backend_shmem_map.flags and vhost_backend_fs.flags */
#define VHOST_BACKEND_MAP_R	1
#define VHOST_BACKEND_MAP_W	2

/**
 * struct vhost_backend_shmem_map - payload of SHMEM_MAP
 * @flags: %VHOST_BACKEND_MAP_R, or that and %VHOST_BACKEND_MAP_W
 * @shmid: the shared memory region
 * @pad: 0
 * @shm_offset: where in the region, bytes
 * @fd_offset: where in the attached file, bytes
 * @len: bytes
 */
struct vhost_backend_shmem_map {
	__u8 flags;
	__u8 shmid;
	__u8 pad[6];
	__aligned_u64 shm_offset;
	__aligned_u64 fd_offset;
	__aligned_u64 len;
};

/**
 * struct vhost_backend_shmem_unmap - payload of SHMEM_UNMAP
 * @shmid: the shared memory region
 * @pad: 0
 * @shm_offset: where in the region, bytes
 * @len: bytes
 */
struct vhost_backend_shmem_unmap {
	__u8 shmid;
	__u8 pad[7];
	__aligned_u64 shm_offset;
	__aligned_u64 len;
};

/* vhost_backend_mmap.flags: the mapping is writable */
#define VHOST_BACKEND_MMAP_RW	1

/**
 * struct vhost_backend_mmap - payload of STD_SHMEM_MAP and STD_SHMEM_UNMAP
 * @shmid: the shared memory region
 * @pad: 0
 * @fd_offset: where in the attached file, bytes; 0 in UNMAP
 * @shm_offset: where in the region, bytes
 * @len: bytes
 * @flags: 0 or %VHOST_BACKEND_MMAP_RW; 0 in UNMAP
 *
 * As VhostUserMMap of the vhost-user specification.
 */
struct vhost_backend_mmap {
	__u8 shmid;
	__u8 pad[7];
	__aligned_u64 fd_offset;
	__aligned_u64 shm_offset;
	__aligned_u64 len;
	__aligned_u64 flags;
};

#define VHOST_BACKEND_FS_ENTRIES	8

/**
 * struct vhost_backend_fs - payload of DEPRECATED_FS_*
 * @fd_offset: where in the file, bytes
 * @c_offset: where in the cache window, bytes; in DEPRECATED_FS_IO a
 *	guest-physical address
 * @len: bytes; 0: the entry is not used; ~0 in DEPRECATED_FS_UNMAP: the whole
 *	window
 * @flags: %VHOST_BACKEND_MAP_R, %VHOST_BACKEND_MAP_W
 */
struct vhost_backend_fs {
	__aligned_u64 fd_offset[VHOST_BACKEND_FS_ENTRIES];
	__aligned_u64 c_offset[VHOST_BACKEND_FS_ENTRIES];
	__aligned_u64 len[VHOST_BACKEND_FS_ENTRIES];
	__aligned_u64 flags[VHOST_BACKEND_FS_ENTRIES];
};

/**
 * struct vhost_backend_gpu_map - payload of GPU_MAP
 * @shmid: the shared memory region
 * @pad: 0
 * @shm_offset: where in the region, bytes
 * @len: bytes
 * @memory_idx: Vulkan memory type index
 * @handle_type: type of the attached handle
 * @device_uuid: Vulkan device
 * @driver_uuid: Vulkan driver
 */
struct vhost_backend_gpu_map {
	__u8 shmid;
	__u8 pad[7];
	__aligned_u64 shm_offset;
	__aligned_u64 len;
	__u32 memory_idx;
	__u32 handle_type;
	__u8 device_uuid[16];
	__u8 driver_uuid[16];
};

/**
 * struct vhost_backend_external_map - payload of EXTERNAL_MAP
 * @shmid: the shared memory region
 * @pad: 0
 * @shm_offset: where in the region, bytes
 * @len: bytes
 * @ptr: address in the process that did %VHOST_BACKEND_SETUP, or
 *	%VHOST_BACKEND_TAKE_OVER, last
 */
struct vhost_backend_external_map {
	__u8 shmid;
	__u8 pad[7];
	__aligned_u64 shm_offset;
	__aligned_u64 len;
	__aligned_u64 ptr;
};

/* Bytes of the longest message: a buffer of this size takes any. */
#define VHOST_BACKEND_MSG_MAX	280

/**
 * struct vhost_backend_reply - the answer to a request
 * @msg: @request and @id as delivered, @flags %VHOST_BACKEND_MSG_VERSION |
 *	%VHOST_BACKEND_MSG_REPLY, @size 8, @fd %VHOST_BACKEND_FD_NONE or, for
 *	SHARED_OBJECT_LOOKUP, a descriptor
 * @value: 0: success; DEPRECATED_FS_IO: bytes moved; else a negative errno
 */
struct vhost_backend_reply {
	struct vhost_backend_msg msg;
	__aligned_u64 value;
};

/* vhost_backend_setup.flags */
#define VHOST_BACKEND_SETUP_MMAP	1
#define VHOST_BACKEND_SETUP_STD_SHMEM	2

/**
 * struct vhost_backend_setup - argument of %VHOST_BACKEND_SETUP and
 *	%VHOST_BACKEND_GET_SETUP
 * @flags: VHOST_BACKEND_SETUP_*
 * @nr_vrings: 1 to 32768; 0: 256; out: in use
 * @ring_bytes: a power of two, 4096 to 16777216; 0: 16384; out: in use
 * @max_inflight: requests that hold a slot, 1 to 4096; 0: 64; out: in use
 * @requests: bit %VHOST_BACKEND_BIT of each request that the frontend handles;
 *	out: those that will be delivered
 * @ctl_bytes: out, with %VHOST_BACKEND_SETUP_MMAP: bytes of the control area
 * @call_offset: out, likewise: where in it the VRING_CALL bits start
 * @err_offset: out, likewise: where the VRING_ERR bits start
 * @max_mappings: 1 to 65536; 0: 256; out: in use
 * @reserved: 0
 */
struct vhost_backend_setup {
	__u32 flags;
	__u32 nr_vrings;
	__u32 ring_bytes;
	__u32 max_inflight;
	__aligned_u64 requests;
	__u32 ctl_bytes;
	__u32 call_offset;
	__u32 err_offset;
	__u32 max_mappings;
	__u32 reserved[4];
};

/* vhost_backend_bind.source; VHOST_BACKEND_FORWARD knows the first two */
#define VHOST_BACKEND_BIND_VRING_CALL	1
#define VHOST_BACKEND_BIND_VRING_ERR	2
#define VHOST_BACKEND_BIND_CONFIG	3
#define VHOST_BACKEND_BIND_IOTLB	4

/* vhost_backend_bind.flags */
#define VHOST_BACKEND_BIND_PEEK		1
#define VHOST_BACKEND_BIND_UNDO		2

/**
 * struct vhost_backend_bind - argument of %VHOST_BACKEND_BIND and
 *	%VHOST_BACKEND_FORWARD
 * @source: VHOST_BACKEND_BIND_*, the kind of message that the binding makes
 * @index: the vring; for %VHOST_BACKEND_BIND_IOTLB a number from 0 to 65535 that
 *	the device's messages carry as their source; else 0
 * @fd: the eventfd or the vhost device; -1: unbind
 * @flags: %VHOST_BACKEND_BIND_PEEK: leave the eventfd's counter to its readers;
 *	%VHOST_BACKEND_BIND_UNDO: unbind this one device
 */
struct vhost_backend_bind {
	__u32 source;
	__u32 index;
	__s32 fd;
	__u32 flags;
};

/**
 * struct vhost_backend_take_fd - argument of %VHOST_BACKEND_TAKE_FD
 * @id: of a delivered request, or of a mapping
 * @fd: out: a new descriptor of its file, O_CLOEXEC
 * @flags: 0
 */
struct vhost_backend_take_fd {
	__aligned_u64 id;
	__s32 fd;
	__u32 flags;
};

/**
 * struct vhost_backend_shmem - argument of %VHOST_BACKEND_SET_SHMEM
 * @shmid: the shared memory region, 0 to 255
 * @flags: 0
 * @bytes: its size, a multiple of the page size; 0 removes it
 */
struct vhost_backend_shmem {
	__u32 shmid;
	__u32 flags;
	__aligned_u64 bytes;
};

/**
 * struct vhost_backend_array - argument of %VHOST_BACKEND_GET_MAPPINGS,
 *	%VHOST_BACKEND_GET_SHMEM and %VHOST_BACKEND_GET_REQUESTS
 * @addr: address of the elements
 * @count: number of elements that fit; out: number that there are
 * @flags: 0
 */
struct vhost_backend_array {
	__aligned_u64 addr;
	__u32 count;
	__u32 flags;
};

/* vhost_backend_mapping.state */
#define VHOST_BACKEND_MAPPING_PENDING	0
#define VHOST_BACKEND_MAPPING_LIVE	1
#define VHOST_BACKEND_MAPPING_GIVEN_UP	2

/**
 * struct vhost_backend_mapping - element of %VHOST_BACKEND_GET_MAPPINGS
 * @id: of the request, and for %VHOST_BACKEND_TAKE_FD
 * @shm_offset: where in the region, bytes
 * @len: bytes
 * @request: &enum vhost_backend_request
 * @state: VHOST_BACKEND_MAPPING_*
 * @payload: as the request carried it
 */
struct vhost_backend_mapping {
	__aligned_u64 id;
	__aligned_u64 shm_offset;
	__aligned_u64 len;
	__u32 request;
	__u32 state;
	__u8 payload[64];
};

/* mmap offsets of a channel with VHOST_BACKEND_SETUP_MMAP */
#define VHOST_BACKEND_MMAP_CTL	0
#define VHOST_BACKEND_MMAP_RING	0x10000000

/**
 * struct vhost_backend_request_info - element of %VHOST_BACKEND_GET_REQUESTS
 * @msg: the request as it was delivered, with its new id and its file as
 *	%VHOST_BACKEND_FD_PENDING
 * @payload: its payload, then zeroes
 */
struct vhost_backend_request_info {
	struct vhost_backend_msg msg;
	__u8 payload[256];
};

/**
 * struct vhost_backend_ctl - start of the control area
 * @producer: kernel: bytes ever written to the ring
 * @reserved: 0
 * @doorbell: kernel sets 1; 0: the frontend sleeps, or is about to
 * @config_pending: kernel sets 1, the frontend exchanges it with 0: a
 *	CONFIG_CHANGE_MSG
 * @reserved2: 0
 * @room_wanted: kernel sets 1 when a sender waits for room
 * @reserved3: 0
 * @reset: kernel: position in the ring before which all records are void
 * @reserved4: 0
 * @consumer: frontend: bytes ever consumed; stored with one 64-bit store
 * @reserved5: 0
 * @call_summary: bit w % 64 of word w / 64: word w of the VRING_CALL bits may
 *	be non-zero
 * @err_summary: likewise, VRING_ERR
 *
 * Groups with different writers are 128 bytes apart, so that no two of them share a
 * cache line or a pair of lines.
 */
struct vhost_backend_ctl {
	__aligned_u64 producer;
	__aligned_u64 reserved[15];
	__u32 doorbell;
	__u32 config_pending;
	__aligned_u64 reserved2[15];
	__u32 room_wanted;
	__u32 reserved3;
	__aligned_u64 reset;
	__aligned_u64 reserved4[14];
	__aligned_u64 consumer;
	__aligned_u64 reserved5[15];
	__aligned_u64 call_summary[8];
	__aligned_u64 err_summary[8];
};

/**
 * struct vhost_backend_stats - argument of %VHOST_BACKEND_GET_STATS
 * @requests_queued: records put into the ring
 * @requests_delivered: records that reached the frontend
 * @requests_answered: replies accepted
 * @requests_failed: of these, with an error
 * @requests_given_up: the worker stopped waiting: time-out, kill, shutdown
 * @requests_withdrawn: taken back before they were delivered
 * @notifications_raised: VRING_CALL, VRING_ERR, CONFIG_CHANGE_MSG
 * @notifications_merged: of these, with one that was pending already
 * @notifications_delivered: notifications that reached the frontend as messages
 * @notifications_forwarded: notifications that went to an eventfd, see
 *	%VHOST_BACKEND_FORWARD
 * @wakeups: times that a sleeping frontend was woken
 * @refused_room: sends that found no room in the ring or no slot
 * @refused_type: sends of a request that the frontend did not accept
 * @refused_content: sends with bad content
 * @inflight: requests that wait for a reply now
 * @inflight_peak: the most of them at once
 * @waiting_bytes: bytes in the ring now
 * @waiting_bytes_peak: the most of them at once
 * @bindings: now
 * @mappings: in the table now
 * @backends: attached now
 * @bad_replies: replies refused
 * @bad_consumer: nonsensical values of vhost_backend_ctl.consumer
 * @unmaps_owed: mappings that the kernel still has to take down itself, now
 * @reserved: 0
 *
 * requests_queued is requests_delivered + requests_withdrawn + those that wait,
 * notifications_raised is notifications_merged + notifications_delivered +
 * notifications_forwarded + those that wait.
 */
struct vhost_backend_stats {
	__aligned_u64 requests_queued;
	__aligned_u64 requests_delivered;
	__aligned_u64 requests_answered;
	__aligned_u64 requests_failed;
	__aligned_u64 requests_given_up;
	__aligned_u64 requests_withdrawn;
	__aligned_u64 notifications_raised;
	__aligned_u64 notifications_merged;
	__aligned_u64 notifications_delivered;
	__aligned_u64 notifications_forwarded;
	__aligned_u64 wakeups;
	__aligned_u64 refused_room;
	__aligned_u64 refused_type;
	__aligned_u64 refused_content;
	__aligned_u64 inflight;
	__aligned_u64 inflight_peak;
	__aligned_u64 waiting_bytes;
	__aligned_u64 waiting_bytes_peak;
	__aligned_u64 bindings;
	__aligned_u64 mappings;
	__aligned_u64 backends;
	__aligned_u64 bad_replies;
	__aligned_u64 bad_consumer;
	__aligned_u64 unmaps_owed;
	__aligned_u64 reserved[8];
};

/* vhost's ioctl type; vhost itself uses numbers up to 0x85. */
#define VHOST_BACKEND_IOCTL	0xAF

#define VHOST_BACKEND_GET_API_VERSION	_IO(VHOST_BACKEND_IOCTL, 0xD0)
#define VHOST_BACKEND_SETUP		_IOWR(VHOST_BACKEND_IOCTL, 0xD1, \
					      struct vhost_backend_setup)
#define VHOST_BACKEND_BIND		_IOW(VHOST_BACKEND_IOCTL, 0xD2, \
					     struct vhost_backend_bind)
#define VHOST_BACKEND_TAKE_FD		_IOWR(VHOST_BACKEND_IOCTL, 0xD3, \
					      struct vhost_backend_take_fd)
#define VHOST_BACKEND_SET_SHMEM		_IOW(VHOST_BACKEND_IOCTL, 0xD4, \
					     struct vhost_backend_shmem)
#define VHOST_BACKEND_GET_MAPPINGS	_IOWR(VHOST_BACKEND_IOCTL, 0xD5, \
					      struct vhost_backend_array)
#define VHOST_BACKEND_TAKE_OVER		_IO(VHOST_BACKEND_IOCTL, 0xD6)
#define VHOST_BACKEND_GET_STATS		_IOR(VHOST_BACKEND_IOCTL, 0xD7, \
					     struct vhost_backend_stats)
#define VHOST_BACKEND_ROOM		_IO(VHOST_BACKEND_IOCTL, 0xD8)
#define VHOST_BACKEND_RESET		_IOR(VHOST_BACKEND_IOCTL, 0xD9, __u64)
#define VHOST_BACKEND_GET_SETUP		_IOR(VHOST_BACKEND_IOCTL, 0xDA, \
					     struct vhost_backend_setup)
#define VHOST_BACKEND_PAUSE		_IOW(VHOST_BACKEND_IOCTL, 0xDB, __u32)
#define VHOST_BACKEND_REPLY		_IOW(VHOST_BACKEND_IOCTL, 0xDC, \
					     struct vhost_backend_reply)
#define VHOST_BACKEND_GET_SHMEM		_IOWR(VHOST_BACKEND_IOCTL, 0xDD, \
					      struct vhost_backend_array)
#define VHOST_BACKEND_FORWARD		_IOW(VHOST_BACKEND_IOCTL, 0xDE, \
					     struct vhost_backend_bind)
#define VHOST_BACKEND_GET_REQUESTS	_IOWR(VHOST_BACKEND_IOCTL, 0xDF, \
					      struct vhost_backend_array)

#endif /* _UAPI_LINUX_VHOST_BACKEND_H */
