/* SPDX-License-Identifier: MIT */
/*
 * site/asset: what is compiled is, byte for byte, what goes over the wire.
 *
 * Of a site without rules; what rules make of it is in test_asset_rules.c. Slices that are handed in
 * end at a page without access, and are gone when they are looked for again. An asset's own block is
 * watched by the address sanitizer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "guard.h"
#include "http/head.h"
#include "scarce_mem.h"
#include "site/pages.h"
#include "site_fixture.h"

static struct site *site;

static int set_up(void **state)
{
	struct site_options options = site_maker_options();

	(void)state;
	options.languages = (char *)"en,fr";
	site = fixture_site(&options, NULL);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	site_destroy(site);
	return 0;
}

/* The head, and behind it the body: as one send hands them to the kernel. */
static void assert_whole(const struct asset *asset, const char *expected)
{
	assert_ptr_equal(asset->body, asset->ready.base + asset->ready.size);
	fixture_assert_text(asset->ready.base, asset->ready.size + asset->size, expected);
}

static bool has_line(const struct asset_head *head, const char *line)
{
	char text[256];

	snprintf(text, sizeof(text), "\r\n%s\r\n", line);
	return memmem(head->base, head->size, text, strlen(text)) != NULL;
}

static struct asset *make_file(int64_t modified_ns, uint64_t size, bool in_memory)
{
	struct version version = { 1, 2, size, modified_ns, 3 };
	struct asset_spec spec = { .version = &version,
				   .type = { BYTES("text/html"), true },
				   .size = size,
				   .in_memory = in_memory };
	struct asset *asset = fixture_file(site, &spec);

	assert_int_equal(asset->refs, 1);
	assert_int_equal(asset->fd, -1);
	assert_int_equal(asset->status, 200);
	assert_true(asset_is_file(asset) && !asset->racy && !asset->is_shared && !asset->is_decoded);
	assert_int_equal(asset->coding, CODING_IDENTITY);
	assert_int_equal(asset->language, LANGUAGE_NONE);
	assert_int_equal(asset->decoded, MAKING_NOT);
	assert_int_equal(asset->digested, MAKING_NOT);
	assert_null(asset->next);
	assert_int_equal(asset->date, FIXTURE_NOW);
	assert_true(asset->size == size);
	assert_true(version_equal(&asset->version, &version));
	return asset;
}

/* A small file is one piece of memory: head, body, and behind it the head of the 304, and its path. */
static void a_small_file_is_one_block(void **state)
{
	struct asset *asset = make_file(FIXTURE_MODIFIED * FIXTURE_SECOND + 123456789, 6, true);

	(void)state;
	memcpy(asset->body, "hello\n", 6);
	assert_whole(asset,
		     FIXTURE_FIRST_LINES("200 OK") "Content-Type: text/html; charset=utf-8\r\n"
						   "Content-Length: 6\r\n"
						   "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
						   "ETag: \"ae1b981c3a4d715-6\"\r\n"
						   "Accept-Ranges: bytes\r\n" FIXTURE_KEEP_ALIVE "hello\n");
	assert_ptr_equal(asset->not_modified.base, asset->body + 6);
	fixture_assert_head(&asset->not_modified,
			    FIXTURE_FIRST_LINES("304 Not Modified") "ETag: \"ae1b981c3a4d"
								    "715-6\"\r\n" FIXTURE_KEEP_ALIVE);
	fixture_assert_text(asset->type.base, asset->type.size, "text/html; charset=utf-8");
	assert_ptr_equal(asset->path.base, asset->not_modified.base + asset->not_modified.size);
	fixture_assert_text(asset->path.base, asset->path.size, "/a.txt");
	assert_int_equal(asset->hints.size, 0);
	assert_int_equal(asset->memory, sizeof(*asset) + asset->ready.size + 6 + asset->not_modified.size +
						asset->path.size);
	fixture_release(asset);
}

/* Its body is the caller's to fill to the last byte, without touching the head behind it. */
static void a_body_of_any_size_fits_between_the_heads(void **state)
{
	(void)state;
	for (uint64_t size = 0; size < 3000; size += 1 + size / 7) {
		struct asset *asset = make_file(0, size, true);
		char length[64];

		memset(asset->body, '!', size);
		snprintf(length, sizeof(length), "Content-Length: %llu", (unsigned long long)size);
		assert_true(has_line(&asset->ready, length));
		assert_ptr_equal(asset->body, asset->ready.base + asset->ready.size);
		assert_memory_equal(asset->not_modified.base, "HTTP/1.1 304", 12);
		assert_memory_equal(asset->body - 4, "\r\n\r\n", 4);
		fixture_release(asset);
	}
}

/* However large it is; its descriptor is for the caller to set. */
static void a_large_file_has_heads_only(void **state)
{
	struct asset *asset = make_file(FIXTURE_MODIFIED * FIXTURE_SECOND, UINT64_MAX, false);

	(void)state;
	assert_null(asset->body);
	fixture_assert_head(&asset->ready,
			    FIXTURE_FIRST_LINES("200 OK") "Content-Type: text/html; charset=utf-8\r\n"
							  "Content-Length: 18446744073709551615\r\n"
							  "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
							  "ETag: \"ae1b981bc490a00-ffffffffffffffff\"\r\n"
							  "Accept-Ranges: bytes\r\n" FIXTURE_KEEP_ALIVE);
	assert_ptr_equal(asset->not_modified.base, asset->ready.base + asset->ready.size);
	assert_true(asset->memory < 2048);
	fixture_release(asset);
}

/* RFC 9110 8.8.3.3: a strong tag of its own per coding; else the time in nanoseconds and the size. */
static void an_entity_tag_is_the_modification_time_the_size_and_the_coding(void **state)
{
	static const struct {
		int64_t modified_ns;
		uint64_t size;
		enum coding coding;
		const char *tag;
	} rows[] = {
		{ 0, 0, CODING_IDENTITY, "\"0-0\"" },
		{ 1, 0, CODING_IDENTITY, "\"1-0\"" },
		{ 0, 1, CODING_IDENTITY, "\"0-1\"" },
		{ 0, 1, CODING_BR, "\"0-1-br\"" },
		{ 0, 1, CODING_ZSTD, "\"0-1-zstd\"" },
		{ 0, 1, CODING_GZIP, "\"0-1-gzip\"" },
		{ FIXTURE_MODIFIED * FIXTURE_SECOND, 4096, CODING_IDENTITY, "\"ae1b981bc490a00-1000\"" },
		{ FIXTURE_MODIFIED * FIXTURE_SECOND + 1, 4096, CODING_IDENTITY, "\"ae1b981bc490a01-1000\"" },
		{ INT64_MAX, UINT64_MAX, CODING_IDENTITY, "\"7fffffffffffffff-ffffffffffffffff\"" },
		{ -1, UINT64_MAX, CODING_ZSTD, "\"ffffffffffffffff-ffffffffffffffff-zstd\"" },
	};

	(void)state;
	for (size_t i = 0; i < FIXTURE_COUNT(rows); i++) {
		struct version version = { 1, 2, rows[i].size, rows[i].modified_ns, 3 };
		struct asset_spec spec = { .version = &version,
					   .size = rows[i].size,
					   .coding = rows[i].coding };
		struct asset *asset;
		char tag[ASSET_TAG_SIZE], line[64];

		fixture_assert_text(tag, asset_tag(&version, rows[i].coding, tag), rows[i].tag);
		asset = fixture_file(site, &spec);
		assert_true(asset->validators.etag.base > asset->ready.base);
		assert_true(asset->validators.etag.base < asset->ready.base + asset->ready.size);
		fixture_assert_text(asset->validators.etag.base, asset->validators.etag.size, rows[i].tag);
		snprintf(line, sizeof(line), "ETag: %s", rows[i].tag);
		assert_true(has_line(&asset->ready, line) && has_line(&asset->not_modified, line));
		fixture_release(asset);
	}
}

/* Two machines behind a balancer have other inodes and change times, and must agree. */
static void heads_do_not_depend_on_the_machine(void **state)
{
	struct version version = { 7, 8, 10, FIXTURE_MODIFIED * FIXTURE_SECOND, 9 };
	struct asset_spec spec = { .version = &version, .type = { BYTES("text/html"), true }, .size = 10 };
	struct asset *here = make_file(version.modified_ns, 10, false), *there = fixture_file(site, &spec);

	(void)state;
	assert_int_equal(here->ready.size, there->ready.size);
	assert_memory_equal(here->ready.base, there->ready.base, here->ready.size);
	assert_int_equal(here->not_modified.size, there->not_modified.size);
	assert_memory_equal(here->not_modified.base, there->not_modified.base, here->not_modified.size);
	assert_false(version_equal(&here->version, &there->version));
	fixture_release(here);
	fixture_release(there);
}

/* A whole second that is not later than the change, before 1970 as well (RFC 9110 8.8.2.1: nor than Date). */
static void last_modified_is_rounded_down_and_never_later_than_the_answer(void **state)
{
	static const struct {
		int64_t modified_ns, seconds;
	} rows[] = {
		{ 0, 0 },
		{ FIXTURE_SECOND - 1, 0 },
		{ FIXTURE_SECOND, 1 },
		{ -1, -1 },
		{ -FIXTURE_SECOND, -1 },
		{ -FIXTURE_SECOND - 1, -2 },
		{ FIXTURE_NOW * FIXTURE_SECOND - 1, FIXTURE_NOW - 1 },
		{ FIXTURE_NOW * FIXTURE_SECOND + 5, FIXTURE_NOW },
		{ (FIXTURE_NOW + 3600) * FIXTURE_SECOND, FIXTURE_NOW },
		{ INT64_MAX, FIXTURE_NOW },
	};

	(void)state;
	for (size_t i = 0; i < FIXTURE_COUNT(rows); i++) {
		struct asset *asset = make_file(rows[i].modified_ns, 1, false);
		char line[64] = "Last-Modified: ";

		assert_true(asset->validators.modified == rows[i].seconds);
		date_format(rows[i].seconds, (uint8_t *)line + strlen(line));
		assert_true(has_line(&asset->ready, line));
		fixture_release(asset);
	}
}

/* What was made of a file is as old as that file, though its tag is that of what was made. */
static void what_was_made_of_a_file_has_the_time_of_that_file(void **state)
{
	struct version made = { 1, 2, 5, (FIXTURE_MODIFIED + 10) * FIXTURE_SECOND, 3 };
	struct version plain = { 1, 9, 50, FIXTURE_MODIFIED * FIXTURE_SECOND, 3 };
	struct asset_spec spec = { .version = &made, .dated = &plain, .size = 5, .coding = CODING_BR };
	struct asset *asset = fixture_file(site, &spec);

	(void)state;
	assert_true(version_equal(&asset->version, &made));
	assert_true(asset->validators.modified == FIXTURE_MODIFIED);
	assert_true(has_line(&asset->ready, "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT"));
	assert_true(has_line(&asset->ready, "ETag: \"ae1b9841054ee00-5-br\""));
	fixture_release(asset);
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
	for (size_t i = 0; i < FIXTURE_COUNT(others); i++)
		assert_false(version_equal(&version, &others[i]));
}

/* The client sees which it got, and every cache what it was chosen by, also from a 304 (RFC 9110 15.4.5). */
static void a_member_of_a_chain_says_what_it_is_and_depends_on(void **state)
{
	struct asset_spec spec = {
		.coding = CODING_GZIP, .language = 1, .vary = VARY_ENCODING | VARY_LANGUAGE, .size = 11
	};
	struct asset *asset = fixture_file(site, &spec);

	(void)state;
	fixture_assert_head(&asset->ready,
			    FIXTURE_FIRST_LINES("200 OK") "Content-Type: text/plain; charset=utf-8\r\n"
							  "Content-Length: 11\r\n"
							  "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
							  "ETag: \"ae1b981bc490a00-b-gzip\"\r\n"
							  "Accept-Ranges: bytes\r\n"
							  "Content-Encoding: gzip\r\n"
							  "Content-Language: fr\r\n"
							  "Vary: Accept-Encoding, "
							  "Accept-Language\r\n" FIXTURE_KEEP_ALIVE);
	fixture_assert_head(&asset->not_modified,
			    FIXTURE_FIRST_LINES("304 Not Modified") "ETag: \"ae1b981bc490a00-b-gzip\"\r\n"
								    "Vary: Accept-Encoding, "
								    "Accept-Language\r\n" FIXTURE_KEEP_ALIVE);
	assert_int_equal(asset->coding, CODING_GZIP);
	assert_int_equal(asset->language, 1);
	assert_int_equal(asset->vary, spec.vary);
	fixture_release(asset);
	spec = (struct asset_spec){ .vary = VARY_ACCEPT | VARY_MODE, .size = 11 };
	asset = fixture_file(site, &spec);
	assert_true(has_line(&asset->ready, "Vary: Accept, Sec-Fetch-Mode"));
	assert_true(has_line(&asset->not_modified, "Vary: Accept, Sec-Fetch-Mode"));
	assert_null(memmem(asset->ready.base, asset->ready.size, "Content-Language", 16));
	fixture_release(asset);
}

/* So that a head for a connection that closes is what is before the line, HEAD_CLOSE, and what is behind. */
static void every_head_ends_with_connection(void **state)
{
	struct asset *asset[] = { make_file(0, 1, true),
				  pages_create_redirect(site, 301, BYTES("/a/"), FIXTURE_NOW),
				  pages_create(site, 404, FIXTURE_NOW) };
	struct bytes last = HEAD_KEEP_ALIVE;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		const struct asset_head *heads[] = { &asset[i]->ready, &asset[i]->not_modified };

		for (size_t k = 0; k < (asset_is_file(asset[i]) ? 2 : 1); k++) {
			assert_int_equal(heads[k]->connection_offset + last.size + 2, heads[k]->size);
			assert_memory_equal(heads[k]->base + heads[k]->connection_offset, last.base,
					    last.size);
			assert_memory_equal(heads[k]->base + heads[k]->size - 4, "\r\n\r\n", 4);
		}
		fixture_release(asset[i]);
	}
}

/* In both heads, and no other byte of the block. */
static void a_date_is_brought_up_to_now(void **state)
{
	struct asset *asset = make_file(0, 5, true), *page = pages_create(site, 404, FIXTURE_NOW);
	size_t size = asset->memory - sizeof(*asset);
	uint8_t date[DATE_SIZE], *before = malloc(size), *changed = before;

	(void)state;
	memcpy(asset->body, "hello", 5);
	memcpy(before, asset->block, size);
	date_format(FIXTURE_MODIFIED, date);
	asset_set_date(asset, FIXTURE_MODIFIED, date);
	assert_int_equal(asset->date, FIXTURE_MODIFIED);
	for (unsigned i = 0; i < 2; i++) {
		changed = memmem(changed, size - (size_t)(changed - before), "Sun, 09 Sep 2001 01:46:40 GMT",
				 DATE_SIZE);
		memcpy(changed, "Sun, 06 Nov 1994 08:49:37 GMT", DATE_SIZE);
	}
	assert_memory_equal(asset->block, before, size);

	asset_set_date(page, FIXTURE_MODIFIED, date);
	fixture_assert_text(page->ready.base + page->ready.date_offset, DATE_SIZE,
			    "Sun, 06 Nov 1994 08:49:37 GMT");
	free(before);
	fixture_release(asset);
	fixture_release(page);
}

/* A send that stopped inside of a date goes on with the old one; one that stopped elsewhere need not care. */
static void only_a_place_inside_of_a_date_has_an_end_of_it(void **state)
{
	struct asset *asset = make_file(0, 100, true);
	const struct asset_head *heads[] = { &asset->ready, &asset->not_modified };

	(void)state;
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
	fixture_release(asset);
}

/* A page has no head of a 304, and a place in it is none in that. */
static void a_page_has_one_date(void **state)
{
	struct asset *page = pages_create(site, 404, FIXTURE_NOW);
	const uint8_t *date = page->ready.base + page->ready.date_offset;

	(void)state;
	assert_null(page->not_modified.base);
	assert_null(asset_date_end(page, date));
	assert_ptr_equal(asset_date_end(page, date + 1), date + DATE_SIZE);
	assert_ptr_equal(asset_date_end(page, date + DATE_SIZE - 1), date + DATE_SIZE);
	assert_null(asset_date_end(page, date + DATE_SIZE));
	assert_null(asset_date_end(page, (const uint8_t *)1));
	fixture_release(page);
}

/* What the asset is made of need last no longer than the call. */
static void an_asset_keeps_nothing_that_it_was_made_of(void **state)
{
	static const char path[] = "/folder/page.html", type[] = "text/x-special", tag[] = "\"of its own\"";
	uint8_t *path_copy = guard_copy(path, sizeof(path) - 1),
		*type_copy = guard_copy(type, sizeof(type) - 1);
	uint8_t *tag_copy = guard_copy(tag, sizeof(tag) - 1);
	struct asset_spec spec = { .path = bytes_make(path_copy, sizeof(path) - 1),
				   .type = { bytes_make(type_copy, sizeof(type) - 1), false },
				   .tag = bytes_make(tag_copy, sizeof(tag) - 1),
				   .size = 3 };
	struct asset *asset = fixture_file(site, &spec);

	(void)state;
	guard_release(path_copy, sizeof(path) - 1);
	guard_release(type_copy, sizeof(type) - 1);
	guard_release(tag_copy, sizeof(tag) - 1);
	fixture_assert_text(asset->path.base, asset->path.size, path);
	fixture_assert_text(asset->type.base, asset->type.size, type);
	fixture_assert_text(asset->validators.etag.base, asset->validators.etag.size, tag);
	assert_true(has_line(&asset->ready, "Content-Type: text/x-special"));
	fixture_release(asset);
}

/* The caller then answers 503. */
static void without_memory_there_is_no_asset(void **state)
{
	struct asset_spec spec = { .site = site, .status = 200, .size = 10, .in_memory = true };

	(void)state;
	scarce_left = 0;
	assert_null(asset_create(&spec, FIXTURE_NOW));
	scarce_left = SCARCE_NOT;
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_small_file_is_one_block),
		cmocka_unit_test(a_body_of_any_size_fits_between_the_heads),
		cmocka_unit_test(a_large_file_has_heads_only),
		cmocka_unit_test(an_entity_tag_is_the_modification_time_the_size_and_the_coding),
		cmocka_unit_test(heads_do_not_depend_on_the_machine),
		cmocka_unit_test(last_modified_is_rounded_down_and_never_later_than_the_answer),
		cmocka_unit_test(what_was_made_of_a_file_has_the_time_of_that_file),
		cmocka_unit_test(a_version_is_equal_in_all_its_parts),
		cmocka_unit_test(a_member_of_a_chain_says_what_it_is_and_depends_on),
		cmocka_unit_test(every_head_ends_with_connection),
		cmocka_unit_test(a_date_is_brought_up_to_now),
		cmocka_unit_test(only_a_place_inside_of_a_date_has_an_end_of_it),
		cmocka_unit_test(a_page_has_one_date),
		cmocka_unit_test(an_asset_keeps_nothing_that_it_was_made_of),
		cmocka_unit_test(without_memory_there_is_no_asset),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
