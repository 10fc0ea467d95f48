/* SPDX-License-Identifier: MIT */
/*
 * site/resolve: languages, variants that were made, and when what is known still is what there is.
 *
 * resolve_fixture.h has the file system, and the words that its questions are written in.
 */
#include "resolve_fixture.h"

static void speak(const char *languages, const char *codings)
{
	options.languages = (char *)languages;
	options.codings = (char *)codings;
	make_site();
}

/* The language of each that was found, as a list of its numbers; "-" is none. */
static void assert_found(const char *expected)
{
	char found[3 * RESOLVE_VARIANTS] = "";

	for (unsigned i = 0; i < resolve.found_count; i++) {
		unsigned language = resolve.found[i].language;
		size_t size = strlen(found);

		if (language == LANGUAGE_NONE)
			strcpy(found + size, "-");
		else
			sprintf(found + size, "%u", language);
	}
	assert_string_equal(found, expected);
}

/* Only who has said which languages there are pays for looking for them. */
static void without_languages_no_translation_is_looked_for(void **state)
{
	(void)state;
	put("page.html page.fr.html");
	assert_looks("/page.html", "page.html page.html.br page.html.gz");
	assert_int_equal(resolve.vary, 0);
	assert_found("-");
}

/* The plain page first, then each language, inside of the name before behind it. */
static void languages_are_looked_for_in_the_sites_order(void **state)
{
	(void)state;
	speak("en,fr", "none");
	assert_looks("/page.html", "page.html page.en.html page.html.en page.fr.html page.html.fr");
	assert_status(404);
	assert_looks("/d/", "d/index.html d/index.en.html d/index.html.en d/index.fr.html d/index.html.fr");
	put("page.fr.html");
	assert_looks("/page.html", "page.html page.en.html page.html.en page.fr.html");
	assert_found("1");
	assert_int_equal(resolve.vary, VARY_LANGUAGE);
	put("page.html.en page.html.fr");
	assert_looks("/page.html", "page.html page.en.html page.html.en page.fr.html");
	assert_found("01");
}

/* A plain page is in the first language, so another page in that is not looked for. */
static void a_plain_page_is_the_one_in_the_first_language(void **state)
{
	(void)state;
	speak("en,fr", "br");
	put("page.html page.en.html page.en.html.br");
	assert_looks("/page.html",
		     "page.html page.html.br page.fr.html page.fr.html.br page.html.fr page.html.fr.br");
	assert_found("-");
	assert_int_equal(resolve.vary, 0);
	put("page.html.fr");
	assert_int_equal(run("/page.html"), RESOLVED_FILES);
	assert_found("01");
	assert_int_equal(resolve.vary, VARY_LANGUAGE);
}

/* Also where it is there coded only: the codings of one page never go with another page. */
static void the_codings_of_a_page_are_those_of_one_name(void **state)
{
	(void)state;
	speak("en,fr", "br,gzip");
	put("page.html.gz page.en.html page.en.html.br page.fr.html.br page.html.fr");
	run("/page.html");
	assert_asked("page.html page.html.br page.html.gz page.fr.html page.fr.html.br page.fr.html.gz "
		     ">page.html.gz stat read stat take >page.fr.html.br stat read stat take");
	assert_found("01");
	assert_int_equal(resolve.vary, VARY_LANGUAGE | VARY_ENCODING);
}

/* Each is held against the plain file of its own language. */
static void a_translation_has_codings_of_its_own(void **state)
{
	struct text path = TEXT_EMPTY;

	(void)state;
	speak("en,fr", "br");
	put("page.html page.html.br page.fr.html page.fr.html.br");
	find_file("page.html")->version.modified_ns = OLD + FIXTURE_SECOND;
	assert_int_equal(run("/page.html"), RESOLVED_FILES);
	assert_found("011");
	assert_int_equal(resolve.stale, 1u << CODING_BR);
	resolve.loading = 2;
	assert_int_equal(resolve_coding(&resolve), CODING_BR);
	resolve_write_path(&resolve, &path);
	assert_string_equal(text_string(&path), "/page.fr.html");
	text_clear(&path);
	resolve_write_plain(&resolve, &path);
	assert_string_equal(text_string(&path), "/page.html");
	text_deinit(&path);
}

/* Nobody is sent an error in another language than the client's; the page has one form. */
static void an_error_page_has_no_translations(void **state)
{
	(void)state;
	speak("en,fr", "br");
	put("404.html 404.html.br 404.fr.html");
	input.kind = 400;
	assert_looks("/404.html", "404.html 404.html.br");
	assert_found("--");
	assert_int_equal(resolve.vary, VARY_ENCODING);
	input.kind = RESOLVE_FALLBACK;
	assert_looks("/404.html", "404.html 404.html.br 404.fr.html 404.fr.html.br");
	assert_int_equal(resolve.vary, VARY_ENCODING | VARY_LANGUAGE | VARY_ACCEPT | VARY_MODE);
}

static void precompress(void)
{
	options.precompress = 1;
	make_site();
}

/* Where a file beside it is missing or old; of what is neither there nor made it is said that it is wanted.
 */
static void a_variant_that_was_made_stands_in_for_the_file_that_is_missing(void **state)
{
	(void)state;
	precompress();
	put("a.js");
	assert_int_equal(run("/a.js"), RESOLVED_FILES);
	assert_asked("a.js a.js.br made.br a.js.gz made.gz >a.js stat read stat take");
	assert_int_equal(resolve.found[0].wanted, 1u << CODING_BR | 1u << CODING_GZIP);
	assert_int_equal(resolve.vary,
			 VARY_ENCODING); /* before it is made as well: what caches keep stays right */

	put_made("a.js", CODING_GZIP);
	assert_int_equal(run("/a.js"), RESOLVED_FILES);
	assert_asked("a.js a.js.br made.br a.js.gz made.gz >a.js stat read stat take >made.gz stat read stat "
		     "take");
	assert_int_equal(resolve.found[0].wanted, 1u << CODING_BR);
	assert_true(resolve.found[1].is_made && !resolve.found[0].is_made);
	assert_true(version_equal(&resolve.found[1].plain, &resolve.found[0].version));
	resolve.loading = 1;
	assert_int_equal(resolve_coding(&resolve), CODING_GZIP);

	put("a.js.br");
	find_file("a.js.br")->version.modified_ns = 0;
	assert_looks("/a.js", "a.js a.js.br made.br a.js.gz made.gz");
	assert_int_equal(resolve.stale, 1u << CODING_BR);
	find_file("a.js.br")->version.modified_ns = OLD;
	assert_looks("/a.js", "a.js a.js.br a.js.gz made.gz");
	assert_int_equal(resolve.found[0].wanted, 0);
	assert_int_equal(resolve.found_count, 3);
}

/* Of another version there is no name: what was made before the file changed is never taken. */
static void what_was_made_of_an_older_version_is_not_asked_for(void **state)
{
	(void)state;
	precompress();
	put("a.js");
	put_made("a.js", CODING_BR);
	run("/a.js");
	assert_int_equal(resolve.found_count, 2);
	find_file("a.js")->version.changed_ns++;
	run("/a.js");
	assert_int_equal(resolve.found_count, 1);
	assert_int_equal(resolve.found[0].wanted, 1u << CODING_BR | 1u << CODING_GZIP);
}

/* In size (it would not pay, or take too long), in type, and there at all. */
static void only_what_is_worth_compressing_is_made(void **state)
{
	static const struct {
		const char *path;
		uint64_t size, compress_max;
		bool is_wanted;
	} rows[] = {
		{ "/a.js", 255, COMPRESS_MAX, false },
		{ "/a.js", 256, COMPRESS_MAX, true },
		{ "/a.js", 5000, COMPRESS_MAX, true },
		{ "/a.js", 5001, COMPRESS_MAX, false },
		{ "/a.js", 500, 0, false },
		{ "/a.png", 500, COMPRESS_MAX, false },
		{ "/a.unknown", 500, COMPRESS_MAX, false },
		{ "/a.svg", 500, COMPRESS_MAX, true },
		{ "/a.br", 500, COMPRESS_MAX, false },
		{ "/a", 500, COMPRESS_MAX, false },
		{ "/d/", 500, COMPRESS_MAX, true },
		{ "/clean", 500, COMPRESS_MAX, true },
	};

	(void)state;
	options.clean_urls = 1;
	precompress();
	put("a.js a.png a.unknown a.svg a.br a d/index.html clean.html");
	for (size_t i = 0; i < FIXTURE_COUNT(rows); i++) {
		for (unsigned k = 0; k < file_count; k++)
			files[k].version.size = rows[i].size;
		input.compress_max = rows[i].compress_max;
		assert_int_equal(run(rows[i].path), RESOLVED_FILES);
		if ((resolve.found[0].wanted != 0) != rows[i].is_wanted ||
		    (strstr(asked, "made") != NULL) != rows[i].is_wanted)
			fail_msg("%s of %zu bytes: %s", rows[i].path, (size_t)rows[i].size, asked);
	}
	assert_int_equal(run("/missing.js"), RESOLVED_STATUS);
	assert_null(strstr(asked, "made"));
	options.precompress = 0;
	make_site();
	run("/a.js");
	assert_asked("a.js a.js.br a.js.gz >a.js stat read stat take");
}

/* An orphan has no version that a name could be made of, and nothing that could be compressed. */
static void nothing_is_made_where_there_is_no_plain_file(void **state)
{
	(void)state;
	precompress();
	put("a.js.gz");
	assert_looks("/a.js", "a.js a.js.br a.js.gz");
	assert_int_equal(resolve.found[0].wanted, 0);
}

/* The language in a name, wherever it stands, does not change what kind of file it is. */
static void translations_are_made_smaller_as_well(void **state)
{
	static const char *const names[] = { "page.html.fr", "page.fr.html" };

	(void)state;
	speak("en,fr", "br");
	precompress();
	for (size_t i = 0; i < FIXTURE_COUNT(names); i++) {
		file_count = 0;
		put(names[i]);
		run("/page.html");
		assert_int_equal(resolve.found_count, 1);
		assert_int_equal(resolve.found[0].wanted, 1u << CODING_BR);
		put_made(names[i], CODING_BR);
		run("/page.html");
		assert_int_equal(resolve.found_count, 2);
		assert_int_equal(resolve.found[1].language, 1);
	}
}

/* A folder of such that cannot be read is one without what was made. */
static void a_made_variant_that_is_forbidden_is_not_there(void **state)
{
	(void)state;
	precompress();
	put("a.js");
	put_made("a.js", CODING_BR)->look_error = -EACCES;
	assert_int_equal(run("/a.js"), RESOLVED_FILES);
	assert_int_equal(resolve.found_count, 1);
	assert_int_equal(resolve.found[0].wanted, 1u << CODING_BR | 1u << CODING_GZIP);
}

/* Sixteen languages in four forms each, and a plain page: more than there is room for. */
static void what_is_found_is_bounded(void **state)
{
	static const char list[] = "aa,ab,ac,ad,ae,af,ag,ah,ai,aj,ak,al,am,an,ao,ap";

	(void)state;
	speak(list, "br,zstd,gzip");
	for (unsigned i = 0; i < 16; i++) {
		char words[128];

		snprintf(words, sizeof(words), "p.%.2s.html p.%.2s.html.br p.%.2s.html.zst p.%.2s.html.gz",
			 list + 3 * i, list + 3 * i, list + 3 * i, list + 3 * i);
		put(words);
	}
	assert_int_equal(run("/p.html"), RESOLVED_FILES);
	assert_int_equal(resolve.found_count, 64);
	put("p.html p.html.br p.html.zst p.html.gz");
	assert_int_equal(run("/p.html"), RESOLVED_FILES);
	assert_int_equal(resolve.found_count, 64);
	file_count = 0;
	put("p.html.br p.html.zst p.html.gz"); /* orphans, so that the last language begins in the last place
						*/
	for (unsigned i = 1; i < 16; i++) {
		char words[128];

		snprintf(words, sizeof(words),
			 "p.%.2s.html p.%.2s.html.br p.%.2s.html.zst p.%.2s.html.gz p.html.%.2s",
			 list + 3 * i, list + 3 * i, list + 3 * i, list + 3 * i, list + 3 * i);
		put(words);
	}
	assert_int_equal(run("/p.html"), RESOLVED_FILES);
	assert_int_equal(resolve.found_count, 63);
}

/* The chain that serve/ would make of what was found. */
static struct asset *make_chain(void)
{
	struct asset *first = NULL, **link = &first;

	for (unsigned i = 0; i < resolve.found_count; i++) {
		struct asset_spec spec = { .version = &resolve.found[i].version,
					   .size = resolve.found[i].version.size,
					   .vary = resolve.vary };

		resolve.loading = i;
		spec.coding = resolve_coding(&resolve);
		*link = fixture_file(site, &spec);
		(*link)->language = (uint8_t)resolve.found[i].language;
		link = &(*link)->next;
	}
	return first;
}

/* The usual end of a look at a cached file: nothing is opened, whatever there is of it. */
static void an_unchanged_set_is_not_opened_again(void **state)
{
	static const char *const sets[] = { "page.html", "page.html page.html.br page.html.gz",
					    "page.html.gz", "page.html page.fr.html page.fr.html.br",
					    "page.en.html page.html.fr" };

	(void)state;
	speak("en,fr", "br,gzip");
	for (size_t i = 0; i < FIXTURE_COUNT(sets); i++) {
		struct asset *known;

		file_count = 0;
		put(sets[i]);
		files[0].version.size = SMALL_MAX + 1;
		run("/page.html");
		known = make_chain();
		assert_int_equal(run_with("/page.html", known), RESOLVED_UNCHANGED);
		assert_null(strchr(asked, '>'));
		fixture_release(known);
	}
}

/* Made of a coded one, at the end of the chain: no file stands behind it. */
static void a_decoded_form_in_the_chain_is_stepped_over(void **state)
{
	struct asset *known;

	(void)state;
	put("a.gz");
	run("/a");
	known = make_chain();
	known->next = fixture_file(site, NULL);
	known->next->is_decoded = true;
	assert_int_equal(run_with("/a", known), RESOLVED_UNCHANGED);
	known->is_decoded = true;
	assert_int_equal(run_with("/a", known), RESOLVED_FILES);
	fixture_release(known);
}

/* In any part of any version, in number, coding, language, or in what it depends on. */
static void a_set_that_differs_in_anything_is_loaded(void **state)
{
	struct asset *known;
	uint64_t *parts[5];

	(void)state;
	speak("en,fr", "br,gzip");
	put("page.html page.html.br page.fr.html");
	run("/page.html");
	known = make_chain();
	assert_int_equal(run_with("/page.html", known), RESOLVED_UNCHANGED);
	parts[0] = &known->next->version.device;
	parts[1] = &known->next->version.inode;
	parts[2] = &known->next->version.size;
	parts[3] = (uint64_t *)&known->next->version.modified_ns;
	parts[4] = (uint64_t *)&known->next->version.changed_ns;
	for (size_t i = 0; i < FIXTURE_COUNT(parts); i++) {
		++*parts[i];
		assert_int_equal(run_with("/page.html", known), RESOLVED_FILES);
		--*parts[i];
	}
	known->next->coding = CODING_GZIP;
	assert_int_equal(run_with("/page.html", known), RESOLVED_FILES);
	known->next->coding = CODING_BR;
	known->next->next->language = 0;
	assert_int_equal(run_with("/page.html", known), RESOLVED_FILES);
	known->next->next->language = 1;
	known->vary = VARY_LANGUAGE;
	assert_int_equal(run_with("/page.html", known), RESOLVED_FILES);
	known->vary = VARY_LANGUAGE | VARY_ENCODING;
	known->next->racy = true;
	assert_int_equal(run_with("/page.html", known), RESOLVED_FILES);
	known->next->racy = false;
	known->next->kind = ASSET_PAGE;
	assert_int_equal(run_with("/page.html", known), RESOLVED_FILES);
	known->next->kind = ASSET_FILE;
	assert_int_equal(run_with("/page.html", known), RESOLVED_UNCHANGED);
	put("page.html.gz");
	assert_int_equal(run_with("/page.html", known), RESOLVED_FILES);
	file_count--;
	put("page.fr.html.gz");
	assert_int_equal(run_with("/page.html", known), RESOLVED_FILES);
	file_count -= 2; /* the French one is gone as well */
	assert_int_equal(run_with("/page.html", known), RESOLVED_FILES);
	file_count = 0;
	assert_int_equal(run_with("/page.html", known), RESOLVED_STATUS);
	fixture_release(known);
}

/* Its version may be that of another content, written within the same tick of the file system's clock. */
static void a_racy_asset_is_never_unchanged(void **state)
{
	struct asset *known;

	(void)state;
	put("a");
	run("/a");
	known = make_chain();
	known->racy = true;
	assert_int_equal(run_with("/a", known), RESOLVED_FILES);
	assert_asked("a a.br a.gz >a stat read stat take");
	fixture_release(known);
}

/* A page has no version; a file of all zeros must not be taken for it. */
static void a_page_known_so_far_is_no_file(void **state)
{
	struct asset_spec spec = {
		.site = site, .kind = ASSET_PAGE, .status = 404, .language = LANGUAGE_NONE
	};
	struct asset *page = asset_create(&spec, 0);

	(void)state;
	put("a");
	find_file("a")->version = (struct version){ 0 };
	assert_int_equal(run_with("/a", page), RESOLVED_FILES);
	fixture_release(page);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
#define TEST(rule) cmocka_unit_test_setup_teardown(rule, resolve_set_up, resolve_tear_down)
		TEST(without_languages_no_translation_is_looked_for),
		TEST(languages_are_looked_for_in_the_sites_order),
		TEST(a_plain_page_is_the_one_in_the_first_language),
		TEST(the_codings_of_a_page_are_those_of_one_name),
		TEST(a_translation_has_codings_of_its_own),
		TEST(an_error_page_has_no_translations),
		TEST(a_variant_that_was_made_stands_in_for_the_file_that_is_missing),
		TEST(what_was_made_of_an_older_version_is_not_asked_for),
		TEST(only_what_is_worth_compressing_is_made),
		TEST(nothing_is_made_where_there_is_no_plain_file),
		TEST(translations_are_made_smaller_as_well),
		TEST(a_made_variant_that_is_forbidden_is_not_there),
		TEST(what_is_found_is_bounded),
		TEST(an_unchanged_set_is_not_opened_again),
		TEST(a_decoded_form_in_the_chain_is_stepped_over),
		TEST(a_set_that_differs_in_anything_is_loaded),
		TEST(a_racy_asset_is_never_unchanged),
		TEST(a_page_known_so_far_is_no_file),
#undef TEST
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
