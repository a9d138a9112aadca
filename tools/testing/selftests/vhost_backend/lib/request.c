// SPDX-License-Identifier: GPL-2.0-only
#include "request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/vhost_types.h>

#include "array.h"
#include "memory.h"

#define KIND(name_, size_, reply_, file_, ...) { \
	.name = #name_, .request = VHOST_BACKEND_##name_, .size = size_, \
	.reply = REPLY_##reply_, .file = file_, .sample = { __VA_ARGS__ }, \
}

const struct request_kind request_kinds[] = {
	KIND(IOTLB_MSG, 32, IF_ASKED, false,
	     .iotlb = { .iova = 0x123456789000, .size = 0x2000,
			.uaddr = 0x7f0123456000, .perm = VHOST_ACCESS_RW,
			.type = VHOST_IOTLB_MISS }),
	KIND(IOTLB_MSG, 32, IF_ASKED, false,
	     .iotlb = { .iova = ~0ULL, .perm = VHOST_ACCESS_WO,
			.type = VHOST_IOTLB_ACCESS_FAIL }),
	KIND(CONFIG_CHANGE_MSG, 0, NOTIFICATION, false),
	KIND(VRING_HOST_NOTIFIER_MSG, 24, IF_ASKED, true,
	     .area = { .vring = 4, .size = PAGE, .offset = 0x3000 }),
	KIND(VRING_HOST_NOTIFIER_MSG, 24, IF_ASKED, false,
	     .area = { .vring = VHOST_BACKEND_VRING_NOFD | 1, .size = PAGE }),
	KIND(VRING_CALL, 8, NOTIFICATION, false, .state = { .index = 2 }),
	KIND(VRING_ERR, 8, NOTIFICATION, false, .state = { .index = 0 }),
	KIND(SHARED_OBJECT_ADD, 16, IF_ASKED, false,
	     .object = { "\x01\x23\x45\x67\x89\xab\xcd\xef" }),
	KIND(SHARED_OBJECT_REMOVE, 16, IF_ASKED, false,
	     .object = { "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01" }),
	KIND(SHARED_OBJECT_LOOKUP, 16, ALWAYS, false,
	     .object = { "\xff\xff\xff\xff\xff\xff\xff\xff"
			 "\xff\xff\xff\xff\xff\xff\xff\xfe" }),
	KIND(SHMEM_MAP, 32, ALWAYS, true,
	     .map = { .flags = VHOST_BACKEND_MAP_R, .shmid = 7,
		      .shm_offset = 0x10000, .fd_offset = 0x2000,
		      .len = 0x1000 }),
	KIND(SHMEM_MAP, 32, ALWAYS, true,
	     .map = { .flags = VHOST_BACKEND_MAP_R | VHOST_BACKEND_MAP_W,
		      .shmid = 255, .shm_offset = 0x7ffffffff000,
		      .fd_offset = 0, .len = 0x100000 }),
	KIND(SHMEM_UNMAP, 24, ALWAYS, false,
	     .unmap = { .shmid = 7, .shm_offset = 0x10000, .len = 0x1000 }),
	KIND(DEPRECATED_FS_MAP, 256, ALWAYS, true,
	     .fs = { .fd_offset = { 0x1000, 0x2000, 0, 0, 0, 0, 0, 0x7000 },
		     .c_offset = { 0, 0x4000, 0, 0, 0, 0, 0, 0x9000 },
		     .len = { 0x1000, 0x3000, 0, 0, 0, 0, 0, 0x5000 },
		     .flags = { VHOST_BACKEND_MAP_R,
				VHOST_BACKEND_MAP_R | VHOST_BACKEND_MAP_W,
				0, 0, 0, 0, 0, VHOST_BACKEND_MAP_R } }),
	KIND(DEPRECATED_FS_UNMAP, 256, ALWAYS, false,
	     .fs = { .c_offset = { 0x4000, 0x8000 },
		     .len = { 0x1000, 0x2000 } }),
	KIND(DEPRECATED_FS_SYNC, 256, ALWAYS, false,
	     .fs = { .c_offset = { [5] = 0x4000 }, .len = { [5] = 0x1000 } }),
	KIND(DEPRECATED_FS_IO, 256, ALWAYS, true,
	     .fs = { .fd_offset = { 0x123 }, .c_offset = { 0x80000456 },
		     .len = { 0x789 }, .flags = { VHOST_BACKEND_MAP_R } }),
	KIND(GPU_MAP, 64, ALWAYS, true,
	     .gpu = { .shmid = 1, .shm_offset = 0x5000, .len = 0x2000,
		      .memory_idx = 0x11223344, .handle_type = 0x55667788,
		      .device_uuid = "\x10\x32\x54\x76\x98\xba\xdc\xfe",
		      .driver_uuid = "\x01\x02\x03\x04\x05\x06\x07\x08" }),
	KIND(EXTERNAL_MAP, 32, ALWAYS, false,
	     .external = { .shmid = 0, .shm_offset = 0x8000, .len = 0x3000,
			   .ptr = 0x10000 }),
};

const unsigned int nr_request_kinds = ARRAY_SIZE(request_kinds);

const struct request_kind *find_kind(uint32_t request)
{
	const struct request_kind *kind;

	for_each_kind(kind) {
		if (kind->request == request)
			return kind;
	}
	fprintf(stderr, "no such request: %u\n", request);
	abort();
}

bool kind_has_vring(const struct request_kind *kind)
{
	return kind->request == VHOST_BACKEND_VRING_CALL ||
	       kind->request == VHOST_BACKEND_VRING_ERR ||
	       kind->request == VHOST_BACKEND_VRING_HOST_NOTIFIER_MSG;
}

bool kind_is_fs(const struct request_kind *kind)
{
	return kind->request >= VHOST_BACKEND_DEPRECATED_FS_MAP &&
	       kind->request <= VHOST_BACKEND_DEPRECATED_FS_IO;
}

struct message fs_with_entry(unsigned int entry)
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
