/* SPDX-License-Identifier: MIT */
/*
 * http/scan: the one pass that looks at every byte, by each scanner there is.
 *
 * The figure is per buffer, a batch of sixteen requests included, since a buffer is indexed as a whole.
 * The largest receive buffer shows the rate without the cost of beginning and ending. The vector
 * scanners are held against the definition of the bits, byte by byte, before they are timed.
 */
#include "http/scan.h"
#include "micro.h"
#include "requests.h"

#define LARGE_SIZE SCAN_SIZE_MAX

static struct scan scan;
static uint8_t large[LARGE_SIZE];

static void run(void *context, uint64_t rounds)
{
	const struct bytes *text = context;

	while (rounds-- > 0) {
		scan_index(&scan, text->base, text->size);
		micro_use(&scan);
	}
}

static bool is_right(struct bytes text)
{
	for (size_t i = 0; i < text.size; i++)
		for (int map = 0; map < SCAN_MAPS; map++)
			if ((scan.word[i / SCAN_BLOCK].map[map] >> i % SCAN_BLOCK & 1) !=
			    scan_is(map, text.base[i]))
				return false;
	return scan.size == text.size;
}

static void measure_one(struct micro *micro, const char *scanner, const char *name, struct bytes text)
{
	run(&text, 1);
	micro_expect(is_right(text), "the index of a buffer");
	micro_time(
		micro,
		&(struct micro_case){
			.name = name, .scanner = scanner, .bytes = text.size, .run = run, .context = &text });
}

static void measure(struct micro *micro, const char *scanner)
{
	for (size_t i = 0; i < SAMPLES; i++)
		measure_one(micro, scanner, samples[i].name, samples[i].text);
	measure_one(micro, scanner, "many of curl", bytes_make(large, LARGE_SIZE));
}

void scan_measure(struct micro *micro)
{
	for (size_t i = 0; i < LARGE_SIZE; i++)
		large[i] = (uint8_t)REQUESTS_TOOL[i % (sizeof(REQUESTS_TOOL) - 1)];
	micro_each_scanner(micro, measure);
}
