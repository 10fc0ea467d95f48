/* SPDX-License-Identifier: MIT */
/*
 * site/rule: fields follow what is served, in the order of the rules, and nothing that is wrong in a
 * rule goes unsaid.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "site/rule.h"

#define LIST(...)                                                                                            \
	(char *[])                                                                                           \
	{                                                                                                    \
		__VA_ARGS__                                                                                  \
	}
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Tells each problem as "path: text", one per line. */
static void read_problems(struct problems *problems, char *out, size_t size)
{
	*out = 0;
	for (unsigned i = 0; i < problems->count; i++)
		snprintf(out + strlen(out), size - strlen(out), "%s: %s\n", problems->problem[i].path,
			 problems->problem[i].text);
	problems_deinit(problems);
}

static void assert_problems(const struct header_spec *specs, unsigned count, const char *expected)
{
	struct problems problems = { .count = 0 };
	struct rules *rules = rules_compile(specs, count, "headers", PLACE_KEY(NULL, "headers"), &problems);
	char found[2048];

	assert_non_null(rules);
	read_problems(&problems, found, sizeof(found));
	assert_string_equal(found, expected);
	rules_destroy(rules);
}

static struct rules *compile(const struct header_spec *specs, unsigned count)
{
	struct problems problems = { .count = 0 };
	char *label = strdup("headers");
	struct rules *rules = rules_compile(specs, count, label, NULL, &problems);

	free(label);
	assert_non_null(rules);
	if (problems_any(&problems))
		fail_msg("%s: %s", problems.problem[0].path, problems.problem[0].text);
	return rules;
}

static void collect(void *context, const char *line)
{
	strcat(strcat(context, line), "\n");
}

/* Fields begin as `before` ("Name: value", or nothing); expected as "Name: value;Name: value;". */
static void assert_applied(const struct rules *rules, unsigned status, const char *path, const char *type,
			   const char *before, const char *expected)
{
	struct served served = { status, bytes_string(path), bytes_string(type) };
	const char *colon = strchr(before, ':');
	char said[4096] = "", found[2048] = "";
	struct trace trace = { collect, said };
	struct fields traced, fields;

	fields_init(&fields);
	fields_init(&traced);
	if (colon) {
		struct bytes name = bytes_make(before, (size_t)(colon - before));

		fields_add(&fields, name, bytes_string(colon + 2));
		fields_add(&traced, name, bytes_string(colon + 2));
	}
	rules_apply(rules, &served, &fields, NULL);
	rules_apply(rules, &served, &traced, &trace);
	assert_int_equal(fields.count, traced.count);
	for (unsigned i = 0; i < fields.count; i++) {
		const struct response_field *field = &fields.field[i];

		snprintf(found + strlen(found), sizeof(found) - strlen(found), "%.*s: %.*s;",
			 (int)field->name.size, field->name.base, (int)field->value.size, field->value.base);
	}
	if (strcmp(found, expected) != 0)
		fail_msg("%u %s %s: \"%s\", not \"%s\"\n%s", status, path, type, found, expected, said);
}

static void all_that_a_rule_names_must_match(void **state)
{
	struct header_spec spec = {
		.path = "/a/**", .type = "text/*", .status = LIST("404"), .set = LIST("A: 1"), .set_count = 1
	};
	struct rules *rules;

	(void)state;
	spec.status_count = 1;
	rules = compile(&spec, 1);
	assert_applied(rules, 404, "/a/b", "text/html", "", "A: 1;");
	assert_applied(rules, 200, "/a/b", "text/html", "", "");
	assert_applied(rules, 404, "/b/a", "text/html", "", "");
	assert_applied(rules, 404, "/a/b", "image/png", "", "");
	assert_applied(rules, 404, "", "text/html", "", "");
	assert_applied(rules, 404, "/a/b", "", "", "");
	rules_destroy(rules);
}

static void a_path_or_type_alone_is_for_200_and_304(void **state)
{
	struct header_spec specs[] = { { .path = "*.css", .set = LIST("A: 1"), .set_count = 1 },
				       { .type = "TEXT/css", .set = LIST("B: 2"), .set_count = 1 } };
	struct rules *rules = compile(specs, COUNT(specs));

	(void)state;
	assert_applied(rules, 200, "/a/x.css", "text/css", "", "A: 1;B: 2;");
	assert_applied(rules, 206, "/a/x.css", "text/css", "", "A: 1;B: 2;");
	assert_applied(rules, 304, "/a/x.css", "text/css", "", "A: 1;B: 2;");
	assert_applied(rules, 404, "/a/x.css", "text/css", "", "");
	assert_applied(rules, 301, "/a/x.css", "text/css", "", "");
	rules_destroy(rules);
}

static void parameters_of_a_type_do_not_count(void **state)
{
	struct header_spec spec = { .type = "text/css", .set = LIST("A: 1"), .set_count = 1 };
	struct rules *rules = compile(&spec, 1);

	(void)state;
	assert_applied(rules, 200, "/a", "text/css; charset=utf-8", "", "A: 1;");
	assert_applied(rules, 200, "/a", "text/css ;x", "", "A: 1;");
	assert_applied(rules, 200, "/a", "text/css2; charset=utf-8", "", "");
	rules_destroy(rules);
}

/* Its path ends in a slash, which only a glob that ends so, or in stars, matches. */
static void a_listing_is_served_as_its_folder(void **state)
{
	struct header_spec specs[] = { { .path = "/a/", .set = LIST("A: 1"), .set_count = 1 },
				       { .path = "/a/**", .set = LIST("B: 2"), .set_count = 1 },
				       { .path = "*.d", .set = LIST("C: 3"), .set_count = 1 } };
	struct rules *rules = compile(specs, COUNT(specs));

	(void)state;
	assert_applied(rules, 200, "/a/", "text/html", "", "A: 1;B: 2;");
	assert_applied(rules, 200, "/a/b.d/", "text/html", "", "B: 2;");
	rules_destroy(rules);
}

static void a_named_status_is_that_status_and_200_stands_for_206(void **state)
{
	struct header_spec specs[] = {
		{ .status = LIST("200"), .status_count = 1, .set = LIST("A: 1"), .set_count = 1 },
		{ .status = LIST("4xx", "503"), .status_count = 2, .set = LIST("B: 2"), .set_count = 1 },
		{ .status = LIST("3XX"), .status_count = 1, .set = LIST("C: 3"), .set_count = 1 },
	};
	struct rules *rules = compile(specs, COUNT(specs));

	(void)state;
	assert_applied(rules, 200, "/a", "text/css", "", "A: 1;");
	assert_applied(rules, 206, "/a", "text/css", "", "A: 1;");
	assert_applied(rules, 204, "", "", "", "");
	assert_applied(rules, 301, "", "", "", "C: 3;");
	assert_applied(rules, 304, "/a", "text/css", "", "C: 3;");
	assert_applied(rules, 404, "", "", "", "B: 2;");
	assert_applied(rules, 416, "", "", "", "B: 2;");
	assert_applied(rules, 500, "", "", "", "");
	assert_applied(rules, 503, "", "", "", "B: 2;");
	rules_destroy(rules);
}

/* A 404 that is said to be kept for a year is a site that is gone for a year. */
static void without_a_matcher_what_is_said_of_content_is_left_to_content(void **state)
{
	struct header_spec spec = { .set = LIST("A: 1", "Cache-Control: max-age=9",
						"Content-Security-Policy: b"),
				    .set_count = 3,
				    .add = LIST("Link: </c>"),
				    .add_count = 1,
				    .remove = LIST("Expires"),
				    .remove_count = 1 };
	const char *all = "A: 1;Cache-Control: max-age=9;Content-Security-Policy: b;Link: </c>;";
	struct rules *rules = compile(&spec, 1);

	(void)state;
	assert_applied(rules, 200, "/a", "text/html", "Expires: 0", all);
	assert_applied(rules, 206, "/a", "text/html", "", all);
	assert_applied(rules, 304, "/a", "text/html", "", all);
	assert_applied(rules, 404, "", "text/html", "Expires: 0", "A: 1;Content-Security-Policy: b;");
	assert_applied(rules, 301, "", "", "", "A: 1;Content-Security-Policy: b;");
	assert_applied(rules, 204, "", "", "", "A: 1;Content-Security-Policy: b;");
	rules_destroy(rules);
}

static void a_rule_for_a_status_may_say_it_of_that_status(void **state)
{
	struct header_spec spec = { .status = LIST("404"),
				    .status_count = 1,
				    .set = LIST("Cache-Control: no-store"),
				    .set_count = 1 };
	struct rules *rules = compile(&spec, 1);

	(void)state;
	assert_applied(rules, 404, "", "text/html", "", "Cache-Control: no-store;");
	rules_destroy(rules);
}

static void a_rule_removes_then_sets_then_adds(void **state)
{
	struct header_spec spec = { .add = LIST("Link: c", "Link: d"),
				    .add_count = 2,
				    .set = LIST("Link: b", "A: 1", "a: 2"),
				    .set_count = 3,
				    .remove = LIST("Link"),
				    .remove_count = 1 };
	struct rules *rules = compile(&spec, 1);

	(void)state;
	assert_applied(rules, 200, "/a", "text/html", "Link: a", "Link: b;a: 2;Link: c;Link: d;");
	rules_destroy(rules);
}

static void rules_count_in_their_order(void **state)
{
	struct header_spec specs[] = { { .set = LIST("A: 1", "B: 1"), .set_count = 2 },
				       { .path = "/b", .remove = LIST("B"), .remove_count = 1 },
				       { .set = LIST("A: 2"), .set_count = 1 } };
	struct rules *rules = compile(specs, COUNT(specs));

	(void)state;
	assert_applied(rules, 200, "/b", "text/html", "", "A: 2;");
	assert_applied(rules, 200, "/a", "text/html", "", "A: 2;B: 1;");
	rules_destroy(rules);
}

/* What a configuration was read into may go once it is compiled. */
static void rules_keep_nothing_of_what_they_were_made_of(void **state)
{
	struct header_spec spec = { .path = strdup("/a/**"), .set = LIST(strdup("A: 1")), .set_count = 1 };
	struct rules *rules = compile(&spec, 1);

	(void)state;
	free(spec.path);
	free(spec.set[0]);
	memset(&spec, 0, sizeof(spec));
	assert_applied(rules, 200, "/a/b", "text/html", "", "A: 1;");
	rules_destroy(rules);
}

static void no_rules_change_nothing(void **state)
{
	struct rules *rules = compile(NULL, 0);

	(void)state;
	assert_applied(rules, 200, "/a", "text/html", "A: 1", "A: 1;");
	assert_applied(NULL, 200, "/a", "text/html", "A: 1", "A: 1;");
	rules_destroy(rules);
	rules_destroy(NULL);
}

static void a_status_is_one_that_is_sent(void **state)
{
	struct header_spec spec = { .status = LIST("418", "206", "4x4", "", "xxx", "1xx", "100", "4000"),
				    .status_count = 8,
				    .set = LIST("A: 1"),
				    .set_count = 1 };

	(void)state;
#define NONE " is not a status; write one such as 404, or a class such as 4xx\n"
	assert_problems(
		&spec, 1,
		"headers[0].status[0]: no answer ever has the status 418\n"
		"headers[0].status[1]: 206 is a part of a 200: name 200, which stands for 206 as well\n"
		"headers[0].status[2]: \"4x4\"" NONE "headers[0].status[3]: \"\"" NONE
		"headers[0].status[4]: \"xxx\"" NONE
		"headers[0].status[5]: no answer ever has the status 1xx\n"
		"headers[0].status[6]: no answer ever has the status 100\n"
		"headers[0].status[7]: \"4000\"" NONE);
}

/* One look finds them all, each with its place. */
static void every_problem_of_every_rule_is_told(void **state)
{
	struct header_spec specs[] = {
		{ .path = "/a[", .type = "text/[", .set = LIST("Date: now", "A: 1"), .set_count = 2 },
		{ .path = "/a" },
		{ .add = LIST("A: 1", "B"), .add_count = 2, .remove = LIST("Vary"), .remove_count = 1 },
		{ .status = LIST("200"), .status_count = 1, .set = LIST("ETag: \"a\""), .set_count = 1 },
	};

	(void)state;
	assert_problems(
		specs, COUNT(specs),
		"headers[0].path: missing terminating ] for character class, at offset 3 of \"/a[\"\n"
		"headers[0].type: missing terminating ] for character class, at offset 6 of \"text/[\"\n"
		"headers[0].set[0]: Date cannot be set: it is the time of the answer, the server's clock "
		"says it\n"
		"headers[1]: this rule changes nothing; it needs set, add or remove\n"
		"headers[2].remove[0]: Vary cannot be removed: caches need it to keep variants apart; it may "
		"only "
		"be added to\n"
		"headers[2].add[1]: a field is written \"Name: value\"\n"
		"headers[3].set[0]: ETag must be the same with 200 and 304; leave status out of this rule\n");
}

static void assert_mistake(const char *path, const char *type, const char *expected)
{
	struct header_spec spec = {
		.path = (char *)path, .type = (char *)type, .set = LIST("A: 1"), .set_count = 1
	};
	char line[256];

	snprintf(line, sizeof(line), "headers[0].%s: \"%s\" %s\n", path ? "path" : "type", path ? path : type,
		 expected);
	assert_problems(&spec, 1, *expected ? line : "");
}

static void a_glob_that_never_matches_is_a_problem(void **state)
{
	const char *whole = "matches no file: with a slash it is for the whole path, which begins with one";
	const char *type = "matches no type: one looks like text/html, a glob for several like text/*";

	(void)state;
	assert_mistake("", NULL, "is empty; to match every file, leave path out");
	assert_mistake("/a//b", NULL, "matches no file: a path has one slash between names");
	assert_mistake("/a.js?v=1", NULL,
		       "matches no file: a path has no query (for any one byte before =, write [!/])");
	assert_mistake("assets/**", NULL, whole);
	assert_mistake(NULL, "", "is empty; to match every type, leave type out");
	assert_mistake(NULL, "html", type);
	assert_mistake(NULL, "*", type);
	assert_mistake(NULL, "text/html; charset=utf-8",
		       "matches no type: they are compared without parameters");
}

static void a_glob_that_may_match_is_none(void **state)
{
	static const char *const paths[] = {
		"*",         "*.css",     "x.css",    "/x?.css", "/a=b?", "**/a",
		"{/a,/b}/*", "[a-z]*.js", "x[!/]a=b", "*/a",     "\\*",   "/a/**"
	};
	static const char *const types[] = { "**", "text/*", "*/*", "{text,image}/*", "**json", "*/*+xml" };

	(void)state;
	for (size_t i = 0; i < COUNT(paths); i++)
		assert_mistake(paths[i], NULL, "");
	for (size_t i = 0; i < COUNT(types); i++)
		assert_mistake(NULL, types[i], "");
}

static void assert_said(const struct rules *rules, unsigned status, const char *path, const char *type,
			const char *expected)
{
	struct served served = { status, bytes_string(path), bytes_string(type) };
	char said[2048] = "";
	struct trace trace = { collect, said };
	struct fields fields;

	fields_init(&fields);
	rules_apply(rules, &served, &fields, &trace);
	assert_string_equal(said, expected);
}

static void a_trace_tells_of_every_rule_what_it_did_or_why_not(void **state)
{
	struct header_spec specs[] = {
		{ .path = "/a/**",
		  .set = LIST("A: 1"),
		  .set_count = 1,
		  .remove = LIST("B"),
		  .remove_count = 1 },
		{ .path = "*.html", .type = "text/*", .add = LIST("Link: </b>"), .add_count = 1 },
		{ .status = LIST("404", "5xx"),
		  .status_count = 2,
		  .set = LIST("Cache-Control: no-store"),
		  .set_count = 1 },
		{ .set = LIST("Cache-Control: no-cache", "C: 2"), .set_count = 2 },
	};
	struct rules *rules = compile(specs, COUNT(specs));

	(void)state;
	assert_said(rules, 200, "/index.html", "text/html",
		    "headers[0] path \"/a/**\": does not match /index.html\n"
		    "headers[1] path \"*.html\" type \"text/*\": add Link: </b>\n"
		    "headers[2] status 404 5xx: is not for 200\n"
		    "headers[3]: set Cache-Control: no-cache, set C: 2\n");
	assert_said(rules, 304, "/a/x.html", "image/png",
		    "headers[0] path \"/a/**\": finds no B, set A: 1\n"
		    "headers[1] path \"*.html\" type \"text/*\": does not match image/png\n"
		    "headers[2] status 404 5xx: is not for 304\n"
		    "headers[3]: set Cache-Control: no-cache, set C: 2\n");
	assert_said(rules, 404, "", "text/html",
		    "headers[0] path \"/a/**\": is for 200 and 304, not for 404\n"
		    "headers[1] path \"*.html\" type \"text/*\": is for 200 and 304, not for 404\n"
		    "headers[2] status 404 5xx: set Cache-Control: no-store\n"
		    "headers[3]: leaves Cache-Control to 200 and 304, set C: 2\n");
	assert_said(rules, 200, "", "",
		    "headers[0] path \"/a/**\": does not match, there is no file\n"
		    "headers[1] path \"*.html\" type \"text/*\": does not match, there is no file\n"
		    "headers[2] status 404 5xx: is not for 200\n"
		    "headers[3]: set Cache-Control: no-cache, set C: 2\n");
	rules_destroy(rules);
}

static void the_security_preset_is_on_every_answer(void **state)
{
	unsigned count = 0;
	const struct header_spec *specs = rules_preset(BYTES("security"), &count);
	const char *expected = "X-Content-Type-Options: nosniff;X-Frame-Options: SAMEORIGIN;"
			       "Referrer-Policy: strict-origin-when-cross-origin;";
	struct rules *rules = compile(specs, count);

	(void)state;
	assert_applied(rules, 200, "/a", "text/html", "", expected);
	assert_applied(rules, 304, "/a", "text/html", "", expected);
	assert_applied(rules, 404, "", "text/html", "", expected);
	rules_destroy(rules);
}

static void the_cors_preset_answers_a_preflight_with_204_only(void **state)
{
	unsigned count = 0;
	const struct header_spec *specs = rules_preset(BYTES("cors"), &count);
	const char *every = "Access-Control-Allow-Origin: *;"
			    "Access-Control-Expose-Headers: Accept-Ranges, Content-Encoding, Content-Range, "
			    "Date, ETag, Link, Repr-Digest;"
			    "Cross-Origin-Resource-Policy: cross-origin;";
	struct rules *rules = compile(specs, count);
	char preflight[1024];

	(void)state;
	snprintf(preflight, sizeof(preflight), "%s%s", every,
		 "Access-Control-Allow-Methods: GET, HEAD, OPTIONS;"
		 "Access-Control-Allow-Headers: Cache-Control, If-Match, If-Modified-Since, If-None-Match, "
		 "If-Range, If-Unmodified-Since, Range, Want-Repr-Digest;"
		 "Access-Control-Max-Age: 86400;");
	assert_applied(rules, 200, "/a", "text/html", "", every);
	assert_applied(rules, 404, "", "text/html", "", every);
	assert_applied(rules, 204, "", "", "", preflight);
	rules_destroy(rules);
}

static void there_are_no_other_presets(void **state)
{
	unsigned count = 7;

	(void)state;
	assert_null(rules_preset(BYTES("Security"), &count));
	assert_null(rules_preset(BYTES(""), &count));
	assert_null(rules_preset(BYTES("corsair"), &count));
	assert_int_equal(count, 7);
}

static void whoever_asks_learns_why_a_field_cannot_be_changed(void **state)
{
	const char *reason = "";

	(void)state;
	assert_true(rules_may_change(BYTES("Cache-Control"), &reason));
	assert_true(rules_may_change(BYTES("etag"), &reason));
	assert_string_equal(reason, "");
	assert_false(rules_may_change(BYTES("last-modified"), &reason));
	assert_string_equal(reason, "it is the time of the file; it may only be removed");
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_that_a_rule_names_must_match),
		cmocka_unit_test(a_path_or_type_alone_is_for_200_and_304),
		cmocka_unit_test(parameters_of_a_type_do_not_count),
		cmocka_unit_test(a_listing_is_served_as_its_folder),
		cmocka_unit_test(a_named_status_is_that_status_and_200_stands_for_206),
		cmocka_unit_test(without_a_matcher_what_is_said_of_content_is_left_to_content),
		cmocka_unit_test(a_rule_for_a_status_may_say_it_of_that_status),
		cmocka_unit_test(a_rule_removes_then_sets_then_adds),
		cmocka_unit_test(rules_count_in_their_order),
		cmocka_unit_test(rules_keep_nothing_of_what_they_were_made_of),
		cmocka_unit_test(no_rules_change_nothing),
		cmocka_unit_test(a_status_is_one_that_is_sent),
		cmocka_unit_test(every_problem_of_every_rule_is_told),
		cmocka_unit_test(a_glob_that_never_matches_is_a_problem),
		cmocka_unit_test(a_glob_that_may_match_is_none),
		cmocka_unit_test(a_trace_tells_of_every_rule_what_it_did_or_why_not),
		cmocka_unit_test(the_security_preset_is_on_every_answer),
		cmocka_unit_test(the_cors_preset_answers_a_preflight_with_204_only),
		cmocka_unit_test(there_are_no_other_presets),
		cmocka_unit_test(whoever_asks_learns_why_a_field_cannot_be_changed),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
