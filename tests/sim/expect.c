/* SPDX-License-Identifier: MIT */
/*
 * Conditions, ranges and editions: what may be answered; see expect.h.
 *
 * Called by model.c for each answer. Works on what was asked (struct exchange), not on its text, and shares
 * no line with the server: where both are wrong in the same way, the RFC was misread twice.
 *
 * The hard thing is when: an answer is made at a time that nobody outside can know, of what was looked at
 * before. So a window is taken (from the first look that is fresh enough, to now), and whatever was there
 * in it may be in the answer. Where the clock went back, dates prove nothing, and are not held against it.
 */
#include "expect.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client.h"
#include "files.h"
#include "options.h"
#include "world.h"

#define ATTEMPTS 5 /* the server looks at most so often before it gives up: 503 */

static const char *const endings[] = { "", ".gz", ".br", ".zst" };
static const char *const tokens[] = { "", "-gzip", "-br", "-zstd" };

/* Steps from which to which what was there may be in the answer. */
struct window {
	uint64_t begin, end;
	bool is_fresh; /* something was looked at in time */
};

/* What the conditions may come to, a bit each. */
enum { MAY_PASS = 1, MAY_MATCH = 2, MAY_FAIL = 4 };

void expect_tag(const struct edition *edition, enum coded coded, char *ret_tag)
{
	snprintf(ret_tag, 64, "\"%" PRIx64 "-%" PRIx64 "%s\"", (uint64_t)edition->modified_ns, edition->size,
		 tokens[coded]);
}

static void widen(struct window *window, const struct exchange *exchange, const struct name *name)
{
	for (unsigned i = 0; i < name->look_count; i++) {
		const struct look *look = &name->look[i];

		if (look->done_ms + options.fresh_ms < exchange->arrived_ms && !options.tags_are_content)
			continue;
		window->is_fresh = true;
		if (look->begin_step < window->begin)
			window->begin = look->begin_step;
	}
}

static struct name *fallback(const struct exchange *exchange)
{
	return options.has_fallback && exchange->navigates ? files_find("index.html") : NULL;
}

static struct window window_of(const struct exchange *exchange, const struct reply *reply)
{
	struct window window = { .begin = exchange->arrived_step, .end = reply->step };

	if (exchange->name)
		widen(&window, exchange, exchange->name);
	if (fallback(exchange))
		widen(&window, exchange, fallback(exchange));
	return window;
}

static bool overlaps(const struct window *window, uint64_t begin, uint64_t end)
{
	return begin <= window->end && end >= window->begin;
}

static bool was_absent(const struct name *name, const struct window *window)
{
	for (unsigned i = 0; i < name->link_count; i++)
		if (!name->link[i].node && overlaps(window, name->link[i].begin, name->link[i].end))
			return true;
	return false;
}

static bool was_there(const struct name *name, const struct window *window)
{
	for (unsigned i = 0; i < name->link_count; i++)
		if (name->link[i].node && overlaps(window, name->link[i].begin, name->link[i].end))
			return true;
	return false;
}

/* Conditions */

static unsigned of_tag(enum held held, const char *asked, const char *tag)
{
	return held == HELD_STAR ||
	       (held == HELD_TAG && options.has_tags && !options.tags_are_content && strcmp(asked, tag) == 0);
}

static int64_t second_of(const struct edition *edition)
{
	return edition->modified_ns / 1000000000;
}

static bool are_dates_sure(void)
{
	return world.jumped_back_step == 0;
}

static unsigned evaluate(const struct exchange *exchange, const struct edition *edition, const char *tag)
{
	bool has_date = !options.tags_are_content;
	unsigned may = MAY_PASS;

	if (exchange->match != HELD_NONE) {
		if (!of_tag(exchange->match, exchange->tag, tag))
			return MAY_FAIL;
	} else if (exchange->unless != INT64_MIN && has_date) {
		if (!are_dates_sure())
			may |= MAY_FAIL;
		else if (second_of(edition) > exchange->unless)
			return MAY_FAIL;
	}
	if (exchange->none_match != HELD_NONE)
		return of_tag(exchange->none_match, exchange->tag, tag) ? (may & ~MAY_PASS) | MAY_MATCH : may;
	if (exchange->since != INT64_MIN && has_date) {
		if (!are_dates_sure())
			return may | MAY_MATCH;
		if (second_of(edition) <= exchange->since)
			return (may & ~MAY_PASS) | MAY_MATCH;
	}
	return may;
}

/* Bits: 1, the range is honoured; 2, it is not. */
static unsigned honours(const struct exchange *exchange, const struct edition *edition, const char *tag)
{
	if (exchange->range_count == 0 || exchange->ask != ASK_GET)
		return 2;
	if (exchange->range_if == HELD_NONE)
		return 1;
	if (exchange->range_if != HELD_DATE)
		return of_tag(exchange->range_if == HELD_TAG ? HELD_TAG : HELD_NONE, exchange->tag, tag) ? 1
													 : 2;
	if (options.tags_are_content)
		return 2;
	/* Only when it is more than a second old, as of a moment that is not known to the second. */
	if (!are_dates_sure() || world.wall_ns / 1000000000 - exchange->range_date <= 100)
		return 3;
	return second_of(edition) == exchange->range_date ? 1 : 2;
}

enum wanted expect_wanted(const struct exchange *exchange, uint64_t size, unsigned *ret_count)
{
	unsigned count = 0;

	if (exchange->range_count > 32)
		return WANTED_WHOLE;
	for (unsigned i = 0; i < exchange->range_count; i++) {
		const struct asked_range *range = &exchange->range[i];

		if (range->is_suffix && size == 0)
			return WANTED_WHOLE;
		count += range->is_suffix ? range->last > 0 : range->first < size;
	}
	*ret_count = count;
	return count > 0 ? WANTED_PARTS : WANTED_NOTHING;
}

/* Editions */

static const char *judge_bytes(const struct edition *edition, uint64_t first, const uint8_t *body,
			       size_t size)
{
	if (first + size > edition->size || memcmp(edition->bytes + first, body, size) != 0)
		return "its body is not that of any edition that its head is of";
	return NULL;
}

static const char *judge_whole(const struct edition *edition, const struct reply *reply, const uint8_t *body,
			       size_t size)
{
	if (reply->length != edition->size)
		return "its length is that of no edition";
	return judge_bytes(edition, 0, body, size);
}

static const char *judge_part(const struct exchange *exchange, const struct edition *edition,
			      const struct reply *reply, const uint8_t *body, size_t size)
{
	const struct asked_range *range = &exchange->range[0];
	uint64_t first = range->first, last = range->last;

	if (!reply->has_range || strncmp(reply->type, "multipart/", 10) == 0)
		return expect_parts(exchange, edition, reply, body, size);
	if (reply->range_size != edition->size || reply->length != reply->range_last - reply->range_first + 1)
		return "its Content-Range is that of no edition";
	if (exchange->range_count == 1) {
		if (range->is_suffix) {
			first = range->last < edition->size ? edition->size - range->last : 0;
			last = edition->size - 1;
		} else if (range->is_open || last >= edition->size) {
			last = edition->size - 1;
		}
		if (first != reply->range_first || last != reply->range_last)
			return "it is another range";
	} else if (expect_parts(exchange, edition, reply, NULL, 0)) {
		return "several ranges do not make this one";
	}
	return judge_bytes(edition, reply->range_first, body, size);
}

static const char *judge_tag(const struct edition *edition, const struct reply *reply)
{
	char tag[64];

	if (!options.has_tags)
		return reply->tag[0] ? "it has an entity tag" : NULL;
	if (options.tags_are_content)
		return reply->tag[0] ? NULL : "it has no entity tag";
	expect_tag(edition, reply->coded, tag);
	return strcmp(tag, reply->tag) == 0 ? NULL : "its entity tag is that of no edition";
}

static const char *judge_edition(const struct exchange *exchange, const struct edition *edition,
				 const struct reply *reply, const uint8_t *body, size_t size)
{
	char tag[64];
	unsigned may, honoured, count = 0;
	enum wanted wanted;
	const char *why;

	expect_tag(edition, reply->coded, tag);
	may = evaluate(exchange, edition, tag);
	honoured = honours(exchange, edition, tag);
	wanted = expect_wanted(exchange, edition->size, &count);
	if (reply->status == 412)
		return may & MAY_FAIL ? NULL : "no condition fails";
	if (reply->status == 304 && !(may & MAY_MATCH))
		return "no condition holds";
	if (reply->status != 304 && !(may & MAY_PASS))
		return "a condition does not hold";
	if (reply->status == 416)
		return honoured & 1 && wanted == WANTED_NOTHING && reply->range_is_unsatisfied &&
				       reply->range_size == edition->size
			       ? NULL
			       : "the range is not unsatisfiable";
	why = judge_tag(edition, reply);
	if (why || reply->status == 304)
		return why;
	if (reply->status == 206)
		return honoured & 1 && wanted == WANTED_PARTS
			       ? judge_part(exchange, edition, reply, body, size)
			       : "no range was asked for, or none that there is";
	if (!(honoured & 2) && wanted != WANTED_WHOLE)
		return "a range was asked for";
	return judge_whole(edition, reply, body, size);
}

/* The nearest miss is the most telling. */
static const char *judge_name(const struct exchange *exchange, const struct name *name,
			      const struct window *window, const struct reply *reply, const uint8_t *body,
			      size_t size)
{
	const char *why = "the name stood for no file then";

	for (unsigned i = 0; i < name->link_count; i++) {
		const struct link *link = &name->link[i];

		if (!link->node || link->node->is_folder || !overlaps(window, link->begin, link->end))
			continue;
		for (unsigned j = 0; j < link->node->count; j++) {
			const struct edition *edition = &link->node->edition[j];

			if (!overlaps(window, edition->begin, edition->end))
				continue;
			why = judge_edition(exchange, edition, reply, body, size);
			if (!why)
				return NULL;
		}
	}
	return why;
}

/* With its coding, which 412 and 416 do not say: any. */
static const char *judge_codings(const struct exchange *exchange, const struct name *name,
				 const struct window *window, struct reply reply, const uint8_t *body,
				 size_t size)
{
	bool is_page = reply.status == 412 || reply.status == 416 || reply.status == 304;
	const char *why = "the client takes no such coding";

	for (enum coded coded = CODED_NOT; coded < CODED_COUNT; coded++) {
		const struct name *sibling = coded == CODED_NOT ? name : files_sibling(name, endings[coded]);
		bool is_accepted =
			coded == CODED_NOT || (options.has_codings && exchange->codings & 1u << coded);

		if (!sibling || !is_accepted || (!is_page && coded != reply.coded))
			continue;
		if (is_page)
			reply.coded = coded;
		why = judge_name(exchange, sibling, window, &reply, body, size);
		if (!why)
			return NULL;
	}
	return why;
}

/* Troubles */

static unsigned disturbances(const struct name *name)
{
	unsigned count = 0;

	for (enum coded coded = CODED_NOT; name && coded < CODED_COUNT; coded++) {
		const struct name *sibling = coded == CODED_NOT ? name : files_sibling(name, endings[coded]);

		count += sibling ? sibling->disturbed : 0;
	}
	return count;
}

static const char *judge_trouble(const struct exchange *exchange, const struct reply *reply)
{
	const struct name *other = fallback(exchange);

	if (world.memory_failed_step > 0 || world.file_failed_step > 0 || world.stopped_step > 0)
		return NULL;
	if (reply->status == 503 && world.slow_step > 0)
		return NULL;
	if (reply->status == 503 && disturbances(exchange->name) + disturbances(other) >= ATTEMPTS)
		return NULL;
	return "nothing went wrong";
}

static const char *judge_missing(const struct exchange *exchange, const struct window *window)
{
	const struct name *other = fallback(exchange);

	if (exchange->name && !was_absent(exchange->name, window))
		return "the file was there all the time";
	if (other && !was_absent(other, window))
		return "the fallback was there all the time";
	return NULL;
}

static const char *judge_not_acceptable(const struct exchange *exchange, const struct window *window)
{
	const struct name *name = exchange->name ? exchange->name : fallback(exchange);

	for (enum coded coded = CODED_GZIP; coded < CODED_COUNT; coded++) {
		const struct name *sibling = files_sibling(name, endings[coded]);

		if (sibling && was_there(sibling, window) && was_absent(name, window))
			return NULL;
	}
	return "the plain file was there, or nothing was";
}

static const char *judge_file(const struct exchange *exchange, const struct reply *reply, const uint8_t *body,
			      size_t size)
{
	struct window window = window_of(exchange, reply);
	const struct name *other = fallback(exchange);
	const char *why = "there is no such name";

	if (exchange->name && !window.is_fresh)
		return "the file was not looked at in time";
	if (reply->status == 404)
		return judge_missing(exchange, &window);
	if (!exchange->name && !other)
		return "there is no such name";
	if (reply->status == 406)
		return judge_not_acceptable(exchange, &window);
	if (exchange->name)
		why = judge_codings(exchange, exchange->name, &window, *reply, body, size);
	if (why && other && (!exchange->name || was_absent(exchange->name, &window)))
		why = judge_codings(exchange, other, &window, *reply, body, size);
	return why;
}

const char *expect_judge(const struct exchange *exchange, const struct reply *reply, const uint8_t *body,
			 size_t size)
{
	/* Without memory any request may be given up. */
	if (reply->status == 503 && world.memory_failed_step > 0)
		return NULL;
	if (exchange->status > 0)
		return reply->status == exchange->status ? NULL : "it has only one answer";
	switch (reply->status) {
	case 403:
	case 500:
	case 503:
		return judge_trouble(exchange, reply);
	case 301:
		return exchange->is_folder ? NULL : "it is no folder";
	case 200:
	case 206:
	case 304:
	case 404:
	case 406:
	case 412:
	case 416:
		return exchange->is_folder ? "it is a folder" : judge_file(exchange, reply, body, size);
	default:
		return "a status that nothing asks for";
	}
}

bool expect_may_be_cut(const struct exchange *exchange)
{
	const struct name *names[] = { exchange->name, fallback(exchange) };

	for (unsigned i = 0; i < 2; i++)
		for (enum coded coded = CODED_NOT; names[i] && coded < CODED_COUNT; coded++) {
			const struct name *name =
				coded == CODED_NOT ? names[i] : files_sibling(names[i], endings[coded]);

			if (name && name->in_place)
				return true;
		}
	return world.file_failed_step > 0;
}
