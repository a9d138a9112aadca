// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the suites of a channel's parts share.
 */
#include <linux/percpu.h>
#include <linux/sizes.h>

#include "../reply.h"
#include "channel_test.h"

static unsigned long *new_words(struct kunit *test)
{
	unsigned long *words = kunit_kcalloc(test, VHOST_BACKEND_SUMMARY_WORDS, sizeof(*words),
					     GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, words);
	return words;
}

static void init_bits(struct kunit *test, struct vhost_backend_bits *bits, __u64 *summary)
{
	bits->summary = (unsigned long *)summary;
	bits->words = new_words(test);
	bits->nr_summary = 1;
}

static void init_requests(struct kunit *test, struct channel_test *t)
{
	struct vhost_backend_inflight *inflight = &t->channel.inflight;
	void *data = kunit_kzalloc(test, SZ_64K, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, data);
	vhost_backend_ring_init(&inflight->ring, &t->ctl, data, SZ_64K, false);
	inflight->counters = t->channel.counters;
	KUNIT_ASSERT_EQ(test, vhost_backend_inflight_init(inflight, NR_SLOTS), 0);
}

int channel_test_init(struct kunit *test)
{
	struct channel_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	test->priv = t;
	t->channel.notify.ctl = &t->ctl;
	init_bits(test, &t->channel.notify.call, t->ctl.call_summary);
	init_bits(test, &t->channel.notify.err, t->ctl.err_summary);
	vhost_backend_channel_wake_init(&t->channel);
	vhost_backend_room_init(&t->channel);
	vhost_backend_clock_init(&t->channel);
	t->channel.counters = alloc_percpu(struct vhost_backend_stats);
	KUNIT_ASSERT_NOT_NULL(test, (void __force *)t->channel.counters);
	init_requests(test, t);
	return 0;
}

void channel_test_exit(struct kunit *test)
{
	struct channel_test *t = test->priv;

	if (!t)
		return;
	if (t->channel.inflight.slots) {
		vhost_backend_inflight_close(&t->channel.inflight);
		vhost_backend_clock_stop(&t->channel);
		irq_work_sync(&t->channel.wake_work);
		irq_work_sync(&t->channel.room_work);
		vhost_backend_inflight_destroy(&t->channel.inflight);
	}
	free_percpu(t->channel.counters);
}

/* Backends that are attached, as far as the parts tested here know */
struct vhost_backend *new_backends(struct kunit *test, u32 nr,
				   const struct vhost_backend_ops *ops)
{
	struct channel_test *t = test->priv;
	struct vhost_backend *backends = kunit_kcalloc(test, nr, sizeof(*backends), GFP_KERNEL);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, backends);
	for (i = 0; i < nr; i++) {
		backends[i].channel = &t->channel;
		backends[i].ops = ops;
		INIT_LIST_HEAD(&backends[i].room_node);
		vhost_backend_owner_init(&backends[i].owner);
	}
	return backends;
}
