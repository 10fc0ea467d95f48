/* SPDX-License-Identifier: MIT */
/*
 * Find the bytes that end things: one SIMD pass over a received buffer, then only bit walks.
 *
 * scan_index() looks at every byte once and writes, for each block of 64 bytes, one bit per
 * byte into each of three maps. Finding the end of a method, a target, a field name or a field
 * value is then "the next set bit at or after this offset". A buffer that holds sixteen
 * pipelined requests is scanned once, not sixteen times.
 *
 *   byte    G E T   / i n d e x   H T T P / 1 . 1 \r \n H o s t :   a \r \n
 *   space         1             1                  1  1            1   1  1     <= 0x20 or 0x7f
 *   control                                        1  1                1  1     space, but not SP and HTAB
 *   name          1 1           1                  1  1          1 1   1  1     not a token character
 *
 * The implementations give the same bits: AVX2 and SSE4.2 on x86-64, NEON on AArch64, and scalar
 * C everywhere. The best one for this processor is taken by scan_init(); tests compare them all.
 */
#ifndef QUOIT_HTTP_SCAN_H
#define QUOIT_HTTP_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest buffer one index covers: 64 KiB, the upper bound of every receive buffer. */
#define SCAN_SIZE_MAX ((size_t)64 * 1024)
#define SCAN_BLOCK 64
#define SCAN_BLOCKS (SCAN_SIZE_MAX / SCAN_BLOCK)

/* The three maps, and the bits of scan_class[]. */
enum scan_map {
	SCAN_SPACE,   /* byte <= 0x20 or byte == 0x7f */
	SCAN_CONTROL, /* as SCAN_SPACE, but neither SP nor HTAB */
	SCAN_NAME,    /* not a tchar of RFC 9110 5.6.2 */
	SCAN_MAPS,
};

/* Bit i of word b describes byte 64 * b + i. Bits at and after `size` are zero. */
struct scan_word {
	uint64_t map[SCAN_MAPS];
};

struct scan {
	const uint8_t *base;                    /* the buffer; not owned */
	size_t size;                            /* bytes indexed, at most SCAN_SIZE_MAX */
	struct scan_word word[SCAN_BLOCKS + 1]; /* one zero word follows the last block, see scan_next() */
};

/* A scanner: index `size` bytes at `base` into ceil(size / 64) words. Reads no byte beyond. */
typedef void scan_function(const uint8_t *base, size_t size, struct scan_word *word);

scan_function scan_words_scalar;
#if defined(__x86_64__)
scan_function scan_words_sse42;
scan_function scan_words_avx2;
#elif defined(__AARCH64EL__)
scan_function scan_words_neon;
#endif

/* What scan_init() can be told; SCAN_BEST takes what the processor has. */
enum scan_level { SCAN_BEST, SCAN_SCALAR, SCAN_SSE42, SCAN_AVX2, SCAN_NEON };

/*
 * Choose the implementation for this process and return its name ("avx2", "sse4.2", "neon",
 * "scalar"). A level that the processor lacks falls back to the next lower one of its
 * architecture, and one of another architecture to the scalar code. Call once, before any
 * thread scans; scan_index() works without it, with the scalar code.
 */
const char *scan_init(enum scan_level level);

/* Index `size` bytes at `base`; size must be at most SCAN_SIZE_MAX. */
void scan_index(struct scan *scan, const uint8_t *base, size_t size);

/* For one byte at a time: bit SCAN_x of scan_class[byte] is the byte's bit in that map. */
extern const uint8_t scan_class[256];

static inline bool scan_is(enum scan_map map, uint8_t byte)
{
	return scan_class[byte] >> map & 1;
}

/*
 * The offset of the first byte at or after `from` whose bit is set; scan->size when none.
 * `from` is at most scan->size; the zero word makes scan->size itself no special case. Inline,
 * because a request of three fields asks about ten times, and the answer is nearly always in
 * the first word.
 */
static inline size_t scan_next(const struct scan *scan, enum scan_map map, size_t from)
{
	size_t block = from / SCAN_BLOCK;
	uint64_t bits = scan->word[block].map[map] >> from % SCAN_BLOCK;

	if (__builtin_expect(bits != 0, 1))
		return from + (size_t)__builtin_ctzll(bits);
	while (++block * SCAN_BLOCK < scan->size)
		if (scan->word[block].map[map] != 0)
			return block * SCAN_BLOCK + (size_t)__builtin_ctzll(scan->word[block].map[map]);
	return scan->size;
}

static inline size_t scan_next_space(const struct scan *scan, size_t from)
{
	return scan_next(scan, SCAN_SPACE, from);
}

static inline size_t scan_next_control(const struct scan *scan, size_t from)
{
	return scan_next(scan, SCAN_CONTROL, from);
}

static inline size_t scan_next_name(const struct scan *scan, size_t from)
{
	return scan_next(scan, SCAN_NAME, from);
}

#endif
