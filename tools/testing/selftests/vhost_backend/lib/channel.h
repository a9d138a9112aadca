/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A channel, as its frontend has it.
 *
 * channel_open() opens one and does SETUP with the defaults, channel_open_with() with a
 * setup of the test's choice. A worker is attached to it with worker_attach(); pair.h and
 * ends.h open both at once. channel_read() reads one message, await_message() waits for it
 * first, channel_reply() answers it, channel_bind() binds an eventfd or a device.
 *
 * Functions return 0, or what the system call returns, and -errno on failure.
 */
#ifndef VHOST_BACKEND_LIB_CHANNEL_H
#define VHOST_BACKEND_LIB_CHANNEL_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <linux/vhost_backend.h>

#include "message.h"

#define CHANNEL_PATH	"/dev/vhost-backend"

/* Returns what ioctl() does, or -errno: errno itself is too easily overwritten. */
long try_ioctl(int fd, unsigned long request, void *arg);

/* Like read() and write(), but return -errno on failure. */
ssize_t try_read(int fd, void *buffer, size_t bytes);
ssize_t try_write(int fd, const void *buffer, size_t bytes);

/* SETUP; a test that leaves out the requests gets all of them. */
int channel_setup(int fd, struct vhost_backend_setup setup);

/* Opens a channel and does SETUP. Returns its descriptor, or a negative errno. */
int channel_open_with(int flags, struct vhost_backend_setup setup);

/* The same, with the defaults. @flags are O_NONBLOCK or 0. */
int channel_open(int flags);

/* Binds an eventfd or a device, or unbinds it if @fd is -1. Returns 0 or -errno. */
int channel_bind(int channel, uint32_t source, uint32_t index, int fd, uint32_t flags);

/* VHOST_BACKEND_GET_STATS. All figures are ~0 on failure. */
struct vhost_backend_stats channel_stats(int fd);

/* Waits for anything but POLLOUT, which is always there. Returns all events. */
short channel_poll(int fd, int timeout_ms);

/* Whether there is something to read. */
bool channel_has_message(int channel);

/* Waits for a message. Returns whether one came in time. */
bool await_input(int channel, int timeout_ms);

/* Reads one message of any kind. Returns its bytes or -errno. */
ssize_t channel_read(int fd, struct message *message);

/* Answers a request. Returns the bytes that were taken, or -errno. */
ssize_t channel_reply(int fd, const struct vhost_backend_msg *msg, int64_t value);

/* Waits for a message that is certain to come, and reads it. Returns its bytes or -errno. */
ssize_t await_message(int channel, struct message *message);

/* Whether everything that was sent has been delivered, according to the statistics. */
bool channel_idle(int channel);

#endif /* VHOST_BACKEND_LIB_CHANNEL_H */
