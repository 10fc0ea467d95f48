/* SPDX-License-Identifier: MIT */
/*
 * One accept per address: multishot, a completion per connection, while there is room.
 *
 * Called by worker. A multishot accept takes the whole queue of a listener at once, before
 * anything could stop it; so it is armed only while the table has room for full queues. With
 * less room connections are taken one by one, as many as there are free slots, and with none
 * they wait in the kernel's queue until a sixteenth of the table is free. When descriptors run
 * out (EMFILE, ENFILE, ENOMEM) it is tried again after a pause, so that the loop does not spin.
 */
#include "serve/accept.h"

#include <errno.h>
#include <unistd.h>

#include "base/check.h"
#include "io/op.h"

#define RETRY_MS 100

static uint32_t free_slots(const struct worker *worker)
{
	return worker->conns.capacity - worker->conns.open;
}

/* Is there room for all connections that the listeners may have queued? */
static bool has_room_for_queues(const struct worker *worker)
{
	return free_slots(worker) >= worker->config->backlog * worker->accept_count;
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

static void take(struct worker *worker, int fd)
{
	struct conn *conn = worker->stopping ? NULL : conn_open(worker, fd);

	if (conn && worker->draining)
		worker_set_deadline(worker, conn, DRAIN_GRACE_MS);
	if (!conn) {
		/* No time, or in a drain no slot. */
		stats_add(&worker->stats, COUNTER_connections_refused, 1);
		ring_submit_close_socket(worker->ring, fd);
	}
}

/* What the listener has queued, as far as there are slots. */
static void take_queued(struct worker *worker, const struct accept *accept)
{
	int fd;

	while (free_slots(worker) > 0 && (fd = ring_accept_now(worker->ring, *accept->fd)) >= 0)
		take(worker, fd);
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

/* The listener's queue holds connections whose clients believe themselves connected. */
static void take_queued_and_close(struct worker *worker, struct accept *accept)
{
	take_queued(worker, accept);
	if (!accept->is_shared) {
		ring_submit_close(worker->ring, *accept->fd);
		*accept->fd = -1;
	}
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
	if (result >= 0)
		take_queued(worker, accept);
	if (free_slots(worker) == 0) {
		worker->accept_paused = true;
		return;
	}
	if (result == -EMFILE || result == -ENFILE || result == -ENOBUFS || result == -ENOMEM) {
		stats_add(&worker->stats, COUNTER_connections_refused, 1);
		worker->accept_retry_ms = worker->clock.monotonic_ms + RETRY_MS;
		return;
	}
	/* Anything else concerns one connection (ECONNABORTED), or is the end of a multishot. */
	arm(worker, op_index(completion->tag));
}

void accept_resume(struct worker *worker)
{
	const struct conn_table *table = &worker->conns;

	worker->accept_retry_ms = 0;
	if (worker->draining)
		return;
	if (worker->accept_paused && table->open >= table->capacity - table->capacity / 16)
		return;
	worker->accept_paused = false;
	accept_start(worker);
}

void accept_drain(struct worker *worker)
{
	for (unsigned i = 0; i < worker->accept_count; i++) {
		struct accept *accept = &worker->accepts[i];

		accept->draining = true;
		if (accept->armed)
			ring_submit_cancel(worker->ring, op_tag(OP_ACCEPT, 0, i));
		else if (*accept->fd >= 0)
			take_queued_and_close(worker, accept);
	}
}
