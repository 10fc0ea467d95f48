/* SPDX-License-Identifier: MIT */
/*
 * The text of a multipart/byteranges body (RFC 9110 14.6, RFC 2046 5.1): what stands between
 * the ranges. The bytes of the ranges themselves are the caller's to send.
 *
 *   --b\r\n                                      \
 *   Content-Type: text/html\r\n                   | multipart_part(0)
 *   Content-Range: bytes 0-1/10\r\n               |
 *   \r\n                                         /
 *   <bytes 0..1>
 *   \r\n--b\r\n ... \r\n                           multipart_part(1)
 *   <bytes 8..9>
 *   \r\n--b--\r\n                                  multipart_end()
 *
 * Everything written depends on struct multipart alone, so that a part may be written when its
 * turn comes, and the length is known before. For one range there is no multipart: that is a
 * plain 206 (RFC 9110 15.3.7.2).
 */
#ifndef QUOIT_HTTP_MULTIPART_H
#define QUOIT_HTTP_MULTIPART_H

#include <stdint.h>

#include "base/bytes.h"
#include "http/range.h"

#define MULTIPART_BOUNDARY_SIZE 16

/* What the functions below write at most, in bytes. No number of a file has more than 19 digits. */
#define MULTIPART_PART_SIZE_MAX(type_size)                                                                   \
	(sizeof("\r\n--\r\n" /* boundary */ "Content-Type: \r\n" /* type */ "Content-Range: bytes -/\r\n"    \
		"\r\n") -                                                                                    \
	 1 + MULTIPART_BOUNDARY_SIZE + (type_size) + 3 * (size_t)19)
#define MULTIPART_END_SIZE (sizeof("\r\n----\r\n") - 1 + MULTIPART_BOUNDARY_SIZE)
#define MULTIPART_TYPE_SIZE (sizeof("multipart/byteranges; boundary=") - 1 + MULTIPART_BOUNDARY_SIZE)

struct multipart {
	const struct ranges *ranges; /* the caller's, as is `type`; both must live as long */
	uint64_t size;               /* of the whole representation */
	struct bytes type;           /* its Content-Type; size 0: the parts have none */
	uint8_t boundary[MULTIPART_BOUNDARY_SIZE];
};

/*
 * `ranges` as range_parse() set them, of a representation of `size` bytes, at most INT64_MAX.
 * `seed` becomes the boundary and should be random for each response: nobody who makes content
 * can then put the boundary into it, and by chance it is in there once in 2^64 places.
 */
void multipart_init(struct multipart *multipart, const struct ranges *ranges, uint64_t size,
		    struct bytes type, uint64_t seed);

/* Content-Length: all part heads, all ranges, and the end. */
uint64_t multipart_length(const struct multipart *multipart);

/* The value of Content-Type. Writes MULTIPART_TYPE_SIZE bytes, returns how many. */
size_t multipart_type(const struct multipart *multipart, uint8_t *out);

/*
 * The delimiter and the part head in front of range `index`. Writes at most
 * MULTIPART_PART_SIZE_MAX(type.size) bytes, returns how many.
 */
size_t multipart_part(const struct multipart *multipart, unsigned index, uint8_t *out);

/* What closes the body. Writes MULTIPART_END_SIZE bytes, returns how many. */
size_t multipart_end(const struct multipart *multipart, uint8_t *out);

#endif
