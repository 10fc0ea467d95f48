/* SPDX-License-Identifier: MIT */
/*
 * The head of an HTTP/1.x request (RFC 9112 2 to 6): bytes in, struct request out.
 *
 * Pure: no allocation, no system call, no clock. Strict on purpose: what RFC 9112 lets a
 * lenient server repair (bare LF, obs-fold, white space before a colon, several spaces in the
 * request line) is refused, because two readers that repair differently is what request
 * smuggling is made of.
 */
#ifndef QUOIT_HTTP_HTTP1_H
#define QUOIT_HTTP_HTTP1_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "http/field.h"
#include "http/scan.h"

enum method {
#define METHOD(constant, token) METHOD_##constant,
#include "http/method.def"
#undef METHOD
	METHOD_COUNT,
};

struct http1_limits {
	uint32_t head_size_max;   /* bytes of the whole head, blank line included: 431 */
	uint32_t target_size_max; /* bytes of the request target: 414 */
	uint32_t fields_max;      /* field lines: 431 */
};

/* All slices point into the scanned buffer. */
struct request {
	enum method method;      /* of a refused head: METHOD_COUNT when it was not read */
	uint8_t minor;           /* 0 for HTTP/1.0, 1 for HTTP/1.1 and every later 1.x */
	bool keep_alive;         /* by version and Connection (RFC 9112 9.3) */
	bool expect_continue;    /* Expect: 100-continue, HTTP/1.1 only */
	bool chunked;            /* Transfer-Encoding: chunked */
	uint16_t refusal;        /* the status to answer with, when HTTP1_REFUSED */
	uint32_t head_size;      /* bytes consumed, leading empty line and blank line included */
	uint32_t present;        /* bit per enum field_id: field[] is set */
	uint32_t repeated;       /* bit per enum field_id: there were several; field[] is the first */
	uint64_t content_length; /* 0 when there is no Content-Length */
	const uint8_t *head;     /* head_size bytes, in the scanned buffer too */
	struct bytes target;
	struct bytes field[FIELD_COUNT]; /* value without the white space around it; set only where present */
};

enum http1_result {
	HTTP1_COMPLETE, /* *ret_request is set, keep-alive and body framing included */
	HTTP1_PARTIAL,  /* nothing wrong so far; call again with more bytes from the same start */
	HTTP1_REFUSED,  /* answer ret_request->refusal and close: the framing cannot be trusted */
};

/*
 * Parse one head that starts at offset `begin` of the scanned buffer. What is wrong is
 * reported as soon as the bytes that show it are there, also in a head that is not complete:
 * a wrong byte with that byte, a wrong value with the end of its line. Where several things are
 * wrong in the bytes that are there, bad syntax (400) comes before what we only cannot do (501,
 * 417). Unless HTTP1_COMPLETE, only method and refusal of *ret_request mean anything.
 *
 * Refusals: 400 malformed request line, version, field name, control byte, bare CR or LF,
 * obs-fold, white space before the colon, missing/repeated/malformed Host (RFC 9112 3.2),
 * malformed or repeated Content-Length, Transfer-Encoding in HTTP/1.0, with Content-Length, or
 * not ending in chunked; 414 target; 431 head or fields; 501 unknown method, or a transfer
 * coding before chunked; 505 version other than 1.x; 417 an unknown expectation.
 */
enum http1_result http1_parse(const struct scan *scan, size_t begin, const struct http1_limits *limits,
			      struct request *ret_request);

/*
 * The fields whose values are lists, so that several lines of one of them mean the same as one
 * line (RFC 9110 5.3, RFC 9530 4). Connection is another, but all its lines are read while parsing.
 */
#define HTTP1_LIST_FIELDS                                                                                    \
	(UINT32_C(1) << FIELD_IF_MATCH | UINT32_C(1) << FIELD_IF_NONE_MATCH | UINT32_C(1) << FIELD_ACCEPT |  \
	 UINT32_C(1) << FIELD_ACCEPT_ENCODING | UINT32_C(1) << FIELD_ACCEPT_LANGUAGE |                       \
	 UINT32_C(1) << FIELD_WANT_REPR_DIGEST)

/*
 * Make one value of the lines of every list field that is marked as repeated: field[] becomes all
 * values, joined by ", " in the order they were sent, and `repeated` forgets it. What is joined
 * is written to `out`; head_size bytes are room enough for every request. Where `capacity` is
 * not, a field may stay as it was, repeated. Returns how many bytes were written.
 *
 * For a complete head, whose bytes must still be there. Reads it again for each such field, so
 * ask first: `if (request.repeated & HTTP1_LIST_FIELDS)`.
 */
size_t http1_join(struct request *request, uint8_t *out, size_t capacity);

static inline bool request_has(const struct request *request, enum field_id id)
{
	return request->present & (UINT32_C(1) << id);
}

/* The field's value when it was sent exactly once. */
static inline bool request_has_one(const struct request *request, enum field_id id)
{
	return request->present & ~request->repeated & (UINT32_C(1) << id);
}

static inline bool request_has_body(const struct request *request)
{
	return request->chunked || request->content_length > 0;
}

#endif
