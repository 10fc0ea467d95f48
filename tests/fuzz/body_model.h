/* SPDX-License-Identifier: MIT */
/*
 * Where a chunked body ends (RFC 9112 7.1), told by reading whole lines of all its bytes.
 *
 * No states and no resuming, which is what http/body is made of; so both are hardly wrong in the same way.
 */
#ifndef QUOIT_TESTS_FUZZ_BODY_MODEL_H
#define QUOIT_TESTS_FUZZ_BODY_MODEL_H

#include <ctype.h>
#include <regex.h>
#include <stdlib.h>

#include "http/body.h"

/* Take a line that ends with CR LF and holds no other control than HTAB, of at most `size_max` bytes in all.
 */
static inline bool body_model_take_line(struct bytes *data, size_t size_max, struct bytes *ret_line)
{
	size_t size = 0;

	while (size < data->size &&
	       (data->base[size] == '\t' || (data->base[size] >= ' ' && data->base[size] != 0x7f)))
		size++;
	if (size + 2 > size_max || data->size - size < 2 || memcmp(data->base + size, "\r\n", 2) != 0)
		return false;
	*ret_line = bytes_make(data->base, size);
	*data = bytes_skip(*data, size + 2);
	return true;
}

/* RFC 9112 7.1 and 7.1.1, as a regular expression of the C library. A line holds no other control than HTAB.
 */
#define BODY_MODEL_BLANK "[ \t]*"
#define BODY_MODEL_TOKEN "[-!#$%&'*+.^_`|~0-9A-Za-z]+"
#define BODY_MODEL_QUOTED "\"([^\"\\]|\\\\.)*\""
#define BODY_MODEL_VALUE "(" BODY_MODEL_TOKEN "|" BODY_MODEL_QUOTED ")"
#define BODY_MODEL_SIZE_LINE                                                                                 \
	"^[0-9A-Fa-f]{1,16}(" BODY_MODEL_BLANK ";" BODY_MODEL_BLANK BODY_MODEL_TOKEN "(" BODY_MODEL_BLANK    \
	"=" BODY_MODEL_BLANK BODY_MODEL_VALUE ")?)*$"

static inline bool body_model_read_size(struct bytes line, uint64_t *ret_size)
{
	static regex_t expression;
	static bool is_compiled;
	char text[BODY_CHUNK_LINE_MAX + 1] = "";

	if (!is_compiled && regcomp(&expression, BODY_MODEL_SIZE_LINE, REG_EXTENDED) != 0)
		abort();
	is_compiled = true;
	memcpy(text, line.base, line.size);
	if (regexec(&expression, text, 0, NULL, 0) != 0)
		return false;
	*ret_size = strtoull(text, NULL, 16);
	return true;
}

static inline bool body_model_is_trailer(struct bytes line)
{
	size_t size = 0;

	while (size < line.size && line.base[size] != ':') {
		uint8_t byte = line.base[size++];

		if (byte >= 0x80 || !(isalnum(byte) || strchr("!#$%&'*+-.^_`|~", byte)))
			return false;
	}
	return size > 0 && size < line.size;
}

/* True, and *ret_size bytes, when a whole body of at most `size_max` bytes of data begins with `all`. */
static inline bool body_model_read(struct bytes all, uint64_t size_max, size_t *ret_size)
{
	struct bytes data = all, line;
	size_t trailers = BODY_TRAILER_MAX;
	uint64_t size;

	do {
		if (!body_model_take_line(&data, BODY_CHUNK_LINE_MAX, &line) ||
		    !body_model_read_size(line, &size))
			return false;
		if (size == 0)
			break;
		if (size > size_max || size > data.size || data.size - size < 2 ||
		    memcmp(data.base + size, "\r\n", 2) != 0)
			return false;
		size_max -= size;
		data = bytes_skip(data, size + 2);
	} while (true);
	do {
		if (!body_model_take_line(&data, trailers, &line) ||
		    (line.size > 0 && !body_model_is_trailer(line)))
			return false;
		trailers -= line.size + 2;
	} while (line.size > 0);
	*ret_size = all.size - data.size;
	return true;
}

#endif
