/* SPDX-License-Identifier: MIT */
/*
 * site/resolve: what was found is opened and read, and no disturbance mixes two versions.
 *
 * Every step is answered as a file system might answer it, also a mean one. resolve_fixture.h has a
 * quiet one, for all but the step that a test is about.
 */
#include "resolve_fixture.h"
#include "scarce_mem.h"

static const struct version small = { 1, 2, 500, 3, 4 };

/* Up to and with the look at the only file there is. */
static void begin_load(const struct asset *known)
{
	options.codings = (char *)"none";
	make_site();
	assert_int_equal(begin_with("/a", known), RESOLVE_LOOK);
	assert_int_equal(resolve_on_look(&resolve, 0, FILE_REGULAR, &small), RESOLVE_OPEN);
	assert_string_equal(text_string(&name), "a");
}

static enum resolve_step stat_regular(const struct version *version)
{
	return resolve_on_stat(&resolve, 0, FILE_REGULAR, version);
}

static void assert_ended(enum resolve_step step, enum resolve_outcome outcome)
{
	assert_int_equal(step, RESOLVE_DONE);
	assert_int_equal(resolve.outcome, outcome);
}

static void assert_ended_with(enum resolve_step step, unsigned status)
{
	assert_int_equal(step, RESOLVE_DONE);
	assert_status(status);
}

/* Looked at before and after: only what was the same file all the time has been read whole. */
static void a_small_file_is_opened_looked_at_read_and_looked_at(void **state)
{
	(void)state;
	begin_load(NULL);
	assert_int_equal(resolve_on_open(&resolve, 0), RESOLVE_STAT);
	assert_int_equal(stat_regular(&small), RESOLVE_READ);
	assert_true(version_equal(&resolve.version, &small));
	assert_int_equal(resolve_on_read(&resolve, 500), RESOLVE_STAT);
	assert_int_equal(stat_regular(&small), RESOLVE_VARIANT);
	assert_int_equal(resolve.loading, 0);
	assert_true(resolve.in_memory && !resolve.has_hash);
	assert_ended(resolve_on_variant(&resolve, 0), RESOLVED_FILES);
	assert_int_equal(resolve.found_count, 1);
}

/* Its bytes come from the descriptor when they are asked for. The limit itself is small. */
static void a_file_above_the_limit_is_not_read(void **state)
{
	struct version version = small;

	(void)state;
	for (version.size = SMALL_MAX - 1; version.size <= SMALL_MAX + 1; version.size++) {
		bool is_small = version.size <= SMALL_MAX;

		begin_load(NULL);
		resolve_on_open(&resolve, 0);
		assert_int_equal(stat_regular(&version), is_small ? RESOLVE_READ : RESOLVE_VARIANT);
		assert_int_equal(resolve.in_memory, is_small);
		assert_true(version_equal(&resolve.version, &version));
	}
}

/* Nothing is read of it, but it goes the same way, or it could be one that is just being written. */
static void an_empty_file_is_a_small_file(void **state)
{
	static const struct version empty = { 1, 2, 0, 3, 4 }, grown = { 1, 2, 1, 5, 5 };

	(void)state;
	for (unsigned grows = 0; grows < 2; grows++) {
		begin_load(NULL);
		resolve_on_open(&resolve, 0);
		assert_int_equal(stat_regular(&empty), RESOLVE_READ);
		assert_int_equal(resolve_on_read(&resolve, 0), RESOLVE_STAT);
		assert_int_equal(stat_regular(grows ? &grown : &empty),
				 grows ? RESOLVE_LOOK : RESOLVE_VARIANT);
	}
}

/* The hash is of the bytes that are sent: the file must not have changed from before it to the last look. */
static void a_tag_of_the_content_is_made_between_the_looks(void **state)
{
	static const struct version large = { 1, 2, SMALL_MAX + 1, 3, 4 };
	struct version changed = large;

	(void)state;
	options.etag = ETAG_CONTENT;
	begin_load(NULL);
	resolve_on_open(&resolve, 0);
	assert_int_equal(stat_regular(&small), RESOLVE_HASH);
	assert_int_equal(resolve_on_hash(&resolve, 0), RESOLVE_READ);
	assert_int_equal(resolve_on_read(&resolve, 500), RESOLVE_STAT);
	assert_int_equal(stat_regular(&small), RESOLVE_VARIANT);
	assert_true(resolve.has_hash);

	begin_load(NULL);
	resolve_on_open(&resolve, 0);
	assert_int_equal(stat_regular(&large), RESOLVE_HASH);
	assert_int_equal(resolve_on_hash(&resolve, 0), RESOLVE_STAT);
	assert_int_equal(stat_regular(&large), RESOLVE_VARIANT);
	assert_true(resolve.has_hash && !resolve.in_memory);

	changed.changed_ns++;
	for (unsigned is_large = 0; is_large < 2; is_large++) {
		begin_load(NULL);
		resolve_on_open(&resolve, 0);
		assert_int_equal(stat_regular(is_large ? &large : &small), RESOLVE_HASH);
		assert_int_equal(resolve_on_hash(&resolve, 0), is_large ? RESOLVE_STAT : RESOLVE_READ);
		if (!is_large)
			assert_int_equal(resolve_on_read(&resolve, 500), RESOLVE_STAT);
		assert_int_equal(stat_regular(&changed), RESOLVE_LOOK);
	}
	begin_load(NULL);
	resolve_on_open(&resolve, 0);
	stat_regular(&small);
	assert_int_equal(resolve_on_hash(&resolve, -ESTALE), RESOLVE_LOOK);
	begin_load(NULL);
	resolve_on_open(&resolve, 0);
	stat_regular(&small);
	assert_ended_with(resolve_on_hash(&resolve, -EIO), 500);
}

/* Each variant begins as if it were the only one: what was hashed or read before is another's. */
static void every_variant_is_loaded_in_full(void **state)
{
	(void)state;
	options.etag = ETAG_CONTENT;
	make_site();
	put("a a.br a.gz");
	find_file("a")->version.size = SMALL_MAX + 1;
	find_file("a.gz")->version.size = SMALL_MAX + 1;
	assert_int_equal(run("/a"), RESOLVED_FILES);
	assert_asked("a a.br a.gz >a stat hash stat take >a.br stat hash read stat take >a.gz stat hash stat "
		     "take");
	options.etag = ETAG_NONE;
	make_site();
	assert_int_equal(run("/a"), RESOLVED_FILES);
	assert_asked("a a.br a.gz >a stat take >a.br stat read stat take >a.gz stat take");
}

/* What has gone since it was looked at is looked at again; the rest is as it would be of a look. */
static void every_error_of_an_open_has_its_status(void **state)
{
	static const struct {
		int error;
		unsigned status; /* 0: looked at again */
	} rows[] = {
		{ ENOENT, 0 },   { ENOTDIR, 0 }, { ENAMETOOLONG, 0 }, { ELOOP, 0 },       { EXDEV, 0 },
		{ ENXIO, 0 },    { ENODEV, 0 },  { EINVAL, 0 },       { EAGAIN, 0 },      { EINTR, 0 },
		{ EACCES, 403 }, { EPERM, 403 }, { EMFILE, 503 },     { ENFILE, 503 },    { ENOMEM, 503 },
		{ EBUSY, 503 },  { EIO, 500 },   { ESTALE, 500 },     { ECANCELED, 503 },
	};

	(void)state;
	for (size_t i = 0; i < FIXTURE_COUNT(rows); i++) {
		enum resolve_step step;

		begin_load(NULL);
		step = resolve_on_open(&resolve, -rows[i].error);
		if (rows[i].status == 0)
			assert_int_equal(step, RESOLVE_LOOK);
		else
			assert_ended_with(step, rows[i].status);
	}
}

static void every_error_of_what_is_open_has_its_status(void **state)
{
	static const struct {
		int error;
		unsigned status;
	} rows[] = {
		{ ENOENT, 404 }, { EACCES, 403 }, { EMFILE, 503 },
		{ ENOMEM, 503 }, { EIO, 500 },    { ESTALE, 500 },
	};

	(void)state;
	for (size_t i = 0; i < FIXTURE_COUNT(rows); i++) {
		begin_load(NULL);
		resolve_on_open(&resolve, 0);
		assert_ended_with(resolve_on_stat(&resolve, -rows[i].error, FILE_OTHER, NULL),
				  rows[i].status);
		begin_load(NULL);
		resolve_on_open(&resolve, 0);
		stat_regular(&small);
		assert_ended_with(resolve_on_read(&resolve, -rows[i].error), rows[i].status);
		begin_load(NULL);
		resolve_on_open(&resolve, 0);
		stat_regular(&small);
		resolve_on_read(&resolve, 500);
		assert_ended_with(resolve_on_stat(&resolve, -rows[i].error, FILE_OTHER, NULL),
				  rows[i].status);
	}
	begin_load(NULL);
	resolve_on_open(&resolve, 0);
	stat_regular(&small);
	resolve_on_read(&resolve, 500);
	stat_regular(&small);
	assert_ended_with(resolve_on_variant(&resolve, -ENOMEM), 503);
}

/* Another took its name between the look and the open: what it is now is looked at. */
static void what_is_open_must_be_a_file(void **state)
{
	(void)state;
	begin_load(NULL);
	resolve_on_open(&resolve, 0);
	assert_int_equal(resolve_on_stat(&resolve, 0, FILE_FOLDER, &small), RESOLVE_LOOK);
	assert_int_equal(resolve_on_look(&resolve, 0, FILE_FOLDER, &small), RESOLVE_DONE);
	assert_int_equal(resolve.outcome, RESOLVED_REDIRECT);
}

/* That it may not be read shows only now. What depends on it stays said: others still may get it. */
static void a_coded_form_that_cannot_be_opened_is_done_without(void **state)
{
	(void)state;
	put("a a.br a.gz");
	find_file("a.br")->open_error = -EACCES;
	assert_int_equal(run("/a"), RESOLVED_FILES);
	assert_asked("a a.br a.gz >a stat read stat take >a.br >a.gz stat read stat take");
	assert_int_equal(resolve.found_count, 2);
	assert_int_equal(resolve.vary, VARY_ENCODING);
	resolve.loading = 1;
	assert_int_equal(resolve_coding(&resolve), CODING_GZIP);
	find_file("a.gz")->open_error = -EPERM;
	assert_int_equal(run("/a"), RESOLVED_FILES);
	assert_asked("a a.br a.gz >a stat read stat take >a.br >a.gz");
	assert_int_equal(resolve.found_count, 1);
	assert_int_equal(resolve.vary, VARY_ENCODING);
}

/* A limit of ours is none of the file's: sending less than there is would look like a change of the site. */
static void a_coded_form_is_not_done_without_for_our_own_trouble(void **state)
{
	static const struct {
		int error;
		unsigned status;
	} rows[] = { { EMFILE, 503 }, { ENOMEM, 503 }, { EIO, 500 } };

	(void)state;
	put("a a.br");
	for (size_t i = 0; i < FIXTURE_COUNT(rows); i++) {
		find_file("a.br")->open_error = -rows[i].error;
		run("/a");
		assert_status(rows[i].status);
	}
}

/* A plain file, or a coded one that has none: there is nothing else that could be sent. */
static void what_the_answer_stands_on_must_be_readable(void **state)
{
	(void)state;
	put("a a.br b.br");
	find_file("a")->open_error = -EACCES;
	run("/a");
	assert_status(403);
	assert_asked("a a.br a.gz >a");
	find_file("b.br")->open_error = -EACCES;
	run("/b");
	assert_status(403);
	options.languages = (char *)"en,fr";
	make_site();
	put("c.html c.fr.html");
	find_file("c.fr.html")->open_error = -EACCES;
	run("/c.html");
	assert_status(403);
}

/* Changed between the two looks, shorter than it was, or interrupted: all of it anew, name included. */
static void a_disturbed_reading_begins_anew(void **state)
{
	static const struct version replaced = { 1, 9, 600, 3, 4 };

	(void)state;
	begin_load(NULL);
	assert_int_equal(resolve_on_open(&resolve, -EAGAIN), RESOLVE_LOOK);
	assert_int_equal(resolve_on_look(&resolve, 0, FILE_REGULAR, &small), RESOLVE_OPEN);
	assert_int_equal(resolve_on_open(&resolve, 0), RESOLVE_STAT);
	assert_int_equal(stat_regular(&small), RESOLVE_READ);
	assert_int_equal(resolve_on_read(&resolve, 500), RESOLVE_STAT);
	assert_int_equal(stat_regular(&replaced), RESOLVE_LOOK);
	assert_int_equal(resolve.found_count, 0);
	assert_int_equal(resolve_on_look(&resolve, 0, FILE_REGULAR, &replaced), RESOLVE_OPEN);
	assert_false(resolve.in_memory);
	assert_int_equal(resolve_on_open(&resolve, 0), RESOLVE_STAT);
	assert_int_equal(stat_regular(&replaced), RESOLVE_READ);
	assert_int_equal(resolve_on_read(&resolve, 599), RESOLVE_LOOK);
	assert_int_equal(resolve_on_look(&resolve, 0, FILE_REGULAR, &replaced), RESOLVE_OPEN);
	assert_int_equal(resolve_on_open(&resolve, 0), RESOLVE_STAT);
	assert_int_equal(stat_regular(&replaced), RESOLVE_READ);
	assert_int_equal(resolve_on_read(&resolve, -EINTR), RESOLVE_LOOK);
	assert_string_equal(text_string(&name), "a");
	assert_int_equal(resolve_on_look(&resolve, 0, FILE_REGULAR, &replaced), RESOLVE_OPEN);
	assert_int_equal(resolve_on_open(&resolve, 0), RESOLVE_STAT);
	assert_int_equal(stat_regular(&replaced), RESOLVE_READ);
	assert_int_equal(resolve_on_read(&resolve, 600), RESOLVE_STAT);
	assert_int_equal(stat_regular(&replaced), RESOLVE_VARIANT);
	assert_true(resolve.in_memory);
	assert_true(version_equal(&resolve.version, &replaced));
}

/* Somebody who writes without pause must not keep us reading without end, wherever we are disturbed. */
static void attempts_are_counted(void **state)
{
	(void)state;
	for (unsigned place = 0; place < 5; place++) {
		enum resolve_step step = RESOLVE_LOOK;
		unsigned attempts = 0;

		begin_load(NULL);
		for (step = begin_with("/a", NULL); step != RESOLVE_DONE; attempts++) {
			int error = attempts % 2 ? -EAGAIN : -EINTR;

			step = resolve_on_look(&resolve, place == 0 ? error : 0, FILE_REGULAR, &small);
			if (place > 0)
				step = resolve_on_open(&resolve, place == 1 ? error : 0);
			if (place > 1)
				step = resolve_on_stat(&resolve, 0, place == 2 ? FILE_OTHER : FILE_REGULAR,
						       &small);
			if (place > 2)
				step = resolve_on_read(&resolve, place == 3 ? error : 499);
			assert_true(step == RESOLVE_LOOK || step == RESOLVE_DONE);
		}
		assert_status(503);
		assert_int_equal(attempts, RESOLVE_ATTEMPTS);
	}
}

/* A name that there is no memory for: a limit, and it may be different in a second. */
static void without_memory_for_a_name_the_answer_is_503(void **state)
{
	(void)state;
	put("a a.br docs/");
	scarce_left = 0;
	assert_ended_with(begin_with("/a", NULL), 503);
	scarce_left = SCARCE_NOT;
	assert_int_equal(run("/a"), RESOLVED_FILES);
	options.listing = 1;
	options.index = (char *)"none";
	make_site();
	text_deinit(&name);
	scarce_left = 0;
	assert_ended_with(begin_with("/docs/", NULL), 503);
	scarce_left = SCARCE_NOT;
}

/* Files that become others at any moment. Their content is their version, so a mixture would show. */
struct restless {
	uint64_t random;
	unsigned chance; /* one change in so many moments */
	struct version version[2];
	bool is_there[2];
};

static uint64_t random_below(struct restless *world, uint64_t limit)
{
	world->random ^= world->random << 13;
	world->random ^= world->random >> 7;
	world->random ^= world->random << 17;
	return (world->random >> 11) % limit;
}

static void go_on(struct restless *world)
{
	unsigned which = random_below(world, 2);

	if (random_below(world, world->chance) > 0)
		return;
	world->version[which].changed_ns++;
	world->version[which].size = random_below(world, SMALL_MAX + 50);
	world->is_there[which] = random_below(world, 8) > 0;
}

/* One step of a world in which time goes on. `begin` keeps what the file was when reading it began. */
static enum resolve_step step_restless(struct restless *world, enum resolve_step step, struct version *begin)
{
	unsigned which = strcmp(text_string(&name), "a.br") == 0;
	const struct version *version = &world->version[which];
	uint64_t wanted;

	go_on(world);
	switch (step) {
	case RESOLVE_LOOK:
		return resolve_on_look(&resolve, world->is_there[which] ? 0 : -ENOENT, FILE_REGULAR, version);
	case RESOLVE_OPEN:
		return resolve_on_open(&resolve, world->is_there[which] ? 0 : -ENOENT);
	case RESOLVE_STAT:
		return resolve_on_stat(&resolve, 0, FILE_REGULAR, version);
	case RESOLVE_READ: /* which is not done at one moment */
		wanted = resolve.version.size;
		*begin = *version;
		go_on(world);
		return resolve_on_read(&resolve, (int64_t)(version->size < wanted ? version->size : wanted));
	default:
		assert_int_equal(step, RESOLVE_VARIANT);
		if (resolve.in_memory)
			assert_true(version_equal(begin, &resolve.version));
		else
			assert_true(resolve.version.size > SMALL_MAX);
		return resolve_on_variant(&resolve, 0);
	}
}

/* From files that rest to some that change at every look. */
static void whatever_happens_meanwhile_two_versions_are_never_mixed(void **state)
{
	struct restless world = { .random = 88172645463325252u,
				  .version = { small, small },
				  .is_there = { true, true } };
	unsigned outcomes[RESOLVED_STATUS + 1] = { 0 }, busy = 0;

	(void)state;
	options.codings = (char *)"br";
	make_site();
	for (world.chance = 1; world.chance < 12; world.chance++) {
		for (unsigned round = 0; round < 3000; round++) {
			struct asset_spec spec = { .version = &world.version[0],
						   .size = world.version[0].size };
			struct asset *known = round % 2 ? fixture_file(site, &spec) : NULL;
			struct version at_begin = { 0 };
			enum resolve_step step = begin_with("/a", known);
			unsigned steps = 0;

			for (; step != RESOLVE_DONE; steps++)
				step = step_restless(&world, step, &at_begin);
			assert_true(steps <= RESOLVE_ATTEMPTS * (2 + 2 * 5));
			outcomes[resolve.outcome]++;
			if (resolve.outcome == RESOLVED_STATUS) {
				assert_true(resolve.status == 503 || resolve.status == 404);
				busy += resolve.status == 503;
			}
			assert_true(resolve.outcome != RESOLVED_UNCHANGED || known);
			fixture_release(known);
		}
	}
	assert_true(outcomes[RESOLVED_UNCHANGED] > 100 && outcomes[RESOLVED_FILES] > 1000);
	assert_true(busy > 100 && outcomes[RESOLVED_STATUS] > busy);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
#define TEST(rule) cmocka_unit_test_setup_teardown(rule, resolve_set_up, resolve_tear_down)
		TEST(a_small_file_is_opened_looked_at_read_and_looked_at),
		TEST(a_file_above_the_limit_is_not_read),
		TEST(an_empty_file_is_a_small_file),
		TEST(a_tag_of_the_content_is_made_between_the_looks),
		TEST(every_variant_is_loaded_in_full),
		TEST(every_error_of_an_open_has_its_status),
		TEST(every_error_of_what_is_open_has_its_status),
		TEST(what_is_open_must_be_a_file),
		TEST(a_coded_form_that_cannot_be_opened_is_done_without),
		TEST(a_coded_form_is_not_done_without_for_our_own_trouble),
		TEST(what_the_answer_stands_on_must_be_readable),
		TEST(a_disturbed_reading_begins_anew),
		TEST(attempts_are_counted),
		TEST(without_memory_for_a_name_the_answer_is_503),
		TEST(whatever_happens_meanwhile_two_versions_are_never_mixed),
#undef TEST
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
