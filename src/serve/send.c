/* SPDX-License-Identifier: MIT */
/*
 * Queues answers, flushes them once per turn, and settles them after the wait.
 *
 * Called by receive (send_answer), worker (flush, settle, continue) and conn (drop). No memory
 * is in the kernel's hands outside of ring_wait(), so an asset's date may be patched in place
 * between two turns. The one hard thing follows from it: a send that stopped inside a date must
 * not go on with a later one, so the rest of that date is copied before it can change.
 */
#include "serve/send.h"

#include <errno.h>

#include "base/check.h"
#include "base/mem.h"
#include "io/op.h"
#include "serve/body_file.h"
#include "serve/flight.h"
#include "serve/parts.h"
#include "serve/receive.h"
#include "serve/worker.h"
#include "serve/zero_copy.h"

void send_queue(struct worker *worker, struct conn *conn)
{
	if (conn->queued)
		return;
	conn->queued = true;
	conn->send_result = 0;
	conn->next_queued = NULL;
	*worker->queued_tail = conn;
	worker->queued_tail = &conn->next_queued;
}

/* One more piece of output. The first stands in the connection, further ones need a flight. */
static bool add_piece(struct worker *worker, struct conn *conn, const uint8_t *base, size_t size,
		      struct asset *asset)
{
	if (!conn->flight && !conn->out) {
		conn->out = base;
		conn->out_size = (uint32_t)size;
		conn->out_asset = asset;
	} else {
		if (!flight_need(worker, conn))
			return false;
		flight_add(conn->flight, base, size, asset);
	}
	if (asset)
		asset_ref(asset);
	return true;
}

/* The body of an answer: a piece of memory, or what follows all that is queued, if not there yet. */
static bool add_body(struct worker *worker, struct conn *conn, const struct answer *answer)
{
	struct asset *asset = answer->asset;

	if (!answer->has_body || conn->file)
		return true;
	if (!asset->body) {
		body_file_begin(conn, asset, &answer->range);
		return true;
	}
	return add_piece(worker, conn, asset->body + answer->range.first,
			 answer->range.last - answer->range.first + 1, asset);
}

static bool add_composed(struct worker *worker, struct conn *conn, const struct answer *answer)
{
	const struct multipart *multipart = NULL;
	size_t size;
	uint8_t *text;

	if (answer->is_parts) {
		conn->parts = parts_create(answer);
		if (!conn->parts)
			return false;
		multipart = &conn->parts->multipart;
	}
	if (!flight_need(worker, conn))
		return false;
	text = flight_scratch(conn->flight, answer_compose_size(answer));
	if (!text)
		return false;
	size = answer_compose(answer, multipart, worker->clock.wall_s, text);
	flight_scratch_used(conn->flight, text, size);
	return add_piece(worker, conn, text, size, NULL) &&
	       (answer->is_parts || add_body(worker, conn, answer));
}

/* The ready head but for its Connection line, which stands anywhere; then the body. */
static bool add_closing(struct worker *worker, struct conn *conn, const struct answer *answer,
			const struct asset_head *head)
{
	size_t behind = head->connection_offset + HEAD_KEEP_ALIVE.size;
	bool is_one_piece = answer->has_body && answer->asset->body && !conn->file;

	return add_piece(worker, conn, head->base, head->connection_offset, answer->asset) &&
	       add_piece(worker, conn, HEAD_CLOSE.base, HEAD_CLOSE.size, NULL) &&
	       add_piece(worker, conn, head->base + behind,
			 head->size - behind + (is_one_piece ? answer->asset->size : 0), answer->asset) &&
	       (is_one_piece || add_body(worker, conn, answer));
}

static bool add_answer(struct worker *worker, struct conn *conn, const struct answer *answer)
{
	struct asset *asset = answer->asset;
	const struct asset_head *head = answer->head == ANSWER_READY ? &asset->ready : &asset->not_modified;

	if (asset->size >= worker->zero_copy_size)
		zero_copy_offer(worker, conn, answer);
	if (asset->date != worker->date_s)
		asset_set_date(asset, worker->date_s, worker->date);
	if (answer->has_hints && !add_piece(worker, conn, asset->hints.base, asset->hints.size, asset))
		return false;
	if (answer->head == ANSWER_COMPOSED)
		return add_composed(worker, conn, answer);
	if (!answer->keep_alive)
		return add_closing(worker, conn, answer, head);
	/* The common answer: head and body are one piece of memory. */
	if (answer->has_body && asset->body && !conn->file)
		return add_piece(worker, conn, head->base, head->size + asset->size, asset);
	return add_piece(worker, conn, head->base, head->size, asset) && add_body(worker, conn, answer);
}

static void count_answer(struct worker *worker, unsigned status)
{
	/* The classes stand in a row in counters.def. */
	stats_add(&worker->stats, COUNTER_requests, 1);
	stats_add(&worker->stats, (enum counter_id)(COUNTER_responses_2xx + status / 100 - 2), 1);
}

void send_answer(struct worker *worker, struct conn *conn, const struct answer *answer)
{
	conn->served = true;
	count_answer(worker, answer->status);
	if (!add_answer(worker, conn, answer)) {
		conn_close(worker, conn);
		return;
	}
	conn->close_after = !answer->keep_alive;
	if (conn->file || conn->parts)
		conn_set_state(conn, CONN_SENDING);
	send_queue(worker, conn);
}

static void queue_piece(struct worker *worker, struct conn *conn, struct bytes bytes, struct asset *asset)
{
	if (add_piece(worker, conn, bytes.base, bytes.size, asset))
		send_queue(worker, conn);
	else
		conn_close(worker, conn);
}

/* Of a ready answer that is long enough for its body to leave without a copy: the size of what is queued. */
__attribute__((noinline)) static size_t split_long(struct worker *worker, struct conn *conn,
						   struct asset *asset, size_t size)
{
	struct range whole = { 0, asset->size - 1 };

	if (size != asset->ready.size + asset->size || !zero_copy_begin(worker, conn, asset, &whole))
		return size;
	conn_set_state(conn, CONN_SENDING);
	return asset->ready.size;
}

void send_ready(struct worker *worker, struct conn *conn, struct asset *asset, unsigned status,
		struct bytes bytes)
{
	conn->served = true;
	count_answer(worker, status);
	if (asset->date != worker->date_s)
		asset_set_date(asset, worker->date_s, worker->date);
	if (bytes.size >= worker->zero_copy_size)
		bytes.size = split_long(worker, conn, asset, bytes.size);
	queue_piece(worker, conn, bytes, asset);
}

void send_static(struct worker *worker, struct conn *conn, struct bytes bytes)
{
	queue_piece(worker, conn, bytes, NULL);
}

void send_yield(struct conn *conn)
{
	conn_set_state(conn, CONN_SENDING);
}

void send_drop(struct worker *worker, struct conn *conn)
{
	if (conn->out_asset)
		worker_release(worker, conn->out_asset);
	conn->out = NULL;
	conn->out_asset = NULL;
	if (conn->flight)
		flight_release(worker, conn);
}

void send_drop_file(struct worker *worker, struct conn *conn)
{
	if (conn->file)
		worker_release(worker, conn->file);
	conn->file = NULL;
}

/* All that was queued has left. */
static void sent(struct worker *worker, struct conn *conn)
{
	conn->blocked = false;
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
	conn->blocked = false;
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

/* The socket is full: go on when it is not. Only bytes taken renew the deadline, not every wake-up. */
static void wait_writable(struct worker *worker, struct conn *conn)
{
	/* The file may change, and its pages go, while the socket is waited for. */
	conn->file_is_same = false;
	if (!conn->warming)
		conn->warm_end = 0;
	if (!conn->blocked)
		worker_set_deadline(worker, conn, worker->config->send_time);
	conn->blocked = true;
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

/* Something follows what is queued (a file, more requests, the end): send what can be sent now. */
static void drive(struct worker *worker, struct conn *conn)
{
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
	sent(worker, conn);
}

void send_flush(struct worker *worker)
{
	struct conn *conn = worker->queued;
	struct conn **flying_tail = &worker->flying;

	/* Driving a file may end with a connection that queues its next answer: those are behind the tail. */
	for (; conn; conn = worker->queued) {
		worker->queued = conn->next_queued;
		if (!worker->queued)
			worker->queued_tail = &worker->queued;
		if (conn->state != CONN_READING || conn->close_after) {
			conn->queued = false;
			if (conn->state == CONN_CLOSING)
				conn_settle_close(worker, conn);
			else
				drive(worker, conn);
			continue;
		}
		if (conn->flight)
			ring_submit_send_gather(worker->ring, op_tag(OP_SEND, conn->generation, conn->index),
						conn->fd, &conn->flight->message);
		else
			ring_submit_send(worker->ring, op_tag(OP_SEND, conn->generation, conn->index),
					 conn->fd, conn->out, conn->out_size);
		conn->next_queued = NULL;
		*flying_tail = conn;
		flying_tail = &conn->next_queued;
	}
}

void send_on_send(struct conn *conn, int result)
{
	check(conn && conn->queued);
	/* 0 stands for "nothing came back"; a send that took no byte is a full socket. */
	conn->send_result = result == 0 ? -EAGAIN : result;
}

/* A quiet send that left something: wait until the socket takes more. */
static void settle_short(struct worker *worker, struct conn *conn)
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

static size_t out_size(const struct conn *conn)
{
	return conn->flight ? flight_size(conn->flight) : conn->out_size;
}

void send_settle(struct worker *worker)
{
	struct conn *conn = worker->flying;

	worker->flying = NULL;
	while (conn) {
		struct conn *next = conn->next_queued;

		conn->queued = false;
		if (conn->state == CONN_CLOSING) {
			conn_settle_close(worker, conn);
		} else if (conn->send_result != 0) {
			settle_short(worker, conn);
		} else {
			stats_add(&worker->stats, COUNTER_bytes_sent, out_size(conn));
			send_drop(worker, conn);
		}
		conn = next;
	}
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
			drive(worker, conn);
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
