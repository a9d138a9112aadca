/* SPDX-License-Identifier: GPL-2.0-only */
/* Readers of a channel, as threads too, and whether they missed anything. */
#ifndef VHOST_BACKEND_READER_H
#define VHOST_BACKEND_READER_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include "interleave.h"

typedef void (*message_fn)(void *arg, const struct message *message);

/* Hands each of @bytes of whole messages to @fn; their number or -EPROTO. */
static inline int each_message(const void *buffer, size_t bytes, message_fn fn,
			       void *arg)
{
	struct message message;
	size_t at = 0;
	int count = 0;

	for (; at < bytes; count++) {
		if (bytes - at < sizeof(message.msg))
			return -EPROTO;
		memcpy(&message.msg, (const char *)buffer + at, sizeof(message.msg));
		if (message.msg.size > sizeof(message.bytes) ||
		    message_bytes(&message.msg) > bytes - at)
			return -EPROTO;
		memcpy(&message, (const char *)buffer + at,
		       message_bytes(&message.msg));
		fn(arg, &message);
		at += message_bytes(&message.msg);
	}
	return count;
}

#define READ_MAX	16384

/* One read of at most @bytes; how many messages, or -errno. */
static inline int read_messages(int channel, size_t bytes, int rwf,
				message_fn fn, void *arg)
{
	uint64_t buffer[READ_MAX / sizeof(uint64_t)];
	struct iovec iov = { .iov_base = buffer, .iov_len = bytes };
	ssize_t n = preadv2(channel, &iov, 1, -1, rwf);

	return n < 0 ? -errno : each_message(buffer, n, fn, arg);
}

/* Reads all that is there; how many messages, or -errno. */
static inline int drain(int channel, size_t bytes, message_fn fn, void *arg)
{
	int count = 0;
	int n;

	do {
		n = read_messages(channel, bytes, RWF_NOWAIT, fn, arg);
		count += n > 0 ? n : 0;
	} while (n > 0);
	return n == -EAGAIN ? count : n;
}

/* A reader's callback that drops attached files, for the others to end with. */
static inline void ignore_message(void *arg, const struct message *message)
{
	(void)arg;
	if (message->msg.fd >= 0)
		close(message->msg.fd);
}

/* What was seen, by kind; with @channel, what wants a reply gets @value. */
struct tally {
	int channel;
	int64_t value;
	atomic_ulong calls, errs, configs;
	atomic_ulong sends;
	atomic_ulong requests;
	atomic_ulong replies_refused;
};

static inline void tally_message(void *arg, const struct message *message)
{
	const struct vhost_backend_msg *msg = &message->msg;
	struct tally *tally = arg;

	if (msg->flags & VHOST_BACKEND_MSG_NEED_REPLY) {
		atomic_fetch_add(&tally->requests, 1);
		if (tally->channel > 0 &&
		    channel_reply(tally->channel, msg, tally->value) !=
		    sizeof(struct vhost_backend_reply))
			atomic_fetch_add(&tally->replies_refused, 1);
	} else if (msg->request == VHOST_BACKEND_VRING_CALL) {
		atomic_fetch_add(&tally->calls, 1);
	} else if (msg->request == VHOST_BACKEND_VRING_ERR) {
		atomic_fetch_add(&tally->errs, 1);
	} else if (msg->request == VHOST_BACKEND_CONFIG_CHANGE_MSG) {
		atomic_fetch_add(&tally->configs, 1);
	} else {
		atomic_fetch_add(&tally->sends, 1);
	}
	ignore_message(NULL, message);
}

static inline unsigned long tally_notifications(struct tally *tally)
{
	return tally->calls + tally->errs + tally->configs;
}

/* Whether all that was sent has been delivered, by the channel's own account. */
static inline bool channel_idle(int channel)
{
	struct vhost_backend_stats stats = channel_stats(channel);

	return stats.requests_queued ==
	       stats.requests_delivered + stats.requests_withdrawn &&
	       stats.notifications_raised ==
	       stats.notifications_merged + stats.notifications_delivered;
}

/*
 * Numbers of the messages without reply that were seen of @workers runs, all of
 * whose threads count from 1. A number is seen at most once of each run, and
 * with @ordered, one reader, never before the one that precedes it.
 */
#define SEQUENCE_SENDERS	64
#define SEQUENCE_NUMBERS	16384

struct sequences {
	unsigned int workers;
	bool ordered;
	atomic_ulong seen;
	atomic_ulong wrong;
	atomic_uchar count[SEQUENCE_SENDERS][SEQUENCE_NUMBERS];
};

static inline void sequences_message(struct sequences *sequences,
				     const struct message *message)
{
	uint64_t sender = message->iotlb.iova;
	uint64_t number = message->iotlb.uaddr;
	unsigned int before;

	if (message->msg.request != VHOST_BACKEND_IOTLB_MSG)
		return;
	atomic_fetch_add(&sequences->seen, 1);
	if (sender >= SEQUENCE_SENDERS || !number || number >= SEQUENCE_NUMBERS) {
		atomic_fetch_add(&sequences->wrong, 1);
		return;
	}
	before = atomic_fetch_add(&sequences->count[sender][number], 1);
	if (before >= sequences->workers)
		atomic_fetch_add(&sequences->wrong, 1);
	else if (sequences->ordered && number > 1 &&
		 before >= sequences->count[sender][number - 1])
		atomic_fetch_add(&sequences->wrong, 1);
}

/* At the end: where a number is missing, a later one was seen more often. */
static inline unsigned long sequences_wrong(struct sequences *sequences)
{
	unsigned long wrong = sequences->wrong;

	for (unsigned int s = 0; s < SEQUENCE_SENDERS; s++)
		for (unsigned int n = 2; n < SEQUENCE_NUMBERS; n++)
			wrong += sequences->count[s][n] > sequences->count[s][n - 1];
	return wrong;
}

/* Readers as threads */

enum reader_how {
	READER_BLOCKING,	/* sleeps in read */
	READER_POLL,
	READER_SELECT,
	READER_LEVEL,		/* epoll */
	READER_EXCLUSIVE,	/* epoll, EPOLLEXCLUSIVE */
	READER_EDGE,		/* epoll, reads until EAGAIN */
	READER_HOWS,
	READER_BUSY = READER_HOWS,	/* never sleeps */
};

/* None has a time-out: what does not wake it leaves it asleep. */
struct reader {
	pthread_t thread;
	int channel;
	enum reader_how how;
	size_t bytes;
	message_fn fn;
	void *arg;
	pthread_mutex_t *one_at_a_time;
	atomic_bool stop;
	atomic_bool stopped;
	int error;
};

static inline int reader_epoll(const struct reader *reader)
{
	struct epoll_event event = { .events = EPOLLIN };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (reader->how == READER_EDGE)
		event.events |= EPOLLET;
	if (reader->how == READER_EXCLUSIVE)
		event.events |= EPOLLEXCLUSIVE;
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, reader->channel, &event))
		perror("EPOLL_CTL_ADD");
	return epoll;
}

static inline void reader_sleep(const struct reader *reader, int epoll)
{
	struct pollfd p = { .fd = reader->channel, .events = POLLIN };
	struct epoll_event event;
	fd_set set;

	switch (reader->how) {
	case READER_BLOCKING:
	case READER_BUSY:
		break;
	case READER_POLL:
		poll(&p, 1, -1);
		break;
	case READER_SELECT:
		FD_ZERO(&set);
		FD_SET(reader->channel, &set);
		select(reader->channel + 1, &set, NULL, NULL, NULL);
		break;
	default:
		epoll_wait(epoll, &event, 1, -1);
		break;
	}
}

static inline int reader_read(struct reader *reader)
{
	int n;

	if (reader->one_at_a_time)
		pthread_mutex_lock(reader->one_at_a_time);
	n = read_messages(reader->channel, reader->bytes,
			  reader->how == READER_BLOCKING ? 0 : RWF_NOWAIT,
			  reader->fn, reader->arg);
	if (reader->one_at_a_time)
		pthread_mutex_unlock(reader->one_at_a_time);
	return n;
}

static inline void *reader_run(void *arg)
{
	struct reader *reader = arg;
	int epoll = -1;
	int n;

	if (reader->how >= READER_LEVEL && reader->how <= READER_EDGE)
		epoll = reader_epoll(reader);
	while (!atomic_load(&reader->stop) && !reader->error) {
		reader_sleep(reader, epoll);
		do {
			n = reader_read(reader);
		} while (n > 0 && reader->how == READER_EDGE);
		if (n < 0 && n != -EAGAIN && n != -EINTR)
			reader->error = n;
	}
	if (epoll >= 0)
		close(epoll);
	atomic_store(&reader->stopped, true);
	return NULL;
}

static inline void interrupt(int signal)
{
	(void)signal;
}

static inline int reader_start(struct reader *reader)
{
	struct sigaction action = { .sa_handler = interrupt };

	sigaction(SIGUSR1, &action, NULL);
	return pthread_create(&reader->thread, NULL, reader_run, reader);
}

/* The first error of its reads, other than EAGAIN and EINTR; 0: none. */
static inline int reader_stop(struct reader *reader)
{
	atomic_store(&reader->stop, true);
	while (!atomic_load(&reader->stopped)) {
		pthread_kill(reader->thread, SIGUSR1);
		usleep(1000);
	}
	pthread_join(reader->thread, NULL);
	return reader->error;
}

static inline int readers_stop(struct reader *readers, unsigned int count)
{
	int error = 0;

	for (unsigned int n = 0; n < count; n++)
		error = reader_stop(&readers[n]) ?: error;
	return error;
}

#endif /* VHOST_BACKEND_READER_H */
