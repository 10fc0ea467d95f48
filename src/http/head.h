/* SPDX-License-Identifier: MIT */
/*
 * Write response heads (RFC 9112 4 and 5) into memory that the caller has.
 *
 *   HTTP/1.1 200 OK\r\n
 *   Server: quoit\r\n
 *   Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n      <- head_patch_date(), at date_offset
 *   ...
 *   Connection: keep-alive\r\n                   <- connection_offset is where this line starts
 *   \r\n
 *
 * The two lines that change are found by their offsets wherever they stand: the head for a connection
 * that closes is what is before the Connection line, HEAD_CLOSE, and what is behind the line.
 */
#ifndef QUOIT_HTTP_HEAD_H
#define QUOIT_HTTP_HEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "http/date.h"
#include "http/range.h"

/* Whole lines. */
#define HEAD_KEEP_ALIVE BYTES("Connection: keep-alive\r\n")
#define HEAD_CLOSE BYTES("Connection: close\r\n")

struct head {
	uint8_t *base; /* the caller's */
	uint32_t capacity;
	uint32_t size; /* bytes written; grows beyond capacity when they do not fit, which are not written */
	uint32_t date_offset;       /* of the first byte of the date; 0 without one */
	uint32_t connection_offset; /* where the Connection line starts; 0 without one */
};

/* The status line. `status` must be a row of status.def. */
void head_begin(struct head *head, void *base, size_t capacity, unsigned status);

/* One field line. The value must not contain CR, LF or NUL. */
void head_field(struct head *head, struct bytes name, struct bytes value);
void head_field_number(struct head *head, struct bytes name, uint64_t value);
void head_field_date(struct head *head, struct bytes name, int64_t seconds);

/* The lines that change from answer to answer: once each. */
void head_date(struct head *head, int64_t now);
void head_connection(struct head *head, bool keep_alive);

/* A line, or several, that are written already, with their CRLF. */
void head_lines(struct head *head, struct bytes lines);

/* Content-Range: bytes first-last/size, and, for 416, bytes * /size. */
void head_content_range(struct head *head, struct range range, uint64_t size);
void head_content_range_unsatisfied(struct head *head, uint64_t size);

/* The blank line. False when the head did not fit into capacity. */
bool head_end(struct head *head);

/* Overwrite the date of a finished head. */
void head_patch_date(uint8_t *head, uint32_t date_offset, const uint8_t date[DATE_SIZE]);

/* "Not Found" for 404; the status must be a row of status.def. */
struct bytes status_reason(unsigned status);

#endif
