/* SPDX-License-Identifier: MIT */
/* A configuration file to write, load and judge, in a folder of its own. */
#ifndef QUOIT_TESTS_UNIT_CONFIG_FILES_H
#define QUOIT_TESTS_UNIT_CONFIG_FILES_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "serve/config_file.h"

static char folder[] = "/tmp/quoit-config-XXXXXX";
static char path[64];
static struct problems problems;
static struct config_file *file;

static inline int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/quoit.yaml", folder);
	return 0;
}

static inline int tear_down(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static inline void forget(void)
{
	config_file_destroy(file);
	file = NULL;
	problems_deinit(&problems);
}

static inline int destroy(void **state)
{
	(void)state;
	forget();
	return 0;
}

static inline int load_bytes(const void *text, size_t size)
{
	FILE *out = fopen(path, "w");

	forget();
	assert_non_null(out);
	assert_int_equal(fwrite(text, 1, size, out), size);
	fclose(out);
	return config_file_load(path, &file, &problems);
}

static inline int load(const char *text)
{
	return load_bytes(text, strlen(text));
}

static inline void assert_problem(unsigned number, unsigned line, unsigned column, const char *text)
{
	const struct problem *problem = &problems.problem[number];

	assert_true(number < problems.count);
	if (problem->line != line || problem->column != column || strcmp(problem->text, text) != 0)
		fail_msg("%u:%u: %s\nnot %u:%u: %s", problem->line, problem->column, problem->text, line,
			 column, text);
}

#endif
