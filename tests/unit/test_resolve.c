/* SPDX-License-Identifier: MIT */
/*
 * site/resolve: which names may stand for a path, in which order they are looked at, and which of them
 * count.
 *
 * resolve_fixture.h has the file system, and the words that its questions are written in.
 */
#include "resolve_fixture.h"

/* The name is relative, so that it is looked up below the root; a folder is answered by the file in it. */
static void a_path_becomes_a_name_below_the_root(void **state)
{
	static char path[4098], names[3 * 4200];

	(void)state;
	options.codings = (char *)"none";
	make_site();
	assert_looks("/", "index.html");
	assert_looks("/a", "a");
	assert_looks("/a/", "a/index.html");
	assert_looks("/a/b.css", "a/b.css");
	assert_looks("/a/b/", "a/b/index.html");
	assert_looks("/index.html", "index.html");
	assert_looks("/\xff ?", "\xff ?");
	memset(path, 'a', sizeof(path) - 1);
	path[0] = '/';
	assert_looks(path, path + 1);
	path[4096] = '/';
	snprintf(names, sizeof(names), "%sindex.html", path + 1);
	assert_looks(path, names);
}

/* The plain file first, then its coded forms in the order that the site prefers. */
static void coded_forms_are_looked_for_in_the_sites_order(void **state)
{
	static const struct {
		const char *codings, *expected;
	} rows[] = {
		{ "br,zstd,gzip", "a.js a.js.br a.js.zst a.js.gz" },
		{ "gzip,br", "a.js a.js.gz a.js.br" },
		{ "zstd", "a.js a.js.zst" },
		{ "none", "a.js" },
	};

	(void)state;
	put("a.js");
	for (size_t i = 0; i < FIXTURE_COUNT(rows); i++) {
		options.codings = (char *)rows[i].codings;
		make_site();
		assert_looks("/a.js", rows[i].expected);
	}
}

/* What is found goes in the order of the looks, each with its coding, and its path is that of the plain file.
 */
static void the_coded_forms_that_are_there_are_found(void **state)
{
	struct text path = TEXT_EMPTY;

	(void)state;
	options.codings = (char *)"gzip,zstd,br";
	make_site();
	put("d/a.js d/a.js.gz d/a.js.br");
	assert_int_equal(run("/d/a.js"), RESOLVED_FILES);
	assert_asked("d/a.js d/a.js.gz d/a.js.zst d/a.js.br >d/a.js stat read stat take "
		     ">d/a.js.gz stat read stat take >d/a.js.br stat read stat take");
	assert_int_equal(resolve.found_count, 3);
	assert_int_equal(resolve.vary, VARY_ENCODING);
	for (resolve.loading = 0; resolve.loading < 3; resolve.loading++) {
		static const enum coding codings[] = { CODING_IDENTITY, CODING_GZIP, CODING_BR };

		assert_int_equal(resolve_coding(&resolve), codings[resolve.loading]);
		assert_int_equal(resolve.found[resolve.loading].language, LANGUAGE_NONE);
		text_clear(&path);
		resolve_write_path(&resolve, &path);
		assert_string_equal(text_string(&path), "/d/a.js");
		text_clear(&path);
		resolve_write_plain(&resolve, &path);
		assert_string_equal(text_string(&path), "/d/a.js");
	}
	text_deinit(&path);
}

/* It is served as it is, whatever stands beside it; only the last ending of the last segment counts. */
static void a_coded_file_asked_for_by_name_has_no_codings(void **state)
{
	(void)state;
	put("a.js.br a.js.br.br a.js.br.gz");
	assert_looks("/a.js.br", "a.js.br");
	assert_int_equal(resolve.vary, 0);
	assert_int_equal(resolve.found_count, 1);
	resolve.loading = 0;
	assert_int_equal(resolve_coding(&resolve), CODING_IDENTITY);
	assert_looks("/b.gz", "b.gz");
	assert_status(404);
	assert_looks("/b.zst", "b.zst");
	assert_looks("/b.br/c", "b.br/c b.br/c.br b.br/c.gz");
	assert_looks("/b.BR", "b.BR b.BR.br b.BR.gz");
	assert_looks("/.br", ".br .br.br .br.gz");
}

/* The shortest path there is; what is left of it without its slash is no name at all. */
static void a_path_of_one_byte_is_the_root(void **state)
{
	(void)state;
	put("index.html index.html.gz");
	assert_int_equal(run("/"), RESOLVED_FILES);
	assert_asked("index.html index.html.br index.html.gz >index.html stat read stat take "
		     ">index.html.gz stat read stat take");
}

/* For who takes it. The plain form can be made of it, and is looked for again each time. */
static void a_coded_form_without_a_plain_one_is_found(void **state)
{
	(void)state;
	put("a.gz");
	assert_int_equal(run("/a"), RESOLVED_FILES);
	assert_asked("a a.br a.gz >a.gz stat read stat take");
	assert_int_equal(resolve.found_count, 1);
	resolve.loading = 0;
	assert_int_equal(resolve_coding(&resolve), CODING_GZIP);
	assert_int_equal(resolve.vary, VARY_ENCODING);
	assert_int_equal(resolve.stale, 0);
}

/* It tells of another content than the plain file has; what stands behind it in the order may be newer. */
static void a_coded_form_older_than_its_plain_one_is_not_used(void **state)
{
	(void)state;
	put("a a.br a.gz");
	find_file("a.br")->version.modified_ns = OLD - 1;
	assert_int_equal(run("/a"), RESOLVED_FILES);
	assert_asked("a a.br a.gz >a stat read stat take >a.gz stat read stat take");
	assert_int_equal(resolve.stale, 1u << CODING_BR);
	find_file("a.gz")->version.modified_ns = OLD - 1;
	assert_int_equal(run("/a"), RESOLVED_FILES);
	assert_asked("a a.br a.gz >a stat read stat take");
	assert_int_equal(resolve.stale, 1u << CODING_BR | 1u << CODING_GZIP);
	assert_int_equal(resolve.vary, 0);
	find_file("a")->type = FILE_OTHER;
	run("/a");
	assert_asked("a a.br a.gz >a.br stat read stat take >a.gz stat read stat take");
	assert_int_equal(resolve.stale, 0);
}

/* Tools that copy the time of a file may copy whole seconds only. */
static void a_coded_form_of_the_same_second_is_not_older(void **state)
{
	static const struct {
		int64_t plain_ns, coded_ns;
		bool is_used;
	} rows[] = {
		{ OLD + 999999999, OLD, true },
		{ OLD, OLD, true },
		{ OLD, OLD + 1, true },
		{ OLD + FIXTURE_SECOND, OLD + 999999999, false },
		{ OLD, OLD + FIXTURE_SECOND, true },
		{ 0, 0, true },
	};

	(void)state;
	put("a a.br");
	for (size_t i = 0; i < FIXTURE_COUNT(rows); i++) {
		find_file("a")->version.modified_ns = rows[i].plain_ns;
		find_file("a.br")->version.modified_ns = rows[i].coded_ns;
		run("/a");
		assert_int_equal(resolve.found_count, rows[i].is_used ? 2 : 1);
		assert_int_equal(resolve.stale, rows[i].is_used ? 0 : 1u << CODING_BR);
	}
}

/* What is not there or out of reach is 404, the forbidden 403, a limit 503, the rest our own trouble. */
static const struct {
	int error;
	unsigned status;
} error_rows[] = {
	{ ENOENT, 404 },  { ENOTDIR, 404 }, { ENAMETOOLONG, 404 }, { ELOOP, 404 },  { EXDEV, 404 },
	{ ENXIO, 404 },   { ENODEV, 404 },  { EINVAL, 404 },       { EACCES, 403 }, { EPERM, 403 },
	{ EMFILE, 503 },  { ENFILE, 503 },  { ENOMEM, 503 },       { EBUSY, 503 },  { ECANCELED, 503 },
	{ ENOBUFS, 503 }, { EIO, 500 },     { ESTALE, 500 },
};

static void every_error_of_a_look_at_the_plain_file_has_its_status(void **state)
{
	(void)state;
	put("a");
	for (size_t i = 0; i < FIXTURE_COUNT(error_rows); i++) {
		find_file("a")->look_error = -error_rows[i].error;
		run("/a");
		assert_status(error_rows[i].status);
		assert_asked(error_rows[i].status == 404 ? "a a.br a.gz" : "a");
	}
}

/* That it is not there or forbidden is no reason to refuse the plain one; that we are in trouble is. */
static void every_error_of_a_look_at_a_coded_form_has_its_outcome(void **state)
{
	(void)state;
	put("a a.br a.gz");
	for (size_t i = 0; i < FIXTURE_COUNT(error_rows); i++) {
		find_file("a.br")->look_error = -error_rows[i].error;
		if (error_rows[i].status == 404 || error_rows[i].status == 403) {
			assert_int_equal(run("/a"), RESOLVED_FILES);
			assert_asked("a a.br a.gz >a stat read stat take >a.gz stat read stat take");
			assert_int_equal(resolve.vary, VARY_ENCODING);
		} else {
			run("/a");
			assert_status(error_rows[i].status);
			assert_asked("a a.br");
		}
	}
}

/* A FIFO, a device, a socket: reading them could wait for ever, or do something. */
static void what_is_neither_file_nor_folder_is_not_there(void **state)
{
	(void)state;
	put("a a.br b b.br/");
	find_file("a")->type = FILE_OTHER;
	find_file("a.br")->type = FILE_OTHER;
	assert_looks("/a", "a a.br a.gz");
	assert_status(404);
	assert_looks("/b", "b b.br b.gz");
	assert_int_equal(resolve.found_count, 1);
}

/* Opt-in: a name without an ending may be that of a page, if no file has it. */
static void a_clean_url_finds_the_page_behind_the_file(void **state)
{
	(void)state;
	put("about.html about.html.br both both.html v1.2.html d/about.html only.html.gz");
	assert_looks("/about", "about about.br about.gz");
	assert_status(404);
	options.clean_urls = 1;
	make_site();
	assert_looks("/about", "about about.br about.gz about.html about.html.br about.html.gz");
	assert_int_equal(resolve.outcome, RESOLVED_FILES);
	assert_looks("/d/about",
		     "d/about d/about.br d/about.gz d/about.html d/about.html.br d/about.html.gz");
	assert_looks("/both", "both both.br both.gz");
	assert_looks("/only", "only only.br only.gz only.html only.html.br only.html.gz");
	assert_int_equal(resolve.outcome, RESOLVED_FILES);
	assert_looks("/v1.2", "v1.2 v1.2.br v1.2.gz");
	assert_looks("/none", "none none.br none.gz none.html none.html.br none.html.gz");
	assert_status(404);
	assert_looks("/d/", "d/index.html d/index.html.br d/index.html.gz");
	input.kind = RESOLVE_FALLBACK;
	assert_looks("/about", "about about.br about.gz");
	input.kind = 404;
	assert_looks("/about", "about about.br about.gz");
}

/* Its path is that of the page: rules and types go by what is served. */
static void the_path_of_a_clean_url_is_that_of_the_page(void **state)
{
	struct text path = TEXT_EMPTY;

	(void)state;
	options.clean_urls = 1;
	make_site();
	put("d/about.html");
	run("/d/about");
	resolve.loading = 0;
	resolve_write_path(&resolve, &path);
	resolve_write_plain(&resolve, &path);
	assert_string_equal(text_string(&path), "/d/about.html/d/about.html");
	text_deinit(&path);
}

static void keep_line(void *context, const char *text)
{
	char *lines = context;

	assert_true(strlen(lines) + strlen(text) < 1000);
	strcat(strcat(lines, text), "\n");
}

/* Who asks why gets each name that was looked at, and what was found there. */
static void each_look_is_traced(void **state)
{
	char lines[1024] = "";
	struct trace trace = { keep_line, lines };

	(void)state;
	put("a a.br docs/");
	find_file("a.br")->version.modified_ns = 0;
	input.trace = &trace;
	run("/a");
	assert_string_equal(lines, "file: a: found, 500 bytes\n"
				   "file: a.br: older than its plain file, not used\n"
				   "file: a.gz: No such file or directory\n");
	lines[0] = 0;
	run("/docs");
	assert_string_equal(lines, "file: docs: a folder\n");
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
#define TEST(rule) cmocka_unit_test_setup_teardown(rule, resolve_set_up, resolve_tear_down)
		TEST(a_path_becomes_a_name_below_the_root),
		TEST(coded_forms_are_looked_for_in_the_sites_order),
		TEST(the_coded_forms_that_are_there_are_found),
		TEST(a_coded_file_asked_for_by_name_has_no_codings),
		TEST(a_path_of_one_byte_is_the_root),
		TEST(a_coded_form_without_a_plain_one_is_found),
		TEST(a_coded_form_older_than_its_plain_one_is_not_used),
		TEST(a_coded_form_of_the_same_second_is_not_older),
		TEST(every_error_of_a_look_at_the_plain_file_has_its_status),
		TEST(every_error_of_a_look_at_a_coded_form_has_its_outcome),
		TEST(what_is_neither_file_nor_folder_is_not_there),
		TEST(a_clean_url_finds_the_page_behind_the_file),
		TEST(the_path_of_a_clean_url_is_that_of_the_page),
		TEST(each_look_is_traced),
#undef TEST
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
