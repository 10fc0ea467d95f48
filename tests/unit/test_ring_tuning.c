/* SPDX-License-Identifier: MIT */
/*
 * io/ring_tuning: what is typed for --ring is taken as it was meant, or refused with a sentence that helps.
 *
 * Texts end, with their NUL, at a page without access. What is refused leaves the tuning untouched.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "guard.h"
#include "io/ring_tuning.h"
#include "io/uring_pace.h"

static struct ring_tuning tuning;
static struct fault fault;

static int before(void **state)
{
	(void)state;
	ring_tuning_init(&tuning);
	fault.text[0] = 0;
	return 0;
}

static int set(const char *text)
{
	size_t size = strlen(text) + 1;
	uint8_t *copy = guard_copy(text, size);
	int error = ring_tuning_set(&tuning, (char *)copy, &fault);

	guard_release(copy, size);
	return error;
}

static void assert_refused(const char *text, const char *sentence)
{
	struct ring_tuning as_it_was = tuning;

	assert_int_equal(set(text), -EINVAL);
	assert_string_equal(fault.text, sentence);
	assert_memory_equal(&tuning, &as_it_was, sizeof(tuning));
}

/* What the engine does when nobody says anything, and what no kernel may be refused for. */
static void defaults_are_not_given(void **state)
{
	(void)state;
	assert_int_equal(tuning.given, 0);
	assert_int_equal(tuning.multishot_accept, 1);
	assert_int_equal(tuning.recv, RING_RECV_MULTISHOT);
	assert_int_equal(tuning.taskrun, RING_TASKRUN_DEFER);
	assert_int_equal(tuning.sqarray, RING_SQARRAY_ON);
	assert_int_equal(tuning.wait, RING_ADAPTIVE);
	assert_int_equal(tuning.min_wait, RING_ADAPTIVE);
	assert_int_equal(tuning.napi, 0);
	assert_int_equal(tuning.direct, 0);
	assert_int_equal(set(""), 0);
	assert_int_equal(tuning.given, 0);
}

/* A word is its place among the values, so that off is 0. */
static void words_and_numbers_are_taken(void **state)
{
	(void)state;
	assert_int_equal(set("recv=single,taskrun=coop,direct=on,multishot_accept=off,sqarray=off"), 0);
	assert_int_equal(tuning.recv, RING_RECV_SINGLE);
	assert_int_equal(tuning.taskrun, RING_TASKRUN_COOP);
	assert_int_equal(tuning.direct, 1);
	assert_int_equal(tuning.multishot_accept, 0);
	assert_int_equal(tuning.sqarray, RING_SQARRAY_OFF);
	assert_int_equal(set("wait=4096,min_wait=100000,napi=50"), 0);
	assert_int_equal(tuning.wait, 4096);
	assert_int_equal(tuning.min_wait, 100000);
	assert_int_equal(tuning.napi, 50);
	assert_int_equal(set("wait=adaptive,min_wait=0"), 0);
	assert_int_equal(tuning.wait, RING_ADAPTIVE);
	assert_int_equal(tuning.min_wait, 0);
}

/* What was asked for by name is refused where it cannot be; what is a default is left out there. */
static void what_was_named_is_given_though_it_is_the_default(void **state)
{
	(void)state;
	assert_int_equal(set("no_iowait=on"), 0);
	assert_true(ring_tuning_is_given(&tuning, RING_SWITCH_no_iowait));
	assert_false(ring_tuning_is_given(&tuning, RING_SWITCH_direct));
	assert_int_equal(set("direct=off"), 0);
	assert_true(ring_tuning_is_given(&tuning, RING_SWITCH_no_iowait));
	assert_true(ring_tuning_is_given(&tuning, RING_SWITCH_direct));
}

static void dashes_and_spaces_are_as_in_options(void **state)
{
	(void)state;
	assert_int_equal(set(" multishot-accept = off , min-wait=7 "), 0);
	assert_int_equal(tuning.multishot_accept, 0);
	assert_int_equal(tuning.min_wait, 7);
}

static void a_misspelt_name_is_told_what_is_near(void **state)
{
	(void)state;
	assert_refused("recvv=single", "there is no switch recvv; did you mean recv?");
	assert_refused("multi-shot-accept=on",
		       "there is no switch multi-shot-accept; did you mean multishot_accept?");
	assert_refused("zzz=1", "there is no switch zzz; see quoit(1) for those there are");
	assert_refused("=on", "a switch is missing: it takes name=value,name=value");
	assert_refused("recv=single,,direct=on", "a switch is missing: it takes name=value,name=value");
	assert_refused("recv=single,", "a switch is missing: it takes name=value,name=value");
}

static void a_wrong_value_is_told_the_right_ones(void **state)
{
	(void)state;
	assert_refused("recv=multi", "recv takes single or multishot, not \"multi\"");
	assert_refused("taskrun=Defer", "taskrun takes none, coop or defer, not \"Defer\"");
	assert_refused("wait=0", "wait takes adaptive or a number from 1 to 4096, not \"0\"");
	assert_refused("wait=4097", "wait takes adaptive or a number from 1 to 4096, not \"4097\"");
	assert_refused("wait=4294967297",
		       "wait takes adaptive or a number from 1 to 4096, not \"4294967297\"");
	assert_refused("wait=-1", "wait takes adaptive or a number from 1 to 4096, not \"-1\"");
	assert_refused("napi=1us", "napi takes a number from 0 to 1000000, not \"1us\"");
	assert_refused("napi=", "napi takes a number from 0 to 1000000, not \"\"");
	assert_refused("direct", "direct needs a value: direct=off");
}

static void nothing_is_set_when_something_is_refused(void **state)
{
	(void)state;
	assert_refused("direct=on,recv=x", "recv takes single or multishot, not \"x\"");
	assert_int_equal(tuning.direct, 0);
	assert_refused("recv=single,recv=multishot", "recv is given twice");
}

/* Whatever the kernel. */
static void what_excludes_each_other_is_refused(void **state)
{
	(void)state;
	assert_int_equal(set("sqpoll=on"), -EINVAL);
	assert_non_null(strstr(fault.text, "sqpoll=on cannot be with taskrun=defer"));
	assert_non_null(strstr(fault.text, "add taskrun=none"));
	assert_int_equal(set("sqpoll=on,taskrun=coop"), -EINVAL);
	assert_int_equal(set("taskrun=none,sqpoll=on"), 0);
	before(state);
	assert_int_equal(set("wait=2,min_wait=0"), -EINVAL);
	assert_non_null(strstr(fault.text, "may never come"));
	assert_int_equal(set("wait=1,min_wait=0"), 0);
	before(state);
	assert_int_equal(set("wait=1,min_wait=5"), -EINVAL);
	assert_int_equal(set("wait=2,min_wait=1"), 0);
}

static void a_lack_is_told_with_the_kernel_that_has_it(void **state)
{
	(void)state;
	assert_int_equal(set("direct=on,wait=16,sqarray=off"), 0);
	assert_int_equal(ring_tuning_lacks(&tuning, RING_SWITCH_direct, &fault), -EOPNOTSUPP);
	assert_non_null(strstr(fault.text, "this kernel has no direct=on: it needs Linux 6.13 or newer"));
	ring_tuning_lacks(&tuning, RING_SWITCH_wait, &fault);
	assert_non_null(strstr(fault.text, "wait=16: it needs Linux 6.12"));
	ring_tuning_lacks(&tuning, RING_SWITCH_sqarray, &fault);
	assert_non_null(strstr(fault.text, "sqarray=off: it needs Linux 6.6"));
}

/* A wait for more than one must end: a kernel that cannot end it early is never asked for more. */
static void a_pace_asks_for_more_only_where_a_wait_can_end_early(void **state)
{
	struct uring_pace pace;

	(void)state;
	uring_pace_init(&pace, &tuning, false);
	assert_int_equal(pace.count, 1);
	assert_int_equal(pace.calm_below, UINT32_MAX);
	uring_pace_init(&pace, &tuning, true);
	assert_int_equal(pace.count, 1);
	assert_int_equal(pace.calm_below, PACE_BUSY);
	assert_true(pace.min_us > 0);
	set("min_wait=0");
	uring_pace_init(&pace, &tuning, true);
	assert_int_equal(pace.count, 1);
	assert_int_equal(pace.calm_below, UINT32_MAX);
	set("wait=7,min_wait=9");
	uring_pace_init(&pace, &tuning, true);
	assert_int_equal(pace.count, 7);
	assert_int_equal(pace.min_us, 9);
	assert_int_equal(pace.calm_below, UINT32_MAX);
}

static void a_pace_grows_with_full_turns_and_falls_back_at_once(void **state)
{
	struct uring_pace pace;

	(void)state;
	uring_pace_init(&pace, &tuning, true);
	uring_pace_turn(&pace, 40, 0);
	assert_int_equal(pace.count, 30);
	assert_int_equal(pace.min_us, 30 * PACE_US_EACH);
	assert_int_equal(pace.calm_below, 0);
	uring_pace_turn(&pace, 1000, 0);
	assert_int_equal(pace.count, PACE_COUNT_MAX);
	uring_pace_turn(&pace, PACE_FULL, 0);
	assert_int_equal(pace.count, PACE_FULL * 3 / 4);
	uring_pace_turn(&pace, PACE_FULL - 1, 0);
	assert_int_equal(pace.count, 1);
	assert_int_equal(pace.calm_below, PACE_BUSY);
	uring_pace_turn(&pace, 30, 0);
	uring_pace_turn(&pace, 0, 0);
	assert_int_equal(pace.count, 1);
}

/* However many are connected, it waits only for a small part of those who ask, and only while they do. */
static void a_pace_asks_for_a_share_of_those_who_ask(void **state)
{
	struct uring_pace pace;

	(void)state;
	uring_pace_init(&pace, &tuning, true);
	uring_pace_turn(&pace, PACE_BUSY, PACE_SHARE);
	assert_int_equal(pace.count, 1);
	uring_pace_turn(&pace, PACE_BUSY, 64);
	assert_int_equal(pace.count, 64 / PACE_SHARE);
	uring_pace_turn(&pace, PACE_BUSY, 512);
	assert_int_equal(pace.count, 512 / PACE_SHARE);
	assert_int_equal(pace.min_us, 512 / PACE_SHARE * PACE_US_EACH);
	uring_pace_turn(&pace, 512 / PACE_SHARE / 2, 512);
	assert_int_equal(pace.count, 512 / PACE_SHARE);
	uring_pace_turn(&pace, 512 / PACE_SHARE / 2 - 1, 512);
	assert_int_equal(pace.count, 1);
	uring_pace_turn(&pace, PACE_BUSY, 100000);
	assert_int_equal(pace.count, PACE_COUNT_MAX);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(defaults_are_not_given, before),
		cmocka_unit_test_setup(words_and_numbers_are_taken, before),
		cmocka_unit_test_setup(what_was_named_is_given_though_it_is_the_default, before),
		cmocka_unit_test_setup(dashes_and_spaces_are_as_in_options, before),
		cmocka_unit_test_setup(a_misspelt_name_is_told_what_is_near, before),
		cmocka_unit_test_setup(a_wrong_value_is_told_the_right_ones, before),
		cmocka_unit_test_setup(nothing_is_set_when_something_is_refused, before),
		cmocka_unit_test_setup(what_excludes_each_other_is_refused, before),
		cmocka_unit_test_setup(a_lack_is_told_with_the_kernel_that_has_it, before),
		cmocka_unit_test_setup(a_pace_asks_for_more_only_where_a_wait_can_end_early, before),
		cmocka_unit_test_setup(a_pace_grows_with_full_turns_and_falls_back_at_once, before),
		cmocka_unit_test_setup(a_pace_asks_for_a_share_of_those_who_ask, before),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
