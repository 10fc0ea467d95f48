/* SPDX-License-Identifier: MIT */
/*
 * http/framing, as seen through http/http1: every head has one meaning for the connection, or is
 * refused. Where two servers could read a body's end differently, there is no answer but 400.
 */
#include "heads.h"

#define GET "GET / HTTP/1.1\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a\r\n"
#define POST10 "POST / HTTP/1.0\r\n"
#define HOST "Host: a\r\n"
#define END "\r\n"

static bool keep_alive(struct bytes head)
{
	struct request request;

	assert_accepted(head, &request);
	return request.keep_alive;
}

static uint64_t content_length(struct bytes head)
{
	struct request request;

	assert_accepted(head, &request);
	assert_false(request.chunked);
	assert_int_equal(request_has_body(&request), request.content_length > 0);
	return request.content_length;
}

/* HTTP/1.1 needs Host; without it the head is refused when its end is there (RFC 9112 3.2). */
static void a_missing_host_is_refused_in_1_1(void **state)
{
	struct request request;

	(void)state;
	assert_refused_at(HEAD(GET END), 400, sizeof(GET) + 1);
	assert_refused_at(HEAD(GET "X: y\r\n" END), 400, sizeof(GET) + 7);
	assert_refused(HEAD(GET "X-Host: a\r\n" END), 400);
	assert_accepted(HEAD("GET / HTTP/1.0\r\n\r\n"), &request);
	assert_false(request_has(&request, FIELD_HOST));
}

/* Two Host fields are refused with the second one, in every version, also when they say the same. */
static void a_second_host_is_refused(void **state)
{
	const size_t at = sizeof(GET HOST) - 1;

	(void)state;
	assert_refused_at(HEAD(GET HOST "Host: b\r\n" END), 400, at + 9);
	assert_refused_at(HEAD(GET HOST HOST END), 400, at + 9);
	assert_refused_at(HEAD("GET / HTTP/1.0\r\n" HOST "host: a\r\n" END), 400, at + 9);
}

/* A Host value that is not a host is refused with its line; an empty one is a client without authority. */
static void a_malformed_host_is_refused(void **state)
{
	struct request request;

	(void)state;
	assert_refused_at(HEAD(GET "Host: a b\r\n" END), 400, sizeof(GET) - 1 + 11);
	assert_refused(HEAD(GET "Host: a,b\r\n" END), 400);
	assert_refused(HEAD(GET "Host: a/b\r\n" END), 400);
	assert_refused(HEAD(GET "Host: u@a\r\n" END), 400);
	assert_refused(HEAD(GET "Host: \xc3\xa4\r\n" END), 400);
	assert_refused(HEAD("GET / HTTP/1.0\r\nHost: a:b\r\n" END), 400);
	assert_accepted(HEAD(GET "Host:\r\n" END), &request);
	assert_bytes(request.field[FIELD_HOST], "");
	assert_accepted(HEAD(GET "Host: [::1]:80\r\n" END), &request);
}

/* A length is 1 to 19 digits that fit into 63 bits. */
static void a_content_length_is_a_number_of_63_bits(void **state)
{
	(void)state;
	assert_int_equal(content_length(HEAD(POST "Content-Length: 0\r\n" END)), 0);
	assert_int_equal(content_length(HEAD(POST "Content-Length: 42\r\n" END)), 42);
	assert_int_equal(content_length(HEAD(POST "content-length:\t42 \r\n" END)), 42);
	assert_int_equal(content_length(HEAD(POST10 "Content-Length: 0000000000000000007\r\n" END)), 7);
	assert_int_equal(content_length(HEAD(POST "Content-Length: 9223372036854775807\r\n" END)), INT64_MAX);
	assert_refused(HEAD(POST "Content-Length: 9223372036854775808\r\n" END), 400);
	assert_refused(HEAD(POST "Content-Length: 9999999999999999999\r\n" END), 400);
	assert_refused(HEAD(POST "Content-Length: 18446744073709551617\r\n" END), 400);
	assert_refused(HEAD(POST "Content-Length: 00000000000000000001\r\n" END), 400);
}

/* Anything else in Content-Length is refused with its line. */
static void a_malformed_content_length_is_refused(void **state)
{
	(void)state;
	assert_refused_at(HEAD(POST "Content-Length:\r\n" END), 400, sizeof(POST) - 1 + 17);
	assert_refused(HEAD(POST "Content-Length: +1\r\n" END), 400);
	assert_refused(HEAD(POST "Content-Length: -1\r\n" END), 400);
	assert_refused(HEAD(POST "Content-Length: 0x10\r\n" END), 400);
	assert_refused(HEAD(POST "Content-Length: 1 2\r\n" END), 400);
	assert_refused(HEAD(POST "Content-Length: 1,1\r\n" END), 400);
	assert_refused(HEAD(POST "Content-Length: 1, 2\r\n" END), 400);
	assert_refused(HEAD(POST "Content-Length: 1a\r\n" END), 400);
	assert_refused(HEAD(POST "Content-Length: 1.0\r\n" END), 400);
	assert_refused(HEAD(POST "Content-Length: \"1\"\r\n" END), 400);
	assert_refused(HEAD(POST10 "Content-Length: a\r\n" END), 400);
}

/* A second Content-Length is refused, also when it is the same. */
static void a_repeated_content_length_is_refused(void **state)
{
	(void)state;
	assert_refused_at(HEAD(POST "Content-Length: 1\r\nContent-Length: 1\r\n" END), 400,
			  sizeof(POST) - 1 + 38);
	assert_refused(HEAD(POST "Content-Length: 1\r\nX: y\r\ncontent-length: 2\r\n" END), 400);
}

/* "chunked" alone, in any case, is the one coding that is taken. */
static void chunked_is_accepted(void **state)
{
	struct request request;

	(void)state;
	assert_accepted(HEAD(POST "Transfer-Encoding: chunked\r\n" END), &request);
	assert_true(request.chunked);
	assert_true(request_has_body(&request));
	assert_int_equal(request.content_length, 0);
	assert_true(request.keep_alive);
	assert_accepted(HEAD(POST "transfer-encoding:CHUNKED \r\n" END), &request);
	assert_true(request.chunked);
}

/* A list that ends in chunked has an end but cannot be decoded: 501. */
static void codings_before_chunked_are_answered_501(void **state)
{
	(void)state;
	assert_refused_at(HEAD(POST "Transfer-Encoding: gzip, chunked\r\n" END), 501, sizeof(POST) - 1 + 34);
	assert_refused(HEAD(POST "Transfer-Encoding: deflate,gzip ,\tChunked\r\n" END), 501);
	assert_refused(HEAD(POST "Transfer-Encoding: gzip;q=1, chunked\r\n" END), 501);
	assert_refused(HEAD(POST "Transfer-Encoding: gzip, chunked\r\nX : y\r\n" END), 400);
}

/* Where chunked is not the last coding, and once, the body has no end that can be known: 400. */
static void a_coding_that_does_not_end_in_chunked_is_refused(void **state)
{
	(void)state;
	assert_refused_at(HEAD(POST "Transfer-Encoding: gzip\r\n" END), 400, sizeof(POST) - 1 + 25);
	assert_refused(HEAD(POST "Transfer-Encoding:\r\n" END), 400);
	assert_refused(HEAD(POST "Transfer-Encoding: identity\r\n" END), 400);
	assert_refused(HEAD(POST "Transfer-Encoding: chunked, gzip\r\n" END), 400);
	assert_refused(HEAD(POST "Transfer-Encoding: chunked, chunked\r\n" END), 400);
	assert_refused(HEAD(POST "Transfer-Encoding: gzip, chunked, chunked\r\n" END), 400);
	assert_refused(HEAD(POST "Transfer-Encoding: chunked,\r\n" END), 400);
	assert_refused(HEAD(POST "Transfer-Encoding: ,chunked\r\n" END), 400);
	assert_refused(HEAD(POST "Transfer-Encoding: gzip, , chunked\r\n" END), 400);
	assert_refused(HEAD(POST "Transfer-Encoding: xchunked\r\n" END), 400);
	assert_refused(HEAD(POST "Transfer-Encoding: chunked;a=b\r\n" END), 400);
	assert_refused(HEAD(POST "Transfer-Encoding: chunke\r\n" END), 400);
	assert_refused(HEAD(POST "Transfer-Encoding: \"chunked\"\r\n" END), 400);
	assert_refused(HEAD(POST "Transfer-Encoding: \x0b"
				 "chunked\r\n" END),
		       400);
	assert_refused(HEAD(POST "Transfer-Encoding: chunked chunked\r\n" END), 400);
}

/* Two ways to say where the body ends are one too many, in either order (RFC 9112 6.3). */
static void transfer_encoding_with_content_length_is_refused(void **state)
{
	(void)state;
	assert_refused(HEAD(POST "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n" END), 400);
	assert_refused(HEAD(POST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n" END), 400);
	assert_refused(HEAD(POST "Content-Length: 0\r\nTransfer-Encoding: gzip, chunked\r\n" END), 400);
}

/* Transfer-Encoding comes once, and never from HTTP/1.0. */
static void a_repeated_or_1_0_transfer_encoding_is_refused(void **state)
{
	(void)state;
	assert_refused(HEAD(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" END), 400);
	assert_refused(HEAD(POST "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n" END), 400);
	assert_refused(HEAD(POST10 "Transfer-Encoding: chunked\r\n" END), 400);
	assert_refused(HEAD(POST10 "Transfer-Encoding: gzip, chunked\r\n" END), 400);
}

/* 1.1 goes on unless told to close; 1.0 closes unless asked to go on (RFC 9112 9.3). */
static void keep_alive_follows_version_and_connection(void **state)
{
	(void)state;
	assert_true(keep_alive(HEAD(GET HOST END)));
	assert_true(keep_alive(HEAD(GET HOST "Connection: keep-alive\r\n" END)));
	assert_false(keep_alive(HEAD(GET HOST "Connection: close\r\n" END)));
	assert_false(keep_alive(HEAD(GET HOST "connection:CLOSE\r\n" END)));
	assert_true(keep_alive(HEAD(GET HOST "Connection:\r\n" END)));
	assert_false(keep_alive(HEAD("GET / HTTP/1.0\r\n" END)));
	assert_true(keep_alive(HEAD("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n" END)));
	assert_false(keep_alive(HEAD("GET / HTTP/1.0\r\nConnection: close\r\n" END)));
	assert_false(keep_alive(HEAD("GET / HTTP/1.0\r\nConnection: upgrade\r\n" END)));
}

/* Connection is a list of options; each counts wherever it stands, and only as a whole word. */
static void connection_is_a_list_of_options(void **state)
{
	(void)state;
	assert_false(keep_alive(HEAD(GET HOST "Connection: upgrade, close\r\n" END)));
	assert_false(keep_alive(HEAD(GET HOST "Connection: close,TE\r\n" END)));
	assert_false(keep_alive(HEAD(GET HOST "Connection: ,, \t close ,\r\n" END)));
	assert_false(keep_alive(HEAD(GET HOST "Connection: keep-alive, close\r\n" END)));
	assert_true(keep_alive(HEAD(GET HOST "Connection: closed, xclose, clos, close x\r\n" END)));
	assert_true(keep_alive(HEAD("GET / HTTP/1.0\r\nConnection: TE, keep-alive\r\n" END)));
	assert_false(keep_alive(HEAD("GET / HTTP/1.0\r\nConnection: close, keep-alive\r\n" END)));
	assert_false(keep_alive(HEAD("GET / HTTP/1.0\r\nConnection: keepalive, keep-alives\r\n" END)));
}

/* Several Connection lines are one list: a close in any of them counts. */
static void connection_lines_add_up(void **state)
{
	(void)state;
	assert_false(keep_alive(HEAD(GET HOST "Connection: keep-alive\r\nConnection: close\r\n" END)));
	assert_false(keep_alive(HEAD(GET "Connection: close\r\n" HOST "Connection: keep-alive\r\n" END)));
	assert_false(
		keep_alive(HEAD(GET HOST "Connection: a\r\nConnection: b\r\nConnection: c, close\r\n" END)));
	assert_true(keep_alive(HEAD("GET / HTTP/1.0\r\nConnection: a\r\nConnection: keep-alive\r\n" END)));
}

/* 100-continue is heard from 1.1 and ignored from 1.0, which cannot know it (RFC 9110 10.1.1). */
static void expect_100_continue_counts_in_1_1_only(void **state)
{
	struct request request;

	(void)state;
	assert_accepted(HEAD(POST "Expect: 100-continue\r\nContent-Length: 3\r\n" END), &request);
	assert_true(request.expect_continue);
	assert_accepted(HEAD(POST "Content-Length: 3\r\nexpect:100-Continue\r\n" END), &request);
	assert_true(request.expect_continue);
	assert_accepted(HEAD(POST10 "Expect: 100-continue\r\n" END), &request);
	assert_false(request.expect_continue);
	assert_accepted(HEAD(GET HOST END), &request);
	assert_false(request.expect_continue);
}

/* Any other expectation cannot be met: 417, unless the head is worse than that. */
static void an_unknown_expectation_is_answered_417(void **state)
{
	(void)state;
	assert_refused_at(HEAD(POST "Expect: 200-ok\r\n" END), 417, sizeof(POST) - 1 + 16);
	assert_refused(HEAD(POST "Expect:\r\n" END), 417);
	assert_refused(HEAD(POST "Expect: 100-continue, x\r\n" END), 417);
	assert_refused(HEAD(POST "Expect: 100-continue\r\nExpect: x\r\n" END), 417);
	assert_refused(HEAD(POST "Expect: 100\rcontinue\r\n" END), 400);
	assert_refused(HEAD(POST10 "Expect: x\r\n" END), 417);
	assert_refused(HEAD(POST "Expect: x\r\nContent-Length: y\r\n" END), 400);
	assert_refused(HEAD("FOO / HTTP/1.1\r\n" HOST "Expect: x\r\n" END), 501);
	assert_refused(HEAD(POST "Expect: x\r\nTransfer-Encoding: gzip, chunked\r\n" END), 417);
	assert_refused(HEAD(GET "Expect: x\r\n" END), 400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_missing_host_is_refused_in_1_1),
		cmocka_unit_test(a_second_host_is_refused),
		cmocka_unit_test(a_malformed_host_is_refused),
		cmocka_unit_test(a_content_length_is_a_number_of_63_bits),
		cmocka_unit_test(a_malformed_content_length_is_refused),
		cmocka_unit_test(a_repeated_content_length_is_refused),
		cmocka_unit_test(chunked_is_accepted),
		cmocka_unit_test(codings_before_chunked_are_answered_501),
		cmocka_unit_test(a_coding_that_does_not_end_in_chunked_is_refused),
		cmocka_unit_test(transfer_encoding_with_content_length_is_refused),
		cmocka_unit_test(a_repeated_or_1_0_transfer_encoding_is_refused),
		cmocka_unit_test(keep_alive_follows_version_and_connection),
		cmocka_unit_test(connection_is_a_list_of_options),
		cmocka_unit_test(connection_lines_add_up),
		cmocka_unit_test(expect_100_continue_counts_in_1_1_only),
		cmocka_unit_test(an_unknown_expectation_is_answered_417),
	};

	return cmocka_run_group_tests(tests, heads_set_up, heads_tear_down);
}
