/* SPDX-License-Identifier: MIT */
/*
 * http/http1: a list that came in several lines is the list that would have come in one
 * (RFC 9110 5.3), and only lists are joined.
 *
 * Heads end at a page without access, and so does the room that is joined into. What is joined
 * is compared with a model that was never near the parser: the values as the test put them in.
 */
#include <stdio.h>

#include "heads.h"
#include "http/condition.h"

#define LINE "GET / HTTP/1.1\r\nHost: a\r\n"

static uint8_t *room_end;

static int set_up(void **state)
{
	static const uint8_t zeros[HEADS_ROOM];

	room_end = guard_copy(zeros, HEADS_ROOM) + HEADS_ROOM;
	return heads_set_up(state);
}

static int tear_down(void **state)
{
	guard_release(room_end - HEADS_ROOM, HEADS_ROOM);
	return heads_tear_down(state);
}

static void parse(const char *head, struct request *ret_request)
{
	if (heads_parse(head, strlen(head), ret_request) != HTTP1_COMPLETE)
		fail_msg("not complete: %s", head);
}

/* Join into `capacity` bytes; what the result says was written lies in them. */
static size_t join(struct request *request, size_t capacity)
{
	size_t size = http1_join(request, room_end - capacity, capacity);

	assert_true(size <= capacity);
	return size;
}

static void assert_joined(const char *head, enum field_id id, const char *expected)
{
	struct request request;

	parse(head, &request);
	assert_false(request_has_one(&request, id));
	assert_int_equal(join(&request, request.head_size), strlen(expected));
	assert_true(request_has_one(&request, id));
	assert_bytes(request.field[id], expected);
}

static void lines_of_a_list_are_joined_in_their_order(void **state)
{
	(void)state;
	assert_joined(LINE "Accept: text/html\r\nAccept: */*;q=0.1\r\n\r\n", FIELD_ACCEPT,
		      "text/html, */*;q=0.1");
	assert_joined(LINE "Accept-Encoding: br\r\nX: y\r\naccept-encoding: gzip, zstd\r\n"
			   "Accept: */*\r\nACCEPT-ENCODING: *;q=0\r\n\r\n",
		      FIELD_ACCEPT_ENCODING, "br, gzip, zstd, *;q=0");
	assert_joined("GET / HTTP/1.1\r\nAccept-Language: fr\r\nHost: a\r\nAccept-Language: en\r\n\r\n",
		      FIELD_ACCEPT_LANGUAGE, "fr, en");
	assert_joined(LINE "Want-Repr-Digest: sha-256=1\r\nWant-Repr-Digest: sha-512=3\r\n\r\n",
		      FIELD_WANT_REPR_DIGEST, "sha-256=1, sha-512=3");
	assert_joined(LINE "If-Match: \"a\"\r\nIf-Match: \"b\"\r\n\r\n", FIELD_IF_MATCH, "\"a\", \"b\"");
}

static void a_joined_value_has_no_white_space_of_its_lines(void **state)
{
	(void)state;
	assert_joined(LINE "Accept:\t a \t\r\nAccept:b\r\nAccept:  c  d \r\n\r\n", FIELD_ACCEPT,
		      "a, b, c  d");
	assert_joined(LINE "Accept:\r\nAccept: a\r\nAccept: \t\r\n\r\n", FIELD_ACCEPT, ", a, ");
	assert_joined(LINE "Accept: a:b\r\nAccept: :\r\n\r\n", FIELD_ACCEPT, "a:b, :");
}

/* Lines above the fields look like fields to a careless reader. */
static void the_request_line_is_not_taken_for_a_field(void **state)
{
	(void)state;
	assert_joined("GET accept:/x HTTP/1.1\r\nHost: a\r\nAccept: b\r\nAccept: c\r\n\r\n", FIELD_ACCEPT,
		      "b, c");
	assert_joined("\r\nGET / HTTP/1.1\r\nHost: a\r\nAccept: b\r\nAccept: c\r\n\r\n", FIELD_ACCEPT,
		      "b, c");
}

/* Bytes behind the blank line belong to somebody else, and a head need not be the first of its buffer. */
static void lines_of_other_requests_are_not_joined(void **state)
{
	static const char text[] =
		LINE "Accept: a\r\nAccept: b\r\n\r\n" LINE "Accept: c\r\nAccept: d\r\n\r\nAccept: e\r\n\r\n";
	static const char *const expected[] = { "a, b", "c, d" };
	struct request request;
	size_t at = 0;

	(void)state;
	memcpy(heads_end - (sizeof(text) - 1), text, sizeof(text) - 1);
	scan_index(&heads_scan, heads_end - (sizeof(text) - 1), sizeof(text) - 1);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(http1_parse(&heads_scan, at, &heads_limits, &request), HTTP1_COMPLETE);
		assert_ptr_equal(request.head, heads_scan.base + at);
		at += request.head_size;
		join(&request, HEADS_ROOM);
		assert_bytes(request.field[FIELD_ACCEPT], expected[i]);
	}
}

/* Dates, ranges and modes are no lists: a second one stays what it is, a contradiction. */
static void only_lists_are_joined(void **state)
{
	static const char head[] = LINE "Range: bytes=0-1\r\nRange: bytes=3-4\r\n"
					"If-Range: \"a\"\r\nIf-Range: \"b\"\r\n"
					"If-Modified-Since: x\r\nIf-Modified-Since: y\r\n"
					"If-Unmodified-Since: x\r\nIf-Unmodified-Since: y\r\n"
					"Sec-Fetch-Mode: navigate\r\nSec-Fetch-Mode: cors\r\n"
					"Connection: close\r\nConnection: x\r\nAccept: z\r\n\r\n";
	struct request request, before;

	(void)state;
	parse(head, &request);
	before = request;
	assert_int_equal(join(&request, HEADS_ROOM), 0);
	assert_memory_equal(&request, &before, sizeof(request));
}

/* Several lists have room beside each other, and head_size bytes are room for all of them. */
static void as_many_bytes_as_the_head_has_are_room_enough(void **state)
{
	static const char head[] = "GET / HTTP/1.0\r\nAccept:a\r\nAccept:b\r\nIf-Match:\r\nIf-Match:\r\n"
				   "Accept-Language:c\r\nIf-None-Match:*\r\nAccept-Language:d\r\n"
				   "If-None-Match:*\r\nAccept-Encoding:e\r\nAccept-Encoding:f\r\n"
				   "Want-Repr-Digest:g\r\nWant-Repr-Digest:h\r\n\r\n";
	struct request request;

	(void)state;
	parse(head, &request);
	join(&request, request.head_size);
	assert_int_equal(request.repeated, 0);
	assert_bytes(request.field[FIELD_ACCEPT], "a, b");
	assert_bytes(request.field[FIELD_IF_MATCH], ", ");
	assert_bytes(request.field[FIELD_ACCEPT_LANGUAGE], "c, d");
	assert_bytes(request.field[FIELD_IF_NONE_MATCH], "*, *");
	assert_bytes(request.field[FIELD_ACCEPT_ENCODING], "e, f");
	assert_bytes(request.field[FIELD_WANT_REPR_DIGEST], "g, h");
}

/* Without room a field is left alone, first value and mark; a shorter one may still be joined. */
static void what_does_not_fit_stays_repeated(void **state)
{
	static const char head[] = LINE "If-Match: \"abc\"\r\nIf-Match: \"d\"\r\n"
					"Accept: a\r\nAccept: b\r\n\r\n";

	(void)state;
	for (size_t capacity = 0; capacity < 20; capacity++) {
		bool accept = capacity >= 4;
		bool match = capacity >= (accept ? 4 : 0) + strlen("\"abc\", \"d\"");
		struct request request;

		parse(head, &request);
		assert_int_equal(join(&request, capacity), (accept ? 4 : 0) + (match ? 10 : 0));
		assert_int_equal(request_has_one(&request, FIELD_ACCEPT), accept);
		assert_int_equal(request_has_one(&request, FIELD_IF_MATCH), match);
		assert_bytes(request.field[FIELD_ACCEPT], accept ? "a, b" : "a");
		assert_bytes(request.field[FIELD_IF_MATCH], match ? "\"abc\", \"d\"" : "\"abc\"");
	}
}

/* RFC 9110 13.1: a tag in any line of If-None-Match or If-Match counts, once the lines are joined. */
static void joined_conditions_are_one_list(void **state)
{
	static const char none_match[] = LINE "If-None-Match: \"x\"\r\nIf-None-Match: W/\"t\"\r\n\r\n";
	static const char match[] = LINE "If-Match: \"x\"\r\nIf-Match: \"t\"\r\n\r\n";
	const struct validators validators = { BYTES("\"t\""), 0 };
	struct request request;

	(void)state;
	parse(none_match, &request);
	assert_int_equal(condition_evaluate(&request, &validators, 1), CONDITION_PASS);
	join(&request, HEADS_ROOM);
	assert_int_equal(condition_evaluate(&request, &validators, 1), CONDITION_NOT_MODIFIED);
	parse(match, &request);
	assert_int_equal(condition_evaluate(&request, &validators, 1), CONDITION_FAILED);
	join(&request, HEADS_ROOM);
	assert_int_equal(condition_evaluate(&request, &validators, 1), CONDITION_PASS);
}

/* xorshift64: the same heads in every run. */
static uint64_t draw(uint64_t below)
{
	static uint64_t random = 1;

	random ^= random << 13;
	random ^= random >> 7;
	random ^= random << 17;
	return (random >> 11) % below;
}

struct drawn {
	enum field_id id;
	const char *name;
	unsigned count;
	char joined[512];
};

static void draw_line(struct drawn *drawn, char *head)
{
	static const char *const values[] = { "", "a", "b;q=0.5", "\"c, d\"", "e f", ":", "\xc3\xa9" };
	static const char *const whites[] = { "", " ", "\t", " \t " };
	const char *value = values[draw(sizeof(values) / sizeof(values[0]))];
	char *line = head + strlen(head);

	sprintf(line, "%s:%s%s%s\r\n", drawn->name, whites[draw(4)], value, whites[draw(4)]);
	for (size_t i = 0; drawn->name[i]; i++)
		if (line[i] >= 'a' && line[i] <= 'z' && draw(2))
			line[i] = (char)(line[i] - 0x20);
	if (drawn->count++ > 0)
		strcat(drawn->joined, ", ");
	strcat(drawn->joined, value);
}

static void random_lines_are_joined_as_they_were_made(void **state)
{
	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct drawn drawn[] = {
			{ .id = FIELD_ACCEPT, .name = "accept" },
			{ .id = FIELD_ACCEPT_ENCODING, .name = "accept-encoding" },
			{ .id = FIELD_ACCEPT_LANGUAGE, .name = "accept-language" },
			{ .id = FIELD_IF_NONE_MATCH, .name = "if-none-match" },
			{ .id = FIELD_UNKNOWN, .name = "accept-charset" },
			{ .id = FIELD_UNKNOWN, .name = "xxaccept" },
		};
		const size_t kinds = sizeof(drawn) / sizeof(drawn[0]);
		struct request request;
		char head[2048] = "";

		strcat(head, draw(2) ? "\r\n" LINE : LINE);
		for (uint64_t lines = draw(heads_limits.fields_max); lines > 0; lines--)
			draw_line(&drawn[draw(kinds)], head);
		strcat(head, "\r\n");
		parse(head, &request);
		join(&request, request.head_size);
		for (size_t i = 0; i < kinds; i++) {
			if (drawn[i].id == FIELD_UNKNOWN)
				continue;
			assert_int_equal(request_has_one(&request, drawn[i].id), drawn[i].count > 0);
			if (drawn[i].count > 0)
				assert_bytes(request.field[drawn[i].id], drawn[i].joined);
		}
	}
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_of_a_list_are_joined_in_their_order),
		cmocka_unit_test(a_joined_value_has_no_white_space_of_its_lines),
		cmocka_unit_test(the_request_line_is_not_taken_for_a_field),
		cmocka_unit_test(lines_of_other_requests_are_not_joined),
		cmocka_unit_test(only_lists_are_joined),
		cmocka_unit_test(as_many_bytes_as_the_head_has_are_room_enough),
		cmocka_unit_test(what_does_not_fit_stays_repeated),
		cmocka_unit_test(joined_conditions_are_one_list),
		cmocka_unit_test(random_lines_are_joined_as_they_were_made),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
