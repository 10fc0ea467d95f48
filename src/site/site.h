/* SPDX-License-Identifier: MIT */
/*
 * The sites that are served: one per host, compiled from the configuration, then constant.
 *
 * A published set is shared by all workers and counted; a reload publishes another one, and the
 * old one goes when the last request that began in it is over. Host names are found as RFC 9110 7.2
 * means them: without case, port and final dot; exact, then the longest wildcard, then sites[0], the default.
 */
#ifndef QUOIT_SITE_SITE_H
#define QUOIT_SITE_SITE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "base/problems.h"
#include "base/trace.h"
#include "http/coding.h"
#include "site/hints.h"
#include "site/hosts.h"
#include "site/route.h"
#include "site/rule.h"
#include "site/spec.h"
#include "site/types.h"

#define SITE_INDEX_MAX 8
#define SITE_LANGUAGES_MAX 16
#define SITE_ORDER_MAX 32

struct site {
	uint32_t number;             /* in sites->site; 0 is the default site */
	const struct site *above;    /* the default site, whose rules come first; NULL for itself */
	struct site_options options; /* owned */
	int root;                    /* O_PATH descriptor of the root; -1 until serve/ has opened it */
	bool is_delegated;           /* serve/: the workers may not open beneath the root, and helpers do */
	char max_age[32];            /* "max-age=3600" */

	/*
	 * Texts of the options, taken apart: slices into them. Of what it inherits, the option says what that
	 * of `above` says, and it shares with `above` what is made of it.
	 */
	bool inherits[SITE_OPTION_COUNT];
	struct bytes index[SITE_INDEX_MAX];
	unsigned index_count;
	enum coding codings[CODING_COUNT]; /* in order of preference, without identity */
	unsigned coding_count;
	struct bytes languages[SITE_LANGUAGES_MAX];
	unsigned language_count; /* 0: languages are not looked for */
	struct bytes order[SITE_ORDER_MAX];
	unsigned order_count;
	struct bytes charset; /* size 0: none */

	struct rules *presets;       /* NULL: none */
	struct pattern *fingerprint; /* NULL: no name has one */

	/* Its own, each NULL when it has none. */
	struct rules *headers;    /* those of `above` come before */
	struct routes *redirects; /* these before those of `above` */
	struct routes *rewrites;
	struct hints *hints;
	struct types *types;            /* with those of `above` behind them */
	char *errors[ERROR_PAGE_COUNT]; /* path of the page */
	bool has_own_pages;             /* built-in answers may look other than with usual options */
};

struct sites {
	/* Counted by whoever waits for a file; a line further is what every request reads. */
	_Atomic unsigned refs;
	char apart[CACHE_LINE];
	struct site **site;
	unsigned count;
	struct hosts *hosts; /* NULL: there is only the default site */
};

/*
 * One site. `spec` and `options` are copied; `above` is the default site or NULL for it, and must last as
 * long. What is wrong is added to `problems` at `place` (the host's mapping; NULL: the whole); the site is
 * complete only without any. NULL: no memory.
 */
struct site *site_create(const struct host_spec *spec, const struct site_options *options,
			 const struct site *above, const struct place *place, struct problems *problems);
/* Does not close the root. */
void site_destroy(struct site *site);

/*
 * Takes over the sites (site[0] is the default), not the array, once it succeeds; one reference. specs[i]
 * names site[i + 1]. Wrong or repeated names are problems at hosts[i].names[j]. NULL: no memory, or there
 * are problems, these or earlier ones, and the sites stay the caller's.
 */
struct sites *sites_create(struct site **site, unsigned count, const struct host_spec *specs,
			   struct problems *problems);
void sites_ref(struct sites *sites);
/* True when that was the last: the caller closes the roots and calls sites_destroy(). */
bool sites_unref(struct sites *sites);
void sites_destroy(struct sites *sites);

/* Has any of them precompress on? */
bool sites_want_precompress(const struct sites *sites);

/* The site of a Host value (valid, see http/host.h; may be empty). No allocation. */
const struct site *sites_find(const struct sites *sites, struct bytes host);

/*
 * The fields that its rules make of `fields`: presets, Cache-Control by policy, header rules, order.
 * `is_fallback`: the file answers for one that is not there.
 */
void site_apply_rules(const struct site *site, const struct served *served, bool is_fallback,
		      struct fields *fields, const struct trace *trace);

/*
 * The Cache-Control value of --cache auto; size 0: none. Static or in the site.
 *
 *   200, 206, 304   immutable for a name with a fingerprint, no-cache for HTML and for what no file
 *                   stands behind, max-age for the rest
 *   an error, or a fallback's file   no-cache
 *   everything else (redirects, 204)   none
 */
struct bytes site_cache_control(const struct site *site, const struct served *served, bool is_fallback,
				const struct trace *trace);

/* The 103 head for a served file, or size 0; its own hints first, then those of `above`. */
struct bytes site_hints(const struct site *site, struct bytes path);

/* The media type of a name by the site's own types and the table. */
struct mime site_mime(const struct site *site, struct bytes name);

/* Redirects and rewrites, its own and then those above; see site/route.h. */
unsigned site_redirect(const struct site *site, struct bytes path, struct text *ret_location,
		       const struct trace *trace);
enum route_rewrite site_rewrite(const struct site *site, struct bytes path, struct text *ret_path,
				const struct trace *trace);

/* The page for this status, or size 0: the built-in one. */
struct bytes site_error_page(const struct site *site, unsigned status);

#endif
