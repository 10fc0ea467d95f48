/* SPDX-License-Identifier: MIT */
/*
 * Assets and chains of them for the tests of site/, made as a configuration and a file system make
 * them, so that a test says only what is not usual.
 *
 * Whoever makes an asset here releases it here.
 */
#ifndef QUOIT_TESTS_UNIT_SITE_FIXTURE_H
#define QUOIT_TESTS_UNIT_SITE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "site/asset.h"
#include "site/site.h"
#include "site_maker.h"

#define FIXTURE_SECOND INT64_C(1000000000)
#define FIXTURE_MODIFIED INT64_C(784111777) /* Sun, 06 Nov 1994 08:49:37 GMT */
#define FIXTURE_NOW INT64_C(1000000000)     /* Sun, 09 Sep 2001 01:46:40 GMT */

/* How every head starts that is made at FIXTURE_NOW by a site without rules, and how it ends. */
#define FIXTURE_FIRST_LINES(status)                                                                          \
	"HTTP/1.1 " status "\r\n"                                                                            \
	"Server: quoit\r\n"                                                                                  \
	"Date: Sun, 09 Sep 2001 01:46:40 GMT\r\n"
#define FIXTURE_KEEP_ALIVE "Connection: keep-alive\r\n\r\n"
#define FIXTURE_CLOSE "Connection: close\r\n\r\n"

/* The body of a built-in page, but for its last line. */
#define FIXTURE_PAGE(status)                                                                                 \
	"<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>" status "</title>\n<h1>" status  \
	"</h1>\n"

#define FIXTURE_COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* `options` and `spec` may be NULL: nothing is written. */
static inline struct site *fixture_site(const struct site_options *options, const struct host_spec *spec)
{
	static const struct host_spec nothing;
	struct site_options usual = site_maker_options();

	return site_maker_create(spec ? spec : &nothing, options ? options : &usual, NULL);
}

/* A site of which only the header rules are not usual. */
static inline struct site *fixture_site_with(struct header_spec *headers, unsigned count)
{
	struct host_spec spec = { .headers = headers, .headers_count = count };

	return fixture_site(NULL, &spec);
}

/* The whole chain, of which nobody else holds anything. */
static inline void fixture_release(struct asset *asset)
{
	while (asset) {
		struct asset *next = asset->next;

		assert_true(asset_unref(asset));
		asset_free(asset);
		asset = next;
	}
}

/* What assets of a file differ in; `spec` NULL: a plain text of 11 bytes, not in memory. */
static inline struct asset *fixture_file(const struct site *site, const struct asset_spec *spec)
{
	static const struct version usual = { 1, 2, 11, FIXTURE_MODIFIED * FIXTURE_SECOND, 3 };
	struct asset_spec file = spec ? *spec : (struct asset_spec){ .size = 11 };
	char tag[ASSET_TAG_SIZE];
	struct version version = usual;
	struct asset *asset;

	version.size = file.size;
	file.site = site;
	file.status = file.status ? file.status : 200;
	file.language = file.language || file.vary & VARY_LANGUAGE ? file.language : LANGUAGE_NONE;
	file.version = file.version ? file.version : &version;
	if (file.path.size == 0)
		file.path = BYTES("/a.txt");
	if (file.type.type.size == 0)
		file.type = (struct mime){ BYTES("text/plain"), true };
	if (file.tag.size == 0 && site->options.etag == ETAG_TIME)
		file.tag = bytes_make(tag, asset_tag(file.version, file.coding, tag));
	asset = asset_create(&file, FIXTURE_NOW);
	assert_non_null(asset);
	if (asset->body)
		memset(asset->body, 'x', file.size);
	return asset;
}

static inline void fixture_assert_text(const void *found, size_t size, const char *expected)
{
	if (size != strlen(expected) || memcmp(found, expected, size) != 0)
		fail_msg("found\n%.*s\nnot\n%s", (int)size, (const char *)found, expected);
}

static inline void fixture_assert_head(const struct asset_head *head, const char *expected)
{
	fixture_assert_text(head->base, head->size, expected);
}

#endif
