/* SPDX-License-Identifier: MIT */
/*
 * site/mime: the end of a name decides, whatever its case and whatever stands before.
 */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>

#include "guard.h"
#include "site/mime.h"

#define ROOM 4096
#define UNKNOWN "application/octet-stream"

/* The table once more, with its own idea of what MIME_TEXT means. */
static const struct row {
	const char *extension, *type;
	bool text;
} rows[] = {
#define MIME(extension, type) { extension, type, false },
#define MIME_TEXT(extension, type) { extension, type, true },
#include "site/mime.def"
#undef MIME
#undef MIME_TEXT
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* The end of a guarded region: every name ends there. */
static uint8_t *name_end;

static int set_up(void **state)
{
	static const uint8_t zeros[ROOM];

	(void)state;
	name_end = guard_copy(zeros, ROOM) + ROOM;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	guard_release(name_end - ROOM, ROOM);
	return 0;
}

static struct bytes type_of(const char *name)
{
	size_t size = strlen(name);

	assert_true(size <= ROOM);
	memcpy(name_end - size, name, size);
	return mime_type(bytes_make(name_end - size, size));
}

static void assert_type(const char *name, const char *expected)
{
	struct bytes type = type_of(name);

	if (!bytes_equal(type, bytes_string(expected)))
		fail_msg("%s: \"%.*s\", not \"%s\"", name, (int)type.size, (const char *)type.base, expected);
}

static void the_files_of_a_page_have_their_types(void **state)
{
	(void)state;
	assert_type("index.html", "text/html; charset=utf-8");
	assert_type("style.css", "text/css; charset=utf-8");
	assert_type("app.js", "text/javascript; charset=utf-8");
	assert_type("app.mjs", "text/javascript; charset=utf-8");
	assert_type("data.json", "application/json");
	assert_type("app.js.map", "application/json");
	assert_type("site.webmanifest", "application/manifest+json");
	assert_type("module.wasm", "application/wasm");
	assert_type("logo.svg", "image/svg+xml");
	assert_type("photo.avif", "image/avif");
	assert_type("font.woff2", "font/woff2");
	assert_type("robots.txt", "text/plain; charset=utf-8");
	assert_type("film.mp4", "video/mp4");
	assert_type("segment.ts", "video/mp2t");
	assert_type("paper.pdf", "application/pdf");
}

static void every_row_is_found_in_any_case(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		char expected[256], lower[64], upper[64];

		snprintf(expected, sizeof(expected), "%s%s", rows[i].type,
			 rows[i].text ? "; charset=utf-8" : "");
		snprintf(lower, sizeof(lower), "name.%s", rows[i].extension);
		snprintf(upper, sizeof(upper), "NAME.%s", rows[i].extension);
		for (char *at = upper; *at != '\0'; at++)
			*at = (char)toupper((unsigned char)*at);
		assert_type(lower, expected);
		assert_type(upper, expected);
	}
}

static void every_row_is_well_formed_and_there_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		const char *slash = strchr(rows[i].type, '/');

		assert_non_null(slash);
		assert_true(slash > rows[i].type && slash[1] != '\0');
		assert_int_equal(strspn(rows[i].type, "abcdefghijklmnopqrstuvwxyz0123456789./+-"),
				 strlen(rows[i].type));
		assert_int_equal(strspn(rows[i].extension, "abcdefghijklmnopqrstuvwxyz0123456789."),
				 strlen(rows[i].extension));
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(rows[i].extension, rows[k].extension);
	}
}

/* And JavaScript with it, which is text/javascript (RFC 9239). */
static void text_says_that_it_is_utf_8(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].text != (strncmp(rows[i].type, "text/", 5) == 0))
			fail_msg("%s", rows[i].extension);
}

static void the_longest_extension_with_a_row_wins(void **state)
{
	(void)state;
	assert_type("archive.tar.gz", "application/gzip");
	assert_type("index.html.br", UNKNOWN);
	assert_type("index.d.ts", "text/plain; charset=utf-8");
	assert_type("INDEX.D.TS", "text/plain; charset=utf-8");
	assert_type("index.x.ts", "video/mp2t");
	assert_type("indexd.ts", "video/mp2t");
	assert_type("d.ts", "video/mp2t");
	assert_type("a.html.unknown", UNKNOWN);
	assert_type("v1.2.3.zip", "application/zip");
}

static void a_name_without_a_known_extension_is_a_stream_of_bytes(void **state)
{
	static const char *const names[] = {
		"",         "a",       "html",    "a.",     "a..",           ".",
		"..",       ".html",   ".d.tsx2", "README", "a.nosuchthing", "a.htmlx",
		"a.xhtml2", "a.html.", "a.html ", "a.ht",   "ahtml",         "a.webmanifestx",
		"a.\xff",   "a.js\x01"
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_type(names[i], UNKNOWN);
}

static void only_the_last_segment_of_a_path_counts(void **state)
{
	(void)state;
	assert_type("/a/b.css/c.html", "text/html; charset=utf-8");
	assert_type("/a.html/b", UNKNOWN);
	assert_type("/a.html/", UNKNOWN);
	assert_type("/a.d/ts", UNKNOWN);
	assert_type("/a/.html", UNKNOWN);
	assert_type("/a/.profile.html", "text/html; charset=utf-8");
	assert_type("/.webmanifest", UNKNOWN);
	assert_type("/a.webmanifest", "application/manifest+json");
}

/* The walk looks at the end of a name only, however long it is. */
static void a_long_name_full_of_dots_is_looked_at_like_any_other(void **state)
{
	char name[ROOM];

	(void)state;
	memset(name, '.', sizeof(name));
	memcpy(name + sizeof(name) - 5, "html", 5);
	assert_type(name, "text/html; charset=utf-8");
	memcpy(name + sizeof(name) - 5, "htmx", 5);
	assert_type(name, UNKNOWN);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_files_of_a_page_have_their_types),
		cmocka_unit_test(every_row_is_found_in_any_case),
		cmocka_unit_test(every_row_is_well_formed_and_there_once),
		cmocka_unit_test(text_says_that_it_is_utf_8),
		cmocka_unit_test(the_longest_extension_with_a_row_wins),
		cmocka_unit_test(a_name_without_a_known_extension_is_a_stream_of_bytes),
		cmocka_unit_test(only_the_last_segment_of_a_path_counts),
		cmocka_unit_test(a_long_name_full_of_dots_is_looked_at_like_any_other),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
