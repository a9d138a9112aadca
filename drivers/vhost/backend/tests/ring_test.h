/* SPDX-License-Identifier: GPL-2.0-only */
/* What the suites of the ring share: a ring, and messages whose content is known. */
#ifndef VHOST_BACKEND_RING_TEST_H
#define VHOST_BACKEND_RING_TEST_H

#include <kunit/test.h>

#include "../ring.h"

struct ring_test {
	struct vhost_backend_ctl ctl;
	struct vhost_backend_ring ring;
	void *data;
	u64 next_id;
};

#define HEADER		((u32)sizeof(struct vhost_backend_msg))
#define MOST		((u32)VHOST_BACKEND_MSG_MAX)

int ring_test_init(struct kunit *test);
void ring_test_resize(struct kunit *test, u32 bytes);
u64 ring_put(struct ring_test *t, u32 bytes);
u64 ring_must_put(struct kunit *test, u32 bytes);
void ring_fill(struct kunit *test, u32 bytes);
bool ring_is_intact(const struct vhost_backend_msg *msg, u64 id, u32 bytes);
const struct vhost_backend_msg *ring_oldest(struct ring_test *t, u64 limit);
void ring_must_pop(struct kunit *test, u64 id, u32 bytes);
void ring_must_be_empty(struct kunit *test);

#endif /* VHOST_BACKEND_RING_TEST_H */
