/* SPDX-License-Identifier: MIT */
/*
 * http/range: one clear range of bytes is honoured, everything else is the whole representation.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
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

static enum range_result parse(struct bytes value, uint64_t size, struct range *ret_range)
{
	assert_true(value.size <= ROOM);
	memcpy(value_end - value.size, value.base, value.size);
	return range_parse(bytes_make(value_end - value.size, value.size), size, ret_range);
}

static void assert_one(const char *value, uint64_t size, uint64_t first, uint64_t last)
{
	struct range range;

	if (parse(bytes_string(value), size, &range) != RANGE_ONE)
		fail_msg("\"%s\" is not a range of %llu", value, (unsigned long long)size);
	assert_int_equal(range.first, first);
	assert_int_equal(range.last, last);
}

/* No range, and the out-parameter is as it was. */
static void assert_none(const char *value, uint64_t size, enum range_result expected)
{
	struct range range = { 7, 8 };
	enum range_result result = parse(bytes_string(value), size, &range);

	if (result != expected)
		fail_msg("\"%s\" of %llu: %d, not %d", value, (unsigned long long)size, (int)result,
			 (int)expected);
	assert_int_equal(range.first, 7);
	assert_int_equal(range.last, 8);
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

static void several_ranges_are_ignored(void **state)
{
	(void)state;
	assert_none("bytes=0-1,3-4", 10, RANGE_IGNORED);
	assert_none("bytes=0-1, 0-1", 10, RANGE_IGNORED);
	assert_none("bytes=0-1,,-1", 10, RANGE_IGNORED);
	assert_none("bytes=0-1,99-", 10, RANGE_IGNORED);
	assert_none("bytes=0-1,x", 10, RANGE_IGNORED);
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

/* Every set of up to six bytes of this alphabet: whatever is honoured lies inside the representation. */
static void a_range_never_leaves_the_representation(void **state)
{
	static const char alphabet[] = "029-, ";
	uint8_t value[12] = "bytes=";
	unsigned honoured = 0;

	(void)state;
	for (unsigned count = 0, total = 1; count <= 6; count++, total *= 6) {
		for (unsigned number = 0; number < total; number++) {
			for (unsigned i = 0, rest = number; i < count; i++, rest /= 6)
				value[6 + i] = (uint8_t)alphabet[rest % 6];
			for (uint64_t size = 0; size < 12; size += 3) {
				struct range range;

				if (parse(bytes_make(value, 6 + count), size, &range) != RANGE_ONE)
					continue;
				honoured++;
				assert_true(range.first <= range.last);
				assert_true(range.last < size);
			}
		}
	}
	assert_true(honoured > 1000);
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
		cmocka_unit_test(several_ranges_are_ignored),
		cmocka_unit_test(empty_elements_of_the_list_count_for_nothing),
		cmocka_unit_test(white_space_stands_at_commas_only),
		cmocka_unit_test(what_is_no_range_of_bytes_is_ignored),
		cmocka_unit_test(a_range_never_leaves_the_representation),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
