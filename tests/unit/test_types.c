/* SPDX-License-Identifier: MIT */
/*
 * site/types and site/hints: what a configuration says of extensions, and of links that are told early,
 * arrives as it was meant, and what would break a head is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "site_maker.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TEXTS(...)                                                                                           \
	(char *[])                                                                                           \
	{                                                                                                    \
		__VA_ARGS__                                                                                  \
	}

static struct site *create(const struct host_spec *spec, const struct site *above)
{
	struct site_options options = site_maker_options();

	return site_maker_create(spec, &options, above);
}

static void assert_problem(const struct host_spec *spec, const char *path, const char *words)
{
	struct site_options options = site_maker_options();

	site_maker_assert_problem(spec, &options, path, words);
}

static void assert_type(const struct site *site, const char *name, const char *expected)
{
	struct bytes type = site_mime(site, bytes_string(name)).type;

	if (!bytes_equal(type, bytes_string(expected)))
		fail_msg("%s: %.*s", name, (int)type.size, (const char *)type.base);
}

static void an_own_type_wins_over_those_above_and_the_table(void **state)
{
	struct type_spec above_types[] = {
		{ .ext = TEXTS("foo", "TAR.zip"), .ext_count = 2, .type = "application/x-foo" },
		{ .ext = TEXTS("bar"), .ext_count = 1, .type = "text/x-bar; charset=\"a\\\"b\"" },
	};
	struct type_spec own_types[] = {
		{ .ext = TEXTS("FOO", "html"), .ext_count = 2, .type = "text/x-own" }
	};
	const struct host_spec above_spec = { .types = above_types, .types_count = 2 },
			       nothing = { .names = NULL };
	const struct host_spec own_spec = { .types = own_types, .types_count = 1 };
	struct site *above = create(&above_spec, NULL), *site = create(&own_spec, above);
	struct site *plain = create(&nothing, above);

	(void)state;
	assert_type(above, "/a.foo", "application/x-foo");
	assert_type(above, "/a.Tar.ZIP", "application/x-foo");
	assert_type(above, "/a.html", "text/html");
	assert_type(site, "/a.Foo", "text/x-own");
	assert_type(site, "/a.html", "text/x-own");
	assert_type(site, "/a.bar", "text/x-bar; charset=\"a\\\"b\"");
	assert_type(plain, "/a.foo", "application/x-foo");
	assert_type(plain, "/a.html", "text/html");
	site_destroy(plain);
	site_destroy(site);
	site_destroy(above);
}

static void what_is_no_media_type_is_a_problem(void **state)
{
	static char *const types[] = { "",
				       "text",
				       "text/",
				       "/html",
				       "text/html;",
				       "text/html charset=x",
				       "text/html; a",
				       "text/html; a=",
				       "text/html; a=\"b",
				       "text/*",
				       "*/*",
				       "text/html\r\nX: y",
				       "a/b; c=\"\\\r\n\"",
				       "text/html,text/plain" };

	(void)state;
	for (size_t i = 0; i < COUNT(types); i++) {
		struct type_spec type = { .ext = TEXTS("x"), .ext_count = 1, .type = types[i] };

		assert_problem(&(struct host_spec){ .types = &type, .types_count = 1 }, "types[0].type",
			       "is no media type");
	}
}

static void an_extension_stands_without_its_dot_and_once(void **state)
{
	static const struct {
		char *extension;
		const char *words;
	} cases[] = {
		{ ".html", "write it without" }, { "", "is no extension" },
		{ "a/b", "is no extension" },    { "*", "is no extension" },
		{ "a b", "is no extension" },    { "FIRST", "has a type already" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct type_spec types[] = {
			{ .ext = TEXTS("first"), .ext_count = 1, .type = "a/b" },
			{ .ext = TEXTS("second", cases[i].extension), .ext_count = 2, .type = "c/d" },
		};

		assert_problem(&(struct host_spec){ .types = types, .types_count = 2 }, "types[1].ext[1]",
			       cases[i].words);
	}
}

static void a_type_needs_both_its_parts(void **state)
{
	struct type_spec type = { .type = "a/b" };
	const struct host_spec spec = { .types = &type, .types_count = 1 };

	(void)state;
	assert_problem(&spec, "types[0]", "ext is missing");
	type = (struct type_spec){ .ext = TEXTS("x"), .ext_count = 1 };
	assert_problem(&spec, "types[0]", "type is missing");
}

static void assert_hints(const struct site *site, const char *path, const char *expected)
{
	struct bytes head = site_hints(site, bytes_string(path));

	if (!bytes_equal(head, bytes_string(expected)))
		fail_msg("%s: %.*s", path, (int)head.size, (const char *)head.base);
}

static void hints_are_a_whole_head_of_103(void **state)
{
	struct hint_spec hints[] = {
		{ .path = "/index.html",
		  .link = TEXTS("</a.css>; rel=preload; as=style",
				"<https://cdn.example>;crossorigin;REL=preconnect"),
		  .link_count = 2 },
		{ .path = "*.html", .link = TEXTS("</b.css>; rel=\"preload\""), .link_count = 1 },
	};
	struct hint_spec own = { .path = "/index.html",
				 .link = TEXTS("</own.js>; rel=preload"),
				 .link_count = 1 };
	const struct host_spec above_spec = { .hints = hints, .hints_count = 2 };
	const struct host_spec spec = { .hints = &own, .hints_count = 1 };
	struct site *above = create(&above_spec, NULL), *site = create(&spec, above);

	(void)state;
	assert_hints(above, "/index.html",
		     "HTTP/1.1 103 Early Hints\r\n"
		     "Link: </a.css>; rel=preload; as=style\r\n"
		     "Link: <https://cdn.example>;crossorigin;REL=preconnect\r\n\r\n");
	assert_hints(above, "/b/c.html",
		     "HTTP/1.1 103 Early Hints\r\nLink: </b.css>; rel=\"preload\"\r\n\r\n");
	assert_hints(above, "/b/c.css", "");
	assert_hints(site, "/index.html", "HTTP/1.1 103 Early Hints\r\nLink: </own.js>; rel=preload\r\n\r\n");
	assert_hints(site, "/c.html", "HTTP/1.1 103 Early Hints\r\nLink: </b.css>; rel=\"preload\"\r\n\r\n");
	site_destroy(site);
	site_destroy(above);
}

static void what_is_no_link_is_a_problem(void **state)
{
	static char *const links[] = { "",
				       "/a.css",
				       "</a.css>",
				       "</a.css>; as=style",
				       "</a.css>; rel=",
				       "</a.css> rel=preload",
				       "<>; rel=preload",
				       "</a b.css>; rel=preload",
				       "</a.css; rel=preload",
				       "</caf\xc3\xa9>; rel=preload",
				       "</a.css>; rel=preload\r\nX: y",
				       "</a.css>; rel=preload\n",
				       "Link: </a.css>; rel=preload" };

	(void)state;
	for (size_t i = 0; i < COUNT(links); i++) {
		struct hint_spec hint = { .path = "/a",
					  .link = TEXTS("</x>; rel=preload", links[i]),
					  .link_count = 2 };

		assert_problem(&(struct host_spec){ .hints = &hint, .hints_count = 1 }, "hints[0].link[1]",
			       "is no link");
	}
}

static void hints_need_a_path_that_can_match_and_links(void **state)
{
	struct hint_spec hint = { .path = "/a" };
	const struct host_spec spec = { .hints = &hint, .hints_count = 1 };

	(void)state;
	assert_problem(&spec, "hints[0]", "link is missing");
	hint = (struct hint_spec){ .link = TEXTS("</x>; rel=preload"), .link_count = 1 };
	assert_problem(&spec, "hints[0]", "path is missing");
	hint.path = "/blog/";
	assert_problem(&spec, "hints[0].path", "matches no file");
	hint.path = "/{a";
	assert_problem(&spec, "hints[0].path", "no }");
}

static void hints_together_have_a_limit(void **state)
{
	char link[HINTS_HEAD_MAX];
	struct hint_spec hint = { .path = "/a", .link = TEXTS(link), .link_count = 1 };
	const struct host_spec spec = { .hints = &hint, .hints_count = 1 };
	static const char around[] = "HTTP/1.1 103 Early Hints\r\nLink: \r\n\r\n";
	size_t size = HINTS_HEAD_MAX - (sizeof(around) - 1);

	(void)state;
	memset(link, 'a', sizeof(link));
	memcpy(link, "</", 2);
	memcpy(link + size - 14, ">; rel=preload", 15);
	site_destroy(create(&spec, NULL));
	memset(link, 'a', sizeof(link));
	memcpy(link, "</", 2);
	memcpy(link + size - 13, ">; rel=preload", 15);
	assert_problem(&spec, "hints[0].link", "make 8193 bytes; expected at most 8192");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_own_type_wins_over_those_above_and_the_table),
		cmocka_unit_test(what_is_no_media_type_is_a_problem),
		cmocka_unit_test(an_extension_stands_without_its_dot_and_once),
		cmocka_unit_test(a_type_needs_both_its_parts),
		cmocka_unit_test(hints_are_a_whole_head_of_103),
		cmocka_unit_test(what_is_no_link_is_a_problem),
		cmocka_unit_test(hints_need_a_path_that_can_match_and_links),
		cmocka_unit_test(hints_together_have_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
