/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VHOST_BACKEND_SKIP_H
#define VHOST_BACKEND_SKIP_H

#include <unistd.h>

#include "../kselftest.h"

/*
 * For a constructor: with an older harness a test still runs when its fixture has
 * skipped it.
 */
static inline void skip_without(const char *device, const char *module)
{
	if (!access(device, F_OK))
		return;
	ksft_print_header();
	ksft_exit_skip("%s is missing: modprobe %s\n", device, module);
}

#endif /* VHOST_BACKEND_SKIP_H */
