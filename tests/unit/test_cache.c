/* SPDX-License-Identifier: MIT */
/*
 * site/cache: a name is found until it is dropped, and every asset is dropped once, when its last
 * reference goes.
 *
 * What cache_fixture.h makes; the budgets have test_cache_budget.c to themselves.
 */
#include "cache_fixture.h"
#include "scarce_mem.h"

static const struct cache_key *named(const uint8_t *name, size_t size)
{
	static struct cache_key key;

	key = guarded(bytes_make(name, size));
	return &key;
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
		struct entry *entry = cache_add(&cache, named(name, size));

		assert_int_equal(entry->path_size, size);
		assert_memory_equal(entry->path, name, size);
		assert_ptr_equal(cache_find(&cache, named(name, size)), entry);
		assert_null(cache_find(&cache, named(name, size + 1)));
		name[size - 1] ^= 0x80;
		assert_null(cache_find(&cache, named(name, size)));
		name[size - 1] ^= 0x80;
		/* As if another name had the same hash. */
		entry->path[0] ^= 0x80;
		assert_null(cache_find(&cache, named(name, size)));
		entry->path[0] ^= 0x80;
	}
	assert_accounts();
	cache_deinit(&cache);
}

/* The same path may be asked for, be an error page, and the fallback, of each of the hosts. */
static void a_name_is_found_by_site_and_purpose_too(void **state)
{
	static const unsigned kinds[] = { RESOLVE_PATH, RESOLVE_FALLBACK, RESOLVE_PAGE, 404, 503 };
	struct site *sites[] = { site, other_site };
	struct entry *entries[2][FIXTURE_COUNT(kinds)];
	struct cache_key key = *numbered(1);

	(void)state;
	begin(NO_LIMIT, 10);
	for (unsigned i = 0; i < 2; i++) {
		for (unsigned k = 0; k < FIXTURE_COUNT(kinds); k++) {
			key.site = sites[i];
			key.kind = kinds[k];
			assert_null(cache_find(&cache, &key));
			entries[i][k] = cache_add(&cache, &key);
			assert_non_null(entries[i][k]);
			assert_ptr_equal(entries[i][k]->site, sites[i]);
			assert_int_equal(entries[i][k]->kind, kinds[k]);
		}
	}
	for (unsigned i = 0; i < 2; i++) {
		for (unsigned k = 0; k < FIXTURE_COUNT(kinds); k++) {
			key.site = sites[i];
			key.kind = kinds[k];
			assert_ptr_equal(cache_find(&cache, &key), entries[i][k]);
		}
	}
	assert_accounts();
	cache_deinit(&cache);
}

/* After a reload the site of the same number is another one, with another root. */
static void a_site_that_took_the_number_of_another_finds_nothing_of_it(void **state)
{
	struct cache_key key = *numbered(1);

	(void)state;
	begin(NO_LIMIT, 10);
	other_site->number = site->number;
	assert_non_null(cache_add(&cache, &key));
	key.site = other_site;
	assert_null(cache_find(&cache, &key));
	other_site->number = 1;
	cache_deinit(&cache);
}

/* The empty path has no bytes to point at. */
static void a_name_of_no_bytes_is_a_name(void **state)
{
	struct cache_key key = { site, RESOLVE_PATH, bytes_make(NULL, 0) };
	struct entry *entry;

	(void)state;
	begin(NO_LIMIT, 10);
	assert_null(cache_find(&cache, &key));
	entry = cache_add(&cache, &key);
	assert_ptr_equal(cache_find(&cache, &key), entry);
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

/* What cannot be cached is answered all the same, and what is cached stays. */
static void without_memory_nothing_is_added_and_nothing_lost(void **state)
{
	enum { NAMES = 1500 }; /* more than fit into the first table, and into the first buckets */
	unsigned failed = 0;

	(void)state;
	scarce_left = 0;
	assert_false(cache_init(&cache, NO_LIMIT, 10, SEED));
	scarce_left = SCARCE_NOT;
	begin(NO_LIMIT, 10);
	for (unsigned number = 0; number < NAMES; number++) {
		uint32_t allowed = 0;

		for (scarce_left = 0; !cache_add(&cache, numbered(number)); scarce_left = ++allowed) {
			assert_null(cache_find(&cache, numbered(number)));
			assert_int_equal(cache.count, number);
			failed++;
		}
		scarce_left = SCARCE_NOT;
	}
	assert_true(failed > NAMES);
	assert_accounts();
	for (unsigned number = 0; number < NAMES; number++)
		assert_non_null(cache_find(&cache, numbered(number)));
	cache_deinit(&cache);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_found_by_exactly_its_bytes),
		cmocka_unit_test(a_name_is_found_by_site_and_purpose_too),
		cmocka_unit_test(a_site_that_took_the_number_of_another_finds_nothing_of_it),
		cmocka_unit_test(a_name_of_no_bytes_is_a_name),
		cmocka_unit_test(random_use_agrees_with_a_table),
		cmocka_unit_test(an_asset_is_dropped_with_its_last_reference),
		cmocka_unit_test(an_entry_may_be_given_the_asset_it_has),
		cmocka_unit_test(clearing_forgets_all_but_what_is_being_resolved),
		cmocka_unit_test(a_hundred_thousand_names_are_found),
		cmocka_unit_test(where_a_name_lies_depends_on_the_seed),
		cmocka_unit_test(without_memory_nothing_is_added_and_nothing_lost),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, cache_set_up, cache_tear_down);
}
