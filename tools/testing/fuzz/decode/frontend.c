// SPDX-License-Identifier: GPL-2.0-only
/*
 * Target: what a channel's read() brings, decoded, printed, answered. The first byte
 * says how.
 */
#include "redirect.h"

#include "../../../vhost-backend/frontend.c"

#define JSON	1
#define ONE	2
#define QUIET	4
#define FAILURE	8

static struct frontend fe;

static void read_all(size_t size)
{
	const char *text;

	while (frontend_take(&fe))
		;
	text = fuzz_printed();
	must(!fe.quiet || !*text);
	must(!fe.json || fuzz_is_json(text));
	must(fe.bytes == (fe.messages ? size : 0));
}

static void summarise(void)
{
	frontend_summary(fuzz_out, &fe);
	fuzz_printed();
	fputc('{', fuzz_out);
	frontend_summary_json(fuzz_out, &fe);
	fputs("}\n", fuzz_out);
	must(fuzz_is_json(fuzz_printed()));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	fuzz_begin(data + 1, size - 1);
	frontend_init(&fe, 0);
	fe.json = *data & JSON;
	fe.count = !!(*data & ONE);
	fe.quiet = *data & QUIET;
	fe.reply = *data & FAILURE ? -ENOSPC : 0;
	if (!setjmp(fuzz_exited))
		read_all(size - 1);
	fuzz_printed();
	summarise();
	free(fe.per_request);
	fuzz_end();
	return 0;
}
