/* SPDX-License-Identifier: MIT */
/*
 * metered: a server whose counters can be read while it runs, for bench/lab.
 *
 *   metered root=/srv/www listen=127.0.0.1:0 ring=recv=single threads=1
 *
 * Each argument is an option of `quoit serve`, as quoit_set() takes it. The first line of the
 * output is {"version": ..., "engine": ..., "address": ...}; then each line of the input, whatever it says,
 * is answered by one line: every counter of the server, and how often the kernel took this process off its
 * processor (getrusage(2)). The end of the input ends the program.
 *
 * Uses the public header only. A signal has its default effect: the measuring program ends it by
 * closing its input, and a killed one leaves nothing behind. Exit codes as of `quoit`: 1, it could
 * not run; 2, wrong usage; the reason is a sentence on standard error.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "quoit.h"

enum { CODE_FAILED = 1, CODE_USAGE = 2 };

static int fail(int code, const char *what, const char *why)
{
	fprintf(stderr, "metered: %s%s%s\n", what, *what && *why ? ": " : "", why);
	return code;
}

/* 0, or what to exit with. */
static int set_options(struct quoit *quoit, int count, char **arguments)
{
	for (int i = 1; i < count; i++) {
		char *value = strchr(arguments[i], '=');

		if (!value)
			return fail(CODE_USAGE, arguments[i], "not an option and its value: NAME=VALUE");
		*value++ = '\0';
		if (quoit_set(quoit, arguments[i], value) < 0)
			return fail(CODE_USAGE, "", quoit_error(quoit));
	}
	return 0;
}

/* Counters only grow but for those of what is open now; the reader takes differences. */
static void print_counters(const struct quoit *quoit)
{
	const char *name, *sentence;
	struct rusage usage;
	uint64_t value;

	for (unsigned i = 0; (name = quoit_counter_name(i, &sentence)); i++)
		if (quoit_counter(quoit, name, &value) == 0)
			printf("%s\"%s\": %" PRIu64, i == 0 ? "{" : ", ", name, value);
	getrusage(RUSAGE_SELF, &usage);
	printf(", \"switches_voluntary\": %ld, \"switches_involuntary\": %ld}\n", usage.ru_nvcsw,
	       usage.ru_nivcsw);
}

/* Until the input ends. 0, or what to exit with. */
static int answer_lines(const struct quoit *quoit)
{
	int byte;

	while ((byte = getchar()) != EOF) {
		if (byte != '\n')
			continue;
		print_counters(quoit);
		if (fflush(stdout) != 0)
			return fail(CODE_FAILED, "standard output", strerror(errno));
	}
	return 0;
}

static int run(struct quoit *quoit, int count, char **arguments)
{
	int code = set_options(quoit, count, arguments);

	if (code)
		return code;
	if (quoit_start(quoit) < 0)
		return fail(CODE_FAILED, "", quoit_error(quoit));
	printf("{\"version\": \"%s\", \"engine\": \"%s\", \"address\": \"%s\"}\n", quoit_version(),
	       quoit_engine(quoit), quoit_address(quoit, 0));
	if (fflush(stdout) != 0)
		return fail(CODE_FAILED, "standard output", strerror(errno));
	return answer_lines(quoit);
}

int main(int count, char **arguments)
{
	struct quoit *quoit = quoit_create();
	int code;

	if (!quoit)
		return fail(CODE_FAILED, "", "no memory");
	code = run(quoit, count, arguments);
	quoit_destroy(quoit);
	return code;
}
