/* SPDX-License-Identifier: MIT */
/*
 * site/policy: what --cache auto says, and that "immutable" is said of nothing that may change.
 *
 * Asked of site_apply_rules(), as assets are made, so that the order of policy, presets and header
 * rules is under test as well.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "site_maker.h"

#define IMMUTABLE "max-age=31536000, immutable"

static const struct host_spec nothing;

static struct site *create_auto(const struct host_spec *spec)
{
	struct site_options options = site_maker_options();

	options.cache = CACHE_AUTO;
	return site_maker_create(spec, &options, NULL);
}

/* The Cache-Control that rules make; `expected` NULL: none. */
static void assert_cache(const struct site *site, unsigned status, const char *path, const char *type,
			 bool is_fallback, const char *expected)
{
	struct served served = { status, bytes_string(path), bytes_string(type) };
	struct response_field *field;
	struct fields fields;

	fields_init(&fields);
	site_apply_rules(site, &served, is_fallback, &fields, NULL);
	field = fields_find(&fields, BYTES("Cache-Control"));
	if (!field != !expected || (field && !bytes_equal(field->value, bytes_string(expected))))
		fail_msg("%u %s: \"%.*s\"", status, path, field ? (int)field->value.size : 0,
			 field ? (const char *)field->value.base : "");
}

static void html_is_asked_for_again(void **state)
{
	struct site *site = create_auto(&nothing);

	(void)state;
	assert_cache(site, 200, "/index.html", "text/html", false, "no-cache");
	assert_cache(site, 200, "/a.xhtml", "application/xhtml+xml", false, "no-cache");
	assert_cache(site, 200, "/a.htm", "Text/HTML; charset=iso-8859-1", false, "no-cache");
	assert_cache(site, 200, "/page.0123abcd.html", "text/html", false, "no-cache");
	site_destroy(site);
}

static void a_name_with_a_fingerprint_is_immutable(void **state)
{
	static const char *const names[] = {
		"/app.3f2a9c01.js",
		"/assets/app-3f2a9c01.css",
		"/x/y.0123456789abcdef0123456789abcdef.woff2",
		"/app.3f2a9c01.js.map",
	};
	struct site *site = create_auto(&nothing);

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_cache(site, 200, names[i], "text/javascript", false, IMMUTABLE);
		assert_cache(site, 206, names[i], "text/javascript", false, IMMUTABLE);
		assert_cache(site, 304, names[i], "text/javascript", false, IMMUTABLE);
	}
	site_destroy(site);
}

static void what_only_looks_like_a_fingerprint_may_change(void **state)
{
	static const char *const names[] = {
		"/app.js",
		"/photo-20240131.jpg",     /* a date has no letter */
		"/cafe.deadbeef.js",       /* a word has no digit */
		"/app.3f2a9c0.js",         /* seven digits */
		"/3f2a9c01/app.js",        /* of the folder, not of the file */
		"/app.3f2a9c01/data.json", /* likewise */
		"/app.3f2a9c01",           /* nothing behind it */
		"/app3f2a9c01.js",         /* no dot or dash before it */
	};
	struct site *site = create_auto(&nothing);

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_cache(site, 200, names[i], "text/javascript", false, "max-age=3600");
	site_destroy(site);
}

static void an_own_fingerprint_is_matched_behind_the_last_slash(void **state)
{
	struct site_options options = site_maker_options();
	struct site *site;

	(void)state;
	options.cache = CACHE_AUTO;
	options.fingerprint = "^v\\d+-";
	options.max_age = 90500;
	site = site_maker_create(&nothing, &options, NULL);
	assert_cache(site, 200, "/a/v12-app.js", "text/javascript", false, IMMUTABLE);
	assert_cache(site, 200, "/v12-a/app.js", "text/javascript", false, "max-age=90");
	assert_cache(site, 200, "/app.3f2a9c01.js", "text/javascript", false, "max-age=90");
	site_destroy(site);
}

static void errors_and_fallbacks_are_never_immutable(void **state)
{
	struct site *site = create_auto(&nothing);

	(void)state;
	assert_cache(site, 404, "/404.3f2a9c01.svg", "image/svg+xml", false, "no-cache");
	assert_cache(site, 404, "", "text/html", false, "no-cache");
	assert_cache(site, 503, "", "text/html", false, "no-cache");
	assert_cache(site, 200, "/app.3f2a9c01.js", "text/javascript", true, "no-cache");
	assert_cache(site, 304, "/app.3f2a9c01.js", "text/javascript", true, "no-cache");
	assert_cache(site, 200, "/app.txt", "text/plain", true, "no-cache");
	site_destroy(site);
}

static void what_no_file_stands_behind_is_asked_for_again(void **state)
{
	struct site *site = create_auto(&nothing);

	(void)state;
	assert_cache(site, 200, "", "application/json", false, "no-cache");
	assert_cache(site, 200, "/list/", "application/json", false, "no-cache");
	site_destroy(site);
}

static void redirects_and_empty_answers_get_nothing(void **state)
{
	struct site *site = create_auto(&nothing);

	(void)state;
	assert_cache(site, 301, "", "text/html", false, NULL);
	assert_cache(site, 307, "", "text/html", false, NULL);
	assert_cache(site, 204, "", "", false, NULL);
	site_destroy(site);
}

static void without_cache_auto_nothing_is_said(void **state)
{
	struct site_options options = site_maker_options();
	struct site *site = site_maker_create(&nothing, &options, NULL);

	(void)state;
	assert_cache(site, 200, "/app.3f2a9c01.js", "text/javascript", false, NULL);
	assert_cache(site, 200, "/index.html", "text/html", false, NULL);
	assert_cache(site, 404, "", "text/html", false, NULL);
	site_destroy(site);
}

static void header_rules_may_say_otherwise(void **state)
{
	struct header_spec header = {
		.path = "/assets/**",
		.set = (char *[]){ "Cache-Control: private" },
		.set_count = 1,
	};
	const struct host_spec spec = { .headers = &header, .headers_count = 1 };
	struct site *site = create_auto(&spec);

	(void)state;
	assert_cache(site, 200, "/assets/app.3f2a9c01.js", "text/javascript", false, "private");
	assert_cache(site, 200, "/app.3f2a9c01.js", "text/javascript", false, IMMUTABLE);
	assert_cache(site, 404, "/assets/404.html", "text/html", false, "no-cache");
	site_destroy(site);
}

static void add_line(void *context, const char *line)
{
	text_format(context, "%s\n", line);
}

static void a_trace_says_why(void **state)
{
	const struct served served = { 200, BYTES("/app.3f2a9c01.js"), BYTES("text/javascript") };
	const struct served redirect = { 301, BYTES(""), BYTES("text/html") };
	struct site *site = create_auto(&nothing);
	struct text lines = TEXT_EMPTY;
	const struct trace trace = { add_line, &lines };

	(void)state;
	site_cache_control(site, &served, false, &trace);
	site_cache_control(site, &served, true, &trace);
	site_cache_control(site, &redirect, false, &trace);
	assert_string_equal(text_string(&lines),
			    "cache auto: max-age=31536000, immutable (its name carries a fingerprint)\n"
			    "cache auto: no-cache (it answers for another)\n"
			    "cache auto: nothing (no content)\n");
	text_deinit(&lines);
	site_destroy(site);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(html_is_asked_for_again),
		cmocka_unit_test(a_name_with_a_fingerprint_is_immutable),
		cmocka_unit_test(what_only_looks_like_a_fingerprint_may_change),
		cmocka_unit_test(an_own_fingerprint_is_matched_behind_the_last_slash),
		cmocka_unit_test(errors_and_fallbacks_are_never_immutable),
		cmocka_unit_test(what_no_file_stands_behind_is_asked_for_again),
		cmocka_unit_test(redirects_and_empty_answers_get_nothing),
		cmocka_unit_test(without_cache_auto_nothing_is_said),
		cmocka_unit_test(header_rules_may_say_otherwise),
		cmocka_unit_test(a_trace_says_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
