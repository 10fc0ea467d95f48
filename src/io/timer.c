/* SPDX-License-Identifier: MIT */
/*
 * The timer wheel of a worker; see timer.h for the picture.
 *
 * Called by serve/ for every deadline of a connection. It never calls back: expired timers
 * are handed out one by one, so that whoever handles one may set and stop others.
 */
#include "io/timer.h"

#include <stddef.h>
#include <string.h>

#include "base/check.h"

void timer_wheel_init(struct timer_wheel *wheel, uint64_t now_ms)
{
	memset(wheel, 0, sizeof(*wheel));
	wheel->now_tick = now_ms / TIMER_TICK_MS;
}

static void unlink_timer(struct timer *timer)
{
	*timer->link = timer->next;
	if (timer->next)
		timer->next->link = timer->link;
	timer->link = NULL;
}

/* Into the slot of its deadline, or as far ahead as the wheel reaches. */
static void link_timer(struct timer_wheel *wheel, struct timer *timer)
{
	uint64_t tick = timer->deadline_ms / TIMER_TICK_MS + 1;
	struct timer **slot;

	if (tick <= wheel->now_tick)
		tick = wheel->now_tick + 1;
	if (tick >= wheel->now_tick + TIMER_SLOTS)
		tick = wheel->now_tick + TIMER_SLOTS - 1;
	if (tick < wheel->next_tick || wheel->count <= 1)
		wheel->next_tick = tick;
	slot = &wheel->slot[tick % TIMER_SLOTS];
	timer->slot_ms = tick * TIMER_TICK_MS;
	timer->next = *slot;
	timer->link = slot;
	if (timer->next)
		timer->next->link = &timer->next;
	*slot = timer;
}

void timer_move(struct timer_wheel *wheel, struct timer *timer, uint64_t deadline_ms)
{
	if (timer->link)
		unlink_timer(timer);
	else
		wheel->count++;
	timer->deadline_ms = deadline_ms;
	link_timer(wheel, timer);
}

void timer_stop(struct timer_wheel *wheel, struct timer *timer)
{
	if (!timer->link)
		return;
	unlink_timer(timer);
	check(wheel->count > 0);
	wheel->count--;
}

struct timer *timer_look(struct timer_wheel *wheel, uint64_t now_ms)
{
	uint64_t tick = now_ms / TIMER_TICK_MS;

	/* After a long sleep one round looks at every slot; more rounds would see the same ones. */
	if (tick > wheel->now_tick + TIMER_SLOTS)
		wheel->now_tick = tick - TIMER_SLOTS;
	for (; wheel->now_tick < tick; wheel->now_tick++) {
		struct timer **slot = &wheel->slot[(wheel->now_tick + 1) % TIMER_SLOTS];
		struct timer *timer;

		while ((timer = *slot)) {
			unlink_timer(timer);
			if (timer->deadline_ms <= now_ms) {
				wheel->count--;
				return timer;
			}
			/* Its deadline moved: at least one slot ahead, so this loop ends. */
			link_timer(wheel, timer);
			check(timer->link != slot || timer->slot_ms / TIMER_TICK_MS != wheel->now_tick + 1);
		}
	}
	return NULL;
}

uint64_t timer_wait_ms(struct timer_wheel *wheel, uint64_t now_ms)
{
	if (wheel->count == 0)
		return UINT64_MAX;
	/* Slots only ever empty behind the mark, so it moves on and the search is short. */
	if (wheel->next_tick <= wheel->now_tick)
		wheel->next_tick = wheel->now_tick + 1;
	while (!wheel->slot[wheel->next_tick % TIMER_SLOTS])
		wheel->next_tick++;
	return wheel->next_tick * TIMER_TICK_MS > now_ms ? wheel->next_tick * TIMER_TICK_MS - now_ms : 1;
}
