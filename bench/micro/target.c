/* SPDX-License-Identifier: MIT */
/*
 * http/target: a request target becomes the name of a file.
 *
 * Most targets are normal already and are only looked through; the others show what decoding and the
 * removal of dot segments add.
 */
#include "http/target.h"
#include "micro.h"

static const struct line {
	const char *name;
	struct bytes raw;
	struct bytes path;
} lines[] = {
	{ "normal", BYTES("/styles/main.css"), BYTES("/styles/main.css") },
	{ "long", BYTES("/harbour/2026/pictures/large/a-new-lighthouse-by-night.9f31c07b.webp"),
	  BYTES("/harbour/2026/pictures/large/a-new-lighthouse-by-night.9f31c07b.webp") },
	{ "with a query", BYTES("/harbour/2026/a-new-lighthouse.html?from=front"),
	  BYTES("/harbour/2026/a-new-lighthouse.html") },
	{ "percent-encoded", BYTES("/b%C3%BCcher/der%20kleine%20prinz.html"),
	  BYTES("/b\xc3\xbc"
		"cher/der kleine prinz.html") },
	{ "dot segments", BYTES("/styles/./themes/../fonts//serif.woff2"),
	  BYTES("/styles/fonts/serif.woff2") },
	{ "absolute-form", BYTES("http://www.example.org:8080/styles/main.css"), BYTES("/styles/main.css") },
};

static struct target target;
static enum target_result result;
static uint8_t scratch[128];

static void run(void *context, uint64_t rounds)
{
	const struct line *line = context;

	while (rounds-- > 0) {
		result = target_parse(line->raw, METHOD_GET, scratch, &target);
		micro_use(&target);
	}
}

void target_measure(struct micro *micro)
{
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const struct line *line = &lines[i];

		run((void *)line, 1);
		micro_expect(result == TARGET_OK && bytes_equal(target.path, line->path), line->name);
		micro_time(micro, &(struct micro_case){ .name = line->name,
							.bytes = line->raw.size,
							.run = run,
							.context = (void *)line });
	}
}
