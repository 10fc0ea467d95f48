/* SPDX-License-Identifier: MIT */
/*
 * A SEND_ZC from registered memory completes twice: at once with what was taken, and again when
 * nobody needs the memory any more; the second one says whether the kernel copied.
 *
 * The server sends long bodies so and counts on this: the first completion is posted during
 * submission, as a count, or -EAGAIN on a full socket, with IORING_CQE_F_MORE when a second one follows; that
 * one carries IORING_CQE_F_NOTIF, comes also for a send that took nothing, and comes when the socket is
 * closed with the bytes unread; on loopback it reports a copy, and so does one that took nothing,
 * which therefore counts as no report; memory may be taken out of the table while a send from it is
 * under way, and the place used for other memory, without a byte of that send changing; a unix socket
 * refuses with -EOPNOTSUPP.
 *
 * References: io_uring_prep_send_zc(3), io_uring_register_buffers_sparse(3); 6.0, the report 6.2.
 */
#include "kernel.h"

#ifndef IORING_SEND_ZC_REPORT_USAGE
#define IORING_SEND_ZC_REPORT_USAGE (1U << 3)
#endif
#ifndef IORING_NOTIF_USAGE_ZC_COPIED
#define IORING_NOTIF_USAGE_ZC_COPIED (1U << 31)
#endif

enum {
	SMALL = 16 * 1024,
	LARGE = 4 * 1024 * 1024, /* more than both ends of a BUFFER connection hold */
	BUFFER = 32 * 1024,
	PLACES = 4,
	PLACE = 2,
	NAME = 7,
};

static struct io_uring ring;
static struct kernel_pair pair;
static uint8_t sent[LARGE], memory[LARGE], other[LARGE], received[LARGE];

static void set_place(void *base, size_t size)
{
	struct iovec piece = { .iov_base = base, .iov_len = size };
	__u64 tag = 0;

	assert_int_equal(io_uring_register_buffers_update_tag(&ring, PLACE, &piece, &tag, 1), 1);
}

static void send_from(int fd, const void *data, size_t size)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

	io_uring_prep_send_zc_fixed(sqe, fd, data, size, MSG_DONTWAIT, IORING_SEND_ZC_REPORT_USAGE, PLACE);
	kernel_submit(&ring, sqe, NAME);
}

/* The first completion, which must be there when the submission has returned. */
static int take_result(bool *ret_more)
{
	struct completion completion = kernel_take_at_once(&ring);

	assert_int_equal(completion.user_data, NAME);
	assert_int_equal(completion.flags & IORING_CQE_F_NOTIF, 0);
	*ret_more = completion.flags & IORING_CQE_F_MORE;
	return completion.result;
}

static int take_count(void)
{
	bool more;
	int result = take_result(&more);

	assert_true(more);
	return result;
}

/* The second; true when it reports a copy. */
static bool wait_notification(void)
{
	struct completion completion = kernel_wait(&ring);

	assert_int_equal(completion.user_data, NAME);
	assert_int_equal(completion.flags & (IORING_CQE_F_NOTIF | IORING_CQE_F_MORE), IORING_CQE_F_NOTIF);
	return (uint32_t)completion.result & IORING_NOTIF_USAGE_ZC_COPIED;
}

/* A kernel that knows neither the table nor the report has nothing to promise. */
static void skip_unless_known(void)
{
	int error = io_uring_register_buffers_sparse(&ring, PLACES);
	struct io_uring_sqe *sqe;

	if (error < 0)
		kernel_skip("no sparse table of registered memory", -error);
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_send_zc(sqe, -1, sent, SMALL, MSG_DONTWAIT, IORING_SEND_ZC_REPORT_USAGE);
	kernel_submit(&ring, sqe, NAME);
	for (struct completion completion = kernel_wait(&ring);; completion = kernel_wait(&ring)) {
		if (completion.result == -EINVAL)
			kernel_skip("no report of what SEND_ZC has copied", EINVAL);
		if (!(completion.flags & IORING_CQE_F_MORE))
			return;
	}
}

static int before(void **state)
{
	(void)state;
	kernel_ring_init(&ring);
	skip_unless_known();
	pair = kernel_pair_make(BUFFER);
	kernel_pattern(sent, sizeof(sent), 1);
	memcpy(memory, sent, sizeof(sent));
	kernel_pattern(other, sizeof(other), 2);
	set_place(memory, sizeof(memory));
	return 0;
}

static int after(void **state)
{
	(void)state;
	io_uring_queue_exit(&ring);
	if (pair.server >= 0)
		close(pair.server);
	close(pair.client);
	return 0;
}

static void assert_received(size_t at, size_t size)
{
	kernel_read_all(pair.client, received, size);
	assert_memory_equal(received, sent + at, size);
}

static void the_result_comes_at_once_and_the_notification_when_the_memory_is_free(void **state)
{
	(void)state;
	send_from(pair.server, memory, SMALL);
	assert_int_equal(take_count(), SMALL);
	assert_received(0, SMALL);
	wait_notification();
	kernel_assert_quiet(&ring);
}

static void on_loopback_a_copy_is_reported(void **state)
{
	(void)state;
	send_from(pair.server, memory + SMALL, SMALL);
	assert_int_equal(take_count(), SMALL);
	assert_received(SMALL, SMALL);
	assert_true(wait_notification());
}

/* Notifications may come in any order and at any time; only what was announced comes. */
static void a_short_send_reports_its_count_and_a_full_socket_eagain(void **state)
{
	unsigned announced = 0;
	size_t taken = 0;
	int result = 0;

	(void)state;
	for (int tries = 0; tries < 1000 && result != -EAGAIN; tries++) {
		struct completion completion;
		bool more;

		send_from(pair.server, memory + taken, sizeof(memory) - taken);
		/* Behind the notifications of earlier sends that came meanwhile. */
		for (completion = kernel_take_at_once(&ring); completion.flags & IORING_CQE_F_NOTIF;
		     completion = kernel_take_at_once(&ring))
			announced--;
		result = completion.result;
		more = completion.flags & IORING_CQE_F_MORE;
		announced += more;
		assert_true(result > 0 ? more : result == -EAGAIN);
		taken += result > 0 ? (size_t)result : 0;
		assert_true(taken < sizeof(memory));
	}
	assert_int_equal(result, -EAGAIN);
	assert_received(0, taken);
	while (announced > 0) {
		wait_notification();
		announced--;
	}
	kernel_assert_quiet(&ring);
}

static void a_send_that_took_nothing_is_reported_as_copied(void **state)
{
	bool more;

	(void)state;
	shutdown(pair.server, SHUT_WR);
	send_from(pair.server, memory, SMALL);
	assert_int_equal(take_result(&more), -EPIPE);
	if (more)
		assert_true(wait_notification());
	kernel_assert_quiet(&ring);
}

static void memory_may_leave_the_table_while_a_send_is_under_way(void **state)
{
	size_t taken;

	(void)state;
	send_from(pair.server, memory, sizeof(memory));
	taken = (size_t)take_count();
	assert_in_range(taken, 1, LARGE - 1);
	set_place(NULL, 0);
	set_place(other, sizeof(other));
	assert_received(0, taken);
	wait_notification();
	/* And the place is the other memory's now. */
	send_from(pair.server, other, SMALL);
	assert_int_equal(take_count(), SMALL);
	kernel_read_all(pair.client, received, SMALL);
	assert_memory_equal(received, other, SMALL);
	wait_notification();
}

static void a_cleared_place_sends_nothing(void **state)
{
	bool more;

	(void)state;
	set_place(NULL, 0);
	send_from(pair.server, memory, SMALL);
	assert_int_equal(take_result(&more), -EFAULT);
	if (more)
		wait_notification();
	kernel_assert_quiet(&ring);
}

static void a_closed_socket_still_notifies(void **state)
{
	struct linger abort = { .l_onoff = 1 };

	(void)state;
	send_from(pair.server, memory, sizeof(memory));
	assert_in_range(take_count(), 1, LARGE - 1);
	assert_int_equal(setsockopt(pair.client, SOL_SOCKET, SO_LINGER, &abort, sizeof(abort)), 0);
	close(pair.server);
	pair.server = -1;
	/* The client goes without having read: what waits in the server's socket is thrown away. */
	close(pair.client);
	wait_notification();
	pair.client = socket(AF_INET, SOCK_STREAM, 0);
}

static void a_unix_socket_refuses(void **state)
{
	int ends[2];
	bool more;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	send_from(ends[0], memory, SMALL);
	assert_int_equal(take_result(&more), -EOPNOTSUPP);
	if (more)
		wait_notification();
	kernel_assert_quiet(&ring);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			the_result_comes_at_once_and_the_notification_when_the_memory_is_free, before, after),
		cmocka_unit_test_setup_teardown(on_loopback_a_copy_is_reported, before, after),
		cmocka_unit_test_setup_teardown(a_short_send_reports_its_count_and_a_full_socket_eagain,
						before, after),
		cmocka_unit_test_setup_teardown(a_send_that_took_nothing_is_reported_as_copied, before,
						after),
		cmocka_unit_test_setup_teardown(memory_may_leave_the_table_while_a_send_is_under_way, before,
						after),
		cmocka_unit_test_setup_teardown(a_cleared_place_sends_nothing, before, after),
		cmocka_unit_test_setup_teardown(a_closed_socket_still_notifies, before, after),
		cmocka_unit_test_setup_teardown(a_unix_socket_refuses, before, after),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
