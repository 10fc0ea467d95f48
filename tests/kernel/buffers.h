/* SPDX-License-Identifier: MIT */
/*
 * A ring of provided buffers, and the multishot receive that takes from it.
 *
 * Small on purpose: eight buffers of 64 bytes, so that a test can empty the ring with one
 * write. liburing 2.3 has no allocator for such a ring; its memory comes from mmap because it
 * must begin at a page.
 */
#ifndef QUOIT_TESTS_KERNEL_BUFFERS_H
#define QUOIT_TESTS_KERNEL_BUFFERS_H

#include <sys/mman.h>

#include "kernel.h"

enum {
	BUFFER_COUNT = 8, /* a power of two: the ring's size */
	BUFFER_SIZE = 64,
	BUFFER_GROUP = 1,
};

struct buffers {
	struct io_uring_buf_ring *ring;
	uint8_t memory[BUFFER_COUNT][BUFFER_SIZE];
};

/* Give the buffer to the kernel: it may be filled from now on. */
static inline void buffers_return(struct buffers *buffers, unsigned id)
{
	int mask = io_uring_buf_ring_mask(BUFFER_COUNT);

	io_uring_buf_ring_add(buffers->ring, buffers->memory[id], BUFFER_SIZE, (unsigned short)id, mask, 0);
	io_uring_buf_ring_advance(buffers->ring, 1);
}

/* All BUFFER_COUNT buffers are the kernel's afterwards. */
static inline void buffers_init(struct buffers *buffers, struct io_uring *ring)
{
	size_t size = BUFFER_COUNT * sizeof(struct io_uring_buf);
	struct io_uring_buf_reg registration = { .ring_entries = BUFFER_COUNT, .bgid = BUFFER_GROUP };
	int error;

	buffers->ring = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(buffers->ring, MAP_FAILED);
	io_uring_buf_ring_init(buffers->ring);
	registration.ring_addr = (uintptr_t)buffers->ring;
	error = io_uring_register_buf_ring(ring, &registration, 0);
	if (error < 0)
		kernel_skip("no rings of provided buffers", -error);
	for (unsigned id = 0; id < BUFFER_COUNT; id++)
		buffers_return(buffers, id);
}

/* After the ring's end: the kernel must not know the memory any more. */
static inline void buffers_deinit(struct buffers *buffers)
{
	munmap(buffers->ring, BUFFER_COUNT * sizeof(struct io_uring_buf));
}

/* One submission, as many completions as there are arrivals. */
static inline void buffers_submit_recv(struct io_uring *ring, int fd, uint64_t user_data)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	io_uring_prep_recv_multishot(sqe, fd, NULL, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = BUFFER_GROUP;
	kernel_submit(ring, sqe, user_data);
}

static inline unsigned buffers_id(const struct completion *completion)
{
	assert_true(completion->flags & IORING_CQE_F_BUFFER);
	return completion->flags >> IORING_CQE_BUFFER_SHIFT;
}

/* The completion brought exactly this text, and the receive goes on; the buffer is given back. */
static inline void buffers_assert_text(struct buffers *buffers, const struct completion *completion,
				       const char *text)
{
	unsigned id = buffers_id(completion);

	assert_int_equal(completion->result, (int)strlen(text));
	assert_memory_equal(buffers->memory[id], text, strlen(text));
	assert_true(completion->flags & IORING_CQE_F_MORE);
	buffers_return(buffers, id);
}

#endif
