/* SPDX-License-Identifier: MIT */
/*
 * Conditional requests: http/condition.
 *
 *   byte 0    the representation: which entity-tag (bits 0, 1), which date (bits 2, 3), what time it is (bits
 * 4, 5) the rest  lines "0If-Match's value": the digit is the field; a second line of the same field repeats
 * it
 *
 * The answer is that of RFC 9110 13.2.2, written down once more step by step with lists cut into members by a
 * plain walk. Dates are left to http/date, which has an entry of its own.
 */
#include "fuzz.h"
#include "http/condition.h"
#include "http/date.h"

#define INPUT_SIZE_MAX 2048
#define MODIFIED 784111777 /* Sun, 06 Nov 1994 08:49:37 GMT */

static const enum field_id fields[] = { FIELD_IF_MATCH, FIELD_IF_NONE_MATCH, FIELD_IF_MODIFIED_SINCE,
					FIELD_IF_UNMODIFIED_SINCE, FIELD_IF_RANGE };
#define FIELDS (sizeof(fields) / sizeof(fields[0]))

enum listed { NOT_LISTED, LISTED_WEAKLY, LISTED_STRONGLY };

/* The size of one member at the start of `rest`, W/ included; 0: there is none. */
static size_t member_size(struct bytes rest, bool *ret_weak)
{
	size_t at;

	*ret_weak = bytes_starts_with(rest, BYTES("W/\""));
	at = *ret_weak ? 3 : 1;
	if (!*ret_weak && !bytes_starts_with(rest, BYTES("\"")))
		return 0;
	for (; at < rest.size; at++) {
		uint8_t byte = rest.base[at];

		if (byte == '"')
			return at + 1;
		if (byte <= ' ' || byte == 0x7f)
			return 0;
	}
	return 0;
}

/* How `etag` is listed, at best; NOT_LISTED for a list that is malformed anywhere. */
static enum listed find_etag(struct bytes list, struct bytes etag)
{
	enum listed found = NOT_LISTED;
	bool needs_comma = false;

	while (list.size > 0) {
		size_t size = 1;
		bool weak;

		if (list.base[0] == ',') {
			needs_comma = false;
		} else if (list.base[0] != ' ' && list.base[0] != '\t') {
			enum listed how;

			size = needs_comma ? 0 : member_size(list, &weak);
			if (size == 0)
				return NOT_LISTED;
			needs_comma = true;
			how = weak ? LISTED_WEAKLY : LISTED_STRONGLY;
			if (bytes_equal(bytes_make(list.base + 2 * weak, size - 2 * weak), etag) &&
			    found < how)
				found = how;
		}
		list = bytes_skip(list, size);
	}
	return found;
}

static bool matches(const struct request *request, enum field_id id, struct bytes etag, enum listed least)
{
	struct bytes value = request->field[id];

	if (request->repeated >> id & 1)
		return false;
	return bytes_equal(value, BYTES("*")) || find_etag(value, etag) >= least;
}

static bool has_date(const struct request *request, enum field_id id, const struct validators *validators,
		     int64_t now, int64_t *ret_date)
{
	return request->present >> id & 1 && !(request->repeated >> id & 1) &&
	       validators->modified != VALIDATOR_NO_DATE && date_parse(request->field[id], now, ret_date);
}

/* RFC 9110 13.2.2, in its order. */
static enum condition_result evaluate(const struct request *request, const struct validators *validators,
				      int64_t now)
{
	int64_t date;

	if (request->present >> FIELD_IF_MATCH & 1) {
		if (!matches(request, FIELD_IF_MATCH, validators->etag, LISTED_STRONGLY))
			return CONDITION_FAILED;
	} else if (has_date(request, FIELD_IF_UNMODIFIED_SINCE, validators, now, &date)) {
		if (validators->modified > date)
			return CONDITION_FAILED;
	}
	if (request->present >> FIELD_IF_NONE_MATCH & 1) {
		if (matches(request, FIELD_IF_NONE_MATCH, validators->etag, LISTED_WEAKLY))
			return CONDITION_NOT_MODIFIED;
	} else if (has_date(request, FIELD_IF_MODIFIED_SINCE, validators, now, &date)) {
		if (validators->modified <= date)
			return CONDITION_NOT_MODIFIED;
	}
	return CONDITION_PASS;
}

static bool allows_range(const struct request *request, const struct validators *validators, int64_t now)
{
	int64_t date;

	if (!(request->present >> FIELD_IF_RANGE & 1))
		return true;
	if (request->repeated >> FIELD_IF_RANGE & 1)
		return false;
	if (validators->etag.size > 0 && bytes_equal(request->field[FIELD_IF_RANGE], validators->etag))
		return true;
	return has_date(request, FIELD_IF_RANGE, validators, now, &date) && date == validators->modified &&
	       date < now;
}

static struct request read_fields(struct bytes rest)
{
	struct request request = { .method = METHOD_GET, .minor = 1 };

	while (rest.size > 0) {
		struct bytes line = fuzz_take_line(&rest);
		enum field_id id;

		if (line.size == 0)
			continue;
		id = fields[line.base[0] % 8 % FIELDS];
		if (request.present >> id & 1)
			request.repeated |= UINT32_C(1) << id;
		else
			request.field[id] = bytes_trim(bytes_skip(line, 1));
		request.present |= UINT32_C(1) << id;
	}
	return request;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const etags[] = { "\"a\"", "\"5f-1\"", "\"a,b\"", "" };
	static const int64_t dates[] = { MODIFIED, VALIDATOR_NO_DATE, 0, MODIFIED + 1 };
	static const int64_t times[] = { MODIFIED + 60, MODIFIED, 0, INT64_MAX };
	struct bytes rest = bytes_make(data, size < INPUT_SIZE_MAX ? size : INPUT_SIZE_MAX);
	unsigned kind = (unsigned)fuzz_take_number(&rest, 1);
	struct validators validators = { bytes_string(etags[kind % 4]), dates[kind / 4 % 4] };
	int64_t now = times[kind / 16 % 4];
	struct request request = read_fields(fuzz_place(0, rest));

	check(condition_evaluate(&request, &validators, now) == evaluate(&request, &validators, now));
	check(condition_allows_range(&request, &validators, now) == allows_range(&request, &validators, now));
	if (!(request.present & CONDITION_FIELDS))
		check(condition_evaluate(&request, &validators, now) == CONDITION_PASS);
	return 0;
}
