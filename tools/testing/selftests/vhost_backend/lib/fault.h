/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's fault injection: which allocation or copy fails, and how many did.
 *
 * Needs CONFIG_FAILSLAB, FAIL_PAGE_ALLOC, FAULT_INJECTION_USERCOPY and
 * FAULT_INJECTION_DEBUG_FS.
 */
#ifndef VHOST_BACKEND_LIB_FAULT_H
#define VHOST_BACKEND_LIB_FAULT_H

#include <stdbool.h>

/* The kinds of fault */
enum fault_kind { FAULT_SLAB, FAULT_PAGE, FAULT_COPY, FAULT_KINDS };

/* Faults that were injected, and calls that failed */
struct fault_figures {
	unsigned long faults[FAULT_KINDS];
	unsigned long errors;
};

/* Opens a file of the fault injection. */
int fault_open(const char *folder, const char *name);

/* Writes a number. The kernel copies what is written, which may be the copy that fails. */
void write_number(int fd, unsigned int number);

/*
 * Reads a number, and writes another unless @value is NULL. A file of debugfs cannot be
 * read twice.
 */
long exchange_number(const char *folder, const char *name, const unsigned int *value);

/* Opens the files that stay open. Returns 0 or -errno. */
int fault_files_open(void);

/* Adds the faults since the last call, however they came about. Returns their number. */
unsigned long faults_add(struct fault_figures *figures);

/* Forgets the faults up to now. */
void faults_forget(void);

/* Prints figures. */
void faults_show(const char *name, const struct fault_figures *figures);

/* Prints the figures of a case, and adds them to those of the program. */
void faults_book(const char *name, const struct fault_figures *figures);

/* Disarms the "fail-nth" of a thread. Returns whether the fault happened. */
bool fault_disarm(int thread);

/*
 * From some point on, all allocations of this thread fail. With @n this point moves back:
 * the first time, all of them fail. So allocations fail too that are tried in two ways.
 */
void fault_starve(unsigned int n);

/* Allocations work again. */
void fault_feed(void);

/* Has the n-th allocation or copy of this thread fail. */
void fault_arm(unsigned int n);

/* Disarms this thread. Returns whether the fault happened. */
bool fault_disarm_own(void);

/* At the start of a program: skips it if the kernel has no fault injection. */
void fault_sums_init(void);

/* For a mask of all kinds that a call can meet */
#define FAULTS_OF_EVERY_KIND	((1U << FAULT_KINDS) - 1)

/*
 * In the last case of a program: prints the sums of all. Returns whether there were faults
 * of all @kinds, a mask. Calls that take no pages themselves may do so when a slab has no
 * room.
 */
bool faults_happened(unsigned int kinds);

#endif /* VHOST_BACKEND_LIB_FAULT_H */
