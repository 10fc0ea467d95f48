/* SPDX-License-Identifier: MIT */
/*
 * http/multipart: the bodies it makes are taken apart again by a reader that knows RFC 2046 5.1
 * and nothing of the writer, and their length is the one that was announced.
 *
 * Every piece is written in front of a page without access, with as much room as the header
 * promises to be enough.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "guard.h"
#include "http/multipart.h"

#define ROOM 4096 /* the most of one piece */
#define REPRESENTATION_SIZE 300
#define BODY_SIZE_MAX 8192
#define SEED UINT64_C(0xfedcba9876543210)
#define BOUNDARY "0123456789abcdef"

/* What is sent; it has line ends and dashes of its own. */
static char representation[REPRESENTATION_SIZE];
static uint8_t *room_end;

static int set_up(void **state)
{
	static const char text[] = "\r\n--\r\n-- \r\n--" BOUNDARY "\r\nContent-Range: bytes 0-0/1\r\n\r\n";
	static const uint8_t zeros[ROOM];

	(void)state;
	room_end = guard_copy(zeros, ROOM) + ROOM;
	for (size_t i = 0; i < sizeof(representation); i++)
		representation[i] = text[i % (sizeof(text) - 1)];
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	guard_release(room_end - ROOM, ROOM);
	return 0;
}

static struct bytes write_part(const struct multipart *multipart, unsigned index)
{
	size_t max = MULTIPART_PART_SIZE_MAX(multipart->type.size);
	uint8_t *out = room_end - max;
	size_t size;

	assert_true(max <= ROOM);
	size = multipart_part(multipart, index, out);
	assert_true(size <= max);
	return bytes_make(out, size);
}

static struct bytes write_end(const struct multipart *multipart)
{
	uint8_t *out = room_end - MULTIPART_END_SIZE;

	assert_int_equal(multipart_end(multipart, out), MULTIPART_END_SIZE);
	return bytes_make(out, MULTIPART_END_SIZE);
}

static struct bytes write_type(const struct multipart *multipart)
{
	uint8_t *out = room_end - MULTIPART_TYPE_SIZE;

	assert_int_equal(multipart_type(multipart, out), MULTIPART_TYPE_SIZE);
	return bytes_make(out, MULTIPART_TYPE_SIZE);
}

/* The body of an answer over `representation`, as a client receives it. */
static size_t write_body(const struct multipart *multipart, char *out)
{
	size_t size = 0;
	struct bytes piece;

	for (unsigned i = 0; i < multipart->ranges->count; i++) {
		struct range range = multipart->ranges->range[i];

		piece = write_part(multipart, i);
		memcpy(out + size, piece.base, piece.size);
		size += piece.size;
		memcpy(out + size, representation + range.first, range.last - range.first + 1);
		size += range.last - range.first + 1;
	}
	piece = write_end(multipart);
	memcpy(out + size, piece.base, piece.size);
	return size + piece.size;
}

/* The reader: where it is in a body, and the delimiter that the Content-Type named. */
struct reader {
	const char *at;
	const char *end;
	char delimiter[80]; /* with its dashes, without the CR LF in front */
};

static void expect(struct reader *reader, const char *text)
{
	size_t size = strlen(text);

	if ((size_t)(reader->end - reader->at) < size || memcmp(reader->at, text, size) != 0)
		fail_msg("\"%s\" does not stand before the last %td bytes", text, reader->end - reader->at);
	reader->at += size;
}

static void read_type(struct reader *reader, struct bytes type)
{
	char value[128] = "", boundary[71];

	assert_true(type.size < sizeof(value));
	memcpy(value, type.base, type.size);
	assert_int_equal(sscanf(value, "multipart/byteranges; boundary=%70[0-9A-Za-z]", boundary), 1);
	assert_int_equal(strlen("multipart/byteranges; boundary=") + strlen(boundary), type.size);
	snprintf(reader->delimiter, sizeof(reader->delimiter), "--%s", boundary);
}

/* One line up to its CR LF, which is taken off too. */
static void read_line(struct reader *reader, char *out, size_t capacity)
{
	const char *line = reader->at;
	const char *end = memmem(line, (size_t)(reader->end - line), "\r\n", 2);

	assert_non_null(end);
	assert_true((size_t)(end - line) < capacity);
	memcpy(out, line, (size_t)(end - line));
	out[end - line] = '\0';
	reader->at = end + 2;
}

struct part {
	char type[1024]; /* "" when there is no Content-Type */
	unsigned long long first, last, size;
	const char *content;
	size_t content_size;
};

static void read_part_head(struct reader *reader, struct part *part)
{
	char line[1100];
	bool range = false;

	part->type[0] = '\0';
	for (read_line(reader, line, sizeof(line)); line[0]; read_line(reader, line, sizeof(line))) {
		if (strncmp(line, "Content-Type: ", 14) == 0) {
			assert_string_equal(part->type, "");
			strcpy(part->type, line + 14);
			assert_string_not_equal(part->type, "");
		} else {
			assert_false(range);
			range = sscanf(line, "Content-Range: bytes %llu-%llu/%llu", &part->first, &part->last,
				       &part->size) == 3;
			assert_true(range);
		}
	}
	assert_true(range);
}

/* The content has the length that Content-Range says; a line with the delimiter must follow. */
static void read_part(struct reader *reader, struct part *part)
{
	read_part_head(reader, part);
	part->content = reader->at;
	part->content_size = part->last - part->first + 1;
	assert_true(part->content_size < (size_t)(reader->end - reader->at));
	reader->at += part->content_size;
	expect(reader, "\r\n");
	expect(reader, reader->delimiter);
}

static void assert_read_back(const struct multipart *multipart)
{
	static char body[BODY_SIZE_MAX];
	size_t size = write_body(multipart, body);
	struct reader reader = { .at = body, .end = body + size };
	struct part part;

	assert_int_equal(multipart_length(multipart), size);
	read_type(&reader, write_type(multipart));
	expect(&reader, reader.delimiter);
	for (unsigned i = 0; i < multipart->ranges->count; i++) {
		expect(&reader, "\r\n");
		read_part(&reader, &part);
		assert_int_equal(part.first, multipart->ranges->range[i].first);
		assert_int_equal(part.last, multipart->ranges->range[i].last);
		assert_int_equal(part.size, multipart->size);
		assert_int_equal(strlen(part.type), multipart->type.size);
		assert_memory_equal(part.type, multipart->type.base, multipart->type.size);
		assert_memory_equal(part.content, representation + part.first, part.content_size);
	}
	expect(&reader, "--\r\n");
	assert_ptr_equal(reader.at, reader.end);
}

static void assert_text(struct bytes found, const char *expected)
{
	assert_int_equal(found.size, strlen(expected));
	assert_memory_equal(found.base, expected, found.size);
}

/* The example of RFC 9110 14.6, with the first delimiter at the very start. */
static void parts_look_as_in_rfc_9110(void **state)
{
	static const struct ranges ranges = { 2, { { 500, 999 }, { 7000, 7999 } } };
	struct multipart multipart;

	(void)state;
	multipart_init(&multipart, &ranges, 8000, BYTES("application/pdf"), SEED);
	assert_text(write_type(&multipart), "multipart/byteranges; boundary=" BOUNDARY);
	assert_text(write_part(&multipart, 0),
		    "--" BOUNDARY
		    "\r\nContent-Type: application/pdf\r\nContent-Range: bytes 500-999/8000\r\n\r\n");
	assert_text(write_part(&multipart, 1),
		    "\r\n--" BOUNDARY
		    "\r\nContent-Type: application/pdf\r\nContent-Range: bytes 7000-7999/8000\r\n\r\n");
	assert_text(write_end(&multipart), "\r\n--" BOUNDARY "--\r\n");
}

static void a_part_of_no_type_has_no_content_type(void **state)
{
	static const struct ranges ranges = { 2, { { 0, 0 }, { 2, 2 } } };
	struct multipart multipart;

	(void)state;
	multipart_init(&multipart, &ranges, 3, bytes_make(NULL, 0), SEED);
	assert_text(write_part(&multipart, 0), "--" BOUNDARY "\r\nContent-Range: bytes 0-0/3\r\n\r\n");
	assert_read_back(&multipart);
}

/* The representation holds the boundary of this seed: a reader that goes by lengths is not misled. */
static void content_that_looks_like_a_delimiter_is_kept(void **state)
{
	static const struct ranges ranges = { 2, { { 0, 140 }, { 150, REPRESENTATION_SIZE - 1 } } };
	struct multipart multipart;

	(void)state;
	multipart_init(&multipart, &ranges, REPRESENTATION_SIZE, BYTES("text/plain"), SEED);
	assert_read_back(&multipart);
}

/* Every bit of the seed changes the boundary, which needs no quotes and is never too long. */
static void each_seed_has_its_own_boundary(void **state)
{
	static const struct ranges ranges = { 1, { { 0, 0 } } };
	struct multipart one, other;

	(void)state;
	multipart_init(&one, &ranges, 1, BYTES("a/b"), SEED);
	for (int bit = 0; bit < 64; bit++) {
		struct reader reader;

		multipart_init(&other, &ranges, 1, BYTES("a/b"), SEED ^ UINT64_C(1) << bit);
		assert_memory_not_equal(one.boundary, other.boundary, MULTIPART_BOUNDARY_SIZE);
		read_type(&reader, write_type(&other));
		assert_memory_equal(reader.delimiter + 2, other.boundary, MULTIPART_BOUNDARY_SIZE);
	}
}

static void the_largest_part_head_fills_its_room(void **state)
{
	const uint64_t size = INT64_MAX;
	const struct ranges ranges = { 2, { { 0, size - 3 }, { size - 1, size - 1 } } };
	struct multipart multipart;
	uint64_t length;

	(void)state;
	multipart_init(&multipart, &ranges, size, BYTES("text/html; charset=utf-8"), SEED);
	assert_int_equal(write_part(&multipart, 1).size, MULTIPART_PART_SIZE_MAX(multipart.type.size));
	length = write_part(&multipart, 0).size + write_part(&multipart, 1).size + MULTIPART_END_SIZE;
	assert_true(multipart_length(&multipart) == length + size - 1);
}

/* xorshift64: the same bodies in every run. */
static uint64_t draw(uint64_t below)
{
	static uint64_t random = 1;

	random ^= random << 13;
	random ^= random >> 7;
	random ^= random << 17;
	return (random >> 11) % below;
}

/* Disjoint ranges, the later ones in front of the earlier ones half of the time. */
static void draw_ranges(struct ranges *ranges, uint64_t size)
{
	*ranges = (struct ranges){ .count = 0 };
	for (uint64_t at = draw(8); at < size && ranges->count < RANGE_MAX; at += 2 + draw(20)) {
		uint64_t first = at, other;

		at += draw(9);
		at = at < size ? at : size - 1;
		other = draw(2) ? draw(ranges->count + 1) : ranges->count;
		ranges->range[ranges->count++] = ranges->range[other];
		ranges->range[other] = (struct range){ first, at };
	}
	if (ranges->count == 0)
		ranges->range[ranges->count++] = (struct range){ 0, size - 1 };
}

static void random_bodies_are_read_back(void **state)
{
	static char type[100];

	(void)state;
	memset(type, 't', sizeof(type));
	for (int round = 0; round < 20000; round++) {
		uint64_t size = 1 + draw(REPRESENTATION_SIZE);
		struct multipart multipart;
		struct ranges ranges;

		draw_ranges(&ranges, size);
		multipart_init(&multipart, &ranges, size, bytes_make(type, draw(sizeof(type))),
			       draw(UINT64_MAX));
		assert_read_back(&multipart);
	}
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_look_as_in_rfc_9110),
		cmocka_unit_test(a_part_of_no_type_has_no_content_type),
		cmocka_unit_test(content_that_looks_like_a_delimiter_is_kept),
		cmocka_unit_test(each_seed_has_its_own_boundary),
		cmocka_unit_test(the_largest_part_head_fills_its_room),
		cmocka_unit_test(random_bodies_are_read_back),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
