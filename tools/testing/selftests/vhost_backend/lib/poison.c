// SPDX-License-Identifier: GPL-2.0-only
#include "poison.h"

#include <ctype.h>
#include <string.h>

unsigned char next_poison(void)
{
	static unsigned char poison;

	poison += 0x3b;
	return poison;
}

void poison(void *memory, size_t bytes)
{
	memset(memory, next_poison(), bytes);
}

void poison_again(struct poisoned *poisoned)
{
	poison(poisoned->now, sizeof(poisoned->now));
	memcpy(poisoned->before, poisoned->now, sizeof(poisoned->before));
}

bool rest_is_untouched(const struct poisoned *poisoned, size_t bytes)
{
	return !memcmp(poisoned->now + bytes, poisoned->before + bytes,
		       sizeof(poisoned->now) - bytes);
}

/*
 * The kernel's own memory, code and modules. A small negative number is not an address,
 * nor is the fd of a message header, -1 or -2, together with the size below it.
 */
static bool is_kernel_address(uint64_t value)
{
	return (value >= 0xffff800000000000 && value < 0xfffffffe00000000) ||
	       (value >= 0xffffffff80000000 && value < 0xfffffffffffff000);
}

bool has_kernel_address(const void *buffer, size_t bytes)
{
	uint64_t value;

	for (size_t at = 0; at + sizeof(value) <= bytes; at += sizeof(value)) {
		memcpy(&value, (const char *)buffer + at, sizeof(value));
		if (is_kernel_address(value))
			return true;
	}
	return false;
}

bool shows_pointer(const char *text)
{
	unsigned int digits = 0;

	for (; *text && digits < 16; text++)
		digits = isxdigit(*text) ? digits + 1 : 0;
	return digits == 16;
}
