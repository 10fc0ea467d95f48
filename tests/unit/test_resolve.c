/* SPDX-License-Identifier: MIT */
/*
 * site/resolve: which questions a path needs, and that no disturbance mixes two versions.
 *
 * Every step is answered here as a file system might answer it, also a mean one. Paths and the
 * memory for names end at a page without access.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>

#include "guard.h"
#include "site/resolve.h"

#define ROOM 8192
#define SMALL_MAX 1000

static uint8_t *path_end, *name_end; /* the ends of two guarded regions */
static const struct version small = { 1, 2, 500, 3, 4 };

static int set_up(void **state)
{
	static const uint8_t zeros[ROOM];

	(void)state;
	path_end = guard_copy(zeros, ROOM) + ROOM;
	name_end = guard_copy(zeros, ROOM) + ROOM;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	guard_release(path_end - ROOM, ROOM);
	guard_release(name_end - ROOM, ROOM);
	return 0;
}

static void begin(struct resolve *resolve, const char *path, const struct asset *known)
{
	size_t size = strlen(path);
	char *name = (char *)name_end - RESOLVE_NAME_SIZE(size);

	assert_true(RESOLVE_NAME_SIZE(size) <= ROOM);
	memcpy(path_end - size, path, size);
	memset(name, '#', RESOLVE_NAME_SIZE(size));
	memset(resolve, 0xa5, sizeof(*resolve));
	assert_int_equal(resolve_begin(resolve, bytes_make(path_end - size, size), known, SMALL_MAX, name),
			 RESOLVE_OPEN);
	assert_ptr_equal(resolve->name, name);
}

static void assert_name(const char *path, const char *name)
{
	struct resolve resolve;

	begin(&resolve, path, NULL);
	assert_string_equal(resolve.name, name);
}

static enum resolve_step stat_regular(struct resolve *resolve, const struct version *version)
{
	return resolve_on_stat(resolve, 0, FILE_REGULAR, version);
}

static void assert_done(const struct resolve *resolve, enum resolve_step step, enum resolve_outcome outcome)
{
	assert_int_equal(step, RESOLVE_DONE);
	assert_int_equal(resolve->outcome, outcome);
}

static void assert_status(const struct resolve *resolve, enum resolve_step step, unsigned status)
{
	assert_done(resolve, step, RESOLVED_STATUS);
	assert_int_equal(resolve->status, status);
}

/* The name is relative, so that it is looked up below the root; a folder is answered by the file in it. */
static void a_path_becomes_a_name_below_the_root(void **state)
{
	char path[4097], name[4097 + sizeof(RESOLVE_INDEX)];

	(void)state;
	assert_name("/", "index.html");
	assert_name("/a", "a");
	assert_name("/a/", "a/index.html");
	assert_name("/a/b.css", "a/b.css");
	assert_name("/a/b/", "a/b/index.html");
	assert_name("/index.html", "index.html");
	assert_name("/\xff ?", "\xff ?");
	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[4096] = 0;
	assert_name(path, path + 1);
	path[4095] = '/';
	snprintf(name, sizeof(name), "%s" RESOLVE_INDEX, path + 1);
	assert_name(path, name);
}

/* Looked at before and after: only what was the same file all the time has been read whole. */
static void a_small_file_is_opened_looked_at_read_and_looked_at(void **state)
{
	struct resolve resolve;

	(void)state;
	begin(&resolve, "/a", NULL);
	assert_int_equal(resolve_on_open(&resolve, 0), RESOLVE_STAT);
	assert_int_equal(stat_regular(&resolve, &small), RESOLVE_READ);
	assert_true(version_equal(&resolve.version, &small));
	assert_int_equal(resolve_on_read(&resolve, 500), RESOLVE_STAT);
	assert_done(&resolve, stat_regular(&resolve, &small), RESOLVED_FILE);
	assert_true(resolve.in_memory);
}

/* Its bytes come from the descriptor when they are asked for. The limit itself is small. */
static void a_file_above_the_limit_is_not_read(void **state)
{
	struct version version = small;
	struct resolve resolve;

	(void)state;
	for (version.size = SMALL_MAX - 1; version.size <= SMALL_MAX + 1; version.size++) {
		bool is_small = version.size <= SMALL_MAX;
		enum resolve_step step;

		begin(&resolve, "/a", NULL);
		resolve_on_open(&resolve, 0);
		step = stat_regular(&resolve, &version);
		assert_int_equal(step, is_small ? RESOLVE_READ : RESOLVE_DONE);
		if (is_small)
			continue;
		assert_int_equal(resolve.outcome, RESOLVED_FILE);
		assert_false(resolve.in_memory);
		assert_true(version_equal(&resolve.version, &version));
	}
}

/* Nothing is read of it, but it goes the same way, or it could be one that is just being written. */
static void an_empty_file_is_a_small_file(void **state)
{
	static const struct version empty = { 1, 2, 0, 3, 4 }, grown = { 1, 2, 1, 5, 5 };
	struct resolve resolve;

	(void)state;
	begin(&resolve, "/a", NULL);
	resolve_on_open(&resolve, 0);
	assert_int_equal(stat_regular(&resolve, &empty), RESOLVE_READ);
	assert_int_equal(resolve_on_read(&resolve, 0), RESOLVE_STAT);
	assert_done(&resolve, stat_regular(&resolve, &empty), RESOLVED_FILE);
	assert_true(resolve.in_memory);

	begin(&resolve, "/a", NULL);
	resolve_on_open(&resolve, 0);
	assert_int_equal(stat_regular(&resolve, &empty), RESOLVE_READ);
	assert_int_equal(resolve_on_read(&resolve, 0), RESOLVE_STAT);
	assert_int_equal(stat_regular(&resolve, &grown), RESOLVE_OPEN);
}

/* What is not there or out of reach is 404, the forbidden 403, a limit 503, the rest our own trouble. */
static void every_error_of_an_open_has_its_status(void **state)
{
	static const struct {
		int error;
		unsigned status;
	} rows[] = {
		{ ENOENT, 404 }, { ENOTDIR, 404 },   { ENAMETOOLONG, 404 }, { ELOOP, 404 },  { EXDEV, 404 },
		{ ENXIO, 404 },  { ENODEV, 404 },    { EINVAL, 404 },       { EACCES, 403 }, { EPERM, 403 },
		{ EMFILE, 503 }, { ENFILE, 503 },    { ENOMEM, 503 },       { EBUSY, 503 },  { EIO, 500 },
		{ ESTALE, 500 }, { ECANCELED, 500 },
	};
	struct resolve resolve;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(&resolve, "/a", NULL);
		assert_status(&resolve, resolve_on_open(&resolve, -rows[i].error), rows[i].status);
		begin(&resolve, "/a", NULL);
		resolve_on_open(&resolve, 0);
		assert_status(&resolve, resolve_on_stat(&resolve, -rows[i].error, FILE_OTHER, NULL),
			      rows[i].status);
		begin(&resolve, "/a", NULL);
		resolve_on_open(&resolve, 0);
		stat_regular(&resolve, &small);
		assert_status(&resolve, resolve_on_read(&resolve, -rows[i].error), rows[i].status);
	}
}

/* The client is sent to the path with a slash; behind a slash it must be the index, which is a file. */
static void a_folder_is_a_redirect_and_as_an_index_not_there(void **state)
{
	struct resolve resolve;

	(void)state;
	begin(&resolve, "/a", NULL);
	resolve_on_open(&resolve, 0);
	assert_done(&resolve, resolve_on_stat(&resolve, 0, FILE_FOLDER, &small), RESOLVED_FOLDER);
	begin(&resolve, "/a/", NULL);
	resolve_on_open(&resolve, 0);
	assert_status(&resolve, resolve_on_stat(&resolve, 0, FILE_FOLDER, &small), 404);
}

/* A FIFO, a device, a socket: reading them could wait for ever, or do something. */
static void what_is_neither_file_nor_folder_is_not_there(void **state)
{
	struct resolve resolve;

	(void)state;
	begin(&resolve, "/a", NULL);
	resolve_on_open(&resolve, 0);
	assert_status(&resolve, resolve_on_stat(&resolve, 0, FILE_OTHER, &small), 404);
}

static struct asset *make_known(const struct version *version, bool racy)
{
	struct asset *asset = asset_create_file(version, BYTES("text/plain"), false, 0);

	assert_non_null(asset);
	asset->racy = racy;
	return asset;
}

static void release(struct asset *asset)
{
	asset_unref(asset);
	asset_free(asset);
}

/* The usual end of a look at a cached file: nothing is read, small or large. */
static void an_unchanged_file_is_not_read_again(void **state)
{
	static const struct version large = { 1, 2, SMALL_MAX + 1, 3, 4 };
	const struct version *versions[] = { &small, &large };
	struct resolve resolve;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct asset *known = make_known(versions[i], false);

		begin(&resolve, "/a", known);
		assert_int_equal(resolve_on_open(&resolve, 0), RESOLVE_STAT);
		assert_done(&resolve, stat_regular(&resolve, versions[i]), RESOLVED_UNCHANGED);
		release(known);
	}
}

/* In any part of its version: also a file that only took the place of another. */
static void a_changed_file_is_read(void **state)
{
	static const struct version others[] = {
		{ 9, 2, 500, 3, 4 }, { 1, 9, 500, 3, 4 }, { 1, 2, 9, 3, 4 },
		{ 1, 2, 500, 9, 4 }, { 1, 2, 500, 3, 9 },
	};
	struct asset *known = make_known(&small, false);
	struct resolve resolve;

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		begin(&resolve, "/a", known);
		resolve_on_open(&resolve, 0);
		assert_int_equal(stat_regular(&resolve, &others[i]), RESOLVE_READ);
		assert_int_equal(resolve_on_read(&resolve, (int64_t)others[i].size), RESOLVE_STAT);
		assert_done(&resolve, stat_regular(&resolve, &others[i]), RESOLVED_FILE);
	}
	release(known);
}

/* Its version may be that of another content, written within the same tick of the file system's clock. */
static void a_racy_asset_is_never_unchanged(void **state)
{
	struct asset *known = make_known(&small, true);
	struct resolve resolve;

	(void)state;
	begin(&resolve, "/a", known);
	resolve_on_open(&resolve, 0);
	assert_int_equal(stat_regular(&resolve, &small), RESOLVE_READ);
	release(known);
}

/* A page has no version; a file of all zeros must not be taken for it. */
static void a_page_known_so_far_is_no_file(void **state)
{
	struct asset *page = asset_create_page(404, BYTES(""), 0);
	struct version zero = { 0 };
	struct resolve resolve;

	(void)state;
	begin(&resolve, "/a", page);
	resolve_on_open(&resolve, 0);
	assert_int_equal(stat_regular(&resolve, &zero), RESOLVE_READ);
	release(page);
}

/* Changed between the two looks, shorter than it was, or interrupted: all of it anew, name included. */
static void a_disturbed_reading_begins_anew(void **state)
{
	static const struct version replaced = { 1, 9, 600, 3, 4 };
	struct resolve resolve;

	(void)state;
	begin(&resolve, "/a", NULL);
	assert_int_equal(resolve_on_open(&resolve, -EAGAIN), RESOLVE_OPEN);
	assert_int_equal(resolve_on_open(&resolve, 0), RESOLVE_STAT);
	assert_int_equal(stat_regular(&resolve, &small), RESOLVE_READ);
	assert_int_equal(resolve_on_read(&resolve, 500), RESOLVE_STAT);
	assert_int_equal(stat_regular(&resolve, &replaced), RESOLVE_OPEN);
	assert_false(resolve.in_memory);
	assert_int_equal(resolve_on_open(&resolve, 0), RESOLVE_STAT);
	assert_int_equal(stat_regular(&resolve, &replaced), RESOLVE_READ);
	assert_int_equal(resolve_on_read(&resolve, 599), RESOLVE_OPEN);
	assert_int_equal(resolve_on_open(&resolve, 0), RESOLVE_STAT);
	assert_int_equal(stat_regular(&resolve, &replaced), RESOLVE_READ);
	assert_int_equal(resolve_on_read(&resolve, -EINTR), RESOLVE_OPEN);
	assert_int_equal(resolve_on_open(&resolve, 0), RESOLVE_STAT);
	assert_int_equal(stat_regular(&resolve, &replaced), RESOLVE_READ);
	assert_int_equal(resolve_on_read(&resolve, 600), RESOLVE_STAT);
	assert_done(&resolve, stat_regular(&resolve, &replaced), RESOLVED_FILE);
	assert_true(resolve.in_memory);
	assert_true(version_equal(&resolve.version, &replaced));
}

/* Somebody who writes without pause must not keep us reading without end. */
static void attempts_are_counted(void **state)
{
	static const int errors[] = { -EAGAIN, -EINTR };
	struct resolve resolve;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		begin(&resolve, "/a", NULL);
		for (unsigned attempt = 1; attempt < RESOLVE_ATTEMPTS; attempt++)
			assert_int_equal(resolve_on_open(&resolve, errors[i]), RESOLVE_OPEN);
		assert_status(&resolve, resolve_on_open(&resolve, errors[i]), 503);

		begin(&resolve, "/a", NULL);
		for (unsigned attempt = 1; attempt <= RESOLVE_ATTEMPTS; attempt++) {
			assert_int_equal(resolve_on_open(&resolve, 0), RESOLVE_STAT);
			assert_int_equal(stat_regular(&resolve, &small), RESOLVE_READ);
			if (attempt < RESOLVE_ATTEMPTS)
				assert_int_equal(resolve_on_read(&resolve, errors[i]), RESOLVE_OPEN);
		}
		assert_status(&resolve, resolve_on_read(&resolve, errors[i]), 503);
	}
}

/* A file that becomes another at any moment. Its content is its version, so a mixture would show. */
struct restless {
	uint64_t random;
	unsigned chance; /* one change in so many moments */
	struct version version;
};

static uint64_t random_below(struct restless *file, uint64_t limit)
{
	file->random ^= file->random << 13;
	file->random ^= file->random >> 7;
	file->random ^= file->random << 17;
	return (file->random >> 11) % limit;
}

static void go_on(struct restless *file)
{
	if (random_below(file, file->chance) > 0)
		return;
	file->version.changed_ns++;
	file->version.size = random_below(file, SMALL_MAX + 50);
}

/* Returns how often it was opened. */
static unsigned resolve_restless(struct restless *file, const struct asset *known)
{
	struct version at_begin = { 0 }, at_end = { 0 };
	enum resolve_step step = RESOLVE_OPEN;
	struct resolve resolve;
	unsigned opens = 0;
	uint64_t asked;

	for (begin(&resolve, "/a", known); step != RESOLVE_DONE;) {
		go_on(file);
		switch (step) {
		case RESOLVE_OPEN:
			opens++;
			step = resolve_on_open(&resolve, 0);
			break;
		case RESOLVE_STAT:
			step = stat_regular(&resolve, &file->version);
			break;
		default: /* RESOLVE_READ, which is not done at one moment */
			asked = resolve.version.size;
			at_begin = file->version;
			go_on(file);
			at_end = file->version;
			step = resolve_on_read(&resolve,
					       (int64_t)(at_end.size < asked ? at_end.size : asked));
		}
	}
	if (resolve.outcome == RESOLVED_FILE && resolve.in_memory)
		assert_true(version_equal(&at_begin, &at_end) && version_equal(&at_end, &resolve.version));
	else if (resolve.outcome == RESOLVED_FILE)
		assert_true(resolve.version.size > SMALL_MAX);
	else if (resolve.outcome == RESOLVED_UNCHANGED)
		assert_true(known && version_equal(&resolve.version, &known->version));
	else
		assert_status(&resolve, step, 503);
	return opens;
}

/* From a file that rests to one that changes at every look. */
static void whatever_happens_meanwhile_two_versions_are_never_mixed(void **state)
{
	struct restless file = { .random = 88172645463325252u, .version = small };
	unsigned opens_most = 0;

	(void)state;
	for (file.chance = 1; file.chance < 12; file.chance++) {
		for (unsigned round = 0; round < 3000; round++) {
			struct asset *known = round % 2 ? make_known(&file.version, round % 4 == 1) : NULL;
			unsigned opens = resolve_restless(&file, known);

			opens_most = opens > opens_most ? opens : opens_most;
			if (known)
				release(known);
		}
	}
	assert_int_equal(opens_most, RESOLVE_ATTEMPTS);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_becomes_a_name_below_the_root),
		cmocka_unit_test(a_small_file_is_opened_looked_at_read_and_looked_at),
		cmocka_unit_test(a_file_above_the_limit_is_not_read),
		cmocka_unit_test(an_empty_file_is_a_small_file),
		cmocka_unit_test(every_error_of_an_open_has_its_status),
		cmocka_unit_test(a_folder_is_a_redirect_and_as_an_index_not_there),
		cmocka_unit_test(what_is_neither_file_nor_folder_is_not_there),
		cmocka_unit_test(an_unchanged_file_is_not_read_again),
		cmocka_unit_test(a_changed_file_is_read),
		cmocka_unit_test(a_racy_asset_is_never_unchanged),
		cmocka_unit_test(a_page_known_so_far_is_no_file),
		cmocka_unit_test(a_disturbed_reading_begins_anew),
		cmocka_unit_test(attempts_are_counted),
		cmocka_unit_test(whatever_happens_meanwhile_two_versions_are_never_mixed),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
