/* SPDX-License-Identifier: GPL-2.0-only */
/* Files to attach to messages, and the descriptors of this process. */
#ifndef VHOST_BACKEND_LIB_FILE_H
#define VHOST_BACKEND_LIB_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

/* A memory file of @pages pages, open for reading and writing. */
int make_file(unsigned int pages);

/*
 * A file of one page that is locked, and in *@watch another descriptor of it, which does
 * not hold the lock: the file stays locked for as long as anybody holds it.
 */
int make_locked_file(int *watch);

/* Whether somebody still holds the file of make_locked_file(). */
bool file_is_held(int watch);

/* The number of descriptors that this process has, or -errno. */
int count_descriptors(void);

/* Maps for reading, and unmaps again. Returns 0 or -errno. */
int try_mmap(int fd, size_t bytes, off_t offset);

/* Lowers RLIMIT_NOFILE so that only @count descriptors are free. Returns 0 or -errno. */
int limit_descriptors(int count, struct rlimit *old);

/* Read and write a small file in @folder, whose name ends with a slash. Return success. */
bool read_file(const char *folder, const char *name, char *value, size_t size);
bool write_file(const char *folder, const char *name, const char *value);

#endif /* VHOST_BACKEND_LIB_FILE_H */
