/* SPDX-License-Identifier: MIT */
/*
 * The listing of a folder: entries in, one HTML page or one JSON array out.
 *
 * Pure: whoever fills it has read the folder (serve/listing_scan). A listing belongs to one thread
 * at a time. Nothing about a name is trusted: it holds any byte but "/" and NUL, is shown with
 * U+FFFD for what is not UTF-8 or would confuse a reader (control characters, bidirectional
 * overrides), and its reference is percent-encoded byte by byte, so that it leads back to it.
 */
#ifndef QUOIT_SITE_LISTING_H
#define QUOIT_SITE_LISTING_H

#include "base/bytes.h"
#include "base/text.h"

struct listing_entry {
	const char *name;   /* any byte but "/" and NUL, never empty; in a listing: owned by it */
	uint64_t size;      /* bytes; not shown for a folder */
	int64_t modified_s; /* since 1970, UTC */
	bool is_folder;
};

struct listing_chunk;

struct listing {
	struct listing_entry *entries; /* owned */
	size_t count;
	size_t capacity;
	struct listing_chunk *chunks; /* of names, the newest first; owned */
	bool truncated;               /* the folder holds more than these; set by whoever fills it */
};

void listing_init(struct listing *listing);
void listing_deinit(struct listing *listing);

/* Add a copy, name included. 0, or -ENOMEM: nothing has changed. */
int listing_add(struct listing *listing, const struct listing_entry *entry);

/*
 * Folders first, then by name: runs of digits compare as numbers, ASCII letters without case, other
 * bytes by value. Names that are equal so far are ordered by their bytes.
 */
void listing_sort(struct listing *listing);

/*
 * A complete HTML document, UTF-8. `path` is decoded and normalised, starts and ends with "/". All
 * references are relative to it, so the page also works behind a proxy that strips a prefix.
 * out->failed says that there was no memory for all of it.
 */
void listing_write_html(const struct listing *listing, struct bytes path, struct text *out);

/*
 * An array of objects, UTF-8, as nginx's autoindex_format json, and "href" with each: the relative
 * reference (RFC 3986 4.2), exact where a name is not UTF-8.
 *
 *   {"name":"a.txt","type":"file","mtime":"Sun, 22 Nov 2026 18:00:00 GMT","size":123,"href":"a.txt"}
 *   {"name":"b","type":"directory","mtime":"Sun, 22 Nov 2026 18:00:00 GMT","href":"b/"}
 */
void listing_write_json(const struct listing *listing, struct text *out);

#endif
