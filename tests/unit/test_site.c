/* SPDX-License-Identifier: MIT */
/*
 * site/site: what belongs to a host, what comes from the top level, and in which order they count.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <time.h>

#include "site_maker.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TEXTS(...)                                                                                           \
	(char *[])                                                                                           \
	{                                                                                                    \
		__VA_ARGS__                                                                                  \
	}

static const struct host_spec nothing;

static struct site *create(const struct host_spec *spec, const struct site *above)
{
	struct site_options options = site_maker_options();

	return site_maker_create(spec, &options, above);
}

/* All fields that rules make of `fields`, as "Name: value\n" lines. */
static void assert_fields(const struct site *site, const struct served *served, struct fields *fields,
			  const char *expected)
{
	struct text text = TEXT_EMPTY;

	site_apply_rules(site, served, false, fields, NULL);
	for (unsigned i = 0; i < fields->count; i++)
		text_format(&text, "%.*s: %.*s\n", (int)fields->field[i].name.size,
			    fields->field[i].name.base, (int)fields->field[i].value.size,
			    fields->field[i].value.base);
	assert_string_equal(text_string(&text), expected);
	text_deinit(&text);
}

static void header_rules_of_the_top_level_come_first_and_the_order_last(void **state)
{
	const struct served served = { 200, BYTES("/a.txt"), BYTES("text/plain") };
	struct header_spec top[] = { { .set = TEXTS("X-Top: top", "X-Both: top"), .set_count = 2 } };
	struct header_spec own[] = { { .set = TEXTS("X-Both: own", "X-Frame-Options: DENY"),
				       .set_count = 2 } };
	const struct host_spec top_spec = { .headers = top, .headers_count = 1 };
	const struct host_spec own_spec = { .headers = own, .headers_count = 1 };
	struct site_options options = site_maker_options();
	struct site *above = create(&top_spec, NULL), *site;
	struct fields fields;

	(void)state;
	options.presets = "security";
	options.order = "date,x-both";
	options.cache = CACHE_AUTO;
	site = site_maker_create(&own_spec, &options, above);
	fields_init(&fields);
	fields_add(&fields, BYTES("Server"), BYTES("quoit"));
	fields_add(&fields, BYTES("Date"), BYTES("now"));
	assert_fields(site, &served, &fields,
		      "Date: now\nX-Both: own\nServer: quoit\nCache-Control: max-age=3600\n"
		      "X-Content-Type-Options: nosniff\nX-Frame-Options: DENY\n"
		      "Referrer-Policy: strict-origin-when-cross-origin\nX-Top: top\n");
	site_destroy(site);
	site_destroy(above);
}

static void presets_are_replaced_and_not_merged(void **state)
{
	const struct served served = { 404, BYTES(""), BYTES("text/html") };
	struct site_options options = site_maker_options(), own = options;
	struct site *above, *site;
	struct fields fields;

	(void)state;
	options.presets = "security";
	own.presets = "none";
	above = site_maker_create(&nothing, &options, NULL);
	site = site_maker_create(&nothing, &own, above);
	fields_init(&fields);
	assert_fields(site, &served, &fields, "");
	assert_true(above->has_own_pages);
	assert_true(site->has_own_pages); /* not those of `above` */
	site_destroy(site);
	site_destroy(above);
}

static void several_presets_count_in_their_order(void **state)
{
	const struct served served = { 204, BYTES(""), BYTES("") };
	struct site_options options = site_maker_options();
	struct site *site;
	struct fields fields;

	(void)state;
	options.presets = "cors,security";
	site = site_maker_create(&nothing, &options, NULL);
	fields_init(&fields);
	site_apply_rules(site, &served, false, &fields, NULL);
	assert_true(fields.count >= 4);
	assert_true(bytes_equal(fields.field[0].name, BYTES("Access-Control-Allow-Origin")));
	assert_true(bytes_equal(fields.field[fields.count - 1].name, BYTES("Referrer-Policy")));
	assert_non_null(fields_find(&fields, BYTES("Access-Control-Allow-Methods")));
	site_destroy(site);
}

static void a_site_knows_whether_its_built_in_answers_are_its_own(void **state)
{
	struct header_spec header = { .set = TEXTS("X-A: b"), .set_count = 1 };
	const struct host_spec spec = { .headers = &header, .headers_count = 1 };
	struct site_options options = site_maker_options();
	struct site *plain = create(&nothing, NULL), *above = create(&spec, NULL),
		    *below = create(&nothing, above);
	struct site *cached;

	(void)state;
	options.cache = CACHE_AUTO;
	cached = site_maker_create(&nothing, &options, NULL);
	assert_false(plain->has_own_pages);
	assert_true(above->has_own_pages);
	assert_true(below->has_own_pages);
	assert_true(cached->has_own_pages);
	site_destroy(cached);
	site_destroy(below);
	site_destroy(above);
	site_destroy(plain);
}

static void add_line(void *context, const char *line)
{
	text_format(context, "%s\n", line);
}

static void own_redirects_and_rewrites_are_asked_first(void **state)
{
	struct route_spec top[] = { { .from = "/a", .to = "/top-a" }, { .from = "/b", .to = "/top-b" } };
	struct route_spec own[] = { { .from = "/a", .to = "/own-a" } };
	const struct host_spec top_spec = {
		.redirects = top, .redirects_count = 2, .rewrites = top, .rewrites_count = 2
	};
	const struct host_spec own_spec = { .names = TEXTS("www.example.org", "example.org"),
					    .names_count = 2,
					    .redirects = own,
					    .redirects_count = 1,
					    .rewrites = own,
					    .rewrites_count = 1 };
	struct site *above = create(&top_spec, NULL), *site = create(&own_spec, above);
	struct text out = TEXT_EMPTY, lines = TEXT_EMPTY;
	const struct trace trace = { add_line, &lines };

	(void)state;
	assert_int_equal(site_redirect(site, BYTES("/a"), &out, NULL), 301);
	assert_string_equal(text_string(&out), "/own-a");
	assert_int_equal(site_redirect(site, BYTES("/b"), &out, &trace), 301);
	assert_string_equal(text_string(&out), "/top-b");
	assert_int_equal(site_redirect(site, BYTES("/c"), &out, NULL), 0);
	assert_int_equal(site_rewrite(site, BYTES("/a"), &out, NULL), ROUTE_REWRITTEN);
	assert_string_equal(text_string(&out), "/own-a");
	assert_int_equal(site_rewrite(site, BYTES("/b"), &out, &trace), ROUTE_REWRITTEN);
	assert_string_equal(text_string(&out), "/top-b");
	assert_int_equal(site_rewrite(site, BYTES("/c"), &out, NULL), ROUTE_NONE);
	assert_string_equal(text_string(&lines), "www.example.org redirects[0] from \"/a\": no\n"
						 "redirects[0] from \"/a\": no\n"
						 "redirects[1] from \"/b\": 301 to /top-b\n"
						 "www.example.org rewrites[0] from \"/a\": no\n"
						 "rewrites[0] from \"/a\": no\n"
						 "rewrites[1] from \"/b\": to /top-b\n");
	text_deinit(&lines);
	text_deinit(&out);
	site_destroy(site);
	site_destroy(above);
}

static void assert_page(const struct site *site, unsigned status, const char *expected)
{
	struct bytes page = site_error_page(site, status);

	if (!bytes_equal(page, bytes_string(expected)))
		fail_msg("%u: %.*s", status, (int)page.size, (const char *)page.base);
}

static void an_error_page_is_its_own_or_that_of_the_top_level(void **state)
{
	struct host_spec top_spec = { .names = NULL }, own_spec = { .names = NULL };
	struct site *above, *site;

	(void)state;
	top_spec.errors[ERROR_PAGE_404] = "/404.html";
	top_spec.errors[ERROR_PAGE_503] = "/errors/busy.html";
	own_spec.errors[ERROR_PAGE_404] = "/own.html";
	above = create(&top_spec, NULL);
	site = create(&own_spec, above);
	assert_page(site, 404, "/own.html");
	assert_page(site, 503, "/errors/busy.html");
	assert_page(site, 403, "");
	assert_page(site, 431, "");
	assert_page(site, 200, "");
	assert_page(above, 404, "/404.html");
	site_destroy(site);
	site_destroy(above);
}

static void an_error_page_is_the_path_of_a_file(void **state)
{
	static char *const paths[] = { "",         "404.html",   "/a/../404.html", "/",
				       "/errors/", "/.404.html", "/404.html?" };

	(void)state;
	for (size_t i = 0; i < COUNT(paths); i++) {
		struct site_options options = site_maker_options();
		struct host_spec spec = { .names = NULL };

		spec.errors[ERROR_PAGE_416] = paths[i];
		site_maker_assert_problem(&spec, &options, "errors.416", "");
	}
}

static void all_problems_of_a_host_are_told_with_their_places(void **state)
{
	static const char *const places[] = {
		"hosts[3].index[0]",          "hosts[3].codings[1]",      "hosts[3].fallback",
		"hosts[3].headers[0].set[0]", "hosts[3].redirects[0].to", "hosts[3].rewrites[0].to",
		"hosts[3].types[0].type",     "hosts[3].hints[0]",        "hosts[3].errors.404",
	};
	struct header_spec header = { .set = TEXTS("Content-Length: 0"), .set_count = 1 };
	struct route_spec redirect = { .from = "/a", .to = "b" }, rewrite = { .from = "/a", .to = "/.b" };
	struct type_spec type = { .ext = TEXTS("a"), .ext_count = 1, .type = "b" };
	struct hint_spec hint = { .path = "/a" };
	struct host_spec spec = { .headers = &header,
				  .headers_count = 1,
				  .redirects = &redirect,
				  .redirects_count = 1,
				  .rewrites = &rewrite,
				  .rewrites_count = 1,
				  .types = &type,
				  .types_count = 1,
				  .hints = &hint,
				  .hints_count = 1 };
	struct site_options options = site_maker_options();
	struct problems problems = { .problem = NULL };
	struct site *site;

	(void)state;
	spec.errors[ERROR_PAGE_404] = "404.html";
	options.index = "a/b";
	options.codings = "br,lzma";
	options.fallback = "a";
	site = site_create(&spec, &options, NULL, PLACE_ITEM(PLACE_KEY(NULL, "hosts"), 3), &problems);
	assert_non_null(site);
	assert_int_equal(problems.count, COUNT(places));
	for (size_t i = 0; i < COUNT(places); i++)
		assert_string_equal(problems.problem[i].path, places[i]);
	problems_deinit(&problems);
	site_destroy(site);
}

/* What the configuration was read into is gone when requests come. */
static void a_site_keeps_nothing_of_what_it_was_made_of(void **state)
{
	char path[] = "/404.html", codings[] = "gzip", from[] = "/a", to[] = "/b", ext[] = "foo",
	     type[] = "a/b";
	struct route_spec route = { .from = from, .to = to };
	struct type_spec types = { .ext = TEXTS(ext), .ext_count = 1, .type = type };
	struct host_spec spec = {
		.redirects = &route, .redirects_count = 1, .types = &types, .types_count = 1
	};
	struct site_options options = site_maker_options();
	struct text out = TEXT_EMPTY;
	struct site *site;

	(void)state;
	spec.errors[ERROR_PAGE_404] = path;
	options.codings = options.charset = codings;
	site = site_maker_create(&spec, &options, NULL);
	for (size_t i = 0; i < 3; i++)
		path[i] = codings[i] = ext[i] = type[i] = '#';
	from[1] = to[1] = '#';
	assert_page(site, 404, "/404.html");
	assert_true(bytes_equal(site->charset, BYTES("gzip")));
	assert_int_equal(site_redirect(site, BYTES("/a"), &out, NULL), 301);
	assert_string_equal(text_string(&out), "/b");
	assert_true(bytes_equal(site_mime(site, BYTES("x.foo")).type, BYTES("a/b")));
	text_deinit(&out);
	site_destroy(site);
}

static void a_set_of_sites_numbers_and_finds_them(void **state)
{
	const struct host_spec specs[] = {
		{ .names = TEXTS("a.example"), .names_count = 1 },
		{ .names = TEXTS("*.b.example"), .names_count = 1 },
	};
	struct problems problems = { .problem = NULL };
	struct site *site[3];
	struct sites *sites;

	(void)state;
	site[0] = create(&nothing, NULL);
	site[1] = create(&specs[0], site[0]);
	site[2] = create(&specs[1], site[0]);
	sites = sites_create(site, 3, specs, &problems);
	assert_non_null(sites);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(site[i]->number, i);
	assert_ptr_equal(sites_find(sites, BYTES("A.example:80")), site[1]);
	assert_ptr_equal(sites_find(sites, BYTES("x.b.example.")), site[2]);
	assert_ptr_equal(sites_find(sites, BYTES("b.example")), site[0]);
	assert_ptr_equal(sites_find(sites, BYTES("")), site[0]);
	sites_ref(sites);
	assert_false(sites_unref(sites));
	assert_true(sites_unref(sites));
	sites_destroy(sites);
}

static void one_site_answers_for_every_host(void **state)
{
	struct problems problems = { .problem = NULL };
	struct site *site = create(&nothing, NULL);
	struct sites *sites = sites_create(&site, 1, NULL, &problems);

	(void)state;
	assert_non_null(sites);
	assert_null(sites->hosts);
	assert_ptr_equal(sites_find(sites, BYTES("www.example.org")), site);
	assert_true(sites_unref(sites));
	sites_destroy(sites);
}

static void with_problems_there_is_no_set_of_sites(void **state)
{
	const struct host_spec spec = { .names = TEXTS("a b"), .names_count = 1 };
	struct problems problems = { .problem = NULL };
	struct site *site[2];

	(void)state;
	site[0] = create(&nothing, NULL);
	site[1] = create(&spec, site[0]);
	assert_null(sites_create(site, 2, &spec, &problems));
	assert_int_equal(problems.count, 1);
	assert_string_equal(problems.problem[0].path, "hosts[0].names[0]");
	/* Also with those of before: a site with problems is not to be served. */
	assert_null(sites_create(site, 1, NULL, &problems));
	problems_deinit(&problems);
	site_destroy(site[1]);
	site_destroy(site[0]);
}

/* A tenth of it is what one may wait for; the rest is room for sanitizers and busy machines. */
static void a_thousand_hosts_with_a_hundred_routes_each_compile_in_seconds(void **state)
{
	enum { HOSTS = 1000, ROUTES = 100 };
	static struct route_spec routes[ROUTES];
	static char texts[ROUTES][32];
	const struct host_spec spec = { .redirects = routes, .redirects_count = ROUTES };
	static struct site *site[HOSTS + 1];
	struct timespec begin, end;

	(void)state;
	for (unsigned i = 0; i < ROUTES; i++) {
		snprintf(texts[i], sizeof(texts[i]), "/old%u/(\\d+)/", i);
		routes[i].to = "/new";
		if (i % 2)
			routes[i].pattern = texts[i];
		else
			routes[i].from = texts[i];
	}
	clock_gettime(CLOCK_MONOTONIC, &begin);
	site[0] = create(&nothing, NULL);
	for (unsigned i = 1; i <= HOSTS; i++)
		site[i] = create(&spec, site[0]);
	clock_gettime(CLOCK_MONOTONIC, &end);
	print_message("%.3f s\n",
		      (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9);
	assert_true(end.tv_sec - begin.tv_sec < 20);
	for (unsigned i = 0; i <= HOSTS; i++)
		site_destroy(site[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_rules_of_the_top_level_come_first_and_the_order_last),
		cmocka_unit_test(presets_are_replaced_and_not_merged),
		cmocka_unit_test(several_presets_count_in_their_order),
		cmocka_unit_test(a_site_knows_whether_its_built_in_answers_are_its_own),
		cmocka_unit_test(own_redirects_and_rewrites_are_asked_first),
		cmocka_unit_test(an_error_page_is_its_own_or_that_of_the_top_level),
		cmocka_unit_test(an_error_page_is_the_path_of_a_file),
		cmocka_unit_test(all_problems_of_a_host_are_told_with_their_places),
		cmocka_unit_test(a_site_keeps_nothing_of_what_it_was_made_of),
		cmocka_unit_test(a_set_of_sites_numbers_and_finds_them),
		cmocka_unit_test(one_site_answers_for_every_host),
		cmocka_unit_test(with_problems_there_is_no_set_of_sites),
		cmocka_unit_test(a_thousand_hosts_with_a_hundred_routes_each_compile_in_seconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
