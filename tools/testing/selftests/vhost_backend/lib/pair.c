// SPDX-License-Identifier: GPL-2.0-only
#include "pair.h"

#include <unistd.h>

#include "channel.h"
#include "worker.h"

int pair_open(struct pair *pair, int flags, struct vhost_backend_setup setup)
{
	pair->worker = -1;
	pair->channel = channel_open_with(flags, setup);
	if (pair->channel < 0)
		return pair->channel;
	pair->worker = worker_attach(pair->channel, "worker", 0,
				     setup.nr_vrings ?: 256);
	return pair->worker < 0 ? pair->worker : 0;
}

void pair_close(struct pair *pair)
{
	if (pair->worker >= 0)
		close(pair->worker);
	if (pair->channel >= 0)
		close(pair->channel);
}
