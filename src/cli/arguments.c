/* SPDX-License-Identifier: MIT */
/*
 * The command line of every subcommand that takes the server's options.
 *
 * "--name value" and "--name=value" go to quoit_set(), so a new option needs no line here. One operand may
 * stand among them; what it means is up to the subcommand, and so are options with a single dash, which
 * `quoit explain` has. Behind "--" everything is an operand.
 *
 * The hard thing is which of two mistakes to tell: of a misspelt name without a value the name is the
 * likelier one. A switch needs no value, so one that could be its value is taken, and nothing else.
 */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "quoit.h"

struct reader {
	struct quoit *quoit;
	const struct cli_letters *letters;
	char **argument;
	int count;
	int at; /* the next one */
	const char *operand;
};

static int is_word_of_switch(const char *word)
{
	static const char *const words[] = { "on", "off", "true", "false", "yes", "no" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(word, words[i]) == 0)
			return 1;
	return 0;
}

/* Underscores are dashes. */
static int is_name(const char *text, const char *name)
{
	while (*text && (*text == *name || (*text == '_' && *name == '-'))) {
		text++;
		name++;
	}
	return *text == *name;
}

static int is_switch(const char *name)
{
	struct quoit_option option;

	for (unsigned i = 0; quoit_option(i, &option) == 0; i++)
		if (is_name(name, option.name))
			return strcmp(option.value, "on|off") == 0;
	return 0;
}

static int take_flag(struct reader *reader, char *name)
{
	char *value = strchr(name, '=');

	if (value)
		*value++ = 0;
	else if (is_switch(name) &&
		 (reader->at == reader->count || !is_word_of_switch(reader->argument[reader->at])))
		value = "on";
	else if (reader->at < reader->count)
		value = reader->argument[reader->at++];
	/* Without a value the name is still worth a look: a misspelt one is the likelier mistake. */
	if (quoit_set(reader->quoit, name, value ? value : "") < 0 &&
	    (value || strstr(quoit_error(reader->quoit), "there is no")))
		return cli_error(CLI_USAGE, "%s", quoit_error(reader->quoit));
	if (!value)
		return cli_error(CLI_USAGE, "--%s needs a value; see --help", name);
	return CLI_OK;
}

/* "-H value" and "-Hvalue". */
static int take_letter(struct reader *reader, const char *text)
{
	const struct cli_letters *letters = reader->letters;

	if (!letters || !strchr(letters->known, text[1]))
		return cli_error(CLI_USAGE, "there is no option \"%s\"; see --help", text);
	if (text[2])
		return letters->take(letters->context, text[1], text + 2);
	if (reader->at == reader->count)
		return cli_error(CLI_USAGE, "-%c needs a value; see --help", text[1]);
	return letters->take(letters->context, text[1], reader->argument[reader->at++]);
}

static int take_operand(struct reader *reader, const char *text)
{
	if (reader->operand)
		return cli_error(CLI_USAGE,
				 "one argument is expected, not both \"%s\" and \"%s\"; see --help",
				 reader->operand, text);
	reader->operand = text;
	return CLI_OK;
}

int cli_read_arguments(struct quoit *quoit, int count, char **arguments, const struct cli_letters *letters,
		       const char **ret_operand)
{
	struct reader reader = { .quoit = quoit, .letters = letters, .argument = arguments, .count = count };
	int flags_end = 0, code = CLI_OK;

	while (code == CLI_OK && reader.at < count) {
		char *text = arguments[reader.at++];

		if (flags_end || text[0] != '-' || text[1] == 0)
			code = take_operand(&reader, text);
		else if (strcmp(text, "--") == 0)
			flags_end = 1;
		else if (text[1] == '-')
			code = take_flag(&reader, text + 2);
		else
			code = take_letter(&reader, text);
	}
	if (code == CLI_OK && reader.operand)
		*ret_operand = reader.operand;
	return code;
}

int cli_read_flags(struct quoit *quoit, int count, char **arguments, const char **ret_operand)
{
	return cli_read_arguments(quoit, count, arguments, NULL, ret_operand);
}

int cli_wants_help(int count, char **arguments)
{
	for (int i = 0; i < count && strcmp(arguments[i], "--") != 0; i++)
		if (strcmp(arguments[i], "--help") == 0 || strcmp(arguments[i], "-h") == 0)
			return 1;
	return 0;
}

int cli_flush(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return CLI_OK;
	return cli_error(CLI_FAILED, "standard output cannot be written");
}
