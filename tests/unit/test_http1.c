/* SPDX-License-Identifier: MIT */
/*
 * http/http1: the lines of a request head are read strictly, and a fault is told from a part
 * that has not come yet, at every byte.
 *
 * What the fields mean for the connection is tested with http/framing.
 */
#include "head_model.h"
#include "heads.h"

#define END "Host: a\r\n\r\n"
#define LINE "GET / HTTP/1.1\r\n"

/* The usual request comes through with its parts. */
static void a_plain_get_is_accepted(void **state)
{
	struct request request;

	(void)state;
	assert_accepted(HEAD("GET /1k.html HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n"), &request);
	assert_int_equal(request.method, METHOD_GET);
	assert_int_equal(request.minor, 1);
	assert_true(request.keep_alive);
	assert_false(request.expect_continue);
	assert_false(request.chunked);
	assert_false(request_has_body(&request));
	assert_bytes(request.target, "/1k.html");
	assert_true(request_has_one(&request, FIELD_HOST));
	assert_bytes(request.field[FIELD_HOST], "127.0.0.1:8080");
	assert_int_equal(request.present, 1u << FIELD_HOST);
	assert_int_equal(request.repeated, 0);
}

/* Every row of method.def is known by its exact spelling. */
static void every_method_of_the_table_is_recognised(void **state)
{
	struct request request;

	(void)state;
#define METHOD(constant, token)                                                                              \
	assert_accepted(HEAD(token " / HTTP/1.1\r\n" END), &request);                                        \
	assert_int_equal(request.method, METHOD_##constant);
#include "http/method.def"
#undef METHOD
}

/* A method that is a token but none of ours, also by case, is not implemented: 501, seen with its space. */
static void an_unknown_method_is_answered_501(void **state)
{
	(void)state;
	assert_refused_at(HEAD("get / HTTP/1.1\r\n" END), 501, 4);
	assert_refused_at(HEAD("GETS / HTTP/1.1\r\n" END), 501, 5);
	assert_refused_at(HEAD("G / HTTP/1.1\r\n" END), 501, 2);
	assert_refused_at(HEAD("!#$%&'*+-.^_`|~09azAZ / HTTP/1.1\r\n" END), 501, 22);
}

/* A token that is longer than any method is 501 before its end comes; up to 32 bytes it may still end. */
static void an_endless_method_is_answered_501_after_32_bytes(void **state)
{
	(void)state;
	assert_refused_at(HEAD("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJ"), 501, 33);
	assert_refused_at(HEAD("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF / HTTP/1.1\r\n" END), 501, 33);
	assert_refused(HEAD("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJ / HTTP/1.1\r\n" END), 501);
}

/* A fault in the syntax is graver than a method we lack: where both are visible the answer is 400. */
static void bad_syntax_comes_before_an_unknown_method(void **state)
{
	(void)state;
	assert_refused(HEAD("FOO / HTTP/1.1\n"), 400);
	assert_refused(HEAD("FOO / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n"), 400);
	assert_refused(HEAD("FOO / HTTP/1.1\r\n\r\n"), 400);
	assert_refused(HEAD("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJ\r\n"), 400);
}

/* What is not the start of a method is refused at its first byte: TLS, a blank, control bytes, high bytes. */
static void a_first_byte_that_starts_no_method_is_refused_at_once(void **state)
{
	static const uint8_t wrong[] = "\x16\x00\x01\n \t\x7f\x80\xff(),/:;<=>?@[\\]{}\"";

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) - 1; i++)
		assert_refused_at(bytes_make(&wrong[i], 1), 400, 1);
	assert_refused_at(HEAD("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), 400, 1);
}

/* A refused head has its method, for the log, when that was read, and METHOD_COUNT otherwise. */
static void a_refused_head_says_its_method_when_it_was_read(void **state)
{
	struct request request;

	(void)state;
	assert_int_equal(heads_parse("HEAD /\n", 7, &request), HTTP1_REFUSED);
	assert_int_equal(request.method, METHOD_HEAD);
	assert_int_equal(heads_parse("HEAD\n", 5, &request), HTTP1_REFUSED);
	assert_int_equal(request.method, METHOD_COUNT);
}

/* Between method, target and version stands one space and nothing else. */
static void the_parts_of_the_request_line_are_separated_by_one_space(void **state)
{
	(void)state;
	assert_refused_at(HEAD("GET  / HTTP/1.1\r\n" END), 400, 5);
	assert_refused_at(HEAD("GET\t/ HTTP/1.1\r\n" END), 400, 4);
	assert_refused_at(HEAD("GET /  HTTP/1.1\r\n" END), 400, 7);
	assert_refused_at(HEAD("GET /\tHTTP/1.1\r\n" END), 400, 6);
	assert_refused_at(HEAD("GET / HTTP/1.1 \r\n" END), 400, 15);
	assert_refused_at(HEAD(" GET / HTTP/1.1\r\n" END), 400, 1);
	assert_refused_at(HEAD("GET\r\n / HTTP/1.1\r\n" END), 400, 4);
	assert_refused_at(HEAD("GET / a HTTP/1.1\r\n" END), 400, 7);
}

/* The simple request of HTTP/0.9 has no version and is refused with its line end. */
static void a_request_line_of_two_parts_is_refused(void **state)
{
	(void)state;
	assert_refused_at(HEAD("GET /\r\n"), 400, 6);
	assert_refused_at(HEAD("GET /\n"), 400, 6);
	assert_refused_at(HEAD("GET\r\n"), 400, 4);
	assert_refused_at(HEAD("GET / \r\n"), 400, 7);
	assert_refused_at(HEAD("GET \r\n"), 400, 5);
}

/* The version is the five letters, a digit, a dot and a digit; upper case only (RFC 9112 2.3). */
static void a_version_that_is_not_http_digit_dot_digit_is_refused(void **state)
{
	(void)state;
	assert_refused_at(HEAD("GET / http/1.1\r\n" END), 400, 7);
	assert_refused_at(HEAD("GET / HTTp/1.1\r\n" END), 400, 10);
	assert_refused_at(HEAD("GET / HTTP 1.1\r\n" END), 400, 11);
	assert_refused_at(HEAD("GET / HTTP/x.1\r\n" END), 400, 12);
	assert_refused_at(HEAD("GET / HTTP/1,1\r\n" END), 400, 13);
	assert_refused_at(HEAD("GET / HTTP/1.x\r\n" END), 400, 14);
	assert_refused_at(HEAD("GET / HTTP/1.10\r\n" END), 400, 15);
	assert_refused_at(HEAD("GET / HTTP/11.1\r\n" END), 400, 13);
	assert_refused_at(HEAD("GET / HTTP/1\r\n" END), 400, 13);
	assert_refused_at(HEAD("GET / HTTPS/1.1\r\n" END), 400, 11);
	assert_refused_at(HEAD("GET / ICY/1.1\r\n" END), 400, 7);
}

/* Another major version cannot be read at all: 505, also where the method is unknown. */
static void another_major_version_is_answered_505(void **state)
{
	(void)state;
	assert_refused_at(HEAD("GET / HTTP/2.0\r\n" END), 505, 16);
	assert_refused_at(HEAD("GET / HTTP/0.9\r\n\r\n"), 505, 16);
	assert_refused(HEAD("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505);
}

/* A later minor version is read as 1.1 (RFC 9110 2.5); 1.0 needs no Host. */
static void minor_versions_are_0_or_else_1(void **state)
{
	struct request request;

	(void)state;
	assert_accepted(HEAD("GET / HTTP/1.0\r\n\r\n"), &request);
	assert_int_equal(request.minor, 0);
	assert_accepted(HEAD("GET / HTTP/1.2\r\n" END), &request);
	assert_int_equal(request.minor, 1);
	assert_accepted(HEAD("GET / HTTP/1.9\r\n" END), &request);
	assert_int_equal(request.minor, 1);
}

/* The target is any run of bytes above SP but DEL; what it means is decided elsewhere. */
static void a_target_holds_every_byte_but_space_and_controls(void **state)
{
	uint8_t text[] = "GET /x HTTP/1.1\r\n" END;
	struct bytes head = bytes_make(text, sizeof(text) - 1);
	struct request request;

	(void)state;
	for (unsigned byte = 0; byte < 256; byte++) {
		text[5] = (uint8_t)byte;
		if (byte > ' ' && byte != 0x7f) {
			assert_accepted(head, &request);
			assert_int_equal(request.target.size, 2);
			assert_int_equal(request.target.base[1], byte);
		} else {
			assert_refused_at(head, 400, byte == ' ' ? 7 : 6);
		}
	}
	assert_accepted(HEAD("OPTIONS * HTTP/1.1\r\n" END), &request);
	assert_bytes(request.target, "*");
	assert_accepted(HEAD("GET http://a.example/b?c#d HTTP/1.1\r\n" END), &request);
	assert_bytes(request.target, "http://a.example/b?c#d");
}

/* One CR LF before the request is skipped and counted (RFC 9112 2.2), a second one is not. */
static void one_leading_empty_line_is_skipped(void **state)
{
	struct request request;

	(void)state;
	assert_accepted(HEAD("\r\n" LINE END), &request);
	assert_int_equal(request.method, METHOD_GET);
	assert_accepted(HEAD("\r\nPOST / HTTP/1.1\r\n" END), &request);
	assert_int_equal(request.method, METHOD_POST);
	assert_refused_at(HEAD("\r\n\r\n" LINE END), 400, 3);
	assert_refused_at(HEAD("\n" LINE END), 400, 1);
	assert_refused_at(HEAD("\r" LINE END), 400, 2);
}

/* A field name is one or more tchar, directly followed by the colon. */
static void a_field_name_holds_tchar_only(void **state)
{
	uint8_t text[] = LINE "X-x: y\r\n" END;
	struct bytes head = bytes_make(text, sizeof(text) - 1);
	const size_t at = sizeof(LINE) - 1 + 2;
	struct request request;

	(void)state;
	for (unsigned byte = 0; byte < 256; byte++) {
		text[at] = (uint8_t)byte;
		if (byte == ':' || !(scan_class[byte] & 1 << SCAN_NAME))
			assert_accepted(head, &request);
		else
			assert_refused_at(head, 400, at + 1);
	}
}

/* White space before the colon, no name, and no colon are three ways to hide a field (RFC 9112 5.1). */
static void a_field_line_without_name_and_colon_is_refused(void **state)
{
	const size_t at = sizeof(LINE) - 1;

	(void)state;
	assert_refused_at(HEAD(LINE "Host : a\r\n\r\n"), 400, at + 5);
	assert_refused_at(HEAD(LINE "Host\t: a\r\n\r\n"), 400, at + 5);
	assert_refused_at(HEAD(LINE ": a\r\n" END), 400, at + 1);
	assert_refused_at(HEAD(LINE "X\r\n" END), 400, at + 2);
	assert_refused_at(HEAD(LINE "X\n" END), 400, at + 2);
	assert_refused_at(HEAD(LINE "X y: z\r\n" END), 400, at + 2);
}

/* A line that starts with white space would continue the one before (obs-fold): refused, also as the first.
 */
static void a_folded_line_is_refused(void **state)
{
	const size_t at = sizeof(LINE) - 1;

	(void)state;
	assert_refused_at(HEAD(LINE "X: a\r\n b\r\n" END), 400, at + 7);
	assert_refused_at(HEAD(LINE "X: a\r\n\tb\r\n" END), 400, at + 7);
	assert_refused_at(HEAD(LINE " X: a\r\n" END), 400, at + 1);
	assert_refused_at(HEAD(LINE "X: a\r\n \r\n" END), 400, at + 7);
}

/* A value holds everything but control bytes; HTAB is none here, DEL is one. Also in fields nobody knows. */
static void a_value_holds_every_byte_but_controls(void **state)
{
	uint8_t text[] = LINE "X: ayb\r\n" END;
	struct bytes head = bytes_make(text, sizeof(text) - 1);
	const size_t at = sizeof(LINE) - 1 + 4;
	struct request request;

	(void)state;
	for (unsigned byte = 0; byte < 256; byte++) {
		text[at] = (uint8_t)byte;
		if (byte == '\t' || (byte >= ' ' && byte != 0x7f))
			assert_accepted(head, &request);
		else
			assert_refused_at(head, 400, byte == '\r' ? at + 2 : at + 1);
	}
}

/* A line ends with CR LF. A bare LF or CR is a line end to some servers and text to others. */
static void a_bare_cr_or_lf_is_refused(void **state)
{
	(void)state;
	assert_refused_at(HEAD("GET / HTTP/1.1\nHost: a\r\n\r\n"), 400, 15);
	assert_refused_at(HEAD("GET / HTTP/1.1\rHost: a\r\n\r\n"), 400, 16);
	assert_refused_at(HEAD("GET / HTTP/1.1\r\r\nHost: a\r\n\r\n"), 400, 16);
	assert_refused_at(HEAD(LINE "Host: a\n\r\n"), 400, 24);
	assert_refused_at(HEAD(LINE "Host: a\r\r\n\r\n"), 400, 25);
	assert_refused_at(HEAD(LINE "Host: a\r\n\n"), 400, 26);
	assert_refused_at(HEAD(LINE "Host: a\r\n\rX"), 400, 27);
}

/* The value is handed over without the white space around it (RFC 9112 5.1); an empty one is empty. */
static void white_space_around_a_value_is_not_part_of_it(void **state)
{
	struct request request;

	(void)state;
	assert_accepted(HEAD(LINE "Host:a\r\nRange:\t bytes=0-1 \t \r\nIf-Range:  \t \r\nIf-Match:\r\n\r\n"),
			&request);
	assert_bytes(request.field[FIELD_HOST], "a");
	assert_bytes(request.field[FIELD_RANGE], "bytes=0-1");
	assert_bytes(request.field[FIELD_IF_RANGE], "");
	assert_bytes(request.field[FIELD_IF_MATCH], "");
	assert_true(request_has_one(&request, FIELD_IF_MATCH));
	assert_accepted(HEAD(LINE "Host: a\r\nIf-None-Match: \"a b\" ,\t\"c\"\r\n\r\n"), &request);
	assert_bytes(request.field[FIELD_IF_NONE_MATCH], "\"a b\" ,\t\"c\"");
}

/* A field that came several times is marked, and its first value kept. */
static void a_repeated_field_is_marked(void **state)
{
	struct request request;

	(void)state;
	assert_accepted(HEAD(LINE "Host: a\r\nRange: b\r\nX: y\r\nRANGE: c\r\nrange: d\r\nX: z\r\n\r\n"),
			&request);
	assert_true(request_has(&request, FIELD_RANGE));
	assert_false(request_has_one(&request, FIELD_RANGE));
	assert_bytes(request.field[FIELD_RANGE], "b");
	assert_true(request_has_one(&request, FIELD_HOST));
	assert_accepted(HEAD(LINE "Range: b\r\nRange: c\r\nHost: a\r\nIf-Match: d\r\nIf-Match: e\r\n\r\n"),
			&request);
	assert_int_equal(request.repeated, 1u << FIELD_RANGE | 1u << FIELD_IF_MATCH);
}

/* GET, a target of `target` bytes, and the rest; returns the size of it all. */
static size_t write_head(char *out, size_t target, const char *rest)
{
	size_t size = 4;

	memcpy(out, "GET ", size);
	memset(out + size, 'a', target);
	size += target;
	memcpy(out + size, rest, strlen(rest));
	return size + strlen(rest);
}

/* A target may be as long as the limit; one byte more is 414, as soon as it is there. */
static void a_target_beyond_the_limit_is_answered_414(void **state)
{
	static char text[2048];
	const size_t max = heads_limits.target_size_max;
	struct request request;

	(void)state;
	assert_accepted(bytes_make(text, write_head(text, max, " HTTP/1.1\r\n" END)), &request);
	assert_int_equal(request.target.size, max);
	assert_refused_at(bytes_make(text, write_head(text, max + 1, " HTTP/1.1\r\n" END)), 414, 4 + max + 1);
	assert_refused_at(bytes_make(text, write_head(text, max + 1, "\r\n" END)), 400, 4 + max + 1);
}

/* A head may be as long as the limit. Longer is 431, as soon as the limit is reached without its end. */
static void a_head_beyond_the_limit_is_answered_431(void **state)
{
	static const char text[] =
		LINE "Host: a\r\nX: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n\r\n";
	struct http1_limits limits = heads_limits;
	struct request request;

	(void)state;
	for (size_t max = sizeof(LINE); max < sizeof(text) + 9; max++) {
		limits.head_size_max = (uint32_t)max;
		for (size_t size = 0; size < sizeof(text); size++) {
			enum http1_result result = heads_parse_with(text, size, &limits, &request);

			if (size >= max && max < sizeof(text) - 1) {
				assert_int_equal(result, HTTP1_REFUSED);
				assert_int_equal(request.refusal, 431);
			} else {
				assert_int_equal(result,
						 size == sizeof(text) - 1 ? HTTP1_COMPLETE : HTTP1_PARTIAL);
			}
		}
	}
}

/* A head that reaches its limit inside the request line has a target too long rather than fields too many. */
static void a_request_line_beyond_the_head_limit_is_answered_414(void **state)
{
	struct http1_limits limits = heads_limits;
	struct request request;

	(void)state;
	for (uint32_t max = 0; max < sizeof(LINE) - 1; max++) {
		limits.head_size_max = max;
		assert_int_equal(heads_parse_with(LINE END, sizeof(LINE END) - 1, &limits, &request),
				 HTTP1_REFUSED);
		assert_int_equal(request.refusal, 414);
	}
}

/* As many field lines as the limit are read; the next one is 431 with its colon, whatever follows. */
static void more_fields_than_the_limit_are_answered_431(void **state)
{
	char text[1024] = LINE "Host: a\r\n";
	struct request request;

	(void)state;
	for (uint32_t i = 1; i < heads_limits.fields_max; i++)
		strcat(text, "X: y\r\n");
	size_t size = strlen(text);
	strcat(text, "\r\n");
	assert_accepted(bytes_make(text, size + 2), &request);
	strcpy(text + size, "X: y\r\n\r\n");
	assert_refused_at(bytes_make(text, size + 8), 431, size + 2);
	strcpy(text + size, "X : y\r\n\r\n");
	assert_refused_at(bytes_make(text, size + 9), 400, size + 2);
}

/* Pipelined requests are read one after another at their offsets, wherever the blocks of the scan fall. */
static void pipelined_requests_are_read_at_their_offsets(void **state)
{
	static const char text[] = "GET /one HTTP/1.1\r\nHost: a\r\n\r\n"
				   "\r\nHEAD /two HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
				   "GET /three HTTP/1.1\r\nHost: c\r\nUser-Agent: wrk\r\nAccept: */*\r\n\r\n"
				   "GET /four HTT";
	const char *targets[] = { "/one", "/two", "/three" };
	const size_t size = sizeof(text) - 1;

	(void)state;
	for (size_t lead = 0; lead < 2 * SCAN_BLOCK; lead++) {
		uint8_t *copy = heads_end - size;
		struct request request;
		size_t at = lead;

		memset(copy - lead, ' ', lead);
		memcpy(copy, text, size);
		scan_index(&heads_scan, copy - lead, lead + size);
		for (int i = 0; i < 3; i++) {
			assert_int_equal(http1_parse(&heads_scan, at, &heads_limits, &request),
					 HTTP1_COMPLETE);
			assert_bytes(request.target, targets[i]);
			at += request.head_size;
		}
		assert_int_equal(lead + size - at, 13);
		assert_int_equal(http1_parse(&heads_scan, at, &heads_limits, &request), HTTP1_PARTIAL);
		assert_int_equal(http1_parse(&heads_scan, lead + size, &heads_limits, &request),
				 HTTP1_PARTIAL);
	}
}

static void assert_as_model(const uint8_t *text, size_t size)
{
	struct request request;
	size_t expected = 0;
	enum head_model model = head_model_read(text, size, &expected);
	enum http1_result result = heads_parse(text, size, &request);
	bool agreed =
		(result == HTTP1_PARTIAL && model == HEAD_MODEL_PARTIAL) ||
		(result == HTTP1_COMPLETE && model == HEAD_MODEL_COMPLETE && request.head_size == expected) ||
		(result == HTTP1_REFUSED && model == HEAD_MODEL_BAD && request.refusal == 400) ||
		(result == HTTP1_REFUSED && head_model_lacks(text, size, model, request.refusal));

	if (!agreed)
		heads_fail(bytes_make(text, size), size, result, &request);
}

/* Heads with random faults are read as the plain model reads them, at whatever byte they end. */
static void heads_with_random_faults_are_read_as_the_model_reads_them(void **state)
{
	static const char text[] =
		"\r\nGET /index.html?q HTTP/1.0\r\nX: \r\nAccept: */*\r\n"
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nReferer:\thttp://a/\r\n\r\nGET";
	uint64_t random = 1;

	(void)state;
	for (int round = 0; round < 200000; round++) {
		uint8_t copy[sizeof(text)];
		size_t skip = head_model_random(&random) % 2 * 2;
		size_t size = head_model_random(&random) % 4 ? sizeof(text) - 1
							     : head_model_random(&random) % sizeof(text);

		memcpy(copy, text, sizeof(text));
		head_model_spoil(copy, sizeof(copy), &random);
		if (size >= skip)
			assert_as_model(copy + skip, size - skip);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_get_is_accepted),
		cmocka_unit_test(every_method_of_the_table_is_recognised),
		cmocka_unit_test(an_unknown_method_is_answered_501),
		cmocka_unit_test(an_endless_method_is_answered_501_after_32_bytes),
		cmocka_unit_test(bad_syntax_comes_before_an_unknown_method),
		cmocka_unit_test(a_first_byte_that_starts_no_method_is_refused_at_once),
		cmocka_unit_test(a_refused_head_says_its_method_when_it_was_read),
		cmocka_unit_test(the_parts_of_the_request_line_are_separated_by_one_space),
		cmocka_unit_test(a_request_line_of_two_parts_is_refused),
		cmocka_unit_test(a_version_that_is_not_http_digit_dot_digit_is_refused),
		cmocka_unit_test(another_major_version_is_answered_505),
		cmocka_unit_test(minor_versions_are_0_or_else_1),
		cmocka_unit_test(a_target_holds_every_byte_but_space_and_controls),
		cmocka_unit_test(one_leading_empty_line_is_skipped),
		cmocka_unit_test(a_field_name_holds_tchar_only),
		cmocka_unit_test(a_field_line_without_name_and_colon_is_refused),
		cmocka_unit_test(a_folded_line_is_refused),
		cmocka_unit_test(a_value_holds_every_byte_but_controls),
		cmocka_unit_test(a_bare_cr_or_lf_is_refused),
		cmocka_unit_test(white_space_around_a_value_is_not_part_of_it),
		cmocka_unit_test(a_repeated_field_is_marked),
		cmocka_unit_test(a_target_beyond_the_limit_is_answered_414),
		cmocka_unit_test(a_head_beyond_the_limit_is_answered_431),
		cmocka_unit_test(a_request_line_beyond_the_head_limit_is_answered_414),
		cmocka_unit_test(more_fields_than_the_limit_are_answered_431),
		cmocka_unit_test(pipelined_requests_are_read_at_their_offsets),
		cmocka_unit_test(heads_with_random_faults_are_read_as_the_model_reads_them),
	};

	return cmocka_run_group_tests(tests, heads_set_up, heads_tear_down);
}
