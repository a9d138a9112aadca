// SPDX-License-Identifier: GPL-2.0-only
/* vhost-backend stat: figures of one channel, or of all on this host. */
#include <assert.h>
#include <ctype.h>
#include <dirent.h>

#include "tool.h"

/* In the order of struct vhost_backend_stats, as are the figures in fdinfo. */
const char *const stat_names[NR_STATS] = {
	"requests_queued",
	"requests_delivered",
	"requests_answered",
	"requests_failed",
	"requests_given_up",
	"requests_withdrawn",
	"notifications_raised",
	"notifications_merged",
	"notifications_delivered",
	"notifications_forwarded",
	"wakeups",
	"refused_room",
	"refused_type",
	"refused_content",
	"inflight",
	"inflight_peak",
	"waiting_bytes",
	"waiting_bytes_peak",
	"bindings",
	"mappings",
	"backends",
	"bad_replies",
	"bad_consumer",
	"unmaps_owed",
};

static_assert(offsetof(struct vhost_backend_stats, reserved) ==
	      NR_STATS * sizeof(uint64_t), "a figure without a name");

void stats_print(FILE *out, const struct vhost_backend_stats *stats)
{
	const __aligned_u64 *figures = &stats->requests_queued;

	for (size_t i = 0; i < NR_STATS; i++)
		fprintf(out, "%-24s %12llu\n", stat_names[i],
			(unsigned long long)figures[i]);
}

void stats_print_json(FILE *out, const struct vhost_backend_stats *stats)
{
	const __aligned_u64 *figures = &stats->requests_queued;

	for (size_t i = 0; i < NR_STATS; i++)
		fprintf(out, "%s\"%s\":%llu", i ? "," : "{", stat_names[i],
			(unsigned long long)figures[i]);
	fputc('}', out);
}

/* A channel as /proc shows it. */
struct listed {
	int pid;
	int fd;
	char comm[32];
	struct vhost_backend_stats stats;
	char backends[256];
};

struct arguments {
	const char *channel;
	double watch;
	bool json;
};

#define LINE_PREFIX	"vhost-backend-"

/* "vhost-backend-NAME: VALUE", with either '-' or '_' within NAME */
static void parse_line(struct listed *listed, char *line)
{
	__aligned_u64 *figures = &listed->stats.requests_queued;
	char *name = line + strlen(LINE_PREFIX);
	char *colon = strchr(name, ':');
	size_t used = strlen(listed->backends);

	if (!colon)
		return;
	*colon++ = '\0';
	colon += strspn(colon, " \t");
	colon[strcspn(colon, "\n")] = '\0';
	for (char *c = name; *c; c++)
		if (*c == '-')
			*c = '_';
	if (!strcmp(name, "backend")) {
		snprintf(listed->backends + used, sizeof(listed->backends) - used,
			 "%s%s", used ? ", " : "", colon);
		return;
	}
	for (size_t i = 0; i < NR_STATS; i++)
		if (!strcmp(name, stat_names[i]))
			figures[i] = strtoull(colon, NULL, 10);
}

/* Whether the descriptor is a channel that has been set up. */
static bool read_fdinfo(struct listed *listed)
{
	char path[64], line[256];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", listed->pid, listed->fd);
	file = fopen(path, "re");
	if (!file)
		return false;
	memset(&listed->stats, 0, sizeof(listed->stats));
	listed->backends[0] = '\0';
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, LINE_PREFIX, strlen(LINE_PREFIX)))
			continue;
		found = true;
		parse_line(listed, line);
	}
	fclose(file);
	return found;
}

static void read_comm(struct listed *listed)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/comm", listed->pid);
	file = fopen(path, "re");
	if (!file || !fgets(listed->comm, sizeof(listed->comm), file))
		listed->comm[0] = '\0';
	listed->comm[strcspn(listed->comm, "\n")] = '\0';
	if (file)
		fclose(file);
}

static void print_listed(const struct listed *l, bool json)
{
	if (json) {
		printf("{\"pid\":%d,\"fd\":%d,\"comm\":", l->pid, l->fd);
		json_string(stdout, l->comm);
		fputs(",\"backends\":", stdout);
		json_string(stdout, l->backends);
		fputs(",\"statistics\":", stdout);
		stats_print_json(stdout, &l->stats);
		puts("}");
		return;
	}
	printf("%7d %4d %-15s %10llu %10llu %10llu %8llu %8llu %8llu %s\n",
	       l->pid, l->fd, l->comm,
	       (unsigned long long)l->stats.requests_delivered,
	       (unsigned long long)l->stats.requests_answered,
	       (unsigned long long)l->stats.notifications_delivered,
	       (unsigned long long)l->stats.inflight,
	       (unsigned long long)l->stats.waiting_bytes,
	       (unsigned long long)l->stats.bindings, l->backends);
}

/* The channels among a process's descriptors, by the end of their links. */
static unsigned int list_process(int pid, bool json)
{
	struct listed listed = { .pid = pid };
	char path[64], target[256];
	struct dirent *entry;
	unsigned int found = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), entry->d_name, target,
				       sizeof(target) - 1);
		size_t name = strlen("/vhost-backend");

		if (n < (ssize_t)name ||
		    memcmp(target + n - name, "/vhost-backend", name))
			continue;
		listed.fd = atoi(entry->d_name);
		if (!read_fdinfo(&listed))
			continue;
		read_comm(&listed);
		print_listed(&listed, json);
		found++;
	}
	if (dir)
		closedir(dir);
	return found;
}

static void list_all(const struct arguments *arguments)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	unsigned int found = 0;

	if (!dir)
		fail(EXIT_FAILED, "/proc: %s", strerror(errno));
	if (!arguments->json)
		printf("%7s %4s %-15s %10s %10s %10s %8s %8s %8s %s\n", "PID",
		       "FD", "COMM", "REQUESTS", "ANSWERED", "NOTIFIED",
		       "INFLIGHT", "WAITING", "BINDINGS", "BACKENDS");
	while ((entry = readdir(dir)))
		if (isdigit((unsigned char)entry->d_name[0]))
			found += list_process(atoi(entry->d_name), arguments->json);
	closedir(dir);
	if (!found && geteuid())
		fputs("vhost-backend: none found; only root sees those of other users\n",
		      stderr);
}

static void print_one(int channel, bool json)
{
	struct vhost_backend_stats stats = get_stats(channel);

	if (json) {
		stats_print_json(stdout, &stats);
		putchar('\n');
	} else {
		stats_print(stdout, &stats);
	}
}

static const struct argp_option options[] = {
	{ "channel", 'c', "FD|PID/FD", 0,
	  "Only this channel: an inherited descriptor, or one of a process", 0 },
	{ "watch", 'w', "SECONDS", 0, "Repeat after so many seconds, until interrupted", 0 },
	{ "json", 'j', NULL, 0, "One JSON object a line for each channel", 0 },
	{}
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;
	char *end;

	switch (key) {
	case 'c':
		arguments->channel = arg;
		return 0;
	case 'w':
		arguments->watch = strtod(arg, &end);
		if (*end || !(arguments->watch >= 0.001 && arguments->watch <= 86400))
			fail(EXIT_USAGE, "--watch %s: expected a number of seconds", arg);
		return 0;
	case 'j':
		arguments->json = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int stat_main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options, .parser = parse,
		.doc = "Prints the figures of one channel or, without --channel, a line\n"
		       "for each channel that a process on this host has open.",
	};
	struct arguments arguments = {};
	int channel = -1;

	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	if (arguments.channel)
		channel = open_spec(arguments.channel);
	for (;;) {
		if (channel >= 0)
			print_one(channel, arguments.json);
		else
			list_all(&arguments);
		fflush(stdout);
		if (arguments.watch == 0)
			return EXIT_OK;
		usleep(arguments.watch * 1e6);
		if (!arguments.json)
			putchar('\n');
	}
}
