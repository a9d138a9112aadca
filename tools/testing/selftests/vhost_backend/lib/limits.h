/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Limits of a user, as the administrator sets them, and users that they apply to.
 *
 * limits_begin() notes the module's parameters and makes device nodes that every user can
 * open; limits_end() puts the parameters back. parameter_set() changes one.
 */
#ifndef VHOST_BACKEND_LIB_LIMITS_H
#define VHOST_BACKEND_LIB_LIMITS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "parameter.h"

/* Nodes that every user can open */
#define CHANNEL		"/tmp/channel"
#define DEVICE		"/tmp/device"
#define MIB		1048576L

/* Users that nothing else in the guest runs as */
#define ONE		54321
#define OTHER		54322

/* The administrator's values, which are put back however the test ends */
struct values {
	char before[NR_PARAMETERS][32];
};

/* Notes the parameters, and makes nodes that every user can open, in a /tmp of our own. */
bool limits_begin(struct values *values);

/* Puts the parameters back. */
bool limits_end(const struct values *values);

/* In a child: becomes @user, without capabilities, and can become another user later. */
void become(uid_t user);

/* In a child: opens channels, without SETUP. */
void open_channels(int *channels, unsigned int count);

/* SETUP, with a ring of that size or the default one */
int set_up_large(int channel, uint32_t ring_bytes);
int set_up(int channel);

/* Whether SETUP was not done yet. */
bool is_new(int channel);

#endif /* VHOST_BACKEND_LIB_LIMITS_H */
