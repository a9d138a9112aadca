/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Comes before each source file of vhost-backend: what it reads is the fuzzer's, what
 * it prints goes to memory, and nothing of this machine is touched.
 */
#ifndef FUZZ_REDIRECT_H
#define FUZZ_REDIRECT_H

/* Whatever declares what has another meaning below */
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

#undef stdout
#undef stderr
#define stdout			fuzz_out
#define stderr			fuzz_out
#define printf(...)		fprintf(fuzz_out, __VA_ARGS__)
#define puts(text)		fprintf(fuzz_out, "%s\n", text)
#define putchar(c)		fputc(c, fuzz_out)

#define exit(code)		fuzz_exit(code)
#define fopen(path, mode)	fuzz_fopen(path, mode)
#define read(fd, to, size)	fuzz_read(fd, to, size)
#define write(fd, from, size)	fuzz_write(fd, from, size)
#define readlink(path, to, size) fuzz_readlink(path, to, size)
#define ioctl(...)		fuzz_refuse(__VA_ARGS__)
#define syscall(...)		fuzz_refuse(__VA_ARGS__)
#define fstat(...)		fuzz_refuse(__VA_ARGS__)
#define getrandom(to, size, flags) ((void)(flags), memset(to, 0x5a, size), size)
#define clock_gettime(clock, to) ((void)(clock), memset(to, 0, sizeof(*(to))))
#define close(fd)		((void)(fd))

#endif /* FUZZ_REDIRECT_H */
