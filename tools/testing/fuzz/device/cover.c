// SPDX-License-Identifier: GPL-2.0-only
/*
 * What of the modules was reached, by the kernel's KCOV: each thread of a program
 * has a buffer, into which the kernel writes the address of each basic block that
 * the thread reaches, in whatever part of the kernel is instrumented. One more is for
 * those kernel threads that work for a program and say so: a handle tells them whose
 * they are, which what we fork inherits from us.
 */
#include "cover.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/kcov.h>

#include "program.h"

/* Words of a buffer; of a call that reaches more, the rest is not seen. */
#define BUFFER_WORDS	(16 << 10)
/* Likewise, of a whole program, for what all kernel threads reach */
#define REMOTE_WORDS	(64 << 10)
/* Of one record of a comparison: its type, two values, the address */
#define COMPARISON	4
/* Bytes of code of each module; ours are smaller. */
#define MODULE_BYTES	0x100000

const char * const module_names[MODULES] = {
	"vhost_backend", "vhost_backend_test", "vhost_shmem",
};

struct module {
	uint64_t start;
	uint64_t bytes;
};

/* Shared by all processes: written by those who run programs, read by their parent */
struct shared {
	struct edges edges;
	unsigned int places;
	uint64_t place[MODULES][MODULE_BYTES / 64];
};

struct buffer {
	int fd;
	uint64_t size;
	uint64_t *words;
};

static struct module modules[MODULES];
static struct buffer buffers[THREADS], remote;
static struct shared *shared;
static unsigned int nr_buffers;
static bool can_compare, comparing;

/* Where the kernel put our modules */
static bool find_modules(void)
{
	FILE *file = fopen("/proc/modules", "re");
	char line[512], name[64];
	unsigned int found = 0;
	struct module module;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%63s %" SCNu64 " %*s %*s %*s %" SCNx64, name, &module.bytes,
			   &module.start) == 3)
			for (size_t i = 0; i < MODULES; i++)
				if (!strcmp(name, module_names[i])) {
					modules[i] = module;
					found++;
				}
	if (file)
		fclose(file);
	return found == MODULES;
}

static bool open_buffer(struct buffer *buffer, uint64_t size)
{
	buffer->size = size;
	buffer->fd = open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC);
	if (buffer->fd < 0 || ioctl(buffer->fd, KCOV_INIT_TRACE, size))
		return false;
	buffer->words = mmap(NULL, size * sizeof(uint64_t), PROT_READ | PROT_WRITE,
			     MAP_SHARED, buffer->fd, 0);
	return buffer->words != MAP_FAILED;
}

/* From here on this process has the handle. */
static bool open_remote(void)
{
	struct kcov_remote_arg arg = {
		.trace_mode = KCOV_TRACE_PC, .area_size = BUFFER_WORDS,
		.common_handle = kcov_remote_handle(KCOV_SUBSYSTEM_COMMON, 1),
	};

	return open_buffer(&remote, REMOTE_WORDS) && !ioctl(remote.fd, KCOV_REMOTE_ENABLE, &arg);
}

/* Not every kernel has comparisons. */
static bool try_comparisons(const struct buffer *buffer)
{
	return !ioctl(buffer->fd, KCOV_ENABLE, KCOV_TRACE_CMP) &&
	       !ioctl(buffer->fd, KCOV_DISABLE, 0);
}

bool cover_init(unsigned int threads)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED || !find_modules())
		return false;
	for (unsigned int i = 0; i < threads; i++)
		if (!open_buffer(&buffers[i], BUFFER_WORDS))
			return false;
	/* First: where a buffer is disabled, the handle is gone. */
	can_compare = try_comparisons(&buffers[0]);
	if (!open_remote())
		return false;
	nr_buffers = threads;
	return true;
}

void cover_start(unsigned int thread)
{
	if (thread < nr_buffers)
		ioctl(buffers[thread].fd, KCOV_ENABLE,
		      comparing ? KCOV_TRACE_CMP : KCOV_TRACE_PC);
}

/* Returns whether the address is one of ours. */
static bool reach(uint64_t address)
{
	for (size_t i = 0; i < MODULES; i++) {
		uint64_t at = address - modules[i].start, bit = 1ULL << at % 64;

		if (at >= modules[i].bytes || at >= MODULE_BYTES)
			continue;
		if (!(__atomic_fetch_or(&shared->place[i][at / 64], bit, __ATOMIC_RELAXED) & bit))
			__atomic_fetch_add(&shared->places, 1, __ATOMIC_RELAXED);
		return true;
	}
	return false;
}

static void collect_places(const uint64_t *words, uint64_t count)
{
	uint64_t last = 0;

	for (uint64_t i = 0; i < count; i++) {
		uint64_t edge;

		if (!reach(words[i]))
			continue;
		edge = ((words[i] - modules[0].start) * 0x9e3779b97f4a7c15 ^ last) >> 7 &
		       (COVER_EDGES - 1);
		__atomic_fetch_or(&shared->edges.word[edge / 64], 1ULL << edge % 64,
				  __ATOMIC_RELAXED);
		last = (words[i] - modules[0].start) * 0xd6e8feb86659fd93;
	}
}

/* Of each comparison with a constant, the constant */
static void collect_comparisons(const uint64_t *words, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++, words += COMPARISON)
		if (words[0] & KCOV_CMP_CONST && words[1] != words[2] && reach(words[3]))
			program_learn(words[1]);
}

static void take(struct buffer *buffer, bool comparisons)
{
	uint64_t count = __atomic_load_n(buffer->words, __ATOMIC_RELAXED);

	if (comparisons)
		collect_comparisons(buffer->words + 1,
				    count < buffer->size / COMPARISON ? count : 0);
	else
		collect_places(buffer->words + 1, count < buffer->size ? count : buffer->size - 1);
	__atomic_store_n(buffer->words, 0, __ATOMIC_RELAXED);
}

/* What is learnt is for the process that lives on: it takes that itself. */
void cover_collect(unsigned int thread)
{
	if (thread < nr_buffers && !comparing)
		take(&buffers[thread], false);
}

void cover_begin(bool comparisons)
{
	memset(&shared->edges, 0, sizeof(shared->edges));
	comparing = comparisons && can_compare;
	for (unsigned int i = 0; i < nr_buffers; i++)
		buffers[i].words[0] = 0;
	if (nr_buffers)
		remote.words[0] = 0;
}

void cover_end(void)
{
	for (unsigned int i = 0; i < nr_buffers; i++)
		take(&buffers[i], comparing);
	if (nr_buffers)
		take(&remote, false);
}

const struct edges *cover_edges(void)
{
	return &shared->edges;
}

unsigned int cover_places(void)
{
	return shared->places;
}
