// SPDX-License-Identifier: GPL-2.0-only
#include "run.h"

#include <stdio.h>
#include <sys/ioctl.h>

#include "channel.h"
#include "wait.h"

int run_start(int worker, struct vhost_backend_test_run run)
{
	return try_ioctl(worker, VHOST_BACKEND_TEST_RUN, &run);
}

struct vhost_backend_test_run run_report(int worker)
{
	struct vhost_backend_test_run run = { .running = ~0U };

	if (ioctl(worker, VHOST_BACKEND_TEST_REPORT, &run))
		perror("VHOST_BACKEND_TEST_REPORT");
	return run;
}

static uint64_t run_total(const struct vhost_backend_test_run *run)
{
	return run->calls + run->errs + run->configs + run->sends + run->requests +
	       run->refused;
}

bool run_finish(int worker, struct vhost_backend_test_run *run)
{
	bool gets_on = true;

	for (*run = run_report(worker); gets_on && run->running; ) {
		uint64_t before = run_total(run);

		gets_on = wait_until((*run = run_report(worker), !run->running ||
				      run_total(run) != before));
	}
	if (!gets_on)
		return false;
	if (try_ioctl(worker, VHOST_BACKEND_TEST_STOP, NULL))
		return false;
	*run = run_report(worker);
	return true;
}
