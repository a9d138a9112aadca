// SPDX-License-Identifier: GPL-2.0-only
/* A fuzzer of the vhost backend channel, guided by what it reaches. */
#include <argp.h>
#include <dirent.h>

#include "cover.h"
#include "execute.h"
#include "recorder.h"

#define CORPUS		4096
#define PROGRESS_S	30
/* Of so many executions one learns constants. */
#define LEARN		16

static struct {
	unsigned int seconds;
	unsigned int executions;
	uint64_t seed;
	bool replay, print, distil;
} options = { .seed = 1 };

struct entry {
	struct program program;
	char name[64];
};

/* The programs that reached something new when they came */
static struct entry *corpus;
static unsigned int corpus_size;
static struct edges seen;
static uint64_t executions;
static time_t start;

static void print_program(const char *what, const char *name, const struct program *program)
{
	char text[PROGRAM_TEXT];

	program_print(program, text);
	printf("%s %s\n%send\n", what, name, text);
}

static void print_progress(void)
{
	printf("# %" PRIu64 " executions, %u places, %u programs, %ld s\n", executions,
	       cover_places(), corpus_size, (long)(time(NULL) - start));
}

/* The kernel can't be trusted any more: the guest's harness says the rest. */
static void found(const struct program *program, const char *finding)
{
	printf("finding: %s\n", finding);
	print_program("guilty", "", program);
}

/* Returns whether the kernel is well. */
static bool run(const struct program *program, bool comparisons)
{
	const char *finding;

	recorder_write(executions++, program);
	finding = execute(program, comparisons);
	if (finding)
		found(program, finding);
	return !finding;
}

/* Adds @more to @set; returns whether there was anything new, which is left in @new. */
static bool add_edges(struct edges *set, const struct edges *more, struct edges *new)
{
	bool any = false;

	for (unsigned int i = 0; i < COVER_WORDS; i++) {
		new->word[i] = more->word[i] & ~set->word[i];
		any |= new->word[i];
		set->word[i] |= more->word[i];
	}
	return any;
}

static bool reaches(const struct program *program, void *wanted)
{
	const struct edges *want = wanted;

	if (!run(program, false))
		exit(EXIT_FAILURE);
	for (unsigned int i = 0; i < COVER_WORDS; i++)
		if (want->word[i] & ~cover_edges()->word[i])
			return false;
	return true;
}

/* What only a race reaches stays as long as it is. */
static void keep(const struct program *program, struct edges *new)
{
	struct entry *entry = &corpus[corpus_size];

	if (corpus_size == CORPUS)
		return;
	entry->program = *program;
	if (reaches(program, new))
		program_minimise(&entry->program, reaches, new);
	snprintf(entry->name, sizeof(entry->name), "%016" PRIx64, program_hash(&entry->program));
	corpus_size++;
	print_program("program", entry->name, &entry->program);
}

static const struct program *any_program(uint64_t *seed)
{
	/* The newest are the least tried. */
	unsigned int from = choose(seed, 2) ? corpus_size - (corpus_size + 3) / 4 : 0;

	return &corpus[from + choose(seed, corpus_size - from)].program;
}

static bool fuzz_once(uint64_t *seed)
{
	bool comparisons = !choose(seed, LEARN);
	struct program program;
	struct edges new;

	if (corpus_size && choose(seed, 8)) {
		program = *any_program(seed);
		program_mutate(&program, any_program(seed), seed);
	} else {
		program_generate(&program, seed);
	}
	if (!run(&program, comparisons))
		return false;
	if (!options.executions && !comparisons && add_edges(&seen, cover_edges(), &new))
		keep(&program, &new);
	return true;
}

/* With a number of executions the programs depend on the seed and the corpus alone. */
static bool fuzz(void)
{
	uint64_t seed = options.seed ? options.seed : 1, last = executions + options.executions;
	time_t next = start + PROGRESS_S;

	while (options.executions ? executions < last :
				    time(NULL) - start < (time_t)options.seconds) {
		if (!fuzz_once(&seed))
			return false;
		if (time(NULL) >= next) {
			print_progress();
			next += PROGRESS_S;
		}
	}
	return true;
}

static char *read_text(const char *path)
{
	char *text = calloc(1, PROGRAM_TEXT + 1);
	FILE *file = fopen(path, "re");

	if (!text || !file || (fread(text, 1, PROGRAM_TEXT, file), ferror(file))) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	fclose(file);
	return text;
}

static void load_file(const char *path)
{
	struct entry *entry = &corpus[corpus_size];
	const char *name = strrchr(path, '/'), *why;
	char *text = read_text(path);
	unsigned int line = program_parse(&entry->program, text, &why);

	if (line || corpus_size + 1 == CORPUS) {
		fprintf(stderr, "%s:%u: %s\n", path, line, line ? why : "too many programs");
		exit(EXIT_FAILURE);
	}
	free(text);
	snprintf(entry->name, sizeof(entry->name), "%s", name ? name + 1 : path);
	corpus_size++;
}

static void load(const char *path)
{
	struct dirent **entries;
	int n = scandir(path, &entries, NULL, alphasort);
	char file[512];

	if (n < 0) {
		load_file(path);
		return;
	}
	for (int i = 0; i < n; i++) {
		const char *end = strrchr(entries[i]->d_name, '.');

		snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
		if (end && !strcmp(end, ".txt"))
			load_file(file);
		free(entries[i]);
	}
	free(entries);
}

/*
 * Each program is one test case, and those from the seed together are one; that what
 * they reach is counted, on a kernel that can, is another.
 */
static int replay(bool counting)
{
	unsigned int cases = corpus_size + !!options.executions + counting;
	unsigned int failed = 0, i;

	printf("TAP version 13\n1..%u\n", cases);
	for (i = 0; i < corpus_size && !failed; i++) {
		failed = !run(&corpus[i].program, false);
		printf("%sok %u %s\n", failed ? "not " : "", i + 1, corpus[i].name);
	}
	if (!failed && options.executions) {
		failed = !fuzz();
		printf("%sok %u %u programs of seed %" PRIu64 "\n", failed ? "not " : "", ++i,
		       options.executions, options.seed);
	}
	if (!failed && counting) {
		failed = !cover_places();
		printf("%sok %u reach something\n", failed ? "not " : "", ++i);
	}
	print_progress();
	/* What was not run any more has not passed. */
	printf("%u passed, %u failed, 0 skipped\n", i - failed, cases - i + failed);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Prints those programs that reach what those before them do not; short ones first. */
static int distil(void)
{
	unsigned int places = 0;

	for (unsigned int calls = 0; calls <= CALLS; calls++)
		for (unsigned int i = 0; i < corpus_size; i++) {
			if (corpus[i].program.count != calls)
				continue;
			if (!run(&corpus[i].program, false))
				return EXIT_FAILURE;
			if (cover_places() > places)
				print_program("program", corpus[i].name, &corpus[i].program);
			places = cover_places();
		}
	print_progress();
	return EXIT_SUCCESS;
}

/* For scripts */
static void print_modules(void)
{
	for (unsigned int i = 0; i < MODULES; i++)
		puts(module_names[i]);
}

/* The programs as they were understood, or such as the seed makes */
static int print(void)
{
	struct program program;
	uint64_t seed = options.seed;
	char text[PROGRAM_TEXT];

	for (unsigned int i = 0; i < corpus_size; i++) {
		program_print(&corpus[i].program, text);
		fputs(text, stdout);
	}
	for (unsigned int i = 0; i < options.executions; i++) {
		program_generate(&program, &seed);
		program_mutate(&program, &program, &seed);
		program_print(&program, text);
		printf("%s#\n", text);
	}
	return EXIT_SUCCESS;
}

static int explore(void)
{
	struct edges new;

	for (unsigned int i = 0; i < corpus_size; i++) {
		if (!run(&corpus[i].program, false))
			return EXIT_FAILURE;
		add_edges(&seen, cover_edges(), &new);
	}
	if (!fuzz())
		return EXIT_FAILURE;
	print_progress();
	return EXIT_SUCCESS;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case 't':
		options.seconds = strtoul(arg, NULL, 0);
		break;
	case 'n':
		options.executions = strtoul(arg, NULL, 0);
		break;
	case 's':
		options.seed = strtoull(arg, NULL, 0);
		if (!options.seed)
			argp_error(state, "a seed is a number, and not 0");
		break;
	case 'r':
		options.replay = true;
		break;
	case 'd':
		options.distil = true;
		break;
	case 'p':
		options.print = true;
		break;
	case 'm':
		print_modules();
		exit(EXIT_SUCCESS);
	case ARGP_KEY_ARG:
		load(arg);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct argp_option option_list[] = {
		{ "time", 't', "SECONDS", 0, "Explore for so long", 0 },
		{ "executions", 'n', "COUNT", 0,
		  "Run so many programs, which depend on the seed alone", 0 },
		{ "seed", 's', "SEED", 0, "Of all choices, 1 by default", 0 },
		{ "replay", 'r', NULL, 0,
		  "First run each program that is given, as a test case", 0 },
		{ "distil", 'd', NULL, 0,
		  "Print those that together reach what all reach", 0 },
		{ "print", 'p', NULL, 0,
		  "Run nothing: print the programs, or with -n such as the seed makes", 0 },
		{ "modules", 'm', NULL, 0, "Run nothing: print which modules are fuzzed", 0 },
		{}
	};
	static const struct argp argp = {
		option_list, parse_option, "[PROGRAM|FOLDER...]",
		"Makes up sequences of calls on the vhost backend channel; only for a guest.",
		NULL, NULL, NULL
	};
	bool counting;

	setvbuf(stdout, NULL, _IOLBF, 0);
	corpus = calloc(CORPUS, sizeof(*corpus));
	if (!corpus)
		return EXIT_FAILURE;
	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	if (options.print)
		return print();
	if (!execute_init()) {
		perror("the modules, or /dev/kmsg");
		return EXIT_FAILURE;
	}
	recorder_init();
	counting = cover_init(THREADS);
	if (!counting && !options.replay) {
		fprintf(stderr, "the kernel has no KCOV\n");
		return EXIT_FAILURE;
	}
	start = time(NULL);
	if (options.replay)
		return replay(counting);
	return options.distil ? distil() : explore();
}
