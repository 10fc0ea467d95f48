/* SPDX-License-Identifier: MIT */
/*
 * A file system in a table, and whoever asks it what site/resolve wants to know.
 *
 * What was asked is written down, a word a step, so that a test is one line of words:
 *
 *   a.html      look at it          >a.html   open it        stat, hash, read   of what is open
 *   made.br     look at the one that was made for this version, in the folder of such
 *   list:docs/  list the folder     take      the variant is handed over
 *
 * Paths end at a page without access.
 */
#ifndef QUOIT_TESTS_UNIT_RESOLVE_FIXTURE_H
#define QUOIT_TESTS_UNIT_RESOLVE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>

#include "guard.h"
#include "site/names.h"
#include "site/resolve.h"
#include "site_fixture.h"

#define PATH_ROOM 8192
#define FILES_MAX 160
#define SMALL_MAX 1000
#define COMPRESS_MAX 5000
#define OLD (10 * FIXTURE_SECOND) /* when every file of the table was changed, unless it says otherwise */

struct file {
	char name[64]; /* "" is that of a variant that was made */
	enum file_type type;
	enum coding made; /* CODING_IDENTITY: it is none */
	int look_error, open_error;
	struct version version;
};

static struct file files[FILES_MAX];
static unsigned file_count;
static char asked[16384]; /* all steps so far, in words */
static uint8_t *path_end;
static struct text name;
static struct site *site;
static struct site_options options;
static struct resolve_input input;
static struct resolve resolve;

/* A site of the options as they are now. */
static inline void make_site(void)
{
	site_destroy(site);
	site = fixture_site(&options, NULL);
}

/* Before each test: an empty file system, and usual options, of which `codings` are "br,gzip". */
static inline int resolve_set_up(void **state)
{
	static const uint8_t zeros[PATH_ROOM];

	(void)state;
	path_end = guard_copy(zeros, PATH_ROOM) + PATH_ROOM;
	name = TEXT_EMPTY;
	file_count = 0;
	asked[0] = 0;
	options = site_maker_options();
	options.codings = (char *)"br,gzip";
	make_site();
	input = (struct resolve_input){ .small_max = SMALL_MAX, .compress_max = COMPRESS_MAX };
	return 0;
}

static inline int resolve_tear_down(void **state)
{
	(void)state;
	guard_release(path_end - PATH_ROOM, PATH_ROOM);
	text_deinit(&name);
	site_destroy(site);
	site = NULL;
	return 0;
}

static inline struct file *find_file(const char *word)
{
	for (unsigned i = 0; i < file_count; i++)
		if (strcmp(files[i].name, word) == 0)
			return &files[i];
	return NULL;
}

/* Put names there, a word each; "docs/" is a folder. */
static inline void put(const char *words)
{
	while (*words) {
		struct file *file = &files[file_count];
		size_t size = strcspn(words, " ");
		bool is_folder = words[size - 1] == '/';

		assert_true(file_count < FILES_MAX && size < sizeof(file->name));
		*file = (struct file){ .type = is_folder ? FILE_FOLDER : FILE_REGULAR };
		memcpy(file->name, words, is_folder ? size - 1 : size);
		file->version = (struct version){ 1, ++file_count, 500, OLD, OLD };
		words += size + (words[size] == ' ');
	}
}

/* Put one there that precompress has made of a file that is there. */
static inline struct file *put_made(const char *word, enum coding coding)
{
	struct file *file = &files[file_count++], *plain = find_file(word);
	struct text text = TEXT_EMPTY;

	names_write_made(&plain->version, coding, &text);
	*file = (struct file){ .type = FILE_REGULAR, .made = coding };
	assert_true(text.size < sizeof(file->name));
	strcpy(file->name, text_string(&text));
	file->version = (struct version){ 2, file_count, 50, OLD + 5 * FIXTURE_SECOND, OLD };
	text_deinit(&text);
	return file;
}

static inline enum resolve_step begin_with(const char *path, const struct asset *known)
{
	size_t size = strlen(path);

	assert_true(size <= PATH_ROOM);
	memcpy(path_end - size, path, size);
	input.site = site;
	input.path = bytes_make(path_end - size, size);
	input.name = &name;
	input.known = known;
	asked[0] = 0;
	memset(&resolve, 0xa5, sizeof(resolve));
	return resolve_begin(&resolve, &input);
}

static inline void note(const char *mark, const char *word)
{
	size_t size = strlen(asked);

	assert_true(size + strlen(mark) + strlen(word) + 2 < sizeof(asked));
	sprintf(asked + size, "%s%s%s", size > 0 ? " " : "", mark, word);
}

static inline void note_name(const char *mark)
{
	bool is_made = *mark ? resolve.found[resolve.loading].is_made : resolve.is_made;
	const char *word = text_string(&name), *ending = strrchr(word, '.');
	char made[16];

	if (is_made)
		snprintf(made, sizeof(made), "made%s", ending ? ending : "");
	note(mark, is_made ? made : word);
}

/* Do what is asked for once, as the table has it. */
static inline enum resolve_step step_on(enum resolve_step step)
{
	struct file *file = find_file(text_string(&name));

	switch (step) {
	case RESOLVE_LOOK:
		note_name("");
		/* Names of two folders must not be taken for each other. */
		if (!file || (file->made != CODING_IDENTITY) != resolve.is_made)
			return resolve_on_look(&resolve, -ENOENT, FILE_OTHER, NULL);
		return resolve_on_look(&resolve, file->look_error, file->type, &file->version);
	case RESOLVE_OPEN:
		note_name(">");
		return resolve_on_open(&resolve, file ? file->open_error : -ENOENT);
	case RESOLVE_STAT:
		note("", "stat");
		return resolve_on_stat(&resolve, 0, file->type, &file->version);
	case RESOLVE_HASH:
		note("", "hash");
		return resolve_on_hash(&resolve, 0);
	case RESOLVE_READ:
		note("", "read");
		return resolve_on_read(&resolve, (int64_t)file->version.size);
	case RESOLVE_VARIANT:
		note("", "take");
		assert_true(version_equal(&resolve.version, &file->version));
		return resolve_on_variant(&resolve, 0);
	case RESOLVE_LIST:
		note("list:", text_string(&name));
		return resolve_on_list(&resolve, 0);
	case RESOLVE_DONE:
		break;
	}
	fail_msg("no step: %d", step);
	return RESOLVE_DONE;
}

static inline enum resolve_outcome run_with(const char *path, const struct asset *known)
{
	enum resolve_step step = begin_with(path, known);

	for (unsigned i = 0; step != RESOLVE_DONE; i++) {
		assert_true(i < 2000);
		step = step_on(step);
	}
	return resolve.outcome;
}

static inline enum resolve_outcome run(const char *path)
{
	return run_with(path, NULL);
}

static inline void assert_asked(const char *expected)
{
	if (strcmp(asked, expected) != 0)
		fail_msg("asked\n%s\nnot\n%s", asked, expected);
}

static inline void assert_status(unsigned status)
{
	if (resolve.outcome != RESOLVED_STATUS || resolve.status != status)
		fail_msg("outcome %d, status %d, not %u", (int)resolve.outcome, resolve.status, status);
}

/* The names that were looked at; what comes of it is of no interest here. */
static inline void assert_looks(const char *path, const char *expected)
{
	char *opened;

	run(path);
	opened = strstr(asked, " >");
	if (opened)
		*opened = 0;
	assert_asked(expected);
}

#endif
