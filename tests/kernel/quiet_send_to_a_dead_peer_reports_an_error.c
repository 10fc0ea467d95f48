/* SPDX-License-Identifier: MIT */
/*
 * A quiet send to a peer that reset the connection posts an error, at submission.
 *
 * The server takes silence for success, so a connection that is gone must never be silent. It
 * must not raise SIGPIPE either: the signal keeps its default action here and would end the
 * test. The first error is the socket's own (-ECONNRESET, or -EPIPE after a half-close), every
 * later one -EPIPE.
 *
 * References: send(2), io_uring_prep_send(3) (MSG_NOSIGNAL is implied).
 */
#include "kernel.h"

enum { NAME = 3 };

static struct io_uring ring;
static struct kernel_pair pair;

static int before(void **state)
{
	(void)state;
	kernel_ring_init(&ring);
	pair = kernel_pair_make(0);
	return 0;
}

static int after(void **state)
{
	(void)state;
	io_uring_queue_exit(&ring);
	close(pair.server);
	return 0;
}

/* The result that is in the ring when the submission returns. */
static int send_quietly(void)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\n\r\n";
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
	struct completion completion;

	io_uring_prep_send(sqe, pair.server, answer, sizeof(answer) - 1, MSG_WAITALL | MSG_DONTWAIT);
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	kernel_submit(&ring, sqe, NAME);
	if (!kernel_take(&ring, &completion))
		return 0;
	assert_int_equal(completion.user_data, NAME);
	return completion.result;
}

static void reset_by_the_client(void)
{
	struct linger abort_on_close = { .l_onoff = 1, .l_linger = 0 };

	assert_int_equal(
		setsockopt(pair.client, SOL_SOCKET, SO_LINGER, &abort_on_close, sizeof(abort_on_close)), 0);
	close(pair.client);
	assert_true(kernel_poll(pair.server, POLLIN) & (POLLERR | POLLHUP));
}

static void a_reset_connection_reports_at_submission(void **state)
{
	int result;

	(void)state;
	reset_by_the_client();
	result = send_quietly();
	assert_true(result == -ECONNRESET || result == -EPIPE);
	assert_int_equal(send_quietly(), -EPIPE);
	kernel_assert_quiet(&ring);
}

/* The peer is gone but has not said so: the first send is taken, its reset makes the next one fail. */
static void a_closed_peer_reports_after_its_reset(void **state)
{
	int result;

	(void)state;
	close(pair.client);
	assert_true(kernel_poll(pair.server, POLLRDHUP) & POLLRDHUP);
	assert_int_equal(send_quietly(), 0);
	assert_true(kernel_poll(pair.server, 0) & (POLLERR | POLLHUP));
	result = send_quietly();
	assert_true(result == -ECONNRESET || result == -EPIPE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_reset_connection_reports_at_submission, before, after),
		cmocka_unit_test_setup_teardown(a_closed_peer_reports_after_its_reset, before, after),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
