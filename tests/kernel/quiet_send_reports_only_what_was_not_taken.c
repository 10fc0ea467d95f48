/* SPDX-License-Identifier: MIT */
/*
 * A quiet send (IOSQE_CQE_SKIP_SUCCESS with MSG_WAITALL | MSG_DONTWAIT) posts a completion
 * only when the socket did not take all of it.
 *
 * The server answers with such sends and counts on four things: nothing comes for a send taken
 * whole; a short one reports the count that was taken, and one on a full socket -EAGAIN; the
 * report is in the ring when io_uring_submit() returns, so that silence means success; and the
 * memory belongs to the caller again by then. MSG_WAITALL makes a short send a failure, which
 * is what defeats the skip; MSG_DONTWAIT keeps it from being retried behind our back. The same
 * holds for SENDMSG, whose iovecs are read during submission too.
 *
 * References: io_uring_enter(2) IOSQE_CQE_SKIP_SUCCESS, io_uring_prep_send(3); 5.17 and 6.0.
 */
#include "kernel.h"

enum {
	SMALL = 1024,
	LARGE = 4 * 1024 * 1024, /* more than both ends of a BUFFER connection hold */
	BUFFER = 32 * 1024,
	PIECES = 5,
	NAME = 7,
};

static struct io_uring ring;
static struct kernel_pair pair;
static uint8_t sent[LARGE], memory[LARGE], received[LARGE];

static int before(void **state)
{
	(void)state;
	kernel_ring_init(&ring);
	pair = kernel_pair_make(BUFFER);
	kernel_pattern(sent, sizeof(sent), 1);
	memcpy(memory, sent, sizeof(sent));
	return 0;
}

static int after(void **state)
{
	(void)state;
	io_uring_queue_exit(&ring);
	kernel_pair_close(&pair);
	return 0;
}

static void send_quietly(const void *data, size_t size)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

	io_uring_prep_send(sqe, pair.server, data, size, MSG_WAITALL | MSG_DONTWAIT);
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	kernel_submit(&ring, sqe, NAME);
}

/* The first `size` bytes of `memory` in PIECES iovecs; header and iovecs are gone when this returns. */
static void sendmsg_quietly(size_t size)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
	struct iovec pieces[PIECES];
	struct msghdr message = { .msg_iov = pieces, .msg_iovlen = PIECES };
	size_t each = size / PIECES;

	for (size_t i = 0; i < PIECES; i++)
		pieces[i] = (struct iovec){ memory + i * each, i < PIECES - 1 ? each : size - i * each };
	io_uring_prep_sendmsg(sqe, pair.server, &message, MSG_WAITALL | MSG_DONTWAIT);
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	kernel_submit(&ring, sqe, NAME);
	memset(pieces, 0xff, sizeof(pieces));
	memset(&message, 0xff, sizeof(message));
}

static int take_report(void)
{
	struct completion completion = kernel_take_at_once(&ring);

	assert_int_equal(completion.user_data, NAME);
	assert_int_equal(completion.flags & IORING_CQE_F_MORE, 0);
	return completion.result;
}

/* Send past a short send until -EAGAIN is reported; returns how many of `sent` were taken in all. */
static size_t fill_up(size_t taken)
{
	for (int tries = 0; tries < 1000; tries++) {
		int result;

		send_quietly(sent + taken, sizeof(sent) - taken);
		result = take_report();
		if (result == -EAGAIN)
			return taken;
		assert_true(result > 0);
		taken += (size_t)result;
		assert_true(taken < sizeof(sent));
	}
	fail_msg("the socket never became full");
	return 0;
}

static void assert_received(size_t size)
{
	kernel_read_all(pair.client, received, size);
	assert_memory_equal(received, sent, size);
}

static void a_send_taken_whole_is_silent(void **state)
{
	(void)state;
	send_quietly(memory, SMALL);
	memset(memory, 0, SMALL);
	assert_int_equal(io_uring_cq_ready(&ring), 0);
	assert_received(SMALL);
	kernel_assert_quiet(&ring);
}

static void a_short_send_reports_its_count_and_a_full_socket_eagain(void **state)
{
	size_t taken;
	int result;

	(void)state;
	send_quietly(memory, sizeof(memory));
	memset(memory, 0, sizeof(memory));
	result = take_report();
	assert_in_range(result, 1, LARGE - 1);
	taken = fill_up((size_t)result);
	kernel_assert_quiet(&ring);
	assert_received(taken);
	kernel_assert_quiet(&ring);
}

/* Nothing of what a report did not count arrives later, and the socket is usable again. */
static void a_socket_that_was_full_takes_the_rest(void **state)
{
	size_t taken = fill_up(0);

	(void)state;
	assert_received(taken);
	send_quietly(sent, SMALL);
	assert_int_equal(io_uring_cq_ready(&ring), 0);
	assert_received(SMALL);
}

static void a_sendmsg_taken_whole_is_silent(void **state)
{
	(void)state;
	sendmsg_quietly(SMALL);
	memset(memory, 0, SMALL);
	assert_int_equal(io_uring_cq_ready(&ring), 0);
	assert_received(SMALL);
	kernel_assert_quiet(&ring);
}

static void a_short_sendmsg_reports_its_count_and_a_full_socket_eagain(void **state)
{
	size_t taken;
	int result;

	(void)state;
	sendmsg_quietly(sizeof(memory));
	result = take_report();
	assert_in_range(result, 1, LARGE - 1);
	taken = fill_up((size_t)result);
	sendmsg_quietly(sizeof(memory));
	memset(memory, 0, sizeof(memory));
	assert_int_equal(take_report(), -EAGAIN);
	kernel_assert_quiet(&ring);
	assert_received(taken);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_send_taken_whole_is_silent, before, after),
		cmocka_unit_test_setup_teardown(a_short_send_reports_its_count_and_a_full_socket_eagain,
						before, after),
		cmocka_unit_test_setup_teardown(a_socket_that_was_full_takes_the_rest, before, after),
		cmocka_unit_test_setup_teardown(a_sendmsg_taken_whole_is_silent, before, after),
		cmocka_unit_test_setup_teardown(a_short_sendmsg_reports_its_count_and_a_full_socket_eagain,
						before, after),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
