// SPDX-License-Identifier: GPL-2.0-only
/* Measures each work, and prints a table for people, then JSON for programs. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>

#include "bench.h"

struct figures {
	double ours;
	double peer;
};

static void print_figure(double figure)
{
	if (figure)
		printf(" %9.1f", figure);
	else
		printf(" %9s", "");
}

static void print_line(const struct work *work, const struct figures *figures,
		       double compared)
{
	printf("%-40s", work->text);
	print_figure(figures->ours);
	if (figures->peer) {
		print_figure(figures->peer);
		printf("  %6.2f  %s", compared / figures->peer, work->peer_text);
	}
	putchar('\n');
	fflush(stdout);
}

static void json_figure(const char *name, double figure)
{
	if (figure)
		printf("\"%s\": %.1f", name, figure);
	else
		printf("\"%s\": null", name);
}

/* tools/bench/run depends on the form of the lines. */
static void print_json(const struct work *works, const struct figures *figures, size_t count)
{
	struct utsname name = {};

	uname(&name);
	printf("== JSON ==\n{\n\t\"unit\": \"instructions\",\n\t\"kernel\": \"%s\",\n"
	       "\t\"works\": {\n", name.release);
	for (size_t n = 0; n < count; n++) {
		printf("\t\t\"%s\": { ", works[n].name);
		json_figure("ours", figures[n].ours);
		printf(", ");
		json_figure("peer", figures[n].peer);
		printf(" }%s\n", n + 1 < count ? "," : "");
	}
	printf("\t}\n}\n== end ==\n");
}

void report(const struct work *works, size_t count)
{
	struct figures *figures = calloc(count, sizeof(*figures));
	double compared = 0;

	if (!figures)
		abort();
	printf("%-40s %9s %9s  %6s  %s\n", "work", "ours", "peer", "ratio", "the peer");
	for (size_t n = 0; n < count; n++) {
		if (works[n].ours) {
			figures[n].ours = works[n].ours();
			compared = figures[n].ours;
		}
		if (works[n].peer)
			figures[n].peer = works[n].peer();
		print_line(&works[n], &figures[n], compared);
	}
	print_json(works, figures, count);
	free(figures);
}
