// SPDX-License-Identifier: GPL-2.0-only
/* Interrupts: VRING_CALL, raised by a worker in the kernel, read by a frontend. */
#include <sys/epoll.h>

#include "bench.h"
#include "lib/channel.h"
#include "lib/memory.h"
#include "lib/worker.h"

/* A VRING_CALL as it is read. */
struct call {
	struct vhost_backend_msg msg;
	struct vhost_backend_vring_state state;
};

/* One call of a channel with so many vrings. */
struct one_call {
	struct setting setting;
	uint32_t vring;
};

static void check_call(const struct call *call, uint32_t vring)
{
	check("VRING_CALL", call->msg.request == VHOST_BACKEND_VRING_CALL);
	check("VRING_CALL's size", call->msg.size == sizeof(call->state));
	check("VRING_CALL's vring", call->state.index == vring);
}

static void check_empty(const struct setting *setting)
{
	char buffer[PAGE];

	check("nothing more to read",
	      read(setting->channel, buffer, sizeof(buffer)) < 0 && errno == EAGAIN);
}

static double read_empty_once(const void *what)
{
	const struct setting *setting = what;
	char buffer[PAGE];
	uint64_t start = clock_start();
	ssize_t bytes = read(setting->channel, buffer, sizeof(buffer));
	double took = clock_since(start);

	check("empty read", bytes < 0 && errno == EAGAIN);
	return took;
}

double read_empty(void)
{
	struct setting setting;
	double took;

	setting_open(&setting, 256, O_NONBLOCK);
	took = median_of(read_empty_once, &setting);
	setting_close(&setting);
	return took;
}

static double one_call_once(const void *what)
{
	const struct one_call *one = what;
	struct call calls[PAGE / sizeof(struct call)];
	struct epoll_event event;
	uint64_t start;
	ssize_t bytes;
	double took;
	int ready;

	raise_vring(&one->setting, one->vring);
	start = clock_start();
	ready = epoll_wait(one->setting.epoll, &event, 1, -1);
	bytes = read(one->setting.channel, calls, sizeof(calls));
	took = clock_since(start);
	check("epoll_wait", ready == 1 && event.events == EPOLLIN);
	check("one call read", bytes == sizeof(calls[0]));
	check_call(&calls[0], one->vring);
	return took;
}

static double one_call_of(uint32_t nr_vrings, uint32_t vring)
{
	struct one_call one = { .vring = vring };
	double took;

	setting_open(&one.setting, nr_vrings, O_NONBLOCK);
	took = median_of(one_call_once, &one);
	check_empty(&one.setting);
	setting_close(&one.setting);
	return took;
}

double call_by_epoll(void)
{
	return one_call_of(256, 0);
}

double call_of_many_first(void)
{
	return one_call_of(32768, 0);
}

double call_of_many_last(void)
{
	return one_call_of(32768, 32767);
}

static double calls_by_one_read_once(const void *what)
{
	const struct setting *setting = what;
	struct call calls[PAGE / sizeof(struct call)];
	uint64_t start;
	ssize_t bytes;
	double took;

	for (uint32_t vring = 0; vring < CALLS; vring++)
		raise_vring(setting, vring);
	start = clock_start();
	bytes = read(setting->channel, calls, sizeof(calls));
	took = clock_since(start);
	check("all calls read", bytes == CALLS * sizeof(calls[0]));
	for (uint32_t vring = 0; vring < CALLS; vring++)
		check_call(&calls[vring], vring);
	return took / CALLS;
}

double calls_by_one_read(void)
{
	struct setting setting;
	double took;

	setting_open(&setting, 256, O_NONBLOCK);
	took = median_of(calls_by_one_read_once, &setting);
	check_empty(&setting);
	setting_close(&setting);
	return took;
}

static double raise_pending_once(const void *what)
{
	return worker_time_alone(what, VHOST_BACKEND_TEST_MEASURE_CALL, 100) / 100;
}

double raise_pending(void)
{
	struct setting setting;
	double took;

	setting_open(&setting, 256, O_NONBLOCK);
	/* From here on it is pending. */
	raise_vring(&setting, 0);
	took = median_of(raise_pending_once, &setting);
	setting_close(&setting);
	return took;
}

static double raise_alone_once(const void *what)
{
	const struct setting *setting = what;
	double took = worker_time_alone(setting, VHOST_BACKEND_TEST_MEASURE_CALL, 1);
	struct call call;

	check("the call raised", read(setting->channel, &call, sizeof(call)) == sizeof(call));
	check_call(&call, 0);
	return took;
}

double raise_alone(void)
{
	struct setting setting;
	double took;

	setting_open(&setting, 256, O_NONBLOCK);
	/* Nobody is to be woken. */
	close(setting.epoll);
	setting.epoll = -1;
	took = median_of(raise_alone_once, &setting);
	check_empty(&setting);
	setting_close(&setting);
	return took;
}
