/* SPDX-License-Identifier: MIT */
/*
 * On a full socket whose peer has ended its side, a multishot poll for POLLOUT reports space
 * once it is there, and is silent until then.
 *
 * A one-shot poll completes at once on such a socket, full or not, since the kernel adds
 * POLLRDHUP to what is asked for: a server that polls, finds the socket full and polls again
 * would use up a processor. The multishot poll also completes at once, but only the first time.
 *
 * References: io_uring_prep_poll_multishot(3), 5.13; IO_POLL_UNMASK in io_uring/poll.c.
 */
#include "kernel.h"

enum {
	ROOM = 1,
	BUFFER = 32 * 1024,
};

static struct io_uring ring;
static struct kernel_pair pair;

static int before(void **state)
{
	(void)state;
	kernel_ring_init(&ring);
	pair = kernel_pair_make(BUFFER);
	return 0;
}

static int after(void **state)
{
	(void)state;
	io_uring_queue_exit(&ring);
	kernel_pair_close(&pair);
	return 0;
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
	} while (poll(&pollfd, 1, KERNEL_QUIET_MS) == 1 && (pollfd.revents & POLLOUT));
	return total;
}

static void half_close_and_fill(size_t *ret_size)
{
	assert_int_equal(shutdown(pair.client, SHUT_WR), 0);
	*ret_size = fill_up();
}

static void a_one_shot_poll_is_ready_although_nothing_fits(void **state)
{
	struct completion completion;
	struct io_uring_sqe *sqe;
	size_t size;

	(void)state;
	half_close_and_fill(&size);
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_poll_add(sqe, pair.server, POLLOUT);
	kernel_submit(&ring, sqe, ROOM);
	completion = kernel_wait(&ring);
	assert_int_equal(completion.user_data, ROOM);
	assert_true(completion.result > 0);
	assert_false(completion.result & POLLOUT);
}

static void a_multishot_poll_is_silent_until_something_fits(void **state)
{
	struct completion completion;
	struct io_uring_sqe *sqe;
	uint8_t *data;
	size_t size;

	(void)state;
	half_close_and_fill(&size);
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_poll_multishot(sqe, pair.server, POLLOUT);
	kernel_submit(&ring, sqe, ROOM);
	completion = kernel_wait(&ring);
	assert_true(completion.flags & IORING_CQE_F_MORE);
	kernel_assert_quiet(&ring);

	data = malloc(size);
	assert_non_null(data);
	kernel_read_all(pair.client, data, size);
	free(data);
	completion = kernel_wait(&ring);
	assert_int_equal(completion.user_data, ROOM);
	assert_true(completion.result & POLLOUT);
	assert_true(completion.flags & IORING_CQE_F_MORE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_one_shot_poll_is_ready_although_nothing_fits, before,
						after),
		cmocka_unit_test_setup_teardown(a_multishot_poll_is_silent_until_something_fits, before,
						after),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
