/* SPDX-License-Identifier: MIT */
/*
 * Media types by file name.
 *
 * Called when an asset is built, so once per file and not per request: a plain walk over the
 * table is good enough, and keeps the table free of any order. Never looks at a file's
 * content; a name that says nothing gives application/octet-stream, which no browser runs.
 *
 * The one hard thing is that an extension may hold dots itself, so a name has as many
 * candidates as it has dots, and the longest comes first. A dot that starts the name hides the
 * file and starts no extension: ".html" is a file without one.
 */
#include "site/mime.h"

#define EXTENSION_SIZE_MAX 11 /* "webmanifest"; a longer row does not compile */

struct row {
	struct bytes extension;
	struct bytes type;
};

#define SLICE(literal)                                                                                       \
	{                                                                                                    \
		(const uint8_t *)(literal), sizeof(literal) - 1                                              \
	}
#define MIME_TEXT(extension, type) MIME(extension, type "; charset=utf-8")

#define MIME(extension, type) { SLICE(extension), SLICE(type) },
static const struct row rows[] = {
#include "site/mime.def"
};
#undef MIME

#define MIME(extension, type) _Static_assert(sizeof(extension) - 1 <= EXTENSION_SIZE_MAX, extension);
#include "site/mime.def"
#undef MIME

static struct bytes last_segment(struct bytes name)
{
	const uint8_t *slash = name.size > 0 ? memrchr(name.base, '/', name.size) : NULL;

	return slash != NULL ? bytes_skip(name, (size_t)(slash - name.base) + 1) : name;
}

static const struct row *find_row(struct bytes extension)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (bytes_equal_nocase(extension, rows[i].extension))
			return &rows[i];
	return NULL;
}

struct bytes mime_type(struct bytes name)
{
	struct bytes segment = last_segment(name);
	size_t at = 1;

	/* What starts earlier is longer than every row; so a name full of dots costs no more. */
	if (segment.size > EXTENSION_SIZE_MAX + 1)
		at = segment.size - EXTENSION_SIZE_MAX - 1;
	for (; at < segment.size; at++) {
		const struct row *row;

		if (segment.base[at] != '.')
			continue;
		row = find_row(bytes_skip(segment, at + 1));
		if (row != NULL)
			return row->type;
	}
	return BYTES("application/octet-stream");
}
