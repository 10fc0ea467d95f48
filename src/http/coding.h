/* SPDX-License-Identifier: MIT */
/* Content codings (RFC 9110 8.4): the rows of coding.def, and identity, which is none. */
#ifndef QUOIT_HTTP_CODING_H
#define QUOIT_HTTP_CODING_H

#include "base/bytes.h"

enum coding {
	CODING_IDENTITY,
#define CODING(constant, token, ending) CODING_##constant,
#include "http/coding.def"
#undef CODING
	CODING_COUNT,
};

/* "br"; "identity" for CODING_IDENTITY. */
static inline struct bytes coding_token(enum coding coding)
{
	switch (coding) {
#define CODING(constant, token, ending)                                                                      \
	case CODING_##constant:                                                                              \
		return BYTES(token);
#include "http/coding.def"
#undef CODING
	default:
		return BYTES("identity");
	}
}

/* ".br"; empty for CODING_IDENTITY. */
static inline struct bytes coding_ending(enum coding coding)
{
	switch (coding) {
#define CODING(constant, token, ending)                                                                      \
	case CODING_##constant:                                                                              \
		return BYTES(ending);
#include "http/coding.def"
#undef CODING
	default:
		return BYTES("");
	}
}

/* The coding of this token, without case; CODING_COUNT when it is none. "x-gzip" is gzip (RFC 9110 8.4.1.3).
 */
static inline enum coding coding_find(struct bytes token)
{
	if (bytes_equal_nocase(token, BYTES("x-gzip")))
		return CODING_GZIP;
	for (int i = 0; i < CODING_COUNT; i++)
		if (bytes_equal_nocase(token, coding_token((enum coding)i)))
			return (enum coding)i;
	return CODING_COUNT;
}

#endif
