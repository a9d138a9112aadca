// SPDX-License-Identifier: GPL-2.0-only
#include "vmm.h"

/* [open] */
#define HANDLED(request)	(1ULL << VHOST_BACKEND_BIT(request))

int vmm_open(struct vmm_net *net)
{
	struct vhost_backend_setup setup = {
		.requests = HANDLED(VHOST_BACKEND_IOTLB_MSG) |
			    HANDLED(VHOST_BACKEND_VRING_CALL) |
			    HANDLED(VHOST_BACKEND_VRING_ERR),
		.nr_vrings = VRINGS,
	};
	int err;

	net->channel = open("/dev/vhost-backend", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (net->channel < 0)
		return -errno;
	if (!ioctl(net->channel, VHOST_BACKEND_SETUP, &setup))
		return 0;
	err = -errno;
	close(net->channel);
	net->channel = -1;
	return err;
}

/* [bind] */
static int vmm_bind_one(struct vmm_net *net, uint32_t source, uint32_t index, int fd)
{
	struct vhost_backend_bind bind = {
		.source = source, .index = index, .fd = fd,
	};

	return ioctl(net->channel, VHOST_BACKEND_BIND, &bind) ? -errno : 0;
}

int vmm_bind(struct vmm_net *net)
{
	int err = vmm_bind_one(net, VHOST_BACKEND_BIND_IOTLB, 0, net->vhost);

	for (unsigned int i = 0; !err && i < VRINGS; i++) {
		err = vmm_bind_one(net, VHOST_BACKEND_BIND_VRING_ERR, i, net->err[i]);
		if (!err)
			err = vmm_bind_one(net, VHOST_BACKEND_BIND_VRING_CALL, i,
					   net->call[i]);
	}
	return err;
}

/* [miss] */
static int vmm_miss(struct vmm_net *net, const struct vhost_backend_iotlb *miss)
{
	struct vhost_msg_v2 update = { .type = VHOST_IOTLB_MSG_V2 };
	int err;

	if (miss->type != VHOST_IOTLB_MISS)
		return -EOPNOTSUPP;
	err = net->translate(net, miss->iova, &update.iotlb);
	if (err)
		return err;
	update.iotlb.type = VHOST_IOTLB_UPDATE;
	return write(net->vhost, &update, sizeof(update)) == sizeof(update) ?
		0 : -errno;
}

/* [message] */
static int vmm_reply(struct vmm_net *net, const struct vhost_backend_msg *msg,
		     int64_t value)
{
	struct vhost_backend_reply reply = {
		.msg = {
			.request = msg->request,
			.flags = VHOST_BACKEND_MSG_VERSION | VHOST_BACKEND_MSG_REPLY,
			.size = sizeof(reply.value),
			.fd = VHOST_BACKEND_FD_NONE,
			.id = msg->id,
		},
		.value = value,
	};

	return write(net->channel, &reply, sizeof(reply)) == sizeof(reply) ? 0 : -errno;
}

static int vmm_message(struct vmm_net *net, const struct vhost_backend_msg *msg)
{
	const struct vhost_backend_vring_state *state = (const void *)(msg + 1);
	int value = 0;

	switch (msg->request) {
	case VHOST_BACKEND_VRING_CALL:
		net->interrupt(net, state->index);
		break;
	case VHOST_BACKEND_VRING_ERR:
		net->broken(net, state->index);
		break;
	case VHOST_BACKEND_IOTLB_MSG:
		value = vmm_miss(net, (const void *)(msg + 1));
		break;
	default:
		value = -EOPNOTSUPP;
	}
	return msg->flags & VHOST_BACKEND_MSG_NEED_REPLY ?
		vmm_reply(net, msg, value) : 0;
}

/* [read] */
int vmm_read(struct vmm_net *net)
{
	_Alignas(8) char buffer[4096];
	ssize_t bytes, at;
	int err = 0;

	while ((bytes = read(net->channel, buffer, sizeof(buffer))) > 0) {
		for (at = 0; at < bytes;) {
			const struct vhost_backend_msg *msg = (const void *)(buffer + at);
			int failed = vmm_message(net, msg);

			err = err ? err : failed;
			at += (sizeof(*msg) + msg->size + 7) & ~7u;
		}
	}
	return bytes < 0 && errno != EAGAIN ? -errno : err;
}

/* [close] */
int vmm_close(struct vmm_net *net)
{
	int err = 0;

	for (unsigned int i = 0; i < VRINGS; i++) {
		struct vhost_vring_file none = { .index = i, .fd = -1 };

		if (ioctl(net->vhost, VHOST_NET_SET_BACKEND, &none))
			err = -errno;
	}
	/* What the queues said before they stopped is there, and nothing follows. */
	if (!err)
		err = vmm_read(net);
	close(net->channel);
	net->channel = -1;
	return err;
}

/* [end] */
