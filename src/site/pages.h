/* SPDX-License-Identifier: MIT */
/* The answers that belong to no file: error pages by status, redirects, and the answer to OPTIONS. */
#ifndef QUOIT_SITE_PAGES_H
#define QUOIT_SITE_PAGES_H

#include "site/asset.h"
#include "site/site.h"

enum page_id {
#define STATUS(code, reason) PAGE_##code,
#include "http/status.def"
#undef STATUS
	PAGE_COUNT,
};

/* One set per worker, as the rules of the default site make them. */
struct pages {
	struct asset *page[PAGE_COUNT]; /* NULL for those that belong to a file */
	/* The same errors as the last answer of a connection, in one piece: to refuse takes no memory. */
	struct asset *refusal[PAGE_COUNT];
};

/* False: no memory. */
bool pages_init(struct pages *pages, const struct site *site, int64_t now);
void pages_deinit(struct pages *pages);

/* The page of a status of status.def that has one; borrowed. */
struct asset *pages_get(const struct pages *pages, unsigned status);

/* The same for an error, saying "Connection: close". */
struct asset *pages_get_refusal(const struct pages *pages, unsigned status);

/* The built-in page of a status, with status 204 the empty answer to OPTIONS. NULL: no memory. */
struct asset *pages_create(const struct site *site, unsigned status, int64_t now);

/* A redirect to `location`, encoded already, with a small HTML body. NULL: no memory. */
struct asset *pages_create_redirect(const struct site *site, unsigned status, struct bytes location,
				    int64_t now);

/* The same two, and `trace` is told what the rules do (struct asset_spec). */
struct asset *pages_trace(const struct site *site, unsigned status, int64_t now, const struct trace *trace);
struct asset *pages_trace_redirect(const struct site *site, unsigned status, struct bytes location,
				   int64_t now, const struct trace *trace);

#endif
