// SPDX-License-Identifier: GPL-2.0-only
#include "message.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

size_t message_bytes(const struct vhost_backend_msg *msg)
{
	return (sizeof(*msg) + msg->size + 7) & ~(size_t)7;
}

struct vhost_backend_reply reply_to(const struct vhost_backend_msg *msg, int64_t value)
{
	return (struct vhost_backend_reply){
		.msg = {
			.request = msg->request,
			.flags = VHOST_BACKEND_MSG_VERSION | VHOST_BACKEND_MSG_REPLY,
			.size = 8,
			.fd = VHOST_BACKEND_FD_NONE,
			.id = msg->id,
		},
		.value = value,
	};
}

int each_message(const void *buffer, size_t bytes, message_fn fn, void *arg)
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

void ignore_message(void *arg, const struct message *message)
{
	(void)arg;
	if (message->msg.fd >= 0)
		close(message->msg.fd);
}
