/* SPDX-License-Identifier: MIT */
/*
 * Where a route leads: checks the text of `to`, and fills it in.
 *
 * Called by site/route: once when the configuration is compiled, then for every path that a rule
 * matches and that is not cached yet. The text is walked each time; it is short, and nothing is
 * kept beside it.
 *
 * The hard thing is that the path comes from a stranger and the result is followed by a browser. A host
 * is taken from the literal text alone: it is complete before the first capture, and what comes
 * directly behind it must start with "/", or "https://new.example$1" would lead to
 * "https://new.example.evil.example". No result starts with "//", and what browsers take for a slash
 * or drop (a backslash, control bytes) is percent-encoded.
 *
 * References: RFC 3986 2, 3.2 and 4.2, RFC 9110 10.2.2.
 */
#include "site/destination.h"

#include "http/host.h"
#include "http/target.h"

/* No target that is taken is longer (serve/config.def: target_size), so nobody could follow it. */
#define RESULT_SIZE_MAX 32768
#define TOO_LONG "the result is longer than any target"

/* A piece of the text: literal, or the number of a capture. */
struct part {
	struct bytes literal;
	int capture; /* -1: none */
};

/* Take the part at *at. Behind each "$" stands a digit or another one: that has been checked. */
static bool next_part(struct bytes text, size_t *at, struct part *ret_part)
{
	struct bytes rest = bytes_skip(text, *at);
	const uint8_t *dollar;

	if (rest.size == 0)
		return false;
	dollar = memchr(rest.base, '$', rest.size);
	if (dollar != rest.base) {
		size_t size = dollar ? (size_t)(dollar - rest.base) : rest.size;

		*ret_part = (struct part){ bytes_make(rest.base, size), -1 };
		*at += size;
		return true;
	}
	if (byte_is_digit(rest.base[1]))
		*ret_part = (struct part){ bytes_make(rest.base, 0), rest.base[1] - '0' };
	else
		*ret_part = (struct part){ bytes_make(rest.base, 1), -1 };
	*at += 2;
	return true;
}

static bool is_hex(uint8_t byte)
{
	uint8_t lower = byte_lower(byte);

	return byte_is_digit(byte) || (lower >= 'a' && lower <= 'f');
}

static bool is_encoded_byte(struct bytes text, size_t at)
{
	return text.size - at >= 3 && text.base[at] == '%' && is_hex(text.base[at + 1]) &&
	       is_hex(text.base[at + 2]);
}

/* unreserved and reserved of RFC 3986, and "%". */
static bool is_uri_byte(uint8_t byte)
{
	return byte > ' ' && byte < 0x7f && !strchr("\"<>\\^`{|}", byte);
}

static bool check_captures(struct bytes text, int groups, const struct place *place,
			   struct problems *problems)
{
	for (size_t at = 0; at < text.size; at++) {
		uint8_t next;

		if (text.base[at] != '$')
			continue;
		next = ++at < text.size ? text.base[at] : 0;
		if (next == '$')
			continue;
		if (!byte_is_digit(next)) {
			problems_add(problems, place,
				     "a \"$\" without a digit behind it; a dollar sign is written $$");
			return false;
		}
		if (next - '0' <= groups)
			continue;
		if (groups == DESTINATION_NO_GROUPS)
			problems_add(
				problems, place,
				"$%c is a group of a pattern, and this is none; a dollar sign is written $$",
				next);
		else
			problems_add(problems, place,
				     "there is no $%c: the pattern has %d group%s in parentheses", next,
				     groups, groups == 1 ? "" : "s");
		return false;
	}
	return true;
}

static bool check_location_bytes(struct bytes text, const struct place *place, struct problems *problems)
{
	for (size_t at = 0; at < text.size; at++) {
		uint8_t byte = text.base[at];

		if (!is_uri_byte(byte)) {
			problems_add(problems, place,
				     "the byte at offset %zu cannot stand in a Location; write it as %%%02X",
				     at, byte);
			return false;
		}
		if (byte == '%' && !is_encoded_byte(text, at)) {
			problems_add(
				problems, place,
				"the %% at offset %zu stands for no byte; a percent sign is written %%25",
				at);
			return false;
		}
	}
	return true;
}

bool destination_check_path(struct bytes path, const struct place *place, struct problems *problems)
{
	for (size_t at = 0; at < path.size; at++) {
		if (path.base[at] == '?') {
			problems_add(problems, place,
				     "a ? begins a query, which is no part of a path; take it out");
			return false;
		}
		if (is_encoded_byte(path, at)) {
			problems_add(problems, place, "%.3s is not decoded here; write the byte itself",
				     (const char *)path.base + at);
			return false;
		}
	}
	return true;
}

static size_t scheme_size(struct bytes text)
{
	static const char *const schemes[] = { "http://", "https://" };

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t size = strlen(schemes[i]);

		if (text.size >= size &&
		    bytes_equal_nocase(bytes_make(text.base, size), bytes_string(schemes[i])))
			return size;
	}
	return 0;
}

static size_t find_any(struct bytes text, size_t from, const char *ends)
{
	while (from < text.size && !strchr(ends, text.base[from]))
		from++;
	return from;
}

/* Behind the host: the end, "/", "?" or "#", or captures and then one of these. */
static bool check_host(struct destination *destination, size_t begin, const struct place *place,
		       struct problems *problems)
{
	struct bytes text = destination->text, host;
	size_t at;

	destination->host_end = at = find_any(text, begin, "/?#$");
	host = bytes_make(text.base + begin, at - begin);
	while (at + 1 < text.size && text.base[at] == '$' && byte_is_digit(text.base[at + 1]))
		at += 2;
	if ((at < text.size && !strchr("/?#", text.base[at])) || (host.size == 0 && at > begin)) {
		problems_add(problems, place,
			     "the path must not decide about the host; write a / behind the host");
		return false;
	}
	if (host.size == 0 || host.base[0] == ':' || !host_is_valid(host)) {
		problems_add(problems, place, "\"%.*s\" is no host; expected https://HOST/PATH",
			     (int)host.size, (const char *)host.base);
		return false;
	}
	return true;
}

static bool check_form(struct destination *destination, const struct place *place, struct problems *problems)
{
	struct bytes text = destination->text;
	bool is_path = destination->kind == DESTINATION_PATH;
	size_t scheme = is_path ? 0 : scheme_size(text);

	destination->host_end = 0;
	if (scheme > 0)
		return check_host(destination, scheme, place, problems);
	if (bytes_starts_with(text, BYTES("//"))) {
		problems_add(problems, place, "\"%.*s\" %s", (int)text.size, (const char *)text.base,
			     is_path ? "starts with two slashes; write one"
				     : "would lead to another host; write https:// in front, or one slash "
				       "for a path");
		return false;
	}
	if (!bytes_starts_with(text, BYTES("/"))) {
		problems_add(problems, place, "\"%.*s\" leads nowhere; expected /PATH%s", (int)text.size,
			     (const char *)text.base, is_path ? "" : " or https://HOST/PATH");
		return false;
	}
	return true;
}

bool destination_compile(struct destination *destination, struct bytes text, enum destination_kind kind,
			 int groups, const struct place *place, struct problems *problems)
{
	*destination = (struct destination){ .text = text, .kind = kind };
	if (!check_captures(text, groups, place, problems) || !check_form(destination, place, problems))
		return false;
	destination->query_begin = find_any(text, destination->host_end, "?#");
	return kind == DESTINATION_PATH ? destination_check_path(text, place, problems)
					: check_location_bytes(text, place, problems);
}

/*
 * Percent-encode what stands in a query or fragment. There "&", "=", "+" and ";" have meanings, so less
 * is left as it is than in a path.
 */
static size_t encode_for_query(struct bytes part, uint8_t *out)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t used = 0;

	for (size_t i = 0; i < part.size; i++) {
		uint8_t c = part.base[i], lower = byte_lower(c);

		if ((lower >= 'a' && lower <= 'z') || byte_is_digit(c) || memchr("-._~/", c, 5)) {
			out[used++] = c;
			continue;
		}
		out[used++] = '%';
		out[used++] = (uint8_t)digits[c >> 4];
		out[used++] = (uint8_t)digits[c & 15];
	}
	return used;
}

static void add_encoded(struct text *out, struct bytes part, bool in_query)
{
	uint8_t *at = text_reserve(out, 3 * part.size);

	if (!at)
		return;
	out->size += in_query ? encode_for_query(part, at) : target_encode(part, at);
	out->base[out->size] = 0;
}

/* Without the slashes that would follow another one. */
static struct bytes join(const struct text *out, struct bytes part)
{
	if (out->size > 0 && out->base[out->size - 1] == '/')
		while (part.size > 0 && part.base[0] == '/')
			part = bytes_skip(part, 1);
	return part;
}

/* Add what came from the path, and stands in the text at `at`. */
static const char *add_captured(const struct destination *destination, size_t at, struct bytes part,
				struct text *out)
{
	bool in_query = at > destination->query_begin;

	if (destination->host_end > 0 && out->size == destination->host_end && part.size > 0 &&
	    part.base[0] != '/')
		return "the path would change the host";
	if (out->size + part.size > RESULT_SIZE_MAX)
		return TOO_LONG;
	if (!in_query)
		part = join(out, part);
	if (destination->kind == DESTINATION_PATH)
		text_add(out, part);
	else
		add_encoded(out, part, in_query);
	return out->size > RESULT_SIZE_MAX ? TOO_LONG : NULL;
}

const char *destination_expand(const struct destination *destination, const struct pattern_match *match,
			       struct bytes rest, struct text *out)
{
	const char *reason = NULL;
	size_t at = 0, begin = 0;
	struct part part;

	text_clear(out);
	for (; !reason && next_part(destination->text, &at, &part); begin = at) {
		if (part.capture >= 0)
			reason = add_captured(destination, begin, match->capture[part.capture], out);
		else
			text_add(out,
				 begin <= destination->query_begin ? join(out, part.literal) : part.literal);
	}
	/* Behind a query all is query: its begin is before the end of the text. */
	return reason ? reason : add_captured(destination, destination->text.size, rest, out);
}
