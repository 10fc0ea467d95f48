/* SPDX-License-Identifier: MIT */
/*
 * What the vector scanners share; only scan_avx2.c, scan_sse42.c and scan_neon.c include it.
 *
 * A byte is split into two nibbles. SCAN_TOKEN_LOW, indexed by the low one, has bit h set when
 * 0x<h><low> is a tchar; SCAN_TOKEN_HIGH, indexed by the high one, has just bit h. The byte is
 * a tchar when the two have a bit in common: two table look-ups and one AND classify a whole
 * register. A high nibble of 8 and above has no bit, so that no byte from 0x80 on is a tchar.
 *
 *   0x47 'G'   low[7] = 1111 1100   high[4] = 0001 0000   AND != 0: tchar
 *   0x28 '('   low[8] = 1111 1000   high[2] = 0000 0100   AND == 0: not
 */
#ifndef QUOIT_HTTP_SCAN_SIMD_H
#define QUOIT_HTTP_SCAN_SIMD_H

#include <string.h>

#include "http/scan.h"

static const uint8_t SCAN_TOKEN_LOW[16] = {
	0xe8, 0xfc, 0xf8, 0xfc, 0xfc, 0xfc, 0xfc, 0xfc, 0xf8, 0xf8, 0xf4, 0x54, 0xd0, 0x54, 0xf4, 0x70,
};

static const uint8_t SCAN_TOKEN_HIGH[16] = { 0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80 };

#define SCAN_HALF (SCAN_BLOCK / 2)

/*
 * The maps of a window that is seen as two halves of SCAN_HALF bytes, the second one starting
 * `gap` bytes after the first. Where the halves overlap they agree, so their bits are OR-ed.
 */
typedef struct scan_word scan_window_function(const uint8_t *first, size_t gap);

/*
 * Run `classify` over all blocks without touching a byte outside the buffer. The window has
 * the size of a block, or of the whole buffer when that is shorter. For the last, partial block
 * it is moved back to end where the buffer ends, and the bits of the block before are shifted
 * out. Only a buffer shorter than half a block, less than any request, has to be copied.
 *
 *   | block 0 | block 1 | tail |         |   buffer   |
 *                  |  window   |         | half 0 |
 *                                            | half 1 |
 *
 * Always inline, so that `classify` is a direct, inlined call in each scanner.
 */
__attribute__((always_inline)) static inline void
scan_blocks(scan_window_function *classify, const uint8_t *base, size_t size, struct scan_word *word)
{
	uint8_t copy[SCAN_HALF];
	size_t window = size < SCAN_BLOCK ? size : SCAN_BLOCK;

	if (size < SCAN_HALF) {
		memset(copy, 0, sizeof(copy));
		memcpy(copy + SCAN_HALF - size, base, size);
		base = copy + SCAN_HALF - size;
		window = SCAN_HALF;
	}
	for (size_t at = 0; at < size; at += SCAN_BLOCK, word++) {
		size_t surplus = at + window > size ? at + window - size : 0;
		struct scan_word seen = classify(base + at - surplus, window - SCAN_HALF);

		for (int map = 0; map < SCAN_MAPS; map++)
			word->map[map] = seen.map[map] >> surplus;
	}
}

#endif
