// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit: the table of requests: what a worker may send, to the limits of each
 * field, and what the frontend gets to see of it.
 */
#include <kunit/test.h>
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/magic.h>
#include <linux/sizes.h>

#include "../request.c"

#define USER_END	0x7ffffffff000ULL
#define VRING_BASE	8
#define NR_VRINGS	16

static const struct file_operations channel_fops;

static const struct vhost_backend_limits limits = {
	.user_end = USER_END,
	.vring_base = VRING_BASE,
	.nr_vrings = NR_VRINGS,
	.channel_fops = &channel_fops,
};

/* A file in which there is just what the module looks at */
struct fake_file {
	struct super_block sb;
	struct inode inode;
	struct file file;
};

static struct file *make_file(struct kunit *test, fmode_t f_mode, umode_t i_mode,
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

#define MODE_R	FMODE_READ
#define MODE_W	FMODE_WRITE
#define MODE_RW	(FMODE_READ | FMODE_WRITE)
#define NO_FILE	((fmode_t)0)

static struct file *make_memfd(struct kunit *test, fmode_t f_mode)
{
	return f_mode ? make_file(test, f_mode, S_IFREG, TMPFS_MAGIC) : NULL;
}

/* For each request: what the documentation of the user ABI says of it */
struct type_param {
	const char *name;
	u32 request;
	u32 size;
	fmode_t f_mode;			/* of the file that it takes, or NO_FILE */
	enum vhost_backend_reply_policy policy;
	const void *payload;		/* a good one */
};

#define PAGES(n)	((n) * (u64)SZ_4K)

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

static const struct type_param all[] = {
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

static void type_desc(const struct type_param *param, char *desc)
{
	strscpy(desc, param->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(type, all, type_desc);

static const struct type_param *type_of(u32 request)
{
	int i;

	for (i = 0; all[i].request != request; i++)
		;
	return &all[i];
}

/* Builds into a record full of rubbish, as a worker's stack is. */
static int build(struct vhost_backend_record *record, u32 request, u32 size,
		 const void *payload, struct file *file)
{
	const struct vhost_backend_req req = {
		.request = request,
		.size = size,
		.payload = payload,
		.file = file,
	};

	memset(record, 0xa5, sizeof(*record));
	return vhost_backend_request_build(record, &req, &limits);
}

static struct vhost_backend_record *make_records(struct kunit *test, int nr)
{
	struct vhost_backend_record *records =
		kunit_kcalloc(test, nr, sizeof(*records), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, records);
	return records;
}

/* A good one, to be changed */
static u8 *make_payload(struct kunit *test, const struct type_param *type)
{
	u8 *payload = kunit_kzalloc(test, type->size, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, payload);
	memcpy(payload, type->payload, type->size);
	return payload;
}

static bool has_vring(u32 request)
{
	return request == VHOST_BACKEND_VRING_CALL || request == VHOST_BACKEND_VRING_ERR;
}

/* A good request becomes a message of which every byte is defined. */
static void request_becomes_a_record(struct kunit *test)
{
	const struct type_param *param = test->param_value;
	struct file *file = make_memfd(test, param->f_mode);
	struct vhost_backend_record *record = make_records(test, 2);
	struct vhost_backend_record *expected = record + 1;

	expected->msg = (struct vhost_backend_msg){
		.request = param->request,
		.flags = VHOST_BACKEND_MSG_VERSION,
		.size = param->size,
		.fd = file ? VHOST_BACKEND_FD_PENDING : VHOST_BACKEND_FD_NONE,
	};
	if (param->size)
		memcpy(expected->payload, param->payload, param->size);
	if (has_vring(param->request))
		expected->state.index += VRING_BASE;
	if (param->request == VHOST_BACKEND_VRING_HOST_NOTIFIER_MSG)
		expected->area.vring += VRING_BASE;

	KUNIT_EXPECT_EQ(test, build(record, param->request, param->size, param->payload,
				    file), 0);
	KUNIT_EXPECT_EQ(test, memcmp(record, expected, sizeof(record->msg) + param->size),
			0);
}

/* The payload has one size, and no other. */
static void request_has_one_size(struct kunit *test)
{
	const struct type_param *param = test->param_value;
	const u32 sizes[] = {
		0, 1, 8, 16, 24, 32, 64, 256, param->size - 1, param->size + 1,
		param->size + 8, param->size | BIT(31), U32_MAX,
	};
	struct file *file = make_memfd(test, param->f_mode);
	struct vhost_backend_record *record = make_records(test, 1);
	int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		KUNIT_EXPECT_EQ_MSG(test, build(record, param->request, sizes[i],
						param->payload, file),
				    sizes[i] == param->size ? 0 : -EINVAL,
				    "size %u", sizes[i]);
}

/* It takes a file or it does not; one that it takes is of an allowed kind. */
static void request_takes_its_file(struct kunit *test)
{
	const struct type_param *param = test->param_value;
	struct file *file = make_memfd(test, MODE_RW);
	struct vhost_backend_record *record = make_records(test, 1);

	KUNIT_EXPECT_EQ(test, build(record, param->request, param->size, param->payload,
				    file), param->f_mode ? 0 : -EINVAL);
	KUNIT_EXPECT_EQ(test, build(record, param->request, param->size, param->payload,
				    NULL), param->f_mode ? -EINVAL : 0);
	file = make_file(test, MODE_RW, S_IFSOCK, SOCKFS_MAGIC);
	KUNIT_EXPECT_EQ(test, build(record, param->request, param->size, param->payload,
				    file), -EINVAL);
}

static void request_has_its_reply_policy(struct kunit *test)
{
	const struct type_param *param = test->param_value;

	KUNIT_EXPECT_TRUE(test, vhost_backend_request_known(param->request));
	KUNIT_EXPECT_EQ(test, vhost_backend_request_policy(param->request), param->policy);
	KUNIT_EXPECT_EQ(test, vhost_backend_request_counts_bytes(param->request),
			param->request == VHOST_BACKEND_DEPRECATED_FS_IO);
}

/* Not an array by mistake */
#define FIELD_BYTES(bytes)	((bytes) + BUILD_BUG_ON_ZERO((bytes) > 8))

/* One field of a payload: @bytes at @offset */
struct field {
	u16 offset;
	u16 bytes;
	u64 value;
};

/* A good payload in which some fields are changed */
struct field_param {
	const char *name;
	u32 request;
	int expected;
	struct field field[4];
	fmode_t f_mode;			/* NO_FILE: as for a good one */
	bool no_file;
};

#define FIELD(_type, _member, _value)						\
	{									\
		.offset = offsetof(struct vhost_backend_##_type, _member),	\
		.bytes = FIELD_BYTES(sizeof_field(struct vhost_backend_##_type, _member)), \
		.value = _value,						\
	}

#define ROW(_request, _name, _expected, ...)			\
	{							\
		.name = #_request ": " _name,			\
		.request = VHOST_BACKEND_##_request,		\
		.expected = _expected,				\
		.field = { __VA_ARGS__ },			\
	}

/* With a file open for @_f_mode */
#define FILE_ROW(_request, _name, _expected, _f_mode, ...)	\
	{							\
		.name = #_request ": " _name,			\
		.request = VHOST_BACKEND_##_request,		\
		.expected = _expected,				\
		.field = { __VA_ARGS__ },			\
		.f_mode = _f_mode,				\
	}

#define NOFD_ROW(_name, _expected, ...)				\
	{							\
		.name = "VRING_HOST_NOTIFIER_MSG: " _name,	\
		.request = VHOST_BACKEND_VRING_HOST_NOTIFIER_MSG,	\
		.expected = _expected,				\
		.field = { __VA_ARGS__ },			\
		.no_file = true,				\
	}

static const struct field_param fields[] = {
	ROW(IOTLB_MSG, "ACCESS_FAIL", 0, FIELD(iotlb, type, VHOST_IOTLB_ACCESS_FAIL)),
	ROW(IOTLB_MSG, "type 0", -EINVAL, FIELD(iotlb, type, 0)),
	ROW(IOTLB_MSG, "UPDATE", -EINVAL, FIELD(iotlb, type, VHOST_IOTLB_UPDATE)),
	ROW(IOTLB_MSG, "INVALIDATE", -EINVAL, FIELD(iotlb, type, VHOST_IOTLB_INVALIDATE)),
	ROW(IOTLB_MSG, "type 5", -EINVAL, FIELD(iotlb, type, 5)),
	ROW(IOTLB_MSG, "type 255", -EINVAL, FIELD(iotlb, type, 255)),
	ROW(IOTLB_MSG, "no access", 0, FIELD(iotlb, perm, 0)),
	ROW(IOTLB_MSG, "read", 0, FIELD(iotlb, perm, VHOST_ACCESS_RO)),
	ROW(IOTLB_MSG, "write", 0, FIELD(iotlb, perm, VHOST_ACCESS_WO)),
	ROW(IOTLB_MSG, "access 4", -EINVAL, FIELD(iotlb, perm, 4)),
	ROW(IOTLB_MSG, "access 0x83", -EINVAL, FIELD(iotlb, perm, 0x83)),
	ROW(IOTLB_MSG, "any address and size", 0, FIELD(iotlb, iova, -1ULL),
	    FIELD(iotlb, size, -1ULL), FIELD(iotlb, uaddr, -1ULL)),

	ROW(VRING_CALL, "first vring", 0, FIELD(vring_state, index, 0)),
	ROW(VRING_CALL, "last vring", 0, FIELD(vring_state, index, NR_VRINGS - 1)),
	ROW(VRING_CALL, "vring too high", -ERANGE, FIELD(vring_state, index, NR_VRINGS)),
	ROW(VRING_CALL, "vring that wraps", -ERANGE,
	    FIELD(vring_state, index, -(u32)VRING_BASE)),
	ROW(VRING_CALL, "num", -EINVAL, FIELD(vring_state, num, 1)),
	ROW(VRING_CALL, "num, high bit", -EINVAL, FIELD(vring_state, num, BIT(31))),
	ROW(VRING_CALL, "num comes before the vring", -EINVAL,
	    FIELD(vring_state, num, 1), FIELD(vring_state, index, NR_VRINGS)),
	ROW(VRING_ERR, "last vring", 0, FIELD(vring_state, index, NR_VRINGS - 1)),
	ROW(VRING_ERR, "vring too high", -ERANGE, FIELD(vring_state, index, NR_VRINGS)),
	ROW(VRING_ERR, "num", -EINVAL, FIELD(vring_state, num, 1)),

	ROW(VRING_HOST_NOTIFIER_MSG, "last vring", 0, FIELD(vring_area, vring, NR_VRINGS - 1)),
	ROW(VRING_HOST_NOTIFIER_MSG, "vring too high", -ERANGE,
	    FIELD(vring_area, vring, NR_VRINGS)),
	ROW(VRING_HOST_NOTIFIER_MSG, "vring 255", -ERANGE, FIELD(vring_area, vring, 255)),
	ROW(VRING_HOST_NOTIFIER_MSG, "bit 9", -EINVAL, FIELD(vring_area, vring, 0x203)),
	ROW(VRING_HOST_NOTIFIER_MSG, "bit 32", -EINVAL,
	    FIELD(vring_area, vring, BIT_ULL(32) | 3)),
	ROW(VRING_HOST_NOTIFIER_MSG, "bit 63", -EINVAL,
	    FIELD(vring_area, vring, BIT_ULL(63) | 3)),
	ROW(VRING_HOST_NOTIFIER_MSG, "file and NOFD", -EINVAL,
	    FIELD(vring_area, vring, VHOST_BACKEND_VRING_NOFD | 3)),
	ROW(VRING_HOST_NOTIFIER_MSG, "size 0", -EINVAL, FIELD(vring_area, size, 0)),
	ROW(VRING_HOST_NOTIFIER_MSG, "two pages", -EINVAL,
	    FIELD(vring_area, size, 2 * PAGE_SIZE)),
	ROW(VRING_HOST_NOTIFIER_MSG, "a page and a byte", -EINVAL,
	    FIELD(vring_area, size, PAGE_SIZE + 1)),
	ROW(VRING_HOST_NOTIFIER_MSG, "offset up to the end", 0,
	    FIELD(vring_area, offset, -(u64)PAGE_SIZE - 1)),
	ROW(VRING_HOST_NOTIFIER_MSG, "offset overflows", -EINVAL,
	    FIELD(vring_area, offset, -(u64)PAGE_SIZE)),
	FILE_ROW(VRING_HOST_NOTIFIER_MSG, "file open for writing", 0, MODE_W),
	NOFD_ROW("NOFD, no file", 0, FIELD(vring_area, vring, VHOST_BACKEND_VRING_NOFD | 3)),
	NOFD_ROW("NOFD, vring too high", -ERANGE,
		 FIELD(vring_area, vring, VHOST_BACKEND_VRING_NOFD | NR_VRINGS)),
	NOFD_ROW("no file", -EINVAL, FIELD(vring_area, vring, 3)),

	ROW(SHMEM_MAP, "shmid 255", 0, FIELD(shmem_map, shmid, 255)),
	ROW(SHMEM_MAP, "flags 0", -EINVAL, FIELD(shmem_map, flags, 0)),
	ROW(SHMEM_MAP, "flags 4", -EINVAL, FIELD(shmem_map, flags, 4)),
	ROW(SHMEM_MAP, "flags R|0x80", -EINVAL, FIELD(shmem_map, flags, 0x81)),
	FILE_ROW(SHMEM_MAP, "W alone", -EINVAL, MODE_RW,
		 FIELD(shmem_map, flags, VHOST_BACKEND_MAP_W)),
	FILE_ROW(SHMEM_MAP, "R|W of a file open for both", 0, MODE_RW,
		 FIELD(shmem_map, flags, VHOST_BACKEND_MAP_R | VHOST_BACKEND_MAP_W)),
	FILE_ROW(SHMEM_MAP, "R|W of a file open for reading", -EACCES, MODE_R,
		 FIELD(shmem_map, flags, VHOST_BACKEND_MAP_R | VHOST_BACKEND_MAP_W)),
	FILE_ROW(SHMEM_MAP, "R|W of a file open for writing", -EACCES, MODE_W,
		 FIELD(shmem_map, flags, VHOST_BACKEND_MAP_R | VHOST_BACKEND_MAP_W)),
	FILE_ROW(SHMEM_MAP, "R of a file open for writing", -EACCES, MODE_W),

	ROW(SHMEM_UNMAP, "shmid 255", 0, FIELD(shmem_unmap, shmid, 255)),

	ROW(DEPRECATED_FS_MAP, "the last entry alone", 0, FIELD(fs, len[0], 0),
	    FIELD(fs, len[7], 1), FIELD(fs, flags[7], VHOST_BACKEND_MAP_R)),
	ROW(DEPRECATED_FS_MAP, "the last entry is looked at", -EINVAL,
	    FIELD(fs, len[7], 2), FIELD(fs, fd_offset[7], -2ULL),
	    FIELD(fs, flags[7], VHOST_BACKEND_MAP_R)),
	ROW(DEPRECATED_FS_MAP, "an entry not in use is not", 0,
	    FIELD(fs, c_offset[3], -1ULL), FIELD(fs, fd_offset[3], -1ULL),
	    FIELD(fs, flags[3], -1ULL)),
	ROW(DEPRECATED_FS_MAP, "flags 0", -EINVAL, FIELD(fs, flags[0], 0)),
	ROW(DEPRECATED_FS_MAP, "flags 4", -EINVAL, FIELD(fs, flags[0], 4)),
	ROW(DEPRECATED_FS_MAP, "flags R|2^63", -EINVAL, FIELD(fs, flags[0], BIT_ULL(63) | 1)),
	FILE_ROW(DEPRECATED_FS_MAP, "W alone", -EINVAL, MODE_RW,
		 FIELD(fs, flags[0], VHOST_BACKEND_MAP_W)),
	FILE_ROW(DEPRECATED_FS_MAP, "W in one of two, open for reading", -EACCES, MODE_R,
		 FIELD(fs, len[7], 1), FIELD(fs, flags[7], 3)),
	FILE_ROW(DEPRECATED_FS_MAP, "W in one of two, open for both", 0, MODE_RW,
		 FIELD(fs, len[7], 1), FIELD(fs, flags[7], 3)),
	FILE_ROW(DEPRECATED_FS_MAP, "R, open for writing", -EACCES, MODE_W),
	ROW(DEPRECATED_FS_MAP, "the whole window", -EINVAL, FIELD(fs, len[0], -1ULL)),
	ROW(DEPRECATED_FS_UNMAP, "the whole window", 0, FIELD(fs, len[0], -1ULL)),
	ROW(DEPRECATED_FS_UNMAP, "flags 0", 0, FIELD(fs, flags[0], 0)),
	ROW(DEPRECATED_FS_UNMAP, "flags 4", -EINVAL, FIELD(fs, flags[0], 4)),
	ROW(DEPRECATED_FS_SYNC, "the whole window", -EINVAL, FIELD(fs, len[0], -1ULL)),
	ROW(DEPRECATED_FS_SYNC, "flags 0", 0, FIELD(fs, flags[0], 0)),
	ROW(DEPRECATED_FS_SYNC, "flags 4", -EINVAL, FIELD(fs, flags[0], 4)),
	ROW(DEPRECATED_FS_IO, "flags 0", -EINVAL, FIELD(fs, flags[0], 0)),
	ROW(DEPRECATED_FS_IO, "flags 4", -EINVAL, FIELD(fs, flags[0], 4)),
	ROW(DEPRECATED_FS_IO, "any guest-physical address", 0,
	    FIELD(fs, c_offset[0], USER_END * 1024)),
	FILE_ROW(DEPRECATED_FS_IO, "W alone, open for writing", 0, MODE_W,
		 FIELD(fs, flags[0], VHOST_BACKEND_MAP_W)),
	FILE_ROW(DEPRECATED_FS_IO, "W alone, open for reading", -EACCES, MODE_R,
		 FIELD(fs, flags[0], VHOST_BACKEND_MAP_W)),
	FILE_ROW(DEPRECATED_FS_IO, "R, open for writing", -EACCES, MODE_W),

	ROW(GPU_MAP, "any memory and handle", 0, FIELD(gpu_map, memory_idx, U32_MAX),
	    FIELD(gpu_map, handle_type, U32_MAX)),
	FILE_ROW(GPU_MAP, "open for writing", -EACCES, MODE_W),
	FILE_ROW(GPU_MAP, "open for both", 0, MODE_RW),

	ROW(EXTERNAL_MAP, "up to the end of user space", 0,
	    FIELD(external_map, ptr, USER_END - PAGES(2))),
	ROW(EXTERNAL_MAP, "one byte over it", -EFAULT,
	    FIELD(external_map, ptr, USER_END - PAGES(2) + 1)),
	ROW(EXTERNAL_MAP, "kernel address", -EFAULT,
	    FIELD(external_map, ptr, 0xffff888000000000ULL)),
	ROW(EXTERNAL_MAP, "address that overflows", -EFAULT,
	    FIELD(external_map, ptr, -PAGES(2))),
	ROW(EXTERNAL_MAP, "address 0", 0, FIELD(external_map, ptr, 0)),
};

static void field_desc(const struct field_param *param, char *desc)
{
	strscpy(desc, param->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(field, fields, field_desc);

static void set_field(void *payload, const struct field *field)
{
	if (field->bytes == 1)
		*(u8 *)(payload + field->offset) = field->value;
	else if (field->bytes == 4)
		*(u32 *)(payload + field->offset) = field->value;
	else if (field->bytes == 8)
		*(u64 *)(payload + field->offset) = field->value;
}

/* Each field at its limits, and just beyond: accepted, or refused with its error. */
static void request_keeps_its_limits(struct kunit *test)
{
	const struct field_param *param = test->param_value;
	const struct type_param *type = type_of(param->request);
	fmode_t f_mode = param->no_file ? NO_FILE : param->f_mode ?: type->f_mode;
	struct vhost_backend_record *record = make_records(test, 1);
	u8 *payload = make_payload(test, type);
	int i;

	for (i = 0; i < ARRAY_SIZE(param->field); i++)
		set_field(payload, &param->field[i]);
	KUNIT_EXPECT_EQ(test, build(record, param->request, type->size, payload,
				    make_memfd(test, f_mode)), param->expected);
}

/* A range of bytes: where it starts, and how long it is */
struct range_param {
	const char *name;
	u32 request;
	struct field offset;
	struct field len;
};

#define RANGE(_request, _type, _offset, _len)			\
	{							\
		.name = #_request " " #_offset,			\
		.request = VHOST_BACKEND_##_request,		\
		.offset = FIELD(_type, _offset, 0),		\
		.len = FIELD(_type, _len, 0),			\
	}

static const struct range_param ranges[] = {
	RANGE(SHMEM_MAP, shmem_map, shm_offset, len),
	RANGE(SHMEM_MAP, shmem_map, fd_offset, len),
	RANGE(SHMEM_UNMAP, shmem_unmap, shm_offset, len),
	RANGE(DEPRECATED_FS_MAP, fs, fd_offset[0], len[0]),
	RANGE(DEPRECATED_FS_MAP, fs, c_offset[0], len[0]),
	RANGE(DEPRECATED_FS_UNMAP, fs, fd_offset[0], len[0]),
	RANGE(DEPRECATED_FS_UNMAP, fs, c_offset[0], len[0]),
	RANGE(DEPRECATED_FS_SYNC, fs, fd_offset[0], len[0]),
	RANGE(DEPRECATED_FS_SYNC, fs, c_offset[0], len[0]),
	RANGE(DEPRECATED_FS_IO, fs, fd_offset[0], len[0]),
	RANGE(DEPRECATED_FS_IO, fs, c_offset[0], len[0]),
	RANGE(GPU_MAP, gpu_map, shm_offset, len),
	RANGE(EXTERNAL_MAP, external_map, shm_offset, len),
};

static void range_desc(const struct range_param *param, char *desc)
{
	strscpy(desc, param->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(range, ranges, range_desc);

/* A range has a byte at least, and ends where a position can still say it. */
static void request_refuses_ranges_that_overflow(struct kunit *test)
{
	static const struct {
		u64 offset;
		u64 len;
		int expected;
	} values[] = {
		{ 0, 0, -EINVAL },
		{ PAGES(1), 0, -EINVAL },
		{ -1ULL, 0, -EINVAL },
		{ 0, 1, 0 },
		{ -2ULL, 1, 0 },
		{ -1ULL, 1, -EINVAL },
		{ -PAGES(1) - 1, PAGES(1), 0 },
		{ -PAGES(1), PAGES(1), -EINVAL },
		{ BIT_ULL(63), BIT_ULL(63), -EINVAL },
		{ -1ULL, -2ULL, -EINVAL },
	};
	const struct range_param *param = test->param_value;
	const struct type_param *type = type_of(param->request);
	struct field offset = param->offset, len = param->len;
	struct file *file = make_memfd(test, type->f_mode);
	struct vhost_backend_record *record = make_records(test, 1);
	u8 *payload = make_payload(test, type);
	int i;

	for (i = 0; i < ARRAY_SIZE(values); i++) {
		offset.value = values[i].offset;
		len.value = values[i].len;
		set_field(payload, &offset);
		set_field(payload, &len);
		KUNIT_EXPECT_EQ_MSG(test, build(record, param->request, type->size,
						payload, file), values[i].expected,
				    "%llx + %llx", offset.value, len.value);
	}
}

struct pad_param {
	u32 request;
	u32 offset;
	u32 bytes;
};

#define PAD(_request, _type)					\
	{							\
		.request = VHOST_BACKEND_##_request,		\
		.offset = offsetof(struct vhost_backend_##_type, pad),	\
		.bytes = sizeof_field(struct vhost_backend_##_type, pad),	\
	}

static const struct pad_param pads[] = {
	PAD(IOTLB_MSG, iotlb),
	PAD(SHMEM_MAP, shmem_map),
	PAD(SHMEM_UNMAP, shmem_unmap),
	PAD(GPU_MAP, gpu_map),
	PAD(EXTERNAL_MAP, external_map),
};

static void pad_desc(const struct pad_param *param, char *desc)
{
	strscpy(desc, type_of(param->request)->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(pad, pads, pad_desc);

/* Every byte of padding is 0: what it will mean one day is open. */
static void request_refuses_padding(struct kunit *test)
{
	const struct pad_param *param = test->param_value;
	const struct type_param *type = type_of(param->request);
	struct file *file = make_memfd(test, type->f_mode);
	struct vhost_backend_record *record = make_records(test, 1);
	u8 *payload = make_payload(test, type);
	u32 i;

	for (i = 0; i < param->bytes; i++) {
		memcpy(payload, type->payload, type->size);
		payload[param->offset + i] = 0x80;
		KUNIT_EXPECT_EQ_MSG(test, build(record, param->request, type->size,
						payload, file), -EINVAL,
				    "byte %u", param->offset + i);
	}
}

/* An object has a name: not all zeroes, not all ones; one bit makes it one. */
static void request_refuses_nil_uuids(struct kunit *test)
{
	struct vhost_backend_shared_object object = {};
	struct vhost_backend_record *record = make_records(test, 1);
	u32 request, i;

	for (request = VHOST_BACKEND_SHARED_OBJECT_ADD;
	     request <= VHOST_BACKEND_SHARED_OBJECT_LOOKUP; request++) {
		memset(&object, 0, sizeof(object));
		KUNIT_EXPECT_EQ(test, build(record, request, 16, &object, NULL), -EINVAL);
		memset(&object, 0xff, sizeof(object));
		KUNIT_EXPECT_EQ(test, build(record, request, 16, &object, NULL), -EINVAL);
		for (i = 0; i < 16; i++) {
			memset(&object, 0, sizeof(object));
			object.uuid[i] = 0x80;
			KUNIT_EXPECT_EQ(test, build(record, request, 16, &object, NULL), 0);
			memset(&object, 0xff, sizeof(object));
			object.uuid[i] = 0xfe;
			KUNIT_EXPECT_EQ(test, build(record, request, 16, &object, NULL), 0);
		}
	}
}

/* A backend without vrings can't name one; the highest that a message has is 255. */
static void request_counts_vrings_from_its_backend(struct kunit *test)
{
	struct vhost_backend_limits own = limits;
	struct vhost_backend_vring_area area = good_area;
	const struct vhost_backend_req req = {
		.request = VHOST_BACKEND_VRING_HOST_NOTIFIER_MSG,
		.size = sizeof(area),
		.payload = &area,
	};
	struct vhost_backend_record *record = make_records(test, 1);

	own.vring_base = 32000;
	own.nr_vrings = 768;
	area.vring = VHOST_BACKEND_VRING_NOFD | 3;
	KUNIT_EXPECT_EQ(test, vhost_backend_request_build(record, &req, &own), -EINVAL);
	own.vring_base = 252;
	KUNIT_EXPECT_EQ(test, vhost_backend_request_build(record, &req, &own), 0);
	KUNIT_EXPECT_EQ(test, record->area.vring, VHOST_BACKEND_VRING_NOFD | 255);
	own.vring_base = 253;
	KUNIT_EXPECT_EQ(test, vhost_backend_request_build(record, &req, &own), -EINVAL);
	own.vring_base = 0;
	own.nr_vrings = 0;
	KUNIT_EXPECT_EQ(test, vhost_backend_request_build(record, &req, &own), -ERANGE);
}

struct std_param {
	const char *name;
	u32 request;
	struct field field;
	u32 std_request;
	struct vhost_backend_mmap expected;
};

static const struct std_param stds[] = {
	{
		.name = "map R",
		.request = VHOST_BACKEND_SHMEM_MAP,
		.std_request = VHOST_BACKEND_STD_SHMEM_MAP,
		.expected = {
			.shmid = 2, .fd_offset = PAGES(5), .shm_offset = PAGES(3),
			.len = PAGES(2), .flags = 0,
		},
	}, {
		.name = "map R|W",
		.request = VHOST_BACKEND_SHMEM_MAP,
		.field = FIELD(shmem_map, flags, VHOST_BACKEND_MAP_R | VHOST_BACKEND_MAP_W),
		.std_request = VHOST_BACKEND_STD_SHMEM_MAP,
		.expected = {
			.shmid = 2, .fd_offset = PAGES(5), .shm_offset = PAGES(3),
			.len = PAGES(2), .flags = VHOST_BACKEND_MMAP_RW,
		},
	}, {
		.name = "unmap",
		.request = VHOST_BACKEND_SHMEM_UNMAP,
		.std_request = VHOST_BACKEND_STD_SHMEM_UNMAP,
		.expected = { .shmid = 2, .shm_offset = PAGES(3), .len = PAGES(2) },
	},
};

static void std_desc(const struct std_param *param, char *desc)
{
	strscpy(desc, param->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(std, stds, std_desc);

/* SHMEM_MAP and SHMEM_UNMAP as the vhost-user specification has them */
static void request_turns_to_std(struct kunit *test)
{
	const struct std_param *param = test->param_value;
	const struct type_param *type = type_of(param->request);
	struct vhost_backend_record *record = make_records(test, 1);
	u8 payload[64];
	s32 fd;

	memcpy(payload, type->payload, type->size);
	set_field(payload, &param->field);
	KUNIT_ASSERT_EQ(test, build(record, param->request, type->size, payload,
				    make_memfd(test, type->f_mode ? MODE_RW : NO_FILE)), 0);
	fd = record->msg.fd;
	vhost_backend_request_to_std(record);
	KUNIT_EXPECT_EQ(test, record->msg.request, param->std_request);
	KUNIT_EXPECT_EQ(test, record->msg.flags, VHOST_BACKEND_MSG_VERSION);
	KUNIT_EXPECT_EQ(test, record->msg.size, 40);
	KUNIT_EXPECT_EQ(test, record->msg.fd, fd);
	KUNIT_EXPECT_EQ(test, memcmp(&record->std, &param->expected, 40), 0);
}

/* Every other request stays as it is, to the byte. */
static void request_is_left_by_to_std(struct kunit *test)
{
	const struct type_param *param = test->param_value;
	struct vhost_backend_record *record, *before;
	bool changes = param->request == VHOST_BACKEND_SHMEM_MAP ||
		       param->request == VHOST_BACKEND_SHMEM_UNMAP;

	record = make_records(test, 2);
	before = record + 1;
	KUNIT_ASSERT_EQ(test, build(record, param->request, param->size, param->payload,
				    make_memfd(test, param->f_mode)), 0);
	*before = *record;
	vhost_backend_request_to_std(record);
	KUNIT_EXPECT_EQ(test, !!memcmp(record, before, sizeof(*record)), changes);
}

/* Of all numbers, these sixteen; the STD_ kinds are for the frontend alone. */
static void request_numbers_that_are_known(struct kunit *test)
{
	static const u32 others[] = { 10000, BIT(31), BIT(31) + 1000, U32_MAX - 7, U32_MAX };
	u32 request, i, known = 0;

	for (request = 0; request < 3000; request++) {
		if (!vhost_backend_request_known(request))
			continue;
		known++;
		for (i = 0; i < ARRAY_SIZE(all) && all[i].request != request; i++)
			;
		KUNIT_EXPECT_LT_MSG(test, i, ARRAY_SIZE(all), "request %u", request);
	}
	KUNIT_EXPECT_EQ(test, known, 16);
	for (i = 0; i < ARRAY_SIZE(others); i++) {
		KUNIT_EXPECT_FALSE(test, vhost_backend_request_known(others[i]));
		KUNIT_EXPECT_FALSE(test, vhost_backend_request_counts_bytes(others[i]));
	}
}

#define REQUEST_BIT(request)	BIT_ULL(VHOST_BACKEND_BIT(VHOST_BACKEND_##request))

/* A frontend asks for what there is, and for no map that it can't undo. */
static void request_bits_that_setup_takes(struct kunit *test)
{
	const u64 everything = VHOST_BACKEND_REQUESTS_ALL |
			       VHOST_BACKEND_REQUESTS_SHARED_OBJECT;
	const u64 maps = REQUEST_BIT(SHMEM_MAP) | REQUEST_BIT(GPU_MAP) |
			 REQUEST_BIT(EXTERNAL_MAP);
	const u64 unmap = REQUEST_BIT(SHMEM_UNMAP);
	u32 bit;

	KUNIT_EXPECT_EQ(test, vhost_backend_request_check_setup(0), 0);
	KUNIT_EXPECT_EQ(test, vhost_backend_request_check_setup(everything), 0);
	KUNIT_EXPECT_EQ(test, vhost_backend_request_check_setup(everything & ~unmap),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, vhost_backend_request_check_setup(everything & ~unmap & ~maps),
			0);
	KUNIT_EXPECT_EQ(test, hweight64(everything), 16);
	for (bit = 0; bit < 64; bit++) {
		u64 mask = BIT_ULL(bit);
		int expected = mask & everything ? 0 : -EINVAL;

		KUNIT_EXPECT_EQ_MSG(test, vhost_backend_request_check_setup(mask | unmap),
				    expected, "bit %u", bit);
		KUNIT_EXPECT_EQ_MSG(test, vhost_backend_request_check_setup(mask),
				    mask & maps ? -EINVAL : expected, "bit %u", bit);
	}
}

struct kind_param {
	const char *name;
	umode_t i_mode;
	unsigned long magic;
	fmode_t f_mode;
	bool channel;
	bool allowed;
};

static const struct kind_param kinds[] = {
	{ "regular file", S_IFREG, EXT4_SUPER_MAGIC, MODE_RW, false, true },
	{ "memfd", S_IFREG, TMPFS_MAGIC, MODE_RW, false, true },
	{ "hugetlbfs", S_IFREG, HUGETLBFS_MAGIC, MODE_RW, false, true },
	{ "character device", S_IFCHR, TMPFS_MAGIC, MODE_RW, false, true },
	{ "block device", S_IFBLK, TMPFS_MAGIC, MODE_RW, false, true },
	{ "dma-buf", 0, DMA_BUF_MAGIC, MODE_RW, false, true },
	{ "dma-buf that says regular", S_IFREG, DMA_BUF_MAGIC, MODE_RW, false, true },
	{ "directory", S_IFDIR, EXT4_SUPER_MAGIC, MODE_R, false, false },
	{ "pipe", S_IFIFO, PIPEFS_MAGIC, MODE_RW, false, false },
	{ "fifo", S_IFIFO, EXT4_SUPER_MAGIC, MODE_RW, false, false },
	{ "socket", S_IFSOCK, SOCKFS_MAGIC, MODE_RW, false, false },
	{ "anonymous inode", 0, ANON_INODE_FS_MAGIC, MODE_RW, false, false },
	{ "anonymous inode that says regular", S_IFREG, ANON_INODE_FS_MAGIC, MODE_RW,
	  false, false },
	{ "pidfd that says regular", S_IFREG, PID_FS_MAGIC, MODE_RW, false, false },
	{ "O_PATH", S_IFREG, EXT4_SUPER_MAGIC, FMODE_PATH, false, false },
	{ "O_PATH of a dma-buf", 0, DMA_BUF_MAGIC, FMODE_PATH, false, false },
	{ "channel", S_IFCHR, TMPFS_MAGIC, MODE_RW, true, false },
};

static void kind_desc(const struct kind_param *param, char *desc)
{
	strscpy(desc, param->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(kind, kinds, kind_desc);

/* The closed list of files: none that could hold the channel it lies in. */
static void request_allows_files(struct kunit *test)
{
	const struct kind_param *param = test->param_value;
	struct file *file = make_file(test, param->f_mode, param->i_mode, param->magic);

	if (param->channel)
		file->f_op = &channel_fops;
	KUNIT_EXPECT_EQ(test, vhost_backend_file_allowed(file, &channel_fops),
			param->allowed);
}

static const struct file_operations real_fops = {};

/* Not only as faked above */
static void request_allows_real_files(struct kunit *test)
{
	struct file *memfd = vhost_backend_shmem_file("kunit", SZ_4K);
	struct file *anon = anon_inode_getfile("kunit", &real_fops, NULL, O_RDWR);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, memfd);
	KUNIT_EXPECT_TRUE(test, vhost_backend_file_allowed(memfd, &channel_fops));
	fput(memfd);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, anon);
	KUNIT_EXPECT_FALSE(test, vhost_backend_file_allowed(anon, &channel_fops));
	fput(anon);
}

static struct kunit_case request_cases[] = {
	KUNIT_CASE_PARAM(request_becomes_a_record, type_gen_params),
	KUNIT_CASE_PARAM(request_has_one_size, type_gen_params),
	KUNIT_CASE_PARAM(request_takes_its_file, type_gen_params),
	KUNIT_CASE_PARAM(request_has_its_reply_policy, type_gen_params),
	KUNIT_CASE_PARAM(request_keeps_its_limits, field_gen_params),
	KUNIT_CASE_PARAM(request_refuses_ranges_that_overflow, range_gen_params),
	KUNIT_CASE_PARAM(request_refuses_padding, pad_gen_params),
	KUNIT_CASE(request_refuses_nil_uuids),
	KUNIT_CASE(request_counts_vrings_from_its_backend),
	KUNIT_CASE_PARAM(request_turns_to_std, std_gen_params),
	KUNIT_CASE_PARAM(request_is_left_by_to_std, type_gen_params),
	KUNIT_CASE(request_numbers_that_are_known),
	KUNIT_CASE(request_bits_that_setup_takes),
	KUNIT_CASE_PARAM(request_allows_files, kind_gen_params),
	KUNIT_CASE(request_allows_real_files),
	{}
};

static struct kunit_suite request_suite = {
	.name = "vhost_backend_request",
	.test_cases = request_cases,
};

kunit_test_suite(request_suite);
