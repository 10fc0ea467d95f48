/* SPDX-License-Identifier: MIT */
/*
 * All that is wrong with a configuration, not just the first of it.
 *
 * Who finds a problem says where by a place: a chain on the stack from the value upwards, which
 * costs nothing while nothing is wrong. As text it is "hosts[2].headers[0].path"; who has read the
 * file (serve/config_file) turns that into line and column.
 */
#ifndef QUOIT_BASE_PROBLEMS_H
#define QUOIT_BASE_PROBLEMS_H

#include <stdbool.h>

struct place {
	const struct place *above; /* NULL: the whole configuration */
	const char *key;           /* of a mapping; NULL: item `index` of a list */
	unsigned index;
};

#define PLACE_KEY(above, key) (&(const struct place){ (above), (key), 0 })
#define PLACE_ITEM(above, index) (&(const struct place){ (above), NULL, (index) })

struct problem {
	char *path;    /* "" for the whole; owned */
	char *text;    /* one sentence; owned */
	unsigned line; /* 1, 2 ...; 0: not known (yet) */
	unsigned column;
};

/* All zero is "no problem". */
struct problems {
	struct problem *problem;
	unsigned count;
	unsigned capacity;
	bool failed; /* no memory: there are more */
};

/* `place` may be NULL: the whole. */
void problems_add(struct problems *problems, const struct place *place, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static inline bool problems_any(const struct problems *problems)
{
	return problems->count > 0 || problems->failed;
}

void problems_deinit(struct problems *problems);

/*
 * The word of `words` (count of them) that `word` is likely meant to be, dashes and underscores being
 * equal: for "did you mean". NULL: none is near.
 */
const char *problems_nearest(const char *word, const char *const *words, unsigned count);

#endif
