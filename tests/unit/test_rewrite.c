/* SPDX-License-Identifier: MIT */
/*
 * site/route: rewrites never lead to what a request could not have asked for, and a trace tells how
 * a route was found.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "site/route.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define COMPILE(specs, kind) compile(specs, COUNT(specs), kind)

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

static void assert_rewrite(const struct routes *routes, const char *path, enum route_rewrite expected,
			   const char *to)
{
	struct text found = TEXT_EMPTY;
	enum route_rewrite result = routes_rewrite(routes, bytes_string(path), &found, NULL);

	if (result != expected || (result == ROUTE_REWRITTEN && strcmp(text_string(&found), to) != 0))
		fail_msg("%s: %d, to \"%s\"", path, (int)result, text_string(&found));
	text_deinit(&found);
}

static void assert_problem(const char *pattern, const char *to, const char *words)
{
	const struct route_spec spec = { .pattern = (char *)pattern, .to = (char *)to };
	struct problems problems = { .problem = NULL };
	struct routes *routes =
		routes_compile(&spec, 1, ROUTE_REWRITES, "r", PLACE_KEY(NULL, "rewrites"), &problems);

	assert_int_equal(problems.count, 1);
	assert_string_equal(problems.problem[0].path, "rewrites[0].to");
	if (!strstr(problems.problem[0].text, words))
		fail_msg("%s: %s", to, problems.problem[0].text);
	problems_deinit(&problems);
	routes_destroy(routes);
}

static void a_rewritten_path_is_not_encoded(void **state)
{
	const struct route_spec specs[] = {
		{ .from = "/a b", .to = "/c d#" },
		{ .prefix = "/old", .to = "/new/" },
		{ .pattern = "^/u/([^/]+)$", .to = "/users/$1.html" },
	};
	struct routes *routes = COMPILE(specs, ROUTE_REWRITES);

	(void)state;
	assert_rewrite(routes, "/a b", ROUTE_REWRITTEN, "/c d#");
	assert_rewrite(routes, "/old/\xc3\xa9%", ROUTE_REWRITTEN, "/new/\xc3\xa9%");
	assert_rewrite(routes, "/u/j d", ROUTE_REWRITTEN, "/users/j d.html");
	assert_rewrite(routes, "/u/", ROUTE_NONE, NULL);
	routes_destroy(routes);
}

static void a_rewrite_to_itself_keeps_later_ones_away(void **state)
{
	const struct route_spec specs[] = {
		{ .prefix = "/assets/", .to = "/assets/" },
		{ .pattern = "^/.*$", .to = "/app.html" },
	};
	struct routes *routes = COMPILE(specs, ROUTE_REWRITES);

	(void)state;
	assert_rewrite(routes, "/assets/a.js", ROUTE_REWRITTEN, "/assets/a.js");
	assert_rewrite(routes, "/a", ROUTE_REWRITTEN, "/app.html");
	routes_destroy(routes);
}

static void what_no_request_could_ask_for_is_nowhere(void **state)
{
	const struct route_spec specs[] = {
		{ .pattern = "^/dots/(.*)-$", .to = "/$1" },
		{ .pattern = "^/in/(.*)-(.*)$", .to = "/x/$1/$2/y" },
	};
	struct routes *routes = COMPILE(specs, ROUTE_REWRITES);

	(void)state;
	assert_rewrite(routes, "/dots/..-", ROUTE_NOWHERE, NULL);
	assert_rewrite(routes, "/dots/a/.-", ROUTE_NOWHERE, NULL);
	assert_rewrite(routes, "/dots/.git-", ROUTE_NOWHERE, NULL);
	assert_rewrite(routes, "/dots/.well-known/a-", ROUTE_REWRITTEN, "/.well-known/a");
	assert_rewrite(routes, "/in/..-a", ROUTE_NOWHERE, NULL);
	assert_rewrite(routes, "/in/a-b", ROUTE_REWRITTEN, "/x/a/b/y");
	assert_rewrite(routes, "/in/-", ROUTE_REWRITTEN, "/x/y");
	routes_destroy(routes);
}

static void a_rewrite_that_is_never_served_is_a_problem(void **state)
{
	static const char *const targets[] = { "/.git/$1", "/a/../$1", "/a//b/$1", "/.$1", "/$1/./b" };

	(void)state;
	for (size_t i = 0; i < COUNT(targets); i++)
		assert_problem("^/(.*)$", targets[i], "is never served");
	assert_problem("^/(.*)$", "//a", "starts with two slashes");
	assert_problem("^/(.*)$", "a/$1", "expected /PATH");
	assert_problem("^/(.*)$", "https://new.example/", "expected /PATH");
	assert_problem("^/(.*)$", "/find?q=$1", "begins a query");
	assert_problem("^/(.*)$", "/a%20b", "write the byte itself");
}

static void what_is_longer_than_any_target_is_nowhere(void **state)
{
	const struct route_spec rewrite = { .pattern = "^/(.*)$", .to = "/$1/$1/$1/$1/$1/$1/$1/$1/$1" };
	struct routes *rewrites = compile(&rewrite, 1, ROUTE_REWRITES);
	struct routes *redirects = compile(&rewrite, 1, ROUTE_REDIRECTS);
	struct text location = TEXT_EMPTY;
	char path[8192];

	(void)state;
	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = 0;
	assert_rewrite(rewrites, path, ROUTE_NOWHERE, NULL);
	assert_int_equal(routes_redirect(redirects, bytes_string(path), &location, NULL), 0);
	assert_int_equal(location.size, 0);
	text_deinit(&location);
	routes_destroy(rewrites);
	routes_destroy(redirects);
}

static void add_line(void *context, const char *line)
{
	text_format(context, "%s\n", line);
}

static void a_trace_has_a_line_for_each_route_that_was_tried(void **state)
{
	const struct route_spec specs[] = {
		{ .from = "/old", .to = "/new" },
		{ .prefix = "/old", .to = "https://new.example" },
		{ .pattern = "^/.*$", .to = "/older" },
		{ .pattern = "^/(\\w+)$", .to = "/$1/", .status = "308" },
	};
	const struct route_spec rewrite = { .pattern = "^/(.*)$", .to = "/$1" };
	struct routes *redirects = COMPILE(specs, ROUTE_REDIRECTS);
	struct routes *rewrites = compile(&rewrite, 1, ROUTE_REWRITES);
	struct text lines = TEXT_EMPTY, out = TEXT_EMPTY;
	const struct trace trace = { add_line, &lines };

	(void)state;
	assert_int_equal(routes_redirect(redirects, BYTES("/older"), &out, &trace), 308);
	assert_int_equal(routes_rewrite(rewrites, BYTES("/older"), &out, &trace), ROUTE_REWRITTEN);
	assert_int_equal(routes_rewrite(rewrites, BYTES("/.git"), &out, &trace), ROUTE_NOWHERE);
	assert_string_equal(text_string(&lines),
			    "redirects[0] from \"/old\": no\n"
			    "redirects[1] prefix \"/old\": no, the path would change the host\n"
			    "redirects[2] pattern \"^/.*$\": no, it leads to itself\n"
			    "redirects[3] pattern \"^/(\\w+)$\": 308 to /older/\n"
			    "rewrites[0] pattern \"^/(.*)$\": to /older\n"
			    "rewrites[0] pattern \"^/(.*)$\": 404, it leads nowhere: /.git\n");
	text_deinit(&lines);
	text_deinit(&out);
	routes_destroy(redirects);
	routes_destroy(rewrites);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rewritten_path_is_not_encoded),
		cmocka_unit_test(a_rewrite_to_itself_keeps_later_ones_away),
		cmocka_unit_test(what_no_request_could_ask_for_is_nowhere),
		cmocka_unit_test(a_rewrite_that_is_never_served_is_a_problem),
		cmocka_unit_test(what_is_longer_than_any_target_is_nowhere),
		cmocka_unit_test(a_trace_has_a_line_for_each_route_that_was_tried),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
