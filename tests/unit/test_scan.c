/* SPDX-License-Identifier: MIT */
/*
 * http/scan: every scanner marks the same bytes, the ones that RFC 9110 names, and looks at no
 * byte outside the buffer.
 */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "guard.h"
#include "http/scan.h"

/* More than three blocks, so that every place of the last, partial block occurs. */
#define SMALL_MAX 200

static struct scan scan;
static struct scan_word expected[SCAN_BLOCKS + 1];
static struct scan_word found[SCAN_BLOCKS + 1];

struct level {
	const char *name;
	scan_function *words;
	bool supported;
};

static struct level levels[] = {
	{ "scalar", scan_words_scalar, true },
#if defined(__x86_64__)
	{ "sse4.2", scan_words_sse42, false },
	{ "avx2", scan_words_avx2, false },
#elif defined(__AARCH64EL__)
	{ "neon", scan_words_neon, true },
#endif
};

#define LEVELS (sizeof(levels) / sizeof(levels[0]))

static int set_up(void **state)
{
	(void)state;
#if defined(__x86_64__)
	levels[1].supported = __builtin_cpu_supports("sse4.2");
	levels[2].supported = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
#endif
	return 0;
}

/* xorshift64: the same bytes in every run. */
static uint64_t random_next(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return *random;
}

/* Half of the bytes are from the edges of the three sets, the others are any. */
static void fill(uint8_t *bytes, size_t size, uint64_t seed)
{
	static const uint8_t edges[] =
		"\x00\x08\x09\x0a\x0d\x1f\x20!\"/09:@AZ[\\]^_`az{|}~\x7f\x80\x89\xa0\xff";
	uint64_t random = seed * 2 + 1;

	for (size_t i = 0; i < size; i++) {
		uint64_t next = random_next(&random) >> 20;

		bytes[i] = next & 1 ? edges[(next >> 1) % (sizeof(edges) - 1)] : (uint8_t)(next >> 1);
	}
}

/* The three sets once more, in the words of RFC 9110 5.6.2 and of scan.h. */
static bool belongs(enum scan_map map, unsigned byte)
{
	bool space = byte <= 0x20 || byte == 0x7f;

	if (map == SCAN_SPACE)
		return space;
	if (map == SCAN_CONTROL)
		return space && byte != ' ' && byte != '\t';
	if (byte >= 0x80 || byte == 0)
		return true;
	return !isalnum((int)byte) && strchr("!#$%&'*+-.^_`|~", (int)byte) == NULL;
}

static bool bit(const struct scan_word *words, enum scan_map map, size_t at)
{
	return words[at / SCAN_BLOCK].map[map] >> at % SCAN_BLOCK & 1;
}

/* Before scan_init() was called, the scalar code is used. This test has to be the first. */
static void indexing_works_without_a_choice(void **state)
{
	(void)state;
	scan_index(&scan, (const uint8_t *)"ab c\r\n", 6);
	assert_int_equal(scan.size, 6);
	assert_int_equal(scan.word[0].map[SCAN_SPACE], 0x34);
	assert_int_equal(scan.word[0].map[SCAN_CONTROL], 0x30);
	assert_int_equal(scan.word[0].map[SCAN_NAME], 0x34);
}

/* Every byte belongs to the sets that the RFC puts it in. */
static void every_byte_has_the_class_of_the_rfc(void **state)
{
	(void)state;
	for (unsigned byte = 0; byte < 256; byte++)
		for (enum scan_map map = SCAN_SPACE; map < SCAN_MAPS; map++)
			if (scan_is(map, (uint8_t)byte) != belongs(map, byte))
				fail_msg("byte 0x%02x in map %d", byte, (int)map);
}

/* The scalar scanner marks byte for byte what the classes say. */
static void the_scalar_scanner_marks_the_class_of_each_byte(void **state)
{
	uint8_t bytes[SMALL_MAX];

	(void)state;
	for (uint64_t seed = 0; seed < 100; seed++) {
		fill(bytes, sizeof(bytes), seed);
		scan_words_scalar(bytes, sizeof(bytes), found);
		for (size_t at = 0; at < sizeof(bytes); at++)
			for (enum scan_map map = SCAN_SPACE; map < SCAN_MAPS; map++)
				assert_int_equal(bit(found, map, at), belongs(map, bytes[at]));
	}
}

/* Compare one scanner with the scalar one. It writes the words of the buffer, and none after them. */
static void assert_same_words(const struct level *level, const uint8_t *bytes, size_t size)
{
	size_t count = (size + SCAN_BLOCK - 1) / SCAN_BLOCK;

	if (!level->supported)
		return;
	memset(found, 0xa5, (count + 1) * sizeof(found[0]));
	memset(&expected[count], 0xa5, sizeof(expected[0]));
	scan_words_scalar(bytes, size, expected);
	level->words(bytes, size, found);
	if (memcmp(found, expected, (count + 1) * sizeof(found[0])) != 0)
		fail_msg("%s differs from scalar at size %zu", level->name, size);
}

/* All scanners agree, at every size and every alignment, wherever a byte stands in its block. */
static void every_scanner_agrees_with_the_scalar_one(void **state)
{
	uint8_t bytes[SMALL_MAX + SCAN_BLOCK];

	(void)state;
	for (size_t size = 0; size <= SMALL_MAX; size++) {
		fill(bytes, sizeof(bytes), size);
		for (size_t at = 0; at < SCAN_BLOCK; at++)
			for (size_t i = 0; i < LEVELS; i++)
				assert_same_words(&levels[i], bytes + at, size);
	}
}

/* All scanners agree on each of the 256 bytes, at each place of a block. */
static void every_scanner_agrees_on_every_byte_at_every_place(void **state)
{
	uint8_t bytes[2 * SCAN_BLOCK];

	(void)state;
	memset(bytes, 'a', sizeof(bytes));
	for (size_t at = 0; at < SCAN_BLOCK; at++) {
		for (unsigned byte = 0; byte < 256; byte++) {
			bytes[at] = (uint8_t)byte;
			for (size_t i = 0; i < LEVELS; i++)
				assert_same_words(&levels[i], bytes, sizeof(bytes));
		}
		bytes[at] = 'a';
	}
}

/* No scanner reads a byte behind the buffer: it ends at a page without access. */
static void no_scanner_reads_behind_the_buffer(void **state)
{
	uint8_t bytes[SMALL_MAX];

	(void)state;
	fill(bytes, sizeof(bytes), 1);
	for (size_t size = 0; size <= SMALL_MAX; size++) {
		uint8_t *copy = guard_copy(bytes, size);

		for (size_t i = 0; i < LEVELS; i++)
			assert_same_words(&levels[i], copy, size);
		guard_release(copy, size);
	}
}

/* No scanner reads a byte before the buffer either: a page without access ends where it starts. */
static void no_scanner_reads_before_the_buffer(void **state)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *base = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_true(base != MAP_FAILED);
	assert_int_equal(mprotect(base, page, PROT_NONE), 0);
	for (size_t size = 0; size <= SMALL_MAX; size++) {
		fill(base + page, size, size);
		for (size_t i = 0; i < LEVELS; i++)
			assert_same_words(&levels[i], base + page, size);
	}
	munmap(base, 2 * page);
}

/* Large buffers too, up to the largest: whole and partial blocks at their end. */
static void large_buffers_agree_up_to_the_largest(void **state)
{
	static uint8_t bytes[SCAN_SIZE_MAX];
	static const size_t sizes[] = { 1000, 4095, 4096, 4097, 40000, SCAN_SIZE_MAX - 1, SCAN_SIZE_MAX };

	(void)state;
	fill(bytes, sizeof(bytes), 7);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint8_t *copy = guard_copy(bytes, sizes[i]);

		for (size_t level = 0; level < LEVELS; level++)
			assert_same_words(&levels[level], copy, sizes[i]);
		guard_release(copy, sizes[i]);
	}
}

/* A level that the processor lacks falls to the next lower one, one of another architecture to scalar. */
static void the_chosen_level_is_the_best_that_is_supported(void **state)
{
	const char *sse42 = "scalar", *avx2 = "scalar", *neon = "scalar", *best = "scalar";

	(void)state;
#if defined(__x86_64__)
	sse42 = levels[1].supported ? "sse4.2" : "scalar";
	avx2 = levels[2].supported ? "avx2" : sse42;
	best = avx2;
#elif defined(__AARCH64EL__)
	neon = "neon";
	best = neon;
#endif
	assert_string_equal(scan_init(SCAN_SCALAR), "scalar");
	assert_string_equal(scan_init(SCAN_SSE42), sse42);
	assert_string_equal(scan_init(SCAN_AVX2), avx2);
	assert_string_equal(scan_init(SCAN_NEON), neon);
	assert_string_equal(scan_init(SCAN_BEST), best);
}

static size_t search(const uint8_t *bytes, size_t size, size_t from, enum scan_map map)
{
	while (from < size && !belongs(map, bytes[from]))
		from++;
	return from;
}

/* The next marked byte is the one that a search byte by byte finds; the size when there is none. */
static void the_next_byte_is_the_one_a_search_finds(void **state)
{
	uint8_t bytes[SMALL_MAX];

	(void)state;
	for (size_t size = 0; size <= SMALL_MAX; size++) {
		memset(bytes, 'a', size);
		if (size % 3 != 0)
			fill(bytes + size / 3, size % 17 * size / 40, size);
		if (size % 2 != 0)
			bytes[size - 1] = '\n';
		memset(&scan, 0xff, sizeof(scan));
		scan_index(&scan, bytes, size);
		for (size_t from = 0; from <= size; from++) {
			assert_int_equal(scan_next_space(&scan, from), search(bytes, size, from, SCAN_SPACE));
			assert_int_equal(scan_next_control(&scan, from),
					 search(bytes, size, from, SCAN_CONTROL));
			assert_int_equal(scan_next_name(&scan, from), search(bytes, size, from, SCAN_NAME));
		}
	}
}

/* The largest buffer has a next byte too, at its very end or not at all. */
static void the_next_byte_is_found_at_the_end_of_the_largest_buffer(void **state)
{
	static uint8_t bytes[SCAN_SIZE_MAX];

	(void)state;
	memset(bytes, 'a', sizeof(bytes));
	scan_index(&scan, bytes, sizeof(bytes));
	assert_int_equal(scan_next_name(&scan, 0), SCAN_SIZE_MAX);
	assert_int_equal(scan_next_name(&scan, SCAN_SIZE_MAX), SCAN_SIZE_MAX);
	bytes[SCAN_SIZE_MAX - 1] = '\n';
	scan_index(&scan, bytes, sizeof(bytes));
	assert_int_equal(scan_next_control(&scan, 0), SCAN_SIZE_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(indexing_works_without_a_choice),
		cmocka_unit_test(every_byte_has_the_class_of_the_rfc),
		cmocka_unit_test(the_scalar_scanner_marks_the_class_of_each_byte),
		cmocka_unit_test(every_scanner_agrees_with_the_scalar_one),
		cmocka_unit_test(every_scanner_agrees_on_every_byte_at_every_place),
		cmocka_unit_test(no_scanner_reads_behind_the_buffer),
		cmocka_unit_test(no_scanner_reads_before_the_buffer),
		cmocka_unit_test(large_buffers_agree_up_to_the_largest),
		cmocka_unit_test(the_chosen_level_is_the_best_that_is_supported),
		cmocka_unit_test(the_next_byte_is_the_one_a_search_finds),
		cmocka_unit_test(the_next_byte_is_found_at_the_end_of_the_largest_buffer),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
