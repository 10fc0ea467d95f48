/* SPDX-License-Identifier: MIT */
/*
 * A multishot receive that finds no buffer ends with -ENOBUFS and loses nothing.
 *
 * The server arms the receive again when the turn's buffers were returned.
 * So the end must be announced (no IORING_CQE_F_MORE), the bytes must stay in the socket, and
 * the next receive must bring them in order. Arming it while the ring is still empty ends it
 * again once there are bytes (at once, on some kernels): the server must wait for a buffer.
 *
 * References: io_uring_setup_buf_ring(3), io_uring_prep_recv_multishot(3); 6.0.
 */
#include "buffers.h"

enum {
	RECV = 1,
	TOTAL = BUFFER_COUNT * BUFFER_SIZE * 2 + BUFFER_SIZE / 2, /* the ring twice, and a part of a buffer */
};

static struct io_uring ring;
static struct buffers buffers;
static struct kernel_pair pair;
static uint8_t sent[TOTAL], received[TOTAL];

/* Take completions until the receive ends; returns the bytes in `received`, the ids in `ids`. */
static size_t receive_until_the_end(size_t done, unsigned ids[BUFFER_COUNT], unsigned *ret_count)
{
	unsigned count = 0;

	for (;;) {
		struct completion completion = kernel_wait(&ring);

		assert_int_equal(completion.user_data, RECV);
		if (completion.result == -ENOBUFS) {
			assert_int_equal(completion.flags & IORING_CQE_F_MORE, 0);
			*ret_count = count;
			return done;
		}
		assert_in_range(completion.result, 1, BUFFER_SIZE);
		assert_in_range(count, 0, BUFFER_COUNT - 1);
		assert_true(done + (size_t)completion.result <= TOTAL);
		ids[count] = buffers_id(&completion);
		memcpy(received + done, buffers.memory[ids[count]], (size_t)completion.result);
		done += (size_t)completion.result;
		count++;
	}
}

static void it_ends_and_goes_on_where_it_stopped(void **state)
{
	unsigned ids[BUFFER_COUNT], count = 0;
	struct completion completion;
	size_t done;

	(void)state;
	kernel_write_all(pair.client, sent, TOTAL);
	kernel_poll(pair.server, POLLIN);
	buffers_submit_recv(&ring, pair.server, RECV);
	done = receive_until_the_end(0, ids, &count);
	assert_int_equal(count, BUFFER_COUNT);
	assert_int_equal(done, BUFFER_COUNT * BUFFER_SIZE);
	kernel_assert_quiet(&ring);

	for (unsigned i = 0; i < count; i++)
		buffers_return(&buffers, ids[i]);
	buffers_submit_recv(&ring, pair.server, RECV);
	done = receive_until_the_end(done, ids, &count);
	assert_int_equal(count, BUFFER_COUNT);

	for (unsigned i = 0; i < count; i++)
		buffers_return(&buffers, ids[i]);
	buffers_submit_recv(&ring, pair.server, RECV);
	completion = kernel_wait(&ring);
	assert_int_equal(completion.result, TOTAL - (int)done);
	assert_true(completion.flags & IORING_CQE_F_MORE);
	memcpy(received + done, buffers.memory[buffers_id(&completion)], (size_t)completion.result);
	assert_memory_equal(received, sent, TOTAL);
}

static void arming_it_without_a_buffer_ends_it_again(void **state)
{
	unsigned ids[BUFFER_COUNT], count = 0;

	(void)state;
	kernel_write_all(pair.client, sent, TOTAL);
	kernel_poll(pair.server, POLLIN);
	buffers_submit_recv(&ring, pair.server, RECV);
	receive_until_the_end(0, ids, &count);

	buffers_submit_recv(&ring, pair.server, RECV);
	receive_until_the_end(0, ids, &count);
	assert_int_equal(count, 0);
	kernel_assert_quiet(&ring);
}

static int before(void **state)
{
	(void)state;
	kernel_ring_init(&ring);
	buffers_init(&buffers, &ring);
	pair = kernel_pair_make(0);
	kernel_pattern(sent, sizeof(sent), 2);
	memset(received, 0, sizeof(received));
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_ends_and_goes_on_where_it_stopped, before, after),
		cmocka_unit_test_setup_teardown(arming_it_without_a_buffer_ends_it_again, before, after),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
