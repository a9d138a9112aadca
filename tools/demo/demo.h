/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of the demonstration share. */
#ifndef VHOST_BACKEND_DEMO_H
#define VHOST_BACKEND_DEMO_H

#include "decode.h"

/* Nothing here takes so long, unless something is broken. */
#define DEMO_WAIT_MS	10000

/*
 * Counts @good, and says what is wrong unless it is. What the demonstration
 * claims in its summary has gone through here. Returns @good.
 */
__printf(2, 3) bool check(bool good, const char *format, ...);

/* The next message; @what is for the complaint if none comes. */
bool receive(int channel, struct message *message, const char *what);

/* The parts. Each returns whether it could be shown at all. */
bool show_requests(void);
bool show_vhost_net(void);
bool show_vhost_shmem(void);
bool show_load(void);

#endif /* VHOST_BACKEND_DEMO_H */
