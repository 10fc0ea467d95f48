/* SPDX-License-Identifier: MIT */
/*
 * site/answer: what is not there, refused or asked for with OPTIONS, and which page says so.
 *
 * What answer_fixture.h makes. The page of a site is a file that was made with the status it is for.
 */
#include "answer_fixture.h"

/* The chain that the name of an error page resolves to: plain, and in brotli. */
static struct asset *make_page_chain(unsigned status)
{
	struct asset_spec plain = { .status = status, .vary = VARY_ENCODING, .size = 30, .in_memory = true };
	struct asset_spec coded = plain;
	struct asset *chain = fixture_file(site, &plain);

	coded.coding = CODING_BR;
	coded.size = 20;
	chain->next = fixture_file(site, &coded);
	return chain;
}

static void answer_status(struct answer *answer, const struct request *request, unsigned status,
			  struct asset *page)
{
	memset(answer, 0, sizeof(*answer));
	answer_page(answer, request, site, status, page, pages_get(&pages, status));
}

/* Also of HEAD, which has no body but the same head. Conditions and ranges are about what is not there. */
static void a_page_takes_the_place_of_a_file(void **state)
{
	struct answer answer;

	(void)state;
	for (unsigned bits = 0; bits < 4; bits++) {
		struct request request = request_make(bits & 1 ? METHOD_HEAD : METHOD_GET, bits & 2);

		request_set(&request, FIELD_RANGE, "bytes=0-0");
		request_set(&request, FIELD_IF_NONE_MATCH, "*");
		request_set(&request, FIELD_WANT_REPR_DIGEST, "sha-256=1");
		answer_status(&answer, &request, 403, pages_get(&pages, 403));
		assert_ptr_equal(answer.asset, pages_get(&pages, 403));
		assert_int_equal(answer.status, 403);
		assert_int_equal(answer.head, ANSWER_READY);
		assert_int_equal(answer.need, NEED_NOTHING);
		assert_int_equal(answer.keep_alive, (bits & 2) != 0);
		assert_int_equal(answer.has_body, (bits & 1) == 0);
		assert_false(answer.has_digest || answer.has_hints || answer.is_parts || answer.is_redirect);
		assert_true(answer.range.first == 0 && answer.range.last == answer.asset->size - 1);
	}
}

/* OPTIONS: nothing but a head. */
static void a_page_without_content_has_no_body(void **state)
{
	struct request request = request_make(METHOD_OPTIONS, true);
	struct answer answer;

	(void)state;
	answer_status(&answer, &request, 204, pages_get(&pages, 204));
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
	for (size_t i = 0; i < FIXTURE_COUNT(codes) * FIXTURE_COUNT(methods); i++) {
		unsigned code = codes[i / FIXTURE_COUNT(methods)];
		enum method method = methods[i % FIXTURE_COUNT(methods)];

		memset(&answer, 0xa5, sizeof(answer));
		answer_refusal(&answer, method, pages_get(&pages, code));
		assert_ptr_equal(answer.asset, pages_get(&pages, code));
		assert_int_equal(answer.status, code);
		assert_int_equal(answer.head, ANSWER_READY);
		assert_int_equal(answer.need, NEED_NOTHING);
		assert_false(answer.keep_alive || answer.has_hints || answer.has_digest ||
			     answer.is_redirect);
		assert_int_equal(answer.has_body, method != METHOD_HEAD);
		assert_null(answer.target);
	}
}

/* What is cached under a name that is not there is its status; the page is looked up like a file. */
static void a_name_that_is_not_there_needs_the_page_of_its_status(void **state)
{
	static const unsigned codes[] = { 403, 404, 500, 503 };
	struct answer answer;

	(void)state;
	for (size_t i = 0; i < FIXTURE_COUNT(codes); i++) {
		struct request request = request_with(FIELD_SEC_FETCH_MODE, "navigate");

		request_set(&request, FIELD_IF_NONE_MATCH, "*");
		request_set(&request, FIELD_ACCEPT_ENCODING, "*;q=0");
		decide(&answer, &request, site, pages_get(&pages, codes[i]), "?a=b", false);
		assert_int_equal(answer.need, NEED_PAGE);
		assert_int_equal(answer.status, codes[i]);
		assert_null(answer.target);
	}
}

/* The page of the site, in the form that the client takes; HEAD gets the head of that. */
static void an_error_page_is_sent_in_the_form_that_is_accepted(void **state)
{
	struct asset *chain = make_page_chain(404);
	struct request request = request_make(METHOD_GET, true);
	struct answer answer;

	(void)state;
	answer_status(&answer, &request, 404, chain);
	assert_ptr_equal(answer.asset, chain);
	assert_int_equal(answer.status, 404);
	assert_true(answer.has_body && answer.range.last == 29);
	request_set(&request, FIELD_ACCEPT_ENCODING, "gzip, br");
	answer_status(&answer, &request, 404, chain);
	assert_ptr_equal(answer.asset, chain->next);
	assert_int_equal(answer.head, ANSWER_READY);
	assert_true(answer.range.last == 19);
	request.method = METHOD_HEAD;
	answer_status(&answer, &request, 404, chain);
	assert_ptr_equal(answer.asset, chain->next);
	assert_false(answer.has_body);
	fixture_release(chain);
}

/* An error is not the place to insist, to decode something first, or to say that that is not acceptable. */
static void who_takes_no_form_of_an_error_page_gets_the_built_in_one(void **state)
{
	struct asset_spec spec = { .status = 404, .coding = CODING_BR, .vary = VARY_ENCODING, .size = 20 };
	struct asset *chain = make_page_chain(404), *orphan = fixture_file(site, &spec);
	struct request request = request_with(FIELD_ACCEPT_ENCODING, "gzip, identity;q=0");
	struct answer answer;

	(void)state;
	answer_status(&answer, &request, 404, chain);
	assert_ptr_equal(answer.asset, pages_get(&pages, 404));
	assert_int_equal(answer.status, 404);
	request = request_make(METHOD_GET, true);
	answer_status(&answer, &request, 404, orphan);
	assert_ptr_equal(answer.asset, pages_get(&pages, 404));
	assert_int_equal(answer.need, NEED_NOTHING);
	request = request_with(FIELD_ACCEPT_ENCODING, "br");
	answer_status(&answer, &request, 404, orphan);
	assert_ptr_equal(answer.asset, orphan);
	fixture_release(chain);
	fixture_release(orphan);
}

/* The page may be missing, be another error, or be what another status shares: never is the status changed.
 */
static void a_page_of_another_status_is_not_sent(void **state)
{
	struct asset *other = make_page_chain(404), *found = fixture_file(site, NULL);
	struct request request = request_make(METHOD_GET, true);
	struct asset *candidates[] = { other, found, pages_get(&pages, 404), pages_get(&pages, 403) };
	struct answer answer;

	(void)state;
	for (size_t i = 0; i < FIXTURE_COUNT(candidates); i++) {
		answer_status(&answer, &request, 403, candidates[i]);
		assert_ptr_equal(answer.asset, pages_get(&pages, 403));
		assert_int_equal(answer.status, 403);
	}
	fixture_release(other);
	fixture_release(found);
}

/* The fields that a status asks for are there with a page of the site, too. */
static void a_page_of_the_site_is_sent_with_what_its_status_asks_for(void **state)
{
	static const unsigned codes[] = { 416, 406 };
	static const char *const lines[] = { "\r\nContent-Range: bytes */11\r\n",
					     "\r\nVary: Accept-Encoding\r\n" };
	struct asset *target = make_coded_chain();
	struct answer answer;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct asset *page = make_page_chain(codes[i]);
		struct request request = request_with(FIELD_ACCEPT_ENCODING, "br");
		const uint8_t *head, *line;
		size_t size;

		for (unsigned coded = 0; coded < 2; coded++) {
			memset(&answer, 0, sizeof(answer));
			answer.target = target;
			if (!coded)
				request.present = 0;
			else
				request_set(&request, FIELD_ACCEPT_ENCODING, "br");
			answer_page(&answer, &request, site, codes[i], page, pages_get(&pages, codes[i]));
			assert_ptr_equal(answer.asset, coded ? page->next : page);
			size = compose(&answer, NULL, FIXTURE_NOW, &head);
			line = memmem(head, size, lines[i], strlen(lines[i]));
			assert_non_null(line);
			/* Once: a member of Vary that is there is not added again. */
			assert_null(memmem(line + 2, size - (size_t)(line + 2 - head), lines[i],
					   strlen(lines[i])));
		}
		fixture_release(page);
	}
	fixture_release(target);
}

/* Without what the answer would have been, there is nothing more to say. */
static void a_406_that_was_known_before_is_sent_as_it_is(void **state)
{
	struct request request = request_make(METHOD_GET, true);
	struct answer answer;

	(void)state;
	answer_status(&answer, &request, 406, pages_get(&pages, 406));
	assert_int_equal(answer.head, ANSWER_READY);
	answer_status(&answer, &request, 412, pages_get(&pages, 412));
	assert_int_equal(answer.head, ANSWER_READY);
}

/* Single-page apps: a page that their script makes has no file; a script or picture that is missing is
 * missing. */
static void the_fallback_is_for_navigations_to_what_is_not_there(void **state)
{
	static const struct {
		enum method method;
		const char *mode, *accept;
		unsigned status;
		bool is_fallback, expected;
	} rows[] = {
		{ METHOD_GET, "navigate", NULL, 404, false, true },
		{ METHOD_HEAD, "navigate", NULL, 404, false, true },
		{ METHOD_GET, NULL, "text/html,*/*;q=0.8", 404, false, true },
		{ METHOD_GET, "no-cors", "*/*", 404, false, false },
		{ METHOD_GET, NULL, "*/*", 404, false, false },
		{ METHOD_GET, NULL, NULL, 404, false, false },
		{ METHOD_GET, "navigate", NULL, 403, false, false },
		{ METHOD_GET, "navigate", NULL, 503, false, false },
		{ METHOD_GET, "navigate", NULL, 404, true, false }, /* it is not there itself */
	};
	struct site_options options = site_maker_options();
	struct site *app;

	(void)state;
	options.fallback = (char *)"/index.html";
	app = fixture_site(&options, NULL);
	for (size_t i = 0; i < FIXTURE_COUNT(rows); i++) {
		struct request request = request_make(rows[i].method, true);
		struct asset *page = pages_get(&pages, rows[i].status);
		struct answer answer;

		request_set(&request, FIELD_SEC_FETCH_MODE, rows[i].mode);
		request_set(&request, FIELD_ACCEPT, rows[i].accept);
		decide(&answer, &request, app, page, "", rows[i].is_fallback);
		assert_int_equal(answer.need, rows[i].expected ? NEED_FALLBACK : NEED_PAGE);
		assert_int_equal(answer.status, rows[i].status);
		decide(&answer, &request, site, page, "", false);
		assert_int_equal(answer.need, NEED_PAGE);
	}
	site_destroy(app);
}

/* It is a 200 with validators, so it can be a 304 and a 206 like the file that it is. */
static void the_fallback_is_answered_like_a_file(void **state)
{
	struct asset_spec spec = { .is_fallback = true, .vary = VARY_ACCEPT | VARY_MODE, .size = SIZE };
	struct asset *asset = fixture_file(site, &spec);
	struct request request = request_with(FIELD_SEC_FETCH_MODE, "navigate");
	struct answer answer;

	(void)state;
	decide(&answer, &request, site, asset, "", true);
	assert_int_equal(answer.status, 200);
	assert_int_equal(answer.need, NEED_NOTHING);
	request_set(&request, FIELD_IF_NONE_MATCH, ETAG);
	decide(&answer, &request, site, asset, "", true);
	assert_int_equal(answer.status, 304);
	assert_int_equal(answer.head, ANSWER_NOT_MODIFIED);
	fixture_release(asset);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_takes_the_place_of_a_file),
		cmocka_unit_test(a_page_without_content_has_no_body),
		cmocka_unit_test(a_refusal_closes),
		cmocka_unit_test(a_name_that_is_not_there_needs_the_page_of_its_status),
		cmocka_unit_test(an_error_page_is_sent_in_the_form_that_is_accepted),
		cmocka_unit_test(who_takes_no_form_of_an_error_page_gets_the_built_in_one),
		cmocka_unit_test(a_page_of_another_status_is_not_sent),
		cmocka_unit_test(a_page_of_the_site_is_sent_with_what_its_status_asks_for),
		cmocka_unit_test(a_406_that_was_known_before_is_sent_as_it_is),
		cmocka_unit_test(the_fallback_is_for_navigations_to_what_is_not_there),
		cmocka_unit_test(the_fallback_is_answered_like_a_file),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, answer_set_up, answer_tear_down);
}
