/* SPDX-License-Identifier: MIT */
/*
 * Reads and writes what is typed for an option; see config_value.h.
 *
 * Called by serve/config for flags and for the configuration file alike, so that both take the same
 * and are told the same. Pure: no allocation, no locale, no strtoull(), which takes more than is
 * meant ("-1", " 1", "0x1"). Numbers that do not fit into 64 bits are no numbers here.
 */
#include "serve/config_value.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"

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

static bool read_count(const char *text, uint64_t *ret_number)
{
	uint64_t number;

	if (!read_digits(&text, &number) || *text)
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
	if (*text)
		return false;
	*ret_number = number;
	return true;
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
	if (*text)
		return false;
	*ret_number = number;
	return true;
}

/* YAML's own words are all taken. */
static bool read_switch(const char *text, uint64_t *ret_number)
{
	static const char *const words[] = { "off", "on", "false", "true", "no", "yes" };

	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcasecmp(text, words[i]) == 0) {
			*ret_number = i % 2;
			return true;
		}
	}
	return false;
}

/* The next of "a|b|c"; size 0 behind the last. */
static struct bytes next_word(const char **words)
{
	struct bytes word = bytes_make(*words, strcspn(*words, "|"));

	*words += word.size;
	if (**words == '|')
		(*words)++;
	return word;
}

static bool read_choice(const char *words, const char *text, uint64_t *ret_number)
{
	struct bytes word;

	for (uint64_t i = 0; (word = next_word(&words)).size > 0; i++) {
		if (bytes_equal(word, bytes_string(text))) {
			*ret_number = i;
			return true;
		}
	}
	return false;
}

bool value_read(enum option_kind kind, const char *words, const char *text, uint64_t *ret_number)
{
	switch (kind) {
	case OPTION_CHOICE:
		return read_choice(words, text, ret_number);
	case OPTION_SWITCH:
		return read_switch(text, ret_number);
	case OPTION_SIZE:
		return read_size(text, ret_number);
	case OPTION_SECONDS:
		return read_seconds(text, ret_number);
	default:
		return read_count(text, ret_number);
	}
}

static void write_size(uint64_t number, char out[VALUE_SIZE_MAX])
{
	static const char units[] = "TGMK";

	for (unsigned i = 0; i < 4; i++) {
		uint64_t unit = UINT64_C(1) << (10 * (4 - i));

		if (number >= unit && number % unit == 0) {
			snprintf(out, VALUE_SIZE_MAX, "%" PRIu64 "%c", number / unit, units[i]);
			return;
		}
	}
	snprintf(out, VALUE_SIZE_MAX, "%" PRIu64, number);
}

static void write_choice(const char *words, uint64_t number, char out[VALUE_SIZE_MAX])
{
	struct bytes word = next_word(&words);

	for (; number > 0; number--)
		word = next_word(&words);
	snprintf(out, VALUE_SIZE_MAX, "%.*s", (int)word.size, (const char *)word.base);
}

void value_write(enum option_kind kind, const char *words, uint64_t number, char out[VALUE_SIZE_MAX])
{
	if (kind == OPTION_CHOICE)
		write_choice(words, number, out);
	else if (kind == OPTION_SWITCH)
		snprintf(out, VALUE_SIZE_MAX, "%s", number ? "on" : "off");
	else if (kind == OPTION_SIZE)
		write_size(number, out);
	else if (kind == OPTION_SECONDS && number % 1000 != 0)
		snprintf(out, VALUE_SIZE_MAX, "%" PRIu64 ".%03" PRIu64, number / 1000, number % 1000);
	else
		snprintf(out, VALUE_SIZE_MAX, "%" PRIu64, kind == OPTION_SECONDS ? number / 1000 : number);
}

bool value_read_list(const char *text, char *out)
{
	struct bytes whole = bytes_trim(bytes_string(text));

	if (whole.size == 0 || bytes_equal(whole, BYTES("none"))) {
		*out = 0;
		return true;
	}
	while (true) {
		const uint8_t *comma = memchr(whole.base, ',', whole.size);
		size_t size = comma ? (size_t)(comma - whole.base) : whole.size;
		struct bytes item = bytes_trim(bytes_make(whole.base, size));

		if (item.size == 0)
			return false;
		memmove(out, item.base, item.size);
		out += item.size;
		*out++ = comma ? ',' : 0;
		if (!comma)
			return true;
		whole = bytes_skip(whole, size + 1);
	}
}

/* "a|b|c" as "a, b or c". */
static void describe_choice(const char *words, char out[VALUE_SIZE_MAX])
{
	size_t size = 0;

	while (*words && size < VALUE_SIZE_MAX) {
		struct bytes word = next_word(&words);
		const char *link = !*words ? "" : strchr(words, '|') ? ", " : " or ";
		int written = snprintf(out + size, VALUE_SIZE_MAX - size, "%.*s%s", (int)word.size,
				       (const char *)word.base, link);

		size += (size_t)written;
	}
}

void value_describe(enum option_kind kind, const char *words, char out[VALUE_SIZE_MAX])
{
	static const char *const descriptions[] = {
		[OPTION_TEXT] = "a text",
		[OPTION_LIST] = "words separated by single commas, or none",
		[OPTION_SWITCH] = "on or off",
		[OPTION_COUNT_] = "a whole number",
		[OPTION_SIZE] = "a size such as 512, 16K or 64M",
		[OPTION_SECONDS] = "a number of seconds such as 10 or 0.5",
	};

	if (kind == OPTION_CHOICE)
		describe_choice(words, out);
	else
		snprintf(out, VALUE_SIZE_MAX, "%s", descriptions[kind]);
}

const char *value_placeholder(enum option_kind kind, const char *words)
{
	static const char *const names[] = {
		[OPTION_TEXT] = "TEXT", [OPTION_LIST] = "LIST", [OPTION_SWITCH] = "on|off",
		[OPTION_COUNT_] = "N",  [OPTION_SIZE] = "SIZE", [OPTION_SECONDS] = "SECONDS",
	};

	return kind == OPTION_CHOICE ? words : names[kind];
}
