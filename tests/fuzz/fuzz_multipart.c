/* SPDX-License-Identifier: MIT */
/*
 * The text around several ranges: http/multipart, on ranges that http/range has read.
 *
 *   bytes 0 to 7     the size of the representation
 *   bytes 8 to 15    the seed of the boundary
 *   a line           Range
 *   a line           the type of the parts
 *
 * The length that is promised is that of what is written and of the ranges; every part begins with the
 * boundary, names its own range, and leaves the room that it was given.
 */
#include <stdio.h>

#include "fuzz.h"
#include "http/multipart.h"

#define INPUT_SIZE_MAX 1024

/* Take `part` off the front of what was written. */
static void expect(struct bytes *written, const char *part, size_t size)
{
	check(written->size >= size && memcmp(written->base, part, size) == 0);
	*written = bytes_skip(*written, size);
}

static void check_part(const struct multipart *multipart, unsigned index, struct bytes written)
{
	struct range range = multipart->ranges->range[index];
	char line[128];
	int size = snprintf(line, sizeof(line), "Content-Range: bytes %llu-%llu/%llu\r\n\r\n",
			    (unsigned long long)range.first, (unsigned long long)range.last,
			    (unsigned long long)multipart->size);

	if (index > 0)
		expect(&written, "\r\n", 2);
	expect(&written, "--", 2);
	expect(&written, (const char *)multipart->boundary, MULTIPART_BOUNDARY_SIZE);
	expect(&written, "\r\n", 2);
	if (multipart->type.size > 0) {
		expect(&written, "Content-Type: ", 14);
		expect(&written, (const char *)multipart->type.base, multipart->type.size);
		expect(&written, "\r\n", 2);
	}
	expect(&written, line, (size_t)size);
	check(written.size == 0);
}

static void check_body(const struct multipart *multipart)
{
	uint8_t *out = fuzz_room(1, MULTIPART_PART_SIZE_MAX(multipart->type.size));
	uint64_t length = 0;

	for (unsigned i = 0; i < multipart->ranges->count; i++) {
		size_t size = multipart_part(multipart, i, out);

		check(size <= MULTIPART_PART_SIZE_MAX(multipart->type.size));
		check_part(multipart, i, bytes_make(out, size));
		length += size + (multipart->ranges->range[i].last - multipart->ranges->range[i].first + 1);
	}
	out = fuzz_room(2, MULTIPART_END_SIZE);
	length += multipart_end(multipart, out);
	check(memcmp(out + 4, multipart->boundary, MULTIPART_BOUNDARY_SIZE) == 0);
	check(length == multipart_length(multipart));
	out = fuzz_room(3, MULTIPART_TYPE_SIZE);
	check(multipart_type(multipart, out) == MULTIPART_TYPE_SIZE);
	check(memmem(out, MULTIPART_TYPE_SIZE, multipart->boundary, MULTIPART_BOUNDARY_SIZE) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes rest = bytes_make(data, size < INPUT_SIZE_MAX ? size : INPUT_SIZE_MAX), value, type;
	uint64_t representation = fuzz_take_number(&rest, 8) & INT64_MAX;
	uint64_t seed = fuzz_take_number(&rest, 8);
	struct multipart multipart;
	struct ranges ranges;

	value = fuzz_take_line(&rest);
	type = fuzz_take_line(&rest); /* one line, as every type of the configuration is */
	if (memchr(type.base, '\r', type.size) || memchr(type.base, 0, type.size) ||
	    range_parse(value, representation, &ranges) != RANGE_SATISFIABLE)
		return 0;
	multipart_init(&multipart, &ranges, representation, fuzz_place(0, type), seed);
	check_body(&multipart);
	return 0;
}
