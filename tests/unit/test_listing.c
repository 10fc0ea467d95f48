/* SPDX-License-Identifier: MIT */
/*
 * site/listing: every entry is in the page and in the JSON, in order, and no name changes the page.
 *
 * What stands for a name's bytes is tested in test_escape; here, that names come through it wherever
 * they are written. Paths that are handed in end at a page without access, names at their NUL.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>

#include "guard.h"
#include "serve/digest.h"
#include "site/listing.h"
#include "site/listing_page.h"

#define NOON INT64_C(1795370400) /* Sun, 22 Nov 2026 18:00:00 GMT */
#define TIME "<td><time datetime=\"2026-11-22T18:00:00Z\">2026-11-22 18:00</time>\n"
#define GROUP "<tbody translate=\"no\">\n"

static struct listing listing;
static struct text out;

static int set_up(void **state)
{
	(void)state;
	listing_init(&listing);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	listing_deinit(&listing);
	text_deinit(&out);
	return 0;
}

static void add(const char *name, uint64_t size, int64_t modified_s, bool is_folder)
{
	size_t room = strlen(name) + 1;
	char *guarded = (char *)guard_copy(name, room);
	struct listing_entry entry = { guarded, size, modified_s, is_folder };

	assert_int_equal(listing_add(&listing, &entry), 0);
	guard_release((uint8_t *)guarded, room);
}

static void add_file(const char *name)
{
	add(name, 5, NOON, false);
}

static const char *html(const char *path)
{
	uint8_t *guarded = guard_copy(path, strlen(path));

	text_clear(&out);
	listing_write_html(&listing, bytes_make(guarded, strlen(path)), &out);
	guard_release(guarded, strlen(path));
	assert_false(out.failed);
	return text_string(&out);
}

static const char *json(void)
{
	text_clear(&out);
	listing_write_json(&listing, &out);
	assert_false(out.failed);
	return text_string(&out);
}

static size_t count_of(const char *text, const char *part)
{
	size_t count = 0;

	for (const char *at = strstr(text, part); at; at = strstr(at + 1, part))
		count++;
	return count;
}

static void assert_has(const char *text, const char *part)
{
	assert_non_null(text);
	if (!strstr(text, part))
		fail_msg("no \"%s\" in\n%s", part, text);
}

static void assert_has_not(const char *text, const char *part)
{
	assert_non_null(text);
	if (strstr(text, part))
		fail_msg("\"%s\" in\n%s", part, text);
}

static void a_row_links_a_file_with_its_size_and_date(void **state)
{
	(void)state;
	add("a.txt", 1468006, NOON, false);
	add("b", 4096, NOON, true);
	assert_has(html("/x/"),
		   GROUP "<tr><td><a href=\"a.txt\"><bdi>a.txt</bdi></a>"
			 "<td title=\"1,468,006 bytes\">1.4 MiB" TIME
			 "<tr class=folder><td><a href=\"b/\"><bdi>b</bdi>/</a><td>" TIME "</table>");
	assert_has(text_string(&out), "<footer>1 folder, 1 file</footer>");
}

static void a_page_names_its_path_and_leads_up_to_every_folder_above(void **state)
{
	const char *page = html("/a b/<c>/d/");

	(void)state;
	assert_has(page,
		   "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\"");
	assert_has(page, "<title>Index of /a b/&lt;c&gt;/d/</title>");
	assert_has(page, "<h1>Index of <a href=\"../../../\">/</a><a href=\"../../\"><bdi>a b</bdi>/</a>"
			 "<a href=\"../\"><bdi>&lt;c&gt;</bdi>/</a>"
			 "<span aria-current=\"page\"><bdi>d</bdi>/</span></h1>");
	assert_has(page, "<a href=\"../\">../ parent folder</a>");
}

static void the_root_has_no_folder_above(void **state)
{
	const char *page = html("/");

	(void)state;
	assert_has(page, "<title>Index of /</title>");
	assert_has(page, "<h1>Index of <span aria-current=\"page\">/</span></h1>");
	assert_has_not(page, "../");
}

static void an_empty_folder_is_a_whole_page_and_an_empty_array(void **state)
{
	(void)state;
	assert_has(html("/x/"), GROUP "</table>\n<footer>0 folders, 0 files</footer>\n<script>");
	assert_string_equal(json(), "[\n\n]\n");
}

static void a_truncated_list_says_so_before_and_after_it(void **state)
{
	(void)state;
	for (int i = 0; i < 1234; i++)
		add_file("a");
	assert_has_not(html("/"), "incomplete");
	listing.truncated = true;
	assert_has(
		html("/"),
		"<p>This list is incomplete: the folder holds more than the 1,234 entries shown here.</p>");
	assert_has(text_string(&out),
		   "<footer>0 folders, 1,234 files shown. This list is incomplete.</footer>");
}

static void a_page_asks_for_nothing_outside_of_itself(void **state)
{
	const char *page = html("/x/");

	(void)state;
	assert_int_equal(count_of(page, "://"), 0);
	assert_int_equal(count_of(page, " src="), 0);
	assert_int_equal(count_of(page, "<link"), 0);
	assert_int_equal(count_of(page, "url("), 0);
	assert_int_equal(count_of(page, "@import"), 0);
}

/* The policy's word for a text: 'sha256-, the hash in base 64, ' (CSP 3 2.3.1). */
static void name_by_hash(const char *text, size_t size, char ret_name[64])
{
	atomic_bool cancel = false;
	uint8_t digest[DIGEST_SIZE];
	char repr[DIGEST_REPR_SIZE];
	int fd = memfd_create("text", MFD_CLOEXEC);

	assert_true(fd >= 0 && write(fd, text, size) == (ssize_t)size);
	assert_int_equal(digest_sha256(fd, size, &cancel, digest), 0);
	close(fd);
	digest_write_repr(digest, repr); /* sha-256=:...: */
	snprintf(ret_name, 64, "'sha256-%.44s'", strchr(repr, ':') + 1);
}

static void assert_policy_has(const char *directive, const char *begin, const char *end)
{
	const char *page = html("/x/"), *text = strstr(page, begin) + strlen(begin);
	char name[64], expected[128];

	name_by_hash(text, (size_t)(strstr(text, end) - text), name);
	snprintf(expected, sizeof(expected), "%s %s", directive, name);
	if (!strstr(listing_page_policy, expected))
		fail_msg("write into listing_page_policy: %s", expected);
}

static void the_policy_knows_the_style_and_the_script(void **state)
{
	(void)state;
	assert_policy_has("style-src", "<style>", "</style>");
	assert_policy_has("script-src", "<script>", "</script>");
}

static void no_name_adds_markup_or_a_line_to_the_page(void **state)
{
	static const char *const names[] = { "<script>alert(1)",
					     "\"><img onerror=alert(1)>",
					     "'&quot;&lt;",
					     "a\nb\r\nc",
					     "\xff\xfe\x80",
					     "\xe2\x80\xaegpj.exe",
					     "\xe2\x80\xa8\x1b[0m",
					     "<table><tr>",
					     "<!--",
					     "a\x01\x7f",
					     "\xf0\x9f\x98",
					     "]]>" };
	size_t tags, lines;

	(void)state;
	add_file("honest");
	html("/x/");
	tags = count_of(text_string(&out), "<");
	lines = count_of(text_string(&out), "\n");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		listing_deinit(&listing);
		add_file(names[i]);
		html("/x/");
		assert_int_equal(count_of(text_string(&out), "<"), tags);
		assert_int_equal(count_of(text_string(&out), "\n"), lines);
		assert_int_equal(strlen(text_string(&out)), out.size);
	}
}

static void nor_does_a_path(void **state)
{
	size_t tags = count_of(html("/a/"), "<"), lines = count_of(text_string(&out), "\n");

	(void)state;
	html("/<script>\n\"'&\xff\xe2\x80\xae/");
	assert_int_equal(count_of(text_string(&out), "<"), tags);
	assert_int_equal(count_of(text_string(&out), "\n"), lines);
	assert_has(text_string(&out), "<title>Index of /&lt;script&gt;\xef\xbf\xbd&quot;&#39;&amp;"
				      "\xef\xbf\xbd\xef\xbf\xbd/</title>");
}

static void a_hostile_name_is_shown_harmless_and_linked_exactly(void **state)
{
	(void)state;
	add_file("<a>&\"\n\xff");
	add("x:y", 0, NOON, true);
	assert_has(
		html("/"),
		"<a href=\"%3Ca%3E&amp;%22%0A%FF\"><bdi>&lt;a&gt;&amp;&quot;\xef\xbf\xbd\xef\xbf\xbd</bdi>");
	assert_has(text_string(&out), "<a href=\"./x:y/\"><bdi>x:y</bdi>/</a>");
	assert_has(json(),
		   "{\"name\":\"<a>&\\\"\\u000a\xef\xbf\xbd\",\"type\":\"file\","
		   "\"mtime\":\"Sun, 22 Nov 2026 18:00:00 GMT\",\"size\":5,\"href\":\"%3Ca%3E&%22%0A%FF\"}");
	assert_has(text_string(&out), "\"href\":\"./x:y/\"}");
}

static void json_has_the_members_that_clients_of_nginx_expect(void **state)
{
	(void)state;
	add("dir", 4096, NOON, true);
	add("a.txt", UINT64_MAX, NOON, false);
	assert_string_equal(json(),
			    "[\n"
			    "{\"name\":\"dir\",\"type\":\"directory\","
			    "\"mtime\":\"Sun, 22 Nov 2026 18:00:00 GMT\",\"href\":\"dir/\"},\n"
			    "{\"name\":\"a.txt\",\"type\":\"file\","
			    "\"mtime\":\"Sun, 22 Nov 2026 18:00:00 GMT\",\"size\":18446744073709551615,"
			    "\"href\":\"a.txt\"}\n"
			    "]\n");
}

static void sizes_are_rounded_to_a_tenth_and_never_reach_1024(void **state)
{
	static const struct {
		uint64_t size;
		const char *expected;
	} rows[] = {
		{ 0, "<td title=\"0 bytes\">0 B<td>" },
		{ 1, "<td title=\"1 byte\">1 B<td>" },
		{ 1023, "<td title=\"1,023 bytes\">1,023 B<td>" },
		{ 1024, "<td title=\"1,024 bytes\">1.0 KiB<td>" },
		{ 1075, ">1.0 KiB<td>" },
		{ 1076, ">1.1 KiB<td>" },
		{ 1048524, ">1,023.9 KiB<td>" },
		{ 1048525, ">1.0 MiB<td>" },
		{ 1048576, "<td title=\"1,048,576 bytes\">1.0 MiB<td>" },
		{ UINT64_C(5) << 30, ">5.0 GiB<td>" },
		{ UINT64_C(3) << 39, ">1.5 TiB<td>" },
		{ UINT64_C(1) << 50, ">1.0 PiB<td>" },
		{ (UINT64_C(1) << 60) - 1, ">1.0 EiB<td>" },
		{ INT64_MAX, ">8.0 EiB<td>" },
		{ UINT64_MAX, "<td title=\"18,446,744,073,709,551,615 bytes\">16.0 EiB<td>" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		listing_deinit(&listing);
		add("a", rows[i].size, NOON, false);
		assert_has(html("/"), rows[i].expected);
	}
}

static void dates_of_any_age_are_whole_dates(void **state)
{
	static const struct {
		int64_t seconds;
		const char *expected;
	} rows[] = {
		{ 0, "\"1970-01-01T00:00:00Z\">1970-01-01 00:00<" },
		{ -1, "\"1969-12-31T23:59:59Z\">1969-12-31 23:59<" },
		{ 951827696, "\"2000-02-29T12:34:56Z\">2000-02-29 12:34<" },
		{ INT64_MIN, "\"0001-01-01T00:00:00Z\">0001-01-01 00:00<" },
		{ INT64_MAX, "\"9999-12-31T23:59:59Z\">9999-12-31 23:59<" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		listing_deinit(&listing);
		add("a", 0, rows[i].seconds, false);
		assert_has(html("/"), rows[i].expected);
	}
}

/* In order: folders, then as a person counts and spells. "/" at the end marks a folder. */
static const char *const in_order[] = {
	"a1/",
	"A2/",
	"a10/",
	"b/",
	"#",
	"0",
	"00",
	"01",
	"1",
	"1a",
	"2",
	"9",
	"10",
	"18446744073709551616",
	"18446744073709551617",
	"A",
	"a",
	"a-1",
	"a.txt",
	"a01",
	"a1",
	"a1b",
	"a2",
	"a10",
	"a10b2",
	"a10b10",
	"AB",
	"ab",
	"B",
	"b",
	"z",
	"~",
	"\x80",
	"\xc3\xa9",
};
#define NAMES (sizeof(in_order) / sizeof(in_order[0]))

static void add_in_order(size_t index)
{
	char name[32];
	size_t size = strlen(in_order[index]);
	bool is_folder = in_order[index][size - 1] == '/';

	snprintf(name, sizeof(name), "%.*s", (int)(is_folder ? size - 1 : size), in_order[index]);
	add(name, index, NOON, is_folder);
}

static void assert_in_order(void)
{
	for (size_t i = 0; i < NAMES; i++)
		if (strncmp(listing.entries[i].name, in_order[i], strlen(listing.entries[i].name)) != 0 ||
		    listing.entries[i].size != i)
			fail_msg("%zu: %s, not %s", i, listing.entries[i].name, in_order[i]);
}

static void names_are_in_the_order_of_people_wherever_they_start(void **state)
{
	size_t order[NAMES];
	uint32_t seed = 1;

	(void)state;
	for (size_t i = 0; i < NAMES; i++)
		order[i] = i;
	for (int round = 0; round < 200; round++) {
		listing_deinit(&listing);
		for (size_t i = 0; i < NAMES; i++) {
			size_t other = (seed = seed * 1664525 + 1013904223) % NAMES, index = order[other];

			order[other] = order[i];
			order[i] = index;
		}
		for (size_t i = 0; i < NAMES; i++)
			add_in_order(order[i]);
		listing_sort(&listing);
		assert_in_order();
	}
}

static void names_stay_whole_while_a_listing_grows(void **state)
{
	static char long_name[100001];
	char name[64];

	(void)state;
	memset(long_name, 'n', sizeof(long_name) - 1);
	for (int i = 0; i < 10000; i++) {
		snprintf(name, sizeof(name), "%d", i);
		add_file(i == 5000 ? long_name : name);
	}
	assert_int_equal(listing.count, 10000);
	for (int i = 0; i < 10000; i++) {
		snprintf(name, sizeof(name), "%d", i);
		assert_string_equal(listing.entries[i].name, i == 5000 ? long_name : name);
	}
}

/* 100,000 rows have to go through a network and into a browser. */
static void a_row_with_a_name_of_20_bytes_takes_at_most_200(void **state)
{
	size_t before;

	(void)state;
	html("/x/");
	before = out.size;
	add("package-12345-x86.rp", 999999999999, NOON, false);
	html("/x/");
	assert_in_range(out.size - before, 1, 200);
}

static void rows_come_in_groups_that_a_browser_can_leave_aside(void **state)
{
	(void)state;
	for (int i = 0; i < 2 * LISTING_PAGE_GROUP; i++)
		add_file("a");
	assert_int_equal(count_of(html("/"), GROUP), 2);
	assert_has(text_string(&out), "</time>\n" GROUP "<tr>");
	add_file("a");
	assert_int_equal(count_of(html("/"), GROUP), 3);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(a_row_links_a_file_with_its_size_and_date),
		TEST(a_page_names_its_path_and_leads_up_to_every_folder_above),
		TEST(the_root_has_no_folder_above),
		TEST(an_empty_folder_is_a_whole_page_and_an_empty_array),
		TEST(a_truncated_list_says_so_before_and_after_it),
		TEST(a_page_asks_for_nothing_outside_of_itself),
		TEST(the_policy_knows_the_style_and_the_script),
		TEST(no_name_adds_markup_or_a_line_to_the_page),
		TEST(nor_does_a_path),
		TEST(a_hostile_name_is_shown_harmless_and_linked_exactly),
		TEST(json_has_the_members_that_clients_of_nginx_expect),
		TEST(sizes_are_rounded_to_a_tenth_and_never_reach_1024),
		TEST(dates_of_any_age_are_whole_dates),
		TEST(names_are_in_the_order_of_people_wherever_they_start),
		TEST(names_stay_whole_while_a_listing_grows),
		TEST(a_row_with_a_name_of_20_bytes_takes_at_most_200),
		TEST(rows_come_in_groups_that_a_browser_can_leave_aside),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
