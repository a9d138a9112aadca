/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VHOST_BACKEND_REQUEST_H
#define VHOST_BACKEND_REQUEST_H

#include <linux/fs.h>
#include <linux/types.h>
#include <linux/vhost_backend.h>

/* A message with its payload and padding, as it will lie in the ring. */
struct vhost_backend_record {
	struct vhost_backend_msg msg;
	union {
		struct vhost_backend_iotlb iotlb;
		struct vhost_backend_vring_state state;
		struct vhost_backend_vring_area area;
		struct vhost_backend_shared_object object;
		struct vhost_backend_shmem_map map;
		struct vhost_backend_shmem_unmap unmap;
		struct vhost_backend_mmap std;
		struct vhost_backend_fs fs;
		struct vhost_backend_gpu_map gpu;
		struct vhost_backend_external_map external;
		u8 payload[VHOST_BACKEND_MSG_MAX - sizeof(struct vhost_backend_msg)];
	};
};

enum vhost_backend_reply_policy {
	VHOST_BACKEND_REPLY_NOTIFICATION,	/* none: then it is a bit; else if asked */
	VHOST_BACKEND_REPLY_IF_ASKED,
	VHOST_BACKEND_REPLY_ALWAYS,
};

/* What a request is checked against. */
struct vhost_backend_limits {
	u64 user_end;		/* first address that is not user space */
	u32 vring_base;
	u32 nr_vrings;
	const struct file_operations *channel_fops;	/* of files that are channels */
};

bool vhost_backend_file_allowed(const struct file *file,
				const struct file_operations *channel_fops);
bool vhost_backend_request_known(u32 request);
enum vhost_backend_reply_policy vhost_backend_request_policy(u32 request);
bool vhost_backend_request_counts_bytes(u32 request);
int vhost_backend_request_check_setup(u64 requests);
int vhost_backend_request_build(struct vhost_backend_record *record,
				const struct vhost_backend_req *req,
				const struct vhost_backend_limits *limits);
void vhost_backend_request_to_std(struct vhost_backend_record *record);

#endif /* VHOST_BACKEND_REQUEST_H */
