/* SPDX-License-Identifier: MIT */
/*
 * site/names: where the ending of a name begins, and what translations, coded files and compressed
 * variants are called.
 *
 * Names end at a page without access.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "guard.h"
#include "site/names.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static size_t ending_at(const char *name)
{
	uint8_t *copy = guard_copy(name, strlen(name));
	size_t at = names_ending_at(bytes_make(copy, strlen(name)));

	guard_release(copy, strlen(name));
	return at;
}

/* The last dot of the last segment, unless the segment starts with it: that hides a file. */
static void an_ending_begins_at_the_last_dot_of_the_last_segment(void **state)
{
	static const struct {
		const char *name, *ending;
	} rows[] = {
		{ "", "" },
		{ "a", "" },
		{ "a.html", ".html" },
		{ "a/b.html", ".html" },
		{ "a.d/b", "" },
		{ "a.d/b.c", ".c" },
		{ "archive.tar.gz", ".gz" },
		{ ".htaccess", "" },
		{ "a/.htaccess", "" },
		{ ".well-known/a", "" },
		{ ".a.b", ".b" },
		{ "..", "." },
		{ "a.", "." },
		{ "a/.", "" },
		{ ".", "" },
		{ "/", "" },
		{ "a.b/", "" },
		{ "\xff.\xff", ".\xff" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t expected = strlen(rows[i].name) - strlen(rows[i].ending);

		if (ending_at(rows[i].name) != expected)
			fail_msg("%s: %zu, not %zu", rows[i].name, ending_at(rows[i].name), expected);
	}
	assert_int_equal(names_ending_at(bytes_make(NULL, 0)), 0);
}

/* Asked for by its own name, a coded file is a file like others: no app.js.br.gz is looked for. */
static void a_coded_file_is_told_by_its_ending(void **state)
{
	static const char *const coded[] = {
		"app.js.br", "app.js.zst", "app.js.gz", "a.br", "a/b.gz", "a/.br"
	};
	static const char *const plain[] = { "",    "app.js", ".br",         ".gz",   ".zst",
					     "br",  "abr",    "app.brx",     "a.BR",  "a.b",
					     "a.r", "a.gz/b", "app.js.zstd", "a.gzip" };

	(void)state;
	for (size_t i = 0; i < COUNT(coded) + COUNT(plain); i++) {
		bool is_coded = i < COUNT(coded);
		const char *name = is_coded ? coded[i] : plain[i - COUNT(coded)];
		uint8_t *copy = guard_copy(name, strlen(name));

		if (names_are_coded(bytes_make(copy, strlen(name))) != is_coded)
			fail_msg("%s", name);
		guard_release(copy, strlen(name));
	}
}

static void assert_translated(const char *before, const char *name, const char *language, bool inside,
			      const char *expected)
{
	struct text text = TEXT_EMPTY;

	text_add(&text, bytes_string(before));
	text_add(&text, bytes_string(name));
	names_translate(&text, strlen(before), bytes_string(language), inside);
	assert_string_equal(text_string(&text) + strlen(before), expected);
	assert_int_equal(text.size, strlen(before) + strlen(expected));
	assert_memory_equal(text.base, before, strlen(before));
	text_deinit(&text);
}

/* In front of the ending or behind it; what stands before the name is not touched, whatever dots it has. */
static void a_translation_has_its_language_inside_or_behind(void **state)
{
	static const char *const befores[] = { "", "/", "a.b/", "x.html" };

	(void)state;
	for (size_t i = 0; i < COUNT(befores); i++) {
		assert_translated(befores[i], "page.html", "fr", true, "page.fr.html");
		assert_translated(befores[i], "page.html", "fr", false, "page.html.fr");
		assert_translated(befores[i], "a/page.html", "de-CH", true, "a/page.de-CH.html");
		assert_translated(befores[i], "a.b/page", "fr", true, "a.b/page.fr");
		assert_translated(befores[i], "a.b/page", "fr", false, "a.b/page.fr");
		assert_translated(befores[i], "a.tar.gz", "en", true, "a.tar.en.gz");
		assert_translated(befores[i], ".hidden", "en", true, ".hidden.en");
		assert_translated(befores[i], "a.", "en", true, "a.en.");
	}
}

/* A file name has 255 bytes at most; a path that no file has is not cut either. */
static void an_ending_of_any_length_is_kept(void **state)
{
	char name[600], expected[600];

	(void)state;
	for (size_t size = 1; size < 500; size++) {
		bool fits = size <= 256;

		memset(name, 'x', size + 1);
		name[0] = 'a';
		name[1] = '.';
		name[size + 1] = 0;
		strcpy(expected, fits ? "a.fr." : "a.");
		strcat(expected, name + 2);
		if (!fits)
			strcat(expected, ".fr");
		assert_translated("", name, "fr", true, expected);
	}
}

/* Whoever asks for the name finds that out by the text. */
static void a_name_that_is_not_whole_is_left_alone(void **state)
{
	struct text text = TEXT_EMPTY;

	(void)state;
	text_add(&text, BYTES("page.ht"));
	text.failed = true;
	names_translate(&text, 0, BYTES("fr"), true);
	assert_string_equal(text_string(&text), "page.ht");
	assert_int_equal(text.size, 7);
	text_deinit(&text);
}

static void assert_made(const struct version *version, enum coding coding, char *out)
{
	struct text text = TEXT_EMPTY;

	text_add(&text, BYTES("x"));
	names_write_made(version, coding, &text);
	assert_true(text.size < 64 && !memchr(text.base, '/', text.size));
	assert_int_equal(text.base[0], 'x');
	strcpy(out, text_string(&text) + 1);
	text_deinit(&text);
}

/* Another version is another name: what was made of the file before cannot be taken for it. */
static void a_compressed_variant_is_named_by_version_and_coding(void **state)
{
	static const struct version versions[] = {
		{ 1, 1, 1, 1, 1 }, { 2, 1, 1, 1, 1 }, { 1, 2, 1, 1, 1 },
		{ 1, 1, 2, 1, 1 }, { 1, 1, 1, 2, 1 }, { 1, 1, 1, 1, 2 },
	};
	char names[COUNT(versions)][64], again[64];

	(void)state;
	for (size_t i = 0; i < COUNT(versions); i++) {
		assert_made(&versions[i], CODING_BR, names[i]);
		assert_int_equal(strlen(names[i]), 32 + 3);
		assert_int_equal(strspn(names[i], "0123456789abcdef"), 32);
		assert_string_equal(names[i] + 32, ".br");
		assert_made(&versions[i], CODING_BR, again);
		assert_string_equal(again, names[i]);
		assert_made(&versions[i], CODING_ZSTD, again);
		assert_memory_equal(again, names[i], 32);
		assert_string_equal(again + 32, ".zst");
		assert_made(&versions[i], CODING_GZIP, again);
		assert_string_equal(again + 32, ".gz");
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(names[i], names[k]);
	}
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_ending_begins_at_the_last_dot_of_the_last_segment),
		cmocka_unit_test(a_coded_file_is_told_by_its_ending),
		cmocka_unit_test(a_translation_has_its_language_inside_or_behind),
		cmocka_unit_test(an_ending_of_any_length_is_kept),
		cmocka_unit_test(a_name_that_is_not_whole_is_left_alone),
		cmocka_unit_test(a_compressed_variant_is_named_by_version_and_coding),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
