/* SPDX-License-Identifier: MIT */
/*
 * The table of media types: what tools/mime-table makes of the system's list and mime.def when
 * quoit is built. Written there, read by mime.c alone; tests look at it, too.
 */
#ifndef QUOIT_SITE_MIME_TABLE_H
#define QUOIT_SITE_MIME_TABLE_H

#include "site/mime.h"

/* "sarif-external-properties.json" has 30 bytes. RFC 6838 4.2 allows 127 on each side of the slash; the
 * longest has 73. */
#define MIME_EXTENSION_SIZE_MAX 31
#define MIME_TYPE_SIZE_MAX 127

struct mime_row {
	struct bytes extension; /* lower case, without the dot in front */
	struct mime mime;
};

/* Sorted by the bytes of the extension, each of them once; never empty. */
extern const struct mime_row mime_rows[];
extern const size_t mime_row_count;

#endif
