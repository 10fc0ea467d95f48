/* SPDX-License-Identifier: MIT */
/*
 * Patterns on paths and types: globs and regular expressions, both by PCRE2.
 *
 * A compiled pattern is constant and may be used by several threads. Matching allocates, so it has
 * its place where an asset is made, never on a hit; its work and memory are bounded, and what runs
 * into a bound does not match.
 *
 * A glob is that of the shell, and covers all of its subject:
 *
 *   *  ?          any bytes, one byte; both stop at "/"
 *   **            any bytes; as a whole segment also none: "/a/" "**" "/b" matches /a/b and /a/x/y/b
 *   [a-z] [!a-z]  one byte of the set, or not of it
 *   {js,css}      either; not nested
 *   \*            the byte itself
 *
 * A glob on a path that has no slash is for the file's name, as in a .gitignore: "*.css" matches
 * /assets/site.css. With a slash it is for the whole path, which begins with one.
 */
#ifndef QUOIT_SITE_PATTERN_H
#define QUOIT_SITE_PATTERN_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/fault.h"

struct pattern;

#define PATTERN_CAPTURES 10 /* the whole match and $1 to $9 */

struct pattern_match {
	struct bytes capture[PATTERN_CAPTURES]; /* into the subject; size 0 where a group took no part */
	unsigned count; /* of groups the pattern has, the whole match included; at most PATTERN_CAPTURES */
};

/*
 * A regular expression is PCRE2's: found anywhere in the subject, in bytes, case counts, "." is any
 * byte and "$" the very end. Case does not count in globs on media types. NULL: the fault says
 * what is wrong, at which offset of which text.
 */
struct pattern *pattern_create_glob(struct bytes text, struct fault *fault);
struct pattern *pattern_create_type(struct bytes text, struct fault *fault);
struct pattern *pattern_create_regex(struct bytes text, struct fault *fault);
void pattern_destroy(struct pattern *pattern);

/* The subject as a whole. ret_match may be NULL. */
bool pattern_matches(const struct pattern *pattern, struct bytes subject, struct pattern_match *ret_match);

/* Of a glob without a slash, the last segment of the path; else the path. */
bool pattern_matches_path(const struct pattern *pattern, struct bytes path);

/* How many groups a regular expression has, the whole match not counted. */
unsigned pattern_groups(const struct pattern *pattern);

#endif
