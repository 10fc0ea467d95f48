/* SPDX-License-Identifier: MIT */
/*
 * send, shutdown(SHUT_WR), wait for the peer's end, close: the peer reads every byte, then EOF.
 *
 * This is how the server ends a connection of its own accord while a multishot receive is
 * armed. The shutdown is the plain system call (the ring's own always goes to a worker thread);
 * it sends the FIN after what was sent, whoever else holds the socket. The peer's FIN ends the
 * receive with 0 and without IORING_CQE_F_MORE, so nothing is in flight when CLOSE is
 * submitted. A client that still talks meanwhile must not lose the answer to a reset.
 *
 * References: shutdown(2), io_uring_prep_recv_multishot(3), io_uring_prep_close(3).
 */
#include <pthread.h>

#include "buffers.h"

enum {
	RECV = 1,
	SEND = 2,
	CLOSE = 3,
	SIZE = 1024 * 1024,
};

static struct io_uring ring;
static struct buffers buffers;
static struct kernel_pair pair;
static uint8_t sent[SIZE], received[SIZE];

static int before(void **state)
{
	(void)state;
	kernel_ring_init(&ring);
	buffers_init(&buffers, &ring);
	pair = kernel_pair_make(0);
	kernel_pattern(sent, sizeof(sent), 4);
	memset(received, 0, sizeof(received));
	return 0;
}

static int after(void **state)
{
	(void)state;
	io_uring_queue_exit(&ring);
	buffers_deinit(&buffers);
	return 0;
}

/* The client: reads to the end, says one thing more, closes. Asserts belong to the test's thread. */
static void *client_run(void *argument)
{
	size_t *ret_size = argument;
	ssize_t count;

	while (*ret_size < SIZE) {
		count = recv(pair.client, received + *ret_size, SIZE - *ret_size, 0);
		if (count <= 0)
			break;
		*ret_size += (size_t)count;
	}
	/* One byte too many, or an error, shows in the size. */
	if (recv(pair.client, &(char){ 0 }, 1, 0) != 0)
		*ret_size = 0;
	send(pair.client, "bye", 3, MSG_NOSIGNAL);
	close(pair.client);
	return NULL;
}

static void submit_send(void)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

	io_uring_prep_send(sqe, pair.server, sent, SIZE, MSG_WAITALL);
	kernel_submit(&ring, sqe, SEND);
}

static void submit_close(void)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

	io_uring_prep_close(sqe, pair.server);
	kernel_submit(&ring, sqe, CLOSE);
}

/* What the server does after its last byte; the client's words come first, then its end. */
static void assert_orderly_end(void)
{
	struct completion completion;

	assert_int_equal(shutdown(pair.server, SHUT_WR), 0);
	completion = kernel_wait(&ring);
	assert_int_equal(completion.user_data, RECV);
	buffers_assert_text(&buffers, &completion, "bye");

	completion = kernel_wait(&ring);
	assert_int_equal(completion.user_data, RECV);
	assert_int_equal(completion.result, 0);
	assert_int_equal(completion.flags & IORING_CQE_F_MORE, 0);

	submit_close();
	completion = kernel_wait(&ring);
	assert_int_equal(completion.user_data, CLOSE);
	assert_int_equal(completion.result, 0);
	kernel_assert_quiet(&ring);
}

static void every_byte_arrives_and_then_the_end(void **state)
{
	pthread_t client;
	size_t size = 0;
	struct completion completion;

	(void)state;
	buffers_submit_recv(&ring, pair.server, RECV);
	assert_int_equal(pthread_create(&client, NULL, client_run, &size), 0);
	submit_send();
	completion = kernel_wait(&ring);
	assert_int_equal(completion.user_data, SEND);
	assert_int_equal(completion.result, SIZE);
	assert_orderly_end();
	pthread_join(client, NULL);
	assert_int_equal(size, SIZE);
	assert_memory_equal(received, sent, SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_byte_arrives_and_then_the_end, before, after),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
