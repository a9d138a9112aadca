// SPDX-License-Identifier: GPL-2.0-only
/* vhost-backend monitor: a frontend that prints and answers what arrives. */
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <time.h>

#include "tool.h"

#define MAX_BINDS	256

struct arguments {
	struct vhost_backend_setup setup;
	struct vhost_backend_test_run run;
	const char *binds[MAX_BINDS];
	size_t nr_binds;
	bool worker;
	double seconds;
	uint64_t count;
	int64_t reply;
	const char *reply_file;
	bool json;
	bool quiet;
};

static const struct value_name mixes[] = {
	{ VHOST_BACKEND_TEST_MIX_CALL, "call" },
	{ VHOST_BACKEND_TEST_MIX_ERR, "err" },
	{ VHOST_BACKEND_TEST_MIX_CONFIG, "config" },
	{ VHOST_BACKEND_TEST_MIX_SEND, "send" },
	{ VHOST_BACKEND_TEST_MIX_SEND_WAIT, "send-wait" },
	{ VHOST_BACKEND_TEST_MIX_REQUEST, "request" },
	{ VHOST_BACKEND_TEST_MIX_MAP, "map" },
	{ VHOST_BACKEND_TEST_MIX_ASYNC, "async" },
	{ 0xff, "all" },
};

static const struct value_name report_names[] = {
#define REPORT(member)	{ offsetof(struct vhost_backend_test_run, member), #member }
	REPORT(calls),
	REPORT(errs),
	REPORT(configs),
	REPORT(sends),
	REPORT(requests),
	REPORT(answered),
	REPORT(failed),
	REPORT(refused),
	REPORT(latency_max_ns),
	REPORT(latency_sum_ns),
};

static atomic_int interrupted;

static void interrupt(int signal)
{
	interrupted = signal;
}

enum option_key {
	KEY_RING_BYTES = 256,
	KEY_VRINGS,
	KEY_INFLIGHT,
	KEY_ACCEPT,
	KEY_STD_SHMEM,
	KEY_RUN,
	KEY_RUN_COUNT,
	KEY_RATE,
	KEY_THREADS,
	KEY_SEED,
	KEY_TIMEOUT,
	KEY_REPLY,
	KEY_REPLY_FILE,
};

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "The channel:", 1 },
	{ "ring-bytes", KEY_RING_BYTES, "N", 0, "Bytes for requests, a power of two", 1 },
	{ "vrings", KEY_VRINGS, "N", 0, "Number of vrings", 1 },
	{ "inflight", KEY_INFLIGHT, "N", 0, "Requests that may wait for a reply", 1 },
	{ "accept", KEY_ACCEPT, "NAME,...", 0,
	  "Requests that are accepted, all by default", 1 },
	{ "std-shmem", KEY_STD_SHMEM, NULL, 0,
	  "SHMEM_MAP and _UNMAP in the specification's form", 1 },
	{ NULL, 0, NULL, 0, "Senders:", 2 },
	{ "bind", 'b', "SPEC", 0,
	  "Bind an eventfd: vring-call:N=FD, vring-err:N=FD or config=FD; or a vhost device: iotlb[:N]=FD",
	  2 },
	{ "worker", 'w', NULL, 0, "Attach a test worker to all vrings", 2 },
	{ "run", KEY_RUN, "MIX", 0,
	  "Have it send a list of call, err, config, send, send-wait, request, map, async; or all",
	  2 },
	{ "run-count", KEY_RUN_COUNT, "N", 0,
	  "Messages from each thread; default: until the end", 2 },
	{ "rate", KEY_RATE, "N", 0, "Messages a second from each thread", 2 },
	{ "threads", KEY_THREADS, "N", 0, "Kernel threads that send, 1 to 32", 2 },
	{ "seed", KEY_SEED, "N", 0, "Seed of their random choices", 2 },
	{ "timeout", KEY_TIMEOUT, "MS", 0, "Time-out of their requests", 2 },
	{ NULL, 0, NULL, 0, "Answers and output:", 3 },
	{ "reply", KEY_REPLY, "VALUE", 0,
	  "The answer: 0 by default, a count of bytes for FS_IO, or an error, such as ENOSPC", 3 },
	{ "reply-file", KEY_REPLY_FILE, "PATH", 0,
	  "The file in the answer to SHARED_OBJECT_LOOKUP", 3 },
	{ "count", 'n', "N", 0, "Stop after N messages", 3 },
	{ "seconds", 's', "S", 0, "Stop after S seconds", 3 },
	{ "json", 'j', NULL, 0, "One JSON object a line", 3 },
	{ "quiet", 'q', NULL, 0, "Only rates and the summary", 3 },
	{}
};

static uint32_t parse_mix(const char *list)
{
	char *save = NULL, *name;
	uint32_t mix = 0;

	for (name = strtok_r(strdupa(list), ",", &save); name;
	     name = strtok_r(NULL, ",", &save)) {
		size_t i = 0;

		while (i < ARRAY_SIZE(mixes) && strcmp(mixes[i].name, name))
			i++;
		if (i == ARRAY_SIZE(mixes))
			fail(EXIT_USAGE, "--run: no mix is called \"%s\"", name);
		mix |= mixes[i].value;
	}
	return mix;
}

static error_t parse_load(int key, const char *arg, struct arguments *a)
{
	switch (key) {
	case KEY_RUN:
		a->worker = true;
		a->run.mix = parse_mix(arg);
		return 0;
	case KEY_RUN_COUNT:
		a->run.count = option_number("run-count", arg, 1, UINT64_MAX);
		return 0;
	case KEY_RATE:
		a->run.rate = option_number("rate", arg, 1, UINT32_MAX);
		return 0;
	case KEY_THREADS:
		a->run.threads = option_number("threads", arg, 1, 32);
		return 0;
	case KEY_SEED:
		a->run.seed = option_number("seed", arg, 0, UINT32_MAX);
		return 0;
	case KEY_TIMEOUT:
		a->run.timeout_ms = option_number("timeout", arg, 1, UINT32_MAX);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse_channel(int key, const char *arg, struct arguments *a)
{
	char error[128];
	uint64_t mask;

	switch (key) {
	case KEY_RING_BYTES:
		a->setup.ring_bytes = option_number("ring-bytes", arg, 4096, 16 << 20);
		return 0;
	case KEY_VRINGS:
		a->setup.nr_vrings = option_number("vrings", arg, 1, 32768);
		return 0;
	case KEY_INFLIGHT:
		a->setup.max_inflight = option_number("inflight", arg, 1, 4096);
		return 0;
	case KEY_ACCEPT:
		if (request_mask(arg, &mask, error, sizeof(error)))
			fail(EXIT_USAGE, "--accept: %s", error);
		a->setup.requests = mask;
		return 0;
	case KEY_STD_SHMEM:
		a->setup.flags |= VHOST_BACKEND_SETUP_STD_SHMEM;
		return 0;
	default:
		return parse_load(key, arg, a);
	}
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *a = state->input;
	char *end;

	switch (key) {
	case 'b':
		if (a->nr_binds == MAX_BINDS)
			fail(EXIT_USAGE, "--bind: at most %d", MAX_BINDS);
		a->binds[a->nr_binds++] = arg;
		return 0;
	case 'w':
		a->worker = true;
		return 0;
	case 'n':
		a->count = option_number("count", arg, 1, UINT64_MAX);
		return 0;
	case 's':
		a->seconds = strtod(arg, &end);
		if (*end || !(a->seconds > 0))
			fail(EXIT_USAGE, "--seconds %s: expected a number of seconds", arg);
		return 0;
	case 'j':
		a->json = true;
		return 0;
	case 'q':
		a->quiet = true;
		return 0;
	case KEY_REPLY:
		a->reply = option_reply(arg);
		return 0;
	case KEY_REPLY_FILE:
		a->reply_file = arg;
		return 0;
	default:
		return parse_channel(key, arg, a);
	}
}

/* Waits until the worker's threads have ended: they may wait for our answers. */
struct stopper {
	pthread_t thread;
	int worker;
	int done;
};

static void *stop_worker(void *argument)
{
	struct stopper *stopper = argument;

	if (ioctl(stopper->worker, VHOST_BACKEND_TEST_STOP))
		perror("vhost-backend: stopping the worker");
	eventfd_write(stopper->done, 1);
	return NULL;
}

/* A line each second: with --quiet to standard output, else to standard error if a terminal. */
static void print_rate(const struct frontend *fe, uint64_t messages, double seconds)
{
	if (fe->json && fe->quiet)
		printf("{\"time\":%.6f,\"rate\":%.1f}\n", frontend_seconds(fe),
		       messages / seconds);
	else if (fe->quiet)
		printf("%12.6f %.0f messages/s\n", frontend_seconds(fe),
		       messages / seconds);
	else if (isatty(STDERR_FILENO))
		fprintf(stderr, "%12.6f %.0f messages/s\n", frontend_seconds(fe),
			messages / seconds);
	fflush(stdout);
}

/* Signals are unblocked only here, so that none is missed between test and sleep. */
static void wait_a_while(struct frontend *fe, int done, double limit)
{
	struct pollfd p[2] = {
		{ .fd = frontend_finished(fe) ? -1 : fe->channel, .events = POLLIN },
		{ .fd = done, .events = POLLIN },
	};
	struct timespec ts;
	sigset_t none;

	if (limit < 0)
		limit = 0;
	ts.tv_sec = limit;
	ts.tv_nsec = (limit - ts.tv_sec) * 1e9;
	sigemptyset(&none);
	if (ppoll(p, 2, &ts, &none) < 0 && errno != EINTR)
		fail(EXIT_FAILED, "poll: %s", strerror(errno));
}

static void serve(struct frontend *fe, double seconds)
{
	double next = 1, last = 0;
	uint64_t messages = 0;

	while (!interrupted && !frontend_finished(fe)) {
		double now = frontend_seconds(fe);
		double until = seconds > 0 && seconds < next ? seconds : next;

		if (seconds > 0 && now >= seconds)
			return;
		if (now >= next) {
			if (fe->messages != messages)
				print_rate(fe, fe->messages - messages, now - last);
			messages = fe->messages;
			last = now;
			next = now + 1;
			continue;
		}
		wait_a_while(fe, -1, until - now);
		frontend_take(fe);
	}
}

/* The threads may wait for an answer: go on answering while they end. */
static void finish(struct frontend *fe, int worker)
{
	struct stopper stopper = {
		.worker = worker, .done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
	};
	eventfd_t value;

	fe->quiet = true;
	fe->count = 0;
	if (stopper.done < 0 ||
	    pthread_create(&stopper.thread, NULL, stop_worker, &stopper))
		fail(EXIT_FAILED, "a thread to stop the worker: %s", strerror(errno));
	while (eventfd_read(stopper.done, &value)) {
		wait_a_while(fe, stopper.done, 1);
		frontend_take(fe);
	}
	pthread_join(stopper.thread, NULL);
	close(stopper.done);
	while (frontend_take(fe))
		;
}

static uint64_t report_figure(const struct vhost_backend_test_run *report, size_t i)
{
	uint64_t figure;

	memcpy(&figure, (const char *)report + report_names[i].value, sizeof(figure));
	return figure;
}

static void summary(const struct frontend *fe,
		    const struct vhost_backend_test_run *report)
{
	struct vhost_backend_stats stats = get_stats(fe->channel);

	puts("");
	frontend_summary(stdout, fe);
	if (report) {
		puts("\nthe worker:");
		for (size_t i = 0; i < ARRAY_SIZE(report_names); i++)
			printf("%-24s %12llu\n", report_names[i].name,
			       (unsigned long long)report_figure(report, i));
		if (report->last_error)
			printf("%-24s %s\n", "last error",
			       strerror(-report->last_error));
	}
	puts("\nthe channel:");
	stats_print(stdout, &stats);
}

static void summary_json(const struct frontend *fe,
			 const struct vhost_backend_test_run *report)
{
	struct vhost_backend_stats stats = get_stats(fe->channel);

	fputs("{\"summary\":{", stdout);
	frontend_summary_json(stdout, fe);
	if (report) {
		fputs(",\"worker\":{", stdout);
		for (size_t i = 0; i < ARRAY_SIZE(report_names); i++)
			printf("\"%s\":%llu,", report_names[i].name,
			       (unsigned long long)report_figure(report, i));
		printf("\"last_error\":%d}", report->last_error);
	}
	fputs(",\"statistics\":", stdout);
	stats_print_json(stdout, &stats);
	puts("}}");
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = interrupt };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static void check_arguments(const struct arguments *a)
{
	if (!a->run.mix && (a->run.count || a->run.rate || a->run.threads ||
			    a->run.seed || a->run.timeout_ms))
		fail(EXIT_USAGE, "the options of a load need --run MIX");
	if (!a->worker && !a->nr_binds)
		fail(EXIT_USAGE, "nobody would send: use --worker, --run or --bind");
}

int monitor_main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options, .parser = parse,
		.doc = "Sets up a channel, prints messages, and answers those that want a reply.\n"
		       "Ends with a summary: after --count or --seconds, or when interrupted.\n"
		       "\vFD of --bind is inherited, or PID/FD of another process. With ,peek\n"
		       "after it the eventfd's counter is left to its reader.",
	};
	struct vhost_backend_test_run report = {};
	struct arguments a = {
		.setup.requests = VHOST_BACKEND_REQUESTS_ALL |
				  VHOST_BACKEND_REQUESTS_SHARED_OBJECT,
	};
	struct frontend fe;
	int worker = -1;

	argp_parse(&argp, argc, argv, 0, NULL, &a);
	check_arguments(&a);
	catch_signals();
	frontend_init(&fe, open_channel(&a.setup));
	fe.json = a.json;
	fe.quiet = a.quiet;
	fe.reply = a.reply;
	fe.count = a.count;
	if (a.reply_file)
		fe.reply_file = open_file(a.reply_file);
	for (size_t i = 0; i < a.nr_binds; i++)
		bind_spec(fe.channel, a.binds[i]);
	if (a.worker)
		worker = open_worker(fe.channel, "vhost-backend", 0, a.setup.nr_vrings);
	if (a.run.mix) {
		a.run.threads = a.run.threads ?: 1;
		if (ioctl(worker, VHOST_BACKEND_TEST_RUN, &a.run))
			fail(EXIT_FAILED, "--run: %s", strerror(errno));
	}
	serve(&fe, a.seconds);
	if (a.run.mix) {
		finish(&fe, worker);
		if (ioctl(worker, VHOST_BACKEND_TEST_REPORT, &report))
			fail(EXIT_FAILED, "report: %s", strerror(errno));
	}
	if (a.json)
		summary_json(&fe, a.run.mix ? &report : NULL);
	else
		summary(&fe, a.run.mix ? &report : NULL);
	return EXIT_OK;
}
