/* SPDX-License-Identifier: MIT */
/*
 * A slice of bytes: a pointer and a length, owned by somebody else.
 *
 * Everything that was received is handled as slices into the receive buffer; nothing is
 * copied or terminated by NUL. A slice is valid as long as the memory it points into, which
 * for a request means: until its answer is made.
 */
#ifndef QUOIT_BASE_BYTES_H
#define QUOIT_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
	const uint8_t *base;
	size_t size;
};

/* The slice of a string literal, without its NUL. */
#define BYTES(literal) ((struct bytes){ (const uint8_t *)(literal), sizeof(literal) - 1 })

static inline struct bytes bytes_make(const void *base, size_t size)
{
	return (struct bytes){ base, size };
}

static inline struct bytes bytes_string(const char *string)
{
	return bytes_make(string, strlen(string));
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
	return a.size == b.size && (a.size == 0 || memcmp(a.base, b.base, a.size) == 0);
}

static inline uint8_t byte_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

static inline bool byte_is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* ASCII letters compare without case; every other byte must be the same. */
static inline bool bytes_equal_nocase(struct bytes a, struct bytes b)
{
	if (a.size != b.size)
		return false;
	for (size_t i = 0; i < a.size; i++)
		if (byte_lower(a.base[i]) != byte_lower(b.base[i]))
			return false;
	return true;
}

static inline bool bytes_starts_with(struct bytes a, struct bytes prefix)
{
	return a.size >= prefix.size && memcmp(a.base, prefix.base, prefix.size) == 0;
}

static inline struct bytes bytes_skip(struct bytes a, size_t count)
{
	return bytes_make(a.base + count, a.size - count);
}

/* Without the optional white space (SP and HTAB, RFC 9110 5.6.3) around it. */
static inline struct bytes bytes_trim(struct bytes a)
{
	while (a.size > 0 && (a.base[0] == ' ' || a.base[0] == '\t'))
		a = bytes_skip(a, 1);
	while (a.size > 0 && (a.base[a.size - 1] == ' ' || a.base[a.size - 1] == '\t'))
		a.size--;
	return a;
}

#endif
