// SPDX-License-Identifier: GPL-2.0-only
/*
 * The clock of the measurements. In a guest whose virtual nanoseconds are
 * instructions (-icount shift=0, one processor) it counts instructions; anywhere
 * else they are nanoseconds.
 */
#include <stdlib.h>
#include <time.h>

#include "bench.h"

/* Odd, so that the median is one of them. */
#define SAMPLES		101
#define WARM_UP		10

/* What two readings of the clock take */
static double clock_cost;

uint64_t clock_start(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

/* Excludes what the two readings of the clock take. */
double clock_since(uint64_t start)
{
	return (double)(clock_start() - start) - clock_cost;
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

double median(double *samples, size_t count)
{
	qsort(samples, count, sizeof(*samples), compare);
	return samples[count / 2];
}

/*
 * The median of what @once returns. A timer's interrupt takes thousands of
 * instructions; it is in few of the samples, and so not in the median.
 */
static void sample(double samples[SAMPLES], double (*once)(const void *), const void *what)
{
	for (int n = 0; n < WARM_UP; n++)
		once(what);
	for (int n = 0; n < SAMPLES; n++)
		samples[n] = once(what);
}

double median_of(double (*once)(const void *), const void *what)
{
	double samples[SAMPLES];

	sample(samples, once, what);
	return median(samples, SAMPLES);
}

/* For an interrupt, which often has other things to do as well */
double least_of(double (*once)(const void *), const void *what)
{
	double samples[SAMPLES], least;

	sample(samples, once, what);
	least = samples[0];
	for (int n = 1; n < SAMPLES; n++)
		if (samples[n] < least)
			least = samples[n];
	return least;
}

static double nothing(const void *what)
{
	(void)what;
	return clock_since(clock_start());
}

void clock_calibrate(void)
{
	clock_cost = 0;
	clock_cost = median_of(nothing, NULL);
}
