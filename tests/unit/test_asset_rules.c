/* SPDX-License-Identifier: MIT */
/*
 * site/asset: what the rules and options of a site make of the heads, and of the validators that are
 * read back from them.
 *
 * Sites are compiled as a configuration is, so a rule that could not be written cannot be tested.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "http/head.h"
#include "site/pages.h"
#include "site_fixture.h"

#define PLAIN_LINES                                                                                          \
	"Content-Type: text/plain; charset=utf-8\r\n"                                                        \
	"Content-Length: 11\r\n"                                                                             \
	"Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"                                                   \
	"ETag: \"ae1b981bc490a00-b\"\r\n"                                                                    \
	"Accept-Ranges: bytes\r\n"

static bool has_line(const struct asset_head *head, const char *line)
{
	char text[256];

	snprintf(text, sizeof(text), "\r\n%s\r\n", line);
	return memmem(head->base, head->size, text, strlen(text)) != NULL;
}

static bool has(const struct asset_head *head, const char *part)
{
	return memmem(head->base, head->size, part, strlen(part)) != NULL;
}

/* One site, one asset of it; releases both when done with. */
struct pair {
	struct site *site;
	struct asset *asset;
};

static struct pair make(const struct site_options *options, struct header_spec *headers, unsigned count,
			const struct asset_spec *spec)
{
	struct host_spec host = { .headers = headers, .headers_count = count };
	struct pair pair = { .site = fixture_site(options, &host) };

	pair.asset = fixture_file(pair.site, spec);
	return pair;
}

static void release(struct pair pair)
{
	fixture_release(pair.asset);
	site_destroy(pair.site);
}

/* Of text only, and in the words of the site. */
static void a_charset_is_named_with_text(void **state)
{
	static const struct {
		const char *charset;
		struct mime type;
		const char *line;
	} rows[] = {
		{ "utf-8", { { NULL, 0 }, false }, "Content-Type: text/plain; charset=utf-8" },
		{ "iso-8859-1", { { NULL, 0 }, false }, "Content-Type: text/plain; charset=iso-8859-1" },
		{ "none", { { NULL, 0 }, false }, "Content-Type: text/plain" },
		{ "utf-8", { { (const uint8_t *)"image/png", 9 }, false }, "Content-Type: image/png" },
		{ "none", { { (const uint8_t *)"image/png", 9 }, false }, "Content-Type: image/png" },
	};

	(void)state;
	for (size_t i = 0; i < FIXTURE_COUNT(rows); i++) {
		struct site_options options = site_maker_options();
		struct asset_spec spec = { .type = rows[i].type, .size = 11 };
		struct pair pair;

		options.charset = (char *)rows[i].charset;
		pair = make(&options, NULL, 0, &spec);
		assert_true(has_line(&pair.asset->ready, rows[i].line));
		fixture_assert_text(pair.asset->type.base, pair.asset->type.size, rows[i].line + 14);
		release(pair);
	}
}

/* Who makes tags of the content says that times lie: then Last-Modified would lie, too. */
static void a_tag_of_the_content_is_the_only_validator(void **state)
{
	struct site_options options = site_maker_options();
	struct asset_spec spec = { .tag = BYTES("\"0123456789abcdef\""), .size = 11 };
	struct pair pair;

	(void)state;
	options.etag = ETAG_CONTENT;
	pair = make(&options, NULL, 0, &spec);
	fixture_assert_head(&pair.asset->ready,
			    FIXTURE_FIRST_LINES("200 OK") "Content-Type: text/plain; charset=utf-8\r\n"
							  "Content-Length: 11\r\n"
							  "ETag: \"0123456789abcdef\"\r\n"
							  "Accept-Ranges: bytes\r\n" FIXTURE_KEEP_ALIVE);
	assert_true(has_line(&pair.asset->not_modified, "ETag: \"0123456789abcdef\""));
	assert_true(pair.asset->validators.modified == VALIDATOR_NO_DATE);
	fixture_assert_text(pair.asset->validators.etag.base, pair.asset->validators.etag.size,
			    "\"0123456789abcdef\"");
	release(pair);
}

static void without_tags_the_date_is_the_only_validator(void **state)
{
	struct site_options options = site_maker_options();
	struct pair pair;

	(void)state;
	options.etag = ETAG_NONE;
	pair = make(&options, NULL, 0, NULL);
	assert_false(has(&pair.asset->ready, "ETag"));
	assert_false(has(&pair.asset->not_modified, "ETag"));
	assert_true(has_line(&pair.asset->ready, "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT"));
	assert_int_equal(pair.asset->validators.etag.size, 0);
	assert_true(pair.asset->validators.modified == FIXTURE_MODIFIED);
	release(pair);
}

/* RFC 9110 8.8.3.3: the tag is that of the file; no two codings of it may have the same. */
static void a_tag_that_a_rule_sets_gets_the_name_of_the_coding(void **state)
{
	static const char *const tags[CODING_COUNT] = { "\"v1\"", "\"v1-br\"", "\"v1-zstd\"", "\"v1-gzip\"" };
	char *set[] = { (char *)"etag: \"v1\"" };
	struct header_spec header = { .set = set, .set_count = 1 };

	(void)state;
	for (int coding = 0; coding < CODING_COUNT; coding++) {
		struct asset_spec spec = { .coding = (enum coding)coding, .size = 11 };
		struct pair pair = make(NULL, &header, 1, &spec);
		char line[64];

		snprintf(line, sizeof(line), "etag: %s", tags[coding]);
		assert_true(has_line(&pair.asset->ready, line));
		assert_true(has_line(&pair.asset->not_modified, line));
		fixture_assert_text(pair.asset->validators.etag.base, pair.asset->validators.etag.size,
				    tags[coding]);
		release(pair);
	}
}

/* Rather no tag than one that two codings share, or one that is cut. */
static void a_tag_too_long_for_its_coding_is_left_out(void **state)
{
	char tag[700] = "ETag: \"";
	char *set[] = { tag };
	struct header_spec header = { .set = set, .set_count = 1 };

	(void)state;
	memset(tag + 7, 'a', 600);
	strcpy(tag + 607, "\"");
	for (int coding = 0; coding < CODING_COUNT; coding++) {
		struct asset_spec spec = { .coding = (enum coding)coding, .size = 11 };
		struct pair pair = make(NULL, &header, 1, &spec);
		bool is_plain = coding == CODING_IDENTITY;

		assert_int_equal(pair.asset->validators.etag.size, is_plain ? 602 : 0);
		assert_int_equal(has(&pair.asset->ready, "ETag"), is_plain);
		assert_int_equal(has(&pair.asset->not_modified, "ETag"), is_plain);
		release(pair);
	}
}

/* A condition on what is not sent could not be told by the client, and must not hold by chance. */
static void a_validator_that_a_rule_removes_is_none(void **state)
{
	char *removed[] = { (char *)"ETag", (char *)"last-modified" };
	struct header_spec header = { .remove = removed, .remove_count = 2 };
	struct pair pair = make(NULL, &header, 1, NULL);

	(void)state;
	assert_false(has(&pair.asset->ready, "ETag") || has(&pair.asset->ready, "Last-Modified"));
	assert_int_equal(pair.asset->validators.etag.size, 0);
	assert_true(pair.asset->validators.modified == VALIDATOR_NO_DATE);
	release(pair);
}

/* Whatever case the rule writes the name in: parts of a 206 are described by it. */
static void a_type_that_a_rule_sets_is_the_assets(void **state)
{
	char *set[] = { (char *)"content-TYPE: text/x-other; charset=koi8-r" };
	struct header_spec header = { .set = set, .set_count = 1 };
	struct pair pair = make(NULL, &header, 1, NULL);

	(void)state;
	assert_true(has_line(&pair.asset->ready, "content-TYPE: text/x-other; charset=koi8-r"));
	assert_false(has(&pair.asset->ready, "text/plain"));
	fixture_assert_text(pair.asset->type.base, pair.asset->type.size, "text/x-other; charset=koi8-r");
	assert_false(has(&pair.asset->not_modified, "TYPE"));
	release(pair);
}

/* RFC 9110 15.4.5: what a cache brings up to date by it, and nothing that describes the content. */
static void a_304_keeps_what_caches_need_and_nothing_of_the_content(void **state)
{
	char *set[] = { (char *)"Cache-Control: s-maxage=60",
			(char *)"Expires: Thu, 01 Jan 1970 00:00:00 GMT",
			(char *)"Content-Location: /a.fr.txt",
			(char *)"Content-Language: fr",
			(char *)"Content-Disposition: inline",
			(char *)"X-Custom: 1",
			(char *)"Vary: Cookie" };
	struct header_spec header = { .set = set, .set_count = FIXTURE_COUNT(set) };
	struct asset_spec spec = { .coding = CODING_BR, .vary = VARY_ENCODING, .size = 11 };
	struct pair pair = make(NULL, &header, 1, &spec);

	(void)state;
	assert_false(pair.asset->lacks_fields);
	fixture_assert_head(
		&pair.asset->not_modified,
		FIXTURE_FIRST_LINES("304 Not Modified") "ETag: \"ae1b981bc490a00-b-br\"\r\n"
							"Vary: Accept-Encoding, Cookie\r\n"
							"Cache-Control: s-maxage=60\r\n"
							"Expires: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
							"Content-Location: /a.fr.txt\r\n"
							"X-Custom: 1\r\n" FIXTURE_KEEP_ALIVE);
	for (size_t i = 0; i + 1 < FIXTURE_COUNT(set); i++)
		assert_true(has_line(&pair.asset->ready, set[i]));
	assert_true(has_line(&pair.asset->ready, "Vary: Accept-Encoding, Cookie"));
	release(pair);
}

/* A rule that names a status is asked for the 200 and for the 304 apart. */
static void a_rule_for_one_status_is_for_that_head_only(void **state)
{
	char *ok[] = { (char *)"200" }, *not_modified[] = { (char *)"304" }, *not_found[] = { (char *)"404" };
	char *a[] = { (char *)"A: 1" }, *b[] = { (char *)"B: 1" }, *c[] = { (char *)"C: 1" };
	struct header_spec headers[] = {
		{ .status = ok, .status_count = 1, .set = a, .set_count = 1 },
		{ .status = not_modified, .status_count = 1, .set = b, .set_count = 1 },
		{ .status = not_found, .status_count = 1, .set = c, .set_count = 1 },
	};
	struct pair pair = make(NULL, headers, FIXTURE_COUNT(headers), NULL);

	(void)state;
	assert_true(has_line(&pair.asset->ready, "A: 1") && !has_line(&pair.asset->not_modified, "A: 1"));
	assert_true(!has_line(&pair.asset->ready, "B: 1") && has_line(&pair.asset->not_modified, "B: 1"));
	assert_true(!has_line(&pair.asset->ready, "C: 1") && !has_line(&pair.asset->not_modified, "C: 1"));
	release(pair);
}

/* What rules add goes in front of it, what the order names comes first, and its place is known. */
static void connection_stands_where_the_site_orders_it(void **state)
{
	static const struct {
		const char *order, *expected;
	} rows[] = {
		{ "none",
		  "HTTP/1.1 200 OK\r\nServer: quoit\r\nDate: Sun, 09 Sep 2001 01:46:40 GMT\r\n" PLAIN_LINES
		  "X: 1\r\n" FIXTURE_KEEP_ALIVE },
		{ "connection,date",
		  "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nDate: Sun, 09 Sep 2001 01:46:40 GMT\r\n"
		  "Server: quoit\r\n" PLAIN_LINES "X: 1\r\n\r\n" },
		{ "x, Date, Connection,Accept",
		  "HTTP/1.1 200 OK\r\nX: 1\r\nDate: Sun, 09 Sep 2001 01:46:40 GMT\r\n"
		  "Connection: keep-alive\r\nServer: quoit\r\n" PLAIN_LINES "\r\n" },
	};
	char *set[] = { (char *)"X: 1" };
	struct header_spec header = { .set = set, .set_count = 1 };
	struct bytes line = HEAD_KEEP_ALIVE;

	(void)state;
	for (size_t i = 0; i < FIXTURE_COUNT(rows); i++) {
		struct site_options options = site_maker_options();
		struct pair pair;

		options.order = (char *)rows[i].order;
		pair = make(&options, &header, 1, NULL);
		fixture_assert_head(&pair.asset->ready, rows[i].expected);
		for (unsigned k = 0; k < 2; k++) {
			const struct asset_head *head = k ? &pair.asset->not_modified : &pair.asset->ready;

			assert_memory_equal(head->base + head->connection_offset, line.base, line.size);
			assert_memory_equal(head->base + head->date_offset - 6, "Date: Sun", 9);
		}
		release(pair);
	}
}

/* More fields than a list holds: some are missing then, but never the one that frames what follows. */
static void however_much_rules_add_a_head_stays_a_head(void **state)
{
	static char lines[200][16];
	char *add[200];
	struct header_spec header = { .add = add, .add_count = FIXTURE_COUNT(add) };
	struct bytes last = HEAD_KEEP_ALIVE;
	struct pair pair;

	(void)state;
	for (size_t i = 0; i < FIXTURE_COUNT(add); i++) {
		snprintf(lines[i], sizeof(lines[i]), "X-%zu: 1", i);
		add[i] = lines[i];
	}
	pair = make(NULL, &header, 1, NULL);
	for (unsigned k = 0; k < 2; k++) {
		const struct asset_head *head = k ? &pair.asset->not_modified : &pair.asset->ready;

		assert_true(pair.asset->lacks_fields); /* so that somebody can say so */
		assert_true(has_line(head, "X-0: 1"));
		assert_true(has(head, "\r\nDate: "));
		assert_int_equal(head->connection_offset + last.size + 2, head->size);
		assert_memory_equal(head->base + head->connection_offset, last.base, last.size);
	}
	assert_true(has_line(&pair.asset->ready, "Content-Length: 11"));
	release(pair);
}

/* An error page is a file that is sent with another status: no ranges of it, and no 304. */
static void a_file_that_answers_for_an_error_has_no_304(void **state)
{
	struct site_options options = site_maker_options();
	struct asset_spec spec = { .status = 404, .size = 11 };
	struct pair pair;

	(void)state;
	options.cache = CACHE_AUTO;
	pair = make(&options, NULL, 0, &spec);
	assert_int_equal(pair.asset->status, 404);
	assert_memory_equal(pair.asset->ready.base, "HTTP/1.1 404 Not Found\r\n", 24);
	assert_false(has(&pair.asset->ready, "Accept-Ranges"));
	assert_true(has_line(&pair.asset->ready, "Content-Length: 11"));
	assert_true(has_line(&pair.asset->ready, "Cache-Control: no-cache"));
	assert_null(pair.asset->not_modified.base);
	assert_int_equal(pair.asset->hints.size, 0);
	release(pair);
}

/* What is named by a hash and what answers for something else are told apart by how they came to be served.
 */
static void a_fallback_may_not_be_kept(void **state)
{
	static const char *const expected[] = { "Cache-Control: max-age=31536000, immutable",
						"Cache-Control: no-cache" };
	struct site_options options = site_maker_options();

	(void)state;
	options.cache = CACHE_AUTO;
	for (unsigned i = 0; i < 2; i++) {
		struct asset_spec spec = { .path = BYTES("/app.0a1b2c3d.js"), .is_fallback = i, .size = 11 };
		struct pair pair = make(&options, NULL, 0, &spec);

		assert_true(has_line(&pair.asset->ready, expected[i]));
		assert_true(has_line(&pair.asset->not_modified, expected[i]));
		release(pair);
	}
}

/* By the path of the file that is served, also where that was found for another name. */
static void hints_are_kept_with_the_asset(void **state)
{
	char *link[] = { (char *)"</a.css>; rel=preload; as=style" };
	struct hint_spec hint = { .path = (char *)"/page.html", .link = link, .link_count = 1 };
	struct host_spec host = { .hints = &hint, .hints_count = 1 };
	struct site *site = fixture_site(NULL, &host);
	struct asset_spec spec = { .path = BYTES("/page.html"), .size = 11, .in_memory = true };
	struct asset *with = fixture_file(site, &spec), *without = fixture_file(site, NULL);

	(void)state;
	site_destroy(site);
	fixture_assert_text(with->hints.base, with->hints.size,
			    "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload; as=style\r\n\r\n");
	assert_ptr_equal(with->hints.base, with->not_modified.base + with->not_modified.size);
	assert_ptr_equal(with->path.base, with->hints.base + with->hints.size);
	fixture_assert_text(with->path.base, with->path.size, "/page.html");
	assert_int_equal(without->hints.size, 0);
	fixture_release(with);
	fixture_release(without);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_charset_is_named_with_text),
		cmocka_unit_test(a_tag_of_the_content_is_the_only_validator),
		cmocka_unit_test(without_tags_the_date_is_the_only_validator),
		cmocka_unit_test(a_tag_that_a_rule_sets_gets_the_name_of_the_coding),
		cmocka_unit_test(a_tag_too_long_for_its_coding_is_left_out),
		cmocka_unit_test(a_validator_that_a_rule_removes_is_none),
		cmocka_unit_test(a_type_that_a_rule_sets_is_the_assets),
		cmocka_unit_test(a_304_keeps_what_caches_need_and_nothing_of_the_content),
		cmocka_unit_test(a_rule_for_one_status_is_for_that_head_only),
		cmocka_unit_test(connection_stands_where_the_site_orders_it),
		cmocka_unit_test(however_much_rules_add_a_head_stays_a_head),
		cmocka_unit_test(a_file_that_answers_for_an_error_has_no_304),
		cmocka_unit_test(a_fallback_may_not_be_kept),
		cmocka_unit_test(hints_are_kept_with_the_asset),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
