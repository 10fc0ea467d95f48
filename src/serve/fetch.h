/* SPDX-License-Identifier: MIT */
/*
 * From a path to assets: at once when they are cached and fresh, else through the file system.
 *
 * One fetch serves everybody who waits for the same name. Opens and reads go through the ring, what
 * has no operation there (digests, folders) to a helper; site/resolve says which.
 */
#ifndef QUOIT_SERVE_FETCH_H
#define QUOIT_SERVE_FETCH_H

#include "base/bytes.h"
#include "serve/conn.h"
#include "serve/worker.h"
#include "site/cache.h"

/*
 * The first asset of what a key stands for (borrowed, for the answer that is made now), or NULL:
 * then the connection is RESOLVING, and receive_resume() follows with conn->resolved or conn->page, by
 * `awaits`. A name that is not there is a built-in page, and so is one that memory, descriptors or
 * --fetches do not allow to look for: 503.
 * *ret_hit is the entry that had it, or NULL when the file system was asked.
 */
struct asset *fetch_asset(struct worker *worker, struct conn *conn, const struct cache_key *key,
			  enum awaits awaits, struct entry **ret_hit);

/* The same, whatever is known of it already. */
struct asset *fetch_again(struct worker *worker, struct conn *conn, const struct cache_key *key,
			  enum awaits awaits);

/* May what the entry has be used without asking the file system? */
static inline bool fetch_is_fresh(const struct worker *worker, const struct entry *entry)
{
	return !entry->resolving && entry->asset &&
	       worker->clock.monotonic_ms - entry->checked_ms < worker->config->fresh;
}

/* The built-in page of a status, as the site's rules make it. Borrowed; never NULL. */
struct asset *fetch_built_in(struct worker *worker, const struct site *site, unsigned status);

void fetch_on_open(struct worker *worker, uint32_t index, int result);
void fetch_on_read(struct worker *worker, uint32_t index, int result);

/* Is the asset's open file still the version it was made of, apart from its names? */
bool fetch_file_is_same(struct worker *worker, const struct asset *asset);

/* Is any fetch under way? */
bool fetch_is_busy(const struct worker *worker);

/* At the end of a worker, when none is busy. */
void fetch_deinit(struct worker *worker);

#endif
