/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One table has the name, the payload and the fields of each request. Messages are decoded
 * by it, and payloads are built from text; the help is made from it.
 */
#ifndef VHOST_BACKEND_DECODE_H
#define VHOST_BACKEND_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/channel.h"
#include "lib/message.h"
#include "lib/worker.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define ATTRIBUTE(a)	__attribute__((a))
#define __printf(format_at, first)	ATTRIBUTE(format(printf, format_at, first))

/* A value with a name. A table of them ends with a NULL name. */
struct value_name {
	uint64_t value;
	const char *name;
};

/*
 * @bytes: 1, 2, 4 or 8 of a number, 16 of a UUID
 * @mask: the bits of the number that are this field; 0: all
 * @hex: printed as a hexadecimal number
 * @names: names of its values, or NULL
 * @fallback: text of the value that request_build() takes by default
 */
struct request_field {
	const char *name;
	uint16_t offset;
	uint8_t bytes;
	bool hex;
	uint64_t mask;
	const struct value_name *names;
	const char *fallback;
};

enum request_file {
	FILE_NEVER,
	FILE_OPTIONAL,
	FILE_ALWAYS,
};

enum request_reply {
	REPLY_NOTIFICATION,	/* if asked; otherwise it merges */
	REPLY_IF_ASKED,
	REPLY_ALWAYS,
};

/*
 * @size: bytes of payload
 * @entries: number of elements of each field
 * @delivered_only: no worker sends it: the channel makes it of another request
 * @without_file: assignment for a payload without a file, if the payload has to say so
 * @summary: for the help
 */
struct request {
	uint32_t number;
	const char *name;
	uint16_t size;
	uint8_t entries;
	bool delivered_only;
	enum request_file file;
	enum request_reply reply;
	const char *without_file;
	const struct request_field *fields;
	size_t nr_fields;
	const char *summary;
};

extern const struct request requests[];
extern const size_t nr_requests;

const struct request *request_by_number(uint32_t number);

/*
 * @name: as in the header, the vhost-user specification or crosvm, in either case, also
 * with '-' for '_', with or without the common prefixes and the words DEPRECATED and MSG;
 * or the number
 */
const struct request *request_by_name(const char *name);

#define REQUEST_NAME_MAX	48

/* The name as typed on a command line: "shmem-map". Returns a string in @buffer. */
const char *request_short_name(const struct request *request,
			       char buffer[REQUEST_NAME_MAX]);

/*
 * Bits of vhost_backend_setup.requests for a list of names with commas, "all" or
 * "none". Returns 0, or -1 with the reason in @error.
 */
int request_mask(const char *list, uint64_t *mask, char *error, size_t size);

/*
 * Fills @payload from @count assignments, "len=4096" or "len[2]=4096", and from
 * the fields' fallbacks. Returns as request_mask().
 */
int request_build(const struct request *request, void *payload,
		  char *const *assignments, size_t count,
		  char *error, size_t size);

/* "fd_offset=N c_offset=N ...", for the help, on lines of at most @columns. */
void request_print_usage(FILE *out, const struct request *request,
			 const char *indent, size_t columns);

/* "SHMEM_MAP id=0x1 flags=R ... file=/path (4096 bytes) need-reply" */
void message_print(FILE *out, const struct message *message);

/* The members of a JSON object, without the braces. */
void message_print_json(FILE *out, const struct message *message);

/* Writes the path of @fd into @path. Returns the size in bytes, or -1. */
long long file_describe(int fd, char *path, size_t size);

void json_string(FILE *out, const char *text);

/* A number as in C, with an optional k, M or G. Returns 0 or -1. */
int number_parse(const char *text, uint64_t *value);

#endif /* VHOST_BACKEND_DECODE_H */
