// SPDX-License-Identifier: GPL-2.0-only
#include "memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void *address_of(intptr_t number)
{
	void *address = (void *)number;

	asm("" : "+r" (address));
	return address;
}

void *map_memory(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED) {
		perror("mmap");
		abort();
	}
	return memory;
}

static void protect_memory(void *memory, size_t bytes, int protection)
{
	if (mprotect(memory, bytes, protection)) {
		perror("mprotect");
		abort();
	}
}

void *page_before_nothing(void)
{
	void *page = map_memory(2 * PAGE);

	protect_memory(page + PAGE, PAGE, PROT_NONE);
	return page;
}

void *read_only_page(const void *content, size_t size)
{
	void *page = map_memory(PAGE);

	memcpy(page, content, size);
	protect_memory(page, PAGE, PROT_READ);
	return page;
}
