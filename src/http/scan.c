/* SPDX-License-Identifier: MIT */
/*
 * Which scanner runs on this processor, and the one that runs on all of them.
 *
 * serve/receive scans each received buffer once; http/http1 then only walks bits. The vector
 * code stands in scan_avx2.c, scan_sse42.c and scan_neon.c, each compiled for its instruction
 * set, and is entered only through the pointer here, so that the rest of the program stays
 * baseline code.
 *
 * The scalar scanner is the plain statement of what the bits mean: scan_class[] is written
 * down byte by byte from RFC 9110 5.6.2, and the tests hold the vector code against it. The
 * choice is a plain variable: it is made once before there are threads, and never changes.
 */
#include "http/scan.h"

#include "base/check.h"

#define SPACE (1 << SCAN_SPACE)
#define CONTROL (1 << SCAN_CONTROL)
#define NAME (1 << SCAN_NAME)

/* A byte without a row is a tchar: letters, digits, and ! # $ % & ' * + - . ^ _ ` | ~ */
const uint8_t scan_class[256] = {
	[0x00 ... 0x08] = SPACE | CONTROL | NAME,
	['\t'] = SPACE | NAME,
	[0x0a ... 0x1f] = SPACE | CONTROL | NAME,
	[' '] = SPACE | NAME,
	['"'] = NAME,
	['('] = NAME,
	[')'] = NAME,
	[','] = NAME,
	['/'] = NAME,
	[':' ... '@'] = NAME, /* : ; < = > ? @ */
	['[' ... ']'] = NAME, /* [ \ ] */
	['{'] = NAME,
	['}'] = NAME,
	[0x7f] = SPACE | CONTROL | NAME,
	[0x80 ... 0xff] = NAME,
};

static scan_function *scan_words = scan_words_scalar;

void scan_index(struct scan *scan, const uint8_t *base, size_t size)
{
	check(size <= SCAN_SIZE_MAX);
	scan->base = base;
	scan->size = size;
	scan->word[(size + SCAN_BLOCK - 1) / SCAN_BLOCK] = (struct scan_word){ { 0 } };
	scan_words(base, size, scan->word);
}

#if defined(__x86_64__)
static bool processor_has_avx2(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
	       __builtin_cpu_supports("bmi2");
}

static bool processor_has_sse42(void)
{
	return __builtin_cpu_supports("sse4.2");
}
#endif

const char *scan_init(enum scan_level level)
{
#if defined(__x86_64__)
	__builtin_cpu_init();
	if ((level == SCAN_BEST || level == SCAN_AVX2) && processor_has_avx2()) {
		scan_words = scan_words_avx2;
		return "avx2";
	}
	if (level != SCAN_SCALAR && level != SCAN_NEON && processor_has_sse42()) {
		scan_words = scan_words_sse42;
		return "sse4.2";
	}
#elif defined(__AARCH64EL__)
	if (level == SCAN_BEST || level == SCAN_NEON) {
		scan_words = scan_words_neon;
		return "neon";
	}
#else
	(void)level;
#endif
	scan_words = scan_words_scalar;
	return "scalar";
}

void scan_words_scalar(const uint8_t *base, size_t size, struct scan_word *word)
{
	for (size_t at = 0; at < size; at += SCAN_BLOCK, word++) {
		size_t count = size - at < SCAN_BLOCK ? size - at : SCAN_BLOCK;
		uint64_t space = 0, control = 0, name = 0;

		for (size_t i = 0; i < count; i++) {
			uint64_t class = scan_class[base[at + i]];

			space |= (class >> SCAN_SPACE & 1) << i;
			control |= (class >> SCAN_CONTROL & 1) << i;
			name |= (class >> SCAN_NAME & 1) << i;
		}
		*word = (struct scan_word){ { space, control, name } };
	}
}
