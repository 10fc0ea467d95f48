/* SPDX-License-Identifier: MIT */
/*
 * HTTP dates to and from seconds since 1970.
 *
 * Called for the Date line once a second, for Last-Modified when a head is built, and for the
 * dates that clients send back. Never asks libc: its calls know locales and time zones, and
 * some of them take locks.
 *
 * Everything goes through one count: days since 0001-01-01, a Monday, in the Gregorian
 * calendar carried backwards. A form is recognised by its length and one pattern; names and
 * case must be exact (RFC 9110 5.6.7), but the name of the day is not held against the date.
 * A leap second (23:59:60, and 60 at no other time) is read as the second after 23:59:59.
 *
 * The hard thing is the two-digit year of RFC 850: it is the sender's century that is meant,
 * and all there is to go by is that a date is at most fifty years ahead.
 */
#include "http/date.h"

#define DAY_SECONDS 86400
#define YEAR_MAX 9999
/* 0001-01-01 00:00:00 and 9999-12-31 23:59:59. */
#define SECONDS_MIN INT64_C(-62135596800)
#define SECONDS_MAX INT64_C(253402300799)
/* Days from 0001-01-01 to 1970-01-01. */
#define DAYS_TO_1970 719162

/* A point in time as a calendar shows it, UTC. */
struct civil {
	int year;   /* 1 to 9999 */
	int month;  /* 0 to 11 */
	int day;    /* 1 to 31 */
	int second; /* of the day; DAY_SECONDS in a leap second */
};

#define NAME_SIZE 3 /* of a month, and of a day in its short form */
static const char month_names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const char *const day_names[] = {
	"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
};

static bool is_leap(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Days from 0001-01-01 to the first day of `year`. */
static int days_before_year(int year)
{
	int past = year - 1;

	return 365 * past + past / 4 - past / 100 + past / 400;
}

/* Days of `year` before the first of `month`; month 12 is the whole year. */
static int days_before_month(int year, int month)
{
	static const int days[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365 };

	return days[month] + (month > 1 && is_leap(year));
}

static bool civil_exists(const struct civil *civil)
{
	int days;

	if (civil->year < 1 || civil->year > YEAR_MAX)
		return false;
	days = days_before_month(civil->year, civil->month + 1) -
	       days_before_month(civil->year, civil->month);
	return civil->day >= 1 && civil->day <= days;
}

static int64_t civil_to_seconds(const struct civil *civil)
{
	int64_t days =
		days_before_year(civil->year) + days_before_month(civil->year, civil->month) + civil->day - 1;

	return (days - DAYS_TO_1970) * DAY_SECONDS + civil->second;
}

static int64_t clamp(int64_t seconds)
{
	if (seconds < SECONDS_MIN)
		return SECONDS_MIN;
	return seconds > SECONDS_MAX ? SECONDS_MAX : seconds;
}

/* `seconds` must be clamped. */
static struct civil civil_from_seconds(int64_t seconds)
{
	int64_t since = seconds - SECONDS_MIN;
	int days = (int)(since / DAY_SECONDS);
	struct civil civil = { .second = (int)(since % DAY_SECONDS) };

	/* No year has less than 365 days: the guess is never early, and at most 7 years late, in 9999. */
	civil.year = days / 365 + 1;
	while (days_before_year(civil.year) > days)
		civil.year--;
	days -= days_before_year(civil.year);
	/* No month has more than 31 days: the guess is never late, and at most one month early. */
	civil.month = days / 31;
	if (days_before_month(civil.year, civil.month + 1) <= days)
		civil.month++;
	civil.day = days - days_before_month(civil.year, civil.month) + 1;
	return civil;
}

/* Write `count` decimal digits. */
static void put_number(uint8_t *out, int count, int number)
{
	for (; count > 0; number /= 10)
		out[--count] = (uint8_t)('0' + number % 10);
}

void date_format(int64_t seconds, uint8_t out[DATE_SIZE])
{
	int64_t clamped = clamp(seconds);
	struct civil civil = civil_from_seconds(clamped);
	int64_t weekday = (clamped - SECONDS_MIN) / DAY_SECONDS % 7;

	memcpy(out, "___, 00 ___ 0000 00:00:00 GMT", DATE_SIZE);
	memcpy(out, day_names[weekday], NAME_SIZE);
	put_number(out + 5, 2, civil.day);
	memcpy(out + 8, month_names + NAME_SIZE * civil.month, NAME_SIZE);
	put_number(out + 12, 4, civil.year);
	put_number(out + 17, 2, civil.second / 3600);
	put_number(out + 20, 2, civil.second / 60 % 60);
	put_number(out + 23, 2, civil.second % 60);
}

/* Does `text`, as long as `pattern`, fit it? "0" stands for a digit, "_" for any byte. */
static bool fits(const uint8_t *text, const char *pattern)
{
	for (size_t i = 0; pattern[i] != '\0'; i++) {
		if (pattern[i] == '0' ? !byte_is_digit(text[i]) : pattern[i] != '_' && pattern[i] != text[i])
			return false;
	}
	return true;
}

static int take_number(const uint8_t *digits, int count)
{
	int number = 0;

	for (int i = 0; i < count; i++)
		number = 10 * number + digits[i] - '0';
	return number;
}

static bool take_month(const uint8_t *name, int *ret_month)
{
	for (int i = 0; i < 12; i++) {
		if (memcmp(name, month_names + NAME_SIZE * i, NAME_SIZE) == 0) {
			*ret_month = i;
			return true;
		}
	}
	return false;
}

/* "08:49:37" at `text`, its digits known to be digits. */
static bool take_time(const uint8_t *text, int *ret_second)
{
	int hour = take_number(text, 2), minute = take_number(text + 3, 2), second = take_number(text + 6, 2);
	bool leap = hour == 23 && minute == 59 && second == 60;

	if (hour > 23 || minute > 59 || (second > 59 && !leap))
		return false;
	*ret_second = 3600 * hour + 60 * minute + second;
	return true;
}

static bool is_short_day_name(const uint8_t *name)
{
	for (size_t i = 0; i < 7; i++)
		if (memcmp(name, day_names[i], NAME_SIZE) == 0)
			return true;
	return false;
}

static bool is_long_day_name(struct bytes name)
{
	for (size_t i = 0; i < 7; i++)
		if (bytes_equal(name, bytes_string(day_names[i])))
			return true;
	return false;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" */
static bool parse_imf(const uint8_t *text, struct civil *ret_civil)
{
	if (!fits(text, "___, 00 ___ 0000 00:00:00 GMT") || !is_short_day_name(text))
		return false;
	ret_civil->day = take_number(text + 5, 2);
	ret_civil->year = take_number(text + 12, 4);
	return take_month(text + 8, &ret_civil->month) && take_time(text + 17, &ret_civil->second);
}

/* "Sun Nov  6 08:49:37 1994"; the day may also have two digits. */
static bool parse_asctime(const uint8_t *text, struct civil *ret_civil)
{
	bool one_digit = fits(text, "___ ___  0 00:00:00 0000");

	if ((!one_digit && !fits(text, "___ ___ 00 00:00:00 0000")) || !is_short_day_name(text))
		return false;
	ret_civil->day = one_digit ? take_number(text + 9, 1) : take_number(text + 8, 2);
	ret_civil->year = take_number(text + 20, 4);
	return take_month(text + 4, &ret_civil->month) && take_time(text + 11, &ret_civil->second);
}

/* Within a year, does `a` come after `b`? */
static bool is_later_in_year(const struct civil *a, const struct civil *b)
{
	if (a->month != b->month)
		return a->month > b->month;
	if (a->day != b->day)
		return a->day > b->day;
	return a->second > b->second;
}

/*
 * The year that ends in the two digits of civil->year: the last one that is not more than
 * fifty years after `now`, to the second.
 *
 *     now - 50 y              now              now + 50 y
 *   -------|-------------------|-------------------|-------
 *          [ . . . . . . one of these years . . . .]
 */
static int expand_year(const struct civil *civil, int64_t now)
{
	struct civil today = civil_from_seconds(clamp(now));
	int ahead_max = today.year + 50;
	int year = ahead_max - (ahead_max + 100 - civil->year) % 100;

	return year == ahead_max && is_later_in_year(civil, &today) ? year - 100 : year;
}

/* "Sunday, 06-Nov-94 08:49:37 GMT" */
static bool parse_rfc850(struct bytes text, int64_t now, struct civil *ret_civil)
{
	size_t name_size = text.size - strlen(", 00-___-00 00:00:00 GMT");
	const uint8_t *rest = text.base + name_size;

	if (!fits(rest, ", 00-___-00 00:00:00 GMT") || !is_long_day_name(bytes_make(text.base, name_size)))
		return false;
	ret_civil->day = take_number(rest + 2, 2);
	ret_civil->year = take_number(rest + 9, 2);
	if (!take_month(rest + 5, &ret_civil->month) || !take_time(rest + 12, &ret_civil->second))
		return false;
	ret_civil->year = expand_year(ret_civil, now);
	return true;
}

/* No two forms share a length: RFC 850's starts with the name of a day, 6 to 9 letters. */
bool date_parse(struct bytes text, int64_t now, int64_t *ret_seconds)
{
	struct civil civil;
	bool known = false;

	if (text.size == DATE_SIZE)
		known = parse_imf(text.base, &civil);
	else if (text.size == 24)
		known = parse_asctime(text.base, &civil);
	else if (text.size >= 30 && text.size <= 33)
		known = parse_rfc850(text, now, &civil);
	if (!known || !civil_exists(&civil))
		return false;
	*ret_seconds = civil_to_seconds(&civil);
	return true;
}
