/* SPDX-License-Identifier: MIT */
/* The names of the counters, from the rows of counters.def. */
#include "base/stats.h"

#include <string.h>

#include "base/check.h"

static const struct {
	const char *name;
	const char *sentence;
} rows[COUNTER_COUNT] = {
#define COUNTER(name, sentence) { #name, sentence },
#include "base/counters.def"
#undef COUNTER
};

enum counter_id stats_find(const char *name)
{
	for (unsigned id = 0; id < COUNTER_COUNT; id++)
		if (strcmp(rows[id].name, name) == 0)
			return (enum counter_id)id;
	return COUNTER_COUNT;
}

const char *stats_name(enum counter_id id)
{
	check(id < COUNTER_COUNT);
	return rows[id].name;
}

const char *stats_sentence(enum counter_id id)
{
	check(id < COUNTER_COUNT);
	return rows[id].sentence;
}
