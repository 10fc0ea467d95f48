/* SPDX-License-Identifier: MIT */
/*
 * Bytes of unknown origin, such as names of files, put where other languages have rules of their own.
 *
 * Any bytes are taken, UTF-8 or not, and what is added is always well-formed UTF-8.
 */
#ifndef QUOIT_SITE_ESCAPE_H
#define QUOIT_SITE_ESCAPE_H

#include "base/bytes.h"
#include "base/text.h"

/*
 * For reading, in HTML text and quoted attributes. U+FFFD stands for what is not UTF-8, for control
 * characters and separators of lines, and for what overrides the direction of text.
 */
void escape_html(struct text *out, struct bytes part);

/* Inside the quotes of a JSON string (RFC 8259 7): exact, but for U+FFFD where it is not UTF-8. */
void escape_json(struct text *out, struct bytes part);

/*
 * A relative reference (RFC 3986 4.2) to the file of this name in the same folder, percent-encoded
 * byte by byte, so that it is exact. Only ASCII, and no quote, backslash or "<". escape_href_html() is
 * for an attribute in HTML, where "&" is more than itself.
 */
void escape_href(struct text *out, struct bytes name);
void escape_href_html(struct text *out, struct bytes name);

#endif
