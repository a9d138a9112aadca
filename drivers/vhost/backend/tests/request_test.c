// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the suites of the requests share.
 */
#include <linux/magic.h>

#include "request_test.h"

const struct file_operations request_channel_fops;

const struct vhost_backend_limits request_limits = {
	.user_end = USER_END,
	.vring_base = VRING_BASE,
	.nr_vrings = NR_VRINGS,
	.channel_fops = &request_channel_fops,
};

/* A file in which there is just what the module looks at */
struct fake_file {
	struct super_block sb;
	struct inode inode;
	struct file file;
};

struct file *request_make_file(struct kunit *test, fmode_t f_mode, umode_t i_mode,
			       unsigned long magic)
{
	struct fake_file *fake = kunit_kzalloc(test, sizeof(*fake), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fake);
	fake->sb.s_magic = magic;
	fake->inode.i_sb = &fake->sb;
	fake->inode.i_mode = i_mode;
	fake->file.f_inode = &fake->inode;
	fake->file.f_mode = f_mode;
	return &fake->file;
}

struct file *request_make_memfd(struct kunit *test, fmode_t f_mode)
{
	return f_mode ? request_make_file(test, f_mode, S_IFREG, TMPFS_MAGIC) : NULL;
}

static const struct vhost_backend_iotlb good_iotlb = {
	.iova = PAGES(7), .perm = VHOST_ACCESS_RW, .type = VHOST_IOTLB_MISS,
};

static const struct vhost_backend_vring_area good_area = {
	.vring = 3, .size = PAGE_SIZE, .offset = PAGES(9),
};

static const struct vhost_backend_vring_state good_state = { .index = 3 };

static const struct vhost_backend_shared_object good_object = { .uuid = { 1, 2, 3 } };

static const struct vhost_backend_shmem_map good_map = {
	.flags = VHOST_BACKEND_MAP_R, .shmid = 2, .shm_offset = PAGES(3),
	.fd_offset = PAGES(5), .len = PAGES(2),
};

static const struct vhost_backend_shmem_unmap good_unmap = {
	.shmid = 2, .shm_offset = PAGES(3), .len = PAGES(2),
};

static const struct vhost_backend_fs good_fs = {
	.fd_offset = { PAGES(4) }, .c_offset = { PAGES(5) }, .len = { PAGES(6) },
	.flags = { VHOST_BACKEND_MAP_R },
};

static const struct vhost_backend_gpu_map good_gpu = {
	.shmid = 2, .shm_offset = PAGES(3), .len = PAGES(2), .memory_idx = 7,
	.handle_type = 8, .device_uuid = { 9 }, .driver_uuid = { 10 },
};

static const struct vhost_backend_external_map good_external = {
	.shmid = 2, .shm_offset = PAGES(3), .len = PAGES(2), .ptr = PAGES(100),
};

#define TYPE(_request, _size, _f_mode, _policy, _payload)	\
	{							\
		.name = #_request,				\
		.request = VHOST_BACKEND_##_request,		\
		.size = _size,					\
		.f_mode = _f_mode,				\
		.policy = VHOST_BACKEND_REPLY_##_policy,	\
		.payload = _payload,				\
	}

const struct type_param request_types[NR_REQUESTS] = {
	TYPE(IOTLB_MSG, 32, NO_FILE, IF_ASKED, &good_iotlb),
	TYPE(CONFIG_CHANGE_MSG, 0, NO_FILE, NOTIFICATION, NULL),
	TYPE(VRING_HOST_NOTIFIER_MSG, 24, MODE_R, IF_ASKED, &good_area),
	TYPE(VRING_CALL, 8, NO_FILE, NOTIFICATION, &good_state),
	TYPE(VRING_ERR, 8, NO_FILE, NOTIFICATION, &good_state),
	TYPE(SHARED_OBJECT_ADD, 16, NO_FILE, IF_ASKED, &good_object),
	TYPE(SHARED_OBJECT_REMOVE, 16, NO_FILE, IF_ASKED, &good_object),
	TYPE(SHARED_OBJECT_LOOKUP, 16, NO_FILE, ALWAYS, &good_object),
	TYPE(SHMEM_MAP, 32, MODE_R, ALWAYS, &good_map),
	TYPE(SHMEM_UNMAP, 24, NO_FILE, ALWAYS, &good_unmap),
	TYPE(DEPRECATED_FS_MAP, 256, MODE_R, ALWAYS, &good_fs),
	TYPE(DEPRECATED_FS_UNMAP, 256, NO_FILE, ALWAYS, &good_fs),
	TYPE(DEPRECATED_FS_SYNC, 256, NO_FILE, ALWAYS, &good_fs),
	TYPE(DEPRECATED_FS_IO, 256, MODE_R, ALWAYS, &good_fs),
	TYPE(GPU_MAP, 64, MODE_R, ALWAYS, &good_gpu),
	TYPE(EXTERNAL_MAP, 32, NO_FILE, ALWAYS, &good_external),
};

const struct type_param *request_type_of(u32 request)
{
	int i;

	for (i = 0; request_types[i].request != request; i++)
		;
	return &request_types[i];
}

/* Builds into a record full of rubbish, as a worker's stack is. */
int request_build(struct vhost_backend_record *record, u32 request, u32 size,
		  const void *payload, struct file *file)
{
	const struct vhost_backend_req req = {
		.request = request,
		.size = size,
		.payload = payload,
		.file = file,
	};

	memset(record, 0xa5, sizeof(*record));
	return vhost_backend_request_build(record, &req, &request_limits);
}

struct vhost_backend_record *request_make_records(struct kunit *test, int nr)
{
	struct vhost_backend_record *records =
		kunit_kcalloc(test, nr, sizeof(*records), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, records);
	return records;
}

/* A good one, to be changed */
u8 *request_make_payload(struct kunit *test, const struct type_param *type)
{
	u8 *payload = kunit_kzalloc(test, type->size, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, payload);
	memcpy(payload, type->payload, type->size);
	return payload;
}

void request_set_field(void *payload, const struct field *field)
{
	if (field->bytes == 1)
		*(u8 *)(payload + field->offset) = field->value;
	else if (field->bytes == 4)
		*(u32 *)(payload + field->offset) = field->value;
	else if (field->bytes == 8)
		*(u64 *)(payload + field->offset) = field->value;
}
