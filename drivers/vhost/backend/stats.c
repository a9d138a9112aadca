// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counters, and what /proc/PID/fdinfo shows of a channel.
 */
#include <linux/build_bug.h>
#include <linux/seq_file.h>

#include "backend.h"
#include "stats.h"

/**
 * vhost_backend_channel_stats() - the figures of a channel
 * @channel: READY
 * @stats: out
 */
void vhost_backend_channel_stats(struct vhost_backend_channel *channel,
				 struct vhost_backend_stats *stats)
{
	struct vhost_backend_inflight *inflight = &channel->inflight;
	u64 *sum = (u64 *)stats;
	unsigned long flags;
	int cpu, i;

	memset(stats, 0, sizeof(*stats));
	for_each_possible_cpu(cpu) {
		const u64 *counter = (u64 *)per_cpu_ptr(channel->counters, cpu);

		for (i = 0; i < sizeof(*stats) / sizeof(u64); i++)
			sum[i] += READ_ONCE(counter[i]);
	}
	raw_spin_lock_irqsave(&inflight->lock, flags);
	stats->inflight = inflight->waiting;
	stats->inflight_peak = inflight->waiting_peak;
	stats->waiting_bytes = vhost_backend_ring_waiting(&inflight->ring);
	stats->waiting_bytes_peak = inflight->ring.peak;
	raw_spin_unlock_irqrestore(&inflight->lock, flags);
	stats->bindings = READ_ONCE(channel->nr_bindings);
	stats->backends = READ_ONCE(channel->nr_backends);
}

/* Names of the u64s of struct vhost_backend_stats. */
static const char * const stat_names[] = {
	"requests-queued", "requests-delivered", "requests-answered", "requests-failed",
	"requests-given-up", "requests-withdrawn", "notifications-raised",
	"notifications-merged", "notifications-delivered", "notifications-forwarded",
	"wakeups", "refused-room", "refused-type", "refused-content", "inflight",
	"inflight-peak", "waiting-bytes", "waiting-bytes-peak", "bindings", "mappings",
	"backends", "bad-replies", "bad-consumer", "unmaps-owed",
};

static_assert(ARRAY_SIZE(stat_names) * sizeof(u64) ==
	      offsetof(struct vhost_backend_stats, reserved));

static void show_stats(struct seq_file *m, struct vhost_backend_channel *channel)
{
	struct vhost_backend_stats stats;
	const u64 *figures = (const u64 *)&stats;
	int i;

	vhost_backend_channel_stats(channel, &stats);
	for (i = 0; i < ARRAY_SIZE(stat_names); i++)
		seq_printf(m, "vhost-backend-%s:\t%llu\n", stat_names[i], figures[i]);
}

/* Each backend's name and the vrings of the channel that are its own. */
static void show_backends(struct seq_file *m, struct vhost_backend_channel *channel)
{
	struct vhost_backend *be;

	mutex_lock(&channel->bind_mutex);
	list_for_each_entry(be, &channel->backends, node) {
		seq_puts(m, "vhost-backend-backend:\t");
		seq_escape(m, be->name, " \t\n\\");
		if (be->limits.nr_vrings)
			seq_printf(m, " vrings %u-%u\n", be->limits.vring_base,
				   be->limits.vring_base + be->limits.nr_vrings - 1);
		else
			seq_puts(m, " vrings none\n");
	}
	mutex_unlock(&channel->bind_mutex);
}

void vhost_backend_channel_show(struct seq_file *m, struct vhost_backend_channel *channel)
{
	if (!vhost_backend_channel_is_ready(channel))
		return;
	show_stats(m, channel);
	show_backends(m, channel);
}
