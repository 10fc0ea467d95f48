/* SPDX-License-Identifier: MIT */
/*
 * Values of options as text: how each kind is typed, read and written.
 *
 * The kinds are the second column of the option table (serve/config.def); what is a number inside
 * is read here, and lists are brought into their one form. Nothing here knows an option.
 */
#ifndef QUOIT_SERVE_CONFIG_VALUE_H
#define QUOIT_SERVE_CONFIG_VALUE_H

#include <stdbool.h>
#include <stdint.h>

enum option_kind {
	OPTION_TEXT,
	OPTION_LIST,
	OPTION_CHOICE,
	OPTION_SWITCH,
	OPTION_COUNT_,
	OPTION_SIZE,
	OPTION_SECONDS,
};

#define VALUE_SIZE_MAX 128 /* of a default or a number as text, with its NUL */

/* TEXT and LIST are kept as text, all others as a number. */
static inline bool value_is_text(enum option_kind kind)
{
	return kind == OPTION_TEXT || kind == OPTION_LIST;
}

/* `words` ("add|remove|none") is looked at for a CHOICE alone. False: that is no such value. */
bool value_read(enum option_kind kind, const char *words, const char *text, uint64_t *ret_number);

/* A number as one would type it. */
void value_write(enum option_kind kind, const char *words, uint64_t number, char out[VALUE_SIZE_MAX]);

/*
 * A list in its one form: "none" and "" are "", spaces around the commas are gone. `out` has room for
 * strlen(text) + 1. False: there is an empty item.
 */
bool value_read_list(const char *text, char *out);

/* What to type, for a sentence: "a whole number", "inside, deny or follow". */
void value_describe(enum option_kind kind, const char *words, char out[VALUE_SIZE_MAX]);

/* What stands behind the flag in a help text: "SIZE", "on|off". Of a CHOICE its words. */
const char *value_placeholder(enum option_kind kind, const char *words);

#endif
