/* SPDX-License-Identifier: GPL-2.0-only */
/* Functions that the subcommands of vhost-backend share. */
#ifndef VHOST_BACKEND_TOOL_H
#define VHOST_BACKEND_TOOL_H

#include <argp.h>
#include <pthread.h>
#include <stdnoreturn.h>

#include "decode.h"

/* Exit codes; the manual page has them too. */
enum exit_code {
	EXIT_OK = 0,
	EXIT_FAILED = 1,	/* the kernel refused, or a file can't be used */
	EXIT_USAGE = 2,		/* the command line makes no sense */
	EXIT_MISSING = 3,	/* module, device or permission is missing */
	EXIT_REFUSED = 4,	/* send: the worker's call ended with an error */
};

int monitor_main(int argc, char **argv);
int send_main(int argc, char **argv);
int stat_main(int argc, char **argv);

/* main.c: arguments and messages of all subcommands */

/* Prints "vhost-backend: ..." and exits. */
noreturn __printf(2, 3) void fail(enum exit_code code, const char *format, ...);

/* A number of an option's argument; fails outside @min to @max. */
uint64_t option_number(const char *option, const char *text,
		       uint64_t min, uint64_t max);

/* Value of a reply: a number, or an errno as "ENOSPC" or -28. */
int64_t option_reply(const char *text);

/* The requests with their fields, as text for argp, which frees it. */
char *requests_help(const char *title);

/* device.c: channels and workers, with error messages that tell the remedy */

/* Prints an error of @what, with the remedy if there is one. Does not exit. */
void explain(const char *what, int error);

/* A channel of our own that is READY. */
int open_channel(struct vhost_backend_setup *setup);

/* A test worker attached to @channel. */
int open_worker(int channel, const char *name, unsigned int vring_base,
		unsigned int nr_vrings);

/*
 * "FD" is a descriptor that we inherited. "PID/FD" is one of another process; this returns
 * a copy of it.
 */
int open_spec(const char *spec);

/* SOURCE[:INDEX]=FD|PID/FD[,peek] */
void bind_spec(int channel, const char *spec);

/* A file of --file and --reply-file. */
int open_file(const char *path);

struct vhost_backend_stats get_stats(int channel);

/* frontend.c: reads a channel, prints what it reads, answers it */

/*
 * @reply: the answer to requests that want one
 * @reply_file: the file for a LOOKUP, or -1
 * @count: stop after so many messages; 0: do not stop
 * @per_request: number of messages for each row of requests[], and of unknown ones
 */
struct frontend {
	int channel;
	bool json;
	bool quiet;
	int64_t reply;
	int reply_file;
	uint64_t count;
	struct timespec start;
	uint64_t messages;
	uint64_t bytes;
	uint64_t late_replies;
	uint64_t *per_request;
};

void frontend_init(struct frontend *fe, int channel);
double frontend_seconds(const struct frontend *fe);
bool frontend_finished(const struct frontend *fe);
/* One read, which does not wait. Returns true if it read anything. */
bool frontend_take(struct frontend *fe);
void frontend_summary(FILE *out, const struct frontend *fe);
void frontend_summary_json(FILE *out, const struct frontend *fe);

/* stat.c: the figures, by name */

#define NR_STATS	24

extern const char *const stat_names[NR_STATS];

void stats_print(FILE *out, const struct vhost_backend_stats *stats);
/* {"requests_queued":0,...} */
void stats_print_json(FILE *out, const struct vhost_backend_stats *stats);

#endif /* VHOST_BACKEND_TOOL_H */
