/* SPDX-License-Identifier: GPL-2.0-only */
/* The requests of the vhost backend channel as a table. A new request is one more row. */
#ifndef VHOST_BACKEND_LIB_REQUEST_H
#define VHOST_BACKEND_LIB_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/vhost_backend.h>

#include "message.h"

enum reply_policy {
	REPLY_NOTIFICATION,	/* a bit in the channel, unless a reply is asked for */
	REPLY_IF_ASKED,
	REPLY_ALWAYS,
};

/**
 * struct request_kind - what a test needs to know about a request
 * @name: for people
 * @request: number as the worker sends it
 * @size: bytes of payload
 * @reply: whether the frontend has to answer
 * @file: whether it must carry one
 * @sample: a payload that is accepted
 */
struct request_kind {
	const char *name;
	uint32_t request;
	uint32_t size;
	enum reply_policy reply;
	bool file;
	struct message sample;
};

/* For vhost_backend_setup.requests */
#define BIT_OF(name)	(1ULL << VHOST_BACKEND_BIT(VHOST_BACKEND_##name))

#define EVERYTHING	(VHOST_BACKEND_REQUESTS_ALL | \
			 VHOST_BACKEND_REQUESTS_SHARED_OBJECT)

extern const struct request_kind request_kinds[];
extern const unsigned int nr_request_kinds;

#define for_each_kind(kind) \
	for ((kind) = request_kinds; \
	     (kind) < request_kinds + nr_request_kinds; (kind)++)

/* The first row for a request that is in the table. */
const struct request_kind *find_kind(uint32_t request);

/* Whether the payload has the number of a vring. */
bool kind_has_vring(const struct request_kind *kind);

/* Whether it is one of the deprecated requests of virtio-fs. */
bool kind_is_fs(const struct request_kind *kind);

/* A payload with one entry in use. The rest is noise, which the kernel does not look at. */
struct message fs_with_entry(unsigned int entry);

#endif /* VHOST_BACKEND_LIB_REQUEST_H */
