/* SPDX-License-Identifier: MIT */
/*
 * http/accept: what suits the client, by what real ones send, examples of the RFCs, and garbage.
 *
 * Every value lies in front of a page without access. Where many values have the same outcome
 * they are written as one string with "|" between them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "guard.h"
#include "http/accept.h"

#define ROOM 8192

/* A copy that ends at a page without access. The next call writes over it. */
static struct bytes guarded(struct bytes value)
{
	static const uint8_t zeros[ROOM];
	static uint8_t *end;

	if (end == NULL)
		end = guard_copy(zeros, ROOM) + ROOM;
	assert_true(value.size <= ROOM);
	if (value.size > 0)
		memcpy(end - value.size, value.base, value.size);
	return bytes_make(end - value.size, value.size);
}

/* Take the first of what `separator` separates. False behind the last one. */
static bool next(const char **items, const char *separator, struct bytes *ret_item)
{
	size_t size = strcspn(*items, separator);

	if (**items == '\0')
		return false;
	*ret_item = bytes_make(*items, size);
	*items += size + ((*items)[size] != '\0');
	return true;
}

static void assert_codings(const char *values, int br, int zstd, int gzip, int identity)
{
	const int expected[] = { identity, br, zstd, gzip }; /* as in enum coding */
	struct accept_codings codings;
	struct bytes item;

	while (next(&values, "|", &item)) {
		accept_parse_codings(guarded(item), &codings);
		for (int i = 0; i < CODING_COUNT; i++)
			if (codings.weight[i] != expected[i])
				fail_msg("%.*s: %d %d", (int)item.size, item.base, i, codings.weight[i]);
	}
}

/* Codings by their first letter, '-' for none; `available` in the server's order of preference. */
static void assert_choice(const char *values, const char *available, char expected)
{
	static const char letters[] = "ibzg-"; /* as in enum coding */
	enum coding preference[CODING_COUNT];
	struct accept_codings codings;
	unsigned count = 0;
	struct bytes item;

	for (; available[count] != '\0'; count++)
		preference[count] = (enum coding)(strchr(letters, available[count]) - letters);
	while (next(&values, "|", &item)) {
		char chosen;

		accept_parse_codings(guarded(item), &codings);
		chosen = letters[accept_choose_coding(&codings, preference, count)];
		if (chosen != expected)
			fail_msg("%.*s of %s: %c", (int)item.size, item.base, available, chosen);
	}
}

/* `tags`: with spaces between them. `expected`: one of them, "" for none. */
static void assert_language(const char *values, const char *tags, const char *expected)
{
	struct bytes available[8];
	unsigned count = 0;
	struct bytes item;

	while (next(&tags, " ", &available[count]))
		assert_true(++count < sizeof(available) / sizeof(available[0]));
	while (next(&values, "|", &item)) {
		int index = accept_choose_language(guarded(item), available, count);
		struct bytes chosen = index < 0 ? BYTES("") : available[index];

		if (!bytes_equal(chosen, bytes_string(expected)))
			fail_msg("%.*s: not %s, %d", (int)item.size, item.base, expected, index);
	}
}

static void assert_media(const char *values, const char *type, int expected)
{
	struct bytes item;

	while (next(&values, "|", &item)) {
		int weight = accept_media_weight(guarded(item), bytes_string(type));

		if (weight != expected)
			fail_msg("%.*s: %s %d, not %d", (int)item.size, item.base, type, weight, expected);
	}
}

/* Each of `items` between the two. */
static void assert_digest(const char *before, const char *items, const char *after, bool expected)
{
	struct bytes item;

	while (next(&items, "|", &item)) {
		char value[96];

		snprintf(value, sizeof(value), "%s%.*s%s", before, (int)item.size, item.base, after);
		if (accept_wants_sha256(guarded(bytes_string(value))) != expected)
			fail_msg("%s: not %d", value, expected);
	}
}

#define CHROME "gzip, deflate, br, zstd" /* and Firefox */
#define SAFARI "gzip, deflate, br"
#define CURL "deflate, gzip, br, zstd"
#define RUBY "gzip;q=1.0,deflate;q=0.6,identity;q=0.3"

static void what_real_clients_list_is_what_they_get(void **state)
{
	(void)state;
	assert_codings(CHROME "|" CURL, 1000, 1000, 1000, 1);
	assert_codings(SAFARI, 1000, 0, 1000, 1);
	assert_codings(RUBY, 0, 0, 1000, 300);
	assert_codings("compress, gzip|compress;q=0.5, gzip;q=1.0", 0, 0, 1000, 1); /* RFC 9110 12.5.3 */
	assert_choice(CHROME "|" CURL "|" SAFARI, "bzgi", 'b');
	assert_choice(SAFARI "|" RUBY, "zgi", 'g');
	assert_choice(SAFARI "|" RUBY, "i", 'i');
}

static void without_codings_there_is_identity_only(void **state)
{
	struct accept_codings codings = { .weight = { 1, 2, 3, 4 } };

	(void)state;
	accept_init_codings(&codings);
	for (int i = 0; i < CODING_COUNT; i++)
		assert_int_equal(codings.weight[i], i == CODING_IDENTITY ? ACCEPT_WEIGHT_MAX : 0);
	accept_parse_codings(bytes_make(NULL, 0), &codings);
	for (int i = 0; i < CODING_COUNT; i++)
		assert_int_equal(codings.weight[i], i == CODING_IDENTITY);
	assert_codings(" \t|,, ,|\t,|,", 0, 0, 0, 1);
}

static void identity_goes_behind_everything_listed_unless_listed_itself(void **state)
{
	(void)state;
	assert_choice("gzip;q=0.001|gzip;q=0.5, identity;q=0.4|identity, gzip", "bzgi", 'g');
	assert_choice("gzip;q=0.5, identity|gzip;q=0, deflate|deflate|gzip;q=0, *;q=0, identity", "bzgi",
		      'i');
}

static void a_star_stands_for_every_coding_that_is_not_listed(void **state)
{
	(void)state;
	assert_codings("br;q=0.5, *;q=0.8", 500, 800, 800, 800);
	assert_codings("*;q=0.3, br", 1000, 300, 300, 300);
	assert_codings("gzip, *;q=0", 0, 0, 1000, 0);
	assert_codings("gzip;q=1.0, identity; q=0.5, *;q=0", 0, 0, 1000, 500); /* RFC 9110 12.5.3 */
	assert_codings("*;q=0, identity;q=0.1", 0, 0, 0, 100);
	assert_codings("br;q=0, *", 0, 1000, 1000, 1000);
}

static void no_coding_is_chosen_when_none_is_acceptable(void **state)
{
	(void)state;
	assert_choice("*;q=0|identity;q=0|identity;q=0, deflate", "bzgi", '-');
	assert_choice("br", "g", '-');
	assert_choice("br", "", '-');
}

static void the_highest_weight_wins_and_the_servers_order_breaks_ties(void **state)
{
	(void)state;
	assert_choice("gzip;q=0.9, br;q=0.8, zstd;q=0.85", "bzgi", 'g');
	assert_choice("gzip, zstd|zstd;q=0.2, gzip;q=0.2", "bzgi", 'z');
	assert_choice("*|identity, br, gzip|*;q=0.1", "bzgi", 'b');
	assert_choice("*|identity, br, gzip|*;q=0.1", "igb", 'i');
}

static void codings_and_q_compare_without_case_and_x_gzip_is_gzip(void **state)
{
	(void)state;
	assert_codings("GZip;Q=0.5, BR, Identity;Q=0|X-GZIP;q=0.5,bR,IDENTITY;q=0.0", 1000, 0, 500, 0);
}

static void of_a_coding_listed_twice_the_higher_weight_counts(void **state)
{
	(void)state;
	assert_codings("gzip;q=0.2, gzip;q=0.6, gzip;q=0.4|gzip;q=0, x-gzip;q=0.6", 0, 0, 600, 1);
	assert_codings("*;q=0.5, *;q=0|*;q=0, *;q=0.5|*;q=0.5", 500, 500, 500, 500);
}

static void a_weight_has_up_to_three_decimals(void **state)
{
	(void)state;
	assert_codings("br;q=0.1, zstd;q=0.12, gzip;q=0.123, identity;q=0.001", 100, 120, 123, 1);
	assert_codings("br;q=1, zstd;q=1., gzip;q=1.0, identity;q=1.000", 1000, 1000, 1000, 1000);
	assert_codings("br;q=0, zstd;q=0., gzip;q=0.00, identity;q=0.000", 0, 0, 0, 0);
}

static void white_space_stands_at_commas_and_semicolons(void **state)
{
	(void)state;
	assert_codings(" br\t; q=0.5 ,,\tgzip ;\tq=0.4 , |br;q=0.5,gzip;q=0.4", 500, 0, 400, 1);
	assert_codings("br;;q=0.5;, gzip;q=0.4;", 500, 0, 400, 1); /* empty parameters (5.6.6) */
}

static void a_malformed_element_counts_as_not_there(void **state)
{
	(void)state;
	assert_codings("br;q=1.001|br;q=2|br;q=0.1234|br;q=.5|br;q=-1|br;q=|br;q|br;q=a|br;q=0,5|br;q= 1|"
		       "br;q =1|br;q=1 1|br;q=1.1|br;q=\"1\"|br;q=0.5;q=0.5|br;x|br;x=|br;=1|br;x=\"a|"
		       "br;x=a\"b|br x|b r|br=1|br;x=\"a\"b|br;x y=z|;q=1|br/1|\"br\"|br;q=1;x=\"\\|br\xff|"
		       "brr|b|br;q=1-0|br;q=0.0.|br;x=\"a\\\"|**|br;q=0.1a|br;q=:|br;q=/",
		       0, 0, 0, 1);
	assert_codings("br;q=x, gzip;q=0.9|gzip;q=0.9, br;q=x|*;q=7, gzip;q=0.9", 0, 0, 900, 1);
}

static void a_comma_in_a_quoted_string_ends_no_element(void **state)
{
	(void)state;
	assert_codings("br;x=\"a, gzip;q=1\", zstd|br;x=\"a\\\", gzip\";q=1, zstd", 1000, 1000, 0, 1);
	assert_codings("b\"r, gzip, \"zstd", 0, 0, 1000, 1); /* a stray quote opens none */
	assert_media("text/plain;x=\";q=0\";q=0.5", "text/plain", 500);
}

static void ranges_are_tried_by_weight_then_in_their_order(void **state)
{
	(void)state;
	assert_language("en;q=0.2, fr;q=0.8, de;q=0.5|fr, en|fr;q=0.5, en;q=0.5", "en de fr", "fr");
	assert_language("en;q=0.2, fr;q=0.8, de;q=0.5|DE, en", "en de", "de");
	assert_language("en-US,en;q=0.9", "fr en", "en");                  /* Chrome */
	assert_language("de,en-US;q=0.7,en;q=0.3", "en de", "de");         /* Firefox */
	assert_language("en-GB,en;q=0.9", "en-US en-GB", "en-GB");         /* Safari */
	assert_language("da, en-gb;q=0.8, en;q=0.7", "en en-GB", "en-GB"); /* RFC 9110 12.5.4 */
}

static void truncation_leads_to_the_longest_tag_and_past_single_letters(void **state)
{
	static const char range[] = "zh-Hant-CN-x-private1-private2"; /* RFC 4647 3.4 */

	(void)state;
	assert_language("de-CH-1996|de-ch-x-a", "de de-CH", "de-CH");
	assert_language("de-CH-1996", "de de-CH-1996 de-CH", "de-CH-1996");
	assert_language("de-CH, fr|de-1-ab", "fr de", "de"); /* before the next range is looked at */
	assert_language("deu|d|de-CHE|i-klingon|de-1-ab", "de-CH de-1 i", "");
	assert_language(range, "zh zh-Hant zh-Hant-CN zh-Hant-CN-x-private1", "zh-Hant-CN-x-private1");
	assert_language(range, "zh zh-Hant zh-Hant-CN zh-Hant-CN-x", "zh-Hant-CN");
	assert_language(range, "zh-Hant-CN-x zh-Hant", "zh-Hant");
}

static void a_range_takes_the_first_tag_it_is_a_prefix_of(void **state)
{
	(void)state;
	assert_language("en", "fr en-GB en-US", "en-GB");
	assert_language("en", "en-GB en", "en");
	assert_language("en", "eng", "");
	assert_language("zh-Hant", "zh-Hans zh-Hant-TW", "zh-Hant-TW");
	assert_language("zh-Hant", "zh-Hant-TW zh", "zh"); /* truncation goes before */
}

static void a_star_takes_the_first_tag_that_is_not_excluded(void **state)
{
	(void)state;
	assert_language("*|de, *;q=0.5|*;q=0.5, en;q=0.4", "fr en", "fr");
	assert_language("*, en;q=0", "en en-GB fr", "fr");
	assert_language("*", "", "");
}

static void a_weight_of_0_excludes_what_the_range_covers(void **state)
{
	(void)state;
	assert_language("en;q=0|*, en;q=0|*;q=0|en-GB, en;q=0", "en", ""); /* also against truncation */
	assert_language("de-CH, de;q=0, fr;q=0.1", "de fr", "fr");
	assert_language("en, en-GB;q=0", "en-GB-oxendict en-US", "en-US");
	assert_language("en;q=0, en-GB", "en en-GB-oxendict", "en-GB-oxendict");
	assert_language("en;q=0, en|*;q=0, en-GB", "en", "en"); /* the same twice: the higher weight */
}

static void a_malformed_range_counts_as_not_there(void **state)
{
	(void)state;
	assert_language("de-|-de|de--CH|de_CH|d1|123|de-*|*-CH|de CH|de-\xc3|abcdefghi|de;q=2|de;q=1;q=1|"
			"de-abcdefghi|\"de\"|de;q|de-ch;=1|de;x=\"\\\"",
			"de de-CH", "");
	assert_language("de-, en;q=0.1|de;x=y;q=0.1, en;q=0.2", "de en", "en");
}

static void at_most_32_ranges_are_looked_at(void **state)
{
	char value[256] = "";

	(void)state;
	for (int i = 0; i < ACCEPT_LANGUAGES_MAX - 1; i++)
		strcat(value, "de,-,"); /* what is malformed does not count */
	strcat(value, "fr;q=0.1,en");
	assert_language(value, "en fr", "fr");
	assert_language(value, "en", "");
}

#define CHROME_NAVIGATES                                                                                     \
	"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,"  \
	"application/signed-exchange;v=b3;q=0.7"

static void the_most_specific_media_range_decides(void **state)
{
	(void)state;
	assert_media("audio/*; q=0.2, audio/basic", "audio/basic", 1000); /* RFC 9110 12.5.1 */
	assert_media("audio/*; q=0.2, audio/basic", "audio/mpeg", 200);
	assert_media("audio/*; q=0.2, audio/basic|text/html;q=0, */*|,| |image/*", "text/html", 0);
	assert_media("*/*, text/*;q=0.5, text/html;q=0.1|text/html;q=0.1,*/*", "text/html", 100);
	assert_media("TEXT/HTML;Q=0.3, */*|Text/*;q=0.3|text/html;q=0.2, text/html;q=0.3", "text/html", 300);
	assert_media(CHROME_NAVIGATES, "application/json", 800);
	assert_media("*/*", "application/json", 1000); /* curl */
}

static void parameters_of_a_media_range_only_make_it_less_close(void **state)
{
	static const char example[] =
		/* RFC 9110 12.5.1 */ "text/*;q=0.3, text/plain;q=0.7, text/plain;format=flowed,"
				      "text/plain;format=fixed;q=0.4, */*;q=0.5";

	(void)state;
	assert_media(example, "text/plain", 700);
	assert_media(example, "text/html", 300);
	assert_media(example, "image/jpeg", 500);
	assert_media("text/html;level=1;q=0.4, */*", "text/html", 400);
	assert_media("application/json;profile=\"a,b;q=0\";q=0.6, text/html", "application/json", 600);
}

static void what_is_no_media_range_matches_nothing(void **state)
{
	(void)state;
	assert_media("*|text|text/|/html|*/html|text/**|tex/*|texts/*|text/h|text/htmlx|text /html|text/*x|"
		     "text/html/|*/*;q=1.1|* / *|text/h*|/*|text//html|text*|*/",
		     "text/html", 0);
	assert_media("*;q=0.1, text/html;q=.2, */*;q=0.3", "text/html", 300);
}

static void a_navigation_lists_text_html_itself(void **state)
{
	const char *listed = CHROME_NAVIGATES "|text/html,application/xml;q=0.9,*/*;q=0.8|"
					      "*/*, Text/HTML;charset=utf-8;q=0.1|text/html;q=0.001";
	const char *covered = "*/*|text/*, */*;q=0.1|text/html;q=0, */*|text/css,*/*;q=0.1|text/htm|,";
	struct bytes item;

	(void)state;
	while (next(&listed, "|", &item))
		assert_true(accept_lists_media(guarded(item), BYTES("text/html")));
	while (next(&covered, "|", &item))
		assert_false(accept_lists_media(guarded(item), BYTES("text/html")));
}

static void a_digest_is_wanted_by_the_last_sha_256_from_1_to_10(void **state)
{
	(void)state;
	assert_digest("", "sha-256=1|sha-512=3, sha-256=10, unixsum=0|", "", true); /* RFC 9530 4 */
	assert_digest("sha-256=", "5|010|1;x", "", true);
	assert_digest("sha-256=", "0|-0|-1|11|100|999999999999999|1.0|\"1\"|?1|(1)|:1:|a", "", false);
	assert_digest("", "sha-256|sha-512=10|sha-256-x=1, sha-25=1|a;sha-256=1| |\t", "", false);
	assert_false(accept_wants_sha256(guarded(BYTES(""))));
	assert_false(accept_wants_sha256(bytes_make(NULL, 0)));
	/* The last one of the same key wins, and a parameter is no member. */
	assert_digest("sha-256=0, ", "sha-256=5|a, sha-256=1", "", true);
	assert_digest("sha-256=5, ", "sha-256=0|sha-256|sha-256=(5)|sha-256=5.5|sha-256=11", "", false);
	assert_digest("sha-256=5;", "sha-256=0|sha-256", "", true);
}

static void every_well_formed_dictionary_is_understood(void **state)
{
	const char *items =
		"a|a;x|a=1;x=2;y|a=-1.5|a=123456789012.123|a=999|a=token|a=*t/o:k|a=\"s,\\\"\\\\\"|"
		"a=:aGk=:|a=::|a=?0;x=?1|a=()|a=(  1 2 )|a=(1;x \"b\");y|*a._-9=A+b|a=1;  x=:YQ==:|a=\"\"";

	(void)state;
	assert_digest("  ", items, "\t, \tsha-256=3;x=y", true);
	assert_digest("sha-256=3,", items, " ", true);
}

static void a_dictionary_that_is_malformed_anywhere_wants_nothing(void **state)
{
	const char *items =
		",|A=1|1=1|=1|a=|a =1|a= 1|a=1 b=2|a=1;|a=1;\tx|a=1;X|a=1 ;x|a;x=|a=-|a=--1|a=1.|a=.1|"
		"a=1.1234|a=+1|a=\"|a=\"\\|a=\"\\a\"|a=\"\x7f\"|a=\"\t\"|a=\"\xc3\"|a=:a|a=:a*:|a=?2|a=?|a=(|"
		"a=(1|"
		"a=(1,2)|a=(1\t2)|a=((1))|a=1)|a=(1\"b\")|a=@1|a=%\"x\"|a==1|a=1;;x|a\xff|a=(1;)|\"a\"=1|"
		"a=1;x=(1)|a=[1]|a=(1)2|a=1234567890123456|a=1234567890123.1|a=1.1.1";

	(void)state;
	assert_digest("sha-256=3, ", items, "", false);
	assert_digest("", items, ", sha-256=3", false);
	assert_digest("", "sha-256=3,|sha-256=3 x|SHA-256=3|,sha-256=3", "", false);
}

/* Every function on one value: what comes out must be in bounds, whatever went in. */
static void assert_in_bounds(struct bytes garbage)
{
	struct bytes tags[] = { BYTES("de-CH-x-a"), BYTES("en"), BYTES("de-CH") };
	struct bytes html = BYTES("text/html");
	struct bytes value = guarded(garbage);
	struct accept_codings codings;

	accept_parse_codings(value, &codings);
	for (int i = 0; i < CODING_COUNT; i++)
		assert_true(codings.weight[i] <= ACCEPT_WEIGHT_MAX);
	assert_in_range(accept_choose_language(value, tags, 3) + 1, 0, 3);
	assert_true(accept_media_weight(value, html) <= ACCEPT_WEIGHT_MAX);
	assert_true(!accept_lists_media(value, html) || accept_media_weight(value, html) > 0);
	(void)accept_wants_sha256(value);
}

/* Values made of scraps of these, each from a random place and up to 15 bytes long. */
static void garbage_stays_in_bounds(void **state)
{
	static const char scraps[] =
		"br, gzip;q=0.5, *;q=0, identity;Q=1.000 ,x-gzip,, en-GB;q=0., de-CH-1996-x-a, "
		"text/html;x=\"a\\\",;\"; q=1, text/*;q=0.001, */*, sha-256=10;a=?1;b, "
		"sha-256=(1 a;x \"b\"), a=:YQ==:, b=-1.5\t\xff\x01 ";
	uint32_t random = 1;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		uint8_t garbage[512];
		size_t size = 0;

		for (int i = 0; i < round % 30; i++) {
			size_t piece;

			random = random * 1664525 + 1013904223;
			piece = random >> 28;
			memcpy(garbage + size, scraps + (random >> 8) % (sizeof(scraps) - 15), piece);
			size += piece;
		}
		assert_in_bounds(bytes_make(garbage, size));
	}
}

/* As long as a head may be. */
static void a_field_full_of_one_thing_stays_in_bounds(void **state)
{
	const char *things = ",|a,|*,|en-|a-|en,|=\"|=\"\\|;x=y|*;q=0,|en;q=0,|a=(|a=1;x,";
	uint8_t garbage[ROOM];
	struct bytes item;

	(void)state;
	while (next(&things, "|", &item)) {
		for (size_t i = 0; i < ROOM; i++)
			garbage[i] = item.base[i % item.size];
		assert_in_bounds(bytes_make(garbage, ROOM));
	}
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_real_clients_list_is_what_they_get),
		cmocka_unit_test(without_codings_there_is_identity_only),
		cmocka_unit_test(identity_goes_behind_everything_listed_unless_listed_itself),
		cmocka_unit_test(a_star_stands_for_every_coding_that_is_not_listed),
		cmocka_unit_test(no_coding_is_chosen_when_none_is_acceptable),
		cmocka_unit_test(the_highest_weight_wins_and_the_servers_order_breaks_ties),
		cmocka_unit_test(codings_and_q_compare_without_case_and_x_gzip_is_gzip),
		cmocka_unit_test(of_a_coding_listed_twice_the_higher_weight_counts),
		cmocka_unit_test(a_weight_has_up_to_three_decimals),
		cmocka_unit_test(white_space_stands_at_commas_and_semicolons),
		cmocka_unit_test(a_malformed_element_counts_as_not_there),
		cmocka_unit_test(a_comma_in_a_quoted_string_ends_no_element),
		cmocka_unit_test(ranges_are_tried_by_weight_then_in_their_order),
		cmocka_unit_test(truncation_leads_to_the_longest_tag_and_past_single_letters),
		cmocka_unit_test(a_range_takes_the_first_tag_it_is_a_prefix_of),
		cmocka_unit_test(a_star_takes_the_first_tag_that_is_not_excluded),
		cmocka_unit_test(a_weight_of_0_excludes_what_the_range_covers),
		cmocka_unit_test(a_malformed_range_counts_as_not_there),
		cmocka_unit_test(at_most_32_ranges_are_looked_at),
		cmocka_unit_test(the_most_specific_media_range_decides),
		cmocka_unit_test(parameters_of_a_media_range_only_make_it_less_close),
		cmocka_unit_test(what_is_no_media_range_matches_nothing),
		cmocka_unit_test(a_navigation_lists_text_html_itself),
		cmocka_unit_test(a_digest_is_wanted_by_the_last_sha_256_from_1_to_10),
		cmocka_unit_test(every_well_formed_dictionary_is_understood),
		cmocka_unit_test(a_dictionary_that_is_malformed_anywhere_wants_nothing),
		cmocka_unit_test(garbage_stays_in_bounds),
		cmocka_unit_test(a_field_full_of_one_thing_stays_in_bounds),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
