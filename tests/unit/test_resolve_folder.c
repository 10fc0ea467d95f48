/* SPDX-License-Identifier: MIT */
/*
 * site/resolve: what answers for a folder, and which slashes lead where.
 *
 * resolve_fixture.h has the file system, and the words that its questions are written in. Names have
 * no codings here.
 */
#include "resolve_fixture.h"

static const char *const slash_names[] = { "add", "remove", "none" };

static int set_up(void **state)
{
	resolve_set_up(state);
	options.codings = (char *)"none";
	make_site();
	return 0;
}

static void make_with(enum trailing_slash slash, bool listing)
{
	options.trailing_slash = slash;
	options.listing = listing;
	make_site();
}

static void assert_redirected(const char *path, const char *location)
{
	struct text text = TEXT_EMPTY;

	if (run(path) != RESOLVED_REDIRECT)
		fail_msg("%s: outcome %d, asked %s", path, (int)resolve.outcome, asked);
	resolve_write_location(&resolve, &text);
	assert_string_equal(text_string(&text), location);
	text_deinit(&text);
}

/* The path of what was found, as it would be served. */
static void assert_served(const char *path, const char *file)
{
	struct text text = TEXT_EMPTY;

	if (run(path) != RESOLVED_FILES)
		fail_msg("%s: outcome %d, asked %s", path, (int)resolve.outcome, asked);
	resolve.loading = 0;
	resolve_write_path(&resolve, &text);
	assert_string_equal(text_string(&text), file);
	text_deinit(&text);
}

/* In their order, and each with all its forms before the next. */
static void the_first_index_that_is_there_answers_for_its_folder(void **state)
{
	(void)state;
	options.index = (char *)"index.html,index.htm,default.txt";
	make_site();
	put("docs/ docs/index.htm docs/default.txt");
	assert_looks("/docs/", "docs/index.html docs/index.htm");
	assert_served("/docs/", "/docs/index.htm");
	assert_looks("/none/", "none/index.html none/index.htm none/default.txt");
	assert_status(404);
	assert_looks("/", "index.html index.htm default.txt");
	assert_status(404);
	put("default.txt");
	assert_served("/", "/default.txt");
	options.codings = (char *)"br,gzip";
	make_site();
	put("docs/index.html.gz");
	assert_looks("/docs/", "docs/index.html docs/index.html.br docs/index.html.gz");
}

/* A folder by the name of an index is none; a name behind a slash must be a folder. */
static void an_index_is_a_file(void **state)
{
	(void)state;
	options.index = (char *)"index.html,other";
	make_site();
	put("a/ a/index.html/ a/other/ file");
	run("/a/");
	assert_asked("a/index.html a/other");
	assert_status(404);
	find_file("a/other")->type = FILE_REGULAR;
	assert_served("/a/", "/a/other");
	run("/file/");
	assert_status(404);
}

/* References in the page are relative to the folder: with the slash they find it. */
static void a_folder_without_its_slash_is_redirected_to_it(void **state)
{
	(void)state;
	put("a/ a/b/ a/index.html");
	assert_redirected("/a", "/a/");
	assert_asked("a");
	assert_redirected("/a/b", "/a/b/");
	assert_served("/a/", "/a/index.html");
	assert_served("/a/index.html", "/a/index.html");
}

static void a_slash_too_many_is_redirected_away(void **state)
{
	(void)state;
	make_with(SLASH_REMOVE, false);
	put("a/ a/index.html file index.html b/");
	assert_redirected("/a/", "/a");
	assert_served("/a", "/a/index.html");
	assert_asked("a a/index.html >a/index.html stat read stat take");
	assert_redirected("/file/", "/file");
	assert_served("/file", "/file");
	assert_served("/", "/index.html");
	run("/b/");
	assert_status(404);
	run("/none/");
	assert_status(404);
	options.clean_urls = 1;
	make_site();
	put("about.html");
	assert_redirected("/about/", "/about");
	assert_served("/about", "/about.html");
}

static void both_names_of_a_folder_are_answered_where_that_is_wanted(void **state)
{
	(void)state;
	make_with(SLASH_NONE, false);
	put("a/ a/index.html b/ file");
	assert_served("/a", "/a/index.html");
	assert_served("/a/", "/a/index.html");
	run("/b");
	assert_status(404);
	run("/file/");
	assert_status(404);
}

/* Generators of sites write blog.html and blog/article.html; the folder is what its own name says. */
static void with_clean_urls_a_page_comes_before_the_folder_of_its_name(void **state)
{
	(void)state;
	put("blog/ blog/article.html blog.html docs/ docs/index.html docs.html a/ a/index.html");
	options.clean_urls = 1;
	make_with(SLASH_ADD, false);
	assert_served("/blog", "/blog.html");
	assert_asked("blog blog.html >blog.html stat read stat take");
	assert_served("/blog/article", "/blog/article.html");
	assert_served("/docs", "/docs.html");
	assert_served("/docs/", "/docs/index.html");
	assert_redirected("/a", "/a/");
	assert_asked("a a.html");
	make_with(SLASH_REMOVE, false);
	assert_redirected("/blog/", "/blog");
	assert_served("/blog", "/blog.html");
	assert_redirected("/a/", "/a");
	assert_served("/a", "/a/index.html");
	make_with(SLASH_NONE, true);
	assert_served("/blog", "/blog.html");
	assert_int_equal(run("/blog/"), RESOLVED_LISTING);
	assert_served("/a", "/a/index.html");
	options.clean_urls = 0;
	make_site();
	assert_redirected("/blog", "/blog/");
}

/* Off by default. References of a listing are relative, so it needs its slash in every mode. */
static void a_folder_without_an_index_is_listed_where_that_is_wanted(void **state)
{
	(void)state;
	put("a/ a/b/ with/ with/index.html");
	for (unsigned slash = SLASH_ADD; slash <= SLASH_NONE; slash++) {
		make_with((enum trailing_slash)slash, false);
		run("/a/");
		assert_status(404);
		make_with((enum trailing_slash)slash, true);
		assert_int_equal(run("/a/"), RESOLVED_LISTING);
		assert_non_null(strstr(asked, "list:a"));
		assert_true(bytes_equal(resolve.base, BYTES("a/")) || slash == SLASH_REMOVE);
		assert_redirected("/a", "/a/");
		assert_int_equal(run("/a/b/"), RESOLVED_LISTING);
		assert_int_equal(run("/"), RESOLVED_LISTING);
		assert_asked("index.html list:.");
		assert_served(slash == SLASH_REMOVE ? "/with" : "/with/", "/with/index.html");
	}
}

/* Then a folder is listed, or it is nothing: no name is made of an index that there is not. */
static void without_index_files_a_folder_has_none(void **state)
{
	(void)state;
	options.index = (char *)"none";
	put("a/ a/index.html");
	for (unsigned slash = SLASH_ADD; slash <= SLASH_NONE; slash++) {
		make_with((enum trailing_slash)slash, false);
		run("/");
		assert_status(404);
		assert_asked("");
		run("/a/");
		assert_status(404);
		if (slash != SLASH_ADD) {
			run("/a");
			assert_status(404);
			assert_asked("a");
		}
		make_with((enum trailing_slash)slash, true);
		assert_int_equal(run("/a/"), RESOLVED_LISTING);
		assert_redirected("/a", "/a/");
		assert_int_equal(run("/"), RESOLVED_LISTING);
		assert_asked("list:.");
	}
}

/* Named by the configuration, not by a client: exactly this file, or none. */
static void a_fallback_or_an_error_page_never_redirects_and_never_lists(void **state)
{
	static const unsigned kinds[] = { RESOLVE_FALLBACK, 404, 500 };

	(void)state;
	put("a/ a/index.html b/ file");
	for (size_t i = 0; i < FIXTURE_COUNT(kinds); i++) {
		for (unsigned slash = SLASH_ADD; slash <= SLASH_NONE; slash++) {
			make_with((enum trailing_slash)slash, true);
			input.kind = kinds[i];
			assert_served("/a/", "/a/index.html");
			run("/a");
			assert_status(404);
			run("/b");
			assert_status(404);
			run("/b/");
			assert_status(404);
			run("/file/");
			assert_status(404);
			assert_served("/file", "/file");
			assert_int_equal(resolve.vary,
					 kinds[i] == RESOLVE_FALLBACK ? VARY_ACCEPT | VARY_MODE : 0);
		}
	}
}

/* Who navigates to what is not there gets the fallback, others the page of the 404: caches must know. */
static void the_fallback_and_the_404_beside_it_depend_on_who_asks(void **state)
{
	static const unsigned kinds[] = { RESOLVE_PATH, RESOLVE_FALLBACK, 400, 404, 500 };

	(void)state;
	put("a");
	for (unsigned fallback = 0; fallback < 2; fallback++) {
		options.fallback = (char *)(fallback ? "/index.html" : "");
		make_site();
		for (size_t i = 0; i < FIXTURE_COUNT(kinds); i++) {
			bool depends = kinds[i] == RESOLVE_FALLBACK || (kinds[i] == 404 && fallback);

			input.kind = kinds[i];
			assert_served("/a", "/a");
			assert_int_equal(resolve.vary, depends ? VARY_ACCEPT | VARY_MODE : 0);
		}
	}
}

/* What opening or reading the folder ran into. */
static void every_error_of_a_listing_has_its_status(void **state)
{
	static const struct {
		int error;
		unsigned status;
	} rows[] = { { ENOENT, 404 }, { ENOTDIR, 404 }, { EXDEV, 404 },
		     { EACCES, 403 }, { EMFILE, 503 },  { EIO, 500 } };

	(void)state;
	make_with(SLASH_ADD, true);
	for (size_t i = 0; i < FIXTURE_COUNT(rows); i++) {
		enum resolve_step step = begin_with("/a/", NULL);

		assert_int_equal(step_on(step), RESOLVE_LIST);
		assert_int_equal(resolve_on_list(&resolve, -rows[i].error), RESOLVE_DONE);
		assert_status(rows[i].status);
	}
	for (unsigned attempt = 1; attempt <= RESOLVE_ATTEMPTS; attempt++) {
		enum resolve_step step = attempt == 1 ? begin_with("/a/", NULL) : RESOLVE_LOOK;

		assert_int_equal(step_on(step), RESOLVE_LIST);
		assert_int_equal(resolve_on_list(&resolve, -EINTR),
				 attempt < RESOLVE_ATTEMPTS ? RESOLVE_LOOK : RESOLVE_DONE);
	}
	assert_status(503);
}

/* Behind a rewrite the slash of what was asked for counts: references are relative to that. */
static void a_rewritten_path_has_the_slash_of_what_was_asked_for(void **state)
{
	(void)state;
	put("docs/ docs/index.html list/");
	for (unsigned slash = SLASH_ADD; slash <= SLASH_NONE; slash++) {
		make_with((enum trailing_slash)slash, true);
		input.asked = BYTES("/asked/");
		assert_served("/docs", "/docs/index.html");
		assert_served("/docs/", "/docs/index.html");
		assert_int_equal(run("/list"), RESOLVED_LISTING);
		assert_int_equal(run("/list/"), RESOLVED_LISTING);
		input.asked = BYTES("/asked");
		assert_served("/docs/", "/docs/index.html");
		assert_redirected("/list", "/list/");
		assert_redirected("/list/", "/list/");
		options.index = (char *)"none";
		make_site();
		assert_redirected("/", "/");
		options.index = (char *)"index.html";
	}
	make_with(SLASH_ADD, false);
	assert_redirected("/docs", "/docs/");
}

/* Follow what a browser would follow; returns how many redirects there were. */
static unsigned follow(const char *path, const char *tree)
{
	struct text next = TEXT_EMPTY;
	char at[64];
	unsigned hops = 0;

	for (strcpy(at, path); run(at) == RESOLVED_REDIRECT; hops++) {
		text_clear(&next);
		resolve_write_location(&resolve, &next);
		if (hops > 1 || strcmp(at, text_string(&next)) == 0)
			fail_msg("%s leads in a circle to %s, slash %s, listing %d, clean %d, in %s", path,
				 at, slash_names[options.trailing_slash], (int)options.listing,
				 (int)options.clean_urls, tree);
		/* "//host" would be another host. */
		assert_int_equal(text_string(&next)[0], '/');
		assert_int_not_equal(text_string(&next)[1], '/');
		strcpy(at, text_string(&next));
	}
	text_deinit(&next);
	return hops;
}

/* Every mode, with all that may stand there; at most one step, so never from one name to the other and back.
 */
static void no_redirect_leads_to_a_redirect(void **state)
{
	static const char *const trees[] = { "x",
					     "a",
					     "a/",
					     "a/ a/index.html",
					     "a/ a/index.html/",
					     "a/ a/index.html a.html",
					     "a/ a.html",
					     "a.html",
					     "a index.html",
					     "a/ a/b/ a/b/index.html",
					     "a/ a/b",
					     "a/ a/b.html",
					     "a/ a/b.html a/b/" };
	static const char *const paths[] = {
		"/", "/a", "/a/", "/a/b", "/a/b/", "/a/index.html", "/a/index.html/"
	};
	unsigned hops_most = 0;

	(void)state;
	for (unsigned bits = 0; bits < 24; bits++) {
		options.clean_urls = bits & 1;
		options.index = (char *)(bits & 2 ? "none" : "index.html");
		make_with((enum trailing_slash)(bits / 8), bits & 4);
		for (size_t i = 0; i < FIXTURE_COUNT(trees); i++) {
			file_count = 0;
			put(trees[i]);
			for (size_t k = 0; k < FIXTURE_COUNT(paths); k++) {
				unsigned hops = follow(paths[k], trees[i]);

				hops_most = hops > hops_most ? hops : hops_most;
			}
		}
	}
	assert_int_equal(hops_most, 1);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
#define TEST(rule) cmocka_unit_test_setup_teardown(rule, set_up, resolve_tear_down)
		TEST(the_first_index_that_is_there_answers_for_its_folder),
		TEST(an_index_is_a_file),
		TEST(a_folder_without_its_slash_is_redirected_to_it),
		TEST(a_slash_too_many_is_redirected_away),
		TEST(both_names_of_a_folder_are_answered_where_that_is_wanted),
		TEST(with_clean_urls_a_page_comes_before_the_folder_of_its_name),
		TEST(a_folder_without_an_index_is_listed_where_that_is_wanted),
		TEST(without_index_files_a_folder_has_none),
		TEST(a_fallback_or_an_error_page_never_redirects_and_never_lists),
		TEST(the_fallback_and_the_404_beside_it_depend_on_who_asks),
		TEST(every_error_of_a_listing_has_its_status),
		TEST(a_rewritten_path_has_the_slash_of_what_was_asked_for),
		TEST(no_redirect_leads_to_a_redirect),
#undef TEST
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
