/* SPDX-License-Identifier: MIT */
/*
 * A cache of assets that open nothing, for its tests.
 *
 * Assets are real ones whose descriptors are only numbers: nothing opens or closes them, the drop
 * callback counts and frees. Names end at a page without access.
 */
#ifndef QUOIT_TESTS_UNIT_CACHE_FIXTURE_H
#define QUOIT_TESTS_UNIT_CACHE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "guard.h"
#include "site/cache.h"
#include "site/pages.h"
#include "site/resolve.h"
#include "site_fixture.h"

#define ROOM 4096
#define NO_LIMIT SIZE_MAX
#define SEED UINT64_C(0x9e3779b97f4a7c15)

static uint8_t *name_end; /* the end of a guarded region */
static struct cache cache;
static struct site *site, *other_site;
static unsigned drops;       /* assets that the callback was told of */
static uint64_t drops_inode; /* of the last asset dropped */
static uint64_t random_state;

static inline int cache_set_up(void **state)
{
	static const uint8_t zeros[ROOM];

	(void)state;
	name_end = guard_copy(zeros, ROOM) + ROOM;
	site = fixture_site(NULL, NULL);
	other_site = fixture_site(NULL, NULL);
	other_site->number = 1;
	return 0;
}

static inline int cache_tear_down(void **state)
{
	(void)state;
	guard_release(name_end - ROOM, ROOM);
	site_destroy(site);
	site_destroy(other_site);
	return 0;
}

/* An asset goes with its chain. */
static inline void count_drop(void *context, struct asset *asset)
{
	assert_ptr_equal(context, &drops);
	while (asset) {
		struct asset *next = asset->next;

		assert_int_equal(asset->refs, 0);
		drops++;
		drops_inode = asset->version.inode;
		asset_free(asset);
		asset = next && asset_unref(next) ? next : NULL;
	}
}

static inline void begin(size_t memory_max, uint32_t files_max)
{
	memset(&cache, 0xa5, sizeof(cache));
	assert_true(cache_init(&cache, memory_max, files_max, SEED));
	cache.drop = count_drop;
	cache.context = &drops;
	drops = 0;
	random_state = 88172645463325252u;
}

static inline uint32_t random_below(uint32_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 16) % limit;
}

static inline struct cache_key guarded(struct bytes name)
{
	assert_true(name.size <= ROOM);
	memcpy(name_end - name.size, name.base, name.size);
	return (struct cache_key){ site, RESOLVE_PATH, bytes_make(name_end - name.size, name.size) };
}

/* Lasts until the next one is made. */
static inline const struct cache_key *numbered(unsigned number)
{
	static struct cache_key key;
	char text[32];
	int size = snprintf(text, sizeof(text), "/folder/%u.html", number);

	key = guarded(bytes_make(text, (size_t)size));
	return &key;
}

/* A file of `size` bytes; with an `fd` it is served from there, else its body is in memory. */
static inline struct asset *make_file(uint64_t inode, uint64_t size, int fd)
{
	struct version version = { .inode = inode, .size = size };
	struct asset_spec spec = { .version = &version, .size = size, .in_memory = fd < 0 };
	struct asset *asset = fixture_file(site, &spec);

	asset->fd = fd;
	return asset;
}

static inline struct entry *add(unsigned number, struct asset *asset)
{
	struct entry *entry = cache_add(&cache, numbered(number));

	assert_non_null(entry);
	assert_null(entry->asset);
	if (asset)
		cache_set_asset(&cache, entry, asset);
	return entry;
}

static inline bool has(unsigned number)
{
	for (uint32_t i = 0; i < cache.count; i++) /* unlike cache_find(), this is no use of it */
		if (bytes_equal(numbered(number)->path,
				bytes_make(cache.order[i]->path, cache.order[i]->path_size)))
			return true;
	return false;
}

/* What the contract says that memory and files are. */
static inline void assert_accounts(void)
{
	size_t memory = 0;
	uint32_t files = 0;

	for (uint32_t i = 0; i < cache.count; i++) {
		struct entry *entry = cache.order[i];

		assert_int_equal(entry->place, i);
		assert_int_equal(entry->path[entry->path_size], 0);
		memory += sizeof(*entry) + entry->path_size + 1;
		for (const struct asset *asset = entry->asset; asset; asset = asset->next) {
			if (asset->is_shared)
				continue;
			memory += asset->memory;
			files += asset->fd >= 0;
		}
	}
	assert_int_equal(cache.memory, memory);
	assert_int_equal(cache.files, files);
}

#endif
