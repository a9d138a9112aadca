/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory that a system call cannot read or write, for tests of bad addresses. */
#ifndef VHOST_BACKEND_LIB_MEMORY_H
#define VHOST_BACKEND_LIB_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#define PAGE		4096

/* Hides an address from the compiler, which would warn that nothing is there. */
void *address_of(intptr_t number);

/* Fresh memory. Ends the program if there is none. */
void *map_memory(size_t bytes);

/* Two pages, of which only the first can be accessed. */
void *page_before_nothing(void);

/* A page that starts with @content and cannot be written. */
void *read_only_page(const void *content, size_t size);

#endif /* VHOST_BACKEND_LIB_MEMORY_H */
