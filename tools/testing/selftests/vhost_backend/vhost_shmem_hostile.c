// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/vhost-shmem: guests that ask for what they must not, and VMMs that make
 * mistakes. Each gets an answer, nobody else notices.
 */
#include "../kselftest_harness.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <linux/vhost.h>
#include <linux/vhost_shmem.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "lib/channel.h"
#include "lib/child.h"
#include "lib/memory.h"
#include "lib/random.h"
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

static const struct {
	struct vhost_shmem_request request;
	int status;
} bad_requests[] = {
	{ { .type = 0 }, UNSUPPORTED },
	{ { .type = 4 }, UNSUPPORTED },
	{ { .type = ~0U }, UNSUPPORTED },
	{ { .type = QUERY, .flags = 1 }, UNSUPPORTED },
	{ { .type = UNMAP, .flags = 1, .shm_offset = 8 * PAGE, .len = 4 * PAGE },
	  UNSUPPORTED },
	{ { .type = MAP, .len = PAGE }, UNSUPPORTED },
	{ { .type = MAP, .flags = VHOST_SHMEM_MAP_W, .len = PAGE }, UNSUPPORTED },
	{ { .type = MAP, .flags = MAP_READ | 4, .len = PAGE }, UNSUPPORTED },
	{ { .type = MAP, .flags = ~0U, .len = PAGE }, UNSUPPORTED },
	{ { .type = MAP, .flags = MAP_READ, .len = 0 }, RANGE },
	{ { .type = MAP, .flags = MAP_READ, .len = 1 }, RANGE },
	{ { .type = MAP, .flags = MAP_READ, .len = PAGE + 512 }, RANGE },
	{ { .type = MAP, .flags = MAP_READ, .shm_offset = 1, .len = PAGE }, RANGE },
	{ { .type = MAP, .flags = MAP_READ, .fd_offset = 2048, .len = PAGE }, RANGE },
	{ { .type = MAP, .flags = MAP_READ, .len = (FILE_PAGES + 1) * PAGE }, RANGE },
	{ { .type = MAP, .flags = MAP_READ, .fd_offset = FILE_PAGES * PAGE, .len = PAGE },
	  RANGE },
	{ { .type = MAP, .flags = MAP_READ, .fd_offset = -PAGE, .len = 2 * PAGE }, RANGE },
	{ { .type = MAP, .flags = MAP_READ, .fd_offset = PAGE, .len = -PAGE }, RANGE },
	{ { .type = MAP, .flags = MAP_READ, .shm_offset = REGION_PAGES * PAGE,
	    .len = PAGE }, RANGE },
	{ { .type = MAP, .flags = MAP_READ, .shm_offset = (REGION_PAGES - 1) * PAGE,
	    .len = 2 * PAGE }, RANGE },
	{ { .type = MAP, .flags = MAP_READ, .shm_offset = -PAGE, .len = PAGE }, RANGE },
	{ { .type = MAP, .flags = MAP_READ, .shm_offset = -PAGE, .len = 2 * PAGE },
	  RANGE },
	{ { .type = MAP, .flags = MAP_READ, .len = 1ULL << 63 }, RANGE },
	/* Pages 8 to 11 are mapped. */
	{ { .type = MAP, .flags = MAP_READ, .shm_offset = 8 * PAGE, .len = 4 * PAGE },
	  EXIST },
	{ { .type = MAP, .flags = MAP_READ, .shm_offset = 9 * PAGE, .len = PAGE }, EXIST },
	{ { .type = MAP, .flags = MAP_READ, .shm_offset = 7 * PAGE, .len = 2 * PAGE },
	  EXIST },
	{ { .type = MAP, .flags = MAP_READ, .shm_offset = 11 * PAGE, .len = 2 * PAGE },
	  EXIST },
	{ { .type = MAP, .flags = MAP_WRITE, .shm_offset = 0, .len = 20 * PAGE }, EXIST },
	{ { .type = UNMAP, .shm_offset = 8 * PAGE, .len = 3 * PAGE }, NOENT },
	{ { .type = UNMAP, .shm_offset = 9 * PAGE, .len = 3 * PAGE }, NOENT },
	{ { .type = UNMAP, .shm_offset = 8 * PAGE, .len = 5 * PAGE }, NOENT },
	{ { .type = UNMAP, .shm_offset = 8 * PAGE, .len = 0 }, NOENT },
	{ { .type = UNMAP, .shm_offset = 0, .len = -PAGE }, NOENT },
	{ { .type = UNMAP, .shm_offset = 12 * PAGE, .len = PAGE }, NOENT },
};

TEST_F_TIMEOUT(shmem, bad_requests, 120)
{
	struct shmem *shmem = &self->shmem;
	unsigned int n;

	ASSERT_EQ(OK, rig_ask(shmem, MAP, 8, 0, 4, 0));
	for (n = 0; n < ARRAY_SIZE(bad_requests); n++)
		EXPECT_EQ(bad_requests[n].status, rig_try(shmem, bad_requests[n].request))
			TH_LOG("request %u", n);
	EXPECT_EQ(1U, self->frontend.maps);
	EXPECT_TRUE(guest_sees(shmem, 8, 0, 4));
	EXPECT_EQ(OK, rig_ask(shmem, MAP, 7, 1, 1, 0));
	EXPECT_EQ(OK, rig_ask(shmem, MAP, 12, 1, 1, 0));
	EXPECT_EQ(OK, rig_ask(shmem, UNMAP, 8, 0, 4, 0));
}

/* Lengths of what the device may read and write, and what it does write. */
static const struct {
	uint32_t out, in;
	uint32_t written;
	int status;
} bad_lengths[] = {
	{ 32, 16, 16, OK },
	{ 32, 32, 16, OK },
	{ 31, 16, 16, MALFORMED },
	{ 33, 16, 16, MALFORMED },
	{ 1, 16, 16, MALFORMED },
	{ 0, 16, 16, MALFORMED },
	{ 64, 16, 16, MALFORMED },
	{ 32, 15, 15, MALFORMED },
	{ 32, 4, 4, MALFORMED },
	{ 32, 1, 1, MALFORMED },
	{ 32, 0, 0, -1 },
	{ 31, 0, 0, -1 },
};

static int add_lengths(struct shmem *shmem, uint32_t out, uint32_t in)
{
	int slot = guest_slot(shmem);
	struct part parts[4];
	unsigned int count = 0;

	shmem->slots[slot].request = guest_request(QUERY, 0, 0, 0, 0);
	slot_parts(shmem, slot, &parts[1]);
	parts[0] = parts[1];
	parts[3] = parts[2];
	parts[0].len = 0;
	parts[1].len = out;
	parts[2].len = in;
	parts[3].len = 0;
	/* One that is empty does no harm. */
	count = out ? 4 : 2;
	guest_add_indirect(shmem, slot, out ? parts : parts + 2, count);
	return slot;
}

TEST_F_TIMEOUT(shmem, bad_lengths, 120)
{
	struct shmem *shmem = &self->shmem;
	uint32_t written = 0;
	int slot, status;

	for (unsigned int n = 0; n < ARRAY_SIZE(bad_lengths); n++) {
		slot = add_lengths(shmem, bad_lengths[n].out, bad_lengths[n].in);
		guest_kick(shmem);
		ASSERT_EQ(slot, guest_next(shmem, &written, LIMIT_MS));
		EXPECT_EQ(bad_lengths[n].written, written) TH_LOG("lengths %u", n);
		status = written > 3 ? (int)shmem->slots[slot].response.status :
			 written ? *(uint8_t *)&shmem->slots[slot].response : -1;
		EXPECT_EQ(bad_lengths[n].status, status) TH_LOG("lengths %u", n);
	}
}

/* A ring that makes no sense: the VMM is told, and has to start all over. */
static void bad_head(struct shmem *shmem, int slot)
{
	shmem->vring.avail->ring[(uint16_t)(shmem->added - 1) % SHMEM_RING] = SHMEM_RING;
}

static void bad_order(struct shmem *shmem, int slot)
{
	shmem->vring.desc[2 * slot].flags |= VRING_DESC_F_WRITE;
	shmem->vring.desc[2 * slot + 1].flags &= ~VRING_DESC_F_WRITE;
}

static void bad_loop(struct shmem *shmem, int slot)
{
	shmem->vring.desc[2 * slot + 1].flags |= VRING_DESC_F_NEXT;
	shmem->vring.desc[2 * slot + 1].next = 2 * slot + 1;
}

static void bad_next(struct shmem *shmem, int slot)
{
	shmem->vring.desc[2 * slot].next = SHMEM_RING;
}

static void bad_table(struct shmem *shmem, int slot)
{
	shmem->vring.desc[2 * slot].flags = VRING_DESC_F_INDIRECT;
	shmem->vring.desc[2 * slot].len = 17;
}

static void bad_nesting(struct shmem *shmem, int slot)
{
	struct vring_desc *desc = &shmem->vring.desc[2 * slot];

	desc->flags = VRING_DESC_F_INDIRECT;
	desc->addr = guest_address(shmem, desc);
	desc->len = sizeof(*desc);
}

static void bad_address(struct shmem *shmem, int slot)
{
	if (!has_iommu(shmem))
		shmem->vring.desc[2 * slot].addr = SHMEM_GPA + shmem->bytes;
	else
		bad_order(shmem, slot);
}

static void (*const bad_rings[])(struct shmem *shmem, int slot) = {
	bad_head, bad_order, bad_loop, bad_next, bad_table, bad_nesting, bad_address,
};

static int start_over(struct shmem *shmem)
{
	int err = shmem_run(shmem, 0);

	shmem_ring_reset(shmem);
	err = err ?: shmem_vring(shmem);
	return err ?: shmem_run(shmem, 1);
}

TEST_F_TIMEOUT(shmem, bad_rings, 120)
{
	struct shmem *shmem = &self->shmem;
	uint32_t written = 0;
	unsigned int n;

	for (n = 0; n < ARRAY_SIZE(bad_rings); n++) {
		int slot = guest_add(shmem, guest_request(QUERY, 0, 0, 0, 0));

		bad_rings[n](shmem, slot);
		self->frontend.errs = 0;
		guest_kick(shmem);
		EXPECT_TRUE(wait_until(frontend_take(&self->frontend) >= 0 &&
				       self->frontend.errs)) TH_LOG("ring %u", n);
		EXPECT_EQ(-EAGAIN, guest_reap(shmem, &written));
		ASSERT_EQ(0, start_over(shmem));
		ASSERT_EQ(OK, rig_try(shmem, guest_request(QUERY, 0, 0, 0, 0)));
	}
}

/* Descriptors without any sense */

#define RANDOM_CHAINS	200
#define RANDOM_PARTS	8

static const uint32_t odd_lengths[] = {
	0, 1, 4, 8, 15, 16, 17, 31, 32, 33, 128, 4096, 0x7fffffff, 0xfffffff0, 0xffffffff,
};

static const uint16_t odd_flags[] = {
	0, 0, VRING_DESC_F_NEXT, VRING_DESC_F_NEXT, VRING_DESC_F_WRITE, VRING_DESC_F_WRITE,
	VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, VRING_DESC_F_INDIRECT, VRING_DESC_F_INDIRECT,
	VRING_DESC_F_NEXT | VRING_DESC_F_INDIRECT, 0xffff, 0xfff8,
};

#define ANY_OF(array, seed) ((array)[next_random(seed) % ARRAY_SIZE(array)])

/*
 * In a request, a response, a table, just before the end of memory, or nowhere. A
 * VMM with an IOMMU has no answer for what is nowhere, and the device would wait:
 * there, all is somewhere, and tables are made of such descriptors.
 */
static struct vring_desc any_desc(struct shmem *shmem, uint64_t *seed)
{
	const uint64_t end = guest_address(shmem, shmem->memory) + shmem->bytes;
	const uint64_t places[] = {
		guest_address(shmem, &shmem->slots[0].request),
		guest_address(shmem, &shmem->slots[0].request),
		guest_address(shmem, &shmem->slots[0].response),
		guest_address(shmem, &shmem->slots[0].response),
		guest_address(shmem, shmem->slots[0].table),
		guest_address(shmem, shmem->slots[0].table),
		guest_address(shmem, shmem->slots[1].table) + 1,
		end - 8, end, 0, SHMEM_GPA - 8, UINT64_MAX - 7, UINT64_MAX,
	};
	struct vring_desc desc = {
		.addr = places[next_random(seed) % (has_iommu(shmem) ? 8 : ARRAY_SIZE(places))],
		.len = ANY_OF(odd_lengths, seed),
		.flags = ANY_OF(odd_flags, seed),
		.next = next_random(seed) % 16 ? next_random(seed) % RANDOM_PARTS : 0xffff,
	};

	if (!has_iommu(shmem))
		return desc;
	if (desc.flags & VRING_DESC_F_INDIRECT)
		desc.addr = guest_address(shmem, shmem->slots[0].table);
	if (desc.len > end - desc.addr)
		desc.len = end - desc.addr;
	return desc;
}

/* Puts one chain into an empty ring; its head. */
static unsigned int add_any_chain(struct shmem *shmem, uint64_t *seed)
{
	unsigned int head = next_random(seed) % (RANDOM_PARTS + 1) * SHMEM_RING / RANDOM_PARTS;

	for (unsigned int n = 0; n < RANDOM_PARTS; n++) {
		shmem->vring.desc[n * SHMEM_RING / RANDOM_PARTS] = any_desc(shmem, seed);
		shmem->vring.desc[n] = any_desc(shmem, seed);
		shmem->slots[0].table[n] = any_desc(shmem, seed);
		shmem->slots[1].table[n] = any_desc(shmem, seed);
	}
	shmem->slots[0].request = guest_request(next_random(seed) % 4, 0, 0, 1,
						next_random(seed) % 4);
	shmem->vring.avail->ring[shmem->added++ % SHMEM_RING] = head;
	return head;
}

/* Used, or found to be in error; a map is answered, and that counts for nothing. */
static bool chain_has_ended(struct shmem *shmem)
{
	struct frontend *frontend = shmem->frontend;

	frontend_take(frontend);
	while (frontend->nr_pending)
		frontend_answer(frontend, 0, -EIO);
	return frontend->errs ||
	       __atomic_load_n(&shmem->vring.used->idx, __ATOMIC_ACQUIRE) != shmem->seen;
}

TEST_F_TIMEOUT(shmem, random_chains, 120)
{
	struct shmem *shmem = &self->shmem;
	uint64_t seed = new_seed(_metadata->name);
	unsigned int used = 0, errs = 0;

	for (unsigned int n = 0; n < RANDOM_CHAINS; n++) {
		const struct vring_used_elem *elem = &shmem->vring.used->ring[0];
		unsigned int head = add_any_chain(shmem, &seed);

		self->frontend.errs = 0;
		guest_kick(shmem);
		ASSERT_TRUE(wait_until(chain_has_ended(shmem))) TH_LOG("chain %u", n);
		if (self->frontend.errs) {
			errs++;
		} else {
			used++;
			EXPECT_EQ(head, elem->id);
			EXPECT_GE(sizeof(struct vhost_shmem_response), elem->len);
		}
		ASSERT_EQ(0, start_over(shmem));
	}
	EXPECT_LT(0U, used);
	EXPECT_LT(0U, errs);
	/* What the last chain but one asked for may still be under way. */
	EXPECT_TRUE(wait_until((chain_has_ended(shmem), rig_has_mappings(shmem, 0, 0))));
	EXPECT_EQ(OK, rig_try(shmem, guest_request(QUERY, 0, 0, 0, 0)));
}

/* The guest lets the response be written over the ring itself. */
TEST_F(shmem, response_in_the_ring)
{
	struct shmem *shmem = &self->shmem;

	for (unsigned int offset = 0; offset < shmem->ring_bytes; offset += 52) {
		int slot = guest_slot(shmem);
		struct part parts[2];

		shmem->slots[slot].request = guest_request(QUERY, 0, 0, 0, 0);
		slot_parts(shmem, slot, parts);
		parts[1].address = guest_address(shmem, shmem->memory + offset);
		guest_add_direct(shmem, slot, parts, 2);
		self->frontend.errs = 0;
		guest_kick(shmem);
		ASSERT_TRUE(wait_until(chain_has_ended(shmem))) TH_LOG("offset %u", offset);
		ASSERT_EQ(0, start_over(shmem));
	}
	EXPECT_EQ(OK, rig_try(shmem, guest_request(QUERY, 0, 0, 0, 0)));
}

/* The VMM lets nobody write to the used ring any more, and then again. */
TEST_F(shmem, read_only_ring)
{
	struct shmem *shmem = &self->shmem;
	uint32_t written = 0;

	guest_add(shmem, guest_request(QUERY, 0, 0, 0, 0));
	ASSERT_EQ(0, mprotect(shmem->vring.used, PAGE, PROT_READ));
	self->frontend.errs = 0;
	guest_kick(shmem);
	/* Whether it wants that can't be read any more: the device may not say so. */
	EXPECT_EQ(0, eventfd_write(shmem->kick, 1));
	EXPECT_TRUE(wait_until(frontend_take(&self->frontend) >= 0 && self->frontend.errs));
	EXPECT_EQ(-EAGAIN, guest_reap(shmem, &written));
	ASSERT_EQ(0, mprotect(shmem->vring.used, PAGE, PROT_READ | PROT_WRITE));
	ASSERT_EQ(0, start_over(shmem));
	EXPECT_EQ(OK, rig_try(shmem, guest_request(QUERY, 0, 0, 0, 0)));
}

TEST_F(shmem, error_eventfd)
{
	struct shmem *shmem = &self->shmem;
	struct vhost_vring_file err = { .fd = eventfd(0, EFD_CLOEXEC) };
	struct pollfd p = { .fd = err.fd, .events = POLLIN };

	ASSERT_EQ(0, try_ioctl(shmem->device, VHOST_SET_VRING_ERR, &err));
	bad_head(shmem, guest_add(shmem, guest_request(QUERY, 0, 0, 0, 0)));
	guest_kick(shmem);
	EXPECT_EQ(1, poll(&p, 1, LIMIT_MS));
	frontend_take(&self->frontend);
	EXPECT_EQ(0U, self->frontend.errs);
	close(err.fd);
}

/* The VMM's mistakes */

static int ioctl_u32(int device, unsigned long request, uint32_t value)
{
	return try_ioctl(device, request, &value);
}

static int ioctl_u64(int device, unsigned long request, uint64_t value)
{
	return try_ioctl(device, request, &value);
}

TEST(before_an_owner)
{
	int device = open(SHMEM_PATH, O_RDWR | O_CLOEXEC);
	struct vhost_shmem_region region = { .bytes = PAGE };
	struct vhost_shmem_channel channel = { .fd = -1 };
	struct vhost_shmem_stats stats;

	ASSERT_LE(0, device);
	EXPECT_EQ(-EPERM, try_ioctl(device, VHOST_SHMEM_SET_REGION, &region));
	EXPECT_EQ(-EPERM, ioctl_u32(device, VHOST_SHMEM_SET_FILE, -1));
	EXPECT_EQ(-EPERM, try_ioctl(device, VHOST_SHMEM_SET_CHANNEL, &channel));
	EXPECT_EQ(-EPERM, ioctl_u32(device, VHOST_SHMEM_SET_RUNNING, 0));
	EXPECT_EQ(-EPERM, ioctl_u32(device, VHOST_SHMEM_SET_TIMEOUT, 0));
	EXPECT_EQ(-EPERM, try_ioctl(device, VHOST_SHMEM_GET_STATS, &stats));
	EXPECT_EQ(-EPERM, try_ioctl(device, VHOST_RESET_OWNER, NULL));
	close(device);
}

TEST(ioctl_errors)
{
	struct shmem_options options = { .region_pages = 1, .file_pages = 1 };
	struct vhost_backend_setup only_map = {
		.requests = 1ULL << VHOST_BACKEND_BIT(VHOST_BACKEND_SHMEM_UNMAP),
	};
	struct vhost_shmem_region region = { .bytes = PAGE };
	int channel = channel_open(0), other = channel_open_with(0, only_map);
	int blank = open(CHANNEL_PATH, O_RDWR | O_CLOEXEC);
	struct shmem shmem;
	int d;

	ASSERT_EQ(0, shmem_prepare(&shmem, options)) TH_LOG("%s", shmem.failed);
	d = shmem.device;
	for (unsigned int n = 0; n < 4; n++) {
		static const struct vhost_shmem_region bad[] = {
			{ .bytes = 0 }, { .bytes = PAGE + 1 },
			{ .bytes = PAGE, .shmid = 256 }, { .bytes = PAGE, .flags = 1 },
		};

		EXPECT_EQ(-EINVAL, try_ioctl(d, VHOST_SHMEM_SET_REGION, (void *)&bad[n]));
	}
	EXPECT_EQ(-EFAULT, try_ioctl(d, VHOST_SHMEM_SET_REGION, NULL));
	EXPECT_EQ(-EBADF, ioctl_u32(d, VHOST_SHMEM_SET_FILE, 999));
	EXPECT_EQ(-EBADF, ioctl_u32(d, VHOST_SHMEM_SET_FILE, -2));
	EXPECT_EQ(-EINVAL, ioctl_u32(d, VHOST_SHMEM_SET_FILE, d));
	EXPECT_EQ(-EINVAL, ioctl_u32(d, VHOST_SHMEM_SET_FILE, channel));
	EXPECT_EQ(-EINVAL, ioctl_u32(d, VHOST_SHMEM_SET_FILE, shmem.pipe[0]));
	EXPECT_EQ(-EINVAL, ioctl_u32(d, VHOST_SHMEM_SET_RUNNING, 2));
	EXPECT_EQ(-EFAULT, try_ioctl(d, VHOST_SHMEM_GET_STATS, NULL));
	EXPECT_EQ(-ENOTTY, ioctl_u64(d, _IOW(VHOST_SHMEM_IOCTL, 0xF6, __u64), 0));

	/* Neither region, channel nor file */
	EXPECT_EQ(-EINVAL, shmem_attach(&shmem, channel));
	EXPECT_EQ(-ENOTCONN, shmem_run(&shmem, 1));
	EXPECT_EQ(0, shmem_run(&shmem, 0));
	ASSERT_EQ(0, try_ioctl(d, VHOST_SHMEM_SET_REGION, &region));
	EXPECT_EQ(-EBADF, shmem_attach(&shmem, 999));
	EXPECT_EQ(-EINVAL, shmem_attach(&shmem, shmem.file));
	EXPECT_EQ(-EINVAL, shmem_attach(&shmem, d));
	EXPECT_EQ(-ENOTCONN, shmem_attach(&shmem, blank));
	EXPECT_EQ(-EOPNOTSUPP, shmem_attach(&shmem, other));
	EXPECT_EQ(0U, channel_stats(other).backends);
	shmem.options.vring = 256;
	EXPECT_EQ(-ERANGE, shmem_attach(&shmem, channel));
	shmem.options.vring = 0;
	ASSERT_EQ(0, shmem_attach(&shmem, channel));
	EXPECT_EQ(-EBUSY, try_ioctl(d, VHOST_SHMEM_SET_REGION, &region));
	EXPECT_EQ(-EINVAL, shmem_run(&shmem, 1));
	ASSERT_EQ(0, ioctl_u32(d, VHOST_SHMEM_SET_FILE, shmem.file));
	/* And no memory table */
	EXPECT_EQ(-EFAULT, shmem_run(&shmem, 1));

	EXPECT_EQ(-EOPNOTSUPP, ioctl_u64(d, VHOST_SET_FEATURES, 1ULL << VHOST_F_LOG_ALL));
	EXPECT_EQ(-EOPNOTSUPP, ioctl_u64(d, VHOST_SET_FEATURES, 1));
	EXPECT_EQ(-EOPNOTSUPP, ioctl_u64(d, VHOST_SET_BACKEND_FEATURES, ~0ULL));
	ASSERT_EQ(0, shmem_core(&shmem));
	ASSERT_EQ(0, shmem_vring(&shmem));
	ASSERT_EQ(0, shmem_run(&shmem, 1));
	EXPECT_EQ(-EBUSY, ioctl_u64(d, VHOST_SET_FEATURES, 0));
	shmem_close(&shmem);
	close(channel);
	close(other);
	close(blank);
}

TEST(features)
{
	int device = open(SHMEM_PATH, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	struct pollfd p = { .fd = device, .events = POLLIN };
	uint64_t features = 0, backend_features = 0;
	char byte[72];

	ASSERT_LE(0, device);
	EXPECT_EQ(0, try_ioctl(device, VHOST_GET_FEATURES, &features));
	EXPECT_TRUE(!!(features & 1ULL << VIRTIO_F_VERSION_1));
	EXPECT_TRUE(!!(features & 1ULL << VIRTIO_F_ACCESS_PLATFORM));
	EXPECT_FALSE(!!(features & 1ULL << VHOST_F_LOG_ALL));
	EXPECT_EQ(0, try_ioctl(device, VHOST_SET_FEATURES, &features));
	EXPECT_EQ(0, try_ioctl(device, VHOST_GET_BACKEND_FEATURES, &backend_features));
	EXPECT_EQ(1ULL << VHOST_BACKEND_F_IOTLB_MSG_V2, backend_features);
	EXPECT_EQ(0, poll(&p, 1, 0));
	EXPECT_EQ(-1, read(device, byte, sizeof(byte)));
	EXPECT_EQ(EAGAIN, errno);
	close(device);
}

/* A device belongs to the process that made itself its owner. */
static void use_what_is_not_mine(void *arg)
{
	child_check(shmem_run(arg, 0) == -EPERM);
	child_check(shmem_attach(arg, -1) == -EPERM);
}

TEST_F(shmem, of_another_process)
{
	EXPECT_EQ(0, child_run(use_what_is_not_mine, &self->shmem));
	EXPECT_EQ(OK, rig_try(&self->shmem, guest_request(QUERY, 0, 0, 0, 0)));
}

TEST_HARNESS_MAIN
