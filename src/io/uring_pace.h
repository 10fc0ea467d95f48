/* SPDX-License-Identifier: MIT */
/*
 * How many completions a wait waits for, and for how long at least: the switches wait and min_wait.
 *
 * A wait for one completion runs at most PACE_FULL pieces of deferred work when it submits and as many when
 * it waits (Linux 6.13), so a loaded ring enters the kernel once for so many arrivals, though more have
 * come. A wait for more runs more. So, adaptive: a turn that was full asks the next one for three
 * quarters of what it got, which grows it by half as long as so much comes; any other turn goes back to one.
 *
 *   arrivals of a turn    3    8   40   60   90   12    5
 *   the next waits for    1    1   30   45   64    1    1
 *
 * What is asked for is nearly always there already, and no time passes. When it is not, load has just gone
 * down: the wait then ends with what there is after `min_us`, once. A ring with little to do waits for one.
 */
#ifndef QUOIT_IO_URING_PACE_H
#define QUOIT_IO_URING_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "io/ring_tuning.h"

#define PACE_FULL 20      /* Linux 6.13: IO_LOCAL_TW_DEFAULT_MAX */
#define PACE_COUNT_MAX 64 /* twice as many may come; each needs a receive buffer, of which there are 512 */
#define PACE_MIN_US 20    /* about as long as three answers take */

struct uring_pace {
	uint32_t count;      /* of completions that the next wait waits for */
	uint32_t min_us;     /* a wait for more than one ends after this time, once one is there */
	uint32_t calm_below; /* fewer completions than this change nothing */
};

static inline void uring_pace_init(struct uring_pace *pace, const struct ring_tuning *tuning,
				   bool has_min_wait)
{
	/* Without a minimum time a wait for more than one might last until its timeout. */
	bool adapts = has_min_wait && tuning->wait == RING_ADAPTIVE && tuning->min_wait > 0;

	pace->calm_below = adapts ? PACE_FULL : UINT32_MAX;
	pace->count = tuning->wait == RING_ADAPTIVE || !has_min_wait ? 1 : tuning->wait;
	pace->min_us = tuning->min_wait == RING_ADAPTIVE ? PACE_MIN_US : tuning->min_wait;
}

/* After a turn of `count` completions, at least calm_below. */
static inline void uring_pace_turn(struct uring_pace *pace, unsigned count)
{
	bool full = count >= PACE_FULL;
	unsigned wanted = count - count / 4;

	pace->count = !full ? 1 : wanted < PACE_COUNT_MAX ? wanted : PACE_COUNT_MAX;
	pace->calm_below = full ? 0 : PACE_FULL;
}

#endif
