/* SPDX-License-Identifier: MIT */
/*
 * Sends that are not silent complete in the order of submission, before the submission returns; and a queue
 * that a kernel thread polls is empty only when they have.
 *
 * With cqe_skip=off the engine drops the reports of sends that took everything, and finds them by their
 * order. With sqpoll=on nobody enters the kernel to submit: that the head of the queue has reached its tail
 * is what tells that all sends are settled, so their completions must be there by then.
 *
 * References: io_uring_setup(2) IORING_SETUP_SQPOLL, 5.11; io_uring_prep_send(3).
 */
#include <sched.h>
#include <time.h>

#include "kernel.h"

enum { SENDS = 16, ROUNDS = 200 };

static struct io_uring ring;
static struct kernel_pair pairs[SENDS];
static uint8_t data[256];

static void open_all(unsigned flags)
{
	struct io_uring_params params = { .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_SUBMIT_ALL |
						   flags };
	int error = io_uring_queue_init_params(2 * SENDS, &ring, &params);

	if (error < 0)
		kernel_skip("no such ring", -error);
	for (unsigned i = 0; i < SENDS; i++)
		pairs[i] = kernel_pair_make(0);
}

static int before(void **state)
{
	(void)state;
	open_all(IORING_SETUP_DEFER_TASKRUN);
	return 0;
}

static int before_polled(void **state)
{
	(void)state;
	open_all(IORING_SETUP_SQPOLL);
	return 0;
}

static int after(void **state)
{
	(void)state;
	io_uring_queue_exit(&ring);
	for (unsigned i = 0; i < SENDS; i++)
		kernel_pair_close(&pairs[i]);
	return 0;
}

/* One to every connection. */
static void prepare_sends(void)
{
	for (unsigned i = 0; i < SENDS; i++) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

		io_uring_prep_send(sqe, pairs[i].server, data, sizeof(data), MSG_WAITALL | MSG_DONTWAIT);
		sqe->user_data = i;
	}
}

static void assert_all_in_order(void)
{
	for (unsigned i = 0; i < SENDS; i++)
		assert_int_equal(kernel_take_at_once(&ring).user_data, i);
	assert_int_equal(io_uring_cq_ready(&ring), 0);
}

static void read_what_came(void)
{
	for (unsigned i = 0; i < SENDS; i++)
		kernel_read_all(pairs[i].client, data, sizeof(data));
}

static void completions_are_there_in_order_when_submission_returns(void **state)
{
	(void)state;
	for (unsigned round = 0; round < ROUNDS; round++) {
		prepare_sends();
		assert_int_equal(io_uring_submit(&ring), SENDS);
		assert_all_in_order();
		read_what_came();
	}
}

/* Those that fail have their place as well. */
static void failures_keep_the_order(void **state)
{
	(void)state;
	shutdown(pairs[SENDS / 2].server, SHUT_WR);
	prepare_sends();
	assert_int_equal(io_uring_submit(&ring), SENDS);
	for (unsigned i = 0; i < SENDS; i++) {
		struct completion completion = kernel_take_at_once(&ring);

		assert_int_equal(completion.user_data, i);
		assert_int_equal(completion.result, i == SENDS / 2 ? -EPIPE : (int)sizeof(data));
	}
}

static void await_head(void)
{
	struct timespec begin, now;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	while (io_uring_smp_load_acquire(ring.sq.khead) != ring.sq.sqe_tail) {
		sched_yield();
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec - begin.tv_sec > KERNEL_WAIT_MS / 1000)
			fail_msg("the thread takes nothing");
	}
}

static void a_polled_queue_is_empty_only_when_its_sends_are_done(void **state)
{
	(void)state;
	for (unsigned round = 0; round < ROUNDS; round++) {
		prepare_sends();
		assert_true(io_uring_submit(&ring) >= 0); /* wakes the thread if it sleeps */
		await_head();
		assert_all_in_order();
		read_what_came();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(completions_are_there_in_order_when_submission_returns,
						before, after),
		cmocka_unit_test_setup_teardown(failures_keep_the_order, before, after),
		cmocka_unit_test_setup_teardown(a_polled_queue_is_empty_only_when_its_sends_are_done,
						before_polled, after),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
