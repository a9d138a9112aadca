/* SPDX-License-Identifier: GPL-2.0-only */
/* What processes hold of the machine: kernel threads, and references to modules. */
#ifndef VHOST_BACKEND_LIB_HELD_H
#define VHOST_BACKEND_LIB_HELD_H

#include <stdbool.h>

/* How many modules are looked at */
#define HELD_MODULES	3

/* What a VMM holds */
struct held {
	long references[HELD_MODULES];
	long threads;
};

/* What is held now */
struct held what_is_held(void);

/* Whether no more is held than @before. */
bool holds_no_more(const struct held *before);

#endif /* VHOST_BACKEND_LIB_HELD_H */
