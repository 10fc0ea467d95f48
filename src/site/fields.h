/* SPDX-License-Identifier: MIT */
/*
 * The fields of a response while it is being compiled: an ordered list that rules may change.
 *
 * Names compare without case. Names and values are slices of others' memory, which must last as
 * long as the list; what has to be joined (Vary) is kept in the list's own text. So a list is
 * not copied, and a pointer or slice from it is good until the next change.
 */
#ifndef QUOIT_SITE_FIELDS_H
#define QUOIT_SITE_FIELDS_H

#include <stdbool.h>

#include "base/bytes.h"

#define FIELDS_MAX 192
#define FIELDS_OWN 2048 /* bytes of joined values */

struct response_field {
	struct bytes name;
	struct bytes value;
};

struct fields {
	unsigned count;
	bool overflowed; /* a field, or a member of Vary, did not fit and is missing */
	struct response_field field[FIELDS_MAX];
	size_t own_size;
	uint8_t own[FIELDS_OWN];
};

void fields_init(struct fields *fields);

/* The first with this name, or NULL. */
struct response_field *fields_find(struct fields *fields, struct bytes name);

/* One line with this name: in the place of the first there was, else at the end. */
void fields_set(struct fields *fields, struct bytes name, struct bytes value);

/*
 * One more line. Of Vary there is one line only: members that are not there yet (case does not
 * count) are joined to it, and "*", which says more than all others, replaces them.
 */
void fields_add(struct fields *fields, struct bytes name, struct bytes value);

void fields_remove(struct fields *fields, struct bytes name);

/* Bring the named fields to the front, in this order; the others follow as they were. */
void fields_order(struct fields *fields, const struct bytes *names, unsigned count);

#endif
