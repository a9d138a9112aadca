// SPDX-License-Identifier: GPL-2.0-only
#include "random.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

uint64_t new_seed(const char *test)
{
	const char *given = getenv("VHOST_BACKEND_SEED");
	uint32_t seed = 1;

	if (given)
		seed = strtoul(given, NULL, 0);
	else if (getrandom(&seed, sizeof(seed), 0) < 0)
		seed = time(NULL);
	printf("# %s: VHOST_BACKEND_SEED=%u\n", test, seed);
	fflush(stdout);
	return seed;
}

uint32_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return (z ^ (z >> 31)) >> 16;
}

void pace(uint64_t *state)
{
	uint32_t choice = next_random(state);

	switch (choice % 8) {
	case 0:
		usleep(choice / 8 % 300);
		break;
	case 1:
	case 2:
		sched_yield();
		break;
	case 3:
	case 4:
		for (unsigned int n = choice / 8 % 2000; n; n--)
			atomic_signal_fence(memory_order_seq_cst);
		break;
	}
}
