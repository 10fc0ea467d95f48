/* SPDX-License-Identifier: MIT */
/*
 * http/field: the names of field.def are recognised in any case, and nothing else is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "guard.h"
#include "http/field.h"

static const struct bytes names[FIELD_COUNT] = {
#define FIELD(constant, name) [FIELD_##constant] = { (const uint8_t *)(name), sizeof(name) - 1 },
#include "http/field.def"
#undef FIELD
};

static enum field_id recognise(struct bytes name)
{
	uint8_t *copy = guard_copy(name.base, name.size);
	enum field_id id = field_recognise(bytes_make(copy, name.size));

	guard_release(copy, name.size);
	return id;
}

static uint8_t upper(uint8_t byte)
{
	return byte >= 'a' && byte <= 'z' ? (uint8_t)(byte - 0x20) : byte;
}

/* A name is recognised as it is written in the table, in capitals, and with any single letter a capital. */
static void every_row_is_recognised_in_any_case(void **state)
{
	(void)state;
	for (int id = 0; id < FIELD_COUNT; id++) {
		uint8_t name[64];
		struct bytes slice = bytes_make(name, names[id].size);

		for (size_t i = 0; i < slice.size; i++) {
			memcpy(name, names[id].base, slice.size);
			assert_int_equal(recognise(slice), id);
			name[i] = upper(name[i]);
			assert_int_equal(recognise(slice), id);
		}
		for (size_t i = 0; i < slice.size; i++)
			name[i] = upper(names[id].base[i]);
		assert_int_equal(recognise(slice), id);
	}
}

/* One byte that is another one makes another name; CR is not '-', nor '@' a letter, whatever bits they share.
 */
static void a_name_with_one_other_byte_is_unknown(void **state)
{
	(void)state;
	for (int id = 0; id < FIELD_COUNT; id++) {
		uint8_t name[64];
		struct bytes slice = bytes_make(name, names[id].size);

		memcpy(name, names[id].base, slice.size);
		for (size_t i = 0; i < slice.size; i++) {
			for (unsigned byte = 0; byte < 256; byte++) {
				bool same = byte == names[id].base[i] || byte == upper(names[id].base[i]);

				name[i] = (uint8_t)byte;
				if ((field_recognise(slice) == (enum field_id)id) != same)
					fail_msg("byte 0x%02x at %zu of %s", byte, i, names[id].base);
			}
			name[i] = names[id].base[i];
		}
	}
}

/* A name is the whole name: neither a start of one, nor one with more behind it. */
static void shorter_and_longer_names_are_unknown(void **state)
{
	(void)state;
	for (int id = 0; id < FIELD_COUNT; id++) {
		uint8_t name[64] = { 0 };

		memcpy(name, names[id].base, names[id].size);
		name[names[id].size] = 'x';
		for (size_t size = 0; size < sizeof(name); size++)
			if (size != names[id].size)
				assert_int_not_equal(recognise(bytes_make(name, size)), id);
	}
}

/* Fields that requests usually have, and that are none of ours, are unknown; so are names of any length. */
static void usual_names_without_a_row_are_unknown(void **state)
{
	static const char *const others[] = {
		"",
		"A",
		"te",
		"DNT",
		"From",
		"Accep",
		"Set-Cookie",
		"Origin",
		"Referer",
		"Upgrade",
		"Accepted",
		"User-Agent",
		"If-Matches",
		"If_Match",
		"Cache-Control",
		"Accept-Charset",
		"Content-Type",
		"Content-Language",
		"Content-Encoding",
		"Sec-Fetch-Dest",
		"Transfer_Encoding",
		"X-Content-Length",
		"Proxy-Connection",
		"If-Modified-Sinse",
	};
	char name[512];

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(recognise(bytes_string(others[i])), FIELD_UNKNOWN);
	memset(name, 'x', sizeof(name));
	for (size_t size = 0; size <= sizeof(name); size++)
		assert_int_equal(recognise(bytes_make(name, size)), FIELD_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_recognised_in_any_case),
		cmocka_unit_test(a_name_with_one_other_byte_is_unknown),
		cmocka_unit_test(shorter_and_longer_names_are_unknown),
		cmocka_unit_test(usual_names_without_a_row_are_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
