// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the suites of the ring share.
 */
#include "ring_test.h"

/* A message as long as any, and filled up to what its header says. */
struct message {
	struct vhost_backend_msg msg;
	u8 payload[VHOST_BACKEND_MSG_MAX - sizeof(struct vhost_backend_msg)];
};

static u8 payload_byte(u64 id, u32 i)
{
	return id * 31 + i;
}

/* The message @id, which takes @bytes: HEADER to MOST. */
static void make(struct message *message, u64 id, u32 bytes)
{
	u32 i;

	message->msg = (struct vhost_backend_msg){
		.request = VHOST_BACKEND_SHMEM_MAP,
		.flags = VHOST_BACKEND_MSG_VERSION,
		.size = bytes - HEADER,
		.fd = VHOST_BACKEND_FD_NONE,
		.id = id,
	};
	for (i = 0; i < message->msg.size; i++)
		message->payload[i] = payload_byte(id, i);
}

/* Is @msg message @id of @bytes, as it was put? */
bool ring_is_intact(const struct vhost_backend_msg *msg, u64 id, u32 bytes)
{
	struct message message;

	make(&message, id, bytes);
	return msg && !memcmp(msg, &message, bytes);
}

/* Puts the next message; VHOST_BACKEND_RING_FULL if there was no room. */
u64 ring_put(struct ring_test *t, u32 bytes)
{
	struct message message;
	u64 position;

	make(&message, t->next_id, bytes);
	position = vhost_backend_ring_put(&t->ring, &message.msg, message.payload);
	if (position != VHOST_BACKEND_RING_FULL)
		t->next_id++;
	return position;
}

u64 ring_must_put(struct kunit *test, u32 bytes)
{
	u64 position = ring_put(test->priv, bytes);

	KUNIT_ASSERT_NE(test, position, VHOST_BACKEND_RING_FULL);
	return position;
}

/* Puts as many as go in, which must be no more than there is memory for. */
void ring_fill(struct kunit *test, u32 bytes)
{
	struct ring_test *t = test->priv;
	u32 most = t->ring.bytes / bytes;

	while (ring_put(t, bytes) != VHOST_BACKEND_RING_FULL)
		KUNIT_ASSERT_NE(test, most--, 0);
}

const struct vhost_backend_msg *ring_oldest(struct ring_test *t, u64 limit)
{
	while (vhost_backend_ring_skip(&t->ring, limit))
		;
	return (s64)(limit - t->ring.consumer) > 0 ?
		vhost_backend_ring_record(&t->ring, t->ring.consumer) : NULL;
}

/* Takes the oldest, which must be message @id of @bytes. */
void ring_must_pop(struct kunit *test, u64 id, u32 bytes)
{
	struct ring_test *t = test->priv;

	KUNIT_ASSERT_TRUE(test, ring_is_intact(ring_oldest(t, t->ring.producer), id, bytes));
	vhost_backend_ring_pop(&t->ring, bytes, 1);
}

void ring_must_be_empty(struct kunit *test)
{
	struct ring_test *t = test->priv;

	KUNIT_EXPECT_NULL(test, ring_oldest(t, t->ring.producer));
	KUNIT_EXPECT_EQ(test, vhost_backend_ring_waiting(&t->ring), 0);
	KUNIT_EXPECT_EQ(test, vhost_backend_ring_room(&t->ring), t->ring.bytes);
	KUNIT_EXPECT_EQ(test, t->ring.live, 0);
}

/* Another ring, of @bytes, and empty */
void ring_test_resize(struct kunit *test, u32 bytes)
{
	struct ring_test *t = test->priv;

	t->data = kunit_kmalloc(test, bytes, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t->data);
	memset(t->data, 0xa5, bytes);
	vhost_backend_ring_init(&t->ring, &t->ctl, t->data, bytes, false);
}

int ring_test_init(struct kunit *test)
{
	test->priv = kunit_kzalloc(test, sizeof(struct ring_test), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, test->priv);
	ring_test_resize(test, 4096);
	return 0;
}
