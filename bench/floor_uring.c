/* SPDX-License-Identifier: MIT */
/*
 * The floor over completions: io_uring (floor.h).
 *
 * Multishot accept, multishot receive from a buffer ring, quiet sends, one io_uring_enter per turn. A
 * send is tried once, when it is submitted (MSG_DONTWAIT), and one that is not taken whole is a failure
 * (MSG_WAITALL): a completion of a send is bad news, and no news is good.
 *
 * The hard thing is when to close, since the next connection may get the descriptor at once: only when
 * the receive has ended. A failed send shuts the socket down, which ends the receive. Linux 6.1.
 */
#include "floor.h"
#include "io/abi.h"

#include <errno.h>
#include <poll.h>

#define BUFFERS 512
#define BUFFER_SIZE 2048

/* The low byte of user_data; above it is the descriptor. */
enum op { OP_QUIET, OP_ACCEPT, OP_RECV, OP_SEND, OP_SIGNAL };

static struct conn {
	unsigned owed; /* answers */
	uint8_t matched;
	bool ended; /* the receive has */
} conns[FLOOR_FDS];
static int turn[FLOOR_FDS]; /* connections that came to be owed something in this turn */
static unsigned turn_count;

static struct floor responder;
static struct io_uring ring;
static unsigned enter_flags = IORING_ENTER_GETEVENTS;
static _Alignas(4096) struct io_uring_buf buffer_entries[BUFFERS];
static _Alignas(4096) uint8_t buffers[BUFFERS][BUFFER_SIZE];

static void enter(unsigned wait)
{
	struct io_uring_sq *sq = &ring.sq;
	int result;

	io_uring_smp_store_release(sq->ktail, sq->sqe_tail);
	result = io_uring_enter((unsigned)ring.enter_ring_fd, sq->sqe_tail - sq->sqe_head, wait, enter_flags,
				NULL);
	sq->sqe_head = *sq->khead;
	if (result < 0 && result != -EINTR && result != -EAGAIN && result != -EBUSY)
		errx(1, "io_uring_enter: %s", strerror(-result));
}

static struct io_uring_sqe *take(enum op op, int fd)
{
	struct io_uring_sqe *entry;

	while (!(entry = io_uring_get_sqe(&ring)))
		enter(0);
	entry->user_data = (uint64_t)fd << 8 | op;
	return entry;
}

static void submit_accept(void)
{
	io_uring_prep_multishot_accept(take(OP_ACCEPT, responder.listener), responder.listener, NULL, NULL,
				       SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static void submit_recv(int fd)
{
	struct io_uring_sqe *entry = take(OP_RECV, fd);

	io_uring_prep_recv_multishot(entry, fd, NULL, 0, 0);
	entry->flags |= IOSQE_BUFFER_SELECT;
}

static void submit_sends(int fd)
{
	struct conn *conn = &conns[fd];

	while (conn->owed > 0) {
		unsigned copies = conn->owed < responder.copies ? conn->owed : responder.copies;
		struct io_uring_sqe *entry = take(OP_SEND, fd);

		io_uring_prep_send(entry, fd, responder.answers, copies * responder.answer_size,
				   MSG_DONTWAIT | MSG_WAITALL);
		entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
		conn->owed -= copies;
	}
}

static void return_buffer(unsigned buffer)
{
	struct io_uring_buf_ring *free_buffers = (struct io_uring_buf_ring *)buffer_entries;

	io_uring_buf_ring_add(free_buffers, buffers[buffer], BUFFER_SIZE, (unsigned short)buffer,
			      io_uring_buf_ring_mask(BUFFERS), 0);
	io_uring_buf_ring_advance(free_buffers, 1);
}

static void on_accept(int result, unsigned flags)
{
	if (result >= 0) {
		conns[result] = (struct conn){ .owed = 0 };
		submit_recv(result);
	} else if (result != -ECONNABORTED) {
		errx(1, "cannot accept: %s; raise `ulimit -n` or use fewer connections", strerror(-result));
	}
	if (!(flags & IORING_CQE_F_MORE))
		submit_accept();
}

static void on_recv(int fd, int result, unsigned flags)
{
	struct conn *conn = &conns[fd];
	struct io_uring_sqe *entry;

	if (flags & IORING_CQE_F_BUFFER) {
		unsigned buffer = flags >> IORING_CQE_BUFFER_SHIFT;
		unsigned count = floor_count(buffers[buffer], (size_t)result, &conn->matched);

		if (conn->owed == 0 && count > 0)
			turn[turn_count++] = fd;
		conn->owed += count;
		return_buffer(buffer);
	}
	if (flags & IORING_CQE_F_MORE)
		return;
	conn->ended = result <= 0 && result != -ENOBUFS;
	if (!conn->ended) {
		submit_recv(fd);
		return;
	}
	submit_sends(fd);
	entry = take(OP_QUIET, fd);
	io_uring_prep_close(entry, fd);
	entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
}

static void handle(const struct io_uring_cqe *cqe)
{
	int fd = (int)(cqe->user_data >> 8);

	switch (cqe->user_data & 0xff) {
	case OP_ACCEPT:
		return on_accept(cqe->res, cqe->flags);
	case OP_RECV:
		return on_recv(fd, cqe->res, cqe->flags);
	case OP_SEND:
		responder.cut += cqe->res >= 0 || cqe->res == -EAGAIN;
		if (!conns[fd].ended)
			shutdown(fd, SHUT_RDWR);
		return;
	case OP_SIGNAL:
		floor_end(&responder);
	}
}

static void create_ring(void)
{
	struct io_uring_params params = { .flags = IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE |
						   IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
					  .cq_entries = 16384 };
	struct io_uring_buf_reg group = { .ring_addr = (uintptr_t)buffer_entries, .ring_entries = BUFFERS };
	int error = io_uring_queue_init_params(1024, &ring, &params);

	if (error == 0)
		error = io_uring_register_buf_ring(&ring, &group, 0);
	if (error < 0)
		errx(1, "no io_uring here: %s; `quoit serve` tells the cause and the cure", strerror(-error));
	for (unsigned i = 0; ring.sq.array && i < params.sq_entries; i++)
		ring.sq.array[i] = i; /* an entry's place and its index never differ here */
	if (io_uring_register_ring_fd(&ring) == 1)
		enter_flags |= IORING_ENTER_REGISTERED_RING;
	if (params.features & IORING_FEAT_NO_IOWAIT)
		enter_flags |= IORING_ENTER_NO_IOWAIT;
	for (unsigned i = 0; i < BUFFERS; i++)
		return_buffer(i);
}

int main(int argc, char **argv)
{
	create_ring();
	floor_start(&responder, argc, argv);
	submit_accept();
	io_uring_prep_poll_add(take(OP_SIGNAL, responder.signals), responder.signals, POLLIN);
	for (;;) {
		struct io_uring_cqe *cqe;
		unsigned head, count = 0;

		enter(1);
		io_uring_for_each_cqe(&ring, head, cqe)
		{
			handle(cqe);
			count++;
		}
		io_uring_cq_advance(&ring, count);
		for (unsigned i = 0; i < turn_count; i++)
			submit_sends(turn[i]);
		turn_count = 0;
	}
}
