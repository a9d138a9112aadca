/* SPDX-License-Identifier: GPL-2.0-only */
/* Programs: lists of calls; how they are written, made up and changed. */
#ifndef FUZZ_PROGRAM_H
#define FUZZ_PROGRAM_H

#include "operation.h"

#define CALLS		32
/* Bytes of the longest program's text, with some room for its name */
#define PROGRAM_TEXT	8192

struct call {
	const struct operation *operation;
	unsigned int thread;
	uint64_t args[ARGUMENTS];
};

struct program {
	unsigned int count;
	struct call calls[CALLS];
};

/* Choices that repeat themselves, from a seed that is not 0. */
uint64_t choose(uint64_t *seed, uint64_t below);

/* One call a line: THREAD NAME ARGUMENT... */
size_t program_print(const struct program *program, char text[PROGRAM_TEXT]);
unsigned int program_parse(struct program *program, const char *text, const char **why);
uint64_t program_hash(const struct program *program);

void program_generate(struct program *program, uint64_t *seed);
void program_mutate(struct program *program, const struct program *other, uint64_t *seed);
void program_learn(uint64_t value);

typedef bool program_test(const struct program *program, void *context);
void program_minimise(struct program *program, program_test *still, void *context);

#endif /* FUZZ_PROGRAM_H */
