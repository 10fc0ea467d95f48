/* SPDX-License-Identifier: MIT */
/*
 * site/change: a line of a rule is a field that may be changed so, or a problem that shows the cure.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>

#include "guard.h"
#include "site/change.h"

static void assert_read(enum change_verb verb, const char *line, const char *name, const char *value)
{
	struct problems problems = { .count = 0 };
	size_t size = strlen(line);
	uint8_t *copy = guard_copy(line, size);
	struct change change;

	if (!change_read(&change, verb, bytes_make(copy, size), false, NULL, &problems))
		fail_msg("%s: %s", line, problems.problem[0].text);
	assert_int_equal(change.verb, verb);
	assert_true(bytes_equal(change.name, bytes_string(name)));
	assert_true(bytes_equal(change.value, bytes_string(value)));
	assert_int_equal(problems.count, 0);
	guard_release(copy, size);
}

static void assert_problem_with(enum change_verb verb, const char *line, bool names_status,
				const char *expected)
{
	struct problems problems = { .count = 0 };
	size_t size = strlen(line);
	uint8_t *copy = guard_copy(line, size);
	struct change change;

	if (change_read(&change, verb, bytes_make(copy, size), names_status, PLACE_KEY(NULL, "set"),
			&problems))
		fail_msg("%s is taken", line);
	assert_int_equal(problems.count, 1);
	assert_string_equal(problems.problem[0].path, "set");
	assert_string_equal(problems.problem[0].text, expected);
	problems_deinit(&problems);
	guard_release(copy, size);
}

static void assert_problem(enum change_verb verb, const char *line, const char *expected)
{
	assert_problem_with(verb, line, false, expected);
}

static void a_line_is_a_name_a_colon_and_a_value(void **state)
{
	(void)state;
	assert_read(CHANGE_SET, "X-A: b", "X-A", "b");
	assert_read(CHANGE_ADD, "X-A:b", "X-A", "b");
	assert_read(CHANGE_SET, " \tX-A \t:\t b c \t", "X-A", "b c");
	assert_read(CHANGE_SET, "X-A: b: c", "X-A", "b: c");
	assert_read(CHANGE_SET, "X-A: b\tc\x80\xff", "X-A", "b\tc\x80\xff");
	assert_read(CHANGE_SET, "!#$%&'*+.^_`|~9: b", "!#$%&'*+.^_`|~9", "b");
	assert_read(CHANGE_REMOVE, " X-A ", "X-A", "");
}

static void a_line_without_a_colon_is_shown_with_it(void **state)
{
	(void)state;
	assert_problem(CHANGE_SET, "X-Frame-Options DENY",
		       "there is no colon; did you mean \"X-Frame-Options: DENY\"?");
	assert_problem(CHANGE_SET, "X-Frame-Options=DENY",
		       "there is no colon; did you mean \"X-Frame-Options: DENY\"?");
	assert_problem(CHANGE_ADD, "X-Frame-Options = DENY",
		       "there is no colon; did you mean \"X-Frame-Options: DENY\"?");
	assert_problem(CHANGE_SET, "X-Frame-Options", "a field is written \"Name: value\"");
	assert_problem(CHANGE_SET, "X-Frame-Options =", "a field is written \"Name: value\"");
	assert_problem(CHANGE_SET, "=", "a field is written \"Name: value\"");
	assert_problem(CHANGE_SET, "", "a field is written \"Name: value\"");
}

static void what_is_no_field_is_a_problem(void **state)
{
	(void)state;
	assert_problem(CHANGE_SET, "X Frame: a",
		       "\"X Frame\" is not a field name: letters, digits and - make one");
	assert_problem(CHANGE_SET, ": a", "\"\" is not a field name: letters, digits and - make one");
	assert_problem(CHANGE_SET, "X-A:", "X-A has no value; to be rid of it, name it under remove");
	assert_problem(CHANGE_SET, "X-A: \t", "X-A has no value; to be rid of it, name it under remove");
}

/* A line feed in a value would be a field of its own, or the end of the head. */
static void no_control_byte_gets_into_a_field(void **state)
{
	(void)state;
	for (int byte = 1; byte < 256; byte++) {
		bool is_control = (byte < ' ' && byte != '\t') || byte == 0x7f;
		char line[] = "X-A: b?c", expected[64];

		line[6] = (char)byte;
		snprintf(expected, sizeof(expected), "the byte 0x%02x cannot be part of a field", byte);
		if (is_control)
			assert_problem(CHANGE_SET, line, expected);
		else
			assert_read(CHANGE_SET, line, "X-A", line + 5);
	}
	assert_problem(CHANGE_SET, "X-A\n: b", "the byte 0x0a cannot be part of a field");
}

static void remove_takes_a_name_alone(void **state)
{
	const char *expected = "the name of one field is expected, such as \"Server\"";

	(void)state;
	assert_problem(CHANGE_REMOVE, "X-A: b", "to remove takes the name alone; write \"X-A\"");
	assert_problem(CHANGE_REMOVE, "X-A:", "to remove takes the name alone; write \"X-A\"");
	assert_problem(CHANGE_REMOVE, "X-*", expected);
	assert_problem(CHANGE_REMOVE, "X-A X-B", expected);
	assert_problem(CHANGE_REMOVE, "X-A\n", expected);
	assert_problem(CHANGE_REMOVE, "", expected);
}

/* In any case of letters, and by any verb. */
static void what_frames_a_message_or_depends_on_a_request_is_left_alone(void **state)
{
	static const char *const names[] = {
		"content-length", "TRANSFER-ENCODING", "Connection", "Keep-Alive",       "Date",
		"Trailer",        "Content-Range",     "Upgrade",    "Content-Encoding", "TE",
		"Location",       "Repr-Digest",       "Allow",      "Proxy-Connection",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_non_null(change_refusal(bytes_string(names[i]), CHANGE_SET));
		assert_non_null(change_refusal(bytes_string(names[i]), CHANGE_ADD));
		assert_non_null(change_refusal(bytes_string(names[i]), CHANGE_REMOVE));
	}
	assert_problem(CHANGE_SET, "content-length: 5",
		       "Content-Length cannot be set: it frames the message, the server counts");
	assert_problem(CHANGE_ADD, "Location: /",
		       "Location cannot be added: redirects make it; write one under redirects");
	assert_problem(CHANGE_REMOVE, "Allow",
		       "Allow cannot be removed: it lists the methods that the server knows");
}

static void some_fields_allow_some_changes(void **state)
{
	static const struct {
		const char *name;
		unsigned allowed;
	} rows[] = {
		{ "accept-ranges", CHANGE_REMOVE },
		{ "Last-Modified", CHANGE_REMOVE },
		{ "ETag", CHANGE_SET | CHANGE_REMOVE },
		{ "Server", CHANGE_SET | CHANGE_REMOVE },
		{ "Content-Type", CHANGE_SET },
		{ "Vary", CHANGE_SET | CHANGE_ADD },
		{ "Cache-Control", CHANGE_SET | CHANGE_ADD | CHANGE_REMOVE },
		{ "X-Anything", CHANGE_SET | CHANGE_ADD | CHANGE_REMOVE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (enum change_verb verb = CHANGE_REMOVE; verb <= CHANGE_ADD; verb <<= 1)
			if (!change_refusal(bytes_string(rows[i].name), verb) != !!(rows[i].allowed & verb))
				fail_msg("%s, verb %u", rows[i].name, verb);
}

static void an_entity_tag_is_strong_and_in_quotes(void **state)
{
	static const char *const wrong[] = { "v1",       "\"v1",    "v1\"",     "\"",
					     "W/\"v1\"", "\"a b\"", "\"a\"b\"", "*" };
	const char *expected = "ETag is a strong entity tag, in double quotes: write 'ETag: \"v1\"'";

	(void)state;
	assert_read(CHANGE_SET, "ETag: \"v1\"", "ETag", "\"v1\"");
	assert_read(CHANGE_SET, "etag: \"\"", "etag", "\"\"");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char line[64];

		snprintf(line, sizeof(line), "ETag: %s", wrong[i]);
		assert_problem(CHANGE_SET, line, expected);
	}
}

/* A client compares what it got with a 200 to what comes with a 304. */
static void a_validator_is_not_changed_for_some_statuses_only(void **state)
{
	(void)state;
	assert_problem_with(CHANGE_SET, "ETag: \"v1\"", true,
			    "ETag must be the same with 200 and 304; leave status out of this rule");
	assert_problem_with(CHANGE_REMOVE, "Last-Modified", true,
			    "Last-Modified must be the same with 200 and 304; leave status out of this rule");
}

static void what_is_said_of_the_content_is_known(void **state)
{
	static const char *const content[] = { "Cache-Control", "expires", "Content-Language", "ETag",
					       "Link" };
	static const char *const others[] = { "Content-Security-Policy", "X-Frame-Options", "Vary",
					      "Server" };
	struct problems problems = { .count = 0 };
	struct change change;
	char line[64];

	(void)state;
	for (size_t i = 0; i < sizeof(content) / sizeof(content[0]); i++) {
		snprintf(line, sizeof(line), "%s: \"a\"", content[i]);
		assert_true(change_read(&change, CHANGE_SET, bytes_string(line), false, NULL, &problems));
		assert_true(change.is_content);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		snprintf(line, sizeof(line), "%s: a", others[i]);
		assert_true(change_read(&change, CHANGE_SET, bytes_string(line), false, NULL, &problems));
		assert_false(change.is_content);
	}
	assert_true(change_read(&change, CHANGE_REMOVE, BYTES("Expires"), false, NULL, &problems));
	assert_false(change.is_content);
}

/* Change a list with one field ("Name: value"); see the list and what is said. */
static void assert_change(enum change_verb verb, const char *line, const char *name, const char *value,
			  const char *expected, const char *said)
{
	struct problems problems = { .count = 0 };
	struct text text = TEXT_EMPTY;
	struct response_field *field;
	struct fields fields;
	struct change change;
	char after[128] = "";

	fields_init(&fields);
	if (*name)
		fields_set(&fields, bytes_string(name), bytes_string(value));
	assert_true(change_read(&change, verb, bytes_string(line), false, NULL, &problems));
	change_apply(&change, &fields, &text);
	for (field = fields.field; field < fields.field + fields.count; field++)
		snprintf(after + strlen(after), sizeof(after) - strlen(after), "%.*s: %.*s;",
			 (int)field->name.size, field->name.base, (int)field->value.size, field->value.base);
	assert_string_equal(after, expected);
	assert_string_equal(text_string(&text), said);
	text_deinit(&text);
}

static void a_change_is_made_and_told(void **state)
{
	(void)state;
	assert_change(CHANGE_SET, "A: 2", "a", "1", "A: 2;", " set A: 2");
	assert_change(CHANGE_ADD, "A: 2", "A", "1", "A: 1;A: 2;", " add A: 2");
	assert_change(CHANGE_REMOVE, "a", "A", "1", "", " remove a");
	assert_change(CHANGE_REMOVE, "A", "B", "1", "B: 1;", " finds no A");
}

static void a_vary_that_is_set_is_added(void **state)
{
	(void)state;
	assert_change(CHANGE_SET, "vary: Origin", "Vary", "Accept-Encoding", "Vary: Accept-Encoding, Origin;",
		      " add vary: Origin");
	assert_change(CHANGE_SET, "Vary: Origin", "", "", "Vary: Origin;", " add Vary: Origin");
}

static void a_content_type_is_given_to_content_only(void **state)
{
	(void)state;
	assert_change(CHANGE_SET, "Content-Type: text/plain", "content-type", "text/html",
		      "Content-Type: text/plain;", " set Content-Type: text/plain");
	assert_change(CHANGE_SET, "Content-Type: text/plain", "", "", "",
		      " finds no content for Content-Type: text/plain");
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_a_name_a_colon_and_a_value),
		cmocka_unit_test(a_line_without_a_colon_is_shown_with_it),
		cmocka_unit_test(what_is_no_field_is_a_problem),
		cmocka_unit_test(no_control_byte_gets_into_a_field),
		cmocka_unit_test(remove_takes_a_name_alone),
		cmocka_unit_test(what_frames_a_message_or_depends_on_a_request_is_left_alone),
		cmocka_unit_test(some_fields_allow_some_changes),
		cmocka_unit_test(an_entity_tag_is_strong_and_in_quotes),
		cmocka_unit_test(a_validator_is_not_changed_for_some_statuses_only),
		cmocka_unit_test(what_is_said_of_the_content_is_known),
		cmocka_unit_test(a_change_is_made_and_told),
		cmocka_unit_test(a_vary_that_is_set_is_added),
		cmocka_unit_test(a_content_type_is_given_to_content_only),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
