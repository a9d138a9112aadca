/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A channel whose control area and ring are mapped, and its one consumer.
 *
 * mapped_open() opens one. mapped_peek() gives the next record, mapped_next() goes past it,
 * mapped_consume() lets the kernel use its room again; mapped_room() answers a sender that
 * waits. mapped_take() takes the notifications that are pending. mapped_sleep() makes ready
 * to sleep, and says whether there is nothing to do.
 */
#ifndef VHOST_BACKEND_LIB_MAPPED_H
#define VHOST_BACKEND_LIB_MAPPED_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/vhost_backend.h>

struct mapped {
	int channel;
	struct vhost_backend_setup setup;
	struct vhost_backend_ctl *ctl;
	const char *ring;
	uint64_t position;	/* of the next record; the kernel knows ctl->consumer */
};

/* Notifications that were taken. */
struct taken {
	bool config;
	uint64_t calls, errs;		/* how many vrings */
};

/* Opens a channel with VHOST_BACKEND_SETUP_MMAP and maps it. Returns 0 or -errno. */
int mapped_open(struct mapped *mapped, int flags, struct vhost_backend_setup setup);
void mapped_close(struct mapped *mapped);

/* The next record, or NULL if there is none. It stays as it is until it is consumed. */
const struct vhost_backend_msg *mapped_peek(struct mapped *mapped);
void mapped_next(struct mapped *mapped);
void mapped_consume(struct mapped *mapped);

/* Calls VHOST_BACKEND_ROOM if a sender wants room. Returns whether one did. */
bool mapped_room(struct mapped *mapped);

/* Takes what is pending; calls @heard for each vring. */
struct taken mapped_take(struct mapped *mapped,
			 void (*heard)(void *context, uint32_t request, uint32_t vring),
			 void *context);

/* Clears the doorbell and looks once more. Returns whether there is nothing to do. */
bool mapped_sleep(struct mapped *mapped);

/* mmap(). Returns the address, or -errno; in 32 bits an address would look negative. */
int64_t mapped_try(int channel, size_t bytes, int protection, int flags, off_t offset);

#endif /* VHOST_BACKEND_LIB_MAPPED_H */
