// SPDX-License-Identifier: GPL-2.0-only
#include "skip.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* KSFT_SKIP of kselftest.h, which is not there where tools are built with this library */
#define SKIPPED	4

void skip_program(const char *why, const char *module)
{
	if (!getenv("KSFT_TAP_LEVEL"))
		printf("TAP version 13\n");
	printf("1..0 # SKIP %s%s%s\n", why, module ? ": modprobe " : "", module ?: "");
	exit(SKIPPED);
}

void skip_without(const char *device, const char *module)
{
	char why[128];

	if (!access(device, F_OK))
		return;
	snprintf(why, sizeof(why), "%s is missing", device);
	skip_program(why, module);
}
