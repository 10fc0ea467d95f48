/* SPDX-License-Identifier: MIT */
/* The ready answers that belong to no file: error pages by status, and the answer to OPTIONS. */
#ifndef QUOIT_SITE_PAGES_H
#define QUOIT_SITE_PAGES_H

#include "site/asset.h"

#define PAGES_ALLOW "GET, HEAD, OPTIONS"

enum page_id {
#define STATUS(code, reason) PAGE_##code,
#include "http/status.def"
#undef STATUS
	PAGE_COUNT,
};

/* One set per worker, from start to stop. */
struct pages {
	struct asset *page[PAGE_COUNT]; /* NULL for 200, 206, 301, 304: those belong to a file */
};

/* False: no memory. */
bool pages_init(struct pages *pages, int64_t now);
void pages_deinit(struct pages *pages);

/* The page of a status of status.def that has one; borrowed. */
struct asset *pages_get(const struct pages *pages, unsigned status);

#endif
