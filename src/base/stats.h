/* SPDX-License-Identifier: MIT */
/*
 * Counters of one worker: written by it alone, read by anybody.
 *
 * A counter is a relaxed atomic that has one writer, so counting compiles to a plain load, add
 * and store: no lock prefix. The block is a cache line of its own per worker, so counting
 * never takes a line from another worker.
 */
#ifndef QUOIT_BASE_STATS_H
#define QUOIT_BASE_STATS_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/mem.h"

enum counter_id {
#define COUNTER(name, sentence) COUNTER_##name,
#include "base/counters.def"
#undef COUNTER
	COUNTER_COUNT,
};

struct stats {
	_Alignas(CACHE_LINE) _Atomic uint64_t value[COUNTER_COUNT];
};

static inline void stats_add(struct stats *stats, enum counter_id id, uint64_t count)
{
	uint64_t value = atomic_load_explicit(&stats->value[id], memory_order_relaxed);

	atomic_store_explicit(&stats->value[id], value + count, memory_order_relaxed);
}

static inline uint64_t stats_read(const struct stats *stats, enum counter_id id)
{
	return atomic_load_explicit(&((struct stats *)stats)->value[id], memory_order_relaxed);
}

/* The counter of this name, or COUNTER_COUNT. */
enum counter_id stats_find(const char *name);
const char *stats_name(enum counter_id id);
const char *stats_sentence(enum counter_id id);

#endif
