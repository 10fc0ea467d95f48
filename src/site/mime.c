/* SPDX-License-Identifier: MIT */
/*
 * Media types by file name.
 *
 * Called when an asset is built, so once per file and not per request. The table is made at build
 * time (tools/mime-table) and sorted; overrides are few and walked through. Never looks at a
 * file's content; a name that says nothing gives application/octet-stream, which no browser runs.
 *
 * The one hard thing is that an extension may hold dots itself, so a name has as many candidates
 * as it has dots, and the longest comes first. A dot that starts the name hides the file and
 * starts no extension: ".html" is a file without one. So what comes before an extension and its
 * dot is at least one byte long, here and for overrides.
 */
#include <stdlib.h>

#include "site/mime.h"
#include "site/mime_table.h"

static struct bytes last_segment(struct bytes name)
{
	const uint8_t *slash = name.size > 0 ? memrchr(name.base, '/', name.size) : NULL;

	return slash != NULL ? bytes_skip(name, (size_t)(slash - name.base) + 1) : name;
}

static bool ends_with_nocase(struct bytes a, struct bytes end)
{
	return a.size >= end.size && bytes_equal_nocase(bytes_skip(a, a.size - end.size), end);
}

static bool starts_with_nocase(struct bytes a, struct bytes prefix)
{
	return a.size >= prefix.size && bytes_equal_nocase(bytes_make(a.base, prefix.size), prefix);
}

/* Neither side is empty. A row's extension is in lower case, and so is the key. */
static int compare_with_row(const void *key, const void *element)
{
	const struct bytes *extension = key;
	const struct mime_row *row = element;
	size_t size = extension->size < row->extension.size ? extension->size : row->extension.size;
	int order = memcmp(extension->base, row->extension.base, size);

	return order != 0 ? order : (extension->size > size) - (row->extension.size > size);
}

static const struct mime_row *find_extension(struct bytes extension)
{
	uint8_t lower[MIME_EXTENSION_SIZE_MAX];
	struct bytes key = bytes_make(lower, extension.size);

	if (extension.size == 0 || extension.size > sizeof(lower))
		return NULL;
	for (size_t i = 0; i < extension.size; i++)
		lower[i] = byte_lower(extension.base[i]);
	return bsearch(&key, mime_rows, mime_row_count, sizeof(mime_rows[0]), compare_with_row);
}

static const struct mime_row *find_row(struct bytes segment)
{
	const struct mime_row *row = NULL;
	size_t at = 1;

	/* What starts earlier is longer than every row; so a name full of dots costs no more. */
	if (segment.size > MIME_EXTENSION_SIZE_MAX + 1)
		at = segment.size - MIME_EXTENSION_SIZE_MAX - 1;
	for (; at < segment.size && row == NULL; at++)
		if (segment.base[at] == '.')
			row = find_extension(bytes_skip(segment, at + 1));
	return row;
}

static bool has_extension(struct bytes segment, struct bytes extension)
{
	return extension.size > 0 && segment.size >= extension.size + 2 &&
	       segment.base[segment.size - extension.size - 1] == '.' && ends_with_nocase(segment, extension);
}

static const struct mime_override *find_override(struct bytes segment, const struct mime_override *overrides,
						 size_t override_count)
{
	const struct mime_override *longest = NULL;

	for (size_t i = 0; i < override_count; i++) {
		if (longest != NULL && longest->extension.size >= overrides[i].extension.size)
			continue;
		if (has_extension(segment, overrides[i].extension))
			longest = &overrides[i];
	}
	return longest;
}

/* The rule of tools/mime-table for a type that was not there when the table was made. */
static bool takes_charset(struct bytes type)
{
	if (type.size > 0 && memchr(type.base, ';', type.size) != NULL)
		return false;
	return starts_with_nocase(type, BYTES("text/")) && !starts_with_nocase(type, BYTES("text/xml")) &&
	       !ends_with_nocase(type, BYTES("+xml")) && !ends_with_nocase(type, BYTES("+json"));
}

struct mime mime_find(struct bytes name, const struct mime_override *overrides, size_t override_count)
{
	struct bytes segment = last_segment(name);
	const struct mime_row *row = find_row(segment);
	const struct mime_override *override = find_override(segment, overrides, override_count);

	if (override != NULL && (row == NULL || override->extension.size >= row->extension.size))
		return (struct mime){ override->type, takes_charset(override->type) };
	if (row != NULL)
		return row->mime;
	return (struct mime){ BYTES("application/octet-stream"), false };
}

/*
 * Besides text/...: text by another name, and pictures, sound and fonts without a compression of their
 * own. Archives are left out even where they do not compress (tar): downloads are resumed by ranges of
 * what was asked for, and nothing is gained where the file inside is compressed.
 */
static const char *const compressible_suffixes[] = { "+json", "+xml", "+yaml" };
static const char *const compressible_types[] = {
	"application/javascript",
	"application/json",
	"application/jsonl",
	"application/n-quads",
	"application/n-triples",
	"application/postscript",
	"application/rtf",
	"application/sql",
	"application/toml",
	"application/trig",
	"application/vnd.apple.mpegurl",
	"application/vnd.ms-fontobject",
	"application/wasm",
	"application/x-javascript",
	"application/x-ndjson",
	"application/xml",
	"application/xml-dtd",
	"application/yaml",
	"audio/midi",
	"font/collection",
	"font/otf",
	"font/sfnt",
	"font/ttf",
	"image/bmp",
	"image/vnd.microsoft.icon",
	"image/x-icon",
	"image/x-ms-bmp",
	"model/mtl",
	"model/obj",
	"model/step",
	"model/stl",
};

/* "Text/HTML ; charset=utf-8" to "Text/HTML". */
static struct bytes without_parameters(struct bytes type)
{
	const uint8_t *semicolon = type.size > 0 ? memchr(type.base, ';', type.size) : NULL;

	return bytes_trim(semicolon != NULL ? bytes_make(type.base, (size_t)(semicolon - type.base)) : type);
}

bool mime_is_compressible(struct bytes type)
{
	struct bytes plain = without_parameters(type);

	if (starts_with_nocase(plain, BYTES("text/")))
		return true;
	for (size_t i = 0; i < sizeof(compressible_suffixes) / sizeof(compressible_suffixes[0]); i++)
		if (ends_with_nocase(plain, bytes_string(compressible_suffixes[i])))
			return true;
	for (size_t i = 0; i < sizeof(compressible_types) / sizeof(compressible_types[0]); i++)
		if (bytes_equal_nocase(plain, bytes_string(compressible_types[i])))
			return true;
	return false;
}
