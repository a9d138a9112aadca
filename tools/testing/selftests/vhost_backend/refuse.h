/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel refuses in the worker's own call, and what it accepts: the
 * fixture and the two checks of the tests about that.
 */
#ifndef VHOST_BACKEND_REFUSE_H
#define VHOST_BACKEND_REFUSE_H

#include "requests.h"

/* A worker that sends from each of the contexts that there are. */
FIXTURE(worker) {
	struct ends ends;
};

FIXTURE_VARIANT(worker) {
	unsigned int context;
};

FIXTURE_VARIANT_ADD(worker, process) {
	.context = VHOST_BACKEND_TEST_PROCESS,
};

FIXTURE_VARIANT_ADD(worker, softirq) {
	.context = VHOST_BACKEND_TEST_SOFTIRQ,
};

FIXTURE_VARIANT_ADD(worker, hardirq) {
	.context = VHOST_BACKEND_TEST_HARDIRQ,
};

FIXTURE_SETUP(worker)
{
	ASSERT_EQ(0, ends_open(&self->ends, O_NONBLOCK,
			       (struct vhost_backend_setup){}));
	self->ends.context = variant->context;
}

FIXTURE_TEARDOWN(worker)
{
	ends_close(&self->ends);
}

/* The same worker, on a channel of another SETUP. */
static inline int ends_reopen(struct ends *ends,
			      struct vhost_backend_setup setup)
{
	ends_close(ends);
	return ends_open(ends, O_NONBLOCK, setup);
}

/* Takes what should not be there, so that it is blamed on one case only. */
static inline bool drain(int channel)
{
	struct message m;
	bool some = false;

	while (channel_read(channel, &m) > 0) {
		some = true;
		if (m.msg.fd >= 0)
			close(m.msg.fd);
	}
	return some;
}

/* @send fails with -@error and leaves no trace but in the statistics. */
static inline void refused_once(struct __test_metadata *_metadata, int channel,
				int worker, struct vhost_backend_test_send send,
				int error, const char *what)
{
	struct vhost_backend_stats before = channel_stats(channel), after;
	bool type = error == EOPNOTSUPP;

	EXPECT_EQ(-error, worker_send(worker, &send))
		TH_LOG("request %u, %s", send.request, what);
	after = channel_stats(channel);
	EXPECT_EQ(before.requests_queued, after.requests_queued);
	EXPECT_EQ(before.notifications_raised, after.notifications_raised);
	EXPECT_EQ(before.inflight, after.inflight);
	EXPECT_EQ(before.refused_type + type, after.refused_type)
		TH_LOG("request %u, %s", send.request, what);
	EXPECT_EQ(before.refused_content + !type, after.refused_content)
		TH_LOG("request %u, %s", send.request, what);
	EXPECT_FALSE(drain(channel))
		TH_LOG("request %u, %s", send.request, what);
}

/* With a reply, and without one where a worker may send it so. */
static inline void expect_refused(struct __test_metadata *_metadata,
				  struct ends *ends,
				  struct vhost_backend_test_send send,
				  enum reply_policy reply, int error,
				  const char *what)
{
	if (reply != REPLY_ALWAYS)
		refused_once(_metadata, ends->channel, ends->worker,
			     send, error, what);
	send.flags = VHOST_BACKEND_TEST_REPLY | VHOST_BACKEND_TEST_ASYNC;
	refused_once(_metadata, ends->channel, ends->worker, send,
		     error, what);
}

/* @send is queued, is delivered as it is, and can be answered. */
static inline void expect_accepted(struct __test_metadata *_metadata,
				   struct ends *ends,
				   struct vhost_backend_test_send send,
				   const char *what)
{
	struct vhost_backend_test_result result;
	struct transaction t;
	struct message m;

	ASSERT_EQ(0, transaction_start(&t, ends, send))
		TH_LOG("request %u, %s", send.request, what);
	ASSERT_EQ((ssize_t)(sizeof(m.msg) + send.size),
		  await_message(ends->channel, &m));
	EXPECT_EQ(send.request, m.msg.request);
	if (kind_has_vring(find_kind(send.request)))
		m.state.index -= VRING_BASE;
	EXPECT_EQ(0, memcmp(m.bytes, (void *)(uintptr_t)send.payload,
			    send.size));
	if (m.msg.fd >= 0)
		close(m.msg.fd);
	EXPECT_LT(0, channel_reply(ends->channel, &m.msg, -EIO));
	ASSERT_EQ(0, transaction_end(&t, &result));
	EXPECT_EQ(-EIO, result.error);
}

static inline bool kind_is_fs(const struct request_kind *kind)
{
	return kind->request >= VHOST_BACKEND_DEPRECATED_FS_MAP &&
	       kind->request <= VHOST_BACKEND_DEPRECATED_FS_IO;
}

/* One entry in use; the rest is noise, which is not looked at. */
static inline struct message fs_with_entry(unsigned int entry)
{
	struct message m;

	memset(&m, 0xee, sizeof(m));
	memset(m.fs.len, 0, sizeof(m.fs.len));
	m.fs.fd_offset[entry] = 0x3000;
	m.fs.c_offset[entry] = 0x5000;
	m.fs.len[entry] = 0x1000;
	m.fs.flags[entry] = VHOST_BACKEND_MAP_R;
	return m;
}

#endif /* VHOST_BACKEND_REFUSE_H */
