/* SPDX-License-Identifier: MIT */
/*
 * serve/config: a value is taken as it was meant or refused with a sentence that helps; what
 * is refused changes nothing.
 *
 * Names and values end, with their NUL, at a page without access. The table of options is read
 * here once more, so that a new row is covered without a line here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>

#include "guard.h"
#include "io/ring.h"
#include "serve/config.h"

#define ROOM 4096

#define AS_TEXT(kind, text) OPTION_##kind, (text), 0
#define AS_NUMBER(kind, number) OPTION_##kind, NULL, (number)
#define VALUE_TEXT(value) AS_TEXT(TEXT, value)
#define VALUE_LIST(value) AS_TEXT(LIST, value)
#define VALUE_CHOICE(value) AS_TEXT(CHOICE, value)
#define VALUE_SWITCH(value) AS_NUMBER(SWITCH, value)
#define VALUE_COUNT(value) AS_NUMBER(COUNT_, value)
#define VALUE_SIZE(value) AS_NUMBER(SIZE, value)
#define VALUE_SECONDS(value) AS_NUMBER(SECONDS, value)

static const struct row {
	const char *field;
	enum option_kind kind;
	const char *text; /* the default, or the words of a choice */
	uint64_t number, min, max;
	const char *sentence;
	size_t offset;
} rows[] = {
#define OPTION(field, kind, value, min, max, sentence)                                                       \
	{ #field, VALUE_##kind(value), min, max, sentence, offsetof(struct config, site.field) },
#include "site/site.def"
#undef OPTION
#define OPTION(field, kind, value, min, max, sentence)                                                       \
	{ #field, VALUE_##kind(value), min, max, sentence, offsetof(struct config, field) },
#include "serve/config.def"
#undef OPTION
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static char *name_end, *value_end; /* the ends of two guarded regions */
static struct config config;
static struct fault fault;

static int set_up(void **state)
{
	static const uint8_t zeros[ROOM];

	(void)state;
	name_end = (char *)guard_copy(zeros, ROOM) + ROOM;
	value_end = (char *)guard_copy(zeros, ROOM) + ROOM;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	guard_release((uint8_t *)name_end - ROOM, ROOM);
	guard_release((uint8_t *)value_end - ROOM, ROOM);
	return 0;
}

static int create(void **state)
{
	(void)state;
	return config_init(&config);
}

static int destroy(void **state)
{
	(void)state;
	config_deinit(&config);
	return 0;
}

static char *guarded(char *end, const char *text)
{
	size_t size = strlen(text) + 1;

	assert_true(size <= ROOM);
	return memcpy(end - size, text, size);
}

static int set(const char *name, const char *value)
{
	fault.text[0] = 0;
	return config_set(&config, guarded(name_end, name), guarded(value_end, value), CONFIG_FLAG, &fault);
}

/* Refused with this error, and nothing has changed. */
static void assert_refused(const char *name, const char *value, int error)
{
	struct config before = config;
	int result = set(name, value);

	if (result != error)
		fail_msg("--%s \"%s\": %d, not %d", name, value, result, error);
	assert_memory_equal(&config, &before, sizeof(config));
	assert_true(fault.text[0] != 0);
}

static void assert_fault(const char *text)
{
	if (strcmp(fault.text, text) != 0)
		fail_msg("\"%s\", not \"%s\"", fault.text, text);
}

static void assert_number(const char *name, const char *value, const uint64_t *field, uint64_t expected)
{
	int result = set(name, value);

	if (result != 0 || *field != expected)
		fail_msg("--%s \"%s\": %d, %llu, not %llu", name, value, result, (unsigned long long)*field,
			 (unsigned long long)expected);
}

/* As one types it: head-size, not head_size. */
static void dash(const char *field, char flag[64])
{
	snprintf(flag, 64, "%s", field);
	for (char *at = flag; *at; at++)
		*at = *at == '_' ? '-' : *at;
}

/* A number of the table as text; seconds have three decimals. */
static void write_value(const struct row *row, uint64_t number, char text[64])
{
	if (row->kind == OPTION_SECONDS)
		snprintf(text, 64, "%llu.%03llu", (unsigned long long)number / 1000,
			 (unsigned long long)number % 1000);
	else
		snprintf(text, 64, "%llu", (unsigned long long)number);
}

static const void *field_of(const struct row *row)
{
	return (const char *)&config + row->offset;
}

/* Without a flag, every option is what its row says, and there is no --listen yet. */
static void every_option_begins_with_its_default(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		const char *text = rows[i].text;

		if (rows[i].kind == OPTION_LIST && strcmp(text, "none") == 0)
			text = "";
		if (value_is_text(rows[i].kind))
			assert_string_equal(*(char *const *)field_of(&rows[i]), text);
		else
			assert_true(*(const uint64_t *)field_of(&rows[i]) == rows[i].number);
		assert_int_equal(config.origin[i], CONFIG_DEFAULT);
	}
	assert_int_equal(config.listen_count, 0);
}

/* The limits themselves are good values, one beyond is not; so for every row. */
static void every_number_is_held_to_its_limits(void **state)
{
	char flag[64], text[64];

	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		const struct row *row = &rows[i];

		if (value_is_text(row->kind) || row->kind == OPTION_CHOICE || row->kind == OPTION_SWITCH)
			continue;
		assert_true(row->min <= row->number && row->number <= row->max);
		dash(row->field, flag);
		write_value(row, row->min, text);
		assert_number(flag, text, field_of(row), row->min);
		write_value(row, row->max, text);
		assert_number(flag, text, field_of(row), row->max);
		write_value(row, row->max + 1, text);
		assert_refused(flag, text, -ERANGE);
		if (row->min == 0)
			continue;
		write_value(row, row->min - 1, text);
		assert_refused(flag, text, -ERANGE);
	}
}

/* Whoever mistypes learns what would have been right, in the units in which it is typed. */
static void a_number_beyond_its_limits_is_told_them(void **state)
{
	(void)state;
	assert_refused("target_size", "10", -ERANGE);
	assert_fault("--target-size takes 64 to 32K, not 10");
	assert_refused("memory", "2T", -ERANGE);
	assert_fault("--memory takes 64K to 1T, not 2T");
	assert_refused("head-time", "0", -ERANGE);
	assert_fault("--head-time takes 0.100 to 3600, not 0");
	assert_refused("threads", "1025", -ERANGE);
	assert_fault("--threads takes 0 to 1024, not 1025");
}

/* What was expected is said by the kind of the value. */
static void a_value_of_the_wrong_kind_is_told_the_right_one(void **state)
{
	(void)state;
	assert_refused("body-size", "many", -EINVAL);
	assert_fault("--body-size takes a size such as 512, 16K or 64M, not \"many\"");
	assert_refused("files", "1K", -EINVAL);
	assert_fault("--files takes a whole number, not \"1K\"");
	assert_refused("fresh", "soon", -EINVAL);
	assert_fault("--fresh takes a number of seconds such as 10 or 0.5, not \"soon\"");
	assert_refused("symlinks", "insde", -EINVAL);
	assert_fault("--symlinks takes inside, deny or follow, not \"insde\"");
	assert_refused("cache", "64M", -EINVAL);
	assert_fault("--cache takes none or auto, not \"64M\"");
	assert_refused("listing", "", -EINVAL);
	assert_fault("--listing takes on or off, not \"\"");
	assert_refused("index", "a, ,b", -EINVAL);
	assert_fault("--index takes words separated by single commas, or none, not \"a, ,b\"");
}

/* A list is kept in its one form. */
static void what_is_taken_is_kept_as_it_was_meant(void **state)
{
	(void)state;
	assert_number("body-size", "3k", &config.body_size, 3072);
	assert_number("fresh", "0.25s", &config.fresh, 250);
	assert_number("trailing-slash", "remove", &config.site.trailing_slash, SLASH_REMOVE);
	assert_number("etag", "none", &config.site.etag, ETAG_NONE);
	assert_number("symlinks", "follow", &config.site.symlinks, SYMLINKS_FOLLOW);
	assert_number("cache", "auto", &config.site.cache, CACHE_AUTO);
	assert_number("listing", "yes", &config.site.listing, 1);
	assert_int_equal(set("index", " a , b "), 0);
	assert_string_equal(config.site.index, "a,b");
	assert_int_equal(set("index", "none"), 0);
	assert_string_equal(config.site.index, "");
}

/* The last one counts. */
static void a_text_is_taken_as_it_is(void **state)
{
	static const char *const values[] = { "/srv/www", "", " a b ", "\xff\x01", "-1" };

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		assert_int_equal(set("root", values[i]), 0);
		assert_string_equal(config.site.root, values[i]);
	}
}

/* On the command line with dashes, in the table with underscores. */
static void dashes_and_underscores_are_the_same_in_names(void **state)
{
	(void)state;
	assert_number("head-size", "1024", &config.head_size, 1024);
	assert_number("head_size", "2048", &config.head_size, 2048);
	assert_number("ring-completions", "128", &config.ring_completions, 128);
	assert_refused("Head-Size", "4096", -ENOENT);
	assert_refused("head-size ", "4096", -ENOENT);
	assert_refused("head", "4096", -ENOENT);
}

/* Each adds an address, up to a limit. */
static void listen_may_be_given_several_times(void **state)
{
	char text[32];

	(void)state;
	for (unsigned i = 0; i < CONFIG_LISTEN_MAX; i++) {
		snprintf(text, sizeof(text), "127.0.0.1:%u", i);
		assert_int_equal(set("listen", text), 0);
		assert_int_equal(config.listen_count, i + 1);
		assert_string_equal(config.listen_text[i], text);
	}
	assert_string_equal(config.listen_text[0], "127.0.0.1:0");
	assert_refused("listen", ":80", -ERANGE);
	assert_fault("--listen can be given 64 times at the most");
}

/* A name that is known to nobody must not be taken and then ignored. */
static void only_an_engine_that_exists_is_taken(void **state)
{
	(void)state;
	assert_int_equal(set("engine", "io_uring"), 0);
	assert_refused("engine", "iouring", -EINVAL);
	assert_refused("engine", "", -EINVAL);
	assert_fault("--engine takes auto, io_uring or epoll, not \"\"");
	assert_int_equal(config.engine, RING_URING);
}

/* The option that is fewest edits away, up to three. */
static void a_misspelt_name_is_told_what_is_near(void **state)
{
	static const struct {
		const char *name, *meant;
	} pairs[] = {
		{ "lisen", "listen" },
		{ "listens", "listen" },
		{ "theads", "threads" },
		{ "head-sise", "head-size" },
		{ "heda_size", "head-size" },
		{ "idle-tim", "idle-time" },
		{ "ring-entires", "ring-entries" },
		{ "rott", "root" },
		{ "ROOT", "root" },
		{ "verbose", NULL },
		{ "buffer-sizing", "buffer-size" },
	};
	char text[FAULT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		assert_refused(pairs[i].name, "1", -ENOENT);
		if (pairs[i].meant)
			snprintf(text, sizeof(text), "there is no option --%s; did you mean --%s?",
				 pairs[i].name, pairs[i].meant);
		else
			snprintf(text, sizeof(text), "there is no option --%s; see quoit serve --help",
				 pairs[i].name);
		assert_fault(text);
	}
}

/* However long or odd it is. */
static void a_name_that_is_near_to_nothing_is_refused_all_the_same(void **state)
{
	char name[2000];

	(void)state;
	for (size_t size = 0; size < sizeof(name); size += 1 + size / 4) {
		memset(name, 'e', size);
		name[size] = 0;
		assert_refused(name, "1", -ENOENT);
		assert_true(strlen(fault.text) < FAULT_SIZE);
		assert_null(strstr(fault.text, "did you mean"));
	}
}

/* Set through the struct, as only several values together show it. */
static void assert_unfit(const char *path, const char *text)
{
	struct problems problems = { .count = 0 };

	config_check(&config, &problems);
	assert_int_equal(problems.count, text ? 1 : 0);
	if (text) {
		assert_string_equal(problems.problem[0].path, path);
		assert_string_equal(problems.problem[0].text, text);
	}
	problems_deinit(&problems);
	config_deinit(&config);
	assert_int_equal(config_init(&config), 0);
}

/* What the kernel wants of a ring, and that a target has room in a head. */
static void values_that_do_not_fit_each_other_are_refused(void **state)
{
	(void)state;
	assert_unfit("", NULL);
	config.ring_entries = 1000;
	assert_unfit("ring-entries", "--ring-entries must be a power of two, not 1000");
	config.ring_completions = 8191;
	assert_unfit("ring-completions",
		     "--ring-completions must be a power of two of at least --ring-entries (1024), not 8191");
	config.ring_completions = 512;
	assert_unfit("ring-completions",
		     "--ring-completions must be a power of two of at least --ring-entries (1024), not 512");
	config.buffers = 24;
	assert_unfit("buffers", "--buffers must be a power of two, not 24");
	config.target_size = config.head_size;
	assert_unfit("target-size", "--target-size (16384) must be less than --head-size (16384)");
	config.ring_completions = config.ring_entries;
	config.target_size = config.head_size - 1;
	assert_unfit("", NULL);
}

/* Of two values that do not fit, the one that somebody wrote is the one to look at. */
static void what_does_not_fit_is_shown_where_it_was_set(void **state)
{
	(void)state;
	assert_int_equal(config_set(&config, "ring-entries", "16384", CONFIG_FILE, &fault), 0);
	assert_unfit("ring-entries",
		     "ring-completions must be a power of two of at least ring-entries (16384), not 8192");
	assert_int_equal(config_set(&config, "head-size", "4K", CONFIG_FLAG, &fault), 0);
	assert_unfit("head-size", "--target-size (8192) must be less than --head-size (4096)");
}

/* In a file there are no dashes to begin with. */
static void a_value_of_a_file_is_called_as_it_is_there(void **state)
{
	(void)state;
	assert_int_equal(config_set(&config, "threads", "x", CONFIG_FILE, &fault), -EINVAL);
	assert_fault("threads takes a whole number, not \"x\"");
	assert_int_equal(config_set(&config, "head-size", "1", CONFIG_FILE, &fault), -ERANGE);
	assert_fault("head-size takes 512 to 64K, not 1");
	assert_int_equal(config_set_site(&config.site, SITE_OPTION_etag, "x", &fault), -EINVAL);
	assert_fault("etag takes time, content or none, not \"x\"");
	assert_int_equal(config_set(&config, "threads", "3", CONFIG_FILE, &fault), 0);
	assert_int_equal(config.origin[config_find("threads")], CONFIG_FILE);
}

/* A host changes its own copy. */
static void options_of_a_site_can_be_copied(void **state)
{
	struct site_options copy;

	(void)state;
	assert_int_equal(config_copy_site(&config.site, &copy), 0);
	assert_int_equal(config_set_site(&copy, SITE_OPTION_index, "a, b", &fault), 0);
	assert_int_equal(config_set_site(&copy, SITE_OPTION_max_age, "0.5", &fault), 0);
	assert_string_equal(copy.index, "a,b");
	assert_int_equal(copy.max_age, 500);
	assert_string_equal(copy.fingerprint, config.site.fingerprint);
	assert_ptr_not_equal(copy.fingerprint, config.site.fingerprint);
	assert_string_equal(config.site.index, "index.html");
	config_free_site(&copy);
}

/* So that a flag can be refused before there is anything to set it in. */
static void a_value_can_be_tried(void **state)
{
	(void)state;
	assert_int_equal(config_try("index", "a,b", &fault), 0);
	assert_int_equal(config_try("max_age", "1", &fault), 0);
	assert_int_equal(config_try("max-age", "x", &fault), -EINVAL);
	assert_int_equal(config_try("threads", "1025", &fault), -ERANGE);
	assert_int_equal(config_try("engine", "epoll", &fault), 0);
	assert_int_equal(config_try("engine", "kqueue", &fault), -EINVAL);
	assert_int_equal(config_try("lisen", "x", &fault), -ENOENT);
	assert_fault("there is no option --lisen; did you mean --listen?");
}

/* From it come the help and the man page: every row once, in order, and its default can be typed. */
static void the_table_can_be_walked(void **state)
{
	static const char *const kinds[] = {
		[OPTION_TEXT] = "TEXT", [OPTION_LIST] = "LIST", [OPTION_SWITCH] = "on|off",
		[OPTION_COUNT_] = "N",  [OPTION_SIZE] = "SIZE", [OPTION_SECONDS] = "SECONDS",
	};
	struct config_option option;
	char flag[64];

	(void)state;
	for (unsigned i = 0; i < ROWS; i++) {
		assert_int_equal(config_option(i, &option), 0);
		dash(rows[i].field, flag);
		assert_string_equal(option.name, flag);
		assert_string_equal(option.value,
				    rows[i].kind == OPTION_CHOICE ? rows[i].text : kinds[rows[i].kind]);
		assert_string_equal(option.sentence, rows[i].sentence);
		assert_string_equal(config_name(i), flag);
		assert_int_equal(config_find(rows[i].field), i);
		if (value_is_text(rows[i].kind)) {
			assert_string_equal(option.fallback, rows[i].text);
			continue;
		}
		*(uint64_t *)((char *)&config + rows[i].offset) = 12345;
		assert_number(option.name, option.fallback, field_of(&rows[i]), rows[i].number);
	}
	memset(&option, 0x5a, sizeof(option));
	assert_int_equal(config_option(ROWS, &option), -1);
	assert_int_equal(config_option(UINT32_MAX, &option), -1);
	for (size_t i = 0; i < sizeof(option); i++)
		assert_int_equal(((const uint8_t *)&option)[i], 0x5a);
}

int main(int argc, char **argv)
{
#define TEST(rule) cmocka_unit_test_setup_teardown(rule, create, destroy)
	static const struct CMUnitTest tests[] = {
		TEST(every_option_begins_with_its_default),
		TEST(every_number_is_held_to_its_limits),
		TEST(a_number_beyond_its_limits_is_told_them),
		TEST(a_value_of_the_wrong_kind_is_told_the_right_one),
		TEST(what_is_taken_is_kept_as_it_was_meant),
		TEST(a_text_is_taken_as_it_is),
		TEST(dashes_and_underscores_are_the_same_in_names),
		TEST(listen_may_be_given_several_times),
		TEST(only_an_engine_that_exists_is_taken),
		TEST(a_misspelt_name_is_told_what_is_near),
		TEST(a_name_that_is_near_to_nothing_is_refused_all_the_same),
		TEST(values_that_do_not_fit_each_other_are_refused),
		TEST(what_does_not_fit_is_shown_where_it_was_set),
		TEST(a_value_of_a_file_is_called_as_it_is_there),
		TEST(options_of_a_site_can_be_copied),
		TEST(a_value_can_be_tried),
		TEST(the_table_can_be_walked),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
