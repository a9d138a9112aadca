/* SPDX-License-Identifier: GPL-2.0-only */
/* The test worker's own threads: run_start() starts them, run_finish() waits for them. */
#ifndef VHOST_BACKEND_LIB_RUN_H
#define VHOST_BACKEND_LIB_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/vhost_backend_test.h>

/* Starts threads of the test worker. */
int run_start(int worker, struct vhost_backend_test_run run);

/* What they have done so far. */
struct vhost_backend_test_run run_report(int worker);

/*
 * Waits for threads that were given a count, for as long as they make progress. Sets *@run
 * to what they have done. Returns false if they got stuck.
 */
bool run_finish(int worker, struct vhost_backend_test_run *run);

#endif /* VHOST_BACKEND_LIB_RUN_H */
