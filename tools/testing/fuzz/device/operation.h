/* SPDX-License-Identifier: GPL-2.0-only */
/* The table of operations: all that a program can do. */
#ifndef FUZZ_OPERATION_H
#define FUZZ_OPERATION_H

#include "world.h"

#define ARGUMENTS	10

/*
 * A SLOT is the number of a slot, of a kind that the operation knows; an ANY also
 * says the kind, see world_get_any(). A VALUE is one of @values, of which the
 * first is the usual one, or wild; FLAGS are several of them.
 */
enum argument_type { SLOT, ANY, VALUE, FLAGS };

struct argument {
	enum argument_type type;
	const uint64_t *values;
	unsigned int count;
};

/* @weight: how often it is chosen; 0: only where somebody wrote it. */
struct operation {
	const char *name;
	void (*run)(struct thread *thread, const uint64_t *args);
	unsigned int weight;
	unsigned int arguments;
	struct argument argument[ARGUMENTS];
};

extern const struct operation operations[];
extern const unsigned int nr_operations;

typedef void operation_run(struct thread *thread, const uint64_t *args);

/* channel.c */
operation_run channel_do_open, channel_do_setup, channel_do_bind, channel_do_take_fd;
operation_run channel_do_set_shmem, channel_do_array, channel_do_command;
operation_run channel_do_struct, channel_do_reply, channel_do_read, channel_do_write;
operation_run channel_do_ioctl, channel_do_mmap;
operation_run mapping_do_unmap, mapping_do_move, mapping_do_protect, mapping_do_poke;

/* worker.c */
operation_run worker_do_open, worker_do_attach, worker_do_command, worker_do_send;
operation_run worker_do_result, worker_do_run, worker_do_struct, worker_do_hook;
operation_run worker_do_signal, worker_do_fault;

/* file.c */
operation_run file_do_eventfd, file_do_eventfd_write, file_do_eventfd_read;
operation_run file_do_open, file_do_dup, file_do_close, file_do_flags, file_do_poll;
operation_run file_do_epoll, file_do_epoll_ctl, file_do_epoll_wait, file_do_info;
operation_run file_do_pass, file_do_take;

/* process.c */
operation_run process_do_fork, process_do_kill, process_do_user, process_do_limit;
operation_run process_do_fail, process_do_pause;
/* Of every call: failures that were asked for the call before it are over. */
void process_end_failures(struct thread *thread, operation_run *after);

/* device.c */
operation_run device_do_open, device_do_kick, device_do_translate, device_do_bind;

/* shmem.c */
operation_run shmem_do_open, shmem_do_bring_up, shmem_do_region, shmem_do_file;
operation_run shmem_do_channel, shmem_do_command, shmem_do_vring, shmem_do_translate;
operation_run shmem_do_answer, shmem_do_request, shmem_do_descriptor, shmem_do_kick;
operation_run shmem_do_reap, shmem_do_protect;

/* uring.c */
operation_run uring_do_open, uring_do_eventfd, uring_do_provide, uring_do_read;
operation_run uring_do_write, uring_do_poll, uring_do_cancel, uring_do_reap;

#endif /* FUZZ_OPERATION_H */
