/* SPDX-License-Identifier: MIT */
/*
 * Compare received text with a known word, without case, eight bytes at a time.
 *
 * Meant for words that the compiler sees, as in nocase_equal(value, BYTES("close")): size and
 * masks are constants then, and a comparison is two or three loads and no loop.
 *
 * A letter of the word has bit 0x20 set and also stands for the byte without it, so that bit is
 * set in the text before comparing. At '-' and digits it must not be, or CR would pass for '-'.
 * Bit 0x40 tells letters from these, and shifted right by one it is exactly the bit to set.
 */
#ifndef QUOIT_HTTP_NOCASE_H
#define QUOIT_HTTP_NOCASE_H

#include "base/bytes.h"

static inline bool nocase_equal_word(uint64_t text, uint64_t lower)
{
	return (text | (lower & UINT64_C(0x4040404040404040)) >> 1) == lower;
}

static inline bool nocase_equal_8(const uint8_t *text, const uint8_t *lower)
{
	uint64_t a, b;

	memcpy(&a, text, sizeof(a));
	memcpy(&b, lower, sizeof(b));
	return nocase_equal_word(a, b);
}

static inline bool nocase_equal_4(const uint8_t *text, const uint8_t *lower)
{
	uint32_t a, b;

	memcpy(&a, text, sizeof(a));
	memcpy(&b, lower, sizeof(b));
	return nocase_equal_word(a, b);
}

/* `lower` holds lower-case letters, digits and '-' only; `text` holds anything. */
static inline bool nocase_equal(struct bytes text, struct bytes lower)
{
	size_t size = lower.size;

	if (text.size != size)
		return false;
	if (size < 4) {
		for (size_t at = 0; at < size; at++)
			if (!nocase_equal_word(text.base[at], lower.base[at]))
				return false;
		return true;
	}
	/* The last word overlaps the one before when size is not a multiple. */
	if (size < 8)
		return nocase_equal_4(text.base, lower.base) &&
		       nocase_equal_4(text.base + size - 4, lower.base + size - 4);
	for (size_t at = 0; at + 8 < size; at += 8)
		if (!nocase_equal_8(text.base + at, lower.base + at))
			return false;
	return nocase_equal_8(text.base + size - 8, lower.base + size - 8);
}

#endif
