/* SPDX-License-Identifier: MIT */
/*
 * Where a route leads: the text of `to`, in which captures of a pattern stand as $0 to $9.
 *
 *   https://new.example/shop/$1?from=$2      $$ is a dollar sign
 *          host_end ^          ^ query_begin
 *
 * A location goes to the client: literal text as written, what comes from the path percent-encoded.
 * A path is looked up here: both as they are. Where two parts meet in the path of either, two slashes
 * become one: "/" and "/evil.example" make "/evil.example", never "//evil.example", which would be
 * another host (RFC 3986 4.2). Pure but for the memory of struct text; any thread.
 */
#ifndef QUOIT_SITE_DESTINATION_H
#define QUOIT_SITE_DESTINATION_H

#include "base/problems.h"
#include "base/text.h"
#include "site/pattern.h"

enum destination_kind { DESTINATION_LOCATION, DESTINATION_PATH };

struct destination {
	struct bytes text; /* owned by whoever compiled it */
	enum destination_kind kind;
	size_t host_end;    /* 0: it starts with a path */
	size_t query_begin; /* of "?" or "#"; text.size: there is none */
};

#define DESTINATION_NO_GROUPS (-1)

/*
 * `groups`: how many the pattern has, or DESTINATION_NO_GROUPS where there is no pattern. What is wrong is
 * a problem at `place`, and the answer false.
 */
bool destination_compile(struct destination *destination, struct bytes text, enum destination_kind kind,
			 int groups, const struct place *place, struct problems *problems);

/*
 * Paths are written decoded, as they are compared and looked up. Names of files may hold "?" and "%41",
 * but who writes that means something else: a problem, and false.
 */
bool destination_check_path(struct bytes path, const struct place *place, struct problems *problems);

/*
 * Replace what `out` holds by the text with its captures, and `rest` behind it. `match` may be NULL where
 * it has no captures. NULL, or (static) why it leads nowhere: the path would become part
 * of the host, or the result is longer than any target. out->failed: no memory.
 */
const char *destination_expand(const struct destination *destination, const struct pattern_match *match,
			       struct bytes rest, struct text *out);

#endif
