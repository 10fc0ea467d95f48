/* SPDX-License-Identifier: MIT */
/*
 * From answers to bytes on the socket.
 *
 * Answers of one turn are gathered per connection and leave in one quiet send (io/ring.h) when
 * the turn ends: a small file's head and body are one piece of memory, so the common case is
 * one SEND; pipelined answers are one SENDMSG. After the wait every send has settled: nothing
 * came back, so the kernel took all of it, or the rest is known to the byte.
 *
 * A body from a file follows its head directly, by sendfile(2), bounded per turn; one that leaves memory
 * without a copy does so by SEND_ZC (serve/zero_copy.h).
 */
#ifndef QUOIT_SERVE_SEND_H
#define QUOIT_SERVE_SEND_H

#include <sys/socket.h>
#include <sys/uio.h>

#include "serve/body_file.h"
#include "serve/conn.h"
#include "site/answer.h"

/*
 * Output of one connection in several pieces. At most FLIGHT_PIECES, so that a client that
 * pipelines without end is answered in rounds, and others have their turn between them. After
 * --pipeline-pieces, whose maximum leaves room for one answer more, no further answer is begun.
 */
#define FLIGHT_PIECES 128
#define FLIGHT_SCRATCH 2048

struct flight {
	struct flight *next_free;
	struct msghdr message; /* message.msg_iov points into piece[] */
	struct iovec piece[FLIGHT_PIECES];
	struct asset
		*held[FLIGHT_PIECES]; /* one reference each, released when the piece is taken; may be NULL */
	unsigned begin;               /* pieces before it are taken */
	unsigned end;
	unsigned end_max;        /* from here on no further answer begins: --pipeline-pieces */
	uint8_t *spill;          /* a head too long for the scratch; owned */
	uint8_t date[DATE_SIZE]; /* the rest of a date that a short send cut (flight.c) */
	unsigned scratch_size;
	uint8_t scratch[FLIGHT_SCRATCH]; /* heads written for one answer */
};

/* Pieces that one answer can need: hints, head in two, Connection line, body; and once the rest of a date. */
#define SEND_PIECES_PER_ANSWER 6
/* A composed head that fits is the rule; only redirects of long paths do not. */
#define SEND_SCRATCH_PER_ANSWER 640

/* Room for one more answer, whatever it is, in this turn. */
static inline bool send_has_room(const struct conn *conn)
{
	const struct flight *flight = conn->flight;

	return !flight || (flight->end < flight->end_max && !flight->spill &&
			   flight->scratch_size + SEND_SCRATCH_PER_ANSWER <= FLIGHT_SCRATCH);
}

/* Queue an answer. The connection may go to SENDING (a file follows) or CLOSING (no memory). */
void send_answer(struct worker *worker, struct conn *conn, const struct answer *answer);

/* Queue a ready head of the asset with what follows it in its block: the whole answer, and not the last. */
void send_ready(struct worker *worker, struct conn *conn, struct asset *asset, unsigned status,
		struct bytes bytes);

/* Queue bytes that live for ever. */
void send_static(struct worker *worker, struct conn *conn, struct bytes bytes);

/* Have send_flush() look at the connection: it has output, or is CLOSING. */
void send_queue(struct worker *worker, struct conn *conn);

/* No more requests this turn: go on when what is queued has left. */
void send_yield(struct worker *worker, struct conn *conn);

/* Hand this turn's output to the kernel; before ring_wait(). */
void send_flush(struct worker *worker);

/* A quiet send came back. All of these are handled before send_settle(). */
void send_on_send(struct conn *conn, int result);
/* After ring_wait(): what did not come back has been taken. */
void send_settle(struct worker *worker);

/* `more`: the poll goes on (ring_submit_writable_edges). */
void send_on_writable(struct worker *worker, struct conn *conn, bool more);
void send_on_warm(struct worker *worker, struct conn *conn);
/* SENDING, and the deadline has passed: the peer takes enough, or the connection is closed. */
void send_on_timer(struct worker *worker, struct conn *conn);
/* What has become of a turn of zero_copy_turn(). */
void send_on_zero_copy(struct worker *worker, struct conn *conn, enum body_file_result result);

/*
 * The connections whose turn has come go on, in their order, until a turn's bytes (--turn) have left: all
 * of them together may not hold up small answers for longer than that.
 */
void send_continue(struct worker *worker);

/* Release what is queued; with send_drop_file() also the file, once no operation reads it. */
void send_drop(struct worker *worker, struct conn *conn);
void send_drop_file(struct worker *worker, struct conn *conn);

void send_free_flights(struct worker *worker);

#endif
