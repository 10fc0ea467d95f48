/* SPDX-License-Identifier: MIT */
/*
 * site/route and site/destination: where a path leads to, and that a stranger does not choose the host.
 *
 * Each test compiles a short list and tries paths. What a redirect may never do is also asked of every
 * short path of hostile bytes against rules that are easy to get wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "http/target.h"
#include "site/route.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define COMPILE(specs, kind) compile(specs, COUNT(specs), kind)

/* Compile what must be sound. */
static struct routes *compile(const struct route_spec *specs, unsigned count, enum route_kind kind)
{
	const char *label = kind == ROUTE_REDIRECTS ? "redirects" : "rewrites";
	struct problems problems = { .problem = NULL };
	struct routes *routes = routes_compile(specs, count, kind, label, PLACE_KEY(NULL, label), &problems);

	assert_non_null(routes);
	if (problems_any(&problems))
		fail_msg("%s: %s", problems.problem[0].path, problems.problem[0].text);
	problems_deinit(&problems);
	return routes;
}

/* Where `path` is sent; `location` NULL: nowhere. */
static void assert_redirect(const struct routes *routes, const char *path, unsigned status,
			    const char *location)
{
	struct text found = TEXT_EMPTY;
	unsigned result;

	text_add(&found, BYTES("what was there before"));
	result = routes_redirect(routes, bytes_string(path), &found, NULL);
	if (result != status || strcmp(text_string(&found), location ? location : "") != 0)
		fail_msg("%s: %u to \"%s\"", path, result, text_string(&found));
	text_deinit(&found);
}

/* One redirect, tried on one path. */
static void assert_one(struct route_spec spec, const char *path, const char *location)
{
	struct routes *routes = compile(&spec, 1, ROUTE_REDIRECTS);

	assert_redirect(routes, path, location ? 301 : 0, location);
	routes_destroy(routes);
}

/* Compiling finds exactly one problem, at `key` of the first route, with these words in it. */
static void assert_problem(struct route_spec spec, enum route_kind kind, const char *key, const char *words)
{
	struct problems problems = { .problem = NULL };
	struct routes *routes = routes_compile(&spec, 1, kind, "r", PLACE_KEY(NULL, "r"), &problems);
	char path[64];

	snprintf(path, sizeof(path), "r[0]%s%s", key[0] ? "." : "", key);
	if (problems.count != 1)
		fail_msg("%s \"%s\": %u problems", key, words, problems.count);
	if (strcmp(problems.problem[0].path, path) != 0 || !strstr(problems.problem[0].text, words))
		fail_msg("%s: %s", problems.problem[0].path, problems.problem[0].text);
	problems_deinit(&problems);
	routes_destroy(routes);
}

static void an_exact_path_is_that_path_alone(void **state)
{
	const struct route_spec spec = { .from = "/old", .to = "/new" };

	(void)state;
	assert_one(spec, "/old", "/new");
	assert_one(spec, "/old/", NULL);
	assert_one(spec, "/old/x", NULL);
	assert_one(spec, "/Old", NULL);
	assert_one(spec, "/", NULL);
}

static void what_follows_a_prefix_is_kept(void **state)
{
	const struct route_spec folder = { .prefix = "/old/", .to = "/new/" };

	(void)state;
	assert_one(folder, "/old/", "/new/");
	assert_one(folder, "/old/a/b.html", "/new/a/b.html");
	assert_one(folder, "/old", NULL);
	assert_one(folder, "/older", NULL);
	assert_one((struct route_spec){ .prefix = "/blog", .to = "/b" }, "/blogs/x", "/bs/x");
	assert_one((struct route_spec){ .prefix = "/", .to = "https://new.example/" }, "/a/b",
		   "https://new.example/a/b");
}

static void captures_of_a_pattern_stand_in_the_target(void **state)
{
	(void)state;
	assert_one((struct route_spec){ .pattern = "^/(\\d+)/([a-z]+)$", .to = "/$2/$1.html" }, "/12/ab",
		   "/ab/12.html");
	assert_one((struct route_spec){ .pattern = "^/(\\d+)/([a-z]+)$", .to = "/$2/$1.html" }, "/12/AB",
		   NULL);
	assert_one((struct route_spec){ .pattern = "b+", .to = "/x$0y" }, "/abbbc", "/xbbby");
	assert_one((struct route_spec){ .pattern = "^/(a)?(b)?$", .to = "/x$1-$2" }, "/b", "/x-b");
	assert_one((struct route_spec){ .pattern = "^/(.)(.)(.)(.)(.)(.)(.)(.)(.)$", .to = "/$9$8$1" },
		   "/abcdefghi", "/iha");
	assert_one((struct route_spec){ .pattern = "^/(.)x$", .to = "/$10" }, "/ax", "/a0");
}

static void two_dollar_signs_are_one(void **state)
{
	(void)state;
	assert_one((struct route_spec){ .from = "/a", .to = "/$$1$$" }, "/a", "/$1$");
	assert_one((struct route_spec){ .pattern = "^/(.)$", .to = "/x$$$1" }, "/a", "/x$a");
}

static void the_first_that_matches_counts(void **state)
{
	const struct route_spec specs[] = {
		{ .from = "/a/b", .to = "/first" },
		{ .prefix = "/a/", .to = "/second/", .status = "302" },
		{ .pattern = ".", .to = "/third", .status = "308" },
	};
	struct routes *routes = COMPILE(specs, ROUTE_REDIRECTS);

	(void)state;
	assert_redirect(routes, "/a/b", 301, "/first");
	assert_redirect(routes, "/a/c", 302, "/second/c");
	assert_redirect(routes, "/b", 308, "/third");
	routes_destroy(routes);
}

static void every_status_of_a_redirect_can_be_named(void **state)
{
	static const char *const statuses[] = { "301", "302", "303", "307", "308" };

	(void)state;
	for (size_t i = 0; i < COUNT(statuses); i++) {
		struct route_spec spec = { .from = "/a", .to = "/b", .status = (char *)statuses[i] };
		struct routes *routes = compile(&spec, 1, ROUTE_REDIRECTS);

		assert_redirect(routes, "/a", (unsigned)atoi(statuses[i]), "/b");
		routes_destroy(routes);
	}
	assert_problem((struct route_spec){ .from = "/a", .to = "/b", .status = "300" }, ROUTE_REDIRECTS,
		       "status", "expected 301, 302, 303, 307 or 308");
	assert_problem((struct route_spec){ .from = "/a", .to = "/b", .status = "301" }, ROUTE_REWRITES,
		       "status", "a rewrite has no status");
}

/* The literal part is what a person wrote; what the path brings could end a field or a path. */
static void what_comes_from_the_path_is_encoded_and_the_rest_is_not(void **state)
{
	(void)state;
	assert_one((struct route_spec){ .prefix = "/o/", .to = "/n%20w/" }, "/o/a b\r\n%?#\xc3\xa9",
		   "/n%20w/a%20b%0D%0A%25%3F%23%C3%A9");
	assert_one((struct route_spec){ .pattern = "^/o/(.*)$", .to = "/n?a=b&c=[d]#e,$1" }, "/o/f",
		   "/n?a=b&c=[d]#e,f");
}

/* "&" and "=" of a path are no separators of parameters. */
static void in_a_query_more_is_encoded_than_in_a_path(void **state)
{
	const struct route_spec spec = { .pattern = "^/s/(.*)$", .to = "/$1?q=$1#$1" };

	(void)state;
	assert_one(spec, "/s/a&b=c+d;e/f", "/a&b=c+d;e/f?q=a%26b%3Dc%2Bd%3Be/f#a%26b%3Dc%2Bd%3Be/f");
	assert_one((struct route_spec){ .prefix = "/s/", .to = "/find?q=" }, "/s/a&b", "/find?q=a%26b");
}

static void where_two_parts_meet_two_slashes_become_one(void **state)
{
	(void)state;
	assert_one((struct route_spec){ .prefix = "/old", .to = "/" }, "/old/evil.example", "/evil.example");
	assert_one((struct route_spec){ .prefix = "/old", .to = "/new/" }, "/old/a", "/new/a");
	assert_one((struct route_spec){ .pattern = "^/x(.*)$", .to = "/$1" }, "/x/evil.example",
		   "/evil.example");
	assert_one((struct route_spec){ .pattern = "^/x(.*?)/?$", .to = "/$1/evil.example" }, "/x",
		   "/evil.example");
	assert_one((struct route_spec){ .pattern = "^/x(/.*)$", .to = "https://a.example/$1" }, "/x/b",
		   "https://a.example/b");
	assert_one((struct route_spec){ .pattern = "^/x(/.*)$", .to = "/y?back=/$1" }, "/x/b", "/y?back=//b");
}

static void directly_behind_a_host_stands_only_what_starts_with_a_slash(void **state)
{
	const struct route_spec pattern = { .pattern = "^/x(.*)$", .to = "https://new.example$1" };
	const struct route_spec prefix = { .prefix = "/x", .to = "https://new.example" };

	(void)state;
	assert_one(pattern, "/x/a", "https://new.example/a");
	assert_one(pattern, "/x", "https://new.example");
	assert_one(pattern, "/x.evil.example/", NULL);
	assert_one(pattern, "/x@evil.example/", NULL);
	assert_one(pattern, "/x:80@evil.example/", NULL);
	assert_one(prefix, "/x/a", "https://new.example/a");
	assert_one(prefix, "/x.evil.example", NULL);
	assert_one((struct route_spec){ .pattern = "^/x(.?)(.*)$", .to = "https://new.example$1$2?q" }, "/x",
		   "https://new.example?q");
	assert_one((struct route_spec){ .pattern = "^/x(y?)(.*)$", .to = "https://new.example$1$2" },
		   "/x.evil", NULL);
	assert_one((struct route_spec){ .pattern = "^/x(.*)$", .to = "https://new.example:$1" }, "/x80",
		   NULL);
}

/*
 * As a browser resolves it against this site (WHATWG URL 4.4): white space at the ends and tabs and
 * line ends anywhere are dropped, a backslash is a slash.
 */
static bool leads_to_another_host(struct bytes location)
{
	char plain[512];
	size_t size = 0;

	for (size_t i = 0; i < location.size; i++) {
		uint8_t byte = location.base[i];

		assert_true(byte > ' ' && byte < 0x7f);
		plain[size++] = byte == '\\' ? '/' : (char)byte;
		assert_true(size < sizeof(plain) - 1);
	}
	plain[size] = 0;
	if (plain[0] == '/')
		return plain[1] == '/';
	return strncmp(plain, "https://new.example", 19) != 0 || (plain[19] && !strchr("/?#", plain[19]));
}

static void no_path_leads_to_a_host_that_is_not_written(void **state)
{
	const struct route_spec specs[] = {
		{ .prefix = "/", .to = "/" },
		{ .prefix = "/a", .to = "/" },
		{ .pattern = "^/(.*)$", .to = "/$1$1" },
		{ .pattern = "^/a(.*)$", .to = "/$1/$1" },
		{ .pattern = "(.)(.*)$", .to = "/$2$1" },
		{ .pattern = "^/(.*)$", .to = "https://new.example/$1" },
		{ .pattern = "^/a?(.*)$", .to = "https://new.example$1" },
		{ .prefix = "/a", .to = "https://new.example" },
	};
	static const char alphabet[] = "/a\\@.:\t";
	struct text location = TEXT_EMPTY;

	(void)state;
	for (size_t n = 0; n < COUNT(specs); n++) {
		struct problems problems = { .problem = NULL };
		struct routes *routes = routes_compile(&specs[n], 1, ROUTE_REDIRECTS, "r", NULL, &problems);

		for (size_t number = 0; number < 7 * 7 * 7 * 7; number++) {
			char path[] = "/....";
			bool hidden;

			for (size_t i = 1, rest = number; i < 5; i++, rest /= 7)
				path[i] = alphabet[rest % 7];
			if (!target_is_normal(bytes_string(path), &hidden) ||
			    !routes_redirect(routes, bytes_string(path), &location, NULL))
				continue;
			if (leads_to_another_host(text_bytes(&location)))
				fail_msg("%s of %s leads to %s", path, specs[n].to, text_string(&location));
		}
		problems_deinit(&problems);
		routes_destroy(routes);
	}
	text_deinit(&location);
}

static void a_redirect_that_would_lead_to_itself_does_not_match(void **state)
{
	const struct route_spec specs[] = {
		{ .pattern = "^/(.*)/?$", .to = "/$1?" },
		{ .pattern = "^/caf.*$", .to = "/caf%C3%A9" },
		{ .from = "/a", .to = "/b" },
	};
	struct routes *routes = COMPILE(specs, ROUTE_REDIRECTS);

	(void)state;
	assert_redirect(routes, "/a", 301, "/b");
	assert_redirect(routes, "/caf\xc3\xa9", 0, NULL);
	routes_destroy(routes);
	assert_one((struct route_spec){ .pattern = "^/caf.*$", .to = "/caf%C3%A9" }, "/cafe", "/caf%C3%A9");
	assert_one((struct route_spec){ .pattern = "^(/.*)$", .to = "https://new.example$1" }, "/a",
		   "https://new.example/a");
}

static void a_loop_is_found_when_it_is_compiled(void **state)
{
	(void)state;
	assert_problem((struct route_spec){ .from = "/a", .to = "/a" }, ROUTE_REDIRECTS, "to",
		       "redirects to itself");
	assert_problem((struct route_spec){ .from = "/a b", .to = "/%61%20b?x#y" }, ROUTE_REDIRECTS, "to",
		       "redirects to itself");
	assert_problem((struct route_spec){ .from = "/$1", .to = "/$$1" }, ROUTE_REDIRECTS, "to",
		       "redirects to itself");
	assert_problem((struct route_spec){ .prefix = "/a/", .to = "/a/b/" }, ROUTE_REDIRECTS, "to",
		       "starts with the prefix");
	assert_problem((struct route_spec){ .prefix = "/old", .to = "/old-archive" }, ROUTE_REDIRECTS, "to",
		       "starts with the prefix");
	assert_one((struct route_spec){ .from = "/a", .to = "/a/" }, "/a", "/a/");
	assert_one((struct route_spec){ .from = "/a", .to = "/ab" }, "/a", "/ab");
	assert_one((struct route_spec){ .from = "/a", .to = "https://new.example/a" }, "/a",
		   "https://new.example/a");
}

static void exactly_one_of_from_prefix_and_pattern_is_given(void **state)
{
	(void)state;
	assert_problem((struct route_spec){ .to = "/a" }, ROUTE_REDIRECTS, "", "expected exactly one");
	assert_problem((struct route_spec){ .from = "/b", .prefix = "/c", .to = "/a" }, ROUTE_REDIRECTS, "",
		       "expected exactly one");
	assert_problem((struct route_spec){ .from = "/b" }, ROUTE_REDIRECTS, "", "to is missing");
}

static void a_path_that_no_request_has_is_a_problem(void **state)
{
	static const char *const paths[] = { "", "a", "/a//b", "/a/./b", "/a/..", "//a" };

	(void)state;
	for (size_t i = 0; i < COUNT(paths); i++)
		assert_problem((struct route_spec){ .from = (char *)paths[i], .to = "/x" }, ROUTE_REDIRECTS,
			       "from", "matches nothing");
	assert_problem((struct route_spec){ .prefix = "/a/../", .to = "/x" }, ROUTE_REDIRECTS, "prefix",
		       "matches nothing");
	assert_problem((struct route_spec){ .from = "/a%20b", .to = "/x" }, ROUTE_REDIRECTS, "from",
		       "%20 is not decoded here");
	assert_problem((struct route_spec){ .prefix = "/a?b=", .to = "/x" }, ROUTE_REDIRECTS, "prefix",
		       "take it out");
	/* A prefix may end within a name, also behind its dot. */
	assert_one((struct route_spec){ .prefix = "/a/.", .to = "/x/" }, "/a/.b", "/x/b");
	assert_one((struct route_spec){ .from = "/100%", .to = "/x" }, "/100%", "/x");
}

static void a_pattern_that_does_not_compile_is_a_problem(void **state)
{
	(void)state;
	assert_problem((struct route_spec){ .pattern = "^/(a", .to = "/x" }, ROUTE_REDIRECTS, "pattern",
		       "parenthesis");
}

static void a_capture_needs_its_group(void **state)
{
	(void)state;
	assert_problem((struct route_spec){ .pattern = "^/(a)", .to = "/$2" }, ROUTE_REDIRECTS, "to",
		       "there is no $2: the pattern has 1 group in");
	assert_problem((struct route_spec){ .from = "/a", .to = "/$1" }, ROUTE_REDIRECTS, "to",
		       "$1 is a group of a pattern");
	assert_problem((struct route_spec){ .prefix = "/a", .to = "/$0" }, ROUTE_REWRITES, "to",
		       "$0 is a group of a pattern");
	assert_problem((struct route_spec){ .pattern = "^/(a)", .to = "/${1}" }, ROUTE_REDIRECTS, "to",
		       "written $$");
	assert_problem((struct route_spec){ .from = "/a", .to = "/b$" }, ROUTE_REDIRECTS, "to", "written $$");
}

static void a_target_that_is_none_is_a_problem(void **state)
{
	static const struct {
		const char *to, *words;
	} cases[] = {
		{ "", "expected /PATH or https" },
		{ "new", "expected /PATH or https" },
		{ "ftp://a/", "expected /PATH or https" },
		{ "javascript:alert(1)", "expected /PATH or https" },
		{ "//evil.example/", "would lead to another host; write https://" },
		{ "/a b", "the byte at offset 2 cannot stand in a Location; write it as %20" },
		{ "/a\r\nX: y", "write it as %0D" },
		{ "/\\evil.example", "write it as %5C" },
		{ "/caf\xc3\xa9", "write it as %C3" },
		{ "/100%", "the % at offset 4" },
		{ "https://", "is no host" },
		{ "https:///a", "is no host" },
		{ "https://:80/a", "is no host" },
		{ "https://user@a.example/", "is no host" },
		{ "https://$$/", "must not decide about the host" },
		{ "https://$1/", "must not decide about the host" },
		{ "https://$1.example/", "must not decide about the host" },
		{ "https://a.example$1.org/", "must not decide about the host" },
		{ "https://a.$1.org/", "must not decide about the host" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_problem((struct route_spec){ .pattern = "^/(.*)", .to = (char *)cases[i].to },
			       ROUTE_REDIRECTS, "to", cases[i].words);
	assert_problem((struct route_spec){ .prefix = "/a/", .to = "https://a.example" }, ROUTE_REDIRECTS,
		       "to", "write https://a.example/");
}

static void all_that_is_wrong_with_a_route_is_said(void **state)
{
	const struct route_spec spec = { .from = "a", .to = "b", .status = "200" };
	struct problems problems = { .problem = NULL };
	struct routes *routes = routes_compile(&spec, 1, ROUTE_REDIRECTS, "r", NULL, &problems);

	(void)state;
	assert_int_equal(problems.count, 3);
	problems_deinit(&problems);
	routes_destroy(routes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_exact_path_is_that_path_alone),
		cmocka_unit_test(what_follows_a_prefix_is_kept),
		cmocka_unit_test(captures_of_a_pattern_stand_in_the_target),
		cmocka_unit_test(two_dollar_signs_are_one),
		cmocka_unit_test(the_first_that_matches_counts),
		cmocka_unit_test(every_status_of_a_redirect_can_be_named),
		cmocka_unit_test(what_comes_from_the_path_is_encoded_and_the_rest_is_not),
		cmocka_unit_test(in_a_query_more_is_encoded_than_in_a_path),
		cmocka_unit_test(where_two_parts_meet_two_slashes_become_one),
		cmocka_unit_test(directly_behind_a_host_stands_only_what_starts_with_a_slash),
		cmocka_unit_test(no_path_leads_to_a_host_that_is_not_written),
		cmocka_unit_test(a_redirect_that_would_lead_to_itself_does_not_match),
		cmocka_unit_test(a_loop_is_found_when_it_is_compiled),
		cmocka_unit_test(exactly_one_of_from_prefix_and_pattern_is_given),
		cmocka_unit_test(a_path_that_no_request_has_is_a_problem),
		cmocka_unit_test(a_pattern_that_does_not_compile_is_a_problem),
		cmocka_unit_test(a_capture_needs_its_group),
		cmocka_unit_test(a_target_that_is_none_is_a_problem),
		cmocka_unit_test(all_that_is_wrong_with_a_route_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
