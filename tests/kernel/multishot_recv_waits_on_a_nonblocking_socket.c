/* SPDX-License-Identifier: MIT */
/*
 * A multishot receive on an O_NONBLOCK socket waits for bytes; it does not end with -EAGAIN.
 *
 * The server's sockets are non-blocking for sendfile(2)'s sake, and the receive is armed on
 * the same descriptor. Beside it a poll for POLLOUT waits for room: each must complete alone,
 * neither may use up or delay the other.
 *
 * References: io_uring_prep_recv_multishot(3), io_uring_prep_poll_add(3); 6.0.
 */
#include "buffers.h"

enum {
	RECV = 1,
	ROOM = 2,
	BUFFER = 32 * 1024,
};

static struct io_uring ring;
static struct buffers buffers;
static struct kernel_pair pair;

static int before(void **state)
{
	(void)state;
	kernel_ring_init(&ring);
	buffers_init(&buffers, &ring);
	pair = kernel_pair_make(BUFFER);
	return 0;
}

static int after(void **state)
{
	(void)state;
	io_uring_queue_exit(&ring);
	buffers_deinit(&buffers);
	kernel_pair_close(&pair);
	return 0;
}

static void assert_arrives(const char *text)
{
	struct completion completion;

	kernel_write_all(pair.client, text, strlen(text));
	completion = kernel_wait(&ring);
	assert_int_equal(completion.user_data, RECV);
	buffers_assert_text(&buffers, &completion, text);
}

/* Bytes until the socket takes no more and stays so, although the client's kernel acknowledges; how many. */
static size_t fill_up(void)
{
	static const uint8_t filler[64 * 1024];
	struct pollfd pollfd = { .fd = pair.server, .events = POLLOUT };
	size_t total = 0;

	do {
		ssize_t count = send(pair.server, filler, sizeof(filler), MSG_DONTWAIT | MSG_NOSIGNAL);

		if (count < 0)
			assert_int_equal(errno, EAGAIN);
		else
			total += (size_t)count;
		assert_true(total < 64 * 1024 * 1024);
	} while (poll(&pollfd, 1, KERNEL_QUIET_MS) == 1);
	return total;
}

static void drain(size_t size)
{
	uint8_t *data = malloc(size);

	assert_non_null(data);
	kernel_read_all(pair.client, data, size);
	free(data);
}

static void bytes_that_come_later_are_delivered(void **state)
{
	(void)state;
	buffers_submit_recv(&ring, pair.server, RECV);
	assert_int_equal(io_uring_cq_ready(&ring), 0);
	kernel_assert_quiet(&ring);
	assert_arrives("first");
	kernel_assert_quiet(&ring);
	assert_arrives("second");
}

static void bytes_that_were_there_before_are_delivered(void **state)
{
	struct completion completion;

	(void)state;
	kernel_write_all(pair.client, "early", 5);
	kernel_poll(pair.server, POLLIN);
	buffers_submit_recv(&ring, pair.server, RECV);
	completion = kernel_wait(&ring);
	buffers_assert_text(&buffers, &completion, "early");
	assert_arrives("later");
}

static void a_poll_for_room_completes_beside_it(void **state)
{
	struct io_uring_sqe *sqe;
	struct completion completion;
	size_t size;

	(void)state;
	buffers_submit_recv(&ring, pair.server, RECV);
	size = fill_up();
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_poll_add(sqe, pair.server, POLLOUT);
	kernel_submit(&ring, sqe, ROOM);
	kernel_assert_quiet(&ring);

	assert_arrives("while full");
	kernel_assert_quiet(&ring);

	drain(size);
	completion = kernel_wait(&ring);
	assert_int_equal(completion.user_data, ROOM);
	assert_true(completion.result & POLLOUT);
	assert_int_equal(completion.flags & IORING_CQE_F_MORE, 0);
	assert_arrives("afterwards");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(bytes_that_come_later_are_delivered, before, after),
		cmocka_unit_test_setup_teardown(bytes_that_were_there_before_are_delivered, before, after),
		cmocka_unit_test_setup_teardown(a_poll_for_room_completes_beside_it, before, after),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
