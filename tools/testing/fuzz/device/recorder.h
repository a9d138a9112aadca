/* SPDX-License-Identifier: GPL-2.0-only */
/* The last programs, where they outlive this machine. */
#ifndef FUZZ_RECORDER_H
#define FUZZ_RECORDER_H

#include "program.h"

void recorder_init(void);
void recorder_write(uint64_t number, const struct program *program);

#endif /* FUZZ_RECORDER_H */
