/* SPDX-License-Identifier: GPL-2.0-only */
/* What the suites of the notifications share: a channel's, and its reader. */
#ifndef VHOST_BACKEND_NOTIFY_TEST_H
#define VHOST_BACKEND_NOTIFY_TEST_H

#include <kunit/test.h>

#include "../notify.h"

#define NR_VRINGS	32768
#define WORDS		VHOST_BACKEND_BITS_WORDS(NR_VRINGS)

struct notify_test {
	struct vhost_backend_ctl ctl;
	struct vhost_backend_notify notify;
	struct vhost_backend_batch batch;
};

int notify_test_init(struct kunit *test);
bool notify_is_clear(const struct vhost_backend_bits *bits);
void notify_must_be_clear(struct kunit *test);
enum vhost_backend_raised notify_raise(struct notify_test *t, u32 request, u32 vring);
void notify_take(struct notify_test *t);
void notify_must_deliver(struct kunit *test, u32 request, u32 vring);

#endif /* VHOST_BACKEND_NOTIFY_TEST_H */
