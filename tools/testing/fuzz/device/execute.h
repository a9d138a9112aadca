/* SPDX-License-Identifier: GPL-2.0-only */
/* Runs a program in a process of its own, and sees that nothing of it is left. */
#ifndef FUZZ_EXECUTE_H
#define FUZZ_EXECUTE_H

#include "program.h"

bool execute_init(void);

/* Returns what went wrong in the kernel, or NULL. */
const char *execute(const struct program *program, bool comparisons);

#endif /* FUZZ_EXECUTE_H */
