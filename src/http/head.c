/* SPDX-License-Identifier: MIT */
/*
 * Response heads: lines appended to memory that the caller has.
 *
 * Called when an asset is built, once per coding, and for the few answers that have no asset;
 * an answer from the cache only has its date patched. Never allocates and never writes beyond
 * capacity: a head that does not fit goes on counting, so that the caller learns how much room
 * it needs. What must not be in a field value is checked here, where it would otherwise become
 * another line of the answer.
 *
 * RFC 9112 4 (status line), 5 (fields), RFC 9110 14.4 (Content-Range).
 */
#include "http/head.h"

#include "base/check.h"

#define NUMBER_SIZE_MAX 20 /* digits of UINT64_MAX */

static void append(struct head *head, struct bytes part)
{
	check(part.size <= UINT32_MAX - head->size);
	if (head->size <= head->capacity && part.size <= head->capacity - head->size && part.size > 0)
		memcpy(head->base + head->size, part.base, part.size);
	head->size += (uint32_t)part.size;
}

static void append_name(struct head *head, struct bytes name)
{
	append(head, name);
	append(head, BYTES(": "));
}

static void append_number(struct head *head, uint64_t number)
{
	uint8_t digits[NUMBER_SIZE_MAX];
	size_t begin = sizeof(digits);

	do {
		digits[--begin] = (uint8_t)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	append(head, bytes_make(digits + begin, sizeof(digits) - begin));
}

static void append_date(struct head *head, int64_t seconds)
{
	uint8_t date[DATE_SIZE];

	date_format(seconds, date);
	append(head, bytes_make(date, sizeof(date)));
}

void head_begin(struct head *head, void *base, size_t capacity, unsigned status)
{
	check(capacity <= UINT32_MAX);
	*head = (struct head){ .base = base, .capacity = (uint32_t)capacity };
	append(head, BYTES("HTTP/1.1 "));
	append_number(head, status);
	append(head, BYTES(" "));
	append(head, status_reason(status));
	append(head, BYTES("\r\n"));
}

void head_date(struct head *head, int64_t now)
{
	append(head, BYTES("Date: "));
	head->date_offset = head->size;
	append_date(head, now);
	append(head, BYTES("\r\n"));
}

void head_connection(struct head *head, bool keep_alive)
{
	head->connection_offset = head->size;
	append(head, keep_alive ? HEAD_KEEP_ALIVE : HEAD_CLOSE);
}

void head_lines(struct head *head, struct bytes lines)
{
	append(head, lines);
}

void head_field(struct head *head, struct bytes name, struct bytes value)
{
	for (size_t i = 0; i < value.size; i++)
		check(value.base[i] != '\r' && value.base[i] != '\n' && value.base[i] != '\0');
	append_name(head, name);
	append(head, value);
	append(head, BYTES("\r\n"));
}

void head_field_number(struct head *head, struct bytes name, uint64_t value)
{
	append_name(head, name);
	append_number(head, value);
	append(head, BYTES("\r\n"));
}

void head_field_date(struct head *head, struct bytes name, int64_t seconds)
{
	append_name(head, name);
	append_date(head, seconds);
	append(head, BYTES("\r\n"));
}

void head_content_range(struct head *head, struct range range, uint64_t size)
{
	check(range.first <= range.last && range.last < size);
	append(head, BYTES("Content-Range: bytes "));
	append_number(head, range.first);
	append(head, BYTES("-"));
	append_number(head, range.last);
	append(head, BYTES("/"));
	append_number(head, size);
	append(head, BYTES("\r\n"));
}

void head_content_range_unsatisfied(struct head *head, uint64_t size)
{
	append(head, BYTES("Content-Range: bytes */"));
	append_number(head, size);
	append(head, BYTES("\r\n"));
}

bool head_end(struct head *head)
{
	append(head, BYTES("\r\n"));
	return head->size <= head->capacity;
}

void head_patch_date(uint8_t *head, uint32_t date_offset, const uint8_t date[DATE_SIZE])
{
	memcpy(head + date_offset, date, DATE_SIZE);
}

struct bytes status_reason(unsigned status)
{
	switch (status) {
#define STATUS(code, reason)                                                                                 \
	case code:                                                                                           \
		return BYTES(reason);
#include "http/status.def"
#undef STATUS
	}
	check(!"a status without a row in status.def");
	return BYTES("");
}
