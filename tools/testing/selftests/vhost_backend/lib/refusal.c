// SPDX-License-Identifier: GPL-2.0-only
#include "refusal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "channel.h"
#include "message.h"
#include "worker.h"

/* What is looked at, and whether it was good so far */
struct verdict {
	uint32_t request;
	const char *what;
	bool good;
};

static void expect(struct verdict *verdict, const char *name, long long expected,
		   long long seen)
{
	if (seen == expected)
		return;
	fprintf(stderr, "# request %u, %s: %s is %lld, not %lld\n", verdict->request,
		verdict->what, name, seen, expected);
	verdict->good = false;
}

/* Reads messages that should not be there, so that one case only is blamed for them. */
static bool read_unexpected(int channel)
{
	struct message m;
	bool some = false;

	while (channel_read(channel, &m) > 0) {
		some = true;
		if (m.msg.fd >= 0)
			close(m.msg.fd);
	}
	return some;
}

bool is_refused_once(int channel, int worker, struct vhost_backend_test_send send, int error,
		     const char *what)
{
	struct verdict verdict = { .request = send.request, .what = what, .good = true };
	struct vhost_backend_stats before = channel_stats(channel), after;
	bool type = error == EOPNOTSUPP;

	expect(&verdict, "error", -error, worker_send(worker, &send));
	after = channel_stats(channel);
	expect(&verdict, "requests_queued", before.requests_queued, after.requests_queued);
	expect(&verdict, "notifications_raised", before.notifications_raised,
	       after.notifications_raised);
	expect(&verdict, "inflight", before.inflight, after.inflight);
	expect(&verdict, "refused_type", before.refused_type + type, after.refused_type);
	expect(&verdict, "refused_content", before.refused_content + !type,
	       after.refused_content);
	expect(&verdict, "a message", false, read_unexpected(channel));
	return verdict.good;
}

bool is_refused(struct ends *ends, struct vhost_backend_test_send send,
		enum reply_policy reply, int error, const char *what)
{
	bool good = true;

	if (reply != REPLY_ALWAYS)
		good = is_refused_once(ends->channel, ends->worker, send, error, what);
	send.flags = VHOST_BACKEND_TEST_REPLY | VHOST_BACKEND_TEST_ASYNC;
	return is_refused_once(ends->channel, ends->worker, send, error, what) && good;
}

/* Whether the message is the one that was sent. The worker's vrings have other numbers. */
static void expect_message(struct verdict *verdict, const struct vhost_backend_test_send *send,
			   struct message *m)
{
	expect(verdict, "the request", send->request, m->msg.request);
	if (kind_has_vring(find_kind(send->request)))
		m->state.index -= VRING_BASE;
	expect(verdict, "the difference of payloads", 0,
	       memcmp(m->bytes, (void *)(uintptr_t)send->payload, send->size));
}

bool is_accepted(struct ends *ends, struct vhost_backend_test_send send, const char *what)
{
	struct verdict verdict = { .request = send.request, .what = what, .good = true };
	struct vhost_backend_test_result result;
	struct transaction t;
	struct message m;

	expect(&verdict, "error", 0, transaction_start(&t, ends, send));
	if (!verdict.good)
		return false;
	expect(&verdict, "bytes", sizeof(m.msg) + send.size,
	       await_message(ends->channel, &m));
	if (!verdict.good)
		return false;
	expect_message(&verdict, &send, &m);
	if (m.msg.fd >= 0)
		close(m.msg.fd);
	expect(&verdict, "bytes of the reply", sizeof(struct vhost_backend_reply),
	       channel_reply(ends->channel, &m.msg, -EIO));
	expect(&verdict, "error of the wait", 0, transaction_end(&t, &result));
	expect(&verdict, "the reply's error", -EIO, result.error);
	return verdict.good;
}
