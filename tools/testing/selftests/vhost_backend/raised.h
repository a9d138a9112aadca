/* SPDX-License-Identifier: GPL-2.0-only */
/* What a channel brings of a bound vhost device: notifications and misses. */
#ifndef VHOST_BACKEND_RAISED_H
#define VHOST_BACKEND_RAISED_H

#include "skip.h"
#include "vhost_net.h"

/* Nothing here takes so long, unless something was lost. */
#define PATIENCE_MS	20000
#define MISSES_MAX	64

struct miss {
	struct vhost_backend_msg msg;
	struct vhost_backend_iotlb iotlb;
};

/* What the channel brought: one bit a vring, and the misses in their order. */
struct raised {
	uint64_t calls;
	uint64_t errs;
	unsigned int others;
	unsigned int nr_misses;
	struct miss misses[MISSES_MAX];
};

static inline void raised_add(struct raised *raised, const struct message *message)
{
	if (message->msg.request == VHOST_BACKEND_VRING_CALL)
		raised->calls |= 1ULL << message->state.index;
	else if (message->msg.request == VHOST_BACKEND_VRING_ERR)
		raised->errs |= 1ULL << message->state.index;
	else if (message->msg.request == VHOST_BACKEND_IOTLB_MSG &&
		 raised->nr_misses < MISSES_MAX)
		memcpy(&raised->misses[raised->nr_misses++], message,
		       sizeof(struct miss));
	else
		raised->others++;
}

/* Waits for something, then takes all that is there. Returns 0 or -errno. */
static inline int take_raised(int channel, struct raised *raised, int timeout_ms)
{
	uint64_t buffer[64];

	memset(raised, 0, sizeof(*raised));
	if (!readable(channel, timeout_ms))
		return -ETIMEDOUT;
	for (;;) {
		ssize_t n = read(channel, buffer, sizeof(buffer));
		ssize_t at = 0;

		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		while (at < n) {
			const struct message *message = (void *)((char *)buffer + at);

			raised_add(raised, message);
			at += message_bytes(&message->msg);
		}
	}
}

#endif /* VHOST_BACKEND_RAISED_H */
