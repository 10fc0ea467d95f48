/* SPDX-License-Identifier: MIT */
/*
 * `quoit serve`: options to quoit_set(), sockets that were inherited to quoit_inherit(), then the control
 * plane (plane.c).
 *
 * All work is done by the library's threads. The flags are the library's option table, so a new option needs
 * no line here.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "plane.h"
#include "quoit.h"
#include "upgrade.h"

#define HELP_INDENT 27
#define HELP_WIDTH 80

/* The text behind column HELP_INDENT, broken between words before column HELP_WIDTH. */
static void print_wrapped(const char *text)
{
	size_t column = HELP_INDENT;

	while (*text) {
		size_t size = strcspn(text, " ");

		if (column > HELP_INDENT && column + 1 + size > HELP_WIDTH) {
			printf("\n%*s", HELP_INDENT, "");
			column = HELP_INDENT;
		} else if (column > HELP_INDENT) {
			putchar(' ');
			column++;
		}
		printf("%.*s", (int)size, text);
		column += size;
		text += size + strspn(text + size, " ");
	}
	putchar('\n');
}

static int help(void)
{
	struct quoit_option option;

	puts("Usage: quoit serve [ROOT] [OPTION]...\n\n"
	     "Serve the folder ROOT (default: the current one) over HTTP.\n");
	for (unsigned i = 0; quoit_option(i, &option) == 0; i++) {
		char flag[64], text[512];

		snprintf(flag, sizeof(flag), "--%s %s", option.name, option.value);
		snprintf(text, sizeof(text), "%s (%s)", option.sentence, option.fallback);
		printf("  %-*s", HELP_INDENT - 2, flag);
		if (strlen(flag) + 2 >= HELP_INDENT)
			printf("\n%*s", HELP_INDENT, "");
		print_wrapped(text);
	}
	printf("  %-*sthis text\n", HELP_INDENT - 2, "--help");
	puts("\nSIZE: bytes, or K, M, G, T behind it. SECONDS: with a fraction if need be.\n"
	     "on|off: the option alone is on. In brackets: the default. SIGTERM and SIGINT\n"
	     "finish what is under way and exit 0; a second one ends at once. SIGHUP reads\n"
	     "the configuration anew, SIGUSR2 starts a successor on the same sockets. Exit\n"
	     "code 1: it could not run; 2: wrong usage.\n\n"
	     "Examples: quoit serve /srv/www\n"
	     "          quoit serve . --listen '*:8080' --listen unix:/run/quoit.sock");
	return cli_flush();
}

/* CLI_OK, or what to exit with. */
static int read_arguments(struct quoit *quoit, int count, char **arguments)
{
	const char *root = NULL;
	int code = cli_read_flags(quoit, count, arguments, &root);

	if (code != CLI_OK || !root)
		return code;
	return quoit_set(quoit, "root", root) < 0 ? cli_error(CLI_USAGE, "%s", quoit_error(quoit)) : CLI_OK;
}

/*
 * Who started the first server may wait for these lines, and is waited for. Nobody waits for a successor's:
 * its standard output may be a pipe that has not been read for weeks.
 */
static void print_line(const char *line)
{
	if (predecessor_is_there())
		cli_write_now(STDOUT_FILENO, line, strlen(line));
	else
		fputs(line, stdout);
}

static int announce(const struct quoit *quoit)
{
	char line[PATH_MAX + 512];
	const char *address;
	unsigned threads = quoit_threads(quoit);

	for (unsigned i = 0; (address = quoit_address(quoit, i)); i++) {
		snprintf(line, sizeof(line), "quoit %s: serving %s on %s (%u thread%s, %s)\n",
			 quoit_version(), quoit_root(quoit), address, threads, threads == 1 ? "" : "s",
			 quoit_engine(quoit));
		print_line(line);
	}
	snprintf(line, sizeof(line), "quoit %s: confined: %s\n", quoit_version(), quoit_confinement(quoit));
	print_line(line);
	return fflush(stdout);
}

static int run(struct quoit *quoit, int count, char **arguments)
{
	int control = -1, error;
	int code = read_arguments(quoit, count, arguments);

	if (code == CLI_OK)
		code = predecessor_inherit(quoit, &control);
	if (predecessor_is_there())
		cli_stop_waiting();
	if (code != CLI_OK)
		return code;
	plane_catch_signals();
	error = quoit_start(quoit);
	if (error < 0)
		return cli_error(error == -EINVAL ? CLI_USAGE : CLI_FAILED, "%s", quoit_error(quoit));
	return plane_run(quoit, control, announce);
}

int cli_serve(int count, char **arguments)
{
	struct quoit *quoit;
	int code;

	if (cli_wants_help(count, arguments))
		return help();
	/* Reading the arguments writes into them. */
	if (successor_prepare(cli_program, count, arguments) < 0)
		return cli_error(CLI_FAILED, "no memory");
	quoit = quoit_create();
	if (!quoit)
		return cli_error(CLI_FAILED, "no memory");
	quoit_own_process(quoit);
	code = run(quoit, count, arguments);
	quoit_destroy(quoit);
	successor_forget();
	return code;
}
