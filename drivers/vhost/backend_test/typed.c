// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sends a request with the kernel API's own function for it, such as
 * vhost_backend_shmem_map(), which takes the fields of the payload one by one.
 */
#include <linux/errno.h>
#include <uapi/linux/vhost_types.h>

#include "worker.h"

static int call_iotlb(struct vhost_backend *be, const struct vhost_backend_iotlb *iotlb)
{
	return iotlb->type == VHOST_IOTLB_MISS ?
		vhost_backend_iotlb_miss(be, iotlb->iova, iotlb->perm) :
		vhost_backend_iotlb_access_fail(be, iotlb->iova, iotlb->perm);
}

static int call_map(struct vhost_backend *be, const struct vhost_backend_shmem_map *map,
		    struct file *file)
{
	return vhost_backend_shmem_map(be, map->shmid, file, map->fd_offset,
				       map->shm_offset, map->len, map->flags);
}

static int call_gpu_map(struct vhost_backend *be, const struct vhost_backend_gpu_map *gpu,
			struct file *file)
{
	return vhost_backend_gpu_map(be, gpu->shmid, file, gpu->shm_offset, gpu->len,
				     gpu->memory_idx, gpu->handle_type,
				     gpu->device_uuid, gpu->driver_uuid);
}

/**
 * test_typed_call() - call the kernel API's own function for a request
 * @be: the backend
 * @req: the request; its payload must have the right size
 * @value: out: the reply's value, if the function returns one
 *
 * Return: the function's result. -EINVAL: there is no such function, or the request
 * is SHARED_OBJECT_LOOKUP, whose function returns a file.
 */
int test_typed_call(struct vhost_backend *be, const struct vhost_backend_req *req,
		    u64 *value)
{
	const struct vhost_backend_vring_state *state = req->payload;
	const struct vhost_backend_vring_area *area = req->payload;
	const struct vhost_backend_shared_object *object = req->payload;
	const struct vhost_backend_shmem_unmap *unmap = req->payload;
	const struct vhost_backend_external_map *external = req->payload;

	switch (req->request) {
	case VHOST_BACKEND_IOTLB_MSG:
		return call_iotlb(be, req->payload);
	case VHOST_BACKEND_CONFIG_CHANGE_MSG:
		return vhost_backend_config_change(be);
	case VHOST_BACKEND_VRING_HOST_NOTIFIER_MSG:
		return vhost_backend_host_notifier(be, area->vring & ~VHOST_BACKEND_VRING_NOFD,
						   req->file, area->offset, area->size);
	case VHOST_BACKEND_VRING_CALL:
		return vhost_backend_vring_call(be, state->index);
	case VHOST_BACKEND_VRING_ERR:
		return vhost_backend_vring_err(be, state->index);
	case VHOST_BACKEND_SHARED_OBJECT_ADD:
		return vhost_backend_shared_object_add(be, object->uuid);
	case VHOST_BACKEND_SHARED_OBJECT_REMOVE:
		return vhost_backend_shared_object_remove(be, object->uuid);
	case VHOST_BACKEND_SHMEM_MAP:
		return call_map(be, req->payload, req->file);
	case VHOST_BACKEND_SHMEM_UNMAP:
		return vhost_backend_shmem_unmap(be, unmap->shmid, unmap->shm_offset,
						 unmap->len);
	case VHOST_BACKEND_DEPRECATED_FS_MAP:
		return vhost_backend_fs_map(be, req->payload, req->file);
	case VHOST_BACKEND_DEPRECATED_FS_UNMAP:
		return vhost_backend_fs_unmap(be, req->payload);
	case VHOST_BACKEND_DEPRECATED_FS_SYNC:
		return vhost_backend_fs_sync(be, req->payload);
	case VHOST_BACKEND_DEPRECATED_FS_IO:
		return vhost_backend_fs_io(be, req->payload, req->file, value);
	case VHOST_BACKEND_GPU_MAP:
		return call_gpu_map(be, req->payload, req->file);
	case VHOST_BACKEND_EXTERNAL_MAP:
		return vhost_backend_external_map(be, external->shmid,
						  external->shm_offset, external->len,
						  external->ptr);
	}
	return -EINVAL;
}
