/* SPDX-License-Identifier: MIT */
/*
 * Puts problems in order before a person sees them; see plan_report.h.
 *
 * Everybody who checks something reports what they find where they find it, and does not know what
 * others have found. So the same mistake can show several times: behind each alias of one list, and as
 * a rule without a path because its key was misspelt. Here one of each remains.
 */
#include "serve/plan_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

static void free_problem(struct problem *problem)
{
	mem_free(problem->path);
	mem_free(problem->text);
}

/* Keep those from number `from` on for which `keeps` says so. */
static void filter(struct problems *problems, unsigned from,
		   bool (*keeps)(const void *context, const struct problem *problem), const void *context)
{
	unsigned kept = from;

	for (unsigned i = from; i < problems->count; i++) {
		if (keeps(context, &problems->problem[i]))
			problems->problem[kept++] = problems->problem[i];
		else
			free_problem(&problems->problem[i]);
	}
	problems->count = kept;
}

/* Is `path` at `key` or below it? */
static bool is_within(const char *path, const char *key)
{
	size_t size = strlen(key);

	return strncmp(path, key, size) == 0 && (!path[size] || strchr(".[", path[size]));
}

/* The row at whose option, or in whose list, this is; -1: none. */
static int row_of(const char *path)
{
	char key[64];
	size_t size = strcspn(path, ".[");

	if (size == 0 || size >= sizeof(key))
		return -1;
	memcpy(key, path, size);
	key[size] = 0;
	return config_find(key);
}

static void prefix_flag(struct problem *problem, unsigned row)
{
	struct text text = TEXT_EMPTY;

	text_format(&text, "--%s: %s", config_name(row), problem->text);
	if (text.failed) {
		text_deinit(&text);
		return;
	}
	mem_free(problem->text);
	problem->text = (char *)text.base;
}

void report_detach(const struct config *config, struct problems *problems, unsigned from, bool named)
{
	for (unsigned i = from; i < problems->count; i++) {
		struct problem *problem = &problems->problem[i];
		int row = row_of(problem->path);

		if (row < 0 || config->origin[row] == CONFIG_FILE)
			continue;
		if (named && config->origin[row] == CONFIG_FLAG)
			prefix_flag(problem, (unsigned)row);
		problem->path[0] = 0;
	}
}

/* Paths of the mistakes of shape, sorted. */
struct shape {
	const char **path;
	unsigned count;
};

static int compare_paths(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static unsigned first_from(const struct shape *shape, const char *path)
{
	unsigned low = 0, high = shape->count;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;

		if (strcmp(shape->path[middle], path) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Is there a mistake of shape at `path` itself or in what it holds? */
static bool holds_mistake(const struct shape *shape, const char *path)
{
	size_t size = strlen(path);

	for (unsigned i = first_from(shape, path);
	     i < shape->count && strncmp(shape->path[i], path, size) == 0; i++)
		if (is_within(shape->path[i], path))
			return true;
	return false;
}

/* Is there one at something that holds `path`? */
static bool lies_in_mistake(const struct shape *shape, const char *path)
{
	char above[256];

	for (size_t size = strcspn(path, ".["); path[size] && size < sizeof(above);
	     size += 1 + strcspn(path + size + 1, ".[")) {
		unsigned i;

		memcpy(above, path, size);
		above[size] = 0;
		i = first_from(shape, above);
		if (i < shape->count && strcmp(shape->path[i], above) == 0)
			return true;
	}
	return false;
}

static bool is_underived(const void *context, const struct problem *problem)
{
	const struct shape *shape = context;

	return !*problem->path ||
	       (!holds_mistake(shape, problem->path) && !lies_in_mistake(shape, problem->path));
}

void report_drop_derived(struct problems *problems, unsigned shape_count)
{
	struct shape shape = { .path = mem_alloc_zeroed(shape_count + 1, sizeof(*shape.path)) };

	if (!shape.path)
		return;
	for (unsigned i = 0; i < shape_count; i++)
		if (*problems->problem[i].path)
			shape.path[shape.count++] = problems->problem[i].path;
	qsort(shape.path, shape.count, sizeof(*shape.path), compare_paths);
	filter(problems, shape_count, is_underived, &shape);
	mem_free(shape.path);
}

struct ranked {
	struct problem problem;
	unsigned rank; /* as it was found */
};

static int compare_places(const void *a, const void *b)
{
	const struct ranked *left = a, *right = b;
	int order;

	if (left->problem.line != right->problem.line)
		return left->problem.line < right->problem.line ? -1 : 1;
	if (left->problem.column != right->problem.column)
		return left->problem.column < right->problem.column ? -1 : 1;
	order = left->problem.line > 0 ? strcmp(left->problem.text, right->problem.text) : 0;
	if (order != 0)
		return order;
	return left->rank < right->rank ? -1 : 1;
}

static bool is_repeated(const struct problem *problem, const struct problem *before)
{
	return problem->line > 0 && problem->line == before->line && problem->column == before->column &&
	       strcmp(problem->text, before->text) == 0;
}

void report_sort(struct problems *problems)
{
	struct ranked *ranked = mem_alloc_zeroed(problems->count + 1, sizeof(*ranked));
	unsigned count = problems->count;

	if (!ranked)
		return;
	for (unsigned i = 0; i < count; i++)
		ranked[i] = (struct ranked){ problems->problem[i], i };
	qsort(ranked, count, sizeof(*ranked), compare_places);
	problems->count = 0;
	for (unsigned i = 0; i < count; i++) {
		if (i > 0 && is_repeated(&ranked[i].problem, &problems->problem[problems->count - 1]))
			free_problem(&ranked[i].problem);
		else
			problems->problem[problems->count++] = ranked[i].problem;
	}
	mem_free(ranked);
}
