/* SPDX-License-Identifier: MIT */
/*
 * One accept per address: multishot, a completion per connection, while there is room.
 *
 * Called by worker. A multishot accept takes the whole queue of a listener at once, before
 * anything could stop it; so it is armed only while the table has room for full queues. With
 * less room connections are taken one by one, as many as there are free slots, and with none
 * they wait in the kernel's queue until --accept-low per cent of the table are in use. When descriptors
 * run out (EMFILE, ENFILE, ENOMEM) it is tried again after --accept-pause, so that the loop does not spin.
 * One too many of its address is told so in a slot of its own, which few may have at a time.
 */
#include "serve/accept.h"

#include <errno.h>
#include <unistd.h>

#include "base/check.h"
#include "io/op.h"
#include "serve/address.h"

/* Connections that are answered 429 at the same time, or a sixteenth of a smaller table. */
#define TURNED_AWAY_MAX 256

static uint32_t free_slots(const struct worker *worker)
{
	const struct conn_table *table = &worker->conns;

	return table->open < table->limit ? table->limit - table->open : 0;
}

/* Is there room for all connections that the listeners may have queued? */
static bool has_room_for_queues(const struct worker *worker)
{
	/* A queue holds one more than its backlog (listen(2): the kernel compares with "greater"). */
	return free_slots(worker) >= (worker->config->backlog + 1) * worker->accept_count;
}

static void arm(struct worker *worker, unsigned index)
{
	struct accept *accept = &worker->accepts[index];
	uint64_t tag = op_tag(OP_ACCEPT, 0, index);

	if (accept->armed || *accept->fd < 0)
		return;
	accept->armed = true;
	accept->cancelled = false;
	accept->is_multishot = has_room_for_queues(worker);
	if (accept->is_multishot)
		ring_submit_accept(worker->ring, tag, *accept->fd);
	else
		ring_submit_accept_one(worker->ring, tag, *accept->fd);
}

void accept_start(struct worker *worker)
{
	for (unsigned i = 0; i < worker->accept_count; i++)
		arm(worker, i);
}

static void refuse(struct worker *worker, int fd, enum counter_id reason)
{
	stats_add(&worker->stats, reason, 1);
	ring_submit_close_socket(worker->ring, fd);
}

/* The connection's place in the table of addresses; ADDRESS_NONE where it does not count. */
static uint32_t enter_address(struct worker *worker, int fd)
{
	struct sockaddr_storage peer;

	/* One that has gone already is found out by its first receive. */
	if (!worker->addresses || ring_address(worker->ring, fd, true, &peer) < 0)
		return ADDRESS_NONE;
	return address_enter(worker->addresses, &peer);
}

/* As many as may be told at a time that they are too many: more would take the others' slots. */
static uint32_t turned_away_max(const struct worker *worker)
{
	uint32_t share = worker->conns.limit / 16 + 1;

	return share < TURNED_AWAY_MAX ? share : TURNED_AWAY_MAX;
}

static void take(struct worker *worker, int fd)
{
	uint32_t address = enter_address(worker, fd);
	struct conn *conn;

	if (address == ADDRESS_FULL && worker->turning_away >= turned_away_max(worker)) {
		refuse(worker, fd, COUNTER_connections_dropped);
		return;
	}
	conn = worker->stopping ? NULL : conn_open(worker, fd);
	if (!conn) {
		/* It ends, or far more came at once than a queue holds. */
		if (address != ADDRESS_NONE && address != ADDRESS_FULL)
			address_leave(worker->addresses, address);
		refuse(worker, fd, COUNTER_connections_refused);
		return;
	}
	if (worker->draining)
		worker_set_deadline(worker, conn, worker->config->drain_grace);
	if (address == ADDRESS_FULL)
		conn_turn_away(worker, conn);
	else
		conn->address = address;
}

/* What the listener has queued, as far as there are slots: 0, or -errno of what ended it. */
static int take_queued(struct worker *worker, const struct accept *accept)
{
	while (free_slots(worker) > 0) {
		int fd = ring_accept_now(worker->ring, *accept->fd);

		if (fd < 0)
			return fd;
		take(worker, fd);
	}
	return 0;
}

/* Descriptors or memory have run out: try again after a pause. */
static bool has_run_out(struct worker *worker, int result)
{
	if (result != -EMFILE && result != -ENFILE && result != -ENOBUFS && result != -ENOMEM)
		return false;
	stats_add(&worker->stats, COUNTER_accept_failures, 1);
	worker->accept_retry_ms = worker->clock.monotonic_ms + worker->config->accept_pause;
	return true;
}

/* The room has become short: no operation may take more than there is. */
static void restrain(struct worker *worker)
{
	if (has_room_for_queues(worker))
		return;
	for (unsigned i = 0; i < worker->accept_count; i++) {
		struct accept *accept = &worker->accepts[i];

		if (!accept->armed || accept->cancelled || (!accept->is_multishot && free_slots(worker) > 0))
			continue;
		accept->cancelled = true;
		ring_submit_cancel(worker->ring, op_tag(OP_ACCEPT, 0, i));
	}
}

/*
 * The listener's queue holds connections whose clients believe themselves connected; those that find no slot
 * wait for one. What others listen with, too, they have: but the kernel may have meant this worker
 * when it woke nobody else for a connection, so that is asked for once more.
 */
static void take_queued_and_close(struct worker *worker, struct accept *accept)
{
	int result = take_queued(worker, accept);

	if (!worker->stopping && has_run_out(worker, result))
		return;
	if (free_slots(worker) == 0 && !worker->stopping) {
		worker->accept_paused = true;
		return;
	}
	accept->ended = true;
	if (!accept->listener->is_shared && !accept->listener->is_lent) {
		ring_submit_close(worker->ring, *accept->fd);
		*accept->fd = -1;
	}
}

static void end(struct worker *worker, unsigned index)
{
	struct accept *accept = &worker->accepts[index];

	if (accept->armed && !accept->draining)
		ring_submit_cancel(worker->ring, op_tag(OP_ACCEPT, 0, index));
	accept->draining = true;
	if (!accept->armed && !accept->ended)
		take_queued_and_close(worker, accept);
}

void accept_on_accept(struct worker *worker, const struct completion *completion)
{
	struct accept *accept = &worker->accepts[op_index(completion->tag)];
	int result = completion->result;

	if (result >= 0)
		take(worker, result);
	restrain(worker);
	if (completion->flags & COMPLETION_MORE)
		return;
	accept->armed = false;
	if (accept->draining) {
		take_queued_and_close(worker, accept);
		return;
	}
	if (result == -EINVAL)
		return; /* a unix socket that was shut: the command to drain is on its way */
	if (result >= 0)
		take_queued(worker, accept);
	if (free_slots(worker) == 0) {
		stats_add(&worker->stats, COUNTER_accept_pauses, !worker->accept_paused);
		worker->accept_paused = true;
		return;
	}
	if (has_run_out(worker, result))
		return;
	/* Anything else concerns one connection (ECONNABORTED), or is the end of a multishot. */
	arm(worker, op_index(completion->tag));
}

/* Where accepting goes on that has paused with a full table. */
static uint32_t low_mark(const struct worker *worker)
{
	uint32_t limit = worker->conns.limit;
	uint32_t low = (uint32_t)(limit * worker->config->accept_low / 100);

	return low < limit ? low : limit - 1;
}

void accept_resume(struct worker *worker)
{
	worker->accept_retry_ms = 0;
	if (worker->accept_paused && !worker->draining && worker->conns.open > low_mark(worker))
		return;
	worker->accept_paused = false;
	for (unsigned i = 0; i < worker->accept_count; i++) {
		if (worker->accepts[i].draining)
			end(worker, i);
		else
			arm(worker, i);
	}
}

void accept_drain(struct worker *worker, uint64_t hold_ms)
{
	worker->accept_end_ms = 0;
	for (unsigned i = 0; i < worker->accept_count; i++) {
		const struct listener *listener = worker->accepts[i].listener;

		/* Only a handshake takes time, and who listens elsewhere, too, is met there. */
		if (hold_ms == 0 || listener->is_lent || listener->address.address.ss_family == AF_UNIX)
			end(worker, i);
		else
			worker->accept_end_ms = worker->clock.monotonic_ms + hold_ms;
	}
}
