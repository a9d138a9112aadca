// SPDX-License-Identifier: GPL-2.0-only
/* The frontend's end of a channel: reads, prints, answers. */
#include <time.h>

#include "tool.h"

#define BATCH	65536

/* Answers gathered while the messages of one read are printed. */
struct answers {
	struct vhost_backend_reply replies[BATCH / sizeof(struct vhost_backend_msg)];
	size_t count;
};

void frontend_init(struct frontend *fe, int channel)
{
	memset(fe, 0, sizeof(*fe));
	fe->channel = channel;
	fe->reply_file = -1;
	fe->per_request = calloc(nr_requests + 1, sizeof(*fe->per_request));
	if (!fe->per_request)
		fail(EXIT_FAILED, "no memory");
	clock_gettime(CLOCK_MONOTONIC, &fe->start);
}

double frontend_seconds(const struct frontend *fe)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - fe->start.tv_sec +
	       (now.tv_nsec - fe->start.tv_nsec) / 1e9;
}

bool frontend_finished(const struct frontend *fe)
{
	return fe->count && fe->messages >= fe->count;
}

static void print(const struct frontend *fe, const struct message *message)
{
	if (fe->json) {
		printf("{\"time\":%.6f,", frontend_seconds(fe));
		message_print_json(stdout, message);
		puts("}");
	} else {
		printf("%12.6f ", frontend_seconds(fe));
		message_print(stdout, message);
		putchar('\n');
	}
}

/* A reply is refused if the worker gave up, or was shut down, meanwhile. */
static void answer(struct frontend *fe, const struct answers *answers)
{
	size_t done = 0;

	while (done < answers->count) {
		ssize_t n = write(fe->channel, answers->replies + done,
				  (answers->count - done) * sizeof(answers->replies[0]));

		if (n > 0) {
			done += n / sizeof(answers->replies[0]);
		} else if (errno == ENOENT) {
			fe->late_replies++;
			done++;
		} else {
			fail(EXIT_FAILED, "reply: %s", strerror(errno));
		}
	}
}

static void handle(struct frontend *fe, const struct message *message,
		   struct answers *answers)
{
	const struct vhost_backend_msg *msg = &message->msg;
	const struct request *request = request_by_number(msg->request);

	fe->messages++;
	fe->bytes += message_bytes(msg);
	fe->per_request[request ? (size_t)(request - requests) : nr_requests]++;
	if (!fe->quiet)
		print(fe, message);
	if (msg->flags & VHOST_BACKEND_MSG_NEED_REPLY) {
		struct vhost_backend_reply *reply =
			&answers->replies[answers->count++];

		*reply = reply_to(msg, fe->reply);
		if (msg->request == VHOST_BACKEND_SHARED_OBJECT_LOOKUP && !fe->reply)
			reply->msg.fd = fe->reply_file;
	}
	if (msg->fd >= 0)
		close(msg->fd);
}

/* With --count, reads one message at a time, so as to take no more; else as many as fit. */
static ssize_t take(const struct frontend *fe, void *buffer)
{
	ssize_t n;

	if (fe->count)
		return channel_read(fe->channel, buffer);
	n = read(fe->channel, buffer, BATCH);
	return n < 0 ? -errno : n;
}

/* The message at @from, where there are @left bytes. */
static void take_message(struct message *message, const void *from, size_t left)
{
	size_t bytes = sizeof(message->msg);

	if (left >= bytes) {
		memcpy(&message->msg, from, bytes);
		bytes = message_bytes(&message->msg);
	}
	if (bytes > left || message->msg.size > sizeof(message->bytes))
		fail(EXIT_FAILED, "read: %zu bytes that are not a message", left);
	memcpy(message, from, bytes);
}

bool frontend_take(struct frontend *fe)
{
	static uint64_t buffer[BATCH / sizeof(uint64_t)];
	static struct answers answers;
	size_t at = 0;
	ssize_t n;

	if (frontend_finished(fe))
		return false;
	n = take(fe, buffer);
	if (n == -EAGAIN || n == -EINTR)
		return false;
	if (n < 0)
		fail(EXIT_FAILED, "read: %s", strerror(-n));
	answers.count = 0;
	while (at < (size_t)n) {
		struct message message;

		take_message(&message, (char *)buffer + at, n - at);
		handle(fe, &message, &answers);
		at += message_bytes(&message.msg);
	}
	answer(fe, &answers);
	fflush(stdout);
	return true;
}

static const char *row_name(size_t row)
{
	return row < nr_requests ? requests[row].name : "unknown";
}

void frontend_summary(FILE *out, const struct frontend *fe)
{
	double seconds = frontend_seconds(fe);

	fprintf(out, "%llu messages, %llu bytes in %.3f s: %.0f messages/s\n",
		(unsigned long long)fe->messages, (unsigned long long)fe->bytes,
		seconds, fe->messages / seconds);
	for (size_t i = 0; i <= nr_requests; i++)
		if (fe->per_request[i])
			fprintf(out, "%12llu %s\n",
				(unsigned long long)fe->per_request[i], row_name(i));
	if (fe->late_replies)
		fprintf(out, "%12llu replies came after the worker had given up\n",
			(unsigned long long)fe->late_replies);
}

void frontend_summary_json(FILE *out, const struct frontend *fe)
{
	const char *comma = "";

	fprintf(out, "\"seconds\":%.6f,\"messages\":%llu,\"bytes\":%llu,",
		frontend_seconds(fe), (unsigned long long)fe->messages,
		(unsigned long long)fe->bytes);
	fprintf(out, "\"late_replies\":%llu,\"requests\":{",
		(unsigned long long)fe->late_replies);
	for (size_t i = 0; i <= nr_requests; i++) {
		if (!fe->per_request[i])
			continue;
		fprintf(out, "%s\"%s\":%llu", comma, row_name(i),
			(unsigned long long)fe->per_request[i]);
		comma = ",";
	}
	fputc('}', out);
}
