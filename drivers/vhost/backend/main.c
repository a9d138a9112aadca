// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vhost backend channel: in-kernel vhost workers send requests to a userspace
 * frontend over /dev/vhost-backend.
 */
#include <linux/device/driver.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

#include "channel.h"
#include "chardev.h"

module_param_named(max_ring_bytes, vhost_backend_max_ring_bytes, uint, 0644);
MODULE_PARM_DESC(max_ring_bytes, "largest ring of a channel, bytes (default 16777216)");

module_param_named(max_channels, vhost_backend_max_channels, uint, 0644);
MODULE_PARM_DESC(max_channels, "channels of a user without CAP_SYS_RESOURCE (default 1024)");

module_param_named(max_memory, vhost_backend_max_memory, ulong, 0644);
MODULE_PARM_DESC(max_memory,
		 "bytes of the channels of a user without CAP_SYS_RESOURCE (default 1073741824)");

module_param_named(max_bindings, vhost_backend_max_bindings, uint, 0644);
MODULE_PARM_DESC(max_bindings, "bindings of a user without CAP_SYS_RESOURCE (default 65536)");

module_param_named(max_devices, vhost_backend_max_devices, uint, 0644);
MODULE_PARM_DESC(max_devices,
		 "of these, bound vhost devices, each of which takes a thread (default 4096)");

module_param_named(reply_timeout_ms, vhost_backend_reply_timeout_ms, uint, 0644);
MODULE_PARM_DESC(reply_timeout_ms,
		 "how long a worker waits for a reply by default, ms (default 30000)");

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "vhost-backend",
	.fops = &vhost_backend_fops,
	.mode = 0600,
};

static int __init register_device(struct miscdevice *misc)
{
	vhost_backend_channel_fops = &vhost_backend_fops;
	return misc_register(misc);
}
module_driver(device, register_device, misc_deregister);

MODULE_DESCRIPTION("vhost backend channel");
MODULE_AUTHOR("The vhost backend channel developers");
MODULE_LICENSE("GPL");
MODULE_VERSION("1.0.0");
