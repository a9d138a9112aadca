// SPDX-License-Identifier: GPL-2.0-only
/*
 * Target: requests as people write them. The first line is a request's name, or a list
 * of names; each line after it sets a field. What can be built prints as text that
 * builds the same again.
 */
#include <string.h>

#include "redirect.h"
#include "decode.h"

/* The bits of STD_SHMEM_MAP and _UNMAP */
#define STD_SHMEM	0x600
#define LINES_MAX	64
/* A field of each entry twice: 0 first, then what it is */
#define WORDS_MAX	128

static size_t split(char *text, const char *separators, char **words, size_t most)
{
	char *save = NULL;
	size_t count = 0;

	for (char *word = strtok_r(text, separators, &save); word && count < most;
	     word = strtok_r(NULL, separators, &save))
		words[count++] = word;
	return count;
}

static void print(const struct request *request, struct message *message)
{
	message->msg = (struct vhost_backend_msg){
		.request = request->number, .size = request->size,
		.flags = VHOST_BACKEND_MSG_VERSION, .fd = VHOST_BACKEND_FD_NONE,
	};
	message_print(fuzz_out, message);
}

/* Entries that are all 0 are not printed, and fields have fallbacks. */
static size_t zero_fields(const struct request *request, char **words, char *text,
			  size_t size)
{
	size_t count = 0;

	for (size_t i = 0; i < request->nr_fields; i++) {
		int n;

		if (request->fields[i].bytes == 16)
			continue;
		n = snprintf(text, size, "%s=0", request->fields[i].name);
		words[count++] = text;
		text += n + 1;
		size -= n + 1;
	}
	return count;
}

static void print_and_build_again(const struct request *request, struct message *first)
{
	char zeroes[512], error[128], *words[WORDS_MAX], *text, *again;
	struct message second;
	size_t count;

	fuzz_printed();
	print(request, first);
	text = strdup(fuzz_printed());
	must(text && !strncmp(text, request->name, strlen(request->name)));
	again = strdup(text + strlen(request->name));
	must(again);
	count = zero_fields(request, words, zeroes, sizeof(zeroes));
	count += split(again, " ", words + count, WORDS_MAX - count);
	must(!request_build(request, second.bytes, words, count, error, sizeof(error)));
	must(!memcmp(first->bytes, second.bytes, request->size));
	print(request, &second);
	must(!strcmp(text, fuzz_printed()));
	fputc('{', fuzz_out);
	message_print_json(fuzz_out, &second);
	fputs("}\n", fuzz_out);
	must(fuzz_is_json(fuzz_printed()));
	free(again);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct request *request;
	char error[128], *text = fuzz_text(data, size), *lines[LINES_MAX];
	size_t count = split(text, "\n", lines, LINES_MAX);
	struct message message;
	uint64_t mask;

	fuzz_begin(data, size);
	request = count ? request_by_name(lines[0]) : NULL;
	if (count && !request_mask(lines[0], &mask, error, sizeof(error)))
		must(!(mask & ~(VHOST_BACKEND_REQUESTS_ALL | STD_SHMEM |
				VHOST_BACKEND_REQUESTS_SHARED_OBJECT)));
	if (request && !request_build(request, message.bytes, lines + 1, count - 1,
				      error, sizeof(error)))
		print_and_build_again(request, &message);
	fuzz_end();
	free(text);
	return 0;
}
