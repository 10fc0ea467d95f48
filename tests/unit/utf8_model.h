/* SPDX-License-Identifier: MIT */
/*
 * Is this UTF-8? Judged by encoding anew what the bits of each character say (RFC 3629 3), so that it needs
 * none of the cases that a decoder has.
 */
#ifndef QUOIT_TESTS_UTF8_MODEL_H
#define QUOIT_TESTS_UTF8_MODEL_H

#include "base/bytes.h"

static inline size_t utf8_model_encode(uint32_t point, uint8_t out[4])
{
	size_t size = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;

	if (size == 1) {
		out[0] = (uint8_t)point;
		return 1;
	}
	for (size_t i = size; i-- > 1; point >>= 6)
		out[i] = (uint8_t)(0x80 | (point & 0x3f));
	out[0] = (uint8_t)((0xf00u >> size & 0xff) | point);
	return size;
}

static inline bool utf8_model_is_surrogate(uint32_t point)
{
	return point >= 0xd800 && point <= 0xdfff;
}

static inline bool utf8_model_holds(struct bytes text)
{
	for (size_t at = 0, size; at < text.size; at += size) {
		uint8_t first = text.base[at], again[4];
		uint32_t point;

		size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
		if (size > text.size - at)
			return false;
		point = size == 1 ? first : first & (0x7fu >> size);
		for (size_t i = 1; i < size; i++)
			point = point << 6 | (text.base[at + i] & 0x3f);
		if (point > 0x10ffff || utf8_model_is_surrogate(point) ||
		    utf8_model_encode(point, again) != size || memcmp(again, text.base + at, size) != 0)
			return false;
	}
	return true;
}

#endif
