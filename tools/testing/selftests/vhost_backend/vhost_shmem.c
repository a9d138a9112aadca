// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/vhost-shmem: a guest maps ranges of a file into its region, and looks at
 * them there. Here each thing happens when the test wants it to; in
 * vhost_shmem_stress.c all of it happens at once.
 */
#include "../kselftest_harness.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#include <linux/vhost.h>
#include <linux/vhost_shmem.h>

#include "lib/channel.h"
#include "lib/memory.h"
#include "lib/message.h"
#include "lib/skip.h"
#include "lib/vhost_shmem.h"
#include "lib/vhost_shmem_frontend.h"
#include "lib/vhost_shmem_guest.h"
#include "lib/vhost_shmem_iommu.h"
#include "lib/vhost_shmem_rig.h"
#include "lib/wait.h"
#include "lib/worker.h"

SKIP_WITHOUT_WORKER;
SKIP_WITHOUT(SHMEM_PATH, vhost_shmem);

SHMEM_FIXTURE;

/* With an eventfd the guest is called although nobody reads the channel. */
FIXTURE(unread) {
	struct frontend frontend;
	struct shmem shmem;
};

FIXTURE_VARIANT(unread) {
	struct shmem_options options;
};

FIXTURE_SETUP(unread)
{
	ASSERT_EQ(0, rig_open(&self->frontend, &self->shmem, variant->options, 0))
		TH_LOG("%s", self->shmem.failed);
}

FIXTURE_TEARDOWN(unread)
{
	EXPECT_EQ(0, rig_close(&self->frontend, &self->shmem));
}

FIXTURE_VARIANT_ADD(unread, eventfd) {
	.options = { .call_eventfd = true },
};

FIXTURE_VARIANT_ADD(unread, iotlb_eventfd) {
	.options = { .iotlb = true, .event_idx = true, .call_eventfd = true },
};

FIXTURE(iotlb) {
	struct frontend frontend;
	struct shmem shmem;
};

FIXTURE_VARIANT(iotlb) {
	struct shmem_options options;
};

FIXTURE_SETUP(iotlb)
{
	ASSERT_EQ(0, rig_open(&self->frontend, &self->shmem, variant->options, 0))
		TH_LOG("%s", self->shmem.failed);
}

FIXTURE_TEARDOWN(iotlb)
{
	EXPECT_EQ(0, rig_close(&self->frontend, &self->shmem));
}

FIXTURE_VARIANT_ADD(iotlb, plain) {
	.options = { .iotlb = true },
};

FIXTURE_VARIANT_ADD(iotlb, old_messages) {
	.options = { .iotlb = true, .old_messages = true },
};

FIXTURE_VARIANT_ADD(iotlb, eventfd) {
	.options = { .iotlb = true, .event_idx = true, .call_eventfd = true },
};

/* Another channel than the fixture's, for tests of their own */
static int change_channel(struct frontend *frontend, struct shmem *shmem,
			  struct vhost_backend_setup setup)
{
	int channel = channel_open_with(0, setup);
	int err = channel < 0 ? channel : shmem_run(shmem, 0);

	err = err ?: shmem_attach(shmem, -1);
	err = err ?: shmem_connect(shmem, channel);
	close(frontend->channel);
	frontend->channel = channel;
	return err ?: shmem_run(shmem, 1);
}

/* A miss over the channel would wait for room in it, as all else. */
static int give_all_memory(struct shmem *shmem)
{
	return shmem->options.bound ?
	       iommu_tell(shmem, VHOST_IOTLB_UPDATE, 0, shmem->bytes) : 0;
}

static int set_timeout(struct shmem *shmem, unsigned int ms)
{
	return try_ioctl(shmem->device, VHOST_SHMEM_SET_TIMEOUT, &ms);
}

TEST_F(shmem, query)
{
	int slot = guest_start(&self->shmem, QUERY, ~0U, ~0U, ~0U);

	ASSERT_EQ(OK, guest_status(&self->shmem, slot));
	EXPECT_EQ((uint64_t)REGION_PAGES * PAGE, self->shmem.slots[slot].response.bytes);
	EXPECT_EQ(0, guest_error(&self->shmem, slot));
	EXPECT_EQ(1U, shmem_stats(&self->shmem).requests);
	EXPECT_EQ(1U, shmem_stats(&self->shmem).responses);
}

TEST_F(shmem, map_and_unmap)
{
	struct shmem *shmem = &self->shmem;

	ASSERT_EQ(OK, rig_ask(shmem, MAP, 2, 7, 3, 0));
	EXPECT_TRUE(guest_sees(shmem, 2, 7, 3));
	EXPECT_TRUE(guest_sees_nothing(shmem, 0, 2));
	EXPECT_TRUE(guest_sees_nothing(shmem, 5, REGION_PAGES - 5));
	ASSERT_EQ(OK, rig_ask(shmem, MAP, REGION_PAGES - 1, FILE_PAGES - 1, 1, 0));
	EXPECT_TRUE(guest_sees(shmem, REGION_PAGES - 1, FILE_PAGES - 1, 1));
	EXPECT_TRUE(rig_has_mappings(shmem, 2, 0));
	ASSERT_EQ(OK, rig_ask(shmem, UNMAP, 2, 0, 3, 0));
	EXPECT_TRUE(guest_sees_nothing(shmem, 0, REGION_PAGES - 1));
	EXPECT_TRUE(guest_sees(shmem, REGION_PAGES - 1, FILE_PAGES - 1, 1));
	EXPECT_EQ(NOENT, rig_try(shmem, guest_request(UNMAP, 2, 0, 3, 0)));
	ASSERT_EQ(OK, rig_ask(shmem, UNMAP, REGION_PAGES - 1, 0, 1, 0));
	EXPECT_TRUE(rig_has_mappings(shmem, 0, 0));
	EXPECT_EQ(!self->shmem.options.call_eventfd, !!self->frontend.calls);
}

/* What the guest writes is in the file. */
TEST_F(shmem, writable)
{
	struct shmem *shmem = &self->shmem;
	int slot = guest_add(shmem, guest_request(MAP, 1, 4, 1, MAP_WRITE));
	char text[8] = {};

	guest_kick(shmem);
	ASSERT_TRUE(frontend_await(&self->frontend, 1));
	frontend_answer(&self->frontend, 0, 0);
	ASSERT_EQ(OK, guest_status(shmem, slot));
	memcpy(shmem->region + PAGE + 100, "written", 8);
	ASSERT_EQ(8, pread(shmem->file, text, 8, 4 * PAGE + 100));
	EXPECT_STREQ("written", text);
}

/* The host has the last word on what may be written. */
TEST_F(shmem, file_open_for_reading)
{
	struct shmem *shmem = &self->shmem;
	char path[32];
	int file;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", shmem->file);
	file = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, file);
	EXPECT_EQ(-EBUSY, try_ioctl(shmem->device, VHOST_SHMEM_SET_FILE, &file));
	ASSERT_EQ(0, shmem_run(shmem, 0));
	ASSERT_EQ(0, try_ioctl(shmem->device, VHOST_SHMEM_SET_FILE, &file));
	close(file);
	ASSERT_EQ(0, shmem_run(shmem, 1));
	EXPECT_EQ(FAILED, rig_try(shmem, guest_request(MAP, 0, 0, 1, MAP_WRITE)));
	EXPECT_EQ(EACCES, guest_error(shmem, 0));
	EXPECT_EQ(OK, rig_ask(shmem, MAP, 0, 0, 1, 0));
	EXPECT_TRUE(guest_sees(shmem, 0, 0, 1));
}

/* The frontend's pace is its own; what it has not answered holds nobody up. */
TEST_F_TIMEOUT(shmem, out_of_order, 120)
{
	struct shmem *shmem = &self->shmem;
	int slots[8] = {}, slot;

	for (int n = 0; n < 8; n++)
		slots[n] = guest_start(shmem, MAP, 4 * n, n, 2);
	ASSERT_TRUE(frontend_await(&self->frontend, 8));
	slot = guest_start(shmem, QUERY, 0, 0, 0);
	EXPECT_EQ(OK, guest_status(shmem, slot));
	EXPECT_EQ(EXIST, rig_try(shmem, guest_request(MAP, 5, 0, 1, MAP_READ)));
	EXPECT_EQ(NOENT, rig_try(shmem, guest_request(UNMAP, 4, 0, 2, 0)));
	EXPECT_TRUE(rig_has_mappings(shmem, 0, 8));
	for (int n = 7; n >= 0; n--) {
		frontend_answer(&self->frontend, n, 0);
		EXPECT_EQ(OK, guest_status(shmem, slots[n]));
		EXPECT_TRUE(guest_sees(shmem, 4 * n, n, 2));
	}
	EXPECT_TRUE(rig_has_mappings(shmem, 8, 0));
}

TEST_F(shmem, refused)
{
	struct shmem *shmem = &self->shmem;

	EXPECT_EQ(FAILED, rig_ask(shmem, MAP, 0, 0, 1, -EPERM));
	EXPECT_EQ(EPERM, guest_error(shmem, 0));
	EXPECT_EQ(FAILED, rig_ask(shmem, MAP, 0, 0, 1, 1));
	EXPECT_EQ(EREMOTEIO, guest_error(shmem, 0));
	EXPECT_TRUE(rig_has_mappings(shmem, 0, 0));
	EXPECT_TRUE(guest_sees_nothing(shmem, 0, 1));

	/* What can't be taken down is there. */
	ASSERT_EQ(OK, rig_ask(shmem, MAP, 0, 0, 1, 0));
	EXPECT_EQ(FAILED, rig_ask(shmem, UNMAP, 0, 0, 1, -EIO));
	EXPECT_EQ(EIO, guest_error(shmem, 0));
	EXPECT_TRUE(rig_has_mappings(shmem, 1, 0));
	EXPECT_TRUE(guest_sees(shmem, 0, 0, 1));
	EXPECT_EQ(EXIST, rig_try(shmem, guest_request(MAP, 0, 0, 1, MAP_READ)));

	/* What the frontend does not know any more is gone. */
	ASSERT_EQ(0, frontend_drop_all(shmem));
	EXPECT_EQ(OK, rig_ask(shmem, UNMAP, 0, 0, 1, 0));
	EXPECT_TRUE(rig_has_mappings(shmem, 0, 0));
}

static bool answer_all(struct frontend *frontend)
{
	int taken = frontend_take(frontend);

	while (frontend->nr_pending)
		frontend_answer(frontend, 0, 0);
	return taken >= 0;
}

/* A map that was given up is taken down, whether or not it was delivered. */
TEST_F_TIMEOUT(shmem, given_up, 120)
{
	struct shmem *shmem = &self->shmem;
	struct frontend *frontend = &self->frontend;
	int slot;

	ASSERT_EQ(0, set_timeout(shmem, 50));
	slot = guest_start(shmem, MAP, 3, 3, 2);
	ASSERT_TRUE(frontend_await(frontend, 1));
	EXPECT_EQ(FAILED, guest_status(shmem, slot));
	EXPECT_EQ(ETIMEDOUT, guest_error(shmem, slot));
	EXPECT_TRUE(rig_has_mappings(shmem, 0, 1));
	EXPECT_EQ(EXIST, rig_try(shmem, guest_request(MAP, 4, 0, 1, MAP_READ)));

	/* It asks until the frontend has answered. */
	ASSERT_TRUE(frontend_await(frontend, 3));
	EXPECT_TRUE(rig_has_mappings(shmem, 0, 1));
	ASSERT_EQ(0, set_timeout(shmem, 0));
	EXPECT_TRUE(wait_until(answer_all(frontend) && rig_has_mappings(shmem, 0, 0)));
	EXPECT_TRUE(guest_sees_nothing(shmem, 0, REGION_PAGES));
	EXPECT_EQ(OK, rig_ask(shmem, MAP, 3, 3, 2, 0));
	EXPECT_TRUE(guest_sees(shmem, 3, 3, 2));
}

/* Nobody reads the channel: the map is withdrawn, its end waits there. */
TEST_F_TIMEOUT(unread, given_up, 120)
{
	struct shmem *shmem = &self->shmem;
	int slot;

	shmem->frontend = NULL;
	ASSERT_EQ(0, set_timeout(shmem, 50));
	slot = guest_start(shmem, MAP, 3, 3, 2);
	EXPECT_EQ(FAILED, guest_status(shmem, slot));
	EXPECT_EQ(ETIMEDOUT, guest_error(shmem, slot));
	ASSERT_EQ(0, set_timeout(shmem, 0));
	EXPECT_TRUE(wait_until(answer_all(&self->frontend) && rig_has_mappings(shmem, 0, 0)));
	EXPECT_EQ(0U, self->frontend.maps);
}

/*
 * A frontend that does not read, and a time-out of a millisecond, do not keep the
 * channel's timer busy: each unmap of what may be mapped waits twice as long.
 */
TEST_F_TIMEOUT(unread, retries_back_off, 120)
{
	struct shmem *shmem = &self->shmem;
	const int channel = self->frontend.channel;
	uint64_t start = now_ms();
	int slot;

	shmem->frontend = NULL;
	ASSERT_EQ(0, set_timeout(shmem, 1));
	slot = guest_start(shmem, MAP, 3, 3, 2);
	EXPECT_EQ(FAILED, guest_status(shmem, slot));
	/* The map, and unmaps after 1, 2, 4 ms and so on until 128 ms: 256 ms, or more */
	ASSERT_TRUE(wait_until(channel_stats(channel).requests_given_up >= 9));
	EXPECT_LT(200U, now_ms() - start);
	/* The one that waits now can be answered all the same. */
	EXPECT_TRUE(wait_until(answer_all(&self->frontend) && rig_has_mappings(shmem, 0, 0)));
}

/* An unmap that was given up leaves the mapping, for the guest to try again. */
TEST_F_TIMEOUT(shmem, unmap_given_up, 120)
{
	struct shmem *shmem = &self->shmem;

	ASSERT_EQ(OK, rig_ask(shmem, MAP, 8, 1, 1, 0));
	/* If it is given up before the frontend has read it, it is withdrawn. */
	for (int ms = 50; !self->frontend.nr_pending && ms < LIMIT_MS; ms *= 2) {
		int slot;

		ASSERT_EQ(0, set_timeout(shmem, ms));
		slot = guest_start(shmem, UNMAP, 8, 0, 1);
		EXPECT_EQ(FAILED, guest_status(shmem, slot));
		EXPECT_EQ(ETIMEDOUT, guest_error(shmem, slot));
		EXPECT_TRUE(rig_has_mappings(shmem, 1, 0));
	}
	ASSERT_EQ(1U, self->frontend.nr_pending);
	ASSERT_EQ(0, set_timeout(shmem, 0));
	frontend_answer(&self->frontend, 0, 0);
	EXPECT_TRUE(guest_sees_nothing(shmem, 8, 1));
	EXPECT_EQ(OK, rig_ask(shmem, UNMAP, 8, 0, 1, 0));
	EXPECT_TRUE(rig_has_mappings(shmem, 0, 0));
}

TEST_F_TIMEOUT(shmem, all_mappings, 300)
{
	struct shmem *shmem = &self->shmem;
	struct shmem_options options = shmem->options;

	/* A larger region takes another device. */
	ASSERT_EQ(0, shmem_close(shmem));
	options.region_pages = VHOST_SHMEM_MAPPINGS + 1;
	ASSERT_EQ(0, shmem_open(shmem, options, self->frontend.channel));
	frontend_add(&self->frontend, 0, shmem);
	for (int n = 0; n < VHOST_SHMEM_MAPPINGS; n++)
		ASSERT_EQ(OK, rig_ask(shmem, MAP, n, n % FILE_PAGES, 1, 0));
	EXPECT_EQ(NOSPC, rig_try(shmem, guest_request(MAP, VHOST_SHMEM_MAPPINGS, 0, 1, 1)));
	EXPECT_TRUE(rig_has_mappings(shmem, VHOST_SHMEM_MAPPINGS, 0));
	ASSERT_EQ(OK, rig_ask(shmem, UNMAP, 100, 0, 1, 0));
	ASSERT_EQ(OK, rig_ask(shmem, MAP, VHOST_SHMEM_MAPPINGS, 0, 1, 0));
	for (int n = 0; n < VHOST_SHMEM_MAPPINGS; n++)
		EXPECT_TRUE(n == 100 || guest_sees(shmem, n, n % FILE_PAGES, 1));
}

/* Room */

/* More than the channel holds: all get their turn, and nobody looks for it in vain. */
TEST_F_TIMEOUT(shmem, no_room, 120)
{
	struct shmem *shmem = &self->shmem;
	struct frontend *frontend = &self->frontend;
	struct vhost_backend_setup setup = { .flags = variant->setup_flags };
	uint32_t written = 0;
	uint64_t refused;

	setup.max_inflight = 4;
	ASSERT_EQ(0, change_channel(frontend, shmem, setup));
	ASSERT_EQ(0, give_all_memory(shmem));
	for (int n = 0; n < REGION_PAGES; n++)
		ASSERT_LE(0, guest_start(shmem, MAP, n, n % FILE_PAGES, 1));
	ASSERT_TRUE(frontend_await(frontend, 4));
	/* The four, and one that waits; those behind it are still in the ring. */
	EXPECT_TRUE(wait_until(shmem_stats(shmem).room_waits == 1));
	EXPECT_TRUE(rig_has_mappings(shmem, 0, 5));
	/* One more try because of each kick that came just then; it does not poll. */
	refused = channel_stats(frontend->channel).refused_room;
	EXPECT_LT(0U, refused);
	usleep(300000);
	EXPECT_GE(refused + 4, channel_stats(frontend->channel).refused_room);
	frontend_take(frontend);
	EXPECT_EQ(4U, frontend->nr_pending);
	EXPECT_EQ(5U, shmem_stats(shmem).requests);
	for (int n = 0; n < REGION_PAGES; n++) {
		ASSERT_TRUE(frontend_await(frontend, 1));
		frontend_answer(frontend, frontend->nr_pending - 1, 0);
		ASSERT_LE(0, guest_next(shmem, &written, LIMIT_MS));
	}
	for (int n = 0; n < REGION_PAGES; n++)
		EXPECT_TRUE(guest_sees(shmem, n, n % FILE_PAGES, 1));
	EXPECT_TRUE(rig_has_mappings(shmem, REGION_PAGES, 0));
	EXPECT_LT(0U, shmem_stats(shmem).room_waits);
}

/* Another sender took the room and gives it back, and no reply of ours comes. */
TEST_F(shmem, room_of_another)
{
	struct shmem *shmem = &self->shmem;
	struct frontend *frontend = &self->frontend;
	int worker, slot;

	ASSERT_EQ(0, give_all_memory(shmem));
	worker = worker_attach(frontend->channel, "other", 100, 1);
	ASSERT_LE(0, worker);
	while (!send_iotlb(worker, 0, 1))
		;
	slot = guest_start(shmem, MAP, 0, 0, 1);
	EXPECT_TRUE(wait_until(shmem_stats(shmem).room_waits == 1));
	EXPECT_EQ(0U, frontend->nr_pending);
	ASSERT_LT(0, frontend_take(frontend));
	ASSERT_TRUE(frontend_await(frontend, 1));
	frontend_answer(frontend, 0, 0);
	EXPECT_EQ(OK, guest_status(shmem, slot));
	close(worker);
}

/* Stop and start */

/* When the ioctl returns, all that was taken is used, and nothing else will be. */
TEST_F_TIMEOUT(shmem, stop, 120)
{
	struct shmem *shmem = &self->shmem;
	struct frontend *frontend = &self->frontend;
	struct vhost_backend_setup setup = { .flags = variant->setup_flags };
	uint32_t written = 0;
	int slots[4];

	setup.max_inflight = 2;
	ASSERT_EQ(0, change_channel(frontend, shmem, setup));
	ASSERT_EQ(OK, rig_ask(shmem, MAP, 0, 0, 1, 0));
	ASSERT_EQ(OK, rig_ask(shmem, MAP, 1, 1, 1, 0));
	slots[0] = guest_start(shmem, MAP, 10, 10, 1);
	slots[1] = guest_start(shmem, UNMAP, 0, 0, 1);
	ASSERT_TRUE(frontend_await(frontend, 2));
	slots[2] = guest_start(shmem, UNMAP, 1, 0, 1);
	ASSERT_TRUE(wait_until(rig_has_mappings(shmem, 0, 3)));
	slots[3] = guest_start(shmem, QUERY, 0, 0, 0);

	EXPECT_FALSE(guest_listen(shmem));
	ASSERT_EQ(0, shmem_run(shmem, 0));
	for (int n = 0; n < 3; n++) {
		int slot = guest_reap(shmem, &written);

		EXPECT_TRUE(slot == slots[0] || slot == slots[1] || slot == slots[2]);
		EXPECT_EQ(CANCELED, (int)shmem->slots[slot].response.status);
		memset(&shmem->slots[slot].response, SHMEM_FILL, 16);
	}
	EXPECT_EQ(-EAGAIN, guest_reap(shmem, &written));
	EXPECT_TRUE(guest_called(shmem, LIMIT_MS));

	/* The map that is made all the same is taken down; the unmap is done. */
	EXPECT_EQ(2U, frontend->nr_pending);
	frontend_answer(frontend, 1, 0);
	frontend_answer(frontend, 0, 0);
	ASSERT_TRUE(frontend_await(frontend, 1));
	frontend_answer(frontend, 0, 0);
	EXPECT_TRUE(wait_until(rig_has_mappings(shmem, 1, 0)));
	EXPECT_TRUE(guest_sees(shmem, 1, 1, 1));
	EXPECT_TRUE(guest_sees_nothing(shmem, 0, 1));
	EXPECT_TRUE(guest_sees_nothing(shmem, 2, REGION_PAGES - 2));
	EXPECT_EQ(-EAGAIN, guest_reap(shmem, &written));
	for (int n = 0; n < 3; n++)
		EXPECT_EQ(0xa5a5a5a5, shmem->slots[slots[n]].response.status);

	/* It goes on where it was, and with what it had. */
	ASSERT_EQ(0, shmem_run(shmem, 1));
	EXPECT_EQ(OK, guest_status(shmem, slots[3]));
	EXPECT_EQ(NOENT, rig_try(shmem, guest_request(UNMAP, 0, 0, 1, 0)));
	EXPECT_EQ(OK, rig_ask(shmem, UNMAP, 1, 0, 1, 0));
	EXPECT_TRUE(rig_has_mappings(shmem, 0, 0));
}

/* Kicks while it is stopped are not lost. */
TEST_F(shmem, start_late)
{
	struct shmem *shmem = &self->shmem;
	int slot;

	ASSERT_EQ(0, shmem_run(shmem, 0));
	EXPECT_EQ(0, shmem_run(shmem, 0));
	slot = guest_start(shmem, QUERY, 0, 0, 0);
	EXPECT_FALSE(guest_called(shmem, 50));
	ASSERT_EQ(0, shmem_run(shmem, 1));
	EXPECT_EQ(0, shmem_run(shmem, 1));
	EXPECT_EQ(OK, guest_status(shmem, slot));
}

TEST_F_TIMEOUT(shmem, reset_owner, 120)
{
	struct shmem *shmem = &self->shmem;
	struct frontend *frontend = &self->frontend;

	ASSERT_EQ(OK, rig_ask(shmem, MAP, 0, 0, 1, 0));
	guest_start(shmem, MAP, 10, 10, 1);
	ASSERT_TRUE(frontend_await(frontend, 1));
	ASSERT_EQ(0, try_ioctl(shmem->device, VHOST_RESET_OWNER, NULL));
	EXPECT_EQ(0U, channel_stats(frontend->channel).backends);
	EXPECT_EQ(-EPERM, try_ioctl(shmem->device, VHOST_RESET_OWNER, NULL));
	frontend_answer(frontend, 0, 0);
	ASSERT_EQ(0, frontend_drop_all(shmem));

	ASSERT_EQ(0, SHMEM_IOCTL(shmem, VHOST_SET_OWNER, NULL));
	EXPECT_EQ(-EINVAL, shmem_attach(shmem, frontend->channel));
	ASSERT_EQ(0, shmem_bring_up(shmem, frontend->channel)) TH_LOG("%s", shmem->failed);
	EXPECT_TRUE(rig_has_mappings(shmem, 0, 0));
	ASSERT_EQ(OK, rig_ask(shmem, MAP, 0, 0, 1, 0));
	EXPECT_TRUE(guest_sees(shmem, 0, 0, 1));
}

TEST_F_TIMEOUT(shmem, detach, 120)
{
	struct shmem *shmem = &self->shmem;
	struct frontend *frontend = &self->frontend;

	ASSERT_EQ(OK, rig_ask(shmem, MAP, 0, 0, 1, 0));
	EXPECT_EQ(-EBUSY, shmem_attach(shmem, -1));
	EXPECT_EQ(-EBUSY, shmem_attach(shmem, frontend->channel));
	guest_start(shmem, MAP, 10, 10, 1);
	ASSERT_TRUE(frontend_await(frontend, 1));
	ASSERT_EQ(0, shmem_run(shmem, 0));
	EXPECT_EQ(-EBUSY, shmem_attach(shmem, frontend->channel));
	ASSERT_EQ(0, shmem_attach(shmem, -1));
	EXPECT_EQ(-ENOTCONN, shmem_attach(shmem, -1));
	EXPECT_EQ(-ENOTCONN, shmem_run(shmem, 1));
	EXPECT_TRUE(rig_has_mappings(shmem, 0, 0));
	EXPECT_EQ(0U, channel_stats(frontend->channel).backends);

	frontend_answer(frontend, 0, 0);
	ASSERT_EQ(0, frontend_drop_all(shmem));
	ASSERT_EQ(0, shmem_attach(shmem, frontend->channel));
	ASSERT_EQ(0, shmem_run(shmem, 1));
	EXPECT_EQ(CANCELED, guest_status(shmem, 0));
	EXPECT_EQ(OK, rig_ask(shmem, MAP, 0, 0, 1, 0));
	EXPECT_EQ(OK, rig_ask(shmem, MAP, 10, 10, 1, 0));
}

/* The frontend goes away under the device, whose guest is told so. */
TEST_F_TIMEOUT(unread, channel_closed, 120)
{
	struct shmem *shmem = &self->shmem;
	struct frontend *frontend = &self->frontend;
	int slot;

	ASSERT_EQ(OK, rig_ask(shmem, MAP, 0, 0, 1, 0));
	slot = guest_start(shmem, MAP, 10, 10, 1);
	ASSERT_TRUE(frontend_await(frontend, 1));
	shmem->frontend = NULL;
	close(frontend->channel);
	EXPECT_EQ(FAILED, guest_status(shmem, slot));
	EXPECT_EQ(ENOTCONN, guest_error(shmem, slot));
	EXPECT_TRUE(wait_until(rig_has_mappings(shmem, 0, 0)));
	EXPECT_EQ(FAILED, rig_try(shmem, guest_request(MAP, 0, 0, 1, MAP_READ)));
	EXPECT_EQ(ENOTCONN, guest_error(shmem, 0));
	EXPECT_EQ(NOENT, rig_try(shmem, guest_request(UNMAP, 0, 0, 1, 0)));

	ASSERT_EQ(0, frontend_drop_all(shmem));
	ignore_message(NULL, &frontend->pending[0]);
	frontend->nr_pending = 0;
	frontend->channel = -1;
	frontend_add(frontend, 0, shmem);
	ASSERT_EQ(0, change_channel(frontend, shmem, (struct vhost_backend_setup){}));
	EXPECT_EQ(OK, rig_ask(shmem, MAP, 0, 0, 1, 0));
	EXPECT_TRUE(guest_sees(shmem, 0, 0, 1));
}

/* Modules are in use as long as anything can be called in them. */
static bool cannot_be_unloaded(const char *module)
{
	/* ENOENT: it is built in. */
	return syscall(SYS_delete_module, module, O_NONBLOCK) &&
	       (errno == EAGAIN || errno == ENOENT);
}

TEST_F(unread, module_in_use)
{
	int slot = guest_start(&self->shmem, MAP, 0, 0, 1);

	ASSERT_TRUE(frontend_await(&self->frontend, 1));
	EXPECT_TRUE(cannot_be_unloaded("vhost_shmem"));
	EXPECT_TRUE(cannot_be_unloaded("vhost_backend"));
	frontend_answer(&self->frontend, 0, 0);
	EXPECT_EQ(OK, guest_status(&self->shmem, slot));
}

/* Memory that comes and goes */

/* The VMM takes the response's memory away: it is not written. */
TEST(memory_taken_away)
{
	static struct frontend frontend;
	static struct shmem shmem;
	struct shmem_options options = {};
	struct {
		struct vhost_memory head;
		struct vhost_memory_region region;
	} table = { .head.nregions = 1, .region.guest_phys_addr = SHMEM_GPA };
	uint32_t written = ~0U;
	int slot;

	ASSERT_EQ(0, rig_open(&frontend, &shmem, options, 0));
	slot = guest_start(&shmem, MAP, 0, 0, 1);
	ASSERT_TRUE(frontend_await(&frontend, 1));
	table.region.memory_size = shmem.ring_bytes;
	table.region.userspace_addr = (uintptr_t)shmem.memory;
	ASSERT_EQ(0, try_ioctl(shmem.device, VHOST_SET_MEM_TABLE, &table));
	frontend_answer(&frontend, 0, 0);
	EXPECT_EQ(slot, guest_next(&shmem, &written, LIMIT_MS));
	EXPECT_EQ(0U, written);
	EXPECT_EQ(0xa5a5a5a5, shmem.slots[slot].response.status);
	EXPECT_EQ(0, rig_close(&frontend, &shmem));
}

/* The VMM empties the IOTLB: the response waits until it has been asked. */
TEST_F_TIMEOUT(iotlb, miss_of_a_response, 120)
{
	struct shmem *shmem = &self->shmem;
	struct pollfd p = { .fd = shmem->device, .events = POLLIN };
	uint32_t written = 0;
	int slot;

	slot = guest_start(shmem, MAP, 0, 0, 1);
	ASSERT_TRUE(frontend_await(&self->frontend, 1));
	ASSERT_EQ(0, iommu_end(shmem));
	ASSERT_EQ(0, iommu_tell(shmem, VHOST_IOTLB_INVALIDATE, shmem->ring_bytes,
				shmem->bytes - shmem->ring_bytes));
	EXPECT_EQ(0, poll(&p, 1, 0));
	frontend_answer(&self->frontend, 0, 0);
	EXPECT_EQ(1, poll(&p, 1, LIMIT_MS));
	EXPECT_EQ(-EAGAIN, guest_reap(shmem, &written));
	/* Work that has nothing to do with it asks no second time. */
	EXPECT_EQ(0, eventfd_write(shmem->kick, 1));
	ASSERT_EQ(0, shmem_flush(shmem));
	shmem->misses = 0;
	ASSERT_EQ(0, iommu_answer(shmem));
	EXPECT_EQ(1U, shmem->misses);
	EXPECT_EQ(OK, guest_status(shmem, slot));

	/* The queue is stopped before the VMM has answered. */
	slot = guest_start(shmem, UNMAP, 0, 0, 1);
	ASSERT_EQ(0, iommu_answer(shmem));
	ASSERT_TRUE(frontend_await(&self->frontend, 1));
	ASSERT_EQ(0, iommu_tell(shmem, VHOST_IOTLB_INVALIDATE, shmem->ring_bytes,
				shmem->bytes - shmem->ring_bytes));
	frontend_answer(&self->frontend, 0, 0);
	EXPECT_EQ(1, poll(&p, 1, LIMIT_MS));
	ASSERT_EQ(0, shmem_run(shmem, 0));
	EXPECT_EQ(slot, guest_reap(shmem, &written));
	EXPECT_EQ(0U, written);
	EXPECT_TRUE(rig_has_mappings(shmem, 0, 0));
	ASSERT_EQ(0, iommu_start(shmem));
	ASSERT_EQ(0, shmem_run(shmem, 1));
	EXPECT_EQ(OK, rig_ask(shmem, MAP, 0, 0, 1, 0));
}

/* The whole IOTLB is emptied under requests that are under way, the ring too. */
TEST_F_TIMEOUT(iotlb, emptied, 120)
{
	struct shmem *shmem = &self->shmem;
	int slots[6];

	for (int n = 0; n < 6; n++)
		slots[n] = guest_start(shmem, MAP, n, n, 1);
	ASSERT_TRUE(frontend_await(&self->frontend, 6));
	for (int n = 0; n < 6; n++) {
		ASSERT_EQ(0, iommu_tell(shmem, VHOST_IOTLB_INVALIDATE, 0, shmem->bytes));
		frontend_answer(&self->frontend, 0, 0);
		EXPECT_EQ(OK, guest_status(shmem, slots[n]));
		EXPECT_TRUE(guest_sees(shmem, n, n, 1));
	}
	EXPECT_LT(0U, shmem->misses);
}

TEST_HARNESS_MAIN
