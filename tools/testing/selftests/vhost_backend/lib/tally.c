// SPDX-License-Identifier: GPL-2.0-only
#include "tally.h"

#include <unistd.h>

#include "channel.h"

void tally_message(void *arg, const struct message *message)
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

unsigned long tally_notifications(struct tally *tally)
{
	return tally->calls + tally->errs + tally->configs;
}
