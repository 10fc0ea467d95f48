/* SPDX-License-Identifier: MIT */
/*
 * The Range field: which one part of a representation is asked for.
 *
 * Called by site/answer for a GET whose conditions let a range through. Never an error: a
 * server may ignore Range at any time (RFC 9110 14.2), so whatever is not one clear range of
 * bytes becomes the whole representation. Several ranges are ignored too; multipart/byteranges
 * costs a client more to take apart than it saves, and the sum of many small overlapping
 * ranges is an old way to make a server work.
 *
 *   bytes = , first - last ,      OWS around commas only, empty elements count for nothing
 *   bytes = first -
 *   bytes = - suffix
 *
 * Numbers have any length; what does not fit in 64 bits is beyond every end, so it saturates.
 */
#include "http/range.h"

/* A range as written, before the size of the representation is looked at. */
struct spec {
	bool has_first;
	bool has_last;
	uint64_t first;
	uint64_t last; /* the length of the suffix without first */
};

static bool take_unit(struct bytes value, struct bytes *ret_set);
static bool take_only_element(struct bytes set, struct bytes *ret_element);
static bool parse_spec(struct bytes element, struct spec *ret_spec);

enum range_result range_parse(struct bytes value, uint64_t size, struct range *ret_range)
{
	struct bytes set, element;
	struct spec spec;

	if (!take_unit(value, &set) || !take_only_element(set, &element) || !parse_spec(element, &spec))
		return RANGE_IGNORED;
	if (!spec.has_first) {
		if (size == 0)
			return RANGE_IGNORED;
		if (spec.last == 0)
			return RANGE_UNSATISFIABLE;
		*ret_range = (struct range){ spec.last < size ? size - spec.last : 0, size - 1 };
		return RANGE_ONE;
	}
	if (spec.has_last && spec.last < spec.first)
		return RANGE_IGNORED;
	if (spec.first >= size)
		return RANGE_UNSATISFIABLE;
	*ret_range = (struct range){ spec.first, spec.has_last && spec.last < size ? spec.last : size - 1 };
	return RANGE_ONE;
}

static bool take_unit(struct bytes value, struct bytes *ret_set)
{
	struct bytes unit = BYTES("bytes=");

	if (value.size < unit.size || !bytes_equal_nocase(bytes_make(value.base, unit.size), unit))
		return false;
	*ret_set = bytes_skip(value, unit.size);
	return true;
}

/* A comma, or the white space that may stand around one (RFC 9110 5.6.1.2). */
static bool is_separator(uint8_t c)
{
	return c == ',' || c == ' ' || c == '\t';
}

/* The one element of a list that is not empty. White space before it must belong to a comma. */
static bool take_only_element(struct bytes set, struct bytes *ret_element)
{
	size_t begin = 0, end, rest;

	while (begin < set.size && is_separator(set.base[begin]))
		begin++;
	if (begin == set.size || (begin > 0 && memchr(set.base, ',', begin) == NULL))
		return false;
	for (end = begin; end < set.size && !is_separator(set.base[end]); end++)
		;
	for (rest = end; rest < set.size && is_separator(set.base[rest]); rest++)
		;
	*ret_element = bytes_make(set.base + begin, end - begin);
	return rest == set.size;
}

/* The digits at *at, which moves behind them. False when there are none. */
static bool take_number(struct bytes text, size_t *at, uint64_t *ret_number)
{
	size_t begin = *at;
	uint64_t number = 0;

	for (; *at < text.size && byte_is_digit(text.base[*at]); (*at)++) {
		unsigned digit = text.base[*at] - '0';

		number = number > (UINT64_MAX - digit) / 10 ? UINT64_MAX : 10 * number + digit;
	}
	*ret_number = number;
	return *at > begin;
}

static bool parse_spec(struct bytes element, struct spec *ret_spec)
{
	struct spec spec;
	size_t at = 0;

	spec.has_first = take_number(element, &at, &spec.first);
	if (at == element.size || element.base[at] != '-')
		return false;
	at++;
	spec.has_last = take_number(element, &at, &spec.last);
	if (at != element.size || (!spec.has_first && !spec.has_last))
		return false;
	*ret_spec = spec;
	return true;
}
