// SPDX-License-Identifier: GPL-2.0-only
/* vhost-backend: look at vhost backend channels, and try them out. */
#include <stdarg.h>

#include "tool.h"

#define STRING(x)	#x
#define TEXT(x)		STRING(x)

const char *argp_program_version =
	"vhost-backend 1.0 (API version " TEXT(VHOST_BACKEND_API_VERSION) ")";

static const struct command {
	const char *name;
	int (*main)(int argc, char **argv);
	const char *summary;
} commands[] = {
	{ "monitor", monitor_main, "be a frontend: print and answer what arrives" },
	{ "send", send_main, "have the test worker send one request" },
	{ "stat", stat_main, "figures of one channel, or of all on this host" },
};

void fail(enum exit_code code, const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fputs("vhost-backend: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(code);
}

uint64_t option_number(const char *option, const char *text,
		       uint64_t min, uint64_t max)
{
	uint64_t value;

	if (number_parse(text, &value) || value < min || value > max)
		fail(EXIT_USAGE, "--%s %s: expected a number from %llu to %llu",
		     option, text, (unsigned long long)min,
		     (unsigned long long)max);
	return value;
}

int64_t option_reply(const char *text)
{
	uint64_t value;

	if (!number_parse(text + (text[0] == '-'), &value))
		return text[0] == '-' ? -value : value;
	for (int error = 1; error < 4096; error++) {
		const char *name = strerrorname_np(error);

		if (name && !strcmp(name, text))
			return -error;
	}
	fail(EXIT_USAGE, "--reply %s: neither a number nor the name of an error", text);
}

char *requests_help(const char *title)
{
	static const char *const files[] = {
		[FILE_NEVER] = "",
		[FILE_OPTIONAL] = " [may have a file]",
		[FILE_ALWAYS] = " [file]",
	};
	static const char *const replies[] = {
		[REPLY_NOTIFICATION] = " [notification]",
		[REPLY_IF_ASKED] = "",
		[REPLY_ALWAYS] = " [always answered]",
	};
	char name[REQUEST_NAME_MAX];
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	fprintf(out, "%s\n", title);
	for (size_t i = 0; i < nr_requests; i++) {
		const struct request *r = &requests[i];

		if (r->delivered_only)
			continue;
		fprintf(out, "\n  %s%s%s\n    %s\n", request_short_name(r, name),
			files[r->file], replies[r->reply], r->summary);
		request_print_usage(out, r, "      ", 76);
	}
	fclose(out);
	return text;
}

static char *help_filter(int key, const char *text, void *input)
{
	char *help = NULL;
	size_t size;
	FILE *out;

	(void)input;
	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *)text;
	out = open_memstream(&help, &size);
	if (!out)
		return (char *)text;
	fputs("Commands:\n\n", out);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].summary);
	fputs("\n\"vhost-backend COMMAND --help\" has the details.\n", out);
	fclose(out);
	return help;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	int *first = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		(void)arg;
		*first = state->next - 1;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_usage(state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.parser = parse,
		.args_doc = "COMMAND [ARGUMENT...]",
		.doc = "Looks at vhost backend channels and tries them out.\v ",
		.help_filter = help_filter,
	};
	char name[64];
	int first = 0;

	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &first);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].name, argv[first]))
			continue;
		snprintf(name, sizeof(name), "vhost-backend %s", commands[i].name);
		argv[first] = name;
		return commands[i].main(argc - first, argv + first);
	}
	fail(EXIT_USAGE, "no command is called \"%s\"; try vhost-backend --help",
	     argv[first]);
}
