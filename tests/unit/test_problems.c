/* SPDX-License-Identifier: MIT */
/*
 * base/problems: every problem is kept with its place, and a misspelt word gets the one that was meant.
 *
 * The allocator is one that fails when it is told to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "scarce_mem.h"
#include "base/problems.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void assert_problem(const struct problems *problems, unsigned index, const char *path,
			   const char *text)
{
	assert_true(index < problems->count);
	assert_string_equal(problems->problem[index].path, path);
	assert_string_equal(problems->problem[index].text, text);
	assert_int_equal(problems->problem[index].line, 0);
	assert_int_equal(problems->problem[index].column, 0);
}

/* A place is written as one would look for it in the file. */
static void a_problem_stands_at_its_place(void **state)
{
	const struct place *hosts = PLACE_KEY(NULL, "hosts"), *host = PLACE_ITEM(hosts, 2);
	const struct place *headers = PLACE_KEY(host, "headers"), *header = PLACE_ITEM(headers, 0);
	struct problems problems = { .problem = NULL };

	(void)state;
	assert_false(problems_any(&problems));
	problems_add(&problems, NULL, "the whole of it");
	problems_add(&problems, hosts, "%s", "a list");
	problems_add(&problems, host, "item %u", 2u);
	problems_add(&problems, PLACE_KEY(header, "path"), "a glob");
	problems_add(&problems, PLACE_ITEM(NULL, 10), "an item of the top");
	problems_add(&problems, PLACE_ITEM(PLACE_ITEM(hosts, 1), 4294967295u), "a list in a list");
	assert_true(problems_any(&problems));
	assert_int_equal(problems.count, 6);
	assert_problem(&problems, 0, "", "the whole of it");
	assert_problem(&problems, 1, "hosts", "a list");
	assert_problem(&problems, 2, "hosts[2]", "item 2");
	assert_problem(&problems, 3, "hosts[2].headers[0].path", "a glob");
	assert_problem(&problems, 4, "[10]", "an item of the top");
	assert_problem(&problems, 5, "hosts[1][4294967295]", "a list in a list");
	problems_deinit(&problems);
	assert_false(problems_any(&problems));
}

/* All of them, not just the first: who mends a configuration wants to mend it once. */
static void a_thousand_problems_are_kept_in_order(void **state)
{
	struct problems problems = { .problem = NULL };

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		problems_add(&problems, PLACE_ITEM(NULL, i), "number %u", i);
	assert_int_equal(problems.count, 1000);
	assert_false(problems.failed);
	assert_problem(&problems, 0, "[0]", "number 0");
	assert_problem(&problems, 999, "[999]", "number 999");
	problems_deinit(&problems);
}

/* An empty sentence and a percent sign are text like others; both strings are always there. */
static void a_sentence_may_hold_anything(void **state)
{
	struct problems problems = { .problem = NULL };
	char long_text[3000];

	(void)state;
	memset(long_text, 'a', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = 0;
	problems_add(&problems, NULL, "%s", "");
	problems_add(&problems, NULL, "100 %% of \"%s\"", "%s");
	problems_add(&problems, PLACE_KEY(NULL, long_text), "%s", long_text);
	assert_problem(&problems, 0, "", "");
	assert_problem(&problems, 1, "", "100 % of \"%s\"");
	assert_problem(&problems, 2, long_text, long_text);
	problems_deinit(&problems);
}

/* Without memory nobody may take the configuration for a good one. */
static void a_problem_that_there_is_no_memory_for_is_not_forgotten(void **state)
{
	(void)state;
	for (uint32_t allowed = 0; allowed <= 60; allowed++) {
		struct problems problems = { .problem = NULL };
		unsigned added = 20;

		scarce_left = allowed;
		for (unsigned i = 0; i < added; i++)
			problems_add(&problems, PLACE_KEY(NULL, "key"), "number %u", i);
		scarce_left = SCARCE_NOT;
		assert_true(problems_any(&problems));
		assert_int_equal(problems.failed, problems.count < added);
		assert_true(problems.failed || allowed >= 2 * added);
		if (problems.count > 0)
			assert_problem(&problems, 0, "key", "number 0");
		if (allowed == 60)
			assert_int_equal(problems.count, added);
		problems_deinit(&problems);
	}
}

static const char *const words[] = { "root", "index", "clean_urls", "trailing_slash", "symlinks",       "br",
				     "zstd", "gzip",  "languages",  "etag",           "compress-folder" };

static void assert_nearest(const char *word, const char *expected)
{
	const char *found = problems_nearest(word, words, COUNT(words));

	if (!expected)
		assert_null(found);
	else if (!found)
		fail_msg("nothing is near \"%s\", not even %s", word, expected);
	else
		assert_string_equal(found, expected);
}

/* One slip of the fingers more or less, letters exchanged, another case, "_" for "-". */
static void a_misspelt_word_gets_the_one_that_was_meant(void **state)
{
	(void)state;
	assert_nearest("rooot", "root");
	assert_nearest("rot", "root");
	assert_nearest("roto", "root");
	assert_nearest("indx", "index");
	assert_nearest("Index", "index");
	assert_nearest("clean-urls", "clean_urls");
	assert_nearest("cleanurl", "clean_urls");
	assert_nearest("CLEAN-URL", "clean_urls");
	assert_nearest("trailing-slahs", "trailing_slash");
	assert_nearest("symlink", "symlinks");
	assert_nearest("langauges", "languages");
	assert_nearest("gip", "gzip");
	assert_nearest("bz", "br");
	assert_nearest("compress_folder", "compress-folder");
}

/* A guess that is as good as any other helps nobody. */
static void a_word_far_from_all_gets_none(void **state)
{
	char longest[64];

	(void)state;
	assert_nearest("", NULL);
	assert_nearest("x", NULL);
	assert_nearest("xy", NULL);
	assert_nearest("gz", NULL);
	assert_nearest("limit", NULL);
	assert_nearest("timeout", NULL);
	assert_nearest("something else", NULL);
	memset(longest, 'a', sizeof(longest));
	longest[sizeof(longest) - 1] = 0;
	for (size_t size = 30; size < sizeof(longest); size++)
		assert_nearest(longest + sizeof(longest) - 1 - size, NULL);
	assert_null(problems_nearest("root", words, 0));
}

/* Of equally near words the first; a word of the list is nearest to itself. */
static void the_nearest_of_several_is_the_first_with_the_fewest_slips(void **state)
{
	static const char *const alike[] = { "cache", "cachet", "caches", "cached" };

	(void)state;
	assert_string_equal(problems_nearest("cachs", alike, COUNT(alike)), "cache");
	assert_string_equal(problems_nearest("cachess", alike, COUNT(alike)), "caches");
	assert_string_equal(problems_nearest("cachex", alike, COUNT(alike)), "cache");
	for (size_t i = 0; i < COUNT(alike); i++)
		assert_ptr_equal(problems_nearest(alike[i], alike, COUNT(alike)), alike[i]);
}

/* Neither may overrun the line of the table that it is computed in. */
static void words_of_every_length_can_be_compared(void **state)
{
	static const char letters[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	const char *end = letters + sizeof(letters) - 1;

	(void)state;
	for (size_t i = 0; i < 50; i++) {
		for (size_t k = 0; k < 50; k++) {
			const char *other = end - k;
			size_t most = i < 3 ? 1 : i < 6 ? 2 : 3;
			size_t difference = i > k ? i - k : k - i;
			bool is_near = i > 0 && i <= 40 && k <= 40 && difference <= most && difference < k;

			assert_int_equal(problems_nearest(end - i, &other, 1) != NULL, is_near);
		}
	}
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_problem_stands_at_its_place),
		cmocka_unit_test(a_thousand_problems_are_kept_in_order),
		cmocka_unit_test(a_sentence_may_hold_anything),
		cmocka_unit_test(a_problem_that_there_is_no_memory_for_is_not_forgotten),
		cmocka_unit_test(a_misspelt_word_gets_the_one_that_was_meant),
		cmocka_unit_test(a_word_far_from_all_gets_none),
		cmocka_unit_test(the_nearest_of_several_is_the_first_with_the_fewest_slips),
		cmocka_unit_test(words_of_every_length_can_be_compared),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
