/* SPDX-License-Identifier: MIT */
/*
 * The command `quoit`: finds the subcommand and hands over.
 *
 * A subcommand is a row of the table here and a file of its own beside it.
 */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "quoit.h"
#include "upgrade.h"

static const struct {
	const char *name;
	int (*run)(int count, char **arguments);
	const char *sentence;
} commands[] = {
	{ "serve", cli_serve, "serve a folder over HTTP" },
	{ "check", cli_check, "say what is wrong with a configuration file" },
	{ "explain", cli_explain, "say how a request would be answered, and why" },
	{ "reload", cli_reload, "have a server read its configuration anew" },
	{ "upgrade", cli_upgrade, "replace a server by a new one without losing a request" },
	{ "drain", cli_drain, "end a server when it has answered what is under way" },
	{ "stop", cli_stop, "end a server now" },
	{ "calibrate", cli_calibrate, "measure which thresholds suit this machine" },
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

const char *cli_program = "quoit";

static int is_waiting = 1;
static unsigned lost; /* lines */

void cli_stop_waiting(void)
{
	is_waiting = 0;
}

/* poll(2) promises a page of a pipe: also when a worker writes between the two, there is room for a line. */
int cli_write_now(int fd, const char *line, size_t size)
{
	struct pollfd ready = { .fd = fd, .events = POLLOUT };

	if (size > PIPE_BUF)
		size = PIPE_BUF;
	if (poll(&ready, 1, 0) != 1 || !(ready.revents & POLLOUT))
		return -1;
	return write(fd, line, size) == (ssize_t)size ? 0 : -1;
}

void cli_say(const char *format, ...)
{
	char text[1024], line[sizeof(text) + 64];
	va_list arguments;
	int size;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (is_waiting) {
		fprintf(stderr, "quoit: %s\n", text);
		return;
	}
	size = lost == 0
		       ? snprintf(line, sizeof(line), "quoit: %s\n", text)
		       : snprintf(line, sizeof(line), "quoit: (%u earlier lines were lost) %s\n", lost, text);
	lost = cli_write_now(STDERR_FILENO, line, (size_t)size) == 0 ? 0 : lost + 1;
}

int cli_error(int code, const char *format, ...)
{
	char text[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	predecessor_tell_error(text);
	cli_say("%s", text);
	return code;
}

/*
 * A closed standard descriptor would be given to the next thing that is opened, a listener say, and
 * messages would go there. Filled the wrong way round, so that using it still fails. And a
 * reader of messages that has gone must not end a server, nor must a parent that ignored its children make
 * the end of a successor, which is waited for, go by unseen.
 */
static int prepare_process(void)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		if (open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			return -1;
	}
	return signal(SIGPIPE, SIG_IGN) == SIG_ERR || signal(SIGCHLD, SIG_DFL) == SIG_ERR ? -1 : 0;
}

static int help(FILE *out)
{
	fprintf(out,
		"quoit %s: an HTTP server for static content on io_uring\n\n"
		"Usage: quoit COMMAND [OPTION]...\n\n",
		quoit_version());
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].sentence);
	fprintf(out, "\n  --help     this text; quoit COMMAND --help tells more\n"
		     "  --version  the version\n\n"
		     "Example: quoit serve /srv/www --listen 127.0.0.1:8080\n");
	return cli_flush();
}

int main(int count, char **arguments)
{
	if (count > 0 && arguments[0][0])
		cli_program = arguments[0];
	if (prepare_process() < 0)
		return CLI_FAILED; /* there is nowhere to say so */
	if (count < 2) {
		help(stderr);
		return CLI_USAGE;
	}
	if (strcmp(arguments[1], "--help") == 0 || strcmp(arguments[1], "-h") == 0 ||
	    strcmp(arguments[1], "help") == 0)
		return help(stdout);
	if (strcmp(arguments[1], "--version") == 0 || strcmp(arguments[1], "-V") == 0) {
		printf("quoit %s\n", quoit_version());
		return cli_flush();
	}
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (strcmp(arguments[1], commands[i].name) == 0)
			return commands[i].run(count - 2, arguments + 2);
	return cli_error(CLI_USAGE, "there is no command \"%s\"; see quoit --help", arguments[1]);
}
