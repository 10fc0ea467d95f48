/* SPDX-License-Identifier: MIT */
/*
 * http/range: clear ranges of bytes are honoured, disjoint and in the order of the request;
 * everything else is the whole representation.
 *
 * Merging is checked against a model that does none: it paints the bytes of every range, and
 * what hangs together is one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "guard.h"
#include "http/range.h"

#define ROOM 4096

/* The end of a guarded region: every value that is parsed ends there. */
static uint8_t *value_end;

static int set_up(void **state)
{
	static const uint8_t zeros[ROOM];

	(void)state;
	value_end = guard_copy(zeros, ROOM) + ROOM;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	guard_release(value_end - ROOM, ROOM);
	return 0;
}

static enum range_result parse(struct bytes value, uint64_t size, struct ranges *ret_ranges)
{
	assert_true(value.size <= ROOM);
	memcpy(value_end - value.size, value.base, value.size);
	return range_parse(bytes_make(value_end - value.size, value.size), size, ret_ranges);
}

/* `expected` as in "0-1,5-9": what is left, in this order. */
static void assert_ranges(const char *value, uint64_t size, const char *expected)
{
	char found[RANGE_MAX * 42 + 1] = "";
	struct ranges ranges;
	size_t at = 0;

	if (parse(bytes_string(value), size, &ranges) != RANGE_SATISFIABLE)
		fail_msg("\"%s\" has no range of %llu", value, (unsigned long long)size);
	for (unsigned i = 0; i < ranges.count; i++)
		at += (size_t)sprintf(found + at, "%s%llu-%llu", i > 0 ? "," : "",
				      (unsigned long long)ranges.range[i].first,
				      (unsigned long long)ranges.range[i].last);
	assert_string_equal(found, expected);
}

static void assert_one(const char *value, uint64_t size, uint64_t first, uint64_t last)
{
	char expected[64];

	snprintf(expected, sizeof(expected), "%llu-%llu", (unsigned long long)first,
		 (unsigned long long)last);
	assert_ranges(value, size, expected);
}

/* No range, and the out-parameter is as it was. */
static void assert_none(const char *value, uint64_t size, enum range_result expected)
{
	struct ranges ranges, before;
	enum range_result result;

	memset(&ranges, 0xa5, sizeof(ranges));
	before = ranges;
	result = parse(bytes_string(value), size, &ranges);
	if (result != expected)
		fail_msg("\"%s\" of %llu: %d, not %d", value, (unsigned long long)size, (int)result,
			 (int)expected);
	assert_memory_equal(&ranges, &before, sizeof(ranges));
}

static void one_range_is_honoured(void **state)
{
	(void)state;
	assert_one("bytes=0-499", 10000, 0, 499);
	assert_one("bytes=500-999", 10000, 500, 999);
	assert_one("bytes=0-0", 10000, 0, 0);
	assert_one("bytes=9999-9999", 10000, 9999, 9999);
	assert_one("bytes=9500-", 10000, 9500, 9999);
	assert_one("bytes=0-", 10000, 0, 9999);
	assert_one("bytes=-500", 10000, 9500, 9999);
	assert_one("bytes=-1", 10000, 9999, 9999);
	assert_one("bytes=0-0", 1, 0, 0);
	assert_one("bytes=000-0099", 10000, 0, 99);
}

static void the_unit_is_compared_without_case(void **state)
{
	(void)state;
	assert_one("Bytes=0-1", 10, 0, 1);
	assert_one("BYTES=-1", 10, 9, 9);
}

static void the_last_byte_is_cut_to_the_representation(void **state)
{
	(void)state;
	assert_one("bytes=0-10000", 10000, 0, 9999);
	assert_one("bytes=9999-123456", 10000, 9999, 9999);
	assert_one("bytes=-10000", 10000, 0, 9999);
	assert_one("bytes=-10001", 10000, 0, 9999);
}

static void a_range_behind_the_end_is_unsatisfiable(void **state)
{
	(void)state;
	assert_none("bytes=10000-", 10000, RANGE_UNSATISFIABLE);
	assert_none("bytes=10000-10001", 10000, RANGE_UNSATISFIABLE);
	assert_none("bytes=-0", 10000, RANGE_UNSATISFIABLE);
	assert_none("bytes=0-", 0, RANGE_UNSATISFIABLE);
	assert_none("bytes=0-0", 0, RANGE_UNSATISFIABLE);
}

static void a_suffix_of_nothing_is_ignored(void **state)
{
	(void)state;
	assert_none("bytes=-1", 0, RANGE_IGNORED);
	assert_none("bytes=-0", 0, RANGE_IGNORED);
}

static void a_number_of_any_length_is_beyond_every_end(void **state)
{
	(void)state;
	assert_one("bytes=0-18446744073709551615", 10, 0, 9);
	assert_one("bytes=0-18446744073709551616", 10, 0, 9);
	assert_one("bytes=1-99999999999999999999999999999999999999999999", 10, 1, 9);
	assert_one("bytes=-99999999999999999999999999999999999999999999", 10, 0, 9);
	assert_one("bytes=00000000000000000000000000000000000001-2", 10, 1, 2);
	assert_none("bytes=18446744073709551616-", 10, RANGE_UNSATISFIABLE);
	assert_none("bytes=18446744073709551617-18446744073709551618", 10, RANGE_UNSATISFIABLE);
	assert_none("bytes=18446744073709551615-", UINT64_MAX, RANGE_UNSATISFIABLE);
	assert_one("bytes=18446744073709551614-", UINT64_MAX, UINT64_MAX - 1, UINT64_MAX - 1);
	assert_one("bytes=0-18446744073709551615", UINT64_MAX, 0, UINT64_MAX - 1);
	assert_one("bytes=-18446744073709551615", UINT64_MAX, 0, UINT64_MAX - 1);
	assert_one("bytes=-18446744073709551614", UINT64_MAX, 1, UINT64_MAX - 1);
}

/* RFC 9110 14.1.1: an int-range whose last is smaller than its first is invalid. */
static void a_range_that_runs_backwards_is_ignored(void **state)
{
	(void)state;
	assert_none("bytes=500-499", 10000, RANGE_IGNORED);
	assert_none("bytes=20000-19999", 10000, RANGE_IGNORED);
	assert_none("bytes=1-0", 0, RANGE_IGNORED);
}

static void several_ranges_keep_the_order_of_the_request(void **state)
{
	(void)state;
	assert_ranges("bytes=0-1,3-4", 10, "0-1,3-4");
	assert_ranges("bytes=3-4,0-1", 10, "3-4,0-1");
	assert_ranges("bytes=-1, 0-0, 4-5", 10, "9-9,0-0,4-5");
	assert_ranges("bytes=8-,,0-0\t , 4-5,", 10, "8-9,0-0,4-5");
	assert_ranges("bytes=0-0,2-2,4-4,6-6,8-8", 10, "0-0,2-2,4-4,6-6,8-8");
}

static void ranges_that_overlap_or_touch_become_one(void **state)
{
	(void)state;
	assert_ranges("bytes=0-1, 0-1", 10, "0-1");
	assert_ranges("bytes=0-4,2-6", 10, "0-6");
	assert_ranges("bytes=2-6,0-4", 10, "0-6");
	assert_ranges("bytes=0-9,3-4", 10, "0-9");
	assert_ranges("bytes=3-4,0-9", 10, "0-9");
	assert_ranges("bytes=0-1,2-3", 10, "0-3");
	assert_ranges("bytes=2-3,0-1", 10, "0-3");
	assert_ranges("bytes=0-1,3-4", 10, "0-1,3-4");
	assert_ranges("bytes=0-,-1", 10, "0-9");
	assert_ranges("bytes=0-4,-5", 10, "0-9");
	assert_ranges("bytes=0-0,18446744073709551614-,1-", UINT64_MAX, "0-18446744073709551614");
}

/* RFC 9110 15.3.7.2 lets a server choose the order when it merges: the first one asked for gives the place.
 */
static void a_merged_range_takes_the_place_of_the_first_of_them(void **state)
{
	(void)state;
	assert_ranges("bytes=6-7,0-0,2-2,8-8", 10, "6-8,0-0,2-2");
	assert_ranges("bytes=6-7,2-2,0-0,1-1", 10, "6-7,0-2");
	assert_ranges("bytes=0-0,6-7,2-2,5-5", 10, "0-0,5-7,2-2");
}

/* A range that closes a gap joins both sides of it, and whatever those have grown to. */
static void merging_is_transitive(void **state)
{
	(void)state;
	assert_ranges("bytes=0-1,4-5,2-3", 10, "0-5");
	assert_ranges("bytes=4-5,0-1,8-9,2-3,6-7", 10, "0-9");
	assert_ranges("bytes=0-0,2-2,4-4,6-6,8-8,1-7", 10, "0-8");
	assert_ranges("bytes=8-8,4-4,0-0,3-5", 10, "8-8,3-5,0-0");
}

static void unsatisfiable_ranges_are_left_out_while_another_is_not(void **state)
{
	(void)state;
	assert_ranges("bytes=0-1,99-", 10, "0-1");
	assert_ranges("bytes=99-,-0,0-1,10-", 10, "0-1");
	assert_none("bytes=99-,-0", 10, RANGE_UNSATISFIABLE);
	assert_none("bytes=10-,11-12", 10, RANGE_UNSATISFIABLE);
	assert_none("bytes=0-,1-2", 0, RANGE_UNSATISFIABLE);
	assert_none("bytes=0-,-2", 0, RANGE_IGNORED);
}

static void one_malformed_range_spoils_all(void **state)
{
	(void)state;
	assert_none("bytes=0-1,x", 10, RANGE_IGNORED);
	assert_none("bytes=x,0-1", 10, RANGE_IGNORED);
	assert_none("bytes=0-1,4-3", 10, RANGE_IGNORED);
	assert_none("bytes=99-,4-3", 10, RANGE_IGNORED);
	assert_none("bytes=0-1,-", 10, RANGE_IGNORED);
	assert_none("bytes=0-1 3-4", 10, RANGE_IGNORED);
	assert_none("bytes=0-1;3-4", 10, RANGE_IGNORED);
	assert_none("bytes=0-1,bytes=3-4", 10, RANGE_IGNORED);
}

/* What is counted is what was asked for, not what is left of it: else merging would hide any number. */
static void more_ranges_than_the_limit_are_ignored(void **state)
{
	static const char *const elements[] = { "0-0,", "99-,", "-1 ,, ," };
	char value[1024], expected[512] = "";
	size_t at = 0;

	(void)state;
	for (unsigned i = 0; i < RANGE_MAX; i++)
		at += (size_t)sprintf(expected + at, "%s%u-%u", i > 0 ? "," : "", 2 * i, 2 * i);
	snprintf(value, sizeof(value), "bytes=%s", expected);
	assert_ranges(value, 100, expected);
	strcat(value, ",64-64");
	assert_none(value, 100, RANGE_IGNORED);
	for (size_t i = 0; i < sizeof(elements) / sizeof(elements[0]); i++) {
		strcpy(value, "bytes=0-0,");
		for (unsigned count = 1; count < RANGE_MAX; count++)
			strcat(value, elements[i]);
		assert_ranges(value, 10, i == 2 ? "0-0,9-9" : "0-0");
		strcat(value, elements[i]);
		assert_none(value, 10, RANGE_IGNORED);
	}
}

/* RFC 9110 5.6.1.2: a recipient takes empty elements, and white space on both sides of a comma. */
static void empty_elements_of_the_list_count_for_nothing(void **state)
{
	(void)state;
	assert_one("bytes=,0-4", 10, 0, 4);
	assert_one("bytes=0-4,", 10, 0, 4);
	assert_one("bytes=,,0-4,,", 10, 0, 4);
	assert_one("bytes= ,\t0-4 \t, ,", 10, 0, 4);
	assert_one("bytes=, -4", 10, 6, 9);
	assert_none("bytes=", 10, RANGE_IGNORED);
	assert_none("bytes=,", 10, RANGE_IGNORED);
	assert_none("bytes= , ", 10, RANGE_IGNORED);
}

static void white_space_stands_at_commas_only(void **state)
{
	(void)state;
	assert_none("bytes= 0-4", 10, RANGE_IGNORED);
	assert_none("bytes =0-4", 10, RANGE_IGNORED);
	assert_none("bytes=0 -4", 10, RANGE_IGNORED);
	assert_none("bytes=0- 4", 10, RANGE_IGNORED);
	assert_none("bytes=0 - 4", 10, RANGE_IGNORED);
	assert_none("bytes=- 4", 10, RANGE_IGNORED);
}

static void what_is_no_range_of_bytes_is_ignored(void **state)
{
	static const char *const ignored[] = { "",
					       "0-4",
					       "=0-4",
					       "byte=0-4",
					       "bytess=0-4",
					       "lines=0-4",
					       "bytes",
					       "bytes:0-4",
					       "bytes=0",
					       "bytes=-",
					       "bytes=--1",
					       "bytes=0--1",
					       "bytes=0-1-2",
					       "bytes=a-b",
					       "bytes=0-b",
					       "bytes=0x0-0x4",
					       "bytes=+0-4",
					       "bytes=0-+4",
					       "bytes=0-4;q=1",
					       "bytes=0-4\"",
					       "bytes=*",
					       "bytes=0-4/10",
					       "bytes==0-4",
					       "bytes=1.0-4" };

	(void)state;
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		assert_none(ignored[i], 10, RANGE_IGNORED);
}

/* Inside the representation, at least one, and with a gap between any two. */
static void assert_sound(const struct ranges *ranges, uint64_t size)
{
	assert_in_range(ranges->count, 1, RANGE_MAX);
	for (unsigned i = 0; i < ranges->count; i++) {
		struct range a = ranges->range[i];

		assert_true(a.first <= a.last && a.last < size);
		for (unsigned j = 0; j < i; j++) {
			struct range b = ranges->range[j];

			assert_true(a.last + 1 < b.first || b.last + 1 < a.first);
		}
	}
}

/* Every set of up to seven bytes of this alphabet: whatever is honoured is sound. */
static void a_range_never_leaves_the_representation(void **state)
{
	static const char alphabet[] = "029-, ";
	uint8_t value[13] = "bytes=";
	unsigned honoured = 0, several = 0;

	(void)state;
	for (unsigned count = 0, total = 1; count <= 7; count++, total *= 6) {
		for (unsigned number = 0; number < total; number++) {
			for (unsigned i = 0, rest = number; i < count; i++, rest /= 6)
				value[6 + i] = (uint8_t)alphabet[rest % 6];
			for (uint64_t size = 0; size < 12; size += 3) {
				struct ranges ranges;

				if (parse(bytes_make(value, 6 + count), size, &ranges) != RANGE_SATISFIABLE)
					continue;
				assert_sound(&ranges, size);
				honoured++;
				several += ranges.count > 1;
			}
		}
	}
	assert_true(honoured > 1000 && several > 100);
}

/* xorshift64: the same ranges in every run. */
static uint64_t draw(uint64_t below)
{
	static uint64_t random = 1;

	random ^= random << 13;
	random ^= random >> 7;
	random ^= random << 17;
	return (random >> 11) % below;
}

/* One element of one of the three forms; the bytes it asks for are painted. Returns where it begins, or size.
 */
static unsigned draw_element(char *text, unsigned size, bool *painted)
{
	unsigned first = (unsigned)draw(size + 4), last = first + (unsigned)draw(draw(2) ? 3 : size);
	unsigned form = (unsigned)draw(8);

	if (form == 0) {
		sprintf(text, "-%u", first);
		first = first < size ? size - first : 0;
		last = size - 1;
	} else if (form == 1) {
		sprintf(text, "%u-", first);
		last = size - 1;
	} else {
		sprintf(text, "%u-%u", first, last);
	}
	for (unsigned at = first; at <= last && at < size; at++)
		painted[at] = true;
	return first < size ? first : size;
}

/* What hangs together around the byte `at` in `painted`. */
static struct range run_around(const bool *painted, unsigned size, unsigned at)
{
	struct range run = { at, at };

	while (run.first > 0 && painted[run.first - 1])
		run.first--;
	while (run.last + 1 < size && painted[run.last + 1])
		run.last++;
	return run;
}

static void random_ranges_are_those_of_the_painted_bytes(void **state)
{
	(void)state;
	for (int round = 0; round < 100000; round++) {
		unsigned size = 1 + (unsigned)draw(60), elements = 1 + (unsigned)draw(RANGE_MAX);
		bool painted[64] = { false }, seen[64] = { false };
		unsigned begin[RANGE_MAX], expected = 0;
		struct ranges ranges = { .count = 0 };
		char value[512] = "bytes=";

		for (unsigned i = 0; i < elements; i++) {
			begin[i] = draw_element(value + strlen(value), size, painted);
			strcat(value, ",");
		}
		parse(bytes_string(value), size, &ranges);
		for (unsigned i = 0; i < elements; i++) {
			struct range run;

			if (begin[i] == size || seen[begin[i]])
				continue;
			run = run_around(painted, size, begin[i]);
			memset(seen + run.first, true, run.last - run.first + 1);
			if (expected >= ranges.count || ranges.range[expected].first != run.first ||
			    ranges.range[expected].last != run.last)
				fail_msg("range %u of \"%s\" of %u", expected, value, size);
			expected++;
		}
		assert_int_equal(ranges.count, expected);
	}
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_range_is_honoured),
		cmocka_unit_test(the_unit_is_compared_without_case),
		cmocka_unit_test(the_last_byte_is_cut_to_the_representation),
		cmocka_unit_test(a_range_behind_the_end_is_unsatisfiable),
		cmocka_unit_test(a_suffix_of_nothing_is_ignored),
		cmocka_unit_test(a_number_of_any_length_is_beyond_every_end),
		cmocka_unit_test(a_range_that_runs_backwards_is_ignored),
		cmocka_unit_test(several_ranges_keep_the_order_of_the_request),
		cmocka_unit_test(ranges_that_overlap_or_touch_become_one),
		cmocka_unit_test(a_merged_range_takes_the_place_of_the_first_of_them),
		cmocka_unit_test(merging_is_transitive),
		cmocka_unit_test(unsatisfiable_ranges_are_left_out_while_another_is_not),
		cmocka_unit_test(one_malformed_range_spoils_all),
		cmocka_unit_test(more_ranges_than_the_limit_are_ignored),
		cmocka_unit_test(empty_elements_of_the_list_count_for_nothing),
		cmocka_unit_test(white_space_stands_at_commas_only),
		cmocka_unit_test(what_is_no_range_of_bytes_is_ignored),
		cmocka_unit_test(a_range_never_leaves_the_representation),
		cmocka_unit_test(random_ranges_are_those_of_the_painted_bytes),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
