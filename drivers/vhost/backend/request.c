// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of requests: the only place that knows a request by name. A new
 * request is a row here, its payload in the user ABI, and its tests.
 */
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/string.h>
#include <uapi/linux/vhost_types.h>

#include "compat.h"
#include "request.h"

enum file_policy {
	FILE_NONE,
	FILE_NEEDED,
	FILE_UNLESS_NOFD,
};

struct request_type {
	const char *name;
	u32 size;
	enum file_policy file;
	enum vhost_backend_reply_policy reply;
	int (*check)(struct vhost_backend_record *record, const struct file *file,
		     const struct vhost_backend_limits *limits);
};

/* True if @len is 0, or @offset plus @len overflows. */
static bool bad_range(u64 offset, u64 len)
{
	u64 end;

	return !len || check_add_overflow(offset, len, &end);
}

static bool bad_map_flags(u64 flags)
{
	return flags != VHOST_BACKEND_MAP_R &&
	       flags != (VHOST_BACKEND_MAP_R | VHOST_BACKEND_MAP_W);
}

/* -EACCES if @file is not open for the accesses in @flags, VHOST_BACKEND_MAP_*. */
static int check_mode(const struct file *file, u64 flags)
{
	fmode_t mode = 0;

	if (flags & VHOST_BACKEND_MAP_R)
		mode |= FMODE_READ;
	if (flags & VHOST_BACKEND_MAP_W)
		mode |= FMODE_WRITE;
	return (file->f_mode & mode) == mode ? 0 : -EACCES;
}

static int check_iotlb(struct vhost_backend_record *record, const struct file *file,
		       const struct vhost_backend_limits *limits)
{
	const struct vhost_backend_iotlb *iotlb = record->payload;

	if (iotlb->type != VHOST_IOTLB_MISS && iotlb->type != VHOST_IOTLB_ACCESS_FAIL)
		return -EINVAL;
	if (iotlb->perm & ~VHOST_ACCESS_RW || iotlb->source)
		return -EINVAL;
	return get_unaligned((const u32 *)iotlb->pad) ? -EINVAL : 0;
}

static int check_vring_state(struct vhost_backend_record *record,
			     const struct file *file,
			     const struct vhost_backend_limits *limits)
{
	const struct vhost_backend_vring_state *state = record->payload;

	if (state->num)
		return -EINVAL;
	if (state->index >= limits->nr_vrings)
		return -ERANGE;
	record->state.index = limits->vring_base + state->index;
	record->state.num = 0;
	record->payload = &record->state;
	return 0;
}

static int check_host_notifier(struct vhost_backend_record *record,
			       const struct file *file,
			       const struct vhost_backend_limits *limits)
{
	const struct vhost_backend_vring_area *area = record->payload;
	u64 flags = area->vring & ~(u64)VHOST_BACKEND_VRING_INDEX_MASK;
	u64 vring = area->vring & VHOST_BACKEND_VRING_INDEX_MASK;

	if (flags & ~(u64)VHOST_BACKEND_VRING_NOFD || area->size != PAGE_SIZE ||
	    bad_range(area->offset, area->size))
		return -EINVAL;
	if (vring >= limits->nr_vrings)
		return -ERANGE;
	vring += limits->vring_base;
	if (vring > VHOST_BACKEND_VRING_INDEX_MASK)
		return -EINVAL;
	record->area = *area;
	record->area.vring = flags | vring;
	record->payload = &record->area;
	return 0;
}

static int check_shared_object(struct vhost_backend_record *record,
			       const struct file *file,
			       const struct vhost_backend_limits *limits)
{
	const struct vhost_backend_shared_object *object = record->payload;
	const u8 *uuid = object->uuid;
	size_t size = sizeof(object->uuid);

	return memchr_inv(uuid, 0, size) && memchr_inv(uuid, 0xff, size) ?
		0 : -EINVAL;
}

static int check_shmem_map(struct vhost_backend_record *record,
			   const struct file *file,
			   const struct vhost_backend_limits *limits)
{
	const struct vhost_backend_shmem_map *map = record->payload;

	if (memchr_inv(map->pad, 0, sizeof(map->pad)) || bad_map_flags(map->flags) ||
	    bad_range(map->shm_offset, map->len) || bad_range(map->fd_offset, map->len))
		return -EINVAL;
	return check_mode(file, map->flags);
}

static int check_shmem_unmap(struct vhost_backend_record *record,
			     const struct file *file,
			     const struct vhost_backend_limits *limits)
{
	const struct vhost_backend_shmem_unmap *unmap = record->payload;

	return memchr_inv(unmap->pad, 0, sizeof(unmap->pad)) ||
	       bad_range(unmap->shm_offset, unmap->len) ? -EINVAL : 0;
}

static int check_gpu_map(struct vhost_backend_record *record,
			 const struct file *file,
			 const struct vhost_backend_limits *limits)
{
	const struct vhost_backend_gpu_map *gpu = record->payload;

	if (memchr_inv(gpu->pad, 0, sizeof(gpu->pad)) ||
	    bad_range(gpu->shm_offset, gpu->len))
		return -EINVAL;
	return check_mode(file, VHOST_BACKEND_MAP_R);
}

static int check_external_map(struct vhost_backend_record *record,
			      const struct file *file,
			      const struct vhost_backend_limits *limits)
{
	const struct vhost_backend_external_map *map = record->payload;

	if (memchr_inv(map->pad, 0, sizeof(map->pad)) ||
	    bad_range(map->shm_offset, map->len))
		return -EINVAL;
	/* Compares the numbers: access_ok() does not work in every context. */
	return bad_range(map->ptr, map->len) ||
	       map->ptr + map->len > limits->user_end ? -EFAULT : 0;
}

/* Checks the entries in use, at least one, and collects their flags. */
static int check_fs_entries(const struct vhost_backend_fs *fs, bool whole,
			    u64 *all_flags)
{
	int used = 0;
	int i;

	for (i = 0; i < VHOST_BACKEND_FS_ENTRIES; i++) {
		if (!fs->len[i])
			continue;
		used++;
		*all_flags |= fs->flags[i];
		if (fs->flags[i] & ~(u64)(VHOST_BACKEND_MAP_R | VHOST_BACKEND_MAP_W))
			return -EINVAL;
		if (whole && fs->len[i] == ~0ULL)
			continue;
		if (bad_range(fs->fd_offset[i], fs->len[i]) ||
		    bad_range(fs->c_offset[i], fs->len[i]))
			return -EINVAL;
	}
	return used ? 0 : -EINVAL;
}

static int check_fs_map(struct vhost_backend_record *record,
			const struct file *file,
			const struct vhost_backend_limits *limits)
{
	const struct vhost_backend_fs *fs = record->payload;
	u64 flags = 0;
	int err = check_fs_entries(fs, false, &flags);
	int i;

	if (err)
		return err;
	for (i = 0; i < VHOST_BACKEND_FS_ENTRIES; i++)
		if (fs->len[i] && bad_map_flags(fs->flags[i]))
			return -EINVAL;
	return check_mode(file, flags);
}

static int check_fs_unmap(struct vhost_backend_record *record,
			  const struct file *file,
			  const struct vhost_backend_limits *limits)
{
	const struct vhost_backend_fs *fs = record->payload;
	u64 flags = 0;

	return check_fs_entries(fs, true, &flags);
}

static int check_fs_sync(struct vhost_backend_record *record,
			 const struct file *file,
			 const struct vhost_backend_limits *limits)
{
	const struct vhost_backend_fs *fs = record->payload;
	u64 flags = 0;

	return check_fs_entries(fs, false, &flags);
}

/* R moves bytes from the file to guest memory, W from guest memory to the file. */
static int check_fs_io(struct vhost_backend_record *record,
		       const struct file *file,
		       const struct vhost_backend_limits *limits)
{
	const struct vhost_backend_fs *fs = record->payload;
	u64 flags = 0;
	int err = check_fs_entries(fs, false, &flags);
	int i;

	if (err)
		return err;
	for (i = 0; i < VHOST_BACKEND_FS_ENTRIES; i++)
		if (fs->len[i] && !fs->flags[i])
			return -EINVAL;
	return check_mode(file, flags);
}

#define NR_TYPES	(VHOST_BACKEND_BIT(VHOST_BACKEND_EXTERNAL_MAP) + 1)

#define REQUEST(_request, _size, _file, _reply, _check)			\
	[VHOST_BACKEND_BIT(VHOST_BACKEND_##_request)] = {		\
		.name = #_request,					\
		.size = _size,						\
		.file = FILE_##_file,					\
		.reply = VHOST_BACKEND_REPLY_##_reply,			\
		.check = _check,					\
	}

static const struct request_type types[NR_TYPES] = {
	REQUEST(IOTLB_MSG, sizeof(struct vhost_backend_iotlb),
		NONE, IF_ASKED, check_iotlb),
	REQUEST(CONFIG_CHANGE_MSG, 0,
		NONE, NOTIFICATION, NULL),
	REQUEST(VRING_HOST_NOTIFIER_MSG, sizeof(struct vhost_backend_vring_area),
		UNLESS_NOFD, IF_ASKED, check_host_notifier),
	REQUEST(VRING_CALL, sizeof(struct vhost_backend_vring_state),
		NONE, NOTIFICATION, check_vring_state),
	REQUEST(VRING_ERR, sizeof(struct vhost_backend_vring_state),
		NONE, NOTIFICATION, check_vring_state),
	REQUEST(SHARED_OBJECT_ADD, sizeof(struct vhost_backend_shared_object),
		NONE, IF_ASKED, check_shared_object),
	REQUEST(SHARED_OBJECT_REMOVE, sizeof(struct vhost_backend_shared_object),
		NONE, IF_ASKED, check_shared_object),
	REQUEST(SHARED_OBJECT_LOOKUP, sizeof(struct vhost_backend_shared_object),
		NONE, ALWAYS, check_shared_object),
	REQUEST(SHMEM_MAP, sizeof(struct vhost_backend_shmem_map),
		NEEDED, ALWAYS, check_shmem_map),
	REQUEST(SHMEM_UNMAP, sizeof(struct vhost_backend_shmem_unmap),
		NONE, ALWAYS, check_shmem_unmap),
	REQUEST(DEPRECATED_FS_MAP, sizeof(struct vhost_backend_fs),
		NEEDED, ALWAYS, check_fs_map),
	REQUEST(DEPRECATED_FS_UNMAP, sizeof(struct vhost_backend_fs),
		NONE, ALWAYS, check_fs_unmap),
	REQUEST(DEPRECATED_FS_SYNC, sizeof(struct vhost_backend_fs),
		NONE, ALWAYS, check_fs_sync),
	REQUEST(DEPRECATED_FS_IO, sizeof(struct vhost_backend_fs),
		NEEDED, ALWAYS, check_fs_io),
	REQUEST(GPU_MAP, sizeof(struct vhost_backend_gpu_map),
		NEEDED, ALWAYS, check_gpu_map),
	REQUEST(EXTERNAL_MAP, sizeof(struct vhost_backend_external_map),
		NONE, ALWAYS, check_external_map),
};

static const struct request_type *find_type(u32 request)
{
	u32 bit;

	if (request >= 32 && request < 1000)
		return NULL;
	bit = VHOST_BACKEND_BIT(request);
	return bit < NR_TYPES && types[bit].name ? &types[bit] : NULL;
}

/**
 * vhost_backend_request_counts_bytes() - is a positive reply a count of bytes?
 * @request: any number
 *
 * Return: true for DEPRECATED_FS_IO; everywhere else it is an error.
 */
bool vhost_backend_request_counts_bytes(u32 request)
{
	return request == VHOST_BACKEND_DEPRECATED_FS_IO;
}

/**
 * vhost_backend_request_reply_has_file() - does a successful reply carry a file?
 * @request: any number
 *
 * Return: true for SHARED_OBJECT_LOOKUP; no other reply may carry one.
 */
bool vhost_backend_request_reply_has_file(u32 request)
{
	return request == VHOST_BACKEND_SHARED_OBJECT_LOOKUP;
}

/**
 * vhost_backend_request_check_setup() - may a frontend accept these requests?
 * @requests: &struct vhost_backend_setup.requests
 *
 * Return: 0; -EINVAL: unknown bits, or a map request without SHMEM_UNMAP.
 */
int vhost_backend_request_check_setup(u64 requests)
{
	const u64 known = VHOST_BACKEND_REQUESTS_ALL |
			  VHOST_BACKEND_REQUESTS_SHARED_OBJECT;
	const u64 maps = BIT_ULL(VHOST_BACKEND_BIT(VHOST_BACKEND_SHMEM_MAP)) |
			 BIT_ULL(VHOST_BACKEND_BIT(VHOST_BACKEND_GPU_MAP)) |
			 BIT_ULL(VHOST_BACKEND_BIT(VHOST_BACKEND_EXTERNAL_MAP));
	const u64 unmap = BIT_ULL(VHOST_BACKEND_BIT(VHOST_BACKEND_SHMEM_UNMAP));

	if (requests & ~known)
		return -EINVAL;
	return requests & maps && !(requests & unmap) ? -EINVAL : 0;
}

/**
 * vhost_backend_file_allowed() - may a file travel over a channel?
 * @file: the file
 * @channel_fops: of files that are channels
 *
 * A closed list. A socket, an io_uring, an epoll or a channel could hold the very
 * channel in which it is queued, and nothing in the kernel would find the cycle.
 *
 * Context: Any.
 * Return: true for a regular file, a device, and a dma-buf.
 */
bool vhost_backend_file_allowed(const struct file *file,
				const struct file_operations *channel_fops)
{
	const struct inode *inode = file_inode(file);

	if (file->f_mode & FMODE_PATH || file->f_op == channel_fops)
		return false;
	return inode->i_sb->s_magic == DMA_BUF_MAGIC || vhost_backend_is_regular(file) ||
	       S_ISCHR(inode->i_mode) || S_ISBLK(inode->i_mode);
}

static bool file_wanted(const struct request_type *type,
			const struct vhost_backend_record *record)
{
	const struct vhost_backend_vring_area *area = record->payload;

	if (type->file == FILE_UNLESS_NOFD)
		return !(area->vring & VHOST_BACKEND_VRING_NOFD);
	return type->file == FILE_NEEDED;
}

/**
 * vhost_backend_request_build() - check a worker's request and make its record
 * @record: out: the request as the frontend will see it, with the channel's
 *	vring numbers, without reply flag and id
 * @req: the worker's request; its payload is used until the record is queued
 * @limits: the limits of the worker's backend
 *
 * Context: Any.
 * Return: 0; -EINVAL, -EACCES, -EFAULT, -ERANGE as the user ABI says.
 */
int vhost_backend_request_build(struct vhost_backend_record *record,
				const struct vhost_backend_req *req,
				const struct vhost_backend_limits *limits)
{
	const struct request_type *type = find_type(req->request);

	if (unlikely(!type || req->size != type->size))
		return -EINVAL;
	record->msg = (struct vhost_backend_msg){
		.request = req->request,
		.flags = VHOST_BACKEND_MSG_VERSION,
		.size = req->size,
		.fd = req->file ? VHOST_BACKEND_FD_PENDING : VHOST_BACKEND_FD_NONE,
	};
	record->payload = req->payload;
	record->file = req->file;
	record->policy = type->reply;
	record->own_mm_only = req->request == VHOST_BACKEND_EXTERNAL_MAP;
	if (file_wanted(type, record) != !!req->file)
		return -EINVAL;
	if (req->file && !vhost_backend_file_allowed(req->file, limits->channel_fops))
		return -EINVAL;
	return type->check ? type->check(record, req->file, limits) : 0;
}

/**
 * vhost_backend_request_to_std() - rewrite SHMEM_MAP and SHMEM_UNMAP
 * @record: any request; others are left as they are
 *
 * Into the form of the vhost-user specification, for a frontend that asked for it with
 * VHOST_BACKEND_SETUP_STD_SHMEM.
 */
void vhost_backend_request_to_std(struct vhost_backend_record *record)
{
	const struct vhost_backend_shmem_map *map = record->payload;
	const struct vhost_backend_shmem_unmap *unmap = record->payload;

	if (record->msg.request == VHOST_BACKEND_SHMEM_MAP) {
		record->msg.request = VHOST_BACKEND_STD_SHMEM_MAP;
		record->std = (struct vhost_backend_mmap){
			.shmid = map->shmid,
			.fd_offset = map->fd_offset,
			.shm_offset = map->shm_offset,
			.len = map->len,
			.flags = map->flags & VHOST_BACKEND_MAP_W ? VHOST_BACKEND_MMAP_RW : 0,
		};
	} else if (record->msg.request == VHOST_BACKEND_SHMEM_UNMAP) {
		record->msg.request = VHOST_BACKEND_STD_SHMEM_UNMAP;
		record->std = (struct vhost_backend_mmap){
			.shmid = unmap->shmid,
			.shm_offset = unmap->shm_offset,
			.len = unmap->len,
		};
	} else {
		return;
	}
	record->payload = &record->std;
	record->msg.size = sizeof(record->std);
}
