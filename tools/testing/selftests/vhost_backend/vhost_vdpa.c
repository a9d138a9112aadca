// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unmodified vhost-vdpa as a worker. This program is the device too, through
 * VDUSE: what it signals and changes, arrives at the frontend, and what the
 * channel told of can be found in the device's configuration.
 */
#include "../kselftest_harness.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include <linux/vduse.h>
#include <linux/vhost.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>

#include "lib/channel.h"
#include "lib/memory.h"
#include "lib/message.h"
#include "lib/raised.h"
#include "lib/skip.h"
#include "lib/vdpa.h"
#include "lib/wait.h"

SKIP_WITHOUT_CHANNEL;

#define CONTROL	"/dev/vduse/control"
#define NAME	"vhost-backend"
#define QUEUES	2

static void __attribute__((constructor)) skip_without_vduse(void)
{
	skip_without(CONTROL, "vduse, vhost_vdpa");
}

/* The device: a thread that agrees to everything. */
struct device {
	pthread_t thread;
	int control;
	int fd;
};

static void *device_run(void *arg)
{
	struct device *device = arg;
	struct vduse_dev_request request;

	while (read(device->fd, &request, sizeof(request)) == sizeof(request)) {
		struct vduse_dev_response response = {
			.request_id = request.request_id,
			.result = VDUSE_REQ_RESULT_OK,
		};

		if (write(device->fd, &response, sizeof(response)) < 0)
			break;
	}
	return NULL;
}

static int device_create(struct device *device)
{
	union {
		struct vduse_dev_config head;
		char bytes[sizeof(struct vduse_dev_config) +
			   sizeof(struct virtio_blk_config)];
	} config = {
		.head = {
			.name = NAME, .device_id = VIRTIO_ID_BLOCK, .vendor_id = 1,
			.features = 1ULL << VIRTIO_F_VERSION_1 |
				    1ULL << VIRTIO_F_ACCESS_PLATFORM,
			.vq_num = QUEUES, .vq_align = PAGE,
			.config_size = sizeof(struct virtio_blk_config),
		},
	};
	uint64_t version = VDUSE_API_VERSION;

	device->control = open(CONTROL, O_RDWR | O_CLOEXEC);
	if (device->control < 0 ||
	    ioctl(device->control, VDUSE_SET_API_VERSION, &version) ||
	    ioctl(device->control, VDUSE_CREATE_DEV, &config))
		return -errno;
	device->fd = open("/dev/vduse/" NAME, O_RDWR | O_CLOEXEC);
	if (device->fd < 0)
		return -errno;
	for (uint32_t i = 0; i < QUEUES; i++) {
		struct vduse_vq_config queue = { .index = i, .max_size = 64 };

		if (ioctl(device->fd, VDUSE_VQ_SETUP, &queue))
			return -errno;
	}
	if (pthread_create(&device->thread, NULL, device_run, device))
		return -EAGAIN;
	return vdpa_manage("vduse", NAME);
}

static void device_destroy(struct device *device)
{
	vdpa_manage(NULL, NAME);
	pthread_cancel(device->thread);
	pthread_join(device->thread, NULL);
	close(device->fd);
	if (ioctl(device->control, VDUSE_DESTROY_DEV, NAME))
		perror("VDUSE_DESTROY_DEV");
	close(device->control);
}

/* The device has another capacity from now on, and says so. */
static int device_resize(struct device *device, uint64_t capacity)
{
	union {
		struct vduse_config_data head;
		char bytes[sizeof(struct vduse_config_data) + sizeof(capacity)];
	} data = {
		.head = { .length = sizeof(capacity) },
	};

	memcpy(data.head.buffer, &capacity, sizeof(capacity));
	if (ioctl(device->fd, VDUSE_DEV_SET_CONFIG, &data) ||
	    ioctl(device->fd, VDUSE_DEV_INJECT_CONFIG_IRQ))
		return -errno;
	return 0;
}

FIXTURE(vhost_vdpa) {
	struct device device;
	int channel;
	int vhost;
	int calls[QUEUES];
	int config;
};

static int set_queue(int vhost, uint32_t index, int call)
{
	struct vhost_vring_state num = { .index = index, .num = 64 };
	struct vhost_vring_file file = { .index = index, .fd = call };
	int err = try_ioctl(vhost, VHOST_SET_VRING_NUM, &num);

	if (!err)
		err = try_ioctl(vhost, VHOST_SET_VRING_CALL, &file);
	return err ? err : vdpa_enable_queue(vhost, index);
}

FIXTURE_SETUP(vhost_vdpa)
{
	uint64_t features = 1ULL << VIRTIO_F_VERSION_1 | 1ULL << VIRTIO_F_ACCESS_PLATFORM;
	uint8_t status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;

	self->channel = channel_open(O_NONBLOCK);
	ASSERT_LE(0, self->channel);
	ASSERT_EQ(0, device_create(&self->device));
	self->vhost = open(VDPA_PATH, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	ASSERT_LE(0, self->vhost) TH_LOG(VDPA_PATH ": modprobe vhost_vdpa");
	ASSERT_EQ(0, try_ioctl(self->vhost, VHOST_SET_OWNER, NULL));
	ASSERT_EQ(0, vdpa_set_status(self->vhost, status));
	ASSERT_EQ(0, try_ioctl(self->vhost, VHOST_SET_FEATURES, &features));
	status |= VIRTIO_CONFIG_S_FEATURES_OK;
	ASSERT_EQ(0, vdpa_set_status(self->vhost, status));
	for (int i = 0; i < QUEUES; i++) {
		self->calls[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		ASSERT_EQ(0, set_queue(self->vhost, i, self->calls[i]));
	}
	self->config = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ASSERT_EQ(0, try_ioctl(self->vhost, VHOST_VDPA_SET_CONFIG_CALL, &self->config));
	ASSERT_EQ(0, vdpa_set_status(self->vhost, status | VIRTIO_CONFIG_S_DRIVER_OK));
}

FIXTURE_TEARDOWN(vhost_vdpa)
{
	close(self->vhost);
	close(self->channel);
	close(self->config);
	for (int i = 0; i < QUEUES; i++)
		close(self->calls[i]);
	device_destroy(&self->device);
}

TEST_F(vhost_vdpa, interrupts_of_queues)
{
	struct raised raised;

	for (uint32_t i = 0; i < QUEUES; i++)
		ASSERT_EQ(0, channel_bind(self->channel, VHOST_BACKEND_BIND_VRING_CALL,
					  10 + i, self->calls[i], 0));
	for (uint32_t i = 0; i < 200; i++) {
		uint32_t queue = i % QUEUES;

		ASSERT_EQ(0, try_ioctl(self->device.fd, VDUSE_VQ_INJECT_IRQ, &queue));
		ASSERT_EQ(0, take_raised(self->channel, &raised, LIMIT_MS));
		EXPECT_EQ(1ULL << (10 + queue), raised.calls);
		EXPECT_EQ(0U, raised.others);
	}
}

TEST_F(vhost_vdpa, configuration_changes)
{
	ASSERT_EQ(0, channel_bind(self->channel, VHOST_BACKEND_BIND_CONFIG, 0,
				  self->config, 0));
	for (uint64_t capacity = 1; capacity <= 100; capacity++) {
		union {
			struct vhost_vdpa_config head;
			char bytes[sizeof(struct vhost_vdpa_config) + sizeof(capacity)];
		} config = {
			.head = { .len = sizeof(capacity) },
		};
		struct message message;

		ASSERT_EQ(0, device_resize(&self->device, capacity));
		ASSERT_TRUE(readable(self->channel, LIMIT_MS));
		ASSERT_EQ((ssize_t)sizeof(message.msg),
			  channel_read(self->channel, &message));
		EXPECT_EQ((uint32_t)VHOST_BACKEND_CONFIG_CHANGE_MSG, message.msg.request);
		EXPECT_EQ(0U, message.msg.id);
		ASSERT_EQ(0, try_ioctl(self->vhost, VHOST_VDPA_GET_CONFIG, &config));
		EXPECT_EQ(0, memcmp(config.head.buf, &capacity, sizeof(capacity)));
	}
}

/* It has no messages to read: its IOTLB is the VMM's own business. */
TEST_F(vhost_vdpa, has_no_misses)
{
	EXPECT_EQ(-EINVAL, channel_bind(self->channel, VHOST_BACKEND_BIND_IOTLB, 0,
					self->vhost, 0));
	EXPECT_EQ(0U, channel_stats(self->channel).bindings);
}

TEST_HARNESS_MAIN
