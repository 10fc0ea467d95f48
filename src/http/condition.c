/* SPDX-License-Identifier: MIT */
/*
 * Conditional requests: does the representation that the client knows still hold?
 *
 * Called by site/answer once an asset is found, before its range is looked at. Never decides
 * what to send, only whether a condition stands in the way.
 *
 *   If-Match sent? --yes--> matches? ------no--> 412
 *      | no                    | yes
 *   If-Unmodified-Since ok? ---|-------no--> 412
 *      | yes                   |
 *      +-----------+-----------+
 *   If-None-Match sent? --yes--> matches? --yes--> 304
 *      | no                         | no
 *   If-Modified-Since newer? -------|-------no--> 304
 *      | yes                        |
 *      +-------------+--------------+
 *                  pass
 *
 * The hard thing is what cannot be read. A list with one malformed member matches nothing: for
 * If-None-Match that means a full answer, for If-Match a refusal, both of which are safe.
 *
 * RFC 9110 8.8.3 (entity-tag), 13.1 (fields), 13.2.2 (order).
 */
#include "http/condition.h"
#include "http/date.h"

/* RFC 9110 8.8.3.2: under strong comparison, a weak tag matches nothing, not even itself. */
enum comparison { COMPARE_STRONG, COMPARE_WEAK };

static bool precondition_holds(const struct request *request, const struct validators *validators,
			       int64_t now);
static bool is_not_modified(const struct request *request, const struct validators *validators, int64_t now);
static bool take_date(const struct request *request, enum field_id id, const struct validators *validators,
		      int64_t now, int64_t *ret_date);
static bool matches(struct bytes value, struct bytes etag, enum comparison comparison);

enum condition_result condition_evaluate(const struct request *request, const struct validators *validators,
					 int64_t now)
{
	if (!precondition_holds(request, validators, now))
		return CONDITION_FAILED;
	return is_not_modified(request, validators, now) ? CONDITION_NOT_MODIFIED : CONDITION_PASS;
}

bool condition_allows_range(const struct request *request, const struct validators *validators, int64_t now)
{
	struct bytes etag = validators->etag;
	int64_t date;

	if (!request_has(request, FIELD_IF_RANGE))
		return true;
	if (!request_has_one(request, FIELD_IF_RANGE))
		return false;
	if (etag.size > 0 && bytes_equal(request->field[FIELD_IF_RANGE], etag))
		return true;
	/* Within the second of the last change, the file may have changed again (RFC 9110 8.8.2.2). */
	return take_date(request, FIELD_IF_RANGE, validators, now, &date) && date == validators->modified &&
	       date < now;
}

static bool precondition_holds(const struct request *request, const struct validators *validators,
			       int64_t now)
{
	int64_t date;

	if (request_has(request, FIELD_IF_MATCH))
		return request_has_one(request, FIELD_IF_MATCH) &&
		       matches(request->field[FIELD_IF_MATCH], validators->etag, COMPARE_STRONG);
	return !take_date(request, FIELD_IF_UNMODIFIED_SINCE, validators, now, &date) ||
	       validators->modified <= date;
}

static bool is_not_modified(const struct request *request, const struct validators *validators, int64_t now)
{
	int64_t date;

	if (request_has(request, FIELD_IF_NONE_MATCH))
		return request_has_one(request, FIELD_IF_NONE_MATCH) &&
		       matches(request->field[FIELD_IF_NONE_MATCH], validators->etag, COMPARE_WEAK);
	return take_date(request, FIELD_IF_MODIFIED_SINCE, validators, now, &date) &&
	       validators->modified <= date;
}

/* The date in this field, sent once, when there is one to compare it with. */
static bool take_date(const struct request *request, enum field_id id, const struct validators *validators,
		      int64_t now, int64_t *ret_date)
{
	return validators->modified != VALIDATOR_NO_DATE && request_has_one(request, id) &&
	       date_parse(request->field[id], now, ret_date);
}

/* etagc: %x21, %x23 to %x7E, obs-text. A comma is one of them, so lists cannot be split blindly. */
static bool is_etag_byte(uint8_t c)
{
	return c > ' ' && c != '"' && c != 0x7f;
}

/* Bytes of the opaque-tag at `at`, quotes included; 0 when there is none. */
static size_t opaque_tag_size(struct bytes list, size_t at)
{
	size_t end = at + 1;

	if (at >= list.size || list.base[at] != '"')
		return 0;
	while (end < list.size && is_etag_byte(list.base[end]))
		end++;
	return end < list.size && list.base[end] == '"' ? end + 1 - at : 0;
}

static size_t skip_white(struct bytes list, size_t at)
{
	while (at < list.size && (list.base[at] == ' ' || list.base[at] == '\t'))
		at++;
	return at;
}

/*
 * "*", or a list of entity-tags of which one is `etag`; none equals an empty one, since all have
 * quotes. A list that is malformed anywhere matches nothing.
 */
static bool matches(struct bytes value, struct bytes etag, enum comparison comparison)
{
	bool found = false;

	if (bytes_equal(value, BYTES("*")))
		return true;
	for (size_t at = skip_white(value, 0); at < value.size; at = skip_white(value, at)) {
		size_t size;
		bool weak;

		if (value.base[at] == ',') {
			at++;
			continue;
		}
		weak = value.size - at > 2 && memcmp(value.base + at, "W/", 2) == 0;
		at += weak ? 2 : 0;
		size = opaque_tag_size(value, at);
		if (size == 0)
			return false;
		if (!weak || comparison == COMPARE_WEAK)
			found |= bytes_equal(bytes_make(value.base + at, size), etag);
		at = skip_white(value, at + size);
		if (at < value.size && value.base[at] != ',')
			return false;
	}
	return found;
}
