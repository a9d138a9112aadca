// SPDX-License-Identifier: GPL-2.0-only
#include "sequences.h"

void sequences_message(struct sequences *sequences, const struct message *message)
{
	uint64_t sender = message->iotlb.iova;
	uint64_t number = message->iotlb.uaddr;
	unsigned int before;

	if (message->msg.request != VHOST_BACKEND_IOTLB_MSG)
		return;
	atomic_fetch_add(&sequences->seen, 1);
	if (sender >= SEQUENCE_SENDERS || !number || number >= SEQUENCE_NUMBERS) {
		atomic_fetch_add(&sequences->wrong, 1);
		return;
	}
	before = atomic_fetch_add(&sequences->count[sender][number], 1);
	if (before >= sequences->workers)
		atomic_fetch_add(&sequences->wrong, 1);
	else if (sequences->ordered && number > 1 &&
		 before >= sequences->count[sender][number - 1])
		atomic_fetch_add(&sequences->wrong, 1);
}

unsigned long sequences_wrong(struct sequences *sequences)
{
	unsigned long wrong = sequences->wrong;

	for (unsigned int s = 0; s < SEQUENCE_SENDERS; s++)
		for (unsigned int n = 2; n < SEQUENCE_NUMBERS; n++)
			wrong += sequences->count[s][n] > sequences->count[s][n - 1];
	return wrong;
}
