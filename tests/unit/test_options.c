/* SPDX-License-Identifier: MIT */
/*
 * site/options: lists and names of a site's options are taken apart as written, and what cannot be
 * meant is told where it stands.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "site/options.h"
#include "site/pattern.h"
#include "site_maker.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct host_spec nothing;

/* One option has this value; the problem is at `path`. */
#define ASSERT_PROBLEM(field, value, path, words)                                                            \
	do {                                                                                                 \
		struct site_options changed = site_maker_options();                                          \
		changed.field = (value);                                                                     \
		site_maker_assert_problem(&nothing, &changed, path, words);                                  \
	} while (0)

static void assert_items(const struct bytes *items, unsigned count, const char *const *expected,
			 unsigned expected_count)
{
	assert_int_equal(count, expected_count);
	for (unsigned i = 0; i < count; i++)
		if (!bytes_equal(items[i], bytes_string(expected[i])))
			fail_msg("item %u is \"%.*s\"", i, (int)items[i].size, (const char *)items[i].base);
}

static void the_defaults_are_sound(void **state)
{
	static const char *const index[] = { "index.html" };
	struct site_options options = site_maker_options();
	struct site *site = site_maker_create(&nothing, &options, NULL);

	(void)state;
	assert_items(site->index, site->index_count, index, 1);
	assert_int_equal(site->coding_count, 3);
	assert_int_equal(site->codings[0], CODING_BR);
	assert_int_equal(site->codings[1], CODING_ZSTD);
	assert_int_equal(site->codings[2], CODING_GZIP);
	assert_int_equal(site->language_count, 0);
	assert_int_equal(site->order_count, 0);
	assert_true(bytes_equal(site->charset, BYTES("utf-8")));
	assert_null(site->presets);
	assert_non_null(site->fingerprint);
	assert_false(site->has_own_pages);
	assert_int_equal(site->root, -1);
	site_destroy(site);
}

static void items_keep_their_order_and_spelling(void **state)
{
	static const char *const index[] = { "Index.html", "index.html", "a b.txt" };
	static const char *const languages[] = { "en-GB", "fr", "zh-Hant-tw", "de-1996" };
	static const char *const order[] = { "Server", "date", "X-Frame-Options" };
	struct site_options options = site_maker_options();
	struct site *site;

	(void)state;
	options.index = "Index.html,index.html , a b.txt";
	options.languages = "en-GB,fr,zh-Hant-tw,de-1996";
	options.order = "Server, date,X-Frame-Options";
	options.codings = "GZIP,br";
	site = site_maker_create(&nothing, &options, NULL);
	assert_items(site->index, site->index_count, index, COUNT(index));
	assert_items(site->languages, site->language_count, languages, COUNT(languages));
	assert_items(site->order, site->order_count, order, COUNT(order));
	assert_int_equal(site->coding_count, 2);
	assert_int_equal(site->codings[0], CODING_GZIP);
	assert_true(site->has_own_pages);
	site_destroy(site);
}

static void none_and_nothing_are_the_empty_list(void **state)
{
	static char *const texts[] = { "", "none", " none " };

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct site_options options = site_maker_options();
		struct site *site;

		options.index = options.codings = options.languages = options.order = options.presets =
			options.charset = texts[i];
		site = site_maker_create(&nothing, &options, NULL);
		assert_int_equal(site->index_count + site->coding_count + site->language_count, 0);
		assert_int_equal(site->order_count + site->charset.size, 0);
		assert_null(site->presets);
		site_destroy(site);
	}
	ASSERT_PROBLEM(codings, "br,none", "codings[1]", "none stands alone");
	ASSERT_PROBLEM(index, "a,,b", "index[1]", "nothing between two commas");
}

static void an_unknown_coding_or_preset_is_told_with_what_is_near(void **state)
{
	(void)state;
	ASSERT_PROBLEM(codings, "br,gzp", "codings[1]", "there is no coding \"gzp\"; did you mean gzip?");
	ASSERT_PROBLEM(codings, "lzma", "codings[0]",
		       "there is no coding \"lzma\"; there are br, zstd and gzip");
	ASSERT_PROBLEM(codings, "identity", "codings[0]", "always there");
	ASSERT_PROBLEM(presets, "secure", "presets[0]", "did you mean security?");
	ASSERT_PROBLEM(presets, "nginx-compatible", "presets[0]", "there are security and cors");
}

static void what_is_there_already_is_a_problem(void **state)
{
	(void)state;
	ASSERT_PROBLEM(codings, "gzip,br,x-gzip", "codings[2]", "gzip is in the list already");
	ASSERT_PROBLEM(languages, "en,fr,EN", "languages[2]", "\"EN\" is in the list already");
	ASSERT_PROBLEM(index, "a,b,a", "index[2]", "in the list already");
	ASSERT_PROBLEM(order, "Date,date", "order[1]", "in the list already");
	ASSERT_PROBLEM(presets, "cors,cors", "presets[1]", "in the list already");
}

static void a_list_has_a_limit(void **state)
{
	(void)state;
	ASSERT_PROBLEM(index, "1,2,3,4,5,6,7,8,9", "index[8]", "expected at most 8");
	ASSERT_PROBLEM(languages, "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q", "languages[16]",
		       "expected at most 16");
}

static void an_index_is_the_name_of_a_file(void **state)
{
	static char *const names[] = { "a/b", "/index.html", ".", "..", ".htaccess" };

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++)
		ASSERT_PROBLEM(index, names[i], "index[0]", "is no index");
}

static void a_language_is_a_tag(void **state)
{
	static char *const tags[] = { "fr_FR",     "-fr",          "fr-", "f--r", "1fr",
				      "abcdefghi", "fr-abcdefghi", "fr.", "*" };

	(void)state;
	for (size_t i = 0; i < COUNT(tags); i++)
		ASSERT_PROBLEM(languages, tags[i], "languages[0]", "is no language tag");
}

static void names_of_fields_and_character_sets_are_tokens(void **state)
{
	(void)state;
	ASSERT_PROBLEM(order, "Server:", "order[0]", "is no name of a field");
	ASSERT_PROBLEM(order, "a b", "order[0]", "is no name of a field");
	ASSERT_PROBLEM(charset, "utf 8", "charset", "is no name of a character set");
	ASSERT_PROBLEM(charset, "utf-8\r\nX: y", "charset", "is no name of a character set");
}

static void a_fallback_is_the_path_of_a_file(void **state)
{
	struct site_options options = site_maker_options();

	(void)state;
	options.fallback = "/app/index.html";
	site_destroy(site_maker_create(&nothing, &options, NULL));
	ASSERT_PROBLEM(fallback, "index.html", "fallback", "is no path");
	ASSERT_PROBLEM(fallback, "/a/../b", "fallback", "is no path");
	ASSERT_PROBLEM(fallback, "/", "fallback", "is a folder");
	ASSERT_PROBLEM(fallback, "/app/", "fallback", "is a folder");
	ASSERT_PROBLEM(fallback, "/.app/index.html", "fallback", "is hidden");
	ASSERT_PROBLEM(fallback, "/index.html?a", "fallback", "begins a query");
}

static void a_fingerprint_is_a_pattern_and_an_empty_one_is_none(void **state)
{
	struct site_options options = site_maker_options();
	struct site *site;

	(void)state;
	options.fingerprint = "";
	site = site_maker_create(&nothing, &options, NULL);
	assert_null(site->fingerprint);
	site_destroy(site);
	ASSERT_PROBLEM(fingerprint, "[a-", "fingerprint", "offset");
}

static void what_is_inherited_is_shared_and_told_once(void **state)
{
	struct site_options options = site_maker_options(), own;
	struct problems problems = { .problem = NULL };
	struct site *above, *site;

	(void)state;
	options.codings = "brr,gzip";
	options.presets = "security";
	options.fallback = "no-path";
	above = site_create(&nothing, &options, NULL, NULL, &problems);
	assert_int_equal(problems.count, 2);
	own = options;
	own.languages = "en,fr";
	own.index = "none";
	site = site_create(&nothing, &own, above, PLACE_ITEM(NULL, 0), &problems);
	assert_int_equal(problems.count, 2);
	assert_ptr_equal(site->presets, above->presets);
	assert_ptr_equal(site->fingerprint, above->fingerprint);
	assert_int_equal(site->coding_count, 1);
	assert_int_equal(site->codings[0], CODING_GZIP);
	assert_int_equal(site->language_count, 2);
	assert_int_equal(site->index_count, 0);
	/* In either order. */
	site_destroy(above);
	site_destroy(site);
	problems_deinit(&problems);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_defaults_are_sound),
		cmocka_unit_test(items_keep_their_order_and_spelling),
		cmocka_unit_test(none_and_nothing_are_the_empty_list),
		cmocka_unit_test(an_unknown_coding_or_preset_is_told_with_what_is_near),
		cmocka_unit_test(what_is_there_already_is_a_problem),
		cmocka_unit_test(a_list_has_a_limit),
		cmocka_unit_test(an_index_is_the_name_of_a_file),
		cmocka_unit_test(a_language_is_a_tag),
		cmocka_unit_test(names_of_fields_and_character_sets_are_tokens),
		cmocka_unit_test(a_fallback_is_the_path_of_a_file),
		cmocka_unit_test(a_fingerprint_is_a_pattern_and_an_empty_one_is_none),
		cmocka_unit_test(what_is_inherited_is_shared_and_told_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
