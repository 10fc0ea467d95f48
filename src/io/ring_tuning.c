/* SPDX-License-Identifier: MIT */
/*
 * Reads the switches of the io_uring engine; see ring_tuning.h, and ring.def for the rows.
 *
 * Called by serve/config to refuse a bad option at once, by serve/worker to make the tuning of its ring,
 * and by the engine when the kernel lacks something. Asks the kernel for nothing but its version, for
 * a sentence. The fields of a tuning stand in the order of the rows, one uint32_t each, which is how a
 * row finds its own.
 */
#include "io/ring_tuning.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/problems.h"

struct row {
	const char *name;
	const char *fallback;
	const char *since;
	const char *values;
};

static const struct row rows[RING_SWITCHES] = {
#define SWITCH(name, default, since, values, sentence) { #name, default, since, values },
#include "io/ring.def"
#undef SWITCH
};

#define SWITCH(name, default, since, values, sentence)                                                       \
	_Static_assert(offsetof(struct ring_tuning, name) == RING_SWITCH_##name * sizeof(uint32_t),          \
		       "fields stand in the order of the rows");
#include "io/ring.def"
#undef SWITCH

#define WORD_MAX 32   /* of a name or a value that is echoed */
#define VALUES_MAX 96 /* of a list of values in words */

static uint32_t *field_of(struct ring_tuning *tuning, enum ring_switch name)
{
	return (uint32_t *)tuning + name;
}

/* The next part of "a|b|c"; size 0 behind the last. */
static struct bytes next_part(const char **parts)
{
	struct bytes part = bytes_make(*parts, strcspn(*parts, "|"));

	*parts += part.size;
	*parts += **parts == '|';
	return part;
}

/* "1..4096", which only the table writes. */
static bool is_range(struct bytes part, uint32_t *ret_low, uint32_t *ret_high)
{
	return part.size > 0 && part.base[0] >= '0' && part.base[0] <= '9' &&
	       sscanf((const char *)part.base, "%u..%u", ret_low, ret_high) == 2;
}

static bool read_digits(struct bytes text, uint32_t *ret_number)
{
	uint32_t number = 0;

	for (size_t i = 0; i < text.size; i++)
		if (text.base[i] < '0' || text.base[i] > '9' || __builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, (uint32_t)(text.base[i] - '0'), &number))
			return false;
	*ret_number = number;
	return text.size > 0;
}

static bool read_value(const char *values, struct bytes text, uint32_t *ret_value)
{
	struct bytes part;
	uint32_t low, high, number;

	for (uint32_t place = 0; (part = next_part(&values)).size > 0; place++) {
		if (is_range(part, &low, &high)) {
			if (!read_digits(text, &number) || number < low || number > high)
				continue;
			*ret_value = number;
			return true;
		}
		if (!bytes_equal(part, text))
			continue;
		*ret_value = bytes_equal(part, BYTES("adaptive")) ? RING_ADAPTIVE : place;
		return true;
	}
	return false;
}

/* "adaptive or a number from 1 to 4096" */
static const char *describe_values(const char *values, char out[VALUES_MAX])
{
	struct bytes part;
	uint32_t low, high;
	size_t size = 0;

	while ((part = next_part(&values)).size > 0 && size < VALUES_MAX) {
		const char *link = !*values ? "" : strchr(values, '|') ? ", " : " or ";
		int written = is_range(part, &low, &high)
				      ? snprintf(out + size, VALUES_MAX - size, "a number from %u to %u%s",
						 low, high, link)
				      : snprintf(out + size, VALUES_MAX - size, "%.*s%s", (int)part.size,
						 (const char *)part.base, link);

		size += (size_t)written;
	}
	return out;
}

/* A value as it is typed. */
static const char *write_value(const struct row *row, uint32_t value, char out[WORD_MAX])
{
	const char *values = row->values;
	struct bytes part = next_part(&values);
	uint32_t low, high;

	if (value == RING_ADAPTIVE) {
		snprintf(out, WORD_MAX, "adaptive");
		return out;
	}
	if (is_range(part, &low, &high) || bytes_equal(part, BYTES("adaptive"))) {
		snprintf(out, WORD_MAX, "%u", value);
		return out;
	}
	while (value-- > 0)
		part = next_part(&values);
	snprintf(out, WORD_MAX, "%.*s", (int)part.size, (const char *)part.base);
	return out;
}

void ring_tuning_init(struct ring_tuning *tuning)
{
	tuning->given = 0;
	for (unsigned i = 0; i < RING_SWITCHES; i++)
		check(read_value(rows[i].values, bytes_string(rows[i].fallback), field_of(tuning, i)));
}

static char fold(uint8_t byte)
{
	return byte == '-' ? '_' : (char)byte;
}

static bool is_name(struct bytes name, const char *row)
{
	size_t i = 0;

	while (i < name.size && fold(name.base[i]) == row[i])
		i++;
	return i == name.size && !row[i];
}

static int unknown_name(struct bytes name, struct fault *fault)
{
	const char *names[RING_SWITCHES], *near;
	char word[WORD_MAX];

	for (unsigned i = 0; i < RING_SWITCHES; i++)
		names[i] = rows[i].name;
	snprintf(word, sizeof(word), "%.*s", (int)name.size, (const char *)name.base);
	near = problems_nearest(word, names, RING_SWITCHES);
	if (near)
		return fault_set(fault, -EINVAL, "there is no switch %s; did you mean %s?", word, near);
	return fault_set(fault, -EINVAL, "there is no switch %s; see quoit(1) for those there are", word);
}

static int set_one(struct ring_tuning *tuning, struct bytes item, struct fault *fault)
{
	const uint8_t *equals = memchr(item.base, '=', item.size);
	struct bytes name =
		bytes_trim(bytes_make(item.base, equals ? (size_t)(equals - item.base) : item.size));
	struct bytes value = equals ? bytes_trim(bytes_skip(item, (size_t)(equals - item.base) + 1))
				    : bytes_make(item.base, 0);
	char values[VALUES_MAX];
	unsigned i = 0;

	if (name.size == 0)
		return fault_set(fault, -EINVAL, "a switch is missing: it takes name=value,name=value");
	while (i < RING_SWITCHES && !is_name(name, rows[i].name))
		i++;
	if (i == RING_SWITCHES)
		return unknown_name(name, fault);
	if (!equals)
		return fault_set(fault, -EINVAL, "%s needs a value: %s=%s", rows[i].name, rows[i].name,
				 rows[i].fallback);
	if (ring_tuning_is_given(tuning, i))
		return fault_set(fault, -EINVAL, "%s is given twice", rows[i].name);
	if (!read_value(rows[i].values, value, field_of(tuning, i)))
		return fault_set(fault, -EINVAL, "%s takes %s, not \"%.*s\"", rows[i].name,
				 describe_values(rows[i].values, values), (int)value.size,
				 (const char *)value.base);
	tuning->given |= UINT32_C(1) << i;
	return 0;
}

/* What excludes each other, whatever the kernel. */
static int check_together(const struct ring_tuning *tuning, struct fault *fault)
{
	if (tuning->sqpoll && tuning->taskrun != RING_TASKRUN_NONE)
		return fault_set(fault, -EINVAL,
				 "sqpoll=on cannot be with taskrun=%s: the kernel's thread completes what it "
				 "submitted; add taskrun=none",
				 tuning->taskrun == RING_TASKRUN_DEFER ? "defer" : "coop");
	if (tuning->wait != RING_ADAPTIVE && tuning->wait > 1 && tuning->min_wait == 0)
		return fault_set(
			fault, -EINVAL,
			"wait=%u with min_wait=0 would wait for completions that may never come; give "
			"min_wait a time of at least 1",
			tuning->wait);
	if (tuning->wait == 1 && tuning->min_wait != RING_ADAPTIVE && tuning->min_wait > 0)
		return fault_set(
			fault, -EINVAL,
			"min_wait=%u has no effect with wait=1, which waits for the first completion; "
			"leave one of them out",
			tuning->min_wait);
	return 0;
}

int ring_tuning_set(struct ring_tuning *tuning, const char *text, struct fault *fault)
{
	struct bytes rest = bytes_trim(bytes_string(text));
	struct ring_tuning made = *tuning;
	int error = 0;

	made.given = 0;
	for (bool more = rest.size > 0; more && error == 0;) {
		const uint8_t *comma = memchr(rest.base, ',', rest.size);
		size_t size = comma ? (size_t)(comma - rest.base) : rest.size;

		error = set_one(&made, bytes_make(rest.base, size), fault);
		more = comma != NULL;
		rest = bytes_skip(rest, more ? size + 1 : size);
	}
	if (error == 0)
		error = check_together(&made, fault);
	if (error < 0)
		return error;
	made.given |= tuning->given;
	*tuning = made;
	return 0;
}

int ring_tuning_lacks(const struct ring_tuning *tuning, enum ring_switch name, struct fault *fault)
{
	const struct row *row = &rows[name];
	struct utsname kernel;
	char value[WORD_MAX];

	return fault_set(
		fault, -EOPNOTSUPP,
		"this kernel has no %s=%s: it needs Linux %s or newer, built with it, and this is %s; "
		"leave it out of --ring",
		row->name, write_value(row, *field_of((struct ring_tuning *)tuning, name), value), row->since,
		uname(&kernel) == 0 ? kernel.release : "unknown");
}
