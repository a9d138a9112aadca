// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the calls of one program share. Threads race for all of it on purpose:
 * a descriptor may be closed while another thread uses it.
 */
#include "world.h"

/* Of a thread: two pages to write, a hole, and one to read only. */
#define WRITABLE	(2 * PAGE)
#define HOLE		WRITABLE
#define READABLE	(3 * PAGE)
#define THREAD_BYTES	(4 * PAGE)

void world_init(struct world *world)
{
	memset(world, 0, sizeof(*world));
	memset(world->fd, 0xff, sizeof(world->fd));
}

bool thread_init(struct thread *thread, struct world *world)
{
	uint8_t *pages = mmap(NULL, THREAD_BYTES, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED)
		return false;
	thread->world = world;
	thread->pages = pages;
	return !mprotect(pages + HOLE, PAGE, PROT_NONE) &&
	       !mprotect(pages + READABLE, PAGE, PROT_READ);
}

int world_get(const struct world *world, enum kind kind, uint64_t slot)
{
	return __atomic_load_n(&world->fd[kind][slot % SLOTS], __ATOMIC_RELAXED);
}

enum kind world_kind_of(uint64_t any)
{
	return any / SLOTS % KINDS;
}

/* @any names kind and slot; a value beyond them all is that descriptor itself. */
int world_get_any(const struct world *world, uint64_t any)
{
	return any < KINDS * SLOTS ? world_get(world, world_kind_of(any), any) : (int)any;
}

void world_put(struct world *world, enum kind kind, uint64_t slot, int fd)
{
	int old = __atomic_exchange_n(&world->fd[kind][slot % SLOTS], fd, __ATOMIC_RELAXED);

	if (old >= 0)
		close(old);
}

/* Puts a struct where the kernel is to find it; only a good place is written to. */
void *thread_place(struct thread *thread, uint64_t place, const void *data, size_t bytes)
{
	uint8_t *pages = thread->pages, *at;

	switch (place % ADDRESSES) {
	case GOOD:
		memcpy(pages, data, bytes);
		return pages;
	case STRADDLES_HOLE:
		at = pages + HOLE - bytes / 2;
		memcpy(at, data, bytes / 2);
		return at;
	case READ_ONLY:
		at = pages + READABLE;
		if (!mprotect(at, PAGE, PROT_READ | PROT_WRITE)) {
			memcpy(at, data, bytes);
			mprotect(at, PAGE, PROT_READ);
		}
		return at;
	case AT_NULL:
		return NULL;
	case IN_HOLE:
		return pages + HOLE;
	default:
		return (void *)(uintptr_t)0xffff888000000000;
	}
}

/* What the kernel wrote is copied back from a good place. */
long thread_ioctl(struct thread *thread, int fd, unsigned long command, uint64_t place,
		  void *data, size_t bytes)
{
	void *at = thread_place(thread, place, data, bytes);
	long ret = ioctl(fd, command, at);

	if (place % ADDRESSES == GOOD)
		memcpy(data, at, bytes);
	return ret;
}

/* Remembers messages, for their replies, and puts their files into slots. */
void world_saw(struct world *world, const void *messages, size_t bytes)
{
	for (size_t at = 0; at + sizeof(struct vhost_backend_msg) <= bytes;) {
		const struct vhost_backend_msg *msg = messages + at;
		unsigned int n = __atomic_fetch_add(&world->messages, 1, __ATOMIC_RELAXED);

		world->message[n % RECENT] = *msg;
		if (msg->fd >= 0)
			world_put(world, ANY_FILE, n, msg->fd);
		at += message_bytes(msg);
	}
}

/* 0: the last that was read, 1: the one before. */
struct vhost_backend_msg world_message(const struct world *world, uint64_t which)
{
	unsigned int n = __atomic_load_n(&world->messages, __ATOMIC_RELAXED);

	return world->message[(n - 1 - which) % RECENT];
}
