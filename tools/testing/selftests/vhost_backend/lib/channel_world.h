/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A channel with a test worker and a vhost-net device, for calls that fail on purpose: see
 * faults.h.
 */
#ifndef VHOST_BACKEND_LIB_CHANNEL_WORLD_H
#define VHOST_BACKEND_LIB_CHANNEL_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "message.h"
#include "vhost_net.h"

#define VRINGS		8
#define REPLIES		3

struct world {
	int channel;
	int worker;
	int file;
	int event;
	struct vhost_net net;
	/* What was read: messages, files, and requests that want a reply */
	unsigned int messages, files, requests;
	int received[REPLIES];
	struct message message[REPLIES];
	uint64_t cookie[REPLIES];
	unsigned int answered;
	int error;
};

/* Both return 0 or a negative errno. */
int channel_world_open(struct world *world);
int channel_world_close(struct world *world);

/* Three messages, of which the second has a file and wants a reply */
int prepare_messages(struct world *world);

/*
 * Notes a file that was received. It is looked at later, because a system call may be what
 * fails.
 */
void receive_file(struct world *world, int fd);

/*
 * Whether as many files were received as expected, and each is the one that was sent.
 * Closes them.
 */
bool has_received(struct world *world, unsigned int files);

/* A callback that counts messages, and notes files and requests. */
void count_message(void *arg, const struct message *message);

/*
 * Reads, and checks what was read. It is no error if a read returned fewer messages than
 * there were: the others are still there.
 */
bool is_read(struct world *world);

/* The same messages, delivered */
int prepare_delivered(struct world *world);

/* A request that can be answered with a file, delivered */
int prepare_lookup(struct world *world);

/* Answers it with a file. */
long call_reply_file(struct world *world);

/* Whether the first request was answered. */
bool is_answered(struct world *world);

#endif /* VHOST_BACKEND_LIB_CHANNEL_WORLD_H */
