/* SPDX-License-Identifier: MIT */
/*
 * The options of a site, taken apart: lists, names and patterns that are text in struct site_options.
 *
 * Called by site/site for a site whose options are copied and whose `above` is set.
 */
#ifndef QUOIT_SITE_OPTIONS_H
#define QUOIT_SITE_OPTIONS_H

#include "base/problems.h"
#include "site/site.h"

/*
 * Fill site->index to site->presets, and site->fingerprint. What a site inherits it shares, and its
 * problems have been told where it comes from. Problems are added at `place` (the host), items of
 * lists at "codings[1]". False: no memory.
 */
bool options_compile(struct site *site, const struct place *place, struct problems *problems);

/* Can this be the path of a page that answers for others? Problems are added at `place`. */
bool options_check_page(const char *path, const struct place *place, struct problems *problems);

#endif
