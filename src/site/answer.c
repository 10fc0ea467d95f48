/* SPDX-License-Identifier: MIT */
/*
 * The decision in RFC 9110 13.2.2's order: what the name is, which representation, conditions,
 * range, method.
 *
 * Called by serve/receive once per request, or again when something had to be made first. No
 * allocation, no system call, no clock. A composed head is the asset's ready head copied line by
 * line with what differs put in its place, so rules and order of fields hold for it as well.
 */
#include "site/answer.h"

#include "base/check.h"
#include "http/accept.h"
#include "site/variant.h"

static void answer_whole(struct answer *answer, const struct request *request, struct asset *asset)
{
	answer->asset = asset;
	answer->head = ANSWER_READY;
	answer->need = NEED_NOTHING;
	answer->status = asset->status;
	answer->keep_alive = request->keep_alive;
	answer->has_body = asset->size > 0 && request->method != METHOD_HEAD;
	answer->has_digest = false;
	answer->has_hints = false;
	answer->is_parts = false;
	answer->is_redirect = false;
	answer->more_vary = 0;
	answer->range.first = 0;
	answer->range.last = asset->size - 1;
	answer->target = NULL;
}

static void need_page(struct answer *answer, unsigned status, const struct asset *target)
{
	answer->need = NEED_PAGE;
	answer->status = (uint16_t)status;
	answer->target = target;
}

static void answer_range(struct answer *answer, const struct request *request, const struct trace *trace)
{
	struct asset *asset = answer->asset;

	switch (range_parse(request->field[FIELD_RANGE], asset->size, &answer->ranges)) {
	case RANGE_IGNORED:
		trace_line(trace, "range: not understood, or too many: the whole is sent");
		return;
	case RANGE_SATISFIABLE:
		trace_line(trace, "range: %u part%s", answer->ranges.count,
			   answer->ranges.count == 1 ? "" : "s");
		answer->status = 206;
		answer->head = ANSWER_COMPOSED;
		answer->is_parts = answer->ranges.count > 1;
		answer->range = answer->ranges.range[0];
		return;
	case RANGE_UNSATISFIABLE:
		trace_line(trace, "range: behind the end of %llu bytes", (unsigned long long)asset->size);
		need_page(answer, 416, asset);
		return;
	}
}

/* True when the request's conditions leave the answer as it is. */
static bool answer_condition(struct answer *answer, const struct request *request, int64_t now,
			     const struct trace *trace)
{
	switch (condition_evaluate(request, &answer->asset->validators, now)) {
	case CONDITION_FAILED:
		trace_line(trace, "condition: If-Match or If-Unmodified-Since does not hold");
		need_page(answer, 412, answer->asset);
		return false;
	case CONDITION_NOT_MODIFIED:
		trace_line(trace, "condition: the client has this version");
		answer->status = 304;
		answer->head = ANSWER_NOT_MODIFIED;
		answer->has_body = false;
		return false;
	case CONDITION_PASS:
		break;
	}
	return true;
}

/* The digest of the whole representation, also beside a part of it (RFC 9530 3). */
static void answer_digest(struct answer *answer, const struct request *request)
{
	struct asset *asset = answer->asset;

	if (!accept_wants_sha256(request->field[FIELD_WANT_REPR_DIGEST]))
		return;
	if (asset->digested == MAKING_NOT)
		answer->need = NEED_DIGEST;
	answer->has_digest = asset->digested == MAKING_READY;
	if (answer->has_digest)
		answer->head = ANSWER_COMPOSED;
}

static bool is_navigated(const struct asset *asset, const struct request *request)
{
	return asset->hints.size > 0 && request->minor > 0 && variant_is_navigation(request);
}

/* Conditions, ranges, and what else a request may want of a file. */
static void answer_wishes(struct answer *answer, const struct request *request, int64_t now,
			  const struct trace *trace)
{
	if (request->present & CONDITION_FIELDS && !answer_condition(answer, request, now, trace))
		return;
	/* RFC 9110 14.2: Range is defined for GET only, and honoured once. */
	if (request->method == METHOD_GET && request_has_one(request, FIELD_RANGE) &&
	    condition_allows_range(request, &answer->asset->validators, now))
		answer_range(answer, request, trace);
	if (request_has(request, FIELD_WANT_REPR_DIGEST) && answer->need == NEED_NOTHING)
		answer_digest(answer, request);
	if (answer->status == 200 && is_navigated(answer->asset, request))
		answer->has_hints = true;
}

#define WISHES (CONDITION_FIELDS | UINT32_C(1) << FIELD_RANGE | UINT32_C(1) << FIELD_WANT_REPR_DIGEST)

/* Most requests want the file and nothing else. */
static inline void answer_file(struct answer *answer, const struct request *request, int64_t now,
			       const struct trace *trace)
{
	if (request->present & WISHES || answer->asset->hints.size > 0)
		answer_wishes(answer, request, now, trace);
}

/* The member of the chain that the client gets; false: it is none, and the answer says what to do. */
static bool answer_variant(struct answer *answer, const struct request *request,
			   const struct subject *subject, const struct trace *trace)
{
	struct asset *first = subject->first, *asset;

	switch (variant_choose(subject->site, first, request, &asset, trace)) {
	case VARIANT_FOUND:
		answer_whole(answer, request, asset);
		return true;
	case VARIANT_CODED:
		answer_whole(answer, request, asset);
		answer->need = NEED_DECODED;
		if (asset->decoded == MAKING_FAILED)
			need_page(answer, 406, first);
		return false;
	case VARIANT_NOT_ACCEPTABLE:
		answer_whole(answer, request, first);
		need_page(answer, 406, first);
		return false;
	}
	return false;
}

/* What is no file, or a file of which there is a choice. */
static __attribute__((noinline)) void answer_other(struct answer *answer, const struct request *request,
						   const struct subject *subject, const struct trace *trace)
{
	const struct asset *first = subject->first;

	if (first->kind == ASSET_PAGE) {
		if (first->status == 404 && !subject->is_fallback && subject->site->options.fallback[0] &&
		    variant_is_navigation(request))
			answer->need = NEED_FALLBACK;
		else
			need_page(answer, first->status, NULL);
		return;
	}
	if (first->kind == ASSET_REDIRECT) {
		answer->is_redirect = subject->query.size > 0;
		answer->query = subject->query;
		if (answer->is_redirect)
			answer->head = ANSWER_COMPOSED;
		return;
	}
	if (!variant_is_only(first, request) && !answer_variant(answer, request, subject, trace))
		return;
	if (first->kind == ASSET_FILE)
		answer_file(answer, request, subject->now, trace);
}

void answer_asset(struct answer *answer, const struct request *request, const struct subject *subject,
		  const struct trace *trace)
{
	struct asset *first = subject->first;

	answer_whole(answer, request, first);
	if (first->kind == ASSET_FILE && variant_is_only(first, request))
		answer_file(answer, request, subject->now, trace);
	else
		answer_other(answer, request, subject, trace);
}

void answer_page(struct answer *answer, const struct request *request, const struct site *site,
		 unsigned status, struct asset *page, const struct asset *built_in)
{
	const struct asset *target = answer->target;
	struct asset *asset = page;

	/* An error is not the place to insist: who takes none of its forms gets the built-in page. */
	if (!variant_is_only(page, request) &&
	    variant_choose(site, page, request, &asset, NULL) != VARIANT_FOUND)
		asset = (struct asset *)built_in;
	if (asset->kind == ASSET_PAGE || asset->status != status)
		asset = (struct asset *)built_in;
	answer_whole(answer, request, asset);
	answer->target = target;
	/* That it is this page depends on what the choice among its forms, or the target's, depended on. */
	answer->more_vary = (uint8_t)((page->vary | (target ? target->vary : 0)) & ~asset->vary);
	if (status == 416 || (status == 406 && target) || answer->more_vary)
		answer->head = ANSWER_COMPOSED;
}

void answer_refusal(struct answer *answer, enum method method, struct asset *page)
{
	struct request refused = { .method = method, .keep_alive = false };

	answer_whole(answer, &refused, page);
}

size_t answer_compose_size(const struct answer *answer)
{
	return answer->asset->ready.size + 512 + (answer->is_redirect ? answer->query.size : 0);
}

/* The members of Vary that the ready head does not say, behind `before`, then behind commas. */
static void compose_vary(unsigned vary, struct bytes before, struct head *head)
{
	for (size_t i = 0; i < VARY_MEMBERS; i++) {
		if (!(vary & asset_vary[i].bit))
			continue;
		head_lines(head, before);
		head_lines(head, asset_vary[i].name);
		before = BYTES(", ");
	}
}

static bool says_vary(const struct asset *asset)
{
	return memmem(asset->ready.base, asset->ready.size, "\r\nVary: ", 8) != NULL;
}

/* What the ready head does not have. */
static void compose_extra(const struct answer *answer, struct head *head)
{
	if (answer->more_vary && !says_vary(answer->asset)) {
		compose_vary(answer->more_vary, BYTES("Vary: "), head);
		head_lines(head, BYTES("\r\n"));
	}
	if (answer->status == 206 && !answer->is_parts)
		head_content_range(head, answer->range, answer->asset->size);
	if (answer->status == 416 && answer->target)
		head_content_range_unsatisfied(head, answer->target->size);
	if (answer->has_digest)
		head_field(head, BYTES("Repr-Digest"),
			   bytes_make(answer->asset->digest, sizeof(answer->asset->digest) - 1));
}

/* Rules write names in cases of their own. */
static bool is_line_of(struct bytes line, struct bytes name)
{
	return line.size > name.size && line.base[name.size] == ':' &&
	       bytes_equal_nocase(bytes_make(line.base, name.size), name);
}

/* The query goes in front of a fragment; a location that has a query keeps its own. */
static void compose_location(struct bytes line, struct bytes query, struct head *head)
{
	const uint8_t *fragment = memchr(line.base, '#', line.size);
	size_t size = fragment ? (size_t)(fragment - line.base) : line.size;

	head_lines(head, bytes_make(line.base, size));
	if (!memchr(line.base, '?', size))
		head_lines(head, query);
	head_lines(head, bytes_skip(line, size));
	head_lines(head, BYTES("\r\n"));
}

/* One line of the ready head, `line` without its CRLF, as this answer has it. */
static void compose_line(const struct answer *answer, const struct multipart *parts, int64_t now,
			 struct bytes line, struct head *head)
{
	uint8_t type[MULTIPART_TYPE_SIZE];

	if (is_line_of(line, BYTES("Date"))) {
		head_date(head, now);
	} else if (answer->status == 206 && is_line_of(line, BYTES("Content-Length"))) {
		head_field_number(head, BYTES("Content-Length"),
				  parts ? multipart_length(parts)
					: answer->range.last - answer->range.first + 1);
	} else if (parts && is_line_of(line, BYTES("Content-Type"))) {
		head_field(head, BYTES("Content-Type"), bytes_make(type, multipart_type(parts, type)));
	} else if (answer->is_redirect && is_line_of(line, BYTES("Location"))) {
		compose_location(line, answer->query, head);
	} else {
		head_lines(head, line);
		if (answer->more_vary && bytes_starts_with(line, BYTES("Vary: ")))
			compose_vary(answer->more_vary, BYTES(", "), head);
		head_lines(head, BYTES("\r\n"));
	}
}

size_t answer_compose(const struct answer *answer, const struct multipart *parts, int64_t now, uint8_t *out)
{
	const struct asset_head *ready = &answer->asset->ready;
	const uint8_t *at = ready->base, *end = at + ready->size - 2; /* of the last line */
	const uint8_t *connection = at + ready->connection_offset;
	bool is_last = connection + HEAD_KEEP_ALIVE.size == end;
	struct head head;

	head_begin(&head, out, answer_compose_size(answer), answer->status);
	for (at = (const uint8_t *)memchr(at, '\n', ready->size) + 1; at < end;) {
		const uint8_t *line_end = memchr(at, '\r', (size_t)(end - at));

		if (at != connection)
			compose_line(answer, parts, now, bytes_make(at, (size_t)(line_end - at)), &head);
		else if (!is_last)
			head_connection(&head, answer->keep_alive);
		at = line_end + 2;
	}
	compose_extra(answer, &head);
	if (is_last)
		head_connection(&head, answer->keep_alive);
	check(head_end(&head));
	return head.size;
}
