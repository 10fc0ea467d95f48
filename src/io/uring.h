/* SPDX-License-Identifier: MIT */
/*
 * The inside of the io_uring engine, shared by its files alone:
 *
 *   ring_uring.c     one function per operation, and the table of the engine
 *   uring_setup.c    a ring is made as the switches say, and ended
 *   uring_restrict.c what a ring is refused once it works
 *   uring_wait.c     enters the kernel, hands out completions
 *   uring_pace.h     how many completions a wait waits for
 *   uring_direct.c   sockets that live in the ring's own table
 *
 *            sq_head          sq_tail                       cq_head            *cq_ktail
 *               v                v                             v                   v
 *   entries ... | not yet taken  | free ...        cqes ... out | not yet handed out | the kernel's ...
 *                                                       ^
 *                                                  *cq_khead: moved up to cq_head by the next wait
 */
#ifndef QUOIT_IO_URING_H
#define QUOIT_IO_URING_H

#include <stdatomic.h>

#include "io/abi.h"
#include "io/ring.h"
#include "io/uring_pace.h"

#define URING_BUFFER_GROUP 0

/* Completions outside of the queue. */
struct uring_batch {
	struct completion *completion;
	unsigned count;
	unsigned capacity;
};

/* A send that will be reported although it should be silent (cqe_skip=off). */
struct uring_report {
	uint64_t tag;
	size_t size;
};

struct uring {
	struct ring ring;

	struct io_uring_sqe *entries;
	unsigned sq_tail;
	unsigned sq_head; /* as the kernel had it after the last enter */
	unsigned sq_mask;
	_Atomic unsigned *sq_khead;
	_Atomic unsigned *sq_ktail;
	_Atomic unsigned *sq_kflags;

	struct completion *cqes; /* struct io_uring_cqe */
	unsigned cq_head;
	unsigned cq_mask;
	_Atomic unsigned *cq_khead;
	_Atomic unsigned *cq_ktail;

	unsigned enter_ring;  /* descriptor, or its place among the registered ones */
	unsigned enter_flags; /* of every enter */
	const void *enter_argument;
	size_t enter_argument_size;
	uint64_t timeout_ms; /* what the argument says; it changes rarely */
	struct __kernel_timespec timeout;
	struct abi_enter_argument argument; /* either this ... */
	struct abi_wait *wait;              /* ... or this one, in registered memory; else NULL */
	struct uring_pace pace;

	struct io_uring_buf_ring *buffer_ring;
	uint32_t buffer_tail; /* its lower half is the kernel's */
	uint32_t buffer_mask;

	uint8_t socket_flags; /* of entries for a socket */
	uint8_t send_flags;   /* of quiet sends */
	uint8_t accept_flags; /* of ioprio of a multishot accept */
	uint16_t recv_flags;  /* of ioprio */
	bool is_plain;  /* an enter submits, and completions are handed out in place, when none is missing */
	bool is_polled; /* a kernel thread submits */
	bool has_reports; /* sends are never silent */

	struct uring_batch batch;    /* handed out, when the queue could not be */
	struct uring_batch gathered; /* for the next hand-out */
	struct uring_report *reports;
	unsigned report_count;
	unsigned report_capacity;
	unsigned reported; /* of them, have come back */

	int *descriptors; /* direct: of each place of the table its real descriptor + 1, or 0; else NULL */
	unsigned places;

	int fd;
	void *rings; /* the mapping that holds both queues, but for the entries */
	size_t rings_size;
	size_t entries_size;
};

static inline struct uring *uring_of(struct ring *ring)
{
	return (struct uring *)ring;
}

int uring_create(const struct ring_options *options, struct ring **ret_ring, struct fault *fault);
void uring_destroy(struct ring *ring);

/* While the ring is disabled: what is not used with these options is refused. 0 or -errno. */
int uring_restrict(struct uring *uring, const struct ring_options *options);

unsigned uring_wait(struct ring *ring, uint64_t timeout_ms, const struct completion **ret_completions);
void uring_start_pace(struct uring *uring, const struct ring_tuning *tuning, bool has_min_wait);
/* Pass the queue on, without waiting, until an entry is free. */
void uring_make_room(struct uring *uring);
/* Pass the queue on and take the result of the operation with this tag, which completes when submitted. */
int uring_run(struct uring *uring, uint64_t tag);

/* A table for sockets: `places` of them. -errno. */
int uring_direct_create(struct uring *uring, unsigned places);
void uring_direct_destroy(struct uring *uring);
/* The engine's `adopt` and `real_descriptor`, and its submit_close_socket with direct=on. */
int uring_direct_adopt(struct ring *ring, int fd);
int uring_direct_real(struct ring *ring, int place);
void uring_direct_submit_close(struct uring *uring, int place);

/* `buffer` is the kernel's again, all of it. */
static inline void uring_give_buffer(struct uring *uring, unsigned buffer)
{
	struct io_uring_buf_ring *buffers = uring->buffer_ring;
	uint32_t size = uring->ring.buffer_size, tail = uring->buffer_tail;
	struct io_uring_buf *slot = &buffers->bufs[tail & uring->buffer_mask];

	/* Not the slot as a whole: a part of the first one is the ring's tail. */
	slot->addr = (uintptr_t)uring->ring.buffers + (size_t)buffer * size;
	slot->len = size;
	slot->bid = (uint16_t)buffer;
	uring->buffer_tail = ++tail;
	atomic_store_explicit((_Atomic uint16_t *)&buffers->tail, (uint16_t)tail, memory_order_release);
}

/* The next free entry, which there always is; the caller writes all of it, then pushes it. */
static inline struct io_uring_sqe *uring_entry(struct uring *uring)
{
	return &uring->entries[uring->sq_tail & uring->sq_mask];
}

/*
 * The queue is emptied when it becomes full, not when it is found full: so this is the last thing that a
 * submitting function does, and nothing has to be kept over the call.
 */
static inline void uring_push(struct uring *uring)
{
	if (__builtin_expect(++uring->sq_tail - uring->sq_head > uring->sq_mask, 0))
		uring_make_room(uring);
}

#endif
