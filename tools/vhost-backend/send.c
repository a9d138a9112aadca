// SPDX-License-Identifier: GPL-2.0-only
/* vhost-backend send: has the test worker send one request. */
#include <sys/eventfd.h>

#include "tool.h"

#define MAX_ASSIGNMENTS	128
/* A little more than the module's default time-out */
#define DEFAULT_WAIT_MS	35000

enum reply_wish {
	REPLY_AS_USUAL,
	REPLY_WANTED,
	REPLY_UNWANTED,
};

struct arguments {
	const struct request *request;
	char *assignments[MAX_ASSIGNMENTS];
	size_t nr_assignments;
	const char *file;
	bool no_file;
	enum reply_wish wish;
	bool async;
	uint32_t context;
	uint32_t timeout_ms;
	const char *channel;
	uint32_t vring_base;
	uint32_t vrings;
	int64_t reply;
	const char *reply_file;
	bool std_shmem;
	bool json;
};

enum option_key {
	KEY_NO_FILE = 256,
	KEY_NO_REPLY,
	KEY_NEED_REPLY,
	KEY_ASYNC,
	KEY_CONTEXT,
	KEY_TIMEOUT,
	KEY_VRING_BASE,
	KEY_VRINGS,
	KEY_REPLY,
	KEY_REPLY_FILE,
	KEY_STD_SHMEM,
};

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "The request:", 1 },
	{ "file", 'f', "PATH", 0,
	  "The file to attach; default: if the request needs one, a page of the test worker", 1 },
	{ "no-file", KEY_NO_FILE, NULL, 0, "Attach none, even if the request needs one", 1 },
	{ "no-reply", KEY_NO_REPLY, NULL, 0, "Ask for no reply", 1 },
	{ "need-reply", KEY_NEED_REPLY, NULL, 0, "Ask for a reply, even to a notification", 1 },
	{ "async", KEY_ASYNC, NULL, 0, "The worker does not sleep until the reply", 1 },
	{ "context", KEY_CONTEXT, "WHERE", 0,
	  "The worker sends from a process (the default), a softirq or a hardirq", 1 },
	{ "timeout", KEY_TIMEOUT, "MS", 0, "How long the worker waits", 1 },
	{ NULL, 0, NULL, 0, "The channel:", 2 },
	{ "channel", 'c', "FD|PID/FD", 0,
	  "A channel that was inherited, or that of a process; default: one of our own", 2 },
	{ "vring-base", KEY_VRING_BASE, "N", 0, "The worker's vring 0 is N of the channel", 2 },
	{ "vrings", KEY_VRINGS, "N", 0,
	  "The worker's vrings; default: 256 in our own channel, else 0", 2 },
	{ "std-shmem", KEY_STD_SHMEM, NULL, 0,
	  "Our own channel has SHMEM_MAP and _UNMAP in the specification's form", 2 },
	{ "reply", KEY_REPLY, "VALUE", 0, "The answer of our own channel, 0 by default", 2 },
	{ "reply-file", KEY_REPLY_FILE, "PATH", 0,
	  "The file in its answer to SHARED_OBJECT_LOOKUP", 2 },
	{ NULL, 0, NULL, 0, "Output:", 3 },
	{ "json", 'j', NULL, 0, "One JSON object a line", 3 },
	{}
};

static uint32_t parse_context(const char *name)
{
	static const char *const contexts[] = {
		[VHOST_BACKEND_TEST_PROCESS] = "process",
		[VHOST_BACKEND_TEST_SOFTIRQ] = "softirq",
		[VHOST_BACKEND_TEST_HARDIRQ] = "hardirq",
	};

	for (size_t i = 0; i < ARRAY_SIZE(contexts); i++)
		if (!strcmp(contexts[i], name))
			return i;
	fail(EXIT_USAGE, "--context %s: expected process, softirq or hardirq", name);
}

static void parse_argument(struct arguments *a, char *arg)
{
	if (a->request) {
		if (a->nr_assignments == MAX_ASSIGNMENTS - 1)
			fail(EXIT_USAGE, "too many fields");
		a->assignments[a->nr_assignments++] = arg;
		return;
	}
	a->request = request_by_name(arg);
	if (!a->request)
		fail(EXIT_USAGE, "no request is called \"%s\"; see vhost-backend send --help",
		     arg);
}

static error_t parse_channel(int key, const char *arg, struct arguments *a)
{
	switch (key) {
	case 'c':
		a->channel = arg;
		return 0;
	case KEY_VRING_BASE:
		a->vring_base = option_number("vring-base", arg, 0, 32767);
		return 0;
	case KEY_VRINGS:
		a->vrings = option_number("vrings", arg, 0, 32768);
		return 0;
	case KEY_STD_SHMEM:
		a->std_shmem = true;
		return 0;
	case KEY_REPLY:
		a->reply = option_reply(arg);
		return 0;
	case KEY_REPLY_FILE:
		a->reply_file = arg;
		return 0;
	case 'j':
		a->json = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *a = state->input;

	switch (key) {
	case 'f':
		a->file = arg;
		return 0;
	case KEY_NO_FILE:
		a->no_file = true;
		return 0;
	case KEY_NO_REPLY:
		a->wish = REPLY_UNWANTED;
		return 0;
	case KEY_NEED_REPLY:
		a->wish = REPLY_WANTED;
		return 0;
	case KEY_ASYNC:
		a->async = true;
		return 0;
	case KEY_CONTEXT:
		a->context = parse_context(arg);
		return 0;
	case KEY_TIMEOUT:
		a->timeout_ms = option_number("timeout", arg, 1, UINT32_MAX);
		return 0;
	case ARGP_KEY_ARG:
		parse_argument(a, arg);
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_usage(state);
		return 0;
	default:
		return parse_channel(key, arg, a);
	}
}

static bool wants_reply(const struct arguments *a)
{
	if (a->wish != REPLY_AS_USUAL)
		return a->wish == REPLY_WANTED;
	return a->request->reply != REPLY_NOTIFICATION;
}

static int file_to_attach(const struct arguments *a)
{
	if (a->file)
		return open_file(a->file);
	if (a->request->file == FILE_ALWAYS && !a->no_file)
		return VHOST_BACKEND_TEST_OWN_FILE;
	return -1;
}

static void build(struct arguments *a, void *payload)
{
	char error[128];

	if (a->request->without_file && !a->file) {
		/* First, since the user's assignments may override it. */
		memmove(a->assignments + 1, a->assignments,
			a->nr_assignments * sizeof(a->assignments[0]));
		a->assignments[0] = (char *)a->request->without_file;
		a->nr_assignments++;
	}
	if (request_build(a->request, payload, a->assignments, a->nr_assignments,
			  error, sizeof(error)))
		fail(EXIT_USAGE, "%s", error);
}

/* Our own channel's frontend runs beside the worker, which may wait for it. */
struct answerer {
	struct frontend fe;
	pthread_t thread;
	int stop;
};

static void *answer(void *argument)
{
	struct answerer *answerer = argument;
	struct pollfd p[2] = {
		{ .fd = answerer->fe.channel, .events = POLLIN },
		{ .fd = answerer->stop, .events = POLLIN },
	};

	do {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			fail(EXIT_FAILED, "poll: %s", strerror(errno));
		while (frontend_take(&answerer->fe))
			;
	} while (!p[1].revents);
	return NULL;
}

static void start_answerer(struct answerer *answerer, const struct arguments *a,
			   int channel)
{
	frontend_init(&answerer->fe, channel);
	answerer->fe.json = a->json;
	answerer->fe.reply = a->reply;
	if (a->reply_file)
		answerer->fe.reply_file = open_file(a->reply_file);
	answerer->stop = eventfd(0, EFD_CLOEXEC);
	if (answerer->stop < 0 ||
	    pthread_create(&answerer->thread, NULL, answer, answerer))
		fail(EXIT_FAILED, "a thread to answer: %s", strerror(errno));
}

static void stop_answerer(struct answerer *answerer)
{
	eventfd_write(answerer->stop, 1);
	pthread_join(answerer->thread, NULL);
}

/* Has the request sent, and waits for its end. */
static struct vhost_backend_test_result transact(int worker,
						 struct vhost_backend_test_send *send)
{
	struct vhost_backend_test_result result = { .fd = -1 };
	int err = try_ioctl(worker, VHOST_BACKEND_TEST_SEND, send);

	if (err)
		fail(EXIT_FAILED, "send: %s", strerror(-err));
	result.error = send->error;
	result.value = send->value;
	result.fd = send->result_fd;
	if (!send->cookie || send->error)
		return result;
	err = worker_result(worker, send->cookie, send->timeout_ms ?
			    send->timeout_ms + 5000 : DEFAULT_WAIT_MS, &result);
	if (err)
		fail(EXIT_FAILED, "waiting for the end of the request: %s",
		     strerror(-err));
	return result;
}

static void print_result(const struct vhost_backend_test_result *result,
			 bool replied, bool json)
{
	char path[256];
	long long bytes = 0;

	if (result->fd >= 0)
		bytes = file_describe(result->fd, path, sizeof(path));
	if (json) {
		printf("{\"result\":{\"error\":%d,\"value\":%llu", result->error,
		       (unsigned long long)result->value);
		if (result->fd >= 0) {
			fputs(",\"file\":{\"path\":", stdout);
			json_string(stdout, path);
			printf(",\"bytes\":%lld}", bytes);
		}
		puts("}}");
		return;
	}
	printf("worker: %d (%s)", result->error,
	       result->error ? strerror(-result->error) :
	       replied ? "success" : "sent");
	if (result->value)
		printf(", value %llu", (unsigned long long)result->value);
	if (result->fd >= 0)
		printf(", file %s (%lld bytes)", path, bytes);
	putchar('\n');
}

static char *help_filter(int key, const char *text, void *input)
{
	(void)input;
	if (key == ARGP_KEY_HELP_POST_DOC)
		return requests_help("Requests and their fields:");
	return (char *)text;
}

int send_main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options, .parser = parse,
		.args_doc = "REQUEST [FIELD=VALUE...]",
		.doc = "Has the test worker send one request, and prints the worker's result.\n"
		       "REQUEST is a name listed below, a name of the specification, or a number.\v ",
		.help_filter = help_filter,
	};
	struct vhost_backend_test_result result;
	struct vhost_backend_test_send send = {};
	struct arguments a = { .vrings = UINT32_MAX };
	struct vhost_backend_setup setup = {
		.requests = VHOST_BACKEND_REQUESTS_ALL |
			    VHOST_BACKEND_REQUESTS_SHARED_OBJECT,
	};
	struct answerer answerer;
	uint8_t payload[256];
	int channel, worker;

	argp_parse(&argp, argc, argv, 0, NULL, &a);
	build(&a, payload);
	if (a.std_shmem)
		setup.flags = VHOST_BACKEND_SETUP_STD_SHMEM;
	channel = a.channel ? open_spec(a.channel) : open_channel(&setup);
	if (a.vrings == UINT32_MAX)
		a.vrings = a.channel ? 0 : setup.nr_vrings - a.vring_base;
	worker = open_worker(channel, "vhost-backend-send", a.vring_base, a.vrings);
	send.request = a.request->number;
	send.size = a.request->size;
	send.payload = (uintptr_t)payload;
	send.fd = file_to_attach(&a);
	send.context = a.context;
	send.timeout_ms = a.timeout_ms;
	if (wants_reply(&a))
		send.flags |= VHOST_BACKEND_TEST_REPLY;
	if (a.async)
		send.flags |= VHOST_BACKEND_TEST_ASYNC;
	if (!a.channel)
		start_answerer(&answerer, &a, channel);
	result = transact(worker, &send);
	if (!a.channel)
		stop_answerer(&answerer);
	print_result(&result, wants_reply(&a), a.json);
	return result.error ? EXIT_REFUSED : EXIT_OK;
}
