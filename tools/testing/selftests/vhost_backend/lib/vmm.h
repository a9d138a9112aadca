/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VMM's vhost-net and its channel. What stands between the marks, here and in vmm.c, is
 * in Documentation/userspace-api/vhost-net.rst word for word.
 */
#ifndef VHOST_BACKEND_LIB_VMM_H
#define VHOST_BACKEND_LIB_VMM_H

/* [declarations] */
#include <errno.h>
#include <fcntl.h>
#include <linux/vhost.h>
#include <linux/vhost_backend.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define VRINGS	2

struct vmm_net {
	/* What the VMM has today */
	int vhost;			/* /dev/vhost-net, open with O_NONBLOCK */
	int call[VRINGS];		/* given to VHOST_SET_VRING_CALL */
	int err[VRINGS];		/* given to VHOST_SET_VRING_ERR */

	/* What it does when the device has something to say */
	void (*interrupt)(struct vmm_net *net, unsigned int vring);
	void (*broken)(struct vmm_net *net, unsigned int vring);
	int (*translate)(struct vmm_net *net, uint64_t iova,
			 struct vhost_iotlb_msg *entry);

	/* What is new */
	int channel;
};

/* [end] */

/* Return 0 or -errno. */
int vmm_open(struct vmm_net *net);
int vmm_bind(struct vmm_net *net);

/* Handles everything that the channel has to say. */
int vmm_read(struct vmm_net *net);

/* Stops the device, handles what it said before, and closes the channel. */
int vmm_close(struct vmm_net *net);

#endif /* VHOST_BACKEND_LIB_VMM_H */
