/* SPDX-License-Identifier: MIT */
/*
 * Where things stand in the configuration file: its YAML as a tree with lines and columns.
 *
 * The tree is made only when something is wrong; a good file is read once, by libcyaml. Lines and
 * columns count from 1, columns in characters.
 */
#ifndef QUOIT_SERVE_CONFIG_MARKS_H
#define QUOIT_SERVE_CONFIG_MARKS_H

#include <yaml.h>

#include "base/bytes.h"
#include "base/problems.h"

struct marks {
	yaml_document_t document;
	yaml_node_t *root; /* NULL: the file says nothing */
};

/*
 * -EINVAL: no YAML, and a problem says where and why; -ENOMEM. A second document is a problem too, but
 * the first is there then.
 */
int marks_create(struct bytes source, struct marks **ret_marks, struct problems *problems);
void marks_destroy(struct marks *marks);

/* Give the problem the place of the value its path names, or of the nearest thing around it. */
void marks_locate(struct marks *marks, struct problem *problem);

/* Say where the problem that was added last is. */
void marks_set(struct problems *problems, const yaml_mark_t *mark);

#endif
