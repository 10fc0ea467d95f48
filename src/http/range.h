/* SPDX-License-Identifier: MIT */
/* The Range field (RFC 9110 14.1.2, 14.2): which bytes of a representation are asked for. */
#ifndef QUOIT_HTTP_RANGE_H
#define QUOIT_HTTP_RANGE_H

#include <stdint.h>

#include "base/bytes.h"

/* Bytes first..last, both inclusive. */
struct range {
	uint64_t first;
	uint64_t last;
};

enum range_result {
	RANGE_IGNORED, /* another unit, malformed, or more than one range: send the whole representation */
	RANGE_ONE,     /* *ret_range is set, last cut to size - 1 */
	RANGE_UNSATISFIABLE, /* 416 */
};

/* `size` is the length of the representation in bytes. A suffix of an empty one is ignored. */
enum range_result range_parse(struct bytes value, uint64_t size, struct range *ret_range);

#endif
