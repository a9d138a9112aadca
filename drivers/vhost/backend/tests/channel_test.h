/* SPDX-License-Identifier: GPL-2.0-only */
/* What the suites of a channel's parts share: a channel that no descriptor leads to. */
#ifndef VHOST_BACKEND_CHANNEL_TEST_H
#define VHOST_BACKEND_CHANNEL_TEST_H

#include <kunit/test.h>

#include "../backend.h"
#include "../channel.h"
#include "../clock.h"
#include "../queue.h"
#include "../room.h"
#include "../wake.h"

#define NR_SLOTS	256

struct channel_test {
	struct vhost_backend_ctl ctl;
	struct vhost_backend_channel channel;
};

int channel_test_init(struct kunit *test);
void channel_test_exit(struct kunit *test);

struct vhost_backend *new_backends(struct kunit *test, u32 nr,
				   const struct vhost_backend_ops *ops);

#endif /* VHOST_BACKEND_CHANNEL_TEST_H */
