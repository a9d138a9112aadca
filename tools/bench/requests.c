// SPDX-License-Identifier: GPL-2.0-only
/* Requests that a worker in the kernel sends, a frontend reads, and may answer. */
#include <pthread.h>

#include "bench.h"
#include "lib/channel.h"
#include "lib/memory.h"
#include "lib/worker.h"

/* Requests that wait for their answers in a round, and rounds */
#define REQUESTS	100
#define ROUNDS		15

/* An IOTLB_MSG as it is read: 56 bytes. */
struct miss {
	struct vhost_backend_msg msg;
	struct vhost_backend_iotlb iotlb;
};

/* A VRING_HOST_NOTIFIER_MSG as it is read: 48 bytes. */
struct notifier {
	struct vhost_backend_msg msg;
	struct vhost_backend_vring_area area;
};

struct rounds {
	struct setting setting;
	double took[ROUNDS];
};

static void check_miss(const struct miss *miss)
{
	check("IOTLB_MSG", miss->msg.request == VHOST_BACKEND_IOTLB_MSG);
	check("IOTLB_MSG's size", miss->msg.size == sizeof(miss->iotlb));
	check("IOTLB_MSG's content", miss->iotlb.iova == 0x1000);
}

static double in_row_once(const void *what)
{
	const struct setting *setting = what;
	double sent = worker_time_alone(setting, VHOST_BACKEND_TEST_MEASURE_SEND, ROW);
	struct miss misses[PAGE / sizeof(struct miss)];
	uint64_t start = clock_start();
	ssize_t bytes = read(setting->channel, misses, sizeof(misses));
	double took = clock_since(start);

	check("requests read", bytes == ROW * sizeof(misses[0]));
	for (int n = 0; n < ROW; n++)
		check_miss(&misses[n]);
	return (sent + took) / ROW;
}

double requests_in_row(void)
{
	struct setting setting;
	double took;

	setting_open(&setting, 256, O_NONBLOCK);
	took = median_of(in_row_once, &setting);
	setting_close(&setting);
	return took;
}

static double with_file_once(const void *what)
{
	const struct setting *setting = what;
	double sent = worker_time_alone(setting, VHOST_BACKEND_TEST_MEASURE_SEND_FILE, ROW);
	struct notifier notifiers[PAGE / sizeof(struct notifier)];
	uint64_t start = clock_start();
	ssize_t bytes = read(setting->channel, notifiers, sizeof(notifiers));
	double took = clock_since(start);

	check("requests read", bytes == ROW * sizeof(notifiers[0]));
	for (int n = 0; n < ROW; n++) {
		const struct vhost_backend_msg *msg = &notifiers[n].msg;

		check("VRING_HOST_NOTIFIER_MSG",
		      msg->request == VHOST_BACKEND_VRING_HOST_NOTIFIER_MSG);
		check("its file", msg->fd >= 0 && !close(msg->fd));
	}
	return (sent + took) / ROW;
}

double requests_with_file(void)
{
	struct setting setting;
	double took;

	setting_open(&setting, 256, O_NONBLOCK);
	took = median_of(with_file_once, &setting);
	setting_close(&setting);
	return took;
}

/* The worker, a thread that is in the kernel but for the moment between two rounds */
static void *send_and_wait(void *arg)
{
	struct rounds *rounds = arg;

	for (int n = 0; n < ROUNDS; n++)
		rounds->took[n] = worker_time(&rounds->setting,
					      VHOST_BACKEND_TEST_MEASURE_REQUEST, REQUESTS);
	return NULL;
}

/* Each request is read when it comes, and answered. */
static void answer(int channel, int count)
{
	struct miss misses[PAGE / sizeof(struct miss)];
	struct vhost_backend_reply reply;
	ssize_t bytes;

	while (count--) {
		bytes = read(channel, misses, sizeof(misses));
		reply = reply_to(&misses[0].msg, 0);
		check("reply", write(channel, &reply, sizeof(reply)) == sizeof(reply));
		check("one request read", bytes == sizeof(misses[0]));
		check_miss(&misses[0]);
	}
}

double request_to_reply(void)
{
	struct rounds rounds;
	pthread_t thread;

	setting_open(&rounds.setting, 256, 0);
	close(rounds.setting.epoll);
	checked("pthread_create", -pthread_create(&thread, NULL, send_and_wait, &rounds));
	answer(rounds.setting.channel, ROUNDS * REQUESTS);
	pthread_join(thread, NULL);
	close(rounds.setting.worker);
	close(rounds.setting.channel);
	return median(rounds.took, ROUNDS) / REQUESTS;
}

static double expiry_once(const void *what)
{
	return worker_time(what, VHOST_BACKEND_TEST_MEASURE_EXPIRE, 1);
}

/* What the interrupt takes in which a request times out that nobody has read. */
static double expiry_of(uint32_t max_inflight)
{
	struct setting setting;
	double took;

	setting_open_with(&setting, (struct vhost_backend_setup){
		.nr_vrings = 1, .max_inflight = max_inflight,
	}, O_NONBLOCK);
	/* Nobody is to be woken. */
	close(setting.epoll);
	setting.epoll = -1;
	took = least_of(expiry_once, &setting);
	setting_close(&setting);
	return took;
}

double expiry_of_few(void)
{
	return expiry_of(2);
}

double expiry_of_many(void)
{
	return expiry_of(4096);
}
