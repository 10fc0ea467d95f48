/* SPDX-License-Identifier: MIT */
/*
 * What a configuration says of media types by extension, for site/mime.
 *
 * Compiled once with a site, then constant.
 */
#ifndef QUOIT_SITE_TYPES_H
#define QUOIT_SITE_TYPES_H

#include "base/problems.h"
#include "site/mime.h"
#include "site/spec.h"

/* One block; its texts lie behind the overrides. */
struct types {
	unsigned count;
	struct mime_override override[];
};

/*
 * Those of the specs, then those of `above` (may be NULL), whose texts stay where they are. Problems are
 * added at `place` (the list). NULL: no memory. Freed by mem_free().
 */
struct types *types_compile(const struct type_spec *specs, unsigned count, const struct types *above,
			    const struct place *place, struct problems *problems);

#endif
