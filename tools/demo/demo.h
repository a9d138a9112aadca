/* SPDX-License-Identifier: GPL-2.0-only */
/* Functions that the parts of the demonstration share. */
#ifndef VHOST_BACKEND_DEMO_H
#define VHOST_BACKEND_DEMO_H

#include "decode.h"

/* Longer than anything here takes, unless something is broken */
#define DEMO_WAIT_MS	10000

/*
 * Counts a check, and prints what is wrong if @good is false. Every claim in the summary of
 * the demonstration was checked with this. Returns @good.
 */
__printf(2, 3) bool check(bool good, const char *format, ...);

/* The next message; @what names it in the complaint if none comes. */
bool receive(int channel, struct message *message, const char *what);

/* The parts. Each returns whether it could be shown at all. */
bool show_requests(void);
bool show_vhost_net(void);
bool show_vhost_shmem(void);
bool show_load(void);

#endif /* VHOST_BACKEND_DEMO_H */
