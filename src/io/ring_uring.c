/* SPDX-License-Identifier: MIT */
/*
 * The io_uring engine: the only file that calls liburing.
 *
 * One instance per worker, created in the worker's thread (SINGLE_ISSUER and DEFER_TASKRUN ask
 * for that: completions are then produced only while the worker waits, with no interrupt and
 * no lock). The worker fills the submission queue while it handles completions and pays one
 * io_uring_enter per batch, which submits and waits in one go.
 *
 * The hard thing is the promise of quiet sends (ring.h). It rests on MSG_DONTWAIT together with
 * MSG_WAITALL: the kernel then tries once, at submission, and never arms a poll; what it took
 * in part is an error for it, so CQE_SKIP_SUCCESS does not hide it. tests/kernel shows it.
 * Completions that overflowed the queue are fetched before ring_wait() returns, because "no
 * completion" carries meaning here.
 */
#include "io/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "io/abi.h"
#include "io/refusal.h"

#define BUFFER_GROUP 0
#define FINISH_ATTEMPTS 10000 /* a millisecond each */

struct uring {
	struct ring ring;
	struct io_uring io;
	unsigned enter_flags; /* of every io_uring_enter */
	uint64_t timeout_ms;  /* what `argument` says; it changes rarely */
	struct __kernel_timespec time;
	struct io_uring_getevents_arg argument;

	struct io_uring_buf_ring *buffer_ring;

	struct completion *batch; /* what wait() hands out */
	unsigned batch_capacity;
};

static struct uring *uring_of(struct ring *ring)
{
	return (struct uring *)ring;
}

/*
 * Linux 6.1 has all of them. SUBMIT_ALL: one refused entry must not stop the batch behind it.
 * CQSIZE: multishot operations complete far more often than they are submitted.
 */
#define SETUP_FLAGS                                                                                          \
	(IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE | IORING_SETUP_SINGLE_ISSUER |                        \
	 IORING_SETUP_DEFER_TASKRUN)

static int create_uring(struct uring *uring, const struct ring_options *options, struct fault *fault)
{
	struct io_uring_params params = { .flags = SETUP_FLAGS, .cq_entries = options->completions };
	int error = io_uring_queue_init_params(options->entries, &uring->io, &params);

	if (error < 0)
		return refusal_explain(fault, error);

	/* An entry's place in the queue and its index are always the same here, so this is written once. */
	for (unsigned i = 0; uring->io.sq.array && i < params.sq_entries; i++)
		uring->io.sq.array[i] = i;

	uring->enter_flags = IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG;
	if (params.features & IORING_FEAT_NO_IOWAIT)
		uring->enter_flags |= IORING_ENTER_NO_IOWAIT;
	/* Saves the look-up of the ring's descriptor on every enter; without it only slower. */
	if (io_uring_register_ring_fd(&uring->io) == 1)
		uring->enter_flags |= IORING_ENTER_REGISTERED_RING;
	return 0;
}

static void give_buffer(struct uring *uring, uint16_t buffer)
{
	const struct ring *ring = &uring->ring;

	io_uring_buf_ring_add(uring->buffer_ring, ring->buffers + (size_t)buffer * ring->buffer_size,
			      ring->buffer_size, buffer, io_uring_buf_ring_mask(ring->buffer_count), 0);
	io_uring_buf_ring_advance(uring->buffer_ring, 1);
}

static int create_buffers(struct uring *uring, const struct ring_options *options, struct fault *fault)
{
	struct io_uring_buf_reg registration = { .bgid = BUFFER_GROUP, .ring_entries = options->buffers };
	int error;

	uring->ring.buffer_count = options->buffers;
	uring->ring.buffer_size = options->buffer_size;
	uring->ring.buffers = mem_reserve((size_t)options->buffers * options->buffer_size);
	uring->buffer_ring = mem_reserve(options->buffers * sizeof(struct io_uring_buf));
	if (!uring->ring.buffers || !uring->buffer_ring)
		return fault_set(fault, -ENOMEM,
				 "no memory for %u receive buffers of %u bytes; use fewer --buffers",
				 options->buffers, options->buffer_size);

	registration.ring_addr = (uintptr_t)uring->buffer_ring;
	error = io_uring_register_buf_ring(&uring->io, &registration, 0);
	if (error < 0)
		return refusal_explain(fault, error);
	io_uring_buf_ring_init(uring->buffer_ring);
	for (unsigned i = 0; i < options->buffers; i++)
		give_buffer(uring, (uint16_t)i);
	return 0;
}

static void destroy(struct ring *ring)
{
	struct uring *uring = uring_of(ring);

	io_uring_queue_exit(&uring->io);
	mem_unreserve(uring->buffer_ring, ring->buffer_count * sizeof(struct io_uring_buf));
	mem_unreserve(ring->buffers, (size_t)ring->buffer_count * ring->buffer_size);
	mem_free(uring->batch);
	mem_free(uring);
}

static int create(const struct ring_options *options, struct ring **ret_ring, struct fault *fault)
{
	struct uring *uring = mem_alloc_zeroed(1, sizeof(*uring));
	int error;

	if (!uring)
		return fault_set(fault, -ENOMEM, "no memory for a ring");
	uring->io.ring_fd = -1;
	uring->ring.engine = &ring_uring;
	uring->ring.stats = options->stats;
	error = create_uring(uring, options, fault);
	if (error < 0) {
		mem_free(uring);
		return error;
	}
	error = create_buffers(uring, options, fault);
	if (error < 0) {
		destroy(&uring->ring);
		return error;
	}
	*ret_ring = &uring->ring;
	return 0;
}

static void set_timeout(struct uring *uring, uint64_t timeout_ms)
{
	if (timeout_ms == uring->timeout_ms)
		return;
	uring->timeout_ms = timeout_ms;
	uring->time.tv_sec = (long long)(timeout_ms / 1000);
	uring->time.tv_nsec = (long long)(timeout_ms % 1000) * 1000000;
	uring->argument.ts = timeout_ms == RING_FOREVER ? 0 : (uintptr_t)&uring->time;
}

/*
 * Pass the queue on and, with `wait`, sleep until a completion is there or the time is over.
 * Interruptions and timeouts are not errors: the caller looks at the completion queue anyway.
 */
static void enter(struct uring *uring, unsigned wait)
{
	struct io_uring_sq *sq = &uring->io.sq;
	unsigned count = sq->sqe_tail - sq->sqe_head;
	int result;

	io_uring_smp_store_release(sq->ktail, sq->sqe_tail);
	result = io_uring_enter2((unsigned)uring->io.enter_ring_fd, count, wait, uring->enter_flags,
				 (sigset_t *)&uring->argument, sizeof(uring->argument));
	/* With SUBMIT_ALL every entry is consumed; only an enter that failed before it looked leaves them. */
	sq->sqe_head = *sq->khead;
	stats_add(uring->ring.stats, COUNTER_enters, 1);
	stats_add(uring->ring.stats, COUNTER_submissions, count);
	check(result >= 0 || result == -EINTR || result == -ETIME || result == -EAGAIN || result == -EBUSY);
}

static struct io_uring_sqe *take_entry(struct ring *ring)
{
	struct uring *uring = uring_of(ring);
	struct io_uring_sqe *entry = io_uring_get_sqe(&uring->io);

	/* A full queue goes to the kernel early; it empties unless memory or the completion queue is short.
	 */
	for (unsigned attempt = 0; !entry && attempt < 1000; attempt++) {
		enter(uring, 0);
		entry = io_uring_get_sqe(&uring->io);
	}
	check(entry);
	return entry;
}

static void submit_accept(struct ring *ring, uint64_t tag, int listener)
{
	struct io_uring_sqe *entry = take_entry(ring);

	io_uring_prep_multishot_accept(entry, listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	entry->user_data = tag;
}

static void submit_accept_one(struct ring *ring, uint64_t tag, int listener)
{
	struct io_uring_sqe *entry = take_entry(ring);

	io_uring_prep_accept(entry, listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	entry->user_data = tag;
}

static void submit_recv(struct ring *ring, uint64_t tag, int fd)
{
	struct io_uring_sqe *entry = take_entry(ring);

	io_uring_prep_recv_multishot(entry, fd, NULL, 0, 0);
	entry->flags |= IOSQE_BUFFER_SELECT;
	entry->buf_group = BUFFER_GROUP;
	entry->user_data = tag;
}

static void submit_send(struct ring *ring, uint64_t tag, int fd, const void *base, size_t size)
{
	struct io_uring_sqe *entry = take_entry(ring);

	io_uring_prep_send(entry, fd, base, size, MSG_DONTWAIT | MSG_WAITALL);
	entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
	entry->user_data = tag;
}

static void submit_send_gather(struct ring *ring, uint64_t tag, int fd, const struct msghdr *message)
{
	struct io_uring_sqe *entry = take_entry(ring);

	io_uring_prep_sendmsg(entry, fd, message, MSG_DONTWAIT | MSG_WAITALL);
	entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
	entry->user_data = tag;
}

static void submit_poll(struct ring *ring, uint64_t tag, int fd, unsigned events)
{
	struct io_uring_sqe *entry = take_entry(ring);

	io_uring_prep_poll_add(entry, fd, events);
	entry->user_data = tag;
}

static void submit_writable(struct ring *ring, uint64_t tag, int fd)
{
	submit_poll(ring, tag, fd, POLLOUT);
}

static void submit_writable_edges(struct ring *ring, uint64_t tag, int fd)
{
	struct io_uring_sqe *entry = take_entry(ring);

	io_uring_prep_poll_multishot(entry, fd, POLLOUT);
	entry->user_data = tag;
}

static void submit_readable(struct ring *ring, uint64_t tag, int fd)
{
	submit_poll(ring, tag, fd, POLLIN);
}

static void submit_open(struct ring *ring, uint64_t tag, int folder, const char *path,
			const struct open_how *how)
{
	struct io_uring_sqe *entry = take_entry(ring);

	/* liburing takes it without const; the kernel copies it at submission and writes nothing. */
	io_uring_prep_openat2(entry, folder, path, (struct open_how *)how);
	entry->user_data = tag;
}

static void submit_read(struct ring *ring, uint64_t tag, int fd, void *base, size_t size, uint64_t offset)
{
	struct io_uring_sqe *entry = take_entry(ring);

	check(size <= UINT_MAX);
	io_uring_prep_read(entry, fd, base, (unsigned)size, offset);
	entry->user_data = tag;
}

static void submit_cancel(struct ring *ring, uint64_t tag)
{
	struct io_uring_sqe *entry = take_entry(ring);

	io_uring_prep_cancel64(entry, tag, 0);
	entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
	entry->user_data = 0;
}

static void submit_close(struct ring *ring, int fd)
{
	struct io_uring_sqe *entry = take_entry(ring);

	io_uring_prep_close(entry, fd);
	entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
	entry->user_data = 0;
}

static bool grow_batch(struct uring *uring, unsigned wanted)
{
	unsigned capacity = uring->batch_capacity ? uring->batch_capacity : 256;
	struct completion *batch;

	while (capacity < wanted)
		capacity *= 2;
	if (capacity == uring->batch_capacity)
		return true;
	batch = mem_resize(uring->batch, capacity * sizeof(*batch));
	if (!batch)
		return false;
	uring->batch = batch;
	uring->batch_capacity = capacity;
	return true;
}

_Static_assert(sizeof(struct completion) == sizeof(struct io_uring_cqe) &&
		       offsetof(struct completion, result) == offsetof(struct io_uring_cqe, res) &&
		       offsetof(struct completion, flags) == offsetof(struct io_uring_cqe, flags) &&
		       COMPLETION_BUFFER == IORING_CQE_F_BUFFER && COMPLETION_MORE == IORING_CQE_F_MORE &&
		       COMPLETION_BUFFER_MORE == IORING_CQE_F_BUF_MORE && IORING_CQE_BUFFER_SHIFT == 16,
	       "a completion is a completion queue entry");

/* Move what the completion queue holds behind the first `count` of the batch. */
static unsigned reap(struct uring *uring, unsigned count)
{
	const struct io_uring_cq *cq = &uring->io.cq;
	unsigned mask = *cq->kring_mask;
	unsigned head = *cq->khead;
	unsigned tail = io_uring_smp_load_acquire(cq->ktail);

	/* Losing a completion would be worse than stopping. */
	if (count + (tail - head) > uring->batch_capacity)
		check(grow_batch(uring, count + (tail - head)));
	for (; head != tail; head++)
		memcpy(&uring->batch[count++], &cq->cqes[head & mask], sizeof(struct completion));
	io_uring_smp_store_release(cq->khead, tail);
	return count;
}

/* Has the kernel more for us than the queues show: entries not taken, completions held back? */
static bool is_unfinished(const struct uring *uring)
{
	const struct io_uring_sq *sq = &uring->io.sq;

	return sq->sqe_head != sq->sqe_tail || IO_URING_READ_ONCE(*sq->kflags) & IORING_SQ_CQ_OVERFLOW;
}

/*
 * Without memory the kernel takes fewer entries than it was given; with a full completion
 * queue it keeps completions to itself. Neither may pass for "nothing came back", so ask until
 * both have ended; after ten seconds without memory, end as on any broken state.
 */
static unsigned finish(struct uring *uring, unsigned count)
{
	for (unsigned attempt = 0; is_unfinished(uring); attempt++) {
		check(attempt < FINISH_ATTEMPTS);
		if (attempt >= 8)
			nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
		stats_add(uring->ring.stats, COUNTER_overflows, 1);
		enter(uring, 0);
		count = reap(uring, count);
	}
	return count;
}

static unsigned wait(struct ring *ring, uint64_t timeout_ms, const struct completion **ret_completions)
{
	struct uring *uring = uring_of(ring);
	unsigned count;

	set_timeout(uring, timeout_ms);
	enter(uring, timeout_ms > 0);
	count = reap(uring, 0);
	if (is_unfinished(uring))
		count = finish(uring, count);
	stats_add(ring->stats, COUNTER_completions, count);
	*ret_completions = uring->batch;
	return count;
}

static void bytes_return(struct ring *ring, const struct completion *completion)
{
	give_buffer(uring_of(ring), completion_buffer(completion));
}

const struct ring_engine ring_uring = {
	.name = "io_uring",
	.create = create,
	.destroy = destroy,
	.submit_accept = submit_accept,
	.submit_accept_one = submit_accept_one,
	.submit_recv = submit_recv,
	.submit_send = submit_send,
	.submit_send_gather = submit_send_gather,
	.submit_writable = submit_writable,
	.submit_writable_edges = submit_writable_edges,
	.submit_readable = submit_readable,
	.submit_open = submit_open,
	.submit_read = submit_read,
	.submit_cancel = submit_cancel,
	.submit_close_socket = submit_close,
	.submit_close = submit_close,
	.wait = wait,
	.bytes_return = bytes_return,
};
