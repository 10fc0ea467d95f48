/* SPDX-License-Identifier: MIT */
/*
 * The fields of a response while it is being compiled; see fields.h.
 *
 * Filled where an asset's heads are made, changed by site/rule, written by http/head. Never
 * allocates and never looks whether a name or value is well-formed: who brings it does.
 *
 * The hard thing is Vary. A cache that gets two lines may know only one of them, and one that loses
 * a member serves the wrong variant; so what is added is joined, and nothing here drops a member.
 * The joined value grows at the end of the list's own text: its last value is extended in place.
 */
#include "site/fields.h"

#define VARY BYTES("Vary")

void fields_init(struct fields *fields)
{
	fields->count = 0;
	fields->overflowed = false;
	fields->own_size = 0;
}

struct response_field *fields_find(struct fields *fields, struct bytes name)
{
	for (unsigned i = 0; i < fields->count; i++)
		if (bytes_equal_nocase(fields->field[i].name, name))
			return &fields->field[i];
	return NULL;
}

static void append(struct fields *fields, struct bytes name, struct bytes value)
{
	if (fields->count == FIELDS_MAX) {
		fields->overflowed = true;
		return;
	}
	fields->field[fields->count++] = (struct response_field){ name, value };
}

/* Remove the lines with this name at and after index `from`. */
static void remove_from(struct fields *fields, unsigned from, struct bytes name)
{
	unsigned kept = from;

	for (unsigned i = from; i < fields->count; i++)
		if (!bytes_equal_nocase(fields->field[i].name, name))
			fields->field[kept++] = fields->field[i];
	fields->count = kept;
}

void fields_remove(struct fields *fields, struct bytes name)
{
	remove_from(fields, 0, name);
}

void fields_set(struct fields *fields, struct bytes name, struct bytes value)
{
	struct response_field *first = fields_find(fields, name);

	if (!first) {
		append(fields, name, value);
		return;
	}
	*first = (struct response_field){ name, value };
	remove_from(fields, (unsigned)(first - fields->field) + 1, name);
}

/* Take the next member of a comma-separated list off *list; empty ones are none. */
static bool next_member(struct bytes *list, struct bytes *ret_member)
{
	while (list->size > 0) {
		const uint8_t *comma = memchr(list->base, ',', list->size);
		size_t size = comma ? (size_t)(comma - list->base) : list->size;
		struct bytes member = bytes_trim(bytes_make(list->base, size));

		*list = bytes_skip(*list, comma ? size + 1 : size);
		if (member.size > 0) {
			*ret_member = member;
			return true;
		}
	}
	return false;
}

static bool has_member(struct bytes list, struct bytes member)
{
	struct bytes other;

	while (next_member(&list, &other))
		if (bytes_equal_nocase(other, member))
			return true;
	return false;
}

/* Make the value the last of the list's own text, so that it can grow there. */
static bool own_value(struct fields *fields, struct bytes *value, size_t growth)
{
	bool is_last = value->base + value->size == fields->own + fields->own_size && fields->own_size > 0;

	if (growth + (is_last ? 0 : value->size) > FIELDS_OWN - fields->own_size)
		return false;
	if (!is_last) {
		if (value->size > 0)
			memcpy(fields->own + fields->own_size, value->base, value->size);
		value->base = fields->own + fields->own_size;
		fields->own_size += value->size;
	}
	return true;
}

static void join_member(struct fields *fields, struct bytes *value, struct bytes member)
{
	struct bytes comma = value->size > 0 ? BYTES(", ") : BYTES("");
	uint8_t *out;

	if (!own_value(fields, value, comma.size + member.size)) {
		fields->overflowed = true;
		return;
	}
	out = fields->own + fields->own_size;
	memcpy(out, comma.base, comma.size);
	memcpy(out + comma.size, member.base, member.size);
	fields->own_size += comma.size + member.size;
	value->size += comma.size + member.size;
}

static void join(struct fields *fields, struct bytes *value, struct bytes list)
{
	struct bytes member;

	if (has_member(*value, BYTES("*")) || has_member(list, BYTES("*"))) {
		*value = BYTES("*");
		return;
	}
	while (next_member(&list, &member))
		if (!has_member(*value, member))
			join_member(fields, value, member);
}

void fields_add(struct fields *fields, struct bytes name, struct bytes value)
{
	struct response_field *vary;

	if (!bytes_equal_nocase(name, VARY)) {
		append(fields, name, value);
		return;
	}
	vary = fields_find(fields, VARY);
	if (vary)
		join(fields, &vary->value, value);
	else
		append(fields, name, has_member(value, BYTES("*")) ? BYTES("*") : value);
}

void fields_order(struct fields *fields, const struct bytes *names, unsigned count)
{
	unsigned front = 0;

	for (unsigned n = 0; n < count; n++) {
		for (unsigned i = front; i < fields->count; i++) {
			struct response_field field = fields->field[i];

			if (!bytes_equal_nocase(field.name, names[n]))
				continue;
			memmove(&fields->field[front + 1], &fields->field[front],
				(i - front) * sizeof(field));
			fields->field[front++] = field;
		}
	}
}
