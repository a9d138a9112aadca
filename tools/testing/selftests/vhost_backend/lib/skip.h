/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Test programs that need what a machine may not have.
 *
 * A program says so once, before its tests:
 *
 *	SKIP_WITHOUT_WORKER;
 *	SKIP_WITHOUT("/dev/vhost-net", vhost_net);
 *
 * If a device is missing, the program ends before its first test, as one that is skipped.
 */
#ifndef VHOST_BACKEND_LIB_SKIP_H
#define VHOST_BACKEND_LIB_SKIP_H

#include "channel.h"
#include "worker.h"

/*
 * Ends the program as one that is skipped. It prints why, and unless @module is NULL, which
 * module may help.
 */
void skip_program(const char *why, const char *module) __attribute__((noreturn));

void skip_without(const char *device, const char *module);

/*
 * A constructor, because in a fixture SKIP() is not enough: older harnesses run the test
 * all the same.
 */
#define SKIP_WITHOUT(device, module)					\
static void __attribute__((constructor)) skip_without_##module(void)	\
{									\
	skip_without(device, #module);					\
}									\
struct skip_without_##module

#define SKIP_WITHOUT_CHANNEL	SKIP_WITHOUT(CHANNEL_PATH, vhost_backend)
#define SKIP_WITHOUT_WORKER	SKIP_WITHOUT(WORKER_PATH, vhost_backend_test)

#endif /* VHOST_BACKEND_LIB_SKIP_H */
