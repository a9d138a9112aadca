// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many vhost-shmem devices that wait for room in a channel which nobody reads: no kernel
 * thread sleeps for them, nobody else waits, and each has its turn in the end.
 */
#include "../kselftest_harness.h"

#include "lib/channel.h"
#include "lib/skip.h"
#include "lib/task.h"
#include "lib/vhost_shmem.h"
#include "lib/vhost_shmem_frontend.h"
#include "lib/vhost_shmem_guest.h"
#include "lib/vhost_shmem_rig.h"
#include "lib/wait.h"

SKIP_WITHOUT_CHANNEL;
SKIP_WITHOUT(SHMEM_PATH, vhost_shmem);

#define DEVICES	((unsigned int)FRONTEND_DEVICES)
#define SLOTS	2U

FIXTURE(shmem_room) {
	struct frontend frontend;
	struct shmem devices[DEVICES];
	int slots[DEVICES];
	struct frontend other_frontend;
	struct shmem other;
};

/* All devices but the first two find no slot for their maps. */
FIXTURE_SETUP(shmem_room)
{
	struct vhost_backend_setup setup = { .max_inflight = SLOTS };
	struct shmem_options options = {
		.region_pages = REGION_PAGES, .file_pages = FILE_PAGES,
	};

	ASSERT_EQ(0, rig_open(&self->other_frontend, &self->other, options, 0));
	self->frontend.channel = channel_open_with(O_NONBLOCK, setup);
	ASSERT_LE(0, self->frontend.channel);
	for (unsigned int n = 0; n < DEVICES; n++) {
		struct shmem *shmem = &self->devices[n];

		options.shmid = n;
		options.vring = n;
		ASSERT_EQ(0, shmem_open(shmem, options, self->frontend.channel))
			TH_LOG("%s", shmem->failed);
		frontend_add(&self->frontend, n, shmem);
		self->slots[n] = guest_start(shmem, MAP, n, n % FILE_PAGES, 1);
		ASSERT_LE(0, self->slots[n]);
		ASSERT_TRUE(wait_until(n < SLOTS ?
				       channel_stats(self->frontend.channel).inflight == n + 1 :
				       shmem_stats(shmem).room_waits == 1));
	}
}

FIXTURE_TEARDOWN(shmem_room)
{
	for (unsigned int n = 0; n < DEVICES; n++)
		EXPECT_EQ(0, shmem_close(&self->devices[n]));
	close(self->frontend.channel);
	EXPECT_EQ(0U, atomic_load(&self->frontend.wrong));
	EXPECT_EQ(0, rig_close(&self->other_frontend, &self->other));
}

/* Of the kernel's work queues, which all drivers share */
TEST_F_TIMEOUT(shmem_room, no_kernel_worker_sleeps_for_it, 60)
{
	EXPECT_TRUE(wait_until(!count_threads("kworker", 'D')))
		TH_LOG("%u sleep", count_threads("kworker", 'D'));
}

TEST_F_TIMEOUT(shmem_room, device_of_another_channel_goes_on, 60)
{
	for (unsigned int n = 0; n < 20; n++) {
		ASSERT_EQ(OK, rig_ask(&self->other, MAP, n, n, 1, 0));
		ASSERT_EQ(OK, rig_ask(&self->other, UNMAP, n, 0, 1, 0));
	}
	for (unsigned int n = SLOTS; n < DEVICES; n++)
		EXPECT_TRUE(rig_has_mappings(&self->devices[n], 0, 1));
	EXPECT_EQ(0U, channel_stats(self->frontend.channel).requests_delivered);
}

TEST_F_TIMEOUT(shmem_room, each_has_its_turn, 60)
{
	for (unsigned int n = 0; n < DEVICES; n++) {
		ASSERT_TRUE(frontend_await(&self->frontend, 1))
			TH_LOG("map %u", n);
		frontend_answer(&self->frontend, 0, 0);
	}
	for (unsigned int n = 0; n < DEVICES; n++) {
		struct shmem *shmem = &self->devices[n];

		EXPECT_EQ(OK, guest_status(shmem, self->slots[n]));
		EXPECT_TRUE(guest_sees(shmem, n, n % FILE_PAGES, 1));
		EXPECT_TRUE(rig_has_mappings(shmem, 1, 0));
	}
	EXPECT_EQ(DEVICES, self->frontend.maps);
}

TEST_HARNESS_MAIN
