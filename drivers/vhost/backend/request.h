/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VHOST_BACKEND_REQUEST_H
#define VHOST_BACKEND_REQUEST_H

#include <linux/fs.h>
#include <linux/types.h>
#include <linux/vhost_backend.h>

enum vhost_backend_reply_policy {
	VHOST_BACKEND_REPLY_NOTIFICATION,	/* if asked; otherwise it is a bit */
	VHOST_BACKEND_REPLY_IF_ASKED,
	VHOST_BACKEND_REPLY_ALWAYS,
};

/* A request is checked against these. */
struct vhost_backend_limits {
	u64 user_end;		/* first address that is not user space */
	u32 vring_base;
	u32 nr_vrings;
	const struct file_operations *channel_fops;	/* of files that are channels */
};

/*
 * A message on its way into the ring. @payload is the worker's own. If the frontend has to
 * see another payload, it points to one of the structs at the end. So a record must not be
 * copied.
 */
struct vhost_backend_record {
	struct vhost_backend_msg msg;	/* without id */
	const void *payload;
	struct file *file;		/* attached, or NULL; the ring takes a reference */
	struct vhost_backend_completion *completion;	/* with its owner, or NULL */
	unsigned long deadline;		/* of @completion, jiffies */
	enum vhost_backend_reply_policy policy;
	bool own_mm_only;		/* names an address of the frontend's */
	union {
		struct vhost_backend_vring_state state;
		struct vhost_backend_vring_area area;
		struct vhost_backend_mmap std;
		struct vhost_backend_iotlb iotlb;
	};
};

bool vhost_backend_file_allowed(const struct file *file,
				const struct file_operations *channel_fops);
bool vhost_backend_request_counts_bytes(u32 request);
bool vhost_backend_request_reply_has_file(u32 request);
int vhost_backend_request_check_setup(u64 requests);
int vhost_backend_request_build(struct vhost_backend_record *record,
				const struct vhost_backend_req *req,
				const struct vhost_backend_limits *limits);
void vhost_backend_request_to_std(struct vhost_backend_record *record);

#endif /* VHOST_BACKEND_REQUEST_H */
