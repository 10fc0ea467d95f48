/* SPDX-License-Identifier: MIT */
/*
 * cli/calibrate_judge: what is beyond noise is told from what is not, and the default is left only for what a
 * measurement shows.
 *
 * The rounds are made up, so every verdict is known before.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "calibrate.h"

#define KIB UINT64_C(1024)
#define PAIRS 6

/* Both ways cost 10 us, the first `ratio` of it, give or take `noise` from pair to pair. */
static struct calibrate_comparison made(uint64_t size, double ratio, double noise)
{
	struct calibrate_comparison comparison = { .size = size,
						   .value = { size, size - 1 },
						   .pairs = PAIRS };

	for (unsigned i = 0; i < PAIRS; i++) {
		double drift = 1 + 0.5 * i; /* of the machine: both rounds of a pair have it */
		double error = i % 2 ? noise : -noise;

		comparison.rounds[0][i] = (struct calibrate_cost){ 10 * drift * (ratio + error),
								   20 * drift * (ratio + error), 0 };
		comparison.rounds[1][i] = (struct calibrate_cost){ 10 * drift, 20 * drift, 0 };
	}
	return comparison;
}

static enum calibrate_verdict verdict_of(struct calibrate_comparison comparison, bool both_counts)
{
	calibrate_judge_comparison(&comparison, both_counts);
	return comparison.verdict;
}

static void a_difference_beyond_noise_decides(void **state)
{
	(void)state;
	assert_int_equal(verdict_of(made(4096, 0.90, 0.05), true), CALIBRATE_FIRST);
	assert_int_equal(verdict_of(made(4096, 1.10, 0.05), true), CALIBRATE_SECOND);
}

static void a_difference_within_noise_decides_nothing(void **state)
{
	(void)state;
	assert_int_equal(verdict_of(made(4096, 0.95, 0.06), true), CALIBRATE_UNDECIDED);
	assert_int_equal(verdict_of(made(4096, 1.05, 0.06), true), CALIBRATE_UNDECIDED);
}

static void a_sure_difference_that_is_not_worth_it_decides_nothing(void **state)
{
	(void)state;
	assert_int_equal(verdict_of(made(4096, 0.99, 0), true), CALIBRATE_UNDECIDED);
	assert_int_equal(verdict_of(made(4096, 1.01, 0), true), CALIBRATE_UNDECIDED);
}

static void one_pair_of_six_on_the_other_side_is_noise(void **state)
{
	struct calibrate_comparison comparison = made(4096, 0.90, 0.01);

	(void)state;
	comparison.rounds[0][3].server_us *= 2;
	assert_int_equal(verdict_of(comparison, true), CALIBRATE_UNDECIDED);
}

static void one_pair_of_nine_on_the_other_side_is_let_pass(void **state)
{
	struct calibrate_comparison comparison = made(4096, 0.90, 0);

	(void)state;
	comparison.pairs = 9;
	for (unsigned i = PAIRS; i < comparison.pairs; i++)
		for (unsigned which = 0; which < 2; which++)
			comparison.rounds[which][i] = comparison.rounds[which][0];
	comparison.rounds[0][3].server_us *= 2;
	comparison.rounds[0][3].both_us *= 2;
	assert_int_equal(verdict_of(comparison, true), CALIBRATE_FIRST);
	comparison.rounds[0][4].server_us *= 2;
	assert_int_equal(verdict_of(comparison, true), CALIBRATE_UNDECIDED);
}

static void what_the_client_pays_for_is_not_saved(void **state)
{
	struct calibrate_comparison comparison = made(4096, 0.90, 0.01);

	(void)state;
	for (unsigned i = 0; i < PAIRS; i++)
		comparison.rounds[0][i].both_us = comparison.rounds[1][i].both_us * 1.1;
	assert_int_equal(verdict_of(comparison, true), CALIBRATE_UNDECIDED);
	assert_int_equal(verdict_of(comparison, false), CALIBRATE_FIRST);
}

static void median_and_spread_are_those_of_the_pairs(void **state)
{
	struct calibrate_comparison comparison = made(4096, 0.90, 0.02);

	(void)state;
	calibrate_judge_comparison(&comparison, true);
	assert_float_equal(comparison.server.median, 0.90, 1e-9);
	assert_float_equal(comparison.server.low, 0.88, 1e-9);
	assert_float_equal(comparison.server.high, 0.92, 1e-9);
	assert_float_equal(comparison.median[1].server_us, 22.5, 1e-9);
	assert_float_equal(comparison.median[1].both_us, 45, 1e-9);
	assert_float_equal(comparison.p99.median, 0, 0);
}

static const struct calibrate_threshold up_to = {
	.option = "small", .kind = CALIBRATE_UP_TO, .first = "one", .second = "two", .remark = "mind"
};
static const struct calibrate_threshold from = {
	.option = "zero-copy", .kind = CALIBRATE_FROM, .first = "one", .second = "two"
};
static const struct calibrate_threshold turn = {
	.option = "turn", .kind = CALIBRATE_VALUE, .first = "turns of", .second = "turns of"
};

/* A sign for each size from 4K on: '1' the first way is cheaper, '2' the second, '-' neither. */
static struct calibrate_result judged(const struct calibrate_threshold *threshold, uint64_t fallback,
				      const char *signs)
{
	struct calibrate_result result = { .threshold = threshold, .fallback = fallback };

	for (uint64_t size = 4 * KIB; *signs; size *= 2, signs++) {
		double ratio = *signs == '1' ? 0.9 : *signs == '2' ? 1.1 : 1;

		result.comparison[result.count] = made(size, ratio, 0.01);
		calibrate_judge_comparison(&result.comparison[result.count++], true);
	}
	calibrate_judge_threshold(&result);
	assert_true(strlen(result.why) > 0 && strlen(result.why) < sizeof(result.why) - 1);
	return result;
}

/* 4K 8K 16K 32K 64K */
static void a_default_that_nothing_speaks_against_stays(void **state)
{
	static const char *const fit[] = { "11122", "11-22", "1----", "----2", "111--", "---22" };

	(void)state;
	for (size_t i = 0; i < sizeof(fit) / sizeof(fit[0]); i++) {
		struct calibrate_result result = judged(&up_to, 16 * KIB, fit[i]);

		assert_true(result.is_decided);
		assert_int_equal(result.recommended, 16 * KIB);
		assert_non_null(strstr(result.why, "fits"));
		assert_null(strstr(result.why, "mind"));
	}
}

static void the_default_moves_to_the_largest_size_at_which_the_first_way_is_cheaper(void **state)
{
	(void)state;
	assert_int_equal(judged(&up_to, 16 * KIB, "11112").recommended, 32 * KIB);
	assert_int_equal(judged(&up_to, 16 * KIB, "--11-").recommended, 32 * KIB);
	assert_int_equal(judged(&up_to, 16 * KIB, "11111").recommended, 64 * KIB);
	assert_int_equal(judged(&up_to, 16 * KIB, "12222").recommended, 4 * KIB);
	assert_int_equal(judged(&up_to, 16 * KIB, "1-222").recommended, 4 * KIB);
	assert_int_equal(judged(&up_to, 16 * KIB, "--222").recommended, 8 * KIB);
	assert_int_equal(judged(&up_to, 16 * KIB, "22222").recommended, 2 * KIB);
}

static void a_larger_value_comes_with_what_is_to_be_known_of_it(void **state)
{
	(void)state;
	assert_non_null(strstr(judged(&up_to, 16 * KIB, "11112").why, "does not fit; mind"));
	assert_null(strstr(judged(&up_to, 16 * KIB, "12222").why, "mind"));
}

static void sizes_that_show_nothing_or_contradict_each_other_leave_the_default(void **state)
{
	static const char *const signs[] = { "-----", "21---", "12111", "22221" };

	(void)state;
	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		struct calibrate_result result = judged(&up_to, 16 * KIB, signs[i]);

		assert_false(result.is_decided);
		assert_int_equal(result.recommended, 16 * KIB);
		assert_non_null(strstr(result.why, "the default stays"));
	}
}

static void
a_threshold_from_which_the_second_way_goes_is_the_smallest_size_at_which_it_is_cheaper(void **state)
{
	(void)state;
	assert_int_equal(judged(&from, 0, "11122").recommended, 32 * KIB);
	assert_int_equal(judged(&from, 0, "11111").recommended, 0);
	assert_int_equal(judged(&from, 0, "-----").recommended, 0);
	assert_int_equal(judged(&from, 16 * KIB, "11111").recommended, 0);
	assert_int_equal(judged(&from, 16 * KIB, "11--2").recommended, 16 * KIB);
	assert_int_equal(judged(&from, 16 * KIB, "111-2").recommended, 64 * KIB);
	assert_int_equal(judged(&from, 16 * KIB, "22222").recommended, 4 * KIB);
}

/* Add to a result what a value did against the default: server's time and p99. */
static void add_value(struct calibrate_result *result, uint64_t value, double server, double p99)
{
	struct calibrate_comparison comparison = made(1024 * KIB, server, 0.005);

	comparison.value[0] = value;
	comparison.value[1] = result->fallback;
	for (unsigned i = 0; i < PAIRS; i++) {
		comparison.rounds[0][i].p99_us = 100 * p99;
		comparison.rounds[1][i].p99_us = 100;
	}
	calibrate_judge_comparison(&comparison, true);
	result->comparison[result->count++] = comparison;
}

static uint64_t value_of(double small_server, double small_p99, double large_server, double large_p99)
{
	struct calibrate_result result = { .threshold = &turn, .fallback = 256 * KIB };

	add_value(&result, 64 * KIB, small_server, small_p99);
	add_value(&result, 1024 * KIB, large_server, large_p99);
	calibrate_judge_threshold(&result);
	return result.recommended;
}

static void a_value_must_be_better_in_something_and_worse_in_nothing(void **state)
{
	(void)state;
	assert_int_equal(value_of(1.10, 0.50, 0.90, 1.50), 256 * KIB); /* each gives and takes */
	assert_int_equal(value_of(1.00, 1.00, 1.00, 1.00), 256 * KIB);
	assert_int_equal(value_of(1.00, 0.50, 0.90, 1.50), 64 * KIB);
	assert_int_equal(value_of(1.10, 0.50, 0.90, 1.00), 1024 * KIB);
	assert_int_equal(value_of(0.95, 1.00, 0.90, 1.00), 1024 * KIB); /* the better of two */
	assert_int_equal(value_of(1.00, 0.95, 1.00, 1.05), 256 * KIB);  /* a p99 is not so exact */
}

static void a_value_whose_fairness_is_unknown_is_not_taken(void **state)
{
	struct calibrate_result result = { .threshold = &turn, .fallback = 256 * KIB };

	(void)state;
	add_value(&result, 1024 * KIB, 0.5, 0);
	calibrate_judge_threshold(&result);
	assert_int_equal(result.recommended, 256 * KIB);
	assert_non_null(strstr(result.why, "not every p99 is known"));
}

static void a_size_is_read_as_it_is_written(void **state)
{
	static const struct {
		uint64_t size;
		const char *text;
	} sizes[] = { { 0, "0" },
		      { 1, "1" },
		      { 1000, "1000" },
		      { 1024, "1K" },
		      { 65537, "65537" },
		      { 65536, "64K" },
		      { 1048576, "1M" },
		      { 1536 * KIB, "1536K" },
		      { UINT64_C(1) << 30, "1G" },
		      { UINT64_C(1) << 50, "1024T" } };
	static const char *const wrong[] = { "", "K", "-1", "1k", "1KB", "1 K", "x" };
	char text[CALIBRATE_SIZE_TEXT];
	uint64_t size = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_string_equal(calibrate_size_write(sizes[i].size, text), sizes[i].text);
		assert_true(calibrate_size_read(sizes[i].text, &size));
		assert_int_equal(size, sizes[i].size);
	}
	size = 7;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(calibrate_size_read(wrong[i], &size));
	assert_int_equal(size, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_difference_beyond_noise_decides),
		cmocka_unit_test(a_difference_within_noise_decides_nothing),
		cmocka_unit_test(a_sure_difference_that_is_not_worth_it_decides_nothing),
		cmocka_unit_test(one_pair_of_six_on_the_other_side_is_noise),
		cmocka_unit_test(one_pair_of_nine_on_the_other_side_is_let_pass),
		cmocka_unit_test(what_the_client_pays_for_is_not_saved),
		cmocka_unit_test(median_and_spread_are_those_of_the_pairs),
		cmocka_unit_test(a_default_that_nothing_speaks_against_stays),
		cmocka_unit_test(the_default_moves_to_the_largest_size_at_which_the_first_way_is_cheaper),
		cmocka_unit_test(a_larger_value_comes_with_what_is_to_be_known_of_it),
		cmocka_unit_test(sizes_that_show_nothing_or_contradict_each_other_leave_the_default),
		cmocka_unit_test(
			a_threshold_from_which_the_second_way_goes_is_the_smallest_size_at_which_it_is_cheaper),
		cmocka_unit_test(a_value_must_be_better_in_something_and_worse_in_nothing),
		cmocka_unit_test(a_value_whose_fairness_is_unknown_is_not_taken),
		cmocka_unit_test(a_size_is_read_as_it_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
