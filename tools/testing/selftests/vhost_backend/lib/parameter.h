/* SPDX-License-Identifier: GPL-2.0-only */
/* Parameters of the module vhost_backend. */
#ifndef VHOST_BACKEND_LIB_PARAMETER_H
#define VHOST_BACKEND_LIB_PARAMETER_H

#include <stdbool.h>
#include <stddef.h>

#define PARAMETERS	"/sys/module/vhost_backend/parameters/"

struct parameter {
	const char *name;
	const char *value;	/* by default */
};

#define NR_PARAMETERS	6
extern const struct parameter parameters[NR_PARAMETERS];

/* Both return whether that was possible. What is read ends with a newline. */
bool parameter_get(const char *name, char *value, size_t size);
bool parameter_set(const char *name, const char *value);

#endif /* VHOST_BACKEND_LIB_PARAMETER_H */
