// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unmodified vhost-vsock as a worker: this program is the guest of a stream
 * between it and a socket of the host, which sends back what it gets. It looks at
 * its queues only when the channel says so.
 */
#include "../kselftest_harness.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>

#include <linux/vhost.h>
#include <linux/virtio_vsock.h>
#include <linux/vm_sockets.h>

#include "lib/channel.h"
#include "lib/net_queue.h"
#include "lib/raised.h"
#include "lib/skip.h"
#include "lib/vhost_net.h"
#include "lib/wait.h"

SKIP_WITHOUT_CHANNEL;
SKIP_WITHOUT("/dev/vhost-vsock", vhost_vsock);

#define GUEST_CID	1077
#define SOURCE		65535	/* of the misses that come through the channel */
#define GUEST_PORT	1024
#define HOST_PORT	5000
#define CREDIT		(256U << 10)
#define PAYLOAD		(NET_BUFFER - sizeof(struct virtio_vsock_hdr))
/* The stream ends with what is reached first. */
#define STREAM_BYTES	(32ULL << 20)
#define STREAM_SECONDS	10
#define ENOUGH		100000U	/* of them, however slow the machine */

/* The guest's end of the one stream. */
struct stream {
	struct vhost_net device;
	int channel;
	bool connected;
	bool closed;
	uint64_t sent;
	uint64_t received;
	uint64_t told;		/* of what was received, the host knows */
	uint32_t peer_credit;
	uint32_t peer_took;
	uint32_t missed;
};

/* The host's end: a thread that sends everything back. */
struct host {
	pthread_t thread;
	int listener;
	uint64_t bytes;
	int error;
};

/* Each byte of the stream follows from its place. */
static void fill(uint8_t *data, size_t bytes, uint64_t offset)
{
	for (size_t i = 0; i < bytes; i++)
		data[i] = (uint32_t)(offset + i) * 0x9e3779b1 >> 24;
}

static bool is_filled(const uint8_t *data, size_t bytes, uint64_t offset)
{
	uint8_t expected[NET_BUFFER];

	fill(expected, bytes, offset);
	return !memcmp(data, expected, bytes);
}

static int host_echo(struct host *host, int fd)
{
	static char buffer[64 << 10];

	for (;;) {
		ssize_t n = recv(fd, buffer, sizeof(buffer), 0);

		if (n <= 0)
			return n ? -errno : 0;
		host->bytes += n;
		for (ssize_t at = 0; at < n;) {
			ssize_t sent = send(fd, buffer + at, n - at, MSG_NOSIGNAL);

			if (sent < 0)
				return -errno;
			at += sent;
		}
	}
}

static void *host_run(void *arg)
{
	struct host *host = arg;
	int fd = accept(host->listener, NULL, NULL);

	host->error = fd < 0 ? -errno : host_echo(host, fd);
	close(fd);
	return NULL;
}

static int host_start(struct host *host)
{
	struct sockaddr_vm address = {
		.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY,
		.svm_port = HOST_PORT,
	};

	host->listener = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (host->listener < 0 ||
	    bind(host->listener, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(host->listener, 1))
		return -errno;
	return -pthread_create(&host->thread, NULL, host_run, host);
}

static int stream_close(struct stream *stream)
{
	net_close(&stream->device);
	return close(stream->channel);
}

static int stream_open(struct stream *stream, enum net_mode mode)
{
	struct vhost_net *device = &stream->device;
	struct net_queue *rx = &device->queue[NET_RX];
	uint64_t cid = GUEST_CID;
	int run = 1;
	int err;

	stream->channel = channel_open(O_NONBLOCK);
	if (stream->channel < 0)
		return stream->channel;
	net_init(device, 0, mode, "/dev/vhost-vsock");
	err = net_start(device);
	if (!err)
		err = net_ioctl(device, device->vhost, VHOST_VSOCK_SET_GUEST_CID, &cid,
				"VHOST_VSOCK_SET_GUEST_CID");
	if (!err)
		err = net_bind(device, stream->channel, 0);
	if (!err && mode != NET_DIRECT)
		err = channel_bind(stream->channel, VHOST_BACKEND_BIND_IOTLB, SOURCE,
				   device->vhost, 0);
	if (!err)
		err = net_ioctl(device, device->vhost, VHOST_VSOCK_SET_RUNNING, &run,
				"VHOST_VSOCK_SET_RUNNING");
	for (int i = 0; !err && i < NET_RING; i++)
		net_add(rx, NET_BUFFER, true);
	net_kick(rx);
	if (err)
		printf("# %s\n", device->failed);
	return err;
}

/* Puts a packet in; the caller kicks. Every packet tells what we took. */
static int stream_put(struct stream *stream, uint16_t op, size_t bytes)
{
	struct net_queue *q = &stream->device.queue[NET_TX];
	struct virtio_vsock_hdr header = {
		.src_cid = GUEST_CID, .src_port = GUEST_PORT,
		.dst_cid = VMADDR_CID_HOST, .dst_port = HOST_PORT,
		.len = bytes, .op = op, .type = VIRTIO_VSOCK_TYPE_STREAM,
		.flags = op == VIRTIO_VSOCK_OP_SHUTDOWN ?
			 VIRTIO_VSOCK_SHUTDOWN_RCV | VIRTIO_VSOCK_SHUTDOWN_SEND : 0,
		.buf_alloc = CREDIT, .fwd_cnt = stream->received,
	};
	int id = net_add(q, sizeof(header) + bytes, false);

	if (id < 0)
		return id;
	memcpy(net_buffer(q, id), &header, sizeof(header));
	fill(net_buffer(q, id) + sizeof(header), bytes, stream->sent);
	stream->sent += bytes;
	stream->told = stream->received;
	return 0;
}

/* Sends what the host has room for. */
static void stream_fill(struct stream *stream, uint64_t end)
{
	struct net_queue *q = &stream->device.queue[NET_TX];
	bool put = false;

	while (stream->connected && stream->sent < end) {
		uint32_t room = stream->peer_credit -
				((uint32_t)stream->sent - stream->peer_took);
		/* Packets of many lengths, from a byte on */
		size_t bytes = 1 + (stream->sent * 7 + 1999) % PAYLOAD;

		if (bytes > end - stream->sent)
			bytes = end - stream->sent;
		if (bytes > room || stream_put(stream, VIRTIO_VSOCK_OP_RW, bytes))
			break;
		put = true;
	}
	if (stream->received - stream->told >= CREDIT / 4)
		put |= !stream_put(stream, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0);
	if (put)
		net_kick_if_wanted(q);
}

static int stream_packet(struct stream *stream, const uint8_t *packet,
			 uint32_t bytes)
{
	struct virtio_vsock_hdr header;

	memcpy(&header, packet, sizeof(header));
	if (bytes < sizeof(header) || bytes != sizeof(header) + header.len ||
	    header.src_cid != VMADDR_CID_HOST || header.dst_port != GUEST_PORT)
		return -EPROTO;
	stream->peer_credit = header.buf_alloc;
	stream->peer_took = header.fwd_cnt;
	switch (header.op) {
	case VIRTIO_VSOCK_OP_RESPONSE:
		stream->connected = true;
		return 0;
	case VIRTIO_VSOCK_OP_RW:
		if (!is_filled(packet + sizeof(header), header.len, stream->received))
			return -EBADMSG;
		stream->received += header.len;
		return 0;
	case VIRTIO_VSOCK_OP_CREDIT_REQUEST:
		return stream_put(stream, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0);
	case VIRTIO_VSOCK_OP_RST:
	case VIRTIO_VSOCK_OP_SHUTDOWN:
		stream->closed = true;
		return 0;
	default:
		return header.op == VIRTIO_VSOCK_OP_CREDIT_UPDATE ? 0 : -EPROTO;
	}
}

/* The device has no translation any more of a buffer that was used. */
static int stream_forget(struct stream *stream, struct net_queue *q, int id)
{
	if (stream->device.mode == NET_DIRECT)
		return 0;
	return net_translate(&stream->device, VHOST_IOTLB_INVALIDATE,
			     q->buffers_address + id * NET_BUFFER, NET_BUFFER, 0);
}

static int stream_reap(struct stream *stream, unsigned int index)
{
	struct net_queue *q = &stream->device.queue[index];
	uint32_t bytes;
	int err = 0;
	int id;

	while (!err && (id = net_reap(q, &bytes)) >= 0) {
		if (index == NET_RX)
			err = stream_packet(stream, net_buffer(q, id), bytes);
		if (!err)
			err = stream_forget(stream, q, id);
		if (index == NET_RX)
			net_add(q, NET_BUFFER, true);
	}
	if (index == NET_RX)
		net_kick_if_wanted(q);
	return err ? err : id == -EAGAIN ? 0 : id;
}

static int stream_answer(struct stream *stream, const struct miss *miss)
{
	int queue = net_queue_of(&stream->device, miss->iotlb.iova);

	if (queue < 0 || miss->iotlb.type != VHOST_IOTLB_MISS ||
	    miss->iotlb.source != SOURCE || miss->msg.id ||
	    miss->iotlb.perm != (queue == NET_TX ? VHOST_ACCESS_RO : VHOST_ACCESS_WO))
		return -EPROTO;
	stream->missed++;
	return net_translate(&stream->device, VHOST_IOTLB_UPDATE,
			     miss->iotlb.iova & ~(NET_BUFFER - 1ULL), NET_BUFFER,
			     miss->iotlb.perm);
}

/* Takes what the channel tells of, and nothing else; waits for it first. */
static int stream_step(struct stream *stream)
{
	struct raised raised;
	int err = take_raised(stream->channel, &raised, LIMIT_MS);

	if (!err && (raised.errs || raised.others))
		err = -EPROTO;
	for (unsigned int i = 0; !err && i < raised.nr_misses; i++)
		err = stream_answer(stream, &raised.misses[i]);
	for (unsigned int i = 0; !err && i < NET_QUEUES; i++)
		if (raised.calls & 1ULL << i)
			err = stream_reap(stream, i);
	return err;
}

static int stream_connect(struct stream *stream)
{
	int err = stream_put(stream, VIRTIO_VSOCK_OP_REQUEST, 0);

	net_kick_if_wanted(&stream->device.queue[NET_TX]);
	while (!err && !stream->connected)
		err = stream_step(stream);
	return err;
}

static int stream_shutdown(struct stream *stream)
{
	int err;

	/* A packet of the last ones may still be the device's. */
	while ((err = stream_put(stream, VIRTIO_VSOCK_OP_SHUTDOWN, 0)) == -ENOSPC)
		if (stream_step(stream))
			return -EPIPE;
	net_kick_if_wanted(&stream->device.queue[NET_TX]);
	while (!err && !stream->closed)
		err = stream_step(stream);
	return err;
}

/* Of @end bytes what fits into @seconds, and ENOUGH; all that was sent comes back. */
static int stream_run(struct stream *stream, uint64_t end, unsigned int seconds)
{
	time_t last = time(NULL) + seconds;
	int err = 0;

	while (!err) {
		if (time(NULL) >= last && stream->sent >= ENOUGH && stream->sent < end)
			end = stream->sent;
		stream_fill(stream, end);
		if (stream->received == end)
			return 0;
		err = stream_step(stream);
	}
	return err;
}

FIXTURE(vhost_vsock) {
	struct stream stream;
	struct host host;
};

FIXTURE_VARIANT(vhost_vsock) {
	enum net_mode mode;
	uint64_t bytes;
};

FIXTURE_VARIANT_ADD(vhost_vsock, direct) {
	.mode = NET_DIRECT,
	.bytes = STREAM_BYTES,
};

/* Each packet costs a miss. */
FIXTURE_VARIANT_ADD(vhost_vsock, iotlb) {
	.mode = NET_IOTLB,
	.bytes = STREAM_BYTES / 8,
};

FIXTURE_SETUP(vhost_vsock)
{
	ASSERT_EQ(0, stream_open(&self->stream, variant->mode));
	ASSERT_EQ(0, host_start(&self->host));
}

FIXTURE_TEARDOWN(vhost_vsock)
{
	stream_close(&self->stream);
	close(self->host.listener);
}

TEST_F_TIMEOUT(vhost_vsock, stream, 240)
{
	struct stream *stream = &self->stream;
	struct vhost_backend_stats stats;

	ASSERT_EQ(0, stream_connect(stream));
	ASSERT_EQ(0, stream_run(stream, variant->bytes, STREAM_SECONDS));
	ASSERT_EQ(0, stream_shutdown(stream));
	pthread_join(self->host.thread, NULL);
	EXPECT_EQ(0, self->host.error);
	EXPECT_EQ(stream->sent, self->host.bytes);
	EXPECT_EQ(stream->sent, stream->received);
	stats = channel_stats(stream->channel);
	/* The device may have missed another buffer since. */
	EXPECT_EQ(stats.requests_delivered, stream->missed);
	EXPECT_EQ(0U, stats.requests_answered);
	TH_LOG("%llu KiB, %u misses, %llu signals, %llu notifications",
	       (unsigned long long)stream->sent >> 10, stream->missed,
	       (unsigned long long)stats.notifications_raised,
	       (unsigned long long)stats.notifications_delivered);
}

TEST_HARNESS_MAIN
