/* SPDX-License-Identifier: MIT */
/*
 * serve/config_value: what is typed for a value is read as it was meant, or not at all.
 *
 * Texts end, with their NUL, at a page without access. What is refused leaves the number untouched.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "guard.h"
#include "serve/config_value.h"

#define WORDS "add|remove|none"

static bool read_guarded(enum option_kind kind, const char *text, uint64_t *ret_number)
{
	size_t size = strlen(text) + 1;
	uint8_t *copy = guard_copy(text, size);
	bool is_read = value_read(kind, WORDS, (char *)copy, ret_number);

	guard_release(copy, size);
	return is_read;
}

static void assert_reads(enum option_kind kind, const char *text, uint64_t expected)
{
	uint64_t number = ~expected;

	if (!read_guarded(kind, text, &number) || number != expected)
		fail_msg("\"%s\": %llu, not %llu", text, (unsigned long long)number,
			 (unsigned long long)expected);
}

static void assert_unread(enum option_kind kind, const char *text)
{
	uint64_t number = 4711;

	if (read_guarded(kind, text, &number))
		fail_msg("\"%s\" is read as %llu", text, (unsigned long long)number);
	assert_int_equal(number, 4711);
}

/* Bytes, or with K, M, G, T behind them, in either case. */
static void a_size_may_have_a_unit(void **state)
{
	(void)state;
	assert_reads(OPTION_SIZE, "0", 0);
	assert_reads(OPTION_SIZE, "1", 1);
	assert_reads(OPTION_SIZE, "00012", 12);
	assert_reads(OPTION_SIZE, "1023", 1023);
	assert_reads(OPTION_SIZE, "0K", 0);
	assert_reads(OPTION_SIZE, "1K", 1024);
	assert_reads(OPTION_SIZE, "3k", 3072);
	assert_reads(OPTION_SIZE, "16M", 16777216);
	assert_reads(OPTION_SIZE, "1m", 1048576);
	assert_reads(OPTION_SIZE, "5G", UINT64_C(5368709120));
	assert_reads(OPTION_SIZE, "7g", UINT64_C(7516192768));
	assert_reads(OPTION_SIZE, "1T", UINT64_C(1) << 40);
	assert_reads(OPTION_SIZE, "1t", UINT64_C(1) << 40);
}

/* Nothing is guessed: neither a unit that there is none of, nor what follows it, nor a white space. */
static void what_is_no_size_is_refused(void **state)
{
	static const char *const values[] = { "",    "K",     "-1",  "+1",  " 1",   "1 ",   "0 ",
					      "1KB", "1KiB",  "1K ", "1 K", "1.5K", "0x10", "1e3",
					      "1P",  "1,024", "1\n", "1k1", "\xb2", "1\xcb" };

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		assert_unread(OPTION_SIZE, values[i]);
	assert_unread(OPTION_SIZE, "18446744073709551616");
	assert_unread(OPTION_SIZE, "18014398509481984K");
	assert_unread(OPTION_SIZE, "16777216T");
}

/* Digits and no more. */
static void a_count_has_no_unit(void **state)
{
	static const char *const values[] = { "", "1K", "1s", "1.0", "-1", "+1", "0x1", " 1", "1 " };

	(void)state;
	assert_reads(OPTION_COUNT_, "16", 16);
	assert_reads(OPTION_COUNT_, "0100", 100);
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		assert_unread(OPTION_COUNT_, values[i]);
	assert_unread(OPTION_COUNT_, "18446744073709551616");
}

/* To the millisecond; what is finer is left off. */
static void seconds_may_have_a_fraction(void **state)
{
	(void)state;
	assert_reads(OPTION_SECONDS, "0", 0);
	assert_reads(OPTION_SECONDS, "1", 1000);
	assert_reads(OPTION_SECONDS, "2s", 2000);
	assert_reads(OPTION_SECONDS, "0.5", 500);
	assert_reads(OPTION_SECONDS, "0.25s", 250);
	assert_reads(OPTION_SECONDS, "0.001", 1);
	assert_reads(OPTION_SECONDS, "0.0019999999999999", 1);
	assert_reads(OPTION_SECONDS, "12.345", 12345);
	assert_reads(OPTION_SECONDS, "3600.000", 3600000);
}

/* Also a unit that would mean another time. */
static void what_is_no_time_is_refused(void **state)
{
	static const char *const values[] = { "",    ".5",  "s",   "-1",  "+1",  " 1",    "1 ",   "1m",
					      "1ms", "1 s", "1ss", "1,5", "1e3", "1.5.5", "1.s5", "0x1" };

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		assert_unread(OPTION_SECONDS, values[i]);
	assert_unread(OPTION_SECONDS, "18446744073709551616");
	assert_unread(OPTION_SECONDS, "18446744073709552");
}

/* The milliseconds of the fraction are the last to be added to what nearly fills 64 bits. */
static void a_time_that_no_number_holds_does_not_become_a_short_one(void **state)
{
	(void)state;
	assert_unread(OPTION_SECONDS, "18446744073709551.999");
}

/* One of its words as it is, and nothing else. */
static void a_choice_is_one_of_its_words(void **state)
{
	static const char *const values[] = { "", "ad", "addd", "ADD", "add|remove", "|", " add", "0" };

	(void)state;
	assert_reads(OPTION_CHOICE, "add", 0);
	assert_reads(OPTION_CHOICE, "remove", 1);
	assert_reads(OPTION_CHOICE, "none", 2);
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		assert_unread(OPTION_CHOICE, values[i]);
}

/* YAML's words for it are all taken, in any case. */
static void a_switch_is_on_or_off(void **state)
{
	static const char *const values[] = { "", "1", "0", "o", "onn", " on", "y", "n", "enable" };

	(void)state;
	assert_reads(OPTION_SWITCH, "on", 1);
	assert_reads(OPTION_SWITCH, "off", 0);
	assert_reads(OPTION_SWITCH, "true", 1);
	assert_reads(OPTION_SWITCH, "No", 0);
	assert_reads(OPTION_SWITCH, "YES", 1);
	assert_reads(OPTION_SWITCH, "False", 0);
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		assert_unread(OPTION_SWITCH, values[i]);
}

/* However it is typed, it is kept as a,b,c; and it may be written over what it is read from. */
static void a_list_has_one_form(void **state)
{
	static const char *const values[][2] = {
		{ "a", "a" },   { "a,b", "a,b" },       { " a ,\tb , c d ", "a,b,c d" },
		{ "none", "" }, { " none ", "" },       { "", "" },
		{ "  ", "" },   { "a,none", "a,none" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		size_t size = strlen(values[i][0]) + 1;
		char *copy = (char *)guard_copy(values[i][0], size);

		assert_true(value_read_list(copy, copy));
		assert_string_equal(copy, values[i][1]);
		guard_release((uint8_t *)copy, size);
	}
}

/* A comma too many is a slip of the hand; which word is missing cannot be known. */
static void a_list_without_a_word_between_commas_is_refused(void **state)
{
	static const char *const values[] = { ",", "a,", ",a", "a,,b", "a, ,b", " , " };
	char out[16];

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		assert_false(value_read_list(values[i], out));
}

/* As short as a person would type it; so the help shows what the command takes. */
static void what_is_written_can_be_read(void **state)
{
	static const struct {
		enum option_kind kind;
		uint64_t number;
		const char *text;
	} pairs[] = {
		{ OPTION_SIZE, 0, "0" },
		{ OPTION_SIZE, 1000, "1000" },
		{ OPTION_SIZE, 1024, "1K" },
		{ OPTION_SIZE, 1536, "1536" },
		{ OPTION_SIZE, UINT64_C(3) << 40, "3T" },
		{ OPTION_SIZE, UINT64_MAX, "18446744073709551615" },
		{ OPTION_SECONDS, 0, "0" },
		{ OPTION_SECONDS, 10000, "10" },
		{ OPTION_SECONDS, 1050, "1.050" },
		{ OPTION_COUNT_, 1024, "1024" },
		{ OPTION_CHOICE, 0, "add" },
		{ OPTION_CHOICE, 2, "none" },
		{ OPTION_SWITCH, 0, "off" },
		{ OPTION_SWITCH, 1, "on" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		char text[VALUE_SIZE_MAX];

		value_write(pairs[i].kind, WORDS, pairs[i].number, text);
		assert_string_equal(text, pairs[i].text);
		assert_reads(pairs[i].kind, text, pairs[i].number);
	}
}

/* What a choice takes is its words, as one would say them; more than there is room for are cut. */
static void what_is_expected_can_be_said(void **state)
{
	char text[VALUE_SIZE_MAX], many[4 * VALUE_SIZE_MAX];

	(void)state;
	value_describe(OPTION_CHOICE, "a|b|c", text);
	assert_string_equal(text, "a, b or c");
	value_describe(OPTION_CHOICE, "none|auto", text);
	assert_string_equal(text, "none or auto");
	value_describe(OPTION_CHOICE, "io_uring", text);
	assert_string_equal(text, "io_uring");
	memset(many, 'x', sizeof(many));
	for (size_t i = 9; i < sizeof(many); i += 10)
		many[i] = '|';
	many[sizeof(many) - 1] = 0;
	value_describe(OPTION_CHOICE, many, text);
	assert_int_equal(strlen(text), VALUE_SIZE_MAX - 1);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_size_may_have_a_unit),
		cmocka_unit_test(what_is_no_size_is_refused),
		cmocka_unit_test(a_count_has_no_unit),
		cmocka_unit_test(seconds_may_have_a_fraction),
		cmocka_unit_test(what_is_no_time_is_refused),
		cmocka_unit_test(a_time_that_no_number_holds_does_not_become_a_short_one),
		cmocka_unit_test(a_choice_is_one_of_its_words),
		cmocka_unit_test(a_switch_is_on_or_off),
		cmocka_unit_test(a_list_has_one_form),
		cmocka_unit_test(a_list_without_a_word_between_commas_is_refused),
		cmocka_unit_test(what_is_written_can_be_read),
		cmocka_unit_test(what_is_expected_can_be_said),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
