/* SPDX-License-Identifier: MIT */
/*
 * Text that grows; see text.h.
 *
 * Doubles its memory, keeps one byte for the NUL that makes it a C string, and after a failed
 * allocation takes nothing more, so that what is there is always a beginning of what was meant.
 */
#include "base/text.h"

#include <stdio.h>

#include "base/check.h"
#include "base/mem.h"

#define CAPACITY_FIRST 256

void text_deinit(struct text *text)
{
	mem_free(text->base);
	*text = TEXT_EMPTY;
}

void text_clear(struct text *text)
{
	text->size = 0;
	text->failed = false;
	if (text->base)
		text->base[0] = 0;
}

uint8_t *text_reserve(struct text *text, size_t size)
{
	size_t capacity = text->capacity ? text->capacity : CAPACITY_FIRST;
	uint8_t *base;

	if (text->failed)
		return NULL;
	while (capacity - text->size <= size)
		capacity *= 2;
	if (capacity != text->capacity) {
		base = mem_resize(text->base, capacity);
		if (!base) {
			text->failed = true;
			return NULL;
		}
		text->base = base;
		text->capacity = capacity;
	}
	return text->base + text->size;
}

void text_add(struct text *text, struct bytes part)
{
	uint8_t *at = text_reserve(text, part.size);

	if (!at)
		return;
	if (part.size > 0)
		memcpy(at, part.base, part.size);
	text->size += part.size;
	text->base[text->size] = 0;
}

void text_add_byte(struct text *text, uint8_t byte)
{
	text_add(text, bytes_make(&byte, 1));
}

void text_format_list(struct text *text, const char *format, va_list arguments)
{
	va_list again;
	int size;
	uint8_t *at;

	va_copy(again, arguments);
	size = vsnprintf(NULL, 0, format, again);
	va_end(again);
	check(size >= 0);
	at = text_reserve(text, (size_t)size);
	if (!at)
		return;
	vsnprintf((char *)at, (size_t)size + 1, format, arguments);
	text->size += (size_t)size;
}

void text_format(struct text *text, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	text_format_list(text, format, arguments);
	va_end(arguments);
}

const char *text_string(const struct text *text)
{
	return text->base ? (const char *)text->base : "";
}
