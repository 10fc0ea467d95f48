/* SPDX-License-Identifier: MIT */
/*
 * Queues answers, flushes them once per turn, and settles them after the wait.
 *
 * Called by receive (send_answer), worker (flush, settle) and conn (drop). What does not leave in the one
 * quiet send of its turn goes on in send_drive.c. No memory is in the kernel's hands outside of ring_wait(),
 * so an asset's date may be patched in place between two turns. The one hard thing follows from it: a send
 * that stopped inside a date must not go on with a later one, so the rest of that date is copied before it
 * can change.
 */
#include "serve/send.h"

#include <errno.h>

#include "base/check.h"
#include "base/mem.h"
#include "io/op.h"
#include "serve/body_file.h"
#include "serve/flight.h"
#include "serve/parts.h"
#include "serve/send_drive.h"
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
	if (!answer->keep_alive && !asset->closes)
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
	/* The deadline that the request has met may pass in this very turn. */
	if (conn->close_after || conn->state == CONN_SENDING)
		worker_set_deadline(worker, conn, worker->config->send_time);
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
	send_yield(worker, conn);
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

void send_yield(struct worker *worker, struct conn *conn)
{
	conn_set_state(conn, CONN_SENDING);
	worker_set_deadline(worker, conn, worker->config->send_time);
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
				send_drive(worker, conn);
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
			send_drive_short(worker, conn);
		} else {
			stats_add(&worker->stats, COUNTER_bytes_sent, out_size(conn));
			send_drop(worker, conn);
		}
		conn = next;
	}
}
