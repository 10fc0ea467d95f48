/* SPDX-License-Identifier: MIT */
/*
 * The io_uring engine: its operations, and its table.
 *
 * One instance per worker, created in the worker's thread (SINGLE_ISSUER and DEFER_TASKRUN ask
 * for that: completions are then produced only while the worker waits, with no interrupt and
 * no lock). The worker fills the submission queue while it handles completions and pays one
 * io_uring_enter per batch, which submits and waits in one go (uring_wait.c).
 *
 * An operation is one entry, written as a whole: what it does not name is zero. The hard thing is
 * the promise of quiet sends (ring.h). It rests on MSG_DONTWAIT together with MSG_WAITALL: the
 * kernel then tries once, at submission, and never arms a poll; what it took in part is an error for
 * it, so CQE_SKIP_SUCCESS does not hide it. tests/kernel shows it.
 */
#include <limits.h>
#include <poll.h>
#include <stddef.h>

#include "base/check.h"
#include "io/uring.h"
#include "io/uring_zero_copy.h"

_Static_assert(sizeof(struct completion) == sizeof(struct io_uring_cqe) &&
		       offsetof(struct completion, result) == offsetof(struct io_uring_cqe, res) &&
		       offsetof(struct completion, flags) == offsetof(struct io_uring_cqe, flags) &&
		       COMPLETION_BUFFER == IORING_CQE_F_BUFFER && COMPLETION_MORE == IORING_CQE_F_MORE &&
		       COMPLETION_BUFFER_MORE == IORING_CQE_F_BUF_MORE && IORING_CQE_BUFFER_SHIFT == 16,
	       "a completion is a completion queue entry");

/* A direct descriptor cannot be close-on-exec: it is no descriptor of the process. */
static void submit_accepts(struct uring *uring, uint64_t tag, int listener, unsigned flags)
{
	*uring_entry(uring) = (struct io_uring_sqe){
		.opcode = IORING_OP_ACCEPT,
		.ioprio = (uint16_t)flags,
		.fd = listener,
		.accept_flags = SOCK_NONBLOCK | (uring->descriptors ? 0 : SOCK_CLOEXEC),
		.file_index = uring->descriptors ? IORING_FILE_INDEX_ALLOC : 0,
		.user_data = tag,
	};
	uring_push(uring);
}

static void submit_accept(struct ring *ring, uint64_t tag, int listener)
{
	submit_accepts(uring_of(ring), tag, listener, uring_of(ring)->accept_flags);
}

static void submit_accept_one(struct ring *ring, uint64_t tag, int listener)
{
	submit_accepts(uring_of(ring), tag, listener, 0);
}

static void submit_recv(struct ring *ring, uint64_t tag, int fd)
{
	struct uring *uring = uring_of(ring);

	*uring_entry(uring) = (struct io_uring_sqe){
		.opcode = IORING_OP_RECV,
		.flags = uring->socket_flags | IOSQE_BUFFER_SELECT,
		.ioprio = uring->recv_flags,
		.fd = fd,
		.buf_group = URING_BUFFER_GROUP,
		.user_data = tag,
	};
	uring_push(uring);
}

static void submit_send(struct ring *ring, uint64_t tag, int fd, const void *base, size_t size)
{
	struct uring *uring = uring_of(ring);

	check(size <= UINT_MAX);
	*uring_entry(uring) = (struct io_uring_sqe){
		.opcode = IORING_OP_SEND,
		.flags = uring->send_flags,
		.fd = fd,
		.addr = (uintptr_t)base,
		.len = (unsigned)size,
		.msg_flags = MSG_DONTWAIT | MSG_WAITALL,
		.user_data = tag,
	};
	uring_push(uring);
}

static void submit_send_gather(struct ring *ring, uint64_t tag, int fd, const struct msghdr *message)
{
	struct uring *uring = uring_of(ring);

	*uring_entry(uring) = (struct io_uring_sqe){
		.opcode = IORING_OP_SENDMSG,
		.flags = uring->send_flags,
		.fd = fd,
		.addr = (uintptr_t)message,
		.len = 1,
		.msg_flags = MSG_DONTWAIT | MSG_WAITALL,
		.user_data = tag,
	};
	uring_push(uring);
}

/* The kernel has the two halves of the events the other way round on big-endian machines. */
static uint32_t poll_events(uint32_t events)
{
	return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? events << 16 | events >> 16 : events;
}

static void submit_poll(struct uring *uring, uint64_t tag, int fd, uint32_t events, uint8_t flags,
			unsigned more)
{
	*uring_entry(uring) = (struct io_uring_sqe){
		.opcode = IORING_OP_POLL_ADD,
		.flags = flags,
		.fd = fd,
		.len = more,
		.poll32_events = poll_events(events),
		.user_data = tag,
	};
	uring_push(uring);
}

static void submit_writable(struct ring *ring, uint64_t tag, int fd)
{
	submit_poll(uring_of(ring), tag, fd, POLLOUT, uring_of(ring)->socket_flags, 0);
}

static void submit_writable_edges(struct ring *ring, uint64_t tag, int fd)
{
	submit_poll(uring_of(ring), tag, fd, POLLOUT, uring_of(ring)->socket_flags, IORING_POLL_ADD_MULTI);
}

/* Not of an accepted socket, so never of a direct descriptor. */
static void submit_readable(struct ring *ring, uint64_t tag, int fd)
{
	submit_poll(uring_of(ring), tag, fd, POLLIN, 0, 0);
}

static void submit_open(struct ring *ring, uint64_t tag, int folder, const char *path,
			const struct open_how *how)
{
	struct uring *uring = uring_of(ring);

	*uring_entry(uring) = (struct io_uring_sqe){
		.opcode = IORING_OP_OPENAT2,
		.fd = folder,
		.addr2 = (uintptr_t)how, /* copied at submission */
		.addr = (uintptr_t)path,
		.len = sizeof(*how),
		.user_data = tag,
	};
	uring_push(uring);
}

static void submit_read(struct ring *ring, uint64_t tag, int fd, void *base, size_t size, uint64_t offset)
{
	struct uring *uring = uring_of(ring);

	check(size <= UINT_MAX);
	*uring_entry(uring) = (struct io_uring_sqe){
		.opcode = IORING_OP_READ,
		.fd = fd,
		.off = offset,
		.addr = (uintptr_t)base,
		.len = (unsigned)size,
		.user_data = tag,
	};
	uring_push(uring);
}

static void submit_cancel(struct ring *ring, uint64_t tag)
{
	struct uring *uring = uring_of(ring);

	*uring_entry(uring) = (struct io_uring_sqe){
		.opcode = IORING_OP_ASYNC_CANCEL,
		.flags = IOSQE_CQE_SKIP_SUCCESS,
		.fd = -1,
		.addr = tag,
	};
	uring_push(uring);
}

static void submit_close(struct ring *ring, int fd)
{
	struct uring *uring = uring_of(ring);

	*uring_entry(uring) = (struct io_uring_sqe){
		.opcode = IORING_OP_CLOSE,
		.flags = IOSQE_CQE_SKIP_SUCCESS,
		.fd = fd,
	};
	uring_push(uring);
}

static void submit_close_socket(struct ring *ring, int fd)
{
	struct uring *uring = uring_of(ring);

	if (uring->descriptors)
		uring_direct_submit_close(uring, fd);
	else
		submit_close(ring, fd);
}

static void bytes_return(struct ring *ring, const struct completion *completion)
{
	uint16_t buffer = completion_buffer(completion);

	if (ring->buffer_used) {
		if (completion->flags & COMPLETION_BUFFER_MORE) {
			ring->buffer_used[buffer] +=
				(uint32_t)(completion->result > 0 ? completion->result : 0);
			return;
		}
		ring->buffer_used[buffer] = 0;
	}
	uring_give_buffer(uring_of(ring), buffer);
}

static int adopt(struct ring *ring, int fd)
{
	return uring_of(ring)->descriptors ? uring_direct_adopt(ring, fd) : fd;
}

static int real_descriptor(struct ring *ring, int fd)
{
	return uring_of(ring)->descriptors ? uring_direct_real(ring, fd) : fd;
}

const struct ring_engine ring_uring = {
	.name = "io_uring",
	.create = uring_create,
	.destroy = uring_destroy,
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
	.submit_close_socket = submit_close_socket,
	.submit_close = submit_close,
	.wait = uring_wait,
	.bytes_return = bytes_return,
	.adopt = adopt,
	.real_descriptor = real_descriptor,
	.zero_copy = &uring_zero_copy,
};
