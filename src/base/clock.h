/* SPDX-License-Identifier: MIT */
/*
 * The time of one turn of a worker's loop.
 *
 * Read once per turn from the kernel's coarse clocks (vDSO, no system call, a tick of 1 to
 * 4 ms), then passed as a parameter: nothing below serve/ asks what time it is, and all
 * answers of one batch carry one time.
 */
#ifndef QUOIT_BASE_CLOCK_H
#define QUOIT_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

struct clock {
	uint64_t monotonic_ms; /* for deadlines and freshness */
	int64_t wall_s;        /* seconds since 1970, for Date and conditions */
};

static inline void clock_read(struct clock *clock)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
	clock->monotonic_ms = (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
	clock_gettime(CLOCK_REALTIME_COARSE, &time);
	clock->wall_s = time.tv_sec;
}

#endif
