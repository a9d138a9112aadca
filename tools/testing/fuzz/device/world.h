/* SPDX-License-Identifier: GPL-2.0-only */
/* What the calls of one program share: descriptors, mappings, messages read. */
#ifndef FUZZ_WORLD_H
#define FUZZ_WORLD_H

#include <inttypes.h>
#include <sys/eventfd.h>

#include <linux/vhost.h>

#include "lib/channel.h"
#include "lib/file.h"
#include "lib/memory.h"
#include "lib/message.h"
#include "lib/vhost_net.h"
#include "lib/worker.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define THREADS		3
#define SLOTS		4
#define RECENT		8

/* Kinds of descriptors; a slot holds one, or -1. Programs have their numbers. */
enum kind { CHANNEL, WORKER, EVENTFD, ANY_FILE, VHOST, EPOLL, SOCKET, SHMEM, URING, KINDS };

/* Where a struct lies that is handed to the kernel, from good to bad. */
enum address { GOOD, STRADDLES_HOLE, READ_ONLY, AT_NULL, IN_HOLE, IN_KERNEL, ADDRESSES };

struct mapping {
	void *memory;
	size_t bytes;
};

struct shmem;
struct uring;

struct world {
	int fd[KINDS][SLOTS];
	struct mapping mapping[SLOTS];
	pid_t process[SLOTS];
	struct vhost_net device[SLOTS];
	/* Once there, such a thing stays, since others may use it. */
	struct shmem *shmem[SLOTS];
	struct uring *uring[SLOTS];
	/* What was read and which asynchronous sends were made, the last of each */
	struct vhost_backend_msg message[RECENT];
	unsigned int messages;
	uint64_t cookie[RECENT];
	unsigned int cookies;
};

/* One thread of a program, with pages of its own to hand structs over in. */
struct thread {
	struct world *world;
	uint8_t *pages;
	bool fails;
};

void world_init(struct world *world);
bool thread_init(struct thread *thread, struct world *world);

int world_get(const struct world *world, enum kind kind, uint64_t slot);
int world_get_any(const struct world *world, uint64_t any);
void world_put(struct world *world, enum kind kind, uint64_t slot, int fd);
enum kind world_kind_of(uint64_t any);

void *thread_place(struct thread *thread, uint64_t place, const void *data, size_t bytes);
long thread_ioctl(struct thread *thread, int fd, unsigned long command, uint64_t place,
		  void *data, size_t bytes);

void world_saw(struct world *world, const void *messages, size_t bytes);
struct vhost_backend_msg world_message(const struct world *world, uint64_t which);

#endif /* FUZZ_WORLD_H */
