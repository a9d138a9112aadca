// SPDX-License-Identifier: GPL-2.0-only
#include "held.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "array.h"
#include "task.h"

/* How many objects of a kernel module are in use; 0 if it is built in. */
static long references(const char *module)
{
	char path[64], text[32] = "";
	int fd;

	snprintf(path, sizeof(path), "/sys/module/%s/refcnt", module);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	return atol(text);
}

/* Those of a VMM */
static const char *const modules[HELD_MODULES] = { "vhost_backend", "vhost_net", "tun" };

struct held what_is_held(void)
{
	struct held held = { .threads = signal_threads("vhost-", 0) };

	for (unsigned int i = 0; i < ARRAY_SIZE(modules); i++)
		held.references[i] = references(modules[i]);
	return held;
}

bool holds_no_more(const struct held *before)
{
	struct held now = what_is_held();
	bool more = now.threads > before->threads;

	for (unsigned int i = 0; i < ARRAY_SIZE(modules); i++)
		more |= now.references[i] > before->references[i];
	return !more;
}
