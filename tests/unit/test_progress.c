/* SPDX-License-Identifier: MIT */
/*
 * serve/progress: who takes nothing for --send-time is stalled, who takes less than --send-rate is slow, and
 * nobody else is either.
 *
 * What the kernel tells of a socket (ring_unread) is told by the test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "io/ring.h"
#include "serve/progress.h"
#include "serve/worker.h"

#define SEND_TIME_MS 30000
#define RATE 1000 /* bytes per second: 30,000 in a period, 7,500 between two looks */
#define LOOK_MS (SEND_TIME_MS / 4)

static struct config config = { .send_time = SEND_TIME_MS, .send_rate = RATE };
static struct worker worker;
static struct conn conn;
static int unread;

int __wrap_ring_unread(struct ring *ring, int fd);

int __wrap_ring_unread(struct ring *ring, int fd)
{
	(void)ring;
	(void)fd;
	return unread;
}

/* A connection whose socket is full with so many bytes. */
static int watch(void **state)
{
	(void)state;
	worker = (struct worker){ .config = &config };
	conn = (struct conn){ .state = CONN_SENDING };
	timer_wheel_init(&worker.wheel, 0);
	unread = 1000000;
	config.send_rate = RATE;
	progress_watch(&worker, &conn);
	return 0;
}

/* Until the next look, and what it says when the peer has taken so many bytes meanwhile. */
static enum progress look(unsigned taken)
{
	assert_true(conn.watched);
	assert_int_equal(conn.timer.deadline_ms, worker.clock.monotonic_ms + LOOK_MS);
	worker.clock.monotonic_ms = conn.timer.deadline_ms;
	unread -= (int)taken;
	return progress_look(&worker, &conn);
}

static void who_takes_nothing_is_stalled(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(look(0), PROGRESS_FINE);
	assert_int_equal(look(0), PROGRESS_STALLED);
}

/* Wherever in a period it begins: four looks, no more. */
static void a_stall_is_seen_in_time(void **state)
{
	for (unsigned before = 1; before < 8; before++) {
		watch(state);
		for (unsigned i = 0; i < before; i++)
			assert_int_equal(look(40000), PROGRESS_FINE);
		for (unsigned i = 0; i < 3; i++)
			assert_int_equal(look(0), PROGRESS_FINE);
		assert_int_equal(look(0), PROGRESS_STALLED);
	}
}

static void who_takes_just_enough_is_fine(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(look(7500), PROGRESS_FINE);
}

/* A good part of a receive buffer at a time, and nothing between. */
static void a_peer_may_take_all_at_once(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		for (unsigned quiet = 0; quiet < 3; quiet++)
			assert_int_equal(look(0), PROGRESS_FINE);
		assert_int_equal(look(30000), PROGRESS_FINE);
	}
}

static void who_takes_a_byte_less_is_slow(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(look(7500), PROGRESS_FINE);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(look(7500), PROGRESS_FINE);
	assert_int_equal(look(7499), PROGRESS_SLOW);
}

static void without_a_rate_one_byte_will_do(void **state)
{
	(void)state;
	config.send_rate = 0;
	for (unsigned i = 0; i < 20; i++) {
		for (unsigned quiet = 0; quiet < 3; quiet++)
			assert_int_equal(look(0), PROGRESS_FINE);
		assert_int_equal(look(1), PROGRESS_FINE);
	}
}

/* The kernel's buffer is filled up again as fast as the peer takes: what it has unread stays the same. */
static void what_is_added_counts(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		progress_add(&conn, 7500);
		unread += 7500;
		assert_int_equal(look(7500), PROGRESS_FINE);
	}
	for (unsigned i = 0; i < 3; i++) {
		/* And what only the kernel has taken does not. */
		progress_add(&conn, 100000);
		unread += 100000;
		assert_int_equal(look(0), PROGRESS_FINE);
	}
	progress_add(&conn, 100000);
	unread += 100000;
	assert_int_equal(look(0), PROGRESS_STALLED);
}

/* It waits for us. */
static void who_has_taken_all_is_fine(void **state)
{
	(void)state;
	unread = 0;
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(look(0), PROGRESS_FINE);
}

/* More than 32 bits hold, between two looks. */
static void a_fast_peer_is_fine(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		progress_add(&conn, UINT64_C(5) << 30);
		assert_int_equal(look(0), PROGRESS_FINE);
	}
}

/* Then what the kernel takes is what is known. */
static void where_the_kernel_does_not_tell(void **state)
{
	(void)state;
	unread = -ENOTTY;
	conn.watched = false;
	progress_watch(&worker, &conn);
	for (unsigned i = 0; i < 20; i++) {
		progress_add(&conn, 7500);
		assert_int_equal(look(0), PROGRESS_FINE);
	}
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(look(0), PROGRESS_FINE);
	assert_int_equal(look(0), PROGRESS_STALLED);
}

int main(int argc, char **argv)
{
#define TEST(rule) cmocka_unit_test_setup(rule, watch)
	static const struct CMUnitTest tests[] = {
		TEST(who_takes_nothing_is_stalled),  TEST(a_stall_is_seen_in_time),
		TEST(who_takes_just_enough_is_fine), TEST(a_peer_may_take_all_at_once),
		TEST(who_takes_a_byte_less_is_slow), TEST(without_a_rate_one_byte_will_do),
		TEST(what_is_added_counts),          TEST(who_has_taken_all_is_fine),
		TEST(a_fast_peer_is_fine),           TEST(where_the_kernel_does_not_tell),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
