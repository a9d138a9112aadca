// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit: the table of requests: which there are, what each of them takes, and what the
 * frontend gets to see of it.
 */
#include "request_test.h"
#include "../request.c"

static void type_desc(const struct type_param *param, char *desc)
{
	strscpy(desc, param->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(type, request_types, type_desc);

static bool has_vring(u32 request)
{
	return request == VHOST_BACKEND_VRING_CALL || request == VHOST_BACKEND_VRING_ERR;
}

/* A good request becomes a message of which every byte is defined. */
static void request_becomes_a_record(struct kunit *test)
{
	const struct type_param *param = test->param_value;
	struct file *file = request_make_memfd(test, param->f_mode);
	struct vhost_backend_record *record = request_make_records(test, 1);
	const struct vhost_backend_msg msg = {
		.request = param->request,
		.flags = VHOST_BACKEND_MSG_VERSION,
		.size = param->size,
		.fd = file ? VHOST_BACKEND_FD_PENDING : VHOST_BACKEND_FD_NONE,
	};
	u64 payload[VHOST_BACKEND_MSG_MAX / sizeof(u64)];

	if (param->size)
		memcpy(payload, param->payload, param->size);
	if (has_vring(param->request))
		((struct vhost_backend_vring_state *)payload)->index += VRING_BASE;
	if (param->request == VHOST_BACKEND_VRING_HOST_NOTIFIER_MSG)
		((struct vhost_backend_vring_area *)payload)->vring += VRING_BASE;

	KUNIT_EXPECT_EQ(test, request_build(record, param->request, param->size, param->payload,
					    file), 0);
	KUNIT_EXPECT_EQ(test, memcmp(&record->msg, &msg, sizeof(msg)), 0);
	KUNIT_EXPECT_EQ(test, memcmp(record->payload, payload, param->size), 0);
	KUNIT_EXPECT_PTR_EQ(test, record->file, file);
	KUNIT_EXPECT_EQ(test, record->own_mm_only,
			param->request == VHOST_BACKEND_EXTERNAL_MAP);
}

/* The payload has one size, and no other. */
static void request_has_one_size(struct kunit *test)
{
	const struct type_param *param = test->param_value;
	const u32 sizes[] = {
		0, 1, 8, 16, 24, 32, 64, 256, param->size - 1, param->size + 1,
		param->size + 8, param->size | BIT(31), U32_MAX,
	};
	struct file *file = request_make_memfd(test, param->f_mode);
	struct vhost_backend_record *record = request_make_records(test, 1);
	int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		KUNIT_EXPECT_EQ_MSG(test, request_build(record, param->request, sizes[i],
							param->payload, file),
				    sizes[i] == param->size ? 0 : -EINVAL,
				    "size %u", sizes[i]);
}

/* It takes a file or it does not; one that it takes is of an allowed kind. */
static void request_takes_its_file(struct kunit *test)
{
	const struct type_param *param = test->param_value;
	struct file *file = request_make_memfd(test, MODE_RW);
	struct vhost_backend_record *record = request_make_records(test, 1);

	KUNIT_EXPECT_EQ(test, request_build(record, param->request, param->size, param->payload,
					    file), param->f_mode ? 0 : -EINVAL);
	KUNIT_EXPECT_EQ(test, request_build(record, param->request, param->size, param->payload,
					    NULL), param->f_mode ? -EINVAL : 0);
	file = request_make_file(test, MODE_RW, S_IFSOCK, SOCKFS_MAGIC);
	KUNIT_EXPECT_EQ(test, request_build(record, param->request, param->size, param->payload,
					    file), -EINVAL);
}

static void request_has_its_reply_policy(struct kunit *test)
{
	const struct type_param *param = test->param_value;
	struct vhost_backend_record *record = request_make_records(test, 1);

	KUNIT_ASSERT_EQ(test, request_build(record, param->request, param->size, param->payload,
					    request_make_memfd(test, param->f_mode)), 0);
	KUNIT_EXPECT_EQ(test, record->policy, param->policy);
	KUNIT_EXPECT_EQ(test, vhost_backend_request_counts_bytes(param->request),
			param->request == VHOST_BACKEND_DEPRECATED_FS_IO);
	KUNIT_EXPECT_EQ(test, vhost_backend_request_reply_has_file(param->request),
			param->request == VHOST_BACKEND_SHARED_OBJECT_LOOKUP);
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
	const struct type_param *type = request_type_of(param->request);
	struct vhost_backend_record *record = request_make_records(test, 1);
	u8 payload[64];
	s32 fd;

	memcpy(payload, type->payload, type->size);
	request_set_field(payload, &param->field);
	KUNIT_ASSERT_EQ(test, request_build(record, param->request, type->size, payload,
					    request_make_memfd(test, type->f_mode ? MODE_RW :
								       NO_FILE)), 0);
	fd = record->msg.fd;
	vhost_backend_request_to_std(record);
	KUNIT_EXPECT_EQ(test, record->msg.request, param->std_request);
	KUNIT_EXPECT_EQ(test, record->msg.flags, VHOST_BACKEND_MSG_VERSION);
	KUNIT_EXPECT_EQ(test, record->msg.size, 40);
	KUNIT_EXPECT_EQ(test, record->msg.fd, fd);
	KUNIT_EXPECT_PTR_EQ(test, record->payload, (const void *)&record->std);
	KUNIT_EXPECT_EQ(test, memcmp(&record->std, &param->expected, 40), 0);
}

/* Every other request stays as it is, to the byte. */
static void request_is_left_by_to_std(struct kunit *test)
{
	const struct type_param *param = test->param_value;
	struct vhost_backend_record *record, *before;
	bool changes = param->request == VHOST_BACKEND_SHMEM_MAP ||
		       param->request == VHOST_BACKEND_SHMEM_UNMAP;

	record = request_make_records(test, 2);
	before = record + 1;
	KUNIT_ASSERT_EQ(test, request_build(record, param->request, param->size, param->payload,
					    request_make_memfd(test, param->f_mode)), 0);
	*before = *record;
	vhost_backend_request_to_std(record);
	KUNIT_EXPECT_EQ(test, !!memcmp(record, before, sizeof(*record)), changes);
}

/* Of all numbers, these sixteen; the STD_ kinds are for the frontend alone. */
static void request_numbers_that_are_known(struct kunit *test)
{
	static const u32 others[] = { 10000, BIT(31), BIT(31) + 1000, U32_MAX - 7, U32_MAX };
	struct vhost_backend_record *record = request_make_records(test, 1);
	u32 request, i, known = 0;

	for (request = 0; request < 3000; request++) {
		if (!find_type(request))
			continue;
		known++;
		for (i = 0; i < NR_REQUESTS && request_types[i].request != request; i++)
			;
		KUNIT_EXPECT_LT_MSG(test, i, NR_REQUESTS, "request %u", request);
	}
	KUNIT_EXPECT_EQ(test, known, 16);
	for (i = 0; i < ARRAY_SIZE(others); i++) {
		KUNIT_EXPECT_NULL(test, find_type(others[i]));
		KUNIT_EXPECT_EQ(test, request_build(record, others[i], 0, NULL, NULL), -EINVAL);
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

static struct kunit_case request_cases[] = {
	KUNIT_CASE_PARAM(request_becomes_a_record, type_gen_params),
	KUNIT_CASE_PARAM(request_has_one_size, type_gen_params),
	KUNIT_CASE_PARAM(request_takes_its_file, type_gen_params),
	KUNIT_CASE_PARAM(request_has_its_reply_policy, type_gen_params),
	KUNIT_CASE_PARAM(request_turns_to_std, std_gen_params),
	KUNIT_CASE_PARAM(request_is_left_by_to_std, type_gen_params),
	KUNIT_CASE(request_numbers_that_are_known),
	KUNIT_CASE(request_bits_that_setup_takes),
	{}
};

static struct kunit_suite request_suite = {
	.name = "vhost_backend_request",
	.test_cases = request_cases,
};

kunit_test_suite(request_suite);
