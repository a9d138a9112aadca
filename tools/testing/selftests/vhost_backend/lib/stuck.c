// SPDX-License-Identifier: GPL-2.0-only
#include "stuck.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/userfaultfd.h>

#include "channel.h"
#include "memory.h"

static void *stuck_run(void *arg)
{
	struct stuck *stuck = arg;

	stuck->result = try_read(stuck->channel, stuck->buffer, stuck->bytes);
	return NULL;
}

bool stuck_start(struct stuck *stuck, int channel, size_t bytes)
{
	return stuck_start_late(stuck, channel, 0, bytes);
}

bool stuck_start_late(struct stuck *stuck, int channel, size_t before, size_t bytes)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct uffd_msg msg;

	stuck->channel = channel;
	stuck->bytes = bytes;
	stuck->page = (char *)map_memory(2 * PAGE) + PAGE;
	stuck->buffer = (char *)stuck->page - before;
	memset((char *)stuck->page - PAGE, 0, PAGE);
	stuck->uffd = syscall(__NR_userfaultfd, O_CLOEXEC);
	reg.range = (struct uffdio_range){ .start = (uintptr_t)stuck->page, .len = PAGE };
	return !try_ioctl(stuck->uffd, UFFDIO_API, &api) &&
	       !try_ioctl(stuck->uffd, UFFDIO_REGISTER, &reg) &&
	       !pthread_create(&stuck->thread, NULL, stuck_run, stuck) &&
	       read(stuck->uffd, &msg, sizeof(msg)) == sizeof(msg);
}

static bool give_page(struct stuck *stuck)
{
	struct uffdio_zeropage zero = {
		.range = { .start = (uintptr_t)stuck->page, .len = PAGE },
	};

	return !try_ioctl(stuck->uffd, UFFDIO_ZEROPAGE, &zero);
}

static bool refuse_page(struct stuck *stuck)
{
	struct uffdio_range range = { .start = (uintptr_t)stuck->page, .len = PAGE };

	return !mprotect(stuck->page, PAGE, PROT_NONE) &&
	       !try_ioctl(stuck->uffd, UFFDIO_WAKE, &range);
}

ssize_t stuck_end(struct stuck *stuck, bool comes)
{
	if (!(comes ? give_page(stuck) : refuse_page(stuck)))
		return -EIO;
	pthread_join(stuck->thread, NULL);
	close(stuck->uffd);
	return stuck->result;
}
