/* SPDX-License-Identifier: MIT */
/*
 * site/asset and site/pages: what is compiled is, byte for byte, what goes over the wire.
 *
 * Slices that are handed in end at a page without access. An asset's own block is watched by
 * the address sanitizer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "guard.h"
#include "http/head.h"
#include "site/asset.h"
#include "site/pages.h"

#define ROOM 65536
#define SECOND INT64_C(1000000000)
#define MODIFIED INT64_C(784111777) /* Sun, 06 Nov 1994 08:49:37 GMT */
#define NOW INT64_C(1000000000)     /* Sun, 09 Sep 2001 01:46:40 GMT */

#define STATUS_AND_DATE(status)                                                                              \
	"HTTP/1.1 " status "\r\n"                                                                            \
	"Server: quoit\r\n"                                                                                  \
	"Date: Sun, 09 Sep 2001 01:46:40 GMT\r\n"
#define KEEP_ALIVE "Connection: keep-alive\r\n\r\n"
#define PAGE(status)                                                                                         \
	"<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>" status "</title>\n<h1>" status  \
	"</h1>\n"

static uint8_t *slice_end; /* the end of a guarded region */

static int set_up(void **state)
{
	static const uint8_t zeros[ROOM];

	(void)state;
	slice_end = guard_copy(zeros, ROOM) + ROOM;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	guard_release(slice_end - ROOM, ROOM);
	return 0;
}

static struct bytes guarded(const char *text)
{
	size_t size = strlen(text);

	assert_true(size <= ROOM);
	memcpy(slice_end - size, text, size);
	return bytes_make(slice_end - size, size);
}

static void assert_bytes(const void *found, size_t size, const char *expected)
{
	if (size != strlen(expected) || memcmp(found, expected, size) != 0)
		fail_msg("found\n%.*s\nnot\n%s", (int)size, (const char *)found, expected);
}

/* The head, and behind it the body: as one send hands them to the kernel. */
static void assert_whole(const struct asset *asset, const char *expected)
{
	assert_ptr_equal(asset->body, asset->ready.base + asset->ready.size);
	assert_bytes(asset->ready.base, asset->ready.size + asset->size, expected);
}

static void release(struct asset *asset)
{
	assert_true(asset_unref(asset));
	asset_free(asset);
}

static struct asset *make_file(int64_t modified_ns, uint64_t size, bool in_memory)
{
	struct version version = { 1, 2, size, modified_ns, 3 };
	struct asset *asset = asset_create_file(&version, BYTES("text/html; charset=utf-8"), in_memory, NOW);

	assert_non_null(asset);
	assert_int_equal(asset->refs, 1);
	assert_int_equal(asset->fd, -1);
	assert_int_equal(asset->status, 200);
	assert_true(asset->is_file && !asset->racy);
	assert_int_equal(asset->date, NOW);
	assert_true(asset->size == size);
	assert_true(version_equal(&asset->version, &version));
	return asset;
}

/* A small file is one piece of memory: head, body, and behind it the head of the 304. */
static void a_small_file_is_one_block(void **state)
{
	struct asset *asset = make_file(MODIFIED * SECOND + 123456789, 6, true);

	(void)state;
	memcpy(asset->body, "hello\n", 6);
	assert_whole(asset, STATUS_AND_DATE("200 OK") "Content-Type: text/html; charset=utf-8\r\n"
						      "Content-Length: 6\r\n"
						      "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
						      "ETag: \"ae1b981c3a4d715-6\"\r\n"
						      "Accept-Ranges: bytes\r\n" KEEP_ALIVE "hello\n");
	assert_ptr_equal(asset->not_modified.base, asset->body + 6);
	assert_bytes(asset->not_modified.base, asset->not_modified.size,
		     STATUS_AND_DATE("304 Not Modified") "ETag: \"ae1b981c3a4d715-6\"\r\n" KEEP_ALIVE);
	assert_bytes(asset->type.base, asset->type.size, "text/html; charset=utf-8");
	assert_int_equal(asset->memory, sizeof(*asset) + asset->ready.size + 6 + asset->not_modified.size);
	release(asset);
}

/* Its body is the caller's to fill to the last byte, without touching the head behind it. */
static void a_body_of_any_size_fits_between_the_heads(void **state)
{
	(void)state;
	for (uint64_t size = 0; size < 3000; size += 1 + size / 7) {
		struct asset *asset = make_file(MODIFIED * SECOND, size, true);
		char length[64];

		memset(asset->body, '!', size);
		snprintf(length, sizeof(length), "\r\nContent-Length: %llu\r\n", (unsigned long long)size);
		assert_non_null(memmem(asset->ready.base, asset->ready.size, length, strlen(length)));
		assert_ptr_equal(asset->body, asset->ready.base + asset->ready.size);
		assert_memory_equal(asset->not_modified.base, "HTTP/1.1 304", 12);
		assert_memory_equal(asset->body - 4, "\r\n\r\n", 4);
		release(asset);
	}
}

/* However large it is; its descriptor is for the caller to set. */
static void a_large_file_has_heads_only(void **state)
{
	struct asset *asset = make_file(MODIFIED * SECOND, UINT64_MAX, false);

	(void)state;
	assert_null(asset->body);
	assert_bytes(asset->ready.base, asset->ready.size,
		     STATUS_AND_DATE("200 OK") "Content-Type: text/html; charset=utf-8\r\n"
					       "Content-Length: 18446744073709551615\r\n"
					       "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
					       "ETag: \"ae1b981bc490a00-ffffffffffffffff\"\r\n"
					       "Accept-Ranges: bytes\r\n" KEEP_ALIVE);
	assert_ptr_equal(asset->not_modified.base, asset->ready.base + asset->ready.size);
	assert_true(asset->memory < 2048);
	release(asset);
}

/* A strong tag (RFC 9110 8.8.3): in quotes the time in nanoseconds and the size, whatever they are. */
static void an_entity_tag_is_the_modification_time_and_the_size(void **state)
{
	static const struct {
		int64_t modified_ns;
		uint64_t size;
		const char *tag;
	} rows[] = {
		{ 0, 0, "\"0-0\"" },
		{ 1, 0, "\"1-0\"" },
		{ 0, 1, "\"0-1\"" },
		{ MODIFIED * SECOND, 4096, "\"ae1b981bc490a00-1000\"" },
		{ MODIFIED * SECOND + 1, 4096, "\"ae1b981bc490a01-1000\"" },
		{ INT64_MAX, UINT64_MAX, "\"7fffffffffffffff-ffffffffffffffff\"" },
		{ -1, UINT64_MAX, "\"ffffffffffffffff-ffffffffffffffff\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct asset *asset = make_file(rows[i].modified_ns, rows[i].size, false);
		struct bytes tag = asset->validators.etag;
		char line[64];

		assert_ptr_equal(tag.base, asset->etag_text);
		assert_bytes(tag.base, tag.size, rows[i].tag);
		snprintf(line, sizeof(line), "\r\nETag: %s\r\n", rows[i].tag);
		assert_non_null(memmem(asset->ready.base, asset->ready.size, line, strlen(line)));
		assert_non_null(
			memmem(asset->not_modified.base, asset->not_modified.size, line, strlen(line)));
		release(asset);
	}
}

/* Two machines behind a balancer have other inodes and change times, and must agree. */
static void heads_do_not_depend_on_the_machine(void **state)
{
	struct version version = { 7, 8, 10, MODIFIED * SECOND, 9 };
	struct asset *here = make_file(MODIFIED * SECOND, 10, false);
	struct asset *there = asset_create_file(&version, here->type, false, NOW);

	(void)state;
	assert_int_equal(here->ready.size, there->ready.size);
	assert_memory_equal(here->ready.base, there->ready.base, here->ready.size);
	assert_int_equal(here->not_modified.size, there->not_modified.size);
	assert_memory_equal(here->not_modified.base, there->not_modified.base, here->not_modified.size);
	assert_false(version_equal(&here->version, &there->version));
	release(here);
	release(there);
}

/* Last-Modified is a whole second that is not later than the change, before 1970 as well. */
static void last_modified_is_rounded_down(void **state)
{
	static const struct {
		int64_t modified_ns, seconds;
	} rows[] = {
		{ 0, 0 }, { SECOND - 1, 0 }, { SECOND, 1 }, { -1, -1 }, { -SECOND, -1 }, { -SECOND - 1, -2 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct asset *asset = make_file(rows[i].modified_ns, 1, false);
		char line[64] = "\r\nLast-Modified: ";

		assert_true(asset->validators.modified == rows[i].seconds);
		date_format(rows[i].seconds, (uint8_t *)line + strlen(line));
		assert_non_null(memmem(asset->ready.base, asset->ready.size, line, strlen(line)));
		release(asset);
	}
}

/* Each of the five tells a changed file from the one that was read. */
static void a_version_is_equal_in_all_its_parts(void **state)
{
	static const struct version version = { 1, 1, 1, 1, 1 };
	static const struct version others[] = {
		{ 2, 1, 1, 1, 1 }, { 1, 2, 1, 1, 1 }, { 1, 1, 2, 1, 1 }, { 1, 1, 1, 2, 1 }, { 1, 1, 1, 1, 2 },
	};

	(void)state;
	assert_true(version_equal(&version, &version));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(version_equal(&version, &others[i]));
}

/* So that a head for a connection that closes is the part before it, and HEAD_CLOSE. */
static void every_head_ends_with_connection(void **state)
{
	struct asset *asset[] = { make_file(0, 1, true), asset_create_redirect(guarded("/a/"), NOW),
				  asset_create_page(404, BYTES(""), NOW) };
	struct bytes last = HEAD_KEEP_ALIVE;

	(void)state;
	asset[0]->body[0] = 'x';
	for (size_t i = 0; i < 3; i++) {
		const struct asset_head *heads[] = { &asset[i]->ready, &asset[i]->not_modified };

		for (size_t k = 0; k < (asset[i]->is_file ? 2 : 1); k++) {
			assert_int_equal(heads[k]->connection_offset + last.size, heads[k]->size);
			assert_memory_equal(heads[k]->base + heads[k]->connection_offset, last.base,
					    last.size);
		}
		release(asset[i]);
	}
}

/* In both heads, and no other byte of the block. */
static void a_date_is_brought_up_to_now(void **state)
{
	struct asset *asset = make_file(0, 5, true);
	struct asset *page = asset_create_page(404, BYTES(""), NOW);
	size_t size = asset->ready.size + 5 + asset->not_modified.size;
	uint8_t date[DATE_SIZE], *before = malloc(size), *changed;

	(void)state;
	memcpy(asset->body, "hello", 5);
	memcpy(before, asset->block, size);
	date_format(MODIFIED, date);
	asset_set_date(asset, MODIFIED, date);
	assert_int_equal(asset->date, MODIFIED);
	changed = memmem(before, size, "Sun, 09 Sep 2001 01:46:40 GMT", DATE_SIZE);
	memcpy(changed, "Sun, 06 Nov 1994 08:49:37 GMT", DATE_SIZE);
	changed = memmem(changed, size - (size_t)(changed - before), "Sun, 09 Sep 2001 01:46:40 GMT",
			 DATE_SIZE);
	memcpy(changed, "Sun, 06 Nov 1994 08:49:37 GMT", DATE_SIZE);
	assert_memory_equal(asset->block, before, size);

	asset_set_date(page, MODIFIED, date);
	assert_bytes(page->ready.base + page->ready.date_offset, DATE_SIZE, "Sun, 06 Nov 1994 08:49:37 GMT");
	free(before);
	release(asset);
	release(page);
}

/* A send that stopped inside of a date goes on with the old one; one that stopped elsewhere need not care. */
static void only_a_place_inside_of_a_date_has_an_end_of_it(void **state)
{
	struct asset *asset = make_file(0, 100, true);
	const struct asset_head *heads[] = { &asset->ready, &asset->not_modified };

	(void)state;
	memset(asset->body, 'x', 100);
	for (const uint8_t *at = asset->block; at < asset->not_modified.base + asset->not_modified.size;
	     at++) {
		const uint8_t *expected = NULL;

		for (size_t k = 0; k < 2; k++) {
			const uint8_t *date = heads[k]->base + heads[k]->date_offset;

			assert_memory_equal(date - 6, "Date: Sun, 09 Sep 2001 01:46:40 GMT\r\n", 37);
			if (at > date && at < date + DATE_SIZE)
				expected = date + DATE_SIZE;
		}
		assert_ptr_equal(asset_date_end(asset, at), expected);
	}
	release(asset);
}

/* A page has no head of a 304, and a place in it is none in that. */
static void a_page_has_one_date(void **state)
{
	struct asset *page = asset_create_page(404, BYTES(""), NOW);
	const uint8_t *date = page->ready.base + page->ready.date_offset;

	(void)state;
	assert_null(page->not_modified.base);
	assert_null(asset_date_end(page, date));
	assert_ptr_equal(asset_date_end(page, date + 1), date + DATE_SIZE);
	assert_ptr_equal(asset_date_end(page, date + DATE_SIZE - 1), date + DATE_SIZE);
	assert_null(asset_date_end(page, date + DATE_SIZE));
	assert_null(asset_date_end(page, (const uint8_t *)1));
	release(page);
}

/* The location comes encoded, but "&" stands in paths, and begins something in HTML. */
static void a_redirect_names_its_place_in_head_and_body(void **state)
{
	struct asset *asset = asset_create_redirect(guarded("/a&lt;b&/"), NOW);

	(void)state;
	assert_int_equal(asset->status, 301);
	assert_int_equal(asset->refs, 1);
	assert_int_equal(asset->fd, -1);
	assert_false(asset->is_file);
	assert_whole(
		asset,
		STATUS_AND_DATE(
			"301 Moved Permanently") "Content-Type: text/html; charset=utf-8\r\n"
						 "Content-Length: 181\r\n"
						 "Location: /a&lt;b&/\r\n" KEEP_ALIVE PAGE(
							 "301 Moved Permanently") "<p>It is <a "
										  "href=\"/a&amp;lt;b&amp;/"
										  "\">here</a>.</p>\n</"
										  "html>\n");
	release(asset);
}

/* The longest path a file system takes, each byte encoded, is three times 4096; then the body may be missing.
 */
static void a_redirect_of_any_length_is_framed_right(void **state)
{
	char *location = malloc(ROOM);

	(void)state;
	for (size_t size = 1; size <= 3 * 4096 + 1; size += 1 + size / 9) {
		for (unsigned kind = 0; kind < 2; kind++) {
			struct asset *asset;
			char line[64];

			memset(location, kind ? '&' : 'a', size);
			location[size] = 0;
			asset = asset_create_redirect(guarded(location), NOW);
			assert_non_null(asset);
			snprintf(line, sizeof(line), "\r\nContent-Length: %u\r\nLocation: /",
				 (unsigned)asset->size);
			line[strlen(line) - 1] = location[0];
			assert_non_null(memmem(asset->ready.base, asset->ready.size, line, strlen(line)));
			assert_memory_equal(asset->body - 4, "\r\n\r\n", 4);
			if (asset->size > 0)
				assert_memory_equal(asset->body + asset->size - 8, "</html>\n", 8);
			assert_true(asset->size > 0 || size > 4096);
			release(asset);
		}
	}
	/* Longer than any head: refused, never cut. */
	memset(location, 'a', 30000);
	location[30000] = 0;
	assert_null(asset_create_redirect(guarded(location), NOW));
	free(location);
}

/* Fields in their order, and a body that says the same to a person. */
static void a_page_is_its_status_in_html(void **state)
{
	struct asset *page = asset_create_page(404, bytes_make(NULL, 0), NOW);

	(void)state;
	assert_int_equal(page->status, 404);
	assert_false(page->is_file);
	assert_whole(page, STATUS_AND_DATE("404 Not Found") "Content-Type: text/html; charset=utf-8\r\n"
							    "Content-Length: 114\r\n" KEEP_ALIVE PAGE(
								    "404 Not Found") "</html>\n");
	release(page);
	page = asset_create_page(405, guarded("Allow: GET\r\nA: b\r\n"), NOW);
	assert_whole(page,
		     STATUS_AND_DATE("405 Method Not Allowed") "Content-Type: text/html; charset=utf-8\r\n"
							       "Content-Length: 132\r\n"
							       "Allow: GET\r\nA: b\r\n" KEEP_ALIVE PAGE(
								       "405 Method Not Allowed") "</html>\n");
	release(page);
}

static bool has_line(const struct asset *page, const char *line)
{
	char text[128];

	snprintf(text, sizeof(text), "\r\n%s\r\n", line);
	return memmem(page->ready.base, page->ready.size, text, strlen(text)) != NULL;
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
	assert_true(pages_init(&pages, NOW));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char expected[512];
		struct asset *page = pages.page[i];

		if (rows[i].code != 204 && rows[i].code < 400) {
			assert_null(page);
			continue;
		}
		assert_ptr_equal(pages_get(&pages, rows[i].code), page);
		assert_int_equal(page->status, rows[i].code);
		snprintf(expected, sizeof(expected), "HTTP/1.1 %s\r\n", rows[i].text);
		assert_memory_equal(page->ready.base, expected, strlen(expected));
		assert_int_equal(has_line(page, "Allow: GET, HEAD, OPTIONS"),
				 page->status == 204 || page->status == 405);
		assert_int_equal(has_line(page, "Retry-After: 1"), page->status == 503);
		if (page->status == 204)
			continue;
		snprintf(expected, sizeof(expected), PAGE("%s") "</html>\n", rows[i].text, rows[i].text);
		assert_bytes(page->body, page->size, expected);
	}
	pages_deinit(&pages);
}

/* RFC 9110 8.6: a 204 has neither body nor Content-Length. */
static void the_answer_to_options_has_no_body(void **state)
{
	struct pages pages;

	(void)state;
	assert_true(pages_init(&pages, NOW));
	assert_whole(pages_get(&pages, 204),
		     STATUS_AND_DATE("204 No Content") "Allow: GET, HEAD, OPTIONS\r\n" KEEP_ALIVE);
	pages_deinit(&pages);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_small_file_is_one_block),
		cmocka_unit_test(a_body_of_any_size_fits_between_the_heads),
		cmocka_unit_test(a_large_file_has_heads_only),
		cmocka_unit_test(an_entity_tag_is_the_modification_time_and_the_size),
		cmocka_unit_test(heads_do_not_depend_on_the_machine),
		cmocka_unit_test(last_modified_is_rounded_down),
		cmocka_unit_test(a_version_is_equal_in_all_its_parts),
		cmocka_unit_test(every_head_ends_with_connection),
		cmocka_unit_test(a_date_is_brought_up_to_now),
		cmocka_unit_test(only_a_place_inside_of_a_date_has_an_end_of_it),
		cmocka_unit_test(a_page_has_one_date),
		cmocka_unit_test(a_redirect_names_its_place_in_head_and_body),
		cmocka_unit_test(a_redirect_of_any_length_is_framed_right),
		cmocka_unit_test(a_page_is_its_status_in_html),
		cmocka_unit_test(every_status_that_belongs_to_no_file_has_a_page),
		cmocka_unit_test(the_answer_to_options_has_no_body),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
