// SPDX-License-Identifier: GPL-2.0-only
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "channel.h"
#include "memory.h"
#include "wait.h"

int worker_attach(int channel, const char *name, unsigned int vring_base,
		  unsigned int nr_vrings)
{
	struct vhost_backend_test_attach attach = {
		.fd = channel, .vring_base = vring_base, .nr_vrings = nr_vrings,
	};
	int fd = open(WORKER_PATH, O_RDWR | O_CLOEXEC);
	int err;

	if (fd < 0)
		return -errno;
	strncpy(attach.name, name, sizeof(attach.name) - 1);
	err = try_ioctl(fd, VHOST_BACKEND_TEST_ATTACH, &attach);
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

int worker_send(int worker, struct vhost_backend_test_send *send)
{
	int err = try_ioctl(worker, VHOST_BACKEND_TEST_SEND, send);

	return err ? err : send->error;
}

int send_plain(int worker, uint32_t request, const void *payload, uint32_t size, int file)
{
	struct vhost_backend_test_send send = {
		.request = request, .size = size, .fd = file,
		.payload = (uintptr_t)payload,
	};

	return worker_send(worker, &send);
}

int send_async(int worker, uint32_t request, const void *payload, uint32_t size, int file,
	       uint64_t *cookie)
{
	struct vhost_backend_test_send send = {
		.request = request, .size = size, .fd = file,
		.payload = (uintptr_t)payload, .timeout_ms = NO_TIMEOUT_MS,
		.flags = VHOST_BACKEND_TEST_REPLY | VHOST_BACKEND_TEST_ASYNC,
	};
	int err = worker_send(worker, &send);

	*cookie = send.cookie;
	return err;
}

int worker_result(int worker, uint64_t cookie, unsigned int timeout_ms,
		  struct vhost_backend_test_result *result)
{
	*result = (struct vhost_backend_test_result){
		.cookie = cookie, .timeout_ms = timeout_ms,
	};
	return try_ioctl(worker, VHOST_BACKEND_TEST_RESULT, result);
}

int raise_call(int worker, uint32_t index)
{
	struct vhost_backend_vring_state state = { .index = index };

	return send_plain(worker, VHOST_BACKEND_VRING_CALL, &state,
			  sizeof(state), -1);
}

int raise_in(int worker, uint32_t request, uint32_t index, uint32_t context)
{
	struct vhost_backend_vring_state state = { .index = index };
	struct vhost_backend_test_send send = {
		.request = request,
		.size = request == VHOST_BACKEND_CONFIG_CHANGE_MSG ? 0 : sizeof(state),
		.payload = (uintptr_t)&state,
		.fd = -1,
		.context = context,
	};

	return worker_send(worker, &send);
}

int raise_err(int worker, uint32_t index)
{
	return raise_in(worker, VHOST_BACKEND_VRING_ERR, index,
			VHOST_BACKEND_TEST_PROCESS);
}

int raise_config(int worker)
{
	return raise_in(worker, VHOST_BACKEND_CONFIG_CHANGE_MSG, 0,
			VHOST_BACKEND_TEST_PROCESS);
}

int send_iotlb(int worker, uint64_t sender, uint64_t number)
{
	struct vhost_backend_iotlb iotlb = {
		.iova = sender, .uaddr = number,
		.perm = VHOST_ACCESS_RO, .type = VHOST_IOTLB_MISS,
	};

	return send_plain(worker, VHOST_BACKEND_IOTLB_MSG, &iotlb,
			  sizeof(iotlb), -1);
}

struct vhost_backend_shmem_unmap unmap_of(uint64_t number)
{
	return (struct vhost_backend_shmem_unmap){
		.shm_offset = number * PAGE, .len = PAGE,
	};
}

int unmap_async(int worker, uint64_t number, unsigned int timeout_ms, uint64_t *cookie)
{
	struct vhost_backend_shmem_unmap unmap = unmap_of(number);
	struct vhost_backend_test_send send = {
		.request = VHOST_BACKEND_SHMEM_UNMAP, .size = sizeof(unmap),
		.payload = (uintptr_t)&unmap, .fd = -1, .timeout_ms = timeout_ms,
		.flags = VHOST_BACKEND_TEST_REPLY | VHOST_BACKEND_TEST_ASYNC,
	};
	int err = worker_send(worker, &send);

	*cookie = send.cookie;
	return err;
}

int async_error(int worker, uint64_t cookie)
{
	struct vhost_backend_test_result result;

	if (worker_result(worker, cookie, LIMIT_MS, &result))
		return INT32_MIN;
	if (result.fd >= 0)
		close(result.fd);
	return result.count == 1 ? result.error : INT32_MIN;
}

int map_async(int worker, uint64_t number, int file, uint64_t *cookie)
{
	struct vhost_backend_shmem_map map = {
		.flags = VHOST_BACKEND_MAP_R, .shm_offset = number * PAGE, .len = PAGE,
	};

	return send_async(worker, VHOST_BACKEND_SHMEM_MAP, &map, sizeof(map), file,
			  cookie);
}

int ask(int worker, unsigned int number, uint64_t *cookie)
{
	struct vhost_backend_shmem_unmap unmap = {
		.shm_offset = (uint64_t)number * PAGE, .len = PAGE,
	};

	return send_async(worker, VHOST_BACKEND_SHMEM_UNMAP, &unmap,
			  sizeof(unmap), -1, cookie);
}

int ask_map(int worker, unsigned int number, int file, uint64_t *cookie)
{
	struct vhost_backend_shmem_map map = {
		.flags = VHOST_BACKEND_MAP_R,
		.shm_offset = (uint64_t)number * PAGE, .len = PAGE,
	};

	return send_async(worker, VHOST_BACKEND_SHMEM_MAP, &map, sizeof(map),
			  file, cookie);
}

unsigned int asked_number(const struct message *message)
{
	if (message->msg.request == VHOST_BACKEND_SHMEM_MAP)
		return message->map.shm_offset / PAGE;
	return message->unmap.shm_offset / PAGE;
}
