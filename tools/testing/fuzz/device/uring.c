// SPDX-License-Identifier: GPL-2.0-only
/* Operations on channels, and other descriptors, through io_uring. */
#include <liburing.h>

#include "operation.h"

#define ENTRIES		16
/* Since 6.7; unknown to older headers. */
#define READ_MULTISHOT	49
#define BUFFER_GROUP	1
#define BUFFER_BYTES	1024
#define BUFFERS		(PAGE / BUFFER_BYTES)
#define WAIT_MS		50

/* A ring, and what the kernel may look at when the call that submitted it is over. */
struct uring {
	struct io_uring ring;
	struct iovec vector;
	const uint8_t *buffers;		/* those provided */
};

enum read_form { READ, READV, READ_PROVIDED, READ_MULTI, READ_FORMS };

static const uint8_t nothing[PAGE];

static struct uring *uring_of(struct thread *thread, const uint64_t *args)
{
	return __atomic_load_n(&thread->world->uring[args[0] % SLOTS], __ATOMIC_ACQUIRE);
}

/*
 * Never a vhost device: it keeps the memory of its owner, and there the ring, and while
 * that waits for the device they keep each other for ever, with or without channels.
 */
static int descriptor_of(const struct thread *thread, uint64_t any)
{
	enum kind kind = world_kind_of(any);

	return kind == VHOST || kind == SHMEM ? -1 : world_get_any(thread->world, any);
}

/* NULL without a ring, and where nobody takes what is in it. */
static struct io_uring_sqe *new_entry(struct uring *uring)
{
	return uring ? io_uring_get_sqe(&uring->ring) : NULL;
}

/* @at: what is to be looked at when it has completed, or NULL. */
static void submit(struct uring *uring, struct io_uring_sqe *sqe, const void *at, uint64_t flags)
{
	io_uring_sqe_set_data64(sqe, (uintptr_t)at);
	sqe->flags |= flags;
	io_uring_submit(&uring->ring);
}

/* A thread of the kernel that polls soon sleeps: there are few processors. */
void uring_do_open(struct thread *thread, const uint64_t *args)
{
	struct io_uring_params params = { .flags = args[1], .sq_thread_idle = 1 };
	struct uring *uring = calloc(1, sizeof(*uring));

	if (!uring)
		return;
	if (io_uring_queue_init_params(ENTRIES, &uring->ring, &params)) {
		free(uring);
		return;
	}
	__atomic_store_n(&thread->world->uring[args[0] % SLOTS], uring, __ATOMIC_RELEASE);
	world_put(thread->world, URING, args[0], uring->ring.ring_fd);
}

/* The ring signals it for each completion, from wherever that comes. */
void uring_do_eventfd(struct thread *thread, const uint64_t *args)
{
	struct uring *uring = uring_of(thread, args);

	if (!uring)
		return;
	if (args[2])
		io_uring_unregister_eventfd(&uring->ring);
	else
		io_uring_register_eventfd(&uring->ring, world_get_any(thread->world, args[1]));
}

void uring_do_provide(struct thread *thread, const uint64_t *args)
{
	struct uring *uring = uring_of(thread, args);
	struct io_uring_sqe *sqe = new_entry(uring);
	void *at = thread_place(thread, args[1], nothing, sizeof(nothing));

	if (!sqe)
		return;
	uring->buffers = at;
	io_uring_prep_provide_buffers(sqe, at, BUFFER_BYTES, args[2] % (BUFFERS + 1),
				      BUFFER_GROUP, 0);
	submit(uring, sqe, NULL, args[3]);
}

static void prepare_read(struct uring *uring, struct io_uring_sqe *sqe, enum read_form form,
			 int fd, void *at, size_t bytes)
{
	switch (form) {
	case READ:
		io_uring_prep_read(sqe, fd, at, bytes, -1);
		return;
	case READV:
		uring->vector = (struct iovec){ at, bytes };
		io_uring_prep_readv(sqe, fd, &uring->vector, 1, -1);
		return;
	case READ_PROVIDED:
		io_uring_prep_read(sqe, fd, NULL, bytes, -1);
		break;
	default:
		io_uring_prep_rw(READ_MULTISHOT, sqe, fd, NULL, 0, -1);
	}
	sqe->flags = IOSQE_BUFFER_SELECT;
	sqe->buf_group = BUFFER_GROUP;
}

void uring_do_read(struct thread *thread, const uint64_t *args)
{
	struct uring *uring = uring_of(thread, args);
	struct io_uring_sqe *sqe = new_entry(uring);
	size_t bytes = args[4] % (sizeof(nothing) + 1);
	void *at = thread_place(thread, args[2], nothing, bytes);

	if (!sqe)
		return;
	prepare_read(uring, sqe, args[3] % READ_FORMS, descriptor_of(thread, args[1]),
		     at, bytes);
	sqe->rw_flags = args[6];
	submit(uring, sqe, at, args[5]);
}

/* The reply to a message that was read. */
void uring_do_write(struct thread *thread, const uint64_t *args)
{
	struct uring *uring = uring_of(thread, args);
	struct io_uring_sqe *sqe = new_entry(uring);
	struct vhost_backend_msg msg = world_message(thread->world, args[3]);
	struct vhost_backend_reply reply = reply_to(&msg, args[4]);
	void *at = thread_place(thread, args[2], &reply, sizeof(reply));

	if (!sqe)
		return;
	io_uring_prep_write(sqe, descriptor_of(thread, args[1]), at,
			    (sizeof(reply) + args[5]) % PAGE, -1);
	submit(uring, sqe, NULL, args[6]);
}

void uring_do_poll(struct thread *thread, const uint64_t *args)
{
	struct uring *uring = uring_of(thread, args);
	struct io_uring_sqe *sqe = new_entry(uring);

	if (!sqe)
		return;
	io_uring_prep_poll_add(sqe, descriptor_of(thread, args[1]), args[2]);
	sqe->len = args[3];
	submit(uring, sqe, NULL, args[4]);
}

/* What is under way for a descriptor */
void uring_do_cancel(struct thread *thread, const uint64_t *args)
{
	struct uring *uring = uring_of(thread, args);
	struct io_uring_sqe *sqe = new_entry(uring);

	if (!sqe)
		return;
	io_uring_prep_cancel_fd(sqe, world_get_any(thread->world, args[1]), args[2]);
	submit(uring, sqe, NULL, args[3]);
}

static void look_at(struct thread *thread, const struct uring *uring,
		    const struct io_uring_cqe *cqe)
{
	const uint8_t *at = (const uint8_t *)(uintptr_t)cqe->user_data;

	if (cqe->flags & IORING_CQE_F_BUFFER)
		at = uring->buffers + (cqe->flags >> IORING_CQE_BUFFER_SHIFT) * BUFFER_BYTES;
	if (at && cqe->res > 0)
		world_saw(thread->world, at, cqe->res);
}

/* Waits for the first completion at most, and takes those that are there. */
void uring_do_reap(struct thread *thread, const uint64_t *args)
{
	struct __kernel_timespec limit = { .tv_nsec = args[1] % WAIT_MS * 1000000 };
	struct uring *uring = uring_of(thread, args);
	struct io_uring_cqe *cqe;

	if (!uring)
		return;
	for (int i = 0; i < 2 * ENTRIES; i++) {
		if (io_uring_wait_cqe_timeout(&uring->ring, &cqe, &limit))
			return;
		look_at(thread, uring, cqe);
		io_uring_cqe_seen(&uring->ring, cqe);
		limit.tv_nsec = 0;
	}
}
