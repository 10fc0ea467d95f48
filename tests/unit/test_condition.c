/* SPDX-License-Identifier: MIT */
/*
 * http/condition: the order of RFC 9110 13.2.2, and what counts as a match.
 *
 * The order is checked in full: every case of If-Match and If-Unmodified-Since, times every
 * case of If-None-Match and If-Modified-Since, against two small tables.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "guard.h"
#include "http/condition.h"

#define ROOM 4096 /* the most of one field's value */
#define MODIFIED INT64_C(784111777)
#define NOW (MODIFIED + 1000)

#define DATE_BEFORE "Sun, 06 Nov 1994 08:49:36 GMT"
#define DATE_EQUAL "Sun, 06 Nov 1994 08:49:37 GMT"
#define DATE_AFTER "Sun, 06 Nov 1994 08:49:38 GMT"

/* One guarded region per field: every value ends there. */
static uint8_t *value_end[FIELD_COUNT];

static int set_up(void **state)
{
	static const uint8_t zeros[ROOM];

	(void)state;
	for (int i = 0; i < FIELD_COUNT; i++)
		value_end[i] = guard_copy(zeros, ROOM) + ROOM;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	for (int i = 0; i < FIELD_COUNT; i++)
		guard_release(value_end[i] - ROOM, ROOM);
	return 0;
}

static struct validators make_validators(void)
{
	return (struct validators){ .etag = BYTES("\"abc\""), .modified = MODIFIED };
}

/* NULL leaves the field out; a repeated field is handed over with its first value, as the parser does. */
static void set_field(struct request *request, enum field_id id, const char *value, bool repeated)
{
	size_t size;

	if (value == NULL)
		return;
	size = strlen(value);
	assert_true(size <= ROOM);
	memcpy(value_end[id] - size, value, size);
	request->field[id] = bytes_make(value_end[id] - size, size);
	request->present |= UINT32_C(1) << id;
	if (repeated)
		request->repeated |= UINT32_C(1) << id;
}

static enum condition_result evaluate_one(enum field_id id, const char *value)
{
	struct request request = { .method = METHOD_GET };
	struct validators validators = make_validators();

	set_field(&request, id, value, false);
	return condition_evaluate(&request, &validators, NOW);
}

static void assert_one(enum field_id id, const char *value, enum condition_result expected)
{
	enum condition_result result = evaluate_one(id, value);

	if (result != expected)
		fail_msg("\"%s\": %d, not %d", value, (int)result, (int)expected);
}

static bool allows_range(const char *value, bool repeated, int64_t now)
{
	struct request request = { .method = METHOD_GET };
	struct validators validators = make_validators();

	set_field(&request, FIELD_IF_RANGE, value, repeated);
	return condition_allows_range(&request, &validators, now);
}

/* A case of one field: what is sent. */
struct sent {
	const char *value;
	bool repeated;
};

enum tag_case { TAG_ABSENT, TAG_MATCH, TAG_OTHER, TAG_REPEATED, TAG_CASES };
static const struct sent tag_sent[TAG_CASES] = {
	[TAG_ABSENT] = { NULL, false },
	[TAG_MATCH] = { "\"abc\"", false },
	[TAG_OTHER] = { "\"other\"", false },
	[TAG_REPEATED] = { "\"abc\"", true },
};

enum date_case {
	DATE_ABSENT,
	DATE_OLD,
	DATE_SAME,
	DATE_NEW,
	DATE_INVALID,
	DATE_REPEATED_OLD,
	DATE_REPEATED_NEW,
	DATE_CASES
};
static const struct sent date_sent[DATE_CASES] = {
	[DATE_ABSENT] = { NULL, false },
	[DATE_OLD] = { DATE_BEFORE, false },
	[DATE_SAME] = { DATE_EQUAL, false },
	[DATE_NEW] = { DATE_AFTER, false },
	[DATE_INVALID] = { "tomorrow", false },
	[DATE_REPEATED_OLD] = { DATE_BEFORE, true },
	[DATE_REPEATED_NEW] = { DATE_AFTER, true },
};

/* If-Match down, If-Unmodified-Since across: does the precondition hold? */
static const bool holds[TAG_CASES][DATE_CASES] = {
	/* absent, old, same, new, invalid, repeated and old, repeated and new */
	[TAG_ABSENT] = { true, false, true, true, true, true, true },
	[TAG_MATCH] = { true, true, true, true, true, true, true },
	[TAG_OTHER] = { false, false, false, false, false, false, false },
	[TAG_REPEATED] = { false, false, false, false, false, false, false },
};

/* If-None-Match down, If-Modified-Since across: is it not modified? */
static const bool not_modified[TAG_CASES][DATE_CASES] = {
	/* absent, old, same, new, invalid, repeated and old, repeated and new */
	[TAG_ABSENT] = { false, false, true, true, false, false, false },
	[TAG_MATCH] = { true, true, true, true, true, true, true },
	[TAG_OTHER] = { false, false, false, false, false, false, false },
	[TAG_REPEATED] = { false, false, false, false, false, false, false },
};

static void assert_combination(int match, int unmodified, int none_match, int modified)
{
	struct request request = { .method = METHOD_GET };
	struct validators validators = make_validators();
	enum condition_result expected = CONDITION_PASS, result;

	set_field(&request, FIELD_IF_MATCH, tag_sent[match].value, tag_sent[match].repeated);
	set_field(&request, FIELD_IF_UNMODIFIED_SINCE, date_sent[unmodified].value,
		  date_sent[unmodified].repeated);
	set_field(&request, FIELD_IF_NONE_MATCH, tag_sent[none_match].value, tag_sent[none_match].repeated);
	set_field(&request, FIELD_IF_MODIFIED_SINCE, date_sent[modified].value, date_sent[modified].repeated);
	if (!holds[match][unmodified])
		expected = CONDITION_FAILED;
	else if (not_modified[none_match][modified])
		expected = CONDITION_NOT_MODIFIED;
	result = condition_evaluate(&request, &validators, NOW);
	if (result != expected)
		fail_msg("If-Match %d, If-Unmodified-Since %d, If-None-Match %d, If-Modified-Since %d: %d, "
			 "not %d",
			 match, unmodified, none_match, modified, (int)result, (int)expected);
}

static void the_order_of_the_fields_is_that_of_rfc_9110(void **state)
{
	(void)state;
	for (int match = 0; match < TAG_CASES; match++)
		for (int unmodified = 0; unmodified < DATE_CASES; unmodified++)
			for (int none_match = 0; none_match < TAG_CASES; none_match++)
				for (int modified = 0; modified < DATE_CASES; modified++)
					assert_combination(match, unmodified, none_match, modified);
}

/* If-Range has its own question; it changes nothing here. */
static void if_range_does_not_stand_in_the_way(void **state)
{
	(void)state;
	assert_one(FIELD_IF_RANGE, "\"other\"", CONDITION_PASS);
}

static void a_star_matches_what_exists(void **state)
{
	(void)state;
	assert_one(FIELD_IF_MATCH, "*", CONDITION_PASS);
	assert_one(FIELD_IF_NONE_MATCH, "*", CONDITION_NOT_MODIFIED);
}

static void any_tag_of_a_list_may_match(void **state)
{
	static const char *const lists[] = {
		"\"abc\"",       "\"x\", \"abc\"",        "\"abc\",\"x\"",   "\"x\" , \"abc\"\t,\"y\"",
		",,\"abc\",, ,", "\"a,b\", \"abc\"",      " \"abc\" ",       "W/\"x\", \"abc\"",
		"\"\", \"abc\"", "\"\xc3\xa9\", \"abc\"", "\"a\\\",\"abc\"", "\"W/\",\"abc\""
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		assert_one(FIELD_IF_MATCH, lists[i], CONDITION_PASS);
		assert_one(FIELD_IF_NONE_MATCH, lists[i], CONDITION_NOT_MODIFIED);
	}
}

static void another_tag_does_not_match(void **state)
{
	static const char *const lists[] = { "\"x\"", "\"ab\"", "\"abcd\"", "\"ABC\"",          "\"abc,\"",
					     "\"\"",  "",       ",",        "\"a\",\"b\",\"c\"" };

	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		assert_one(FIELD_IF_MATCH, lists[i], CONDITION_FAILED);
		assert_one(FIELD_IF_NONE_MATCH, lists[i], CONDITION_PASS);
	}
}

/* RFC 9110 8.8.3.2: a weak tag is good enough to save a transfer, and for nothing else. */
static void a_weak_tag_matches_only_if_none_match(void **state)
{
	(void)state;
	assert_one(FIELD_IF_NONE_MATCH, "W/\"abc\"", CONDITION_NOT_MODIFIED);
	assert_one(FIELD_IF_NONE_MATCH, "\"x\",W/\"abc\"", CONDITION_NOT_MODIFIED);
	assert_one(FIELD_IF_MATCH, "W/\"abc\"", CONDITION_FAILED);
	assert_one(FIELD_IF_MATCH, "W/\"abc\", \"abc\"", CONDITION_PASS);
	assert_false(allows_range("W/\"abc\"", false, NOW));
}

static void a_malformed_list_matches_nothing(void **state)
{
	static const char *const lists[] = { "abc",
					     "\"abc",
					     "abc\"",
					     "'abc'",
					     "\"",
					     "\"\"\"",
					     "\"x\" \"abc\"",
					     "\"abc\"x",
					     "w/\"abc\"",
					     "W/",
					     "W/abc",
					     "W/ \"abc\"",
					     "W \"abc\"",
					     "\"abc\", *",
					     "*, \"abc\"",
					     "**",
					     "\"abc\", x",
					     "x, \"abc\"",
					     "\"a c\", \"abc\"",
					     "\"abc\";\"x\"",
					     "\"a\x7f\",\"abc\"",
					     "W/W/\"abc\"",
					     "\"abc\",\"",
					     "\"abc\", W/" };

	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		assert_one(FIELD_IF_MATCH, lists[i], CONDITION_FAILED);
		assert_one(FIELD_IF_NONE_MATCH, lists[i], CONDITION_PASS);
	}
}

static void a_date_may_have_any_of_the_three_forms(void **state)
{
	(void)state;
	assert_one(FIELD_IF_MODIFIED_SINCE, "Sunday, 06-Nov-94 08:49:37 GMT", CONDITION_NOT_MODIFIED);
	assert_one(FIELD_IF_MODIFIED_SINCE, "Sunday, 06-Nov-94 08:49:36 GMT", CONDITION_PASS);
	assert_one(FIELD_IF_MODIFIED_SINCE, "Sun Nov  6 08:49:37 1994", CONDITION_NOT_MODIFIED);
	assert_one(FIELD_IF_UNMODIFIED_SINCE, "Sun Nov  6 08:49:36 1994", CONDITION_FAILED);
}

static void a_date_that_is_none_is_ignored(void **state)
{
	static const char *const dates[] = { "", "0", "Sun, 06 Nov 1994 08:49:37",
					     "Sun, 31 Nov 1993 08:49:37 GMT",
					     "Sun, 06 Nov 1993 08:49:37 GMT, Sun, 06 Nov 1993 08:49:37 GMT" };

	(void)state;
	for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
		assert_one(FIELD_IF_MODIFIED_SINCE, dates[i], CONDITION_PASS);
		assert_one(FIELD_IF_UNMODIFIED_SINCE, dates[i], CONDITION_PASS);
	}
}

static void without_if_range_a_range_is_allowed(void **state)
{
	(void)state;
	assert_true(allows_range(NULL, false, NOW));
}

static void if_range_needs_the_very_tag(void **state)
{
	(void)state;
	assert_true(allows_range("\"abc\"", false, NOW));
	assert_false(allows_range("\"other\"", false, NOW));
	assert_false(allows_range("\"x\", \"abc\"", false, NOW));
	assert_false(allows_range("*", false, NOW));
	assert_false(allows_range("abc", false, NOW));
	assert_false(allows_range("", false, NOW));
}

static void if_range_needs_the_very_date(void **state)
{
	(void)state;
	assert_true(allows_range(DATE_EQUAL, false, NOW));
	assert_true(allows_range("Sunday, 06-Nov-94 08:49:37 GMT", false, NOW));
	assert_false(allows_range(DATE_BEFORE, false, NOW));
	assert_false(allows_range(DATE_AFTER, false, NOW));
	assert_false(allows_range("Sun, 06 Nov 1994 08:49:37", false, NOW));
}

/* RFC 9110 8.8.2.2: what changed within this second may change once more within it. */
static void if_range_trusts_no_date_younger_than_a_second(void **state)
{
	(void)state;
	assert_true(allows_range(DATE_EQUAL, false, MODIFIED + 1));
	assert_false(allows_range(DATE_EQUAL, false, MODIFIED));
	assert_false(allows_range(DATE_EQUAL, false, MODIFIED - 1));
	assert_true(allows_range("\"abc\"", false, MODIFIED));
}

static void a_repeated_if_range_never_matches(void **state)
{
	(void)state;
	assert_false(allows_range("\"abc\"", true, NOW));
	assert_false(allows_range(DATE_EQUAL, true, NOW));
}

/* http1_join() hands over several lines as one value, no longer repeated: then any of the tags counts. */
static void a_list_whose_lines_were_joined_is_one_list(void **state)
{
	struct request request = { .method = METHOD_GET };
	struct validators validators = make_validators();

	(void)state;
	set_field(&request, FIELD_IF_NONE_MATCH, "\"x\"", true);
	assert_int_equal(condition_evaluate(&request, &validators, NOW), CONDITION_PASS);
	set_field(&request, FIELD_IF_NONE_MATCH, "\"x\", \"y\", \"abc\"", false);
	request.repeated = 0;
	assert_int_equal(condition_evaluate(&request, &validators, NOW), CONDITION_NOT_MODIFIED);
	assert_one(FIELD_IF_MATCH, "\"x\", , \"abc\"", CONDITION_PASS);
	assert_one(FIELD_IF_MATCH, "*, *", CONDITION_FAILED);
	assert_one(FIELD_IF_NONE_MATCH, "*, *", CONDITION_PASS);
}

/* All conditions with these validators: one result per row. */
struct lacking {
	enum field_id id;
	const char *value;
	enum condition_result expected;
};

static void assert_lacking(const struct validators *validators, const struct lacking *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct request request = { .method = METHOD_GET };
		enum condition_result result;

		set_field(&request, rows[i].id, rows[i].value, false);
		result = condition_evaluate(&request, validators, NOW);
		if (result != rows[i].expected)
			fail_msg("\"%s\": %d, not %d", rows[i].value, (int)result, (int)rows[i].expected);
	}
}

static bool lacking_allows_range(const struct validators *validators, const char *value)
{
	struct request request = { .method = METHOD_GET };

	set_field(&request, FIELD_IF_RANGE, value, false);
	return condition_allows_range(&request, validators, NOW);
}

/* Also dates that every other date comes after; the entity-tag counts as ever. */
static void without_a_date_conditions_on_dates_are_ignored(void **state)
{
	static const struct lacking rows[] = {
		{ FIELD_IF_MODIFIED_SINCE, DATE_EQUAL, CONDITION_PASS },
		{ FIELD_IF_MODIFIED_SINCE, "Mon, 01 Jan 0001 00:00:00 GMT", CONDITION_PASS },
		{ FIELD_IF_MODIFIED_SINCE, "Fri, 31 Dec 9999 23:59:59 GMT", CONDITION_PASS },
		{ FIELD_IF_UNMODIFIED_SINCE, DATE_EQUAL, CONDITION_PASS },
		{ FIELD_IF_UNMODIFIED_SINCE, "Mon, 01 Jan 0001 00:00:00 GMT", CONDITION_PASS },
		{ FIELD_IF_NONE_MATCH, "\"abc\"", CONDITION_NOT_MODIFIED },
		{ FIELD_IF_MATCH, "\"x\"", CONDITION_FAILED },
	};
	struct validators validators = { .etag = BYTES("\"abc\""), .modified = VALIDATOR_NO_DATE };

	(void)state;
	assert_lacking(&validators, rows, sizeof(rows) / sizeof(rows[0]));
	assert_false(lacking_allows_range(&validators, DATE_EQUAL));
	assert_false(lacking_allows_range(&validators, "Mon, 01 Jan 0001 00:00:00 GMT"));
	assert_true(lacking_allows_range(&validators, "\"abc\""));
	assert_true(lacking_allows_range(&validators, NULL));
}

/* An empty value and an empty tag are not a match; the date counts as ever. */
static void without_an_entity_tag_only_a_star_matches(void **state)
{
	static const struct lacking rows[] = {
		{ FIELD_IF_MATCH, "*", CONDITION_PASS },
		{ FIELD_IF_MATCH, "\"abc\"", CONDITION_FAILED },
		{ FIELD_IF_MATCH, "\"\"", CONDITION_FAILED },
		{ FIELD_IF_MATCH, "", CONDITION_FAILED },
		{ FIELD_IF_NONE_MATCH, "*", CONDITION_NOT_MODIFIED },
		{ FIELD_IF_NONE_MATCH, "\"abc\"", CONDITION_PASS },
		{ FIELD_IF_NONE_MATCH, "W/\"\"", CONDITION_PASS },
		{ FIELD_IF_NONE_MATCH, "", CONDITION_PASS },
		{ FIELD_IF_MODIFIED_SINCE, DATE_EQUAL, CONDITION_NOT_MODIFIED },
		{ FIELD_IF_UNMODIFIED_SINCE, DATE_BEFORE, CONDITION_FAILED },
	};
	struct validators validators = { .etag = bytes_make(NULL, 0), .modified = MODIFIED };

	(void)state;
	assert_lacking(&validators, rows, sizeof(rows) / sizeof(rows[0]));
	assert_false(lacking_allows_range(&validators, ""));
	assert_false(lacking_allows_range(&validators, "\"\""));
	assert_false(lacking_allows_range(&validators, "\"abc\""));
	assert_true(lacking_allows_range(&validators, DATE_EQUAL));
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_order_of_the_fields_is_that_of_rfc_9110),
		cmocka_unit_test(if_range_does_not_stand_in_the_way),
		cmocka_unit_test(a_star_matches_what_exists),
		cmocka_unit_test(any_tag_of_a_list_may_match),
		cmocka_unit_test(another_tag_does_not_match),
		cmocka_unit_test(a_weak_tag_matches_only_if_none_match),
		cmocka_unit_test(a_malformed_list_matches_nothing),
		cmocka_unit_test(a_date_may_have_any_of_the_three_forms),
		cmocka_unit_test(a_date_that_is_none_is_ignored),
		cmocka_unit_test(without_if_range_a_range_is_allowed),
		cmocka_unit_test(if_range_needs_the_very_tag),
		cmocka_unit_test(if_range_needs_the_very_date),
		cmocka_unit_test(if_range_trusts_no_date_younger_than_a_second),
		cmocka_unit_test(a_repeated_if_range_never_matches),
		cmocka_unit_test(a_list_whose_lines_were_joined_is_one_list),
		cmocka_unit_test(without_a_date_conditions_on_dates_are_ignored),
		cmocka_unit_test(without_an_entity_tag_only_a_star_matches),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
