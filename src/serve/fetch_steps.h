/* SPDX-License-Identifier: MIT */
/* One fetch under way: what site/resolve asks for, and how far it is. For serve/fetch and serve/fetch_steps
 * only. */
#ifndef QUOIT_SERVE_FETCH_STEPS_H
#define QUOIT_SERVE_FETCH_STEPS_H

#include "serve/digest.h"
#include "serve/work.h"
#include "serve/worker.h"
#include "site/resolve.h"

struct open_how;

/* An open beneath a root that the workers may not read: a helper does it. */
struct delegated_open {
	struct work work;
	struct fetch *fetch;
	int root;
	const char *name; /* the fetch's, which stays as it is until then */
	const struct open_how *how;
};

struct fetch {
	uint32_t index;      /* in worker->fetches; in the tag of its operations */
	struct sites *sites; /* a reference, so that roots stay open */
	struct entry *entry;
	struct resolve resolve;
	struct text name;      /* that resolve asks about */
	struct text rewritten; /* the path, when a rule rewrote it */
	bool is_opening;       /* an open is in the kernel, or with a helper */
	struct delegated_open delegated;
	enum resolve_step step;
	bool is_following; /* ... which only finds out where a link leads that the kernel did not follow */
	bool has_followed;
	struct text inside; /* where that is, relative to the root */
	int fd;
	struct asset *asset; /* being filled: small files */
	struct asset *chain; /* what has been loaded so far */
	struct asset *last;  /* of the chain */
	uint8_t digest[DIGEST_SIZE];
};

/* Do what resolve asks for until something must be waited for; at last fetch_finish(). */
void fetch_carry_on(struct worker *worker, struct fetch *fetch, enum resolve_step step);

/* All is known. */
void fetch_finish(struct worker *worker, struct fetch *fetch);

/* The listing that is known is new enough: RESOLVE_LIST needs nothing, and the outcome is set. */
bool fetch_keep_listing(const struct worker *worker, struct fetch *fetch);

/* What was loaded, or half loaded, is not needed after all. */
void fetch_drop_loaded(struct worker *worker, struct fetch *fetch);

#endif
