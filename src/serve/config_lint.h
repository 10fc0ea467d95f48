/* SPDX-License-Identifier: MIT */
/*
 * All that is wrong with the shape of a configuration file, and all that is right with it.
 *
 * libcyaml stops at the first mistake and loads nothing. This reader goes by the same schema, names
 * every mistake with its place and its cure, and loads the rest, so that what it says can be checked in
 * the same run.
 */
#ifndef QUOIT_SERVE_CONFIG_LINT_H
#define QUOIT_SERVE_CONFIG_LINT_H

#include "serve/config_marks.h"
#include "serve/config_schema.h"

/* More values than a file of the largest size holds, unless aliases multiply them. */
#define CONFIG_VALUES_MAX (16 << 20)

/* Of one shape; more are not told. */
#define CONFIG_LINT_PROBLEMS_MAX 1000

/*
 * Load the tree into `data`, the zeroed struct of `schema`, a mapping; cyaml_free() with mem_* frees
 * what it holds. -ENOMEM; -E2BIG: more than CONFIG_VALUES_MAX values.
 */
int config_lint(struct marks *marks, const cyaml_schema_value_t *schema, void *data,
		struct problems *problems);

#endif
