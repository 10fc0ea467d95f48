/* SPDX-License-Identifier: MIT */
/*
 * The request target: split, percent-decode, remove dot segments.
 *
 * Called once per request, before anything is looked up. Nearly every target is a path that
 * is normal as it stands, so that case is decided sixteen bytes at a time and costs no copy;
 * whatever might need work takes the second road, one segment at a time into scratch. What the
 * first road lets through is exactly what the second would leave as it is, never more.
 *
 * Faults are reported from left to right within the path: the first one decides. This module
 * never asks what exists, and what it lets pass is not thereby safe to open: the kernel, by
 * RESOLVE_BENEATH, keeps requests inside the root.
 *
 * The hard thing is the order: bytes are decoded before segments are judged (%2e%2e is ".."),
 * but segments are cut before bytes are decoded (%2F ends none).
 *
 * RFC 9112 3.2, RFC 3986 2.1, 3.2, 3.3 and 5.2.4.
 */
#include "http/target.h"

#include "http/host.h"

/* The compilers turn operations on this into SSE2 or NEON; comparisons give 0xff for true. */
typedef uint8_t block __attribute__((vector_size(16)));
typedef uint32_t block_u32 __attribute__((vector_size(16)));
typedef uint64_t block_u64 __attribute__((vector_size(16)));

static bool is_plain(struct bytes path);

/* Out of line, or registers are saved for them before the first byte is seen: 20 instructions of 70. */
#define ASIDE __attribute__((noinline))

ASIDE static enum target_result parse_absolute(struct bytes raw, uint8_t *scratch, struct target *ret_target);
ASIDE static enum target_result parse_path(struct bytes rest, uint8_t *scratch, struct target *ret_target);

enum target_result target_parse(struct bytes raw, enum method method, uint8_t *scratch,
				struct target *ret_target)
{
	if (raw.size == 0 || method == METHOD_CONNECT)
		return TARGET_MALFORMED;
	if (raw.base[0] == '/') {
		if (!is_plain(raw))
			return parse_path(raw, scratch, ret_target);
		*ret_target = (struct target){ .path = raw };
		return TARGET_OK;
	}
	if (raw.size == 1 && raw.base[0] == '*' && method == METHOD_OPTIONS) {
		*ret_target = (struct target){ .asterisk = true };
		return TARGET_OK;
	}
	return parse_absolute(raw, scratch, ret_target);
}

static block load(const uint8_t *at)
{
	block loaded;

	memcpy(&loaded, at, sizeof(loaded));
	return loaded;
}

static uint32_t load_u32(const uint8_t *at)
{
	uint32_t loaded;

	memcpy(&loaded, at, sizeof(loaded));
	return loaded;
}

static uint64_t load_u64(const uint8_t *at)
{
	uint64_t loaded;

	memcpy(&loaded, at, sizeof(loaded));
	return loaded;
}

/*
 * Fill a block from `count` bytes, 1 to 15: each of them at least once, in an order that
 * depends on `count` alone. Whoever judges bytes one by one needs no more than that, and no
 * byte outside is read.
 */
static inline block gather(const uint8_t *at, size_t count)
{
	if (count >= 8)
		return (block)(block_u64){ load_u64(at), load_u64(at + count - 8) };
	if (count >= 4) {
		uint32_t first = load_u32(at), last = load_u32(at + count - 4);

		return (block)(block_u32){ first, last, first, last };
	}
	uint32_t all =
		(uint32_t)at[0] << 24 | (uint32_t)at[0] << 16 | (uint32_t)at[count / 2] << 8 | at[count - 1];

	return (block)(block_u32){ all, all, all, all };
}

/*
 * May no byte of `now`, each with its predecessor in `before`, need any work?
 *
 *   below 0x26                  control bytes, SP, "#", "%", and with them ! " $, which are rare
 *   0x3f and 0x7f               "?" and DEL differ in bit 6
 *   0x2e and 0x2f after 0x2f    "/." and "//" differ in bit 0
 */
static bool is_plain_block(block before, block now)
{
	block odd = (block)(now < 0x26) | (block)((now & 0xbf) == 0x3f) |
		    ((block)(before == '/') & (block)((now & 0xfe) == '.'));
	block_u64 any = (block_u64)odd;

	return (any[0] | any[1]) == 0;
}

/*
 * True only for a normal path without a query and without a segment that starts with ".". The
 * path starts with a slash, so every byte that is judged has a predecessor inside of it. The
 * last block ends with the path and overlaps the one before.
 */
static bool is_plain(struct bytes path)
{
	const uint8_t *at = path.base + 1;
	size_t count = path.size - 1;

	if (count == 0)
		return true;
	if (count < sizeof(block))
		return is_plain_block(gather(at - 1, count), gather(at, count));
	for (; count > sizeof(block); count -= sizeof(block), at += sizeof(block))
		if (!is_plain_block(load(at - 1), load(at)))
			return false;
	at = path.base + path.size - sizeof(block);
	return is_plain_block(load(at - 1), load(at));
}

static bool is_control(uint8_t c)
{
	return c <= ' ' || c == 0x7f;
}

/* The value of a hexadecimal digit, or 16. */
static unsigned hex_value(uint8_t c)
{
	uint8_t lower = byte_lower(c);

	if (byte_is_digit(c))
		return c - '0';
	return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10u : 16;
}

/* The byte that "%XX" at `at` stands for; -1 when it is none. */
static int decode_byte(struct bytes text, size_t at)
{
	unsigned high, low;

	if (text.size - at < 3)
		return -1;
	high = hex_value(text.base[at + 1]);
	low = hex_value(text.base[at + 2]);
	return high > 15 || low > 15 ? -1 : (int)(high << 4 | low);
}

/* Decode the segment that starts at *at into `out`; *at moves to the slash or the end behind it. */
static enum target_result decode_segment(struct bytes path, size_t *at, uint8_t *out, size_t *ret_size)
{
	size_t size = 0;

	for (; *at < path.size && path.base[*at] != '/'; (*at)++) {
		int c = path.base[*at];

		if (is_control((uint8_t)c) || c == '#')
			return TARGET_MALFORMED;
		if (c == '%') {
			c = decode_byte(path, *at);
			if (c <= 0)
				return TARGET_MALFORMED;
			if (c == '/')
				return TARGET_NOWHERE;
			*at += 2;
		}
		out[size++] = (uint8_t)c;
	}
	*ret_size = size;
	return TARGET_OK;
}

/*
 * Write the normal form of `path`, which starts with a slash, to `out`. What is written never
 * gets longer than what was read, and between two segments it always ends with a slash: so an
 * empty segment or "." is dropped by leaving it, and ".." by stepping back to the slash before.
 */
static enum target_result normalise(struct bytes path, uint8_t *out, size_t *ret_size)
{
	size_t used = 1;

	out[0] = '/';
	for (size_t at = 1; at < path.size; at++) {
		const uint8_t *segment = out + used;
		size_t size;
		enum target_result result = decode_segment(path, &at, out + used, &size);

		if (result != TARGET_OK)
			return result;
		if (size == 0 || (size == 1 && segment[0] == '.'))
			continue;
		if (size == 2 && segment[0] == '.' && segment[1] == '.') {
			if (used == 1)
				return TARGET_MALFORMED;
			while (out[--used - 1] != '/')
				;
			continue;
		}
		used += size;
		if (at < path.size)
			out[used++] = '/';
	}
	*ret_size = used;
	return TARGET_OK;
}

/* Does a segment of a normal path start with "."? RFC 8615 wants "/.well-known" to be seen. */
static bool is_hidden(struct bytes path)
{
	static const char well_known[] = "/.well-known";
	struct bytes prefix = bytes_make(well_known, sizeof(well_known) - 1);
	size_t begin = 0;

	if (bytes_starts_with(path, prefix) && (path.size == prefix.size || path.base[prefix.size] == '/'))
		begin = prefix.size;
	for (size_t i = begin; i + 1 < path.size; i++)
		if (path.base[i] == '/' && path.base[i + 1] == '.')
			return true;
	return false;
}

/* What normalise() would drop: an empty segment, "." and "..". */
static bool is_dropped(struct bytes segment)
{
	return segment.size == 0 || bytes_equal(segment, BYTES(".")) || bytes_equal(segment, BYTES(".."));
}

bool target_is_normal(struct bytes path, bool *ret_hidden)
{
	struct bytes rest;

	if (path.size == 0 || path.base[0] != '/' || memchr(path.base, 0, path.size) != NULL)
		return false;
	rest = bytes_skip(path, 1);
	while (rest.size > 0) {
		const uint8_t *slash = memchr(rest.base, '/', rest.size);
		size_t size = slash != NULL ? (size_t)(slash - rest.base) : rest.size;

		if (is_dropped(bytes_make(rest.base, size)))
			return false;
		rest = bytes_skip(rest, slash != NULL ? size + 1 : size);
	}
	*ret_hidden = is_hidden(path);
	return true;
}

/* A query is not looked into: only what can stand in no target at all is refused. */
static bool is_query(struct bytes query)
{
	for (size_t i = 0; i < query.size; i++)
		if (is_control(query.base[i]) || query.base[i] == '#')
			return false;
	return true;
}

/* The normal form of `raw`: itself when it is normal, else in scratch. */
static enum target_result normalise_path(struct bytes raw, uint8_t *scratch, struct bytes *ret_path)
{
	enum target_result result;
	size_t size;

	if (raw.size > 0 && is_plain(raw)) {
		*ret_path = raw;
		return TARGET_OK;
	}
	result = normalise(raw, scratch, &size);
	if (result != TARGET_OK)
		return result;
	/* Every change makes a path shorter, except that an empty one becomes "/". */
	*ret_path = size == raw.size ? raw : bytes_make(scratch, size);
	return TARGET_OK;
}

/* A path that starts with a slash or is empty, and perhaps a query behind it. */
static enum target_result parse_path(struct bytes rest, uint8_t *scratch, struct target *ret_target)
{
	const uint8_t *mark = rest.size > 0 ? memchr(rest.base, '?', rest.size) : NULL;
	size_t path_size = mark != NULL ? (size_t)(mark - rest.base) : rest.size;
	struct target target = { .path = bytes_make(rest.base, path_size) };
	enum target_result result = normalise_path(target.path, scratch, &target.path);

	if (result != TARGET_OK)
		return result;
	if (mark != NULL)
		target.query = bytes_skip(rest, path_size);
	if (!is_query(target.query))
		return TARGET_MALFORMED;
	target.hidden = is_hidden(target.path);
	*ret_target = target;
	return TARGET_OK;
}

/* What may stand in Host, but never without a host (RFC 9110 4.2.1). Userinfo has no place in that. */
static bool is_authority(struct bytes authority)
{
	return authority.size > 0 && authority.base[0] != ':' && host_is_valid(authority);
}

/* What follows "http://" or "https://"; size 0 for anything else. */
static struct bytes skip_scheme(struct bytes raw)
{
	static const char *const schemes[] = { "http://", "https://" };

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		struct bytes scheme = bytes_string(schemes[i]);

		if (raw.size > scheme.size && bytes_equal_nocase(bytes_make(raw.base, scheme.size), scheme))
			return bytes_skip(raw, scheme.size);
	}
	return bytes_make(raw.base, 0);
}

static enum target_result parse_absolute(struct bytes raw, uint8_t *scratch, struct target *ret_target)
{
	struct bytes rest = skip_scheme(raw);
	struct bytes authority = bytes_make(rest.base, 0);
	enum target_result result;

	while (authority.size < rest.size && rest.base[authority.size] != '/' &&
	       rest.base[authority.size] != '?')
		authority.size++;
	if (!is_authority(authority))
		return TARGET_MALFORMED;
	result = parse_path(bytes_skip(rest, authority.size), scratch, ret_target);
	if (result == TARGET_OK)
		ret_target->authority = authority;
	return result;
}

/* unreserved, sub-delims, ":", "@" and the slash between segments (RFC 3986 3.3). */
static bool is_path_byte(uint8_t c)
{
	static const char marks[] = "-._~!$&'()*+,;=:@/";
	uint8_t lower = byte_lower(c);

	if ((lower >= 'a' && lower <= 'z') || byte_is_digit(c))
		return true;
	return memchr(marks, c, sizeof(marks) - 1) != NULL;
}

size_t target_encode(struct bytes path, uint8_t *out)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t used = 0;

	for (size_t i = 0; i < path.size; i++) {
		uint8_t c = path.base[i];

		if (is_path_byte(c)) {
			out[used++] = c;
			continue;
		}
		out[used++] = '%';
		out[used++] = (uint8_t)digits[c >> 4];
		out[used++] = (uint8_t)digits[c & 15];
	}
	return used;
}
