/* SPDX-License-Identifier: MIT */
/*
 * The name cache of one worker: site, purpose and normalised path -> asset.
 *
 * A hit is one hash and one comparison. Also "there is no such file" is an entry (its asset is
 * the 404 page). Entries are dropped by second chance (a clock hand) to stay within a budget
 * of memory and of open descriptors; an entry that somebody waits for is not dropped.
 *
 * The hash is XXH3 with a secret drawn at start: names come from strangers.
 */
#ifndef QUOIT_SITE_CACHE_H
#define QUOIT_SITE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "site/asset.h"

/* What a name is looked up for: the same path may be a page, the fallback and an error page. */
struct cache_key {
	const struct site *site;
	unsigned kind; /* enum resolve_kind, or a status (site/resolve.h) */
	struct bytes path;
};

struct entry {
	struct entry *next; /* same bucket */
	uint64_t hash;
	const struct site *site;
	unsigned kind;
	struct asset *asset;   /* one reference; NULL until first resolved */
	uint64_t checked_ms;   /* monotonic: when the file system was asked last */
	size_t counted_memory; /* of the asset's chain, in cache->memory */
	uint32_t counted_files;
	uint32_t place; /* in cache->order */
	uint32_t path_size;
	bool used;            /* since the hand came by */
	bool resolving;       /* a fetch is under way */
	bool outdated;        /* ... whose result must not be kept */
	struct conn *waiting; /* those who wait for it; owned by serve/ */
	uint8_t path[];       /* path_size bytes, then a NUL */
};

struct cache {
	struct entry **bucket;
	size_t bucket_count;  /* a power of two */
	struct entry **order; /* all entries; the hand goes round */
	uint32_t count;
	uint32_t capacity;
	uint32_t hand;
	uint64_t seed;
	uint64_t changes; /* counted up whenever an asset leaves, or gets company in its chain */
	size_t memory;    /* bytes of entries and their assets */
	size_t memory_max;
	uint32_t files; /* assets with an open descriptor */
	uint32_t files_max;
	/* An asset lost its last reference: close its descriptor, release its chain, free it. */
	void (*drop)(void *context, struct asset *asset);
	void *context;
};

/* False: no memory. */
bool cache_init(struct cache *cache, size_t memory_max, uint32_t files_max, uint64_t seed);
/* Drops everything; no entry may be resolving. */
void cache_deinit(struct cache *cache);

/* Tells names apart for as long as the process runs, in every worker alike. Not for what strangers choose. */
uint64_t cache_stable_hash(const struct site *site, struct bytes path);

/* The entry of this key, or NULL. */
struct entry *cache_find(struct cache *cache, const struct cache_key *key);

/* A new entry without an asset. The key must not be there yet. NULL: no memory. */
struct entry *cache_add(struct cache *cache, const struct cache_key *key);

/* Give the entry a new asset (takes over the caller's reference) and drop the old one. */
void cache_set_asset(struct cache *cache, struct entry *entry, struct asset *asset);

/* The chain of the entry's asset has grown: count it anew. */
void cache_recount(struct cache *cache, struct entry *entry);

/* Forget an entry that nobody waits for. */
void cache_remove(struct cache *cache, struct entry *entry);

/* Drop entries until the budgets hold again; returns how many. `keep` is spared. */
unsigned cache_trim(struct cache *cache, const struct entry *keep);

/* Forget every entry; what is resolving is marked outdated instead. */
void cache_clear(struct cache *cache);

#endif
