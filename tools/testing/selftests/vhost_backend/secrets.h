/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * To see what the kernel has written: memory that is poisoned, each time with another
 * value, and what an address of the kernel looks like.
 */
#ifndef VHOST_BACKEND_SECRETS_H
#define VHOST_BACKEND_SECRETS_H

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline unsigned char next_poison(void)
{
	static unsigned char poison;

	poison += 0x3b;
	return poison;
}

static inline void poison(void *memory, size_t bytes)
{
	memset(memory, next_poison(), bytes);
}

/* Memory that the kernel may write to, and what was there before. */
struct poisoned {
	unsigned char now[1024];
	unsigned char before[1024];
};

static inline void poison_again(struct poisoned *poisoned)
{
	poison(poisoned->now, sizeof(poisoned->now));
	memcpy(poisoned->before, poisoned->now, sizeof(poisoned->before));
}

/* Whether all but the first @bytes are as they were. */
static inline bool rest_is_untouched(const struct poisoned *poisoned, size_t bytes)
{
	return !memcmp(poisoned->now + bytes, poisoned->before + bytes,
		       sizeof(poisoned->now) - bytes);
}

/*
 * Of a 64-bit kernel's own memory, code and modules. The header's fd, -1 or -2
 * above the size, is not, nor are small negative numbers.
 */
static inline bool is_kernel_address(uint64_t value)
{
	return (value >= 0xffff800000000000 && value < 0xfffffffe00000000) ||
	       (value >= 0xffffffff80000000 && value < 0xfffffffffffff000);
}

static inline bool has_kernel_address(const void *buffer, size_t bytes)
{
	uint64_t value;

	for (size_t at = 0; at + sizeof(value) <= bytes; at += sizeof(value)) {
		memcpy(&value, (const char *)buffer + at, sizeof(value));
		if (is_kernel_address(value))
			return true;
	}
	return false;
}

/* Sixteen digits in a row: a pointer as %p and %px write it, hashed or not. */
static inline bool shows_pointer(const char *text)
{
	unsigned int digits = 0;

	for (; *text && digits < 16; text++)
		digits = isxdigit(*text) ? digits + 1 : 0;
	return digits == 16;
}

#endif /* VHOST_BACKEND_SECRETS_H */
