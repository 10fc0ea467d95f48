/* SPDX-License-Identifier: MIT */
/*
 * Reads option values and checks them against the table; see config.def for the rows.
 *
 * Called by the public API (quoit_set) before anything is started. A refused value changes
 * nothing.
 */
#include "serve/config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

union value {
	const char *text;
	uint64_t number;
};

struct row {
	const char *name;
	enum option_kind kind;
	size_t offset;
	union value fallback;
	uint64_t min;
	uint64_t max;
	const char *sentence;
};

#define KIND_TEXT OPTION_TEXT
#define KIND_COUNT OPTION_COUNT_
#define KIND_SIZE OPTION_SIZE
#define KIND_SECONDS OPTION_SECONDS
#define VALUE_TEXT(default)                                                                                  \
	{                                                                                                    \
		.text = (default)                                                                            \
	}
#define VALUE_COUNT(default)                                                                                 \
	{                                                                                                    \
		.number = (default)                                                                          \
	}
#define VALUE_SIZE(default)                                                                                  \
	{                                                                                                    \
		.number = (default)                                                                          \
	}
#define VALUE_SECONDS(default)                                                                               \
	{                                                                                                    \
		.number = (default)                                                                          \
	}

static const struct row rows[] = {
#define OPTION(field, kind, default, min, max, sentence)                                                     \
	{ #field, KIND_##kind, offsetof(struct config, field), VALUE_##kind(default), min, max, sentence },
#include "serve/config.def"
#undef OPTION
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

static void *field_of(struct config *config, const struct row *row)
{
	return (char *)config + row->offset;
}

static int set_text(char **field, const char *value)
{
	char *copy = mem_string(value);

	if (!copy)
		return -ENOMEM;
	mem_free(*field);
	*field = copy;
	return 0;
}

int config_init(struct config *config)
{
	memset(config, 0, sizeof(*config));
	for (size_t i = 0; i < ROW_COUNT; i++) {
		if (rows[i].kind != OPTION_TEXT) {
			*(uint64_t *)field_of(config, &rows[i]) = rows[i].fallback.number;
			continue;
		}
		if (set_text(field_of(config, &rows[i]), rows[i].fallback.text) < 0) {
			config_deinit(config);
			return -ENOMEM;
		}
	}
	return 0;
}

void config_deinit(struct config *config)
{
	for (size_t i = 0; i < ROW_COUNT; i++)
		if (rows[i].kind == OPTION_TEXT)
			mem_free(*(char **)field_of(config, &rows[i]));
	for (unsigned i = 0; i < config->listen_count; i++)
		mem_free(config->listen_text[i]);
	memset(config, 0, sizeof(*config));
}

/* Dashes and underscores are the same in names. */
static char fold(char c)
{
	return c == '-' ? '_' : c;
}

static bool same_name(const char *a, const char *b)
{
	for (; *a && fold(*a) == fold(*b); a++, b++)
		continue;
	return fold(*a) == fold(*b);
}

/* How many single-byte edits turn one name into the other (both below 32 bytes, else "many"). */
static unsigned distance(const char *a, const char *b)
{
	size_t rows_count = strlen(a), columns = strlen(b);
	unsigned line[33];

	if (rows_count > 32 || columns > 32)
		return 99;
	for (size_t j = 0; j <= columns; j++)
		line[j] = (unsigned)j;
	for (size_t i = 1; i <= rows_count; i++) {
		unsigned diagonal = line[0];

		line[0] = (unsigned)i;
		for (size_t j = 1; j <= columns; j++) {
			unsigned replaced = diagonal + (fold(a[i - 1]) != fold(b[j - 1]));
			unsigned inserted = (line[j] < line[j - 1] ? line[j] : line[j - 1]) + 1;

			diagonal = line[j];
			line[j] = replaced < inserted ? replaced : inserted;
		}
	}
	return line[columns];
}

static void dashed(const char *name, char *out, size_t capacity)
{
	size_t i = 0;

	for (; name[i] && i + 1 < capacity; i++)
		out[i] = name[i] == '_' ? '-' : name[i];
	out[i] = 0;
}

static int unknown_option(const char *name, struct fault *fault)
{
	const struct row *best = NULL;
	unsigned best_distance = strlen(name) < 6 ? 2 : 4;
	char flag[32];

	for (size_t i = 0; i < ROW_COUNT; i++) {
		unsigned d = distance(name, rows[i].name);

		if (d < best_distance) {
			best = &rows[i];
			best_distance = d;
		}
	}
	if (!best)
		return fault_set(fault, -ENOENT, "there is no option --%s; see quoit serve --help", name);
	dashed(best->name, flag, sizeof(flag));
	return fault_set(fault, -ENOENT, "there is no option --%s; did you mean --%s?", name, flag);
}

/* Digits; false when there is none or they do not fit. */
static bool read_digits(const char **text, uint64_t *ret_number)
{
	uint64_t number = 0;

	if (**text < '0' || **text > '9')
		return false;
	for (; **text >= '0' && **text <= '9'; (*text)++)
		if (__builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(**text - '0'), &number))
			return false;
	*ret_number = number;
	return true;
}

static bool read_size(const char *text, uint64_t *ret_number)
{
	static const char units[] = "KMGT";
	const char *unit;
	uint64_t number;

	if (!read_digits(&text, &number))
		return false;
	/* A space without its bit 0x20 is a NUL, and strchr() finds that. */
	if (*text && *text != ' ' && (unit = strchr(units, *text & ~0x20))) {
		if (__builtin_mul_overflow(number, UINT64_C(1) << (10 * (unit - units + 1)), &number))
			return false;
		text++;
	}
	*ret_number = number;
	return *text == 0;
}

/* "1", "0.25", "2s": to milliseconds. */
static bool read_seconds(const char *text, uint64_t *ret_number)
{
	uint64_t number;

	if (!read_digits(&text, &number) || __builtin_mul_overflow(number, 1000, &number))
		return false;
	if (*text == '.') {
		unsigned scale = 100;

		for (text++; *text >= '0' && *text <= '9'; text++, scale /= 10)
			if (__builtin_add_overflow(number, (uint64_t)(*text - '0') * scale, &number))
				return false;
	}
	if (*text == 's')
		text++;
	*ret_number = number;
	return *text == 0;
}

static const char *value_name(enum option_kind kind)
{
	static const char *const names[] = { "TEXT", "N", "SIZE", "SECONDS" };

	return names[kind];
}

/* A number as one would type it. */
static void write_number(enum option_kind kind, uint64_t number, char out[32])
{
	static const char units[] = "TGMK";

	if (kind == OPTION_SECONDS && number % 1000 == 0) {
		snprintf(out, 32, "%" PRIu64, number / 1000);
	} else if (kind == OPTION_SECONDS) {
		snprintf(out, 32, "%" PRIu64 ".%03" PRIu64, number / 1000, number % 1000);
	} else {
		for (unsigned i = 0; kind == OPTION_SIZE && i < 4; i++) {
			uint64_t unit = UINT64_C(1) << (10 * (4 - i));

			if (number >= unit && number % unit == 0) {
				snprintf(out, 32, "%" PRIu64 "%c", number / unit, units[i]);
				return;
			}
		}
		snprintf(out, 32, "%" PRIu64, number);
	}
}

static int set_number(struct config *config, const struct row *row, const char *text, struct fault *fault)
{
	static const char *const expected[] = { "", "a whole number", "a size such as 512, 16K or 64M",
						"a number of seconds such as 10 or 0.5" };
	uint64_t number = 0;
	const char *rest = text;
	char flag[32], low[32], high[32];
	bool good = row->kind == OPTION_SIZE      ? read_size(text, &number)
		    : row->kind == OPTION_SECONDS ? read_seconds(text, &number)
						  : read_digits(&rest, &number) && *rest == 0;

	dashed(row->name, flag, sizeof(flag));
	if (!good)
		return fault_set(fault, -EINVAL, "--%s takes %s, not \"%s\"", flag, expected[row->kind],
				 text);
	if (number < row->min || number > row->max) {
		write_number(row->kind, row->min, low);
		write_number(row->kind, row->max, high);
		return fault_set(fault, -ERANGE, "--%s takes %s to %s, not %s", flag, low, high, text);
	}
	*(uint64_t *)field_of(config, row) = number;
	return 0;
}

static int add_listen(struct config *config, const char *value, struct fault *fault)
{
	char *copy;

	if (config->listen_count == CONFIG_LISTEN_MAX)
		return fault_set(fault, -ERANGE, "--listen can be given %d times at the most",
				 CONFIG_LISTEN_MAX);
	copy = mem_string(value);
	if (!copy)
		return fault_set(fault, -ENOMEM, "no memory");
	config->listen_text[config->listen_count++] = copy;
	return 0;
}

void config_cut_listen(struct config *config, unsigned count)
{
	while (config->listen_count > count)
		mem_free(config->listen_text[--config->listen_count]);
}

int config_set(struct config *config, const char *name, const char *value, struct fault *fault)
{
	for (size_t i = 0; i < ROW_COUNT; i++) {
		if (!same_name(name, rows[i].name))
			continue;
		if (rows[i].kind != OPTION_TEXT)
			return set_number(config, &rows[i], value, fault);
		if (strcmp(rows[i].name, "listen") == 0)
			return add_listen(config, value, fault);
		if (strcmp(rows[i].name, "engine") == 0 && strcmp(value, "io_uring") != 0)
			return fault_set(fault, -EINVAL, "--engine takes io_uring, not \"%s\"", value);
		if (set_text(field_of(config, &rows[i]), value) < 0)
			return fault_set(fault, -ENOMEM, "no memory");
		return 0;
	}
	return unknown_option(name, fault);
}

static bool power_of_two(uint64_t number)
{
	return number > 0 && (number & (number - 1)) == 0;
}

int config_check(const struct config *config, struct fault *fault)
{
	if (!power_of_two(config->ring_entries))
		return fault_set(fault, -EINVAL, "--ring-entries must be a power of two, not %" PRIu64,
				 config->ring_entries);
	if (!power_of_two(config->ring_completions) || config->ring_completions < config->ring_entries)
		return fault_set(
			fault, -EINVAL,
			"--ring-completions must be a power of two of at least --ring-entries (%" PRIu64
			"), not %" PRIu64,
			config->ring_entries, config->ring_completions);
	if (!power_of_two(config->buffers))
		return fault_set(fault, -EINVAL, "--buffers must be a power of two, not %" PRIu64,
				 config->buffers);
	if (config->target_size >= config->head_size)
		return fault_set(fault, -EINVAL,
				 "--target-size (%" PRIu64 ") must be less than --head-size (%" PRIu64 ")",
				 config->target_size, config->head_size);
	return 0;
}

int config_option(unsigned index, struct config_option *ret_option)
{
	static char names[ROW_COUNT][32];
	const struct row *row;

	if (index >= ROW_COUNT)
		return -1;
	row = &rows[index];
	dashed(row->name, names[index], sizeof(names[index]));
	ret_option->name = names[index];
	ret_option->value = value_name(row->kind);
	ret_option->sentence = row->sentence;
	if (row->kind == OPTION_TEXT)
		snprintf(ret_option->fallback, sizeof(ret_option->fallback), "%s", row->fallback.text);
	else
		write_number(row->kind, row->fallback.number, ret_option->fallback);
	return 0;
}
