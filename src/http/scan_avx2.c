/* SPDX-License-Identifier: MIT */
/*
 * The scanner for processors with AVX2, BMI and BMI2: 32 bytes per step.
 *
 * Compiled with the flags for these sets, so nothing in this file may run before scan_init()
 * has asked the processor; nothing but scan_words_avx2() is visible outside.
 *
 * x86 compares signed bytes only, so "byte <= limit" is written as min(byte, limit) == byte,
 * for which there is an unsigned minimum.
 */
#if defined(__x86_64__)

#include <immintrin.h>

#include "http/scan_simd.h"

static inline __m256i bytes_at_most(__m256i bytes, char limit)
{
	return _mm256_cmpeq_epi8(_mm256_min_epu8(bytes, _mm256_set1_epi8(limit)), bytes);
}

static inline __m256i bytes_equal_to(__m256i bytes, char value)
{
	return _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(value));
}

/* 0xff where the byte is not a tchar; the tables are explained in scan_simd.h. */
static inline __m256i bytes_not_token(__m256i bytes)
{
	__m256i low_table = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)SCAN_TOKEN_LOW));
	__m256i high_table = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)SCAN_TOKEN_HIGH));
	__m256i high_nibble = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(0x0f));
	__m256i low = _mm256_shuffle_epi8(low_table, bytes); /* takes the low nibble; 0 from 0x80 on */
	__m256i high = _mm256_shuffle_epi8(high_table, high_nibble);

	return _mm256_cmpeq_epi8(_mm256_and_si256(low, high), _mm256_setzero_si256());
}

static inline uint32_t mask(__m256i bytes)
{
	return (uint32_t)_mm256_movemask_epi8(bytes);
}

static inline uint64_t join(__m256i first, __m256i second, size_t gap)
{
	return mask(first) | (uint64_t)mask(second) << gap;
}

static inline struct scan_word classify(const uint8_t *first, size_t gap)
{
	__m256i a = _mm256_loadu_si256((const __m256i *)first);
	__m256i b = _mm256_loadu_si256((const __m256i *)(first + gap));
	__m256i space_a = _mm256_or_si256(bytes_at_most(a, ' '), bytes_equal_to(a, 0x7f));
	__m256i space_b = _mm256_or_si256(bytes_at_most(b, ' '), bytes_equal_to(b, 0x7f));
	__m256i blank_a = _mm256_or_si256(bytes_equal_to(a, ' '), bytes_equal_to(a, '\t'));
	__m256i blank_b = _mm256_or_si256(bytes_equal_to(b, ' '), bytes_equal_to(b, '\t'));
	uint64_t space = join(space_a, space_b, gap);

	return (struct scan_word){ {
		[SCAN_SPACE] = space,
		[SCAN_CONTROL] = space & ~join(blank_a, blank_b, gap),
		[SCAN_NAME] = join(bytes_not_token(a), bytes_not_token(b), gap),
	} };
}

void scan_words_avx2(const uint8_t *base, size_t size, struct scan_word *word)
{
	scan_blocks(classify, base, size, word);
}

#endif
