/* SPDX-License-Identifier: MIT */
/*
 * What "accepted" and "refused" mean for every request head in the tests: not only that the
 * whole head gives the right answer, but that each of its prefixes does too.
 *
 * Everything is parsed where it ends at a page without access. HEAD() takes a literal with its
 * size, so that a head may hold NUL.
 */
#ifndef QUOIT_TESTS_UNIT_HEADS_H
#define QUOIT_TESTS_UNIT_HEADS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "guard.h"
#include "http/http1.h"

#define HEAD(text) bytes_make(text, sizeof(text) - 1)
#define HEADS_ROOM (64 * 1024)

static const struct http1_limits heads_limits = { .head_size_max = 4096,
						  .target_size_max = 1024,
						  .fields_max = 20 };

static uint8_t *heads_end; /* the page without access */
static struct scan heads_scan;

static inline int heads_set_up(void **state)
{
	static const uint8_t zeros[HEADS_ROOM];

	(void)state;
	scan_init(SCAN_BEST);
	heads_end = guard_copy(zeros, HEADS_ROOM) + HEADS_ROOM;
	return 0;
}

static inline int heads_tear_down(void **state)
{
	(void)state;
	guard_release(heads_end - HEADS_ROOM, HEADS_ROOM);
	return 0;
}

/* Copy `size` bytes in front of the guard page, scan and parse them. The slices live until the next call. */
static inline enum http1_result heads_parse_with(const void *text, size_t size,
						 const struct http1_limits *limits,
						 struct request *ret_request)
{
	uint8_t *copy = heads_end - size;

	assert_true(size <= HEADS_ROOM);
	memcpy(copy, text, size);
	scan_index(&heads_scan, copy, size);
	return http1_parse(&heads_scan, 0, limits, ret_request);
}

static inline enum http1_result heads_parse(const void *text, size_t size, struct request *ret_request)
{
	return heads_parse_with(text, size, &heads_limits, ret_request);
}

static inline void heads_fail(struct bytes head, size_t size, enum http1_result result,
			      const struct request *request)
{
	fail_msg("%zu of %zu bytes: result %d, refusal %d: %.*s", size, head.size, (int)result,
		 result == HTTP1_REFUSED ? request->refusal : 0, (int)head.size, (const char *)head.base);
}

/* Complete as a whole, with nothing of it left over; partial at every prefix. */
static inline void assert_accepted(struct bytes head, struct request *ret_request)
{
	enum http1_result result;

	for (size_t size = 0; size < head.size; size++) {
		result = heads_parse(head.base, size, ret_request);
		if (result != HTTP1_PARTIAL)
			heads_fail(head, size, result, ret_request);
	}
	result = heads_parse(head.base, head.size, ret_request);
	if (result != HTTP1_COMPLETE || ret_request->head_size != head.size)
		heads_fail(head, head.size, result, ret_request);
}

/* Refused as a whole with `status`; from the first prefix that is refused on, every longer one is. */
static inline size_t assert_refused(struct bytes head, uint16_t status)
{
	struct request request;
	size_t seen = head.size + 1;

	for (size_t size = 0; size <= head.size; size++) {
		enum http1_result result = heads_parse(head.base, size, &request);
		bool refused = result == HTTP1_REFUSED;

		if (refused && seen > size)
			seen = size;
		if (refused != (size >= seen) || result == HTTP1_COMPLETE || (size == head.size && !refused))
			heads_fail(head, size, result, &request);
	}
	if (request.refusal != status)
		heads_fail(head, head.size, HTTP1_REFUSED, &request);
	return seen;
}

/* As assert_refused(), and the fault is seen with the byte at offset `size` - 1, not before and not later. */
static inline void assert_refused_at(struct bytes head, uint16_t status, size_t size)
{
	size_t seen = assert_refused(head, status);

	if (seen != size)
		fail_msg("refused at %zu, not at %zu: %.*s", seen, size, (int)head.size,
			 (const char *)head.base);
}

static inline void assert_bytes(struct bytes bytes, const char *expected)
{
	if (!bytes_equal(bytes, bytes_string(expected)))
		fail_msg("\"%.*s\" is not \"%s\"", (int)bytes.size, (const char *)bytes.base, expected);
}

#endif
