/* SPDX-License-Identifier: MIT */
/*
 * site/answer: which answer a request gets, and the heads that are written for it alone.
 *
 * The decision is held against a table of its own: every asset there is, times method,
 * condition, If-Range, range and query. Field values, queries and the memory for heads end at a
 * page without access.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "guard.h"
#include "http/head.h"
#include "site/answer.h"

#define ROOM 65536
#define MODIFIED INT64_C(784111777) /* Sun, 06 Nov 1994 08:49:37 GMT */
#define NOW INT64_C(1000000000)     /* Sun, 09 Sep 2001 01:46:40 GMT */
#define ETAG "\"ae1b981bc490a00-b\""
#define SIZE 11 /* of the file: 0xb */

#define STATUS_AND_DATE(status)                                                                              \
	"HTTP/1.1 " status "\r\n"                                                                            \
	"Server: quoit\r\n"                                                                                  \
	"Date: Sun, 09 Sep 2001 01:46:40 GMT\r\n"

enum kind { KIND_SMALL, KIND_LARGE, KIND_EMPTY, KIND_REDIRECT, KIND_PAGE, KIND_COUNT };

enum { SLICE_QUERY = FIELD_COUNT, SLICE_HEAD, SLICE_COUNT };

static uint8_t *slice_end[SLICE_COUNT]; /* one guarded region per slice */
static struct asset *assets[KIND_COUNT];
static struct pages pages;

static struct asset *make_file(uint64_t size, struct bytes type, bool in_memory)
{
	struct version version = { 1, 2, size, MODIFIED * INT64_C(1000000000), 3 };
	struct asset *asset = asset_create_file(&version, type, in_memory, NOW);

	assert_non_null(asset);
	if (in_memory)
		memset(asset->body, 'x', size);
	return asset;
}

static int set_up(void **state)
{
	static const uint8_t zeros[ROOM];

	(void)state;
	for (unsigned i = 0; i < SLICE_COUNT; i++)
		slice_end[i] = guard_copy(zeros, ROOM) + ROOM;
	assets[KIND_SMALL] = make_file(SIZE, BYTES("text/plain; charset=utf-8"), true);
	assets[KIND_LARGE] = make_file(SIZE, BYTES("text/plain; charset=utf-8"), false);
	assets[KIND_EMPTY] = make_file(0, BYTES("text/plain; charset=utf-8"), true);
	assets[KIND_REDIRECT] = asset_create_redirect(BYTES("/a&b/"), NOW);
	assets[KIND_PAGE] = asset_create_page(404, BYTES(""), NOW);
	return pages_init(&pages, NOW) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	for (unsigned i = 0; i < KIND_COUNT; i++) {
		/* Answers borrow: nobody has taken a reference, nobody has given one back. */
		assert_true(asset_unref(assets[i]));
		asset_free(assets[i]);
	}
	pages_deinit(&pages);
	for (unsigned i = 0; i < SLICE_COUNT; i++)
		guard_release(slice_end[i] - ROOM, ROOM);
	return 0;
}

static struct bytes guarded(unsigned slice, const char *text)
{
	size_t size = strlen(text);

	assert_true(size <= ROOM);
	memcpy(slice_end[slice] - size, text, size);
	return bytes_make(slice_end[slice] - size, size);
}

/* A field that was sent; NULL: that was not. */
static void set_field(struct request *request, enum field_id id, const char *value)
{
	if (!value)
		return;
	request->field[id] = guarded(id, value);
	request->present |= UINT32_C(1) << id;
}

static struct request make_request(enum method method, bool keep_alive)
{
	return (struct request){ .method = method, .minor = 1, .keep_alive = keep_alive };
}

/* A condition that is sent, and what it means for the file of SIZE bytes and for the empty one. */
static const struct {
	enum field_id field;
	const char *value;
	unsigned status; /* 0: it does not stand in the way */
} conditions[] = {
	{ FIELD_HOST, NULL, 0 },
	{ FIELD_IF_NONE_MATCH, "\"other\"", 0 },
	{ FIELD_IF_NONE_MATCH, "*", 304 },
	{ FIELD_IF_MODIFIED_SINCE, "Sun, 06 Nov 1994 08:49:37 GMT", 304 },
	{ FIELD_IF_MODIFIED_SINCE, "Sun, 06 Nov 1994 08:49:36 GMT", 0 },
	{ FIELD_IF_MATCH, "*", 0 },
	{ FIELD_IF_MATCH, "\"other\"", 412 },
	{ FIELD_IF_UNMODIFIED_SINCE, "Sun, 06 Nov 1994 08:49:36 GMT", 412 },
};

static const struct {
	const char *value;
	bool repeated;
	unsigned status;       /* for the file of SIZE bytes */
	unsigned empty_status; /* for the empty one */
	struct range range;    /* with 206 */
} ranges[] = {
	{ NULL, false, 200, 200, { 0, 0 } },        { "bytes=0-0", false, 206, 416, { 0, 0 } },
	{ "bytes=3-", false, 206, 416, { 3, 10 } }, { "bytes=0-99", false, 206, 416, { 0, 10 } },
	{ "bytes=-4", false, 206, 200, { 7, 10 } }, { "bytes=11-", false, 416, 416, { 0, 0 } },
	{ "bytes=-0", false, 416, 200, { 0, 0 } },  { "bytes=0-1,3-4", false, 200, 200, { 0, 0 } },
	{ "lines=0-1", false, 200, 200, { 0, 0 } }, { "bytes=0-0", true, 200, 200, { 0, 0 } },
};

static const struct {
	const char *value;
	bool allows; /* for the file of SIZE bytes; the empty one has another tag */
	bool empty_allows;
} if_ranges[] = {
	{ NULL, true, true },
	{ ETAG, true, false },
	{ "\"other\"", false, false },
	{ "Sun, 06 Nov 1994 08:49:37 GMT", true, true },
	{ "Sun, 06 Nov 1994 08:49:38 GMT", false, false },
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* One request of the table: indexes into what stands above. */
struct choice {
	unsigned kind, condition, range, if_range;
	bool is_head, keep_alive, has_query;
};

static unsigned expected_status(const struct choice *choice)
{
	const struct asset *asset = assets[choice->kind];
	bool is_empty = choice->kind == KIND_EMPTY;

	/* Conditions and ranges are about a file that is there (RFC 9110 13.2.1, 14.2). */
	if (!asset->is_file)
		return asset->status;
	if (conditions[choice->condition].status)
		return conditions[choice->condition].status;
	if (choice->is_head ||
	    !(is_empty ? if_ranges[choice->if_range].empty_allows : if_ranges[choice->if_range].allows))
		return 200;
	return is_empty ? ranges[choice->range].empty_status : ranges[choice->range].status;
}

static enum answer_head expected_head(const struct choice *choice, unsigned status)
{
	if (status == 304)
		return ANSWER_NOT_MODIFIED;
	if (status == 206 || status == 416 || (status == 301 && choice->has_query))
		return ANSWER_COMPOSED;
	return ANSWER_READY;
}

static void check_choice(const struct choice *choice)
{
	struct request request = make_request(choice->is_head ? METHOD_HEAD : METHOD_GET, choice->keep_alive);
	struct asset *asset = assets[choice->kind], *whole;
	struct bytes query = guarded(SLICE_QUERY, choice->has_query ? "?a=b" : "");
	unsigned status = expected_status(choice);
	struct answer answer;

	set_field(&request, conditions[choice->condition].field, conditions[choice->condition].value);
	set_field(&request, FIELD_RANGE, ranges[choice->range].value);
	set_field(&request, FIELD_IF_RANGE, if_ranges[choice->if_range].value);
	if (ranges[choice->range].repeated)
		request.repeated |= UINT32_C(1) << FIELD_RANGE;
	memset(&answer, 0xa5, sizeof(answer));
	answer_asset(&answer, &request, query, asset, &pages, NOW);

	whole = status == 412 || status == 416 ? pages_get(&pages, status) : asset;
	if (answer.status != status || answer.asset != whole)
		fail_msg("asset %u, condition %u, range %u, if-range %u, head %u: %u, not %u", choice->kind,
			 choice->condition, choice->range, choice->if_range, choice->is_head, answer.status,
			 status);
	assert_int_equal(answer.head, expected_head(choice, status));
	assert_int_equal(answer.keep_alive, choice->keep_alive);
	assert_int_equal(answer.has_body, !choice->is_head && status != 304 && whole->size > 0);
	assert_ptr_equal(answer.target, status == 416 ? asset : NULL);
	assert_int_equal(answer.query.size, status == 301 ? query.size : 0);
	if (!answer.has_body)
		return;
	assert_true(answer.range.first == (status == 206 ? ranges[choice->range].range.first : 0));
	assert_true(answer.range.last ==
		    (status == 206 ? ranges[choice->range].range.last : whole->size - 1));
}

/* What the asset is, then conditions, then the range, and the method decides on the body. */
static void every_request_gets_the_answer_of_the_table(void **state)
{
	struct choice choice;

	(void)state;
	for (choice.kind = 0; choice.kind < KIND_COUNT; choice.kind++)
		for (choice.condition = 0; choice.condition < COUNT(conditions); choice.condition++)
			for (choice.range = 0; choice.range < COUNT(ranges); choice.range++)
				for (choice.if_range = 0; choice.if_range < COUNT(if_ranges);
				     choice.if_range++)
					for (unsigned bits = 0; bits < 8; bits++) {
						choice.is_head = bits & 1;
						choice.keep_alive = bits & 2;
						choice.has_query = bits & 4;
						check_choice(&choice);
					}
}

/* Also of HEAD, which has no body but the same head. */
static void a_page_takes_the_place_of_a_file(void **state)
{
	struct answer answer;

	(void)state;
	for (unsigned bits = 0; bits < 4; bits++) {
		struct request request = make_request(bits & 1 ? METHOD_HEAD : METHOD_GET, bits & 2);

		set_field(&request, FIELD_RANGE, "bytes=0-0");
		set_field(&request, FIELD_IF_NONE_MATCH, "*");
		answer_page(&answer, &request, 403, &pages);
		assert_ptr_equal(answer.asset, pages_get(&pages, 403));
		assert_int_equal(answer.status, 403);
		assert_int_equal(answer.head, ANSWER_READY);
		assert_int_equal(answer.keep_alive, (bits & 2) != 0);
		assert_int_equal(answer.has_body, (bits & 1) == 0);
		assert_true(answer.range.first == 0 && answer.range.last == answer.asset->size - 1);
	}
}

/* OPTIONS: nothing but a head. */
static void a_page_without_content_has_no_body(void **state)
{
	struct request request = make_request(METHOD_OPTIONS, true);
	struct answer answer;

	(void)state;
	answer_page(&answer, &request, 204, &pages);
	assert_int_equal(answer.status, 204);
	assert_int_equal(answer.head, ANSWER_READY);
	assert_false(answer.has_body);
	assert_true(answer.keep_alive);
}

/* Where the next request would begin is not known. A body follows unless it is known to be HEAD. */
static void a_refusal_closes(void **state)
{
	static const unsigned codes[] = { 400, 408, 413, 414, 417, 431, 501, 505 };
	static const enum method methods[] = { METHOD_GET, METHOD_HEAD, METHOD_POST, METHOD_COUNT };
	struct answer answer;

	(void)state;
	for (size_t i = 0; i < COUNT(codes) * COUNT(methods); i++) {
		unsigned code = codes[i / COUNT(methods)];
		enum method method = methods[i % COUNT(methods)];

		memset(&answer, 0xa5, sizeof(answer));
		answer_refusal(&answer, method, code, &pages);
		assert_ptr_equal(answer.asset, pages_get(&pages, code));
		assert_int_equal(answer.status, code);
		assert_int_equal(answer.head, ANSWER_READY);
		assert_false(answer.keep_alive);
		assert_int_equal(answer.has_body, method != METHOD_HEAD);
	}
}

/* Written into memory of just the promised size. */
static void assert_composed(const struct answer *answer, int64_t now, const char *expected)
{
	size_t capacity = answer_compose_size(answer), size;
	uint8_t *out = slice_end[SLICE_HEAD] - capacity;

	assert_int_equal(answer->head, ANSWER_COMPOSED);
	assert_true(capacity <= ROOM);
	size = answer_compose(answer, now, out);
	if (size != strlen(expected) || memcmp(out, expected, size) != 0)
		fail_msg("found\n%.*s\nnot\n%s", (int)size, (const char *)out, expected);
}

/* RFC 9110 15.3.7: a part is described like the whole, but for its length and where it lies. */
static void the_head_of_a_part(void **state)
{
	struct request request = make_request(METHOD_GET, true);
	struct answer answer;

	(void)state;
	set_field(&request, FIELD_RANGE, "bytes=2-5");
	answer_asset(&answer, &request, BYTES(""), assets[KIND_LARGE], &pages, NOW);
	assert_composed(
		&answer, NOW,
		STATUS_AND_DATE("206 Partial Content") "Content-Type: text/plain; charset=utf-8\r\n"
						       "Content-Length: 4\r\n"
						       "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
						       "ETag: " ETAG "\r\n"
						       "Accept-Ranges: bytes\r\n"
						       "Content-Range: bytes 2-5/11\r\n"
						       "Connection: keep-alive\r\n\r\n");
	answer.keep_alive = false;
	answer.range = (struct range){ 10, 10 };
	assert_composed(&answer, NOW + 60,
			"HTTP/1.1 206 Partial Content\r\n"
			"Server: quoit\r\n"
			"Date: Sun, 09 Sep 2001 01:47:40 GMT\r\n"
			"Content-Type: text/plain; charset=utf-8\r\n"
			"Content-Length: 1\r\n"
			"Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
			"ETag: " ETAG "\r\n"
			"Accept-Ranges: bytes\r\n"
			"Content-Range: bytes 10-10/11\r\n"
			"Connection: close\r\n\r\n");
}

/* The type and length are the page's, the range tells the file's size (RFC 9110 15.5.17). */
static void the_head_of_a_range_beyond_the_end(void **state)
{
	struct request request = make_request(METHOD_GET, false);
	struct answer answer;

	(void)state;
	set_field(&request, FIELD_RANGE, "bytes=11-");
	answer_asset(&answer, &request, BYTES(""), assets[KIND_SMALL], &pages, NOW);
	assert_true(answer.has_body);
	assert_composed(
		&answer, NOW,
		STATUS_AND_DATE("416 Range Not Satisfiable") "Content-Type: text/html; charset=utf-8\r\n"
							     "Content-Length: 138\r\n"
							     "Content-Range: bytes */11\r\n"
							     "Connection: close\r\n\r\n");
	assert_int_equal(answer.asset->size, 138);
	answer.target = assets[KIND_EMPTY];
	answer.keep_alive = true;
	assert_composed(
		&answer, NOW,
		STATUS_AND_DATE("416 Range Not Satisfiable") "Content-Type: text/html; charset=utf-8\r\n"
							     "Content-Length: 138\r\n"
							     "Content-Range: bytes */0\r\n"
							     "Connection: keep-alive\r\n\r\n");
}

/* What a script behind the folder's page reads is not lost on the way there. */
static void the_head_of_a_redirect_that_keeps_its_query(void **state)
{
	struct request request = make_request(METHOD_GET, true);
	struct answer answer;

	(void)state;
	answer_asset(&answer, &request, guarded(SLICE_QUERY, "?q=\"&x"), assets[KIND_REDIRECT], &pages, NOW);
	assert_true(answer.has_body);
	assert_composed(&answer, NOW,
			STATUS_AND_DATE("301 Moved Permanently") "Content-Type: text/html; charset=utf-8\r\n"
								 "Content-Length: 173\r\n"
								 "Location: /a&b/?q=\"&x\r\n"
								 "Connection: keep-alive\r\n\r\n");
	assert_int_equal(answer.asset->size, 173);
	request = make_request(METHOD_HEAD, false);
	answer_asset(&answer, &request, guarded(SLICE_QUERY, "?"), assets[KIND_REDIRECT], &pages, NOW);
	assert_false(answer.has_body);
	assert_composed(&answer, NOW,
			STATUS_AND_DATE("301 Moved Permanently") "Content-Type: text/html; charset=utf-8\r\n"
								 "Content-Length: 173\r\n"
								 "Location: /a&b/?\r\n"
								 "Connection: close\r\n\r\n");
}

/* The longest type of mime.def, the largest numbers, and a query as long as a target may be. */
static void the_promised_room_is_enough_for_the_longest_heads(void **state)
{
	static const char *const types[] = {
#define MIME(extension, type) type,
#define MIME_TEXT(extension, type) type "; charset=utf-8",
#include "site/mime.def"
#undef MIME
#undef MIME_TEXT
	};
	struct request request = make_request(METHOD_GET, true);
	struct answer answer;
	static char query[32768];

	(void)state;
	for (size_t i = 0; i < COUNT(types); i++) {
		struct asset *asset = make_file(UINT64_MAX, bytes_string(types[i]), false);
		size_t size;

		asset->validators.modified = -1;
		set_field(&request, FIELD_RANGE, "bytes=10000000000000000000-18446744073709551614");
		answer_asset(&answer, &request, BYTES(""), asset, &pages, NOW);
		assert_int_equal(answer.status, 206);
		size = answer_compose(&answer, NOW, slice_end[SLICE_HEAD] - answer_compose_size(&answer));
		assert_true(size <= answer_compose_size(&answer));
		asset_unref(asset);
		asset_free(asset);
	}
	memset(query, '?', sizeof(query) - 1);
	answer_asset(&answer, &request, guarded(SLICE_QUERY, query), assets[KIND_REDIRECT], &pages, NOW);
	assert_true(answer_compose(&answer, NOW, slice_end[SLICE_HEAD] - answer_compose_size(&answer)) >
		    sizeof(query));
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_request_gets_the_answer_of_the_table),
		cmocka_unit_test(a_page_takes_the_place_of_a_file),
		cmocka_unit_test(a_page_without_content_has_no_body),
		cmocka_unit_test(a_refusal_closes),
		cmocka_unit_test(the_head_of_a_part),
		cmocka_unit_test(the_head_of_a_range_beyond_the_end),
		cmocka_unit_test(the_head_of_a_redirect_that_keeps_its_query),
		cmocka_unit_test(the_promised_room_is_enough_for_the_longest_heads),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
