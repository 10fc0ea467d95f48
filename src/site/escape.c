/* SPDX-License-Identifier: MIT */
/*
 * Bytes of unknown origin, put into HTML, JSON and references.
 *
 * Called off the hot path, by whoever writes a page. One walk (add_replaced) serves every place; each
 * place is a function that says what stands there instead of the next bytes:
 *
 *   text in HTML    & < > " ' as references; U+FFFD for bad UTF-8, controls, overrides
 *   text in JSON    what RFC 8259 7 asks to be escaped; U+FFFD for bad UTF-8
 *   href            percent-encoded by http/target, which is the other end of it
 *   href in HTML    the same, and what is left of & and ' as references
 *
 * The hard thing is broken UTF-8: a bad sequence must not take the byte behind it along, or it would
 * swallow a quote. Unicode 3.9 settles how many U+FFFD stand for what, and browsers count the same.
 *
 * References: HTML 13.1.2.3 and 13.1.4, Unicode 3.9 (table 3-7), UAX 9, RFC 8259 7, RFC 3986 4.2.
 */
#include "site/escape.h"

#include "http/target.h"

#define UNKNOWN_POINT 0xfffd
#define UNKNOWN BYTES("\xef\xbf\xbd") /* U+FFFD */
#define NOTHING bytes_make(NULL, 0)

/*
 * What is written for the bytes at the start of `rest`, which is not empty, in one of the places: a
 * slice of static memory or of `scratch`, or nothing when they stand for themselves. *ret_size: how
 * many of them.
 */
#define SCRATCH_SIZE 8
typedef struct bytes replace_function(struct bytes rest, uint8_t scratch[SCRATCH_SIZE], size_t *ret_size);

static void add_replaced(struct text *out, struct bytes part, replace_function *replace)
{
	uint8_t scratch[SCRATCH_SIZE];
	size_t begin = 0; /* of what stands for itself and is not yet added */

	for (size_t at = 0, size; at < part.size; at += size) {
		struct bytes other = replace(bytes_skip(part, at), scratch, &size);

		if (other.size == 0)
			continue;
		text_add(out, bytes_make(part.base + begin, at - begin));
		text_add(out, other);
		begin = at + size;
	}
	text_add(out, bytes_skip(part, begin));
}

/* How many bytes a sequence that starts with `first` has; 0 when none does. */
static size_t sequence_size(uint8_t first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xc2 || first > 0xf4)
		return 0;
	return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/*
 * The code point at the start of `rest`. For what is not UTF-8: U+FFFD, and the size of the longest
 * beginning of a sequence, as browsers count (Unicode 3.9, "substitution of maximal subparts").
 */
static uint32_t decode(struct bytes rest, size_t *ret_size)
{
	uint8_t first = rest.base[0];
	uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
	uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
	size_t size = sequence_size(first);
	uint32_t point = size == 1 ? first : first & (0x7fu >> size);

	*ret_size = 1;
	if (size == 0)
		return UNKNOWN_POINT;
	for (; *ret_size < size; (*ret_size)++) {
		uint8_t next = *ret_size < rest.size ? rest.base[*ret_size] : 0;

		if (next < low || next > high)
			return UNKNOWN_POINT;
		point = point << 6 | (next & 0x3f);
		low = 0x80;
		high = 0xbf;
	}
	return point;
}

/*
 * May this code point be shown? Not control characters and what else HTML forbids, no separators of
 * lines, and nothing that overrides or embeds a direction: "exe.gpj" would read "jpg.exe" backwards.
 * The plain marks U+200E and U+200F occur in honest names, and change no order of letters.
 */
static bool is_shown(uint32_t point)
{
	if (point < 0x20 || (point >= 0x7f && point < 0xa0))
		return false;
	if (point >= 0x2028 && point <= 0x202e)
		return false;
	if (point >= 0x2066 && point <= 0x2069)
		return false;
	return (point < 0xfdd0 || point > 0xfdef) && (point & 0xfffe) != 0xfffe;
}

static struct bytes reference_of(uint8_t c)
{
	switch (c) {
	case '&':
		return BYTES("&amp;");
	case '<':
		return BYTES("&lt;");
	case '>':
		return BYTES("&gt;");
	case '"':
		return BYTES("&quot;");
	case '\'':
		return BYTES("&#39;");
	default:
		return NOTHING;
	}
}

static struct bytes replace_html(struct bytes rest, uint8_t scratch[SCRATCH_SIZE], size_t *ret_size)
{
	uint32_t point = decode(rest, ret_size);

	(void)scratch;
	if (point == UNKNOWN_POINT || !is_shown(point))
		return UNKNOWN;
	return reference_of(rest.base[0]);
}

static struct bytes replace_href(struct bytes rest, uint8_t scratch[SCRATCH_SIZE], size_t *ret_size)
{
	*ret_size = 1;
	return target_encode(bytes_make(rest.base, 1), scratch) > 1 ? bytes_make(scratch, 3) : NOTHING;
}

static struct bytes replace_href_html(struct bytes rest, uint8_t scratch[SCRATCH_SIZE], size_t *ret_size)
{
	struct bytes encoded = replace_href(rest, scratch, ret_size);

	return encoded.size > 0 ? encoded : reference_of(rest.base[0]);
}

static struct bytes replace_json(struct bytes rest, uint8_t scratch[SCRATCH_SIZE], size_t *ret_size)
{
	static const char digits[] = "0123456789abcdef";
	uint32_t point = decode(rest, ret_size);

	if (point == UNKNOWN_POINT)
		return UNKNOWN;
	if (point == '"')
		return BYTES("\\\"");
	if (point == '\\')
		return BYTES("\\\\");
	if (point >= 0x20)
		return NOTHING;
	memcpy(scratch, "\\u00", 4);
	scratch[4] = (uint8_t)digits[point >> 4];
	scratch[5] = (uint8_t)digits[point & 15];
	return bytes_make(scratch, 6);
}

void escape_html(struct text *out, struct bytes part)
{
	add_replaced(out, part, replace_html);
}

void escape_json(struct text *out, struct bytes part)
{
	add_replaced(out, part, replace_json);
}

/* "a:b" alone would be the scheme "a" and what it means. */
static void add_href_prefix(struct text *out, struct bytes name)
{
	if (memchr(name.base, ':', name.size))
		text_add(out, BYTES("./"));
}

void escape_href(struct text *out, struct bytes name)
{
	add_href_prefix(out, name);
	add_replaced(out, name, replace_href);
}

void escape_href_html(struct text *out, struct bytes name)
{
	add_href_prefix(out, name);
	add_replaced(out, name, replace_href_html);
}
