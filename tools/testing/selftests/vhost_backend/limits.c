// SPDX-License-Identifier: GPL-2.0-only
/*
 * Limits of a user, by the module's parameters: whose they are, who is exempt,
 * what gives a place back.
 */
#include "../kselftest_harness.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>

#include <linux/capability.h>

#include "lib/channel.h"
#include "lib/child.h"
#include "lib/limits.h"
#include "lib/memory.h"
#include "lib/pair.h"
#include "lib/parameter.h"
#include "lib/skip.h"
#include "lib/wait.h"
#include "lib/worker.h"

SKIP_WITHOUT_WORKER;

FIXTURE(limits) {
	struct values values;
};

FIXTURE_SETUP(limits)
{
	ASSERT_TRUE(limits_begin(&self->values));
}

FIXTURE_TEARDOWN(limits)
{
	EXPECT_TRUE(limits_end(&self->values));
}

TEST_F(limits, defaults)
{
	char value[34];

	for (size_t i = 0; i < ARRAY_SIZE(parameters); i++) {
		snprintf(value, sizeof(value), "%s\n", parameters[i].value);
		EXPECT_STREQ(value, self->values.before[i]);
	}
}

/* Where the worker does not say. The default would be longer than we wait. */
TEST_F_TIMEOUT(limits, reply_timeout, 60)
{
	struct pair pair;
	uint64_t cookie;

	ASSERT_EQ(0, pair_open(&pair, 0, (struct vhost_backend_setup){}));
	ASSERT_TRUE(parameter_set("reply_timeout_ms", "20"));
	ASSERT_EQ(0, unmap_async(pair.worker, 1, 0, &cookie));
	EXPECT_EQ(-ETIMEDOUT, async_error(pair.worker, cookie));
	ASSERT_TRUE(parameter_set("reply_timeout_ms", "0"));
	ASSERT_EQ(0, unmap_async(pair.worker, 2, 0, &cookie));
	EXPECT_EQ(-ETIMEDOUT, async_error(pair.worker, cookie));
	pair_close(&pair);
}

/* For root too: it is a limit of size, not of number. */
TEST_F(limits, ring_bytes)
{
	int channel = open(CHANNEL, O_RDWR | O_CLOEXEC);

	ASSERT_TRUE(parameter_set("max_ring_bytes", "8192"));
	EXPECT_EQ(-E2BIG, set_up_large(channel, 16384));
	EXPECT_EQ(-E2BIG, set_up_large(channel, 16777216));
	EXPECT_EQ(-EINVAL, set_up_large(channel, 33554432));
	EXPECT_TRUE(is_new(channel));
	EXPECT_EQ(0, set_up_large(channel, 8192));
	close(channel);
	ASSERT_TRUE(parameter_set("max_ring_bytes", "0"));
	channel = open(CHANNEL, O_RDWR | O_CLOEXEC);
	EXPECT_EQ(-E2BIG, set_up_large(channel, 4096));
	close(channel);
}

/* What is counted for a user */

/* A channel takes one place: when it is set up, or when something is bound to it. */
struct limited {
	const char *parameter;
	unsigned long place;	/* so much of it, or a little more */
	uint32_t ring_bytes;
	unsigned int source;	/* that is bound, or 0 */
	int error;		/* where there is no place left */
};

struct taker {
	int channel;
	int source;
};

static bool set_places(const struct limited *limited, unsigned int places)
{
	char value[32];

	snprintf(value, sizeof(value), "%lu", places * limited->place + limited->place / 2);
	return parameter_set(limited->parameter, value);
}

static void open_takers(const struct limited *limited, struct taker *takers,
			unsigned int count)
{
	for (unsigned int n = 0; n < count; n++) {
		open_channels(&takers[n].channel, 1);
		takers[n].source = limited->source == VHOST_BACKEND_BIND_IOTLB ?
				   open(DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC) :
				   eventfd(0, EFD_CLOEXEC);
		child_check(takers[n].source >= 0);
	}
}

/* Who could not bind has been set up all the same, and tries again. */
static int take(const struct limited *limited, const struct taker *taker)
{
	int err = set_up_large(taker->channel, limited->ring_bytes);

	if (!limited->source || (err && err != -EBUSY))
		return err;
	return channel_bind(taker->channel, limited->source, 0, taker->source, 0);
}

static bool takes(const struct limited *limited, const struct taker *taker)
{
	return !take(limited, taker);
}

static bool finds_no_place(const struct limited *limited, const struct taker *taker)
{
	return take(limited, taker) == -limited->error &&
	       (limited->source || is_new(taker->channel));
}

static void give_back(struct taker *taker)
{
	close(taker->channel);
	close(taker->source);
}

FIXTURE(places) {
	struct values values;
	bool missing;
};

FIXTURE_VARIANT(places) {
	struct limited limited;
};

FIXTURE_VARIANT_ADD(places, channels) {
	.limited = { .parameter = "max_channels", .place = 1, .error = EMFILE },
};

FIXTURE_VARIANT_ADD(places, memory) {
	.limited = { .parameter = "max_memory", .place = MIB, .ring_bytes = MIB,
		     .error = E2BIG },
};

FIXTURE_VARIANT_ADD(places, bindings) {
	.limited = { .parameter = "max_bindings", .place = 1, .error = EMFILE,
		     .source = VHOST_BACKEND_BIND_VRING_CALL },
};

FIXTURE_VARIANT_ADD(places, devices) {
	.limited = { .parameter = "max_devices", .place = 1, .error = EMFILE,
		     .source = VHOST_BACKEND_BIND_IOTLB },
};

FIXTURE_SETUP(places)
{
	ASSERT_TRUE(limits_begin(&self->values));
	self->missing = variant->limited.source == VHOST_BACKEND_BIND_IOTLB &&
			access(DEVICE, F_OK);
	if (self->missing)
		SKIP(return, "/dev/vhost-net is missing: modprobe vhost_net");
}

FIXTURE_TEARDOWN(places)
{
	EXPECT_TRUE(limits_end(&self->values));
}

/*
 * A test's child, which is given what is limited. With an older harness what the
 * fixture skips runs all the same.
 */
#define run_limited(child) \
	(self->missing ? 0 : child_run(child, (void *)&variant->limited))

static void use_up(void *arg)
{
	struct vhost_backend_setup defaults = {}, wrong = { .nr_vrings = ~0U };
	const struct limited *limited = arg;
	struct taker takers[4];
	void *unwritable;

	defaults.ring_bytes = limited->ring_bytes;
	unwritable = read_only_page(&defaults, sizeof(defaults));
	become(ONE);
	open_takers(limited, takers, 4);
	/* A SETUP that fails does not use a place up. */
	for (unsigned int n = 0; n < 5; n++) {
		child_check(channel_setup(takers[0].channel, wrong) == -EINVAL);
		child_check(try_ioctl(takers[0].channel, VHOST_BACKEND_SETUP,
				      unwritable) == -EFAULT);
	}
	child_check(wait_until(takes(limited, &takers[0])));
	child_check(takes(limited, &takers[1]));
	for (unsigned int n = 0; n < 5; n++)
		child_check(finds_no_place(limited, &takers[2]));
	give_back(&takers[0]);
	child_check(wait_until(takes(limited, &takers[2])));
	child_check(finds_no_place(limited, &takers[3]));
}

/* Twice: the places of a process that is gone are free again. */
TEST_F(places, of_a_user)
{
	ASSERT_TRUE(set_places(&variant->limited, 2));
	EXPECT_EQ(0, run_limited(use_up));
	EXPECT_EQ(0, run_limited(use_up));
}

static void use_up_of_two(void *arg)
{
	const struct limited *limited = arg;
	struct taker takers[6];

	open_takers(limited, takers, 6);
	become(ONE);
	child_check(takes(limited, &takers[0]) && takes(limited, &takers[1]));
	child_check(finds_no_place(limited, &takers[2]));
	become(OTHER);
	/* What somebody binds counts for the user who did SETUP. */
	if (limited->source)
		child_check(finds_no_place(limited, &takers[2]));
	child_check(takes(limited, &takers[3]) && takes(limited, &takers[4]));
	child_check(finds_no_place(limited, &takers[5]));

	/* What the one gives back is not the other's. */
	give_back(&takers[3]);
	become(ONE);
	child_check(finds_no_place(limited, &takers[2]));
	become(OTHER);
	child_check(wait_until(takes(limited, &takers[5])));
}

TEST_F(places, of_two_users)
{
	ASSERT_TRUE(set_places(&variant->limited, 2));
	EXPECT_EQ(0, run_limited(use_up_of_two));
}

static void set_capabilities(bool resource, bool others)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];

	child_check(!syscall(SYS_capget, &header, data));
	data[1].effective = others ? data[1].permitted : 0;
	data[0].effective = others ? data[0].permitted : 0;
	data[0].effective &= ~(1U << CAP_SYS_RESOURCE);
	data[0].effective |= resource << CAP_SYS_RESOURCE;
	child_check(!syscall(SYS_capset, &header, data));
}

static void exceed_with_capability(void *arg)
{
	const struct limited *limited = arg;
	struct taker takers[4];

	open_takers(limited, takers, 4);
	become(ONE);
	child_check(takes(limited, &takers[0]));
	set_capabilities(false, true);
	child_check(finds_no_place(limited, &takers[1]));
	set_capabilities(true, false);
	child_check(takes(limited, &takers[1]) && takes(limited, &takers[2]));

	/* It exempts for as long as one has it. */
	set_capabilities(false, false);
	child_check(finds_no_place(limited, &takers[3]));
	give_back(&takers[2]);
	give_back(&takers[1]);
	usleep(10000);
	child_check(finds_no_place(limited, &takers[3]));
	give_back(&takers[0]);
	child_check(wait_until(takes(limited, &takers[3])));
}

TEST_F(places, capability_exempts)
{
	ASSERT_TRUE(set_places(&variant->limited, 1));
	EXPECT_EQ(0, run_limited(exceed_with_capability));
}

static void exceed_as_root(void *arg)
{
	struct taker takers[4];

	open_takers(arg, takers, 4);
	for (int n = 0; n < 4; n++)
		child_check(takes(arg, &takers[n]));
}

TEST_F(places, root_is_exempt)
{
	ASSERT_TRUE(set_places(&variant->limited, 2));
	EXPECT_EQ(0, run_limited(exceed_as_root));
}

/* All capabilities, but not those of the host; and the same user all the time. */
static void exceed_in_namespace(void *arg)
{
	const struct limited *limited = arg;
	struct taker takers[3];

	become(ONE);
	open_takers(limited, takers, 3);
	child_check(takes(limited, &takers[0]));
	child_check(!setresuid(ONE, ONE, ONE) && !unshare(CLONE_NEWUSER));
	child_check(finds_no_place(limited, &takers[1]));
	give_back(&takers[0]);
	child_check(wait_until(takes(limited, &takers[1])));
	child_check(finds_no_place(limited, &takers[2]));
}

TEST_F(places, user_namespace_is_not_exempt)
{
	ASSERT_TRUE(set_places(&variant->limited, 1));
	EXPECT_EQ(0, run_limited(exceed_in_namespace));
}

static void set_places_as_root(const struct limited *limited, unsigned int places)
{
	become(0);
	child_check(set_places(limited, places));
	become(ONE);
}

/* A change takes nothing away, and holds for what is asked for afterwards. */
static void follow_changes(void *arg)
{
	const struct limited *limited = arg;
	struct taker takers[4];

	become(ONE);
	open_takers(limited, takers, 4);
	child_check(takes(limited, &takers[0]) && takes(limited, &takers[1]));
	child_check(finds_no_place(limited, &takers[2]));
	set_places_as_root(limited, 3);
	child_check(takes(limited, &takers[2]));
	child_check(finds_no_place(limited, &takers[3]));
	set_places_as_root(limited, 1);
	child_check(!is_new(takers[1].channel));
	child_check(channel_stats(takers[1].channel).bindings == !!limited->source);
	give_back(&takers[2]);
	usleep(10000);
	child_check(finds_no_place(limited, &takers[3]));
	set_places_as_root(limited, 0);
	give_back(&takers[1]);
	give_back(&takers[0]);
	usleep(10000);
	child_check(finds_no_place(limited, &takers[3]));
}

TEST_F(places, changed_at_run_time)
{
	ASSERT_TRUE(set_places(&variant->limited, 2));
	EXPECT_EQ(0, run_limited(follow_changes));
}

/* Takes all there are, and says so with a byte to the descriptor that is left open. */
struct holder {
	const struct limited *limited;
	int ready;
};

static void hold_all(void *arg)
{
	struct holder *holder = arg;
	struct taker takers[2];

	become(ONE);
	open_takers(holder->limited, takers, 2);
	child_check(takes(holder->limited, &takers[0]));
	child_check(takes(holder->limited, &takers[1]));
	child_check(write(holder->ready, "x", 1) == 1);
	for (;;)
		pause();
}

TEST_F_TIMEOUT(places, given_back_by_the_killed, 60)
{
	struct holder holder = { .limited = &variant->limited };
	int pipes[2];
	char byte;
	pid_t pid;

	ASSERT_TRUE(set_places(&variant->limited, 2));
	ASSERT_EQ(0, pipe2(pipes, O_CLOEXEC));
	holder.ready = pipes[1];
	if (self->missing)
		return;
	pid = child_start(hold_all, &holder);
	ASSERT_LT(0, pid);
	close(pipes[1]);
	ASSERT_EQ(1, read(pipes[0], &byte, 1));
	kill(pid, SIGKILL);
	ASSERT_TRUE(WIFSIGNALED(child_wait(pid)));
	EXPECT_EQ(0, run_limited(use_up));
}

/* Several threads want the last places at once. */
#define RACERS	8
#define PLACES	4
#define ROUNDS	10
/* What they may take, on a slow machine */
#define SECONDS	3

struct racer {
	pthread_t thread;
	pthread_barrier_t *start;
	const struct limited *limited;
	struct taker taker;
	int err;
};

static void *race(void *arg)
{
	struct racer *racer = arg;

	pthread_barrier_wait(racer->start);
	racer->err = take(racer->limited, &racer->taker);
	return NULL;
}

static void run_race(const struct limited *limited)
{
	struct racer racers[RACERS];
	unsigned int winners = 0;
	pthread_barrier_t start;

	child_check(!pthread_barrier_init(&start, NULL, RACERS));
	for (int n = 0; n < RACERS; n++) {
		racers[n] = (struct racer){ .start = &start, .limited = limited };
		open_takers(limited, &racers[n].taker, 1);
		/* So that BIND is all that is left to do */
		if (limited->source)
			child_check(!set_up(racers[n].taker.channel));
		child_check(!pthread_create(&racers[n].thread, NULL, race, &racers[n]));
	}
	for (int n = 0; n < RACERS; n++)
		pthread_join(racers[n].thread, NULL);
	for (int n = 0; n < RACERS; n++) {
		child_check(!racers[n].err || racers[n].err == -limited->error);
		winners += !racers[n].err;
		give_back(&racers[n].taker);
	}
	child_check(winners == PLACES);
}

/* What a round takes has been given back when the next one starts. */
static void run_races(void *arg)
{
	time_t until = time(NULL) + SECONDS;

	become(ONE);
	for (unsigned int round = 0; another_round(round, ROUNDS, until); round++)
		run_race(arg);
}

TEST_F_TIMEOUT(places, race_for_the_last, 120)
{
	ASSERT_TRUE(set_places(&variant->limited, PLACES));
	EXPECT_EQ(0, run_limited(run_races));
}

/* Threads that take the only place and give it back, as fast as they can */
struct rival {
	pthread_t thread;
	const struct limited *limited;
	atomic_uint *held, *taken;
	uint64_t until;
};

/* It is counted as held for no longer than it is. */
static void *take_and_give_back(void *arg)
{
	struct rival *rival = arg;

	/* Longer where hardly any has come to it. */
	while (now_ms() < rival->until || atomic_load(rival->taken) < 2) {
		struct taker taker;
		int err;

		open_takers(rival->limited, &taker, 1);
		err = take(rival->limited, &taker);
		child_check(!err || err == -rival->limited->error);
		if (!err) {
			child_check(atomic_fetch_add(rival->held, 1) == 0);
			atomic_fetch_add(rival->taken, 1);
			atomic_fetch_sub(rival->held, 1);
		}
		give_back(&taker);
	}
	return NULL;
}

static void run_rivals(void *arg)
{
	struct rival rivals[RACERS];
	uint64_t until = now_ms() + 700;
	atomic_uint held = 0, taken = 0;

	become(ONE);
	for (int n = 0; n < RACERS; n++) {
		rivals[n] = (struct rival){
			.limited = arg, .held = &held, .taken = &taken, .until = until,
		};
		child_check(!pthread_create(&rivals[n].thread, NULL, take_and_give_back,
					    &rivals[n]));
	}
	for (int n = 0; n < RACERS; n++)
		pthread_join(rivals[n].thread, NULL);
}

TEST_F_TIMEOUT(places, never_more_at_once, 120)
{
	ASSERT_TRUE(set_places(&variant->limited, 1));
	EXPECT_EQ(0, run_limited(run_rivals));
}

TEST_HARNESS_MAIN
