/* SPDX-License-Identifier: GPL-2.0-only */
/* What the suites of the requests share: a good one of each kind, and how to spoil it. */
#ifndef VHOST_BACKEND_REQUEST_TEST_H
#define VHOST_BACKEND_REQUEST_TEST_H

#include <kunit/test.h>
#include <linux/build_bug.h>
#include <linux/fs.h>
#include <linux/sizes.h>
#include <uapi/linux/vhost_types.h>

#include "../request.h"

#define USER_END	0x7ffffffff000ULL
#define VRING_BASE	8
#define NR_VRINGS	16
#define PAGES(n)	((n) * (u64)SZ_4K)

#define MODE_R	FMODE_READ
#define MODE_W	FMODE_WRITE
#define MODE_RW	(FMODE_READ | FMODE_WRITE)
#define NO_FILE	((fmode_t)0)

extern const struct file_operations request_channel_fops;
extern const struct vhost_backend_limits request_limits;

/* For each request: what the documentation of the user ABI says of it */
struct type_param {
	const char *name;
	u32 request;
	u32 size;
	fmode_t f_mode;			/* of the file that it takes, or NO_FILE */
	enum vhost_backend_reply_policy policy;
	const void *payload;		/* a good one */
};

#define NR_REQUESTS	16

extern const struct type_param request_types[NR_REQUESTS];

/* Not an array by mistake */
#define FIELD_BYTES(bytes)	((bytes) + BUILD_BUG_ON_ZERO((bytes) > 8))

/* One field of a payload: @bytes at @offset */
struct field {
	u16 offset;
	u16 bytes;
	u64 value;
};

#define FIELD(_type, _member, _value)						\
	{									\
		.offset = offsetof(struct vhost_backend_##_type, _member),	\
		.bytes = FIELD_BYTES(sizeof_field(struct vhost_backend_##_type, _member)), \
		.value = _value,						\
	}

struct file *request_make_file(struct kunit *test, fmode_t f_mode, umode_t i_mode,
			       unsigned long magic);
struct file *request_make_memfd(struct kunit *test, fmode_t f_mode);
const struct type_param *request_type_of(u32 request);
int request_build(struct vhost_backend_record *record, u32 request, u32 size,
		  const void *payload, struct file *file);
struct vhost_backend_record *request_make_records(struct kunit *test, int nr);
u8 *request_make_payload(struct kunit *test, const struct type_param *type);
void request_set_field(void *payload, const struct field *field);

#endif /* VHOST_BACKEND_REQUEST_TEST_H */
