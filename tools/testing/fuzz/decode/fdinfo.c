// SPDX-License-Identifier: GPL-2.0-only
/* Target: /proc/PID/fdinfo/FD and /proc/PID/comm, as vhost-backend stat reads them. */
#include "redirect.h"

#include "../../../vhost-backend/stat.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct listed listed = { .pid = 1, .fd = 2 };

	fuzz_begin(data, size);
	if (read_fdinfo(&listed)) {
		read_comm(&listed);
		print_listed(&listed, false);
		must(strchr(fuzz_printed(), '\n'));
		print_listed(&listed, true);
		must(fuzz_is_json(fuzz_printed()));
		stats_print(fuzz_out, &listed.stats);
	}
	fuzz_end();
	return 0;
}
