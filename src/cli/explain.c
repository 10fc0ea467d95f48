/* SPDX-License-Identifier: MIT */
/*
 * `quoit explain`: why a request would be answered as it would, without serving.
 *
 * Prints what quoit_explain() tells, then the head, with its CRLF, so that it can be compared with
 * what a server sends. An error that would be answered (404 ...) is explained like anything else, so it is no
 * failure of this command.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"
#include "quoit.h"

static int help(void)
{
	puts("Usage: quoit explain URL [-H 'Field: value']... [-X METHOD] [OPTION]...\n\n"
	     "Say how a request for URL would be answered, and why, without serving: the host\n"
	     "it is for, each redirect, rewrite and header rule, the files that are looked at,\n"
	     "language and coding, conditions and ranges; then the response head as it would\n"
	     "be sent. URL is a path, or http://HOST/PATH.\n\n"
	     "  -H 'Field: value'        a field of the request; may be given several times\n"
	     "  -X METHOD                its method (GET)\n"
	     "  --help                   this text\n\n"
	     "The options are those of quoit serve. Exit code 0: it is explained, whatever\n"
	     "the status; 2: the command line or the configuration is wrong; 1: it could not\n"
	     "be done.\n\n"
	     "Examples: quoit explain /index.html --root /srv/www\n"
	     "          quoit explain http://example.org/app.js -H 'Accept-Encoding: br' \\\n"
	     "            --config /etc/quoit/quoit.yaml");
	return cli_flush();
}

struct asked {
	struct quoit_request request;
	const char **fields; /* room for as many as there are arguments */
};

static int take_letter(void *context, char letter, const char *value)
{
	struct asked *asked = context;

	if (letter == 'X')
		asked->request.method = value;
	else
		asked->fields[asked->request.field_count++] = value;
	return CLI_OK;
}

static void print_line(void *context, const char *line)
{
	(void)context;
	puts(line);
}

static int explain(struct quoit *quoit, const struct quoit_request *request)
{
	int error;

	if (!request->url)
		return cli_error(CLI_USAGE,
				 "which URL? as in: quoit explain /index.html; see quoit explain --help");
	error = quoit_explain(quoit, request, print_line, NULL);
	if (error < 0)
		return cli_error(error == -EINVAL ? CLI_USAGE : CLI_FAILED, "%s", quoit_error(quoit));
	return cli_flush();
}

int cli_explain(int count, char **arguments)
{
	struct asked asked = { .fields = calloc((size_t)count + 1, sizeof(*asked.fields)) };
	const struct cli_letters letters = { "HX", take_letter, &asked };
	struct quoit *quoit = NULL;
	int code = CLI_FAILED;

	if (cli_wants_help(count, arguments)) {
		free(asked.fields);
		return help();
	}
	asked.request.fields = asked.fields;
	if (asked.fields)
		quoit = quoit_create();
	if (quoit)
		code = cli_read_arguments(quoit, count, arguments, &letters, &asked.request.url);
	else
		cli_error(CLI_FAILED, "no memory");
	if (code == CLI_OK)
		code = explain(quoit, &asked.request);
	quoit_destroy(quoit);
	free(asked.fields);
	return code;
}
