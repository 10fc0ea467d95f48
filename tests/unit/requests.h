/* SPDX-License-Identifier: MIT */
/*
 * Requests as the parser leaves them, for tests of what is decided by them. Every field value ends at
 * a page without access, and what a field that was not sent has for one cannot be read at all.
 */
#ifndef QUOIT_TESTS_UNIT_REQUESTS_H
#define QUOIT_TESTS_UNIT_REQUESTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "guard.h"
#include "http/http1.h"

#define REQUESTS_ROOM 65536

static uint8_t *requests_end[FIELD_COUNT]; /* one guarded region per field */

static inline void requests_set_up(void)
{
	static const uint8_t zeros[REQUESTS_ROOM];

	for (unsigned i = 0; i < FIELD_COUNT; i++)
		requests_end[i] = guard_copy(zeros, REQUESTS_ROOM) + REQUESTS_ROOM;
}

static inline void requests_tear_down(void)
{
	for (unsigned i = 0; i < FIELD_COUNT; i++)
		guard_release(requests_end[i] - REQUESTS_ROOM, REQUESTS_ROOM);
}

static inline struct request request_make(enum method method, bool keep_alive)
{
	struct request request = { .method = method, .minor = 1, .keep_alive = keep_alive };

	for (unsigned i = 0; i < FIELD_COUNT; i++)
		request.field[i] = bytes_make(requests_end[i], 1);
	return request;
}

/* A field that was sent; NULL: that was not. The value lasts until the field is set again. */
static inline void request_set(struct request *request, enum field_id id, const char *value)
{
	size_t size = value ? strlen(value) : 0;
	uint8_t *copy = requests_end[id] - size;

	if (!value)
		return;
	assert_true(size <= REQUESTS_ROOM);
	memcpy(copy, value, size);
	request->field[id] = bytes_make(copy, size);
	request->present |= UINT32_C(1) << id;
}

/* GET with one field. */
static inline struct request request_with(enum field_id id, const char *value)
{
	struct request request = request_make(METHOD_GET, true);

	request_set(&request, id, value);
	return request;
}

#endif
