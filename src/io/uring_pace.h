/* SPDX-License-Identifier: MIT */
/*
 * How many completions a wait waits for, and for how long at least: the switches wait and min_wait.
 *
 * A wait for one wakes the worker for every arrival or two, also when dozens are on their way, and runs at
 * most PACE_FULL pieces of deferred work (Linux 6.13). A wait for more does both less often, for more
 * arrivals, and is the later for the first of them. So, adaptive: when a turn shows that arrivals come close
 * together, the next one asks for a sixteenth of the connections that had something to say lately
 * (ring_expect()): so many of them will soon have again. A turn that was full asks for three quarters of
 * itself at least. What does not come within PACE_US_EACH for each is not waited for, and half of it missing
 * means that load has gone down: then one is enough, as for a ring with little to do, or with few who ask.
 *
 *   connections that ask    1 .. 31 |  64 | 512 | 1,024 and more
 *   waits for, under load         1 |   4 |  32 | 64
 */
#ifndef QUOIT_IO_URING_PACE_H
#define QUOIT_IO_URING_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "io/ring_tuning.h"

#define PACE_FULL 20      /* Linux 6.13: IO_LOCAL_TW_DEFAULT_MAX */
#define PACE_BUSY 3       /* so many in a turn came close together */
#define PACE_SHARE 16     /* of the connections: as many as will surely ask within a moment */
#define PACE_COUNT_MAX 64 /* more may be handled in a turn; they need receive buffers */
#define PACE_US_EACH 10   /* about as long as an answer takes */

struct uring_pace {
	uint32_t count;      /* of completions that the next wait waits for */
	uint32_t min_us;     /* a wait for more than one ends after this time, once one is there */
	uint32_t us_each;    /* adaptive: min_us for each of `count`; 0: it stays */
	uint32_t calm_below; /* fewer completions than this change nothing */
};

static inline void uring_pace_init(struct uring_pace *pace, const struct ring_tuning *tuning,
				   bool has_min_wait)
{
	/* Without a time it would wait for what may never come. */
	bool adapts = has_min_wait && tuning->wait == RING_ADAPTIVE && tuning->min_wait != 0;

	pace->calm_below = adapts ? PACE_BUSY : UINT32_MAX;
	pace->count = tuning->wait == RING_ADAPTIVE || !has_min_wait ? 1 : tuning->wait;
	pace->us_each = tuning->min_wait == RING_ADAPTIVE ? PACE_US_EACH : 0;
	pace->min_us = pace->us_each > 0 ? pace->us_each * pace->count : tuning->min_wait;
}

/* After a turn of `count` completions, at least calm_below. `peers`: connections that ask. */
static inline void uring_pace_turn(struct uring_pace *pace, unsigned count, uint32_t peers)
{
	unsigned wanted = 1;

	if (count >= PACE_BUSY && 2 * count >= pace->count && peers / PACE_SHARE > wanted)
		wanted = peers / PACE_SHARE;
	if (count >= PACE_FULL && count - count / 4 > wanted)
		wanted = count - count / 4;
	pace->count = wanted < PACE_COUNT_MAX ? wanted : PACE_COUNT_MAX;
	if (pace->us_each > 0)
		pace->min_us = pace->us_each * pace->count;
	pace->calm_below = pace->count > 1 ? 0 : PACE_BUSY;
}

#endif
