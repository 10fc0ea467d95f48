/* SPDX-License-Identifier: MIT */
/*
 * Media types by file name: the system's list as it was when quoit was built, the rows of mime.def
 * over it, and what the configuration says over both. Pure; any thread.
 */
#ifndef QUOIT_SITE_MIME_H
#define QUOIT_SITE_MIME_H

#include "base/bytes.h"

/*
 * `is_text`: the type takes a charset parameter and does not bring one. The caller adds its own
 * ("; charset=utf-8"), or none. text/... is such a type; JSON and the XML family, which say or fix
 * their encoding themselves, are not, text/xml included.
 */
struct mime {
	struct bytes type; /* "text/html"; with parameters only when an override brings them */
	bool is_text;
};

/*
 * What the configuration says of one extension: any case, without the dot in front; an empty one
 * fits no name. A type that brings parameters ("text/plain; charset=iso-8859-1") is taken as it
 * is. The caller has made sure that the type is one.
 */
struct mime_override {
	struct bytes extension;
	struct bytes type;
};

/*
 * The type of a file of this name; a path's last segment is enough. The longest extension that
 * anybody knows wins ("archive.tar.gz" is application/gzip), an override against the table when
 * they are equally long, the first of equal overrides. Case does not matter.
 * "application/octet-stream" when nobody knows it. The type is static memory, or the override's.
 */
struct mime mime_find(struct bytes name, const struct mime_override *overrides, size_t override_count);

/*
 * Is it worth compressing: text, and formats that are not packed already? Case and parameters do
 * not matter. What is not known is taken for packed: time is lost for certain, bytes hardly won.
 */
bool mime_is_compressible(struct bytes type);

#endif
