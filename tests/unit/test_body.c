/* SPDX-License-Identifier: MIT */
/*
 * http/body: the end of a body is found exactly, however its bytes arrive, and a body whose end
 * two servers could see in different places is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "guard.h"
#include "http/body.h"

#define TEXT(text) bytes_make(text, sizeof(text) - 1)
#define BODY_LIMIT 1000
#define NEXT "GET / HTTP/1.1\r\n"

static const struct request chunked_request = { .chunked = true };

/* Feed `data` in two pieces, cut at `cut`, each ending at a guard page. */
static enum body_result consume(struct body *body, struct bytes data, size_t cut, size_t *ret_used)
{
	const struct bytes pieces[] = { bytes_make(data.base, cut), bytes_skip(data, cut) };
	enum body_result result = BODY_MORE;

	*ret_used = 0;
	for (int i = 0; i < 2 && result == BODY_MORE; i++) {
		uint8_t *copy = guard_copy(pieces[i].base, pieces[i].size);
		size_t used;

		result = body_consume(body, bytes_make(copy, pieces[i].size), &used);
		guard_release(copy, pieces[i].size);
		if (result == BODY_MORE)
			assert_int_equal(used, pieces[i].size);
		*ret_used += used;
	}
	return result;
}

static enum body_result consume_bytewise(struct body *body, struct bytes data, size_t *ret_used)
{
	enum body_result result = BODY_MORE;

	for (*ret_used = 0; *ret_used < data.size && result == BODY_MORE;) {
		size_t used;

		result = body_consume(body, bytes_make(data.base + *ret_used, 1), &used);
		*ret_used += used;
	}
	return result;
}

/* `data` has the same outcome in one piece, in two, cut anywhere, and byte by byte. */
static void assert_outcome(const struct request *request, struct bytes data, enum body_result expected,
			   size_t size)
{
	struct body body;
	size_t used;

	for (size_t cut = 0; cut <= data.size + 1; cut++) {
		enum body_result result;

		assert_int_equal(body_begin(&body, request, BODY_LIMIT), BODY_MORE);
		result = cut > data.size ? consume_bytewise(&body, data, &used)
					 : consume(&body, data, cut, &used);
		if (result != expected || used != size)
			fail_msg("result %d after %zu, cut at %zu: %.*s", (int)result, used, cut,
				 (int)data.size, (const char *)data.base);
	}
}

/* A complete chunked body: done with its last byte, and the next request behind it is left alone. */
static void assert_complete(struct bytes text)
{
	uint8_t data[16384];

	memcpy(data, text.base, text.size);
	memcpy(data + text.size, NEXT, sizeof(NEXT) - 1);
	assert_outcome(&chunked_request, text, BODY_DONE, text.size);
	assert_outcome(&chunked_request, bytes_make(data, text.size + sizeof(NEXT) - 1), BODY_DONE,
		       text.size);
	assert_outcome(&chunked_request, bytes_make(data, text.size - 1), BODY_MORE, text.size - 1);
}

/* Malformed at the byte at offset `at`: that one is not used, and nothing was said before it. */
static void assert_malformed(struct bytes text, size_t at)
{
	assert_outcome(&chunked_request, text, BODY_MALFORMED, at);
	assert_outcome(&chunked_request, bytes_make(text.base, at), BODY_MORE, at);
}

/* A request that announces nothing, or nothing of it, has no body. */
static void no_length_and_no_coding_is_no_body(void **state)
{
	const struct request request = { .content_length = 0 };
	struct body body;
	size_t used = 9;

	(void)state;
	assert_int_equal(body_begin(&body, &request, 0), BODY_DONE);
	assert_int_equal(body_consume(&body, TEXT(NEXT), &used), BODY_DONE);
	assert_int_equal(used, 0);
}

/* A sized body ends after its bytes, whatever they are. */
static void a_sized_body_ends_after_its_bytes(void **state)
{
	const struct request request = { .content_length = 13 };

	(void)state;
	assert_outcome(&request, TEXT("0\r\n\r\n\0abcdefg" NEXT), BODY_DONE, 13);
	assert_outcome(&request, TEXT("0123456789012"), BODY_DONE, 13);
	assert_outcome(&request, TEXT("012345678901"), BODY_MORE, 12);
	assert_outcome(&request, TEXT(""), BODY_MORE, 0);
}

/* A length beyond the limit is too large before its first byte comes; the limit itself is not. */
static void a_length_beyond_the_limit_is_too_large_at_once(void **state)
{
	struct request request = { .content_length = 11 };
	struct body body;

	(void)state;
	assert_int_equal(body_begin(&body, &request, 10), BODY_TOO_LARGE);
	assert_int_equal(body_begin(&body, &request, 0), BODY_TOO_LARGE);
	assert_int_equal(body_begin(&body, &request, 11), BODY_MORE);
	request.content_length = INT64_MAX;
	assert_int_equal(body_begin(&body, &request, INT64_MAX), BODY_MORE);
}

/* Chunks follow one another until one of size 0; their data may look like anything. */
static void chunks_end_with_one_of_size_0(void **state)
{
	(void)state;
	assert_complete(TEXT("0\r\n\r\n"));
	assert_complete(TEXT("5\r\nhello\r\n0\r\n\r\n"));
	assert_complete(TEXT("5\r\n0\r\n\r\n\r\na\r\n0123456789\r\n0\r\n\r\n"));
	assert_complete(TEXT("1\r\n\0\r\n1\r\n\r\r\n1\r\n\n\r\n0\r\n\r\n"));
}

/* A size is hexadecimal, in any case, with zeros before it, up to 16 digits. */
static void a_chunk_size_is_1_to_16_hexadecimal_digits(void **state)
{
	(void)state;
	assert_complete(TEXT("A\r\n0123456789\r\n0\r\n\r\n"));
	assert_complete(TEXT("0f\r\n0123456789abcde\r\n00\r\n\r\n"));
	assert_complete(TEXT("000000000000000b\r\n0123456789a\r\n0000000000000000\r\n\r\n"));
	assert_malformed(TEXT("0000000000000000b\r\n"), 16);
	assert_malformed(TEXT("1\r\na\r\n00000000000000000\r\n"), 6 + 16);
}

/* What other languages take for a number, or nothing at all, is no size. */
static void anything_else_is_no_chunk_size(void **state)
{
	(void)state;
	assert_malformed(TEXT("\r\n"), 0);
	assert_malformed(TEXT(" 5\r\n"), 0);
	assert_malformed(TEXT("+5\r\n"), 0);
	assert_malformed(TEXT("-5\r\n"), 0);
	assert_malformed(TEXT(";a\r\n"), 0);
	assert_malformed(TEXT("g\r\n"), 0);
	assert_malformed(TEXT("0x5\r\n"), 1);
	assert_malformed(TEXT("5g\r\n"), 1);
	assert_malformed(TEXT("5.\r\n"), 1);
	assert_malformed(TEXT("5_0\r\n"), 1);
	assert_malformed(TEXT("5 5\r\n"), 2);
	assert_malformed(TEXT("5\0\r\n"), 1);
}

/* CR LF ends a size line, the data and the body; a bare CR or LF nowhere does. */
static void only_cr_lf_ends_a_line(void **state)
{
	(void)state;
	assert_malformed(TEXT("5\nhello\r\n"), 1);
	assert_malformed(TEXT("5\rhello\r\n"), 2);
	assert_malformed(TEXT("5\r\r\nhello\r\n"), 2);
	assert_malformed(TEXT("5\r\nhello\n0\r\n\r\n"), 8);
	assert_malformed(TEXT("5\r\nhello\rX"), 9);
	assert_malformed(TEXT("5\r\nhello!\r\n"), 8);
	assert_malformed(TEXT("5\r\nhello0\r\n\r\n"), 8);
	assert_malformed(TEXT("0\n\r\n"), 1);
	assert_malformed(TEXT("0\r\n\n"), 3);
	assert_malformed(TEXT("0\r\n\rX"), 4);
	assert_malformed(TEXT("0;a\nb\r\n"), 3);
}

/* Extensions are checked and read over. */
static void extensions_are_ignored(void **state)
{
	(void)state;
	assert_complete(TEXT("5;a\r\nhello\r\n0;b=c;d=\"e f\"\r\n\r\n"));
	assert_complete(TEXT("5 \t; a = \"\t\xff\"\r\nhello\r\n0\r\n\r\n"));
	assert_malformed(TEXT("5;a\0b\r\n"), 3);
	assert_malformed(TEXT("5;a\x7f\r\n"), 3);
	assert_malformed(TEXT("5;a=\"\r\r\n"), 5);
	assert_complete(TEXT("5 ;\ta = \"\\\"\\\\\xff\" ; b\r\nhello\r\n0;a=b;c=\"\"\r\n\r\n"));
	/* As the grammar of RFC 9112 7.1.1 has it, and no wider. */
	assert_malformed(TEXT("5 \r\nhello"), 2);
	assert_malformed(TEXT("5;\r\nhello"), 2);
	assert_malformed(TEXT("5;;a\r\nhello"), 2);
	assert_malformed(TEXT("5;a \r\nhello"), 4);
	assert_malformed(TEXT("5;a=\r\nhello"), 4);
	assert_malformed(TEXT("5;a=b \r\nhello"), 6);
	assert_malformed(TEXT("5;a=b\"c\"\r\nhello"), 5);
	assert_malformed(TEXT("5;a=\"b\"c\r\nhello"), 7);
	assert_malformed(TEXT("5;a=\"b\r\nhello"), 6);
	assert_malformed(TEXT("5;a=\"\\\r\n\""), 6);
	assert_malformed(TEXT("5;\"a\"\r\nhello"), 2);
	assert_malformed(TEXT("5;=a\r\nhello"), 2);
}

/* A size line with its extension and its line end has at most BODY_CHUNK_LINE_MAX bytes, every one anew. */
static void a_chunk_line_is_bounded(void **state)
{
	uint8_t text[2 * BODY_CHUNK_LINE_MAX + 64];

	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text, "1;", 2);
	memcpy(text + BODY_CHUNK_LINE_MAX - 2, "\r\na\r\n0;", 7);
	memcpy(text + 2 * BODY_CHUNK_LINE_MAX + 1, "\r\n\r\n", 4);
	assert_complete(bytes_make(text, 2 * BODY_CHUNK_LINE_MAX + 5));
	memcpy(text, "1;", 2);
	memset(text + 2, 'x', sizeof(text) - 2);
	assert_malformed(bytes_make(text, sizeof(text)), BODY_CHUNK_LINE_MAX);
	memset(text + 1, ' ', sizeof(text) - 1);
	assert_malformed(bytes_make(text, sizeof(text)), BODY_CHUNK_LINE_MAX);
}

/* Chunks may add up to the limit; the chunk that goes beyond is too large with its size line. */
static void chunks_beyond_the_limit_are_too_large(void **state)
{
	uint8_t text[BODY_LIMIT + 64];
	struct body body;
	size_t used;

	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text, "3e8\r\n", 5);
	memcpy(text + 5 + BODY_LIMIT, "\r\n0\r\n\r\n", 7);
	assert_complete(bytes_make(text, BODY_LIMIT + 12));
	memcpy(text + 5 + BODY_LIMIT, "\r\n1\r\nx\r\n", 8);
	assert_int_equal(body_begin(&body, &chunked_request, BODY_LIMIT), BODY_MORE);
	assert_int_equal(body_consume(&body, bytes_make(text, BODY_LIMIT + 13), &used), BODY_TOO_LARGE);
	assert_outcome(&chunked_request, TEXT("3e9\r\nx"), BODY_TOO_LARGE, 4);
	assert_outcome(&chunked_request, TEXT("ffffffffffffffff\r\nx"), BODY_TOO_LARGE, 17);
	assert_outcome(&chunked_request, TEXT("8000000000000000\r\nx"), BODY_TOO_LARGE, 17);
}

/* Trailer lines are read over, and have the form of field lines. */
static void trailers_are_checked_and_ignored(void **state)
{
	(void)state;
	assert_complete(TEXT("0\r\nX: y\r\n\r\n"));
	assert_complete(TEXT("1\r\na\r\n0\r\nX:\r\nExpires:\t a b \xff\r\n\r\n"));
	assert_malformed(TEXT("0\r\nX y\r\n\r\n"), 4);
	assert_malformed(TEXT("0\r\nX : y\r\n\r\n"), 4);
	assert_malformed(TEXT("0\r\nX\r\n\r\n"), 4);
	assert_malformed(TEXT("0\r\n: y\r\n\r\n"), 3);
	assert_malformed(TEXT("0\r\n X: y\r\n\r\n"), 3);
	assert_malformed(TEXT("0\r\nX: y\r\n z\r\n\r\n"), 9);
	assert_malformed(TEXT("0\r\nX: y\n\r\n"), 7);
	assert_malformed(TEXT("0\r\nX: y\r\r\n"), 8);
	assert_malformed(TEXT("0\r\nX: \0\r\n\r\n"), 6);
	assert_malformed(TEXT("0\r\nX: y\r\n\n"), 9);
	assert_malformed(TEXT("0\r\n\x80: y\r\n"), 3);
}

/* The trailer section with its empty line has at most BODY_TRAILER_MAX bytes, in however many lines. */
static void the_trailer_section_is_bounded(void **state)
{
	static uint8_t text[BODY_TRAILER_MAX + 64] = "0\r\n";
	struct body body;
	size_t size = 3;
	size_t used;

	(void)state;
	while (size < 3 + BODY_TRAILER_MAX - 2) {
		memcpy(text + size, "X: y\r\n", 6);
		size += 6;
	}
	/* 8190 bytes are 1365 lines of six. */
	memcpy(text + size, "\r\n", 2);
	assert_int_equal(body_begin(&body, &chunked_request, 0), BODY_MORE);
	assert_int_equal(body_consume(&body, bytes_make(text, size + 2), &used), BODY_DONE);
	assert_int_equal(used, 3 + BODY_TRAILER_MAX);
	memcpy(text + size, "X: y\r\n", 6);
	assert_int_equal(body_begin(&body, &chunked_request, 0), BODY_MORE);
	assert_int_equal(body_consume(&body, bytes_make(text, size + 6), &used), BODY_MALFORMED);
	assert_int_equal(used, 3 + BODY_TRAILER_MAX);
}

/* After the end nothing more belongs to the body. */
static void nothing_is_used_after_the_end(void **state)
{
	struct body body;
	size_t used;

	(void)state;
	assert_int_equal(body_begin(&body, &chunked_request, 0), BODY_MORE);
	assert_int_equal(body_consume(&body, TEXT("0\r\n\r\n"), &used), BODY_DONE);
	assert_int_equal(body_consume(&body, TEXT(NEXT), &used), BODY_DONE);
	assert_int_equal(used, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_length_and_no_coding_is_no_body),
		cmocka_unit_test(a_sized_body_ends_after_its_bytes),
		cmocka_unit_test(a_length_beyond_the_limit_is_too_large_at_once),
		cmocka_unit_test(chunks_end_with_one_of_size_0),
		cmocka_unit_test(a_chunk_size_is_1_to_16_hexadecimal_digits),
		cmocka_unit_test(anything_else_is_no_chunk_size),
		cmocka_unit_test(only_cr_lf_ends_a_line),
		cmocka_unit_test(extensions_are_ignored),
		cmocka_unit_test(a_chunk_line_is_bounded),
		cmocka_unit_test(chunks_beyond_the_limit_are_too_large),
		cmocka_unit_test(trailers_are_checked_and_ignored),
		cmocka_unit_test(the_trailer_section_is_bounded),
		cmocka_unit_test(nothing_is_used_after_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
