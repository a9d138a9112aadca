// SPDX-License-Identifier: GPL-2.0-only
/*
 * Preloaded into compilers: asks for huge pages, where these are only for who asks
 * (/sys/kernel/mm/transparent_hugepage/enabled: madvise). A compiler fills much memory
 * in the short time that it runs, which it takes from mmap() by itself, past malloc():
 * on a virtual machine page faults can be a quarter of what it costs.
 */
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
	void *memory = (void *)syscall(SYS_mmap, address, length, protection, flags, fd,
				       offset);

	/* Where it can't be, all is as without. */
	if (memory != MAP_FAILED && flags & MAP_ANONYMOUS)
		madvise(memory, length, MADV_HUGEPAGE);
	return memory;
}
