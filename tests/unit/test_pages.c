/* SPDX-License-Identifier: MIT */
/*
 * site/pages: the answers that no file stands behind are whole, and say no more than they must.
 *
 * Locations end at a page without access; every allocation fails once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "guard.h"
#include "scarce_mem.h"
#include "site/pages.h"
#include "site_fixture.h"

#define ROOM 65536
#define HTML_LINES(size) "Content-Type: text/html; charset=utf-8\r\nContent-Length: " size "\r\n"

static uint8_t *location_end; /* the end of a guarded region */
static struct site *site;

static int set_up(void **state)
{
	static const uint8_t zeros[ROOM];

	(void)state;
	location_end = guard_copy(zeros, ROOM) + ROOM;
	site = fixture_site(NULL, NULL);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	guard_release(location_end - ROOM, ROOM);
	site_destroy(site);
	return 0;
}

static struct bytes guarded(const char *text)
{
	size_t size = strlen(text);

	assert_true(size <= ROOM);
	memcpy(location_end - size, text, size);
	return bytes_make(location_end - size, size);
}

/* The head, and behind it the body: as one send hands them to the kernel. */
static void assert_whole(const struct asset *asset, const char *expected)
{
	assert_ptr_equal(asset->body, asset->ready.base + asset->ready.size);
	fixture_assert_text(asset->ready.base, asset->ready.size + asset->size, expected);
	assert_null(asset->not_modified.base);
	assert_int_equal(asset->validators.etag.size, 0);
	assert_true(asset->validators.modified == VALIDATOR_NO_DATE);
	assert_int_equal(asset->language, LANGUAGE_NONE);
	assert_int_equal(asset->refs, 1);
	assert_int_equal(asset->fd, -1);
}

static bool has_line(const struct asset *page, const char *line)
{
	char text[128];

	snprintf(text, sizeof(text), "\r\n%s\r\n", line);
	return memmem(page->ready.base, page->ready.size, text, strlen(text)) != NULL;
}

/* The location comes encoded, but "&" stands in paths, and begins something in HTML. */
static void a_redirect_names_its_place_in_head_and_body(void **state)
{
	struct asset *asset = pages_create_redirect(site, 301, guarded("/a&lt;b&/"), FIXTURE_NOW);

	(void)state;
	assert_non_null(asset);
	assert_int_equal(asset->status, 301);
	assert_int_equal(asset->kind, ASSET_REDIRECT);
	assert_whole(asset,
		     FIXTURE_FIRST_LINES("301 Moved Permanently")
			     HTML_LINES("181") "Location: /a&lt;b&/\r\n" FIXTURE_KEEP_ALIVE FIXTURE_PAGE(
				     "301 Moved Permanently") "<p>It is <a "
							      "href=\"/a&amp;lt;b&amp;/\">here</a>.</p>\n"
							      "</html>\n");
	fixture_release(asset);
}

/* Quotes and angle brackets would end the attribute, if ever a location had them. */
static void a_location_cannot_leave_its_attribute(void **state)
{
	struct asset *asset =
		pages_create_redirect(site, 302, guarded("https://a.example/\"'<>#x"), FIXTURE_NOW);

	(void)state;
	assert_non_null(asset);
	assert_true(has_line(asset, "Location: https://a.example/\"'<>#x"));
	fixture_assert_text(
		asset->body, asset->size,
		FIXTURE_PAGE("302 Found") "<p>It is <a "
					  "href=\"https://a.example/&quot;&#39;&lt;&gt;#x\">here</a>.</p>\n"
					  "</html>\n");
	fixture_release(asset);
}

static void each_status_of_a_redirect_is_written(void **state)
{
	static const struct {
		unsigned status;
		const char *line;
	} rows[] = {
		{ 301, "HTTP/1.1 301 Moved Permanently\r\n" },
		{ 302, "HTTP/1.1 302 Found\r\n" },
		{ 303, "HTTP/1.1 303 See Other\r\n" },
		{ 307, "HTTP/1.1 307 Temporary Redirect\r\n" },
		{ 308, "HTTP/1.1 308 Permanent Redirect\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < FIXTURE_COUNT(rows); i++) {
		struct asset *asset = pages_create_redirect(site, rows[i].status, guarded("/a"), FIXTURE_NOW);

		assert_int_equal(asset->status, rows[i].status);
		assert_memory_equal(asset->ready.base, rows[i].line, strlen(rows[i].line));
		assert_true(has_line(asset, "Location: /a"));
		fixture_release(asset);
	}
}

/* However long a path is, each byte of it encoded, or a location that somebody has written. */
static void a_redirect_of_any_length_is_framed_right(void **state)
{
	char *location = malloc(ROOM);

	(void)state;
	for (size_t size = 1; size <= 32768; size += 1 + size / 9) {
		for (unsigned kind = 0; kind < 2; kind++) {
			struct asset *asset;
			char line[64];

			memset(location, kind ? '&' : 'a', size);
			location[size] = 0;
			asset = pages_create_redirect(site, 301, guarded(location), FIXTURE_NOW);
			assert_non_null(asset);
			snprintf(line, sizeof(line), "Content-Length: %u\r\nLocation: %c",
				 (unsigned)asset->size, location[0]);
			assert_non_null(memmem(asset->ready.base, asset->ready.size, line, strlen(line)));
			assert_memory_equal(asset->body - 4, "\r\n\r\n", 4);
			assert_memory_equal(asset->body + asset->size - 8, "</html>\n", 8);
			assert_true(asset->size > size * (kind ? 5 : 1));
			fixture_release(asset);
		}
	}
	free(location);
}

/* Fields in their order, and a body that says the same to a person. */
static void a_page_is_its_status_in_html(void **state)
{
	struct asset *page = pages_create(site, 404, FIXTURE_NOW);

	(void)state;
	assert_int_equal(page->status, 404);
	assert_int_equal(page->kind, ASSET_PAGE);
	assert_int_equal(page->vary, 0);
	assert_whole(page, FIXTURE_FIRST_LINES("404 Not Found") HTML_LINES("114")
				   FIXTURE_KEEP_ALIVE FIXTURE_PAGE("404 Not Found") "</html>\n");
	fixture_release(page);
	page = pages_create(site, 405, FIXTURE_NOW);
	assert_whole(
		page,
		FIXTURE_FIRST_LINES("405 Method Not Allowed")
			HTML_LINES("132") "Allow: GET, HEAD, OPTIONS\r\n" FIXTURE_KEEP_ALIVE FIXTURE_PAGE(
				"405 Method Not Allowed") "</html>\n");
	fixture_release(page);
}

/* Whatever goes wrong has its page from the start; Allow and Retry-After where RFC 9110 wants them. */
static void every_status_that_belongs_to_no_file_has_a_page(void **state)
{
	static const struct {
		unsigned code;
		const char *text;
	} rows[] = {
#define STATUS(code, reason) { code, #code " " reason },
#include "http/status.def"
#undef STATUS
	};
	struct pages pages;

	(void)state;
	assert_true(pages_init(&pages, site, FIXTURE_NOW));
	for (size_t i = 0; i < FIXTURE_COUNT(rows); i++) {
		char expected[512];
		struct asset *page = pages.page[i];

		if (rows[i].code != 204 && rows[i].code < 400) {
			assert_null(page);
			continue;
		}
		assert_ptr_equal(pages_get(&pages, rows[i].code), page);
		assert_int_equal(page->status, rows[i].code);
		assert_int_equal(page->kind, ASSET_PAGE);
		assert_true(page->is_shared);
		snprintf(expected, sizeof(expected), "HTTP/1.1 %s\r\n", rows[i].text);
		assert_memory_equal(page->ready.base, expected, strlen(expected));
		assert_int_equal(has_line(page, "Allow: " ASSET_ALLOW),
				 page->status == 204 || page->status == 405);
		assert_int_equal(has_line(page, "Retry-After: 1"),
				 page->status == 429 || page->status == 503);
		if (page->status == 204)
			continue;
		snprintf(expected, sizeof(expected), FIXTURE_PAGE("%s") "</html>\n", rows[i].text,
			 rows[i].text);
		fixture_assert_text(page->body, page->size, expected);
	}
	pages_deinit(&pages);
}

/* Head by head the page of that status, but for the line that says that the connection ends. */
static void assert_closing(const struct asset *refusal, const struct asset *page)
{
	static const char keep[] = "Connection: keep-alive\r\n", close[] = "Connection: close\r\n";
	const uint8_t *line = page->ready.base + page->ready.connection_offset;
	const uint8_t *behind = line + sizeof(keep) - 1;
	char expected[2048];
	size_t size = (size_t)(line - page->ready.base);
	size_t rest = (size_t)(page->body + page->size - behind);

	assert_memory_equal(line, keep, sizeof(keep) - 1);
	memcpy(expected, page->ready.base, size);
	memcpy(expected + size, close, sizeof(close) - 1);
	memcpy(expected + size + sizeof(close) - 1, behind, rest);
	assert_true(refusal->closes && refusal->is_shared && !page->closes);
	assert_int_equal(refusal->ready.size + refusal->size, size + sizeof(close) - 1 + rest);
	assert_memory_equal(refusal->ready.base, expected, refusal->ready.size + refusal->size);
	assert_ptr_equal(refusal->body, refusal->ready.base + refusal->ready.size);
	assert_memory_equal(refusal->type.base, page->type.base, page->type.size);
}

/* To refuse takes one piece of memory that is there, wherever the rules have put the line and the date. */
static void every_refusal_closes_in_one_piece(void **state)
{
	static const char *const orders[] = { "none", "Connection", "Content-Type,Connection,Date" };
	static const uint8_t date[] = "Tue, 01 Jan 2030 00:00:00 GMT";

	(void)state;
	for (size_t i = 0; i < FIXTURE_COUNT(orders); i++) {
		struct site_options options = site_maker_options();
		struct site *ordered;
		struct pages pages;

		options.order = i == 0 ? "" : (char *)orders[i];
		ordered = fixture_site(&options, NULL);
		assert_true(pages_init(&pages, ordered, FIXTURE_NOW));
		for (unsigned at = 0; at < PAGE_COUNT; at++) {
			struct asset *refusal = pages.refusal[at];

			if (!pages.page[at] || pages.page[at]->status < 400) {
				assert_null(refusal);
				continue;
			}
			assert_ptr_equal(pages_get_refusal(&pages, refusal->status), refusal);
			assert_closing(refusal, pages.page[at]);
			asset_set_date(refusal, FIXTURE_NOW + 1, date);
			asset_set_date(pages.page[at], FIXTURE_NOW + 1, date);
			assert_closing(refusal, pages.page[at]);
		}
		pages_deinit(&pages);
		site_destroy(ordered);
	}
}

/* 429 and 503 say when to come again: as the site has it, in whole seconds, rounded up. */
static void retry_after_is_an_option(void **state)
{
	struct site_options options = site_maker_options();
	struct site *patient;
	struct pages pages;

	(void)state;
	options.retry_after = 119001;
	patient = fixture_site(&options, NULL);
	assert_true(pages_init(&pages, patient, FIXTURE_NOW));
	assert_true(has_line(pages_get(&pages, 429), "Retry-After: 120"));
	assert_true(has_line(pages_get_refusal(&pages, 503), "Retry-After: 120"));
	pages_deinit(&pages);
	site_destroy(patient);
}

/* RFC 9110 8.6: a 204 has neither body nor Content-Length. */
static void the_answer_to_options_has_no_body(void **state)
{
	struct pages pages;

	(void)state;
	assert_true(pages_init(&pages, site, FIXTURE_NOW));
	assert_whole(pages_get(&pages, 204),
		     FIXTURE_FIRST_LINES("204 No Content") "Allow: GET, HEAD, "
							   "OPTIONS\r\n" FIXTURE_KEEP_ALIVE);
	pages_deinit(&pages);
}

/* A navigation would have been answered by the fallback: a cache must not answer one by this. */
static void a_404_beside_a_fallback_depends_on_who_asks(void **state)
{
	struct site_options options = site_maker_options();
	struct asset *not_found, *forbidden;
	struct site *app;

	(void)state;
	options.fallback = (char *)"/index.html";
	app = fixture_site(&options, NULL);
	not_found = pages_create(app, 404, FIXTURE_NOW);
	forbidden = pages_create(app, 403, FIXTURE_NOW);
	assert_true(has_line(not_found, "Vary: Accept, Sec-Fetch-Mode"));
	assert_int_equal(not_found->vary, VARY_ACCEPT | VARY_MODE);
	assert_false(has_line(forbidden, "Vary: Accept, Sec-Fetch-Mode"));
	fixture_release(not_found);
	fixture_release(forbidden);
	site_destroy(app);
}

/* Rules without a path or type are for errors and redirects as well; what is said of content is not. */
static void the_rules_of_the_site_hold_for_its_pages(void **state)
{
	char *all[] = { (char *)"X-All: 1", (char *)"Server: other", (char *)"Cache-Control: max-age=60" };
	char *missing[] = { (char *)"X-Missing: 1" }, *status[] = { (char *)"404" };
	struct header_spec headers[] = {
		{ .set = all, .set_count = 3 },
		{ .set = missing, .set_count = 1, .status = status, .status_count = 1 },
	};
	struct site *with_rules = fixture_site_with(headers, FIXTURE_COUNT(headers));
	struct asset *page = pages_create(with_rules, 404, FIXTURE_NOW);
	struct asset *redirect = pages_create_redirect(with_rules, 301, BYTES("/a"), FIXTURE_NOW);

	(void)state;
	assert_true(has_line(page, "X-All: 1") && has_line(redirect, "X-All: 1"));
	assert_true(has_line(page, "Server: other") && has_line(redirect, "Server: other"));
	assert_true(has_line(page, "X-Missing: 1") && !has_line(redirect, "X-Missing: 1"));
	assert_false(has_line(page, "Cache-Control: max-age=60"));
	assert_false(has_line(redirect, "Cache-Control: max-age=60"));
	fixture_release(page);
	fixture_release(redirect);
	site_destroy(with_rules);
}

/* A worker that has no memory for its pages does not start, and leaves nothing behind. */
static void without_memory_there_are_no_pages(void **state)
{
	struct pages pages;
	uint32_t needed = 0;

	(void)state;
	for (;; needed++) {
		bool is_made;

		scarce_left = needed;
		is_made = pages_init(&pages, site, FIXTURE_NOW);
		scarce_left = SCARCE_NOT;
		if (is_made)
			break;
		for (unsigned i = 0; i < PAGE_COUNT; i++)
			assert_null(pages.page[i]);
	}
	assert_true(needed > 16);
	pages_deinit(&pages);
	pages_deinit(&pages);
}

/* A page of which only a part was written is none, though there is memory again for its asset. */
static void a_page_that_is_not_whole_is_not_sent(void **state)
{
	(void)state;
	scarce_once = 1;
	for (uint32_t allowed = 0; allowed < 2; allowed++) {
		scarce_left = allowed;
		assert_null(pages_create_redirect(site, 301, BYTES("/a"), FIXTURE_NOW));
		scarce_left = allowed;
		assert_null(pages_create(site, 404, FIXTURE_NOW));
	}
	scarce_once = 0;
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_redirect_names_its_place_in_head_and_body),
		cmocka_unit_test(a_location_cannot_leave_its_attribute),
		cmocka_unit_test(each_status_of_a_redirect_is_written),
		cmocka_unit_test(a_redirect_of_any_length_is_framed_right),
		cmocka_unit_test(a_page_is_its_status_in_html),
		cmocka_unit_test(every_status_that_belongs_to_no_file_has_a_page),
		cmocka_unit_test(every_refusal_closes_in_one_piece),
		cmocka_unit_test(retry_after_is_an_option),
		cmocka_unit_test(the_answer_to_options_has_no_body),
		cmocka_unit_test(a_404_beside_a_fallback_depends_on_who_asks),
		cmocka_unit_test(the_rules_of_the_site_hold_for_its_pages),
		cmocka_unit_test(without_memory_there_are_no_pages),
		cmocka_unit_test(a_page_that_is_not_whole_is_not_sent),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
