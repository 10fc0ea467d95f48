/* SPDX-License-Identifier: MIT */
/*
 * The field lines of a complete head, found as plainly as can be: cut at each CR LF, name before the first
 * colon.
 *
 * A second opinion on http/http1 and http/framing; it shares no code with them but the trimming of a value.
 */
#ifndef QUOIT_TESTS_FUZZ_HEAD_LINES_H
#define QUOIT_TESTS_FUZZ_HEAD_LINES_H

#include <strings.h>

#include "http/http1.h"

struct head_line {
	struct bytes name, value;
};

/* Take the next line off `head`; false behind the last. Of a request line the name has no size. */
static inline bool head_lines_take(struct bytes *head, struct head_line *ret_line)
{
	const uint8_t *end = head->size > 0 ? memmem(head->base, head->size, "\r\n", 2) : NULL;
	struct bytes line;
	size_t colon = 0;

	if (!end)
		return false;
	line = bytes_make(head->base, (size_t)(end - head->base));
	*head = bytes_skip(*head, line.size + 2);
	while (colon < line.size && line.base[colon] != ':' && line.base[colon] != ' ')
		colon++;
	if (colon == line.size || line.base[colon] == ' ') {
		*ret_line = (struct head_line){ bytes_make(line.base, 0), line };
		return true;
	}
	ret_line->name = bytes_make(line.base, colon);
	ret_line->value = bytes_trim(bytes_skip(line, colon + 1));
	return true;
}

static inline bool head_line_is(const struct head_line *line, const char *name)
{
	return line->name.size == strlen(name) &&
	       strncasecmp((const char *)line->name.base, name, line->name.size) == 0;
}

/* How many lines have this name; NULL: any. *ret_last is the value of the last. */
static inline unsigned head_lines_count(struct bytes head, const char *name, struct bytes *ret_last)
{
	struct head_line line;
	unsigned count = 0;

	while (head_lines_take(&head, &line)) {
		if (line.name.size == 0 || (name && !head_line_is(&line, name)))
			continue;
		*ret_last = line.value;
		count++;
	}
	return count;
}

#endif
