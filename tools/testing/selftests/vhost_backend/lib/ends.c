// SPDX-License-Identifier: GPL-2.0-only
#include "ends.h"

#include <errno.h>
#include <unistd.h>

#include "channel.h"
#include "file.h"
#include "message.h"
#include "wait.h"
#include "worker.h"

int ends_open(struct ends *ends, int flags, struct vhost_backend_setup setup)
{
	ends->channel = channel_open_with(flags, setup);
	if (ends->channel < 0)
		return ends->channel;
	ends->worker = worker_attach(ends->channel, "test", VRING_BASE,
				     NR_VRINGS);
	if (ends->worker < 0)
		return ends->worker;
	ends->file = make_file(ENDS_FILE_PAGES);
	if (ends->file < 0)
		return -errno;
	return pwrite(ends->file, ENDS_FILE_TEXT, sizeof(ENDS_FILE_TEXT), 0) < 0 ?
		-errno : 0;
}

int ends_open_large(struct ends *ends, int flags)
{
	return ends_open(ends, flags, (struct vhost_backend_setup){
		.ring_bytes = 65536, .max_inflight = 1024,
	});
}

void ends_close(struct ends *ends)
{
	close(ends->file);
	close(ends->worker);
	close(ends->channel);
}

int ends_reopen(struct ends *ends, struct vhost_backend_setup setup)
{
	ends_close(ends);
	return ends_open(ends, O_NONBLOCK, setup);
}

struct vhost_backend_test_send send_of(const struct request_kind *kind,
				       const struct ends *ends)
{
	return (struct vhost_backend_test_send){
		.request = kind->request, .size = kind->size,
		.payload = (uintptr_t)kind->sample.bytes,
		.fd = kind->file ? ends->file : -1,
		.context = ends->context,
	};
}

void *transaction_thread(void *arg)
{
	struct transaction *t = arg;

	t->error = worker_send(t->worker, &t->send);
	return NULL;
}

int transaction_start(struct transaction *t, const struct ends *ends,
		      struct vhost_backend_test_send send)
{
	*t = (struct transaction){
		.worker = ends->worker, .send = send,
		.threaded = ends->synchronous,
	};
	t->send.flags |= VHOST_BACKEND_TEST_REPLY;
	if (t->threaded)
		return -pthread_create(&t->thread, NULL, transaction_thread, t);
	t->send.flags |= VHOST_BACKEND_TEST_ASYNC;
	return worker_send(ends->worker, &t->send);
}

int transaction_end(struct transaction *t, struct vhost_backend_test_result *result)
{
	if (!t->threaded)
		return worker_result(t->worker, t->send.cookie, PATIENCE_MS,
				     result);
	pthread_join(t->thread, NULL);
	*result = (struct vhost_backend_test_result){
		.error = t->error, .value = t->send.value,
		.fd = t->send.result_fd, .count = 1,
	};
	return 0;
}

int ends_deliver(struct ends *ends, const struct request_kind *kind, struct waiting *waiting)
{
	struct vhost_backend_test_send send = send_of(kind, ends);
	struct message m;
	ssize_t n;
	int err;

	send.flags = VHOST_BACKEND_TEST_REPLY | VHOST_BACKEND_TEST_ASYNC;
	send.timeout_ms = NO_TIMEOUT_MS;
	err = worker_send(ends->worker, &send);
	if (err)
		return err;
	n = await_message(ends->channel, &m);
	if (n <= 0)
		return n ? n : -EIO;
	if (m.msg.fd >= 0)
		close(m.msg.fd);
	*waiting = (struct waiting){ .cookie = send.cookie, .msg = m.msg };
	return 0;
}
