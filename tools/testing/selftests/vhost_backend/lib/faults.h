/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every allocation and every copy from or to user space fails in turn: each call is
 * repeated, in a new world, with its n-th one failing, until it succeeds without a
 * fault. A call that fails has a clean error and has changed nothing: right after it,
 * the same call does what it should.
 *
 * A program defines a struct world, which its calls work on, and a struct world_type;
 * channel_world.h and shmem_world.h have worlds. FAULTS_FIXTURE() is its fixture, and
 * each case is an EXPECT_TRUE(each_in_turn(...)).
 */
#ifndef VHOST_BACKEND_LIB_FAULTS_H
#define VHOST_BACKEND_LIB_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/vhost_backend.h>
#include <linux/vhost_shmem.h>

#include "fault.h"

/* More than any call here could meet */
#define FAULTS_MAX	1000U

/* What a call that fails leaves as it was: numbers of 64 bits */

#define DESCRIPTORS	128

struct descriptors {
	uint64_t open[DESCRIPTORS / 64];	/* a bit each */
};

struct state {
	struct descriptors descriptors;
	int64_t channel_error;		/* of the ioctl: a new channel has no statistics */
	struct vhost_backend_stats channel;
	int64_t device_error;
	struct vhost_shmem_stats device;
	uint64_t more;
};

/* The state of a channel and a device; either can be -1. */
struct state state_of(int channel, int device);
bool same_state(const struct state *before, const struct state *after);

/* Prints where they differ. */
void show_difference(const struct state *before, const struct state *after);

/* References to all modules together */
unsigned long all_references(void);

struct world;

/* How to make the world of a program, and take it down; both return 0 or -errno. */
struct world_type {
	int (*open)(struct world *world);
	int (*close)(struct world *world);
	struct state (*state)(struct world *world);
};

/**
 * struct trial - a call, and what is around it
 * @prepare: in a new world, without faults; 0 or -errno; or NULL
 * @call: an error, or it has done what it should
 * @done: whether it has; or NULL
 * @starved: not one fault, but all from the n-th on; then the error is ENOMEM
 * @reports: in the end it copies an answer to user space. That this failed does not
 *	undo what was done, and is the only error that leaves anything
 * @also: an error that the kernel gives for lack of memory or for a bad copy where
 *	it should be ENOMEM or EFAULT; or 0
 */
struct trial {
	int (*prepare)(struct world *world);
	long (*call)(struct world *world);
	bool (*done)(struct world *world);
	bool starved;
	bool reports;
	int also;
};

/* Whether the call does what it should, with each fault. Prints what is wrong and @name. */
bool each_in_turn(const char *name, struct world *world, const struct trial trial);

/* The limits of a user, which are set to one channel and one binding */
#define NR_FAULT_LIMITS	2

struct fault_limits {
	unsigned int before[NR_FAULT_LIMITS];
};

/* Raises or lowers CAP_SYS_RESOURCE, which lifts the limits. Returns 0 or -errno. */
int limits_are_lifted(bool lifted);

/* For the fixture. Return 0 or -errno. */
void faults_init(void);
int faults_begin(const struct world_type *type, struct fault_limits *limits);
int faults_end(const struct fault_limits *limits);

/* The fixture for TEST_F(faults, ...) */
#define FAULTS_FIXTURE(type)						\
static void __attribute__((constructor)) faults_constructor(void)	\
{									\
	faults_init();							\
}									\
FIXTURE(faults) {							\
	struct fault_limits limits;					\
};									\
FIXTURE_SETUP(faults)							\
{									\
	ASSERT_EQ(0, faults_begin(type, &self->limits));		\
}									\
FIXTURE_TEARDOWN(faults)						\
{									\
	EXPECT_EQ(0, faults_end(&self->limits));			\
}									\
struct trial

#endif /* VHOST_BACKEND_LIB_FAULTS_H */
