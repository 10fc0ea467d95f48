/* SPDX-License-Identifier: MIT */
/*
 * site/cache: a name is found until it is dropped, the budgets hold, and every asset is
 * dropped once, when its last reference goes.
 *
 * Assets here are real ones whose descriptors are only numbers: nothing opens or closes them,
 * the drop callback counts and frees. Names end at a page without access.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "guard.h"
#include "site/cache.h"

#define ROOM 4096
#define NO_LIMIT SIZE_MAX
#define SEED UINT64_C(0x9e3779b97f4a7c15)

static uint8_t *name_end; /* the end of a guarded region */
static struct cache cache;
static unsigned drops;       /* calls of the callback */
static uint64_t drops_inode; /* of the last asset dropped */
static uint64_t random_state;

static int set_up(void **state)
{
	static const uint8_t zeros[ROOM];

	(void)state;
	name_end = guard_copy(zeros, ROOM) + ROOM;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	guard_release(name_end - ROOM, ROOM);
	return 0;
}

static void count_drop(void *context, struct asset *asset)
{
	assert_ptr_equal(context, &drops);
	assert_int_equal(asset->refs, 0);
	drops++;
	drops_inode = asset->version.inode;
	asset_free(asset);
}

static void begin(size_t memory_max, uint32_t files_max)
{
	assert_true(cache_init(&cache, memory_max, files_max, SEED));
	cache.drop = count_drop;
	cache.context = &drops;
	drops = 0;
	random_state = 88172645463325252u;
}

static uint32_t random_below(uint32_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 16) % limit;
}

static struct bytes guarded(struct bytes name)
{
	assert_true(name.size <= ROOM);
	memcpy(name_end - name.size, name.base, name.size);
	return bytes_make(name_end - name.size, name.size);
}

static struct bytes numbered(unsigned number)
{
	char text[32];
	int size = snprintf(text, sizeof(text), "/folder/%u.html", number);

	return guarded(bytes_make(text, (size_t)size));
}

/* A file of `size` bytes; with an `fd` it is served from there, else its body is in memory. */
static struct asset *make_file(uint64_t inode, uint64_t size, int fd)
{
	struct version version = { .inode = inode, .size = size };
	struct asset *asset = asset_create_file(&version, BYTES("text/plain"), fd < 0, 0);

	assert_non_null(asset);
	asset->fd = fd;
	if (asset->body)
		memset(asset->body, 'x', size);
	return asset;
}

static struct entry *add(unsigned number, struct asset *asset)
{
	struct entry *entry = cache_add(&cache, numbered(number));

	assert_non_null(entry);
	assert_null(entry->asset);
	if (asset)
		cache_set_asset(&cache, entry, asset);
	return entry;
}

static bool has(unsigned number)
{
	for (uint32_t i = 0; i < cache.count; i++) /* unlike cache_find(), this is no use of it */
		if (bytes_equal(numbered(number),
				bytes_make(cache.order[i]->path, cache.order[i]->path_size)))
			return true;
	return false;
}

/* What the contract says that memory and files are. */
static void assert_accounts(void)
{
	size_t memory = 0;
	uint32_t files = 0;

	for (uint32_t i = 0; i < cache.count; i++) {
		struct entry *entry = cache.order[i];

		assert_int_equal(entry->place, i);
		assert_int_equal(entry->path[entry->path_size], 0);
		memory += sizeof(*entry) + entry->path_size + 1;
		if (entry->asset && (entry->asset->is_file || entry->asset->status == 301)) {
			memory += entry->asset->memory;
			files += entry->asset->fd >= 0;
		}
	}
	assert_int_equal(cache.memory, memory);
	assert_int_equal(cache.files, files);
}

/* One byte more, less or other is another name. The hash reads in wide steps, and not beyond the end. */
static void a_name_is_found_by_exactly_its_bytes(void **state)
{
	uint8_t name[1200];

	(void)state;
	begin(NO_LIMIT, 10);
	for (size_t i = 0; i < sizeof(name); i++)
		name[i] = (uint8_t)('!' + i % 90);
	for (size_t size = 1; size < sizeof(name); size++) {
		struct entry *entry = cache_add(&cache, guarded(bytes_make(name, size)));

		assert_int_equal(entry->path_size, size);
		assert_memory_equal(entry->path, name, size);
		assert_ptr_equal(cache_find(&cache, guarded(bytes_make(name, size))), entry);
		assert_null(cache_find(&cache, guarded(bytes_make(name, size + 1))));
		name[size - 1] ^= 0x80;
		assert_null(cache_find(&cache, guarded(bytes_make(name, size))));
		name[size - 1] ^= 0x80;
		/* As if another name had the same hash. */
		entry->path[0] ^= 0x80;
		assert_null(cache_find(&cache, guarded(bytes_make(name, size))));
		entry->path[0] ^= 0x80;
	}
	assert_accounts();
	cache_deinit(&cache);
}

/* Random adding, finding, replacing and removing, against a table that is indexed by the number. */
static void random_use_agrees_with_a_table(void **state)
{
	enum { NAMES = 3000, STEPS = 60000 };
	static struct entry *table[NAMES];
	uint32_t count = 0;

	(void)state;
	begin(NO_LIMIT, UINT32_MAX);
	memset(table, 0, sizeof(table));
	for (unsigned step = 0; step < STEPS; step++) {
		unsigned number = random_below(NAMES);
		struct asset *asset = make_file(number, random_below(100), random_below(2) ? 1000 : -1);

		assert_ptr_equal(cache_find(&cache, numbered(number)), table[number]);
		if (!table[number]) {
			table[number] = add(number, asset);
			count++;
		} else if (random_below(2)) {
			cache_set_asset(&cache, table[number], asset);
		} else {
			cache_remove(&cache, table[number]);
			asset_unref(asset);
			asset_free(asset);
			table[number] = NULL;
			count--;
		}
		assert_int_equal(cache.count, count);
		if (step % 1000 == 0)
			assert_accounts();
	}
	assert_true(count > NAMES / 4);
	drops = 0;
	cache_deinit(&cache);
	assert_int_equal(drops, count);
}

/* The entry holds one reference, an answer on its way another: the later end drops it. */
static void an_asset_is_dropped_with_its_last_reference(void **state)
{
	struct asset *first = make_file(1, 10, -1), *second = make_file(2, 10, 1000);
	struct entry *entry;

	(void)state;
	begin(NO_LIMIT, 10);
	entry = add(0, first);
	asset_ref(first);
	cache_set_asset(&cache, entry, second);
	assert_int_equal(drops, 0);
	assert_int_equal(first->refs, 1);
	assert_accounts();
	assert_true(asset_unref(first));
	asset_free(first);

	cache_set_asset(&cache, entry, make_file(3, 10, -1));
	assert_int_equal(drops, 1);
	assert_int_equal(drops_inode, 2);
	assert_accounts();
	cache_remove(&cache, entry);
	assert_int_equal(drops, 2);
	assert_int_equal(drops_inode, 3);
	assert_int_equal(cache.memory, 0);
	cache_deinit(&cache);
	assert_int_equal(drops, 2);
}

/* A file that was looked at again and is unchanged: the caller brings a reference to the same asset. */
static void an_entry_may_be_given_the_asset_it_has(void **state)
{
	struct asset *asset = make_file(1, 10, 1000);
	struct entry *entry;

	(void)state;
	begin(NO_LIMIT, 10);
	entry = add(0, asset);
	asset_ref(asset);
	cache_set_asset(&cache, entry, asset);
	assert_int_equal(asset->refs, 1);
	assert_int_equal(drops, 0);
	assert_accounts();
	cache_deinit(&cache);
	assert_int_equal(drops, 1);
}

/* One 404 page stands behind every name that is not there: it takes no memory of the cache. */
static void a_shared_page_counts_nowhere(void **state)
{
	struct asset *page = asset_create_page(404, BYTES(""), 0);
	struct asset *redirect = asset_create_redirect(BYTES("/a/"), 0);
	size_t before;

	(void)state;
	begin(NO_LIMIT, 10);
	for (unsigned number = 0; number < 100; number++) {
		asset_ref(page);
		add(number, page);
	}
	assert_accounts();
	before = cache.memory;
	assert_true(before < 100 * page->memory);
	add(100, redirect);
	assert_true(cache.memory > before + redirect->memory);
	assert_accounts();
	cache_deinit(&cache);
	assert_int_equal(page->refs, 1);
	assert_int_equal(drops, 1);
	asset_unref(page);
	asset_free(page);
}

/* What was asked for since the hand came by is passed over once; the next one goes. */
static void what_is_used_gets_a_second_chance(void **state)
{
	enum { COUNT = 10 };
	size_t one;

	(void)state;
	begin(NO_LIMIT, 10);
	for (unsigned number = 0; number < COUNT; number++)
		add(number, make_file(number, 10, -1));
	one = cache.memory / COUNT;
	/* All are new and thus used: the first round only takes that from them, then the oldest goes. */
	cache.memory_max = cache.memory - 1;
	assert_int_equal(cache_trim(&cache, NULL), 1);
	assert_false(has(0));

	/* The last took the place of the first, and 1 comes after it. */
	assert_non_null(cache_find(&cache, numbered(9)));
	assert_non_null(cache_find(&cache, numbered(1)));
	cache.memory_max = cache.memory - 1;
	assert_int_equal(cache_trim(&cache, NULL), 1);
	assert_false(has(2));
	assert_true(has(9) && has(1));

	cache.memory_max = cache.memory - 2 * one;
	assert_int_equal(cache_trim(&cache, NULL), 2);
	assert_int_equal(cache.count, COUNT - 4);
	assert_true(has(9) && has(1));
	cache_deinit(&cache);
	assert_int_equal(drops, COUNT);
}

/* Whatever comes in: after cache_trim() there is no more than was allowed, and no more dropped than needed.
 */
static void the_budgets_hold_after_every_trim(void **state)
{
	enum { MEMORY_MAX = 40000, FILES_MAX = 20 };

	(void)state;
	begin(MEMORY_MAX, FILES_MAX);
	for (unsigned number = 0; number < 5000; number++) {
		bool is_large = random_below(4) == 0;
		struct entry *entry =
			add(number, make_file(number, random_below(3000), is_large ? 1000 : -1));
		uint32_t count = cache.count;
		size_t memory = cache.memory;
		uint32_t files = cache.files;
		unsigned dropped = cache_trim(&cache, entry);

		cache_find(&cache, numbered(random_below(number + 1)));
		assert_true(cache.memory <= MEMORY_MAX && cache.files <= FILES_MAX);
		assert_int_equal(cache.count, count - dropped);
		assert_true(dropped == 0 || memory > MEMORY_MAX || files > FILES_MAX);
		assert_true(has(number));
		if (number % 100 == 0)
			assert_accounts();
	}
	assert_true(cache.count > 5);
	assert_int_equal(drops, 5000 - cache.count);
	cache_deinit(&cache);
}

/* Each budget for itself: descriptors run out while memory is there, and the other way round. */
static void either_budget_alone_makes_room(void **state)
{
	(void)state;
	begin(NO_LIMIT, 3);
	for (unsigned number = 0; number < 10; number++) {
		add(number, make_file(number, UINT64_C(1) << 40, 1000));
		cache_trim(&cache, NULL);
		assert_true(cache.files <= 3);
	}
	assert_int_equal(cache.files, 3);
	cache.files_max = 0;
	cache_trim(&cache, NULL);
	assert_int_equal(cache.files, 0);
	cache_deinit(&cache);

	begin(5000, UINT32_MAX);
	for (unsigned number = 0; number < 100; number++)
		add(number, NULL);
	cache_trim(&cache, NULL);
	assert_true(cache.memory <= 5000 && cache.count > 0);
	cache_deinit(&cache);
}

/* Those who wait hold pointers to it. Rather is the budget not met, and the search ends all the same. */
static void an_entry_that_is_being_resolved_is_spared(void **state)
{
	struct entry *resolving, *keep;

	(void)state;
	begin(0, 0);
	for (unsigned number = 0; number < 50; number++)
		add(number, make_file(number, 10, -1));
	resolving = cache_find(&cache, numbered(20));
	keep = cache_find(&cache, numbered(49));
	resolving->resolving = true;
	resolving->waiting = (struct conn *)&cache; /* never looked into */
	assert_int_equal(cache_trim(&cache, keep), 48);
	assert_int_equal(cache.count, 2);
	assert_true(has(20) && has(49));
	assert_int_equal(cache_trim(&cache, keep), 0);

	resolving->resolving = false;
	resolving->waiting = NULL;
	assert_int_equal(cache_trim(&cache, keep), 1);
	assert_int_equal(cache_trim(&cache, NULL), 1);
	assert_int_equal(cache_trim(&cache, NULL), 0);
	assert_int_equal(cache.memory, 0);
	cache_deinit(&cache);
}

/* A reload: nothing of the old root may be served any more, nor what is on its way from there. */
static void clearing_forgets_all_but_what_is_being_resolved(void **state)
{
	enum { COUNT = 100, RESOLVING = 15 };

	(void)state;
	begin(NO_LIMIT, UINT32_MAX);
	for (unsigned number = 0; number < COUNT; number++)
		add(number, make_file(number, 10, 1000))->resolving = number % 7 == 0;
	cache_clear(&cache);
	assert_int_equal(cache.count, RESOLVING);
	assert_int_equal(drops, COUNT - RESOLVING);
	assert_accounts();
	for (unsigned number = 0; number < COUNT; number++) {
		struct entry *entry = cache_find(&cache, numbered(number));

		assert_int_equal(entry != NULL, number % 7 == 0);
		if (!entry)
			continue;
		assert_true(entry->outdated);
		entry->resolving = false;
	}
	cache_clear(&cache);
	assert_int_equal(cache.count, 0);
	assert_int_equal(cache.memory, 0);
	assert_int_equal(drops, COUNT);
	cache_deinit(&cache);
}

static unsigned longest_chain(void)
{
	unsigned longest = 0;

	for (size_t i = 0; i < cache.bucket_count; i++) {
		unsigned length = 0;

		for (struct entry *entry = cache.bucket[i]; entry; entry = entry->next)
			length++;
		longest = length > longest ? length : longest;
	}
	return longest;
}

/* Growing keeps every entry where pointers to it lead, and the way to it short. */
static void a_hundred_thousand_names_are_found(void **state)
{
	enum { NAMES = 100000 };
	static struct entry *entries[NAMES];

	(void)state;
	begin(NO_LIMIT, 10);
	for (unsigned number = 0; number < NAMES; number++)
		entries[number] = add(number, NULL);
	assert_int_equal(cache.count, NAMES);
	assert_true(cache.bucket_count >= NAMES);
	assert_true(longest_chain() <= 12);
	for (unsigned number = 0; number < NAMES; number++)
		assert_ptr_equal(cache_find(&cache, numbered(number)), entries[number]);
	assert_null(cache_find(&cache, numbered(NAMES)));
	assert_accounts();
	for (unsigned number = 0; number < NAMES; number += 2)
		cache_remove(&cache, entries[number]);
	for (unsigned number = 0; number < NAMES; number++)
		assert_ptr_equal(cache_find(&cache, numbered(number)), number % 2 ? entries[number] : NULL);
	cache_deinit(&cache);
}

/* Names come from strangers, who must not be able to choose which of them share a bucket. */
static void where_a_name_lies_depends_on_the_seed(void **state)
{
	enum { NAMES = 200 };
	uint64_t hash[NAMES];
	unsigned same = 0;

	(void)state;
	begin(NO_LIMIT, 10);
	for (unsigned number = 0; number < NAMES; number++)
		hash[number] = add(number, NULL)->hash;
	cache_deinit(&cache);
	assert_true(cache_init(&cache, NO_LIMIT, 10, SEED + 1));
	for (unsigned number = 0; number < NAMES; number++)
		same += hash[number] % 1024 == add(number, NULL)->hash % 1024;
	cache_deinit(&cache);
	assert_true(same < 10);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_found_by_exactly_its_bytes),
		cmocka_unit_test(random_use_agrees_with_a_table),
		cmocka_unit_test(an_asset_is_dropped_with_its_last_reference),
		cmocka_unit_test(an_entry_may_be_given_the_asset_it_has),
		cmocka_unit_test(a_shared_page_counts_nowhere),
		cmocka_unit_test(what_is_used_gets_a_second_chance),
		cmocka_unit_test(the_budgets_hold_after_every_trim),
		cmocka_unit_test(either_budget_alone_makes_room),
		cmocka_unit_test(an_entry_that_is_being_resolved_is_spared),
		cmocka_unit_test(clearing_forgets_all_but_what_is_being_resolved),
		cmocka_unit_test(a_hundred_thousand_names_are_found),
		cmocka_unit_test(where_a_name_lies_depends_on_the_seed),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
