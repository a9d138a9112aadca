/* SPDX-License-Identifier: GPL-2.0-only */
/* Messages of a channel: their layout, and replies to them. */
#ifndef VHOST_BACKEND_LIB_MESSAGE_H
#define VHOST_BACKEND_LIB_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include <linux/vhost_backend.h>

/* A message and its payload in one buffer. */
struct message {
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
		uint8_t bytes[256];
	};
};

/* The bytes that a message takes in what read() returns, padding included. */
size_t message_bytes(const struct vhost_backend_msg *msg);

/* The reply to a request, without a file. */
struct vhost_backend_reply reply_to(const struct vhost_backend_msg *msg, int64_t value);

/* What is called for each message that was read. */
typedef void (*message_fn)(void *arg, const struct message *message);

/*
 * Calls @fn for each of the messages in the @bytes that a read returned. Returns their
 * number, or -EPROTO.
 */
int each_message(const void *buffer, size_t bytes, message_fn fn, void *arg);

/* A callback that does nothing but close an attached file. Other callbacks end with it. */
void ignore_message(void *arg, const struct message *message);

#endif /* VHOST_BACKEND_LIB_MESSAGE_H */
