/* SPDX-License-Identifier: MIT */
/*
 * site/variant: which member of a chain a request gets, for every chain there can be.
 *
 * Chains are written as words: "en/br fr" is an English page in brotli and a French one as it is; "-"
 * is no language. What is chosen is written in the same words. Field values end at a page without
 * access.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "requests.h"
#include "site_fixture.h"
#include "site/variant.h"

static struct site *plain, *polyglot; /* without languages, and with "en,fr,de-CH" */

static int set_up(void **state)
{
	struct site_options options = site_maker_options();

	(void)state;
	requests_set_up();
	plain = fixture_site(NULL, NULL);
	options.languages = (char *)"en,fr,de-CH";
	polyglot = fixture_site(&options, NULL);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	site_destroy(plain);
	site_destroy(polyglot);
	requests_tear_down();
	return 0;
}

static unsigned language_of(const struct site *site, struct bytes word)
{
	for (unsigned i = 0; i < site->language_count; i++)
		if (bytes_equal(site->languages[i], word))
			return i;
	assert_true(bytes_equal(word, BYTES("-")));
	return LANGUAGE_NONE;
}

/* The asset of one word. */
static struct asset *make_member(const struct site *site, struct bytes word, unsigned vary)
{
	const uint8_t *slash = memchr(word.base, '/', word.size);
	size_t size = slash ? (size_t)(slash - word.base) : word.size;
	struct bytes coding = bytes_skip(word, slash ? size + 1 : size);
	struct asset_spec spec = { .vary = vary, .size = 1 };
	struct asset *asset;

	spec.language = language_of(site, bytes_make(word.base, size));
	if (coding.size > 0)
		spec.coding = coding_find(coding);
	assert_true(spec.coding < CODING_COUNT);
	asset = fixture_file(site, &spec);
	asset->language = (uint8_t)spec.language;
	return asset;
}

static struct asset *make_chain(const struct site *site, const char *words)
{
	bool is_coded = strchr(words, '/'), is_translated = site->language_count > 0;
	unsigned vary = (is_coded ? VARY_ENCODING : 0) | (is_translated ? VARY_LANGUAGE : 0);
	struct asset *first = NULL, **link = &first;

	while (*words) {
		size_t size = strcspn(words, " ");

		*link = make_member(site, bytes_make(words, size), vary);
		link = &(*link)->next;
		words += size + (words[size] == ' ');
	}
	return first;
}

/* What variant_choose() says, as a word; in front "!" when that must be decoded, and "406". */
static void choose(const struct site *site, const char *words, const struct request *request, char *out)
{
	struct asset *first = make_chain(site, words), *chosen = NULL;
	enum variant_result result = variant_choose(site, first, request, &chosen, NULL);
	struct bytes language = BYTES("-"), token;

	assert_non_null(chosen);
	token = coding_token((enum coding)chosen->coding);
	if (chosen->language != LANGUAGE_NONE)
		language = site->languages[chosen->language];
	if (result == VARIANT_NOT_ACCEPTABLE) {
		assert_ptr_equal(chosen, first);
		strcpy(out, "406");
	} else {
		bool is_coded = chosen->coding != CODING_IDENTITY;

		assert_true(is_coded || result == VARIANT_FOUND);
		sprintf(out, "%s%.*s%s%.*s", result == VARIANT_CODED ? "!" : "", (int)language.size,
			(const char *)language.base, is_coded ? "/" : "", is_coded ? (int)token.size : 0,
			(const char *)token.base);
	}
	fixture_release(first);
}

struct row {
	const char *chain, *encoding, *language, *expected; /* encoding and language NULL: not sent */
};

static void check_rows(const struct site *site, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct request request = request_make(METHOD_GET, true);
		char found[32];

		request_set(&request, FIELD_ACCEPT_ENCODING, rows[i].encoding);
		request_set(&request, FIELD_ACCEPT_LANGUAGE, rows[i].language);
		choose(site, rows[i].chain, &request, found);
		if (strcmp(found, rows[i].expected) != 0)
			fail_msg("of \"%s\", encoding %s, language %s: %s, not %s", rows[i].chain,
				 rows[i].encoding ? rows[i].encoding : "none",
				 rows[i].language ? rows[i].language : "none", found, rows[i].expected);
	}
}

/* The heaviest of what is there; at equal weight the site's order, and the plain form behind all. */
static void a_coding_is_chosen_by_weight_then_by_the_sites_order(void **state)
{
	static const struct row rows[] = {
		{ "- -/br -/zstd -/gzip", "gzip, deflate, br, zstd", NULL, "-/br" },
		{ "- -/br -/zstd -/gzip", "gzip, deflate", NULL, "-/gzip" },
		{ "- -/br -/zstd -/gzip", "gzip;q=0.9, br;q=0.8", NULL, "-/gzip" },
		{ "- -/br -/zstd -/gzip", "*", NULL, "-/br" },
		{ "- -/br -/zstd -/gzip", "br;q=0, *", NULL, "-/zstd" },
		{ "- -/br -/zstd -/gzip", "x-gzip", NULL, "-/gzip" },
		{ "- -/br -/zstd -/gzip", "identity", NULL, "-" },
		{ "- -/br -/zstd -/gzip", "identity;q=1, br;q=0.5", NULL, "-" },
		{ "- -/br -/zstd -/gzip", "identity;q=0.5, br;q=0.5", NULL, "-/br" },
		{ "- -/br -/zstd -/gzip", "", NULL, "-" },
		{ "- -/br -/zstd -/gzip", NULL, NULL, "-" },
		{ "- -/br -/zstd -/gzip", "deflate", NULL, "-" },
		{ "- -/gzip", "br, gzip", NULL, "-/gzip" },
		{ "- -/gzip", "br", NULL, "-" },
		{ "-/gzip - -/br", "br, gzip", NULL, "-/br" }, /* the order of the chain says nothing */
		{ "-", "br, gzip", NULL, "-" },
	};

	(void)state;
	check_rows(plain, rows, FIXTURE_COUNT(rows));
}

/* The order of preference is the site's to say; what is not in its list is not there for it. */
static void a_coding_that_the_site_does_not_name_is_not_chosen(void **state)
{
	static const struct row rows[] = {
		{ "- -/br -/zstd -/gzip", "gzip, br, zstd", NULL, "-/gzip" },
		{ "- -/br -/zstd -/gzip", "br, zstd", NULL, "-/zstd" },
		{ "- -/br -/zstd -/gzip", "br", NULL, "-" },
	};
	struct site_options options = site_maker_options();
	struct site *site;

	(void)state;
	options.codings = (char *)"gzip,zstd";
	site = fixture_site(&options, NULL);
	check_rows(site, rows, FIXTURE_COUNT(rows));
	site_destroy(site);
}

/* The plain form can be made of a coded one, so it is refused to nobody; the cheapest is decoded. */
static void a_file_that_is_there_coded_only_is_decoded_for_who_wants_it_plain(void **state)
{
	static const struct row rows[] = {
		{ "-/br -/zstd", "zstd", NULL, "-/zstd" },
		{ "-/br -/zstd", NULL, NULL, "!-/zstd" },
		{ "-/br -/zstd -/gzip", "", NULL, "!-/gzip" },
		{ "-/br", "gzip", NULL, "!-/br" },
		{ "-/br", "identity", NULL, "!-/br" },
		{ "-/br", "br;q=0.5, identity", NULL, "!-/br" },
		{ "-/br", "br;q=0", NULL, "!-/br" },
		{ "-/br", "identity;q=0", NULL, "406" },
		{ "-/br -", NULL, NULL, "-" }, /* as it is once that has been made */
	};

	(void)state;
	check_rows(plain, rows, FIXTURE_COUNT(rows));
}

/* RFC 9110 12.5.3: 406 only for who excludes the plain form in so many words, and takes no other. */
static void what_no_weight_is_left_for_is_not_acceptable(void **state)
{
	static const struct row rows[] = {
		{ "-", "identity;q=0", NULL, "406" },
		{ "-", "*;q=0", NULL, "406" },
		{ "-", "gzip, *;q=0", NULL, "406" },
		{ "-", "*;q=0, identity", NULL, "-" },
		{ "- -/gzip", "br, identity;q=0", NULL, "406" },
		{ "- -/gzip", "gzip;q=0.001, identity;q=0", NULL, "-/gzip" },
		{ "- -/gzip", "gzip;q=0, identity;q=0", NULL, "406" },
		{ "- -/gzip", "identity;q=0, *", NULL, "-/gzip" },
		{ "-/gzip", "*;q=0", NULL, "406" },
	};

	(void)state;
	check_rows(plain, rows, FIXTURE_COUNT(rows));
}

/* By weight; who wants none of them gets the site's first that is there (RFC 9110 12.5.4). */
static void a_language_is_chosen_by_weight_and_never_refused(void **state)
{
	static const struct row rows[] = {
		{ "en fr de-CH", NULL, "fr", "fr" },
		{ "en fr de-CH", NULL, "FR", "fr" },
		{ "en fr de-CH", NULL, "fr;q=0.5, de-CH", "de-CH" },
		{ "en fr de-CH", NULL, "fr;q=0.5, de-CH;q=0.4", "fr" },
		{ "en fr de-CH", NULL, "fr-CA", "fr" },
		{ "en fr de-CH", NULL, "de", "de-CH" },
		{ "en fr de-CH", NULL, "ja", "en" },
		{ "en fr de-CH", NULL, "en;q=0", "en" },
		{ "en fr de-CH", NULL, "*;q=0", "en" },
		{ "en fr de-CH", NULL, "", "en" },
		{ "en fr de-CH", NULL, NULL, "en" },
		{ "fr de-CH", NULL, "ja", "fr" },
		{ "de-CH fr", NULL, "ja", "fr" }, /* the site's order, not that of the chain */
		{ "de-CH", NULL, "fr", "de-CH" },
		{ "-", NULL, "fr", "-" },
	};

	(void)state;
	check_rows(polyglot, rows, FIXTURE_COUNT(rows));
}

/* First the language: nobody is sent another one because that is there in a better coding. */
static void a_coding_is_chosen_among_those_of_the_language(void **state)
{
	static const struct row rows[] = {
		{ "en en/br fr", "br", "fr", "fr" },
		{ "en en/br fr", "br", "en", "en/br" },
		{ "en/br fr/gzip", "br", "fr", "!fr/gzip" },
		{ "en/br fr/gzip", "br, gzip", "fr", "fr/gzip" },
		{ "en fr/gzip fr/br fr", "gzip, br;q=0.5", "fr", "fr/gzip" },
		{ "en fr/br", "identity;q=0", "en", "406" },
		{ "en fr/br", "br, identity;q=0", "fr", "fr/br" },
	};

	(void)state;
	check_rows(polyglot, rows, FIXTURE_COUNT(rows));
}

/* A listing is HTML for browsers and for who does not care, JSON for programs that say so. */
static void a_listing_is_json_for_who_would_rather_have_it(void **state)
{
	static const struct {
		const char *accept;
		bool is_json;
	} rows[] = {
		{ NULL, false },
		{ "*/*", false },
		{ "text/html,application/xhtml+xml,*/*;q=0.8", false },
		{ "application/json", true },
		{ "application/json, text/html", false },
		{ "application/json, text/html;q=0.9", true },
		{ "application/*", true },
		{ "application/json;q=0", false },
		{ "image/png", false },
		{ "", false },
	};
	struct asset_spec spec = { .kind = ASSET_LISTING, .vary = VARY_ACCEPT, .size = 1 };
	struct asset *first = fixture_file(plain, &spec);

	(void)state;
	first->next = fixture_file(plain, &spec);
	first->next->is_json = true;
	for (size_t i = 0; i < FIXTURE_COUNT(rows); i++) {
		struct request request = request_with(FIELD_ACCEPT, rows[i].accept);
		struct asset *chosen;

		assert_int_equal(variant_choose(plain, first, &request, &chosen, NULL), VARIANT_FOUND);
		if (chosen->is_json != rows[i].is_json)
			fail_msg("Accept: %s", rows[i].accept);
	}
	fixture_release(first);
}

/* Who is sure of its answer need not choose; who could be refused, or have another one, must. */
static void a_chain_of_one_is_chosen_without_looking(void **state)
{
	struct asset *only = make_chain(plain, "-"), *pair = make_chain(plain, "- -/br");
	struct asset *orphan = make_chain(plain, "-/br");
	struct request request = request_make(METHOD_GET, true);

	(void)state;
	assert_true(variant_is_only(only, &request));
	assert_false(variant_is_only(pair, &request));
	assert_false(variant_is_only(orphan, &request));
	request = request_with(FIELD_ACCEPT_ENCODING, "gzip, deflate, br, zstd");
	assert_true(variant_is_only(only, &request));
	assert_false(variant_is_only(pair, &request));
	request = request_with(FIELD_ACCEPT_ENCODING, "");
	assert_true(variant_is_only(only, &request));
	request = request_with(FIELD_ACCEPT_ENCODING, "identity;q=0");
	assert_false(variant_is_only(only, &request));
	fixture_release(only);
	fixture_release(pair);
	fixture_release(orphan);
}

/* Sec-Fetch-Mode is what browsers of today say; of others, who names text/html wants a page. */
static void a_navigation_is_told_by_its_mode_or_by_accept(void **state)
{
	static const struct {
		enum method method;
		const char *mode, *accept;
		bool expected;
	} rows[] = {
		{ METHOD_GET, "navigate", NULL, true },
		{ METHOD_GET, "navigate", "*/*", true },
		{ METHOD_HEAD, "navigate", NULL, true },
		{ METHOD_POST, "navigate", "text/html", false },
		{ METHOD_OPTIONS, "navigate", NULL, false },
		{ METHOD_GET, "no-cors", "text/html", false },
		{ METHOD_GET, "cors", "text/html", false },
		{ METHOD_GET, "", "text/html", false },
		{ METHOD_GET, NULL, "text/html", true },
		{ METHOD_GET, NULL, "text/html,application/xhtml+xml,*/*;q=0.8", true },
		{ METHOD_HEAD, NULL, "text/html", true },
		{ METHOD_GET, NULL, "text/html;q=0", false },
		{ METHOD_GET, NULL, "*/*", false },
		{ METHOD_GET, NULL, "text/*", false },
		{ METHOD_GET, NULL, "image/avif,image/webp,*/*;q=0.8", false },
		{ METHOD_GET, NULL, "", false },
		{ METHOD_GET, NULL, NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < FIXTURE_COUNT(rows); i++) {
		struct request request = request_make(rows[i].method, true);

		request_set(&request, FIELD_SEC_FETCH_MODE, rows[i].mode);
		request_set(&request, FIELD_ACCEPT, rows[i].accept);
		if (variant_is_navigation(&request) != rows[i].expected)
			fail_msg("row %zu", i);
	}
}

static void keep_line(void *context, const char *text)
{
	char *lines = context;

	assert_true(strlen(lines) + strlen(text) < 500);
	strcat(strcat(lines, text), "\n");
}

/* What was chosen is told line by line to who asks why. */
static void a_choice_is_traced(void **state)
{
	char lines[512] = "";
	struct trace trace = { keep_line, lines };
	struct request request = request_with(FIELD_ACCEPT_LANGUAGE, "fr");
	struct asset *first = make_chain(polyglot, "en fr fr/br"), *only = make_chain(polyglot, "-"), *chosen;

	(void)state;
	request_set(&request, FIELD_ACCEPT_ENCODING, "br");
	variant_choose(polyglot, first, &request, &chosen, &trace);
	assert_string_equal(lines, "language: fr\ncoding: br\n");
	lines[0] = 0;
	request_set(&request, FIELD_ACCEPT_ENCODING, "*;q=0");
	variant_choose(polyglot, first, &request, &chosen, &trace);
	assert_string_equal(lines, "language: fr\ncoding: none of what there is is acceptable\n");
	lines[0] = 0;
	request_set(&request, FIELD_ACCEPT_ENCODING, "br");
	variant_choose(polyglot, only, &request, &chosen, &trace);
	assert_string_equal(lines, "coding: identity\n");
	fixture_release(first);
	fixture_release(only);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_coding_is_chosen_by_weight_then_by_the_sites_order),
		cmocka_unit_test(a_coding_that_the_site_does_not_name_is_not_chosen),
		cmocka_unit_test(a_file_that_is_there_coded_only_is_decoded_for_who_wants_it_plain),
		cmocka_unit_test(what_no_weight_is_left_for_is_not_acceptable),
		cmocka_unit_test(a_language_is_chosen_by_weight_and_never_refused),
		cmocka_unit_test(a_coding_is_chosen_among_those_of_the_language),
		cmocka_unit_test(a_listing_is_json_for_who_would_rather_have_it),
		cmocka_unit_test(a_chain_of_one_is_chosen_without_looking),
		cmocka_unit_test(a_navigation_is_told_by_its_mode_or_by_accept),
		cmocka_unit_test(a_choice_is_traced),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
