/* SPDX-License-Identifier: MIT */
/*
 * site/cache: what an entry costs is counted exactly, and the budgets of memory and descriptors hold.
 *
 * What cache_fixture.h makes. Entries go by second chance, and never while somebody waits for them.
 */
#include "cache_fixture.h"

/* One 404 page stands behind every name that is not there: it takes no memory of the cache. */
static void a_shared_page_counts_nowhere(void **state)
{
	struct asset *page = pages_create(site, 404, 0);
	struct asset *redirect = pages_create_redirect(site, 301, BYTES("/a/"), 0);
	size_t before;

	(void)state;
	assert_true(page && redirect);
	page->is_shared = true;
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

/* As many as there are codings and languages; some are in memory, some hold a descriptor. */
static struct asset *make_chain(unsigned count)
{
	struct asset *first = NULL;

	for (unsigned i = 0; i < count; i++) {
		struct asset *asset = make_file(count - i, 100 * i, i % 2 ? 1000 : -1);

		asset->next = first;
		first = asset;
	}
	return first;
}

/* What one name costs is all of its forms, and all of them go at once. */
static void a_chain_counts_with_all_its_members(void **state)
{
	struct entry *entry;

	(void)state;
	begin(NO_LIMIT, 10);
	entry = add(0, make_chain(5));
	assert_int_equal(cache.files, 2);
	assert_accounts();
	cache_set_asset(&cache, entry, make_chain(2));
	assert_int_equal(drops, 5);
	assert_int_equal(cache.files, 1);
	assert_accounts();
	cache.files_max = 0;
	cache_trim(&cache, NULL);
	assert_int_equal(drops, 7);
	assert_int_equal(cache.files, 0);
	assert_int_equal(cache.memory, 0);
	cache_deinit(&cache);
}

/* A plain form that is made later comes to the end of the chain; what is counted is taken off again. */
static void a_chain_that_has_grown_is_counted_anew(void **state)
{
	struct asset *first = make_chain(2);
	struct entry *entry;
	size_t before;

	(void)state;
	begin(NO_LIMIT, 10);
	entry = add(0, first);
	add(1, make_chain(3));
	before = cache.memory;
	first->next->next = make_file(9, 500, 1000);
	assert_int_equal(cache.memory, before);
	cache_recount(&cache, entry);
	assert_int_equal(cache.memory, before + first->next->next->memory);
	assert_int_equal(cache.files, 1 + 1 + 1);
	assert_accounts();
	cache_recount(&cache, entry);
	assert_accounts();

	/* Not counted yet, but dropped: the accounts hold all the same. */
	first->next->next->next = make_file(10, 500, 1000);
	cache_remove(&cache, entry);
	assert_int_equal(drops, 4);
	assert_accounts();
	cache_deinit(&cache);
	assert_int_equal(drops, 7);
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

/* It was made for somebody who asked: it is not the first to go. */
static void what_is_new_counts_as_used(void **state)
{
	(void)state;
	begin(NO_LIMIT, 10);
	add(0, NULL);
	add(1, NULL);
	cache.memory_max = cache.memory - 1;
	assert_int_equal(cache_trim(&cache, NULL), 1);
	assert_non_null(cache_find(&cache, numbered(1)));
	add(2, NULL);
	cache.memory_max = cache.memory - 1;
	assert_int_equal(cache_trim(&cache, NULL), 1);
	assert_true(has(2) && !has(1));
	cache_deinit(&cache);
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
		add(number, make_file(number, UINT64_C(1) << 40, (int)number)); /* 0 is a descriptor */
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

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_shared_page_counts_nowhere),
		cmocka_unit_test(a_chain_counts_with_all_its_members),
		cmocka_unit_test(a_chain_that_has_grown_is_counted_anew),
		cmocka_unit_test(what_is_used_gets_a_second_chance),
		cmocka_unit_test(what_is_new_counts_as_used),
		cmocka_unit_test(the_budgets_hold_after_every_trim),
		cmocka_unit_test(either_budget_alone_makes_room),
		cmocka_unit_test(an_entry_that_is_being_resolved_is_spared),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, cache_set_up, cache_tear_down);
}
