/* SPDX-License-Identifier: MIT */
/*
 * `quoit check`: everything that is wrong with a configuration, before anything is served by it.
 *
 * Tries what a start would need (keys and values, patterns, roots, listen addresses) and starts
 * nothing. Each problem is one line on standard error, in the form that editors and compilers have
 * made common, so that an editor can jump to it. A service runs it before a reload.
 */
#include <stdio.h>

#include "cli.h"
#include "quoit.h"

static int help(void)
{
	puts("Usage: quoit check FILE [OPTION]...\n\n"
	     "Say what is wrong with the configuration FILE: for each problem one line\n"
	     "FILE:LINE:COLUMN: what is wrong and what was expected, on standard error.\n"
	     "What a start would need is tried too: roots, patterns, addresses. Nothing is\n"
	     "started.\n\n"
	     "The options are those of quoit serve; give those it will be started with, as\n"
	     "they count more than FILE. Exit code 0: FILE is good; 2: it is not, or the\n"
	     "command line is wrong; 1: it could not be checked.\n\n"
	     "Examples: quoit check quoit.yaml\n"
	     "          quoit check /etc/quoit/quoit.yaml --root /srv/www");
	return cli_flush();
}

static void print_line(void *context, const char *line)
{
	(void)context;
	fprintf(stderr, "%s\n", line);
}

static int check_file(struct quoit *quoit, const char *file)
{
	int count;

	if (quoit_set(quoit, "config", file) < 0)
		return cli_error(CLI_USAGE, "%s", quoit_error(quoit));
	count = quoit_check(quoit, print_line, NULL);
	if (count < 0)
		return cli_error(CLI_FAILED, "%s", quoit_error(quoit));
	if (count > 0)
		return cli_error(CLI_USAGE, "%d problem%s in %s", count, count == 1 ? "" : "s", file);
	printf("%s: ok\n", file);
	return cli_flush();
}

int cli_check(int count, char **arguments)
{
	const char *file = NULL;
	struct quoit *quoit;
	int code;

	if (cli_wants_help(count, arguments))
		return help();
	quoit = quoit_create();
	if (!quoit)
		return cli_error(CLI_FAILED, "no memory");
	code = cli_read_flags(quoit, count, arguments, &file);
	if (code == CLI_OK && !file)
		code = cli_error(CLI_USAGE,
				 "which FILE? as in: quoit check quoit.yaml; see quoit check --help");
	if (code == CLI_OK)
		code = check_file(quoit, file);
	quoit_destroy(quoit);
	return code;
}
