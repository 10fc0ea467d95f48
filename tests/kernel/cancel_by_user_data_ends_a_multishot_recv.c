/* SPDX-License-Identifier: MIT */
/*
 * ASYNC_CANCEL by user_data ends an armed multishot receive, and then close sends the FIN.
 *
 * The server closes a connection only when nothing is in flight. It counts on two completions,
 * in any order: -ECANCELED without IORING_CQE_F_MORE for the receive and 0 for the cancel. An
 * armed receive holds the socket, so a close before them would leave the peer waiting; that
 * trap is held fast here too, since the whole closing sequence exists because of it.
 *
 * References: io_uring_prep_cancel64(3); 6.0 for the multishot receive.
 */
#include "buffers.h"

enum {
	RECV = 1,
	CANCEL = 2,
	CLOSE = 3,
	OTHER = 4,
};

static struct io_uring ring;
static struct buffers buffers;
static struct kernel_pair pair, other;

static int before(void **state)
{
	(void)state;
	kernel_ring_init(&ring);
	buffers_init(&buffers, &ring);
	pair = kernel_pair_make(0);
	other = kernel_pair_make(0);
	return 0;
}

/* The server's end of `pair` is closed by each test. */
static int after(void **state)
{
	(void)state;
	io_uring_queue_exit(&ring);
	buffers_deinit(&buffers);
	close(pair.client);
	kernel_pair_close(&other);
	return 0;
}

static void submit_cancel(void)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

	io_uring_prep_cancel64(sqe, RECV, 0);
	kernel_submit(&ring, sqe, CANCEL);
}

static void assert_both_completions(void)
{
	bool target_seen = false, cancel_seen = false;

	for (int i = 0; i < 2; i++) {
		struct completion completion = kernel_wait(&ring);

		assert_int_equal(completion.flags & IORING_CQE_F_MORE, 0);
		if (completion.user_data == RECV) {
			assert_int_equal(completion.result, -ECANCELED);
			target_seen = true;
		} else {
			assert_int_equal(completion.user_data, CANCEL);
			assert_int_equal(completion.result, 0);
			cancel_seen = true;
		}
	}
	assert_true(target_seen && cancel_seen);
}

static void assert_close_sends_fin(void)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
	struct completion completion;
	char byte;

	io_uring_prep_close(sqe, pair.server);
	kernel_submit(&ring, sqe, CLOSE);
	completion = kernel_wait(&ring);
	assert_int_equal(completion.user_data, CLOSE);
	assert_int_equal(completion.result, 0);
	assert_int_equal(recv(pair.client, &byte, 1, 0), 0);
}

static void both_report_and_close_sends_fin(void **state)
{
	struct completion completion;

	(void)state;
	buffers_submit_recv(&ring, pair.server, RECV);
	buffers_submit_recv(&ring, other.server, OTHER);
	submit_cancel();
	assert_both_completions();
	assert_close_sends_fin();

	kernel_write_all(other.client, "alive", 5);
	completion = kernel_wait(&ring);
	assert_int_equal(completion.user_data, OTHER);
	buffers_assert_text(&buffers, &completion, "alive");
}

/* It has delivered before: the cancel finds it all the same. */
static void a_receive_that_has_delivered_is_cancelled_too(void **state)
{
	struct completion completion;

	(void)state;
	buffers_submit_recv(&ring, pair.server, RECV);
	kernel_write_all(pair.client, "request", 7);
	completion = kernel_wait(&ring);
	buffers_assert_text(&buffers, &completion, "request");
	submit_cancel();
	assert_both_completions();
	assert_close_sends_fin();
}

static void cancelling_what_is_gone_reports_enoent(void **state)
{
	struct completion completion;

	(void)state;
	submit_cancel();
	completion = kernel_wait(&ring);
	assert_int_equal(completion.user_data, CANCEL);
	assert_int_equal(completion.result, -ENOENT);
	assert_close_sends_fin();
}

/* Why the order matters: the receive keeps the socket open behind a close. */
static void a_close_before_the_cancel_sends_no_fin(void **state)
{
	struct pollfd pollfd = { .fd = pair.client, .events = POLLIN };
	char byte;

	(void)state;
	buffers_submit_recv(&ring, pair.server, RECV);
	close(pair.server);
	assert_int_equal(poll(&pollfd, 1, KERNEL_QUIET_MS), 0);
	submit_cancel();
	assert_both_completions();
	assert_int_equal(recv(pair.client, &byte, 1, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(both_report_and_close_sends_fin, before, after),
		cmocka_unit_test_setup_teardown(a_receive_that_has_delivered_is_cancelled_too, before, after),
		cmocka_unit_test_setup_teardown(cancelling_what_is_gone_reports_enoent, before, after),
		cmocka_unit_test_setup_teardown(a_close_before_the_cancel_sends_no_fin, before, after),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
