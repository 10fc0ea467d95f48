/* SPDX-License-Identifier: MIT */
/*
 * serve/config_lint, config_marks: every mistake in the shape of a file is told, at its line and column,
 * with its cure.
 *
 * All that is right is loaded as if there were no mistake; see test_config_file.c too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>

#include "config_files.h"

static const struct {
	const char *text;
	unsigned line, column;
	const char *problem;
} mistakes[] = {
	{ "root: /a\nhedaers: []\n", 2, 1, "there is no key hedaers here; did you mean headers?" },
	{ "head_size: 1K", 1, 1, "there is no key head_size here; did you mean head-size?" },
	{ "headers:\n  - {sat: [a]}", 2, 6, "there is no key sat here; did you mean set?" },
	{ "headers:\n  - {xylophone: [a]}", 2, 6,
	  "there is no key xylophone here; the keys are path, type, status, set, add, remove" },
	{ "hosts:\n  - xylophone: 1", 2, 5,
	  "there is no key xylophone here; the keys are names, headers, redirects, rewrites ... (see "
	  "quoit.yaml(5))" },
	{ "hosts:\n  - names: [a]\n    listen: [a]", 3, 5,
	  "listen is for the whole server; write it at the top of the file" },
	{ "hosts:\n  - <<: {root: /}", 2, 5,
	  "merging by << is not known here; repeat the keys, or give a whole value by its *name" },
	{ "errors: {418: /a}", 1, 10,
	  "there is no key 418 here; the keys are 400, 403, 404, 405, 406, 412, 416, 500, 503" },
	{ "[a]: b", 1, 1, "a key is a single word" },
	{ "root: /a\nindex: [a]\nroot: /b\n", 3, 1, "root is given a second time; first in line 1" },
	{ "index: index.html", 1, 8, "index is a list; write it in brackets: [index.html]" },
	{ "listen: 8080", 1, 9, "listen is a list; write it in brackets: [8080]" },
	{ "index:\n", 1, 7, "index is a list, and nothing is given; write [none] for an empty one" },
	{ "codings: []", 1, 10, "an empty list is written [none]" },
	{ "headers:\n  set: ['A: b']", 2, 3,
	  "headers is a list; write one: begin each item with a dash and a space" },
	{ "headers: x", 1, 10, "headers is a list; write one: begin each item with a dash and a space" },
	{ "headers:\n  - A", 2, 5,
	  "here belongs a mapping with some of the keys path, type, status, set, add, remove" },
	{ "errors: /404.html", 1, 9,
	  "here belongs a mapping with some of the keys 400, 403, 404, 405, 406, 412, 416, 500, 503" },
	{ "headers:\n  - set:\n      - X-Frame-Options: DENY\n", 3, 9,
	  "the colon makes a mapping of this; put the line in quotes: \"X-Frame-Options: DENY\"" },
	{ "headers:\n  - set:\n      - Clear-Site-Data: x\"y\"\n", 3, 9,
	  "the colon makes a mapping of this; put the line in quotes: 'Clear-Site-Data: x\"y\"'" },
	{ "headers:\n  - set:\n      - A: x\"y\"'z'\n", 3, 9,
	  "the colon makes a mapping of this; put the line in quotes: '...', and write each ' within as ''" },
	{ "root: [a]", 1, 7, "here stands a list; write one text" },
	{ "root: {a: b}", 1, 7,
	  "here stands a mapping; write one text, in quotes if there is a colon in it" },
	{ "listen: [a, ]\nindex: [a, '']", 2, 12, "this item is empty" },
	{ "root: \"/a\\0b\"", 1, 7, "a text must not contain a NUL" },
	{ "root: \"/a\\x00\"", 1, 7, "a text must not contain a NUL" },
	{ "root: /a\n---\nroot: /b", 2, 1, "a second document begins here; a configuration is one document" },
	{ "- root: /a", 1, 1, "a configuration is a mapping; write lines such as \"root: /srv/www\"" },
	{ "root", 1, 1, "a configuration is a mapping; write lines such as \"root: /srv/www\"" },
	{ "headers: &a [*a]", 1, 10,
	  "here belongs a mapping with some of the keys path, type, status, set, add, remove" },
	{ "config: other.yaml", 1, 1, "there is no key config here; the keys are" },
};

/* What is wrong, where, and what would be right. */
static void a_mistake_is_told_with_its_place_and_its_cure(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		assert_int_equal(load(mistakes[i].text), 0);
		if (problems.count != 1)
			fail_msg("%u problems with %s", problems.count, mistakes[i].text);
		/* A list of all keys would be a second table. */
		if (i + 1 == sizeof(mistakes) / sizeof(mistakes[0]))
			problems.problem[0].text[strlen(mistakes[i].problem)] = 0;
		assert_problem(0, mistakes[i].line, mistakes[i].column, mistakes[i].problem);
	}
}

/* Not one for each run of the editor. */
static void all_mistakes_are_told_at_once(void **state)
{
	(void)state;
	assert_int_equal(load("roto: /a\n"
			      "index: a\n"
			      "headers:\n"
			      "  - pth: /x\n"
			      "    set: [A: b]\n"
			      "hosts:\n"
			      "  - nmes: [a]\n"
			      "  - b\n"),
			 0);
	assert_int_equal(problems.count, 6);
	assert_problem(0, 1, 1, "there is no key roto here; did you mean root?");
	assert_problem(1, 2, 8, "index is a list; write it in brackets: [a]");
	assert_problem(2, 4, 5, "there is no key pth here; did you mean path?");
	assert_problem(3, 5, 11, "the colon makes a mapping of this; put the line in quotes: \"A: b\"");
	assert_problem(4, 7, 5, "there is no key nmes here; did you mean names?");
	assert_string_equal(problems.problem[3].path, "headers[0].set[0]");
	/* Items keep their numbers, and texts of lists are texts. */
	assert_int_equal(file->hosts_count, 2);
	assert_string_equal(file->top.headers[0].set[0], "");
}

/* They are told up to a number at which nobody reads on. */
static void very_many_mistakes_are_counted(void **state)
{
	struct text yaml = TEXT_EMPTY;

	(void)state;
	text_format(&yaml, "headers:\n");
	for (unsigned i = 0; i < 1500; i++)
		text_format(&yaml, "  - {wrong: %u}\n", i);
	assert_int_equal(load(text_string(&yaml)), 0);
	text_deinit(&yaml);
	assert_int_equal(problems.count, 1001);
	assert_problem(1000, 1502, 1, "there are 500 more mistakes like these");
}

/* Only the first error is known then, but where it is. */
static void what_is_no_yaml_is_refused_at_its_place(void **state)
{
	static const struct {
		const char *text;
		unsigned line, column;
		const char *problem;
	} texts[] = {
		{ "root: /a\nheaders:\n\t- a\n", 3, 1, "this is no YAML: a tab cannot indent; write spaces" },
		{ "index: [a\n", 2, 1,
		  "this is no YAML: did not find expected ',' or ']', while parsing a flow sequence that "
		  "begins in line 1" },
		{ "root: *nobody", 1, 7, "this is no YAML: found undefined alias" },
		{ "a: b: c", 1, 5, "this is no YAML: mapping values are not allowed in this context" },
		{ "root: '\xc3\xa9\xff'", 1, 9, "this is no text in UTF-8: invalid leading UTF-8 octet" },
		{ "root: /a\n---\n[", 4, 1, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(load(texts[i].text), -EINVAL);
		assert_null(file);
		assert_int_equal(problems.count, 1);
		if (texts[i].problem)
			assert_problem(0, texts[i].line, texts[i].column, texts[i].problem);
	}
}

int main(int argc, char **argv)
{
#define TEST(rule) cmocka_unit_test_teardown(rule, destroy)
	static const struct CMUnitTest tests[] = {
		TEST(a_mistake_is_told_with_its_place_and_its_cure),
		TEST(all_mistakes_are_told_at_once),
		TEST(very_many_mistakes_are_counted),
		TEST(what_is_no_yaml_is_refused_at_its_place),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
