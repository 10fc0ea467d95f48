/* SPDX-License-Identifier: MIT */
/*
 * The media types of a configuration.
 *
 * Called by site/site. What ends up in Content-Type is checked here for being a media type, because a
 * browser that does not understand it guesses instead. Extensions are stored in lower case and
 * without their dot, as site/mime looks for them.
 *
 * References: RFC 9110 8.3.1 (media types), 5.6.6 (parameters).
 */
#include "site/types.h"

#include "base/mem.h"
#include "http/scan.h"

/* How many bytes of a token `text` starts with (RFC 9110 5.6.2). */
static size_t token_size(struct bytes text)
{
	size_t size = 0;

	while (size < text.size && !scan_is(SCAN_NAME, text.base[size]))
		size++;
	return size;
}

/* How many bytes of a quoted string it starts with, quotes included (RFC 9110 5.6.4). */
static size_t quoted_size(struct bytes text)
{
	bool is_escaped = false;

	if (text.size == 0 || text.base[0] != '"')
		return 0;
	for (size_t at = 1; at < text.size && !scan_is(SCAN_CONTROL, text.base[at]); at++) {
		if (text.base[at] == '"' && !is_escaped)
			return at + 1;
		is_escaped = !is_escaped && text.base[at] == '\\';
	}
	return 0;
}

/* Take a token, and with `or_quoted` perhaps a quoted string, off *text. */
static bool take_word(struct bytes *text, bool or_quoted)
{
	size_t size = token_size(*text);

	if (size == 0 && or_quoted)
		size = quoted_size(*text);
	*text = bytes_skip(*text, size);
	return size > 0;
}

static bool take_byte(struct bytes *text, uint8_t byte)
{
	if (text->size == 0 || text->base[0] != byte)
		return false;
	*text = bytes_skip(*text, 1);
	return true;
}

static void skip_space(struct bytes *text)
{
	while (take_byte(text, ' ') || take_byte(text, '\t'))
		continue;
}

/* type/subtype *( ";" name=value ), without wildcards. */
static bool is_media_type(struct bytes text)
{
	struct bytes rest = text;

	if (!take_word(&rest, false) || !take_byte(&rest, '/') || !take_word(&rest, false) ||
	    memchr(text.base, '*', text.size - rest.size))
		return false;
	while (rest.size > 0) {
		skip_space(&rest);
		if (!take_byte(&rest, ';'))
			return false;
		skip_space(&rest);
		if (!take_word(&rest, false) || !take_byte(&rest, '=') || !take_word(&rest, true))
			return false;
	}
	return true;
}

/* NULL, or what is wrong with an extension. */
static const char *mistake_in(const char *extension)
{
	if (*extension == '.')
		return "starts with a dot; write it without";
	if (*extension == 0)
		return "is no extension; files without one have the type application/octet-stream";
	for (const char *at = extension; *at; at++)
		if (*at == '/' || *at == '*' || scan_is(SCAN_SPACE, (uint8_t)*at))
			return "is no extension; expected the end of a name, such as html or tar.gz";
	return NULL;
}

static bool is_known(const struct types *types, struct bytes extension)
{
	for (unsigned i = 0; i < types->count; i++)
		if (bytes_equal(types->override[i].extension, extension))
			return true;
	return false;
}

/* Add one extension; returns how many bytes of `out` it took. */
static size_t add_extension(struct types *types, const char *text, struct bytes type, uint8_t *out,
			    const struct place *place, struct problems *problems)
{
	struct bytes extension = bytes_make(out, strlen(text));
	const char *mistake = mistake_in(text);

	for (size_t i = 0; i < extension.size; i++)
		out[i] = byte_lower((uint8_t)text[i]);
	if (!mistake && is_known(types, extension))
		mistake = "has a type already";
	if (mistake) {
		problems_add(problems, place, "\"%s\" %s", text, mistake);
		return 0;
	}
	types->override[types->count++] = (struct mime_override){ extension, type };
	return extension.size;
}

/* Returns how many bytes of `out` it took. */
static size_t add_spec(struct types *types, const struct type_spec *spec, uint8_t *out,
		       const struct place *place, struct problems *problems)
{
	const struct place *list = PLACE_KEY(place, "ext");
	struct bytes type = spec->type ? bytes_make(out, strlen(spec->type)) : BYTES("");
	size_t used = type.size;

	if (spec->ext_count == 0)
		problems_add(problems, place, "ext is missing: which extensions have this type?");
	if (!spec->type)
		problems_add(problems, place, "type is missing: expected a media type such as text/html");
	else if (!is_media_type(bytes_string(spec->type)))
		problems_add(problems, PLACE_KEY(place, "type"),
			     "\"%s\" is no media type; expected one such as text/html", spec->type);
	if (used > 0)
		memcpy(out, spec->type, used);
	for (unsigned i = 0; i < spec->ext_count; i++)
		used += add_extension(types, spec->ext[i], type, out + used, PLACE_ITEM(list, i), problems);
	return used;
}

static size_t text_size(const struct type_spec *spec)
{
	size_t size = spec->type ? strlen(spec->type) : 0;

	for (unsigned i = 0; i < spec->ext_count; i++)
		size += strlen(spec->ext[i]);
	return size;
}

struct types *types_compile(const struct type_spec *specs, unsigned count, const struct types *above,
			    const struct place *place, struct problems *problems)
{
	size_t extensions = above ? above->count : 0, text = 0;
	struct types *types;
	uint8_t *out;

	for (unsigned i = 0; i < count; i++) {
		extensions += specs[i].ext_count;
		text += text_size(&specs[i]);
	}
	types = mem_alloc_zeroed(1, sizeof(*types) + extensions * sizeof(types->override[0]) + text);
	if (!types)
		return NULL;
	out = (uint8_t *)&types->override[extensions];
	for (unsigned i = 0; i < count; i++)
		out += add_spec(types, &specs[i], out, PLACE_ITEM(place, i), problems);
	for (unsigned i = 0; above && i < above->count; i++)
		types->override[types->count++] = above->override[i];
	return types;
}
