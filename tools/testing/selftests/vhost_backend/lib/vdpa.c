// SPDX-License-Identifier: GPL-2.0-only
#include "vdpa.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/vdpa.h>
#include <linux/vhost.h>

#include "channel.h"

/* A request of generic netlink, with strings as its attributes */
struct request {
	struct nlmsghdr header;
	struct genlmsghdr command;
	char attributes[256];
};

static void add_string(struct request *request, uint16_t type, const char *text)
{
	struct nlattr *attribute = (void *)((char *)request +
					    NLMSG_ALIGN(request->header.nlmsg_len));

	attribute->nla_type = type;
	attribute->nla_len = NLA_HDRLEN + strlen(text) + 1;
	strcpy((char *)attribute + NLA_HDRLEN, text);
	request->header.nlmsg_len = NLMSG_ALIGN(request->header.nlmsg_len) +
				    NLA_ALIGN(attribute->nla_len);
}

static struct request new_request(uint16_t family, uint8_t command)
{
	return (struct request){
		.header = {
			.nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN),
			.nlmsg_type = family,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
		},
		.command = { .cmd = command, .version = 1 },
	};
}

/* Sends it and reads the answer, or the acknowledgment; 0 or -errno. */
static int transact(int sock, const struct request *request, void *answer, size_t size)
{
	const struct nlmsghdr *header = answer;
	ssize_t n;

	if (send(sock, request, request->header.nlmsg_len, 0) < 0)
		return -errno;
	n = recv(sock, answer, size, 0);
	if (n < (ssize_t)sizeof(*header))
		return n < 0 ? -errno : -EPROTO;
	if (header->nlmsg_type != NLMSG_ERROR)
		return 0;
	return ((const struct nlmsgerr *)NLMSG_DATA(header))->error;
}

/* The number of generic netlink's family "vdpa", or -errno. */
static int find_family(int sock)
{
	struct request request = new_request(GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
	char answer[8192] __attribute__((aligned(8)));
	const struct nlmsghdr *header = (void *)answer;
	size_t at = NLMSG_LENGTH(GENL_HDRLEN);
	int err;

	add_string(&request, CTRL_ATTR_FAMILY_NAME, VDPA_GENL_NAME);
	err = transact(sock, &request, answer, sizeof(answer));
	if (err)
		return err;
	while (at + NLA_HDRLEN < header->nlmsg_len) {
		const struct nlattr *attribute = (void *)(answer + at);

		if (attribute->nla_type == CTRL_ATTR_FAMILY_ID)
			return *(const uint16_t *)(attribute + 1);
		at += NLA_ALIGN(attribute->nla_len);
	}
	return -ENOENT;
}

int vdpa_manage(const char *parent, const char *name)
{
	uint8_t command = parent ? VDPA_CMD_DEV_NEW : VDPA_CMD_DEV_DEL;
	char answer[1024] __attribute__((aligned(8)));
	struct request request;
	int family, sock, err;

	sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	family = find_family(sock);
	close(sock);
	if (family < 0)
		return family;
	/* Another socket: the acknowledgment of the first is still to come. */
	sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	request = new_request(family, command);
	if (parent)
		add_string(&request, VDPA_ATTR_MGMTDEV_DEV_NAME, parent);
	add_string(&request, VDPA_ATTR_DEV_NAME, name);
	err = transact(sock, &request, answer, sizeof(answer));
	close(sock);
	return err;
}

int vdpa_set_status(int vhost, uint8_t status)
{
	return try_ioctl(vhost, VHOST_VDPA_SET_STATUS, &status);
}

int vdpa_enable_queue(int vhost, uint32_t index)
{
	struct vhost_vring_state enable = { .index = index, .num = 1 };

	return try_ioctl(vhost, VHOST_VDPA_SET_VRING_ENABLE, &enable);
}
