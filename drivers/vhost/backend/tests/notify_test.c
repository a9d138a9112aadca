// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the suites of the notifications share.
 */
#include <linux/bitmap.h>

#include "notify_test.h"

static unsigned long *alloc_words(struct kunit *test, u32 words)
{
	unsigned long *area = kunit_kcalloc(test, words, sizeof(*area), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, area);
	return area;
}

int notify_test_init(struct kunit *test)
{
	struct notify_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	test->priv = t;
	t->notify.ctl = &t->ctl;
	t->notify.call.summary = (unsigned long *)t->ctl.call_summary;
	t->notify.err.summary = (unsigned long *)t->ctl.err_summary;
	t->notify.call.words = alloc_words(test, WORDS);
	t->notify.err.words = alloc_words(test, WORDS);
	t->batch.call.summary = alloc_words(test, VHOST_BACKEND_SUMMARY_WORDS);
	t->batch.err.summary = alloc_words(test, VHOST_BACKEND_SUMMARY_WORDS);
	t->batch.call.words = alloc_words(test, WORDS);
	t->batch.err.words = alloc_words(test, WORDS);
	t->notify.call.nr_summary = VHOST_BACKEND_SUMMARY_WORDS;
	t->notify.err.nr_summary = VHOST_BACKEND_SUMMARY_WORDS;
	t->batch.call.nr_summary = VHOST_BACKEND_SUMMARY_WORDS;
	t->batch.err.nr_summary = VHOST_BACKEND_SUMMARY_WORDS;
	t->batch.notices = kunit_kcalloc(test, VHOST_BACKEND_NOTICES,
					 sizeof(*t->batch.notices), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t->batch.notices);
	return 0;
}

/* No bit, no summary of one */
bool notify_is_clear(const struct vhost_backend_bits *bits)
{
	return bitmap_empty(bits->words, NR_VRINGS) &&
	       bitmap_empty(bits->summary, VHOST_BACKEND_SUMMARY_WORDS * 64);
}

void notify_must_be_clear(struct kunit *test)
{
	struct notify_test *t = test->priv;

	KUNIT_EXPECT_FALSE(test, vhost_backend_notify_pending(&t->notify));
	KUNIT_EXPECT_EQ(test, t->ctl.config_pending, 0);
	KUNIT_EXPECT_TRUE(test, notify_is_clear(&t->notify.call));
	KUNIT_EXPECT_TRUE(test, notify_is_clear(&t->notify.err));
	KUNIT_EXPECT_EQ(test, t->batch.pending, 0);
	KUNIT_EXPECT_FALSE(test, t->batch.config);
	KUNIT_EXPECT_TRUE(test, notify_is_clear(&t->batch.call));
	KUNIT_EXPECT_TRUE(test, notify_is_clear(&t->batch.err));
	KUNIT_EXPECT_EQ(test, t->batch.next, t->batch.end);
}

enum vhost_backend_raised notify_raise(struct notify_test *t, u32 request, u32 vring)
{
	return vhost_backend_notify_raise(&t->notify, request, vring);
}

/* A look, as the reader of a channel does it, without the ring */
void notify_take(struct notify_test *t)
{
	vhost_backend_notify_hush(&t->notify);
	vhost_backend_notify_take(&t->notify, &t->batch);
}

static void must_deliver_config(struct kunit *test)
{
	struct notify_test *t = test->priv;

	KUNIT_ASSERT_TRUE(test, t->batch.config);
	t->batch.config = false;
	t->batch.pending--;
}

/* The batch's next is this one, whole as a message, and is delivered. */
void notify_must_deliver(struct kunit *test, u32 request, u32 vring)
{
	struct vhost_backend_batch *batch = &((struct notify_test *)test->priv)->batch;
	const struct vhost_backend_notice expected = {
		.msg = {
			.request = request,
			.flags = VHOST_BACKEND_MSG_VERSION,
			.size = sizeof(expected.state),
			.fd = VHOST_BACKEND_FD_NONE,
		},
		.state.index = vring,
	};
	const struct vhost_backend_notice *next;

	if (request == VHOST_BACKEND_CONFIG_CHANGE_MSG) {
		must_deliver_config(test);
		return;
	}
	KUNIT_ASSERT_NE(test, batch->pending, 0);
	if (batch->next == batch->end)
		vhost_backend_batch_refill(batch);
	KUNIT_ASSERT_LT(test, batch->next, batch->end);
	KUNIT_ASSERT_LE(test, batch->end, VHOST_BACKEND_NOTICES);
	next = &batch->notices[batch->next++];
	KUNIT_ASSERT_EQ(test, next->msg.request, request);
	KUNIT_ASSERT_EQ(test, next->state.index, vring);
	KUNIT_ASSERT_EQ(test, memcmp(next, &expected, sizeof(expected)), 0);
	batch->pending--;
}
