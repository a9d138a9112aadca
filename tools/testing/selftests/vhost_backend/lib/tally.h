/* SPDX-License-Identifier: GPL-2.0-only */
/* Counts the messages that readers see, by kind, and answers those that want a reply. */
#ifndef VHOST_BACKEND_LIB_TALLY_H
#define VHOST_BACKEND_LIB_TALLY_H

#include <stdatomic.h>
#include <stdint.h>

#include <linux/vhost_backend.h>

#include "message.h"

/* What was seen, by kind. If @channel is set, requests that want a reply get @value. */
struct tally {
	int channel;
	int64_t value;
	atomic_ulong calls, errs, configs;
	atomic_ulong sends;
	atomic_ulong requests;
	atomic_ulong replies_refused;
};

/* The callback for readers; @arg is the tally. */
void tally_message(void *arg, const struct message *message);

/* How many notifications there were */
unsigned long tally_notifications(struct tally *tally);

#endif /* VHOST_BACKEND_LIB_TALLY_H */
