/* SPDX-License-Identifier: MIT */
/*
 * One line of a header rule; see change.h, and rule.def for the fields that are special.
 *
 * site/rule has every line of a configuration read here, and applied where an asset is made. Never
 * allocates but for a problem: name and value stay where they were written.
 *
 * Whoever writes a line wrongly is shown how it is written. Most lines come from the configuration
 * of another server, where a blank or "=" stands for the colon.
 */
#include "site/change.h"

#include "http/scan.h"

enum allowed {
	NOTHING = 0,
	SET = CHANGE_SET,
	ADD = CHANGE_ADD,
	REMOVE = CHANGE_REMOVE,
	ANYTHING = SET | ADD | REMOVE,
};
enum about { ANSWER, CONTENT, VALIDATOR };

struct row {
	struct bytes name;
	unsigned allowed;
	enum about about;
	const char *reason;
};

static const struct row rows[] = {
#define RULE_FIELD(name, allowed, about, reason)                                                             \
	{ { (const uint8_t *)(name), sizeof(name) - 1 }, allowed, about, reason },
#include "site/rule.def"
#undef RULE_FIELD
};

static const struct row *find_row(struct bytes name)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (bytes_equal_nocase(name, rows[i].name))
			return &rows[i];
	return NULL;
}

const char *change_refusal(struct bytes name, enum change_verb verb)
{
	const struct row *row = find_row(name);

	return row && !(row->allowed & verb) ? row->reason : NULL;
}

static bool is_name(struct bytes text)
{
	for (size_t i = 0; i < text.size; i++)
		if (scan_is(SCAN_NAME, text.base[i]))
			return false;
	return text.size > 0;
}

/* A strong entity tag (RFC 9110 8.8.3): visible bytes but quotes, in quotes. */
static bool is_entity_tag(struct bytes value)
{
	if (value.size < 2 || value.base[0] != '"' || value.base[value.size - 1] != '"')
		return false;
	for (size_t i = 1; i < value.size - 1; i++)
		if (value.base[i] <= ' ' || value.base[i] == '"' || value.base[i] == 0x7f)
			return false;
	return true;
}

/* "X-Frame-Options DENY", "X-Frame-Options=DENY". Always false. */
static bool refuse_without_colon(struct bytes text, const struct place *place, struct problems *problems)
{
	struct bytes rest = text;

	while (rest.size > 0 && !scan_is(SCAN_NAME, rest.base[0]))
		rest = bytes_skip(rest, 1);
	text.size -= rest.size;
	rest = bytes_trim(rest);
	if (rest.size > 0 && rest.base[0] == '=')
		rest = bytes_trim(bytes_skip(rest, 1));
	if (text.size > 0 && rest.size > 0)
		problems_add(problems, place, "there is no colon; did you mean \"%.*s: %.*s\"?",
			     (int)text.size, text.base, (int)rest.size, rest.base);
	else
		problems_add(problems, place, "a field is written \"Name: value\"");
	return false;
}

static bool read_line(struct change *change, struct bytes text, const struct place *place,
		      struct problems *problems)
{
	const uint8_t *colon = memchr(text.base, ':', text.size);

	for (size_t i = 0; i < text.size; i++) {
		if (!scan_is(SCAN_CONTROL, text.base[i]))
			continue;
		problems_add(problems, place, "the byte 0x%02x cannot be part of a field", text.base[i]);
		return false;
	}
	if (!colon)
		return refuse_without_colon(text, place, problems);
	change->name = bytes_trim(bytes_make(text.base, (size_t)(colon - text.base)));
	change->value = bytes_trim(bytes_skip(text, (size_t)(colon - text.base) + 1));
	if (!is_name(change->name)) {
		problems_add(problems, place, "\"%.*s\" is not a field name: letters, digits and - make one",
			     (int)change->name.size, change->name.base);
		return false;
	}
	if (change->value.size == 0) {
		problems_add(problems, place, "%.*s has no value; to be rid of it, name it under remove",
			     (int)change->name.size, change->name.base);
		return false;
	}
	return true;
}

static bool read_name(struct change *change, struct bytes text, const struct place *place,
		      struct problems *problems)
{
	const uint8_t *colon = memchr(text.base, ':', text.size);
	struct bytes name = colon ? bytes_trim(bytes_make(text.base, (size_t)(colon - text.base))) : text;

	change->name = text;
	change->value = BYTES("");
	if (!is_name(name) || memchr(name.base, '*', name.size)) {
		problems_add(problems, place, "the name of one field is expected, such as \"Server\"");
		return false;
	}
	if (colon) {
		problems_add(problems, place, "to remove takes the name alone; write \"%.*s\"",
			     (int)name.size, name.base);
		return false;
	}
	return true;
}

/* Does what rule.def says of the field allow this? */
static bool is_allowed(const struct change *change, const struct row *row, bool divides_content,
		       const struct place *place, struct problems *problems)
{
	const char *done = change->verb == CHANGE_SET   ? "set"
			   : change->verb == CHANGE_ADD ? "added"
							: "removed";

	if (!(row->allowed & change->verb)) {
		problems_add(problems, place, "%s cannot be %s: %s", row->name.base, done, row->reason);
		return false;
	}
	if (row->about == VALIDATOR && divides_content) {
		problems_add(problems, place,
			     "%s must be the same with 200 and 304; leave status out of this rule",
			     row->name.base);
		return false;
	}
	if (change->verb == CHANGE_SET && row->about == VALIDATOR && !is_entity_tag(change->value)) {
		problems_add(problems, place,
			     "%s is a strong entity tag, in double quotes: write '%s: \"v1\"'",
			     row->name.base, row->name.base);
		return false;
	}
	return true;
}

bool change_read(struct change *change, enum change_verb verb, struct bytes text, bool divides_content,
		 const struct place *place, struct problems *problems)
{
	const struct row *row;
	bool is_read;

	text = bytes_trim(text);
	change->verb = verb;
	is_read = verb == CHANGE_REMOVE ? read_name(change, text, place, problems)
					: read_line(change, text, place, problems);
	if (!is_read)
		return false;
	row = find_row(change->name);
	change->is_content = row && row->about != ANSWER && verb != CHANGE_REMOVE;
	return !row || is_allowed(change, row, divides_content, place, problems);
}

static void say(struct text *said, const char *what, const struct change *change)
{
	if (!said)
		return;
	text_format(said, " %s %.*s", what, (int)change->name.size, change->name.base);
	if (change->value.size > 0)
		text_format(said, ": %.*s", (int)change->value.size, change->value.base);
}

void change_apply(const struct change *change, struct fields *fields, struct text *said)
{
	bool is_there = fields_find(fields, change->name);

	if (change->verb == CHANGE_REMOVE) {
		say(said, is_there ? "remove" : "finds no", change);
		fields_remove(fields, change->name);
	} else if (change->verb == CHANGE_ADD || bytes_equal_nocase(change->name, BYTES("Vary"))) {
		say(said, "add", change);
		fields_add(fields, change->name, change->value);
	} else if (!is_there && bytes_equal_nocase(change->name, BYTES("Content-Type"))) {
		say(said, "finds no content for", change);
	} else {
		say(said, "set", change);
		fields_set(fields, change->name, change->value);
	}
}
