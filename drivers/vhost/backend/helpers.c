// SPDX-License-Identifier: GPL-2.0-only
/*
 * The typed functions of the kernel API: one for each request, so that no driver lays out
 * a payload by hand. Those that wait do so for the module's default time-out.
 */
#include <linux/string.h>
#include <linux/vhost_backend.h>
#include <uapi/linux/vhost_types.h>

static int send(struct vhost_backend *be, u32 request, const void *payload,
		u32 size)
{
	const struct vhost_backend_req req = {
		.request = request,
		.size = size,
		.payload = payload,
	};

	return vhost_backend_send(be, &req);
}

static int ask(struct vhost_backend *be, u32 request, const void *payload,
	       u32 size, struct file *file, u64 *value)
{
	const struct vhost_backend_req req = {
		.request = request,
		.size = size,
		.payload = payload,
		.file = file,
	};

	return vhost_backend_request(be, &req, 0, value);
}

static int send_iotlb(struct vhost_backend *be, u64 iova, u8 perm, u8 type)
{
	const struct vhost_backend_iotlb iotlb = {
		.iova = iova,
		.perm = perm,
		.type = type,
	};

	return send(be, VHOST_BACKEND_IOTLB_MSG, &iotlb, sizeof(iotlb));
}

/**
 * vhost_backend_iotlb_miss() - an address is not in the device's IOTLB
 * @be: the backend
 * @iova: the I/O virtual address
 * @perm: VHOST_ACCESS_*, the access that missed
 *
 * The message wants no reply: the frontend updates the IOTLB of the device.
 *
 * Context: As vhost_backend_send().
 * Return: as vhost_backend_send().
 */
int vhost_backend_iotlb_miss(struct vhost_backend *be, u64 iova, u8 perm)
{
	return send_iotlb(be, iova, perm, VHOST_IOTLB_MISS);
}
EXPORT_SYMBOL_GPL(vhost_backend_iotlb_miss);

/**
 * vhost_backend_iotlb_access_fail() - an access was not permitted
 * @be: the backend
 * @iova: the I/O virtual address
 * @perm: VHOST_ACCESS_*, the access that failed
 *
 * Context: As vhost_backend_send().
 * Return: as vhost_backend_send().
 */
int vhost_backend_iotlb_access_fail(struct vhost_backend *be, u64 iova, u8 perm)
{
	return send_iotlb(be, iova, perm, VHOST_IOTLB_ACCESS_FAIL);
}
EXPORT_SYMBOL_GPL(vhost_backend_iotlb_access_fail);

/**
 * vhost_backend_host_notifier() - map or take down a vring's host notifier
 * @be: the backend
 * @vring: one of its vrings; the channel's number must be at most 255
 * @file: the file to map; NULL: take the notifier down
 * @offset: offset in @file, bytes
 * @size: bytes, one page
 *
 * Context: As vhost_backend_request().
 * Return: as vhost_backend_request().
 */
int vhost_backend_host_notifier(struct vhost_backend *be, u32 vring,
				struct file *file, u64 offset, u64 size)
{
	const u32 nofd = file ? 0 : VHOST_BACKEND_VRING_NOFD;
	const struct vhost_backend_vring_area area = {
		/* An index that does not fit must not become that of another vring. */
		.vring = vring <= VHOST_BACKEND_VRING_INDEX_MASK ? vring | nofd : U64_MAX,
		.size = size,
		.offset = offset,
	};

	return ask(be, VHOST_BACKEND_VRING_HOST_NOTIFIER_MSG, &area, sizeof(area),
		   file, NULL);
}
EXPORT_SYMBOL_GPL(vhost_backend_host_notifier);

/**
 * vhost_backend_shmem_map() - map a file into a shared memory region
 * @be: the backend
 * @shmid: the region
 * @file: the file to map; open for reading, and for writing if @flags ask for it
 * @fd_offset: offset in @file, bytes
 * @shm_offset: offset in the region, bytes
 * @len: bytes
 * @flags: VHOST_BACKEND_MAP_R, or that and VHOST_BACKEND_MAP_W
 *
 * Context: As vhost_backend_request().
 * Return: as vhost_backend_request().
 */
int vhost_backend_shmem_map(struct vhost_backend *be, u8 shmid,
			    struct file *file, u64 fd_offset, u64 shm_offset,
			    u64 len, u8 flags)
{
	const struct vhost_backend_shmem_map map = {
		.flags = flags,
		.shmid = shmid,
		.shm_offset = shm_offset,
		.fd_offset = fd_offset,
		.len = len,
	};

	return ask(be, VHOST_BACKEND_SHMEM_MAP, &map, sizeof(map),
		   file, NULL);
}
EXPORT_SYMBOL_GPL(vhost_backend_shmem_map);

/**
 * vhost_backend_shmem_unmap() - take a mapping down
 * @be: the backend
 * @shmid: the region
 * @shm_offset: where in the region, bytes
 * @len: bytes
 *
 * Context: As vhost_backend_request().
 * Return: as vhost_backend_request().
 */
int vhost_backend_shmem_unmap(struct vhost_backend *be, u8 shmid,
			      u64 shm_offset, u64 len)
{
	const struct vhost_backend_shmem_unmap unmap = {
		.shmid = shmid,
		.shm_offset = shm_offset,
		.len = len,
	};

	return ask(be, VHOST_BACKEND_SHMEM_UNMAP, &unmap, sizeof(unmap),
		   NULL, NULL);
}
EXPORT_SYMBOL_GPL(vhost_backend_shmem_unmap);

/**
 * vhost_backend_gpu_map() - map GPU memory into a shared memory region
 * @be: the backend
 * @shmid: the region
 * @file: the handle
 * @shm_offset: where in the region, bytes
 * @len: bytes
 * @memory_idx: Vulkan memory type index
 * @handle_type: type of the handle
 * @device_uuid: Vulkan device
 * @driver_uuid: Vulkan driver
 *
 * Context: As vhost_backend_request().
 * Return: as vhost_backend_request().
 */
int vhost_backend_gpu_map(struct vhost_backend *be, u8 shmid,
			  struct file *file, u64 shm_offset, u64 len,
			  u32 memory_idx, u32 handle_type,
			  const u8 device_uuid[16], const u8 driver_uuid[16])
{
	struct vhost_backend_gpu_map gpu = {
		.shmid = shmid,
		.shm_offset = shm_offset,
		.len = len,
		.memory_idx = memory_idx,
		.handle_type = handle_type,
	};

	memcpy(gpu.device_uuid, device_uuid, sizeof(gpu.device_uuid));
	memcpy(gpu.driver_uuid, driver_uuid, sizeof(gpu.driver_uuid));
	return ask(be, VHOST_BACKEND_GPU_MAP, &gpu, sizeof(gpu),
		   file, NULL);
}
EXPORT_SYMBOL_GPL(vhost_backend_gpu_map);

/**
 * vhost_backend_external_map() - map memory of the frontend's process
 * @be: the backend
 * @shmid: the region
 * @shm_offset: where in the region, bytes
 * @len: bytes
 * @ptr: address in the process that did SETUP
 *
 * Context: As vhost_backend_request().
 * Return: as vhost_backend_request().
 */
int vhost_backend_external_map(struct vhost_backend *be, u8 shmid,
			       u64 shm_offset, u64 len, u64 ptr)
{
	const struct vhost_backend_external_map map = {
		.shmid = shmid,
		.shm_offset = shm_offset,
		.len = len,
		.ptr = ptr,
	};

	return ask(be, VHOST_BACKEND_EXTERNAL_MAP, &map, sizeof(map),
		   NULL, NULL);
}
EXPORT_SYMBOL_GPL(vhost_backend_external_map);

static struct vhost_backend_shared_object shared_object(const u8 uuid[16])
{
	struct vhost_backend_shared_object object;

	memcpy(object.uuid, uuid, sizeof(object.uuid));
	return object;
}

/**
 * vhost_backend_shared_object_add() - offer an object to other devices
 * @be: the backend
 * @uuid: of the object; neither nil nor all ones
 *
 * Context: As vhost_backend_send().
 * Return: as vhost_backend_send().
 */
int vhost_backend_shared_object_add(struct vhost_backend *be,
				    const u8 uuid[16])
{
	const struct vhost_backend_shared_object object = shared_object(uuid);

	return send(be, VHOST_BACKEND_SHARED_OBJECT_ADD, &object, sizeof(object));
}
EXPORT_SYMBOL_GPL(vhost_backend_shared_object_add);

/**
 * vhost_backend_shared_object_remove() - withdraw an object
 * @be: the backend
 * @uuid: of the object
 *
 * Context: As vhost_backend_send().
 * Return: as vhost_backend_send().
 */
int vhost_backend_shared_object_remove(struct vhost_backend *be,
				       const u8 uuid[16])
{
	const struct vhost_backend_shared_object object = shared_object(uuid);

	return send(be, VHOST_BACKEND_SHARED_OBJECT_REMOVE, &object, sizeof(object));
}
EXPORT_SYMBOL_GPL(vhost_backend_shared_object_remove);

/**
 * vhost_backend_fs_map() - map parts of a file into the cache window
 * @be: the backend
 * @fs: the parts, and their places in the window
 * @file: the file
 *
 * Context: As vhost_backend_request().
 * Return: as vhost_backend_request().
 */
int vhost_backend_fs_map(struct vhost_backend *be,
			 const struct vhost_backend_fs *fs, struct file *file)
{
	return ask(be, VHOST_BACKEND_DEPRECATED_FS_MAP, fs, sizeof(*fs),
		   file, NULL);
}
EXPORT_SYMBOL_GPL(vhost_backend_fs_map);

/**
 * vhost_backend_fs_unmap() - take parts of the cache window down
 * @be: the backend
 * @fs: the parts; a length of ~0 is the whole window
 *
 * Context: As vhost_backend_request().
 * Return: as vhost_backend_request().
 */
int vhost_backend_fs_unmap(struct vhost_backend *be,
			   const struct vhost_backend_fs *fs)
{
	return ask(be, VHOST_BACKEND_DEPRECATED_FS_UNMAP, fs, sizeof(*fs),
		   NULL, NULL);
}
EXPORT_SYMBOL_GPL(vhost_backend_fs_unmap);

/**
 * vhost_backend_fs_sync() - write parts of the cache window back
 * @be: the backend
 * @fs: the parts
 *
 * Context: As vhost_backend_request().
 * Return: as vhost_backend_request().
 */
int vhost_backend_fs_sync(struct vhost_backend *be,
			  const struct vhost_backend_fs *fs)
{
	return ask(be, VHOST_BACKEND_DEPRECATED_FS_SYNC, fs, sizeof(*fs),
		   NULL, NULL);
}
EXPORT_SYMBOL_GPL(vhost_backend_fs_sync);

/**
 * vhost_backend_fs_io() - move bytes between a file and guest memory
 * @be: the backend
 * @fs: the parts; c_offset is a guest-physical address
 * @file: the file
 * @moved: out: bytes moved; may be NULL
 *
 * Context: As vhost_backend_request().
 * Return: as vhost_backend_request().
 */
int vhost_backend_fs_io(struct vhost_backend *be,
			const struct vhost_backend_fs *fs, struct file *file,
			u64 *moved)
{
	return ask(be, VHOST_BACKEND_DEPRECATED_FS_IO, fs, sizeof(*fs),
		   file, moved);
}
EXPORT_SYMBOL_GPL(vhost_backend_fs_io);
