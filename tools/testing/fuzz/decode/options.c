// SPDX-License-Identifier: GPL-2.0-only
/* Target: the options of vhost-backend monitor, a line each: "name value". */
#include "redirect.h"

#define main	tool_main
#include "../../../vhost-backend/main.c"
#undef main
/* main.c has its own. */
#define parse	monitor_parse
#include "../../../vhost-backend/monitor.c"
#undef parse

static const struct argp_option *option_find(const char *name)
{
	for (const struct argp_option *option = options; option->name || option->doc; option++)
		if (option->name && !strcmp(option->name, name))
			return option;
	return NULL;
}

/* A value that is refused makes the program exit: the next line is another run. */
static void take_line(char *line, struct argp_state *state)
{
	char *value = line + strcspn(line, " ");
	const struct argp_option *option;

	if (*value)
		*value++ = '\0';
	option = option_find(line);
	if (!option)
		return;
	if (setjmp(fuzz_exited))
		memset(state->input, 0, sizeof(struct arguments));
	else
		monitor_parse(option->key, value, state);
}

static void bind(const char *spec)
{
	if (!setjmp(fuzz_exited))
		bind_spec(0, spec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct arguments a;
	struct argp_state state = { .input = &a };
	char *text = fuzz_text(data, size), *save = NULL;

	memset(&a, 0, sizeof(a));
	fuzz_begin(data, size);
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		take_line(line, &state);
	must(a.run.threads <= 32 && a.setup.nr_vrings <= 32768);
	must(a.setup.max_inflight <= 4096 && a.setup.ring_bytes <= 16 << 20);
	must(a.seconds >= 0 && a.nr_binds <= MAX_BINDS);
	for (size_t i = 0; i < a.nr_binds; i++)
		bind(a.binds[i]);
	fuzz_end();
	free(text);
	return 0;
}
