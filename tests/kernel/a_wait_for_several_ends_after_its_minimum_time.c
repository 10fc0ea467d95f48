/* SPDX-License-Identifier: MIT */
/*
 * A wait for several completions ends with fewer when its minimum time is over, and never before one is
 * there.
 *
 * The server waits for more than one completion when turns are full. It must not hang when fewer will
 * come, nor wake up for nothing: so with something there the wait ends after the minimum time, and with
 * nothing it goes on to the first completion, or to its timeout. The same must hold when the times lie in
 * registered memory. And a wait for many must run as much deferred work as it waits for, which is why
 * more is asked for at all: a wait for one runs 20 pieces (6.13).
 *
 * References: io_uring_submit_and_wait_min_timeout(3), 6.12; io_uring_register_region(3), 6.13.
 */
#include <pthread.h>
#include <sys/eventfd.h>
#include <time.h>

#include "../../src/io/abi.h"
#include "kernel.h"

enum {
	MIN_US = 150 * 1000,
	LATER_MS = 300,
	IN_VAIN_MS = 250, /* a timeout that is used up */
	MANY = 64,
};

static struct io_uring ring;
static struct abi_wait *registered; /* NULL: the argument of each enter */
static int event;

static void open_ring(unsigned flags)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL |
			 flags,
	};
	int error = io_uring_queue_init_params(2 * MANY, &ring, &params);

	if (error < 0)
		kernel_skip("no ring with SINGLE_ISSUER, DEFER_TASKRUN and SUBMIT_ALL", -error);
	if (!(params.features & IORING_FEAT_MIN_TIMEOUT))
		kernel_skip("no minimum time of a wait", EOPNOTSUPP);
	event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_true(event >= 0);
}

static int before(void **state)
{
	(void)state;
	registered = NULL;
	open_ring(0);
	return 0;
}

static int before_registered(void **state)
{
	struct abi_region region = { .size = (size_t)sysconf(_SC_PAGESIZE), .flags = ABI_REGION_IS_OURS };
	struct abi_region_register registration = {
		.region = (uintptr_t)&region,
		.flags = ABI_REGION_HOLDS_WAITS,
	};
	int error;

	(void)state;
	open_ring(IORING_SETUP_R_DISABLED);
	registered = aligned_alloc(region.size, region.size);
	assert_non_null(registered);
	memset(registered, 0, region.size);
	region.address = (uintptr_t)registered;
	error = abi_register(ring.ring_fd, ABI_REGISTER_MEM_REGION, &registration, 1);
	if (error < 0)
		kernel_skip("no registered waits", -error);
	assert_int_equal(abi_register(ring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0), 0);
	return 0;
}

static int after(void **state)
{
	(void)state;
	io_uring_queue_exit(&ring);
	close(event);
	free(registered);
	return 0;
}

/* Submits what there is, waits for `count`; the milliseconds that took. */
static long enter(unsigned submit, unsigned count, long timeout_ms)
{
	struct __kernel_timespec timeout = { timeout_ms / 1000, timeout_ms % 1000 * 1000000LL };
	struct abi_enter_argument argument = { .min_wait_us = MIN_US, .timeout = (uintptr_t)&timeout };
	unsigned flags = IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG;
	struct timespec begin, end;
	int result;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	if (registered) {
		*registered = (struct abi_wait){
			.timeout = timeout,
			.min_wait_us = MIN_US,
			.flags = ABI_WAIT_HAS_TIMEOUT,
		};
		result = abi_enter((unsigned)ring.ring_fd, submit, count, flags | IORING_ENTER_EXT_ARG_REG,
				   NULL, sizeof(*registered));
	} else {
		result = abi_enter((unsigned)ring.ring_fd, submit, count, flags, &argument, sizeof(argument));
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	assert_true(result >= 0 || result == -ETIME);
	return (end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000;
}

/* Prepared and shown to the kernel, but not submitted. */
static void prepare_poll(void)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

	io_uring_prep_poll_add(sqe, event, POLLIN);
	ring.sq.array[ring.sq.sqe_head & *ring.sq.kring_mask] = ring.sq.sqe_head & *ring.sq.kring_mask;
	ring.sq.sqe_head++;
	io_uring_smp_store_release(ring.sq.ktail, ring.sq.sqe_tail);
}

static void *signal_later(void *argument)
{
	struct timespec rest = { .tv_nsec = LATER_MS * 1000000L };
	uint64_t one = 1;

	(void)argument;
	nanosleep(&rest, NULL);
	assert_int_equal(write(event, &one, sizeof(one)), sizeof(one));
	return NULL;
}

static void with_one_there_it_ends_after_the_minimum_time(void **state)
{
	uint64_t one = 1;
	long ms;

	(void)state;
	assert_int_equal(write(event, &one, sizeof(one)), sizeof(one));
	prepare_poll();
	ms = enter(1, 8, KERNEL_WAIT_MS);
	assert_int_equal(io_uring_cq_ready(&ring), 1);
	assert_in_range(ms, MIN_US / 1000 - 1, KERNEL_WAIT_MS - 1);
}

static void with_none_there_it_ends_at_the_first(void **state)
{
	pthread_t thread;
	long ms;

	(void)state;
	prepare_poll();
	assert_int_equal(pthread_create(&thread, NULL, signal_later, NULL), 0);
	ms = enter(1, 8, KERNEL_WAIT_MS);
	pthread_join(thread, NULL);
	assert_int_equal(io_uring_cq_ready(&ring), 1);
	assert_in_range(ms, LATER_MS / 2, KERNEL_WAIT_MS - 1);
}

static void with_nothing_it_ends_at_its_timeout(void **state)
{
	long ms;

	(void)state;
	ms = enter(0, 8, IN_VAIN_MS);
	assert_int_equal(io_uring_cq_ready(&ring), 0);
	assert_true(ms >= IN_VAIN_MS - 1);
}

static void a_wait_for_many_runs_as_much_as_it_waits_for(void **state)
{
	uint64_t one = 1;

	(void)state;
	for (unsigned i = 0; i < MANY; i++)
		prepare_poll();
	assert_int_equal(abi_enter((unsigned)ring.ring_fd, MANY, 0, 0, NULL, 0), MANY);
	assert_int_equal(write(event, &one, sizeof(one)), sizeof(one));
	assert_true(enter(0, MANY, KERNEL_WAIT_MS) < MIN_US / 1000);
	assert_int_equal(io_uring_cq_ready(&ring), MANY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(with_one_there_it_ends_after_the_minimum_time, before, after),
		cmocka_unit_test_setup_teardown(with_none_there_it_ends_at_the_first, before, after),
		cmocka_unit_test_setup_teardown(with_nothing_it_ends_at_its_timeout, before, after),
		cmocka_unit_test_setup_teardown(a_wait_for_many_runs_as_much_as_it_waits_for, before, after),
		cmocka_unit_test_setup_teardown(with_one_there_it_ends_after_the_minimum_time,
						before_registered, after),
		cmocka_unit_test_setup_teardown(with_none_there_it_ends_at_the_first, before_registered,
						after),
		cmocka_unit_test_setup_teardown(with_nothing_it_ends_at_its_timeout, before_registered,
						after),
		cmocka_unit_test_setup_teardown(a_wait_for_many_runs_as_much_as_it_waits_for,
						before_registered, after),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
