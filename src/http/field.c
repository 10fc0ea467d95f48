/* SPDX-License-Identifier: MIT */
/*
 * Which request field is this?
 *
 * http/http1 asks once per field line. Nearly every name of a real request is decided by its
 * length: one bit test says that no row of field.def is that long. Where a row is, the name is
 * compared with it in whole words. Both come out of field.def at compile time: the set of
 * lengths as one constant, the rows as one chain of tests by length that the compiler makes a
 * jump table or a short search of.
 */
#include "http/field.h"

#include "http/nocase.h"

#define LENGTH_MAX 63

#define FIELD(constant, name)                                                                                \
	_Static_assert(sizeof(name) - 1 <= LENGTH_MAX, "has_length() has no bit for " name);
#include "http/field.def"
#undef FIELD

/* Is there a row whose name is `size` bytes long? */
static inline bool has_length(size_t size)
{
	const uint64_t lengths = 0
#define FIELD(constant, name) | UINT64_C(1) << (sizeof(name) - 1)
#include "http/field.def"
#undef FIELD
		;

	return size <= LENGTH_MAX && lengths >> size & 1;
}

enum field_id field_recognise(struct bytes name)
{
	if (!has_length(name.size))
		return FIELD_UNKNOWN;
#define FIELD(constant, lower)                                                                               \
	if (name.size == sizeof(lower) - 1 && nocase_equal(name, BYTES(lower)))                              \
		return FIELD_##constant;
#include "http/field.def"
#undef FIELD
	return FIELD_UNKNOWN;
}
