// SPDX-License-Identifier: GPL-2.0-only
/* Part 4: vhost-shmem, whose guest maps a file of the host. */
#include "demo.h"

#include "lib/memory.h"
#include "lib/vhost_shmem.h"
#include "lib/vhost_shmem_frontend.h"
#include "lib/vhost_shmem_guest.h"

#define TEXT		"In a file of the host, of which the guest mapped a page."
#define REGION_PAGES	16
#define FILE_PAGES	8
#define FILE_PAGE	2	/* where the text is */
#define SHM_PAGE	5	/* where the guest maps it */
#define ASKED		3

/* Waits for the guest's request at the frontend, and prints it. */
static bool asked(struct frontend *frontend, unsigned int count)
{
	if (!check(frontend_await(frontend, count), "%u requests came, not %u",
		   frontend->nr_pending, count))
		return false;
	printf("  VMM    read from the channel: ");
	message_print(stdout, &frontend->pending[count - 1]);
	putchar('\n');
	return true;
}

static bool show_map(struct shmem *shmem, struct frontend *frontend)
{
	const char *text = (char *)shmem->region + SHM_PAGE * PAGE;
	int slot;

	check(pwrite(shmem->file, TEXT, sizeof(TEXT), FILE_PAGE * PAGE) == sizeof(TEXT),
	      "the file could not be written: %s", strerror(errno));
	slot = guest_start(shmem, MAP, SHM_PAGE, FILE_PAGE, 1);
	printf("  guest  asked over its virtqueue to map page %u of the file to page %u of the\n"
	       "         region, in descriptor %d, and kicked\n", FILE_PAGE, SHM_PAGE, 2 * slot);
	if (!asked(frontend, 1))
		return false;
	frontend_answer(frontend, 0, 0);
	puts("         mapped it there, and answered 0");
	if (!check(guest_status(shmem, slot) == VHOST_SHMEM_S_OK, "the map failed"))
		return false;
	printf("  guest  was called, finds descriptor %d used, with status 0, and reads there:\n"
	       "         \"%.*s\"\n", 2 * slot, (int)sizeof(TEXT), text);
	return check(!memcmp(text, TEXT, sizeof(TEXT)), "the file holds other bytes");
}

/* The worker sends all of them before the first one is answered. */
static bool show_order(struct shmem *shmem, struct frontend *frontend)
{
	int slots[ASKED];

	printf("\n  guest  asked for %u more, and kicked each time\n", ASKED);
	for (unsigned int n = 0; n < ASKED; n++) {
		slots[n] = guest_start(shmem, MAP, 8 + 2 * n, 4 + n, 1);
		if (!asked(frontend, n + 1))
			return false;
	}
	puts("         and answers the last one first:");
	for (unsigned int n = ASKED; n--;) {
		frontend_answer(frontend, n, 0);
		if (!check(guest_status(shmem, slots[n]) == VHOST_SHMEM_S_OK &&
			   guest_sees(shmem, 8 + 2 * n, 4 + n, 1),
			   "descriptor %d did not end, or maps other bytes", 2 * slots[n]))
			return false;
		printf("  guest  finds descriptor %d used, and the file's page %u in the region\n",
		       2 * slots[n], 4 + n);
	}
	return check(!frontend->wrong, "the frontend got messages that it should not get");
}

bool show_vhost_shmem(void)
{
	const struct shmem_options options = {
		.region_pages = REGION_PAGES, .file_pages = FILE_PAGES,
	};
	static struct frontend frontend;
	static struct shmem shmem;
	bool shown;
	int err;

	puts("\n== 4. vhost-shmem, a vhost device that has something to ask ==\n\n"
	     "Its guest maps ranges of a file into a region of memory that the VMM provides.\n"
	     "The worker, a thread of the kernel's vhost, sends SHMEM_MAP without waiting.\n");
	frontend.channel = channel_open(O_NONBLOCK);
	if (!check(frontend.channel >= 0, CHANNEL_PATH ": %s", strerror(-frontend.channel)))
		return false;
	err = shmem_open(&shmem, options, frontend.channel);
	if (!check(!err, "%s: %s; is vhost_shmem loaded?", shmem.failed, strerror(-err)))
		return false;
	frontend_add(&frontend, 0, &shmem);
	shown = show_map(&shmem, &frontend) && show_order(&shmem, &frontend);
	shmem_close(&shmem);
	close(frontend.channel);
	return shown;
}
