/* SPDX-License-Identifier: MIT */
/*
 * The name cache; see cache.h.
 *
 * Called by serve/receive for every request (cache_find) and by serve/fetch after a miss. A
 * hit allocates nothing and moves nothing: it sets one flag for the clock hand. The hand
 * passes over used entries once, clearing the flag, and drops the first that is still unused.
 */
#include "site/cache.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/check.h"
#include "base/mem.h"
#include "site/site.h"

#define BUCKETS_FIRST 1024

bool cache_init(struct cache *cache, size_t memory_max, uint32_t files_max, uint64_t seed)
{
	memset(cache, 0, sizeof(*cache));
	cache->bucket = mem_alloc_zeroed(BUCKETS_FIRST, sizeof(*cache->bucket));
	if (!cache->bucket)
		return false;
	cache->bucket_count = BUCKETS_FIRST;
	cache->memory_max = memory_max;
	cache->files_max = files_max;
	cache->seed = seed;
	cache->changes = 1;
	return true;
}

/* Pages that many entries share are counted by none of them. */
static void count(struct cache *cache, struct entry *entry)
{
	entry->counted_memory = 0;
	entry->counted_files = 0;
	for (const struct asset *asset = entry->asset; asset; asset = asset->next) {
		if (asset->is_shared)
			continue;
		entry->counted_memory += asset->memory;
		entry->counted_files += asset->fd >= 0;
	}
	cache->memory += entry->counted_memory;
	cache->files += entry->counted_files;
}

static void uncount(struct cache *cache, const struct entry *entry)
{
	cache->memory -= entry->counted_memory;
	cache->files -= entry->counted_files;
}

void cache_recount(struct cache *cache, struct entry *entry)
{
	cache->changes++;
	uncount(cache, entry);
	count(cache, entry);
}

static void release_asset(struct cache *cache, struct entry *entry)
{
	struct asset *asset = entry->asset;

	entry->asset = NULL;
	if (asset && asset_unref(asset))
		cache->drop(cache->context, asset);
}

static size_t entry_memory(const struct entry *entry)
{
	return sizeof(*entry) + entry->path_size + 1;
}

void cache_remove(struct cache *cache, struct entry *entry)
{
	struct entry **link = &cache->bucket[entry->hash & (cache->bucket_count - 1)];

	check(!entry->waiting && !entry->resolving);
	while (*link != entry)
		link = &(*link)->next;
	*link = entry->next;

	cache->order[entry->place] = cache->order[--cache->count];
	cache->order[entry->place]->place = entry->place;
	cache->memory -= entry_memory(entry);
	uncount(cache, entry);
	cache->changes++;
	release_asset(cache, entry);
	mem_free(entry);
}

void cache_deinit(struct cache *cache)
{
	while (cache->count > 0)
		cache_remove(cache, cache->order[cache->count - 1]);
	mem_free(cache->bucket);
	mem_free(cache->order);
	memset(cache, 0, sizeof(*cache));
}

/* Inlined where it is looked up, so that the hash of a short path is a few dozen instructions. */
static inline __attribute__((always_inline)) uint64_t hash_of(const struct cache *cache,
							      const struct cache_key *key)
{
	uint64_t place = (uint64_t)key->site->number << 16 | key->kind;

	return XXH3_64bits_withSeed(key->path.base, key->path.size, cache->seed ^ place);
}

uint64_t cache_stable_hash(const struct site *site, struct bytes path)
{
	return XXH3_64bits_withSeed(path.base, path.size, site->number);
}

struct entry *cache_find(struct cache *cache, const struct cache_key *key)
{
	uint64_t hash = hash_of(cache, key);
	struct entry *entry = cache->bucket[hash & (cache->bucket_count - 1)];

	for (; entry; entry = entry->next) {
		if (entry->hash == hash && entry->site == key->site && entry->kind == key->kind &&
		    bytes_equal(key->path, bytes_make(entry->path, entry->path_size))) {
			entry->used = true;
			return entry;
		}
	}
	return NULL;
}

static bool grow_order(struct cache *cache)
{
	uint32_t capacity = cache->capacity ? cache->capacity * 2 : BUCKETS_FIRST;
	struct entry **order = mem_resize(cache->order, capacity * sizeof(*order));

	if (!order)
		return false;
	cache->order = order;
	cache->capacity = capacity;
	return true;
}

/* Twice the buckets. Without memory for them the chains just get longer. */
static void grow_buckets(struct cache *cache)
{
	size_t count = cache->bucket_count * 2;
	struct entry **bucket = mem_alloc_zeroed(count, sizeof(*bucket));

	if (!bucket)
		return;
	for (uint32_t i = 0; i < cache->count; i++) {
		struct entry *entry = cache->order[i];

		entry->next = bucket[entry->hash & (count - 1)];
		bucket[entry->hash & (count - 1)] = entry;
	}
	mem_free(cache->bucket);
	cache->bucket = bucket;
	cache->bucket_count = count;
}

struct entry *cache_add(struct cache *cache, const struct cache_key *key)
{
	struct bytes path = key->path;
	struct entry *entry;
	struct entry **link;

	if (cache->count == cache->capacity && !grow_order(cache))
		return NULL;
	if (cache->count >= cache->bucket_count)
		grow_buckets(cache);
	entry = mem_alloc(sizeof(*entry) + path.size + 1);
	if (!entry)
		return NULL;
	memset(entry, 0, sizeof(*entry));
	if (path.size > 0)
		memcpy(entry->path, path.base, path.size);
	entry->path[path.size] = 0;
	entry->path_size = (uint32_t)path.size;
	entry->site = key->site;
	entry->kind = key->kind;
	entry->hash = hash_of(cache, key);
	entry->used = true;
	link = &cache->bucket[entry->hash & (cache->bucket_count - 1)];
	entry->next = *link;
	*link = entry;
	entry->place = cache->count;
	cache->order[cache->count++] = entry;
	cache->memory += entry_memory(entry);
	return entry;
}

void cache_set_asset(struct cache *cache, struct entry *entry, struct asset *asset)
{
	/* What was found unchanged leads to the same answers. */
	cache->changes += entry->asset && entry->asset != asset;
	uncount(cache, entry);
	release_asset(cache, entry);
	entry->asset = asset;
	count(cache, entry);
}

unsigned cache_trim(struct cache *cache, const struct entry *keep)
{
	unsigned dropped = 0;
	uint32_t steps = 2 * cache->count; /* one round may only clear flags; more cannot help */

	for (; steps > 0 && (cache->memory > cache->memory_max || cache->files > cache->files_max); steps--) {
		struct entry *entry;

		if (cache->hand >= cache->count)
			cache->hand = 0;
		if (cache->count == 0)
			break;
		entry = cache->order[cache->hand];
		if (entry == keep || entry->resolving || entry->used) {
			entry->used = false;
			cache->hand++;
			continue;
		}
		cache_remove(cache, entry); /* the last entry takes its place: the hand stays */
		dropped++;
	}
	return dropped;
}

void cache_clear(struct cache *cache)
{
	for (uint32_t i = cache->count; i > 0; i--) {
		struct entry *entry = cache->order[i - 1];

		if (entry->resolving)
			entry->outdated = true;
		else
			cache_remove(cache, entry);
	}
}
