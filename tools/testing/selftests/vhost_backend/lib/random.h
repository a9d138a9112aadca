/* SPDX-License-Identifier: GPL-2.0-only */
/* Random choices. A run with the same VHOST_BACKEND_SEED makes the same ones. */
#ifndef VHOST_BACKEND_LIB_RANDOM_H
#define VHOST_BACKEND_LIB_RANDOM_H

#include <stdint.h>

/* The seed that VHOST_BACKEND_SEED gives, or a new one; it is printed either way. */
uint64_t new_seed(const char *test);

/* splitmix64 */
uint32_t next_random(uint64_t *state);

/* A pause of random length, often none, so that threads meet at every point of what they do. */
void pace(uint64_t *state);

#endif /* VHOST_BACKEND_LIB_RANDOM_H */
