/* SPDX-License-Identifier: GPL-2.0-only */
/* What of the modules was reached, by the kernel's KCOV. */
#ifndef FUZZ_COVER_H
#define FUZZ_COVER_H

#include <stdbool.h>
#include <stdint.h>

/* Those that are fuzzed */
#define MODULES		3
extern const char * const module_names[MODULES];

/* Bits of a set of edges: pairs of places reached one after the other, hashed */
#define COVER_EDGES	0x10000
#define COVER_WORDS	(COVER_EDGES / 64)

struct edges {
	uint64_t word[COVER_WORDS];
};

bool cover_init(unsigned int threads);

/*
 * Around a program, by the process that does not run it. Without KCOV nothing is
 * reached. @comparisons: learn what the modules compare arguments with, instead.
 */
void cover_begin(bool comparisons);
void cover_end(void);

/* By a thread that runs the program, before its calls and after each of them */
void cover_start(unsigned int thread);
void cover_collect(unsigned int thread);

/* What the last program reached, and how many places all of them together */
const struct edges *cover_edges(void);
unsigned int cover_places(void);

#endif /* FUZZ_COVER_H */
