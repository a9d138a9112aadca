/* SPDX-License-Identifier: GPL-2.0-only */
/* Checks that numbered messages arrive once each, and in order. */
#ifndef VHOST_BACKEND_LIB_SEQUENCES_H
#define VHOST_BACKEND_LIB_SEQUENCES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "message.h"

/*
 * Messages without a reply that were seen of @workers runs. The threads of each run count
 * from 1, so a number is seen once per run at most. If @ordered, because there is only one
 * reader, no number comes before its predecessor.
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

/* Takes note of a message. */
void sequences_message(struct sequences *sequences, const struct message *message);

/* At the end: the number of mistakes. If a number is missing, a later one was seen more often. */
unsigned long sequences_wrong(struct sequences *sequences);

#endif /* VHOST_BACKEND_LIB_SEQUENCES_H */
