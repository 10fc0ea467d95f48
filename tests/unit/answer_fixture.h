/* SPDX-License-Identifier: MIT */
/*
 * Whoever asks site/answer, as serve/ does: once, and again for the page of a status.
 *
 * Field values, queries, and the memory that heads are composed into end at a page without access.
 */
#ifndef QUOIT_TESTS_UNIT_ANSWER_FIXTURE_H
#define QUOIT_TESTS_UNIT_ANSWER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "requests.h"
#include "site/answer.h"
#include "site_fixture.h"

#define ANSWER_ROOM (1024 * 1024)
#define ETAG "\"ae1b981bc490a00-b\""
#define SIZE 11 /* of the file that fixture_file() makes: 0xb */

static struct site *site; /* without rules */
static struct pages pages;
static uint8_t *query_end, *out_end; /* the ends of two guarded regions */

static inline int answer_set_up(void **state)
{
	static const uint8_t zeros[ANSWER_ROOM];

	(void)state;
	requests_set_up();
	query_end = guard_copy(zeros, ANSWER_ROOM) + ANSWER_ROOM;
	out_end = guard_copy(zeros, ANSWER_ROOM) + ANSWER_ROOM;
	site = fixture_site(NULL, NULL);
	return pages_init(&pages, site, FIXTURE_NOW) ? 0 : -1;
}

static inline int answer_tear_down(void **state)
{
	(void)state;
	pages_deinit(&pages);
	site_destroy(site);
	guard_release(query_end - ANSWER_ROOM, ANSWER_ROOM);
	guard_release(out_end - ANSWER_ROOM, ANSWER_ROOM);
	requests_tear_down();
	return 0;
}

/* answer_asset(), into memory that holds what another answer has left. */
static inline void decide(struct answer *answer, const struct request *request, const struct site *of,
			  struct asset *first, const char *query, bool is_fallback)
{
	size_t size = strlen(query);
	struct subject subject = {
		.site = of, .first = first, .is_fallback = is_fallback, .now = FIXTURE_NOW
	};

	assert_true(size <= ANSWER_ROOM);
	memcpy(query_end - size, query, size);
	subject.query = bytes_make(query_end - size, size);
	memset(answer, 0xa5, sizeof(*answer));
	answer_asset(answer, request, &subject, NULL);
}

/* The same, and then the page where one is needed: the built-in one. */
static inline void ask_with(struct answer *answer, const struct request *request, struct asset *first,
			    const char *query)
{
	decide(answer, request, site, first, query, false);
	if (answer->need == NEED_PAGE) {
		struct asset *page = pages_get(&pages, answer->status);

		answer_page(answer, request, site, answer->status, page, page);
	}
	assert_int_equal(answer->need, NEED_NOTHING);
}

static inline void ask(struct answer *answer, const struct request *request, struct asset *first)
{
	ask_with(answer, request, first, "");
}

/* A file of SIZE bytes, and a brotli form of 5. */
static inline struct asset *make_coded_chain(void)
{
	struct asset_spec plain = { .vary = VARY_ENCODING, .size = SIZE };
	struct asset_spec coded = { .coding = CODING_BR, .vary = VARY_ENCODING, .size = 5 };
	struct asset *chain = fixture_file(site, &plain);

	chain->next = fixture_file(site, &coded);
	return chain;
}

/* A file with hints; the site they are of is needed no longer. */
static inline struct asset *make_hinted(void)
{
	char *link[] = { (char *)"</a.css>; rel=preload" };
	struct hint_spec hint = { .path = (char *)"/*.txt", .link = link, .link_count = 1 };
	struct host_spec spec = { .hints = &hint, .hints_count = 1 };
	struct site *hinting = fixture_site(NULL, &spec);
	struct asset *asset = fixture_file(hinting, NULL);

	site_destroy(hinting);
	assert_true(asset->hints.size > 0);
	return asset;
}

/* Written into memory of just the promised size. Returns the size, and leaves the head at out_end's front. */
static inline size_t compose(const struct answer *answer, const struct multipart *parts, int64_t now,
			     const uint8_t **ret_head)
{
	size_t capacity = answer_compose_size(answer);

	assert_int_equal(answer->head, ANSWER_COMPOSED);
	assert_true(capacity <= ANSWER_ROOM);
	*ret_head = out_end - capacity;
	return answer_compose(answer, parts, now, out_end - capacity);
}

static inline void assert_composed(const struct answer *answer, const struct multipart *parts, int64_t now,
				   const char *expected)
{
	const uint8_t *head;
	size_t size = compose(answer, parts, now, &head);

	fixture_assert_text(head, size, expected);
}

#endif
