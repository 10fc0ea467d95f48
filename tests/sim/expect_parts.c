/* SPDX-License-Identifier: MIT */
/*
 * Several ranges: which bytes they are, and the multipart body that has them.
 *
 * Called by expect.c. The bytes that are asked for are marked one by one, which is slow and cannot be wrong.
 * A part of the answer must then be a run of marked bytes between two that are not.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "expect.h"
#include "files.h"
#include "world.h"

static uint8_t marked[1 << 20];

static void mark(const struct exchange *exchange, uint64_t size)
{
	world_check(size < sizeof(marked), "a file of %llu bytes", (unsigned long long)size);
	memset(marked, 0, size + 1);
	for (unsigned i = 0; i < exchange->range_count; i++) {
		const struct asked_range *range = &exchange->range[i];

		for (uint64_t at = 0; at < size; at++)
			if (range->is_suffix ? at + range->last >= size
					     : at >= range->first && (range->is_open || at <= range->last))
				marked[at] = 1;
	}
}

static bool is_run(uint64_t first, uint64_t last, uint64_t size)
{
	for (uint64_t at = first; at <= last; at++)
		if (marked[at] != 1)
			return false;
	return (first == 0 || !marked[first - 1]) && (last + 1 == size || !marked[last + 1]);
}

static unsigned count_runs(uint64_t size)
{
	unsigned count = 0;

	for (uint64_t at = 0; at < size; at++)
		count += marked[at] && (at == 0 || !marked[at - 1]);
	return count;
}

/* Which of the ranges asked for is the first to have this byte? */
static unsigned place_of(const struct exchange *exchange, uint64_t at, uint64_t last, uint64_t size)
{
	for (unsigned i = 0; i < exchange->range_count; i++) {
		const struct asked_range *range = &exchange->range[i];
		uint64_t first = range->first;

		if (range->is_suffix)
			first = range->last < size ? size - range->last : 0;
		if (first >= at && first <= last && !(range->is_suffix && range->last == 0))
			return i;
	}
	return exchange->range_count;
}

/* One part at `at`; NULL: it is not one. Returns what is behind its bytes. */
static const uint8_t *take_part(const struct exchange *exchange, const struct edition *edition,
				const char *boundary, const uint8_t *at, const uint8_t *end, bool is_first,
				unsigned *place)
{
	char head[512];
	unsigned long long first, last, size;
	const uint8_t *text_end = memmem(at, (size_t)(end - at), "\r\n\r\n", 4);
	size_t head_size = text_end ? (size_t)(text_end - at) + 4 : 0;
	const char *range;
	unsigned here;

	if (!is_first) {
		if (end - at < 2 || memcmp(at, "\r\n", 2) != 0)
			return NULL;
		at += 2;
		text_end = memmem(at, (size_t)(end - at), "\r\n\r\n", 4);
		head_size = text_end ? (size_t)(text_end - at) + 4 : 0;
	}
	if (head_size == 0 || head_size >= sizeof(head))
		return NULL;
	memcpy(head, at, head_size);
	head[head_size] = 0;
	if (strncmp(head, "--", 2) != 0 || strncmp(head + 2, boundary, strlen(boundary)) != 0)
		return NULL;
	range = strstr(head, "\r\nContent-Range: bytes ");
	if (!range || sscanf(range + 23, "%llu-%llu/%llu", &first, &last, &size) != 3)
		return NULL;
	if (size != edition->size || first > last || last >= size || !is_run(first, last, size))
		return NULL;
	here = place_of(exchange, first, last, size);
	if (!is_first && here <= *place)
		return NULL;
	*place = here;
	at += head_size;
	if ((size_t)(end - at) < last - first + 1 ||
	    memcmp(at, edition->bytes + first, (size_t)(last - first + 1)) != 0)
		return NULL;
	return at + (last - first + 1);
}

const char *expect_parts(const struct exchange *exchange, const struct edition *edition,
			 const struct reply *reply, const uint8_t *body, size_t size)
{
	const char *boundary = strstr(reply->type, "boundary=");
	const uint8_t *at = body, *end = body + size;
	char last[128];
	unsigned count = 0, runs, place = 0;

	mark(exchange, edition->size);
	runs = count_runs(edition->size);
	if (!body)
		return runs == 1 ? NULL : "they are several";
	if (!boundary || runs < 2)
		return "it is several parts without need";
	if (size < reply->length)
		return NULL; /* it was cut, and what came is not looked at */
	boundary += strlen("boundary=");
	for (; count < runs; count++) {
		at = take_part(exchange, edition, boundary, at, end, count == 0, &place);
		if (!at)
			return "a part is not what was asked for";
	}
	snprintf(last, sizeof(last), "\r\n--%s--\r\n", boundary);
	if ((size_t)(end - at) != strlen(last) || memcmp(at, last, strlen(last)) != 0)
		return "its parts do not end as they should";
	return NULL;
}
