/* SPDX-License-Identifier: MIT */
/*
 * Is this a Host value?
 *
 * http/framing asks once per request, so the usual name or address runs through one table
 * look-up per byte. Nothing is resolved, decoded or compared here: the point is that no byte
 * gets through that another reader of the same request takes for the end of the host or for
 * the start of something else. Inside brackets the alphabet and the colons of an IPv6 address
 * are checked, not the number of its groups; whoever wants to connect to it will find out.
 */
#include "http/host.h"

#define NAME 1 /* unreserved and sub-delims of RFC 3986, without "," and "'" */
#define HEX 2

static const uint8_t host_class[256] = {
	['0' ... '9'] = NAME | HEX,
	['A' ... 'F'] = NAME | HEX,
	['G' ... 'Z'] = NAME,
	['a' ... 'f'] = NAME | HEX,
	['g' ... 'z'] = NAME,
	['-'] = NAME,
	['.'] = NAME,
	['_'] = NAME,
	['~'] = NAME,
	['!'] = NAME,
	['$'] = NAME,
	['&'] = NAME,
	['('] = NAME,
	[')'] = NAME,
	['*'] = NAME,
	['+'] = NAME,
	[';'] = NAME,
	['='] = NAME,
};

/* Where the host before ":" and digits ends; `end` when there is no port. */
static inline const uint8_t *strip_port(const uint8_t *base, const uint8_t *end)
{
	const uint8_t *at = end;

	while (at > base && byte_is_digit(at[-1]))
		at--;
	return at > base && at[-1] == ':' ? at - 1 : end;
}

/* Letters, digits and the like only? Four look-ups to a branch, since nearly every host is. */
static inline bool is_plain(const uint8_t *at, const uint8_t *end)
{
	uint8_t class = NAME;

	for (; end - at >= 4; at += 4)
		class &= host_class[at[0]] & host_class[at[1]] & host_class[at[2]] & host_class[at[3]];
	for (; at < end; at++)
		class &= host_class[*at];
	return class;
}

static uint8_t digit_value(uint8_t digit)
{
	return byte_is_digit(digit) ? digit - '0' : byte_lower(digit) - 'a' + 10;
}

/* Decoded by somebody, would it end the host or begin something else? */
static bool is_delimiter(uint8_t byte)
{
	return byte <= ' ' || byte == 0x7f || memchr("/\\@:?#[]%,", byte, 10);
}

/* A registered name with percent-encoded bytes in it. */
static bool is_encoded(struct bytes host)
{
	for (size_t at = 0; at < host.size; at++) {
		if (host_class[host.base[at]] & NAME)
			continue;
		if (host.base[at] != '%' || host.size - at < 3)
			return false;
		if (!(host_class[host.base[at + 1]] & host_class[host.base[at + 2]] & HEX) ||
		    is_delimiter(
			    (uint8_t)(digit_value(host.base[at + 1]) << 4 | digit_value(host.base[at + 2]))))
			return false;
		at += 2;
	}
	return true;
}

/* "[", hexadecimal digits, dots and at least two colons, "]". */
static bool is_literal(struct bytes host)
{
	unsigned colons = 0;

	if (host.size < 2 || host.base[0] != '[' || host.base[host.size - 1] != ']')
		return false;
	for (size_t at = 1; at < host.size - 1; at++) {
		uint8_t byte = host.base[at];

		colons += byte == ':';
		if (byte != ':' && byte != '.' && !(host_class[byte] & HEX))
			return false;
	}
	return colons >= 2;
}

bool host_is_valid(struct bytes value)
{
	const uint8_t *end = strip_port(value.base, value.base + value.size);
	struct bytes host = bytes_make(value.base, (size_t)(end - value.base));

	return is_plain(host.base, end) || is_literal(host) || is_encoded(host);
}
