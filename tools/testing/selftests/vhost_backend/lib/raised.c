// SPDX-License-Identifier: GPL-2.0-only
#include "raised.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "message.h"
#include "wait.h"

static void raised_add(struct raised *raised, const struct message *message)
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

int take_raised(int channel, struct raised *raised, int timeout_ms)
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
