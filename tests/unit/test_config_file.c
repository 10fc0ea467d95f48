/* SPDX-License-Identifier: MIT */
/*
 * serve/config_file, config_schema: a file is loaded as it was written, wherever in the schema it is.
 *
 * Files are written into a folder of their own. What the values mean is not looked at here, nor what is
 * said of a wrong shape (test_config_lint.c).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>

#include "config_files.h"

static void load_good(const char *text)
{
	int error = load(text);

	if (error < 0 || problems.count > 0)
		fail_msg("%d: %s", error, problems.count > 0 ? problems.problem[0].text : "");
}

static void assert_text(const char *text, const char *expected)
{
	assert_non_null(text);
	assert_string_equal(text, expected);
}

static bool is_list(unsigned row)
{
	struct config_option option;

	assert_int_equal(config_option(row, &option), 0);
	return option.kind == OPTION_LIST;
}

/* By its dashed name, without a line for it anywhere; only config itself is none. */
static void every_option_is_a_key(void **state)
{
	struct text yaml = TEXT_EMPTY;

	(void)state;
	for (unsigned row = 0; row < CONFIG_ROWS; row++) {
		if (row == CONFIG_ROW_SERVER(SERVER_OPTION_config))
			continue;
		if (is_list(row) || row == CONFIG_ROW_SERVER(SERVER_OPTION_listen))
			text_format(&yaml, "%s: [/first%u, second]\n", config_name(row), row);
		else
			text_format(&yaml, "%s: /value%u\n", config_name(row), row);
	}
	load_good(text_string(&yaml));
	text_deinit(&yaml);
	for (unsigned row = 0; row < CONFIG_ROWS; row++) {
		unsigned server = row - SITE_OPTION_COUNT;
		char first[32], value[32];

		snprintf(first, sizeof(first), "/first%u", row);
		snprintf(value, sizeof(value), "/value%u", row);
		if (row < SITE_OPTION_COUNT && is_list(row)) {
			assert_int_equal(file->top.list[row].item_count, 2);
			assert_text(file->top.list[row].item[0], first);
			assert_text(file->top.list[row].item[1], "second");
		} else if (row < SITE_OPTION_COUNT) {
			assert_text(file->top.option[row], value);
		} else if (server != SERVER_OPTION_listen && server != SERVER_OPTION_config) {
			assert_text(file->option[server], value);
		}
	}
	assert_int_equal(file->listen_count, 2);
	assert_text(file->listen[1], "second");
}

static const char everything[] = "root: /srv/www\n"
				 "listen: ['*:80']\n"
				 "headers:\n"
				 "  - path: '/assets/**'\n"
				 "    type: image/*\n"
				 "    status: [200, 4xx]\n"
				 "    set: ['A: b', \"C: d\"]\n"
				 "    add: ['E: f']\n"
				 "    remove: [Server]\n"
				 "  - {set: ['X: y']}\n"
				 "redirects:\n"
				 "  - {from: /a, to: /b, status: 308}\n"
				 "  - {prefix: /c, to: /d}\n"
				 "rewrites:\n"
				 "  - {pattern: '^/e/(.*)$', to: /f/$1}\n"
				 "types:\n"
				 "  - {ext: [foo, bar], type: text/foo}\n"
				 "hints:\n"
				 "  - {path: /index.html, link: ['</a.css>; rel=preload']}\n"
				 "errors:\n"
				 "  404: /404.html\n"
				 "  503: /sorry.html\n"
				 "hosts:\n"
				 "  - names: [a.example, '*.a.example']\n"
				 "    root: /srv/a\n"
				 "    index: [home.html]\n"
				 "    clean-urls: on\n"
				 "    headers: [{set: ['H: h']}]\n"
				 "    redirects: [{from: /x, to: /y}]\n"
				 "    rewrites: [{from: /x, to: /y}]\n"
				 "    types: [{ext: [x], type: a/b}]\n"
				 "    hints: [{path: /, link: [x]}]\n"
				 "    errors: {500: /500.html}\n"
				 "  - names: [b.example]\n";

static void assert_top(const struct host_spec *top)
{
	assert_text(top->option[SITE_OPTION_root], "/srv/www");
	assert_null(top->option[SITE_OPTION_fallback]);
	assert_int_equal(top->headers_count, 2);
	assert_text(top->headers[0].path, "/assets/**");
	assert_text(top->headers[0].type, "image/*");
	assert_int_equal(top->headers[0].status_count, 2);
	assert_text(top->headers[0].status[1], "4xx");
	assert_int_equal(top->headers[0].set_count, 2);
	assert_text(top->headers[0].set[1], "C: d");
	assert_text(top->headers[0].add[0], "E: f");
	assert_text(top->headers[0].remove[0], "Server");
	assert_null(top->headers[1].path);
	assert_text(top->headers[1].set[0], "X: y");
	assert_int_equal(top->redirects_count, 2);
	assert_text(top->redirects[0].from, "/a");
	assert_text(top->redirects[0].status, "308");
	assert_text(top->redirects[1].prefix, "/c");
	assert_null(top->redirects[1].status);
	assert_text(top->rewrites[0].pattern, "^/e/(.*)$");
	assert_text(top->rewrites[0].to, "/f/$1");
	assert_text(top->types[0].ext[1], "bar");
	assert_text(top->types[0].type, "text/foo");
	assert_text(top->hints[0].path, "/index.html");
	assert_text(top->hints[0].link[0], "</a.css>; rel=preload");
	assert_text(top->errors[ERROR_PAGE_404], "/404.html");
	assert_text(top->errors[ERROR_PAGE_503], "/sorry.html");
	assert_null(top->errors[ERROR_PAGE_500]);
}

static void assert_everything(void)
{
	const struct host_spec *host = file->hosts;

	assert_int_equal(file->listen_count, 1);
	assert_text(file->listen[0], "*:80");
	assert_top(&file->top);
	assert_int_equal(file->hosts_count, 2);
	assert_int_equal(host->names_count, 2);
	assert_text(host->names[1], "*.a.example");
	assert_text(host->option[SITE_OPTION_root], "/srv/a");
	assert_text(host->option[SITE_OPTION_clean_urls], "on");
	assert_int_equal(host->list[SITE_OPTION_index].item_count, 1);
	assert_text(host->list[SITE_OPTION_index].item[0], "home.html");
	assert_text(host->headers[0].set[0], "H: h");
	assert_int_equal(host->redirects_count, 1);
	assert_int_equal(host->rewrites_count, 1);
	assert_text(host->types[0].ext[0], "x");
	assert_text(host->hints[0].link[0], "x");
	assert_text(host->errors[ERROR_PAGE_500], "/500.html");
	assert_null(host[1].option[SITE_OPTION_root]);
	assert_int_equal(host[1].headers_count, 0);
}

/* Each in the struct that the sites are made of. */
static void everything_that_can_be_written_is_loaded(void **state)
{
	(void)state;
	load_good(everything);
	assert_everything();
}

/* What is right in a file with a mistake is the same as in one without, so that it can be checked too. */
static void a_mistake_leaves_the_rest_as_it_is(void **state)
{
	char text[sizeof(everything) + 32];

	(void)state;
	snprintf(text, sizeof(text), "rooot: x\n%s", everything);
	assert_int_equal(load(text), 0);
	assert_int_equal(problems.count, 1);
	assert_problem(0, 1, 1, "there is no key rooot here; did you mean root?");
	assert_everything();
}

/* All defaults. Also a list of which all items are commented out says nothing. */
static void a_file_that_says_nothing_is_good(void **state)
{
	static const char *const texts[] = { "",
					     "\n\n",
					     "# a comment\n",
					     "---\n",
					     "--- \n...\n",
					     "{}",
					     "headers:\n#  - {}\nhosts:\nlisten:\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		load_good(texts[i]);
		assert_null(file->top.option[SITE_OPTION_root]);
		assert_int_equal(file->top.headers_count + file->hosts_count + file->listen_count, 0);
	}
}

/* So hosts can share a list of rules. */
static void a_value_can_be_named_and_used_again(void **state)
{
	(void)state;
	load_good("fallback: &page /index.html\n"
		  "headers: &common\n"
		  "  - {set: &lines ['A: b', 'C: d']}\n"
		  "  - {add: *lines}\n"
		  "hosts:\n"
		  "  - {names: [a], headers: *common, fallback: *page}\n"
		  "  - {names: [b], headers: *common}\n");
	assert_int_equal(file->hosts_count, 2);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(file->hosts[i].headers_count, 2);
		assert_text(file->hosts[i].headers[0].set[1], "C: d");
		assert_text(file->hosts[i].headers[1].add[0], "A: b");
	}
	assert_text(file->hosts[0].option[SITE_OPTION_fallback], "/index.html");
}

/* The sentence names the file; there is no line to show. */
static void a_file_that_cannot_be_read_is_refused(void **state)
{
	char text[256], missing[96];

	(void)state;
	snprintf(missing, sizeof(missing), "%s/missing.yaml", folder);
	assert_int_equal(config_file_load(missing, &file, &problems), -ENOENT);
	snprintf(text, sizeof(text), "the configuration %s does not exist; give its path", missing);
	assert_problem(0, 0, 0, text);
	forget();
	assert_int_equal(config_file_load(folder, &file, &problems), -EISDIR);
	snprintf(text, sizeof(text), "%s is a folder; give the YAML file in it", folder);
	assert_problem(0, 0, 0, text);
	forget();
	assert_int_equal(load(""), 0);
	assert_int_equal(truncate(path, CONFIG_FILE_SIZE_MAX + 1), 0);
	forget();
	assert_int_equal(config_file_load(path, &file, &problems), -EFBIG);
	snprintf(text, sizeof(text), "%s is larger than 64 MiB; a configuration is not", path);
	assert_problem(0, 0, 0, text);
}

/* A configuration and its site can be moved together. */
static void a_relative_root_is_beside_the_file(void **state)
{
	char text[96];

	(void)state;
	load_good("root: www\ncompress-folder: cache\nhosts: [{names: [a], root: ../b}, {names: [b], root: "
		  "/c}]");
	snprintf(text, sizeof(text), "%s/www", folder);
	assert_text(file->top.option[SITE_OPTION_root], text);
	snprintf(text, sizeof(text), "%s/cache", folder);
	assert_text(file->option[SERVER_OPTION_compress_folder], text);
	snprintf(text, sizeof(text), "%s/../b", folder);
	assert_text(file->hosts[0].option[SITE_OPTION_root], text);
	assert_text(file->hosts[1].option[SITE_OPTION_root], "/c");
}

/* Of what is not there, the nearest thing around it. */
static void a_problem_found_later_gets_its_place(void **state)
{
	static const struct {
		const char *path;
		unsigned line, column;
	} places[] = {
		{ "root", 1, 7 },
		{ "headers[0].set[1]", 7, 19 },
		{ "headers[0].status", 6, 13 },
		{ "headers[1]", 10, 5 },
		{ "headers[1].path", 10, 5 },
		{ "headers[7]", 4, 3 },
		{ "redirects[0].status", 12, 32 },
		{ "errors.503", 22, 8 },
		{ "hosts[0].names[1]", 24, 24 },
		{ "hosts[0].errors.500", 33, 19 },
		{ "hosts[1].fallback", 34, 5 },
		{ "threads", 1, 1 },
		{ "root[3].x", 1, 7 },
		{ "hosts[99999999999999999999].x", 24, 3 },
	};

	(void)state;
	load_good(everything);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		problems_add(&problems, PLACE_KEY(NULL, places[i].path), "here");
		config_file_locate(file, &problems);
		assert_problem((unsigned)i, places[i].line, places[i].column, "here");
	}
	problems_add(&problems, NULL, "a flag");
	config_file_locate(file, &problems);
	assert_int_equal(problems.problem[problems.count - 1].line, 0);
}

/* Cut anywhere it is another file, good or bad, and nothing is read behind its end. */
static void a_file_can_end_anywhere(void **state)
{
	(void)state;
	for (size_t size = 0; size < sizeof(everything); size++) {
		int error = load_bytes(everything, size);

		assert_true(error == 0 ? file != NULL : error == -EINVAL && problems.count == 1);
	}
}

int main(int argc, char **argv)
{
#define TEST(rule) cmocka_unit_test_teardown(rule, destroy)
	static const struct CMUnitTest tests[] = {
		TEST(every_option_is_a_key),
		TEST(everything_that_can_be_written_is_loaded),
		TEST(a_mistake_leaves_the_rest_as_it_is),
		TEST(a_file_that_says_nothing_is_good),
		TEST(a_value_can_be_named_and_used_again),
		TEST(a_file_that_cannot_be_read_is_refused),
		TEST(a_relative_root_is_beside_the_file),
		TEST(a_problem_found_later_gets_its_place),
		TEST(a_file_can_end_anywhere),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
