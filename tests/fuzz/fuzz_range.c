/* SPDX-License-Identifier: MIT */
/*
 * A Range field: http/range.
 *
 *   byte 0          how the size is made of the next ones
 *   bytes 1 to 8    the size of the representation
 *   the rest        the value
 *
 * Ranges lie within the representation, have gaps between them, and are as many as allowed at most. The value
 * is also read by a plain twin that keeps every range as it is written; of small representations, which
 * bytes are asked for is compared one by one.
 */
#include <strings.h>

#include "fuzz.h"
#include "http/range.h"

#define VALUE_SIZE_MAX 2048
#define PICTURE_SIZE 64

/* What the twin has read. */
struct twin {
	enum range_result result;
	uint64_t picture; /* of a representation of at most 64 bytes: those that are asked for */
	uint64_t first;   /* of the first satisfiable range */
	unsigned count;
};

/* As strtoull, which saturates: but digits only. False when there are none. */
static bool read_number(const char **text, uint64_t *ret_number)
{
	char *end;

	if (**text < '0' || **text > '9')
		return false;
	*ret_number = strtoull(*text, &end, 10);
	*text = end;
	return true;
}

static uint64_t picture_of(uint64_t first, uint64_t last)
{
	uint64_t picture = 0;

	for (uint64_t at = first; at <= last && at < PICTURE_SIZE; at++)
		picture |= UINT64_C(1) << at;
	return picture;
}

/* One range as written, without the white space around it. False: the field is to be ignored. */
static bool twin_add(struct twin *twin, const char *text, uint64_t size)
{
	uint64_t first = 0, last = UINT64_MAX;
	bool has_first = read_number(&text, &first), has_last;

	if (*text++ != '-')
		return false;
	has_last = read_number(&text, &last);
	if (*text != 0 || !(has_first || has_last) || (has_first && has_last && last < first))
		return false;
	if (!has_first && size == 0)
		return false;
	if (!has_first && last == 0)
		return true;
	if (!has_first) {
		first = last < size ? size - last : 0;
		last = size - 1;
	}
	if (first >= size)
		return true;
	if (twin->count++ == 0)
		twin->first = first;
	twin->picture |= picture_of(first, last < size ? last : size - 1);
	return true;
}

static char *trimmed(char *text)
{
	size_t size;

	text += strspn(text, " \t");
	for (size = strlen(text); size > 0 && strchr(" \t", text[size - 1]); size--)
		text[size - 1] = 0;
	return text;
}

/* `value` has no NUL, and may be written into. */
static struct twin twin_read(char *value, uint64_t size)
{
	struct twin twin = { .result = RANGE_IGNORED };
	unsigned elements = 0;
	char *rest = value + 6, *element;

	if (strncasecmp(value, "bytes=", 6) != 0)
		return twin;
	if (strchr(" \t", *rest) && *rest && rest[strspn(rest, " \t")] != ',')
		return twin;
	while ((element = strsep(&rest, ","))) {
		element = trimmed(element);
		if (*element == 0)
			continue;
		if (++elements > RANGE_MAX || !twin_add(&twin, element, size))
			return twin;
	}
	if (elements > 0)
		twin.result = twin.count > 0 ? RANGE_SATISFIABLE : RANGE_UNSATISFIABLE;
	return twin;
}

static void check_ranges(const struct ranges *ranges, uint64_t size)
{
	check(ranges->count >= 1 && ranges->count <= RANGE_MAX);
	for (unsigned i = 0; i < ranges->count; i++) {
		struct range a = ranges->range[i];

		check(a.first <= a.last && a.last < size);
		for (unsigned k = 0; k < i; k++) {
			struct range b = ranges->range[k];

			check((a.first > b.last && a.first - b.last > 1) ||
			      (b.first > a.last && b.first - a.last > 1));
		}
	}
}

static void compare(struct bytes value, uint64_t size, enum range_result result, const struct ranges *ranges)
{
	char text[VALUE_SIZE_MAX + 1];
	uint64_t picture = 0;
	struct twin twin;

	if (memchr(value.base, 0, value.size))
		return;
	memcpy(text, value.base, value.size);
	text[value.size] = 0;
	twin = twin_read(text, size);
	check(result == twin.result);
	if (result != RANGE_SATISFIABLE)
		return;
	check(ranges->count <= twin.count);
	check(ranges->range[0].first <= twin.first && twin.first <= ranges->range[0].last);
	for (unsigned i = 0; i < ranges->count; i++)
		picture |= picture_of(ranges->range[i].first, ranges->range[i].last);
	check(picture == twin.picture);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes rest = bytes_make(data, size < VALUE_SIZE_MAX ? size : VALUE_SIZE_MAX), value;
	unsigned kind = (unsigned)fuzz_take_number(&rest, 1);
	uint64_t representation = fuzz_take_number(&rest, 8);
	struct ranges ranges = { .count = 0 };
	enum range_result result;

	if (kind % 4 == 0)
		representation &= INT64_MAX;
	else if (kind % 4 == 1)
		representation %= 1000;
	else
		representation %= PICTURE_SIZE + 1;
	value = fuzz_place(0, rest);
	result = range_parse(value, representation, &ranges);
	check(result == RANGE_IGNORED || result == RANGE_SATISFIABLE || result == RANGE_UNSATISFIABLE);
	check(result == RANGE_SATISFIABLE || ranges.count == 0);
	if (result == RANGE_SATISFIABLE)
		check_ranges(&ranges, representation);
	compare(value, representation, result, &ranges);
	return 0;
}
