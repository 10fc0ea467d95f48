/* SPDX-License-Identifier: MIT */
/* The subcommands of the command `quoit`, one file each. They use include/quoit.h and nothing else of it. */
#ifndef QUOIT_CLI_CLI_H
#define QUOIT_CLI_CLI_H

/* Exit codes, the same for every subcommand. */
#define CLI_OK 0
#define CLI_FAILED 1 /* it could not be done; standard error says what and how to cure it */
#define CLI_USAGE 2  /* the command line is wrong */

/* Each gets the arguments behind its own name and returns an exit code. */
int cli_serve(int count, char **arguments);

/* Print "quoit: ..." to standard error and return `code`. */
int cli_error(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
