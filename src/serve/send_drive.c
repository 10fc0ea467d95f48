/* SPDX-License-Identifier: MIT */
/*
 * What takes more than one quiet send: full sockets, files, turns, and who goes on when.
 *
 *   queued --> drive --> all taken --> linger, or the next request
 *                ^  |
 *                |  +--> the socket is full: watched until it is not (serve/progress.h)
 *   ready <------+  +--> the turn is over, or pages are read from the disk
 *
 * Called by send (flush, settle) and worker (polls, reads, turns, timers). A connection that can go on stands
 * in the worker's list of ready ones, and the list is worked off a turn's bytes at a time, in its order: that
 * is what keeps one that downloads as fast as it can from holding up the others.
 */
#include "serve/send_drive.h"

#include <errno.h>

#include "base/check.h"
#include "serve/body_file.h"
#include "serve/flight.h"
#include "serve/parts.h"
#include "serve/progress.h"
#include "serve/receive.h"
#include "serve/send.h"
#include "serve/worker.h"
#include "serve/zero_copy.h"

/* All that was queued has left. */
static void sent(struct worker *worker, struct conn *conn)
{
	conn->watched = false;
	if (conn->close_after)
		conn_linger(worker, conn);
	else if (conn->state == CONN_SENDING)
		receive_resume(worker, conn);
}

/* Move the output on by `size` bytes; true when none is left. False also when there was no memory: CLOSING
 * then. */
static bool take(struct worker *worker, struct conn *conn, size_t size)
{
	stats_add(&worker->stats, COUNTER_bytes_sent, size);
	progress_add(conn, size);
	if (!conn->flight && size == conn->out_size) {
		send_drop(worker, conn);
		return true;
	}
	if (!flight_need(worker, conn)) {
		conn_close(worker, conn);
		return false;
	}
	if (!flight_take(worker, conn->flight, size))
		return false;
	send_drop(worker, conn);
	return true;
}

/* The socket is full: go on when it is not. While a file is looked up as well, the deadline is that one's. */
static void wait_writable(struct worker *worker, struct conn *conn)
{
	/* The file may change, and its pages go, while the socket is waited for. */
	conn->file_is_same = false;
	if (!conn->warming)
		conn->warm_end = 0;
	if (conn->state == CONN_SENDING)
		progress_watch(worker, conn);
	conn_arm_writable(worker, conn);
}

/* It can go on, when its turn comes. */
static void make_ready(struct worker *worker, struct conn *conn)
{
	if (conn->ready)
		return;
	conn->ready = true;
	conn->next_ready = NULL;
	*worker->ready_tail = conn;
	worker->ready_tail = &conn->next_ready;
}

static void turn_is_over(struct worker *worker, struct conn *conn)
{
	if (!conn->watched)
		worker_set_deadline(worker, conn, worker->config->send_time);
	make_ready(worker, conn);
}

/* Does something follow at once that should share a packet with what is queued: a body, or the FIN? */
static bool has_more(const struct worker *worker, const struct conn *conn)
{
	if (conn->file)
		return conn->file_end - conn->file_at <= worker->config->cork;
	return conn->parts || conn->close_after;
}

/* One sendmsg of what is queued: bytes taken, or -errno. */
static ssize_t send_out(struct worker *worker, struct conn *conn)
{
	struct iovec piece = { .iov_base = (void *)conn->out, .iov_len = conn->out_size };
	struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1 };
	bool more = has_more(worker, conn);
	ssize_t size;

	if (conn->flight)
		message = conn->flight->message;
	do
		size = ring_send_now(worker->ring, conn->fd, &message, more);
	while (size == -EINTR);
	return size;
}

/* Send the queued pieces until the socket is full; true when none is left. */
static bool drive_out(struct worker *worker, struct conn *conn)
{
	while (conn->out || conn->flight) {
		ssize_t size = send_out(worker, conn);

		if (size == -EAGAIN) {
			wait_writable(worker, conn);
			return false;
		}
		if (size < 0)
			conn_close(worker, conn);
		else
			take(worker, conn, (size_t)size);
		if (conn->state == CONN_CLOSING)
			return false;
	}
	return true;
}

/* What a turn of conn->file has come to; true when it is sent, and what follows it may go on at once. */
static bool settle_file(struct worker *worker, struct conn *conn, enum body_file_result result)
{
	switch (result) {
	case BODY_FILE_DONE:
		send_drop_file(worker, conn);
		if (conn->stash_size == 0 && !conn->parts)
			return true;
		turn_is_over(worker, conn); /* a client that pipelines files, or parts, gets one per turn */
		return false;
	case BODY_FILE_TURN_OVER:
		turn_is_over(worker, conn);
		return false;
	case BODY_FILE_FULL:
		wait_writable(worker, conn);
		return false;
	case BODY_FILE_COLD:
		conn->watched = false; /* it is the disk that is waited for */
		worker_set_deadline(worker, conn, worker->config->send_time);
		return false;
	case BODY_FILE_BROKEN:
		conn_close(worker, conn);
		return false;
	}
	return false;
}

static bool drive_file(struct worker *worker, struct conn *conn)
{
	return settle_file(worker, conn,
			   conn->file->body ? zero_copy_turn(worker, conn) : body_file_turn(worker, conn));
}

/* Are there answers to send, and more requests behind them? */
static bool is_pipeline(const struct conn *conn)
{
	return conn->state == CONN_SENDING && conn->stash_size > 0 && !conn->close_after &&
	       (conn->out || conn->flight);
}

void send_drive(struct worker *worker, struct conn *conn)
{
	bool goes_on_later = is_pipeline(conn);

	if (conn->state == CONN_READING)
		conn_set_state(conn, CONN_SENDING);
	for (;;) {
		if (!drive_out(worker, conn))
			return;
		if (conn->file && !drive_file(worker, conn))
			return;
		if (!conn->parts)
			break;
		if (!parts_queue_next(worker, conn)) {
			conn_close(worker, conn);
			return;
		}
	}
	/* What is stashed would be thousands of answers, one round after the other: the others first. */
	if (goes_on_later)
		turn_is_over(worker, conn);
	else
		sent(worker, conn);
}

void send_drive_short(struct worker *worker, struct conn *conn)
{
	stats_add(&worker->stats, COUNTER_sends_short, 1);
	if (conn->send_result < 0 && conn->send_result != -EAGAIN && conn->send_result != -EINTR) {
		conn_close(worker, conn);
		return;
	}
	conn_set_state(conn, CONN_SENDING);
	if (conn->send_result > 0 && take(worker, conn, (size_t)conn->send_result))
		sent(worker, conn);
	else if (conn->state != CONN_CLOSING)
		wait_writable(worker, conn);
}

void send_on_writable(struct worker *worker, struct conn *conn, bool more)
{
	conn->writable_armed = more;
	if (conn->state == CONN_CLOSING)
		conn_settle_close(worker, conn);
	else if (conn->state == CONN_SENDING && !conn->queued && !conn->starved && !conn->zero_copying)
		make_ready(worker, conn);
}

void send_on_warm(struct worker *worker, struct conn *conn)
{
	bool starved = body_file_on_warm(conn);

	if (conn->state == CONN_CLOSING) {
		conn_settle_close(worker, conn);
		return;
	}
	if (starved) {
		check(conn->state == CONN_SENDING);
		make_ready(worker, conn);
	}
}

void send_on_zero_copy(struct worker *worker, struct conn *conn, enum body_file_result result)
{
	if (conn->state == CONN_CLOSING)
		conn_settle_close(worker, conn);
	else if (settle_file(worker, conn, result))
		sent(worker, conn);
}

void send_on_timer(struct worker *worker, struct conn *conn)
{
	enum progress progress = conn->watched ? progress_look(worker, conn) : PROGRESS_STALLED;

	if (progress == PROGRESS_FINE)
		return;
	if (progress == PROGRESS_SLOW)
		stats_add(&worker->stats, COUNTER_timeouts_rate, 1);
	else
		stats_add(&worker->stats, conn->starved ? COUNTER_timeouts_wait : COUNTER_timeouts_send, 1);
	conn_close(worker, conn);
}

void send_continue(struct worker *worker)
{
	struct conn *conn = worker->ready;
	struct conn **tail = worker->ready_tail;
	uint64_t end = stats_read(&worker->stats, COUNTER_bytes_sent) + worker->config->turn;

	/* Who is made ready meanwhile comes in the next round. */
	worker->ready = NULL;
	worker->ready_tail = &worker->ready;
	while (conn && stats_read(&worker->stats, COUNTER_bytes_sent) < end) {
		struct conn *next = conn->next_ready;

		conn->ready = false;
		if (conn->state == CONN_CLOSING)
			conn_settle_close(worker, conn);
		else if (conn->state == CONN_SENDING)
			send_drive(worker, conn);
		conn = next;
	}
	if (!conn)
		return;
	/* The others of this round are the first in the next one. */
	*tail = worker->ready;
	if (!worker->ready)
		worker->ready_tail = tail;
	worker->ready = conn;
}
