// SPDX-License-Identifier: GPL-2.0-only
/* The world that the program sees, and what is judged of what it says. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/vhost_backend.h>

#include "fuzz.h"

FILE *fuzz_out;
jmp_buf fuzz_exited;

static char *printed;
static size_t printed_size, printed_before;
static const uint8_t *input;
static size_t input_size, input_read;

void fuzz_begin(const uint8_t *data, size_t size)
{
	input = data;
	input_size = size;
	input_read = 0;
	printed_before = 0;
	fuzz_out = open_memstream(&printed, &printed_size);
	must(fuzz_out);
#ifdef PLANTED
	/* Not in the corpus, and a byte too far */
	must(size < 3 || memcmp(data + size - 3, "ups", 3) || !data[size]);
#endif
}

void fuzz_end(void)
{
	fclose(fuzz_out);
	free(printed);
}

const char *fuzz_printed(void)
{
	const char *text;

	fflush(fuzz_out);
	text = printed + printed_before;
	printed_before = printed_size;
	return text;
}

char *fuzz_text(const uint8_t *data, size_t size)
{
	return strndup((const char *)data, size);
}

void fuzz_fault(const char *condition, const char *file, int line)
{
	fprintf(stderr, "%s:%d: not so: %s\n", file, line, condition);
	abort();
}

void fuzz_exit(int code)
{
	must(code);
	longjmp(fuzz_exited, 1);
}

FILE *fuzz_fopen(const char *path, const char *mode)
{
	(void)path;
	(void)mode;
	return input_size ? fmemopen((void *)input, input_size, "r") : NULL;
}

/* A channel: all that there is at once, or nothing. */
ssize_t fuzz_read(int fd, void *to, size_t size)
{
	size_t left = input_size - input_read;

	(void)fd;
	if (!left || left > size) {
		errno = left ? EMSGSIZE : EAGAIN;
		return -1;
	}
	memcpy(to, input + input_read, left);
	input_read = input_size;
	return left;
}

/* Takes one reply of those that are left, and refuses every third. */
ssize_t fuzz_write(int fd, const void *from, size_t size)
{
	static unsigned int replies;
	struct vhost_backend_reply reply;

	(void)fd;
	must(size >= sizeof(reply) && size % sizeof(reply) == 0);
	memcpy(&reply, from, sizeof(reply));
	must(reply.msg.flags == (VHOST_BACKEND_MSG_VERSION | VHOST_BACKEND_MSG_REPLY));
	must(reply.msg.size == sizeof(reply.value));
	if (replies++ % 3)
		return sizeof(reply);
	errno = ENOENT;
	return -1;
}

/* A file's path is the input, too: people choose names of files. */
ssize_t fuzz_readlink(const char *path, char *to, size_t size)
{
	(void)path;
	if (size > input_size)
		size = input_size;
	memcpy(to, input, size);
	return size;
}

int fuzz_refuse(long first, ...)
{
	(void)first;
	errno = EPERM;
	return -1;
}

static const char *json_value(const char *at);

static const char *json_string(const char *at)
{
	if (*at++ != '"')
		return NULL;
	for (; *at != '"'; at++) {
		if ((unsigned char)*at < ' ')
			return NULL;
		if (*at != '\\')
			continue;
		if (*++at != 'u' && !strchr("\"\\/bfnrt", *at))
			return NULL;
		if (*at == 'u')
			for (int i = 0; i < 4; i++)
				if (!isxdigit((unsigned char)*++at))
					return NULL;
	}
	return at + 1;
}

/* The members of an object or array, whose opening bracket is at @at */
static const char *json_members(const char *at)
{
	const char close = *at == '{' ? '}' : ']';
	const bool named = *at++ == '{';

	if (*at == close)
		return at + 1;
	for (;;) {
		if (named) {
			at = json_string(at);
			if (!at || *at++ != ':')
				return NULL;
		}
		at = json_value(at);
		if (!at || (*at != ',' && *at != close))
			return NULL;
		if (*at++ == close)
			return at;
	}
}

static const char *json_value(const char *at)
{
	static const char *const words[] = { "true", "false", "null" };
	char *end;

	if (*at == '{' || *at == '[')
		return json_members(at);
	if (*at == '"')
		return json_string(at);
	for (int i = 0; i < 3; i++)
		if (!strncmp(at, words[i], strlen(words[i])))
			return at + strlen(words[i]);
	if (*at != '-' && !isdigit((unsigned char)*at))
		return NULL;
	strtod(at, &end);
	return end;
}

bool fuzz_is_json(const char *lines)
{
	while (*lines) {
		if (*lines != '{')
			return false;
		lines = json_value(lines);
		if (!lines || *lines++ != '\n')
			return false;
	}
	return true;
}
