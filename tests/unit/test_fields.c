/* SPDX-License-Identifier: MIT */
/*
 * site/fields: an ordered list of field lines in which no member of Vary is ever lost.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>

#include "guard.h"
#include "site/fields.h"

/* "Name: value|Name: value" in a list. */
static void fill(struct fields *fields, const char *lines)
{
	fields_init(fields);
	while (*lines) {
		size_t name = strcspn(lines, ":"), size = strcspn(lines, "|");
		struct response_field field = { bytes_make(lines, name),
						bytes_make(lines + name + 2, size - name - 2) };

		fields->field[fields->count++] = field;
		lines += size + (lines[size] == '|');
	}
}

static void assert_fields(const struct fields *fields, const char *expected)
{
	char lines[1024];
	int size = 0;

	lines[0] = 0;
	for (unsigned i = 0; i < fields->count; i++) {
		const struct response_field *field = &fields->field[i];

		size += snprintf(lines + size, sizeof(lines) - (size_t)size, "%s%.*s: %.*s", i ? "|" : "",
				 (int)field->name.size, field->name.base, (int)field->value.size,
				 field->value.base);
	}
	assert_string_equal(lines, expected);
}

/* Add to the list, from memory that ends at a guard page, and which is released before anybody looks. */
static void add_vary(struct fields *fields, const char *value)
{
	size_t size = strlen(value);
	uint8_t *copy = guard_copy(value, size);

	fields_add(fields, BYTES("vary"), bytes_make(copy, size));
	guard_release(copy, size);
}

static void assert_vary(const char *before, const char *added, const char *expected)
{
	struct fields fields;

	fill(&fields, before);
	add_vary(&fields, added);
	assert_fields(&fields, expected);
	assert_false(fields.overflowed);
}

static void names_are_found_without_case(void **state)
{
	struct fields fields;

	(void)state;
	fill(&fields, "ETag: 1|Link: a|link: b");
	assert_ptr_equal(fields_find(&fields, BYTES("LINK")), &fields.field[1]);
	assert_ptr_equal(fields_find(&fields, BYTES("etag")), &fields.field[0]);
	assert_null(fields_find(&fields, BYTES("ETa")));
	assert_null(fields_find(&fields, BYTES("")));
}

static void set_leaves_one_line_in_the_place_of_the_first(void **state)
{
	struct fields fields;

	(void)state;
	fill(&fields, "A: 1|link: a|B: 2|Link: b|C: 3|LINK: c");
	fields_set(&fields, BYTES("Link"), BYTES("d"));
	assert_fields(&fields, "A: 1|Link: d|B: 2|C: 3");
	fields_set(&fields, BYTES("D"), BYTES("4"));
	assert_fields(&fields, "A: 1|Link: d|B: 2|C: 3|D: 4");
}

static void add_makes_one_more_line(void **state)
{
	struct fields fields;

	(void)state;
	fill(&fields, "Link: a|B: 2");
	fields_add(&fields, BYTES("Link"), BYTES("a"));
	assert_fields(&fields, "Link: a|B: 2|Link: a");
}

static void remove_takes_every_line_of_the_name(void **state)
{
	struct fields fields;

	(void)state;
	fill(&fields, "Link: a|B: 2|link: b");
	fields_remove(&fields, BYTES("LINK"));
	assert_fields(&fields, "B: 2");
	fields_remove(&fields, BYTES("C"));
	fields_remove(&fields, BYTES("B"));
	fields_remove(&fields, BYTES("B"));
	assert_fields(&fields, "");
}

static void members_of_vary_are_joined_once_each(void **state)
{
	(void)state;
	assert_vary("A: 1|Vary: Accept", "Origin", "A: 1|Vary: Accept, Origin");
	assert_vary("Vary: Accept", "accept", "Vary: Accept");
	assert_vary("Vary: Accept-Encoding", "Accept, ACCEPT-ENCODING , Origin,, accept",
		    "Vary: Accept-Encoding, Accept, Origin");
	assert_vary("Vary: ", "Accept", "Vary: Accept");
	assert_vary("Vary: Accept", "", "Vary: Accept");
	assert_vary("Vary: Accept", " ,\t, ", "Vary: Accept");
}

static void a_star_in_vary_swallows_all(void **state)
{
	(void)state;
	assert_vary("Vary: Accept", "*", "Vary: *");
	assert_vary("Vary: Accept", "Origin, *", "Vary: *");
	assert_vary("Vary: *", "Origin", "Vary: *");
	assert_vary("Vary: Origin, *", "Accept", "Vary: *");
	assert_vary("A: 1", "Origin, *", "A: 1|vary: *");
}

static void the_first_vary_is_taken_as_it_is(void **state)
{
	struct fields fields;

	(void)state;
	fill(&fields, "A: 1");
	fields_add(&fields, BYTES("Vary"), BYTES("Accept,Origin"));
	assert_fields(&fields, "A: 1|Vary: Accept,Origin");
}

/* Joined values lie in the list's text, and growing one does not touch what lies before it. */
static void joining_again_and_again_needs_the_text_once(void **state)
{
	struct fields fields;
	char member[32];

	(void)state;
	fill(&fields, "Vary: Accept");
	for (int i = 0; i < 100; i++) {
		snprintf(member, sizeof(member), "X-Member-%03d", i);
		add_vary(&fields, member);
	}
	assert_int_equal(fields.own_size, 6 + 100 * 14);
	assert_int_equal(fields.field[0].value.size, fields.own_size);
	fields_set(&fields, BYTES("Vary"), BYTES("Origin"));
	add_vary(&fields, "Accept");
	assert_fields(&fields, "Vary: Origin, Accept");
	assert_false(fields.overflowed);
}

static void what_does_not_fit_is_told_and_nothing_else_is_lost(void **state)
{
	struct fields fields;
	char large[FIELDS_OWN];

	(void)state;
	fill(&fields, "Vary: Accept");
	memset(large, 'x', sizeof(large));
	fields_add(&fields, BYTES("Vary"), bytes_make(large, sizeof(large) - 7));
	assert_true(fields.overflowed);
	assert_fields(&fields, "Vary: Accept");
	fill(&fields, "Vary: Accept");
	fields_add(&fields, BYTES("Vary"), bytes_make(large, sizeof(large) - 8));
	assert_false(fields.overflowed);
	assert_int_equal(fields.field[0].value.size, FIELDS_OWN);

	fields_init(&fields);
	for (int i = 0; i < FIELDS_MAX; i++)
		fields_add(&fields, BYTES("Link"), BYTES("a"));
	assert_false(fields.overflowed);
	fields_set(&fields, BYTES("B"), BYTES("2"));
	assert_true(fields.overflowed);
	assert_int_equal(fields.count, FIELDS_MAX);
}

static void order_brings_names_to_the_front_and_keeps_the_rest(void **state)
{
	const struct bytes names[] = { BYTES("etag"), BYTES("None"), BYTES("LINK"), BYTES("A"),
				       BYTES("ETag") };
	struct fields fields;

	(void)state;
	fill(&fields, "A: 1|Link: a|B: 2|ETag: 3|Link: b|C: 4");
	fields_order(&fields, names, 5);
	assert_fields(&fields, "ETag: 3|Link: a|Link: b|A: 1|B: 2|C: 4");
	fields_order(&fields, names, 0);
	assert_fields(&fields, "ETag: 3|Link: a|Link: b|A: 1|B: 2|C: 4");
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_found_without_case),
		cmocka_unit_test(set_leaves_one_line_in_the_place_of_the_first),
		cmocka_unit_test(add_makes_one_more_line),
		cmocka_unit_test(remove_takes_every_line_of_the_name),
		cmocka_unit_test(members_of_vary_are_joined_once_each),
		cmocka_unit_test(a_star_in_vary_swallows_all),
		cmocka_unit_test(the_first_vary_is_taken_as_it_is),
		cmocka_unit_test(joining_again_and_again_needs_the_text_once),
		cmocka_unit_test(what_does_not_fit_is_told_and_nothing_else_is_lost),
		cmocka_unit_test(order_brings_names_to_the_front_and_keeps_the_rest),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
