/* SPDX-License-Identifier: MIT */
/*
 * The configuration file: YAML to texts, by a schema that is made of the option table.
 *
 * Here is what a person wrote, unchecked but for its shape: that keys are known, and that a list
 * stands where a list belongs. serve/plan makes values and sites of it. The file is kept until the
 * end, so that what is found wrong later still gets its line and column.
 */
#ifndef QUOIT_SERVE_CONFIG_FILE_H
#define QUOIT_SERVE_CONFIG_FILE_H

#include "base/problems.h"
#include "base/text.h"
#include "serve/config.h"
#include "site/spec.h"

struct marks;

/* Filled by libcyaml or, when there are problems, by serve/config_lint with what is right. */
struct config_file {
	char *option[SERVER_OPTION_COUNT]; /* of every row but listen and config; NULL: not given */
	char **listen;
	unsigned listen_count;
	struct host_spec top; /* for the default site; hosts begin with its options */
	struct host_spec *hosts;
	unsigned hosts_count;

	/* Not from the file: where it came from. */
	struct text source;
	struct marks *marks; /* NULL until a position is asked for */
};

#define CONFIG_FILE_SIZE_MAX (64 << 20)

/*
 * Read a file. A root and a compress-folder in it that do not begin with "/" are prefixed with the
 * folder of the file. 0: *ret_file is loaded, without what `problems` now says is wrong with its
 * shape. -errno: it cannot be read or is no YAML, and `problems` says why.
 */
int config_file_load(const char *path, struct config_file **ret_file, struct problems *problems);
void config_file_destroy(struct config_file *file);

/* Give every problem that has a path, but no line yet, its line and column. */
void config_file_locate(struct config_file *file, struct problems *problems);

#endif
