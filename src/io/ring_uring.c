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
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "io/abi.h"
#include "io/refusal.h"

#define BUFFER_GROUP 0
#define FINISH_ATTEMPTS 10000 /* a millisecond each */

struct ring {
	struct io_uring uring;
	unsigned enter_flags; /* of every io_uring_enter */
	uint64_t timeout_ms;  /* what `argument` says; it changes rarely */
	struct __kernel_timespec time;
	struct io_uring_getevents_arg argument;
	struct stats *stats;

	struct io_uring_buf_ring *buffer_ring;
	uint8_t *buffers;
	unsigned buffer_count;
	unsigned buffer_size;

	struct completion *batch; /* what ring_wait() hands out */
	unsigned batch_capacity;
};

/*
 * Linux 6.1 has all of them. SUBMIT_ALL: one refused entry must not stop the batch behind it.
 * CQSIZE: multishot operations complete far more often than they are submitted.
 */
#define SETUP_FLAGS                                                                                          \
	(IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE | IORING_SETUP_SINGLE_ISSUER |                        \
	 IORING_SETUP_DEFER_TASKRUN)

static int create_uring(struct ring *ring, const struct ring_options *options, struct fault *fault)
{
	struct io_uring_params params = { .flags = SETUP_FLAGS, .cq_entries = options->completions };
	int error = io_uring_queue_init_params(options->entries, &ring->uring, &params);

	if (error < 0)
		return refusal_explain(fault, error);

	/* An entry's place in the queue and its index are always the same here, so this is written once. */
	for (unsigned i = 0; ring->uring.sq.array && i < params.sq_entries; i++)
		ring->uring.sq.array[i] = i;

	ring->enter_flags = IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG;
	if (params.features & IORING_FEAT_NO_IOWAIT)
		ring->enter_flags |= IORING_ENTER_NO_IOWAIT;
	/* Saves the look-up of the ring's descriptor on every enter; without it only slower. */
	if (io_uring_register_ring_fd(&ring->uring) == 1)
		ring->enter_flags |= IORING_ENTER_REGISTERED_RING;
	return 0;
}

static int create_buffers(struct ring *ring, const struct ring_options *options, struct fault *fault)
{
	struct io_uring_buf_reg registration = { .bgid = BUFFER_GROUP, .ring_entries = options->buffers };
	int error;

	ring->buffer_count = options->buffers;
	ring->buffer_size = options->buffer_size;
	ring->buffers = mem_reserve((size_t)options->buffers * options->buffer_size);
	ring->buffer_ring = mem_reserve(options->buffers * sizeof(struct io_uring_buf));
	if (!ring->buffers || !ring->buffer_ring)
		return fault_set(fault, -ENOMEM,
				 "no memory for %u receive buffers of %u bytes; use fewer --buffers",
				 options->buffers, options->buffer_size);

	registration.ring_addr = (uintptr_t)ring->buffer_ring;
	error = io_uring_register_buf_ring(&ring->uring, &registration, 0);
	if (error < 0)
		return refusal_explain(fault, error);
	io_uring_buf_ring_init(ring->buffer_ring);
	for (unsigned i = 0; i < options->buffers; i++)
		ring_buffer_return(ring, (uint16_t)i);
	return 0;
}

int ring_create(const struct ring_options *options, struct ring **ret_ring, struct fault *fault)
{
	struct ring *ring = mem_alloc_zeroed(1, sizeof(*ring));
	int error;

	if (!ring)
		return fault_set(fault, -ENOMEM, "no memory for a ring");
	ring->uring.ring_fd = -1;
	ring->stats = options->stats;
	error = create_uring(ring, options, fault);
	if (error < 0) {
		mem_free(ring);
		return error;
	}
	error = create_buffers(ring, options, fault);
	if (error < 0) {
		ring_destroy(ring);
		return error;
	}
	*ret_ring = ring;
	return 0;
}

void ring_destroy(struct ring *ring)
{
	if (!ring)
		return;
	io_uring_queue_exit(&ring->uring);
	mem_unreserve(ring->buffer_ring, ring->buffer_count * sizeof(struct io_uring_buf));
	mem_unreserve(ring->buffers, (size_t)ring->buffer_count * ring->buffer_size);
	mem_free(ring->batch);
	mem_free(ring);
}

static void set_timeout(struct ring *ring, uint64_t timeout_ms)
{
	if (timeout_ms == ring->timeout_ms)
		return;
	ring->timeout_ms = timeout_ms;
	ring->time.tv_sec = (long long)(timeout_ms / 1000);
	ring->time.tv_nsec = (long long)(timeout_ms % 1000) * 1000000;
	ring->argument.ts = timeout_ms == RING_FOREVER ? 0 : (uintptr_t)&ring->time;
}

/*
 * Pass the queue on and, with `wait`, sleep until a completion is there or the time is over.
 * Interruptions and timeouts are not errors: the caller looks at the completion queue anyway.
 */
static void enter(struct ring *ring, unsigned wait)
{
	struct io_uring_sq *sq = &ring->uring.sq;
	unsigned count = sq->sqe_tail - sq->sqe_head;
	int result;

	io_uring_smp_store_release(sq->ktail, sq->sqe_tail);
	result = io_uring_enter2((unsigned)ring->uring.enter_ring_fd, count, wait, ring->enter_flags,
				 (sigset_t *)&ring->argument, sizeof(ring->argument));
	/* With SUBMIT_ALL every entry is consumed; only an enter that failed before it looked leaves them. */
	sq->sqe_head = *sq->khead;
	stats_add(ring->stats, COUNTER_enters, 1);
	stats_add(ring->stats, COUNTER_submissions, count);
	check(result >= 0 || result == -EINTR || result == -ETIME || result == -EAGAIN || result == -EBUSY);
}

static struct io_uring_sqe *take_entry(struct ring *ring)
{
	struct io_uring_sqe *entry = io_uring_get_sqe(&ring->uring);

	/* A full queue goes to the kernel early; it empties unless memory or the completion queue is short.
	 */
	for (unsigned attempt = 0; !entry && attempt < 1000; attempt++) {
		enter(ring, 0);
		entry = io_uring_get_sqe(&ring->uring);
	}
	check(entry);
	return entry;
}

void ring_submit_accept(struct ring *ring, uint64_t tag, int listener)
{
	struct io_uring_sqe *entry = take_entry(ring);

	io_uring_prep_multishot_accept(entry, listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	entry->user_data = tag;
}

void ring_submit_accept_one(struct ring *ring, uint64_t tag, int listener)
{
	struct io_uring_sqe *entry = take_entry(ring);

	io_uring_prep_accept(entry, listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	entry->user_data = tag;
}

void ring_submit_recv(struct ring *ring, uint64_t tag, int fd)
{
	struct io_uring_sqe *entry = take_entry(ring);

	io_uring_prep_recv_multishot(entry, fd, NULL, 0, 0);
	entry->flags |= IOSQE_BUFFER_SELECT;
	entry->buf_group = BUFFER_GROUP;
	entry->user_data = tag;
}

void ring_submit_send(struct ring *ring, uint64_t tag, int fd, const void *base, size_t size)
{
	struct io_uring_sqe *entry = take_entry(ring);

	io_uring_prep_send(entry, fd, base, size, MSG_DONTWAIT | MSG_WAITALL);
	entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
	entry->user_data = tag;
}

void ring_submit_send_gather(struct ring *ring, uint64_t tag, int fd, const struct msghdr *message)
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

void ring_submit_writable(struct ring *ring, uint64_t tag, int fd)
{
	submit_poll(ring, tag, fd, POLLOUT);
}

void ring_submit_writable_edges(struct ring *ring, uint64_t tag, int fd)
{
	struct io_uring_sqe *entry = take_entry(ring);

	io_uring_prep_poll_multishot(entry, fd, POLLOUT);
	entry->user_data = tag;
}

void ring_submit_readable(struct ring *ring, uint64_t tag, int fd)
{
	submit_poll(ring, tag, fd, POLLIN);
}

void ring_submit_open(struct ring *ring, uint64_t tag, int folder, const char *path,
		      const struct open_how *how)
{
	struct io_uring_sqe *entry = take_entry(ring);

	/* liburing takes it without const; the kernel copies it at submission and writes nothing. */
	io_uring_prep_openat2(entry, folder, path, (struct open_how *)how);
	entry->user_data = tag;
}

void ring_submit_read(struct ring *ring, uint64_t tag, int fd, void *base, size_t size, uint64_t offset)
{
	struct io_uring_sqe *entry = take_entry(ring);

	check(size <= UINT_MAX);
	io_uring_prep_read(entry, fd, base, (unsigned)size, offset);
	entry->user_data = tag;
}

void ring_submit_cancel(struct ring *ring, uint64_t tag)
{
	struct io_uring_sqe *entry = take_entry(ring);

	io_uring_prep_cancel64(entry, tag, 0);
	entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
	entry->user_data = 0;
}

void ring_submit_close(struct ring *ring, int fd)
{
	struct io_uring_sqe *entry = take_entry(ring);

	io_uring_prep_close(entry, fd);
	entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
	entry->user_data = 0;
}

static bool grow_batch(struct ring *ring, unsigned wanted)
{
	unsigned capacity = ring->batch_capacity ? ring->batch_capacity : 256;
	struct completion *batch;

	while (capacity < wanted)
		capacity *= 2;
	if (capacity == ring->batch_capacity)
		return true;
	batch = mem_resize(ring->batch, capacity * sizeof(*batch));
	if (!batch)
		return false;
	ring->batch = batch;
	ring->batch_capacity = capacity;
	return true;
}

_Static_assert(sizeof(struct completion) == sizeof(struct io_uring_cqe) &&
		       offsetof(struct completion, result) == offsetof(struct io_uring_cqe, res) &&
		       offsetof(struct completion, flags) == offsetof(struct io_uring_cqe, flags) &&
		       COMPLETION_BUFFER == IORING_CQE_F_BUFFER && COMPLETION_MORE == IORING_CQE_F_MORE &&
		       IORING_CQE_BUFFER_SHIFT == 16,
	       "a completion is a completion queue entry");

/* Move what the completion queue holds behind the first `count` of the batch. */
static unsigned reap(struct ring *ring, unsigned count)
{
	const struct io_uring_cq *cq = &ring->uring.cq;
	unsigned mask = *cq->kring_mask;
	unsigned head = *cq->khead;
	unsigned tail = io_uring_smp_load_acquire(cq->ktail);

	/* Losing a completion would be worse than stopping. */
	if (count + (tail - head) > ring->batch_capacity)
		check(grow_batch(ring, count + (tail - head)));
	for (; head != tail; head++)
		memcpy(&ring->batch[count++], &cq->cqes[head & mask], sizeof(struct completion));
	io_uring_smp_store_release(cq->khead, tail);
	return count;
}

/* Has the kernel more for us than the queues show: entries not taken, completions held back? */
static bool is_unfinished(const struct ring *ring)
{
	const struct io_uring_sq *sq = &ring->uring.sq;

	return sq->sqe_head != sq->sqe_tail || IO_URING_READ_ONCE(*sq->kflags) & IORING_SQ_CQ_OVERFLOW;
}

/*
 * Without memory the kernel takes fewer entries than it was given; with a full completion
 * queue it keeps completions to itself. Neither may pass for "nothing came back", so ask until
 * both have ended; after ten seconds without memory, end as on any broken state.
 */
static unsigned finish(struct ring *ring, unsigned count)
{
	for (unsigned attempt = 0; is_unfinished(ring); attempt++) {
		check(attempt < FINISH_ATTEMPTS);
		if (attempt >= 8)
			nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
		stats_add(ring->stats, COUNTER_overflows, 1);
		enter(ring, 0);
		count = reap(ring, count);
	}
	return count;
}

unsigned ring_wait(struct ring *ring, uint64_t timeout_ms, const struct completion **ret_completions)
{
	unsigned count;

	set_timeout(ring, timeout_ms);
	enter(ring, timeout_ms > 0);
	count = reap(ring, 0);
	if (is_unfinished(ring))
		count = finish(ring, count);
	stats_add(ring->stats, COUNTER_completions, count);
	*ret_completions = ring->batch;
	return count;
}

const uint8_t *ring_buffer(const struct ring *ring, uint16_t buffer)
{
	check(buffer < ring->buffer_count);
	return ring->buffers + (size_t)buffer * ring->buffer_size;
}

void ring_buffer_return(struct ring *ring, uint16_t buffer)
{
	io_uring_buf_ring_add(ring->buffer_ring, ring->buffers + (size_t)buffer * ring->buffer_size,
			      ring->buffer_size, buffer, io_uring_buf_ring_mask(ring->buffer_count), 0);
	io_uring_buf_ring_advance(ring->buffer_ring, 1);
}

ssize_t ring_send_now(struct ring *ring, int fd, const struct msghdr *message, bool more)
{
	ssize_t size = sendmsg(fd, message, MSG_DONTWAIT | MSG_NOSIGNAL | (more ? MSG_MORE : 0));

	(void)ring;
	return size < 0 ? -errno : size;
}

ssize_t ring_send_file(struct ring *ring, int fd, int file, uint64_t offset, size_t size)
{
	off_t position = (off_t)offset;
	ssize_t sent = sendfile(fd, file, &position, size);

	(void)ring;
	return sent < 0 ? -errno : sent;
}

int ring_stat_file(struct ring *ring, int file, struct statx *ret_status)
{
	const unsigned mask = STATX_TYPE | STATX_SIZE | STATX_MTIME | STATX_CTIME | STATX_INO;

	(void)ring;
	return statx(file, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, mask, ret_status) < 0 ? -errno : 0;
}

bool ring_file_is_warm(struct ring *ring, int file, uint64_t offset)
{
	uint8_t byte;
	struct iovec vector = { .iov_base = &byte, .iov_len = 1 };

	(void)ring;
	/* EOPNOTSUPP (a file system without it) and EPERM (a filter) count as warm: then nothing better is
	 * known. */
	return preadv2(file, &vector, 1, (off_t)offset, RWF_NOWAIT) >= 0 || errno != EAGAIN;
}
