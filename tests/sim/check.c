/* SPDX-License-Identifier: MIT */
/*
 * Invariants of the worker; see check.h.
 *
 * Called by the engine in each wait. Reads only. Each rule is a sentence that is printed when it is broken.
 */
#include "check.h"

#include "client.h"
#include "descriptors.h"
#include "engine.h"
#include "model.h"
#include "serve/worker.h"
#include "session.h"
#include "world.h"

/* How far ahead the longest deadline of any option is (options.c), in milliseconds. */
#define DEADLINE_MAX 65000

#define rule(condition, conn, text)                                                                          \
	world_check(condition, "connection %u (state %u): %s", (conn)->index, (conn)->state, text)

static void check_operations(const struct conn *conn)
{
	rule(conn->recv_armed == engine_has(OP_RECV, conn->generation, conn->index), conn,
	     "recv_armed is not what the kernel knows");
	rule(conn->writable_armed == engine_has(OP_WRITABLE, conn->generation, conn->index), conn,
	     "writable_armed is not what the kernel knows");
	rule(conn->warming == engine_has(OP_WARM, conn->generation, conn->index), conn,
	     "warming is not what the kernel knows");
}

static bool is_in_list(const struct conn *conn)
{
	const struct conn *at = conn->wait ? *conn->wait : NULL;

	while (at && at != conn)
		at = at->next_waiting;
	return at != NULL;
}

static void check_state(const struct conn *conn)
{
	bool hears = conn->recv_armed || conn->peer_ended;

	switch ((enum conn_state)conn->state) {
	case CONN_READING:
		rule(hears, conn, "reads, but no receive is armed");
		rule(conn->queued || (!conn->out && !conn->flight), conn, "has output, but is not queued");
		rule(!conn->peer_ended || conn->queued, conn,
		     "the peer has ended, and nothing is left to do");
		rule(!conn->file && !conn->parts, conn, "reads while a body is being sent");
		break;
	case CONN_RESOLVING:
		rule(hears || conn->recv_paused, conn, "waits, but no receive is armed");
		rule(is_in_list(conn), conn, "waits in no list");
		rule(conn->stash_size > 0, conn, "waits, and its request is gone");
		break;
	case CONN_SENDING:
		rule(hears || conn->recv_paused, conn, "sends, but no receive is armed");
		rule(conn->ready || conn->queued || conn->writable_armed || conn->starved ||
			     conn->zero_copying,
		     conn, "sends, but nothing will wake it");
		break;
	case CONN_LINGERING:
		rule(conn->recv_armed, conn, "lingers, but no receive is armed");
		break;
	case CONN_CLOSING:
		rule(conn->recv_armed || conn->writable_armed || conn->warming || conn->zero_copying ||
			     conn->queued || conn->ready,
		     conn, "closes, but nothing holds it");
		rule(!conn->stash, conn, "closes with a stash");
		break;
	case CONN_FREE:
		break;
	}
}

static void check_timer(const struct conn *conn, uint64_t timeout_ms)
{
	const struct timer *timer = &conn->timer;
	uint64_t now_ms = world.now_ms;

	if (conn->state == CONN_CLOSING || conn->state == CONN_FREE) {
		rule(!timer->link, conn, "has a deadline that nobody waits for");
		return;
	}
	rule(timer->link, conn, "has no deadline");
	rule(timer->deadline_ms <= now_ms + DEADLINE_MAX, conn, "its deadline is too far away");
	rule(timer->deadline_ms + TIMER_TICK_MS >= now_ms, conn, "its deadline has passed");
	if (timeout_ms != RING_FOREVER && timer->deadline_ms + 2 * TIMER_TICK_MS >= now_ms + timeout_ms)
		return;
	rule(false, conn, "the wait is longer than its deadline");
}

static void check_conn(const struct conn *conn, uint64_t timeout_ms)
{
	struct client *client;

	if (conn->state == CONN_FREE)
		return;
	client = descriptors_get(conn->fd, DESCRIPTOR_SOCKET, "a connection's use")->object;
	world_check(client->state == CLIENT_OPEN, "connection %u is of a client that is closed", conn->index);
	if (conn->state == CONN_CLOSING)
		model_closing(client);
	check_operations(conn);
	check_state(conn);
	check_timer(conn, timeout_ms);
}

static void check_accepts(const struct worker *worker)
{
	for (unsigned i = 0; i < worker->accept_count; i++) {
		const struct accept *accept = &worker->accepts[i];

		world_check(accept->armed == engine_has(OP_ACCEPT, 0, i),
			    "accept %u: armed is not what the kernel knows", i);
		world_check(worker->draining || accept->armed || worker->accept_paused ||
				    worker->accept_retry_ms > 0,
			    "accept %u: nothing is armed, and nothing will arm it", i);
	}
}

void check_before(uint64_t timeout_ms)
{
	const struct worker *worker = session_worker();
	uint32_t open = 0;

	engine_check_buffers();
	for (uint32_t i = 0; i < worker->conns.touched; i++) {
		check_conn(&worker->conns.conn[i], timeout_ms);
		open += worker->conns.conn[i].state != CONN_FREE;
	}
	world_check(open == worker->conns.open, "%u connections are open, %u are counted", open,
		    worker->conns.open);
	world_check(worker->conns.touched == open + worker->conns.free_count, "a slot of the table is lost");
	if (!worker->draining)
		check_accepts(worker);
	check_assets(worker);
}

void check_after(void)
{
	const struct worker *worker = session_worker();
	uint32_t open = 0;
	const struct client *client;

	for (unsigned i = 0; (client = session_client(i)); i++)
		open += client->state == CLIENT_OPEN;
	world_check(open == worker->conns.open, "%u sockets are open for %u connections", open,
		    worker->conns.open);
}
