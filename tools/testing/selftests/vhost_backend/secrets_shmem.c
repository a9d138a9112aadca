// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/vhost-shmem, no secrets: each byte that the VMM and the guest get of it is one
 * that it should be, nothing else of the guest's memory is written, and none of the
 * kernel's is reached.
 */
#include "../kselftest_harness.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include <linux/vhost.h>
#include <linux/vhost_shmem.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "lib/channel.h"
#include "lib/memory.h"
#include "lib/message.h"
#include "lib/poison.h"
#include "lib/skip.h"
#include "lib/vhost_shmem.h"
#include "lib/vhost_shmem_frontend.h"
#include "lib/vhost_shmem_guest.h"
#include "lib/vhost_shmem_iommu.h"
#include "lib/vhost_shmem_rig.h"
#include "lib/wait.h"

SKIP_WITHOUT_CHANNEL;
SKIP_WITHOUT(SHMEM_PATH, vhost_shmem);

SHMEM_FIXTURE;

/* The VMM */

/* The call writes @bytes at its argument: those that are expected, and no more. */
static void expect_written(struct __test_metadata *_metadata, int device,
			   unsigned long command, const void *expected, size_t bytes)
{
	struct poisoned argument;

	poison_again(&argument);
	EXPECT_EQ(0, try_ioctl(device, command, argument.now));
	EXPECT_EQ(0, memcmp(argument.now, expected, bytes))
		TH_LOG("command %#lx", command);
	EXPECT_TRUE(rest_is_untouched(&argument, bytes))
		TH_LOG("command %#lx", command);
}

TEST_F(shmem, figures)
{
	const uint64_t features =
		1ULL << VIRTIO_F_VERSION_1 | 1ULL << VIRTIO_F_ACCESS_PLATFORM |
		1ULL << VIRTIO_RING_F_INDIRECT_DESC | 1ULL << VIRTIO_RING_F_EVENT_IDX;
	const uint64_t backend_features = 1ULL << VHOST_BACKEND_F_IOTLB_MSG_V2;
	struct vhost_shmem_stats stats = { .requests = 3, .responses = 2, .failures = 1,
					   .mappings = 1, .pending = 1 };
	struct shmem *shmem = &self->shmem;

	ASSERT_EQ(OK, rig_ask(shmem, MAP, 0, 0, 1, 0));
	ASSERT_EQ(EXIST, rig_try(shmem, guest_request(MAP, 0, 0, 1, MAP_READ)));
	ASSERT_LE(0, guest_start(shmem, MAP, 1, 1, 1));
	ASSERT_TRUE(frontend_await(&self->frontend, 1));
	for (int round = 0; round < 4; round++) {
		expect_written(_metadata, shmem->device, VHOST_SHMEM_GET_STATS, &stats,
			       sizeof(stats));
		expect_written(_metadata, shmem->device, VHOST_GET_FEATURES, &features,
			       sizeof(features));
		expect_written(_metadata, shmem->device, VHOST_GET_BACKEND_FEATURES,
			       &backend_features, sizeof(backend_features));
	}
	ignore_message(NULL, &self->frontend.pending[0]);
}

TEST(what_fails_writes_nothing)
{
	static const unsigned long commands[] = {
		VHOST_SHMEM_GET_STATS, VHOST_SHMEM_SET_REGION, VHOST_SHMEM_SET_FILE,
		VHOST_SHMEM_SET_CHANNEL, VHOST_SHMEM_SET_RUNNING, VHOST_RESET_OWNER,
		_IOR(VHOST_SHMEM_IOCTL, 0xF6, __u64),
	};
	int device = open(SHMEM_PATH, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	struct poisoned argument;

	ASSERT_LE(0, device);
	poison_again(&argument);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		EXPECT_EQ(-EPERM, try_ioctl(device, commands[i], argument.now));
	EXPECT_TRUE(rest_is_untouched(&argument, 0));
	close(device);
}

/* What the device asks of its IOTLB. The VMM reads it by hand. */
FIXTURE(miss) {
	struct frontend frontend;
	struct shmem shmem;
};

FIXTURE_VARIANT(miss) {
	bool old_messages;
};

FIXTURE_VARIANT_ADD(miss, plain) {
	.old_messages = false,
};

FIXTURE_VARIANT_ADD(miss, old_messages) {
	.old_messages = true,
};

FIXTURE_SETUP(miss)
{
	struct shmem_options options = {
		.iotlb = true, .old_messages = variant->old_messages,
	};

	ASSERT_EQ(0, rig_open(&self->frontend, &self->shmem, options, 0))
		TH_LOG("%s", self->shmem.failed);
	ASSERT_EQ(0, iommu_end(&self->shmem));
}

FIXTURE_TEARDOWN(miss)
{
	EXPECT_EQ(0, rig_close(&self->frontend, &self->shmem));
}

static struct vhost_msg_v2 miss_of(struct shmem *shmem, const void *at, uint8_t perm)
{
	struct vhost_msg_v2 miss;

	memset(&miss, 0, sizeof(miss));
	miss.type = iommu_version(shmem);
	miss.iotlb.iova = guest_address(shmem, at);
	miss.iotlb.perm = perm;
	miss.iotlb.type = VHOST_IOTLB_MISS;
	return miss;
}

/*
 * All that is there to read is @miss, whole. It may come twice: the device may find a
 * request just before it is kicked for it. Returns how often it came.
 */
static unsigned int read_copies(struct __test_metadata *_metadata, struct shmem *shmem,
				const struct vhost_msg_v2 *miss)
{
	struct poisoned got;
	unsigned int count;
	ssize_t bytes;

	for (count = 0; ; count++) {
		poison_again(&got);
		bytes = read(shmem->device, got.now, sizeof(got.now));
		if (bytes < 0)
			break;
		ASSERT_EQ((ssize_t)sizeof(*miss), bytes);
		EXPECT_EQ(0, memcmp(got.now, miss, sizeof(*miss)));
		EXPECT_TRUE(rest_is_untouched(&got, sizeof(*miss)));
	}
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_TRUE(rest_is_untouched(&got, 0));
	EXPECT_GE(2U, count);
	return count;
}

/* Waits for @miss. Of it no part can be had. */
static void read_miss(struct __test_metadata *_metadata, struct shmem *shmem,
		      const struct vhost_msg_v2 *miss)
{
	struct pollfd p = { .fd = shmem->device, .events = POLLIN };
	struct poisoned got;

	ASSERT_EQ(1, poll(&p, 1, LIMIT_MS));
	poison_again(&got);
	for (size_t bytes = 0; bytes < sizeof(*miss); bytes++)
		EXPECT_EQ(0, read(shmem->device, got.now, bytes));
	EXPECT_TRUE(rest_is_untouched(&got, 0));
	ASSERT_LE(1U, read_copies(_metadata, shmem, miss));
}

static int forget_slots(struct shmem *shmem)
{
	return iommu_tell(shmem, VHOST_IOTLB_INVALIDATE, shmem->ring_bytes,
			  shmem->bytes - shmem->ring_bytes);
}

/* By the core, and by the device itself */
TEST_F_TIMEOUT(miss, of_a_request_and_of_its_response, 60)
{
	struct shmem *shmem = &self->shmem;

	for (int round = 0; round < 20; round++) {
		unsigned int type = round % 2 ? UNMAP : MAP;
		int slot = guest_start(shmem, type, 0, 0, 1);
		struct shmem_slot *s = &shmem->slots[slot];
		struct vhost_msg_v2 miss = miss_of(shmem, &s->request, VHOST_ACCESS_RO);

		read_miss(_metadata, shmem, &miss);
		ASSERT_EQ(0, iommu_give(shmem, guest_address(shmem, s), VHOST_IOTLB_MISS));
		ASSERT_TRUE(frontend_await(&self->frontend, 1));
		read_copies(_metadata, shmem, &miss);
		ASSERT_EQ(0, forget_slots(shmem));
		frontend_answer(&self->frontend, 0, 0);
		miss = miss_of(shmem, &s->response, VHOST_ACCESS_WO);
		read_miss(_metadata, shmem, &miss);
		ASSERT_EQ(0, iommu_give(shmem, guest_address(shmem, s), VHOST_IOTLB_MISS));
		ASSERT_EQ(OK, guest_status(shmem, slot));
		ASSERT_EQ(0, forget_slots(shmem));
	}
}

/* What a VMM that means harm can't have read or written: the kernel's own memory. */
#define KERNEL_MEMORY	0xffff888000000000ULL
#define KERNEL_GPA	0x4000000000ULL

static int set_memory_with_kernel(struct shmem *shmem)
{
	struct {
		struct vhost_memory head;
		struct vhost_memory_region regions[2];
	} table = {
		.head.nregions = 2,
		.regions = {
			{ .guest_phys_addr = SHMEM_GPA, .memory_size = shmem->bytes,
			  .userspace_addr = (uintptr_t)shmem->memory },
			{ .guest_phys_addr = KERNEL_GPA, .memory_size = 1ULL << 30,
			  .userspace_addr = KERNEL_MEMORY },
		},
	};

	return try_ioctl(shmem->device, VHOST_SET_MEM_TABLE, &table);
}

TEST(memory_of_the_kernel)
{
	static struct frontend frontend;
	static struct shmem shmem;
	struct vhost_vring_addr ring = {
		.desc_user_addr = KERNEL_MEMORY, .avail_user_addr = KERNEL_MEMORY + PAGE,
		.used_user_addr = KERNEL_MEMORY + 2 * PAGE,
	};

	ASSERT_EQ(0, rig_open(&frontend, &shmem, (struct shmem_options){}, 0));
	EXPECT_EQ(-EFAULT, set_memory_with_kernel(&shmem));
	ASSERT_EQ(OK, rig_try(&shmem, guest_request(QUERY, 0, 0, 0, 0)));

	/* With the queue stopped the core looks at addresses when it is to start. */
	ASSERT_EQ(0, shmem_run(&shmem, 0));
	EXPECT_TRUE(set_memory_with_kernel(&shmem) || shmem_run(&shmem, 1) == -EFAULT);
	ASSERT_EQ(0, shmem_core(&shmem));
	ASSERT_EQ(0, shmem_run(&shmem, 1));
	ASSERT_EQ(OK, rig_try(&shmem, guest_request(QUERY, 0, 0, 0, 0)));

	ASSERT_EQ(0, shmem_run(&shmem, 0));
	EXPECT_TRUE(try_ioctl(shmem.device, VHOST_SET_VRING_ADDR, &ring) ||
		    shmem_run(&shmem, 1) == -EFAULT);
	EXPECT_EQ(0, rig_close(&frontend, &shmem));
}

TEST_F(miss, answered_with_memory_of_the_kernel)
{
	struct shmem *shmem = &self->shmem;
	int slot = guest_start(shmem, QUERY, 0, 0, 0);
	struct shmem_slot *s = &shmem->slots[slot];
	struct vhost_msg_v2 msg = {
		.type = iommu_version(shmem),
		.iotlb = { .iova = guest_address(shmem, s), .size = PAGE,
			   .uaddr = KERNEL_MEMORY, .perm = VHOST_ACCESS_RW,
			   .type = VHOST_IOTLB_UPDATE },
	};
	struct vhost_msg_v2 miss = miss_of(shmem, &s->request, VHOST_ACCESS_RO);

	read_miss(_metadata, shmem, &miss);
	EXPECT_EQ(-1, write(shmem->device, &msg, sizeof(msg)));
	EXPECT_EQ(EFAULT, errno);
	ASSERT_EQ(0, iommu_give(shmem, guest_address(shmem, s), VHOST_IOTLB_MISS));
	EXPECT_EQ(OK, guest_status(shmem, slot));
}

/* The guest */

/* Where in a copy of the guest's memory is what is @at in it */
static void *in_copy(const struct shmem *shmem, uint8_t *copy, const void *at)
{
	return copy + ((const uint8_t *)at - shmem->memory);
}

/*
 * The guest's memory as it is to be when @slot, which is not kicked for yet, has been
 * answered: the response, as much of it as there is room for, one element of the used
 * ring, and how the device asks for the next kick.
 */
static uint8_t *foretell(const struct shmem *shmem, int slot,
			 const struct vhost_shmem_response *response, size_t room)
{
	const size_t written = room < sizeof(*response) ? room : sizeof(*response);
	uint8_t *copy = malloc(shmem->bytes);
	struct vring_avail *avail;
	struct vring_used *used;

	if (!copy)
		return NULL;
	memcpy(copy, shmem->memory, shmem->bytes);
	avail = in_copy(shmem, copy, shmem->vring.avail);
	used = in_copy(shmem, copy, shmem->vring.used);
	avail->idx = shmem->added;
	used->flags = 0;
	used->ring[used->idx++ % SHMEM_RING] = (struct vring_used_elem){
		.id = 2 * slot, .len = written,
	};
	if (shmem->options.event_idx)
		memcpy(&used->ring[SHMEM_RING], &shmem->added, sizeof(shmem->added));
	memcpy(in_copy(shmem, copy, &shmem->slots[slot].response), response, written);
	return copy;
}

/* Byte for byte, once it has written the last of them */
static bool comes_true(struct shmem *shmem, const uint8_t *foretold)
{
	return foretold && wait_until(frontend_take(shmem->frontend) >= 0 &&
				      !memcmp(shmem->memory, foretold, shmem->bytes));
}

/* A request that the device or, if it is @asked, the frontend answers */
struct dialogue {
	struct vhost_shmem_request request;
	bool asked;
	int64_t value;
	struct vhost_shmem_response response;
};

static void hold_dialogue(struct __test_metadata *_metadata, struct shmem *shmem,
			  const struct dialogue *dialogue)
{
	int slot = guest_add(shmem, dialogue->request);
	uint32_t written = 0;
	uint8_t *foretold;

	ASSERT_LE(0, slot);
	foretold = foretell(shmem, slot, &dialogue->response, sizeof(dialogue->response));
	guest_kick(shmem);
	if (dialogue->asked) {
		ASSERT_TRUE(frontend_await(shmem->frontend, 1));
		frontend_answer(shmem->frontend, 0, dialogue->value);
	}
	EXPECT_TRUE(comes_true(shmem, foretold))
		TH_LOG("status %u", dialogue->response.status);
	EXPECT_EQ(slot, guest_reap(shmem, &written));
	free(foretold);
}

static const struct dialogue dialogues[] = {
	{ { .type = QUERY }, .response = { .bytes = REGION_PAGES * PAGE } },
	{ { .type = MAP, .flags = MAP_READ, .len = PAGE }, true, -EIO,
	  { .status = FAILED, .error = EIO } },
	/* What was said of the one before is forgotten. */
	{ { .type = MAP, .flags = MAP_READ, .len = PAGE }, true, 0, {} },
	{ { .type = MAP, .flags = MAP_READ, .len = PAGE }, .response = { .status = EXIST } },
	{ { .type = 99 }, .response = { .status = UNSUPPORTED } },
	{ { .type = MAP, .flags = MAP_READ, .len = 1 }, .response = { .status = RANGE } },
	{ { .type = UNMAP, .len = PAGE }, true, -EPERM, { .status = FAILED, .error = EPERM } },
	{ { .type = UNMAP, .len = PAGE }, true, 0, {} },
	{ { .type = UNMAP, .len = PAGE }, .response = { .status = NOENT } },
	{ { .type = QUERY }, .response = { .bytes = REGION_PAGES * PAGE } },
};

TEST_F_TIMEOUT(shmem, responses, 120)
{
	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < ARRAY_SIZE(dialogues); i++)
			hold_dialogue(_metadata, &self->shmem, &dialogues[i]);
}

/* With all lengths of room, some of it in pieces. */
TEST_F_TIMEOUT(shmem, room_for_a_response, 120)
{
	const struct vhost_shmem_response whole = { .bytes = REGION_PAGES * PAGE };
	const struct vhost_shmem_response cut = { .status = MALFORMED };
	struct shmem *shmem = &self->shmem;
	uint32_t written = 0;

	for (uint32_t room = 0; room <= 20; room++) {
		int slot = guest_slot(shmem);
		struct part parts[4];
		uint8_t *foretold;

		shmem->slots[slot].request = guest_request(QUERY, 0, 0, 0, 0);
		slot_parts(shmem, slot, parts);
		parts[1].len = room / 3;
		parts[2] = parts[1];
		parts[2].address += parts[1].len;
		parts[3] = parts[2];
		parts[3].address += parts[2].len;
		parts[3].len = room - 2 * (room / 3);
		guest_add_indirect(shmem, slot, parts, room ? 4 : 1);
		foretold = foretell(shmem, slot, room < sizeof(cut) ? &cut : &whole, room);
		guest_kick(shmem);
		EXPECT_TRUE(comes_true(shmem, foretold)) TH_LOG("room for %u bytes", room);
		EXPECT_EQ(slot, guest_reap(shmem, &written));
		free(foretold);
	}
}

/* The guest changes its request while the device looks at it. */
struct changer {
	pthread_t thread;
	struct vhost_shmem_request *request;
	atomic_bool stop;
};

/* An emulated processor is interrupted where code branches, and never between two stores. */
static __attribute__((noinline)) void branch(void)
{
	__asm__ volatile("" : : : "memory");
}

/* Each field by itself makes the request one that must not reach the frontend. */
static void *change(void *arg)
{
	const struct vhost_shmem_request good = guest_request(MAP, 1, 1, 1, MAP_READ);
	struct changer *changer = arg;
	volatile struct vhost_shmem_request *request = changer->request;

	while (!atomic_load(&changer->stop)) {
		request->shm_offset = REGION_PAGES * PAGE;
		branch();
		request->shm_offset = good.shm_offset;
		branch();
		request->fd_offset = FILE_PAGES * PAGE;
		branch();
		request->fd_offset = good.fd_offset;
		branch();
		request->len = UINT64_MAX - 2 * PAGE + 1;
		branch();
		request->len = good.len;
		branch();
		request->flags = ~0U;
		branch();
		request->flags = good.flags;
		branch();
	}
	return NULL;
}

static bool is_answered(struct shmem *shmem)
{
	struct frontend *frontend = shmem->frontend;

	frontend_take(frontend);
	/* Good ones only: it looks, and counts what is wrong. */
	while (frontend->nr_pending)
		frontend_answer(frontend, 0, -EIO);
	return __atomic_load_n(&shmem->vring.used->idx, __ATOMIC_ACQUIRE) != shmem->seen;
}

#define CHANGED_ROUNDS	200

/* Looked at once: what was checked is what is done. */
TEST_F_TIMEOUT(shmem, request_that_changes, 120)
{
	struct changer changer = { .request = &self->shmem.slots[0].request };
	struct shmem *shmem = &self->shmem;
	unsigned int refused = 0, asked = 0;
	time_t until = time(NULL) + 2;
	uint32_t written = 0;

	ASSERT_EQ(0, guest_slot(shmem));
	*changer.request = guest_request(MAP, 1, 1, 1, MAP_READ);
	ASSERT_EQ(0, pthread_create(&changer.thread, NULL, change, &changer));
	for (unsigned int n = 0; another_round(n, CHANGED_ROUNDS, until) ||
	     ((!asked || !refused) && n < 20 * CHANGED_ROUNDS); n++) {
		struct part parts[2];

		slot_parts(shmem, 0, parts);
		shmem->busy[0] = true;
		guest_add_direct(shmem, 0, parts, 2);
		/* Or the two threads keep in step. */
		usleep(n % 16);
		guest_kick(shmem);
		ASSERT_TRUE(wait_until(is_answered(shmem))) TH_LOG("round %u", n);
		ASSERT_EQ(0, guest_reap(shmem, &written));
		if (shmem->slots[0].response.status == FAILED)
			asked++;
		else
			refused++;
	}
	atomic_store(&changer.stop, true);
	pthread_join(changer.thread, NULL);
	EXPECT_EQ(0U, self->frontend.wrong);
	EXPECT_EQ(asked, self->frontend.maps);
	TH_LOG("%u of %u asked", asked, asked + refused);
	EXPECT_LT(0U, asked);
	EXPECT_LT(0U, refused);
}

TEST_HARNESS_MAIN
