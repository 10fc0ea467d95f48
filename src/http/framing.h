/* SPDX-License-Identifier: MIT */
/*
 * What the fields of a request mean for the connection: where the body ends, whether another
 * request may follow, and whether the head is to be believed at all (RFC 9112 3.2, 6 and 9).
 *
 * Private to http/http1, which finds the lines; this is what they say.
 */
#ifndef QUOIT_HTTP_FRAMING_H
#define QUOIT_HTTP_FRAMING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "http/http1.h"

/* Collected over all lines of one head; starts as all zero. */
struct framing {
	bool close;         /* an option of a Connection line, of any of them */
	bool keep_alive;    /* likewise */
	uint16_t objection; /* well-formed but not for us: 417 or 501. Waits, since bad syntax further on is
			       graver */
};

/* A bit per enum field_id: framing_take() wants to see the lines of these. */
#define FRAMING_FIELDS                                                                                       \
	(UINT32_C(1) << FIELD_HOST | UINT32_C(1) << FIELD_CONTENT_LENGTH |                                   \
	 UINT32_C(1) << FIELD_TRANSFER_ENCODING | UINT32_C(1) << FIELD_CONNECTION |                          \
	 UINT32_C(1) << FIELD_EXPECT)

/*
 * One line. request->minor is set, and request->present and ->repeated count this line already.
 * Sets content_length, chunked and expect_continue. Returns the status to refuse the request
 * with at once, or 0.
 */
uint16_t framing_take(struct framing *framing, struct request *request, enum field_id id, struct bytes value);

/* After the last line: sets keep_alive. Returns the status to refuse the request with, or 0. */
uint16_t framing_conclude(const struct framing *framing, struct request *request);

#endif
