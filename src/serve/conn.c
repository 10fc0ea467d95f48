/* SPDX-License-Identifier: MIT */
/*
 * The life of a connection: slot, state, deadlines, close.
 *
 * Called by worker (accept, timers), receive and send. The hard thing is closing: the kernel
 * may still hold a receive, a poll or a file read of this socket, so conn_close() only ends
 * those, and the slot and the descriptor are given back when the last completion has come.
 * Whatever completes later finds another generation and is dropped.
 */
#include "serve/conn.h"

#include <sys/socket.h>

#include "base/check.h"
#include "base/mem.h"
#include "io/op.h"
#include "serve/address.h"
#include "serve/parts.h"
#include "serve/receive.h"
#include "serve/send.h"
#include "serve/worker.h"

bool conn_table_init(struct conn_table *table, uint32_t limit, uint32_t spare)
{
	uint32_t capacity = limit + spare;

	memset(table, 0, sizeof(*table));
	table->conn = mem_reserve(capacity * sizeof(*table->conn));
	table->free = mem_reserve(capacity * sizeof(*table->free));
	table->capacity = capacity;
	table->limit = limit;
	if (table->conn && table->free)
		return true;
	conn_table_deinit(table);
	return false;
}

void conn_table_deinit(struct conn_table *table)
{
	mem_unreserve(table->conn, table->capacity * sizeof(*table->conn));
	mem_unreserve(table->free, table->capacity * sizeof(*table->free));
	memset(table, 0, sizeof(*table));
}

static struct conn *take_slot(struct conn_table *table)
{
	uint32_t index;

	if (table->free_count > 0)
		index = table->free[--table->free_count];
	else if (table->touched < table->capacity)
		index = table->touched++;
	else
		return NULL;
	table->open++;
	return &table->conn[index];
}

struct conn *conn_open(struct worker *worker, int fd)
{
	struct conn_table *table = &worker->conns;
	struct conn *conn = take_slot(table);
	uint32_t generation;

	if (!conn)
		return NULL;
	generation = conn->generation;
	memset(conn, 0, sizeof(*conn));
	conn->fd = fd;
	conn->index = (uint32_t)(conn - table->conn);
	conn->generation = generation;
	conn_set_state(conn, CONN_READING);
	worker_set_deadline(worker, conn, worker->config->head_time);
	conn_arm_recv(worker, conn);
	stats_add(&worker->stats, COUNTER_connections_accepted, 1);
	stats_add(&worker->stats, COUNTER_connections_open, 1);
	return conn;
}

void conn_set_state(struct conn *conn, enum conn_state state)
{
	/* What may follow what; a row per state we are in, a bit per state we go to. */
	static const uint8_t allowed[] = {
		[CONN_FREE] = 1 << CONN_READING,
		[CONN_READING] =
			1 << CONN_RESOLVING | 1 << CONN_SENDING | 1 << CONN_LINGERING | 1 << CONN_CLOSING,
		[CONN_RESOLVING] = 1 << CONN_READING | 1 << CONN_CLOSING,
		[CONN_SENDING] = 1 << CONN_READING | 1 << CONN_LINGERING | 1 << CONN_CLOSING,
		[CONN_LINGERING] = 1 << CONN_CLOSING,
		[CONN_CLOSING] = 1 << CONN_FREE,
	};

	check(allowed[conn->state] & 1 << state);
	conn->state = (uint8_t)state;
}

void conn_arm_recv(struct worker *worker, struct conn *conn)
{
	check(!conn->recv_armed && !conn->peer_ended);
	conn->recv_armed = true;
	conn->recv_paused = false;
	ring_submit_recv(worker->ring, op_tag(OP_RECV, conn->generation, conn->index), conn->fd);
}

void conn_arm_writable(struct worker *worker, struct conn *conn)
{
	if (conn->writable_armed)
		return;
	conn->writable_armed = true;
	/* Once the peer has ended, and that may go unseen while nothing is received. */
	if (conn->peer_ended || !conn->recv_armed || conn->recv_paused)
		ring_submit_writable_edges(worker->ring, op_tag(OP_WRITABLE, conn->generation, conn->index),
					   conn->fd);
	else
		ring_submit_writable(worker->ring, op_tag(OP_WRITABLE, conn->generation, conn->index),
				     conn->fd);
}

void conn_wait(struct worker *worker, struct conn *conn, struct conn **list)
{
	conn->reloads = worker->reloads;
	conn->wait = list;
	conn->next_waiting = *list;
	*list = conn;
	conn_set_state(conn, CONN_RESOLVING);
	worker_set_deadline(worker, conn, worker->config->send_time);
}

/* It waits no longer. */
static void leave(struct conn *conn)
{
	struct conn **link = conn->wait;

	if (!link)
		return; /* its turn has come: it is out of the list already */
	while (*link != conn)
		link = &(*link)->next_waiting;
	*link = conn->next_waiting;
	conn->wait = NULL;
	conn->next_waiting = NULL;
}

void conn_close(struct worker *worker, struct conn *conn)
{
	if (conn->state == CONN_CLOSING)
		return;
	if (conn->state == CONN_RESOLVING)
		leave(conn);
	conn_set_state(conn, CONN_CLOSING);
	timer_stop(&worker->wheel, &conn->timer);
	receive_drop(worker, conn);
	send_drop(worker, conn);
	if (conn->recv_armed)
		ring_submit_cancel(worker->ring, op_tag(OP_RECV, conn->generation, conn->index));
	if (conn->writable_armed)
		ring_submit_cancel(worker->ring, op_tag(OP_WRITABLE, conn->generation, conn->index));
	/* Freed by the flush at the earliest, so that no caller holds a connection that is gone. */
	send_queue(worker, conn);
}

void conn_settle_close(struct worker *worker, struct conn *conn)
{
	struct conn_table *table = &worker->conns;

	if (conn->state != CONN_CLOSING || conn->recv_armed || conn->writable_armed || conn->warming ||
	    conn->zero_copying || conn->queued || conn->ready)
		return;
	send_drop_file(worker, conn);
	parts_drop(worker, conn);
	ring_submit_close_socket(worker->ring, conn->fd);
	conn_set_state(conn, CONN_FREE);
	if (conn->address != ADDRESS_NONE)
		address_leave(worker->addresses, conn->address);
	if (conn->turned_away)
		worker->turning_away--;
	conn->generation = (conn->generation + 1) & OP_GENERATION_MASK;
	check(table->open > 0);
	table->open--;
	table->free[table->free_count++] = conn->index;
	stats_add(&worker->stats, COUNTER_connections_open, (uint64_t)-1);
	worker_on_slot_free(worker);
}

void conn_linger(struct worker *worker, struct conn *conn)
{
	/*
	 * Closing while the peer still sends would answer it with a reset, and a reset can
	 * destroy the answer on its way (RFC 9112 9.6). So: half-close, and read until the end.
	 */
	if (conn->peer_ended || worker->config->linger_time == 0 ||
	    ring_shut_down(worker->ring, conn->fd) < 0) {
		conn_close(worker, conn);
		return;
	}
	conn_set_state(conn, CONN_LINGERING);
	receive_drop(worker, conn);
	worker_set_deadline(worker, conn, worker->config->linger_time);
	if (!conn->recv_armed)
		conn_arm_recv(worker, conn);
}

/*
 * What it waits for does not come, or there is no memory to go on: 503, where that can still be said. The
 * head of the request lies at the front of the stash, if anywhere.
 */
void conn_exhausted(struct worker *worker, struct conn *conn)
{
	bool is_head = conn->stash_size >= 5 && memcmp(conn->stash, "HEAD ", 5) == 0;

	if (conn->state == CONN_RESOLVING) {
		leave(conn);
		conn_set_state(conn, CONN_READING);
	}
	if (conn->state == CONN_READING && !conn->close_after && send_has_room(conn))
		receive_refuse(worker, conn, is_head ? METHOD_HEAD : METHOD_COUNT, 503);
	else
		conn_close(worker, conn);
}

/* Nothing for too long: where a request has begun its client is told. */
static void end_reading(struct worker *worker, struct conn *conn)
{
	bool has_begun = conn->stash_size > 0 || conn->body_active;
	enum counter_id reason = conn->body_active ? COUNTER_timeouts_body
				 : has_begun       ? COUNTER_timeouts_head
						   : COUNTER_timeouts_idle;

	if (conn->queued) {
		/* Something came in the last moment: what it is answered leaves first. */
		worker_set_deadline(worker, conn, 1);
		return;
	}
	stats_add(&worker->stats, reason, 1);
	if (has_begun)
		receive_refuse(worker, conn, conn->body_active ? conn->body_method : METHOD_COUNT, 408);
	else
		conn_close(worker, conn);
}

void conn_on_timer(struct worker *worker, struct conn *conn)
{
	switch ((enum conn_state)conn->state) {
	case CONN_READING:
		end_reading(worker, conn);
		break;
	case CONN_RESOLVING:
		stats_add(&worker->stats, COUNTER_timeouts_wait, 1);
		conn_exhausted(worker, conn);
		break;
	case CONN_SENDING:
		send_on_timer(worker, conn);
		break;
	case CONN_LINGERING:
		conn_close(worker, conn);
		break;
	case CONN_FREE:
	case CONN_CLOSING:
		check(!"a timer of a connection that is gone");
	}
}

void conn_turn_away(struct worker *worker, struct conn *conn)
{
	conn->turned_away = true;
	worker->turning_away++;
	receive_refuse(worker, conn, METHOD_COUNT, 429);
}

bool conn_is_idle(const struct conn *conn)
{
	return conn->state == CONN_READING && conn->stash_size == 0 && !conn->queued && !conn->ready;
}
