/* SPDX-License-Identifier: MIT */
/*
 * What every fuzz entry is made of.
 *
 * fuzz_<name>.c has one function, the one that libFuzzer calls. It cuts its input into parts, hands them to
 * one module, and check()s what must hold for any bytes: results lie within the input, what was written
 * reads back, two implementations agree. It returns 0 always; a property that does not hold ends the process.
 *
 * Linked to libFuzzer (tools/fuzz) it searches; linked to replay.c it plays the files of corpus/<name> as an
 * ordinary test.
 */
#ifndef QUOIT_TESTS_FUZZ_FUZZ_H
#define QUOIT_TESTS_FUZZ_FUZZ_H

#include "base/bytes.h"
#include "base/check.h"
#include "guard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_PLACES 4
#define FUZZ_ROOM ((size_t)128 * 1024)

/*
 * Where a part of `size` bytes may be written so that it ends at a page without access. Each place holds one
 * part until it is asked for again.
 */
static inline uint8_t *fuzz_room(unsigned place, size_t size)
{
	static uint8_t *end[FUZZ_PLACES];
	static const uint8_t zeros[FUZZ_ROOM];

	check(place < FUZZ_PLACES && size <= FUZZ_ROOM);
	if (!end[place])
		end[place] = guard_copy(zeros, FUZZ_ROOM) + FUZZ_ROOM;
	return end[place] - size;
}

/* A copy of `part` that ends at a page without access. */
static inline struct bytes fuzz_place(unsigned place, struct bytes part)
{
	uint8_t *copy = fuzz_room(place, part.size);

	if (part.size > 0)
		memcpy(copy, part.base, part.size);
	return bytes_make(copy, part.size);
}

/* Take a number of `size` bytes off the front, the lowest first; what is not there is zero. */
static inline uint64_t fuzz_take_number(struct bytes *rest, size_t size)
{
	uint64_t number = 0;

	for (size_t i = 0; i < size && rest->size > 0; i++) {
		number |= (uint64_t)rest->base[0] << 8 * i;
		*rest = bytes_skip(*rest, 1);
	}
	return number;
}

/* Take what stands before the first `end` off the front, and `end` too; everything when there is none. */
static inline struct bytes fuzz_take_until(struct bytes *rest, uint8_t end)
{
	const uint8_t *found = rest->size > 0 ? memchr(rest->base, end, rest->size) : NULL;
	struct bytes part = bytes_make(rest->base, found ? (size_t)(found - rest->base) : rest->size);

	*rest = bytes_skip(*rest, part.size + (found ? 1 : 0));
	return part;
}

static inline struct bytes fuzz_take_line(struct bytes *rest)
{
	return fuzz_take_until(rest, '\n');
}

/* Does `part` lie in `whole`? An empty part may lie anywhere. */
static inline bool fuzz_is_within(struct bytes part, struct bytes whole)
{
	return part.size == 0 || ((uintptr_t)part.base >= (uintptr_t)whole.base && part.size <= whole.size &&
				  (uintptr_t)(part.base - whole.base) <= whole.size - part.size);
}

#endif
