/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shows what the kernel has written: memory that is filled with another value each time, and
 * a look for kernel addresses.
 */
#ifndef VHOST_BACKEND_LIB_POISON_H
#define VHOST_BACKEND_LIB_POISON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The next value to fill memory with */
unsigned char next_poison(void);

/* Fills memory with the next value. */
void poison(void *memory, size_t bytes);

/* Memory that the kernel may write to, and what was there before */
struct poisoned {
	unsigned char now[1024];
	unsigned char before[1024];
};

/* Fills it with the next value. */
void poison_again(struct poisoned *poisoned);

/* Whether everything behind the first @bytes is as it was. */
bool rest_is_untouched(const struct poisoned *poisoned, size_t bytes);

/* Whether there is an address of a 64-bit kernel. */
bool has_kernel_address(const void *buffer, size_t bytes);

/* Whether there are sixteen hexadecimal digits in a row, as %p and %px print a pointer. */
bool shows_pointer(const char *text);

#endif /* VHOST_BACKEND_LIB_POISON_H */
