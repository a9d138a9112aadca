// SPDX-License-Identifier: GPL-2.0-only
/* Faults in what a VMM does with a vhost-shmem device. */
#include "../kselftest_harness.h"

#include <fcntl.h>
#include <stddef.h>
#include <sys/eventfd.h>

#include <linux/vhost.h>
#include <linux/vhost_shmem.h>
#include <linux/virtio_config.h>

#include "lib/channel.h"
#include "lib/fault.h"
#include "lib/faults.h"
#include "lib/memory.h"
#include "lib/shmem_world.h"
#include "lib/skip.h"
#include "lib/vhost_shmem.h"
#include "lib/vhost_shmem_frontend.h"
#include "lib/vhost_shmem_guest.h"
#include "lib/vhost_shmem_iommu.h"
#include "lib/vhost_shmem_rig.h"
#include "lib/wait.h"

SKIP_WITHOUT_CHANNEL;
SKIP_WITHOUT(SHMEM_PATH, vhost_shmem);

static struct world world;

/* Whether the device has an IOTLB: one that has none refuses to forget of it. */
static bool has_iotlb(struct world *world)
{
	return !iommu_tell(&world->shmem, VHOST_IOTLB_INVALIDATE, world->shmem.bytes, PAGE);
}

static struct state world_state(struct world *world)
{
	struct state state = state_of(world->frontend.channel, world->shmem.device);

	state.more = has_iotlb(world);
	return state;
}

static const struct world_type world_type = {
	.open = shmem_world_open, .close = shmem_world_close, .state = world_state,
};

FAULTS_FIXTURE(&world_type);

/* The device by itself */

static int prepare_none(struct world *world)
{
	close(world->shmem.device);
	world->shmem.device = -1;
	return 0;
}

static long call_open(struct world *world)
{
	world->shmem.device = open(SHMEM_PATH, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	return world->shmem.device < 0 ? -errno : 0;
}

static long call_set_owner(struct world *world)
{
	return SHMEM_IOCTL(&world->shmem, VHOST_SET_OWNER, NULL);
}

static int prepare_unowned(struct world *world)
{
	int err = prepare_none(world);

	return err ?: call_open(world);
}

static bool is_owned(struct world *world)
{
	return !world_bring_up(world) && world_works(world);
}

static bool is_open(struct world *world)
{
	return !call_set_owner(world) && is_owned(world);
}

TEST_F_TIMEOUT(faults, open, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = prepare_none, .call = call_open, .done = is_open,
	}));
}

TEST_F_TIMEOUT(faults, set_owner, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = prepare_unowned, .call = call_set_owner, .done = is_owned,
	}));
}

/* How it is brought up, an ioctl at a time */

struct arguments {
	struct vhost_shmem_region region;
	int file;
	uint32_t timeout_ms;
	struct vhost_shmem_channel channel;
	uint64_t features;
	struct {
		struct vhost_memory head;
		struct vhost_memory_region region;
	} table;
	struct vhost_vring_state num, base;
	struct vhost_vring_addr addr;
	struct vhost_vring_file kick, call, err;
	uint32_t running;
};

static struct arguments arguments_of(struct world *world)
{
	const struct shmem *shmem = &world->shmem;

	return (struct arguments){
		.region.bytes = shmem_region_bytes(shmem),
		.file = shmem->file,
		.timeout_ms = LIMIT_MS,
		.channel.fd = world->frontend.channel,
		.features = 1ULL << VIRTIO_F_VERSION_1 |
			    (uint64_t)world_options.iotlb << VIRTIO_F_ACCESS_PLATFORM,
		.table.head.nregions = 1,
		.table.region.guest_phys_addr = SHMEM_GPA,
		.table.region.memory_size = shmem->bytes,
		.table.region.userspace_addr = (uintptr_t)shmem->memory,
		.num.num = SHMEM_RING,
		.addr.desc_user_addr = ring_address(shmem, shmem->vring.desc),
		.addr.avail_user_addr = ring_address(shmem, shmem->vring.avail),
		.addr.used_user_addr = ring_address(shmem, shmem->vring.used),
		.kick.fd = shmem->kick,
		.call.fd = shmem->irq,
		.err.fd = shmem->irq,
		.running = 1,
	};
}

#define STEP(request, member) { #request, request, offsetof(struct arguments, member) }

static const struct {
	const char *name;
	unsigned long request;		/* 0: tells the IOTLB of the ring */
	size_t argument;
} steps[] = {
	STEP(VHOST_SHMEM_SET_REGION, region),
	STEP(VHOST_SHMEM_SET_FILE, file),
	STEP(VHOST_SHMEM_SET_TIMEOUT, timeout_ms),
	STEP(VHOST_SHMEM_SET_CHANNEL, channel),
	STEP(VHOST_SET_FEATURES, features),
	STEP(VHOST_SET_MEM_TABLE, table),
	STEP(VHOST_SET_VRING_NUM, num),
	STEP(VHOST_SET_VRING_BASE, base),
	STEP(VHOST_SET_VRING_ADDR, addr),
	STEP(VHOST_SET_VRING_KICK, kick),
	STEP(VHOST_SET_VRING_CALL, call),
	STEP(VHOST_SET_VRING_ERR, err),
	{ .name = "VHOST_IOTLB_UPDATE" },
	STEP(VHOST_SHMEM_SET_RUNNING, running),
};

/* Those before it are done by then, those after it come later. */
static unsigned int step;

static long do_step(struct world *world, unsigned int n)
{
	struct arguments arguments = arguments_of(world);

	if (steps[n].request)
		return try_ioctl(world->shmem.device, steps[n].request,
				 (char *)&arguments + steps[n].argument);
	if (!world_options.iotlb)
		return 0;
	return iommu_tell(&world->shmem, VHOST_IOTLB_UPDATE, 0, world->shmem.ring_bytes);
}

static int prepare_step(struct world *world)
{
	uint64_t features = 1ULL << VHOST_BACKEND_F_IOTLB_MSG_V2;
	int err = SHMEM_IOCTL(&world->shmem, VHOST_SET_BACKEND_FEATURES, &features);

	for (unsigned int n = 0; !err && n < step; n++)
		err = do_step(world, n);
	return err;
}

static long call_step(struct world *world)
{
	return do_step(world, step);
}

static bool is_up(struct world *world)
{
	int err = 0;

	for (unsigned int n = step + 1; !err && n < ARRAY_SIZE(steps); n++)
		err = do_step(world, n);
	return !err && world_works(world);
}

/* Without an IOTLB there is no update, and features are no more than one word. */
static bool can_fail(unsigned int n)
{
	return world_options.iotlb ||
	       (steps[n].request && steps[n].request != VHOST_SET_FEATURES);
}

static void bring_up_in_turn(struct __test_metadata *_metadata)
{
	for (step = 0; step < ARRAY_SIZE(steps); step++)
		if (can_fail(step))
			EXPECT_TRUE(each_in_turn(steps[step].name, &world, (struct trial){
				.prepare = prepare_step, .call = call_step, .done = is_up,
				.also = steps[step].request ? 0 : EINVAL,
			}));
}

TEST_F_TIMEOUT(faults, bring_up, 280)
{
	bring_up_in_turn(_metadata);
}

TEST_F_TIMEOUT(faults, bring_up_iotlb, 280)
{
	world_options.iotlb = true;
	bring_up_in_turn(_metadata);
}

/* A device that runs */

static long call_get_stats(struct world *world)
{
	struct vhost_shmem_stats stats;

	return try_ioctl(world->shmem.device, VHOST_SHMEM_GET_STATS, &stats);
}

TEST_F_TIMEOUT(faults, get_stats, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = world_bring_up, .call = call_get_stats, .done = world_works,
	}));
}

/* The frontend has been asked, and has not answered. */
static int prepare_asked(struct world *world)
{
	int err = world_bring_up(world);

	world->slot = guest_start(&world->shmem, MAP, 3, 3, 1);
	err = err ?: shmem_flush(&world->shmem);
	return err ?: frontend_take(&world->frontend) == 1 ? 0 : -EPROTO;
}

static long call_stop(struct world *world)
{
	return shmem_run(&world->shmem, 0);
}

/* The guest has its descriptor back, unless the VMM was told that this failed. */
static bool is_stopped(struct world *world)
{
	int status = world_outcome(world);

	world_serve(world);
	return (status == VHOST_SHMEM_S_CANCELED || status == -EBADMSG ||
		(status == -EAGAIN && world->frontend.errs == 1)) &&
	       !shmem_run(&world->shmem, 1) && world_works(world);
}

TEST_F_TIMEOUT(faults, stop, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = prepare_asked, .call = call_stop, .done = is_stopped,
	}));
}

static int prepare_stopped(struct world *world)
{
	int err = world_bring_up(world);

	return err ?: call_stop(world);
}

static long call_detach(struct world *world)
{
	return shmem_attach(&world->shmem, -1);
}

static bool is_detached(struct world *world)
{
	return channel_stats(world->frontend.channel).backends == 0 &&
	       !shmem_attach(&world->shmem, world->frontend.channel) &&
	       !shmem_run(&world->shmem, 1) && world_works(world);
}

TEST_F_TIMEOUT(faults, detach, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = prepare_stopped, .call = call_detach, .done = is_detached,
	}));
}

static long call_reset_owner(struct world *world)
{
	return SHMEM_IOCTL(&world->shmem, VHOST_RESET_OWNER, NULL);
}

/* As one that was just opened; the VMM drops what is in the region. */
static bool is_reset(struct world *world)
{
	if (channel_stats(world->frontend.channel).backends || call_set_owner(world))
		return false;
	frontend_answer(&world->frontend, 0, 0);
	return !frontend_drop_all(&world->shmem) && is_owned(world);
}

TEST_F_TIMEOUT(faults, reset_owner, 280)
{
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = prepare_asked, .call = call_reset_owner, .done = is_reset,
	}));
}

/* The IOTLB's messages */

static int prepare_missed(struct world *world)
{
	int err = world_bring_up(world);

	world->slot = guest_start(&world->shmem, MAP, 3, 3, 1);
	return err ?: shmem_flush(&world->shmem);
}

static struct vhost_msg_v2 miss;
static bool miss_is_lost;

/*
 * The core has no error for a copy that fails, and drops the message: nothing is
 * read, and the worker has to look once more.
 */
static long call_read(struct world *world)
{
	ssize_t n;

	if (miss_is_lost && (eventfd_write(world->shmem.kick, 1) || shmem_flush(&world->shmem)))
		return -errno;
	n = read(world->shmem.device, &miss, sizeof(miss));
	miss_is_lost = !n;
	if (n < 0)
		return -errno;
	return n ? 0 : -EIO;
}

static bool is_mapped(struct world *world)
{
	world_serve(world);
	return world_outcome(world) == OK && world_has_mappings(world, 1) &&
	       world_request(world, UNMAP, 3) == OK && world_works(world);
}

static bool is_read(struct world *world)
{
	return !iommu_give(&world->shmem, miss.iotlb.iova, miss.iotlb.type) &&
	       is_mapped(world);
}

TEST_F_TIMEOUT(faults, read_miss, 280)
{
	world_options.iotlb = true;
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = prepare_missed, .call = call_read, .done = is_read,
		.also = EIO,
	}));
}

static int prepare_read(struct world *world)
{
	int err = prepare_missed(world);

	return err ?: call_read(world);
}

static long call_update(struct world *world)
{
	return iommu_give(&world->shmem, miss.iotlb.iova, miss.iotlb.type);
}

/* The core says EINVAL of a message that it could not copy. */
TEST_F_TIMEOUT(faults, write_update, 280)
{
	world_options.iotlb = true;
	EXPECT_TRUE(each_in_turn(_metadata->name, &world, (struct trial){
		.prepare = prepare_read, .call = call_update, .done = is_mapped,
		.also = EINVAL,
	}));
}

TEST_F(faults, of_every_kind)
{
	EXPECT_TRUE(faults_happened(FAULTS_OF_EVERY_KIND));
}

TEST_HARNESS_MAIN
