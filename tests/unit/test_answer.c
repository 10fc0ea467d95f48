/* SPDX-License-Identifier: MIT */
/*
 * site/answer: which answer a request gets.
 *
 * The decision is held against a table of its own: every asset there is, times method, condition,
 * If-Range, range and query; then each thing that is chosen or must be made first. Heads that are
 * written for one answer alone are in test_answer_compose.c, pages in test_answer_page.c. Field
 * values and queries end at a page without access.
 */
#include "answer_fixture.h"

enum kind { KIND_SMALL, KIND_LARGE, KIND_EMPTY, KIND_REDIRECT, KIND_PAGE, KIND_COUNT };

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
	struct range range;    /* with 206, the first */
	unsigned count;
} range_rows[] = {
	{ NULL, false, 200, 200, { 0, 0 }, 0 },
	{ "bytes=0-0", false, 206, 416, { 0, 0 }, 1 },
	{ "bytes=3-", false, 206, 416, { 3, 10 }, 1 },
	{ "bytes=0-99", false, 206, 416, { 0, 10 }, 1 },
	{ "bytes=-4", false, 206, 200, { 7, 10 }, 1 },
	{ "bytes=11-", false, 416, 416, { 0, 0 }, 0 },
	{ "bytes=-0", false, 416, 200, { 0, 0 }, 0 },
	{ "bytes=0-1,3-4", false, 206, 416, { 0, 1 }, 2 },
	{ "bytes=8-,0-1,99-", false, 206, 416, { 8, 10 }, 2 },
	{ "bytes=0-3,3-4", false, 206, 416, { 0, 4 }, 1 }, /* which overlap are one */
	{ "lines=0-1", false, 200, 200, { 0, 0 }, 0 },
	{ "bytes=0-0", true, 200, 200, { 0, 0 }, 0 },
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

/* One request of the table: indexes into what stands above. */
struct choice {
	unsigned kind, condition, range, if_range;
	bool is_head, keep_alive, has_query;
};

static struct asset *assets[KIND_COUNT];

static unsigned expected_status(const struct choice *choice)
{
	const struct asset *asset = assets[choice->kind];
	bool is_empty = choice->kind == KIND_EMPTY;

	/* Conditions and ranges are about a file that is there (RFC 9110 13.2.1, 14.2). */
	if (!asset_is_file(asset))
		return asset->status;
	if (conditions[choice->condition].status)
		return conditions[choice->condition].status;
	if (choice->is_head ||
	    !(is_empty ? if_ranges[choice->if_range].empty_allows : if_ranges[choice->if_range].allows))
		return 200;
	return is_empty ? range_rows[choice->range].empty_status : range_rows[choice->range].status;
}

static enum answer_head expected_head(const struct choice *choice, unsigned status)
{
	if (status == 304)
		return ANSWER_NOT_MODIFIED;
	if (status == 206 || status == 416 || (status == 301 && choice->has_query))
		return ANSWER_COMPOSED;
	return ANSWER_READY;
}

static void check_answer(const struct choice *choice, const struct answer *answer, unsigned status)
{
	struct asset *asset = assets[choice->kind];
	bool is_page = status == 412 || status == 416;
	struct asset *whole = is_page ? pages_get(&pages, status) : asset;

	if (answer->status != status || answer->asset != whole)
		fail_msg("asset %u, condition %u, range %u, if-range %u, head %u: %u, not %u", choice->kind,
			 choice->condition, choice->range, choice->if_range, choice->is_head, answer->status,
			 status);
	assert_int_equal(answer->head, expected_head(choice, status));
	assert_int_equal(answer->keep_alive, choice->keep_alive);
	assert_int_equal(answer->has_body, !choice->is_head && status != 304 && whole->size > 0);
	assert_ptr_equal(answer->target, is_page ? asset : NULL);
	assert_int_equal(answer->is_redirect, status == 301 && choice->has_query);
	assert_int_equal(answer->is_parts, status == 206 && range_rows[choice->range].count > 1);
	assert_false(answer->has_digest || answer->has_hints);
	if (status == 206)
		assert_int_equal(answer->ranges.count, range_rows[choice->range].count);
	if (!answer->has_body)
		return;
	assert_true(answer->range.first == (status == 206 ? range_rows[choice->range].range.first : 0));
	assert_true(answer->range.last ==
		    (status == 206 ? range_rows[choice->range].range.last : whole->size - 1));
}

static void check_choice(const struct choice *choice)
{
	struct request request = request_make(choice->is_head ? METHOD_HEAD : METHOD_GET, choice->keep_alive);
	struct answer answer;

	request_set(&request, conditions[choice->condition].field, conditions[choice->condition].value);
	request_set(&request, FIELD_RANGE, range_rows[choice->range].value);
	request_set(&request, FIELD_IF_RANGE, if_ranges[choice->if_range].value);
	if (range_rows[choice->range].repeated)
		request.repeated |= UINT32_C(1) << FIELD_RANGE;
	memset(&answer, 0xa5, sizeof(answer));
	ask_with(&answer, &request, assets[choice->kind], choice->has_query ? "?a=b" : "");
	check_answer(choice, &answer, expected_status(choice));
}

/* What the asset is, then conditions, then the range, and the method decides on the body. */
static void every_request_gets_the_answer_of_the_table(void **state)
{
	struct asset_spec in_memory = { .size = SIZE, .in_memory = true }, empty = { .in_memory = true };
	struct choice choice;

	(void)state;
	assets[KIND_SMALL] = fixture_file(site, &in_memory);
	assets[KIND_LARGE] = fixture_file(site, NULL);
	assets[KIND_EMPTY] = fixture_file(site, &empty);
	assets[KIND_REDIRECT] = pages_create_redirect(site, 301, BYTES("/a&b/"), FIXTURE_NOW);
	assets[KIND_PAGE] = pages_get(&pages, 404);
	for (choice.kind = 0; choice.kind < KIND_COUNT; choice.kind++)
		for (choice.condition = 0; choice.condition < FIXTURE_COUNT(conditions); choice.condition++)
			for (choice.range = 0; choice.range < FIXTURE_COUNT(range_rows); choice.range++)
				for (choice.if_range = 0; choice.if_range < FIXTURE_COUNT(if_ranges);
				     choice.if_range++)
					for (unsigned bits = 0; bits < 8; bits++) {
						choice.is_head = bits & 1;
						choice.keep_alive = bits & 2;
						choice.has_query = bits & 4;
						check_choice(&choice);
					}
	/* Answers borrow: nobody has taken a reference, nobody has given one back. */
	for (unsigned kind = 0; kind < KIND_PAGE; kind++)
		fixture_release(assets[kind]);
	assert_int_equal(pages_get(&pages, 404)->refs, 1);
}

/* Conditions and ranges are of the form that is sent, whose tag and size they are held against. */
static void conditions_are_those_of_the_coding_that_is_chosen(void **state)
{
	struct asset *chain = make_coded_chain();
	struct request request = request_with(FIELD_ACCEPT_ENCODING, "br");
	struct answer answer;

	(void)state;
	ask(&answer, &request, chain);
	assert_ptr_equal(answer.asset, chain->next);
	assert_int_equal(answer.status, 200);
	request_set(&request, FIELD_IF_NONE_MATCH, ETAG);
	ask(&answer, &request, chain);
	assert_int_equal(answer.status, 200);
	request_set(&request, FIELD_IF_NONE_MATCH, "\"ae1b981bc490a00-5-br\"");
	ask(&answer, &request, chain);
	assert_int_equal(answer.status, 304);
	assert_ptr_equal(answer.asset, chain->next);
	request = request_with(FIELD_IF_NONE_MATCH, "\"ae1b981bc490a00-5-br\"");
	ask(&answer, &request, chain);
	assert_int_equal(answer.status, 200);
	assert_ptr_equal(answer.asset, chain);

	request = request_with(FIELD_ACCEPT_ENCODING, "br");
	request_set(&request, FIELD_RANGE, "bytes=-2");
	ask(&answer, &request, chain);
	assert_int_equal(answer.status, 206);
	assert_true(answer.range.first == 3 && answer.range.last == 4);
	request_set(&request, FIELD_RANGE, "bytes=5-");
	ask(&answer, &request, chain);
	assert_int_equal(answer.status, 416);
	assert_ptr_equal(answer.target, chain->next);
	fixture_release(chain);
}

/* RFC 9110 12.5.3: for who takes no form there is; the answer knows what it would have been. */
static void what_no_form_is_acceptable_of_is_406(void **state)
{
	struct asset *chain = make_coded_chain(), *single = fixture_file(site, NULL);
	struct request request = request_with(FIELD_ACCEPT_ENCODING, "gzip, identity;q=0");
	struct answer answer;

	(void)state;
	decide(&answer, &request, site, chain, "", false);
	assert_int_equal(answer.need, NEED_PAGE);
	assert_int_equal(answer.status, 406);
	assert_ptr_equal(answer.target, chain);
	decide(&answer, &request, site, single, "", false);
	assert_int_equal(answer.need, NEED_PAGE);
	assert_int_equal(answer.status, 406);
	request_set(&request, FIELD_IF_NONE_MATCH, "*"); /* conditions come after it (RFC 9110 13.2.1) */
	decide(&answer, &request, site, chain, "", false);
	assert_int_equal(answer.status, 406);
	fixture_release(chain);
	fixture_release(single);
}

/* Asked again once it has been made, the answer is as if it had been there; or it cannot be made. */
static void the_plain_form_is_asked_for_where_only_coded_ones_are(void **state)
{
	struct asset_spec coded = { .coding = CODING_GZIP, .vary = VARY_ENCODING, .size = 5 };
	struct asset_spec decoded = { .vary = VARY_ENCODING, .size = SIZE };
	struct asset *chain = fixture_file(site, &coded);
	struct request request = request_make(METHOD_GET, true);
	struct answer answer;

	(void)state;
	request_set(&request, FIELD_RANGE, "bytes=0-1");
	decide(&answer, &request, site, chain, "", false);
	assert_int_equal(answer.need, NEED_DECODED);
	assert_ptr_equal(answer.asset, chain);
	chain->decoded = MAKING_FAILED;
	decide(&answer, &request, site, chain, "", false);
	assert_int_equal(answer.need, NEED_PAGE);
	assert_int_equal(answer.status, 406);
	assert_ptr_equal(answer.target, chain);
	chain->decoded = MAKING_READY;
	chain->next = fixture_file(site, &decoded);
	chain->next->is_decoded = true;
	decide(&answer, &request, site, chain, "", false);
	assert_int_equal(answer.need, NEED_NOTHING);
	assert_int_equal(answer.status, 206);
	assert_ptr_equal(answer.asset, chain->next);
	request_set(&request, FIELD_ACCEPT_ENCODING, "gzip");
	decide(&answer, &request, site, chain, "", false);
	assert_ptr_equal(answer.asset, chain);
	fixture_release(chain);
}

/* One page that cannot be decoded says nothing of the page in another language. */
static void each_language_is_decoded_for_itself(void **state)
{
	struct site_options options = site_maker_options();
	struct asset_spec spec = { .coding = CODING_GZIP, .vary = VARY_ENCODING | VARY_LANGUAGE, .size = 5 };
	struct request request = request_with(FIELD_ACCEPT_LANGUAGE, "fr");
	struct site *polyglot;
	struct answer answer;
	struct asset *chain;

	(void)state;
	options.languages = (char *)"en,fr";
	polyglot = fixture_site(&options, NULL);
	chain = fixture_file(polyglot, &spec);
	spec.language = 1;
	chain->next = fixture_file(polyglot, &spec);
	chain->decoded = MAKING_FAILED;
	decide(&answer, &request, polyglot, chain, "", false);
	assert_int_equal(answer.need, NEED_DECODED);
	assert_ptr_equal(answer.asset, chain->next);
	chain->next->decoded = MAKING_FAILED;
	decide(&answer, &request, polyglot, chain, "", false);
	assert_int_equal(answer.need, NEED_PAGE);
	assert_int_equal(answer.status, 406);
	chain->decoded = MAKING_NOT;
	request_set(&request, FIELD_ACCEPT_LANGUAGE, "en");
	decide(&answer, &request, polyglot, chain, "", false);
	assert_int_equal(answer.need, NEED_DECODED);
	assert_ptr_equal(answer.asset, chain);
	fixture_release(chain);
	site_destroy(polyglot);
}

/* RFC 9530: of the whole representation, also beside a part of it; a 304 and errors have none. */
static void a_digest_is_made_before_it_is_sent(void **state)
{
	static const struct {
		enum method method;
		enum field_id field;
		const char *value;
		unsigned status;
	} rows[] = {
		{ METHOD_GET, FIELD_HOST, NULL, 200 },
		{ METHOD_HEAD, FIELD_HOST, NULL, 200 },
		{ METHOD_GET, FIELD_RANGE, "bytes=0-1", 206 },
		{ METHOD_GET, FIELD_RANGE, "bytes=0-1,4-5", 206 },
		{ METHOD_GET, FIELD_IF_NONE_MATCH, "*", 304 },
		{ METHOD_GET, FIELD_IF_MATCH, "\"x\"", 412 },
		{ METHOD_GET, FIELD_RANGE, "bytes=99-", 416 },
	};
	struct asset *asset = fixture_file(site, NULL);
	struct answer answer;

	(void)state;
	for (size_t i = 0; i < FIXTURE_COUNT(rows); i++) {
		struct request request = request_make(rows[i].method, true);
		bool has_digest = rows[i].status < 300;

		request_set(&request, rows[i].field, rows[i].value);
		request_set(&request, FIELD_WANT_REPR_DIGEST, "sha-256=10");
		for (int made = MAKING_NOT; made <= MAKING_FAILED; made++) {
			bool is_page = rows[i].status >= 400, is_ready = made == MAKING_READY && has_digest;

			asset->digested = (uint8_t)made;
			decide(&answer, &request, site, asset, "", false);
			assert_int_equal(answer.status, rows[i].status);
			assert_int_equal(answer.need, is_page                            ? NEED_PAGE
						      : has_digest && made == MAKING_NOT ? NEED_DIGEST
											 : NEED_NOTHING);
			assert_int_equal(answer.has_digest, is_ready);
			if (has_digest)
				assert_int_equal(answer.head, is_ready || rows[i].status == 206
								      ? ANSWER_COMPOSED
								      : ANSWER_READY);
			assert_int_equal(answer.has_body,
					 rows[i].method == METHOD_GET && rows[i].status != 304);
		}
	}
	fixture_release(asset);
}

static void a_digest_is_not_made_for_who_does_not_want_it(void **state)
{
	static const char *const values[] = { "sha-512=5", "sha-256=0", "sha-256", "", "sha-256=10, \"" };
	struct asset *asset = fixture_file(site, NULL);
	struct answer answer;

	(void)state;
	for (size_t i = 0; i < FIXTURE_COUNT(values); i++) {
		struct request request = request_with(FIELD_WANT_REPR_DIGEST, values[i]);

		decide(&answer, &request, site, asset, "", false);
		assert_int_equal(answer.need, NEED_NOTHING);
		assert_int_equal(answer.head, ANSWER_READY);
	}
	fixture_release(asset);
}

/* RFC 8297: HTTP/1.0 knows no 1xx, and only who goes to a page fetches what it links to. */
static void hints_go_before_a_200_to_a_navigation_by_http_1_1(void **state)
{
	static const struct {
		uint8_t minor;
		const char *mode, *accept;
		enum field_id field;
		const char *value;
		bool expected;
	} rows[] = {
		{ 1, "navigate", NULL, FIELD_HOST, NULL, true },
		{ 1, NULL, "text/html", FIELD_HOST, NULL, true },
		{ 0, "navigate", NULL, FIELD_HOST, NULL, false },
		{ 1, "no-cors", NULL, FIELD_HOST, NULL, false },
		{ 1, NULL, "*/*", FIELD_HOST, NULL, false },
		{ 1, NULL, NULL, FIELD_HOST, NULL, false },
		{ 1, "navigate", NULL, FIELD_IF_NONE_MATCH, "*", false },
		{ 1, "navigate", NULL, FIELD_RANGE, "bytes=0-1", false },
		{ 1, "navigate", NULL, FIELD_RANGE, "bytes=99-", false },
		{ 1, "navigate", NULL, FIELD_IF_MATCH, "\"x\"", false },
	};
	struct asset *with = make_hinted(), *without = fixture_file(site, NULL);
	struct answer answer;

	(void)state;
	for (size_t i = 0; i < FIXTURE_COUNT(rows); i++) {
		struct request request = request_make(METHOD_GET, true);

		request.minor = rows[i].minor;
		request_set(&request, FIELD_SEC_FETCH_MODE, rows[i].mode);
		request_set(&request, FIELD_ACCEPT, rows[i].accept);
		request_set(&request, rows[i].field, rows[i].value);
		ask(&answer, &request, with);
		assert_int_equal(answer.has_hints, rows[i].expected);
		ask(&answer, &request, without);
		assert_false(answer.has_hints);
	}
	fixture_release(with);
	fixture_release(without);
}

/* No validators, no ranges; the form is chosen by Accept, whatever else is sent. */
static void a_listing_is_sent_whole(void **state)
{
	struct asset_spec spec = {
		.kind = ASSET_LISTING, .vary = VARY_ACCEPT, .size = SIZE, .in_memory = true
	};
	struct asset *chain = fixture_file(site, &spec);
	struct request request = request_with(FIELD_ACCEPT, "application/json");
	struct answer answer;

	(void)state;
	chain->next = fixture_file(site, &spec);
	chain->next->is_json = true;
	request_set(&request, FIELD_RANGE, "bytes=0-0");
	request_set(&request, FIELD_IF_NONE_MATCH, "*");
	request_set(&request, FIELD_WANT_REPR_DIGEST, "sha-256=1");
	decide(&answer, &request, site, chain, "", false);
	assert_ptr_equal(answer.asset, chain->next);
	assert_int_equal(answer.status, 200);
	assert_int_equal(answer.head, ANSWER_READY);
	assert_int_equal(answer.need, NEED_NOTHING);
	request_set(&request, FIELD_ACCEPT, "text/html");
	decide(&answer, &request, site, chain, "", false);
	assert_ptr_equal(answer.asset, chain);
	fixture_release(chain);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_request_gets_the_answer_of_the_table),
		cmocka_unit_test(conditions_are_those_of_the_coding_that_is_chosen),
		cmocka_unit_test(what_no_form_is_acceptable_of_is_406),
		cmocka_unit_test(the_plain_form_is_asked_for_where_only_coded_ones_are),
		cmocka_unit_test(each_language_is_decoded_for_itself),
		cmocka_unit_test(a_digest_is_made_before_it_is_sent),
		cmocka_unit_test(a_digest_is_not_made_for_who_does_not_want_it),
		cmocka_unit_test(hints_go_before_a_200_to_a_navigation_by_http_1_1),
		cmocka_unit_test(a_listing_is_sent_whole),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, answer_set_up, answer_tear_down);
}
