/* SPDX-License-Identifier: GPL-2.0-only */
/* A channel with one worker that has all its vrings. */
#ifndef VHOST_BACKEND_LIB_PAIR_H
#define VHOST_BACKEND_LIB_PAIR_H

#include <linux/vhost_backend.h>

struct pair {
	int channel;
	int worker;
};

/* Returns 0 or a negative errno. */
int pair_open(struct pair *pair, int flags, struct vhost_backend_setup setup);

/* Closes both, if they are open. */
void pair_close(struct pair *pair);

#endif /* VHOST_BACKEND_LIB_PAIR_H */
