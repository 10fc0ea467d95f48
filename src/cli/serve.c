/* SPDX-License-Identifier: MIT */
/*
 * `quoit serve`: options to quoit_set(), signals to drain, stop and reload.
 *
 * The main thread sleeps in sigtimedwait(2); all work is done by the library's threads. The
 * flags are the library's option table, so a new option needs no line here.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "quoit.h"

/* How often the end of a drain is looked for. */
#define LOOK_MS 20

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
	     "finish what is under way and exit 0; a second one ends at once. SIGHUP opens\n"
	     "ROOT anew and forgets what is cached. Exit code 1: it could not run; 2: wrong\n"
	     "usage.\n\n"
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

static int announce(const struct quoit *quoit)
{
	const char *address;
	unsigned threads = quoit_threads(quoit);

	for (unsigned i = 0; (address = quoit_address(quoit, i)); i++)
		printf("quoit %s: serving %s on %s (%u thread%s, %s)\n", quoit_version(), quoit_root(quoit),
		       address, threads, threads == 1 ? "" : "s", quoit_engine(quoit));
	return fflush(stdout);
}

static void reload(struct quoit *quoit)
{
	if (quoit_reload(quoit) < 0)
		cli_error(CLI_OK, "reload: %s; serving on as before", quoit_error(quoit));
	else
		fprintf(stderr, "quoit: reloaded %s\n", quoit_root(quoit));
}

/* Until the workers have ended; signals decide how. */
static void wait_for_end(struct quoit *quoit, const sigset_t *signals)
{
	static const struct timespec look = { .tv_nsec = LOOK_MS * 1000000L };
	int draining = 0;

	while (quoit_join(quoit, 0) < 0) {
		int number = draining ? sigtimedwait(signals, NULL, &look) : sigwaitinfo(signals, NULL);

		if (number == SIGHUP) {
			reload(quoit);
		} else if (number == SIGINT || number == SIGTERM) {
			if (draining)
				quoit_stop(quoit);
			else
				quoit_drain(quoit);
			draining = 1;
		}
	}
}

int cli_serve(int count, char **arguments)
{
	struct quoit *quoit;
	sigset_t signals;
	int code, error;

	if (cli_wants_help(count, arguments))
		return help();
	quoit = quoit_create();
	if (!quoit)
		return cli_error(CLI_FAILED, "no memory");
	code = read_arguments(quoit, count, arguments);
	if (code != CLI_OK) {
		quoit_destroy(quoit);
		return code;
	}
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	error = quoit_start(quoit);
	if (error < 0)
		code = cli_error(error == -EINVAL ? CLI_USAGE : CLI_FAILED, "%s", quoit_error(quoit));
	else if (announce(quoit) != 0)
		code = cli_error(CLI_FAILED, "standard output cannot be written");
	else
		wait_for_end(quoit, &signals);
	quoit_destroy(quoit);
	return code;
}
