/* SPDX-License-Identifier: MIT */
/*
 * A timer wheel: deadlines of all connections of a worker, in user space.
 *
 * Made for deadlines that nearly always move later: timer_set() to a later time is one store,
 * the timer stays in its slot and is moved on when the wheel comes by. One timeout of
 * ring_wait() drives the whole wheel; the kernel knows no timer per connection.
 *
 *   slot    0   1   2   3  ...  255      one slot = TIMER_TICK_MS
 *           |   |       |
 *           t   t-t-t   t                deadlines beyond one round wait in the farthest slot
 */
#ifndef QUOIT_IO_TIMER_H
#define QUOIT_IO_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TIMER_TICK_MS 128
#define TIMER_SLOTS 256

/* Embedded in what it watches. Zeroed memory is an idle timer. */
struct timer {
	struct timer *next;
	struct timer **link; /* what points at this one; NULL: idle */
	uint64_t deadline_ms;
	uint64_t slot_ms; /* when the wheel will look at it; never later than the slot it is in */
};

struct timer_wheel {
	struct timer *slot[TIMER_SLOTS];
	uint64_t now_tick;  /* all slots before it have been looked at */
	uint64_t next_tick; /* no slot before it holds a timer */
	uint32_t count;     /* timers set */
};

void timer_wheel_init(struct timer_wheel *wheel, uint64_t now_ms);

/* timer_set() of a timer that must change its slot. */
void timer_move(struct timer_wheel *wheel, struct timer *timer, uint64_t deadline_ms);

/* Expire at deadline_ms or up to one tick later. Moves a timer that is set. */
static inline void timer_set(struct timer_wheel *wheel, struct timer *timer, uint64_t deadline_ms)
{
	/* Looked at in time anyway: the common case, a deadline that moved later. */
	if (timer->link && deadline_ms + TIMER_TICK_MS >= timer->slot_ms)
		timer->deadline_ms = deadline_ms;
	else
		timer_move(wheel, timer, deadline_ms);
}
void timer_stop(struct timer_wheel *wheel, struct timer *timer);

/* A timer whose deadline has passed, now idle; NULL when there is none. Call timer_expire() until NULL. */
struct timer *timer_look(struct timer_wheel *wheel, uint64_t now_ms);

static inline struct timer *timer_expire(struct timer_wheel *wheel, uint64_t now_ms)
{
	/* Most calls come within a tick that has been looked at. */
	return now_ms / TIMER_TICK_MS == wheel->now_tick ? NULL : timer_look(wheel, now_ms);
}

/* Milliseconds until the wheel wants to be looked at; UINT64_MAX when no timer is set. */
uint64_t timer_wait_ms(struct timer_wheel *wheel, uint64_t now_ms);

#endif
