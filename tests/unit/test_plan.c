/* SPDX-License-Identifier: MIT */
/*
 * serve/plan: defaults, file and flags become options and sites, or everything that is wrong with them
 * is told, and nothing stays open.
 *
 * With the real sites behind it, as a problem is found by one module, placed by another and put
 * in order by a third.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>

#include "config_files.h"
#include "serve/plan.h"

static struct flag_list flags;
static struct plan plan;
static bool is_planned;

static int release(void **state)
{
	(void)state;
	if (is_planned)
		plan_deinit(&plan);
	is_planned = false;
	flag_list_deinit(&flags);
	problems_deinit(&problems);
	return 0;
}

static void flag(const char *name, const char *value)
{
	struct fault fault;

	if (flag_list_add(&flags, name, value, &fault) < 0)
		fail_msg("%s", fault.text);
}

static int make(void)
{
	int error;

	if (is_planned)
		plan_deinit(&plan);
	problems_deinit(&problems);
	error = plan_make(&flags, &plan, &problems);
	is_planned = error == 0;
	return error;
}

/* The file is one of the flags. */
static int make_of(const char *yaml)
{
	load(yaml);
	forget();
	if (!flag_list_find(&flags, "config"))
		flag("config", path);
	return make();
}

static void make_good(const char *yaml)
{
	int error = make_of(yaml);

	if (error < 0)
		fail_msg("%d: %u: %s", error, problems.problem[0].line, problems.problem[0].text);
}

static unsigned open_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(directory);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

/* As `quoit serve` without anything: the current folder. */
static void without_flags_there_is_one_site_with_defaults(void **state)
{
	(void)state;
	assert_int_equal(make(), 0);
	assert_int_equal(plan.sites->count, 1);
	assert_string_equal(plan.sites->site[0]->options.root, ".");
	assert_true(plan.sites->site[0]->root >= 0);
	assert_int_equal(plan.config.listen_count, 1);
	assert_string_equal(plan.config.listen_text[0], "127.0.0.1:8080");
	assert_int_equal(plan.config.threads, 0);
	assert_int_equal(plan.config.helpers, 1);
}

/* What is nearer to the start counts more. */
static void a_flag_counts_more_than_the_file_and_the_file_more_than_the_default(void **state)
{
	(void)state;
	flag("threads", "3");
	flag("index", "flag.html");
	make_good("root: /tmp\nthreads: 2\nbuffers: 64\nindex: [file.html]\nfallback: /file.html\n");
	assert_int_equal(plan.config.threads, 3);
	assert_int_equal(plan.config.buffers, 64);
	assert_int_equal(plan.config.fields, 100);
	assert_string_equal(plan.config.site.root, "/tmp");
	assert_string_equal(plan.sites->site[0]->options.index, "flag.html");
	assert_string_equal(plan.sites->site[0]->options.fallback, "/file.html");
	assert_string_equal(plan.config.config, path);
}

/* Otherwise one could not listen elsewhere for a test. */
static void a_listen_flag_replaces_those_of_the_file(void **state)
{
	static const char yaml[] = "listen: ['127.0.0.1:81', '127.0.0.1:82']";

	(void)state;
	make_good(yaml);
	assert_int_equal(plan.config.listen_count, 2);
	assert_string_equal(plan.config.listen_text[1], "127.0.0.1:82");
	flag("listen", "127.0.0.1:83");
	make_good(yaml);
	assert_int_equal(plan.config.listen_count, 1);
	assert_string_equal(plan.config.listen_text[0], "127.0.0.1:83");
}

/* Flags included: they say what holds where nothing more special is written. */
static void a_host_begins_with_the_options_of_the_top(void **state)
{
	const struct site *first, *second;

	(void)state;
	flag("fallback", "/flag.html");
	flag("max-age", "7");
	make_good("root: /\nlisting: on\nindex: [a.html, b.html]\nhosts:\n"
		  "  - {names: [a], max-age: 9, index: [none]}\n"
		  "  - {names: [b], listing: off, root: /tmp}\n");
	assert_int_equal(plan.sites->count, 3);
	first = plan.sites->site[1];
	second = plan.sites->site[2];
	assert_string_equal(first->options.fallback, "/flag.html");
	assert_string_equal(first->options.root, "/");
	assert_string_equal(first->options.index, "");
	assert_int_equal(first->options.max_age, 9000);
	assert_int_equal(first->options.listing, 1);
	assert_string_equal(second->options.root, "/tmp");
	assert_string_equal(second->options.index, "a.html,b.html");
	assert_int_equal(second->options.max_age, 7000);
	assert_int_equal(second->options.listing, 0);
	assert_ptr_equal(second->above, plan.sites->site[0]);
	assert_true(first->root >= 0 && second->root >= 0 && first->root != second->root);
}

/* Line by line; behind "..." the sentence is another module's. */
static bool same_lines(const char *told, const char *expected)
{
	while (*told && *expected) {
		if (strncmp(expected, "...\n", 4) == 0) {
			told += strcspn(told, "\n");
			expected += 3;
		}
		if (*told++ != *expected++)
			return false;
	}
	return !*told && !*expected;
}

static void assert_told(const char *expected)
{
	struct text told = TEXT_EMPTY, line = TEXT_EMPTY;

	for (unsigned i = 0; i < problems.count; i++) {
		const char *text;

		text_clear(&line);
		plan_describe(&problems.problem[i], &flags, &line);
		text = text_string(&line);
		if (strncmp(text, path, strlen(path)) == 0)
			text += strlen(path) + 1;
		text_format(&told, "%s\n", text);
	}
	if (!same_lines(text_string(&told), expected)) {
		print_error("told:\n%s\nnot:\n%s\n", text_string(&told), expected);
		fail();
	}
	text_deinit(&told);
	text_deinit(&line);
}

/* Shape, values, limits, patterns, roots and addresses in one run, in the order of the file. */
static void everything_that_is_wrong_is_told_in_the_order_of_the_file(void **state)
{
	unsigned before = open_descriptors();

	(void)state;
	assert_int_equal(make_of("threads: many\n"
				 "rooot: /tmp\n"
				 "listen: ['127.0.0.1:0', nowhere]\n"
				 "head-size: 1K\n"
				 "codings: [gzip, brotli]\n"
				 "headers:\n"
				 "  - {path: '/a/**', set: ['A b']}\n"
				 "hosts:\n"
				 "  - {names: [a], fallback: index.html, cache: yes}\n"
				 "  - {names: [a], root: /no/such/folder}\n"),
			 -EINVAL);
	assert_told("1:10: threads takes a whole number, not \"many\"\n"
		    "2:1: there is no key rooot here; did you mean root?\n"
		    "3:25: listen takes ADDRESS:PORT, [IPV6]:PORT or unix:/PATH (port 0 to 65535), not "
		    "\"nowhere\"\n"
		    "4:12: target-size (8192) must be less than head-size (1024)\n"
		    "5:17: there is no coding ...\n"
		    "7:27: ...\n"
		    "9:28: ...\n"
		    "9:47: cache takes none or auto, not \"yes\"\n"
		    "10:14: ...\n"
		    "10:24: the folder to serve, /no/such/folder, does not exist; give another root\n");
	assert_int_equal(open_descriptors(), before);
}

/* It has no place in the file, but a name. */
static void what_is_wrong_with_a_flag_is_told_by_its_name(void **state)
{
	(void)state;
	flag("fallback", "index.html");
	flag("ring-entries", "100");
	assert_int_equal(make_of("fallback: /index.html\nthreads: x\n"), -EINVAL);
	assert_told("quoit: --ring-entries must be a power of two, not 100\n"
		    "quoit: --fallback: \"index.html\" ...\n"
		    "2:10: threads takes a whole number, not \"x\"\n");
}

/* The rule may be wrong only because its key is. */
static void what_may_follow_from_a_misspelt_key_is_not_told(void **state)
{
	(void)state;
	assert_int_equal(make_of("redirects:\n"
				 "  - {form: /a, to: /b}\n"
				 "  - {to: /b}\n"
				 "hosts:\n"
				 "  - nmes: [a]\n"
				 "    fallback: x\n"),
			 -EINVAL);
	assert_told("2:6: there is no key form here; did you mean from?\n"
		    "3:5: ...\n"
		    "5:5: there is no key nmes here; did you mean names?\n"
		    "6:15: \"x\" ...\n");
}

/* Behind each of its aliases, and in each host that has it from above. */
static void one_mistake_is_told_once(void **state)
{
	(void)state;
	assert_int_equal(make_of("root: /no/such/folder\n"
				 "fallback: x\n"
				 "headers: &common [{set: [a]}]\n"
				 "hosts:\n"
				 "  - {names: [a], headers: *common}\n"
				 "  - {names: [b], headers: *common}\n"),
			 -EINVAL);
	assert_told("1:7: the folder to serve, /no/such/folder, does not exist; give another root\n"
		    "2:11: \"x\" ...\n"
		    "3:26: ...\n");
}

/* For the exit code: the configuration is right, the machine is not as it says. */
static void a_root_that_cannot_be_opened_keeps_its_error(void **state)
{
	unsigned before = open_descriptors();

	(void)state;
	flag("root", "/no/such/folder");
	assert_int_equal(make(), -ENOENT);
	assert_told("quoit: the folder to serve, /no/such/folder, does not exist; give another root\n");
	flag("root", "/dev/null");
	assert_int_equal(make(), -ENOTDIR);
	assert_told("quoit: /dev/null is not a folder; give the folder it is in as root\n");
	flag_list_remove(&flags, "root");
	assert_int_equal(make_of("root: /\nhosts: [{names: [a], root: /a/b}, {names: [b], root: /dev/null}]"),
			 -ENOENT);
	assert_int_equal(problems.count, 2);
	assert_int_equal(make_of("root: /\nhosts: [{names: [a], root: /a/b, fallback: x}]"), -EINVAL);
	assert_int_equal(open_descriptors(), before);
}

/* Who writes hosts does not mean to serve the working directory to everybody else. */
static void hosts_without_a_root_for_the_others_are_refused(void **state)
{
	(void)state;
	assert_int_equal(make_of("hosts: [{names: [a], root: /}]"), -EINVAL);
	assert_told("1:8: there is no root ...\n");
	flag("root", "/");
	assert_int_equal(make_of("hosts: [{names: [a], root: /}]"), 0);
	flag_list_remove(&flags, "root");
}

/* So does the file; flags are looked at all the same. */
static void a_file_that_cannot_be_read_keeps_its_error(void **state)
{
	(void)state;
	flag("config", "/no/such.yaml");
	assert_int_equal(make(), -ENOENT);
	assert_told("quoit: the configuration /no/such.yaml does not exist; give its path\n");
	flag("buffers", "17");
	assert_int_equal(make(), -EINVAL);
	assert_int_equal(problems.count, 2);
	flag_list_remove(&flags, "config");
	flag_list_remove(&flags, "buffers");
	assert_int_equal(make_of("root: [\n"), -EINVAL);
}

/* With one failure in each of its steps, again and again. */
static void a_failed_plan_leaves_nothing_open(void **state)
{
	static const char *const texts[] = {
		"headers: x",
		"threads: x",
		"redirects: [{}]",
		"hosts: [{names: [a], root: /x}]",
		"hosts: [{names: [a]}, {names: [a]}]",
		"hosts: [{}]",
		"a: b: c",
		"root: /\n---\n",
	};
	unsigned before = open_descriptors();

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct plan untouched = plan;

		assert_true(make_of(texts[i]) < 0);
		assert_true(problems.count > 0);
		assert_memory_equal(&plan, &untouched, sizeof(plan));
		assert_int_equal(open_descriptors(), before);
	}
}

/* For whoever can show one only. */
static void all_problems_fit_into_one_sentence(void **state)
{
	struct fault fault;
	char text[FAULT_SIZE];

	(void)state;
	assert_int_equal(make_of("a: 1\nthreads: x\nbuffers: 3\n"), -EINVAL);
	assert_int_equal(plan_fault(&problems, &flags, -EINVAL, &fault), -EINVAL);
	assert_true(strstr(fault.text, ":1:1: there is no key a here;") != NULL);
	assert_true(strstr(fault.text, " (and 2 more problems; quoit check shows all)") != NULL);
	assert_int_equal(make_of("threads: x\n"), -EINVAL);
	plan_fault(&problems, &flags, -EINVAL, &fault);
	snprintf(text, sizeof(text), "%s:1:10: threads takes a whole number, not \"x\"", path);
	assert_string_equal(fault.text, text);
}

/* For editors, and for terminals that would obey what a file holds. */
static void a_problem_is_one_line_whatever_the_file_holds(void **state)
{
	(void)state;
	assert_int_equal(make_of("threads: \"1\\n2\\e[31m\"\n"), -EINVAL);
	assert_told("1:10: threads takes a whole number, not \"1?2?[31m\"\n");
}

/* Whoever gives it is told at once. */
static void a_bad_flag_is_refused_when_it_is_given(void **state)
{
	struct fault fault;

	(void)state;
	assert_int_equal(flag_list_add(&flags, "threads", "x", &fault), -EINVAL);
	assert_string_equal(fault.text, "--threads takes a whole number, not \"x\"");
	assert_int_equal(flag_list_add(&flags, "threads", "1025", &fault), -ERANGE);
	assert_int_equal(flag_list_add(&flags, "thread", "1", &fault), -ENOENT);
	assert_string_equal(fault.text, "there is no option --thread; did you mean --threads?");
	assert_int_equal(flag_list_add(&flags, "listen", "x:y:z", &fault), -EINVAL);
	assert_int_equal(flags.count, 0);
}

/* The last value of a name counts, but each listen adds one, up to a limit. */
static void flags_are_kept_in_their_order(void **state)
{
	struct fault fault;

	(void)state;
	flag("max_age", "1");
	flag("max-age", "2");
	assert_string_equal(flag_list_find(&flags, "max-age"), "2");
	assert_null(flag_list_find(&flags, "threads"));
	for (unsigned i = 0; i < CONFIG_LISTEN_MAX; i++)
		flag("listen", "127.0.0.1:0");
	assert_int_equal(flag_list_add(&flags, "listen", "127.0.0.1:0", &fault), -ERANGE);
	assert_string_equal(fault.text, "--listen can be given 64 times at the most");
	assert_int_equal(make(), 0);
	assert_int_equal(plan.config.listen_count, CONFIG_LISTEN_MAX);
	assert_int_equal(plan.config.site.max_age, 2000);
	flag_list_remove(&flags, "listen");
	assert_int_equal(flags.count, 2);
	assert_string_equal(flags.flag[1].value, "2");
}

int main(int argc, char **argv)
{
#define TEST(rule) cmocka_unit_test_teardown(rule, release)
	static const struct CMUnitTest tests[] = {
		TEST(without_flags_there_is_one_site_with_defaults),
		TEST(a_flag_counts_more_than_the_file_and_the_file_more_than_the_default),
		TEST(a_listen_flag_replaces_those_of_the_file),
		TEST(a_host_begins_with_the_options_of_the_top),
		TEST(everything_that_is_wrong_is_told_in_the_order_of_the_file),
		TEST(what_is_wrong_with_a_flag_is_told_by_its_name),
		TEST(what_may_follow_from_a_misspelt_key_is_not_told),
		TEST(one_mistake_is_told_once),
		TEST(a_root_that_cannot_be_opened_keeps_its_error),
		TEST(hosts_without_a_root_for_the_others_are_refused),
		TEST(a_file_that_cannot_be_read_keeps_its_error),
		TEST(a_failed_plan_leaves_nothing_open),
		TEST(all_problems_fit_into_one_sentence),
		TEST(a_problem_is_one_line_whatever_the_file_holds),
		TEST(a_bad_flag_is_refused_when_it_is_given),
		TEST(flags_are_kept_in_their_order),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
