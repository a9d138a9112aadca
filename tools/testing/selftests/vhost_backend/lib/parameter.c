// SPDX-License-Identifier: GPL-2.0-only
#include "parameter.h"

#include "file.h"

const struct parameter parameters[NR_PARAMETERS] = {
	{ "max_channels", "1024" },
	{ "max_memory", "1073741824" },
	{ "max_bindings", "65536" },
	{ "max_devices", "4096" },
	{ "max_ring_bytes", "16777216" },
	{ "reply_timeout_ms", "30000" },
};

bool parameter_get(const char *name, char *value, size_t size)
{
	return read_file(PARAMETERS, name, value, size);
}

bool parameter_set(const char *name, const char *value)
{
	return write_file(PARAMETERS, name, value);
}
