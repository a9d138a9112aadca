// SPDX-License-Identifier: GPL-2.0-only
/* Operations on a channel, the device's own descriptor. */
#include "operation.h"

static int channel_of(struct thread *thread, const uint64_t *args)
{
	return world_get(thread->world, CHANNEL, args[0]);
}

void channel_do_open(struct thread *thread, const uint64_t *args)
{
	int fd = open(CHANNEL_PATH, O_RDWR | (int)(args[1] & (O_NONBLOCK | O_CLOEXEC)));

	world_put(thread->world, CHANNEL, args[0], fd);
}

void channel_do_setup(struct thread *thread, const uint64_t *args)
{
	struct vhost_backend_setup setup = {
		.flags = args[2], .nr_vrings = args[3], .ring_bytes = args[4],
		.max_inflight = args[5], .requests = args[6], .max_mappings = args[7],
		.reserved = { args[8] },
	};

	thread_ioctl(thread, channel_of(thread, args), VHOST_BACKEND_SETUP, args[1],
		     &setup, sizeof(setup));
}

void channel_do_bind(struct thread *thread, const uint64_t *args)
{
	struct vhost_backend_bind bind = {
		.source = args[2], .index = args[3],
		.fd = world_get_any(thread->world, args[4]), .flags = args[5],
	};

	thread_ioctl(thread, channel_of(thread, args), VHOST_BACKEND_BIND, args[1],
		     &bind, sizeof(bind));
}

void channel_do_take_fd(struct thread *thread, const uint64_t *args)
{
	struct vhost_backend_take_fd take = {
		.id = world_message(thread->world, args[2]).id ^ args[3], .flags = args[4],
	};

	if (!thread_ioctl(thread, channel_of(thread, args), VHOST_BACKEND_TAKE_FD, args[1],
			  &take, sizeof(take)))
		world_put(thread->world, ANY_FILE, args[5], take.fd);
}

void channel_do_set_shmem(struct thread *thread, const uint64_t *args)
{
	struct vhost_backend_shmem shmem = {
		.shmid = args[2], .bytes = args[3], .flags = args[4],
	};

	thread_ioctl(thread, channel_of(thread, args), VHOST_BACKEND_SET_SHMEM, args[1],
		     &shmem, sizeof(shmem));
}

void channel_do_array(struct thread *thread, const uint64_t *args)
{
	static const uint8_t elements[PAGE];
	struct vhost_backend_array array = {
		.addr = (uintptr_t)thread_place(thread, args[3], elements, PAGE),
		.count = args[4], .flags = args[5],
	};

	ioctl(channel_of(thread, args),
	      args[1] % 2 ? VHOST_BACKEND_GET_SHMEM : VHOST_BACKEND_GET_MAPPINGS,
	      args[2] ? NULL : &array);
}

/* Those that take a number or nothing. */
void channel_do_command(struct thread *thread, const uint64_t *args)
{
	static const unsigned long commands[] = {
		VHOST_BACKEND_RESET, VHOST_BACKEND_ROOM, VHOST_BACKEND_TAKE_OVER,
		VHOST_BACKEND_GET_API_VERSION,
	};

	ioctl(channel_of(thread, args), commands[args[1] % 4], args[2]);
}

/* Those that fill a struct, or read a number from one. */
void channel_do_struct(struct thread *thread, const uint64_t *args)
{
	static const unsigned long commands[] = {
		VHOST_BACKEND_GET_STATS, VHOST_BACKEND_GET_SETUP, VHOST_BACKEND_PAUSE,
	};
	union {
		struct vhost_backend_stats stats;
		uint32_t value;
	} data = { .value = args[3] };

	thread_ioctl(thread, channel_of(thread, args), commands[args[2] % 3], args[1],
		     &data, sizeof(data));
}

/* The reply to a message that was read, and what @args make of it. */
static struct vhost_backend_reply make_reply(struct thread *thread, uint64_t which,
					     const uint64_t *args)
{
	struct vhost_backend_msg msg = world_message(thread->world, which);
	struct vhost_backend_reply reply = reply_to(&msg, args[0]);

	reply.msg.fd = world_get_any(thread->world, args[1]);
	reply.msg.flags ^= args[2];
	reply.msg.size ^= args[3];
	reply.msg.id ^= args[4];
	reply.msg.request ^= args[5];
	return reply;
}

void channel_do_reply(struct thread *thread, const uint64_t *args)
{
	struct vhost_backend_reply reply = make_reply(thread, args[2], args + 3);

	thread_ioctl(thread, channel_of(thread, args), VHOST_BACKEND_REPLY, args[1],
		     &reply, sizeof(reply));
}

/* Writes the replies to the last @args[2] messages, oldest first. */
void channel_do_write(struct thread *thread, const uint64_t *args)
{
	struct vhost_backend_reply replies[RECENT];
	unsigned int count = args[2] % (RECENT + 1);
	size_t bytes = count * sizeof(replies[0]);
	void *at;

	for (unsigned int i = 0; i < count; i++)
		replies[i] = make_reply(thread, count - 1 - i, args + 4);
	at = thread_place(thread, args[1], replies, bytes);
	bytes = (bytes + args[3]) % (2 * PAGE);
	if (write(channel_of(thread, args), at, bytes) < 0)
		return;
}

/* In one piece or in two, perhaps without waiting. */
void channel_do_read(struct thread *thread, const uint64_t *args)
{
	static const uint8_t nothing[2 * PAGE];
	size_t bytes = args[2] % (sizeof(nothing) + 1);
	uint8_t *at = thread_place(thread, args[1], nothing,
				   args[1] % ADDRESSES == READ_ONLY ? PAGE : bytes);
	size_t first = args[4] % (bytes + 1);
	struct iovec vector[] = { { at, first }, { at + first, bytes - first } };
	ssize_t n;

	if (args[3])
		n = preadv2(channel_of(thread, args), vector, 2, -1, args[3]);
	else
		n = read(channel_of(thread, args), at, bytes);
	if (n > 0 && args[1] % ADDRESSES == GOOD)
		world_saw(thread->world, thread->pages, n);
}

/*
 * Any number. The test worker's SIGNAL keeps interrupts off for as long as it is
 * told to, which would be a stall of our own making.
 */
void channel_do_ioctl(struct thread *thread, const uint64_t *args)
{
	uint8_t data[512];

	if ((args[2] & 0xff) == (VHOST_BACKEND_TEST_SIGNAL & 0xff))
		return;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = args[3] >> i % 8 * 8;
	thread_ioctl(thread, world_get_any(thread->world, args[0]), args[2], args[1],
		     data, sizeof(data));
}

void channel_do_mmap(struct thread *thread, const uint64_t *args)
{
	struct mapping *mapping = &thread->world->mapping[args[1] % SLOTS];
	size_t bytes = args[3] % (1 << 25);
	void *memory = mmap(NULL, bytes, args[4] & (PROT_READ | PROT_WRITE),
			    args[5] % 2 ? MAP_PRIVATE : MAP_SHARED,
			    channel_of(thread, args), args[2]);

	if (memory != MAP_FAILED)
		*mapping = (struct mapping){ memory, bytes };
}

void mapping_do_unmap(struct thread *thread, const uint64_t *args)
{
	struct mapping *mapping = &thread->world->mapping[args[0] % SLOTS];

	if (mapping->memory)
		munmap(mapping->memory, mapping->bytes - args[1] % (mapping->bytes + 1));
}

void mapping_do_move(struct thread *thread, const uint64_t *args)
{
	struct mapping *mapping = &thread->world->mapping[args[0] % SLOTS];
	size_t bytes = args[1] % (1 << 25);
	void *memory;

	if (!mapping->memory)
		return;
	memory = mremap(mapping->memory, mapping->bytes, bytes, MREMAP_MAYMOVE);
	if (memory != MAP_FAILED)
		*mapping = (struct mapping){ memory, bytes };
}

void mapping_do_protect(struct thread *thread, const uint64_t *args)
{
	struct mapping *mapping = &thread->world->mapping[args[0] % SLOTS];

	if (mapping->memory)
		mprotect(mapping->memory, mapping->bytes, args[1] & (PROT_READ | PROT_WRITE));
}

/* Writes into the control area or the ring; what is not there is a fault, caught. */
void mapping_do_poke(struct thread *thread, const uint64_t *args)
{
	struct mapping *mapping = &thread->world->mapping[args[0] % SLOTS];
	int pipe_fd[2];

	if (!mapping->memory || args[1] + sizeof(args[2]) > mapping->bytes || pipe(pipe_fd))
		return;
	/* The kernel copies, so that a page that is gone is an error and no signal. */
	if (write(pipe_fd[1], &args[2], sizeof(args[2])) == sizeof(args[2]) &&
	    read(pipe_fd[0], (char *)mapping->memory + args[1], args[3] % 9) < 0)
		errno = 0;
	close(pipe_fd[0]);
	close(pipe_fd[1]);
}
