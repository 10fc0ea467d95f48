/* SPDX-License-Identifier: MIT */
/*
 * The Range field: which parts of a representation are asked for.
 *
 * Called by site/answer for a GET whose conditions let a range through. Never an error: a
 * server may ignore Range at any time (RFC 9110 14.2), so a field that is malformed in any of
 * its elements becomes the whole representation.
 *
 *   bytes = , first - last , first - , - suffix ,
 *
 * White space stands around commas only, and empty elements count for nothing. Numbers have
 * any length; what does not fit in 64 bits is beyond every end, so it saturates.
 *
 * The hard thing is what many ranges may cost. Overlapping ones are an old way to make a server
 * send a file a thousand times, so they are merged while they are read: those kept never
 * overlap or touch, whatever was asked for, and there are at most RANGE_MAX of them.
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
static struct bytes take_element(struct bytes *set);
static bool parse_spec(struct bytes element, struct spec *ret_spec);
static enum range_result resolve(const struct spec *spec, uint64_t size, struct range *ret_range);
static void add(struct ranges *ranges, struct range added);

enum range_result range_parse(struct bytes value, uint64_t size, struct ranges *ret_ranges)
{
	struct ranges ranges;
	struct bytes set;
	unsigned elements = 0;

	ranges.count = 0;
	if (!take_unit(value, &set))
		return RANGE_IGNORED;
	while (set.size > 0) {
		struct bytes element = take_element(&set);
		enum range_result result;
		struct range range;
		struct spec spec;

		if (element.size == 0)
			continue;
		if (++elements > RANGE_MAX || !parse_spec(element, &spec))
			return RANGE_IGNORED;
		result = resolve(&spec, size, &range);
		if (result == RANGE_IGNORED)
			return RANGE_IGNORED;
		if (result == RANGE_SATISFIABLE)
			add(&ranges, range);
	}
	if (ranges.count == 0)
		return elements > 0 ? RANGE_UNSATISFIABLE : RANGE_IGNORED;
	ret_ranges->count = ranges.count;
	memcpy(ret_ranges->range, ranges.range, ranges.count * sizeof(ranges.range[0]));
	return RANGE_SATISFIABLE;
}

/* White space directly behind the "=" must belong to a comma; around elements it is cut off later. */
static bool take_unit(struct bytes value, struct bytes *ret_set)
{
	struct bytes unit = BYTES("bytes=");
	size_t white = 0;
	struct bytes set;

	if (value.size < unit.size || !bytes_equal_nocase(bytes_make(value.base, unit.size), unit))
		return false;
	set = bytes_skip(value, unit.size);
	while (white < set.size && (set.base[white] == ' ' || set.base[white] == '\t'))
		white++;
	if (white > 0 && (white == set.size || set.base[white] != ','))
		return false;
	*ret_set = set;
	return true;
}

/* The element before the first comma, maybe an empty one (RFC 9110 5.6.1.2). `set` is not empty. */
static struct bytes take_element(struct bytes *set)
{
	const uint8_t *comma = memchr(set->base, ',', set->size);
	size_t size = comma ? (size_t)(comma - set->base) : set->size;
	struct bytes element = bytes_trim(bytes_make(set->base, size));

	*set = bytes_skip(*set, comma ? size + 1 : size);
	return element;
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
	if (spec.has_first && spec.has_last && spec.last < spec.first)
		return false;
	*ret_spec = spec;
	return true;
}

/* Which bytes of `size` are these? */
static enum range_result resolve(const struct spec *spec, uint64_t size, struct range *ret_range)
{
	if (!spec->has_first) {
		if (size == 0)
			return RANGE_IGNORED;
		if (spec->last == 0)
			return RANGE_UNSATISFIABLE;
		*ret_range = (struct range){ spec->last < size ? size - spec->last : 0, size - 1 };
		return RANGE_SATISFIABLE;
	}
	if (spec->first >= size)
		return RANGE_UNSATISFIABLE;
	*ret_range =
		(struct range){ spec->first, spec->has_last && spec->last < size ? spec->last : size - 1 };
	return RANGE_SATISFIABLE;
}

/* Is there no byte between them? `last` is below the size, so that one more is still a number. */
static bool is_joined(struct range a, struct range b)
{
	return a.first <= b.last + 1 && b.first <= a.last + 1;
}

/*
 * Swallow every range that `added` overlaps or touches, and put the result where the first of
 * them was. One pass is enough: ranges that are kept have gaps between them, so the result
 * reaches none that `added` itself did not reach.
 *
 *   kept     [---]        [----]  [---]         [--]
 *   added         [----------]
 *   result   [-----------------]  [---]         [--]
 */
static void add(struct ranges *ranges, struct range added)
{
	unsigned place = RANGE_MAX, kept = 0;

	for (unsigned i = 0; i < ranges->count; i++) {
		struct range range = ranges->range[i];

		if (!is_joined(range, added)) {
			ranges->range[kept++] = range;
			continue;
		}
		if (place == RANGE_MAX)
			place = kept++;
		added.first = range.first < added.first ? range.first : added.first;
		added.last = range.last > added.last ? range.last : added.last;
	}
	if (place == RANGE_MAX)
		place = kept++;
	ranges->range[place] = added;
	ranges->count = kept;
}
