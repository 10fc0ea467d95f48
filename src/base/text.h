/* SPDX-License-Identifier: MIT */
/*
 * Text that grows: what is written before its size is known (listings, composed paths, reports).
 *
 * A failed allocation is remembered, not reported at each step: after the last one, `failed`
 * says whether everything is there. Not for the hot path, which writes into memory it has.
 */
#ifndef QUOIT_BASE_TEXT_H
#define QUOIT_BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct text {
	uint8_t *base; /* `size` bytes and, when not NULL, a NUL behind them; owned */
	size_t size;
	size_t capacity;
	bool failed; /* no memory: something is missing */
};

/* All zero is an empty text. */
#define TEXT_EMPTY ((struct text){ .base = NULL })

void text_deinit(struct text *text);
/* Forget the content, keep the memory. */
void text_clear(struct text *text);

void text_add(struct text *text, struct bytes part);
void text_add_byte(struct text *text, uint8_t byte);
void text_format(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_format_list(struct text *text, const char *format, va_list arguments);

/* Room for `size` more bytes at the end, to be filled by the caller, who then adds to text->size. NULL: no
 * memory. */
uint8_t *text_reserve(struct text *text, size_t size);

static inline struct bytes text_bytes(const struct text *text)
{
	return bytes_make(text->base, text->size);
}

/* As a C string; "" when empty. */
const char *text_string(const struct text *text);

#endif
