/* SPDX-License-Identifier: MIT */
/*
 * site/mime: the end of a name decides, whatever its case and whatever stands before; the
 * additions win over the system's list, and the configuration wins over both.
 *
 * Names lie at a guard page. What the table holds is read from it, so that the tests hold for
 * every list that quoit is built with; what a page needs is written out.
 */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>

#include "guard.h"
#include "site/mime.h"
#include "site/mime_table.h"

#define ROOM 4096
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define UNKNOWN "application/octet-stream"

/* The additions once more, with their own idea of what MIME_TEXT means. */
static const struct addition {
	const char *extension, *type;
	bool text;
} additions[] = {
#define MIME(extension, type) { extension, type, false },
#define MIME_TEXT(extension, type) { extension, type, true },
#include "site/mime.def"
#undef MIME
#undef MIME_TEXT
};

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

static struct bytes at_the_guard(struct bytes bytes)
{
	assert_true(bytes.size <= ROOM);
	if (bytes.size > 0)
		memcpy(name_end - bytes.size, bytes.base, bytes.size);
	return bytes_make(name_end - bytes.size, bytes.size);
}

static void assert_mime(struct mime mime, const char *name, const char *type, bool text)
{
	if (!bytes_equal(mime.type, bytes_string(type)) || mime.is_text != text)
		fail_msg("%s: \"%.*s\"%s, not \"%s\"%s", name, (int)mime.type.size,
			 (const char *)mime.type.base, mime.is_text ? " (text)" : "", type,
			 text ? " (text)" : "");
}

static void assert_type(const char *name, const char *type)
{
	assert_mime(mime_find(at_the_guard(bytes_string(name)), NULL, 0), name, type, false);
}

static void assert_text(const char *name, const char *type)
{
	assert_mime(mime_find(at_the_guard(bytes_string(name)), NULL, 0), name, type, true);
}

static void the_files_of_a_page_have_their_types(void **state)
{
	(void)state;
	assert_text("index.html", "text/html");
	assert_text("style.css", "text/css");
	assert_text("app.js", "text/javascript");
	assert_text("app.mjs", "text/javascript");
	assert_type("data.json", "application/json");
	assert_type("app.js.map", "application/json");
	assert_type("site.webmanifest", "application/manifest+json");
	assert_type("module.wasm", "application/wasm");
	assert_type("logo.svg", "image/svg+xml");
	assert_type("photo.avif", "image/avif");
	assert_type("photo.webp", "image/webp");
	assert_type("font.woff2", "font/woff2");
	assert_text("robots.txt", "text/plain");
	assert_type("film.mp4", "video/mp4");
	assert_type("segment.ts", "video/mp2t");
	assert_type("paper.pdf", "application/pdf");
	assert_type("page.html.gz", "application/gzip");
	assert_type("page.html.zst", "application/zstd");
	assert_type("page.html.br", UNKNOWN);
}

/* None of these is a row of mime.def. */
static void what_the_system_knows_is_known(void **state)
{
	(void)state;
	assert_type("book.epub", "application/epub+zip");
	assert_type("letter.doc", "application/msword");
	assert_type("letter.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document");
	assert_type("letter.odt", "application/vnd.oasis.opendocument.text");
	assert_type("applet.jar", "application/java-archive");
	assert_type("file.tar", "application/x-tar");
	assert_type("scan.tiff", "image/tiff");
	assert_text("table.tsv", "text/tab-separated-values");
}

static void the_table_is_sorted_and_within_its_limits(void **state)
{
	(void)state;
	assert_true(mime_row_count >= COUNT(additions));
	for (size_t i = 0; i < mime_row_count; i++) {
		struct bytes extension = mime_rows[i].extension, type = mime_rows[i].mime.type;

		assert_in_range(extension.size, 1, MIME_EXTENSION_SIZE_MAX);
		assert_in_range(type.size, 3, MIME_TYPE_SIZE_MAX);
		assert_int_equal(
			strspn((const char *)extension.base, "abcdefghijklmnopqrstuvwxyz0123456789.+_-"),
			extension.size);
		assert_non_null(memchr(type.base + 1, '/', type.size - 2));
		assert_null(memchr(type.base, ';', type.size));
		if (i > 0)
			assert_true(strcmp((const char *)mime_rows[i - 1].extension.base,
					   (const char *)extension.base) < 0);
	}
}

static void every_row_is_found_in_any_case(void **state)
{
	(void)state;
	for (size_t i = 0; i < mime_row_count; i++) {
		const char *extension = (const char *)mime_rows[i].extension.base;
		const char *type = (const char *)mime_rows[i].mime.type.base;
		char lower[64], upper[64];

		snprintf(lower, sizeof(lower), "name.%s", extension);
		snprintf(upper, sizeof(upper), "NAME.%s", extension);
		for (char *at = upper; *at != '\0'; at++)
			*at = (char)toupper((unsigned char)*at);
		assert_mime(mime_find(at_the_guard(bytes_string(lower)), NULL, 0), lower, type,
			    mime_rows[i].mime.is_text);
		assert_mime(mime_find(at_the_guard(bytes_string(upper)), NULL, 0), upper, type,
			    mime_rows[i].mime.is_text);
	}
}

static void every_addition_wins_over_the_list(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(additions); i++) {
		char name[64];

		snprintf(name, sizeof(name), "name.%s", additions[i].extension);
		assert_mime(mime_find(at_the_guard(bytes_string(name)), NULL, 0), name, additions[i].type,
			    additions[i].text);
	}
}

static bool is_marked_as_text(struct bytes extension)
{
	for (size_t i = 0; i < COUNT(additions); i++)
		if (bytes_equal(extension, bytes_string(additions[i].extension)))
			return additions[i].text;
	return false;
}

/* Types are compared in any case, as the list writes text/SGML. MIME_TEXT may mark others. */
static void text_takes_a_charset_and_xml_does_not(void **state)
{
	(void)state;
	for (size_t i = 0; i < mime_row_count; i++) {
		struct mime mime = mime_rows[i].mime;
		const char *type = (const char *)mime.type.base;
		bool xml = strncasecmp(type, "text/xml", 8) == 0 || strcasestr(type, "+xml") != NULL;
		bool text = strncasecmp(type, "text/", 5) == 0 && !xml;
		struct mime_override same = { BYTES("same"), mime.type };

		if (mime.is_text != (text || is_marked_as_text(mime_rows[i].extension)))
			fail_msg("%s: %s", (const char *)mime_rows[i].extension.base, type);
		assert_mime(mime_find(BYTES("a.same"), &same, 1), "a.same", type, text);
	}
}

static void the_longest_extension_with_a_row_wins(void **state)
{
	(void)state;
	assert_type("archive.tar.gz", "application/gzip");
	assert_type("index.html.br", UNKNOWN);
	assert_text("index.d.ts", "text/plain");
	assert_text("INDEX.D.TS", "text/plain");
	assert_type("index.x.ts", "video/mp2t");
	assert_type("indexd.ts", "video/mp2t");
	assert_type("d.ts", "video/mp2t");
	assert_type("a.html.unknown", UNKNOWN);
	assert_type("v1.2.3.zip", "application/zip");
}

static void a_name_without_a_known_extension_is_a_stream_of_bytes(void **state)
{
	static const char *const names[] = {
		"",         "a",        "html",     "a.",     "a..",           ".",
		"..",       ".html",    ".d.tsx2",  "README", "a.nosuchthing", "a.htmlx",
		"a.xhtml2", "a.html.",  "a.html ",  "a.ht~",  "ahtml",         "a.webmanifestx",
		"a.\xff",   "a.js\x01", "a.h\xd4ml"
	};

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++)
		assert_type(names[i], UNKNOWN);
}

static void only_the_last_segment_of_a_path_counts(void **state)
{
	(void)state;
	assert_text("/a/b.css/c.html", "text/html");
	assert_type("/a.html/b", UNKNOWN);
	assert_type("/a.html/", UNKNOWN);
	assert_type("/a.d/ts", UNKNOWN);
	assert_type("/a/.html", UNKNOWN);
	assert_text("/a/.profile.html", "text/html");
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
	assert_text(name, "text/html");
	memcpy(name + sizeof(name) - 5, "htmx", 5);
	assert_type(name, UNKNOWN);
}

static void an_override_wins_over_the_table_where_it_is_as_long_or_longer(void **state)
{
	static const struct {
		const char *name, *type;
		bool text;
	} cases[] = {
		{ "a.html", "application/x-page", false },
		{ "A.HTML", "application/x-page", false },
		{ "a.tar.gz", "application/x-tar-gz", false },
		{ "a.gz", "application/gzip", false },
		{ "a.d.ts", "text/plain", true }, /* the table's, which is longer than "ts" */
		{ "a.ts", "text/typescript", true },
		{ "a.new", "x/new", false },
		{ "a.new.css", "text/css", true },
		{ ".html", UNKNOWN, false },
		{ "html", UNKNOWN, false },
		{ "a.xhtml", "application/xhtml+xml", false },
		{ "dir.html/a", UNKNOWN, false },
		{ "a.first", "x/first", false },
		{ "a.deep", "x/deep", false },
		{ "a.very.deep", "x/very-deep", false },
		{ "a.", UNKNOWN, false },
		{ "a.an-extension.longer.than.every.row.of.the.table", "x/long", false },
		{ "an-extension.longer.than.every.row.of.the.table", UNKNOWN, false },
		{ "a.longer.than.every.row.of.the.table", UNKNOWN, false },
		{ "", UNKNOWN, false },
	};
	const struct mime_override overrides[] = {
		{ BYTES("html"), BYTES("application/x-page") },
		{ BYTES("tar.gz"), BYTES("application/x-tar-gz") },
		{ BYTES("TS"), BYTES("text/typescript") },
		{ BYTES("New"), BYTES("x/new") },
		{ BYTES("first"), BYTES("x/first") },
		{ BYTES("FIRST"), BYTES("x/second") },
		{ BYTES("deep"), BYTES("x/deep") },
		{ BYTES("very.deep"), BYTES("x/very-deep") },
		{ BYTES(""), BYTES("x/empty") },
		{ BYTES("an-extension.longer.than.every.row.of.the.table"), BYTES("x/long") },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_mime(mime_find(at_the_guard(bytes_string(cases[i].name)), overrides, COUNT(overrides)),
			    cases[i].name, cases[i].type, cases[i].text);
}

static void an_override_is_text_unless_it_says_how_it_is_encoded(void **state)
{
	static const struct {
		const char *type;
		bool text;
	} cases[] = {
		{ "text/plain", true },
		{ "Text/Plain", true },
		{ "text/plain; charset=iso-8859-1", false },
		{ "text/plain;format=flowed", false },
		{ "text/xml", false },
		{ "TEXT/XML", false },
		{ "text/xml-external-parsed-entity", false },
		{ "text/x+xml", false },
		{ "text/x+json", false },
		{ "text/x+json+x", true },
		{ "application/json", false },
		{ "application/javascript", false },
		{ "image/svg+xml", false },
		{ "context/plain", false },
		{ "text", false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct mime_override override = { BYTES("html"), at_the_guard(bytes_string(cases[i].type)) };

		assert_mime(mime_find(BYTES("a.html"), &override, 1), cases[i].type, cases[i].type,
			    cases[i].text);
	}
}

/* What mime_find() promises, in the slowest way: every extension is tried, the longest is kept. */
static struct mime model_find(const char *name, const struct mime_override *overrides, size_t override_count)
{
	const char *segment = strrchr(name, '/') != NULL ? strrchr(name, '/') + 1 : name;
	struct mime found = { BYTES(UNKNOWN), false };
	size_t found_size = 0, size = strlen(segment);

	for (size_t i = 0; i < override_count + mime_row_count; i++) {
		bool row = i >= override_count;
		struct bytes extension =
			row ? mime_rows[i - override_count].extension : overrides[i].extension;
		const char *end = segment + size - extension.size;

		if (extension.size <= found_size || size < extension.size + 2 || end[-1] != '.' ||
		    strncasecmp(end, (const char *)extension.base, extension.size) != 0)
			continue;
		found_size = extension.size;
		if (row)
			found = mime_rows[i - override_count].mime;
		else
			found = (struct mime){ overrides[i].type,
					       strncmp((const char *)overrides[i].type.base, "text/", 5) ==
						       0 };
	}
	return found;
}

/* A few pieces put together: extensions that are known, parts of them, dots, slashes, odd bytes. */
static void make_name(char *name, unsigned *seed)
{
	static const char *const pieces[] = { ".",    "..",  "/",  "d",    "ts",    "x",
					      "HTML", "tar", "gz", "\xff", ".d.ts", "~" };
	size_t size = 0;

	for (int left = rand_r(seed) % 7; left > 0; left--) {
		const char *piece = pieces[(size_t)rand_r(seed) % COUNT(pieces)];

		if (rand_r(seed) % 2 == 0)
			piece = (const char *)mime_rows[(size_t)rand_r(seed) % mime_row_count].extension.base;
		size += (size_t)sprintf(name + size, "%s%s", rand_r(seed) % 3 != 0 ? "." : "", piece);
	}
	name[size] = '\0';
	if (size > 0 && rand_r(seed) % 4 == 0)
		name[(size_t)rand_r(seed) % size] = (char)(1 + rand_r(seed) % 255);
}

static void any_name_is_looked_up_as_the_model_does(void **state)
{
	const struct mime_override overrides[] = {
		{ BYTES("html"), BYTES("x/html") },   { BYTES("x.ts"), BYTES("text/x-ts") },
		{ BYTES("x"), BYTES("x/x") },         { BYTES("tar.gz"), BYTES("x/tgz") },
		{ BYTES("\xff"), BYTES("text/odd") }, { BYTES("X"), BYTES("x/never") },
	};
	unsigned seed = 1;
	char name[512];

	(void)state;
	for (int i = 0; i < 4000; i++) {
		size_t count = i % 2 == 0 ? COUNT(overrides) : 0;
		struct mime expected;

		make_name(name, &seed);
		expected = model_find(name, overrides, count);
		assert_mime(mime_find(at_the_guard(bytes_string(name)), overrides, count), name,
			    (const char *)expected.type.base, expected.is_text);
	}
}

static void only_what_is_not_packed_is_worth_compressing(void **state)
{
	static const char *const open[] = {
		"text/html",
		"text/plain; charset=utf-8",
		"TEXT/CSS",
		"application/json",
		"application/wasm",
		"application/ld+json",
		"application/xhtml+xml",
		"image/svg+xml",
		"application/xml",
		"application/javascript",
		"font/ttf",
		"font/otf",
		"image/x-icon",
		"image/vnd.microsoft.icon",
		"image/bmp",
		"Application/JSON ;a=b",
		"image/SVG+XML;a",
		"application/manifest+json",
		"text/",
	};
	static const char *const packed[] = {
		"",           "font/woff2",         "font/woff",   "image/png",
		"image/jpeg", "image/avif",         "video/mp4",   "application/zip",
		"audio/ogg",  "application/gzip",   UNKNOWN,       "application/pdf",
		"json",       "application/json2",  "textual/x",   "image/svg+xml2",
		"text",       "model/vnd.usdz+zip", "; text/html", "application/epub+zip",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(open); i++)
		if (!mime_is_compressible(at_the_guard(bytes_string(open[i]))))
			fail_msg("%s", open[i]);
	for (size_t i = 0; i < COUNT(packed); i++)
		if (mime_is_compressible(at_the_guard(bytes_string(packed[i]))))
			fail_msg("%s", packed[i]);
	assert_false(mime_is_compressible(bytes_make(NULL, 0)));
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_files_of_a_page_have_their_types),
		cmocka_unit_test(what_the_system_knows_is_known),
		cmocka_unit_test(the_table_is_sorted_and_within_its_limits),
		cmocka_unit_test(every_row_is_found_in_any_case),
		cmocka_unit_test(every_addition_wins_over_the_list),
		cmocka_unit_test(text_takes_a_charset_and_xml_does_not),
		cmocka_unit_test(the_longest_extension_with_a_row_wins),
		cmocka_unit_test(a_name_without_a_known_extension_is_a_stream_of_bytes),
		cmocka_unit_test(only_the_last_segment_of_a_path_counts),
		cmocka_unit_test(a_long_name_full_of_dots_is_looked_at_like_any_other),
		cmocka_unit_test(an_override_wins_over_the_table_where_it_is_as_long_or_longer),
		cmocka_unit_test(an_override_is_text_unless_it_says_how_it_is_encoded),
		cmocka_unit_test(any_name_is_looked_up_as_the_model_does),
		cmocka_unit_test(only_what_is_not_packed_is_worth_compressing),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
