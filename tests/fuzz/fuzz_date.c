/* SPDX-License-Identifier: MIT */
/*
 * An HTTP date: http/date.
 *
 *   bytes 0 to 7    a point in time: "now", and what is written
 *   the rest        a text that may be a date
 *
 * What is written is what the C library's calendar says, and reads back. What is read as a date is one by
 * strptime(3), too, at the same second; and each text that date_format() could have written is read.
 */
#include <stdio.h>
#include <time.h>

#include "fuzz.h"
#include "http/date.h"

#define SECONDS_MIN INT64_C(-62135596800)
#define SECONDS_MAX INT64_C(253402300799)
#define YEAR_SECONDS (INT64_C(366) * 86400)

/* Not by strftime(): its %Y writes the year 1 as one digit. */
static void check_format(int64_t seconds)
{
	static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t clamped = seconds < SECONDS_MIN ? SECONDS_MIN : seconds > SECONDS_MAX ? SECONDS_MAX : seconds;
	uint8_t *written = fuzz_room(0, DATE_SIZE);
	char expected[64];
	struct tm tm;
	int64_t again = 0;

	check(gmtime_r(&clamped, &tm) != NULL);
	snprintf(expected, sizeof(expected), "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + 3 * tm.tm_wday,
		 tm.tm_mday, months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
	date_format(seconds, written);
	check(memcmp(written, expected, DATE_SIZE) == 0);
	check(date_parse(bytes_make(written, DATE_SIZE), 0, &again) && again == clamped);
}

/* The day's name is not compared: it may be that of another day. -1: no date in this form. */
static bool read_by_library(const char *text, const char *form, int64_t *ret_seconds)
{
	struct tm tm = { .tm_isdst = 0 };
	const char *end = strptime(text, form, &tm);

	if (!end || *end)
		return false;
	*ret_seconds = timegm(&tm);
	return true;
}

/* The century of a two-digit year depends on `now`: at most fifty years ahead, and less than fifty behind. */
static void check_century(int64_t seconds, int64_t now)
{
	int64_t clamped = now < SECONDS_MIN ? SECONDS_MIN : now > SECONDS_MAX ? SECONDS_MAX : now;

	check(seconds - clamped <= 50 * YEAR_SECONDS && clamped - seconds <= 51 * YEAR_SECONDS);
}

static void check_read(struct bytes text, int64_t now, int64_t seconds)
{
	char string[40] = "";
	int64_t other = 0;

	check(seconds >= SECONDS_MIN && seconds <= SECONDS_MAX + 1 && text.size < sizeof(string));
	check(memchr(text.base, 0, text.size) == NULL);
	memcpy(string, text.base, text.size);
	if (text.size == DATE_SIZE)
		check(read_by_library(string, "%a, %d %b %Y %H:%M:%S GMT", &other) && other == seconds);
	else if (text.size == 24)
		check(read_by_library(string, "%a %b %d %H:%M:%S %Y", &other) && other == seconds);
	else
		check_century(seconds, now);
}

/* A text that is what would be written for the second that the library reads in it. */
static void check_not_read(struct bytes text)
{
	char string[40] = "";
	uint8_t written[DATE_SIZE];
	int64_t seconds = 0;

	if (text.size != DATE_SIZE)
		return;
	memcpy(string, text.base, text.size);
	if (!read_by_library(string, "%a, %d %b %Y %H:%M:%S GMT", &seconds))
		return;
	date_format(seconds, written);
	check(memcmp(written, string, DATE_SIZE) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes rest = bytes_make(data, size < 64 ? size : 64), text;
	int64_t now = (int64_t)fuzz_take_number(&rest, 8);
	int64_t seconds = INT64_MIN;

	check_format(now);
	check_format(now % SECONDS_MAX);
	text = fuzz_place(1, rest);
	if (date_parse(text, now, &seconds))
		check_read(text, now, seconds);
	else {
		check(seconds == INT64_MIN);
		check_not_read(text);
	}
	return 0;
}
