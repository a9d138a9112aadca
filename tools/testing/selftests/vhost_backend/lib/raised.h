/* SPDX-License-Identifier: GPL-2.0-only */
/* What a channel brings from a bound vhost device: notifications and IOTLB misses. */
#ifndef VHOST_BACKEND_LIB_RAISED_H
#define VHOST_BACKEND_LIB_RAISED_H

#include <stdint.h>

#include <linux/vhost_backend.h>

#define MISSES_MAX	64

struct miss {
	struct vhost_backend_msg msg;
	struct vhost_backend_iotlb iotlb;
};

/* What the channel brought: a bit for each vring, and the misses in their order */
struct raised {
	uint64_t calls;
	uint64_t errs;
	unsigned int others;
	unsigned int nr_misses;
	struct miss misses[MISSES_MAX];
};

/* Waits for something, then reads all that is there. Returns 0 or -errno. */
int take_raised(int channel, struct raised *raised, int timeout_ms);

#endif /* VHOST_BACKEND_LIB_RAISED_H */
