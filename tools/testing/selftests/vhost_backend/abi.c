// SPDX-License-Identifier: GPL-2.0-only
/*
 * The layout, the numbers and the version of the user ABI. What a compiler can
 * see is asserted at compile time, so that building this file for 32 and for 64
 * bits is most of the test.
 *
 * The header comes first, to show that it needs no other.
 */
#include "../kselftest_harness.h"

#include <assert.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <linux/vhost.h>
#include <linux/vhost_backend.h>

#include "lib/channel.h"
#include "lib/message.h"
#include "lib/request.h"
#include "lib/skip.h"

SKIP_WITHOUT_CHANNEL;

#define SIZE(type, bytes) \
	static_assert(sizeof(struct vhost_backend_##type) == (bytes), \
		       #type " has " #bytes " bytes")
#define AT(type, member, offset) \
	static_assert(offsetof(struct vhost_backend_##type, member) == (offset), \
		       #type "." #member " is at " #offset)
/* A struct that has no 64-bit member would be aligned to 4 bytes. */
#define ALIGNED(type) \
	static_assert(__alignof__(struct vhost_backend_##type) == 8, \
		       #type " is aligned to 8 bytes")
#define NUMBER(name, value) \
	static_assert(VHOST_BACKEND_##name == (value), #name " is " #value)

SIZE(msg, 24);
ALIGNED(msg);
AT(msg, request, 0);
AT(msg, flags, 4);
AT(msg, size, 8);
AT(msg, fd, 12);
AT(msg, id, 16);

SIZE(iotlb, 32);
ALIGNED(iotlb);
AT(iotlb, iova, 0);
AT(iotlb, size, 8);
AT(iotlb, uaddr, 16);
AT(iotlb, perm, 24);
AT(iotlb, type, 25);
AT(iotlb, source, 26);
AT(iotlb, pad, 28);

/* As struct vhost_iotlb_msg, so that the one can be copied to the other. */
AT(iotlb, iova, offsetof(struct vhost_iotlb_msg, iova));
AT(iotlb, size, offsetof(struct vhost_iotlb_msg, size));
AT(iotlb, uaddr, offsetof(struct vhost_iotlb_msg, uaddr));
AT(iotlb, perm, offsetof(struct vhost_iotlb_msg, perm));
AT(iotlb, type, offsetof(struct vhost_iotlb_msg, type));

SIZE(vring_state, 8);
AT(vring_state, index, 0);
AT(vring_state, num, 4);

SIZE(vring_area, 24);
ALIGNED(vring_area);
AT(vring_area, vring, 0);
AT(vring_area, size, 8);
AT(vring_area, offset, 16);

SIZE(shared_object, 16);
AT(shared_object, uuid, 0);

SIZE(shmem_map, 32);
ALIGNED(shmem_map);
AT(shmem_map, flags, 0);
AT(shmem_map, shmid, 1);
AT(shmem_map, pad, 2);
AT(shmem_map, shm_offset, 8);
AT(shmem_map, fd_offset, 16);
AT(shmem_map, len, 24);

SIZE(shmem_unmap, 24);
ALIGNED(shmem_unmap);
AT(shmem_unmap, shmid, 0);
AT(shmem_unmap, pad, 1);
AT(shmem_unmap, shm_offset, 8);
AT(shmem_unmap, len, 16);

SIZE(mmap, 40);
ALIGNED(mmap);
AT(mmap, shmid, 0);
AT(mmap, pad, 1);
AT(mmap, fd_offset, 8);
AT(mmap, shm_offset, 16);
AT(mmap, len, 24);
AT(mmap, flags, 32);

SIZE(fs, 256);
ALIGNED(fs);
AT(fs, fd_offset, 0);
AT(fs, c_offset, 64);
AT(fs, len, 128);
AT(fs, flags, 192);

SIZE(gpu_map, 64);
ALIGNED(gpu_map);
AT(gpu_map, shmid, 0);
AT(gpu_map, pad, 1);
AT(gpu_map, shm_offset, 8);
AT(gpu_map, len, 16);
AT(gpu_map, memory_idx, 24);
AT(gpu_map, handle_type, 28);
AT(gpu_map, device_uuid, 32);
AT(gpu_map, driver_uuid, 48);

SIZE(external_map, 32);
ALIGNED(external_map);
AT(external_map, shmid, 0);
AT(external_map, pad, 1);
AT(external_map, shm_offset, 8);
AT(external_map, len, 16);
AT(external_map, ptr, 24);

SIZE(reply, 32);
ALIGNED(reply);
AT(reply, msg, 0);
AT(reply, value, 24);

SIZE(setup, 56);
ALIGNED(setup);
AT(setup, flags, 0);
AT(setup, nr_vrings, 4);
AT(setup, ring_bytes, 8);
AT(setup, max_inflight, 12);
AT(setup, requests, 16);
AT(setup, ctl_bytes, 24);
AT(setup, call_offset, 28);
AT(setup, err_offset, 32);
AT(setup, max_mappings, 36);
AT(setup, reserved, 40);

SIZE(bind, 16);
AT(bind, source, 0);
AT(bind, index, 4);
AT(bind, fd, 8);
AT(bind, flags, 12);

SIZE(take_fd, 16);
ALIGNED(take_fd);
AT(take_fd, id, 0);
AT(take_fd, fd, 8);
AT(take_fd, flags, 12);

SIZE(shmem, 16);
ALIGNED(shmem);
AT(shmem, shmid, 0);
AT(shmem, flags, 4);
AT(shmem, bytes, 8);

SIZE(array, 16);
ALIGNED(array);
AT(array, addr, 0);
AT(array, count, 8);
AT(array, flags, 12);

SIZE(mapping, 96);
ALIGNED(mapping);
AT(mapping, id, 0);
AT(mapping, shm_offset, 8);
AT(mapping, len, 16);
AT(mapping, request, 24);
AT(mapping, state, 28);
AT(mapping, payload, 32);

SIZE(request_info, 280);
ALIGNED(request_info);
AT(request_info, msg, 0);
AT(request_info, payload, 24);

SIZE(ctl, 640);
ALIGNED(ctl);
AT(ctl, producer, 0);
AT(ctl, reserved, 8);
AT(ctl, doorbell, 128);
AT(ctl, config_pending, 132);
AT(ctl, reserved2, 136);
AT(ctl, room_wanted, 256);
AT(ctl, reserved3, 260);
AT(ctl, reset, 264);
AT(ctl, reserved4, 272);
AT(ctl, consumer, 384);
AT(ctl, reserved5, 392);
AT(ctl, call_summary, 512);
AT(ctl, err_summary, 576);

SIZE(stats, 256);
ALIGNED(stats);
AT(stats, requests_queued, 0);
AT(stats, requests_delivered, 8);
AT(stats, requests_answered, 16);
AT(stats, requests_failed, 24);
AT(stats, requests_given_up, 32);
AT(stats, requests_withdrawn, 40);
AT(stats, notifications_raised, 48);
AT(stats, notifications_merged, 56);
AT(stats, notifications_delivered, 64);
AT(stats, notifications_forwarded, 72);
AT(stats, wakeups, 80);
AT(stats, refused_room, 88);
AT(stats, refused_type, 96);
AT(stats, refused_content, 104);
AT(stats, inflight, 112);
AT(stats, inflight_peak, 120);
AT(stats, waiting_bytes, 128);
AT(stats, waiting_bytes_peak, 136);
AT(stats, bindings, 144);
AT(stats, mappings, 152);
AT(stats, backends, 160);
AT(stats, bad_replies, 168);
AT(stats, bad_consumer, 176);
AT(stats, unmaps_owed, 184);
AT(stats, reserved, 192);

NUMBER(API_VERSION, 1);

NUMBER(PAD, 0);
NUMBER(IOTLB_MSG, 1);
NUMBER(CONFIG_CHANGE_MSG, 2);
NUMBER(VRING_HOST_NOTIFIER_MSG, 3);
NUMBER(VRING_CALL, 4);
NUMBER(VRING_ERR, 5);
NUMBER(SHARED_OBJECT_ADD, 6);
NUMBER(SHARED_OBJECT_REMOVE, 7);
NUMBER(SHARED_OBJECT_LOOKUP, 8);
NUMBER(STD_SHMEM_MAP, 9);
NUMBER(STD_SHMEM_UNMAP, 10);
NUMBER(SHMEM_MAP, 1000);
NUMBER(SHMEM_UNMAP, 1001);
NUMBER(DEPRECATED_FS_MAP, 1002);
NUMBER(DEPRECATED_FS_UNMAP, 1003);
NUMBER(DEPRECATED_FS_SYNC, 1004);
NUMBER(DEPRECATED_FS_IO, 1005);
NUMBER(GPU_MAP, 1006);
NUMBER(EXTERNAL_MAP, 1007);

NUMBER(BIT(VHOST_BACKEND_IOTLB_MSG), 1);
NUMBER(BIT(VHOST_BACKEND_SHARED_OBJECT_LOOKUP), 8);
NUMBER(BIT(31), 31);
NUMBER(BIT(VHOST_BACKEND_SHMEM_MAP), 32);
NUMBER(BIT(VHOST_BACKEND_EXTERNAL_MAP), 39);

#define THIRTEEN	(BIT_OF(IOTLB_MSG) | BIT_OF(CONFIG_CHANGE_MSG) | \
			 BIT_OF(VRING_HOST_NOTIFIER_MSG) | BIT_OF(VRING_CALL) | \
			 BIT_OF(VRING_ERR) | BIT_OF(SHMEM_MAP) | \
			 BIT_OF(SHMEM_UNMAP) | BIT_OF(DEPRECATED_FS_MAP) | \
			 BIT_OF(DEPRECATED_FS_UNMAP) | BIT_OF(DEPRECATED_FS_SYNC) | \
			 BIT_OF(DEPRECATED_FS_IO) | BIT_OF(GPU_MAP) | \
			 BIT_OF(EXTERNAL_MAP))
#define SHARED_OBJECT	(BIT_OF(SHARED_OBJECT_ADD) | \
			 BIT_OF(SHARED_OBJECT_REMOVE) | \
			 BIT_OF(SHARED_OBJECT_LOOKUP))
NUMBER(REQUESTS_ALL, THIRTEEN);
NUMBER(REQUESTS_SHARED_OBJECT, SHARED_OBJECT);

NUMBER(MSG_VERSION, 1);
NUMBER(MSG_REPLY, 4);
NUMBER(MSG_NEED_REPLY, 8);
NUMBER(MSG_MAX, 280);
NUMBER(FD_NONE, -1);
NUMBER(FD_PENDING, -2);
NUMBER(VRING_INDEX_MASK, 0xff);
NUMBER(VRING_NOFD, 0x100);
NUMBER(MAP_R, 1);
NUMBER(MAP_W, 2);
NUMBER(MMAP_RW, 1);
NUMBER(FS_ENTRIES, 8);
NUMBER(SETUP_MMAP, 1);
NUMBER(SETUP_STD_SHMEM, 2);
NUMBER(BIND_VRING_CALL, 1);
NUMBER(BIND_VRING_ERR, 2);
NUMBER(BIND_CONFIG, 3);
NUMBER(BIND_IOTLB, 4);
NUMBER(BIND_PEEK, 1);
NUMBER(BIND_UNDO, 2);
NUMBER(MAPPING_PENDING, 0);
NUMBER(MAPPING_LIVE, 1);
NUMBER(MAPPING_GIVEN_UP, 2);
NUMBER(MMAP_CTL, 0);
NUMBER(MMAP_RING, 0x10000000);

/* Direction, size, type and number of each ioctl in one figure. */
NUMBER(GET_API_VERSION, 0x0000afd0);
NUMBER(SETUP, 0xc038afd1);
NUMBER(BIND, 0x4010afd2);
NUMBER(TAKE_FD, 0xc010afd3);
NUMBER(SET_SHMEM, 0x4010afd4);
NUMBER(GET_MAPPINGS, 0xc010afd5);
NUMBER(TAKE_OVER, 0x0000afd6);
NUMBER(GET_STATS, 0x8100afd7);
NUMBER(ROOM, 0x0000afd8);
NUMBER(RESET, 0x8008afd9);
NUMBER(GET_SETUP, 0x8038afda);
NUMBER(PAUSE, 0x4004afdb);
NUMBER(REPLY, 0x4020afdc);
NUMBER(GET_SHMEM, 0xc010afdd);
NUMBER(FORWARD, 0x4010afde);
NUMBER(GET_REQUESTS, 0xc010afdf);

FIXTURE(abi) {
	int channel;
};

FIXTURE_SETUP(abi)
{
	self->channel = open(CHANNEL_PATH, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->channel);
}

FIXTURE_TEARDOWN(abi)
{
	close(self->channel);
}

TEST_F(abi, version_before_and_after_setup)
{
	EXPECT_EQ(1, try_ioctl(self->channel, VHOST_BACKEND_GET_API_VERSION,
			       NULL));
	ASSERT_EQ(0, channel_setup(self->channel,
				   (struct vhost_backend_setup){}));
	EXPECT_EQ(1, try_ioctl(self->channel, VHOST_BACKEND_GET_API_VERSION,
			       NULL));
}

/* The widest message there is fits into VHOST_BACKEND_MSG_MAX, and fills it. */
TEST_F(abi, longest_message)
{
	const struct request_kind *kind;
	size_t longest = 0;

	for_each_kind(kind) {
		struct vhost_backend_msg msg = { .size = kind->size };

		if (message_bytes(&msg) > longest)
			longest = message_bytes(&msg);
	}
	EXPECT_EQ((size_t)VHOST_BACKEND_MSG_MAX, longest);
}

/* A misc character device, closed to others with and without the udev rule. */
TEST_F(abi, device_node)
{
	struct stat st;

	ASSERT_EQ(0, fstat(self->channel, &st));
	EXPECT_TRUE(S_ISCHR(st.st_mode));
	EXPECT_EQ(0U, st.st_mode & 07);
	EXPECT_EQ(10U, major(st.st_rdev));
}

TEST_HARNESS_MAIN
