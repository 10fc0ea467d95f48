/* SPDX-License-Identifier: MIT */
/* The subcommands of the command `quoit`, one file each. They use include/quoit.h and nothing else of it. */
#ifndef QUOIT_CLI_CLI_H
#define QUOIT_CLI_CLI_H

#include <stddef.h>

struct quoit;

/* Exit codes, the same for every subcommand. */
#define CLI_OK 0
#define CLI_FAILED 1 /* it could not be done; standard error says what and how to cure it */
#define CLI_USAGE 2  /* the command line is wrong, or the configuration */

/* Each gets the arguments behind its own name and returns an exit code. */
int cli_serve(int count, char **arguments);
int cli_check(int count, char **arguments);
int cli_explain(int count, char **arguments);
int cli_calibrate(int count, char **arguments);
int cli_reload(int count, char **arguments);
int cli_upgrade(int count, char **arguments);
int cli_drain(int count, char **arguments);
int cli_stop(int count, char **arguments);

/* By what name this process was started: argv[0]. */
extern const char *cli_program;

/* Print "quoit: ..." to standard error and return `code`. */
int cli_error(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same, of what is no error. */
void cli_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * From now on nothing that is said is waited for: a line that a pipe nobody reads does not take at once is
 * lost, and the next one that is written tells how many were. For a server that runs, and for one that
 * another waits for.
 */
void cli_stop_waiting(void);

/* Write a line to a descriptor, cut at what a pipe that is ready takes, or not at all if that would wait. */
int cli_write_now(int fd, const char *line, size_t size);

/* Standard output may be a full disk or a closed pipe: that is a failure like any other. */
int cli_flush(void);

/* Is --help or -h among the arguments? */
int cli_wants_help(int count, char **arguments);

/*
 * Set the server's options from "--name value" and "--name=value"; a switch may stand alone, which is on. At
 * most one argument may be something else; *ret_operand is set to it when there is one. CLI_OK, or an exit
 * code after the mistake was told. Writes into the arguments.
 */
int cli_read_flags(struct quoit *quoit, int count, char **arguments, const char **ret_operand);

/* Options of a subcommand's own, with a single dash and a value: those of `known`. `take` returns an exit
 * code. */
struct cli_letters {
	const char *known; /* "HX" */
	int (*take)(void *context, char letter, const char *value);
	void *context;
};
/* The same with such options. */
int cli_read_arguments(struct quoit *quoit, int count, char **arguments, const struct cli_letters *letters,
		       const char **ret_operand);

#endif
