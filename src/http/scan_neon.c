/* SPDX-License-Identifier: MIT */
/*
 * The scanner for AArch64: NEON, 16 bytes per instruction, a whole window per step.
 *
 * NEON belongs to every AArch64 processor that runs Linux, so this file needs no flags and
 * scan_init() has nothing to ask. Nothing but scan_words_neon() is visible outside.
 *
 * The hard thing is that NEON has no instruction which collects one bit of each byte, as
 * movemask does on x86. The usual short cut, narrowing by a shift, leaves four bits per byte and
 * would need more steps to become the maps that scan.h promises. Adding neighbours makes those
 * maps: each byte of a result keeps one bit, that of its place within eight, and three rounds of
 * pairwise additions, where no two summands share a bit, bring eight bytes into one. A round
 * takes two registers and fills one, so the four registers of a window need four additions.
 *
 *   result   ff 00 ff ff 00 00 00 ff | ...   and with 01 02 04 08 10 20 40 80
 *            01 00 04 08 00 00 00 80         add neighbours
 *            01    0c    00    80            again
 *            0d          80                  again
 *            8d                              bits 0, 2, 3 and 7
 */
#if defined(__AARCH64EL__)

#include <arm_neon.h>

#include "http/scan_simd.h"

static const uint8_t BIT_OF_PLACE[16] = { 1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128 };

/* What was found, a register for each map, on its way from one bit in each byte to all bits in eight. */
struct found {
	uint8x16_t space, control, name;
};

static inline uint8x16_t bytes_at_most(uint8x16_t bytes, uint8_t limit)
{
	return vcleq_u8(bytes, vdupq_n_u8(limit));
}

static inline uint8x16_t bytes_equal_to(uint8x16_t bytes, uint8_t value)
{
	return vceqq_u8(bytes, vdupq_n_u8(value));
}

/* 0xff where the byte is not a tchar; the tables are explained in scan_simd.h. */
static inline uint8x16_t bytes_not_token(uint8x16_t bytes)
{
	uint8x16_t low = vqtbl1q_u8(vld1q_u8(SCAN_TOKEN_LOW), vandq_u8(bytes, vdupq_n_u8(0x0f)));
	uint8x16_t high = vqtbl1q_u8(vld1q_u8(SCAN_TOKEN_HIGH), vshrq_n_u8(bytes, 4));

	return vceqzq_u8(vandq_u8(low, high));
}

/* The maps of 16 bytes, in each byte just the bit of its place. */
static inline struct found classify_step(const uint8_t *step)
{
	uint8x16_t bit = vld1q_u8(BIT_OF_PLACE);
	uint8x16_t bytes = vld1q_u8(step);
	uint8x16_t blank = vorrq_u8(bytes_equal_to(bytes, ' '), bytes_equal_to(bytes, '\t'));
	uint8x16_t space = vorrq_u8(bytes_at_most(bytes, ' '), bytes_equal_to(bytes, 0x7f));

	space = vandq_u8(space, bit);
	return (struct found){ space, vbicq_u8(space, blank), vandq_u8(bytes_not_token(bytes), bit) };
}

/* One round: neighbours of `a` added up stand in the lower half of the result, those of `b` above. */
static inline struct found add_neighbours(struct found a, struct found b)
{
	return (struct found){
		vpaddq_u8(a.space, b.space),
		vpaddq_u8(a.control, b.control),
		vpaddq_u8(a.name, b.name),
	};
}

/* After three rounds: 32 bits for each half of the window. The second half starts `gap` bytes later. */
static inline uint64_t join(uint8x16_t bits, size_t gap)
{
	uint64_t both = vgetq_lane_u64(vreinterpretq_u64_u8(bits), 0);

	return (uint32_t)both | both >> SCAN_HALF << gap;
}

static inline struct scan_word classify(const uint8_t *first, size_t gap)
{
	struct found a = add_neighbours(classify_step(first), classify_step(first + 16));
	struct found b = add_neighbours(classify_step(first + gap), classify_step(first + gap + 16));
	struct found both = add_neighbours(a, b);

	both = add_neighbours(both, both);
	return (struct scan_word){ {
		[SCAN_SPACE] = join(both.space, gap),
		[SCAN_CONTROL] = join(both.control, gap),
		[SCAN_NAME] = join(both.name, gap),
	} };
}

void scan_words_neon(const uint8_t *base, size_t size, struct scan_word *word)
{
	scan_blocks(classify, base, size, word);
}

#endif
