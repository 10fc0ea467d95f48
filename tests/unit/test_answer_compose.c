/* SPDX-License-Identifier: MIT */
/*
 * site/answer: the heads that are written for one answer alone, byte for byte.
 *
 * What answer_fixture.h makes; the memory for a head is just what was promised to be enough, and ends
 * at a page without access.
 */
#include "answer_fixture.h"

#define MODIFIED_LINE "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
#define TEXT_LINE "Content-Type: text/plain; charset=utf-8\r\n"

static struct multipart parts_of(const struct answer *answer)
{
	struct multipart parts;

	multipart_init(&parts, &answer->ranges, answer->asset->size, answer->asset->type,
		       UINT64_C(0x0123456789abcdef));
	return parts;
}

/* RFC 9110 15.3.7: a part is described like the whole, but for its length and where it lies. */
static void the_head_of_a_part(void **state)
{
	struct asset *asset = fixture_file(site, NULL);
	struct request request = request_with(FIELD_RANGE, "bytes=2-5");
	struct answer answer;

	(void)state;
	ask(&answer, &request, asset);
	assert_composed(&answer, NULL, FIXTURE_NOW,
			FIXTURE_FIRST_LINES("206 Partial Content") TEXT_LINE
			"Content-Length: 4\r\n" MODIFIED_LINE "ETag: " ETAG "\r\n"
			"Accept-Ranges: bytes\r\n"
			"Content-Range: bytes "
			"2-5/11\r\n" FIXTURE_KEEP_ALIVE);
	answer.keep_alive = false;
	answer.range = (struct range){ 10, 10 };
	assert_composed(&answer, NULL, FIXTURE_NOW + 60,
			"HTTP/1.1 206 Partial Content\r\n"
			"Server: quoit\r\n"
			"Date: Sun, 09 Sep 2001 01:47:40 GMT\r\n" TEXT_LINE
			"Content-Length: 1\r\n" MODIFIED_LINE "ETag: " ETAG "\r\n"
			"Accept-Ranges: bytes\r\n"
			"Content-Range: bytes 10-10/11\r\n" FIXTURE_CLOSE);
	fixture_release(asset);
}

/* RFC 9110 15.3.7.2: no Content-Range of its own; the type is the multipart's, as is the length. */
static void the_head_of_several_parts(void **state)
{
	struct asset *asset = fixture_file(site, NULL);
	struct request request = request_with(FIELD_RANGE, "bytes=0-1,4-5");
	struct multipart parts;
	struct answer answer;
	char expected[600];

	(void)state;
	ask(&answer, &request, asset);
	assert_true(answer.is_parts);
	parts = parts_of(&answer);
	snprintf(expected, sizeof(expected),
		 "HTTP/1.1 206 Partial Content\r\n"
		 "Server: quoit\r\n"
		 "Date: Sun, 09 Sep 2001 01:46:40 GMT\r\n"
		 "Content-Type: multipart/byteranges; boundary=%.*s\r\n"
		 "Content-Length: %llu\r\n" MODIFIED_LINE "ETag: " ETAG "\r\n"
		 "Accept-Ranges: bytes\r\n" FIXTURE_KEEP_ALIVE,
		 MULTIPART_BOUNDARY_SIZE, (const char *)parts.boundary,
		 (unsigned long long)multipart_length(&parts));
	assert_composed(&answer, &parts, FIXTURE_NOW, expected);
	fixture_release(asset);
}

/* Rules write names as they like; an answer with two types, or two lengths, would be read wrongly. */
static void the_lines_of_a_part_are_found_in_any_case(void **state)
{
	char *set[] = { (char *)"CONTENT-type: text/x-other" };
	struct header_spec header = { .set = set, .set_count = 1 };
	struct site *ruled = fixture_site_with(&header, 1);
	struct asset *asset = fixture_file(ruled, NULL);
	struct request request = request_with(FIELD_RANGE, "bytes=0-1,4-5");
	struct multipart parts;
	struct answer answer;
	const uint8_t *head;
	size_t size;

	(void)state;
	ask(&answer, &request, asset);
	parts = parts_of(&answer);
	size = compose(&answer, &parts, FIXTURE_NOW, &head);
	assert_null(memmem(head, size, "text/x-other", 12));
	assert_non_null(memmem(head, size, "\r\nContent-Type: multipart/byteranges; ", 37));
	assert_true(bytes_equal(parts.type, BYTES("text/x-other")));
	fixture_release(asset);
	site_destroy(ruled);
}

/* A rule's field that only begins like one of ours is not ours. */
static void fields_that_begin_like_others_are_left_alone(void **state)
{
	char *set[] = { (char *)"Date-Of: x", (char *)"Content-Length-Of: x", (char *)"Content-Type-Of: x",
			(char *)"Location-Of: x" };
	struct header_spec header = { .set = set, .set_count = FIXTURE_COUNT(set) };
	struct site *ruled = fixture_site_with(&header, 1);
	struct asset *asset = fixture_file(ruled, NULL);
	struct request request = request_with(FIELD_RANGE, "bytes=0-1,4-5");
	struct multipart parts;
	struct answer answer;
	const uint8_t *head;
	size_t size;

	(void)state;
	ask(&answer, &request, asset);
	parts = parts_of(&answer);
	size = compose(&answer, &parts, FIXTURE_NOW, &head);
	for (size_t i = 0; i < FIXTURE_COUNT(set); i++)
		assert_non_null(memmem(head, size, set[i], strlen(set[i])));
	fixture_release(asset);
	site_destroy(ruled);
}

/* The whole representation's, so the same with the whole and with a part. */
static void the_head_of_an_answer_with_its_digest(void **state)
{
	static const char digest[] = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";
	struct asset *asset = fixture_file(site, NULL);
	struct request request = request_with(FIELD_WANT_REPR_DIGEST, "sha-256=1");
	struct answer answer;

	(void)state;
	assert_int_equal(sizeof(digest), ASSET_DIGEST_SIZE);
	memcpy(asset->digest, digest, sizeof(asset->digest));
	asset->digested = MAKING_READY;
	ask(&answer, &request, asset);
	assert_composed(&answer, NULL, FIXTURE_NOW,
			FIXTURE_FIRST_LINES("200 OK") TEXT_LINE
			"Content-Length: 11\r\n" MODIFIED_LINE "ETag: " ETAG "\r\n"
			"Accept-Ranges: bytes\r\n"
			"Repr-Digest: sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"
			"\r\n" FIXTURE_KEEP_ALIVE);
	request_set(&request, FIELD_RANGE, "bytes=0-0");
	ask(&answer, &request, asset);
	assert_composed(&answer, NULL, FIXTURE_NOW,
			FIXTURE_FIRST_LINES("206 Partial Content") TEXT_LINE
			"Content-Length: 1\r\n" MODIFIED_LINE "ETag: " ETAG "\r\n"
			"Accept-Ranges: bytes\r\n"
			"Content-Range: bytes 0-0/11\r\n"
			"Repr-Digest: sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"
			"\r\n" FIXTURE_KEEP_ALIVE);
	fixture_release(asset);
}

/* The type and length are the page's, the range tells the file's size (RFC 9110 15.5.17). */
static void the_head_of_a_range_beyond_the_end(void **state)
{
	struct asset_spec empty = { .in_memory = true };
	struct asset *asset = fixture_file(site, NULL), *other = fixture_file(site, &empty);
	struct request request = request_with(FIELD_RANGE, "bytes=11-");
	struct answer answer;

	(void)state;
	request.keep_alive = false;
	ask(&answer, &request, asset);
	assert_true(answer.has_body);
	assert_int_equal(answer.asset->size, 138);
	assert_composed(&answer, NULL, FIXTURE_NOW,
			FIXTURE_FIRST_LINES(
				"416 Range Not Satisfiable") "Content-Type: text/html; charset=utf-8\r\n"
							     "Content-Length: 138\r\n"
							     "Content-Range: bytes */11\r\n" FIXTURE_CLOSE);
	answer.target = other;
	answer.keep_alive = true;
	assert_composed(
		&answer, NULL, FIXTURE_NOW,
		FIXTURE_FIRST_LINES(
			"416 Range Not Satisfiable") "Content-Type: text/html; charset=utf-8\r\n"
						     "Content-Length: 138\r\n"
						     "Content-Range: bytes */0\r\n" FIXTURE_KEEP_ALIVE);
	fixture_release(asset);
	fixture_release(other);
}

/* Who asks with another Accept-Encoding gets something else (RFC 9110 12.5.5). */
static void the_head_of_what_is_not_acceptable(void **state)
{
	struct asset *chain = make_coded_chain(), *single = fixture_file(site, NULL);
	struct request request = request_with(FIELD_ACCEPT_ENCODING, "*;q=0");
	struct answer answer;

	(void)state;
	ask(&answer, &request, chain);
	assert_composed(
		&answer, NULL, FIXTURE_NOW,
		FIXTURE_FIRST_LINES("406 Not Acceptable") "Content-Type: text/html; charset=utf-8\r\n"
							  "Content-Length: 124\r\n"
							  "Vary: Accept-Encoding\r\n" FIXTURE_KEEP_ALIVE);
	ask(&answer, &request, single);
	assert_composed(
		&answer, NULL, FIXTURE_NOW,
		FIXTURE_FIRST_LINES("406 Not Acceptable") "Content-Type: text/html; charset=utf-8\r\n"
							  "Content-Length: 124\r\n" FIXTURE_KEEP_ALIVE);
	fixture_release(chain);
	fixture_release(single);
}

/* What a script behind the folder's page reads is not lost on the way there. */
static void the_head_of_a_redirect_that_keeps_its_query(void **state)
{
	struct asset *asset = pages_create_redirect(site, 301, BYTES("/a&b/"), FIXTURE_NOW);
	struct request request = request_make(METHOD_GET, true);
	struct answer answer;

	(void)state;
	ask_with(&answer, &request, asset, "?q=\"&x");
	assert_true(answer.has_body);
	assert_int_equal(answer.asset->size, 173);
	assert_composed(
		&answer, NULL, FIXTURE_NOW,
		FIXTURE_FIRST_LINES("301 Moved Permanently") "Content-Type: text/html; charset=utf-8\r\n"
							     "Content-Length: 173\r\n"
							     "Location: /a&b/?q=\"&x\r\n" FIXTURE_KEEP_ALIVE);
	request = request_make(METHOD_HEAD, false);
	ask_with(&answer, &request, asset, "?");
	assert_false(answer.has_body);
	assert_composed(
		&answer, NULL, FIXTURE_NOW,
		FIXTURE_FIRST_LINES("301 Moved Permanently") "Content-Type: text/html; charset=utf-8\r\n"
							     "Content-Length: 173\r\n"
							     "Location: /a&b/?\r\n" FIXTURE_CLOSE);
	ask_with(&answer, &request, asset, "");
	assert_int_equal(answer.head, ANSWER_READY);
	fixture_release(asset);
}

/* One that the configuration has written is not mixed with another; a fragment comes last (RFC 3986 3). */
static void a_query_is_added_where_it_belongs(void **state)
{
	static const struct {
		const char *location, *query, *expected;
	} rows[] = {
		{ "/a", "?b=c", "/a?b=c" },
		{ "/a?x", "?b=c", "/a?x" },
		{ "/a?", "?b=c", "/a?" },
		{ "/a#part", "?b=c", "/a?b=c#part" },
		{ "/a#what?", "?b=c", "/a?b=c#what?" },
		{ "/a?x#part", "?b=c", "/a?x#part" },
		{ "https://new.example", "?b=c", "https://new.example?b=c" },
	};
	struct request request = request_make(METHOD_GET, true);

	(void)state;
	for (size_t i = 0; i < FIXTURE_COUNT(rows); i++) {
		struct asset *asset =
			pages_create_redirect(site, 308, bytes_string(rows[i].location), FIXTURE_NOW);
		struct answer answer;
		const uint8_t *head;
		char line[128];
		size_t size;

		ask_with(&answer, &request, asset, rows[i].query);
		assert_int_equal(answer.status, 308);
		size = compose(&answer, NULL, FIXTURE_NOW, &head);
		snprintf(line, sizeof(line), "\r\nLocation: %s\r\n", rows[i].expected);
		if (!memmem(head, size, line, strlen(line)))
			fail_msg("%s with %s: %.*s", rows[i].location, rows[i].query, (int)size,
				 (const char *)head);
		fixture_release(asset);
	}
}

/* The site's order holds for heads that are composed, Connection included: what is added goes to the end. */
static void a_composed_head_keeps_the_order_of_the_site(void **state)
{
	struct site_options options = site_maker_options();
	struct request request = request_with(FIELD_RANGE, "bytes=0-0");
	struct site *ordered;
	struct answer answer;
	struct asset *asset;

	(void)state;
	options.order = (char *)"Content-Length,Connection,Date";
	ordered = fixture_site(&options, NULL);
	asset = fixture_file(ordered, NULL);
	for (unsigned keep_alive = 0; keep_alive < 2; keep_alive++) {
		request.keep_alive = keep_alive;
		ask(&answer, &request, asset);
		assert_composed(&answer, NULL, FIXTURE_NOW + 60,
				keep_alive ? "HTTP/1.1 206 Partial Content\r\n"
					     "Content-Length: 1\r\n"
					     "Connection: keep-alive\r\n"
					     "Date: Sun, 09 Sep 2001 01:47:40 GMT\r\n"
					     "Server: quoit\r\n" TEXT_LINE MODIFIED_LINE "ETag: " ETAG "\r\n"
					     "Accept-Ranges: bytes\r\n"
					     "Content-Range: bytes 0-0/11\r\n\r\n"
					   : "HTTP/1.1 206 Partial Content\r\n"
					     "Content-Length: 1\r\n"
					     "Connection: close\r\n"
					     "Date: Sun, 09 Sep 2001 01:47:40 GMT\r\n"
					     "Server: quoit\r\n" TEXT_LINE MODIFIED_LINE "ETag: " ETAG "\r\n"
					     "Accept-Ranges: bytes\r\n"
					     "Content-Range: bytes 0-0/11\r\n\r\n");
	}
	fixture_release(asset);
	site_destroy(ordered);
}

/* The lines that rules have made are those of every answer of the asset. */
static void a_composed_head_has_what_rules_have_added(void **state)
{
	char *set[] = { (char *)"Cache-Control: no-store", (char *)"Server: other" };
	char *add[] = { (char *)"Link: </a>", (char *)"Link: </b>" };
	char *removed[] = { (char *)"Last-Modified" };
	struct header_spec header = {
		.set = set, .set_count = 2, .add = add, .add_count = 2, .remove = removed, .remove_count = 1
	};
	struct site *ruled = fixture_site_with(&header, 1);
	struct asset_spec spec = { .coding = CODING_BR, .vary = VARY_ENCODING, .size = SIZE };
	struct asset *asset = fixture_file(ruled, &spec);
	struct request request = request_with(FIELD_RANGE, "bytes=0-0");
	struct answer answer;

	(void)state;
	request_set(&request, FIELD_ACCEPT_ENCODING, "br");
	ask(&answer, &request, asset);
	assert_composed(&answer, NULL, FIXTURE_NOW,
			"HTTP/1.1 206 Partial Content\r\n"
			"Server: other\r\n"
			"Date: Sun, 09 Sep 2001 01:46:40 GMT\r\n" TEXT_LINE "Content-Length: 1\r\n"
			"ETag: \"ae1b981bc490a00-b-br\"\r\n"
			"Accept-Ranges: bytes\r\n"
			"Content-Encoding: br\r\n"
			"Vary: Accept-Encoding\r\n"
			"Cache-Control: no-store\r\n"
			"Link: </a>\r\n"
			"Link: </b>\r\n"
			"Content-Range: bytes 0-0/11\r\n" FIXTURE_KEEP_ALIVE);
	fixture_release(asset);
	site_destroy(ruled);
}

/* Long types, the largest numbers, all lines that can be added, and a query as long as a target may be. */
static void the_promised_room_is_enough_for_the_longest_heads(void **state)
{
	static char type[128], query[32768];
	struct asset_spec spec = { .size = INT64_MAX };
	struct request request = request_with(FIELD_WANT_REPR_DIGEST, "sha-256=1");
	struct multipart parts;
	struct answer answer;
	struct asset *asset;
	const uint8_t *head;

	(void)state;
	for (size_t size = 3; size < sizeof(type); size++) {
		memset(type, 'a', size);
		type[1] = '/';
		spec.type = (struct mime){ bytes_make(type, size), size % 2 };
		asset = fixture_file(site, &spec);
		asset->digested = MAKING_READY;
		memset(asset->digest, 'd', sizeof(asset->digest));
		request_set(&request, FIELD_RANGE, "bytes=9000000000000000000-9223372036854775805");
		ask(&answer, &request, asset);
		assert_int_equal(answer.status, 206);
		assert_true(compose(&answer, NULL, FIXTURE_NOW, &head) <= answer_compose_size(&answer));
		request_set(&request, FIELD_RANGE, "bytes=0-1,9000000000000000000-9223372036854775805");
		ask(&answer, &request, asset);
		assert_true(answer.is_parts);
		parts = parts_of(&answer);
		assert_true(compose(&answer, &parts, FIXTURE_NOW, &head) <= answer_compose_size(&answer));
		fixture_release(asset);
	}
	memset(query, '?', sizeof(query) - 1);
	asset = pages_create_redirect(site, 301, BYTES("/a#b"), FIXTURE_NOW);
	request = request_make(METHOD_GET, true);
	ask_with(&answer, &request, asset, query);
	assert_true(compose(&answer, NULL, FIXTURE_NOW, &head) > sizeof(query));
	fixture_release(asset);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_head_of_a_part),
		cmocka_unit_test(the_head_of_several_parts),
		cmocka_unit_test(the_lines_of_a_part_are_found_in_any_case),
		cmocka_unit_test(fields_that_begin_like_others_are_left_alone),
		cmocka_unit_test(the_head_of_an_answer_with_its_digest),
		cmocka_unit_test(the_head_of_a_range_beyond_the_end),
		cmocka_unit_test(the_head_of_what_is_not_acceptable),
		cmocka_unit_test(the_head_of_a_redirect_that_keeps_its_query),
		cmocka_unit_test(a_query_is_added_where_it_belongs),
		cmocka_unit_test(a_composed_head_keeps_the_order_of_the_site),
		cmocka_unit_test(a_composed_head_has_what_rules_have_added),
		cmocka_unit_test(the_promised_room_is_enough_for_the_longest_heads),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, answer_set_up, answer_tear_down);
}
