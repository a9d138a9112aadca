/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel refuses in the worker's own call, and what it accepts.
 *
 * The functions return whether all is as it should be, and print what is not: a test
 * expects them to be true. WORKER_FIXTURE is the fixture of these tests.
 */
#ifndef VHOST_BACKEND_LIB_REFUSAL_H
#define VHOST_BACKEND_LIB_REFUSAL_H

#include <stdbool.h>

#include <linux/vhost_backend_test.h>

#include "ends.h"
#include "request.h"

/* @send fails with -@error and leaves no trace but in the statistics. */
bool is_refused_once(int channel, int worker, struct vhost_backend_test_send send, int error,
		     const char *what);

/* The same, with a reply, and without one where a worker may send the request so. */
bool is_refused(struct ends *ends, struct vhost_backend_test_send send,
		enum reply_policy reply, int error, const char *what);

/* @send is queued, is delivered unchanged, and can be answered. */
bool is_accepted(struct ends *ends, struct vhost_backend_test_send send, const char *what);

/* A fixture for TEST_F(worker, ...): a worker that sends from each of the contexts */
#define WORKER_FIXTURE							\
FIXTURE(worker) {							\
	struct ends ends;						\
};									\
FIXTURE_VARIANT(worker) {						\
	unsigned int context;						\
};									\
FIXTURE_VARIANT_ADD(worker, process) {					\
	.context = VHOST_BACKEND_TEST_PROCESS,				\
};									\
FIXTURE_VARIANT_ADD(worker, softirq) {					\
	.context = VHOST_BACKEND_TEST_SOFTIRQ,				\
};									\
FIXTURE_VARIANT_ADD(worker, hardirq) {					\
	.context = VHOST_BACKEND_TEST_HARDIRQ,				\
};									\
FIXTURE_SETUP(worker)							\
{									\
	ASSERT_EQ(0, ends_open(&self->ends, O_NONBLOCK,			\
			       (struct vhost_backend_setup){}));	\
	self->ends.context = variant->context;				\
}									\
FIXTURE_TEARDOWN(worker)						\
{									\
	ends_close(&self->ends);					\
}									\
struct ends

#endif /* VHOST_BACKEND_LIB_REFUSAL_H */
