/* SPDX-License-Identifier: MIT */
/*
 * The request target (RFC 9112 3.2, RFC 3986): split, percent-decode, remove dot segments.
 *
 * The result is the path as the file system knows it: decoded bytes, one slash between
 * segments, no "." or "..", starting with a slash. It is never the thing that keeps requests
 * inside the root (the kernel does, by RESOLVE_BENEATH); it makes one name out of many, so
 * that one cache entry serves them all.
 */
#ifndef QUOIT_HTTP_TARGET_H
#define QUOIT_HTTP_TARGET_H

#include "base/bytes.h"
#include "http/http1.h"

struct target {
	struct bytes path;  /* normalised; in the raw target when that was already normal, else in scratch */
	struct bytes query; /* raw, with its "?"; size 0 when there is none */
	struct bytes authority; /* of an absolute-form target; size 0 otherwise */
	bool hidden;            /* a segment starts with "." (a first segment ".well-known" does not count) */
	bool asterisk;          /* "*", only with OPTIONS; path is empty then */
};

enum target_result {
	TARGET_OK,
	TARGET_MALFORMED, /* 400: not a form of RFC 9112 3.2 for this method, bad percent-encoding, %00, "..",
			     "#" */
	TARGET_NOWHERE,   /* 404: an encoded slash (%2F); no file name contains one */
};

/*
 * `scratch` has room for at least raw.size bytes. absolute-form is taken with any authority
 * that is a host and port (http and https schemes); CONNECT's authority-form is TARGET_MALFORMED
 * here (the caller answers CONNECT before it looks at the target). ".." above the root is
 * malformed, as is a raw control byte; bytes of 0x80 and above are taken as they are.
 */
enum target_result target_parse(struct bytes raw, enum method method, uint8_t *scratch,
				struct target *ret_target);

/*
 * Is this decoded path as target_parse() would give it: no empty segment (a slash at the end is fine),
 * no "." or "..", no NUL, a slash in front? *ret_hidden is what target.hidden would be.
 */
bool target_is_normal(struct bytes path, bool *ret_hidden);

/*
 * Percent-encode a path so that it can stand in a Location field: everything but unreserved,
 * sub-delims, ":", "@" and "/" is encoded (RFC 3986 3.3). Writes at most 3 * path.size bytes to
 * `out`, returns how many.
 */
size_t target_encode(struct bytes path, uint8_t *out);

#endif
