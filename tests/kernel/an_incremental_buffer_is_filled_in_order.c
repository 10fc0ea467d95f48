/* SPDX-License-Identifier: MIT */
/*
 * An incremental buffer (IOU_PBUF_RING_INC) takes one arrival behind the other, and says when it is done
 * with.
 *
 * With incremental=on the server finds an arrival behind those that the same buffer brought before: it
 * adds up their sizes while IORING_CQE_F_BUF_MORE is set, and gives the buffer back at the first completion
 * without it. So the kernel must use a buffer without gaps, name it in every completion, and never go on in
 * one that it has declared done.
 *
 * References: io_uring_register_buf_ring(3), IOU_PBUF_RING_INC; 6.12.
 */
#include "../../src/io/abi.h"
#include "buffers.h"

enum { RECV = 1 };

static struct io_uring ring;
static struct buffers buffers;
static struct kernel_pair pair;

static int before(void **state)
{
	struct abi_buffer_ring registration = {
		.entries = BUFFER_COUNT,
		.group = BUFFER_GROUP,
		.flags = ABI_BUFFER_RING_INCREMENTAL,
	};
	int error;

	(void)state;
	kernel_ring_init(&ring);
	buffers.ring = mmap(NULL, BUFFER_COUNT * sizeof(struct io_uring_buf), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(buffers.ring, MAP_FAILED);
	registration.address = (uintptr_t)buffers.ring;
	error = abi_register(ring.ring_fd, IORING_REGISTER_PBUF_RING, &registration, 1);
	if (error < 0)
		kernel_skip("no incremental buffers", -error);
	for (unsigned id = 0; id < BUFFER_COUNT; id++)
		buffers_return(&buffers, id);
	pair = kernel_pair_make(0);
	buffers_submit_recv(&ring, pair.server, RECV);
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

/* One arrival of these bytes lies at `offset` of buffer `id`. */
static void assert_arrives(const char *text, unsigned id, size_t offset, bool more)
{
	struct completion completion;
	size_t size = strlen(text);

	kernel_write_all(pair.client, text, size);
	completion = kernel_wait(&ring);
	assert_int_equal(completion.result, (int)size);
	assert_int_equal(buffers_id(&completion), id);
	assert_memory_equal(buffers.memory[id] + offset, text, size);
	assert_int_equal((completion.flags & IORING_CQE_F_BUF_MORE) != 0, more);
	assert_true(completion.flags & IORING_CQE_F_MORE);
}

static void arrivals_lie_behind_each_other(void **state)
{
	(void)state;
	assert_arrives("one", 0, 0, true);
	assert_arrives("two two", 0, 3, true);
	assert_arrives("3", 0, 10, true);
}

static void a_buffer_that_is_full_is_done_with(void **state)
{
	char text[BUFFER_SIZE + 1] = { 0 };

	(void)state;
	memset(text, 'x', BUFFER_SIZE);
	assert_arrives(text + 10, 0, 0, true);
	assert_arrives(text + BUFFER_SIZE - 10, 0, BUFFER_SIZE - 10, false);
	assert_arrives("next", 1, 0, true);
	assert_arrives(text + 4, 1, 4, false);
	assert_arrives(text, 2, 0, false);
}

/* What does not fit goes on in the next buffer, in order. */
static void an_arrival_may_lie_in_two_buffers(void **state)
{
	struct completion first, second;
	uint8_t data[20];

	(void)state;
	kernel_pattern(data, sizeof(data), 1);
	for (size_t i = 0; i < BUFFER_SIZE - 8; i += 8)
		assert_arrives("8 bytes.", 0, i, true);
	kernel_write_all(pair.client, data, sizeof(data));
	first = kernel_wait(&ring);
	second = kernel_wait(&ring);
	assert_int_equal(first.result, 8);
	assert_int_equal(buffers_id(&first), 0);
	assert_int_equal(first.flags & IORING_CQE_F_BUF_MORE, 0);
	assert_memory_equal(buffers.memory[0] + BUFFER_SIZE - 8, data, 8);
	assert_int_equal(second.result, 12);
	assert_int_equal(buffers_id(&second), 1);
	assert_memory_equal(buffers.memory[1], data + 8, 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(arrivals_lie_behind_each_other, before, after),
		cmocka_unit_test_setup_teardown(a_buffer_that_is_full_is_done_with, before, after),
		cmocka_unit_test_setup_teardown(an_arrival_may_lie_in_two_buffers, before, after),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
