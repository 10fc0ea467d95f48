/* SPDX-License-Identifier: MIT */
/* How the name of a file says which language or coding of a page it is. */
#ifndef QUOIT_SITE_NAMES_H
#define QUOIT_SITE_NAMES_H

#include "base/bytes.h"
#include "base/text.h"
#include "site/asset.h"

/* Where the ending of a name's last segment begins, its dot included; the name's size when it has none. */
size_t names_ending_at(struct bytes name);

/* Is it the name of a coded file (app.js.br)? Then it is served as it is, and has no codings of its own. */
bool names_are_coded(struct bytes name);

/* Make the name that begins at `begin` that of a translation: page.fr.html with `inside`, else page.html.fr.
 */
void names_translate(struct text *name, size_t begin, struct bytes language, bool inside);

/* The name of a compressed variant in the folder of such: made of version and coding, so it is never stale.
 */
void names_write_made(const struct version *plain, enum coding coding, struct text *out);

#endif
