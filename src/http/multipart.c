/* SPDX-License-Identifier: MIT */
/*
 * multipart/byteranges: the text around the ranges of one answer.
 *
 * site/answer asks for the length and the type when it makes the head; serve/send has each part
 * head written when the bytes before it are on their way. Never looks at the content, and never
 * allocates: a part head has a largest size.
 *
 * The hard thing is that the length is promised before anything is written. So that both cannot
 * differ, the lines of a part head are counted by the code that writes them, given no room.
 *
 * RFC 9110 14.6 and 15.3.7.2; RFC 2046 5.1.1 (the CRLF before a delimiter belongs to it, and
 * the first delimiter of a body needs none).
 */
#include "http/multipart.h"

#include "base/check.h"
#include "http/head.h"

void multipart_init(struct multipart *multipart, const struct ranges *ranges, uint64_t size,
		    struct bytes type, uint64_t seed)
{
	check(ranges->count > 0 && ranges->count <= RANGE_MAX && size <= INT64_MAX);
	multipart->ranges = ranges;
	multipart->size = size;
	multipart->type = type;
	for (int i = 0; i < MULTIPART_BOUNDARY_SIZE; i++, seed >>= 4)
		multipart->boundary[i] = (uint8_t) "0123456789abcdef"[seed & 15];
}

static size_t append(uint8_t *out, size_t size, struct bytes part)
{
	memcpy(out + size, part.base, part.size);
	return size + part.size;
}

static struct bytes boundary_of(const struct multipart *multipart)
{
	return bytes_make(multipart->boundary, MULTIPART_BOUNDARY_SIZE);
}

static struct bytes dash_of(unsigned index)
{
	return index == 0 ? BYTES("--") : BYTES("\r\n--");
}

/* The field lines of a part head; the head counts on where it has no room. */
static void append_fields(const struct multipart *multipart, unsigned index, struct head *head)
{
	if (multipart->type.size > 0)
		head_field(head, BYTES("Content-Type"), multipart->type);
	head_content_range(head, multipart->ranges->range[index], multipart->size);
}

static size_t part_length(const struct multipart *multipart, unsigned index)
{
	struct head head = { .capacity = 0 };

	append_fields(multipart, index, &head);
	return dash_of(index).size + MULTIPART_BOUNDARY_SIZE + BYTES("\r\n").size + head.size +
	       BYTES("\r\n").size;
}

uint64_t multipart_length(const struct multipart *multipart)
{
	uint64_t length = MULTIPART_END_SIZE;

	for (unsigned i = 0; i < multipart->ranges->count; i++) {
		struct range range = multipart->ranges->range[i];

		length += part_length(multipart, i) + (range.last - range.first + 1);
	}
	return length;
}

size_t multipart_type(const struct multipart *multipart, uint8_t *out)
{
	size_t size = append(out, 0, BYTES("multipart/byteranges; boundary="));

	return append(out, size, boundary_of(multipart));
}

size_t multipart_part(const struct multipart *multipart, unsigned index, uint8_t *out)
{
	struct head head;
	size_t size;

	check(index < multipart->ranges->count);
	size = append(out, 0, dash_of(index));
	size = append(out, size, boundary_of(multipart));
	size = append(out, size, BYTES("\r\n"));
	head = (struct head){ .base = out + size,
			      .capacity = (uint32_t)(MULTIPART_PART_SIZE_MAX(multipart->type.size) - size) };
	append_fields(multipart, index, &head);
	check(head.size <= head.capacity);
	return append(out, size + head.size, BYTES("\r\n"));
}

size_t multipart_end(const struct multipart *multipart, uint8_t *out)
{
	size_t size = append(out, 0, BYTES("\r\n--"));

	size = append(out, size, boundary_of(multipart));
	return append(out, size, BYTES("--\r\n"));
}
