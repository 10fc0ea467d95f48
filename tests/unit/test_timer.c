/* SPDX-License-Identifier: MIT */
/*
 * io/timer: a deadline is met at its time or up to one tick later, and once.
 *
 * The wheel is held against a model that is nothing but a list of deadlines in order. After
 * everything that is done, the world must agree: whoever is due was handed out, nobody else
 * was, and the wheel does not want to sleep beyond what is due next.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <string.h>

#include "io/timer.h"

#define TIMERS 64
#define ROUND_MS ((uint64_t)TIMER_TICK_MS * TIMER_SLOTS)

struct world {
	struct timer_wheel wheel;
	struct timer timer[TIMERS];
	uint64_t now_ms;
	/* The model: what is set, the earliest first. A time in the past counts as the time at which it was
	 * set. */
	struct {
		uint64_t deadline_ms;
		unsigned id;
	} due[TIMERS];
	unsigned due_count;
	uint64_t random;
};

static struct world world;

static void begin(uint64_t now_ms)
{
	memset(&world, 0, sizeof(world));
	world.now_ms = now_ms;
	world.random = 88172645463325252u;
	timer_wheel_init(&world.wheel, now_ms);
}

/* Below `limit`; the same numbers in every run (xorshift). */
static uint64_t random_below(uint64_t limit)
{
	world.random ^= world.random << 13;
	world.random ^= world.random >> 7;
	world.random ^= world.random << 17;
	return world.random % limit;
}

static bool model_remove(unsigned id)
{
	for (unsigned i = 0; i < world.due_count; i++) {
		if (world.due[i].id != id)
			continue;
		world.due_count--;
		memmove(&world.due[i], &world.due[i + 1], (world.due_count - i) * sizeof(world.due[0]));
		return true;
	}
	return false;
}

static void model_insert(unsigned id, uint64_t deadline_ms)
{
	unsigned at = world.due_count++;

	for (; at > 0 && world.due[at - 1].deadline_ms > deadline_ms; at--)
		world.due[at] = world.due[at - 1];
	world.due[at].deadline_ms = deadline_ms;
	world.due[at].id = id;
}

static void set(unsigned id, uint64_t deadline_ms)
{
	timer_set(&world.wheel, &world.timer[id], deadline_ms);
	model_remove(id);
	model_insert(id, deadline_ms > world.now_ms ? deadline_ms : world.now_ms);
}

static void stop(unsigned id)
{
	timer_stop(&world.wheel, &world.timer[id]);
	assert_null(world.timer[id].link);
	model_remove(id);
}

/* The wheel wants to be looked at in time for what is due next, and not within a tick that it has seen. */
static void assert_wait(void)
{
	uint64_t wait_ms = timer_wait_ms(&world.wheel, world.now_ms);
	uint64_t first_ms = world.due[0].deadline_ms, tick_ms = world.now_ms - world.now_ms % TIMER_TICK_MS;

	assert_int_equal(world.wheel.count, world.due_count);
	if (world.due_count == 0) {
		assert_true(wait_ms == UINT64_MAX);
		return;
	}
	assert_true(world.now_ms + wait_ms >= tick_ms + TIMER_TICK_MS);
	if (first_ms <= UINT64_MAX - TIMER_TICK_MS && world.now_ms + wait_ms > first_ms + TIMER_TICK_MS)
		fail_msg("at %" PRIu64 " it waits %" PRIu64 " ms, but %" PRIu64 " is due", world.now_ms,
			 wait_ms, first_ms);
}

/* Hands out one; its deadline has passed, and it was set. */
static bool expire_one(unsigned *ret_id)
{
	struct timer *timer = timer_expire(&world.wheel, world.now_ms);

	if (!timer)
		return false;
	*ret_id = (unsigned)(timer - world.timer);
	assert_null(timer->link);
	if (timer->deadline_ms > world.now_ms)
		fail_msg("at %" PRIu64 " a timer expires that is due at %" PRIu64, world.now_ms,
			 timer->deadline_ms);
	if (!model_remove(*ret_id))
		fail_msg("at %" PRIu64 " a timer expires that is not set", world.now_ms);
	return true;
}

static void assert_nothing_is_overdue(void)
{
	if (world.due_count > 0 && world.due[0].deadline_ms + TIMER_TICK_MS <= world.now_ms)
		fail_msg("at %" PRIu64 " nothing expires, but %" PRIu64 " was due", world.now_ms,
			 world.due[0].deadline_ms);
	assert_wait();
}

/* Time goes on. Returns how many expired. */
static unsigned sleep_ms(uint64_t time_ms)
{
	unsigned id, count = 0;

	world.now_ms += time_ms;
	while (expire_one(&id))
		count++;
	assert_nothing_is_overdue();
	return count;
}

/* Never before its deadline, at the latest one tick behind it; looked at in every millisecond. */
static void a_deadline_is_met_within_one_tick(void **state)
{
	static const uint64_t deadlines[] = { 0,
					      1,
					      127,
					      128,
					      129,
					      255,
					      256,
					      1000,
					      ROUND_MS - TIMER_TICK_MS - 1,
					      ROUND_MS - TIMER_TICK_MS,
					      ROUND_MS - 1,
					      ROUND_MS,
					      ROUND_MS + 1,
					      2 * ROUND_MS,
					      3 * ROUND_MS - 1 };
	unsigned expired = 0, count = sizeof(deadlines) / sizeof(deadlines[0]);

	(void)state;
	for (uint64_t start_ms = 1000000; start_ms < 1000003; start_ms++) {
		begin(start_ms);
		for (unsigned i = 0; i < count; i++)
			set(i, start_ms + deadlines[i]);
		for (expired = 0; world.now_ms < start_ms + 3 * ROUND_MS + TIMER_TICK_MS;)
			expired += sleep_ms(1);
		assert_int_equal(expired, count);
	}
}

/* What is overdue when it is set comes with the next tick, not a round later. */
static void a_deadline_in_the_past_is_met_within_one_tick(void **state)
{
	(void)state;
	begin(1000000);
	set(0, 0);
	set(1, 999999);
	set(2, 1000000);
	assert_int_equal(sleep_ms(TIMER_TICK_MS), 3);
}

/* The common case: every request moves its connection's deadline. The old time means nothing any more. */
static void a_deadline_that_moves_later_is_not_met_early(void **state)
{
	(void)state;
	begin(5);
	set(0, 1000);
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(sleep_ms(900), 0);
		set(0, world.now_ms + 1000);
	}
	assert_int_equal(sleep_ms(999), 0);
	assert_int_equal(sleep_ms(TIMER_TICK_MS + 1), 1);
}

/* From an idle connection's minute to a request's seconds. */
static void a_deadline_that_moves_earlier_is_met_at_its_new_time(void **state)
{
	(void)state;
	for (uint64_t later_ms = 1; later_ms < 2 * ROUND_MS; later_ms += 61) {
		begin(77);
		set(0, world.now_ms + 10 + later_ms);
		set(0, world.now_ms + 10);
		assert_int_equal(sleep_ms(9), 0);
		assert_int_equal(sleep_ms(TIMER_TICK_MS + 1), 1);
		assert_int_equal(sleep_ms(3 * ROUND_MS), 0);
	}
}

/* Its connection is gone by then. Stopping twice, or what was never set, does no harm. */
static void a_stopped_timer_does_not_expire(void **state)
{
	(void)state;
	begin(0);
	stop(7);
	set(0, 100);
	set(1, 100);
	set(2, 100000);
	stop(1);
	stop(1);
	assert_wait();
	assert_int_equal(sleep_ms(1000), 1);
	stop(2);
	assert_wait();
	assert_int_equal(sleep_ms(1000000), 0);
}

/* A suspended machine: more rounds pass than one, and every timer is met once all the same. */
static void a_long_sleep_loses_nobody_and_hands_out_nobody_twice(void **state)
{
	static const uint64_t sleeps[] = { ROUND_MS - TIMER_TICK_MS,
					   ROUND_MS - 1,
					   ROUND_MS,
					   ROUND_MS + 1,
					   ROUND_MS + TIMER_TICK_MS,
					   ROUND_MS + 2 * TIMER_TICK_MS,
					   7 * ROUND_MS + 5,
					   UINT64_C(31536000000) };

	(void)state;
	for (size_t i = 0; i < sizeof(sleeps) / sizeof(sleeps[0]); i++) {
		begin(123456789);
		for (unsigned id = 0; id < TIMERS / 2; id++) {
			set(2 * id, world.now_ms + sleeps[i] / (TIMERS / 2) * id);
			set(2 * id + 1, world.now_ms + sleeps[i] + 1 + ROUND_MS / 8 * id);
		}
		assert_int_equal(sleep_ms(sleeps[i]), TIMERS / 2);
		assert_int_equal(sleep_ms(4 * ROUND_MS), TIMERS / 2);
		assert_int_equal(sleep_ms(9 * ROUND_MS), 0);
	}
}

/* Who handles an expired timer closes one connection and gives another one more time. */
static void others_may_be_set_and_stopped_between_two_that_expire(void **state)
{
	unsigned id, expired = 0;

	(void)state;
	begin(0);
	for (id = 0; id < TIMERS; id++)
		set(id, 1000);
	world.now_ms = 1000 + TIMER_TICK_MS;
	while (expire_one(&id)) {
		expired++;
		if (expired == 1)
			for (unsigned other = 0; other < TIMERS; other += 2)
				stop(other);
		if (expired == 2)
			for (unsigned other = 1; other < TIMERS; other += 4)
				set(other, world.now_ms + 5);
	}
	/* The odd ones at first; of those a half, and with it perhaps the first two, was put off. */
	assert_nothing_is_overdue();
	assert_int_equal(world.due_count, TIMERS / 4);
	assert_true(expired >= TIMERS / 4 && expired <= TIMERS / 4 + 2);
	assert_int_equal(sleep_ms(5 + TIMER_TICK_MS), TIMERS / 4);
}

/* A timeout of a wait costs a system call: a far deadline needs one in a round, not one in a tick. */
static void a_far_deadline_wakes_the_wheel_once_in_a_round(void **state)
{
	unsigned wakes = 0;

	(void)state;
	begin(17);
	set(0, world.now_ms + 3600000);
	while (world.due_count > 0) {
		sleep_ms(timer_wait_ms(&world.wheel, world.now_ms));
		wakes++;
	}
	assert_true(world.now_ms <= 17 + 3600000 + TIMER_TICK_MS);
	assert_true(wakes <= 3600000 / (ROUND_MS - TIMER_TICK_MS) + 2);
}

/* So that an idle worker sleeps until somebody connects. */
static void without_timers_there_is_nothing_to_wait_for(void **state)
{
	(void)state;
	begin(1000);
	assert_true(timer_wait_ms(&world.wheel, world.now_ms) == UINT64_MAX);
	set(0, 2000);
	assert_true(timer_wait_ms(&world.wheel, world.now_ms) <= 1000 + TIMER_TICK_MS);
	stop(0);
	assert_true(timer_wait_ms(&world.wheel, world.now_ms) == UINT64_MAX);
}

/* "Never" may be written as the largest number. */
static void the_largest_deadline_is_never_met(void **state)
{
	(void)state;
	begin(0);
	for (unsigned id = 0; id < 4; id++)
		set(id, UINT64_MAX - id);
	for (unsigned i = 0; i < 100; i++) {
		set(0, UINT64_MAX);
		assert_null(timer_expire(&world.wheel, world.now_ms += 10000));
		assert_wait();
	}
	set(0, world.now_ms + 50);
	world.now_ms += 50 + TIMER_TICK_MS;
	assert_ptr_equal(timer_expire(&world.wheel, world.now_ms), &world.timer[0]);
}

static uint64_t random_deadline(void)
{
	static const uint64_t spreads[] = { 2, 2 * TIMER_TICK_MS, ROUND_MS, 5 * ROUND_MS };
	uint64_t ahead_ms = random_below(spreads[random_below(4)]);

	if (random_below(16) == 0)
		return world.now_ms - (ahead_ms < world.now_ms ? ahead_ms : world.now_ms);
	return world.now_ms + ahead_ms;
}

static void sleep_at_random(void)
{
	static const uint64_t spreads[] = { 2, TIMER_TICK_MS, 3 * TIMER_TICK_MS, ROUND_MS / 16,
					    4 * ROUND_MS };
	unsigned chosen = (unsigned)random_below(64), id;

	world.now_ms += random_below(spreads[chosen < 4 ? chosen : chosen == 4 ? 4 : chosen % 3]);
	while (expire_one(&id)) {
		if (random_below(4) == 0)
			set(id, random_deadline());
		if (random_below(8) == 0)
			stop((unsigned)random_below(TIMERS));
	}
	assert_nothing_is_overdue();
}

/* All of it together, in any order. */
static void random_use_agrees_with_a_sorted_list(void **state)
{
	static const uint64_t starts[] = { 0, TIMER_TICK_MS - 1, TIMER_TICK_MS, UINT64_C(1) << 40 };

	(void)state;
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		begin(starts[i]);
		world.random += i;
		for (unsigned step = 0; step < 100000; step++) {
			unsigned id = (unsigned)random_below(TIMERS);

			switch (random_below(5)) {
			case 0:
			case 1:
				set(id, random_deadline());
				break;
			case 2:
				stop(id);
				break;
			default:
				sleep_at_random();
			}
			assert_wait();
		}
	}
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_deadline_is_met_within_one_tick),
		cmocka_unit_test(a_deadline_in_the_past_is_met_within_one_tick),
		cmocka_unit_test(a_deadline_that_moves_later_is_not_met_early),
		cmocka_unit_test(a_deadline_that_moves_earlier_is_met_at_its_new_time),
		cmocka_unit_test(a_stopped_timer_does_not_expire),
		cmocka_unit_test(a_long_sleep_loses_nobody_and_hands_out_nobody_twice),
		cmocka_unit_test(others_may_be_set_and_stopped_between_two_that_expire),
		cmocka_unit_test(a_far_deadline_wakes_the_wheel_once_in_a_round),
		cmocka_unit_test(without_timers_there_is_nothing_to_wait_for),
		cmocka_unit_test(the_largest_deadline_is_never_met),
		cmocka_unit_test(random_use_agrees_with_a_sorted_list),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
