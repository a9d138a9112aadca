// SPDX-License-Identifier: GPL-2.0-only
/* Payloads that the kernel refuses in the worker's own call, field by field. */
#include "../kselftest_harness.h"

#include <fcntl.h>
#include <stddef.h>

#include <linux/vhost.h>

#include "lib/channel.h"
#include "lib/ends.h"
#include "lib/memory.h"
#include "lib/message.h"
#include "lib/refusal.h"
#include "lib/request.h"
#include "lib/skip.h"
#include "lib/worker.h"

SKIP_WITHOUT_WORKER;

WORKER_FIXTURE;

TEST_F_TIMEOUT(worker, wrong_size, 180)
{
	const struct request_kind *kind;
	unsigned char payload[512] = "";

	for_each_kind(kind) {
		struct vhost_backend_test_send send = send_of(kind, &self->ends);
		const __u32 sizes[] = {
			0, kind->size - 1, kind->size + 1, kind->size + 8,
			kind->size + 256, 512,
		};

		memcpy(payload, kind->sample.bytes, kind->size);
		send.payload = (uintptr_t)payload;
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
			if (sizes[i] == kind->size || sizes[i] > 512)
				continue;
			send.size = sizes[i];
			EXPECT_TRUE(is_refused(&self->ends, send, kind->reply, EINVAL,
					       kind->name));
		}
	}
}

/* Where the padding of each payload is. */
static const struct {
	__u32 request;
	unsigned int first;
	unsigned int last;
} paddings[] = {
	{ VHOST_BACKEND_IOTLB_MSG, 26, 31 },
	{ VHOST_BACKEND_SHMEM_MAP, 2, 7 },
	{ VHOST_BACKEND_SHMEM_UNMAP, 1, 7 },
	{ VHOST_BACKEND_GPU_MAP, 1, 7 },
	{ VHOST_BACKEND_EXTERNAL_MAP, 1, 7 },
};

TEST_F_TIMEOUT(worker, padding, 120)
{
	for (size_t i = 0; i < ARRAY_SIZE(paddings); i++) {
		const struct request_kind *kind =
			find_kind(paddings[i].request);
		struct vhost_backend_test_send send = send_of(kind, &self->ends);
		struct message m = kind->sample;

		send.payload = (uintptr_t)m.bytes;
		EXPECT_TRUE(is_accepted(&self->ends, send, kind->name));
		for (unsigned int n = paddings[i].first;
		     n <= paddings[i].last; n++) {
			m.bytes[n] = 0x80;
			EXPECT_TRUE(is_refused(&self->ends, send, kind->reply, EINVAL,
					       "padding"));
			m.bytes[n] = 0;
		}
	}
}

/**
 * struct wrong_field - one field of a sample with one value that is refused
 * @request: whose samples
 * @offset: of the field in struct message
 * @bytes: of the field
 * @value: wrong
 * @error: why
 * @what: for people
 */
struct wrong_field {
	__u32 request;
	size_t offset;
	size_t bytes;
	__u64 value;
	int error;
	const char *what;
};

#define WRONG(request_, field_, value_, error_) { \
	.request = VHOST_BACKEND_##request_, \
	.offset = offsetof(struct message, field_), \
	.bytes = sizeof(((struct message *)0)->field_), \
	.value = value_, .error = error_, .what = #field_ " = " #value_, \
}

/* Addresses of the kernel, and a range that reaches them. */
#define NOT_USER	0xffff800000000000ULL

static const struct wrong_field wrong_fields[] = {
	WRONG(IOTLB_MSG, iotlb.type, 0, EINVAL),
	WRONG(IOTLB_MSG, iotlb.type, VHOST_IOTLB_UPDATE, EINVAL),
	WRONG(IOTLB_MSG, iotlb.type, VHOST_IOTLB_INVALIDATE, EINVAL),
	WRONG(IOTLB_MSG, iotlb.type, VHOST_IOTLB_BATCH_BEGIN, EINVAL),
	WRONG(IOTLB_MSG, iotlb.type, VHOST_IOTLB_BATCH_END, EINVAL),
	WRONG(IOTLB_MSG, iotlb.type, 7, EINVAL),
	WRONG(IOTLB_MSG, iotlb.type, 129, EINVAL),
	WRONG(IOTLB_MSG, iotlb.type, 255, EINVAL),
	WRONG(IOTLB_MSG, iotlb.perm, 4, EINVAL),
	WRONG(IOTLB_MSG, iotlb.perm, 0x83, EINVAL),

	WRONG(VRING_CALL, state.num, 1, EINVAL),
	WRONG(VRING_CALL, state.num, 0x80000000, EINVAL),
	WRONG(VRING_CALL, state.index, NR_VRINGS, ERANGE),
	WRONG(VRING_CALL, state.index, 0x80000000, ERANGE),
	/* Plus VRING_BASE it is a vring of the channel, but not of ours. */
	WRONG(VRING_CALL, state.index, -1U, ERANGE),
	WRONG(VRING_ERR, state.num, 1, EINVAL),
	WRONG(VRING_ERR, state.num, 0x80000000, EINVAL),
	WRONG(VRING_ERR, state.index, NR_VRINGS, ERANGE),
	WRONG(VRING_ERR, state.index, 0x80000000, ERANGE),
	WRONG(VRING_ERR, state.index, -1U, ERANGE),

	WRONG(VRING_HOST_NOTIFIER_MSG, area.size, 0, EINVAL),
	WRONG(VRING_HOST_NOTIFIER_MSG, area.size, 1, EINVAL),
	WRONG(VRING_HOST_NOTIFIER_MSG, area.size, 4095, EINVAL),
	WRONG(VRING_HOST_NOTIFIER_MSG, area.size, 4097, EINVAL),
	WRONG(VRING_HOST_NOTIFIER_MSG, area.size, 8192, EINVAL),
	WRONG(VRING_HOST_NOTIFIER_MSG, area.size, 0x100001000, EINVAL),
	WRONG(VRING_HOST_NOTIFIER_MSG, area.offset, ~0ULL, EINVAL),
	WRONG(VRING_HOST_NOTIFIER_MSG, area.offset, -1ULL - 0xfff, EINVAL),
	WRONG(VRING_HOST_NOTIFIER_MSG, area.size, ~0ULL, EINVAL),

	WRONG(SHMEM_MAP, map.flags, 0, EINVAL),
	WRONG(SHMEM_MAP, map.flags, 2, EINVAL),
	WRONG(SHMEM_MAP, map.flags, 4, EINVAL),
	WRONG(SHMEM_MAP, map.flags, 5, EINVAL),
	WRONG(SHMEM_MAP, map.flags, 7, EINVAL),
	WRONG(SHMEM_MAP, map.flags, 0x81, EINVAL),
	WRONG(SHMEM_MAP, map.flags, 0xff, EINVAL),
	WRONG(SHMEM_MAP, map.len, 0, EINVAL),
	WRONG(SHMEM_MAP, map.shm_offset, ~0ULL, EINVAL),
	WRONG(SHMEM_MAP, map.shm_offset, -1ULL - 0xfff, EINVAL),
	WRONG(SHMEM_MAP, map.len, ~0ULL, EINVAL),
	WRONG(SHMEM_MAP, map.fd_offset, ~0ULL, EINVAL),
	WRONG(SHMEM_MAP, map.fd_offset, -1ULL - 0xfff, EINVAL),

	WRONG(SHMEM_UNMAP, unmap.len, 0, EINVAL),
	WRONG(SHMEM_UNMAP, unmap.shm_offset, ~0ULL, EINVAL),
	WRONG(SHMEM_UNMAP, unmap.shm_offset, -1ULL - 0xfff, EINVAL),
	WRONG(SHMEM_UNMAP, unmap.len, ~0ULL, EINVAL),

	WRONG(GPU_MAP, gpu.len, 0, EINVAL),
	WRONG(GPU_MAP, gpu.shm_offset, ~0ULL, EINVAL),
	WRONG(GPU_MAP, gpu.shm_offset, -1ULL - 0xfff, EINVAL),
	WRONG(GPU_MAP, gpu.len, ~0ULL, EINVAL),

	WRONG(EXTERNAL_MAP, external.len, 0, EINVAL),
	WRONG(EXTERNAL_MAP, external.shm_offset, ~0ULL, EINVAL),
	WRONG(EXTERNAL_MAP, external.shm_offset, -1ULL - 0xfff, EINVAL),
	WRONG(EXTERNAL_MAP, external.ptr, NOT_USER, EFAULT),
	WRONG(EXTERNAL_MAP, external.ptr, NOT_USER - 0x1000, EFAULT),
	WRONG(EXTERNAL_MAP, external.ptr, -1ULL - 0xffff, EFAULT),
	WRONG(EXTERNAL_MAP, external.ptr, ~0ULL, EFAULT),
	WRONG(EXTERNAL_MAP, external.len, 0xfffffffffff00000, EFAULT),
};

static void set_field(struct message *message, size_t offset, size_t bytes,
		      __u64 value)
{
	/* The low bytes: little-endian, as everything that this runs on. */
	memcpy((unsigned char *)message + offset, &value, bytes);
}

TEST_F_TIMEOUT(worker, wrong_fields, 180)
{
	const struct request_kind *kind;

	for (size_t i = 0; i < ARRAY_SIZE(wrong_fields); i++) {
		const struct wrong_field *wrong = &wrong_fields[i];

		for_each_kind(kind) {
			struct vhost_backend_test_send send;
			struct message m = kind->sample;

			if (kind->request != wrong->request)
				continue;
			set_field(&m, wrong->offset, wrong->bytes,
				  wrong->value);
			send = send_of(kind, &self->ends);
			send.payload = (uintptr_t)m.bytes;
			EXPECT_TRUE(is_refused(&self->ends, send, kind->reply,
					       wrong->error, wrong->what));
		}
	}
}

/* Bits 0 to 7 are the index and bit 8 is NOFD: the rest is unknown. */
TEST_F(worker, host_notifier_bits)
{
	const struct request_kind *kind;

	for_each_kind(kind) {
		struct vhost_backend_test_send send = send_of(kind, &self->ends);
		struct message m = kind->sample;

		if (kind->request != VHOST_BACKEND_VRING_HOST_NOTIFIER_MSG)
			continue;
		send.payload = (uintptr_t)m.bytes;
		for (int bit = 9; bit < 64; bit++) {
			m.area.vring = kind->sample.area.vring | 1ULL << bit;
			EXPECT_TRUE(is_refused(&self->ends, send, kind->reply, EINVAL,
					       "unknown bit of vring"));
		}
		for (unsigned int index = NR_VRINGS; index < 256; index += 50) {
			m.area.vring = (kind->sample.area.vring &
					VHOST_BACKEND_VRING_NOFD) | index;
			EXPECT_TRUE(is_refused(&self->ends, send, kind->reply, ERANGE,
					       "vring"));
		}
	}
}

/* The message has 8 bits for an index that the backend's base is added to. */
TEST_F(worker, host_notifier_over_255)
{
	int worker = worker_attach(self->ends.channel, "high", 254, 4);
	struct message m = { .area = { .size = PAGE } };
	struct vhost_backend_test_send send = {
		.request = VHOST_BACKEND_VRING_HOST_NOTIFIER_MSG,
		.size = sizeof(m.area), .payload = (uintptr_t)m.bytes,
		.context = self->ends.context, .fd = -1,
	};

	/* The default of 256 vrings ends before: needs a larger channel. */
	EXPECT_EQ(-ERANGE, worker);
	ASSERT_EQ(0, ends_reopen(&self->ends, (struct vhost_backend_setup){
		.nr_vrings = 300 }));
	worker = worker_attach(self->ends.channel, "high", 254, 4);
	ASSERT_LE(0, worker);
	for (int index = 2; index < 4; index++) {
		m.area.vring = VHOST_BACKEND_VRING_NOFD | index;
		EXPECT_TRUE(is_refused_once(self->ends.channel, worker, send, EINVAL,
					    "index over 255"));
	}
	m.area.vring = VHOST_BACKEND_VRING_NOFD | 1;
	EXPECT_EQ(0, worker_send(worker, &send));
	ASSERT_LT(0, await_message(self->ends.channel, &m));
	EXPECT_EQ(VHOST_BACKEND_VRING_NOFD | 255U, m.area.vring);
	close(worker);
}

TEST_F_TIMEOUT(worker, fs_entries, 120)
{
	const struct request_kind *kind;

	for_each_kind(kind) {
		struct vhost_backend_test_send send = send_of(kind, &self->ends);
		struct message m;

		if (!kind_is_fs(kind))
			continue;
		send.payload = (uintptr_t)m.bytes;
		for (int n = 0; n < VHOST_BACKEND_FS_ENTRIES; n++) {
			m = fs_with_entry(n);
			EXPECT_TRUE(is_accepted(&self->ends, send, kind->name));
			/* No entry in use. */
			m.fs.len[n] = 0;
			EXPECT_TRUE(is_refused(&self->ends, send, kind->reply, EINVAL,
					       "no entry"));
		}
	}
}

#define WRONG_ENTRY(field_, value_) \
	{ offsetof(struct message, fs.field_), value_, #field_ " = " #value_ }

struct wrong_entry {
	size_t offset;		/* of the field's array in struct message */
	__u64 value;
	const char *what;
};

static const struct wrong_entry wrong_entries[] = {
	WRONG_ENTRY(c_offset, ~0ULL),
	WRONG_ENTRY(c_offset, -1ULL - 0xfff),
	WRONG_ENTRY(len, -2ULL),
	WRONG_ENTRY(flags, 4),
	WRONG_ENTRY(flags, 5),
	WRONG_ENTRY(flags, 7),
	WRONG_ENTRY(flags, 0x8000000000000001),
	WRONG_ENTRY(flags, 0x100000001),
};

/* Where there is a file. */
static const struct wrong_entry wrong_file_entries[] = {
	WRONG_ENTRY(fd_offset, ~0ULL),
	WRONG_ENTRY(fd_offset, -1ULL - 0xfff),
	WRONG_ENTRY(len, ~0ULL),
};

/* Of a mapping, as opposed to a copy or a flush. */
static const struct wrong_entry wrong_map_entries[] = {
	WRONG_ENTRY(flags, 0),
	WRONG_ENTRY(flags, 2),
};

static void try_entries(struct __test_metadata *_metadata,
			struct ends *ends,
			const struct request_kind *kind,
			const struct wrong_entry *wrong, size_t count)
{
	struct vhost_backend_test_send send = send_of(kind, ends);
	struct message m;

	send.payload = (uintptr_t)m.bytes;
	for (size_t i = 0; i < count * VHOST_BACKEND_FS_ENTRIES; i++) {
		const struct wrong_entry *w = &wrong[i % count];
		size_t n = i / count;

		m = fs_with_entry(n);
		set_field(&m, w->offset + n * sizeof(__u64), sizeof(__u64),
			  w->value);
		EXPECT_TRUE(is_refused(ends, send, kind->reply, EINVAL, w->what));
	}
}

TEST_F_TIMEOUT(worker, wrong_fs_entries, 180)
{
	const struct request_kind *kind;

	for_each_kind(kind) {
		if (!kind_is_fs(kind))
			continue;
		try_entries(_metadata, &self->ends, kind, wrong_entries,
			    ARRAY_SIZE(wrong_entries));
		if (kind->file)
			try_entries(_metadata, &self->ends, kind,
				    wrong_file_entries,
				    ARRAY_SIZE(wrong_file_entries));
		if (kind->request == VHOST_BACKEND_DEPRECATED_FS_MAP)
			try_entries(_metadata, &self->ends, kind, wrong_map_entries,
				    ARRAY_SIZE(wrong_map_entries));
	}
}

/* The one length that is no length. */
TEST_F(worker, fs_unmap_of_the_whole_window)
{
	const struct request_kind *kind =
		find_kind(VHOST_BACKEND_DEPRECATED_FS_UNMAP);
	struct vhost_backend_test_send send = send_of(kind, &self->ends);
	struct message m = { .fs = { .len = { ~0ULL } } };

	send.payload = (uintptr_t)m.bytes;
	EXPECT_TRUE(is_accepted(&self->ends, send, "len ~0"));
}

/* Values at the edge that are not refused. */
static const struct wrong_field right_fields[] = {
	/* As a device in the kernel asks: it fills in no more. */
	WRONG(IOTLB_MSG, iotlb.size, 0, 0),
	WRONG(IOTLB_MSG, iotlb.uaddr, 0, 0),
	WRONG(SHMEM_MAP, map.flags, 1, 0),
	WRONG(SHMEM_MAP, map.flags, 3, 0),
	WRONG(SHMEM_MAP, map.shm_offset, 0, 0),
	WRONG(SHMEM_MAP, map.shm_offset, 0xfffffffffff00000 - 0x1000, 0),
	WRONG(SHMEM_MAP, map.len, 1, 0),
	WRONG(SHMEM_UNMAP, unmap.shm_offset, -1ULL - 0x1000, 0),
	WRONG(SHMEM_UNMAP, unmap.len, 1, 0),
	WRONG(SHMEM_UNMAP, unmap.shmid, 255, 0),
	WRONG(GPU_MAP, gpu.shm_offset, -1ULL - 0x2000, 0),
	WRONG(GPU_MAP, gpu.memory_idx, ~0U, 0),
	WRONG(GPU_MAP, gpu.handle_type, ~0U, 0),
	WRONG(EXTERNAL_MAP, external.shm_offset, -1ULL - 0x3000, 0),
};

TEST_F_TIMEOUT(worker, right_fields, 120)
{
	const struct request_kind *kind;

	for (size_t i = 0; i < ARRAY_SIZE(right_fields); i++) {
		const struct wrong_field *right = &right_fields[i];

		for_each_kind(kind) {
			struct vhost_backend_test_send send;
			struct message m = kind->sample;

			if (kind->request != right->request)
				continue;
			set_field(&m, right->offset, right->bytes,
				  right->value);
			send = send_of(kind, &self->ends);
			send.payload = (uintptr_t)m.bytes;
			EXPECT_TRUE(is_accepted(&self->ends, send, right->what));
		}
	}
}

TEST_F(worker, uuids)
{
	const struct request_kind *kind;

	for_each_kind(kind) {
		struct vhost_backend_test_send send = send_of(kind, &self->ends);
		struct message m;

		if (kind->request < VHOST_BACKEND_SHARED_OBJECT_ADD ||
		    kind->request > VHOST_BACKEND_SHARED_OBJECT_LOOKUP)
			continue;
		send.payload = (uintptr_t)m.bytes;
		memset(&m, 0, sizeof(m));
		EXPECT_TRUE(is_refused(&self->ends, send, kind->reply, EINVAL, "nil"));
		m.object.uuid[8] = 1;
		EXPECT_TRUE(is_accepted(&self->ends, send, "almost nil"));
		memset(&m, 0xff, sizeof(m));
		EXPECT_TRUE(is_refused(&self->ends, send, kind->reply, EINVAL,
				       "all ones"));
		m.object.uuid[15] = 0xfe;
		EXPECT_TRUE(is_accepted(&self->ends, send, "almost all ones"));
	}
}

/* A backend without vrings has none to name. */
TEST_F(worker, backend_without_vrings)
{
	int worker = worker_attach(self->ends.channel, "none", VRING_BASE, 0);
	const struct request_kind *kind;

	ASSERT_LE(0, worker);
	for_each_kind(kind) {
		struct vhost_backend_test_send send = send_of(kind, &self->ends);

		if (!kind_has_vring(kind))
			continue;
		EXPECT_TRUE(is_refused_once(self->ends.channel, worker, send, ERANGE,
					    "no vrings"));
	}
	close(worker);
}

/* By the functions of the kernel API that take no payload */
TEST(vring_that_is_not_there)
{
	static const uint32_t requests[] = { VHOST_BACKEND_VRING_CALL, VHOST_BACKEND_VRING_ERR };
	struct ends ends = {};

	ASSERT_EQ(0, ends_open_large(&ends, O_NONBLOCK));
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		struct request_kind kind = *find_kind(requests[i]);
		struct vhost_backend_test_send send = send_of(&kind, &ends);

		kind.sample.state.index = NR_VRINGS;
		send.flags = VHOST_BACKEND_TEST_TYPED;
		EXPECT_TRUE(is_refused_once(ends.channel, ends.worker, send, ERANGE,
					    kind.name));
	}
	ends_close(&ends);
}

TEST_HARNESS_MAIN
