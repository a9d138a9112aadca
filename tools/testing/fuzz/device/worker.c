// SPDX-License-Identifier: GPL-2.0-only
/* Operations on a test worker, which sends what it is told to. */
#include "operation.h"

/* As many signals as one call may send: interrupts are off meanwhile. */
#define SIGNALS_MAX	100

static int worker_of(struct thread *thread, const uint64_t *args)
{
	return world_get(thread->world, WORKER, args[0]);
}

void worker_do_open(struct thread *thread, const uint64_t *args)
{
	world_put(thread->world, WORKER, args[0], open(WORKER_PATH, O_RDWR | O_CLOEXEC));
}

void worker_do_attach(struct thread *thread, const uint64_t *args)
{
	struct vhost_backend_test_attach attach = {
		.fd = world_get_any(thread->world, args[2]),
		.vring_base = args[3], .nr_vrings = args[4], .flags = args[5],
	};

	memset(attach.name, args[6], sizeof(attach.name) - 1);
	thread_ioctl(thread, worker_of(thread, args), VHOST_BACKEND_TEST_ATTACH, args[1],
		     &attach, sizeof(attach));
}

void worker_do_command(struct thread *thread, const uint64_t *args)
{
	static const unsigned long commands[] = {
		VHOST_BACKEND_TEST_SHUTDOWN, VHOST_BACKEND_TEST_DETACH,
		VHOST_BACKEND_TEST_STOP, VHOST_BACKEND_TEST_WAIT_ROOM,
		VHOST_BACKEND_TEST_ACCEPTS,
	};

	ioctl(worker_of(thread, args), commands[args[1] % 5], args[2]);
}

/* The payload of a request from three numbers; returns its bytes. */
static size_t fill_payload(struct message *m, uint32_t request, const uint64_t *args)
{
	memset(m, 0, sizeof(*m));
	switch (request) {
	case VHOST_BACKEND_IOTLB_MSG:
		m->iotlb = (struct vhost_backend_iotlb){
			.iova = args[0], .size = args[1], .perm = args[2], .type = 1,
		};
		return sizeof(m->iotlb);
	case VHOST_BACKEND_CONFIG_CHANGE_MSG:
		return 0;
	case VHOST_BACKEND_VRING_HOST_NOTIFIER_MSG:
		m->area = (struct vhost_backend_vring_area){ args[2], args[1], args[0] };
		return sizeof(m->area);
	case VHOST_BACKEND_VRING_CALL:
	case VHOST_BACKEND_VRING_ERR:
		m->state.index = args[0];
		return sizeof(m->state);
	case VHOST_BACKEND_SHARED_OBJECT_ADD:
	case VHOST_BACKEND_SHARED_OBJECT_REMOVE:
	case VHOST_BACKEND_SHARED_OBJECT_LOOKUP:
		memset(m->object.uuid, args[1] >> 8, sizeof(m->object.uuid));
		return sizeof(m->object);
	case VHOST_BACKEND_SHMEM_MAP:
		m->map = (struct vhost_backend_shmem_map){
			.flags = args[2], .shm_offset = args[0], .len = args[1],
		};
		return sizeof(m->map);
	case VHOST_BACKEND_SHMEM_UNMAP:
		m->unmap = (struct vhost_backend_shmem_unmap){
			.shmid = args[2] >> 8, .shm_offset = args[0], .len = args[1],
		};
		return sizeof(m->unmap);
	case VHOST_BACKEND_GPU_MAP:
		m->gpu = (struct vhost_backend_gpu_map){ .shm_offset = args[0], .len = args[1] };
		return sizeof(m->gpu);
	case VHOST_BACKEND_EXTERNAL_MAP:
		m->external = (struct vhost_backend_external_map){
			.shm_offset = args[0], .len = args[1], .ptr = args[2] << 12,
		};
		return sizeof(m->external);
	default:
		m->fs.c_offset[0] = args[0];
		m->fs.len[0] = args[1];
		m->fs.flags[0] = args[2];
		return sizeof(m->fs);
	}
}

void worker_do_send(struct thread *thread, const uint64_t *args)
{
	struct message message;
	size_t bytes = fill_payload(&message, args[2], args + 6);
	struct vhost_backend_test_send send = {
		.request = args[2], .size = (bytes + args[9]) % 1024,
		.payload = (uintptr_t)message.bytes,
		.fd = args[3] ? world_get_any(thread->world, args[3]) :
				VHOST_BACKEND_TEST_OWN_FILE,
		.flags = args[4] % 8, .context = args[4] / 8, .timeout_ms = args[5],
	};
	struct world *world = thread->world;

	if (thread_ioctl(thread, worker_of(thread, args), VHOST_BACKEND_TEST_SEND, args[1],
			 &send, sizeof(send)))
		return;
	if (send.cookie)
		world->cookie[__atomic_fetch_add(&world->cookies, 1, __ATOMIC_RELAXED) % RECENT] =
			send.cookie;
	if (send.result_fd >= 0)
		world_put(world, ANY_FILE, 0, send.result_fd);
}

void worker_do_result(struct thread *thread, const uint64_t *args)
{
	struct vhost_backend_test_result result = {
		.cookie = thread->world->cookie[(thread->world->cookies - 1 - args[2]) % RECENT],
		.timeout_ms = args[3],
	};

	if (!thread_ioctl(thread, worker_of(thread, args), VHOST_BACKEND_TEST_RESULT, args[1],
			  &result, sizeof(result)) && result.fd >= 0)
		world_put(thread->world, ANY_FILE, 1, result.fd);
}

void worker_do_run(struct thread *thread, const uint64_t *args)
{
	struct vhost_backend_test_run run = {
		.threads = args[2], .mix = args[3], .count = args[4], .rate = args[5],
		.seed = args[6], .timeout_ms = args[7],
	};

	thread_ioctl(thread, worker_of(thread, args), VHOST_BACKEND_TEST_RUN, args[1],
		     &run, sizeof(run));
}

void worker_do_struct(struct thread *thread, const uint64_t *args)
{
	struct vhost_backend_test_run data = {};

	thread_ioctl(thread, worker_of(thread, args),
		     args[2] % 2 ? VHOST_BACKEND_TEST_EVENTS : VHOST_BACKEND_TEST_REPORT,
		     args[1], &data, sizeof(data));
}

void worker_do_hook(struct thread *thread, const uint64_t *args)
{
	struct vhost_backend_test_hook hook = {
		.fd = world_get_any(thread->world, args[2]), .flags = args[3],
	};

	thread_ioctl(thread, worker_of(thread, args), VHOST_BACKEND_TEST_HOOK, args[1],
		     &hook, sizeof(hook));
}

void worker_do_signal(struct thread *thread, const uint64_t *args)
{
	struct vhost_backend_test_signal signal = {
		.fd = world_get_any(thread->world, args[2]), .count = args[3] % SIGNALS_MAX,
	};

	thread_ioctl(thread, worker_of(thread, args), VHOST_BACKEND_TEST_SIGNAL, args[1],
		     &signal, sizeof(signal));
}

/* A fault on purpose, for the fuzzer's own test: it has to be found. */
void worker_do_fault(struct thread *thread, const uint64_t *args)
{
	static const struct {
		const char *path, *text;
	} faults[] = {
		{ "/sys/module/vhost_backend_test/parameters/fault", "use-after-free" },
		{ "/sys/module/vhost_backend_test/parameters/fault", "leak" },
		{ "/proc/sysrq-trigger", "c" },
	};
	int fd = open(faults[args[0] % 3].path, O_WRONLY);
	const char *text = faults[args[0] % 3].text;

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		perror("fault");
}
