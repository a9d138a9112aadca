// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unmodified vhost-scsi as a worker: this program is the guest of a disk that
 * the kernel's SCSI target keeps in memory. It looks at its request queue only
 * when the channel says so, and finds what it has written.
 */
#include "../kselftest_harness.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>

#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <linux/virtio_scsi.h>

#include "lib/channel.h"
#include "lib/memory.h"
#include "lib/raised.h"
#include "lib/random.h"
#include "lib/skip.h"
#include "lib/wait.h"

SKIP_WITHOUT_CHANNEL;
SKIP_WITHOUT("/dev/vhost-scsi", vhost_scsi);

#define CONFIGFS	"/sys/kernel/config"
#define TARGET		CONFIGFS "/target"
#define DISK		TARGET "/core/rd_mcp_0/vhost-backend"
#define WWPN		"naa.5001405000000001"
#define PORT		TARGET "/vhost/" WWPN
#define GROUP		PORT "/tpgt_1"
#define LUN		GROUP "/lun/lun_0"

#define BLOCK		512
#define BLOCKS		1024
#define DISK_PAGES	"128"

/* The device's queues: control, events, and the first one of requests */
#define REQUESTS	2
#define QUEUES		3
#define VRING(queue)	(20 + (queue))

/* Commands at once, and descriptors of each: request, response, data */
#define SLOTS		16
#define CHAIN		4
#define RING		(SLOTS * CHAIN)
#define DATA_MAX	(8 * BLOCK)

#define SCSI_TEST_UNIT_READY	0x00
#define SCSI_INQUIRY		0x12
#define SCSI_READ_CAPACITY	0x25
#define SCSI_READ		0x28
#define SCSI_WRITE		0x2a
#define SCSI_CHECK_CONDITION	2

/* The target, which is set up with folders, links and files */

static int put_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));
	int err = n < 0 ? -errno : 0;

	close(fd);
	return err;
}

static void target_remove(void)
{
	unlink(LUN "/disk");
	rmdir(LUN);
	put_text(GROUP "/nexus", "NULL");
	rmdir(GROUP);
	rmdir(PORT);
	rmdir(TARGET "/vhost");
	rmdir(DISK);
	rmdir(TARGET "/core/rd_mcp_0");
}

static int target_create(void)
{
	if (access(TARGET, F_OK) &&
	    mount("none", CONFIGFS, "configfs", 0, NULL) && errno != EBUSY)
		return -errno;
	target_remove();
	if (mkdir(TARGET "/core/rd_mcp_0", 0755) || mkdir(DISK, 0755) ||
	    put_text(DISK "/control", "rd_pages=" DISK_PAGES) ||
	    put_text(DISK "/enable", "1") || mkdir(TARGET "/vhost", 0755) ||
	    mkdir(PORT, 0755) || mkdir(GROUP, 0755) ||
	    put_text(GROUP "/nexus", "naa.5001405000000002") ||
	    mkdir(LUN, 0755) || symlink(DISK, LUN "/disk"))
		return -errno;
	return 0;
}

/* What one command takes, in the guest's memory. */
struct slot {
	struct virtio_scsi_cmd_req request;
	uint8_t data[DATA_MAX];
	struct virtio_scsi_cmd_resp response;
};

struct memory {
	uint8_t rings[QUEUES][4 * PAGE] __attribute__((aligned(PAGE)));
	struct slot slots[SLOTS];
};

struct disk {
	int channel;
	int vhost;
	int kicks[QUEUES];
	int calls[QUEUES];
	int errs[QUEUES];
	struct memory *memory;
	struct vring ring;
	uint16_t added;
	uint16_t seen;
};

static int set_queue(struct disk *disk, unsigned int index)
{
	struct vring ring;
	struct vhost_vring_state num = { .index = index, .num = RING };
	struct vhost_vring_state base = { .index = index };
	struct vhost_vring_addr addr = { .index = index };
	struct vhost_vring_file kick = { .index = index, .fd = disk->kicks[index] };
	struct vhost_vring_file call = { .index = index, .fd = disk->calls[index] };
	struct vhost_vring_file err = { .index = index, .fd = disk->errs[index] };

	vring_init(&ring, RING, disk->memory->rings[index], PAGE);
	if (index == REQUESTS)
		disk->ring = ring;
	addr.desc_user_addr = (uintptr_t)ring.desc;
	addr.avail_user_addr = (uintptr_t)ring.avail;
	addr.used_user_addr = (uintptr_t)ring.used;
	if (ioctl(disk->vhost, VHOST_SET_VRING_NUM, &num) ||
	    ioctl(disk->vhost, VHOST_SET_VRING_BASE, &base) ||
	    ioctl(disk->vhost, VHOST_SET_VRING_ADDR, &addr) ||
	    ioctl(disk->vhost, VHOST_SET_VRING_KICK, &kick) ||
	    ioctl(disk->vhost, VHOST_SET_VRING_CALL, &call) ||
	    ioctl(disk->vhost, VHOST_SET_VRING_ERR, &err))
		return -errno;
	return 0;
}

static int set_endpoint(const struct disk *disk, unsigned long request)
{
	struct vhost_scsi_target target = {
		.abi_version = VHOST_SCSI_ABI_VERSION, .vhost_wwpn = WWPN,
		.vhost_tpgt = 1,
	};

	return try_ioctl(disk->vhost, request, &target);
}

static int disk_open(struct disk *disk)
{
	uint64_t features = 1ULL << VIRTIO_F_VERSION_1;
	union {
		struct vhost_memory head;
		uint8_t bytes[sizeof(struct vhost_memory) +
			      sizeof(struct vhost_memory_region)];
	} table = {};
	int err = 0;

	disk->channel = channel_open(O_NONBLOCK);
	disk->vhost = open("/dev/vhost-scsi", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	disk->memory = mmap(NULL, sizeof(*disk->memory), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (disk->channel < 0 || disk->vhost < 0 || disk->memory == MAP_FAILED)
		return -errno;
	/* The guest's addresses start at 0. */
	table.head.nregions = 1;
	table.head.regions[0].memory_size = sizeof(*disk->memory);
	table.head.regions[0].userspace_addr = (uintptr_t)disk->memory;
	if (ioctl(disk->vhost, VHOST_SET_OWNER, NULL) ||
	    ioctl(disk->vhost, VHOST_SET_FEATURES, &features) ||
	    ioctl(disk->vhost, VHOST_SET_MEM_TABLE, &table))
		return -errno;
	for (unsigned int i = 0; !err && i < QUEUES; i++) {
		disk->kicks[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		disk->calls[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		disk->errs[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		err = set_queue(disk, i);
	}
	return err ? err : set_endpoint(disk, VHOST_SCSI_SET_ENDPOINT);
}

/* Binds all queues, or unbinds them. */
static int disk_bind(const struct disk *disk, bool bound)
{
	int err = 0;

	for (unsigned int i = 0; !err && i < QUEUES; i++) {
		err = channel_bind(disk->channel, VHOST_BACKEND_BIND_VRING_CALL,
				   VRING(i), bound ? disk->calls[i] : -1, 0);
		if (!err)
			err = channel_bind(disk->channel, VHOST_BACKEND_BIND_VRING_ERR,
					   VRING(i), bound ? disk->errs[i] : -1, 0);
	}
	return err;
}

static void disk_close(struct disk *disk)
{
	set_endpoint(disk, VHOST_SCSI_CLEAR_ENDPOINT);
	close(disk->vhost);
	close(disk->channel);
	for (unsigned int i = 0; i < QUEUES; i++) {
		close(disk->kicks[i]);
		close(disk->calls[i]);
		close(disk->errs[i]);
	}
	munmap(disk->memory, sizeof(*disk->memory));
}

/* The parts of a command's chain, each with its VRING_DESC_F_WRITE or 0. */
struct part {
	const void *at;
	uint32_t bytes;
	uint16_t flags;
};

/*
 * Puts the command of 10 bytes at @cdb into slot @n, with @out bytes of the
 * slot's data to the disk or @in bytes from it.
 */
static void disk_put(struct disk *disk, unsigned int n, const uint8_t *cdb,
		     uint32_t out, uint32_t in)
{
	struct slot *slot = &disk->memory->slots[n];
	const struct part parts[CHAIN] = {
		{ &slot->request, sizeof(slot->request), 0 },
		{ slot->data, out, 0 },
		{ &slot->response, sizeof(slot->response), VRING_DESC_F_WRITE },
		{ slot->data, in, VRING_DESC_F_WRITE },
	};
	struct vring_desc *desc = &disk->ring.desc[n * CHAIN];
	unsigned int used = 0;

	slot->request = (struct virtio_scsi_cmd_req){
		.lun = { 1, 1, 0x40 }, .tag = n,
	};
	memcpy(slot->request.cdb, cdb, 10);
	memset(&slot->response, 0xff, sizeof(slot->response));
	for (unsigned int i = 0; i < CHAIN; i++) {
		if (!parts[i].bytes)
			continue;
		desc[used] = (struct vring_desc){
			.addr = (const uint8_t *)parts[i].at -
				(const uint8_t *)disk->memory,
			.len = parts[i].bytes,
			.flags = parts[i].flags | VRING_DESC_F_NEXT,
			.next = n * CHAIN + used + 1,
		};
		used++;
	}
	desc[used - 1].flags &= ~VRING_DESC_F_NEXT;
	disk->ring.avail->ring[disk->added++ % RING] = n * CHAIN;
}

static int disk_kick(struct disk *disk)
{
	/* Pairs with the device's read of the index before it reads the ring. */
	__atomic_store_n(&disk->ring.avail->idx, disk->added, __ATOMIC_RELEASE);
	return eventfd_write(disk->kicks[REQUESTS], 1);
}

/* The slots of the commands that have ended, as bits. */
static uint32_t disk_reap(struct disk *disk)
{
	uint32_t slots = 0;

	while (disk->seen != __atomic_load_n(&disk->ring.used->idx, __ATOMIC_ACQUIRE))
		slots |= 1U << disk->ring.used->ring[disk->seen++ % RING].id / CHAIN;
	return slots;
}

/* Waits until the channel tells of ended commands; no other vring is told of. */
static int disk_wait(struct disk *disk, uint32_t *slots)
{
	struct raised raised;
	int err = take_raised(disk->channel, &raised, LIMIT_MS);

	*slots = 0;
	if (!err && (raised.calls != 1ULL << VRING(REQUESTS) || raised.errs ||
		     raised.others || raised.nr_misses))
		err = -EPROTO;
	if (!err)
		*slots = disk_reap(disk);
	return err;
}

/* One command in slot 0: its status, or -errno. */
static int disk_do(struct disk *disk, const uint8_t *cdb, uint32_t in)
{
	const struct virtio_scsi_cmd_resp *response = &disk->memory->slots[0].response;
	uint32_t slots = 0;
	int err;

	disk_put(disk, 0, cdb, 0, in);
	err = disk_kick(disk);
	/* A signal of the last command may come after the command was seen. */
	while (!err && !slots)
		err = disk_wait(disk, &slots);
	if (err)
		return err;
	if (slots != 1 || response->response != VIRTIO_SCSI_S_OK)
		return -EIO;
	return response->status;
}

/* A new disk says first that it is new. */
static int disk_ready(struct disk *disk)
{
	const uint8_t cdb[10] = { SCSI_TEST_UNIT_READY };
	int status = disk_do(disk, cdb, 0);

	for (int i = 0; status == SCSI_CHECK_CONDITION && i < 5; i++)
		status = disk_do(disk, cdb, 0);
	return status;
}

FIXTURE(vhost_scsi) {
	struct disk disk;
};

FIXTURE_SETUP(vhost_scsi)
{
	ASSERT_EQ(0, target_create());
	ASSERT_EQ(0, disk_open(&self->disk));
	ASSERT_EQ(0, disk_bind(&self->disk, true));
	EXPECT_EQ(2U * QUEUES, channel_stats(self->disk.channel).bindings);
}

FIXTURE_TEARDOWN(vhost_scsi)
{
	disk_close(&self->disk);
	target_remove();
	EXPECT_NE(0, access(TARGET "/vhost", F_OK));
}

TEST_F_TIMEOUT(vhost_scsi, commands, 120)
{
	const uint8_t inquiry[10] = { SCSI_INQUIRY, 0, 0, 0, 36 };
	const uint8_t capacity[10] = { SCSI_READ_CAPACITY };
	const uint8_t *data = self->disk.memory->slots[0].data;
	uint32_t words[2];

	ASSERT_EQ(0, disk_ready(&self->disk));
	for (int i = 0; i < 100; i++) {
		memset(self->disk.memory->slots[0].data, 0xff, 36);
		ASSERT_EQ(0, disk_do(&self->disk, inquiry, 36));
		EXPECT_EQ(0, memcmp(data + 8, "LIO-ORG ", 8));
	}
	ASSERT_EQ(0, disk_do(&self->disk, capacity, 8));
	memcpy(words, data, sizeof(words));
	EXPECT_EQ(BLOCKS - 1U, ntohl(words[0]));
	EXPECT_EQ(0U + BLOCK, ntohl(words[1]));
}

/* A slot has blocks of its own, so that commands at once don't meet. */
struct transfer {
	bool write;
	uint32_t first;
	uint32_t bytes;
};

static void transfer_put(struct disk *disk, unsigned int n,
			 struct transfer *transfer, uint64_t *seed)
{
	const uint32_t share = BLOCKS / SLOTS;
	uint32_t blocks = 1 + next_random(seed) % (DATA_MAX / BLOCK);
	uint8_t cdb[10] = {};
	uint32_t block;

	transfer->write = next_random(seed) % 2;
	transfer->first = n * share + next_random(seed) % (share - blocks + 1);
	transfer->bytes = blocks * BLOCK;
	cdb[0] = transfer->write ? SCSI_WRITE : SCSI_READ;
	block = htonl(transfer->first);
	memcpy(cdb + 2, &block, sizeof(block));
	cdb[8] = blocks;
	for (uint32_t i = 0; i < transfer->bytes; i += sizeof(block)) {
		block = next_random(seed);
		memcpy(disk->memory->slots[n].data + i, &block, sizeof(block));
	}
	disk_put(disk, n, cdb, transfer->write ? transfer->bytes : 0,
		 transfer->write ? 0 : transfer->bytes);
}

/* What was written is remembered in @copy, what was read is compared with it. */
static bool transfer_check(const struct disk *disk, unsigned int n,
			   const struct transfer *transfer, uint8_t *copy)
{
	const struct slot *slot = &disk->memory->slots[n];

	if (slot->response.response != VIRTIO_SCSI_S_OK || slot->response.status)
		return false;
	copy += transfer->first * BLOCK;
	if (!transfer->write)
		return !memcmp(copy, slot->data, transfer->bytes);
	memcpy(copy, slot->data, transfer->bytes);
	return true;
}

/* All slots busy for as long as there are commands; each one ends, and well. */
TEST_F_TIMEOUT(vhost_scsi, what_is_written_is_read, 240)
{
	static uint8_t copy[BLOCKS * BLOCK];
	struct transfer transfers[SLOTS];
	uint64_t seed = new_seed(_metadata->name);
	struct disk *disk = &self->disk;
	uint32_t put = SLOTS, ended = 0;
	time_t until = time(NULL) + 60;
	struct vhost_backend_stats stats;

	ASSERT_EQ(0, disk_ready(disk));
	for (unsigned int n = 0; n < SLOTS; n++)
		transfer_put(disk, n, &transfers[n], &seed);
	while (ended < put) {
		uint32_t slots;

		ASSERT_EQ(0, disk_kick(disk));
		ASSERT_EQ(0, disk_wait(disk, &slots));
		for (unsigned int n = 0; n < SLOTS; n++) {
			if (!(slots & 1U << n))
				continue;
			ASSERT_TRUE(transfer_check(disk, n, &transfers[n], copy))
				TH_LOG("command %u of %u", ended, put);
			ended++;
			if (!another_round(put, 4000, until))
				continue;
			transfer_put(disk, n, &transfers[n], &seed);
			put++;
		}
	}
	stats = channel_stats(disk->channel);
	TH_LOG("%u commands, %llu signals, %llu notifications", ended,
	       (unsigned long long)stats.notifications_raised,
	       (unsigned long long)stats.notifications_delivered);
}

/* The device gives up a queue that names a descriptor which the ring lacks. */
TEST_F_TIMEOUT(vhost_scsi, broken_descriptor_raises_vring_err, 60)
{
	struct disk *disk = &self->disk;
	struct raised raised;

	ASSERT_EQ(0, disk_ready(disk));
	disk->ring.avail->ring[disk->added++ % RING] = RING;
	ASSERT_EQ(0, disk_kick(disk));
	/* A signal of the last command may come before it. */
	do {
		ASSERT_EQ(0, take_raised(disk->channel, &raised, LIMIT_MS));
		EXPECT_EQ(0U, raised.others);
	} while (!raised.errs);
	EXPECT_EQ(1ULL << VRING(REQUESTS), raised.errs);
}

/* Unbound, the eventfds are the VMM's own again; bound again, the channel's. */
TEST_F_TIMEOUT(vhost_scsi, unbound_and_bound_again, 60)
{
	const uint8_t cdb[10] = { SCSI_TEST_UNIT_READY };
	struct disk *disk = &self->disk;
	struct raised raised;
	eventfd_t value;

	ASSERT_EQ(0, disk_ready(disk));
	for (int i = 0; i < 10; i++) {
		ASSERT_EQ(0, disk_bind(disk, false));
		EXPECT_EQ(0U, channel_stats(disk->channel).bindings);
		take_raised(disk->channel, &raised, 0);
		/* The last signal of the time before may be the eventfd's already. */
		eventfd_read(disk->calls[REQUESTS], &value);
		disk_put(disk, 0, cdb, 0, 0);
		ASSERT_EQ(0, disk_kick(disk));
		ASSERT_TRUE(readable(disk->calls[REQUESTS], LIMIT_MS));
		EXPECT_EQ(-ETIMEDOUT, take_raised(disk->channel, &raised, 0));
		/* It is still pending, and counts. */
		ASSERT_EQ(0, disk_bind(disk, true));
		ASSERT_EQ(0, take_raised(disk->channel, &raised, LIMIT_MS));
		EXPECT_EQ(1ULL << VRING(REQUESTS), raised.calls);
		ASSERT_TRUE(wait_until(disk_reap(disk)));
		ASSERT_EQ(0, disk_do(disk, cdb, 0));
	}
}

/* It has no messages to read, whatever its file may be asked. */
TEST_F(vhost_scsi, has_no_misses)
{
	EXPECT_EQ(-EINVAL, channel_bind(self->disk.channel, VHOST_BACKEND_BIND_IOTLB,
					0, self->disk.vhost, 0));
	EXPECT_EQ(2U * QUEUES, channel_stats(self->disk.channel).bindings);
}

TEST_HARNESS_MAIN
