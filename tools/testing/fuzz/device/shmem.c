// SPDX-License-Identifier: GPL-2.0-only
/* Operations on vhost-shmem devices: their VMM, and a guest without any manners. */
#include "operation.h"

#include "lib/vhost_shmem.h"
#include "lib/vhost_shmem_guest.h"
#include "lib/vhost_shmem_iommu.h"

#define REGION_PAGES	64
#define FILE_PAGES	16
/* Vrings of the channel; those before are often the test worker's. */
#define VRING		8

/* Of the argument that says what the device is like */
#define IOTLB		1	/* misses are read from the device */
#define BOUND		2	/* and these from the channel */
#define OLD_MESSAGES	4
#define EVENT_IDX	8
#define CALL_EVENTFD	16

static struct shmem *shmem_of(struct thread *thread, const uint64_t *args)
{
	return __atomic_load_n(&thread->world->shmem[args[0] % SLOTS], __ATOMIC_ACQUIRE);
}

static int device_of(struct thread *thread, const uint64_t *args)
{
	return world_get(thread->world, SHMEM, args[0]);
}

static int channel_of(struct thread *thread, uint64_t slot)
{
	return world_get(thread->world, CHANNEL, slot);
}

/* How far it comes depends on the channel; the rest may follow. */
void shmem_do_open(struct thread *thread, const uint64_t *args)
{
	struct shmem_options options = {
		.shmid = args[0] % SLOTS, .vring = VRING + args[0] % SLOTS,
		.region_pages = REGION_PAGES, .file_pages = FILE_PAGES,
		.iotlb = args[1] & IOTLB, .bound = args[1] & BOUND,
		.old_messages = args[1] & OLD_MESSAGES, .event_idx = args[1] & EVENT_IDX,
		.call_eventfd = args[1] & CALL_EVENTFD,
	};
	struct shmem *shmem = malloc(sizeof(*shmem));

	if (!shmem)
		return;
	/* The one before it would be in its way on the channel. */
	world_put(thread->world, SHMEM, args[0], -1);
	if (shmem_prepare(shmem, options)) {
		shmem_close(shmem);
		free(shmem);
		return;
	}
	/* No thread of ours answers misses. */
	shmem->iommu_running = true;
	shmem_bring_up(shmem, channel_of(thread, args[2]));
	__atomic_store_n(&thread->world->shmem[args[0] % SLOTS], shmem, __ATOMIC_RELEASE);
	world_put(thread->world, SHMEM, args[0], shmem->device);
}

/* After VHOST_RESET_OWNER, or with a channel that was not there at first */
void shmem_do_bring_up(struct thread *thread, const uint64_t *args)
{
	struct shmem *shmem = shmem_of(thread, args);

	if (!shmem)
		return;
	SHMEM_IOCTL(shmem, VHOST_SET_OWNER, NULL);
	shmem_bring_up(shmem, channel_of(thread, args[1]));
}

void shmem_do_region(struct thread *thread, const uint64_t *args)
{
	struct vhost_shmem_region region = {
		.shmid = args[2], .bytes = args[3], .flags = args[4],
	};

	thread_ioctl(thread, device_of(thread, args), VHOST_SHMEM_SET_REGION, args[1],
		     &region, sizeof(region));
}

void shmem_do_file(struct thread *thread, const uint64_t *args)
{
	int fd = world_get_any(thread->world, args[2]);

	thread_ioctl(thread, device_of(thread, args), VHOST_SHMEM_SET_FILE, args[1],
		     &fd, sizeof(fd));
}

void shmem_do_channel(struct thread *thread, const uint64_t *args)
{
	struct vhost_shmem_channel channel = {
		.fd = world_get_any(thread->world, args[2]), .vring = args[3],
	};

	thread_ioctl(thread, device_of(thread, args), VHOST_SHMEM_SET_CHANNEL, args[1],
		     &channel, sizeof(channel));
}

/* Those that take a number of four or eight bytes, or nothing, or fill a struct. */
void shmem_do_command(struct thread *thread, const uint64_t *args)
{
	static const unsigned long commands[] = {
		VHOST_SHMEM_SET_RUNNING, VHOST_SHMEM_GET_STATS, VHOST_RESET_OWNER,
		VHOST_SHMEM_SET_TIMEOUT, VHOST_SET_OWNER, VHOST_SET_FEATURES,
		VHOST_GET_FEATURES, VHOST_SET_BACKEND_FEATURES, VHOST_GET_BACKEND_FEATURES,
	};
	union {
		uint64_t value;
		struct vhost_shmem_stats stats;
	} data = { .value = args[3] };

	thread_ioctl(thread, device_of(thread, args), commands[args[2] % ARRAY_SIZE(commands)],
		     args[1], &data, sizeof(data));
}

/* Those of the vhost core for one ring, with a number or with a descriptor. */
void shmem_do_vring(struct thread *thread, const uint64_t *args)
{
	static const unsigned long commands[] = {
		VHOST_SET_VRING_ERR, VHOST_SET_VRING_CALL, VHOST_SET_VRING_KICK,
		VHOST_SET_VRING_NUM, VHOST_SET_VRING_BASE, VHOST_GET_VRING_BASE,
	};
	uint64_t which = args[2] % ARRAY_SIZE(commands);
	struct vhost_vring_state state = {
		.index = args[3],
		.num = which < 3 ? (uint32_t)world_get_any(thread->world, args[4]) : args[5],
	};

	thread_ioctl(thread, device_of(thread, args), commands[which], args[1],
		     &state, sizeof(state));
}

/* A translation, or what else an IOTLB message may say. */
void shmem_do_translate(struct thread *thread, const uint64_t *args)
{
	struct shmem *shmem = shmem_of(thread, args);
	struct vhost_msg_v2 msg = {};

	if (!shmem)
		return;
	msg.type = iommu_version(shmem);
	msg.iotlb.type = args[1];
	msg.iotlb.iova = iommu_base(shmem) + args[2];
	msg.iotlb.uaddr = (uintptr_t)shmem->memory + args[2] % shmem->bytes;
	msg.iotlb.size = args[3];
	msg.iotlb.perm = args[4];
	if (write(device_of(thread, args), &msg, sizeof(msg)) < 0)
		return;
}

/* Reads all misses, and gives what they ask for. */
void shmem_do_answer(struct thread *thread, const uint64_t *args)
{
	struct shmem *shmem = shmem_of(thread, args);

	if (shmem)
		iommu_answer(shmem);
}

/* In two descriptors, or split at random into many. */
void shmem_do_request(struct thread *thread, const uint64_t *args)
{
	struct shmem *shmem = shmem_of(thread, args);
	struct vhost_shmem_request request = {
		.type = args[1], .flags = args[2], .shm_offset = args[3],
		.fd_offset = args[4], .len = args[5],
	};
	uint64_t seed = args[6];

	if (!shmem)
		return;
	if (seed)
		guest_add_split(shmem, request, &seed);
	else
		guest_add(shmem, request);
}

/* A small number is a place in the guest's memory; other addresses are what they say. */
static uint64_t address_in(const struct shmem *shmem, uint64_t where)
{
	switch (where) {
	case 0:
		return guest_address(shmem, &shmem->slots[0].request);
	case 1:
		return guest_address(shmem, &shmem->slots[0].response);
	case 2:
		return guest_address(shmem, shmem->slots[0].table);
	case 3:
		return guest_address(shmem, shmem->vring.desc);
	case 4:
		return guest_address(shmem, shmem->vring.used);
	case 5:
		return guest_address(shmem, shmem->memory + shmem->bytes) - 8;
	default:
		return where;
	}
}

/* Those of the ring, and behind them those of the first request's table */
static struct vring_desc *descriptor_of(struct shmem *shmem, uint64_t index)
{
	index %= SHMEM_RING + SHMEM_PARTS;
	return index < SHMEM_RING ? &shmem->vring.desc[index] :
				    &shmem->slots[0].table[index - SHMEM_RING];
}

void shmem_do_descriptor(struct thread *thread, const uint64_t *args)
{
	struct shmem *shmem = shmem_of(thread, args);

	if (shmem)
		*descriptor_of(shmem, args[1]) = (struct vring_desc){
			.addr = address_in(shmem, args[2]), .len = args[3],
			.flags = args[4], .next = args[5],
		};
}

/* @args[1]: 0, or a head for the ring, plus 1; @args[2]: even if that is not wanted. */
void shmem_do_kick(struct thread *thread, const uint64_t *args)
{
	struct shmem *shmem = shmem_of(thread, args);

	if (!shmem)
		return;
	if (args[1])
		shmem->vring.avail->ring[shmem->added++ % SHMEM_RING] = args[1] - 1;
	guest_kick(shmem);
	if (args[2])
		eventfd_write(shmem->kick, 1);
}

void shmem_do_reap(struct thread *thread, const uint64_t *args)
{
	struct shmem *shmem = shmem_of(thread, args);
	uint32_t written;

	if (!shmem)
		return;
	for (uint64_t n = args[1] % SHMEM_SLOTS; n && guest_reap(shmem, &written) >= 0; n--)
		;
	guest_listen(shmem);
}

/* The VMM takes a page away from device and guest; one that minds is gone. */
void shmem_do_protect(struct thread *thread, const uint64_t *args)
{
	struct shmem *shmem = shmem_of(thread, args);

	if (shmem)
		mprotect(shmem->memory + args[1] % (shmem->bytes / PAGE) * PAGE, PAGE,
			 args[2] & (PROT_READ | PROT_WRITE));
}
