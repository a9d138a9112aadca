/* SPDX-License-Identifier: GPL-2.0-only */
/* What the targets share: an input, what the program makes of it, and judgement. */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdnoreturn.h>
#include <sys/types.h>

/* Where the program prints to */
extern FILE *fuzz_out;
/* Where it gets to when it exits */
extern jmp_buf fuzz_exited;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* From here on @data is what there is to read. */
void fuzz_begin(const uint8_t *data, size_t size);
void fuzz_end(void);

/* What was printed since the last call. */
const char *fuzz_printed(void);

/* The text of an input, which ends at a NUL; the caller frees it. */
char *fuzz_text(const uint8_t *data, size_t size);

#define must(condition) \
	do { if (!(condition)) fuzz_fault(#condition, __FILE__, __LINE__); } while (0)

noreturn void fuzz_fault(const char *condition, const char *file, int line);

/* Each line is one JSON object. */
bool fuzz_is_json(const char *lines);

/* What the program calls, in the place of what redirect.h says */
noreturn void fuzz_exit(int code);
FILE *fuzz_fopen(const char *path, const char *mode);
ssize_t fuzz_read(int fd, void *to, size_t size);
ssize_t fuzz_write(int fd, const void *from, size_t size);
ssize_t fuzz_readlink(const char *path, char *to, size_t size);
int fuzz_refuse(long first, ...);

#endif /* FUZZ_FUZZ_H */
