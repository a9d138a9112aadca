// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit: what a request may say: each field at its limits, and just beyond. What it tests
 * is in kunit_request.c.
 */
#include "request_test.h"

/* A good payload in which some fields are changed */
struct field_param {
	const char *name;
	u32 request;
	int expected;
	struct field field[4];
	fmode_t f_mode;			/* NO_FILE: as for a good one */
	bool no_file;
};

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

/* Each field at its limits, and just beyond: accepted, or refused with its error. */
static void content_keeps_its_limits(struct kunit *test)
{
	const struct field_param *param = test->param_value;
	const struct type_param *type = request_type_of(param->request);
	fmode_t f_mode = param->no_file ? NO_FILE : param->f_mode ?: type->f_mode;
	struct vhost_backend_record *record = request_make_records(test, 1);
	u8 *payload = request_make_payload(test, type);
	int i;

	for (i = 0; i < ARRAY_SIZE(param->field); i++)
		request_set_field(payload, &param->field[i]);
	KUNIT_EXPECT_EQ(test, request_build(record, param->request, type->size, payload,
					    request_make_memfd(test, f_mode)), param->expected);
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
static void content_refuses_ranges_that_overflow(struct kunit *test)
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
	const struct type_param *type = request_type_of(param->request);
	struct field offset = param->offset, len = param->len;
	struct file *file = request_make_memfd(test, type->f_mode);
	struct vhost_backend_record *record = request_make_records(test, 1);
	u8 *payload = request_make_payload(test, type);
	int i;

	for (i = 0; i < ARRAY_SIZE(values); i++) {
		offset.value = values[i].offset;
		len.value = values[i].len;
		request_set_field(payload, &offset);
		request_set_field(payload, &len);
		KUNIT_EXPECT_EQ_MSG(test, request_build(record, param->request, type->size,
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
	strscpy(desc, request_type_of(param->request)->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(pad, pads, pad_desc);

/* Every byte of padding is 0: what it will mean one day is open. */
static void content_refuses_padding(struct kunit *test)
{
	const struct pad_param *param = test->param_value;
	const struct type_param *type = request_type_of(param->request);
	struct file *file = request_make_memfd(test, type->f_mode);
	struct vhost_backend_record *record = request_make_records(test, 1);
	u8 *payload = request_make_payload(test, type);
	u32 i;

	for (i = 0; i < param->bytes; i++) {
		memcpy(payload, type->payload, type->size);
		payload[param->offset + i] = 0x80;
		KUNIT_EXPECT_EQ_MSG(test, request_build(record, param->request, type->size,
							payload, file), -EINVAL,
				    "byte %u", param->offset + i);
	}
}

/* An object has a name: not all zeroes, not all ones; one bit makes it one. */
static void content_refuses_nil_uuids(struct kunit *test)
{
	struct vhost_backend_shared_object object = {};
	struct vhost_backend_record *record = request_make_records(test, 1);
	u32 request, i;

	for (request = VHOST_BACKEND_SHARED_OBJECT_ADD;
	     request <= VHOST_BACKEND_SHARED_OBJECT_LOOKUP; request++) {
		memset(&object, 0, sizeof(object));
		KUNIT_EXPECT_EQ(test, request_build(record, request, 16, &object, NULL), -EINVAL);
		memset(&object, 0xff, sizeof(object));
		KUNIT_EXPECT_EQ(test, request_build(record, request, 16, &object, NULL), -EINVAL);
		for (i = 0; i < 16; i++) {
			memset(&object, 0, sizeof(object));
			object.uuid[i] = 0x80;
			KUNIT_EXPECT_EQ(test, request_build(record, request, 16, &object, NULL), 0);
			memset(&object, 0xff, sizeof(object));
			object.uuid[i] = 0xfe;
			KUNIT_EXPECT_EQ(test, request_build(record, request, 16, &object, NULL), 0);
		}
	}
}

/* A backend without vrings can't name one; the highest that a message has is 255. */
static void content_counts_vrings_from_its_backend(struct kunit *test)
{
	struct vhost_backend_limits own = request_limits;
	struct vhost_backend_vring_area area = { .size = PAGE_SIZE, .offset = PAGES(9) };
	const struct vhost_backend_req req = {
		.request = VHOST_BACKEND_VRING_HOST_NOTIFIER_MSG,
		.size = sizeof(area),
		.payload = &area,
	};
	struct vhost_backend_record *record = request_make_records(test, 1);

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

static struct kunit_case content_cases[] = {
	KUNIT_CASE_PARAM(content_keeps_its_limits, field_gen_params),
	KUNIT_CASE_PARAM(content_refuses_ranges_that_overflow, range_gen_params),
	KUNIT_CASE_PARAM(content_refuses_padding, pad_gen_params),
	KUNIT_CASE(content_refuses_nil_uuids),
	KUNIT_CASE(content_counts_vrings_from_its_backend),
	{}
};

static struct kunit_suite content_suite = {
	.name = "vhost_backend_content",
	.test_cases = content_cases,
};

kunit_test_suite(content_suite);
