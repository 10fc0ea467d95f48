/* SPDX-License-Identifier: MIT */
/*
 * base/text: what was added stands there in order, and what could not be added is told.
 *
 * The allocator is one that fails when it is told to, and the address sanitizer watches the ends of
 * what it gives.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "scarce_mem.h"
#include "base/text.h"

static void assert_holds(const struct text *text, const char *expected)
{
	assert_int_equal(text->size, strlen(expected));
	assert_string_equal(text_string(text), expected);
	assert_true(bytes_equal(text_bytes(text), bytes_string(expected)));
}

/* Nothing is allocated for what nobody writes, and it reads as an empty string. */
static void a_text_that_is_all_zero_is_empty(void **state)
{
	struct text text = TEXT_EMPTY;

	(void)state;
	assert_holds(&text, "");
	assert_null(text.base);
	assert_false(text.failed);
	text_clear(&text);
	assert_null(text.base);
	text_deinit(&text);
	text_deinit(&text);
}

static void parts_stand_in_the_order_they_were_added(void **state)
{
	struct text text = TEXT_EMPTY;

	(void)state;
	text_add(&text, BYTES("one"));
	text_add_byte(&text, ' ');
	text_format(&text, "%s %u", "two", 3u);
	text_add(&text, BYTES(""));
	text_format(&text, "%s", "");
	assert_holds(&text, "one two 3");
	text_deinit(&text);
	assert_holds(&text, "");
}

/* Other code asks with a NULL slice for "no bytes"; then too there is a string to read. */
static void adding_no_bytes_makes_a_string_of_none(void **state)
{
	struct text text = TEXT_EMPTY;

	(void)state;
	text_add(&text, bytes_make(NULL, 0));
	assert_non_null(text.base);
	assert_holds(&text, "");
	text_deinit(&text);
	text_format(&text, "%s", "");
	assert_non_null(text.base);
	assert_holds(&text, "");
	text_deinit(&text);
}

/* A NUL is a byte like others; only text_string() ends there. */
static void any_byte_can_be_added(void **state)
{
	struct text text = TEXT_EMPTY;

	(void)state;
	for (unsigned byte = 0; byte < 256; byte++)
		text_add_byte(&text, (uint8_t)byte);
	assert_int_equal(text.size, 256);
	for (unsigned byte = 0; byte < 256; byte++)
		assert_int_equal(text.base[byte], byte);
	assert_int_equal(text.base[256], 0);
	text_deinit(&text);
}

/* At each size there is room for the NUL, also where the memory is full to the last byte. */
static void a_text_grows_by_one_byte_or_by_many(void **state)
{
	static uint8_t part[5000];

	(void)state;
	memset(part, 'x', sizeof(part));
	for (size_t step = 1; step <= sizeof(part); step += 1 + step / 3) {
		struct text text = TEXT_EMPTY;

		for (size_t size = 0; size < 3000; size += step) {
			text_add(&text, bytes_make(part, step));
			assert_int_equal(text.size, size + step);
			assert_true(text.capacity > text.size);
			assert_int_equal(text.base[text.size], 0);
			assert_int_equal(text.base[text.size - 1], 'x');
		}
		text_deinit(&text);
	}
}

/* The second pass of the formatting must see the same arguments as the first, that measures. */
static void a_formatted_part_of_any_length_is_whole(void **state)
{
	static char part[2000];

	(void)state;
	for (int size = 0; size < (int)sizeof(part); size += 1 + size / 5) {
		struct text text = TEXT_EMPTY;
		char last = '!';

		memset(part, 'y', sizeof(part));
		text_format(&text, "%u%.*s%c", 7u, size, part, last);
		assert_int_equal(text.size, size + 2);
		assert_int_equal(text.base[0], '7');
		assert_int_equal(text.base[size + 1], '!');
		assert_int_equal(text.base[size + 2], 0);
		text_deinit(&text);
	}
}

/* The memory stays, so a text that is filled again and again costs nothing. */
static void clearing_forgets_the_content_and_keeps_the_memory(void **state)
{
	struct text text = TEXT_EMPTY;
	const uint8_t *base;

	(void)state;
	text_add(&text, BYTES("something"));
	base = text.base;
	text_clear(&text);
	assert_holds(&text, "");
	scarce_left = 0;
	text_add(&text, BYTES("else"));
	scarce_left = SCARCE_NOT;
	assert_ptr_equal(text.base, base);
	assert_holds(&text, "else");
	text_deinit(&text);
}

static void reserved_room_is_the_callers_to_fill(void **state)
{
	struct text text = TEXT_EMPTY;

	(void)state;
	text_add(&text, BYTES("a"));
	for (size_t size = 0; size < 5000; size += 1 + size / 2) {
		uint8_t *room = text_reserve(&text, size);

		assert_ptr_equal(room, text.base + text.size);
		assert_true(text.capacity - text.size > size);
		memset(room, 'z', size);
	}
	assert_int_equal(text.size, 1);
	*text_reserve(&text, 1) = 'b';
	text.size++;
	text_add(&text, BYTES("c"));
	assert_holds(&text, "abc");
	text_deinit(&text);
}

static void add_parts(struct text *text)
{
	for (unsigned i = 0; i < 40; i++) {
		text_add(text, BYTES("a longer part of it, "));
		text_format(text, "number %04u, ", i);
		text_add_byte(text, '.');
	}
}

/* Whichever allocation fails: the caller asks once, at the end, and what is there has no hole. */
static void without_memory_a_text_is_a_beginning_and_says_so(void **state)
{
	struct text whole = TEXT_EMPTY;
	uint32_t needed = 0;

	(void)state;
	add_parts(&whole);
	for (;; needed++) {
		struct text text = TEXT_EMPTY;

		scarce_left = needed;
		add_parts(&text);
		scarce_left = SCARCE_NOT;
		if (!text.failed) {
			assert_true(bytes_equal(text_bytes(&text), text_bytes(&whole)));
			text_deinit(&text);
			break;
		}
		assert_true(text.size < whole.size);
		if (text.size > 0)
			assert_memory_equal(text.base, whole.base, text.size);
		assert_int_equal(text_string(&text)[text.size], 0);

		/* There is memory again, but a part is missing: what would follow it stays away. */
		assert_null(text_reserve(&text, 0));
		text_add_byte(&text, 'x');
		assert_true(text.failed && text.size < whole.size);
		text_clear(&text);
		assert_false(text.failed);
		text_add(&text, BYTES("anew"));
		assert_holds(&text, "anew");
		text_deinit(&text);
	}
	assert_true(needed > 2);
	text_deinit(&whole);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_that_is_all_zero_is_empty),
		cmocka_unit_test(parts_stand_in_the_order_they_were_added),
		cmocka_unit_test(adding_no_bytes_makes_a_string_of_none),
		cmocka_unit_test(any_byte_can_be_added),
		cmocka_unit_test(a_text_grows_by_one_byte_or_by_many),
		cmocka_unit_test(a_formatted_part_of_any_length_is_whole),
		cmocka_unit_test(clearing_forgets_the_content_and_keeps_the_memory),
		cmocka_unit_test(reserved_room_is_the_callers_to_fill),
		cmocka_unit_test(without_memory_a_text_is_a_beginning_and_says_so),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
