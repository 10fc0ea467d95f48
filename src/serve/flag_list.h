/* SPDX-License-Identifier: MIT */
/*
 * What was given as flags, or to quoit_set(), in the order in which it was given.
 *
 * It is kept as text, because a reload reads the file again and applies the same flags again.
 */
#ifndef QUOIT_SERVE_FLAG_LIST_H
#define QUOIT_SERVE_FLAG_LIST_H

#include "base/fault.h"

struct flag {
	char *name; /* with dashes */
	char *value;
};

/* All zero is an empty list. */
struct flag_list {
	struct flag *flag; /* owned, and so are the texts */
	unsigned count;
	unsigned capacity;
};

void flag_list_deinit(struct flag_list *list);

/*
 * Check and append; of an option that was given before the last one counts, but every listen does.
 * -ENOENT: no such option; -EINVAL: not such a value; -ERANGE: out of its limits, or too many listens;
 * -ENOMEM. What is refused changes nothing.
 */
int flag_list_add(struct flag_list *list, const char *name, const char *value, struct fault *fault);

/* The last value of this name (with dashes), or NULL. */
const char *flag_list_find(const struct flag_list *list, const char *name);

/* Forget all of this name (with dashes). */
void flag_list_remove(struct flag_list *list, const char *name);

#endif
