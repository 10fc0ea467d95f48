/* SPDX-License-Identifier: MIT */
/*
 * http/date: what is written can be read, in all three forms, and nothing else is read.
 *
 * The oracle for the calendar is libc's gmtime_r() and strftime() in the C locale, which the
 * module itself never calls.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <time.h>

#include "guard.h"
#include "http/date.h"

#define DAY INT64_C(86400)
#define YEAR_1_BEGIN INT64_C(-62135596800)
#define YEAR_1000_BEGIN INT64_C(-30610224000)
#define YEAR_9999_END INT64_C(253402300799)
#define NOVEMBER_1994 INT64_C(784111777) /* 1994-11-06 08:49:37 */
#define ROOM 64

/* The end of a guarded region: every text that is parsed ends there. */
static uint8_t *text_end;

static int set_up(void **state)
{
	static const uint8_t zeros[ROOM];

	(void)state;
	text_end = guard_copy(zeros, ROOM) + ROOM;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	guard_release(text_end - ROOM, ROOM);
	return 0;
}

static bool parse(const void *text, size_t size, int64_t now, int64_t *ret_seconds)
{
	assert_true(size <= ROOM);
	memcpy(text_end - size, text, size);
	return date_parse(bytes_make(text_end - size, size), now, ret_seconds);
}

static void assert_reads(const char *text, int64_t now, int64_t expected)
{
	int64_t seconds;

	if (!parse(text, strlen(text), now, &seconds))
		fail_msg("\"%s\" is refused", text);
	if (seconds != expected)
		fail_msg("\"%s\" is read as %lld, not %lld", text, (long long)seconds, (long long)expected);
}

/* Refused, and the out-parameter is as it was. */
static void assert_refused(const char *text)
{
	int64_t seconds = 42;

	if (parse(text, strlen(text), NOVEMBER_1994, &seconds))
		fail_msg("\"%s\" is taken", text);
	assert_int_equal(seconds, 42);
}

static void assert_writes(int64_t seconds, const char *expected)
{
	uint8_t *out = text_end - DATE_SIZE;

	date_format(seconds, out);
	if (memcmp(out, expected, DATE_SIZE) != 0)
		fail_msg("%lld is written as \"%.*s\", not \"%s\"", (long long)seconds, DATE_SIZE,
			 (char *)out, expected);
}

static void a_known_moment_is_written(void **state)
{
	(void)state;
	assert_writes(NOVEMBER_1994, "Sun, 06 Nov 1994 08:49:37 GMT");
	assert_writes(0, "Thu, 01 Jan 1970 00:00:00 GMT");
	assert_writes(-1, "Wed, 31 Dec 1969 23:59:59 GMT");
	assert_writes(951782400, "Tue, 29 Feb 2000 00:00:00 GMT");
	assert_writes(INT64_C(4107542400), "Mon, 01 Mar 2100 00:00:00 GMT");
	assert_writes(INT64_C(2147483648), "Tue, 19 Jan 2038 03:14:08 GMT");
}

static void a_moment_outside_the_years_1_to_9999_is_clamped(void **state)
{
	(void)state;
	assert_writes(YEAR_9999_END, "Fri, 31 Dec 9999 23:59:59 GMT");
	assert_writes(YEAR_9999_END + 1, "Fri, 31 Dec 9999 23:59:59 GMT");
	assert_writes(INT64_MAX, "Fri, 31 Dec 9999 23:59:59 GMT");
	assert_writes(YEAR_1_BEGIN, "Mon, 01 Jan 0001 00:00:00 GMT");
	assert_writes(YEAR_1_BEGIN - 1, "Mon, 01 Jan 0001 00:00:00 GMT");
	assert_writes(INT64_MIN, "Mon, 01 Jan 0001 00:00:00 GMT");
}

/* Write and read back `seconds`; from the year 1000 on, libc must write the same. */
static void assert_round_trip(int64_t seconds)
{
	uint8_t out[DATE_SIZE];
	char expected[DATE_SIZE + 1];
	int64_t read;
	time_t time = (time_t)seconds;
	struct tm tm;

	date_format(seconds, out);
	if (!parse(out, DATE_SIZE, 0, &read) || read != seconds)
		fail_msg("%lld does not come back from \"%.*s\"", (long long)seconds, DATE_SIZE, (char *)out);
	if (seconds < YEAR_1000_BEGIN)
		return;
	assert_non_null(gmtime_r(&time, &tm));
	assert_int_equal(strftime(expected, sizeof(expected), "%a, %d %b %Y %H:%M:%S GMT", &tm), DATE_SIZE);
	assert_memory_equal(out, expected, DATE_SIZE);
}

/* The time of day wanders too: the step is a day and a prime number of seconds. */
static void every_day_from_1890_to_2110_comes_back(void **state)
{
	(void)state;
	for (int64_t seconds = INT64_C(-2524608000); seconds < INT64_C(4418064000); seconds += DAY + 7)
		assert_round_trip(seconds);
}

static void any_moment_of_the_calendar_comes_back(void **state)
{
	(void)state;
	for (int64_t seconds = YEAR_1_BEGIN; seconds <= YEAR_9999_END; seconds += 29 * DAY + 86)
		assert_round_trip(seconds);
	assert_round_trip(YEAR_9999_END);
}

static void every_year_has_its_365_or_366_days(void **state)
{
	(void)state;
	for (int year = 1; year <= 9999; year++) {
		char text[ROOM];
		int64_t first, last;
		bool leap = year % 400 == 0 || (year % 4 == 0 && year % 100 != 0);

		snprintf(text, sizeof(text), "Mon, 01 Jan %04d 00:00:00 GMT", year);
		assert_true(parse(text, DATE_SIZE, 0, &first));
		snprintf(text, sizeof(text), "Mon, 31 Dec %04d 23:59:59 GMT", year);
		assert_true(parse(text, DATE_SIZE, 0, &last));
		assert_int_equal(last - first + 1, (leap ? 366 : 365) * DAY);
		assert_round_trip(first);
		assert_round_trip(first - 1 < YEAR_1_BEGIN ? first : first - 1);
		assert_round_trip(first + 58 * DAY);
		assert_round_trip(first + 59 * DAY);
		assert_round_trip(first + 60 * DAY - 1);
		assert_round_trip(last);
	}
}

static void all_three_forms_are_read(void **state)
{
	(void)state;
	assert_reads("Sun, 06 Nov 1994 08:49:37 GMT", 0, NOVEMBER_1994);
	assert_reads("Sunday, 06-Nov-94 08:49:37 GMT", NOVEMBER_1994, NOVEMBER_1994);
	assert_reads("Sun Nov  6 08:49:37 1994", 0, NOVEMBER_1994);
	assert_reads("Sun Nov 06 08:49:37 1994", 0, NOVEMBER_1994);
	assert_reads("Wed Nov 16 08:49:37 1994", 0, NOVEMBER_1994 + 10 * DAY);
	assert_reads("Mon, 01 Jan 0001 00:00:00 GMT", 0, YEAR_1_BEGIN);
	assert_reads("Fri Dec 31 23:59:59 9999", 0, YEAR_9999_END);
}

static void every_day_of_a_leap_cycle_is_read_in_all_three_forms(void **state)
{
	(void)state;
	for (int64_t seconds = 0; seconds < 5 * 366 * DAY; seconds += DAY + 61) {
		static const char *const forms[] = {
			"%a, %d %b %Y %H:%M:%S GMT",
			"%A, %d-%b-%y %H:%M:%S GMT",
			"%a %b %e %H:%M:%S %Y",
		};
		time_t time = (time_t)seconds;
		struct tm tm;

		assert_non_null(gmtime_r(&time, &tm));
		for (int i = 0; i < 3; i++) {
			char text[ROOM];

			strftime(text, sizeof(text), forms[i], &tm);
			assert_reads(text, seconds, seconds);
		}
	}
}

/* RFC 9110 5.6.7: more than 50 years ahead means the century before. */
static void a_year_of_two_digits_is_at_most_fifty_years_ahead(void **state)
{
	static const struct {
		const char *now, *text, *expected;
	} cases[] = {
		{ "Wed, 15 Jun 2022 12:00:00 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
		  "Sun, 06 Nov 1994 08:49:37 GMT" },
		{ "Wed, 15 Jun 2022 12:00:00 GMT", "Monday, 06-Nov-23 08:49:37 GMT",
		  "Mon, 06 Nov 2023 08:49:37 GMT" },
		{ "Wed, 15 Jun 2022 12:00:00 GMT", "Wednesday, 15-Jun-22 12:00:01 GMT",
		  "Wed, 15 Jun 2022 12:00:01 GMT" },
		{ "Wed, 15 Jun 2022 12:00:00 GMT", "Friday, 31-Dec-71 23:59:59 GMT",
		  "Thu, 31 Dec 2071 23:59:59 GMT" },
		{ "Wed, 15 Jun 2022 12:00:00 GMT", "Friday, 01-Jan-72 00:00:00 GMT",
		  "Fri, 01 Jan 2072 00:00:00 GMT" },
		{ "Wed, 15 Jun 2022 12:00:00 GMT", "Friday, 31-May-72 13:00:00 GMT",
		  "Tue, 31 May 2072 13:00:00 GMT" },
		{ "Wed, 15 Jun 2022 12:00:00 GMT", "Friday, 15-Jun-72 12:00:00 GMT",
		  "Wed, 15 Jun 2072 12:00:00 GMT" },
		{ "Wed, 15 Jun 2022 12:00:00 GMT", "Friday, 15-Jun-72 12:00:01 GMT",
		  "Thu, 15 Jun 1972 12:00:01 GMT" },
		{ "Wed, 15 Jun 2022 12:00:00 GMT", "Friday, 16-Jun-72 00:00:00 GMT",
		  "Fri, 16 Jun 1972 00:00:00 GMT" },
		{ "Wed, 15 Jun 2022 12:00:00 GMT", "Friday, 01-Jul-72 00:00:00 GMT",
		  "Sat, 01 Jul 1972 00:00:00 GMT" },
		{ "Wed, 15 Jun 2022 12:00:00 GMT", "Friday, 01-Jan-73 00:00:00 GMT",
		  "Mon, 01 Jan 1973 00:00:00 GMT" },
		{ "Fri, 31 Dec 1999 23:59:59 GMT", "Saturday, 01-Jan-00 00:00:00 GMT",
		  "Sat, 01 Jan 2000 00:00:00 GMT" },
		{ "Sat, 01 Jan 2000 00:00:00 GMT", "Friday, 31-Dec-99 23:59:59 GMT",
		  "Fri, 31 Dec 1999 23:59:59 GMT" },
		{ "Sat, 01 Jan 2080 00:00:00 GMT", "Friday, 01-Feb-10 00:00:00 GMT",
		  "Fri, 01 Feb 2110 00:00:00 GMT" },
		{ "Sat, 01 Jan 2050 00:00:00 GMT", "Friday, 01-Jan-00 00:00:00 GMT",
		  "Fri, 01 Jan 2100 00:00:00 GMT" },
		{ "Sat, 01 Jan 2000 00:00:00 GMT", "Tuesday, 29-Feb-00 00:00:00 GMT",
		  "Tue, 29 Feb 2000 00:00:00 GMT" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t now, expected;

		assert_true(parse(cases[i].now, DATE_SIZE, 0, &now));
		assert_true(parse(cases[i].expected, DATE_SIZE, 0, &expected));
		assert_reads(cases[i].text, now, expected);
	}
}

/* At both ends of the calendar there is no year that fits. */
static void a_year_of_two_digits_stays_inside_the_calendar(void **state)
{
	static const char text[] = "Friday, 01-Jan-60 00:00:00 GMT";
	int64_t seconds = 42;

	(void)state;
	assert_false(parse(text, strlen(text), INT64_MIN, &seconds));
	assert_true(parse(text, strlen(text), INT64_MAX, &seconds));
	assert_true(seconds < YEAR_9999_END);
	assert_false(parse("Friday, 01-Jan-20 00:00:00 GMT", 30, INT64_MAX, &seconds));
}

static void a_leap_second_is_the_second_after(void **state)
{
	(void)state;
	assert_reads("Sat, 31 Dec 2016 23:59:60 GMT", 0, INT64_C(1483228800));
	assert_reads("Saturday, 31-Dec-16 23:59:60 GMT", INT64_C(1483228800), INT64_C(1483228800));
	assert_reads("Sat Dec 31 23:59:60 2016", 0, INT64_C(1483228800));
	assert_refused("Sat, 31 Dec 2016 22:59:60 GMT");
	assert_refused("Sat, 31 Dec 2016 23:58:60 GMT");
	assert_refused("Sat, 31 Dec 2016 23:59:61 GMT");
}

static void a_day_or_time_that_does_not_exist_is_refused(void **state)
{
	(void)state;
	assert_refused("Sun, 00 Nov 1994 08:49:37 GMT");
	assert_refused("Sun, 31 Nov 1994 08:49:37 GMT");
	assert_refused("Sun, 32 Jan 1994 08:49:37 GMT");
	assert_refused("Sun, 29 Feb 1994 08:49:37 GMT");
	assert_refused("Sun, 30 Feb 2000 08:49:37 GMT");
	assert_refused("Sun, 29 Feb 1900 08:49:37 GMT");
	assert_refused("Sun, 29 Feb 2100 08:49:37 GMT");
	assert_refused("Sun, 06 Nov 0000 08:49:37 GMT");
	assert_refused("Sun, 06 Nov 1994 24:00:00 GMT");
	assert_refused("Sun, 06 Nov 1994 08:60:37 GMT");
	assert_refused("Sun, 06 Nov 1994 08:49:61 GMT");
	assert_refused("Sun Feb 29 08:49:37 1994");
	assert_refused("Sun Nov  0 08:49:37 1994");
	assert_refused("Sun Nov 00 08:49:37 1994");
	assert_refused("Sunday, 31-Nov-94 08:49:37 GMT");
	assert_refused("Sunday, 29-Feb-95 08:49:37 GMT");
}

/* RFC 9110 5.6.7: case matters, and no white space may be added. */
static void only_the_exact_forms_are_read(void **state)
{
	static const char *const refused[] = { "",
					       "0",
					       "Sun",
					       "yesterday",
					       "784111777",
					       "sun, 06 Nov 1994 08:49:37 GMT",
					       "Sun, 06 nov 1994 08:49:37 GMT",
					       "Sun, 06 Nov 1994 08:49:37 gmt",
					       "Sun, 06 Nov 1994 08:49:37 UTC",
					       "Sun, 06 Nov 1994 08:49:37 +00",
					       "Sux, 06 Nov 1994 08:49:37 GMT",
					       "Sun, 06 Nox 1994 08:49:37 GMT",
					       "Sun, 6 Nov 1994 08:49:37 GMT",
					       "Sun,  6 Nov 1994 08:49:37 GMT",
					       "Sun, 06-Nov-1994 08:49:37 GMT",
					       "Sun, 06 Nov 94 08:49:37 GMT",
					       "Sun; 06 Nov 1994 08:49:37 GMT",
					       "Sun, 06 Nov 1994 08.49.37 GMT",
					       "Sun, 06 Nov 1994 8:49:37 GMT",
					       " Sun, 06 Nov 1994 08:49:37 GMT",
					       "Sun, 06 Nov 1994 08:49:37 GMT ",
					       "Sun, 06 Nov 1994 08:49:37",
					       "Sun, +6 Nov 1994 08:49:37 GMT",
					       "Sun, 06 ovD 1994 08:49:37 GMT",
					       "Sun, 06 Nov 1994 08:49:37 GMT; length=1",
					       "Sun, 06-Nov-94 08:49:37 GMT",
					       "sunday, 06-Nov-94 08:49:37 GMT",
					       "Sunday, 06 Nov 94 08:49:37 GMT",
					       "Sunday, 6-Nov-94 08:49:37 GMT",
					       "Sunday, 06-Nov-1994 08:49:37 GMT",
					       "Someday, 06-Nov-94 08:49:37 GMT",
					       "SundayX, 06-Nov-94 08:49:37 GMT",
					       "Sunday, 06-Nov-94 08:49:37 UTC",
					       "Sunday, 06-nov-94 08:49:37 GMT",
					       "sun Nov  6 08:49:37 1994",
					       "Sun nov  6 08:49:37 1994",
					       "Sun Nov 6 08:49:37 1994",
					       "Sun Nov  6 08:49:37 94",
					       "Sun, Nov 6 08:49:37 1994",
					       "Sun Nov   08:49:37 19940",
					       "Xun Nov  6 08:49:37 1994",
					       "Sun Nov 6  08:49:37 1994" };

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_refused(refused[i]);
}

/* RFC 9110 does not ask for it, and senders that get it wrong still mean the date. */
static void the_name_of_the_day_is_not_held_against_the_date(void **state)
{
	(void)state;
	assert_reads("Mon, 06 Nov 1994 08:49:37 GMT", 0, NOVEMBER_1994);
	assert_reads("Wednesday, 06-Nov-94 08:49:37 GMT", NOVEMBER_1994, NOVEMBER_1994);
	assert_reads("Sat Nov  6 08:49:37 1994", 0, NOVEMBER_1994);
}

/* What is read after one byte has changed can be written again: no field runs out of its bounds. */
static void one_changed_byte_gives_another_date_or_none(void **state)
{
	static const char *const forms[] = {
		"Sun, 06 Nov 1994 08:49:37 GMT",
		"Wednesday, 06-Nov-94 08:49:37 GMT",
		"Sun Nov  6 08:49:37 1994",
	};

	(void)state;
	for (int form = 0; form < 3; form++) {
		size_t size = strlen(forms[form]);

		for (size_t at = 0; at < size; at++) {
			for (int c = 0; c < 256; c++) {
				char text[ROOM];
				int64_t seconds;

				memcpy(text, forms[form], size);
				text[at] = (char)c;
				if (parse(text, size, NOVEMBER_1994, &seconds))
					assert_round_trip(seconds);
			}
		}
		for (size_t cut = 0; cut < size; cut++) {
			int64_t seconds;

			assert_false(parse(forms[form], cut, NOVEMBER_1994, &seconds));
		}
	}
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_known_moment_is_written),
		cmocka_unit_test(a_moment_outside_the_years_1_to_9999_is_clamped),
		cmocka_unit_test(every_day_from_1890_to_2110_comes_back),
		cmocka_unit_test(any_moment_of_the_calendar_comes_back),
		cmocka_unit_test(every_year_has_its_365_or_366_days),
		cmocka_unit_test(all_three_forms_are_read),
		cmocka_unit_test(every_day_of_a_leap_cycle_is_read_in_all_three_forms),
		cmocka_unit_test(a_year_of_two_digits_is_at_most_fifty_years_ahead),
		cmocka_unit_test(a_year_of_two_digits_stays_inside_the_calendar),
		cmocka_unit_test(a_leap_second_is_the_second_after),
		cmocka_unit_test(a_day_or_time_that_does_not_exist_is_refused),
		cmocka_unit_test(only_the_exact_forms_are_read),
		cmocka_unit_test(the_name_of_the_day_is_not_held_against_the_date),
		cmocka_unit_test(one_changed_byte_gives_another_date_or_none),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
