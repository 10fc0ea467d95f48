/* SPDX-License-Identifier: MIT */
/*
 * site/pattern: globs mean what the shell means by them, regular expressions what PCRE2 does, and
 * no subject can make a match long.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <time.h>

#include "guard.h"
#include "site/pattern.h"

typedef struct pattern *create_function(struct bytes text, struct fault *fault);

static struct pattern *create(create_function *function, const char *text)
{
	struct fault fault = { "" };
	size_t size = strlen(text);
	uint8_t *copy = guard_copy(text, size);
	struct pattern *pattern = function(bytes_make(copy, size), &fault);

	guard_release(copy, size); /* a pattern keeps nothing of its text */
	if (!pattern)
		fail_msg("%s: %s", text, fault.text);
	return pattern;
}

static bool matches(const struct pattern *pattern, const char *subject, bool is_path)
{
	size_t size = strlen(subject);
	uint8_t *copy = guard_copy(subject, size);
	struct bytes slice = bytes_make(copy, size);
	bool found = is_path ? pattern_matches_path(pattern, slice) : pattern_matches(pattern, slice, NULL);

	guard_release(copy, size);
	return found;
}

static void assert_glob(const char *glob, const char *subject, bool expected)
{
	struct pattern *pattern = create(pattern_create_glob, glob);

	if (matches(pattern, subject, false) != expected)
		fail_msg("%s %s %s", glob, expected ? "does not match" : "matches", subject);
	pattern_destroy(pattern);
}

static void assert_path(const char *glob, const char *path, bool expected)
{
	struct pattern *pattern = create(pattern_create_glob, glob);

	if (matches(pattern, path, true) != expected)
		fail_msg("%s %s %s", glob, expected ? "does not match" : "matches", path);
	pattern_destroy(pattern);
}

static void a_star_and_a_question_mark_stop_at_a_slash(void **state)
{
	(void)state;
	assert_glob("/a/*", "/a/b", true);
	assert_glob("/a/*", "/a/", true);
	assert_glob("/a/*", "/a/.hidden", true);
	assert_glob("/a/*", "/a/b/c", false);
	assert_glob("/a/*.css", "/a/x.css", true);
	assert_glob("/a/*.css", "/a/x.css.map", false);
	assert_glob("/a?c", "/abc", true);
	assert_glob("/a?c", "/a/c", false);
	assert_glob("/a?c", "/ac", false);
	assert_glob("image/*", "image/svg+xml", true);
	assert_glob("*", "a\nb", true);
}

static void two_stars_pass_slashes(void **state)
{
	(void)state;
	assert_glob("/a/**", "/a/b", true);
	assert_glob("/a/**", "/a/b/c/d", true);
	assert_glob("/a/**", "/a", false);
	assert_glob("/a/**", "/ab", false);
	assert_glob("/a/**/z", "/a/z", true);
	assert_glob("/a/**/z", "/a/b/c/z", true);
	assert_glob("/a/**/z", "/a/bz", false);
	assert_glob("/**/*.css", "/x.css", true);
	assert_glob("/**/*.css", "/a/b/x.css", true);
	assert_glob("**/x.css", "/a/b/x.css", true);
	assert_glob("/v**.js", "/v1/b/x.js", true);
	assert_glob("**", "", true);
}

static void sets_hold_bytes_and_ranges_and_never_a_slash(void **state)
{
	(void)state;
	assert_glob("/[a-c]x", "/bx", true);
	assert_glob("/[a-c]x", "/dx", false);
	assert_glob("/[!a-c]x", "/dx", true);
	assert_glob("/[^a-c]x", "/bx", false);
	assert_glob("/a[!b]c", "/a/c", false);
	assert_glob("/a[,-9]c", "/a/c", false);
	assert_glob("/[]]", "/]", true);
	assert_glob("/[[:digit:]]", "/7", true);
	assert_glob("/[{,}]", "/{", true);
}

static void every_other_byte_stands_for_itself(void **state)
{
	(void)state;
	assert_glob("/a.b+c(d)|e$^", "/a.b+c(d)|e$^", true);
	assert_glob("/a.b", "/axb", false);
	assert_glob("/\\*", "/*", true);
	assert_glob("/\\*", "/a", false);
	assert_glob("/\\{a,b\\}", "/{a,b}", true);
	assert_glob("/a}", "/a}", true);
	assert_glob("/a,b", "/a,b", true);
	assert_glob("/\xc3\xa9?", "/\xc3\xa9x", true);
	assert_glob("/A", "/a", false);
	assert_glob("", "", true);
	assert_glob("", "a", false);
	assert_glob("/a", "/a\n", false);
	assert_glob("/a", "x/a", false);
}

static void braces_hold_alternatives(void **state)
{
	(void)state;
	assert_glob("*.{js,css}", "x.js", true);
	assert_glob("*.{js,css}", "x.css", true);
	assert_glob("*.{js,css}", "x.html", false);
	assert_glob("*.{js,css}", "x.{js,css}", false);
	assert_glob("/{a,b}/{c,d,e}", "/b/e", true);
	assert_glob("/{a,b}/{c,d,e}", "/a/d", true);
	assert_glob("/{a,b}/{c,d,e}", "/c/a", false);
	assert_glob("/x{,.min}.js", "/x.js", true);
	assert_glob("/x{,.min}.js", "/x.min.js", true);
	assert_glob("/{a}", "/a", true);
	assert_glob("/{[,}],\\}}", "/,", true);
	assert_glob("/{[,}],\\}}", "/}", true);
	assert_glob("{text/html,application/*}", "application/json", true);
	assert_glob("{**a,b}", "xb", false); /* what one alternative commits to binds no other */
	assert_glob("{/a**x,/ab}", "/ab", true);
}

/* With a slash it is for the path, and so it is alternative by alternative. */
static void a_glob_without_a_slash_is_for_the_name(void **state)
{
	(void)state;
	assert_path("*.css", "/a/b/x.css", true);
	assert_path("*.css", "/x.css", true);
	assert_path("*.css", "/x.css/y", false);
	assert_path("x.css", "/a/x.css", true);
	assert_path("x.css", "/a/yx.css", false);
	assert_path("/x.css", "/a/x.css", false);
	assert_path("/*.css", "/x.css", true);
	assert_path("/*.css", "/a/x.css", false);
	assert_path("{*.css,/js/*}", "/a/x.css", true);
	assert_path("{*.css,/js/*}", "/js/x", true);
	assert_path("{*.css,/js/*}", "/a/js/x", false);
	assert_path("x[!/]y", "/a/xzy", true); /* in a set it is none */
	assert_path("\\/x", "/x", true);
	assert_path("\\/x", "/a/x", false);
	assert_path("**", "/a/b", true);
	assert_path("**", "", false);
}

static void case_does_not_count_in_types_only(void **state)
{
	struct pattern *type = create(pattern_create_type, "Text/*");
	struct pattern *glob = create(pattern_create_glob, "Text/*");

	(void)state;
	assert_true(matches(type, "text/html", false));
	assert_true(matches(type, "TEXT/HTML", false));
	assert_false(matches(glob, "text/html", false));
	pattern_destroy(type);
	pattern_destroy(glob);
}

/* The meaning once more, as slow as it is plain: does `glob`, of which `before` came before, match? */
static bool model(const char *glob, char before, const char *subject)
{
	bool segment = glob[0] == '*' && glob[1] == '*' && glob[2] == '/' && (before == 0 || before == '/');

	if (*glob == 0)
		return *subject == 0;
	if (segment) {
		bool found = model(glob + 3, '/', subject);

		for (; *subject && !found; subject++)
			found = *subject == '/' && model(glob + 3, '/', subject + 1);
		return found;
	}
	if (glob[0] == '*') {
		bool passes = glob[1] == '*';

		for (;; subject++) {
			if (model(glob + 1 + passes, '*', subject))
				return true;
			if (*subject == 0 || (*subject == '/' && !passes))
				return false;
		}
	}
	if (*subject == 0 || (*glob == '?' ? *subject == '/' : *subject != *glob))
		return false;
	return model(glob + 1, *glob, subject + 1);
}

static uint32_t random_below(uint32_t bound)
{
	static uint32_t seed = 1;

	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % bound;
}

static void globs_match_what_the_model_says(void **state)
{
	static const char *const pieces[] = { "a", "b", "/", "?", "*", "/**/", "**", "a", "/", "*" };

	(void)state;
	for (int i = 0; i < 4000; i++) {
		char glob[64] = "", subject[16];
		struct pattern *pattern;

		for (uint32_t n = 1 + random_below(7); n > 0; n--) {
			const char *piece = pieces[random_below(sizeof(pieces) / sizeof(pieces[0]))];
			size_t size = strlen(glob);

			if (*piece != '*' || size == 0 ||
			    glob[size - 1] != '*') /* three stars: not defined */
				strcat(glob, piece);
		}
		pattern = create(pattern_create_glob, glob);
		for (int k = 0; k < 20; k++) {
			uint32_t size = random_below(sizeof(subject));

			for (uint32_t n = 0; n < size; n++)
				subject[n] = "aab/"[random_below(4)];
			subject[size] = 0;
			if (matches(pattern, subject, false) != model(glob, 0, subject))
				fail_msg("%s and %s", glob, subject);
		}
		pattern_destroy(pattern);
	}
}

static void assert_capture(const struct pattern_match *match, unsigned index, const char *expected)
{
	struct bytes capture = match->capture[index];

	if (!bytes_equal(capture, bytes_string(expected)))
		fail_msg("$%u is \"%.*s\", not \"%s\"", index, (int)capture.size, capture.base, expected);
}

static void captures_are_those_of_the_subject(void **state)
{
	struct pattern *pattern = create(pattern_create_regex, "^/(\\w+)/(x)?(\\d*)(.*)$");
	struct pattern_match match;

	(void)state;
	assert_int_equal(pattern_groups(pattern), 4);
	assert_true(pattern_matches(pattern, BYTES("/blog/42-title"), &match));
	assert_int_equal(match.count, 5);
	assert_capture(&match, 0, "/blog/42-title");
	assert_capture(&match, 1, "blog");
	assert_capture(&match, 2, "");
	assert_capture(&match, 3, "42");
	assert_capture(&match, 4, "-title");
	assert_capture(&match, 5, "");
	assert_capture(&match, 9, "");
	pattern_destroy(pattern);
}

static void groups_beyond_the_ninth_match_without_being_captured(void **state)
{
	struct pattern *pattern = create(pattern_create_regex, "(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)(k)\\11");
	struct pattern_match match;

	(void)state;
	assert_int_equal(pattern_groups(pattern), 11);
	assert_true(pattern_matches(pattern, BYTES("abcdefghijkk"), &match));
	assert_int_equal(match.count, PATTERN_CAPTURES);
	assert_capture(&match, 0, "abcdefghijkk");
	assert_capture(&match, 9, "i");
	pattern_destroy(pattern);
}

static void assert_regex(const char *text, const char *subject, bool expected)
{
	struct pattern *pattern = create(pattern_create_regex, text);

	if (matches(pattern, subject, false) != expected)
		fail_msg("%s %s \"%s\"", text, expected ? "does not match" : "matches", subject);
	pattern_destroy(pattern);
}

static void a_regular_expression_is_found_anywhere_in_bytes(void **state)
{
	(void)state;
	assert_regex("b", "abc", true);
	assert_regex("B", "abc", false);
	assert_regex("(?i)B", "abc", true);
	assert_regex("^b", "abc", false);
	assert_regex("^.$", "\xff", true);
	assert_regex("^.$", "\xc3\xa9", false);
	assert_regex("^$", "", true);
}

/* A path may hold a line feed (%0A), and must not slip through by it. */
static void a_line_feed_is_a_byte_like_any_other(void **state)
{
	(void)state;
	assert_regex("^/a$", "/a\n", false);
	assert_regex("^/b", "/a\n/b", false);
	assert_regex("^/.*\\.js$", "/a\nb.js", true);
}

static void assert_fault(create_function *function, const char *text, const char *expected)
{
	struct fault fault = { "" };
	struct pattern *pattern = function(bytes_string(text), &fault);

	assert_null(pattern);
	assert_string_equal(fault.text, expected);
}

static void a_pattern_that_is_none_says_where(void **state)
{
	char many[64] = "", longest[1026];

	(void)state;
	assert_fault(pattern_create_regex, "^/(a", "missing closing parenthesis, at offset 4 of \"^/(a\"");
	assert_fault(pattern_create_regex, "(*UTF)a",
		     "using UTF is disabled by the application, at offset 6 of \"(*UTF)a\"");
	assert_fault(pattern_create_glob, "/a[b",
		     "missing terminating ] for character class, at offset 4 of \"/a[b\"");
	assert_fault(pattern_create_glob, "/{a,b",
		     "no } for the { at offset 1 of \"/{a,b\"; the byte itself is written \\{");
	assert_fault(pattern_create_glob, "/{a,{b}}",
		     "braces in braces, at offset 4 of \"/{a,{b}}\"; write the alternatives out");
	for (int i = 0; i < 7; i++)
		strcat(many, "{a,b}");
	assert_fault(
		pattern_create_glob, many,
		"more than 64 alternatives or 8 pairs of braces in \"{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}\"");
	assert_fault(pattern_create_glob, "{a}{a}{a}{a}{a}{a}{a}{a}{a}",
		     "more than 64 alternatives or 8 pairs of braces in \"{a}{a}{a}{a}{a}{a}{a}{a}{a}\"");
	memset(longest, '*', sizeof(longest));
	longest[1025] = 0;
	assert_fault(pattern_create_glob, longest, "a glob of 1025 bytes, where 1024 are the most");
}

/* The longest glob of the most alternatives, all of them "?", is one. */
static void a_glob_as_large_as_allowed_compiles(void **state)
{
	char glob[1025];

	(void)state;
	memset(glob, '?', sizeof(glob));
	memcpy(glob, "{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}", 30);
	glob[1024] = 0;
	pattern_destroy(create(pattern_create_glob, glob));
	for (int i = 0; i < 1024; i += 2)
		memcpy(glob + i, "*?", 2);
	pattern_destroy(create(pattern_create_glob, glob));
}

/* What would take years is over at once, and does not match; 2 s are for the slowest machine. */
static void no_subject_makes_a_match_long(void **state)
{
	static const char *const regexes[] = { "^(a|aa)+b?$.", "(x+x+)+y|(a*a*)*[^a]c", "^(?:(.)|(..))*!" };
	char subject[16385];
	clock_t begin = clock();

	(void)state;
	memset(subject, 'a', sizeof(subject));
	subject[16384] = 0;
	for (size_t i = 0; i < sizeof(regexes) / sizeof(regexes[0]); i++)
		assert_regex(regexes[i], subject, false);
	for (int i = 0; i < 16384; i += 2)
		subject[i] = '/';
	assert_glob("/**/a/**/*.css", subject, false);
	assert_glob("/**/a", subject, true);
	assert_true(clock() - begin < 2 * CLOCKS_PER_SEC);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_star_and_a_question_mark_stop_at_a_slash),
		cmocka_unit_test(two_stars_pass_slashes),
		cmocka_unit_test(sets_hold_bytes_and_ranges_and_never_a_slash),
		cmocka_unit_test(every_other_byte_stands_for_itself),
		cmocka_unit_test(braces_hold_alternatives),
		cmocka_unit_test(a_glob_without_a_slash_is_for_the_name),
		cmocka_unit_test(case_does_not_count_in_types_only),
		cmocka_unit_test(globs_match_what_the_model_says),
		cmocka_unit_test(captures_are_those_of_the_subject),
		cmocka_unit_test(groups_beyond_the_ninth_match_without_being_captured),
		cmocka_unit_test(a_regular_expression_is_found_anywhere_in_bytes),
		cmocka_unit_test(a_line_feed_is_a_byte_like_any_other),
		cmocka_unit_test(a_pattern_that_is_none_says_where),
		cmocka_unit_test(a_glob_as_large_as_allowed_compiles),
		cmocka_unit_test(no_subject_makes_a_match_long),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
