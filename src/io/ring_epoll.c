/* SPDX-License-Identifier: MIT */
/*
 * The epoll engine: the contract of ring.h over readiness, for where io_uring is refused.
 *
 * Called through its table (ring_engine.h) by the worker that owns it. A submission is carried out at
 * once where it can be (sends, closes, cancels, files that are in memory); what came of it, when there
 * is something to say, waits in `collected` for the next ring_wait(). What must be waited for is
 * armed: ring_epoll_sockets.c. Files that are not in memory go to a thread: ring_epoll_files.c.
 * Nothing here can wait but wait().
 *
 * The one hard thing is what is not here: a registration ends with its descriptor, and nobody is
 * told. So a descriptor that a ring has seen is closed through that ring, which then forgets it.
 */
#include "io/ring_epoll.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "io/ring_epoll_files.h"

#define EVENT_FILES -1 /* in the place of a descriptor */

/* Life */

static int create_parts(struct epoll *epoll, const struct ring_options *options, struct fault *fault)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = EVENT_FILES };
	int error;

	epoll->ring.buffer_count = options->buffers;
	epoll->ring.buffer_size = options->buffer_size;
	epoll->ring.buffers = mem_reserve((size_t)options->buffers * options->buffer_size);
	epoll->buffer_free = mem_alloc(options->buffers * sizeof(*epoll->buffer_free));
	if (!epoll->ring.buffers || !epoll->buffer_free)
		return fault_set(fault, -ENOMEM,
				 "no memory for %u receive buffers of %u bytes; use fewer --buffers",
				 options->buffers, options->buffer_size);
	for (unsigned i = options->buffers; i > 0; i--)
		epoll->buffer_free[epoll->buffer_free_count++] = (uint16_t)(i - 1);
	epoll->fd = epoll_create1(EPOLL_CLOEXEC);
	error = epoll->fd < 0 ? -errno : epoll_files_create(&epoll->files);
	if (error == 0 && epoll_ctl(epoll->fd, EPOLL_CTL_ADD, epoll_files_wake_fd(epoll->files), &event) < 0)
		error = -errno;
	if (error < 0)
		return fault_set(fault, error, "epoll cannot be used: %s%s", strerror(-error),
				 error == -EMFILE || error == -ENFILE
					 ? "; raise the limit on open files (ulimit -n, LimitNOFILE=) or use "
					   "fewer --threads"
					 : "");
	return 0;
}

static void destroy(struct ring *ring)
{
	struct epoll *epoll = epoll_of(ring);

	epoll_files_destroy(epoll->files);
	if (epoll->fd >= 0)
		close(epoll->fd);
	epoll_slots_deinit(&epoll->slots);
	mem_unreserve(ring->buffers, (size_t)ring->buffer_count * ring->buffer_size);
	mem_free(epoll->buffer_free);
	mem_free(epoll->collected.completion);
	mem_free(epoll->handed_out.completion);
	mem_free(epoll);
}

static int create(const struct ring_options *options, struct ring **ret_ring, struct fault *fault)
{
	struct epoll *epoll = mem_alloc_zeroed(1, sizeof(*epoll));
	int error;

	if (!epoll)
		return fault_set(fault, -ENOMEM, "no memory for epoll");
	epoll->ring.engine = &ring_epoll;
	epoll->ring.stats = options->stats;
	epoll->fd = -1;
	error = create_parts(epoll, options, fault);
	if (error < 0) {
		destroy(&epoll->ring);
		return error;
	}
	*ret_ring = &epoll->ring;
	return 0;
}

/* Completions */

void epoll_complete(struct epoll *epoll, uint64_t tag, int32_t result, uint32_t flags)
{
	struct epoll_batch *batch = &epoll->collected;

	if (batch->count == batch->capacity) {
		unsigned capacity = batch->capacity ? batch->capacity * 2 : 256;

		batch->completion = mem_resize(batch->completion, capacity * sizeof(*batch->completion));
		/* Losing a completion would be worse than stopping. */
		check(batch->completion);
		batch->capacity = capacity;
	}
	batch->completion[batch->count++] = (struct completion){ tag, result, flags };
}

static unsigned hand_out(struct epoll *epoll, const struct completion **ret_completions)
{
	struct epoll_batch batch = epoll->handed_out;

	epoll->handed_out = epoll->collected;
	epoll->collected = batch;
	epoll->collected.count = 0;
	*ret_completions = epoll->handed_out.completion;
	stats_add(epoll->ring.stats, COUNTER_completions, epoll->handed_out.count);
	return epoll->handed_out.count;
}

/* Files */

static void submit_open(struct ring *ring, uint64_t tag, int folder, const char *path,
			const struct open_how *how)
{
	struct epoll *epoll = epoll_of(ring);
	int32_t result;

	epoll_count_submission(epoll);
	epoll_count_call(epoll);
	if (epoll_files_open(epoll->files, tag, folder, path, how, &result))
		epoll_complete(epoll, tag, result, 0);
}

static void submit_read(struct ring *ring, uint64_t tag, int fd, void *base, size_t size, uint64_t offset)
{
	struct epoll *epoll = epoll_of(ring);
	int32_t result;

	epoll_count_submission(epoll);
	epoll_count_call(epoll);
	if (epoll_files_read(epoll->files, tag, fd, base, size, offset, &result))
		epoll_complete(epoll, tag, result, 0);
}

static void take_files(struct epoll *epoll)
{
	struct file_work *work = epoll_files_take(epoll->files);

	while (work) {
		struct file_work *next = work->next;

		epoll_count_call(epoll); /* the thread's */
		epoll_complete(epoll, work->tag, work->result, 0);
		mem_free(work);
		work = next;
	}
}

/* Ends */

static void submit_cancel(struct ring *ring, uint64_t tag)
{
	struct epoll *epoll = epoll_of(ring);
	enum side side;
	int fd;

	epoll_count_submission(epoll);
	if (epoll_slots_find(&epoll->slots, tag, &fd, &side))
		epoll_end(epoll, fd, side, -ECANCELED);
	else if (epoll_files_cancel(epoll->files, tag))
		epoll_complete(epoll, tag, -ECANCELED, 0);
}

static void submit_close(struct ring *ring, int fd)
{
	struct epoll *epoll = epoll_of(ring);

	epoll_count_submission(epoll);
	epoll_count_call(epoll);
	epoll_forget(epoll, fd);
	/* The descriptor is gone whatever close says. */
	(void)close(fd);
}

/* The wait */

static int wait_time(const struct epoll *epoll, uint64_t timeout_ms)
{
	if (epoll->collected.count > 0 || epoll->ready_first)
		return 0;
	if (timeout_ms == RING_FOREVER)
		return -1;
	return timeout_ms < INT_MAX ? (int)timeout_ms : INT_MAX;
}

static unsigned wait(struct ring *ring, uint64_t timeout_ms, const struct completion **ret_completions)
{
	struct epoll *epoll = epoll_of(ring);
	int count = epoll_wait(epoll->fd, epoll->event, EPOLL_EVENTS_MAX, wait_time(epoll, timeout_ms));

	stats_add(ring->stats, COUNTER_enters, 1);
	check(count >= 0 || errno == EINTR);
	for (int i = 0; i < count; i++) {
		const struct epoll_event *event = &epoll->event[i];

		if (event->data.fd == EVENT_FILES)
			take_files(epoll);
		else
			epoll_on_event(epoll, event->data.fd, event->events);
	}
	epoll_receive_ready(epoll);
	return hand_out(epoll, ret_completions);
}

static void bytes_return(struct ring *ring, const struct completion *completion)
{
	struct epoll *epoll = epoll_of(ring);

	check(epoll->buffer_free_count < ring->buffer_count);
	epoll->buffer_free[epoll->buffer_free_count++] = completion_buffer(completion);
}

const struct ring_engine ring_epoll = {
	.name = "epoll",
	.create = create,
	.destroy = destroy,
	.submit_accept = epoll_submit_accept,
	.submit_accept_one = epoll_submit_accept_one,
	.submit_recv = epoll_submit_recv,
	.submit_send = epoll_submit_send,
	.submit_send_gather = epoll_submit_send_gather,
	.submit_writable = epoll_submit_writable,
	.submit_writable_edges = epoll_submit_writable_edges,
	.submit_readable = epoll_submit_readable,
	.submit_open = submit_open,
	.submit_read = submit_read,
	.submit_cancel = submit_cancel,
	.submit_close_socket = submit_close,
	.submit_close = submit_close,
	.wait = wait,
	.bytes_return = bytes_return,
};
