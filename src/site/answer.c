/* SPDX-License-Identifier: MIT */
/*
 * The decision in RFC 9110 13.2.2's order: what the asset is, conditions, range, method.
 *
 * Called by serve/receive once per request. No allocation, no system call, no clock.
 */
#include "site/answer.h"

#include "base/check.h"

static void answer_whole(struct answer *answer, const struct request *request, struct asset *asset)
{
	answer->asset = asset;
	answer->head = ANSWER_READY;
	answer->status = asset->status;
	answer->keep_alive = request->keep_alive;
	answer->has_body = asset->size > 0 && request->method != METHOD_HEAD;
	answer->range.first = 0;
	answer->range.last = asset->size - 1;
	answer->query = bytes_make(NULL, 0);
	answer->target = NULL;
}

static void answer_range(struct answer *answer, const struct request *request, const struct pages *pages)
{
	struct asset *asset = answer->asset;

	switch (range_parse(request->field[FIELD_RANGE], asset->size, &answer->range)) {
	case RANGE_IGNORED:
		return;
	case RANGE_ONE:
		answer->status = 206;
		answer->head = ANSWER_COMPOSED;
		return;
	case RANGE_UNSATISFIABLE:
		answer_page(answer, request, 416, pages);
		answer->head = ANSWER_COMPOSED;
		answer->target = asset;
		return;
	}
}

/* True when the request's conditions leave the answer as it is. */
static bool answer_condition(struct answer *answer, const struct request *request, const struct pages *pages,
			     int64_t now)
{
	switch (condition_evaluate(request, &answer->asset->validators, now)) {
	case CONDITION_FAILED:
		answer_page(answer, request, 412, pages);
		return false;
	case CONDITION_NOT_MODIFIED:
		answer->status = 304;
		answer->head = ANSWER_NOT_MODIFIED;
		answer->has_body = false;
		return false;
	case CONDITION_PASS:
		break;
	}
	return true;
}

void answer_asset(struct answer *answer, const struct request *request, struct bytes query,
		  struct asset *asset, const struct pages *pages, int64_t now)
{
	answer_whole(answer, request, asset);
	if (asset->status == 301 && query.size > 0) {
		answer->head = ANSWER_COMPOSED;
		answer->query = query;
	}
	if (!asset->is_file)
		return;
	if (request->present & CONDITION_FIELDS && !answer_condition(answer, request, pages, now))
		return;
	/* RFC 9110 14.2: Range is defined for GET only, and honoured once. */
	if (request->method == METHOD_GET && request_has_one(request, FIELD_RANGE) &&
	    condition_allows_range(request, &asset->validators, now))
		answer_range(answer, request, pages);
}

void answer_page(struct answer *answer, const struct request *request, unsigned status,
		 const struct pages *pages)
{
	answer_whole(answer, request, pages_get(pages, status));
}

void answer_refusal(struct answer *answer, enum method method, unsigned status, const struct pages *pages)
{
	struct request refused = { .method = method, .keep_alive = false };

	answer_whole(answer, &refused, pages_get(pages, status));
}

/* The redirect's Location, out of its ready head: that is where it is kept. */
static struct bytes redirect_location(const struct asset *asset)
{
	struct bytes name = BYTES("\r\nLocation: ");
	const uint8_t *begin = memmem(asset->ready.base, asset->ready.size, name.base, name.size);
	const uint8_t *end;

	check(begin);
	begin += name.size;
	end = memchr(begin, '\r', (size_t)(asset->ready.base + asset->ready.size - begin));
	check(end);
	return bytes_make(begin, (size_t)(end - begin));
}

size_t answer_compose_size(const struct answer *answer)
{
	size_t fixed = 512;

	return answer->status == 301 ? fixed + redirect_location(answer->asset).size + answer->query.size
				     : fixed;
}

static void compose_redirect(const struct answer *answer, struct head *head)
{
	struct bytes location = redirect_location(answer->asset);

	head_field_number(head, BYTES("Content-Length"), answer->asset->size);
	/* One field line out of two pieces; the query was checked as part of the target. */
	head_field(head, BYTES("Location"), location);
	check(head->size + answer->query.size <= head->capacity);
	memcpy(head->base + head->size - 2, answer->query.base, answer->query.size);
	head->size += (uint32_t)answer->query.size;
	memcpy(head->base + head->size - 2, "\r\n", 2);
}

static void compose_partial(const struct answer *answer, struct head *head)
{
	const struct asset *asset = answer->asset;

	head_field_number(head, BYTES("Content-Length"), answer->range.last - answer->range.first + 1);
	head_field_date(head, BYTES("Last-Modified"), asset->validators.modified);
	head_field(head, BYTES("ETag"), asset->validators.etag);
	head_field(head, BYTES("Accept-Ranges"), BYTES("bytes"));
	head_content_range(head, answer->range, asset->size);
}

size_t answer_compose(const struct answer *answer, int64_t now, uint8_t *out)
{
	struct head head;

	head_begin(&head, out, answer_compose_size(answer), answer->status, now);
	head_field(&head, BYTES("Content-Type"), answer->asset->type);
	switch (answer->status) {
	case 206:
		compose_partial(answer, &head);
		break;
	case 301:
		compose_redirect(answer, &head);
		break;
	case 416:
		head_field_number(&head, BYTES("Content-Length"), answer->asset->size);
		head_content_range_unsatisfied(&head, answer->target->size);
		break;
	default:
		check(!"a status that is never composed");
	}
	check(head_end(&head, answer->keep_alive));
	return head.size;
}
