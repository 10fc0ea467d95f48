/* SPDX-License-Identifier: MIT */
/*
 * site/escape: whatever bytes come in, what comes out is UTF-8 and stays inside of its quotes, and a
 * reference leads back to the very bytes it was made of.
 *
 * Parts that are handed in end at a page without access. The model of UTF-8 here encodes: it knows
 * which code points there are, and so needs none of the decoder's cases.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "guard.h"
#include "utf8_model.h"
#include "http/target.h"
#include "site/escape.h"

#define ROOM 4096
#define FFFD "\xef\xbf\xbd"

typedef void escape_function(struct text *out, struct bytes part);

static uint8_t *part_end; /* the end of a guarded region */
static struct text out;

static int set_up(void **state)
{
	static const uint8_t zeros[ROOM];

	(void)state;
	part_end = guard_copy(zeros, ROOM) + ROOM;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	text_deinit(&out);
	guard_release(part_end - ROOM, ROOM);
	return 0;
}

static struct bytes escaped(escape_function *escape, const void *part, size_t size)
{
	assert_true(size <= ROOM);
	memcpy(part_end - size, part, size);
	text_clear(&out);
	escape(&out, bytes_make(part_end - size, size));
	assert_false(out.failed);
	return text_bytes(&out);
}

static void assert_escaped(escape_function *escape, const char *part, const char *expected)
{
	struct bytes found = escaped(escape, part, strlen(part));

	if (!bytes_equal(found, bytes_string(expected)))
		fail_msg("%s: \"%.*s\", not \"%s\"", part, (int)found.size, (const char *)found.base,
			 expected);
}

static uint32_t next_random(void)
{
	static uint32_t seed = 1;

	seed = seed * 1664525 + 1013904223;
	return seed >> 8;
}

/* Mostly bytes that mean something to somebody. */
static size_t random_part(uint8_t *part, size_t size_max)
{
	static const uint8_t odd[] =
		"<>&\"'\\/:%#?\n\r\x01\x7f\x80\xbf\xc2\xe2\x80\xae\xed\xa0\xf0\x9f\xf4\xff";
	size_t size = 1 + next_random() % size_max;

	for (size_t i = 0; i < size; i++)
		part[i] = next_random() % 3 ? odd[next_random() % (sizeof(odd) - 1)]
					    : (uint8_t)(1 + next_random() % 255);
	return size;
}

static void what_is_markup_in_html_is_written_as_a_reference(void **state)
{
	(void)state;
	assert_escaped(escape_html, "", "");
	assert_escaped(escape_html, "plain-name_1.txt", "plain-name_1.txt");
	assert_escaped(escape_html, "<script>alert(1)", "&lt;script&gt;alert(1)");
	assert_escaped(escape_html, "\"a\" 'b' & c", "&quot;a&quot; &#39;b&#39; &amp; c");
	assert_escaped(escape_html, "&amp;", "&amp;amp;");
	assert_escaped(escape_html, "na\xc3\xafve \xf0\x9f\x98\x80", "na\xc3\xafve \xf0\x9f\x98\x80");
}

/* Unicode 3.9, tables 3-8 to 3-11, and sequences that end too soon. */
static void every_longest_beginning_of_a_bad_sequence_is_one_replacement(void **state)
{
	static const char *const rows[][2] = {
		{ "\xff", FFFD },
		{ "a\x80z", "a" FFFD "z" },
		{ "\xc0\xaf", FFFD FFFD },
		{ "\xe0\x80\xbf", FFFD FFFD FFFD },
		{ "\xf0\x81\x82\x41", FFFD FFFD FFFD "A" },
		{ "\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41", FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD "A" },
		{ "\xf4\x91\x92\x93\xff\x41\x80\xbf\x42", FFFD FFFD FFFD FFFD FFFD "A" FFFD FFFD "B" },
		{ "\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41", FFFD FFFD FFFD FFFD "A" },
		{ "a\xc3", "a" FFFD },
		{ "a\xe2\x82", "a" FFFD },
		{ "a\xf0\x9f\x98", "a" FFFD },
		{ FFFD, FFFD },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_escaped(escape_html, rows[i][0], rows[i][1]);
		assert_escaped(escape_json, rows[i][0], rows[i][1]);
	}
}

/* Or a name could take away the quote that ends it. */
static void a_bad_sequence_never_swallows_the_byte_behind_it(void **state)
{
	(void)state;
	for (unsigned first = 0x80; first <= 0xff; first++)
		for (size_t count = 0; count < 3; count++) { /* of continuation bytes: too few or too many */
			uint8_t part[] = { (uint8_t)first, 0x90, 0x90, 0x90 };
			struct bytes found;

			part[1 + count] = '"';
			found = escaped(escape_html, part, count + 2);
			assert_true(found.size > 6);
			assert_memory_equal(found.base + found.size - 6, "&quot;", 6);
		}
}

/* What may not be shown, as ranges; the last two code points of every plane besides. */
static bool is_hidden(uint32_t point)
{
	static const uint32_t ranges[][2] = { { 0x00, 0x1f },     { 0x7f, 0x9f },     { 0x2028, 0x202e },
					      { 0x2066, 0x2069 }, { 0xfdd0, 0xfdef }, { 0xfffd, 0xfffd } };

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (point >= ranges[i][0] && point <= ranges[i][1])
			return true;
	return point % 0x10000 >= 0xfffe;
}

static void controls_separators_and_overrides_are_not_shown_and_all_else_is(void **state)
{
	(void)state;
	for (uint32_t point = 1; point <= 0x10ffff; point++) {
		uint8_t bytes[4];
		size_t size = utf8_model_encode(point, bytes);
		struct bytes found, expected = bytes_make(bytes, size);

		if (utf8_model_is_surrogate(point) || (point < 0x80 && strchr("<>&\"'", (int)point)))
			continue;
		if (is_hidden(point))
			expected = BYTES(FFFD);
		found = escaped(escape_html, bytes, size);
		if (!bytes_equal(found, expected))
			fail_msg("U+%04X", (unsigned)point);
	}
	assert_escaped(escape_html, "photo_\xe2\x80\xaegpj.exe", "photo_" FFFD "gpj.exe");
	assert_escaped(escape_html, "a\nb\x1b[2J", "a" FFFD "b" FFFD "[2J");
}

static void json_keeps_every_character_and_escapes_what_it_must(void **state)
{
	(void)state;
	assert_escaped(escape_json, "\"\\/", "\\\"\\\\/");
	assert_escaped(escape_json, "a\nb\tc\x01\x1f\x7f", "a\\u000ab\\u0009c\\u0001\\u001f\x7f");
	assert_escaped(escape_json, "<a>&'\xe2\x80\xae.txt", "<a>&'\xe2\x80\xae.txt");
}

static void a_reference_with_a_colon_does_not_look_like_a_scheme(void **state)
{
	(void)state;
	assert_escaped(escape_href, "a.txt", "a.txt");
	assert_escaped(escape_href, "a:b", "./a:b");
	assert_escaped(escape_href, "javascript:alert(1)", "./javascript:alert(1)");
	assert_escaped(escape_href_html, "javascript:alert(1)", "./javascript:alert(1)");
	assert_escaped(escape_href, "a?b#c d%20\\", "a%3Fb%23c%20d%2520%5C");
	assert_escaped(escape_href, "\xff\n\"<>", "%FF%0A%22%3C%3E");
}

static void a_reference_in_html_has_no_bare_ampersand_or_quote(void **state)
{
	(void)state;
	assert_escaped(escape_href, "a&copy='1'", "a&copy='1'");
	assert_escaped(escape_href_html, "a&copy='1'", "a&amp;copy=&#39;1&#39;");
	assert_escaped(escape_href_html, "\"><script>", "%22%3E%3Cscript%3E");
}

/* Followed from the folder's page, it names the same bytes to the server. */
static void assert_leads_back(const uint8_t *name, size_t size)
{
	struct bytes href = escaped(escape_href, name, size);
	uint8_t raw[3 + 3 * ROOM], scratch[3 + 3 * ROOM];
	struct target target;

	memcpy(raw, "/d/", 3);
	memcpy(raw + 3, href.base, href.size);
	assert_int_equal(target_parse(bytes_make(raw, 3 + href.size), METHOD_GET, scratch, &target),
			 TARGET_OK);
	assert_int_equal(target.query.size, 0);
	assert_int_equal(target.path.size, 3 + size);
	assert_memory_equal(target.path.base, "/d/", 3);
	assert_memory_equal(target.path.base + 3, name, size);
}

static void a_reference_leads_back_to_the_bytes_of_the_name(void **state)
{
	(void)state;
	for (unsigned first = 1; first <= 0xff; first++)
		for (unsigned second = 1; second <= 0xff; second++) {
			const uint8_t name[] = { (uint8_t)first, (uint8_t)second };

			if (first != '/' && second != '/' && (first != '.' || second != '.'))
				assert_leads_back(name, 2);
		}
}

static void assert_has_none_of(struct bytes text, const char *bytes)
{
	for (const char *at = bytes; *at; at++)
		if (memchr(text.base, *at, text.size))
			fail_msg("\"%.*s\" has a %02x", (int)text.size, (const char *)text.base,
				 (unsigned)*at);
}

static void random_bytes_come_out_as_utf_8_that_stays_in_its_quotes(void **state)
{
	(void)state;
	for (int round = 0; round < 20000; round++) {
		uint8_t part[40];
		size_t size = random_part(part, sizeof(part));
		struct bytes found = escaped(escape_html, part, size);

		assert_true(utf8_model_holds(found));
		assert_has_none_of(found, "<>\"'\n\r\x01\x7f");
		found = escaped(escape_json, part, size);
		assert_true(utf8_model_holds(found));
		assert_has_none_of(found, "\n\r\x01");
		found = escaped(escape_href_html, part, size);
		assert_true(utf8_model_holds(found));
		assert_has_none_of(found, "<>\"'\\ \n\r\x01\x7f\x80\xff");
	}
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_markup_in_html_is_written_as_a_reference),
		cmocka_unit_test(every_longest_beginning_of_a_bad_sequence_is_one_replacement),
		cmocka_unit_test(a_bad_sequence_never_swallows_the_byte_behind_it),
		cmocka_unit_test(controls_separators_and_overrides_are_not_shown_and_all_else_is),
		cmocka_unit_test(json_keeps_every_character_and_escapes_what_it_must),
		cmocka_unit_test(a_reference_with_a_colon_does_not_look_like_a_scheme),
		cmocka_unit_test(a_reference_in_html_has_no_bare_ampersand_or_quote),
		cmocka_unit_test(a_reference_leads_back_to_the_bytes_of_the_name),
		cmocka_unit_test(random_bytes_come_out_as_utf_8_that_stays_in_its_quotes),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
