/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The test worker, /dev/vhost-backend-test: a backend in the kernel that sends what a test
 * tells it to.
 *
 * worker_attach() attaches one to a channel. worker_send() sends anything; the others are
 * short forms for messages that many tests need:
 *
 *   raise_call(), raise_err(), raise_config(), raise_in()  notifications
 *   send_iotlb()                      a message without a reply
 *   ask(), unmap_async()              a request without a file, which wants a reply
 *   ask_map(), map_async()            a request with a file
 *   worker_result(), async_error()    how such a request ended
 */
#ifndef VHOST_BACKEND_LIB_WORKER_H
#define VHOST_BACKEND_LIB_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/vhost_backend.h>
#include <linux/vhost_backend_test.h>
#include <linux/vhost_types.h>

#include "message.h"

#define WORKER_PATH	"/dev/vhost-backend-test"

/*
 * Opens a test worker and attaches it to a channel. Returns its descriptor, or a negative
 * errno.
 */
int worker_attach(int channel, const char *name, unsigned int vring_base,
		  unsigned int nr_vrings);

/* Has the worker send a message. Returns what the kernel API did, or the errno of the ioctl. */
int worker_send(int worker, struct vhost_backend_test_send *send);

/* vhost_backend_send(): without a reply, and without waiting. */
int send_plain(int worker, uint32_t request, const void *payload, uint32_t size, int file);

/* For requests that a test answers when it gets to it, on a machine of any speed */
#define NO_TIMEOUT_MS	3600000

/* vhost_backend_request_async(). Sets *@cookie, which worker_result() asks for. */
int send_async(int worker, uint32_t request, const void *payload, uint32_t size, int file,
	       uint64_t *cookie);

/* How an asynchronous request ended. Returns 0 if it ended in time. */
int worker_result(int worker, uint64_t cookie, unsigned int timeout_ms,
		  struct vhost_backend_test_result *result);

/* Raises a notification: VRING_CALL, VRING_ERR, CONFIG_CHANGE_MSG, or @request from @context. */
int raise_call(int worker, uint32_t index);
int raise_in(int worker, uint32_t request, uint32_t index, uint32_t context);
int raise_err(int worker, uint32_t index);
int raise_config(int worker);

/* Sends an IOTLB_MSG without a reply, marked as the messages of the worker's own threads are. */
int send_iotlb(int worker, uint64_t sender, uint64_t number);

/* Bytes that such a message takes */
#define IOTLB_BYTES	(sizeof(struct vhost_backend_msg) + \
			 sizeof(struct vhost_backend_iotlb))

/* The payload of a SHMEM_UNMAP that @number tells from others. */
struct vhost_backend_shmem_unmap unmap_of(uint64_t number);

/* Sends SHMEM_UNMAP @number, with a time-out, without waiting for the reply. */
int unmap_async(int worker, uint64_t number, unsigned int timeout_ms, uint64_t *cookie);

#define UNMAP_BYTES	(sizeof(struct vhost_backend_msg) + \
			 sizeof(struct vhost_backend_shmem_unmap))

/* The error that an asynchronous request ended with. INT32_MIN if it did not end exactly once. */
int async_error(int worker, uint64_t cookie);

/* Sends SHMEM_MAP @number of @file, without waiting for the reply. */
int map_async(int worker, uint64_t number, int file, uint64_t *cookie);

/* Sends a request without a file that wants a reply; @number tells it from others. */
int ask(int worker, unsigned int number, uint64_t *cookie);

/* The same, with a file. */
int ask_map(int worker, unsigned int number, int file, uint64_t *cookie);

/* Bytes of the messages of ask() and ask_map() */
#define ASK_BYTES	48
#define ASK_MAP_BYTES	56

/* The number that was given to ask() or ask_map(). */
unsigned int asked_number(const struct message *message);

#endif /* VHOST_BACKEND_LIB_WORKER_H */
