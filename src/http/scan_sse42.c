/* SPDX-License-Identifier: MIT */
/*
 * The scanner for processors with SSE4.2 but without AVX2: 16 bytes per step.
 *
 * Compiled with -msse4.2, so nothing in this file may run before scan_init() has asked the
 * processor; nothing but scan_words_sse42() is visible outside. The string instructions that
 * gave SSE4.2 its name are not used: they are slower than shuffles for sets of this shape.
 *
 * x86 compares signed bytes only, so "byte <= limit" is written as min(byte, limit) == byte,
 * for which there is an unsigned minimum.
 */
#if defined(__x86_64__)

#include <immintrin.h>

#include "http/scan_simd.h"

static inline __m128i bytes_at_most(__m128i bytes, char limit)
{
	return _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(limit)), bytes);
}

static inline __m128i bytes_equal_to(__m128i bytes, char value)
{
	return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(value));
}

/* 0xff where the byte is not a tchar; the tables are explained in scan_simd.h. */
static inline __m128i bytes_not_token(__m128i bytes)
{
	__m128i low_table = _mm_loadu_si128((const __m128i *)SCAN_TOKEN_LOW);
	__m128i high_table = _mm_loadu_si128((const __m128i *)SCAN_TOKEN_HIGH);
	__m128i high_nibble = _mm_and_si128(_mm_srli_epi16(bytes, 4), _mm_set1_epi8(0x0f));
	__m128i low = _mm_shuffle_epi8(low_table, bytes); /* takes the low nibble; 0 from 0x80 on */
	__m128i high = _mm_shuffle_epi8(high_table, high_nibble);

	return _mm_cmpeq_epi8(_mm_and_si128(low, high), _mm_setzero_si128());
}

static inline uint64_t mask(__m128i bytes)
{
	return (uint64_t)_mm_movemask_epi8(bytes);
}

/* OR the maps of 16 bytes into `word`, the first of them at bit `shift`. */
static inline void classify_step(const uint8_t *step, size_t shift, struct scan_word *word)
{
	__m128i bytes = _mm_loadu_si128((const __m128i *)step);
	__m128i blank = _mm_or_si128(bytes_equal_to(bytes, ' '), bytes_equal_to(bytes, '\t'));
	__m128i space = _mm_or_si128(bytes_at_most(bytes, ' '), bytes_equal_to(bytes, 0x7f));

	word->map[SCAN_SPACE] |= mask(space) << shift;
	word->map[SCAN_CONTROL] |= mask(_mm_andnot_si128(blank, space)) << shift;
	word->map[SCAN_NAME] |= mask(bytes_not_token(bytes)) << shift;
}

static inline struct scan_word classify(const uint8_t *first, size_t gap)
{
	struct scan_word word = { { 0 } };

	classify_step(first, 0, &word);
	classify_step(first + 16, 16, &word);
	classify_step(first + gap, gap, &word);
	classify_step(first + gap + 16, gap + 16, &word);
	return word;
}

void scan_words_sse42(const uint8_t *base, size_t size, struct scan_word *word)
{
	scan_blocks(classify, base, size, word);
}

#endif
