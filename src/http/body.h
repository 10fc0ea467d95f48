/* SPDX-License-Identifier: MIT */
/*
 * Read off a request's body: sized or chunked (RFC 9112 6 and 7). The bytes are thrown away;
 * what matters is where the body ends, so that nothing in it is ever taken for a request.
 *
 * Pure, and resumable at any byte: the state is a few words in the connection.
 */
#ifndef QUOIT_HTTP_BODY_H
#define QUOIT_HTTP_BODY_H

#include <stdint.h>

#include "base/bytes.h"
#include "http/http1.h"

struct body {
	uint8_t state;      /* private */
	uint16_t line_size; /* bytes of the current chunk-size line or trailer section so far */
	uint64_t remaining; /* bytes of the sized body or of the current chunk still to come */
	uint64_t budget;    /* body bytes that may still come before it is too large */
};

enum body_result {
	BODY_MORE,      /* all bytes used; the body goes on */
	BODY_DONE,      /* the body ended; *ret_used says where */
	BODY_MALFORMED, /* a chunk size, line end or trailer that RFC 9112 7.1 does not allow: 400 and close
			 */
	BODY_TOO_LARGE, /* more than size_max: 413 and close */
};

/* Limits inside the chunked coding, in bytes: a chunk-size line with its extensions; the trailer section. */
#define BODY_CHUNK_LINE_MAX 256
#define BODY_TRAILER_MAX 8192

/*
 * Start on the body that `request` announces. Returns BODY_DONE when there is none,
 * BODY_TOO_LARGE when its Content-Length alone exceeds size_max, else BODY_MORE.
 */
enum body_result body_begin(struct body *body, const struct request *request, uint64_t size_max);

/* Consume bytes of the body. *ret_used is set for every result: how many of `data` belong to it. */
enum body_result body_consume(struct body *body, struct bytes data, size_t *ret_used);

#endif
