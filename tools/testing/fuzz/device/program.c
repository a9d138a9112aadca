// SPDX-License-Identifier: GPL-2.0-only
/* Programs: lists of calls; how they are written, made up and changed. */
#include "program.h"

#define LEARNT		256

/* What the kernel compared its arguments with */
static uint64_t learnt[LEARNT];
static unsigned int nr_learnt;

/* xorshift: the state is never 0, if it was not */
uint64_t choose(uint64_t *seed, uint64_t below)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return (*seed >> 11) % below;
}

size_t program_print(const struct program *program, char text[PROGRAM_TEXT])
{
	char *at = text, *end = text + PROGRAM_TEXT;

	*at = 0;
	for (unsigned int i = 0; i < program->count; i++) {
		const struct call *call = &program->calls[i];

		at += snprintf(at, end - at, "%u %s", call->thread, call->operation->name);
		for (unsigned int j = 0; j < call->operation->arguments; j++)
			at += snprintf(at, end - at, " %#" PRIx64, call->args[j]);
		at += snprintf(at, end - at, "\n");
	}
	return at - text;
}

static const struct operation *find_operation(const char *name)
{
	for (unsigned int i = 0; i < nr_operations; i++)
		if (!strcmp(operations[i].name, name))
			return &operations[i];
	return NULL;
}

/* A whole number and nothing else */
static bool parse_number(const char *word, uint64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoull(word, &end, 0);
	return *word >= '0' && *word <= '9' && !*end && !errno;
}

/* Returns what is wrong with a line, or NULL. It is taken to pieces. */
static const char *parse_line(struct call *call, char *line)
{
	char *save, *word = strtok_r(line, " \t", &save);
	uint64_t number;

	memset(call, 0, sizeof(*call));
	if (!parse_number(word, &number) || number >= THREADS)
		return "no such thread";
	call->thread = number;
	word = strtok_r(NULL, " \t", &save);
	call->operation = word ? find_operation(word) : NULL;
	if (!call->operation)
		return "no such operation";
	for (unsigned int i = 0; (word = strtok_r(NULL, " \t", &save)); i++) {
		if (i == call->operation->arguments)
			return "too many arguments";
		if (!parse_number(word, &call->args[i]))
			return "not a number";
	}
	return NULL;
}

/* Returns the number of the line that is wrong, and why, or 0. */
unsigned int program_parse(struct program *program, const char *text, const char **why)
{
	char line[512];

	program->count = 0;
	for (unsigned int number = 1; *text; number++) {
		size_t length = strcspn(text, "\n");

		*why = "line too long";
		if (length >= sizeof(line))
			return number;
		memcpy(line, text, length);
		line[length] = 0;
		text += length + (text[length] == '\n');
		/* Of a comment and of an empty line nothing is left. */
		line[strcspn(line, "#")] = 0;
		if (!line[strspn(line, " \t")])
			continue;
		*why = "too many calls";
		if (program->count == CALLS)
			return number;
		*why = parse_line(&program->calls[program->count], line);
		if (*why)
			return number;
		program->count++;
	}
	return 0;
}

/* FNV-1a of the text */
uint64_t program_hash(const struct program *program)
{
	char text[PROGRAM_TEXT];
	size_t bytes = program_print(program, text);
	uint64_t hash = 0xcbf29ce484222325;

	for (size_t i = 0; i < bytes; i++)
		hash = (hash ^ (uint8_t)text[i]) * 0x100000001b3;
	return hash;
}

/* A value that the kernel compared something with */
void program_learn(uint64_t value)
{
	for (unsigned int i = 0; i < LEARNT; i++)
		if (learnt[i] == value)
			return;
	learnt[nr_learnt++ % LEARNT] = value;
}

static uint64_t wild(const struct argument *argument, uint64_t *seed)
{
	uint64_t value = argument->count ? argument->values[choose(seed, argument->count)] : 0;

	switch (choose(seed, 5)) {
	case 0:
		return value + 1;
	case 1:
		return value - 1;
	case 2:
		return value ^ 1ULL << choose(seed, 64);
	case 3:
		return nr_learnt ? learnt[choose(seed, nr_learnt < LEARNT ? nr_learnt : LEARNT)] :
				   value;
	default:
		return choose(seed, -1) >> choose(seed, 53);
	}
}

static uint64_t any_flags(const struct argument *argument, uint64_t *seed)
{
	uint64_t flags = 0;

	for (unsigned int i = 0; i < argument->count; i++)
		if (choose(seed, 2))
			flags |= argument->values[i];
	return flags;
}

static uint64_t any_value(const struct argument *argument, uint64_t *seed)
{
	if (argument->type == SLOT)
		return choose(seed, 2) ? choose(seed, 2) : choose(seed, SLOTS);
	if (!choose(seed, 8))
		return argument->type == ANY ? choose(seed, KINDS * SLOTS) : wild(argument, seed);
	if (argument->type == FLAGS)
		return any_flags(argument, seed);
	return argument->values[choose(seed, argument->count)];
}

static void change_argument(struct call *call, uint64_t *seed)
{
	unsigned int n = call->operation->arguments;

	if (n) {
		unsigned int i = choose(seed, n);

		call->args[i] = any_value(&call->operation->argument[i], seed);
	}
}

static const struct operation *any_operation(uint64_t *seed)
{
	unsigned int sum = 0, at;

	for (unsigned int i = 0; i < nr_operations; i++)
		sum += operations[i].weight;
	at = choose(seed, sum);
	for (unsigned int i = 0;; i++) {
		if (at < operations[i].weight)
			return &operations[i];
		at -= operations[i].weight;
	}
}

/* Mostly the usual arguments but for one or two: all at random is soon refused. */
static void any_call(struct call *call, uint64_t *seed)
{
	const struct operation *operation = any_operation(seed);

	memset(call, 0, sizeof(*call));
	call->operation = operation;
	call->thread = choose(seed, 2) ? 0 : choose(seed, THREADS);
	for (unsigned int i = 0; i < operation->arguments; i++)
		if (operation->argument[i].count)
			call->args[i] = operation->argument[i].values[0];
	for (unsigned int n = choose(seed, 8) ? 1 + choose(seed, 2) : 8; n; n--)
		change_argument(call, seed);
}

#define CHANNEL_START							\
	"0 open 0 0x800\n"						\
	"0 setup 0 0 0 0 0 0 0x000000ff000001fe 0 0\n"

/* Programs mostly start where something can happen. */
void program_generate(struct program *program, uint64_t *seed)
{
	static const char * const starts[] = {
		CHANNEL_START "0 worker 0\n0 attach 0 0 0 0 2 0 0x61\n",
		CHANNEL_START "0 shmem 0 0 0\n",
	};
	const char *why;
	unsigned int count = 2 + choose(seed, CALLS / 2);

	program->count = 0;
	if (choose(seed, 8))
		program_parse(program, starts[!choose(seed, 4)], &why);
	while (count--)
		any_call(&program->calls[program->count++], seed);
}

/* A new call, or once more one that is there already */
static void insert_call(struct program *program, uint64_t *seed)
{
	unsigned int at = choose(seed, program->count + 1);
	struct call call;

	if (program->count == CALLS)
		return;
	if (program->count && !choose(seed, 4))
		call = program->calls[choose(seed, program->count)];
	else
		any_call(&call, seed);
	memmove(&program->calls[at + 1], &program->calls[at],
		(program->count++ - at) * sizeof(call));
	program->calls[at] = call;
}

static void remove_call(struct program *program, unsigned int at)
{
	memmove(&program->calls[at], &program->calls[at + 1],
		(--program->count - at) * sizeof(program->calls[0]));
}

/* The beginning of the one, then the end of the other */
static void join(struct program *program, const struct program *other, uint64_t *seed)
{
	unsigned int from = choose(seed, other->count + 1);

	program->count = choose(seed, program->count + 1);
	while (from < other->count && program->count < CALLS)
		program->calls[program->count++] = other->calls[from++];
}

static void mutate_once(struct program *program, const struct program *other, uint64_t *seed)
{
	struct call *call = &program->calls[program->count ? choose(seed, program->count) : 0];

	switch (program->count ? choose(seed, 16) : 0) {
	case 0 ... 4:
		insert_call(program, seed);
		break;
	case 5 ... 6:
		remove_call(program, call - program->calls);
		break;
	case 7:
		join(program, other, seed);
		break;
	case 8 ... 9:
		call->thread = choose(seed, THREADS);
		break;
	default:
		change_argument(call, seed);
	}
}

void program_mutate(struct program *program, const struct program *other, uint64_t *seed)
{
	for (unsigned int n = 1 + choose(seed, 4); n; n--)
		mutate_once(program, other, seed);
	if (!program->count)
		insert_call(program, seed);
}

/* Leaves out each call, then makes threads one, as long as @still is true. */
void program_minimise(struct program *program, program_test *still, void *context)
{
	struct program shorter;

	for (unsigned int i = program->count; i--;) {
		shorter = *program;
		remove_call(&shorter, i);
		if (shorter.count && still(&shorter, context))
			*program = shorter;
	}
	shorter = *program;
	for (unsigned int i = 0; i < shorter.count; i++)
		shorter.calls[i].thread = 0;
	if (memcmp(&shorter, program, sizeof(shorter)) && still(&shorter, context))
		*program = shorter;
}
