/* SPDX-License-Identifier: MIT */
/*
 * What http/target should do with an origin-form target that has no query, told as simply as possible:
 * cut into segments, decode each, drop and pop on a list, join. It shares no code and no idea
 * with the module, so that both are hardly wrong in the same way. And random targets to try.
 */
#ifndef QUOIT_TESTS_UNIT_TARGET_MODEL_H
#define QUOIT_TESTS_UNIT_TARGET_MODEL_H

#include <stdlib.h>

#include "http/target.h"

#define MODEL_SIZE_MAX 1024 /* bytes of a target */
#define MODEL_SEGMENTS_MAX 64

struct model {
	enum target_result result;
	uint8_t path[MODEL_SIZE_MAX];
	size_t size;
	bool hidden;
};

struct segment {
	uint8_t text[MODEL_SIZE_MAX];
	size_t size;
};

static inline bool segment_is(const struct segment *segment, const char *text)
{
	return segment->size == strlen(text) && memcmp(segment->text, text, segment->size) == 0;
}

/* The next segment of `raw` from *at, decoded; *at moves behind its slash. */
static inline enum target_result model_take(struct bytes raw, size_t *at, struct segment *ret_segment)
{
	size_t end = *at;

	ret_segment->size = 0;
	while (end < raw.size && raw.base[end] != '/')
		end++;
	for (size_t i = *at; i < end; i++) {
		uint8_t c = raw.base[i];

		if (c < 0x21 || c == 0x7f || c == '#')
			return TARGET_MALFORMED;
		if (c == '%') {
			char hex[3] = { 0 };

			for (size_t k = 0; k < 2 && i + 1 + k < end; k++)
				hex[k] = (char)raw.base[i + 1 + k];
			if (strspn(hex, "0123456789abcdefABCDEF") != 2)
				return TARGET_MALFORMED;
			c = (uint8_t)strtoul(hex, NULL, 16);
			if (c == 0)
				return TARGET_MALFORMED;
			if (c == '/')
				return TARGET_NOWHERE;
			i += 2;
		}
		ret_segment->text[ret_segment->size++] = c;
	}
	*at = end + 1;
	return TARGET_OK;
}

static inline void model_join(struct model *model, const struct segment *list, size_t count, bool slash)
{
	model->size = 0;
	model->hidden = false;
	for (size_t i = 0; i < count; i++) {
		model->path[model->size++] = '/';
		memcpy(model->path + model->size, list[i].text, list[i].size);
		model->size += list[i].size;
		model->hidden |= list[i].text[0] == '.' && !(i == 0 && segment_is(&list[i], ".well-known"));
	}
	if (slash || count == 0)
		model->path[model->size++] = '/';
}

static inline void model_run(struct bytes raw, struct model *model)
{
	static struct segment list[MODEL_SEGMENTS_MAX];
	size_t count = 0;
	bool slash = false;

	for (size_t at = 1; at <= raw.size;) {
		struct segment segment;

		model->result = model_take(raw, &at, &segment);
		if (model->result != TARGET_OK)
			return;
		slash = true;
		if (segment.size == 0 || segment_is(&segment, "."))
			continue;
		if (segment_is(&segment, "..")) {
			model->result = TARGET_MALFORMED;
			if (count-- == 0)
				return;
			continue;
		}
		slash = at <= raw.size;
		list[count++] = segment;
	}
	model->result = TARGET_OK;
	model_join(model, list, count, slash);
}

static inline uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

/* A random origin-form target without a query, into `out`. */
static inline size_t model_random(uint32_t *seed, uint8_t *out)
{
	static const char *const parts[] = { "/",      "/",    "/",           "/",
					     ".",      "..",   "a",           "b.c",
					     "%2e",    "%2E",  "%61",         "%2f",
					     "%00",    "%",    "%4",          "!",
					     "#",      " ",    ".well-known", "a-rather-long-name",
					     "%C3%A9", "\x80", "/../",        "/./",
					     "x",      "$",    "index.html" };
	/* The faulty ones are drawn rarely, or nothing else would be tested. */
	unsigned count = 1 + next_random(seed) % 10;
	size_t size = 0;

	out[size++] = '/';
	while (count-- > 0) {
		unsigned drawn = next_random(seed) % (sizeof(parts) / sizeof(parts[0]));

		if (drawn >= 11 && drawn <= 17 && next_random(seed) % 8 != 0)
			drawn = 6;
		memcpy(out + size, parts[drawn], strlen(parts[drawn]));
		size += strlen(parts[drawn]);
	}
	return size;
}

#endif
