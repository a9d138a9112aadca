// SPDX-License-Identifier: GPL-2.0-only
#include "flow.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/vhost.h>

#include "net_queue.h"

static size_t frame_bytes(uint32_t number)
{
	return NET_FRAME_MIN + number * 37 % (NET_FRAME_MAX - NET_FRAME_MIN + 1);
}

/* The device gives up the translation of a buffer that is the guest's again. */
static int flow_forget(struct flow *flow, struct net_queue *q, int id)
{
	if (flow->net->mode == NET_DIRECT)
		return 0;
	return net_translate(flow->net, VHOST_IOTLB_INVALIDATE,
			     q->buffers_address + id * NET_BUFFER, NET_BUFFER, 0);
}

int flow_offer(struct flow *flow, uint32_t offered)
{
	uint8_t frame[NET_BUFFER];

	while (flow->offered < offered) {
		size_t bytes = frame_bytes(flow->offered);
		int id;

		net_frame(flow->net, frame, bytes, flow->offered);
		id = net_transmit(flow->net, frame, bytes);
		if (id < 0)
			return id;
		flow->offered++;
	}
	net_kick_if_wanted(&flow->net->queue[NET_TX]);
	return 0;
}

int flow_reap(struct flow *flow)
{
	struct net_queue *q = &flow->net->queue[NET_TX];
	int err = 0;
	int id;

	while (!err && (id = net_reap(q, NULL)) >= 0) {
		flow->used++;
		err = flow_forget(flow, q, id);
	}
	return err ? err : id == -EAGAIN ? 0 : id;
}

int flow_compare(struct flow *flow)
{
	uint8_t sent[NET_BUFFER], got[NET_BUFFER];

	for (; flow->seen < flow->used; flow->seen++) {
		size_t bytes = frame_bytes(flow->seen);
		ssize_t n = net_capture(flow->net, flow->capture, got,
					sizeof(got), LIMIT_MS);

		if (n < 0)
			return n;
		net_frame(flow->net, sent, bytes, flow->seen);
		if ((size_t)n != bytes - flow->capture->skip ||
		    memcmp(got, sent + flow->capture->skip, n))
			return -EBADMSG;
	}
	return 0;
}

/* The host sends datagrams out of the tap, to the guest and everybody else. */
static int host_socket(const struct vhost_net *net)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(NET_PORT),
		.sin_addr.s_addr = net_host_address(net) | htonl(0xff),
	};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int one = 1;

	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &one, sizeof(one)) ||
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, net->name, strlen(net->name)) ||
	    connect(fd, (struct sockaddr *)&to, sizeof(to)))
		return -errno;
	return fd;
}

int flow_open_host(struct flow *flow)
{
	struct net_queue *q = &flow->net->queue[NET_RX];

	flow->host = host_socket(flow->net);
	if (flow->host < 0)
		return flow->host;
	for (int i = 0; i < NET_RING; i++)
		net_add(q, NET_BUFFER, true);
	net_kick(q);
	return 0;
}

/* The host sends until @sent frames are on their way. */
static int flow_send(struct flow *flow, uint32_t sent)
{
	uint8_t frame[NET_BUFFER];

	for (; flow->sent < sent; flow->sent++) {
		size_t bytes = frame_bytes(flow->sent);

		net_frame(flow->net, frame, bytes, flow->sent);
		if (send(flow->host, frame + NET_PAYLOAD, bytes - NET_PAYLOAD, 0) !=
		    (ssize_t)bytes - NET_PAYLOAD)
			return -errno;
	}
	return 0;
}

/* Whether a received frame is one of ours: the host sends others by itself. */
static bool is_datagram(const struct vhost_net *net, const uint8_t *frame)
{
	const uint32_t host = net_host_address(net);

	return frame[2 * ETH_ALEN] == ETH_P_IP >> 8 &&
	       frame[2 * ETH_ALEN + 1] == (ETH_P_IP & 0xff) &&
	       frame[ETH_HLEN + 9] == IPPROTO_UDP &&
	       !memcmp(frame + ETH_HLEN + 12, &host, sizeof(host)) &&
	       frame[ETH_HLEN + 22] == 0 && frame[ETH_HLEN + 23] == NET_PORT;
}

static int flow_check_received(struct flow *flow, const uint8_t *frame, uint32_t bytes)
{
	size_t length = frame_bytes(flow->received);
	uint8_t expected[NET_BUFFER];

	if (!is_datagram(flow->net, frame))
		return 0;
	net_frame(flow->net, expected, length, flow->received);
	if (bytes != NET_HEADER + length ||
	    memcmp(frame + NET_PAYLOAD, expected + NET_PAYLOAD, length - NET_PAYLOAD))
		return -EBADMSG;
	flow->received++;
	return 0;
}

/* Takes received frames, compares them, and gives the buffers back. */
static int flow_receive(struct flow *flow)
{
	struct net_queue *q = &flow->net->queue[NET_RX];
	uint32_t bytes;
	int err = 0;
	int id;

	while (!err && (id = net_reap(q, &bytes)) >= 0) {
		err = flow_check_received(flow, net_buffer(q, id) + NET_HEADER, bytes);
		if (!err)
			err = flow_forget(flow, q, id);
		net_add(q, NET_BUFFER, true);
	}
	net_kick_if_wanted(q);
	return err ? err : id == -EAGAIN ? 0 : id;
}

static struct flow *flow_of(struct flow *flows, unsigned int nr_flows,
			    const struct vhost_backend_iotlb *miss)
{
	for (unsigned int i = 0; i < nr_flows; i++)
		if (flows[i].net->mode != NET_DIRECT && flows[i].source == miss->source &&
		    net_queue_of(flows[i].net, miss->iova) >= 0)
			return &flows[i];
	return NULL;
}

/* A buffer is missed from its start on, and in the order of the ring. */
static bool flow_expects(const struct flow *flow, const struct vhost_backend_iotlb *miss)
{
	int queue = net_queue_of(flow->net, miss->iova);
	const struct net_queue *q = &flow->net->queue[queue];
	uint64_t at = miss->iova - q->buffers_address;
	uint32_t next = q->vring.avail->ring[flow->missed[queue] % NET_RING];

	if (flow->strict && queue == NET_TX && at / NET_BUFFER != next)
		return false;
	return at % NET_BUFFER == 0 && miss->type == VHOST_IOTLB_MISS &&
	       miss->perm == (queue == NET_TX ? VHOST_ACCESS_RO : VHOST_ACCESS_WO);
}

int flow_translate(struct flow *flow, const struct vhost_backend_iotlb *miss)
{
	if (!flow_expects(flow, miss)) {
		printf("# unexpected: iova %#llx perm %u type %u\n",
		       (unsigned long long)miss->iova, miss->perm, miss->type);
		return -EPROTO;
	}
	flow->missed[net_queue_of(flow->net, miss->iova)]++;
	if (flow->delay_us)
		usleep(flow->delay_us);
	return net_translate(flow->net, VHOST_IOTLB_UPDATE, miss->iova, NET_BUFFER,
			     miss->perm);
}

int flows_answer(struct flow *flows, unsigned int nr_flows, const struct miss *miss)
{
	struct flow *flow = flow_of(flows, nr_flows, &miss->iotlb);

	if (!flow)
		printf("# unexpected: iova %#llx, source %u\n",
		       (unsigned long long)miss->iotlb.iova, miss->iotlb.source);
	if (!flow || miss->msg.id || miss->msg.fd != VHOST_BACKEND_FD_NONE ||
	    miss->msg.flags != VHOST_BACKEND_MSG_VERSION)
		return -EPROTO;
	return flow_translate(flow, &miss->iotlb);
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

int flow_feed(struct flow *flow, uint32_t target, uint32_t window)
{
	uint32_t offered = smaller(flow->used + window, target);
	int err = 0;

	if (offered > flow->offered)
		err = flow_offer(flow, offered);
	if (!err && flow->host >= 0)
		err = flow_send(flow, smaller(flow->received + window, target));
	return err;
}

int flow_take(struct flow *flow, uint64_t calls)
{
	int err = 0;

	if (calls & 1ULL << (flow->base + NET_RX))
		err = flow_receive(flow);
	if (!err && calls & 1ULL << (flow->base + NET_TX)) {
		err = flow_reap(flow);
		if (!err)
			err = flow_compare(flow);
	}
	return err;
}

bool flow_is_through(const struct flow *flow, uint32_t target)
{
	return flow->used >= target &&
	       (flow->host < 0 || flow->received >= target);
}

static int flows_take(struct flow *flows, unsigned int nr_flows,
		      const struct raised *raised)
{
	int err = raised->errs || raised->others ? -EPROTO : 0;

	if (err)
		printf("# unexpected: errs %#llx, others %u\n",
		       (unsigned long long)raised->errs, raised->others);
	for (unsigned int i = 0; !err && i < raised->nr_misses; i++)
		err = flows_answer(flows, nr_flows, &raised->misses[i]);
	for (unsigned int i = 0; !err && i < nr_flows; i++)
		err = flow_take(&flows[i], raised->calls);
	return err;
}

int flows_run(int channel, struct flow *flows, unsigned int nr_flows, uint32_t count,
	      uint32_t window)
{
	uint32_t target = flows[0].used + count;

	for (;;) {
		unsigned int busy = 0;
		struct raised raised;
		int err;

		for (unsigned int i = 0; i < nr_flows; i++) {
			err = flow_feed(&flows[i], target, window);
			if (err)
				return err;
			busy += !flow_is_through(&flows[i], target);
		}
		if (!busy)
			return 0;
		err = take_raised(channel, &raised, LIMIT_MS);
		if (!err)
			err = flows_take(flows, nr_flows, &raised);
		if (err)
			return err;
	}
}

int flows_open(struct vhost_net *net, struct net_capture *capture, struct flow *flow,
	       unsigned int devices, enum net_mode mode)
{
	for (unsigned int i = 0; i < devices; i++) {
		int err = net_open_mode(&net[i], i, mode);

		if (!err)
			err = net_capture_open(&net[i], &capture[i]);
		if (err) {
			printf("# %s\n", net[i].failed);
			return err;
		}
		flow[i] = (struct flow){
			.net = &net[i], .capture = &capture[i], .host = -1,
			.base = BASE(i), .source = SOURCE(i),
		};
	}
	return 0;
}

void flows_close(struct flow *flow, unsigned int devices)
{
	for (unsigned int i = 0; i < devices; i++) {
		if (flow[i].host >= 0)
			close(flow[i].host);
		close(flow[i].capture->fd);
		net_close(flow[i].net);
	}
}
