/* SPDX-License-Identifier: MIT */
/*
 * The frame of the micro benches: what one operation of a pure layer costs, alone and warm.
 *
 *   micro [--quick] [--json] [scan|parse|target|answer|head|date|accept ...]
 *
 * One file per thing, which exports one x_measure(). It runs an operation once, has micro_expect() look at
 * the result, and only then hands it to micro_time(): a fast wrong answer is worth nothing. An
 * operation that is timed is a function that repeats it, so that no call of the frame is in the figure.
 *
 * Time is read from the processor's counter: on x86 the TSC, whose cycles are those of a fixed rate and
 * not of the core's changing one, so "bytes per cycle" compares implementations, not processors.
 */
#ifndef QUOIT_BENCH_MICRO_H
#define QUOIT_BENCH_MICRO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct micro;

struct micro_case {
	const char *name;    /* "browser request" */
	const char *scanner; /* the implementation that takes part; NULL: it makes no difference */
	size_t bytes;        /* that one operation reads; 0: it is not about bytes */
	unsigned operations; /* that one round of `run` does: 16 for a batch of 16; 0 is 1 */
	void (*run)(void *context, uint64_t rounds);
	void *context;
};

/* Time it and print its row. */
void micro_time(struct micro *micro, const struct micro_case *timed);

/* Ends the program with status 1 when the result that was looked at is not `right`. */
void micro_expect(bool right, const char *what);

/* Call `measure` once for each scanner that this processor has; the best one stays. */
void micro_each_scanner(struct micro *micro, void (*measure)(struct micro *micro, const char *scanner));

/* What is at `result` counts as used: the operation before this may not be left out, or moved past it. */
static inline void micro_use(const void *result)
{
	__asm__ volatile("" : : "r"(result) : "memory");
}

void accept_measure(struct micro *micro);
void answer_measure(struct micro *micro);
void date_measure(struct micro *micro);
void head_measure(struct micro *micro);
void parse_measure(struct micro *micro);
void scan_measure(struct micro *micro);
void target_measure(struct micro *micro);

#endif
