/* SPDX-License-Identifier: MIT */
/* The Range field (RFC 9110 14.1.2, 14.2): which bytes of a representation are asked for. */
#ifndef QUOIT_HTTP_RANGE_H
#define QUOIT_HTTP_RANGE_H

#include <stdint.h>

#include "base/bytes.h"

/*
 * Ranges of one field, as written, before any are merged. Who asks for more is answered with
 * the whole representation, which costs less than so many parts (RFC 9110 17.15).
 */
#define RANGE_MAX 32

/* Bytes first..last, both inclusive. */
struct range {
	uint64_t first;
	uint64_t last;
};

/*
 * In the order of the request. No two overlap or touch, so all of them together are at most as
 * long as the representation.
 */
struct ranges {
	unsigned count;
	struct range range[RANGE_MAX]; /* the first `count` are set */
};

enum range_result {
	RANGE_IGNORED,       /* another unit, malformed, or too many: send the whole representation */
	RANGE_SATISFIABLE,   /* *ret_ranges has at least one range, each inside the representation */
	RANGE_UNSATISFIABLE, /* 416 */
};

/*
 * `size` is the length of the representation in bytes. Ranges behind its end are left out as
 * long as another one is not. Ranges that overlap or touch become one, in the place of the
 * first of them. A suffix of an empty representation could be satisfied, but Content-Range has
 * no words for it: the field is ignored.
 */
enum range_result range_parse(struct bytes value, uint64_t size, struct ranges *ret_ranges);

#endif
